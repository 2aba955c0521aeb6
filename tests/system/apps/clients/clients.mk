# What the drivers of the client matrix need. Included by the Makefile.

CLIENTS_PROGRAMS := $(patsubst %,$(BUILD)/tests/system/programs/clients_%,hiredis libevent)

$(CLIENTS_PROGRAMS): tests/system/apps/programs/clients_scenarios.h tests/system/apps/clients/clients.mk
$(BUILD)/tests/system/programs/clients_libevent: private TEST_CFLAGS += -Wl,--no-as-needed -levent

# ioredis and node-redis come from npm's registry, with the versions and checksums that
# package-lock.json names, and stay in the build directory: whole, so that an npm that was ended leaves
# nothing there. Out of its reach the rest is measured.
CLIENTS_OF_NODE := $(BUILD)/clients/node/node_modules

$(CLIENTS_OF_NODE): $(addprefix tests/system/apps/clients/,package.json package-lock.json clients.mk)
	rm -rf $@ $(@D)/new
	mkdir -p $(@D)/new
	cp $(filter %.json,$^) $(@D)/new
	-cd $(@D)/new && npm ci --loglevel=error --ignore-scripts --no-audit --no-fund && \
	    touch $(@F) && mv $(@F) .. && rm -r ../new
