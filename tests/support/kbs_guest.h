#pragma once
#include "attest/attest.h"
#include "common/http.h"
#include "common/key.h"

/* A guest as a KBS sees it, spelled out step by step so that a test can leave out or bend each of them. */
struct guest {
	const struct http_transport *transport;
	struct http *http;
	char url[300]; /* without a path */
	const char *tee; /* what it says it is; NULL: "sample" */
	const char *device; /* whose evidence goes with it, made by the attester of "sampledevice"; NULL: none */
	EVP_PKEY *key; /* the TEE's */
	char cookie[128]; /* "kbs-session-id=..." */
	char nonce[64];
	char hash[16];
	char *token; /* the attestation result */
	long status; /* of the last answer */
	struct buf answer; /* its body, NUL-terminated */
};

/* kind: "P-256", "P-384", "P-521", "RSA", "RSA-1024". */
void guest_open(struct guest *g, const struct http_transport *transport, const char *url, const char *kind);
void guest_close(struct guest *g);

struct guest_call {
	const char *method;
	const char *path; /* "/kbs/v0/..." */
	const char *bearer; /* or NULL */
	struct bytes body;
	bool no_cookie;
};
/* Sets status and answer; fails the test where there is no answer at all. */
void guest_call(struct guest *g, struct guest_call call);

/* POST auth with these extra-params (NULL: all three hash algorithms); takes cookie, nonce and hash from the answer. */
void guest_auth(struct guest *g, const char *extra_params);
/* The body of an attest request with sample evidence. out: the caller's. */
json_object *guest_evidence(struct guest *g);
void guest_post_json(struct guest *g, const char *path, json_object *body);
/* POST attest; keeps the token. */
void guest_attest(struct guest *g);
/* GET resource/<path> and opens the answer. NULL where the status is not 200. */
struct secret *guest_get(struct guest *g, const char *path, const char *bearer);

/* True if the last answer is an error body of this variant. */
bool guest_told(const struct guest *g, const char *variant);
