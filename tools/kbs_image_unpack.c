#include "tools/cli.h"
#include "tools/kbs_image.h"
#include "tools/kbs_image_progress.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* kbs-image unpack SRC ROOTFS, kbs-image bundle SRC DIR, kbs-image mount DIR, kbs-image pull SRC */

static int unpack_done(const struct image_options *o, const struct image_unpacked *unpacked, struct report *report)
{
	if (unpacked->left_out > 0)
		fprintf(stderr,
			"kbs-image: %zu devices or attributes were left out: only root can make them, and not on every "
			"file system\n",
			unpacked->left_out);
	if (!o->json) {
		puts(unpacked->digest);
		return image_stdout_done();
	}
	AUTO_OF(json_object) *result = report_result(report, unpacked->digest);
	if (!result || !json_add(result, "leftOut", json_object_new_int64((int64_t)unpacked->left_out)))
		return cli_fail(ERR_NOMEM, &(struct errmsg){ "no memory" });
	return image_json_print(result);
}

/* A command that reads layers, and what it wants besides SRC. */
struct unpacker {
	const char *wants; /* NULL: nothing */
	enum err (*run)(const char *src, const char *target, const struct image_unpack_options *options,
			struct image_unpacked *out, struct errmsg *em);
};

static int options_check(const struct image_options *o, const struct unpacker *u)
{
	size_t wanted = u->wants ? 2 : 1;
	if (o->name_count > wanted)
		return cli_usage("too many arguments, from \"%s\" on", o->names[wanted]);
	if (o->name_count < wanted)
		return cli_usage("%s wants SRC%s%s", o->command, u->wants ? " and " : "", u->wants ? u->wants : "");
	if (o->encryption.count > 0 || o->layer_count > 0)
		return cli_usage("%s encrypts nothing", o->command);
	if (o->raw)
		return cli_usage("--raw belongs to inspect");
	if (o->layers_apart && !u->wants)
		return cli_usage("--layers belongs to unpack and bundle: the store keeps layers as they are");
	return 0;
}

static int unpack_with(const struct image_options *o, const struct unpacker *u)
{
	struct report report;
	struct image_unpacked unpacked = { .config = NULL };
	struct okw_context *keys = NULL;
	struct errmsg em = { "" };
	int result = options_check(o, u);
	if (result != 0)
		return result;
	report_begin(&report, o->quiet, o->json);
	image_signals_catch();
	enum err e = image_keys_make(o, &keys, &em);
	const struct image_unpack_options how = {
		.keys = keys,
		.platform = o->platform,
		.access = &o->sides.source.access,
		.unprivileged = o->unprivileged || geteuid() != 0,
		.layers = o->layers_apart,
		.max_size = o->max_size,
		.progress = report_progress,
		.progress_user = &report,
		.interrupted = image_interrupted,
	};
	if (e == OK)
		e = u->run(o->names[0], u->wants ? o->names[1] : o->sides.source.access.store, &how, &unpacked, &em);
	if (e == OK)
		result = unpack_done(o, &unpacked, &report);
	report_end(&report);
	if (e != OK)
		result = cli_fail(e, &em);
	json_object_put(unpacked.config);
	okw_context_free(keys);
	return result;
}

int unpack_command(const struct image_options *o)
{
	return unpack_with(o, &(struct unpacker){ "ROOTFS", image_unpack });
}

int bundle_command(const struct image_options *o)
{
	return unpack_with(o, &(struct unpacker){ "DIR", image_bundle });
}

int pull_command(const struct image_options *o)
{
	return unpack_with(o, &(struct unpacker){ NULL, image_pull });
}

int mount_command(const struct image_options *o)
{
	struct errmsg em = { "" };
	if (o->name_count != 1)
		return cli_usage("mount wants DIR, which unpack or bundle made with --layers");
	enum err e = image_mount(o->names[0], &em);
	return e == OK ? 0 : cli_fail(e, &em);
}
