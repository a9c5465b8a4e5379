# SPDX-License-Identifier: GPL-2.0-or-later
#
# make                 module and programs
# make module          the module for the running kernel, or KDIR=... for another
# make userspace       the programs, into build/bin
# make install         module and programs into the system (DESTDIR= is kept)
# make check           ./lab check
# make clean           what make built; "./lab clean" also removes what lab fetched
#
# W=1 and C=1 reach the kernel's build system.

KREL  ?= $(shell uname -r)
KDIR  ?= /lib/modules/$(KREL)/build
# The release string of the kernel that KDIR belongs to names the folder that
# the module is built in, so that builds for several kernels stand side by side.
KNAME  = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)
OUT    = build/module/$(KNAME)

all: module userspace

headers:
	@test -e $(KDIR)/include/generated/utsrelease.h || { echo "No kernel headers in $(KDIR): install linux-headers-$(KREL) or name others with KDIR=..." >&2; exit 1; }

# Kbuild leaves its files beside the sources, so it gets a copy for each
# kernel, from which files that are gone from the sources go too.
module: headers
	@mkdir -p $(OUT)/kmod
	@cd $(OUT) && find kmod -name '*.[ch]' ! -name '*.mod.c' | while read -r f; do \
		test -e $(CURDIR)/$$f || rm -f $$f; done
	@cp -ru Kbuild kmod $(OUT)/
	$(MAKE) -C $(KDIR) M=$(CURDIR)/$(OUT) $(if $(W),W=$(W)) $(if $(C),C=$(C)) modules
	@echo "$(OUT)/kmod/linnet.ko"

userspace:
	$(MAKE) -C userspace

install: module userspace
	$(MAKE) -C $(KDIR) M=$(CURDIR)/$(OUT) $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) modules_install
	$(MAKE) -C userspace install

check:
	./lab check

clean:
	rm -rf build/module
	$(MAKE) -C userspace clean

.PHONY: all headers module userspace install check clean
