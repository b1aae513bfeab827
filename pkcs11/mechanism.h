#pragma once
#include "pkcs11/material.h"

#define MECHANISM_MAX 160 /* rows there may be */

enum operation_kind {
	OP_ENCRYPT,
	OP_DECRYPT,
	OP_DIGEST,
	OP_SIGN,
	OP_VERIFY,
	OP_SIGN_RECOVER,
	OP_VERIFY_RECOVER, /* `run` takes the signature and gives the data */
	OP_KINDS
};

/* The parameters of a mechanism, checked, as OpenSSL calls them. Plain data: equal bytes are equal parameters. */
struct mechanism_params {
	char hash[12]; /* of the signature or of OAEP; "" = none */
	char mgf1[12];
	CK_ULONG salt;
	CK_ULONG mac; /* bytes of it */
	CK_ULONG unique; /* not 0: there is more to the parameter than this, it is never another's equal (no padding:
			  * equal parameters have equal bytes) */
};

/* A prepared operation of OpenSSL with a key. */
struct mechanism_use {
	enum operation_kind kind;
	struct material *material; /* a reference */
	struct mechanism_params params;
	EVP_PKEY_CTX *ctx;
	CK_ULONG out_max; /* of the result: signature, cipher or plain text */
	bool once; /* holds something that no second operation may reuse (an OAEP label) */
	void *state; /* the mechanism's own */
	void (*state_free)(void *state);
};

/* Encryption and decryption of any length, at once (mechanism_ops.run) or by parts. An update writes just as many bytes
 * as its size says. */
struct mechanism_stream {
	CK_ULONG (*whole_size)(const struct mechanism_use *use, CK_ULONG in_len); /* at most */
	/* NULL from here: all at once only. */
	CK_ULONG (*update_size)(const struct mechanism_use *use, CK_ULONG in_len);
	CK_ULONG (*final_size)(const struct mechanism_use *use); /* at most */
	CK_RV (*update)(struct mechanism_use *use, struct bytes in, uint8_t *to);
	/* *len: the room, then what was written. CKR_BUFFER_TOO_SMALL sets it, and the call may be repeated. */
	CK_RV (*final)(struct mechanism_use *use, uint8_t *to, CK_ULONG *len);
};

struct mechanism;
struct mechanism_ops {
	/* Checks the caller's parameter. */
	CK_RV (*check)(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to);
	/* Makes use->ctx and use->out_max ready; kind, material and params are set. With a stream it may find the state
	 * of the operation before, with the same mechanism, kind and key. */
	CK_RV (*prepare)(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use);
	/* Sign, encrypt, decrypt: `in` is the data or its digest; at most out_max bytes go to `to`. */
	CK_RV (*run)(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len);
	CK_RV (*verify)(const struct mechanism *m, struct mechanism_use *use, struct bytes in, struct bytes signature);
	/* MACs: takes a part; run and verify then end it and get no input. */
	CK_RV (*absorb)(struct mechanism_use *use, struct bytes part);
	const struct mechanism_stream *stream; /* NULL: results are of out_max bytes */
};

struct mechanism {
	uint32_t type; /* CKM_...; narrow, since there are many rows */
	uint32_t flags; /* CKF_SIGN, ... : CK_MECHANISM_INFO */
	uint16_t min_bits, max_bits;
	CK_KEY_TYPE key_type; /* CK_UNAVAILABLE_INFORMATION: takes no key */
	const char *hash; /* it digests first (then it has multi-part forms); NULL: it does not */
	const struct mechanism_ops *ops; /* NULL for digests, derivations and generation */
	const char *name; /* of the hash or the mode, to OpenSSL; where there is any */
};

const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type);
/* All of them; returns how many. to may be NULL. */
size_t mechanism_list(CK_MECHANISM_TYPE *to);
/* Those for keys of one type; room for MECHANISM_MAX. */
size_t mechanism_list_for(CK_KEY_TYPE type, CK_MECHANISM_TYPE *to);
/* Whether a key of this type is one for it. CK_UNAVAILABLE_INFORMATION: not known, so it may be. */
bool mechanism_takes(const struct mechanism *m, CK_KEY_TYPE type);
/* It takes in a wrapped key's bytes whatever their length, and so whole private keys. */
bool mechanism_wraps_private(const struct mechanism *m);
/* The keys are bytes (CKO_SECRET_KEY), and their sizes count bytes. */
bool mechanism_is_symmetric(const struct mechanism *m);
/* Kind and size of a key that was fetched. CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE. */
CK_RV mechanism_check_material(const struct mechanism *m, const struct material *material);
/* The CKF_ flag of an operation. */
CK_FLAGS mechanism_flag(enum operation_kind kind);

/* The hash of key types that are for one HMAC alone (CKK_SHA256_HMAC); NULL for others. */
const char *mechanism_hmac_hash(CK_KEY_TYPE type);
/* OpenSSL's name of a CKM_SHA..., NULL for others. Never freed. */
const char *mechanism_hash_name(CK_MECHANISM_TYPE type);
/* And back: the CKM_SHA... of OpenSSL's name. */
CK_MECHANISM_TYPE mechanism_hash_type(const char *name);
/* The hash of the library context, fetched once; NULL for unknown ones. Borrowed, never freed. */
const EVP_MD *mechanism_md(const char *name);

void mechanism_use_clear(struct mechanism_use *use);

/* For mechanisms without a parameter. */
CK_RV mechanism_check_none(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to);

extern const struct mechanism_ops mech_rsa_pkcs1, mech_rsa_raw, mech_rsa_oaep, mech_rsa_pss, mech_ecdsa, mech_eddsa,
	mech_pqc;
extern const struct mechanism_ops mech_cipher, mech_key_wrap, mech_hmac, mech_cmac, mech_rsa_aes_wrap;
