/*
 * registry.c: descriptor -> socket identity, lock-free; see registry.h.
 *
 * A leaf holds 1,024 consecutive descriptors; a two-level tree of leaves reaches every number that
 * Linux can give out (2^31). The first leaf is static, so that nearly every program never asks for
 * memory; the others come from mmap and are never given back.
 *
 * Threads write a record in this order: its identity set to 0, the rest, the identity, its bit in
 * `listed`; it is on record when the bit is set and the identity is not 0. fork(2) copies memory in
 * each thread's program order, so a child sees no half of a record. tests/proof/fork_registry.pml
 * is the same protocol, step by step, for a model checker.
 */
#include "registry.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "config.h"
#include "fork_ring.h"
#include "hot_bss.h"
#include "kernel.h"

enum {
    LEAF_BITS = 10,
    LEAF_SIZE = 1 << LEAF_BITS,
    BRANCH_BITS = 10,
    BRANCH_SIZE = 1 << BRANCH_BITS,
    ROOT_SIZE = 1 << (31 - LEAF_BITS - BRANCH_BITS),
    WORD_BITS = 64,
    LISTED_BITS = 32,
    PRUNED_AT_A_FORK = 16,
};

enum { RECORD_WORDS = (sizeof(struct record) + sizeof(uint64_t) - 1) / sizeof(uint64_t) };

struct entry {
    _Atomic uint64_t identity;             /* 0: none */
    _Atomic uint64_t record[RECORD_WORDS]; /* a struct record, atomic word by word */
};

struct leaf {
    /* Below, one bit an entry that may be on record; above, how often one of these bits was set. */
    _Atomic uint64_t listed[LEAF_SIZE / LISTED_BITS];
    struct entry entries[LEAF_SIZE];
};

struct branch {
    _Atomic(struct leaf *) leaves[BRANCH_SIZE];
};

HOT_BSS atomic_bool registry_watched[LEAF_SIZE];

static struct leaf first_leaf;
static _Atomic(struct branch *) root[ROOT_SIZE];
static HOT_BSS atomic_uint past_highest; /* of all descriptors that were ever recorded */
static HOT_BSS atomic_int owner;         /* the process whose records these are, 0 before any */
static HOT_BSS atomic_int next_to_prune;

/* One bit a number that was copied, or is a copy, while it was not on record. */
static HOT_BSS _Atomic uint64_t copied[LEAF_SIZE / WORD_BITS];

static struct leaf *leaf_of(int fd)
{
    unsigned leaf = (unsigned)fd >> LEAF_BITS;
    if (leaf == 0)
        return &first_leaf;
    struct branch *branch = atomic_load_explicit(&root[leaf >> BRANCH_BITS], memory_order_acquire);
    if (branch == NULL)
        return NULL;
    return atomic_load_explicit(&branch->leaves[leaf % BRANCH_SIZE], memory_order_acquire);
}

/* Where to look on after a leaf, or after a whole branch that was never allocated. */
static int64_t first_of_next_leaf(int64_t fd)
{
    bool branch =
        atomic_load_explicit(&root[fd >> (LEAF_BITS + BRANCH_BITS)], memory_order_acquire) != NULL;
    int64_t step = branch || fd < LEAF_SIZE ? LEAF_SIZE : (int64_t)LEAF_SIZE * BRANCH_SIZE;
    return (fd / step + 1) * step;
}

static _Atomic uint64_t *listed_word(struct leaf *leaf, int fd)
{
    return &leaf->listed[fd % LEAF_SIZE / LISTED_BITS];
}

static uint64_t listed_bit(int fd)
{
    return UINT64_C(1) << fd % LISTED_BITS;
}

static bool is_listed(struct leaf *leaf, int fd)
{
    return (atomic_load_explicit(listed_word(leaf, fd), memory_order_acquire) & listed_bit(fd)) !=
           0;
}

/* Counts even where the bit is set: a prune that looked before then leaves it alone. */
static void list(struct leaf *leaf, int fd)
{
    _Atomic uint64_t *word = listed_word(leaf, fd);
    uint64_t before = atomic_load_explicit(word, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(word, &before,
                                         (before | listed_bit(fd)) + (UINT64_C(1) << LISTED_BITS)))
        ;
}

static struct entry *entry_of(int fd)
{
    struct leaf *leaf = fd < 0 ? NULL : leaf_of(fd);
    return leaf == NULL ? NULL : &leaf->entries[fd % LEAF_SIZE];
}

