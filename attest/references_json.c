#include "attest/references_form.h"

#include "attest/appraisal_record.h"
#include "common/base64.h"
#include "common/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char type_name[] = "tee-reference-values";

static bool put_text(json_object *to, const char *name, const char *text)
{
	return !text[0] || json_add(to, name, json_object_new_string(text));
}

static bool put_hex(json_object *to, const char *name, struct bytes value)
{
	AUTO_STR
	char *hex = hex_encode(value);
	return hex && put_text(to, name, hex);
}

static bool put_time(json_object *to, const char *name, int64_t when)
{
	char text[APPRAISAL_TIME_MAX];
	if (when == 0)
		return true;
	appraisal_time_format(when, text);
	return put_text(to, name, text);
}

/* An object below `to`, borrowed. */
static json_object *below(json_object *to, const char *name)
{
	json_object *object = json_object_new_object();
	return json_add(to, name, object) ? object : NULL;
}

static const char *order_word(enum measure_order order)
{
	return order == MEASURE_TWO_PASS ? "two-pass" : "interleaved";
}

static bool snp_put(json_object *to, const struct references *of)
{
	char features[24];
	snprintf(features, sizeof features, "0x%llx", (unsigned long long)of->features);
	json_object *vcpus = below(to, "vcpus");
	bool good = vcpus && json_add(vcpus, "count", json_object_new_int64(of->vcpus)) &&
		    put_text(vcpus, "type", of->vcpu_type) && put_text(to, "features", features);
	if (!good || !of->has_boot)
		return good;
	json_object *boot = below(to, "boot");
	return boot && put_hex(boot, "kernel_sha256", BYTES(of->boot.kernel)) &&
	       put_hex(boot, "initrd_sha256", BYTES(of->boot.initrd)) &&
	       put_hex(boot, "append_sha256", BYTES(of->boot.append));
}

static bool document_put(json_object *root, const struct references *of)
{
	bool tdx = of->tee == REFERENCES_TDX;
	if (!put_text(root, "type", type_name) || !json_add(root, "version", json_object_new_int64(1)) ||
	    !put_text(root, "tee", tdx ? "tdx" : "snp"))
		return false;
	json_object *firmware = below(root, "firmware");
	if (!firmware || !put_text(firmware, "name", of->firmware) ||
	    !json_add(firmware, "size", json_object_new_int64((int64_t)of->firmware_len)) ||
	    !put_hex(firmware, "sha256", BYTES(of->firmware_sha256)) ||
	    !put_text(firmware, "format", of->igvm ? "igvm" : ""))
		return false;
	json_object *value = below(root, "measurement");
	if (!value || !put_text(value, "name", references_name(of->tee)) || !put_text(value, "algorithm", "sha-384") ||
	    !put_hex(value, "value", BYTES(of->value)))
		return false;
	json_object *vmm = below(root, "vmm");
	if (!vmm || !put_text(vmm, "name", of->vmm) || !put_text(vmm, "version", of->vmm_version))
		return false;
	if (!of->igvm && (tdx ? !put_text(root, "page_order", order_word(of->order)) : !snp_put(root, of)))
		return false;
	if (of->svn >= 0 && !json_add(root, "svn", json_object_new_int64(of->svn)))
		return false;
	return put_time(root, "not_before", of->not_before) && put_time(root, "not_after", of->not_after) &&
	       put_text(root, "signer", of->signer);
}

/* The list of values that RVPS takes, packed; `document` beside it, which RVPS passes over. */
static json_object *rvps_wrap(const struct references *of, json_object *document)
{
	json_object *root = json_object_new_object();
	AUTO_OF(json_object) *map = json_object_new_object();
	json_object *list = json_object_new_array();
	AUTO_STR
	char *hex = hex_encode(BYTES(of->value));
	bool good = map && hex && list && json_object_array_add(list, json_object_new_string(hex)) == 0;
	if (!good)
		json_object_put(list);
	good = good && json_add(map, references_name(of->tee), list);
	AUTO_STR
	char *text = good ? json_text(map) : NULL;
	AUTO_STR
	char *payload = text ? base64_encode(BASE64_STD, bytes_str(text)) : NULL;
	if (root && payload && put_text(root, "version", "0.1.0") && put_text(root, "type", "sample") &&
	    put_text(root, "payload", payload) && json_add(root, "document", json_object_get(document)))
		return root;
	json_object_put(root);
	return NULL;
}

