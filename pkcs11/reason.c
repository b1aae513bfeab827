#include "pkcs11/reason.h"

#include <stdio.h>
#include <string.h>

static _Thread_local struct token_reason last;

void reason_keep(CK_RV rv, enum err e, const struct errmsg *why)
{
	last.rv = rv;
	snprintf(last.word, sizeof(last.word), "%s", err_name(e));
	snprintf(last.text, sizeof(last.text), "%s", why->text);
}

static void take(struct token_reason *out)
{
	*out = last;
	memset(&last, 0, sizeof(last));
}

const struct token_reason_interface reason_interface = { .major = 1, .minor = 0, .take = take };
