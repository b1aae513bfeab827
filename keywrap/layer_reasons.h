#pragma once
#include "common/err.h"

#include <stddef.h>

/* Why a layer did not open: the reason for every key that was tried, in one line. Keys with the same reason stand
 * together: "jwe: a.key, b.key: wrong key; pkcs11: pkcs11:token=...: C_Login: CKR_PIN_INCORRECT". */

struct reason {
	char scheme[64];
	char *keys; /* "a.key, b.key"; NULL: the scheme as a whole */
	size_t key_count;
	char *why;
};

struct reasons {
	struct reason *list;
	size_t count;
	enum err e; /* of the most telling one */
};
void reasons_clear(struct reasons *r);
#define AUTO_REASONS __attribute__((cleanup(reasons_clear))) struct reasons

/* How telling an error is beside others: 0 OK, 1 and 2 what a key says to what is not for it, 5 the token, ... */
int error_rank(enum err e);

/* key NULL: of the scheme as a whole. Without memory a reason is lost. */
struct reason_why {
	enum err e;
	const char *text;
};
void reasons_add(struct reasons *r, const char *scheme, const char *key, struct reason_why why);

/* Leaves room for what callers put before it. */
#define REASONS_TEXT_SIZE 860
void reasons_write(const struct reasons *r, char text[REASONS_TEXT_SIZE]);
