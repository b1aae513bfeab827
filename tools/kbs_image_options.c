#include "tools/kbs_image_options.h"

#include "tools/cli.h"
#include "tools/kbs_image.h"
#include "tools/kbs_image_kbs.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>

enum option_code {
	OPT_ENCRYPTION_KEY = 256,
	OPT_DECRYPTION_KEY,
	OPT_ENCRYPT_LAYER,
	OPT_LAYER,
	OPT_OS,
	OPT_ARCH,
	OPT_VARIANT,
	OPT_FORMAT,
	OPT_RAW,
	OPT_ALL,
	OPT_UNPRIVILEGED,
	OPT_LAYERS,
	OPT_MAX_SIZE,
	OPT_POLICY,
	OPT_INSECURE_POLICY,
	OPT_REGISTRIES_D,
	OPT_STORE,
	OPT_INIT_DATA,
	OPT_NAMELESS,
};

static const struct option options[] = {
	{ "encryption-key", required_argument, NULL, OPT_ENCRYPTION_KEY },
	{ "decryption-key", required_argument, NULL, OPT_DECRYPTION_KEY },
	{ "encrypt-layer", required_argument, NULL, OPT_ENCRYPT_LAYER },
	{ "layer", required_argument, NULL, OPT_LAYER },
	{ "override-os", required_argument, NULL, OPT_OS },
	{ "override-arch", required_argument, NULL, OPT_ARCH },
	{ "override-variant", required_argument, NULL, OPT_VARIANT },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "raw", no_argument, NULL, OPT_RAW },
	{ "all", no_argument, NULL, OPT_ALL },
	{ "unprivileged", no_argument, NULL, OPT_UNPRIVILEGED },
	{ "layers", no_argument, NULL, OPT_LAYERS },
	{ "max-size", required_argument, NULL, OPT_MAX_SIZE },
	ACCESS_OPTIONS,
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "insecure-policy", no_argument, NULL, OPT_INSECURE_POLICY },
	{ "registries.d", required_argument, NULL, OPT_REGISTRIES_D },
	{ "nameless-signatures", no_argument, NULL, OPT_NAMELESS },
	{ "init-data", required_argument, NULL, OPT_INIT_DATA },
	{ "store", required_argument, NULL, OPT_STORE },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void key_list_clear(struct key_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		secret_free(list->keys[i]);
	free(list->keys);
}

void image_options_clear(struct image_options *o)
{
	key_list_clear(&o->encryption);
	key_list_clear(&o->decryption);
	free(o->layers);
	image_init_data_clear(&o->vouched);
	image_kbs_end();
	image_side_clear(&o->sides.source);
	image_side_clear(&o->sides.destination);
}

static int key_take(struct key_list *list, char *argument)
{
	size_t len = strlen(argument);
	struct errmsg em = { "" };
	struct secret **grown = reallocarray(list->keys, list->count + 1, sizeof(struct secret *));
	if (!grown)
		return cli_fail(ERR_NOMEM, &em);
	list->keys = grown;
	/* With its NUL, so that it can be passed on as it is. */
	enum err e = secret_copy((struct bytes){ (uint8_t *)argument, len + 1 }, &grown[list->count], &em);
	if (e != OK)
		return cli_fail(e, &em);
	list->count++;
	secret_wipe(argument, len);
	memset(argument, '*', len < 3 ? len : 3);
	return 0;
}

/* "0", "-1", and, as skopeo has it, "0,2,-1". */
static int layers_take(struct image_options *o, const char *option, const char *argument)
{
	for (const char *at = argument;;) {
		char *end = NULL;
		errno = 0;
		long n = strtol(at, &end, 10);
		if (end == at || (*end && *end != ',') || errno || n < INT_MIN || n > INT_MAX)
			return cli_usage("%s wants a number, not \"%s\"", option, argument);
		int *grown = reallocarray(o->layers, o->layer_count + 1, sizeof(*grown));
		if (!grown)
			return cli_fail(ERR_NOMEM, &(struct errmsg){ "no memory" });
		o->layers = grown;
		o->layers[o->layer_count++] = (int)n;
		if (!*end)
			return 0;
		at = end + 1;
	}
}

