# The library for arm64, and the programs that the arm64 suite runs with qemu: this Makefile once
# more, with the cross compiler. They do without hiredis and OpenSSL, which Debian has for arm64 only
# where that architecture was added. `make system-test` leaves them out without the compiler, and the suite is skipped.

ARM64          := $(BUILD)/arm64
ARM64_PROGRAMS := $(patsubst %,$(ARM64)/tests/system/programs/%,sockets rebind_loop rebind_open rebind_signal)
ARM64_MODULES  := $(patsubst %,$(ARM64)/tests/system/modules/%.so,rebind_lazy \
                    by_program/rebind_of_program by_program/rebind_second_of_program by_library/rebind_of_library)

.PHONY: arm64

arm64:
	tests/dependencies arm64
	$(MAKE) BUILD=$(ARM64) CC=aarch64-linux-gnu-gcc PROGRAM_LIBS= \
	    $(ARM64)/libredisguard.so $(ARM64_PROGRAMS) $(ARM64_MODULES)
