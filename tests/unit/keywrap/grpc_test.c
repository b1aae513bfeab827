#define _GNU_SOURCE 1
#include "keywrap/grpc.h"

#include "keywrap/provider_grpc.h"
#include "keywrap/provider_peer.h"
#include "keywrap/rpc_code.h"
#include "keywrap/ttrpc.h"
#include "keywrap/wire_address.h"
#include "tests/support/check.h"
#include "tests/unit/keywrap/h2_bytes.h"

#include <pthread.h>
#include <sys/socket.h>

/* gRPC: its pieces, our caller against a peer that says anything, and the server's side without sockets. */

#define PATH "/keyprovider.KeyProviderService/UnWrapKey"

static void knows_time_limits(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms; /* -1: none */
	} cases[] = { { "1S", 1000 },   { "20m", 20 }, { "99999999H", 359999996400000 },
		      { "2M", 120000 }, { "1u", 0 },   { "5000n", 0 },
		      { "", -1 },       { "S", -1 },   { "1", -1 },
		      { "-1S", -1 },    { "1s", -1 },  { "100000000S", -1 },
		      { "1.5S", -1 } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ms = -1;
		enum err e = grpc_timeout_parse(bytes_str(cases[i].text), &ms, &em);
		assert_int_equal(e, cases[i].ms < 0 ? ERR_PARSE : OK);
		assert_int_equal(ms, cases[i].ms);
	}
	char text[GRPC_TIMEOUT_MAX];
	grpc_timeout_write(0, text);
	assert_string_equal(text, "1m");
	grpc_timeout_write(100000000, text);
	assert_string_equal(text, "100000S");
}

static void texts_survive_their_encoding(void **state)
{
	(void)state;
	char encoded[GRPC_TEXT_MAX];
	char decoded[GRPC_TEXT_MAX];
	const char *text = "100% \xe2\x80\x9cx\xe2\x80\x9d\n";
	struct bytes is = { (const uint8_t *)encoded, grpc_text_encode(text, encoded) };
	check_bytes(bytes_str("100%25 %E2%80%9Cx%E2%80%9D%0A"), is);
	check_bytes(bytes_str(text), (struct bytes){ (const uint8_t *)decoded, grpc_text_decode(is, decoded) });
	struct bytes broken = bytes_str("%zz%4");
	check_bytes(broken, (struct bytes){ (const uint8_t *)decoded, grpc_text_decode(broken, decoded) });
	char longest[2 * GRPC_TEXT_MAX];
	memset(longest, '%', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_in_range(grpc_text_encode(longest, encoded), 1, GRPC_TEXT_MAX);
	assert_int_equal(grpc_text_decode(bytes_str(longest), decoded), GRPC_TEXT_MAX);
}

/* The caller, against a script. */

struct script {
	int listener;
	const struct buf *answer;
	bool hangs; /* instead of closing */
	unsigned again; /* how often the answer's end is repeated: its last `tail` bytes */
	size_t tail;
};

static void *script_run(void *user)
{
	const struct script *s = user;
	char waste[4096];
	struct errmsg ignored = { "" };
	struct deadline until = deadline_in_ms(5000);
	int fd = -1;
	while (fd < 0 && deadline_sleep_ms(until, 1))
		fd = accept(s->listener, NULL, NULL);
	if (fd < 0 || recv(fd, waste, sizeof(waste), 0) <= 0)
		return NULL;
	struct bytes all = buf_bytes(s->answer);
	struct bytes tail = { all.data + all.len - s->tail, s->tail };
	bool sent = ttrpc_send(fd, all, until, &ignored) == OK;
	for (unsigned i = 0; sent && i < s->again; i++)
		sent = ttrpc_send(fd, tail, until, &ignored) == OK;
	if (!s->hangs)
		shutdown(fd, SHUT_WR);
	while (recv(fd, waste, sizeof(waste), 0) > 0) /* until the caller goes */
		;
	close(fd);
	return NULL;
}

static void caller_hears(struct script script, enum err expected, const char *text)
{
	struct wire_address at;
	char address[WIRE_NAME_MAX];
	pthread_t thread;
	AUTO(secret) *out = NULL;
	check_ok(wire_address_parse("127.0.0.1:0", &at, &em));
	check_ok(wire_listen(&at, &script.listener, &em));
	check_ok(wire_name(script.listener, address, &em));
	assert_int_equal(pthread_create(&thread, NULL, script_run, &script), 0);
	const struct provider_grpc_call call = { .address = address,
						 .op = PROVIDER_UNWRAP,
						 .request = bytes_str("{}") };
	enum err e = provider_grpc_run(&call, deadline_in_ms(script.hangs ? 300 : 5000), &out, &em);
	pthread_join(thread, NULL);
	close(script.listener);
	if (e != expected || (e != OK && !strstr(em.text, text)))
		fail_msg("%s: %s, instead of %s: %s", err_name(e), em.text, err_name(expected), text);
	if (e == OK)
		check_bytes(bytes_str(text), secret_bytes(out));
}

#define ANSWER(...)                                                                                                    \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		":status", "200", "content-type", "application/grpc", __VA_ARGS__ NULL                                 \
	}
#define TRAILERS(...)                                                                                                  \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}

/* Settings, and an answer of these parts. */
static void answer_is(const char *const *headers, const char *message, const char *const *trailers, enum err expected,
		      const char *text)
{
	AUTO_BUF
	answer = { 0 };
	h2_put(&answer, (struct h2_frame){ .type = H2_SETTINGS }, (struct bytes){ 0 });
	uint8_t flags = message || trailers ? H2_END_HEADERS : H2_END_HEADERS | H2_END_STREAM;
	h2_put_headers(&answer, (struct h2_frame){ .flags = flags, .stream = 1 }, headers);
	if (message)
		h2_put_message(&answer, 1, trailers ? 0 : H2_END_STREAM, bytes_str(message));
	if (trailers)
		h2_put_headers(&answer, (struct h2_frame){ .flags = H2_END_HEADERS | H2_END_STREAM, .stream = 1 },
			       trailers);
	caller_hears((struct script){ .answer = &answer }, expected, text);
}

static void the_caller_takes_an_answer_and_a_status(void **state)
{
	(void)state;
	const char *const *good = TRAILERS("grpc-status", "0");
	answer_is(ANSWER(), "\x0a\x02hi", good, OK, "hi");
	answer_is(ANSWER(), NULL, TRAILERS("grpc-status", "7", "grpc-message", "not %C3%A4"), ERR_DENIED,
		  "status 7: not ??");
	answer_is(ANSWER("grpc-status", "14", ), NULL, NULL, ERR_NET, "status 14");
	answer_is(ANSWER("grpc-status", "4", ), NULL, NULL, ERR_TIMEOUT, "status 4");
	answer_is(ANSWER("grpc-status", "99999", ), NULL, NULL, ERR_PROTO, "status 99999");
	answer_is(ANSWER("grpc-status", "-1", ), NULL, NULL, ERR_PROTO, "no status");
	answer_is(ANSWER(), "\x0a\x02hi", NULL, ERR_PROTO, "no status");
	answer_is(ANSWER(), NULL, good, ERR_PROTO, "no message");
	answer_is(ANSWER(), "\x0a\x09hi", good, ERR_PARSE, "protobuf");
	answer_is(TRAILERS(":status", "404"), NULL, NULL, ERR_PROTO, "HTTP status 404");
	answer_is(TRAILERS(":status", "503"), NULL, NULL, ERR_NET, "HTTP status 503");
	answer_is(TRAILERS(":status", "200", "content-type", "text/html"), NULL, NULL, ERR_PROTO,
		  "type application/grpc");
}

static void raw_is(struct h2_frame frame, struct bytes payload, enum err expected, const char *text)
{
	AUTO_BUF
	answer = { 0 };
	h2_put(&answer, (struct h2_frame){ .type = H2_SETTINGS }, (struct bytes){ 0 });
	if (frame.type == H2_DATA)
		h2_put_headers(&answer, (struct h2_frame){ .flags = H2_END_HEADERS, .stream = 1 }, ANSWER());
	h2_put(&answer, frame, payload);
	caller_hears((struct script){ .answer = &answer }, expected, text);
}

static void the_caller_bears_bad_peers(void **state)
{
	(void)state;
	static const uint8_t refused[] = { 0, 0, 0, 7 }, internal[] = { 0, 0, 0, 2 }, away[8] = { 0 };
	AUTO_BUF
	nothing = { 0 };
	AUTO_BUF
	http = { 0 };
	assert_int_equal(buf_append(&http, bytes_str("HTTP/1.1 400 Bad Request\r\n\r\n"), 0, NULL), OK);
	caller_hears((struct script){ .answer = &nothing }, ERR_NET, "closed");
	caller_hears((struct script){ .answer = &nothing, .hangs = true }, ERR_TIMEOUT, "no answer in time");
	caller_hears((struct script){ .answer = &http }, ERR_PROTO, "not HTTP/2");
	raw_is((struct h2_frame){ H2_RST, 0, 1 }, BYTES(refused), ERR_NET, "no further calls");
	raw_is((struct h2_frame){ H2_RST, 0, 1 }, BYTES(internal), ERR_PROTO, "INTERNAL_ERROR");
	raw_is((struct h2_frame){ H2_GOAWAY, 0, 0 }, BYTES(away), ERR_NET, "no further calls");
	raw_is((struct h2_frame){ H2_PUSH, 4, 1 }, BYTES(away), ERR_PROTO, "");
	raw_is((struct h2_frame){ H2_DATA, 1, 1 }, (struct bytes){ (const uint8_t *)"\1\0\0\0\2\x12", 6 },
	       ERR_UNSUPPORTED, "compressed");
	raw_is((struct h2_frame){ H2_DATA, 1, 1 }, (struct bytes){ (const uint8_t *)"\0\xff\xff\xff\xff", 5 },
	       ERR_LIMIT, "4294967295 bytes");
	raw_is((struct h2_frame){ H2_DATA, 0, 1 }, (struct bytes){ (const uint8_t *)"\0\0\0\0\1ab", 7 }, ERR_PROTO,
	       "more than one message");
	raw_is((struct h2_frame){ H2_DATA, 1, 1 }, (struct bytes){ (const uint8_t *)"\0\0\0\0\2a", 6 }, ERR_PROTO,
	       "no status");
}

static void the_caller_bears_floods(void **state)
{
	(void)state;
	static const uint8_t shut[] = { 0, 4, 0, 0, 0, 0 }, ping[8] = { 0 };
	AUTO_BUF
	stalls = { 0 };
	AUTO_BUF
	interim = { 0 };
	AUTO_BUF
	pings = { 0 };
	const struct h2_frame settings = { .type = H2_SETTINGS };
	h2_put(&stalls, settings, BYTES(shut)); /* no window: it never takes our request */
	caller_hears((struct script){ .answer = &stalls, .hangs = true }, ERR_TIMEOUT, "no answer in time");
	h2_put(&interim, settings, (struct bytes){ 0 });
	size_t before = interim.len;
	h2_put_headers(&interim, (struct h2_frame){ .flags = H2_END_HEADERS, .stream = 1 },
		       TRAILERS(":status", "103", "link", "0123456789012345678901234567890123456789"));
	caller_hears((struct script){ .answer = &interim, .again = 100000, .tail = interim.len - before }, ERR_LIMIT,
		     "bytes of headers");
	h2_put(&pings, settings, (struct bytes){ 0 });
	h2_put(&pings, (struct h2_frame){ .type = H2_PING }, BYTES(ping));
	caller_hears((struct script){ .answer = &pings, .again = 200000, .tail = 17 }, ERR_PROTO, "Flooding");
}

/* The server's side. What it submits stays here until it is answered. */

struct bench {
	struct provider_peer *peer;
	struct provider_job *jobs[64];
	size_t count;
	bool busy;
	struct buf sent;
};

static enum err job_keep(void *user, struct provider_job *job, struct errmsg *why)
{
	struct bench *b = user;
	assert_true(b->count < ARRAY_LEN(b->jobs));
	if (b->busy)
		return err_set(why, ERR_BUSY, "too many requests wait");
	b->jobs[b->count++] = job;
	return OK;
}

static enum err bench_drain(struct bench *b)
{
	for (;;) {
		enum err e = b->peer->ops->output(b->peer, &em);
		struct bytes out = outbox_bytes(b->peer->out);
		if (e != OK || out.len == 0)
			return e;
		assert_int_equal(buf_append(&b->sent, out, 0, NULL), OK);
		outbox_sent(b->peer->out, out.len);
	}
}

static enum err bench_give(struct bench *b, struct bytes in)
{
	enum err e = OK;
	while (e == OK && in.len > 0) {
		size_t before = in.len;
		e = b->peer->ops->input(b->peer, &in, &em);
		if (in.len == before)
			break;
	}
	return e == OK ? bench_drain(b) : e;
}

static int grpc_start(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	assert_non_null(b);
	b->peer = provider_peer_grpc();
	assert_non_null(b->peer);
	b->peer->submit = job_keep;
	b->peer->user = b;
	AUTO_BUF
	begin = { 0 };
	assert_int_equal(buf_append(&begin, bytes_str(H2_PREFACE), 0, NULL), OK);
	h2_put(&begin, (struct h2_frame){ .type = H2_SETTINGS }, (struct bytes){ 0 });
	check_ok(bench_give(b, buf_bytes(&begin)));
	*state = b;
	return 0;
}

