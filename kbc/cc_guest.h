#pragma once
#include "attest/attester.h"
#include "kbc/cc_kbc.h"
#include "kbc/kbc.h"

/* The guest as it attests: its TEE, its devices, and the init data that it was started with. */
struct cc_guest;

/* Copies what it needs of the options. Touches no device. */
enum err cc_guest_new(const struct kbc_options *options, struct cc_guest **out, struct errmsg *em) MUST_USE;
void cc_guest_free(struct cc_guest *g);
AUTO_DEFINE(cc_guest)

/* The TEE, which carries the digest of the very init data that are used here, where there are any: nothing is sent
 * before. ERR_ATTEST, ERR_CONFIG. */
enum err cc_guest_attester(const struct cc_guest *g, struct deadline deadline, const struct attester **out,
			   struct errmsg *em) MUST_USE;

const struct init_data *cc_guest_init_data(const struct cc_guest *g); /* or NULL */

/* What a handshake wants when it wants evidence: the devices', then the TEE's, which is bound to them. */
enum err cc_guest_evidence(const struct cc_guest *g, const struct attester *a, struct deadline deadline,
			   struct cc_handshake *h, struct errmsg *em) MUST_USE;
