#pragma once

/* The application's queue of OpenSSL errors is as it was when a call of ours returns: between the two, whatever is
 * queued is ours alone. Per thread; nests. (OpenSSL keeps 16 errors: of a fuller queue the oldest are lost.) */
void errors_keep(void);
void errors_restore(void);
