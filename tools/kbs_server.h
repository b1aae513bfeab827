#pragma once
#include "tools/cli.h"

#include <stdbool.h>

/* kbs-server's command line. */
struct server_args {
	const char *listen;
	const char *tls_cert;
	const char *tls_key;
	bool allow_sample;
	bool allow_http;
	bool verbose;
	const char *url;
	const char *admin_key;
	const char *ca;
	long timeout_s;
	char **words; /* what is no option, without the command's own name */
	int word_count;
};

/* The commands: each returns the exit code. */
int server_init(const struct server_args *args);
int server_run(const struct server_args *args);
int server_resource(const struct server_args *args);
int server_policy(const struct server_args *args);
