#include "tests/support/fuzz.h"

#include "common/settings.h"

#include <stdio.h>

static char folder[] = "/tmp/kbs-pkcs11-fuzz-XXXXXX";
static char path[64];

static void clean_up(void)
{
	unlink(path);
	rmdir(folder);
}

static void set_up(void)
{
	if (path[0])
		return;
	if (!mkdtemp(folder))
		abort();
	snprintf(path, sizeof(path), "%s/conf", folder);
	atexit(clean_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	set_up();
	/* Not file_write_atomic(): thousands of fsyncs would be slow. */
	FILE *file = fopen(path, "wb");
	if (!file || fwrite(data, 1, len, file) != len || fclose(file) != 0)
		abort();
	AUTO(settings) *s = NULL;
	struct errmsg em;
	enum err e = settings_load(path, &s, &em);
	if (e == OK ? !s || !s->root : e != ERR_CONFIG || s)
		abort();
	return 0;
}
