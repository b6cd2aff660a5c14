#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# QEMU's qtest answers "OK" and zero where the device refuses the access.
#
# Software: qemu-system-arm 1:7.2+dfsg-7+deb12u18+b3 (Debian bookworm) and
#           1:11.1.3+ds-1~bpo13+1 (trixie-backports), machine xlnx-zcu102.
# Seen:     a DMA channel of the ZynqMP takes accesses of 4 bytes only. Its register at
#           0xfd500118, set to 0x38 by writel, reads so by readl. readb, readw and "read
#           ADDRESS 1" answer "OK" with 0, although "read ADDRESS 8" shows the 0x38 as its
#           first byte (it is cut into words). writeb answers "OK" and writes nothing. An
#           address with nothing at all behind it (0x90000000) reads "OK" and 0. To the
#           monitor's "xp /1bx" both are "Cannot access memory".
# Expected: "FAIL" or "ERR", which the protocol has, or the byte of the word. qtest throws
#           the bus's answer away. So a test that compares with a reset value of 0 passes
#           on a device that is not there, or with a width of access at which a processor
#           would get an abort; and "read" of 8 bytes and of 1 byte disagree on the byte.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_all bookworm "$tmp/old" qemu-system-arm=1:7.2+dfsg-7+deb12u18+b3
unpack_all trixie-backports "$tmp/new" qemu-system-arm=1:11.1.3+ds-1~bpo13+1

cat >"$tmp/asked" <<'END'
writel 0xfd500118 0x38
readl 0xfd500118
readb 0xfd500118
readw 0xfd500118
readq 0xfd500118
read 0xfd500118 8
read 0xfd500118 1
writeb 0xfd500118 0xff
readl 0xfd500118
readl 0x90000000
END
cat >"$tmp/expected" <<'END'
OK
OK 0x0000000000000038
OK 0x0000000000000000
OK 0x0000000000000000
OK 0x0000000000000038
OK 0x3800000000000000
OK 0x00
OK
OK 0x0000000000000038
OK 0x0000000000000000
END

# board ARGUMENT...: the board without its processors running
board() {
	QEMU_MODULE_DIR=$dir/usr/lib/x86_64-linux-gnu/qemu \
		within "$dir" qemu-system-aarch64 -L "$dir/usr/share/qemu" -M xlnx-zcu102 -S \
		-display none -serial none "$@"
}

for dir in "$tmp/old" "$tmp/new"; do
	silent=(-audio none)
	[[ $dir == "$tmp/new" ]] || silent=(-audiodev "none,id=none")
	# QEMU goes on after the end of its input: here it is the time limit that ends it.
	limit=30 board "${silent[@]}" -monitor none -qtest stdio -qtest-log /dev/null \
		<"$tmp/asked" >"$tmp/seen" 2>"$tmp/said" || true
	cmp -s "$tmp/seen" "$tmp/expected" || changed "qtest: $(cat "$tmp/seen" "$tmp/said")"

	printf 'xp /1bx 0xfd500118\nxp /1bx 0x90000000\nquit\n' |
		board "${silent[@]}" -monitor stdio >"$tmp/seen" 2>"$tmp/said" ||
		changed "QEMU fails: $(cat "$tmp/said")"
	refused=$(grep -c 'Cannot access memory' "$tmp/seen") || true
	((refused == 2)) || changed "the monitor: $(cat "$tmp/seen")"
done
