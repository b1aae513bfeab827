#include "attest/verifier.h"

#include "common/libctx.h"

#include <openssl/evp.h>

/* Init data, version 0.1.0: only what is needed to know the digest. The digest is over the file as it is. */

enum { INIT_DATA_MAX = 4 << 20, WORD_MAX = 32 };

struct words {
	char version[WORD_MAX];
	char algorithm[WORD_MAX];
};

static bool copy(char to[WORD_MAX], struct bytes from)
{
	if (to[0] || from.len == 0 || from.len >= WORD_MAX || memchr(from.data, '\0', from.len))
		return false;
	memcpy(to, from.data, from.len);
	return true;
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes trim(struct bytes line)
{
	while (line.len > 0 && blank(line.data[line.len - 1]))
		line.len--;
	while (line.len > 0 && blank(line.data[0])) {
		line.data++;
		line.len--;
	}
	return line;
}

static bool take(struct bytes *line, const char *word)
{
	size_t n = strlen(word);
	if (line->len < n || memcmp(line->data, word, n) != 0)
		return false;
	*line = trim((struct bytes){ line->data + n, line->len - n });
	return true;
}

/* name = "word" or 'word', and perhaps a comment */
static bool assignment(struct bytes line, struct words *out)
{
	char *to = take(&line, "version") ? out->version : take(&line, "algorithm") ? out->algorithm : NULL;
	if (!to || !take(&line, "=") || line.len < 2 || (line.data[0] != '"' && line.data[0] != '\''))
		return false;
	const uint8_t *end = memchr(line.data + 1, line.data[0], line.len - 1);
	if (!end)
		return false;
	struct bytes word = { line.data + 1, (size_t)(end - line.data) - 1 };
	struct bytes rest = trim((struct bytes){ end + 1, line.len - word.len - 2 });
	return !memchr(word.data, '\\', word.len) && (rest.len == 0 || rest.data[0] == '#') && copy(to, word);
}

/* Keys of the root table stand before the first [table]: nothing else is looked at. */
static enum err toml_read(struct bytes file, struct words *out, struct errmsg *em)
{
	for (size_t at = 0, number = 1; at < file.len; number++) {
		const uint8_t *feed = memchr(file.data + at, '\n', file.len - at);
		size_t end = feed ? (size_t)(feed - file.data) : file.len;
		struct bytes line = trim((struct bytes){ file.data + at, end - at });
		at = end + 1;
		if (line.len == 0 || line.data[0] == '#')
			continue;
		if (line.data[0] == '[')
			return OK;
		if (!assignment(line, out))
			return err_set(em, ERR_PARSE, "line %zu: version or algorithm = \"...\" is wanted", number);
	}
	return OK;
}

static enum err json_read(struct bytes file, struct words *out, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	const char *version = NULL;
	const char *algorithm = NULL;
	enum err e = json_parse(file, INIT_DATA_MAX, JSON_STRICT, &root, em);
	if (e == OK)
		e = json_get_string(root, "version", &version, em);
	if (e == OK)
		e = json_get_string(root, "algorithm", &algorithm, em);
	if (e == OK && (!copy(out->version, bytes_str(version)) || !copy(out->algorithm, bytes_str(algorithm))))
		e = err_set(em, ERR_PARSE, "version or algorithm is empty or too long");
	return e;
}

static const char *digest_name(const char *algorithm)
{
	static const char *const names[][2] = { { "sha256", "SHA256" }, { "sha-256", "SHA256" },
						{ "sha384", "SHA384" }, { "sha-384", "SHA384" },
						{ "sha512", "SHA512" }, { "sha-512", "SHA512" } };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i][0], algorithm) == 0)
			return names[i][1];
	return NULL;
}

enum err verifier_init_data_digest(struct bytes file, struct attest_digest *out, struct errmsg *em)
{
	struct words words = { "", "" };
	struct bytes start = trim(file);
	if (file.len > INIT_DATA_MAX)
		return err_set(em, ERR_PARSE, "init data of more than %d bytes", INIT_DATA_MAX);
	enum err e = start.len > 0 && start.data[0] == '{' ? json_read(file, &words, em) : toml_read(file, &words, em);
	if (e != OK)
		return err_wrap(em, e, "init data");
	if (!words.version[0] || !words.algorithm[0])
		return err_set(em, ERR_PARSE, "init data: version or algorithm is missing");
	const char *name = digest_name(words.algorithm);
	if (strcmp(words.version, "0.1.0") != 0 || !name)
		return err_set(em, ERR_UNSUPPORTED, "init data of version \"%s\" with algorithm \"%s\"", words.version,
			       words.algorithm);
	if (EVP_Q_digest(libctx(), name, NULL, file.data, file.len, out->data, &out->len) != 1)
		return err_openssl(em, ERR_CRYPTO, "init data");
	return OK;
}
