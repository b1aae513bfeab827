#pragma once
#include "common/bytes.h"

/* The names under which policy.json and registries.d may speak of an image, the most special first:
 * containers-policy.json(5), "Supported transports and their scopes". The last of all, "", is not among them. */

/* Until is_it() says true; whether it did. transport: "docker", "oci", ...; scope: as in struct image_identity. */
bool scope_walk(const char *transport, const char *scope, bool (*is_it)(void *ctx, struct bytes name), void *ctx);
