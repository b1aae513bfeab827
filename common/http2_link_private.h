#pragma once
#include "common/http2_link.h"

#include <nghttp2/nghttp2.h>

/* Private to http2_link.c and http2_exchange.c. */

struct http2_link {
	atomic_uint users;
	struct http_lane *lane; /* made the connection; the thread's once that runs */
	int fd;
	int wake; /* eventfd: there is something to send, or to end */
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows and every exchange; never held while bytes move */
	pthread_cond_t changed;
	nghttp2_session *session;
	bool stop;
	bool http1; /* RFC 9113 7, HTTP_1_1_REQUIRED */
	enum err failed;
	struct errmsg why;
};

struct http2_exchange {
	struct http2_link *link;
	int32_t id;
	struct http_exchange head;
	struct http_response response;
	struct http_wait wait;
	bool headers_done;
	bool ended; /* all of the answer is here */
	bool closed; /* the link knows it no more */
	uint32_t reason; /* once closed */
	uint8_t *ring; /* HTTP2_WINDOW bytes of the answer */
	size_t at, len;
	struct http2_upload {
		uint8_t chunk[32768];
		size_t at, len;
		bool end;
		bool deferred;
	} * upload;
};

void http2_link_wake(struct http2_link *link);
/* What nghttp2 calls; the link is locked. user: the link. */
bool http2_callbacks_set(nghttp2_session_callbacks *callbacks);
