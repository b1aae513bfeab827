#include "tests/support/kbs_guest.h"

#include "attest/attester.h"
#include "common/jwe.h"
#include "common/jwk.h"
#include "common/libctx.h"

#include <stdio.h>

/* The tests have nothing to go on with when a step like these fails. */
static void must(enum err e, const char *what, const struct errmsg *em)
{
	if (e == OK)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, err_name(e), em ? em->text : "");
	abort();
}

static EVP_PKEY *key_make(const char *kind)
{
	if (strncmp(kind, "RSA", 3) == 0)
		return EVP_PKEY_Q_keygen(libctx(), NULL, "RSA", (size_t)(strcmp(kind, "RSA") == 0 ? 2048 : 1024));
	return EVP_PKEY_Q_keygen(libctx(), NULL, "EC", kind);
}

void guest_open(struct guest *g, const struct http_transport *transport, const char *url, const char *kind)
{
	struct http_options options = { 0 };
	struct errmsg em = { "" };
	*g = (struct guest){ .transport = transport };
	snprintf(g->url, sizeof(g->url), "%s", url);
	g->key = key_make(kind);
	if (!g->key)
		abort();
	must(transport->open(&options, &g->http, &em), "open", &em);
}

void guest_close(struct guest *g)
{
	g->transport->close(g->http);
	EVP_PKEY_free(g->key);
	buf_clear(&g->answer);
	free(g->token);
	*g = (struct guest){ 0 };
}

static void cookie_keep(struct guest *g, const struct http_response *resp)
{
	AUTO_STR
	char *cookie = http_response_header(resp, "set-cookie");
	if (cookie)
		snprintf(g->cookie, sizeof(g->cookie), "%.*s", (int)strcspn(cookie, ";"), cookie);
}

void guest_call(struct guest *g, struct guest_call call)
{
	struct errmsg em = { "" };
	AUTO_HTTP_RESPONSE resp = { 0 };
	AUTO_STR
	char *url = NULL;
	AUTO_STR
	char *bearer = NULL;
	struct http_header headers[3];
	size_t count = 0;
	if (asprintf(&url, "%s%s", g->url, call.path) < 0 ||
	    asprintf(&bearer, "Bearer %s", call.bearer ? call.bearer : "") < 0)
		abort();
	headers[count++] = (struct http_header){ "Content-Type", "application/json" };
	if (g->cookie[0] && !call.no_cookie)
		headers[count++] = (struct http_header){ "Cookie", g->cookie };
	if (call.bearer)
		headers[count++] = (struct http_header){ "Authorization", bearer };
	struct http_request req = { call.method, url, headers, count, call.body, deadline_in_ms(20000) };
	must(g->transport->request(g->http, &req, &resp, &em), call.path, &em);
	g->status = resp.status;
	cookie_keep(g, &resp);
	buf_clear(&g->answer);
	g->answer = resp.body;
	resp.body = (struct buf){ 0 };
	if (!buf_cstr(&g->answer))
		abort();
}

static const char *answer_string(const struct guest *g, json_object **root, const char *name)
{
	const char *text = NULL;
	struct errmsg em = { "" };
	must(json_parse(buf_bytes(&g->answer), 1 << 20, JSON_STRICT, root, &em), "answer", &em);
	must(json_get_string(*root, name, &text, &em), name, &em);
	return text;
}

static void hash_keep(struct guest *g, json_object *root)
{
	json_object *extra = NULL;
	const char *hash = "sha384";
	if (json_object_object_get_ex(root, "extra-params", &extra) && json_object_is_type(extra, json_type_object))
		must(json_get_string(extra, "selected-hash-algorithm", &hash, NULL), "hash", NULL);
	snprintf(g->hash, sizeof(g->hash), "%s", hash);
}

void guest_auth(struct guest *g, const char *extra_params)
{
	AUTO_STR
	char *body = NULL;
	AUTO_OF(json_object) *root = NULL;
	const char *extra =
		extra_params ? extra_params : "{\"supported-hash-algorithms\":[\"sha256\",\"sha384\",\"sha512\"]}";
	if (asprintf(&body, "{\"version\":\"0.4.0\",\"tee\":\"%s\",\"extra-params\":%s}", g->tee ? g->tee : "sample",
		     extra) < 0)
		abort();
	guest_call(g, (struct guest_call){ "POST", "/kbs/v0/auth", NULL, bytes_str(body), false });
	if (g->status != 200)
		return;
	snprintf(g->nonce, sizeof(g->nonce), "%s", answer_string(g, &root, "nonce"));
	hash_keep(g, root);
}

