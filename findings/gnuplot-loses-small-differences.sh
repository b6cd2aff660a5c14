#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# gnuplot: the difference of two large integers is 0.0 when it is small.
#
# Software: gnuplot-nox 5.4.4+dfsg1-2+b2 (Debian bookworm), 6.0.2+dfsg1-1 (trixie).
# Seen:     five timestamps as IIO has them, integer nanoseconds since 1970, each 100 ns after
#           the one before. The differences of neighbours are 0.0, 100, 0.0, 100. So are a - b
#           and a + (-b). The integers are exact: they print with all digits, a + 1 is right,
#           the difference over 200 ns is 200, and with the remainders, (a % 10**9) - (b %
#           10**9), each is 100. Read from a file with "using ($1 - START)" the five are 0, 0,
#           256, 256, 512.
# Expected: for the column a rounded number, for who knows that gnuplot reads files as floating
#           point (of which 2^60 and more has a grain of 256); but for integers 100 each time:
#           gnuplot has had 64 bits since 5.4, and these are four times below the limit. It
#           guards against overflow by comparing the sign of the difference with that of the
#           same difference in floating point. Where both numbers round to the same one, that
#           is zero, passes for an overflow, and takes the place of the right result. Larger
#           differences are exact, so a first look finds nothing wrong, and a plot of the
#           intervals shows a jitter that neither the file nor the device has.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_all bookworm "$tmp/old" gnuplot-nox=5.4.4+dfsg1-2+b2
unpack_all trixie "$tmp/new" gnuplot-nox=6.0.2+dfsg1-1

export HOME=$tmp
cat >"$tmp/script" <<'END'
array stamp[5] = [1795932194123456000, 1795932194123456100, 1795932194123456200, 1795932194123456300, 1795932194123456400]
print stamp[2], stamp[1] + 1
do for [i=2:5] {
	a = stamp[i]
	b = stamp[i - 1]
	print a - b, a + (-b), (a % 10**9) - (b % 10**9)
}
print stamp[3] - stamp[1], stamp[4] - stamp[2]
set print $stamps
do for [i=1:5] {
	print stamp[i]
}
set table $seen
plot $stamps using ($1 - stamp[1])
unset table
set print
print $seen
END
cat >"$tmp/expected" <<'END'
1795932194123456100 1795932194123456001
0.0 0.0 100
100 100 100
0.0 0.0 100
100 100 100
200 200
0 0
1 0
2 256
3 256
4 512
END
for dir in "$tmp/old" "$tmp/new"; do
	within "$dir" gnuplot-nox "$tmp/script" >"$tmp/said" 2>&1 || changed "${dir##*/}: gnuplot fails: $(cat "$tmp/said")"
	sed -e '/^ *#/d; /^ *$/d; s/^ *//; s/ *i *$//; s/  */ /g' "$tmp/said" >"$tmp/seen"
	difference=$(diff "$tmp/expected" "$tmp/seen") || changed "${dir##*/}: $difference"
done
