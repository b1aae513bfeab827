/* General-purpose functions: PKCS #11 2.40 and 3.0, 5.4. Parallel functions: 5.15. */
#include "tests/unit/pkcs11/conformance.h"

#include "pkcs11/function_list.h"

static CK_RV create_mutex(void **mutex)
{
	*mutex = NULL;
	return CKR_OK;
}

static CK_RV use_mutex(void *mutex)
{
	(void)mutex;
	return CKR_OK;
}

static void initialize(void)
{
	CK_C_INITIALIZE_ARGS args = { create_mutex, use_mutex, use_mutex, NULL, 0, NULL };
	gives(CKR_ARGUMENTS_BAD, f->C_Initialize(&args));
	args = (CK_C_INITIALIZE_ARGS){ NULL, NULL, NULL, use_mutex, CKF_OS_LOCKING_OK, NULL };
	gives(CKR_ARGUMENTS_BAD, f->C_Initialize(&args));
	args = (CK_C_INITIALIZE_ARGS){ .pReserved = &args };
	gives(CKR_ARGUMENTS_BAD, f->C_Initialize(&args));
	/* The four ways of locking, and no threads of the library's own. */
	static const CK_FLAGS flags[] = { 0, CKF_OS_LOCKING_OK, CKF_LIBRARY_CANT_CREATE_OS_THREADS };
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		args = (CK_C_INITIALIZE_ARGS){ .flags = flags[i] };
		gives(CKR_OK, f->C_Initialize(&args));
		gives(CKR_CRYPTOKI_ALREADY_INITIALIZED, f->C_Initialize(NULL));
		check_rv(CKR_OK, f->C_Finalize(NULL));
		args = (CK_C_INITIALIZE_ARGS){ create_mutex, use_mutex, use_mutex, use_mutex, flags[i], NULL };
		bool may = flags[i] & CKF_OS_LOCKING_OK;
		gives(may ? CKR_OK : CKR_CANT_LOCK, f->C_Initialize(&args));
		check_rv(may ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED, f->C_Finalize(NULL));
	}
	char before[256];
	snprintf(before, sizeof(before), "%s", getenv("KBS_PKCS11_CONF"));
	setenv("KBS_PKCS11_CONF", "/nowhere/at/all.json", 1);
	gives(CKR_GENERAL_ERROR, f->C_Initialize(NULL));
	setenv("KBS_PKCS11_CONF", before, 1);
	gives(CKR_OK, f->C_Initialize(NULL));
}

static CK_RV call_finalize(CK_SESSION_HANDLE session)
{
	(void)session;
	return f->C_Finalize(NULL);
}

static void finalize(void)
{
	gives(CKR_ARGUMENTS_BAD, f->C_Finalize(&len));
	gives(CKR_OK, f->C_Finalize(NULL));
	gives(CKR_CRYPTOKI_NOT_INITIALIZED, f->C_Finalize(&len));
}

static CK_RV call_get_info(CK_SESSION_HANDLE session)
{
	CK_INFO info;
	(void)session;
	return f->C_GetInfo(&info);
}

static void get_info(void)
{
	CK_INFO info;
	gives(CKR_ARGUMENTS_BAD, f->C_GetInfo(NULL));
	gives(CKR_OK, f->C_GetInfo(&info));
	assert_int_equal(info.cryptokiVersion.major, f->version.major);
	assert_int_equal(info.cryptokiVersion.minor, f->version.minor);
	assert_int_equal(info.flags, 0);
}

static void get_function_list(void)
{
	CK_FUNCTION_LIST *list = NULL;
	gives(CKR_ARGUMENTS_BAD, f->C_GetFunctionList(NULL));
	gives(CKR_OK, f->C_GetFunctionList(&list));
	assert_ptr_equal(list, &function_list);
	assert_int_equal(list->version.major, 2);
	assert_int_equal(list->version.minor, 40);
	/* None is missing in either list. */
	void *const *members = (void *const *)(const void *)&list->C_Initialize;
	for (size_t i = 0; i < 68; i++)
		assert_non_null(members[i]);
	members = (void *const *)(const void *)&function_list_3_0.C_Initialize;
	for (size_t i = 0; i < 92; i++)
		assert_non_null(members[i]);
}

static CK_RV call_get_function_status(CK_SESSION_HANDLE session)
{
	return f->C_GetFunctionStatus(session);
}

static void get_function_status(void)
{
	gives(CKR_FUNCTION_NOT_PARALLEL, f->C_GetFunctionStatus(s));
}

static CK_RV call_cancel_function(CK_SESSION_HANDLE session)
{
	return f->C_CancelFunction(session);
}

static void cancel_function(void)
{
	check_rv(CKR_OK, C_DigestInit(s, &sha256));
	gives(CKR_FUNCTION_NOT_PARALLEL, f->C_CancelFunction(s));
	check_rv(CKR_OK, C_Digest(s, data, 1, out, out_full()));
}

