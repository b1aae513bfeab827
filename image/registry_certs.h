#pragma once
#include "common/secret.h"
#include "image/image.h"

/* Certificates for one registry: containers-certs.d(5). */
struct registry_certs {
	struct buf ca_pem; /* every *.crt */
	struct buf certificate; /* X.cert ... */
	struct secret *key; /* ... and X.key */
};
void registry_certs_clear(struct registry_certs *c);
#define AUTO_REGISTRY_CERTS __attribute__((cleanup(registry_certs_clear))) struct registry_certs

/* From access->cert_dir, a folder, or a kbs:// URI to whose end ".crt", ".cert" and ".key" are added; else the first of
 * the folders certs.d/HOST that is there; none is OK. ERR_CONFIG: a certificate without its key, a key without, or two
 * pairs. */
enum err registry_certs_load(const struct image_access *access, const char *host, struct registry_certs *out,
			     struct errmsg *em) MUST_USE;
