#include "attest/quote.h"
#include "attest/tsm_attester.h"
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>

/* Intel SGX in an enclave of Gramine's, whose pseudo-files stand for the processor. {"quote":"<base64>"} */

#define KIND "/dev/attestation/attestation_type"
#define USER_DATA "/dev/attestation/user_report_data"
#define QUOTE "/dev/attestation/quote"

enum { QUOTE_LEN_MAX = 64 << 10, KIND_MAX = 32, TRIES = 50, WAIT_MS = 10 };

static enum err pseudo_read(const struct attester_machine *machine, const char *name, size_t max, struct buf *out,
			    struct errmsg *em)
{
	AUTO_STR
	char *path = machine_path(machine, name);
	return path ? file_read(path, max, out, em) : err_nomem(em, "a path");
}

bool attester_sgx_found(const struct attester_machine *machine, struct errmsg *why)
{
	AUTO_BUF
	kind = { 0 };
	if (!machine_has(machine, KIND)) {
		(void)err_set(why, ERR_NOT_FOUND, "no " KIND);
		return false;
	}
	if (pseudo_read(machine, KIND, KIND_MAX, &kind, why) != OK)
		return false;
	while (kind.len && (kind.data[kind.len - 1] == '\n' || kind.data[kind.len - 1] == '\0'))
		kind.len--;
	if (kind.len == 4 && memcmp(kind.data, "dcap", 4) == 0)
		return true;
	(void)err_set(why, ERR_NOT_FOUND, KIND " is not dcap");
	return false;
}

/* One write(2), as Gramine wants it. */
static enum err user_data_write(const struct attester_request *r, struct errmsg *em)
{
	uint8_t data[REPORT_DATA_LEN];
	AUTO_STR
	char *path = machine_path(r->machine, USER_DATA);
	if (!path)
		return err_nomem(em, "a path");
	AUTO_FD
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(em, ERR_IO, "%s", path);
	report_data_pad(r->report_data, data);
	ssize_t n = write(fd, data, sizeof data);
	if (n != (ssize_t)sizeof data)
		return n < 0 ? err_errno(em, ERR_IO, "%s", path) : err_set(em, ERR_IO, "%s: cut off", path);
	return OK;
}

static enum err quote_try(const struct attester_request *r, struct buf *out, struct quote *quote, struct errmsg *em)
{
	enum err e = user_data_write(r, em);
	if (e == OK)
		e = pseudo_read(r->machine, QUOTE, QUOTE_LEN_MAX, out, em);
	if (e == OK)
		e = quote_parse(buf_bytes(out), quote, em);
	if (e == OK && quote->tdx)
		e = err_set(em, ERR_ATTEST, "the quote is none of an enclave");
	return e;
}

static enum err quote_take(const struct attester_request *r, struct buf *out, struct quote *quote, struct errmsg *em)
{
	struct errmsg why_not = { "" };
	if (!attester_sgx_found(r->machine, &why_not))
		return err_set(em, ERR_ATTEST, "%s: no enclave of Gramine with remote attestation", why_not.text);
	enum err e = OK;
	/* The files belong to the whole process: another thread's question may come in between. */
	for (int tries = 0; tries < TRIES; tries++) {
		e = quote_try(r, out, quote, em);
		if (e == OK)
			e = tsm_answers(r, sgx_field(quote->body, SGX_REPORT_DATA), em);
		else
			break;
		if (e == OK || !deadline_sleep_ms(r->deadline, WAIT_MS))
			break;
	}
	return e == ERR_PARSE || e == ERR_UNSUPPORTED || e == ERR_NOT_FOUND ? err_wrap(em, ERR_ATTEST, "quote") : e;
}

enum err attester_sgx_evidence(const struct attester_request *r, json_object **out, struct errmsg *em)
{
	AUTO_BUF
	binary = { 0 };
	struct quote quote;
	enum err e = quote_take(r, &binary, &quote, em);
	if (e != OK)
		return e;
	AUTO_OF(json_object) *evidence = json_object_new_object();
	if (!evidence_put_base64(evidence, "quote", buf_bytes(&binary)))
		return err_nomem(em, "evidence");
	*out = steal(&evidence);
	return OK;
}

/* CONFIGID of a quote of our own. */
enum err attester_sgx_carried(const struct attester_request *r, struct attest_digest *out, struct errmsg *em)
{
	AUTO_BUF
	binary = { 0 };
	struct quote quote;
	enum err e = quote_take(r, &binary, &quote, em);
	if (e != OK)
		return e;
	struct bytes field = sgx_field(quote.body, SGX_CONFIG_ID);
	memcpy(out->data, field.data, field.len);
	out->len = field.len;
	return OK;
}
