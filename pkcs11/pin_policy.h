#pragma once
#include "common/json.h"
#include "common/pin_verifier.h"
#include "pkcs11/cryptoki.h"

/* What C_Login wants of the user. */
enum pin_kind {
	PIN_NONE, /* nothing: every PIN is right, and nobody needs to log in */
	PIN_LOCAL, /* a PIN, of which a verifier is kept */
	PIN_ATTEST, /* nothing: that the KBS accepts this guest is the login (a protected authentication path) */
};

#define PIN_MEMBERS "pin", "pin-file", "pin-tries", "pin-state"

struct pin_config {
	enum pin_kind kind;
	struct pin_verifier verifier;
	char *file; /* holds the verifier and is read at each login; or NULL */
	char *state; /* counts wrong PINs of all processes; or NULL: each counts its own */
	unsigned tries; /* wrong ones in a row until it is locked; 0: never */
};
/* From the "token" object. ERR_PARSE, ERR_CONFIG (a file) name the member. Clear it afterwards. */
enum err pin_config_read(json_object *token, struct pin_config *out, struct errmsg *em) MUST_USE;
void pin_config_clear(struct pin_config *config);

/* The policy of a token, with its count of wrong PINs. Thread-safe. */
struct pin_policy;
/* Takes the contents of `config`. */
enum err pin_policy_new(struct pin_config *config, struct pin_policy **out, struct errmsg *em) MUST_USE;
void pin_policy_free(struct pin_policy *p);
AUTO_DEFINE(pin_policy)

enum pin_kind pin_policy_kind(const struct pin_policy *p);
/* Of CK_TOKEN_INFO: what a login takes, and how many tries are left as far as this process knows. */
CK_FLAGS pin_policy_flags(struct pin_policy *p);

/* PIN_LOCAL: CKR_OK, CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_LEN_RANGE (which counts as no try),
 * CKR_FUNCTION_FAILED. Takes its time, and from the third wrong one in a row on more of it each time: never under a
 * lock. The PIN is neither copied nor kept. */
CK_RV pin_policy_check(struct pin_policy *p, struct bytes pin);
