#include "kbs/kbs.h"

#include "common/base64.h"
#include "common/jwe.h"
#include "common/libctx.h"
#include "kbs/admin_token.h"
#include "kbs/key_file.h"

#include <stdio.h>
#include <time.h>

#define RESOURCE_MAX ((size_t)64 << 20)

struct call {
	const char *method;
	char *url; /* owned */
	struct bytes body;
	EVP_PKEY *reply_key; /* borrowed; or NULL */
	const char *content_type;
};

static enum err status_err(long status)
{
	switch (status) {
	case 400:
		return ERR_PARSE;
	case 401:
		return ERR_AUTH;
	case 403:
		return ERR_DENIED;
	case 404:
		return ERR_NOT_FOUND;
	case 413:
		return ERR_LIMIT;
	case 429:
	case 503:
		return ERR_BUSY;
	case 501:
		return ERR_UNSUPPORTED;
	default:
		return ERR_PROTO;
	}
}

/* The server's own words, where it has some. */
static enum err refusal(const struct http_response *resp, const char *url, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	const char *detail = "";
	struct errmsg unused;
	if (json_parse(buf_bytes(&resp->body), 64 * 1024, JSON_STRICT, &root, &unused) != OK ||
	    !json_object_is_type(root, json_type_object) || json_get_string_opt(root, "detail", &detail, &unused) != OK)
		detail = "";
	return err_set(em, status_err(resp->status), "%s: the server answered %ld%s%.600s", url, resp->status,
		       detail[0] ? ": " : "", detail);
}

static enum err call_send(const struct kbs_admin *admin, const struct call *call, struct http_response *resp,
			  struct errmsg *em)
{
	AUTO_STR
	char *jwt = NULL;
	AUTO_STR
	char *bearer = NULL;
	struct http *http = NULL;
	enum err e = admin_token_make(admin->key, call->reply_key, (int64_t)time(NULL), &jwt, em);
	if (e != OK)
		return e;
	if (asprintf(&bearer, "Bearer %s", jwt) < 0) {
		bearer = NULL;
		return err_nomem(em, "a token");
	}
	struct http_header headers[] = { { "Authorization", bearer }, { "Content-Type", call->content_type } };
	struct http_request req = { .method = call->method, .url = call->url, .headers = headers };
	req.header_count = call->content_type ? 2 : 1;
	req.body = call->body;
	req.deadline = admin->deadline;
	e = admin->transport->open(&admin->http, &http, em);
	if (e != OK)
		return e;
	e = admin->transport->request(http, &req, resp, em);
	admin->transport->close(http);
	if (e == OK && resp->status != 200)
		e = refusal(resp, call->url, em);
	return e;
}

static enum err url_make(const struct kbs_admin *admin, const char *tail, char **out, struct errmsg *em)
{
	size_t len = strlen(admin->url);
	while (len > 0 && admin->url[len - 1] == '/')
		len--;
	if (asprintf(out, "%.*s/kbs/v0/%s", (int)len, admin->url, tail) < 0) {
		*out = NULL;
		return err_nomem(em, "a URL");
	}
	return OK;
}

static enum err resource_url(const struct kbs_admin *admin, const struct resource_uri *uri, char **out,
			     struct errmsg *em)
{
	AUTO_STR
	char *tail = NULL;
	if (strcmp(uri->plugin, "resource") != 0)
		return err_set(em, ERR_ARG, "only resources can be administered: kbs:///repository/type/tag");
	if (asprintf(&tail, "resource/%s", uri->path) < 0) {
		tail = NULL;
		return err_nomem(em, "a URL");
	}
	return url_make(admin, tail, out, em);
}

enum err kbs_admin_key(const char *path, EVP_PKEY **out, struct errmsg *em)
{
	return key_file_private(path, out, em);
}

enum err kbs_admin_set(const struct kbs_admin *admin, const struct resource_uri *uri, const struct secret *resource,
		       struct errmsg *em)
{
	AUTO_STR
	char *url = NULL;
	AUTO_HTTP_RESPONSE resp = { 0 };
	enum err e = resource_url(admin, uri, &url, em);
	struct call call = { "POST", url, secret_bytes(resource), NULL, "application/octet-stream" };
	return e == OK ? call_send(admin, &call, &resp, em) : e;
}

enum err kbs_admin_delete(const struct kbs_admin *admin, const struct resource_uri *uri, struct errmsg *em)
{
	AUTO_STR
	char *url = NULL;
	AUTO_HTTP_RESPONSE resp = { 0 };
	enum err e = resource_url(admin, uri, &url, em);
	struct call call = { .method = "DELETE", .url = url };
	return e == OK ? call_send(admin, &call, &resp, em) : e;
}

enum err kbs_admin_get(const struct kbs_admin *admin, const struct resource_uri *uri, struct secret **out,
		       struct errmsg *em)
{
	AUTO_STR
	char *url = NULL;
	AUTO_HTTP_RESPONSE resp = { 0 };
	AUTO_OF(EVP_PKEY) *own = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-256");
	if (!own)
		return err_openssl(em, ERR_CRYPTO, "cannot make a key");
	enum err e = resource_url(admin, uri, &url, em);
	struct call call = { .method = "GET", .url = url, .reply_key = own };
	if (e == OK)
		e = call_send(admin, &call, &resp, em);
	struct jwe_key key = { 0 };
	if (e == OK)
		e = jwe_key_from_pkey(own, &key, em);
	return e == OK ? jwe_decrypt(buf_bytes(&resp.body), RESOURCE_MAX, &key, out, em) : e;
}

enum err kbs_admin_set_policy(const struct kbs_admin *admin, struct bytes policy, struct errmsg *em)
{
	AUTO_STR
	char *url = NULL;
	AUTO_STR
	char *body = NULL;
	AUTO_HTTP_RESPONSE resp = { 0 };
	AUTO_STR
	char *encoded = base64_encode(BASE64_URL, policy);
	if (!encoded || asprintf(&body, "{\"policy\":\"%s\"}", encoded) < 0) {
		body = NULL;
		return err_nomem(em, "a policy");
	}
	enum err e = url_make(admin, "resource-policy", &url, em);
	struct call call = { "POST", url, bytes_str(body), NULL, "application/json" };
	return e == OK ? call_send(admin, &call, &resp, em) : e;
}

enum err kbs_admin_get_policy(const struct kbs_admin *admin, struct buf *out, struct errmsg *em)
{
	AUTO_STR
	char *url = NULL;
	AUTO_HTTP_RESPONSE resp = { 0 };
	AUTO_OF(json_object) *root = NULL;
	const char *encoded = NULL;
	enum err e = url_make(admin, "resource-policy/resource-policy", &url, em);
	struct call call = { .method = "GET", .url = url };
	if (e == OK)
		e = call_send(admin, &call, &resp, em);
	if (e == OK)
		e = json_parse(buf_bytes(&resp.body), 1 << 20, JSON_STRICT, &root, em);
	if (e == OK)
		e = json_get_string(root, "policy", &encoded, em);
	return e == OK ? base64_decode(BASE64_URL, bytes_str(encoded), out, em) : e;
}
