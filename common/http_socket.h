#pragma once
#include "common/bytes.h"

#include <curl/curl.h>
#include <stdatomic.h>

/* The sockets of one HTTP client: known by number, so that a forked child can close what it inherited without a
 * word of TLS. A request in another thread may be under way when the process forks. */
#define HTTP_SOCKETS_MAX 16

struct http_sockets {
	atomic_int fds[HTTP_SOCKETS_MAX]; /* -1 = free */
	bool loopback_only; /* the request at hand is plain http:// */
};
void http_sockets_init(struct http_sockets *s);
void http_sockets_abandon(struct http_sockets *s);

/* CURLOPT_OPENSOCKETFUNCTION, CURLOPT_CLOSESOCKETFUNCTION, with the struct as their data. */
curl_socket_t http_socket_open(void *sockets, curlsocktype purpose, struct curl_sockaddr *address);
int http_socket_close(void *sockets, curl_socket_t fd);
