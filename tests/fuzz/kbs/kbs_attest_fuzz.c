#include "tests/support/fuzz.h"

#include "tests/unit/kbs/memory_kbs.h"

#include <stdio.h>

/* The body of POST attest on a fresh session. The word NONCE in it becomes the session's nonce. */

static void body_make(struct buf *body, struct bytes from, const char *nonce)
{
	const uint8_t *at = from.len ? memmem(from.data, from.len, "NONCE", 5) : NULL;
	size_t before = at ? (size_t)(at - from.data) : from.len;
	if (buf_append(body, (struct bytes){ from.data, before }, 0, NULL) != OK)
		abort();
	if (!at)
		return;
	if (buf_append(body, bytes_str(nonce), 0, NULL) != OK ||
	    buf_append(body, (struct bytes){ at + 5, from.len - before - 5 }, 0, NULL) != OK)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool started;
	if (!started) {
		memory_kbs_start(true);
		atexit(memory_kbs_stop);
		started = true;
	}
	char cookie[80];
	AUTO_BUF
	body = { 0 };
	struct reply reply = { 0 };
	struct session_challenge c = { .tee = "sample", .hash = "sha384" };
	memory_kbs.now_ms += 1000;
	if (sessions_open(memory_kbs.service->sessions, memory_kbs.now_ms, &c, NULL) != OK)
		abort();
	snprintf(cookie, sizeof(cookie), "kbs-session-id=%s", c.id);
	body_make(&body, (struct bytes){ data, len }, c.nonce);
	struct request req = { .method = "POST", .path = "/kbs/v0/attest", .cookie = cookie };
	req.body = buf_bytes(&body);
	req.now_s = memory_kbs.now_s;
	req.now_ms = memory_kbs.now_ms;
	handle_attest(memory_kbs.service, &req, &reply);
	/* The evidence would have to be over this nonce. */
	if (reply.status != 400 && reply.status != 401)
		abort();
	reply_clear(&reply);
	return 0;
}
