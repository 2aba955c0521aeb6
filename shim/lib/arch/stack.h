/*
 * stack.h: is a call that was made earlier still on the stack? For a signal handler that may have
 * interrupted it. Called by dl/deferred.c.
 */
#ifndef ARCH_STACK_H
#define ARCH_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "kernel.h"

/*
 * As long as the call is, its return address is kept: on x86 where it stood, until the next call
 * from there, or any deeper one, writes over it; on arm64 in one of the frame records, which the
 * kernel's signal frames continue, or in the record of such a frame itself. The present call, whose
 * return address is kept there (NULL: none), is another one, though it may come from the same
 * place.
 */
#if ARCH_RETURNS_BY_STACK
static inline bool call_may_be_on_the_stack(const uintptr_t *kept_at, uintptr_t return_address,
                                            const uintptr_t *present)
{
    return kept_at != present && kernel_can_read(kept_at) && *kept_at == return_address;
}
#else
/* What the chain leads to is not known where it breaks off: then it may be. */
static inline bool call_may_be_on_the_stack(const uintptr_t *kept_at, uintptr_t return_address,
                                            const uintptr_t *present)
{
    enum { FRAMES_AT_MOST = 1024 };
    const uint64_t address_bits = (UINT64_C(1) << 48) - 1; /* the rest may be a signature (PAC) */
    const uintptr_t *frame = __builtin_frame_address(0);
    (void)kept_at;
    for (int i = 0; frame != NULL && i < FRAMES_AT_MOST; i++) {
        if ((uintptr_t)frame % 16 != 0 || !kernel_can_read(frame) ||
            (&frame[1] != present && ((frame[1] ^ return_address) & address_bits) == 0))
            return true;
        frame = (const uintptr_t *)frame[0];
    }
    return frame != NULL;
}
#endif

#endif
