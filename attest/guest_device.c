#include "attest/guest_device.h"

#include "attest/cursor.h"
#include "attest/snp_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

/* The kernel's structures as its interface fixes them: not every system has the headers. */

/* linux/tdx-guest.h, struct tdx_report_req */
struct td_report_request {
	uint8_t report_data[TSM_INBLOB_LEN];
	uint8_t td_report[TDREPORT_LEN];
};
#define TD_GET_REPORT _IOWR('T', 1, struct td_report_request)

/* linux/sev-guest.h: struct snp_report_req, snp_ext_report_req, snp_report_resp, snp_guest_request_ioctl */
struct snp_report_request {
	uint8_t user_data[TSM_INBLOB_LEN];
	uint32_t vmpl;
	uint8_t zeros[28];
};
struct snp_extended_request {
	struct snp_report_request data;
	uint64_t certs_address;
	uint32_t certs_len;
};
struct snp_response {
	uint8_t data[4000];
};
struct snp_guest_request {
	uint8_t message_version;
	uint64_t request;
	uint64_t response;
	uint32_t firmware_error;
	uint32_t vmm_error;
};
#define SNP_REPORT _IOWR('S', 0, struct snp_guest_request)
#define SNP_EXTENDED_REPORT _IOWR('S', 2, struct snp_guest_request)

_Static_assert(sizeof(struct td_report_request) == 1088, "linux/tdx-guest.h");
_Static_assert(sizeof(struct snp_report_request) == 96, "linux/sev-guest.h");
_Static_assert(sizeof(struct snp_extended_request) == 112, "linux/sev-guest.h");
_Static_assert(sizeof(struct snp_guest_request) == 32, "linux/sev-guest.h");

enum {
	VMM_LENGTH = 1,
	VMM_BUSY = 2,
	CERTS_MAX = 16 << 10,
	BLOCK = 4096,
	TRIES = 8,
	WAIT_MS = 50,
	RESPONSE_REPORT = 32
};

