#include "tests/support/fuzz.h"

#include "keywrap/grpc.h"
#include "keywrap/ttrpc.h"
#include "keywrap/wire_address.h"

/* The pieces of gRPC: a time limit, an encoded text, an address, and a message in two parts. What is taken can be said
 * again. */

static void text_try(struct bytes text)
{
	struct errmsg em = { "" };
	char decoded[GRPC_TEXT_MAX + 1];
	char encoded[GRPC_TEXT_MAX];
	int64_t ms = 0;
	if (grpc_timeout_parse(text, &ms, &em) == OK) {
		char again[GRPC_TIMEOUT_MAX];
		int64_t same = 0;
		grpc_timeout_write(ms, again);
		if (ms < 0 || grpc_timeout_parse(bytes_str(again), &same, &em) != OK)
			abort();
	}
	size_t len = grpc_text_decode(text, decoded);
	decoded[len] = '\0';
	len = grpc_text_encode(decoded, encoded);
	for (size_t i = 0; i < len; i++)
		if (encoded[i] < 0x20 || encoded[i] > 0x7e)
			abort();
}

static void address_try(struct bytes text)
{
	struct errmsg em = { "" };
	struct wire_address address;
	char copy[512];
	if (text.len >= sizeof(copy) || memchr(text.data, '\0', text.len))
		return;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	if (wire_address_parse(copy, &address, &em) == OK)
		(void)wire_address_loopback(&address);
}

static void body_try(struct bytes text)
{
	struct errmsg em = { "" };
	struct grpc_body body = { .len = 0 };
	struct bytes message;
	struct bytes octets;
	AUTO(secret) *frame = NULL;
	size_t half = text.len / 2;
	enum err e = grpc_body_take(&body, (struct bytes){ text.data, half }, &em);
	if (e == OK)
		e = grpc_body_take(&body, (struct bytes){ text.data + half, text.len - half }, &em);
	if (e == OK)
		e = grpc_body_end(&body, &message, &em);
	if (e == OK && ttrpc_bytes_read(message, &octets, &em) == OK && grpc_frame(octets, &frame, &em) != OK)
		abort();
	grpc_body_clear(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes text = { data, len };
	if (len == 0)
		return 0;
	text_try(text);
	address_try(text);
	body_try(text);
	return 0;
}
