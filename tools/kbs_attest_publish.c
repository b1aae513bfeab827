#include "tools/kbs_attest_publish.h"

#include "attest/appraisal.h"
#include "common/file.h"
#include "common/jws.h"
#include "common/libctx.h"
#include "tools/kbs_attest_args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

bool number_read(const char *text, uint64_t max, uint64_t *out)
{
	char *end = NULL;
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 0);
	return errno == 0 && *end == '\0' && *out <= max;
}

enum err measured_read(const char *path, struct buf *to, struct bytes *view, struct errmsg *em)
{
	if (!path)
		return OK;
	enum err e = file_read(path, MEASURED_FILE_MAX_LEN, to, em);
	*view = to->data ? buf_bytes(to) : (struct bytes){ (const uint8_t *)"", 0 };
	return e;
}

enum err sha256_of(struct bytes of, uint8_t out[32], struct errmsg *em)
{
	size_t len = 0;
	if (EVP_Q_digest(libctx(), "SHA256", NULL, of.data, of.len, out, &len) == 1)
		return OK;
	return err_openssl(em, ERR_CRYPTO, "SHA-256");
}

static enum err time_read(const char *option, const char *text, int64_t *to, struct errmsg *em)
{
	if (!text || appraisal_time_parse(text, to))
		return OK;
	return err_set(em, ERR_ARG, "%s %.40s: a time of RFC 3339 is wanted, 2026-01-31T00:00:00Z", option, text);
}

static enum err text_read(const char *option, const char *text, struct references_text to, struct errmsg *em)
{
	enum err e = text ? references_text_set(to, bytes_str(text), em) : OK;
	return e == OK ? OK : err_wrap(em, e, "%s", option);
}

static enum err key_read(const struct publish_args *args, EVP_PKEY **key, X509 **certificate, struct errmsg *em)
{
	AUTO(secret) *text = NULL;
	AUTO_BUF
	pem = { 0 };
	if (!args->sign)
		return args->certificate ? err_set(em, ERR_ARG, "--certificate goes with --sign") : OK;
	enum err e = file_read_secret(args->sign, 1 << 16, &text, em);
	if (e == OK)
		e = key_private_parse(secret_bytes(text), NULL, key, em);
	if (e != OK)
		return err_wrap(em, e, "%s", args->sign);
	if (!args->certificate)
		return OK;
	e = file_read(args->certificate, 1 << 20, &pem, em);
	if (e == OK)
		e = key_certificate_parse(buf_bytes(&pem), certificate, em);
	return e == OK ? OK : err_wrap(em, e, "%s", args->certificate);
}

/* Who signs, where nobody says: the certificate's subject, or the key by its hash. */
static enum err signer_name(struct references *of, EVP_PKEY *key, X509 *certificate, struct errmsg *em)
{
	uint8_t hash[32];
	struct references_text to = { of->signer, sizeof of->signer };
	if (certificate) {
		char name[sizeof of->signer];
		BIO *bio = BIO_new(BIO_s_mem());
		int len = -1;
		if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
					      XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
			len = BIO_read(bio, name, sizeof name - 1);
		BIO_free(bio);
		if (len > 0)
			return references_text_set(to, (struct bytes){ (const uint8_t *)name, (size_t)len }, em);
	}
	enum err e = key_spki_sha256(key, hash, em);
	if (e != OK)
		return e;
	AUTO_STR
	char *hex = hex_encode(BYTES(hash));
	if (!hex)
		return err_nomem(em, "a name");
	snprintf(of->signer, sizeof of->signer, "sha256:%s", hex);
	return OK;
}

static enum err form_read(const char *name, enum references_form *form, struct errmsg *em)
{
	static const char *const names[] = { "json", "rvps", "corim" };
	static const enum references_form forms[] = { REFERENCES_JSON, REFERENCES_RVPS, REFERENCES_CORIM };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i], name) == 0) {
			*form = forms[i];
			return OK;
		}
	}
	return err_set(em, ERR_ARG, "--format %.32s: hex, json, rvps or corim is wanted", name);
}

static enum err value_write(const struct references *of, struct buf *to, struct errmsg *em)
{
	AUTO_STR
	char *hex = hex_encode(BYTES(of->value));
	if (!hex)
		return err_nomem(em, "the result");
	enum err e = buf_append(to, bytes_str(hex), 0, em);
	return e == OK ? buf_append(to, bytes_str("\n"), 0, em) : e;
}

static enum err document_write(struct references *of, const struct publish_args *args, struct buf *to,
			       struct errmsg *em)
{
	AUTO_OF(EVP_PKEY) *key = NULL;
	AUTO_OF(X509) *certificate = NULL;
	enum references_form form = REFERENCES_JSON;
	uint64_t svn = 0;
	if (args->svn && !number_read(args->svn, INT64_MAX, &svn))
		return err_set(em, ERR_ARG, "--svn %.32s: a number is wanted", args->svn);
	of->svn = args->svn ? (int64_t)svn : -1;
	enum err e = form_read(args->format, &form, em);
	if (e == OK)
		e = time_read("--not-before", args->not_before, &of->not_before, em);
	if (e == OK)
		e = time_read("--not-after", args->not_after, &of->not_after, em);
	if (e == OK && args->not_before && args->not_after && of->not_after < of->not_before)
		e = err_set(em, ERR_ARG, "--not-after is before --not-before");
	if (e == OK)
		e = text_read("--vmm-version", args->vmm_version,
			      (struct references_text){ of->vmm_version, sizeof of->vmm_version }, em);
	if (e == OK)
		e = text_read("--signer", args->signer, (struct references_text){ of->signer, sizeof of->signer }, em);
	if (e == OK)
		e = key_read(args, &key, &certificate, em);
	if (e == OK && key && !of->signer[0])
		e = signer_name(of, key, certificate, em);
	struct references_seal seal = { key, certificate };
	return e == OK ? references_write(of, form, &seal, to, em) : e;
}

static enum err plain_only(const struct publish_args *args, struct errmsg *em)
{
	const char *const others[] = { args->vmm_version, args->svn,  args->not_before, args->not_after,
				       args->signer,      args->sign, args->certificate };
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (others[i])
			return err_set(em, ERR_ARG, "what a document says goes with --format json, rvps or corim");
	return OK;
}

enum err publish(struct references *of, const struct publish_args *args, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	bool plain = !args->format || strcmp(args->format, "hex") == 0;
	enum err e = plain ? plain_only(args, em) : document_write(of, args, &text, em);
	if (e == OK && plain)
		e = value_write(of, &text, em);
	if (e != OK)
		return e;
	if (args->out)
		return file_write_atomic(args->out, buf_bytes(&text), (struct file_write){ .mode = 0644 }, em);
	return guest_print(buf_bytes(&text), false, em);
}
