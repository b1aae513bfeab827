#pragma once
#include "pkcs11/mechanism.h"
#include "pkcs11/object.h"

/* One operation of a session (each kind has its own): PKCS #11 2.40 section 5.8 to 5.12. Every result but a size query
 * and CKR_BUFFER_TOO_SMALL ends it. The caller holds the session's lock. */
struct operation {
	const struct mechanism *mechanism; /* NULL: none is active */
	bool updated; /* data came in by parts */
	bool needs_login; /* CKA_ALWAYS_AUTHENTICATE, and no C_Login with CKU_CONTEXT_SPECIFIC came since its Init */
	struct mechanism_use use; /* kept after the end: the next Init of the same kind may take it as it is */
	const struct mechanism *used; /* what `use` was prepared for; NULL: nothing */
	EVP_MD_CTX *digest;
};

/* Where a result goes: the caller's buffer, or NULL to ask for its size. */
struct operation_out {
	CK_BYTE *data;
	CK_ULONG *len;
};

/* Checks mechanism and key and fetches the key (which may block): before the session is locked. */
struct operation_start {
	const struct mechanism *mechanism;
	const CK_MECHANISM *from;
	enum operation_kind kind;
	struct mechanism_params params;
	struct material *material;
	bool needs_login;
};
CK_RV operation_check(enum operation_kind kind, const CK_MECHANISM *from, struct operation_start *start);
CK_RV operation_check_key(struct operation_start *start, struct object *key);
void operation_start_clear(struct operation_start *start);

CK_RV operation_begin(struct operation *op, struct operation_start *start);
void operation_end(struct operation *op);
void operation_clear(struct operation *op); /* ends it and lets go of the key */

/* Sign, encrypt, decrypt, digest and recover in one call. */
CK_RV operation_whole(struct operation *op, struct bytes in, struct operation_out out);
/* Sign, verify and digest by parts. */
CK_RV operation_update(struct operation *op, struct bytes part);
CK_RV operation_final(struct operation *op, struct operation_out out);
CK_RV operation_verify(struct operation *op, struct bytes in, struct bytes signature);
CK_RV operation_verify_final(struct operation *op, struct bytes signature);
/* Encrypt and decrypt by parts: an update with its output, the end with what is left. */
CK_RV operation_crypt_update(struct operation *op, struct bytes part, struct operation_out out);
CK_RV operation_crypt_final(struct operation *op, struct operation_out out);
/* 2.40 5.12: what is encrypted, or comes out of decryption, also goes to a digest or a signature. An error ends both;
 * where there is no output, nothing went anywhere. */
CK_RV operation_dual_update(struct operation *crypt, struct operation *absorber, struct bytes part,
			    struct operation_out out);
/* Of one that is active: whether its input may come by parts, and how long the result is at most. */
bool operation_takes_parts(const struct operation *op);
CK_ULONG operation_result_size(const struct operation *op);
/* Mechanisms that take everything at once have no parts: ends the operation. */
CK_RV operation_refuse_part(struct operation *op);
