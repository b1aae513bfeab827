#include "common/fork_mark.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct fork_mark {
	volatile unsigned char *page; /* 1 here, 0 in a child; NULL where the kernel cannot do that */
	pid_t pid;
};

static volatile unsigned char *page_wiped_on_fork(void)
{
#ifdef MADV_WIPEONFORK
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return NULL;
	if (madvise(page, size, MADV_WIPEONFORK) == 0) {
		*page = 1;
		return page;
	}
	munmap(page, size);
#endif
	return NULL;
}

struct fork_mark *fork_mark_new(void)
{
	struct fork_mark *mark = calloc(1, sizeof(*mark));
	if (!mark)
		return NULL;
	mark->page = page_wiped_on_fork();
	mark->pid = getpid();
	return mark;
}

void fork_mark_free(struct fork_mark *mark)
{
	if (mark && mark->page)
		munmap((void *)mark->page, (size_t)sysconf(_SC_PAGESIZE));
	free(mark);
}

bool fork_mark_intact(const struct fork_mark *mark)
{
	return mark->page ? *mark->page == 1 : mark->pid == getpid();
}
