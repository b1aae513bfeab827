/* Full TLS handshakes with servers, in turns in one run.
 *
 *   tls_handshake_bench 1.2|1.3 CONNECTIONS ROUNDS PORT:PID...
 *
 * On 127.0.0.1; so many connections at a time, each new one a full handshake (no ticket, no session is kept). Each
 * server has ROUND_MS of each round. PID: whose children's CPU time is counted (nginx's master process). Prints for
 * each server: handshakes a second (the median of the rounds), median and 95th percentile of a handshake in
 * milliseconds, CPU microseconds of the server's children for one, and what it reaches of the first server by the clock
 * and by that. */
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROUND_MS = 150, ROUNDS_MAX = 64, SERVERS_MAX = 8, CONNECTIONS_MAX = 32, SAMPLES = 1 << 17 };

struct server {
	int port;
	int pid;
	double rate[ROUNDS_MAX];
	double cpu_us[ROUNDS_MAX]; /* of one handshake */
	float *ms;
	long sampled;
};

struct client {
	SSL_CTX *ctx;
	int port;
	double until;
	long count;
	float *ms;
	bool failed;
};

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void demand(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "tls_handshake_bench: %s failed\n", what);
	exit(1);
}

static int connect_to(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	/* With a reset at its end, so that no port is kept waiting. */
	struct linger reset = { 1, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) != 0 ||
			connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool handshake(SSL_CTX *ctx, int port)
{
	int fd = connect_to(port);
	SSL *ssl = fd >= 0 ? SSL_new(ctx) : NULL;
	bool good = ssl && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1 && !SSL_session_reused(ssl);
	if (good)
		(void)SSL_shutdown(ssl);
	SSL_free(ssl);
	if (fd >= 0)
		close(fd);
	return good;
}

static void *client_main(void *arg)
{
	struct client *c = arg;
	double from = now_ms();
	for (c->count = 0; from < c->until && c->count < SAMPLES / CONNECTIONS_MAX; c->count++) {
		if (!handshake(c->ctx, c->port)) {
			c->failed = true;
			break;
		}
		double to = now_ms();
		c->ms[c->count] = (float)(to - from);
		from = to;
	}
	return NULL;
}

/* Nanoseconds on a processor of all children of a process. */
static double children_ns(int pid)
{
	char path[128];
	double sum = 0;
	int child = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	FILE *children = fopen(path, "re");
	while (children && fscanf(children, "%d", &child) == 1) {
		double ns = 0;
		snprintf(path, sizeof(path), "/proc/%d/schedstat", child);
		FILE *file = fopen(path, "re");
		if (file && fscanf(file, "%lf", &ns) == 1)
			sum += ns;
		if (file)
			fclose(file);
	}
	if (children)
		fclose(children);
	return sum;
}

static void play(struct server *s, struct client *clients, int connections, int round)
{
	pthread_t ids[CONNECTIONS_MAX];
	double from = now_ms(), cpu = children_ns(s->pid);
	long count = 0;
	for (int i = 0; i < connections; i++) {
		clients[i].port = s->port;
		clients[i].until = from + ROUND_MS;
		demand(pthread_create(&ids[i], NULL, client_main, &clients[i]) == 0, "pthread_create");
	}
	for (int i = 0; i < connections; i++) {
		pthread_join(ids[i], NULL);
		demand(!clients[i].failed, "a handshake");
		count += clients[i].count;
		for (long n = 0; n < clients[i].count && s->sampled < SAMPLES; n++)
			s->ms[s->sampled++] = clients[i].ms[n];
	}
	demand(count > 0, "a round");
	s->rate[round] = (double)count * 1e3 / (now_ms() - from);
	s->cpu_us[round] = (children_ns(s->pid) - cpu) / 1e3 / (double)count;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static int by_sample(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

static double median(const double *from, int count)
{
	double sorted[ROUNDS_MAX];
	memcpy(sorted, from, (size_t)count * sizeof(*sorted));
	qsort(sorted, (size_t)count, sizeof(*sorted), by_value);
	return sorted[count / 2];
}

static void report(struct server *s, const struct server *first, int rounds)
{
	double clock[ROUNDS_MAX], cpu[ROUNDS_MAX];
	for (int i = 0; i < rounds; i++) {
		clock[i] = s->rate[i] / first->rate[i];
		cpu[i] = first->cpu_us[i] / s->cpu_us[i];
	}
	qsort(s->ms, (size_t)s->sampled, sizeof(*s->ms), by_sample);
	printf("%.0f %.2f %.2f %.0f %.3f %.3f\n", median(s->rate, rounds), (double)s->ms[s->sampled / 2],
	       (double)s->ms[s->sampled * 95 / 100], median(s->cpu_us, rounds), median(clock, rounds),
	       median(cpu, rounds));
}

static SSL_CTX *context_make(const char *version)
{
	int number = strcmp(version, "1.3") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	demand(ctx && SSL_CTX_set_min_proto_version(ctx, number) == 1 &&
		       SSL_CTX_set_max_proto_version(ctx, number) == 1,
	       "SSL_CTX_new");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	return ctx;
}

int main(int argc, char **argv)
{
	static struct server servers[SERVERS_MAX];
	static struct client clients[CONNECTIONS_MAX];
	int connections = argc > 4 ? atoi(argv[2]) : 0, rounds = argc > 4 ? atoi(argv[3]) : 0, count = argc - 4;
	if (connections < 1 || connections > CONNECTIONS_MAX || rounds < 1 || rounds > ROUNDS_MAX ||
	    count > SERVERS_MAX) {
		fputs("usage: tls_handshake_bench 1.2|1.3 CONNECTIONS ROUNDS PORT:PID...\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	SSL_CTX *ctx = context_make(argv[1]);
	for (int i = 0; i < connections; i++) {
		clients[i].ctx = ctx;
		clients[i].ms = calloc(SAMPLES / CONNECTIONS_MAX, sizeof(float));
		demand(clients[i].ms != NULL, "calloc");
	}
	for (int i = 0; i < count; i++) {
		servers[i].ms = calloc(SAMPLES, sizeof(float));
		demand(sscanf(argv[4 + i], "%d:%d", &servers[i].port, &servers[i].pid) == 2 && servers[i].ms,
		       argv[4 + i]);
		play(&servers[i], clients, connections, 0); /* first uses of the key, which do not count */
		servers[i].sampled = 0;
	}
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < count; i++)
			play(&servers[i], clients, connections, round);
	for (int i = 0; i < count; i++)
		report(&servers[i], &servers[0], rounds);
	return 0;
}
