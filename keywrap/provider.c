#include "keywrap/provider.h"

#include "keywrap/provider_cmd.h"
#include "keywrap/provider_config.h"
#include "keywrap/provider_grpc.h"
#include "keywrap/provider_ttrpc.h"

#define SPEC "provider:"

bool provider_key_is(const char *spec)
{
	return strncmp(spec, SPEC, strlen(SPEC)) == 0;
}

void provider_key_free(struct provider_key *key)
{
	if (!key)
		return;
	free(key->name);
	secret_free(key->args);
	free(key);
}

enum err provider_key_parse(const char *spec, struct provider_key **out, struct errmsg *em)
{
	AUTO(provider_key) *key = calloc(1, sizeof(*key));
	const char *name = spec + strlen(SPEC);
	size_t len = strcspn(name, ":");
	if (!key || !(key->name = strndup(name, len)))
		return err_nomem(em, "a key");
	if (!provider_name_valid(key->name))
		return err_set(em, ERR_ARG,
			       "provider:NAME[:ARGUMENTS] takes a name of letters, digits, '-', '_' and '.'");
	/* As in skopeo, a provider without arguments gets this one. */
	enum err e = secret_copy(bytes_str(name[len] ? name + len + 1 : "Enabled"), &key->args, em);
	if (e == OK)
		*out = steal(&key);
	return e;
}

static enum err grpc_ask(const struct provider_config *config, struct provider_grpc_call call, struct secret **answer,
			 struct errmsg *em)
{
	const struct wire_tls tls = { .ca = config->root_ca_file,
				      .certificate = config->cert_file,
				      .key = config->key_file };
	call.tls = config->grpc_tls ? &tls : NULL;
	call.server_name = config->server_name;
	return provider_grpc_run(&call, deadline_in_ms(config->timeout_ms), answer, em);
}

static enum err transport_ask(const struct provider_config *config, enum provider_op op, struct bytes request,
			      struct secret **answer, struct errmsg *em)
{
	struct deadline until = deadline_in_ms(config->timeout_ms);
	if (config->grpc)
		return grpc_ask(config,
				(struct provider_grpc_call){ .address = config->grpc, .op = op, .request = request },
				answer, em);
	if (config->ttrpc)
		return provider_ttrpc_run(&(struct provider_ttrpc_call){ config->ttrpc, op, request }, until, answer,
					  em);
	return provider_cmd_run(config->argv, request, until, answer, em);
}

static enum err answer_get(enum provider_op op, const struct provider_call *call, struct bytes what,
			   struct secret **out, struct errmsg *em)
{
	AUTO_PROVIDER_CONFIG config = { .timeout_ms = 0 };
	AUTO(secret) *request = NULL;
	AUTO(secret) *answer = NULL;
	enum err e = provider_config_load(call->name, &config, em);
	if (e != OK)
		return e;
	e = provider_request_write(op, call, what, &request, em);
	if (e == OK)
		e = transport_ask(&config, op, secret_bytes(request), &answer, em);
	if (e == OK) {
		e = provider_answer_read(op, secret_bytes(answer), out, em);
		e = e == OK ? OK : err_wrap(em, e, "its answer");
	}
	const char *who = config.grpc ? config.grpc : config.ttrpc ? config.ttrpc : config.argv[0];
	return e == OK ? OK : err_wrap(em, e, "%s", who);
}

enum err provider_ask(enum provider_op op, const struct provider_call *call, struct bytes what, struct secret **out,
		      struct errmsg *em)
{
	enum err e = answer_get(op, call, what, out, em);
	return e == OK ? OK : err_wrap(em, e, "the key provider %s", call->name);
}
