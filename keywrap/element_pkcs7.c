#define _GNU_SOURCE 1
#include "common/der.h"
#include "common/openssl_errors.h"
#include "keywrap/cms.h"
#include "keywrap/element.h"

#include <openssl/bio.h>
#include <openssl/x509.h>

/* EnvelopedData, RFC 5652 6.1: nothing protects the set of recipients. */

AUTO_OF_DEFINE(X509_NAME, X509_NAME_free)
AUTO_OF_DEFINE(BIO, BIO_free)

#define NAME_SIZE 160

/* RFC 4514, as far as it goes. */
static void issuer_text(struct bytes issuer, char text[NAME_SIZE])
{
	const unsigned char *at = issuer.data;
	AUTO_OF(X509_NAME) *name = d2i_X509_NAME(NULL, &at, (long)issuer.len);
	AUTO_OF(BIO) *out = BIO_new(BIO_s_mem());
	int len = 0;
	if (name && out && X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		len = BIO_read(out, text, NAME_SIZE - 1);
	text[len > 0 ? len : 0] = '\0';
	openssl_errors_drop();
}

static enum err transport_describe(const struct cms_recipient *r, struct recipient_list *to, struct errmsg *em)
{
	struct bytes serial = r->identity.serial;
	struct bytes id = r->key_id;
	char issuer[NAME_SIZE] = "";
	if (!id.len && !der_expect(&serial, DER_INTEGER, &id))
		return err_set(em, ERR_PARSE, "CMS: malformed recipients");
	if (!r->key_id.len)
		issuer_text(r->identity.issuer, issuer);
	AUTO_STR
	char *hex = hex_encode((struct bytes){ id.data, id.len < 20 ? id.len : 20 });
	if (!hex)
		return err_set(em, ERR_NOMEM, "no memory");
	return recipient_list_add(to, em, "RSA-%zu, %s%s%s%s%s%s", 8 * r->wrapped.len,
				  r->key_id.len ? "key id " : "serial ", hex, r->key_id.len ? "" : " of ", issuer,
				  r->hash ? ", OAEP with " : "", r->hash ? r->hash : "");
}

/* The set of RecipientInfos, and where it lies: what comes before it and after it stays. */
struct envelope_shape {
	struct bytes type; /* the ContentInfo's first member, with its header */
	struct bytes before; /* of EnvelopedData */
	struct bytes infos;
	struct bytes after;
};

static bool shape_read(struct bytes der, struct envelope_shape *out)
{
	struct bytes info, box, body, ignored;
	if (!der_expect(&der, DER_SEQUENCE, &info))
		return false;
	out->type.data = info.data;
	if (!der_expect(&info, DER_OID, &ignored))
		return false;
	out->type.len = (size_t)(info.data - out->type.data);
	if (!der_expect(&info, DER_CONTEXT_0, &box) || !der_expect(&box, DER_SEQUENCE, &body))
		return false;
	out->before.data = body.data;
	if (!der_expect(&body, DER_INTEGER, &ignored))
		return false;
	(void)der_expect(&body, DER_CONTEXT_0, &ignored);
	out->before.len = (size_t)(body.data - out->before.data);
	if (!der_expect(&body, DER_SET, &out->infos))
		return false;
	out->after = body;
	return true;
}

static enum err pkcs7_describe(struct bytes element, struct recipient_list *to, struct errmsg *em)
{
	struct cms_envelope envelope;
	struct envelope_shape shape = { .infos = { NULL, 0 } };
	struct der_item info = { .tag = 0 };
	size_t transports = 0;
	enum err e = cms_envelope_read(element, &envelope, em);
	if (e == OK && !shape_read(buf_bytes(&envelope.der), &shape))
		e = err_set(em, ERR_PARSE, "CMS: malformed EnvelopedData");
	if (e == OK && shape.infos.len == 0)
		e = err_set(em, ERR_PARSE, "CMS: no recipients");
	while (e == OK && der_read(&shape.infos, &info)) {
		if (info.tag == DER_SEQUENCE && transports < envelope.count)
			e = transport_describe(&envelope.recipients[transports++], to, em);
		else
			e = recipient_list_add(to, em, "no RSA key: cannot be opened here");
	}
	cms_envelope_clear(&envelope);
	return e;
}

/* Appends the items of a set but the n-th. */
static enum err infos_copy(struct bytes infos, size_t n, struct buf *out, struct errmsg *em)
{
	struct der_item info = { .tag = 0 };
	enum err e = OK;
	for (size_t i = 0; e == OK && infos.len; i++) {
		if (!der_read(&infos, &info))
			return err_set(em, ERR_PARSE, "CMS: malformed recipients");
		if (i != n)
			e = der_put(out, info, em);
	}
	return e == OK ? der_enclose(out, 0, DER_SET, em) : e;
}

static enum err pkcs7_without(struct bytes element, size_t n, struct buf *out, struct errmsg *em)
{
	AUTO_BUF
	der = { 0 };
	AUTO_BUF
	set = { 0 };
	AUTO_BUF
	data = { 0 };
	struct envelope_shape shape = { .infos = { NULL, 0 } };
	enum err e = ber_normalize(element, &der, em);
	if (e == OK && !shape_read(buf_bytes(&der), &shape))
		e = err_set(em, ERR_PARSE, "CMS: malformed EnvelopedData");
	if (e == OK)
		e = infos_copy(shape.infos, n, &set, em);
	if (e == OK)
		e = buf_append(&data, shape.before, 0, em);
	if (e == OK)
		e = buf_append(&data, buf_bytes(&set), 0, em);
	if (e == OK)
		e = buf_append(&data, shape.after, 0, em);
	if (e == OK)
		e = der_enclose(&data, 0, DER_SEQUENCE, em);
	if (e == OK)
		e = der_enclose(&data, 0, DER_CONTEXT_0, em);
	if (e == OK)
		e = buf_append(out, shape.type, 0, em);
	if (e == OK)
		e = buf_append(out, buf_bytes(&data), 0, em);
	return e == OK ? der_enclose(out, 0, DER_SEQUENCE, em) : e;
}

const struct element_kind element_pkcs7 = { pkcs7_describe, pkcs7_without };
