#pragma once
#include "common/bytes.h"
#include "keywrap/ocikeywrap.h"

#define ANNOTATION_PREFIX "org.opencontainers.image.enc."
#define ANNOTATION_KEYS ANNOTATION_PREFIX "keys."
#define ANNOTATION_PUBOPTS ANNOTATION_PREFIX "pubopts"

/* NULL where there is none or it is empty. Borrowed. */
const char *annotation_value(const struct okw_annotations *annotations, const char *key);

/* Adds or replaces. */
enum err annotation_set(struct okw_annotations *annotations, const char *key, const char *value,
			struct errmsg *em) MUST_USE;

/* Appends one base64-encoded element, after a comma where there are others. */
enum err annotation_append(struct okw_annotations *annotations, const char *key, struct bytes element,
			   struct errmsg *em) MUST_USE;

/* Copies every annotation of `from` whose key begins with `prefix` into `to`, replacing. */
enum err annotations_copy(const struct okw_annotations *from, const char *prefix, struct okw_annotations *to,
			  struct errmsg *em) MUST_USE;

/* Drops every annotation whose key begins with `prefix`. */
void annotations_drop(struct okw_annotations *annotations, const char *prefix);
