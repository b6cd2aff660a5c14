#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# FunctionFS: what io_uring reads from an endpoint cannot be cancelled.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): io_uring, FunctionFS on dummy_hcd.
# Seen:     a read from an endpoint, to which the host sends nothing. A cancel by the request's
#           number is ENOENT, "there is no such request", and so is one of all requests of this
#           file; the read goes on. When the host sends at last, the request that does not
#           exist completes with the bytes. On an empty pipe both cancels work (-ECANCELED for
#           the read, 0 and 1 for the cancels). A read of the older asynchronous I/O from the
#           endpoint is stopped by io_cancel().
# Expected: what the pipe does, and at worst EALREADY, which io_uring has for what is under way
#           and cannot be stopped. FunctionFS can stop a transfer, and has a hook for that,
#           which only the older asynchronous I/O knows. To FunctionFS a request of io_uring is
#           asynchronous as well: it is handed to the USB controller, io_uring's thread is done
#           with it, and nobody remembers it until it completes. So neither a time limit by a
#           linked timeout nor an orderly end is to be had for it, its buffer must stay, and
#           the bytes that come much later are taken by a request that was given up.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_functionfs
add_io_uring
cat >"$root/test.py" <<'END'
import ctypes, os
from uring import *
from usb import *

ALL_OF_A_FILE = 1 << 0 | 1 << 1

def cancel_aio():
    """the error of io_cancel(), and what the read's event says"""
    context, event = ctypes.c_ulong(), ctypes.create_string_buffer(32)
    request = ctypes.create_string_buffer(struct.pack(
        '<QIIHhIQQqQII', 1, 0, 0, 0, 0, from_host, ctypes.addressof(other_buffer), 512, 0, 0, 0, 0))
    aio = ctypes.CDLL(None, use_errno=True).syscall
    aio(206, 1, ctypes.byref(context))
    aio(209, context, 1, ctypes.byref(ctypes.pointer(request)))
    time.sleep(1)
    aio(210, context, request, event)
    error = ctypes.get_errno()
    found = aio(208, context, 0, 1, event, struct.pack('QQ', 5, 0))
    return errno.errorcode.get(error), found, struct.unpack('<QQqq', event)[2]

control, to_host, from_host = open_function(0)
connect(control)
host = Host()
pipe, other_end = os.pipe()
buffer, other_buffer = (ctypes.create_string_buffer(512) for _ in range(2))
for name, fd in ('pipe', pipe), ('endpoint', from_host):
    print(name)
    ring = Ring()
    ring.submit(1, READ, fd, ctypes.addressof(buffer), 512)
    print('read:', ring.results(1))
    ring.submit(2, CANCEL, -1, 1)
    print('cancel by number:', ring.results(1))
    if name == 'pipe':
        ring.submit(1, READ, fd, ctypes.addressof(buffer), 512)
    ring.submit(3, CANCEL, fd, operation_flags=ALL_OF_A_FILE)
    print('cancel by file:', ring.results(1))
print('older asynchronous read:', *cancel_aio())
print('host: sent', host.send(b'late'))
print('late:', ring.results(1), buffer.raw[:4])
END
cat >"$tmp/expected" <<'END'
pipe
read: {}
cancel by number: {2: 0, 1: -125}
cancel by file: {3: 1, 1: -125}
endpoint
read: {}
cancel by number: {2: -2}
cancel by file: {3: 0}
older asynchronous read: EINPROGRESS 1 -104
host: sent 4
late: {1: 4} b'late'
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
