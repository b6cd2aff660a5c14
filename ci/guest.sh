# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# shellcheck disable=SC3043 # busybox has "local"
#
# /etc/guest.sh in the guest: functions for the commands that ci/guest runs there.

# The first channel of the GDMA; the one that the dummy DMA controller borrows. Its name
# depends on which DMA controllers the machine has besides.
GDMA_CHANNEL=
for channel in /sys/class/dma/*; do
	case $(readlink -f "$channel/device") in
	*/fd500000.*) GDMA_CHANNEL=${channel##*/} ;;
	esac
done
unset channel

have_gdma() {
	[ -n "$GDMA_CHANNEL" ]
}

# load_dummy [dma_dummy parameter...]: the dummy DMA controller, moving its data by the
# GDMA where the machine has one, and the dummy ADC on it.
load_dummy() {
	if have_gdma; then
		set -- "engine=$GDMA_CHANNEL" "$@"
	fi
	insmod /modules/dma_dummy.ko "$@" && insmod /modules/adc_dummy.ko
}

# load_board: the converter of the emulated board (ci/guest --board).
load_board() {
	local tries=0

	insmod /modules/board_adc.ko || return 1
	# The core resets for some milliseconds, and only then registers its IIO device.
	while ! grep -qsx cf-ad9361-lpc /sys/bus/iio/devices/*/label /sys/bus/iio/devices/*/name; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || { echo "load_board: no cf-ad9361-lpc" >&2; return 1; }
		usleep 10000
	done
}

unload_dummy() {
	rmmod adc_dummy && rmmod dma_dummy
}

# The summary that dmatest printed since line $1 of the kernel log. Its "wait" parameter
# alone will not do: it returns at once while the test has not yet begun.
dmatest_summary() {
	local tries=0

	while [ $tries -lt 1000 ]; do
		cat /sys/module/dmatest/parameters/wait >/dev/null
		dmesg | tail -n +$(($1 + 1)) | grep 'dmatest: .* summary ' && return
		usleep 10000
		tries=$((tries + 1))
	done
	echo "no summary in the kernel log"
}

# dmatest_set PARAMETER VALUE: refused for a moment after the last test has ended
dmatest_set() {
	local tries=0

	while ! echo "$2" 2>/dev/null >/sys/module/dmatest/parameters/"$1"; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || { echo "dmatest: $1 is busy" >&2; return 1; }
		usleep 10000
	done
}

# run_dmatest BYTES [TIMES]: copies BYTES (4 MiB at most) TIMES on the GDMA, one after the
# other, by the kernel's own dmatest. Prints "gdma BYTES RATE" with RATE in MiB/s: the
# ceiling of everything that moves its data through that engine. Not while dma_dummy is
# loaded, which keeps the channel to itself.
run_dmatest() {
	local params=/sys/module/dmatest/parameters times="${2:-100}" start summary

	have_gdma || { echo "run_dmatest: this machine has no GDMA" >&2; return 1; }
	start=$(dmesg | wc -l)
	# noverify: the rate of the engine, not of the CPU that would fill and compare.
	echo "$1" >$params/test_buf_size
	echo "$times" >$params/iterations
	echo 1 >$params/threads_per_chan
	echo 10000 >$params/timeout
	echo Y >$params/noverify
	echo Y >$params/norandom
	dmatest_set channel "$GDMA_CHANNEL" && echo 1 >$params/run || return 1
	summary=$(dmatest_summary "$start")
	# Or dmatest would keep the channel.
	dmatest_set run 0
	case $summary in
	*" $times tests, 0 failures "*) ;;
	*)
		echo "run_dmatest: $times times $1 bytes on $GDMA_CHANNEL: $summary" >&2
		return 1
		;;
	esac
	# dmatest counts in units of 1024 bytes and calls them KB.
	echo "$summary" | sed 's/.* \([0-9]*\) KB\/s.*/\1/' |
		awk -v size="$1" '{ printf "gdma %d %.1f\n", size, $1 / 1024 }'
}
