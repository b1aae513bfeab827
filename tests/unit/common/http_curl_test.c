#include "common/http.h"

#include "common/crypto_gate.h"
#include "common/http_socket.h"
#include "common/libctx.h"
#include "common/sigpipe.h"
#include "tests/support/http_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PLAIN_REPLY(text)                                                                                              \
	{                                                                                                              \
		.body = {(const uint8_t *)(text), sizeof(text) - 1 }                                                   \
	}

static struct http *open_client(struct http_options options)
{
	struct http *http = NULL;
	struct errmsg em = { "" };
	if (http_curl()->open(&options, &http, &em) != OK)
		fail_msg("open: %s", em.text);
	return http;
}

struct call {
	const char *url;
	const char *method;
	struct bytes body;
	int64_t ms;
};

static enum err send_request(struct http *http, struct call call, struct http_response *resp, struct errmsg *em)
{
	const struct http_header headers[] = { { "Cookie", "kbs-session-id=abc" } };
	struct http_request req = { call.method ? call.method : "GET",       call.url, headers, 1, call.body,
				    deadline_in_ms(call.ms ? call.ms : 5000) };
	return http_curl()->request(http, &req, resp, em);
}

static struct http_peer *start_peer(const struct http_peer_reply *script, size_t n)
{
	return http_peer_start(&(struct http_peer_options){ .script = script, .script_len = n });
}

/* One GET to a peer that answers like `reply`; the client closes afterwards. */
static enum err get_once(const struct http_peer_reply *reply, struct http_options options, int64_t ms,
			 struct http_response *resp, struct errmsg *em)
{
	AUTO(http_peer) *peer = start_peer(reply, 1);
	struct http *http = open_client(options);
	enum err e = send_request(http, (struct call){ .url = http_peer_url(peer), .ms = ms }, resp, em);
	http_curl()->close(http);
	return e;
}

static void keeps_one_connection_for_many_requests(void **state)
{
	(void)state;
	const struct http_peer_reply script[] = {
		{ .headers = "Set-Cookie: kbs-session-id=1f; HttpOnly\r\nX-Empty:\r\n",
		  .body = { (const uint8_t *)"one", 3 } },
		{ .status = 401, .body = { (const uint8_t *)"two", 3 } },
	};
	AUTO(http_peer) *peer = start_peer(script, 2);
	struct http *http = open_client((struct http_options){ 0 });
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct errmsg em = { "" };

	struct call post = { .url = http_peer_url(peer), .method = "POST", .body = bytes_str("{}") };
	assert_int_equal(send_request(http, post, &resp, &em), OK);
	assert_int_equal(resp.status, 200);
	assert_string_equal(buf_cstr(&resp.body), "one");
	AUTO_STR
	char *cookie = http_response_header(&resp, "set-cookie");
	assert_string_equal(cookie, "kbs-session-id=1f; HttpOnly");
	assert_null(http_response_header(&resp, "x-missing"));

	for (int i = 0; i < 3; i++) {
		assert_int_equal(send_request(http, (struct call){ .url = http_peer_url(peer) }, &resp, &em), OK);
		assert_int_equal(resp.status, 401);
		assert_string_equal(buf_cstr(&resp.body), "two");
	}
	assert_int_equal(http_peer_requests(peer), 4);
	assert_int_equal(http_peer_connections(peer), 1);

	const struct http_peer_request *first = http_peer_request(peer, 0);
	assert_string_equal(first->method, "POST");
	assert_string_equal((char *)first->body.data, "{}");
	AUTO_STR
	char *sent = http_peer_request_header(first, "cookie");
	assert_string_equal(sent, "kbs-session-id=abc");
	assert_null(http_peer_request_header(first, "Expect"));
	assert_null(http_peer_request_header(first, "Accept-Encoding"));
	assert_null(http_peer_request_header(first, "Content-Type"));
	/* Cookies are the caller's: the one of the first answer does not come back by itself. */
	AUTO_STR
	char *again = http_peer_request_header(http_peer_request(peer, 1), "cookie");
	assert_string_equal(again, "kbs-session-id=abc");
	http_curl()->close(http);
}

