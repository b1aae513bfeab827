#pragma once
#include "common/token_reason.h"
#include "pkcs11/ckr.h"

/* Why this thread's last call failed, kept until it is asked for. */
void reason_keep(CK_RV rv, enum err e, const struct errmsg *why);

extern const struct token_reason_interface reason_interface;
