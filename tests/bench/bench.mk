# What it costs: `make bench`. The programs of tests/bench measure, the script bench has the variants
# take turns, the script report makes tables and pictures of it. Included by the Makefile.

BENCH_SECONDS  ?= 240
BENCH_PROGRAMS := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,\
                    $(filter-out tests/bench/worker.c,\
                    $(sort $(wildcard tests/bench/*.c))))

.PHONY: bench bench-programs

bench:
	tests/dependencies bench
	$(MAKE) all bench-programs
	tests/bench/bench $(abspath $(BUILD)) $(BENCH_SECONDS)
	tests/bench/report $(BUILD)/bench > $(BUILD)/bench/report.md
	@cat $(BUILD)/bench/report.md
	@echo; echo 'In $(BUILD)/bench: report.md, results.tsv, fork.svg, ratios.svg'

# What the kernel and the loader cost by themselves: nothing, linked as the library is.
$(BUILD)/bench/hollow.so: Makefile
	@mkdir -p $(@D)
	$(CC) $(SHIM_LDFLAGS) -x c /dev/null -o $@

bench-programs: $(BENCH_PROGRAMS) $(BUILD)/bench/hollow.so $(BUILD)/tests/system/modules/nothing.so \
                $(BUILD)/tests/system/programs/cost_loop $(BUILD)/tests/system/programs/cost_memory

$(BUILD)/bench/%: tests/bench/%.c tests/bench/worker.c tests/bench/worker.h Makefile
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $< tests/bench/worker.c
