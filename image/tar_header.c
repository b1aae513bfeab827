#include "image/tar_header.h"

#include <limits.h>
#include <stdio.h>

static const struct tar_field NAME = { 0, 100 }, MODE = { 100, 8 }, UID = { 108, 8 }, GID = { 116, 8 },
			      SIZE = { 124, 12 }, MTIME = { 136, 12 }, CHECKSUM = { 148, 8 }, LINK = { 157, 100 },
			      MAGIC = { 257, 6 }, MAJOR = { 329, 8 }, MINOR = { 337, 8 }, PREFIX = { 345, 155 };

bool tar_header_is_zero(const uint8_t block[TAR_BLOCK])
{
	uint8_t any = 0;
	for (size_t i = 0; i < TAR_BLOCK; i++)
		any |= block[i];
	return any == 0;
}

/* GNU's base 256: the first byte's top bit says so, two's complement follows. */
static bool binary_number(const uint8_t *from, size_t len, int64_t *out)
{
	bool negative = from[0] & 0x40;
	uint64_t value = negative ? UINT64_MAX : 0;
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = i == 0 ? (uint8_t)((from[0] & 0x3f) | (negative ? 0xc0 : 0)) : from[i];
		/* What leaves at the top must be the sign only. */
		if (value >> 56 != (negative ? 0xff : 0))
			return false;
		value = value << 8 | byte;
	}
	*out = (int64_t)value;
	return (value >> 63) == negative;
}

bool tar_number(const uint8_t *block, struct tar_field f, int64_t *out)
{
	const uint8_t *from = block + f.at;
	size_t i = 0;
	*out = 0;
	if (from[0] & 0x80)
		return binary_number(from, f.len, out);
	while (i < f.len && from[i] == ' ')
		i++;
	for (; i < f.len && from[i] >= '0' && from[i] <= '7'; i++)
		*out = *out << 3 | (from[i] - '0');
	for (; i < f.len; i++)
		if (from[i] != ' ' && from[i] != '\0')
			return false;
	return true;
}

/* The sum of all bytes, the checksum's own taken for blanks; old writers summed signed ones. */
static bool checksum_holds(const uint8_t block[TAR_BLOCK])
{
	int64_t said = 0;
	int64_t sum = 0;
	int64_t signed_sum = 0;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool own = i >= CHECKSUM.at && i < CHECKSUM.at + CHECKSUM.len;
		sum += own ? ' ' : block[i];
		signed_sum += own ? ' ' : (int8_t)block[i];
	}
	return tar_number(block, CHECKSUM, &said) && (said == sum || said == signed_sum);
}

static void text_take(const uint8_t *block, struct tar_field f, char *to)
{
	size_t len = strnlen((const char *)block + f.at, f.len);
	memcpy(to, block + f.at, len);
	to[len] = '\0';
}

/* Only POSIX's magic, "ustar\0", means that there is a prefix. */
static void path_take(const uint8_t *block, struct tar_header *out)
{
	char prefix[156] = "";
	char name[101];
	text_take(block, NAME, name);
	if (memcmp(block + MAGIC.at, "ustar", MAGIC.len) == 0)
		text_take(block, PREFIX, prefix);
	snprintf(out->path, sizeof out->path, "%s%s%s", prefix, prefix[0] ? "/" : "", name);
}

enum err tar_header_read(const uint8_t block[TAR_BLOCK], struct tar_header *out, struct errmsg *em)
{
	int64_t values[7];
	const struct tar_field fields[7] = { MODE, UID, GID, SIZE, MTIME, MAJOR, MINOR };
	*out = (struct tar_header){ .flag = block[156] ? (char)block[156] : '0' };
	if (!checksum_holds(block))
		return err_set(em, ERR_PARSE, "not a tar archive: a header's checksum does not hold");
	bool device = out->flag == '3' || out->flag == '4';
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		values[i] = 0;
		if ((i < 5 || device) && !tar_number(block, fields[i], &values[i]))
			return err_set(em, ERR_PARSE, "a header's number is none");
		if (values[i] < 0 && i != 4)
			return err_set(em, ERR_PARSE, "a header's number is negative");
	}
	out->mode = (uint64_t)values[0];
	out->uid = (uint64_t)values[1];
	out->gid = (uint64_t)values[2];
	out->size = values[3];
	out->mtime = values[4];
	out->major = (uint64_t)values[5];
	out->minor = (uint64_t)values[6];
	path_take(block, out);
	text_take(block, LINK, out->link);
	return OK;
}

