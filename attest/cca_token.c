#include "attest/cca_token.h"

#include "attest/cursor.h"

/* As much of CBOR (RFC 8949) as these tokens use: definite lengths only. */

enum major { CBOR_UINT, CBOR_NEGATIVE, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP, CBOR_TAG, CBOR_SIMPLE };

enum { DEPTH_MAX = 16, TAG_COLLECTION = 399, TAG_SIGN1 = 18, KEY_REALM = 44241, KEY_CHALLENGE = 10, KEY_RPV = 44235 };

enum { CHALLENGE_LEN = 64, RPV_LEN = 64 };

struct head {
	enum major major;
	uint64_t value;
};

static struct head head_read(struct cursor *c)
{
	struct bytes first = cursor_take(c, 1);
	if (c->bad)
		return (struct head){ CBOR_SIMPLE, 0 };
	struct head h = { (enum major)(first.data[0] >> 5), first.data[0] & 31 };
	if (h.value < 24)
		return h;
	if (h.value > 27) {
		c->bad = true; /* indefinite, or reserved */
		return h;
	}
	struct bytes number = cursor_take(c, (size_t)1 << (h.value - 24));
	h.value = 0;
	for (size_t i = 0; i < number.len; i++)
		h.value = h.value << 8 | number.data[i];
	return h;
}

static struct head head_expect(struct cursor *c, enum major major)
{
	struct head h = head_read(c);
	if (h.major != major)
		c->bad = true;
	return h;
}

static struct bytes string_read(struct cursor *c)
{
	struct head h = head_expect(c, CBOR_BYTES);
	return cursor_take(c, h.value > c->rest.len ? SIZE_MAX : (size_t)h.value);
}

/* One whole item. Every item has a byte at least, so a count beyond the rest is wrong, and ends here at once. */
static void item_skip(struct cursor *c, int depth)
{
	struct head h = head_read(c);
	if (depth > DEPTH_MAX)
		c->bad = true;
	if (h.major == CBOR_BYTES || h.major == CBOR_TEXT)
		(void)cursor_take(c, h.value > c->rest.len ? SIZE_MAX : (size_t)h.value);
	bool holds = h.major == CBOR_ARRAY || h.major == CBOR_MAP;
	uint64_t items = h.major == CBOR_TAG ? 1 : holds ? h.value : 0;
	if (items > c->rest.len)
		c->bad = true;
	if (h.major == CBOR_MAP && !c->bad)
		items *= 2;
	for (uint64_t i = 0; i < items && !c->bad; i++)
		item_skip(c, depth + 1);
}

/* The byte string under a number in a map; empty where there is none. Names that are no numbers are passed over. */
static struct bytes member(struct bytes map, uint64_t key, bool *bad)
{
	struct cursor c = cursor_over(map);
	struct bytes found = { NULL, 0 };
	struct head all = head_expect(&c, CBOR_MAP);
	if (all.value > c.rest.len)
		c.bad = true;
	for (uint64_t i = 0; i < all.value && !c.bad; i++) {
		struct cursor name = c;
		struct head h = head_read(&name);
		item_skip(&c, 0);
		bool wanted = !c.bad && h.major == CBOR_UINT && h.value == key;
		if (wanted && found.data)
			c.bad = true;
		if (wanted)
			found = string_read(&c);
		else
			item_skip(&c, 0);
	}
	*bad = *bad || c.bad;
	return found;
}

/* A COSE_Sign1's payload. RFC 9052, 4.2. */
static struct bytes payload(struct bytes message, bool *bad)
{
	struct cursor c = cursor_over(message);
	struct cursor tag = c;
	struct head h = head_read(&tag);
	if (h.major == CBOR_TAG && h.value == TAG_SIGN1)
		c = tag;
	if (head_expect(&c, CBOR_ARRAY).value != 4)
		c.bad = true;
	(void)string_read(&c);
	item_skip(&c, 0);
	struct bytes found = string_read(&c);
	*bad = *bad || c.bad;
	return found;
}

enum err cca_realm_read(struct bytes token, struct cca_realm *out, struct errmsg *em)
{
	bool bad = false;
	struct cursor c = cursor_over(token);
	if (head_expect(&c, CBOR_TAG).value != TAG_COLLECTION || c.bad)
		return err_set(em, ERR_PARSE, "no CCA attestation token");
	struct bytes realm = member(c.rest, KEY_REALM, &bad);
	struct bytes claims = payload(realm, &bad);
	out->challenge = member(claims, KEY_CHALLENGE, &bad);
	out->personalization = member(claims, KEY_RPV, &bad);
	if (bad || out->challenge.len != CHALLENGE_LEN || out->personalization.len != RPV_LEN)
		return err_set(em, ERR_PARSE, "the CCA attestation token holds no realm token as it should be");
	return OK;
}
