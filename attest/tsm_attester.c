#include "attest/tsm_attester.h"

#define FOLDER "/sys/kernel/config/tsm/report"

bool machine_has(const struct attester_machine *machine, const char *path)
{
	AUTO_STR
	char *whole = machine_path(machine, path);
	return whole && access(whole, F_OK) == 0;
}

bool tsm_found(const struct attester_machine *machine, const char *provider, struct errmsg *why)
{
	char there[TSM_WORD_MAX];
	AUTO_STR
	char *folder = machine_path(machine, FOLDER);
	if (!folder || access(folder, F_OK) != 0) {
		(void)err_set(why, ERR_NOT_FOUND, "no %s", FOLDER);
		return false;
	}
	struct tsm_io io = tsm_io_linux(folder);
	if (tsm_report_provider(&io, there, why) != OK)
		return false;
	if (strcmp(there, provider) == 0)
		return true;
	(void)err_set(why, ERR_NOT_FOUND, "configfs-tsm is of \"%s\"", there);
	return false;
}

enum err tsm_take(const struct attester_request *r, struct tsm_wish wish, struct tsm_answer *out, struct errmsg *em)
{
	uint8_t inblob[TSM_INBLOB_LEN];
	AUTO_STR
	char *folder = machine_path(r->machine, FOLDER);
	if (!folder)
		return err_nomem(em, "a path");
	if (access(folder, F_OK) != 0)
		return err_errno(em, ERR_NOT_FOUND, "%s", folder);
	struct tsm_io io = tsm_io_linux(folder);
	report_data_pad(r->report_data, inblob);
	struct tsm_request request = { wish.provider, inblob, wish.privileged, r->deadline };
	return tsm_report_take(&io, &request, out, em);
}

enum err tsm_answers(const struct attester_request *r, struct bytes in_answer, struct errmsg *em)
{
	uint8_t asked[TSM_INBLOB_LEN];
	report_data_pad(r->report_data, asked);
	return bytes_equal(BYTES(asked), in_answer) ? OK
						    : err_set(em, ERR_ATTEST, "the answer is to other report data");
}
