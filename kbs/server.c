#include "kbs/kbs.h"

#include "common/file.h"
#include "common/log.h"
#include "kbs/connections.h"
#include "kbs/exchange.h"
#include "kbs/key_file.h"
#include "kbs/listener.h"

#include <pthread.h>
#include <stdio.h>

/* Headers of one request: a large attestation result as Bearer must fit. */
#define CONNECTION_MEMORY ((size_t)128 * 1024)
#define PEM_MAX ((size_t)1 << 20)

struct kbs {
	struct service *service;
	struct MHD_Daemon *daemon;
	struct connections *connections;
	struct listener listener;
	struct kbs_options options; /* on_access, ctx */
	char url[320];
	struct buf cert; /* PEM, NUL-terminated, like the key: libmicrohttpd keeps pointers to both */
	struct secret *key;
	pthread_mutex_t lock; /* guards in_flight */
	pthread_cond_t idle; /* CLOCK_MONOTONIC; in_flight fell to 0 */
	unsigned in_flight;
};

static void flight_change(struct kbs *kbs, int by)
{
	pthread_mutex_lock(&kbs->lock);
	kbs->in_flight += (unsigned)by;
	if (kbs->in_flight == 0)
		pthread_cond_broadcast(&kbs->idle);
	pthread_mutex_unlock(&kbs->lock);
}

static enum MHD_Result request_begin(struct kbs *kbs, struct exchange_start *start, void **request)
{
	start->service = kbs->service;
	start->max_ms = kbs->service->config.timeout * 1000;
	struct exchange *x = exchange_begin(start);
	if (!x)
		return MHD_NO;
	flight_change(kbs, 1);
	connections_busy(kbs->connections, start->connection);
	*request = x;
	return exchange_answers_early(x) ? exchange_answer(x) : MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path, const char *method,
				  const char *version, const char *part, size_t *part_len, void **request)
{
	(void)version;
	struct exchange *x = *request;
	if (!x) {
		struct exchange_start start = { .connection = connection, .method = method, .path = path };
		return request_begin(cls, &start, request);
	}
	if (*part_len == 0)
		return exchange_answer(x);
	bool go_on = exchange_take(x, (struct bytes){ (const uint8_t *)part, *part_len });
	/* The bytes lie in the connection's own buffer, were consumed, and may be a resource. */
	secret_wipe((void *)(uintptr_t)part, *part_len);
	*part_len = 0;
	return go_on ? MHD_YES : MHD_NO;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **request,
			 enum MHD_RequestTerminationCode why)
{
	(void)why;
	struct kbs *kbs = cls;
	struct exchange *x = *request;
	if (!x)
		return;
	if (kbs->options.on_access) {
		char peer[64];
		struct kbs_access access;
		exchange_describe(x, peer, sizeof(peer), &access);
		kbs->options.on_access(kbs->options.ctx, &access);
	}
	exchange_free(x);
	*request = NULL;
	connections_idle(kbs->connections, connection);
	flight_change(kbs, -1);
}

/* Nothing is unescaped: a path with % in it names nothing here, and %00 or %2F cannot mean two things. */
static size_t on_unescape(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	return strlen(text);
}

static void on_log(void *cls, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));
static void on_log(void *cls, const char *fmt, va_list args)
{
	(void)cls;
	char text[512];
	vsnprintf(text, sizeof(text), fmt, args);
	log_info("kbs", "http", "text=\"%s\"", text);
}

/* The configuration's files lie in DIR, the command line's where the user stands. */
static enum err tls_paths(const struct kbs *kbs, char **cert, char **key, struct errmsg *em)
{
	const struct server_config *config = &kbs->service->config;
	if (kbs->options.tls_cert) {
		*cert = strdup(kbs->options.tls_cert);
		*key = strdup(kbs->options.tls_key);
	} else {
		*cert = server_path(kbs->options.dir, config->tls_cert);
		*key = server_path(kbs->options.dir, config->tls_key);
	}
	return *cert && *key ? OK : err_nomem(em, "a path");
}

static enum err tls_load(struct kbs *kbs, struct errmsg *em)
{
	AUTO_STR
	char *cert = NULL;
	AUTO_STR
	char *key = NULL;
	if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
		return err_set(em, ERR_CONFIG, "this libmicrohttpd was built without TLS");
	enum err e = tls_paths(kbs, &cert, &key, em);
	if (e != OK)
		return e;
	e = file_read(cert, PEM_MAX, &kbs->cert, em);
	if (e == OK && !buf_cstr(&kbs->cert))
		e = err_nomem(em, "a certificate");
	if (e != OK)
		return err_wrap(em, e == ERR_NOMEM ? e : ERR_CONFIG, "TLS certificate");
	return key_file_private_text(key, &kbs->key, em);
}

