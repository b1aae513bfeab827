#include "image/auth_file.h"

#include "common/file.h"
#include "common/json_scan.h"
#include "image/credential_helper.h"

#include <stdio.h>

#define FILE_MAX_SIZE ((size_t)1 << 20)

void credentials_clear(struct credentials *c)
{
	secret_free(c->user_password);
	secret_free(c->identity_token);
	*c = (struct credentials){ 0 };
}

static bool span_is(struct bytes span, const char *text)
{
	return span.len == strlen(text) && memcmp(span.data, text, span.len) == 0;
}

static bool span_begins(struct bytes span, const char *text)
{
	return span.len >= strlen(text) && memcmp(span.data, text, strlen(text)) == 0;
}

static struct bytes span_skip(struct bytes span, const char *prefix)
{
	size_t n = span_begins(span, prefix) ? strlen(prefix) : 0;
	return (struct bytes){ span.data + n, span.len - n };
}

/* "https://index.docker.io/v1/" is docker.io: what Docker writes for it. Other keys with a scheme mean their host. */
static struct bytes key_normal(struct bytes key)
{
	struct bytes bare = span_skip(span_skip(key, "https://"), "http://");
	const uint8_t *slash = bare.len ? memchr(bare.data, '/', bare.len) : NULL;
	bool old = bare.len != key.len || (slash && span_begins((struct bytes){ slash, bare.len }, "/v1/"));
	if (old && slash)
		bare.len = (size_t)(slash - bare.data);
	return span_is(bare, "index.docker.io") || span_is(bare, "registry-1.docker.io") ? bytes_str("docker.io")
											 : bare;
}

/* How many bytes of "host/ns/repo" the key covers; 0: it does not. */
static size_t key_fits(struct bytes key, const char *scope)
{
	if (key.len == 0 || strncmp((const char *)key.data, scope, key.len) != 0 || strlen(scope) < key.len)
		return 0;
	return scope[key.len] == '\0' || scope[key.len] == '/' ? key.len : 0;
}

/* The best of the members seen so far. */
struct search {
	const char *scope;
	size_t best;
	struct bytes value;
};

static void search_member(void *ctx, struct bytes name, struct bytes value)
{
	struct search *s = ctx;
	size_t fits = key_fits(key_normal(name), s->scope);
	if (fits <= s->best)
		return;
	s->best = fits;
	s->value = value;
}

static enum err member_search(struct bytes object, const char *scope, struct search *out, struct errmsg *em)
{
	*out = (struct search){ .scope = scope };
	return json_scan_each(object, search_member, out, em);
}

/* A member that may be missing or null: raw->len 0 then. */
static enum err member_opt(struct bytes object, const char *name, struct bytes *raw, struct errmsg *em)
{
	*raw = (struct bytes){ NULL, 0 };
	enum err e = json_scan_member(object, (struct json_scan_path){ .path = name }, raw, em);
	if (e == ERR_NOT_FOUND || (e == OK && span_is(*raw, "null")))
		*raw = (struct bytes){ NULL, 0 };
	return e == ERR_NOT_FOUND ? OK : e;
}

/* Empty strings stand for "none". */
static bool raw_has_text(struct bytes raw)
{
	return raw.len > 0 && !span_is(raw, "\"\"");
}

static enum err entry_read(struct bytes entry, struct credentials *out, bool *found, struct errmsg *em)
{
	struct bytes auth = { NULL, 0 };
	struct bytes token = { NULL, 0 };
	enum err e = member_opt(entry, "identitytoken", &token, em);
	if (e == OK && raw_has_text(token)) {
		*found = true;
		return json_scan_string(token, &out->identity_token, em);
	}
	if (e == OK)
		e = member_opt(entry, "auth", &auth, em);
	if (e != OK || !raw_has_text(auth))
		return e;
	e = json_scan_base64(auth, BASE64_STD, &out->user_password, em);
	if (e != OK)
		return e;
	/* Docker pads with NULs. */
	size_t len = secret_len(out->user_password);
	while (len > 0 && secret_data(out->user_password)[len - 1] == '\0')
		len--;
	secret_truncate(out->user_password, len);
	if (len == 0 || !memchr(secret_data(out->user_password), ':', len))
		return err_set(em, ERR_PARSE, "\"auth\" is not USER:PASSWORD in base64");
	*found = true;
	return OK;
}

static enum err helper_ask(struct bytes name_raw, const char *host, struct credentials *out, bool *found,
			   struct errmsg *em)
{
	AUTO(secret) *name = NULL;
	char text[128];
	enum err e = json_scan_string(name_raw, &name, em);
	if (e != OK)
		return e;
	if (secret_len(name) == 0 || secret_len(name) >= sizeof(text) ||
	    memchr(secret_data(name), '\0', secret_len(name)))
		return err_set(em, ERR_PARSE, "the name of a credential helper");
	memcpy(text, secret_data(name), secret_len(name));
	text[secret_len(name)] = '\0';
	return credential_helper_get(text, host, out, found, em);
}

static const char *helper_host(const char *host)
{
	return strcmp(host, "docker.io") == 0 ? "https://index.docker.io/v1/" : host;
}

