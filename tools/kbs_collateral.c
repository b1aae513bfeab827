#include "attest/pck.h"
#include "attest/quote.h"
#include "common/file.h"
#include "common/http.h"
#include "common/json_scan.h"
#include "tools/cli.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>

static const char help[] =
	"Usage: kbs-collateral [OPTION]... QUOTE\n"
	"\n"
	"Fetches what Intel publishes about the platform of a TDX or SGX quote, for kbs-verify, which opens no "
	"socket:\n"
	"TCB info, the identity of the quoting enclave, and the lists of revoked certificates. Prints one JSON "
	"document,\n"
	"the bundle of `kbs-verify --collateral`. Nothing in it is believed here: kbs-verify checks every signature.\n"
	"\n"
	"Options:\n"
	"  --service URL   Intel's Provisioning Certification Service, or a cache of it with the same routes;\n"
	"                  default https://api.trustedservices.intel.com\n"
	"  --root-crl URL  Intel's list of revoked CAs; default\n"
	"                  https://certificates.trustedservices.intel.com/IntelSGXRootCA.der\n"
	"  --ca FILE       certificates (PEM) that the service's own must lead to, instead of the system's\n"
	"  --out FILE      writes the bundle there, whole or not at all\n"
	"  --timeout N     seconds for all of it; default 60\n"
	"\n"
	"Example:\n"
	"  kbs-collateral quote.dat --out collateral.json\n"
	"  kbs-verify tdx quote.dat --collateral collateral.json\n"
	"\n"
	"Exit codes: 0 done; 1 a fault inside; 2 command line; 3 configuration; 4 network; 6 no such file, or the "
	"service\n"
	"does not know the platform; 8 malformed; 10 file. See kbs-collateral(1).\n";

enum { QUOTE_MAX = 64 << 10, ANSWER_MAX = 2 << 20 };

struct args {
	const char *quote, *service, *root_crl, *ca, *out;
	long timeout;
};

static const struct option options[] = {
	{ "service", required_argument, NULL, 's' }, { "root-crl", required_argument, NULL, 'r' },
	{ "ca", required_argument, NULL, 'c' },      { "out", required_argument, NULL, 'o' },
	{ "timeout", required_argument, NULL, 't' }, { NULL, 0, NULL, 0 },
};

static bool option_take(struct args *args, int option)
{
	char *end = NULL;
	switch (option) {
	case 's':
		args->service = optarg;
		return true;
	case 'r':
		args->root_crl = optarg;
		return true;
	case 'c':
		args->ca = optarg;
		return true;
	case 'o':
		args->out = optarg;
		return true;
	default:
		args->timeout = strtol(optarg, &end, 10);
		return *optarg && *end == '\0' && args->timeout > 0 && args->timeout <= 3600;
	}
}

static int args_read(struct args *args, int argc, char **argv)
{
	int option;
	while ((option = cli_option(argc, argv, ":", options)) != -1) {
		if (option == '?')
			return CLI_USAGE;
		if (!option_take(args, option))
			return cli_usage("--timeout: 1 to 3600 seconds are wanted");
	}
	if (argc - optind != 1)
		return cli_usage("one quote is wanted");
	args->quote = argv[optind];
	return -1;
}

/* --- whose platform it is ---------------------------------------------------------------------------------------- */

struct platform {
	bool tdx;
	char fmspc[13];
	const char *ca; /* "platform", "processor" */
};

static enum err platform_read(struct bytes data, struct platform *out, struct errmsg *em)
{
	AUTO_CERTS chain = { NULL, NULL };
	struct quote quote;
	struct pck pck;
	char issuer[CERT_NAME_MAX] = "?";
	enum err e = quote_parse(data, &quote, em);
	if (e == OK)
		e = cert_set_add(&chain, quote.pck_chain, em);
	X509 *leaf = e == OK ? sk_X509_value(chain.certs, 0) : NULL;
	if (e == OK && !leaf)
		e = err_set(em, ERR_PARSE, "it holds no PCK certificate");
	if (e == OK)
		e = pck_read(leaf, &pck, em);
	if (e != OK)
		return e;
	AUTO_STR
	char *hex = hex_encode(BYTES(pck.fmspc));
	if (!hex)
		return err_set(em, ERR_NOMEM, "no memory");
	snprintf(out->fmspc, sizeof out->fmspc, "%s", hex);
	out->tdx = quote.tdx;
	(void)X509_NAME_get_text_by_NID(X509_get_issuer_name(leaf), NID_commonName, issuer, sizeof issuer);
	out->ca = strstr(issuer, "Platform") ? "platform" : "processor";
	return OK;
}

