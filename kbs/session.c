#include "kbs/session.h"

#include "common/base64.h"
#include "common/libctx.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>

enum session_state { SESSION_OPEN, SESSION_TAKEN, SESSION_ATTESTED };

struct session {
	struct session_challenge challenge;
	enum session_state state;
	int64_t opened_ms;
	EVP_PKEY *key;
	char *claims; /* or NULL */
	struct session *chain; /* next in its bucket */
	struct session *older, *newer; /* all sessions, by age: the sweep looks at the oldest only */
	struct session *open_older, *open_newer; /* the open ones, by age */
};

struct sessions {
	struct session_limits limits;
	pthread_mutex_t lock; /* guards everything below */
	struct session **buckets;
	size_t mask;
	struct session *oldest, *newest;
	struct session *open_oldest, *open_newest;
	struct session_counts counts;
};

enum err sessions_new(struct session_limits limits, struct sessions **out, struct errmsg *em)
{
	size_t buckets = 16;
	while (buckets < limits.max * 2)
		buckets *= 2;
	struct sessions *s = calloc(1, sizeof(*s));
	if (!s || !(s->buckets = calloc(buckets, sizeof(struct session *)))) {
		free(s);
		return err_nomem(em, "sessions");
	}
	s->limits = limits;
	s->mask = buckets - 1;
	pthread_mutex_init(&s->lock, NULL);
	*out = s;
	return OK;
}

/* Ids are random and of our own making, so their first digits spread well. */
static struct session **bucket_locked(struct sessions *s, const char *id)
{
	size_t at = 0;
	for (int i = 0; i < 7; i++)
		at = at << 4 | (size_t)(id[i] <= '9' ? id[i] - '0' : id[i] - 'a' + 10);
	return &s->buckets[at & s->mask];
}

static void open_unlink_locked(struct sessions *s, struct session *x)
{
	*(x->open_older ? &x->open_older->open_newer : &s->open_oldest) = x->open_newer;
	*(x->open_newer ? &x->open_newer->open_older : &s->open_newest) = x->open_older;
	x->open_older = x->open_newer = NULL;
	s->counts.open--;
}

static void remove_locked(struct sessions *s, struct session *x)
{
	struct session **at = bucket_locked(s, x->challenge.id);
	while (*at != x)
		at = &(*at)->chain;
	*at = x->chain;
	*(x->older ? &x->older->newer : &s->oldest) = x->newer;
	*(x->newer ? &x->newer->older : &s->newest) = x->older;
	if (x->state == SESSION_OPEN)
		open_unlink_locked(s, x);
	else
		s->counts.attested--;
	EVP_PKEY_free(x->key);
	free(x->claims);
	free(x);
}

static void add_locked(struct sessions *s, struct session *x)
{
	struct session **at = bucket_locked(s, x->challenge.id);
	x->chain = *at;
	*at = x;
	x->older = s->newest;
	*(s->newest ? &s->newest->newer : &s->oldest) = x;
	s->newest = x;
	x->open_older = s->open_newest;
	*(s->open_newest ? &s->open_newest->open_newer : &s->open_oldest) = x;
	s->open_newest = x;
	s->counts.open++;
}

void sessions_free(struct sessions *s)
{
	if (!s)
		return;
	while (s->oldest)
		remove_locked(s, s->oldest);
	pthread_mutex_destroy(&s->lock);
	free(s->buckets);
	free(s);
}

/* All live equally long, so the expired ones are the oldest. */
static void sweep_locked(struct sessions *s, int64_t now_ms)
{
	while (s->oldest && now_ms - s->oldest->opened_ms >= s->limits.lifetime_ms)
		remove_locked(s, s->oldest);
}

static struct session *find_locked(struct sessions *s, const char *id)
{
	struct session *x = *bucket_locked(s, id);
	while (x && CRYPTO_memcmp(x->challenge.id, id, SESSION_ID_LEN) != 0)
		x = x->chain;
	return x;
}

static enum err challenge_make(struct session_challenge *c, struct errmsg *em)
{
	uint8_t id[SESSION_ID_LEN / 2];
	uint8_t nonce[32];
	if (RAND_bytes_ex(libctx(), id, sizeof(id), 0) != 1 || RAND_bytes_ex(libctx(), nonce, sizeof(nonce), 0) != 1)
		return err_openssl(em, ERR_CRYPTO, "no random bytes");
	AUTO_STR
	char *hex = hex_encode(BYTES(id));
	AUTO_STR
	char *base64 = base64_encode(BASE64_STD, BYTES(nonce));
	if (!hex || !base64)
		return err_nomem(em, "a session");
	snprintf(c->id, sizeof(c->id), "%s", hex);
	snprintf(c->nonce, sizeof(c->nonce), "%s", base64);
	return OK;
}

