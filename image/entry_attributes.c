#include "image/entry_attributes.h"

#include "image/id_map.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* SELinux labels and NFS ACLs belong to the machine that packed; overlayfs's own attributes would let an image hide and
 * redirect what lies below. */
static bool wanted(const char *name)
{
	static const char *const refused[] = { "security.selinux", "security.ima", "system.nfs4_acl" };
	static const char *const prefixes[] = { "trusted.overlay.", "user.overlay." };
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (strcmp(name, refused[i]) == 0)
			return false;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return false;
	return true;
}

/* No privilege, or a file system that has none of these. */
static bool forgiven(bool unprivileged)
{
	return errno == ENOTSUP || ((errno == EPERM || errno == EACCES) && (unprivileged || !id_map_is_whole()));
}

static enum err owner_fault(const struct tar_entry *entry, struct errmsg *em)
{
	if (errno != EINVAL)
		return err_errno(em, ERR_IO, "changing its owner");
	return err_set(em, ERR_DENIED,
		       "its owner, %u:%u, has no id in this user namespace (--unprivileged: all is yours)", entry->uid,
		       entry->gid);
}

static enum err xattrs_set(int fd, const struct tar_entry *entry, bool unprivileged, size_t *left_out,
			   struct errmsg *em)
{
	for (size_t i = 0; i < entry->xattr_count; i++) {
		const struct tar_xattr *x = &entry->xattrs[i];
		if (!wanted(x->name) || strcmp(x->name, DEFAULT_ACL) == 0 ||
		    fsetxattr(fd, x->name, x->value.data, x->value.len, 0) == 0)
			continue;
		if (!forgiven(unprivileged))
			return err_errno(em, ERR_IO, "attribute %.100s", x->name);
		++*left_out;
	}
	return OK;
}

enum err attributes_set(int fd, const struct tar_entry *entry, bool unprivileged, size_t *left_out, struct errmsg *em)
{
	struct timespec times[2] = { entry->mtime, entry->mtime };
	if (!unprivileged && fchown(fd, entry->uid, entry->gid) != 0)
		return owner_fault(entry, em);
	enum err e = xattrs_set(fd, entry, unprivileged, left_out, em);
	if (e == OK && (fchmod(fd, entry->mode) != 0 || futimens(fd, times) != 0))
		e = err_errno(em, ERR_IO, "changing its mode and times");
	return e;
}

/* By a path that cannot be led astray: the folder's descriptor, and a name that is not followed. */
static enum err xattrs_set_at(struct tree_place at, const struct tar_entry *entry, bool unprivileged, size_t *left_out,
			      struct errmsg *em)
{
	AUTO_STR
	char *path = NULL;
	if (entry->xattr_count == 0)
		return OK;
	if (asprintf(&path, "/proc/self/fd/%d/%s", at.folder, at.leaf) < 0) {
		path = NULL;
		return err_nomem(em, "a path");
	}
	for (size_t i = 0; i < entry->xattr_count; i++) {
		const struct tar_xattr *x = &entry->xattrs[i];
		if (!wanted(x->name) || lsetxattr(path, x->name, x->value.data, x->value.len, 0) == 0)
			continue;
		if (!forgiven(unprivileged) && errno != EPERM) /* the kernel has no user.* attributes on these */
			return err_errno(em, ERR_IO, "attribute %.100s", x->name);
		++*left_out;
	}
	return OK;
}

enum err attributes_set_at(struct tree_place at, const struct tar_entry *entry, bool unprivileged, size_t *left_out,
			   struct errmsg *em)
{
	struct timespec times[2] = { entry->mtime, entry->mtime };
	if (!unprivileged && fchownat(at.folder, at.leaf, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) != 0)
		return owner_fault(entry, em);
	enum err e = xattrs_set_at(at, entry, unprivileged, left_out, em);
	if (e != OK)
		return e;
	/* A link has no mode of its own; what is no link was made by us under this name a moment ago. */
	if (entry->type != TAR_SYMLINK && fchmodat(at.folder, at.leaf, entry->mode, 0) != 0)
		return err_errno(em, ERR_IO, "changing its mode");
	if (utimensat(at.folder, at.leaf, times, AT_SYMLINK_NOFOLLOW) != 0)
		return err_errno(em, ERR_IO, "changing its times");
	return OK;
}

void attributes_drop(int fd)
{
	char names[XATTR_LIST_MAX];
	ssize_t len = flistxattr(fd, names, sizeof names);
	for (const char *name = names; len > 0 && name < names + len; name += strlen(name) + 1)
		if (wanted(name))
			(void)fremovexattr(fd, name);
}

static enum err xattr_copy(int fd, int from, const char *name, uint8_t *value, struct errmsg *em)
{
	ssize_t len = fgetxattr(from, name, value, XATTR_SIZE_MAX);
	if (len < 0 || fsetxattr(fd, name, value, (size_t)len, 0) != 0)
		return err_errno(em, ERR_IO, "attribute %.100s", name);
	return OK;
}

enum err attributes_take(int fd, int from, bool unprivileged, struct errmsg *em)
{
	struct stat st;
	AUTO_STR
	char *names = malloc(XATTR_LIST_MAX + XATTR_SIZE_MAX);
	enum err e = OK;
	if (!names)
		return err_nomem(em, "attributes");
	if (fstat(from, &st) != 0 || (!unprivileged && fchown(fd, st.st_uid, st.st_gid) != 0))
		return err_errno(em, ERR_IO, "changing its owner");
	attributes_drop(fd);
	ssize_t len = flistxattr(from, names, XATTR_LIST_MAX);
	if (len < 0 && errno != ENOTSUP)
		return err_errno(em, ERR_IO, "reading its attributes");
	for (const char *name = names; len > 0 && name < names + len && e == OK; name += strlen(name) + 1)
		if (wanted(name) && strcmp(name, DEFAULT_ACL) != 0)
			e = xattr_copy(fd, from, name, (uint8_t *)names + XATTR_LIST_MAX, em);
	return e;
}
