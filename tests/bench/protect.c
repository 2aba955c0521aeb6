/*
 * protect: makes a page among read-only ones writable, writes to it, and makes it read-only again:
 * what it takes at the least to write to a slot that the loader has protected.
 */
#include "worker.h"

#include <sys/mman.h>
#include <unistd.h>

enum { PAGES = 9 };

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
    checked(mprotect(pages, PAGES * size, PROT_READ), "mprotect");
    page = pages + PAGES / 2 * size;
    return work(batch);
}