static enum err make_room_locked(struct sessions *s, int64_t now_ms, struct errmsg *em)
{
	sweep_locked(s, now_ms);
	if (s->counts.open < s->limits.max)
		return OK;
	if (now_ms - s->open_oldest->opened_ms < s->limits.grace_ms)
		return err_set(em, ERR_BUSY, "too many sessions wait for their attestation; try again");
	remove_locked(s, s->open_oldest);
	return OK;
}

enum err sessions_open(struct sessions *s, int64_t now_ms, struct session_challenge *c, struct errmsg *em)
{
	enum err e = challenge_make(c, em);
	if (e != OK)
		return e;
	struct session *x = calloc(1, sizeof(*x));
	if (!x)
		return err_nomem(em, "a session");
	x->challenge = *c;

	pthread_mutex_lock(&s->lock);
	/* Two threads may come here in another order than they read the clock: ages never run backwards. */
	x->opened_ms = s->newest && s->newest->opened_ms > now_ms ? s->newest->opened_ms : now_ms;
	e = make_room_locked(s, x->opened_ms, em);
	if (e == OK)
		add_locked(s, steal(&x));
	pthread_mutex_unlock(&s->lock);
	free(x);
	return e;
}

static enum err take_locked(struct sessions *s, const char *id, struct session_challenge *out, struct errmsg *em)
{
	struct session *x = find_locked(s, id);
	if (!x)
		return err_set(em, ERR_AUTH, "no such session, or its time is over");
	if (x->state != SESSION_OPEN)
		return err_set(em, ERR_AUTH, "the nonce of this session was used before");
	if (s->counts.attested >= s->limits.max)
		return err_set(em, ERR_BUSY, "too many attested sessions; try again");
	open_unlink_locked(s, x);
	x->state = SESSION_TAKEN;
	s->counts.attested++;
	*out = x->challenge;
	return OK;
}

enum err sessions_take(struct sessions *s, const char *id, int64_t now_ms, struct session_challenge *out,
		       struct errmsg *em)
{
	pthread_mutex_lock(&s->lock);
	sweep_locked(s, now_ms);
	enum err e = take_locked(s, id, out, em);
	pthread_mutex_unlock(&s->lock);
	return e;
}

void grant_clear(struct grant *g)
{
	EVP_PKEY_free(g->key);
	free(g->claims);
	*g = (struct grant){ { 0 }, NULL, NULL };
}

enum err sessions_attest(struct sessions *s, const char *id, int64_t now_ms, const struct grant *grant,
			 struct errmsg *em)
{
	enum err e = OK;
	AUTO_STR
	char *claims = grant->claims ? strdup(grant->claims) : NULL;
	if (grant->claims && !claims)
		return err_nomem(em, "claims");
	pthread_mutex_lock(&s->lock);
	sweep_locked(s, now_ms);
	struct session *x = find_locked(s, id);
	if (!x || x->state != SESSION_TAKEN) {
		e = err_set(em, ERR_AUTH, "the session ended before its evidence was verified");
	} else if (EVP_PKEY_up_ref(grant->key) != 1) {
		e = err_openssl(em, ERR_CRYPTO, "cannot keep the key of the TEE");
	} else {
		x->key = grant->key;
		x->claims = steal(&claims);
		x->state = SESSION_ATTESTED;
	}
	pthread_mutex_unlock(&s->lock);
	return e;
}

void sessions_drop(struct sessions *s, const char *id)
{
	pthread_mutex_lock(&s->lock);
	struct session *x = find_locked(s, id);
	if (x)
		remove_locked(s, x);
	pthread_mutex_unlock(&s->lock);
}

static enum err grant_locked(const struct session *x, struct grant *out, struct errmsg *em)
{
	if (!x || x->state != SESSION_ATTESTED)
		return err_set(em, ERR_AUTH, "no attested session");
	out->claims = x->claims ? strdup(x->claims) : NULL;
	if ((x->claims && !out->claims) || EVP_PKEY_up_ref(x->key) != 1)
		return err_nomem(em, "a session");
	out->key = x->key;
	memcpy(out->tee, x->challenge.tee, sizeof(out->tee));
	return OK;
}

enum err sessions_grant(struct sessions *s, const char *id, int64_t now_ms, struct grant *out, struct errmsg *em)
{
	pthread_mutex_lock(&s->lock);
	sweep_locked(s, now_ms);
	enum err e = grant_locked(find_locked(s, id), out, em);
	pthread_mutex_unlock(&s->lock);
	return e;
}

struct session_counts sessions_count(struct sessions *s, int64_t now_ms)
{
	pthread_mutex_lock(&s->lock);
	sweep_locked(s, now_ms);
	struct session_counts counts = s->counts;
	pthread_mutex_unlock(&s->lock);
	return counts;
}
