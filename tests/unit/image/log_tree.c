#include "tests/unit/image/log_tree.h"

#include "common/libctx.h"
#include "image/proto_json.h"

struct node {
	uint8_t hash[32];
};

static struct node node_hash(uint8_t prefix, struct bytes a, struct bytes b)
{
	struct node out;
	size_t len = 0;
	struct buf all = { 0 };
	assert_int_equal(buf_append(&all, (struct bytes){ &prefix, 1 }, 0, NULL), OK);
	assert_int_equal(buf_append(&all, a, 0, NULL), OK);
	assert_int_equal(buf_append(&all, b, 0, NULL), OK);
	assert_int_equal(EVP_Q_digest(libctx(), "SHA256", NULL, all.data, all.len, out.hash, &len), 1);
	buf_clear(&all);
	return out;
}

static const char *leaf_text(const char *body, size_t index, size_t i)
{
	return i == index ? body : text("leaf %zu", i);
}

static struct node head(struct log_tree *t, size_t from, size_t to, bool on_path)
{
	if (to - from == 1)
		return node_hash(0, bytes_str(leaf_text(t->body, t->index, from)), (struct bytes){ NULL, 0 });
	size_t half = 1;
	while (half * 2 < to - from)
		half *= 2;
	bool left_has = t->index < from + half;
	struct node left = head(t, from, from + half, on_path && left_has);
	struct node right = head(t, from + half, to, on_path && !left_has);
	if (on_path)
		t->path[t->path_len++] = base64_bytes(left_has ? BYTES(right.hash) : BYTES(left.hash));
	return node_hash(1, BYTES(left.hash), BYTES(right.hash));
}

const char *log_tree_head(struct log_tree *t, size_t size)
{
	struct node root = head(t, 0, size, true);
	return base64_bytes(BYTES(root.hash));
}

const char *log_checkpoint(EVP_PKEY *by, const char *size, const char *root)
{
	const char *note = text("rekor.example - 1\n%s\n%s\nmore\n", size, root);
	AUTO_BUF
	made = { 0 };
	AUTO_BUF
	hinted = { 0 };
	const char *signature = key_sign(by, note);
	json_object *json = json_object_new_object();
	assert_true(json_add_text(json, "s", signature));
	assert_int_equal(proto_bytes(json, "s", &made, NULL), OK);
	json_object_put(json);
	assert_int_equal(buf_append(&hinted, bytes_str("hint"), 0, NULL), OK);
	assert_int_equal(buf_append(&hinted, buf_bytes(&made), 0, NULL), OK);
	return json_escaped(text("%s\n\xe2\x80\x94 rekor.example %s\n", note, base64_bytes(buf_bytes(&hinted))));
}

const char *log_proof(const struct log_tree *t, size_t size, size_t index, const char *note)
{
	const char *hashes = "";
	for (size_t i = 0; i < t->path_len; i++)
		hashes = text("%s%s\"%s\"", hashes, i ? "," : "", t->path[i]);
	return text(
		"\"inclusionProof\":{\"logIndex\":\"%zu\",\"rootHash\":\"AAAA\",\"treeSize\":\"%zu\",\"hashes\":[%s],"
		"\"checkpoint\":{\"envelope\":\"%s\"}}",
		index, size, hashes, note);
}
