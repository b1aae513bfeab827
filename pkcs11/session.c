#include "pkcs11/session.h"

#define SESSIONS_MAX 65535 /* 16 bits of a handle */

void message_process_clear(struct message_process *process)
{
	message_free(process->crypt);
	message_sign_free(process->sign);
	*process = (struct message_process){ NULL, NULL };
}

struct session *session_new(struct token *token, CK_SLOT_ID slot, CK_FLAGS flags)
{
	struct session *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->refs = 1;
	s->token = token_ref(token);
	s->slot = slot;
	s->flags = flags;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void session_free(struct session *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < OP_KINDS; i++) {
		operation_clear(&s->operations[i]);
		message_process_clear(&s->by_messages[i]);
	}
	free(s->found.items);
	pthread_mutex_destroy(&s->lock);
	token_free(s->token);
	free(s);
}

bool session_is_active(struct session *s, enum operation_kind kind)
{
	pthread_mutex_lock(&s->lock);
	bool active = s->operations[kind].mechanism != NULL;
	pthread_mutex_unlock(&s->lock);
	return active;
}

bool session_is_busy(struct session *s)
{
	bool busy = false;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < OP_KINDS; i++)
		busy = busy || s->operations[i].mechanism || s->by_messages[i].crypt || s->by_messages[i].sign;
	pthread_mutex_unlock(&s->lock);
	return busy;
}

void session_cancel(struct session *s, CK_FLAGS flags)
{
	static const CK_FLAGS by_messages[OP_KINDS] = {
		[OP_ENCRYPT] = CKF_MESSAGE_ENCRYPT,
		[OP_DECRYPT] = CKF_MESSAGE_DECRYPT,
		[OP_SIGN] = CKF_MESSAGE_SIGN,
		[OP_VERIFY] = CKF_MESSAGE_VERIFY,
	};
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < OP_KINDS; i++) {
		if (flags & mechanism_flag((enum operation_kind)i))
			operation_end(&s->operations[i]);
		if (flags & by_messages[i])
			message_process_clear(&s->by_messages[i]);
	}
	if (flags & CKF_FIND_OBJECTS) {
		s->searching = false;
		free(s->found.items);
		memset(&s->found, 0, sizeof(s->found));
	}
	pthread_mutex_unlock(&s->lock);
}

bool session_awaits_login(struct session *s)
{
	bool awaits = false;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < OP_KINDS; i++) {
		const struct message_sign *signs = s->by_messages[i].sign;
		awaits = awaits || (s->operations[i].mechanism && s->operations[i].needs_login) ||
			 (signs && message_sign_awaits_login(signs));
	}
	pthread_mutex_unlock(&s->lock);
	return awaits;
}

void session_context_login(struct session *s)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < OP_KINDS; i++) {
		s->operations[i].needs_login = false;
		if (s->by_messages[i].sign)
			message_sign_login(s->by_messages[i].sign);
	}
	pthread_mutex_unlock(&s->lock);
}

/* A handle is its place and, above that, a count that tells it from those that had the place before. */
static size_t place_of(CK_SESSION_HANDLE handle)
{
	return (size_t)(handle & 0xffff);
}

static CK_RV grow(struct session_table *table)
{
	size_t cap = table->cap ? 2 * table->cap : 16;
	if (cap > SESSIONS_MAX + 1)
		return CKR_SESSION_COUNT;
	struct session **more = realloc(table->items, cap * sizeof(struct session *));
	if (!more)
		return CKR_HOST_MEMORY;
	memset(more + table->cap, 0, (cap - table->cap) * sizeof(struct session *));
	table->items = more;
	table->cap = cap;
	return CKR_OK;
}

CK_RV session_table_add(struct session_table *table, struct session *s)
{
	while (table->hint < table->cap && table->items[table->hint])
		table->hint++;
	if (table->hint == table->cap) {
		CK_RV rv = grow(table);
		if (rv != CKR_OK)
			return rv;
	}
	table->serial = table->serial % 0x7fff + 1;
	s->handle = (CK_SESSION_HANDLE)table->serial << 16 | table->hint;
	table->items[table->hint++] = s;
	return CKR_OK;
}

struct session *session_table_find(const struct session_table *table, CK_SESSION_HANDLE handle)
{
	size_t place = place_of(handle);
	struct session *s = place < table->cap ? table->items[place] : NULL;
	return s && s->handle == handle ? s : NULL;
}

struct session *session_table_remove(struct session_table *table, CK_SESSION_HANDLE handle)
{
	struct session *s = session_table_find(table, handle);
	if (!s)
		return NULL;
	size_t place = place_of(handle);
	table->items[place] = NULL;
	if (place < table->hint)
		table->hint = place;
	return s;
}
