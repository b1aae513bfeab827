#pragma once
#include "common/secret.h"
#include "image/image.h"
#include "tools/kbs_image_access.h"
#include "tools/kbs_image_init_data.h"

/* The command line of kbs-image. */

struct key_list {
	struct secret **keys; /* specifications: they may hold a passphrase or a PIN */
	size_t count;
};

struct image_options {
	char *const *names; /* what comes after the command: images */
	size_t name_count;
	const char *command;
	struct key_list encryption;
	struct key_list decryption;
	int *layers;
	size_t layer_count;
	bool layers_named; /* with --layer, not --encrypt-layer */
	struct image_platform platform;
	struct image_sides sides;
	const char *init_data; /* a file */
	struct image_init_data vouched; /* what came with it, if the source's access obeys it */
	bool json;
	bool quiet;
	bool raw;
	bool unprivileged;
	bool layers_apart;
	uint64_t max_size;
	bool help;
};

/* Takes keys out of argv: other users see a process's arguments. Returns 0, or the exit code after a complaint. */
int image_options_parse(int argc, char **argv, struct image_options *out);
void image_options_clear(struct image_options *o);
