/*
 * A disk that can fail, for LD_PRELOAD.
 *
 * DISK_DIR     the folder whose files are watched
 * DISK_CONTROL a file with two numbers: bytes by which files may grow in all, then ENOSPC; and whether fsync works
 *              (0), fails (1), or does not return as long as that stands there (2)
 * DISK_TRACE   a file that gets a record of each write, truncation, creation and fsync, in the order they were
 *              done, and of what is written to the standard output
 *
 * A record is a letter, three numbers of 8 bytes and as many bytes of data as the third says:
 * W inode offset, T inode length, C inode, S inode (a file), N inode (a folder; data: lines "inode d|f name"), L.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int trace = -1;
static uint64_t written;
/* Up to where a file has been written, by its inode. */
static uint64_t ends[1 << 16];
#define END(st) ends[(st).st_ino % (1 << 16)]

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void record(char kind, uint64_t inode, uint64_t at, const void *data, uint64_t len)
{
    const char *path = getenv("DISK_TRACE");
    if (!path)
        return;
    if (trace < 0)
        trace = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    uint64_t numbers[3] = { inode, at, len };
    struct iovec parts[3] = { { &kind, 1 }, { numbers, sizeof numbers }, { (void *)data, len } };
    if (REAL(writev)(trace, parts, 3) != (ssize_t)(1 + sizeof numbers + len))
        abort();
}

/* Whether it is a file or folder below DISK_DIR. */
static int watched(int fd, struct stat *st)
{
    const char *dir = getenv("DISK_DIR");
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = dir ? readlink(link, path, sizeof path - 1) : -1;
    if (len < 0)
        return 0;
    path[len] = 0;
    return !strncmp(path, dir, strlen(dir)) && !fstat(fd, st) && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));
}

/* Bytes that may still be written, and whether fsync works. */
static uint64_t control(int *fails)
{
    const char *path = getenv("DISK_CONTROL");
    uint64_t space = UINT64_MAX;
    *fails = 0;
    int fd = path ? REAL(open)(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        char text[64] = { 0 };
        if (read(fd, text, sizeof text - 1) > 0)
            sscanf(text, "%lu %d", &space, fails);
        close(fd);
    }
    return space == UINT64_MAX ? space : space > written ? space - written : 0;
}

static ssize_t put(int fd, const struct iovec *parts, int count, off_t at)
{
    struct stat st;
    if (fd == 1)
        for (int i = 0; i < count; i++)
            record('L', 0, 0, parts[i].iov_base, parts[i].iov_len);
    if (fd <= 2 || !watched(fd, &st))
        return at < 0 ? REAL(writev)(fd, parts, count) : REAL(pwritev)(fd, parts, count, at);
    int fails;
    uint64_t space = control(&fails);
    ssize_t done = 0;
    for (int i = 0; i < count; i++) {
        off_t place = at >= 0 ? at + done
                      : fcntl(fd, F_GETFL) & O_APPEND ? (fstat(fd, &st), st.st_size)
                                                      : lseek(fd, 0, SEEK_CUR);
        uint64_t fits = space == UINT64_MAX ? space : space + (END(st) > (uint64_t)place ? END(st) - place : 0);
        uint64_t len = parts[i].iov_len < fits ? parts[i].iov_len : fits;
        if (parts[i].iov_len && !len)
            break;
        ssize_t put = at < 0 ? REAL(write)(fd, parts[i].iov_base, len)
                             : REAL(pwrite)(fd, parts[i].iov_base, len, place);
        if (put < 0)
            return done ? done : -1;
        record('W', st.st_ino, place, parts[i].iov_base, put);
        done += put;
        if (place + put > END(st)) {
            uint64_t grown = place + put - (END(st) > (uint64_t)place ? END(st) : place);
            written += grown;
            space -= grown < space ? grown : space;
            END(st) = place + put;
        }
        if ((uint64_t)put < parts[i].iov_len)
            break;
    }
    if (!done)
        for (int i = 0; i < count; i++)
            if (parts[i].iov_len) {
                errno = ENOSPC;
                return -1;
            }
    return done;
}

#define LOCKED(type, call)            \
    pthread_mutex_lock(&lock);        \
    type result = call;               \
    int error = errno;                \
    pthread_mutex_unlock(&lock);      \
    errno = error;                    \
    return result

ssize_t write(int fd, const void *data, size_t len)
{
    struct iovec part = { (void *)data, len };
    LOCKED(ssize_t, put(fd, &part, 1, -1));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    LOCKED(ssize_t, put(fd, parts, count, -1));
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    struct iovec part = { (void *)data, len };
    LOCKED(ssize_t, put(fd, &part, 1, at));
}

static void names(int fd, uint64_t inode)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            fprintf(out, "%lu %c %s\n", (unsigned long)entry->d_ino, entry->d_type == DT_DIR ? 'd' : 'f',
                    entry->d_name);
    if (dir)
        closedir(dir);
    fclose(out);
    record('N', inode, 0, text, len);
    free(text);
}

static int synced(int fd, int (*real)(int))
{
    struct stat st;
    int fails;
    if (!watched(fd, &st))
        return real(fd);
    for (control(&fails); fails == 2; control(&fails)) {
        pthread_mutex_unlock(&lock);
        usleep(1000);
        pthread_mutex_lock(&lock);
    }
    if (fails) {
        errno = EIO;
        return -1;
    }
    int result = getenv("DISK_TRACE") ? 0 : real(fd);
    if (S_ISDIR(st.st_mode))
        names(fd, st.st_ino);
    else
        record('S', st.st_ino, 0, NULL, 0);
    return result;
}

int fsync(int fd)
{
    LOCKED(int, synced(fd, REAL(fsync)));
}

int fdatasync(int fd)
{
    LOCKED(int, synced(fd, REAL(fdatasync)));
}

static int truncated(int fd, off64_t len)
{
    struct stat st;
    int result = REAL(ftruncate64)(fd, len);
    if (!result && watched(fd, &st))
        record('T', st.st_ino, len, NULL, 0);
    return result;
}

int ftruncate64(int fd, off64_t len)
{
    LOCKED(int, truncated(fd, len));
}

static int opened(int dir, const char *path, int flags, mode_t mode)
{
    struct stat st;
    int is_new = flags & O_TRUNC || (flags & O_CREAT && faccessat(dir, path, F_OK, 0));
    int fd = REAL(openat64)(dir, path, flags, mode);
    if (fd >= 0 && is_new && watched(fd, &st)) {
        END(st) = 0;
        record('C', st.st_ino, 0, NULL, 0);
    }
    return fd;
}

int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    LOCKED(int, opened(AT_FDCWD, path, flags, mode));
}

int openat64(int dir, const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    LOCKED(int, opened(dir, path, flags, mode));
}
