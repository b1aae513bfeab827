#include "kbs/header.h"

#include <strings.h>

#define COOKIE_NAME "kbs-session-id="

static bool id_copy(const char *from, size_t len, char id[SESSION_ID_LEN + 1])
{
	if (len != SESSION_ID_LEN || strspn(from, "0123456789abcdef") < SESSION_ID_LEN)
		return false;
	memcpy(id, from, SESSION_ID_LEN);
	id[SESSION_ID_LEN] = '\0';
	return true;
}

bool header_session_id(const char *cookie, char id[SESSION_ID_LEN + 1])
{
	while (cookie && *cookie) {
		cookie += strspn(cookie, " \t");
		size_t len = strcspn(cookie, ";");
		size_t pair = len;
		while (pair > 0 && (cookie[pair - 1] == ' ' || cookie[pair - 1] == '\t'))
			pair--;
		size_t name = strlen(COOKIE_NAME);
		if (pair > name && memcmp(cookie, COOKIE_NAME, name) == 0 && id_copy(cookie + name, pair - name, id))
			return true;
		cookie += len;
		cookie += *cookie == ';';
	}
	return false;
}

struct bytes header_bearer(const char *authorization)
{
	if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
		return (struct bytes){ NULL, 0 };
	const char *token = authorization + 7;
	token += strspn(token, " ");
	size_t len = strlen(token);
	while (len > 0 && token[len - 1] == ' ')
		len--;
	return len > 0 ? (struct bytes){ (const uint8_t *)token, len } : (struct bytes){ NULL, 0 };
}
