#include "tools/cli.h"
#include "tools/kbs_token_objects.h"

#include <stdio.h>

static void print_text(const struct token_table *t)
{
	static const char *const format = "%-32s %-12s %-34s %-8s %s\n";
	if (t->count)
		printf(format, "LABEL", "CLASS", "ID", "TYPE", "URI");
	else
		fputs("kbs-token: the token lists no objects; any kbs:/// URI can still be used as a label\n", stderr);
	for (size_t i = 0; i < t->count; i++) {
		const struct token_row *row = &t->rows[i];
		char label[TOKEN_LABEL_SIZE];
		token_row_label(row, label);
		AUTO_STR
		char *id = hex_encode(buf_bytes(&row->id));
		printf(format, label, token_class_name(row->class), id && *id ? id : "-",
		       row->key_type ? row->key_type : "-", row->uri);
	}
}

static bool put(json_object *to, const char *name, json_object *value)
{
	return json_object_object_add(to, name, value) == 0;
}

static json_object *row_json(struct token_row *row)
{
	json_object *o = json_object_new_object();
	AUTO_STR
	char *id = hex_encode(buf_bytes(&row->id));
	const char *label = buf_cstr(&row->label);
	if (o && id && label && put(o, "token", json_object_new_string(row->token)) &&
	    put(o, "label", json_object_new_string(label)) &&
	    put(o, "class", json_object_new_string(token_class_name(row->class))) &&
	    put(o, "id", json_object_new_string(id)) &&
	    put(o, "key-type", row->key_type ? json_object_new_string(row->key_type) : NULL) &&
	    put(o, "uri", json_object_new_string(row->uri)))
		return o;
	json_object_put(o);
	return NULL;
}

static enum err print_json(const struct token_table *t, struct errmsg *em)
{
	AUTO_OF(json_object) *root = json_object_new_array();
	for (size_t i = 0; root && i < t->count; i++) {
		json_object *row = row_json(&t->rows[i]);
		if (!row || json_object_array_add(root, row) != 0)
			return err_nomem(em, "the list");
	}
	AUTO_STR
	char *text = root ? json_text(root) : NULL;
	if (!text)
		return err_nomem(em, "the list");
	puts(text);
	return OK;
}

int token_list(const struct token_args *args)
{
	struct errmsg em = { "" };
	struct token_table t = { NULL, 0 };
	enum err e = token_table_read(args, &t, &em);
	if (e == OK && args->json)
		e = print_json(&t, &em);
	else if (e == OK)
		print_text(&t);
	if (e == OK && fflush(stdout) != 0)
		e = err_errno(&em, ERR_IO, "standard output");
	token_table_clear(&t);
	return e == OK ? 0 : cli_fail(e, &em);
}
