#include "tools/kbs_token.h"

#include "common/file.h"

#include <dirent.h>
#include <fnmatch.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUR_MODULE "kbs-pkcs11.so"
#define PATH_SIZE 512
#define FILE_MAX 1048576

/* What the checks below share. */
struct machine {
	char module[4096]; /* real path */
	bool registered; /* p11-kit finds it */
	bool engine, engine_told; /* OpenSSL's engine is there; and knows the module */
	bool provider, provider_told;
};

static bool in_path(const char *program)
{
	char folders[4096], path[4096 + 256];
	const char *variable = secure_getenv("PATH");
	snprintf(folders, sizeof(folders), "%s:/usr/sbin:/usr/bin", variable ? variable : "");
	char *rest = folders;
	for (char *folder = strsep(&rest, ":"); folder; folder = strsep(&rest, ":")) {
		snprintf(path, sizeof(path), "%s/%s", folder, program);
		if (*folder == '/' && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* True if a line of the file that is no comment holds both words. */
static bool file_says(const char *path, const char *name, const char *value)
{
	AUTO_BUF
	contents = { 0 };
	char *text = file_read(path, FILE_MAX, &contents, NULL) == OK ? buf_cstr(&contents) : NULL;
	for (char *line = text ? strsep(&text, "\n") : NULL; line; line = strsep(&text, "\n")) {
		line += strspn(line, " \t");
		if (*line != '#' && strstr(line, name) && strstr(line, value))
			return true;
	}
	return false;
}

static bool variable_says(const char *name, const char *value)
{
	const char *text = secure_getenv(name);
	return text && strstr(text, value);
}

/* A file of the user's: below XDG_CONFIG_HOME or ~/.config. */
static bool users_file(const char *name, char to[PATH_SIZE])
{
	const char *xdg = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");
	if (!xdg && !home)
		return false;
	return snprintf(to, PATH_SIZE, "%s%s/%s", xdg ? xdg : home, xdg ? "" : "/.config", name) < PATH_SIZE;
}

/* The value of "module:" in a p11-kit module configuration, if it is ours. */
static bool registers_us(const char *text, char to[PATH_SIZE])
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, " module : %511s", to) == 1 && strstr(to, OUR_MODULE))
			return true;
	}
	return false;
}

static bool find_registration(const char *folder, char file[PATH_SIZE], char module[PATH_SIZE])
{
	DIR *dir = opendir(folder);
	bool found = false;
	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && !found; entry = readdir(dir)) {
		AUTO_BUF
		text = { 0 };
		if (fnmatch("*.module", entry->d_name, 0) != 0 ||
		    snprintf(file, PATH_SIZE, "%s/%s", folder, entry->d_name) >= PATH_SIZE)
			continue;
		const char *contents = file_read(file, 65536, &text, NULL) == OK ? buf_cstr(&text) : NULL;
		found = contents && registers_us(contents, module);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Files only: to load every module that is registered would be a strange way to find out. */
static void check_p11kit(struct report *r, struct machine *m)
{
	char users[PATH_SIZE] = "", file[PATH_SIZE], module[PATH_SIZE];
	bool root = geteuid() == 0;
	if (!users_file("pkcs11/modules", users))
		users[0] = '\0';
	const char *const folders[] = { P11KIT_MODULE_CONFIGS, P11KIT_SYSTEM_MODULES, "/etc/pkcs11/modules",
					root ? P11KIT_MODULE_CONFIGS : users };
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		if (!find_registration(folders[i], file, module))
			continue;
		m->registered = module[0] != '/' || access(module, R_OK) == 0;
		if (m->registered) {
			report_ok(r, "p11-kit", "%s registers %s", file, module);
			return;
		}
		struct errmsg em;
		enum err e = err_errno(&em, ERR_CONFIG, "%s registers %s", file, module);
		report_fail(r, (struct report_fault){ "p11-kit", e, "correct that file" }, &em);
		return;
	}
	if (find_registration(P11KIT_CONFIGS, file, module))
		report_skip(r, "p11-kit", "%s is where p11-kit does not look: ln -s %s %s/", file, file,
			    P11KIT_MODULE_CONFIGS);
	else if (root && find_registration(users, file, module))
		report_skip(r, "p11-kit", "%s is not read in programs of root: ln -s %s %s/", file, file,
			    P11KIT_MODULE_CONFIGS);
	else
		report_skip(r, "p11-kit", "not registered: put `module: %s` into %s/kbs-pkcs11.module", m->module,
			    P11KIT_MODULE_CONFIGS);
}

