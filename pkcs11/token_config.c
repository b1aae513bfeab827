#include "pkcs11/token_config.h"

#include "common/log.h"

#include <stdio.h>

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
		return err_nomem(em, "the configuration");
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

static enum err copy_text(const char *text, char **to, struct errmsg *em)
{
	*to = strdup(text);
	return *to ? OK : err_nomem(em, "the configuration");
}

static enum err read_label(json_object *token, bool needed, struct token_config *out, struct errmsg *em)
{
	const char *label = NULL;
	enum err e =
		needed ? json_get_string(token, "label", &label, em) : json_get_string_opt(token, "label", &label, em);
	if (e != OK || !label)
		return e;
	if (!*label || strlen(label) > TOKEN_LABEL_MAX)
		return err_set(em, ERR_PARSE, "\"label\" is 1 to %d bytes", TOKEN_LABEL_MAX);
	memcpy(out->label, label, strlen(label) + 1);
	return OK;
}

static enum err read_token(json_object *token, struct token_config *out, struct errmsg *em)
{
	const char *catalog = NULL;
	struct resource_uri uri;
	enum err e = json_get_string_opt(token, "catalog", &catalog, em);
	if (e == OK)
		e = lease_terms_read(token, &out->lease, em);
	if (e == OK)
		e = pin_config_read(token, &out->pin, em);
	if (e != OK)
		return e;
	if (!catalog)
		return OK;
	e = resource_uri_parse(catalog, &uri, em);
	return e == OK ? copy_text(catalog, &out->catalog, em) : err_wrap(em, e, "\"catalog\"");
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
	out->kbs.lifetime_ms = out->lease.lifetime_ms;
	return OK;
}

/* Where the parts of one token's configuration stand. */
struct token_parts {
	json_object *token, *kbs, *objects;
	struct bytes list; /* the same objects, as text; empty: as json-c has them */
	struct entry_list *read; /* the same, read already; NULL: not yet */
};

static enum err read_parts(const struct token_parts *parts, struct token_config *out, struct errmsg *em)
{
	enum err e = parts->token ? read_token(parts->token, out, em) : OK;
	if (e != OK)
		return err_wrap(em, e, "token");
	e = read_kbs(parts->kbs, out, em);
	if (e != OK || !parts->objects)
		return e;
	if (parts->read) {
		out->objects = *parts->read;
		*parts->read = (struct entry_list){ .items = NULL };
		return OK;
	}
	if (parts->list.len)
		return entry_list_scan(parts->list, ENTRY_CONFIGURED, &out->objects, em);
	return entry_list_read(parts->objects, ENTRY_CONFIGURED, &out->objects, em);
}

static enum err make_room(struct token_configs *out, size_t count, struct errmsg *em)
{
	out->items = calloc(count, sizeof(*out->items));
	if (!out->items)
		return err_nomem(em, "tokens");
	out->count = count;
	for (size_t i = 0; i < count; i++) {
		snprintf(out->items[i].label, sizeof(out->items[i].label), "kbs");
		out->items[i].lease =
			(struct lease_terms){ LEASE_LIFETIME_DEFAULT_S * 1000, LEASE_FAIL, PREFETCH_NEVER };
	}
	return OK;
}

/* Lists of objects that were read along with the file: of the file itself, then of its tokens. */
struct early {
	struct entry_list lists[TOKENS_MAX + 1];
	bool read[TOKENS_MAX + 1];
};

/* What is wrong in a list is said when its token is read: here it is left alone. */
static bool take_list(void *ctx, struct bytes text, size_t *at, long outer)
{
	struct early *early = ctx;
	struct errmsg ignored;
	size_t place = (size_t)(outer + 1), end = *at;
	if (place > TOKENS_MAX || early->read[place])
		return false;
	early->read[place] = entry_list_scan_at(text, &end, ENTRY_CONFIGURED, &early->lists[place], &ignored) == OK;
	if (early->read[place])
		*at = end;
	return early->read[place];
}