static uint64_t identity_on_record(int fd)
{
    struct leaf *leaf = fd < 0 ? NULL : leaf_of(fd);
    if (leaf == NULL || !is_listed(leaf, fd))
        return 0;
    return atomic_load_explicit(&leaf->entries[fd % LEAF_SIZE].identity, memory_order_acquire);
}

static void load_record(struct entry *entry, struct record *record)
{
    uint64_t words[RECORD_WORDS] = {0};
    for (int i = 0; i < RECORD_WORDS; i++)
        words[i] = atomic_load_explicit(&entry->record[i], memory_order_relaxed);
    memcpy(record, words, sizeof *record);
}

static void store_record(struct entry *entry, const struct record *record)
{
    uint64_t words[RECORD_WORDS] = {0};
    memcpy(words, record, sizeof *record);
    for (int i = 0; i < RECORD_WORDS; i++)
        atomic_store_explicit(&entry->record[i], words[i], memory_order_relaxed);
}

static void *map_zeroed(size_t size)
{
    long memory = kernel_call(ARCH_MMAP, 0, (long)size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory < 0 && memory >= -4095 ? NULL : (void *)memory; /* -4095..-1 are errors */
}

/* Another thread may allocate the same node first: then that one is used. Returns it, or NULL. */
static void *node_at(_Atomic(void *) *place, size_t size)
{
    void *present = atomic_load_explicit(place, memory_order_acquire);
    if (present != NULL)
        return present;
    void *made = map_zeroed(size);
    if (made == NULL || atomic_compare_exchange_strong(place, &present, made))
        return made;
    kernel_call(SYS_munmap, kernel_pointer(made), (long)size, 0, 0, 0, 0);
    return present;
}

static struct leaf *make_leaf_of(int fd)
{
    unsigned leaf = (unsigned)fd >> LEAF_BITS;
    if (leaf == 0)
        return &first_leaf;
    struct branch *branch =
        node_at((_Atomic(void *) *)&root[leaf >> BRANCH_BITS], sizeof(struct branch));
    if (branch == NULL)
        return NULL;
    return node_at((_Atomic(void *) *)&branch->leaves[leaf % BRANCH_SIZE], sizeof(struct leaf));
}

/*
 * The inode number of a socket, marked so that it is never taken for a cookie: for kernels before
 * 4.12 and sandboxes that refuse SO_COOKIE.
 */
#define INODE_MARK (UINT64_C(1) << 63)

static uint64_t inode_identity(int fd)
{
    struct stat status = {0};
    if (kernel_fstat(fd, &status) < 0 || !S_ISSOCK(status.st_mode))
        return 0;
    return INODE_MARK | status.st_ino;
}

/* What makes a socket that one and no other, as long as the machine is up; 0 for anything else. */
uint64_t registry_identify(int fd)
{
    uint64_t cookie = 0;
    int error = kernel_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, sizeof cookie);
    if (error == 0)
        return cookie;
    return error == -EBADF || error == -ENOTSOCK ? 0 : inode_identity(fd);
}

/* Only a log line ever asks: without a log the clock need not be read. */
static uint32_t time_of_opening(void)
{
    return config()->log == NULL ? 0 : (uint32_t)kernel_clock(CLOCK_MONOTONIC_COARSE);
}

static void raise_highest(int fd)
{
    unsigned wanted = (unsigned)fd + 1;
    unsigned known = atomic_load_explicit(&past_highest, memory_order_relaxed);
    while (known < wanted && !atomic_compare_exchange_weak(&past_highest, &known, wanted))
        ;
}

/*
 * Another thread may close fd at any instant, connect a new socket that is given this number, and
 * record that: so only what was on record before the kernel was asked for the identity is replaced.
 * Each lost swap means that another thread has won one; then the kernel is asked again.
 */
static void fill_entry(struct leaf *leaf, int fd, uint64_t replaced, uint64_t identity,
                       const struct record *record)
{
    struct entry *entry = &leaf->entries[fd % LEAF_SIZE];
    for (;;) {
        uint64_t none = 0;
        uint64_t same = identity;
        if (replaced == identity && atomic_compare_exchange_strong(&entry->identity, &same, same))
            break; /* as with a dup2 again and again: at no moment may it be absent */
        if (replaced != 0 && replaced != identity)
            fork_ring_add(fd, replaced);
        if (atomic_compare_exchange_strong(&entry->identity, &replaced, 0)) {
            atomic_thread_fence(memory_order_release);
            store_record(entry, record);
            if (atomic_compare_exchange_strong(&entry->identity, &none, identity))
                break;
        }
        replaced = atomic_load(&entry->identity);
        if (registry_identify(fd) != identity)
            return;
    }
    struct record present;
    load_record(entry, &present);
    if (present.opener != record->opener)
        store_record(entry, record);
    list(leaf, fd);
}