static int format_take(struct image_options *o, const char *argument)
{
	o->json = strcmp(argument, "json") == 0;
	if (o->json || strcmp(argument, "text") == 0)
		return 0;
	return cli_usage("--format is text or json, not \"%s\"", argument);
}

/* "500M" */
static int size_take(struct image_options *o, const char *argument)
{
	static const char units[] = "KMGT";
	char *end = NULL;
	errno = 0;
	unsigned long long n = strtoull(argument, &end, 10);
	const char *unit = end > argument && *end ? strchr(units, *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (argument[0] < '0' || argument[0] > '9' || errno || n == 0 || n > (UINT64_MAX >> shift) ||
	    (unit ? end[1] : *end))
		return cli_usage("--max-size wants a number, or one with K, M, G or T, not \"%s\"", argument);
	o->max_size = (uint64_t)n << shift;
	return 0;
}

static int option_take(struct image_options *o, int code)
{
	if (code >= ACCESS_OPTION_FIRST)
		return image_access_take(&o->sides, code, optarg);
	switch (code) {
	case OPT_POLICY:
		o->sides.source.access.policy = optarg;
		return 0;
	case OPT_INSECURE_POLICY:
		o->sides.source.access.insecure_policy = true;
		return 0;
	case OPT_REGISTRIES_D:
		o->sides.source.access.registries_d = optarg;
		return 0;
	case OPT_NAMELESS:
		o->sides.source.access.nameless = true;
		return 0;
	case OPT_INIT_DATA:
		o->init_data = optarg;
		return 0;
	case OPT_STORE:
		o->sides.source.access.store = optarg;
		return 0;
	case OPT_ENCRYPTION_KEY:
		return key_take(&o->encryption, optarg);
	case OPT_DECRYPTION_KEY:
		return key_take(&o->decryption, optarg);
	case OPT_ENCRYPT_LAYER:
		return layers_take(o, "--encrypt-layer", optarg);
	case OPT_LAYER:
		o->layers_named = true;
		return layers_take(o, "--layer", optarg);
	case OPT_OS:
		o->platform.os = optarg;
		return 0;
	case OPT_ARCH:
		o->platform.architecture = optarg;
		return 0;
	case OPT_VARIANT:
		o->platform.variant = optarg;
		return 0;
	case OPT_FORMAT:
		return format_take(o, optarg);
	case OPT_RAW:
		o->raw = true;
		return 0;
	case OPT_UNPRIVILEGED:
		o->unprivileged = true;
		return 0;
	case OPT_LAYERS:
		o->layers_apart = true;
		return 0;
	case OPT_MAX_SIZE:
		return size_take(o, optarg);
	case OPT_ALL:
		return cli_fail(ERR_UNSUPPORTED,
				&(struct errmsg){ "--all: only one image of an index can be copied at a "
						  "time, for one platform" });
	case 'q':
		o->quiet = true;
		return 0;
	default:
		o->help = true;
		return 0;
	}
}

int image_options_parse(int argc, char **argv, struct image_options *out)
{
	int failed = 0;
	out->sides.source.access.resource = image_kbs_get;
	out->sides.destination.access.resource = image_kbs_get;
	out->sides.source.access.interrupted = image_interrupted;
	out->sides.destination.access.interrupted = image_interrupted;
	out->max_size = UINT64_C(64) << 30;
	/* All of them, even after a mistake: every key must leave argv. */
	int code;
	while ((code = cli_option(argc, argv, ":qh", options)) != -1) {
		int result = code == '?' ? CLI_USAGE : option_take(out, code);
		failed = failed ? failed : result;
	}
	if (failed)
		return failed;
	if (optind < argc)
		out->command = argv[optind++];
	out->names = argv + optind;
	out->name_count = (size_t)(argc - optind);
	return 0;
}
