#pragma once
#include "common/bytes.h"

/* The outside of an OpenPGP message, RFC 4880 section 4 and 11.3, before GnuPG sees it: public-key encrypted session
 * keys and one encrypted container, and nothing else. What is encrypted with a passphrase is refused: whoever makes a
 * layer could try out passphrases with it, or have the agent ask for one.
 *
 * *binary borrows `message`, or `decoded` where that is armoured (section 6.2). ERR_PARSE, ERR_LIMIT, ERR_UNSUPPORTED.
 */
enum err pgp_message_check(struct bytes message, struct buf *decoded, struct bytes *binary, struct errmsg *em) MUST_USE;

/* One packet off a binary message. False: none, or malformed; `rest` is of no use then. */
struct pgp_packet {
	int tag;
	struct bytes whole; /* with its header */
	struct bytes body; /* where it comes in parts, the last of them */
};
#define PGP_PACKET_PKESK 1
bool pgp_packet_take(struct bytes *rest, struct pgp_packet *out);
