/* A slow disk for one program: loaded into it by LD_PRELOAD, this delays every flush of a file or folder below FLUSHED_SLOWLY
   by 300 ms, and adds a byte to the file FLUSH_COUNT for each. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fsync(int file) {
    const char *folder = getenv("FLUSHED_SLOWLY"), *count = getenv("FLUSH_COUNT");
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path);
    if (folder && count && length >= (ssize_t)strlen(folder) && !strncmp(path, folder, strlen(folder))) {
        int counter = open(count, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (counter >= 0) {
            if (write(counter, "+", 1) != 1) perror("FLUSH_COUNT");
            close(counter);
        }
        struct timespec delay = {.tv_nsec = 300000000};
        nanosleep(&delay, NULL);
    }
    return (int)syscall(SYS_fsync, file);
}
