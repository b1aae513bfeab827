#include "kbc/kbc_options.h"

#include "common/file.h"
#include "kbc/kbc_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CMDLINE_PATH "/proc/cmdline"
#define CMDLINE_KEY "agent.aa_kbc_params="
#define CMDLINE_MAX 65536

static const char *const members[] = { "kbc",     "url",      "ca",  "attester", "timeout",   "allow-http",
				       "tee-key", "tee-root", "tpm", "devices",  "init-data", NULL };
static const char *const key_types[] = { "P-256", "P-521", "RSA" };

static void set_defaults(struct kbc_options *o)
{
	*o = (struct kbc_options){
		.kind = "cc_kbc",
		.attester = "auto",
		.key_type = "P-256",
		.timeout_ms = 30 * 1000,
		.lifetime_ms = 3600 * 1000,
		.max_resource = 4U << 20,
	};
}

void kbc_options_clear(struct kbc_options *o)
{
	for (size_t i = 0; i < o->url_count; i++)
		free(o->urls[i]);
	free(o->ca_file);
	kbc_options_clear_tee(o);
	*o = (struct kbc_options){ .kind = "" };
}

static bool text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool kbc_options_equal(const struct kbc_options *a, const struct kbc_options *b)
{
	if (a->url_count != b->url_count)
		return false;
	for (size_t i = 0; i < a->url_count; i++)
		if (!text_equal(a->urls[i], b->urls[i]))
			return false;
	return text_equal(a->kind, b->kind) && text_equal(a->ca_file, b->ca_file) &&
	       text_equal(a->attester, b->attester) && text_equal(a->key_type, b->key_type) &&
	       a->allow_plain == b->allow_plain && a->timeout_ms == b->timeout_ms && a->lifetime_ms == b->lifetime_ms &&
	       a->max_resource == b->max_resource && kbc_options_equal_tee(a, b);
}

enum err kbc_options_add_url(struct kbc_options *o, const char *url, struct errmsg *em)
{
	if (o->url_count == KBC_URLS_MAX)
		return err_set(em, ERR_CONFIG, "more than %d URLs", KBC_URLS_MAX);
	enum err e = kbc_url_check(url, o->allow_plain, em);
	if (e != OK)
		return err_wrap(em, e, "\"%.200s\"", url);
	size_t len = strlen(url);
	while (len && url[len - 1] == '/')
		len--;
	o->urls[o->url_count] = strndup(url, len);
	if (!o->urls[o->url_count])
		return err_nomem(em, "a URL");
	o->url_count++;
	return OK;
}

static bool kind_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static enum err set_kind(struct kbc_options *o, struct bytes name, struct errmsg *em)
{
	bool good = name.len >= 1 && name.len < sizeof(o->kind);
	for (size_t i = 0; good && i < name.len; i++)
		good = kind_char((char)name.data[i]);
	if (!good)
		return err_set(em, ERR_CONFIG, "the name of a Key Broker Client is like \"cc_kbc\"");
	memcpy(o->kind, name.data, name.len);
	o->kind[name.len] = '\0';
	return OK;
}

enum err kbc_options_from_params(const char *params, const char *source, struct kbc_options *out, struct errmsg *em)
{
	const char *colons = strstr(params, "::");
	if (!colons)
		return err_set(em, ERR_CONFIG, "%s: not of the form cc_kbc::URL", source);
	enum err e = set_kind(out, (struct bytes){ (const uint8_t *)params, (size_t)(colons - params) }, em);
	if (e == OK)
		e = kbc_options_add_url(out, colons + 2, em);
	return e == OK ? OK : err_wrap(em, e, "%s", source);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\0';
}

enum err kbc_options_find_params(struct bytes cmdline, char **out, struct errmsg *em)
{
	const char *text = (const char *)cmdline.data;
	size_t key = strlen(CMDLINE_KEY);
	*out = NULL;
	for (size_t i = 0, end; i < cmdline.len; i = end + 1) {
		for (end = i; end < cmdline.len && !is_blank(text[end]);)
			end++;
		size_t from = i, to = end;
		/* The whole parameter or its value may stand in quotes. */
		if (from < to && text[from] == '"')
			from++;
		if (to - from <= key || memcmp(text + from, CMDLINE_KEY, key) != 0)
			continue;
		from += key;
		if (text[from] == '"')
			from++;
		if (to > from && text[to - 1] == '"')
			to--;
		free(*out); /* as the kernel does: the last one counts */
		*out = strndup(text + from, to - from);
		if (!*out)
			return err_nomem(em, "the kernel command line");
	}
	return OK;
}

static enum err params_from_kernel(char **out, struct errmsg *em)
{
	AUTO_BUF
	cmdline = { 0 };
	*out = NULL;
	if (access(CMDLINE_PATH, R_OK) != 0)
		return OK;
	enum err e = file_read(CMDLINE_PATH, CMDLINE_MAX, &cmdline, em);
	return e == OK ? kbc_options_find_params(buf_bytes(&cmdline), out, em) : e;
}

/* Where CoCo says it: the environment, then the kernel. ERR_NOT_FOUND if neither does. */
static enum err read_params(struct kbc_options *o, struct errmsg *em)
{
	const char *env = secure_getenv("AA_KBC_PARAMS");
	if (env && *env)
		return kbc_options_from_params(env, "AA_KBC_PARAMS", o, em);
	AUTO_STR
	char *params = NULL;
	enum err e = params_from_kernel(&params, em);
	if (e != OK)
		return e;
	if (params)
		return kbc_options_from_params(params, "agent.aa_kbc_params of the kernel command line", o, em);
	return err_set(em, ERR_NOT_FOUND,
		       "no KBS is configured: set \"kbs\": {\"url\": \"https://...\"} in the configuration, or "
		       "AA_KBC_PARAMS=cc_kbc::https://...");
}

