#include "tools/kbs_attest_publish.h"

#include "attest/event_log.h"
#include "common/file.h"
#include "tools/kbs_attest_args.h"

#include <getopt.h>
#include <stdio.h>

/* `measure rtmr` and `measure tee-info`: what a TD measures of itself while it starts, and all of it in one hash. */

enum { ATTRIBUTES, XFAM, MR_CONFIG_ID, MR_OWNER, MR_OWNER_CONFIG, EVENT_LOG, TEXT_OPTIONS };

struct args {
	const char *texts[TEXT_OPTIONS];
	bool two_pass;
	const char *file;
};

static const struct option options[] = {
	{ "attributes", required_argument, NULL, ATTRIBUTES },
	{ "xfam", required_argument, NULL, XFAM },
	{ "mr-config-id", required_argument, NULL, MR_CONFIG_ID },
	{ "mr-owner", required_argument, NULL, MR_OWNER },
	{ "mr-owner-config", required_argument, NULL, MR_OWNER_CONFIG },
	{ "event-log", required_argument, NULL, EVENT_LOG },
	{ "two-pass", no_argument, NULL, TEXT_OPTIONS },
	{ NULL, 0, NULL, 0 },
};

/* -1, or the exit code: the reason was printed. */
static int args_read(struct args *args, int argc, char **argv)
{
	int option;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == ':')
			return cli_usage("%s: its value is missing", argv[optind - 1]);
		if (option == '?')
			return cli_usage("%s: no such option here", argv[optind - 1]);
		if (option == TEXT_OPTIONS)
			args->two_pass = true;
		else if (args->texts[option])
			return cli_usage("--%s: given twice", options[option].name);
		else
			args->texts[option] = optarg;
	}
	if (argc - optind != 1)
		return cli_usage("one file is wanted");
	args->file = argv[optind];
	return -1;
}

static enum err field_read(const struct args *args, int which, uint8_t *to, size_t len, struct errmsg *em)
{
	const char *text = args->texts[which];
	if (text && (strlen(text) != 2 * len || hex_decode(text, to, len, em) != OK))
		return err_set(em, ERR_ARG, "--%s: %zu bytes in hexadecimal are wanted", options[which].name, len);
	return OK;
}

static enum err log_replay(const char *path, uint8_t rtmr[EVENT_RTMRS][EVENT_RTMR_LEN], struct errmsg *em)
{
	AUTO_BUF
	log = { 0 };
	struct event_log_registers registers;
	enum err e = file_read(path, EVENT_LOG_MAX, &log, em);
	if (e == OK)
		e = event_log_replay(buf_bytes(&log), &registers, em);
	if (e == OK)
		memcpy(rtmr, registers.rtmr, sizeof registers.rtmr);
	return e == OK ? OK : err_wrap(em, e, "%s", path);
}

static enum err td_read(const struct args *args, struct measure_td *td, struct errmsg *em)
{
	AUTO_BUF
	firmware = { 0 };
	struct bytes image = { NULL, 0 };
	if (!args->texts[ATTRIBUTES] || !args->texts[XFAM])
		return err_set(em, ERR_ARG, "--attributes and --xfam are wanted: they are in the hash");
	enum err e = field_read(args, ATTRIBUTES, td->attributes, sizeof td->attributes, em);
	if (e == OK)
		e = field_read(args, XFAM, td->xfam, sizeof td->xfam, em);
	if (e == OK)
		e = field_read(args, MR_CONFIG_ID, td->mr_config_id, sizeof td->mr_config_id, em);
	if (e == OK)
		e = field_read(args, MR_OWNER, td->mr_owner, sizeof td->mr_owner, em);
	if (e == OK)
		e = field_read(args, MR_OWNER_CONFIG, td->mr_owner_config, sizeof td->mr_owner_config, em);
	if (e == OK && args->texts[EVENT_LOG])
		e = log_replay(args->texts[EVENT_LOG], td->rtmr, em);
	if (e != OK)
		return e;
	e = measured_read(args->file, &firmware, &image, em);
	if (e == OK)
		e = measure_tdx(image, args->two_pass ? MEASURE_TWO_PASS : MEASURE_INTERLEAVED, td->mr_td, em);
	return e == OK ? OK : err_wrap(em, e, "%s", args->file);
}

static enum err value_print(const char *name, struct bytes value, struct errmsg *em)
{
	char line[160];
	AUTO_STR
	char *hex = hex_encode(value);
	if (!hex)
		return err_nomem(em, "a value");
	snprintf(line, sizeof line, "%s%s", name, hex);
	return guest_print(bytes_str(line), true, em);
}

int attest_measure_tee_info(int argc, char **argv)
{
	struct args args = { .file = NULL };
	struct measure_td td = { .attributes = { 0 } };
	uint8_t value[MEASURE_LEN];
	struct errmsg em = { "" };
	int code = args_read(&args, argc, argv);
	if (code >= 0)
		return code;
	enum err e = td_read(&args, &td, &em);
	if (e == OK)
		e = measure_tee_info(&td, value, &em);
	if (e == OK)
		e = value_print("", BYTES(value), &em);
	return e == OK ? 0 : cli_fail(e, &em);
}

int attest_measure_rtmr(int argc, char **argv)
{
	static const char *const names[EVENT_RTMRS] = { "rtmr_0 ", "rtmr_1 ", "rtmr_2 ", "rtmr_3 " };
	uint8_t rtmr[EVENT_RTMRS][EVENT_RTMR_LEN];
	struct errmsg em = { "" };
	if (argc != 2)
		return cli_usage("one event log is wanted");
	enum err e = log_replay(argv[1], rtmr, &em);
	for (size_t i = 0; i < EVENT_RTMRS && e == OK; i++)
		e = value_print(names[i], BYTES(rtmr[i]), &em);
	return e == OK ? 0 : cli_fail(e, &em);
}
