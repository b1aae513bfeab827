#include "common/openssl_errors.h"

#include <openssl/err.h>

static _Thread_local unsigned kept;

void openssl_errors_keep(void)
{
	ERR_set_mark();
	kept++;
}

void openssl_errors_restore(void)
{
	kept--;
	ERR_pop_to_mark();
}

bool openssl_errors_kept(void)
{
	return kept > 0;
}

void openssl_errors_drop(void)
{
	if (!kept) {
		ERR_clear_error();
		return;
	}
	/* With an empty queue there is no mark to pop to, and nothing is lost. */
	ERR_pop_to_mark();
	ERR_set_mark();
}