enum err references_json_write(const struct references *of, bool rvps, struct buf *out, struct errmsg *em)
{
	AUTO_OF(json_object) *document = json_object_new_object();
	AUTO_OF(json_object) *whole = NULL;
	if (document && document_put(document, of))
		whole = rvps ? rvps_wrap(of, document) : json_object_get(document);
	AUTO_STR
	char *text = whole ? json_text(whole) : NULL;
	if (!text)
		return err_nomem(em, "the document");
	enum err e = buf_append(out, bytes_str(text), 0, em);
	return e == OK ? buf_append(out, bytes_str("\n"), 0, em) : e;
}

/* Reading: the first error stays, and everything after it reads as nothing. */
struct reader {
	enum err e;
	struct errmsg *em;
};

static json_object *take_object(struct reader *r, json_object *from, const char *name, const char *const *members)
{
	json_object *object = NULL;
	if (r->e == OK)
		r->e = json_get_object(from, name, &object, r->em);
	if (r->e == OK)
		r->e = json_only_members(object, members, r->em);
	return object;
}

static const char *take_string(struct reader *r, json_object *from, const char *name)
{
	const char *text = "";
	if (r->e == OK)
		r->e = json_get_string(from, name, &text, r->em);
	return text;
}

static void take_text(struct reader *r, json_object *from, const char *name, struct references_text to)
{
	const char *text = "";
	if (r->e == OK)
		r->e = json_get_string_opt(from, name, &text, r->em);
	if (r->e == OK && references_text_set(to, bytes_str(text), r->em) != OK)
		r->e = err_wrap(r->em, ERR_PARSE, "\"%s\"", name);
}

#define TEXT_OF(member) ((struct references_text){ (member), sizeof(member) })

static void take_hex(struct reader *r, json_object *from, const char *name, uint8_t *to, size_t len)
{
	const char *hex = take_string(r, from, name);
	if (r->e == OK && hex_decode(hex, to, len, r->em) != OK)
		r->e = err_set(r->em, ERR_PARSE, "\"%s\": %zu bytes in hexadecimal are wanted", name, len);
}

static int64_t take_int(struct reader *r, json_object *from, const char *name, int64_t absent)
{
	int64_t value = absent;
	if (r->e == OK)
		r->e = json_get_int_opt(from, name, 0, INT64_MAX, &value, r->em);
	return value;
}

static int64_t take_time(struct reader *r, json_object *from, const char *name)
{
	const char *text = NULL;
	int64_t when = 0;
	if (r->e == OK)
		r->e = json_get_string_opt(from, name, &text, r->em);
	if (r->e == OK && text && !appraisal_time_parse(text, &when))
		r->e = err_set(r->em, ERR_PARSE, "\"%s\": no time of RFC 3339", name);
	return when;
}

/* One word of two; which. */
static bool take_choice(struct reader *r, json_object *from, const char *name, const char *const words[2])
{
	const char *text = take_string(r, from, name);
	if (r->e == OK && strcmp(text, words[0]) != 0 && strcmp(text, words[1]) != 0)
		r->e = err_set(r->em, ERR_UNSUPPORTED, "\"%s\" is \"%.32s\": %s or %s is wanted", name, text, words[0],
			       words[1]);
	return strcmp(text, words[1]) == 0;
}

