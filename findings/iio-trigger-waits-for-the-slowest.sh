#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# IIO: a slow device on a trigger takes the samples of a fast one on the same trigger.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): IIO, the hrtimer trigger, and the
#           kernel's own drivers of the LPS22HB (pressure) and the SRF08 (distance by
#           ultrasound, some 36 ms for a reading), both on its i2c-stub.
# Seen:     a hrtimer trigger of 100 Hz. The pressure sensor alone has about 100 samples a
#           second. While the distance sensor captures on the same trigger it has about 24 a
#           second, as many as that one. Nobody says so: sampling_frequency is 100, the buffer
#           is far from full, the log is empty. With a second hrtimer trigger of 100 Hz for the
#           distance sensor it is about 100 again.
# Expected: that the slow device misses ticks and the fast one none: each has a handler of its
#           own, in a thread of its own, and the hrtimer ticks on. But a trigger counts the
#           handlers that are not done yet, and as long as one is not, it drops the tick for
#           all. One trigger for several devices is how IIO takes their samples at one time,
#           and each of them passes its test alone.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_ticking_sensor 100
add_modules srf08
cat >"$root/test" <<'END'
. /sensor
# its version, and after the driver has set the range, which is the same register, an echo
i2cset -y 0 0x70 0x00 0x09
echo srf08 0x70 >/sys/bus/i2c/devices/i2c-0/new_device
i2cset -y -f 0 0x70 0x02 0x2301 w
ranger=$iio/iio:device1
mkdir /sys/kernel/config/iio/triggers/hrtimer/tock
echo 100 >$iio/trigger1/sampling_frequency
echo 1 >$sensor/scan_elements/in_pressure_en
echo 1 >$ranger/scan_elements/in_distance_en
echo 4096 >$sensor/buffer/length
echo 4096 >$ranger/buffer/length

# samples NAME DEVICE...: what each device has in 5 seconds
samples() {
	name=$1
	shift
	for device; do
		echo 1 >$device/buffer/enable
	done
	sleep 5
	for device; do
		name="$name $(cat $device/buffer/data_available)"
	done
	for device; do
		echo 0 >$device/buffer/enable
	done
	echo "$name"
}

echo tick >$ranger/trigger/current_trigger
cat $iio/trigger*/sampling_frequency
samples alone $sensor
samples both $ranger $sensor
echo tock >$ranger/trigger/current_trigger
samples own $ranger $sensor
dmesg | grep -iE 'trigger|iio' | sed 's/^/log: /'
END
boot >"$tmp/seen"
seen=$(xargs <"$tmp/seen")
read -r first second alone fast both slow less own slower most rest <<<"$seen"
[[ "$first $second $alone $both $own$rest" == "100.000000 100.000000 alone both own" ]] || changed "$seen"
((fast > 300 && most > 300)) || untried "the machine is too slow: $seen"
((slow > 0 && slower > 0 && less < fast / 2 && less < most / 2)) || changed "$seen"
((less < 2 * slow && slow < 2 * less)) || changed "$seen"
