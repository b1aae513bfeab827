#include "pkcs11/operation.h"

#include "common/openssl_errors.h"
#include "pkcs11/ckr.h"
#include "pkcs11/session_object.h"

#include <openssl/err.h>

static const CK_ATTRIBUTE_TYPE usages[OP_KINDS] = {
	[OP_ENCRYPT] = CKA_ENCRYPT, [OP_DECRYPT] = CKA_DECRYPT,           [OP_SIGN] = CKA_SIGN,
	[OP_VERIFY] = CKA_VERIFY,   [OP_SIGN_RECOVER] = CKA_SIGN_RECOVER, [OP_VERIFY_RECOVER] = CKA_VERIFY_RECOVER,
};

CK_RV operation_check(enum operation_kind kind, const CK_MECHANISM *from, struct operation_start *start)
{
	memset(start, 0, sizeof(*start));
	if (!from || (from->ulParameterLen && !from->pParameter))
		return CKR_ARGUMENTS_BAD;
	start->mechanism = mechanism_find(from->mechanism);
	start->from = from;
	start->kind = kind;
	if (!start->mechanism || !(start->mechanism->flags & mechanism_flag(kind)))
		return CKR_MECHANISM_INVALID;
	if (!start->mechanism->ops)
		return from->ulParameterLen ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
	return start->mechanism->ops->check(start->mechanism, from, &start->params);
}

CK_RV operation_check_key(struct operation_start *start, struct object *key)
{
	const struct mechanism *m = start->mechanism;
	if (!key || key->class == CKO_CERTIFICATE || key->class == CKO_DATA)
		return CKR_KEY_HANDLE_INVALID;
	if (!mechanism_takes(m, key->hint) || mechanism_is_symmetric(m) != (key->class == CKO_SECRET_KEY))
		return CKR_KEY_TYPE_INCONSISTENT;
	if (!object_may(key, m->key_type, usages[start->kind]))
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	if (!object_allows(key, m->type))
		return CKR_MECHANISM_INVALID;
	start->needs_login = key->class == CKO_PRIVATE_KEY && key->always_authenticate;
	struct errmsg em;
	enum err e = key->class == CKO_PUBLIC_KEY ? object_public(key, &start->material, &em)
						  : object_content(key, &start->material, &em);
	if (e != OK)
		return ckr_from_err(e, CKR_CALL_KEY, &em);
	return mechanism_check_material(m, start->material);
}

void operation_start_clear(struct operation_start *start)
{
	material_free(start->material);
	start->material = NULL;
}

void operation_end(struct operation *op)
{
	op->mechanism = NULL;
	op->updated = op->needs_login = false;
	if (op->digest)
		EVP_MD_CTX_reset(op->digest);
	if (op->use.once) {
		mechanism_use_clear(&op->use);
		op->used = NULL;
	}
}

void operation_clear(struct operation *op)
{
	operation_end(op);
	mechanism_use_clear(&op->use);
	op->used = NULL;
	EVP_MD_CTX_free(op->digest);
	op->digest = NULL;
}

/* The same key, mechanism and parameters as last time: OpenSSL need not set up anything again. */
static bool use_fits(const struct operation *op, const struct operation_start *start)
{
	return op->used == start->mechanism && op->use.material == start->material && !op->use.once &&
	       !start->params.unique && memcmp(&op->use.params, &start->params, sizeof(start->params)) == 0;
}

static CK_RV prepare_use(struct operation *op, struct operation_start *start)
{
	const struct mechanism *m = start->mechanism;
	bool label = m->type == CKM_RSA_PKCS_OAEP &&
		     ((const CK_RSA_PKCS_OAEP_PARAMS *)start->from->pParameter)->ulSourceDataLen > 0;
	bool again = !label && use_fits(op, start);
	if (again && !m->ops->stream && !m->ops->absorb)
		return CKR_OK;
	if (!again) {
		mechanism_use_clear(&op->use);
		op->use.kind = start->kind;
		op->use.params = start->params;
		op->use.material = steal(&start->material);
	}
	op->used = NULL;
	CK_RV rv = m->ops->prepare(m, start->from, &op->use);
	if (rv != CKR_OK) {
		openssl_errors_drop();
		mechanism_use_clear(&op->use);
		return rv;
	}
	op->used = m;
	return CKR_OK;
}

