#include "tools/cli.h"
#include "tools/kbs_image.h"
#include "tools/kbs_image_report.h"

#include <stdio.h>
#include <time.h>

/* kbs-image list, kbs-image remove NAME..., kbs-image gc: what was pulled. */

static int options_check(const struct image_options *o, bool names)
{
	if (o->encryption.count || o->decryption.count || o->layer_count || o->raw)
		return cli_usage("%s needs no keys and shows no layers", o->command);
	if (!names && o->name_count > 0)
		return cli_usage("too many arguments, from \"%s\" on", o->names[0]);
	if (names && o->name_count == 0)
		return cli_usage("%s wants NAME", o->command);
	return 0;
}

static const char *text_of(json_object *image, const char *name)
{
	return json_object_get_string(json_object_object_get(image, name));
}

static int64_t number_of(json_object *image, const char *name)
{
	return json_object_get_int64(json_object_object_get(image, name));
}

static void images_print(json_object *images)
{
	int width = (int)strlen("NAME");
	size_t count = json_object_array_length(images);
	for (size_t i = 0; i < count; i++) {
		int len = (int)strlen(text_of(json_object_array_get_idx(images, i), "name"));
		width = len > width ? len : width;
	}
	printf("%-*s  %-19s  %10s  %s\n", width, "NAME", "DIGEST", "SIZE", "PULLED");
	for (size_t i = 0; i < count; i++) {
		json_object *image = json_object_array_get_idx(images, i);
		time_t at = (time_t)number_of(image, "pulled");
		char size[REPORT_SIZE];
		char when[32] = "";
		struct tm tm;
		report_size((uint64_t)number_of(image, "size"), size);
		if (localtime_r(&at, &tm))
			strftime(when, sizeof when, "%Y-%m-%d %H:%M", &tm);
		printf("%-*s  %.19s  %10s  %s\n", width, text_of(image, "name"), text_of(image, "digest"), size, when);
	}
}

int list_command(const struct image_options *o)
{
	AUTO_OF(json_object) *images = NULL;
	struct errmsg em = { "" };
	int result = options_check(o, false);
	if (result != 0)
		return result;
	enum err e = image_store_list(o->sides.source.access.store, &images, &em);
	if (e != OK)
		return cli_fail(e, &em);
	if (o->json)
		return image_json_print(images);
	images_print(images);
	return image_stdout_done();
}

/* All that can be removed are. */
int remove_command(const struct image_options *o)
{
	int result = options_check(o, true);
	if (result != 0)
		return result;
	for (size_t i = 0; i < o->name_count; i++) {
		struct errmsg em = { "" };
		enum err e = image_store_remove(o->sides.source.access.store, o->names[i], &em);
		if (e != OK)
			result = cli_fail(e, &em);
	}
	return result;
}

int gc_command(const struct image_options *o)
{
	struct image_store_freed freed = { 0 };
	struct errmsg em = { "" };
	char size[REPORT_SIZE];
	int result = options_check(o, false);
	if (result != 0)
		return result;
	enum err e = image_store_gc(o->sides.source.access.store, &freed, &em);
	if (e != OK)
		return cli_fail(e, &em);
	if (o->json) {
		AUTO_OF(json_object) *answer = json_object_new_object();
		if (!json_add(answer, "files", json_object_new_int64((int64_t)freed.files)) ||
		    !json_add(answer, "bytes", json_object_new_int64((int64_t)freed.bytes)))
			return cli_fail(err_nomem(&em, "an answer"), &em);
		return image_json_print(answer);
	}
	report_size(freed.bytes, size);
	printf("removed %llu files, %s\n", (unsigned long long)freed.files, size);
	return image_stdout_done();
}
