# SPDX-License-Identifier: GPL-2.0-only
# The verbs. `make help` lists them; each is a script of its own under scripts/.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# The scripts read these from the environment, and give the ones that are unset their defaults.
VARIABLES := BASE VARIANT TOPIC ACCEL KERNEL FRAGMENTS CPU LINUX CMD FILES APPEND QEMU_ARGS \
	CASE J V UPDATE PACKAGE_VERSION TRIES BUSY AGE FULL HOST JOBS VERSION PREVIOUS ONTO SEND COUNT PATCHES \
	MINUTES SEED KINDS PARTS
export $(VARIABLES)

# An empty variable is an unset one.
unexport $(foreach v,$(VARIABLES),$(if $($(v)),,$(v)))

.PHONY: help run test test-long tree refresh selftest kernel vm mutants check stress bench report mail debian kselftest clean distclean

help: ## this list
	@echo "usage: make VERB [VARIABLE=value]..."
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14
	@echo
	@sed -n '/^#: /s/^#: /  /p' $(firstword $(MAKEFILE_LIST))

run: ## everything from nothing: packages, source, series, boot of stock and patched, one table
	@scripts/packages run
	@scripts/each run

test: ## what CI runs; ends with "N passed, N failed, N skipped"
	@scripts/packages test
	@scripts/test

test-long: ## the long proofs: mutants, the selftest 200 times under load (COUNT=), make bench and its report, the deliverables
	@scripts/packages test test-long bench look
	@scripts/each mutants
	@scripts/each repeat
	@scripts/bench
	@scripts/report
	@scripts/look
	@scripts/test-long

tree: ## git tree of BASE with all topics applied, each a branch, to edit (TOPIC= checks one out); last line = its path
	@scripts/packages tree
	@scripts/each tree

refresh: ## the commits of that tree back to patches/BASE, a folder a topic
	@scripts/packages tree
	@scripts/each refresh

selftest: ## the edit loop: builds the tree as it stands, boots once, runs the selftest (CASE= picks)
	@scripts/packages selftest
	@scripts/each selftest

kernel: ## builds; last line = path of the bootable bzImage
	@scripts/packages kernel
	@scripts/each kernel

vm: ## boots that kernel; CMD='...' runs it there, else an interactive shell
	@scripts/packages vm
	@scripts/kernel >/dev/null
	@scripts/vm

mutants: ## breaks the cure on purpose, one way at a time; every mutant must be caught (NAMES='a b' picks)
	@scripts/packages mutants
	@scripts/each mutants $(NAMES)

check: ## what a maintainer would run on every patch; STEPS='build sparse' and PATCHES='3 7-9' pick (docs/testing.md)
	@scripts/packages check
	@scripts/each check $(STEPS)

stress: ## the storms, on debug kernels side by side: MINUTES=30, SEED= as it said, KINDS='debug kcsan plain'
	@scripts/packages stress
	@scripts/each stress

bench: ## measures stock and patched of all bases in turns, then this machine's /dev/kvm (FULL=1: every combination, hours)
	@scripts/packages bench
	@scripts/bench

report: ## build/report/index.html, the page that shows what make bench measured; last line = its path
	@scripts/packages report
	@scripts/report

mail: ## a topic as mails in your own name, checked, and what git send-email would do; SEND=1 really sends
	@scripts/packages mail $(if $(LINUX),kernel)
	@scripts/each mail

debian: ## the series for Debian's source package: patches, series, changelog; last line = that as one patch for the packaging
	@scripts/packages debian
	@scripts/each debian

kselftest: ## the kernel's own kselftest tarball of the clock tests, static; last line = its path
	@scripts/packages selftest
	@scripts/each kselftest

clean: ## removes build/, unless a tree there holds work that is not in patches/
	@scripts/clean

distclean: ## removes the caches too
	@scripts/clean --cache

#: BASE=6.1           kernel line: a file name of bases/, or all
#: VARIANT=patched    or stock
#: TOPIC=             a topic of patches/BASE: the tree up to it, its mails (epoch); several for check, mutants, debian (default: all)
#: KERNEL=rig         the small kernel built here, with Xen; distro: the distribution's image, only its kvm modules replaced
#: FRAGMENTS=         more of config/ for KERNEL=rig: i386 is a 32-bit host
#: ACCEL=tcg          or kvm, on a host with nested virtualisation
#: CPU=max            QEMU's CPU model
#: LINUX=             your own kernel git tree or tarball instead of the distribution's package; never written to
#: CMD= FILES= APPEND= QEMU_ARGS=   for make vm: command, files to copy in, kernel and QEMU arguments
#: STEPS= PATCHES=     for make check: steps and patches by name or number
#: VERSION=1 PREVIOUS= ONTO= SEND=   for make mail: version and the one before, branch of LINUX= to put the series on, 1 sends
#: TRIES=20000 BUSY=4 AGE=2 FULL= HOST=1 JOBS=   for make bench: epochs a case, busy loops, seconds, all, this machine, some jobs
#: MINUTES=30 SEED= KINDS= PARTS=   for make stress: its length, its decisions, its kernels, what it does
#: UPDATE=1 PACKAGE_VERSION=   the distribution's newest packages; those of this version
#: J=  V=1            jobs; the output of the builds on the terminal
