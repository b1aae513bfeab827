#include "image/registries_conf.h"

#include "common/file.h"
#include "common/toml.h"

#include <dirent.h>
#include <stdio.h>

#define CONF_SIZE_MAX ((size_t)1 << 20)

void registries_conf_clear(struct registries_conf *c)
{
	json_object_put(c->by_prefix);
	json_object_put(c->aliases);
	json_object_put(c->search);
	json_object_put(c->helpers);
	*c = (struct registries_conf){ 0 };
}

void registry_places_clear(struct registry_places *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->items[i].host);
		free(p->items[i].path);
	}
	p->count = 0;
}

static bool is_wildcard(const char *prefix)
{
	return strncmp(prefix, "*.", 2) == 0;
}

/* Every table has a prefix then: its location where it names none. */
static enum err rule_prefix(json_object *rule, const char **prefix, struct errmsg *em)
{
	static const char *const names[] = { "prefix", "location", "insecure", "blocked", "mirror-by-digest-only",
					     "mirror", NULL };
	const char *location = NULL;
	*prefix = NULL;
	if (!json_object_is_type(rule, json_type_object))
		return err_set(em, ERR_PARSE, "registry: no table");
	enum err e = json_only_members(rule, names, em);
	if (e == OK)
		e = json_get_string_opt(rule, "prefix", prefix, em);
	if (e == OK)
		e = json_get_string_opt(rule, "location", &location, em);
	if (e != OK)
		return e;
	if (!*prefix || !**prefix)
		*prefix = location;
	if (!*prefix || !**prefix)
		return err_set(em, ERR_PARSE, "a registry with neither prefix nor location");
	if ((!location || !*location) && !is_wildcard(*prefix))
		return err_set(em, ERR_PARSE, "registry %.200s: no location", *prefix);
	return OK;
}

/* A list that is there, and not empty, replaces what earlier files say. */
static enum err list_take(json_object *root, const char *name, json_object **to, struct errmsg *em)
{
	json_object *list = NULL;
	enum err e = json_get_array_opt(root, name, &list, em);
	if (e != OK || !list || json_object_array_length(list) == 0)
		return e;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (!json_object_is_type(json_object_array_get_idx(list, i), json_type_string))
			return err_set(em, ERR_PARSE, "%s: want a list of strings", name);
	json_object_put(*to);
	*to = json_object_get(list);
	return OK;
}

static enum err search_check(json_object *search, struct errmsg *em)
{
	size_t count = search ? json_object_array_length(search) : 0;
	if (count > REGISTRY_NAMES_MAX)
		return err_set(em, ERR_LIMIT, "more than %d registries to search", REGISTRY_NAMES_MAX);
	for (size_t i = 0; i < count; i++) {
		const char *host = json_object_get_string(json_object_array_get_idx(search, i));
		AUTO_REFERENCE name = { 0 };
		AUTO_STR
		char *text = NULL;
		if (asprintf(&text, "%s/name", host) < 0) {
			text = NULL;
			return err_set(em, ERR_NOMEM, "no memory");
		}
		if (!reference_host_valid(host) || reference_parse(text, &name, NULL) != OK || name.short_name)
			return err_set(em, ERR_PARSE, "unqualified-search-registries: %.200s: not host[:port]", host);
	}
	return OK;
}

static enum err mode_take(json_object *root, struct registries_conf *c, struct errmsg *em)
{
	const char *mode = "";
	enum err e = json_get_string_opt(root, "short-name-mode", &mode, em);
	if (e != OK || !*mode)
		return e;
	c->enforcing = strcmp(mode, "enforcing") == 0;
	if (c->enforcing || strcmp(mode, "permissive") == 0 || strcmp(mode, "disabled") == 0)
		return OK;
	return err_set(em, ERR_PARSE, "short-name-mode is enforcing, permissive or disabled");
}

