/* tsm_fuse ROOT tdx|snp|cca [carried HEX] [interfere N] [fail ERRNO:N] [slow MS]
 *
 * Mounts tests/support/tsm_model.h as ROOT/sys/kernel/config/tsm/report, with a guest of the tests' own vendors behind
 * it. Makes ROOT/root.hex (the vendor's root), ROOT/collateral.json and ROOT/clock, says "mounted", and serves until it
 * is killed. ROOT/carried, where it is there, says in hexadecimal what the guest carries from then on. */
#define FUSE_USE_VERSION 31
#include "common/file.h"
#include "tests/support/tee_guest.h"

#include <errno.h>
#include <fuse.h>
#include <stdio.h>
#include <sys/stat.h>

static struct tsm_model model;
static struct tee_guest guest;

struct place {
	char entry[64];
	const struct tsm_attribute *attribute; /* NULL: a folder */
};

static int place_find(const char *path, struct place *out)
{
	const char *name = path + 1;
	const char *slash = strchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : strlen(name);
	*out = (struct place){ .attribute = NULL };
	if (len >= sizeof out->entry)
		return -ENAMETOOLONG;
	memcpy(out->entry, name, len);
	if (len && !tsm_model_has(&model, out->entry))
		return -ENOENT;
	if (!slash)
		return 0;
	for (const struct tsm_attribute *a = tsm_model_attributes; a->name; a++)
		if (strcmp(a->name, slash + 1) == 0)
			out->attribute = a;
	return out->attribute ? 0 : -ENOENT;
}

static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	struct place at;
	(void)fi;
	int result = place_find(path, &at);
	memset(st, 0, sizeof *st);
	st->st_mode = at.attribute ? S_IFREG | at.attribute->mode : S_IFDIR | 0755;
	st->st_nlink = at.attribute ? 1 : 2;
	st->st_uid = getuid();
	st->st_gid = getgid();
	return result;
}

static int fs_mkdir(const char *path, mode_t mode)
{
	(void)mode;
	return strchr(path + 1, '/') ? -EPERM : tsm_model_make(&model, path + 1);
}

static int fs_rmdir(const char *path)
{
	return strchr(path + 1, '/') ? -EPERM : tsm_model_remove(&model, path + 1);
}

/* An open attribute: what it read is fixed at the first read, what is written to a binary one waits for the end. */
struct handle {
	struct buf data;
	bool loaded;
	bool dirty;
};

static int fs_open(const char *path, struct fuse_file_info *fi)
{
	struct place at;
	int result = place_find(path, &at);
	struct handle *h = result == 0 && at.attribute ? calloc(1, sizeof *h) : NULL;
	if (!h)
		return result ? result : -EISDIR;
	fi->direct_io = 1;
	fi->fh = (uint64_t)(uintptr_t)h;
	return 0;
}

static int fs_read(const char *path, char *to, size_t size, off_t at, struct fuse_file_info *fi)
{
	struct handle *h = (struct handle *)(uintptr_t)fi->fh;
	struct place place;
	int result = place_find(path, &place);
	if (result == 0 && !h->loaded) {
		ssize_t n = tsm_model_read(&model, place.entry, place.attribute->name, &h->data);
		result = n < 0 ? (int)n : 0;
		h->loaded = result == 0;
	}
	if (result != 0 || (size_t)at >= h->data.len)
		return result;
	size_t n = h->data.len - (size_t)at < size ? h->data.len - (size_t)at : size;
	memcpy(to, h->data.data + at, n);
	return (int)n;
}

static int fs_write(const char *path, const char *from, size_t size, off_t at, struct fuse_file_info *fi)
{
	struct handle *h = (struct handle *)(uintptr_t)fi->fh;
	struct bytes value = { (const uint8_t *)from, size };
	struct place place;
	(void)at;
	int result = place_find(path, &place);
	if (result == 0 && !place.attribute->binary)
		result = tsm_model_write(&model, place.entry, place.attribute->name, value);
	else if (result == 0)
		h->dirty = buf_append(&h->data, value, 0, NULL) == OK;
	return result ? result : (int)size;
}

/* close(2): configfs stores a binary attribute when the file is released, and FUSE's release comes too late for that.
 */
static int fs_flush(const char *path, struct fuse_file_info *fi)
{
	struct handle *h = (struct handle *)(uintptr_t)fi->fh;
	struct place place;
	if (!h->dirty || place_find(path, &place) != 0)
		return 0;
	h->dirty = false;
	return tsm_model_write(&model, place.entry, place.attribute->name, buf_bytes(&h->data));
}

static int fs_release(const char *path, struct fuse_file_info *fi)
{
	struct handle *h = (struct handle *)(uintptr_t)fi->fh;
	(void)path;
	buf_clear(&h->data);
	free(h);
	return 0;
}

