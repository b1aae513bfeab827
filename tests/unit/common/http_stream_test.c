#include "common/http_stream.h"
#include "tests/support/http2_peer.h"
#include "tests/support/http_peer.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

/* Answers as streams: of HTTP/2, which share a connection, from a server that misbehaves by path; of HTTP/1.1, where
 * they differ. */

static struct http_pool *pool_new(const struct http2_peer *s, bool (*interrupted)(void *user), void *user)
{
	struct http_pool *pool = NULL;
	const struct http_pool_options options = { .ca_pem = bytes_str(http2_peer_ca_pem(s)),
						   .interrupted = interrupted,
						   .interrupted_user = user };
	assert_int_equal(http_pool_open(&options, &pool, NULL), OK);
	return pool;
}

static enum err ask(struct http_pool *pool, const struct http2_peer *s, const char *path, struct http_reply *out)
{
	char url[128];
	struct errmsg em = { "" };
	snprintf(url, sizeof(url), "https://localhost:%u%s", http2_peer_port(s), path);
	const struct http_call call = { .method = "GET", .url = url };
	enum err e = http_pool_call(pool, &call, out, &em);
	if (e != OK)
		print_message("%s: %s\n", path, em.text);
	return e;
}

/* *size: of what came, which is as it should be. */
static enum err body_read(struct http_reply *reply, size_t *size)
{
	uint8_t chunk[10007] = { 0 };
	*size = 0;
	for (;;) {
		size_t got = 0;
		enum err e = stream_read(reply->body, (struct stream_window){ chunk, sizeof(chunk) }, &got, NULL);
		if (e != OK || got == 0)
			return e;
		for (size_t i = 0; i < got; i++)
			if (chunk[i] != (uint8_t)((*size + i) % 251))
				return ERR_INTEGRITY;
		*size += got;
	}
}

static void assert_answer(struct http_pool *pool, const struct http2_peer *s, const char *path, size_t expected)
{
	AUTO_HTTP_REPLY reply = { 0 };
	size_t size = 0;
	assert_int_equal(ask(pool, s, path, &reply), OK);
	assert_int_equal(reply.status, 200);
	assert_int_equal(body_read(&reply, &size), OK);
	assert_int_equal(size, expected);
}

static void an_answer_that_nobody_reads_holds_up_no_other(void **state)
{
	(void)state;
	AUTO(http2_peer) *s = http2_peer_start();
	AUTO(http_pool) *pool = pool_new(s, NULL, NULL);
	AUTO_HTTP_REPLY unread = { 0 };
	size_t size = 0;
	assert_int_equal(ask(pool, s, "/big", &unread), OK);
	assert_answer(pool, s, "/small", HTTP2_PEER_SMALL);
	assert_answer(pool, s, "/big", HTTP2_PEER_BIG);
	assert_answer(pool, s, "/moved", HTTP2_PEER_SMALL);
	assert_int_equal(body_read(&unread, &size), OK);
	assert_int_equal(size, HTTP2_PEER_BIG);
	assert_int_equal(http2_peer_connections(s), 1);
}

struct reader {
	struct http_pool *pool;
	const struct http2_peer *peer;
	enum err e;
	size_t size;
};

static void *reader_run(void *argument)
{
	struct reader *r = argument;
	AUTO_HTTP_REPLY reply = { 0 };
	r->e = ask(r->pool, r->peer, "/big", &reply);
	if (r->e == OK)
		r->e = body_read(&reply, &r->size);
	return NULL;
}

static void threads_share_one_connection(void **state)
{
	(void)state;
	AUTO(http2_peer) *s = http2_peer_start();
	AUTO(http_pool) *pool = pool_new(s, NULL, NULL);
	struct reader readers[6];
	pthread_t threads[ARRAY_LEN(readers)];
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		readers[i] = (struct reader){ pool, s, ERR_INTERNAL, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, reader_run, &readers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		assert_int_equal(readers[i].e, OK);
		assert_int_equal(readers[i].size, HTTP2_PEER_BIG);
	}
	assert_int_equal(http2_peer_connections(s), 1);
}

static void answers_that_break_off_are_worth_a_retry(void **state)
{
	(void)state;
	AUTO(http2_peer) *s = http2_peer_start();
	AUTO(http_pool) *pool = pool_new(s, NULL, NULL);
	AUTO_HTTP_REPLY reply = { 0 };
	size_t size = 0;
	assert_int_equal(ask(pool, s, "/reset", &reply), OK);
	assert_int_equal(body_read(&reply, &size), ERR_NET);
	assert_answer(pool, s, "/small", HTTP2_PEER_SMALL);
	assert_int_equal(ask(pool, s, "/gone", &reply), ERR_NET);
	assert_answer(pool, s, "/small", HTTP2_PEER_SMALL);
	assert_int_equal(http2_peer_connections(s), 2);
}

