#pragma once
#include "common/bytes.h"
#include "common/deadline.h"

/* Reports of the TEE through configfs-tsm. Linux 6.7, Documentation/ABI/testing/configfs-tsm-report. */

enum { TSM_INBLOB_LEN = 64, TSM_OUTBLOB_MAX = 64 << 10, TSM_AUXBLOB_MAX = 256 << 10, TSM_WORD_MAX = 64 };

/* The folder, as system calls show it: everything gives what it counts, or -errno. The kernel's is tsm_io_linux(). */
struct tsm_io {
	void *ctx;
	int (*make)(void *ctx, const char *entry);
	int (*remove)(void *ctx, const char *entry);
	/* A whole attribute by one open; -EFBIG beyond `max`. */
	ssize_t (*read)(void *ctx, const char *entry, const char *attribute, struct buf *out, size_t max);
	int (*write)(void *ctx, const char *entry, const char *attribute, struct bytes value);
};
/* folder: ".../config/tsm/report"; must live as long as what comes back. */
struct tsm_io tsm_io_linux(const char *folder);

struct tsm_request {
	const char *provider; /* "tdx_guest": another one is an error */
	const uint8_t *inblob; /* TSM_INBLOB_LEN bytes */
	bool privileged; /* ask for the most privileged level that this guest may have (SEV-SNP: VMPL) */
	struct deadline deadline;
};
struct tsm_answer {
	struct buf outblob;
	struct buf auxblob; /* empty where there is none */
};
void tsm_answer_clear(struct tsm_answer *a);
#define AUTO_TSM_ANSWER __attribute__((cleanup(tsm_answer_clear))) struct tsm_answer

/* Takes a report in an entry of its own, which is removed whatever happens. Tries again while another writer moves the
 * generation, and while the device is busy or a signal comes, until the deadline. ERR_ATTEST (another provider, or the
 * device fails), ERR_TIMEOUT, ERR_IO (folder not usable), ERR_LIMIT. */
enum err tsm_report_take(const struct tsm_io *io, const struct tsm_request *request, struct tsm_answer *out,
			 struct errmsg *em) MUST_USE;

/* "tdx_guest", "sev_guest", "arm_cca_guest". ERR_NOT_FOUND: no such folder; ERR_IO. */
enum err tsm_report_provider(const struct tsm_io *io, char provider[TSM_WORD_MAX], struct errmsg *em) MUST_USE;
