#include "image/registry_token.h"

#include "common/json_scan.h"

#include <stdio.h>

#define ANSWER_MAX ((size_t)1 << 20)
#define ANSWER_FIRST ((size_t)16 << 10)
#define ANSWER_MS 60000
#define LIFETIME_MIN_S 60
#define LIFETIME_MAX_S 86400
#define CLIENT "kbs-pkcs11"

static enum err prefixed(const char *prefix, struct bytes value, struct secret **out, struct errmsg *em)
{
	size_t len = strlen(prefix);
	enum err e = secret_new(len + value.len, out, em);
	if (e != OK)
		return e;
	memcpy(secret_data(*out), prefix, len);
	if (value.len)
		memcpy(secret_data(*out) + len, value.data, value.len);
	return OK;
}

enum err registry_basic(const struct registry *r, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *text = NULL;
	*out = NULL;
	if (!r->credentials.user_password)
		return OK;
	enum err e = base64_encode_secret(BASE64_STD, secret_bytes(r->credentials.user_password), &text, em);
	return e == OK ? prefixed("Basic ", secret_bytes(text), out, em) : e;
}

/* RFC 3986 2.1 */
static enum err percent_append(struct buf *to, struct bytes text, struct errmsg *em)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	enum err e = OK;
	for (size_t i = 0; e == OK && i < text.len; i++) {
		char code[4];
		if (text.data[i] && strchr(plain, text.data[i]))
			snprintf(code, sizeof(code), "%c", text.data[i]);
		else
			snprintf(code, sizeof(code), "%%%02X", text.data[i]);
		e = buf_append(to, bytes_str(code), 0, em);
	}
	return e;
}

static enum err parameter_append(struct buf *to, const char *name, struct bytes value, struct errmsg *em)
{
	enum err e = buf_append(to, bytes_str(name), 0, em);
	return e == OK ? percent_append(to, value, em) : e;
}

static struct bytes user_of(const struct registry *r)
{
	struct bytes both = secret_bytes(r->credentials.user_password);
	const uint8_t *colon = both.len ? memchr(both.data, ':', both.len) : NULL;
	return (struct bytes){ both.data, colon ? (size_t)(colon - both.data) : 0 };
}

static enum err query_make(const struct registry *r, const struct token_request *q, struct buf *url, struct errmsg *em)
{
	const char *realm = q->challenge->realm;
	enum err e = buf_append(url, bytes_str(realm), 0, em);
	if (e == OK)
		e = parameter_append(url, strchr(realm, '?') ? "&scope=" : "?scope=", bytes_str(q->scope), em);
	if (e == OK && q->challenge->service)
		e = parameter_append(url, "&service=", bytes_str(q->challenge->service), em);
	if (e == OK && r->credentials.user_password)
		e = parameter_append(url, "&account=", user_of(r), em);
	return e == OK && !buf_cstr(url) ? err_set(em, ERR_NOMEM, "no memory") : e;
}

/* Straight into the arena, which grows by halves of what an answer may have. */
static enum err answer_read(struct stream *body, struct secret **out, struct errmsg *em)
{
	size_t len = 0;
	AUTO(secret) *text = NULL;
	enum err e = secret_new(ANSWER_FIRST, &text, em);
	while (e == OK) {
		size_t got = 0;
		if (len == ANSWER_MAX)
			return err_set(em, ERR_LIMIT, "an answer of more than %zu bytes", ANSWER_MAX - 1);
		if (len == secret_len(text)) {
			AUTO(secret) *grown = NULL;
			e = secret_new(len * 2, &grown, em);
			if (e != OK)
				return e;
			memcpy(secret_data(grown), secret_data(text), len);
			secret_free(text);
			text = steal(&grown);
		}
		e = stream_read(body, (struct stream_window){ secret_data(text) + len, secret_len(text) - len }, &got,
				em);
		len += got;
		if (e == OK && got == 0)
			break;
	}
	if (e != OK)
		return e;
	secret_truncate(text, len);
	*out = steal(&text);
	return OK;
}

static int64_t lifetime_of(struct bytes answer)
{
	struct bytes raw = { NULL, 0 };
	char digits[16] = "";
	if (json_scan_member(answer, (struct json_scan_path){ .path = "expires_in" }, &raw, NULL) != OK ||
	    raw.len >= sizeof(digits))
		return LIFETIME_MIN_S;
	memcpy(digits, raw.data, raw.len);
	long long s = strtoll(digits, NULL, 10);
	return s < LIFETIME_MIN_S ? LIFETIME_MIN_S : s > LIFETIME_MAX_S ? LIFETIME_MAX_S : s;
}

