#include "kbs/service.h"

#include "common/log.h"
#include "kbs/key_file.h"

#include <sys/stat.h>

/* How long a handshake may take before a flood of newer ones may push it out. */
#define GRACE_MS 5000

void service_free(struct service *s)
{
	if (!s)
		return;
	EVP_PKEY_free(s->issuer.key);
	admin_keys_clear(&s->admins);
	sessions_free(s->sessions);
	storage_free(s->storage);
	policy_free(s->policy);
	buf_clear(&s->policy_text);
	free(s->policy_path);
	free(s->collateral_path);
	free(s->reference_path);
	free(s->tpm_keys_path);
	server_config_clear(&s->config);
	pthread_rwlock_destroy(&s->policy_lock);
	pthread_mutex_destroy(&s->policy_set_lock);
	free(s);
}

/* Whoever may write in there may replace any file of it. */
static enum err dir_check(const char *dir, struct errmsg *em)
{
	struct stat st;
	if (stat(dir, &st) != 0)
		return err_errno(em, ERR_CONFIG, "%s (make it with 'kbs-server init')", dir);
	if (!S_ISDIR(st.st_mode) || (st.st_mode & 022) != 0 || (st.st_uid != geteuid() && st.st_uid != 0))
		return err_set(em, ERR_CONFIG, "%s: must be a folder that only we may write (chmod go-w)", dir);
	return OK;
}

static enum err issuer_open(struct service *s, const char *dir, struct errmsg *em)
{
	AUTO_STR
	char *path = server_path(dir, "issuer.key");
	if (!path)
		return err_nomem(em, "a path");
	enum err e = key_file_private(path, &s->issuer.key, em);
	if (e != OK)
		return e;
	if (!EVP_PKEY_is_a(s->issuer.key, "EC") || EVP_PKEY_get_bits(s->issuer.key) != 256)
		return err_set(em, ERR_CONFIG, "%s: not a P-256 key (ES256)", path);
	s->issuer.name = s->config.issuer;
	s->issuer.lifetime_s = s->config.result_lifetime;
	return OK;
}

/* The server does not need admin.key, but one that others can read is no secret. */
static enum err admin_key_check(const char *dir, struct errmsg *em)
{
	AUTO_STR
	char *path = server_path(dir, "admin.key");
	struct stat st;
	if (!path)
		return err_nomem(em, "a path");
	return lstat(path, &st) == 0 ? key_file_check_private(path, em) : OK;
}

static enum err admin_add(struct service *s, const char *dir, const char *name, struct errmsg *em)
{
	AUTO_STR
	char *path = server_path(dir, name);
	if (!path)
		return err_nomem(em, "a path");
	enum err e = key_file_public(path, &s->admins.key[s->admins.count], em);
	if (e == OK)
		s->admins.count++;
	return e;
}

static enum err admins_open(struct service *s, const char *dir, struct errmsg *em)
{
	enum err e = admin_key_check(dir, em);
	if (e != OK || !s->config.admin_keys)
		return e == OK ? admin_add(s, dir, "admin.pub", em) : e;
	size_t count = json_object_array_length(s->config.admin_keys);
	if (count > ADMIN_KEYS_MAX)
		return err_set(em, ERR_CONFIG, "\"admin-keys\": at most %d", ADMIN_KEYS_MAX);
	for (size_t i = 0; i < count && e == OK; i++)
		e = admin_add(s, dir, json_object_get_string(json_object_array_get_idx(s->config.admin_keys, i)), em);
	return e;
}

static enum err policy_open(struct service *s, const char *dir, struct errmsg *em)
{
	s->policy_path = server_path(dir, "policy.json");
	if (!s->policy_path)
		return err_nomem(em, "a path");
	enum err e = trusted_file_read(s->policy_path, POLICY_MAX_BYTES, &s->policy_text, em);
	if (e != OK)
		return err_wrap(em, ERR_CONFIG, "policy");
	e = policy_parse(buf_bytes(&s->policy_text), &s->policy, em);
	return e == OK ? OK : err_wrap(em, ERR_CONFIG, "%s", s->policy_path);
}

/* What evidence is held against. Whether it is any good is seen when evidence comes; whether it is there, at once. */
static enum err appraisal_path(const char *dir, const char *name, char **out, struct errmsg *em)
{
	if (!name)
		return OK;
	*out = server_path(dir, name);
	if (!*out)
		return err_nomem(em, "a path");
	if (access(*out, R_OK) != 0)
		return err_errno(em, ERR_CONFIG, "%s", *out);
	return OK;
}

static enum err storage_start(struct service *s, const char *dir, struct errmsg *em)
{
	AUTO_STR
	char *path = server_path(dir, s->config.storage_path);
	if (!path)
		return err_nomem(em, "a path");
	struct storage_options options = { .kind = s->config.storage_kind, .path = path };
	options.max = (size_t)s->config.max_resource;
	return storage_open(&options, &s->storage, em);
}

enum err service_open(const char *dir, bool allow_sample, struct service **out, struct errmsg *em)
{
	AUTO(service) *s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(em, "a service");
	pthread_rwlock_init(&s->policy_lock, NULL);
	pthread_mutex_init(&s->policy_set_lock, NULL);
	s->allow_sample = allow_sample;
	enum err e = dir_check(dir, em);
	if (e == OK)
		e = server_config_load(dir, &s->config, em);
	if (e == OK)
		e = issuer_open(s, dir, em);
	if (e == OK)
		e = admins_open(s, dir, em);
	if (e == OK)
		e = policy_open(s, dir, em);
	if (e == OK)
		e = appraisal_path(dir, s->config.collateral, &s->collateral_path, em);
	if (e == OK)
		e = appraisal_path(dir, s->config.reference_values, &s->reference_path, em);
	if (e == OK)
		e = appraisal_path(dir, s->config.tpm_keys, &s->tpm_keys_path, em);
	if (e == OK)
		e = storage_start(s, dir, em);
	struct session_limits limits = { (size_t)s->config.max_sessions, s->config.session_lifetime * 1000, GRACE_MS };
	if (e == OK)
		e = sessions_new(limits, &s->sessions, em);
	if (e != OK)
		return e;
	if (allow_sample)
		log_warn("kbs", "allow-sample", "text=\"evidence of the sample TEE proves nothing and is accepted\"");
	*out = steal(&s);
	return OK;
}
