#pragma once
#include "image/policy.h"

/* Which policy counts: containers-policy.json(5), "DESCRIPTION". */

struct policy_choice {
	char *name; /* the file or URI, for errors; NULL: there is no policy */
	char looked[512]; /* then: where one was looked for */
};
void policy_choice_clear(struct policy_choice *c);
#define AUTO_POLICY_CHOICE __attribute__((cleanup(policy_choice_clear))) struct policy_choice

/* What was named, the user's file, the machine's, or none. root: stands before the machine's folders; "" as a rule. */
enum err policy_choose(const struct image_access *access, const char *root, struct policy_choice *out,
		       struct errmsg *em) MUST_USE;

/* Reads it anew, or takes the text that came with `access`. *out NULL: there is none. ERR_CONFIG names the file. */
enum err policy_load(const struct image_access *access, struct policy_choice *choice, struct policy **out,
		     struct errmsg *em) MUST_USE;
