#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# iiod: who connects sets the time limit of everybody who is connected.
#
# Software: iiod, libiio-utils and libiio0 0.26-2 (Debian trixie). Linux 7.3.4-1~bpo13+1
#           (trixie-backports) with its own driver of the LPS22HB on its i2c-stub and the
#           hrtimer trigger, in QEMU 7.2.
# Seen:     a sample every 4 seconds. A client of iiod with a limit of a minute (iio_readdev
#           -T 60000) gets them. Then somebody lists the devices (iio_attr -d, which reads no
#           sample and is gone at once), and the first client ends with "Connection timed out"
#           where the next sample should have been, with some of its samples and status 0. If
#           the visitor says -T 60000 as well, the first client gets all its samples.
# Expected: that a limit which a client has set holds for its own connection, for which it sends
#           it to iiod; and that a look at the list of devices is no matter to a capture. But
#           iiod has one IIO context for all, and the limit is the context's: the last one who
#           says something counts. Everybody says something, as libiio sends its default with
#           each connect, 2.5 s for iiod. So a capture that waits for a rare trigger works until
#           a colleague, a monitor or a script takes a look, fails at a moment that has
#           nothing to do with its own settings, and works when it is tried again.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_ticking_sensor 0.25
add_iiod
cat >"$root/test" <<'END'
. /sensor
. /iiod

# record NAME SAMPLES: with a limit of a minute; what came of it
record() {
	status=0
	run bin/iio_readdev -u ip:127.0.0.1 -T 60000 -b 1 -s $2 lps22hb pressure \
		>/tmp/samples 2>/tmp/said || status=$?
	echo "$1 $status $(stat -c %s /tmp/samples) $(cat /tmp/said)"
}

run sbin/iiod >/dev/null 2>&1 &
for attempt in 1 2 3 4 5 6 7 8 9 10; do
	sleep 1
	! run bin/iio_attr -u ip:127.0.0.1 -d >/dev/null 2>&1 || break
done
record alone 2
for limit in "" "-T 60000"; do
	record "visited${limit:+ $limit}" 5 &
	sleep 6
	run bin/iio_attr -u ip:127.0.0.1 $limit -d >/dev/null && echo visitor $limit
	wait $!
done
record afterwards 2
kill -9 $(pidof ${program##*/})
END
boot >"$tmp/seen"
cat "$tmp/seen"
for client in "alone 0 8 " visitor "visitor -T 60000" "visited -T 60000 0 20 " "afterwards 0 8 "; do
	grep -qx -e "$client" "$tmp/seen" || changed "not \"$client\""
done
# a sample has 4 bytes
grep -qxE 'visited 0 (4|8|12|16) .*Connection timed out.*' "$tmp/seen" ||
	changed "the client with a visitor has all its samples, or another error"
