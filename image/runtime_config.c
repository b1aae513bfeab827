#include "image/runtime_config.h"

#include "image/image_user.h"

#include <stdio.h>

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What does not depend on the image. The capabilities are those that containers have by default everywhere; none is
 * inheritable or ambient, with which other programs of the image would get them. */
#define CAPABILITIES                                                                                                   \
	"[\"CAP_AUDIT_WRITE\",\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\",\"CAP_FSETID\",\"CAP_KILL\","          \
	"\"CAP_MKNOD\",\"CAP_NET_BIND_SERVICE\",\"CAP_NET_RAW\",\"CAP_SETFCAP\",\"CAP_SETGID\",\"CAP_SETPCAP\","       \
	"\"CAP_SETUID\",\"CAP_SYS_CHROOT\"]"
static const char base_text[] =
	"{\"ociVersion\":\"1.0.2\","
	"\"process\":{\"terminal\":false,\"user\":{},\"args\":[],\"env\":[],\"cwd\":\"/"
	"\",\"capabilities\":{\"bounding\":" CAPABILITIES
	"},\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],\"noNewPrivileges\":true},"
	"\"root\":{\"path\":\"rootfs\",\"readonly\":false},"
	"\"mounts\":[{\"destination\":\"/"
	"proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"noexec\","
	"\"nodev\"]},"
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"strictatime\","
	"\"mode=755\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/"
	"shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":[\"nosuid\",\"noexec\",\"nodev\","
	"\"mode=1777\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\",\"options\":[\"nosuid\",\"noexec\","
	"\"nodev\"]}],"
	"\"annotations\":{},"
	"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
	"{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"
	"\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\","
	"\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/sched_debug\",\"/proc/scsi\",\"/sys/firmware\"],"
	"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]}}";

/* What root may mount, and what he may not leave open... */
static const char root_mounts[] =
	"[{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\","
	"\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
	"{\"destination\":\"/"
	"sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\",\"nodev\","
	"\"ro\"]},"
	"{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\",\"options\":[\"nosuid\","
	"\"noexec\",\"nodev\",\"relatime\",\"ro\"]}]";
static const char root_resources[] = "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}";
/* ...and the rest. Group 5 may not be mapped; a sysfs of one's own the kernel gives not everywhere. */
static const char rootless_mounts[] =
	"[{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\","
	"\"newinstance\",\"ptmxmode=0666\",\"mode=0620\"]},"
	"{\"destination\":\"/sys\",\"type\":\"bind\",\"source\":\"/sys\",\"options\":[\"rbind\",\"nosuid\",\"noexec\","
	"\"nodev\",\"ro\"]}]";

static enum err parse(const char *text, json_object **out, struct errmsg *em)
{
	return json_parse(bytes_str(text), 16384, JSON_STRICT, out, em);
}

/* Takes the value; NULL is one that there was no memory for. */
static enum err put(json_object *to, const char *name, json_object *value, struct errmsg *em)
{
	if (value && json_object_object_add(to, name, value) == 0)
		return OK;
	json_object_put(value);
	return err_nomem(em, "the runtime's configuration");
}

static enum err append(json_object *to, json_object *value, struct errmsg *em)
{
	if (value && json_object_array_add(to, value) == 0)
		return OK;
	json_object_put(value);
	return err_nomem(em, "the runtime's configuration");
}

static enum err put_number(json_object *to, const char *name, uint32_t value, struct errmsg *em)
{
	return put(to, name, json_object_new_int64(value), em);
}

/* A text without a NUL, which no program's argument can hold. */
static bool is_text(json_object *value)
{
	return json_object_is_type(value, json_type_string) &&
	       strlen(json_object_get_string(value)) == (size_t)json_object_get_string_len(value);
}

/* The texts of the list, if there is one, behind those of `to`. */
static enum err texts_append(json_object *from, const char *name, json_object *to, struct errmsg *em)
{
	json_object *list = NULL;
	enum err e = json_get_array_opt(from, name, &list, em);
	for (size_t i = 0; e == OK && list && i < json_object_array_length(list); i++) {
		json_object *text = json_object_array_get_idx(list, i);
		if (!is_text(text))
			return err_set(em, ERR_PARSE, "%s: member %zu is no text", name, i);
		e = append(to, json_object_get(text), em);
	}
	return e;
}

/* --- the process ------------------------------------------------------------------------------------------------- */

static enum err command_set(json_object *config, json_object *process, struct errmsg *em)
{
	json_object *args = json_object_object_get(process, "args");
	enum err e = texts_append(config, "Entrypoint", args, em);
	if (e == OK)
		e = texts_append(config, "Cmd", args, em);
	if (e == OK && json_object_array_length(args) == 0)
		return err_set(em, ERR_PARSE, "it has neither Entrypoint nor Cmd, so that there is nothing to start");
	return e;
}

static enum err environment_set(json_object *config, json_object *process, struct errmsg *em)
{
	json_object *env = json_object_object_get(process, "env");
	bool has_path = false;
	enum err e = texts_append(config, "Env", env, em);
	if (e != OK)
		return e;
	for (size_t i = 0; i < json_object_array_length(env); i++) {
		const char *one = json_object_get_string(json_object_array_get_idx(env, i));
		if (one[0] == '=' || !strchr(one, '='))
			return err_set(em, ERR_PARSE, "Env: member %zu is not NAME=VALUE", i);
		has_path = has_path || strncmp(one, "PATH=", 5) == 0;
	}
	return has_path ? OK : append(env, json_object_new_string(PATH_DEFAULT), em);
}

static enum err folder_set(json_object *config, json_object *process, struct errmsg *em)
{
	const char *folder = "";
	enum err e = json_get_string_opt(config, "WorkingDir", &folder, em);
	if (e != OK || !*folder)
		return e;
	if (folder[0] != '/')
		return err_set(em, ERR_PARSE, "WorkingDir is not absolute");
	return put(process, "cwd", json_object_new_string(folder), em);
}

/* In a user namespace only what is mapped is anybody; further groups are no loss. */
static enum err user_map(struct image_user *user, const struct runtime_maps *maps, struct errmsg *em)
{
	size_t kept = 0;
	if (!id_map_has(&maps->users, user->uid))
		return err_set(em, ERR_UNSUPPORTED, "its user %u cannot be mapped: /etc/subuid lends you %u ids",
			       user->uid, maps->users.count);
	if (!id_map_has(&maps->groups, user->gid))
		return err_set(em, ERR_UNSUPPORTED, "its group %u cannot be mapped: /etc/subgid lends you %u ids",
			       user->gid, maps->groups.count);
	for (size_t i = 0; i < user->group_count; i++)
		if (maps->groups.count > 0 && id_map_has(&maps->groups, user->groups[i]))
			user->groups[kept++] = user->groups[i];
	user->group_count = kept;
	return OK;
}

static enum err user_write(const struct image_user *user, json_object *process, struct errmsg *em)
{
	json_object *to = json_object_object_get(process, "user");
	enum err e = put_number(to, "uid", user->uid, em);
	if (e == OK)
		e = put_number(to, "gid", user->gid, em);
	if (e == OK && user->group_count > 0)
		e = put(to, "additionalGids", json_object_new_array(), em);
	for (size_t i = 0; i < user->group_count && e == OK; i++)
		e = append(json_object_object_get(to, "additionalGids"), json_object_new_int64(user->groups[i]), em);
	/* Who is not root has no capabilities, but may get them from a file of the image. */
	json_object *capabilities = json_object_object_get(process, "capabilities");
	json_object *bounding = json_object_object_get(capabilities, "bounding");
	if (e == OK && user->uid == 0)
		e = put(capabilities, "effective", json_object_get(bounding), em);
	if (e == OK && user->uid == 0)
		e = put(capabilities, "permitted", json_object_get(bounding), em);
	return e;
}

static enum err user_set(json_object *config, const struct runtime_how *how, json_object *process, struct errmsg *em)
{
	struct image_user user;
	const char *text = "";
	enum err e = json_get_string_opt(config, "User", &text, em);
	if (e == OK)
		e = image_user_resolve(how->tree, text, &user, em);
	if (e != OK)
		return err_wrap(em, e, "User");
	if (how->rootless)
		e = user_map(&user, how->rootless, em);
	return e == OK ? user_write(&user, process, em) : e;
}

/* --- annotations ------------------------------------------------------------------------------------------------- */

static enum err annotate(json_object *from, const char *member, const char *name, json_object *to, struct errmsg *em)
{
	AUTO_STR
	char *key = NULL;
	const char *text = "";
	enum err e = json_get_string_opt(from, member, &text, em);
	if (e != OK || !*text)
		return e;
	if (asprintf(&key, "org.opencontainers.image.%s", name) < 0) {
		key = NULL;
		return err_nomem(em, "an annotation");
	}
	return put(to, key, json_object_new_string(text), em);
}

/* With commas between: the members' names of an object, or the texts of a list. */
static enum err join(struct buf *to, const char *text, struct errmsg *em)
{
	enum err e = to->len > 0 ? buf_append(to, bytes_str(","), 0, em) : OK;
	return e == OK ? buf_append(to, bytes_str(text), 0, em) : e;
}

static enum err ports_annotate(json_object *config, json_object *to, struct errmsg *em)
{
	AUTO_BUF
	names = { 0 };
	json_object *ports = NULL;
	enum err e = json_get_object_opt(config, "ExposedPorts", &ports, em);
	if (e != OK || !ports)
		return e;
	json_object_object_foreach(ports, name, value)
	{
		(void)value;
		if (e == OK)
			e = join(&names, name, em);
	}
	if (e != OK || names.len == 0)
		return e;
	return put(to, "org.opencontainers.image.exposedPorts",
		   json_object_new_string_len((const char *)names.data, (int)names.len), em);
}

static enum err features_annotate(json_object *image, json_object *to, struct errmsg *em)
{
	AUTO_BUF
	names = { 0 };
	AUTO_OF(json_object) *list = json_object_new_array();
	enum err e = list ? texts_append(image, "os.features", list, em) : err_set(em, ERR_NOMEM, "no memory");
	for (size_t i = 0; e == OK && i < json_object_array_length(list); i++)
		e = join(&names, json_object_get_string(json_object_array_get_idx(list, i)), em);
	if (e != OK || names.len == 0)
		return e;
	return put(to, "org.opencontainers.image.os.features",
		   json_object_new_string_len((const char *)names.data, (int)names.len), em);
}

/* What somebody said himself comes before what follows from the fields. */
static enum err labels_annotate(json_object *config, json_object *to, struct errmsg *em)
{
	json_object *labels = NULL;
	enum err e = json_get_object_opt(config, "Labels", &labels, em);
	if (e != OK || !labels)
		return e;
	json_object_object_foreach(labels, name, value)
	{
		if (e == OK && (!*name || !is_text(value)))
			e = err_set(em, ERR_PARSE, "Labels: one is no text");
		if (e == OK)
			e = put(to, name, json_object_get(value), em);
	}
	return e;
}

static enum err annotations_set(json_object *image, json_object *config, json_object *to, struct errmsg *em)
{
	static const char *const fields[] = { "os", "architecture", "variant", "os.version", "author", "created" };
	enum err e = OK;
	for (size_t i = 0; i < ARRAY_LEN(fields) && e == OK; i++)
		e = annotate(image, fields[i], fields[i], to, em);
	if (e == OK)
		e = annotate(config, "StopSignal", "stopSignal", to, em);
	if (e == OK)
		e = features_annotate(image, to, em);
	if (e == OK)
		e = ports_annotate(config, to, em);
	return e == OK ? labels_annotate(config, to, em) : e;
}

/* --- mounts and namespaces ---------------------------------------------------------------------------------------- */

/* Data of the container's own, gone with it; first of all what the image has there. */
static enum err volume_mount(const char *at, json_object *mounts, struct errmsg *em)
{
	AUTO_OF(json_object) *mount = NULL;
	if (at[0] != '/' || strstr(at, "/../") || (strlen(at) > 2 && strcmp(at + strlen(at) - 3, "/..") == 0))
		return err_set(em, ERR_PARSE, "Volumes: one is no absolute path");
	enum err e = parse("{\"destination\":\"\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\","
			   "\"nodev\",\"relatime\",\"mode=755\",\"tmpcopyup\"]}",
			   &mount, em);
	if (e == OK)
		e = put(mount, "destination", json_object_new_string(at), em);
	return e == OK ? append(mounts, steal(&mount), em) : e;
}

static enum err mounts_set(json_object *config, bool rootless, json_object *mounts, struct errmsg *em)
{
	AUTO_OF(json_object) *more = NULL;
	json_object *volumes = NULL;
	enum err e = parse(rootless ? rootless_mounts : root_mounts, &more, em);
	for (size_t i = 0; e == OK && i < json_object_array_length(more); i++)
		e = append(mounts, json_object_get(json_object_array_get_idx(more, i)), em);
	if (e == OK)
		e = json_get_object_opt(config, "Volumes", &volumes, em);
	if (e != OK || !volumes)
		return e;
	json_object_object_foreach(volumes, name, value)
	{
		(void)value;
		if (e == OK)
			e = volume_mount(name, mounts, em);
	}
	return e;
}

static enum err mapping_append(json_object *to, uint32_t inside, uint32_t outside, uint32_t count, struct errmsg *em)
{
	json_object *one = json_object_new_object();
	enum err e = append(to, one, em);
	if (e == OK)
		e = put_number(one, "containerID", inside, em);
	if (e == OK)
		e = put_number(one, "hostID", outside, em);
	return e == OK ? put_number(one, "size", count, em) : e;
}

static enum err mappings_set(json_object *linux_part, const char *name, const struct id_map *map, struct errmsg *em)
{
	json_object *list = json_object_new_array();
	enum err e = put(linux_part, name, list, em);
	if (e == OK)
		e = mapping_append(list, 0, map->own, 1, em);
	return e == OK && map->count > 0 ? mapping_append(list, 1, map->first, map->count, em) : e;
}

static enum err linux_set(const struct runtime_how *how, json_object *linux_part, struct errmsg *em)
{
	json_object *value = NULL;
	enum err e = parse(how->rootless ? "{\"type\":\"user\"}" : root_resources, &value, em);
	if (e != OK)
		return e;
	if (!how->rootless)
		return put(linux_part, "resources", value, em);
	e = append(json_object_object_get(linux_part, "namespaces"), value, em);
	if (e == OK)
		e = mappings_set(linux_part, "uidMappings", &how->rootless->users, em);
	return e == OK ? mappings_set(linux_part, "gidMappings", &how->rootless->groups, em) : e;
}

static enum err process_set(json_object *config, const struct runtime_how *how, json_object *process, struct errmsg *em)
{
	enum err e = command_set(config, process, em);
	if (e == OK)
		e = environment_set(config, process, em);
	if (e == OK)
		e = folder_set(config, process, em);
	return e == OK ? user_set(config, how, process, em) : e;
}

enum err runtime_config_make(json_object *image, const struct runtime_how *how, json_object **out, struct errmsg *em)
{
	AUTO_OF(json_object) *made = NULL;
	AUTO_OF(json_object) *none = json_object_new_object();
	json_object *config = none;
	const char *os = "";
	enum err e = json_get_string_opt(image, "os", &os, em);
	if (e == OK && *os && strcmp(os, "linux") != 0)
		return err_set(em, ERR_UNSUPPORTED, "the image is for %.100s", os);
	if (e == OK)
		e = json_get_object_opt(image, "config", &config, em);
	if (e == OK)
		e = parse(base_text, &made, em);
	if (e == OK)
		e = process_set(config, how, json_object_object_get(made, "process"), em);
	if (e == OK)
		e = mounts_set(config, how->rootless != NULL, json_object_object_get(made, "mounts"), em);
	if (e == OK)
		e = annotations_set(image, config, json_object_object_get(made, "annotations"), em);
	if (e == OK)
		e = linux_set(how, json_object_object_get(made, "linux"), em);
	if (e == OK)
		e = put(made, "hostname", json_object_new_string(how->hostname), em);
	if (e != OK)
		return err_wrap(em, e, "config");
	*out = steal(&made);
	return OK;
}
