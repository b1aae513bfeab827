#pragma once
#include "pkcs11/cryptoki.h"

/* Cryptoki 2.40, all 68 functions. */
extern const CK_FUNCTION_LIST function_list;
