#include "tests/unit/image/policy_fixture.h"

#include "image/signature_cosign.h"

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

/* The one manifest that refers to the image, with the bundle in its one layer. */
static const char *referrer_text(const struct judged *j)
{
	char digest[IMAGE_DIGEST_SIZE];
	assert_int_equal(digest_of(bytes_str(j->bundle), digest, NULL), OK);
	return text("{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST
		    "\",\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"sha256:"
		    "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},\"layers\":[{"
		    "\"mediaType\":\"" MEDIA_SIGSTORE_BUNDLE "\",\"digest\":\"%s\",\"size\":%zu}],\"subject\":{"
		    "\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu}}",
		    digest, strlen(j->bundle), j->subject ? j->subject : j->raw.digest, j->raw.bytes.len);
}

static enum err referrers(struct image_source *s, const char *digest, struct raw_manifest *out, struct errmsg *e)
{
	const struct judged *j = (const struct judged *)s;
	char of[IMAGE_DIGEST_SIZE];
	assert_string_equal(digest, j->raw.digest);
	if (!j->bundle)
		return err_set(e, ERR_NOT_FOUND, "404");
	const char *manifest = referrer_text(j);
	assert_int_equal(digest_of(bytes_str(manifest), of, NULL), OK);
	snprintf(out->media_type, sizeof(out->media_type), MEDIA_OCI_INDEX);
	return buf_append(
		&out->bytes,
		bytes_str(text("{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX
			       "\",\"manifests\":[{\"mediaType\":\"" MEDIA_OCI_MANIFEST
			       "\",\"digest\":\"%s\",\"size\":%zu,\"artifactType\":\"" MEDIA_SIGSTORE_BUNDLE "\"}]}",
			       of, strlen(manifest))),
		0, e);
}

static enum err referrer(struct image_source *s, const struct descriptor *which, struct raw_manifest *out,
			 struct errmsg *e)
{
	assert_non_null(which);
	snprintf(out->media_type, sizeof(out->media_type), MEDIA_OCI_MANIFEST);
	return buf_append(&out->bytes, bytes_str(referrer_text((const struct judged *)s)), 0, e);
}

static enum err bundle_blob(struct image_source *s, const struct descriptor *d, struct stream **out, struct errmsg *e)
{
	(void)d;
	return stream_from_bytes(bytes_str(((const struct judged *)s)->bundle), out, e);
}

static void no_free(struct image_source *s)
{
	(void)s;
}

static const struct image_source_ops ops = {
	.manifest = referrer,
	.blob = bundle_blob,
	.signatures = kept_signatures,
	.referrers = referrers,
	.free = no_free,
};

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
	const struct image_access access = { .policy = path, .registries_d = registries_d, .nameless = j->nameless };
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
