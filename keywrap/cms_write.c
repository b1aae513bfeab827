#include "common/der.h"
#include "common/jwe_crypto.h"
#include "common/libctx.h"
#include "keywrap/cms.h"

#include <openssl/rand.h>

/* What peers write, to the byte where they insist on it: a version of 0 throughout, rsaEncryption without NULL,
 * AES-128-GCM with their own parameters, and the content as one primitive item. */

#define PKCS7_DATA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define PKCS7_ENVELOPED "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
#define RSA_ENCRYPTION "\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define AES_128_GCM "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x06"
#define VERSION_0 "\x02\x01\x00"
#define LITERAL(text) ((struct bytes){ (const uint8_t *)(text), sizeof(text) - 1 })

enum err cms_recipient_write(const struct cms_identity *to, struct bytes wrapped, struct buf *infos, struct errmsg *em)
{
	size_t start = infos->len;
	enum err e = buf_append(infos, LITERAL(VERSION_0), 0, em);
	size_t identity = infos->len;
	if (e == OK)
		e = buf_append(infos, to->issuer, 0, em);
	if (e == OK)
		e = buf_append(infos, to->serial, 0, em);
	if (e == OK)
		e = der_enclose(infos, identity, DER_SEQUENCE, em);
	if (e == OK)
		e = buf_append(infos, LITERAL(RSA_ENCRYPTION), 0, em);
	if (e == OK)
		e = der_put(infos, (struct der_item){ DER_OCTET_STRING, wrapped }, em);
	return e == OK ? der_enclose(infos, start, DER_SEQUENCE, em) : e;
}

/* 30 20 aes-128-gcm 10 13 30 11 84 0C nonce 02 01 10 */
static enum err cipher_write(struct bytes nonce, struct buf *out, struct errmsg *em)
{
	size_t start = out->len;
	enum err e = buf_append(out, LITERAL(AES_128_GCM "\x10\x13\x30\x11"), 0, em);
	if (e == OK)
		e = der_put(out, (struct der_item){ 0x84, nonce }, em);
	if (e == OK)
		e = buf_append(out, LITERAL("\x02\x01\x10"), 0, em);
	return e == OK ? der_enclose(out, start, DER_SEQUENCE, em) : e;
}

static enum err content_write(const struct secret *key, struct bytes plain, struct buf *out, struct errmsg *em)
{
	uint8_t nonce[JWE_IV];
	uint8_t tag[JWE_TAG];
	struct jwe_box box = { .enc = jwe_enc_find("A128GCM"), .key = key, .iv = BYTES(nonce) };
	AUTO_BUF
	sealed = { 0 };
	if (RAND_bytes_ex(libctx(), nonce, sizeof(nonce), 0) != 1)
		return err_openssl(em, ERR_CRYPTO, "no random numbers");
	enum err e = jwe_box_seal(&box, plain, &sealed, tag, em);
	if (e == OK)
		e = buf_append(&sealed, BYTES(tag), 0, em);
	size_t start = out->len;
	if (e == OK)
		e = buf_append(out, LITERAL(PKCS7_DATA), 0, em);
	if (e == OK)
		e = cipher_write(BYTES(nonce), out, em);
	if (e == OK)
		e = der_put(out, (struct der_item){ DER_CONTEXT_PRIMITIVE_0, buf_bytes(&sealed) }, em);
	return e == OK ? der_enclose(out, start, DER_SEQUENCE, em) : e;
}

enum err cms_envelope_write(struct bytes infos, const struct secret *key, struct bytes plain, struct buf *out,
			    struct errmsg *em)
{
	size_t start = out->len;
	enum err e = buf_append(out, LITERAL(VERSION_0), 0, em);
	if (e == OK)
		e = der_put(out, (struct der_item){ DER_SET, infos }, em);
	if (e == OK)
		e = content_write(key, plain, out, em);
	if (e == OK)
		e = der_enclose(out, start, DER_SEQUENCE, em);
	if (e == OK)
		e = der_enclose(out, start, DER_CONTEXT_0, em);
	AUTO_BUF
	enveloped = { 0 };
	if (e == OK)
		e = buf_append(&enveloped, LITERAL(PKCS7_ENVELOPED), 0, em);
	if (e == OK)
		e = buf_append(&enveloped, (struct bytes){ out->data + start, out->len - start }, 0, em);
	out->len = start;
	return e == OK ? der_put(out, (struct der_item){ DER_SEQUENCE, buf_bytes(&enveloped) }, em) : e;
}
