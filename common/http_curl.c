#include "common/http.h"

#include "common/crypto_gate.h"
#include "common/http_exchange.h"
#include "common/http_socket.h"
#include "common/libctx.h"
#include "common/log.h"
#include "common/once.h"
#include "common/sigpipe.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/auxv.h>

#define CONNECT_MS 10000
#define POLL_MS 1000 /* at most; libcurl wakes up earlier where it has to */
#define RESPONSE_MAX (8 * 1024 * 1024)

struct http {
	CURL *easy;
	CURLM *multi; /* drives it, and keeps the connections between requests */
	struct http_sockets sockets;
	char *ca_file;
	char *ca_pem;
	bool allow_plain;
	int64_t connect_ms;
	size_t max_response;
	struct bytes unsent; /* what is left of the request's body */
	char reason[CURL_ERROR_SIZE];
};

/* Never undone: others in this process may use libcurl too, and exit handlers of ours there are none. */
static struct once curl_once = ONCE_INIT;

static bool curl_begin(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static enum err options_copy(const struct http_options *from, struct http *to, struct errmsg *em)
{
	to->allow_plain = from->allow_plain;
	to->connect_ms = from->connect_ms > 0 ? from->connect_ms : CONNECT_MS;
	to->max_response = from->max_response ? from->max_response : RESPONSE_MAX;
	to->ca_file = from->ca_file ? strdup(from->ca_file) : NULL;
	to->ca_pem = from->ca_pem ? strdup(from->ca_pem) : NULL;
	if ((from->ca_file && !to->ca_file) || (from->ca_pem && !to->ca_pem))
		return err_nomem(em, "an HTTP client");
	/* libcurl's own words for this come late and are unclear. */
	if (to->ca_file && access(to->ca_file, R_OK) != 0)
		return err_errno(em, ERR_CONFIG, "CA certificates %s", to->ca_file);
	return OK;
}

/* (The end of a TLS connection is sealed, too.) */
static void curl_close(struct http *http)
{
	if (!http)
		return;
	crypto_gate_enter();
	struct libctx_guard guard = libctx_enter();
	struct sigpipe_guard pipe = sigpipe_block();
	curl_easy_cleanup(http->easy);
	curl_multi_cleanup(http->multi);
	sigpipe_unblock(&pipe);
	libctx_leave(guard);
	crypto_gate_leave();
	free(http->ca_file);
	free(http->ca_pem);
	free(http);
}

static bool handles_open(struct http *http)
{
	crypto_gate_enter();
	struct libctx_guard guard = libctx_enter();
	if (once_do(&curl_once, curl_begin)) {
		http->multi = curl_multi_init();
		http->easy = http->multi ? curl_easy_init() : NULL;
	}
	libctx_leave(guard);
	crypto_gate_leave();
	return http->easy != NULL;
}

static enum err curl_open(const struct http_options *options, struct http **out, struct errmsg *em)
{
	if (options->gate)
		crypto_gate_share(options->gate);
	struct http *http = libctx_prepare() ? calloc(1, sizeof *http) : NULL;
	if (!http)
		return err_nomem(em, "an HTTP client");
	http_sockets_init(&http->sockets);
	enum err e = options_copy(options, http, em);
	if (e == OK && !handles_open(http))
		e = err_set(em, ERR_NOMEM, "libcurl cannot start");
	if (e != OK)
		curl_close(http);
	else
		*out = http;
	return e;
}

/* libcurl's state may be in the middle of anything: it is left alone, and so is the memory it points to. */
static void curl_abandon(struct http *http)
{
	if (http)
		http_sockets_abandon(&http->sockets);
}

static bool set_transfer(struct http *http, struct http_exchange *exchange)
{
	CURL *c = http->easy;
	return curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       /* Or libcurl would wait, in the gate and past the deadline, for a resolver that hangs. */
	       curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_ERRORBUFFER, http->reason) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_USERAGENT, "kbs-pkcs11") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, http_socket_open) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, &http->sockets) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_CLOSESOCKETFUNCTION, http_socket_close) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_CLOSESOCKETDATA, &http->sockets) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, http_exchange_body) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEDATA, exchange) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, http_exchange_header) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HEADERDATA, exchange) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)http->max_response) == CURLE_OK;
}

/* With an own CA nothing of the system's store counts: the folder is unset too. */
static bool set_tls(struct http *http)
{
	CURL *c = http->easy;
	if (curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK)
		return false;
	if (!http->ca_file && !http->ca_pem)
		return true;
	if (curl_easy_setopt(c, CURLOPT_CAPATH, NULL) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_CAINFO, http->ca_pem ? NULL : http->ca_file) != CURLE_OK)
		return false;
	struct curl_blob blob = { http->ca_pem, http->ca_pem ? strlen(http->ca_pem) : 0, CURL_BLOB_NOCOPY };
	return !http->ca_pem || curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK;
}