CK_RV operation_begin(struct operation *op, struct operation_start *start)
{
	if (op->mechanism)
		return CKR_OPERATION_ACTIVE;
	if (start->mechanism->ops) {
		CK_RV rv = prepare_use(op, start);
		if (rv != CKR_OK)
			return rv;
	}
	if (start->mechanism->hash) {
		const EVP_MD *md = mechanism_md(start->mechanism->hash);
		if (!op->digest)
			op->digest = EVP_MD_CTX_new();
		if (!op->digest || !md)
			return CKR_HOST_MEMORY;
		if (!EVP_DigestInit_ex2(op->digest, md, NULL)) {
			openssl_errors_drop();
			return CKR_FUNCTION_FAILED;
		}
	}
	op->mechanism = start->mechanism;
	op->needs_login = start->needs_login;
	return CKR_OK;
}

static CK_RV finish(struct operation *op, CK_RV rv)
{
	if (rv != CKR_BUFFER_TOO_SMALL)
		operation_end(op);
	return rv;
}

/* Begun, and logged in to where its key asks for that each time: PKCS #11 2.40, 4.9, CKA_ALWAYS_AUTHENTICATE. */
static CK_RV admit(struct operation *op)
{
	if (!op->mechanism)
		return CKR_OPERATION_NOT_INITIALIZED;
	return op->needs_login ? finish(op, CKR_USER_NOT_LOGGED_IN) : CKR_OK;
}

/* Of input of this length; for those by parts that was taken already. */
static CK_ULONG result_max(const struct operation *op, CK_ULONG in_len)
{
	if (op->mechanism->ops && op->mechanism->ops->stream)
		return op->mechanism->ops->stream->whole_size(&op->use, in_len);
	if (op->mechanism->ops)
		return op->use.out_max;
	return (CK_ULONG)EVP_MD_get_size(mechanism_md(op->mechanism->hash));
}

/* Its input may come by parts, which a digest or a MAC takes in. */
static bool absorbs(const struct operation *op)
{
	return op->mechanism->hash || (op->mechanism->ops && op->mechanism->ops->absorb);
}

static CK_RV hash_part(struct operation *op, struct bytes part)
{
	if (!op->mechanism->hash)
		return op->mechanism->ops->absorb(&op->use, part);
	if (part.len && !EVP_DigestUpdate(op->digest, part.data, part.len))
		return CKR_FUNCTION_FAILED;
	return CKR_OK;
}

/* How long the result is shows only when it is there. */
static bool is_stripped(const struct operation *op)
{
	return op->mechanism->ops && (op->use.kind == OP_DECRYPT || op->use.kind == OP_VERIFY_RECOVER);
}

static CK_RV run_into(struct operation *op, struct bytes in, struct operation_out out)
{
	const struct mechanism_stream *stream = op->mechanism->ops->stream;
	CK_ULONG got = result_max(op, in.len);
	if (!is_stripped(op) || (stream && *out.len >= got)) {
		CK_RV rv = op->mechanism->ops->run(op->mechanism, &op->use, in, out.data, &got);
		if (rv == CKR_OK)
			*out.len = got;
		return rv;
	}
	/* What does not fit must not have been written. */
	AUTO(secret) *plain = NULL;
	if (secret_new(got, &plain, NULL) != OK)
		return CKR_HOST_MEMORY;
	CK_RV rv = op->mechanism->ops->run(op->mechanism, &op->use, in, secret_data(plain), &got);
	if (rv != CKR_OK)
		return rv;
	bool fits = *out.len >= got;
	*out.len = got;
	if (!fits)
		return CKR_BUFFER_TOO_SMALL;
	memcpy(out.data, secret_data(plain), got);
	return CKR_OK;
}

