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

# prepare_pressure_sensor: unpacks Debian's kernel 7.3.4 and a QEMU for it, and lays a
# guest's file system into $root, in which the kernel's own driver of an LPS22HB (two
# channels of 24 and 16 bits) is bound to a register file of the kernel's i2c-stub.
# Any reading is pressure 0x332211, temperature 0x5544. To be added: /test, a script.
prepare_pressure_sensor() {
	local modules module

	root=$tmp/root
	unpack bookworm "$tmp/guest" busybox-static
	unpack_all bookworm "$tmp/qemu" qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3
	unpack trixie-backports "$tmp/guest" linux-binary-7.3.4+deb13-amd64=7.3.4-1~bpo13+1 \
		linux-modules-7.3.4+deb13-amd64=7.3.4-1~bpo13+1
	modules=$tmp/guest/usr/lib/modules/7.3.4+deb13-amd64
	mkdir -p "$root"/{bin,dev,lib,modules,proc,sys,tmp}
	cp "$tmp/guest/bin/busybox" "$root/bin"
	for module in industrialio kfifo_buf industrialio-triggered-buffer iio-trig-sysfs st_sensors \
		st_sensors_i2c st_pressure st_pressure_i2c i2c-stub i2c-dev; do
		find "$modules/kernel" -name "$module.ko.xz" -exec xz -dc {} + >"$root/modules/$module.ko"
		printf '%s\n' "$module"
	done >"$root/modules/order"
	cat >"$root/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do
	parameter=
	[ "$module" != i2c-stub ] || parameter=chip_addr=0x5d
	insmod "/modules/$module.ko" $parameter
done </modules/order
# who it is; pressure, temperature; both are ready
set -- 0x0f 0xb1 0x28 0x11 0x29 0x22 0x2a 0x33 0x2b 0x44 0x2c 0x55 0x27 0x03
while [ $# -gt 0 ]; do
	i2cset -y 0 0x5d "$1" "$2"
	shift 2
done
echo lps22hb 0x5d >/sys/bus/i2c/devices/i2c-0/new_device
iio=/sys/bus/iio/devices
sensor=$iio/iio:device0
. /test 2>&1 | sed 's/^/| /'
poweroff -f
END
	chmod 755 "$root/init"
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
		untried "the guest did not come to its end: $(tail -n 5 "$tmp/console")"
	tr -d '\r' <"$tmp/console" | sed -n 's/^| //p'
}
