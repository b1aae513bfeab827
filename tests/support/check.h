#pragma once
/* cmocka with what it needs before it, and checks of `enum err` that print the error's text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bytes.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

__attribute__((unused)) static struct errmsg em;

/* The call gives OK; or it gives just this error, and a text with it. The call takes &em. */
#define check_ok(call) check_result(OK, (em.text[0] = '\0', (call)), #call, __FILE__, __LINE__)
#define check_err(wanted, call) check_result((wanted), (em.text[0] = '\0', (call)), #call, __FILE__, __LINE__)

__attribute__((unused)) static void check_result(enum err wanted, enum err got, const char *call, const char *file,
						 int line)
{
	if (got != wanted)
		print_error("%s: %s (%s) instead of %s\n", call, err_name(got), em.text, err_name(wanted));
	if (got == wanted && got != OK && !em.text[0])
		print_error("%s: %s, and no text\n", call, err_name(got));
	if (got != wanted || (got != OK && !em.text[0]))
		_fail(file, line);
}

/* Variadic, because a compound literal has commas. */
#define check_bytes(...) check_bytes_at(__FILE__, __LINE__, __VA_ARGS__)
__attribute__((unused)) static void check_bytes_at(const char *file, int line, struct bytes wanted, struct bytes got)
{
	if (wanted.len == got.len && (got.len == 0 || memcmp(wanted.data, got.data, got.len) == 0))
		return;
	print_error("\"%.*s\" (%zu bytes) instead of \"%.*s\" (%zu)\n", (int)got.len, (const char *)got.data, got.len,
		    (int)wanted.len, (const char *)wanted.data, wanted.len);
	_fail(file, line);
}

/* Ends a test as skipped that forks amid threads where a sanitizer's allocator may stay locked in such a child: gcc
 * 12's AddressSanitizer and ThreadSanitizer let their child wait for a thread that it has not (both seen in a
 * debugger). */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHECK_FORKS_AMID_THREADS 0
#elif defined(__has_feature)
#define CHECK_FORKS_AMID_THREADS (!__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer))
#else
#define CHECK_FORKS_AMID_THREADS 1
#endif
__attribute__((unused)) static void check_forks_amid_threads(void)
{
	if (CHECK_FORKS_AMID_THREADS)
		return;
	print_message("skipped: this sanitizer's allocator may stay locked in a child that is forked amid threads\n");
	skip();
}

/* A new folder; check_folder_remove() takes it and the files in it away. */
__attribute__((unused)) static void check_folder_make(char to[64])
{
	snprintf(to, 64, "/tmp/kbs-pkcs11-test-XXXXXX");
	if (!mkdtemp(to))
		fail_msg("no temporary folder");
}

__attribute__((unused)) static size_t check_folder_count(const char *folder)
{
	size_t count = 0;
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(dir);
	return count;
}

__attribute__((unused)) static void check_folder_remove(const char *folder)
{
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(folder);
}
