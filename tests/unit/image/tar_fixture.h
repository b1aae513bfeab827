#pragma once
#include "image/tar_header.h"
#include "tests/support/check.h"

/* An archive in the making. */
extern struct buf tar_made;
/* One header, its checksum right; more fields are set by whoever wants them, before tar_seal(). */
extern uint8_t tar_block[TAR_BLOCK];

void tar_add(const void *data, size_t len); /* whole blocks */
void tar_header(char flag, const char *path, size_t size);
void tar_seal(void);
void tar_file(const char *path, const char *contents);
void tar_folder(const char *path);
void tar_linked(char flag, const char *path, const char *target);
void tar_pax(const char *records, size_t len);
/* Up to the NULL: each gets its length before it. */
void tar_records(char flag, const char *const *texts);
void tar_pax_record(const char *text);
void tar_pax_path(const char *path);