static void early_free(struct early *early)
{
	for (size_t i = 0; early && i <= TOKENS_MAX; i++)
		entry_list_clear(&early->lists[i]);
	free(early);
}
AUTO_DEFINE(early)

/* What both ways to write a configuration share. */
struct root {
	const struct settings *settings; /* or NULL: there is no file */
	json_object *kbs;
	struct early *early;
};

static struct entry_list *read_of(const struct root *root, size_t place)
{
	return root->early->read[place] ? &root->early->lists[place] : NULL;
}

static struct bytes list_of(const struct root *root, long token)
{
	return root->settings ? settings_objects(root->settings, token) : (struct bytes){ NULL, 0 };
}

static enum err read_single(const struct root *from, struct token_configs *out, struct errmsg *em)
{
	json_object *root = from->settings ? from->settings->root : NULL;
	static const char *const members[] = { "label", "catalog", LEASE_MEMBERS, PIN_MEMBERS, NULL };
	struct token_parts parts = { NULL, from->kbs, NULL, list_of(from, -1), read_of(from, 0) };
	enum err e = make_room(out, 1, em);
	if (e == OK && root)
		e = json_get_object_opt(root, "token", &parts.token, em);
	if (e == OK && root)
		e = json_get_array_opt(root, "objects", &parts.objects, em);
	if (e == OK && parts.token) {
		e = json_only_members(parts.token, members, em);
		if (e == OK)
			e = read_label(parts.token, false, &out->items[0], em);
		if (e != OK)
			return err_wrap(em, e, "token");
	}
	return e == OK ? read_parts(&parts, &out->items[0], em) : e;
}

static enum err read_one_of(json_object *token, struct token_parts parts, struct token_config *out, struct errmsg *em)
{
	static const char *const members[] = { "label", "catalog", LEASE_MEMBERS, PIN_MEMBERS, "kbs", "objects", NULL };
	parts.token = token;
	enum err e = json_only_members(token, members, em);
	if (e == OK)
		e = read_label(token, true, out, em);
	if (e == OK)
		e = json_get_object_opt(token, "kbs", &parts.kbs, em);
	if (e == OK)
		e = json_get_array_opt(token, "objects", &parts.objects, em);
	return e == OK ? read_parts(&parts, out, em) : e;
}

/* A wrong one keeps its slot, and what is wrong with it. */
static enum err set_wrong(struct token_config *config, enum err e, const struct errmsg *why, struct errmsg *em)
{
	config->wrong = e;
	return copy_text(why->text, &config->why, em);
}

static enum err check_labels(const struct token_configs *configs, struct errmsg *em)
{
	for (size_t i = 0; i < configs->count; i++)
		for (size_t k = 0; k < i; k++)
			if (!configs->items[i].wrong && !configs->items[k].wrong &&
			    strcmp(configs->items[i].label, configs->items[k].label) == 0)
				return err_set(em, ERR_PARSE, "tokens[%zu] and tokens[%zu] have the same label", k, i);
	return OK;
}

static enum err check_any_good(const struct token_configs *configs, struct errmsg *em)
{
	for (size_t i = 0; i < configs->count; i++)
		if (!configs->items[i].wrong)
			return OK;
	return err_set(em, configs->items[0].wrong, "%s", configs->items[0].why);
}

static enum err read_several(json_object *tokens, const struct root *root, struct token_configs *out, struct errmsg *em)
{
	size_t count = json_object_array_length(tokens);
	if (count < 1 || count > TOKENS_MAX)
		return err_set(em, ERR_PARSE, "\"tokens\" are 1 to %d", TOKENS_MAX);
	enum err e = make_room(out, count, em);
	for (size_t i = 0; e == OK && i < count; i++) {
		struct errmsg why = { "" };
		struct token_config *config = &out->items[i];
		struct token_parts parts = { NULL, root->kbs, NULL, list_of(root, (long)i), read_of(root, i + 1) };
		enum err wrong = read_one_of(json_object_array_get_idx(tokens, i), parts, config, &why);
		if (wrong == ERR_NOMEM)
			return err_set(em, wrong, "%s", why.text);
		if (wrong != OK)
			e = set_wrong(config, err_wrap(&why, wrong, "tokens[%zu]", i), &why, em);
	}
	if (e == OK)
		e = check_labels(out, em);
	return e == OK ? check_any_good(out, em) : e;
}

