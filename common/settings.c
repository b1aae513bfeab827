#include "common/settings.h"

#include "common/file.h"
#include "common/json_grammar.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { SETTINGS_MAX = 16 << 20, REST_MAX = 1 << 20, DEPTH_MAX = 32 };

static const char default_path[] = "/etc/kbs-pkcs11/kbs-pkcs11.json";

/* O_NONBLOCK: a pipe under that name is refused instead of waited for. */
static enum err open_trusted(const char *path, int *out, size_t *size, struct errmsg *em)
{
	AUTO_FD
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return err_errno(em, errno == ENOENT ? ERR_NOT_FOUND : ERR_CONFIG, "%s", path);
	struct stat st;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(em, ERR_CONFIG, "%s is not a regular file", path);
	enum err e = file_check_trusted(fd, path, em);
	if (e != OK)
		return e;
	*size = (size_t)st.st_size;
	*out = fd;
	fd = -1;
	return OK;
}

/* From the descriptor that was checked: the name may lead elsewhere by now. */
static enum err read_all(int fd, size_t size, struct buf *text, struct errmsg *em)
{
	enum err first = buf_reserve(text, size < SETTINGS_MAX ? size + 4096 : 4096, em);
	if (first != OK)
		return first;
	for (;;) {
		enum err e = buf_reserve(text, 4096, em);
		if (e != OK)
			return e;
		ssize_t n = read(fd, text->data + text->len, text->cap - text->len);
		if (n == 0)
			return OK;
		if (n < 0 && errno != EINTR)
			return err_errno(em, ERR_CONFIG, "cannot read");
		if (n > 0)
			text->len += (size_t)n;
		if (text->len > SETTINGS_MAX)
			return err_set(em, ERR_CONFIG, "more than %d bytes", SETTINGS_MAX);
	}
}

static enum err check_members(json_object *root, struct errmsg *em)
{
	static const char *const names[] = { "kbs", "token", "tokens", "objects", "harden", NULL };
	json_object *kbs = NULL, *token = NULL, *tokens = NULL, *objects = NULL;
	bool harden = false;
	enum err e = json_only_members(root, names, em);
	if (e == OK)
		e = json_get_object_opt(root, "kbs", &kbs, em);
	if (e == OK)
		e = json_get_object_opt(root, "token", &token, em);
	if (e == OK)
		e = json_get_array_opt(root, "objects", &objects, em);
	if (e == OK)
		e = json_get_array_opt(root, "tokens", &tokens, em);
	if (e == OK && tokens && (token || objects))
		e = err_set(em, ERR_PARSE, "\"tokens\" does not go with \"token\" and \"objects\"");
	if (e == OK)
		e = json_get_bool_opt(root, "harden", &harden, em);
	return e;
}

static enum err parse_rest(struct settings *s, struct errmsg *em)
{
	struct errmsg whole;
	enum err e = json_parse(buf_bytes(&s->lists.rest), REST_MAX, JSON_COMMENTS, &s->root, em);
	/* Lines have their numbers in the whole of it only. */
	if (e == ERR_PARSE && s->lists.count && settings_check(s, &whole) != OK)
		return err_set(em, e, "%s", whole.text);
	return e;
}

static enum err load(const char *path, const struct json_cut_reader *reader, struct settings *s, struct errmsg *em)
{
	AUTO_FD
	int fd = -1;
	size_t size = 0;
	enum err e = open_trusted(path, &fd, &size, em);
	if (e != OK)
		return e;
	const struct json_cut_names names = { "objects", "tokens", reader };
	e = read_all(fd, size, &s->text, em);
	if (e == OK)
		e = json_cut(&s->text, names, &s->lists, em);
	if (e == OK && s->lists.rest.len > REST_MAX)
		e = err_set(em, ERR_CONFIG, "more than %d bytes besides lists of objects", REST_MAX);
	if (e == OK)
		e = parse_rest(s, em);
	if (e == OK)
		e = check_members(s->root, em);
	if (e != OK)
		return err_wrap(em, e == ERR_NOMEM ? ERR_NOMEM : ERR_CONFIG, "%s", path);
	s->path = strdup(path);
	return s->path ? OK : err_set(em, ERR_NOMEM, "no memory");
}

enum err settings_load(const char *path, struct settings **out, struct errmsg *em)
{
	return settings_load_with(path, NULL, out, em);
}

enum err settings_load_with(const char *path, const struct json_cut_reader *reader, struct settings **out,
			    struct errmsg *em)
{
	const char *named = path ? path : secure_getenv("KBS_PKCS11_CONF");
	if (named && !*named)
		named = NULL;
	AUTO(settings) *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(em, ERR_NOMEM, "no memory");
	enum err e = load(named ? named : default_path, reader, s, em);
	/* Only the default file may be missing: one that somebody named was meant to be there. */
	if (e == ERR_NOT_FOUND && named)
		return ERR_CONFIG;
	if (e != OK)
		return e;
	*out = steal(&s);
	return OK;
}

struct bytes settings_objects(const struct settings *s, long token)
{
	for (size_t i = 0; i < s->lists.count; i++)
		if (s->lists.items[i].outer == token || (token < 0 && s->lists.items[i].outer < 0))
			return s->lists.items[i].array;
	return (struct bytes){ NULL, 0 };
}

enum err settings_check(const struct settings *s, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	enum err e = buf_append(&text, buf_bytes(&s->text), 0, em);
	if (e == OK)
		e = json_comments_blank(&text, em);
	return e == OK ? json_grammar_check(buf_bytes(&text), DEPTH_MAX, em) : e;
}

void settings_free(struct settings *s)
{
	if (!s)
		return;
	json_cuts_clear(&s->lists);
	buf_clear(&s->text);
	free(s->path);
	json_object_put(s->root);
	free(s);
}