enum err registry_token_parse(struct bytes answer, struct secret **out, struct deadline *until, struct errmsg *em)
{
	static const char *const names[] = { "token", "access_token" };
	AUTO(secret) *token = NULL;
	struct bytes raw = { NULL, 0 };
	for (size_t i = 0; i < ARRAY_LEN(names) && !token; i++) {
		enum err e = json_scan_member(answer, (struct json_scan_path){ .path = names[i] }, &raw, em);
		if (e == ERR_NOT_FOUND)
			continue;
		if (e == OK)
			e = json_scan_string(raw, &token, em);
		if (e != OK)
			return err_set(em, ERR_PROTO, "an answer that is no token");
		if (secret_len(token) == 0) {
			secret_free(token);
			token = NULL;
		}
	}
	if (!token)
		return err_set(em, ERR_PROTO, "an answer without a token");
	/* A little early: the request takes its time. */
	*until = deadline_in_ms((lifetime_of(answer) - 5) * 1000);
	return prefixed("Bearer ", secret_bytes(token), out, em);
}

/* The form of an OAuth2 refresh, RFC 6749 6. */
static enum err form_make(const struct registry *r, const struct token_request *q, struct secret **out,
			  struct errmsg *em)
{
	AUTO_BUF
	rest = { 0 };
	AUTO_BUF
	token = { 0 };
	enum err e = buf_append(&rest, bytes_str("grant_type=refresh_token&client_id=" CLIENT), 0, em);
	if (e == OK)
		e = parameter_append(&rest, "&scope=", bytes_str(q->scope), em);
	if (e == OK && q->challenge->service)
		e = parameter_append(&rest, "&service=", bytes_str(q->challenge->service), em);
	if (e == OK)
		e = buf_append(&rest, bytes_str("&refresh_token="), 0, em);
	/* Room for all of it at once: what is grown is not wiped. */
	if (e == OK)
		e = buf_reserve(&token, secret_len(r->credentials.identity_token) * 3 + 4, em);
	if (e == OK)
		e = percent_append(&token, secret_bytes(r->credentials.identity_token), em);
	if (e == OK)
		e = secret_new(rest.len + token.len, out, em);
	if (e == OK) {
		memcpy(secret_data(*out), rest.data, rest.len);
		memcpy(secret_data(*out) + rest.len, token.data, token.len);
	}
	if (token.cap)
		secret_wipe(token.data, token.cap);
	return e;
}

static enum err ask_by_form(struct registry *r, const struct token_request *q, struct http_reply *reply,
			    struct errmsg *em)
{
	static const struct http_header type = { "Content-Type", "application/x-www-form-urlencoded" };
	AUTO(secret) *form = NULL;
	AUTO(stream) *body = NULL;
	enum err e = form_make(r, q, &form, em);
	if (e == OK)
		e = stream_from_bytes(secret_bytes(form), &body, em);
	if (e != OK)
		return e;
	const struct http_call call = {
		.method = "POST",
		.url = q->challenge->realm,
		.headers = &type,
		.header_count = 1,
		.body = body,
		.body_size = (int64_t)secret_len(form),
		.answer_ms = 30000,
		.total_ms = ANSWER_MS,
	};
	return http_pool_call(r->pool, &call, reply, em);
}

static enum err ask_by_query(struct registry *r, const struct token_request *q, struct http_reply *reply,
			     struct errmsg *em)
{
	AUTO_BUF
	url = { 0 };
	AUTO(secret) *basic = NULL;
	enum err e = query_make(r, q, &url, em);
	if (e == OK)
		e = registry_basic(r, &basic, em);
	if (e != OK)
		return e;
	const struct http_call call = {
		.method = "GET", .url = buf_cstr(&url), .authorization = basic, .total_ms = ANSWER_MS
	};
	return http_pool_call(r->pool, &call, reply, em);
}

static enum err status_check(const struct registry *r, long status, struct errmsg *em)
{
	bool anonymous = !r->credentials.user_password && !r->credentials.identity_token;
	if (status == 200)
		return OK;
	if (status == 401 || status == 403 || status == 400)
		return err_set(em, ERR_AUTH,
			       anonymous ? "no token without credentials (HTTP %ld)"
					 : "the credentials are not taken (HTTP %ld)",
			       status);
	if (status == 429 || status == 502 || status == 503 || status == 504)
		return err_set(em, ERR_BUSY, "busy (HTTP %ld)", status);
	return err_set(em, ERR_PROTO, "no token (HTTP %ld)", status);
}

enum err registry_token_fetch(struct registry *r, const struct token_request *q, struct secret **out,
			      struct deadline *until, struct errmsg *em)
{
	AUTO_HTTP_REPLY reply = { 0 };
	AUTO(secret) *answer = NULL;
	const char *realm = q->challenge->realm;
	if (!realm)
		return err_set(em, ERR_PROTO, "%s: asks for a token, and does not say where to get it", r->host);
	if (strncasecmp(realm, "https://", 8) != 0 && !r->insecure)
		return err_set(em, ERR_PROTO, "%s: sends us for a token to a place that is not https://", r->host);
	enum err e = r->credentials.identity_token ? ask_by_form(r, q, &reply, em) : ask_by_query(r, q, &reply, em);
	if (e == OK)
		e = status_check(r, reply.status, em);
	if (e == OK)
		e = answer_read(reply.body, &answer, em);
	if (e == OK)
		e = registry_token_parse(secret_bytes(answer), out, until, em);
	return e == OK ? OK : err_wrap(em, e, "%s: token", r->host);
}