static enum err listen_start(struct kbs *kbs, struct errmsg *em)
{
	const struct kbs_options *o = &kbs->options;
	const struct server_config *config = &kbs->service->config;
	if (!o->tls_cert != !o->tls_key)
		return err_set(em, ERR_ARG, "a TLS certificate and its key go together");
	bool tls = o->tls_cert || config->tls_cert;
	enum err e = tls ? tls_load(kbs, em) : OK;
	if (e == OK)
		e = listener_open(o->listen ? o->listen : config->listen, &kbs->listener, em);
	if (e != OK)
		return e;
	if (!tls && !kbs->listener.loopback && !o->allow_http)
		return err_set(em, ERR_CONFIG,
			       "%s is not loopback and there is no TLS (--tls-cert and --tls-key, or "
			       "--allow-http where something else in front does TLS)",
			       kbs->listener.address);
	snprintf(kbs->url, sizeof(kbs->url), "%s://%s", tls ? "https" : "http", kbs->listener.address);
	return OK;
}

static enum err daemon_start(struct kbs *kbs, struct errmsg *em)
{
	const struct server_config *config = &kbs->service->config;
	/* Connections are shared out: a thread without any would serve nobody. */
	int64_t threads = config->threads < config->max_connections ? config->threads : config->max_connections;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, kbs->cert.data },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)secret_bytes(kbs->key).data },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
	kbs->daemon = MHD_start_daemon(
		kbs->key ? flags | MHD_USE_TLS : flags, 0, NULL, NULL, on_request, kbs, /* */
		MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, /* first: it is told of the others' faults */
		MHD_OPTION_LISTEN_SOCKET, kbs->listener.fd, /* */
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, kbs, /* */
		MHD_OPTION_NOTIFY_CONNECTION, connections_notify, kbs->connections, /* */
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL, /* */
		MHD_OPTION_STRICT_FOR_CLIENT, 1, /* */
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, /* */
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)config->timeout, /* */
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)config->max_connections, /* */
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)config->max_connections_per_address, /* */
		MHD_OPTION_THREAD_POOL_SIZE, threads > 1 ? (unsigned)threads : 0, /* */
		MHD_OPTION_ARRAY, kbs->key ? tls : none, MHD_OPTION_END);
	if (!kbs->daemon)
		return err_set(em, ERR_CONFIG, "the HTTP server does not start%s",
			       kbs->key ? ": do the TLS certificate and key fit each other?" : "");
	return OK;
}

static enum err kbs_new(const struct kbs_options *options, struct kbs **out, struct errmsg *em)
{
	pthread_condattr_t monotonic;
	struct kbs *kbs = calloc(1, sizeof(*kbs));
	if (!kbs)
		return err_nomem(em, "a server");
	kbs->options = *options;
	kbs->listener.fd = -1;
	pthread_mutex_init(&kbs->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&kbs->idle, &monotonic);
	pthread_condattr_destroy(&monotonic);
	*out = kbs;
	return OK;
}

enum err kbs_start(const struct kbs_options *options, struct kbs **out, struct errmsg *em)
{
	struct kbs *kbs = NULL;
	enum err e = kbs_new(options, &kbs, em);
	if (e != OK)
		return e;
	e = service_open(options->dir, options->allow_sample, &kbs->service, em);
	if (e == OK)
		e = listen_start(kbs, em);
	if (e == OK)
		e = connections_new(kbs->service->config.timeout * 1000, &kbs->connections, em);
	if (e == OK)
		e = daemon_start(kbs, em);
	if (e != OK) {
		kbs_stop(kbs);
		return e;
	}
	*out = kbs;
	return OK;
}

const char *kbs_url(const struct kbs *kbs)
{
	return kbs->url;
}

/* No new connections; the requests that have begun get their time. */
static void daemon_stop(struct kbs *kbs)
{
	MHD_socket listening = MHD_quiesce_daemon(kbs->daemon);
	struct timespec until = deadline_timespec(deadline_in_ms(kbs->service->config.timeout * 1000));
	pthread_mutex_lock(&kbs->lock);
	while (kbs->in_flight > 0 && pthread_cond_timedwait(&kbs->idle, &kbs->lock, &until) == 0)
		;
	pthread_mutex_unlock(&kbs->lock);
	MHD_stop_daemon(kbs->daemon);
	kbs->listener.fd = listening; /* ours to close, and not before the threads are gone */
}

void kbs_stop(struct kbs *kbs)
{
	if (!kbs)
		return;
	if (kbs->daemon)
		daemon_stop(kbs);
	connections_free(kbs->connections);
	if (kbs->listener.fd >= 0)
		close(kbs->listener.fd);
	service_free(kbs->service);
	buf_clear(&kbs->cert);
	secret_free(kbs->key);
	pthread_cond_destroy(&kbs->idle);
	pthread_mutex_destroy(&kbs->lock);
	free(kbs);
}
