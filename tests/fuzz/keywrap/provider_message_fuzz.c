#include "tests/support/fuzz.h"

#include "keywrap/provider_message.h"

/* What a key provider reads, and what its caller reads. What we write ourselves is read as it was. */

static void answer_again(enum provider_op op, const struct secret *octets)
{
	struct errmsg em = { "" };
	AUTO(secret) *text = NULL;
	AUTO(secret) *again = NULL;
	if (provider_answer_write(op, secret_bytes(octets), &text, &em) != OK ||
	    provider_answer_read(op, secret_bytes(text), &again, &em) != OK ||
	    !bytes_equal(secret_bytes(octets), secret_bytes(again)))
		abort();
}

static void request_again(const struct provider_request *request)
{
	struct errmsg em = { "" };
	AUTO(secret) *text = NULL;
	AUTO_PROVIDER_REQUEST again = { .op = PROVIDER_WRAP };
	struct provider_call call = { .name = "kbs", .args = { request->args }, .arg_count = request->args != NULL };
	if (provider_request_write(request->op, &call, secret_bytes(request->what), &text, &em) != OK ||
	    provider_request_read(secret_bytes(text), request->args ? "kbs" : NULL, &again, &em) != OK ||
	    again.op != request->op || !bytes_equal(secret_bytes(request->what), secret_bytes(again.what)) ||
	    !bytes_equal(secret_bytes(request->args), secret_bytes(again.args)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const enum provider_op ops[] = { PROVIDER_WRAP, PROVIDER_UNWRAP };
	static const char *const names[] = { NULL, "kbs" };
	struct bytes text = { data, len };
	for (size_t i = 0; i < 2; i++) {
		struct errmsg em = { "" };
		AUTO(secret) *octets = NULL;
		AUTO_PROVIDER_REQUEST request = { .op = PROVIDER_WRAP };
		if (provider_answer_read(ops[i], text, &octets, &em) == OK)
			answer_again(ops[i], octets);
		if (provider_request_read(text, names[i], &request, &em) == OK)
			request_again(&request);
	}
	return 0;
}
