/*
 * deferred.c: rebinding by the next hook; see deferred.h. Touches the thread's own record of it.
 */
#include "dl/deferred.h"

#include <string.h>

#include "arch/arch.h"
#include "kernel.h"
#include "text.h"

enum { NAME_AT_MOST = 64 };

struct deferred_dlopen {
    char name[NAME_AT_MOST];
    const uintptr_t *stack;
    uintptr_t return_address;
};

OF_THIS_THREAD bool rebind_is_pending;
static OF_THIS_THREAD struct deferred_dlopen deferred;

/* One that is still pending began earlier, and needs what is opened within it. */
void defer_rebind(const char *file, const uintptr_t *stack)
{
    const char *name = text_last_part(file);
    size_t length = text_length(name);
    if (rebind_is_pending)
        return;
    if (length >= NAME_AT_MOST) {
        rebind_log_failure(file);
        return;
    }
    memcpy(deferred.name, name, length + 1);
    deferred.stack = stack;
    deferred.return_address = *stack;
    rebind_is_pending = true;
}

/*
 * A signal handler may run while that dlopen() is still on the stack, its module not relocated yet.
 * As long as it is, its return address is kept: on x86 where it stood, until the next call from
 * there, or any deeper one, writes over it; on arm64 in one of the frame records, which the
 * kernel's signal frames continue, or in the record of such a frame itself.
 */
#if ARCH_RETURNS_BY_STACK
static bool may_be_on_the_stack(void)
{
    return kernel_can_read(deferred.stack) && *deferred.stack == deferred.return_address;
}
#else
enum { FRAMES_AT_MOST = 1024 };
#define ADDRESS_BITS ((UINT64_C(1) << 48) - 1) /* the rest may be a signature (PAC) */

/* What the chain leads to is not known where it breaks off: then it may be. */
static bool may_be_on_the_stack(void)
{
    const uintptr_t *frame = __builtin_frame_address(0);
    for (int i = 0; frame != NULL && i < FRAMES_AT_MOST; i++) {
        if ((uintptr_t)frame % 16 != 0 || !kernel_can_read(frame))
            return true;
        if (((frame[1] ^ deferred.return_address) & ADDRESS_BITS) == 0)
            return true;
        frame = (const uintptr_t *)frame[0];
    }
    return frame != NULL;
}
#endif

static void rebind_now(const struct hook hooks[])
{
    if (may_be_on_the_stack())
        return;
    rebind_is_pending = false;
    rebind(hooks, NULL, deferred.name);
}

void rebind_deferred(const struct hook hooks[])
{
    if (__builtin_expect(rebind_is_pending, 0))
        rebind_now(hooks);
}
