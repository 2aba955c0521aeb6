# How child_early and step_hooks are linked. The Makefile has the rule.

# The constructor of a library that a program needs runs before those of what is preloaded.
$(SYSTEM_PROGRAMS)/child_early: $(SYSTEM_MODULES)/child_early.so
$(SYSTEM_PROGRAMS)/child_early: private TEST_CFLAGS += -Wl,--no-as-needed \
    $(abspath $(SYSTEM_MODULES)/child_early.so)

# The whole library is linked into it.
$(SYSTEM_PROGRAMS)/step_hooks: $(SHIM_OBJECTS)
$(SYSTEM_PROGRAMS)/step_hooks: private PROGRAM_LIBS := $(SHIM_OBJECTS)
