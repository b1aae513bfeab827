#include "keywrap/http2.h"

#include "keywrap/provider_message.h"

#define FRAME_HEADER 9

void http2_clear(struct http2 *h)
{
	nghttp2_session_del(h->session);
	outbox_clear(&h->out);
	h->session = NULL;
}

static ssize_t frame_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags, void *user)
{
	struct http2 *h = user;
	size_t room = outbox_room(&h->out);
	size_t part = len < room ? len : room;
	(void)session;
	(void)flags;
	if (part == 0)
		return NGHTTP2_ERR_WOULDBLOCK;
	if (outbox_put(&h->out, (struct bytes){ data, part }, NULL) != OK)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return (ssize_t)part;
}

static ssize_t data_offer(nghttp2_session *session, int32_t stream, uint8_t *to, size_t len, uint32_t *flags,
			  nghttp2_data_source *source, void *user)
{
	const struct http2_body *body = source->ptr;
	size_t left = secret_len(body->data) - body->sent;
	(void)session;
	(void)stream;
	(void)to;
	(void)user;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (left <= len)
		*flags |= NGHTTP2_DATA_FLAG_EOF | (body->trailers ? NGHTTP2_DATA_FLAG_NO_END_STREAM : 0U);
	return (ssize_t)(left < len ? left : len);
}

/* All of a frame or nothing. */
static int data_send(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header, size_t len,
		     nghttp2_data_source *source, void *user)
{
	struct http2 *h = user;
	struct http2_body *body = source->ptr;
	(void)session;
	(void)frame;
	if (outbox_room(&h->out) < FRAME_HEADER + len)
		return NGHTTP2_ERR_WOULDBLOCK;
	struct bytes part = { secret_data(body->data) + body->sent, len };
	if (outbox_put(&h->out, (struct bytes){ header, FRAME_HEADER }, NULL) != OK ||
	    outbox_put(&h->out, part, NULL) != OK)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	body->sent += len;
	return 0;
}

nghttp2_data_provider http2_provider(struct http2_body *body)
{
	return (nghttp2_data_provider){ .source = { .ptr = body }, .read_callback = data_offer };
}

nghttp2_session_callbacks *http2_callbacks(void)
{
	nghttp2_session_callbacks *callbacks = NULL;
	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return NULL;
	nghttp2_session_callbacks_set_send_callback(callbacks, frame_send);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, data_send);
	return callbacks;
}

nghttp2_option *http2_options(void)
{
	nghttp2_option *option = NULL;
	if (nghttp2_option_new(&option) != 0)
		return NULL;
	nghttp2_option_set_max_outbound_ack(option, 64);
	nghttp2_option_set_max_settings(option, 32);
	nghttp2_option_set_max_deflate_dynamic_table_size(option, 4096);
	nghttp2_option_set_no_closed_streams(option, 1);
	return option;
}

enum err http2_input(struct http2 *h, struct bytes in, struct errmsg *em)
{
	ssize_t n = nghttp2_session_mem_recv(h->session, in.data, in.len);
	if (n == (ssize_t)in.len)
		return OK;
	if (n == NGHTTP2_ERR_NOMEM)
		return err_nomem(em, "HTTP/2");
	return err_set(em, ERR_PROTO, "HTTP/2: %s", n < 0 ? nghttp2_strerror((int)n) : "it was stopped");
}

enum err http2_output(struct http2 *h, struct errmsg *em)
{
	int error = nghttp2_session_send(h->session);
	return error == 0 ? OK : err_set(em, ERR_PROTO, "HTTP/2: %s", nghttp2_strerror(error));
}

nghttp2_nv http2_header(const char *name, struct bytes value)
{
	return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value.data, strlen(name), value.len, NGHTTP2_NV_FLAG_NONE };
}
