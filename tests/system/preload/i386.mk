# The library for i386, and the programs that the i386 suite runs: this Makefile once more, with the
# cross compiler (gcc-multilib would do, but Debian has it remove the one for arm64). The kernel runs
# them itself, with the loader and libc of libc6-i386. `make system-test` leaves
# them out without the compiler, and the suite is skipped.

I386_BUILD    := $(BUILD)/i386
I386_PROGRAMS := $(patsubst %,$(I386_BUILD)/tests/system/programs/%,sockets rebind_loop rebind_open rebind_signal \
                    bad_addresses i386_runs)
I386_MODULES  := $(patsubst %,$(I386_BUILD)/tests/system/modules/%.so,rebind_lazy rebind_now rebind_relro \
                    rebind_noplt by_program/rebind_of_program by_program/rebind_second_of_program by_library/rebind_of_library)

.PHONY: i386

i386:
	tests/dependencies i386
	$(MAKE) BUILD=$(I386_BUILD) CC=i686-linux-gnu-gcc PROGRAM_LIBS= \
	    $(I386_BUILD)/libredisguard.so $(I386_PROGRAMS) $(I386_MODULES)
