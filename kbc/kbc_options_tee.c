#include "kbc/kbc_options.h"

#include "attest/attester.h"
#include "common/file.h"

#include <stdlib.h>
#include <string.h>

/* What the configuration says of the guest's TEE, its devices and its init data. */

static enum err path_read(json_object *kbs, const char *member, char **out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string_opt(kbs, member, &text, em);
	if (e != OK || !text)
		return e;
	if (!*text)
		return err_set(em, ERR_CONFIG, "is empty");
	*out = strdup(text);
	return *out ? OK : err_nomem(em, "a path");
}

enum err kbc_options_read_root(json_object *kbs, struct kbc_options *o, struct errmsg *em)
{
	enum err e = path_read(kbs, "tee-root", &o->tee_root, em);
	return e == OK && o->tee_root && o->tee_root[0] != '/' ? err_set(em, ERR_CONFIG, "no absolute path") : e;
}

enum err kbc_options_read_tpm(json_object *kbs, struct kbc_options *o, struct errmsg *em)
{
	return path_read(kbs, "tpm", &o->tpm, em);
}

enum err kbc_options_read_devices(json_object *kbs, struct kbc_options *o, struct errmsg *em)
{
	json_object *list = NULL;
	enum err e = json_get_array_opt(kbs, "devices", &list, em);
	size_t count = list ? json_object_array_length(list) : 0;
	if (e == OK && count > KBC_DEVICES_MAX)
		return err_set(em, ERR_CONFIG, "more than %d devices", KBC_DEVICES_MAX);
	for (size_t i = 0; e == OK && i < count; i++) {
		json_object *one = json_object_array_get_idx(list, i);
		if (!json_object_is_type(one, json_type_string))
			return err_set(em, ERR_CONFIG, "element %zu is not a string", i);
		const char *name = json_object_get_string(one);
		for (size_t j = 0; j < i; j++)
			if (strcmp(o->devices[j], name) == 0)
				return err_set(em, ERR_CONFIG, "\"%.64s\" stands there twice", name);
		e = attester_device_check(name, em);
		o->devices[i] = e == OK ? strdup(name) : NULL;
		if (e == OK && !o->devices[i])
			e = err_nomem(em, "a name");
		o->device_count += e == OK;
	}
	return e;
}

/* Read once: these bytes are checked against the TEE before the first request, used, and sent along. */
static enum err init_data_take(const char *path, struct kbc_options *o, char **url, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	struct init_data_kbs kbs = { NULL, NULL };
	enum err e = file_read(path, INIT_DATA_MAX, &text, em);
	if (e == OK)
		e = init_data_parse(buf_bytes(&text), &o->init_data, em);
	if (e == OK)
		e = init_data_kbs_read(o->init_data, &kbs, em);
	if (e != OK)
		return err_wrap(em, e == ERR_NOMEM ? e : ERR_CONFIG, "%s", path);
	*url = kbs.url;
	o->ca_pem = kbs.ca;
	return OK;
}

enum err kbc_options_read_init_data(json_object *kbs, struct kbc_options *o, struct errmsg *em)
{
	const char *path = NULL;
	AUTO_STR
	char *url = NULL;
	enum err e = json_get_string_opt(kbs, "init-data", &path, em);
	if (e == OK && path)
		e = init_data_take(path, o, &url, em);
	return e == OK && url ? kbc_options_add_url(o, url, em) : e;
}

/* "url" beside init data that name the KBS: the same, or a fault. Silently one of them would be the wrong one. */
enum err kbc_options_url_agrees(json_object *url, const struct kbc_options *o, struct errmsg *em)
{
	const char *text = json_object_is_type(url, json_type_string) ? json_object_get_string(url) : "";
	size_t len = strlen(text);
	while (len && text[len - 1] == '/')
		len--;
	if (len == strlen(o->urls[0]) && strncmp(text, o->urls[0], len) == 0)
		return OK;
	return err_set(em, ERR_CONFIG, "the init data name another KBS, %.200s", o->urls[0]);
}

static void string_clear(char **text)
{
	free(*text);
	*text = NULL;
}

void kbc_options_clear_tee(struct kbc_options *o)
{
	string_clear(&o->tee_root);
	string_clear(&o->tpm);
	string_clear(&o->ca_pem);
	for (size_t i = 0; i < o->device_count; i++)
		string_clear(&o->devices[i]);
	o->device_count = 0;
	init_data_free(o->init_data);
	o->init_data = NULL;
}

static bool text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool init_data_equal(const struct init_data *a, const struct init_data *b)
{
	return a && b ? bytes_equal(init_data_text(a), init_data_text(b)) : a == b;
}

bool kbc_options_equal_tee(const struct kbc_options *a, const struct kbc_options *b)
{
	if (a->device_count != b->device_count)
		return false;
	for (size_t i = 0; i < a->device_count; i++)
		if (!text_equal(a->devices[i], b->devices[i]))
			return false;
	return text_equal(a->tee_root, b->tee_root) && text_equal(a->tpm, b->tpm) && text_equal(a->ca_pem, b->ca_pem) &&
	       init_data_equal(a->init_data, b->init_data);
}