static void connects_again_where_a_kept_connection_died(void **state)
{
	(void)state;
	const struct http_peer_reply script[] = { { .body = { (const uint8_t *)"1", 1 }, .drop = true },
						  PLAIN_REPLY("2") };
	AUTO(http_peer) *peer = start_peer(script, 2);
	struct http *http = open_client((struct http_options){ 0 });
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct errmsg em = { "" };
	assert_int_equal(send_request(http, (struct call){ .url = http_peer_url(peer) }, &resp, &em), OK);
	assert_true(http_peer_wait_closed(peer, 1));
	struct call post = { .url = http_peer_url(peer), .method = "POST", .body = bytes_str("x") };
	assert_int_equal(send_request(http, post, &resp, &em), OK);
	assert_string_equal(buf_cstr(&resp.body), "2");
	assert_int_equal(http_peer_connections(peer), 2);
	http_curl()->close(http);
}

static void refuses_an_answer_beyond_its_bound(void **state)
{
	(void)state;
	const struct http_options small = { .max_response = 1000 };
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct errmsg em = { "" };
	char text[1002];
	memset(text, 'a', sizeof text);
	const struct http_peer_reply announced = { .body = { (uint8_t *)text, 1001 } };
	assert_int_equal(get_once(&announced, small, 0, &resp, &em), ERR_LIMIT);
	assert_int_equal(resp.body.len, 0);
	assert_non_null(strstr(em.text, "127.0.0.1"));
	const struct http_peer_reply endless = { .flood = 10000000 };
	assert_int_equal(get_once(&endless, small, 0, &resp, &em), ERR_LIMIT);
	const struct http_peer_reply fits = { .body = { (uint8_t *)text, 1000 } };
	assert_int_equal(get_once(&fits, small, 0, &resp, &em), OK);
	assert_int_equal(resp.body.len, 1000);
}

static void refuses_endless_headers(void **state)
{
	(void)state;
	AUTO_BUF
	raw = { 0 };
	struct errmsg em = { "" };
	assert_int_equal(buf_append(&raw, bytes_str("HTTP/1.1 200 OK\r\n"), 0, &em), OK);
	for (int i = 0; i < 4000; i++)
		assert_int_equal(buf_append(&raw, bytes_str("X-Many: 0123456789\r\n"), 0, &em), OK);
	assert_int_equal(buf_append(&raw, bytes_str("Content-Length: 0\r\n\r\n"), 0, &em), OK);
	const struct http_peer_reply reply = { .raw = buf_cstr(&raw) };
	AUTO_HTTP_RESPONSE resp = { 0 };
	assert_int_equal(get_once(&reply, (struct http_options){ 0 }, 0, &resp, &em), ERR_LIMIT);
}

static void ends_at_the_deadline(void **state)
{
	(void)state;
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct errmsg em = { "" };
	const struct http_peer_reply late = { .delay_ms = 1500 };
	int64_t begin = monotonic_ms();
	assert_int_equal(get_once(&late, (struct http_options){ 0 }, 100, &resp, &em), ERR_TIMEOUT);
	const struct http_peer_reply slow = { .body = { (const uint8_t *)"0123456789", 10 }, .byte_ms = 20 };
	assert_int_equal(get_once(&slow, (struct http_options){ 0 }, 100, &resp, &em), ERR_TIMEOUT);
	assert_true(monotonic_ms() - begin < 10000);
	assert_int_equal(resp.body.len, 0);
}

static void sends_nothing_after_the_deadline(void **state)
{
	(void)state;
	const struct http_peer_reply reply = PLAIN_REPLY("late");
	AUTO(http_peer) *peer = start_peer(&reply, 1);
	struct http *http = open_client((struct http_options){ 0 });
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct errmsg em = { "" };
	struct http_request req = { .method = "GET", .url = http_peer_url(peer), .deadline = { 0 } };
	assert_int_equal(http_curl()->request(http, &req, &resp, &em), ERR_TIMEOUT);
	assert_int_equal(http_peer_connections(peer), 0);
	http_curl()->close(http);
}

