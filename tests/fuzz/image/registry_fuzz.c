#include "tests/support/fuzz.h"

#include "image/auth_challenge.h"
#include "image/credential_helper.h"
#include "image/reference.h"
#include "image/registries_conf.h"
#include "image/registry_token.h"

/* What registries, and files about them, say: the first byte tells which. */

static void reference_try(const char *text)
{
	AUTO_REFERENCE r = { 0 };
	if (reference_parse(text, &r, NULL) != OK)
		return;
	AUTO_REFERENCE again = { 0 };
	AUTO_STR
	char *expanded = reference_text(&r);
	AUTO_STR
	char *twice = NULL;
	/* What is expanded means itself, and no path leads out. */
	if (reference_parse(expanded, &again, NULL) != OK)
		abort();
	twice = reference_text(&again);
	if (strcmp(expanded, twice) != 0 || strstr(r.path, "..") || strchr(r.path, '%'))
		abort();
}

static void auth_try(struct bytes text)
{
	AUTO_CREDENTIALS c = { 0 };
	bool found = false;
	/* No helper is run: their names come from such files. */
	if (memmem(text.data, text.len, "cred", 4))
		return;
	enum err e = auth_find_in(&(struct auth_text){ text, false },
				  &(struct auth_scope){ "registry.example", "team/app", NULL }, &c, &found, NULL);
	if (e == OK && found && !c.user_password && !c.identity_token)
		abort();
}

static void conf_try(struct bytes text)
{
	AUTO_REFERENCE name = { 0 };
	AUTO_REFERENCE short_name = { 0 };
	AUTO_REGISTRIES_CONF conf = { 0 };
	AUTO_REGISTRY_PLACES places = { .count = 0 };
	AUTO_REGISTRY_NAMES names = { .count = 0 };
	if (reference_parse("registry.example/team/app:v1", &name, NULL) != OK ||
	    reference_parse("app:v1", &short_name, NULL) != OK)
		abort();
	if (registries_conf_add(&conf, text, NULL) != OK)
		return;
	if (registries_conf_names(&conf, &short_name, &names, NULL) == OK && names.count == 0)
		abort();
	if (registries_conf_places(&conf, &name, &places, NULL) != OK)
		return;
	for (size_t i = 0; i < places.count; i++)
		if (!reference_host_valid(places.items[i].host) || !reference_path_valid(places.items[i].path))
			abort();
	if (places.count == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[4096];
	AUTO_AUTH_CHALLENGE challenge = { 0 };
	AUTO_CREDENTIALS credentials = { 0 };
	AUTO(secret) *token = NULL;
	struct deadline until;
	if (len < 1 || len > sizeof(text))
		return 0;
	memcpy(text, data + 1, len - 1);
	text[len - 1] = '\0';
	const struct bytes rest = { data + 1, len - 1 };
	if (data[0] == 'n')
		reference_try(text);
	else if (data[0] == 'c')
		(void)!auth_challenge_parse(text, &challenge, NULL);
	else if (data[0] == 'a')
		auth_try(rest);
	else if (data[0] == 'r')
		conf_try(rest);
	else if (data[0] == 't')
		(void)!registry_token_parse(rest, &token, &until, NULL);
	else
		(void)!credential_helper_parse(rest, &credentials, NULL);
	return 0;
}