/* A size query, or a buffer that is too small for anything of the kind: nothing is computed. */
static bool only_sized(const struct operation *op, CK_ULONG in_len, struct operation_out out, CK_RV *rv)
{
	CK_ULONG need = result_max(op, in_len);
	if (!out.data) {
		*out.len = need;
		*rv = CKR_OK;
		return true;
	}
	if (is_stripped(op))
		return false;
	if (*out.len >= need)
		return false;
	*out.len = need;
	*rv = CKR_BUFFER_TOO_SMALL;
	return true;
}

static CK_RV finish_hashed(struct operation *op, struct operation_out out)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (!op->mechanism->hash)
		return run_into(op, (struct bytes){ NULL, 0 }, out);
	if (!EVP_DigestFinal_ex(op->digest, digest, &len))
		return CKR_FUNCTION_FAILED;
	if (op->mechanism->ops)
		return run_into(op, (struct bytes){ digest, len }, out);
	memcpy(out.data, digest, len);
	*out.len = len;
	return CKR_OK;
}

CK_RV operation_whole(struct operation *op, struct bytes in, struct operation_out out)
{
	CK_RV rv = admit(op);
	if (rv != CKR_OK)
		return rv;
	if (op->updated)
		return finish(op, CKR_OPERATION_ACTIVE);
	if (!out.len || (in.len && !in.data))
		return finish(op, CKR_ARGUMENTS_BAD);
	if (only_sized(op, in.len, out, &rv))
		return rv;
	if (!absorbs(op))
		return finish(op, run_into(op, in, out));
	rv = hash_part(op, in);
	return finish(op, rv == CKR_OK ? finish_hashed(op, out) : rv);
}

CK_RV operation_update(struct operation *op, struct bytes part)
{
	CK_RV rv = admit(op);
	if (rv != CKR_OK)
		return rv;
	if (!absorbs(op))
		return operation_refuse_part(op);
	if (part.len && !part.data)
		return finish(op, CKR_ARGUMENTS_BAD);
	op->updated = true;
	rv = hash_part(op, part);
	return rv == CKR_OK ? rv : finish(op, rv);
}

CK_RV operation_final(struct operation *op, struct operation_out out)
{
	CK_RV rv = admit(op);
	if (rv != CKR_OK)
		return rv;
	if (!out.len)
		return finish(op, CKR_ARGUMENTS_BAD);
	if (!absorbs(op))
		return operation_refuse_part(op);
	if (only_sized(op, 0, out, &rv))
		return rv;
	return finish(op, finish_hashed(op, out));
}

CK_RV operation_verify(struct operation *op, struct bytes in, struct bytes signature)
{
	CK_RV rv = admit(op);
	if (rv != CKR_OK)
		return rv;
	if (op->updated)
		return finish(op, CKR_OPERATION_ACTIVE);
	if ((in.len && !in.data) || !signature.data)
		return finish(op, CKR_ARGUMENTS_BAD);
	if (!absorbs(op))
		return finish(op, op->mechanism->ops->verify(op->mechanism, &op->use, in, signature));
	rv = hash_part(op, in);
	return rv == CKR_OK ? operation_verify_final(op, signature) : finish(op, rv);
}

CK_RV operation_verify_final(struct operation *op, struct bytes signature)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	CK_RV rv = admit(op);
	if (rv != CKR_OK)
		return rv;
	if (!absorbs(op))
		return operation_refuse_part(op);
	if (!signature.data)
		return finish(op, CKR_ARGUMENTS_BAD);
	if (op->mechanism->hash && !EVP_DigestFinal_ex(op->digest, digest, &len))
		return finish(op, CKR_FUNCTION_FAILED);
	struct bytes in = { digest, len };
	return finish(op, op->mechanism->ops->verify(op->mechanism, &op->use, in, signature));
}

