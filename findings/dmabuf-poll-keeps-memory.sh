#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A poll() that does not wait keeps a dma-buf alive beyond close() and the end of its process.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): dma-buf, system heap, vgem.
# Seen:     64 MiB of the system heap, and a pending fence in it (the buffer is being
#           written). Closed, the memory is free at once, pending or not. But after one poll()
#           with a time of 0, which says "not ready", the close frees nothing: debugfs still
#           lists the buffer, the 64 MiB are missing, and no process has a descriptor or a
#           mapping. So it is too when the process that polled ends. The memory is free
#           when the fence signals.
# Expected: that poll() leaves nothing behind when it returns, as it does on every other
#           file; and that the last close frees a buffer that nobody else uses, as it does
#           without the poll(). On a dma-buf poll() sets a callback on the first pending
#           fence, and a reference to the buffer with it, which stays when the waiting is over
#           or never began. A program that looks once at each buffer before it
#           drops them ("anything left?") has freed none of them, and a new start of it may
#           find no memory as long as the hardware of the fence is not done.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_guest drm drm_kms_helper drm_shmem_helper vgem
add_python
cat >"$root/test" <<'END'
python3 -u /test.py
END
cat >"$root/test.py" <<'END'
import os, select, time
from buffers import *

SIZE = 64 << 20

def listed():
    with open('/sys/kernel/debug/dma_buf/bufinfo') as file:
        return int(file.read().split()[-2])

def free():
    with open('/proc/meminfo') as file:
        return [int(line.split()[1]) << 10 for line in file if line.startswith('MemFree:')][0]

def say(what):
    missing = before - free()
    print(what, 'listed' if listed() >= SIZE else 'not listed',
          'missing' if missing > SIZE * 3 // 4 else 'free' if missing < SIZE // 4 else missing, sep=', ')

def use(fd, polls):
    publish(fd, WRITE, fence.file)
    if polls:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        print('poll:', poll.poll(0))
    say('used')
    os.close(fd)

def use_in_a_process(fd):
    pid = os.fork()
    if pid == 0:
        use(fd, True)
        os._exit(0)
    os.close(fd)
    os.waitpid(pid, 0)

for what, run in (('no poll', lambda fd: use(fd, False)), ('poll', lambda fd: use(fd, True)),
                  ('poll in a process', use_in_a_process)):
    print(what)
    before = free()
    fd = allocate(SIZE)
    fence = Fence()
    run(fd)
    say('closed')
    print('fence:', 'pending' if pending(fence.file) else 'signalled')
    fence.signal()
    time.sleep(0.5)
    say('signalled')
END
cat >"$tmp/expected" <<'END'
no poll
used, listed, missing
closed, not listed, free
fence: pending
signalled, not listed, free
poll
poll: []
used, listed, missing
closed, listed, missing
fence: pending
signalled, not listed, free
poll in a process
poll: []
used, listed, missing
closed, listed, missing
fence: pending
signalled, not listed, free
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
