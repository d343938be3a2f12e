/* A file system that refuses for one program: loaded into it by LD_PRELOAD, this lets no permissions be changed, and no file whose
   name ends with "-shm" be shared in memory. With NO_PERMISSIONS, permissions are not refused, but unsupported. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refuse(void) {
    errno = getenv("NO_PERMISSIONS") ? EOPNOTSUPP : EPERM;
    return -1;
}

int chmod(const char *path, mode_t mode) { (void)path; (void)mode; return refuse(); }
int fchmod(int file, mode_t mode) { (void)file; (void)mode; return refuse(); }
int fchmodat(int folder, const char *path, mode_t mode, int flags) {
    (void)folder; (void)path; (void)mode; (void)flags;
    return refuse();
}

void *mmap(void *at, size_t length, int protection, int flags, int file, off_t offset) {
    char link[64], path[PATH_MAX];
    if (file >= 0 && (flags & MAP_SHARED)) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t end = readlink(link, path, sizeof path);
        if (end > 4 && !memcmp(path + end - 4, "-shm", 4)) {
            errno = ENODEV;
            return MAP_FAILED;
        }
    }
    return (void *)syscall(SYS_mmap, at, length, protection, flags, file, offset);
}

void *mmap64(void *at, size_t length, int protection, int flags, int file, off_t offset) {
    return mmap(at, length, protection, flags, file, offset);
}
