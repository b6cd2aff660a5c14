#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# For a module on Debian's headers of Linux 7.3, "make C=1" runs no checker, and succeeds.
#
# Software: linux-headers-7.3.4+deb13-amd64 and linux-kbuild-7.3.4+deb13 7.3.4-1~bpo13+1 (Debian
#           trixie-backports); sparse 0.6.5~rc1-2 (sid).
# Seen:     make C=1 or C=2 says that "sparse is not available or not up to date" between the
#           other lines, compiles, and has status 0. It says so for the newest sparse, which finds
#           the mistake when it is called, and for a checker that is "true": since 7.x the kernel
#           first asks scripts/checker-valid.sh whether the checker is good enough, and the
#           package with the scripts does not have that one. No answer is taken for "no", and that
#           for C=0.
# Expected: what C=1 did since 2002: each file goes through the checker, and what is not there is an
#           error. Who checks his out-of-tree driver in CI with C=2 and looks at the status, or
#           at the number of warnings, is told that it has become clean. (In the whole source the
#           script is there, and refuses the sparse of Debian 12 and 13 in the same way.)

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_all trixie-backports "$tmp/kernel" linux-headers-7.3.4+deb13-amd64=7.3.4-1~bpo13+1 \
	linux-kbuild-7.3.4+deb13=7.3.4-1~bpo13+1 gcc-14
unpack sid "$tmp/sparse" sparse=0.6.5~rc1-2 libc6
unpack bookworm "$tmp/make" make=4.3-4.1
headers=$tmp/kernel/usr/src/linux-headers-7.3.4+deb13

mkdir "$tmp/bin" "$tmp/module"
make_starter "$tmp/bin/sparse.real" "$tmp/sparse" usr/bin/sparse
# It writes down when it was called.
printf '#!/bin/sh\necho sparse >>%s\nexec %s "$@"\n' "$tmp/called" "$tmp/bin/sparse.real" >"$tmp/bin/sparse"
chmod 755 "$tmp/bin/sparse"
gcc_of "$tmp/kernel" 14 --version >"$tmp/version"
make_starter "$tmp/bin/gcc-14" "$tmp/kernel" usr/bin/gcc-14 "-B$tmp/kernel/wrapped/" "--sysroot=$tmp/kernel"
objtool=$(readlink -f "$headers-amd64/tools/objtool/objtool")
mv "$objtool.real-x86" "$tmp/kernel/usr/bin"
make_starter "$objtool" "$tmp/kernel" usr/bin/objtool.real-x86

echo 'obj-m := mistake.o' >"$tmp/module/Kbuild"
cat >"$tmp/module/mistake.c" <<'END'
#include <linux/module.h>
#include <linux/types.h>

static __le32 value;

static int __init mistake_init(void)
{
	return value == 1;
}
module_init(mistake_init);

MODULE_DESCRIPTION("compares the bytes of a device with a number");
MODULE_LICENSE("GPL");
END

# build CHECKER: the object of the module, checked or not
build() {
	rm -f "$tmp/module"/*.o "$tmp/module"/.*.cmd "$tmp/called"
	timeout 120 "$tmp/make/usr/bin/make" -C "$headers-common" O="$headers-amd64" M="$tmp/module" \
		C=2 CHECK="$1" CF=-D__CHECK_ENDIAN__ CC="$tmp/bin/gcc-14" HOSTCC="$tmp/bin/gcc-14" \
		mistake.o >"$tmp/log" 2>&1 ||
		changed "the build fails now: $(tail -n 3 "$tmp/log")"
	[[ -s $tmp/module/mistake.o ]] || untried "no object was built: $(tail -n 3 "$tmp/log")"
	grep -q "C=2 specified, but $1 is not available or not up to date" "$tmp/log" ||
		changed "nothing is said of $1: $(tail -n 3 "$tmp/log")"
	! grep -q "restricted __le32" "$tmp/log" || changed "$1 has looked at the file"
}

[[ ! -e $headers-common/scripts/checker-valid.sh ]] || changed "the script is in the package"
cat >"$tmp/mistake.c" <<'END'
typedef unsigned int __attribute__((bitwise)) __le32;
int compare(__le32 value);
int compare(__le32 value)
{
	return value == 1;
}
END
"$tmp/bin/sparse" "$tmp/mistake.c" 2>&1 | grep -q 'restricted __le32' ||
	changed "sparse does not find the mistake by itself"

build "$tmp/bin/sparse"
[[ ! -e $tmp/called ]] || changed "sparse was called"
build true
echo "status 0, the mistake is in the object, and sparse was not called"
