#pragma once
#include "image/source.h"

/* "dir:PATH", as skopeo writes it: manifest.json, and beside it every blob under its digest's digits; of an index also
 * the images', as "<digits>.manifest.json". Signatures are "signature-1" and so on, or "<digits>.signature-1". To be
 * read only. */
enum err folder_open_source(const char *rest, const struct image_access *access, struct image_source **out,
			    struct errmsg *em) MUST_USE;
