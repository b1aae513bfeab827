#pragma once
#include "image/tar.h"

/* Writes a file's contents, which `archive` gives, into an empty one, holes included. `by` is room to work in. */
enum err entry_contents_write(const struct tar_entry *entry, struct tar *archive, struct stream_window by, int fd,
			      struct errmsg *em) MUST_USE;
