#pragma once
#include "kbc/kbc.h"

#include <stdatomic.h>

/* The one connection to a KBS and its attestation, shared by the tokens that name the same KBS; counted. It outlives
 * C_Finalize. */
struct broker {
	atomic_uint refs;
	struct kbc_options options;
	struct kbc *kbc;
};

/* Takes the contents of `options`. Neither network nor crypto. */
enum err broker_new(struct kbc_options *options, struct broker **out, struct errmsg *em) MUST_USE;
struct broker *broker_ref(struct broker *b);
void broker_free(struct broker *b); /* drops one reference */
AUTO_DEFINE(broker)
/* In a forked child: closes what was inherited without a word to the KBS. Other threads' references are gone. */
void broker_abandon(struct broker *b);

/* Which way to the KBS new brokers take: http_on_demand() unless a test says otherwise. */
void broker_use_transport(const struct http_transport *transport);
