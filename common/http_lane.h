#pragma once
#include "common/http_exchange.h"
#include "common/http_stream.h"

#include <pthread.h>
#include <stdatomic.h>

/* One connection of HTTP/1.1, and the answer that is being read from it. libcurl runs only while somebody waits for
 * bytes: who does not read holds the peer back by TCP, and nothing piles up here. */

/* Connections of HTTP/2, and who has none: one for each origin, made by whoever asks there first. */
struct http_origin {
	struct http_origin *next;
	char name[320];
	bool opening; /* somebody is at it */
	bool http1;
	struct http2_link *link;
};

struct http_pool {
	atomic_uint users; /* the owner, and each lane in use */
	struct secret *client_key;
	struct buf ca_pem;
	struct buf client_certificate;
	char *client_host;
	bool insecure;
	int64_t connect_ms;
	int64_t stall_ms;
	bool (*interrupted)(void *user);
	void *interrupted_user;
	pthread_mutex_t lock; /* guards what is below */
	pthread_cond_t opened;
	struct http_lane *idle;
	size_t idle_count;
	struct http_origin *origins;
};
void http_pool_leave(struct http_pool *pool);
/* ERR_IO where somebody said so. */
enum err http_pool_goes_on(const struct http_pool *pool, struct errmsg *em) MUST_USE;

/* One wait for a peer. Time counts only while somebody waits: who reads slowly is not the peer's fault. */
struct http_wait {
	uint64_t moved; /* bytes, since waiting began to count */
	int64_t waited_ms;
	int64_t patience_ms;
	struct deadline until; /* of the whole answer */
};
struct http_call;
void http_wait_begin(struct http_wait *w, const struct http_pool *pool, const struct http_call *call);
/* After `waited_ms` more. ERR_TIMEOUT; ERR_IO: interrupted. */
enum err http_wait_check(struct http_wait *w, const struct http_pool *pool, const char *origin, int64_t waited_ms,
			 struct errmsg *em) MUST_USE;

/* Whether a header can carry it. */
bool http_value_is_clean(struct bytes value);

struct http_lane {
	struct http_pool *pool;
	struct http_lane *next; /* among the idle ones */
	CURLM *multi;
	CURL *easy;
	bool running; /* easy is in multi */
	bool done;
	bool failed; /* libcurl does not take all options anew after each kind of failure: not to be used again */
	CURLcode result; /* once done */
	struct curl_slist *headers;
	struct http_target target;
	struct http_exchange head;
	struct stream *upload; /* borrowed */
	enum err upload_failed;
	struct errmsg upload_why;
	struct stream_window window; /* where the reader wants bytes just now */
	size_t got; /* of the window */
	uint8_t *spare; /* what came when there was no window for it: CURL_MAX_WRITE_SIZE bytes */
	size_t spare_at;
	size_t spare_len;
	bool paused;
	struct http_wait wait;
	char reason[CURL_ERROR_SIZE];
};

enum err http_lane_new(struct http_pool *pool, struct http_lane **out, struct errmsg *em) MUST_USE;
/* Ends what is under way. The connection is kept where its answer was read to its end. */
void http_lane_stop(struct http_lane *lane);
void http_lane_free(struct http_lane *lane);

/* Sends the request, without redirects, and waits for the header and the first byte. */
struct http_hop {
	const struct http_call *call;
	const char *url;
	bool authorized; /* call->authorization goes along */
	struct http_response *head;
};
enum err http_lane_begin(struct http_lane *lane, const struct http_hop *hop, struct errmsg *em) MUST_USE;
/* Connects, and no more: curl_easy_send() and curl_easy_recv() are TLS's own bytes then. Offers HTTP/2. */
enum err http_lane_connect(struct http_lane *lane, const char *url, struct errmsg *em) MUST_USE;
enum err http_lane_read(struct http_lane *lane, struct stream_window to, size_t *got, struct errmsg *em) MUST_USE;
