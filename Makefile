# make            the library and the wrapper, in build/
# make demo       both stories, without and with the guard
# make test       everything that is tested
# make lint       layout and static analysis
# make clean
#
# Needs gcc (or CC=clang) and GNU make. demo, test and lint install what else they need, as root;
# otherwise they say what to install and stop: tests/dependencies.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib/redisguard
BUILD  ?= build

VERSION := $(shell sed -n 's/^\#define REDISGUARD_VERSION "\(.*\)"/\1/p' include/redisguard.h)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
STANDARD := -std=gnu11 -D_GNU_SOURCE -Iinclude
CFLAGS   ?= -O2 -g

# No start files and no libc to link against: see "stubs" below. -mno-outline-atomics (arm64) keeps
# libgcc out.
MACHINE      := $(shell $(CC) -dumpmachine)
SHIM_CFLAGS  := $(CFLAGS) $(STANDARD) $(WARNINGS) -fPIC -fvisibility=hidden \
                -fstack-protector-strong -fno-strict-aliasing -ftls-model=initial-exec \
                $(if $(filter x86_64%,$(MACHINE)),-fcf-protection=full) \
                $(if $(filter aarch64%,$(MACHINE)),-mbranch-protection=standard -mno-outline-atomics)
SHIM_LDFLAGS := -shared -nostdlib -nostartfiles -Wl,-soname,libredisguard.so \
                -Wl,-z,relro,-z,now,-z,noexecstack,-z,text,-z,separate-code \
                -Wl,--hash-style=both,--build-id,--no-as-needed,-O1

SHIM_OBJECTS := $(patsubst shim/%,$(BUILD)/shim/%.o,$(sort $(wildcard shim/*.c shim/*.S)))

.DELETE_ON_ERROR:
.PHONY: all demo test unit-test system-test lint format clean

all: $(BUILD)/libredisguard.so $(BUILD)/redisguard

$(BUILD)/shim/%.c.o: shim/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(SHIM_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/shim/%.S.o: shim/%.S Makefile
	@mkdir -p $(@D)
	$(CC) $(SHIM_CFLAGS) -c -o $@ $<

# One file for every libc: linked against empty stand-ins that carry nothing but glibc's SONAMEs, so
# that no symbol version is recorded. musl answers to both names itself.
$(BUILD)/stubs/libc.so $(BUILD)/stubs/libdl.so: Makefile
	@mkdir -p $(@D)
	$(CC) -shared -nostdlib -nostartfiles -x c /dev/null \
	    -Wl,-soname,$(notdir $@).$(if $(findstring libdl,$@),2,6) -o $@

$(BUILD)/libredisguard.so: $(SHIM_OBJECTS) $(BUILD)/stubs/libc.so $(BUILD)/stubs/libdl.so
	$(CC) $(CFLAGS) $(SHIM_LDFLAGS) -o $@ $(SHIM_OBJECTS) -L$(BUILD)/stubs -lc -ldl

$(BUILD)/redisguard: shim/redisguard include/redisguard.h Makefile
	@mkdir -p $(@D)
	sed -e 's|@VERSION@|$(VERSION)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' $< > $@
	chmod 755 $@
