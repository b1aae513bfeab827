#include "common/toml.h"

#include "common/toml_lex.h"
#include "common/utf8.h"

#include <stdint.h>

enum { DEPTH_MAX = 16, ITEMS_MAX = 65536, TABLES_MAX = 4096 };

struct reader {
	struct toml_lex lex;
	json_object *root; /* borrowed */
	/* What may not be opened again. An object's address stands for it; all of them live as long as the root. */
	struct mark {
		json_object *of;
		bool closed; /* an inline table, an array that is no array of tables, or made by a dotted key */
		bool defined; /* by a header of its own */
	} * marks;
	size_t mark_count, mark_cap;
	size_t items;
};

static enum err no_memory(struct errmsg *em)
{
	return err_nomem(em, "TOML");
}

/* A mark is looked for from the newest: what is being read is near. */
static struct mark *mark_of(struct reader *r, const json_object *of)
{
	for (size_t i = r->mark_count; i > 0; i--)
		if (r->marks[i - 1].of == of)
			return &r->marks[i - 1];
	return NULL;
}

static enum err mark_add(struct reader *r, struct mark mark, struct errmsg *em)
{
	if (r->mark_count == TABLES_MAX)
		return err_set(em, ERR_LIMIT, "TOML: more than %d tables and lists", TABLES_MAX);
	if (r->mark_count == r->mark_cap) {
		size_t cap = r->mark_cap ? 2 * r->mark_cap : 16;
		struct mark *more = reallocarray(r->marks, cap, sizeof *more);
		if (!more)
			return no_memory(em);
		r->marks = more;
		r->mark_cap = cap;
	}
	r->marks[r->mark_count++] = mark;
	return OK;
}

/* Takes `value` over. */
static enum err member_add(struct reader *r, json_object *to, const char *key, json_object *value, struct errmsg *em)
{
	enum err e = OK;
	if (!value)
		return no_memory(em);
	if (json_object_object_get_ex(to, key, NULL))
		e = toml_fault(&r->lex, em, "a key that is there already");
	else if (++r->items > ITEMS_MAX)
		e = err_set(em, ERR_LIMIT, "TOML: more than %d values", ITEMS_MAX);
	else if (json_object_object_add(to, key, value) == 0)
		return OK;
	else
		e = no_memory(em);
	json_object_put(value);
	return e;
}

static enum err element_add(struct reader *r, json_object *to, json_object *value, struct errmsg *em)
{
	enum err e = OK;
	if (value && ++r->items > ITEMS_MAX)
		e = err_set(em, ERR_LIMIT, "TOML: more than %d values", ITEMS_MAX);
	else if (value && json_object_array_add(to, value) == 0)
		return OK;
	else
		e = no_memory(em);
	json_object_put(value);
	return e;
}

static enum err value_read(struct reader *r, int depth, json_object **out, struct errmsg *em);

/* `key` in `table`, made where it is not there. A header goes through tables and into the last one of a list of tables;
 * a dotted key goes through what dotted keys made, and through nothing else. */
static enum err table_enter(struct reader *r, json_object **table, const char *key, bool dotted, struct errmsg *em)
{
	json_object *next = NULL;
	if (!json_object_object_get_ex(*table, key, &next)) {
		next = json_object_new_object();
		enum err e = member_add(r, *table, key, next, em);
		*table = next;
		return e == OK ? mark_add(r, (struct mark){ next, dotted, false }, em) : e;
	}
	const struct mark *mark = mark_of(r, next);
	bool open = mark && (dotted ? mark->closed && !mark->defined : !mark->closed);
	if (!open)
		return toml_fault(&r->lex, em, "no table that can be added to");
	if (json_object_is_type(next, json_type_array))
		next = json_object_array_get_idx(next, json_object_array_length(next) - 1);
	*table = next;
	return OK;
}

/* The way of a header or of a dotted key, and where it has come. */
struct path {
	json_object *table; /* borrowed */
	struct buf key; /* the last one: not entered yet */
	bool dotted;
	int depth; /* of the table */
};

/* a.b.c: enters a and b, and leaves c in `key`. */
static enum err path_read(struct reader *r, struct path *p, struct errmsg *em)
{
	for (;; p->depth++) {
		toml_skip_blanks(&r->lex);
		enum err e = toml_key(&r->lex, &p->key, em);
		toml_skip_blanks(&r->lex);
		if (e != OK || !toml_take(&r->lex, "."))
			return e;
		if (p->depth == DEPTH_MAX)
			return toml_fault(&r->lex, em, "too deep");
		e = table_enter(r, &p->table, (const char *)p->key.data, p->dotted, em);
		if (e != OK)
			return e;
	}
}

