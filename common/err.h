#pragma once
/* Errors: a code for the program, a text for the person. Every function that can fail returns an
 * `enum err` that must be used, and fills the `struct errmsg` that is its last argument. */

#define MUST_USE __attribute__((warn_unused_result))

enum err {
	OK = 0,
	ERR_INTERNAL, /* a fault of ours */
	ERR_NOMEM, /* no memory, or no locked memory where it was demanded */
	ERR_ARG, /* the caller's argument or command line */
	ERR_CONFIG, /* configuration file, or something it names */
	ERR_IO, /* a local file or device */
	ERR_EXISTS, /* would overwrite */
	ERR_NOT_FOUND, /* the named thing does not exist (file, resource, object) */
	ERR_PARSE, /* malformed input: JSON, DER, URI, base64, ... */
	ERR_LIMIT, /* input larger than its bound */
	ERR_UNSUPPORTED, /* well-formed, and outside what we do */
	ERR_NET, /* connection refused, reset, name not resolved; worth a retry */
	ERR_TIMEOUT, /* deadline passed */
	ERR_TLS, /* peer not authenticated */
	ERR_PROTO, /* the peer broke the protocol, or answered 4xx/5xx without a known reason */
	ERR_ATTEST, /* no evidence could be taken, or the verifier refused it */
	ERR_AUTH, /* not authenticated: no or no longer valid attestation result, wrong PIN or admin key */
	ERR_DENIED, /* authenticated, and refused by policy */
	ERR_EXPIRED, /* valid once: result, certificate, collateral */
	ERR_INTEGRITY, /* signature, HMAC, tag or digest does not hold */
	ERR_CRYPTO, /* the cryptographic library failed */
	ERR_KEY, /* no key fits, or a key of the wrong kind */
	ERR_BUSY, /* try again: 429, 503 */
	ERR_MISUSE, /* called in the wrong state, from inside itself, or in a forked child */
	ERR_COUNT_ /* not an error: how many there are */
};

struct errmsg {
	char text[1024];
};

/* Sets the text and returns `e`. `em` may be NULL. Never put a secret into it. */
enum err err_set(struct errmsg *em, enum err e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* "no memory for WHAT"; returns ERR_NOMEM. */
enum err err_nomem(struct errmsg *em, const char *what);

/* Puts "fmt: " before the text that is there and returns `e`. */
enum err err_wrap(struct errmsg *em, enum err e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* err_set with the text of errno appended (": No such file or directory"). */
enum err err_errno(struct errmsg *em, enum err e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* err_set with OpenSSL's oldest queued reason appended; empties this thread's queue. */
enum err err_openssl(struct errmsg *em, enum err e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* A stable lower-case word, "denied", "not-found": for logs and JSON output. */
const char *err_name(enum err e);

/* The exit code of our commands, one table for all (each man page lists it):
 * 0 ok; 1 INTERNAL NOMEM MISUSE; 2 ARG; 3 CONFIG; 4 NET TIMEOUT TLS BUSY; 5 ATTEST AUTH DENIED EXPIRED;
 * 6 NOT_FOUND; 7 INTEGRITY CRYPTO; 8 PARSE LIMIT UNSUPPORTED PROTO; 9 KEY; 10 IO EXISTS */
int err_exit_code(enum err e);
