#define _GNU_SOURCE 1
#include "image/image.h"

#include "image/layer_pipe.h"
#include "image/layout_edit.h"

#include <ctype.h>
#include <stdio.h>

#define TRANSPORT "oci:"

/* An image whose recipients are looked at or changed. */
struct work {
	const struct image_recipients_options *options;
	struct layout_edit *edit;
	struct manifest *manifest;
	size_t count; /* of its layers */
	bool selected[MANIFEST_LAYERS_MAX];
	struct okw_annotations annotations[MANIFEST_LAYERS_MAX]; /* of the selected layers */
	size_t found; /* recipients to remove */
};

static void work_clear(struct work *w)
{
	for (size_t i = 0; i < w->count; i++)
		okw_annotations_clear(&w->annotations[i]);
	manifest_free(w->manifest);
	layout_edit_free(w->edit);
}

static const char *layer_digest(const struct work *w, size_t n)
{
	return w->manifest->layers[n].digest;
}

static enum err layers_select(struct work *w, struct errmsg *em)
{
	const struct image_recipients_options *o = w->options;
	size_t count = w->count;
	bool any = false;
	for (size_t i = 0; i < count; i++)
		w->selected[i] = o->layer_count == 0 && media_type_is_encrypted(w->manifest->layers[i].media_type);
	for (size_t i = 0; i < o->layer_count; i++) {
		long long n = o->layers[i];
		if (n < 0)
			n += (long long)count;
		if (n < 0 || (size_t)n >= count)
			return err_set(em, ERR_ARG, "there is no layer %d: the image has %zu, from 0", o->layers[i],
				       count);
		if (!media_type_is_encrypted(w->manifest->layers[n].media_type))
			return err_set(em, ERR_ARG, "layer %lld (%s) is not encrypted", n, layer_digest(w, (size_t)n));
		w->selected[n] = true;
	}
	for (size_t i = 0; i < count; i++)
		any |= w->selected[i];
	return any ? OK : err_set(em, ERR_ARG, "no layer of the image is encrypted");
}

static enum err work_open(struct work *w, const char *name, struct errmsg *em)
{
	if (strncmp(name, TRANSPORT, strlen(TRANSPORT)) != 0)
		return err_set(em, ERR_UNSUPPORTED,
			       "\"%s\": recipients are changed in an OCI layout, oci:DIR:TAG: copy the image there",
			       name);
	enum err e = layout_edit_open(name + strlen(TRANSPORT), &w->options->platform, &w->edit, em);
	if (e != OK)
		return e;
	const struct raw_manifest *raw = layout_edit_manifest(w->edit);
	e = manifest_parse(buf_bytes(&raw->bytes), raw->media_type, &w->manifest, em);
	if (e != OK)
		return e;
	w->count = w->manifest->layer_count;
	e = layers_select(w, em);
	for (size_t i = 0; e == OK && i < w->count; i++)
		if (w->selected[i])
			e = layer_annotations(&w->manifest->layers[i], &w->annotations[i], em);
	return e;
}

static enum err layer_failed(const struct work *w, size_t n, enum err e, struct errmsg *em)
{
	return err_wrap(em, e, "layer %zu (%s)", n, layer_digest(w, n));
}

static enum err okw_failed(const struct work *w, size_t n, const struct okw_error *error, struct errmsg *em)
{
	return layer_failed(w, n, image_err_from_okw(error->code, error, em), em);
}

/* The new manifest: the selected layers' annotations are those of `w`, and nothing else is different. */
static enum err work_commit(struct work *w, char *digest_out, struct errmsg *em)
{
	size_t count = w->count;
	AUTO_RAW_MANIFEST raw = { 0 };
	struct layer_change *changes = calloc(count ? count : 1, sizeof(*changes));
	if (!changes)
		return err_set(em, ERR_NOMEM, "no memory");
	enum err e = OK;
	for (size_t i = 0; e == OK && i < count; i++) {
		const struct descriptor *layer = &w->manifest->layers[i];
		if (!w->selected[i])
			continue;
		changes[i] = (struct layer_change){ .changed = true, .drop_keys = true, .size = layer->size };
		changes[i].add = w->annotations[i];
		w->annotations[i] = (struct okw_annotations){ 0 };
		snprintf(changes[i].digest, sizeof(changes[i].digest), "%s", layer->digest);
		changes[i].media_type = strdup(layer->media_type);
		if (!changes[i].media_type)
			e = err_set(em, ERR_NOMEM, "no memory");
	}
	if (e == OK)
		e = manifest_apply(w->manifest, changes, &raw, em);
	for (size_t i = 0; i < count; i++)
		layer_change_clear(&changes[i]);
	free(changes);
	return e == OK ? layout_edit_commit(w->edit, &raw, digest_out, em) : e;
}

