#include "pkcs11/process.h"

#include "common/crypto_gate.h"
#include "common/libctx.h"
#include "common/log.h"
#include "pkcs11/ckr.h"
#include "pkcs11/reason.h"
#include "common/fork_mark.h"

struct process {
	struct fork_mark *mark;
	struct process
		*inherited; /* a parent's: left alone, since its locks may be held by threads that are not here */
	pthread_mutex_t setup; /* one C_Initialize or C_Finalize at a time; taken before `lock` */
	pthread_mutex_t lock; /* guards what follows; never held across I/O */
	bool ready; /* between C_Initialize and C_Finalize */
	uint64_t finalized; /* how often it was */
	pthread_cond_t down; /* who waits for C_Finalize */
	atomic_bool no_threads; /* CKF_LIBRARY_CANT_CREATE_OS_THREADS */
	struct token_set *tokens; /* kept after C_Finalize; NULL before the first C_Initialize */
	struct session_table sessions;
};

/* Never freed: a call that is late finds it, and an error. */
static _Atomic(struct process *) process_now;

static struct process *current(void)
{
	struct process *p = atomic_load_explicit(&process_now, memory_order_acquire);
	return p && fork_mark_intact(p->mark) ? p : NULL;
}

static struct process *process_new(struct process *inherited)
{
	struct process *p = calloc(1, sizeof(*p));
	if (!p || !(p->mark = fork_mark_new())) {
		free(p);
		return NULL;
	}
	p->inherited = inherited;
	pthread_mutex_init(&p->setup, NULL);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->down, NULL);
	return p;
}

/* The state of this process, made if there is none. */
static struct process *current_or_new(void)
{
	struct process *before = atomic_load_explicit(&process_now, memory_order_acquire);
	if (before && fork_mark_intact(before->mark))
		return before;
	struct process *made = process_new(before);
	if (!made)
		return NULL;
	if (!atomic_compare_exchange_strong(&process_now, &before, made)) {
		fork_mark_free(made->mark);
		free(made);
		return before; /* another thread's */
	}
	const struct token_set *parents = made->inherited ? made->inherited->tokens : NULL;
	for (size_t i = 0; parents && i < parents->count; i++)
		if (parents->items[i])
			broker_abandon(parents->items[i]->broker);
	return made;
}

CK_RV process_check(void)
{
	if (libctx_inside())
		return CKR_FUNCTION_FAILED;
	struct process *p = current();
	if (!p)
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	pthread_mutex_lock(&p->lock);
	bool ready = p->ready;
	pthread_mutex_unlock(&p->lock);
	return ready ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED;
}

/* PKCS #11 2.40 5.4. Locking is pthread's: who wants his own mutexes taken and nothing else hears that they are not. */
static CK_RV check_args(const CK_C_INITIALIZE_ARGS *args)
{
	if (!args)
		return CKR_OK;
	int given = (args->CreateMutex != NULL) + (args->DestroyMutex != NULL) + (args->LockMutex != NULL) +
		    (args->UnlockMutex != NULL);
	if (args->pReserved || (given != 0 && given != 4))
		return CKR_ARGUMENTS_BAD;
	return given && !(args->flags & CKF_OS_LOCKING_OK) ? CKR_CANT_LOCK : CKR_OK;
}

static void forget_sessions(struct token *t)
{
	t->logged_in = false;
	t->sessions = t->rw_sessions = 0;
}