static int fs_readdir(const char *path, void *to, fuse_fill_dir_t fill, off_t at, struct fuse_file_info *fi,
		      enum fuse_readdir_flags flags)
{
	struct place place;
	(void)at;
	(void)fi;
	(void)flags;
	int result = place_find(path, &place);
	fill(to, ".", NULL, 0, 0);
	fill(to, "..", NULL, 0, 0);
	for (const struct tsm_attribute *a = tsm_model_attributes; result == 0 && place.entry[0] && a->name; a++)
		fill(to, a->name, NULL, 0, 0);
	for (size_t i = 0; result == 0 && !place.entry[0] && i < TSM_MODEL_ENTRIES; i++)
		if (model.entries[i].name[0])
			fill(to, model.entries[i].name, NULL, 0, 0);
	return result;
}

static int fs_truncate(const char *path, off_t len, struct fuse_file_info *fi)
{
	(void)path;
	(void)len;
	(void)fi;
	return 0;
}

static void *fs_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
	(void)conn;
	config->attr_timeout = 0;
	config->entry_timeout = 0;
	config->negative_timeout = 0;
	puts("mounted");
	fflush(stdout);
	return NULL;
}

static const struct fuse_operations operations = {
	.init = fs_init,
	.getattr = fs_getattr,
	.mkdir = fs_mkdir,
	.rmdir = fs_rmdir,
	.open = fs_open,
	.read = fs_read,
	.write = fs_write,
	.flush = fs_flush,
	.release = fs_release,
	.readdir = fs_readdir,
	.truncate = fs_truncate,
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void write_file(const char *root, const char *name, struct bytes contents)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", root, name);
	must(file_write_atomic(path, contents, (struct file_write){ 0600, false }, NULL) == OK, path);
}

static void trust_write(const char *root)
{
	char clock[32];
	bool tdx = guest.kind == TEE_GUEST_TDX;
	if (guest.kind == TEE_GUEST_CCA)
		return;
	const uint8_t *hash = tdx ? guest.intel.root_sha256 : guest.amd.ark_sha256;
	AUTO_STR
	char *hex = hex_encode((struct bytes){ hash, 32 });
	write_file(root, "root.hex", bytes_str(hex));
	snprintf(clock, sizeof clock, "%lld", (long long)(tdx ? guest.intel.now : guest.amd.now));
	write_file(root, "clock", bytes_str(clock));
	if (tdx)
		write_file(root, "collateral.json", buf_bytes(&guest.intel.collateral));
	else
		write_file(root, "vendor.der", guest.amd.row.certificates);
}

static void folders_make(const char *root, char mount[4096])
{
	static const char *const parts[] = { "/sys", "/kernel", "/config", "/tsm", "/report" };
	int used = snprintf(mount, 4096, "%s", root);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		used += snprintf(mount + used, (size_t)(4096 - used), "%s", parts[i]);
		must(mkdir(mount, 0700) == 0 || errno == EEXIST, mount);
	}
}

static void option_take(const char *name, const char *value)
{
	const char *colon = strchr(value, ':');
	if (strcmp(name, "interfere") == 0)
		model.interfere_times = (unsigned)atoi(value);
	else if (strcmp(name, "slow") == 0)
		model.slow_ms = (unsigned)atoi(value);
	else if (strcmp(name, "fail") == 0 && colon) {
		model.fail_error = atoi(value);
		model.fail_times = (unsigned)atoi(colon + 1);
	} else if (strcmp(name, "carried") != 0)
		must(false, name);
}

static const char *provider_of(const char *tee)
{
	static const char *const names[][2] = { { "tdx", "tdx_guest" },
						{ "snp", "sev_guest" },
						{ "cca", "arm_cca_guest" } };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i][0], tee) == 0)
			return names[i][1];
	must(false, tee);
	return NULL;
}

int main(int argc, char **argv)
{
	uint8_t carried[64];
	struct bytes field = { carried, 0 };
	char mount[4096];
	must(argc >= 3 && argc % 2 == 1, "ROOT tdx|snp|cca [NAME VALUE]...");
	const char *provider = provider_of(argv[2]);
	for (int i = 3; i < argc; i += 2) {
		if (strcmp(argv[i], "carried") != 0)
			continue;
		field.len = strlen(argv[i + 1]) / 2;
		must(field.len <= sizeof carried && hex_decode(argv[i + 1], carried, field.len, NULL) == OK, "carried");
	}
	tee_guest_open(&guest, &model, provider, field);
	for (int i = 3; i < argc; i += 2)
		option_take(argv[i], argv[i + 1]);
	static char carried_path[4096];
	snprintf(carried_path, sizeof carried_path, "%s/carried", argv[1]);
	guest.carried_path = carried_path;
	trust_write(argv[1]);
	folders_make(argv[1], mount);
	char foreground[] = "-f";
	char *fuse[] = { argv[0], foreground, mount, NULL };
	return fuse_main(3, fuse, &operations, NULL);
}
