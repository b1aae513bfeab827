#include "keywrap/provider_cmd.h"

#include "common/program.h"
#include "keywrap/provider_message.h"

/* What kbs-keyprovider(1) says by its exit status reaches its caller's; other providers say nothing by theirs. */
static enum err status_err(int status)
{
	static const enum err errs[] = {
		[4] = ERR_NET, [5] = ERR_DENIED, [6] = ERR_NOT_FOUND, [7] = ERR_INTEGRITY, [9] = ERR_KEY
	};
	if (status < 0 || (size_t)status >= ARRAY_LEN(errs) || errs[status] == OK)
		return ERR_PROTO;
	return errs[status];
}

enum err provider_cmd_run(char *const *argv, struct bytes input, struct deadline until, struct secret **output,
			  struct errmsg *em)
{
	int status = -1;
	const struct program p = { argv, input, until, PROVIDER_MESSAGE_MAX };
	AUTO(secret) *printed = NULL;
	enum err e = program_run(&p, &printed, &status, em);
	if (e == OK)
		*output = steal(&printed);
	return e == ERR_PROTO ? status_err(status) : e;
}
