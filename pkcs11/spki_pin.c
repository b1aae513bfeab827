#include "pkcs11/spki_pin.h"

#include "common/base64.h"
#include "common/crypto_gate.h"
#include "common/libctx.h"
#include "common/openssl_errors.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

static enum err read_digest(json_object *value, uint8_t to[SPKI_PIN_LEN], struct errmsg *em)
{
	if (!json_object_is_type(value, json_type_string))
		return err_set(em, ERR_PARSE, "\"%s\" is a string or an array of strings", SPKI_PIN_MEMBER);
	const char *text = json_object_get_string(value);
	if (strlen(text) == 2 * SPKI_PIN_LEN && hex_decode(text, to, SPKI_PIN_LEN, em) == OK)
		return OK;
	AUTO_BUF
	decoded = { 0 };
	bool padded = text[0] && text[strlen(text) - 1] == '=';
	if (base64_decode(padded ? BASE64_STD : BASE64_URL, bytes_str(text), &decoded, em) != OK ||
	    decoded.len != SPKI_PIN_LEN)
		return err_set(em, ERR_PARSE, "\"%s\": \"%s\" is no SHA-256 in hex or base64", SPKI_PIN_MEMBER, text);
	memcpy(to, decoded.data, SPKI_PIN_LEN);
	return OK;
}

enum err spki_pins_read(json_object *obj, struct spki_pins **out, struct errmsg *em)
{
	json_object *value = json_object_object_get(obj, SPKI_PIN_MEMBER);
	*out = NULL;
	if (!value)
		return OK;
	bool list = json_object_is_type(value, json_type_array);
	size_t count = list ? json_object_array_length(value) : 1;
	if (count < 1 || count > SPKI_PINS_MAX)
		return err_set(em, ERR_PARSE, "\"%s\" has 1 to %d digests", SPKI_PIN_MEMBER, SPKI_PINS_MAX);
	AUTO(spki_pins) *pins = calloc(1, sizeof(*pins) + count * SPKI_PIN_LEN);
	if (!pins)
		return err_nomem(em, SPKI_PIN_MEMBER);
	pins->refs = 1;
	for (; pins->count < count; pins->count++) {
		json_object *one = list ? json_object_array_get_idx(value, pins->count) : value;
		enum err e = read_digest(one, pins->digests[pins->count], em);
		if (e != OK)
			return e;
	}
	*out = steal(&pins);
	return OK;
}

struct spki_pins *spki_pins_ref(struct spki_pins *pins)
{
	if (pins)
		atomic_fetch_add_explicit(&pins->refs, 1, memory_order_relaxed);
	return pins;
}

void spki_pins_free(struct spki_pins *pins)
{
	if (pins && atomic_fetch_sub_explicit(&pins->refs, 1, memory_order_acq_rel) == 1)
		free(pins);
}

enum err spki_pin_digest(struct bytes spki, uint8_t out[SPKI_PIN_LEN], struct errmsg *em)
{
	size_t len = 0;
	crypto_gate_enter();
	openssl_errors_keep();
	bool good = EVP_Q_digest(libctx(), "SHA256", NULL, spki.data, spki.len, out, &len) == 1;
	openssl_errors_restore();
	crypto_gate_leave();
	return good ? OK : err_set(em, ERR_CRYPTO, "no SHA-256 of a public key");
}

bool spki_pins_allow(const struct spki_pins *pins, const uint8_t digest[SPKI_PIN_LEN])
{
	for (size_t i = 0; pins && i < pins->count; i++)
		if (CRYPTO_memcmp(pins->digests[i], digest, SPKI_PIN_LEN) == 0)
			return true;
	return !pins;
}
