#include "attest/attest.h"

#include "common/crypto_gate.h"
#include "common/libctx.h"
#include "common/toml.h"

#include <openssl/evp.h>

enum { NAME_LEN_MAX = 255, FILES_MAX = 256 };

static const struct {
	const char *spelling;
	const char *name; /* the protocol's */
	const char *openssl;
} algorithms[] = {
	{ "sha256", "sha256", "SHA256" },  { "sha-256", "sha256", "SHA256" }, { "sha384", "sha384", "SHA384" },
	{ "sha-384", "sha384", "SHA384" }, { "sha512", "sha512", "SHA512" },  { "sha-512", "sha512", "SHA512" },
};

struct init_data {
	struct buf text;
	bool json;
	size_t algorithm; /* a row */
	json_object *root;
	json_object *files; /* borrowed from the root */
};

void init_data_free(struct init_data *d)
{
	if (!d)
		return;
	json_object_put(d->root);
	buf_clear(&d->text);
	free(d);
}

/* White space may stand before an object's brace; no TOML begins with one. */
static bool is_json(struct bytes text)
{
	size_t i = 0;
	while (i < text.len && memchr(" \t\r\n", text.data[i], 4))
		i++;
	return i < text.len && text.data[i] == '{';
}

static enum err words_read(struct init_data *d, struct errmsg *em)
{
	const char *version = NULL;
	const char *algorithm = NULL;
	enum err e = json_get_string(d->root, "version", &version, em);
	if (e == OK)
		e = json_get_string(d->root, "algorithm", &algorithm, em);
	if (e != OK)
		return e;
	if (strcmp(version, "0.1.0") != 0)
		return err_set(em, ERR_UNSUPPORTED, "version \"%.32s\": 0.1.0 is wanted", version);
	for (d->algorithm = 0; d->algorithm < ARRAY_LEN(algorithms); d->algorithm++)
		if (strcmp(algorithms[d->algorithm].spelling, algorithm) == 0)
			return OK;
	return err_set(em, ERR_UNSUPPORTED, "algorithm \"%.32s\": sha256, sha384 or sha512 is wanted", algorithm);
}

static enum err files_read(struct init_data *d, struct errmsg *em)
{
	enum err e = json_get_object_opt(d->root, "data", &d->files, em);
	if (e != OK || !d->files)
		return e;
	if (json_object_object_length(d->files) > FILES_MAX)
		return err_set(em, ERR_LIMIT, "more than %d files", FILES_MAX);
	json_object_object_foreach(d->files, name, text)
	{
		const char *value = NULL;
		(void)text;
		if (!*name || strlen(name) > NAME_LEN_MAX || strchr(name, '/') || strcmp(name, "..") == 0 ||
		    strcmp(name, ".") == 0)
			return err_set(em, ERR_PARSE, "\"%.64s\" is no name of a file", name);
		e = json_get_string(d->files, name, &value, em);
		if (e != OK)
			return e;
	}
	return OK;
}

static enum err document_read(struct init_data *d, struct errmsg *em)
{
	static const char *const names[] = { "version", "algorithm", "data", NULL };
	struct bytes text = buf_bytes(&d->text);
	enum err e = d->json ? json_parse(text, INIT_DATA_MAX, JSON_STRICT, &d->root, em)
			     : toml_parse(text, INIT_DATA_MAX, &d->root, em);
	if (e == OK)
		e = json_only_members(d->root, names, em);
	if (e == OK)
		e = words_read(d, em);
	return e == OK ? files_read(d, em) : e;
}

static bool begins(struct bytes text, const char *with)
{
	return text.len >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

enum err init_data_parse(struct bytes text, struct init_data **out, struct errmsg *em)
{
	AUTO(init_data) *d = calloc(1, sizeof *d);
	*out = NULL;
	if (text.len && (begins(text, "initdata") || begins(text, "\x1f\x8b") || begins(text, "H4sI")))
		return err_set(em, ERR_UNSUPPORTED,
			       "init data: packed for delivery; `kbs-attest init-data unpack` gives the text");
	if (text.len > INIT_DATA_MAX)
		return err_set(em, ERR_LIMIT, "init data of more than %d bytes", INIT_DATA_MAX);
	enum err e = d ? buf_append(&d->text, text, 0, em) : ERR_NOMEM;
	if (e != OK || !buf_cstr(&d->text))
		return err_nomem(em, "init data");
	d->json = is_json(text);
	e = document_read(d, em);
	if (e != OK)
		return err_wrap(em, e, "init data");
	*out = steal(&d);
	return OK;
}

struct bytes init_data_text(const struct init_data *d)
{
	return buf_bytes(&d->text);
}

const char *init_data_format(const struct init_data *d)
{
	return d->json ? "json" : "toml";
}

const char *init_data_algorithm(const struct init_data *d)
{
	return algorithms[d->algorithm].name;
}

json_object *init_data_files(const struct init_data *d)
{
	return d->files;
}

enum err init_data_digest(const struct init_data *d, struct attest_digest *out, struct errmsg *em)
{
	const char *name = algorithms[d->algorithm].openssl;
	enum err e = OK;
	crypto_gate_enter();
	if (EVP_Q_digest(libctx(), name, NULL, d->text.data, d->text.len, out->data, &out->len) != 1)
		e = err_openssl(em, ERR_CRYPTO, "init data: %s", name);
	crypto_gate_leave();
	return e;
}

size_t init_data_field_len(const char *tee)
{
	static const struct {
		const char *tee;
		size_t len;
	} fields[] = { { "snp", 32 }, { "tdx", 48 }, { "sgx", 64 }, { "cca", 64 } };
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (strcmp(fields[i].tee, tee) == 0)
			return fields[i].len;
	return 0;
}

void init_data_field(const struct attest_digest *digest, size_t len, uint8_t *out)
{
	memset(out, 0, len);
	memcpy(out, digest->data, digest->len < len ? digest->len : len);
}
