#include "pkcs11/token.h"

#include "common/harden.h"
#include "common/fnv.h"

#include <stdio.h>

#define SETTLE_MS 500 /* a renewal takes less, where the KBS answers */

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

static struct broker *same_broker(const struct token_set *set, const struct kbc_options *kbs)
{
	for (size_t i = 0; set && i < set->count; i++) {
		struct broker *b = set->items[i] ? set->items[i]->broker : NULL;
		if (b && kbc_options_equal(&b->options, kbs))
			return b;
	}
	return NULL;
}

/* One for all tokens with this KBS, here or in the set before. */
static enum err take_broker(struct token *t, struct token_config *config, const struct token_set *const sets[2],
			    struct errmsg *em)
{
	t->have_kbs = config->have_kbs;
	t->kbs_from_environment = config->kbs_from_environment;
	if (!config->have_kbs)
		return OK;
	struct broker *known = same_broker(sets[0], &config->kbs);
	if (!known)
		known = same_broker(sets[1], &config->kbs);
	if (!known)
		return broker_new(&config->kbs, &t->broker, em);
	t->broker = broker_ref(known);
	return OK;
}

static enum err token_make(struct token_config *config, const struct token_set *const sets[2], struct token **out,
			   struct errmsg *em)
{
	AUTO(token) *t = calloc(1, sizeof(*t));
	if (!t || !(t->shelf = shelf_new()))
		return err_nomem(em, "a token");
	t->refs = 1;
	memcpy(t->label, config->label, sizeof(t->label));
	make_serial(t, config);
	enum err e = take_broker(t, config, sets, em);
	struct catalog_options options = { t->broker, config->lease, config->catalog, config->pin.kind != PIN_NONE };
	if (e == OK)
		e = pin_policy_new(&config->pin, &t->pin, em);
	if (e == OK)
		e = catalog_new(&options, &config->objects, &t->catalog, em);
	if (e != OK)
		return e;
	*out = steal(&t);
	return OK;
}

static enum err set_make(struct token_configs *configs, const struct token_set *before, struct token_set **out,
			 struct errmsg *em)
{
	AUTO(token_set) *set = calloc(1, sizeof(*set));
	if (!set || !(set->items = calloc(configs->count, sizeof(struct token *))) ||
	    !(set->wrong = calloc(configs->count, sizeof(char *))))
		return err_nomem(em, "tokens");
	set->refs = 1;
	set->count = configs->count;
	const struct token_set *const sets[2] = { set, before };
	enum err e = configs->harden ? harden_process(em) : OK;
	for (size_t i = 0; e == OK && i < set->count; i++)
		if (configs->items[i].wrong)
			set->wrong[i] = steal(&configs->items[i].why);
		else
			e = token_make(&configs->items[i], sets, &set->items[i], em);
	if (e != OK)
		return e;
	*out = steal(&set);
	return OK;
}

static bool unchanged(const struct token_set *set)
{
	if (!token_config_unchanged(&set->stamp))
		return false;
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i] && !same_environment(set->items[i]))
			return false;
	return true;
}

enum err token_set_open(struct token_set *before, struct token_set **out, struct errmsg *em)
{
	if (before && unchanged(before)) {
		token_set_sweep(before);
		*out = token_set_ref(before);
		return OK;
	}
	struct token_configs configs;
	struct token_config_stamp stamp;
	enum err e = token_configs_load(&configs, &stamp, em);
	if (e != OK)
		return e;
	e = set_make(&configs, before, out, em);
	if (e == OK)
		(*out)->stamp = stamp;
	else
		token_config_stamp_clear(&stamp);
	token_configs_clear(&configs);
	return e;
}

struct token_set *token_set_ref(struct token_set *set)
{
	if (set)
		atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void token_set_free(struct token_set *set)
{
	if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; set->items && i < set->count; i++)
		token_free(set->items[i]);
	for (size_t i = 0; set->wrong && i < set->count; i++)
		free(set->wrong[i]);
	free(set->items);
	free(set->wrong);
	token_config_stamp_clear(&set->stamp);
	free(set);
}

void token_set_sweep(struct token_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i])
			source_set_sweep(catalog_sources(set->items[i]->catalog));
}

void token_set_settle(struct token_set *set)
{
	struct deadline until = deadline_in_ms(SETTLE_MS);
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i])
			source_set_settle(catalog_sources(set->items[i]->catalog), until);
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
	pin_policy_free(t->pin);
	free(t);
}

struct object *token_object(struct token *t, CK_OBJECT_HANDLE handle)
{
	struct object *o = shelf_object(t->shelf, handle);
	if (!o)
		o = catalog_object(t->catalog, handle);
	if (!o || token_shows_private(t) || !object_is_private(o))
		return o;
	object_free(o);
	return NULL;
}

bool token_shows_private(const struct token *t)
{
	return pin_policy_kind(t->pin) == PIN_NONE || t->logged_in;
}

static bool is_private(struct token *t, CK_OBJECT_HANDLE handle)
{
	AUTO(object) *o = shelf_object(t->shelf, handle);
	return o ? object_is_private(o) : catalog_is_private(t->catalog, handle);
}

CK_RV token_search(struct token *t, const CK_ATTRIBUTE *attributes, CK_ULONG count, struct handle_list *found)
{
	CK_RV rv = shelf_search(t->shelf, attributes, count, found);
	if (rv == CKR_OK)
		rv = catalog_search(t->catalog, attributes, count, found);
	if (rv != CKR_OK || token_shows_private(t))
		return rv;
	size_t kept = 0;
	for (size_t i = 0; i < found->count; i++)
		if (!is_private(t, found->items[i]))
			found->items[kept++] = found->items[i];
	found->count = kept;
	return CKR_OK;
}

void token_pad(CK_UTF8CHAR *to, size_t width, const char *text)
{
	size_t len = strnlen(text, width);
	memset(to, ' ', width);
	memcpy(to, text, len);
}

void token_slot_info(const struct token *t, CK_SLOT_INFO *info)
{
	memset(info, 0, sizeof(*info));
	token_pad(info->slotDescription, sizeof(info->slotDescription),
		  t ? "Key Broker Service" : "Key Broker Service (its configuration is wrong)");
	token_pad(info->manufacturerID, sizeof(info->manufacturerID), "kbs-pkcs11");
	/* PKCS #11 2.40 3.1: only a slot with a removable device may be without a token. */
	info->flags = t ? CKF_TOKEN_PRESENT : CKF_REMOVABLE_DEVICE;
}

void token_info(const struct token *t, CK_TOKEN_INFO *info)
{
	memset(info, 0, sizeof(*info));
	token_pad(info->label, sizeof(info->label), t->label);
	token_pad(info->manufacturerID, sizeof(info->manufacturerID), "kbs-pkcs11");
	token_pad(info->model, sizeof(info->model), "KBS");
	token_pad(info->serialNumber, sizeof(info->serialNumber), t->serial);
	info->flags = CKF_RNG | CKF_WRITE_PROTECTED | CKF_TOKEN_INITIALIZED | pin_policy_flags(t->pin);
	info->ulMaxSessionCount = CK_EFFECTIVELY_INFINITE;
	info->ulSessionCount = t->sessions;
	info->ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE;
	info->ulRwSessionCount = t->rw_sessions;
	info->ulMaxPinLen = PIN_LEN_MAX;
	info->ulMinPinLen = pin_policy_kind(t->pin) == PIN_LOCAL ? PIN_LEN_MIN : 0;
	info->ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION;
	info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
	info->ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION;
	info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
	token_pad((CK_UTF8CHAR *)info->utcTime, sizeof(info->utcTime), "");
}
