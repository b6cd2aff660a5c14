#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# GNU Radio's IIO source: a channel wider than 16 bits comes in pieces, and with gaps.
#
# Software: GNU Radio 3.10.12.0-1 (Debian trixie) with libiio 0.26-2, Linux 7.3.4-1~bpo13+1
#           (trixie-backports): the kernel's own driver of the LPS22HB on its i2c-stub.
# Seen:     iio.device_source with blocks of 16 samples. Temperature, of 16 bits, is as it should
#           be. Pressure, of 24 bits in 32, is always 0x332211: the source gives 16 items for a
#           block, 0x2211, 0x33, 0x2211, 0x33, ... The timestamp, of 64 bits, next to it: 16 items as
#           well, which are the first 4 of the 16 timestamps; then come those of the next block.
#           With decimation 1, for "samples to remove between successive samples", temperature is
#           8 samples and then 8 items that nobody has written, for each block, at the full rate.
#           There is no exception and no message.
# Expected: an error for a width that the output, of 16 bits, cannot hold; else one item for each
#           sample, cut or scaled; and with decimation 1 every other sample, at half the rate. The
#           source counts an item for each sample of the block, whatever it does with it. It
#           lays the converted samples, as wide as they are, into the memory for these items until
#           that is full, or until the block is at its end, and it always says that all
#           are done. Who tries the block on a transceiver of 16 bits sees nothing of it; with a
#           converter of 18 or 24 bits the spectrum is that of something else.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_ticking_sensor 50
gnuradio=$root/gnuradio
unpack_all trixie "$gnuradio" libgnuradio-iio3.10.12=3.10.12.0-1 libgnuradio-blocks3.10.12=3.10.12.0-1 \
	libiio0=0.26-2 python3-numpy
# What its Python modules need of it, which is much less than what the package depends on.
unpack trixie "$gnuradio" gnuradio=3.10.12.0-1
rm -rf "${gnuradio:?}/usr/share"
find "$gnuradio/usr/lib/python3/dist-packages/gnuradio" -mindepth 1 -maxdepth 1 -type d \
	! -name gr ! -name blocks ! -name iio -exec rm -rf {} +

cat >"$root/test" <<'END'
. /sensor
libraries=/gnuradio/usr/lib/x86_64-linux-gnu
export HOME=/tmp PYTHONHOME=/gnuradio/usr PYTHONPATH=/gnuradio/usr/lib/python3/dist-packages
export PYTHONDONTWRITEBYTECODE=1
/gnuradio/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 \
	--library-path $libraries:$libraries/blas:$libraries/lapack /gnuradio/usr/bin/python3 -u /test.py
END
cat >"$root/test.py" <<'END'
import itertools, os, struct, sys, time
from gnuradio import blocks, gr, iio

BLOCK = 16

def capture(channels, items, decimation=0):
    """of each channel so many items"""
    top = gr.top_block()
    source = iio.device_source('local:', 'lps22hb', channels, 'lps22hb', [], BLOCK, decimation)
    sinks = [blocks.vector_sink_s() for _ in channels]
    for output, sink in enumerate(sinks):
        top.connect((source, output), sink)
    end = time.monotonic() + 60
    top.start()
    while any(len(sink.data()) < items for sink in sinks):
        if time.monotonic() > end:
            print('TimeoutError: items', [len(sink.data()) for sink in sinks])
            sys.stdout.flush()
            os._exit(1)
        time.sleep(0.1)
    top.stop()
    top.wait()
    return [sink.data()[:items] for sink in sinks]

def runs(items):
    return ', '.join('%d of %#x' % (len(list(run)), item) for item, run in itertools.groupby(items))

print('temp:', runs(capture(['temp'], 2 * BLOCK)[0]))
print('temp, decimation 1:', runs(capture(['temp'], 2 * BLOCK, 1)[0]))
pressure, stamps = capture(['pressure', 'timestamp'], 8 * BLOCK)
print('pressure:', 'halves' if list(pressure) == [0x2211, 0x33] * 4 * BLOCK else runs(pressure))
times = struct.unpack('%dq' % (2 * BLOCK), struct.pack('%dh' % (8 * BLOCK), *stamps))
steps = [(after - before) / 20e6 for before, after in zip(times, times[1:])]
inner = [step for number, step in enumerate(steps, 1) if number % 4]
outer = [step for number, step in enumerate(steps, 1) if number % 4 == 0]
# 1 and 13 periods, but for a machine that is busy
print('timestamps:', 'four of a block' if min(inner) > 0 and min(outer) > 8 and
      sum(outer) / len(outer) > 4 * sum(inner) / len(inner) else steps)
END
cat >"$tmp/expected" <<'END'
temp: 32 of 0x5544
temp, decimation 1: 8 of 0x5544, 8 of 0x0, 8 of 0x5544, 8 of 0x0
pressure: halves
timestamps: four of a block
END
boot >"$tmp/all"
# without what libraries say of their settings
grep -E '^(temp|pressure|timestamps)' "$tmp/all" >"$tmp/seen" || untried "$(cat "$tmp/all")"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
