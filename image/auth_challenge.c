#include "image/auth_challenge.h"

#include <ctype.h>
#include <strings.h>

#define HEADER_MAX 8192

struct cursor {
	const char *at;
};

/* RFC 9110 5.6.2 */
static bool is_token(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_blanks(struct cursor *c)
{
	c->at += strspn(c->at, " \t");
}

static void skip_commas(struct cursor *c)
{
	c->at += strspn(c->at, " \t,");
}

static struct bytes take_token(struct cursor *c)
{
	struct bytes token = { (const uint8_t *)c->at, 0 };
	while (is_token(*c->at)) {
		c->at++;
		token.len++;
	}
	return token;
}

static enum err malformed(struct errmsg *em)
{
	return err_set(em, ERR_PARSE, "a WWW-Authenticate header that is malformed");
}

/* A quoted string, RFC 9110 5.6.4, or a token. *value: malloc'd. */
static enum err take_value(struct cursor *c, char **value, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	bool quoted = *c->at == '"';
	if (!quoted) {
		struct bytes token = take_token(c);
		*value = token.len ? strndup((const char *)token.data, token.len) : NULL;
		return *value ? OK : malformed(em);
	}
	for (c->at++; *c->at != '"'; c->at++) {
		if (*c->at == '\\')
			c->at++;
		if ((unsigned char)*c->at < 0x20 || (unsigned char)*c->at >= 0x7f)
			return malformed(em);
		enum err e = buf_append(&text, (struct bytes){ (const uint8_t *)c->at, 1 }, HEADER_MAX, em);
		if (e != OK)
			return e;
	}
	c->at++;
	*value = buf_cstr(&text) ? strdup(buf_cstr(&text)) : NULL;
	return *value ? OK : err_set(em, ERR_NOMEM, "no memory");
}

static bool token_is(struct bytes token, const char *word)
{
	return token.len == strlen(word) && strncasecmp((const char *)token.data, word, token.len) == 0;
}

/* Where a parameter of the challenge at hand goes; NULL: nowhere. */
static char **parameter_place(struct auth_challenge *out, bool bearer, struct bytes name)
{
	if (!bearer)
		return NULL;
	if (token_is(name, "realm"))
		return &out->realm;
	if (token_is(name, "service"))
		return &out->service;
	if (token_is(name, "scope"))
		return &out->scope;
	return token_is(name, "error") ? &out->error : NULL;
}

/* "name = value" at the cursor, else it does not move: *is tells. */
static enum err take_parameter(struct cursor *c, struct auth_challenge *out, bool bearer, bool *is, struct errmsg *em)
{
	struct cursor ahead = *c;
	AUTO_STR
	char *value = NULL;
	struct bytes name = take_token(&ahead);
	skip_blanks(&ahead);
	*is = name.len > 0 && *ahead.at == '=';
	if (!*is)
		return OK;
	ahead.at++;
	skip_blanks(&ahead);
	enum err e = take_value(&ahead, &value, em);
	if (e != OK)
		return e;
	char **place = parameter_place(out, bearer, name);
	if (place && *place)
		return err_set(em, ERR_PARSE, "a WWW-Authenticate header that names something twice");
	if (place)
		*place = steal(&value);
	*c = ahead;
	skip_blanks(c);
	return *c->at && *c->at != ',' ? malformed(em) : OK;
}

/* token68, RFC 9110 11.2: the whole of what follows some schemes. */
static bool skip_token68(struct cursor *c)
{
	struct cursor ahead = *c;
	while (isalnum((unsigned char)*ahead.at) || (*ahead.at && strchr("-._~+/", *ahead.at)))
		ahead.at++;
	ahead.at += strspn(ahead.at, "=");
	skip_blanks(&ahead);
	if (ahead.at == c->at || (*ahead.at && *ahead.at != ','))
		return false;
	*c = ahead;
	return true;
}

static enum err take_challenge(struct cursor *c, struct auth_challenge *out, struct errmsg *em)
{
	struct bytes scheme = take_token(c);
	if (scheme.len == 0 || (*c->at && *c->at != ' ' && *c->at != '\t' && *c->at != ','))
		return malformed(em);
	bool bearer = token_is(scheme, "Bearer") && !out->bearer;
	out->bearer |= bearer;
	out->basic |= token_is(scheme, "Basic");
	skip_blanks(c);
	if (!*c->at || *c->at == ',' || skip_token68(c))
		return OK;
	bool is = true;
	for (bool first = true; is && *c->at; first = false) {
		enum err e = take_parameter(c, out, bearer, &is, em);
		if (e == OK && !is && first)
			e = malformed(em);
		if (e != OK)
			return e;
		if (is)
			skip_commas(c);
	}
	return OK;
}

enum err auth_challenge_parse(const char *header, struct auth_challenge *out, struct errmsg *em)
{
	struct cursor c = { header };
	*out = (struct auth_challenge){ 0 };
	if (strlen(header) > HEADER_MAX)
		return err_set(em, ERR_LIMIT, "a WWW-Authenticate header of more than %d bytes", HEADER_MAX);
	skip_commas(&c);
	while (*c.at) {
		enum err e = take_challenge(&c, out, em);
		if (e != OK) {
			auth_challenge_clear(out);
			return e;
		}
		skip_commas(&c);
	}
	return OK;
}

void auth_challenge_clear(struct auth_challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	free(c->error);
	*c = (struct auth_challenge){ 0 };
}
