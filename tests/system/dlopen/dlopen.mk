# How the modules and programs of this directory are linked: most of it is about how a module's calls
# to libc are bound, which is what shim/lib/dl/rebind.c has to cope with. The Makefile has the rules.

# ---- rebind: one source, bound in different ways ----

REBIND_BINDINGS := lazy now norelro relro noplt other sysv unversioned
$(SYSTEM_MODULES)/rebind_lazy.so:    TEST_CFLAGS += -Wl,-z,relro,-z,lazy
$(SYSTEM_MODULES)/rebind_now.so:     TEST_CFLAGS += -Wl,-z,norelro,-z,now
$(SYSTEM_MODULES)/rebind_norelro.so: TEST_CFLAGS += -Wl,-z,norelro,-z,lazy
$(SYSTEM_MODULES)/rebind_relro.so:   TEST_CFLAGS += -Wl,-z,relro,-z,now
$(SYSTEM_MODULES)/rebind_noplt.so:   TEST_CFLAGS += -fno-plt -Wl,-z,relro,-z,lazy
$(SYSTEM_MODULES)/rebind_sysv.so:    TEST_CFLAGS += -Wl,--hash-style=sysv

# As what is to run with any libc is linked: it asks for no version of a symbol.
WITHOUT_VERSIONS := -nostdlib -Wl,--no-as-needed -L$(BUILD)/stubs -lc
$(SYSTEM_MODULES)/rebind_unversioned.so: | $(BUILD)/stubs/libc.so
$(SYSTEM_MODULES)/rebind_unversioned.so: TEST_CFLAGS += $(WITHOUT_VERSIONS)

REBIND_CALLERS := $(REBIND_BINDINGS:%=$(SYSTEM_MODULES)/rebind_%.so)
REBIND_TABLE   := $(SYSTEM_MODULES)/rebind_writable_table.so
MODULES += $(REBIND_CALLERS) $(REBIND_TABLE)

$(REBIND_TABLE): TEST_CFLAGS += -DWRITABLE

$(REBIND_CALLERS): tests/system/dlopen/modules/rebind_caller.c Makefile
$(REBIND_TABLE):   tests/system/dlopen/modules/rebind_table.c Makefile
$(REBIND_CALLERS) $(REBIND_TABLE):
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -fPIC -shared -MMD -MP -o $@ $<

# ---- rebind: what needs something else ----

$(SYSTEM_MODULES)/rebind_dependent.so: $(SYSTEM_MODULES)/rebind_caller.so
$(SYSTEM_MODULES)/rebind_dependent.so: private TEST_CFLAGS += -Wl,--no-as-needed \
    -L$(SYSTEM_MODULES) -l:rebind_caller.so -Wl,-rpath,'$$ORIGIN'

$(SYSTEM_MODULES)/rebind_private_user.so: $(SYSTEM_MODULES)/rebind_private.so
$(SYSTEM_MODULES)/rebind_private_user.so: private TEST_CFLAGS += -Wl,-z,lazy -Wl,--no-as-needed \
    $(abspath $(SYSTEM_MODULES)/rebind_private.so)

REBIND_PRIVATE_UNVERSIONED := $(SYSTEM_MODULES)/rebind_private_unversioned.so
MODULES += $(REBIND_PRIVATE_UNVERSIONED)

$(REBIND_PRIVATE_UNVERSIONED): tests/system/dlopen/modules/rebind_private_user.c \
        $(SYSTEM_MODULES)/rebind_private.so $(BUILD)/stubs/libc.so Makefile
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -fPIC -shared -o $@ $< -Wl,-z,lazy \
	    $(abspath $(SYSTEM_MODULES)/rebind_private.so) $(WITHOUT_VERSIONS)

# ---- rebind: what the program began with, bound on first use ----

REBIND_START := $(SYSTEM_MODULES)/rebind_start.so
$(REBIND_START): TEST_CFLAGS += -Wl,-z,lazy
$(SYSTEM_MODULES)/rebind_start_user.so $(SYSTEM_PROGRAMS)/rebind_start: $(REBIND_START)
$(SYSTEM_MODULES)/rebind_start_user.so: private TEST_CFLAGS += -Wl,--no-as-needed $(abspath $(REBIND_START))
$(SYSTEM_PROGRAMS)/rebind_start: private TEST_CFLAGS += -rdynamic -Wl,--no-as-needed $(abspath $(REBIND_START))

# ---- rebind: two versions of one library ----

REBIND_VERSION2 := $(SYSTEM_MODULES)/rebind_version2.so
MODULES += $(REBIND_VERSION2)

$(REBIND_VERSION2): tests/system/dlopen/modules/rebind_version1.c Makefile
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -DVERSION=2 -fPIC -shared -o $@ $<

