/* Random number generation functions: PKCS #11 2.40, 5.15; 3.0, 5.19. */
#include "tests/unit/pkcs11/conformance.h"

static CK_RV call_seed_random(CK_SESSION_HANDLE session)
{
	return f->C_SeedRandom(session, data, 1);
}

static void seed_random(void)
{
	gives(CKR_ARGUMENTS_BAD, f->C_SeedRandom(s, NULL, 1));
	gives(CKR_RANDOM_SEED_NOT_SUPPORTED, f->C_SeedRandom(s, data, 1));
}

static CK_RV call_generate_random(CK_SESSION_HANDLE session)
{
	return f->C_GenerateRandom(session, out, 16);
}

static void generate_random(void)
{
	CK_BYTE other[16];
	gives(CKR_ARGUMENTS_BAD, f->C_GenerateRandom(s, NULL, 1));
	gives(CKR_OK, f->C_GenerateRandom(s, out, 16));
	gives(CKR_OK, f->C_GenerateRandom(s, other, 16));
	assert_memory_not_equal(out, other, 16);
	gives(CKR_OK, f->C_GenerateRandom(s, NULL, 0));
}

#define ALWAYS                                                                                                         \
	{ CKR_OPERATION_ACTIVE, "no operation stands in its way" }, { CKR_RANDOM_NO_RNG, "OpenSSL has one" },          \
	{                                                                                                              \
		CKR_USER_NOT_LOGGED_IN, "it needs no login"                                                            \
	}
#define RANDOM CANCELABLE, CKR_ARGUMENTS_BAD, CKR_OPERATION_ACTIVE, CKR_RANDOM_NO_RNG, CKR_USER_NOT_LOGGED_IN

static const struct conformance_function functions[] = {
	{ "C_SeedRandom", call_seed_random, false, seed_random, LISTED(RANDOM, CKR_RANDOM_SEED_NOT_SUPPORTED),
	  NEVER(ALWAYS, { CKR_FUNCTION_NOT_SUPPORTED, "it never succeeds: OpenSSL seeds itself" }) },
	{ "C_GenerateRandom", call_generate_random, false, generate_random, LISTED(RANDOM), NEVER(ALWAYS) },
};
const struct conformance_chapter conformance_random = CHAPTER("random_number_generation", functions);
