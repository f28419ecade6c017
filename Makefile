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
LIBS     = -lpcre2-8 -lz -llz4 $(if $(ISAL),-lisal) -lxxhash -lfyaml -ljansson -lsystemd -lcares -lcap-ng -lseccomp -ldl -lpthread -lm
# Those that libs/ opens when they are needed, by the names that the linker would note.
LATE     = CRYPTO:crypto CURL:curl MICROHTTPD:microhttpd NFTABLES:nftables RDKAFKA:rdkafka SQLITE:sqlite3

FOLDERS  = libs base match parsers inputs detect journal sinks blockers agent
LIB_SRC  = $(filter-out agent/main.c,$(sort $(wildcard $(FOLDERS:%=%/*.c))))
HEADERS  = $(sort $(wildcard $(FOLDERS:%=%/*.h)))
LIB_OBJ  = $(LIB_SRC:%.c=$(O)/%.o)
UNIT     = $(sort $(wildcard tests/unit/test_*.c))

PREFIX  ?= /usr
DEB      = gcc make libc6-dev pkg-config libpcre2-dev zlib1g-dev liblz4-dev libisal-dev libxxhash-dev libfyaml-dev \
           libjansson-dev libcurl4-openssl-dev libsqlite3-dev libmicrohttpd-dev libsystemd-dev libnftables-dev libcap-ng-dev \
           libseccomp-dev libssl-dev librdkafka-dev libc-ares-dev libcmocka-dev python3 python3-pytest sqlite3 nftables iproute2 \
           nginx-light curl ca-certificates procps
DEB_TEST = openssl python3-venv python3-jsonschema python3-yaml clang libclang-rt-14-dev git systemd-journal-remote
DEB_LINT = clang-format clang-tidy cppcheck

# ISA-L and the like may only be there after `deps`: what follows is a make of its own.
all: deps ## build the program at build/sekisho
	$(Q)$(MAKE) --no-print-directory $(O)/sekisho $(O)/windows

deps: ## install what is missing (root on Debian), else print the command that does
	$(Q)missing=$$(for p in $(DEB); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing: $$missing"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null || exit 1; \
	  else echo "missing packages; run: sudo apt-get install $$missing"; exit 1; fi; fi

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC  $<')
	$(Q)$(CC) $(ALL) -c -o $@ $<

# Windows chosen by other code or tables than these are not taken from the cache.
MATCH_SRC = $(sort $(wildcard match/*.[ch] match/*.inc))
$(O)/detect/memo_file.o: $(MATCH_SRC)
$(O)/detect/memo_file.o: ALL += -DMATCH_ID='"$(shell cat $(MATCH_SRC) | sha256sum | cut -c1-32)"'

soname   = $(shell objdump -p $$($(CC) -print-file-name=lib$(1).so) | sed -n 's/.*SONAME *//p')
$(O)/libs/libraries.o: ALL += $(foreach l,$(LATE),-D$(word 1,$(subst :, ,$(l)))_SONAME='"$(call soname,$(word 2,$(subst :, ,$(l))))"')

$(O)/libsekisho.a: $(LIB_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(O)/sekisho: $(O)/agent/main.o $(O)/libsekisho.a
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(SAN) $(CFLAGS) $(if $(SAN),,-pie -Wl,-z,relro,-z,now) -o $@ $^ $(LIBS)

# What its rules are found by takes two seconds to find out: not at each host's first start.
$(O)/windows: $(O)/sekisho $(wildcard rules/*/*.yml)
	$(if $(V),,@echo '  GEN $@')
	$(Q)rm -rf $@ $@.new && mkdir $@.new && CACHE_DIRECTORY=$(abspath $@.new) $(O)/sekisho rules list --rules rules >/dev/null && mv $@.new/windows $@; rm -rf $@.new

$(O)/tests/unit/%: $(O)/tests/unit/%.o $(O)/libsekisho.a
	$(Q)$(CC) $(SAN) $(CFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(O)/tests/fuzz/replay_%: $(O)/tests/fuzz/replay.o $(O)/tests/fuzz/fuzz_%.o $(O)/libsekisho.a
	$(Q)$(CC) $(SAN) $(CFLAGS) -o $@ $^ $(LIBS)

# Its broker is librdkafka's own, of which the program calls nothing.
$(O)/tests/unit/test_kafka: LIBS += -lrdkafka

unit: $(UNIT:%.c=$(O)/%)
	$(Q)tests/run-unit $^

unit-tests: deps ## unit tests and cases
	$(Q)$(MAKE) --no-print-directory unit

diff: $(O)/tests/diff/diff_match ## the filters against plain PCRE2, at every alignment
	$(Q)$(O)/tests/diff/diff_match $(DIFF_ARGS) tests/diff/patterns.txt

$(O)/tests/diff/%: $(O)/tests/diff/%.o $(O)/libsekisho.a
	$(Q)$(CC) $(SAN) $(CFLAGS) -o $@ $^ $(LIBS)

FUZZ     = $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

replay: $(FUZZ:%=$(O)/tests/fuzz/replay_%) ## the fuzz targets over their corpora
	$(Q)for t in $(FUZZ); do $(O)/tests/fuzz/replay_$$t $$(find tests/fuzz/corpus/$$t -type f 2>/dev/null) || exit 1; done

# Leaks are looked for by `make asan` over the corpora: here it would be done after each input.
fuzz: ## fuzz every target for FUZZ_S seconds (clang)
	$(Q)for t in $(FUZZ); do \
	  $(MAKE) --no-print-directory CC=clang O=build-fuzz SAN="-fsanitize=fuzzer-no-link,address,undefined" \
	    build-fuzz/tests/fuzz/fuzz_$$t.o build-fuzz/libsekisho.a && \
	  clang -fsanitize=fuzzer,address,undefined -o build-fuzz/fuzz_$$t build-fuzz/tests/fuzz/fuzz_$$t.o build-fuzz/libsekisho.a $(LIBS) && \
	  mkdir -p build-fuzz/corpus_$$t && \
	  build-fuzz/fuzz_$$t -detect_leaks=0 -timeout=10 -max_total_time=$(or $(FUZZ_S),60) build-fuzz/corpus_$$t tests/fuzz/corpus/$$t || exit 1; done

ASAN     = O=build-asan SAN="-fsanitize=address,undefined -fno-sanitize-recover=all" CFLAGS="-O1 -g"

asan: ## unit tests, cases, corpora and the differential test under sanitizers
	$(Q)$(MAKE) --no-print-directory $(ASAN) DIFF_ARGS="-k 8" unit replay diff

e2e: $(O)/sekisho $(O)/windows ## end-to-end tests of the real program
	$(Q)python3 -m pytest -q -p no:cacheprovider -m 'not full' tests/e2e

test: ## everything: unit, cases, rules, differential, corpora, end to end, sanitizers
	$(Q)$(MAKE) --no-print-directory deps DEB="$(DEB) $(DEB_TEST)"
	$(Q)tests/run-all

# What the build puts into the code: of no interest here.
NO_IDS   = -DMATCH_ID='""' $(foreach l,$(LATE),-D$(word 1,$(subst :, ,$(l)))_SONAME='""')

lint: ## format, include directions, headers alone, clang-tidy, cppcheck
	$(Q)$(MAKE) --no-print-directory deps DEB="$(DEB_LINT) clang"
	clang-format --dry-run -Werror $(LIB_SRC) agent/main.c $(HEADERS) $(wildcard tests/*/*.[ch])
	python3 tests/lint/layers.py $(LIB_SRC) agent/main.c $(HEADERS)
	for h in $(HEADERS); do $(CC) $(CPPFLAGS) $(WARN) -Wno-unused-macros -fsyntax-only -x c -include $$h /dev/null || exit 1; done
	cppcheck --quiet --error-exitcode=1 --enable=warning,portability,performance --suppress=arrayIndexThenCheck --inline-suppr \
	  --suppress=missingIncludeSystem --std=c11 -DHAVE_ISAL=1 $(NO_IDS) -I. $(LIB_SRC)
	clang-tidy --quiet $(LIB_SRC) -- $(CPPFLAGS) $(NO_IDS) 2>/dev/null

grams: ## make the table of byte frequencies anew
	python3 tools/grams/grams.py > match/grams_data.inc

test-full: all ## what needs other programs built first: rsigma, sigma-cli, Google's Pub/Sub fake of Go (each is skipped where it can not be had)
	$(Q)$(MAKE) --no-print-directory deps DEB="$(DEB) $(DEB_TEST)"
	$(Q)python3 -m pytest -q -p no:cacheprovider -rs tests/full; first=$$?; \
	python3 -m pytest -q -p no:cacheprovider -rs -m full tests/e2e && exit $$first

demo: all ## attackers against a real nginx: recognised, stored and blocked
	$(Q)tests/demo/demo.sh

demo-cloud: all ## nginx, Pub/Sub, BigQuery and an analyst's questions, all on this machine
	$(Q)$(MAKE) --no-print-directory deps DEB="openssl python3-venv python3-pytest nginx-light"
	$(Q)python3 tests/demo/cloud.py

HONEST_LINES ?= 10000000
quality: all ## recall and false positives over labelled logs (CORPORA=folder), and an evening of honest users
	$(Q)test -z "$(CORPORA)" || python3 tools/quality/quality.py "$(CORPORA)"
	$(Q)python3 tools/quality/quality.py --honest $(HONEST_LINES)

bench: all ## throughput against wc -l and rg on the same bytes
	$(Q)$(MAKE) --no-print-directory deps DEB=ripgrep
	$(Q)bench/bench.sh

install: $(O)/sekisho $(O)/windows ## install below PREFIX (and DESTDIR)
	install -D -m 755 $(O)/sekisho $(DESTDIR)$(PREFIX)/bin/sekisho
	install -D -m 644 $(O)/windows $(DESTDIR)$(PREFIX)/share/sekisho/windows
	install -D -m 644 docs/rule.schema.json $(DESTDIR)$(PREFIX)/share/sekisho/rule.schema.json
	install -D -m 644 docs/sekisho.1 $(DESTDIR)$(PREFIX)/share/man/man1/sekisho.1
	install -D -m 644 deploy/sekisho.service $(DESTDIR)$(PREFIX)/lib/systemd/system/sekisho.service
	cd rules && find . -name '*.yml' -exec install -D -m 644 {} $(DESTDIR)$(PREFIX)/share/sekisho/rules/{} \;

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 14

clean: ## remove build folders
	rm -rf build build-*

-include $(LIB_OBJ:.o=.d) $(O)/agent/main.d $(wildcard $(O)/tests/*/*.d)
.PHONY: all deps unit unit-tests diff replay fuzz asan e2e test test-full lint grams demo demo-cloud quality bench install help clean
.SECONDARY:
