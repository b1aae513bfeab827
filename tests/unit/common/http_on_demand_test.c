#include "common/http.h"

#include "common/libctx.h"
#include "tests/support/check.h"
#include "tests/support/http_peer.h"

#include <limits.h>
#include <unistd.h>

/* Where the loader looks: beside the object that it is in, which here is this program. */
static void beside(char to[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", to, PATH_MAX - 1);
	assert_true(n > 0);
	to[n] = '\0';
	strcpy(strrchr(to, '/'), "/kbs-pkcs11-http.so");
}

static bool is_mapped(const char *name)
{
	char line[4096];
	bool found = false;
	FILE *maps = fopen("/proc/self/maps", "re");
	assert_non_null(maps);
	while (!found && fgets(line, sizeof line, maps))
		found = strstr(line, name) != NULL;
	fclose(maps);
	return found;
}

static int remove_module(void **state)
{
	(void)state;
	char path[PATH_MAX];
	beside(path);
	unlink(path);
	return 0;
}

static void loads_libcurl_at_the_first_use_and_from_one_place(void **state)
{
	(void)state;
	char path[PATH_MAX];
	char module[PATH_MAX];
	struct http *http = NULL;
	const struct http_options options = { 0 };
	const struct http_transport *transport = http_on_demand();
	beside(path);
	unlink(path);

	assert_false(is_mapped("libcurl"));
	check_err(ERR_CONFIG, transport->open(&options, &http, &em));
	assert_non_null(strstr(em.text, path));

	/* Something else under that name. */
	assert_int_equal(symlink("/proc/self/exe", path), 0);
	check_err(ERR_CONFIG, transport->open(&options, &http, &em));
	unlink(path);
	assert_false(is_mapped("libcurl"));

	/* A failure is not kept. */
	const char *top = getenv("TOP_BUILDDIR");
	snprintf(module, sizeof module, "%s/.libs/kbs-pkcs11-http.so", top ? top : ".");
	assert_int_equal(symlink(module, path), 0);
	check_ok(transport->open(&options, &http, &em));
	assert_true(is_mapped("libcurl"));

	const struct http_peer_reply reply = { .body = bytes_str("fetched") };
	AUTO(http_peer) *peer = http_peer_start(&(struct http_peer_options){ .script = &reply, .script_len = 1 });
	struct http_request req = { .method = "GET", .url = http_peer_url(peer), .deadline = deadline_in_ms(5000) };
	AUTO_HTTP_RESPONSE resp = { 0 };
	check_ok(transport->request(http, &req, &resp, &em));
	check_bytes(bytes_str("fetched"), buf_bytes(&resp.body));
	assert_false(libctx_inside());
	transport->close(http);
	transport->close(NULL);
	transport->abandon(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(loads_libcurl_at_the_first_use_and_from_one_place, remove_module),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
