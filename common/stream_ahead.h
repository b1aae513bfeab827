#pragma once
#include "common/stream.h"

/* Reads `inner` in a thread of its own, a bounded way ahead (4 buffers of 64 KiB), so that both ends work at once;
 * chained, such streams make a pipeline of as many threads. Owns inner, also on failure. An error of inner comes in its
 * place, behind all that was read before it. Freeing it ends the thread: at the latest when inner's read returns. */
enum err stream_ahead(struct stream *inner, struct stream **out, struct errmsg *em) MUST_USE;
