/*
 * A module whose constructor points some of its function pointers elsewhere. Each was bound to
 * libc's dup() by a relocation. It wants connect() too: of dup() alone it would not be rebound.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "rebind_changed.h"

static int add_4242(int number)
{
    return number + 4242;
}

struct changed rebind_changed = {
    .close = dup, .add_4242 = dup, .none = dup, .dup = dup, .connect = connect};

__attribute__((constructor)) static void change(void)
{
    rebind_changed.close = close;
    rebind_changed.add_4242 = add_4242;
    rebind_changed.none = NULL;
}
