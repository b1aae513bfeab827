#include "attest/init_data_delivery.h"
#include "common/file.h"
#include "tools/kbs_attest_args.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { PACKED_MAX = 2 * INIT_DATA_MAX, SOURCES_MAX = 64, CHECK_MS = 60000 };

static bool read_exactly(int fd, uint8_t *to, size_t len)
{
	while (len > 0) {
		ssize_t n = read(fd, to, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		to += n;
		len -= (size_t)n;
	}
	return true;
}

/* A whole disk is read as far as its head says, to the end of the sector; a file is read by file_read(). */
static enum err disk_read(const char *path, struct buf *out, struct errmsg *em)
{
	uint8_t head[512];
	uint64_t len = 0;
	AUTO_FD
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(em, ERR_IO, "%s", path);
	if (!read_exactly(fd, head, sizeof head))
		return err_set(em, ERR_IO, "%s cannot be read", path);
	for (size_t i = 8; i > 0; i--)
		len = len << 8 | head[7 + i];
	if (memcmp(head, "initdata", 8) != 0 || len > PACKED_MAX)
		return err_set(em, ERR_PARSE, "%s holds no init data", path);
	size_t all = (16 + (size_t)len + 511) / 512 * 512;
	enum err e = buf_reserve(out, all, em);
	if (e != OK)
		return e;
	memcpy(out->data, head, sizeof head);
	if (!read_exactly(fd, out->data + sizeof head, all - sizeof head))
		return err_set(em, ERR_PARSE, "%s holds less than it says", path);
	out->len = all;
	return OK;
}

static bool is_disk(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISBLK(st.st_mode);
}

/* Whatever form the file has. */
static enum err text_read(const char *path, struct buf *out, struct errmsg *em)
{
	AUTO_BUF
	packed = { 0 };
	enum err e = is_disk(path) ? disk_read(path, &packed, em) : file_read(path, PACKED_MAX, &packed, em);
	return e == OK ? init_data_unpack(buf_bytes(&packed), out, em) : e;
}

static enum err read_parsed(const char *path, struct init_data **out, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	enum err e = text_read(path, &text, em);
	return e == OK ? init_data_parse(buf_bytes(&text), out, em) : e;
}

/* NAME=FILE each. */
static enum err sources_read(const struct guest_args *args, char **names, struct init_data_source *to,
			     struct buf *texts, struct errmsg *em)
{
	for (int i = 0; i < args->word_count; i++) {
		const char *equals = strchr(args->words[i], '=');
		if (!equals || equals == args->words[i])
			return err_set(em, ERR_ARG, "%.64s: NAME=FILE is wanted", args->words[i]);
		names[i] = strndup(args->words[i], (size_t)(equals - args->words[i]));
		if (!names[i])
			return err_nomem(em, "a name");
		enum err e = file_read(equals + 1, INIT_DATA_MAX, &texts[i], em);
		if (e != OK)
			return e;
		to[i] = (struct init_data_source){ names[i], buf_bytes(&texts[i]) };
	}
	return OK;
}

static enum err make_print(const struct guest_args *args, const struct init_data_plan *plan, struct errmsg *em)
{
	enum init_data_form form = args->annotation ? INIT_DATA_ANNOTATION
				   : args->disk     ? INIT_DATA_DISK
						    : INIT_DATA_TEXT;
	AUTO_BUF
	text = { 0 };
	AUTO_BUF
	packed = { 0 };
	enum err e = init_data_compose(plan, &text, em);
	if (e == OK)
		e = init_data_pack(buf_bytes(&text), form, &packed, em);
	return e == OK ? guest_print(buf_bytes(&packed), form == INIT_DATA_ANNOTATION, em) : e;
}

static enum err make(const struct guest_args *args, struct errmsg *em)
{
	static struct buf texts[SOURCES_MAX];
	struct init_data_source sources[SOURCES_MAX];
	char *names[SOURCES_MAX] = { NULL };
	struct init_data_plan plan = { args->algorithm ? args->algorithm : "sha384", args->json, sources,
				       (size_t)args->word_count };
	enum err e = args->word_count <= SOURCES_MAX ? sources_read(args, names, sources, texts, em)
						     : err_set(em, ERR_LIMIT, "more than %d files", SOURCES_MAX);
	if (e == OK)
		e = make_print(args, &plan, em);
	for (size_t i = 0; i < SOURCES_MAX; i++) {
		free(names[i]);
		buf_clear(&texts[i]);
	}
	return e;
}

static enum err digest(const struct guest_args *args, struct errmsg *em)
{
	AUTO(init_data) *d = NULL;
	struct attest_digest value;
	uint8_t field[ATTEST_DIGEST_MAX];
	size_t len = args->tee ? init_data_field_len(args->tee) : 0;
	if (args->tee && !len)
		return err_set(em, ERR_ARG, "--tee %.32s: tdx, snp, sgx or cca is wanted", args->tee);
	enum err e = read_parsed(args->words[0], &d, em);
	if (e == OK)
		e = init_data_digest(d, &value, em);
	if (e != OK)
		return e;
	if (len)
		init_data_field(&value, len, field);
	AUTO_STR
	char *hex = hex_encode(len ? (struct bytes){ field, len } : (struct bytes){ value.data, value.len });
	return hex ? guest_print(bytes_str(hex), true, em) : err_nomem(em, "the digest");
}

static enum err check(const struct guest_args *args, struct errmsg *em)
{
	struct attester_machine machine = guest_args_machine(args);
	const struct attester_choice how = { args->attester ? args->attester : "auto", &machine,
					     deadline_in_ms(CHECK_MS) };
	const struct attester *attester = NULL;
	AUTO(init_data) *d = NULL;
	enum err e = read_parsed(args->words[0], &d, em);
	if (e == OK)
		e = attester_find_with(&how, d, &attester, em);
	if (e == OK && strcmp(attester_tee(attester), "sample") == 0)
		e = err_set(em, ERR_ATTEST, "the sample TEE carries no init data");
	return e;
}

static enum err unpack(const struct guest_args *args, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	AUTO(init_data) *d = NULL;
	enum err e = text_read(args->words[0], &text, em);
	if (e == OK)
		e = init_data_parse(buf_bytes(&text), &d, em);
	return e == OK ? guest_print(buf_bytes(&text), false, em) : e;
}

int attest_init_data(int argc, char **argv)
{
	static const struct {
		const char *name;
		const char *options;
		enum err (*run)(const struct guest_args *args, struct errmsg *em);
	} commands[] = {
		{ "make", "ajnd", make },
		{ "digest", "e", digest },
		{ "check", "tRp", check },
		{ "unpack", "", unpack },
	};
	struct guest_args args = { .algorithm = NULL };
	struct errmsg em = { "" };
	size_t i = 0;
	while (i < ARRAY_LEN(commands) && (argc < 2 || strcmp(commands[i].name, argv[1]) != 0))
		i++;
	if (i == ARRAY_LEN(commands))
		return cli_usage("init-data: make, digest, check or unpack is wanted");
	int code = guest_args_read(&args, commands[i].options, argc - 1, argv + 1);
	if (code >= 0)
		return code;
	if (args.annotation && args.disk)
		return cli_usage("--annotation and --disk do not go together");
	if (i == 0 ? args.word_count == 0 : args.word_count != 1)
		return cli_usage("init-data %s: %s", commands[i].name,
				 i == 0 ? "NAME=FILE is wanted, once or more" : "one file is wanted");
	enum err e = commands[i].run(&args, &em);
	return e == OK ? 0 : cli_fail(e, &em);
}
