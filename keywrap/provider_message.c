#include "keywrap/provider_message.h"

#include "common/json_scan.h"
#include "keywrap/secret_join.h"

#include <ctype.h>

/* ocicrypt's docs/keyprovider.md: KeyProviderKeyWrapProtocolInput and -Output, as the Go library marshals them. */

#define WRAP_BEFORE "{\"op\":\"keywrap\",\"keywrapparams\":{\"ec\":{\"Parameters\":{"
#define WRAP_BETWEEN "},\"DecryptConfig\":{\"Parameters\":{}}},\"optsdata\":\""
#define WRAP_AFTER "\"},\"keyunwrapparams\":{\"dc\":null,\"annotation\":null}}"
#define UNWRAP_BEFORE                                                                                                  \
	"{\"op\":\"keyunwrap\",\"keywrapparams\":{\"ec\":null,\"optsdata\":null},"                                     \
	"\"keyunwrapparams\":{\"dc\":{\"Parameters\":{"
#define UNWRAP_BETWEEN "}},\"annotation\":\""
#define UNWRAP_AFTER "\"}}"

/* "NAME":["<base64>",...], and nothing where there are no arguments. */
static enum err parameters_write(const struct provider_call *call, struct secret **out, struct errmsg *em)
{
	struct secret *encoded[PROVIDER_ARGS_MAX] = { NULL };
	struct bytes parts[3 * PROVIDER_ARGS_MAX + 4];
	size_t n = 0;
	enum err e = OK;
	if (call->arg_count > PROVIDER_ARGS_MAX)
		return err_set(em, ERR_LIMIT, "more than %d arguments for a key provider", PROVIDER_ARGS_MAX);
	if (call->arg_count == 0)
		return secret_new(0, out, em);
	parts[n++] = bytes_str("\"");
	parts[n++] = bytes_str(call->name); /* its characters are bounded: provider_config.h */
	parts[n++] = bytes_str("\":[");
	for (size_t i = 0; e == OK && i < call->arg_count; i++) {
		e = base64_encode_secret(BASE64_STD, secret_bytes(call->args[i]), &encoded[i], em);
		parts[n++] = bytes_str(i ? ",\"" : "\"");
		parts[n++] = secret_bytes(encoded[i]);
		parts[n++] = bytes_str("\"");
	}
	parts[n++] = bytes_str("]");
	if (e == OK)
		e = secret_join((struct secret_parts){ parts, n }, out, em);
	for (size_t i = 0; i < call->arg_count; i++)
		secret_free(encoded[i]);
	return e;
}

enum err provider_request_write(enum provider_op op, const struct provider_call *call, struct bytes what,
				struct secret **out, struct errmsg *em)
{
	AUTO(secret) *parameters = NULL;
	AUTO(secret) *base64 = NULL;
	enum err e = parameters_write(call, &parameters, em);
	if (e == OK)
		e = base64_encode_secret(BASE64_STD, what, &base64, em);
	if (e != OK)
		return e;
	bool wrap = op == PROVIDER_WRAP;
	const struct bytes parts[] = {
		bytes_str(wrap ? WRAP_BEFORE : UNWRAP_BEFORE),   secret_bytes(parameters),
		bytes_str(wrap ? WRAP_BETWEEN : UNWRAP_BETWEEN), secret_bytes(base64),
		bytes_str(wrap ? WRAP_AFTER : UNWRAP_AFTER),
	};
	return secret_join((struct secret_parts){ parts, ARRAY_LEN(parts) }, out, em);
}

/* [1,2,...] of a valid JSON text, each a plain number of one octet. */
static enum err numbers_read(struct bytes raw, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *octets = NULL;
	enum err e = secret_new(raw.len / 2, &octets, em); /* a digit and a comma each, at least */
	size_t len = 0;
	for (size_t at = 1; e == OK && at + 1 < raw.len;) {
		unsigned value = 0;
		size_t digits = 0;
		if (isspace(raw.data[at]) || raw.data[at] == ',') {
			at++;
			continue;
		}
		for (; isdigit(raw.data[at]) && digits < 4; at++, digits++)
			value = value * 10 + (raw.data[at] - '0');
		bool ends = raw.data[at] == ',' || raw.data[at] == ']' || isspace(raw.data[at]);
		if (digits == 0 || value > 255 || !ends)
			return err_set(em, ERR_PARSE, "not an array of octets");
		secret_data(octets)[len++] = (uint8_t)value;
	}
	if (e != OK)
		return e;
	secret_truncate(octets, len);
	*out = steal(&octets);
	return OK;
}

/* Octets at `path` of a valid JSON text: base64, or an array of numbers. */
static enum err octets_read(struct bytes text, const char *path, struct secret **out, struct errmsg *em)
{
	struct bytes raw = { 0 };
	AUTO(secret) *octets = NULL;
	enum err e = json_scan_member(text, (struct json_scan_path){ .path = path, .any_case = true }, &raw, em);
	if (e != OK)
		return err_set(em, ERR_PARSE, "no member \"%s\"", path);
	if (raw.data[0] == '[')
		e = numbers_read(raw, &octets, em);
	else
		e = json_scan_base64(raw, BASE64_STD, &octets, em);
	if (e == OK && secret_len(octets) == 0)
		e = err_set(em, ERR_PARSE, "it is empty");
	if (e != OK)
		return err_wrap(em, e, "\"%s\"", path);
	*out = steal(&octets);
	return OK;
}

