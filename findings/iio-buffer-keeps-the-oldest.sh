#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# IIO: a buffer of 100 samples keeps 128, the oldest ones, and starts with them after a pause.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): IIO with its kfifo, the hrtimer
#           trigger, and the kernel's own driver of the LPS22HB on its i2c-stub.
# Seen:     100 Hz, buffer/length 100, and nobody reads for 5 seconds. data_available is 128
#           then, and length still 100. The first samples that are read are 5 seconds old; the
#           128 follow on each other at 10 ms, then one is missing that is 3 seconds wide.
#           Neither read() nor poll() nor an attribute tells of it. With a length of 129 it is
#           256.
# Expected: 100 samples, as length says when it is read back. And the newest: the older ones
#           are what a ring overwrites, and a program that has been held up for a moment wants
#           to go on from now. Timestamps are the only trace of the loss.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_ticking_sensor 100
cat >"$root/test" <<'END'
. /sensor
echo 1 >$sensor/scan_elements/in_pressure_en
echo 1 >$sensor/scan_elements/in_timestamp_en
for length in 129 100; do
	echo $length >$sensor/buffer/length
	echo 1 >$sensor/buffer/enable
	sleep 5
	echo "kept $(cat $sensor/buffer/length) $(cat $sensor/buffer/data_available)"
	[ $length = 100 ] || echo 0 >$sensor/buffer/enable
done
# pressure in 4 of 8 bytes, timestamp in 8
dd if=/dev/iio:device0 bs=16 count=160 2>/dev/null | od -A n -v -t u8 |
	while read -r pressure time; do
		echo "time $time"
	done
END
boot >"$tmp/seen"
kept=$(grep '^kept' "$tmp/seen" | xargs)
[[ $kept == "kept 129 256 kept 100 128" ]] || changed "$kept"

# where the first gap of more than half a second is, and how wide it is, in ms
read -r number width < <(sed -n 's/^time //p' "$tmp/seen" | {
	read -r last
	number=1
	while read -r time; do
		((time - last < 500000000)) || { printf '%s %s\n' "$number" $(((time - last) / 1000000)); break; }
		last=$time
		number=$((number + 1))
	done
}) || changed "no gap in $(grep -c '^time' "$tmp/seen") samples"
((number == 128)) || changed "the gap is behind $number samples"
((width > 2000)) || changed "the gap has $width ms"
