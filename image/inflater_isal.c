#include "image/inflater.h"

#include <isa-l/igzip_lib.h>
#include <limits.h>
#include <stdlib.h>

struct isal {
	struct inflate_state z;
	struct isal_gzip_header header;
	bool in_header;
};

static void *isal_new(void)
{
	struct isal *s = calloc(1, sizeof *s);
	if (s)
		isal_inflate_init(&s->z);
	return s;
}

/* isal_inflate() reads headers by itself, but keeps what it knows of one on its stack: a header that comes in pieces is
 * then taken for another, and what follows for an invalid block or a wrong checksum. isal_read_gzip_header() keeps it
 * with us. */
static enum inflate_result isal_begin(void *state)
{
	struct isal *s = state;
	isal_inflate_reset(&s->z);
	s->z.crc_flag = ISAL_GZIP_NO_HDR_VER; /* the trailer is compared */
	s->header = (struct isal_gzip_header){ .flags = 0 };
	isal_gzip_header_init(&s->header);
	s->in_header = true;
	return INFLATE_MORE;
}

static uint32_t at_most(size_t len)
{
	return len < INT32_MAX ? (uint32_t)len : INT32_MAX;
}

static int step(struct isal *s)
{
	if (s->in_header) {
		int result = isal_read_gzip_header(&s->z, &s->header);
		if (result != ISAL_DECOMP_OK)
			return result;
		s->in_header = false;
	}
	return isal_inflate(&s->z);
}

static enum inflate_result isal_run(void *state, struct inflate_io *io)
{
	struct isal *s = state;
	uint32_t in = at_most(io->in_len);
	uint32_t out = at_most(io->out_len);
	s->z.next_in = (uint8_t *)(uintptr_t)io->in;
	s->z.avail_in = in;
	s->z.next_out = io->out;
	s->z.avail_out = out;
	int result = step(s);
	*io = (struct inflate_io){ s->z.next_in, io->in_len - (in - s->z.avail_in), s->z.next_out,
				   io->out_len - (out - s->z.avail_out) };
	if (result < 0)
		return INFLATE_BROKEN;
	return !s->in_header && s->z.block_state == ISAL_BLOCK_FINISH ? INFLATE_MEMBER_END : INFLATE_MORE;
}

const struct inflater inflater_isal = { "isa-l", isal_new, isal_begin, isal_run, free };
