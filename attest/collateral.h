#pragma once
#include "attest/cert.h"

/* The bundle that goes with an Intel quote, offline: JSON with PEM chains, hex CRLs, and the texts that Intel signed.
 */

/* One of the two signed texts. */
struct signed_json {
	struct bytes text; /* exactly the bytes that were signed */
	struct bytes signature; /* r || s */
	uint8_t signature_bytes[64];
	struct cert_set chain; /* TCB signing certificate, root */
	json_object *object; /* the text, parsed: not to be looked at before its signature was verified */
};

struct collateral {
	json_object *root;
	struct cert_set crls;
	struct signed_json tcb_info;
	struct signed_json qe_identity;
};

/* `text` must outlive `out`. ERR_PARSE, ERR_LIMIT. */
enum err collateral_read(struct bytes text, struct collateral *out, struct errmsg *em) MUST_USE;
void collateral_clear(struct collateral *c);
#define AUTO_COLLATERAL __attribute__((cleanup(collateral_clear))) struct collateral
