#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# IIO: a read() that waits goes on when the buffer is switched off, and has the next capture's data.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): IIO's buffer of the kernel's own
#           driver of the LPS22HB (pressure of 24 bits, temperature of 16) on its i2c-stub.
# Seen:     before the first capture read() and an O_NONBLOCK read() have 0 bytes at once.
#           After a capture, when the buffer is off and empty, the same read() waits, and with
#           O_NONBLOCK it is EAGAIN. One that waits during a capture of pressures (4 bytes a
#           sample) does not end when the buffer is switched off. Then temperature is chosen
#           instead (2 bytes a sample), the buffer is switched on, and the read() that was
#           begun for pressures ends with temperatures.
# Expected: 0 bytes, the end of the data, whenever the buffer is off, as it is before the first
#           capture: nothing can come any more. Or an error for who waits. So "read until 0" is
#           a loop that ends on a fresh system only; a reader that another process has switched
#           off waits without a sign of it; and it takes the samples of that process's capture,
#           in another layout, for its own.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_triggered_sensor
add_python
cat >"$root/test" <<'END'
. /sensor
python3 -u /test.py
END
cat >"$root/test.py" <<'END'
import errno, os, select, threading, time

folder = '/sys/bus/iio/devices/'

def write(name, value):
    with open(folder + name, 'w') as file:
        file.write(str(value))

def choose(channel):
    for name in 'pressure', 'temp':
        write('iio:device0/scan_elements/in_%s_en' % name, int(name == channel))

def switch(on):
    write('iio:device0/buffer/enable', int(on))

def tick():
    write('trigger0/trigger_now', 1)
    if not select.select([fd], [], [], 10)[0]:
        print('no sample')

def read():
    try:
        return os.read(fd, 4).hex(' ')
    except OSError as error:
        return errno.errorcode[error.errno]

def read_now():
    os.set_blocking(fd, False)
    result = read()
    os.set_blocking(fd, True)
    return result

class Reader(threading.Thread):
    """a read() that may have to wait"""
    result = 'waits'

    def __init__(self):
        super().__init__(daemon=True)
        self.start()

    def run(self):
        self.result = read()

    def state(self):
        self.join(2)
        return self.result

fd = os.open('/dev/iio:device0', os.O_RDONLY)
print('before: [%s] [%s]' % (read_now(), Reader().state()))
choose('pressure')
switch(True)
tick()
print('on:', read())
reader = Reader()
print('on, empty:', read_now(), reader.state())
switch(False)
print('off:', read_now(), reader.state())
choose('temp')
switch(True)
print('on again:', reader.state())
write('trigger0/trigger_now', 1)
print('with a sample:', reader.state())
switch(False)
print('off, a new read:', read_now(), Reader().state())
END
cat >"$tmp/expected" <<'END'
before: [] []
on: 11 22 33 00
on, empty: EAGAIN waits
off: EAGAIN waits
on again: waits
with a sample: 44 55
off, a new read: EAGAIN waits
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
