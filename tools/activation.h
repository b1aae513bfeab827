#pragma once
#include "common/err.h"

#include <stddef.h>

/* What systemd and a daemon say to each other: sockets that it hands over, sd_listen_fds(3), and news for it,
 * sd_notify(3). Both protocols are stable and take a few lines; its library would bring three compressors and more into
 * the process. */

#define ACTIVATION_MAX 8
#define ACTIVATION_NAME_MAX 64

struct activation {
	size_t count;
	struct {
		int fd; /* listens, does not block, is closed on exec */
		char name[ACTIVATION_NAME_MAX]; /* FileDescriptorName=, or "" */
	} sockets[ACTIVATION_MAX];
};
/* None where nobody hands any over to this process. Once. ERR_ARG: too many, or not listening stream sockets. */
enum err activation_take(struct activation *out, struct errmsg *em) MUST_USE;

/* "READY=1" and the like. Nobody may be listening. */
void activation_notify(const char *news);
