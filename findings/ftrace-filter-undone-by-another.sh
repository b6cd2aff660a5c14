#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ftrace: a filter that does not fit an event takes away the filter that the event has.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): event tracing.
# Seen:     sched:sched_process_exec has a filter that lets through one of two programs.
#           Written to the file "filter" of the event, a filter with a mistyped field is
#           refused (EINVAL), and afterwards both programs are recorded. Written to the file of
#           the whole subsystem "sched", a filter by a field that only sched_switch has is
#           taken (status 0), and sched_process_exec records both programs again. So does one
#           by a field that no event has: status 0 as well. The event's file then has the text
#           that did not fit, with a line of what is wrong with it.
# Expected: that a write that fails changes nothing, as in the file "trigger" next to it; and
#           of the subsystem's what its file says itself: "Only events with the given fields
#           will be affected. If no events are modified, an error message will be displayed
#           here". The kernel keeps the text in the event to show the error with it, for which
#           it lets go of the filter that worked, and then switches filtering off, not
#           recording. Who adjusts the filter of a running trace, and believes the status, has
#           from then on everything in the ring buffer, which pushes out what was asked for.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_guest
cat >"$root/test" <<'END'
mount -t tracefs tracefs /sys/kernel/tracing
cd /sys/kernel/tracing
event=events/sched/sched_process_exec

# write TEXT FILE: and what became of it
write() {
	if echo "$1" 2>/dev/null >$2; then
		echo "$2: taken"
	else
		echo "$2: refused"
	fi
}

# what is recorded of two programs
record() {
	echo >trace
	echo 1 >$event/enable
	/bin/date >/dev/null
	/bin/uname >/dev/null
	echo 0 >$event/enable
	echo "recorded:" $(grep -o 'filename=[^ ]*' trace)
}

good='filename == "/bin/uname"'
write "$good" $event/filter
record
write 'filenam == "/bin/uname"' $event/filter
record
for field in prev_pid filenam; do
	write "$good" $event/filter
	record
	write "$field == 1" events/sched/filter
	record
done
grep . $event/filter
grep '^# [OI]' events/sched/filter
write "traceoff if $good" $event/trigger
write 'traceoff if filenam == 1' $event/trigger
cat $event/trigger
END
cat >"$tmp/expected" <<'END'
events/sched/sched_process_exec/filter: taken
recorded: filename=/bin/uname
events/sched/sched_process_exec/filter: refused
recorded: filename=/bin/date filename=/bin/uname
events/sched/sched_process_exec/filter: taken
recorded: filename=/bin/uname
events/sched/filter: taken
recorded: filename=/bin/date filename=/bin/uname
events/sched/sched_process_exec/filter: taken
recorded: filename=/bin/uname
events/sched/filter: taken
recorded: filename=/bin/date filename=/bin/uname
filenam == 1
^
parse_error: Couldn't find or set field in one of a subsystem's events
# Only events with the given fields will be affected.
# If no events are modified, an error message will be displayed here
events/sched/sched_process_exec/trigger: taken
events/sched/sched_process_exec/trigger: refused
traceoff:unlimited if filename == "/bin/uname"
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
