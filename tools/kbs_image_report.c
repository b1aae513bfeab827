#include "tools/kbs_image_report.h"

#include <stdio.h>
#include <string.h>

void report_size(uint64_t bytes, char text[REPORT_SIZE])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;
	double n = (double)bytes;
	while (n >= 1024 && unit + 1 < ARRAY_LEN(units)) {
		n /= 1024;
		unit++;
	}
	snprintf(text, REPORT_SIZE, unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
}

static const char *text_of(json_object *obj, const char *name)
{
	json_object *value = NULL;
	return json_object_object_get_ex(obj, name, &value) ? json_object_get_string(value) : "";
}

static uint64_t size_of(json_object *obj)
{
	json_object *value = NULL;
	return json_object_object_get_ex(obj, "size", &value) ? (uint64_t)json_object_get_int64(value) : 0;
}

static void layer_print(size_t n, json_object *layer)
{
	char size[REPORT_SIZE];
	json_object *recipients = NULL;
	report_size(size_of(layer), size);
	printf("layer %zu   %s  %s\n          %s\n", n, text_of(layer, "digest"), size, text_of(layer, "mediaType"));
	if (!json_object_object_get_ex(layer, "recipients", &recipients))
		return;
	printf("          encrypted for");
	for (size_t i = 0; i < json_object_array_length(recipients); i++) {
		json_object *r = json_object_array_get_idx(recipients, i);
		printf("%s %s of %s", i ? "," : "", text_of(r, "count"), text_of(r, "scheme"));
	}
	puts(json_object_array_length(recipients) ? "" : " nobody: it has no keys");
}

void report_inspect(json_object *summary)
{
	json_object *config = NULL;
	json_object *layers = NULL;
	printf("name      %s\ndigest    %s\ntype      %s\n", text_of(summary, "name"), text_of(summary, "digest"),
	       text_of(summary, "mediaType"));
	if (json_object_object_get_ex(summary, "os", NULL))
		printf("platform  %s/%s\n", text_of(summary, "os"), text_of(summary, "architecture"));
	if (json_object_object_get_ex(summary, "created", NULL))
		printf("created   %s\n", text_of(summary, "created"));
	if (json_object_object_get_ex(summary, "config", &config))
		printf("config    %s\n", text_of(config, "digest"));
	if (!json_object_object_get_ex(summary, "layers", &layers))
		return;
	for (size_t i = 0; i < json_object_array_length(layers); i++)
		layer_print(i, json_object_array_get_idx(layers, i));
}