void tar_extended_clear(struct tar_extended *x)
{
	free(x->text[TAR_PATH]);
	free(x->text[TAR_LINK]);
	tar_sparse_clear(&x->sparse);
	for (size_t i = 0; i < x->xattr_count; i++) {
		free(x->xattrs[i].name);
		buf_clear(&x->xattrs[i].value);
	}
	*x = (struct tar_extended){ .has_size = false };
}

enum err tar_extended_set(struct tar_extended *to, enum tar_key key, struct bytes text, struct errmsg *em)
{
	size_t len = strnlen((const char *)text.data, text.len);
	if (len > TAR_PATH_MAX)
		return err_set(em, ERR_LIMIT, "a path of more than %d bytes", TAR_PATH_MAX);
	/* GNU tar believes the PAX record then, Go the other. */
	if (to->text[key] && (strlen(to->text[key]) != len || memcmp(to->text[key], text.data, len) != 0))
		return err_set(em, ERR_PARSE, "two extended headers of one entry differ in its %s",
			       key == TAR_PATH ? "path" : "link");
	free(to->text[key]);
	to->text[key] = strndup((const char *)text.data, len);
	return to->text[key] ? OK : err_nomem(em, "a path");
}

bool tar_decimal(struct bytes text, uint64_t max, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned)(text.data[i] - '0');
		if (digit > 9 || *out > (max - digit) / 10)
			return false;
		*out = *out * 10 + digit;
	}
	return text.len > 0;
}

/* Seconds with a fraction, of which nine digits count. */
static bool time_read(struct bytes text, struct timespec *out)
{
	bool negative = text.len > 0 && text.data[0] == '-';
	struct bytes whole = { text.data + negative, text.len - negative };
	const uint8_t *dot = whole.len ? memchr(whole.data, '.', whole.len) : NULL;
	struct bytes fraction = { NULL, 0 };
	uint64_t seconds = 0;
	long nanoseconds = 0;
	if (dot) {
		fraction = (struct bytes){ dot + 1, whole.len - (size_t)(dot - whole.data) - 1 };
		whole.len = (size_t)(dot - whole.data);
	}
	if (!tar_decimal(whole, INT64_MAX / 2, &seconds))
		return false;
	long place = 100000000;
	for (size_t i = 0; i < fraction.len; i++, place /= 10) {
		if (fraction.data[i] < '0' || fraction.data[i] > '9')
			return false;
		nanoseconds += place * (fraction.data[i] - '0');
	}
	*out = (struct timespec){ (time_t)seconds, nanoseconds };
	if (negative)
		*out = nanoseconds ? (struct timespec){ -(time_t)seconds - 1, 1000000000 - nanoseconds }
				   : (struct timespec){ -(time_t)seconds, 0 };
	return true;
}

bool tar_key_is(struct bytes key, const char *name)
{
	return key.len == strlen(name) && memcmp(key.data, name, key.len) == 0;
}

static bool key_begins(struct bytes key, const char *prefix)
{
	return key.len > strlen(prefix) && memcmp(key.data, prefix, strlen(prefix)) == 0;
}

static enum err xattr_add(struct tar_extended *to, struct bytes name, struct bytes value, struct errmsg *em)
{
	if (to->xattr_count == TAR_XATTRS_MAX)
		return err_set(em, ERR_LIMIT, "more than %d extended attributes", TAR_XATTRS_MAX);
	if (name.len > 255 || memchr(name.data, '\0', name.len))
		return err_set(em, ERR_PARSE, "the name of an extended attribute is none");
	struct tar_xattr *x = &to->xattrs[to->xattr_count++];
	*x = (struct tar_xattr){ .name = strndup((const char *)name.data, name.len) };
	if (!x->name)
		return err_nomem(em, "an extended attribute");
	return buf_append(&x->value, value, 64 << 10, em);
}