static int grpc_end(void **state)
{
	struct bench *b = *state;
	for (size_t i = 0; i < b->count; i++)
		provider_job_free(b->jobs[i]);
	b->peer->ops->free(b->peer);
	buf_clear(&b->sent);
	free(b);
	return 0;
}

static void request(struct bench *b, uint32_t stream, const char *path, const char *const *more)
{
	AUTO_BUF
	in = { 0 };
	h2_put_request(&in, stream, path, more);
	h2_put_message(&in, stream, H2_END_STREAM, bytes_str("\x0a\x02{}"));
	check_ok(bench_give(b, buf_bytes(&in)));
}

static void value_is(const struct bench *b, uint32_t stream, const char *name, const char *expected)
{
	AUTO_STR
	char *value = h2_value(buf_bytes(&b->sent), stream, name);
	if (!expected)
		assert_null(value);
	else if (!value || strcmp(value, expected) != 0)
		fail_msg("%s of stream %u is %s instead of %s", name, stream, value ? value : "not there", expected);
}

static void answers_each_stream_when_it_is_done(void **state)
{
	struct bench *b = *state;
	request(b, 1, PATH, NULL);
	request(b, 3, PATH, NULL);
	assert_int_equal(b->count, 2);
	check_bytes(bytes_str("{}"), secret_bytes(b->jobs[0]->request));
	check_ok(secret_copy(bytes_str("an answer"), &b->jobs[1]->answer, &em));
	b->jobs[0]->e = err_set(&b->jobs[0]->why, ERR_NOT_FOUND, "kbs:///a/b/c");
	b->count = 0;
	check_ok(b->peer->ops->answer(b->peer, b->jobs[1], &em));
	check_ok(bench_drain(b));
	value_is(b, 3, "grpc-status", "0");
	value_is(b, 1, "grpc-status", NULL);
	assert_non_null(memmem(b->sent.data, b->sent.len,
			       "\x0a\x09"
			       "an answer",
			       11));
	check_ok(b->peer->ops->answer(b->peer, b->jobs[0], &em));
	check_ok(bench_drain(b));
	value_is(b, 1, "grpc-status", "5");
	value_is(b, 1, "grpc-message", "kbs:///a/b/c");
	assert_true(b->peer->ops->idle(b->peer));
}

static void refuses_what_is_none_of_its_calls(void **state)
{
	struct bench *b = *state;
	AUTO_BUF
	in = { 0 };
	request(b, 1, "/keyprovider.KeyProviderService/Nothing", NULL);
	request(b, 3, PATH, TRAILERS("grpc-encoding", "gzip", "grpc-timeout", "1S"));
	request(b, 5, PATH, TRAILERS("grpc-timeout", "soon"));
	h2_put_headers(&in, (struct h2_frame){ .flags = H2_END_HEADERS | H2_END_STREAM, .stream = 7 },
		       TRAILERS(":method", "GET", ":scheme", "http", ":path", PATH, ":authority", "x"));
	h2_put_headers(&in, (struct h2_frame){ .flags = H2_END_HEADERS | H2_END_STREAM, .stream = 9 },
		       TRAILERS(":method", "POST", ":scheme", "http", ":path", PATH, ":authority", "x", "content-type",
				"application/json"));
	h2_put_request(&in, 11, PATH, NULL);
	h2_put(&in, (struct h2_frame){ H2_DATA, 0, 11 },
	       (struct bytes){ (const uint8_t *)"\1\0\0\0\2\x12", 6 }); /* its rest never comes */
	h2_put_request(&in, 13, PATH, NULL);
	h2_put(&in, (struct h2_frame){ H2_DATA, 1, 13 }, (struct bytes){ (const uint8_t *)"\0\x7f\0\0\0", 5 });
	check_ok(bench_give(b, buf_bytes(&in)));
	value_is(b, 1, "grpc-status", "12");
	value_is(b, 3, "grpc-status", "9");
	value_is(b, 5, "grpc-status", "3");
	value_is(b, 7, ":status", "405");
	value_is(b, 9, ":status", "415");
	value_is(b, 11, "grpc-status", "9");
	assert_int_equal(h2_count(buf_bytes(&b->sent), H2_RST, 11), 1);
	value_is(b, 13, "grpc-status", "8");
	assert_int_equal(b->count, 0);
	b->busy = true;
	request(b, 15, PATH, NULL);
	value_is(b, 15, "grpc-status", "14");
}

