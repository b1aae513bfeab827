#include "tests/fuzz/kbc/answers.h"

#include <stdlib.h>
#include <string.h>

#define BETWEEN "\n----\n"

static struct bytes cut_at(struct bytes *rest, const char *mark)
{
	const uint8_t *at = rest->len ? memmem(rest->data, rest->len, mark, strlen(mark)) : NULL;
	struct bytes front = { rest->data, at ? (size_t)(at - rest->data) : rest->len };
	size_t taken = at ? front.len + strlen(mark) : rest->len;
	*rest = (struct bytes){ rest->data + taken, rest->len - taken };
	return front;
}

bool message_next(struct bytes *rest, struct http_response *resp)
{
	*resp = (struct http_response){ 0 };
	if (!rest->len)
		return false;
	struct bytes message = cut_at(rest, BETWEEN);
	struct bytes head = cut_at(&message, "\n\n");
	struct bytes status = cut_at(&head, "\n");
	for (size_t i = 0; i < status.len && i < 3; i++)
		resp->status = resp->status * 10 + status.data[i] % 10;
	if (buf_append(&resp->headers, head, 0, NULL) != OK ||
	    buf_append(&resp->headers, bytes_str("\n"), 0, NULL) != OK ||
	    buf_append(&resp->body, message, 0, NULL) != OK)
		abort();
	return true;
}
