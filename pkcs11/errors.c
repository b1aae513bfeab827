#include "pkcs11/errors.h"

#include <openssl/err.h>

void errors_keep(void)
{
	ERR_set_mark();
}

void errors_restore(void)
{
	ERR_pop_to_mark();
}
