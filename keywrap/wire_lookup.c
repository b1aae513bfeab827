#include "keywrap/wire_lookup.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct lookup {
	pthread_mutex_t lock; /* guards all below but the names */
	pthread_cond_t changed;
	unsigned users;
	bool done;
	int error;
	struct addrinfo *list;
	char *host;
	char *port;
};

static void lookup_leave(struct lookup *l)
{
	pthread_mutex_lock(&l->lock);
	bool last = --l->users == 0;
	pthread_mutex_unlock(&l->lock);
	if (!last)
		return;
	if (l->list)
		freeaddrinfo(l->list);
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->changed);
	free(l->host);
	free(l->port);
	free(l);
}

static void *lookup_run(void *user)
{
	struct lookup *l = user;
	const struct addrinfo wanted = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list = NULL;
	int error = getaddrinfo(l->host, l->port, &wanted, &list);
	pthread_mutex_lock(&l->lock);
	l->error = error;
	l->list = error ? NULL : list;
	l->done = true;
	pthread_cond_signal(&l->changed);
	pthread_mutex_unlock(&l->lock);
	lookup_leave(l);
	return NULL;
}

/* NULL without memory. */
static struct lookup *lookup_new(const char *host, const char *port)
{
	pthread_condattr_t attr;
	struct lookup *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->host = strdup(host);
	l->port = strdup(port);
	l->users = 1;
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (l->host && l->port)
		return l;
	lookup_leave(l);
	return NULL;
}

/* The host process's signals are for its own threads. */
static bool lookup_start(struct lookup *l)
{
	pthread_t thread;
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	l->users++;
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int error = pthread_create(&thread, NULL, lookup_run, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		l->users--;
	else
		pthread_detach(thread);
	return error == 0;
}

static enum err lookup_wait(struct lookup *l, struct deadline until, struct addrinfo **out, struct errmsg *em)
{
	struct timespec at = deadline_timespec(until);
	enum err e = OK;
	pthread_mutex_lock(&l->lock);
	while (!l->done && !deadline_passed(until))
		pthread_cond_timedwait(&l->changed, &l->lock, &at);
	if (!l->done)
		e = err_set(em, ERR_TIMEOUT, "%s: no address in time", l->host);
	else if (l->error)
		e = err_set(em, ERR_NET, "%s: %s", l->host, gai_strerror(l->error));
	*out = e == OK ? l->list : NULL;
	if (e == OK)
		l->list = NULL;
	pthread_mutex_unlock(&l->lock);
	return e;
}

int wire_lookup_here(const char *host, const char *port, struct addrinfo **out)
{
	struct addrinfo wanted = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	bool localhost = strcasecmp(host, "localhost") == 0;
	struct addrinfo *second = NULL;
	int error = getaddrinfo(localhost ? "127.0.0.1" : host, port, &wanted, out);
	if (error || !localhost || getaddrinfo("::1", port, &wanted, &second) != 0)
		return error;
	(*out)->ai_next = second; /* glibc frees a list one by one */
	return 0;
}

enum err wire_lookup(const char *host, const char *port, struct deadline until, struct addrinfo **out,
		     struct errmsg *em)
{
	if (wire_lookup_here(host, port, out) == 0)
		return OK;
	struct lookup *l = lookup_new(host, port);
	if (!l)
		return err_nomem(em, "a name of a host");
	enum err e = lookup_start(l) ? lookup_wait(l, until, out, em)
				     : err_set(em, ERR_NOMEM, "no thread for a name of a host");
	lookup_leave(l);
	return e;
}
