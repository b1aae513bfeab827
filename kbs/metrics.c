#include "kbs/metrics.h"

#include <stdio.h>

/* Rows of one family stand together: its # TYPE line precedes the first. */
static const struct {
	const char *family;
	const char *result;
} rows[METRIC_COUNT_] = {
	[METRIC_AUTH_OK] = { "kbs_auth_total", "ok" },
	[METRIC_AUTH_REFUSED] = { "kbs_auth_total", "refused" },
	[METRIC_ATTEST_OK] = { "kbs_attest_total", "ok" },
	[METRIC_ATTEST_REFUSED] = { "kbs_attest_total", "refused" },
	[METRIC_GET_OK] = { "kbs_resource_get_total", "ok" },
	[METRIC_GET_DENIED] = { "kbs_resource_get_total", "denied" },
	[METRIC_GET_NOT_FOUND] = { "kbs_resource_get_total", "not_found" },
	[METRIC_GET_UNAUTHENTICATED] = { "kbs_resource_get_total", "unauthenticated" },
	[METRIC_GET_ERROR] = { "kbs_resource_get_total", "error" },
	[METRIC_ADMIN_OK] = { "kbs_admin_total", "ok" },
	[METRIC_ADMIN_REFUSED] = { "kbs_admin_total", "refused" },
};

void metrics_add(struct metrics *m, enum metric which)
{
	atomic_fetch_add_explicit(&m->count[which], 1, memory_order_relaxed);
}

static bool line_add(struct buf *b, const char *line)
{
	return buf_append(b, bytes_str(line), 0, NULL) == OK;
}

static bool rows_add(struct buf *b, struct metrics *m)
{
	const char *family = "";
	for (size_t i = 0; i < METRIC_COUNT_; i++) {
		char line[160];
		if (strcmp(family, rows[i].family) != 0) {
			family = rows[i].family;
			snprintf(line, sizeof(line), "# TYPE %s counter\n", family);
			if (!line_add(b, line))
				return false;
		}
		snprintf(line, sizeof(line), "%s{result=\"%s\"} %lu\n", family, rows[i].result,
			 atomic_load_explicit(&m->count[i], memory_order_relaxed));
		if (!line_add(b, line))
			return false;
	}
	return true;
}

char *metrics_text(struct metrics *m, struct session_counts sessions)
{
	AUTO_BUF
	text = { 0 };
	char gauge[200];
	snprintf(gauge, sizeof(gauge),
		 "# TYPE kbs_sessions gauge\nkbs_sessions{state=\"open\"} %zu\nkbs_sessions{state=\"attested\"} %zu\n",
		 sessions.open, sessions.attested);
	if (!rows_add(&text, m) || !line_add(&text, gauge) || !buf_cstr(&text))
		return NULL;
	return (char *)steal(&text.data);
}
