#include "kbs/admin_token.h"

#include "common/jwk.h"
#include "common/jws.h"

#define LIFETIME_S 60
#define CLAIMS_MAX (64 * 1024)

void admin_keys_clear(struct admin_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		EVP_PKEY_free(keys->key[i]);
	*keys = (struct admin_keys){ { NULL }, 0 };
}

static enum err signature_check(const struct admin_keys *keys, const struct jws *jws, struct errmsg *em)
{
	for (size_t i = 0; i < keys->count; i++)
		if (jws_verify(jws, keys->key[i], em) == OK)
			return OK;
	return err_set(em, ERR_INTEGRITY, "the token is signed by no administrator's key");
}

static enum err claims_check(json_object *claims, int64_t now, struct errmsg *em)
{
	const char *role = NULL;
	enum err e = jwt_check_times(claims, now, 0, NULL, em);
	if (e == OK)
		e = json_get_string(claims, "role", &role, em);
	if (e == OK && strcmp(role, "admin") != 0)
		return err_set(em, ERR_AUTH, "the token's role is not \"admin\"");
	return e;
}

enum err admin_token_check(const struct admin_keys *keys, struct bytes jwt, int64_t now, json_object **claims,
			   struct errmsg *em)
{
	AUTO(jws) *jws = NULL;
	AUTO_OF(json_object) *parsed = NULL;
	enum err e = jws_parse(jwt, &jws, em);
	if (e == OK)
		e = signature_check(keys, jws, em);
	if (e == OK)
		e = json_parse(buf_bytes(&jws->payload), CLAIMS_MAX, JSON_STRICT, &parsed, em);
	if (e == OK)
		e = claims_check(parsed, now, em);
	if (e == OK && claims)
		*claims = steal(&parsed);
	return e;
}

static enum err reply_key_add(json_object *claims, EVP_PKEY *reply_key, struct errmsg *em)
{
	json_object *jwk = NULL;
	const char *alg = EVP_PKEY_is_a(reply_key, "RSA") ? "RSA-OAEP-256" : "ECDH-ES+A256KW";
	enum err e = jwk_from_public(reply_key, alg, &jwk, em);
	if (e != OK)
		return e;
	if (json_object_object_add(claims, "tee-pubkey", jwk) == 0)
		return OK;
	json_object_put(jwk);
	return err_nomem(em, "a token");
}

enum err admin_token_make(EVP_PKEY *key, EVP_PKEY *reply_key, int64_t now, char **jwt, struct errmsg *em)
{
	AUTO_OF(json_object) *claims = json_object_new_object();
	AUTO_OF(json_object) *header = json_object_new_object();
	if (!claims || !header || json_object_object_add(header, "typ", json_object_new_string("JWT")) != 0 ||
	    json_object_object_add(claims, "role", json_object_new_string("admin")) != 0 ||
	    json_object_object_add(claims, "iat", json_object_new_int64(now)) != 0 ||
	    json_object_object_add(claims, "exp", json_object_new_int64(now + LIFETIME_S)) != 0)
		return err_nomem(em, "a token");
	enum err e = reply_key ? reply_key_add(claims, reply_key, em) : OK;
	if (e != OK)
		return e;
	AUTO_STR
	char *payload = json_text(claims);
	if (!payload)
		return err_nomem(em, "a token");
	return jws_sign(key, header, bytes_str(payload), jwt, em);
}
