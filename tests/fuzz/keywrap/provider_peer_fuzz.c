#include "tests/support/fuzz.h"

#include "keywrap/provider_peer.h"

/* A connection of the daemon: the first byte says which protocol and in what pieces the rest comes in. Every second
 * request is answered at once, the others when the connection ends. */

#define JOBS_MAX 64

struct kept {
	struct provider_job *jobs[JOBS_MAX];
	size_t count;
};

static enum err job_keep(void *user, struct provider_job *job, struct errmsg *em)
{
	struct kept *kept = user;
	if (kept->count == JOBS_MAX)
		return err_set(em, ERR_BUSY, "too many");
	if (secret_copy(secret_bytes(job->request), &job->answer, em) != OK)
		abort();
	kept->jobs[kept->count++] = job;
	return OK;
}

static enum err drain(struct provider_peer *peer)
{
	struct errmsg em = { "" };
	for (;;) {
		enum err e = peer->ops->output(peer, &em);
		struct bytes out = outbox_bytes(peer->out);
		if (e != OK || out.len == 0)
			return e;
		outbox_sent(peer->out, out.len);
	}
}

static enum err feed(struct provider_peer *peer, struct kept *kept, struct bytes in)
{
	struct errmsg em = { "" };
	enum err e = OK;
	while (e == OK && in.len > 0) {
		size_t before = in.len;
		e = peer->ops->input(peer, &in, &em);
		if (e == OK)
			e = drain(peer);
		bool stuck = in.len == before;
		if (e == OK && kept->count > 0 && (stuck || kept->count % 2 == 0))
			e = peer->ops->answer(peer, kept->jobs[--kept->count], &em);
		else if (stuck)
			abort(); /* nothing is under way, and it does not read on */
	}
	(void)peer->ops->until(peer);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct errmsg em = { "" };
	struct kept kept = { .count = 0 };
	if (len < 1)
		return 0;
	struct provider_peer *peer = data[0] & 1 ? provider_peer_grpc() : provider_peer_ttrpc();
	size_t piece = data[0] & 2 ? 7 : len;
	enum err e = OK;
	if (!peer)
		return 0;
	peer->submit = job_keep;
	peer->user = &kept;
	for (size_t at = 1; e == OK && at < len; at += piece) {
		size_t part = len - at < piece ? len - at : piece;
		e = feed(peer, &kept, (struct bytes){ data + at, part });
	}
	if (e == OK && data[0] & 4)
		e = peer->ops->finish(peer, &em);
	for (; e == OK && kept.count > 0 && e == OK; e = e == OK ? drain(peer) : e)
		e = peer->ops->answer(peer, kept.jobs[--kept.count], &em);
	while (kept.count > 0)
		provider_job_free(kept.jobs[--kept.count]);
	(void)peer->ops->idle(peer);
	peer->ops->free(peer);
	return 0;
}
