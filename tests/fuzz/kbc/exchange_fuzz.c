#include "kbc/cc_kbc.h"
#include "tests/fuzz/kbc/answers.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* The whole client against a KBS that answers what it likes: the handshake first, then a resource request, whose answer
 * is opened. */

static struct tee_key key;

static void finish_handshake(struct bytes *rest, struct cc_grant *grant)
{
	AUTO(cc_handshake) *h = NULL;
	struct cc_handshake_setup setup = { "sample", key.jwk, 1700000000, NULL };
	if (cc_handshake_new(setup, &h, NULL) != OK)
		abort();
	while (cc_handshake_want(h) != CC_WANT_NOTHING) {
		AUTO_HTTP_RESPONSE resp = { 0 };
		if (cc_handshake_want(h) == CC_WANT_EVIDENCE) {
			if (cc_handshake_evidence(h, key.jwk, NULL) != OK)
				return;
			continue;
		}
		if (!message_next(rest, &resp) || cc_handshake_answer(h, &resp, NULL) != OK)
			return;
	}
	cc_handshake_take(h, grant);
}

/* Nothing that could split a header may come out of an answer into a request. */
static void check_headers(const struct cc_request *r)
{
	for (size_t i = 0; i < r->header_count; i++)
		for (const char *c = r->headers[i].value; *c; c++)
			if (*c < ' ' || *c > '~')
				abort();
}

static void get(struct bytes *rest, const struct cc_grant *grant)
{
	AUTO(cc_get) *g = NULL;
	struct resource_uri uri = { .plugin = "resource", .path = "default/key/1" };
	if (cc_get_new(&uri, &g, NULL) != OK)
		abort();
	for (;;) {
		AUTO_HTTP_RESPONSE resp = { 0 };
		AUTO(secret) *plain = NULL;
		struct errmsg em = { "" };
		cc_get_credentials(g, (struct cc_credentials){ grant->cookie, grant->bearer });
		check_headers(cc_get_request(g));
		if (!message_next(rest, &resp) || cc_get_answer(g, &resp, &em) != OK)
			return;
		if (cc_get_want(g) != CC_WANT_NOTHING)
			continue;
		struct tee_sealed sealed = { buf_bytes(&resp.body), 4096 };
		(void)!tee_key_open(key.private_der, key.alg, &sealed, &plain, &em);
		return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes rest = { data, len };
	struct cc_grant grant = { .cookie = NULL };
	if (!key.alg && tee_key_generate("P-256", &key, NULL) != OK)
		abort();
	finish_handshake(&rest, &grant);
	get(&rest, &grant);
	cc_grant_clear(&grant);
	return 0;
}
