#pragma once
#include "image/beneath.h"
#include "image/source.h"

/* A blob on its way in: a file without a name, so that even a killed process leaves nothing behind. Where the file
 * system has no such files it bears a name of its own until it is published or discarded; the file is locked as long as
 * we live, so that whoever comes later can tell what was left behind. */
struct staged {
	int fd; /* -1: none */
	int dir; /* borrowed */
	char name[48]; /* "" without a name */
	struct blob_id id;
};

/* In `dir`. `named` asks for the second kind at once. */
enum err staged_open(int dir, bool named, struct staged *out, struct errmsg *em) MUST_USE;
enum err staged_write(struct staged *s, struct bytes bytes, struct errmsg *em) MUST_USE;
/* All of it, onto the disk. */
enum err staged_contents(int dir, struct bytes contents, struct staged *out, struct errmsg *em) MUST_USE;
/* Onto the disk; nothing may be written afterwards. */
enum err staged_sync(struct staged *s, struct errmsg *em) MUST_USE;
/* Gives it its name, atomically. ERR_EXISTS, unless `replace`. The folder is not fsynced. */
enum err staged_publish(struct staged *s, struct beneath to, bool replace, struct errmsg *em) MUST_USE;
void staged_discard(struct staged *s);
#define AUTO_STAGED __attribute__((cleanup(staged_discard))) struct staged

/* Whether it is one that a blob on its way in may bear. */
bool staged_name(const char *name);
/* Removes what dead processes left behind in `dir`, as far as we may. */
enum err staged_sweep(int dir, struct errmsg *em) MUST_USE;
