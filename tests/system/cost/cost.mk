# Thirty modules with a dependency each, for the cost of rebinding them.

COST_NUMBERS := $(shell seq 1 30)
COST_MODULES := $(COST_NUMBERS:%=$(SYSTEM_MODULES)/cost_module_%.so)
COST_START   := $(SYSTEM_MODULES)/cost_of_start.so
MODULES += $(COST_MODULES) $(COST_NUMBERS:%=$(SYSTEM_MODULES)/cost_dependency_%.so)

$(SYSTEM_MODULES)/cost_dependency_%.so: tests/system/cost/modules/cost_dependency.c Makefile
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -fPIC -shared -Wl,-soname,$(@F) -o $@ $<

$(SYSTEM_MODULES)/cost_module_%.so: tests/system/cost/modules/cost_module.c $(SYSTEM_MODULES)/cost_dependency_%.so $(COST_START) Makefile
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -fPIC -shared -o $@ $< -Wl,--no-as-needed,-rpath,'$$ORIGIN' \
	    $(SYSTEM_MODULES)/cost_dependency_$*.so $(abspath $(COST_START))

$(COST_START): private TEST_CFLAGS += -Wl,-soname,cost_of_start.so
$(SYSTEM_PROGRAMS)/cost_modules: $(COST_START)
$(SYSTEM_PROGRAMS)/cost_modules: private TEST_CFLAGS += -Wl,--no-as-needed,-rpath,'$$ORIGIN/../modules' $(abspath $(COST_START))
