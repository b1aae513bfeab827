#include "common/resource_uri.h"

#include <stdio.h>

enum { SEGMENT_MAX = 255, RESOURCE_SEGMENTS = 3, PORT_MAX = 65535, ECHO_MAX = 300 };

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/* A part of the text, not NUL-terminated. */
struct part {
	const char *text;
	size_t len;
};

static bool part_of(struct part p, const char *characters)
{
	for (size_t i = 0; i < p.len; i++)
		if (!p.text[i] || !strchr(characters, p.text[i]))
			return false;
	return true;
}

static enum err part_copy(struct part p, char *to, size_t cap, struct errmsg *em)
{
	if (p.len >= cap)
		return err_set(em, ERR_PARSE, "longer than %zu bytes", cap - 1);
	memcpy(to, p.text, p.len);
	to[p.len] = '\0';
	return OK;
}

/* No "." and "..", nor anything hidden: a segment becomes the name of a file in a server's storage. */
static bool segment_valid(struct part p)
{
	return p.len >= 1 && p.len <= SEGMENT_MAX && p.text[0] != '.' && part_of(p, LETTERS DIGITS "_.-");
}

/* How many segments, all of them good; 0 if one is not. */
static size_t segments_count(struct part path)
{
	size_t count = 0;
	for (;;) {
		const char *slash = memchr(path.text, '/', path.len);
		struct part segment = { path.text, slash ? (size_t)(slash - path.text) : path.len };
		if (!segment_valid(segment))
			return 0;
		count++;
		if (!slash)
			return count;
		path.text += segment.len + 1;
		path.len -= segment.len + 1;
	}
}

bool resource_path_valid(const char *path)
{
	return segments_count((struct part){ path, strlen(path) }) == RESOURCE_SEGMENTS;
}

static bool port_valid(struct part p)
{
	unsigned port = 0;
	if (p.len < 1 || p.len > 5 || !part_of(p, DIGITS))
		return false;
	for (size_t i = 0; i < p.len; i++)
		port = port * 10 + (unsigned)(p.text[i] - '0');
	return port >= 1 && port <= PORT_MAX;
}

/* RFC 3986 3.2.2: a name, an IPv4 address, or an IPv6 address in brackets; no user, no escapes. */
static bool host_valid(struct part whole)
{
	struct part host = whole;
	struct part rest = { whole.text + whole.len, 0 };
	if (whole.text[0] == '[') {
		const char *close = memchr(whole.text, ']', whole.len);
		if (!close)
			return false;
		host = (struct part){ whole.text + 1, (size_t)(close - whole.text) - 1 };
		rest = (struct part){ close + 1, whole.len - host.len - 2 };
		if (host.len < 2 || !part_of(host, "0123456789abcdefABCDEF:."))
			return false;
	} else {
		const char *colon = memchr(whole.text, ':', whole.len);
		if (colon) {
			host.len = (size_t)(colon - whole.text);
			rest = (struct part){ colon, whole.len - host.len };
		}
		if (host.len < 1 || host.text[0] == '.' || host.text[0] == '-' || !part_of(host, LETTERS DIGITS "_.-"))
			return false;
	}
	if (rest.len == 0)
		return true;
	return rest.text[0] == ':' && port_valid((struct part){ rest.text + 1, rest.len - 1 });
}

/* The text behind "kbs://" or "kbs+plugin://". */
static enum err take_host(const char **at, struct resource_uri *uri, struct errmsg *em)
{
	struct part host = { *at, strcspn(*at, "/?#") };
	*at += host.len;
	if (host.len == 0)
		return OK;
	if (!host_valid(host))
		return err_set(em, ERR_PARSE, "host: not a host, or host:port");
	enum err e = part_copy(host, uri->host, sizeof(uri->host), em);
	return e == OK ? OK : err_wrap(em, e, "host");
}

