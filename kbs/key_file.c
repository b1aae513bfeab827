#include "kbs/key_file.h"

#include "common/file.h"
#include "common/libctx.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#define KEY_MAX (64 * 1024)

AUTO_OF_DEFINE(BIO, (void)BIO_free)

enum err key_file_check_private(const char *path, struct errmsg *em)
{
	struct stat st;
	AUTO_FD
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(em, ERR_CONFIG, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(em, ERR_CONFIG, "%s: not a regular file", path);
	if ((st.st_mode & 077) != 0 || (st.st_uid != geteuid() && st.st_uid != 0))
		return err_set(em, ERR_CONFIG, "%s: a private key must be ours alone (chmod 600)", path);
	return OK;
}

static enum err private_read(const char *path, struct secret **out, struct errmsg *em)
{
	enum err e = key_file_check_private(path, em);
	if (e != OK)
		return e;
	e = file_read_secret(path, KEY_MAX, out, em);
	return e == OK || e == ERR_NOMEM ? e : err_wrap(em, ERR_CONFIG, "private key");
}

enum err key_file_private(const char *path, EVP_PKEY **out, struct errmsg *em)
{
	AUTO(secret) *text = NULL;
	enum err e = private_read(path, &text, em);
	if (e != OK)
		return e;
	e = key_private_parse(secret_bytes(text), NULL, out, em);
	return e == OK ? OK : err_wrap(em, ERR_CONFIG, "%s", path);
}

enum err key_file_private_text(const char *path, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *text = NULL;
	AUTO(secret) *terminated = NULL;
	enum err e = private_read(path, &text, em);
	if (e == OK)
		e = secret_new(secret_len(text) + 1, &terminated, em);
	if (e != OK)
		return e;
	memcpy(secret_data(terminated), secret_data(text), secret_len(text));
	*out = steal(&terminated);
	return OK;
}

enum err trusted_file_read(const char *path, size_t max, struct buf *out, struct errmsg *em)
{
	AUTO_FD
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_errno(em, ERR_CONFIG, "%s", path);
	enum err e = file_check_trusted(fd, path, em);
	return e == OK ? file_read(path, max, out, em) : e;
}

enum err key_file_public(const char *path, EVP_PKEY **out, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	enum err e = trusted_file_read(path, KEY_MAX, &text, em);
	if (e != OK)
		return err_wrap(em, ERR_CONFIG, "public key");
	e = key_public_parse(buf_bytes(&text), out, em);
	return e == OK ? OK : err_wrap(em, ERR_CONFIG, "%s", path);
}

static struct bytes bio_bytes(BIO *bio)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);
	return (struct bytes){ (const uint8_t *)data, len > 0 ? (size_t)len : 0 };
}

enum err key_file_write_private(const char *path, EVP_PKEY *key, struct errmsg *em)
{
	/* A memory BIO wipes what it held, when it grows and when it is freed. */
	AUTO_OF(BIO) *bio = BIO_new(BIO_s_mem());
	if (!bio || PEM_write_bio_PrivateKey_ex(bio, key, NULL, NULL, 0, NULL, NULL, libctx(), NULL) != 1)
		return err_openssl(em, ERR_CRYPTO, "%s", path);
	return file_write_atomic(path, bio_bytes(bio), (struct file_write){ 0600, true }, em);
}

enum err key_file_write_public(const char *path, EVP_PKEY *key, struct errmsg *em)
{
	AUTO_OF(BIO) *bio = BIO_new(BIO_s_mem());
	if (!bio || PEM_write_bio_PUBKEY_ex(bio, key, libctx(), NULL) != 1)
		return err_openssl(em, ERR_CRYPTO, "%s", path);
	return file_write_atomic(path, bio_bytes(bio), (struct file_write){ 0644, true }, em);
}
