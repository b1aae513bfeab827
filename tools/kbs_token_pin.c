#include "tools/kbs_token.h"

#include "common/pin_verifier.h"
#include "tools/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* One more than there may be, so that a longer one shows. */
#define LINE_MAX_ (PIN_LEN_MAX + 1)

/* The first line of standard input, byte for byte into the arena: no stdio, whose buffers nobody wipes. */
static enum err read_line(struct secret **out, struct errmsg *em)
{
	AUTO(secret) *line = NULL;
	size_t len = 0;
	enum err e = secret_new(LINE_MAX_, &line, em);
	while (e == OK && len < LINE_MAX_) {
		uint8_t *at = secret_data(line) + len;
		ssize_t n = read(STDIN_FILENO, at, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			e = err_errno(em, ERR_IO, "standard input");
		if (n <= 0 || *at == '\n')
			break;
		len++;
	}
	if (e != OK)
		return e;
	secret_truncate(line, len);
	*out = steal(&line);
	return OK;
}

/* With the signals of the keyboard held back meanwhile: the terminal must echo again in any case. */
static enum err ask(const char *prompt, struct secret **out, struct errmsg *em)
{
	struct termios before;
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return err_errno(em, ERR_IO, "the terminal");
	struct termios silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) != 0)
		return err_errno(em, ERR_IO, "the terminal");
	fputs(prompt, stderr);
	enum err e = read_line(out, em);
	fputc('\n', stderr);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &before) != 0 && e == OK)
		e = err_errno(em, ERR_IO, "the terminal");
	return e;
}

static enum err read_pin(struct secret **out, struct errmsg *em)
{
	AUTO(secret) *again = NULL;
	if (!isatty(STDIN_FILENO))
		return read_line(out, em);
	enum err e = ask("PIN: ", out, em);
	if (e == OK)
		e = ask("The same again: ", &again, em);
	if (e == OK && !bytes_equal(secret_bytes(*out), secret_bytes(again)))
		e = err_set(em, ERR_ARG, "the two are not the same");
	return e;
}

int token_pin_verifier(const struct token_args *args)
{
	struct errmsg em = { "" };
	AUTO(secret) *pin = NULL;
	AUTO_STR
	char *text = NULL;
	const char *kind = args->word_count ? args->words[0] : "scrypt";
	enum err e = read_pin(&pin, &em);
	if (e == OK)
		e = pin_verifier_make(kind, secret_bytes(pin), &text, &em);
	if (e != OK)
		return cli_fail(e, &em);
	return printf("%s\n", text) > 0 && fflush(stdout) == 0 ? 0
							       : cli_fail(err_set(&em, ERR_IO, "standard output"), &em);
}
