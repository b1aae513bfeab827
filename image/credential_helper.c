#include "image/credential_helper.h"

#include "common/json_scan.h"
#include "common/program.h"

#include <stdio.h>

#define ANSWER_MAX 65536
#define WAIT_MS 30000

/* A name, not a path: it becomes part of a program's. */
static bool name_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
	return len > 0 && len < 64 && !name[len] && name[0] != '.' && name[0] != '-';
}

static enum err join(const struct secret *user, const struct secret *password, struct secret **out, struct errmsg *em)
{
	struct bytes left = secret_bytes(user), right = secret_bytes(password);
	enum err e = secret_new(left.len + 1 + right.len, out, em);
	if (e != OK)
		return e;
	uint8_t *to = secret_data(*out);
	if (left.len)
		memcpy(to, left.data, left.len);
	to[left.len] = ':';
	if (right.len)
		memcpy(to + left.len + 1, right.data, right.len);
	return OK;
}

enum err credential_helper_parse(struct bytes output, struct credentials *out, struct errmsg *em)
{
	static const struct json_scan_path user_path = { .path = "Username" }, secret_path = { .path = "Secret" };
	struct bytes user_raw, password_raw;
	AUTO(secret) *user = NULL;
	AUTO(secret) *password = NULL;
	enum err e = json_scan_member(output, user_path, &user_raw, em);
	if (e == OK)
		e = json_scan_member(output, secret_path, &password_raw, em);
	if (e == OK)
		e = json_scan_string(user_raw, &user, em);
	if (e == OK)
		e = json_scan_string(password_raw, &password, em);
	if (e != OK)
		return e;
	if (bytes_equal(secret_bytes(user), bytes_str("<token>"))) {
		out->identity_token = steal(&password);
		return OK;
	}
	if (secret_len(user) && memchr(secret_data(user), ':', secret_len(user)))
		return err_set(em, ERR_PARSE, "a user name with a colon");
	return join(user, password, &out->user_password, em);
}

/* Docker's words for "it has none for this host"; they come on standard output. Another failure is one. */
static bool says_none(struct bytes output)
{
	static const char words[] = "credentials not found in native keychain";
	return output.len >= strlen(words) && memcmp(output.data, words, strlen(words)) == 0;
}

enum err credential_helper_get(const char *name, const char *host, struct credentials *out, bool *found,
			       struct errmsg *em)
{
	char program[96];
	AUTO(secret) *answer = NULL;
	struct errmsg why = { "" };
	int status = -1;
	*found = false;
	if (!name_valid(name))
		return err_set(em, ERR_CONFIG, "the name of a credential helper is letters, digits and - _ .");
	snprintf(program, sizeof(program), "docker-credential-%s", name);
	char *argv[] = { program, (char[]){ "get" }, NULL };
	const struct program p = { argv, bytes_str(host), deadline_in_ms(WAIT_MS), ANSWER_MAX };
	enum err e = program_run(&p, &answer, &status, &why);
	if (e == ERR_PROTO && status > 0 && says_none(secret_bytes(answer)))
		return OK;
	if (e == OK)
		e = credential_helper_parse(secret_bytes(answer), out, &why);
	if (e != OK)
		return err_set(em, ERR_CONFIG, "%s: %s", program, why.text);
	*found = true;
	return OK;
}