static void tells_a_broken_connection_from_a_broken_answer(void **state)
{
	(void)state;
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct errmsg em = { "" };
	const struct http_peer_reply none = { .cut_after = SIZE_MAX };
	assert_int_equal(get_once(&none, (struct http_options){ 0 }, 0, &resp, &em), ERR_NET);
	const struct http_peer_reply part = { .body = { (const uint8_t *)"0123456789", 10 }, .cut_after = 45 };
	assert_int_equal(get_once(&part, (struct http_options){ 0 }, 0, &resp, &em), ERR_NET);
	assert_int_equal(resp.body.len, 0);
	const struct http_peer_reply other = { .raw = "SSH-2.0-server\r\n" };
	assert_int_equal(get_once(&other, (struct http_options){ 0 }, 0, &resp, &em), ERR_PROTO);
}

static void names_host_and_port_where_nobody_listens(void **state)
{
	(void)state;
	const struct http_peer_reply reply = PLAIN_REPLY("");
	struct http_peer *peer = start_peer(&reply, 1);
	char url[64];
	snprintf(url, sizeof url, "http://127.0.0.1:%u/secret?token=hidden", http_peer_port(peer));
	http_peer_free(peer);
	struct http *http = open_client((struct http_options){ 0 });
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct errmsg em = { "" };
	assert_int_equal(send_request(http, (struct call){ .url = url }, &resp, &em), ERR_NET);
	url[strcspn(url + 7, "/") + 7] = '\0';
	assert_non_null(strstr(em.text, url));
	assert_null(strstr(em.text, "hidden"));
	http_curl()->close(http);
}

static void follows_no_redirect(void **state)
{
	(void)state;
	const struct http_peer_reply reply = { .status = 302, .headers = "Location: http://127.0.0.1:1/\r\n" };
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct errmsg em = { "" };
	assert_int_equal(get_once(&reply, (struct http_options){ 0 }, 0, &resp, &em), OK);
	assert_int_equal(resp.status, 302);
}

static void refuses_urls_that_it_must_not_open(void **state)
{
	(void)state;
	static const char *const urls[] = {
		"http://kbs.example/",
		"http://192.0.2.1:8080/",
		"http://[2001:db8::1]/",
		"http://localhost.example/",
		"http://127.0.0.1.example/",
		"http://128.0.0.1/",
		"file:///etc/passwd",
		"ftp://127.0.0.1/",
		"https://user:pw@127.0.0.1/",
		"https://127.0.0.1/#part",
		"https:///path",
		"kbs:///a/b/c",
		"127.0.0.1",
		"",
		"http://127.0.0.1:99999/",
	};
	struct http *http = open_client((struct http_options){ 0 });
	AUTO_HTTP_RESPONSE resp = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct errmsg em = { "" };
		enum err e = send_request(http, (struct call){ .url = urls[i] }, &resp, &em);
		if (e != ERR_ARG)
			fail_msg("%s: %s: %s", urls[i], err_name(e), em.text);
	}
	http_curl()->close(http);
}

static void refuses_a_header_with_a_line_end(void **state)
{
	(void)state;
	const struct http_peer_reply reply = PLAIN_REPLY("");
	AUTO(http_peer) *peer = start_peer(&reply, 1);
	struct http *http = open_client((struct http_options){ 0 });
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct errmsg em = { "" };
	const struct http_header bad[] = { { "Cookie", "a=b\r\nX-Other: c" } };
	struct http_request req = { "GET", http_peer_url(peer), bad, 1, { NULL, 0 }, deadline_in_ms(1000) };
	assert_int_equal(http_curl()->request(http, &req, &resp, &em), ERR_ARG);
	assert_int_equal(http_peer_requests(peer), 0);
	http_curl()->close(http);
}

