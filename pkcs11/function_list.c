#include "pkcs11/function_list.h"

#include "config.h"

#include "pkcs11/reason.h"

#include <stddef.h>
#include <string.h>

/* The lists are an ABI: after the version, pointers without a gap, and those of 2.40 first. */
#define ONE(name) +1
#define MOVED(name) offsetof(CK_FUNCTION_LIST, name) != offsetof(CK_FUNCTION_LIST_3_0, name) ||
_Static_assert(CRYPTOKI_FUNCTIONS_2_40(ONE) == 68, "2.40 has 68 functions");
_Static_assert(CRYPTOKI_FUNCTIONS_3_0(ONE) == 24, "3.0 adds 24");
_Static_assert(sizeof(CK_FUNCTION_LIST_3_0) == 93 * sizeof(void *), "the list of 3.0 has no gaps");
_Static_assert(!(CRYPTOKI_FUNCTIONS_2_40(MOVED) 0), "the list of 3.0 begins like that of 2.40");
_Static_assert(CRYPTOKI_FUNCTIONS_3_2(ONE) == 12, "3.2 adds 12");
_Static_assert(sizeof(CK_FUNCTION_LIST_3_2) == 105 * sizeof(void *), "the list of 3.2 has no gaps");
#undef ONE
#undef MOVED

/* The version of the interface through which it is asked. */
static CK_RV get_info_2_40(CK_INFO *info)
{
	CK_RV rv = C_GetInfo(info);
	if (rv == CKR_OK)
		info->cryptokiVersion = function_list.version;
	return rv;
}

#if HAVE_PQC
static CK_RV get_info_3_2(CK_INFO *info)
{
	CK_RV rv = C_GetInfo(info);
	if (rv == CKR_OK)
		info->cryptokiVersion = function_list_3_2.version;
	return rv;
}
#endif

/* clang-format off */
#define MEMBER(name) .name = name,
#define MEMBER_2_40(name) .name = _Generic(&name, CK_RV (*)(CK_INFO *): get_info_2_40, default: name),
const CK_FUNCTION_LIST function_list = {
	.version = { 2, 40 },
	CRYPTOKI_FUNCTIONS_2_40(MEMBER_2_40)
};
const CK_FUNCTION_LIST_3_0 function_list_3_0 = {
	.version = { 3, 0 },
	CRYPTOKI_FUNCTIONS_2_40(MEMBER)
	CRYPTOKI_FUNCTIONS_3_0(MEMBER)
};
#if HAVE_PQC
#define MEMBER_3_2(name) .name = _Generic(&name, CK_RV (*)(CK_INFO *): get_info_3_2, default: name),
const CK_FUNCTION_LIST_3_2 function_list_3_2 = {
	.version = { 3, 2 },
	CRYPTOKI_FUNCTIONS_2_40(MEMBER_3_2)
	CRYPTOKI_FUNCTIONS_3_0(MEMBER)
	CRYPTOKI_FUNCTIONS_3_2(MEMBER)
};
#undef MEMBER_3_2
#endif
#undef MEMBER
#undef MEMBER_2_40
/* clang-format on */

/* These work at any time, before C_Initialize and in a forked child. We define all three, so that nobody who looks them
 * up in us finds a dependency's. */
CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	if (!list)
		return CKR_ARGUMENTS_BAD;
	*list = (CK_FUNCTION_LIST *)&function_list;
	return CKR_OK;
}

/* PKCS #11 3.0, 5.4.4 to 5.4.6; the first one that fits is taken. CKF_INTERFACE_FORK_SAFE (3.0, 3.5) would promise that
 * a forked child goes on with its sessions, its login and its operations. Ours finds CKR_CRYPTOKI_NOT_INITIALIZED and
 * has to initialize for itself, which is safe, but is not what the flag says. */
static CK_CHAR interface_name[] = "PKCS 11";
static CK_CHAR reason_name[] = TOKEN_REASON_NAME;
static const CK_INTERFACE interfaces[] = {
	{ interface_name, (CK_VOID_PTR)&function_list_3_0, 0 },
	{ interface_name, (CK_VOID_PTR)&function_list, 0 },
#if HAVE_PQC
	{ interface_name, (CK_VOID_PTR)&function_list_3_2, 0 },
#endif
	{ reason_name, (CK_VOID_PTR)&reason_interface, 0 },
};
#define INTERFACES (sizeof(interfaces) / sizeof(interfaces[0]))

CK_RV C_GetInterfaceList(CK_INTERFACE_PTR list, CK_ULONG_PTR count)
{
	if (!count)
		return CKR_ARGUMENTS_BAD;
	CK_ULONG room = *count;
	*count = INTERFACES;
	if (!list)
		return CKR_OK;
	if (room < INTERFACES)
		return CKR_BUFFER_TOO_SMALL;
	memcpy(list, interfaces, sizeof(interfaces));
	return CKR_OK;
}

CK_RV C_GetInterface(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version, CK_INTERFACE_PTR_PTR out, CK_FLAGS flags)
{
	if (!out)
		return CKR_ARGUMENTS_BAD;
	for (size_t i = 0; i < INTERFACES; i++) {
		const CK_VERSION *have = interfaces[i].pFunctionList;
		if ((name && strcmp((const char *)name, (const char *)interfaces[i].pInterfaceName) != 0) ||
		    (version && (version->major != have->major || version->minor != have->minor)) ||
		    (flags & interfaces[i].flags) != flags)
			continue;
		*out = (CK_INTERFACE_PTR)&interfaces[i];
		return CKR_OK;
	}
	return CKR_FUNCTION_FAILED;
}
