# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the tests in the guest have in common: functions that are tests, by their names, and
# the KTAP of them. Sourced. after_each is the caller's.

number=0 failed=0
work=$(mktemp -d)

# check FUNCTION
check() {
	number=$((number + 1))
	if "$1" >"$work/log" 2>&1; then
		echo "ok $number ${0##*/}.$1"
	else
		echo "not ok $number ${0##*/}.$1"
		sed 's/^/# /' "$work/log"
		failed=1
	fi
	after_each
}

# status WANTED COMMAND...
status() {
	wanted=$1
	shift
	"$@"
	got=$?
	[ $got = "$wanted" ] || { echo "$*: status $got, not $wanted"; return 1; }
}

# run_tests FUNCTION...: does not return
run_tests() {
	echo "KTAP version 1"
	for test; do
		check "$test"
	done
	echo "1..$number"
	rm -r "$work"
	exit $failed
}