static int linux_open(void *ctx, const char *path)
{
	(void)ctx;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

static int linux_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	(void)ctx;
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static void linux_close(void *ctx, int fd)
{
	(void)ctx;
	close(fd);
}

const struct guest_device guest_device_linux = { NULL, linux_open, linux_ioctl, linux_close };

static enum err device_open(const struct guest_device *device, const char *path, int *fd, struct errmsg *em)
{
	*fd = device->open(device->ctx, path);
	if (*fd >= 0)
		return OK;
	errno = -*fd;
	return err_errno(em, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s", path);
}

static int td_ask(const struct guest_device *device, int fd, struct td_report_request *request)
{
	int error = 0;
	for (int tries = 0; tries < TRIES; tries++) {
		error = -device->ioctl(device->ctx, fd, TD_GET_REPORT, request);
		if (error != EINTR)
			break;
	}
	return error;
}

enum err tdx_device_report(const struct guest_device *device, const char *path, uint8_t out[TDREPORT_LEN],
			   struct errmsg *em)
{
	struct td_report_request request = { .report_data = { 0 } };
	int fd = -1;
	enum err e = device_open(device, path, &fd, em);
	if (e != OK)
		return e;
	int error = td_ask(device, fd, &request);
	device->close(device->ctx, fd);
	errno = error;
	if (error)
		return err_errno(em, ERR_ATTEST, "%s: no TDREPORT", path);
	memcpy(out, request.td_report, TDREPORT_LEN);
	return OK;
}

/* One extended report under way. */
struct snp_call {
	const struct guest_device *device;
	const struct snp_device_request *asked;
	int fd;
	struct snp_extended_request request;
	struct snp_response response;
	struct snp_guest_request envelope;
	uint8_t *certs; /* whole pages, or NULL */
};

/* The kernel wants the length aligned to pages, and writes to the pages itself. */
static enum err certs_room(struct snp_call *c, uint32_t len, struct errmsg *em)
{
	if (len == 0 || len > CERTS_MAX || len % BLOCK)
		return err_set(em, ERR_ATTEST, "%s: it wants room for %u bytes of certificates", c->asked->path, len);
	free(c->certs);
	c->certs = aligned_alloc(BLOCK, len);
	if (!c->certs)
		return err_nomem(em, "certificates");
	memset(c->certs, 0, len);
	c->request.certs_address = (uint64_t)(uintptr_t)c->certs;
	c->request.certs_len = len;
	return OK;
}

static int snp_ask(struct snp_call *c, unsigned long number)
{
	c->envelope = (struct snp_guest_request){ .message_version = 1 };
	c->envelope.request = (uint64_t)(uintptr_t)&c->request;
	c->envelope.response = (uint64_t)(uintptr_t)&c->response;
	return -c->device->ioctl(c->device->ctx, c->fd, number, &c->envelope);
}

/* The firmware's error is in the low half, that of the VMM in the high one. */
static enum err snp_fault(const struct snp_call *c, int error, struct errmsg *em)
{
	errno = error;
	return err_errno(em, ERR_ATTEST, "%s: no report (firmware 0x%x, VMM 0x%x)", c->asked->path,
			 c->envelope.firmware_error, c->envelope.vmm_error);
}

static enum err snp_ask_again(struct snp_call *c, struct errmsg *em)
{
	unsigned long number = SNP_EXTENDED_REPORT;
	for (int tries = 0; tries < TRIES;) {
		int error = snp_ask(c, number);
		if (error == 0)
			return OK;
		enum err e = OK;
		if (error == ENOTTY && number == SNP_EXTENDED_REPORT)
			number = SNP_REPORT; /* which has the same request in front */
		else if (c->envelope.vmm_error == VMM_LENGTH)
			e = certs_room(c, c->request.certs_len, em);
		else if (error != EINTR && error != EAGAIN && error != EBUSY && c->envelope.vmm_error != VMM_BUSY)
			return snp_fault(c, error, em);
		else if (!deadline_sleep_ms(c->asked->deadline, WAIT_MS))
			return err_set(em, ERR_TIMEOUT, "%s: busy until the time was up", c->asked->path);
		else
			continue; /* the host throttles: only the deadline ends that */
		if (e != OK)
			return e;
		tries++;
	}
	return err_set(em, ERR_ATTEST, "%s: the room for certificates never suffices", c->asked->path);
}

/* u32 status, u32 size, 24 bytes, then the report. "SEV-SNP Firmware ABI", MSG_REPORT_RSP. */
static enum err snp_take(const struct snp_call *c, struct tsm_answer *out, struct errmsg *em)
{
	struct bytes all = BYTES(c->response.data);
	uint64_t status = bytes_le(bytes_part(all, 0, 4));
	uint64_t size = bytes_le(bytes_part(all, 4, 4));
	if (status != 0 || size != SNP_REPORT_LEN)
		return err_set(em, ERR_ATTEST, "%s: status %u, a report of %u bytes", c->asked->path, (unsigned)status,
			       (unsigned)size);
	enum err e = buf_append(&out->outblob, bytes_part(all, RESPONSE_REPORT, SNP_REPORT_LEN), 0, em);
	if (e != OK || !c->certs)
		return e;
	return buf_append(&out->auxblob, (struct bytes){ c->certs, c->request.certs_len }, CERTS_MAX, em);
}

enum err snp_device_report(const struct guest_device *device, const struct snp_device_request *request,
			   struct tsm_answer *out, struct errmsg *em)
{
	struct snp_call c = { .device = device, .asked = request };
	*out = (struct tsm_answer){ .outblob = { 0 } };
	enum err e = device_open(device, request->path, &c.fd, em);
	if (e != OK)
		return e;
	memcpy(c.request.data.user_data, request->report_data, TSM_INBLOB_LEN);
	e = snp_ask_again(&c, em);
	if (e == OK)
		e = snp_take(&c, out, em);
	device->close(device->ctx, c.fd);
	free(c.certs);
	if (e != OK)
		tsm_answer_clear(out);
	return e;
}
