# What becomes of the built files: installed, taken away again, or made into a Debian package.
# Included by the Makefile.
#
# make install     below PREFIX; DESTDIR goes before every path
# make uninstall   takes away what install put there, with the same PREFIX, DESTDIR ...
# make deb         build/redisguard_VERSION_ARCHITECTURE.deb
# make deb-test    as root: the package in a clean Debian system of its own

BINDIR        ?= $(PREFIX)/bin
MANDIR        ?= $(PREFIX)/share/man
INCLUDEDIR    ?= $(PREFIX)/include
PKGCONFIGDIR  ?= $(PREFIX)/share/pkgconfig
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
DOCDIR        ?= $(PREFIX)/share/doc/redisguard

# What `make i386` has built, to be installed beside the library for x86-64; empty: it is not.
I386_LIBRARY  ?=

.PHONY: install uninstall deb deb-test

LINK_PROGRAM = $(CC) $(TOOL_CFLAGS) $(TOOL_LDFLAGS) shim/tool/library_path.c \
    $(filter-out %/library_path.o,$(TOOL_OBJECTS))

PUT_IN_PLACE = env LINK_PROGRAM='$(LINK_PROGRAM)' BUILD='$(BUILD)' VERSION='$(VERSION)' DESTDIR='$(DESTDIR)' LIBDIR='$(LIBDIR)' \
    BINDIR='$(BINDIR)' MANDIR='$(MANDIR)' INCLUDEDIR='$(INCLUDEDIR)' \
    PKGCONFIGDIR='$(PKGCONFIGDIR)' COMPLETIONDIR='$(COMPLETIONDIR)' DOCDIR='$(DOCDIR)' \
    I386_LIBRARY='$(I386_LIBRARY)' shim/package/install

install: all
	@$(PUT_IN_PLACE) install

uninstall:
	@$(PUT_IN_PLACE) uninstall

deb:
	tests/dependencies deb
	shim/package/deb '$(BUILD)' '$(VERSION)'

deb-test:
	tests/dependencies deb deb-test
	$(MAKE) deb
	tests/package/clean-root '$(BUILD)' '$(VERSION)'
