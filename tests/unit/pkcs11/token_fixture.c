#include "tests/unit/pkcs11/token_fixture.h"

#include "kbs/kbs.h"
#include "pkcs11/broker.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

struct token_fixture fixture;

static struct kbs *server;
static unsigned configurations;

void check_rv_(CK_RV wanted, CK_RV got, const char *call, const char *file, int line)
{
	if (wanted == got)
		return;
	print_error("%s: 0x%lx instead of 0x%lx\n", call, got, wanted);
	_fail(file, line);
}

/* --- the transport: libcurl with a hand in between ---------------------------------------------------------------- */

static enum err between_request(struct http *http, const struct http_request *req, struct http_response *resp,
				struct errmsg *error)
{
	bool resource = strstr(req->url, "/resource/") != NULL;
	if (fixture.cut)
		return err_set(error, ERR_NET, "cut off by the test");
	if (strstr(req->url, "/attest"))
		atomic_fetch_add(&fixture.attests, 1);
	if (resource)
		atomic_fetch_add(&fixture.gets, 1);
	if (resource && fixture.delay_ms)
		usleep(fixture.delay_ms * 1000);
	while (resource && fixture.hold)
		usleep(1000);
	if (resource && fixture.status) {
		resp->status = fixture.status;
		return OK;
	}
	if (fixture.during) {
		struct libctx_guard guard = libctx_enter();
		fixture.during();
		libctx_leave(guard);
	}
	return http_curl()->request(http, req, resp, error);
}

static enum err between_open(const struct http_options *options, struct http **out, struct errmsg *error)
{
	atomic_fetch_add(&fixture.connections, 1);
	return http_curl()->open(options, out, error);
}

static void between_close(struct http *http)
{
	http_curl()->close(http);
}

static void between_abandon(struct http *http)
{
	http_curl()->abandon(http);
}

static const struct http_transport between = { HTTP_ABI, between_open, between_request, between_close,
					       between_abandon };

/* --- the server and what is in it --------------------------------------------------------------------------------- */

/* The KBS may be reading it just now: it sees the old contents or the new ones. */
static void write_file(const char *path, struct bytes contents)
{
	char part[600];
	snprintf(part, sizeof(part), "%s.part", path);
	FILE *file = fopen(part, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(contents.data, 1, contents.len, file), contents.len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(part, 0600), 0);
	assert_int_equal(rename(part, path), 0);
}

static void make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			fail_msg("mkdir %s", path);
		*slash = '/';
	}
}

void fixture_resource(const char *path, struct bytes contents)
{
	char full[512], fresh[128];
	snprintf(full, sizeof(full), "%s/kbs/storage/%s", fixture.dir, path);
	if (!contents.data) {
		unlink(full);
		return;
	}
	make_folders(full);
	/* In one step: the KBS may be reading it. */
	snprintf(fresh, sizeof(fresh), "%s/fresh", fixture.dir);
	write_file(fresh, contents);
	assert_int_equal(rename(fresh, full), 0);
}

static void put_pem(const char *path, EVP_PKEY *key, X509 *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	if (certificate)
		assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
	else
		assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	long len = BIO_get_mem_data(bio, &text);
	fixture_resource(path, (struct bytes){ (const uint8_t *)text, (size_t)len });
	BIO_free(bio);
}

void fixture_key(const char *path, EVP_PKEY *key)
{
	put_pem(path, key, NULL);
}

static void write_public(const char *name, EVP_PKEY *key)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", fixture.dir, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(PEM_write_PUBKEY(file, key), 1);
	fclose(file);
}

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new_ex(libctx(), NULL);
	X509_NAME *name = X509_NAME_new();
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"kbs test", -1, -1, 0);
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 4711);
	X509_set_subject_name(certificate, name);
	X509_set_issuer_name(certificate, name);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	EVP_MD *md = EVP_MD_fetch(libctx(), "SHA256", NULL);
	assert_true(X509_sign(certificate, key, md) > 0);
	EVP_MD_free(md);
	X509_NAME_free(name);
	return certificate;
}

void fixture_certificate(const char *path, EVP_PKEY *key)
{
	X509 *certificate = make_certificate(key);
	put_pem(path, NULL, certificate);
	X509_free(certificate);
}

static void fill_storage(void)
{
	fixture.rsa = EVP_PKEY_Q_keygen(libctx(), NULL, "RSA", (size_t)2048);
	fixture.rsa2 = EVP_PKEY_Q_keygen(libctx(), NULL, "RSA", (size_t)2048);
	fixture.p256 = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-256");
	fixture.p384 = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-384");
	fixture.p521 = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-521");
	assert_non_null(fixture.rsa);
	fixture_key("default/key/rsa", fixture.rsa);
	fixture_key("default/key/rsa2", fixture.rsa2);
	fixture_key("default/key/p256", fixture.p256);
	fixture_key("default/key/p384", fixture.p384);
	fixture_key("default/key/p521", fixture.p521);
	fixture_key("secret/key/rsa", fixture.rsa);
	write_public("rsa.pub", fixture.rsa);
	write_public("p256.pub", fixture.p256);
	assert_int_equal(RAND_bytes_ex(libctx(), fixture.aes, sizeof(fixture.aes), 0), 1);
	fixture_resource("default/key/aes", BYTES(fixture.aes));
	fixture_resource("default/text/note", bytes_str("a note, no key"));
	fixture_resource("default/text/other", bytes_str("not a key either"));
	fixture_certificate("default/cert/rsa", fixture.rsa);
}

