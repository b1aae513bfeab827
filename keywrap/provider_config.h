#pragma once
#include "common/bytes.h"

/* $OCICRYPT_KEYPROVIDER_CONFIG: which key providers there are and how they are reached.
 *   {"key-providers":{"NAME":{"cmd":{"path":"/usr/bin/kbs-keyprovider","args":["..."]}}}}
 * or {"grpc":"host:port","grpc-tls":{"root-ca-file","cert-file","key-file","server-name"}}, of which the latter is not
 * known to older peers, or {"ttrpc":"unix:///path"}, as Rust's callers have it.
 * Extensions, which others ignore: "timeout", in seconds (1 to 3600, else 60); "grpc-plain": true, without which a
 * plain connection goes to this machine only. */

#define PROVIDER_NAME_MAX 64
#define PROVIDER_ARGV_MAX 64

struct provider_config {
	char *argv[PROVIDER_ARGV_MAX + 2]; /* a program and its arguments; ends with NULL */
	char *ttrpc; /* or an address, "unix:///path" */
	char *grpc; /* or an address, wire_address.h */
	bool grpc_tls; /* with these, each of which may be NULL */
	char *root_ca_file;
	char *cert_file;
	char *key_file;
	char *server_name;
	int64_t timeout_ms;
};
void provider_config_clear(struct provider_config *config);
#define AUTO_PROVIDER_CONFIG __attribute__((cleanup(provider_config_clear))) struct provider_config

/* Letters, digits, '-', '_' and '.': it is part of an annotation's name. */
bool provider_name_valid(const char *name);

/* ERR_UNSUPPORTED: no such provider, or a transport that we lack; ERR_NOT_FOUND: no such file; ERR_CONFIG: malformed,
 * or others may write it. */
enum err provider_config_load(const char *name, struct provider_config *out, struct errmsg *em) MUST_USE;
enum err provider_config_parse(struct bytes text, const char *name, struct provider_config *out,
			       struct errmsg *em) MUST_USE;
