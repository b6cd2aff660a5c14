#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# FunctionFS: O_NONBLOCK on an endpoint blocks, and poll() says ready for ever.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): FunctionFS on dummy_hcd.
# Seen:     the two bulk endpoints of a function are open with O_NONBLOCK. Until the host has
#           configured the gadget, read() is EAGAIN. Afterwards read(), with nothing sent,
#           and write(), with nobody who takes it, sleep until a signal. A second reader gets
#           EAGAIN while the first one sleeps. poll() says readable and writable for each
#           endpoint all the time, epoll refuses both (EPERM). ep0 in the same folder obeys:
#           select() waits for an event, no event is EAGAIN, and epoll takes it.
# Expected: EAGAIN, as this very file gave it a moment ago, and a poll() that waits, as in a
#           loop over sockets or over IIO's buffers. In FunctionFS O_NONBLOCK is for the wait
#           until the endpoint is there, and for the lock that readers share; the transfer
#           itself always sleeps. The endpoint has no poll(), for which the kernel answers
#           "ready" (and epoll "not possible"). So an event loop with the usual care looks
#           right as long as no host is there, and stands still with the first one that
#           has nothing to send. What remains is a thread for each endpoint, or AIO.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_guest usb-common usbcore udc-core dummy_hcd configfs libcomposite usb_f_fs
add_python
cat >"$root/test" <<'END'
mount -t configfs configfs /sys/kernel/config
gadget=/sys/kernel/config/usb_gadget/gadget
mkdir $gadget
echo 0x1d6b >$gadget/idVendor
echo 0x0104 >$gadget/idProduct
mkdir $gadget/functions/ffs.bulk $gadget/configs/c.1 /tmp/ffs
ln -s $gadget/functions/ffs.bulk $gadget/configs/c.1
mount -t functionfs bulk /tmp/ffs
python3 -u /test.py
END
cat >"$root/test.py" <<'END'
import ctypes, errno, fcntl, os, select, signal, struct, time

ENABLE = 2

class Alarm(Exception):
    pass

def alarm(*_):
    raise Alarm

def attempt(function, *arguments):
    signal.alarm(10)
    try:
        return function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    except Alarm:
        return 'sleeps'
    finally:
        signal.alarm(0)

def poll(fd):
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLOUT)
    return {0: 'nothing', select.POLLIN: 'in', select.POLLIN | select.POLLOUT: 'in and out'}[dict(poll.poll(0)).get(fd, 0)]

def epoll(fd):
    with select.epoll() as epoll:
        return attempt(epoll.register, fd)

def host_sends(data):
    """in another process, to endpoint 2 of the only device there"""
    device = '/sys/bus/usb/devices/1-1/'
    numbers = [int(open(device + name).read()) for name in ('busnum', 'devnum')]
    fd = os.open('/dev/bus/usb/%03d/%03d' % tuple(numbers), os.O_RDWR)
    fcntl.ioctl(fd, 0x8004550f, struct.pack('I', 0))
    buffer = ctypes.create_string_buffer(data, len(data))
    fcntl.ioctl(fd, 0xc0185502, struct.pack('IIIxxxxQ', 2, len(data), 1000, ctypes.addressof(buffer)))

signal.signal(signal.SIGALRM, alarm)
folder = '/tmp/ffs/'
control = os.open(folder + 'ep0', os.O_RDWR | os.O_NONBLOCK)
descriptors = b''
for size in 64, 512:
    descriptors += struct.pack('<9B', 9, 4, 0, 0, 2, 0xff, 0, 0, 1)
    for address in 0x81, 0x02:
        descriptors += struct.pack('<4BHB', 7, 5, address, 2, size, 0)
os.write(control, struct.pack('<5I', 3, 20 + len(descriptors), 3, 3, 3) + descriptors)
os.write(control, struct.pack('<4IH', 2, 20, 1, 1, 0x409) + b'x\0')
to_host, from_host = (os.open(folder + name, os.O_RDWR | os.O_NONBLOCK) for name in ('ep1', 'ep2'))

print('no host: read', attempt(os.read, from_host, 512))
with open('/sys/kernel/config/usb_gadget/gadget/UDC', 'w') as udc:
    udc.write('dummy_udc.0')
events = []
while ENABLE not in events and select.select([control], [], [], 60)[0]:
    events += os.read(control, 12 * 8)[8::12]
print('ep0: events', events)
print('ep0: poll', poll(control), 'read', attempt(os.read, control, 12), 'epoll', epoll(control))
print('host: read', attempt(os.read, from_host, 512), 'write', attempt(os.write, to_host, bytes(512)))
print('host: poll', poll(from_host), 'and', poll(to_host), 'epoll', epoll(from_host), epoll(to_host))
pid = os.fork()
if pid == 0:
    time.sleep(2)
    print('second reader:', attempt(os.read, from_host, 512))
    host_sends(b'data')
    os._exit(0)
print('first reader:', attempt(os.read, from_host, 512))
os.waitpid(pid, 0)
END
cat >"$tmp/expected" <<'END'
no host: read EAGAIN
ep0: events [0, 2]
ep0: poll nothing read EAGAIN epoll None
host: read sleeps write sleeps
host: poll in and out and in and out epoll EPERM EPERM
second reader: EAGAIN
first reader: b'data'
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
