#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# An IIO trigger can be removed while a capture runs from it, and comes back as another.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports), its sysfs trigger and its
#           driver of the LPS22HB on its i2c-stub, in QEMU 7.2.
# Seen:     with the buffer enabled, removing the sysfs trigger that it uses succeeds. The
#           device still names it in current_trigger, buffer/enable stays 1, a reader waits
#           without an error. A new sysfs trigger of the same number has the same name, so
#           all looks as before, but its pulses do not reach the device; nor after the
#           buffer was disabled and enabled again, which succeeds. Writing the very name that
#           current_trigger shows back into it is what helps.
# Expected: EBUSY. The kernel says that for another trigger, or none, in current_trigger of
#           a running capture, and does not unload a trigger's module (EAGAIN) while a
#           device uses it. But the device's reference keeps the memory and the module of
#           the trigger, not its being registered. Found in practice by a script that sets
#           up its triggers anew while something else captures: that one just stops.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_pressure_sensor
cat >"$root/test" <<'END'
# try WHAT FILE: writes, and tells whether that was taken
try() {
	if echo "$1" 2>/dev/null >"$2"; then echo "${2##*/}: taken"; else echo "${2##*/}: refused"; fi
}
# scans: how many there are after a pulse of the trigger
scans() {
	echo 1 >$iio/trigger0/trigger_now
	usleep 50000
	echo "scans: $(cat $sensor/buffer/data_available)"
}
factory=$iio/iio_sysfs_trigger

echo 1 >$sensor/scan_elements/in_temp_en
echo 16 >$sensor/buffer/length
try 7 $factory/add_trigger
try sysfstrig7 $sensor/trigger/current_trigger
try 1 $sensor/buffer/enable
scans
try "" $sensor/trigger/current_trigger
rmmod iio_trig_sysfs 2>/dev/null || echo "rmmod: refused"
try 7 $factory/remove_trigger
echo "current: $(cat $sensor/trigger/current_trigger), enabled: $(cat $sensor/buffer/enable)"
try 7 $factory/add_trigger
echo "new: $(cat $iio/trigger0/name)"
scans
dd if=/dev/iio:device0 of=/dev/null bs=2 count=1 2>/dev/null && echo "read: the first scan"
timeout 2 dd if=/dev/iio:device0 of=/dev/null bs=2 count=1 2>/dev/null
echo "read: $?"
try 0 $sensor/buffer/enable
try 1 $sensor/buffer/enable
scans
try 0 $sensor/buffer/enable
try "$(cat $sensor/trigger/current_trigger)" $sensor/trigger/current_trigger
try 1 $sensor/buffer/enable
scans
try 0 $sensor/buffer/enable
END
cat >"$tmp/expected" <<'END'
add_trigger: taken
current_trigger: taken
enable: taken
scans: 1
current_trigger: refused
rmmod: refused
remove_trigger: taken
current: sysfstrig7, enabled: 1
add_trigger: taken
new: sysfstrig7
scans: 1
read: the first scan
read: 143
enable: taken
enable: taken
scans: 0
enable: taken
current_trigger: taken
enable: taken
scans: 1
enable: taken
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
