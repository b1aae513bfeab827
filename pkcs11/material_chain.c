/* Certificate chains: several certificates in one text, the key's own first. */
#include "common/log.h"
#include "common/pem.h"
#include "pkcs11/material.h"

#define CHAIN_MAX 24

static enum err add(struct material *m, struct material *next, struct errmsg *em)
{
	struct material **more = reallocarray(m->chain, m->chain_len + 1, sizeof(*more));
	if (!more) {
		material_free(next);
		return err_nomem(em, "a chain of certificates");
	}
	m->chain = more;
	m->chain[m->chain_len++] = next;
	return OK;
}

static enum err parse_block(const struct pem_block *block, struct material **out, struct errmsg *em)
{
	struct secret *der = NULL;
	enum err e = pem_decode(block, &der, em);
	if (e == OK)
		e = material_parse(der, out, em);
	if (e != OK)
		return e;
	if ((*out)->certificate)
		return OK;
	material_free(*out);
	return err_set(em, ERR_PARSE, "no certificate");
}

enum err material_chain_parse(struct material *m, struct bytes text, struct errmsg *em)
{
	struct pem_block block;
	struct errmsg why;
	bool first = true;
	while (pem_present(text) && m->chain_len < CHAIN_MAX && pem_next(&text, &block, &why) == OK) {
		if (!pem_label_is(&block, "CERTIFICATE") && !pem_label_is(&block, "X509 CERTIFICATE"))
			continue;
		struct material *next = NULL;
		enum err e = first ? OK : parse_block(&block, &next, &why);
		if (e != OK) {
			log_warn("pkcs11", "chain", "position=%u err=%s text=\"%s\"", (unsigned)m->chain_len + 1,
				 err_name(e), why.text);
			return e == ERR_NOMEM ? err_set(em, e, "%s", why.text) : OK;
		}
		if (!first && (e = add(m, next, em)) != OK)
			return e;
		first = false;
	}
	return OK;
}
