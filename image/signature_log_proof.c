#include "image/signature_cosign.h"

#include "common/base64.h"
#include "common/libctx.h"
#include "image/proto_json.h"

/* A Merkle tree's proof that it holds an entry, and the log's signature of the tree: RFC 6962 2.1, RFC 9162 2.1.3.2,
 * C2SP signed notes and checkpoints. */

#define HASH_LEN 32
#define PATH_MAX_HASHES 64
#define KEY_HINT_LEN 4

struct hash {
	uint8_t data[HASH_LEN];
};

static enum err hash_of(uint8_t prefix, struct bytes a, struct bytes b, struct hash *out, struct errmsg *em)
{
	AUTO_BUF
	all = { 0 };
	size_t len = 0;
	enum err e = buf_append(&all, (struct bytes){ &prefix, 1 }, 0, em);
	if (e == OK)
		e = buf_append(&all, a, 0, em);
	if (e == OK)
		e = buf_append(&all, b, 0, em);
	if (e == OK && EVP_Q_digest(libctx(), "SHA256", NULL, all.data, all.len, out->data, &len) != 1)
		e = err_openssl(em, ERR_CRYPTO, "SHA-256");
	return e;
}

static enum err hash_read(json_object *item, struct hash *out, struct errmsg *em)
{
	AUTO_BUF
	value = { 0 };
	if (!json_object_is_type(item, json_type_string))
		return err_set(em, ERR_PARSE, "a hash that is no text");
	enum err e = base64_decode(BASE64_STD, bytes_str(json_object_get_string(item)), &value, em);
	if (e == OK && value.len != HASH_LEN)
		e = err_set(em, ERR_PARSE, "a hash of %zu bytes", value.len);
	if (e == OK)
		memcpy(out->data, value.data, HASH_LEN);
	return e;
}

struct position {
	uint64_t node;
	uint64_t last;
};

/* One step up. False: the path is longer than the tree is high. */
static bool step(struct position *at, bool *from_left)
{
	if (at->last == 0)
		return false;
	*from_left = (at->node & 1) || at->node == at->last;
	if (*from_left)
		while (!(at->node & 1) && at->node != 0) {
			at->node >>= 1;
			at->last >>= 1;
		}
	at->node >>= 1;
	at->last >>= 1;
	return true;
}

static enum err root_compute(json_object *hashes, struct position at, struct hash *running, struct errmsg *em)
{
	size_t count = hashes ? json_object_array_length(hashes) : 0;
	enum err e = count > PATH_MAX_HASHES ? err_set(em, ERR_LIMIT, "a path of %zu hashes", count) : OK;
	for (size_t i = 0; e == OK && i < count; i++) {
		struct hash next;
		bool from_left = false;
		e = hash_read(json_object_array_get_idx(hashes, i), &next, em);
		if (e == OK && !step(&at, &from_left))
			e = err_set(em, ERR_DENIED, "its path is too long");
		if (e == OK)
			e = hash_of(1, from_left ? BYTES(next.data) : BYTES(running->data),
				    from_left ? BYTES(running->data) : BYTES(next.data), running, em);
	}
	if (e == OK && at.last != 0)
		e = err_set(em, ERR_DENIED, "its path is too short");
	return e;
}

/* --- the checkpoint --- */

/* The next line without its end; false where there is none. */
static bool line_next(struct bytes *rest, struct bytes *line)
{
	const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
	if (!end)
		return false;
	*line = (struct bytes){ rest->data, (size_t)(end - rest->data) };
	rest->data = end + 1;
	rest->len -= line->len + 1;
	return true;
}

/* "— NAME BASE64": whether a key of the log made it, over `text`. */
static bool line_holds(struct bytes line, struct bytes text, const struct key_set *logs)
{
	static const char dash[] = "\xe2\x80\x94 ";
	AUTO_BUF
	signature = { 0 };
	const uint8_t *space = line.len ? memrchr(line.data, ' ', line.len) : NULL;
	if (line.len < sizeof(dash) || memcmp(line.data, dash, sizeof(dash) - 1) != 0 || !space)
		return false;
	struct bytes encoded = { space + 1, line.len - (size_t)(space + 1 - line.data) };
	if (base64_decode(BASE64_STD, encoded, &signature, NULL) != OK || signature.len <= KEY_HINT_LEN)
		return false;
	struct bytes made = { signature.data + KEY_HINT_LEN, signature.len - KEY_HINT_LEN };
	for (size_t i = 0; i < logs->count; i++)
		if (cosign_verify(logs->keys[i], text, made, NULL) == OK)
			return true;
	return false;
}

static enum err note_verify(struct bytes note, const struct key_set *logs, struct bytes *text, struct errmsg *em)
{
	const uint8_t *blank = note.len ? memmem(note.data, note.len, "\n\n", 2) : NULL;
	struct bytes line;
	if (!blank)
		return err_set(em, ERR_PARSE, "its checkpoint is no signed note");
	*text = (struct bytes){ note.data, (size_t)(blank + 1 - note.data) };
	struct bytes rest = { blank + 2, note.len - text->len - 1 };
	while (line_next(&rest, &line))
		if (line_holds(line, *text, logs))
			return OK;
	return err_set(em, ERR_DENIED, "no rekor key of the policy signed the checkpoint");
}

/* Origin, size, root: a line each. */
static enum err checkpoint_check(struct bytes text, uint64_t size, const struct hash *root, struct errmsg *em)
{
	AUTO_STR
	char *wanted = base64_encode(BASE64_STD, BYTES(root->data));
	struct bytes origin;
	struct bytes count;
	struct bytes hash;
	uint64_t number = 0;
	if (!wanted)
		return err_nomem(em, "a hash");
	if (!line_next(&text, &origin) || !line_next(&text, &count) || !line_next(&text, &hash))
		return err_set(em, ERR_PARSE, "its checkpoint is none");
	if (!proto_decimal(count, &number) || number != size || !bytes_equal(hash, bytes_str(wanted)))
		return err_set(em, ERR_DENIED, "its checkpoint is of another tree");
	return OK;
}

enum err log_proof_verify(json_object *proof, struct bytes body, const struct key_set *logs, struct errmsg *em)
{
	json_object *hashes = NULL;
	json_object *checkpoint = NULL;
	const char *note = NULL;
	struct bytes text = { NULL, 0 };
	struct hash root;
	uint64_t index = 0;
	uint64_t size = 0;
	enum err e = proto_number(proof, "logIndex", &index, em);
	if (e == OK)
		e = proto_number(proof, "treeSize", &size, em);
	if (e == OK)
		e = json_get_array_opt(proof, "hashes", &hashes, em);
	if (e == OK)
		e = json_get_object(proof, "checkpoint", &checkpoint, em);
	if (e == OK)
		e = json_get_string(checkpoint, "envelope", &note, em);
	if (e == OK && index >= size)
		e = err_set(em, ERR_DENIED, "its place is not in the tree");
	if (e == OK)
		e = hash_of(0, body, (struct bytes){ NULL, 0 }, &root, em);
	if (e == OK)
		e = root_compute(hashes, (struct position){ index, size - 1 }, &root, em);
	if (e == OK)
		e = note_verify(bytes_str(note), logs, &text, em);
	return e == OK ? checkpoint_check(text, size, &root, em) : e;
}
