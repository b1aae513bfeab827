#include "kbs/server_config.h"

#include "kbs/key_file.h"

#include <stdio.h>

#define CONFIG_MAX (64 * 1024)

const char *const server_config_template =
	"// kbs-server's configuration: kbs.json(5). Every member may be left out; these are the defaults.\n"
	"// Names of files are looked up in this folder. For https add \"tls-cert\" and \"tls-key\".\n"
	"{\n"
	"  \"listen\": \"127.0.0.1:8080\",\n"
	"  // Whose tokens may store and delete resources, and (admin-read) fetch them without attestation.\n"
	"  \"admin-keys\": [\"admin.pub\"],\n"
	"  \"admin-read\": false,\n"
	"  \"storage\": {\"kind\": \"file\", \"path\": \"storage\"},\n"
	"  // Attestation results: who they say they are from, and how long they hold, in seconds.\n"
	"  \"issuer\": \"kbs-server\",\n"
	"  \"result-lifetime\": 300,\n"
	"  \"session-lifetime\": 300,\n"
	"  // Bounds: sessions, bytes of a request and of a resource, connections, seconds, threads.\n"
	"  \"max-sessions\": 10000,\n"
	"  \"max-request\": 2097152,\n"
	"  \"max-resource\": 4194304,\n"
	"  \"max-connections\": 512,\n"
	"  \"max-connections-per-address\": 0,\n"
	"  \"timeout\": 30,\n"
	"  \"threads\": 4\n"
	"}\n";

char *server_path(const char *dir, const char *name)
{
	char *path = NULL;
	int n = name[0] == '/' ? asprintf(&path, "%s", name) : asprintf(&path, "%s/%s", dir, name);
	return n < 0 ? NULL : path;
}

void server_config_clear(struct server_config *c)
{
	json_object_put(c->root);
	*c = (struct server_config){ 0 };
}

static enum err strings_read(struct server_config *c, struct errmsg *em)
{
	struct {
		const char *name;
		const char **to;
	} const strings[] = {
		{ "listen", &c->listen },         { "tls-cert", &c->tls_cert },
		{ "tls-key", &c->tls_key },       { "issuer", &c->issuer },
		{ "collateral", &c->collateral }, { "reference-values", &c->reference_values },
		{ "tpm-keys", &c->tpm_keys },
	};
	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		enum err e = json_get_string_opt(c->root, strings[i].name, strings[i].to, em);
		if (e != OK)
			return e;
	}
	return !c->tls_cert == !c->tls_key ? OK : err_set(em, ERR_PARSE, "\"tls-cert\" and \"tls-key\" go together");
}

static enum err numbers_read(struct server_config *c, struct errmsg *em)
{
	const struct {
		const char *name;
		int64_t min, max;
		int64_t *to;
	} numbers[] = {
		{ "result-lifetime", 10, 86400, &c->result_lifetime },
		{ "session-lifetime", 10, 86400, &c->session_lifetime },
		{ "max-sessions", 1, 1000000, &c->max_sessions },
		{ "max-request", 1024, 64 << 20, &c->max_request },
		{ "max-resource", 1, 64 << 20, &c->max_resource },
		{ "max-connections", 1, 100000, &c->max_connections },
		{ "max-connections-per-address", 0, 100000, &c->max_connections_per_address },
		{ "timeout", 1, 3600, &c->timeout },
		{ "threads", 1, 256, &c->threads },
	};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		enum err e =
			json_get_int_opt(c->root, numbers[i].name, numbers[i].min, numbers[i].max, numbers[i].to, em);
		if (e != OK)
			return e;
	}
	return OK;
}

static enum err storage_config_read(struct server_config *c, struct errmsg *em)
{
	static const char *const names[] = { "kind", "path", NULL };
	json_object *storage = NULL;
	enum err e = json_get_object_opt(c->root, "storage", &storage, em);
	if (e != OK || !storage)
		return e;
	e = json_only_members(storage, names, em);
	if (e == OK)
		e = json_get_string_opt(storage, "kind", &c->storage_kind, em);
	if (e == OK)
		e = json_get_string_opt(storage, "path", &c->storage_path, em);
	return e == OK ? OK : err_wrap(em, e, "\"storage\"");
}

static enum err admin_read(struct server_config *c, struct errmsg *em)
{
	enum err e = json_get_bool_opt(c->root, "admin-read", &c->admin_read, em);
	if (e == OK)
		e = json_get_array_opt(c->root, "admin-keys", &c->admin_keys, em);
	size_t count = e == OK && c->admin_keys ? json_object_array_length(c->admin_keys) : 0;
	for (size_t i = 0; i < count; i++)
		if (!json_object_is_type(json_object_array_get_idx(c->admin_keys, i), json_type_string))
			return err_set(em, ERR_PARSE, "\"admin-keys\" must be an array of file names");
	return e;
}

static enum err config_read(struct server_config *c, struct errmsg *em)
{
	static const char *const names[] = { "listen",
					     "tls-cert",
					     "tls-key",
					     "admin-keys",
					     "admin-read",
					     "storage",
					     "issuer",
					     "collateral",
					     "reference-values",
					     "tpm-keys",
					     "result-lifetime",
					     "session-lifetime",
					     "max-sessions",
					     "max-request",
					     "max-resource",
					     "max-connections",
					     "max-connections-per-address",
					     "timeout",
					     "threads",
					     NULL };
	enum err e = json_only_members(c->root, names, em);
	if (e == OK)
		e = strings_read(c, em);
	if (e == OK)
		e = numbers_read(c, em);
	if (e == OK)
		e = storage_config_read(c, em);
	return e == OK ? admin_read(c, em) : e;
}

static enum err config_parse(const char *path, struct server_config *c, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	if (access(path, F_OK) != 0)
		return err_errno(em, ERR_CONFIG, "%s (make the folder with 'kbs-server init')", path);
	enum err e = trusted_file_read(path, CONFIG_MAX, &text, em);
	if (e != OK)
		return e;
	e = json_parse(buf_bytes(&text), CONFIG_MAX, JSON_COMMENTS, &c->root, em);
	if (e == OK && !json_object_is_type(c->root, json_type_object))
		e = err_set(em, ERR_CONFIG, "not a JSON object");
	if (e == OK)
		e = config_read(c, em);
	return e == OK ? OK : err_wrap(em, e, "%s", path);
}

enum err server_config_load(const char *dir, struct server_config *out, struct errmsg *em)
{
	*out = (struct server_config){
		.listen = "127.0.0.1:8080",
		.issuer = "kbs-server",
		.storage_kind = "file",
		.storage_path = "storage",
		.result_lifetime = 300,
		.session_lifetime = 300,
		.max_sessions = 10000,
		.max_request = 2 << 20,
		.max_resource = 4 << 20,
		.max_connections = 512,
		.timeout = 30,
		.threads = 4,
	};
	AUTO_STR
	char *path = server_path(dir, "kbs.json");
	if (!path)
		return err_nomem(em, "a path");
	enum err e = config_parse(path, out, em);
	if (e == OK)
		return OK;
	server_config_clear(out);
	return e == ERR_NOMEM ? e : ERR_CONFIG;
}
