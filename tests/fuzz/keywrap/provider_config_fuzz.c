#include "tests/support/fuzz.h"

#include "keywrap/provider_config.h"

/* The file of $OCICRYPT_KEYPROVIDER_CONFIG: whatever is taken has one way to the provider, an end of its arguments and
 * a bound. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_PROVIDER_CONFIG config = { .timeout_ms = 0 };
	struct errmsg em = { "" };
	if (provider_config_parse((struct bytes){ data, len }, "kbs", &config, &em) != OK)
		return 0;
	int ways =
		(config.argv[0] && config.argv[0][0]) + (config.ttrpc && *config.ttrpc) + (config.grpc && *config.grpc);
	if (ways != 1 || config.argv[ARRAY_LEN(config.argv) - 1] || config.timeout_ms < 1000)
		abort();
	return 0;
}
