/*
 * elf.c: what one loaded ELF object says about itself; see elf.h. Writes nothing.
 */
#include "dl/elf.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

#include "text.h"

#if defined(__i386__)
enum { TABLE = DT_REL, TABLE_SIZE = DT_RELSZ, RELATIVE_COUNT = DT_RELCOUNT };
#else
enum { TABLE = DT_RELA, TABLE_SIZE = DT_RELASZ, RELATIVE_COUNT = DT_RELACOUNT };
#endif

static const ElfW(Dyn) * dynamic_of(const struct dl_phdr_info *info)
{
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            return (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    return NULL;
}

/* Where the loader leaves it for a debugger. */
const struct link_map *object_list(const struct dl_phdr_info *program)
{
    const ElfW(Dyn) *entry = dynamic_of(program);
    for (; entry != NULL && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_DEBUG && entry->d_un.d_ptr != 0)
            return ((const struct r_debug *)entry->d_un.d_ptr)->r_map;
    return NULL;
}

static uintptr_t distance(uintptr_t one, uintptr_t other)
{
    return one > other ? one - other : other - one;
}

/*
 * glibc turns these addresses absolute when it loads an object, but for the kernel's own and not on
 * every machine. An object may have been linked for any address: what is right lies close by.
 */
static const void *address_in(const struct object *object, const ElfW(Dyn) * entry)
{
    if (entry == NULL)
        return NULL;
    uintptr_t near = (uintptr_t)object->dynamic;
    uintptr_t absolute = entry->d_un.d_ptr;
    uintptr_t relative = object->base + absolute;
    return (const void *)(distance(absolute, near) < distance(relative, near) ? absolute
                                                                              : relative);
}

static size_t value_in(const ElfW(Dyn) * entry)
{
    return entry == NULL ? 0 : entry->d_un.d_val;
}

/* Those with low numbers are all there were, once; the others came later, one by one. */
enum { LOW_TAGS = DT_JMPREL + 1 };

static void read_dynamic(struct object *object)
{
    const ElfW(Dyn) * low[LOW_TAGS] = {NULL}, *gnu_hash = NULL, *relative = NULL;
    for (const ElfW(Dyn) *entry = object->dynamic; entry->d_tag != DT_NULL; entry++)
        if ((uintptr_t)entry->d_tag < LOW_TAGS)
            low[entry->d_tag] = entry;
        else if (entry->d_tag == DT_GNU_HASH)
            gnu_hash = entry;
        else if (entry->d_tag == RELATIVE_COUNT)
            relative = entry;
    object->symbols = address_in(object, low[DT_SYMTAB]);
    object->strings = address_in(object, low[DT_STRTAB]);
    object->gnu_hash = address_in(object, gnu_hash);
    object->old_hash = address_in(object, low[DT_HASH]);
    object->tables[0] = address_in(object, low[TABLE]);
    object->sizes[0] = value_in(low[TABLE_SIZE]);
    object->relative = value_in(relative);
    object->tables[1] = address_in(object, low[DT_JMPREL]);
    object->sizes[1] = value_in(low[DT_PLTRELSZ]);
    if (low[DT_SONAME] != NULL && object->strings != NULL)
        object->soname = object->strings + value_in(low[DT_SONAME]);
}

bool object_read(struct object *object, const struct link_map *map)
{
    memset(object, 0, sizeof *object);
    object->path = map->l_name;
    object->base = map->l_addr;
    object->dynamic = map->l_ld;
    if (object->dynamic == NULL)
        return false;
    read_dynamic(object);
    return object->symbols != NULL && object->strings != NULL;
}

/* Others on the list may be on their way out of memory: only their base is looked at. */
static int note_headers(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct object *object = argument;
    if (info->dlpi_addr != object->base || dynamic_of(info) != object->dynamic)
        return 0;
    object->headers = info->dlpi_phdr;
    object->header_count = info->dlpi_phnum;
    return 1;
}

bool object_find_headers(struct object *object)
{
    return dl_iterate_phdr(note_headers, object) != 0;
}

static bool is_definition(const struct object *object, uint32_t index, const char *symbol)
{
    const ElfW(Sym) *candidate = &object->symbols[index];
    return candidate->st_shndx != SHN_UNDEF &&
           text_is(object->strings + candidate->st_name, symbol);
}

/* DT_GNU_HASH: four numbers, the Bloom filter (not consulted), the buckets, a chain of hashes. */
static const uint32_t *gnu_buckets(const struct object *object)
{
    size_t filter_words = object->gnu_hash[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    return object->gnu_hash + 4 + filter_words;
}

static bool gnu_hash_has(const struct object *object, const char *symbol)
{
    uint32_t hash = 5381;
    for (const unsigned char *c = (const unsigned char *)symbol; *c != '\0'; c++)
        hash = hash * 33 + *c;
    uint32_t bucket_count = object->gnu_hash[0];
    uint32_t first_symbol = object->gnu_hash[1];
    const uint32_t *buckets = gnu_buckets(object);
    const uint32_t *chains = buckets + bucket_count;
    uint32_t index = bucket_count == 0 ? 0 : buckets[hash % bucket_count];
    if (index < first_symbol)
        return false;
    for (;; index++) {
        uint32_t chained = chains[index - first_symbol];
        if ((chained | 1) == (hash | 1) && is_definition(object, index, symbol))
            return true;
        if ((chained & 1) != 0) /* the last of its bucket */
            return false;
    }
}

/* With no symbol in it the table is a dummy, and its second number says nothing. */
uint32_t object_first_defined(const struct object *object)
{
    if (object->gnu_hash == NULL)
        return 0;
    const uint32_t *buckets = gnu_buckets(object);
    for (uint32_t i = 0; i < object->gnu_hash[0]; i++)
        if (buckets[i] != 0)
            return object->gnu_hash[1];
    return 0;
}

/* DT_HASH: its second number is the count of symbols. Rare: all of them are looked at. */
static bool old_hash_has(const struct object *object, const char *symbol)
{
    for (uint32_t index = 0; index < object->old_hash[1]; index++)
        if (is_definition(object, index, symbol))
            return true;
    return false;
}

bool object_defines(const struct object *object, const char *symbol)
{
    if (object->gnu_hash != NULL)
        return gnu_hash_has(object, symbol);
    return object->old_hash != NULL && old_hash_has(object, symbol);
}

bool object_is_called(const struct object *object, const char *name)
{
    return (object->soname != NULL && text_is(object->soname, name)) ||
           text_is(object->path, name) || text_is(text_last_part(object->path), name);
}

bool object_needs(const ElfW(Dyn) * dynamic, const char *strings, const struct object *other)
{
    for (const ElfW(Dyn) *entry = dynamic; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_NEEDED && object_is_called(other, strings + entry->d_un.d_val))
            return true;
    return false;
}

bool object_needs_beyond(const ElfW(Dyn) * dynamic, const char *strings, const char *const names[],
                         int count)
{
    for (const ElfW(Dyn) *entry = dynamic; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_NEEDED && !text_is_one_of(strings + entry->d_un.d_val, names, count))
            return true;
    return false;
}

struct range object_code(const struct object *object)
{
    uintptr_t start = UINTPTR_MAX;
    uintptr_t end = 0;
    for (int i = 0; i < object->header_count; i++) {
        const ElfW(Phdr) *header = &object->headers[i];
        if (header->p_type != PT_LOAD || (header->p_flags & PF_X) == 0)
            continue;
        uintptr_t first = object->base + header->p_vaddr;
        start = first < start ? first : start;
        end = first + header->p_memsz > end ? first + header->p_memsz : end;
    }
    return (struct range){start, end > start ? end - start : 0};
}

bool object_covers(const struct object *object, uintptr_t address, unsigned flag)
{
    for (int i = 0; i < object->header_count; i++) {
        const ElfW(Phdr) *header = &object->headers[i];
        uintptr_t start = object->base + header->p_vaddr;
        if (header->p_type == PT_LOAD && (header->p_flags & flag) != 0 && address >= start &&
            address - start < header->p_memsz)
            return true;
    }
    return false;
}

/* The loader protects whole pages of PT_GNU_RELRO, both ends rounded down. */
bool object_protects(const struct object *object, uintptr_t slot)
{
    uintptr_t page = ~(uintptr_t)(getauxval(AT_PAGESZ) - 1);
    for (int i = 0; i < object->header_count; i++) {
        const ElfW(Phdr) *header = &object->headers[i];
        uintptr_t start = object->base + header->p_vaddr;
        if (header->p_type == PT_GNU_RELRO && slot >= (start & page) &&
            slot < ((start + header->p_memsz) & page))
            return true;
    }
    return false;
}
