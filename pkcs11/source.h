#pragma once
#include "pkcs11/broker.h"
#include "pkcs11/material.h"

#include <pthread.h>

/* Where contents come from, and when: a source is a KBS resource or a local file that is read at first use, once for
 * all who wait, and again after its lifetime. */
struct source;

/* The sources of one token, each URI and path once. */
struct source_set;

enum err source_set_new(struct broker *broker, int64_t lifetime_ms, struct source_set **out,
			struct errmsg *em) MUST_USE;
void source_set_free(struct source_set *set); /* no call may be in flight */
AUTO_DEFINE(source_set)

/* Finds or makes the source of a name: a resource ("kbs:///...", checked to be one) or a path. Borrowed from the set.
 * Touches neither network nor file. ERR_PARSE, ERR_NOMEM. */
enum err source_of_uri(struct source_set *set, const char *uri, struct source **out, struct errmsg *em) MUST_USE;
enum err source_of_file(struct source_set *set, const char *path, struct source **out, struct errmsg *em) MUST_USE;

/* The contents: held ones, else read now. Concurrent callers wait for one read. No lock is held meanwhile. A failure
 * is remembered only for a short time, growing from 0.2 to 10 seconds, in which it is answered at once; nobody is
 * refused for good. Blocks at most for the KBS client's timeout. out: a reference. The errors of kbc_get(),
 * file_read_secret() and material_parse(); ERR_CONFIG where no KBS is known. */
enum err source_get(struct source *s, struct material **out, struct errmsg *em) MUST_USE;
/* What is held now, expired or not; NULL if nothing is. A reference. */
struct material *source_peek(struct source *s);
const char *source_name(const struct source *s);
/* One line in the log: the stage that failed, what was wanted, the code, and the text with the KBS's own answer. */
struct source_fault {
	enum err err;
	const char *stage; /* as kbc_stage(); "local" where it was no KBS */
};
void source_log_failure(const struct source *s, struct source_fault fault, const struct errmsg *em);
bool source_is_local(const struct source *s);
/* Marks the resource as a key's, so that it is never handed out as a data object. */
void source_mark_key(struct source *s);
bool source_is_key(const struct source *s);

/* Forgets the back-offs (C_Login asks for a fresh look). */
void source_set_retry(struct source_set *set);
/* Frees contents whose lifetime has passed. */
void source_set_sweep(struct source_set *set);
/* Counts what is held, for tests. */
size_t source_set_held(struct source_set *set);
