#pragma once
#include "common/bytes.h"

/* kbs://[host[:port]]/repository/type/tag, kbs+<plugin>:///path[?query]. Each segment is
 * [A-Za-z0-9_-][A-Za-z0-9_.-]*, at most 255 bytes; exactly three and no query for a resource, one or more for a plugin.
 * Plain data, fixed size. */
struct resource_uri {
	char host[256]; /* "host[:port]" or "" */
	char plugin[64]; /* "resource" for kbs:// */
	char path[800]; /* "repository/type/tag", or the plugin's path */
	char query[512]; /* without '?', or "" */
};

/* ERR_PARSE says which part is wrong. */
enum err resource_uri_parse(const char *text, struct resource_uri *out, struct errmsg *em) MUST_USE;
/* Accepts "repository/type/tag" as well (labels on demand). */
enum err resource_uri_parse_label(const char *text, struct resource_uri *out, struct errmsg *em) MUST_USE;
/* True if `path` is exactly three good segments: what a server takes from a request. */
bool resource_path_valid(const char *path);
/* "kbs:///repository/type/tag": printable (holds no secret: a query is left out). */
void resource_uri_format(const struct resource_uri *uri, char *to, size_t cap);
