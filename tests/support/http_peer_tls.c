#include "tests/support/http_peer_tls.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void must(bool good)
{
	if (!good)
		abort();
}

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	must(extension && X509_add_ext(cert, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static X509 *certificate_new(enum http_peer_tls kind, EVP_PKEY *key)
{
	X509 *cert = X509_new();
	must(cert && X509_set_version(cert, X509_VERSION_3) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"test peer",
				   -1, -1, 0);
	must(X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1);
	bool expired = kind == HTTP_PEER_TLS_EXPIRED;
	X509_gmtime_adj(X509_getm_notBefore(cert), expired ? -7200 : -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), expired ? -3600 : 86400);
	must(X509_set_pubkey(cert, key) == 1);
	add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(cert, NID_subject_alt_name,
		      kind == HTTP_PEER_TLS_OTHER_NAME ? "DNS:elsewhere.example" : "DNS:localhost,IP:127.0.0.1");
	must(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

SSL_CTX *http_peer_tls_new(enum http_peer_tls kind, char **pem)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	must(key != NULL);
	X509 *cert = certificate_new(kind, key);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	must(ctx && SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
	BIO *text = BIO_new(BIO_s_mem());
	char *data = NULL;
	must(text && PEM_write_bio_X509(text, cert) == 1);
	long len = BIO_get_mem_data(text, &data);
	*pem = strndup(data, (size_t)len);
	BIO_free(text);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}
