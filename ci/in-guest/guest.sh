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

# load_dummies: the same with the CPU moving the data, which tests want, and load_merged.
load_dummies() {
	insmod /modules/dma_dummy.ko && insmod /modules/adc_dummy.ko && load_merged
}

# load_merged: an exporter whose DMA-BUFs are one piece to the device. It stays.
load_merged() {
	[ -d /sys/module/dmabuf_merged ] || insmod /modules/dmabuf_merged.ko
}

# load_triggers: IIO's device without hardware, "simple", which samples when it is triggered, and
# two triggers: "timer", which has a rate, and sysfstrig0, which fires when somebody writes to it
load_triggers() {
	local configfs=/sys/kernel/config/iio

	insmod /modules/industrialio-sw-trigger.ko && insmod /modules/iio-trig-hrtimer.ko &&
		insmod /modules/iio-trig-sysfs.ko && mkdir $configfs/devices/dummy/simple &&
		mkdir $configfs/triggers/hrtimer/timer &&
		echo 0 >/sys/bus/iio/devices/iio_sysfs_trigger/add_trigger
}

# load_usb: FunctionFS, and a dummy USB device controller with its host.
load_usb() {
	local module

	for module in nls_base usb-common udc-core libcomposite usb_f_fs udc_dummy; do
		[ ! -e /modules/$module.ko ] || insmod /modules/$module.ko || return 1
	done
	[ -d /sys/class/udc/udc-dummy ] || { echo "load_usb: no udc-dummy" >&2; return 1; }
}

# insert MODULE: if there is such a module, and it is not there yet
insert() {
	[ ! -e "/modules/$1.ko" ] || [ -d "/sys/module/$(echo "$1" | tr - _)" ] ||
		insmod "/modules/$1.ko"
}

# board_is_up: the core resets for some milliseconds, and only then registers its IIO device. The
# way to its registers is the last thing that comes.
board_is_up() {
	local names

	names=$(cat /sys/bus/iio/devices/*/label /sys/bus/iio/devices/*/name 2>/dev/null)
	echo "$names" | grep -qx cf-ad9361-lpc &&
		{ [ ! -d /sys/module/board_dac ] ||
			echo "$names" | grep -qx cf-ad9361-dds-core-lpc; } &&
		find /sys/kernel/debug/iio -name direct_reg_access | grep -q .
}

# make_gadget: after load_usb, a gadget whose one function is FunctionFS, mounted at /tmp/ffs.
# What it is and its controller are for others to say.
make_gadget() {
	local gadget=/sys/kernel/config/usb_gadget/g1

	mkdir -p $gadget/configs/c.1 $gadget/functions/ffs.samples /tmp/ffs &&
		ln -s $gadget/functions/ffs.samples $gadget/configs/c.1 &&
		mount -t functionfs samples /tmp/ffs
}

# load_board: the converter of the emulated board (ci/guest --board), and its transmitter where the
# kernel has buffers for it.
load_board() {
	local tries=0 device

	# What unload_board has unbound; the others have no driver anyway.
	for device in /sys/bus/platform/devices/*; do
		[ -e "$device/driver" ] || echo "${device##*/}" >/sys/bus/platform/drivers_probe
	done
	insmod /modules/board_adc.ko && insert adi-axi-dac && insert board_dac || return 1
	while ! board_is_up; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || { echo "load_board: no cf-ad9361-lpc, or no transmitter" >&2; return 1; }
		usleep 10000
	done
}

# test_dmac [PARAMETER...]: after load_board. The tests of dma-axi-dmac by itself, which want
# its channels for themselves; the core of the converter goes on without its drivers.
test_dmac() {
	local report=/sys/kernel/debug/dmac-test status=0

	unbind board-dac && unbind adi_axi_adc && insmod /modules/dmac_test.ko "$@" || return 1
	cat $report
	! grep -q '^not ok' $report || status=1
	rmmod dmac_test && return $status
}

unload_dummy() {
	rmmod adc_dummy && rmmod dma_dummy
}

# unbind DRIVER: all of its devices
unbind() {
	local device

	for device in /sys/bus/platform/drivers/"$1"/*/driver_override; do
		[ -e "$device" ] || continue
		device=${device%/*}
		echo "${device##*/}" >"/sys/bus/platform/drivers/$1/unbind" || return 1
	done
}

# The DMA controllers too: they are built in, but what they have mapped must go with them.
unload_board() {
	[ ! -d /sys/module/board_dac ] || rmmod board_dac || return 1
	unbind adi_axi_adc && rmmod board_adc && unbind dma-axi-dmac
}

