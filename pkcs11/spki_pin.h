#pragma once
#include "common/json.h"

#include <stdatomic.h>

/* Pins of a key: the SHA-256 of each SubjectPublicKeyInfo that may stand behind an object's name. Const, counted. */
#define SPKI_PIN_LEN 32
#define SPKI_PINS_MAX 16

struct spki_pins {
	atomic_uint refs;
	size_t count;
	uint8_t digests[][SPKI_PIN_LEN];
};

#define SPKI_PIN_MEMBER "spki-sha256"
/* Reads the member: one digest or several, in hex or base64. out: NULL where there is none. ERR_PARSE, ERR_NOMEM. */
enum err spki_pins_read(json_object *obj, struct spki_pins **out, struct errmsg *em) MUST_USE;
struct spki_pins *spki_pins_ref(struct spki_pins *pins);
void spki_pins_free(struct spki_pins *pins); /* drops one reference */
AUTO_DEFINE(spki_pins)

/* Of the DER of a SubjectPublicKeyInfo. Not from inside the crypto gate. */
enum err spki_pin_digest(struct bytes spki, uint8_t out[SPKI_PIN_LEN], struct errmsg *em) MUST_USE;
/* NULL pins allow everything. */
bool spki_pins_allow(const struct spki_pins *pins, const uint8_t digest[SPKI_PIN_LEN]);
