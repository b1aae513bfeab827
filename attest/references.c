#include "attest/references.h"

#include "attest/cose_sign1.h"
#include "attest/references_form.h"
#include "common/base64.h"
#include "common/jws.h"
#include "common/utf8.h"

static const char jws_type[] = "tee-reference-values+jws";

const char *references_name(enum references_tee tee)
{
	return tee == REFERENCES_TDX ? "mr_td" : "snp_launch_measurement";
}

static enum err snp_inputs(const struct references *of, struct measure_snp *in, struct errmsg *em)
{
	if (!measure_vmm_named(of->vmm, &in->vmm))
		return err_set(em, ERR_UNSUPPORTED, "VMM \"%s\": qemu, ec2, gce and igvm are known", of->vmm);
	if (of->igvm)
		return OK;
	if (of->vcpus < 1 || of->vcpus > 4096)
		return err_set(em, ERR_PARSE, "%u virtual processors: 1 to 4096", of->vcpus);
	/* Only QEMU tells the processor what it is before it starts. */
	if ((of->vcpu_type[0] || in->vmm == MEASURE_QEMU) && !measure_cpu_signature(of->vcpu_type, &in->cpu_signature))
		return err_set(em, ERR_UNSUPPORTED, "processor \"%s\": not known", of->vcpu_type);
	in->vcpus = of->vcpus;
	in->features = of->features;
	in->hashes = of->has_boot ? &of->boot : NULL;
	return OK;
}

enum err references_measure(const struct references *of, struct bytes firmware, uint8_t value[MEASURE_LEN],
			    struct errmsg *em)
{
	struct measure_snp in = { .firmware = firmware };
	if (of->igvm != measure_is_igvm(firmware))
		return err_set(em, ERR_UNSUPPORTED, of->igvm ? "the firmware is no IGVM file" : "an IGVM file");
	if (of->tee == REFERENCES_TDX)
		return measure_tdx(firmware, of->order, value, em);
	enum err e = snp_inputs(of, &in, em);
	return e == OK ? measure_snp(&in, value, em) : e;
}

enum err references_text_set(struct references_text to, struct bytes text, struct errmsg *em)
{
	if (text.len >= to.size)
		return err_set(em, ERR_ARG, "a text of more than %zu bytes", to.size - 1);
	if (!utf8_valid(text))
		return err_set(em, ERR_ARG, "a text that is not UTF-8");
	/* It is shown on terminals. */
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < 0x20 || text.data[i] == 0x7f)
			return err_set(em, ERR_ARG, "a text with control characters");
	if (text.len)
		memcpy(to.to, text.data, text.len);
	to.to[text.len] = '\0';
	return OK;
}

enum err references_check(const struct references *of, struct errmsg *em)
{
	struct measure_snp in = { .vcpus = 0 };
	if (!of->firmware[0] || !of->vmm[0])
		return err_set(em, ERR_PARSE, "the firmware or the VMM is not named");
	if (of->not_before && of->not_after && of->not_after < of->not_before)
		return err_set(em, ERR_PARSE, "it ends before it begins");
	return of->tee == REFERENCES_SNP ? snp_inputs(of, &in, em) : OK;
}

static enum err x5c_add(json_object *header, X509 *certificate, struct errmsg *em)
{
	unsigned char *der = NULL;
	int len = i2d_X509(certificate, &der);
	AUTO_STR
	char *text = len > 0 ? base64_encode(BASE64_STD, (struct bytes){ der, (size_t)len }) : NULL;
	OPENSSL_free(der);
	json_object *list = json_object_new_array();
	json_object *item = text ? json_object_new_string(text) : NULL;
	if (!list || !item || json_object_array_add(list, item) != 0) {
		json_object_put(item);
		json_object_put(list);
		return err_nomem(em, "the certificate");
	}
	if (json_object_object_add(header, "x5c", list) == 0)
		return OK;
	json_object_put(list);
	return err_nomem(em, "the certificate");
}

static enum err json_seal(struct bytes text, const struct references_seal *seal, struct buf *out, struct errmsg *em)
{
	AUTO_OF(json_object) *header = json_object_new_object();
	json_object *type = json_object_new_string(jws_type);
	AUTO_STR
	char *compact = NULL;
	if (!header || !type || json_object_object_add(header, "typ", type) != 0) {
		json_object_put(type);
		return err_nomem(em, "a JWS");
	}
	enum err e = seal->certificate ? x5c_add(header, seal->certificate, em) : OK;
	if (e == OK)
		e = jws_sign(seal->key, header, text, &compact, em);
	return e == OK ? buf_append(out, bytes_str(compact), 0, em) : e;
}

