#include "common/jwk.h"

#include "common/json_scan.h"
#include "common/key_build.h"

#define NUMBER_MAX 2048

/* One member's bytes, in the arena. *out stays NULL where the member is missing and `must` is not set. */
static enum err take_secret(struct bytes jwk, const char *name, bool must, struct secret **out, struct errmsg *em)
{
	struct bytes raw;
	enum err e = json_scan_member(jwk, (struct json_scan_path){ .path = name }, &raw, em);
	if (e == ERR_NOT_FOUND)
		return must ? err_set(em, ERR_PARSE, "private JWK without \"%s\"", name) : OK;
	if (e == OK)
		e = json_scan_base64(raw, BASE64_URL, out, em);
	if (e == OK && (secret_len(*out) == 0 || secret_len(*out) > NUMBER_MAX))
		e = err_set(em, ERR_PARSE, "a number of %zu bytes", secret_len(*out));
	return e == OK ? OK : err_wrap(em, e, "private JWK member \"%s\"", name);
}

/* "kty" and "crv" are short words, no secrets. */
struct word {
	char text[16];
};

static enum err take_word(struct bytes jwk, const char *name, struct word *out, struct errmsg *em)
{
	struct bytes raw;
	AUTO(secret) *value = NULL;
	enum err e = json_scan_member(jwk, (struct json_scan_path){ .path = name }, &raw, em);
	if (e == ERR_NOT_FOUND)
		return err_set(em, ERR_PARSE, "private JWK without \"%s\"", name);
	if (e == OK)
		e = json_scan_string(raw, &value, em);
	if (e != OK)
		return err_wrap(em, e, "private JWK member \"%s\"", name);
	*out = (struct word){ "" };
	if (secret_len(value) < sizeof out->text)
		memcpy(out->text, secret_data(value), secret_len(value));
	return OK;
}

static enum err ec_to_private(struct bytes jwk, EVP_PKEY **out, struct errmsg *em)
{
	struct word crv;
	enum err e = take_word(jwk, "crv", &crv, em);
	if (e != OK)
		return e;
	const struct ec_curve *curve = ec_curve_by_crv(crv.text);
	if (!curve)
		return err_set(em, ERR_UNSUPPORTED, "private JWK: another curve than P-256, P-384, P-521");
	AUTO(secret) *d = NULL;
	AUTO(secret) *x = NULL;
	AUTO(secret) *y = NULL;
	e = take_secret(jwk, "d", true, &d, em);
	if (e == OK)
		e = take_secret(jwk, "x", true, &x, em);
	if (e == OK)
		e = take_secret(jwk, "y", true, &y, em);
	if (e != OK)
		return e;
	/* RFC 7518 6.2.1.2, 6.2.2.1 */
	if (secret_len(d) != curve->size || secret_len(x) != curve->size || secret_len(y) != curve->size)
		return err_set(em, ERR_PARSE, "private JWK: d, x and y of %s have %zu bytes each", crv.text,
			       curve->size);
	uint8_t point[EC_POINT_MAX] = { 0x04 };
	memcpy(point + 1, secret_data(x), curve->size);
	memcpy(point + 1 + curve->size, secret_data(y), curve->size);
	struct ec_numbers numbers = { curve, { point, 1 + 2 * curve->size }, secret_bytes(d) };
	return ec_key_build(&numbers, out, em);
}

/* RFC 7518 6.3.2. */
static enum err rsa_to_private(struct bytes jwk, EVP_PKEY **out, struct errmsg *em)
{
	static const char *const names[] = { "n", "e", "d", "p", "q", "dp", "dq", "qi" };
	struct secret *parts[ARRAY_LEN(names)] = { NULL };
	struct bytes ignored;
	enum err e = json_scan_member(jwk, (struct json_scan_path){ .path = "oth" }, &ignored, em);
	if (e == OK)
		return err_set(em, ERR_UNSUPPORTED, "RSA keys of more than two primes are not supported");
	e = e == ERR_NOT_FOUND ? OK : e;
	for (size_t i = 0; e == OK && i < ARRAY_LEN(names); i++)
		e = take_secret(jwk, names[i], i < 3, &parts[i], em);
	if (e == OK) {
		struct rsa_numbers numbers = { secret_bytes(parts[0]), secret_bytes(parts[1]), secret_bytes(parts[2]),
					       secret_bytes(parts[3]), secret_bytes(parts[4]), secret_bytes(parts[5]),
					       secret_bytes(parts[6]), secret_bytes(parts[7]) };
		e = rsa_key_build(&numbers, 2048, out, em);
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		secret_free(parts[i]);
	return e;
}

static enum err okp_to_private(struct bytes jwk, EVP_PKEY **out, struct errmsg *em)
{
	struct word crv;
	enum err e = take_word(jwk, "crv", &crv, em);
	if (e != OK)
		return e;
	struct okp_numbers numbers = { .curve = okp_curve_by_crv(crv.text) };
	if (!numbers.curve)
		return err_set(em, ERR_UNSUPPORTED, "private JWK: another curve than Ed25519, Ed448, X25519, X448");
	AUTO(secret) *d = NULL;
	AUTO(secret) *x = NULL;
	e = take_secret(jwk, "d", true, &d, em);
	if (e == OK)
		e = take_secret(jwk, "x", true, &x, em);
	if (e != OK)
		return e;
	numbers.d = secret_bytes(d);
	numbers.x = secret_bytes(x);
	return okp_key_build(&numbers, out, em);
}

enum err jwk_to_private(struct bytes jwk, EVP_PKEY **out, struct errmsg *em)
{
	*out = NULL;
	struct word kty;
	enum err e = take_word(jwk, "kty", &kty, em);
	if (e != OK)
		return e;
	if (strcmp(kty.text, "EC") == 0)
		return ec_to_private(jwk, out, em);
	if (strcmp(kty.text, "RSA") == 0)
		return rsa_to_private(jwk, out, em);
	if (strcmp(kty.text, "OKP") == 0)
		return okp_to_private(jwk, out, em);
	return err_set(em, ERR_UNSUPPORTED, "private JWK: another kty than EC, RSA, OKP");
}
