#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mkimage cuts addresses beyond 4 GiB to 32 bits, also for formats that have 64.
#
# Software: mkimage, dumpimage of u-boot-tools 2023.01+dfsg-2+deb12u3 (Debian bookworm) and
#           2025.01-3+deb13u1 (trixie); dtc, fdtget 1.6.1-4+b1 (bookworm).
# Seen:     "mkimage -A arm64 -a 0x800200000 -e 0x800200000", the upper memory of a ZynqMP,
#           makes a legacy image that says 0x00200000, status 0 and no warning. So does
#           "-f auto", which makes a FIT: one cell of 0x00200000. From a source in which load
#           and entry are two cells (<0x8 0x00200000>) mkimage makes a FIT with both cells, and
#           lists them as 0x800200000. The option is checked: "0x8002g" is refused with
#           status 1.
# Expected: a refusal, at least for the old format, whose header has 32 bits; and for a FIT
#           the 64 bits that it can hold and mkimage itself prints. The number that is left
#           is a valid address, in the lower memory of the same board, so the image loads
#           and the mistake shows late: where something else is kept at that place.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_all bookworm "$tmp/old" u-boot-tools=2023.01+dfsg-2+deb12u3
unpack_all trixie "$tmp/new" u-boot-tools=2025.01-3+deb13u1
unpack_all bookworm "$tmp/dtc" device-tree-compiler=1.6.1-4+b1

cd "$tmp"
printf '%01000d' 0 >kernel
cat >source.its <<'END'
/dts-v1/;
/ {
	description = "Two cells";
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
within dtc dtc -q -O dtb -o by-dtc.itb source.its 2>said || changed "dtc: $(cat said)"
