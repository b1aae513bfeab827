#pragma once
#include "tests/unit/image/sigstore_fixture.h"

/* A transparency log's Merkle tree, made as RFC 6962 2.1 defines it and not as it is checked. */

struct log_tree {
	const char *body; /* the entry */
	size_t index; /* where it stands among others */
	const char *path[16]; /* in base64, from below */
	size_t path_len;
};
/* Fills the path; the head in base64. */
const char *log_tree_head(struct log_tree *t, size_t size);
/* A signed note of a tree of that size and head, as the inside of a JSON string. */
const char *log_checkpoint(EVP_PKEY *by, const char *size, const char *root);
/* "inclusionProof" with its name. */
const char *log_proof(const struct log_tree *t, size_t size, size_t index, const char *note);
