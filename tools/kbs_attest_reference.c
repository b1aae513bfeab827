#include "tools/kbs_attest_publish.h"

#include "attest/appraisal.h"
#include "common/file.h"
#include "tools/kbs_attest_args.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct args {
	const char *key;
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *time;
	const char *file;
	const char *firmware;
};

static const struct option options[] = {
	{ "key", required_argument, NULL, 0 },    { "kernel", required_argument, NULL, 1 },
	{ "initrd", required_argument, NULL, 2 }, { "append", required_argument, NULL, 3 },
	{ "time", required_argument, NULL, 4 },   { NULL, 0, NULL, 0 },
};

/* -1, or the exit code: the reason was printed. */
static int args_read(struct args *args, int argc, char **argv)
{
	const char **const to[] = { &args->key, &args->kernel, &args->initrd, &args->append, &args->time };
	int option;
	while ((option = cli_option(argc, argv, ":", options)) != -1) {
		if (option == '?')
			return CLI_USAGE;
		if (*to[option])
			return cli_usage("--%s: given twice", options[option].name);
		*to[option] = optarg;
	}
	if (argc - optind != 2)
		return cli_usage("a document and its firmware are wanted");
	args->file = argv[optind];
	args->firmware = argv[optind + 1];
	return -1;
}

static enum err document_read(const struct args *args, struct references *of, bool *is_signed, struct errmsg *em)
{
	AUTO_BUF
	file = { 0 };
	AUTO_BUF
	pem = { 0 };
	AUTO_OF(EVP_PKEY) *key = NULL;
	if (args->key) {
		enum err e = file_read(args->key, 1 << 20, &pem, em);
		if (e == OK)
			e = key_public_parse(buf_bytes(&pem), &key, em);
		if (e != OK)
			return err_wrap(em, e, "%s", args->key);
	}
	enum err e = file_read(args->file, 4 << 20, &file, em);
	if (e == OK)
		e = references_read(buf_bytes(&file), key, of, is_signed, em);
	return e == OK ? OK : err_wrap(em, e, "%s", args->file);
}

static enum err compare(const char *what, struct bytes expected, struct bytes actual, struct errmsg *em)
{
	if (bytes_equal(expected, actual))
		return OK;
	AUTO_STR
	char *one = hex_encode(expected);
	AUTO_STR
	char *other = hex_encode(actual);
	if (!one || !other)
		return err_nomem(em, "a value");
	return err_set(em, ERR_ATTEST, "%s: the document says %s, computed is %s", what, one, other);
}

static enum err valid_now(const struct args *args, const struct references *of, struct errmsg *em)
{
	int64_t now = (int64_t)time(NULL);
	if (args->time && !appraisal_time_parse(args->time, &now))
		return err_set(em, ERR_ARG, "--time %.40s: a time of RFC 3339 is wanted", args->time);
	if (of->not_before && now < of->not_before)
		return err_set(em, ERR_EXPIRED, "%s: not valid yet", args->file);
	if (of->not_after && now > of->not_after)
		return err_set(em, ERR_EXPIRED, "%s: no longer valid", args->file);
	return OK;
}

static enum err boot_compare(const struct args *args, const struct references *of, struct errmsg *em)
{
	AUTO_BUF
	kernel = { 0 };
	AUTO_BUF
	initrd = { 0 };
	struct measure_boot boot = { .append = args->append };
	struct measure_boot_hashes hashes;
	if (!args->kernel && !args->initrd && !args->append)
		return OK;
	if (!of->has_boot)
		return err_set(em, ERR_ATTEST, "the document is not about a kernel that is booted directly");
	enum err e = measured_read(args->kernel, &kernel, &boot.kernel, em);
	if (e == OK)
		e = measured_read(args->initrd, &initrd, &boot.initrd, em);
	if (e == OK)
		e = measure_boot_hash(&boot, &hashes, em);
	if (e == OK && args->kernel)
		e = compare("kernel", BYTES(of->boot.kernel), BYTES(hashes.kernel), em);
	if (e == OK && args->initrd)
		e = compare("initrd", BYTES(of->boot.initrd), BYTES(hashes.initrd), em);
	if (e == OK && args->append)
		e = compare("command line", BYTES(of->boot.append), BYTES(hashes.append), em);
	return e;
}

