#pragma once
#include "common/secret.h"
#include "image/image.h"

#include <getopt.h>

/* How images are reached: the options that copy, inspect and unpack share. The names are skopeo's. */

struct image_side {
	struct image_access access;
	struct secret *credentials; /* with its NUL; what access.credentials points to */
};
void image_side_clear(struct image_side *s);

struct image_sides {
	struct image_side source;
	struct image_side destination;
};

/* Their codes begin here. */
#define ACCESS_OPTION_FIRST 512
/* clang-format off */
#define ACCESS_OPTIONS \
	{ "creds", required_argument, NULL, ACCESS_OPTION_FIRST }, \
	{ "src-creds", required_argument, NULL, ACCESS_OPTION_FIRST + 1 }, \
	{ "dest-creds", required_argument, NULL, ACCESS_OPTION_FIRST + 2 }, \
	{ "authfile", required_argument, NULL, ACCESS_OPTION_FIRST + 3 }, \
	{ "src-authfile", required_argument, NULL, ACCESS_OPTION_FIRST + 4 }, \
	{ "dest-authfile", required_argument, NULL, ACCESS_OPTION_FIRST + 5 }, \
	{ "cert-dir", required_argument, NULL, ACCESS_OPTION_FIRST + 6 }, \
	{ "src-cert-dir", required_argument, NULL, ACCESS_OPTION_FIRST + 7 }, \
	{ "dest-cert-dir", required_argument, NULL, ACCESS_OPTION_FIRST + 8 }, \
	{ "tls-verify", optional_argument, NULL, ACCESS_OPTION_FIRST + 9 }, \
	{ "src-tls-verify", optional_argument, NULL, ACCESS_OPTION_FIRST + 10 }, \
	{ "dest-tls-verify", optional_argument, NULL, ACCESS_OPTION_FIRST + 11 }, \
	{ "registries-conf", required_argument, NULL, ACCESS_OPTION_FIRST + 12 }
/* clang-format on */

/* argument: NULL where there is none. Takes credentials out of argv. Returns 0, or the exit code after a complaint. */
int image_access_take(struct image_sides *sides, int code, char *argument);
