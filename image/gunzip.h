#pragma once
#include "common/stream.h"
#include "image/inflater.h"

/* What a gzip stream of one or more members (RFC 1952) unpacks to. Owns `from`, also on failure. ERR_PARSE: it is none,
 * or is cut short. Unbounded: whoever keeps what comes out counts it. */
enum err gunzip_stream(struct stream *from, struct stream **out, struct errmsg *em) MUST_USE;
/* By that library, and not by the best. */
enum err gunzip_stream_by(const struct inflater *inflater, struct stream *from, struct stream **out,
			  struct errmsg *em) MUST_USE;
