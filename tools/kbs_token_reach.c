#include "tools/kbs_token.h"

#include "kbc/kbc_url.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* Reaching a KBS step by step, so that the step that fails is known: name, TCP, TLS, HTTP. */

#define CONNECT_MS 5000
#define HTTP_MS 10000

/* OK, or errno in *why. */
static bool connect_one(const struct addrinfo *a, int *why)
{
	AUTO_FD
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	if (fd < 0 || (connect(fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS)) {
		*why = errno;
		return false;
	}
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(*why);
	if (poll(&p, 1, CONNECT_MS) != 1) {
		*why = ETIMEDOUT;
		return false;
	}
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, why, &size) == 0 && *why == 0;
}

static enum err connect_any(const char *host, const char *port, struct errmsg *em)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *all = NULL;
	int failed = getaddrinfo(host, port, &hints, &all);
	if (failed)
		return err_set(em, ERR_NET, "%s: %s", host, gai_strerror(failed));
	int why = ECONNREFUSED;
	bool connected = false;
	for (const struct addrinfo *a = all; a && !connected; a = a->ai_next)
		connected = connect_one(a, &why);
	freeaddrinfo(all);
	errno = why;
	return connected ? OK : err_errno(em, ERR_NET, "%s port %s", host, port);
}

/* "host:port" or "[v6]:port", in place. */
static enum err reach_tcp(char *authority, struct errmsg *em)
{
	char *host = authority, *port = strrchr(authority, ':');
	*port++ = '\0';
	if (*host == '[') {
		host++;
		host[strcspn(host, "]")] = '\0';
	}
	return connect_any(host, port, em);
}

static enum err reach_http(const struct kbc_options *o, const char *base, long *status, struct errmsg *em)
{
	struct http_options how = { .ca_file = o->ca_file, .allow_plain = o->allow_plain, .max_response = 1 << 20 };
	AUTO_HTTP_RESPONSE resp = { 0 };
	AUTO_STR
	char *url = NULL;
	struct http *http = NULL;
	if (asprintf(&url, "%s/healthz", base) < 0) {
		url = NULL;
		return err_nomem(em, "a URL");
	}
	enum err e = http_curl()->open(&how, &http, em);
	if (e != OK)
		return e;
	struct http_request req = { .method = "GET", .url = url, .deadline = deadline_in_ms(HTTP_MS) };
	e = http_curl()->request(http, &req, &resp, em);
	http_curl()->close(http);
	*status = resp.status;
	return e;
}

static void report_http(struct report *r, const char *url, enum err e, const struct errmsg *em)
{
	bool tls = strncasecmp(url, "https://", 8) == 0;
	if (!tls)
		report_skip(r, "kbs-tls", "%s is plain http", url);
	else if (e == ERR_TLS)
		report_fail(
			r,
			(struct report_fault){ "kbs-tls", e,
					       "set \"kbs\".\"ca\" to the certificate of the authority that signed the "
					       "KBS's, and use the name that stands in it" },
			em);
	else if (e == OK)
		report_ok(r, "kbs-tls", "%s is verified", url);
	else
		report_skip(r, "kbs-tls", "%s did not get that far", url);
}

static bool reach_url(struct report *r, const struct kbc_options *o, const char *url)
{
	struct errmsg em = { "" };
	AUTO_STR
	char *authority = NULL;
	enum err e = kbc_url_authority(url, &authority, &em);
	if (e == OK)
		e = reach_tcp(authority, &em);
	if (e != OK) {
		report_fail(
			r,
			(struct report_fault){ "kbs-tcp", e,
					       "is the KBS running, is \"kbs\".\"url\" right, is a firewall between?" },
			&em);
		report_skip(r, "kbs-tls", "%s is not reached", url);
		report_skip(r, "kbs-http", "%s is not reached", url);
		return false;
	}
	report_ok(r, "kbs-tcp", "%s accepts connections", url);
	long status = 0;
	e = reach_http(o, url, &status, &em);
	report_http(r, url, e, &em);
	if (e == OK)
		report_ok(r, "kbs-http", "%s answers (%ld to /healthz)", url, status);
	else if (e == ERR_TLS)
		report_skip(r, "kbs-http", "%s is not verified", url);
	else
		report_fail(r,
			    (struct report_fault){ "kbs-http", e,
						   "something else may listen there, or a proxy is between" },
			    &em);
	return e == OK;
}

bool doctor_reach(struct report *r, const struct kbc_options *o)
{
	bool any = false;
	for (size_t i = 0; i < o->url_count; i++)
		any = reach_url(r, o, o->urls[i]) || any;
	return any;
}
