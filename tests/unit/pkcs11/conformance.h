#pragma once
/* What PKCS #11 lists for each function, and that each code of it comes when it should: by chapter, and through both
 * lists of functions. */
#include "tests/unit/pkcs11/token_fixture.h"

/* The list that is tested: 2.40's stands for the first 68 members of 3.0's, with which it agrees. */
extern const CK_FUNCTION_LIST_3_0 *f;
/* A read-write session, and keys; made anew for each function. */
extern CK_SESSION_HANDLE s;
extern CK_OBJECT_HANDLE rsa, rsa_public, p256, p256_public, aes, secret, certificate;
extern CK_BYTE data[64], out[1024];
extern CK_ULONG len; /* of out; `out_full` sets it back */
extern CK_MECHANISM rsa_pkcs, rsa_raw, rsa_sha256, ecdsa, sha256, ecb, cbc, gcm, hmac, unknown, bad_parameter;

/* A handle that nobody has. */
#define NOTHING 0x7ffffff0UL

struct conformance_function {
	const char *name;
	/* A call with good arguments in the session (or without one). NULL: it may be called at any time. */
	CK_RV (*call)(CK_SESSION_HANDLE session);
	bool sessionless;
	/* Runs the function into every code of `listed` that can occur. */
	void (*test)(void);
	const CK_RV *listed; /* ends with CKR_OK, which every one lists */
	/* Why the others cannot; ends with CKR_OK. What is true of every function is in conformance_test.c. */
	const struct conformance_never {
		CK_RV rv;
		const char *why;
	} * never;
};

/* One member of the table. LISTED and NEVER may be used where a function lists or excludes codes. */
#define LISTED(...) ((const CK_RV[]){ __VA_ARGS__, CKR_OK })
#define NEVER(...) ((const struct conformance_never[]){ __VA_ARGS__, { CKR_OK, NULL } })
/* In the same order as the standard groups them. */
#define UNIVERSAL CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR, CKR_HOST_MEMORY
#define UP CKR_CRYPTOKI_NOT_INITIALIZED, UNIVERSAL
#define DEVICE CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED
#define IN_SLOT UP, DEVICE, CKR_SLOT_ID_INVALID
#define IN_SESSION UP, DEVICE, CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID
#define CANCELABLE IN_SESSION, CKR_FUNCTION_CANCELED
#define INIT                                                                                                           \
	CANCELABLE, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_HANDLE_INVALID, CKR_KEY_SIZE_RANGE,                        \
		CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_OPERATION_ACTIVE,   \
		CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN, CKR_OPERATION_CANCEL_FAILED
#define RUN CANCELABLE, CKR_ARGUMENTS_BAD, CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED

/* The call gives this code, which counts as shown. */
#define gives(wanted, ...) conformance_gives((wanted), (__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
void conformance_gives(CK_RV wanted, CK_RV got, const char *call, const char *file, int line);
/* Sets len to all of `out`. */
CK_ULONG *out_full(void);
/* CKA_ALWAYS_AUTHENTICATE: with `init` on the RSA key, `use` gives CKR_USER_NOT_LOGGED_IN until a login came for it. */
void conformance_login(CK_RV (*init)(void), CK_RV (*use)(void));
/* An extractable key of the session, of the first bytes of `data`. */
CK_OBJECT_HANDLE conformance_secret(CK_KEY_TYPE type, CK_ULONG length);
/* A key in the KBS that cannot be read: CKR_DEVICE_ERROR, as where the KBS cannot be reached. */
CK_OBJECT_HANDLE conformance_broken(CK_OBJECT_CLASS class);
/* Puts an RSA key that is too short into the KBS: "default/key/small". */
void conformance_small_rsa(void);

struct conformance_chapter {
	const char *name;
	const struct conformance_function *functions;
	size_t count;
	bool since_3_0; /* not in the other list */
};
#define CHAPTER(title, table)                                                                                          \
	{                                                                                                              \
		title, table, ARRAY_LEN(table), false                                                                  \
	}
extern const struct conformance_chapter conformance_general, conformance_slot, conformance_session, conformance_object,
	conformance_encrypt, conformance_decrypt, conformance_message, conformance_digest, conformance_sign,
	conformance_verify, conformance_dual, conformance_key, conformance_random, conformance_general_3_0,
	conformance_session_3_0, conformance_message_sign;
