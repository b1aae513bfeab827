#include "kbc/cc_message.h"

#include "attest/attest.h"
#include "common/json_scan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PROTOCOL_VERSION "0.4.0"
#define CHALLENGE_MAX 65536
#define TOKEN_MAX (1U << 20)
#define NONCE_LEAST 16
#define NONCE_MOST 64
#define COOKIE_NAME "kbs-session-id="
#define COOKIE_MOST 512
#define SESSION_LONGEST_S (24 * 3600)

enum err cc_request_write(const char *tee, char **out, struct errmsg *em)
{
	if (!attest_tee_known(tee))
		return err_set(em, ERR_INTERNAL, "the protocol knows no TEE \"%s\"", tee);
	if (asprintf(out,
		     "{\"version\":\"" PROTOCOL_VERSION "\",\"tee\":\"%s\",\"extra-params\":"
		     "{\"supported-hash-algorithms\":[\"sha256\",\"sha384\",\"sha512\"]}}",
		     tee) < 0)
		return err_nomem(em, "a request");
	return OK;
}

static enum err nonce_check(const char *nonce, struct errmsg *em)
{
	AUTO_BUF
	raw = { 0 };
	if (strlen(nonce) >= sizeof(((struct cc_challenge *)0)->nonce))
		return err_set(em, ERR_PROTO, "its nonce is too long");
	enum err e = base64_decode(BASE64_STD, bytes_str(nonce), &raw, em);
	if (e != OK)
		return err_wrap(em, ERR_PROTO, "its nonce");
	if (raw.len < NONCE_LEAST || raw.len > NONCE_MOST)
		return err_set(em, ERR_PROTO, "its nonce has %zu bytes, not %d to %d", raw.len, NONCE_LEAST,
			       NONCE_MOST);
	return OK;
}

static enum err hash_select(json_object *root, char hash[8], struct errmsg *em)
{
	static const char *const known[] = { "sha256", "sha384", "sha512" };
	json_object *extra = NULL;
	const char *name = "sha384";
	if (json_object_object_get_ex(root, "extra-params", &extra) && json_object_is_type(extra, json_type_object)) {
		enum err e = json_get_string_opt(extra, "selected-hash-algorithm", &name, em);
		if (e != OK)
			return err_wrap(em, ERR_PROTO, "its extra-params");
	}
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcasecmp(name, known[i]) != 0)
			continue;
		strcpy(hash, known[i]);
		return OK;
	}
	return err_set(em, ERR_PROTO, "it selects a hash algorithm that was not offered");
}

enum err cc_challenge_read(struct bytes body, struct cc_challenge *out, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	const char *nonce;
	enum err e = json_parse(body, CHALLENGE_MAX, JSON_STRICT, &root, em);
	if (e == OK)
		e = json_get_string(root, "nonce", &nonce, em);
	if (e == OK)
		e = nonce_check(nonce, em);
	if (e == OK)
		e = hash_select(root, out->hash, em);
	if (e != OK)
		return err_wrap(em, e, "the KBS's challenge");
	strcpy(out->nonce, nonce);
	return OK;
}

