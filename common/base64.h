#pragma once
#include "common/secret.h"

/* RFC 4648. STD: section 4, padded. URL: section 5, without padding (RFC 7515 section 2).
 * Decoding is strict: no white space, no foreign characters, right padding, zero trailing bits. */
enum base64_kind { BASE64_STD, BASE64_URL };

/* malloc'd C string, NULL without memory. Not for secrets. */
char *base64_encode(enum base64_kind kind, struct bytes from);
/* Replaces what `out` holds; empty on failure. */
enum err base64_decode(enum base64_kind kind, struct bytes text, struct buf *out, struct errmsg *em) MUST_USE;

/* The same into and out of the secret arena. All four are constant-time in the contents. */
enum err base64_encode_secret(enum base64_kind kind, struct bytes from, struct secret **out,
			      struct errmsg *em) MUST_USE;
enum err base64_decode_secret(enum base64_kind kind, struct bytes text, struct secret **out,
			      struct errmsg *em) MUST_USE;
