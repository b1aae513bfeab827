#include "image/reference.h"

#include "image/digest.h"

#include <stdio.h>

#define NAME_MAX_LENGTH 255 /* host and path; distribution's NameTotalLengthMax */
#define TAG_MAX_LENGTH 128

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

bool reference_tag_valid(const char *tag)
{
	size_t len = strlen(tag);
	if (len == 0 || len > TAG_MAX_LENGTH || (!is_alnum(tag[0]) && tag[0] != '_'))
		return false;
	for (const char *c = tag; *c; c++)
		if (!is_alnum(*c) && !strchr("_.-", *c))
			return false;
	return true;
}

/* What may stand between letters and digits: one of "." and "_", "__", any number of "-". */
static size_t separator_length(const char *at)
{
	size_t dashes = strspn(at, "-");
	if (dashes)
		return dashes;
	if (at[0] == '_' && at[1] == '_')
		return 2;
	return at[0] == '.' || at[0] == '_' ? 1 : 0;
}

bool reference_path_valid(const char *path)
{
	const char *at = path;
	for (;;) {
		if (!is_lower_alnum(*at))
			return false;
		while (is_lower_alnum(*at))
			at++;
		if (!*at)
			return true;
		size_t n = *at == '/' ? 1 : separator_length(at);
		if (n == 0)
			return false;
		at += n;
	}
}

static bool port_valid(const char *port)
{
	size_t digits = strspn(port, "0123456789");
	return digits > 0 && digits <= 5 && !port[digits] && atoi(port) > 0 && atoi(port) < 65536;
}

static bool labels_valid(const char *host, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool edge = i == 0 || i + 1 == len || host[i - 1] == '.' || host[i + 1] == '.';
		if (!is_alnum(host[i]) && (edge || (host[i] != '.' && host[i] != '-')))
			return false;
	}
	return len > 0;
}

bool reference_host_valid(const char *host)
{
	if (host[0] == '[') {
		size_t len = strspn(host + 1, "0123456789abcdefABCDEF:");
		const char *end = host + 1 + len;
		return len > 1 && *end == ']' && (!end[1] || (end[1] == ':' && port_valid(end + 2)));
	}
	size_t len = strcspn(host, ":");
	return labels_valid(host, len) && (!host[len] || port_valid(host + len + 1));
}

/* Whether what stands before the first slash is a host: Docker's rule. */
static bool looks_like_host(const char *text, size_t len)
{
	if (len == strlen("localhost") && strncmp(text, "localhost", len) == 0)
		return true;
	for (size_t i = 0; i < len; i++)
		if (text[i] == '.' || text[i] == ':' || (text[i] >= 'A' && text[i] <= 'Z'))
			return true;
	return false;
}

static bool is_hex_id(const char *path)
{
	return strlen(path) == 64 && strspn(path, "0123456789abcdef") == 64;
}

/* Cuts tag and digest off `name`. */
static enum err tail_take(char *name, struct reference *out, struct errmsg *em)
{
	char *at = strchr(name, '@');
	if (at) {
		*at = '\0';
		out->digest = strdup(at + 1);
		enum err e = out->digest ? digest_check(out->digest, em) : err_set(em, ERR_NOMEM, "no memory");
		if (e != OK)
			return e == ERR_NOMEM ? e : err_wrap(em, ERR_ARG, "after @");
	}
	char *slash = strrchr(name, '/');
	char *colon = strchr(slash ? slash : name, ':');
	if (colon) {
		*colon = '\0';
		if (!reference_tag_valid(colon + 1))
			return err_set(em, ERR_ARG, "not a tag after the last colon");
	}
	if (!colon && out->digest)
		return OK;
	out->tag = strdup(colon ? colon + 1 : "latest");
	return out->tag ? OK : err_set(em, ERR_NOMEM, "no memory");
}

static enum err name_take(const char *name, struct reference *out, struct errmsg *em)
{
	const char *slash = strchr(name, '/');
	bool has_host = slash && looks_like_host(name, (size_t)(slash - name));
	const char *path = has_host ? slash + 1 : name;
	out->short_name = !has_host;
	out->host = has_host ? strndup(name, (size_t)(slash - name)) : strdup("docker.io");
	if (out->host && strcmp(out->host, "index.docker.io") == 0)
		strcpy(out->host, "docker.io"); /* is shorter */
	bool official = out->host && strcmp(out->host, "docker.io") == 0 && !strchr(path, '/');
	if (!out->host || asprintf(&out->path, "%s%s", official ? "library/" : "", path) < 0) {
		out->path = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	out->added = official ? strlen("library/") : 0;
	if (!reference_host_valid(out->host))
		return err_set(em, ERR_ARG, "not a host before the first slash");
	if (!reference_path_valid(out->path) || strlen(out->host) + 1 + strlen(out->path) > NAME_MAX_LENGTH)
		return err_set(em, ERR_ARG,
			       "not the name of a repository: lower-case letters, digits, and . _ - / between");
	if (official && is_hex_id(path))
		return err_set(em, ERR_ARG,
			       "a name of 64 hexadecimal digits means an image's number, not a repository");
	return OK;
}

enum err reference_parse_signed(const char *text, struct reference *out, struct errmsg *em)
{
	AUTO_STR
	char *name = strdup(text);
	if (!name)
		return err_set(em, ERR_NOMEM, "no memory");
	*out = (struct reference){ 0 };
	enum err e = tail_take(name, out, em);
	if (e == OK)
		e = name_take(name, out, em);
	if (e != OK)
		reference_clear(out);
	return e;
}

enum err reference_parse(const char *text, struct reference *out, struct errmsg *em)
{
	enum err e = reference_parse_signed(text, out, em);
	if (e != OK || !out->tag || !out->digest)
		return e;
	reference_clear(out);
	return err_set(em, ERR_UNSUPPORTED, "a tag and a digest, which could mean two images: name one of them");
}

void reference_clear(struct reference *r)
{
	free(r->host);
	free(r->path);
	free(r->tag);
	free(r->digest);
	*r = (struct reference){ 0 };
}

char *reference_text(const struct reference *r)
{
	char *text = NULL;
	if (asprintf(&text, "%s/%s%s%s%s%s", r->host, r->path, r->tag ? ":" : "", r->tag ? r->tag : "",
		     r->digest ? "@" : "", r->digest ? r->digest : "") < 0)
		return NULL;
	return text;
}