static void a_time_limit_holds(void **state)
{
	struct bench *b = *state;
	request(b, 1, PATH, TRAILERS("grpc-timeout", "10m"));
	assert_int_equal(b->count, 1);
	assert_in_range(deadline_left_ms(b->peer->ops->until(b->peer)), 0, 10);
	deadline_sleep_ms(deadline_in_ms(20), 20);
	check_ok(b->peer->ops->due(b->peer, &em));
	check_ok(bench_drain(b));
	value_is(b, 1, "grpc-status", "4");
	b->count = 0;
	check_ok(b->peer->ops->answer(b->peer, b->jobs[0], &em)); /* too late: nobody hears it */
	size_t before = b->sent.len;
	check_ok(bench_drain(b));
	assert_int_equal(b->sent.len, before);
}

static void callers_that_give_up_do_not_pile_up_work(void **state)
{
	static const uint8_t cancel[] = { 0, 0, 0, 8 };
	struct bench *b = *state;
	enum err e = OK;
	for (uint32_t stream = 1; e == OK && stream < 400; stream += 2) {
		AUTO_BUF
		in = { 0 };
		h2_put_request(&in, stream, PATH, NULL);
		h2_put_message(&in, stream, H2_END_STREAM, bytes_str("\x0a\x02{}"));
		h2_put(&in, (struct h2_frame){ H2_RST, 0, stream }, BYTES(cancel));
		e = bench_give(b, buf_bytes(&in));
	}
	assert_int_equal(b->count, 2 * PEER_REQUESTS_MAX);
}

static void one_request_with_endless_headers_ends_alone(void **state)
{
	struct bench *b = *state;
	const char *more[21];
	for (size_t i = 0; i < 20; i++)
		more[i] = i % 2 ? "01234567890123456789012345678901234567890123456789012345678901234567890123456789"
				: "x-more";
	more[20] = NULL;
	AUTO_BUF
	in = { 0 };
	for (int i = 0; i < 8; i++)
		h2_put_headers(&in, (struct h2_frame){ .flags = 0, .stream = 1 }, more);
	/* CONTINUATION in place of HEADERS from the second on. */
	for (size_t at = 9 + (size_t)in.data[2] + ((size_t)in.data[1] << 8); at < in.len;
	     at += 9 + (size_t)in.data[at + 2] + ((size_t)in.data[at + 1] << 8))
		in.data[at + 3] = H2_MORE;
	(void)!bench_give(b, buf_bytes(&in));
	assert_int_equal(b->count, 0);
	assert_true(b->sent.len < 4096);
}

static void takes_nothing_new_once_it_ends(void **state)
{
	struct bench *b = *state;
	AUTO_BUF
	half = { 0 };
	request(b, 1, PATH, NULL);
	h2_put_request(&half, 3, PATH, NULL);
	check_ok(bench_give(b, buf_bytes(&half)));
	check_ok(b->peer->ops->finish(b->peer, &em));
	check_ok(bench_drain(b));
	assert_int_equal(h2_count(buf_bytes(&b->sent), H2_GOAWAY, 0), 1);
	assert_int_equal(h2_count(buf_bytes(&b->sent), H2_RST, 3), 1);
	assert_false(b->peer->ops->idle(b->peer));
	check_ok(secret_copy(bytes_str("last"), &b->jobs[0]->answer, &em));
	b->count = 0;
	check_ok(b->peer->ops->answer(b->peer, b->jobs[0], &em));
	check_ok(bench_drain(b));
	value_is(b, 1, "grpc-status", "0");
	assert_true(b->peer->ops->idle(b->peer));
}

static void a_peer_without_http2_is_let_go(void **state)
{
	(void)state;
	struct bench b = { .peer = provider_peer_grpc() };
	assert_in_range(deadline_left_ms(b.peer->ops->until(b.peer)), 1, 10000);
	check_err(ERR_PROTO, bench_give(&b, bytes_str("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")));
	b.peer->ops->free(b.peer);
	buf_clear(&b.sent);
}

#define GRPC(name) cmocka_unit_test_setup_teardown(name, grpc_start, grpc_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_time_limits),
		cmocka_unit_test(texts_survive_their_encoding),
		cmocka_unit_test(the_caller_takes_an_answer_and_a_status),
		cmocka_unit_test(the_caller_bears_bad_peers),
		cmocka_unit_test(the_caller_bears_floods),
		cmocka_unit_test(a_peer_without_http2_is_let_go),
		GRPC(answers_each_stream_when_it_is_done),
		GRPC(refuses_what_is_none_of_its_calls),
		GRPC(a_time_limit_holds),
		GRPC(callers_that_give_up_do_not_pile_up_work),
		GRPC(one_request_with_endless_headers_ends_alone),
		GRPC(takes_nothing_new_once_it_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
