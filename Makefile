# SPDX-License-Identifier: GPL-2.0-only
# The verbs. `make help` lists them; each is a script of its own in the room that its path names.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# The scripts read these from the environment, and give the ones that are unset their defaults.
VARIABLES := BASE VARIANT TOPIC EMULATOR ACCEL KERNEL FRAGMENTS CPU LINUX CMD FILES APPEND QEMU_ARGS \
	CASE J V UPDATE PACKAGE_VERSION TRIES BUSY AGE HOST VMX JOBS VERSION PREVIOUS ONTO SEND COUNT PATCHES \
	MINUTES SEED KINDS PARTS
export $(VARIABLES)

# What a person types arrives as it was typed: a $ in it is the shell's, not make's. A make that a script starts would
# take it for its own again, so it hears of these by the environment alone.
TYPED := $(strip $(foreach v,$(VARIABLES),\
	$(if $(findstring $$,$(value $(v))),$(if $(filter command,$(origin $(v))),$(v)))))
$(foreach v,$(TYPED),$(eval override $(v) := $$(value $(v))))
ifneq ($(TYPED),)
MAKEOVERRIDES :=
endif

# An empty variable is an unset one.
unexport $(foreach v,$(VARIABLES),$(if $(value $(v)),,$(v)))

.PHONY: help run test test-long tree refresh selftest kernel vm mutants check stress bench report mail debian kselftest
.PHONY: clean distclean

help: ## this list
	@echo "usage: make VERB [VARIABLE=value]..."
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14
	@echo
	@sed -n '/^#: /s/^#: /  /p' $(firstword $(MAKEFILE_LIST))

run: ## everything from nothing: packages, source, series, boot of stock and patched, one table
	@rig/packages run
	@rig/each measure/run

test: ## what CI runs; ends with "N passed, N failed, N skipped"
	@rig/packages test
	@ci/test

test-long: ## the long proofs: mutants, the selftest 200 times under load (COUNT=), make bench, the deliverables
	@rig/packages test test-long bench
	@rig/each prove/mutants/mutants
	@rig/each prove/repeat
	@measure/bench/bench
	@measure/report
	@ci/test-long

tree: ## git tree of BASE with all topics applied, each a branch, to edit (TOPIC= checks one out); last line = its path
	@rig/packages tree
	@rig/each rig/tree

refresh: ## the commits of that tree back to patches/BASE, a folder a topic
	@rig/packages refresh
	@rig/each rig/refresh

selftest: ## the edit loop: builds the tree as it stands, boots once, runs the selftest (CASE= picks)
	@rig/packages selftest
	@rig/each rig/selftest

kernel: ## builds; last line = path of the bootable bzImage
	@rig/packages kernel
	@rig/each rig/kernel

vm: ## boots that kernel; CMD='...' runs it there, else an interactive shell
	@rig/packages vm
	@rig/kernel >/dev/null
	@rig/vm

mutants: ## breaks the cure on purpose, one way at a time; every mutant must be caught (NAMES='a b' picks)
	@rig/packages mutants
	@rig/each prove/mutants/mutants $(NAMES)

check: ## what a maintainer would run on every patch; STEPS='build sparse' and PATCHES='3 7-9' pick (docs/testing.md)
	@rig/packages check
	@rig/each prove/check/check $(STEPS)

stress: ## the storms, on debug kernels side by side: MINUTES=30, SEED= as it said, KINDS='debug kcsan plain'
	@rig/packages stress
	@rig/each prove/storm/stress

bench: ## measures stock and patched of all bases in turns, then on VMX, then this machine's /dev/kvm
	@rig/packages bench
	@measure/bench/bench

report: ## build/report/index.html, the page that shows what make bench measured; last line = its path
	@rig/packages report
	@measure/report

mail: ## a topic as mails in your own name, checked, and what git send-email would do; SEND=1 really sends
	@rig/packages mail $(if $(LINUX),kernel)
	@rig/each deliver/mail

debian: ## the series for Debian's source package; last line = patches, series, changelog as one patch for it
	@rig/packages debian
	@rig/each deliver/debian

kselftest: ## the kernel's own kselftest tarball of the series' tests, static; last line = its path
	@rig/packages selftest
	@rig/each deliver/kselftest

clean: ## removes build/, unless a tree there holds work that is not in patches/
	@ci/clean

distclean: ## removes the caches too
	@ci/clean --cache

#: BASE=6.1           kernel line: a file name of bases/, or all
#: VARIANT=patched    or stock
#: TOPIC=             a topic of patches/BASE: the tree up to it, its mails; check, mutants, debian: several, all
#: KERNEL=rig         the small kernel built here, with Xen; distro: the distribution's image with kvm modules replaced
#: FRAGMENTS=         more of rig/kconfig/ for KERNEL=rig: i386 is a 32-bit host
#: ACCEL=tcg          or kvm, on a host with nested virtualisation
#: EMULATOR=qemu      or bochs, for selftest and vm: one CPU of Intel, VMX and a real TSC scaling
#: CPU=max            QEMU's CPU model
#: LINUX=             your own kernel git tree or tarball instead of the distribution's package; never written to
#: CMD= FILES= APPEND= QEMU_ARGS=   for make vm: command, files to copy in, kernel and QEMU arguments
#: STEPS= PATCHES=     for make check: steps and patches by name or number
#: VERSION=1 PREVIOUS= ONTO= SEND=   for make mail: version, the one before, branch of LINUX= to put it on; 1 sends
#: TRIES=20000 BUSY=4 AGE=2 HOST=1 VMX=1 JOBS=   for make bench: epochs a case, busy loops, s, this machine, Bochs, jobs
#: MINUTES=30 SEED= KINDS= PARTS=   for make stress: its length, its decisions, its kernels, what it does
#: UPDATE=1 PACKAGE_VERSION=   the distribution's newest packages; those of this version
#: J=  V=1            jobs; the output of the builds on the terminal