static void all_spellings_of_a_url_ask_for_the_same(void **state)
{
	static const struct {
		const char *before, *behind, *asked;
	} spellings[] = {
		{ "https:/localhost", "/small?scope=a", "/small?scope=a" },
		{ "https://localhost", "?scope=a", "/?scope=a" },
		{ "https://localhost", "/a/../small", "/small" },
		{ "https://localhost", "", "/" },
	};
	(void)state;
	AUTO(http2_peer) *s = http2_peer_start();
	AUTO(http_pool) *pool = pool_new(s, NULL, NULL);
	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		AUTO_HTTP_REPLY reply = { 0 };
		char url[128];
		snprintf(url, sizeof(url), "%s:%u%s", spellings[i].before, http2_peer_port(s), spellings[i].behind);
		const struct http_call call = { .method = "GET", .url = url };
		assert_int_equal(http_pool_call(pool, &call, &reply, NULL), OK);
		AUTO_STR
		char *asked = http_response_header(&reply.head, "asked");
		assert_string_equal(asked, spellings[i].asked);
	}
}

static void connects_anew_after_a_goodbye(void **state)
{
	(void)state;
	AUTO(http2_peer) *s = http2_peer_start();
	AUTO(http_pool) *pool = pool_new(s, NULL, NULL);
	assert_answer(pool, s, "/bye", HTTP2_PEER_SMALL);
	assert_answer(pool, s, "/small", HTTP2_PEER_SMALL);
	assert_int_equal(http2_peer_connections(s), 2);
}

static void few_of_many_servers_stay_connected(void **state)
{
	struct http2_peer *servers[10];
	const struct http_pool_options options = { .insecure = true };
	(void)state;
	AUTO(http_pool) *pool = NULL;
	AUTO_HTTP_REPLY first = { 0 };
	size_t size = 0;
	assert_int_equal(http_pool_open(&options, &pool, NULL), OK);
	for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
		servers[i] = http2_peer_start();
		if (i == 0)
			assert_int_equal(ask(pool, servers[0], "/big", &first), OK);
		assert_answer(pool, servers[i], "/small", HTTP2_PEER_SMALL);
	}
	for (size_t i = ARRAY_LEN(servers); i-- > 0;)
		assert_answer(pool, servers[i], "/small", HTTP2_PEER_SMALL);
	assert_int_equal(http2_peer_connections(servers[9]), 1);
	assert_int_equal(http2_peer_connections(servers[0]), 2);
	/* What is still being read is not cut off. */
	assert_int_equal(body_read(&first, &size), OK);
	assert_int_equal(size, HTTP2_PEER_BIG);
	http_reply_clear(&first);
	http_pool_free(steal(&pool));
	for (size_t i = 0; i < ARRAY_LEN(servers); i++)
		http2_peer_free(servers[i]);
}

static void refuses_a_flood_of_headers(void **state)
{
	(void)state;
	AUTO(http2_peer) *s = http2_peer_start();
	AUTO(http_pool) *pool = pool_new(s, NULL, NULL);
	AUTO_HTTP_REPLY reply = { 0 };
	assert_int_not_equal(ask(pool, s, "/flood", &reply), OK);
}

static void sends_bodies(void **state)
{
	(void)state;
	AUTO(http2_peer) *s = http2_peer_start();
	AUTO(http_pool) *pool = pool_new(s, NULL, NULL);
	AUTO_HTTP_REPLY reply = { 0 };
	AUTO(stream) *body = NULL;
	char url[128], size[24];
	struct buf content = { calloc(1, HTTP2_PEER_BIG), HTTP2_PEER_BIG, HTTP2_PEER_BIG };
	assert_non_null(content.data);
	for (size_t i = 0; i < HTTP2_PEER_BIG; i++)
		content.data[i] = (uint8_t)(i % 251);
	assert_int_equal(stream_from_bytes(buf_bytes(&content), &body, NULL), OK);
	snprintf(url, sizeof(url), "https://localhost:%u/upload", http2_peer_port(s));
	snprintf(size, sizeof(size), "%zu", HTTP2_PEER_BIG);
	const struct http_call call = {
		.method = "PUT", .url = url, .body = body, .body_size = (int64_t)HTTP2_PEER_BIG
	};
	assert_int_equal(http_pool_call(pool, &call, &reply, NULL), OK);
	AUTO_STR
	char *received = http_response_header(&reply.head, "received");
	assert_string_equal(received, size);
	buf_clear(&content);
}