/* depth: of the table */
static enum err pair_read(struct reader *r, json_object *table, int depth, struct errmsg *em)
{
	struct path p = { table, { 0 }, true, depth };
	json_object *value = NULL;
	enum err e = path_read(r, &p, em);
	if (e == OK && !toml_take(&r->lex, "="))
		e = toml_fault(&r->lex, em, "key = value is wanted");
	toml_skip_blanks(&r->lex);
	if (e == OK)
		e = value_read(r, p.depth + 1, &value, em);
	if (e == OK)
		e = member_add(r, p.table, (const char *)p.key.data, value, em);
	buf_clear(&p.key);
	return e;
}

/* {a = 1, b.c = 2}: on one line, no comma at its end. Closed for ever. */
static enum err inline_table(struct reader *r, int depth, json_object **out, struct errmsg *em)
{
	AUTO_OF(json_object) *table = json_object_new_object();
	enum err e = table ? mark_add(r, (struct mark){ table, true, true }, em) : no_memory(em);
	toml_skip_blanks(&r->lex);
	bool more = e == OK && !toml_take(&r->lex, "}");
	while (more) {
		e = pair_read(r, table, depth, em);
		toml_skip_blanks(&r->lex);
		more = e == OK && toml_take(&r->lex, ",");
		if (e == OK && !more && !toml_take(&r->lex, "}"))
			e = toml_fault(&r->lex, em, "an inline table does not end");
	}
	if (e == OK)
		*out = steal(&table);
	return e;
}

static enum err list_read(struct reader *r, int depth, json_object **out, struct errmsg *em)
{
	AUTO_OF(json_object) *list = json_object_new_array();
	enum err e = list ? mark_add(r, (struct mark){ list, true, true }, em) : no_memory(em);
	for (bool more = true; e == OK;) {
		json_object *value = NULL;
		e = toml_skip_lines(&r->lex, em);
		if (e != OK || toml_take(&r->lex, "]"))
			break;
		if (!more)
			return toml_fault(&r->lex, em, "a list does not end");
		e = value_read(r, depth + 1, &value, em);
		if (e == OK)
			e = element_add(r, list, value, em);
		if (e == OK)
			e = toml_skip_lines(&r->lex, em);
		more = toml_take(&r->lex, ",");
	}
	if (e == OK)
		*out = steal(&list);
	return e;
}

static int digit_of(uint8_t c, int base)
{
	int value = c >= '0' && c <= '9'                     ? c - '0'
		    : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10
							     : 99;
	return value < base ? value : -1;
}

/* TOML 1.0, "Integer": underscores between digits, no leading zeros, a sign before decimal ones. */
static enum err integer_read(struct reader *r, json_object **out, struct errmsg *em)
{
	struct toml_lex *l = &r->lex;
	bool minus = toml_take(l, "-");
	bool sign = minus || toml_take(l, "+");
	int base = sign ? 10 : toml_take(l, "0x") ? 16 : toml_take(l, "0o") ? 8 : toml_take(l, "0b") ? 2 : 10;
	bool zero = base == 10 && toml_next_is(l, '0');
	uint64_t value = 0;
	size_t digits = 0;
	for (; l->at < l->end; l->at++) {
		int digit = digit_of(*l->at, base);
		bool joins = *l->at == '_' && digits && l->end - l->at > 1 && digit_of(l->at[1], base) >= 0;
		if (joins)
			continue;
		if (digit < 0)
			break;
		if (value > (INT64_MAX - (uint64_t)digit) / (uint64_t)base)
			return toml_fault(l, em, "an integer is too large");
		value = value * (uint64_t)base + (uint64_t)digit;
		digits++;
	}
	if (l->at < l->end && digits && strchr(".eE:-", *l->at))
		return err_set(em, ERR_UNSUPPORTED, "TOML, line %zu: floats, dates and times are not read here",
			       l->line);
	if (digits == 0 || (zero && digits > 1))
		return toml_fault(l, em, "no value");
	*out = json_object_new_int64(minus ? -(int64_t)value : (int64_t)value);
	return *out ? OK : no_memory(em);
}

static enum err string_read(struct reader *r, json_object **out, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	enum err e = toml_string(&r->lex, true, &text, em);
	if (e != OK)
		return e;
	*out = json_object_new_string_len(text.len ? (const char *)text.data : "", (int)text.len);
	return *out ? OK : no_memory(em);
}

