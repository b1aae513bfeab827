#pragma once
#include <stdbool.h>

/* OpenSSL's queue of errors belongs to the application as well, where we are a module in it. Between keep and restore
 * only what we queued ourselves is ever dropped. Per thread; nests. (OpenSSL keeps 16 errors: of a queue that is nearly
 * full the oldest are lost.) */
void openssl_errors_keep(void);
void openssl_errors_restore(void);
bool openssl_errors_kept(void);
/* Forgets our errors; outside of keep and restore, all. */
void openssl_errors_drop(void);
/* The first of ours, which names the cause; the newest where there are others' before ours. 0: none. */
unsigned long openssl_errors_oldest(void);
/* What we queued says that memory was missing: then nothing was found out about the input. */
bool openssl_errors_no_memory(void);
