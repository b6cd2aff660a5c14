#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# V4L2 takes dma-bufs with pending fences, and hands them back used, before the fences signal.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): V4L2 with vivid, vgem, system heap.
# Seen:     a pending fence says that a dma-buf is still being written. poll() on the dma-buf
#           gives nothing, so everybody sees it. VIDIOC_QBUF into a video output takes the
#           buffer all the same; DQBUF hands it back, without an error flag, as shown, while
#           the fence is still pending. A video capture writes into it as well. The other way
#           round, a dma-buf that is queued for a capture, which has not begun, is "ready" to
#           poll(), and its sync file is signalled from the start.
# Expected: that the two wait for each other: this is what the fences in a dma-buf are for,
#           and what DRM drivers, and IIO's DMABUF interface as a producer, do unasked. V4L2
#           imports and exports dma-bufs but takes no notice of fences, and makes none: for
#           it ready is what QBUF and DQBUF say. So a buffer of samples goes from a driver
#           with fences to a V4L2 device only after user space waited (poll() on the dma-buf,
#           then QBUF), and back only after DQBUF. If it does not, nothing fails: the data
#           is old now and then.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_guest drm drm_kms_helper drm_shmem_helper vgem rc-core mc videodev videobuf2-common \
	videobuf2-v4l2 videobuf2-memops videobuf2-vmalloc cec videobuf2-dma-contig v4l2-dv-timings \
	v4l2-tpg vivid
add_python
cat >"$root/test" <<'END'
python3 -u /test.py
END
cat >"$root/test.py" <<'END'
import fcntl, glob, mmap, os, select, struct
from buffers import *

BUFFERS = 4

def ready(fd):
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLOUT)
    return bool(poll.poll(0))

class Video:
    def __init__(self, name, type):
        for path in glob.glob('/sys/class/video4linux/*/name'):
            with open(path) as file:
                if file.read() == name + '\n':
                    self.fd = os.open('/dev/' + path.split('/')[-2], os.O_RDWR | os.O_NONBLOCK)
        self.type = type
        self.size = ioctl(self.fd, 3, 'V', 4, '8I176x', type, 0, 0, 0, 0, 0, 0, 0)[7]
        ioctl(self.fd, 3, 'V', 8, '5I', BUFFERS, type, 4, 0, 0)

    def buffer(self, number, index=0, fd=0):
        used = self.size if self.type == 2 else 0
        values = ioctl(self.fd, 3, 'V', number, '5I4x2q16s2Ii4x2Ii4x',
                       index, self.type, used, 0, 1, 0, 0, b'', 0, 4, fd, self.size, 0, 0)
        return values[0], 'error' if values[3] & 0x40 else 'no error'

    def queue(self, index, fd):
        self.buffer(15, index, fd)

    def dequeue(self):
        output = self.type == 2
        select.select([] if output else [self.fd], [self.fd] if output else [], [], 60)
        return self.buffer(17)

    def start(self):
        fcntl.ioctl(self.fd, 1 << 30 | 4 << 16 | ord('V') << 8 | 18, struct.pack('i', self.type))

for name, type in ('vivid-000-vid-out', 2), ('vivid-000-vid-cap', 1):
    video = Video(name, type)
    fds = [allocate((video.size + 4095) & ~4095) for _ in range(BUFFERS)]
    fence = Fence()
    publish(fds[0], WRITE, fence.file)
    for index, fd in enumerate(fds):
        video.queue(index, fd)
    print(name)
    print('queued, with a fence: ready', ready(fds[0]))
    print('queued, without:      ready', ready(fds[1]), 'pending', pending(export(fds[1], WRITE)))
    video.start()
    index, flag = video.dequeue()
    with mmap.mmap(fds[0], video.size) as memory:
        written = any(memory[:4096])
    print('dequeued', index, flag, 'written', written, 'fence pending', pending(fence.file))
    fence.signal()
    os.close(video.fd)
END
cat >"$tmp/expected" <<'END'
vivid-000-vid-out
queued, with a fence: ready False
queued, without:      ready True pending False
dequeued 0 no error written False fence pending True
vivid-000-vid-cap
queued, with a fence: ready False
queued, without:      ready True pending False
dequeued 0 no error written True fence pending True
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