static bool put_on_record(int fd, uint64_t replaced, uint64_t identity, const struct record *record)
{
    struct leaf *leaf = make_leaf_of(fd);
    if (leaf == NULL)
        return false;
    raise_highest(fd); /* registry_unwatch asks for it */
    if (record->endpoint.family != AF_UNIX)
        atomic_store(&registry_watched[fd % LEAF_SIZE], true);
    fill_entry(leaf, fd, replaced, identity, record);
    return true;
}

void registry_adopt(void)
{
    if (atomic_load(&owner) != 0)
        atomic_store(&owner, kernel_getpid());
}

bool registry_renew(int fd, uint64_t identity, const struct endpoint *endpoint)
{
    if (!registry_knows(fd, identity))
        return false;
    struct entry *entry = entry_of(fd);
    struct record record;
    load_record(entry, &record);
    record.endpoint = *endpoint;
    store_record(entry, &record);
    return true;
}

bool registry_is_empty(void)
{
    return atomic_load_explicit(&past_highest, memory_order_relaxed) == 0;
}

bool registry_is_own(void)
{
    pid_t known = atomic_load(&owner);
    return known != 0 && known == kernel_getpid();
}

bool registry_is_inode(uint64_t identity)
{
    return (identity & INODE_MARK) != 0;
}

uint64_t registry_recorded(int fd)
{
    struct entry *entry = entry_of(fd);
    return entry == NULL ? 0 : atomic_load(&entry->identity);
}

bool registry_knows(int fd, uint64_t identity)
{
    return identity != 0 && identity == identity_on_record(fd);
}

bool registry_record(int fd, uint64_t replaced, uint64_t identity, const struct endpoint *endpoint)
{
    if (identity == 0)
        return false;
    if (atomic_load_explicit(&owner, memory_order_relaxed) == 0)
        atomic_store(&owner, kernel_getpid());
    struct record record = {
        .endpoint = *endpoint,
        .opener = atomic_load_explicit(&owner, memory_order_relaxed),
        .opened = time_of_opening(),
    };
    return put_on_record(fd, replaced, identity, &record);
}

/*
 * A child of vfork(2) shares these records but not the descriptors: what it copies before exec is
 * not on them. (If the very first record was such a child's, its parent is nobody's child here.)
 */
static bool is_ours(void)
{
    pid_t known = atomic_load(&owner);
    pid_t process = kernel_getpid();
    if (process == known || process < 0) /* a sandbox may refuse to tell */
        return true;
    return kernel_getppid() != known;
}

/* An entry speaks for one number alone, that of the first leaf, as long as none above was recorded.
 */
void registry_unwatch(int fd)
{
    if ((unsigned)fd < LEAF_SIZE &&
        atomic_load_explicit(&past_highest, memory_order_relaxed) <= LEAF_SIZE)
        atomic_store(&registry_watched[fd], false);
}

bool registry_has_copy(int fd)
{
    uint64_t known = identity_on_record(fd);
    for (int other = registry_next(-1); other >= 0; other = registry_next(other))
        if (other != fd && registry_knows(other, known) && registry_identify(other) == known)
            return true;
    return false;
}

bool registry_copy(int from, int to)
{
    uint64_t known = identity_on_record(from);
    uint64_t replaced = registry_recorded(to);
    if (known == 0 || registry_identify(to) != known || !is_ours())
        return true;
    struct record record;
    load_record(entry_of(from), &record);
    return put_on_record(to, replaced, known, &record);
}

static void remember(int fd)
{
    if (fd < 0 || fd >= LEAF_SIZE)
        return;
    uint64_t bit = UINT64_C(1) << fd % WORD_BITS;
    if ((atomic_load_explicit(&copied[fd / WORD_BITS], memory_order_relaxed) & bit) == 0)
        atomic_fetch_or(&copied[fd / WORD_BITS], bit);
}

void registry_remember_copy(int from, int to)
{
    remember(from);
    remember(to);
}

static bool is_remembered(int fd)
{
    uint64_t word = atomic_load_explicit(&copied[fd / WORD_BITS], memory_order_relaxed);
    return (word >> fd % WORD_BITS & 1) != 0;
}

