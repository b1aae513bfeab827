#pragma once
#include "common/json.h"

/* DIR/kbs.json, kbs.json(5). Unknown members are errors. */
struct server_config {
	json_object *root; /* the strings below are borrowed from it */
	const char *listen;
	const char *tls_cert; /* or NULL */
	const char *tls_key;
	const char *issuer;
	const char *collateral; /* or NULL: no Intel evidence is taken */
	const char *tpm_keys; /* or NULL: no evidence of a TPM is taken */
	const char *reference_values; /* or NULL: no evidence of a real TEE is taken */
	const char *storage_kind;
	const char *storage_path;
	json_object *admin_keys; /* names of files; NULL = admin.pub */
	bool admin_read;
	int64_t result_lifetime; /* seconds */
	int64_t session_lifetime; /* seconds */
	int64_t max_sessions;
	int64_t max_request; /* bytes of a JSON body */
	int64_t max_resource; /* bytes */
	int64_t max_connections;
	int64_t max_connections_per_address; /* 0 = no bound */
	int64_t timeout; /* seconds */
	int64_t threads;
};
/* ERR_CONFIG names file and member. */
enum err server_config_load(const char *dir, struct server_config *out, struct errmsg *em) MUST_USE;
void server_config_clear(struct server_config *c);

/* The text that `init` writes: every member with its default, as comments. */
extern const char *const server_config_template;

/* "DIR/name", or `name` where that is absolute. malloc'd; NULL without memory. */
char *server_path(const char *dir, const char *name);
