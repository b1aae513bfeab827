#include "kbc/client_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	struct http *http; /* NULL: not opened yet */
	bool busy;
};

struct client_pool {
	const struct http_transport *transport;
	struct http_options options;
	char *ca_file;
	char *ca_pem;
	pthread_mutex_t lock; /* guards `busy` of every slot; `http` of a busy one is its user's */
	pthread_cond_t idle; /* CLOCK_MONOTONIC */
	struct slot slots[CLIENT_POOL_MAX];
};

static enum err init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attr;
	if (pthread_condattr_init(&attr) != 0)
		return ERR_NOMEM;
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	int failed = pthread_cond_init(condition, &attr);
	pthread_condattr_destroy(&attr);
	return failed ? ERR_NOMEM : OK;
}

enum err client_pool_new(const struct http_transport *transport, const struct http_options *options,
			 struct client_pool **out, struct errmsg *em)
{
	if (transport->abi != HTTP_ABI)
		return err_set(em, ERR_CONFIG, "the HTTP half is of another version than this library");
	struct client_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return err_nomem(em, "HTTP clients");
	pool->transport = transport;
	pool->options = *options;
	if (options->ca_file)
		pool->options.ca_file = pool->ca_file = strdup(options->ca_file);
	if (options->ca_pem)
		pool->options.ca_pem = pool->ca_pem = strdup(options->ca_pem);
	bool good = (!options->ca_file || pool->ca_file) && (!options->ca_pem || pool->ca_pem) &&
		    init_condition(&pool->idle) == OK;
	if (!good) {
		free(pool->ca_file);
		free(pool->ca_pem);
		free(pool);
		return err_nomem(em, "HTTP clients");
	}
	pthread_mutex_init(&pool->lock, NULL);
	*out = pool;
	return OK;
}

void client_pool_free(struct client_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < CLIENT_POOL_MAX; i++)
		if (pool->slots[i].http)
			pool->transport->close(pool->slots[i].http);
	pthread_cond_destroy(&pool->idle);
	pthread_mutex_destroy(&pool->lock);
	free(pool->ca_file);
	free(pool->ca_pem);
	free(pool);
}

void client_pool_abandon(struct client_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < CLIENT_POOL_MAX; i++)
		if (pool->slots[i].http)
			pool->transport->abandon(pool->slots[i].http);
	free(pool->ca_file);
	free(pool->ca_pem);
	free(pool);
}

/* The first idle client that is open, else the first slot that is free: one user at a time means one client. */
static struct slot *idle_slot_locked(struct client_pool *pool)
{
	struct slot *closed = NULL;
	for (size_t i = 0; i < CLIENT_POOL_MAX; i++) {
		struct slot *slot = &pool->slots[i];
		if (slot->busy)
			continue;
		if (slot->http)
			return slot;
		if (!closed)
			closed = slot;
	}
	return closed;
}

static struct slot *take(struct client_pool *pool, struct deadline deadline)
{
	struct timespec until = deadline_timespec(deadline);
	pthread_mutex_lock(&pool->lock);
	struct slot *slot = idle_slot_locked(pool);
	for (int failed = 0; !slot && failed != ETIMEDOUT; slot = idle_slot_locked(pool))
		failed = pthread_cond_timedwait(&pool->idle, &pool->lock, &until);
	if (slot)
		slot->busy = true;
	pthread_mutex_unlock(&pool->lock);
	return slot;
}

static void give_back(struct client_pool *pool, struct slot *slot)
{
	pthread_mutex_lock(&pool->lock);
	slot->busy = false;
	pthread_cond_signal(&pool->idle);
	pthread_mutex_unlock(&pool->lock);
}

enum err client_pool_request(struct client_pool *pool, const struct http_request *req, struct http_response *resp,
			     struct errmsg *em)
{
	struct slot *slot = take(pool, req->deadline);
	if (!slot)
		return err_set(em, ERR_TIMEOUT, "all %d connections to the KBS are in use", CLIENT_POOL_MAX);
	enum err e = OK;
	if (!slot->http)
		e = pool->transport->open(&pool->options, &slot->http, em);
	if (e == OK)
		e = pool->transport->request(slot->http, req, resp, em);
	if (e != OK && slot->http) {
		/* What state its connection is in nobody knows: the next request gets a fresh one. */
		struct http *broken = steal(&slot->http);
		pool->transport->close(broken);
	}
	give_back(pool, slot);
	return e;
}