static enum err layers_add(struct work *w, struct errmsg *em)
{
	for (size_t i = 0; i < w->count; i++) {
		struct okw_error error = { 0 };
		if (w->selected[i] && okw_add_recipients(w->options->keys, &w->annotations[i], &error) != OKW_OK)
			return okw_failed(w, i, &error, em);
	}
	return OK;
}

enum err image_recipients_add(const char *name, const struct image_recipients_options *options, char *digest_out,
			      struct errmsg *em)
{
	struct work w = { .options = options };
	enum err e = options->keys ? OK : err_set(em, ERR_ARG, "adding recipients needs keys");
	if (e == OK)
		e = work_open(&w, name, em);
	if (e == OK)
		e = layers_add(&w, em);
	if (e == OK)
		e = work_commit(&w, digest_out, em);
	work_clear(&w);
	return e;
}

static enum err number_take(const char **at, size_t *out)
{
	char *end = NULL;
	if (!isdigit((unsigned char)**at))
		return ERR_PARSE;
	unsigned long n = strtoul(*at, &end, 10);
	if (end - *at > 9)
		return ERR_PARSE;
	*at = end;
	*out = n;
	return OK;
}

/* An id, taken apart. */
struct place {
	bool all_layers;
	size_t layer;
	size_t number;
};

static enum err place_parse(const char *id, struct place *out, struct errmsg *em)
{
	const char *at = id;
	*out = (struct place){ .all_layers = at[0] == '*' };
	enum err e = OK;
	if (out->all_layers)
		at++;
	else
		e = number_take(&at, &out->layer);
	if (e == OK && *at++ != '.')
		e = ERR_PARSE;
	if (e == OK)
		e = number_take(&at, &out->number);
	if (e == OK && *at == '\0')
		return OK;
	return err_set(em, ERR_ARG, "\"%.40s\" is no recipient: want LAYER.NUMBER, as the list has it, or *.NUMBER",
		       id);
}

/* Whom to remove from one layer: a flag each. */
struct removal {
	size_t layer;
	bool *chosen;
	size_t count;
};

static enum err ids_choose(struct work *w, struct removal *r, struct errmsg *em)
{
	for (size_t i = 0; i < w->options->id_count; i++) {
		struct place place;
		enum err e = place_parse(w->options->ids[i], &place, em);
		if (e != OK)
			return e;
		if (!place.all_layers && place.layer != r->layer)
			continue;
		if (place.number >= r->count)
			return layer_failed(w, r->layer,
					    err_set(em, ERR_ARG, "there is no recipient %zu: it has %zu, from 0",
						    place.number, r->count),
					    em);
		r->chosen[place.number] = true;
	}
	return OK;
}

static enum err keys_choose(struct work *w, struct removal *r, struct errmsg *em)
{
	for (size_t i = 0; w->options->keys && i < r->count; i++) {
		struct okw_error error = { 0 };
		int opens = 0;
		if (okw_recipient_opens(w->options->keys, &w->annotations[r->layer], i, &opens, &error) != OKW_OK)
			return okw_failed(w, r->layer, &error, em);
		r->chosen[i] |= opens != 0;
	}
	return OK;
}

/* From the last on: numbers are those of the list. */
static enum err layer_remove(struct work *w, size_t n, struct errmsg *em)
{
	struct okw_error error = { 0 };
	struct okw_recipient *list = NULL;
	struct removal r = { .layer = n };
	bool changed = false;
	if (okw_list_recipients(&w->annotations[n], &list, &r.count, &error) != OKW_OK)
		return okw_failed(w, n, &error, em);
	free(list);
	AUTO_STR
	char *chosen = calloc(r.count + 1, sizeof(bool));
	if (!chosen)
		return err_set(em, ERR_NOMEM, "no memory");
	r.chosen = (bool *)(void *)chosen;
	enum err e = ids_choose(w, &r, em);
	if (e == OK)
		e = keys_choose(w, &r, em);
	for (size_t i = r.count; e == OK && i-- > 0;) {
		if (!r.chosen[i])
			continue;
		if (okw_remove_recipient(&w->annotations[n], i, &error) != OKW_OK)
			return okw_failed(w, n, &error, em);
		changed = true;
		w->found++;
	}
	w->selected[n] = changed;
	return e;
}

