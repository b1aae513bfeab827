#include "keywrap/grpc.h"
#include "keywrap/http2.h"
#include "keywrap/provider_peer.h"
#include "keywrap/rpc_code.h"
#include "keywrap/ttrpc.h"

#include <stddef.h>
#include <stdio.h>

/* The server's side of gRPC. */

#define HEADERS_MAX ((size_t)8 * 1024) /* of one request */
#define BODIES_MAX (4 * PROVIDER_MESSAGE_MAX) /* of one connection, as they come in */
#define OUTSTANDING_MAX (2 * PEER_REQUESTS_MAX) /* jobs, also those whose caller gave up */
#define PREFACE_MS 10000

enum phase { RECEIVING, WORKING, SENDING };

struct stream {
	struct stream *next;
	int32_t id;
	enum phase phase;
	struct deadline until;
	bool whole; /* the request */
	/* What its headers say. */
	size_t header_bytes;
	int64_t timeout_ms; /* 0: none */
	bool post, has_method, has_type;
	enum err e; /* what is wrong with it */
	struct errmsg why;
	struct grpc_body body;
	struct http2_body answer;
};

struct grpc_peer {
	struct provider_peer peer; /* first */
	struct http2 http2; /* nghttp2's user data */
	struct stream *streams;
	size_t bodies;
	unsigned outstanding;
	bool begun; /* the peer has sent its settings */
	struct deadline preface_until;
};

static struct grpc_peer *of_peer(const struct provider_peer *peer)
{
	return (struct grpc_peer *)peer;
}

static struct grpc_peer *of_user(void *user)
{
	return (struct grpc_peer *)(void *)((char *)user - offsetof(struct grpc_peer, http2));
}

static struct stream *stream_find(const struct grpc_peer *p, int32_t id)
{
	struct stream *s = p->streams;
	while (s && s->id != id)
		s = s->next;
	return s;
}

static void stream_free(struct grpc_peer *p, struct stream *s)
{
	p->bodies -= secret_bytes(s->body.message).len;
	grpc_body_clear(&s->body);
	secret_free(s->answer.data);
	free(s);
}

/* Answers */

static int answer_fail(struct grpc_peer *p, struct stream *s, enum rpc_code code, const char *why)
{
	char text[GRPC_TEXT_MAX];
	char number[8];
	size_t len = grpc_text_encode(why, text);
	snprintf(number, sizeof(number), "%d", (int)code);
	/* Trailers-Only */
	const nghttp2_nv headers[] = {
		http2_header(":status", bytes_str("200")),
		http2_header("content-type", bytes_str(GRPC_TYPE)),
		http2_header("grpc-status", bytes_str(number)),
		http2_header("grpc-message", (struct bytes){ (const uint8_t *)text, len }),
	};
	s->phase = SENDING;
	s->until = deadline_in_ms(PEER_RECEIVE_MS);
	return nghttp2_submit_response(p->http2.session, s->id, headers, ARRAY_LEN(headers), NULL);
}

/* What is no gRPC hears so by HTTP. */
static int answer_http(struct grpc_peer *p, struct stream *s, const char *status)
{
	const nghttp2_nv headers[] = { http2_header(":status", bytes_str(status)) };
	s->phase = SENDING;
	s->until = deadline_in_ms(PEER_RECEIVE_MS);
	return nghttp2_submit_response(p->http2.session, s->id, headers, ARRAY_LEN(headers), NULL);
}

static int answer_give(struct grpc_peer *p, struct stream *s, struct bytes json)
{
	struct errmsg why = { "" };
	const nghttp2_nv headers[] = {
		http2_header(":status", bytes_str("200")),
		http2_header("content-type", bytes_str(GRPC_TYPE)),
	};
	enum err e = grpc_frame(json, &s->answer.data, &why);
	if (e != OK)
		return answer_fail(p, s, rpc_code_of(e), why.text);
	s->answer.trailers = true;
	s->phase = SENDING;
	s->until = deadline_in_ms(PEER_RECEIVE_MS);
	nghttp2_data_provider provider = http2_provider(&s->answer);
	return nghttp2_submit_response(p->http2.session, s->id, headers, ARRAY_LEN(headers), &provider);
}

/* After the last DATA come the trailers; after an answer to half a request its rest is not wanted. RFC 9113 8.1. */
static int frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct stream *s = stream_find(of_user(user), frame->hd.stream_id);
	bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	const nghttp2_nv trailers[] = { http2_header("grpc-status", bytes_str("0")) };
	if (!s)
		return 0;
	if (frame->hd.type == NGHTTP2_DATA && !ends && s->answer.sent == secret_bytes(s->answer.data).len)
		return nghttp2_submit_trailer(session, s->id, trailers, ARRAY_LEN(trailers))
			       ? NGHTTP2_ERR_CALLBACK_FAILURE
			       : 0;
	if (frame->hd.type == NGHTTP2_HEADERS && ends && !s->whole)
		return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR)
			       ? NGHTTP2_ERR_CALLBACK_FAILURE
			       : 0;
	return 0;
}

