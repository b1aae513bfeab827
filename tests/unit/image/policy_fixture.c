#include "tests/unit/image/policy_fixture.h"

static enum err kept_signatures(struct image_source *s, const char *digest, struct image_signatures *out,
				struct errmsg *e)
{
	const struct judged *j = (const struct judged *)s;
	(void)e;
	assert_string_equal(digest, j->raw.digest);
	out->alone = j->kept.alone;
	out->items = calloc(j->kept.count + 1, sizeof(*out->items));
	for (size_t i = 0; i < j->kept.count; i++)
		assert_int_equal(buf_append(&out->items[out->count++], buf_bytes(&j->kept.items[i]), 0, NULL), OK);
	return OK;
}

static void no_free(struct image_source *s)
{
	(void)s;
}

static const struct image_source_ops ops = { .signatures = kept_signatures, .free = no_free };

void judged_open(struct judged *j, const char *transport, const char *scope)
{
	*j = (struct judged){ .base = { .ops = &ops, .identity = { transport, strdup(scope), NULL } } };
	assert_int_equal(buf_append(&j->raw.bytes, bytes_str("any bytes at all"), 0, NULL), OK);
	assert_int_equal(digest_of(buf_bytes(&j->raw.bytes), j->raw.digest, NULL), OK);
}

void judged_close(struct judged *j)
{
	image_source_free(&j->base);
	image_signatures_clear(&j->kept);
	raw_manifest_clear(&j->raw);
}

void judged_keep(struct judged *j, struct bytes signature)
{
	j->kept.items = reallocarray(j->kept.items, j->kept.count + 1, sizeof(*j->kept.items));
	j->kept.items[j->kept.count] = (struct buf){ 0 };
	assert_int_equal(buf_append(&j->kept.items[j->kept.count++], signature, 0, NULL), OK);
}

static enum err judge(struct judged *j, const char *policy, const char *registries_d, json_object *held)
{
	char path[] = "/tmp/policy_test.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	put_file(path, bytes_str(policy));
	const struct image_access access = { .policy = path, .registries_d = registries_d };
	j->why.text[0] = '\0';
	enum err e = image_policy_check(&j->base, &j->raw, &access, held, &j->why);
	unlink(path);
	return e;
}

enum err judged_by(struct judged *j, const char *policy, json_object *held)
{
	return judge(j, policy, "/nonexistent", held);
}

enum err judged_with(struct judged *j, const char *policy, const char *registries_d)
{
	return judge(j, policy, registries_d, NULL);
}

const char *docker_policy(const char *requirement)
{
	return text("{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":{\"\":[%s]}}}", requirement);
}

const char *payload_text(const struct judged *j, const char *type, const char *reference)
{
	return text("{\"critical\":{\"identity\":{\"docker-reference\":\"%s\"},\"image\":{\"docker-manifest-digest\":"
		    "\"%s\"},\"type\":\"%s\"},\"optional\":{}}",
		    reference, j->raw.digest, type);
}
