# SPDX-License-Identifier: GPL-2.0
#
# What the scripts of this directory have in common; bash sources it.
# shellcheck shell=bash

set -eu
export LC_ALL=C

# Everything is kept in here, and is gone afterwards.
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

# It could not be tried: nothing is known about the behaviour.
untried() {
	printf '%s: not tried: %s\n' "${0##*/}" "$*" >&2
	exit 2
}

# It was tried, and is no longer what the head of the script says.
changed() {
	printf '%s: changed: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# private_apt SUITE: gives apt a configuration and directories of its own for a suite of
# Debian, with the mirror that this machine uses, and puts their place into $state. The
# machine's own lists and packages stay as they are: this apt believes that none is there.
private_apt() {
	local suite=$1 of mirror

	state=$tmp/apt-$suite
	[[ ! -d $state ]] || return 0
	# shellcheck disable=SC2016 # the names are apt's
	mirror=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)' \
		'Created-By: Packages' 2>/dev/null |
		awk '$1 == "Debian" && $2 !~ /-/ && $3 == "main" { print $4; exit }')
	[[ -n $mirror ]] || untried "apt names no mirror of Debian; apt-get update?"
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
	: >"$state/status"
	# What is in the backports depends on what is not.
	for of in "$suite" "${suite%-backports}"; do
		printf 'deb [signed-by=%s] %s %s main\n' \
			/usr/share/keyrings/debian-archive-keyring.gpg "$mirror" "$of"
	done | sort -u >"$state/sources.list"
	cat >"$state/apt.conf" <<-END
		APT::Architecture "amd64";
		APT::Architectures "amd64";
		APT::Default-Release "$suite";
		APT::Install-Recommends "0";
		APT::Sandbox::User "$(id -un)";
		Acquire::Languages "none";
		Acquire::Retries "2";
		Debug::NoLocking "1";
		Dir::State "$state";
		Dir::State::lists "$state/lists";
		Dir::State::status "$state/status";
		Dir::Cache "$state/cache";
		Dir::Etc::sourcelist "$state/sources.list";
		Dir::Etc::sourceparts "-";
	END
	APT_CONFIG=$state/apt.conf timeout 300 apt-get -qq update >&2 ||
		untried "the package lists of $suite are not to be had"
}

# unpack_debs DIR DEB...: unpacks them into DIR
unpack_debs() {
	local dir=$1 deb
	shift

	mkdir -p "$dir"
	for deb; do
		dpkg -x "$deb" "$dir"
		rm "$deb"
	done
	# The suites differ in whether /lib is a link into /usr.
	[[ -e $dir/lib || -L $dir/lib ]] || ln -s usr/lib "$dir/lib"
}

# unpack SUITE DIR PACKAGE[=VERSION]...: unpacks these packages into DIR, and none that
# they depend on
unpack() {
	local suite=$1 dir=$2 state
	shift 2

	private_apt "$suite"
	(cd "$state/cache/archives" &&
		APT_CONFIG=$state/apt.conf timeout 900 apt-get -qq download "$@" >&2) ||
		untried "$* is not to be had from $suite"
	unpack_debs "$dir" "$state/cache/archives/"*.deb
}

# unpack_all SUITE DIR PACKAGE[=VERSION]...: the same, with all that they depend on
unpack_all() {
	local suite=$1 dir=$2 state
	shift 2

	private_apt "$suite"
	APT_CONFIG=$state/apt.conf timeout 900 apt-get -qq --download-only -y install "$@" >&2 ||
		untried "$* is not to be had from $suite"
	unpack_debs "$dir" "$state/cache/archives/"*.deb
}

# within DIR PROGRAM [ARGUMENT...]: runs an unpacked program with the libraries, and the
# libc, that were unpacked with it.
within() {
	local dir=$1 program=$2
	shift 2

	timeout "${limit:-60}" "$dir/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" \
		--library-path "$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu/pulseaudio" \
		"$dir/usr/bin/$program" "$@"
}

