/* A clock that breaks once: loaded into a program by LD_PRELOAD, this fails the first look of the program's own code at the steady
   clock in its main thread after the file CLOCK_BREAKS_WITH has come to be. Rust's standard library panics at that. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_flag broken = ATOMIC_FLAG_INIT;

static int is_of_program(void *caller) {
    Dl_info entry, from;
    return dladdr((void *)getauxval(AT_ENTRY), &entry) && dladdr(caller, &from) && entry.dli_fbase == from.dli_fbase;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    const char *path = getenv("CLOCK_BREAKS_WITH");
    if (path && clock == CLOCK_MONOTONIC && syscall(SYS_gettid) == getpid()
        && is_of_program(__builtin_return_address(0)) && access(path, F_OK) == 0
        && !atomic_flag_test_and_set(&broken)) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_clock_gettime, clock, now);
}
