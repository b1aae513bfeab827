#define _GNU_SOURCE 1
#include "keywrap/ttrpc.h"

#include "keywrap/provider_daemon.h"
#include "keywrap/provider_peer.h"
#include "keywrap/provider_ttrpc.h"
#include "keywrap/rpc_code.h"
#include "keywrap/wire_address.h"
#include "tests/unit/keywrap/layers.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ttrpc: frames, and the daemon as its callers see it. */

#define REQUEST                                                                                                        \
	"0000003c0000000101000a166170692e4765745265736f7572636553657276696365120b4765745265736f75726365"               \
	"1a0e0a0c6b62733a2f2f2f612f622f632080e8eda1ba01"
#define RESPONSE "000000080000000102000a0012040a026869"

static bool is_hex(const struct secret *s, const char *expected)
{
	AUTO_STR
	char *hex = hex_encode(secret_bytes(s));
	return strcmp(hex, expected) == 0;
}

static void writes_frames_as_the_peers_do(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	AUTO(secret) *payload = NULL;
	AUTO(secret) *frame = NULL;
	AUTO(secret) *answer = NULL;
	AUTO(secret) *back = NULL;
	assert_int_equal(ttrpc_bytes_write(bytes_str("kbs:///a/b/c"), &payload, &em), OK);
	const struct ttrpc_request request = { bytes_str("api.GetResourceService"), bytes_str("GetResource"),
					       secret_bytes(payload), 50000000000 };
	assert_int_equal(ttrpc_request_write(1, &request, &frame, &em), OK);
	assert_true(is_hex(frame, REQUEST));
	assert_int_equal(ttrpc_bytes_write(bytes_str("hi"), &answer, &em), OK);
	const struct ttrpc_response response = { .payload = secret_bytes(answer) };
	assert_int_equal(ttrpc_response_write(1, &response, &back, &em), OK);
	assert_true(is_hex(back, RESPONSE));
}

static void reads_frames_of_the_peers(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	uint8_t frame[sizeof(REQUEST) / 2];
	struct ttrpc_request request;
	struct bytes path;
	assert_int_equal(hex_decode(REQUEST, frame, sizeof(frame), &em), OK);
	struct ttrpc_header header = ttrpc_header_read(frame);
	assert_int_equal(header.len, sizeof(frame) - TTRPC_HEADER);
	assert_int_equal(header.stream, 1);
	assert_int_equal(header.type, TTRPC_REQUEST);
	struct bytes text = { frame + TTRPC_HEADER, header.len };
	assert_int_equal(ttrpc_request_read(text, &request, &em), OK);
	assert_true(bytes_equal(request.service, bytes_str("api.GetResourceService")));
	assert_true(bytes_equal(request.method, bytes_str("GetResource")));
	assert_int_equal(request.timeout_ns, 50000000000);
	assert_int_equal(ttrpc_bytes_read(request.payload, &path, &em), OK);
	assert_true(bytes_equal(path, bytes_str("kbs:///a/b/c")));
	for (size_t cut = 1; cut < text.len; cut++) {
		struct ttrpc_request part;
		(void)!ttrpc_request_read((struct bytes){ text.data, cut }, &part, &em); /* no crash */
	}
}

static void refuses_what_is_no_protobuf(void **state)
{
	(void)state;
	static const char *const bad[] = { "0a",   "0a05",  "0a8080808080808080808001", "08", "03", "00", "0f",
					   "0800", "1a0108" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct errmsg em = { "" };
		uint8_t bytes[32];
		struct ttrpc_response response;
		size_t len = strlen(bad[i]) / 2;
		assert_int_equal(hex_decode(bad[i], bytes, len, &em), OK);
		enum err e = ttrpc_response_read((struct bytes){ bytes, len }, &response, &em);
		/* The last one is a member that nobody knows. */
		assert_int_equal(e, i + 1 < ARRAY_LEN(bad) ? ERR_PARSE : OK);
	}
}

