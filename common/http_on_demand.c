#include "common/http.h"

#include "common/crypto_gate.h"
#include "common/libctx.h"
#include "common/log.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>

#define MODULE "kbs-pkcs11-http.so"
#define SYMBOL "kbs_pkcs11_http"

/* The other half, once it is here; it stays mapped. Two threads that load it at once get the same one. */
static _Atomic(const struct http_transport *) loaded;

/* MODULE in the folder of the file that this code was loaded from: never looked for in a search path. */
static enum err module_path(char path[PATH_MAX], struct errmsg *em)
{
	static const char anchor;
	Dl_info self;
	char file[PATH_MAX];
	if (!dladdr(&anchor, &self) || !self.dli_fname || !realpath(self.dli_fname, file))
		return err_set(em, ERR_CONFIG, "cannot tell where this module lies, so %s cannot be found", MODULE);
	char *slash = strrchr(file, '/');
	if (!slash)
		return err_set(em, ERR_CONFIG, "cannot tell where this module lies, so %s cannot be found", MODULE);
	*slash = '\0';
	int n = snprintf(path, PATH_MAX, "%s/%s", file, MODULE);
	return n > 0 && n < PATH_MAX ? OK : err_set(em, ERR_CONFIG, "the path of %s is too long", MODULE);
}

static enum err transport_load(const struct http_transport **out, struct errmsg *em)
{
	char path[PATH_MAX];
	*out = atomic_load(&loaded);
	if (*out)
		return OK;
	enum err e = module_path(path, em);
	if (e != OK)
		return e;
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!handle) {
		const char *reason = dlerror();
		return err_set(em, ERR_CONFIG, "the network half cannot be loaded: %s", reason ? reason : path);
	}
	const struct http_transport *(*get)(void) = NULL;
	*(void **)&get = dlsym(handle, SYMBOL);
	const struct http_transport *transport = get ? get() : NULL;
	if (!transport || transport->abi != HTTP_ABI)
		return err_set(em, ERR_CONFIG, "%s is of another version: install both from one build", path);
	log_debug("http", "loaded", "file=\"%s\"", path);
	atomic_store(&loaded, transport);
	*out = transport;
	return OK;
}

/* The network half has its own copy of common/: that this thread is inside must be marked in ours too, and the gate is
 * ours. */
static enum err on_demand_open(const struct http_options *options, struct http **out, struct errmsg *em)
{
	const struct http_transport *transport = NULL;
	struct http_options ours = *options;
	ours.gate = crypto_gate();
	struct libctx_guard guard = libctx_enter();
	enum err e = transport_load(&transport, em);
	if (e == OK)
		e = transport->open(&ours, out, em);
	libctx_leave(guard);
	return e;
}

static enum err on_demand_request(struct http *http, const struct http_request *req, struct http_response *resp,
				  struct errmsg *em)
{
	struct libctx_guard guard = libctx_enter();
	enum err e = atomic_load(&loaded)->request(http, req, resp, em);
	libctx_leave(guard);
	return e;
}

static void on_demand_close(struct http *http)
{
	if (!http)
		return;
	struct libctx_guard guard = libctx_enter();
	atomic_load(&loaded)->close(http);
	libctx_leave(guard);
}

static void on_demand_abandon(struct http *http)
{
	if (http)
		atomic_load(&loaded)->abandon(http);
}

const struct http_transport *http_on_demand(void)
{
	static const struct http_transport transport = { HTTP_ABI, on_demand_open, on_demand_request, on_demand_close,
							 on_demand_abandon };
	return &transport;
}
