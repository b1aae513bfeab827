#pragma once
#include "image/image.h"

/* How far kbs-image is, on standard error. Every command that moves layers shows it so. */

enum report_kind {
	REPORT_QUIET,
	REPORT_LINES, /* a line a layer, when it is done */
	REPORT_BARS, /* the same, and below them a bar that moves for each layer under way */
	REPORT_EVENTS, /* JSON, an object a line: "progress", ten times a second at most, and "done", for each layer */
};

enum { REPORT_LAYERS_MAX = 16 }; /* under way at once; of more than that nothing is shown before they are done */

struct report {
	enum report_kind kind;
	json_object *layers; /* --format json: what happened to each, for the end; else NULL */
	struct report_layer {
		unsigned number; /* 1-based; 0: a free place */
		unsigned of;
		const char *action;
		uint64_t done;
		uint64_t total;
		int64_t began_ms;
		int64_t told_ms;
	} under_way[REPORT_LAYERS_MAX];
	int64_t drawn_ms;
	unsigned lines; /* of bars that stand there */
};

/* What suits standard error, and the answer: quiet: nothing at all. */
void report_begin(struct report *r, bool quiet, bool json);
/* For `progress` of image_copy_options and of others; `report` is the struct. One call at a time. */
void report_progress(void *report, const struct image_progress *p);
/* Clears bars away that an error left; frees. */
void report_end(struct report *r);

/* {"digest":..,"layers":[{"digest","size","done"}...]}, for standard output; the caller's. NULL: no memory. */
json_object *report_result(struct report *r, const char *digest);
