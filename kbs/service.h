#pragma once
#include "kbs/admin_token.h"
#include "kbs/metrics.h"
#include "kbs/policy.h"
#include "kbs/reply.h"
#include "kbs/result.h"
#include "kbs/server_config.h"
#include "kbs/storage.h"

#include <pthread.h>

/* The service without its HTTP: what the handlers work on. Thread-safe. */
struct service {
	struct server_config config;
	char *collateral_path; /* or NULL */
	char *reference_path; /* or NULL */
	char *tpm_keys_path; /* or NULL */
	bool allow_sample;
	struct result_issuer issuer;
	struct admin_keys admins;
	struct sessions *sessions;
	struct storage *storage;
	struct metrics metrics;
	char *policy_path;
	pthread_rwlock_t policy_lock; /* guards policy and its text */
	struct policy *policy;
	struct buf policy_text;
	pthread_mutex_t policy_set_lock; /* one change at a time: file and memory stay the same */
};

/* Reads DIR. ERR_CONFIG says what is wrong with which file. */
enum err service_open(const char *dir, bool allow_sample, struct service **out, struct errmsg *em) MUST_USE;
void service_free(struct service *s);
AUTO_DEFINE(service)

/* One request as the handlers see it. Everything is borrowed. */
struct request {
	const char *method;
	const char *path; /* as sent: nothing is unescaped */
	const char *cookie; /* or NULL */
	const char *authorization; /* or NULL */
	const char *tail; /* what follows the route's prefix */
	struct bytes body; /* of requests that hold no secret */
	const struct secret *resource; /* of those that do */
	int64_t now_s; /* of the epoch */
	int64_t now_ms; /* monotonic */
};

/* The handlers. Each sets the reply. KBS protocol 0.4.0. */
void handle_auth(struct service *s, const struct request *req, struct reply *reply);
void handle_attest(struct service *s, const struct request *req, struct reply *reply);
void handle_resource_get(struct service *s, const struct request *req, struct reply *reply);
void handle_resource_set(struct service *s, const struct request *req, struct reply *reply);
void handle_resource_delete(struct service *s, const struct request *req, struct reply *reply);
void handle_policy_set(struct service *s, const struct request *req, struct reply *reply);
void handle_policy_list(struct service *s, const struct request *req, struct reply *reply);
void handle_policy_get(struct service *s, const struct request *req, struct reply *reply);
void handle_not_implemented(struct service *s, const struct request *req, struct reply *reply);
void handle_health(struct service *s, const struct request *req, struct reply *reply);
void handle_metrics(struct service *s, const struct request *req, struct reply *reply);
