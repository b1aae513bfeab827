#pragma once
#include "common/err.h"

/* The file of this project's PKCS#11 module: beside the running command in a build tree, else where it is installed.
 * ERR_NOT_FOUND. */
#define OWN_MODULE_PATH_SIZE 4096
enum err own_module_path(char path[OWN_MODULE_PATH_SIZE], struct errmsg *em) MUST_USE;
