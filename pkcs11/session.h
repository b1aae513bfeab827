#pragma once
#include "pkcs11/message.h"
#include "pkcs11/message_sign.h"
#include "pkcs11/token.h"

/* Work on many messages, PKCS #11 3.0. One of the two, as its kind has it; neither: none is active. */
struct message_process {
	struct message *crypt; /* OP_ENCRYPT, OP_DECRYPT */
	struct message_sign *sign; /* OP_SIGN, OP_VERIFY */
};
void message_process_clear(struct message_process *process);

/* One session; counted, so that a call in flight outlives C_CloseSession and C_Finalize in another thread. */
struct session {
	atomic_uint refs;
	CK_SESSION_HANDLE handle;
	CK_SLOT_ID slot;
	CK_FLAGS flags;
	struct token *token; /* a reference */
	pthread_mutex_t lock; /* guards what follows; never held across I/O */
	struct operation operations[OP_KINDS];
	struct message_process by_messages[OP_KINDS];
	bool searching;
	struct handle_list found;
	size_t found_next;
};

struct session *session_new(struct token *token, CK_SLOT_ID slot, CK_FLAGS flags); /* NULL without memory */
void session_free(struct session *s); /* drops one reference */
AUTO_DEFINE(session)

/* Whether an operation is; locks the session. */
bool session_is_active(struct session *s, enum operation_kind kind);
/* C_SessionCancel: ends the operations of these CKF_ flags; others are ignored. Locks the session. */
void session_cancel(struct session *s, CK_FLAGS flags);
/* C_GetOperationState: whether anything cryptographic is active. Locks the session. */
bool session_is_busy(struct session *s);
/* CKU_CONTEXT_SPECIFIC: whether an operation of a key with CKA_ALWAYS_AUTHENTICATE waits for a login
 * (CKR_OPERATION_NOT_INITIALIZED where none does), and that it came. They lock the session. */
bool session_awaits_login(struct session *s);
void session_context_login(struct session *s);

/* The sessions of a process by handle. The caller holds the process's lock. */
struct session_table {
	struct session **items;
	size_t cap;
	size_t hint; /* nothing below it is free */
	uint32_t serial;
};
CK_RV session_table_add(struct session_table *table, struct session *s); /* takes the reference */
struct session *session_table_find(const struct session_table *table, CK_SESSION_HANDLE handle); /* borrowed */
struct session *session_table_remove(struct session_table *table, CK_SESSION_HANDLE handle); /* the table's reference */
