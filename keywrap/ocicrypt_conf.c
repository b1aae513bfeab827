#define _GNU_SOURCE 1
#include "keywrap/ocicrypt_conf.h"

#include "common/file.h"
#include "common/yaml_doc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#define OWN_MODULE PKCS11DIR "/kbs-pkcs11.so"
#define FILE_NAME "ocicrypt.conf"

/* Where distributions keep modules: what OCICRYPT_CONFIG=internal stands for. */
static const char *const usual_folders[] = {
	"/usr/lib64/pkcs11/",
	"/usr/lib/pkcs11/",
	"/usr/lib/x86_64-linux-gnu/pkcs11/",
	"/usr/lib/aarch64-linux-gnu/pkcs11/",
	"/usr/lib/softhsm/",
	"/usr/lib/x86_64-linux-gnu/softhsm/",
	"/usr/lib/aarch64-linux-gnu/softhsm/",
};

void ocicrypt_conf_clear(struct ocicrypt_conf *conf)
{
	for (size_t i = 0; i < conf->directory_count; i++)
		free(conf->directories[i]);
	for (size_t i = 0; i < conf->allowed_count; i++)
		free(conf->allowed[i]);
	free(conf->file);
	*conf = (struct ocicrypt_conf){ 0 };
}

struct path_list {
	char **paths;
	size_t *count;
};

static enum err list_add(struct path_list list, const char *path, struct errmsg *em)
{
	if (path[0] != '/')
		return err_set(em, ERR_PARSE, "\"%.200s\" is no absolute path", path);
	if (*list.count == OCICRYPT_CONF_PATHS)
		return err_set(em, ERR_LIMIT, "more than %d paths", OCICRYPT_CONF_PATHS);
	list.paths[*list.count] = strdup(path);
	if (!list.paths[*list.count])
		return err_nomem(em, "a list of modules");
	(*list.count)++;
	return OK;
}

static enum err list_read(struct yaml_doc *doc, yaml_node_t *pkcs11, const char *name, struct path_list list,
			  struct errmsg *em)
{
	yaml_node_t *node = NULL;
	enum err e = yaml_doc_member(doc, pkcs11, name, &node, em);
	if (e != OK || !node)
		return e;
	if (node->type != YAML_SEQUENCE_NODE)
		return err_set(em, ERR_PARSE, "\"%s\" is no list", name);
	yaml_node_item_t *end = node->data.sequence.items.top;
	for (yaml_node_item_t *i = node->data.sequence.items.start; e == OK && i < end; i++) {
		const char *path = NULL;
		e = yaml_doc_text(yaml_document_get_node(&doc->document, *i), name, &path, em);
		if (e == OK)
			e = list_add(list, path, em);
	}
	return e == OK ? OK : err_wrap(em, e, "%s", name);
}

enum err ocicrypt_conf_parse(struct bytes text, struct ocicrypt_conf *out, struct errmsg *em)
{
	AUTO_YAML_DOC doc = { .loaded = false };
	yaml_node_t *pkcs11 = NULL;
	enum err e = yaml_doc_parse(text, &doc, em);
	if (e == OK)
		e = yaml_doc_member(&doc, NULL, "pkcs11", &pkcs11, em);
	if (e != OK || !pkcs11)
		return e; /* nothing about modules: nothing is allowed */
	e = list_read(&doc, pkcs11, "module-directories", (struct path_list){ out->directories, &out->directory_count },
		      em);
	if (e == OK)
		e = list_read(&doc, pkcs11, "allowed-module-paths",
			      (struct path_list){ out->allowed, &out->allowed_count }, em);
	return e;
}

/* ERR_NOT_FOUND where the file is not there. */
static enum err conf_read(const char *path, struct ocicrypt_conf *out, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	AUTO_FD
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return ERR_NOT_FOUND;
	if (fd < 0)
		return err_errno(em, ERR_CONFIG, "cannot open %s", path);
	/* It decides what code is loaded. */
	enum err e = file_check_trusted(fd, path, em);
	if (e == OK)
		e = file_read(path, YAML_DOC_MAX, &text, em);
	if (e == OK && text.len > 0)
		e = ocicrypt_conf_parse(buf_bytes(&text), out, em);
	if (e != OK)
		return err_wrap(em, e == ERR_NOMEM ? e : ERR_CONFIG, "%s", path);
	out->file = strdup(path);
	return out->file ? OK : err_nomem(em, path);
}

static enum err defaults_load(struct ocicrypt_conf *out, bool internal, struct errmsg *em)
{
	struct path_list allowed = { out->allowed, &out->allowed_count };
	struct path_list directories = { out->directories, &out->directory_count };
	enum err e = list_add(allowed, OWN_MODULE, em);
	if (e == OK)
		e = list_add(directories, PKCS11DIR "/", em);
	for (size_t i = 0; internal && e == OK && i < ARRAY_LEN(usual_folders); i++) {
		e = list_add(allowed, usual_folders[i], em);
		if (e == OK)
			e = list_add(directories, usual_folders[i], em);
	}
	return e;
}

