#include "pkcs11/pin_policy.h"

#include "common/crypto_gate.h"
#include "common/deadline.h"
#include "common/file.h"
#include "common/log.h"
#include "common/openssl_errors.h"
#include "pkcs11/pin_count.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#define TRIES_DEFAULT 10
#define TRIES_MAX 100000
#define VERIFIER_FILE_MAX 1024
#define QUEUE_MAX_MS 60000 /* what waits longer for its turn is not tried at all */

struct pin_policy {
	struct pin_config config;
	pthread_mutex_t lock; /* guards the count; the file's own lock is taken within it, for a moment */
	struct pin_count count;
	atomic_uint wrong; /* the same number, for those who only look */
};

static enum err read_verifier_file(const char *path, struct pin_verifier *out, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	AUTO_FD
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_errno(em, ERR_CONFIG, "%s", path);
	enum err e = file_check_trusted(fd, path, em);
	if (e == OK)
		e = file_read(path, VERIFIER_FILE_MAX, &text, em);
	if (e != OK)
		return e;
	char *line = buf_cstr(&text);
	if (!line)
		return err_nomem(em, path);
	line[strcspn(line, "\r\n")] = 0;
	e = pin_verifier_read(line, out, em);
	return e == OK ? OK : err_wrap(em, e, "%s", path);
}

static enum err copy_path(const char *text, const char *member, char **to, struct errmsg *em)
{
	if (*text != '/')
		return err_set(em, ERR_PARSE, "\"%s\" is an absolute path", member);
	*to = strdup(text);
	return *to ? OK : err_nomem(em, member);
}

static enum err read_kind(json_object *token, struct pin_config *out, struct errmsg *em)
{
	const char *pin = NULL, *file = NULL;
	enum err e = json_get_string_opt(token, "pin", &pin, em);
	if (e == OK)
		e = json_get_string_opt(token, "pin-file", &file, em);
	if (e != OK)
		return e;
	if (pin && file)
		return err_set(em, ERR_PARSE, "\"pin\" and \"pin-file\" exclude each other");
	if (file) {
		out->kind = PIN_LOCAL;
		e = copy_path(file, "pin-file", &out->file, em);
		return e == OK ? read_verifier_file(file, &out->verifier, em) : e;
	}
	if (!pin || strcmp(pin, "none") == 0)
		return OK;
	if (strcmp(pin, "attest") == 0) {
		out->kind = PIN_ATTEST;
		return OK;
	}
	if (*pin != '$')
		return err_set(em, ERR_PARSE, "\"pin\" is none, attest or a verifier (kbs-token pin-verifier)");
	out->kind = PIN_LOCAL;
	e = pin_verifier_read(pin, &out->verifier, em);
	return e == OK ? OK : err_wrap(em, e, "\"pin\"");
}

enum err pin_config_read(json_object *token, struct pin_config *out, struct errmsg *em)
{
	const char *state = NULL;
	int64_t tries = -1;
	enum err e = read_kind(token, out, em);
	if (e == OK)
		e = json_get_int_opt(token, "pin-tries", 0, TRIES_MAX, &tries, em);
	if (e == OK)
		e = json_get_string_opt(token, "pin-state", &state, em);
	if (e != OK)
		return e;
	if (out->kind != PIN_LOCAL && (state || tries >= 0))
		return err_set(em, ERR_PARSE, "\"pin-tries\" and \"pin-state\" go with a PIN");
	out->tries = tries < 0 ? TRIES_DEFAULT : (unsigned)tries;
	return state ? copy_path(state, "pin-state", &out->state, em) : OK;
}

void pin_config_clear(struct pin_config *config)
{
	free(config->file);
	free(config->state);
	memset(config, 0, sizeof(*config));
}

enum err pin_policy_new(struct pin_config *config, struct pin_policy **out, struct errmsg *em)
{
	struct pin_policy *p = calloc(1, sizeof(*p));
	if (!p)
		return err_nomem(em, "a PIN policy");
	p->config = *config;
	memset(config, 0, sizeof(*config));
	pthread_mutex_init(&p->lock, NULL);
	*out = p;
	return OK;
}

void pin_policy_free(struct pin_policy *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	pin_config_clear(&p->config);
	free(p);
}

enum pin_kind pin_policy_kind(const struct pin_policy *p)
{
	return p->config.kind;
}

