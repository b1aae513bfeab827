#pragma once
#include "common/key.h"

/* PrivateKeyInfo, RFC 5208, of a private key that may leave. out: the caller's. ERR_CRYPTO. */
enum err key_export_pkcs8(EVP_PKEY *key, struct secret **out, struct errmsg *em) MUST_USE;
