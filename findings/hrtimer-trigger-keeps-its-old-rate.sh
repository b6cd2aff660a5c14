#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# IIO: the hrtimer trigger takes a new rate at once, and ticks by it after the old period only.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): IIO with the hrtimer trigger, and
#           the kernel's own driver of the LPS22HB on its i2c-stub.
# Seen:     a capture runs at 0.1 Hz. 100 is written to the trigger's sampling_frequency, which
#           reads back as 100.000000, and in the 3 seconds that follow not one sample comes.
#           The next one comes when the 10 seconds are over, and from then on it is 100 Hz. If
#           the buffer is switched off and on behind the write, it is 100 Hz at once.
# Expected: 100 Hz from the write on, which is what the attribute says; the next sample 10 ms
#           later at the latest. The write only notes the period, and the timer that runs is not
#           set anew. At rates above 10 Hz nobody sees it. From a slow rate for watching to a
#           fast one for a measurement, it is a capture that looks dead for as long as one slow
#           period, at the lowest rate of 0.001 Hz for a quarter of an hour; a program with a
#           time limit of its own gives up.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_ticking_sensor 0.1
cat >"$root/test" <<'END'
. /sensor
say() {
	if [ "$(cat $sensor/buffer/data_available)" = 0 ]; then
		echo "$1 none"
	else
		echo "$1 some"
	fi
}
echo 1 >$sensor/scan_elements/in_pressure_en
echo 1 >$sensor/scan_elements/in_timestamp_en
echo 1024 >$sensor/buffer/length
echo 1 >$sensor/buffer/enable
echo 100 >$iio/trigger0/sampling_frequency
echo "rate $(cat $iio/trigger0/sampling_frequency)"
sleep 3
say "after 3 s:"
sleep 10
say "after 13 s:"
dd if=/dev/iio:device0 bs=16 count=50 2>/dev/null | od -A n -v -t u8 | while read -r pressure time; do
	echo "time $time"
done
echo 0 >$sensor/buffer/enable
echo 0.1 >$iio/trigger0/sampling_frequency
echo 1 >$sensor/buffer/enable
echo 100 >$iio/trigger0/sampling_frequency
echo 0 >$sensor/buffer/enable
echo 1 >$sensor/buffer/enable
sleep 3
say "switched off and on, after 3 s:"
END
cat >"$tmp/expected" <<'END'
rate 100.000000
after 3 s: none
after 13 s: some
switched off and on, after 3 s: some
END
boot >"$tmp/seen"
difference=$(grep -v '^time' "$tmp/seen" | diff "$tmp/expected" -) || changed "$difference"
# the rate of the 50 samples that came in the end, in Hz
rate=$(sed -n 's/^time //p' "$tmp/seen" |
	awk 'NR == 1 { first = $1 } { last = $1 } END { printf "%d", (NR - 1) * 1e9 / (last - first) }')
((rate > 50)) || changed "a rate of $rate Hz after the old period"
