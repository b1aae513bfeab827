#include "tests/support/fuzz.h"

#include "kbs/body.h"
#include "tests/unit/kbs/memory_kbs.h"

/* A whole request: "METHOD PATH\nCOOKIE\nAUTHORIZATION\nBODY". Whatever it is, it gets an answer, and one of the
 * protocol's error bodies where it is refused; and nobody here is attested or administrator. */

static char *line_take(char **at)
{
	char *line = *at;
	char *end = strchr(line, '\n');
	*at = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	return line;
}

static void answer_check(const struct request *req, const struct reply *reply)
{
	if (reply->status < 200 || reply->status > 599 || reply->status == 500)
		abort();
	if (reply->status >= 400 && (!reply->body || !strstr(reply->body, "confidential-containers/kbs/errors/")))
		abort();
	bool open_to_all = strcmp(req->path, "/healthz") == 0 || strcmp(req->path, "/metrics") == 0 ||
			   strcmp(req->path, "/kbs/v0/auth") == 0;
	if (reply->status == 200 && !open_to_all)
		abort();
}

static void request_run(struct request *req, struct bytes text)
{
	struct reply reply = { 0 };
	req->now_s = memory_kbs.now_s;
	req->now_ms = memory_kbs.now_ms += 1000;
	const struct route *route = route_admit(memory_kbs.service, req, &reply);
	if (route) {
		struct body body = { .is_secret = route->body == BODY_RESOURCE };
		body.max = route_body_max(memory_kbs.service, route);
		if (body_begin(&body, 0, NULL) != OK)
			abort();
		if (body_add(&body, text, NULL) == OK) {
			body_end(&body);
			req->body = buf_bytes(&body.plain);
			req->resource = body.secret;
			route->handle(memory_kbs.service, req, &reply);
		} else {
			route_too_large(route, &reply);
		}
		body_clear(&body);
	}
	answer_check(req, &reply);
	reply_clear(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool started;
	if (!started) {
		memory_kbs_start(true);
		atexit(memory_kbs_stop);
		started = true;
	}
	char *text = calloc(1, len + 1);
	if (!text)
		abort();
	if (len > 0)
		memcpy(text, data, len);
	char *at = text;
	char *first = line_take(&at);
	char *space = strchr(first, ' ');
	struct request req = { .method = first, .path = space ? space + 1 : "" };
	if (space)
		*space = '\0';
	req.cookie = line_take(&at);
	req.authorization = line_take(&at);
	request_run(&req, (struct bytes){ (uint8_t *)at, len - (size_t)(at - text) });
	free(text);
	return 0;
}
