#include "pkcs11/reason.h"

#include "common/once.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not thread-local: a kilobyte is too much for what glibc has for modules that are loaded late, and without memory for
 * it glibc ends the process. */
static pthread_key_t last_of_thread;
static struct once once = ONCE_INIT;

static bool key_make(void)
{
	return pthread_key_create(&last_of_thread, free) == 0;
}

/* NULL without memory: then there is no reason to give. */
static struct token_reason *last_made(void)
{
	if (!once_do(&once, key_make))
		return NULL;
	struct token_reason *last = pthread_getspecific(last_of_thread);
	if (last)
		return last;
	last = calloc(1, sizeof(*last));
	if (last && pthread_setspecific(last_of_thread, last) != 0) {
		free(last);
		return NULL;
	}
	return last;
}

void reason_keep(CK_RV rv, enum err e, const struct errmsg *why)
{
	struct token_reason *last = last_made();
	if (!last)
		return;
	last->rv = rv;
	snprintf(last->word, sizeof(last->word), "%s", err_name(e));
	snprintf(last->text, sizeof(last->text), "%s", why->text);
}

static void take(struct token_reason *out)
{
	struct token_reason *last = last_made();
	memset(out, 0, sizeof(*out));
	if (!last)
		return;
	*out = *last;
	memset(last, 0, sizeof(*last));
}

const struct token_reason_interface reason_interface = { .major = 1, .minor = 0, .take = take };
