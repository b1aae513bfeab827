#define _GNU_SOURCE 1
#include "tests/unit/keywrap/layers.h"

#include "common/secret.h"
#include "keywrap/pgp_key.h"
#include "keywrap/scheme.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The pgp scheme with a key ring of its own: bob (RSA, with a passphrase), carol (Curve25519), alice (twice), dave
 * (signs only). Private homes go to a folder of the test's own in /dev/shm, which must be empty afterwards. */

static char work[] = "/tmp/keywrap-pgp-XXXXXX";
static char memory[] = "/dev/shm/keywrap-pgp-XXXXXX";
static bool usable;

static int shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *fmt, ...)
{
	AUTO_STR
	char *command = NULL;
	va_list args;
	va_start(args, fmt);
	assert_true(vasprintf(&command, fmt, args) > 0);
	va_end(args);
	return system(command);
}

static void run(const char *command)
{
	if (shell("cd %s && { %s; } >log 2>&1", work, command) != 0) {
		(void)shell("cat %s/log >&2", work);
		fail_msg("failed: %s", command);
	}
}

#define GPG "gpg --batch --yes --quiet --pinentry-mode loopback "

static int ring_make(void **state)
{
	(void)state;
	if (shell("command -v gpg gpgconf shred find >/dev/null") != 0 || access("/dev/shm", W_OK) != 0)
		return 0;
	assert_non_null(mkdtemp(work));
	assert_non_null(mkdtemp(memory));
	AUTO_STR
	char *home = NULL;
	assert_true(asprintf(&home, "%s/home", work) > 0);
	assert_int_equal(mkdir(home, 0700), 0);
	setenv("GNUPGHOME", home, 1);
	setenv("XDG_RUNTIME_DIR", memory, 1);
	run(GPG "--passphrase hidden-word --quick-gen-key 'Bob Builder <bob@example.com>' rsa2048 cert 1d");
	run(GPG "--passphrase hidden-word --quick-add-key $(gpg --with-colons -k bob | awk -F: '/^fpr/{print $10}') "
		"rsa2048 "
		"encr 1d");
	run(GPG "--passphrase '' --quick-gen-key 'Carol <carol@example.com>' future-default default 1d");
	run(GPG "--passphrase '' --quick-gen-key 'Alice <alice@example.com>' future-default default 1d");
	run(GPG "--passphrase '' --quick-gen-key 'Alice <alice@example.com>' future-default default 1d");
	run(GPG "--passphrase '' --quick-gen-key 'Dave <dave@example.com>' ed25519 sign 1d");
	run(GPG "--passphrase hidden-word --export-secret-keys bob@example.com >bob.sec");
	run(GPG "--passphrase hidden-word --armor --export-secret-keys bob@example.com >bob.asc");
	run(GPG "--export-secret-keys carol@example.com >carol.sec");
	run(GPG "--export carol@example.com >carol.pub");
	run("printf '%s' '{\"symkey\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\",\"digest\":\"sha256:"
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"cipheroptions\":{\"nonce\":"
	    "\"AAECAwQFBgcICQoLDA0ODw==\"}}' >privopts");
	usable = true;
	return 0;
}

static int ring_remove(void **state)
{
	(void)state;
	if (!usable)
		return 0;
	return shell("gpgconf --kill all; rm -rf %s %s", work, memory);
}

static void ring_need(void)
{
	if (usable)
		return;
	print_message("skipped: no gpg, or no /dev/shm, here\n");
	skip();
}

/* How many private homes there are. */
static unsigned homes(void)
{
	unsigned count = 0;
	DIR *dir = opendir(memory);
	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		count += strncmp(entry->d_name, "okw-pgp-", 8) == 0;
	closedir(dir);
	return count;
}

static bool agent_lives(void)
{
	return shell("pgrep -f '[g]pg-agent.*%s' >/dev/null", memory) == 0;
}

static char *in_work(const char *scheme, const char *name)
{
	char *text = NULL;
	assert_true(asprintf(&text, "%s%s/%s", scheme, work, name) > 0);
	return text;
}

struct made_layer {
	char *data;
	struct bytes plain;
	struct buf layer;
	struct okw_annotations annotations;
};

static struct made_layer layer_for(const char *to, const char *second)
{
	struct made_layer l = { .data = test_data(3000) };
	struct okw_error error = { OKW_OK, "" };
	struct okw_context *context = context_with(to, NULL);
	if (second)
		assert_okw(okw_add_encryption_key(context, second, &error), &error);
	l.plain = (struct bytes){ (const uint8_t *)l.data, 3000 };
	l.layer = encrypt_all(context, l.plain, &l.annotations);
	okw_context_free(context);
	return l;
}

