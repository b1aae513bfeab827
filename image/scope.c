#include "image/scope.h"

#include <stdio.h>

#define HOST_MAX 255

/* "*.b.c" and "*.c" for "a.b.c:5000". */
static bool wildcards_walk(struct bytes host, bool (*is_it)(void *ctx, struct bytes name), void *ctx)
{
	char text[HOST_MAX + 1];
	const uint8_t *port = host.len ? memchr(host.data, ':', host.len) : NULL;
	if (port)
		host.len = (size_t)(port - host.data);
	if (host.len == 0 || host.len > HOST_MAX)
		return false;
	for (const uint8_t *dot = memchr(host.data, '.', host.len); dot;) {
		host.len -= (size_t)(dot - host.data);
		host.data = dot;
		text[0] = '*';
		memcpy(text + 1, host.data, host.len);
		if (is_it(ctx, (struct bytes){ (uint8_t *)text, host.len + 1 }))
			return true;
		dot = memchr(host.data + 1, '.', host.len - 1);
	}
	return false;
}

/* The name without its last component; an absolute path ends before its first "/". */
static bool component_strip(struct bytes *name)
{
	for (size_t i = name->len; i-- > 0;) {
		if (name->data[i] != '/')
			continue;
		name->len = i;
		return i > 0;
	}
	return false;
}

/* The name without tag or digest. */
static struct bytes tail_strip(struct bytes name)
{
	const uint8_t *at = memchr(name.data, '@', name.len);
	if (at)
		return (struct bytes){ name.data, (size_t)(at - name.data) };
	for (size_t i = name.len; i-- > 0 && name.data[i] != '/';)
		if (name.data[i] == ':')
			return (struct bytes){ name.data, i };
	return name;
}

bool scope_walk(const char *transport, const char *scope, bool (*is_it)(void *ctx, struct bytes name), void *ctx)
{
	struct bytes whole = bytes_str(scope);
	if (whole.len == 0)
		return false;
	if (is_it(ctx, whole))
		return true;
	/* What else has scopes are paths, which may have a colon in their names. */
	bool is_name = strcmp(transport, "docker") == 0;
	struct bytes name = is_name ? tail_strip(whole) : whole;
	if (name.len == whole.len && !component_strip(&name))
		name.len = 0;
	for (bool more = name.len > 0; more; more = component_strip(&name))
		if (is_it(ctx, name))
			return true;
	if (!is_name)
		return false;
	return wildcards_walk((struct bytes){ whole.data, strcspn(scope, "/") }, is_it, ctx);
}
