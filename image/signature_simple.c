#include "image/signature_simple.h"

#include "common/pgp_work.h"

#include <errno.h>
#include <stdio.h>

#define PAYLOAD_MAX ((size_t)1 << 20)

struct simple_keys {
	struct pgp_home *home;
};

static enum err ring_import(const struct pgp_home *home, const struct simple_ring *ring, struct errmsg *em)
{
	AUTO_PGP_WORK w = { .ctx = NULL };
	gpgme_data_t source = NULL;
	enum err e = pgp_work_begin(&w, home, em);
	if (e != OK)
		return e;
	gpgme_error_t error = w.lib->data_new_from_mem(&source, (const char *)ring->text.data, ring->text.len, 0);
	if (!error)
		error = pgp_loop_run(w.loop, w.lib->op_import_start(w.ctx, source));
	if (source)
		w.lib->data_release(source);
	e = pgp_loop_check(w.loop, em);
	if (e != OK)
		return e;
	gpgme_import_result_t result = error ? NULL : w.lib->op_import_result(w.ctx);
	/* Why gpg does not read it is seldom a text that helps; but that there is no gpg is. */
	if (gpgme_err_code(error) == GPG_ERR_INV_ENGINE)
		return pgp_lib_error(em, ERR_KEY, error, ring->what);
	if (!result || result->imported + result->unchanged == 0)
		return err_set(em, ERR_KEY, "%s: no OpenPGP public key in it", ring->what);
	return OK;
}

enum err simple_keys_new(const struct simple_ring *rings, size_t count, struct simple_keys **out, struct errmsg *em)
{
	AUTO(simple_keys) *keys = calloc(1, sizeof(*keys));
	enum err e = keys ? pgp_home_new(&keys->home, em) : err_nomem(em, "keys");
	for (size_t i = 0; e == OK && i < count; i++)
		e = ring_import(keys->home, &rings[i], em);
	if (e == OK)
		*out = steal(&keys);
	return e;
}

void simple_keys_free(struct simple_keys *keys)
{
	if (!keys)
		return;
	pgp_home_free(keys->home);
	free(keys);
}

/* A message, RFC 4880 4.2: a signature before or after its text, or either compressed. Clear-signed text, armour and
 * detached signatures in their usual forms begin otherwise. */
static bool looks_signed(struct bytes message)
{
	if (message.len < 2)
		return false;
	uint8_t first = message.data[0];
	return (first & 0xfc) == 0xa0 || first == 0xc8 || (first & 0xfc) == 0x90 || first == 0xc4 ||
	       (first & 0xfc) == 0x88 || first == 0xc2;
}

static ssize_t payload_write(void *handle, const void *data, size_t size)
{
	struct buf *to = handle;
	if (buf_append(to, (struct bytes){ data, size }, PAYLOAD_MAX, NULL) == OK)
		return (ssize_t)size;
	errno = ENOSPC;
	return -1;
}

/* The key that stands for all of its subkeys; none that is of no use any more. */
static enum err signer_find(const struct pgp_work *w, const char *fingerprint, char out[FINGERPRINT_SIZE],
			    struct errmsg *em)
{
	gpgme_key_t key = NULL;
	gpgme_error_t error = w->lib->get_key(w->ctx, fingerprint, &key, 0);
	if (error || !key)
		return pgp_lib_error(em, ERR_DENIED, error, "the signer's key");
	bool usable = !key->revoked && !key->expired && !key->disabled && !key->invalid && key->fpr;
	if (usable)
		snprintf(out, FINGERPRINT_SIZE, "%s", key->fpr);
	w->lib->key_unref(key);
	return usable ? OK : err_set(em, ERR_DENIED, "the signer's key was revoked or has expired");
}

static enum err signature_judge(const struct pgp_work *w, char signer[FINGERPRINT_SIZE], struct errmsg *em)
{
	gpgme_verify_result_t result = w->lib->op_verify_result(w->ctx);
	gpgme_signature_t s = result ? result->signatures : NULL;
	if (!s || s->next)
		return err_set(em, ERR_DENIED, "it is no OpenPGP message with exactly one signature");
	char fingerprint[FINGERPRINT_SIZE];
	snprintf(fingerprint, sizeof(fingerprint), "%s", s->fpr ? s->fpr : "");
	switch (gpgme_err_code(s->status)) {
	case GPG_ERR_NO_ERROR:
		break;
	case GPG_ERR_NO_PUBKEY:
		return err_set(em, ERR_DENIED, "it is signed by %s, which is not among the keys of the policy",
			       fingerprint);
	case GPG_ERR_SIG_EXPIRED:
		return err_set(em, ERR_DENIED, "the signature of %s has expired", fingerprint);
	case GPG_ERR_KEY_EXPIRED:
		return err_set(em, ERR_DENIED, "the key %s, which signed it, has expired", fingerprint);
	case GPG_ERR_CERT_REVOKED:
		return err_set(em, ERR_DENIED, "the key %s, which signed it, was revoked", fingerprint);
	default:
		return pgp_lib_error(em, ERR_DENIED, s->status, "the signature does not hold");
	}
	if (s->validity == GPGME_VALIDITY_NEVER || s->validity_reason || s->wrong_key_usage ||
	    (s->summary & GPGME_SIGSUM_RED))
		return err_set(em, ERR_DENIED, "the key %s may not sign this", fingerprint);
	return signer_find(w, fingerprint, signer, em);
}

static gpgme_error_t message_verify(const struct pgp_work *w, struct bytes signature, struct buf *payload)
{
	static struct gpgme_data_cbs callbacks = { .write = payload_write };
	gpgme_data_t source = NULL;
	gpgme_data_t sink = NULL;
	gpgme_error_t error = w->lib->data_new_from_mem(&source, (const char *)signature.data, signature.len, 0);
	if (!error)
		error = w->lib->data_new_from_cbs(&sink, &callbacks, payload);
	if (!error)
		error = pgp_loop_run(w->loop, w->lib->op_verify_start(w->ctx, source, NULL, sink));
	if (source)
		w->lib->data_release(source);
	if (sink)
		w->lib->data_release(sink);
	return error;
}

enum err simple_keys_verify(const struct simple_keys *keys, struct bytes signature, struct simple_result *out,
			    struct errmsg *em)
{
	AUTO_PGP_WORK w = { .ctx = NULL };
	buf_clear(&out->payload);
	if (!looks_signed(signature))
		return err_set(em, ERR_DENIED, "it is no binary OpenPGP message with a signature");
	enum err e = pgp_work_begin(&w, keys->home, em);
	if (e != OK)
		return e;
	gpgme_error_t error = message_verify(&w, signature, &out->payload);
	e = pgp_loop_check(w.loop, em);
	if (e == OK && error)
		e = pgp_lib_error(em, ERR_DENIED, error, "it is no OpenPGP message with exactly one signature");
	if (e == OK)
		e = signature_judge(&w, out->signer, em);
	if (e != OK)
		buf_clear(&out->payload);
	return e;
}
