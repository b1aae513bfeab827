#pragma once
/* Given to clang-tidy before every source (scripts/lint): tells its analyzer what it cannot see from one file, that the
 * err_*() functions return the error that they are given. Without that it follows paths that do not exist. */
#include "common/err.h"

#define err_set(em, e, ...) ((void)(err_set)((em), (e), __VA_ARGS__), (e))
#define err_wrap(em, e, ...) ((void)(err_wrap)((em), (e), __VA_ARGS__), (e))
#define err_errno(em, e, ...) ((void)(err_errno)((em), (e), __VA_ARGS__), (e))
#define err_openssl(em, e, ...) ((void)(err_openssl)((em), (e), __VA_ARGS__), (e))
#define err_nomem(em, what) ((void)(err_nomem)((em), (what)), ERR_NOMEM)
