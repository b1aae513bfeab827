#include "keywrap/provider_message.h"
#include "keywrap/provider_peer.h"
#include "keywrap/provider_ttrpc.h"
#include "keywrap/rpc_code.h"
#include "keywrap/ttrpc.h"

/* The server's side of ttrpc. Requests of one connection are worked on at the same time, and answered as they are done.
 */

struct ttrpc_reply {
	struct secret *frame;
	struct ttrpc_reply *next;
};

struct ttrpc_calls {
	size_t count;
	struct {
		uint32_t stream;
		struct deadline until;
	} of[PEER_REQUESTS_MAX];
};

struct ttrpc_peer {
	struct provider_peer peer; /* first */
	struct outbox out;
	struct ttrpc_reply *replies; /* that wait to go out */
	struct ttrpc_reply **replies_end;
	struct ttrpc_calls calls;
	uint32_t last; /* stream: they only rise */
	/* A frame as it comes in. */
	uint8_t header[TTRPC_HEADER];
	size_t header_len;
	struct secret *message; /* NULL: too large, and passed over */
	uint32_t message_len;
	struct deadline frame_until;
	bool finishing;
};

static struct ttrpc_peer *mine(struct provider_peer *peer)
{
	return (struct ttrpc_peer *)peer;
}

static enum err reply_add(struct ttrpc_peer *p, uint32_t stream, const struct ttrpc_response *response,
			  struct errmsg *em)
{
	struct ttrpc_reply *reply = calloc(1, sizeof(*reply));
	if (!reply)
		return err_nomem(em, "an answer");
	enum err e = ttrpc_response_write(stream, response, &reply->frame, em);
	if (e != OK) {
		free(reply);
		return e;
	}
	if (!p->replies)
		p->replies_end = &p->replies;
	*p->replies_end = reply;
	p->replies_end = &reply->next;
	return OK;
}

static enum err reply_fail(struct ttrpc_peer *p, uint32_t stream, enum rpc_code code, const char *why)
{
	struct ttrpc_response response = { .code = (int32_t)code, .message = bytes_str(why) };
	return reply_add(p, stream, &response, NULL);
}

/* True: it was there. */
static bool call_end(struct ttrpc_peer *p, uint32_t stream)
{
	for (size_t i = 0; i < p->calls.count; i++)
		if (p->calls.of[i].stream == stream) {
			p->calls.of[i] = p->calls.of[--p->calls.count];
			return true;
		}
	return false;
}

static enum err call_begin(struct ttrpc_peer *p, uint32_t stream, const struct ttrpc_request *request)
{
	struct errmsg why = { "" };
	struct bytes json;
	AUTO(secret) *copy = NULL;
	enum err e = ttrpc_bytes_read(request->payload, &json, &why);
	if (e == OK)
		e = secret_copy(json, &copy, &why);
	struct provider_job *job = e == OK ? provider_job_new(stream, steal(&copy)) : NULL;
	if (!job)
		return reply_fail(p, stream, e == OK ? RPC_RESOURCE_EXHAUSTED : rpc_code_of(e), why.text);
	bool bounded = request->timeout_ns > 0 && request->timeout_ns / 1000000 < PEER_WORK_MS;
	job->until = deadline_in_ms(bounded ? request->timeout_ns / 1000000 : PEER_WORK_MS);
	struct deadline until = job->until;
	e = p->peer.submit(p->peer.user, job, &why);
	if (e != OK) {
		provider_job_free(job);
		return reply_fail(p, stream, RPC_RESOURCE_EXHAUSTED, why.text);
	}
	p->calls.of[p->calls.count].stream = stream;
	p->calls.of[p->calls.count++].until = until;
	return OK;
}

static enum err frame_take(struct ttrpc_peer *p, struct ttrpc_header header)
{
	struct ttrpc_request request;
	struct errmsg why = { "" };
	uint32_t last = p->last;
	if (header.len > PROVIDER_MESSAGE_MAX)
		return reply_fail(p, header.stream, RPC_RESOURCE_EXHAUSTED, "the message is too large");
	if (header.type != TTRPC_REQUEST || header.stream % 2 == 0)
		return reply_fail(p, header.stream, RPC_INVALID_ARGUMENT, "not a request of an odd stream");
	p->last = header.stream > last ? header.stream : last;
	if (header.stream <= last)
		return reply_fail(p, header.stream, RPC_INVALID_ARGUMENT, "the stream was used already");
	if (ttrpc_request_read(secret_bytes(p->message), &request, &why) != OK)
		return reply_fail(p, header.stream, RPC_INVALID_ARGUMENT, why.text);
	if (!bytes_equal(request.service, bytes_str(PROVIDER_SERVICE)))
		return reply_fail(p, header.stream, RPC_UNIMPLEMENTED, "the service is not " PROVIDER_SERVICE);
	if (!bytes_equal(request.method, bytes_str("WrapKey")) && !bytes_equal(request.method, bytes_str("UnWrapKey")))
		return reply_fail(p, header.stream, RPC_UNIMPLEMENTED, "the method is neither WrapKey nor UnWrapKey");
	return call_begin(p, header.stream, &request);
}