/* The caller holds p->setup. */
static CK_RV set_up(struct process *p, bool no_threads)
{
	struct errmsg em = { "" };
	struct token_set *opened = NULL;
	pthread_mutex_lock(&p->lock);
	bool ready = p->ready;
	struct token_set *before = token_set_ref(p->tokens);
	pthread_mutex_unlock(&p->lock);
	CK_RV rv = CKR_CRYPTOKI_ALREADY_INITIALIZED;
	if (!ready) {
		enum err e = token_set_open(before, &opened, &em);
		rv = ckr_from_err(e, CKR_CALL_GENERAL, &em);
		if (e != OK)
			log_error("pkcs11", "initialize", "err=%s text=\"%s\"", err_name(e), em.text);
	}
	if (rv == CKR_OK) {
		pthread_mutex_lock(&p->lock);
		struct token_set *old = p->tokens;
		p->tokens = opened;
		token_set_free(old); /* a child that is forked just here looks at p->tokens without the lock */
		p->no_threads = no_threads;
		for (size_t i = 0; i < opened->count; i++)
			if (opened->items[i])
				forget_sessions(opened->items[i]);
		p->ready = true;
		pthread_mutex_unlock(&p->lock);
	}
	token_set_free(before);
	return rv;
}

CK_RV process_initialize(const CK_C_INITIALIZE_ARGS *args)
{
	if (libctx_inside())
		return CKR_FUNCTION_FAILED;
	CK_RV rv = check_args(args);
	if (rv != CKR_OK)
		return rv;
	if (!crypto_gate_install() || !libctx_prepare())
		return CKR_HOST_MEMORY;
	struct process *p = current_or_new();
	if (!p)
		return CKR_HOST_MEMORY;
	pthread_mutex_lock(&p->setup);
	rv = set_up(p, args && args->flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS);
	pthread_mutex_unlock(&p->setup);
	return rv;
}

bool process_may_create_threads(void)
{
	struct process *p = current();
	return !p || !p->no_threads;
}

/* Takes all sessions (of a slot, or of all: slot < 0) out of the table; the caller frees them unlocked. */
static struct session **take_sessions_locked(struct process *p, long slot, size_t *count)
{
	struct session **taken = calloc(p->sessions.cap ? p->sessions.cap : 1, sizeof(struct session *));
	*count = 0;
	for (size_t i = 0; taken && i < p->sessions.cap; i++) {
		struct session *s = p->sessions.items[i];
		if (!s || (slot >= 0 && s->slot != (CK_SLOT_ID)slot))
			continue;
		taken[(*count)++] = session_table_remove(&p->sessions, s->handle);
		s->token->sessions--;
		if (s->flags & CKF_RW_SESSION)
			s->token->rw_sessions--;
		if (!s->token->sessions)
			s->token->logged_in = false;
	}
	return taken;
}

static void drop_sessions(struct session **taken, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		shelf_remove_of(taken[i]->token->shelf, taken[i]->handle);
		session_free(taken[i]);
	}
	free(taken);
}

CK_RV process_finalize(void)
{
	if (libctx_inside())
		return CKR_FUNCTION_FAILED;
	struct process *p = current();
	if (!p)
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	struct session **taken = NULL;
	struct token_set *tokens = NULL;
	size_t count = 0;
	pthread_mutex_lock(&p->setup);
	pthread_mutex_lock(&p->lock);
	bool ready = p->ready;
	if (ready) {
		taken = take_sessions_locked(p, -1, &count);
		tokens = token_set_ref(p->tokens);
		if (taken) {
			p->ready = false;
			p->finalized++;
			pthread_cond_broadcast(&p->down);
		}
	}
	pthread_mutex_unlock(&p->lock);
	if (taken)
		drop_sessions(taken, count);
	if (tokens) {
		token_set_settle(tokens);
		token_set_sweep(tokens);
	}
	token_set_free(tokens);
	pthread_mutex_unlock(&p->setup);
	if (!ready)
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	return taken ? CKR_OK : CKR_HOST_MEMORY;
}

/* Locks the process if Cryptoki is up: then the caller unlocks it. */
static CK_RV enter(struct process **out)
{
	if (libctx_inside())
		return CKR_FUNCTION_FAILED;
	struct process *p = current();
	if (!p)
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	pthread_mutex_lock(&p->lock);
	if (!p->ready) {
		pthread_mutex_unlock(&p->lock);
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	}
	*out = p;
	return CKR_OK;
}

