#include "common/libctx.h"
#include "keywrap/context.h"
#include "keywrap/layer_options.h"

#include <openssl/rand.h>

/* The public readers: the layer cipher with its keys unwrapped before or wrapped after. */

struct okw_reader {
	struct okw_context *context; /* borrowed */
	struct layer_cipher *cipher;
	struct layer_options options; /* when encrypting: what will be wrapped */
	bool encrypts;
	bool finished;
	enum err failed; /* after the end of the data */
	struct errmsg why;
	struct okw_annotations made;
};

void okw_reader_free(struct okw_reader *reader)
{
	if (!reader)
		return;
	layer_cipher_free(reader->cipher);
	layer_options_clear(&reader->options);
	okw_annotations_clear(&reader->made);
	free(reader);
}

__attribute__((unused)) static inline void okw_reader_autofree(struct okw_reader **owner)
{
	okw_reader_free(*owner);
}

/* A fresh key and nonce for every layer: a CTR stream must never be used twice. */
static enum err keys_make(struct layer_options *o, struct errmsg *em)
{
	enum err e = secret_new(LAYER_KEY_LEN, &o->symkey, em);
	if (e != OK)
		return e;
	if (RAND_priv_bytes_ex(libctx(), secret_data(o->symkey), LAYER_KEY_LEN, 256) != 1 ||
	    RAND_bytes_ex(libctx(), o->nonce, LAYER_NONCE_LEN, 128) != 1)
		return err_openssl(em, ERR_CRYPTO, "no random numbers for the layer's key");
	return OK;
}

static enum err cipher_open(struct okw_reader *reader, struct layer_source source, struct errmsg *em)
{
	struct layer_cipher_options o = {
		.direction = reader->encrypts ? LAYER_ENCRYPT : LAYER_DECRYPT,
		.symkey = reader->options.symkey,
		.source = source,
	};
	memcpy(o.nonce, reader->options.nonce, sizeof(o.nonce));
	memcpy(o.hmac, reader->options.hmac, sizeof(o.hmac));
	memcpy(o.digest, reader->options.digest, sizeof(o.digest));
	return layer_cipher_new(&o, &reader->cipher, em);
}

static enum err reader_encrypt(struct okw_context *context, struct layer_source source, struct okw_reader **out,
			       struct errmsg *em)
{
	if (context->wrap_count == 0)
		return err_set(em, ERR_ARG, "no encryption key was given");
	AUTO(okw_reader) *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return err_nomem(em, "a reader");
	reader->context = context;
	reader->encrypts = true;
	enum err e = keys_make(&reader->options, em);
	if (e == OK)
		e = cipher_open(reader, source, em);
	if (e != OK)
		return e;
	*out = steal(&reader);
	return OK;
}

enum okw_code okw_encrypt_layer(struct okw_context *context, okw_read_function read, void *user,
				struct okw_reader **out, struct okw_error *error)
{
	struct errmsg em = { "" };
	if (!context || !read || !out)
		return okw_result(err_set(&em, ERR_ARG, "no context, source or reader"), &em, error);
	*out = NULL;
	return okw_result(reader_encrypt(context, (struct layer_source){ read, user }, out, &em), &em, error);
}

static enum err reader_decrypt(struct okw_context *context, const struct okw_annotations *annotations,
			       struct layer_source source, struct okw_reader **out, struct errmsg *em)
{
	AUTO(secret) *priv = NULL;
	AUTO(okw_reader) *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return err_nomem(em, "a reader");
	reader->context = context;
	enum err e = layer_key_unwrap(context, annotations, &priv, em);
	if (e != OK)
		return e;
	struct layer_options_text text = { priv, annotation_value(annotations, ANNOTATION_PUBOPTS) };
	e = layer_options_read(text, &reader->options, em);
	if (e == OK)
		e = cipher_open(reader, source, em);
	if (e != OK)
		return e;
	layer_options_clear(&reader->options); /* the cipher has its key: no second copy */
	*out = steal(&reader);
	return OK;
}

