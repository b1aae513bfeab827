#include "tests/support/fuzz.h"

#include "common/jws.h"

/* RFC 8037 appendix A: the key of one of the seeds. */
static const char signer[] =
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
static const char signed_text[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static EVP_PKEY *key;
	AUTO(jws) *jws = NULL;
	AUTO_OF(json_object) *claims = NULL;
	if (!key && key_public_parse(bytes_str(signer), &key, NULL) != OK)
		abort();
	if (jws_parse((struct bytes){ data, len }, &jws, NULL) != OK)
		return 0;
	/* Nobody but the RFC's authors has signed with it. */
	if (jws_verify(jws, key, NULL) == OK && !bytes_equal(buf_bytes(&jws->signing_input), bytes_str(signed_text)))
		abort();
	if (json_parse(buf_bytes(&jws->payload), 65536, JSON_STRICT, &claims, NULL) == OK &&
	    jwt_check_times(claims, 1300819000, 60, NULL, NULL) == ERR_INTERNAL)
		abort();
	return 0;
}