int fixture_start(void **state)
{
	(void)state;
	char dir[128], policy[160];
	unsetenv("AA_KBC_PARAMS");
	check_folder_make(fixture.dir);
	snprintf(dir, sizeof(dir), "%s/kbs", fixture.dir);
	check_ok(kbs_init(dir, &em));
	snprintf(policy, sizeof(policy), "%s/policy.json", dir);
	write_file(policy, bytes_str("{\"default\":\"deny\",\"rules\":[{\"path\":\"default/*/*\",\"allow\":true}]}"));
	fill_storage();
	struct kbs_options options = { .dir = dir, .listen = "127.0.0.1:0", .allow_sample = true };
	check_ok(kbs_start(&options, &server, &em));
	broker_use_transport(&between);
	return 0;
}

int fixture_stop(void **state)
{
	(void)state;
	kbs_stop(server);
	EVP_PKEY *keys[] = { fixture.rsa, fixture.rsa2, fixture.p256, fixture.p384, fixture.p521 };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		EVP_PKEY_free(keys[i]);
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", fixture.dir);
	return system(command);
}

const char *fixture_url(void)
{
	return kbs_url(server);
}

void fixture_configure(const char *text)
{
	char path[128], *filled = NULL;
	snprintf(path, sizeof(path), "%s/conf-%u.json", fixture.dir, configurations++);
	const char *d = fixture.dir;
	/* The text is this test's own. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	assert_true(asprintf(&filled, text, kbs_url(server), d, d, d, d) > 0);
#pragma GCC diagnostic pop
	write_file(path, bytes_str(filled));
	free(filled);
	setenv("KBS_PKCS11_CONF", path, 1);
}

int fixture_fresh(void **state)
{
	(void)state;
	static unsigned timeout = 5;
	char text[4096];
	/* Another time-out makes it another KBS to the module: nothing of the test before is used again. */
	timeout = timeout == 5 ? 6 : 5;
	snprintf(text, sizeof(text),
		 "{\"kbs\":{\"kbc\":\"cc_kbc\",\"url\":\"%%s\",\"attester\":\"sample\",\"timeout\":%u},"
		 "\"token\":{\"label\":\"test token\"},\"objects\":["
		 "{\"label\":\"rsa\",\"class\":\"private-key\",\"uri\":\"kbs:///default/key/rsa\","
		 "\"public\":\"%%s/rsa.pub\",\"id\":\"01\"},"
		 "{\"label\":\"p256\",\"class\":\"private-key\",\"uri\":\"kbs:///default/key/p256\",\"id\":\"02\","
		 "\"type\":\"ec\",\"public\":\"%%s/p256.pub\"},"
		 "{\"label\":\"p384\",\"class\":\"private-key\",\"uri\":\"kbs:///default/key/p384\"},"
		 "{\"label\":\"p521\",\"class\":\"private-key\",\"uri\":\"kbs:///default/key/p521\"},"
		 "{\"label\":\"tls\",\"class\":\"private-key\",\"uri\":\"kbs:///default/key/rsa\","
		 "\"certificate\":\"kbs:///default/cert/rsa\",\"id\":\"03\"},"
		 "{\"label\":\"aes\",\"class\":\"secret-key\",\"uri\":\"kbs:///default/key/aes\",\"type\":\"aes\"},"
		 "{\"label\":\"note\",\"class\":\"data\",\"uri\":\"kbs:///default/text/note\"},"
		 "{\"label\":\"open\",\"class\":\"private-key\",\"uri\":\"kbs:///default/key/rsa2\","
		 "\"extractable\":true},"
		 "{\"label\":\"swapped\",\"class\":\"private-key\",\"uri\":\"kbs:///default/key/rsa2\","
		 "\"public\":\"%%s/rsa.pub\"},"
		 "{\"label\":\"missing\",\"class\":\"private-key\",\"uri\":\"kbs:///default/key/none\"},"
		 "{\"label\":\"denied\",\"class\":\"private-key\",\"uri\":\"kbs:///secret/key/rsa\"},"
		 "{\"label\":\"no key\",\"class\":\"private-key\",\"uri\":\"kbs:///default/text/other\"}]}",
		 timeout);
	fixture_configure(text);
	fixture.attests = fixture.gets = fixture.connections = 0;
	fixture.delay_ms = 0;
	fixture.hold = false;
	fixture.cut = false;
	fixture.status = 0;
	fixture.during = NULL;
	return 0;
}

int fixture_down(void **state)
{
	(void)state;
	C_Finalize(NULL);
	fixture.cut = false;
	fixture.status = 0;
	fixture.delay_ms = 0;
	fixture.hold = false;
	fixture.during = NULL;
	return 0;
}

CK_SESSION_HANDLE fixture_session(void)
{
	CK_SESSION_HANDLE session = 0;
	CK_RV rv = C_Initialize(NULL);
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		fail_msg("C_Initialize: 0x%lx", rv);
	check_rv(CKR_OK, C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
	return session;
}

CK_OBJECT_HANDLE fixture_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label)
{
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_LABEL, (void *)(uintptr_t)label, strlen(label) } };
	CK_OBJECT_HANDLE found[2] = { 0, 0 };
	CK_ULONG n = 0;
	check_rv(CKR_OK, C_FindObjectsInit(session, template, 2));
	check_rv(CKR_OK, C_FindObjects(session, found, 2, &n));
	check_rv(CKR_OK, C_FindObjectsFinal(session));
	assert_true(n <= 1);
	return found[0];
}

size_t fixture_count(CK_SESSION_HANDLE session, CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	CK_OBJECT_HANDLE found[8];
	CK_ULONG n = 0;
	size_t all = 0;
	check_rv(CKR_OK, C_FindObjectsInit(session, attributes, count));
	do {
		check_rv(CKR_OK, C_FindObjects(session, found, 8, &n));
		all += n;
	} while (n);
	check_rv(CKR_OK, C_FindObjectsFinal(session));
	return all;
}
