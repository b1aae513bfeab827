#include "attest/reference.h"

#include "common/base64.h"

#include <stdio.h>

enum { FILE_MAX_LEN = 4 << 20, VALUES_MAX = 4096, VALUE_MAX = 64 };

/* What any TEE's evidence has. */
static const char *const known[] = {
	"mr_td",
	"mr_seam",
	"mrsigner_seam",
	"seam_attributes",
	"td_attributes",
	"xfam",
	"mr_config_id",
	"mr_owner",
	"mr_owner_config",
	"rtmr_0",
	"rtmr_1",
	"rtmr_2",
	"rtmr_3",
	"mr_servicetd",
	"tdvfkernel",
	"tdvfkernelparams",
	"snp_launch_measurement",
	"snp_bootloader",
	"snp_microcode",
	"snp_snp_svn",
	"snp_tee_svn",
	"mr_enclave",
	"mr_signer",
	"config_id",
	"isv_prod_id",
	"isv_svn",
	"attributes",
	"pcr00",
	"pcr01",
	"pcr02",
	"pcr03",
	"pcr04",
	"pcr05",
	"pcr06",
	"pcr07",
	"pcr08",
	"pcr09",
	"pcr10",
	"pcr11",
	"pcr12",
	"pcr13",
	"pcr14",
	"pcr15",
	"pcr16",
	"pcr17",
	"pcr18",
	"pcr19",
	"pcr20",
	"pcr21",
	"pcr22",
	"pcr23",
};

static bool is_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(known[i], name) == 0)
			return true;
	return false;
}

static bool equal_bytes(const char *hex, struct bytes actual)
{
	uint8_t value[VALUE_MAX];
	return actual.len <= sizeof value && strlen(hex) == 2 * actual.len &&
	       hex_decode(hex, value, actual.len, NULL) == OK &&
	       bytes_equal((struct bytes){ value, actual.len }, actual);
}

static bool holds(json_object *item, const struct reference_value *value)
{
	if (value->number && json_object_is_type(item, json_type_int)) {
		char text[32];
		snprintf(text, sizeof text, "%lld", (long long)json_object_get_int64(item));
		return strcmp(text, value->number) == 0;
	}
	if (!json_object_is_type(item, json_type_string))
		return false;
	const char *text = json_object_get_string(item);
	return value->number ? strcmp(text, value->number) == 0 : equal_bytes(text, value->bytes);
}

static enum err value_check(struct appraisal *a, json_object *list, const struct reference_value *value,
			    struct errmsg *em)
{
	size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	if (count == 0 || count > VALUES_MAX)
		return err_set(em, ERR_PARSE, "\"%s\" is no list of values", value->name);
	bool found = false;
	for (size_t i = 0; i < count && !found; i++)
		found = holds(json_object_array_get_idx(list, i), value);
	json_object *first = json_object_array_get_idx(list, 0);
	char expected[APPRAISAL_VALUE_MAX];
	snprintf(expected, sizeof expected, "%.150s%s", first ? json_object_get_string(first) : "null",
		 count > 1 ? ", or others of the list" : "");
	AUTO_STR
	char *hex = value->number ? NULL : hex_encode(value->bytes);
	appraisal_expect(a, CHECK(value->name, APPRAISAL_MISMATCH), found,
			 (struct check_texts){ expected, value->number ? value->number : hex });
	return OK;
}

static enum err payload_open(json_object *root, json_object **out, struct errmsg *em)
{
	const char *version = NULL;
	const char *type = NULL;
	const char *payload = NULL;
	json_object *ignored = NULL;
	if (!json_object_is_type(root, json_type_object))
		return err_set(em, ERR_PARSE, "no object");
	if (!json_object_object_get_ex(root, "payload", &ignored)) {
		*out = json_object_get(root);
		return OK;
	}
	enum err e = json_get_string(root, "version", &version, em);
	if (e == OK)
		e = json_get_string(root, "type", &type, em);
	if (e == OK)
		e = json_get_string(root, "payload", &payload, em);
	if (e != OK)
		return e;
	if (strcmp(version, "0.1.0") != 0 || strcmp(type, "sample") != 0)
		return err_set(em, ERR_UNSUPPORTED, "version \"%.32s\", type \"%.32s\": 0.1.0 and sample are wanted",
			       version, type);
	AUTO_BUF
	text = { 0 };
	e = base64_decode(BASE64_STD, bytes_str(payload), &text, em);
	return e == OK ? json_parse(buf_bytes(&text), FILE_MAX_LEN, JSON_STRICT, out, em) : e;
}

static const struct reference_value *value_find(const struct reference_value *values, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(values[i].name, name) == 0)
			return &values[i];
	return NULL;
}

enum err reference_appraise(struct appraisal *a, struct bytes file, const struct reference_value *values, size_t count,
			    struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	AUTO_OF(json_object) *map = NULL;
	size_t compared = 0;
	if (!file.data) {
		appraisal_not_made(a, "reference values", "none given");
		return OK;
	}
	enum err e = json_parse(file, FILE_MAX_LEN, JSON_STRICT, &root, em);
	if (e == OK)
		e = payload_open(root, &map, em);
	if (e == OK && !json_object_is_type(map, json_type_object))
		e = err_set(em, ERR_PARSE, "no object");
	if (e != OK)
		return err_wrap(em, e, "reference values");
	json_object_object_foreach(map, name, list)
	{
		const struct reference_value *value = value_find(values, count, name);
		if (!value && !is_known(name))
			return err_set(em, ERR_PARSE, "reference values: unknown name \"%.64s\"", name);
		if (!value)
			continue;
		e = value_check(a, list, value, em);
		if (e != OK)
			return err_wrap(em, e, "reference values");
		compared++;
	}
	if (compared == 0)
		appraisal_expect(a, CHECK("reference values", APPRAISAL_MISMATCH), false,
				 (struct check_texts){ "values for this TEE", "none in the file" });
	return OK;
}
