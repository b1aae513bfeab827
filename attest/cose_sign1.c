#include "attest/cose_sign1.h"

#include "attest/cbor_codec.h"
#include "attest/references.h"
#include "common/jws.h"

static const char content_type[] = "application/rim+cbor";

enum { TAG_SIGN1 = 18, LABEL_ALG = 1, LABEL_CONTENT_TYPE = 3, LABEL_CORIM_META = 8, LABEL_X5CHAIN = 33 };

/* RFC 9053 2.1, 2.2, RFC 8230: -1 - n. */
static const struct {
	const char *name;
	uint64_t n;
} algs[] = { { "ES256", 6 }, { "ES384", 34 }, { "ES512", 35 }, { "EdDSA", 7 }, { "PS256", 36 } };

struct header {
	uint64_t alg;
	struct bytes certificate; /* data NULL: none */
	char *signer;
	size_t signer_size;
};

/* corim-meta-map: {0: {0: name}} */
static void meta(struct cbor_codec *c, struct header *h)
{
	struct bytes name = bytes_str(h->signer);
	cbor_codec_fixed(c, CBOR_KIND_MAP, 1);
	cbor_codec_fixed(c, CBOR_KIND_UINT, 0);
	cbor_codec_fixed(c, CBOR_KIND_MAP, 1);
	cbor_codec_fixed(c, CBOR_KIND_UINT, 0);
	cbor_codec_string(c, CBOR_KIND_TEXT, &name);
	struct references_text to = { h->signer, h->signer_size };
	if (!c->writing && c->e == OK && references_text_set(to, name, c->em) != OK)
		c->e = err_wrap(c->em, ERR_PARSE, "signer");
}

static void header(struct cbor_codec *c, struct header *h)
{
	AUTO_BUF
	inner = { 0 };
	struct bytes string = { NULL, 0 };
	uint64_t members = h->certificate.data ? 4 : 3;
	cbor_codec_number(c, CBOR_KIND_MAP, &members);
	if (members != 3 && members != 4)
		cbor_codec_refuse(c, ERR_UNSUPPORTED, "a header that is not known");
	cbor_codec_fixed(c, CBOR_KIND_UINT, LABEL_ALG);
	cbor_codec_number(c, CBOR_KIND_NEGATIVE, &h->alg);
	cbor_codec_fixed(c, CBOR_KIND_UINT, LABEL_CONTENT_TYPE);
	cbor_codec_word(c, content_type);
	cbor_codec_fixed(c, CBOR_KIND_UINT, LABEL_CORIM_META);
	if (c->writing) {
		struct cbor_codec below = cbor_codec_writer(&inner, c->em);
		meta(&below, h);
		c->e = c->e == OK ? below.e : c->e;
		string = buf_bytes(&inner);
	}
	cbor_codec_string(c, CBOR_KIND_BYTES, &string);
	if (!c->writing && c->e == OK) {
		struct cbor_codec below = cbor_codec_reader(string, c->em);
		meta(&below, h);
		c->e = cbor_codec_end(&below);
	}
	if (members == 3)
		return;
	cbor_codec_fixed(c, CBOR_KIND_UINT, LABEL_X5CHAIN);
	cbor_codec_string(c, CBOR_KIND_BYTES, &h->certificate);
}

/* What is signed, RFC 9052 4.4. */
static enum err to_be_signed(struct bytes protected, struct bytes payload, struct buf *out, struct errmsg *em)
{
	struct cbor_codec c = cbor_codec_writer(out, em);
	struct bytes nothing = { NULL, 0 };
	cbor_codec_fixed(&c, CBOR_KIND_ARRAY, 4);
	cbor_codec_word(&c, "Signature1");
	cbor_codec_string(&c, CBOR_KIND_BYTES, &protected);
	cbor_codec_string(&c, CBOR_KIND_BYTES, &nothing);
	cbor_codec_string(&c, CBOR_KIND_BYTES, &payload);
	return cbor_codec_end(&c);
}

