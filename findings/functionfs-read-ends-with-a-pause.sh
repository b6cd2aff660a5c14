#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# FunctionFS: stopping and continuing a program ends its read(), and what had arrived is lost.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): FunctionFS on dummy_hcd.
# Seen:     a program waits in read() of 4096 bytes from a bulk endpoint; the host sends a full
#           packet of 512 bytes, which is not the end of a transfer. Then SIGSTOP and SIGCONT,
#           for which the program has no handler: read() is EINTR, and the 512 bytes, which the
#           host has been told are delivered, are in no later read. So with a handler that has
#           SA_RESTART. Left alone, the same read() has 512 + 4 bytes when the host sends 4
#           more. A read() of a pipe goes on waiting in both cases.
# Expected: that read() goes on, as it does with nearly all files: without a handler no program
#           reckons with EINTR, and SA_RESTART is there to be spared it. Or else that it
#           returns the 512 bytes. Control-Z and fg is all it takes; and a program that tries
#           again after EINTR, as Python's os.read() does of its own accord, goes on with a hole
#           in its stream.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_functionfs
cat >"$root/test.py" <<'END'
import signal, time
from usb import *

libc = ctypes.CDLL(None, use_errno=True)

class Reader:
    """a process that reads; libc's read(), as Python's tries again after EINTR"""
    def __init__(self, fd):
        self.pipe, answer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda number: None)
            libc.signal(signal.SIGUSR1, handler) # with SA_RESTART
            buffer = ctypes.create_string_buffer(4096)
            length = libc.read(fd, buffer, 4096)
            text = errno.errorcode[ctypes.get_errno()] if length < 0 else str(length)
            os.write(answer, text.encode())
            os._exit(0)
        os.close(answer)
        time.sleep(1)

    def result(self):
        return os.read(self.pipe, 99).decode() if select.select([self.pipe], [], [], 2)[0] else 'waits'

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

def disturb(pid, how):
    for number in how:
        os.kill(pid, number)
        time.sleep(0.5)

control, to_host, from_host = open_function(0)
connect(control)
host = Host()
idle = os.pipe()
for name, how in ('nothing', ()), ('stopped', (signal.SIGSTOP, signal.SIGCONT)), ('handler', (signal.SIGUSR1,)):
    pipe = Reader(idle[0])
    disturb(pipe.pid, how)
    print(name, 'pipe:', pipe.result())
    pipe.end()
    reader = Reader(from_host)
    print(name, 'sent:', host.send(b'a' * 512))
    disturb(reader.pid, how)
    print(name, 'read:', reader.result())
    after = reader
    if how:
        reader.end()
        after = Reader(from_host)
    print(name, 'sent:', host.send(b'b' * 4))
    print(name, 'then:', after.result())
    after.end()
END
cat >"$tmp/expected" <<'END'
nothing pipe: waits
nothing sent: 512
nothing read: waits
nothing sent: 4
nothing then: 516
stopped pipe: waits
stopped sent: 512
stopped read: EINTR
stopped sent: 4
stopped then: 4
handler pipe: waits
handler sent: 512
handler read: EINTR
handler sent: 4
handler then: 4
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
