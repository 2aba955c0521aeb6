# Programs with gcc's sanitizers, and one that needs a library with a client in it.

# ---- company: one program with each of gcc's sanitizers, in it and beside it ----

COMPANY_SANITIZED := $(patsubst %,$(SYSTEM_PROGRAMS)/company_%,address undefined thread \
                     shared_address shared_thread)
PROGRAMS += $(COMPANY_SANITIZED)

$(SYSTEM_PROGRAMS)/company_address:        private TEST_CFLAGS += -fsanitize=address -static-libasan
$(SYSTEM_PROGRAMS)/company_undefined:      private TEST_CFLAGS += -fsanitize=undefined -static-libubsan
$(SYSTEM_PROGRAMS)/company_thread:         private TEST_CFLAGS += -fsanitize=thread -static-libtsan
$(SYSTEM_PROGRAMS)/company_shared_address: private TEST_CFLAGS += -fsanitize=address
$(SYSTEM_PROGRAMS)/company_shared_thread:  private TEST_CFLAGS += -fsanitize=thread

$(COMPANY_SANITIZED): tests/system/preload/programs/company_sanitized.c Makefile
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -fno-sanitize-recover=all -MMD -MP -o $@ $< -lhiredis -ldl -pthread

# ---- early: a client among the libraries that the program needs ----

EARLY_NEEDS := $(SYSTEM_PROGRAMS)/early_needs
PROGRAMS += $(EARLY_NEEDS)

$(EARLY_NEEDS): tests/system/preload/programs/early_idle.c $(SYSTEM_MODULES)/early_client.so Makefile
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -MMD -MP -o $@ $< -Wl,--no-as-needed $(abspath $(SYSTEM_MODULES)/early_client.so)
