/*
 * Holds one connection to Redis, and maps a file libredisguard.so whose pages never come: a file
 * system of its own, fuse(4), which answers everything but reads. Prints "ready" and stays until
 * its standard input ends. Needs to be root. Run bare by the audit suites.
 *
 * A child is the file system: who reads the mapping of this process holds its memory's lock, so
 * that a thread of this process could not end, and would keep both asleep for ever.
 *
 *     audit_stuck PORT MOUNT-POINT
 */
#include "child_tools.h"

#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>

enum { FILE_NODE = 2, FILE_SIZE = 4096 };

static void answer(int fuse, uint64_t request, int error, const void *body, size_t size)
{
    char buffer[512] = {0};
    struct fuse_out_header header = {
        .len = (uint32_t)(sizeof header + size), .error = -error, .unique = request};
    memcpy(buffer, &header, sizeof header);
    memcpy(buffer + sizeof header, body, size);
    if (write(fuse, buffer, header.len) < 0)
        die("a fuse answer");
}

static struct fuse_attr attributes(uint64_t node)
{
    return (struct fuse_attr){.ino = node,
                              .size = FILE_SIZE,
                              .mode = node == FILE_NODE ? S_IFREG | 0755 : S_IFDIR | 0755,
                              .nlink = 1};
}

static void serve_one(int fuse, const struct fuse_in_header *request)
{
    struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096};
    struct fuse_entry_out entry = {
        .nodeid = FILE_NODE, .attr_valid = 60, .entry_valid = 60, .attr = attributes(FILE_NODE)};
    struct fuse_attr_out attr = {.attr_valid = 60, .attr = attributes(request->nodeid)};
    struct fuse_open_out open = {.fh = 1};
    switch (request->opcode) {
    case FUSE_INIT:
        answer(fuse, request->unique, 0, &init, sizeof init);
        break;
    case FUSE_LOOKUP:
        answer(fuse, request->unique, 0, &entry, sizeof entry);
        break;
    case FUSE_GETATTR:
        answer(fuse, request->unique, 0, &attr, sizeof attr);
        break;
    case FUSE_OPEN:
        answer(fuse, request->unique, 0, &open, sizeof open);
        break;
    case FUSE_READ:
        break;
    default:
        answer(fuse, request->unique, ENOSYS, "", 0);
    }
}

static _Noreturn void serve(int fuse)
{
    static _Alignas(struct fuse_in_header) char request[1 << 17];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (read(fuse, request, sizeof request) > 0)
        serve_one(fuse, (const struct fuse_in_header *)request);
    _exit(EXIT_SUCCESS);
}

int main(int argc, char *argv[])
{
    char options[128];
    char path[4096];
    char byte = 0;
    if (argc != 3)
        return 2;
    int fuse = checked(open("/dev/fuse", O_RDWR | O_CLOEXEC), "/dev/fuse");
    checked(unshare(CLONE_NEWNS), "unshare");
    checked(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "a mount namespace");
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
    checked(mount("stuck", argv[2], "fuse", MS_NOSUID | MS_NODEV, options), "mount");
    if (checked(fork(), "fork") == 0)
        serve(fuse);
    close(fuse);
    connect_socket(atoi(argv[1]), SOCK_CLOEXEC);
    snprintf(path, sizeof path, "%s/libredisguard.so", argv[2]);
    int file = checked(open(path, O_RDONLY | O_CLOEXEC), path);
    if (mmap(NULL, FILE_SIZE, PROT_READ, MAP_PRIVATE, file, 0) == MAP_FAILED)
        die("mmap");
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    _exit(EXIT_SUCCESS);
}
