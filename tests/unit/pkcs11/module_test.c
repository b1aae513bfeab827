/* The module as a shared object, loaded beside p11-kit and GnuTLS, which export functions of the same names. */
#include "tests/support/check.h"

#include "pkcs11/cryptoki.h"

#include <dlfcn.h>
#include <p11-kit/p11-kit.h>

#define NAME(name) #name,
static const char *const names[] = { CRYPTOKI_FUNCTIONS_2_40(NAME) CRYPTOKI_FUNCTIONS_3_0(NAME) };

static char path[512];
static void *module;

static int load(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/kbs-pkcs11.so", getenv("TOP_BUILDDIR"));
	/* p11-kit is linked in; GnuTLS, which is linked with it too, is here where the machine has it. */
	assert_non_null(p11_kit_module_get_name);
	(void)dlopen("libgnutls.so.30", RTLD_NOW | RTLD_GLOBAL);
	module = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	if (!module)
		print_error("%s\n", dlerror());
	return module ? 0 : -1;
}

/* The file that a function is in. */
static const char *file_of(const void *function)
{
	Dl_info info;
	return function && dladdr(function, &info) && info.dli_fname ? info.dli_fname : "nowhere";
}

static bool is_ours(const void *function)
{
	const char *file = file_of(function), *slash = strrchr(file, '/');
	return strcmp(slash ? slash + 1 : file, "kbs-pkcs11.so") == 0;
}

static void every_entry_point_is_found_in_the_module_itself(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_LEN(names), 92);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const void *function = dlsym(module, names[i]);
		if (!is_ours(function))
			fail_msg("%s is in %s", names[i], file_of(function));
	}
}

static void every_pointer_of_its_lists_stays_in_it(void **state)
{
	(void)state;
	CK_INTERFACE *list[2] = { NULL, NULL };
	CK_VERSION versions[2] = { { 2, 40 }, { 3, 0 } };
	CK_UTF8CHAR name[] = "PKCS 11";
	__typeof__(&C_GetInterface) get = (__typeof__(get))dlsym(module, "C_GetInterface");
	for (size_t v = 0; v < 2; v++) {
		assert_int_equal(get(name, &versions[v], &list[v], 0), CKR_OK);
		const CK_FUNCTION_LIST_3_0 *functions = list[v]->pFunctionList;
		void *const *members = (void *const *)(const void *)&functions->C_Initialize;
		for (size_t i = 0; i < (v ? 92 : 68); i++) {
			if (!is_ours(members[i]))
				fail_msg("%s of %d.%d is in %s", names[i], versions[v].major, versions[v].minor,
					 file_of(members[i]));
			/* What dlsym() finds; C_GetInfo of 2.40 says another version. */
			if (v || strcmp(names[i], "C_GetInfo") != 0)
				assert_ptr_equal(members[i], dlsym(module, names[i]));
		}
	}
}

static void the_hosts_own_names_stay_the_hosts(void **state)
{
	(void)state;
	const void *host = dlsym(RTLD_DEFAULT, "C_GetFunctionList");
	assert_non_null(host); /* p11-kit's */
	assert_false(is_ours(host));
	assert_ptr_not_equal(host, dlsym(module, "C_GetFunctionList"));
	/* And ours is not asked through it. */
	CK_FUNCTION_LIST *list = NULL;
	__typeof__(&C_GetFunctionList) get = (__typeof__(get))dlsym(module, "C_GetFunctionList");
	assert_int_equal(get(&list), CKR_OK);
	assert_true(is_ours((const void *)list->C_GetFunctionList));
}

static void nothing_else_of_it_is_to_be_found(void **state)
{
	(void)state;
	static const char *const hidden[] = {
		"process_initialize", "operation_begin", "session_new",    "secret_new", "kbc_get",
		"function_list",      "libctx",          "json_object_get"
	};
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		assert_false(is_ours(dlsym(module, hidden[i])));
}

static void it_stays_mapped_when_it_is_closed(void **state)
{
	(void)state;
	__typeof__(&C_GetFunctionList) get = (__typeof__(get))dlsym(module, "C_GetFunctionList");
	CK_FUNCTION_LIST *list = NULL;
	assert_int_equal(dlclose(module), 0);
	assert_int_equal(get(&list), CKR_OK);
	assert_int_equal(list->C_GetInfo(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_point_is_found_in_the_module_itself),
		cmocka_unit_test(every_pointer_of_its_lists_stays_in_it),
		cmocka_unit_test(the_hosts_own_names_stay_the_hosts),
		cmocka_unit_test(nothing_else_of_it_is_to_be_found),
		cmocka_unit_test(it_stays_mapped_when_it_is_closed),
	};
	return cmocka_run_group_tests(tests, load, NULL);
}
