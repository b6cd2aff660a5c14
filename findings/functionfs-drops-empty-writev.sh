#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# FunctionFS: write() of nothing sends an empty packet, writev() of nothing sends none.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): FunctionFS on dummy_hcd.
# Seen:     the host has a transfer of 1024 bytes open. The device sends 512, one full packet,
#           and closes the transfer with an empty one. With write() of 0 bytes, and with
#           io_uring's, the host's transfer ends with 512 bytes. With writev() of one empty
#           piece, or of none, and with pwritev2() it does not: they return 0 at once, as
#           write() does, and the host waits until its time is over.
# Expected: the same of all of them; what differs is where the bytes come from, and the result
#           is the same 0. An empty packet is how a bulk transfer ends that is a multiple of
#           the packet's size, so it is no exotic case. But write() hands the 0 bytes to the
#           driver, which sends a packet, and the kernel's writev() returns before it asks the
#           driver when the pieces add up to nothing. A function that gathers a head and a
#           payload with writev() works for all lengths up to the day when it ends a transfer
#           in the same way.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_functionfs
add_io_uring
cat >"$root/test.py" <<'END'
import os
from uring import *
from usb import *

def write_by_io_uring():
    ring = Ring()
    ring.submit(1, WRITE, to_host)
    return ring.results(1).get(1)

control, to_host, from_host = open_function(0)
connect(control)
host = Host()
for name, end in (('write', lambda: os.write(to_host, b'')),
                  ('io_uring', write_by_io_uring),
                  ('writev of an empty piece', lambda: os.writev(to_host, [b''])),
                  ('writev of no piece', lambda: os.writev(to_host, [])),
                  ('pwritev2', lambda: os.pwritev(to_host, [b''], -1))):
    transfer = Meanwhile(lambda: len(host.receive(1024, 4000)))
    os.write(to_host, bytes(512))
    print(name, 'device:', attempt(end), 'host:', transfer.end())
END
cat >"$tmp/expected" <<'END'
write device: 0 host: 512
io_uring device: 0 host: 512
writev of an empty piece device: 0 host: ETIMEDOUT
writev of no piece device: 0 host: ETIMEDOUT
pwritev2 device: 0 host: ETIMEDOUT
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
