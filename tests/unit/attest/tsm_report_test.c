#include "attest/guest_device.h"
#include "attest/snp_report.h"
#include "attest/tsm_report.h"
#include "tests/support/check.h"
#include "tests/support/tsm_model.h"

#include <errno.h>
#include <linux/sev-guest.h>
#include <sys/ioctl.h>

static struct tsm_model model;
static uint8_t inblob[TSM_INBLOB_LEN];

/* A report that says what it was asked. */
static int echo_report(void *ctx, const uint8_t in[TSM_INBLOB_LEN], unsigned privlevel, struct buf *out,
		       struct buf *aux)
{
	uint8_t level = (uint8_t)privlevel;
	(void)ctx;
	check_ok(buf_append(out, (struct bytes){ in, TSM_INBLOB_LEN }, 0, &em));
	check_ok(buf_append(out, (struct bytes){ &level, 1 }, 0, &em));
	check_ok(buf_append(aux, bytes_str("aux"), 0, &em));
	return 0;
}

static int start(void **state)
{
	(void)state;
	memset(inblob, 7, sizeof inblob);
	tsm_model_open(&model, "tdx_guest");
	model.report = echo_report;
	return 0;
}

/* Whatever happened, no entry is left. */
static int stop(void **state)
{
	(void)state;
	unsigned left = tsm_model_count(&model);
	tsm_model_close(&model);
	return left == 0 ? 0 : -1;
}

static enum err take(const char *provider, bool privileged, int64_t ms, struct tsm_answer *out)
{
	struct tsm_io io = tsm_model_io(&model);
	struct tsm_request request = { provider, inblob, privileged, deadline_in_ms(ms) };
	em.text[0] = '\0';
	return tsm_report_take(&io, &request, out, &em);
}

static void takes_a_report_in_an_entry_of_its_own(void **state)
{
	(void)state;
	AUTO_TSM_ANSWER a = { .outblob = { 0 } };
	check_ok(take("tdx_guest", false, 1000, &a));
	assert_int_equal(a.outblob.len, 65);
	assert_memory_equal(a.outblob.data, inblob, 64);
	check_bytes(bytes_str("aux"), buf_bytes(&a.auxblob));
	assert_int_equal(model.made, 1);
	assert_int_equal(model.removed, 1);
}

static void another_provider_is_another_tee(void **state)
{
	(void)state;
	AUTO_TSM_ANSWER a = { .outblob = { 0 } };
	assert_int_equal(take("sev_guest", false, 1000, &a), ERR_ATTEST);
	assert_non_null(strstr(em.text, "tdx_guest"));
	assert_int_equal(model.reports, 0);
}

static void starts_again_when_another_writer_came_between(void **state)
{
	(void)state;
	AUTO_TSM_ANSWER a = { .outblob = { 0 } };
	model.interfere_times = 3;
	check_ok(take("tdx_guest", false, 5000, &a));
	assert_memory_equal(a.outblob.data, inblob, 64);
	assert_int_equal(model.reports, 4);
}

static void gives_up_on_a_writer_who_never_stops(void **state)
{
	(void)state;
	AUTO_TSM_ANSWER a = { .outblob = { 0 } };
	model.interfere_times = 1000000;
	assert_int_equal(take("tdx_guest", false, 100, &a), ERR_ATTEST);
	assert_non_null(strstr(em.text, "another writer"));
	assert_null(a.outblob.data);
}

static void waits_while_the_device_is_busy_or_a_signal_comes(void **state)
{
	(void)state;
	static const int errors[] = { EBUSY, EINTR, EAGAIN };
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		AUTO_TSM_ANSWER a = { .outblob = { 0 } };
		model.fail_error = errors[i];
		model.fail_times = 2;
		check_ok(take("tdx_guest", false, 5000, &a));
		assert_int_equal(a.outblob.len, 65);
		tsm_answer_clear(&a);
		model.fail_times = 1000000;
		assert_int_equal(take("tdx_guest", false, 60, &a), ERR_TIMEOUT);
		assert_null(a.outblob.data);
		model.fail_times = 0;
	}
}

