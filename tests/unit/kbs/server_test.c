#include "tests/support/check.h"

#include "common/libctx.h"
#include "kbc/kbc.h"
#include "kbs/kbs.h"
#include "tests/support/kbs_guest.h"
#include "tests/unit/kbs/memory_kbs.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* A real server on a free loopback port, and real connections to it. */

#define PATH "default/image/key"
#define URI "kbs:///" PATH

static char dir[64];
static struct kbs *kbs;
static EVP_PKEY *admin_key;
static struct http_options http_options;

static void start(struct kbs_options options)
{
	options.dir = dir;
	options.listen = "127.0.0.1:0";
	check_ok(kbs_start(&options, &kbs, &em));
}

static int setup(void **state)
{
	(void)state;
	char path[100];
	check_folder_make(dir);
	check_ok(kbs_init(dir, &em));
	snprintf(path, sizeof(path), "%s/admin.key", dir);
	check_ok(kbs_admin_key(path, &admin_key, &em));
	start((struct kbs_options){ .allow_sample = true });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kbs_stop(kbs);
	kbs = NULL;
	EVP_PKEY_free(admin_key);
	folder_delete(dir);
	return 0;
}

static void restart(struct kbs_options options)
{
	kbs_stop(kbs);
	start(options);
}

static struct kbs_admin admin(void)
{
	return (struct kbs_admin){ .transport = http_curl(),
				   .http = http_options,
				   .url = kbs_url(kbs),
				   .key = admin_key,
				   .deadline = deadline_in_ms(20000) };
}

static void store(const char *text)
{
	struct kbs_admin a = admin();
	struct resource_uri uri;
	AUTO(secret) *s = NULL;
	check_ok(resource_uri_parse(URI, &uri, &em));
	check_ok(secret_copy(bytes_str(text), &s, &em));
	check_ok(kbs_admin_set(&a, &uri, s, &em));
}

static void releases_to_every_kind_of_tee_key(void **state)
{
	(void)state;
	static const char *const kinds[] = { "P-256", "P-521", "RSA" };
	store("the key");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct guest guest;
		guest_open(&guest, http_curl(), kbs_url(kbs), kinds[i]);
		guest_auth(&guest, NULL);
		guest_attest(&guest);
		assert_int_equal(guest.status, 200);
		AUTO(secret) *by_cookie = guest_get(&guest, PATH, NULL);
		AUTO(secret) *by_token = guest_get(&guest, PATH, guest.token);
		assert_non_null(by_cookie);
		assert_non_null(by_token);
		check_bytes(bytes_str("the key"), secret_bytes(by_cookie));
		check_bytes(bytes_str("the key"), secret_bytes(by_token));
		guest_close(&guest);
	}
}

static void serves_the_client_of_this_project(void **state)
{
	(void)state;
	static const char *const kinds[] = { "P-256", "P-521", "RSA" };
	struct resource_uri uri;
	check_ok(resource_uri_parse(URI, &uri, &em));
	store("the key");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct kbc_options options = { .kind = "cc_kbc", .attester = "sample", .url_count = 1 };
		struct kbc *kbc = NULL;
		AUTO(secret) *got = NULL;
		options.urls[0] = strdup(kbs_url(kbs));
		options.timeout_ms = 20000;
		options.lifetime_ms = 60000;
		options.max_resource = 1 << 20;
		snprintf(options.key_type, sizeof(options.key_type), "%s", kinds[i]);
		/* The last one has a device, whose evidence goes along. */
		if (i == ARRAY_LEN(kinds) - 1)
			options.devices[options.device_count++] = strdup("sampledevice");
		check_ok(kbc_new(&options, http_curl(), &kbc, &em));
		check_ok(kbc_get(kbc, &uri, deadline_in_ms(20000), &got, &em));
		check_bytes(bytes_str("the key"), secret_bytes(got));
		kbc_free(kbc);
		kbc_options_clear(&options);
	}
}

static void refuses_the_sample_tee_by_default(void **state)
{
	(void)state;
	struct guest guest;
	restart((struct kbs_options){ 0 });
	guest_open(&guest, http_curl(), kbs_url(kbs), "P-256");
	guest_auth(&guest, NULL);
	guest_attest(&guest);
	assert_int_equal(guest.status, 401);
	assert_true(guest_told(&guest, "AttestationError"));
	guest_close(&guest);
}

