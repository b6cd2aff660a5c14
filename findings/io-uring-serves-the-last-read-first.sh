#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# io_uring: of several reads that wait for IIO, the last one gets the first sample.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): io_uring, and IIO's buffer of the
#           kernel's own driver of the LPS22HB on its i2c-stub.
# Seen:     two reads of one sample each wait for the empty buffer, then come two samples, one
#           by one. The second read has the older sample and the first read the newer one, each
#           time. Of four the fourth has the oldest, and the others are in no order. No sample is
#           lost, and the reads complete by the age of what they have. A pipe does the same. If
#           the four are linked (IOSQE_IO_LINK), the first has the oldest, and so on.
# Expected: first come, first served, as with URBs, the blocks of IIO's DMABUF interface and other
#           queues of buffers: one has a second read wait so that no time is lost after the first.
#           io_uring says that requests are independent; one takes that as "they may end in any
#           order", not as "the data of a stream goes to them in any order". But a read that
#           finds nothing stands in no queue. io_uring waits for poll() for each of them, a sample
#           wakes all, the last one first, the first that tries has it, and the others begin to
#           wait anew. So buffers that go round as in a ring (read into 0, 1, 2, use 0, 1,
#           2) are swapped when the program is quicker than the source, and are right when it is
#           not and the samples are there before the reads.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_triggered_sensor
add_python
add_io_uring
cat >"$root/test" <<'END'
. /sensor
echo 1 >$sensor/scan_elements/in_pressure_en
echo 1 >$sensor/scan_elements/in_timestamp_en
echo 32 >$sensor/buffer/length
python3 -u /test.py
END
cat >"$root/test.py" <<'END'
import ctypes, os, struct
from uring import *

SIZE = 16
LINK = 1 << 2
folder = '/sys/bus/iio/devices/'

def write(name, value):
    with open(folder + name, 'w') as file:
        file.write(str(value))

def complete(fd, number, flags, send):
    """of so many reads: the names, in the order in which they complete, and what they read"""
    ring = Ring()
    buffers = [ctypes.create_string_buffer(SIZE) for _ in range(number)]
    for name, buffer in enumerate(buffers, 1):
        more = name < number
        ring.submit(name, READ, fd, ctypes.addressof(buffer), SIZE, flags if more else 0, more=more)
    early = ring.results(0.3)
    if early:
        print('with nothing there:', early)
    names = []
    for _ in range(number):
        send()
        for attempt in range(100):
            results = ring.results(0.1)
            if results:
                break
        if list(results.values()) != [SIZE]:
            print('results:', results)
        names += results
    os.close(ring.fd)
    return names, [buffer.raw for buffer in buffers]

def say(what, names, ages):
    """ages: of what each read has, the oldest is the least"""
    places = [sorted(ages).index(age) + 1 for age in ages]
    print(what, places if len(places) == 2 else 'in order' if places == sorted(places) else
          'the last has the first' if places[-1] == 1 else places,
          'by age' if [places[name - 1] for name in names] == sorted(places) else names, sep=': ')

def sensor(what, number, flags=0):
    fd = os.open('/dev/iio:device0', os.O_RDONLY)
    write('iio:device0/buffer/enable', 1)
    names, data = complete(fd, number, flags, lambda: write('trigger0/trigger_now', 1))
    say(what, names, [struct.unpack_from('q', sample, 8)[0] for sample in data])
    write('iio:device0/buffer/enable', 0)
    os.close(fd)

def pipe(what, number):
    ends = os.pipe()
    texts = [bytes([65 + i]) * SIZE for i in range(number)]
    unsent = list(texts)
    names, data = complete(ends[0], number, 0, lambda: os.write(ends[1], unsent.pop(0)))
    say(what, names, [texts.index(text) for text in data])
    for end in ends:
        os.close(end)

for _ in range(3):
    sensor('two', 2)
sensor('four', 4)
sensor('four, linked', 4, LINK)
pipe('two of a pipe', 2)
pipe('four of a pipe', 4)
END
cat >"$tmp/expected" <<'END'
two: [2, 1]: by age
two: [2, 1]: by age
two: [2, 1]: by age
four: the last has the first: by age
four, linked: in order: by age
two of a pipe: [2, 1]: by age
four of a pipe: the last has the first: by age
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
