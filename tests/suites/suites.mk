# Other projects' own test suites, from Debian's source packages, without and with the guard: as root.
# Included by the Makefile.
#
# make suites              all; goes on where an interrupted run was
# make suites SUITES=NAME  one, or a shell pattern
# make suites-measured     puts the table of the last run beside this file, to be committed

SUITES ?= *

.PHONY: suites suites-measured

suites:
	tests/dependencies suites
	$(MAKE) all
	tests/suites/suites --build $(abspath $(BUILD)) '$(SUITES)'

suites-measured:
	cp $(BUILD)/suites/RESULTS.md tests/suites/