$(SYSTEM_MODULES)/rebind_version_user.so: $(REBIND_VERSION2)
$(SYSTEM_MODULES)/rebind_version_user.so: private TEST_CFLAGS += -Wl,--no-as-needed \
    $(abspath $(REBIND_VERSION2))
$(SYSTEM_PROGRAMS)/rebind_versions: $(SYSTEM_MODULES)/rebind_version1.so
$(SYSTEM_PROGRAMS)/rebind_versions: private TEST_CFLAGS += -Wl,--no-as-needed \
    $(abspath $(SYSTEM_MODULES)/rebind_version1.so)

# ---- rebind: what only a RUNPATH or $ORIGIN finds ----

REBIND_FOUND := $(SYSTEM_MODULES)/by_program/rebind_of_program.so \
                $(SYSTEM_MODULES)/by_program/rebind_second_of_program.so \
                $(SYSTEM_MODULES)/by_program/rebind_constructor.so \
                $(SYSTEM_MODULES)/by_library/rebind_of_library.so
MODULES += $(REBIND_FOUND)

$(SYSTEM_MODULES)/by_program/rebind_constructor.so: $(SYSTEM_MODULES)/rebind_constructor.so
$(SYSTEM_MODULES)/by_program/rebind_of_program.so: $(SYSTEM_MODULES)/rebind_lazy.so
$(SYSTEM_MODULES)/by_program/rebind_second_of_program.so: $(SYSTEM_MODULES)/rebind_lazy.so
$(SYSTEM_MODULES)/by_library/rebind_of_library.so: $(SYSTEM_MODULES)/rebind_lazy.so
$(REBIND_FOUND):
	@mkdir -p $(@D)
	cp $< $@

$(SYSTEM_MODULES)/rebind_opener.so: TEST_CFLAGS += -Wl,--enable-new-dtags,-rpath,'$$ORIGIN/by_library'

REBIND_OPENERS := $(patsubst %,$(SYSTEM_PROGRAMS)/rebind_%,loop open errors signal stack fork)
$(REBIND_OPENERS): $(SYSTEM_MODULES)/rebind_opener.so
$(REBIND_OPENERS): private TEST_CFLAGS += \
    -Wl,--enable-new-dtags,-rpath,'$$ORIGIN/../modules/by_program' -Wl,--no-as-needed \
    $(abspath $(SYSTEM_MODULES)/rebind_opener.so)

# ---- rebind: who calls dlopen() may have a DT_RUNPATH, a DT_RPATH or neither ----

# The same library with neither, and others to be preloaded before that.
REBIND_OTHER_OPENERS := $(patsubst %,$(SYSTEM_MODULES)/rebind_%_opener.so,plain rpath runpath hwcaps)
MODULES += $(REBIND_OTHER_OPENERS)

REBIND_BY := -rpath,$(abspath $(SYSTEM_MODULES))/by_
$(SYSTEM_MODULES)/rebind_rpath_opener.so:   private TEST_CFLAGS += -Wl,--disable-new-dtags,$(REBIND_BY)library
$(SYSTEM_MODULES)/rebind_runpath_opener.so: private TEST_CFLAGS += -Wl,--enable-new-dtags,$(REBIND_BY)library
$(SYSTEM_MODULES)/rebind_hwcaps_opener.so:  private TEST_CFLAGS += -Wl,--enable-new-dtags,$(REBIND_BY)hwcaps
$(REBIND_OTHER_OPENERS): tests/system/dlopen/modules/rebind_opener.c Makefile
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -fPIC -shared -MMD -MP -o $@ $<

# What only some processors find there.
REBIND_OF_HWCAPS := $(SYSTEM_MODULES)/by_hwcaps/glibc-hwcaps/x86-64-v2/rebind_of_hwcaps.so
MODULES += $(REBIND_OF_HWCAPS)
$(REBIND_OF_HWCAPS): $(SYSTEM_MODULES)/rebind_lazy.so
	@mkdir -p $(@D)
	cp $< $@

# The program itself has neither, or a DT_RPATH.
REBIND_PLAIN_OPENER  := $(SYSTEM_MODULES)/rebind_plain_opener.so
REBIND_RPATH_PROGRAM := $(SYSTEM_PROGRAMS)/rebind_at_once_rpath
PROGRAMS += $(REBIND_RPATH_PROGRAM)

$(SYSTEM_PROGRAMS)/rebind_at_once $(REBIND_RPATH_PROGRAM): $(REBIND_PLAIN_OPENER)
$(SYSTEM_PROGRAMS)/rebind_at_once: private TEST_CFLAGS += -Wl,--no-as-needed $(abspath $(REBIND_PLAIN_OPENER))
$(REBIND_RPATH_PROGRAM): tests/system/dlopen/programs/rebind_at_once.c Makefile
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -MMD -MP -o $@ $< -ldl -Wl,--disable-new-dtags,$(REBIND_BY)program \
	    -Wl,--no-as-needed $(abspath $(REBIND_PLAIN_OPENER))