# make_starter FILE DIR PROGRAM [ARGUMENT...]: makes FILE, which starts the program that was
# unpacked into DIR, by its path there, with the libraries that were unpacked with it, for who is
# to start it by himself
make_starter() {
	local file=$1 dir=$2 program=$3
	shift 3

	cat >"$file" <<-END
		#!/bin/sh
		exec "$dir/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" --library-path \\
			"$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu" "$dir/$program" $* "\$@"
	END
	chmod 755 "$file"
}

# gcc_of DIR VERSION ARGUMENT...: the gcc of this version that was unpacked into DIR, with its
# own programs, libraries and headers
gcc_of() {
	local dir=$1 program as=usr/bin/x86_64-linux-gnu-as ld=usr/bin/x86_64-linux-gnu-ld
	local of=usr/lib/gcc/x86_64-linux-gnu/$2

	[[ ! -e $dir/usr/libexec/gcc ]] || of=usr/libexec/gcc/x86_64-linux-gnu/$2
	mkdir -p "$dir/wrapped"
	for program in "$of/cc1" "$of/collect2" "$as" "$ld"; do
		make_starter "$dir/wrapped/${program##*[/-]}" "$dir" "$program"
	done
	within "$dir" "gcc-$2" "-B$dir/wrapped/" "--sysroot=$dir" "${@:3}"
}

# unpack_b4 VERSION...: unpacks 0.12, 0.14 or 0.16 into $tmp/b4-VERSION, of the suite that has it
unpack_b4() {
	local version

	for version; do
		case $version in
		0.12) unpack_all bookworm "$tmp/b4-0.12" b4=0.12.0-2 ;;
		0.14) unpack_all trixie "$tmp/b4-0.14" b4=0.14.2-2 ;;
		0.16) unpack_all sid "$tmp/b4-0.16" b4=0.16.0-1 ;;
		*) untried "b4 $version is not one of those" ;;
		esac
	done
}

# b4 ARGUMENT...: the b4 that was unpacked into $dir
b4() {
	PYTHONHOME=$dir/usr PYTHONPATH=$dir/usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1 \
		within "$dir" python3 "$dir/usr/bin/b4" --offline-mode "$@"
}

# prepare_guest MODULE[:PARAMETER=VALUE]...: unpacks Debian's kernel 7.3.4 and a QEMU for
# it, and lays a guest's file system into $root that loads these modules, which are in the
# order in which they need each other. To be added: /test, a script.
prepare_guest() {
	root=$tmp/root
	unpack bookworm "$tmp/guest" busybox-static
	unpack_all bookworm "$tmp/qemu" qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3
	unpack trixie-backports "$tmp/guest" linux-binary-7.3.4+deb13-amd64=7.3.4-1~bpo13+1 \
		linux-modules-7.3.4+deb13-amd64=7.3.4-1~bpo13+1
	mkdir -p "$root"/{bin,dev,lib,modules,proc,sys,tmp}
	cp "$tmp/guest/bin/busybox" "$root/bin"
	add_modules "$@"
	cat >"$root/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t debugfs debugfs /sys/kernel/debug
while read -r module parameter; do
	insmod "/modules/$module.ko" $parameter
done </modules/order
. /test 2>&1 | sed 's/^/| /'
echo end of the test
poweroff -f
END
	chmod 755 "$root/init"
}

