#pragma once
#include "common/http.h"
#include "kbs/route.h"

/* A transport that ends in the handlers, with a clock of the test's. */
struct memory_kbs {
	struct service *service;
	int64_t now_s;
	int64_t now_ms;
};
extern struct memory_kbs memory_kbs;
const struct http_transport *memory_kbs_transport(void);
#define MEMORY_URL "http://memory"

/* A folder of its own under /tmp, initialised; and its end. */
void memory_kbs_start(bool allow_sample);
void memory_kbs_stop(void);
extern char memory_kbs_dir[64];
void folder_delete(const char *path);
/* The administrator of that folder. Free the key. */
EVP_PKEY *memory_kbs_admin_key(void);