static enum err value_read(struct reader *r, int depth, json_object **out, struct errmsg *em)
{
	if (depth > DEPTH_MAX + 1)
		return toml_fault(&r->lex, em, "too deep");
	if (toml_next_is(&r->lex, '"') || toml_next_is(&r->lex, '\''))
		return string_read(r, out, em);
	if (toml_take(&r->lex, "["))
		return list_read(r, depth, out, em);
	if (toml_take(&r->lex, "{"))
		return inline_table(r, depth, out, em);
	bool yes = toml_take(&r->lex, "true");
	if (yes || toml_take(&r->lex, "false")) {
		*out = json_object_new_boolean(yes);
		return *out ? OK : no_memory(em);
	}
	return integer_read(r, out, em);
}

/* [[a.b]]: one more table at the end of a list. */
static enum err list_header(struct reader *r, json_object **table, const char *key, struct errmsg *em)
{
	json_object *list = NULL;
	enum err e = OK;
	if (json_object_object_get_ex(*table, key, &list)) {
		const struct mark *mark = mark_of(r, list);
		if (!json_object_is_type(list, json_type_array) || !mark || mark->closed)
			return toml_fault(&r->lex, em, "no list of tables");
	} else {
		list = json_object_new_array();
		e = member_add(r, *table, key, list, em);
		if (e == OK)
			e = mark_add(r, (struct mark){ list, false, true }, em);
	}
	json_object *fresh = e == OK ? json_object_new_object() : NULL;
	if (e == OK)
		e = element_add(r, list, fresh, em);
	if (e == OK)
		e = mark_add(r, (struct mark){ fresh, false, true }, em);
	*table = fresh;
	return e;
}

/* [a.b]: only once, but after it was made on the way to [a.b.c] it may still come. */
static enum err table_header(struct reader *r, json_object **table, const char *key, struct errmsg *em)
{
	if (json_object_object_get_ex(*table, key, NULL)) {
		json_object *there = json_object_object_get(*table, key);
		const struct mark *mark = mark_of(r, there);
		if (!json_object_is_type(there, json_type_object) || !mark || mark->closed || mark->defined)
			return toml_fault(&r->lex, em, "a table that is there already");
	}
	enum err e = table_enter(r, table, key, false, em);
	struct mark *mark = e == OK ? mark_of(r, *table) : NULL;
	if (mark)
		mark->defined = true;
	return e;
}

static enum err header_read(struct reader *r, struct path *p, struct errmsg *em)
{
	bool list = toml_take(&r->lex, "[[");
	if (!list)
		(void)toml_take(&r->lex, "[");
	p->table = r->root;
	p->depth = 1;
	enum err e = path_read(r, p, em);
	if (e == OK && !toml_take(&r->lex, list ? "]]" : "]"))
		e = toml_fault(&r->lex, em, "a table's name does not end");
	if (e != OK)
		return e;
	const char *key = (const char *)p->key.data;
	p->depth += list;
	return list ? list_header(r, &p->table, key, em) : table_header(r, &p->table, key, em);
}

static enum err document_read(struct reader *r, struct errmsg *em)
{
	struct path p = { r->root, { 0 }, false, 0 };
	enum err e = toml_skip_lines(&r->lex, em);
	while (e == OK && r->lex.at < r->lex.end) {
		e = toml_next_is(&r->lex, '[') ? header_read(r, &p, em) : pair_read(r, p.table, p.depth, em);
		if (e == OK)
			e = toml_line_end(&r->lex, em);
		if (e == OK)
			e = toml_skip_lines(&r->lex, em);
	}
	buf_clear(&p.key);
	return e;
}

enum err toml_parse(struct bytes text, size_t max, json_object **out, struct errmsg *em)
{
	*out = NULL;
	if (text.len > max || text.len > INT32_MAX)
		return err_set(em, ERR_LIMIT, "%zu bytes of TOML: at most %zu are taken", text.len, max);
	if (text.len && (memchr(text.data, '\0', text.len) || !utf8_valid(text)))
		return err_set(em, ERR_PARSE, "TOML: not UTF-8, or with a NUL");
	AUTO_OF(json_object) *root = json_object_new_object();
	struct reader r = { .lex = { text.data, text.len ? text.data + text.len : text.data, 1 }, .root = root };
	enum err e = root ? document_read(&r, em) : no_memory(em);
	free(r.marks);
	if (e == OK)
		*out = steal(&root);
	return e;
}