static enum err auths_search(struct bytes auths, const struct auth_scope *scope, struct credentials *out, bool *found,
			     struct errmsg *em)
{
	struct search best;
	AUTO_STR
	char *whole = NULL;
	if (asprintf(&whole, "%s/%s", scope->host, scope->path) < 0) {
		whole = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	enum err e = auths.len ? member_search(auths, whole, &best, em) : OK;
	return e == OK && auths.len && best.best ? entry_read(best.value, out, found, em) : e;
}

enum err auth_find_in(const struct auth_text *file, const struct auth_scope *scope, struct credentials *out,
		      bool *found, struct errmsg *em)
{
	struct bytes helpers = { NULL, 0 }, auths = file->text, store = { NULL, 0 };
	struct search helper = { 0 };
	*found = false;
	enum err e = json_scan_valid(file->text, em);
	if (e == OK && !file->legacy)
		e = member_opt(file->text, "credHelpers", &helpers, em);
	if (e == OK && helpers.len)
		e = member_search(helpers, scope->host, &helper, em);
	if (e == OK && helper.best) {
		bool some = false;
		*found = true; /* its word is final */
		return helper_ask(helper.value, helper_host(scope->host), out, &some, em);
	}
	if (e == OK && !file->legacy)
		e = member_opt(file->text, "auths", &auths, em);
	if (e == OK)
		e = auths_search(auths, scope, out, found, em);
	if (e == OK && !*found && !file->legacy)
		e = member_opt(file->text, "credsStore", &store, em);
	return e == OK && raw_has_text(store) ? helper_ask(store, helper_host(scope->host), out, found, em) : e;
}

struct auth_place {
	const char *path;
	bool legacy;
};

static enum err place_search(const struct auth_place *place, const struct auth_scope *scope, struct credentials *out,
			     bool *found, struct errmsg *em)
{
	AUTO(secret) *text = NULL;
	*found = false;
	enum err e = file_read_secret(place->path, FILE_MAX_SIZE, &text, em);
	if (e == OK)
		e = auth_find_in(&(struct auth_text){ secret_bytes(text), place->legacy }, scope, out, found, em);
	if (e != OK)
		credentials_clear(out);
	if (e == OK || e == ERR_NOT_FOUND)
		return e;
	return err_wrap(em, e == ERR_PARSE || e == ERR_LIMIT ? ERR_CONFIG : e, "%s", place->path);
}

static enum err resource_search(const struct image_access *access, const struct auth_scope *scope,
				struct credentials *out, struct errmsg *em)
{
	AUTO(secret) *text = NULL;
	bool found = false;
	if (!access->resource)
		return err_set(em, ERR_UNSUPPORTED, "%s: no Key Broker Service is at hand here", access->auth_file);
	enum err e = access->resource(access->resource_user, access->auth_file, &text, em);
	if (e == OK && secret_len(text) > FILE_MAX_SIZE)
		e = err_set(em, ERR_LIMIT, "more than %zu bytes", FILE_MAX_SIZE);
	if (e == OK)
		e = auth_find_in(&(struct auth_text){ secret_bytes(text), false }, scope, out, &found, em);
	return e == OK ? OK : err_wrap(em, e, "%s", access->auth_file);
}

/* The folder that `variable` names, else `otherwise` in the home folder, and in it `name`. malloc'd; NULL: there is no
 * such place. */
struct home_place {
	const char *variable;
	const char *otherwise;
	const char *name;
	bool legacy;
};

static char *home_path(const struct home_place *p)
{
	char *path = NULL;
	const char *folder = p->variable ? getenv(p->variable) : NULL;
	const char *home = getenv("HOME");
	int n = -1;
	if (folder && folder[0])
		n = asprintf(&path, "%s/%s", folder, p->name);
	else if (p->otherwise && home && home[0])
		n = asprintf(&path, "%s/%s%s", home, p->otherwise, p->name);
	return n < 0 ? NULL : path;
}

static enum err homes_search(const struct auth_scope *scope, struct credentials *out, struct errmsg *em)
{
	static const struct home_place places[] = {
		{ "XDG_RUNTIME_DIR", NULL, "containers/auth.json", false },
		{ "XDG_CONFIG_HOME", ".config/", "containers/auth.json", false },
		{ "DOCKER_CONFIG", ".docker/", "config.json", false },
		{ NULL, "", ".dockercfg", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		AUTO_STR
		char *path = home_path(&places[i]);
		bool found = false;
		if (!path)
			continue;
		enum err e = place_search(&(struct auth_place){ path, places[i].legacy }, scope, out, &found, em);
		if (found || (e != OK && e != ERR_NOT_FOUND))
			return e;
	}
	return OK;
}

static enum err files_search(const struct image_access *access, const struct auth_scope *scope, struct credentials *out,
			     struct errmsg *em)
{
	const char *file = access && access->auth_file ? access->auth_file : getenv("REGISTRY_AUTH_FILE");
	bool found = false;
	if (access && access->auth_file && strncmp(file, "kbs://", 6) == 0)
		return resource_search(access, scope, out, em);
	if (!file || !file[0])
		return homes_search(scope, out, em);
	enum err e = place_search(&(struct auth_place){ file, false }, scope, out, &found, em);
	return e == ERR_NOT_FOUND ? ERR_CONFIG : e;
}

enum err auth_find(const struct image_access *access, const struct auth_scope *scope, struct credentials *out,
		   struct errmsg *em)
{
	*out = (struct credentials){ 0 };
	if (access && access->credentials) {
		if (!strchr(access->credentials, ':'))
			return err_set(em, ERR_ARG, "credentials are USER:PASSWORD");
		return secret_copy(bytes_str(access->credentials), &out->user_password, em);
	}
	if (!scope->helpers)
		return files_search(access, scope, out, em);
	enum err e = OK;
	for (size_t i = 0; e == OK && i < json_object_array_length(scope->helpers); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(scope->helpers, i));
		bool found = false;
		if (strcmp(name, "containers-auth.json") == 0)
			e = files_search(access, scope, out, em);
		else
			e = credential_helper_get(name, helper_host(scope->host), out, &found, em);
		if (out->user_password || out->identity_token)
			break;
	}
	return e;
}
