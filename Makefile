# make            the library and the program redisguard, in build/
# make demo       both stories, without and with the guard
# make test       everything that is tested
# make check      one suite or test: T='rebind/*'
# make deps       installs what all targets need, as root
# make proof      a model of what fork and threads do to the registry, verified; FULL=1: in full
# make suites     the test suites of other projects, with the guard: needs root
# make matrix     the same library in Debian 11 and 13, with musl, on arm64: needs root
# make dist       the tarball of the last commit, reproducible
# make fuzz       hostile input, FUZZ_SECONDS=10 a target
# make tsan       data races
# make lab        real clients on a network that is broken in many ways, as a table
# make install    below PREFIX=/usr/local; make uninstall takes it away again
# make deb        a Debian package; make deb-test tries it in a clean system, as root
# make soak       what takes longer, SOAK_SECONDS=600 each
# make bench      what it costs, BENCH_SECONDS=240
# make lint       layout, static analysis, and what the documents name
# make clean
#
# Needs gcc (or CC=clang) and GNU make. What tests, measures, packages or lints installs what else it
# needs, as root; otherwise it says what to install and stops: tests/dependencies.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib/redisguard
BUILD  ?= build

VERSION := $(shell sed -n 's/^\#define REDISGUARD_VERSION "\(.*\)"/\1/p' include/redisguard.h)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
STANDARD := -std=gnu11 -D_GNU_SOURCE -Iinclude -iquote shim/lib
CFLAGS   ?= -O2 -g

# No start files and no libc to link against: see "stubs" below. -mno-outline-atomics (arm64) keeps
# libgcc out; i386 divides numbers of 64 bits with its static code. GCC must leave loops as they are:
# text.h says why.
MACHINE      := $(shell $(CC) -dumpmachine 2>/dev/null)
GCC          := $(shell $(CC) -v 2>&1 | sed -n 's/^gcc version.*/yes/p')
I386         := $(filter i386% i486% i586% i686%,$(MACHINE))
SHIM_CFLAGS  := $(CFLAGS) $(STANDARD) $(WARNINGS) -fPIC -fvisibility=hidden \
                -fstack-protector-strong -fno-strict-aliasing -ftls-model=initial-exec \
                $(if $(GCC),-fno-tree-loop-distribute-patterns) \
                $(if $(filter x86_64%,$(MACHINE)),-fcf-protection=full) \
                $(if $(filter aarch64%,$(MACHINE)),-mbranch-protection=standard -mno-outline-atomics) \
                $(if $(I386),-Wno-psabi)
SHIM_LDFLAGS := -shared -nostdlib -nostartfiles -Wl,-soname,libredisguard.so \
                -Wl,-Bsymbolic,-z,relro,-z,now,-z,nodelete,-z,noexecstack,-z,text,-z,noseparate-code \
                -Wl,--hash-style=both,--build-id,--no-as-needed,-O1,--sort-section=name

