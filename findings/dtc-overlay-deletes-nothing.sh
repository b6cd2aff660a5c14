#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# /delete-node/ and /delete-property/ in a device tree overlay: accepted, without effect.
#
# Software: dtc, fdtoverlay and libfdt of device-tree-compiler 1.6.1-4+b1 (Debian bookworm)
#           and 1.7.2-2+b1 (trixie).
# Seen:     `dtc -@` compiles an overlay (/plugin/) which deletes a node and a property of
#           the node that it extends, with status 0 and not a word; nothing of the deletion
#           is in the blob. fdtoverlay applies it with status 0 and not a word. In the
#           result the node and the property are still there, next to what the overlay adds.
#           In a plain source (no /plugin/) the same lines delete.
# Expected: that a directive which dtc takes in an overlay does there what it does
#           elsewhere, or that it is refused: dtc does refuse /delete-node/ of a label that
#           it does not know. An overlay can only add and replace: the format has no way to
#           say "delete", and dtc carries the directives out on the overlay's own, new,
#           nodes, where there is nothing to delete. So a carrier board's overlay that means
#           to take a channel or a "dmas" away from an ADC leaves it where it was.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack bookworm "$tmp/old" device-tree-compiler=1.6.1-4+b1 libfdt1 libyaml-0-2 libc6
unpack trixie "$tmp/new" device-tree-compiler=1.7.2-2+b1 libfdt1 libyaml-0-2 libc6

cat >"$tmp/base.dts" <<'END'
/dts-v1/;
/ {
	adc: adc {
		compatible = "vendor,adc";
		vendor,internal-reference;
		channel {
		};
	};
};
END
cat >"$tmp/body" <<'END'
&adc {
	/delete-property/ vendor,internal-reference;
	vendor,external-clock;
	/delete-node/ channel;
};
END
{ echo "/dts-v1/; /plugin/;"; cat "$tmp/body"; } >"$tmp/overlay.dts"
cat "$tmp/base.dts" "$tmp/body" >"$tmp/plain.dts"

# has BLOB NAME...: the blob's adc has all of these
has() {
	local blob=$1 name
	shift

	{
		within "$dir" fdtget -p "$blob" /adc
		within "$dir" fdtget -l "$blob" /adc
	} >"$tmp/names"
	for name; do
		grep -qx "$name" "$tmp/names" || return 1
	done
}

for dir in "$tmp/old" "$tmp/new"; do
	within "$dir" dtc -@ -o "$tmp/base.dtb" "$tmp/base.dts" 2>"$tmp/said" ||
		changed "the base does not compile: $(cat "$tmp/said")"
	within "$dir" dtc -o "$tmp/plain.dtb" "$tmp/plain.dts"
	has "$tmp/plain.dtb" vendor,external-clock || changed "the plain source adds nothing"
	! has "$tmp/plain.dtb" vendor,internal-reference || changed "the property stays in a plain source"
	! has "$tmp/plain.dtb" channel || changed "the node stays in a plain source"

	within "$dir" dtc -@ -o "$tmp/overlay.dtbo" "$tmp/overlay.dts" >"$tmp/said" 2>&1 ||
		changed "dtc refuses the overlay: $(cat "$tmp/said")"
	within "$dir" fdtoverlay -i "$tmp/base.dtb" -o "$tmp/result.dtb" "$tmp/overlay.dtbo" >>"$tmp/said" 2>&1 ||
		changed "fdtoverlay refuses the overlay: $(cat "$tmp/said")"
	[[ ! -s $tmp/said ]] || changed "something is said: $(cat "$tmp/said")"
	has "$tmp/result.dtb" vendor,external-clock || changed "the overlay adds nothing"
	has "$tmp/result.dtb" vendor,internal-reference channel || changed "the overlay deletes"
done
