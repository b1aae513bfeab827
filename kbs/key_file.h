#pragma once
#include "common/key.h"

/* ERR_CONFIG unless it is a regular file of ours (or root's) that group and others cannot read. */
enum err key_file_check_private(const char *path, struct errmsg *em) MUST_USE;

/* Reads a file that only we (and root) may write: whoever can, decides who is administrator and what policy says. */
enum err trusted_file_read(const char *path, size_t max, struct buf *out, struct errmsg *em) MUST_USE;

/* Checks and reads a private key; a public one, which only we may write. ERR_CONFIG with the path. */
enum err key_file_private(const char *path, EVP_PKEY **out, struct errmsg *em) MUST_USE;
enum err key_file_public(const char *path, EVP_PKEY **out, struct errmsg *em) MUST_USE;

/* PEM, NUL-terminated, into the arena: for libmicrohttpd's TLS. */
enum err key_file_private_text(const char *path, struct secret **out, struct errmsg *em) MUST_USE;

/* Write as PEM (PKCS#8, 0600; SPKI, 0644). ERR_EXISTS rather than overwrite. */
enum err key_file_write_private(const char *path, EVP_PKEY *key, struct errmsg *em) MUST_USE;
enum err key_file_write_public(const char *path, EVP_PKEY *key, struct errmsg *em) MUST_USE;