SHIM_OBJECTS := $(patsubst %,$(BUILD)/%.o,$(sort $(wildcard $(addprefix shim/lib/,*.c dl/*.c arch/*.c arch/*.S))))

.DELETE_ON_ERROR:
.PHONY: all check deps dist matrix demo test proof unit-test system-test fuzz tsan tsan-programs soak lint format clean

all: $(BUILD)/libredisguard.so $(BUILD)/redisguard

# What runs only where there is something to say, or after an outage: small rather than fast.
SHIM_COLD := counters error_name fork glob guard half_open inherited keepalive line log log_file start target tcp_state
$(SHIM_COLD:%=$(BUILD)/shim/lib/%.c.o): private FOR_SIZE := -Os

# Without a libc to build for there would be a page of errors, which name no package.
WORKING_COMPILER := $(BUILD)/stubs/compiler-works

$(WORKING_COMPILER):
	@mkdir -p $(@D)
	@command -v $(firstword $(CC)) >/dev/null || \
	    { echo 'make: there is no $(firstword $(CC)): install gcc, or name another compiler with CC=' >&2; exit 1; }
	@echo 'int main(void) { return 0; }' | $(CC) -include stdio.h -static -o $@ -x c - 2>$(@D)/errors || \
	    { echo 'make: $(CC) cannot build a static program: install libc6-dev ($(@D)/errors)' >&2; exit 1; }

$(BUILD)/shim/lib/%.c.o: shim/lib/%.c Makefile | $(WORKING_COMPILER)
	@mkdir -p $(@D)
	$(CC) $(SHIM_CFLAGS) $(FOR_SIZE) -MMD -MP -c -o $@ $<

$(BUILD)/shim/lib/%.S.o: shim/lib/%.S Makefile | $(WORKING_COMPILER)
	@mkdir -p $(@D)
	$(CC) $(SHIM_CFLAGS) -c -o $@ $<

# One file for every libc: linked against an empty stand-in that carries nothing but glibc's SONAME,
# so that no symbol version is recorded. musl answers to it itself.
$(BUILD)/stubs/libc.so: Makefile
	@mkdir -p $(@D)
	$(CC) -shared -nostdlib -nostartfiles -x c /dev/null -Wl,-soname,libc.so.6 -o $@

$(BUILD)/libredisguard.so: $(SHIM_OBJECTS) $(BUILD)/stubs/libc.so
	$(CC) $(CFLAGS) $(SHIM_LDFLAGS) -o $@ $(SHIM_OBJECTS) -L$(BUILD)/stubs -lc $(if $(I386),-lgcc)

# The program that people run. Static: it runs beside any libc, nothing is preloaded into it, and no
# loader delays it. It judges variables with the library's own parser.
TOOL_CFLAGS  := $(CFLAGS) $(STANDARD) -iquote shim/tool $(WARNINGS) -ffunction-sections -fdata-sections
TOOL_LDFLAGS := -static -Wl,--gc-sections,-z,relro,-z,noexecstack
TOOL_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard shim/tool/*.c shim/tool/*/*.c))) \
                $(patsubst %,$(BUILD)/shim/lib/%.c.o,config glob line keepalive counters log log_file error_name)

$(BUILD)/shim/tool/%.o: shim/tool/%.c Makefile | $(WORKING_COMPILER)
	@mkdir -p $(@D)
	$(CC) $(TOOL_CFLAGS) $(if $(filter library_path,$*),-DREDISGUARD_LIBDIR='"$(LIBDIR)"') -MMD -MP -c -o $@ $<

$(BUILD)/redisguard: $(TOOL_OBJECTS)
	$(CC) $(CFLAGS) $(TOOL_LDFLAGS) -o $@ $^ -lm

include shim/package/install.mk

# ---- tests: Criterion; each test in a process of its own ----

TEST_CFLAGS := $(CFLAGS) $(STANDARD) $(WARNINGS) -DBUILD_DIR='"$(abspath $(BUILD))"' \
               -DSOURCE_DIR='"$(CURDIR)"' -iquote tests/helpers

# The unit tests link the modules themselves; hooks and constructor would guard the test runner.
UNIT_OBJECTS   := $(filter-out %/hooks.c.o %/start.c.o %/dlopen.S.o,$(SHIM_OBJECTS)) \
                  $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/unit/*.c)) \
                    tests/helpers/files.c tests/helpers/reaper.c)
SYSTEM_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/helpers/*.c tests/system/*/*.c)))

# Small programs and modules that the system tests run under the preload: those of all areas in one
# directory each. An area's .mk says what its own ask for beyond these rules.
PROGRAM_LIBS ?= -lhiredis -lssl -lcrypto
SYSTEM_PROGRAMS := $(BUILD)/tests/system/programs
SYSTEM_MODULES  := $(BUILD)/tests/system/modules
PROGRAM_SOURCES := $(sort $(wildcard tests/system/*/programs/*.c))
MODULE_SOURCES  := $(sort $(wildcard tests/system/*/modules/*.c))
PROGRAMS := $(patsubst %.c,$(SYSTEM_PROGRAMS)/%,$(notdir $(PROGRAM_SOURCES)))
MODULES  := $(patsubst %.c,$(SYSTEM_MODULES)/%.so,$(notdir $(MODULE_SOURCES)))
AREA_RULES := $(sort $(wildcard tests/system/*/*.mk tests/system/*/*/*.mk))

$(BUILD)/tests/%.o: tests/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit-tests: $(UNIT_OBJECTS)
	$(CC) $(CFLAGS) -o $@ $^ -lcriterion -ldl

$(BUILD)/system-tests: $(SYSTEM_OBJECTS)
	$(CC) $(CFLAGS) -o $@ $^ -lcriterion -lhiredis

define programs_of_area
$(SYSTEM_PROGRAMS)/%: $(1)/programs/%.c Makefile
	@mkdir -p $$(@D)
	$$(CC) $$(TEST_CFLAGS) -MMD -MP -o $$@ $$< $$(PROGRAM_LIBS) -lutil -ldl -pthread

$(SYSTEM_MODULES)/%.so: $(1)/modules/%.c Makefile
	@mkdir -p $$(@D)
	$$(CC) $$(TEST_CFLAGS) -fPIC -shared -MMD -MP -o $$@ $$<

