#define _GNU_SOURCE 1
#include "keywrap/wire_tls.h"

#include "common/file.h"
#include "common/key.h"
#include "common/libctx.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <sys/stat.h>

#define KEY_MAX ((size_t)64 * 1024)

/* RFC 9113 9.2.2: ephemeral key exchange and an AEAD. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

static int protocol_choose(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
			   unsigned int in_len, void *user)
{
	(void)ssl;
	(void)user;
	for (unsigned at = 0; at < in_len; at += 1U + in[at])
		if (in[at] == 2 && at + 3 <= in_len && memcmp(in + at + 1, "h2", 2) == 0) {
			*out = in + at + 1;
			*out_len = 2;
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static enum err key_private_check(const char *path, struct errmsg *em)
{
	struct stat st;
	AUTO_FD
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(em, ERR_NOT_FOUND, "%s", path);
	if (st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP))
		return err_set(em, ERR_CONFIG, "%s: others may read or write this key", path);
	return OK;
}

static enum err identity_use(SSL_CTX *ctx, const struct wire_tls *options, struct errmsg *em)
{
	AUTO(secret) *text = NULL;
	AUTO_OF(EVP_PKEY) *key = NULL;
	if (!options->certificate && !options->key)
		return OK;
	if (!options->certificate || !options->key)
		return err_set(em, ERR_CONFIG, "TLS takes a certificate and its key, or neither");
	if (SSL_CTX_use_certificate_chain_file(ctx, options->certificate) != 1)
		return err_openssl(em, ERR_CONFIG, "the certificate %s", options->certificate);
	enum err e = key_private_check(options->key, em);
	if (e == OK)
		e = file_read_secret(options->key, KEY_MAX, &text, em);
	if (e == OK)
		e = key_private_parse(secret_bytes(text), NULL, &key, em);
	if (e != OK)
		return err_wrap(em, e, "the key of TLS");
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		return err_openssl(em, ERR_CONFIG, "the key %s does not fit the certificate", options->key);
	return OK;
}

static enum err peer_demand(SSL_CTX *ctx, const struct wire_tls *options, struct errmsg *em)
{
	if (options->server && !options->ca)
		return OK;
	int good = options->ca ? SSL_CTX_load_verify_file(ctx, options->ca) : SSL_CTX_set_default_verify_paths(ctx);
	if (good != 1)
		return err_openssl(em, ERR_CONFIG, "the CA %s", options->ca ? options->ca : "of the system");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return OK;
}

enum err wire_tls_new(const struct wire_tls *options, SSL_CTX **out, struct errmsg *em)
{
	ERR_clear_error();
	AUTO_OF(SSL_CTX) *ctx =
		SSL_CTX_new_ex(libctx(), NULL, options->server ? TLS_server_method() : TLS_client_method());
	if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, CIPHERS) != 1)
		return err_openssl(em, ERR_CRYPTO, "no TLS");
	/* No plaintext stays in its buffers, and no session outlives its connection. */
	SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	if (options->server) {
		SSL_CTX_set_num_tickets(ctx, 0);
		SSL_CTX_set_alpn_select_cb(ctx, protocol_choose, NULL);
	}
	enum err e = identity_use(ctx, options, em);
	if (e == OK)
		e = peer_demand(ctx, options, em);
	if (e != OK)
		return e;
	*out = ctx;
	ctx = NULL;
	return OK;
}