static enum err corim_seal(const struct references *of, struct bytes payload, const struct references_seal *seal,
			   struct buf *out, struct errmsg *em)
{
	struct references copy = *of;
	struct cose_sign1 cose = { payload, copy.signer, sizeof copy.signer };
	return cose_sign1_write(&cose, seal->key, seal->certificate, out, em);
}

enum err references_write(const struct references *of, enum references_form form, const struct references_seal *seal,
			  struct buf *out, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	if (seal->certificate && X509_check_private_key(seal->certificate, seal->key) != 1)
		return err_openssl(em, ERR_KEY, "the certificate is not the signing key's");
	if (form == REFERENCES_RVPS && seal->key)
		return err_set(em, ERR_ARG, "RVPS documents carry no signature: json or corim is wanted");
	bool corim = form == REFERENCES_CORIM;
	struct buf *to = seal->key ? &text : out;
	enum err e = references_check(of, em);
	if (e == OK)
		e = corim ? references_corim_write(of, to, em)
			  : references_json_write(of, form == REFERENCES_RVPS, to, em);
	if (e != OK || !seal->key)
		return e;
	return corim ? corim_seal(of, buf_bytes(&text), seal, out, em) : json_seal(buf_bytes(&text), seal, out, em);
}

static enum err jws_open(struct bytes file, EVP_PKEY *key, struct references *out, struct errmsg *em)
{
	AUTO(jws) *jws = NULL;
	const char *type = NULL;
	enum err e = jws_parse(file, &jws, em);
	if (e == OK)
		e = json_get_string(jws->header, "typ", &type, em);
	if (e == OK && strcmp(type, jws_type) != 0)
		e = err_set(em, ERR_UNSUPPORTED, "a JWS of type \"%.32s\"", type);
	if (e == OK && key)
		e = jws_verify(jws, key, em);
	return e == OK ? references_json_read(buf_bytes(&jws->payload), out, em) : e;
}

static enum err corim_open(struct bytes file, struct references *out, struct errmsg *em)
{
	return references_corim_is_own(file) ? references_corim_read(file, out, em)
					     : references_foreign_read(file, out, em);
}

static enum err cose_open(struct bytes file, EVP_PKEY *key, struct references *out, struct errmsg *em)
{
	char signer[sizeof out->signer];
	struct cose_sign1 cose = { .signer = signer, .signer_size = sizeof signer };
	enum err e = cose_sign1_read(file, key, &cose, em);
	if (e == OK)
		e = corim_open(cose.payload, out, em);
	if (e == OK && !out->named_count && strcmp(signer, out->signer) != 0)
		e = err_set(em, ERR_PARSE, "the signature and the CoRIM name different signers");
	return e;
}

static struct bytes trimmed(struct bytes file)
{
	while (file.len && strchr(" \t\r\n", file.data[file.len - 1]) && file.data[file.len - 1])
		file.len--;
	return file;
}

enum err references_read(struct bytes file, EVP_PKEY *key, struct references *out, bool *is_signed, struct errmsg *em)
{
	struct bytes text = trimmed(file);
	*out = (struct references){ .svn = -1 };
	*is_signed = false;
	if (file.len == 0 || file.len > REFERENCES_MAX_LEN)
		return err_set(em, ERR_LIMIT, "%zu bytes: 1 to %d are wanted", file.len, REFERENCES_MAX_LEN);
	enum err e = OK;
	if (text.len > 3 && memcmp(text.data, "eyJ", 3) == 0) {
		*is_signed = true;
		e = jws_open(text, key, out, em);
	} else if (cose_sign1_is(file)) {
		*is_signed = true;
		e = cose_open(file, key, out, em);
	} else if (key) {
		return err_set(em, ERR_INTEGRITY, "not signed");
	} else if (file.data[0] == 0xd9) {
		e = corim_open(file, out, em);
	} else {
		e = references_json_read(file, out, em);
	}
	return e == OK && !out->named_count ? references_check(out, em) : e;
}
