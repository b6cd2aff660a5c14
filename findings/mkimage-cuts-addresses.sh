#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mkimage cuts addresses beyond 4 GiB to 32 bits, also for formats that have 64.
#
# Software: mkimage of u-boot-tools 2023.01+dfsg-2+deb12u3 (Debian bookworm) and
#           2025.01-3+deb13u1 (trixie); dtc, fdtget 1.6.1-4+b1 (bookworm).
# Seen:     "mkimage -A arm64 -a 0x800200000 -e 0x800200000", the upper memory of a ZynqMP,
#           makes a legacy image that says 0x00200000, status 0 and no warning. So does
#           "-f auto", which makes a FIT: one cell of 0x00200000. A FIT that dtc makes from a
#           source with two cells (<0x8 0x00200000>) is listed by mkimage with 0x800200000.
#           The option is checked: "0x80020000g" is refused with status 1.
# Expected: a refusal, at least for the old format, whose header has 32 bits; and for a FIT
#           the 64 bits that it can hold and that mkimage itself can print. The number that is left
#           is a valid address, in the lower memory of the same board, so the image loads
#           and the mistake shows late: where something else is kept at that place.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_all bookworm "$tmp/old" u-boot-tools=2023.01+dfsg-2+deb12u3
unpack_all trixie "$tmp/new" u-boot-tools=2025.01-3+deb13u1
unpack_all bookworm "$tmp/dtc" device-tree-compiler=1.6.1-4+b1

cd "$tmp"
echo content >kernel
cat >source.its <<'END'
/dts-v1/;
/ {
	description = "Two cells";
	timestamp = <1700000000>;
	#address-cells = <2>;
	images {
		kernel-1 {
			data = /incbin/("kernel");
			type = "kernel";
			arch = "arm64";
			os = "linux";
			compression = "none";
			load = <0x8 0x00200000>;
			entry = <0x8 0x00200000>;
		};
	};
	configurations {
		default = "conf-1";
		conf-1 {
			kernel = "kernel-1";
		};
	};
};
END
within "$tmp/dtc" dtc -q -O dtb -o two-cells.itb source.its || untried "dtc does not compile the source"

# addresses FILE: as mkimage lists them, in one line
addresses() {
	within "$dir" mkimage -l "$1" >listed || changed "${dir##*/}: $1 is not listed: $(cat listed)"
	sed -n -E 's/^ *(Load Address|Entry Point): +//p' listed | xargs
}

for dir in "$tmp/old" "$tmp/new"; do
	seen=$(addresses two-cells.itb)
	[[ $seen == "0x800200000 0x800200000" ]] || changed "${dir##*/}: two cells are listed as '$seen'"

	for to in legacy.img fit.itb; do
		options=(-A arm64 -O linux -T kernel -C none -a 0x800200000 -e 0x800200000)
		[[ $to != fit.itb ]] || options=(-f auto "${options[@]}")
		within "$dir" mkimage "${options[@]}" -d kernel "$to" >said 2>&1 ||
			changed "${dir##*/}: mkimage refuses $to: $(cat said)"
		! grep -qiE 'warn|error|trunc|invalid|too large|range' said || changed "${dir##*/}: $to: $(cat said)"
		seen=$(addresses "$to")
		[[ ${seen//0x/} == "00200000 00200000" ]] || changed "${dir##*/}: $to has '$seen'"
	done
	seen=$(within "$tmp/dtc" fdtget -t x fit.itb /images/kernel-1 load)
	[[ $seen == 200000 ]] || changed "${dir##*/}: the cells of fit.itb are '$seen'"

	status=0
	within "$dir" mkimage -A arm64 -a 0x80020000g -d kernel refused.img >said 2>&1 || status=$?
	((status == 1)) || changed "${dir##*/}: status $status for a number that is none: $(cat said)"
done
