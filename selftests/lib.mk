# SPDX-License-Identifier: GPL-2.0-or-later
#
# Included at the end of a selftest folder's Makefile, which sets, as in the
# kernel's tree:
#   TEST_PROGS           scripts that are tests
#   TEST_GEN_PROGS       programs that are tests, built from NAME.c
#   TEST_PROGS_EXTENDED  scripts that tests call
#   TEST_GEN_FILES       programs that tests call, built from NAME.c
#   TEST_FILES           other files that tests need
#   TEST_SHORT           those of the tests that also run on the other kernels
#   TEST_HOST            those that ask nothing of a kernel: a guest leaves them out
# A file "settings" may hold timeout=SECONDS for each test of the folder.
# Targets: all, run_tests, install (INSTALL_PATH=...), clean.

SELFTESTS := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
TOP       := $(abspath $(SELFTESTS)/..)
# The folder's name below selftests/, as net or unit/httpd
COLLECTION := $(patsubst $(SELFTESTS)/%,%,$(CURDIR))
OUTPUT    ?= $(TOP)/build/selftests/$(COLLECTION)
INSTALL_PATH ?= $(TOP)/build/selftests/installed

CFLAGS    ?= -O2 -g
CFLAGS    += -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wno-missing-field-initializers -I$(SELFTESTS) -I$(TOP)/kmod/uapi

GENERATED := $(addprefix $(OUTPUT)/,$(TEST_GEN_PROGS) $(TEST_GEN_FILES))

all: $(GENERATED)

$(OUTPUT)/%: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d -o $@ $(wildcard $(filter %.c %.o %.a,$^)) $(LDFLAGS) $(LDLIBS)

-include $(wildcard $(OUTPUT)/*.d)
# A source that these name may have moved since, which wildcard leaves out
%.c: ;

install: all
	@mkdir -p $(INSTALL_PATH)/$(COLLECTION)
	@cp -p $(SELFTESTS)/run_kselftest.sh $(SELFTESTS)/splat.sh $(INSTALL_PATH)/
	@files="$(strip $(TEST_PROGS) $(TEST_PROGS_EXTENDED) $(TEST_FILES) $(wildcard settings) $(GENERATED))"; \
		for f in $$files; do cp -Rp $$f $(INSTALL_PATH)/$(COLLECTION)/ || exit; done
	@cd $(INSTALL_PATH) && touch kselftest-list.txt kselftest-short.txt kselftest-host.txt && \
		sed -i '\#^$(COLLECTION):#d' kselftest-list.txt kselftest-short.txt kselftest-host.txt && \
		for t in $(TEST_PROGS) $(TEST_GEN_PROGS); do echo "$(COLLECTION):$$t" >>kselftest-list.txt; done && \
		for t in $(TEST_SHORT); do echo "$(COLLECTION):$$t" >>kselftest-short.txt; done && \
		for t in $(TEST_HOST); do echo "$(COLLECTION):$$t" >>kselftest-host.txt; done

run_tests: install
	@PATH="$(TOP)/build/bin:$$PATH" $(INSTALL_PATH)/run_kselftest.sh -c $(COLLECTION)

clean:
	rm -rf $(OUTPUT) $(INSTALL_PATH)/$(COLLECTION) $(EXTRA_CLEAN)

.PHONY: all install run_tests clean
