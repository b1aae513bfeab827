#include "tests/support/fuzz.h"

#include "keywrap/ttrpc.h"

/* A frame: its header, and what follows as a request, as a response and as the message inside. What is taken is written
 * and taken again as the same. */

static struct bytes message_of(const struct secret *frame)
{
	struct bytes whole = secret_bytes(frame);
	if (whole.len < TTRPC_HEADER || ttrpc_header_read(whole.data).len != whole.len - TTRPC_HEADER)
		abort();
	return (struct bytes){ whole.data + TTRPC_HEADER, whole.len - TTRPC_HEADER };
}

static void request_again(uint32_t stream, const struct ttrpc_request *request)
{
	struct errmsg em = { "" };
	struct ttrpc_request again;
	AUTO(secret) *frame = NULL;
	if (ttrpc_request_write(stream, request, &frame, &em) != OK ||
	    ttrpc_request_read(message_of(frame), &again, &em) != OK || !bytes_equal(request->service, again.service) ||
	    !bytes_equal(request->method, again.method) || !bytes_equal(request->payload, again.payload) ||
	    request->timeout_ns != again.timeout_ns)
		abort();
}

static void response_again(uint32_t stream, const struct ttrpc_response *response)
{
	struct errmsg em = { "" };
	struct ttrpc_response again;
	AUTO(secret) *frame = NULL;
	if (ttrpc_response_write(stream, response, &frame, &em) != OK ||
	    ttrpc_response_read(message_of(frame), &again, &em) != OK || response->code != again.code ||
	    !bytes_equal(response->message, again.message) || !bytes_equal(response->payload, again.payload))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct errmsg em = { "" };
	struct ttrpc_request request;
	struct ttrpc_response response;
	struct bytes octets;
	if (len < TTRPC_HEADER)
		return 0;
	struct ttrpc_header header = ttrpc_header_read(data);
	struct bytes text = { data + TTRPC_HEADER, len - TTRPC_HEADER };
	if (ttrpc_request_read(text, &request, &em) == OK) {
		request_again(header.stream, &request);
		(void)!ttrpc_bytes_read(request.payload, &octets, &em);
	}
	if (ttrpc_response_read(text, &response, &em) == OK) {
		response_again(header.stream, &response);
		(void)!ttrpc_bytes_read(response.payload, &octets, &em);
	}
	return 0;
}
