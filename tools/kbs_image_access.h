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
#define ACCESS_OPTIONS                                                                                                 \
	{ "creds", required_argument, NULL, ACCESS_OPTION_FIRST }, { "src-creds", required_argument, NULL, 513 },      \
		{ "dest-creds", required_argument, NULL, 514 }, { "authfile", required_argument, NULL, 515 },          \
		{ "src-authfile", required_argument, NULL, 516 }, { "dest-authfile", required_argument, NULL, 517 },   \
		{ "cert-dir", required_argument, NULL, 518 }, { "src-cert-dir", required_argument, NULL, 519 },        \
		{ "dest-cert-dir", required_argument, NULL, 520 }, { "tls-verify", optional_argument, NULL, 521 },     \
		{ "src-tls-verify", optional_argument, NULL, 522 },                                                    \
	{                                                                                                              \
		"dest-tls-verify", optional_argument, NULL, 523                                                        \
	}

/* argument: NULL where there is none. Takes credentials out of argv. Returns 0, or the exit code after a complaint. */
int image_access_take(struct image_sides *sides, int code, char *argument);
