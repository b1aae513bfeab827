#pragma once
#include "pkcs11/mechanism.h"

/* The mechanism with a parameter that it takes, for the 32 bytes of walk_data; valid until the next call. */
CK_MECHANISM walk_mechanism(const struct mechanism *m);
CK_MECHANISM walk_mechanism_with(CK_MECHANISM_TYPE type, const void *parameter, size_t len);
extern CK_BYTE walk_data[32];
