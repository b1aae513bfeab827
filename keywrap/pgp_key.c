#define _GNU_SOURCE 1
#include "keywrap/pgp_key.h"

#include "common/pgp_work.h"
#include "keywrap/pgp_message.h"
#include "keywrap/token_data.h"

#include <errno.h>
#include <pthread.h>

#define PLAIN_MAX 16384
#define MESSAGE_MAX ((size_t)1024 * 1024)

struct pgp_key {
	struct secret *text; /* of a file; or of a data object, once it was fetched: */
	struct token_pool *pool; /* borrowed */
	struct token_ref *ref; /* or: */
	char *name; /* in the user's key ring */
	struct secret *passphrase; /* or NULL */
	pthread_mutex_t lock; /* guards what follows: the key is unpacked once; who comes meanwhile needs it, too */
	struct pgp_home *home;
};

/* What GnuPG gives goes straight to where it belongs. */
struct sink {
	struct secret *secret; /* PLAIN_MAX bytes; or: */
	struct buf *buf;
	size_t len;
	bool overflow;
};

static ssize_t sink_write(void *handle, const void *data, size_t size)
{
	struct sink *s = handle;
	size_t max = s->secret ? PLAIN_MAX : MESSAGE_MAX;
	if (size > max - s->len)
		s->overflow = true;
	else if (s->secret)
		memcpy(secret_data(s->secret) + s->len, data, size);
	else if (buf_append(s->buf, (struct bytes){ data, size }, MESSAGE_MAX, NULL) != OK)
		s->overflow = true;
	if (s->overflow) {
		errno = ENOSPC;
		return -1;
	}
	s->len += size;
	return (ssize_t)size;
}

static gpgme_error_t sink_open(const struct pgp_work *w, struct sink *s, gpgme_data_t *out)
{
	static struct gpgme_data_cbs callbacks = { .write = sink_write };
	return w->lib->data_new_from_cbs(out, &callbacks, s);
}

static gpgme_error_t source_open(const struct pgp_work *w, struct bytes from, gpgme_data_t *out)
{
	return w->lib->data_new_from_mem(out, (const char *)from.data, from.len, 0);
}

static gpgme_error_t key_import(const struct pgp_work *w, struct bytes text)
{
	gpgme_data_t source = NULL;
	gpgme_error_t error = source_open(w, text, &source);
	if (!error)
		error = pgp_loop_run(w->loop, w->lib->op_import_start(w->ctx, source));
	if (source)
		w->lib->data_release(source);
	return error;
}

/* Public keys. */

void pgp_recipient_free(struct pgp_recipient *recipient)
{
	if (!recipient)
		return;
	free(recipient->fingerprint);
	buf_clear(&recipient->key);
	free(recipient);
}

static bool is_named(gpgme_key_t key, const char *name)
{
	if (key->fpr && strcasecmp(key->fpr, name) == 0)
		return true;
	for (gpgme_user_id_t id = key->uids; id; id = id->next)
		if (!id->revoked && !id->invalid &&
		    ((id->uid && strcmp(id->uid, name) == 0) || (id->email && strcmp(id->email, name) == 0)))
			return true;
	return false;
}

static bool is_usable(gpgme_key_t key)
{
	return !key->revoked && !key->expired && !key->disabled && !key->invalid && key->can_encrypt;
}

struct search {
	const struct pgp_lib *lib;
	const char *name;
	int secret;
	char *fingerprint; /* of the only one */
	size_t found;
	size_t unusable;
};

/* GnuPG's own search takes parts of names: what it gives is looked at again. */
static void key_take(void *user, gpgme_key_t key)
{
	struct search *s = user;
	if (is_named(key, s->name) && !is_usable(key)) {
		s->unusable++;
	} else if (is_named(key, s->name)) {
		free(s->fingerprint);
		s->fingerprint = key->fpr ? strdup(key->fpr) : NULL;
		s->found++;
	}
	s->lib->key_unref(key);
}

static enum err ring_search(const struct pgp_work *w, struct search *s, struct errmsg *em)
{
	s->lib = w->lib;
	pgp_loop_keys(w->loop, key_take, s);
	gpgme_error_t error = pgp_loop_run(w->loop, w->lib->op_keylist_start(w->ctx, s->name, s->secret));
	pgp_loop_keys(w->loop, NULL, NULL);
	if (gpgme_err_code(error) != GPG_ERR_NO_ERROR && gpgme_err_code(error) != GPG_ERR_EOF)
		return pgp_work_failed(w, ERR_CRYPTO, error, "the key ring", em);
	const char *what = s->secret ? "secret" : "public";
	if (s->found > 1)
		return err_set(em, ERR_KEY, "the key ring has %zu %s keys of that name: take the fingerprint of one",
			       s->found, what);
	if (s->found == 0)
		return err_set(em, ERR_KEY, "the key ring has no %s key with just that user id or address%s", what,
			       s->unusable ? " that can encrypt: revoked, expired or for signatures alone" : "");
	return s->fingerprint ? OK : err_nomem(em, "a key");
}

