#pragma once
#include "common/deadline.h"
#include "keywrap/provider_server.h"

#include <stdbool.h>

/* The work of a key provider's daemon: requests of all its connections wait in one queue for a bounded number of
 * threads. A token may take its time; whoever reads a socket does not wait for it. */

/* One request. Who submits it hands it over, and gets it back by the box. */
struct provider_job {
	uint32_t stream; /* of its connection */
	struct secret *request;
	struct deadline until; /* nobody waits longer: not begun after that */
	enum err e; /* the result */
	struct errmsg why;
	struct secret *answer;
	struct job_box *box;
	struct provider_job *next;
};
struct provider_job *provider_job_new(uint32_t stream,
				      struct secret *request); /* takes the request; NULL without memory */
void provider_job_free(struct provider_job *job);

/* Where a connection gets its finished jobs. A job may outlive its connection. */
struct job_box;
struct job_box *job_box_new(void); /* NULL without memory */
int job_box_fd(const struct job_box *box); /* readable when something is in it */
struct provider_job *job_box_take(struct job_box *box); /* NULL: nothing */
void job_box_close(struct job_box *box); /* jobs that are not finished yet are dropped when they are */

struct provider_jobs;
enum err provider_jobs_new(struct provider_server *server, struct provider_jobs **out, struct errmsg *em) MUST_USE;
/* ERR_BUSY: too many wait already, or it ends; the job stays the caller's. */
enum err provider_jobs_submit(struct provider_jobs *jobs, struct job_box *box, struct provider_job *job,
			      struct errmsg *em) MUST_USE;
/* False at the deadline: threads still use the server. Frees. */
bool provider_jobs_end(struct provider_jobs *jobs, struct deadline until);
