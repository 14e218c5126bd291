/*
 * A wall clock that is wrong, for LD_PRELOAD.
 *
 * CLOCK_CONTROL  a file with 8 bytes: by how many seconds it is ahead
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static volatile int64_t *ahead;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("CLOCK_CONTROL");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *page = fd < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
    real = (__typeof__(&clock_gettime))dlsym(RTLD_NEXT, "clock_gettime");
    ahead = page == MAP_FAILED ? NULL : page;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!real)
        begin();
    int result = real(clock, now);
    if (!result && clock == CLOCK_REALTIME && ahead)
        now->tv_sec += *ahead;
    return result;
}
