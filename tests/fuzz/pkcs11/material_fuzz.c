#include "tests/support/fuzz.h"

#include "common/secret.h"
#include "pkcs11/material.h"

/* Whatever a KBS serves: what is a private key has kept no raw copy, all else has, and the parts fit the kind. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct errmsg em;
	struct secret *raw = NULL;
	AUTO(material) *m = NULL;
	if (len > 1 << 16 || secret_copy((struct bytes){ data, len }, &raw, &em) != OK)
		return 0;
	if (material_parse(raw, &m, &em) != OK)
		return m ? (abort(), 0) : 0;
	if (m->private_key == (m->raw != NULL) || (m->private_key && !m->key) || (m->key != NULL) != (m->spki.len > 0))
		abort();
	if (m->key && m->key_type == CKK_RSA && !(m->modulus.len && m->exponent.len))
		abort();
	if (m->key && m->key_type == CKK_EC && !(m->ec_params.len && m->ec_point.len))
		abort();
	return (m->certificate != NULL) != (m->cert.len > 0) ? (abort(), 0) : 0;
}