$(BUILD)/tsan/%: $(1)/programs/%.c tests/helpers/child_tools.h $(wildcard shim/lib/* shim/lib/*/*)
	@mkdir -p $$(@D)
	gcc -O1 -g $$(STANDARD) -iquote tests/helpers -DUNDER_TSAN -fsanitize=thread -Wno-tsan -o $$@ $$< \
	    $(wildcard shim/lib/*.c shim/lib/*/*.[cS]) -lhiredis -ldl -pthread
endef
$(foreach area,$(wildcard tests/system/*),$(eval $(call programs_of_area,$(area))))

include $(AREA_RULES)
-include tests/lab/lab.mk
-include tests/suites/suites.mk
$(MODULES) $(PROGRAMS): $(AREA_RULES)

test:
	tests/dependencies test
	$(MAKE) all proof unit-test system-test fuzz FUZZ_SEED=1

# One worker a test at a time and core: most of a system test is waiting.
unit-test: $(BUILD)/unit-tests
	$(BUILD)/unit-tests -j2 --timeout 600

# What the system tests run. Where a cross compiler is missing its suite is skipped.
SYSTEM_TESTS := $(BUILD)/system-tests $(PROGRAMS) $(MODULES) $(CLIENTS_OF_NODE) $(LAB_DRIVERS) tsan-programs all \
                $(if $(shell command -v aarch64-linux-gnu-gcc),arm64) \
                $(if $(shell command -v i686-linux-gnu-gcc),i386)

system-test: $(SYSTEM_TESTS)
	$(BUILD)/system-tests -j4 --timeout 600
	tests/system/apps/clients/table $(BUILD)/clients --check tests/system/apps/RESULTS.md

# One suite or test, by Criterion's pattern SUITE/TEST, with what it needs built.
T ?= *
check:
	tests/dependencies test
	@$(MAKE) $(BUILD)/unit-tests $(SYSTEM_TESTS)
	@tests/check '$(T)' $(BUILD)/unit-tests $(BUILD)/system-tests

# What every target needs, at once.
deps:
	tests/dependencies demo test proof lab bench dist suites matrix deb deb-test lint

# Every interleaving of threads and a fork, by the model checker spin: 20 s, with FULL=1 a
# minute.
proof:
	tests/dependencies proof
	tests/proof/prove $(BUILD)/proof

# The tarball of the last commit, for x86-64 and arm64.
dist:
	tests/dependencies dist
	tests/dist $(BUILD)

# The same library file in older and newer systems, with musl, and on arm64. As root.
matrix:
	tests/dependencies test dist matrix
	$(MAKE) all arm64 $(BUILD)/system-tests
	tests/matrix/matrix $(abspath $(BUILD))

demo:
	tests/dependencies demo
	$(MAKE) all
	tests/demo/demo $(abspath $(BUILD))

# ---- hostile input: libFuzzer, of clang ----

FUZZ_SECONDS ?= 10
FUZZ_SEED    ?= 0
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/*.c)))
FUZZ_FLAGS   := -g -O1 $(STANDARD) -iquote tests/helpers $(WARNINGS) \
                -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
                -fsanitize-coverage-ignorelist=tests/fuzz/untraced
FUZZ_MODULES := $(filter-out %/hooks.c %/start.c,$(wildcard shim/lib/*.c shim/lib/*/*.c))

# Seed 0 is another one each time; `make test` takes always the same, so that it finds today what it
# found yesterday. What is found is kept in the build directory; what is worth keeping belongs into tests/fuzz/corpus.
fuzz:
	tests/dependencies fuzz
	$(MAKE) $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)
	seed=$(FUZZ_SEED); [ $$seed != 0 ] || seed=$$(shuf -i 1-999999999 -n 1); \
	for target in $(FUZZ_TARGETS); do \
	    mkdir -p $(BUILD)/fuzz/found/$$target; \
	    echo "fuzz: $$target, $(FUZZ_SECONDS) s, FUZZ_SEED=$$seed"; \
	    $(BUILD)/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -seed=$$seed -verbosity=0 -print_final_stats=1 \
	        -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/found/$$target \
	        tests/fuzz/corpus/$$target || exit 1; \
	done

$(BUILD)/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz.h tests/helpers/same_config.h tests/fuzz/untraced $(FUZZ_MODULES) $(wildcard shim/lib/*.h shim/lib/*/*.h)
	@mkdir -p $(@D)
	clang $(FUZZ_FLAGS) -o $@ $< $(FUZZ_MODULES) -ldl

# ---- data races: programs of threads.c and half_open.c with the whole guard linked in, under
# ThreadSanitizer, which Criterion cannot start under ----

TSAN_PROGRAMS := $(BUILD)/tsan/threads_storm $(BUILD)/tsan/threads_hooks $(BUILD)/tsan/half_open_storm

tsan-programs: $(TSAN_PROGRAMS)