static enum err record_take(struct tar_extended *to, struct bytes key, struct bytes value, struct errmsg *em)
{
	static const char xattr[] = "SCHILY.xattr.";
	static const char sparse[] = "GNU.sparse.";
	uint64_t size = 0;
	bool good = true;
	if (tar_key_is(key, "path") || tar_key_is(key, "linkpath")) {
		if (value.len == 0 || memchr(value.data, '\0', value.len))
			return err_set(em, ERR_PARSE, "a path in an extended header is none");
		return tar_extended_set(to, tar_key_is(key, "path") ? TAR_PATH : TAR_LINK, value, em);
	}
	if (key_begins(key, xattr))
		return xattr_add(to, (struct bytes){ key.data + strlen(xattr), key.len - strlen(xattr) }, value, em);
	if (tar_key_is(key, "size")) {
		good = to->has_size = tar_decimal(value, INT64_MAX, &size);
		to->size = (int64_t)size;
	} else if (tar_key_is(key, "uid")) {
		good = to->has_uid = tar_decimal(value, UINT32_MAX - 1, &to->uid);
	} else if (tar_key_is(key, "gid")) {
		good = to->has_gid = tar_decimal(value, UINT32_MAX - 1, &to->gid);
	} else if (tar_key_is(key, "mtime")) {
		good = to->has_mtime = time_read(value, &to->mtime);
	} else if (key_begins(key, sparse)) {
		return tar_sparse_record(
			&to->sparse, (struct bytes){ key.data + strlen(sparse), key.len - strlen(sparse) }, value, em);
	}
	return good ? OK : err_set(em, ERR_PARSE, "a number in an extended header is none");
}

enum err tar_extended_read(struct tar_extended *to, struct bytes text, struct errmsg *em)
{
	while (text.len > 0) {
		const uint8_t *blank = memchr(text.data, ' ', text.len < 21 ? text.len : 21);
		uint64_t len = 0;
		if (!blank ||
		    !tar_decimal((struct bytes){ text.data, (size_t)(blank - text.data) }, TAR_PAX_MAX, &len) ||
		    len > text.len || len < (size_t)(blank - text.data) + 2 || text.data[len - 1] != '\n')
			return err_set(em, ERR_PARSE, "an extended header is malformed");
		struct bytes record = { blank + 1, (size_t)len - (size_t)(blank - text.data) - 2 };
		const uint8_t *equals = memchr(record.data, '=', record.len);
		if (!equals)
			return err_set(em, ERR_PARSE, "an extended header is malformed");
		size_t key = (size_t)(equals - record.data);
		enum err e = record_take(to, (struct bytes){ record.data, key },
					 (struct bytes){ equals + 1, record.len - key - 1 }, em);
		if (e != OK)
			return e;
		text = (struct bytes){ text.data + len, text.len - (size_t)len };
	}
	return OK;
}

enum err tar_global_read(struct tar_extended *to, struct bytes text, struct errmsg *em)
{
	enum err e = tar_extended_read(to, text, em);
	if (e == OK &&
	    (to->text[TAR_PATH] || to->text[TAR_LINK] || to->has_size || to->xattr_count > 0 || to->sparse.said))
		e = err_set(em, ERR_UNSUPPORTED,
			    "a global header with a path, a size, extended attributes or a map of a sparse file");
	return e;
}

void tar_entry_clear(struct tar_entry *e)
{
	free(e->path);
	free(e->link);
	tar_map_clear(&e->map);
	for (size_t i = 0; i < e->xattr_count; i++) {
		free(e->xattrs[i].name);
		buf_clear(&e->xattrs[i].value);
	}
	*e = (struct tar_entry){ .path = NULL };
}