void registry_record_copies(int fd, uint64_t identity)
{
    struct record record;
    if (fd >= LEAF_SIZE || !is_remembered(fd))
        return;
    load_record(entry_of(fd), &record);
    for (int copy = 0; copy < LEAF_SIZE; copy++) {
        uint64_t replaced = registry_recorded(copy);
        if (copy != fd && is_remembered(copy) && registry_identify(copy) == identity)
            put_on_record(copy, replaced, identity, &record);
    }
}

bool registry_may_hold(int fd)
{
    return identity_on_record(fd) != 0;
}

bool registry_holds(int fd, struct record *record)
{
    uint64_t known = identity_on_record(fd);
    if (known == 0 || registry_identify(fd) != known)
        return false;
    if (record != NULL)
        load_record(entry_of(fd), record);
    return true;
}

/* The rest of the record stays that of the successor: only the log asks for it. */
void registry_restore(void)
{
    int fd;
    uint64_t identity;
    for (unsigned nth = 0; fork_ring_next(&nth, &fd, &identity);) {
        struct leaf *leaf = leaf_of(fd);
        if (leaf == NULL || registry_identify(fd) != identity)
            continue;
        atomic_store_explicit(&leaf->entries[fd % LEAF_SIZE].identity, identity,
                              memory_order_release);
        list(leaf, fd);
    }
}

bool registry_tunes(int fd)
{
    struct record record;
    return registry_holds(fd, &record) && record.endpoint.family != AF_UNIX;
}

/* Added to the ring first, like a replacement: the child of a fork that is under way may hold this
 * socket. */
void registry_forget(int fd, uint64_t identity)
{
    if (!registry_knows(fd, identity))
        return;
    fork_ring_add(fd, identity);
    atomic_compare_exchange_strong(&entry_of(fd)->identity, &identity, 0);
}

void registry_drop(int fd)
{
    struct leaf *leaf = fd < 0 ? NULL : leaf_of(fd);
    if (leaf == NULL)
        return;
    atomic_store_explicit(&leaf->entries[fd % LEAF_SIZE].identity, 0, memory_order_release);
    atomic_fetch_and(listed_word(leaf, fd), ~listed_bit(fd));
}

/*
 * Another thread may connect on this number, or copy the same socket to it, at any instant. It
 * counts in the same word when it is done, and then the bit is left alone.
 */
static void prune_entry(struct leaf *leaf, int fd)
{
    _Atomic uint64_t *word = listed_word(leaf, fd);
    uint64_t before = atomic_load(word);
    uint64_t identity = atomic_load(&leaf->entries[fd % LEAF_SIZE].identity);
    if ((before & listed_bit(fd)) == 0 || (identity != 0 && registry_identify(fd) == identity))
        return;
    if (identity != 0)
        fork_ring_add(fd, identity);
    atomic_compare_exchange_strong(word, &before, before & ~listed_bit(fd));
}

static int next_listed_in_leaf(struct leaf *leaf, int first)
{
    for (int at = first; at < LEAF_SIZE; at = (at / LISTED_BITS + 1) * LISTED_BITS) {
        uint64_t word = atomic_load_explicit(listed_word(leaf, at), memory_order_acquire);
        uint32_t bits = (uint32_t)word & ~UINT32_C(0) << at % LISTED_BITS;
        if (bits != 0)
            return at / LISTED_BITS * LISTED_BITS + __builtin_ctz(bits);
    }
    return -1;
}

static int next_listed(int after)
{
    int64_t end = atomic_load_explicit(&past_highest, memory_order_acquire);
    for (int64_t fd = (int64_t)after + 1; fd < end;) {
        struct leaf *leaf = leaf_of((int)fd);
        int found = leaf == NULL ? -1 : next_listed_in_leaf(leaf, (int)(fd % LEAF_SIZE));
        if (found >= 0)
            return (int)(fd - fd % LEAF_SIZE + found);
        fd = first_of_next_leaf(fd);
    }
    return -1;
}

void registry_prune(void)
{
    int begin = atomic_load_explicit(&next_to_prune, memory_order_relaxed);
    int fd = begin - 1;
    for (int i = 0; i < PRUNED_AT_A_FORK && (fd = next_listed(fd)) >= 0; i++)
        prune_entry(leaf_of(fd), fd);
    if (fd + 1 != begin)
        atomic_store_explicit(&next_to_prune, fd + 1, memory_order_relaxed);
}

int registry_next(int after)
{
    int fd = next_listed(after);
    while (fd >= 0 && identity_on_record(fd) == 0)
        fd = next_listed(fd);
    return fd;
}
