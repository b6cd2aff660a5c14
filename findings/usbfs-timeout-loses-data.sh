#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# usbfs: a bulk read that times out throws away what had arrived.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): usbfs, FunctionFS on dummy_hcd.
# Seen:     the device writes 512 bytes, and then nothing. The host reads 1024 with
#           USBDEVFS_BULK and a time limit: ETIMEDOUT, and its buffer is untouched. The
#           device's write() was done in full, for it the bytes are at the host. The next read
#           of the host gets the device's next bytes; the first 512 come never. The same as a
#           URB (USBDEVFS_SUBMITURB), which the host cancels after the same time: 512 bytes in
#           its buffer, and actual_length says so.
# Expected: the bytes that are there and their number, as from a read() of a serial line or of
#           a socket with a time limit; or else that nothing was taken, so that another try
#           gets them. The kernel's own usb_bulk_msg() gives its caller both the error and the
#           length; the ioctl has room for one of them in what it returns and then skips the
#           copy as well. A loop of "read up to so much, for at most so long" works as long as
#           each answer of the device fills the buffer or ends with a short packet, and loses
#           the others, without a gap that either side can see. libusb is built on URBs and
#           does not.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_functionfs
cat >"$root/test.py" <<'END'
import ctypes, os, struct, time
from usb import *

def use_ioctl(host):
    buffer = ctypes.create_string_buffer(b'-' * 1024, 1024)
    print('ioctl:', attempt(host.transfer, TO_HOST, buffer, 1000), buffer.raw[:8], buffer.raw[504:520])

def use_urb(host):
    ioctl = ctypes.CDLL(None, use_errno=True).ioctl
    buffer = ctypes.create_string_buffer(b'-' * 1024, 1024)
    form = '<BBxxiIxxxxQ5iIQ'
    urb = ctypes.create_string_buffer(struct.pack(
        form, 3, TO_HOST, 0, 0, ctypes.addressof(buffer), 1024, 0, 0, 0, 0, 0, 0))
    submit = ioctl(host.fd, 0x8038550a, urb)
    time.sleep(1)
    cancel = ioctl(host.fd, 0x550b, urb)
    reap = ioctl(host.fd, 0x4008550c, ctypes.byref(ctypes.c_void_p()))
    print('urb:', submit, cancel, reap, 'length', struct.unpack_from(form, urb)[6],
          buffer.raw[:8], buffer.raw[504:520])

control, to_host, from_host = open_function(0)
connect(control)
host = Host()
for read, data in (use_ioctl, b'a'), (use_urb, b'b'):
    device = Meanwhile(os.write, to_host, data * 512)
    read(host)
    print('device: wrote', device.end())
    device = Meanwhile(os.write, to_host, data.upper() * 512)
    print('next:', host.receive(512)[:8])
    device.end()
END
cat >"$tmp/expected" <<'END'
ioctl: ETIMEDOUT b'--------' b'----------------'
device: wrote 512
next: b'AAAAAAAA'
urb: 0 0 0 length 512 b'bbbbbbbb' b'bbbbbbbb--------'
device: wrote 512
next: b'BBBBBBBB'
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
