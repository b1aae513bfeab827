#pragma once
#include "common/bytes.h"

/* HTTP/2 by hand, so that tests can say what no library would. */

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum h2_type { H2_DATA, H2_HEADERS, H2_PRIORITY, H2_RST, H2_SETTINGS, H2_PUSH, H2_PING, H2_GOAWAY, H2_WINDOW, H2_MORE };
#define H2_END_STREAM 1
#define H2_END_HEADERS 4

struct h2_frame {
	enum h2_type type;
	uint8_t flags;
	uint32_t stream;
};
void h2_put(struct buf *out, struct h2_frame frame, struct bytes payload);
/* NAME, VALUE, ..., NULL */
void h2_put_headers(struct buf *out, struct h2_frame frame, const char *const *fields);
/* A message behind its five bytes, as DATA. */
void h2_put_message(struct buf *out, uint32_t stream, uint8_t flags, struct bytes message);
void h2_put_request(struct buf *out, uint32_t stream, const char *path, const char *const *more);

/* The value of a header in what a peer has sent on `stream`, from its first frame on; to be freed; NULL: none. Frames
 * that are cut off do not count. */
char *h2_value(struct bytes sent, uint32_t stream, const char *name);
/* How many frames of a type there are; `stream` 0: on any. */
unsigned h2_count(struct bytes sent, enum h2_type type, uint32_t stream);