static enum err place_try(const char *folder, const char *rest, struct ocicrypt_conf *out, struct errmsg *em)
{
	AUTO_STR
	char *path = NULL;
	if (!folder || !folder[0])
		return ERR_NOT_FOUND;
	if (asprintf(&path, "%s%s", folder, rest) < 0)
		return err_nomem(em, "a path");
	return conf_read(path, out, em);
}

enum err ocicrypt_conf_load(struct ocicrypt_conf *out, struct errmsg *em)
{
	const char *named = secure_getenv("OCICRYPT_CONFIG");
	if (named && strcmp(named, "internal") == 0)
		return defaults_load(out, true, em);
	enum err e = place_try(named, "", out, em);
	if (e == ERR_NOT_FOUND && named && named[0])
		return err_set(em, ERR_CONFIG, "OCICRYPT_CONFIG names %s, which does not exist", named);
	if (e == ERR_NOT_FOUND)
		e = place_try(secure_getenv("XDG_CONFIG_HOME"), "/" FILE_NAME, out, em);
	if (e == ERR_NOT_FOUND)
		e = place_try(secure_getenv("HOME"), "/.config/" FILE_NAME, out, em);
	if (e == ERR_NOT_FOUND)
		e = place_try("/etc", "/" FILE_NAME, out, em);
	return e == ERR_NOT_FOUND ? defaults_load(out, false, em) : e;
}

bool ocicrypt_conf_allows(const struct ocicrypt_conf *conf, const char *path)
{
	for (size_t i = 0; i < conf->allowed_count; i++) {
		const char *allowed = conf->allowed[i];
		size_t len = strlen(allowed);
		/* Both sides as the file system sees them: /usr/lib may be a link. */
		AUTO_STR
		char *real = realpath(allowed, NULL);
		if (!real)
			continue;
		size_t real_len = strlen(real);
		if (strcmp(real, path) == 0)
			return true;
		if (allowed[len - 1] == '/' && strncmp(real, path, real_len) == 0 &&
		    (path[real_len] == '/' || strcmp(real, "/") == 0))
			return true;
	}
	return false;
}

/* Lower-cased, as the Go library does: "softhsm2" finds libsofthsm2.so. */
static char *folder_search(const char *folder, const char *name)
{
	AUTO_STR
	char *wanted = NULL;
	char *found = NULL;
	DIR *dir = opendir(folder);
	if (!dir)
		return NULL;
	if (asprintf(&wanted, "%s.", name) < 0)
		wanted = NULL;
	for (struct dirent *d; wanted && !found && (d = readdir(dir));)
		if (strcasestr(d->d_name, wanted) && asprintf(&found, "%s/%s", folder, d->d_name) < 0)
			found = NULL;
	closedir(dir);
	return found;
}

static enum err module_search(const struct ocicrypt_conf *conf, struct module_name wanted, char **path,
			      struct errmsg *em)
{
	if (strchr(wanted.name, '/'))
		return err_set(em, ERR_PARSE, "module-name must not hold a '/'");
	if (wanted.path)
		*path = folder_search(wanted.path, wanted.name);
	for (size_t i = 0; !wanted.path && !*path && i < conf->directory_count; i++)
		*path = folder_search(conf->directories[i], wanted.name);
	if (*path)
		return OK;
	if (wanted.path)
		return err_set(em, ERR_NOT_FOUND, "no module named \"%s\" in %s", wanted.name, wanted.path);
	return err_set(em, ERR_NOT_FOUND, "no module named \"%s\" in the module-directories of %s", wanted.name,
		       conf->file ? conf->file : "ocicrypt.conf (there is none)");
}

enum err ocicrypt_conf_module(const struct ocicrypt_conf *conf, struct module_name wanted, char **path,
			      struct errmsg *em)
{
	AUTO_STR
	char *found = NULL;
	struct stat st;
	if (wanted.path && wanted.path[0] != '/')
		return err_set(em, ERR_PARSE, "module-path must be absolute");
	bool folder = wanted.path && stat(wanted.path, &st) == 0 && S_ISDIR(st.st_mode);
	if (folder && !wanted.name)
		return err_set(em, ERR_PARSE, "module-path is a folder, and there is no module-name");
	enum err e = OK;
	if (wanted.path && !folder)
		found = strdup(wanted.path);
	else
		e = module_search(conf, wanted, &found, em);
	if (e != OK)
		return e;
	AUTO_STR
	char *real = found ? realpath(found, NULL) : NULL;
	if (!real)
		return err_errno(em, ERR_NOT_FOUND, "module %s", found ? found : "");
	if (!ocicrypt_conf_allows(conf, real))
		return err_set(
			em, ERR_DENIED, "the module %s may not be loaded: add it to pkcs11.allowed-module-paths in %s",
			real,
			conf->file
				? conf->file
				: "an ocicrypt.conf ($OCICRYPT_CONFIG, ~/.config/ocicrypt.conf, /etc/ocicrypt.conf)");
	*path = steal(&real);
	return OK;
}
