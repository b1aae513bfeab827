#define _GNU_SOURCE 1
#include "keywrap/layer_reasons.h"

#include "common/cleanup.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX 400
/* From so many keys on files are told by their names alone, without folders. */
#define MANY_KEYS 4

void reasons_clear(struct reasons *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->list[i].keys);
		free(r->list[i].why);
	}
	free(r->list);
	*r = (struct reasons){ .e = OK };
}

int error_rank(enum err e)
{
	switch (e) {
	case OK:
		return 0;
	case ERR_PARSE:
	case ERR_LIMIT:
		return 1;
	case ERR_KEY:
	case ERR_INTEGRITY:
	case ERR_CRYPTO:
		return 2;
	case ERR_UNSUPPORTED:
		return 3;
	case ERR_IO:
	case ERR_CONFIG:
	case ERR_NOT_FOUND:
	case ERR_NOMEM:
		return 4;
	case ERR_AUTH:
	case ERR_DENIED:
	case ERR_EXPIRED:
		return 6;
	default:
		return 5; /* the token */
	}
}

static struct reason *reason_find(const struct reasons *r, const char *scheme, const char *why, bool of_keys)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->list[i].scheme, scheme) == 0 && strcmp(r->list[i].why, why) == 0 &&
		    !r->list[i].keys == !of_keys)
			return &r->list[i];
	return NULL;
}

static void key_append(struct reason *to, const char *key)
{
	char *joined = NULL;
	if (asprintf(&joined, "%s, %s", to->keys, key) < 0)
		return;
	free(to->keys);
	to->keys = joined;
	to->key_count++;
}

void reasons_add(struct reasons *r, const char *scheme, const char *key, struct reason_why why)
{
	if (error_rank(why.e) > error_rank(r->e))
		r->e = why.e;
	char name[sizeof(r->list->scheme)];
	snprintf(name, sizeof(name), "%s", scheme);
	AUTO_STR
	char *text = strndup(why.text, WHY_MAX);
	struct reason *same = text ? reason_find(r, name, text, key != NULL) : NULL;
	if (same && key)
		key_append(same, key);
	if (same || !text)
		return;
	AUTO_STR
	char *keys = key ? strdup(key) : NULL;
	struct reason *more = reallocarray(r->list, r->count + 1, sizeof(*more));
	if (more)
		r->list = more;
	if (!more || (key && !keys))
		return;
	struct reason *to = &more[r->count++];
	*to = (struct reason){ .keys = steal(&keys), .key_count = key != NULL, .why = steal(&text) };
	memcpy(to->scheme, name, sizeof(name));
}

/* "/a/b.key, pkcs11:token=x" -> "b.key, pkcs11:token=x", in place. */
static void keys_shorten(char *keys)
{
	char *to = keys;
	for (char *at = keys; *at;) {
		size_t len = strcspn(at, ",");
		char *slash = at[0] == '/' ? memrchr(at, '/', len) : NULL;
		size_t skip = slash ? (size_t)(slash + 1 - at) : 0;
		memmove(to, at + skip, len - skip);
		to += len - skip;
		at += len;
		while (*at == ',' || *at == ' ')
			*to++ = *at++;
	}
	*to = '\0';
}

static size_t keys_total(const struct reasons *r)
{
	size_t total = 0;
	for (size_t i = 0; i < r->count; i++)
		total += r->list[i].key_count;
	return total;
}

/* So many keys that not all can be told: the reason comes first. *len grows; returns how many were left out. */
static size_t crowd_write(const struct reason *one, char *text, size_t *len, size_t room)
{
	size_t start = *len;
	int head = snprintf(text + start, room - start, "%s%s: %s: ", start ? "; " : "", one->scheme, one->why);
	if (head < 0 || (size_t)head >= room - start) {
		text[start] = '\0';
		return one->key_count;
	}
	size_t at = start + (size_t)head;
	size_t told = 0;
	for (const char *key = one->keys; *key;) {
		size_t n = strcspn(key, ",");
		if (at + n + 2 >= room)
			break;
		memcpy(text + at, key, n);
		at += n;
		told++;
		key += n + (key[n] ? 2 : 0);
		if (*key) {
			memcpy(text + at, ", ", 2);
			at += 2;
		}
	}
	text[at] = '\0';
	*len = at;
	return one->key_count - told;
}

void reasons_write(const struct reasons *r, char text[REASONS_TEXT_SIZE])
{
	static const size_t room = REASONS_TEXT_SIZE - sizeof("; and 99999 more");
	bool many = keys_total(r) >= MANY_KEYS;
	size_t len = 0;
	size_t left_out = 0;
	text[0] = '\0';
	for (size_t i = 0; i < r->count; i++) {
		const struct reason *one = &r->list[i];
		if (many && one->keys)
			keys_shorten(one->keys);
		int n = snprintf(text + len, room - len, "%s%s: %s%s%s", len ? "; " : "", one->scheme,
				 one->keys ? one->keys : "", one->keys ? ": " : "", one->why);
		if (n >= 0 && (size_t)n < room - len) {
			len += (size_t)n;
			continue;
		}
		text[len] = '\0';
		left_out += one->key_count > 1 ? crowd_write(one, text, &len, room) : 1;
	}
	if (left_out)
		snprintf(text + len, REASONS_TEXT_SIZE - len, "; and %zu more", left_out);
}