static enum err get_tls(enum http_peer_tls kind, bool with_ca, struct errmsg *em)
{
	const struct http_peer_reply reply = PLAIN_REPLY("sealed");
	AUTO(http_peer) *peer =
		http_peer_start(&(struct http_peer_options){ .script = &reply, .script_len = 1, .tls = kind });
	struct http *http = open_client((struct http_options){ .ca_pem = with_ca ? http_peer_ca_pem(peer) : NULL });
	AUTO_HTTP_RESPONSE resp = { 0 };
	enum err e = OK;
	for (int i = 0; e == OK && i < 2; i++)
		e = send_request(http, (struct call){ .url = http_peer_url(peer) }, &resp, em);
	if (e == OK) {
		assert_string_equal(buf_cstr(&resp.body), "sealed");
		assert_int_equal(http_peer_connections(peer), 1);
	} else {
		assert_int_equal(http_peer_requests(peer), 0);
	}
	http_curl()->close(http);
	return e;
}

static void authenticates_a_server_by_the_given_certificate(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	assert_int_equal(get_tls(HTTP_PEER_TLS, true, &em), OK);
}

static void refuses_servers_that_are_not_authenticated(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	assert_int_equal(get_tls(HTTP_PEER_TLS, false, &em), ERR_TLS);
	assert_non_null(strstr(em.text, "https://127.0.0.1:"));
	assert_int_equal(get_tls(HTTP_PEER_TLS_OTHER_NAME, true, &em), ERR_TLS);
	assert_int_equal(get_tls(HTTP_PEER_TLS_EXPIRED, true, &em), ERR_TLS);
	/* TLS to a server that speaks plain HTTP. */
	const struct http_peer_reply reply = PLAIN_REPLY("");
	AUTO(http_peer) *peer = start_peer(&reply, 1);
	char url[64];
	snprintf(url, sizeof url, "https://127.0.0.1:%u/", http_peer_port(peer));
	struct http *http = open_client((struct http_options){ 0 });
	AUTO_HTTP_RESPONSE resp = { 0 };
	assert_int_equal(send_request(http, (struct call){ .url = url }, &resp, &em), ERR_TLS);
	http_curl()->close(http);
}

/* Between client and server: passes on what both say until `left` bytes of the server's have gone by, then hangs up. */
struct cutter {
	int listener;
	uint16_t server;
	size_t left;
};

static int socket_loopback(uint16_t port, struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return fd;
}

static void *cut_off(void *arg)
{
	struct cutter *c = arg;
	struct sockaddr_in at;
	char bytes[4096];
	int client = accept(c->listener, NULL, NULL), server = socket_loopback(c->server, &at);
	bool open = client >= 0 && connect(server, (struct sockaddr *)&at, sizeof(at)) == 0;
	while (open && c->left > 0) {
		struct pollfd polled[] = { { .fd = client, .events = POLLIN }, { .fd = server, .events = POLLIN } };
		open = poll(polled, 2, 20000) > 0;
		if (open && polled[0].revents) {
			ssize_t n = read(client, bytes, sizeof(bytes));
			open = n > 0 && send(server, bytes, (size_t)n, MSG_NOSIGNAL) == n;
		}
		if (open && polled[1].revents) {
			ssize_t n = read(server, bytes, c->left < sizeof(bytes) ? c->left : sizeof(bytes));
			open = n > 0 && send(client, bytes, (size_t)n, MSG_NOSIGNAL) == n;
			c->left -= n > 0 ? (size_t)n : 0;
		}
	}
	close(client);
	close(server);
	return NULL;
}