tsan:
	tests/dependencies tsan
	$(MAKE) $(BUILD)/system-tests $(TSAN_PROGRAMS) $(MODULES)
	$(BUILD)/system-tests --filter '@(threads|half_open)/*race'

# ---- what it costs ----

-include tests/bench/bench.mk

# ---- longer runs, with a printed seed and a limit in time ----

SOAK_SECONDS ?= 600

# bash for pipefail: Criterion lists, as skipped, every test that the filter leaves out.
soak: SHELL := bash
soak:
	tests/dependencies test
	$(MAKE) all $(BUILD)/system-tests $(PROGRAMS) $(MODULES) tsan-programs
	$(MAKE) fuzz FUZZ_SECONDS=$(SOAK_SECONDS)
	set -o pipefail; CHURN_SECONDS=$(SOAK_SECONDS) THREADS_SECONDS=$(SOAK_SECONDS) THIRD_PARTY_LONG=1 \
	    $(BUILD)/system-tests -j2 --verbose --timeout $$(($(SOAK_SECONDS) + 1800)) \
	    --filter '@(churn|threads|third_party*)/*' 2>&1 | grep -v SKIP

# ---- lint ----

C_FILES     := $(wildcard shim/lib/*.[ch] shim/lib/*/*.[ch] shim/tool/*.[ch] shim/tool/*/*.[ch] include/*.h tests/unit/*.[ch] tests/helpers/*.[ch] \
                 tests/system/*/*.[ch] tests/system/*/*/*.[ch] tests/fuzz/*.[ch] tests/bench/*.[ch] \
                 tests/lab/clients/*.c examples/*.c)
SHELL_FILES := $(filter-out %.md,$(wildcard examples/preload.sh shim/package/install shim/package/deb \
                 tests/package/clean-root tests/package/smoke tests/check tests/dependencies tests/documents tests/proof/prove tests/dist tests/matrix/* tests/demo/demo .ci/run \
                 $(filter-out $(addprefix tests/suites/,suites suites.mk tap.awk allowed),$(wildcard tests/suites/*)) \
                 tests/system/apps/third_party/shell.bash tests/system/apps/clients/table \
                 tests/system/apps/clients/redis_cli.bash tests/lab/clients/redis_cli.sh \
                 tests/system/examples/recipes/follow tests/system/examples/recipes/image tests/system/examples/recipes/alpine \
                 tests/system/examples/recipes/system.sh tests/helpers/in_systemd examples/runit/run examples/s6/run))

PYTHON_FILES := tests/lab/lab tests/suites/suites tests/bench/bench tests/bench/report $(wildcard tests/system/*/*.py tests/system/*/*/*.py \
                 tests/lab/*.py tests/lab/clients/*.py)

# What has a name in elf(5), ld.so(8) or POSIX is called by that name: shim/README.md's glossary.
PRIVATE_WORDS := '[r]ecruit|[m]akeshift|[p]ut[_ ]off|[s]ettled|[f]olders?|[h]ung[_ ]up|[p]ass(es)? the guard by|[n]o[_ ]longer[_ ]ours'

lint:
	tests/dependencies test lint
	clang-format --dry-run -Werror $(C_FILES)
	clang-tidy --quiet $(filter shim/%.c,$(C_FILES)) -- $(STANDARD) -iquote shim/tool '-DREDISGUARD_LIBDIR="/"'
	clang-tidy --quiet $(filter tests/%.c examples/%.c,$(C_FILES)) -- $(TEST_CFLAGS)
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
	    --inline-suppr --suppress=missingIncludeSystem -Iinclude -Ishim/lib -Ishim/tool -D__x86_64__ '-DREDISGUARD_LIBDIR="/"' \
	    '-DElfW(type)=Elf64_##type' '-DTestSuite(...)=' \
	    '-DTest(suite,name,...)=void suite##_##name(void)' $(filter %.c,$(C_FILES))
	shellcheck $(SHELL_FILES)
	pyflakes3 $(PYTHON_FILES)
	shellcheck --shell=bash shim/package/completion.bash
	! grep -rniE $(PRIVATE_WORDS) --exclude='*.svg' Makefile README.md include shim examples tests
	mandoc -T lint -W warning shim/man/redisguard.1 shim/man/redisguard.7
	tests/documents
	$(MAKE) BUILD=$(BUILD)/clang CC=clang CFLAGS='-O2 -g -Werror' all

format:
	clang-format -i $(C_FILES)

clean:
	rm -rf $(BUILD)

-include $(wildcard $(BUILD)/shim/*/*.d $(BUILD)/shim/*/*/*.d $(BUILD)/tests/*/*.d $(BUILD)/tests/*/*/*.d $(BUILD)/tests/*/*/*/*.d)