/* Proxies: only what https_proxy, all_proxy and no_proxy name, only for https:// to other machines, and never in a
 * setuid program, whose environment is somebody else's. */
static bool set_proxy(struct http *http, const struct http_target *target)
{
	if (!target->plain && !target->loopback && !getauxval(AT_SECURE))
		return true;
	return curl_easy_setopt(http->easy, CURLOPT_PROXY, "") == CURLE_OK;
}

static long milliseconds(int64_t ms)
{
	return ms < 1 ? 1 : ms > INT_MAX ? INT_MAX : (long)ms;
}

/* Bodies come from here, where libcurl cannot go back: it would send a request once more by itself if a connection that
 * had served before breaks, and what was begun with a nonce must begin anew. */
static size_t body_read(char *to, size_t size, size_t count, void *user)
{
	struct http *http = user;
	size_t room = size * count, n = http->unsent.len < room ? http->unsent.len : room;
	if (n)
		memcpy(to, http->unsent.data, n);
	http->unsent.data += n;
	http->unsent.len -= n;
	return n;
}

static bool set_request(struct http *http, const struct http_request *req, int64_t left_ms)
{
	CURL *c = http->easy;
	int64_t connect = http->connect_ms < left_ms ? http->connect_ms : left_ms;
	if (curl_easy_setopt(c, CURLOPT_URL, req->url) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, milliseconds(left_ms)) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(connect)) != CURLE_OK)
		return false;
	if (strcmp(req->method, "GET") == 0)
		return curl_easy_setopt(c, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	if (curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, req->method) != CURLE_OK)
		return false;
	if (strcmp(req->method, "DELETE") == 0 && req->body.len == 0)
		return true;
	http->unsent = req->body;
	return curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_POSTFIELDS, NULL) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_READFUNCTION, body_read) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_READDATA, http) == CURLE_OK;
}

/* What libcurl says may quote the peer. */
static void reason_clean(struct http *http, CURLcode code)
{
	if (!http->reason[0])
		snprintf(http->reason, sizeof http->reason, "%s", curl_easy_strerror(code));
	for (char *c = http->reason; *c; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
}

static enum err map_tls(const struct http *http, const char *origin, struct errmsg *em)
{
	long system_error = 0;
	curl_easy_getinfo(http->easy, CURLINFO_OS_ERRNO, &system_error);
	if (system_error == ECONNRESET || system_error == EPIPE)
		return err_set(em, ERR_NET, "%s: the connection broke during the TLS handshake", origin);
	return err_set(em, ERR_TLS,
		       "%s: the server is not authenticated: %s; check the CA certificate (%s) and the name", origin,
		       http->reason,
		       http->ca_file  ? http->ca_file
		       : http->ca_pem ? "given in the configuration"
				      : "the system's");
}

static enum err map_error(const struct http *http, CURLcode code, const char *origin, struct errmsg *em)
{
	switch (code) {
	case CURLE_URL_MALFORMAT:
		return err_set(em, ERR_ARG, "%s: %s", origin, http->reason);
	case CURLE_OUT_OF_MEMORY:
		return err_set(em, ERR_NOMEM, "%s: no memory", origin);
	case CURLE_FILESIZE_EXCEEDED:
		return err_set(em, ERR_LIMIT, "%s: an answer of more than %zu bytes", origin, http->max_response);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return map_tls(http, origin, em);
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(em, ERR_CONFIG, "%s: no CA certificate can be read from %s", origin,
			       http->ca_file ? http->ca_file : "what the configuration gives");
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return err_set(em, ERR_NET, "%s: the name cannot be resolved; check the URL and DNS", origin);
	case CURLE_COULDNT_CONNECT:
		return err_set(em, ERR_NET, "%s: no connection (%s); is the server running, is the port right?", origin,
			       http->reason);
	case CURLE_SEND_ERROR:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return err_set(em, ERR_NET, "%s: the connection broke: %s", origin, http->reason);
	default:
		return err_set(em, ERR_PROTO, "%s: no valid HTTP answer: %s", origin, http->reason);
	}
}

static enum err outcome(struct http *http, const struct http_exchange *x, CURLcode code, const char *origin,
			struct errmsg *em)
{
	if (x->failed == ERR_LIMIT)
		return err_set(em, ERR_LIMIT, "%s: an answer of more than %zu bytes, or too long a header", origin,
			       http->max_response);
	if (x->failed != OK)
		return err_set(em, x->failed, "%s: no memory for the answer", origin);
	reason_clean(http, code);
	return map_error(http, code, origin, em);
}

static enum err prepare(struct http *http, const struct http_request *req, const struct http_target *target,
			struct http_exchange *x, struct errmsg *em)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "DELETE" };
	bool known = false;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		known |= strcmp(methods[i], req->method) == 0;
	if (!known)
		return err_set(em, ERR_ARG, "%s: unknown HTTP method", target->origin);
	if (target->plain && !target->loopback && !http->allow_plain)
		return err_set(em, ERR_ARG,
			       "%s: http:// is allowed to this machine only; use https://, or set \"allow-http\": true",
			       target->origin);
	int64_t left = deadline_left_ms(req->deadline);
	if (left <= 0)
		return err_set(em, ERR_TIMEOUT, "%s: no time left for a request", target->origin);
	curl_easy_reset(http->easy);
	http->reason[0] = '\0';
	http->sockets.loopback_only = target->plain && !http->allow_plain;
	if (!set_transfer(http, x) || !set_tls(http) || !set_proxy(http, target) || !set_request(http, req, left))
		return err_set(em, ERR_INTERNAL, "this libcurl lacks an option");
	return OK;
}

