#pragma once
#include "common/settings.h"
#include "kbc/kbc.h"

#include <p11-kit/pkcs11.h>

/* kbs-token: what its commands share. */

struct token_args {
	const char *config; /* or NULL: as every command */
	const char *module; /* or NULL: found by token_module_path() */
	const char *out;
	const char *token; /* --token: the label of one, or NULL */
	const char *socket; /* where to serve, or NULL */
	bool json;
	char **words;
	int word_count;
};

/* Each returns the exit code. */
int token_list(const struct token_args *args);
int token_describe(const struct token_args *args);
int token_get(const struct token_args *args);
int token_doctor(const struct token_args *args);
int token_pin_verifier(const struct token_args *args);
int token_serve(const struct token_args *args);

/* Reads the configuration; *s stays NULL where there is no file and nobody named one. */
enum err token_settings(const struct token_args *args, struct settings **s, struct errmsg *em) MUST_USE;

/* The KBSs that a configuration names, each once: the file's, those of its tokens. */
#define TOKEN_KBS_MAX 65
struct token_kbs_list {
	struct kbc_options items[TOKEN_KBS_MAX];
	size_t count;
};
/* Of the tokens with the label that was asked for (args->token), or of all. At least one. Clear it whatever comes back.
 * ERR_CONFIG; ERR_NOT_FOUND: no such token, or nothing says where a KBS is. */
enum err token_kbs_list(const struct token_args *args, const struct settings *s, struct token_kbs_list *out,
			struct errmsg *em) MUST_USE;
void token_kbs_list_clear(struct token_kbs_list *list);

/* The PKCS#11 module: --module, else kbs-pkcs11.so beside this program (a build tree), else the installed one. */
enum err token_module_path(const struct token_args *args, char path[4096], struct errmsg *em) MUST_USE;

/* The module, loaded and initialized. `config` reaches it through its environment variable. */
struct token_module {
	void *handle;
	CK_FUNCTION_LIST *p11;
	bool initialized;
};
enum err token_module_open(const struct token_args *args, struct token_module *m, struct errmsg *em) MUST_USE;
void token_module_close(struct token_module *m);
#define AUTO_MODULE __attribute__((cleanup(token_module_close))) struct token_module

/* The slots, those without a token among them. */
#define TOKEN_SLOTS_MAX 256
struct token_slots {
	CK_SLOT_ID ids[TOKEN_SLOTS_MAX];
	CK_ULONG count;
};
enum err token_module_slots(const struct token_module *m, struct token_slots *slots, struct errmsg *em) MUST_USE;
/* ERR_NOT_FOUND: it is empty; then, if the module says so, with what is wrong. */
enum err token_module_info(const struct token_module *m, CK_SLOT_ID slot, CK_TOKEN_INFO *info,
			   struct errmsg *em) MUST_USE;
/* Whether that is a token that was asked for. */
bool token_wanted(const struct token_args *args, const CK_TOKEN_INFO *info);
/* A padded field of CK_TOKEN_INFO as text that is safe to print. */
struct token_field {
	char text[65];
};
struct token_field token_field(const unsigned char *field, size_t len);
/* A CK_RV as an error: "C_Initialize: CKR_GENERAL_ERROR (0x5)". */
enum err token_rv(const char *function, CK_RV rv, struct errmsg *em);

/* What the doctor finds out. */
enum finding_state { FINDING_OK, FINDING_FAIL, FINDING_SKIP };
struct finding {
	const char *check;
	enum finding_state state;
	enum err err; /* of a FAIL */
	char detail[1200];
	const char *advice; /* what to do, or NULL */
};
#define FINDINGS_MAX 64
struct report {
	struct finding findings[FINDINGS_MAX];
	size_t count;
};
void report_ok(struct report *r, const char *check, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void report_skip(struct report *r, const char *check, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
struct report_fault {
	const char *check;
	enum err err;
	const char *advice;
};
void report_fail(struct report *r, struct report_fault fault, const struct errmsg *em);

/* Is the KBS there: TCP, TLS and HTTP of each URL, one finding each. True if one of them answers. */
bool doctor_reach(struct report *r, const struct kbc_options *o);

/* Would the programs of this machine find the token? Reads files only. A program that is not there, or not told of the
 * token, is no failure: FINDING_SKIP, with what would tell it. */
void doctor_consumers(struct report *r, const struct token_args *args);
