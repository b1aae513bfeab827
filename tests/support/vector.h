#pragma once
/* Files that tests read: the project's own vectors, and fixtures that lie beside the source where there are any. */
#include "common/file.h"
#include "tests/support/check.h"

/* tests/vectors/NAME */
__attribute__((unused)) static void vector_read(const char *name, struct buf *out)
{
	char path[4096];
	const char *top = getenv("TOP_SRCDIR");
	snprintf(path, sizeof path, "%s/tests/vectors/%s", top ? top : ".", name);
	buf_clear(out);
	check_ok(file_read(path, 16 * 1024 * 1024, out, &em));
}

/* ../shared/fixtures/NAME. False: not there, and the test says that it skips. */
__attribute__((unused)) static bool fixture_read(const char *name, struct buf *out)
{
	char path[4096];
	const char *top = getenv("TOP_SRCDIR");
	snprintf(path, sizeof path, "%s/../shared/fixtures/%s", top ? top : ".", name);
	buf_clear(out);
	if (file_read(path, 16 * 1024 * 1024, out, NULL) == OK)
		return true;
	print_message("skipped: no fixture %s\n", name);
	return false;
}
