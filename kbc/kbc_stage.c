#include "kbc/kbc_stage.h"

#include "common/cleanup.h"
#include "kbc/kbc.h"

static THREAD_LOCAL const char *noted;
static THREAD_LOCAL bool named_by_kbs;

void kbc_stage_begin(void)
{
	noted = NULL;
	named_by_kbs = false;
}

enum err kbc_stage_note(enum err e, const char *stage)
{
	if (e != OK && !noted)
		noted = stage;
	return e;
}

const char *kbc_stage(void)
{
	return noted;
}

void kbc_named_note(bool named)
{
	named_by_kbs = named;
}

bool kbc_named(void)
{
	return named_by_kbs;
}
