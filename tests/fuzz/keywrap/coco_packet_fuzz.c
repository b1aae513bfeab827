#include "tests/support/fuzz.h"

#include "keywrap/coco_packet.h"

/* An annotation packet; what is taken is written, in both versions, and taken again as the same. */

static void packet_again(const struct coco_packet *packet, int version)
{
	struct errmsg em = { "" };
	AUTO_BUF
	text = { 0 };
	AUTO_COCO_PACKET again = { .cipher = KEK_GCM };
	if (coco_packet_write(packet, version, &text, &em) != OK)
		return; /* larger than the bound, now that blanks and escapes are gone: only base64 could be */
	if (coco_packet_parse(buf_bytes(&text), &again, &em) != OK || strcmp(packet->kid, again.kid) != 0 ||
	    packet->cipher != again.cipher || memcmp(packet->iv, again.iv, kek_iv_len(packet->cipher)) != 0 ||
	    !bytes_equal(buf_bytes(&packet->wrapped), buf_bytes(&again.wrapped)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t key[KEK_LEN] = { 1 };
	struct errmsg em = { "" };
	AUTO_COCO_PACKET packet = { .cipher = KEK_GCM };
	if (coco_packet_parse((struct bytes){ data, len }, &packet, &em) != OK)
		return 0;
	packet_again(&packet, 1);
	packet_again(&packet, 2);
	AUTO(secret) *plain = NULL;
	const struct kek_work work = { false, packet.cipher, packet.iv, buf_bytes(&packet.wrapped) };
	enum err e = kek_do(BYTES(key), &work, &plain, &em);
	if ((e == OK) != (plain != NULL))
		abort();
	return 0;
}
