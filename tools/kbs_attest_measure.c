#include "tools/kbs_attest_publish.h"

#include <getopt.h>
#include <stdio.h>

struct args {
	const char *firmware;
	bool two_pass;
	const char *vcpus;
	const char *vcpu_type;
	const char *features;
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *vmm;
	struct publish_args publish;
};

#define PUBLISH_OPTIONS                                                                                                \
	{ "format", required_argument, NULL, 'F' }, { "out", required_argument, NULL, 'o' },                           \
		{ "vmm", required_argument, NULL, 'v' }, { "vmm-version", required_argument, NULL, 'V' },              \
		{ "svn", required_argument, NULL, 'S' }, { "not-before", required_argument, NULL, 'b' },               \
		{ "not-after", required_argument, NULL, 'e' }, { "signer", required_argument, NULL, 'N' },             \
		{ "sign", required_argument, NULL, 's' }, { "certificate", required_argument, NULL, 'c' },             \
	{                                                                                                              \
		NULL, 0, NULL, 0                                                                                       \
	}

static const struct option tdx_options[] = {
	{ "two-pass", no_argument, NULL, '2' },
	PUBLISH_OPTIONS,
};

static const struct option snp_options[] = {
	{ "vcpus", required_argument, NULL, 'n' },
	{ "vcpu-type", required_argument, NULL, 't' },
	{ "features", required_argument, NULL, 'f' },
	{ "kernel", required_argument, NULL, 'k' },
	{ "initrd", required_argument, NULL, 'i' },
	{ "append", required_argument, NULL, 'a' },
	PUBLISH_OPTIONS,
};

static int option_take(struct args *args, int option, const char *name)
{
	const struct {
		int option;
		const char **to;
	} values[] = { { 'n', &args->vcpus },
		       { 't', &args->vcpu_type },
		       { 'f', &args->features },
		       { 'k', &args->kernel },
		       { 'i', &args->initrd },
		       { 'a', &args->append },
		       { 'v', &args->vmm },
		       { 'F', &args->publish.format },
		       { 'o', &args->publish.out },
		       { 'V', &args->publish.vmm_version },
		       { 'S', &args->publish.svn },
		       { 'b', &args->publish.not_before },
		       { 'e', &args->publish.not_after },
		       { 'N', &args->publish.signer },
		       { 's', &args->publish.sign },
		       { 'c', &args->publish.certificate } };
	if (option == '2')
		args->two_pass = true;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		if (values[i].option != option)
			continue;
		if (*values[i].to)
			return cli_usage("%s: given twice", name);
		*values[i].to = optarg;
	}
	return -1;
}

/* -1, or the exit code: the reason was printed. */
static int args_read(struct args *args, const struct option *options, int argc, char **argv)
{
	int option;
	while ((option = cli_option(argc, argv, ":", options)) != -1) {
		if (option == '?')
			return CLI_USAGE;
		int code = option_take(args, option, argv[optind - 1]);
		if (code >= 0)
			return code;
	}
	if (argc - optind != 1)
		return cli_usage("one firmware file is wanted");
	args->firmware = argv[optind];
	return -1;
}

static enum err text_set(char *to, size_t size, const char *text, struct errmsg *em)
{
	return references_text_set((struct references_text){ to, size }, bytes_str(text), em);
}

static enum err boot_hash(const struct args *args, struct references *of, struct errmsg *em)
{
	AUTO_BUF
	kernel = { 0 };
	AUTO_BUF
	initrd = { 0 };
	struct measure_boot boot = { .append = args->append };
	if (!args->kernel)
		return args->initrd || args->append ? err_set(em, ERR_ARG, "--initrd and --append go with --kernel")
						    : OK;
	of->has_boot = true;
	enum err e = measured_read(args->kernel, &kernel, &boot.kernel, em);
	if (e == OK)
		e = measured_read(args->initrd, &initrd, &boot.initrd, em);
	return e == OK ? measure_boot_hash(&boot, &of->boot, em) : e;
}

static enum err snp_values(const struct args *args, enum measure_vmm vmm, struct references *of, struct errmsg *em)
{
	uint64_t vcpus = 0;
	uint32_t signature = 0;
	const char *type = args->vcpu_type ? args->vcpu_type : "";
	of->features = 1;
	if (!args->vcpus)
		return err_set(em, ERR_ARG, "--vcpus is wanted: it is measured");
	if (!args->vcpu_type && vmm == MEASURE_QEMU)
		return err_set(em, ERR_ARG, "--vcpu-type is wanted: QEMU has it measured");
	if (!number_read(args->vcpus, 4096, &vcpus) || vcpus == 0)
		return err_set(em, ERR_ARG, "--vcpus %.32s: 1 to 4096 is wanted", args->vcpus);
	if (type[0] && !measure_cpu_signature(type, &signature))
		return err_set(em, ERR_ARG, "--vcpu-type %.32s: not known", type);
	if (args->features && !number_read(args->features, UINT64_MAX, &of->features))
		return err_set(em, ERR_ARG, "--features %.32s: a number is wanted", args->features);
	of->vcpus = (unsigned)vcpus;
	enum err e = text_set(of->vcpu_type, sizeof of->vcpu_type, type, em);
	return e == OK ? boot_hash(args, of, em) : e;
}

