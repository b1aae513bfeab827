#include "attest/attest.h"

#include "common/crypto_gate.h"
#include "common/libctx.h"

#include <openssl/evp.h>
#include <strings.h>

/* KBS protocol 0.4.0, "Request". */
static const char *const tees[] = { "sample",      "tdx", "snp", "sgx", "az-snp-vtpm",
				    "az-tdx-vtpm", "cca", "csv", "se",  "tpm" };

bool attest_tee_known(const char *tee)
{
	for (size_t i = 0; i < ARRAY_LEN(tees); i++)
		if (strcmp(tees[i], tee) == 0)
			return true;
	return false;
}

static const char *digest_name(const char *hash)
{
	static const struct {
		const char *protocol;
		const char *openssl;
	} names[] = { { "sha256", "SHA256" }, { "sha384", "SHA384" }, { "sha512", "SHA512" } };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(names[i].protocol, hash ? hash : "sha384") == 0)
			return names[i].openssl;
	return NULL;
}

enum err attest_report_data(const char *hash, const struct attest_runtime_data *data, struct attest_digest *out,
			    struct errmsg *em)
{
	const char *name = digest_name(hash);
	if (!name)
		return err_set(em, ERR_UNSUPPORTED, "hash algorithm \"%.32s\": sha256, sha384 or sha512 is wanted",
			       hash);
	if (!json_object_is_type(data->tee_pubkey, json_type_object))
		return err_set(em, ERR_PARSE, "report data: \"tee-pubkey\" is no object");
	AUTO_OF(json_object) *all = json_object_new_object();
	const char *additional = data->additional_evidence;
	if (!all || (additional && !json_add(all, "additional-evidence", json_object_new_string(additional))) ||
	    !json_add(all, "nonce", json_object_new_string(data->nonce)) ||
	    !json_add(all, "tee-pubkey", json_object_get(data->tee_pubkey)))
		return err_nomem(em, "report data");
	AUTO_STR
	char *text = NULL;
	enum err e = json_canonical(all, &text, em);
	if (e != OK)
		return err_wrap(em, e, "report data");
	size_t len = 0;
	crypto_gate_enter();
	if (EVP_Q_digest(libctx(), name, NULL, text, strlen(text), out->data, &len) != 1)
		e = err_openssl(em, ERR_CRYPTO, "report data: %s", name);
	crypto_gate_leave();
	out->len = len;
	return OK;
}
