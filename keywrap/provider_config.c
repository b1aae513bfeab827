#define _GNU_SOURCE 1
#include "keywrap/provider_config.h"

#include "common/file.h"
#include "common/json.h"
#include "keywrap/wire_address.h"

#include <fcntl.h>

#define FILE_MAX ((size_t)256 * 1024)
#define VARIABLE "OCICRYPT_KEYPROVIDER_CONFIG"

void provider_config_clear(struct provider_config *config)
{
	for (size_t i = 0; i < ARRAY_LEN(config->argv); i++)
		free(config->argv[i]);
	free(config->ttrpc);
	free(config->grpc);
	free(config->root_ca_file);
	free(config->cert_file);
	free(config->key_file);
	free(config->server_name);
	*config = (struct provider_config){ .timeout_ms = 0 };
}

bool provider_name_valid(const char *name)
{
	size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
	return good > 0 && good <= PROVIDER_NAME_MAX && !name[good];
}

static enum err argument_add(struct provider_config *config, size_t at, const char *text, struct errmsg *em)
{
	config->argv[at] = strdup(text);
	return config->argv[at] ? OK : err_nomem(em, "a key provider");
}

static enum err command_read(json_object *cmd, struct provider_config *config, struct errmsg *em)
{
	const char *path = NULL;
	json_object *args = NULL;
	enum err e = json_get_string(cmd, "path", &path, em);
	if (e == OK)
		e = json_get_array_opt(cmd, "args", &args, em);
	if (e != OK)
		return e;
	if (!path[0])
		return err_set(em, ERR_CONFIG, "\"path\" is empty");
	size_t count = args ? json_object_array_length(args) : 0;
	if (count > PROVIDER_ARGV_MAX)
		return err_set(em, ERR_CONFIG, "more than %d \"args\"", PROVIDER_ARGV_MAX);
	e = argument_add(config, 0, path, em);
	for (size_t i = 0; e == OK && i < count; i++) {
		json_object *arg = json_object_array_get_idx(args, i);
		const char *text = json_object_is_type(arg, json_type_string) ? json_object_get_string(arg) : NULL;
		if (!text || strlen(text) != (size_t)json_object_get_string_len(arg))
			return err_set(em, ERR_CONFIG, "\"args\" must be strings");
		e = argument_add(config, i + 1, text, em);
	}
	return e;
}

static enum err ttrpc_take(const char *address, struct provider_config *config, struct errmsg *em)
{
	struct wire_address where;
	enum err e = wire_address_parse(address, &where, em);
	if (e == OK && !where.local)
		e = err_set(em, ERR_ARG, "\"%.100s\" is not unix:///PATH or unix://@NAME", address);
	if (e != OK)
		return err_wrap(em, ERR_CONFIG, "\"ttrpc\"");
	config->ttrpc = strdup(address);
	return config->ttrpc ? OK : err_nomem(em, "a key provider");
}

static enum err text_take(json_object *from, const char *member, char **out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string_opt(from, member, &text, em);
	if (e != OK || !text || !text[0]) /* the Go library takes an empty one for none */
		return e;
	*out = strdup(text);
	return *out ? OK : err_nomem(em, "a key provider");
}

static enum err tls_take(json_object *tls, struct provider_config *config, struct errmsg *em)
{
	bool blind = false;
	config->grpc_tls = true;
	enum err e = text_take(tls, "root-ca-file", &config->root_ca_file, em);
	if (e == OK)
		e = text_take(tls, "cert-file", &config->cert_file, em);
	if (e == OK)
		e = text_take(tls, "key-file", &config->key_file, em);
	if (e == OK)
		e = text_take(tls, "server-name", &config->server_name, em);
	if (e == OK)
		e = json_get_bool_opt(tls, "insecure-skip-verify", &blind, em);
	if (e == OK && blind)
		e = err_set(em, ERR_UNSUPPORTED, "\"insecure-skip-verify\" would give layers' keys to anybody");
	return e;
}

