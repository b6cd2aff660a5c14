# SPDX-License-Identifier: GPL-2.0
# make dist: one tarball with iio_rwbench for boards, the script that measures on one over
# ssh, and what reads its reports. Included by the Makefile.

ARM64_CROSS ?= aarch64-linux-gnu-
ARMHF_CROSS ?= arm-linux-gnueabihf-
VERSION := $(shell sed -n 's/^.define RWBENCH_VERSION[[:space:]]*"\(.*\)"/\1/p' iio_rwbench/options.h)
DIST := $(O)/dist
DIST_NAME := iio_rwbench-$(VERSION)
DIST_DIR := $(DIST)/$(DIST_NAME)
DIST_FILES := README.md iio_rwbench/iio_rwbench.1 iio_rwbench/iio_rwbench.bash-completion \
	report compare ../COPYING
DIST_REPORTS := report compare bundle results.py plot.py
DIST_SCRIPTS := run board-check beside published.json

dist:
	$(Q)rm -rf $(DIST_DIR)
	$(Q)mkdir -p $(DIST_DIR)/zcu102 $(DIST_DIR)/reports
	$(Q)$(MAKE) --no-print-directory CROSS_COMPILE=$(ARM64_CROSS) CC=$(ARM64_CROSS)gcc O=$(DIST)/build-arm64
	$(Q)$(MAKE) --no-print-directory CROSS_COMPILE=$(ARMHF_CROSS) CC=$(ARMHF_CROSS)gcc O=$(DIST)/build-armhf
	$(Q)install -D -s --strip-program=$(ARM64_CROSS)strip $(DIST)/build-arm64/iio_rwbench $(DIST_DIR)/arm64/iio_rwbench
	$(Q)install -D -s --strip-program=$(ARMHF_CROSS)strip $(DIST)/build-armhf/iio_rwbench $(DIST_DIR)/armhf/iio_rwbench
	$(Q)cp -P $(DIST_FILES) $(DIST_DIR)/
	$(Q)cp $(addprefix reports/,$(DIST_REPORTS)) $(DIST_DIR)/reports/
	$(Q)cp $(addprefix zcu102/,$(DIST_SCRIPTS)) $(DIST_DIR)/zcu102/
	$(Q)echo '$(if $(filter unknown,$(GIT_STATE)),$(DIST_NAME),$(GIT_STATE))' >$(DIST_DIR)/VERSION
	$(Q)tar -C $(DIST) --sort=name --mode=u+rwX,go=rX --mtime=@0 --owner=0 --group=0 \
		--numeric-owner -cf - $(DIST_NAME) | gzip -n9 >$(DIST)/$(DIST_NAME).tar.gz
	@echo $(DIST)/$(DIST_NAME).tar.gz

.PHONY: dist
