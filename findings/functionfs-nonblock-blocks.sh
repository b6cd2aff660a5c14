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

prepare_functionfs
cat >"$root/test.py" <<'END'
import os, select, signal, time
import usb

class Alarm(Exception):
    pass

def alarm(*_):
    raise Alarm

def attempt(function, *arguments):
    signal.alarm(10)
    try:
        return usb.attempt(function, *arguments)
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

signal.signal(signal.SIGALRM, alarm)
control, to_host, from_host = usb.open_function(os.O_NONBLOCK)
print('no host: read', attempt(os.read, from_host, 512))
print('ep0: events', usb.connect(control))
print('ep0: poll', poll(control), 'read', attempt(os.read, control, 12), 'epoll', epoll(control))
print('host: read', attempt(os.read, from_host, 512), 'write', attempt(os.write, to_host, bytes(512)))
print('host: poll', poll(from_host), 'and', poll(to_host), 'epoll', epoll(from_host), epoll(to_host))
pid = os.fork()
if pid == 0:
    time.sleep(2)
    print('second reader:', attempt(os.read, from_host, 512))
    usb.Host().send(b'data')
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