static void answers_413_to_a_body_that_is_too_large(void **state)
{
	(void)state;
	static const size_t sizes[] = { (2 << 20) + 1, 3 << 20 };
	struct guest guest;
	guest_open(&guest, http_curl(), kbs_url(kbs), "P-256");
	uint8_t *body = calloc(1, sizes[1]);
	assert_non_null(body);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct guest_call call = { "POST", "/kbs/v0/attest", NULL, { body, sizes[i] }, false };
		guest_call(&guest, call);
		assert_int_equal(guest.status, 413);
		assert_true(guest_told(&guest, "AttestationError"));
	}
	guest_call(&guest, (struct guest_call){ "POST", "/kbs/v0/auth", NULL, { body, 65537 }, false });
	assert_int_equal(guest.status, 413);
	/* Nobody's resource: refused before the body. */
	guest_call(&guest, (struct guest_call){ "POST", "/kbs/v0/resource/a/b/c", NULL, { body, 3 << 20 }, false });
	assert_int_equal(guest.status, 401);
	free(body);
	guest_close(&guest);
}

/* ---- raw connections ---- */

static int connect_raw(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	address.sin_port = htons((uint16_t)atoi(strrchr(kbs_url(kbs), ':') + 1));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval patience = { 20, 0 };
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void send_raw(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* The status of the answer; 0 where the connection was closed without one. */
static int status_raw(int fd)
{
	char text[4096] = "";
	size_t have = 0;
	ssize_t n;
	while (have < sizeof(text) - 1 && (n = recv(fd, text + have, sizeof(text) - 1 - have, 0)) > 0) {
		have += (size_t)n;
		if (memmem(text, have, "\r\n\r\n", 4))
			break;
	}
	return strncmp(text, "HTTP/1.1 ", 9) == 0 ? atoi(text + 9) : 0;
}

static int ask_raw(const char *text)
{
	AUTO_FD
	int fd = connect_raw();
	send_raw(fd, text);
	return status_raw(fd);
}

/* Who sent it all the same might lose the answer: the connection is closed amid the body. */
static void answers_413_before_a_body_that_is_not_worth_reading(void **state)
{
	(void)state;
	assert_int_equal(ask_raw("POST /kbs/v0/attest HTTP/1.1\r\nHost: x\r\nContent-Length: 20971520\r\n\r\n"), 413);
}

static void write_config(const char *text)
{
	char path[100];
	snprintf(path, sizeof(path), "%s/kbs.json", dir);
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void survives_malformed_http(void **state)
{
	(void)state;
	static const char *const requests[] = {
		"\r\n\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",
		"\x16\x03\x01\x02\x05\x01\x01\xfc\x03\x03",
		"POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
		"POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"GET /kbs/v0/resource/a/b/c HTTP/1.1\r\nHost: x\r\nCookie: kbs-session-id\r\nAuthorization:\r\n\r\n",
		"GET //%00%ff HTTP/1.1\r\nHost: x\r\n\r\n",
	};
	/* What is no whole request is waited for, so long. */
	write_config("{\"timeout\": 1}");
	restart((struct kbs_options){ 0 });
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		AUTO_FD
		int fd = connect_raw();
		send_raw(fd, requests[i]);
		shutdown(fd, SHUT_WR);
		int status = status_raw(fd);
		assert_true(status == 0 || status >= 400);
	}
	assert_int_equal(ask_raw("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
}

static void bounds_headers(void **state)
{
	(void)state;
	AUTO_BUF
	text = { 0 };
	check_ok(buf_append(&text, bytes_str("GET /healthz HTTP/1.1\r\nHost: x\r\nX: "), 0, &em));
	for (int i = 0; i < 200000 / 10; i++)
		check_ok(buf_append(&text, bytes_str("aaaaaaaaaa"), 0, &em));
	check_ok(buf_append(&text, bytes_str("\r\n\r\n"), 0, &em));
	AUTO_FD
	int fd = connect_raw();
	(void)!send(fd, text.data, text.len, MSG_NOSIGNAL);
	int status = status_raw(fd);
	assert_true(status == 0 || status == 431 || status == 413 || status == 400);
	assert_int_equal(ask_raw("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
}

static void unescapes_nothing(void **state)
{
	(void)state;
	assert_int_equal(ask_raw("GET /healthz%00 HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
	assert_int_equal(ask_raw("GET /kbs/v0/resource/a/b%2Fc HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
	assert_int_equal(ask_raw("GET /kbs%2Fv0/resource/a/b/c HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
}

static void drops_connections_that_are_too_slow(void **state)
{
	(void)state;
	write_config("{\"timeout\": 1}");
	restart((struct kbs_options){ 0 });
	AUTO_FD
	int silent = connect_raw();
	AUTO_FD
	int slow = connect_raw();
	AUTO_FD
	int creeping = connect_raw();
	send_raw(silent, "GET /heal");
	send_raw(slow, "POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
	/* Never silent for a second, and yet not for ever. */
	int64_t begin = monotonic_ms();
	while (monotonic_ms() - begin < 10000 && send(slow, "x", 1, MSG_NOSIGNAL) == 1)
		deadline_sleep_ms(deadline_in_ms(1000), 200);
	assert_true(monotonic_ms() - begin < 9000);
	begin = monotonic_ms();
	send_raw(creeping, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: ");
	while (monotonic_ms() - begin < 10000 && send(creeping, "x", 1, MSG_NOSIGNAL) == 1)
		deadline_sleep_ms(deadline_in_ms(1000), 200);
	assert_true(monotonic_ms() - begin < 9000);
	assert_int_equal(status_raw(silent), 0);
}

static void bounds_connections(void **state)
{
	(void)state;
	write_config("{\"max-connections\": 4, \"threads\": 8}");
	restart((struct kbs_options){ 0 });
	int fds[4];
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = connect_raw();
		send_raw(fds[i], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
		assert_int_equal(status_raw(fds[i]), 200);
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	/* Room again. */
	int status = 0;
	for (int tries = 0; tries < 50 && status != 200; tries++) {
		status = ask_raw("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
		deadline_sleep_ms(deadline_in_ms(1000), 20);
	}
	assert_int_equal(status, 200);
}

static void *stop_it(void *unused)
{
	(void)unused;
	kbs_stop(kbs);
	return NULL;
}

static void lets_requests_in_flight_finish(void **state)
{
	(void)state;
	pthread_t stopper;
	AUTO_FD
	int fd = connect_raw();
	send_raw(fd, "POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 56\r\n\r\n{\"version\":\"0.4.0\",");
	deadline_sleep_ms(deadline_in_ms(1000), 200);
	assert_int_equal(pthread_create(&stopper, NULL, stop_it, NULL), 0);
	deadline_sleep_ms(deadline_in_ms(1000), 200);
	send_raw(fd, "\"tee\":\"sample\",\"extra-params\":\"\"}      ");
	assert_int_equal(status_raw(fd), 200);
	pthread_join(stopper, NULL);
	kbs = NULL;
}

/* ---- many at once ---- */

static atomic_int good;

static void *guest_work(void *kind)
{
	for (int round = 0; round < 5; round++) {
		struct guest guest;
		guest_open(&guest, http_curl(), kbs_url(kbs), kind);
		guest_auth(&guest, NULL);
		guest_attest(&guest);
		for (int i = 0; i < 5; i++) {
			AUTO(secret) *got = guest_get(&guest, PATH, i % 2 ? guest.token : NULL);
			if (got && secret_len(got) == 7)
				atomic_fetch_add(&good, 1);
		}
		guest_close(&guest);
	}
	return NULL;
}

static void *admin_work(void *unused)
{
	(void)unused;
	struct resource_uri uri;
	struct kbs_admin a = admin();
	AUTO(secret) *s = NULL;
	if (resource_uri_parse(URI, &uri, NULL) != OK || secret_copy(bytes_str("the key"), &s, NULL) != OK)
		abort();
	for (int i = 0; i < 20; i++)
		if (kbs_admin_set(&a, &uri, s, NULL) == OK &&
		    kbs_admin_set_policy(&a, bytes_str("{\"default\":\"allow\"}"), NULL) == OK)
			atomic_fetch_add(&good, 1);
	return NULL;
}

static void serves_eight_guests_while_it_is_administered(void **state)
{
	(void)state;
	static char kinds[2][8] = { "P-256", "P-521" };
	pthread_t threads[9];
	store("the key");
	atomic_store(&good, 0);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, guest_work, kinds[i % 2]), 0);
	assert_int_equal(pthread_create(&threads[8], NULL, admin_work, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&good), 8 * 25 + 20);
}

/* ---- TLS and addresses ---- */

/* A certificate for 127.0.0.1, signed by itself. */
static void certificate_make(const char *cert_path, const char *key_path)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-256");
	X509 *cert = X509_new_ex(libctx(), NULL);
	X509_EXTENSION *name = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
	assert_true(X509_set_version(cert, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1));
	assert_true(X509_gmtime_adj(X509_getm_notBefore(cert), -60) && X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
	assert_true(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
					       (const unsigned char *)"kbs", -1, -1, 0));
	assert_true(X509_set_issuer_name(cert, X509_get_subject_name(cert)) && X509_set_pubkey(cert, key));
	assert_true(X509_add_ext(cert, name, -1) && X509_sign(cert, key, EVP_sha256()) > 0);
	FILE *file = fopen(cert_path, "we");
	assert_true(file && PEM_write_X509(file, cert) && fclose(file) == 0);
	mode_t before = umask(077);
	file = fopen(key_path, "we");
	assert_true(file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) && fclose(file) == 0);
	umask(before);
	X509_EXTENSION_free(name);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void serves_https_to_those_who_know_its_certificate(void **state)
{
	(void)state;
	char cert[100];
	char key[100];
	snprintf(cert, sizeof(cert), "%s/server.pem", dir);
	snprintf(key, sizeof(key), "%s/server.key", dir);
	certificate_make(cert, key);
	restart((struct kbs_options){ .tls_cert = cert, .tls_key = key, .allow_sample = true });
	assert_int_equal(strncmp(kbs_url(kbs), "https://127.0.0.1:", 18), 0);
	http_options.ca_file = cert;
	store("over TLS");
	http_options.ca_file = NULL;
	struct kbs_admin a = admin();
	AUTO_BUF
	policy = { 0 };
	check_err(ERR_TLS, kbs_admin_get_policy(&a, &policy, &em));
	/* The same from the configuration, by names within the folder. */
	write_config("{\"tls-cert\": \"server.pem\", \"tls-key\": \"server.key\"}");
	restart((struct kbs_options){ .allow_sample = true });
	assert_int_equal(strncmp(kbs_url(kbs), "https://", 8), 0);
}

static void refuses_to_start_where_that_would_be_wrong(void **state)
{
	(void)state;
	struct kbs *none = NULL;
	char cert[100];
	char key[100];
	snprintf(cert, sizeof(cert), "%s/admin.pub", dir);
	snprintf(key, sizeof(key), "%s/admin.key", dir);
	const char *bound = strstr(kbs_url(kbs), "127.");
	const struct {
		struct kbs_options options;
		enum err wanted;
	} rows[] = {
		{ { .listen = "0.0.0.0:0" }, ERR_CONFIG },
		{ { .listen = "[::]:0" }, ERR_CONFIG },
		{ { .listen = bound }, ERR_IO },
		{ { .listen = "127.0.0.1" }, ERR_CONFIG },
		{ { .listen = "127.0.0.1:" }, ERR_CONFIG },
		{ { .listen = ":0" }, ERR_CONFIG },
		{ { .listen = "127.0.0.1:99999" }, ERR_CONFIG },
		{ { .listen = "127.0.0.1:x" }, ERR_CONFIG },
		{ { .listen = "::1:0" }, ERR_CONFIG },
		{ { .listen = "127.0.0.1:0", .tls_cert = cert }, ERR_ARG },
		{ { .listen = "127.0.0.1:0", .tls_cert = cert, .tls_key = "/nonexistent" }, ERR_CONFIG },
		{ { .listen = "127.0.0.1:0", .tls_cert = cert, .tls_key = key }, ERR_CONFIG },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct kbs_options options = rows[i].options;
		options.dir = dir;
		check_result(rows[i].wanted, kbs_start(&options, &none, &em), options.listen, __FILE__, __LINE__);
	}
	struct kbs_options named = { .dir = dir, .listen = "0.0.0.0:0", .allow_http = true };
	check_ok(kbs_start(&named, &none, &em));
	kbs_stop(none);
}

struct seen {
	pthread_mutex_t lock;
	unsigned count;
	unsigned status;
	char path[64];
	char peer[64];
};

static void on_access(void *ctx, const struct kbs_access *access)
{
	struct seen *seen = ctx;
	pthread_mutex_lock(&seen->lock);
	seen->count++;
	seen->status = access->status;
	snprintf(seen->path, sizeof(seen->path), "%s", access->path);
	snprintf(seen->peer, sizeof(seen->peer), "%s", access->peer);
	pthread_mutex_unlock(&seen->lock);
}

static void tells_of_each_request(void **state)
{
	(void)state;
	struct seen seen = { .lock = PTHREAD_MUTEX_INITIALIZER };
	restart((struct kbs_options){ .on_access = on_access, .ctx = &seen });
	assert_int_equal(ask_raw("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
	kbs_stop(kbs);
	kbs = NULL;
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, 404);
	assert_string_equal(seen.path, "/nothing");
	assert_string_equal(seen.peer, "127.0.0.1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(releases_to_every_kind_of_tee_key),
		TEST(serves_the_client_of_this_project),
		TEST(refuses_the_sample_tee_by_default),
		TEST(answers_413_to_a_body_that_is_too_large),
		TEST(answers_413_before_a_body_that_is_not_worth_reading),
		TEST(survives_malformed_http),
		TEST(bounds_headers),
		TEST(unescapes_nothing),
		TEST(drops_connections_that_are_too_slow),
		TEST(bounds_connections),
		TEST(lets_requests_in_flight_finish),
		TEST(serves_eight_guests_while_it_is_administered),
		TEST(serves_https_to_those_who_know_its_certificate),
		TEST(refuses_to_start_where_that_would_be_wrong),
		TEST(tells_of_each_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