/* An id of a layer that is not there, or not encrypted, would otherwise be passed over. */
static enum err ids_check(const struct work *w, struct errmsg *em)
{
	for (size_t i = 0; i < w->options->id_count; i++) {
		struct place place;
		enum err e = place_parse(w->options->ids[i], &place, em);
		if (e != OK)
			return e;
		if (!place.all_layers && place.layer >= w->count)
			return err_set(em, ERR_ARG, "\"%s\": there is no layer %zu: the image has %zu, from 0",
				       w->options->ids[i], place.layer, w->count);
		if (!place.all_layers && !w->selected[place.layer])
			return err_set(em, ERR_ARG, "\"%s\": layer %zu is not encrypted", w->options->ids[i],
				       place.layer);
	}
	return OK;
}

enum err image_recipients_remove(const char *name, const struct image_recipients_options *options, char *digest_out,
				 struct errmsg *em)
{
	struct work w = { .options = options };
	enum err e = options->keys || options->id_count
			     ? OK
			     : err_set(em, ERR_ARG, "whom to remove is not said: neither numbers nor keys");
	if (e == OK)
		e = work_open(&w, name, em);
	if (e == OK)
		e = ids_check(&w, em);
	for (size_t i = 0; e == OK && i < w.count; i++)
		if (w.selected[i])
			e = layer_remove(&w, i, em);
	if (e == OK && w.found == 0)
		e = err_set(em, ERR_KEY, "no recipient is opened by these keys: none was removed");
	if (e == OK)
		e = work_commit(&w, digest_out, em);
	work_clear(&w);
	return e;
}

/* Adds to an object or (name NULL) an array. Takes `value`, also on failure. */
static enum err add(json_object *to, const char *name, json_object *value, struct errmsg *em)
{
	return json_add(to, name, value) ? OK : err_set(em, ERR_NOMEM, "no memory");
}

static enum err recipient_describe(const struct work *w, const struct place *at, const struct okw_recipient *r,
				   json_object *to, struct errmsg *em)
{
	char id[48];
	int opens = 0;
	struct okw_error error = { 0 };
	snprintf(id, sizeof(id), "%zu.%zu", at->layer, at->number);
	if (w->options->keys &&
	    okw_recipient_opens(w->options->keys, &w->annotations[at->layer], at->number, &opens, &error) != OKW_OK)
		return okw_failed(w, at->layer, &error, em);
	enum err e = add(to, "id", json_object_new_string(id), em);
	if (e == OK)
		e = add(to, "scheme", json_object_new_string(r->scheme), em);
	if (e == OK)
		e = add(to, "text", json_object_new_string(r->text), em);
	if (e == OK && w->options->keys)
		e = add(to, "opens", json_object_new_boolean(opens), em);
	return e;
}

static enum err layer_describe(const struct work *w, size_t n, json_object *to, struct errmsg *em)
{
	struct okw_error error = { 0 };
	struct okw_recipient *list = NULL;
	struct place at = { .layer = n };
	size_t count = 0;
	json_object *recipients = json_object_new_array();
	enum err e = add(to, "layer", json_object_new_int64((int64_t)n), em);
	if (e == OK)
		e = add(to, "digest", json_object_new_string(layer_digest(w, n)), em);
	if (e != OK) {
		json_object_put(recipients);
		return e;
	}
	e = add(to, "recipients", recipients, em);
	if (e == OK && okw_list_recipients(&w->annotations[n], &list, &count, &error) != OKW_OK)
		e = okw_failed(w, n, &error, em);
	for (at.number = 0; e == OK && at.number < count; at.number++) {
		json_object *item = json_object_new_object();
		e = add(recipients, NULL, item, em);
		if (e == OK)
			e = recipient_describe(w, &at, &list[at.number], item, em);
	}
	free(list);
	return e;
}

enum err image_recipients_list(const char *name, const struct image_recipients_options *options, json_object **out,
			       struct errmsg *em)
{
	struct work w = { .options = options };
	AUTO_OF(json_object) *root = json_object_new_object();
	json_object *layers = json_object_new_array();
	enum err e = root ? add(root, "layers", layers, em) : err_set(em, ERR_NOMEM, "no memory");
	if (e == OK)
		e = work_open(&w, name, em);
	if (e == OK)
		e = add(root, "digest", json_object_new_string(layout_edit_manifest(w.edit)->digest), em);
	for (size_t i = 0; e == OK && i < w.count; i++) {
		if (!w.selected[i])
			continue;
		json_object *layer = json_object_new_object();
		e = add(layers, NULL, layer, em);
		if (e == OK)
			e = layer_describe(&w, i, layer, em);
	}
	work_clear(&w);
	if (e == OK)
		*out = steal(&root);
	return e;
}
