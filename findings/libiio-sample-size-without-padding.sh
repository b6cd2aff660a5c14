#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# libiio 0.24 cuts a real capture at the wrong places: 6 bytes a sample, the kernel has 8.
#
# Software: libiio0 and libiio-utils 0.24-4 (Debian bookworm); 0.26-2 (trixie) is right.
#           Linux 7.3.4-1~bpo13+1 (trixie-backports) with its own driver of the LPS22HB on
#           its i2c-stub, in QEMU 7.2.
# Seen:     pressure (32 bits) and temperature (16 bits), no timestamp. The kernel's scans
#           are 8 bytes: 11 22 33 00 44 55 00 00, each the same. iio_readdev of four samples
#           writes 24 bytes with libiio 0.24, in which only the first sample is right: the
#           second has the pressure 00 00 11 22 and the temperature 33 00. Status 0, and no
#           word. libiio 0.26 writes 32 bytes, the kernel's.
# Expected: that the library takes samples apart as the kernel puts them together. Both put
#           each element at a multiple of its size; the kernel also rounds the whole scan up
#           to a multiple of its largest element (since 2019), which libiio 0.24 does not
#           know. With the timestamp, which is largest and last, the two agree, and so they
#           do for channels of one size, so most set-ups never show it. What shows it is a
#           wide channel before a narrow one, timestamp off.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_triggered_sensor
unpack_all bookworm "$root/0.24" libiio-utils=0.24-4 libiio0=0.24-4
unpack_all trixie "$root/0.26" libiio-utils=0.26-2 libiio0=0.26-2
rm -rf "$root/0.2"[46]/usr/share
cat >"$root/test" <<'END'
. /sensor
# bytes COUNT: of the standard input, in one line for each COUNT
bytes() {
	od -An -v -tx1 -w"$1"
}

for channel in pressure temp; do
	echo 1 >$sensor/scan_elements/in_${channel}_en
done
echo 0 >$sensor/scan_elements/in_timestamp_en
cat $sensor/scan_elements/in_pressure_type $sensor/scan_elements/in_temp_type
echo 1 >$sensor/buffer/enable
echo 1 >$iio/trigger0/trigger_now
echo 1 >$iio/trigger0/trigger_now
echo "kernel:"
dd if=/dev/iio:device0 bs=16 count=1 2>/dev/null | bytes 8
echo 0 >$sensor/buffer/enable

for version in 0.24 0.26; do
	echo "libiio $version:"
	while usleep 100000; do
		echo 1 >$iio/trigger0/trigger_now
	done &
	libraries=/$version/lib/x86_64-linux-gnu:/$version/usr/lib/x86_64-linux-gnu
	timeout 60 /$version/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path $libraries \
		/$version/usr/bin/iio_readdev -b 4 -s 4 -t sysfstrig7 lps22hb pressure temp \
		>/tmp/samples 2>/dev/null
	echo "status $?"
	kill $!
	bytes $(($(stat -c %s /tmp/samples) / 4)) </tmp/samples
done
END
cat >"$tmp/expected" <<'END'
le:s24/32>>0
le:s16/16>>0
kernel:
 11 22 33 00 44 55 00 00
 11 22 33 00 44 55 00 00
libiio 0.24:
status 0
 11 22 33 00 44 55
 00 00 11 22 33 00
 44 55 00 00 11 22
 33 00 44 55 00 00
libiio 0.26:
status 0
 11 22 33 00 44 55 00 00
 11 22 33 00 44 55 00 00
 11 22 33 00 44 55 00 00
 11 22 33 00 44 55 00 00
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
