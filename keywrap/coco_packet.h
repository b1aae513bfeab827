#pragma once
#include "common/bytes.h"
#include "keywrap/token_kek.h"

/* The annotation packet of Confidential Containers: what its key provider leaves beside a layer. JSON, twice:
 * v1 {"kid","wrapped_data","iv","wrap_type"}; v2 has "version":"0.1.0", "provider", "provider_settings" and
 * "annotations" as well. Nothing in it is secret, and everything in it is hostile. */

#define COCO_PACKET_MAX ((size_t)64 * 1024)
#define COCO_KID_MAX 820 /* "kbs:///" and the path of a resource */

struct coco_packet {
	char kid[COCO_KID_MAX]; /* "kbs:///repository/type/tag": without a host, which the token's configuration decides
				 */
	enum kek_cipher cipher;
	uint8_t iv[KEK_IV_MAX]; /* kek_iv_len(cipher) bytes */
	struct buf wrapped;
};
void coco_packet_clear(struct coco_packet *packet);
#define AUTO_COCO_PACKET __attribute__((cleanup(coco_packet_clear))) struct coco_packet

/* "A256GCM", "A256CTR". ERR_UNSUPPORTED. */
enum err coco_cipher_parse(const char *name, enum kek_cipher *out, struct errmsg *em) MUST_USE;
/* "kbs:///repository/type/tag", with or without a host, "repository/type/tag", and what some packets have, the prefix
 * kbs:/// twice. ERR_PARSE. */
enum err coco_kid_parse(const char *text, char kid[COCO_KID_MAX], struct errmsg *em) MUST_USE;

/* ERR_PARSE, ERR_LIMIT, ERR_UNSUPPORTED (version, provider, wrap_type). */
enum err coco_packet_parse(struct bytes text, struct coco_packet *out, struct errmsg *em) MUST_USE;
/* version: 1 or 2. */
enum err coco_packet_write(const struct coco_packet *packet, int version, struct buf *out, struct errmsg *em) MUST_USE;