# add_modules MODULE[:PARAMETER=VALUE]...: more of them, to be loaded after the others
add_modules() {
	local modules module parameter

	modules=$tmp/guest/usr/lib/modules/7.3.4+deb13-amd64
	for module; do
		parameter=
		[[ $module != *:* ]] || parameter=${module#*:}
		module=${module%%:*}
		find "$modules/kernel" -name "$module.ko.xz" -exec xz -dc {} + >"$root/modules/$module.ko"
		printf '%s\n' "$module $parameter"
	done >>"$root/modules/order"
}

# add_python: lays Debian's Python into the guest, and a module "buffers" with the ioctls of
# dma-bufs and of vgem, whose fences stay pending until one signals them (or for 10 s).
add_python() {
	unpack_all bookworm "$tmp/python" python3.11-minimal libpython3.11-stdlib
	mkdir -p "$root/usr/bin"
	cp -a "$tmp/python/usr/bin/python3.11" "$root/usr/bin/python3"
	cp -a "$tmp/python/usr/lib" "$root/usr"
	cp -a "$tmp/python/lib" "$tmp/python/lib64" "$root"
	cat >"$root/usr/lib/python3.11/buffers.py" <<'END'
import fcntl, os, struct

READ, WRITE = 1, 2

def ioctl(fd, direction, type, number, form, *values):
    data = bytearray(struct.pack(form, *values))
    fcntl.ioctl(fd, direction << 30 | len(data) << 16 | ord(type) << 8 | number, data)
    return struct.unpack(form, data)

def allocate(size):
    """a dma-buf of the system heap"""
    heap = os.open('/dev/dma_heap/system', os.O_RDONLY)
    fd = ioctl(heap, 3, 'H', 0, 'QIIQ', size, 0, os.O_RDWR, 0)[1]
    os.close(heap)
    return fd

class Fence:
    """a fence that is pending, and a sync file of it"""
    def __init__(self):
        self.card = os.open('/dev/dri/card0', os.O_RDWR)
        handle = ioctl(self.card, 3, 'd', 0xb2, '6IQ', 1, 4096, 8, 0, 0, 0, 0)[4]
        fd = ioctl(self.card, 3, 'd', 0x2d, 'IIi', handle, os.O_RDWR, -1)[2]
        self.number = ioctl(self.card, 3, 'd', 0x41, '4I', handle, 1, 0, 0)[2]
        self.file = export(fd, READ)
        os.close(fd)

    def signal(self):
        ioctl(self.card, 1, 'd', 0x42, 'II', self.number, 0)

def export(fd, flags):
    """a sync file of what one has to wait for before one reads or writes the dma-buf"""
    return ioctl(fd, 3, 'b', 2, 'Ii', flags, -1)[1]

def publish(fd, flags, sync_file):
    """the dma-buf is being read or written until the sync file's fence signals"""
    ioctl(fd, 1, 'b', 3, 'Ii', flags, sync_file)

def pending(sync_file):
    return ioctl(sync_file, 3, '>', 4, '32siIIIQ', b'', 0, 0, 0, 0, 0)[1] == 0
END
}

# add_io_uring: lays a Python module "uring" with what io_uring needs into a guest with Python.
add_io_uring() {
	cat >"$root/usr/lib/python3.11/uring.py" <<'END'
import ctypes, mmap, struct, time

CANCEL, READ, WRITE = 14, 22, 23
syscall = ctypes.CDLL(None).syscall

class Ring:
    """an io_uring for a few requests"""
    held = 0

    def __init__(self):
        parameters = ctypes.create_string_buffer(120)
        self.fd = syscall(425, 8, parameters)
        self.sq = struct.unpack_from('10I', parameters, 40)
        self.cq = struct.unpack_from('10I', parameters, 80)
        self.ring = mmap.mmap(self.fd, max(self.sq[6] + 8 * 4, self.cq[5] + 16 * 16))
        self.requests = mmap.mmap(self.fd, 8 * 64, offset=0x10000000)

    def get(self, offset):
        return struct.unpack_from('I', self.ring, offset)[0]

    def submit(self, name, operation, fd, address=0, length=0, flags=0, operation_flags=0, more=False):
        """name: a number, which comes back with the result, and which CANCEL has as its address;
        more: it is handed over with the next one"""
        tail = self.get(self.sq[1])
        slot = tail & 7
        offset = 0 if operation == CANCEL else 2 ** 64 - 1
        struct.pack_into('<BBHiQQIIQ24x', self.requests, slot * 64,
                         operation, flags, 0, fd, offset, address, length, operation_flags, name)
        struct.pack_into('I', self.ring, self.sq[6] + slot * 4, slot)
        struct.pack_into('I', self.ring, self.sq[1], tail + 1)
        self.held += 1
        if not more:
            number, self.held = self.held, 0
            if syscall(426, self.fd, number, 0, 0, None, 0) != number:
                raise OSError('io_uring takes no request')

    def results(self, seconds):
        """what became of the requests after some time: a number, negative for an error, by name"""
        time.sleep(seconds)
        found = {}
        while self.get(self.cq[0]) != self.get(self.cq[1]):
            head = self.get(self.cq[0])
            name, result = struct.unpack_from('<Qi', self.ring, self.cq[5] + (head & 15) * 16)
            found[name] = result
            struct.pack_into('I', self.ring, self.cq[0], head + 1)
        return found
END
}

# prepare_functionfs: a guest with Python that is a USB device, with a function in user space
# that has two bulk endpoints, and its own host (the kernel's dummy_hcd). A Python module
# "usb" has both ends. To be added: /test.py.
prepare_functionfs() {
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
	cat >"$root/usr/lib/python3.11/usb.py" <<'END'
import ctypes, errno, fcntl, os, select, struct, threading

FROM_HOST, TO_HOST = 0x02, 0x81
ENABLE = 2

def open_function(flags):
    """the control endpoint, and those to and from the host"""
    folder = '/tmp/ffs/'
    control = os.open(folder + 'ep0', os.O_RDWR | os.O_NONBLOCK)
    descriptors = b''
    for size in 64, 512:
        descriptors += struct.pack('<9B', 9, 4, 0, 0, 2, 0xff, 0, 0, 1)
        for address in TO_HOST, FROM_HOST:
            descriptors += struct.pack('<4BHB', 7, 5, address, 2, size, 0)
    os.write(control, struct.pack('<5I', 3, 20 + len(descriptors), 3, 3, 3) + descriptors)
    os.write(control, struct.pack('<4IH', 2, 20, 1, 1, 0x409) + b'x\0')
    return [control] + [os.open(folder + name, os.O_RDWR | flags) for name in ('ep1', 'ep2')]

def connect(control):
    """connects the device; returns the function's events, of which the last one is ENABLE"""
    with open('/sys/kernel/config/usb_gadget/gadget/UDC', 'w') as udc:
        udc.write('dummy_udc.0')
    events = []
    while ENABLE not in events and select.select([control], [], [], 60)[0]:
        events += os.read(control, 12 * 8)[8::12]
    return events

class Host:
    """of the only device there, by usbfs"""
    def __init__(self):
        device = '/sys/bus/usb/devices/1-1/'
        numbers = [int(open(device + name).read()) for name in ('busnum', 'devnum')]
        self.fd = os.open('/dev/bus/usb/%03d/%03d' % tuple(numbers), os.O_RDWR)
        fcntl.ioctl(self.fd, 0x8004550f, struct.pack('I', 0))

    def transfer(self, endpoint, buffer, timeout):
        """milliseconds; returns the number of bytes"""
        return fcntl.ioctl(self.fd, 0xc0185502, bytearray(struct.pack(
            'IIIxxxxQ', endpoint, len(buffer), timeout, ctypes.addressof(buffer))))

    def send(self, data, timeout=10000):
        return self.transfer(FROM_HOST, ctypes.create_string_buffer(data, len(data)), timeout)

    def receive(self, size, timeout=10000):
        buffer = ctypes.create_string_buffer(size)
        length = self.transfer(TO_HOST, buffer, timeout)
        return buffer.raw[:length]

def attempt(function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]

class Meanwhile(threading.Thread):
    """runs a function in a thread; end() returns what it returned"""
    def __init__(self, *call):
        super().__init__(daemon=True)
        self.call = call
        self.start()

    def run(self):
        self.result = attempt(*self.call)

    def end(self):
        self.join()
        return self.result
END
}

# prepare_pressure_sensor: a guest in which the kernel's own driver of an LPS22HB (two
# channels of 24 and 16 bits) is bound to a register file of the kernel's i2c-stub. Any
# reading is pressure 0x332211, temperature 0x5544. To be added: /test, a script.
prepare_pressure_sensor() {
	prepare_guest industrialio kfifo_buf industrialio-triggered-buffer iio-trig-sysfs st_sensors \
		st_sensors_i2c st_pressure st_pressure_i2c i2c-stub:chip_addr=0x5d,0x70 i2c-dev
	cat >"$root/sensor" <<'END'
# who it is; pressure, temperature; both are ready
set -- 0x0f 0xb1 0x28 0x11 0x29 0x22 0x2a 0x33 0x2b 0x44 0x2c 0x55 0x27 0x03
while [ $# -gt 0 ]; do
	i2cset -y 0 0x5d "$1" "$2"
	shift 2
done
echo lps22hb 0x5d >/sys/bus/i2c/devices/i2c-0/new_device
iio=/sys/bus/iio/devices
sensor=$iio/iio:device0
END
}

# prepare_triggered_sensor: the same with the trigger "sysfstrig7", which it has: a sample for each
# write to $iio/trigger0/trigger_now
prepare_triggered_sensor() {
	prepare_pressure_sensor
	cat >>"$root/sensor" <<'END'
echo 7 >$iio/iio_sysfs_trigger/add_trigger
echo sysfstrig7 >$sensor/trigger/current_trigger
END
}

# prepare_ticking_sensor RATE: the same with a hrtimer trigger "tick" of RATE Hz, which it has
prepare_ticking_sensor() {
	prepare_pressure_sensor
	add_modules configfs industrialio-configfs industrialio-sw-trigger iio-trig-hrtimer
	cat >>"$root/sensor" <<-END
	mount -t configfs configfs /sys/kernel/config
	mkdir /sys/kernel/config/iio/triggers/hrtimer/tick
	echo $1 >\$iio/trigger0/sampling_frequency
	echo tick >\$sensor/trigger/current_trigger
	END
}

# add_iiod: lays iiod and the programs of libiio 0.26 into a guest, and a script /iiod to be read
# in by /test, which has "run PROGRAM [ARGUMENT...]" for them
add_iiod() {
	unpack_all trixie "$root/0.26" iiod=0.26-2 libiio-utils=0.26-2 libiio0=0.26-2
	rm -rf "$root/0.26/usr/share"
	cat >"$root/iiod" <<'END'
ip link set lo up
program=/0.26/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
libraries=/0.26/lib/x86_64-linux-gnu:/0.26/usr/lib/x86_64-linux-gnu
run() {
	$program --library-path $libraries /0.26/usr/"$@"
}
END
}

# boot: what /test says in the guest
boot() {
	(cd "$root" && find . | cpio -o -H newc --quiet) | gzip -1 >"$tmp/initrd"
	limit=300 QEMU_MODULE_DIR=$tmp/qemu/usr/lib/x86_64-linux-gnu/qemu \
		within "$tmp/qemu" qemu-system-x86_64 -L "$tmp/qemu/usr/share/qemu" \
		-L "$tmp/qemu/usr/share/seabios" -M q35 -cpu max -m 768 -nodefaults -vga none \
		-display none -serial stdio -no-reboot -initrd "$tmp/initrd" \
		-kernel "$tmp/guest/usr/lib/modules/7.3.4+deb13-amd64/vmlinuz" \
		-append "console=ttyS0 quiet loglevel=0 panic=-1" </dev/null >"$tmp/console" ||
		untried "QEMU failed: $(tail -n 5 "$tmp/console")"
	grep -q '^end of the test' "$tmp/console" ||
		untried "the guest did not come to its end: $(tail -n 5 "$tmp/console")"
	! grep -q TimeoutError "$tmp/console" || untried "the machine is too slow: a fence timed out"
	tr -d '\r' <"$tmp/console" | sed -n 's/^| //p'
}
