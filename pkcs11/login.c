#include "pkcs11/login.h"

#include "common/log.h"
#include "common/openssl_errors.h"
#include "pkcs11/process.h"

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
	if (rv == CKR_OK)
		rv = process_login(s);
	if (rv == CKR_OK)
		look_afresh(s->token);
	return rv;
}