/* OpenSSL says `ENGINESDIR: "/usr/lib/..."`. */
static bool openssl_has_plugin(int which)
{
	char folder[PATH_SIZE], path[PATH_SIZE + 16];
	if (sscanf(OpenSSL_version(which), "%*[A-Z]: \"%511[^\"]\"", folder) != 1)
		return false;
	snprintf(path, sizeof(path), "%s/pkcs11.so", folder);
	return access(path, R_OK) == 0;
}

static void look_at_openssl(struct machine *m)
{
	char folder[PATH_SIZE], file[PATH_SIZE + 16];
	const char *variable = secure_getenv("OPENSSL_CONF");
	if (variable)
		snprintf(file, sizeof(file), "%.500s", variable);
	else if (sscanf(OpenSSL_version(OPENSSL_DIR), "%*[A-Z]: \"%511[^\"]\"", folder) == 1)
		snprintf(file, sizeof(file), "%s/openssl.cnf", folder);
	else
		file[0] = '\0';
	m->engine = openssl_has_plugin(OPENSSL_ENGINES_DIR);
	m->provider = openssl_has_plugin(OPENSSL_MODULES_DIR);
	m->engine_told = file_says(file, "MODULE_PATH", OUR_MODULE) || variable_says("PKCS11_MODULE_PATH", OUR_MODULE);
	m->provider_told = file_says(file, "pkcs11-module-path", OUR_MODULE) ||
			   variable_says("PKCS11_PROVIDER_MODULE", OUR_MODULE);
}

static void check_gnutls(struct report *r, const struct machine *m)
{
	if (m->registered)
		report_ok(r, "gnutls", "finds the token through p11-kit");
	else
		report_skip(r, "gnutls", "wants the registration with p11-kit, or --provider=%s", m->module);
}

static void check_engine(struct report *r, const struct machine *m)
{
	if (!m->engine)
		report_skip(r, "openssl-engine", "not installed (Debian: libengine-pkcs11-openssl)");
	else if (m->engine_told)
		report_ok(r, "openssl-engine", "its configuration names the module");
	else if (m->registered)
		report_ok(r, "openssl-engine",
			  "finds the token through p11-kit; nginx wants OPENSSL_CONF=%s/openssl-engine.cnf",
			  EXAMPLESDIR);
	else
		report_skip(r, "openssl-engine", "does not know the module: OPENSSL_CONF=%s/openssl-engine.cnf",
			    EXAMPLESDIR);
}

static void check_provider(struct report *r, const struct machine *m)
{
	if (!m->provider)
		report_skip(r, "openssl-provider", "not installed (Debian 13 and newer: pkcs11-provider)");
	else if (m->provider_told)
		report_ok(r, "openssl-provider", "its configuration names the module");
	else
		report_skip(r, "openssl-provider", "does not know the module: OPENSSL_CONF=%s/openssl-provider.cnf",
			    EXAMPLESDIR);
}

/* nginx and curl reach keys through OpenSSL. */
static void check_over_openssl(struct report *r, const char *name, const struct machine *m)
{
	if ((m->engine && m->engine_told) || (m->provider && m->provider_told))
		report_ok(r, name, "finds the token through OpenSSL's %s",
			  m->engine && m->engine_told ? "engine" : "provider");
	else
		report_skip(r, name, "needs %s; see openssl-engine and openssl-provider",
			    m->engine || m->provider ? "OPENSSL_CONF" : "OpenSSL's PKCS#11 engine or provider");
}

static void check_nginx(struct report *r, const struct machine *m)
{
	check_over_openssl(r, "nginx", m);
}

static void check_curl(struct report *r, const struct machine *m)
{
	check_over_openssl(r, "curl", m);
}

