#include "pkcs11/login.h"

#include "common/log.h"
#include "common/openssl_errors.h"
#include "pkcs11/ckr.h"
#include "pkcs11/process.h"

static CK_RV prefetch(struct token *t, enum prefetch when, enum ckr_call call)
{
	struct errmsg em;
	openssl_errors_keep();
	enum err e = catalog_prefetch(t->catalog, when, &em);
	openssl_errors_restore();
	return ckr_from_err(e, call, &em);
}

CK_RV login_opens(struct token *t)
{
	if (t->prefetched)
		return CKR_OK;
	CK_RV rv = prefetch(t, PREFETCH_SESSION, CKR_CALL_GENERAL);
	t->prefetched = rv == CKR_OK;
	return rv;
}

/* What the KBS lists is read now where that is configured; a failure there is no failure of the login. */
static void look_afresh(struct token *t)
{
	struct errmsg em;
	source_set_refresh(catalog_sources(t->catalog));
	openssl_errors_keep();
	if (catalog_refresh(t->catalog, &em) != OK)
		log_warn("pkcs11", "login", "text=\"%s\"", em.text);
	openssl_errors_restore();
}

CK_RV login_user(struct session *s, const struct login_attempt *attempt)
{
	CK_RV rv = process_login_check(s, attempt->user);
	if (rv != CKR_OK)
		return rv;
	look_afresh(s->token);
	rv = prefetch(s->token, PREFETCH_LOGIN, CKR_CALL_LOGIN);
	return rv == CKR_OK ? process_login(s) : rv;
}
