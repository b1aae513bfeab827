#include "attest/init_data_delivery.h"
#include "common/utf8.h"

#include <stdio.h>

/* As TOML when it can be read as it stands in a literal string, else with escapes. */
static bool literal(struct bytes text)
{
	if (text.len && text.data[text.len - 1] == '\'')
		return false;
	for (size_t i = 0; i < text.len; i++)
		if ((text.data[i] < ' ' && text.data[i] != '\n' && text.data[i] != '\t') || text.data[i] == 0x7f)
			return false;
	return !text.len || !memmem(text.data, text.len, "'''", 3);
}

static enum err append(struct buf *out, const char *text, struct errmsg *em)
{
	return buf_append(out, bytes_str(text), 0, em);
}

static enum err escaped(struct buf *out, struct bytes text, struct errmsg *em)
{
	enum err e = append(out, "\"", em);
	for (size_t i = 0; i < text.len && e == OK; i++) {
		char one[8] = { (char)text.data[i], '\0' };
		if (text.data[i] == '"' || text.data[i] == '\\')
			snprintf(one, sizeof one, "\\%c", text.data[i]);
		else if (text.data[i] < ' ' || text.data[i] == 0x7f)
			snprintf(one, sizeof one, "\\u%04x", text.data[i]);
		e = append(out, one, em);
	}
	return e == OK ? append(out, "\"", em) : e;
}

static enum err toml_file(struct buf *out, const struct init_data_source *file, struct errmsg *em)
{
	enum err e = escaped(out, bytes_str(file->name), em);
	if (e == OK)
		e = append(out, " = ", em);
	if (e == OK && !literal(file->text))
		e = escaped(out, file->text, em);
	else if (e == OK) {
		e = append(out, "'''\n", em);
		if (e == OK)
			e = buf_append(out, file->text, 0, em);
		if (e == OK)
			e = append(out, "'''", em);
	}
	return e == OK ? append(out, "\n", em) : e;
}

static enum err toml_make(const struct init_data_plan *plan, struct buf *out, struct errmsg *em)
{
	char head[128];
	snprintf(head, sizeof head, "version = \"0.1.0\"\nalgorithm = \"%s\"\n\n[data]\n", plan->algorithm);
	enum err e = append(out, head, em);
	for (size_t i = 0; i < plan->count && e == OK; i++)
		e = toml_file(out, &plan->files[i], em);
	return e;
}

static enum err json_make(const struct init_data_plan *plan, struct buf *out, struct errmsg *em)
{
	AUTO_OF(json_object) *root = json_object_new_object();
	json_object *data = json_object_new_object();
	bool good = json_add(root, "version", json_object_new_string("0.1.0")) &&
		    json_add(root, "algorithm", json_object_new_string(plan->algorithm));
	good = json_add(root, "data", data) && good;
	for (size_t i = 0; i < plan->count && good; i++) {
		struct bytes text = plan->files[i].text;
		good = json_add(data, plan->files[i].name,
				json_object_new_string_len(text.len ? (const char *)text.data : "", (int)text.len));
	}
	AUTO_STR
	char *text = good ? json_text(root) : NULL;
	return text ? append(out, text, em) : err_nomem(em, "init data");
}

static enum err sources_check(const struct init_data_plan *plan, struct errmsg *em)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct init_data_source *f = &plan->files[i];
		if (f->text.len && (!utf8_valid(f->text) || memchr(f->text.data, '\0', f->text.len)))
			return err_set(em, ERR_ARG, "%.64s: init data hold text (UTF-8, without NULs)", f->name);
		for (size_t j = 0; j < i; j++)
			if (strcmp(plan->files[j].name, f->name) == 0)
				return err_set(em, ERR_ARG, "%.64s: given twice", f->name);
	}
	return OK;
}

/* Whoever reads it gets what went in: held against our own reader. */
static enum err read_back(const struct init_data_plan *plan, struct bytes made, struct errmsg *em)
{
	AUTO(init_data) *d = NULL;
	enum err e = init_data_parse(made, &d, em);
	for (size_t i = 0; i < plan->count && e == OK; i++) {
		const char *text = NULL;
		e = json_get_string(init_data_files(d), plan->files[i].name, &text, em);
		if (e == OK && !bytes_equal(bytes_str(text), plan->files[i].text))
			e = err_set(em, ERR_INTERNAL, "%.64s: does not read back", plan->files[i].name);
	}
	return e;
}

enum err init_data_compose(const struct init_data_plan *plan, struct buf *out, struct errmsg *em)
{
	buf_clear(out);
	enum err e = sources_check(plan, em);
	if (e == OK)
		e = plan->json ? json_make(plan, out, em) : toml_make(plan, out, em);
	return e == OK ? read_back(plan, buf_bytes(out), em) : e;
}
