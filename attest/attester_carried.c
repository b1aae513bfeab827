#include "attest/attester_row.h"

#include "common/crypto_gate.h"
#include "common/libctx.h"

#include <openssl/evp.h>

/* Does the TEE carry the digest of the init data? The field was set when it was started, before anything of the guest's
 * ran, so its owner cannot change his mind. */

/* What the field must hold: the digest cut or padded with zeros to its length, or for a TPM what PCR 8 becomes. */
static enum err expected_make(const struct attester *a, const struct attest_digest *digest, size_t len,
			      struct attest_digest *out, struct errmsg *em)
{
	uint8_t old_and_new[64] = { 0 };
	*out = (struct attest_digest){ .len = len };
	if (!a->extended) {
		memcpy(out->data, digest->data, digest->len < len ? digest->len : len);
		return OK;
	}
	if (digest->len != 32)
		return err_set(em, ERR_ATTEST, "a TPM takes init data with \"algorithm\" sha256 only");
	memcpy(old_and_new + 32, digest->data, 32);
	enum err e = OK;
	crypto_gate_enter();
	if (EVP_Q_digest(libctx(), "SHA256", NULL, old_and_new, sizeof old_and_new, out->data, &out->len) != 1)
		e = err_openssl(em, ERR_CRYPTO, "SHA-256");
	crypto_gate_leave();
	return e;
}

static enum err differs(const struct attest_digest *expected, const struct attest_digest *actual, struct errmsg *em)
{
	AUTO_STR
	char *wanted = hex_encode((struct bytes){ expected->data, expected->len });
	AUTO_STR
	char *found = hex_encode((struct bytes){ actual->data, actual->len });
	return err_set(em, ERR_ATTEST,
		       "these init data are not those that it was started with: their digest is %s, the TEE carries %s",
		       wanted ? wanted : "?", found ? found : "?");
}

static enum err carries(const struct attester *a, const struct attester_request *request, struct errmsg *em)
{
	struct attest_digest actual = { .len = 0 };
	struct attest_digest expected;
	enum err e = a->carried(request, &actual, em);
	if (e == OK)
		e = expected_make(a, request->report_data, actual.len, &expected, em);
	if (e != OK)
		return e;
	return bytes_equal((struct bytes){ expected.data, expected.len }, (struct bytes){ actual.data, actual.len })
		       ? OK
		       : differs(&expected, &actual, em);
}

enum err attester_carries(const struct attester *a, const struct attester_request *request, struct errmsg *em)
{
	if (!a->carried)
		return OK;
	enum err e = carries(a, request, em);
	return e == OK ? OK : err_wrap(em, e, "init data: attester \"%s\"", a->tee);
}

enum err attester_find_with(const struct attester_choice *how, const struct init_data *init_data,
			    const struct attester **out, struct errmsg *em)
{
	struct attest_digest digest;
	const struct attester_request request = { how->machine, &digest, how->deadline };
	enum err e = attester_find(how->name, how->machine, out, em);
	if (e != OK || !init_data)
		return e;
	e = init_data_digest(init_data, &digest, em);
	return e == OK ? attester_carries(*out, &request, em) : e;
}
