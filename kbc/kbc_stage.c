#include "kbc/kbc_stage.h"

#include "common/cleanup.h"
#include "kbc/kbc.h"

static THREAD_LOCAL const char *noted;

void kbc_stage_begin(void)
{
	noted = NULL;
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
