#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the IIO DMABUF tests that lie beside this script. Prints one KTAP
# document, in which each program is a test and its tests are the subtests, and
# last of all the totals. The arguments go to every program: patterns of the
# form fixture.test to run, or to leave out after -x.
#
# Exit status: 0 if nothing failed, 1 if something did, 4 if nothing ran.

dir=$(cd "$(dirname "$0")" && pwd) || exit 1
sums=$(mktemp) || exit 1
trap 'rm -f "$sums"' EXIT

# Indents the results of a program and leaves "passed failed skipped" and the
# names of the failures in $1. Without a result a test has failed: the program
# then died, or the kernel did not let go of it.
collect() {
	awk -v sums="$1" '
	/^exit status / { status = $3; next }
	/^#  RUN /	{ name = $3 }
	/^1\.\.[0-9]+/	{ plan = substr($1, 4) + 0 }
	/^not ok /	{ failed++; failures = failures " " name }
	/^ok .*# SKIP/	{ skipped++ }

	# What the harness calls the statuses 2 and 3 of a test that ends by itself. None of
	# ours does so on purpose.
	/^ok .*# X(FAIL|PASS)/ { failed++; failures = failures " " name; ok-- }
	/^ok /		{ ok++ }

	# Older harnesses do not say which test it was that they skipped.
	/^ok [0-9]+ # SKIP/ { sub(/# SKIP/, name " # SKIP") }
			{ print "  " $0; fflush() }

	END {
		passed = ok - skipped
		missing = plan - ok - failed
		if (missing > 0) {
			print "  # " missing " tests without a result"
			failed += missing
			failures = failures " " name "..."
		} else if (!failed && status != 0 && status != 4) {
			print "  # exit status " status
			failed++
		}
		print passed + 0, failed + 0, skipped + 0, failures > sums
	}'
}

passed=0
failed=0
skipped=0
failures=
n=0

count=0
for prog in "$dir"/iio_dmabuf*_test; do
	[ ! -x "$prog" ] || count=$((count + 1))
done
echo "TAP version 13"
echo "1..$count"

for prog in "$dir"/iio_dmabuf*_test; do
	[ -x "$prog" ] || continue
	n=$((n + 1))
	{ "$prog" "$@" 2>&1; echo "exit status $?"; } | collect "$sums"
	read -r p f s names <"$sums"

	result=ok
	[ "$f" -eq 0 ] || result="not ok"
	directive=
	[ $((p + f)) -gt 0 ] || directive=" # SKIP nothing ran"
	echo "$result $n ${prog##*/}$directive"

	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
	failures="$failures $names"
done

for name in $failures; do
	echo "# failed: $name"
done
echo "$passed passed, $failed failed, $skipped skipped"

[ "$failed" -eq 0 ] || exit 1
[ "$passed" -gt 0 ] || exit 4
