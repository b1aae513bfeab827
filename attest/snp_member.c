#include "attest/snp_member.h"

#include "common/cleanup.h"

const struct snp_member snp_members[SNP_MEMBERS] = {
	{ "version", 0x00, 4, SNP_NUMBER, 0 },
	{ "guest_svn", 0x04, 4, SNP_NUMBER, 0 },
	{ "policy", 0x08, 8, SNP_NUMBER, 0 },
	{ "family_id", 0x10, 16, SNP_OCTETS, 0 },
	{ "image_id", 0x20, 16, SNP_OCTETS, 0 },
	{ "vmpl", 0x30, 4, SNP_NUMBER, 0 },
	{ "sig_algo", 0x34, 4, SNP_NUMBER, 0 },
	{ "current_tcb", 0x38, 8, SNP_TCB, 0 },
	{ "plat_info", 0x40, 8, SNP_NUMBER, 0 },
	{ "key_info", 0x48, 4, SNP_NUMBER, 0 },
	{ "report_data", 0x50, 64, SNP_OCTETS, 0 },
	{ "measurement", 0x90, 48, SNP_OCTETS, 0 },
	{ "host_data", 0xc0, 32, SNP_OCTETS, 0 },
	{ "id_key_digest", 0xe0, 48, SNP_OCTETS, 0 },
	{ "author_key_digest", 0x110, 48, SNP_OCTETS, 0 },
	{ "report_id", 0x140, 32, SNP_OCTETS, 0 },
	{ "report_id_ma", 0x160, 32, SNP_OCTETS, 0 },
	{ "reported_tcb", 0x180, 8, SNP_TCB, 0 },
	{ "cpuid_fam_id", 0x188, 1, SNP_NUMBER, 3 },
	{ "cpuid_mod_id", 0x189, 1, SNP_NUMBER, 3 },
	{ "cpuid_step", 0x18a, 1, SNP_NUMBER, 3 },
	{ "chip_id", 0x1a0, 64, SNP_OCTETS, 0 },
	{ "committed_tcb", 0x1e0, 8, SNP_TCB, 0 },
	{ "current", 0x1e8, 3, SNP_VERSION, 0 },
	{ "committed", 0x1ec, 3, SNP_VERSION, 0 },
	{ "launch_tcb", 0x1f0, 8, SNP_TCB, 0 },
	{ "launch_mit_vector", 0x1f8, 8, SNP_NUMBER, 5 },
	{ "current_mit_vector", 0x200, 8, SNP_NUMBER, 5 },
};

/* RFC 4122 byte order. The third is that of the ASK, or where the signer is a VLEK of the ASVK. */
static const struct {
	uint8_t guid[16];
	const char *kind;
} kinds[] = {
	{ { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd }, "VCEK" },
	{ { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8, 0xa1 }, "VLEK" },
	{ { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82 }, "ASK" },
	{ { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0, 0xae }, "ARK" },
	{ { 0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc, 0x67, 0xea }, "CRL" },
};

const char *snp_cert_kind(const uint8_t guid[16])
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (memcmp(guid, kinds[i].guid, sizeof kinds[i].guid) == 0)
			return kinds[i].kind;
	return NULL;
}