static void get_interface_list(void)
{
	CK_INTERFACE list[4];
	CK_ULONG n = 0, all;
	gives(CKR_ARGUMENTS_BAD, f->C_GetInterfaceList(NULL, NULL));
	gives(CKR_OK, f->C_GetInterfaceList(NULL, &n));
	assert_true(n >= 2 && n <= 4);
	all = n--;
	gives(CKR_BUFFER_TOO_SMALL, f->C_GetInterfaceList(list, &n));
	assert_int_equal(n, all);
	gives(CKR_OK, f->C_GetInterfaceList(list, &n));
	for (size_t i = 0; i < n; i++) {
		assert_non_null(list[i].pFunctionList);
		/* A child does not go on with its parent's sessions. */
		assert_int_equal(list[i].flags & CKF_INTERFACE_FORK_SAFE, 0);
	}
	assert_string_equal((const char *)list[0].pInterfaceName, "PKCS 11");
	assert_ptr_equal(list[0].pFunctionList, &function_list_3_0);
	assert_ptr_equal(list[1].pFunctionList, &function_list);
}

static void get_interface(void)
{
	CK_INTERFACE *one = NULL;
	CK_VERSION new = { 3, 0 }, old = { 2, 40 }, future = { 3, 7 };
	CK_UTF8CHAR name[] = "PKCS 11", other[] = "Vendor X";
	gives(CKR_ARGUMENTS_BAD, f->C_GetInterface(NULL, NULL, NULL, 0));
	gives(CKR_OK, f->C_GetInterface(NULL, NULL, &one, 0));
	assert_ptr_equal(one->pFunctionList, &function_list_3_0);
	gives(CKR_OK, f->C_GetInterface(name, NULL, &one, 0));
	assert_ptr_equal(one->pFunctionList, &function_list_3_0);
	gives(CKR_OK, f->C_GetInterface(name, &new, &one, 0));
	assert_ptr_equal(one->pFunctionList, &function_list_3_0);
	gives(CKR_OK, f->C_GetInterface(name, &old, &one, 0));
	assert_ptr_equal(one->pFunctionList, &function_list);
	gives(CKR_OK, f->C_GetInterface(NULL, &old, &one, 0));
	assert_ptr_equal(one->pFunctionList, &function_list);
	one = NULL;
	gives(CKR_FUNCTION_FAILED, f->C_GetInterface(name, &future, &one, 0));
	gives(CKR_FUNCTION_FAILED, f->C_GetInterface(other, NULL, &one, 0));
	gives(CKR_FUNCTION_FAILED, f->C_GetInterface(name, NULL, &one, CKF_INTERFACE_FORK_SAFE));
	assert_null(one);
}

#define PARALLEL_LIST LISTED(UP, CKR_FUNCTION_NOT_PARALLEL, CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED)
#define PARALLEL_NEVER NEVER({ CKR_FUNCTION_NOT_SUPPORTED, "it never succeeds: a legacy of 1.0" })

static const struct conformance_function functions[] = {
	{ "C_Initialize", NULL, true, initialize,
	  LISTED(UNIVERSAL, CKR_ARGUMENTS_BAD, CKR_CANT_LOCK, CKR_CRYPTOKI_ALREADY_INITIALIZED,
		 CKR_NEED_TO_CREATE_THREADS),
	  NEVER({ CKR_NEED_TO_CREATE_THREADS, "it works without threads of its own" }) },
	{ "C_Finalize", call_finalize, true, finalize, LISTED(UP, CKR_ARGUMENTS_BAD), NULL },
	{ "C_GetInfo", call_get_info, true, get_info, LISTED(UP, CKR_ARGUMENTS_BAD), NULL },
	{ "C_GetFunctionList", NULL, true, get_function_list, LISTED(UNIVERSAL, CKR_ARGUMENTS_BAD), NULL },
	{ "C_GetFunctionStatus", call_get_function_status, false, get_function_status, PARALLEL_LIST, PARALLEL_NEVER },
	{ "C_CancelFunction", call_cancel_function, false, cancel_function, PARALLEL_LIST, PARALLEL_NEVER },
};
const struct conformance_chapter conformance_general = CHAPTER("general_purpose_functions", functions);

static const struct conformance_function functions_3_0[] = {
	{ "C_GetInterfaceList", NULL, true, get_interface_list,
	  LISTED(UNIVERSAL, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL), NULL },
	{ "C_GetInterface", NULL, true, get_interface, LISTED(UNIVERSAL, CKR_ARGUMENTS_BAD), NULL },
};
const struct conformance_chapter conformance_general_3_0 = { "interfaces", functions_3_0, ARRAY_LEN(functions_3_0),
							     true };
