#include "kbc/cc_refusal.h"

#include "common/json.h"
#include "kbc/kbc_stage.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX 65536
#define STATUS_BUSY 429

static const struct variant {
	const char *name;
	enum err err;
	bool renew; /* on a resource request */
} variants[] = {
	{ "AttestationError", ERR_ATTEST, true }, /* there: no session that is attested */
	{ "TokenNotFound", ERR_AUTH, true },
	{ "TokenVerifierError", ERR_AUTH, true },
	{ "PolicyDeny", ERR_DENIED, false },
	{ "PluginInternalError", ERR_PROTO, false },
	{ "AdminAuthAccess", ERR_DENIED, false },
	{ "JweError", ERR_PROTO, false },
	{ "InvalidRequestPath", ERR_NOT_FOUND, false },
	{ "PluginNotFound", ERR_NOT_FOUND, false },
};

struct words {
	char type[64]; /* the last segment of `type`, "" if unknown */
	char detail[400];
};

/* Bytes from outside as printable ASCII. */
static void escape(const char *from, char *to, size_t cap)
{
	size_t n = 0;
	for (const unsigned char *c = (const unsigned char *)from; *c && n + 5 < cap; c++) {
		if (*c >= ' ' && *c <= '~')
			to[n++] = (char)*c;
		else
			n += (size_t)snprintf(to + n, cap - n, "\\x%02x", *c);
	}
	to[n] = '\0';
}

static void read_words(const struct http_response *resp, struct words *w)
{
	AUTO_OF(json_object) *root = NULL;
	const char *type = NULL, *detail = NULL;
	*w = (struct words){ .type = "" };
	if (json_parse(buf_bytes(&resp->body), BODY_MAX, JSON_STRICT, &root, NULL) != OK)
		return;
	if (json_get_string_opt(root, "type", &type, NULL) == OK && type) {
		const char *slash = strrchr(type, '/');
		escape(slash ? slash + 1 : type, w->type, sizeof(w->type));
	}
	if (json_get_string_opt(root, "detail", &detail, NULL) == OK && detail)
		escape(detail, w->detail, sizeof(w->detail));
}

static const struct variant *variant_find(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(variants); i++)
		if (strcmp(variants[i].name, type) == 0)
			return &variants[i];
	return NULL;
}

/* Deployed servers say PluginInternalError for a resource that is not there; only the detail can tell. */
static bool tells_not_found(const char *detail)
{
	static const char *const signs[] = { "not found", "no such file", "notfound", "does not exist", "not exist" };
	for (size_t i = 0; i < ARRAY_LEN(signs); i++)
		if (strcasestr(detail, signs[i]))
			return true;
	return false;
}

static struct cc_refusal by_status(enum cc_stage stage, long status)
{
	bool resource = stage == CC_STAGE_RESOURCE;
	if (status == STATUS_BUSY || status >= 500)
		return (struct cc_refusal){ ERR_BUSY, false };
	if (status == 401)
		return (struct cc_refusal){ ERR_AUTH, resource };
	if (status == 403)
		return (struct cc_refusal){ resource ? ERR_DENIED : ERR_ATTEST, false };
	if (status == 404 && resource)
		return (struct cc_refusal){ ERR_NOT_FOUND, false };
	if (status == 413)
		return (struct cc_refusal){ ERR_LIMIT, false };
	return (struct cc_refusal){ ERR_PROTO, false };
}

static struct cc_refusal judge(enum cc_stage stage, long status, const struct words *w)
{
	const struct variant *v = variant_find(w->type);
	if (!v || status == STATUS_BUSY)
		return by_status(stage, status);
	if (v->err == ERR_PROTO && status >= 500)
		return (struct cc_refusal){ ERR_BUSY, false }; /* its storage or its cryptography failed just now */
	if (v->err == ERR_PROTO && (status == 404 || tells_not_found(w->detail)))
		return (struct cc_refusal){ ERR_NOT_FOUND, false };
	return (struct cc_refusal){ v->err, v->renew && stage == CC_STAGE_RESOURCE };
}

static const char *advice(enum cc_stage stage, const struct cc_refusal *r, long status)
{
	if (stage != CC_STAGE_RESOURCE && status == 404)
		return " (is this the URL of a KBS?)";
	if (status >= 300 && status < 400)
		return " (redirects are not followed)";
	return r->err == ERR_DENIED ? " (attested, but its policy does not release this)" : "";
}

struct cc_refusal cc_refusal_read(enum cc_stage stage, const struct http_response *resp, struct errmsg *em)
{
	static const char *const stages[] = { "auth", "attest", "resource" };
	struct words w;
	read_words(resp, &w);
	struct cc_refusal r = judge(stage, resp->status, &w);
	kbc_named_note(variant_find(w.type) != NULL);
	if (w.type[0] || w.detail[0])
		err_set(em, r.err, "%s: the KBS answers %ld %s: %s%s", stages[stage], resp->status, w.type, w.detail,
			advice(stage, &r, resp->status));
	else
		err_set(em, r.err, "%s: the KBS answers %ld%s", stages[stage], resp->status,
			advice(stage, &r, resp->status));
	return r;
}

int64_t cc_retry_after_ms(const struct http_response *resp)
{
	AUTO_STR
	char *value = http_response_header(resp, "retry-after");
	if (!value || !*value || strlen(value) > 6 || value[strspn(value, "0123456789")])
		return 0;
	return strtol(value, NULL, 10) * 1000;
}