static enum err read_urls(json_object *kbs, struct kbc_options *o, struct errmsg *em)
{
	json_object *url = NULL;
	bool there = json_object_object_get_ex(kbs, "url", &url) && url;
	if (o->url_count)
		return there ? kbc_options_url_agrees(url, o, em) : OK;
	if (!there)
		return read_params(o, em);
	if (json_object_is_type(url, json_type_string))
		return kbc_options_add_url(o, json_object_get_string(url), em);
	if (!json_object_is_type(url, json_type_array) || json_object_array_length(url) == 0)
		return err_set(em, ERR_CONFIG, "not a string, nor an array of strings");
	for (size_t i = 0; i < json_object_array_length(url); i++) {
		json_object *one = json_object_array_get_idx(url, i);
		if (!json_object_is_type(one, json_type_string))
			return err_set(em, ERR_CONFIG, "element %zu is not a string", i);
		enum err e = kbc_options_add_url(o, json_object_get_string(one), em);
		if (e != OK)
			return e;
	}
	return OK;
}

static enum err read_name(json_object *kbs, const char *member, struct bytes *to, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string_opt(kbs, member, &text, em);
	*to = bytes_str(text);
	return e;
}

static enum err read_kind(json_object *kbs, struct kbc_options *o, struct errmsg *em)
{
	struct bytes name;
	enum err e = read_name(kbs, "kbc", &name, em);
	if (e != OK || !name.data)
		return e;
	return set_kind(o, name, em);
}

static enum err read_attester(json_object *kbs, struct kbc_options *o, struct errmsg *em)
{
	struct bytes name;
	enum err e = read_name(kbs, "attester", &name, em);
	if (e != OK || !name.data)
		return e;
	if (!name.len || name.len >= sizeof(o->attester))
		return err_set(em, ERR_CONFIG, "not the name of an attester");
	memcpy(o->attester, name.data, name.len + 1);
	return OK;
}

static enum err read_key_type(json_object *kbs, struct kbc_options *o, struct errmsg *em)
{
	struct bytes name;
	enum err e = read_name(kbs, "tee-key", &name, em);
	if (e != OK || !name.data)
		return e;
	for (size_t i = 0; i < ARRAY_LEN(key_types); i++) {
		if (strcmp((const char *)name.data, key_types[i]) != 0)
			continue;
		strcpy(o->key_type, key_types[i]);
		return OK;
	}
	return err_set(em, ERR_CONFIG, "is none of P-256, P-521, RSA");
}

static enum err read_ca(json_object *kbs, struct kbc_options *o, struct errmsg *em)
{
	const char *path = NULL;
	enum err e = json_get_string_opt(kbs, "ca", &path, em);
	if (e != OK || !path)
		return e;
	if (!*path)
		return err_set(em, ERR_CONFIG, "an empty path");
	if (o->ca_pem)
		return err_set(em, ERR_CONFIG, "the init data name the KBS's certificates");
	o->ca_file = strdup(path);
	return o->ca_file ? OK : err_nomem(em, "a path");
}

static enum err read_timeout(json_object *kbs, struct kbc_options *o, struct errmsg *em)
{
	int64_t seconds = o->timeout_ms / 1000;
	enum err e = json_get_int_opt(kbs, "timeout", 1, 3600, &seconds, em);
	o->timeout_ms = seconds * 1000;
	return e;
}

static enum err read_allow_http(json_object *kbs, struct kbc_options *o, struct errmsg *em)
{
	return json_get_bool_opt(kbs, "allow-http", &o->allow_plain, em);
}

static enum err read_object(json_object *kbs, struct kbc_options *o, bool guest, struct errmsg *em)
{
	/* "allow-http" and "kbc" come before the URLs, which are held against the one and may replace the other; init
	 * data before what they may replace. */
	static const struct {
		const char *member;
		enum err (*read)(json_object *kbs, struct kbc_options *o, struct errmsg *em);
		bool guest;
	} readers[] = {
		{ "allow-http", read_allow_http, true },
		{ "kbc", read_kind, true },
		{ "init-data", kbc_options_read_init_data, true },
		{ "url", read_urls, false },
		{ "ca", read_ca, false },
		{ "attester", read_attester, true },
		{ "timeout", read_timeout, true },
		{ "tee-key", read_key_type, false },
		{ "tee-root", kbc_options_read_root, true },
		{ "tpm", kbc_options_read_tpm, true },
		{ "devices", kbc_options_read_devices, false },
	};
	if (!json_object_is_type(kbs, json_type_object))
		return err_set(em, ERR_CONFIG, "\"kbs\" is not an object");
	enum err e = json_only_members(kbs, members, em);
	if (e != OK)
		return err_wrap(em, ERR_CONFIG, "\"kbs\"");
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		e = guest && !readers[i].guest ? OK : readers[i].read(kbs, o, em);
		if (e == ERR_PARSE)
			e = ERR_CONFIG;
		if (e != OK)
			return err_wrap(em, e, "\"kbs\".\"%s\"", readers[i].member);
	}
	return OK;
}

enum err kbc_options_read(json_object *kbs, struct kbc_options *out, struct errmsg *em)
{
	set_defaults(out);
	enum err e = kbs ? read_object(kbs, out, false, em) : read_params(out, em);
	if (e != OK)
		kbc_options_clear(out);
	return e;
}

enum err kbc_options_read_guest(json_object *kbs, struct kbc_options *out, struct errmsg *em)
{
	set_defaults(out);
	enum err e = kbs ? read_object(kbs, out, true, em) : OK;
	if (e != OK)
		kbc_options_clear(out);
	return e;
}
