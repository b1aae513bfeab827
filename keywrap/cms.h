#pragma once
#include "common/secret.h"

/* EnvelopedData, RFC 5652 section 6, as ocicrypt's peers write and read it: their AES-GCM has parameters that OpenSSL's
 * parser refuses, so this is read and written by hand. What `openssl cms -encrypt` writes is read, too. */

#define CMS_RECIPIENTS_MAX 256

struct cms_identity {
	struct bytes issuer; /* Name, with its header */
	struct bytes serial; /* INTEGER, with its header */
};

/* A KeyTransRecipientInfo. */
struct cms_recipient {
	struct cms_identity identity; /* or: */
	struct bytes key_id; /* SubjectKeyIdentifier */
	const char *hash; /* of RSAES-OAEP: "SHA1" or "SHA256"; NULL: PKCS#1 v1.5 */
	const char *unsupported; /* NULL, or what is the matter with it */
	struct bytes wrapped;
};

struct cms_cipher {
	const char *name; /* printable: "AES-128-GCM" */
	struct bytes oid;
	size_t key_len;
	const char *gcm; /* as RFC 7518 calls it ("A128GCM"); NULL: CBC */
};

struct cms_envelope {
	struct cms_recipient recipients[CMS_RECIPIENTS_MAX];
	size_t count;
	size_t others; /* recipients with no RSA key: agreement, passwords */
	const struct cms_cipher *cipher;
	struct bytes iv;
	struct bytes content; /* with the tag at its end where the cipher has one */
	struct buf der; /* what all of these point into */
	struct buf joined; /* content that came in pieces */
};
/* ERR_PARSE, ERR_LIMIT, ERR_UNSUPPORTED. Clear it in any case. */
enum err cms_envelope_read(struct bytes element, struct cms_envelope *out, struct errmsg *em) MUST_USE;
void cms_envelope_clear(struct cms_envelope *envelope);

/* ERR_INTEGRITY, with one text whatever does not hold. `key` is cipher->key_len long. out: the caller's. */
enum err cms_envelope_open(const struct cms_envelope *envelope, const struct secret *key, struct secret **plain,
			   struct errmsg *em) MUST_USE;

/* Writing: AES-128-GCM, as peers do it. `infos` are RecipientInfos one after the other. */
#define CMS_WRITE_KEY_LEN 16
enum err cms_envelope_write(struct bytes infos, const struct secret *key, struct bytes plain, struct buf *out,
			    struct errmsg *em) MUST_USE;
/* Appends a RecipientInfo of version 0 with rsaEncryption. */
enum err cms_recipient_write(const struct cms_identity *to, struct bytes wrapped, struct buf *infos,
			     struct errmsg *em) MUST_USE;

/* Issuer and serial number of a certificate in DER, which it borrows. */
enum err cms_identity_read(struct bytes certificate, struct cms_identity *out, struct errmsg *em) MUST_USE;

/* BER to DER, as far as lengths go: all definite and in their shortest form. X.690 8.1.3.6, 10.1. */
enum err ber_normalize(struct bytes ber, struct buf *der, struct errmsg *em) MUST_USE;
