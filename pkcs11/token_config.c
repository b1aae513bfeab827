#include "pkcs11/token_config.h"

#include "common/log.h"

#include <stdio.h>

#define LIFETIME_DEFAULT_S 3600
#define LIFETIME_MAX_S (7 * 24 * 3600)
/* As common/settings.h has it. */
#define SETTINGS_VARIABLE "KBS_PKCS11_CONF"
#define SETTINGS_DEFAULT "/etc/kbs-pkcs11/kbs-pkcs11.json"

static enum err stamp_take(struct token_config_stamp *stamp, struct errmsg *em)
{
	const char *variable = secure_getenv(SETTINGS_VARIABLE);
	memset(stamp, 0, sizeof(*stamp));
	stamp->variable = variable ? strdup(variable) : NULL;
	stamp->path = strdup(variable && *variable ? variable : SETTINGS_DEFAULT);
	if (!stamp->path || (variable && !stamp->variable)) {
		token_config_stamp_clear(stamp);
		return err_set(em, ERR_NOMEM, "no memory for the configuration");
	}
	struct stat st;
	stamp->absent = stat(stamp->path, &st) != 0;
	if (!stamp->absent) {
		stamp->device = st.st_dev;
		stamp->inode = st.st_ino;
		stamp->size = st.st_size;
		stamp->changed = st.st_mtim;
	}
	return OK;
}

void token_config_stamp_clear(struct token_config_stamp *stamp)
{
	free(stamp->variable);
	free(stamp->path);
	memset(stamp, 0, sizeof(*stamp));
}

bool token_config_unchanged(const struct token_config_stamp *stamp)
{
	struct token_config_stamp now;
	struct errmsg ignored;
	if (stamp_take(&now, &ignored) != OK)
		return false;
	bool same = strcmp(now.path, stamp->path) == 0 && !now.variable == !stamp->variable &&
		    now.absent == stamp->absent && now.device == stamp->device && now.inode == stamp->inode &&
		    now.size == stamp->size && now.changed.tv_sec == stamp->changed.tv_sec &&
		    now.changed.tv_nsec == stamp->changed.tv_nsec;
	token_config_stamp_clear(&now);
	return same;
}

static enum err read_token(json_object *token, struct token_config *out, struct errmsg *em)
{
	static const char *const members[] = { "label", "catalog", "lifetime", NULL };
	const char *label = NULL, *catalog = NULL;
	int64_t lifetime = out->lifetime_ms / 1000;
	enum err e = json_only_members(token, members, em);
	if (e == OK)
		e = json_get_string_opt(token, "label", &label, em);
	if (e == OK)
		e = json_get_string_opt(token, "catalog", &catalog, em);
	if (e == OK)
		e = json_get_int_opt(token, "lifetime", 1, LIFETIME_MAX_S, &lifetime, em);
	if (e != OK)
		return e;
	if (label && (!*label || strlen(label) > TOKEN_LABEL_MAX))
		return err_set(em, ERR_PARSE, "\"label\" is 1 to %d bytes", TOKEN_LABEL_MAX);
	if (label)
		memcpy(out->label, label, strlen(label) + 1);
	out->lifetime_ms = lifetime * 1000;
	struct resource_uri uri;
	if (!catalog)
		return OK;
	e = resource_uri_parse(catalog, &uri, em);
	if (e != OK)
		return err_wrap(em, e, "\"catalog\"");
	out->catalog = strdup(catalog);
	return out->catalog ? OK : err_set(em, ERR_NOMEM, "no memory for \"catalog\"");
}

static enum err read_kbs(json_object *kbs, struct token_config *out, struct errmsg *em)
{
	enum err e = kbc_options_read(kbs, &out->kbs, em);
	if (e == ERR_NOT_FOUND && !kbs) {
		log_warn("pkcs11", "no-kbs", "text=\"%s\"", em->text);
		return OK;
	}
	if (e != OK)
		return e;
	out->have_kbs = true;
	out->kbs_from_environment = !kbs || !json_object_object_get(kbs, "url");
	out->kbs.lifetime_ms = out->lifetime_ms;
	return OK;
}

static enum err read_root(json_object *root, struct token_config *out, struct errmsg *em)
{
	json_object *kbs = NULL, *token = NULL, *objects = NULL;
	enum err e = OK;
	if (root) {
		e = json_get_object_opt(root, "kbs", &kbs, em);
		if (e == OK)
			e = json_get_object_opt(root, "token", &token, em);
		if (e == OK)
			e = json_get_array_opt(root, "objects", &objects, em);
		if (e == OK)
			e = json_get_bool_opt(root, "harden", &out->harden, em);
	}
	if (e == OK && token) {
		e = read_token(token, out, em);
		if (e != OK)
			return err_wrap(em, e, "token");
	}
	if (e == OK)
		e = read_kbs(kbs, out, em);
	if (e == OK && objects)
		e = entry_list_read(objects, ENTRY_CONFIGURED, &out->objects, em);
	return e;
}

enum err token_config_load(struct token_config *out, struct token_config_stamp *stamp, struct errmsg *em)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->label, sizeof(out->label), "kbs");
	out->lifetime_ms = LIFETIME_DEFAULT_S * 1000;
	enum err e = stamp_take(stamp, em);
	if (e != OK)
		return e;
	AUTO(settings) *settings = NULL;
	e = settings_load(NULL, &settings, em);
	if (e == OK || e == ERR_NOT_FOUND) {
		e = read_root(settings ? settings->root : NULL, out, em);
		if (e != OK && settings)
			e = err_wrap(em, e == ERR_NOMEM ? e : ERR_CONFIG, "%s", settings->path);
	}
	if (e != OK) {
		token_config_clear(out);
		token_config_stamp_clear(stamp);
	}
	return e;
}

void token_config_clear(struct token_config *config)
{
	free(config->catalog);
	entry_list_clear(&config->objects);
	kbc_options_clear(&config->kbs);
	memset(config, 0, sizeof(*config));
}
