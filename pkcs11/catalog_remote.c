/* The KBS's own list of objects. */
#include "common/json_cut.h"
#include "common/log.h"
#include "pkcs11/catalog_row.h"

#define CATALOG_TEXT_MAX (8 << 20)
#define REST_MAX 65536

/* The row of an entry that was listed before. */
static struct catalog_row *known_locked(struct catalog *c, const struct entry *entry)
{
	struct bytes label = { (const uint8_t *)entry->label, entry->label_len };
	for (struct catalog_row *row = catalog_label_locked(c, label); row; row = row->next_label)
		if (entry_equal(row->entry, entry))
			return row;
	return NULL;
}

/* *out: NULL, and stays so where there is no row. */
static enum err add_copy_locked(struct catalog *c, const struct entry *entry, struct catalog_row **out,
				struct errmsg *em)
{
	struct entry *copy = pool_take(&c->pool, sizeof(*copy));
	if (!copy)
		return err_nomem(em, "an object");
	enum err e = entry_copy(entry, &c->pool, copy, em);
	if (e == OK)
		e = catalog_add_locked(c, copy, out, em);
	if (e == OK)
		(*out)->from_kbs = true;
	else if (!*out)
		spki_pins_free(copy->pins);
	return e;
}

/* What the KBS no longer lists is gone; what it lists anew is added. The configuration's own entries stay. */
static enum err take_over_locked(struct catalog *c, const struct entry_list *list, uint64_t serial, struct errmsg *em)
{
	enum err e = OK;
	for (size_t i = 0; e == OK && i < list->count; i++) {
		struct catalog_row *row = known_locked(c, &list->items[i]);
		if (!row)
			e = add_copy_locked(c, &list->items[i], &row, em);
		if (e == OK) {
			row->remote_serial = serial;
			row->gone = false;
		}
	}
	for (size_t i = 0; e == OK && i < c->count; i++)
		if (c->rows[i]->from_kbs && c->rows[i]->remote_serial != serial)
			c->rows[i]->gone = true;
	return e;
}

/* {"objects": [...]} with nothing beside it. */
static enum err read_object(struct buf *text, struct entry_list *list, struct errmsg *em)
{
	static const char *const members[] = { "objects", NULL };
	AUTO_OF(json_object) *root = NULL;
	json_object *array = NULL;
	struct json_cuts cuts;
	enum err e = json_cut(text, (struct json_cut_names){ "objects", NULL, NULL }, &cuts, em);
	if (e == OK)
		e = json_parse(buf_bytes(&cuts.rest), REST_MAX, JSON_COMMENTS, &root, em);
	if (e == OK)
		e = json_only_members(root, members, em);
	if (e == OK)
		e = json_get_array_opt(root, "objects", &array, em);
	if (e == OK && !array)
		e = err_set(em, ERR_PARSE, "\"objects\" is missing");
	if (e == OK)
		e = cuts.count ? entry_list_scan(cuts.items[0].array, ENTRY_FROM_KBS, list, em)
			       : entry_list_read(array, ENTRY_FROM_KBS, list, em);
	json_cuts_clear(&cuts);
	return e;
}

static enum err read_remote(const struct material *m, struct entry_list *list, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	if (!m->raw)
		return err_set(em, ERR_PARSE, "it is a key");
	enum err e = buf_append(&text, secret_bytes(m->raw), CATALOG_TEXT_MAX, em);
	if (e == OK)
		e = json_comments_blank(&text, em);
	if (e != OK)
		return e;
	size_t begin = 0;
	while (begin < text.len && text.data[begin] && strchr(" \t\r\n", text.data[begin]))
		begin++;
	if (begin == text.len || text.data[begin] != '[')
		return read_object(&text, list, em);
	size_t end = begin;
	if (!json_skip_value(buf_bytes(&text), &end))
		return err_set(em, ERR_PARSE, "the list does not end");
	for (size_t i = end; i < text.len; i++)
		if (!strchr(" \t\r\n", text.data[i]) || !text.data[i])
			return err_set(em, ERR_PARSE, "something follows the list");
	return entry_list_scan((struct bytes){ text.data + begin, end - begin }, ENTRY_FROM_KBS, list, em);
}

static enum err take_over(struct catalog *c, const struct material *m, struct errmsg *em)
{
	struct entry_list list = { .items = NULL };
	enum err e = read_remote(m, &list, em);
	pthread_mutex_lock(&c->lock);
	if (e == OK && c->remote_serial < m->serial)
		e = take_over_locked(c, &list, m->serial, em);
	c->remote_serial = m->serial;
	pthread_mutex_unlock(&c->lock);
	entry_list_clear(&list);
	return e;
}

enum err catalog_refresh(struct catalog *c, struct errmsg *em)
{
	if (!c->remote)
		return OK;
	AUTO(material) *m = NULL;
	enum err e = source_get(c->remote, &m, em);
	if (e != OK)
		return err_wrap(em, e, "the catalog");
	pthread_mutex_lock(&c->lock);
	bool done = c->remote_serial == m->serial;
	pthread_mutex_unlock(&c->lock);
	if (done)
		return OK;
	e = take_over(c, m, em);
	if (e != OK) {
		err_wrap(em, e, "the catalog %s", source_name(c->remote));
		log_error("pkcs11", "catalog", "err=%s text=\"%s\"", err_name(e), em->text);
	}
	return e;
}
