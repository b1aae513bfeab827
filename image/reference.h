#pragma once
#include "common/bytes.h"

/* Names of images in registries, "[HOST[:PORT]/]PATH[:TAG|@DIGEST]", with Docker's defaults: no host is docker.io, no
 * folder there is library/, neither tag nor digest is the tag "latest". distribution's reference grammar. */

struct reference {
	char *host; /* "docker.io", "localhost:5000" */
	char *path; /* "library/busybox" */
	char *tag; /* or NULL */
	char *digest; /* or NULL; checked */
	bool short_name; /* the text named no host */
	size_t added; /* bytes at the front of `path` that the text had not */
};

/* ERR_ARG: no such name; ERR_UNSUPPORTED: tag and digest, which could mean two images. */
enum err reference_parse(const char *text, struct reference *out, struct errmsg *em) MUST_USE;
/* What a signature or a policy says may have both: it stands for itself, and nothing is fetched by it. */
enum err reference_parse_signed(const char *text, struct reference *out, struct errmsg *em) MUST_USE;
void reference_clear(struct reference *r);
#define AUTO_REFERENCE __attribute__((cleanup(reference_clear))) struct reference

/* "docker.io/library/busybox:latest". malloc'd; NULL without memory. */
char *reference_text(const struct reference *r);

bool reference_tag_valid(const char *tag);
/* "library/busybox": lower-case components. */
bool reference_path_valid(const char *path);
/* "host", "host:port", "[::1]:port". */
bool reference_host_valid(const char *host);
