#include "keywrap/token_pool.h"

#include "keywrap/cryptoki_error.h"
#include "keywrap/token_module.h"
#include "keywrap/token_why.h"

#include <pthread.h>
#include <stdio.h>

#define SESSIONS_MAX 16
#define SLOTS_MAX 256

struct token {
	struct token *next;
	CK_FUNCTION_LIST *functions;
	CK_SLOT_ID slot;
	CK_FLAGS flags;
	/* Guarded by pool->state: */
	bool logged_in;
	CK_SESSION_HANDLE idle[SESSIONS_MAX];
	size_t idle_count;
};

struct token_pool {
	/* Held while a module is loaded, a token looked for or logged into, which may attest: whoever needs a token
	 * that is not open yet has to wait for that anyway, and there is one login. Taken before `state`. */
	pthread_mutex_t opening;
	struct token_modules modules; /* guarded by opening */
	pthread_mutex_t state; /* never held across a call into a module */
	struct token *tokens; /* guarded by opening; only ever grows */
};

enum err token_pool_new(struct token_pool **out, struct errmsg *em)
{
	struct token_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return err_nomem(em, "tokens");
	pthread_mutex_init(&pool->opening, NULL);
	pthread_mutex_init(&pool->state, NULL);
	*out = pool;
	return OK;
}

enum err token_pool_trust(struct token_pool *pool, const char *path, struct errmsg *em)
{
	char *copy = strdup(path);
	if (!copy)
		return err_nomem(em, "a path");
	pthread_mutex_lock(&pool->opening);
	free(pool->modules.trusted);
	pool->modules.trusted = copy;
	pthread_mutex_unlock(&pool->opening);
	return OK;
}

static void sessions_close(CK_FUNCTION_LIST *functions, const CK_SESSION_HANDLE *handles, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)functions->C_CloseSession(handles[i]);
}

void token_pool_free(struct token_pool *pool)
{
	if (!pool)
		return;
	for (struct token *t = pool->tokens; t;) {
		struct token *next = t->next;
		sessions_close(t->functions, t->idle, t->idle_count);
		free(t);
		t = next;
	}
	token_modules_clear(&pool->modules);
	pthread_mutex_destroy(&pool->state);
	pthread_mutex_destroy(&pool->opening);
	free(pool);
}

/* The token that a URI means. */
struct token_search {
	const struct token_ref *ref;
	CK_FUNCTION_LIST *functions;
	CK_SLOT_ID slot;
	CK_FLAGS flags;
	unsigned found;
	char names[256];
};

static void token_found(struct token_search *s, CK_FUNCTION_LIST *f, CK_SLOT_ID slot, const CK_TOKEN_INFO *info)
{
	size_t len = p11_kit_space_strlen(info->label, sizeof(info->label));
	size_t at = strlen(s->names);
	snprintf(s->names + at, sizeof(s->names) - at, "%s\"%.*s\"", at ? ", " : "", (int)len,
		 (const char *)info->label);
	s->functions = f;
	s->slot = slot;
	s->flags = info->flags;
	s->found++;
}

static void slot_match(struct token_search *s, CK_FUNCTION_LIST *f, CK_SLOT_ID slot)
{
	CK_SLOT_INFO slot_info;
	CK_TOKEN_INFO info;
	CK_ULONG mechanisms = 0;
	CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(s->ref->uri);
	if (wanted != (CK_SLOT_ID)-1 && wanted != slot)
		return;
	if (f->C_GetTokenInfo(slot, &info) != CKR_OK || !p11_kit_uri_match_token_info(s->ref->uri, &info))
		return;
	if (f->C_GetSlotInfo(slot, &slot_info) != CKR_OK || !p11_kit_uri_match_slot_info(s->ref->uri, &slot_info))
		return;
	/* Collections of certificates and empty slots hold no keys. */
	if (!(info.flags & CKF_TOKEN_INITIALIZED) || f->C_GetMechanismList(slot, NULL, &mechanisms) != CKR_OK ||
	    mechanisms == 0)
		return;
	token_found(s, f, slot, &info);
}

