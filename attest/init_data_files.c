#include "attest/attest.h"
#include "common/toml.h"

/* What the files in init data say to us: the configurations of Confidential Containers' guest services. */

void init_data_kbs_clear(struct init_data_kbs *k)
{
	free(k->url);
	free(k->ca);
	*k = (struct init_data_kbs){ NULL, NULL };
}

void init_data_policy_clear(struct init_data_policy *p)
{
	free(p->text);
	free(p->uri);
	*p = (struct init_data_policy){ NULL, NULL };
}

/* One of the files, TOML or JSON; *out stays NULL where there is none. */
static enum err file_parse(const struct init_data *d, const char *name, json_object **out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = init_data_files(d) ? json_get_string_opt(init_data_files(d), name, &text, em) : OK;
	if (e != OK || !text)
		return e;
	struct bytes all = bytes_str(text);
	const char *first = text + strspn(text, " \t\r\n");
	e = *first == '{' ? json_parse(all, INIT_DATA_MAX, JSON_STRICT, out, em)
			  : toml_parse(all, INIT_DATA_MAX, out, em);
	return e == OK ? OK : err_wrap(em, e, "init data: %s", name);
}

/* Where a string lies in a file. */
struct place {
	const char *file;
	const char *tables[3]; /* from the outermost */
	const char *member;
};

static enum err place_read(json_object *root, const struct place *p, char **out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = OK;
	for (size_t i = 0; root && i < ARRAY_LEN(p->tables) && p->tables[i] && e == OK; i++) {
		json_object *next = NULL;
		e = json_get_object_opt(root, p->tables[i], &next, em);
		root = next;
	}
	if (e == OK && root)
		e = json_get_string_opt(root, p->member, &text, em);
	if (e != OK)
		return err_wrap(em, e, "init data: %s", p->file);
	if (!text || !*text)
		return OK;
	*out = strdup(text);
	return *out ? OK : err_nomem(em, "init data");
}

static size_t url_len(const char *url)
{
	size_t len = strlen(url);
	while (len && url[len - 1] == '/')
		len--;
	return len;
}

static bool same_url(const char *a, const char *b)
{
	return url_len(a) == url_len(b) && strncmp(a, b, url_len(a)) == 0;
}

/* aa.toml attests, cdh.toml fetches: to us both are the same KBS. */
static enum err kbs_agree(struct init_data_kbs *first, struct init_data_kbs *second, struct errmsg *em)
{
	if (first->url && second->url && !same_url(first->url, second->url))
		return err_set(em, ERR_UNSUPPORTED, "init data: aa.toml names the KBS %.200s, cdh.toml %.200s",
			       first->url, second->url);
	if (first->ca && second->ca && strcmp(first->ca, second->ca) != 0)
		return err_set(em, ERR_UNSUPPORTED, "init data: aa.toml and cdh.toml trust different certificates");
	if (!first->url)
		first->url = steal(&second->url);
	if (!first->ca)
		first->ca = steal(&second->ca);
	return OK;
}

enum err init_data_kbs_read(const struct init_data *d, struct init_data_kbs *out, struct errmsg *em)
{
	static const struct place places[] = {
		{ "aa.toml", { "token_configs", "kbs", NULL }, "url" },
		{ "aa.toml", { "token_configs", "kbs", NULL }, "cert" },
		{ "cdh.toml", { "kbc", NULL, NULL }, "url" },
		{ "cdh.toml", { "kbc", NULL, NULL }, "kbs_cert" },
	};
	struct init_data_kbs second = { NULL, NULL };
	char **to[] = { &out->url, &out->ca, &second.url, &second.ca };
	AUTO_OF(json_object) *aa = NULL;
	AUTO_OF(json_object) *cdh = NULL;
	*out = (struct init_data_kbs){ NULL, NULL };
	enum err e = file_parse(d, "aa.toml", &aa, em);
	if (e == OK)
		e = file_parse(d, "cdh.toml", &cdh, em);
	for (size_t i = 0; i < ARRAY_LEN(places) && e == OK; i++)
		e = place_read(i < 2 ? aa : cdh, &places[i], to[i], em);
	if (e == OK)
		e = kbs_agree(out, &second, em);
	init_data_kbs_clear(&second);
	if (e != OK)
		init_data_kbs_clear(out);
	return e;
}

enum err init_data_policy_read(const struct init_data *d, struct init_data_policy *out, struct errmsg *em)
{
	static const struct place text = { "cdh.toml", { "image", NULL, NULL }, "image_security_policy" };
	static const struct place uri = { "cdh.toml", { "image", NULL, NULL }, "image_security_policy_uri" };
	AUTO_OF(json_object) *cdh = NULL;
	*out = (struct init_data_policy){ NULL, NULL };
	enum err e = file_parse(d, "cdh.toml", &cdh, em);
	if (e == OK)
		e = place_read(cdh, &text, &out->text, em);
	if (e == OK)
		e = place_read(cdh, &uri, &out->uri, em);
	if (e == OK && out->text && out->uri)
		e = err_set(em, ERR_UNSUPPORTED, "init data: cdh.toml names two image policies");
	if (e != OK)
		init_data_policy_clear(out);
	return e;
}
