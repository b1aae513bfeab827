#include "attest/measure_igvm.h"

#include "attest/igvm.h"
#include "attest/launch.h"
#include "attest/mrtd.h"

_Static_assert((int)IGVM_PAGE_LEN == (int)LAUNCH_PAGE_LEN && (int)IGVM_PAGE_LEN == (int)MRTD_PAGE_LEN,
	       "pages of 4 KiB");

bool measure_is_igvm(struct bytes firmware)
{
	return igvm_is(firmware);
}

static enum err tdx_take(void *to, const struct igvm_event *event, struct errmsg *em)
{
	struct mrtd *m = to;
	switch (event->kind) {
	case IGVM_DATA:
	case IGVM_UNMEASURED:
		mrtd_add(m, event->gpa);
		if (event->kind == IGVM_DATA)
			mrtd_extend(m, event->gpa, event->data);
		return OK;
	case IGVM_SECRETS:
	case IGVM_CPUID:
		return err_set(em, ERR_UNSUPPORTED, "IGVM: a page of SEV-SNP's, for TDX");
	case IGVM_VP_CONTEXT:
	case IGVM_ID_BLOCK:
		break;
	}
	/* A TD's processors begin as the architecture says. */
	return err_set(em, ERR_UNSUPPORTED, "IGVM: a processor's state or an ID block, for TDX");
}

enum err measure_igvm_tdx(struct bytes file, uint8_t out[MEASURE_LEN], struct errmsg *em)
{
	struct mrtd m;
	enum err e = mrtd_begin(&m, em);
	if (e == OK)
		e = igvm_read(file, IGVM_TDX, &(struct igvm_sink){ tdx_take, &m }, em);
	if (e == OK)
		e = mrtd_end(&m, out, em);
	mrtd_free(&m);
	return e;
}

struct snp {
	struct launch launch;
	bool qemu;
	bool vp_context;
	struct bytes demanded; /* by the ID block; empty: there is none */
};

/* QEMU leaves it to KVM, which sets up one processor, last, at its own address. */
static enum err qemu_takes(const struct snp *s, const struct igvm_event *event, struct errmsg *em)
{
	if (s->vp_context)
		return err_set(em, ERR_UNSUPPORTED,
			       event->kind == IGVM_VP_CONTEXT ? "IGVM: QEMU sets up one processor, and here are more"
							      : "IGVM: QEMU loads no page after the processor's state");
	if (event->kind == IGVM_VP_CONTEXT && event->gpa != LAUNCH_VMSA_GPA)
		return err_set(em, ERR_UNSUPPORTED,
			       "IGVM: QEMU has the processor's state at 0x%llx, the file at 0x%llx", LAUNCH_VMSA_GPA,
			       (unsigned long long)event->gpa);
	return OK;
}

static enum err snp_take(void *to, const struct igvm_event *event, struct errmsg *em)
{
	static const uint8_t zeros[LAUNCH_PAGE_LEN] = { 0 };
	static const enum launch_page_type types[] = { [IGVM_DATA] = LAUNCH_NORMAL,
						       [IGVM_UNMEASURED] = LAUNCH_UNMEASURED,
						       [IGVM_SECRETS] = LAUNCH_SECRETS,
						       [IGVM_CPUID] = LAUNCH_CPUID,
						       [IGVM_VP_CONTEXT] = LAUNCH_VMSA };
	struct snp *s = to;
	if (event->kind == IGVM_ID_BLOCK) {
		s->demanded = event->data;
		return OK;
	}
	enum err e = s->qemu ? qemu_takes(s, event, em) : OK;
	if (e != OK)
		return e;
	bool empty = event->kind == IGVM_DATA && event->data.len == 0;
	const uint8_t *data = empty ? zeros : event->data.data;
	if (empty && s->qemu)
		launch_page(&s->launch, LAUNCH_ZERO, NULL, event->gpa);
	else
		launch_page(&s->launch, types[event->kind], data, event->gpa);
	s->vp_context = s->vp_context || event->kind == IGVM_VP_CONTEXT;
	return OK;
}

enum err measure_igvm_snp(struct bytes file, enum measure_vmm vmm, uint8_t out[MEASURE_LEN], struct errmsg *em)
{
	struct snp s = { .qemu = vmm == MEASURE_QEMU };
	if (vmm != MEASURE_QEMU && vmm != MEASURE_IGVM)
		return err_set(em, ERR_UNSUPPORTED, "an IGVM file: how this VMM loads it is not known");
	enum err e = igvm_read(file, IGVM_SNP, &(struct igvm_sink){ snp_take, &s }, em);
	if (e == OK)
		e = launch_end(&s.launch, out, em);
	if (e != OK || !s.demanded.data || bytes_equal(s.demanded, (struct bytes){ out, MEASURE_LEN }))
		return e;
	/* The processor would refuse to launch it. */
	AUTO_STR
	char *is = hex_encode((struct bytes){ out, MEASURE_LEN });
	AUTO_STR
	char *wanted = hex_encode(s.demanded);
	return err_set(em, ERR_ATTEST, "IGVM: the ID block demands %s, computed is %s", wanted ? wanted : "",
		       is ? is : "");
}
