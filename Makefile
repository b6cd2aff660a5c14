# SPDX-License-Identifier: GPL-2.0
#
# The door to everything. `make help` lists the targets; each of them is one
# script in ci/ (or the Makefile of a folder), which can be run by hand as well.

BASE ?= 6.1
CONFIG ?= zcu102
BUILD ?= $(CURDIR)/build
OUT = $(BUILD)/out/$(BASE)-$(subst $(eval ) ,-,$(CONFIG))
KERNEL ?= $(OUT)/Image
GUEST = ci/guest -k $(OUT)/Image -o $(BUILD)/guest $(GUEST_ARGS)

export BUILD V

.DEFAULT_GOAL := help

## For everybody
bench: setup		## build all, boot it, compare file I/O with DMABUF
	@ci/bench $(BENCH_ARGS)

sweep: setup		## the same for each size, memory and work of the CPU, several times
	@ci/bench --sweep $(BENCH_ARGS)

experiments: kernel	## measure again what Documentation/experiments.md says
	@kernel/board/build >/dev/null
	@for base in 6.12 7.3 7.3.plain; do \
		ci/tree $$base && ci/assemble $$base $(CONFIG) || exit; \
	done
	@bench/experiments $(or $(EXPERIMENTS),all)

dist: setup		## a tarball of the benchmark for boards, static, arm64 and armhf
	@$(MAKE) --no-print-directory -C bench dist O=$(BUILD)/bench

check: setup		## the tests that every change has to pass (about an hour)
	@ci/check

check-all: setup	## and those that take longer: other QEMUs, each patch booted (hours)
	@ci/check --all

check-fast: setup	## the tests that need no kernel build
	@ci/check --fast

setup:			## install what ci/lists/packages lists and this machine lacks
	@ci/setup

## For developers of the series
tree: setup		## the kernel tree with the series: build/linux-$(BASE)
	@ci/tree $(BASE)

patches:		## write patches/ and series, or those of BASE, back from that tree
	@ci/export $(BASE)

check-series:		## does the series apply, and read well?
	@ci/check-series $(BASE)

check-builds:		## does every patch build without a new warning?
	@BASE=$(BASE) ci/check-builds

check-docs:		## the pages of the series by Sphinx, the programs on them
	@ci/check-docs $(BASE)

check-boots:		## does each patch boot, and do file I/O? PATCHES='0 4 5': some
	@BASE=$(BASE) ci/check-builds --boot $(PATCHES)

lint:			## what would checkpatch, coccinelle and others say?
	@BASE=$(BASE) ci/lint $(GATES)

mails:			## the mails that b4 would send, in build/mails; sends nothing
	@ci/mails $(BASE)

coverage:		## which lines of the series did the last 'make check' execute?
	@ci/coverage

check-peer: setup	## the same tests on mainline's version: Documentation/peer.md
	@ci/check-peer

check-qemus: kernel	## the board on other QEMUs than the installed one: QEMUS='trixie-backports'
	@ci/check-qemus $(QEMUS)

soak: setup		## kills, races and fuzzing for as long as you like: make soak MINUTES=60
	@ci/soak $(MINUTES)

## The guest
kernel: tree		## kernel, modules and initramfs: build/out/$(BASE)-$(CONFIG)
	@ci/assemble $(BASE) $(CONFIG)

guest: kernel		## run a command there: make guest CMD='dmesg | tail'
	@$(GUEST) -- '$(CMD)'

shell: kernel		## a shell there
	@$(GUEST) --interactive

board: setup		## a console on the virtual board: make board KERNEL=path/to/Image
	@kernel/board/run $(if $(BOARD),-D $(BOARD)) $(if $(GDB),--gdb) \
		$(if $(DTB),-d $(DTB)) $(if $(INITRD),-i $(INITRD)) -k $(KERNEL) --interactive

clean:			## remove build/, with the tree and what is committed in it
	@ci/clean

help:			## this text
	@awk '/^## / { print ""; print substr($$0, 4) ":" } \
	      /^[a-z-]+:.*\t## / { sub(/:.*\t## /, "\t"); split($$0, t, "\t"); \
	      printf "  make %-14s %s\n", t[1], t[2] }' $(MAKEFILE_LIST)

.PHONY: bench sweep experiments dist check check-all check-fast setup tree patches \
	check-series check-builds check-boots check-docs lint mails coverage check-peer \
	check-qemus soak kernel guest shell board clean help
