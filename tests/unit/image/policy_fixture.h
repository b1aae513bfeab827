#pragma once
#include "image/policy_judge.h"
#include "tests/support/check.h"
#include "tests/unit/image/layout_fixture.h"

/* An image that a policy judges, and its judge. */

struct judged {
	struct image_source base;
	struct image_signatures kept; /* what the place of the image keeps */
	struct raw_manifest raw;
	struct errmsg why;
	const char *bundle; /* a sigstore bundle that refers to it; or NULL */
	const char *subject; /* NULL: as it should be */
	bool nameless;
};

/* transport and scope as in struct image_identity. */
void judged_open(struct judged *j, const char *transport, const char *scope);
void judged_close(struct judged *j);
void judged_keep(struct judged *j, struct bytes signature);

/* What a policy of this text says. held: or NULL. j->why gets the reason. */
enum err judged_by(struct judged *j, const char *policy, json_object *held);
/* The same with a lookaside. */
enum err judged_with(struct judged *j, const char *policy, const char *registries_d);

/* Policy text: docker's default scope asks for just this. */
const char *docker_policy(const char *requirement);
/* The signed statement. */
const char *payload_text(const struct judged *j, const char *type, const char *reference);
