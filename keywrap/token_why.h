#pragma once
#include "keywrap/cryptoki_error.h"

/* After `functions` returned `rv`: if the module says why (common/token_reason.h), puts that behind the text and
 * returns what kind of error it is to us; else `e` as it is. Call it in the thread that failed. */
enum err token_why(CK_FUNCTION_LIST *functions, CK_RV rv, enum err e, struct errmsg *em);
/* The same for a module that could not be initialised. */
enum err token_why_module(const char *path, CK_RV rv, enum err e, struct errmsg *em);
