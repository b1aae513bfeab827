#include "tests/support/tee_trust.h"

#include "attest/trust.h"
#include "common/bytes.h"

#include <stdio.h>

/* Stands in the place of attest/trust.c: believes the vendor whose root's hash is in the file that KBS_TEST_ROOT names
 * (tests/support/tsm_fuse.c writes it), and nobody without it. Never part of a program that is installed. */

static uint8_t root[32];
static const uint8_t qe_signer[32] = { 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
				       0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
				       0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab };

const struct trust trust_vendors = { root, qe_signer, qe_signer, NULL, 0 };

void tee_trust_set(const uint8_t hash[32])
{
	memcpy(root, hash, sizeof root);
}

__attribute__((constructor)) static void root_read(void)
{
	char hex[65] = "";
	const char *path = getenv("KBS_TEST_ROOT");
	FILE *from = path ? fopen(path, "re") : NULL;
	if (from && fread(hex, 1, 64, from) == 64)
		(void)!hex_decode(hex, root, sizeof root, NULL);
	if (from)
		fclose(from);
}