CK_RV process_wait(void)
{
	struct process *p;
	CK_RV rv = enter(&p);
	if (rv != CKR_OK)
		return rv;
	/* Another thread may have initialized again before this one wakes up. */
	uint64_t before = p->finalized;
	while (p->finalized == before)
		pthread_cond_wait(&p->down, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return CKR_CRYPTOKI_NOT_INITIALIZED;
}

CK_RV process_slots(bool present, CK_SLOT_ID *slots, CK_ULONG *count)
{
	struct process *p;
	CK_RV rv = enter(&p);
	if (rv != CKR_OK)
		return rv;
	CK_ULONG room = *count, n = 0;
	for (size_t i = 0; i < p->tokens->count; i++) {
		if (present && !p->tokens->items[i])
			continue;
		if (slots && n < room)
			slots[n] = i;
		n++;
	}
	pthread_mutex_unlock(&p->lock);
	*count = n;
	return slots && room < n ? CKR_BUFFER_TOO_SMALL : CKR_OK;
}

/* Borrowed, under the lock. */
static CK_RV token_locked(const struct process *p, CK_SLOT_ID slot, struct token **out)
{
	if (slot >= p->tokens->count)
		return CKR_SLOT_ID_INVALID;
	*out = p->tokens->items[slot];
	return *out ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
}

CK_RV process_token(CK_SLOT_ID slot, struct token **out)
{
	struct process *p;
	struct token *t = NULL;
	CK_RV rv = enter(&p);
	if (rv != CKR_OK)
		return rv;
	rv = token_locked(p, slot, &t);
	*out = token_ref(t);
	pthread_mutex_unlock(&p->lock);
	return rv;
}

CK_RV process_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	struct process *p;
	struct token *t = NULL;
	CK_RV rv = enter(&p);
	if (rv != CKR_OK)
		return rv;
	rv = token_locked(p, slot, &t);
	if (rv != CKR_SLOT_ID_INVALID)
		token_slot_info(t, info);
	pthread_mutex_unlock(&p->lock);
	return rv == CKR_TOKEN_NOT_PRESENT ? CKR_OK : rv;
}

CK_RV process_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	struct process *p;
	struct token *t = NULL;
	CK_RV rv = enter(&p);
	if (rv != CKR_OK)
		return rv;
	struct errmsg why = { "" };
	rv = token_locked(p, slot, &t);
	if (rv == CKR_OK)
		token_info(t, info);
	else if (rv == CKR_TOKEN_NOT_PRESENT && p->tokens->wrong[slot])
		err_set(&why, ERR_CONFIG, "%s", p->tokens->wrong[slot]);
	pthread_mutex_unlock(&p->lock);
	if (why.text[0])
		reason_keep(rv, ERR_CONFIG, &why);
	return rv;
}

CK_RV process_open_session(CK_SLOT_ID slot, CK_FLAGS flags, CK_SESSION_HANDLE *out)
{
	struct process *p;
	struct token *t = NULL;
	struct session *s = NULL;
	CK_RV rv = enter(&p);
	if (rv != CKR_OK)
		return rv;
	rv = token_locked(p, slot, &t);
	if (rv == CKR_OK && !(s = session_new(t, slot, flags)))
		rv = CKR_HOST_MEMORY;
	if (rv == CKR_OK)
		rv = session_table_add(&p->sessions, s);
	if (rv == CKR_OK) {
		s->token->sessions++;
		if (flags & CKF_RW_SESSION)
			s->token->rw_sessions++;
		*out = s->handle;
	}
	pthread_mutex_unlock(&p->lock);
	if (rv != CKR_OK)
		session_free(s);
	return rv;
}

