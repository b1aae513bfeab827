#pragma once
#include "common/bytes.h"

/* ocicrypt.conf: which PKCS#11 modules may be loaded.
 *   pkcs11: {module-directories: [DIR...], allowed-module-paths: [PATH...]}
 * The first that exists of $OCICRYPT_CONFIG, $XDG_CONFIG_HOME/ocicrypt.conf, ~/.config/ocicrypt.conf and
 * /etc/ocicrypt.conf is the law alone. Where there is none, only this project's own installed module is allowed.
 * OCICRYPT_CONFIG=internal allows the usual folders of modules. */

#define OCICRYPT_CONF_PATHS 64

struct ocicrypt_conf {
	char *file; /* NULL: there is none */
	char *directories[OCICRYPT_CONF_PATHS];
	size_t directory_count;
	char *allowed[OCICRYPT_CONF_PATHS];
	size_t allowed_count;
};
void ocicrypt_conf_clear(struct ocicrypt_conf *conf);
#define AUTO_OCICRYPT_CONF __attribute__((cleanup(ocicrypt_conf_clear))) struct ocicrypt_conf

/* ERR_CONFIG names the file: malformed, or writable by group or others. */
enum err ocicrypt_conf_load(struct ocicrypt_conf *out, struct errmsg *em) MUST_USE;
enum err ocicrypt_conf_parse(struct bytes text, struct ocicrypt_conf *out, struct errmsg *em) MUST_USE;

/* Default deny. `path` is absolute and free of symbolic links and "..". An allowed path that ends in '/' stands for
 * the files in that folder and below. */
bool ocicrypt_conf_allows(const struct ocicrypt_conf *conf, const char *path);

/* What a URI says about its module. */
struct module_name {
	const char *path; /* module-path: a file, or with `name` a folder; or NULL */
	const char *name; /* module-name; or NULL */
};
/* The module's file, free of symbolic links, and allowed. *path malloc'd. ERR_NOT_FOUND, ERR_DENIED, ERR_PARSE. */
enum err ocicrypt_conf_module(const struct ocicrypt_conf *conf, struct module_name wanted, char **path,
			      struct errmsg *em) MUST_USE;
