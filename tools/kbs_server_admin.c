#include "tools/kbs_server.h"

#include "common/file.h"
#include "kbs/kbs.h"

#include <errno.h>

/* The administrator's commands: `resource` and `policy`. */

#define RESOURCE_MAX ((size_t)64 << 20)
#define POLICY_MAX ((size_t)64 * 1024)

static enum err admin_open(const struct server_args *args, struct kbs_admin *out, struct errmsg *em)
{
	*out = (struct kbs_admin){ .transport = http_curl(), .url = args->url };
	out->http = (struct http_options){ .ca_file = args->ca,
					   .allow_plain = args->allow_http,
					   .max_response = RESOURCE_MAX * 2 };
	out->deadline = deadline_in_ms(args->timeout_s * 1000);
	return kbs_admin_key(args->admin_key, &out->key, em);
}

/* Straight from the arena: stdio would keep a copy. */
static enum err stdout_write(struct bytes from, struct errmsg *em)
{
	while (from.len > 0) {
		ssize_t n = write(STDOUT_FILENO, from.data, from.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(em, ERR_IO, "standard output");
		from.data += n;
		from.len -= (size_t)n;
	}
	return OK;
}

static enum err output_write(const char *path, struct bytes from, struct errmsg *em)
{
	if (!path || strcmp(path, "-") == 0)
		return stdout_write(from, em);
	return file_write_atomic(path, from, (struct file_write){ 0600, false }, em);
}

struct resource_call {
	const struct kbs_admin *admin;
	const struct resource_uri *uri;
	const char *file; /* or NULL */
};

static enum err resource_set(const struct resource_call *call, struct errmsg *em)
{
	AUTO(secret) *resource = NULL;
	enum err e = file_read_secret(call->file ? call->file : "-", RESOURCE_MAX, &resource, em);
	return e == OK ? kbs_admin_set(call->admin, call->uri, resource, em) : e;
}

static enum err resource_get(const struct resource_call *call, struct errmsg *em)
{
	AUTO(secret) *resource = NULL;
	enum err e = kbs_admin_get(call->admin, call->uri, &resource, em);
	return e == OK ? output_write(call->file, secret_bytes(resource), em) : e;
}

static enum err resource_delete(const struct resource_call *call, struct errmsg *em)
{
	return kbs_admin_delete(call->admin, call->uri, em);
}

static const struct {
	const char *name;
	enum err (*run)(const struct resource_call *call, struct errmsg *em);
	bool takes_file;
} verbs[] = {
	{ "set", resource_set, true },
	{ "get", resource_get, true },
	{ "delete", resource_delete, false },
};

static int resource_run(const struct server_args *args, size_t verb)
{
	struct errmsg em = { "" };
	struct resource_uri uri;
	struct kbs_admin admin = { 0 };
	enum err e = resource_uri_parse(args->words[1], &uri, &em);
	if (e == OK)
		e = admin_open(args, &admin, &em);
	struct resource_call call = { &admin, &uri, args->words[2] };
	if (e == OK)
		e = verbs[verb].run(&call, &em);
	EVP_PKEY_free(admin.key);
	return e == OK ? 0 : cli_fail(e, &em);
}

int server_resource(const struct server_args *args)
{
	if (!args->url || !args->admin_key)
		return cli_usage("resource needs --url and --admin-key");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (args->word_count < 1 || strcmp(verbs[i].name, args->words[0]) != 0)
			continue;
		if (args->word_count < 2 || args->word_count > (verbs[i].takes_file ? 3 : 2))
			return cli_usage("resource %s kbs:///repository/type/tag%s", verbs[i].name,
					 verbs[i].takes_file ? " [FILE]" : "");
		return resource_run(args, i);
	}
	return cli_usage("resource set, get or delete");
}

static enum err policy_set(const struct kbs_admin *admin, const char *file, struct errmsg *em)
{
	AUTO(secret) *text = NULL; /* no secret, but file_read_secret knows "-" */
	enum err e = file_read_secret(file ? file : "-", POLICY_MAX, &text, em);
	return e == OK ? kbs_admin_set_policy(admin, secret_bytes(text), em) : e;
}

static enum err policy_get(const struct kbs_admin *admin, const char *file, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	enum err e = kbs_admin_get_policy(admin, &text, em);
	return e == OK ? output_write(file, buf_bytes(&text), em) : e;
}

int server_policy(const struct server_args *args)
{
	struct errmsg em = { "" };
	struct kbs_admin admin = { 0 };
	const char *verb = args->word_count > 0 ? args->words[0] : "";
	bool set = strcmp(verb, "set") == 0;
	if (!args->url || !args->admin_key)
		return cli_usage("policy needs --url and --admin-key");
	if ((!set && strcmp(verb, "get") != 0) || args->word_count > 2)
		return cli_usage("policy set [FILE] or policy get [FILE]");
	enum err e = admin_open(args, &admin, &em);
	if (e == OK)
		e = set ? policy_set(&admin, args->words[1], &em) : policy_get(&admin, args->words[1], &em);
	EVP_PKEY_free(admin.key);
	return e == OK ? 0 : cli_fail(e, &em);
}
