#include "image/copy.h"

#include "image/configuration.h"
#include "image/judged.h"

#include <stdio.h>

enum err copy_select_layers(const struct image_copy_options *options, bool *selected, size_t count, struct errmsg *em)
{
	for (size_t i = 0; i < count; i++)
		selected[i] = options->encrypt && options->encrypt_layer_count == 0;
	for (size_t i = 0; i < options->encrypt_layer_count; i++) {
		long long n = options->encrypt_layers[i];
		if (n < 0)
			n += (long long)count;
		/* Peers wrap round, or encrypt nothing, and say nothing. */
		if (n < 0 || (size_t)n >= count)
			return err_set(em, ERR_ARG, "there is no layer %d to encrypt: the image has %zu, from 0",
				       options->encrypt_layers[i], count);
		selected[n] = options->encrypt;
	}
	return OK;
}

static void changes_free(struct layer_change *changes, size_t count)
{
	for (size_t i = 0; changes && i < count; i++)
		layer_change_clear(&changes[i]);
	free(changes);
}

/* Where some are to be encrypted none is decrypted: action_choose(). */
static enum err copy_layers(struct copy *c, struct errmsg *em)
{
	AUTO(layer_keys) *keys = NULL;
	bool selected[MANIFEST_LAYERS_MAX] = { false };
	enum err e = copy_select_layers(c->options, selected, c->manifest->layer_count, em);
	if (e == OK && c->options->decrypt && !c->options->encrypt)
		e = layer_keys_start(c->manifest, c->options->keys, &keys, em);
	if (e != OK)
		return e;
	c->selected = selected;
	c->keys = keys;
	const struct layer_work work = {
		.manifest = c->manifest,
		.watch = &c->watch,
		.keys = keys,
		.run = copy_layer,
		.user = c,
	};
	e = layer_crew_run(&work, em);
	c->selected = NULL;
	c->keys = NULL;
	return e;
}

static enum err copy_config(struct copy *c, struct errmsg *em)
{
	if (c->manifest->config.size > (int64_t)CONFIG_SIZE_MAX)
		return err_set(em, ERR_LIMIT, "config: more than %zu bytes", CONFIG_SIZE_MAX);
	const struct copy_blob config = { &c->manifest->config, &c->watch, NULL };
	enum err e = copy_blob(c, &config, em);
	return e == OK ? OK : err_wrap(em, e, "config %s", c->manifest->config.digest);
}

static enum err copy_run(struct copy *c, struct raw_manifest *raw, struct errmsg *em)
{
	size_t count = c->manifest->layer_count;
	bool changed = c->destination->ops->oci_only && strcmp(c->manifest->media_type, MEDIA_OCI_MANIFEST) != 0;
	enum err e = copy_layers(c, em);
	if (e == OK)
		e = copy_config(c, em);
	for (size_t i = 0; i < count; i++)
		changed |= c->changes[i].changed;
	/* What does not change keeps its very bytes, and with them its digest. */
	if (e == OK && changed)
		e = manifest_apply(c->manifest, c->changes, raw, em);
	return e == OK ? c->destination->ops->commit(c->destination, raw, em) : e;
}

static enum err options_check(const struct image_copy_options *options, struct errmsg *em)
{
	if ((options->encrypt || options->decrypt) && !options->keys)
		return err_set(em, ERR_ARG, "encrypting and decrypting need keys");
	if (options->encrypt_layer_count > 0 && !options->encrypt)
		return err_set(em, ERR_ARG, "layers to encrypt are named, but no encryption key");
	return OK;
}

enum err image_copy(const char *src, const char *dst, const struct image_copy_options *options, char *digest_out,
		    struct errmsg *em)
{
	AUTO_JUDGED_IMAGE image = { .source = NULL };
	AUTO(image_destination) *destination = NULL;
	AUTO(manifest) *manifest = NULL;
	const struct image_reading how = { options->platform, options->source_access };
	enum err e = options_check(options, em);
	if (e == OK)
		e = judged_image_open(src, &how, NULL, &image, em);
	if (e == OK)
		e = manifest_parse(buf_bytes(&image.raw.bytes), image.raw.media_type, &manifest, em);
	if (e == OK)
		e = image_destination_open(dst, options->destination_access, &destination, em);
	if (e != OK)
		return e;
	destination->options = options;
	destination->from = &image.source->identity;
	struct copy c = {
		.options = options,
		.watch = { options->progress, options->progress_user, options->interrupted, options->interrupted_user },
		.source = image.source,
		.destination = destination,
		.manifest = manifest,
	};
	size_t count = manifest->layer_count;
	c.changes = calloc(count ? count : 1, sizeof(*c.changes));
	e = c.changes ? copy_run(&c, &image.raw, em) : err_set(em, ERR_NOMEM, "no memory");
	changes_free(c.changes, count);
	if (e == OK && digest_out)
		snprintf(digest_out, IMAGE_DIGEST_SIZE, "%s", image.raw.digest);
	return e;
}
