#include "common/openssl_errors.h"

#include "common/cleanup.h"
#include "common/crypto_gate.h"

#include <openssl/err.h>

static THREAD_LOCAL unsigned kept;
static THREAD_LOCAL bool others; /* there were some before the outermost mark */

/* The first look of a thread at its queue is where OpenSSL takes note of that thread, in a list of the whole process.
 */
static void thread_begin(void)
{
	static THREAD_LOCAL bool begun;
	if (begun)
		return;
	crypto_gate_enter();
	(void)ERR_peek_error();
	crypto_gate_leave();
	begun = true;
}

void openssl_errors_keep(void)
{
	thread_begin();
	if (!kept)
		others = ERR_peek_error() != 0;
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

unsigned long openssl_errors_oldest(void)
{
	return kept && others ? ERR_peek_last_error() : ERR_peek_error();
}

bool openssl_errors_no_memory(void)
{
	return ERR_GET_REASON(openssl_errors_oldest()) == ERR_R_MALLOC_FAILURE ||
	       ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
}
