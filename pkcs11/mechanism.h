#pragma once
#include "pkcs11/material.h"

#define MECHANISM_MAX 64 /* rows there may be */

enum operation_kind { OP_ENCRYPT, OP_DECRYPT, OP_DIGEST, OP_SIGN, OP_VERIFY, OP_KINDS };

/* The parameters of a mechanism, checked, as OpenSSL calls them. Plain data: equal bytes are equal parameters. */
struct mechanism_params {
	char hash[12]; /* of the signature or of OAEP; "" = none */
	char mgf1[12];
	CK_ULONG salt;
};

/* A prepared operation of OpenSSL with a key. */
struct mechanism_use {
	enum operation_kind kind;
	struct material *material; /* a reference */
	struct mechanism_params params;
	EVP_PKEY_CTX *ctx;
	CK_ULONG out_max; /* of the result: signature, cipher or plain text */
	bool once; /* holds something that no second operation may reuse (an OAEP label) */
};

struct mechanism;
struct mechanism_ops {
	/* Checks the caller's parameter. */
	CK_RV (*check)(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to);
	/* Makes use->ctx and use->out_max ready; kind, material and params are set. */
	CK_RV (*prepare)(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use);
	/* Sign, encrypt, decrypt: `in` is the data or its digest; at most out_max bytes go to `to`. */
	CK_RV (*run)(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len);
	CK_RV (*verify)(const struct mechanism *m, struct mechanism_use *use, struct bytes in, struct bytes signature);
};

struct mechanism {
	CK_MECHANISM_TYPE type;
	CK_FLAGS flags; /* CKF_SIGN, ... : CK_MECHANISM_INFO */
	CK_ULONG min_bits, max_bits;
	CK_KEY_TYPE key_type; /* CK_UNAVAILABLE_INFORMATION: takes no key */
	const char *hash; /* it digests first (then it has multi-part forms); NULL: it does not */
	const struct mechanism_ops *ops; /* NULL for digests and derivations */
};

const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type);
/* All of them; returns how many. to may be NULL. */
size_t mechanism_list(CK_MECHANISM_TYPE *to);
/* Those for keys of one type; room for MECHANISM_MAX. */
size_t mechanism_list_for(CK_KEY_TYPE type, CK_MECHANISM_TYPE *to);
/* The CKF_ flag of an operation. */
CK_FLAGS mechanism_flag(enum operation_kind kind);

/* OpenSSL's name of a CKM_SHA..., NULL for others. Never freed. */
const char *mechanism_hash_name(CK_MECHANISM_TYPE type);
/* The hash of the library context, fetched once; NULL for unknown ones. Borrowed, never freed. */
const EVP_MD *mechanism_md(const char *name);

void mechanism_use_clear(struct mechanism_use *use);

extern const struct mechanism_ops mech_rsa_pkcs1, mech_rsa_raw, mech_rsa_oaep, mech_rsa_pss, mech_ecdsa;
