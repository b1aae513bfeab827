#include "tools/kbs_image_kbs.h"

#include "common/settings.h"
#include "kbc/kbc.h"
#include "tools/kbs_token.h"

#include <pthread.h>

static struct token_kbs_list list;
static struct kbc *clients[TOKEN_KBS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the two, while they are made */

static enum err clients_make_locked(struct errmsg *em)
{
	static const struct token_args args = { .config = NULL };
	AUTO(settings) *s = NULL;
	if (clients[0])
		return OK;
	enum err e = settings_load(NULL, &s, em);
	if (e == OK || e == ERR_NOT_FOUND) /* without a file the environment and the kernel's command line count */
		e = token_kbs_list(&args, s, &list, em);
	for (size_t i = 0; e == OK && i < list.count; i++)
		e = kbc_new(&list.items[i], http_curl(), &clients[i], em);
	if (e == OK)
		return OK;
	image_kbs_end();
	return err_wrap(em, e == ERR_NOT_FOUND ? ERR_CONFIG : e, "the Key Broker Service");
}

enum err image_kbs_get(void *user, const char *uri, struct secret **out, struct errmsg *em)
{
	struct resource_uri resource;
	(void)user;
	enum err e = resource_uri_parse(uri, &resource, em);
	if (e != OK)
		return e;
	pthread_mutex_lock(&lock);
	e = clients_make_locked(em);
	pthread_mutex_unlock(&lock);
	if (e != OK)
		return e;
	/* Of several the first whose host the URI names, or allows by naming none. */
	e = ERR_ARG;
	for (size_t i = 0; e == ERR_ARG && i < list.count; i++)
		e = kbc_get(clients[i], &resource, deadline_in_ms(list.items[i].timeout_ms), out, em);
	return e;
}

void image_kbs_end(void)
{
	for (size_t i = 0; i < TOKEN_KBS_MAX; i++) {
		kbc_free(clients[i]);
		clients[i] = NULL;
	}
	token_kbs_list_clear(&list);
}
