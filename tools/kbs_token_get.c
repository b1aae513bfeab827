#include "tools/kbs_token.h"

#include "common/file.h"
#include "tools/cli.h"

#include <errno.h>
#include <unistd.h>

/* What a terminal shows as it is: anything else may steer it. */
static bool is_text(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++) {
		uint8_t c = b.data[i];
		if (c != '\n' && c != '\r' && c != '\t' && (c < ' ' || c > '~'))
			return false;
	}
	return true;
}

/* Straight from the arena: no stdio, whose buffers nobody wipes. */
static enum err write_out(struct bytes b, struct errmsg *em)
{
	if (isatty(STDOUT_FILENO) && !is_text(b))
		return err_set(
			em, ERR_ARG,
			"the resource is binary and standard output is a terminal: redirect it, or use --out FILE");
	while (b.len) {
		ssize_t n = write(STDOUT_FILENO, b.data, b.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(em, ERR_IO, "standard output");
		b = (struct bytes){ b.data + n, b.len - (size_t)n };
	}
	return OK;
}

static enum err write_file(const char *path, struct bytes b, struct errmsg *em)
{
	enum err e = file_write_atomic(path, b, (struct file_write){ .mode = 0600 }, em);
	return e == ERR_NOT_FOUND ? ERR_IO : e; /* it is not the resource that was not found */
}

static enum err fetch_from(const struct kbc_options *o, const struct resource_uri *uri, struct secret **out,
			   struct errmsg *em)
{
	AUTO(kbc) *kbc = NULL;
	enum err e = kbc_new(o, http_curl(), &kbc, em);
	return e == OK ? kbc_get(kbc, uri, deadline_in_ms(o->timeout_ms), out, em) : e;
}

/* Of several KBSs the first whose host the URI names, or allows by naming none. */
static enum err fetch(const struct token_args *args, const struct resource_uri *uri, struct secret **out,
		      struct errmsg *em)
{
	static struct token_kbs_list list;
	AUTO(settings) *s = NULL;
	enum err e = token_settings(args, &s, em);
	if (e == OK)
		e = token_kbs_list(args, s, &list, em);
	if (e == OK)
		e = fetch_from(&list.items[0], uri, out, em);
	for (size_t i = 1; e == ERR_ARG && i < list.count; i++)
		e = fetch_from(&list.items[i], uri, out, em);
	token_kbs_list_clear(&list);
	return e;
}

int token_get(const struct token_args *args)
{
	struct errmsg em = { "" };
	struct resource_uri uri;
	AUTO(secret) *resource = NULL;
	if (resource_uri_parse_label(args->words[0], &uri, &em) != OK)
		return cli_usage("%s: %s", args->words[0], em.text);
	enum err e = fetch(args, &uri, &resource, &em);
	if (e == OK && args->out)
		e = write_file(args->out, secret_bytes(resource), &em);
	else if (e == OK)
		e = write_out(secret_bytes(resource), &em);
	return e == OK ? 0 : cli_fail(e, &em);
}
