#pragma once
#include "common/json.h"

/* What attester and verifier share: the names of TEEs and the binding of evidence to its request.
 * KBS protocol 0.4.0, "Attestation". */

#define ATTEST_DIGEST_MAX 64

struct attest_digest {
	uint8_t data[ATTEST_DIGEST_MAX];
	size_t len;
};

/* The report data: H over the RFC 8785 form of
 * {"additional-evidence":<string>,"nonce":...,"tee-pubkey":{...}}. hash: "sha256", "sha384" (default where NULL),
 * "sha512", any letter case. The members of tee_pubkey are hashed as they stand. */
struct attest_runtime_data {
	const char *additional_evidence; /* "" without devices; NULL: what devices are bound to, which leaves it out */
	const char *nonce; /* base64, as received */
	json_object *tee_pubkey;
};
enum err attest_report_data(const char *hash, const struct attest_runtime_data *data, struct attest_digest *out,
			    struct errmsg *em) MUST_USE;

/* True for the names that the protocol knows ("sample", "tdx", ...). */
bool attest_tee_known(const char *tee);

/* --- init data -------------------------------------------------------------------------------------------------- */

/* Init data: files that the guest's owner hands to it at its start, and whose digest the TEE carries where the guest
 * cannot change it. Version 0.1.0: TOML or JSON with `version`, `algorithm` and `data`, a map of file names to texts.
 * The digest is over the bytes as they are. Whoever uses init data reads them once, and checks and uses the same bytes.
 */
struct init_data;

#define INIT_DATA_MAX (4 << 20)

/* Copies `text`. Unknown members, other versions and NULs are refused. ERR_PARSE, ERR_LIMIT, ERR_UNSUPPORTED (version
 * or algorithm; also a disk or an annotation that was not unpacked). */
enum err init_data_parse(struct bytes text, struct init_data **out, struct errmsg *em) MUST_USE;
void init_data_free(struct init_data *d);
AUTO_DEFINE(init_data)

struct bytes init_data_text(const struct init_data *d); /* the bytes: NUL-terminated behind them */
const char *init_data_format(const struct init_data *d); /* "toml", "json": the protocol's "format" */
const char *init_data_algorithm(const struct init_data *d); /* "sha256", "sha384", "sha512" */
json_object *init_data_files(const struct init_data *d); /* {name: text}; borrowed */
enum err init_data_digest(const struct init_data *d, struct attest_digest *out, struct errmsg *em) MUST_USE;

/* How a TEE carries a digest: cut or padded with zeros. 0: this TEE has no such field ("sample"), or it holds something
 * else ("tpm": PCR 8 is extended by a digest of 32 bytes). */
size_t init_data_field_len(const char *tee);
void init_data_field(const struct attest_digest *digest, size_t len, uint8_t *out);

/* Which KBS they name: aa.toml's token_configs.kbs.{url,cert}, else cdh.toml's kbc.{url,kbs_cert}. Borrowed; NULL: they
 * do not say. Where both files do they must agree. ERR_PARSE, ERR_UNSUPPORTED. */
struct init_data_kbs {
	char *url;
	char *ca; /* PEM */
};
void init_data_kbs_clear(struct init_data_kbs *k);
enum err init_data_kbs_read(const struct init_data *d, struct init_data_kbs *out, struct errmsg *em) MUST_USE;

/* The image policy they name: cdh.toml's image.image_security_policy (its text) or image_security_policy_uri. Both
 * NULL: none. malloc'd, the caller's. */
struct init_data_policy {
	char *text;
	char *uri;
};
void init_data_policy_clear(struct init_data_policy *p);
enum err init_data_policy_read(const struct init_data *d, struct init_data_policy *out, struct errmsg *em) MUST_USE;