struct parts {
	struct bytes protected;
	struct bytes payload;
	struct bytes signature;
};

static void message(struct cbor_codec *c, struct parts *p)
{
	cbor_codec_fixed(c, CBOR_KIND_TAG, TAG_SIGN1);
	cbor_codec_fixed(c, CBOR_KIND_ARRAY, 4);
	cbor_codec_string(c, CBOR_KIND_BYTES, &p->protected);
	cbor_codec_fixed(c, CBOR_KIND_MAP, 0);
	cbor_codec_string(c, CBOR_KIND_BYTES, &p->payload);
	cbor_codec_string(c, CBOR_KIND_BYTES, &p->signature);
}

static bool alg_number(const char *name, uint64_t *n)
{
	for (size_t i = 0; name && i < ARRAY_LEN(algs); i++) {
		if (strcmp(algs[i].name, name) == 0) {
			*n = algs[i].n;
			return true;
		}
	}
	return false;
}

enum err cose_sign1_write(const struct cose_sign1 *of, EVP_PKEY *key, X509 *certificate, struct buf *out,
			  struct errmsg *em)
{
	AUTO_BUF
	protected = { 0 };
	AUTO_BUF
	input = { 0 };
	AUTO_BUF
	signature = { 0 };
	unsigned char *der = NULL;
	struct header h = { .signer = of->signer, .signer_size = of->signer_size };
	if (!alg_number(jws_alg_of(key), &h.alg))
		return err_set(em, ERR_KEY, "a key of this kind signs no COSE");
	int len = certificate ? i2d_X509(certificate, &der) : 0;
	if (certificate && len <= 0)
		return err_openssl(em, ERR_CRYPTO, "certificate");
	h.certificate = (struct bytes){ der, (size_t)len };
	struct cbor_codec c = cbor_codec_writer(&protected, em);
	header(&c, &h);
	OPENSSL_free(der);
	enum err e = cbor_codec_end(&c);
	if (e == OK)
		e = to_be_signed(buf_bytes(&protected), of->payload, &input, em);
	if (e == OK)
		e = jws_sign_bytes(key, buf_bytes(&input), &signature, em);
	if (e != OK)
		return e;
	struct parts parts = { buf_bytes(&protected), of->payload, buf_bytes(&signature) };
	c = cbor_codec_writer(out, em);
	message(&c, &parts);
	return cbor_codec_end(&c);
}

bool cose_sign1_is(struct bytes file)
{
	return file.len > 1 && file.data[0] == (0xc0 | TAG_SIGN1);
}

static enum err verify(const struct parts *parts, uint64_t alg, EVP_PKEY *key, struct errmsg *em)
{
	AUTO_BUF
	input = { 0 };
	enum err e = to_be_signed(parts->protected, parts->payload, &input, em);
	for (size_t i = 0; e == OK && i < ARRAY_LEN(algs); i++)
		if (algs[i].n == alg)
			return jws_check_bytes(algs[i].name, buf_bytes(&input), parts->signature, key, em);
	return e == OK ? err_set(em, ERR_INTEGRITY, "its algorithm is not accepted") : e;
}

enum err cose_sign1_read(struct bytes file, EVP_PKEY *key, struct cose_sign1 *out, struct errmsg *em)
{
	struct parts parts = { .payload = { NULL, 0 } };
	struct header h = { .signer = out->signer, .signer_size = out->signer_size };
	struct cbor_codec c = cbor_codec_reader(file, em);
	out->signer[0] = '\0';
	message(&c, &parts);
	enum err e = cbor_codec_end(&c);
	if (e == OK) {
		c = cbor_codec_reader(parts.protected, em);
		header(&c, &h);
		e = cbor_codec_end(&c);
	}
	if (e == OK && key)
		e = verify(&parts, h.alg, key, em);
	out->payload = parts.payload;
	return e == OK ? OK : err_wrap(em, e, "COSE_Sign1");
}
