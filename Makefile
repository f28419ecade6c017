# `make help` lists the targets. CC=clang works for all of them; O=folder keeps variants apart.
O       ?= build
CFLAGS  ?= -O2 -g
WERROR  ?= -Werror
WARN     = -Wall -Wextra -Wpedantic $(WERROR) -Wshadow -Wconversion -Wsign-conversion \
           -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla \
           -Wundef -Wcast-qual -Wcast-align -Wwrite-strings -Wpointer-arith \
           -Wformat=2 -Wnull-dereference -Wdouble-promotion -Wimplicit-fallthrough \
           -Wswitch-enum -Wunused-macros
WARN    += $(if $(findstring clang,$(CC)),,-Wlogical-op -Wduplicated-cond -Wduplicated-branches)
HARDEN   = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fno-strict-aliasing -fPIE
CPPFLAGS = -std=c11 -D_GNU_SOURCE -DPCRE2_CODE_UNIT_WIDTH=8 $(ISAL_DEF) -I.
Q        = $(if $(V),,@)
ALL      = $(CPPFLAGS) $(WARN) $(if $(SAN),$(SAN) -fno-omit-frame-pointer,$(HARDEN)) $(CFLAGS) -MMD -MP

# ISA-L makes compression four times faster; without it zlib does the same work.
ISAL    ?= $(shell test -e /usr/include/isa-l/igzip_lib.h && echo 1)
ISAL_DEF = $(if $(ISAL),-DHAVE_ISAL=1,-DHAVE_ISAL=0)
LIBS     = -lpcre2-8 -lz $(if $(ISAL),-lisal) -lxxhash -lfyaml -ljansson -lsqlite3 -lmicrohttpd \
           -lsystemd -lnftables -lcap-ng -lseccomp -lcrypto -lpthread -lm

FOLDERS  = base match parsers inputs detect journal sinks blockers agent
LIB_SRC  = $(filter-out agent/main.c,$(sort $(wildcard $(FOLDERS:%=%/*.c))))
HEADERS  = $(sort $(wildcard $(FOLDERS:%=%/*.h)))
LIB_OBJ  = $(LIB_SRC:%.c=$(O)/%.o)
UNIT     = $(sort $(wildcard tests/unit/test_*.c))

all: $(O)/sekisho ## build the program at build/sekisho

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC  $<')
	$(Q)$(CC) $(ALL) -c -o $@ $<

$(O)/libsekisho.a: $(LIB_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(O)/sekisho: $(O)/agent/main.o $(O)/libsekisho.a
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(SAN) $(CFLAGS) $(if $(SAN),,-pie -Wl,-z,relro,-z,now) -o $@ $^ $(LIBS)

$(O)/tests/unit/%: $(O)/tests/unit/%.o $(O)/libsekisho.a
	$(Q)$(CC) $(SAN) $(CFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(O)/tests/fuzz/replay_%: $(O)/tests/fuzz/replay.o $(O)/tests/fuzz/fuzz_%.o $(O)/libsekisho.a
	$(Q)$(CC) $(SAN) $(CFLAGS) -o $@ $^ $(LIBS)

unit: $(UNIT:%.c=$(O)/%) ## build and run the unit tests
	$(Q)for t in $^; do echo "== $$t"; $$t || exit 1; done

-include $(LIB_OBJ:.o=.d) $(O)/agent/main.d
.PHONY: all unit
.SECONDARY:
