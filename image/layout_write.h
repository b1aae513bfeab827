#pragma once
#include "image/layout.h"
#include "image/staged.h"

/* The steps of writing a layout, each with its way back. */

/* Folders made for a layout that was not there: `path` and those above it. */
struct made_folders {
	char *path;
	size_t kept; /* so much of `path` was there before */
};
enum err made_folders_make(const char *path, struct made_folders *out, struct errmsg *em) MUST_USE;
/* Removes what was made, as far as it is empty. */
void made_folders_undo(struct made_folders *made);
void made_folders_clear(struct made_folders *made);

/* ERR_EXISTS: `dir` holds something, and it is not a layout. */
enum err layout_check_writable(int dir, struct errmsg *em) MUST_USE;

/* Names that came into being under the lock, to be taken away again if the rest fails. Zero-initialised = empty. */
struct journal_entry {
	char path[DIGEST_PATH_SIZE];
	bool folder;
};
struct journal {
	int dir;
	struct journal_entry *entries;
	size_t count;
};
enum err journal_mkdir(struct journal *j, const char *path, struct errmsg *em) MUST_USE;
enum err journal_publish(struct journal *j, struct staged *s, const char *path, struct errmsg *em) MUST_USE;
void journal_undo(struct journal *j);
void journal_clear(struct journal *j);

/* *good: the layout's blob is there and digest and size hold. What is there and is not a regular file: ERR_IO. */
enum err layout_blob_good(int dir, const struct blob_id *id, bool *good, struct errmsg *em) MUST_USE;
/* Publishes a staged blob under its digest; keeps a good one that is there, replaces a bad one. */
enum err layout_blob_publish(struct journal *j, struct staged *s, struct errmsg *em) MUST_USE;
/* Writes oci-layout where it is missing. */
enum err layout_mark(struct journal *j, struct errmsg *em) MUST_USE;
/* The names of blobs onto the disk. */
enum err layout_sync(int dir, struct errmsg *em) MUST_USE;
/* Replaces index.json: the entry of `name` leads to another manifest and is otherwise as it was. ERR_BUSY: it does not
 * lead to swap->from any more. */
enum err layout_swap_entry(int dir, const struct layout_name *name, const struct index_swap *swap,
			   struct errmsg *em) MUST_USE;
/* Replaces index.json, the entry's name moved. */
enum err layout_put_entry(int dir, const struct index_entry *entry, struct errmsg *em) MUST_USE;
