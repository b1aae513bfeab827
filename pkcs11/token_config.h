#pragma once
#include "common/settings.h"
#include "kbc/kbc.h"
#include "pkcs11/entry.h"

#include <sys/stat.h>

#define TOKEN_LABEL_MAX 32 /* CK_TOKEN_INFO */

/* The configuration of one token, read from the settings (or, without a file, from CoCo's own places). */
struct token_config {
	char label[TOKEN_LABEL_MAX + 1];
	char *catalog; /* URI of a resource that lists objects; or NULL */
	int64_t lifetime_ms;
	bool harden;
	struct entry_list objects;
	bool have_kbs; /* false: nothing says where a KBS is */
	bool kbs_from_environment; /* AA_KBC_PARAMS or the kernel command line said it */
	struct kbc_options kbs;
};

/* What must not have changed for a configuration to be still the same one. */
struct token_config_stamp {
	char *variable; /* KBS_PKCS11_CONF, or NULL */
	char *path;
	bool absent; /* there was no file */
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

/* Local files only: no network, no crypto. ERR_CONFIG names file and member. */
enum err token_config_load(struct token_config *out, struct token_config_stamp *stamp, struct errmsg *em) MUST_USE;
void token_config_clear(struct token_config *config);
void token_config_stamp_clear(struct token_config_stamp *stamp);
/* True if what would be loaded now is the file of the stamp, untouched. */
bool token_config_unchanged(const struct token_config_stamp *stamp);