enum err provider_answer_read(enum provider_op op, struct bytes answer, struct secret **out, struct errmsg *em)
{
	const char *path = op == PROVIDER_WRAP ? "keywrapresults.annotation" : "keyunwrapresults.optsdata";
	enum err e = json_scan_valid(answer, em);
	return e == OK ? octets_read(answer, path, out, em) : e;
}

void provider_request_clear(struct provider_request *request)
{
	secret_free(request->what);
	secret_free(request->args);
	*request = (struct provider_request){ .op = PROVIDER_WRAP };
}

/* The first string of an array, a valid JSON text; raw.len = 0 where there is none. */
static struct bytes array_first_string(struct bytes array)
{
	size_t from = 1;
	while (from < array.len && isspace(array.data[from]))
		from++;
	if (array.len == 0 || array.data[0] != '[' || from >= array.len || array.data[from] != '"')
		return (struct bytes){ 0 };
	size_t to = from + 1;
	while (array.data[to] != '"')
		to += array.data[to] == '\\' ? 2 : 1;
	return (struct bytes){ array.data + from, to + 1 - from };
}

/* The parameters of one provider: of that name, or of whoever is there. */
struct parameters {
	const char *name;
	struct bytes value;
	unsigned count;
};

static void parameters_look(void *ctx, struct bytes name, struct bytes value)
{
	struct parameters *p = ctx;
	if (p->name && !bytes_equal(name, bytes_str(p->name)))
		return;
	p->value = value;
	p->count++;
}

static enum err args_read(struct bytes text, const char *name, struct secret **out, struct errmsg *em)
{
	struct bytes whole = { 0 };
	struct errmsg none = { "" };
	struct parameters found = { .name = name };
	struct json_scan_path where = { .path = "keywrapparams.ec.parameters", .any_case = true };
	if (json_scan_member(text, where, &whole, &none) != OK)
		return OK;
	enum err e = json_scan_each(whole, parameters_look, &found, em);
	if (e != OK)
		return e;
	if (found.count > 1)
		return err_set(em, ERR_PARSE, "parameters of %u schemes: say with --name which are meant", found.count);
	if (name && found.count == 0)
		return err_set(em, ERR_PARSE, "it has no parameters for \"%s\"", name);
	struct bytes first = array_first_string(found.value);
	return first.len ? json_scan_base64(first, BASE64_STD, out, em) : OK;
}

enum err provider_request_read(struct bytes text, const char *name, struct provider_request *out, struct errmsg *em)
{
	AUTO_PROVIDER_REQUEST request = { .op = PROVIDER_WRAP };
	AUTO(secret) *op = NULL;
	struct bytes raw = { 0 };
	enum err e = json_scan_member(text, (struct json_scan_path){ .path = "op", .any_case = true }, &raw, em);
	if (e == OK)
		e = json_scan_string(raw, &op, em);
	if (e != OK)
		return err_wrap(em, ERR_PARSE, "the request");
	if (bytes_equal(secret_bytes(op), bytes_str("keyunwrap")))
		request.op = PROVIDER_UNWRAP;
	else if (!bytes_equal(secret_bytes(op), bytes_str("keywrap")))
		return err_set(em, ERR_UNSUPPORTED, "the request's \"op\" is neither keywrap nor keyunwrap");
	bool wrap = request.op == PROVIDER_WRAP;
	e = octets_read(text, wrap ? "keywrapparams.optsdata" : "keyunwrapparams.annotation", &request.what, em);
	if (e == OK && wrap)
		e = args_read(text, name, &request.args, em);
	if (e != OK)
		return err_wrap(em, e, "the request");
	*out = request;
	request.what = NULL;
	request.args = NULL;
	return OK;
}

/* "1,2,...": at most four characters an octet. */
static enum err numbers_write(struct bytes octets, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *text = NULL;
	enum err e = octets.len > PROVIDER_MESSAGE_MAX ? err_set(em, ERR_LIMIT, "an answer of %zu bytes", octets.len)
						       : secret_new(octets.len * 4, &text, em);
	if (e != OK)
		return e;
	size_t len = 0;
	uint8_t *to = secret_data(text);
	for (size_t i = 0; i < octets.len; i++) {
		unsigned value = octets.data[i];
		if (i)
			to[len++] = ',';
		if (value >= 100)
			to[len++] = (uint8_t)('0' + value / 100);
		if (value >= 10)
			to[len++] = (uint8_t)('0' + value / 10 % 10);
		to[len++] = (uint8_t)('0' + value % 10);
	}
	secret_truncate(text, len);
	*out = steal(&text);
	return OK;
}

enum err provider_answer_write(enum provider_op op, struct bytes what, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *numbers = NULL;
	enum err e = numbers_write(what, &numbers, em);
	if (e != OK)
		return e;
	const struct bytes parts[] = {
		bytes_str(op == PROVIDER_WRAP ? "{\"keywrapresults\":{\"annotation\":["
					      : "{\"keyunwrapresults\":{\"optsdata\":["),
		secret_bytes(numbers),
		bytes_str("]}}"),
	};
	return secret_join((struct secret_parts){ parts, ARRAY_LEN(parts) }, out, em);
}
