# Programs with gcc's sanitizers, and one that needs a library with a client in it.

# ---- other_preloads: one program with each of gcc's sanitizers, static and shared ----

PRELOAD_SANITIZED := $(patsubst %,$(SYSTEM_PROGRAMS)/preload_%,address undefined thread \
                     shared_address shared_thread)
PROGRAMS += $(PRELOAD_SANITIZED)

$(SYSTEM_PROGRAMS)/preload_address:        private TEST_CFLAGS += -fsanitize=address -static-libasan
$(SYSTEM_PROGRAMS)/preload_undefined:      private TEST_CFLAGS += -fsanitize=undefined -static-libubsan
$(SYSTEM_PROGRAMS)/preload_thread:         private TEST_CFLAGS += -fsanitize=thread -static-libtsan
$(SYSTEM_PROGRAMS)/preload_shared_address: private TEST_CFLAGS += -fsanitize=address
$(SYSTEM_PROGRAMS)/preload_shared_thread:  private TEST_CFLAGS += -fsanitize=thread

$(PRELOAD_SANITIZED): tests/system/preload/programs/preload_sanitized.c Makefile
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -fno-sanitize-recover=all -MMD -MP -o $@ $< -lhiredis -ldl -pthread

# ---- lifecycle: a client among the libraries that the program needs ----

LIFECYCLE_NEEDS := $(SYSTEM_PROGRAMS)/lifecycle_needs
PROGRAMS += $(LIFECYCLE_NEEDS)

$(LIFECYCLE_NEEDS): tests/system/preload/programs/lifecycle_idle.c $(SYSTEM_MODULES)/lifecycle_client.so Makefile
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -MMD -MP -o $@ $< -Wl,--no-as-needed $(abspath $(SYSTEM_MODULES)/lifecycle_client.so)
