#include "image/policy_file.h"

#include "image/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

void policy_choice_clear(struct policy_choice *c)
{
	free(c->name);
	c->name = NULL;
}

static enum err named(const char *name, struct policy_choice *out, struct errmsg *em)
{
	out->name = strdup(name);
	return out->name ? OK : err_nomem(em, "a policy's name");
}

/* Takes folder/containers/policy.json if it is there. What is there and cannot be read is an error, later on. */
static enum err look(struct policy_choice *out, const char *root, const char *folder, struct errmsg *em)
{
	char *path = NULL;
	size_t used = strlen(out->looked);
	if (out->name)
		return OK;
	if (asprintf(&path, "%s%s/containers/policy.json", root, folder) < 0)
		return err_nomem(em, "a policy's name");
	if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0 || errno != ENOENT) {
		out->name = path;
		return OK;
	}
	snprintf(out->looked + used, sizeof(out->looked) - used, "%s%s", used ? ", " : "", path);
	free(path);
	return OK;
}

static enum err look_at_home(struct policy_choice *out, struct errmsg *em)
{
	const char *config = secure_getenv("XDG_CONFIG_HOME");
	const char *home = secure_getenv("HOME");
	if (config && config[0] == '/')
		return look(out, "", config, em);
	return home && home[0] == '/' ? look(out, home, "/.config", em) : OK;
}

enum err policy_choose(const struct image_access *access, const char *root, struct policy_choice *out,
		       struct errmsg *em)
{
	const char *variable = secure_getenv("CONTAINERS_POLICY_JSON");
	if (access->policy)
		return named(access->policy, out, em);
	if (variable && variable[0])
		return named(variable, out, em);
	enum err e = look_at_home(out, em);
	if (e == OK)
		e = look(out, root, "/etc", em);
	return e == OK ? look(out, root, "/usr/share", em) : e;
}

enum err policy_load(const struct image_access *access, struct policy_choice *choice, struct policy **out,
		     struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	struct bytes policy = access->policy_text;
	enum err e = policy.data ? named(access->policy ? access->policy : "handed in", choice, em)
				 : policy_choose(access, "", choice, em);
	if (e != OK || !choice->name)
		return e;
	if (!policy.data) {
		e = policy_text_read(choice->name, access, &text, em);
		policy = buf_bytes(&text);
	}
	if (e != OK)
		return err_wrap(em, e == ERR_NOT_FOUND || e == ERR_IO ? ERR_CONFIG : e, "policy %s", choice->name);
	e = policy_parse(policy, out, em);
	return e == OK ? OK : err_wrap(em, e == ERR_NOMEM ? e : ERR_CONFIG, "policy %s", choice->name);
}