static void layer_free(struct made_layer *l)
{
	free(l->data);
	buf_clear(&l->layer);
	okw_annotations_clear(&l->annotations);
}

static enum okw_code layer_open(const struct made_layer *l, const char *key, struct okw_error *error)
{
	AUTO_BUF
	out = { 0 };
	struct okw_context *context = context_with(NULL, key);
	enum okw_code code = decrypt_all(context, &l->annotations, buf_bytes(&l->layer), &out, error);
	if (code == OKW_OK)
		assert_true(bytes_equal(buf_bytes(&out), l->plain));
	okw_context_free(context);
	return code;
}

static void layer_opens(const struct made_layer *l, const char *file)
{
	struct okw_error error = { OKW_OK, "" };
	AUTO_STR
	char *key = in_work("", file);
	assert_okw(layer_open(l, key, &error), &error);
	assert_int_equal(homes(), 0);
	assert_false(agent_lives());
}

static void layer_refuses(const struct made_layer *l, const char *file, enum okw_code code, const char *text)
{
	struct okw_error error = { OKW_OK, "" };
	AUTO_STR
	char *key = in_work("", file);
	if (layer_open(l, key, &error) != code)
		fail_msg("%d: %s", (int)error.code, error.text);
	assert_error_has(&error, text);
	assert_null(strstr(error.text, "hidden-word"));
	assert_null(strstr(error.text, "mistaken"));
	assert_int_equal(homes(), 0);
}

static void opens_layers_with_exported_keys(void **state)
{
	(void)state;
	ring_need();
	struct made_layer l = layer_for("pgp:bob@example.com", "pgp:Carol <carol@example.com>");
	layer_opens(&l, "bob.sec:pass=hidden-word");
	layer_opens(&l, "bob.asc:hidden-word");
	layer_opens(&l, "carol.sec");
	layer_free(&l);
}

static void opens_layers_with_the_users_own_ring(void **state)
{
	(void)state;
	ring_need();
	struct okw_error error = { OKW_OK, "" };
	struct made_layer l = layer_for("pgp:carol@example.com", NULL);
	assert_okw(layer_open(&l, "pgp:carol@example.com", &error), &error);
	assert_okw(layer_open(&l, "pgp:Carol <carol@example.com>", &error), &error);
	assert_int_equal(layer_open(&l, "pgp:nobody@example.com", &error), OKW_ERR_KEY);
	assert_error_has(&error, "no secret key with just that user id");
	layer_free(&l);
}

static void says_why_a_key_does_not_open(void **state)
{
	(void)state;
	ring_need();
	struct made_layer l = layer_for("pgp:bob@example.com", NULL);
	layer_refuses(&l, "bob.sec:pass=mistaken", OKW_ERR_DENIED, "the passphrase does not open the OpenPGP key");
	layer_refuses(&l, "bob.sec", OKW_ERR_KEY, "a passphrase is needed");
	layer_refuses(&l, "carol.sec", OKW_ERR_KEY, "for other keys");
	layer_refuses(&l, "carol.pub", OKW_ERR_KEY, "no OpenPGP secret key in it");
	layer_free(&l);
}

static struct secret *work_secret(const char *name)
{
	AUTO_STR
	char *path = in_work("", name);
	AUTO_BUF
	text = file_read_all(path);
	struct secret *s = NULL;
	assert_int_equal(secret_copy(buf_bytes(&text), &s, NULL), OK);
	return s;
}

/* Through the table's row, so that the element is this test's. */
static enum err element_unwrap(const char *name, unsigned flip_from_end, struct errmsg *em)
{
	AUTO_STR
	char *path = in_work("", name);
	AUTO_BUF
	element = file_read_all(path);
	AUTO(secret) *wanted = work_secret("privopts");
	AUTO(secret) *plain = NULL;
	AUTO_STR
	char *key_path = in_work("", "carol.sec");
	AUTO_BUF
	key_text = file_read_all(key_path);
	struct secret *text = NULL;
	if (flip_from_end)
		element.data[element.len - flip_from_end] ^= 1;
	assert_int_equal(secret_copy(buf_bytes(&key_text), &text, NULL), OK);
	struct unwrap_key key = { .pgp = NULL };
	struct secret *passphrase = NULL;
	assert_int_equal(secret_copy(bytes_str("hidden-word"), &passphrase, NULL), OK);
	assert_int_equal(pgp_key_from_text(text, passphrase, &key.pgp, em), OK);
	enum err e = scheme_pgp.unwrap(&key, buf_bytes(&element), &plain, em);
	pgp_key_free(key.pgp);
	assert_int_equal(e == OK, plain != NULL);
	if (e == OK)
		assert_true(bytes_equal(secret_bytes(plain), secret_bytes(wanted)));
	return e;
}

