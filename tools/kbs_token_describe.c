#include "tools/cli.h"
#include "tools/kbs_token_objects.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SNIPPETS_MAX 8
#define SNIPPET_SIZE 8192

/* What an object is to be used with, ready to paste. No PIN in any: the token wants none. */
struct snippets {
	size_t count;
	struct snippet {
		const char *name;
		char text[SNIPPET_SIZE];
	} list[SNIPPETS_MAX];
};

static void __attribute__((format(printf, 3, 4)))
snippet_add(struct snippets *s, const char *name, const char *fmt, ...)
{
	if (s->count == SNIPPETS_MAX)
		return;
	struct snippet *to = &s->list[s->count];
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(to->text, sizeof(to->text), fmt, args);
	va_end(args);
	/* Rather none than one that was cut. */
	if (len < 0 || (size_t)len >= sizeof(to->text))
		return;
	to->name = name;
	s->count++;
}

/* The module's path as one word of a shell, and as a part of a pkcs11: URI. */
struct module_path {
	char shell[4 * PATH_MAX + 3];
	char uri[3 * PATH_MAX + 1];
};

static void path_for_shell(const char *path, char *to)
{
	*to++ = '\'';
	for (; *path; path++) {
		if (*path == '\'')
			to = stpcpy(to, "'\\'");
		*to++ = *path;
	}
	memcpy(to, "'", 2);
}

static void path_for_uri(const char *path, char *to)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
	for (; *path; path++)
		to += sprintf(to, strchr(plain, *path) ? "%c" : "%%%02X", (unsigned char)*path);
	*to = '\0';
}

/* Real: ssh-agent asks for that. */
static enum err find_module(const struct token_args *args, struct module_path *to, struct errmsg *em)
{
	char path[4096];
	enum err e = token_module_path(args, path, em);
	if (e != OK)
		return e;
	AUTO_STR
	char *real = realpath(path, NULL);
	if (!real)
		return err_errno(em, ERR_IO, "the module %s", path);
	path_for_shell(real, to->shell);
	path_for_uri(real, to->uri);
	return OK;
}

/* The certificate that belongs to a key: the same CKA_ID. */
static const struct token_row *certificate_of(const struct token_table *t, const struct token_row *key)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->rows[i].class == CKO_CERTIFICATE && t->rows[i].slot == key->slot && key->id.len &&
		    bytes_equal(buf_bytes(&t->rows[i].id), buf_bytes(&key->id)))
			return &t->rows[i];
	return NULL;
}

/* URIs hold nothing that a shell, nginx or YAML takes for more than a letter: p11-kit escapes all that. */
static void describe_private(const struct token_row *row, const struct token_row *certificate,
			     const struct module_path *module, struct snippets *s)
{
	const char *type = row->key_type;
	snippet_add(s, "openssl", "openssl dgst -sha256 -engine pkcs11 -keyform engine -sign '%s' -out FILE.sig FILE",
		    row->uri);
	snippet_add(s, "nginx", "ssl_certificate_key \"engine:pkcs11:%s\";", row->uri);
	snippet_add(s, "nginx-store", "ssl_certificate_key \"store:%s\";", row->uri);
	snippet_add(s, "curl", "curl --cert '%s' --key '%s' https://HOST/",
		    certificate ? certificate->uri : "CERTIFICATE.pem", row->uri);
	snippet_add(s, "ssh", "ssh -I %s USER@HOST", module->shell);
	snippet_add(s, "kbs-image", "kbs-image copy --decryption-key '%s' SOURCE DESTINATION", row->uri);
	/* ocicrypt's scheme pkcs11 is RSA's. skopeo wants a PIN named, and takes an empty one for none. */
	if (!type || strcmp(type, "RSA") == 0)
		snippet_add(s, "skopeo", "pkcs11: { uri: \"%s?pin-source=/dev/null&module-path=%s\" }", row->uri,
			    module->uri);
}

static void describe(const struct token_table *t, const struct token_row *row, const struct module_path *module,
		     struct snippets *s)
{
	s->count = 0;
	if (row->class == CKO_PRIVATE_KEY)
		describe_private(row, certificate_of(t, row), module, s);
	else if (row->class == CKO_CERTIFICATE || row->class == CKO_PUBLIC_KEY)
		snippet_add(s, "export", "p11tool --export '%s'", row->uri);
}

