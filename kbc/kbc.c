#include "kbc/kbc.h"

#include "kbc/kbc_kind.h"
#include "kbc/kbc_stage.h"
#include "kbc/kbc_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct kbc_kind *const kinds[] = { &kbc_kind_cc };

struct kbc {
	const struct kbc_kind *kind;
	void *ctx;
	int64_t timeout_ms;
	char **hosts; /* "host:port" of each URL that is configured */
	size_t host_count;
};

static enum err kind_find(const char *name, const struct kbc_kind **out, struct errmsg *em)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i]->name, name) != 0)
			continue;
		*out = kinds[i];
		return OK;
	}
	return err_set(em, ERR_CONFIG, "no Key Broker Client is called \"%s\"; there is: cc_kbc", name);
}

static enum err hosts_copy(struct kbc *kbc, const struct kbc_options *options, struct errmsg *em)
{
	kbc->hosts = calloc(options->url_count, sizeof(*kbc->hosts));
	if (!kbc->hosts)
		return err_nomem(em, "a Key Broker Client");
	for (size_t i = 0; i < options->url_count; i++) {
		enum err e = kbc_url_authority(options->urls[i], &kbc->hosts[i], em);
		if (e != OK)
			return e;
		kbc->host_count++;
	}
	return OK;
}

enum err kbc_new(const struct kbc_options *options, const struct http_transport *transport, struct kbc **out,
		 struct errmsg *em)
{
	*out = NULL;
	const struct kbc_kind *kind;
	enum err e = kind_find(options->kind, &kind, em);
	if (e != OK)
		return e;
	if (!options->url_count || options->url_count > KBC_URLS_MAX)
		return err_set(em, ERR_CONFIG, "a Key Broker Client needs one to %d URLs", KBC_URLS_MAX);
	AUTO(kbc) *kbc = calloc(1, sizeof(*kbc));
	if (!kbc)
		return err_nomem(em, "a Key Broker Client");
	kbc->kind = kind;
	kbc->timeout_ms = options->timeout_ms;
	e = hosts_copy(kbc, options, em);
	if (e == OK)
		e = kind->open(options, transport, &kbc->ctx, em);
	if (e != OK)
		return e;
	*out = steal(&kbc);
	return OK;
}

static void shell_free(struct kbc *kbc)
{
	for (size_t i = 0; i < kbc->host_count; i++)
		free(kbc->hosts[i]);
	free(kbc->hosts);
	free(kbc);
}

void kbc_free(struct kbc *kbc)
{
	if (!kbc)
		return;
	if (kbc->ctx)
		kbc->kind->free(kbc->ctx);
	shell_free(kbc);
}

void kbc_abandon(struct kbc *kbc)
{
	if (!kbc)
		return;
	kbc->kind->abandon(kbc->ctx);
	shell_free(kbc);
}

static struct deadline call_deadline(const struct kbc *kbc, struct deadline deadline)
{
	return deadline_earlier(deadline, deadline_in_ms(kbc->timeout_ms));
}

/* A credential goes to the configured KBS only, whatever host a URI names. */
static enum err host_check(const struct kbc *kbc, const struct resource_uri *uri, struct errmsg *em)
{
	if (!uri->host[0])
		return OK;
	for (size_t i = 0; i < kbc->host_count; i++)
		if (kbc_url_names_host(kbc->hosts[i], uri->host))
			return OK;
	return err_set(em, ERR_ARG,
		       "the URI names the host %s, which is not that of a configured KBS (%s): nothing was sent",
		       uri->host, kbc->hosts[0]);
}

enum err kbc_get(struct kbc *kbc, const struct resource_uri *uri, struct deadline deadline, struct secret **out,
		 struct errmsg *em)
{
	*out = NULL;
	char name[1024];
	kbc_stage_begin();
	resource_uri_format(uri, name, sizeof(name));
	enum err e = host_check(kbc, uri, em);
	if (e == OK)
		e = kbc->kind->get(kbc->ctx, uri, call_deadline(kbc, deadline), out, em);
	return e == OK ? OK : err_wrap(em, e, "%s", name);
}

enum err kbc_attest(struct kbc *kbc, bool fresh, struct deadline deadline, struct errmsg *em)
{
	kbc_stage_begin();
	return kbc->kind->attest(kbc->ctx, fresh, call_deadline(kbc, deadline), em);
}

struct kbc_counts kbc_counts(struct kbc *kbc)
{
	return kbc->kind->counts(kbc->ctx);
}