CK_RV process_session(CK_SESSION_HANDLE handle, struct session **out)
{
	struct process *p;
	CK_RV rv = enter(&p);
	if (rv != CKR_OK)
		return rv;
	*out = session_table_find(&p->sessions, handle);
	if (*out)
		atomic_fetch_add_explicit(&(*out)->refs, 1, memory_order_relaxed);
	pthread_mutex_unlock(&p->lock);
	return *out ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

CK_RV process_session_info(CK_SESSION_HANDLE handle, CK_SESSION_INFO *info)
{
	struct process *p;
	CK_RV rv = enter(&p);
	if (rv != CKR_OK)
		return rv;
	const struct session *s = session_table_find(&p->sessions, handle);
	if (s) {
		bool rw = s->flags & CKF_RW_SESSION;
		info->slotID = s->slot;
		info->flags = s->flags;
		info->ulDeviceError = 0;
		if (s->token->logged_in)
			info->state = rw ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
		else
			info->state = rw ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
	}
	pthread_mutex_unlock(&p->lock);
	return s ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

CK_RV process_close_session(CK_SESSION_HANDLE handle)
{
	struct process *p;
	CK_RV rv = enter(&p);
	if (rv != CKR_OK)
		return rv;
	struct session *s = session_table_remove(&p->sessions, handle);
	if (s) {
		s->token->sessions--;
		if (s->flags & CKF_RW_SESSION)
			s->token->rw_sessions--;
		/* 5.6: with its last session the application logs out. */
		if (!s->token->sessions)
			s->token->logged_in = false;
	}
	pthread_mutex_unlock(&p->lock);
	if (!s)
		return CKR_SESSION_HANDLE_INVALID;
	shelf_remove_of(s->token->shelf, s->handle);
	session_free(s);
	return CKR_OK;
}

CK_RV process_close_all(CK_SLOT_ID slot)
{
	struct process *p;
	size_t count = 0;
	CK_RV rv = enter(&p);
	if (rv != CKR_OK)
		return rv;
	struct session **taken = NULL;
	struct token *t = NULL;
	rv = token_locked(p, slot, &t);
	if (rv == CKR_OK)
		taken = take_sessions_locked(p, (long)slot, &count);
	pthread_mutex_unlock(&p->lock);
	if (rv != CKR_OK)
		return rv;
	if (!taken)
		return CKR_HOST_MEMORY;
	drop_sessions(taken, count);
	return CKR_OK;
}

CK_RV process_login_check(struct session *s, CK_USER_TYPE user)
{
	struct process *p;
	CK_RV rv = enter(&p);
	if (rv != CKR_OK)
		return rv;
	struct token *t = s->token;
	if (user == CKU_SO && t->logged_in)
		rv = CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
	else if (user == CKU_SO)
		/* There is none: whatever the PIN, it is not his. */
		rv = t->rw_sessions < t->sessions ? CKR_SESSION_READ_ONLY_EXISTS : CKR_PIN_INCORRECT;
	else if (user != CKU_USER && user != CKU_CONTEXT_SPECIFIC)
		rv = CKR_USER_TYPE_INVALID;
	else if (user == CKU_USER && t->logged_in)
		rv = CKR_USER_ALREADY_LOGGED_IN;
	pthread_mutex_unlock(&p->lock);
	return rv;
}

CK_RV process_login(struct session *s)
{
	struct process *p;
	CK_RV rv = enter(&p);
	if (rv != CKR_OK)
		return rv;
	if (session_table_find(&p->sessions, s->handle) != s)
		rv = CKR_SESSION_CLOSED;
	else if (s->token->logged_in)
		rv = CKR_USER_ALREADY_LOGGED_IN;
	else
		s->token->logged_in = true;
	pthread_mutex_unlock(&p->lock);
	return rv;
}

CK_RV process_logout(struct session *s)
{
	struct process *p;
	CK_RV rv = enter(&p);
	if (rv != CKR_OK)
		return rv;
	if (!s->token->logged_in)
		rv = CKR_USER_NOT_LOGGED_IN;
	s->token->logged_in = false;
	pthread_mutex_unlock(&p->lock);
	/* 5.6: private session objects go with the login that they were made under. */
	if (rv == CKR_OK && !token_shows_private(s->token))
		shelf_remove_private(s->token->shelf);
	return rv;
}
