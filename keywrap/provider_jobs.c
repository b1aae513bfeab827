#define _GNU_SOURCE 1
#include "keywrap/provider_jobs.h"

#include <pthread.h>
#include <sys/eventfd.h>

#define WORKERS_MAX 8
#define WAITING_MAX 256

/* A list with its end. */
struct job_list {
	struct provider_job *first;
	struct provider_job **end;
};

struct job_box {
	pthread_mutex_t lock; /* guards all below */
	unsigned users; /* the connection, and every job that is not back */
	bool closed;
	int event;
	struct job_list done;
};

struct provider_jobs {
	struct provider_server *server;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t more; /* jobs, or the end */
	pthread_cond_t fewer; /* threads */
	struct job_list waiting;
	unsigned waiting_count;
	unsigned workers;
	unsigned idle;
	bool ending;
	bool left; /* by its owner: the last thread frees it */
};

struct provider_job *provider_job_new(uint32_t stream, struct secret *request)
{
	struct provider_job *job = calloc(1, sizeof(*job));
	if (!job) {
		secret_free(request);
		return NULL;
	}
	job->stream = stream;
	job->request = request;
	return job;
}

void provider_job_free(struct provider_job *job)
{
	if (!job)
		return;
	secret_free(job->request);
	secret_free(job->answer);
	free(job);
}

static void list_add(struct job_list *list, struct provider_job *job)
{
	job->next = NULL;
	if (!list->first)
		list->end = &list->first;
	*list->end = job;
	list->end = &job->next;
}

static struct provider_job *list_take(struct job_list *list)
{
	struct provider_job *job = list->first;
	if (job)
		list->first = job->next;
	return job;
}

/* Boxes */

struct job_box *job_box_new(void)
{
	struct job_box *box = calloc(1, sizeof(*box));
	if (!box)
		return NULL;
	box->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (box->event < 0) {
		free(box);
		return NULL;
	}
	box->users = 1;
	pthread_mutex_init(&box->lock, NULL);
	return box;
}

int job_box_fd(const struct job_box *box)
{
	return box->event;
}

/* Unlocks. */
static void box_leave_locked(struct job_box *box)
{
	bool last = --box->users == 0;
	pthread_mutex_unlock(&box->lock);
	if (!last)
		return;
	for (struct provider_job *job = list_take(&box->done); job; job = list_take(&box->done))
		provider_job_free(job);
	close(box->event);
	pthread_mutex_destroy(&box->lock);
	free(box);
}

static void box_enter(struct job_box *box)
{
	pthread_mutex_lock(&box->lock);
	box->users++;
	pthread_mutex_unlock(&box->lock);
}

static void box_leave(struct job_box *box)
{
	pthread_mutex_lock(&box->lock);
	box_leave_locked(box);
}

/* A job is back. */
static void box_put(struct job_box *box, struct provider_job *job)
{
	pthread_mutex_lock(&box->lock);
	if (box->closed) {
		provider_job_free(job);
	} else {
		list_add(&box->done, job);
		(void)!eventfd_write(box->event, 1);
	}
	box_leave_locked(box);
}

struct provider_job *job_box_take(struct job_box *box)
{
	eventfd_t ignored;
	pthread_mutex_lock(&box->lock);
	struct provider_job *job = list_take(&box->done);
	if (!box->done.first)
		(void)!eventfd_read(box->event, &ignored);
	pthread_mutex_unlock(&box->lock);
	return job;
}

void job_box_close(struct job_box *box)
{
	if (!box)
		return;
	pthread_mutex_lock(&box->lock);
	box->closed = true;
	box_leave_locked(box);
}

/* Threads */

static void jobs_free(struct provider_jobs *jobs)
{
	pthread_mutex_destroy(&jobs->lock);
	pthread_cond_destroy(&jobs->more);
	pthread_cond_destroy(&jobs->fewer);
	free(jobs);
}

static void job_do(struct provider_jobs *jobs, struct provider_job *job)
{
	if (deadline_passed(job->until))
		job->e = err_set(&job->why, ERR_TIMEOUT, "the request's time was over before its turn came");
	else
		job->e = provider_server_answer(jobs->server, secret_bytes(job->request), &job->answer, &job->why);
	secret_free(steal(&job->request));
	struct job_box *box = job->box;
	box_put(box, job);
}

static void *worker_run(void *user)
{
	struct provider_jobs *jobs = user;
	pthread_mutex_lock(&jobs->lock);
	for (;;) {
		struct provider_job *job = list_take(&jobs->waiting);
		if (!job && jobs->ending)
			break;
		if (!job) {
			jobs->idle++;
			pthread_cond_wait(&jobs->more, &jobs->lock);
			jobs->idle--;
			continue;
		}
		jobs->waiting_count--;
		pthread_mutex_unlock(&jobs->lock);
		job_do(jobs, job);
		pthread_mutex_lock(&jobs->lock);
	}
	bool last = --jobs->workers == 0 && jobs->left;
	pthread_cond_signal(&jobs->fewer);
	pthread_mutex_unlock(&jobs->lock);
	if (last)
		jobs_free(jobs);
	return NULL;
}

enum err provider_jobs_new(struct provider_server *server, struct provider_jobs **out, struct errmsg *em)
{
	pthread_condattr_t attr;
	struct provider_jobs *jobs = calloc(1, sizeof(*jobs));
	if (!jobs)
		return err_nomem(em, "a daemon");
	jobs->server = server;
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->more, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&jobs->fewer, &attr);
	pthread_condattr_destroy(&attr);
	*out = jobs;
	return OK;
}

/* One more thread where none is free. False: there is none at all. */
static bool worker_ready_locked(struct provider_jobs *jobs)
{
	pthread_t thread;
	if (jobs->idle > jobs->waiting_count || jobs->workers == WORKERS_MAX)
		return true;
	jobs->workers++;
	if (pthread_create(&thread, NULL, worker_run, jobs) == 0)
		pthread_detach(thread);
	else
		jobs->workers--;
	return jobs->workers > 0;
}

enum err provider_jobs_submit(struct provider_jobs *jobs, struct job_box *box, struct provider_job *job,
			      struct errmsg *em)
{
	box_enter(box);
	job->box = box;
	pthread_mutex_lock(&jobs->lock);
	bool good = !jobs->ending && jobs->waiting_count < WAITING_MAX && worker_ready_locked(jobs);
	if (good) {
		list_add(&jobs->waiting, job);
		jobs->waiting_count++;
		pthread_cond_signal(&jobs->more);
	}
	pthread_mutex_unlock(&jobs->lock);
	if (good)
		return OK;
	box_leave(box);
	return err_set(em, ERR_BUSY, "too many requests wait");
}

bool provider_jobs_end(struct provider_jobs *jobs, struct deadline until)
{
	struct timespec at = deadline_timespec(until);
	pthread_mutex_lock(&jobs->lock);
	jobs->ending = true;
	pthread_cond_broadcast(&jobs->more);
	while (jobs->workers > 0 && !deadline_passed(until))
		pthread_cond_timedwait(&jobs->fewer, &jobs->lock, &at);
	bool gone = jobs->workers == 0;
	jobs->left = true;
	pthread_mutex_unlock(&jobs->lock);
	if (gone)
		jobs_free(jobs);
	return gone;
}