static const struct mechanism_stream *stream_of(const struct operation *op)
{
	const struct mechanism_stream *stream = op->mechanism->ops->stream;
	return stream && stream->update ? stream : NULL;
}

CK_RV operation_crypt_update(struct operation *op, struct bytes part, struct operation_out out)
{
	CK_RV rv = admit(op);
	if (rv != CKR_OK)
		return rv;
	const struct mechanism_stream *stream = stream_of(op);
	if (!stream)
		return operation_refuse_part(op);
	if (!out.len || (part.len && !part.data))
		return finish(op, CKR_ARGUMENTS_BAD);
	CK_ULONG need = stream->update_size(&op->use, part.len);
	bool fits = *out.len >= need;
	*out.len = need;
	if (!out.data)
		return CKR_OK;
	if (!fits)
		return CKR_BUFFER_TOO_SMALL;
	op->updated = true;
	rv = stream->update(&op->use, part, out.data);
	return rv == CKR_OK ? rv : finish(op, rv);
}

CK_RV operation_crypt_final(struct operation *op, struct operation_out out)
{
	CK_RV rv = admit(op);
	if (rv != CKR_OK)
		return rv;
	const struct mechanism_stream *stream = stream_of(op);
	if (!stream)
		return operation_refuse_part(op);
	if (!out.len)
		return finish(op, CKR_ARGUMENTS_BAD);
	if (!out.data) {
		*out.len = stream->final_size(&op->use);
		return CKR_OK;
	}
	return finish(op, stream->final(&op->use, out.data, out.len));
}

bool operation_takes_parts(const struct operation *op)
{
	return absorbs(op);
}

CK_ULONG operation_result_size(const struct operation *op)
{
	return result_max(op, 0);
}

static CK_RV finish_both(struct operation *one, struct operation *other, CK_RV rv)
{
	finish(one, rv);
	return finish(other, rv);
}

CK_RV operation_dual_update(struct operation *crypt, struct operation *absorber, struct bytes part,
			    struct operation_out out)
{
	if (!crypt->mechanism || !absorber->mechanism)
		return CKR_OPERATION_NOT_INITIALIZED;
	CK_RV rv = admit(crypt);
	if (rv == CKR_OK)
		rv = admit(absorber);
	const struct mechanism_stream *stream = rv == CKR_OK ? stream_of(crypt) : NULL;
	if (rv == CKR_OK && (!stream || !absorbs(absorber)))
		rv = CKR_FUNCTION_NOT_SUPPORTED;
	if (rv == CKR_OK && (!out.len || (part.len && !part.data)))
		rv = CKR_ARGUMENTS_BAD;
	if (rv != CKR_OK)
		return finish_both(crypt, absorber, rv);
	CK_ULONG need = stream->update_size(&crypt->use, part.len);
	bool fits = *out.len >= need;
	*out.len = need;
	if (!out.data)
		return CKR_OK;
	if (!fits)
		return CKR_BUFFER_TOO_SMALL;
	crypt->updated = absorber->updated = true;
	/* Before the cipher text is written over it. Should encryption fail then, both are ended. */
	if (crypt->use.kind == OP_ENCRYPT)
		rv = hash_part(absorber, part);
	if (rv == CKR_OK)
		rv = stream->update(&crypt->use, part, out.data);
	if (rv == CKR_OK && crypt->use.kind == OP_DECRYPT)
		rv = hash_part(absorber, (struct bytes){ out.data, need });
	return rv == CKR_OK ? rv : finish_both(crypt, absorber, rv);
}

CK_RV operation_refuse_part(struct operation *op)
{
	if (!op->mechanism)
		return CKR_OPERATION_NOT_INITIALIZED;
	return finish(op, CKR_FUNCTION_NOT_SUPPORTED);
}
