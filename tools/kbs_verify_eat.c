#include "tools/kbs_verify.h"

#include "common/file.h"
#include "common/jws.h"
#include "common/libctx.h"
#include "common/openssl_errors.h"

#include <openssl/pem.h>
#include <stdio.h>

enum { KEY_FILE_MAX = 64 << 10, RESULT_LIFETIME_S = 300 };

AUTO_OF_DEFINE(BIO, BIO_free)

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *to, int room, int writing, void *context)
{
	(void)to;
	(void)room;
	(void)writing;
	(void)context;
	return 0;
}

static enum err key_read(const char *path, EVP_PKEY **out, struct errmsg *em)
{
	AUTO(secret) *text = NULL;
	enum err e = file_read_secret(path, KEY_FILE_MAX, &text, em);
	if (e != OK)
		return e;
	struct bytes pem = secret_bytes(text);
	AUTO_OF(BIO) *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	*out = bio ? PEM_read_bio_PrivateKey_ex(bio, NULL, no_passphrase, NULL, libctx(), NULL) : NULL;
	openssl_errors_drop();
	return *out ? OK : err_set(em, ERR_ARG, "--eat %.200s: not a private key in PEM without a passphrase", path);
}

enum err verify_print_eat(const struct verify_args *args, const struct verifier_input *in, const struct appraisal *a,
			  struct errmsg *em)
{
	AUTO_OF(EVP_PKEY) *key = NULL;
	AUTO_OF(json_object) *claims = NULL;
	AUTO_STR
	char *payload = NULL;
	AUTO_STR
	char *jwt = NULL;
	struct ear ear = { .tee = args->tee ? args->tee : args->kind,
			   .issuer = "kbs-verify",
			   .now = in->now,
			   .lifetime_s = RESULT_LIFETIME_S };
	ear_appraised(a, in->reference.data != NULL, &ear);
	enum err e = key_read(args->eat, &key, em);
	if (e == OK)
		e = ear_claims(&ear, &claims, em);
	if (e != OK)
		return e;
	AUTO_OF(json_object) *header = json_object_new_object();
	payload = json_text(claims);
	if (!payload || !json_add_text(header, "typ", "JWT"))
		return err_nomem(em, "the result");
	e = jws_sign(key, header, bytes_str(payload), &jwt, em);
	if (e == OK && (puts(jwt) == EOF || fflush(stdout) != 0))
		e = err_errno(em, ERR_IO, "standard output");
	return e;
}
