#include "tools/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* As with git: `kbs NAME ...` runs the kbs-NAME that lies beside this program. */

static const char help[] = "Usage: kbs COMMAND [ARGUMENT...]\n"
			   "\n"
			   "Runs kbs-COMMAND from the folder that kbs itself lies in:\n"
			   "\n"
			   "  kbs token          what the PKCS#11 token offers, and what is wrong with it\n"
			   "  kbs image          copy, encrypt and decrypt OCI images\n"
			   "  kbs keyprovider    a key provider for skopeo and others, with keys of a token\n"
			   "  kbs server         a reference Key Broker Service\n"
			   "\n"
			   "Examples:\n"
			   "  kbs token doctor\n"
			   "  kbs image --help\n"
			   "\n"
			   "Exit codes: those of the command; 2 where there is no such command.\n"
			   "See kbs(1).\n";

/* The folder of this executable. ERR_IO. */
static enum err own_folder(char path[PATH_MAX], struct errmsg *em)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	if (n <= 0)
		return err_errno(em, ERR_IO, "cannot tell where this program lies");
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	if (!slash)
		return err_set(em, ERR_IO, "cannot tell where this program lies");
	*slash = '\0';
	return OK;
}

/* No path and no option: only a name beside us. */
static int is_name(const char *text)
{
	return text[0] && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text) && text[0] != '-';
}

int main(int argc, char **argv)
{
	struct errmsg em = { "" };
	char folder[PATH_MAX], program[PATH_MAX];
	cli_begin("kbs", help, argc, argv);
	if (argc < 2)
		return cli_usage("a command is missing");
	if (!is_name(argv[1]))
		return cli_usage("%s: not the name of a command", argv[1]);
	enum err e = own_folder(folder, &em);
	if (e != OK)
		return cli_fail(e, &em);
	int n = snprintf(program, sizeof(program), "%s/kbs-%s", folder, argv[1]);
	if (n < 0 || (size_t)n >= sizeof(program) || access(program, X_OK) != 0)
		return cli_usage("%s: no such command (there is no %s/kbs-%s)", argv[1], folder, argv[1]);
	argv[1] = program;
	execv(program, argv + 1);
	return cli_fail(err_errno(&em, ERR_IO, "%s", program), &em);
}
