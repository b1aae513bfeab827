#pragma once
#include "common/err.h"

/* PKCS#11 carries a number where a token fails, and no words. This project's module has the words, and the kind of
 * failure, in its log: these functions keep that in memory while nobody else asked for it, and look it up. */

struct token_reason {
	int fd; /* -1: the log goes where KBS_PKCS11_LOG says */
};

/* Before any module is loaded, and while there is one thread: it sets KBS_PKCS11_LOG. */
void token_reason_begin(struct token_reason *r);
void token_reason_end(struct token_reason *r);

/* If `e` can be a token's failure and the module said why: puts that behind the text that is there, and returns what
 * kind of failure the module called it. Else returns `e`. */
enum err token_reason_add(const struct token_reason *r, enum err e, struct errmsg *em);
