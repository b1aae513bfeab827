#define _GNU_SOURCE 1
#include "keywrap/pgp_message.h"

#include "common/base64.h"

#define RECIPIENTS_MAX 256

enum packet_tag {
	PACKET_SKESK = 3,
	PACKET_SED = 9,
	PACKET_MARKER = 10,
	PACKET_SEIPD = 18,
	PACKET_OCB = 20, /* GnuPG's own */
};

static enum err malformed(struct errmsg *em)
{
	return err_set(em, ERR_PARSE, "no OpenPGP message");
}

static bool take(struct bytes *rest, size_t n)
{
	if (n > rest->len)
		return false;
	rest->data += n;
	rest->len -= n;
	return true;
}

static bool number_take(struct bytes *rest, size_t octets, size_t *value)
{
	if (octets > rest->len)
		return false;
	*value = 0;
	for (size_t i = 0; i < octets; i++)
		*value = *value << 8 | rest->data[i];
	return take(rest, octets);
}

static bool body_take(struct bytes *rest, size_t n, struct bytes *body)
{
	*body = (struct bytes){ rest->data, n };
	return take(rest, n);
}

/* 4.2.1; an indeterminate length is the rest. */
static bool old_body_take(struct bytes *rest, unsigned length_type, struct bytes *body)
{
	size_t length = rest->len;
	return (length_type == 3 || number_take(rest, (size_t)1 << length_type, &length)) &&
	       body_take(rest, length, body);
}

/* 4.2.2, all parts of a body that comes in parts: *body is the last of them. */
static bool new_body_take(struct bytes *rest, struct bytes *body)
{
	for (;;) {
		size_t first = 0;
		size_t second = 0;
		if (!number_take(rest, 1, &first))
			return false;
		if (first >= 224 && first < 255) {
			if (!take(rest, (size_t)1 << (first & 0x1f)))
				return false;
			continue;
		}
		if (first < 192)
			return body_take(rest, first, body);
		if (first < 224)
			return number_take(rest, 1, &second) &&
			       body_take(rest, ((first - 192) << 8) + second + 192, body);
		return number_take(rest, 4, &first) && body_take(rest, first, body);
	}
}

bool pgp_packet_take(struct bytes *rest, struct pgp_packet *out)
{
	struct bytes before = *rest;
	if (rest->len == 0 || !(rest->data[0] & 0x80))
		return false;
	uint8_t first = rest->data[0];
	bool is_new = first & 0x40;
	(void)take(rest, 1);
	if (!(is_new ? new_body_take(rest, &out->body) : old_body_take(rest, first & 3, &out->body)))
		return false;
	out->tag = is_new ? first & 0x3f : (first >> 2) & 0x0f;
	out->whole = (struct bytes){ before.data, before.len - rest->len };
	return true;
}

static enum err packets_check(struct bytes rest, struct errmsg *em)
{
	size_t recipients = 0;
	for (struct pgp_packet packet;;) {
		if (!pgp_packet_take(&rest, &packet))
			return malformed(em);
		switch (packet.tag) {
		case PGP_PACKET_PKESK:
			if (++recipients > RECIPIENTS_MAX)
				return err_set(em, ERR_LIMIT, "more than %d recipients", RECIPIENTS_MAX);
			break;
		case PACKET_MARKER:
			break;
		case PACKET_SEIPD:
		case PACKET_OCB:
			return recipients && rest.len == 0 ? OK : malformed(em);
		case PACKET_SKESK:
			return err_set(em, ERR_UNSUPPORTED, "an OpenPGP message for a passphrase, which is not tried");
		case PACKET_SED:
			return err_set(em, ERR_UNSUPPORTED, "an OpenPGP message without integrity protection");
		default:
			return malformed(em);
		}
	}
}

#define ARMOUR_BEGIN "-----BEGIN PGP MESSAGE-----"

/* The next line, without its end; false at the end. */
static bool line_take(struct bytes *rest, struct bytes *line)
{
	if (rest->len == 0)
		return false;
	const uint8_t *end = memchr(rest->data, '\n', rest->len);
	size_t len = end ? (size_t)(end - rest->data) : rest->len;
	*line = (struct bytes){ rest->data, len };
	(void)take(rest, len + (end != NULL));
	while (line->len && strchr(" \t\r", line->data[line->len - 1]) && line->data[line->len - 1])
		line->len--;
	return true;
}

/* 6.2: a line that says so, headers, an empty line, base64, and mostly a check sum, which proves nothing. */
static enum err armour_decode(struct bytes text, struct buf *decoded, struct errmsg *em)
{
	struct bytes line;
	AUTO_BUF
	base64 = { 0 };
	do {
		if (!line_take(&text, &line))
			return malformed(em);
	} while (!bytes_equal(line, bytes_str(ARMOUR_BEGIN)));
	do {
		if (!line_take(&text, &line))
			return malformed(em);
	} while (line.len);
	while (line_take(&text, &line) && line.len && line.data[0] != '=' && line.data[0] != '-') {
		enum err e = buf_append(&base64, line, 0, em);
		if (e != OK)
			return e;
	}
	return base64_decode(BASE64_STD, buf_bytes(&base64), decoded, em) == OK ? OK : malformed(em);
}

enum err pgp_message_check(struct bytes message, struct buf *decoded, struct bytes *binary, struct errmsg *em)
{
	*binary = message;
	if (message.len && !(message.data[0] & 0x80)) {
		enum err e = armour_decode(message, decoded, em);
		if (e != OK)
			return e;
		*binary = buf_bytes(decoded);
	}
	return packets_check(*binary, em);
}