static enum err read_root(const struct settings *settings, struct early *early, struct token_configs *out,
			  struct errmsg *em)
{
	json_object *root = settings ? settings->root : NULL, *tokens = NULL;
	struct root from = { settings, NULL, early };
	enum err e = OK;
	if (root) {
		e = json_get_object_opt(root, "kbs", &from.kbs, em);
		if (e == OK)
			e = json_get_array_opt(root, "tokens", &tokens, em);
		if (e == OK)
			e = json_get_bool_opt(root, "harden", &out->harden, em);
	}
	if (e != OK)
		return e;
	return tokens ? read_several(tokens, &from, out, em) : read_single(&from, out, em);
}

/* Those with the same KBS share one attestation, which nobody may use for longer than he wants. */
static void share_lifetimes(struct token_configs *configs)
{
	for (size_t i = 0; i < configs->count; i++)
		for (size_t k = 0; k < configs->count; k++) {
			struct kbc_options *a = &configs->items[i].kbs, *b = &configs->items[k].kbs;
			if (!configs->items[i].have_kbs || !configs->items[k].have_kbs)
				continue;
			int64_t mine = a->lifetime_ms;
			a->lifetime_ms = b->lifetime_ms;
			if (!kbc_options_equal(a, b) || mine < b->lifetime_ms)
				a->lifetime_ms = mine;
		}
}

static void log_wrong(const struct token_configs *configs, const char *path)
{
	for (size_t i = 0; i < configs->count; i++)
		if (configs->items[i].wrong)
			log_error("pkcs11", "token", "slot=%u file=\"%s\" err=%s text=\"%s\"", (unsigned)i, path,
				  err_name(configs->items[i].wrong), configs->items[i].why);
}

enum err token_configs_load(struct token_configs *out, struct token_config_stamp *stamp, struct errmsg *em)
{
	memset(out, 0, sizeof(*out));
	enum err e = stamp_take(stamp, em);
	if (e != OK)
		return e;
	struct errmsg whole;
	AUTO(settings) *settings = NULL;
	AUTO(early) *early = calloc(1, sizeof(*early));
	const struct json_cut_reader reader = { take_list, early };
	e = early ? settings_load_with(NULL, &reader, &settings, em) : err_nomem(em, "the configuration");
	if (e == OK || e == ERR_NOT_FOUND) {
		e = read_root(settings, early, out, em);
		/* What is no JSON at all is said better by who reads all of it. */
		if (e != OK && e != ERR_NOMEM && settings && settings_check(settings, &whole) != OK)
			err_set(em, e, "%s", whole.text);
		if (e != OK && settings)
			e = err_wrap(em, e == ERR_NOMEM ? e : ERR_CONFIG, "%s", settings->path);
	}
	if (e != OK) {
		token_configs_clear(out);
		token_config_stamp_clear(stamp);
		return e;
	}
	log_wrong(out, stamp->path);
	share_lifetimes(out);
	return OK;
}

void token_configs_clear(struct token_configs *configs)
{
	for (size_t i = 0; i < configs->count; i++) {
		struct token_config *config = &configs->items[i];
		free(config->catalog);
		free(config->why);
		entry_list_clear(&config->objects);
		pin_config_clear(&config->pin);
		kbc_options_clear(&config->kbs);
	}
	free(configs->items);
	memset(configs, 0, sizeof(*configs));
}