static void take_snp(struct reader *r, json_object *root, struct references *out)
{
	static const char *const vcpu_members[] = { "count", "type", NULL };
	static const char *const boot_members[] = { "kernel_sha256", "initrd_sha256", "append_sha256", NULL };
	json_object *vcpus = take_object(r, root, "vcpus", vcpu_members);
	int64_t count = take_int(r, vcpus, "count", 0);
	out->vcpus = count > 4096 ? 0 : (unsigned)count;
	take_text(r, vcpus, "type", TEXT_OF(out->vcpu_type));
	const char *features = take_string(r, root, "features");
	char *end = NULL;
	errno = 0;
	out->features = strtoull(features, &end, 16);
	if (r->e == OK && (strncmp(features, "0x", 2) != 0 || !features[2] || *end || errno != 0))
		r->e = err_set(r->em, ERR_PARSE, "\"features\": 0x and hexadecimal digits are wanted");
	out->has_boot = r->e == OK && json_object_object_get_ex(root, "boot", NULL);
	if (!out->has_boot)
		return;
	json_object *boot = take_object(r, root, "boot", boot_members);
	take_hex(r, boot, "kernel_sha256", out->boot.kernel, sizeof out->boot.kernel);
	take_hex(r, boot, "initrd_sha256", out->boot.initrd, sizeof out->boot.initrd);
	take_hex(r, boot, "append_sha256", out->boot.append, sizeof out->boot.append);
}

static void take_measurement(struct reader *r, json_object *root, struct references *out)
{
	static const char *const members[] = { "name", "algorithm", "value", NULL };
	json_object *measurement = take_object(r, root, "measurement", members);
	const char *name = take_string(r, measurement, "name");
	const char *algorithm = take_string(r, measurement, "algorithm");
	if (r->e == OK && strcmp(name, references_name(out->tee)) != 0)
		r->e = err_set(r->em, ERR_PARSE, "measurement \"%.32s\": %s is wanted", name,
			       references_name(out->tee));
	if (r->e == OK && strcmp(algorithm, "sha-384") != 0)
		r->e = err_set(r->em, ERR_UNSUPPORTED, "measurement with \"%.32s\": sha-384 is wanted", algorithm);
	take_hex(r, measurement, "value", out->value, sizeof out->value);
}

/* Once it is known what the document is about. */
static void only_members(struct reader *r, json_object *root, const struct references *of)
{
	static const char *const igvm[] = { "type", "version",    "tee",       "firmware", "measurement", "vmm",
					    "svn",  "not_before", "not_after", "signer",   NULL };
	static const char *const tdx[] = { "type",       "version", "tee",        "firmware",  "measurement", "vmm",
					   "page_order", "svn",     "not_before", "not_after", "signer",      NULL };
	static const char *const snp[] = { "type",     "version",   "tee",    "firmware", "measurement",
					   "vmm",      "vcpus",     "boot",   "svn",      "not_before",
					   "features", "not_after", "signer", NULL };
	if (r->e == OK)
		r->e = json_only_members(root, of->igvm ? igvm : of->tee == REFERENCES_SNP ? snp : tdx, r->em);
}

static void take_firmware(struct reader *r, json_object *root, struct references *out)
{
	static const char *const members[] = { "name", "size", "sha256", "format", NULL };
	char format[8] = "";
	json_object *firmware = take_object(r, root, "firmware", members);
	take_text(r, firmware, "name", TEXT_OF(out->firmware));
	out->firmware_len = (uint64_t)take_int(r, firmware, "size", 0);
	take_hex(r, firmware, "sha256", out->firmware_sha256, sizeof out->firmware_sha256);
	take_text(r, firmware, "format", TEXT_OF(format));
	out->igvm = strcmp(format, "igvm") == 0;
	if (r->e == OK && format[0] && !out->igvm)
		r->e = err_set(r->em, ERR_UNSUPPORTED, "firmware of the format \"%s\": not known", format);
}

