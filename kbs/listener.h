#pragma once
#include "common/bytes.h"

/* A listening socket from "HOST:PORT", "[IPv6]:PORT". */
struct listener {
	int fd;
	bool loopback;
	char address[300]; /* "HOST:PORT" as asked for, with the actual port */
};

/* ERR_CONFIG (text, name), ERR_IO (in use). Resolves names, so it may block. Close fd afterwards. */
enum err listener_open(const char *where, struct listener *out, struct errmsg *em) MUST_USE;
