#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A sync file that is exported when the work is done says it was done when the machine started.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): dma-buf, sync_file, vgem.
# Seen:     a fence in a dma-buf signals. SYNC_IOC_FILE_INFO of a sync file that was exported
#           from the dma-buf before has the time of the signal. That of one that is exported
#           from the same dma-buf afterwards has a time before the dma-buf was there, and the
#           program: that of the kernel's start. So has the sync file of a dma-buf that nobody
#           ever used; all of them have the very same nanosecond. Merged from two sync files
#           that have signalled, a new one has the right time, the later one.
# Expected: the time of the last work for the dma-buf that was used, and for the other one the
#           time of the export, or zero. An export leaves out the fences that have signalled,
#           and when none is left it takes the one signalled fence that the kernel made for all
#           at its start. The status, "signalled", is right; the time is a valid time in the
#           right clock that has nothing to do with the buffer. Who measures latencies by these
#           times has right ones as long as the hardware is slower than the program, and
#           minutes or days when it was quicker.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_guest drm drm_kms_helper drm_shmem_helper vgem
add_python
cat >"$root/test" <<'END'
python3 -u /test.py
END
cat >"$root/test.py" <<'END'
import ctypes, struct, time
from buffers import *

FENCE = '32s32siIQ'

def done(sync_file):
    """when its only fence signalled"""
    fence = ctypes.create_string_buffer(struct.calcsize(FENCE))
    status, _, fences = ioctl(sync_file, 3, '>', 4, '32siIIIQ', b'', 0, 0, 1, 0, ctypes.addressof(fence))[1:4]
    if (status, fences) != (1, 1):
        print('status', status, 'with', fences, 'fences')
    return struct.unpack(FENCE, fence)[4]

def merge(one, other):
    return ioctl(one, 3, '>', 3, '32siiII', b'', other, -1, 0, 0)[2]

def say(what, time):
    print(what, 'before the program' if time < start else
          'at the first signal' if first[0] <= time <= first[1] else
          'at the second signal' if second[0] <= time <= second[1] else 'else')

def signal(fence):
    time.sleep(0.1)
    before = time.monotonic_ns()
    fence.signal()
    after = time.monotonic_ns()
    time.sleep(0.1)
    return before, after

start = time.monotonic_ns()
used, unused = allocate(4096), allocate(4096)
fence, other = Fence(), Fence()
publish(used, WRITE, fence.file)
early = export(used, READ)
first = signal(fence)
late = export(used, READ)
second = signal(other)
say('early:', done(early))
say('late:', done(late))
say('unused:', done(export(unused, READ)))
print('the same:', done(late) == done(export(unused, READ)) == done(export(allocate(4096), WRITE)))
say('other:', done(other.file))
say('merged:', done(merge(other.file, early)))
END
cat >"$tmp/expected" <<'END'
early: at the first signal
late: before the program
unused: before the program
the same: True
other: at the second signal
merged: at the second signal
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
