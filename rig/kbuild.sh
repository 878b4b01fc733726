# SPDX-License-Identifier: GPL-2.0-only
# What the scripts that run the kernel's makefiles share.
# Usage: . "$(dirname "$0")/kbuild.sh" (after lib.sh)
# shellcheck shell=bash

# A cross compiler in the environment, or a variable of our own verbs handed on by make, must not reach the kernel's
# build.
unset ARCH CROSS_COMPILE LLVM KBUILD_OUTPUT KBUILD_EXTMOD KCFLAGS CFLAGS CPPFLAGS LDFLAGS O M
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
# The result must be the same bytes whoever builds it, and whenever: then nothing is linked anew for a new commit.
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970'
export KBUILD_BUILD_USER=rig KBUILD_BUILD_HOST=rig KBUILD_BUILD_VERSION=1
# Depend mode: a file that was never seen is preprocessed once, not twice.
export CCACHE_DIR=$CACHE/ccache CCACHE_MAXSIZE=5G CCACHE_DEPEND=1 CCACHE_NOHASHDIR=1

# depmod and modinfo are where a user's PATH does not look.
PATH=$PATH:/usr/sbin:/sbin

# kmake TREE ARGUMENT...
kmake() {
	make -C "$1" CC="ccache gcc" HOSTCC="ccache gcc" -j "$J" ${V:+V=1} "${@:2}"
}