static enum err grpc_take(json_object *provider, const char *address, struct provider_config *config, struct errmsg *em)
{
	struct wire_address where;
	json_object *tls = NULL;
	bool plain = false;
	enum err e = wire_address_parse(address, &where, em);
	if (e != OK)
		return err_wrap(em, ERR_CONFIG, "\"grpc\"");
	e = json_get_object_opt(provider, "grpc-tls", &tls, em);
	if (e == OK)
		e = json_get_bool_opt(provider, "grpc-plain", &plain, em);
	if (e == OK && tls)
		e = tls_take(tls, config, em);
	if (e != OK)
		return e;
	if (!tls && !plain && !wire_address_loopback(&where))
		return err_set(em, ERR_CONFIG,
			       "layers' keys would go to %s unprotected: say \"grpc-tls\", or \"grpc-plain\": true",
			       address);
	config->grpc = strdup(address);
	return config->grpc ? OK : err_nomem(em, "a key provider");
}

static enum err provider_read(json_object *provider, struct provider_config *config, struct errmsg *em)
{
	json_object *cmd = NULL;
	const char *ttrpc = NULL;
	const char *grpc = NULL;
	int64_t timeout = 60;
	enum err e = json_get_object_opt(provider, "cmd", &cmd, em);
	if (e == OK)
		e = json_get_string_opt(provider, "grpc", &grpc, em);
	if (e == OK)
		e = json_get_string_opt(provider, "ttrpc", &ttrpc, em);
	if (e == OK)
		e = json_get_int_opt(provider, "timeout", 1, 3600, &timeout, em);
	if (e != OK)
		return e;
	config->timeout_ms = timeout * 1000;
	/* The Go library's order. */
	if (cmd)
		return command_read(cmd, config, em);
	if (grpc && grpc[0])
		return grpc_take(provider, grpc, config, em);
	if (ttrpc)
		return ttrpc_take(ttrpc, config, em);
	return err_set(em, ERR_CONFIG, "it has neither \"cmd\" nor \"grpc\" nor \"ttrpc\"");
}

enum err provider_config_parse(struct bytes text, const char *name, struct provider_config *out, struct errmsg *em)
{
	AUTO_OF(json_object) *whole = NULL;
	AUTO_PROVIDER_CONFIG config = { .timeout_ms = 0 };
	json_object *providers = NULL;
	json_object *provider = NULL;
	enum err e = json_parse(text, FILE_MAX, JSON_STRICT, &whole, em);
	if (e == OK)
		e = json_get_object(whole, "key-providers", &providers, em);
	if (e != OK)
		return err_wrap(em, ERR_CONFIG, VARIABLE);
	if (!json_object_object_get_ex(providers, name, &provider))
		return err_set(em, ERR_UNSUPPORTED, "the file of " VARIABLE " has no key provider \"%s\"", name);
	if (!json_object_is_type(provider, json_type_object))
		return err_set(em, ERR_CONFIG, VARIABLE ": \"%s\" is not an object", name);
	e = provider_read(provider, &config, em);
	if (e != OK)
		return err_wrap(em, e == ERR_PARSE ? ERR_CONFIG : e, VARIABLE ": \"%s\"", name);
	*out = config;
	config = (struct provider_config){ .timeout_ms = 0 };
	return OK;
}

/* What is in it is run. */
static enum err file_trusted(const char *path, struct errmsg *em)
{
	AUTO_FD
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_errno(em, ERR_NOT_FOUND, VARIABLE ": %s", path);
	return file_check_trusted(fd, path, em);
}

enum err provider_config_load(const char *name, struct provider_config *out, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	const char *path = secure_getenv(VARIABLE);
	if (!path || !path[0])
		return err_set(em, ERR_UNSUPPORTED,
			       "no key provider \"%s\": " VARIABLE " names no file with key providers", name);
	enum err e = file_trusted(path, em);
	if (e == OK)
		e = file_read(path, FILE_MAX, &text, em);
	return e == OK ? provider_config_parse(buf_bytes(&text), name, out, em) : e;
}
