# kataloop: GNU make. `make` builds, `make test` needs nothing before it.
#
#   SAN=address,undefined   a sanitizer build, in build-san/
#   WERROR=                 warnings stay warnings

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# mkfs, debugfs, sshd: Debian gives only root's shells the folders they are in.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

CC        ?= cc
PKGCONFIG ?= pkg-config
PREFIX    ?= /usr/local
DESTDIR   ?=
SAN       ?=
WERROR    ?= -Werror
VERSION   := 0.1.0
BUILD     := build$(if $(SAN),-san)

CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
            -Wno-format-nonliteral $(WERROR)
# -Wno-nonnull: gcc takes the sanitizers' checks for ways on which a pointer is null.
OWN_FLAGS = -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DKATALOOP_VERSION='"$(VERSION)"' \
            -DKATALOOP_RECIPES_DIR='"$(PREFIX)/share/kataloop/recipes"' \
            -Iorchestrator -I. -I$(BUILD)/gen -include orchestrator/base/banned.h -MMD -MP \
            -fstack-protector-strong $(WARNINGS) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -DKATALOOP_SANITIZED -Wno-nonnull)
LD_FLAGS  = -pthread $(if $(SAN),-fsanitize=$(SAN))

sources = $(sort $(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

BASE_SRC := $(call sources,orchestrator/base)
LOOP_SRC := $(foreach d,$(sort $(wildcard orchestrator/*/)),$(call sources,$(d:/=)))
IMG_SRC  := $(filter-out guestimg/main.c,$(call sources,guestimg))
UNIT_SRC := $(call sources,tests/unit)
IMG_UNIT_SRC := $(call sources,tests/unit/guestimg)

LOOP_PKGS := libssh2 libfyaml jansson sqlite3 libcrypto libprotobuf-c
# Everything but libguestfs goes into guestimg itself, so that it runs on hosts that lack them;
# libguestfs is loaded when that engine is used (docs/decisions.md).
IMG_STATIC := ext2fs com_err jansson crypto

pkg = $(shell $(PKGCONFIG) $(1) $(2) 2>/dev/null)

LOOP_CFLAGS := $(call pkg,--cflags,$(LOOP_PKGS))
LOOP_LIBS   := $(call pkg,--libs,$(LOOP_PKGS)) -lm
IMG_CFLAGS  := $(call pkg,--cflags,ext2fs jansson libcrypto)
IMG_LIBS    := -Wl,-Bstatic $(addprefix -l,$(IMG_STATIC)) -Wl,-Bdynamic -ldl
CMOCKA_LIBS := $(call pkg,--libs,cmocka)

.PHONY: all
all: $(BUILD)/kataloop $(BUILD)/guestimg $(if $(shell command -v scdoc),man)

$(BUILD)/kataloop: $(BUILD)/obj/orchestrator/main.o $(BUILD)/libkataloop.a
	$(CC) $(CFLAGS) $(LD_FLAGS) $(LDFLAGS) -o $@ $^ $(LOOP_LIBS)

$(BUILD)/guestimg: $(BUILD)/obj/guestimg/main.o $(BUILD)/libguestimg.a
	$(CC) $(CFLAGS) $(LD_FLAGS) $(LDFLAGS) -o $@ $^ $(IMG_LIBS)

# Scripts that run elsewhere: each is an array in the program.
SCRIPT_OBJ := $(patsubst orchestrator/%.sh,$(BUILD)/obj/gen/%.sh.o,$(wildcard orchestrator/*/*.sh))

$(BUILD)/libkataloop.a: $(call objects,$(LOOP_SRC)) $(BUILD)/obj/gen/criu/stats.pb-c.o $(SCRIPT_OBJ)
$(BUILD)/libguestimg.a: $(call objects,$(IMG_SRC) $(BASE_SRC))
$(BUILD)/lib%.a:
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(OWN_FLAGS) $(CPPFLAGS) $(LOOP_CFLAGS) $(IMG_CFLAGS) -c -o $@ $<

# What protoc-c makes of CRIU's figures.
$(BUILD)/gen/%.pb-c.c: orchestrator/%.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=orchestrator --c_out=$(BUILD)/gen $<

# A script without its comments and indentation, as `const char script_NAME[]`.
$(BUILD)/gen/%.sh.c: orchestrator/%.sh
	@mkdir -p $(@D)
	{ echo 'extern const char script_$(*F)[];'; echo 'const char script_$(*F)[] ='; \
	  sed -e '/^ *#/d; /^$$/d; s/^ *//; s/[\\"]/\\&/g; s/^/    "/; s/$$/\\n"/' $<; echo '    ;'; } >$@

# Kept: a make that has nothing to do does nothing.
.SECONDARY:

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(OWN_FLAGS) $(CPPFLAGS) $(LOOP_CFLAGS) -c -o $@ $<

$(BUILD)/obj/orchestrator/criu/stats.o: $(BUILD)/gen/criu/stats.pb-c.c

# Other flags or another compiler: build everything again.
FLAGS_NOW := $(CC) $(CFLAGS) $(CPPFLAGS) $(OWN_FLAGS) $(LOOP_CFLAGS) $(IMG_CFLAGS)
$(BUILD)/flags: force
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $@ || \
	    printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' > $@

.PHONY: force
force:

# --- the manual --------------------------------------------------------------------------------
#
# Written in scdoc. A line @verbs@ (file, steps…) is what the program says of its own tables.

MAN := $(patsubst docs/man/%.scd,$(BUILD)/man/%,$(wildcard docs/man/*.scd))

.PHONY: man
man: $(MAN)

# The date of a page is its source's, and stays the same however often it is made.
$(BUILD)/man/%: docs/man/%.scd $(BUILD)/kataloop
	@mkdir -p $(@D)
	@while IFS= read -r line; do \
	    case $$line in \
	    @*@) line=$${line//@/}; $(BUILD)/kataloop __man "$$line" ;; \
	    *) printf '%s\n' "$$line" ;; \
	    esac; \
	done <$< >$@.scd
	SOURCE_DATE_EPOCH=$$(stat -c %Y $<) scdoc <$@.scd >$@
	rm $@.scd

# config/ as the program's tables have it; a test holds them against each other.
.PHONY: schema
schema: $(BUILD)/kataloop
	$(BUILD)/kataloop schema >config/kataloop.schema.json
	$(BUILD)/kataloop schema --recipe >config/recipe.schema.json

# --- tests -----------------------------------------------------------------------------------

UNIT_BIN     := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRC))
IMG_UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(IMG_UNIT_SRC))

# What several unit tests share.
$(BUILD)/libsupport.a: $(call objects,$(call sources,tests/unit/support))

$(UNIT_BIN): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libsupport.a $(BUILD)/libkataloop.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LD_FLAGS) $(LDFLAGS) -o $@ $^ $(LOOP_LIBS) $(CMOCKA_LIBS)

$(IMG_UNIT_BIN): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libguestimg.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LD_FLAGS) $(LDFLAGS) -o $@ $^ $(IMG_LIBS) $(CMOCKA_LIBS)

# The unit tests alone: no lab, no root. Twice as many at once as there are processors: they wait a lot.
.PHONY: unit
unit: all $(UNIT_BIN) $(IMG_UNIT_BIN)
	@rm -rf $(BUILD)/said && mkdir -p $(BUILD)/said
	BUILD=$(BUILD) SAID=$(BUILD)/said CMOCKA_MESSAGE_OUTPUT=TAP \
	    prove --timer --jobs $$((2 * $$(nproc))) --exec tests/keep_said \
	    $(UNIT_BIN) $(IMG_UNIT_BIN) $(wildcard tests/guestimg/*.t tests/local/*.t) || \
	    { tests/show_failures $(BUILD)/said/*.tap; exit 1; }

# What building and testing need, the disposable host included; or building alone.
.PHONY: deps build-deps
deps:
	@tools/deps
build-deps:
	@tools/deps build

# What the benchmarks need of the library itself.
$(BUILD)/tests/bench: $(BUILD)/obj/tests/bench/bench.o $(BUILD)/libkataloop.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LD_FLAGS) $(LDFLAGS) -o $@ $^ $(LOOP_LIBS)

# Sub-makes, so that libraries which `deps` has just installed are seen; with a job for each
# processor where the caller has not said how many.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
.PHONY: test demo bench
test demo bench: deps
	$(MAKE) $(JOBS) all $(BUILD)/tests/bench
	tests/run $@

# --- fuzzing -----------------------------------------------------------------------------------
#
# One target a parser, under clang's libFuzzer with the address and undefined sanitizers;
# FUZZ_SECONDS for each. A target's corpus is tests/fuzz/corpus/NAME.

FUZZ_SECONDS ?= 60
FUZZ_SRC     := $(call sources,tests/fuzz)
FUZZ_BIN     := $(patsubst tests/fuzz/%.c,build-fuzz/%,$(FUZZ_SRC))

.PHONY: fuzz
fuzz: deps
	@tools/deps fuzz
	$(MAKE) BUILD=build-fuzz CC=clang SAN=address,undefined,fuzzer-no-link $(FUZZ_BIN)
	tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ_BIN)

$(FUZZ_BIN): build-fuzz/%: build-fuzz/obj/tests/fuzz/%.o build-fuzz/libkataloop.a
	$(CC) $(CFLAGS) -fsanitize=fuzzer,address,undefined -pthread -o $@ $^ $(LOOP_LIBS)

.PHONY: lint
lint:
	@tools/deps lint
	tools/lint

# --- the rest --------------------------------------------------------------------------------

.PHONY: install
install: all
	install -D -m 0755 $(BUILD)/kataloop $(DESTDIR)$(PREFIX)/bin/kataloop
	install -D -m 0755 $(BUILD)/guestimg $(DESTDIR)$(PREFIX)/bin/guestimg
	install -d $(DESTDIR)$(PREFIX)/share/kataloop/recipes
	install -m 0644 recipes/*.yaml $(DESTDIR)$(PREFIX)/share/kataloop/recipes
	install -d $(DESTDIR)$(PREFIX)/share/doc/kataloop/systemd
	install -m 0644 config/kataloop.yaml config/*.schema.json $(DESTDIR)$(PREFIX)/share/doc/kataloop
	install -m 0644 config/systemd/* $(DESTDIR)$(PREFIX)/share/doc/kataloop/systemd
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(BUILD)/kataloop completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/kataloop
	$(BUILD)/kataloop completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_kataloop
	$(BUILD)/kataloop completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/kataloop.fish
	for page in $(if $(shell command -v scdoc),$(MAN)); do \
	    install -D -m 0644 "$$page" "$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}"; \
	done

# What `install` puts there with the same PREFIX and DESTDIR, and the folders that only kataloop has.
.PHONY: uninstall
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/kataloop $(DESTDIR)$(PREFIX)/bin/guestimg
	rm -rf $(DESTDIR)$(PREFIX)/share/kataloop $(DESTDIR)$(PREFIX)/share/doc/kataloop
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/kataloop \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_kataloop \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/kataloop.fish
	for page in $(MAN); do \
	    rm -f "$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}"; \
	done

.PHONY: clean
clean:
	rm -rf build build-san build-fuzz

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