static enum err take_path(const char **at, struct resource_uri *uri, struct errmsg *em)
{
	if (**at != '/')
		return err_set(em, ERR_PARSE, "path: missing");
	(*at)++;
	struct part path = { *at, strcspn(*at, "?#") };
	*at += path.len;
	size_t count = segments_count(path);
	bool resource = strcmp(uri->plugin, "resource") == 0;
	if (resource && count != RESOURCE_SEGMENTS)
		return err_set(em, ERR_PARSE, "path: not repository/type/tag of letters, digits, '_', '-' and '.'");
	if (count == 0)
		return err_set(em, ERR_PARSE, "path: not segments of letters, digits, '_', '-' and '.'");
	enum err e = part_copy(path, uri->path, sizeof(uri->path), em);
	return e == OK ? OK : err_wrap(em, e, "path");
}

static enum err take_query(const char *at, struct resource_uri *uri, struct errmsg *em)
{
	if (!*at)
		return OK;
	if (*at == '#')
		return err_set(em, ERR_PARSE, "a fragment has no meaning here");
	struct part query = { at + 1, strlen(at + 1) };
	if (strcmp(uri->plugin, "resource") == 0)
		return err_set(em, ERR_PARSE, "query: a resource has none");
	/* RFC 3986 3.4 */
	if (query.len == 0 || !part_of(query, LETTERS DIGITS "-._~!$&'()*+,;=:@/?%"))
		return err_set(em, ERR_PARSE, "query: empty, or with characters that must be escaped");
	enum err e = part_copy(query, uri->query, sizeof(uri->query), em);
	return e == OK ? OK : err_wrap(em, e, "query");
}

/* "kbs" or "kbs+plugin", up to "://". */
static enum err take_scheme(const char **at, struct resource_uri *uri, struct errmsg *em)
{
	const char *mark = strstr(*at, "://");
	if (!mark || strncmp(*at, "kbs", 3) != 0)
		return err_set(em, ERR_PARSE, "not kbs://");
	struct part plugin = { *at + 3, (size_t)(mark - *at) - 3 };
	*at = mark + 3;
	if (plugin.len == 0) {
		strcpy(uri->plugin, "resource");
		return OK;
	}
	plugin.text++;
	plugin.len--;
	if (plugin.text[-1] != '+' || plugin.len == 0 || !part_of(plugin, LETTERS DIGITS "_-"))
		return err_set(em, ERR_PARSE, "not kbs:// or kbs+plugin://");
	enum err e = part_copy(plugin, uri->plugin, sizeof(uri->plugin), em);
	return e == OK ? OK : err_wrap(em, e, "plugin");
}

/* What is echoed of a text that may hold anything. */
static enum err refuse(const char *text, enum err e, struct errmsg *em)
{
	size_t len = strcspn(text, "?");
	return err_wrap(em, e, "resource URI %.*s", (int)(len < ECHO_MAX ? len : ECHO_MAX), text);
}

enum err resource_uri_parse(const char *text, struct resource_uri *out, struct errmsg *em)
{
	struct resource_uri uri = { 0 };
	const char *at = text;
	enum err e = take_scheme(&at, &uri, em);
	if (e == OK)
		e = take_host(&at, &uri, em);
	if (e == OK)
		e = take_path(&at, &uri, em);
	if (e == OK)
		e = take_query(at, &uri, em);
	if (e != OK)
		return refuse(text, e, em);
	*out = uri;
	return OK;
}

enum err resource_uri_parse_label(const char *text, struct resource_uri *out, struct errmsg *em)
{
	if (strstr(text, "://"))
		return resource_uri_parse(text, out, em);
	if (!resource_path_valid(text))
		return refuse(text, err_set(em, ERR_PARSE, "neither repository/type/tag nor kbs://"), em);
	struct resource_uri uri = { .plugin = "resource" };
	enum err e = part_copy((struct part){ text, strlen(text) }, uri.path, sizeof(uri.path), em);
	if (e == OK)
		*out = uri;
	return e;
}

void resource_uri_format(const struct resource_uri *uri, char *to, size_t cap)
{
	bool resource = strcmp(uri->plugin, "resource") == 0;
	snprintf(to, cap, "kbs%s%s://%s/%s", resource ? "" : "+", resource ? "" : uri->plugin, uri->host, uri->path);
}
