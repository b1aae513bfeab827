#define _GNU_SOURCE 1
#include "tests/unit/keywrap/softhsm.h"

#include <ftw.h>
#include <p11-kit/p11-kit.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

const char *softhsm_module;

static const char *const module_paths[] = {
	"/usr/lib/softhsm/libsofthsm2.so",
	"/usr/lib64/softhsm/libsofthsm2.so",
	"/usr/lib64/pkcs11/libsofthsm2.so",
	"/usr/local/lib/softhsm/libsofthsm2.so",
};

static char folder[] = "/tmp/keywrap-token-XXXXXX";

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *fmt, ...)
{
	char *command = NULL;
	va_list args;
	va_start(args, fmt);
	assert_true(vasprintf(&command, fmt, args) > 0);
	va_end(args);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
	free(command);
}

char *softhsm_path(const char *name)
{
	char *path = NULL;
	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

void softhsm_write(const char *name, const char *text)
{
	AUTO_STR
	char *path = softhsm_path(name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

/* A key pair in files and in the token, label NAME. softhsm2-util's import forbids derivation. */
static void make_key(const char *name, const char *how, const char *id)
{
	run("openssl genpkey %s -out %s/%s.key >/dev/null 2>&1", how, folder, name);
	run("openssl pkey -in %s/%s.key -pubout -out %s/%s.pub", folder, name, folder, name);
	run("openssl pkey -in %s/%s.key -outform DER -out %s/%s.der", folder, name, folder, name);
	run("openssl pkey -in %s/%s.key -pubout -outform DER -out %s/%s.pub.der", folder, name, folder, name);
	for (int i = 0; i < 2; i++)
		run("SOFTHSM2_CONF=%s/softhsm2.conf pkcs11-tool --module %s --login --pin '" SOFTHSM_PIN
		    "' --write-object %s/%s%s --type %s --label %s --id %s --usage-decrypt --usage-derive >/dev/null "
		    "2>&1",
		    folder, softhsm_module, folder, name, i ? ".pub.der" : ".der", i ? "pubkey" : "privkey", name, id);
}

static void write_key_file(const char *name, const char *uri_path, const char *pin)
{
	AUTO_STR
	char *text = NULL;
	AUTO_STR
	char *file = NULL;
	assert_true(asprintf(&text,
			     "pkcs11:\n  # pin-value=none\n  uri: \"pkcs11:%s?%s&module-path=%s\"\n"
			     "module:\n  env:\n    SOFTHSM2_CONF: %s/softhsm2.conf\n",
			     uri_path, pin, softhsm_module, folder) > 0);
	assert_true(asprintf(&file, "%s.yaml", name) > 0);
	softhsm_write(file, text);
}

static CK_SLOT_ID token_slot(CK_FUNCTION_LIST *f)
{
	CK_SLOT_ID slots[8];
	CK_ULONG count = ARRAY_LEN(slots);
	CK_TOKEN_INFO info;
	assert_int_equal(f->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
	for (CK_ULONG i = 0; i < count; i++)
		if (f->C_GetTokenInfo(slots[i], &info) == CKR_OK && memcmp(info.label, "unit ", 5) == 0)
			return slots[i];
	fail_msg("no token");
	return 0;
}

static void key_generate(CK_FUNCTION_LIST *f, const char *name, CK_ULONG bytes, unsigned usage)
{
	CK_SESSION_HANDLE session = 0;
	CK_OBJECT_HANDLE key = 0;
	CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL crypts = (usage & SOFTHSM_CRYPTS) != 0;
	CK_BBOOL wraps = (usage & SOFTHSM_WRAPS) != 0;
	CK_ATTRIBUTE template[] = {
		{ CKA_LABEL, (char *)name, strlen(name) }, { CKA_VALUE_LEN, &bytes, sizeof(bytes) },
		{ CKA_TOKEN, &yes, sizeof(yes) },          { CKA_PRIVATE, &yes, sizeof(yes) },
		{ CKA_SENSITIVE, &yes, sizeof(yes) },      { CKA_ENCRYPT, &crypts, sizeof(crypts) },
		{ CKA_DECRYPT, &crypts, sizeof(crypts) },  { CKA_WRAP, &wraps, sizeof(wraps) },
		{ CKA_UNWRAP, &wraps, sizeof(wraps) },
	};
	CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
	assert_int_equal(f->C_OpenSession(token_slot(f), flags, NULL, NULL, &session), CKR_OK);
	assert_int_equal(f->C_Login(session, CKU_USER, (CK_UTF8CHAR *)SOFTHSM_PIN, strlen(SOFTHSM_PIN)), CKR_OK);
	assert_int_equal(f->C_GenerateKey(session, &mechanism, template, ARRAY_LEN(template), &key), CKR_OK);
}

void softhsm_aes(const char *name, unsigned long bytes, unsigned usage)
{
	AUTO_STR
	char *path = NULL;
	AUTO_STR
	char *conf = softhsm_path("softhsm2.conf");
	setenv("SOFTHSM2_CONF", conf, 1);
	CK_FUNCTION_LIST *f = p11_kit_module_load(softhsm_module, 0);
	assert_non_null(f);
	assert_int_equal(p11_kit_module_initialize(f), CKR_OK);
	key_generate(f, name, bytes, usage);
	p11_kit_module_finalize(f);
	p11_kit_module_release(f);
	assert_true(asprintf(&path, "token=unit;object=%s", name) > 0);
	write_key_file(name, path, "pin-value=" SOFTHSM_PIN_URI);
}

void softhsm_data(const char *name, const char *text)
{
	softhsm_write("data.bin", text);
	run("SOFTHSM2_CONF=%s/softhsm2.conf pkcs11-tool --module %s --login --pin '" SOFTHSM_PIN
	    "' --write-object %s/data.bin --type data --label %s --private >/dev/null 2>&1",
	    folder, softhsm_module, folder, name);
}

char *softhsm_certificate(const char *name)
{
	char *spec = NULL;
	run("openssl req -new -x509 -key %s/%s.key -subj /CN=%s -days 2 -out %s/%s.crt", folder, name, name, folder,
	    name);
	assert_true(asprintf(&spec, "pkcs7:%s/%s.crt", folder, name) > 0);
	return spec;
}

int softhsm_make(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(module_paths); i++)
		if (access(module_paths[i], R_OK) == 0)
			softhsm_module = module_paths[i];
	if (!softhsm_module ||
	    system("command -v softhsm2-util >/dev/null && command -v pkcs11-tool >/dev/null && command -v "
		   "openssl >/dev/null") != 0) {
		softhsm_module = NULL;
		return 0;
	}
	assert_non_null(mkdtemp(folder));
	AUTO_STR
	char *conf = NULL;
	AUTO_STR
	char *allow = NULL;
	AUTO_STR
	char *allow_path = softhsm_path("ocicrypt.conf");
	run("mkdir %s/tokens", folder);
	assert_true(asprintf(&conf, "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n",
			     folder) > 0);
	softhsm_write("softhsm2.conf", conf);
	run("SOFTHSM2_CONF=%s/softhsm2.conf softhsm2-util --init-token --free --label unit --pin '" SOFTHSM_PIN
	    "' --so-pin 1234 >/dev/null",
	    folder);
	make_key("rsa3072", "-algorithm RSA -pkeyopt rsa_keygen_bits:3072", "01");
	make_key("rsa2048", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "02");
	make_key("p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "03");
	make_key("p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "04");
	assert_true(asprintf(&allow, "pkcs11:\n  module-directories: [%s]\n  allowed-module-paths:\n    - %s\n",
			     "/usr/lib/softhsm/", softhsm_module) > 0);
	softhsm_write("ocicrypt.conf", allow);
	setenv("OCICRYPT_CONFIG", allow_path, 1);
	softhsm_write("pin", SOFTHSM_PIN "\n");
	write_key_file("rsa3072", "token=unit;object=rsa3072;id=%01", "pin-value=" SOFTHSM_PIN_URI);
	write_key_file("rsa2048", "token=unit;object=rsa2048", "pin-value=" SOFTHSM_PIN_URI);
	write_key_file("p256", "token=unit;object=p256", "pin-value=" SOFTHSM_PIN_URI);
	write_key_file("p384", "token=unit;id=%04", "pin-value=" SOFTHSM_PIN_URI);
	write_key_file("wrong", "token=unit;object=rsa3072", "pin-value=notthepin");
	write_key_file("nokey", "token=unit;object=nokey", "pin-value=" SOFTHSM_PIN_URI);
	write_key_file("several", "token=unit", "pin-value=" SOFTHSM_PIN_URI);
	write_key_file("notoken", "token=nosuch;object=rsa3072", "pin-value=" SOFTHSM_PIN_URI);
	write_key_file("nopin", "token=unit;object=rsa3072", "x=y");
	AUTO_STR
	char *source = NULL;
	assert_true(asprintf(&source, "pin-source=file:%s/pin", folder) > 0);
	write_key_file("source", "token=unit;object=rsa3072", source);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int softhsm_remove(void **state)
{
	(void)state;
	return softhsm_module ? nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) : 0;
}

void softhsm_need(void)
{
	if (softhsm_module)
		return;
	print_message("skipped: no SoftHSM, pkcs11-tool or openssl here\n");
	skip();
}