/* Short names and what they mean, without tags. */
static enum err alias_add(struct registries_conf *c, const char *name, json_object *value, struct errmsg *em)
{
	AUTO_REFERENCE to = { 0 };
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
	bool good = text && reference_path_valid(name) &&
		    (!*text || (!strchr(text, '@') && reference_parse(text, &to, NULL) == OK));
	const char *slash = good ? strrchr(text, '/') : NULL;
	if (!good || (*text && (to.short_name || strchr(slash ? slash : text, ':'))))
		return err_set(em, ERR_PARSE, "aliases: %.200s: want NAME = \"HOST/NAME\"", name);
	return json_add(c->aliases, name, json_object_get(value)) ? OK : err_set(em, ERR_NOMEM, "no memory");
}

static enum err aliases_take(json_object *root, struct registries_conf *c, struct errmsg *em)
{
	json_object *aliases = NULL;
	enum err e = json_get_object_opt(root, "aliases", &aliases, em);
	if (e != OK || !aliases)
		return e;
	json_object_object_foreach(aliases, name, value)
	{
		e = alias_add(c, name, value, em);
		if (e != OK)
			return e;
	}
	return OK;
}

static enum err rules_take(json_object *root, struct registries_conf *c, struct errmsg *em)
{
	AUTO_OF(json_object) *seen = json_object_new_object();
	json_object *list = NULL;
	enum err e = json_get_array_opt(root, "registry", &list, em);
	for (size_t i = 0; e == OK && list && i < json_object_array_length(list); i++) {
		json_object *rule = json_object_array_get_idx(list, i);
		const char *prefix = NULL;
		e = rule_prefix(rule, &prefix, em);
		if (e == OK && json_object_object_get_ex(seen, prefix, NULL))
			e = err_set(em, ERR_PARSE, "registry %.200s stands there twice", prefix);
		if (e == OK && (!json_add(seen, prefix, json_object_new_boolean(true)) ||
				!json_add(c->by_prefix, prefix, json_object_get(rule))))
			e = err_set(em, ERR_NOMEM, "no memory");
	}
	return e;
}

enum err registries_conf_add(struct registries_conf *c, struct bytes text, struct errmsg *em)
{
	static const char *const names[] = { "unqualified-search-registries",
					     "credential-helpers",
					     "short-name-mode",
					     "aliases",
					     "registry",
					     "additional-layer-store-auth-helper",
					     NULL };
	AUTO_OF(json_object) *root = NULL;
	if (!c->by_prefix)
		c->by_prefix = json_object_new_object();
	if (!c->aliases)
		c->aliases = json_object_new_object();
	enum err e = c->by_prefix && c->aliases ? toml_parse(text, CONF_SIZE_MAX, &root, em)
						: err_set(em, ERR_NOMEM, "no memory");
	if (e == OK && json_object_object_get_ex(root, "registries", NULL))
		e = err_set(em, ERR_UNSUPPORTED, "[registries...]: the old form; want [[registry]]");
	if (e == OK)
		e = json_only_members(root, names, em);
	if (e == OK)
		e = list_take(root, "unqualified-search-registries", &c->search, em);
	if (e == OK)
		e = search_check(c->search, em);
	if (e == OK)
		e = list_take(root, "credential-helpers", &c->helpers, em);
	if (e == OK)
		e = mode_take(root, c, em);
	if (e == OK)
		e = aliases_take(root, c, em);
	return e == OK ? rules_take(root, c, em) : e;
}

static bool ends_there(const char *name, size_t len)
{
	return name[len] == '\0' || strchr(":/@", name[len]);
}

/* "*.suffix": any label or labels of the host before it. */
static size_t wildcard_fits(const char *suffix, const char *name)
{
	size_t host = strcspn(name, "/");
	for (const char *at = strstr(name, suffix); at && at < name + host; at = strstr(at + 1, suffix)) {
		size_t len = (size_t)(at - name) + strlen(suffix);
		if (at > name && ends_there(name, len))
			return len;
	}
	return 0;
}

/* How many bytes of the name the prefix covers; 0: it does not. */
static size_t prefix_fits(const char *prefix, const char *name)
{
	size_t len = strlen(prefix);
	if (is_wildcard(prefix))
		return wildcard_fits(prefix + 1, name);
	return strncmp(name, prefix, len) == 0 && ends_there(name, len) ? len : 0;
}