static void print_text(const struct token_row *row, const struct snippets *s)
{
	char label[TOKEN_LABEL_SIZE];
	token_row_label(row, label);
	AUTO_STR
	char *id = hex_encode(buf_bytes(&row->id));
	printf("%s: %s%s%s, id %s\n", label, token_class_name(row->class), row->key_type ? ", " : "",
	       row->key_type ? row->key_type : "", id && *id ? id : "-");
	printf("  %-12s %s\n", "uri", row->uri);
	if (row->held)
		printf("  %-12s %lu s\n", "time left", row->seconds_left);
	else
		printf("  %-12s not fetched\n", "time left");
	for (size_t i = 0; i < s->count; i++)
		printf("  %-12s %s\n", s->list[i].name, s->list[i].text);
	putchar('\n');
}

static void print_ending(const struct module_path *module)
{
	printf("engine:  OPENSSL_CONF=%s/openssl-engine.cnf\n", EXAMPLESDIR);
	printf("store:   OPENSSL_CONF=%s/openssl-provider.cnf\n", EXAMPLESDIR);
	printf("ssh:     the public keys are those of ssh-keygen -D %s\n", module->shell);
	printf("skopeo:  the line is a key file (--decryption-key FILE); ocicrypt.conf must allow the module\n");
}

static bool put(json_object *to, const char *name, json_object *value)
{
	return json_object_object_add(to, name, value) == 0;
}

static json_object *row_json(struct token_row *row, const struct snippets *s)
{
	json_object *o = json_object_new_object(), *texts = json_object_new_object();
	AUTO_STR
	char *id = hex_encode(buf_bytes(&row->id));
	const char *label = buf_cstr(&row->label);
	bool good = o && texts && id && label;
	for (size_t i = 0; good && i < s->count; i++)
		good = put(texts, s->list[i].name, json_object_new_string(s->list[i].text));
	if (good && put(o, "token", json_object_new_string(row->token)) &&
	    put(o, "label", json_object_new_string(label)) &&
	    put(o, "seconds-left", row->held ? json_object_new_int64((int64_t)row->seconds_left) : NULL) &&
	    put(o, "class", json_object_new_string(token_class_name(row->class))) &&
	    put(o, "id", json_object_new_string(id)) &&
	    put(o, "key-type", row->key_type ? json_object_new_string(row->key_type) : NULL) &&
	    put(o, "uri", json_object_new_string(row->uri)) && put(o, "snippets", texts))
		return o;
	json_object_put(texts);
	json_object_put(o);
	return NULL;
}

static bool wanted(const struct token_args *args, struct token_row *row)
{
	const char *label = buf_cstr(&row->label);
	return !args->word_count || (label && strcmp(label, args->words[0]) == 0);
}

static enum err describe_all(const struct token_args *args, struct token_table *t, json_object *root, struct errmsg *em)
{
	AUTO_STR
	char *memory = calloc(1, sizeof(struct snippets) + sizeof(struct module_path));
	if (!memory)
		return err_nomem(em, "a description");
	struct snippets *s = (struct snippets *)memory;
	struct module_path *module = (struct module_path *)(s + 1);
	enum err e = find_module(args, module, em);
	if (e != OK)
		return e;
	size_t found = 0;
	for (size_t i = 0; i < t->count; i++) {
		struct token_row *row = &t->rows[i];
		if (!wanted(args, row))
			continue;
		found++;
		describe(t, row, module, s);
		json_object *o = root ? row_json(row, s) : NULL;
		if (root && (!o || json_object_array_add(root, o) != 0))
			return err_nomem(em, "a description");
		if (!root)
			print_text(row, s);
	}
	if (args->word_count && !found)
		return err_set(em, ERR_NOT_FOUND, "the token lists no object with the label %s", args->words[0]);
	if (!root && found)
		print_ending(module);
	return OK;
}

int token_describe(const struct token_args *args)
{
	struct errmsg em = { "" };
	struct token_table t = { NULL, 0 };
	AUTO_OF(json_object) *root = args->json ? json_object_new_array() : NULL;
	enum err e = token_table_read(args, &t, &em);
	if (e == OK && args->json && !root)
		e = err_set(&em, ERR_NOMEM, "no memory for a description");
	if (e == OK)
		e = describe_all(args, &t, root, &em);
	AUTO_STR
	char *text = e == OK && root ? json_text(root) : NULL;
	if (text)
		puts(text);
	else if (e == OK && root)
		e = err_set(&em, ERR_NOMEM, "no memory for a description");
	if (e == OK && fflush(stdout) != 0)
		e = err_errno(&em, ERR_IO, "standard output");
	token_table_clear(&t);
	return e == OK ? 0 : cli_fail(e, &em);
}