static void opens_what_gpg_writes(void **state)
{
	(void)state;
	ring_need();
	struct errmsg em = { "" };
	run(GPG
	    "--trust-model always -r carol@example.com -e --cipher-algo AES128 --compress-algo zlib -o m1 privopts");
	run(GPG "--trust-model always -r carol@example.com -r bob@example.com -e --armor -o m2 privopts");
	run(GPG "--trust-model always -R carol@example.com -e -o m3 privopts");
	for (int i = 1; i <= 3; i++) {
		char name[16];
		snprintf(name, sizeof(name), "m%d", i);
		if (element_unwrap(name, 0, &em) != OK)
			fail_msg("%s: %s", name, em.text);
	}
}

static void refuses_what_does_not_hold(void **state)
{
	(void)state;
	ring_need();
	struct errmsg em = { "" };
	run(GPG "--trust-model always -r carol@example.com -e -o m4 privopts");
	assert_int_equal(element_unwrap("m4", 3, &em), ERR_INTEGRITY); /* the MDC */
	assert_int_equal(element_unwrap("m4", 40, &em), ERR_INTEGRITY);
	assert_int_equal(element_unwrap("privopts", 0, &em), ERR_PARSE);
	run("head -c 3000000 /dev/zero >zeros");
	run(GPG "--trust-model always -r carol@example.com -e -o bomb zeros");
	assert_int_equal(element_unwrap("bomb", 0, &em), ERR_LIMIT);
	assert_int_equal(homes(), 0);
}

/* Else whoever makes layers could try out passphrases, one layer each. */
static void tries_no_passphrase_on_a_message(void **state)
{
	(void)state;
	ring_need();
	struct errmsg em = { "" };
	run(GPG "--passphrase hidden-word -c -o sym privopts");
	run(GPG "--store -o stored privopts");
	assert_int_equal(element_unwrap("sym", 0, &em), ERR_UNSUPPORTED);
	assert_non_null(strstr(em.text, "for a passphrase"));
	assert_int_equal(element_unwrap("stored", 0, &em), ERR_PARSE);
}

static void writes_what_peers_read(void **state)
{
	(void)state;
	ring_need();
	struct errmsg em = { "" };
	AUTO(secret) *privopts = work_secret("privopts");
	struct wrap_key key = { .label = (char *)"carol" };
	struct wrap_key *keys[] = { &key };
	AUTO_BUF
	element = { 0 };
	assert_int_equal(pgp_recipient_find("carol@example.com", &key.pgp, &em), OK);
	enum err e = scheme_pgp.wrap((struct wrap_recipients){ keys, 1 }, secret_bytes(privopts), &element, &em);
	pgp_recipient_free(key.pgp);
	if (e != OK)
		fail_msg("%s", em.text);
	AUTO_STR
	char *path = in_work("", "own");
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(element.data, 1, element.len, f), element.len);
	assert_int_equal(fclose(f), 0);
	run(GPG "--list-packets own >packets");
	run("grep -q 'pubkey enc packet: version 3' packets && grep -q 'mdc_method: 2' packets && grep -q 'literal "
	    "data' "
	    "packets && ! grep -q compressed packets");
	run(GPG "--status-fd 3 -d own 3>status >opened && cmp opened privopts && grep -q 'DECRYPTION_INFO 2 9' status");
	assert_int_equal(homes(), 0);
}

static void recipient_refused(const char *spec, const char *text)
{
	struct okw_error error = { OKW_OK, "" };
	struct okw_context *context = context_with(NULL, NULL);
	assert_int_equal(okw_add_encryption_key(context, spec, &error), OKW_ERR_KEY);
	assert_error_has(&error, text);
	okw_context_free(context);
}

static void takes_recipients_by_their_exact_names_alone(void **state)
{
	(void)state;
	ring_need();
	recipient_refused("pgp:carol", "no public key with just that user id or address");
	recipient_refused("pgp:example.com", "no public key with just that user id or address");
	recipient_refused("pgp:<carol@example.com>", "no public key with just that user id or address");
	recipient_refused("pgp:alice@example.com", "2 public keys of that name");
	recipient_refused("pgp:dave@example.com", "revoked, expired or for signatures alone");
	run("gpg --with-colons -k alice | awk -F: '/^fpr/{print $10; exit}' | tr -d '\\n' >fingerprint");
	AUTO(secret) *fingerprint = work_secret("fingerprint");
	AUTO_STR
	char *spec = NULL;
	assert_true(asprintf(&spec, "pgp:%.40s", (const char *)secret_data(fingerprint)) > 0);
	okw_context_free(context_with(spec, NULL));
}

