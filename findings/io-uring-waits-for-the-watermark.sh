#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# io_uring: a read from IIO's buffer waits for the watermark, where read() does not.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): io_uring, and IIO's buffer of the
#           kernel's own driver of the LPS22HB on its i2c-stub.
# Seen:     a watermark of 10 samples, 4 samples in the buffer. read() of two has them at once,
#           and so has io_uring's read when the file is O_NONBLOCK. Without O_NONBLOCK
#           io_uring's read of two does not end, with IOSQE_ASYNC neither; not with 9 samples,
#           but with the 10th, and then it has the two oldest.
# Expected: what read() does. IIO's read() waits for the samples that it was asked for, or for
#           the watermark, whichever is less; poll() cannot know how many one wants and waits
#           for the watermark. io_uring does not know a device's way of waiting, so it asks
#           poll() first, and only then reads. So a program whose reads are shorter than the
#           watermark (the last ones of a capture, a look at the first sample) gets them later
#           when it turns from read() to io_uring, and never if the source stops before; the
#           flag that is for not waiting at all makes the same reads immediate.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_triggered_sensor
add_python
add_io_uring
cat >"$root/test" <<'END'
. /sensor
echo 1 >$sensor/scan_elements/in_pressure_en
echo 32 >$sensor/buffer/length
echo 10 >$sensor/buffer/watermark
echo 1 >$sensor/buffer/enable
python3 -u /test.py
END
cat >"$root/test.py" <<'END'
import ctypes, errno, os
from uring import *

SIZE = 4
ASYNC = 1 << 4
folder = '/sys/bus/iio/devices/'

def available():
    with open(folder + 'iio:device0/buffer/data_available') as file:
        return int(file.read())

def tick(samples):
    """so many more"""
    for _ in range(samples):
        before = available()
        with open(folder + 'trigger0/trigger_now', 'w') as file:
            file.write('1')
        for _ in range(1000):
            if available() != before:
                break
            time.sleep(0.01)

def empty():
    while available():
        os.read(fd, SIZE)

fd = os.open('/dev/iio:device0', os.O_RDONLY)
tick(4)
print('read:', len(os.read(fd, 2 * SIZE)), 'left', available())
for name, blocking, flags in ('O_NONBLOCK', False, 0), ('plain', True, 0), ('IOSQE_ASYNC', True, ASYNC):
    empty()
    tick(4)
    os.set_blocking(fd, blocking)
    ring = Ring()
    buffer = ctypes.create_string_buffer(2 * SIZE)
    ring.submit(1, READ, fd, ctypes.addressof(buffer), 2 * SIZE, flags)
    print(name, ring.results(2), 'left', available())
    if blocking:
        tick(5)
        print('9 samples:', ring.results(2), 'left', available())
        tick(1)
        print('10 samples:', ring.results(2), 'left', available())
END
cat >"$tmp/expected" <<'END'
read: 8 left 2
O_NONBLOCK {1: 8} left 2
plain {} left 4
9 samples: {} left 9
10 samples: {1: 8} left 8
IOSQE_ASYNC {} left 4
9 samples: {} left 9
10 samples: {1: 8} left 8
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
