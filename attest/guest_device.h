#pragma once
#include "attest/tsm_report.h"

/* The TEE's devices, for kernels without configfs-tsm (/dev/sev-guest), and for a local look at a TD (/dev/tdx_guest).
 */

/* The system calls, so that tests can be the kernel: a descriptor or 0, or -errno. */
struct guest_device {
	void *ctx;
	int (*open)(void *ctx, const char *path);
	int (*ioctl)(void *ctx, int fd, unsigned long request, void *arg);
	void (*close)(void *ctx, int fd);
};
extern const struct guest_device guest_device_linux;

enum { TDREPORT_LEN = 1024, TDREPORT_MRCONFIGID = 512 + 64, TDREPORT_MRCONFIGID_LEN = 48 };

/* TDX_CMD_GET_REPORT0. A TDREPORT is for this machine only: no quote, no evidence. ERR_NOT_FOUND: no such device;
 * ERR_IO, ERR_ATTEST. */
enum err tdx_device_report(const struct guest_device *device, const char *path, uint8_t out[TDREPORT_LEN],
			   struct errmsg *em) MUST_USE;

/* SNP_GET_EXT_REPORT, where the kernel does not know it SNP_GET_REPORT. outblob: the report; auxblob: the certificate
 * table, perhaps empty. ERR_NOT_FOUND, ERR_IO, ERR_ATTEST, ERR_TIMEOUT. */
struct snp_device_request {
	const char *path;
	const uint8_t *report_data; /* TSM_INBLOB_LEN bytes */
	struct deadline deadline;
};
enum err snp_device_report(const struct guest_device *device, const struct snp_device_request *request,
			   struct tsm_answer *out, struct errmsg *em) MUST_USE;
