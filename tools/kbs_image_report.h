#pragma once
#include "image/image.h"

/* What kbs-image shows. */

enum report_kind {
	REPORT_QUIET,
	REPORT_LINES, /* a line a layer */
	REPORT_BAR, /* a bar that moves, then a line a layer */
};

/* Shows a copy's progress on stderr. */
struct report {
	enum report_kind kind;
	unsigned layer; /* that is under way, 1-based; 0: none yet */
	int64_t began_ms; /* the layer */
	int64_t drawn_ms;
	json_object *layers; /* what happened to each, for --format json; NULL: not kept */
};
void report_progress(void *report, const struct image_progress *p);
/* Clears away a bar that an error left. */
void report_end(struct report *r);

/* The answer of image_inspect(), for people. */
void report_inspect(json_object *summary);

/* "1.5 MiB" */
#define REPORT_SIZE 32
void report_size(uint64_t bytes, char text[REPORT_SIZE]);
