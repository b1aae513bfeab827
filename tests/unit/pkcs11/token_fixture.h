#pragma once
/* A real KBS on loopback, keys in it, and the module's own functions linked in: what the tests of pkcs11/ stand on. */
#include "tests/support/check.h"

#include "common/key.h"
#include "common/libctx.h"
#include "pkcs11/cryptoki.h"

#include <pthread.h>
#include <stdatomic.h>

struct token_fixture {
	char dir[64];
	EVP_PKEY *rsa, *rsa2, *p256, *p384, *p521;
	uint8_t aes[32];
	/* What went over the wire since fixture_fresh(). */
	atomic_uint attests, gets, connections;
	/* What happens to requests. */
	atomic_uint delay_ms; /* before each resource request */
	atomic_bool hold; /* resource requests wait until it is taken back */
	atomic_bool cut; /* every request: connection refused */
	atomic_long
		status; /* what something in front of the KBS answers to resource requests, with no body; 0: nothing */
	void (*during)(void); /* called in the middle of each request, as TLS in there might call back */
};
extern struct token_fixture fixture;

/* cmocka group set-up and tear-down. */
int fixture_start(void **state);
int fixture_stop(void **state);
/* For each test: a configuration that the module has not seen, so that it attests and fetches anew; zeroed counts. */
int fixture_fresh(void **state);
/* C_Finalize, if it is up. */
int fixture_down(void **state);

/* Replaces the whole configuration (%s: the KBS's URL; after it %s: the folder, as often as wanted). */
void fixture_configure(const char *text);
const char *fixture_url(void);
/* Puts a resource into the KBS, or takes it away (NULL). path: "default/key/x". */
void fixture_resource(const char *path, struct bytes contents);
void fixture_key(const char *path, EVP_PKEY *key);
void fixture_certificate(const char *path, EVP_PKEY *key); /* a new one, signed by itself */

CK_SESSION_HANDLE fixture_session(void); /* C_Initialize where due, and a read-write session */
CK_OBJECT_HANDLE fixture_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label); /* 0: none */
size_t fixture_count(CK_SESSION_HANDLE session, CK_ATTRIBUTE *attributes, CK_ULONG count);

/* A test with the module down, a fresh configuration, and the module down again afterwards. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_down)

#define check_rv(wanted, call) check_rv_((wanted), (call), #call, __FILE__, __LINE__)
void check_rv_(CK_RV wanted, CK_RV got, const char *call, const char *file, int line);