static CURLcode transfer_result(const struct http *http, CURLMcode failed)
{
	int left = 0;
	if (failed != CURLM_OK)
		return failed == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_BAD_FUNCTION_ARGUMENT;
	for (const CURLMsg *m = curl_multi_info_read(http->multi, &left); m;
	     m = curl_multi_info_read(http->multi, &left))
		if (m->msg == CURLMSG_DONE)
			return m->data.result;
	return CURLE_BAD_FUNCTION_ARGUMENT;
}

/* As curl_easy_perform(), but the waits are outside the gate. */
static CURLcode transfer(struct http *http)
{
	int running = 0;
	crypto_gate_enter();
	CURLMcode m = curl_multi_add_handle(http->multi, http->easy);
	bool added = m == CURLM_OK;
	if (added)
		m = curl_multi_perform(http->multi, &running);
	while (m == CURLM_OK && running) {
		crypto_gate_leave();
		m = curl_multi_poll(http->multi, NULL, 0, POLL_MS, NULL);
		crypto_gate_enter();
		if (m == CURLM_OK)
			m = curl_multi_perform(http->multi, &running);
	}
	CURLcode code = transfer_result(http, m);
	if (added)
		curl_multi_remove_handle(http->multi, http->easy);
	crypto_gate_leave();
	return code;
}

static enum err perform(struct http *http, const struct http_request *req, const struct http_target *target,
			struct http_exchange *x, struct errmsg *em)
{
	struct curl_slist *headers = NULL;
	enum err e = prepare(http, req, target, x, em);
	if (e == OK)
		e = http_headers_build(req, &headers, em);
	if (e == OK && curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, headers) != CURLE_OK)
		e = err_nomem(em, "a request");
	if (e == OK) {
		struct sigpipe_guard pipe = sigpipe_block();
		CURLcode code = transfer(http);
		sigpipe_unblock(&pipe);
		if (code == CURLE_OPERATION_TIMEDOUT && deadline_left_ms(req->deadline) > 1)
			e = err_set(em, ERR_NET,
				    "%s: no connection within %lld ms; is the host right, is a firewall between?",
				    target->origin, (long long)http->connect_ms);
		else if (code == CURLE_OPERATION_TIMEDOUT)
			e = err_set(em, ERR_TIMEOUT, "%s: no whole answer in time", target->origin);
		else if (code != CURLE_OK)
			e = outcome(http, x, code, target->origin, em);
	}
	curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
	http_headers_free(headers);
	return e;
}

static enum err curl_request(struct http *http, const struct http_request *req, struct http_response *resp,
			     struct errmsg *em)
{
	struct http_target target;
	struct http_exchange exchange = { .response = resp, .max_body = http->max_response };
	http_response_clear(resp);
	enum err e = http_target_parse(req->url, &target, em);
	if (e != OK)
		return e;
	int64_t begin = monotonic_ms();
	struct libctx_guard guard = libctx_enter();
	e = perform(http, req, &target, &exchange, em);
	if (e == OK)
		curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &resp->status);
	libctx_leave(guard);
	log_debug("http", "request", "method=%s url=\"%s%s\" status=%ld result=%s ms=%lld", req->method, target.origin,
		  target.path, resp->status, err_name(e), (long long)(monotonic_ms() - begin));
	if (e != OK)
		http_response_clear(resp);
	return e;
}

const struct http_transport *http_curl(void)
{
	static const struct http_transport transport = { HTTP_ABI, curl_open, curl_request, curl_close, curl_abandon };
	return &transport;
}
