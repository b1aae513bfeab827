#pragma once
#include "attest/tsm_report.h"

#include <pthread.h>

/* configfs-tsm as drivers/virt/coco/tsm.c (Linux 6.7) and its providers behave, in memory. Two fronts: tsm_model_io()
 * for tests in the same process, and tests/support/tsm_fuse.c, which mounts it. Everything gives what the kernel gives:
 * a count or -errno. Thread-safe; no lock is held while a quote is made. */

enum { TSM_MODEL_ENTRIES = 8 };

struct tsm_model_entry {
	char name[64];
	uint8_t inblob[TSM_INBLOB_LEN];
	size_t inblob_len;
	unsigned privlevel;
	unsigned long write_generation;
	unsigned long read_generation;
	struct buf outblob;
	struct buf auxblob;
};

struct tsm_model {
	const char *provider; /* "tdx_guest" */
	unsigned privlevel_floor; /* what a guest under an SVSM may not go below */
	bool no_floor; /* an older kernel: no such attribute */
	/* Makes a report over 64 bytes: 0 or -errno. */
	int (*report)(void *ctx, const uint8_t inblob[TSM_INBLOB_LEN], unsigned privlevel, struct buf *out,
		      struct buf *aux);
	void *ctx;
	/* Misbehaviour, each so many times. */
	unsigned fail_times;
	int fail_error; /* EBUSY, EINTR, EIO, ETIMEDOUT */
	unsigned interfere_times; /* another writer comes in between write and read */
	unsigned slow_ms; /* a slow quote */
	/* What was seen. */
	unsigned made, removed, reports;
	struct tsm_model_entry entries[TSM_MODEL_ENTRIES];
	pthread_mutex_t lock;
};

void tsm_model_open(struct tsm_model *m, const char *provider);
void tsm_model_close(struct tsm_model *m);
unsigned tsm_model_count(struct tsm_model *m); /* entries that are there */

int tsm_model_make(struct tsm_model *m, const char *entry);
int tsm_model_remove(struct tsm_model *m, const char *entry);
ssize_t tsm_model_read(struct tsm_model *m, const char *entry, const char *attribute, struct buf *out);
int tsm_model_write(struct tsm_model *m, const char *entry, const char *attribute, struct bytes value);

struct tsm_attribute {
	const char *name;
	unsigned mode; /* 0444, 0200 */
	bool binary; /* takes effect when it is closed, and its errors are seen by nobody */
};
extern const struct tsm_attribute tsm_model_attributes[]; /* ends with a name of NULL */
bool tsm_model_has(struct tsm_model *m, const char *entry); /* entry NULL: always */

struct tsm_io tsm_model_io(struct tsm_model *m);
