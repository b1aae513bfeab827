#include "tools/kbs_image_kbs.h"

#include "kbc/kbc.h"
#include "tools/kbs_token.h"

#include <pthread.h>

static struct settings *settings;
static struct settings *settings;
static struct token_kbs_list list;
static struct kbc *clients[TOKEN_KBS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the three, while they are made */

static void clients_end(void)
{
	for (size_t i = 0; i < TOKEN_KBS_MAX; i++) {
		kbc_free(clients[i]);
		clients[i] = NULL;
	}
	token_kbs_list_clear(&list);
}

/* Without a file the environment and the kernel's command line count. */
static enum err settings_read_locked(struct errmsg *em)
{
	enum err e = settings ? OK : settings_load(NULL, &settings, em);
	return e == ERR_NOT_FOUND ? OK : e;
}

/* As if it stood in the file: the KBS is asked with the same init data as the policy is taken from. */
static enum err init_data_set_locked(const char *path, struct errmsg *em)
{
	json_object *kbs = NULL;
	if (!settings) {
		settings = calloc(1, sizeof(*settings));
		if (settings)
			*settings = (struct settings){ .path = strdup(path), .root = json_object_new_object() };
	}
	if (!settings || !settings->path || !settings->root)
		return err_nomem(em, "a configuration");
	enum err e = json_get_object_opt(settings->root, "kbs", &kbs, em);
	if (e == OK && !kbs) {
		kbs = json_object_new_object();
		e = json_add(settings->root, "kbs", kbs) ? OK : err_set(em, ERR_NOMEM, "no memory");
	}
	return e != OK || json_add_text(kbs, "init-data", path) ? e : err_set(em, ERR_NOMEM, "no memory");
}

enum err image_kbs_settings(const char *init_data, json_object **out, struct errmsg *em)
{
	pthread_mutex_lock(&lock);
	enum err e = settings_read_locked(em);
	if (e == OK && init_data)
		e = init_data_set_locked(init_data, em);
	*out = settings ? settings->root : NULL;
	pthread_mutex_unlock(&lock);
	return e;
}

static enum err clients_make_locked(struct errmsg *em)
{
	static const struct token_args args = { .config = NULL };
	if (clients[0])
		return OK;
	enum err e = settings_read_locked(em);
	if (e == OK)
		e = token_kbs_list(&args, settings, &list, em);
	for (size_t i = 0; e == OK && i < list.count; i++)
		e = kbc_new(&list.items[i], http_curl(), &clients[i], em);
	if (e == OK)
		return OK;
	clients_end();
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
	clients_end();
	settings_free(settings);
	settings = NULL;
}
