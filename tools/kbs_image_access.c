#include "tools/kbs_image_access.h"

#include "tools/cli.h"

enum access_kind { CREDENTIALS, AUTH_FILE, CERT_DIR, TLS_VERIFY, REGISTRIES_CONF };

/* In the order of ACCESS_OPTIONS. Without a prefix: both sides, but credentials are for a source alone. */
static const struct {
	const char *name;
	enum access_kind kind;
	bool source, destination;
} rows[] = {
	{ "--creds", CREDENTIALS, true, false },
	{ "--src-creds", CREDENTIALS, true, false },
	{ "--dest-creds", CREDENTIALS, false, true },
	{ "--authfile", AUTH_FILE, true, true },
	{ "--src-authfile", AUTH_FILE, true, false },
	{ "--dest-authfile", AUTH_FILE, false, true },
	{ "--cert-dir", CERT_DIR, true, true },
	{ "--src-cert-dir", CERT_DIR, true, false },
	{ "--dest-cert-dir", CERT_DIR, false, true },
	{ "--tls-verify", TLS_VERIFY, true, true },
	{ "--src-tls-verify", TLS_VERIFY, true, false },
	{ "--dest-tls-verify", TLS_VERIFY, false, true },
	{ "--registries-conf", REGISTRIES_CONF, true, true },
};

void image_side_clear(struct image_side *s)
{
	secret_free(s->credentials);
	*s = (struct image_side){ .credentials = NULL };
}

static int credentials_take(struct image_side *side, const char *name, char *argument)
{
	struct errmsg em = { "" };
	size_t len = strlen(argument);
	bool fits = strchr(argument, ':') != NULL;
	secret_free(side->credentials);
	side->credentials = NULL;
	/* With its NUL, so that it can be passed on as it is. */
	enum err e = secret_copy((struct bytes){ (uint8_t *)argument, len + 1 }, &side->credentials, &em);
	secret_wipe(argument, len);
	memset(argument, '*', len < 3 ? len : 3);
	if (e != OK)
		return cli_fail(e, &em);
	if (!fits)
		return cli_usage("%s wants USER:PASSWORD", name);
	side->access.credentials = (const char *)secret_data(side->credentials);
	return 0;
}

static int verify_take(struct image_access *access, const char *name, const char *argument)
{
	static const char *const yes[] = { "true", "1", "t" };
	static const char *const no[] = { "false", "0", "f" };
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		bool on = !argument || strcmp(argument, yes[i]) == 0;
		if (!on && strcmp(argument, no[i]) != 0)
			continue;
		access->insecure = !on;
		return 0;
	}
	return cli_usage("%s is true or false, not \"%s\"", name, argument);
}

static int side_take(struct image_side *side, size_t row, char *argument)
{
	switch (rows[row].kind) {
	case CREDENTIALS:
		return credentials_take(side, rows[row].name, argument);
	case AUTH_FILE:
		side->access.auth_file = argument;
		return 0;
	case CERT_DIR:
		side->access.cert_dir = argument;
		return 0;
	case REGISTRIES_CONF:
		side->access.registries_conf = argument;
		return 0;
	case TLS_VERIFY:
		break;
	}
	return verify_take(&side->access, rows[row].name, argument);
}

int image_access_take(struct image_sides *sides, int code, char *argument)
{
	size_t row = (size_t)(code - ACCESS_OPTION_FIRST);
	int result = rows[row].source ? side_take(&sides->source, row, argument) : 0;
	if (result == 0 && rows[row].destination)
		result = side_take(&sides->destination, row, argument);
	return result;
}
