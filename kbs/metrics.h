#pragma once
#include "kbs/session.h"

#include <stdatomic.h>

/* Counters for /metrics, in the Prometheus text format. */
enum metric {
	METRIC_AUTH_OK,
	METRIC_AUTH_REFUSED,
	METRIC_ATTEST_OK,
	METRIC_ATTEST_REFUSED,
	METRIC_GET_OK,
	METRIC_GET_DENIED,
	METRIC_GET_NOT_FOUND,
	METRIC_GET_UNAUTHENTICATED,
	METRIC_GET_ERROR,
	METRIC_ADMIN_OK,
	METRIC_ADMIN_REFUSED,
	METRIC_COUNT_
};

struct metrics {
	atomic_ulong count[METRIC_COUNT_];
};

void metrics_add(struct metrics *m, enum metric which);
/* malloc'd; NULL without memory. */
char *metrics_text(struct metrics *m, struct session_counts sessions);
