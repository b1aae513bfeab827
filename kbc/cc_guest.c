#include "kbc/cc_guest.h"

#include "attest/attest.h"
#include "common/log.h"

struct cc_guest {
	char attester[32];
	char *root;
	char *tpm;
	char *devices[KBC_DEVICES_MAX];
	size_t device_count;
	struct init_data *init_data;
};

void cc_guest_free(struct cc_guest *g)
{
	if (!g)
		return;
	free(g->root);
	free(g->tpm);
	for (size_t i = 0; i < g->device_count; i++)
		free(g->devices[i]);
	init_data_free(g->init_data);
	free(g);
}

static bool copy(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

enum err cc_guest_new(const struct kbc_options *options, struct cc_guest **out, struct errmsg *em)
{
	AUTO(cc_guest) *g = calloc(1, sizeof *g);
	bool good = g && copy(options->tee_root, &g->root) && copy(options->tpm, &g->tpm);
	for (size_t i = 0; good && i < options->device_count; i++) {
		good = copy(options->devices[i], &g->devices[i]);
		g->device_count += good;
	}
	if (!good)
		return err_nomem(em, "an attester's name");
	memcpy(g->attester, options->attester, sizeof g->attester);
	if (options->init_data) {
		enum err e = init_data_parse(init_data_text(options->init_data), &g->init_data, em);
		if (e != OK)
			return e;
	}
	*out = steal(&g);
	return OK;
}

static struct attester_machine machine_of(const struct cc_guest *g)
{
	return (struct attester_machine){ g->root, g->tpm };
}

enum err cc_guest_attester(const struct cc_guest *g, struct deadline deadline, const struct attester **out,
			   struct errmsg *em)
{
	struct attester_machine machine = machine_of(g);
	const struct attester_choice how = { g->attester, &machine, deadline };
	enum err e = attester_find_with(&how, g->init_data, out, em);
	if (e == OK && g->init_data && strcmp(attester_tee(*out), "sample") == 0)
		log_warn("kbc", "init_data", "the sample TEE carries none: nothing vouches for %s", "them");
	return e;
}

const struct init_data *cc_guest_init_data(const struct cc_guest *g)
{
	return g->init_data;
}

/* The devices' evidence is bound to the nonce and the key, and the TEE's to the devices' as well: an evidence of
 * another machine's device does not fit. */
static enum err devices_take(const struct cc_guest *g, struct deadline deadline, struct cc_handshake *h,
			     struct errmsg *em)
{
	struct attester_machine machine = machine_of(g);
	const char *const *names = (const char *const *)g->devices;
	struct attester_devices devices = { names, g->device_count };
	struct attest_digest data;
	struct attester_request request = { &machine, &data, deadline };
	char *text = NULL;
	if (g->device_count == 0)
		return OK;
	enum err e = cc_handshake_device_data(h, &data, em);
	if (e == OK)
		e = attester_additional(&devices, &request, &text, em);
	return e == OK ? cc_handshake_additional(h, text, em) : e;
}

enum err cc_guest_evidence(const struct cc_guest *g, const struct attester *a, struct deadline deadline,
			   struct cc_handshake *h, struct errmsg *em)
{
	struct attester_machine machine = machine_of(g);
	struct attester_request request = { &machine, cc_handshake_report_data(h), deadline };
	AUTO_OF(json_object) *evidence = NULL;
	enum err e = devices_take(g, deadline, h, em);
	if (e == OK)
		e = attester_evidence(a, &request, &evidence, em);
	return e == OK ? cc_handshake_evidence(h, evidence, em) : e;
}