static size_t part_take(struct bytes *in, uint8_t *to, size_t len)
{
	size_t n = len < in->len ? len : in->len;
	if (to && n)
		memcpy(to, in->data, n);
	in->data += n;
	in->len -= n;
	return n;
}

static enum err header_take(struct ttrpc_peer *p, struct bytes *in, struct errmsg *em)
{
	if (p->header_len == 0)
		p->frame_until = deadline_in_ms(PEER_RECEIVE_MS);
	p->header_len += part_take(in, p->header + p->header_len, TTRPC_HEADER - p->header_len);
	if (p->header_len < TTRPC_HEADER)
		return OK;
	struct ttrpc_header header = ttrpc_header_read(p->header);
	p->message_len = 0;
	return header.len > PROVIDER_MESSAGE_MAX ? OK : secret_new(header.len, &p->message, em);
}

static enum err ttrpc_input(struct provider_peer *peer, struct bytes *in, struct errmsg *em)
{
	struct ttrpc_peer *p = mine(peer);
	enum err e = OK;
	while (e == OK && in->len > 0 && p->calls.count < PEER_REQUESTS_MAX && !p->finishing) {
		if (p->header_len < TTRPC_HEADER)
			e = header_take(p, in, em);
		if (e != OK || p->header_len < TTRPC_HEADER)
			continue;
		struct ttrpc_header header = ttrpc_header_read(p->header);
		uint8_t *to = p->message ? secret_data(p->message) + p->message_len : NULL;
		p->message_len += (uint32_t)part_take(in, to, header.len - p->message_len);
		if (p->message_len < header.len)
			continue;
		e = frame_take(p, header);
		secret_free(steal(&p->message));
		p->header_len = 0;
		if (e != OK)
			e = err_set(em, e, "no memory for an answer");
	}
	if (p->finishing)
		in->len = 0;
	return e;
}

static enum err ttrpc_output(struct provider_peer *peer, struct errmsg *em)
{
	struct ttrpc_peer *p = mine(peer);
	struct ttrpc_reply *reply = p->replies;
	(void)em;
	if (outbox_bytes(&p->out).len || !reply)
		return OK;
	p->replies = reply->next;
	outbox_give(&p->out, reply->frame);
	free(reply);
	return OK;
}

static enum err ttrpc_answer(struct provider_peer *peer, struct provider_job *job, struct errmsg *em)
{
	struct ttrpc_peer *p = mine(peer);
	AUTO(secret) *payload = NULL;
	enum err e = OK;
	bool wanted = call_end(p, job->stream); /* else its time was over, and the caller knows */
	if (wanted && job->e != OK)
		e = reply_fail(p, job->stream, rpc_code_of(job->e), job->why.text);
	if (wanted && job->e == OK) {
		e = ttrpc_bytes_write(secret_bytes(job->answer), &payload, em);
		struct ttrpc_response response = { .payload = secret_bytes(payload) };
		if (e == OK)
			e = reply_add(p, job->stream, &response, em);
	}
	provider_job_free(job);
	return e;
}

static struct deadline ttrpc_until(const struct provider_peer *peer)
{
	const struct ttrpc_peer *p = (const struct ttrpc_peer *)peer;
	struct deadline until = p->header_len ? p->frame_until : PEER_NEVER;
	for (size_t i = 0; i < p->calls.count; i++)
		until = deadline_earlier(until, p->calls.of[i].until);
	return until;
}

static enum err ttrpc_due(struct provider_peer *peer, struct errmsg *em)
{
	struct ttrpc_peer *p = mine(peer);
	if (p->header_len && deadline_passed(p->frame_until))
		return err_set(em, ERR_TIMEOUT, "a request that never ends");
	enum err e = OK;
	for (size_t i = p->calls.count; e == OK && i-- > 0;) {
		uint32_t stream = p->calls.of[i].stream;
		if (!deadline_passed(p->calls.of[i].until))
			continue;
		(void)call_end(p, stream);
		e = reply_fail(p, stream, RPC_DEADLINE_EXCEEDED, "no answer in time");
	}
	return e;
}

static enum err ttrpc_finish(struct provider_peer *peer, struct errmsg *em)
{
	(void)em;
	mine(peer)->finishing = true;
	mine(peer)->header_len = 0;
	return OK;
}

static bool ttrpc_idle(const struct provider_peer *peer)
{
	const struct ttrpc_peer *p = (const struct ttrpc_peer *)peer;
	return p->calls.count == 0 && !p->replies && p->header_len == 0;
}

static void ttrpc_free(struct provider_peer *peer)
{
	struct ttrpc_peer *p = mine(peer);
	for (struct ttrpc_reply *at = p->replies, *next; at; at = next) {
		next = at->next;
		secret_free(at->frame);
		free(at);
	}
	secret_free(p->message);
	outbox_clear(&p->out);
	free(p);
}

static const struct peer_ops ops = {
	ttrpc_input, ttrpc_output, ttrpc_answer, ttrpc_until, ttrpc_due, ttrpc_finish, ttrpc_idle, ttrpc_free,
};

struct provider_peer *provider_peer_ttrpc(void)
{
	struct ttrpc_peer *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->peer.ops = &ops;
	p->peer.out = &p->out;
	return &p->peer;
}
