#include "common/jws.h"

/* NumericDate (RFC 7519 section 2): seconds, which may have a fraction. Beyond 2^53 nothing sensible lies. */
#define DATE_MAX 9007199254740992

/* *found stays false where the claim is missing. */
static enum err date_get(json_object *claims, const char *name, int64_t *out, bool *found, struct errmsg *em)
{
	json_object *value = NULL;
	if (!json_object_object_get_ex(claims, name, &value))
		return OK;
	if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
		return err_set(em, ERR_PARSE, "token: \"%s\" is not a date", name);
	double date = json_object_get_double(value);
	if (!(date >= 0 && date <= (double)DATE_MAX))
		return err_set(em, ERR_PARSE, "token: \"%s\" is out of range", name);
	*out = (int64_t)date;
	*found = true;
	return OK;
}

enum err jwt_check_times(json_object *claims, int64_t now, int64_t leeway, int64_t *exp, struct errmsg *em)
{
	int64_t until = 0;
	int64_t from = 0;
	bool has_until = false;
	bool has_from = false;
	if (!json_object_is_type(claims, json_type_object))
		return err_set(em, ERR_PARSE, "token: the claims are not an object");
	enum err e = date_get(claims, "exp", &until, &has_until, em);
	if (e == OK)
		e = date_get(claims, "nbf", &from, &has_from, em);
	if (e != OK)
		return e;
	if (!has_until)
		return err_set(em, ERR_PARSE, "token: without \"exp\"");
	/* RFC 7519 4.1.4: "on or after which" it counts no longer. */
	if (now >= until + leeway)
		return err_set(em, ERR_EXPIRED, "token: expired %lld seconds ago", (long long)(now - until));
	if (has_from && now + leeway < from)
		return err_set(em, ERR_EXPIRED, "token: not valid for another %lld seconds", (long long)(from - now));
	if (exp)
		*exp = until;
	return OK;
}
