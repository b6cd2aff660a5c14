# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# shellcheck disable=SC3043,SC3045,SC2154 # busybox has "local" and "read -t"; variables of the host
#
# What ci/check-peer and ci/check-proofs run in the guest, with /etc/guest.sh read in. The host
# sets (see peer.sh):
#
#   programs, only, first, modules
#   skip        number of tests that earlier guests have run
#   limit       seconds that a test may take
#   locks       0 if lockdep is not to look
#
# All that the host needs is in the kernel log, in order with what the kernel says: a
# line before each test and one with its result. A test that has no second line took the
# guest with it.

say() {
	echo "peer: $*"
	echo "peer: $*" >/dev/kmsg
}

# selected TEST
selected() {
	local pattern

	[ -n "$only" ] || return 0
	for pattern in $only; do
		# shellcheck disable=SC2254 # a pattern
		case $1 in
		$pattern) return 0 ;;
		esac
	done
	return 1
}

list_tests() {
	local program test

	for program in $programs; do
		for test in $("/tests/$program" -l); do
			! selected "$test" || echo "$program $test"
		done
	done >/tmp/list
	grep " $first\$" /tmp/list
	grep -v " $first\$" /tmp/list
}

# verdict LOG STATUS: of the variants of one test, the worst one counts.
verdict() {
	if [ "$2" -ne 0 ] || grep -q '^not ok ' "$1"; then
		echo fail
	elif grep '^ok ' "$1" | grep -qv '# SKIP'; then
		echo ok
	else
		echo skip
	fi
}

# In the background, because not even SIGKILL ends what sleeps in the kernel for good.
run_test() {
	local status

	(
		status=0
		setsid "/tests/$1" "$2" >/tmp/log 2>&1 || status=$?
		echo $status >&3
	) &
	if read -r -t "$limit" status <&3; then
		result=$(verdict /tmp/log "$status")
	else
		result=hang
	fi
}

# After a failure: are both modes still there?
device_works() {
	run_test iio_dmabuf_test attach.disabled_after_read_works
	[ "$result" = ok ]
}

# Not after a use of freed memory that KASAN saw (TAINT_BAD_PAGE): what else is in ruins
# there shows in tests that have nothing to do with it.
memory_is_sound() {
	[ $(($(cat /proc/sys/kernel/tainted) & 32)) -eq 0 ]
}

run_tests() {
	local number=0 program test

	list_tests >/tmp/tests
	while read -r program test; do
		number=$((number + 1))
		[ $number -gt "$skip" ] || continue
		say "begin $number $test"
		run_test "$program" "$test"
		cat /tmp/log
		say "end $number $result"
		[ "$result" != hang ] && memory_is_sound || return 1
		[ "$result" != fail ] || device_works || return 1
	done </tmp/tests
}

# Looked for last: what is left behind shows once nobody uses it any more. Not mappings:
# by then DMA_API_DEBUG has given up, as the tests make its allocations fail.
find_leaks() {
	say "begin 9999 leaks"
	if leak_check --no-mappings; then result=ok; else result=fail; fi
	say "end 9999 $result"
}

# What looks for leaks by itself, every ten minutes, costs more than the tests; find_leaks looks.
echo scan=off >/sys/kernel/debug/kmemleak
[ "$locks" = 1 ] || echo 0 >/proc/sys/kernel/prove_locking
for module in $modules; do
	insmod "/modules/$module.ko"
done
mkfifo /tmp/status && exec 3<>/tmp/status
load_dummies
case $programs in
*usb_*) load_usb ;;
esac
if run_tests; then
	[ -n "$only" ] || find_leaks
	say "all done"
fi