static void slots_search(struct token_search *s, CK_FUNCTION_LIST *f)
{
	CK_INFO info;
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = 0;
	if (f->C_GetInfo(&info) != CKR_OK || !p11_kit_uri_match_module_info(s->ref->uri, &info))
		return;
	/* Some modules make their slots in the call that asks for their number. */
	if (f->C_GetSlotList(CK_TRUE, NULL, &count) != CKR_OK)
		return;
	count = SLOTS_MAX;
	if (f->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
		return;
	for (CK_ULONG i = 0; i < count && i < SLOTS_MAX; i++)
		slot_match(s, f, slots[i]);
}

static enum err token_choose(const struct token_search *s, struct errmsg *em)
{
	if (s->found == 1)
		return OK;
	if (s->found == 0)
		return err_set(em, ERR_KEY, "no token is there that matches");
	return err_set(em, ERR_KEY, "%u tokens match (%s): say which with token= or serial=", s->found, s->names);
}

static void module_search(struct token_search *s, const struct token_module *module)
{
	for (CK_FUNCTION_LIST **f = module->functions; *f; f++)
		slots_search(s, *f);
}

/* The trusted module comes first where the URI names none. That it does not work is no reason to give up on the
 * others, but is what the caller hears if they do not have the token either. */
static enum err modules_search(struct token_pool *pool, struct token_search *s, struct errmsg *em)
{
	struct token_module *module = NULL;
	struct errmsg why = { "" };
	enum err first = token_module_trusted(&pool->modules, s->ref, &module, &why);
	if (first == OK && module)
		module_search(s, module);
	if (s->found > 0)
		return token_choose(s, em);
	enum err e = token_module_get(&pool->modules, s->ref, &module, em);
	if (e != OK)
		return e;
	module_search(s, module);
	return s->found == 0 && first != OK ? err_set(em, first, "%s", why.text) : token_choose(s, em);
}

static enum err token_find(struct token_pool *pool, const struct token_ref *ref, struct token **out, struct errmsg *em)
{
	struct token_search search = { .ref = ref };
	enum err e = modules_search(pool, &search, em);
	if (e != OK)
		return e;
	for (struct token *t = pool->tokens; t; t = t->next)
		if (t->functions == search.functions && t->slot == search.slot) {
			*out = t;
			return OK;
		}
	struct token *token = calloc(1, sizeof(*token));
	if (!token)
		return err_nomem(em, "a token");
	token->functions = search.functions;
	token->slot = search.slot;
	token->flags = search.flags;
	token->next = pool->tokens;
	pool->tokens = *out = token;
	return OK;
}

/* Somebody else in this process may have logged in. */
static bool already_user(const struct token_session *s)
{
	CK_SESSION_INFO info;
	return s->functions->C_GetSessionInfo(s->handle, &info) == CKR_OK &&
	       (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS);
}

static enum err login_result(struct token_session *s, struct token_ref *ref, CK_RV rv, struct errmsg *em)
{
	if (rv == CKR_USER_ALREADY_LOGGED_IN)
		return OK;
	enum err e = token_session_check(s, rv, "C_Login", em);
	if (e == ERR_AUTH && ref->pin)
		ref->pin_refused = true;
	return e;
}

static enum err session_login(struct token_session *s, struct token_ref *ref, struct errmsg *em)
{
	CK_UTF8CHAR *pin = ref->pin ? secret_data(ref->pin) : NULL;
	if (ref->pin_refused)
		return err_set(em, ERR_AUTH, "the token refused this PIN before: it is not tried again");
	if (pin)
		return login_result(s, ref, s->functions->C_Login(s->handle, CKU_USER, pin, secret_len(ref->pin)), em);
	if (!(s->token->flags & CKF_LOGIN_REQUIRED) || already_user(s))
		return OK;
	if (s->token->flags & CKF_PROTECTED_AUTHENTICATION_PATH)
		return login_result(s, ref, s->functions->C_Login(s->handle, CKU_USER, NULL, 0), em);
	return err_set(em, ERR_AUTH, "the token wants a PIN: put pin-value or pin-source into the URI");
}

/* An idle session that needs nothing more. */
static bool session_reuse(struct token_pool *pool, struct token_want want, struct token_session *out)
{
	pthread_mutex_lock(&pool->state);
	struct token *token = want.ref->token;
	bool good = token && token->idle_count > 0 && (!want.login || token->logged_in);
	if (good)
		*out = (struct token_session){
			.token = token,
			.functions = token->functions,
			.handle = token->idle[--token->idle_count],
		};
	pthread_mutex_unlock(&pool->state);
	return good;
}

static enum err session_open(struct token_pool *pool, struct token_session *s, struct token_want want,
			     struct errmsg *em)
{
	CK_RV rv = s->functions->C_OpenSession(s->token->slot, CKF_SERIAL_SESSION, NULL, NULL, &s->handle);
	enum err e = token_session_check(s, rv, "C_OpenSession", em);
	if (e != OK)
		return e;
	pthread_mutex_lock(&pool->state);
	bool login = want.login && !s->token->logged_in;
	pthread_mutex_unlock(&pool->state);
	if (!login)
		return OK;
	e = session_login(s, want.ref, em);
	if (e != OK) {
		(void)s->functions->C_CloseSession(s->handle);
		return e;
	}
	pthread_mutex_lock(&pool->state);
	s->token->logged_in = true;
	pthread_mutex_unlock(&pool->state);
	return OK;
}

/* `opening` is held. */
static enum err session_take_locked(struct token_pool *pool, struct token_want want, struct token_session *out,
				    struct errmsg *em)
{
	struct token *token = want.ref->token; /* only written with `opening` held */
	if (!token) {
		enum err e = token_find(pool, want.ref, &token, em);
		if (e != OK)
			return e;
		pthread_mutex_lock(&pool->state);
		want.ref->token = token;
		pthread_mutex_unlock(&pool->state);
	}
	if (session_reuse(pool, want, out)) /* somebody opened it meanwhile */
		return OK;
	struct token_session s = { .token = token, .functions = token->functions };
	enum err e = session_open(pool, &s, want, em);
	if (e == OK)
		*out = s;
	return e;
}

enum err token_session_take(struct token_pool *pool, struct token_want want, struct token_session *out,
			    struct errmsg *em)
{
	if (session_reuse(pool, want, out))
		return OK;
	pthread_mutex_lock(&pool->opening);
	enum err e = session_take_locked(pool, want, out, em);
	pthread_mutex_unlock(&pool->opening);
	return e;
}

/* All sessions of a token are gone, and with them its login. */
static void token_forget(struct token_pool *pool, struct token *token)
{
	CK_SESSION_HANDLE idle[SESSIONS_MAX];
	pthread_mutex_lock(&pool->state);
	size_t count = token->idle_count;
	memcpy(idle, token->idle, sizeof(idle));
	token->idle_count = 0;
	token->logged_in = false;
	pthread_mutex_unlock(&pool->state);
	sessions_close(token->functions, idle, count);
}

/* The new session comes before the old one goes: the login lives as long as one is open. */
static void session_renew(struct token_session *s)
{
	CK_SESSION_HANDLE fresh = CK_INVALID_HANDLE;
	CK_RV rv = s->functions->C_OpenSession(s->token->slot, CKF_SERIAL_SESSION, NULL, NULL, &fresh);
	(void)s->functions->C_CloseSession(s->handle);
	s->handle = fresh;
	s->lost = rv != CKR_OK;
}

void token_session_give(struct token_pool *pool, struct token_session *s)
{
	bool kept = false;
	if (s->spoilt && !s->lost)
		session_renew(s);
	pthread_mutex_lock(&pool->state);
	if (!s->lost && s->token->idle_count < SESSIONS_MAX) {
		s->token->idle[s->token->idle_count++] = s->handle;
		kept = true;
	}
	pthread_mutex_unlock(&pool->state);
	if (!kept)
		(void)s->functions->C_CloseSession(s->handle);
	if (s->lost)
		token_forget(pool, s->token);
}

enum err token_session_check(struct token_session *s, CK_RV rv, const char *function, struct errmsg *em)
{
	s->lost |= cryptoki_session_lost(rv);
	enum err e = cryptoki_check(rv, function, em);
	return e == OK ? OK : token_why(s->functions, rv, e, em);
}
