/*
 * protect: makes the last of some read-only pages, before writable ones, writable as well, writes
 * to it, and makes it read-only again: what it takes at the least to write to a GOT entry
 * that the loader has protected, which lies there.
 */
#include "worker.h"

#include <sys/mman.h>
#include <unistd.h>

enum { READ_ONLY = 8, PAGES = 12 };

static volatile char *page;
static size_t size;

static int64_t batch(long count)
{
    int64_t start = nanoseconds();
    for (long i = 0; i < count; i++) {
        checked(mprotect((void *)page, size, PROT_READ | PROT_WRITE), "mprotect");
        *page = 1;
        checked(mprotect((void *)page, size, PROT_READ), "mprotect");
    }
    return nanoseconds() - start;
}

int main(void)
{
    size = (size_t)sysconf(_SC_PAGESIZE);
    char *pages =
        mmap(NULL, PAGES * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    checked(pages == MAP_FAILED ? -1 : 0, "mmap");
    for (size_t i = 0; i < PAGES; i++)
        pages[i * size] = 1;
    checked(mprotect(pages, READ_ONLY * size, PROT_READ), "mprotect");
    page = pages + (READ_ONLY - 1) * size;
    return work(batch);
}