/* ssh-agent's default of -P. */
static void check_openssh(struct report *r, const struct machine *m)
{
	if (fnmatch("/usr/lib*/*", m->module, 0) == 0 || fnmatch("/usr/local/lib*/*", m->module, 0) == 0)
		report_ok(r, "openssh", "ssh -I %s, ssh-add -s %s", m->module, m->module);
	else
		report_ok(r, "openssh", "ssh -I %s; an agent takes it only as ssh-agent -P %s", m->module, m->module);
}

static void check_nss(struct report *r, const struct machine *m)
{
	const char *home = secure_getenv("HOME");
	char users[PATH_SIZE];
	snprintf(users, sizeof(users), "%.400s/.pki/nssdb/pkcs11.txt", home ? home : "");
	const char *const files[] = { users, "/etc/pki/nssdb/pkcs11.txt" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (file_says(files[i], "library=", OUR_MODULE) ||
		    (m->registered && file_says(files[i], "library=", "p11-kit-proxy.so"))) {
			report_ok(r, "nss", "%s names the module", files[i]);
			return;
		}
	report_skip(r, "nss", "not told: modutil -dbdir sql:$HOME/.pki/nssdb -add kbs -libfile %s", m->module);
}

static void check_java(struct report *r, const struct machine *m)
{
	report_skip(r, "java",
		    "is told by each command: -addprovider SunPKCS11 -providerarg FILE, where FILE has the lines "
		    "`name = kbs` and `library = %s`",
		    m->module);
}

static void check_pykcs11(struct report *r, const struct machine *m)
{
	if (variable_says("PYKCS11LIB", OUR_MODULE))
		report_ok(r, "pykcs11", "PYKCS11LIB names the module");
	else
		report_skip(r, "pykcs11", "is told by each program: load(\"%s\"), or PYKCS11LIB", m->module);
}

static void check_opensc(struct report *r, const struct machine *m)
{
	report_ok(r, "opensc", "pkcs11-tool --module %s", m->module);
}

/* What modules a key file may name: ocicrypt.conf(5). */
static void check_skopeo(struct report *r, const struct machine *m)
{
	char users[PATH_SIZE] = "";
	const char *variable = secure_getenv("OCICRYPT_CONFIG");
	if (!users_file("ocicrypt.conf", users))
		users[0] = '\0';
	const char *const files[] = { variable ? variable : users, variable ? variable : "/etc/ocicrypt.conf" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (file_says(files[i], "/", OUR_MODULE)) {
			report_ok(r, "skopeo", "%s allows the module", files[i]);
			return;
		}
	report_skip(r, "skopeo",
		    "not allowed to use it: `pkcs11: { allowed-module-paths: [ %s ] }` in ~/.config/ocicrypt.conf",
		    m->module);
}

static const struct consumer {
	const char *program; /* it is there if this is; NULL: the check sees for itself */
	void (*check)(struct report *r, const struct machine *m);
	const char *name, *package;
} consumers[] = {
	{ "p11tool", check_gnutls, "gnutls", "gnutls-bin" },
	{ "pkcs11-tool", check_opensc, "opensc", "opensc" },
	{ NULL, check_engine, NULL, NULL },
	{ NULL, check_provider, NULL, NULL },
	{ "nginx", check_nginx, "nginx", "nginx" },
	{ "curl", check_curl, "curl", "curl" },
	{ "ssh", check_openssh, "openssh", "openssh-client" },
	{ "modutil", check_nss, "nss", "libnss3-tools" },
	{ "keytool", check_java, "java", "default-jre-headless" },
	{ "python3", check_pykcs11, "pykcs11", "python3-pykcs11" },
	{ "skopeo", check_skopeo, "skopeo", "skopeo" },
};

void doctor_consumers(struct report *r, const struct token_args *args)
{
	struct machine m = { .registered = false };
	char path[4096];
	if (token_module_path(args, path, NULL) != OK)
		return;
	AUTO_STR
	char *real = realpath(path, NULL);
	snprintf(m.module, sizeof(m.module), "%s", real ? real : path);
	check_p11kit(r, &m);
	look_at_openssl(&m);
	for (size_t i = 0; i < ARRAY_LEN(consumers); i++) {
		const struct consumer *c = &consumers[i];
		if (!c->program || in_path(c->program))
			c->check(r, &m);
		else
			report_skip(r, c->name, "not installed (Debian: %s)", c->package);
	}
}