static bool type_of(char flag, enum tar_type *out)
{
	/* '7', contiguous files, are files to everyone. */
	static const struct {
		char flag;
		enum tar_type type;
	} types[] = { { '0', TAR_FILE },         { '7', TAR_FILE },      { 'S', TAR_FILE },
		      { '1', TAR_HARD_LINK },    { '2', TAR_SYMLINK },   { '3', TAR_CHAR },
		      { '4', TAR_BLOCK_DEVICE }, { '5', TAR_DIRECTORY }, { '6', TAR_FIFO } };
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (types[i].flag == flag) {
			*out = types[i].type;
			return true;
		}
	}
	return false;
}

static enum err numbers_set(const struct tar_header *h, const struct tar_extended *global, const struct tar_extended *x,
			    struct tar_entry *out, struct errmsg *em)
{
	uint64_t uid = x->has_uid ? x->uid : global->has_uid ? global->uid : h->uid;
	uint64_t gid = x->has_gid ? x->gid : global->has_gid ? global->gid : h->gid;
	if (uid >= UINT32_MAX || gid >= UINT32_MAX || h->major > UINT_MAX || h->minor > UINT_MAX)
		return err_set(em, ERR_PARSE, "%.200s: an owner or device number is too large", out->path);
	out->uid = (uid_t)uid;
	out->gid = (gid_t)gid;
	out->mode = (mode_t)(h->mode & 07777);
	out->major = (unsigned)h->major;
	out->minor = (unsigned)h->minor;
	out->mtime = x->has_mtime        ? x->mtime
		     : global->has_mtime ? global->mtime
					 : (struct timespec){ (time_t)h->mtime, 0 };
	/* What is no file has nothing behind its header, whatever that says: archive/tar of Go, which most layers are
	 * made and read with. */
	if (out->type == TAR_FILE)
		out->stored = x->has_size ? x->size : h->size;
	out->size = out->sparse ? x->sparse.size : out->stored;
	return OK;
}

enum err tar_entry_make(const struct tar_header *h, const struct tar_extended *global, struct tar_extended *x,
			struct tar_entry *out, struct errmsg *em)
{
	tar_entry_clear(out);
	const char *path = x->sparse.name ? x->sparse.name : x->text[TAR_PATH] ? x->text[TAR_PATH] : h->path;
	const char *link = x->text[TAR_LINK] ? x->text[TAR_LINK] : h->link;
	size_t len = strlen(path);
	if (!type_of(h->flag, &out->type))
		return err_set(em, ERR_UNSUPPORTED, "%.200s: an entry of type 0x%02x", path, (unsigned char)h->flag);
	if (len == 0)
		return err_set(em, ERR_PARSE, "an entry without a name");
	bool slash = out->type == TAR_FILE && path[len - 1] == '/';
	enum err e = x->sparse.said ? tar_sparse_check(&x->sparse, em) : OK;
	if (e == OK && x->sparse.said && (out->type != TAR_FILE || slash))
		e = err_set(em, ERR_PARSE, "sparse, and no file");
	/* Before POSIX a directory was a file with a slash behind its name. */
	if (e == OK && slash && (x->has_size ? x->size : h->size) != 0)
		e = err_set(em, ERR_PARSE, "a folder by its name, with contents");
	if (e != OK)
		return err_wrap(em, e, "%.200s", path);
	if (slash)
		out->type = TAR_DIRECTORY;
	out->path = strdup(path);
	if (out->type == TAR_HARD_LINK || out->type == TAR_SYMLINK)
		out->link = strdup(link);
	if (!out->path || (out->type == TAR_HARD_LINK && !out->link) || (out->type == TAR_SYMLINK && !out->link))
		return err_nomem(em, "a path");
	memcpy(out->xattrs, x->xattrs, sizeof x->xattrs);
	out->xattr_count = x->xattr_count;
	x->xattr_count = 0;
	out->sparse = x->sparse.said;
	out->map = x->sparse.map;
	x->sparse.map = (struct tar_map){ .count = 0 };
	return numbers_set(h, global, x, out, em);
}
