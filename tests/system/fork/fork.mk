# How child_early is linked. The Makefile has the rule.

# The constructor of a library that a program needs runs before those of what is preloaded.
$(SYSTEM_PROGRAMS)/child_early: $(SYSTEM_MODULES)/child_early.so
$(SYSTEM_PROGRAMS)/child_early: private TEST_CFLAGS += -Wl,--no-as-needed \
    $(abspath $(SYSTEM_MODULES)/child_early.so)