/* An agent that asks somebody who never answers. */
static void gives_up_on_an_agent_that_waits_for_ever(void **state)
{
	(void)state;
	ring_need();
	struct made_layer l = layer_for("pgp:bob@example.com", NULL);
	struct okw_error error = { OKW_OK, "" };
	run("gpgconf --kill all; printf '#!/bin/sh\\necho OK\\nexec sleep 7\\n' >pinentry; chmod +x pinentry; cp "
	    "home/gpg-agent.conf agent.before 2>/dev/null || true; echo \"pinentry-program $PWD/pinentry\" "
	    ">>home/gpg-agent.conf");
	setenv("OKW_PGP_TIMEOUT", "1", 1);
	struct timespec begin;
	struct timespec end;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	enum okw_code code = layer_open(&l, "pgp:bob@example.com", &error);
	clock_gettime(CLOCK_MONOTONIC, &end);
	unsetenv("OKW_PGP_TIMEOUT");
	assert_int_equal(code, OKW_ERR_UNREACHABLE);
	assert_error_has(&error, "GnuPG did not finish within 1 seconds");
	assert_true(end.tv_sec - begin.tv_sec < 5);
	run("gpgconf --kill all; if [ -e agent.before ]; then mv agent.before home/gpg-agent.conf; else rm "
	    "home/gpg-agent.conf; fi");
	layer_free(&l);
}

/* In a process that is killed in the midst of it. */
static void leaves_nothing_behind_when_killed(void **state)
{
	(void)state;
	ring_need();
	struct made_layer l = layer_for("pgp:carol@example.com", NULL);
	AUTO_STR
	char *key = in_work("", "carol.sec");
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		AUTO_BUF
		out = { 0 };
		struct okw_error error;
		struct okw_context *context = context_with(NULL, key);
		enum okw_code code = decrypt_all(context, &l.annotations, buf_bytes(&l.layer), &out, &error);
		if (code != OKW_OK || homes() != 1 || !agent_lives())
			_exit(1);
		raise(SIGKILL);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	static const struct timespec step = { 0, 20000000 };
	for (int i = 0; i < 500 && (homes() || agent_lives()); i++)
		nanosleep(&step, NULL);
	assert_int_equal(homes(), 0);
	assert_false(agent_lives());
	layer_free(&l);
}

/* What a killed reaper left, and what somebody else still uses. */
static void removes_what_others_left_and_nothing_that_they_use(void **state)
{
	(void)state;
	ring_need();
	assert_int_equal(
		shell("mkdir -m 700 %s/okw-pgp-dead %s/okw-pgp-live && touch %s/okw-pgp-dead/lock "
		      "%s/okw-pgp-live/lock && gpg --homedir %s/okw-pgp-dead --batch --quiet --import %s/carol.sec",
		      memory, memory, memory, memory, memory, work),
		0);
	assert_true(agent_lives());
	AUTO_STR
	char *path = NULL;
	assert_true(asprintf(&path, "%s/okw-pgp-live/lock", memory) > 0);
	AUTO_FD
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	struct made_layer l = layer_for("pgp:carol@example.com", NULL);
	assert_int_equal(homes(), 1);
	assert_int_equal(access(path, F_OK), 0);
	assert_false(agent_lives());
	layer_free(&l);
	assert_int_equal(shell("rm -rf %s/okw-pgp-live", memory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_layers_with_exported_keys),
		cmocka_unit_test(opens_layers_with_the_users_own_ring),
		cmocka_unit_test(says_why_a_key_does_not_open),
		cmocka_unit_test(opens_what_gpg_writes),
		cmocka_unit_test(refuses_what_does_not_hold),
		cmocka_unit_test(tries_no_passphrase_on_a_message),
		cmocka_unit_test(writes_what_peers_read),
		cmocka_unit_test(takes_recipients_by_their_exact_names_alone),
		cmocka_unit_test(gives_up_on_an_agent_that_waits_for_ever),
		cmocka_unit_test(leaves_nothing_behind_when_killed),
		cmocka_unit_test(removes_what_others_left_and_nothing_that_they_use),
	};
	return cmocka_run_group_tests(tests, ring_make, ring_remove);
}