static enum err recipient_export(const struct pgp_work *w, struct pgp_recipient *recipient, struct errmsg *em)
{
	struct sink sink = { .buf = &recipient->key };
	gpgme_data_t data = NULL;
	gpgme_error_t error = sink_open(w, &sink, &data);
	if (!error)
		error = pgp_loop_run(w->loop, w->lib->op_export_start(w->ctx, recipient->fingerprint,
								      GPGME_EXPORT_MODE_MINIMAL, data));
	if (data)
		w->lib->data_release(data);
	if (sink.overflow)
		return err_set(em, ERR_LIMIT, "a public key of more than 1 MiB");
	if (error || sink.len == 0)
		return pgp_work_failed(w, ERR_CRYPTO, error, "cannot export the public key", em);
	return OK;
}

enum err pgp_recipient_find(const char *name, struct pgp_recipient **out, struct errmsg *em)
{
	AUTO(pgp_recipient) *recipient = calloc(1, sizeof(*recipient));
	AUTO_PGP_WORK w = { .ctx = NULL };
	struct search s = { .name = name };
	if (!recipient)
		return err_nomem(em, "a key");
	enum err e = pgp_work_begin(&w, NULL, em);
	if (e == OK)
		e = ring_search(&w, &s, em);
	recipient->fingerprint = s.fingerprint;
	if (e == OK)
		e = recipient_export(&w, recipient, em);
	if (e == OK)
		*out = steal(&recipient);
	return e;
}

/* Writing. */

static enum err keys_take(const struct pgp_work *w, struct pgp_recipients to, gpgme_key_t *keys, struct errmsg *em)
{
	for (size_t i = 0; i < to.count; i++) {
		gpgme_error_t error = key_import(w, buf_bytes(&to.list[i]->key));
		if (!error)
			error = w->lib->get_key(w->ctx, to.list[i]->fingerprint, &keys[i], 0);
		if (error)
			return pgp_work_failed(w, ERR_CRYPTO, error, to.list[i]->fingerprint, em);
	}
	return OK;
}

static enum err keys_encrypt(const struct pgp_work *w, gpgme_key_t *keys, struct bytes plain, struct buf *out,
			     struct errmsg *em)
{
	static const gpgme_encrypt_flags_t flags =
		GPGME_ENCRYPT_ALWAYS_TRUST | GPGME_ENCRYPT_NO_ENCRYPT_TO | GPGME_ENCRYPT_NO_COMPRESS;
	struct sink sink = { .buf = out };
	gpgme_data_t source = NULL;
	gpgme_data_t data = NULL;
	gpgme_error_t error = source_open(w, plain, &source);
	if (!error)
		error = sink_open(w, &sink, &data);
	if (!error)
		error = pgp_loop_run(w->loop, w->lib->op_encrypt_start(w->ctx, keys, flags, source, data));
	if (source)
		w->lib->data_release(source);
	if (data)
		w->lib->data_release(data);
	return error ? pgp_work_failed(w, ERR_CRYPTO, error, "cannot encrypt", em) : OK;
}

enum err pgp_encrypt(struct pgp_recipients to, struct bytes plain, struct buf *out, struct errmsg *em)
{
	AUTO(pgp_home) *home = NULL;
	AUTO_STR
	char *list = calloc(to.count + 1, sizeof(gpgme_key_t));
	gpgme_key_t *keys = (gpgme_key_t *)(void *)list; /* ended by a NULL */
	if (!keys)
		return err_nomem(em, "the recipients");
	enum err e = pgp_home_new(&home, em);
	if (e != OK)
		return e;
	AUTO_PGP_WORK w = { .ctx = NULL };
	e = pgp_work_begin(&w, home, em);
	if (e == OK)
		e = keys_take(&w, to, keys, em);
	if (e == OK)
		e = keys_encrypt(&w, keys, plain, out, em);
	for (size_t i = 0; i < to.count; i++)
		if (keys[i])
			w.lib->key_unref(keys[i]);
	return e;
}

/* Secret keys. */

static enum err key_new(struct pgp_key **out, struct errmsg *em)
{
	struct pgp_key *key = calloc(1, sizeof(*key));
	if (!key)
		return err_nomem(em, "a key");
	pthread_mutex_init(&key->lock, NULL);
	*out = key;
	return OK;
}

enum err pgp_key_from_text(struct secret *text, struct secret *passphrase, struct pgp_key **out, struct errmsg *em)
{
	enum err e = key_new(out, em);
	if (e == OK) {
		(*out)->text = text;
		(*out)->passphrase = passphrase;
		return OK;
	}
	secret_free(text);
	secret_free(passphrase);
	return e;
}

enum err pgp_key_from_token(struct token_pool *pool, struct token_ref *ref, struct pgp_key **out, struct errmsg *em)
{
	enum err e = key_new(out, em);
	if (e == OK) {
		(*out)->pool = pool;
		(*out)->ref = ref;
		return OK;
	}
	token_ref_free(ref);
	return e;
}