static void says_what_the_device_said(void **state)
{
	(void)state;
	static const struct {
		int error;
		enum err e;
	} faults[] = { { EIO, ERR_ATTEST }, { ETIMEDOUT, ERR_TIMEOUT }, { EINVAL, ERR_ATTEST }, { ENXIO, ERR_ATTEST } };
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		AUTO_TSM_ANSWER a = { .outblob = { 0 } };
		model.fail_error = faults[i].error;
		model.fail_times = 1;
		assert_int_equal(take("tdx_guest", false, 1000, &a), faults[i].e);
		assert_non_null(strstr(em.text, "outblob"));
		assert_non_null(strstr(em.text, strerror(faults[i].error)));
		assert_int_equal(model.fail_times, 0);
	}
}

static void a_slow_quote_is_waited_for(void **state)
{
	(void)state;
	AUTO_TSM_ANSWER a = { .outblob = { 0 } };
	model.slow_ms = 100;
	check_ok(take("tdx_guest", false, 10, &a));
}

static void asks_for_the_level_that_the_guest_has(void **state)
{
	(void)state;
	AUTO_TSM_ANSWER a = { .outblob = { 0 } };
	model.provider = "sev_guest";
	model.privlevel_floor = 2;
	check_ok(take("sev_guest", true, 1000, &a));
	assert_int_equal(a.outblob.data[64], 2);
	tsm_answer_clear(&a);
	model.privlevel_floor = 0;
	model.no_floor = true;
	check_ok(take("sev_guest", true, 1000, &a));
	assert_int_equal(a.outblob.data[64], 0);
}

static void a_folder_without_provider_is_no_tee(void **state)
{
	(void)state;
	char provider[TSM_WORD_MAX];
	struct tsm_io io = tsm_model_io(&model);
	AUTO_TSM_ANSWER a = { .outblob = { 0 } };
	check_ok(tsm_report_provider(&io, provider, &em));
	assert_string_equal(provider, "tdx_guest");
	model.provider = NULL;
	assert_int_equal(take("tdx_guest", false, 1000, &a), ERR_IO);
	check_err(ERR_IO, tsm_report_provider(&io, provider, &em));
	io = tsm_io_linux("/nonexistent/tsm/report");
	check_err(ERR_NOT_FOUND, tsm_report_provider(&io, provider, &em));
}

/* The double is what the kernel is: it takes 64 bytes and nothing else. */
static void the_model_holds_the_rule_of_64_bytes(void **state)
{
	(void)state;
	AUTO_BUF
	out = { 0 };
	uint8_t more[65] = { 0 };
	assert_int_equal(tsm_model_make(&model, "x"), 0);
	assert_int_equal(tsm_model_make(&model, "x"), -EEXIST);
	assert_int_equal(tsm_model_read(&model, "x", "outblob", &out), -EINVAL);
	assert_int_equal(tsm_model_write(&model, "x", "inblob", (struct bytes){ more, 63 }), 0);
	assert_int_equal(tsm_model_read(&model, "x", "outblob", &out), -EINVAL);
	assert_int_equal(tsm_model_write(&model, "x", "inblob", (struct bytes){ more, 65 }), 0);
	assert_int_equal(tsm_model_read(&model, "x", "generation", &out), 2);
	check_bytes(bytes_str("1\n"), buf_bytes(&out)); /* 65 bytes were not taken, and nobody was told */
	assert_int_equal(tsm_model_write(&model, "x", "outblob", bytes_str("x")), -EACCES);
	assert_int_equal(tsm_model_remove(&model, "x"), 0);
}

/* --- the ioctls ------------------------------------------------------------------------------------------------ */

