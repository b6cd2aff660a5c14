#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A USB gadget's IDs and strings can be changed in use; a reset by the host makes it another device.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): the gadget's configfs, FunctionFS,
#           and a host on dummy_hcd.
# Seen:     the gadget is bound to its UDC and the host uses it. idProduct, the serial number
#           and a configuration's MaxPower are written in configfs: no error. The host's
#           sysfs keeps the old ones, and a request of the host for the descriptors has the new
#           ones from then on. When the host resets the device, that ends with ENODEV, and the
#           host finds a device of the new number, serial number and power. The gadget was
#           bound all the time. Another function for the configuration is refused (EINVAL),
#           which can be linked before.
# Expected: EBUSY, or that it counts from the next bind on: UDC is what puts a gadget into
#           effect, and the functions of one that is bound are fixed. A script that prepares the
#           folder for the next start seems to do no harm; but a reset is what host programs do
#           after a transfer that failed, and it comes back with a device that their rules for
#           product and serial number do not know.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_functionfs
# shellcheck disable=SC2016 # the guest expands it
sed -i '/idProduct/a mkdir $gadget/strings/0x409; echo first >$gadget/strings/0x409/serialnumber' "$root/test"
cat >"$root/test.py" <<'END'
import time
from usb import *

gadget = '/sys/kernel/config/usb_gadget/gadget/'

def write(name, value):
    with open(gadget + name, 'w') as file:
        file.write(value)

def descriptor(value, language, size):
    buffer = ctypes.create_string_buffer(size)
    length = fcntl.ioctl(host.fd, 0xc0185500, bytearray(struct.pack(
        'BBHHHIxxxxQ', 0x80, 6, value, language, size, 5000, ctypes.addressof(buffer))))
    return buffer.raw[:length]

def say(when):
    device = descriptor(0x100, 0, 18)
    print(when, 'request:', '%04x' % struct.unpack_from('<H', device, 10),
          descriptor(0x300 | device[16], 0x409, 255)[2:].decode('utf-16'),
          '%dmA' % (descriptor(0x200, 0, 9)[8] * 2))
    say_sysfs(when)

def say_sysfs(when):
    print(when, 'sysfs:', *(open('/sys/bus/usb/devices/1-1/' + name).read().strip()
                            for name in ('idProduct', 'serial', 'bMaxPower')))

def number():
    try:
        return open('/sys/bus/usb/devices/1-1/devnum').read()
    except OSError:
        return ''

other = gadget + 'functions/ffs.other', gadget + 'configs/c.1/other'
os.mkdir(other[0])
os.symlink(*other)
os.remove(other[1])
files = open_function(0)
connect(files[0])
host = Host()
say('before')
write('idProduct', '0x0105')
write('strings/0x409/serialnumber', 'second')
write('configs/c.1/MaxPower', '100')
print('function:', attempt(os.symlink, *other))
say('after')
first = number()
print('reset:', attempt(fcntl.ioctl, host.fd, 0x5514))
for _ in range(300):
    time.sleep(0.1)
    if number() not in ('', first) and os.path.exists('/sys/bus/usb/devices/1-1:1.0'):
        break
say_sysfs('reset')
print('bound:', open(gadget + 'UDC').read().strip())
END
cat >"$tmp/expected" <<'END'
before request: 0104 first 2mA
before sysfs: 0104 first 2mA
function: EINVAL
after request: 0105 second 100mA
after sysfs: 0104 first 2mA
reset: ENODEV
reset sysfs: 0105 second 100mA
bound: dummy_udc.0
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
