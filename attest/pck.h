#pragma once
#include "attest/cert.h"

/* What a PCK certificate says of its platform: extension 1.2.840.113741.1.13.1. */
struct pck {
	uint8_t fmspc[6];
	uint8_t pceid[2];
	uint8_t components[16];
	unsigned pcesvn;
};

/* The extension's contents; parts that do not matter here may be missing. ERR_PARSE. */
enum err pck_extension_read(struct bytes extension, struct pck *out, struct errmsg *em) MUST_USE;

/* ERR_PARSE: no such extension, or one of its parts is missing, twice there or out of range. */
enum err pck_read(X509 *leaf, struct pck *out, struct errmsg *em) MUST_USE;