# Tells how many lines came in, and prints them if there are any.
none_left() {
	local lines

	lines=$(cat)
	[ -n "$lines" ] || { echo "# leak check: no $1"; return 0; }
	echo "# leak check: $(echo "$lines" | grep -c .) $1:"
	echo "$lines" | sed 's/^/#   /'
	return 1
}

# What kmemleak has found, less the 'struct iio_sw_device' that iio_dummy_remove() of all
# kernels up to 6.12 forgets.
kmemleak_reports() {
	awk '
	function flush() {
		if (record != "" && !known) printf "%s", record
		record = ""; known = 0
	}
	/^unreferenced object/ { flush() }
	{ record = record $0 "\n" }
	/iio_dummy_probe/ { known = 1 }
	END { flush() }' /sys/kernel/debug/kmemleak
}

# leak_check [--no-mappings]: unloads what load_dummies, load_board or load_usb has loaded, and fails
# if a session has left anything behind: a descriptor, a request, a dma-buf (with its attachments, and
# the fds that keep it), a DMA mapping, memory. For a kernel with kmemleak and
# DMA_API_DEBUG. The latter gives up when its own allocations are made to fail.
leak_check() {
	local debug=/sys/kernel/debug status=0

	if [ ! -e $debug/kmemleak ] ||
	   { [ "${1:-}" != --no-mappings ] && [ ! -d $debug/dma-api ]; }; then
		echo "leak_check: this kernel cannot tell" >&2
		return 1
	fi
	if [ -d /sys/module/dma_dummy ]; then
		grep -v '^0$' $debug/dma-dummy/descriptors | none_left descriptors || status=1
		unload_dummy || status=1
	fi
	if [ -d /sys/module/board_adc ]; then
		unload_board || status=1
	fi
	if [ -d /sys/module/udc_dummy ]; then
		grep -v '^0$' $debug/udc-dummy/requests | none_left requests || status=1
		rmmod udc_dummy || status=1
	fi
	sed -n '/^Total 0 objects/!{/^Total [0-9]* objects/p}' $debug/dma_buf/bufinfo |
		none_left dma-bufs || status=1
	if [ "${1:-}" != --no-mappings ]; then
		# It must not be asked for the others then: it has devices that are gone.
		if grep -q N $debug/dma-api/disabled; then
			cat $debug/dma-api/dump | none_left "DMA mappings" || status=1
		else
			echo "leak_check: DMA_API_DEBUG has given up" >&2
			status=1
		fi
	fi

	# kmemleak keeps quiet about what is younger than 5 s, and it may find a pointer in
	# a register or a stale stack the first time.
	sleep 6
	echo scan >$debug/kmemleak
	echo scan >$debug/kmemleak
	kmemleak_reports | none_left leaks || status=1
	return $status
}

# DMA_API_DEBUG warns of a DMA-BUF that is attached again while its old mapping waits for
# the end of a transfer, which is allowed. Where that happens on several CPUs at a time the
# reports are torn apart. And the system heap looks without a lock at whether an attachment
# is mapped, so that SYNC can come upon one that the removal of the device is unmapping. So:
# none for drivers but one of this name, which is not there. What is still mapped in the end,
# leak_check finds all the same.
quiet_dma_debug() {
	[ ! -d /sys/kernel/debug/dma-api ] ||
		echo iio_dmabuf_none >/sys/kernel/debug/dma-api/driver_filter
}

# KCSAN is to report races of the code that the series touches and of the dummies, with
# whatever it may be. Those of the rest of the kernel among themselves are not ours.
watch_races() {
	local kcsan=/sys/kernel/debug/kcsan

	[ -e $kcsan ] || { echo "watch_races: no CONFIG_KCSAN" >&2; return 1; }
	echo whitelist >$kcsan
	awk '$3 ~ /^_?(iio_(buffer|dma|dmabuf|dmaengine)_|axi_dmac_|dma_dummy_|adc_dummy_)/ {
		print "!" $3 }' /proc/kallsyms | sort -u | while read -r function; do
		echo "$function" >$kcsan || exit 1
	done
	echo on >$kcsan
	grep -qx 'enabled: 1' $kcsan || { echo "watch_races: KCSAN stays off" >&2; return 1; }
}

# Counters of what has been executed of the instrumented files: from zero, and to /results
# for ci/coverage.
reset_coverage() {
	echo 1 >/sys/kernel/debug/gcov/reset
}

save_coverage() {
	mkdir -p /results/coverage
	# cp would ask for the size of the files, and those of the kernel do not tell.
	# shellcheck disable=SC2016 # for the inner shell
	find /sys/kernel/debug/gcov/ -name '*.gcda' -exec \
		sh -c 'cat "$1" >"/results/coverage/${1##*/}"' - {} \;
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
