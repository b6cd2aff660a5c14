#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs all tests on the dummy devices, which it loads where they are modules and not there
# yet. What the file "not-here" names, one test a line, is left out.
#
# Exit status: that of run.sh; 4 without the devices

dir=$(cd "$(dirname "$0")" && pwd) || exit 1
loaded=

load() {
	for module; do
		[ ! -d "/sys/module/$module" ] || continue
		modprobe -q "$module" || return
		loaded="$module $loaded"
	done
}

# shellcheck disable=SC2317 # by the trap
unload() {
	for module in $loaded; do
		modprobe -q -r "$module"
	done
}

trap unload EXIT
load dma_dummy adc_dummy || { echo "1..0 # SKIP no dummy devices: see the file config"; exit 4; }
load dmabuf_merged libcomposite usb_f_fs udc_dummy || :

# Killing and unbinding takes as long as one likes: by itself, with iio_dmabuf_stress_test.
set -- -x 'stress*.*' -x 'volume.*'
if [ -f "$dir/not-here" ]; then
	while read -r test; do
		set -- "$@" -x "$test"
	done <"$dir/not-here"
fi

status=0
"$dir/run.sh" "$@" || status=$?
for prog in "$dir"/usb_ffs_*_test; do
	if [ -x "$prog" ] && [ -d /sys/class/udc/udc-dummy ]; then
		"$prog" || status=1
	fi
done
exit $status