static void a_handshake_that_is_cut_off_anywhere_is_no_answer(void **state)
{
	(void)state;
	/* All of them before the end of the server's first flight, which has a certificate in it. */
	static const size_t cuts[] = { 0, 1, 5, 60, 130, 300 };
	const struct http_peer_reply reply = PLAIN_REPLY("sealed");
	AUTO(http_peer) *peer =
		http_peer_start(&(struct http_peer_options){ .script = &reply, .script_len = 1, .tls = HTTP_PEER_TLS });
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		struct sockaddr_in at;
		socklen_t len = sizeof(at);
		struct cutter cutter = { .listener = socket_loopback(0, &at), http_peer_port(peer), cuts[i] };
		pthread_t thread;
		char url[64];
		struct errmsg em = { "" };
		AUTO_HTTP_RESPONSE resp = { 0 };
		assert_int_equal(bind(cutter.listener, (struct sockaddr *)&at, len), 0);
		assert_int_equal(listen(cutter.listener, 4), 0);
		assert_int_equal(getsockname(cutter.listener, (struct sockaddr *)&at, &len), 0);
		snprintf(url, sizeof(url), "https://127.0.0.1:%u/", ntohs(at.sin_port));
		assert_int_equal(pthread_create(&thread, NULL, cut_off, &cutter), 0);
		struct http *http = open_client((struct http_options){ .ca_pem = http_peer_ca_pem(peer) });
		enum err e = send_request(http, (struct call){ .url = url }, &resp, &em);
		close(cutter.listener);
		pthread_join(thread, NULL);
		http_curl()->close(http);
		assert_true(e == ERR_NET || e == ERR_TLS);
		assert_non_null(strstr(em.text, "127.0.0.1"));
		assert_int_equal(resp.body.len, 0);
		assert_int_equal(http_peer_requests(peer), 0);
	}
}

static void names_a_ca_file_that_cannot_be_read(void **state)
{
	(void)state;
	struct http *http = NULL;
	struct errmsg em = { "" };
	const struct http_options missing = { .ca_file = "/nowhere/ca.pem" };
	assert_int_equal(http_curl()->open(&missing, &http, &em), ERR_CONFIG);
	assert_non_null(strstr(em.text, "/nowhere/ca.pem"));
	const struct http_options empty = { .ca_file = "/dev/null" };
	assert_int_equal(http_curl()->open(&empty, &http, &em), OK);
	AUTO_HTTP_RESPONSE resp = { 0 };
	const struct http_peer_reply reply = PLAIN_REPLY("");
	AUTO(http_peer) *peer =
		http_peer_start(&(struct http_peer_options){ .script = &reply, .script_len = 1, .tls = HTTP_PEER_TLS });
	enum err e = send_request(http, (struct call){ .url = http_peer_url(peer) }, &resp, &em);
	assert_true(e == ERR_CONFIG || e == ERR_TLS);
	http_curl()->close(http);
}

static void looks_at_no_proxy_for_loopback(void **state)
{
	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("https_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	const struct http_peer_reply reply = PLAIN_REPLY("direct");
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct errmsg em = { "" };
	enum err plain = get_once(&reply, (struct http_options){ 0 }, 0, &resp, &em);
	enum err tls = get_tls(HTTP_PEER_TLS, true, &em);
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("all_proxy");
	assert_int_equal(plain, OK);
	assert_int_equal(tls, OK);
}

static void reaches_the_peer_by_the_name_localhost(void **state)
{
	(void)state;
	const struct http_peer_reply reply = PLAIN_REPLY("here");
	AUTO(http_peer) *peer = start_peer(&reply, 1);
	char url[64];
	snprintf(url, sizeof url, "http://localhost:%u/", http_peer_port(peer));
	struct http *http = open_client((struct http_options){ 0 });
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct errmsg em = { "" };
	assert_int_equal(send_request(http, (struct call){ .url = url }, &resp, &em), OK);
	http_curl()->close(http);
}

static void a_forked_child_abandons_the_connection_and_the_parent_keeps_it(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		const struct http_peer_reply reply = PLAIN_REPLY("still here");
		AUTO(http_peer) *peer = http_peer_start(&(struct http_peer_options){
			.script = &reply, .script_len = 1, .tls = tls ? HTTP_PEER_TLS : HTTP_PEER_PLAIN });
		struct http *http = open_client((struct http_options){ .ca_pem = http_peer_ca_pem(peer) });
		AUTO_HTTP_RESPONSE resp = { 0 };
		struct errmsg em = { "" };
		assert_int_equal(send_request(http, (struct call){ .url = http_peer_url(peer) }, &resp, &em), OK);
		pid_t child = fork();
		if (child == 0) {
			http_curl()->abandon(http);
			_exit(0);
		}
		int status = 0;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		assert_int_equal(send_request(http, (struct call){ .url = http_peer_url(peer) }, &resp, &em), OK);
		assert_int_equal(http_peer_connections(peer), 1);
		http_curl()->close(http);
	}
}

