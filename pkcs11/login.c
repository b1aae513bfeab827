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
	/* Where a login is wanted, it is what reads early. */
	if (t->prefetched || pin_policy_kind(t->pin) != PIN_NONE)
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

static enum err attest(struct token *t, struct errmsg *em)
{
	if (!t->broker)
		return err_set(em, ERR_CONFIG, "no KBS is configured");
	openssl_errors_keep();
	enum err e = kbc_attest(t->broker->kbc, false, deadline_in_ms(t->broker->options.timeout_ms), em);
	openssl_errors_restore();
	if (e != OK)
		log_error("pkcs11", "failure", "stage=%s object=\"login\" err=%s text=\"%s\"",
			  kbc_stage() ? kbc_stage() : "attest", err_name(e), em->text);
	return e;
}

static CK_RV authenticate(struct token *t, const struct login_attempt *attempt)
{
	struct errmsg em = { "" };
	switch (pin_policy_kind(t->pin)) {
	case PIN_LOCAL:
		/* No other way of authentication is there. */
		return attempt->protected ? CKR_ARGUMENTS_BAD : pin_policy_check(t->pin, attempt->pin);
	case PIN_ATTEST:
		return ckr_from_err(attest(t, &em), CKR_CALL_LOGIN, &em);
	case PIN_NONE:
		break;
	}
	return CKR_OK;
}

/* For one operation with a key that wants a login each time. */
static CK_RV login_to_operation(struct session *s, const struct login_attempt *attempt)
{
	if (!session_awaits_login(s))
		return CKR_OPERATION_NOT_INITIALIZED;
	CK_RV rv = authenticate(s->token, attempt);
	if (rv == CKR_OK)
		session_context_login(s);
	return rv;
}

CK_RV login_user(struct session *s, const struct login_attempt *attempt)
{
	CK_RV rv = process_login_check(s, attempt->user);
	if (rv != CKR_OK)
		return rv;
	if (attempt->user == CKU_CONTEXT_SPECIFIC)
		return login_to_operation(s, attempt);
	rv = authenticate(s->token, attempt);
	if (rv != CKR_OK)
		return rv;
	look_afresh(s->token);
	rv = prefetch(s->token, PREFETCH_LOGIN, CKR_CALL_LOGIN);
	return rv == CKR_OK ? process_login(s) : rv;
}
