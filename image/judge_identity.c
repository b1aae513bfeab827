#include "image/evidence.h"

#include "image/signature_payload.h"

/* What a signature that holds must still say: that it is of this image, by this name. */

/* What was asked for, where that is a name. */
static const char *identity_name(const struct evidence *ev)
{
	return strcmp(ev->source->identity.transport, "docker") == 0 ? ev->source->identity.scope : NULL;
}

enum err payload_judge(const struct evidence *ev, const struct identity_rule *rule, struct bytes payload,
		       const char *type, struct errmsg *em)
{
	AUTO_PAYLOAD p = { 0 };
	enum err e = signature_payload_parse(payload, type, &p, em);
	if (e != OK)
		return e == ERR_NOMEM ? e : err_wrap(em, ERR_DENIED, "a signature that holds");
	e = identity_rule_check(rule, identity_name(ev), p.reference, em);
	if (e != OK)
		return e;
	e = digest_verify(buf_bytes(&ev->raw->bytes), p.digest, em);
	return e == OK || e == ERR_NOMEM ? e : err_wrap(em, ERR_DENIED, "it is a signature of another manifest");
}

/* Nothing was signed but what the image is, not what it is called. */
enum err nameless_judge(const struct evidence *ev, struct errmsg *em)
{
	if (ev->access->nameless)
		return OK;
	return err_set(em, ERR_DENIED,
		       "it is a sigstore bundle, which names no repository, so that signedIdentity cannot be checked: "
		       "--nameless-signatures takes it by its signer alone");
}

enum err statement_judge(const struct evidence *ev, const struct identity_rule *rule, struct bytes statement,
			 struct errmsg *em)
{
	AUTO_STATEMENT s = { .root = NULL };
	enum err e = signature_statement_parse(statement, &s, em);
	if (e != OK)
		return e == ERR_NOMEM ? e : err_wrap(em, ERR_DENIED, "a signature that holds");
	e = digest_verify(buf_bytes(&ev->raw->bytes), s.digest, em);
	if (e != OK)
		return e == ERR_NOMEM ? e : err_wrap(em, ERR_DENIED, "it is a signature of another manifest");
	return s.name ? identity_rule_check(rule, identity_name(ev), s.name, em) : nameless_judge(ev, em);
}
