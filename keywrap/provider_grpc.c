#define _GNU_SOURCE 1
#include "keywrap/provider_grpc.h"

#include "common/sigpipe.h"
#include "config.h"
#include "keywrap/grpc.h"
#include "keywrap/http2.h"
#include "keywrap/rpc_code.h"
#include "keywrap/ttrpc.h"
#include "keywrap/wire.h"
#include "keywrap/wire_address.h"

#include <stdio.h>

#define HEADERS_MAX ((size_t)16 * 1024) /* all of them, interim answers and trailers included */
#define RECEIVED_MAX (4 * PROVIDER_MESSAGE_MAX) /* however it is cut into frames */
#define NO_CODE (-1)
#define SAME_TIME_MS 100

/* One call. */
struct call {
	struct http2 http2; /* first: http2.h */
	struct http2_body request;
	struct grpc_body body;
	int32_t stream;
	bool ended; /* the peer has said all, or the stream is no more */
	uint32_t reset; /* NGHTTP2_NO_ERROR, or how it ended */
	size_t header_bytes;
	size_t received;
	long http_status;
	bool is_grpc;
	int64_t code;
	char text[GRPC_TEXT_MAX];
	size_t text_len;
	enum err e; /* what a callback met */
	struct errmsg why;
};

static long number_read(struct bytes text)
{
	long value = 0;
	if (text.len == 0 || text.len > 9)
		return NO_CODE;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return NO_CODE;
		value = value * 10 + (text.data[i] - '0');
	}
	return value;
}

