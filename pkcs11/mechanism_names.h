#pragma once
#include "pkcs11/cryptoki.h"

#include <stdbool.h>

/* "CKM_RSA_PKCS_OAEP", also without its CKM_: of those that keys are used with. False: there is no such one. */
bool mechanism_by_name(const char *name, CK_MECHANISM_TYPE *type);