static void knows_addresses(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",         "unix:", "unix://", "unix:///",   "unix://path", "tcp://1",     "/path", "unix://@",
		"host",     "host:", ":1",      "host:65536", "host:1x",     "::1:1",       "[::1]", "[::1",
		"[host]:1", "a b:1", "a/b:1",   "-a:1",       "dns://h/a:1", "http://a:1/", "[]:1"
	};
	struct errmsg em = { "" };
	struct wire_address at;
	char text[400] = "unix:///";
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (wire_address_parse(bad[i], &at, &em) != ERR_ARG)
			fail_msg("%s", bad[i]);
	memset(text + 8, 'a', 120);
	assert_int_equal(wire_address_parse(text, &at, &em), ERR_ARG);
	memset(text, 'a', 300);
	strcpy(text + 300, ":1");
	assert_int_equal(wire_address_parse(text, &at, &em), ERR_ARG);
	assert_int_equal(wire_address_parse("unix:///a/b", &at, &em), OK);
	assert_true(at.local);
	assert_string_equal(at.at.sun_path, "/a/b");
	assert_int_equal(wire_address_parse("unix://@b", &at, &em), OK);
	assert_int_equal(at.at.sun_path[0], '\0');
	assert_int_equal(at.len, offsetof(struct sockaddr_un, sun_path) + 2);
}

static void knows_what_stays_on_this_machine(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		bool here;
	} cases[] = { { "localhost:1", true },    { "127.0.0.1:1", true },    { "127.9.9.9:1", true },
		      { "[::1]:1", true },        { "unix:///x", true },      { "dns:///localhost:1", true },
		      { "0.0.0.0:1", false },     { "[::]:1", false },        { "192.0.2.1:1", false },
		      { "localhost.x:1", false }, { "127.0.0.1.x:1", false }, { "example:1", false } };
	struct errmsg em = { "" };
	struct wire_address at;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(wire_address_parse(cases[i].address, &at, &em), OK);
		if (wire_address_loopback(&at) != cases[i].here)
			fail_msg("%s", cases[i].address);
	}
}

static enum err listen_at(const char *address, int *fd, struct errmsg *em)
{
	struct wire_address at;
	enum err e = wire_address_parse(address, &at, em);
	return e == OK ? wire_listen(&at, fd, em) : e;
}

/* A daemon in a thread, at a socket of its own. */

struct bench {
	char folder[32];
	char address[64];
	struct provider_server *server;
	struct provider_daemon daemon;
	pthread_t thread;
	enum err result;
};

static void *bench_run(void *user)
{
	struct bench *b = user;
	struct errmsg em = { "" };
	b->result = provider_daemon_run(&b->daemon, &em);
	return NULL;
}

static int bench_start(void **state)
{
	struct errmsg em = { "" };
	struct bench *b = calloc(1, sizeof(*b));
	struct provider_server_options options = { .token = "pkcs11:token=no-such-token", .packet_version = 1 };
	assert_non_null(b);
	strcpy(b->folder, "/tmp/ttrpc-XXXXXX");
	assert_non_null(mkdtemp(b->folder));
	snprintf(b->address, sizeof(b->address), "unix://%s/socket", b->folder);
	assert_int_equal(provider_server_new(&options, &b->server, &em), OK);
	b->daemon.server = b->server;
	b->daemon.stop = eventfd(0, EFD_CLOEXEC);
	assert_true(b->daemon.stop >= 0);
	b->daemon.count = 1;
	if (listen_at(b->address, &b->daemon.listeners[0].fd, &em) != OK)
		fail_msg("%s", em.text);
	assert_int_equal(pthread_create(&b->thread, NULL, bench_run, b), 0);
	*state = b;
	return 0;
}

static int bench_end(void **state)
{
	struct bench *b = *state;
	assert_int_equal(eventfd_write(b->daemon.stop, 1), 0);
	pthread_join(b->thread, NULL);
	assert_int_equal(b->result, OK);
	close(b->daemon.listeners[0].fd);
	close(b->daemon.stop);
	provider_server_free(b->server);
	unlink(b->address + 7);
	assert_int_equal(rmdir(b->folder), 0);
	free(b);
	return 0;
}

static int bench_connect(const struct bench *b)
{
	struct errmsg em = { "" };
	struct wire_address at;
	assert_int_equal(wire_address_parse(b->address, &at, &em), OK);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at.at, at.len), 0);
	return fd;
}

