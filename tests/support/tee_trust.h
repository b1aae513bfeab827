#pragma once
#include <stdint.h>

/* Linked before the verifier it takes the place of attest/trust.c: whom a test believes. */
void tee_trust_set(const uint8_t hash[32]); /* of the certificate at Intel's root */