/* --- the service -------------------------------------------------------------------------------------------------- */

struct service {
	const struct args *args;
	struct http *http;
	struct deadline deadline;
};

/* ERR_NOT_FOUND: it knows nothing of this. */
static enum err fetch(const struct service *s, const char *url, struct http_response *out, struct errmsg *em)
{
	const struct http_request request = { .method = "GET", .url = url, .deadline = s->deadline };
	enum err e = http_curl()->request(s->http, &request, out, em);
	if (e != OK)
		return err_wrap(em, e, "%s", url);
	if (out->status == 404)
		return err_set(em, ERR_NOT_FOUND, "%s: not known there", url);
	if (out->status != 200)
		return err_set(em, ERR_NET, "%s: status %ld", url, out->status);
	return out->body.len > 0 ? OK : err_set(em, ERR_PROTO, "%s: an empty answer", url);
}

static enum err fetch_route(const struct service *s, const char *route, struct http_response *out, struct errmsg *em)
{
	AUTO_STR
	char *url = NULL;
	if (asprintf(&url, "%s%s", s->args->service, route) < 0) {
		url = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	return fetch(s, url, out, em);
}

/* RFC 3986, 2.1, in place. */
static bool percent_decode(char *text)
{
	char *to = text;
	for (const char *at = text; *at; at++) {
		uint8_t byte = 0;
		if (*at != '%') {
			*to++ = *at;
			continue;
		}
		if (!isxdigit((unsigned char)at[1]) || !isxdigit((unsigned char)at[2]) ||
		    hex_decode((char[]){ at[1], at[2], '\0' }, &byte, 1, NULL) != OK || byte == 0)
			return false;
		*to++ = (char)byte;
		at += 2;
	}
	*to = '\0';
	return true;
}

/* Takes `value`, also on failure. */
static enum err put(json_object *to, const char *name, json_object *value, struct errmsg *em)
{
	return json_add(to, name, value) ? OK : err_nomem(em, "the bundle");
}

/* Chains come in a header, percent-encoded; older services prefix its name. */
static enum err put_chain(json_object *to, const char *name, const struct http_response *from, const char *header,
			  struct errmsg *em)
{
	AUTO_STR
	char *chain = http_response_header(from, header);
	if (!chain) {
		AUTO_STR
		char *older = NULL;
		if (asprintf(&older, "sgx-%s", header) >= 0)
			chain = http_response_header(from, older);
	}
	if (!chain || !percent_decode(chain) || !strstr(chain, "-----BEGIN CERTIFICATE-----"))
		return err_set(em, ERR_PROTO, "the answer has no certificates in its header %s", header);
	return put(to, name, json_object_new_string(chain), em);
}

/* {"tcbInfo":{...},"signature":"..."}: what is signed are the bytes of the value. */
struct signed_part {
	const char *member; /* of the answer */
	const char *name; /* in the bundle */
	const char *header;
};

static enum err put_signed(json_object *to, const struct signed_part *part, const struct http_response *from,
			   struct errmsg *em)
{
	struct bytes all = buf_bytes(&from->body);
	struct bytes text = { NULL, 0 };
	const char *signature = NULL;
	char name[64];
	AUTO_OF(json_object) *root = NULL;
	enum err e = json_parse(all, ANSWER_MAX, JSON_STRICT, &root, em);
	if (e == OK)
		e = json_scan_member(all, (struct json_scan_path){ part->member, false }, &text, em);
	if (e == OK)
		e = json_get_string(root, "signature", &signature, em);
	if (e == OK)
		e = put(to, part->name, json_object_new_string_len((const char *)text.data, (int)text.len), em);
	snprintf(name, sizeof name, "%s_signature", part->name);
	if (e == OK)
		e = put(to, name, json_object_new_string(signature), em);
	snprintf(name, sizeof name, "%s_issuer_chain", part->name);
	return e == OK ? put_chain(to, name, from, part->header, em) : e;
}

static enum err put_hex(json_object *to, const char *name, struct bytes der, struct errmsg *em)
{
	AUTO_STR
	char *hex = hex_encode(der);
	return put(to, name, hex ? json_object_new_string(hex) : NULL, em);
}

static enum err add_signed(const struct service *s, json_object *to, const char *route, const struct signed_part *part,
			   struct errmsg *em)
{
	AUTO_HTTP_RESPONSE answer = { 0 };
	enum err e = fetch_route(s, route, &answer, em);
	return e == OK ? put_signed(to, part, &answer, em) : e;
}

static enum err add_crls(const struct service *s, json_object *to, const struct platform *p, struct errmsg *em)
{
	AUTO_HTTP_RESPONSE pck = { 0 };
	AUTO_HTTP_RESPONSE root = { 0 };
	char route[128];
	snprintf(route, sizeof route, "/sgx/certification/v4/pckcrl?ca=%s&encoding=der", p->ca);
	enum err e = fetch_route(s, route, &pck, em);
	if (e == OK)
		e = put_hex(to, "pck_crl", buf_bytes(&pck.body), em);
	if (e == OK)
		e = put_chain(to, "pck_crl_issuer_chain", &pck, "sgx-pck-crl-issuer-chain", em);
	if (e == OK)
		e = fetch(s, s->args->root_crl, &root, em);
	return e == OK ? put_hex(to, "root_ca_crl", buf_bytes(&root.body), em) : e;
}

static enum err bundle_make(const struct service *s, const struct platform *p, json_object *to, struct errmsg *em)
{
	static const struct signed_part tcb = { "tcbInfo", "tcb_info", "tcb-info-issuer-chain" };
	static const struct signed_part qe = { "enclaveIdentity", "qe_identity", "sgx-enclave-identity-issuer-chain" };
	const char *tee = p->tdx ? "tdx" : "sgx";
	char route[128];
	snprintf(route, sizeof route, "/%s/certification/v4/tcb?fmspc=%s", tee, p->fmspc);
	enum err e = add_signed(s, to, route, &tcb, em);
	snprintf(route, sizeof route, "/%s/certification/v4/qe/identity", tee);
	if (e == OK)
		e = add_signed(s, to, route, &qe, em);
	return e == OK ? add_crls(s, to, p, em) : e;
}

static enum err bundle_write(const struct args *args, json_object *bundle, struct errmsg *em)
{
	AUTO_STR
	char *text = json_text(bundle);
	if (!text)
		return err_nomem(em, "the bundle");
	if (args->out)
		return file_write_atomic(args->out, bytes_str(text), (struct file_write){ .mode = 0644 }, em);
	if (puts(text) == EOF || fflush(stdout) != 0)
		return err_errno(em, ERR_IO, "standard output");
	return OK;
}

static enum err run(const struct args *args, struct errmsg *em)
{
	AUTO_BUF
	quote = { 0 };
	AUTO_OF(json_object) *bundle = json_object_new_object();
	struct platform platform = { .ca = NULL };
	struct service service = { .args = args, .deadline = deadline_in_ms(args->timeout * 1000) };
	const struct http_options how = { .ca_file = args->ca, .max_response = ANSWER_MAX };
	enum err e = bundle ? file_read(args->quote, QUOTE_MAX, &quote, em) : err_set(em, ERR_NOMEM, "no memory");
	if (e != OK)
		return e;
	e = platform_read(buf_bytes(&quote), &platform, em);
	if (e != OK)
		return err_wrap(em, e, "%s", args->quote);
	e = http_curl()->open(&how, &service.http, em);
	if (e == OK)
		e = bundle_make(&service, &platform, bundle, em);
	if (service.http)
		http_curl()->close(service.http);
	return e == OK ? bundle_write(args, bundle, em) : e;
}

int main(int argc, char **argv)
{
	struct args args = { .service = "https://api.trustedservices.intel.com",
			     .root_crl = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
			     .timeout = 60 };
	struct errmsg em = { "" };
	cli_begin("kbs-collateral", help, argc, argv);
	int code = args_read(&args, argc, argv);
	if (code >= 0)
		return code;
	enum err e = run(&args, &em);
	return e == OK ? 0 : cli_fail(e, &em);
}
