#include "attest/event_log.h"

#include "attest/cursor.h"
#include "common/libctx.h"

#include <openssl/evp.h>

enum {
	EV_NO_ACTION = 3,
	ALG_SHA384 = 0x0c,
	ALGORITHMS_MAX = 16,
	DIGEST_MAX = 64,
	INDEX_RTMR0 = 1, /* 0 is MRTD */
};

struct algorithms {
	size_t count;
	struct {
		uint16_t id;
		uint16_t len;
	} list[ALGORITHMS_MAX];
};

/* TCG_EfiSpecIdEventStruct: which digests every later event has. */
static enum err spec_id_read(struct cursor *c, struct algorithms *out, struct errmsg *em)
{
	static const char signature[16] = "Spec ID Event03";
	(void)cursor_u32(c);
	uint32_t type = cursor_u32(c);
	(void)cursor_take(c, 20);
	struct bytes data = cursor_take(c, cursor_u32(c));
	if (c->bad || type != EV_NO_ACTION)
		return err_set(em, ERR_PARSE, "event log: does not begin with a specification event");
	struct cursor d = cursor_over(data);
	struct bytes named = cursor_take(&d, sizeof signature);
	(void)cursor_u64(&d);
	uint32_t count = cursor_u32(&d);
	if (d.bad || memcmp(named.data, signature, sizeof signature) != 0)
		return err_set(em, ERR_PARSE, "event log: not a crypto agile log");
	if (count == 0 || count > ALGORITHMS_MAX)
		return err_set(em, ERR_PARSE, "event log: %u digest algorithms", count);
	for (out->count = 0; out->count < count; out->count++) {
		out->list[out->count].id = cursor_u16(&d);
		uint16_t len = cursor_u16(&d);
		if (d.bad || len == 0 || len > DIGEST_MAX)
			return err_set(em, ERR_PARSE, "event log: the list of digest algorithms is malformed");
		if (out->list[out->count].id == ALG_SHA384 && len != EVENT_RTMR_LEN)
			return err_set(em, ERR_PARSE, "event log: SHA-384 with %u bytes", len);
		out->list[out->count].len = len;
	}
	return OK;
}

/* The rest of the table is filled with either byte. */
static bool at_end(const struct cursor *c)
{
	size_t n = c->rest.len < 8 ? c->rest.len : 8;
	size_t ones = 0;
	size_t zeros = 0;
	for (size_t i = 0; i < n; i++) {
		ones += c->rest.data[i] == 0xff;
		zeros += c->rest.data[i] == 0;
	}
	return ones == n || zeros == n;
}

struct event {
	uint32_t index;
	uint32_t type;
	struct bytes sha384; /* empty: there is none */
};

static size_t digest_length(const struct algorithms *known, uint16_t id)
{
	for (size_t i = 0; i < known->count; i++)
		if (known->list[i].id == id)
			return known->list[i].len;
	return 0;
}

static enum err event_read(struct cursor *c, const struct algorithms *known, struct event *out, struct errmsg *em)
{
	*out = (struct event){ .index = cursor_u32(c) };
	out->type = cursor_u32(c);
	uint32_t count = cursor_u32(c);
	if (c->bad || count > ALGORITHMS_MAX)
		return err_set(em, ERR_PARSE, "event log: ends inside an event, or an event with too many digests");
	for (uint32_t i = 0; i < count; i++) {
		uint16_t id = cursor_u16(c);
		size_t len = digest_length(known, id);
		struct bytes digest = cursor_take(c, len);
		if (c->bad || len == 0)
			return err_set(em, ERR_PARSE, "event log: a digest of an algorithm that it does not name");
		if (id == ALG_SHA384 && out->sha384.len > 0)
			return err_set(em, ERR_PARSE, "event log: two SHA-384 digests in one event");
		if (id == ALG_SHA384)
			out->sha384 = digest;
	}
	(void)cursor_take(c, cursor_u32(c));
	return c->bad ? err_set(em, ERR_PARSE, "event log: ends inside an event") : OK;
}

static enum err extend(const struct event *event, struct event_log_registers *to, struct errmsg *em)
{
	uint8_t both[2 * EVENT_RTMR_LEN];
	size_t len = 0;
	if (event->type == EV_NO_ACTION || event->index < INDEX_RTMR0)
		return OK;
	if (event->index >= INDEX_RTMR0 + EVENT_RTMRS)
		return err_set(em, ERR_PARSE, "event log: register %u", event->index);
	if (!event->sha384.len)
		return err_set(em, ERR_UNSUPPORTED, "event log: an event without SHA-384 digest");
	uint8_t *rtmr = to->rtmr[event->index - INDEX_RTMR0];
	memcpy(both, rtmr, EVENT_RTMR_LEN);
	memcpy(both + EVENT_RTMR_LEN, event->sha384.data, EVENT_RTMR_LEN);
	if (EVP_Q_digest(libctx(), "SHA384", NULL, both, sizeof both, rtmr, &len) != 1)
		return err_openssl(em, ERR_CRYPTO, "SHA-384");
	to->events++;
	return OK;
}

enum err event_log_replay(struct bytes log, struct event_log_registers *out, struct errmsg *em)
{
	struct cursor c = cursor_over(log);
	struct algorithms known = { .count = 0 };
	memset(out, 0, sizeof *out);
	if (log.len > EVENT_LOG_MAX)
		return err_set(em, ERR_LIMIT, "event log of more than %d bytes", EVENT_LOG_MAX);
	enum err e = spec_id_read(&c, &known, em);
	while (e == OK && !at_end(&c)) {
		struct event event;
		e = event_read(&c, &known, &event, em);
		if (e == OK)
			e = extend(&event, out, em);
	}
	return e;
}