/* The kernel behind /dev/sev-guest and /dev/tdx_guest. */
static struct kernel {
	uint32_t certs_len; /* the host's table; 0: none */
	unsigned busy; /* how often the VMM throttles */
	int fault; /* errno of the firmware's refusal */
	bool no_extended; /* ENOTTY */
	uint32_t status, size;
	unsigned calls;
	bool open;
} kernel;

static int double_open(void *ctx, const char *path)
{
	(void)ctx;
	if (strcmp(path, "/dev/sev-guest") != 0 && strcmp(path, "/dev/tdx_guest") != 0)
		return -ENOENT;
	kernel.open = true;
	return 42;
}

static void double_close(void *ctx, int fd)
{
	(void)ctx;
	assert_int_equal(fd, 42);
	kernel.open = false;
}

/* get_ext_report() of drivers/virt/coco/sev-guest. */
static int extended(struct snp_guest_request_ioctl *call, struct snp_ext_report_req *request)
{
	if (request->certs_len % 4096 || request->certs_len > 0x4000)
		return -EINVAL;
	if (kernel.certs_len > request->certs_len) {
		call->vmm_error = SNP_GUEST_VMM_ERR_INVALID_LEN;
		request->certs_len = (kernel.certs_len + 4095) / 4096 * 4096;
		return -EIO;
	}
	if (kernel.certs_len)
		memset((void *)(uintptr_t)request->certs_address, 0xcc, kernel.certs_len);
	return 0;
}

static int snp_ioctl(unsigned long number, struct snp_guest_request_ioctl *call)
{
	struct snp_ext_report_req *request = (void *)(uintptr_t)call->req_data;
	uint8_t *response = (void *)(uintptr_t)call->resp_data;
	uint32_t head[2] = { kernel.status, kernel.size };
	assert_int_equal(call->msg_version, 1);
	if (number == SNP_GET_EXT_REPORT && kernel.no_extended)
		return -ENOTTY;
	if (kernel.busy && kernel.busy--) {
		call->vmm_error = SNP_GUEST_VMM_ERR_BUSY;
		return -EAGAIN;
	}
	if (kernel.fault) {
		call->fw_error = 0x16;
		return -kernel.fault;
	}
	int result = number == SNP_GET_EXT_REPORT ? extended(call, request) : 0;
	if (result != 0)
		return result;
	memcpy(response, head, sizeof head);
	memset(response + 32, 0, SNP_REPORT_LEN);
	memcpy(response + 32 + 0x50, request->data.user_data, 64);
	return 0;
}

static int double_ioctl(void *ctx, int fd, unsigned long number, void *arg)
{
	(void)ctx;
	assert_int_equal(fd, 42);
	kernel.calls++;
	if (number == SNP_GET_EXT_REPORT || number == SNP_GET_REPORT)
		return snp_ioctl(number, arg);
	/* linux/tdx-guest.h: TDX_CMD_GET_REPORT0, 64 bytes in, 1024 behind them out */
	assert_int_equal(number, 0xc4405401);
	if (kernel.fault)
		return -kernel.fault;
	memset((uint8_t *)arg + 64, 0, 1024);
	memset((uint8_t *)arg + 64 + 512 + 64, 0x5a, 48);
	return 0;
}

static const struct guest_device double_device = { NULL, double_open, double_ioctl, double_close };

static enum err ask(struct tsm_answer *out)
{
	struct snp_device_request request = { "/dev/sev-guest", inblob, deadline_in_ms(300) };
	em.text[0] = '\0';
	enum err e = snp_device_report(&double_device, &request, out, &em);
	assert_false(kernel.open);
	return e;
}

static int kernel_start(void **state)
{
	(void)state;
	kernel = (struct kernel){ .size = SNP_REPORT_LEN };
	memset(inblob, 9, sizeof inblob);
	return 0;
}

