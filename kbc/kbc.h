#pragma once
#include "common/http.h"
#include "common/json.h"
#include "common/resource_uri.h"
#include "common/secret.h"

/* Key Broker Clients: get a resource by URI. Kinds are rows of a const table; here cc_kbc (KBS protocol 0.4.0).
 *
 * One attestation serves a whole process: concurrent first uses wait for one handshake, its result is used until
 * shortly before it expires or `lifetime` passes, a 401 renews it once. No lock is held across I/O. Thread-safe. */
struct kbc;
struct init_data;

#define KBC_URLS_MAX 8
#define KBC_DEVICES_MAX 8

struct kbc_options {
	char kind[32]; /* "cc_kbc" */
	char *urls[KBC_URLS_MAX]; /* tried in order */
	size_t url_count;
	char *ca_file; /* or NULL: the system's */
	char *ca_pem; /* or NULL; certificates out of init data, instead of the file */
	char attester[32]; /* "auto", "sample", ... */
	char *devices[KBC_DEVICES_MAX]; /* whose evidence goes with it: "sampledevice" */
	size_t device_count;
	char *tee_root; /* or NULL: stands before the kernel's paths */
	char *tpm; /* or NULL: /dev/tpmrm0; a TCTI */
	struct init_data *init_data; /* or NULL: what the TEE must have been started with */
	bool allow_plain; /* "allow-http": true; loopback needs no leave */
	char key_type[16]; /* "P-256" (default), "P-521", "RSA" */
	int64_t timeout_ms; /* one whole get, retries and attestation included; default 30 s */
	int64_t lifetime_ms; /* longest use of one attestation; default 3600 s ("token"."lifetime" too) */
	size_t max_resource; /* bytes; default 4 MiB */
};
/* From the configuration's "kbs" object ({"kbc","url" (string or array),"ca","attester","timeout","allow-http",
 * "tee-key","tee-root","tpm","devices","init-data"}); NULL: from AA_KBC_PARAMS, then agent.aa_kbc_params= of the kernel
 * command line ("cc_kbc::URL"). Init data may name the KBS and its certificates, which then count alone.
 * ERR_CONFIG names the member; ERR_NOT_FOUND: nothing says where a KBS is. Clear it afterwards. */
enum err kbc_options_read(json_object *kbs, struct kbc_options *out, struct errmsg *em) MUST_USE;
/* What of it concerns the guest, its TEE and its init data: no KBS need be named. kbs NULL: the defaults. */
enum err kbc_options_read_guest(json_object *kbs, struct kbc_options *out, struct errmsg *em) MUST_USE;
void kbc_options_clear(struct kbc_options *o);
bool kbc_options_equal(const struct kbc_options *a, const struct kbc_options *b);

/* Opens without network, crypto or threads. Copies the options. */
enum err kbc_new(const struct kbc_options *options, const struct http_transport *transport, struct kbc **out,
		 struct errmsg *em) MUST_USE;
void kbc_free(struct kbc *kbc); /* no call may be in flight */
AUTO_DEFINE(kbc)
/* In a forked child: leaks nothing to the peer, wipes nothing of the parent's, and frees. */
void kbc_abandon(struct kbc *kbc);

/* Fetches one resource; attests first where that is due. Blocks, at most until the earlier of `deadline` and the
 * configured timeout. out: the caller's.
 * ERR_NET, ERR_TIMEOUT, ERR_TLS, ERR_BUSY (unreachable); ERR_ATTEST (evidence refused), ERR_AUTH, ERR_DENIED (policy),
 * ERR_NOT_FOUND; ERR_ARG (the URI names a host that is not that of a configured KBS: nothing is sent); ERR_PROTO,
 * ERR_PARSE, ERR_LIMIT, ERR_INTEGRITY (answer not sealed for us). The text names the stage (evidence, auth, attest,
 * resource), the URI and the KBS's own words. */
enum err kbc_get(struct kbc *kbc, const struct resource_uri *uri, struct deadline deadline, struct secret **out,
		 struct errmsg *em) MUST_USE;

/* Attests now if no good result is held (C_Login; `kbs-token doctor`). `fresh` asks for a new one in any case. */
enum err kbc_attest(struct kbc *kbc, bool fresh, struct deadline deadline, struct errmsg *em) MUST_USE;

/* Where this thread's last kbc_get() or kbc_attest() failed: "evidence", "attest", "policy", "resource" or "parse" (an
 * answer that is malformed, or sealed for somebody else). NULL where it did not come so far, or did not fail. */
const char *kbc_stage(void);
/* Whether the KBS itself told this thread's last failure, by one of its names for it. A bare 403 or 404 may be that of
 * whatever stands in front of it. */
bool kbc_named(void);

struct kbc_counts {
	unsigned long handshakes; /* whole attestations that succeeded */
	unsigned long gets; /* resource requests sent */
	unsigned long retries;
};
struct kbc_counts kbc_counts(struct kbc *kbc);
