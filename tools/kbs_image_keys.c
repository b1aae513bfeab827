#include "tools/cli.h"
#include "tools/kbs_image.h"
#include "tools/own_module.h"

#include <stdio.h>

static enum err keys_add(struct okw_context *keys, const struct key_list *list,
			 enum okw_code (*adder)(struct okw_context *, const char *, struct okw_error *),
			 struct errmsg *em)
{
	for (size_t i = 0; i < list->count; i++) {
		struct okw_error error = { 0 };
		enum okw_code code = adder(keys, (const char *)secret_data(list->keys[i]), &error);
		enum err e = image_err_from_okw(code, &error, em);
		if (e != OK)
			return e;
	}
	return OK;
}

static enum err keys_fill(const struct image_options *o, struct okw_context *keys, struct errmsg *em)
{
	struct okw_error error = { 0 };
	char module[OWN_MODULE_PATH_SIZE];
	enum err e = OK;
	/* Our own token needs no registration, and no leave from an ocicrypt.conf. */
	if (own_module_path(module, NULL) == OK)
		e = image_err_from_okw(okw_trust_module(keys, module, &error), &error, em);
	if (e == OK)
		e = keys_add(keys, &o->encryption, okw_add_encryption_key, em);
	return e == OK ? keys_add(keys, &o->decryption, okw_add_decryption_key, em) : e;
}

enum err image_keys_make(const struct image_options *o, struct okw_context **out, struct errmsg *em)
{
	struct okw_error error = { 0 };
	struct okw_context *keys = NULL;
	if (o->encryption.count == 0 && o->decryption.count == 0)
		return OK;
	enum err e = image_err_from_okw(okw_context_new(&keys, &error), &error, em);
	if (e == OK)
		e = keys_fill(o, keys, em);
	if (e == OK)
		*out = keys;
	else
		okw_context_free(keys);
	return e;
}

int image_stdout_done(void)
{
	return fflush(stdout) == 0 ? 0 : cli_fail(ERR_IO, &(struct errmsg){ "cannot write to standard output" });
}

int image_json_print(json_object *obj)
{
	AUTO_STR
	char *text = json_text(obj);
	if (!text)
		return cli_fail(ERR_NOMEM, &(struct errmsg){ "no memory" });
	puts(text);
	return image_stdout_done();
}
