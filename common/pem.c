#include "common/pem.h"

#include "common/base64.h"

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

static bool find(struct bytes in, const char *text, size_t *at)
{
	const uint8_t *hit = in.len ? memmem(in.data, in.len, text, strlen(text)) : NULL;
	if (!hit)
		return false;
	*at = (size_t)(hit - in.data);
	return true;
}

static struct bytes skip(struct bytes in, size_t n)
{
	return (struct bytes){ in.data + n, in.len - n };
}

static bool starts_with(struct bytes in, struct bytes prefix)
{
	return in.len >= prefix.len && memcmp(in.data, prefix.data, prefix.len) == 0;
}

bool pem_present(struct bytes text)
{
	size_t at;
	return find(text, BEGIN, &at);
}

bool pem_label_is(const struct pem_block *block, const char *label)
{
	return block->label.len == strlen(label) && memcmp(block->label.data, label, block->label.len) == 0;
}

/* The offset of the first line of base64: after the headers and their blank line, if there are any. */
static size_t headers_length(struct bytes body)
{
	size_t end = 0;
	bool header_seen = false;
	for (size_t at = 0; at < body.len; at = end) {
		const uint8_t *line = body.data + at;
		const uint8_t *feed = memchr(line, '\n', body.len - at);
		size_t length = feed ? (size_t)(feed - line) + 1 : body.len - at;
		end = at + length;
		bool blank = length == 1 || (length == 2 && line[0] == '\r');
		if (blank && header_seen)
			return end;
		if (memchr(line, ':', length))
			header_seen = true;
		else if (!header_seen && !blank)
			return 0;
	}
	return 0;
}

enum err pem_next(struct bytes *rest, struct pem_block *out, struct errmsg *em)
{
	size_t at = 0;
	struct bytes left = *rest;
	if (!find(left, BEGIN, &at))
		return err_set(em, ERR_NOT_FOUND, "no further PEM block");
	left = skip(left, at + strlen(BEGIN));
	if (!find(left, DASHES, &at) || memchr(left.data, '\n', at))
		return err_set(em, ERR_PARSE, "PEM: the BEGIN line does not end");
	struct bytes label = { left.data, at };
	left = skip(left, at + strlen(DASHES));
	if (!find(left, END, &at))
		return err_set(em, ERR_PARSE, "PEM: a block without END line");
	struct bytes body = { left.data, at };
	left = skip(left, at + strlen(END));
	if (!starts_with(left, label) || !starts_with(skip(left, label.len), bytes_str(DASHES)))
		return err_set(em, ERR_PARSE, "PEM: the END line belongs to another block");
	*rest = skip(left, label.len + strlen(DASHES));
	size_t headers = headers_length(body);
	*out = (struct pem_block){ label, { body.data, headers }, skip(body, headers) };
	return OK;
}

enum err pem_decode(const struct pem_block *block, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *joined = NULL;
	enum err e = secret_new(block->body.len, &joined, em);
	if (e != OK)
		return e;
	size_t used = 0;
	for (size_t i = 0; i < block->body.len; i++) {
		uint8_t c = block->body.data[i];
		if (c != '\n' && c != '\r' && c != ' ' && c != '\t')
			secret_data(joined)[used++] = c;
	}
	secret_truncate(joined, used);
	e = base64_decode_secret(BASE64_STD, secret_bytes(joined), out, em);
	return e == OK ? OK : err_wrap(em, e, "PEM");
}
