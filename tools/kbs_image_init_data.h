#pragma once
#include "attest/attest.h"
#include "image/image.h"

/* The image policy that came with the init data with which the TEE was started. */

struct image_init_data {
	struct init_data_policy policy;
	char *name; /* of the policy, for errors */
};
void image_init_data_clear(struct image_init_data *d);

/* Lets `access` obey the policy of the init data in `file`, or of those that the token's configuration names
 * ("kbs"."init-data"); does nothing where there are none, or they name no policy. `d` keeps what access then borrows.
 * The TEE must carry the digest of the very bytes that the policy is taken from: ERR_ATTEST, with both digests.
 * ERR_CONFIG: another policy was named. Blocks on the TEE's device. */
enum err image_init_data_read(const char *file, struct image_access *access, struct image_init_data *d,
			      struct errmsg *em) MUST_USE;
