#pragma once
#include "common/stream.h"

/* What one or more zstd frames (RFC 8878; skippable ones too) unpack to. Owns `from`, also on failure. ERR_PARSE: it is
 * none, or is cut short; ERR_LIMIT: it asks for a window of more than 8 MiB, RFC 8878 3.1.1.1.2. */
enum err unzstd_stream(struct stream *from, struct stream **out, struct errmsg *em) MUST_USE;
