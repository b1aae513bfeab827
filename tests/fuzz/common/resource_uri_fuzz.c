#include "tests/support/fuzz.h"

#include "common/resource_uri.h"

/* What was taken prints as a URI that is taken again as the same one, less the query. */
static void check_again(const struct resource_uri *uri)
{
	char text[2048];
	struct resource_uri again;
	resource_uri_format(uri, text, sizeof(text));
	if (resource_uri_parse(text, &again, NULL) != OK || strcmp(again.path, uri->path) != 0 ||
	    strcmp(again.host, uri->host) != 0 || strcmp(again.plugin, uri->plugin) != 0)
		abort();
	if (strstr(uri->path, "..") == uri->path || strstr(uri->path, "/.") || uri->path[0] == '/')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_STR
	char *text = strndup((const char *)data, len);
	struct resource_uri uri;
	struct errmsg em;
	if (!text)
		return 0;
	if (resource_uri_parse(text, &uri, &em) == OK)
		check_again(&uri);
	if (resource_uri_parse_label(text, &uri, &em) == OK)
		check_again(&uri);
	if (resource_path_valid(text) && resource_uri_parse_label(text, &uri, &em) != OK)
		abort();
	return 0;
}
