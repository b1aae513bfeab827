#include "image/registries_conf.h"

#include "common/file.h"
#include "common/toml.h"

#include <dirent.h>
#include <stdio.h>

#define CONF_SIZE_MAX ((size_t)1 << 20)

/* The tables [[registry]] of one or more files: the last one of a prefix counts. */
struct rules {
	json_object *by_prefix;
};

static void rules_clear(struct rules *r)
{
	json_object_put(r->by_prefix);
}
#define AUTO_RULES __attribute__((cleanup(rules_clear))) struct rules

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

/* Helpers that we would not ask must not be passed over. */
static enum err helpers_check(json_object *root, struct errmsg *em)
{
	json_object *helpers = NULL;
	enum err e = json_get_array_opt(root, "credential-helpers", &helpers, em);
	for (size_t i = 0; e == OK && helpers && i < json_object_array_length(helpers); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(helpers, i));
		if (!name || strcmp(name, "containers-auth.json") != 0)
			e = err_set(em, ERR_UNSUPPORTED,
				    "credential-helpers: only containers-auth.json; name helpers in that file");
	}
	return e;
}

static enum err rules_add(struct rules *r, struct bytes text, struct errmsg *em)
{
	static const char *const names[] = { "unqualified-search-registries",
					     "credential-helpers",
					     "short-name-mode",
					     "aliases",
					     "registry",
					     "additional-layer-store-auth-helper",
					     NULL };
	AUTO_OF(json_object) *root = NULL;
	AUTO_OF(json_object) *seen = json_object_new_object();
	json_object *list = NULL;
	enum err e = seen ? toml_parse(text, CONF_SIZE_MAX, &root, em) : err_set(em, ERR_NOMEM, "no memory");
	if (e == OK && json_object_object_get_ex(root, "registries", NULL))
		e = err_set(em, ERR_UNSUPPORTED, "[registries...]: the old form; want [[registry]]");
	if (e == OK)
		e = json_only_members(root, names, em);
	if (e == OK)
		e = helpers_check(root, em);
	if (e == OK)
		e = json_get_array_opt(root, "registry", &list, em);
	for (size_t i = 0; e == OK && list && i < json_object_array_length(list); i++) {
		json_object *rule = json_object_array_get_idx(list, i);
		const char *prefix = NULL;
		e = rule_prefix(rule, &prefix, em);
		if (e == OK && json_object_object_get_ex(seen, prefix, NULL))
			e = err_set(em, ERR_PARSE, "registry %.200s stands there twice", prefix);
		if (e == OK && (json_object_object_add(seen, prefix, NULL) != 0 ||
				json_object_object_add(r->by_prefix, prefix, json_object_get(rule)) != 0))
			e = err_set(em, ERR_NOMEM, "no memory");
	}
	return e;
}

/* How many bytes of the name the prefix covers; 0: it does not. */
static size_t prefix_fits(const char *prefix, const char *name)
{
	size_t len = strlen(prefix);
	if (is_wildcard(prefix)) {
		const char *suffix = prefix + 1;
		const char *at = strstr(name, suffix);
		if (!at || at == name || memchr(name, '/', (size_t)(at - name)))
			return 0;
		len = (size_t)(at - name) + strlen(suffix);
	} else if (strncmp(name, prefix, len) != 0) {
		return 0;
	}
	return name[len] == '\0' || strchr(":/@", name[len]) ? len : 0;
}

static json_object *rule_find(const struct rules *r, const char *name, size_t *covered)
{
	json_object *best = NULL;
	size_t longest = 0;
	json_object_object_foreach(r->by_prefix, prefix, rule)
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

static enum err rules_apply(const struct rules *r, const struct reference *name, struct registry_places *out,
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
	json_object *rule = rule_find(r, whole, &covered);
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

static enum err rules_read(struct rules *r, const char *path, bool needed, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	enum err e = file_read(path, CONF_SIZE_MAX, &text, em);
	if (e == ERR_NOT_FOUND && !needed)
		return OK;
	if (e == OK)
		e = rules_add(r, buf_bytes(&text), em);
	return e == OK ? OK : malformed(em, e, path);
}

static enum err folder_read(struct rules *r, const char *folder, struct errmsg *em)
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
				e = rules_read(r, path, true, em);
			}
		}
		free(names[i]);
	}
	free(names);
	return e;
}

static enum err homes_read(struct rules *r, struct errmsg *em)
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
	enum err e = rules_read(r, has_own ? own : "/etc/containers/registries.conf", false, em);
	if (e == OK)
		e = folder_read(r, "/etc/containers/registries.conf.d", em);
	return e == OK && *root ? folder_read(r, dropped, em) : e;
}

enum err registries_conf_places(const struct image_access *access, const struct reference *name,
				struct registry_places *out, struct errmsg *em)
{
	AUTO_RULES rules = { json_object_new_object() };
	const char *file =
		access && access->registries_conf ? access->registries_conf : getenv("CONTAINERS_REGISTRIES_CONF");
	out->count = 0;
	if (!rules.by_prefix)
		return err_set(em, ERR_NOMEM, "no memory");
	enum err e = file && *file ? rules_read(&rules, file, true, em) : homes_read(&rules, em);
	if (e != OK)
		return e;
	e = rules_apply(&rules, name, out, em);
	return e == OK || e == ERR_DENIED ? e : malformed(em, e, "registries.conf");
}

enum err registries_conf_apply(struct bytes text, const struct reference *name, struct registry_places *out,
			       struct errmsg *em)
{
	AUTO_RULES rules = { json_object_new_object() };
	out->count = 0;
	enum err e = rules.by_prefix ? rules_add(&rules, text, em) : err_set(em, ERR_NOMEM, "no memory");
	return e == OK ? rules_apply(&rules, name, out, em) : e;
}
