#pragma once
#include "image/source.h"

/* Images in archives, read where they lie; rows of the table of transports. */

/* "oci-archive:PATH[:TAG]" or "oci-archive:PATH:@N": a layout in a tar archive. */
enum err oci_archive_open_source(const char *rest, const struct image_access *access, struct image_source **out,
				 struct errmsg *em) MUST_USE;

/* "docker-archive:PATH[:NAME[:TAG]]" or "docker-archive:PATH:@N": what docker save writes. Its manifest is made up, of
 * Docker's schema 2: the configuration as it is, and the layers as they lie there, plain (under the digest that the
 * configuration has for them) or compressed. */
enum err docker_archive_open_source(const char *rest, const struct image_access *access, struct image_source **out,
				    struct errmsg *em) MUST_USE;