static bool locked(const struct pin_policy *p, unsigned wrong)
{
	return p->config.tries && wrong >= p->config.tries;
}

CK_FLAGS pin_policy_flags(struct pin_policy *p)
{
	if (p->config.kind == PIN_NONE)
		return CKF_USER_PIN_INITIALIZED;
	if (p->config.kind == PIN_ATTEST)
		return CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_PROTECTED_AUTHENTICATION_PATH;
	unsigned wrong = atomic_load(&p->wrong);
	CK_FLAGS flags = CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED;
	if (wrong)
		flags |= CKF_USER_PIN_COUNT_LOW;
	if (locked(p, wrong))
		flags |= CKF_USER_PIN_LOCKED;
	else if (locked(p, wrong + 1))
		flags |= CKF_USER_PIN_FINAL_TRY;
	return flags;
}

static CK_RV failed(enum err e, const struct errmsg *em)
{
	log_error("pkcs11", "pin", "err=%s text=\"%s\"", err_name(e), em->text);
	return CKR_FUNCTION_FAILED;
}

/* The count, as it is to become: one more try, of which `wait` says when it may be made. */
static CK_RV count_try_locked(struct pin_policy *p, int64_t *wait, struct errmsg *em)
{
	struct pin_count_file file;
	enum err e = pin_count_open(p->config.state, &file, &p->count, em);
	if (e != OK)
		return failed(e, em);
	struct pin_count next = p->count;
	atomic_store(&p->wrong, p->count.wrong);
	*wait = pin_count_try(&next, boottime_ms());
	bool shut = locked(p, p->count.wrong), crowded = *wait > QUEUE_MAX_MS;
	e = pin_count_close(&file, shut || crowded ? NULL : &next, em);
	if (e != OK)
		return failed(e, em);
	if (shut)
		return CKR_PIN_LOCKED;
	if (crowded)
		return failed(err_set(em, ERR_BUSY, "too many PINs are tried at once"), em);
	p->count = next;
	atomic_store(&p->wrong, next.wrong);
	return CKR_OK;
}

/* The try was a right one, or none. */
static CK_RV forgive(struct pin_policy *p, bool right, struct errmsg *em)
{
	struct pin_count_file file;
	pthread_mutex_lock(&p->lock);
	enum err e = pin_count_open(p->config.state, &file, &p->count, em);
	if (e == OK) {
		if (right)
			p->count = (struct pin_count){ 0, 0 };
		else if (p->count.wrong)
			p->count.wrong--;
		e = pin_count_close(&file, &p->count, em);
		atomic_store(&p->wrong, p->count.wrong);
	}
	pthread_mutex_unlock(&p->lock);
	return e == OK ? CKR_OK : failed(e, em);
}

static enum err verify(const struct pin_policy *p, struct bytes pin, struct errmsg *em)
{
	struct pin_verifier verifier = p->config.verifier;
	enum err e = p->config.file ? read_verifier_file(p->config.file, &verifier, em) : OK;
	if (e != OK)
		return e == ERR_AUTH ? ERR_CONFIG : e;
	crypto_gate_enter();
	openssl_errors_keep();
	e = pin_verifier_check(&verifier, pin, em);
	openssl_errors_restore();
	crypto_gate_leave();
	return e;
}

CK_RV pin_policy_check(struct pin_policy *p, struct bytes pin)
{
	struct errmsg em = { "" };
	int64_t wait = 0;
	if (pin.len < PIN_LEN_MIN || pin.len > PIN_LEN_MAX)
		return CKR_PIN_LEN_RANGE;
	pthread_mutex_lock(&p->lock);
	CK_RV rv = count_try_locked(p, &wait, &em);
	unsigned wrong = p->count.wrong;
	pthread_mutex_unlock(&p->lock);
	if (rv != CKR_OK)
		return rv;
	(void)deadline_sleep_ms(deadline_in_ms(wait + 1000), wait);
	enum err e = verify(p, pin, &em);
	if (e == OK)
		return forgive(p, true, &em);
	if (e == ERR_AUTH) {
		log_warn("pkcs11", "pin", "wrong=%u locked=%d", wrong, locked(p, wrong));
		return CKR_PIN_INCORRECT;
	}
	rv = failed(e, &em);
	(void)forgive(p, false, &em);
	return rv;
}
