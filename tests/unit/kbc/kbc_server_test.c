#include "kbc/kbc.h"

#include "kbs/kbs.h"
#include "tests/support/http_peer.h"

#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* The client with libcurl against the project's own server. Between them stands a peer that counts connections, and
 * loses them where a test asks for it. */

static struct {
	char dir[64];
	struct kbs *kbs;
	struct http_peer *front;
	struct http *onward;
	bool drop; /* the front closes each connection after the answer, without saying so */
} world;

static void say(const struct errmsg *em)
{
	print_error("%s\n", em->text);
}

#define MUST(call)                                                                                                     \
	do {                                                                                                           \
		struct errmsg em = { "" };                                                                             \
		enum err e_ = (call);                                                                                  \
		if (e_ != OK)                                                                                          \
			say(&em);                                                                                      \
		assert_int_equal(e_, OK);                                                                              \
	} while (0)

static void pass_on(void *ctx, const struct http_peer_request *request, struct http_peer_reply *reply)
{
	(void)ctx;
	static const char *const names[] = { "Content-Type", "Cookie", "Authorization" };
	static char set_cookie[256];
	struct http_header headers[3];
	char *values[3] = { NULL };
	struct http_request onward = { .method = request->method,
				       .headers = headers,
				       .body = buf_bytes(&request->body),
				       .deadline = deadline_in_ms(60000) };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		values[i] = http_peer_request_header(request, names[i]);
		if (values[i])
			headers[onward.header_count++] = (struct http_header){ names[i], values[i] };
	}
	AUTO_STR
	char *url = NULL;
	AUTO_HTTP_RESPONSE answer = { 0 };
	if (asprintf(&url, "%s%s", kbs_url(world.kbs), request->target) < 0)
		abort();
	onward.url = url;
	if (http_curl()->request(world.onward, &onward, &answer, NULL) != OK)
		abort();
	AUTO_STR
	char *cookie = http_response_header(&answer, "set-cookie");
	snprintf(set_cookie, sizeof(set_cookie), "Set-Cookie: %s\r\n", cookie ? cookie : "");
	reply->status = (int)answer.status;
	reply->headers = cookie ? set_cookie : NULL;
	reply->body_owned = strdup(buf_cstr(&answer.body));
	reply->drop = world.drop;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		free(values[i]);
}

static void server_start(void)
{
	struct kbs_options o = { .dir = world.dir, .listen = "127.0.0.1:0", .allow_sample = true };
	MUST(kbs_start(&o, &world.kbs, &em));
}

static void store(const char *text, const char *contents)
{
	char path[128];
	AUTO_OF(EVP_PKEY) *key = NULL;
	AUTO(secret) *resource = NULL;
	struct resource_uri uri;
	snprintf(path, sizeof(path), "%s/admin.key", world.dir);
	MUST(kbs_admin_key(path, &key, &em));
	MUST(resource_uri_parse(text, &uri, &em));
	MUST(secret_copy(bytes_str(contents), &resource, &em));
	struct kbs_admin admin = {
		.transport = http_curl(), .url = kbs_url(world.kbs), .key = key, .deadline = deadline_in_ms(60000)
	};
	MUST(kbs_admin_set(&admin, &uri, resource, &em));
}

