#pragma once
#include "common/bytes.h"

/* CKA_CHECK_VALUE: the first three bytes count. False: OpenSSL fails. From inside the crypto gate. */
bool check_value_aes(struct bytes key, uint8_t to[32]);
bool check_value_sha1(struct bytes value, uint8_t to[32]);