static enum err document_read(json_object *root, struct references *out, struct errmsg *em)
{
	static const char *const tees[2] = { "tdx", "snp" };
	static const char *const orders[2] = { "interleaved", "two-pass" };
	static const char *const vmm_members[] = { "name", "version", NULL };
	struct reader r = { OK, em };
	if (!json_object_is_type(root, json_type_object))
		return err_set(em, ERR_PARSE, "no object");
	if (strcmp(take_string(&r, root, "type"), type_name) != 0 || take_int(&r, root, "version", 0) != 1)
		return r.e != OK ? r.e : err_set(em, ERR_UNSUPPORTED, "not \"%s\" of version 1", type_name);
	out->tee = take_choice(&r, root, "tee", tees) ? REFERENCES_SNP : REFERENCES_TDX;
	take_firmware(&r, root, out);
	only_members(&r, root, out);
	take_measurement(&r, root, out);
	json_object *vmm = take_object(&r, root, "vmm", vmm_members);
	take_text(&r, vmm, "name", TEXT_OF(out->vmm));
	take_text(&r, vmm, "version", TEXT_OF(out->vmm_version));
	if (!out->igvm && out->tee == REFERENCES_SNP)
		take_snp(&r, root, out);
	else if (!out->igvm)
		out->order = take_choice(&r, root, "page_order", orders) ? MEASURE_TWO_PASS : MEASURE_INTERLEAVED;
	out->svn = take_int(&r, root, "svn", -1);
	out->not_before = take_time(&r, root, "not_before");
	out->not_after = take_time(&r, root, "not_after");
	take_text(&r, root, "signer", TEXT_OF(out->signer));
	return r.e;
}

/* What RVPS takes must be what the document says. */
static enum err payload_agrees(json_object *root, const struct references *of, struct errmsg *em)
{
	struct reader r = { OK, em };
	const char *version = take_string(&r, root, "version");
	const char *type = take_string(&r, root, "type");
	const char *payload = take_string(&r, root, "payload");
	AUTO_BUF
	text = { 0 };
	AUTO_OF(json_object) *map = NULL;
	json_object *list = NULL;
	if (r.e == OK && (strcmp(version, "0.1.0") != 0 || strcmp(type, "sample") != 0))
		r.e = err_set(em, ERR_UNSUPPORTED, "RVPS documents of version 0.1.0 and type sample are wanted");
	if (r.e == OK)
		r.e = base64_decode(BASE64_STD, bytes_str(payload), &text, em);
	if (r.e == OK)
		r.e = json_parse(buf_bytes(&text), REFERENCES_MAX_LEN, JSON_STRICT, &map, em);
	if (r.e != OK)
		return r.e;
	AUTO_STR
	char *hex = hex_encode(BYTES(of->value));
	const char *const only[] = { references_name(of->tee), NULL };
	if (!hex)
		return err_nomem(em, "a value");
	if (!json_object_is_type(map, json_type_object))
		return err_set(em, ERR_PARSE, "the payload is no object");
	r.e = json_only_members(map, only, em);
	if (r.e == OK)
		r.e = json_get_array_opt(map, only[0], &list, em);
	if (r.e != OK)
		return r.e;
	json_object *first = list && json_object_array_length(list) == 1 ? json_object_array_get_idx(list, 0) : NULL;
	if (json_object_is_type(first, json_type_string) && strcmp(json_object_get_string(first), hex) == 0)
		return OK;
	return err_set(em, ERR_PARSE, "the payload's value is not the document's");
}

enum err references_json_read(struct bytes text, struct references *out, struct errmsg *em)
{
	static const char *const rvps_members[] = { "version", "type", "payload", "document", NULL };
	AUTO_OF(json_object) *root = NULL;
	json_object *document = NULL;
	enum err e = json_parse(text, REFERENCES_MAX_LEN, JSON_STRICT, &root, em);
	if (e != OK)
		return e;
	if (!json_object_is_type(root, json_type_object))
		return err_set(em, ERR_PARSE, "no object");
	if (!json_object_object_get_ex(root, "type", NULL))
		return err_set(em, ERR_UNSUPPORTED, "values alone, without what they were computed from");
	if (!json_object_object_get_ex(root, "payload", NULL))
		return document_read(root, out, em);
	if (!json_object_object_get_ex(root, "document", &document))
		return err_set(em, ERR_UNSUPPORTED,
			       "an RVPS document that does not say what its values were computed from");
	e = json_only_members(root, rvps_members, em);
	if (e == OK)
		e = document_read(document, out, em);
	return e == OK ? payload_agrees(root, out, em) : e;
}
