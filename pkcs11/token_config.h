#pragma once
#include "common/settings.h"
#include "kbc/kbc.h"
#include "pkcs11/entry.h"
#include "pkcs11/pin_policy.h"

#include <sys/stat.h>

#define TOKEN_LABEL_MAX 32 /* CK_TOKEN_INFO */

#define TOKENS_MAX 64

/* The configuration of one token, read from the settings (or, without a file, from CoCo's own places). */
struct token_config {
	char label[TOKEN_LABEL_MAX + 1];
	char *catalog; /* URI of a resource that lists objects; or NULL */
	struct lease_terms lease; /* complete; its lifetime is the attestation's, too */
	struct pin_config pin;
	struct entry_list objects;
	bool have_kbs; /* false: nothing says where a KBS is */
	bool kbs_from_environment; /* AA_KBC_PARAMS or the kernel command line said it */
	struct kbc_options kbs;
	/* One of several that is wrong takes none of the others with it: its slot stays empty. */
	enum err wrong; /* OK: it is good */
	char *why;
};

/* All tokens, in the order of their slots. */
struct token_configs {
	struct token_config *items;
	size_t count;
	bool harden;
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

/* Local files only: no network, no crypto. At least one token is good. ERR_CONFIG names file and member. */
enum err token_configs_load(struct token_configs *out, struct token_config_stamp *stamp, struct errmsg *em) MUST_USE;
void token_configs_clear(struct token_configs *configs);
void token_config_stamp_clear(struct token_config_stamp *stamp);
/* True if what would be loaded now is the file of the stamp, untouched. */
bool token_config_unchanged(const struct token_config_stamp *stamp);
