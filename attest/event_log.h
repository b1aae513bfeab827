#pragma once
#include "common/bytes.h"

/* The event log of a TD (ACPI table CCEL; TCG PC Client Platform Firmware Profile, "Crypto Agile Log"), replayed. */

enum { EVENT_RTMRS = 4, EVENT_RTMR_LEN = 48, EVENT_LOG_MAX = 4 << 20 };

struct event_log_registers {
	uint8_t rtmr[EVENT_RTMRS][EVENT_RTMR_LEN];
	size_t events; /* that were extended */
};

/* RTMR = SHA-384(RTMR || digest), from zeros, for each event but EV_NO_ACTION. What an event says is not held against
 * its digest: many digests are of something else. ERR_PARSE, ERR_LIMIT, ERR_UNSUPPORTED (no SHA-384 in it). */
enum err event_log_replay(struct bytes log, struct event_log_registers *out, struct errmsg *em) MUST_USE;
