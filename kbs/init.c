#include "kbs/kbs.h"

#include "common/file.h"
#include "common/libctx.h"
#include "kbs/key_file.h"
#include "kbs/server_config.h"

#include <errno.h>
#include <sys/stat.h>

static const char first_policy[] =
	"// Which TEE may have which resource: kbs.json(5). The first rule that fits decides.\n"
	"// This one lets everything that was attested have everything. Evidence of the sample TEE is\n"
	"// accepted only by a server that was started with --allow-sample.\n"
	"{\n"
	"  \"default\": \"deny\",\n"
	"  \"rules\": [\n"
	"    {\"path\": \"*/*/*\", \"allow\": true}\n"
	"  ]\n"
	"}\n";

static enum err folder_make(const char *path, struct errmsg *em)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return OK;
	return err_errno(em, ERR_IO, "%s", path);
}

static enum err key_make(const char *kind, EVP_PKEY **out, struct errmsg *em)
{
	bool ec = strcmp(kind, "EC") == 0;
	*out = ec ? EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-256") : EVP_PKEY_Q_keygen(libctx(), NULL, "ED25519");
	return *out ? OK : err_openssl(em, ERR_CRYPTO, "cannot make a key");
}

static bool is_there(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

struct key_pair {
	char *key;
	char *pub;
	const char *kind;
	bool pub_suffices; /* the private half may be kept elsewhere */
};

static enum err pair_write(const struct key_pair *pair, struct errmsg *em)
{
	bool have_key = is_there(pair->key);
	bool have_pub = is_there(pair->pub);
	if (have_pub && (have_key || pair->pub_suffices))
		return OK;
	AUTO_OF(EVP_PKEY) *key = NULL;
	enum err e = have_key ? key_file_private(pair->key, &key, em) : key_make(pair->kind, &key, em);
	if (e == OK && !have_key)
		e = key_file_write_private(pair->key, key, em);
	/* A public half whose private one is gone is of no use, and it is not ours to overwrite: ERR_EXISTS. */
	return e == OK ? key_file_write_public(pair->pub, key, em) : e;
}

static enum err pair_make(const char *dir, const char *name, const char *kind, struct errmsg *em)
{
	AUTO_STR
	char *base = server_path(dir, name);
	AUTO_STR
	char *key = NULL;
	AUTO_STR
	char *pub = NULL;
	if (!base || asprintf(&key, "%s.key", base) < 0 || asprintf(&pub, "%s.pub", base) < 0)
		return err_nomem(em, "a path");
	struct key_pair pair = { key, pub, kind, strcmp(name, "admin") == 0 };
	return pair_write(&pair, em);
}

static enum err text_make(const char *path, const char *text, struct errmsg *em)
{
	return is_there(path) ? OK : file_write_atomic(path, bytes_str(text), (struct file_write){ 0600, true }, em);
}

enum err kbs_init(const char *dir, struct errmsg *em)
{
	AUTO_STR
	char *config = server_path(dir, "kbs.json");
	AUTO_STR
	char *policy = server_path(dir, "policy.json");
	AUTO_STR
	char *storage = server_path(dir, "storage");
	if (!config || !policy || !storage)
		return err_nomem(em, "a path");
	if (is_there(config))
		return err_set(em, ERR_EXISTS, "%s is there: this folder was initialised before", config);
	enum err e = folder_make(dir, em);
	if (e == OK)
		e = folder_make(storage, em);
	if (e == OK)
		e = pair_make(dir, "admin", "ED25519", em);
	if (e == OK)
		e = pair_make(dir, "issuer", "EC", em);
	if (e == OK)
		e = text_make(policy, first_policy, em);
	return e == OK ? text_make(config, server_config_template, em) : e;
}
