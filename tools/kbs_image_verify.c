#include "tools/cli.h"
#include "tools/kbs_image.h"

#include <stdio.h>

/* kbs-image verify SRC */

static int answer_print(json_object *answer)
{
	json_object *held = json_object_object_get(answer, "held");
	puts(json_object_get_string(json_object_object_get(answer, "digest")));
	for (size_t i = 0; i < json_object_array_length(held); i++)
		printf("held: %s\n", json_object_get_string(json_object_array_get_idx(held, i)));
	if (json_object_array_length(held) == 0)
		puts("no policy was asked");
	return image_stdout_done();
}

int verify_command(const struct image_options *o)
{
	AUTO_OF(json_object) *answer = NULL;
	struct errmsg em = { "" };
	if (o->name_count > 1)
		return cli_usage("too many arguments, from \"%s\" on", o->names[1]);
	if (o->name_count < 1)
		return cli_usage("verify wants SRC");
	if (o->encryption.count || o->decryption.count || o->layer_count || o->raw)
		return cli_usage("verify reads the manifest and its signatures: no keys, no layers");
	const struct image_reading how = { .platform = o->platform, .access = &o->sides.source.access };
	enum err e = image_verify(o->names[0], &how, &answer, &em);
	if (e != OK)
		return cli_fail(e, &em);
	return o->json ? image_json_print(answer) : answer_print(answer);
}