enum err pgp_key_from_ring(const char *name, struct pgp_key **out, struct errmsg *em)
{
	struct pgp_key *key = NULL;
	enum err e = key_new(&key, em);
	if (e != OK)
		return e;
	key->name = strdup(name);
	if (!key->name) {
		pgp_key_free(key);
		return err_nomem(em, "a key");
	}
	*out = key;
	return OK;
}

void pgp_key_free(struct pgp_key *key)
{
	if (!key)
		return;
	pgp_home_free(key->home);
	secret_free(key->text);
	secret_free(key->passphrase);
	token_ref_free(key->ref);
	free(key->name);
	pthread_mutex_destroy(&key->lock);
	free(key);
}

static enum err secret_import(struct pgp_key *key, const struct pgp_home *home, struct errmsg *em)
{
	AUTO_PGP_WORK w = { .passphrase = key->passphrase };
	enum err e = pgp_work_begin(&w, home, em);
	if (e != OK)
		return e;
	gpgme_error_t error = key_import(&w, secret_bytes(key->text));
	if (error)
		return pgp_work_failed(&w, ERR_PARSE, error, "cannot read the OpenPGP key", em);
	gpgme_import_result_t result = w.lib->op_import_result(w.ctx);
	if (!result || result->secret_read == 0)
		return err_set(em, ERR_KEY, "no OpenPGP secret key in it");
	return OK;
}

static enum err key_unpack(struct pgp_key *key, struct errmsg *em)
{
	AUTO(pgp_home) *home = NULL;
	enum err e = key->text ? OK : token_data_read(key->pool, key->ref, &key->text, em);
	if (e == OK)
		e = pgp_home_new(&home, em);
	if (e == OK)
		e = secret_import(key, home, em);
	if (e == OK)
		key->home = steal(&home);
	return e;
}

static bool is_for_others(const struct pgp_work *w)
{
	gpgme_decrypt_result_t result = w->lib->op_decrypt_result(w->ctx);
	if (!result || !result->recipients)
		return false;
	for (gpgme_recipient_t r = result->recipients; r; r = r->next)
		if (gpgme_err_code(r->status) != GPG_ERR_NO_SECKEY)
			return false;
	return true;
}

static enum err decrypt_judge(const struct pgp_work *w, const struct sink *sink, gpgme_error_t error, struct errmsg *em)
{
	if (sink->overflow)
		return err_set(em, ERR_LIMIT, "the message holds more than %d bytes", PLAIN_MAX);
	enum err late = pgp_loop_check(w->loop, em);
	if (error && late != OK)
		return late;
	switch (gpgme_err_code(error)) {
	case GPG_ERR_NO_ERROR:
		return OK;
	case GPG_ERR_NO_PASSPHRASE:
		return err_set(em, ERR_KEY, "the OpenPGP key is encrypted: a passphrase is needed");
	case GPG_ERR_BAD_PASSPHRASE:
		return err_set(em, ERR_AUTH, "the passphrase does not open the OpenPGP key");
	case GPG_ERR_CANCELED:
	case GPG_ERR_FULLY_CANCELED:
		return err_set(em, ERR_AUTH, "the agent was not given the passphrase");
	default:
		break;
	}
	if (is_for_others(w))
		return err_set(em, ERR_KEY, "the message is for other keys");
	return pgp_work_failed(w, ERR_INTEGRITY, error, "the message does not open", em);
}

static enum err message_decrypt(const struct pgp_work *w, struct bytes message, struct secret **plain,
				struct errmsg *em)
{
	AUTO(secret) *opened = NULL;
	enum err e = secret_new(PLAIN_MAX, &opened, em);
	if (e != OK)
		return e;
	struct sink sink = { .secret = opened };
	gpgme_data_t source = NULL;
	gpgme_data_t data = NULL;
	gpgme_error_t error = source_open(w, message, &source);
	if (!error)
		error = sink_open(w, &sink, &data);
	if (!error)
		error = pgp_loop_run(w->loop, w->lib->op_decrypt_start(w->ctx, source, data));
	e = decrypt_judge(w, &sink, error, em);
	if (source)
		w->lib->data_release(source);
	if (data)
		w->lib->data_release(data);
	if (e != OK)
		return e;
	secret_truncate(opened, sink.len);
	*plain = steal(&opened);
	return OK;
}

enum err pgp_key_decrypt(struct pgp_key *key, struct bytes message, struct secret **plain, struct errmsg *em)
{
	AUTO_BUF
	decoded = { 0 };
	struct bytes binary = { 0 };
	enum err e = pgp_message_check(message, &decoded, &binary, em);
	if (e == OK && !key->name) {
		pthread_mutex_lock(&key->lock);
		e = key->home ? OK : key_unpack(key, em);
		pthread_mutex_unlock(&key->lock);
	}
	AUTO_PGP_WORK w = { .passphrase = key->passphrase };
	if (e == OK)
		e = pgp_work_begin(&w, key->home, em);
	if (e == OK && key->name) {
		struct search s = { .name = key->name, .secret = 1 };
		e = ring_search(&w, &s, em);
		free(s.fingerprint);
	}
	return e == OK ? message_decrypt(&w, binary, plain, em) : e;
}
