#pragma once
#include "common/stream.h"

/* A part of a file, whatever others do with its position: any number of them at once, in several threads. */
struct file_part {
	int64_t at;
	int64_t size;
};
/* Keeps the file open by itself. A file that ends before is ERR_IO. */
enum err file_part_stream(int fd, struct file_part part, struct stream **out, struct errmsg *em) MUST_USE;
/* What one pread(2) gives; *got = 0 at the file's end. */
enum err file_part_read(int fd, int64_t at, struct stream_window to, size_t *got, struct errmsg *em) MUST_USE;
