#pragma once
#include "attest/appraisal.h"

/* Adds to an appraisal. Private to attest/. A check that finds no room fails the whole appraisal. */

struct check_kind {
	const char *name; /* static */
	enum appraisal_status otherwise;
};
#define CHECK(name, otherwise) ((struct check_kind){ (name), (otherwise) })

struct check_texts {
	const char *expected;
	const char *actual;
};
/* Gives `holds` back, so that a caller can stop. Texts are cut to their room, and unprintable bytes replaced. */
bool appraisal_expect(struct appraisal *a, struct check_kind kind, bool holds, struct check_texts texts);

struct check_bytes {
	struct bytes expected;
	struct bytes actual;
};
/* Equal in length and contents; both are shown in hexadecimal. */
bool appraisal_expect_bytes(struct appraisal *a, struct check_kind kind, struct check_bytes values);
void appraisal_not_made(struct appraisal *a, const char *name, const char *why);

/* A parser's error as a failed check: `e` becomes OK where it is about the evidence (ERR_PARSE, ERR_LIMIT,
 * ERR_UNSUPPORTED: malformed; ERR_KEY, ERR_INTEGRITY: bad signature) and stays what it is where it is about us. */
enum err appraisal_broken(struct appraisal *a, const char *name, enum err e, const struct errmsg *em) MUST_USE;

/* RFC 3339, to the second: "2025-06-19T10:32:27Z". appraisal_time_parse() is in appraisal.h. */
#define APPRAISAL_TIME_MAX 32
void appraisal_time_format(int64_t when, char to[APPRAISAL_TIME_MAX]);
