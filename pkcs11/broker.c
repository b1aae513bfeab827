#include "pkcs11/broker.h"

static const struct http_transport *transport_in_use;

void broker_use_transport(const struct http_transport *transport)
{
	transport_in_use = transport;
}

enum err broker_new(struct kbc_options *options, struct broker **out, struct errmsg *em)
{
	AUTO(broker) *b = calloc(1, sizeof(*b));
	if (!b)
		return err_nomem(em, "a KBS client");
	b->refs = 1;
	b->options = *options;
	memset(options, 0, sizeof(*options));
	enum err e = kbc_new(&b->options, transport_in_use ? transport_in_use : http_on_demand(), &b->kbc, em);
	if (e != OK)
		return e;
	*out = steal(&b);
	return OK;
}

struct broker *broker_ref(struct broker *b)
{
	if (b)
		atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void broker_free(struct broker *b)
{
	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	kbc_free(b->kbc);
	kbc_options_clear(&b->options);
	free(b);
}

void broker_abandon(struct broker *b)
{
	if (!b || !b->kbc)
		return;
	kbc_abandon(b->kbc);
	b->kbc = NULL;
}
