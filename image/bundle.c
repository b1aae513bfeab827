#include "image/runtime_config.h"
#include "image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Short names of containers are made like this everywhere. */
static void hostname_set(const char *digest, char to[13])
{
	const char *colon = strchr(digest, ':');
	snprintf(to, 13, "%.12s", colon ? colon + 1 : digest);
}

static enum err config_add(const struct unpack_request *request, int folder, const struct tree *tree,
			   const struct image_unpacked *unpacked, struct errmsg *em)
{
	AUTO_OF(json_object) *made = NULL;
	char hostname[13];
	const struct runtime_maps maps = { id_map_own(ID_USER), id_map_own(ID_GROUP) };
	const struct runtime_how how = {
		.tree = tree,
		.hostname = hostname,
		.rootless = request->options->unprivileged ? &maps : NULL,
	};
	hostname_set(unpacked->digest, hostname);
	enum err e = runtime_config_make(unpacked->config, &how, &made, em);
	if (e != OK)
		return e;
	AUTO_STR
	char *text = json_text(made);
	return text ? unpack_text_add(folder, "config.json", text, em) : err_set(em, ERR_NOMEM, "no memory");
}

enum err image_bundle(const char *src, const char *bundle, const struct image_unpack_options *options,
		      struct image_unpacked *out, struct errmsg *em)
{
	const struct unpack_request request = {
		.source = src, .target = bundle, .options = options, .rootfs = "rootfs", .finish = config_add
	};
	return unpack_run(&request, out, em);
}
