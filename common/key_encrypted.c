#include "common/key_encrypted.h"

#include "common/libctx.h"
#include "common/openssl_errors.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs12err.h>

AUTO_OF_DEFINE(EVP_CIPHER, EVP_CIPHER_free)
AUTO_OF_DEFINE(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)
AUTO_OF_DEFINE(EVP_MD, EVP_MD_free)
AUTO_OF_DEFINE(EVP_MD_CTX, EVP_MD_CTX_free)
AUTO_OF_DEFINE(X509_SIG, X509_SIG_free)
AUTO_OF_DEFINE(PBE2PARAM, PBE2PARAM_free)
AUTO_OF_DEFINE(PBKDF2PARAM, PBKDF2PARAM_free)
AUTO_OF_DEFINE(PBEPARAM, PBEPARAM_free)

/* A file can demand any amount of work: OpenSSL writes 2,048, careful people some 100,000s. */
#define ITERATIONS_MAX 10000000

static enum err passphrase_check(const struct secret *passphrase, struct errmsg *em)
{
	if (!passphrase)
		return err_set(em, ERR_KEY, "the private key is encrypted: a passphrase is needed");
	if (secret_len(passphrase) > 65536)
		return err_set(em, ERR_LIMIT, "the passphrase is longer than 64 KiB");
	return OK;
}

static enum err passphrase_wrong(struct errmsg *em)
{
	openssl_errors_drop();
	return err_set(em, ERR_AUTH, "the passphrase does not open this private key");
}

static bool iterations_fit(const ASN1_INTEGER *count)
{
	int64_t n = 0;
	return ASN1_INTEGER_get_int64(&n, count) == 1 && n > 0 && n <= ITERATIONS_MAX;
}

/* RFC 8018 A.4 (PBKDF2 inside PBES2; scrypt is bounded by OpenSSL itself), A.3 and RFC 7292 C for the older ones. */
static bool work_is_bounded(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *oid = NULL;
	const void *parameter = NULL;
	int type = 0;
	X509_ALGOR_get0(&oid, &type, &parameter, algorithm);
	if (type != V_ASN1_SEQUENCE)
		return false;
	if (OBJ_obj2nid(oid) != NID_pbes2) {
		AUTO_OF(PBEPARAM) *pbe = ASN1_item_unpack(parameter, ASN1_ITEM_rptr(PBEPARAM));
		return pbe && iterations_fit(pbe->iter);
	}
	AUTO_OF(PBE2PARAM) *pbes2 = ASN1_item_unpack(parameter, ASN1_ITEM_rptr(PBE2PARAM));
	if (!pbes2)
		return false;
	X509_ALGOR_get0(&oid, &type, &parameter, pbes2->keyfunc);
	if (OBJ_obj2nid(oid) != NID_id_pbkdf2)
		return true;
	if (type != V_ASN1_SEQUENCE)
		return false;
	AUTO_OF(PBKDF2PARAM) *kdf = ASN1_item_unpack(parameter, ASN1_ITEM_rptr(PBKDF2PARAM));
	return kdf && iterations_fit(kdf->iter);
}

static bool padding_failed(void)
{
	for (unsigned long e = ERR_get_error(); e; e = ERR_get_error())
		if (ERR_GET_LIB(e) == ERR_LIB_PKCS12 && ERR_GET_REASON(e) == PKCS12_R_PKCS12_CIPHERFINAL_ERROR)
			return true;
	return false;
}

enum err key_pkcs8_decrypt(struct bytes der, const struct secret *passphrase, struct secret **out, struct errmsg *em)
{
	enum err e = passphrase_check(passphrase, em);
	if (e != OK)
		return e;
	if (der.len > INT_MAX / 2)
		return err_set(em, ERR_LIMIT, "private key too large");
	const unsigned char *at = der.data;
	AUTO_OF(X509_SIG) *box = d2i_X509_SIG(NULL, &at, (long)der.len);
	if (!box)
		return err_openssl(em, ERR_PARSE, "malformed encrypted private key");
	const X509_ALGOR *algorithm = NULL;
	const ASN1_OCTET_STRING *contents = NULL;
	X509_SIG_get0(box, &algorithm, &contents);
	if (!work_is_bounded(algorithm)) {
		openssl_errors_drop();
		return err_set(em, ERR_UNSUPPORTED,
			       "encrypted private key: malformed parameters, or more than %d iterations",
			       ITERATIONS_MAX);
	}
	struct bytes pass = secret_bytes(passphrase);
	unsigned char *plain = NULL;
	int plain_len = 0;
	openssl_errors_drop();
	if (!PKCS12_pbe_crypt_ex(algorithm, pass.len ? (const char *)pass.data : "", (int)pass.len,
				 ASN1_STRING_get0_data(contents), ASN1_STRING_length(contents), &plain, &plain_len, 0,
				 libctx(), NULL)) {
		if (padding_failed())
			return passphrase_wrong(em);
		return err_set(
			em, ERR_UNSUPPORTED,
			"the private key is encrypted with an algorithm that is not supported here: convert it with "
			"\"openssl pkcs8 -topk8\"");
	}
	e = secret_copy((struct bytes){ plain, (size_t)plain_len }, out, em);
	OPENSSL_clear_free(plain, (size_t)plain_len);
	return e;
}