struct held {
	atomic_bool asked, go;
	char url[64];
};

static void answer_when_told(void *ctx, const struct http_peer_request *request, struct http_peer_reply *reply)
{
	struct held *held = ctx;
	(void)request;
	held->asked = true;
	while (!held->go)
		usleep(1000);
	reply->status = 204;
}

static void *ask_held(void *arg)
{
	struct held *held = arg;
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct http *http = open_client((struct http_options){ 0 });
	enum err e = send_request(http, (struct call){ .url = held->url, .ms = 30000 }, &resp, NULL);
	http_curl()->close(http);
	return e == OK && resp.status == 204 ? held : NULL;
}

static void a_fork_waits_for_no_answer(void **state)
{
	(void)state;
	struct held held = { .asked = false };
	AUTO(http_peer) *peer =
		http_peer_start(&(struct http_peer_options){ .answer = answer_when_told, .ctx = &held });
	snprintf(held.url, sizeof held.url, "%s/", http_peer_url(peer));
	assert_true(crypto_gate_install());
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, ask_held, &held), 0);
	while (!held.asked)
		usleep(1000);
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	int status = 1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	held.go = true;
	void *good = NULL;
	pthread_join(thread, &good);
	assert_non_null(good);
}

static void knows_loopback_in_every_spelling(void **state)
{
	(void)state;
	static const char *const urls[] = { "http://127.0.0.1:1/",  "http://127.8.9.10:1/", "http://[::1]:1/",
					    "http://LOCALHOST:1/",  "HTTP://127.0.0.1:1/",  "http://127.1:1/",
					    "https://127.0.0.1:1/", "https://[::1]:1/" };
	struct http *http = open_client((struct http_options){ 0 });
	AUTO_HTTP_RESPONSE resp = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct errmsg em = { "" };
		enum err e = send_request(http, (struct call){ .url = urls[i] }, &resp, &em);
		if (e != ERR_NET)
			fail_msg("%s: %s: %s", urls[i], err_name(e), em.text);
	}
	http_curl()->close(http);
}

/* A listener whose queue is full answers to no further SYN: as a firewall does that drops packets. */
static void a_host_that_keeps_silent_is_worth_another_try(void **state)
{
	(void)state;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int waiting[8];
	char url[64];
	AUTO_FD
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(waiting[i], (struct sockaddr *)&at, sizeof at);
	}
	snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(at.sin_port));

	struct http *http = open_client((struct http_options){ .connect_ms = 200 });
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct errmsg em = { "" };
	int64_t begin = monotonic_ms();
	assert_int_equal(send_request(http, (struct call){ .url = url, .ms = 10000 }, &resp, &em), ERR_NET);
	assert_non_null(strstr(em.text, "200 ms"));
	assert_true(monotonic_ms() - begin < 5000);
	assert_int_equal(send_request(http, (struct call){ .url = url, .ms = 100 }, &resp, &em), ERR_TIMEOUT);
	http_curl()->close(http);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		close(waiting[i]);
}

