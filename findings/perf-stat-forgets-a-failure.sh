#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# perf stat -r: a run that fails is counted like the others, and its status is forgotten.
#
# Software: linux-perf 6.1.176-1 (Debian bookworm), 7.3.4-1~bpo13+1 (trixie-backports).
# Seen:     "perf stat -r 4" of a program that fails at once in its first three runs (status 3)
#           and works for half a second in the fourth. perf's status is 0, it says "(4 runs)",
#           and the mean is a third of what the only complete run took, without a word of how
#           it came about. If only the last run fails, the status is 3.
# Expected: that perf stops at a failed run, or leaves it out and says so, or at least ends
#           with a status of its own, as its status without -r is the program's. With -r it is
#           that of the last run, and nothing keeps the others'. So the check of the status,
#           which a careful benchmark has, tests one run of N; a program that finds its device
#           busy now and then looks faster than it is, and only the spread shows that something
#           is wrong.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_all bookworm "$tmp/old" linux-perf=6.1.176-1
unpack_all trixie-backports "$tmp/new" linux-perf=7.3.4-1~bpo13+1

cat >"$tmp/program" <<'END'
#!/bin/sh
# runs that fail are a letter of the first argument
runs=$(cat runs)
echo "${runs#?}" >runs
case $runs in
f*) exit 3 ;;
esac
sleep 0.5
END
chmod 755 "$tmp/program"

cd "$tmp"
# measure DIR RUNS: RUNS has an f for each that fails, and an o for the others. The event
# is one that needs no right.
measure() {
	printf '%s\n' "$2" >runs
	status=0
	within "$1" perf stat -r "${#2}" -e duration_time -o said ./program || status=$?
	((status != 124)) || untried "the machine is too slow"
	mean=$(sed -n 's/^ *\([0-9.]*\) +- .* seconds time elapsed.*/\1/p' said)
	[[ -n $mean ]] || changed "${1##*/}: no mean: $(cat said)"
	mean=$(awk -v mean="$mean" 'BEGIN { printf "%d", mean * 1000 }')
}

for dir in "$tmp/old" "$tmp/new"; do
	measure "$dir" fffo
	((status == 0)) || changed "${dir##*/}: status $status after three failed runs: $(cat said)"
	((mean > 125 && mean < 375)) || changed "${dir##*/}: mean $mean ms: $(cat said)"
	grep -q "(4 runs):" said || changed "${dir##*/}: $(cat said)"
	! grep -qiE 'fail|status|exit' said || changed "${dir##*/}: $(cat said)"
	measure "$dir" ooof
	((status == 3)) || changed "${dir##*/}: status $status when the last run failed: $(cat said)"
	((mean > 375)) || changed "${dir##*/}: mean $mean ms: $(cat said)"
done
