#include "tools/cli.h"

#include "common/harden.h"
#include "common/utf8.h"
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *command_name = "kbs";

void cli_begin(const char *command, const char *help, int argc, char **argv)
{
	command_name = command;
	struct errmsg em = { "" };
	enum err e = harden_process(&em);
	if (e != OK)
		exit(cli_fail(e, &em));
	if (argc < 2)
		return;
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(help, stdout);
		exit(fflush(stdout) == 0 ? 0 : err_exit_code(ERR_IO));
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("%s %s\n", command, PACKAGE_VERSION);
		exit(fflush(stdout) == 0 ? 0 : err_exit_code(ERR_IO));
	}
}

/* Texts quote names of archives, registries and services: none of them writes to a terminal what that would obey. */
static void print_harmless(const char *text)
{
	struct bytes all = bytes_str(text);
	for (size_t at = 0; at < all.len;) {
		size_t next = at;
		uint32_t point = 0;
		bool whole = utf8_next(all, &next, &point);
		bool harmless = whole && point >= 0x20 && (point < 0x7f || point >= 0xa0);
		for (size_t end = whole ? next : at + 1; at < end; at++) {
			if (harmless)
				fputc(text[at], stderr);
			else
				fprintf(stderr, "\\x%02x", (unsigned char)text[at]);
		}
	}
}

int cli_fail(enum err e, const struct errmsg *em)
{
	fprintf(stderr, "%s: ", command_name);
	print_harmless(em->text[0] ? em->text : err_name(e));
	fputc('\n', stderr);
	return err_exit_code(e);
}

int cli_usage(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fprintf(stderr, "%s: ", command_name);
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\nTry '%s --help'.\n", command_name);
	va_end(args);
	return err_exit_code(ERR_ARG);
}

int cli_option(int argc, char **argv, const char *letters, const struct option *options)
{
	opterr = 0;
	int option = getopt_long(argc, argv, letters, options, NULL);
	if (option != ':' && option != '?')
		return option;
	const char *name = argv[optind - 1];
	if (option == ':')
		(void)cli_usage("%s wants an argument", name);
	else if (strncmp(name, "--", 2) != 0)
		(void)cli_usage("unknown option -%c", optopt);
	else
		(void)cli_usage(optopt ? "%.*s takes no argument" : "unknown option %.*s", (int)strcspn(name, "="),
				name);
	return '?';
}

int cli_on_terminal(void)
{
	const char *term = getenv("TERM");
	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}
