#include "tools/own_module.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MODULE_NAME "kbs-pkcs11.so"

static bool beside_us(char path[OWN_MODULE_PATH_SIZE])
{
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	if (n <= 0)
		return false;
	own[n] = '\0';
	char *slash = strrchr(own, '/');
	if (!slash)
		return false;
	*slash = '\0';
	int len = snprintf(path, OWN_MODULE_PATH_SIZE, "%s/" MODULE_NAME, own);
	return len > 0 && len < OWN_MODULE_PATH_SIZE && access(path, R_OK) == 0;
}

enum err own_module_path(char path[OWN_MODULE_PATH_SIZE], struct errmsg *em)
{
	if (beside_us(path))
		return OK;
	int len = snprintf(path, OWN_MODULE_PATH_SIZE, "%s", PKCS11DIR "/" MODULE_NAME);
	if (len < 0 || len >= OWN_MODULE_PATH_SIZE || access(path, R_OK) != 0)
		return err_set(em, ERR_NOT_FOUND, "the module %s is not installed", PKCS11DIR "/" MODULE_NAME);
	return OK;
}