/* Requests */

static int stream_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct grpc_peer *p = of_user(user);
	(void)session;
	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	struct stream *s = calloc(1, sizeof(*s));
	if (!s)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	s->id = frame->hd.stream_id;
	s->until = deadline_in_ms(PEER_RECEIVE_MS);
	s->next = p->streams;
	p->streams = s;
	return 0;
}

static int stream_end(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
	struct grpc_peer *p = of_user(user);
	(void)session;
	(void)error;
	for (struct stream **at = &p->streams; *at; at = &(*at)->next)
		if ((*at)->id == id) {
			struct stream *s = *at;
			*at = s->next;
			stream_free(p, s);
			break;
		}
	return 0;
}

static void path_take(struct stream *s, struct bytes path)
{
	static const char *const known[] = { GRPC_PATH_PREFIX "WrapKey", GRPC_PATH_PREFIX "UnWrapKey" };
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		s->has_method = s->has_method || bytes_equal(path, bytes_str(known[i]));
}

static void encoding_take(struct stream *s, struct bytes value)
{
	if (!bytes_equal(value, bytes_str("identity")))
		s->e = err_set(&s->why, ERR_UNSUPPORTED, "the request is compressed");
}

static void timeout_take(struct stream *s, struct bytes value)
{
	if (s->e != OK)
		return;
	s->e = grpc_timeout_parse(value, &s->timeout_ms, &s->why);
	if (s->e == OK && s->timeout_ms == 0)
		s->timeout_ms = 1; /* less than one, and not none */
}

static int header_take(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		       const uint8_t *value, size_t len, uint8_t flags, void *user)
{
	struct stream *s = stream_find(of_user(user), frame->hd.stream_id);
	struct bytes text = { value, len };
	size_t type_len = strlen(GRPC_TYPE);
	(void)session;
	(void)flags;
	if (!s)
		return 0;
	s->header_bytes += name_len + len + 32;
	if (s->header_bytes > HEADERS_MAX)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* ends this stream alone */
	if (http2_is(name, name_len, ":method"))
		s->post = bytes_equal(text, bytes_str("POST"));
	else if (http2_is(name, name_len, ":path"))
		path_take(s, text);
	else if (http2_is(name, name_len, "content-type"))
		s->has_type = len >= type_len && memcmp(value, GRPC_TYPE, type_len) == 0 &&
			      (len == type_len || value[type_len] == '+' || value[type_len] == ';');
	else if (http2_is(name, name_len, "grpc-encoding"))
		encoding_take(s, text);
	else if (http2_is(name, name_len, "grpc-timeout"))
		timeout_take(s, text);
	return 0;
}