/* What the command line says of the firmware, which decides what may be said. */
static enum err inputs_read(const struct args *args, struct references *of, struct errmsg *em)
{
	enum measure_vmm vmm = MEASURE_QEMU;
	const char *name = args->vmm ? args->vmm : of->igvm && of->tee == REFERENCES_SNP ? "igvm" : "qemu";
	enum err e = text_set(of->vmm, sizeof of->vmm, name, em);
	of->order = args->two_pass ? MEASURE_TWO_PASS : MEASURE_INTERLEAVED;
	if (e != OK || of->tee == REFERENCES_TDX)
		return e;
	if (!measure_vmm_named(name, &vmm))
		return err_set(em, ERR_ARG, "--vmm %.32s: qemu, ec2, gce or igvm is wanted", name);
	if (!of->igvm)
		return snp_values(args, vmm, of, em);
	if (args->vcpus || args->vcpu_type || args->features || args->kernel || args->initrd || args->append)
		return err_set(em, ERR_ARG, "an IGVM file: processors, features and a kernel are in it");
	return OK;
}

/* QEMU takes pages without data for something else than the format says. */
static void qemu_hint(const struct references *of, struct bytes image)
{
	struct references qemu = *of;
	uint8_t value[MEASURE_LEN];
	snprintf(qemu.vmm, sizeof qemu.vmm, "qemu");
	if (references_measure(&qemu, image, value, NULL) == OK && memcmp(value, of->value, sizeof value) != 0)
		fprintf(stderr, "kbs-attest: QEMU launches this file with another value: --vmm qemu\n");
}

static enum err firmware_measure(const struct args *args, struct references *of, struct errmsg *em)
{
	AUTO_BUF
	firmware = { 0 };
	struct bytes image = { NULL, 0 };
	const char *slash = args->firmware ? strrchr(args->firmware, '/') : NULL;
	enum err e = measured_read(args->firmware, &firmware, &image, em);
	if (e != OK)
		return err_wrap(em, e, "%s", args->firmware);
	of->igvm = measure_is_igvm(image);
	of->firmware_len = image.len;
	e = inputs_read(args, of, em);
	if (e != OK)
		return e;
	e = references_measure(of, image, of->value, em);
	if (e == OK)
		e = sha256_of(image, of->firmware_sha256, em);
	if (e == OK && args->publish.format)
		e = text_set(of->firmware, sizeof of->firmware, slash ? slash + 1 : args->firmware, em);
	if (e == OK && of->igvm && of->tee == REFERENCES_SNP && !args->vmm)
		qemu_hint(of, image);
	return e == OK ? OK : err_wrap(em, e, "%s", args->firmware);
}

static enum err measure(const struct args *args, enum references_tee tee, struct errmsg *em)
{
	struct references of = { .tee = tee, .svn = -1 };
	enum err e = firmware_measure(args, &of, em);
	return e == OK ? publish(&of, &args->publish, em) : e;
}

int attest_measure(int argc, char **argv)
{
	struct args args = { .firmware = NULL };
	struct errmsg em = { "" };
	if (argc < 2)
		return cli_usage("measure tdx, snp, rtmr or tee-info is wanted");
	if (strcmp(argv[1], "rtmr") == 0)
		return attest_measure_rtmr(argc - 1, argv + 1);
	if (strcmp(argv[1], "tee-info") == 0)
		return attest_measure_tee_info(argc - 1, argv + 1);
	bool is_tdx = strcmp(argv[1], "tdx") == 0;
	if (!is_tdx && strcmp(argv[1], "snp") != 0)
		return cli_usage("measure %s: tdx, snp, rtmr or tee-info is wanted", argv[1]);
	int code = args_read(&args, is_tdx ? tdx_options : snp_options, argc - 1, argv + 1);
	if (code >= 0)
		return code;
	enum err e = measure(&args, is_tdx ? REFERENCES_TDX : REFERENCES_SNP, &em);
	return e == OK ? 0 : cli_fail(e, &em);
}
