#define _GNU_SOURCE 1
#include "keywrap/token_module.h"

#include "common/log.h"
#include "keywrap/cryptoki_error.h"
#include "keywrap/ocicrypt_conf.h"
#include "keywrap/token_why.h"

#include <pthread.h>
#include <stdio.h>

#define PROXY_NAME "/p11-kit-proxy.so"

void token_module_free(struct token_module *module)
{
	if (!module)
		return;
	if (module->registered && module->functions) {
		p11_kit_modules_finalize_and_release(module->functions);
	} else if (module->functions) {
		(void)p11_kit_module_finalize(module->functions[0]);
		p11_kit_module_release(module->functions[0]);
		free((void *)module->functions);
	}
	free(module->path);
	free(module->env);
	free(module);
}

void token_modules_clear(struct token_modules *modules)
{
	for (struct token_module *m = modules->loaded; m;) {
		struct token_module *next = m->next;
		token_module_free(m);
		m = next;
	}
	free(modules->trusted);
	*modules = (struct token_modules){ NULL, NULL };
}

static bool names_module(const struct token_ref *ref)
{
	return p11_kit_uri_get_module_path(ref->uri) || p11_kit_uri_get_module_name(ref->uri);
}

static bool is_trusted(const struct token_modules *modules, const char *path)
{
	AUTO_STR
	char *real = modules->trusted && path ? realpath(path, NULL) : NULL;
	return real && strcmp(real, modules->trusted) == 0;
}

/* The file that `ref` names, allowed; *path = NULL if it names none, or p11-kit's proxy: that is them all, too. */
static enum err module_path(const struct token_modules *modules, const struct token_ref *ref, char **path,
			    struct errmsg *em)
{
	AUTO_OCICRYPT_CONF conf = { 0 };
	struct module_name wanted = { p11_kit_uri_get_module_path(ref->uri), p11_kit_uri_get_module_name(ref->uri) };
	*path = NULL;
	if (!names_module(ref))
		return OK;
	if (!wanted.name && is_trusted(modules, wanted.path)) {
		*path = strdup(modules->trusted);
		return *path ? OK : err_nomem(em, "a module");
	}
	size_t len = wanted.path ? strlen(wanted.path) : 0;
	if (len > strlen(PROXY_NAME) && strcmp(wanted.path + len - strlen(PROXY_NAME), PROXY_NAME) == 0)
		return OK;
	enum err e = ocicrypt_conf_load(&conf, em);
	return e == OK ? ocicrypt_conf_module(&conf, wanted, path, em) : e;
}

/* One text for an environment, to compare. NULL without memory. */
static char *env_text(const struct token_ref *ref)
{
	char *text = strdup("");
	for (size_t i = 0; text && i < ref->env_count; i++) {
		char *longer = NULL;
		if (asprintf(&longer, "%s%s=%s\n", text, ref->env[i].name, ref->env[i].value) < 0)
			longer = NULL;
		free(text);
		text = longer;
	}
	return text;
}

/* Held while the environment is not the process's own. */
static pthread_mutex_t env_lock = PTHREAD_MUTEX_INITIALIZER;

/* Sets the variables and keeps what was there, in the same order; undone by env_restore(). */
static bool env_set(const struct token_ref *ref, char **before)
{
	bool good = true;
	for (size_t i = 0; i < ref->env_count; i++) {
		const char *old = getenv(ref->env[i].name);
		before[i] = old ? strdup(old) : NULL;
		good = good && (!old || before[i]) && setenv(ref->env[i].name, ref->env[i].value, 1) == 0;
	}
	return good;
}

static void env_restore(const struct token_ref *ref, char **before)
{
	for (size_t i = ref->env_count; i-- > 0;) {
		if (before[i])
			setenv(ref->env[i].name, before[i], 1);
		else
			unsetenv(ref->env[i].name);
		free(before[i]);
	}
}

static enum err module_initialize(struct token_module *module, struct errmsg *em)
{
	if (!module->path) {
		module->registered = true;
		module->functions = p11_kit_modules_load_and_initialize(0);
		return module->functions ? OK
					 : err_set(em, ERR_PROTO,
						   "the modules registered with p11-kit cannot be "
						   "loaded");
	}
	CK_FUNCTION_LIST *functions = p11_kit_module_load(module->path, 0);
	if (!functions)
		return err_set(em, ERR_PROTO, "the module %s cannot be loaded", module->path);
	CK_RV rv = p11_kit_module_initialize(functions);
	enum err e = cryptoki_check(rv, "C_Initialize", em);
	if (e != OK)
		e = token_why_module(module->path, rv, e, em);
	module->functions = calloc(2, sizeof(CK_FUNCTION_LIST *));
	if (e == OK && !module->functions) {
		(void)p11_kit_module_finalize(functions);
		e = err_nomem(em, "a module");
	}
	if (e != OK) {
		p11_kit_module_release(functions);
		free((void *)module->functions);
		module->functions = NULL;
		return err_wrap(em, e, "the module %s", module->path);
	}
	module->functions[0] = functions;
	log_debug("keywrap", "module-loaded", "path=\"%s\"", module->path);
	return OK;
}

static enum err module_load(const struct token_ref *ref, struct token_module *module, struct errmsg *em)
{
	AUTO_STR
	char *memory = calloc(ref->env_count + 1, sizeof(char *));
	char **before = (char **)(void *)memory;
	if (!before)
		return err_nomem(em, "a module");
	pthread_mutex_lock(&env_lock);
	enum err e = env_set(ref, before) ? module_initialize(module, em)
					  : err_set(em, ERR_NOMEM, "the module's environment cannot be set");
	env_restore(ref, before);
	pthread_mutex_unlock(&env_lock);
	return e;
}

/* The module in the file `path`, NULL for the registered ones: loaded before, or now. */
static enum err module_at(struct token_modules *modules, const struct token_ref *ref, char *path,
			  struct token_module **out, struct errmsg *em)
{
	AUTO_STR
	char *owned = path;
	AUTO_STR
	char *env = env_text(ref);
	if (!env)
		return err_nomem(em, "a module");
	for (struct token_module *m = modules->loaded; m; m = m->next) {
		if (m->path ? !path || strcmp(m->path, path) != 0 : path != NULL)
			continue;
		if (ref->env_count && strcmp(m->env, env) != 0)
			return err_set(em, ERR_UNSUPPORTED,
				       "its module is already in use here with another module.env: use one context for "
				       "each");
		*out = m;
		return OK;
	}
	AUTO(token_module) *module = calloc(1, sizeof(*module));
	if (!module)
		return err_nomem(em, "a module");
	module->path = steal(&owned);
	module->env = steal(&env);
	enum err e = module_load(ref, module, em);
	if (e != OK)
		return e;
	module->next = modules->loaded;
	modules->loaded = *out = steal(&module);
	return OK;
}

enum err token_module_get(struct token_modules *modules, const struct token_ref *ref, struct token_module **out,
			  struct errmsg *em)
{
	char *path = NULL;
	enum err e = module_path(modules, ref, &path, em);
	return e == OK ? module_at(modules, ref, path, out, em) : e;
}

enum err token_module_trusted(struct token_modules *modules, const struct token_ref *ref, struct token_module **out,
			      struct errmsg *em)
{
	*out = NULL;
	if (!modules->trusted || names_module(ref))
		return OK;
	char *path = strdup(modules->trusted);
	return path ? module_at(modules, ref, path, out, em) : err_nomem(em, "a module");
}
