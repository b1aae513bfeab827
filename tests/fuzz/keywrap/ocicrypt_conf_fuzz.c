#include "tests/support/fuzz.h"

#include "keywrap/ocicrypt_conf.h"

/* ocicrypt.conf (YAML): all its paths are absolute. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_OCICRYPT_CONF conf = { 0 };
	struct errmsg em = { "" };
	if (ocicrypt_conf_parse((struct bytes){ data, len }, &conf, &em) != OK)
		return 0;
	for (size_t i = 0; i < conf.allowed_count; i++)
		if (conf.allowed[i][0] != '/')
			abort();
	for (size_t i = 0; i < conf.directory_count; i++)
		if (conf.directories[i][0] != '/')
			abort();
	return 0;
}