/* Takes `value` over, also on failure. */
static bool put(json_object *to, const char *name, json_object *value)
{
	if (value && json_object_object_add(to, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

/* {"format":"toml","body":"<raw text>"} */
static bool put_init_data(json_object *root, const struct init_data *init_data)
{
	if (!init_data)
		return json_object_object_add(root, "init-data", NULL) == 0;
	json_object *object = json_object_new_object();
	struct bytes text = init_data_text(init_data);
	bool good = put(root, "init-data", object) &&
		    put(object, "format", json_object_new_string(init_data_format(init_data)));
	return good && put(object, "body", json_object_new_string_len((const char *)text.data, (int)text.len));
}

static bool fill(json_object *root, const struct cc_attestation *from)
{
	json_object *runtime = json_object_new_object(), *evidence = json_object_new_object();
	bool good = put_init_data(root, from->init_data);
	/* From here on root owns both. */
	good = put(root, "runtime-data", runtime) && good;
	good = put(root, "tee-evidence", evidence) && good;
	return good && put(runtime, "nonce", json_object_new_string(from->nonce)) &&
	       put(runtime, "tee-pubkey", json_object_get(from->tee_pubkey)) &&
	       put(evidence, "primary_evidence", json_object_get(from->primary_evidence)) &&
	       put(evidence, "additional_evidence", json_object_new_string(from->additional_evidence));
}

enum err cc_attestation_write(const struct cc_attestation *from, char **out, struct errmsg *em)
{
	AUTO_OF(json_object) *root = json_object_new_object();
	*out = root && fill(root, from) ? json_text(root) : NULL;
	return *out ? OK : err_nomem(em, "evidence");
}

enum err cc_token_read(struct bytes body, struct secret **token, struct errmsg *em)
{
	struct bytes raw;
	if (body.len > TOKEN_MAX)
		return err_set(em, ERR_LIMIT, "the KBS's attestation result is larger than %u bytes", TOKEN_MAX);
	enum err e = json_scan_member(body, (struct json_scan_path){ "token", false }, &raw, em);
	if (e == OK)
		e = json_scan_string(raw, token, em);
	return e == OK ? OK : err_wrap(em, e == ERR_NOT_FOUND ? ERR_PARSE : e, "the KBS's attestation result");
}

static bool is_base64url(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!isalnum(text.data[i]) && text.data[i] != '-' && text.data[i] != '_')
			return false;
	return text.len > 0;
}

/* The three parts of a compact JWS; false if it is none. What we would put into a header is safe there then. */
static bool jwt_payload(struct bytes token, struct bytes *payload)
{
	struct bytes parts[3];
	size_t from = 0;
	for (size_t i = 0; i < 3; i++) {
		size_t to = from;
		while (to < token.len && token.data[to] != '.')
			to++;
		parts[i] = (struct bytes){ token.data + from, to - from };
		if (!is_base64url(parts[i]) || (i < 2) != (to < token.len))
			return false;
		from = to + 1;
	}
	*payload = parts[1];
	return true;
}

/* A NumericDate (RFC 7519 section 2) without its fraction. */
static enum err numeric_date(struct bytes claims, const char *name, int64_t *out, struct errmsg *em)
{
	struct bytes raw;
	enum err e = json_scan_member(claims, (struct json_scan_path){ name, false }, &raw, em);
	*out = 0;
	if (e != OK)
		return e == ERR_NOT_FOUND ? OK : e;
	size_t digits = 0;
	while (digits < raw.len && isdigit(raw.data[digits]))
		digits++;
	if (digits < 1 || digits > 12 || (digits < raw.len && raw.data[digits] != '.'))
		return err_set(em, ERR_PARSE, "\"%s\" is not a time", name);
	for (size_t i = 0; i < digits; i++)
		*out = *out * 10 + (raw.data[i] - '0');
	return OK;
}

enum err cc_token_times(struct bytes token, struct cc_times *out, struct errmsg *em)
{
	AUTO(secret) *claims = NULL;
	struct bytes payload;
	if (!jwt_payload(token, &payload))
		return err_set(em, ERR_PARSE, "the KBS's attestation result is not a JWT");
	enum err e = base64_decode_secret(BASE64_URL, payload, &claims, em);
	if (e == OK)
		e = numeric_date(secret_bytes(claims), "iat", &out->iat, em);
	if (e == OK)
		e = numeric_date(secret_bytes(claims), "exp", &out->exp, em);
	return e == OK ? OK : err_wrap(em, e, "the KBS's attestation result");
}

/* RFC 6265 section 4.1.1, cookie-octet. */
static size_t cookie_octets(struct bytes text)
{
	size_t n = 0;
	while (n < text.len && text.data[n] > ' ' && text.data[n] <= '~' && !strchr("\",;\\", text.data[n]))
		n++;
	return n;
}

static void read_max_age(struct bytes attributes, int64_t *seconds)
{
	static const char name[] = "max-age=";
	size_t len = sizeof(name) - 1;
	for (size_t i = 0; i + len < attributes.len; i++) {
		if (strncasecmp((const char *)attributes.data + i, name, len) != 0)
			continue;
		int64_t value = 0;
		for (i += len; i < attributes.len && isdigit(attributes.data[i]) && value <= SESSION_LONGEST_S; i++)
			value = value * 10 + (attributes.data[i] - '0');
		*seconds = value < SESSION_LONGEST_S ? value : SESSION_LONGEST_S;
		return;
	}
}

static struct bytes next_line(struct bytes *rest)
{
	const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
	struct bytes line = { rest->data, end ? (size_t)(end - rest->data) : rest->len };
	size_t taken = end ? line.len + 1 : line.len;
	*rest = (struct bytes){ rest->data + taken, rest->len - taken };
	return line;
}

static bool cut_prefix(struct bytes *text, const char *prefix)
{
	size_t len = strlen(prefix);
	if (text->len < len || memcmp(text->data, prefix, len) != 0)
		return false;
	*text = (struct bytes){ text->data + len, text->len - len };
	return true;
}

enum err cc_cookie_read(const struct http_response *resp, struct secret **pair, int64_t *seconds, struct errmsg *em)
{
	struct bytes rest = buf_bytes(&resp->headers);
	while (rest.len) {
		/* Others may set cookies on the way: only ours counts. */
		struct bytes line = next_line(&rest);
		if (!cut_prefix(&line, "set-cookie: ") || !cut_prefix(&line, COOKIE_NAME))
			continue;
		size_t value = cookie_octets(line);
		size_t name = strlen(COOKIE_NAME);
		if (!value || value > COOKIE_MOST || (value < line.len && line.data[value] != ';'))
			return err_set(em, ERR_PROTO, "auth: the KBS's session cookie is malformed");
		enum err e = secret_new(name + value + 1, pair, em);
		if (e != OK)
			return e;
		memcpy(secret_data(*pair), COOKIE_NAME, name);
		memcpy(secret_data(*pair) + name, line.data, value);
		read_max_age((struct bytes){ line.data + value, line.len - value }, seconds);
		return OK;
	}
	return err_set(em, ERR_PROTO, "auth: the KBS's answer sets no session cookie");
}
