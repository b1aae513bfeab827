#pragma once
#include "common/err.h"

#include <stdbool.h>

/* Where a call of this thread failed: what kbc_stage() tells. */
void kbc_stage_begin(void);
void kbc_named_note(bool named); /* by the last answer that refused */
/* Notes the stage of a failure, unless one was noted already; a constant text. Returns `e`, and notes nothing for OK.
 */
enum err kbc_stage_note(enum err e, const char *stage);
