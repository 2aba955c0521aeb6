/*
 * elf.c: what one loaded ELF object says about itself; see elf.h. Writes nothing.
 */
#include "dl/elf.h"

#include <elf.h>
#include <limits.h>
#include <sys/auxv.h>

#include "text.h"

/*
 * glibc turns these addresses absolute when it loads an object, but for the kernel's own and not on
 * every machine. An object may have been linked for any address: what is right lies close by.
 */
static const void *address_in(const struct object *object, uintptr_t absolute)
{
    intptr_t off_absolute = (intptr_t)(absolute - (uintptr_t)object->dynamic);
    intptr_t off_relative = (intptr_t)((uintptr_t)off_absolute + object->base);
    if (absolute == 0)
        return NULL;
    return (const char *)object->dynamic +
           (__builtin_labs(off_absolute) < __builtin_labs(off_relative) ? off_absolute
                                                                        : off_relative);
}

static bool read_dynamic(struct object *object)
{
    enum { LOW_TAGS = DT_JMPREL + 1 }; /* all there were once; the others came one by one */
    ElfW(Addr) low[LOW_TAGS] = {0}, gnu_hash = 0;
    for (const ElfW(Dyn) *entry = object->dynamic; entry != NULL && entry->d_tag != DT_NULL;
         entry++)
        if ((uintptr_t)entry->d_tag < LOW_TAGS)
            low[entry->d_tag] = entry->d_un.d_ptr;
        else if (entry->d_tag == DT_GNU_HASH)
            gnu_hash = entry->d_un.d_ptr;
        else if (entry->d_tag == DT_VERSYM)
            object->versions = address_in(object, entry->d_un.d_ptr);
        else if (entry->d_tag == ARCH_RELATIVE_COUNT)
            object->relative = entry->d_un.d_val;
    object->symbols = address_in(object, low[DT_SYMTAB]);
    object->strings = address_in(object, low[DT_STRTAB]);
    object->gnu_hash = address_in(object, gnu_hash);
    object->old_hash = address_in(object, low[DT_HASH]);
    object->tables[0] = address_in(object, low[ARCH_TABLE]);
    object->sizes[0] = low[ARCH_TABLE_SIZE];
    object->tables[1] = address_in(object, low[DT_JMPREL]);
    object->sizes[1] = low[DT_PLTRELSZ];
    if (low[DT_SONAME] != 0 && object->strings != NULL)
        object->soname = object->strings + low[DT_SONAME];
    return object->symbols != NULL && object->strings != NULL;
}

bool object_read(struct object *object, const struct link_map *map)
{
    *object = (struct object){.path = map->l_name, .base = map->l_addr, .dynamic = map->l_ld};
    return read_dynamic(object);
}

bool object_read_info(struct object *object, const struct dl_phdr_info *info)
{
    *object = (struct object){.path = info->dlpi_name,
                              .base = info->dlpi_addr,
                              .headers = info->dlpi_phdr,
                              .header_count = info->dlpi_phnum};
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t start = object->base + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            object->dynamic = (const void *)start;
        else if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO) {
            uintptr_t page = ~(uintptr_t)(getauxval(AT_PAGESZ) - 1); /* both ends round down */
            object->relro_start = start & page;
            object->relro_size = ((start + info->dlpi_phdr[i].p_memsz) & page) - (start & page);
        }
    }
    return read_dynamic(object);
}

/* Its address, or 0. */
static uintptr_t defined_at(const struct object *object, uint32_t index, const char *symbol,
                            uintptr_t address)
{
    enum { HIDDEN = 0x8000 }; /* not the default version */
    const ElfW(Sym) *candidate = &object->symbols[index];
    uintptr_t value = object->base + candidate->st_value;
    if (candidate->st_shndx == SHN_UNDEF || (address != 0 && address != value) ||
        !text_is(object->strings + candidate->st_name, symbol))
        return 0;
    bool is_hidden = object->versions != NULL && (object->versions[index] & HIDDEN) != 0;
    bool is_resolver = ELF32_ST_TYPE(candidate->st_info) == STT_GNU_IFUNC;
    return address == 0 && (is_hidden || is_resolver) ? 0 : value;
}

/* DT_GNU_HASH: four numbers, the Bloom filter, which knows most symbols that the object lacks, the
 * buckets, a chain of hashes. */
static uintptr_t gnu_hash_find(const struct object *object, const char *symbol, uintptr_t address)
{
    enum { WORD_BITS = sizeof(ElfW(Addr)) * CHAR_BIT };
    uint32_t hash = 5381;
    for (const unsigned char *c = (const unsigned char *)symbol; *c != '\0'; c++)
        hash = hash * 33 + *c;
    uint32_t bucket_count = object->gnu_hash[0];
    uint32_t first_symbol = object->gnu_hash[1];
    uint32_t filter_words = object->gnu_hash[2]; /* a power of two */
    const ElfW(Addr) *filter = (const void *)(object->gnu_hash + 4);
    if (bucket_count == 0)
        return 0;
    ElfW(Addr) word = filter[hash / WORD_BITS & (filter_words - 1)];
    const uint32_t *buckets = (const void *)(filter + filter_words);
    const uint32_t *chains = buckets + bucket_count;
    if ((word >> hash % WORD_BITS & word >> (hash >> object->gnu_hash[3]) % WORD_BITS & 1) == 0)
        return 0;
    uint32_t index = buckets[hash % bucket_count];
    if (index < first_symbol)
        return 0;
    for (;; index++) {
        uint32_t chained = chains[index - first_symbol];
        uintptr_t found =
            (chained | 1) == (hash | 1) ? defined_at(object, index, symbol, address) : 0;
        if (found != 0 || (chained & 1) != 0) /* the last of its bucket */
            return found;
    }
}

/* Number 0 is no symbol; 1 may be the linker's dummy in an object that defines nothing. */
uint32_t object_first_defined(const struct object *object)
{
    return object->gnu_hash == NULL || object->gnu_hash[1] <= 1 ? 0 : object->gnu_hash[1];
}

uintptr_t object_defines(const struct object *object, const char *symbol, uintptr_t address)
{
    if (object->gnu_hash != NULL)
        return gnu_hash_find(object, symbol, address);
    /* DT_HASH: its second number is the count of symbols. Rare: all of them are looked at. */
    uint32_t count = object->old_hash == NULL ? 0 : object->old_hash[1];
    uintptr_t found = 0;
    for (uint32_t index = 0; index < count && found == 0; index++)
        found = defined_at(object, index, symbol, address);
    return found;
}

bool object_covers(const struct object *object, uintptr_t address, unsigned flag)
{
    for (int i = 0; i < object->header_count; i++) {
        const ElfW(Phdr) *header = &object->headers[i];
        if (header->p_type == PT_LOAD && (header->p_flags & flag) != 0 &&
            address - (object->base + header->p_vaddr) < header->p_memsz)
            return true;
    }
    return false;
}