static void expect_status(int fd, uint32_t stream, int code, const char *has)
{
	struct errmsg em = { "" };
	uint8_t header[TTRPC_HEADER];
	uint8_t text[2048];
	struct ttrpc_response response;
	assert_int_equal(ttrpc_receive(fd, header, sizeof(header), deadline_in_ms(20000), &em), OK);
	struct ttrpc_header h = ttrpc_header_read(header);
	assert_int_equal(h.type, TTRPC_RESPONSE);
	assert_int_equal(h.stream, stream);
	assert_true(h.len <= sizeof(text));
	assert_int_equal(ttrpc_receive(fd, text, h.len, deadline_in_ms(20000), &em), OK);
	assert_int_equal(ttrpc_response_read((struct bytes){ text, h.len }, &response, &em), OK);
	assert_int_equal(response.code, code);
	assert_non_null(memmem(response.message.data, response.message.len, has, strlen(has)));
}

static void call(int fd, uint32_t stream, const char *service, const char *method, struct bytes payload)
{
	struct errmsg em = { "" };
	AUTO(secret) *frame = NULL;
	const struct ttrpc_request request = { bytes_str(service), bytes_str(method), payload, 0 };
	assert_int_equal(ttrpc_request_write(stream, &request, &frame, &em), OK);
	assert_int_equal(ttrpc_send(fd, secret_bytes(frame), deadline_in_ms(20000), &em), OK);
}

static void answers_each_bad_request_and_goes_on(void **state)
{
	struct bench *b = *state;
	AUTO_FD
	int fd = bench_connect(b);
	call(fd, 1, "no.Service", "WrapKey", (struct bytes){ 0 });
	call(fd, 3, PROVIDER_SERVICE, "Nothing", (struct bytes){ 0 });
	call(fd, 2, PROVIDER_SERVICE, "WrapKey", (struct bytes){ 0 });
	call(fd, 5, PROVIDER_SERVICE, "WrapKey", bytes_str("\x0a\x7f"));
	call(fd, 7, PROVIDER_SERVICE, "UnWrapKey", bytes_str("\x0a\x02{}"));
	expect_status(fd, 1, RPC_UNIMPLEMENTED, "the service is not");
	expect_status(fd, 3, RPC_UNIMPLEMENTED, "WrapKey nor UnWrapKey");
	expect_status(fd, 2, RPC_INVALID_ARGUMENT, "odd stream");
	expect_status(fd, 5, RPC_INVALID_ARGUMENT, "protobuf");
	expect_status(fd, 7, RPC_INVALID_ARGUMENT, "the request");
	assert_int_equal(send(fd, "\0\0\0\x02\0\0\0\x09\x01\0\x0a\x7f", 12, 0), 12);
	expect_status(fd, 9, RPC_INVALID_ARGUMENT, "protobuf");
	assert_int_equal(send(fd, "\0\0\0\0\0\0\0\x0b\x03\0", 10, 0), 10);
	expect_status(fd, 11, RPC_INVALID_ARGUMENT, "not a request");
}

static void throws_away_what_is_too_large(void **state)
{
	struct bench *b = *state;
	struct errmsg em = { "" };
	AUTO_FD
	int fd = bench_connect(b);
	AUTO_STR
	char *data = test_data(300000);
	assert_int_equal(send(fd, "\0\x04\x93\xe0\0\0\0\x01\x01\0", 10, 0), 10); /* 300000 */
	struct bytes large = { (const uint8_t *)data, 300000 };
	assert_int_equal(ttrpc_send(fd, large, deadline_in_ms(20000), &em), OK);
	expect_status(fd, 1, RPC_RESOURCE_EXHAUSTED, "too large");
	call(fd, 3, "no.Service", "WrapKey", (struct bytes){ 0 });
	expect_status(fd, 3, RPC_UNIMPLEMENTED, "the service");
}

static void one_that_says_nothing_does_not_stop_others(void **state)
{
	struct bench *b = *state;
	AUTO_FD
	int silent = bench_connect(b);
	AUTO_FD
	int half = bench_connect(b);
	AUTO_FD
	int fd = bench_connect(b);
	assert_int_equal(send(half, "\0\0", 2, 0), 2);
	assert_true(silent >= 0);
	call(fd, 1, "no.Service", "WrapKey", (struct bytes){ 0 });
	expect_status(fd, 1, RPC_UNIMPLEMENTED, "the service");
	shutdown(half, SHUT_RDWR); /* or the end would wait for the rest of its header */
}

