#include "attest/appraisal.h"

#include "attest/appraisal_record.h"

#include <stdio.h>
#include <time.h>

static const char *const status_names[APPRAISAL_STATUS_COUNT_] = {
	[APPRAISAL_AFFIRMING] = "affirming", [APPRAISAL_REFUSED] = "refused",
	[APPRAISAL_TCB] = "out-of-date-tcb", [APPRAISAL_MISMATCH] = "measurement-mismatch",
	[APPRAISAL_EXPIRED] = "expired",     [APPRAISAL_SIGNATURE] = "bad-signature",
	[APPRAISAL_MALFORMED] = "malformed",
};

const char *appraisal_status_name(enum appraisal_status status)
{
	return status_names[status];
}

void appraisal_clear(struct appraisal *a)
{
	json_object_put(a->claims);
	memset(a, 0, sizeof *a);
}

const struct appraisal_check *appraisal_worst(const struct appraisal *a)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->checks[i].outcome == APPRAISAL_FAILED && a->checks[i].otherwise == a->status)
			return &a->checks[i];
	return NULL;
}

/* Values come out of hostile certificates too, and go to terminals. */
static void put_text(char to[APPRAISAL_VALUE_MAX], const char *from)
{
	size_t n = from ? strnlen(from, APPRAISAL_VALUE_MAX - 1) : 0;
	for (size_t i = 0; i < n; i++)
		to[i] = from[i] < ' ' || from[i] > '~' ? '?' : from[i];
	to[n] = '\0';
}

static void put_hex(char to[APPRAISAL_VALUE_MAX], struct bytes from)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;
	for (; n < from.len && 2 * n + 2 < APPRAISAL_VALUE_MAX; n++) {
		to[2 * n] = digits[from.data[n] >> 4];
		to[2 * n + 1] = digits[from.data[n] & 15];
	}
	to[2 * n] = '\0';
}

static struct appraisal_check *add(struct appraisal *a, struct check_kind kind, enum appraisal_outcome outcome)
{
	if (outcome == APPRAISAL_FAILED && kind.otherwise > a->status)
		a->status = kind.otherwise;
	if (a->count == APPRAISAL_CHECKS_MAX) {
		a->status = APPRAISAL_MALFORMED;
		struct appraisal_check *last = &a->checks[APPRAISAL_CHECKS_MAX - 1];
		*last = (struct appraisal_check){ "number of checks", APPRAISAL_FAILED, APPRAISAL_MALFORMED, "", "" };
		return NULL;
	}
	struct appraisal_check *check = &a->checks[a->count++];
	*check = (struct appraisal_check){ kind.name, outcome, kind.otherwise, "", "" };
	return check;
}

bool appraisal_expect(struct appraisal *a, struct check_kind kind, bool holds, struct check_texts texts)
{
	struct appraisal_check *check = add(a, kind, holds ? APPRAISAL_PASSED : APPRAISAL_FAILED);
	if (check) {
		put_text(check->expected, texts.expected);
		put_text(check->actual, texts.actual);
	}
	return holds;
}

bool appraisal_expect_bytes(struct appraisal *a, struct check_kind kind, struct check_bytes values)
{
	bool holds = bytes_equal(values.expected, values.actual);
	struct appraisal_check *check = add(a, kind, holds ? APPRAISAL_PASSED : APPRAISAL_FAILED);
	if (check) {
		put_hex(check->expected, values.expected);
		put_hex(check->actual, values.actual);
	}
	return holds;
}

void appraisal_not_made(struct appraisal *a, const char *name, const char *why)
{
	struct appraisal_check *check = add(a, CHECK(name, APPRAISAL_AFFIRMING), APPRAISAL_NOT_MADE);
	if (check)
		put_text(check->actual, why);
}

enum err appraisal_broken(struct appraisal *a, const char *name, enum err e, const struct errmsg *em)
{
	struct check_texts texts = { "", em && em->text[0] ? em->text : err_name(e) };
	switch (e) {
	case ERR_PARSE:
	case ERR_LIMIT:
	case ERR_UNSUPPORTED:
		appraisal_expect(a, CHECK(name, APPRAISAL_MALFORMED), false, texts);
		return OK;
	case ERR_KEY:
	case ERR_INTEGRITY:
		appraisal_expect(a, CHECK(name, APPRAISAL_SIGNATURE), false, texts);
		return OK;
	default:
		return e;
	}
}

void appraisal_time_format(int64_t when, char to[APPRAISAL_TIME_MAX])
{
	time_t at = (time_t)when;
	struct tm parts;
	if (!gmtime_r(&at, &parts) || strftime(to, APPRAISAL_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		snprintf(to, APPRAISAL_TIME_MAX, "%lld", (long long)when);
}

/* `n` decimal digits at *at. */
static bool digits(const char **at, int n, int *out)
{
	*out = 0;
	for (; n > 0; n--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*out = *out * 10 + (**at - '0');
	}
	return true;
}

static bool literal(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static bool offset_parse(const char **at, int *seconds)
{
	int hours = 0;
	int minutes = 0;
	*seconds = 0;
	if (literal(at, 'Z'))
		return true;
	int sign = **at == '-' ? -1 : 1;
	if (!literal(at, '+') && !literal(at, '-'))
		return false;
	if (!digits(at, 2, &hours) || !literal(at, ':') || !digits(at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*seconds = sign * (hours * 60 + minutes) * 60;
	return true;
}

bool appraisal_time_parse(const char *text, int64_t *out)
{
	struct tm t = { 0 };
	const char *at = text;
	int offset = 0;
	if (!digits(&at, 4, &t.tm_year) || !literal(&at, '-') || !digits(&at, 2, &t.tm_mon) || !literal(&at, '-') ||
	    !digits(&at, 2, &t.tm_mday) || !literal(&at, 'T') || !digits(&at, 2, &t.tm_hour) || !literal(&at, ':') ||
	    !digits(&at, 2, &t.tm_min) || !literal(&at, ':') || !digits(&at, 2, &t.tm_sec) ||
	    !offset_parse(&at, &offset) || *at)
		return false;
	t.tm_year -= 1900;
	t.tm_mon -= 1;
	struct tm normal = t;
	int64_t when = timegm(&normal);
	/* timegm() takes the 31st of June for the 1st of July. */
	if (normal.tm_mon != t.tm_mon || normal.tm_mday != t.tm_mday || normal.tm_hour != t.tm_hour ||
	    normal.tm_min != t.tm_min || normal.tm_sec != t.tm_sec)
		return false;
	*out = when - offset;
	return true;
}
