#pragma once
#include <stdbool.h>

/* Tells a process from its forked children without a system call: a page that the kernel wipes on fork. */
struct fork_mark;

struct fork_mark *fork_mark_new(void); /* NULL without memory */
void fork_mark_free(struct fork_mark *mark);
/* True in the process that made it, false in every child. */
bool fork_mark_intact(const struct fork_mark *mark);
