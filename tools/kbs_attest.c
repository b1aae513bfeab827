#include "tools/kbs_attest.h"

#include "common/cleanup.h"

static const char help[] =
	"Usage: kbs-attest measure tdx FIRMWARE [--two-pass]\n"
	"       kbs-attest measure snp FIRMWARE --vcpus N --vcpu-type NAME [--features N]\n"
	"                              [--kernel FILE [--initrd FILE] [--append TEXT]] [--vmm qemu|ec2|gce]\n"
	"       kbs-attest measure snp IGVM-FILE [--vmm igvm|qemu]\n"
	"                              [--format hex|json|rvps|corim] [--out FILE]\n"
	"       kbs-attest measure rtmr EVENT-LOG\n"
	"       kbs-attest measure tee-info FIRMWARE --attributes HEX --xfam HEX [--event-log FILE] [--two-pass]\n"
	"       kbs-attest reference check FILE FIRMWARE [--key FILE] [--kernel FILE] [--initrd FILE] [--append TEXT]\n"
	"       kbs-attest init-data make [--algorithm NAME] [--json] [--annotation | --disk] NAME=FILE...\n"
	"       kbs-attest init-data digest FILE [--tee NAME]\n"
	"       kbs-attest init-data check FILE [--attester NAME]\n"
	"       kbs-attest init-data unpack FILE\n"
	"       kbs-attest evidence --report-data HEX [--attester NAME]\n"
	"\n"
	"measure    predicts what a Trusted Execution Environment (TEE) measures of a firmware image, and prints it "
	"as\n"
	"           hexadecimal: the MRTD of a TD, the launch digest of an SEV-SNP guest. Firmware that does not say "
	"what\n"
	"           is measured of it is refused. rtmr and tee-info: what a TD's event log comes to, and the hash of\n"
	"           all that a TD is measured as.\n"
	"reference  computes the value of such a document again from the firmware, and says whether they match.\n"
	"init-data  composes what a guest is started with, prints its digest (with --tee as that TEE carries it), "
	"checks\n"
	"           whether the TEE that this runs in carries it, and takes it out of an annotation or a disk.\n"
	"evidence   takes evidence of the TEE that this runs in, and prints it as the KBS protocol has it (JSON).\n"
	"\n"
	"Options of measure:\n"
	"  --two-pass        tdx: a section's pages are added first and their contents extended then, as older QEMU\n"
	"                    does; without it page by page, as td-shim, current QEMU and clouds do\n"
	"  --vcpus N         snp: how many virtual processors, 1 to 4096\n"
	"  --vcpu-type NAME  snp: QEMU's name of the processor: EPYC-v4, EPYC-Milan, EPYC-Genoa, EPYC-Turin, ...;\n"
	"                    ec2 and gce do without\n"
	"  --features N      snp: SEV_FEATURES of the guest; default 0x1\n"
	"  --kernel FILE     snp: direct boot of this kernel, with --initrd FILE and --append TEXT\n"
	"  --vmm NAME        snp: qemu, which is the default, ec2 or gce; of an IGVM file igvm, which is the default, "
	"or\n"
	"                    qemu. tdx: a name\n"
	"  --format NAME     hex (the default), or a document to publish: json, rvps or corim; to --out FILE\n"
	"  --vmm-version, --svn, --not-before, --not-after, --signer   what the document says besides\n"
	"  --sign FILE       with this private key: json as JWS, corim as COSE_Sign1; --certificate FILE goes along\n"
	"\n"
	"Options of reference check:\n"
	"  --key FILE        the document must be signed by this key (public key or certificate)\n"
	"  --kernel, --initrd, --append   compared with the document's hashes of them\n"
	"  --time RFC3339    the clock, instead of now\n"
	"\n"
	"Options of init-data and evidence:\n"
	"  --algorithm NAME  make: sha256, sha384 (the default) or sha512\n"
	"  --json            make: JSON instead of TOML\n"
	"  --annotation, --disk  make: packed, as the annotation of a pod or as a disk\n"
	"  --tee NAME        digest: tdx, snp, sgx or cca\n"
	"  --attester NAME   auto (the default), sgx, tdx, snp, cca, tpm or sample\n"
	"  --report-data HEX evidence: at most 64 bytes that it is bound to\n"
	"  --tee-root DIR    where the guest's /sys and /dev are\n"
	"  --tpm TCTI        the TPM, for tpm2-tss: device:/dev/tpmrm0\n"
	"\n"
	"Examples:\n"
	"  kbs-attest measure tdx /usr/share/ovmf/OVMF.fd\n"
	"  kbs-attest measure snp /usr/share/ovmf/OVMF.fd --vcpus 4 --vcpu-type EPYC-v4\n"
	"  kbs-attest init-data make --annotation aa.toml=aa.toml cdh.toml=cdh.toml\n"
	"\n"
	"Exit codes: 0 done; 1 a fault inside; 2 command line; 3 no such attester; 4 time was up; 5 no evidence, the\n"
	"TEE carries other init data, or a reference value does not match or is not valid now; 6 no such file;\n"
	"7 cryptography, or a signature does not hold; 8 malformed, without the metadata, or not supported; 9 no key\n"
	"of that kind; 10 file. See kbs-attest(1).\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "measure", attest_measure },
	{ "reference", attest_reference },
	{ "init-data", attest_init_data },
	{ "evidence", attest_evidence },
};

int main(int argc, char **argv)
{
	cli_begin("kbs-attest", help, argc, argv);
	/* What fails is told once, by us. */
	(void)setenv("TSS2_LOG", "all+NONE", 0);
	if (argc < 2)
		return cli_usage("measure, reference, init-data or evidence is wanted");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, argv[1]) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return cli_usage("%s: measure, reference, init-data or evidence is wanted", argv[1]);
}
