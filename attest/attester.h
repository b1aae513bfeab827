#pragma once
#include "attest/attest.h"
#include "common/deadline.h"

/* Attesters: take evidence in a guest. Rows of a const table. */
struct attester;

/* The machine that evidence is taken of. Members that are NULL: this one, as Linux shows it. */
struct attester_machine {
	const char *root; /* stands before the paths of the kernel: "/host" where the guest's /sys and /dev are mounted
			     there */
	const char *tpm; /* a TCTI of tpm2-tss: "device:/dev/tpmrm0" */
};

/* By name ("sample", "tdx", ...) or "auto": the first TEE that is found here, in the order sgx, tdx, snp, cca, tpm: the
 * innermost first. "auto" never gives the sample attester: it works only where it is named. ERR_ATTEST: none found,
 * with what was looked for; ERR_CONFIG: unknown name. Borrowed, static. `machine` may be NULL. May make an entry in
 * configfs and remove it. */
enum err attester_find(const char *name, const struct attester_machine *machine, const struct attester **out,
		       struct errmsg *em) MUST_USE;

/* "sample", "tdx", ...: the `tee` of the protocol's Request. */
const char *attester_tee(const struct attester *a);

struct attester_request {
	const struct attester_machine *machine; /* or NULL */
	const struct attest_digest *report_data;
	struct deadline deadline; /* for waiting and trying again; what the device itself takes is the device's */
};

/* Takes evidence over the report data (padded as this TEE wants it). out: the `primary_evidence` object, the
 * caller's. May block on the device. ERR_ATTEST, ERR_IO, ERR_TIMEOUT, ERR_LIMIT. */
enum err attester_evidence(const struct attester *a, const struct attester_request *request, json_object **out,
			   struct errmsg *em) MUST_USE;

/* Composite evidence: that of devices, by their names in the protocol ("sampledevice"); request->report_data is theirs,
 * which attest_report_data() makes without `additional_evidence`. *out: malloc'd text of {"<tee>":<evidence>,...}, ""
 * without devices: the `additional_evidence` of the protocol, and of the primary evidence's report data. ERR_CONFIG: a
 * device that is not known here. */
struct attester_devices {
	const char *const *names;
	size_t count;
};
enum err attester_additional(const struct attester_devices *devices, const struct attester_request *request, char **out,
			     struct errmsg *em) MUST_USE;
/* ERR_CONFIG unless there is an attester of that name for devices. */
enum err attester_device_check(const char *name, struct errmsg *em) MUST_USE;

/* OK if this TEE was started with init data of the digest request->report_data, as it says of itself (a local report,
 * no network). The sample TEE carries none and agrees to anything. ERR_ATTEST: it was not: both values are named;
 * ERR_UNSUPPORTED: this kind cannot tell. */
enum err attester_carries(const struct attester *a, const struct attester_request *request, struct errmsg *em) MUST_USE;

/* attester_find(), and attester_carries() of these init data's digest. init_data NULL: finds alone. The sample TEE is
 * found with any: attester_tee() tells. */
struct attester_choice {
	const char *name;
	const struct attester_machine *machine; /* or NULL */
	struct deadline deadline;
};
enum err attester_find_with(const struct attester_choice *how, const struct init_data *init_data,
			    const struct attester **out, struct errmsg *em) MUST_USE;
