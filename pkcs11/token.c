#include "pkcs11/token.h"

#include "common/harden.h"
#include "common/log.h"
#include "pkcs11/fnv.h"

#include <stdio.h>

static bool same_environment(const struct token *t)
{
	struct kbc_options now = { 0 };
	struct errmsg ignored;
	if (t->have_kbs && !t->kbs_from_environment)
		return true;
	bool have = kbc_options_read(NULL, &now, &ignored) == OK;
	if (have && t->have_kbs)
		now.lifetime_ms = t->broker->options.lifetime_ms;
	bool same = have == t->have_kbs && (!have || kbc_options_equal(&now, &t->broker->options));
	kbc_options_clear(&now);
	return same;
}

static void make_serial(struct token *t, const struct token_config *config)
{
	uint64_t hash = fnv64(bytes_str(config->label));
	if (config->have_kbs && config->kbs.url_count)
		hash = fnv64_more(hash, bytes_str(config->kbs.urls[0]));
	snprintf(t->serial, sizeof(t->serial), "%016llx", (unsigned long long)hash);
}

static enum err take_broker(struct token *t, struct token_config *config, const struct token *before, struct errmsg *em)
{
	t->have_kbs = config->have_kbs;
	t->kbs_from_environment = config->kbs_from_environment;
	if (!config->have_kbs)
		return OK;
	if (before && before->broker && kbc_options_equal(&before->broker->options, &config->kbs)) {
		t->broker = broker_ref(before->broker);
		return OK;
	}
	return broker_new(&config->kbs, &t->broker, em);
}

static enum err token_make(struct token_config *config, const struct token *before, struct token **out,
			   struct errmsg *em)
{
	AUTO(token) *t = calloc(1, sizeof(*t));
	if (!t || !(t->shelf = shelf_new()))
		return err_set(em, ERR_NOMEM, "no memory for a token");
	t->refs = 1;
	memcpy(t->label, config->label, sizeof(t->label));
	make_serial(t, config);
	enum err e = take_broker(t, config, before, em);
	if (e == OK && config->harden)
		e = harden_process(em);
	struct catalog_options options = { t->broker, config->lifetime_ms, config->catalog };
	if (e == OK)
		e = catalog_new(&options, &config->objects, &t->catalog, em);
	if (e != OK)
		return e;
	*out = steal(&t);
	return OK;
}

enum err token_open(struct token *before, struct token **out, struct errmsg *em)
{
	if (before && token_config_unchanged(&before->stamp) && same_environment(before)) {
		source_set_sweep(catalog_sources(before->catalog));
		*out = token_ref(before);
		return OK;
	}
	struct token_config config;
	struct token_config_stamp stamp;
	enum err e = token_config_load(&config, &stamp, em);
	if (e != OK)
		return e;
	e = token_make(&config, before, out, em);
	if (e == OK)
		(*out)->stamp = stamp;
	else
		token_config_stamp_clear(&stamp);
	token_config_clear(&config);
	return e;
}

struct token *token_ref(struct token *t)
{
	if (t)
		atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void token_free(struct token *t)
{
	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
		return;
	shelf_free(t->shelf);
	catalog_free(t->catalog);
	broker_free(t->broker);
	token_config_stamp_clear(&t->stamp);
	free(t);
}

struct object *token_object(struct token *t, CK_OBJECT_HANDLE handle)
{
	struct object *o = shelf_object(t->shelf, handle);
	return o ? o : catalog_object(t->catalog, handle);
}

void token_pad(CK_UTF8CHAR *to, size_t width, const char *text)
{
	size_t len = strnlen(text, width);
	memset(to, ' ', width);
	memcpy(to, text, len);
}

void token_slot_info(const struct token *t, CK_SLOT_INFO *info)
{
	(void)t;
	memset(info, 0, sizeof(*info));
	token_pad(info->slotDescription, sizeof(info->slotDescription), "Key Broker Service");
	token_pad(info->manufacturerID, sizeof(info->manufacturerID), "kbs-pkcs11");
	info->flags = CKF_TOKEN_PRESENT;
}

void token_info(const struct token *t, CK_TOKEN_INFO *info)
{
	memset(info, 0, sizeof(*info));
	token_pad(info->label, sizeof(info->label), t->label);
	token_pad(info->manufacturerID, sizeof(info->manufacturerID), "kbs-pkcs11");
	token_pad(info->model, sizeof(info->model), "KBS");
	token_pad(info->serialNumber, sizeof(info->serialNumber), t->serial);
	info->flags = CKF_RNG | CKF_WRITE_PROTECTED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED;
	info->ulMaxSessionCount = CK_EFFECTIVELY_INFINITE;
	info->ulSessionCount = t->sessions;
	info->ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE;
	info->ulRwSessionCount = t->rw_sessions;
	info->ulMaxPinLen = 255;
	info->ulMinPinLen = 0;
	info->ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION;
	info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
	info->ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION;
	info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
	token_pad((CK_UTF8CHAR *)info->utcTime, sizeof(info->utcTime), "");
}
