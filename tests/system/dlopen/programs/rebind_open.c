/*
 * rebind_open PORT STEP...: a STEP is WHO:MODE:FILE. WHO calls dlopen(): "program" or "library",
 * modules/rebind_opener.c. MODE is plain, deepbind, or either with ",noload". Tells how each ended,
 * in dlerror()'s own words, and, with a PORT other than 0, whether the guard notices when the
 * module calls setsockopt(). Step "close" closes what the last step has opened.
 */
#include "rebind_tools.h"

void *open_from_library(const char *file, int mode);

static int port;
static int connection = -1;
static void *module;

static void *open_from_program(const char *file, int mode)
{
    void *volatile handle = dlopen(file, mode);
    return handle;
}

/* The call that has the guard notice must come first: a bare name is seen to by the next hook. */
static void tell_whether_guarded(void)
{
    connection = connection < 0 ? connect_socket(port, 0) : connection;
    checked(fcntl(connection, F_GETFD), "fcntl");
    const struct calls *calls = dlsym(module, "rebind_calls");
    if (calls == NULL)
        return;
    printf("  setsockopt: %s\n", setsockopt_is_guarded(calls, connection) ? "guarded" : "bypasses");
}

static void open_and_tell(const char *step)
{
    char who[16], mode[32];
    int start = 0;
    if (sscanf(step, "%15[^:]:%31[^:]:%n", who, mode, &start) != 2 || start == 0)
        die(step);
    const char *file = strcmp(step + start, "NULL") == 0 ? NULL : step + start;
    int flags = RTLD_LAZY | (strstr(mode, "deepbind") != NULL ? RTLD_DEEPBIND : 0) |
                (strstr(mode, "noload") != NULL ? RTLD_NOLOAD : 0);
    module = strcmp(who, "library") == 0 ? open_from_library(file, flags)
                                         : open_from_program(file, flags);
    const char *error = module == NULL ? dlerror() : NULL;
    printf("%s: %s\n", step, module != NULL ? "opened" : error != NULL ? error : "no error");
    error = dlerror();
    if (error != NULL)
        printf("  left behind: %s\n", error);
    if (module != NULL && port != 0)
        tell_whether_guarded();
}

int main(int argc, char *argv[])
{
    port = atoi(argv[1]);
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "close") == 0)
            printf("close: %s\n", dlclose(module) == 0 ? "closed" : dlerror());
        else
            open_and_tell(argv[i]);
    return 0;
}