enum okw_code okw_decrypt_layer_unverified(struct okw_context *context, const struct okw_annotations *annotations,
					   okw_read_function read, void *user, struct okw_reader **out,
					   struct okw_error *error)
{
	struct errmsg em = { "" };
	if (!context || !annotations || !read || !out)
		return okw_result(err_set(&em, ERR_ARG, "no context, annotations, source or reader"), &em, error);
	*out = NULL;
	struct layer_source source = { read, user };
	return okw_result(reader_decrypt(context, annotations, source, out, &em), &em, error);
}

/* The end of the data: wraps the layer's key. */
static enum err reader_wrap(struct okw_reader *reader, struct errmsg *em)
{
	AUTO(secret) *priv = NULL;
	AUTO_STR
	char *pub = NULL;
	const struct layer_result *result = layer_cipher_result(reader->cipher);
	memcpy(reader->options.hmac, result->hmac, sizeof(result->hmac));
	memcpy(reader->options.digest, result->digest, sizeof(result->digest));
	enum err e = privopts_write(&reader->options, &priv, em);
	if (e == OK)
		e = layer_key_wrap(reader->context, priv, &reader->made, em);
	if (e == OK)
		e = pubopts_write(&reader->options, &pub, em);
	if (e == OK)
		e = annotation_set(&reader->made, ANNOTATION_PUBOPTS, pub, em);
	layer_options_clear(&reader->options);
	return e;
}

static enum err reader_read(struct okw_reader *reader, struct layer_window to, size_t *length, struct errmsg *em)
{
	if (reader->failed != OK)
		return err_set(em, reader->failed, "%s", reader->why.text);
	enum err e = layer_cipher_read(reader->cipher, to, length, em);
	if (e != OK || *length > 0 || reader->finished)
		return e;
	reader->failed = reader->encrypts ? reader_wrap(reader, &reader->why) : OK;
	reader->finished = reader->failed == OK;
	return reader->finished ? OK : err_set(em, reader->failed, "%s", reader->why.text);
}

enum okw_code okw_reader_read(struct okw_reader *reader, uint8_t *to, size_t capacity, size_t *length,
			      struct okw_error *error)
{
	struct errmsg em = { "" };
	if (!reader || !to || !length)
		return okw_result(err_set(&em, ERR_ARG, "no reader, buffer or length"), &em, error);
	*length = 0;
	return okw_result(reader_read(reader, (struct layer_window){ to, capacity }, length, &em), &em, error);
}

const char *okw_reader_other_digest(const struct okw_reader *reader)
{
	return reader ? layer_cipher_other_digest(reader->cipher) : NULL;
}

const char *okw_reader_digest(const struct okw_reader *reader)
{
	return reader && !reader->encrypts ? layer_cipher_plain_digest(reader->cipher) : NULL;
}

enum okw_code okw_reader_annotations(struct okw_reader *reader, struct okw_annotations *annotations,
				     struct okw_error *error)
{
	struct errmsg em = { "" };
	if (!reader || !annotations || !reader->encrypts || !reader->finished)
		return okw_result(err_set(&em, ERR_ARG, "annotations are there after the end of an encrypting reader"),
				  &em, error);
	/* Recipients of another key would be led astray by what stood there before. */
	annotations_drop(annotations, ANNOTATION_PREFIX);
	return okw_result(annotations_copy(&reader->made, ANNOTATION_PREFIX, annotations, &em), &em, error);
}

static enum err recipients_add(struct okw_context *context, struct okw_annotations *annotations, struct errmsg *em)
{
	AUTO(secret) *priv = NULL;
	if (context->wrap_count == 0)
		return err_set(em, ERR_ARG, "no encryption key was given");
	if (!okw_layer_is_encrypted(annotations))
		return err_set(em, ERR_ARG, "the layer is not encrypted");
	enum err e = layer_key_unwrap(context, annotations, &priv, em);
	return e == OK ? layer_key_wrap(context, priv, annotations, em) : e;
}

enum okw_code okw_add_recipients(struct okw_context *context, struct okw_annotations *annotations,
				 struct okw_error *error)
{
	struct errmsg em = { "" };
	if (!context || !annotations)
		return okw_result(err_set(&em, ERR_ARG, "no context or annotations"), &em, error);
	return okw_result(recipients_add(context, annotations, &em), &em, error);
}