static void the_caller_hears_why(void **state)
{
	struct bench *b = *state;
	struct errmsg em = { "" };
	AUTO(secret) *out = NULL;
	struct provider_ttrpc_call bad = { b->address, PROVIDER_UNWRAP, bytes_str("{}") };
	assert_int_equal(provider_ttrpc_run(&bad, deadline_in_ms(20000), &out, &em), ERR_PROTO);
	assert_non_null(strstr(em.text, "status 3: the request: "));
	bad.address = "unix:///nonexistent/socket";
	assert_int_equal(provider_ttrpc_run(&bad, deadline_in_ms(20000), &out, &em), ERR_NET);
	assert_null(out);
}

static void a_socket_is_private_and_taken_once(void **state)
{
	struct bench *b = *state;
	struct errmsg em = { "" };
	struct stat st;
	int fd = -1;
	assert_int_equal(stat(b->address + 7, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(listen_at(b->address, &fd, &em), ERR_EXISTS);
	assert_int_equal(listen_at("unix:///dev/null", &fd, &em), ERR_EXISTS);
	assert_int_equal(fd, -1);
}

/* A peer that answers wrongly, or not at all. */
static void caller_hears(const char *answer, size_t len, enum err expected)
{
	char folder[] = "/tmp/ttrpc-XXXXXX";
	char address[64];
	struct errmsg em = { "" };
	AUTO(secret) *out = NULL;
	int listener = -1;
	assert_non_null(mkdtemp(folder));
	snprintf(address, sizeof(address), "unix://%s/s", folder);
	assert_int_equal(listen_at(address, &listener, &em), OK);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char waste[512];
		struct errmsg ignored = { "" };
		alarm(20);
		int fd = -1;
		while ((fd = accept(listener, NULL, NULL)) < 0)
			usleep(1000);
		if (recv(fd, waste, sizeof(waste), 0) > 0 && answer)
			(void)!ttrpc_send(fd, (struct bytes){ (const uint8_t *)answer, len }, deadline_in_ms(5000),
					  &ignored);
		if (!answer)
			pause();
		_exit(0);
	}
	struct provider_ttrpc_call call = { address, PROVIDER_UNWRAP, bytes_str("{}") };
	assert_int_equal(provider_ttrpc_run(&call, deadline_in_ms(answer ? 10000 : 300), &out, &em), expected);
	assert_true(expected == OK || (em.text[0] && !out));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(listener);
	unlink(address + 7);
	rmdir(folder);
}

static void the_caller_bears_bad_providers(void **state)
{
	(void)state;
	caller_hears(NULL, 0, ERR_TIMEOUT);
	caller_hears("", 0, ERR_NET);
	caller_hears("\0\0\0\x08\0\0\0\x01\x02\0\x0a\x00\x12\x04\x0a\x02hi", 18, OK);
	caller_hears("\0\0\0\x08\0\0\0\x01\x02\0\x0a\x00\x12", 13, ERR_NET);
	caller_hears("\0\0\0\x08\0\0\0\x03\x02\0\x0a\x00\x12\x04\x0a\x02hi", 18, ERR_PROTO);
	caller_hears("\0\0\0\x08\0\0\0\x01\x01\0\x0a\x00\x12\x04\x0a\x02hi", 18, ERR_PROTO);
	caller_hears("\xff\xff\xff\xff\0\0\0\x01\x02\0", 10, ERR_LIMIT);
	caller_hears("\0\0\0\x02\0\0\0\x01\x02\0\x12\x7f", 12, ERR_PARSE);
	caller_hears("\0\0\0\x04\0\0\0\x01\x02\0\x0a\x02\x08\x04", 14, ERR_TIMEOUT);
	caller_hears("\0\0\0\x04\0\0\0\x01\x02\0\x0a\x02\x08\x05", 14, ERR_NOT_FOUND);
	caller_hears("\0\0\0\x04\0\0\0\x01\x02\0\x0a\x02\x08\x0d", 14, ERR_PROTO);
}

/* The server's side without sockets: what it submits stays here. */

struct kept {
	struct provider_job *jobs[64];
	size_t count;
};

static enum err job_keep(void *user, struct provider_job *job, struct errmsg *em)
{
	struct kept *kept = user;
	(void)em;
	assert_true(kept->count < ARRAY_LEN(kept->jobs));
	kept->jobs[kept->count++] = job;
	return OK;
}

static void ask(struct provider_peer *peer, uint32_t stream, int64_t timeout_ns)
{
	struct errmsg em = { "" };
	AUTO(secret) *frame = NULL;
	const struct ttrpc_request request = { bytes_str(PROVIDER_SERVICE), bytes_str("WrapKey"),
					       bytes_str("\x0a\x02{}"), timeout_ns };
	assert_int_equal(ttrpc_request_write(stream, &request, &frame, &em), OK);
	struct bytes in = secret_bytes(frame);
	assert_int_equal(peer->ops->input(peer, &in, &em), OK);
}

/* -1: nothing is said. */
static int64_t says(struct provider_peer *peer, uint32_t *stream)
{
	struct errmsg em = { "" };
	struct ttrpc_response response;
	assert_int_equal(peer->ops->output(peer, &em), OK);
	struct bytes out = outbox_bytes(peer->out);
	if (out.len == 0)
		return -1;
	*stream = ttrpc_header_read(out.data).stream;
	assert_int_equal(
		ttrpc_response_read((struct bytes){ out.data + TTRPC_HEADER, out.len - TTRPC_HEADER }, &response, &em),
		OK);
	int64_t code = response.code;
	outbox_sent(peer->out, out.len);
	return code;
}

static void answers_requests_as_they_are_done(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	struct kept kept = { .count = 0 };
	uint32_t stream = 0;
	struct provider_peer *peer = provider_peer_ttrpc();
	assert_non_null(peer);
	peer->submit = job_keep;
	peer->user = &kept;
	ask(peer, 1, 0);
	ask(peer, 3, 0);
	ask(peer, 3, 0); /* used already */
	assert_int_equal(kept.count, 2);
	assert_int_equal(says(peer, &stream), RPC_INVALID_ARGUMENT);
	assert_int_equal(secret_copy(bytes_str("second"), &kept.jobs[1]->answer, &em), OK);
	assert_int_equal(peer->ops->answer(peer, kept.jobs[1], &em), OK);
	assert_int_equal(says(peer, &stream), RPC_OK);
	assert_int_equal(stream, 3);
	assert_false(peer->ops->idle(peer));
	kept.jobs[0]->e = ERR_NOT_FOUND;
	assert_int_equal(peer->ops->answer(peer, kept.jobs[0], &em), OK);
	assert_int_equal(says(peer, &stream), RPC_NOT_FOUND);
	assert_int_equal(stream, 1);
	assert_true(peer->ops->idle(peer));
	peer->ops->free(peer);
}

static void a_time_limit_holds(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	struct kept kept = { .count = 0 };
	uint32_t stream = 0;
	struct provider_peer *peer = provider_peer_ttrpc();
	assert_non_null(peer);
	peer->submit = job_keep;
	peer->user = &kept;
	ask(peer, 1, 10000000);
	ask(peer, 3, 0);
	assert_in_range(deadline_left_ms(peer->ops->until(peer)), 0, 10);
	deadline_sleep_ms(deadline_in_ms(20), 20);
	assert_int_equal(peer->ops->due(peer, &em), OK);
	assert_int_equal(says(peer, &stream), RPC_DEADLINE_EXCEEDED);
	assert_int_equal(stream, 1);
	/* What comes after that nobody wants to hear. */
	assert_int_equal(secret_copy(bytes_str("late"), &kept.jobs[0]->answer, &em), OK);
	assert_int_equal(peer->ops->answer(peer, kept.jobs[0], &em), OK);
	assert_int_equal(says(peer, &stream), -1);
	for (uint32_t more = 5; more < 80; more += 2)
		ask(peer, more, 0);
	assert_int_equal(kept.count, 1 + PEER_REQUESTS_MAX);
	for (size_t i = 1; i < kept.count; i++)
		provider_job_free(kept.jobs[i]);
	peer->ops->free(peer);
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_start, bench_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_frames_as_the_peers_do),
		cmocka_unit_test(reads_frames_of_the_peers),
		cmocka_unit_test(refuses_what_is_no_protobuf),
		cmocka_unit_test(knows_addresses),
		cmocka_unit_test(knows_what_stays_on_this_machine),
		cmocka_unit_test(the_caller_bears_bad_providers),
		cmocka_unit_test(answers_requests_as_they_are_done),
		cmocka_unit_test(a_time_limit_holds),
		BENCH_TEST(answers_each_bad_request_and_goes_on),
		BENCH_TEST(throws_away_what_is_too_large),
		BENCH_TEST(one_that_says_nothing_does_not_stop_others),
		BENCH_TEST(the_caller_hears_why),
		BENCH_TEST(a_socket_is_private_and_taken_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
