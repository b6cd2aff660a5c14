#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# iiod: a client with small blocks gets them at the pace of another one's large blocks.
#
# Software: iiod, libiio-utils and libiio0 0.26-2 (Debian trixie). Linux 7.3.4-1~bpo13+1
#           (trixie-backports) with its own driver of the LPS22HB on its i2c-stub and the
#           hrtimer trigger, in QEMU 7.2.
# Seen:     50 samples a second. A client that asks iiod for one block of 10 samples is done in
#           half a second. While another client has blocks of 200 samples of the same channel,
#           it has the same block after 4 s or more: when a block of the other one is full.
#           Both clients end with status 0 and all their samples.
# Expected: that each client's block size is its own, as each has its own connection, chooses
#           its own channels and gets just these. iiod has one buffer for all clients of a
#           device, as large as the largest request, and hands out samples when it is full. So
#           a monitor that wants a few samples soon is as late as the recorder next to it wants
#           to be, depending on who else is connected; it gets time limits which it never meets
#           alone.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_ticking_sensor 50
add_iiod
cat >"$root/test" <<'END'
. /sensor
. /iiod

# read NAME SIZE SAMPLES: in blocks of this size; what came of it, and after how long
read_blocks() {
	read -r start rest </proc/uptime
	status=0
	run bin/iio_readdev -u ip:127.0.0.1 -T 60000 -b $2 -s $3 lps22hb pressure \
		>/tmp/$1 2>/dev/null || status=$?
	read -r now rest </proc/uptime
	echo "$1 $status $(stat -c %s /tmp/$1) $((${now%.*}${now#*.} - ${start%.*}${start#*.}))"
}

run sbin/iiod >/dev/null 2>&1 &
for attempt in 1 2 3 4 5 6 7 8 9 10; do
	sleep 1
	! run bin/iio_info -u ip:127.0.0.1 >/dev/null 2>&1 || break
done
read_blocks alone 10 10
read_blocks large 200 800 &
sleep 3
read_blocks small 10 10
wait $!
read_blocks afterwards 10 10
kill -9 $(pidof ${program##*/})
END
boot >"$tmp/seen"
seen=$(sort "$tmp/seen" | xargs)
read -r _ _ _ after _ _ _ alone _ _ _ _ _ _ _ small <<<"$seen"
sizes=$(sort "$tmp/seen" | cut -d ' ' -f 1-3 | xargs)
[[ $sizes == "afterwards 0 40 alone 0 40 large 0 3200 small 0 40" ]] || changed "$seen"
((alone < 300 && after < 300)) || untried "the machine is too slow: $seen"
((small > 350)) || changed "$seen"