static bool at_once(void *user)
{
	atomic_uint *asked = user;
	return atomic_fetch_add(asked, 1) > 2;
}

static void a_wait_ends_when_it_is_interrupted(void **state)
{
	(void)state;
	atomic_uint asked = 0;
	AUTO(http2_peer) *s = http2_peer_start();
	AUTO(http_pool) *pool = pool_new(s, at_once, &asked);
	AUTO_HTTP_REPLY reply = { 0 };
	assert_int_equal(ask(pool, s, "/never", &reply), ERR_IO);
}

/* What a pool makes of a peer that is slow. */
static enum err ask_slow(const struct http_pool_options *options, const struct http_call *call)
{
	AUTO(http_pool) *pool = NULL;
	AUTO_HTTP_REPLY reply = { 0 };
	size_t size = 0;
	assert_int_equal(http_pool_open(options, &pool, NULL), OK);
	enum err e = http_pool_call(pool, call, &reply, NULL);
	return e == OK ? body_read(&reply, &size) : e;
}

static void peers_that_say_nothing_are_given_up(void **state)
{
	(void)state;
	AUTO(http2_peer) *s = http2_peer_start();
	static const struct http_peer_reply late = { .delay_ms = 1500 };
	AUTO(http_peer) *peer = http_peer_start(&(struct http_peer_options){ .script = &late, .script_len = 1 });
	char url[128];
	snprintf(url, sizeof(url), "https://localhost:%u/never", http2_peer_port(s));
	const struct http_pool_options options = { .ca_pem = bytes_str(http2_peer_ca_pem(s)),
						   .stall_ms = 200,
						   .insecure = true };
	assert_int_equal(ask_slow(&options, &(struct http_call){ .method = "GET", .url = url }), ERR_TIMEOUT);
	assert_int_equal(ask_slow(&options, &(struct http_call){ .method = "GET", .url = http_peer_url(peer) }),
			 ERR_TIMEOUT);
}

static void answers_in_drops_are_given_up_where_their_time_is_bounded(void **state)
{
	(void)state;
	static const uint8_t body[400];
	static const struct http_peer_reply drops = { .body = BYTES(body), .byte_ms = 20 };
	AUTO(http_peer) *peer = http_peer_start(&(struct http_peer_options){ .script = &drops, .script_len = 1 });
	const struct http_pool_options options = { .insecure = true };
	const struct http_call call = { .method = "GET", .url = http_peer_url(peer), .total_ms = 300 };
	assert_int_equal(ask_slow(&options, &call), ERR_TIMEOUT);
}

static void where_http2_is_not_spoken_each_answer_has_its_connection(void **state)
{
	(void)state;
	static const struct http_peer_reply reply = { .body = BYTES("hello") };
	AUTO(http_peer) *peer =
		http_peer_start(&(struct http_peer_options){ .script = &reply, .script_len = 1, .tls = HTTP_PEER_TLS });
	AUTO(http_pool) *pool = NULL;
	AUTO_HTTP_REPLY one = { 0 };
	AUTO_HTTP_REPLY two = { 0 };
	uint8_t text[16];
	size_t got = 0;
	const struct http_pool_options options = { .ca_pem = bytes_str(http_peer_ca_pem(peer)) };
	const struct http_call call = { .method = "GET", .url = http_peer_url(peer) };
	assert_int_equal(http_pool_open(&options, &pool, NULL), OK);
	assert_int_equal(http_pool_call(pool, &call, &one, NULL), OK);
	assert_int_equal(http_pool_call(pool, &call, &two, NULL), OK);
	assert_int_equal(stream_read(one.body, (struct stream_window){ text, sizeof(text) }, &got, NULL), OK);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(stream_read(two.body, (struct stream_window){ text, sizeof(text) }, &got, NULL), OK);
	assert_memory_equal(text, "hello", 5);
	assert_true(http_peer_connections(peer) >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_that_nobody_reads_holds_up_no_other),
		cmocka_unit_test(threads_share_one_connection),
		cmocka_unit_test(answers_that_break_off_are_worth_a_retry),
		cmocka_unit_test(all_spellings_of_a_url_ask_for_the_same),
		cmocka_unit_test(connects_anew_after_a_goodbye),
		cmocka_unit_test(few_of_many_servers_stay_connected),
		cmocka_unit_test(refuses_a_flood_of_headers),
		cmocka_unit_test(sends_bodies),
		cmocka_unit_test(a_wait_ends_when_it_is_interrupted),
		cmocka_unit_test(peers_that_say_nothing_are_given_up),
		cmocka_unit_test(answers_in_drops_are_given_up_where_their_time_is_bounded),
		cmocka_unit_test(where_http2_is_not_spoken_each_answer_has_its_connection),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