static json_object *rule_find(const struct registries_conf *c, const char *name, size_t *covered)
{
	json_object *best = NULL;
	size_t longest = 0;
	if (!c->by_prefix)
		return NULL;
	json_object_object_foreach(c->by_prefix, prefix, rule)
	{
		size_t fits = prefix_fits(prefix, name);
		if (fits == 0 || strlen(prefix) <= longest)
			continue;
		longest = strlen(prefix);
		*covered = fits;
		best = rule;
	}
	return best;
}

/* location NULL or "": the name as it is. */
static enum err place_add(struct registry_places *to, const char *location, const char *rest, bool insecure,
			  struct errmsg *em)
{
	AUTO_STR
	char *whole = NULL;
	struct registry_place *p = &to->items[to->count];
	if (asprintf(&whole, "%s%s", location, rest) < 0) {
		whole = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	const char *slash = strchr(whole, '/');
	if (!slash || !reference_path_valid(slash + 1))
		return err_set(em, ERR_PARSE, "location %.200s: not host[:port][/folder]", location);
	p->host = strndup(whole, (size_t)(slash - whole));
	p->path = strdup(slash + 1);
	p->insecure = insecure;
	p->mirror = false;
	to->count++;
	if (!p->host || !p->path)
		return err_set(em, ERR_NOMEM, "no memory");
	return reference_host_valid(p->host)
		       ? OK
		       : err_set(em, ERR_PARSE, "location %.200s: not host[:port][/folder]", location);
}

struct mirrors {
	const struct reference *name;
	const char *rest; /* of the name, behind the prefix */
	bool digests_only;
};

static enum err mirror_add(json_object *mirror, const struct mirrors *m, struct registry_places *out, struct errmsg *em)
{
	static const char *const names[] = { "location", "insecure", "pull-from-mirror", NULL };
	const char *location = NULL, *pull = "all";
	bool insecure = false;
	if (!json_object_is_type(mirror, json_type_object))
		return err_set(em, ERR_PARSE, "mirror: no table");
	enum err e = json_only_members(mirror, names, em);
	if (e == OK)
		e = json_get_string(mirror, "location", &location, em);
	if (e == OK)
		e = json_get_bool_opt(mirror, "insecure", &insecure, em);
	if (e == OK)
		e = json_get_string_opt(mirror, "pull-from-mirror", &pull, em);
	if (e != OK)
		return e;
	bool digests = strcmp(pull, "digest-only") == 0, tags = strcmp(pull, "tag-only") == 0;
	if (!digests && !tags && strcmp(pull, "all") != 0 && *pull)
		return err_set(em, ERR_PARSE, "pull-from-mirror is all, digest-only or tag-only");
	if (m->digests_only && *pull && strcmp(pull, "all") != 0)
		return err_set(em, ERR_PARSE, "mirror-by-digest-only and pull-from-mirror exclude one another");
	if (((digests || m->digests_only) && !m->name->digest) || (tags && m->name->digest))
		return OK;
	if (out->count + 1 == REGISTRY_PLACES_MAX)
		return err_set(em, ERR_LIMIT, "more than %d mirrors", REGISTRY_PLACES_MAX - 1);
	e = place_add(out, location, m->rest, insecure, em);
	if (e == OK)
		out->items[out->count - 1].mirror = true;
	return e;
}

static enum err rule_apply(json_object *rule, struct mirrors *m, const char *own, struct registry_places *out,
			   struct errmsg *em)
{
	const char *location = "";
	json_object *list = NULL;
	bool blocked = false, insecure = false;
	enum err e = json_get_bool_opt(rule, "blocked", &blocked, em);
	if (e == OK)
		e = json_get_bool_opt(rule, "insecure", &insecure, em);
	if (e == OK)
		e = json_get_bool_opt(rule, "mirror-by-digest-only", &m->digests_only, em);
	if (e == OK)
		e = json_get_string_opt(rule, "location", &location, em);
	if (e == OK)
		e = json_get_array_opt(rule, "mirror", &list, em);
	if (e == OK && blocked)
		return err_set(em, ERR_DENIED, "blocked by registries.conf");
	for (size_t i = 0; e == OK && list && i < json_object_array_length(list); i++)
		e = mirror_add(json_object_array_get_idx(list, i), m, out, em);
	if (e != OK)
		return e;
	return place_add(out, location, *location ? m->rest : own, insecure, em);
}

static enum err rules_apply(const struct registries_conf *c, const struct reference *name, struct registry_places *out,
			    struct errmsg *em)
{
	AUTO_STR
	char *own = NULL;
	AUTO_STR
	char *whole = reference_text(name);
	size_t covered = 0;
	if (!whole || asprintf(&own, "%s/%s", name->host, name->path) < 0) {
		own = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	json_object *rule = rule_find(c, whole, &covered);
	if (!rule)
		return place_add(out, "", own, false, em);
	/* A prefix may reach into tag or digest: nothing is left then. */
	struct mirrors m = { name, covered < strlen(own) ? own + covered : "", false };
	enum err e = rule_apply(rule, &m, own, out, em);
	if (e != OK)
		registry_places_clear(out);
	return e;
}

static enum err malformed(struct errmsg *em, enum err e, const char *path)
{
	if (e == ERR_PARSE || e == ERR_LIMIT || e == ERR_UNSUPPORTED || e == ERR_NOT_FOUND)
		e = ERR_CONFIG;
	return err_wrap(em, e, "%s", path);
}

static enum err file_add(struct registries_conf *c, const char *path, bool needed, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	enum err e = file_read(path, CONF_SIZE_MAX, &text, em);
	if (e == ERR_NOT_FOUND && !needed)
		return OK;
	if (e == OK)
		e = registries_conf_add(c, buf_bytes(&text), em);
	return e == OK ? OK : malformed(em, e, path);
}

static enum err folder_add(struct registries_conf *c, const char *folder, struct errmsg *em)
{
	struct dirent **names = NULL;
	int count = scandir(folder, &names, NULL, alphasort);
	enum err e = OK;
	for (int i = 0; i < count; i++) {
		const char *name = names[i]->d_name;
		size_t len = strlen(name);
		AUTO_STR
		char *path = NULL;
		if (e == OK && len > 5 && strcmp(name + len - 5, ".conf") == 0) {
			if (asprintf(&path, "%s/%s", folder, name) < 0) {
				path = NULL;
				e = err_set(em, ERR_NOMEM, "no memory");
			} else {
				e = file_add(c, path, true, em);
			}
		}
		free(names[i]);
	}
	free(names);
	return e;
}

static enum err homes_add(struct registries_conf *c, struct errmsg *em)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	AUTO_STR
	char *own = NULL;
	AUTO_STR
	char *dropped = NULL;
	bool has_config = config && *config;
	const char *root = has_config ? config : home ? home : "";
	const char *middle = has_config ? "" : "/.config";
	if (asprintf(&own, "%s%s/containers/registries.conf", root, middle) < 0) {
		own = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	if (asprintf(&dropped, "%s.d", own) < 0) {
		dropped = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	bool has_own = *root && access(own, F_OK) == 0;
	enum err e = file_add(c, has_own ? own : "/etc/containers/registries.conf", false, em);
	if (e == OK)
		e = folder_add(c, "/etc/containers/registries.conf.d", em);
	return e == OK && *root ? folder_add(c, dropped, em) : e;
}

enum err registries_conf_load(const struct image_access *access, struct registries_conf *out, struct errmsg *em)
{
	const char *file =
		access && access->registries_conf ? access->registries_conf : getenv("CONTAINERS_REGISTRIES_CONF");
	*out = (struct registries_conf){ 0 };
	enum err e = file && *file ? file_add(out, file, true, em) : homes_add(out, em);
	if (e != OK)
		registries_conf_clear(out);
	return e;
}

enum err registries_conf_places(const struct registries_conf *c, const struct reference *name,
				struct registry_places *out, struct errmsg *em)
{
	out->count = 0;
	enum err e = rules_apply(c, name, out, em);
	return e == OK || e == ERR_DENIED ? e : malformed(em, e, "registries.conf");
}