/* {"<device>":<evidence>}, malloc'd */
static char *device_evidence(struct guest *g, json_object *jwk)
{
	static const char *const names[] = { "sampledevice" };
	struct attester_devices devices = { names, g->device ? 1 : 0 };
	struct attest_runtime_data bound = { NULL, g->nonce, jwk };
	struct attest_digest digest;
	struct attester_request asked = { NULL, &digest, deadline_in_ms(1000) };
	struct errmsg em = { "" };
	char *text = NULL;
	char *named = NULL;
	must(attest_report_data(g->hash, &bound, &digest, &em), "report data", &em);
	must(attester_additional(&devices, &asked, &text, &em), "devices", &em);
	if (!g->device)
		return text;
	if (asprintf(&named, "{\"%s\"%s", g->device, strchr(text, ':')) < 0)
		abort();
	free(text);
	return named;
}

json_object *guest_evidence(struct guest *g)
{
	struct errmsg em = { "" };
	json_object *jwk = NULL;
	json_object *primary = NULL;
	const struct attester *sample = NULL;
	struct attest_digest digest;
	const char *alg = EVP_PKEY_is_a(g->key, "RSA") ? "RSA-OAEP-256" : "ECDH-ES+A256KW";
	must(jwk_from_public(g->key, alg, &jwk, &em), "jwk", &em);
	AUTO_STR
	char *additional = device_evidence(g, jwk);
	struct attest_runtime_data bound = { additional, g->nonce, jwk };
	must(attest_report_data(g->hash, &bound, &digest, &em), "report data", &em);
	must(attester_find("sample", NULL, &sample, &em), "attester", &em);
	struct attester_request asked = { NULL, &digest, deadline_in_ms(1000) };
	must(attester_evidence(sample, &asked, &primary, &em), "evidence", &em);
	json_object *runtime = json_object_new_object();
	json_object *composite = json_object_new_object();
	json_object *root = json_object_new_object();
	json_object_object_add(runtime, "nonce", json_object_new_string(g->nonce));
	json_object_object_add(runtime, "tee-pubkey", jwk);
	json_object_object_add(composite, "primary_evidence", primary);
	json_object_object_add(composite, "additional_evidence", json_object_new_string(additional));
	json_object_object_add(root, "init-data", NULL);
	json_object_object_add(root, "runtime-data", runtime);
	json_object_object_add(root, "tee-evidence", composite);
	return root;
}

void guest_post_json(struct guest *g, const char *path, json_object *body)
{
	AUTO_STR
	char *text = json_text(body);
	guest_call(g, (struct guest_call){ "POST", path, NULL, bytes_str(text), false });
}

void guest_attest(struct guest *g)
{
	AUTO_OF(json_object) *body = guest_evidence(g);
	AUTO_OF(json_object) *root = NULL;
	guest_post_json(g, "/kbs/v0/attest", body);
	if (g->status != 200)
		return;
	free(g->token);
	g->token = strdup(answer_string(g, &root, "token"));
}

struct secret *guest_get(struct guest *g, const char *path, const char *bearer)
{
	struct errmsg em = { "" };
	AUTO_STR
	char *whole = NULL;
	struct jwe_key key;
	struct secret *resource = NULL;
	if (asprintf(&whole, "/kbs/v0/resource/%s", path) < 0)
		abort();
	guest_call(g, (struct guest_call){ .method = "GET", .path = whole, .bearer = bearer, .no_cookie = bearer });
	if (g->status != 200)
		return NULL;
	must(jwe_key_from_pkey(g->key, &key, &em), "key", &em);
	must(jwe_decrypt(buf_bytes(&g->answer), 16 << 20, &key, &resource, &em), "jwe", &em);
	return resource;
}

bool guest_told(const struct guest *g, const char *variant)
{
	char type[160];
	AUTO_OF(json_object) *root = NULL;
	const char *detail = NULL;
	const char *said = NULL;
	snprintf(type, sizeof(type), "https://github.com/confidential-containers/kbs/errors/%s", variant);
	return json_parse(buf_bytes(&g->answer), 1 << 16, JSON_STRICT, &root, NULL) == OK &&
	       json_get_string(root, "type", &said, NULL) == OK && strcmp(said, type) == 0 &&
	       json_get_string(root, "detail", &detail, NULL) == OK && detail[0];
}
