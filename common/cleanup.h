#pragma once
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* AUTO(secret) *key = NULL; frees `key` with secret_free() when it leaves scope. Owners only. */
#define AUTO(type) __attribute__((cleanup(type##_autofree))) struct type
#define AUTO_DEFINE(type)                                                                                              \
	__attribute__((unused)) static inline void type##_autofree(struct type **owner)                                \
	{                                                                                                              \
		type##_free(*owner);                                                                                   \
	}

/* The same for OpenSSL's and others' typedefs: AUTO_OF(EVP_PKEY) *key = NULL. */
#define AUTO_OF(type) __attribute__((cleanup(type##_autofree))) type
#define AUTO_OF_DEFINE(type, free_function)                                                                            \
	__attribute__((unused)) static inline void type##_autofree(type **owner)                                       \
	{                                                                                                              \
		free_function(*owner);                                                                                 \
	}

/* AUTO_STR char *text = NULL; free() at the end of scope. Not for secrets. */
#define AUTO_STR __attribute__((cleanup(str_autofree)))
__attribute__((unused)) static inline void str_autofree(char **owner)
{
	free(*owner);
}

/* AUTO_FD int fd = -1; close() at the end of scope. */
#define AUTO_FD __attribute__((cleanup(fd_autoclose)))
__attribute__((unused)) static inline void fd_autoclose(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Moves ownership out of an AUTO variable: *out = steal(&key); */
#define steal(owner)                                                                                                   \
	__extension__({                                                                                                \
		__typeof__(*(owner)) stolen_ = *(owner);                                                               \
		*(owner) = NULL;                                                                                       \
		stolen_;                                                                                               \
	})

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* A small variable of each thread. Where a module is loaded late, glibc would get memory for others at their first use,
 * and end the process where there is none; it has room for some hundred bytes of these. */
#define THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