static void *fetch_some(void *url)
{
	struct http *http = NULL;
	AUTO_HTTP_RESPONSE resp = { 0 };
	const struct http_options options = { 0 };
	if (http_curl()->open(&options, &http, NULL) != OK)
		return NULL;
	size_t good = 0;
	for (int i = 0; i < 20; i++)
		good += send_request(http, (struct call){ .url = url }, &resp, NULL) == OK && resp.body.len == 6;
	http_curl()->close(http);
	return good == 20 ? url : NULL;
}

static void threads_with_a_client_each_stay_out_of_each_others_way(void **state)
{
	(void)state;
	const struct http_peer_reply reply = PLAIN_REPLY("shared");
	AUTO(http_peer) *peer = start_peer(&reply, 1);
	char url[64];
	snprintf(url, sizeof url, "%s/", http_peer_url(peer));
	pthread_t threads[4];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fetch_some, url), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *result = NULL;
		pthread_join(threads[i], &result);
		assert_non_null(result);
	}
	assert_int_equal(http_peer_requests(peer), 80);
	assert_int_equal(http_peer_connections(peer), 4);
}

/* The host process has not asked to be killed by our writes; what it sent itself before stays its own. */
static void a_broken_pipe_kills_nobody(void **state)
{
	(void)state;
	sigset_t pending, pipe, before;
	struct sigpipe_guard guard = sigpipe_block();
	raise(SIGPIPE);
	sigpipe_unblock(&guard);
	sigpending(&pending);
	assert_false(sigismember(&pending, SIGPIPE));

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	raise(SIGPIPE);
	guard = sigpipe_block();
	sigpipe_unblock(&guard);
	sigpending(&pending);
	assert_true(sigismember(&pending, SIGPIPE));
	assert_int_equal(sigtimedwait(&pipe, NULL, &(struct timespec){ 0, 0 }), SIGPIPE);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void leaves_the_thread_as_it_was(void **state)
{
	(void)state;
	sigset_t before, after;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	const struct http_peer_reply reply = PLAIN_REPLY("");
	AUTO_HTTP_RESPONSE resp = { 0 };
	struct errmsg em = { "" };
	assert_int_equal(get_once(&reply, (struct http_options){ 0 }, 0, &resp, &em), OK);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&after, SIGPIPE), sigismember(&before, SIGPIPE));
	assert_false(libctx_inside());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_one_connection_for_many_requests),
		cmocka_unit_test(connects_again_where_a_kept_connection_died),
		cmocka_unit_test(refuses_an_answer_beyond_its_bound),
		cmocka_unit_test(refuses_endless_headers),
		cmocka_unit_test(ends_at_the_deadline),
		cmocka_unit_test(sends_nothing_after_the_deadline),
		cmocka_unit_test(tells_a_broken_connection_from_a_broken_answer),
		cmocka_unit_test(names_host_and_port_where_nobody_listens),
		cmocka_unit_test(follows_no_redirect),
		cmocka_unit_test(refuses_urls_that_it_must_not_open),
		cmocka_unit_test(refuses_a_header_with_a_line_end),
		cmocka_unit_test(authenticates_a_server_by_the_given_certificate),
		cmocka_unit_test(refuses_servers_that_are_not_authenticated),
		cmocka_unit_test(a_handshake_that_is_cut_off_anywhere_is_no_answer),
		cmocka_unit_test(names_a_ca_file_that_cannot_be_read),
		cmocka_unit_test(looks_at_no_proxy_for_loopback),
		cmocka_unit_test(reaches_the_peer_by_the_name_localhost),
		cmocka_unit_test(a_forked_child_abandons_the_connection_and_the_parent_keeps_it),
		cmocka_unit_test(a_fork_waits_for_no_answer),
		cmocka_unit_test(knows_loopback_in_every_spelling),
		cmocka_unit_test(a_host_that_keeps_silent_is_worth_another_try),
		cmocka_unit_test(threads_with_a_client_each_stay_out_of_each_others_way),
		cmocka_unit_test(a_broken_pipe_kills_nobody),
		cmocka_unit_test(leaves_the_thread_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