static int header_take(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		       const uint8_t *value, size_t len, uint8_t flags, void *user)
{
	struct call *c = user;
	struct bytes text = { value, len };
	(void)session;
	(void)flags;
	c->header_bytes += name_len + len + 32; /* RFC 9113 6.5.2 */
	if (c->header_bytes > HEADERS_MAX) {
		c->e = err_set(&c->why, ERR_LIMIT, "it sent more than %zu bytes of headers", HEADERS_MAX);
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	if (frame->hd.stream_id != c->stream)
		return 0;
	if (http2_is(name, name_len, ":status"))
		c->http_status = number_read(text);
	else if (http2_is(name, name_len, "content-type"))
		c->is_grpc = len >= strlen(GRPC_TYPE) && memcmp(value, GRPC_TYPE, strlen(GRPC_TYPE)) == 0;
	else if (http2_is(name, name_len, "grpc-status"))
		c->code = number_read(text);
	else if (http2_is(name, name_len, "grpc-message"))
		c->text_len = grpc_text_decode(text, c->text);
	return 0;
}

static int data_take(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t len,
		     void *user)
{
	struct call *c = user;
	(void)session;
	(void)flags;
	if (stream != c->stream)
		return 0;
	c->e = grpc_body_take(&c->body, (struct bytes){ data, len }, &c->why);
	return c->e == OK ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int frame_end(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct call *c = user;
	(void)session;
	if (frame->hd.stream_id == c->stream && c->stream && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
	    (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
		c->ended = true;
	return 0;
}

static int stream_end(nghttp2_session *session, int32_t stream, uint32_t error, void *user)
{
	struct call *c = user;
	(void)session;
	if (stream != c->stream || c->ended)
		return 0;
	c->ended = true;
	c->reset = error;
	return 0;
}

static enum err session_begin(struct call *c, struct errmsg *em)
{
	static const nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
							   { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADERS_MAX } };
	nghttp2_session_callbacks *callbacks = http2_callbacks();
	nghttp2_option *option = http2_options();
	int error = NGHTTP2_ERR_NOMEM;
	if (callbacks && option) {
		nghttp2_session_callbacks_set_on_header_callback(callbacks, header_take);
		nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_take);
		nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_end);
		nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_end);
		error = nghttp2_session_client_new2(&c->http2.session, callbacks, c, option);
	}
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	if (error == 0)
		error = nghttp2_submit_settings(c->http2.session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
	return error == 0 ? OK : err_nomem(em, "HTTP/2");
}

static enum err request_submit(struct call *c, const struct provider_grpc_call *call, struct deadline until,
			       struct errmsg *em)
{
	char timeout[GRPC_TIMEOUT_MAX];
	const char *host = strncmp(call->address, "unix:", 5) == 0 ? "localhost" : call->address;
	const char *slash = strrchr(host, '/');
	const char *path = call->op == PROVIDER_WRAP ? GRPC_PATH_PREFIX "WrapKey" : GRPC_PATH_PREFIX "UnWrapKey";
	grpc_timeout_write(deadline_left_ms(until), timeout);
	const nghttp2_nv headers[] = {
		http2_header(":method", bytes_str("POST")),
		http2_header(":scheme", bytes_str(call->tls ? "https" : "http")),
		http2_header(":path", bytes_str(path)),
		http2_header(":authority", bytes_str(slash ? slash + 1 : host)),
		http2_header("te", bytes_str("trailers")),
		http2_header("grpc-timeout", bytes_str(timeout)),
		http2_header("content-type", bytes_str(GRPC_TYPE)),
		http2_header("user-agent", bytes_str(PACKAGE_NAME "/" PACKAGE_VERSION)),
	};
	enum err e = grpc_frame(call->request, &c->request.data, em);
	if (e != OK)
		return e;
	nghttp2_data_provider provider = http2_provider(&c->request);
	c->stream = nghttp2_submit_request(c->http2.session, NULL, headers, ARRAY_LEN(headers), &provider, NULL);
	return c->stream > 0 ? OK : err_nomem(em, "HTTP/2");
}

/* What there is to send, as far as the socket takes it. */
static enum err output_send(struct call *c, struct wire *wire, struct errmsg *em)
{
	for (;;) {
		size_t n = 0;
		enum err e = http2_output(&c->http2, em);
		struct bytes out = outbox_bytes(&c->http2.out);
		if (e != OK || out.len == 0)
			return e;
		e = wire_write(wire, out, &n, em);
		if (e != OK || n == 0)
			return e;
		outbox_sent(&c->http2.out, n);
	}
}

/* Reads once; *n == 0: there was nothing. */
static enum err input_take(struct call *c, struct wire *wire, struct secret *room, size_t *n)
{
	c->e = wire_read(wire, (struct wire_room){ secret_data(room), secret_len(room) }, n, &c->why);
	c->received += *n;
	if (c->e == OK && c->received > RECEIVED_MAX)
		c->e = err_set(&c->why, ERR_LIMIT, "it sent more than %zu bytes", RECEIVED_MAX);
	if (c->e == OK && *n > 0) {
		struct errmsg why = { "" };
		enum err e = http2_input(&c->http2, (struct bytes){ secret_data(room), *n }, &why);
		if (c->e == OK && e != OK) { /* else a callback knows better */
			c->e = e;
			c->why = why;
		}
	}
	return c->e;
}

static enum err call_talk(struct call *c, struct wire *wire, struct deadline until, struct errmsg *em)
{
	AUTO(secret) *room = NULL;
	enum err e = secret_new(HTTP2_INPUT, &room, em);
	while (e == OK && !c->ended) {
		size_t n = 0;
		enum err sent = output_send(c, wire, em);
		short writes = outbox_bytes(&c->http2.out).len ? wire->events : 0;
		if (!nghttp2_session_want_read(c->http2.session))
			return err_set(em, ERR_PROTO, "what it says is not HTTP/2");
		/* Where it takes no more, an answer to half a request may lie there, or why it closed. */
		if (input_take(c, wire, room, &n) != OK && !c->ended)
			return sent != OK && c->e == ERR_NET ? sent : err_set(em, c->e, "%s", c->why.text);
		if (c->ended || n > 0)
			continue;
		if (sent != OK)
			return sent;
		wire->events |= writes;
		e = wire_wait(wire, until, em);
	}
	return e;
}

/* RFC 9113 and gRPC's "HTTP to gRPC Status Code Mapping". */
static enum err call_judge(const struct call *c, struct deadline until, struct bytes *message, struct errmsg *em)
{
	if (c->code > 0)
		return rpc_failed(c->code, (struct bytes){ (const uint8_t *)c->text, c->text_len }, em);
	if (c->reset == NGHTTP2_REFUSED_STREAM)
		return err_set(em, ERR_NET, "it takes no further calls");
	/* Both sides look at the same time limit. */
	if (c->reset == NGHTTP2_CANCEL && deadline_left_ms(until) < SAME_TIME_MS)
		return err_set(em, ERR_TIMEOUT, "no answer in time");
	if (c->reset != NGHTTP2_NO_ERROR)
		return err_set(em, ERR_PROTO, "it ended the call: %s", nghttp2_http2_strerror(c->reset));
	if (c->http_status != 200)
		return err_set(em, c->http_status == 503 || c->http_status == 429 ? ERR_NET : ERR_PROTO,
			       "it answered HTTP status %ld", c->http_status);
	if (!c->is_grpc)
		return err_set(em, ERR_PROTO, "its answer is not of the type " GRPC_TYPE);
	if (c->code != RPC_OK)
		return err_set(em, ERR_PROTO, "its answer has no status");
	return grpc_body_end(&c->body, message, em);
}

static enum err call_run(struct call *c, const struct provider_grpc_call *call, struct wire *wire,
			 struct deadline until, struct errmsg *em)
{
	bool done = false;
	enum err e = OK;
	while (e == OK && !done) {
		e = wire_handshake(wire, &done, em);
		if (e == OK && !done)
			e = wire_wait(wire, until, em);
	}
	if (e == OK)
		e = session_begin(c, em);
	if (e == OK)
		e = request_submit(c, call, until, em);
	return e == OK ? call_talk(c, wire, until, em) : e;
}

static enum err wire_open(const struct provider_grpc_call *call, struct deadline until, struct wire *out,
			  struct errmsg *em)
{
	struct wire_address address;
	AUTO_OF(SSL_CTX) *tls = NULL;
	int fd = -1;
	enum err e = wire_address_parse(call->address, &address, em);
	if (e == OK && call->tls)
		e = wire_tls_new(call->tls, &tls, em);
	if (e == OK)
		e = wire_connect(&address, until, &fd, em);
	const char *host = call->server_name ? call->server_name : address.local ? "localhost" : address.host;
	return e == OK ? wire_client(out, fd, tls, host, em) : e;
}

enum err provider_grpc_run(const struct provider_grpc_call *call, struct deadline until, struct secret **answer,
			   struct errmsg *em)
{
	AUTO_WIRE wire = { .fd = -1 };
	struct call c = { .code = NO_CODE };
	struct bytes message = { 0 };
	struct bytes octets = { 0 };
	struct sigpipe_guard pipe = sigpipe_block();
	enum err e = wire_open(call, until, &wire, em);
	if (e == OK)
		e = call_run(&c, call, &wire, until, em);
	if (e == OK)
		e = call_judge(&c, until, &message, em);
	if (e == OK)
		e = ttrpc_bytes_read(message, &octets, em);
	if (e == OK)
		e = secret_copy(octets, answer, em);
	http2_clear(&c.http2);
	grpc_body_clear(&c.body);
	secret_free(c.request.data);
	wire_clear(&wire);
	sigpipe_unblock(&pipe);
	return e;
}
