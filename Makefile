# SPDX-License-Identifier: GPL-2.0-or-later
#
# make                 module and programs
# make module          the module for the running kernel, or KDIR=... for another
# make userspace       the programs, into build/bin
# make install         module and programs into the system (DESTDIR= is kept)
# make clean
#
# W=1 and C=1 reach the kernel's build system.

KREL  ?= $(shell uname -r)
KDIR  ?= /lib/modules/$(KREL)/build
# The release string of the kernel that KDIR belongs to names the folder that
# the module is built in, so that builds for several kernels stand side by side.
KNAME := $(notdir $(patsubst %/build,%,$(patsubst %/,%,$(KDIR))))
OUT   := build/module/$(KNAME)

all: module userspace

module:
	@test -e $(KDIR)/Makefile || { echo "No kernel headers in $(KDIR): install linux-headers-$(KREL) or name others with KDIR=..." >&2; exit 1; }
	@mkdir -p $(OUT)
	@cp -ru Kbuild kmod $(OUT)/
	$(MAKE) -C $(KDIR) M=$(CURDIR)/$(OUT) $(if $(W),W=$(W)) $(if $(C),C=$(C)) modules
	@echo "$(OUT)/kmod/linnet.ko"

userspace:
	$(MAKE) -C userspace

install: module userspace
	$(MAKE) -C $(KDIR) M=$(CURDIR)/$(OUT) modules_install
	$(MAKE) -C userspace install

clean:
	rm -rf build/module
	$(MAKE) -C userspace clean

.PHONY: all module userspace install clean