static int begin(void **state)
{
	(void)state;
	struct http_options http = { .max_response = 1 << 20 };
	struct http_peer_options peer = { .answer = pass_on };
	strcpy(world.dir, "/tmp/kbc-server-test.XXXXXX");
	if (!mkdtemp(world.dir))
		return -1;
	strcat(world.dir, "/kbs");
	MUST(kbs_init(world.dir, &em));
	server_start();
	store("kbs:///default/key/1", "one");
	store("kbs:///default/key/2", "two");
	MUST(http_curl()->open(&http, &world.onward, &em));
	world.drop = false;
	world.front = http_peer_start(&peer);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static int end(void **state)
{
	(void)state;
	http_peer_free(world.front);
	http_curl()->close(world.onward);
	kbs_stop(world.kbs);
	*strrchr(world.dir, '/') = '\0';
	return nftw(world.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct kbc *client(const char *key_type)
{
	struct kbc *kbc = NULL;
	struct kbc_options o = { .kind = "cc_kbc",
				 .urls = { (char *)http_peer_url(world.front) },
				 .url_count = 1,
				 .attester = "sample",
				 .timeout_ms = 100000,
				 .lifetime_ms = 3600000,
				 .max_resource = 65536 };
	snprintf(o.key_type, sizeof(o.key_type), "%s", key_type);
	MUST(kbc_new(&o, http_curl(), &kbc, &em));
	return kbc;
}

static enum err get(struct kbc *kbc, const char *text, const char *expected)
{
	struct resource_uri uri;
	struct errmsg em = { "" };
	AUTO(secret) *got = NULL;
	assert_int_equal(resource_uri_parse(text, &uri, &em), OK);
	enum err e = kbc_get(kbc, &uri, deadline_in_ms(100000), &got, &em);
	if (e == OK)
		assert_true(bytes_equal(secret_bytes(got), bytes_str(expected)));
	else if (expected)
		say(&em);
	return e;
}

static void a_first_use_costs_three_requests_on_one_connection(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client("P-256");
	assert_int_equal(get(kbc, "kbs:///default/key/1", "one"), OK);
	assert_int_equal(http_peer_requests(world.front), 3);
	assert_int_equal(get(kbc, "kbs:///default/key/2", "two"), OK);
	assert_int_equal(get(kbc, "kbs:///default/key/1", "one"), OK);
	assert_int_equal(http_peer_requests(world.front), 5);
	assert_int_equal(http_peer_connections(world.front), 1);
}

static void every_kind_of_tee_key_is_accepted(void **state)
{
	(void)state;
	static const char *const types[] = { "P-256", "P-521", "RSA" };
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		AUTO(kbc) *kbc = client(types[i]);
		assert_int_equal(get(kbc, "kbs:///default/key/1", "one"), OK);
	}
}

static void a_server_that_was_restarted_still_takes_the_result(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client("P-256");
	assert_int_equal(get(kbc, "kbs:///default/key/1", "one"), OK);
	kbs_stop(world.kbs);
	server_start();
	assert_int_equal(get(kbc, "kbs:///default/key/2", "two"), OK);
	assert_int_equal(kbc_counts(kbc).handshakes, 1);
}

static void a_connection_that_was_closed_silently_is_no_failure(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client("P-256");
	world.drop = true;
	assert_int_equal(get(kbc, "kbs:///default/key/1", "one"), OK);
	assert_int_equal(get(kbc, "kbs:///default/key/2", "two"), OK);
	assert_int_equal(kbc_counts(kbc).handshakes, 1);
	/* How many tries it took depends on which came first, the end of a connection or the next request. */
}

static void an_unknown_resource_is_not_found(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client("P-256");
	assert_int_equal(get(kbc, "kbs:///default/key/none", NULL), ERR_NOT_FOUND);
	assert_int_equal(http_peer_requests(world.front), 3);
}

static void *thread_gets(void *kbc)
{
	struct resource_uri uri;
	AUTO(secret) *got = NULL;
	bool good = resource_uri_parse("kbs:///default/key/1", &uri, NULL) == OK &&
		    kbc_get(kbc, &uri, deadline_in_ms(100000), &got, NULL) == OK;
	return good ? kbc : NULL;
}

static void threads_share_one_handshake(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client("P-256");
	pthread_t threads[8];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_gets, kbc), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *good = NULL;
		pthread_join(threads[i], &good);
		assert_non_null(good);
	}
	assert_int_equal(http_peer_requests(world.front), 2 + 8);
	assert_int_equal(kbc_counts(kbc).handshakes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_first_use_costs_three_requests_on_one_connection, begin, end),
		cmocka_unit_test_setup_teardown(every_kind_of_tee_key_is_accepted, begin, end),
		cmocka_unit_test_setup_teardown(a_server_that_was_restarted_still_takes_the_result, begin, end),
		cmocka_unit_test_setup_teardown(a_connection_that_was_closed_silently_is_no_failure, begin, end),
		cmocka_unit_test_setup_teardown(an_unknown_resource_is_not_found, begin, end),
		cmocka_unit_test_setup_teardown(threads_share_one_handshake, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
