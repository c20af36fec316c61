/* Stands between a process and the C library (LD_PRELOAD) and, for files whose path contains a given folder,

   - counts the calls that change what is on the disk,
   - at the k-th one kills the process, refuses with an error, or writes half,
   - records what was asked of the disk, for powercut.py.

   What to do is read from, and what happened is written to, one small file that is mapped by every process of a run
   ($FI_CONTROL, laid out as `struct control`; shim.py knows it too). So it survives kill -9, and a forked or started
   child counts on where its parent was. Without $FI_CONTROL nothing is changed.

   Not seen: memory-mapped writes (SQLite maps only its -shm file, which is rebuilt after a crash), io_uring. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATHS 1024
#define HANDLES 4096

enum mode { NONE, ERROR, STICKY, SHORT, KILL };
enum kind { WRITES, FREES, OTHER };
enum fate { GO, FAIL, HALF };

struct control {
    int64_t at;         /* the call that is struck, counted from 1; 0: none */
    int32_t mode, error;
    int64_t calls;      /* seen so far */
    int64_t struck;     /* of these */
    int64_t owed;       /* a write was cut short: the next one fails */
    char folder[PATHS]; /* only paths that contain it; empty: nothing */
    char trace[PATHS];  /* the file to record in; empty: nothing */
    char first[PATHS];  /* the first call that was struck, with its path */
};

struct __attribute__((packed)) header { /* of one record; then the names, then the data */
    char op;
    uint8_t created;
    uint16_t name, other;
    uint64_t inode;
    int64_t offset, size;
};

struct handle {
    char *path; /* NULL: not one of ours */
    uint64_t inode;
    int folder;
};

static struct control idle, *control = &idle;
static struct handle handles[HANDLES];
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER; /* a call and its record are one step */

#define REAL(type, name, ...)                                                                                          \
    static type (*real)(__VA_ARGS__);                                                                                  \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("FI_CONTROL");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd < 0) return;
    void *shared = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (shared != MAP_FAILED) control = shared;
}

/* ---- which files ------------------------------------------------------------------------------------------------ */

static int ours(const char *path) { return control->folder[0] && strstr(path, control->folder); }

static void absolute(int at, const char *path, char *out) {
    char base[PATHS] = "", link[64];
    if (path[0] != '/' && at == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) base[0] = 0;
    } else if (path[0] != '/') {
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t size = readlink(link, base, sizeof base - 1);
        base[size > 0 ? size : 0] = 0;
    }
    if (snprintf(out, PATHS, "%s%s%s", base, base[0] ? "/" : "", path) >= PATHS) out[0] = 0;
}

static void forget(int fd) {
    if (fd < 0 || fd >= HANDLES || !handles[fd].path) return;
    free(handles[fd].path);
    handles[fd].path = NULL;
}

static struct handle *known(int fd) { return fd >= 0 && fd < HANDLES && handles[fd].path ? &handles[fd] : NULL; }

static void keep(int fd, const char *path) {
    struct stat s;
    if (fd < 0 || fd >= HANDLES || fstat(fd, &s)) return;
    handles[fd] = (struct handle){strdup(path), s.st_ino, S_ISDIR(s.st_mode)};
}

/* ---- what happens to a call --------------------------------------------------------------------------------------- */

static enum fate fate_of(enum kind kind, const char *call, const char *path) {
    int64_t k = __sync_add_and_fetch(&control->calls, 1);
    int owed = kind == WRITES && __sync_bool_compare_and_swap(&control->owed, 1, 0);
    int now = control->mode != NONE && control->at && (k == control->at || (control->mode == STICKY && k > control->at));
    if (!owed && !now) return GO;
    if (control->error == ENOSPC && kind == FREES) return GO; /* a full disk does not keep one from deleting */
    if (__sync_add_and_fetch(&control->struck, 1) == 1) snprintf(control->first, PATHS, "%s %s", call, path);
    if (control->mode == KILL) kill(getpid(), SIGKILL);
    if (control->mode == SHORT && kind == WRITES && !owed) {
        control->owed = 1;
        return HALF;
    }
    errno = control->error;
    return FAIL;
}

