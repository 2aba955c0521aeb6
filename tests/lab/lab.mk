# The fault laboratory: real clients with and without the guard, on a network that is broken in many
# ways, in namespaces of its own; when errors come, and which jobs arrive. Writes report.md,
# results.tsv, jobs.tsv and notice.svg into $(BUILD)/lab and fails when a promise is broken; about
# five minutes. Included by the Makefile.
#
# make lab                    all rows, with the picture
# make lab LAB_ROWS='*/get'   some: `tests/lab/lab --list` says which there are; 'jobs/*': the jobs
# make lab-measured           puts report and picture of the last run beside this file, to be committed

LAB_ROWS    ?= *
LAB_DRIVERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/lab/clients/*.c)) \
               $(patsubst %.java,$(BUILD)/%.class,$(wildcard tests/lab/clients/*.java))

.PHONY: lab lab-measured

lab:
	tests/dependencies lab
	$(MAKE) all $(LAB_DRIVERS) $(CLIENTS_OF_NODE)
	tests/lab/lab --build $(abspath $(BUILD)) --again --picture '$(LAB_ROWS)'

lab-measured:
	cp $(BUILD)/lab/report.md $(BUILD)/lab/notice.svg tests/lab/

$(BUILD)/tests/lab/clients/%: tests/lab/clients/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(STANDARD) $(WARNINGS) -MMD -MP -o $@ $< -lhiredis

$(BUILD)/tests/lab/clients/%.class: tests/lab/clients/%.java
	javac -d $(@D) $<