bool key_pem_encrypted(const struct pem_block *block)
{
	return block->headers.len &&
	       memmem(block->headers.data, block->headers.len, "ENCRYPTED", strlen("ENCRYPTED")) != NULL;
}

struct dek {
	EVP_CIPHER *cipher;
	uint8_t iv[EVP_MAX_IV_LENGTH];
};

/* "DEK-Info: AES-256-CBC,<hex of the iv>", RFC 1421 4.6.1.3 */
static enum err dek_read(const struct pem_block *block, struct dek *out, struct errmsg *em)
{
	static const char *const known[] = { "AES-128-CBC", "AES-192-CBC", "AES-256-CBC", "DES-EDE3-CBC" };
	char line[128] = "";
	const char *name = "DEK-Info: ";
	const uint8_t *hit = memmem(block->headers.data, block->headers.len, name, strlen(name));
	if (!hit)
		return err_set(em, ERR_PARSE, "encrypted PEM without DEK-Info");
	hit += strlen(name);
	size_t left = (size_t)(block->headers.data + block->headers.len - hit);
	for (size_t i = 0; i < left && i + 1 < sizeof line && hit[i] != '\n' && hit[i] != '\r'; i++)
		line[i] = (char)hit[i];
	char *comma = strchr(line, ',');
	if (!comma)
		return err_set(em, ERR_PARSE, "encrypted PEM with a malformed DEK-Info");
	*comma = '\0';
	for (size_t i = 0; i < ARRAY_LEN(known) && !out->cipher; i++)
		if (strcasecmp(line, known[i]) == 0)
			out->cipher = EVP_CIPHER_fetch(libctx(), known[i], NULL);
	if (!out->cipher)
		return err_set(
			em, ERR_UNSUPPORTED,
			"the private key is encrypted with an algorithm that is not supported here: convert it with "
			"\"openssl pkcs8 -topk8\"");
	enum err e = hex_decode(comma + 1, out->iv, (size_t)EVP_CIPHER_get_iv_length(out->cipher), em);
	return e == OK ? OK : err_wrap(em, e, "DEK-Info");
}

/* EVP_BytesToKey with MD5, one round, the iv's first 8 bytes as salt: what PEM encryption does. */
static enum err dek_derive(const struct secret *passphrase, const uint8_t *salt, struct secret *key, struct errmsg *em)
{
	struct bytes pass = secret_bytes(passphrase);
	uint8_t block[16];
	AUTO_OF(EVP_MD) *md5 = EVP_MD_fetch(libctx(), "MD5", NULL);
	AUTO_OF(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
	enum err e = md5 && ctx ? OK : err_openssl(em, ERR_UNSUPPORTED, "PEM encryption needs MD5");
	for (size_t done = 0; e == OK && done < secret_len(key);) {
		if (EVP_DigestInit_ex2(ctx, md5, NULL) != 1 ||
		    EVP_DigestUpdate(ctx, block, done ? sizeof block : 0) != 1 ||
		    EVP_DigestUpdate(ctx, pass.data, pass.len) != 1 || EVP_DigestUpdate(ctx, salt, 8) != 1 ||
		    EVP_DigestFinal_ex(ctx, block, NULL) != 1) {
			e = err_openssl(em, ERR_CRYPTO, "MD5");
			break;
		}
		size_t n = secret_len(key) - done < sizeof block ? secret_len(key) - done : sizeof block;
		memcpy(secret_data(key) + done, block, n);
		done += n;
	}
	secret_wipe(block, sizeof block);
	return e;
}

static enum err dek_decrypt(const struct dek *dek, struct secret *key, struct bytes from, struct secret **out,
			    struct errmsg *em)
{
	AUTO(secret) *plain = NULL;
	enum err e = secret_new(from.len + EVP_MAX_BLOCK_LENGTH, &plain, em);
	if (e != OK)
		return e;
	AUTO_OF(EVP_CIPHER_CTX) *ctx = EVP_CIPHER_CTX_new();
	int got = 0;
	int last = 0;
	if (!ctx || EVP_DecryptInit_ex2(ctx, dek->cipher, secret_data(key), dek->iv, NULL) != 1 ||
	    EVP_DecryptUpdate(ctx, secret_data(plain), &got, from.data, (int)from.len) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot decrypt the private key");
	if (EVP_DecryptFinal_ex(ctx, secret_data(plain) + got, &last) != 1)
		return passphrase_wrong(em);
	secret_truncate(plain, (size_t)got + (size_t)last);
	*out = steal(&plain);
	return OK;
}

enum err key_pem_decrypt(const struct pem_block *block, const struct secret *passphrase, struct secret **out,
			 struct errmsg *em)
{
	enum err e = passphrase_check(passphrase, em);
	if (e != OK)
		return e;
	AUTO(secret) *box = NULL;
	AUTO(secret) *key = NULL;
	struct dek dek = { 0 };
	e = pem_decode(block, &box, em);
	if (e == OK && secret_len(box) > INT_MAX / 2)
		e = err_set(em, ERR_LIMIT, "private key too large");
	if (e == OK)
		e = dek_read(block, &dek, em);
	if (e == OK)
		e = secret_new((size_t)EVP_CIPHER_get_key_length(dek.cipher), &key, em);
	if (e == OK)
		e = dek_derive(passphrase, dek.iv, key, em);
	if (e == OK)
		e = dek_decrypt(&dek, key, secret_bytes(box), out, em);
	EVP_CIPHER_free(dek.cipher);
	return e;
}