/* ---- recording ---------------------------------------------------------------------------------------------------- */

static void record(struct header h, const char *name, const char *other, const void *data) {
    static int fd = -1;
    if (!control->trace[0]) return;
    if (fd < 0) fd = (int)syscall(SYS_openat, AT_FDCWD, control->trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    h.name = name ? strlen(name) : 0;
    h.other = other ? strlen(other) : 0;
    struct iovec parts[] = {{&h, sizeof h}, {(void *)name, h.name}, {(void *)other, h.other}, {(void *)data, data ? h.size : 0}};
    if (syscall(SYS_writev, fd, parts, 4) < 0) abort(); /* a trace with a hole would prove nothing */
}

/* Called by the program under test: 'B' before it begins something, 'A' when that is done and acknowledged. */
void fi_mark(char op, const char *text) {
    pthread_mutex_lock(&order);
    record((struct header){.op = op, .size = strlen(text)}, NULL, NULL, text);
    pthread_mutex_unlock(&order);
}

/* ---- opening and closing ------------------------------------------------------------------------------------------ */

int openat64(int at, const char *path, int flags, ...) {
    REAL(int, openat64, int, const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    int temporary = (flags & O_TMPFILE) == O_TMPFILE, creates = temporary || (flags & O_CREAT);
    mode_t mode = creates ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    char name[PATHS];
    struct stat s;
    absolute(at, path, name);
    if (!ours(name)) {
        int other = real(at, path, flags, mode);
        forget(other);
        return other;
    }
    if (creates && fate_of(OTHER, "open", name) == FAIL) return -1;
    pthread_mutex_lock(&order);
    int created = creates && (temporary || stat(name, &s));
    int fd = real(at, path, flags, mode);
    if (fd >= 0) {
        forget(fd);
        keep(fd, name);
        struct header h = {.op = 'O', .created = created, .inode = known(fd) ? known(fd)->inode : 0};
        record(h, temporary ? NULL : name, NULL, NULL);
        if (flags & O_TRUNC && !created) record((struct header){.op = 'T', .inode = h.inode}, NULL, NULL, NULL);
    }
    pthread_mutex_unlock(&order);
    return fd;
}
int openat(int at, const char *path, int flags, ...) __attribute__((alias("openat64")));

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return openat64(AT_FDCWD, path, flags, mode);
}
int open(const char *path, int flags, ...) __attribute__((alias("open64")));

int close(int fd) {
    REAL(int, close, int);
    forget(fd);
    return real(fd);
}

/* ---- contents ----------------------------------------------------------------------------------------------------- */

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    struct handle *file = known(fd);
    if (!file) return real(fd, data, size, offset);
    enum fate fate = fate_of(WRITES, "pwrite", file->path);
    if (fate == FAIL) return -1;
    pthread_mutex_lock(&order);
    ssize_t done = real(fd, data, fate == HALF ? size / 2 : size, offset);
    if (done > 0) record((struct header){.op = 'W', .inode = file->inode, .offset = offset, .size = done}, NULL, NULL, data);
    pthread_mutex_unlock(&order);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) __attribute__((alias("pwrite64")));

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    struct handle *file = known(fd);
    if (!file) return real(fd, data, size);
    enum fate fate = fate_of(WRITES, "write", file->path);
    if (fate == FAIL) return -1;
    pthread_mutex_lock(&order);
    ssize_t done = real(fd, data, fate == HALF ? size / 2 : size);
    int64_t offset = lseek64(fd, 0, SEEK_CUR) - done; /* after the write: right for O_APPEND too */
    if (done > 0) record((struct header){.op = 'W', .inode = file->inode, .offset = offset, .size = done}, NULL, NULL, data);
    pthread_mutex_unlock(&order);
    return done;
}

