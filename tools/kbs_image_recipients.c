#include "tools/cli.h"
#include "tools/kbs_image.h"

#include <stdio.h>

/* kbs-image recipients list|add|remove: who can open an image's layers. */

static struct image_recipients_options options_of(const struct image_options *o, struct okw_context *keys)
{
	return (struct image_recipients_options){
		.keys = keys,
		.layers = o->layers,
		.layer_count = o->layer_count,
		.ids = (const char *const *)o->names + 2,
		.id_count = o->name_count - 2,
		.platform = o->platform,
	};
}

static const char *text_of(json_object *obj, const char *name)
{
	json_object *value = NULL;
	return json_object_object_get_ex(obj, name, &value) ? json_object_get_string(value) : "";
}

static void recipient_print(json_object *r)
{
	json_object *opens = NULL;
	const char *mark = "";
	if (json_object_object_get_ex(r, "opens", &opens))
		mark = json_object_get_boolean(opens) ? "opens  " : "       ";
	printf("%-6s %s%-10s %s\n", text_of(r, "id"), mark, text_of(r, "scheme"), text_of(r, "text"));
}

static int list_print(const struct image_options *o, json_object *list)
{
	json_object *layers = NULL;
	json_object *recipients = NULL;
	if (o->json)
		return image_json_print(list);
	json_object_object_get_ex(list, "layers", &layers);
	for (size_t i = 0; i < json_object_array_length(layers); i++) {
		json_object_object_get_ex(json_object_array_get_idx(layers, i), "recipients", &recipients);
		for (size_t k = 0; k < json_object_array_length(recipients); k++)
			recipient_print(json_object_array_get_idx(recipients, k));
	}
	return image_stdout_done();
}

static int change_print(const struct image_options *o, const char *digest)
{
	if (!o->quiet)
		fputs("kbs-image: the manifest is a new one: what was signed is the old one\n", stderr);
	if (!o->json) {
		puts(digest);
		return image_stdout_done();
	}
	AUTO_OF(json_object) *result = json_object_new_object();
	if (!result || json_object_object_add(result, "digest", json_object_new_string(digest)) != 0)
		return cli_fail(ERR_NOMEM, &(struct errmsg){ "no memory" });
	return image_json_print(result);
}

static int list_run(const struct image_options *o, const struct image_recipients_options *how)
{
	AUTO_OF(json_object) *list = NULL;
	struct errmsg em = { "" };
	enum err e = image_recipients_list(o->names[1], how, &list, &em);
	return e == OK ? list_print(o, list) : cli_fail(e, &em);
}

static int change_run(const struct image_options *o, const struct image_recipients_options *how)
{
	char digest[IMAGE_DIGEST_SIZE];
	struct errmsg em = { "" };
	enum err e = strcmp(o->names[0], "add") == 0 ? image_recipients_add(o->names[1], how, digest, &em)
						     : image_recipients_remove(o->names[1], how, digest, &em);
	return e == OK ? change_print(o, digest) : cli_fail(e, &em);
}

/* What belongs to which of them: 0, or the exit code after a complaint. */
static int options_check(const struct image_options *o)
{
	const char *command = o->names[0];
	bool adds = strcmp(command, "add") == 0;
	bool removes = strcmp(command, "remove") == 0;
	if (!adds && !removes && strcmp(command, "list") != 0)
		return cli_usage("recipients wants list, add or remove, not \"%s\"", command);
	if (o->name_count < 2)
		return cli_usage("recipients %s wants an image", command);
	if (o->name_count > 2 && !removes)
		return cli_usage("too many arguments, from \"%s\" on", o->names[2]);
	if (o->raw || (o->layer_count && !o->layers_named))
		return cli_usage("--raw and --encrypt-layer do not belong to recipients");
	if (adds && (o->encryption.count == 0 || o->decryption.count == 0))
		return cli_usage("recipients add wants --encryption-key, for whom, and --decryption-key, which opens "
				 "the layers now");
	if (!adds && o->encryption.count)
		return cli_usage("--encryption-key belongs to recipients add");
	if (removes && o->name_count == 2 && o->decryption.count == 0)
		return cli_usage("recipients remove wants recipients, LAYER.NUMBER or *.NUMBER, or --decryption-key");
	return 0;
}

int recipients_command(const struct image_options *o)
{
	struct okw_context *keys = NULL;
	struct errmsg em = { "" };
	if (o->name_count == 0)
		return cli_usage("recipients wants list, add or remove");
	int result = options_check(o);
	if (result != 0)
		return result;
	enum err e = image_keys_make(o, &keys, &em);
	if (e != OK)
		return cli_fail(e, &em);
	struct image_recipients_options how = options_of(o, keys);
	result = strcmp(o->names[0], "list") == 0 ? list_run(o, &how) : change_run(o, &how);
	okw_context_free(keys);
	return result;
}