static enum err firmware_compare(const struct args *args, const struct references *of, struct errmsg *em)
{
	AUTO_BUF
	firmware = { 0 };
	struct bytes image = { NULL, 0 };
	uint8_t sha256[32];
	uint8_t value[MEASURE_LEN];
	enum err e = measured_read(args->firmware, &firmware, &image, em);
	if (e == OK)
		e = sha256_of(image, sha256, em);
	if (e == OK)
		e = compare("SHA-256 of the firmware", BYTES(of->firmware_sha256), BYTES(sha256), em);
	if (e == OK && image.len != of->firmware_len)
		e = err_set(em, ERR_ATTEST, "the document says %llu bytes, there are %zu",
			    (unsigned long long)of->firmware_len, image.len);
	if (e == OK)
		e = references_measure(of, image, value, em);
	if (e == OK)
		e = compare(references_name(of->tee), BYTES(of->value), BYTES(value), em);
	return e == OK ? OK : err_wrap(em, e, "%s", args->firmware);
}

/* Whether the document names values of the TEE; with a value, this one. */
static bool names(const struct references *of, enum references_tee tee, const uint8_t *value)
{
	for (size_t i = 0; i < of->named_count; i++)
		if (of->named[i].tee == tee && (!value || memcmp(of->named[i].value, value, MEASURE_LEN) == 0))
			return true;
	return false;
}

/* Somebody else's document does not say how its values came about: one of the ways that the firmware alone leaves open
 * must lead to one of them. */
static enum err named_compare(const struct args *args, struct references *of, struct errmsg *em)
{
	AUTO_BUF
	firmware = { 0 };
	struct bytes image = { NULL, 0 };
	static const struct references ways[] = {
		{ .tee = REFERENCES_TDX },
		{ .tee = REFERENCES_TDX, .order = MEASURE_TWO_PASS },
		{ .tee = REFERENCES_TDX, .igvm = true },
		{ .tee = REFERENCES_SNP, .igvm = true, .vmm = "igvm" },
		{ .tee = REFERENCES_SNP, .igvm = true, .vmm = "qemu" },
	};
	enum err e = measured_read(args->firmware, &firmware, &image, em);
	if (e != OK)
		return err_wrap(em, e, "%s", args->firmware);
	bool igvm = measure_is_igvm(image);
	bool computed = false;
	if (!igvm && !names(of, REFERENCES_TDX, NULL))
		return err_set(em, ERR_UNSUPPORTED, "%s does not say the processors, which SEV-SNP measures",
			       args->file);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		if (ways[i].igvm != igvm || !names(of, ways[i].tee, NULL))
			continue;
		e = references_measure(&ways[i], image, of->value, em);
		computed = computed || e == OK;
		of->tee = ways[i].tee;
		if (e == OK && names(of, of->tee, of->value))
			return OK;
	}
	if (computed)
		return err_set(em, ERR_ATTEST, "%s names %zu values, and none is that of %s", args->file,
			       of->named_count, args->firmware);
	return err_wrap(em, e, "%s", args->firmware);
}

static enum err verdict_print(const struct args *args, const struct references *of, bool is_signed, struct errmsg *em)
{
	char text[512];
	AUTO_STR
	char *hex = hex_encode(BYTES(of->value));
	if (!hex)
		return err_nomem(em, "a value");
	snprintf(text, sizeof text, "match: %s %s%s%s; %s", references_name(of->tee), hex,
		 of->signer[0] ? "; signer says " : "", of->signer,
		 args->key   ? "the signature holds"
		 : is_signed ? "signed, and not checked: no --key"
			     : "not signed");
	return guest_print(bytes_str(text), true, em);
}

int attest_reference(int argc, char **argv)
{
	struct args args = { .file = NULL };
	struct references of;
	struct errmsg em = { "" };
	bool is_signed = false;
	if (argc < 2 || strcmp(argv[1], "check") != 0)
		return cli_usage("reference check is wanted");
	int code = args_read(&args, argc - 1, argv + 1);
	if (code >= 0)
		return code;
	enum err e = document_read(&args, &of, &is_signed, &em);
	if (e == OK)
		e = valid_now(&args, &of, &em);
	if (e == OK)
		e = boot_compare(&args, &of, &em);
	if (e == OK)
		e = of.named_count ? named_compare(&args, &of, &em) : firmware_compare(&args, &of, &em);
	if (e == OK)
		e = verdict_print(&args, &of, is_signed, &em);
	return e == OK ? 0 : cli_fail(e, &em);
}