/* Ways around the two above are led back to them, by a legal short write or by "not here, use read and write". */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    return known(fd) && count > 0 ? write(fd, parts[0].iov_base, parts[0].iov_len) : real(fd, parts, count);
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t size) {
    REAL(ssize_t, sendfile64, int, int, off64_t *, size_t);
    if (!known(out)) return real(out, in, offset, size);
    errno = ENOTSOCK;
    return -1;
}
ssize_t sendfile(int out, int in, off_t *offset, size_t size) __attribute__((alias("sendfile64")));

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
    REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned);
    if (!known(out)) return real(in, from, out, to, size, flags);
    errno = EXDEV;
    return -1;
}

int ftruncate64(int fd, off64_t size) {
    REAL(int, ftruncate64, int, off64_t);
    struct handle *file = known(fd);
    if (!file) return real(fd, size);
    if (fate_of(OTHER, "ftruncate", file->path) == FAIL) return -1;
    pthread_mutex_lock(&order);
    int result = real(fd, size);
    if (!result) record((struct header){.op = 'T', .inode = file->inode, .offset = size}, NULL, NULL, NULL);
    pthread_mutex_unlock(&order);
    return result;
}
int ftruncate(int fd, off_t size) __attribute__((alias("ftruncate64")));

int truncate64(const char *path, off64_t size) {
    int fd = open64(path, O_WRONLY | O_CLOEXEC);
    int result = fd < 0 ? -1 : ftruncate64(fd, size), error = errno;
    if (fd >= 0) close(fd);
    errno = error;
    return result;
}
int truncate(const char *path, off_t size) __attribute__((alias("truncate64")));

static int synced(int fd, const char *call, int (*real)(int)) {
    struct handle *file = known(fd);
    if (!file) return real(fd);
    if (fate_of(OTHER, call, file->path) == FAIL) return -1;
    pthread_mutex_lock(&order);
    int result = real(fd);
    if (!result) record((struct header){.op = file->folder ? 'D' : 'S', .inode = file->inode}, file->path, NULL, NULL);
    pthread_mutex_unlock(&order);
    return result;
}

int fsync(int fd) {
    REAL(int, fsync, int);
    return synced(fd, "fsync", real);
}

int fdatasync(int fd) {
    REAL(int, fdatasync, int);
    return synced(fd, "fdatasync", real);
}

/* ---- names -------------------------------------------------------------------------------------------------------- */

int unlinkat(int at, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    char name[PATHS];
    absolute(at, path, name);
    if (!ours(name)) return real(at, path, flags);
    if (fate_of(FREES, flags & AT_REMOVEDIR ? "rmdir" : "unlink", name) == FAIL) return -1;
    pthread_mutex_lock(&order);
    int result = real(at, path, flags);
    if (!result && !(flags & AT_REMOVEDIR)) record((struct header){.op = 'U'}, name, NULL, NULL);
    pthread_mutex_unlock(&order);
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int renameat(int from_at, const char *from, int to_at, const char *to) {
    REAL(int, renameat, int, const char *, int, const char *);
    char name[PATHS], other[PATHS];
    absolute(from_at, from, name);
    absolute(to_at, to, other);
    if (!ours(name) && !ours(other)) return real(from_at, from, to_at, to);
    if (fate_of(OTHER, "rename", other) == FAIL) return -1;
    pthread_mutex_lock(&order);
    int result = real(from_at, from, to_at, to);
    if (!result) record((struct header){.op = 'R'}, name, other, NULL);
    pthread_mutex_unlock(&order);
    return result;
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    REAL(int, linkat, int, const char *, int, const char *, int);
    char name[PATHS];
    struct stat s;
    absolute(to_at, to, name);
    if (!ours(name)) return real(from_at, from, to_at, to, flags);
    if (fate_of(OTHER, "link", name) == FAIL) return -1;
    pthread_mutex_lock(&order);
    int result = real(from_at, from, to_at, to, flags);
    if (!result && !stat(name, &s)) record((struct header){.op = 'L', .inode = s.st_ino}, name, NULL, NULL);
    pthread_mutex_unlock(&order);
    return result;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int mkdirat(int at, const char *path, mode_t mode) {
    REAL(int, mkdirat, int, const char *, mode_t);
    char name[PATHS];
    absolute(at, path, name);
    return ours(name) && fate_of(OTHER, "mkdir", name) == FAIL ? -1 : real(at, path, mode);
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
