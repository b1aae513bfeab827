#include "kbc/kbc_url.h"

#include "common/cleanup.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define URL_MAX 2048

struct url_parts {
	bool tls;
	char host[256]; /* lower case, with the brackets of an IPv6 literal */
	char port[8];
};

static bool host_char(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '_';
}

/* Takes "[...]" or a name from `text`; returns what follows it, NULL where there is no host. */
static const char *take_host(const char *text, char *to, size_t cap)
{
	size_t n = 0;
	if (text[0] == '[') {
		n = strspn(text + 1, "0123456789abcdefABCDEF:.") + 1;
		if (text[n++] != ']')
			return NULL;
	} else {
		while (host_char(text[n]))
			n++;
	}
	if (n == 0 || n >= cap)
		return NULL;
	for (size_t i = 0; i < n; i++)
		to[i] = (char)tolower((unsigned char)text[i]);
	to[n] = '\0';
	return text + n;
}

static const char *take_port(const char *text, char to[8])
{
	if (text[0] != ':')
		return text;
	size_t n = strspn(text + 1, "0123456789");
	if (n < 1 || n > 5)
		return NULL;
	memcpy(to, text + 1, n);
	to[n] = '\0';
	unsigned port = 0;
	(void)sscanf(to, "%u", &port);
	return port >= 1 && port <= 65535 ? text + 1 + n : NULL;
}

static enum err prefix_check(const char *prefix, struct errmsg *em)
{
	if (prefix[0] && prefix[0] != '/')
		return err_set(em, ERR_CONFIG, "only a path may follow the host");
	for (const char *c = prefix; *c; c++)
		if (*c <= ' ' || *c > '~' || strchr("?#\\\"<>@", *c))
			return err_set(em, ERR_CONFIG, "its path may hold no blank, query, fragment or quote");
	return OK;
}

static enum err url_split(const char *url, struct url_parts *out, struct errmsg *em)
{
	*out = (struct url_parts){ .tls = strncasecmp(url, "https://", 8) == 0 };
	if (!out->tls && strncasecmp(url, "http://", 7) != 0)
		return err_set(em, ERR_CONFIG, "it does not begin with https:// or http://");
	if (strlen(url) > URL_MAX)
		return err_set(em, ERR_CONFIG, "it is longer than %d bytes", URL_MAX);
	strcpy(out->port, out->tls ? "443" : "80");
	const char *rest = take_host(url + (out->tls ? 8 : 7), out->host, sizeof(out->host));
	if (!rest)
		return err_set(em, ERR_CONFIG, "it names no host");
	if (strchr(rest, '@'))
		return err_set(em, ERR_CONFIG, "it may not hold a user or a password");
	rest = take_port(rest, out->port);
	if (!rest)
		return err_set(em, ERR_CONFIG, "its port is not a number from 1 to 65535");
	return prefix_check(rest, em);
}

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

enum err kbc_url_check(const char *url, bool allow_plain, struct errmsg *em)
{
	struct url_parts parts;
	enum err e = url_split(url, &parts, em);
	if (e != OK)
		return e;
	if (parts.tls || allow_plain || is_loopback(parts.host))
		return OK;
	return err_set(em, ERR_CONFIG,
		       "http:// to a host that is not loopback: use https://, or say \"allow-http\": true");
}

enum err kbc_url_authority(const char *url, char **out, struct errmsg *em)
{
	struct url_parts parts;
	enum err e = url_split(url, &parts, em);
	if (e != OK)
		return err_wrap(em, e, "the KBS's URL");
	if (asprintf(out, "%s:%s", parts.host, parts.port) < 0)
		return err_nomem(em, "a URL");
	return OK;
}

bool kbc_url_names_host(const char *authority, const char *host)
{
	if (strcasecmp(authority, host) == 0)
		return true;
	size_t bare = (size_t)(strrchr(authority, ':') - authority);
	return strlen(host) == bare && strncasecmp(authority, host, bare) == 0;
}