static void the_device_gives_report_and_certificates(void **state)
{
	(void)state;
	static const uint32_t lens[] = { 0, 100, 4096, 4097, 16384 };
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		AUTO_TSM_ANSWER a = { .outblob = { 0 } };
		kernel.certs_len = lens[i];
		check_ok(ask(&a));
		assert_int_equal(a.outblob.len, SNP_REPORT_LEN);
		assert_memory_equal(a.outblob.data + 0x50, inblob, 64);
		assert_int_equal(a.auxblob.len, (lens[i] + 4095) / 4096 * 4096);
	}
	AUTO_TSM_ANSWER a = { .outblob = { 0 } };
	kernel.certs_len = 16385; /* more than the kernel's interface carries */
	assert_int_equal(ask(&a), ERR_ATTEST);
}

static void an_older_device_gives_the_report_alone(void **state)
{
	(void)state;
	AUTO_TSM_ANSWER a = { .outblob = { 0 } };
	kernel.no_extended = true;
	kernel.certs_len = 100;
	check_ok(ask(&a));
	assert_int_equal(a.auxblob.len, 0);
	assert_int_equal(kernel.calls, 2);
}

static void a_throttled_request_is_made_again(void **state)
{
	(void)state;
	AUTO_TSM_ANSWER a = { .outblob = { 0 } };
	kernel.busy = 2;
	check_ok(ask(&a));
	tsm_answer_clear(&a);
	kernel.busy = 1000000;
	assert_int_equal(ask(&a), ERR_TIMEOUT);
}

static void a_refusal_of_the_firmware_is_named(void **state)
{
	(void)state;
	AUTO_TSM_ANSWER a = { .outblob = { 0 } };
	kernel.fault = EIO;
	assert_int_equal(ask(&a), ERR_ATTEST);
	assert_non_null(strstr(em.text, "0x16"));
	kernel.fault = 0;
	kernel.status = 0x16;
	assert_int_equal(ask(&a), ERR_ATTEST);
	kernel.status = 0;
	kernel.size = SNP_REPORT_LEN + 1;
	assert_int_equal(ask(&a), ERR_ATTEST);
	struct snp_device_request none = { "/dev/none", inblob, deadline_in_ms(0) };
	check_err(ERR_NOT_FOUND, snp_device_report(&double_device, &none, &a, &em));
}

static void a_tdreport_says_what_the_td_carries(void **state)
{
	(void)state;
	uint8_t report[TDREPORT_LEN];
	uint8_t wanted[48];
	memset(wanted, 0x5a, sizeof wanted);
	check_ok(tdx_device_report(&double_device, "/dev/tdx_guest", report, &em));
	assert_memory_equal(report + TDREPORT_MRCONFIGID, wanted, 48);
	assert_false(kernel.open);
	kernel.fault = EIO;
	check_err(ERR_ATTEST, tdx_device_report(&double_device, "/dev/tdx_guest", report, &em));
	check_err(ERR_NOT_FOUND, tdx_device_report(&double_device, "/dev/none", report, &em));
	assert_false(kernel.open);
}

#define TSM(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define DEVICE(test) cmocka_unit_test_setup(test, kernel_start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TSM(takes_a_report_in_an_entry_of_its_own),
		TSM(another_provider_is_another_tee),
		TSM(starts_again_when_another_writer_came_between),
		TSM(gives_up_on_a_writer_who_never_stops),
		TSM(waits_while_the_device_is_busy_or_a_signal_comes),
		TSM(says_what_the_device_said),
		TSM(a_slow_quote_is_waited_for),
		TSM(asks_for_the_level_that_the_guest_has),
		TSM(a_folder_without_provider_is_no_tee),
		TSM(the_model_holds_the_rule_of_64_bytes),
		DEVICE(the_device_gives_report_and_certificates),
		DEVICE(an_older_device_gives_the_report_alone),
		DEVICE(a_throttled_request_is_made_again),
		DEVICE(a_refusal_of_the_firmware_is_named),
		DEVICE(a_tdreport_says_what_the_td_carries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