static int data_take(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *user)
{
	struct grpc_peer *p = of_user(user);
	struct stream *s = stream_find(p, id);
	(void)session;
	(void)flags;
	if (!s || s->phase != RECEIVING || s->e != OK)
		return 0;
	p->bodies -= secret_bytes(s->body.message).len;
	s->e = grpc_body_take(&s->body, (struct bytes){ data, len }, &s->why);
	p->bodies += secret_bytes(s->body.message).len;
	if (s->e == OK && p->bodies > BODIES_MAX)
		s->e = err_set(&s->why, ERR_LIMIT, "too many requests on one connection");
	return s->e == OK || answer_fail(p, s, rpc_code_of(s->e), s->why.text) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static enum err job_make(struct grpc_peer *p, struct stream *s, struct provider_job **out)
{
	struct bytes message;
	struct bytes json;
	AUTO(secret) *copy = NULL;
	enum err e = p->outstanding < OUTSTANDING_MAX ? OK : err_set(&s->why, ERR_LIMIT, "too many requests");
	if (e == OK)
		e = grpc_body_end(&s->body, &message, &s->why);
	if (e == OK)
		e = ttrpc_bytes_read(message, &json, &s->why);
	if (e == OK)
		e = secret_copy(json, &copy, &s->why);
	if (e != OK)
		return e;
	*out = provider_job_new((uint32_t)s->id, steal(&copy));
	return *out ? OK : err_nomem(&s->why, "a request");
}

static int request_whole(struct grpc_peer *p, struct stream *s)
{
	struct provider_job *job = NULL;
	if (s->phase != RECEIVING)
		return 0; /* refused already */
	if (!s->post)
		return answer_http(p, s, "405");
	if (!s->has_type)
		return answer_http(p, s, "415");
	if (s->e != OK)
		return answer_fail(p, s, rpc_code_of(s->e), s->why.text);
	if (!s->has_method)
		return answer_fail(p, s, RPC_UNIMPLEMENTED,
				   "neither WrapKey nor UnWrapKey of keyprovider.KeyProviderService");
	s->phase = WORKING;
	s->until = deadline_in_ms(s->timeout_ms && s->timeout_ms < PEER_WORK_MS ? s->timeout_ms : PEER_WORK_MS);
	s->e = job_make(p, s, &job);
	p->bodies -= secret_bytes(s->body.message).len;
	grpc_body_clear(&s->body);
	if (job) {
		job->until = s->until;
		s->e = p->peer.submit(p->peer.user, job, &s->why);
		if (s->e != OK)
			provider_job_free(job);
	}
	p->outstanding += s->e == OK;
	return s->e == OK ? 0 : answer_fail(p, s, rpc_code_of(s->e), s->why.text);
}

static int frame_taken(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct grpc_peer *p = of_user(user);
	struct stream *s = stream_find(p, frame->hd.stream_id);
	(void)session;
	if (frame->hd.type == NGHTTP2_SETTINGS)
		p->begun = true;
	if (!s || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
	    (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	s->whole = true;
	return request_whole(p, s) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* The connection's calls */

static enum err grpc_input(struct provider_peer *peer, struct bytes *in, struct errmsg *em)
{
	enum err e = http2_input(&of_peer(peer)->http2, *in, em);
	in->len = 0;
	return e;
}

static enum err grpc_output(struct provider_peer *peer, struct errmsg *em)
{
	return http2_output(&of_peer(peer)->http2, em);
}

static enum err grpc_answer(struct provider_peer *peer, struct provider_job *job, struct errmsg *em)
{
	struct grpc_peer *p = of_peer(peer);
	struct stream *s = stream_find(p, (int32_t)job->stream);
	int error = 0;
	p->outstanding--;
	if (s && s->phase == WORKING)
		error = job->e == OK ? answer_give(p, s, secret_bytes(job->answer))
				     : answer_fail(p, s, rpc_code_of(job->e), job->why.text);
	provider_job_free(job);
	return error == 0 ? OK : err_nomem(em, "an answer");
}

static struct deadline grpc_until(const struct provider_peer *peer)
{
	const struct grpc_peer *p = of_peer(peer);
	struct deadline until = p->begun ? PEER_NEVER : p->preface_until;
	for (const struct stream *s = p->streams; s; s = s->next)
		until = deadline_earlier(until, s->until);
	return until;
}

static enum err grpc_due(struct provider_peer *peer, struct errmsg *em)
{
	struct grpc_peer *p = of_peer(peer);
	int error = 0;
	if (!p->begun && deadline_passed(p->preface_until))
		return err_set(em, ERR_TIMEOUT, "no HTTP/2");
	for (struct stream *s = p->streams; s && error == 0; s = s->next) {
		if (!deadline_passed(s->until))
			continue;
		s->until = deadline_in_ms(PEER_RECEIVE_MS);
		error = s->phase == WORKING
				? answer_fail(p, s, RPC_DEADLINE_EXCEEDED, "no answer in time")
				: nghttp2_submit_rst_stream(p->http2.session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
	}
	return error == 0 ? OK : err_nomem(em, "an answer");
}

static enum err grpc_finish(struct provider_peer *peer, struct errmsg *em)
{
	const struct grpc_peer *p = of_peer(peer);
	nghttp2_session *session = p->http2.session;
	int32_t last = nghttp2_session_get_last_proc_stream_id(session);
	int error = nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
	for (const struct stream *s = p->streams; s && error == 0; s = s->next)
		if (s->phase == RECEIVING)
			error = nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_REFUSED_STREAM);
	return error == 0 ? OK : err_nomem(em, "an answer");
}

static bool grpc_idle(const struct provider_peer *peer)
{
	const struct grpc_peer *p = of_peer(peer);
	/* Half a request holds no place: whoever is full of those would keep all others out. */
	for (const struct stream *s = p->streams; s; s = s->next)
		if (s->phase != RECEIVING)
			return false;
	return !nghttp2_session_want_write(p->http2.session);
}

static void grpc_free(struct provider_peer *peer)
{
	struct grpc_peer *p = of_peer(peer);
	http2_clear(&p->http2);
	for (struct stream *s = p->streams, *next; s; s = next) {
		next = s->next;
		stream_free(p, s);
	}
	free(p);
}

static const struct peer_ops ops = {
	grpc_input, grpc_output, grpc_answer, grpc_until, grpc_due, grpc_finish, grpc_idle, grpc_free,
};

static bool session_begin(struct grpc_peer *p)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, PEER_REQUESTS_MAX },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADERS_MAX },
	};
	nghttp2_session_callbacks *callbacks = http2_callbacks();
	nghttp2_option *option = http2_options();
	bool good = callbacks && option;
	if (good) {
		nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, stream_begin);
		nghttp2_session_callbacks_set_on_header_callback(callbacks, header_take);
		nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_take);
		nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_taken);
		nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frame_sent);
		nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_end);
		good = nghttp2_session_server_new2(&p->http2.session, callbacks, &p->http2, option) == 0;
	}
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	return good && nghttp2_submit_settings(p->http2.session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) == 0;
}

struct provider_peer *provider_peer_grpc(void)
{
	struct grpc_peer *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->peer.ops = &ops;
	p->peer.out = &p->http2.out;
	p->preface_until = deadline_in_ms(PREFACE_MS);
	if (session_begin(p))
		return &p->peer;
	grpc_free(&p->peer);
	return NULL;
}
