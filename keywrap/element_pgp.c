#include "keywrap/element.h"
#include "keywrap/pgp_message.h"

/* An OpenPGP message: a public-key encrypted session key packet (RFC 4880 5.1) for each recipient, then the container,
 * which knows nothing of them. */

#define PKESK_VERSION 3
#define KEY_ID_LEN 8

static const char *algorithm_name(uint8_t algorithm)
{
	switch (algorithm) {
	case 1:
	case 2:
		return "RSA";
	case 16:
		return "Elgamal";
	case 18:
		return "ECDH";
	default:
		return "an unknown algorithm";
	}
}

static enum err packet_describe(struct bytes body, struct recipient_list *to, struct errmsg *em)
{
	static const uint8_t hidden[KEY_ID_LEN] = { 0 };
	if (body.len < 2 + KEY_ID_LEN || body.data[0] != PKESK_VERSION)
		return recipient_list_add(to, em, "a packet of another version");
	const char *algorithm = algorithm_name(body.data[1 + KEY_ID_LEN]);
	if (memcmp(body.data + 1, hidden, KEY_ID_LEN) == 0)
		return recipient_list_add(to, em, "%s, hidden key id", algorithm);
	AUTO_STR
	char *id = hex_encode((struct bytes){ body.data + 1, KEY_ID_LEN });
	return id ? recipient_list_add(to, em, "%s, key id %s", algorithm, id) : err_set(em, ERR_NOMEM, "no memory");
}

static enum err pgp_describe(struct bytes element, struct recipient_list *to, struct errmsg *em)
{
	AUTO_BUF
	decoded = { 0 };
	struct bytes rest;
	struct pgp_packet packet;
	enum err e = pgp_message_check(element, &decoded, &rest, em);
	while (e == OK && pgp_packet_take(&rest, &packet))
		if (packet.tag == PGP_PACKET_PKESK)
			e = packet_describe(packet.body, to, em);
	return e;
}

static enum err pgp_without(struct bytes element, size_t n, struct buf *out, struct errmsg *em)
{
	AUTO_BUF
	decoded = { 0 };
	struct bytes rest;
	struct pgp_packet packet;
	size_t number = 0;
	enum err e = pgp_message_check(element, &decoded, &rest, em);
	while (e == OK && pgp_packet_take(&rest, &packet))
		if (packet.tag != PGP_PACKET_PKESK || number++ != n)
			e = buf_append(out, packet.whole, 0, em);
	return e;
}

const struct element_kind element_pgp = { pgp_describe, pgp_without };
