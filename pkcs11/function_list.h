#pragma once
#include "pkcs11/cryptoki.h"

/* Cryptoki 2.40, all 68 functions; 3.0, all 92. They differ in what C_GetInfo says, and in that alone. */
extern const CK_FUNCTION_LIST function_list;
extern const CK_FUNCTION_LIST_3_0 function_list_3_0;
/* 3.2, all 104; only where there is ML-KEM, which needs it. */
extern const CK_FUNCTION_LIST_3_2 function_list_3_2;
