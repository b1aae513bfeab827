#include "attest/measure.h"
#include "common/file.h"
#include "tools/kbs_attest.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

enum { FILE_MAX_LEN = 256 << 20 };

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
};

static const struct option tdx_options[] = {
	{ "two-pass", no_argument, NULL, '2' },
	{ NULL, 0, NULL, 0 },
};

static const struct option snp_options[] = {
	{ "vcpus", required_argument, NULL, 'n' },    { "vcpu-type", required_argument, NULL, 't' },
	{ "features", required_argument, NULL, 'f' }, { "kernel", required_argument, NULL, 'k' },
	{ "initrd", required_argument, NULL, 'i' },   { "append", required_argument, NULL, 'a' },
	{ "vmm", required_argument, NULL, 'v' },      { NULL, 0, NULL, 0 },
};

static int option_take(struct args *args, int option, const char *name)
{
	const struct {
		int option;
		const char **to;
	} values[] = { { 'n', &args->vcpus },  { 't', &args->vcpu_type }, { 'f', &args->features },
		       { 'k', &args->kernel }, { 'i', &args->initrd },    { 'a', &args->append },
		       { 'v', &args->vmm } };
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
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == ':')
			return cli_usage("%s: its value is missing", argv[optind - 1]);
		if (option == '?')
			return cli_usage("%s: no such option here", argv[optind - 1]);
		int code = option_take(args, option, argv[optind - 1]);
		if (code >= 0)
			return code;
	}
	if (argc - optind != 1)
		return cli_usage("one firmware file is wanted");
	args->firmware = argv[optind];
	return -1;
}

static bool number_read(const char *text, uint64_t max, uint64_t *out)
{
	char *end = NULL;
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 0);
	return errno == 0 && *end == '\0' && *out <= max;
}

static enum err print_hex(const uint8_t digest[MEASURE_LEN], struct errmsg *em)
{
	AUTO_STR
	char *hex = hex_encode((struct bytes){ digest, MEASURE_LEN });
	if (!hex)
		return err_set(em, ERR_NOMEM, "no memory for the result");
	if (printf("%s\n", hex) < 0 || fflush(stdout) != 0)
		return err_errno(em, ERR_IO, "standard output");
	return OK;
}

static enum err tdx(const struct args *args, struct errmsg *em)
{
	AUTO_BUF
	firmware = { 0 };
	uint8_t digest[MEASURE_LEN];
	enum err e = file_read(args->firmware, FILE_MAX_LEN, &firmware, em);
	if (e == OK)
		e = measure_tdx(buf_bytes(&firmware), args->two_pass ? MEASURE_TWO_PASS : MEASURE_INTERLEAVED, digest,
				em);
	if (e != OK)
		return err_wrap(em, e, "%s", args->firmware);
	return print_hex(digest, em);
}

static enum err snp_values(const struct args *args, struct measure_snp *in, struct errmsg *em)
{
	uint64_t vcpus = 0;
	in->features = 1;
	if (!args->vcpus || !args->vcpu_type)
		return err_set(em, ERR_ARG, "--vcpus and --vcpu-type are wanted: they are measured");
	if (!number_read(args->vcpus, 4096, &vcpus) || vcpus == 0)
		return err_set(em, ERR_ARG, "--vcpus %.32s: 1 to 4096 is wanted", args->vcpus);
	if (!measure_cpu_signature(args->vcpu_type, &in->cpu_signature))
		return err_set(em, ERR_ARG, "--vcpu-type %.32s: not known", args->vcpu_type);
	if (args->features && !number_read(args->features, UINT64_MAX, &in->features))
		return err_set(em, ERR_ARG, "--features %.32s: a number is wanted", args->features);
	if (args->vmm && strcmp(args->vmm, "qemu") != 0)
		return err_set(em, ERR_UNSUPPORTED, "--vmm %.32s: only qemu is supported yet", args->vmm);
	if (!args->kernel && (args->initrd || args->append))
		return err_set(em, ERR_ARG, "--initrd and --append go with --kernel");
	in->vcpus = (unsigned)vcpus;
	in->boot.append = args->append;
	return OK;
}

/* An empty file is a file: its hash is that of nothing. */
static enum err boot_read(const char *path, struct buf *to, struct bytes *view, struct errmsg *em)
{
	if (!path)
		return OK;
	enum err e = file_read(path, FILE_MAX_LEN, to, em);
	*view = to->data ? buf_bytes(to) : (struct bytes){ (const uint8_t *)"", 0 };
	return e;
}

static enum err snp(const struct args *args, struct errmsg *em)
{
	AUTO_BUF
	firmware = { 0 };
	AUTO_BUF
	kernel = { 0 };
	AUTO_BUF
	initrd = { 0 };
	struct measure_snp in = { .vcpus = 0 };
	uint8_t digest[MEASURE_LEN];
	enum err e = snp_values(args, &in, em);
	if (e == OK)
		e = file_read(args->firmware, FILE_MAX_LEN, &firmware, em);
	in.firmware = buf_bytes(&firmware);
	if (e == OK)
		e = boot_read(args->kernel, &kernel, &in.boot.kernel, em);
	if (e == OK)
		e = boot_read(args->initrd, &initrd, &in.boot.initrd, em);
	if (e != OK)
		return e;
	e = measure_snp(&in, digest, em);
	if (e != OK)
		return err_wrap(em, e, "%s", args->firmware);
	return print_hex(digest, em);
}

int attest_measure(int argc, char **argv)
{
	struct args args = { .firmware = NULL };
	struct errmsg em = { "" };
	if (argc < 2)
		return cli_usage("measure tdx or measure snp is wanted");
	bool is_tdx = strcmp(argv[1], "tdx") == 0;
	if (!is_tdx && strcmp(argv[1], "snp") != 0)
		return cli_usage("measure %s: tdx or snp is wanted", argv[1]);
	int code = args_read(&args, is_tdx ? tdx_options : snp_options, argc - 1, argv + 1);
	if (code >= 0)
		return code;
	enum err e = is_tdx ? tdx(&args, &em) : snp(&args, &em);
	return e == OK ? 0 : cli_fail(e, &em);
}
