#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# IIO: readv() is one read() for each piece; so fread() of samples fails with musl, not with glibc.
#
# Software: Linux 7.3.4-1~bpo13+1 (Debian trixie-backports): IIO's buffer of the kernel's own
#           driver of the LPS22HB on its i2c-stub. musl 1.2.3-1, libc6-dev 2.36, gcc 12.2.0-14+deb12u1
#           (bookworm).
# Seen:     samples of 16 bytes, five of them there. A program has fread() of three from the device:
#           3 with glibc, and 2 and "Invalid argument" with musl; of one sample: 1, and 0 with
#           "Invalid argument". After setvbuf(_IONBF) musl's has what it asked for. One sample
#           there: read() of 32 bytes has 16 at once; readv() of 16 and 16 waits until there is a
#           second one. readv() of 4 and 12 is "Invalid argument".
# Expected: the same of both libraries, and of readv() what its manual says, "works just like
#           read(2) except that multiple buffers are filled". For a device that knows read() only,
#           as IIO's, the kernel calls it once for each piece, and to IIO each is a read of its
#           own, which waits for samples, and is wrong when shorter than one sample. musl's fread()
#           is a readv(): all but the last byte go to where the caller wants them, and the last
#           one, with what may follow, into the FILE's own buffer. So the last sample of each
#           fread() is a byte short. A capture tool that was tried on a workstation gets nothing
#           on a system with musl (Alpine, OpenWrt), with a message that sounds like its settings.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_triggered_sensor
unpack_all bookworm "$tmp/12" gcc-12=12.2.0-14+deb12u1 libc6-dev
unpack bookworm "$tmp/musl" musl-dev=1.2.3-1

cat >"$tmp/program.c" <<'END'
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define SAMPLE 16

static volatile sig_atomic_t late;

static void wake(int signal)
{
	(void)signal;
	late = 1;
}

static void say(const char *what, const char *how, long number, int failed)
{
	printf("%s %s: %ld%s%s%s\n", what, how, number, late ? ", late" : "",
	       failed ? ", " : "", failed ? strerror(errno) : "");
}

int main(int argc, char *argv[])
{
	static char data[64 * SAMPLE];
	const struct sigaction action = { .sa_handler = wake };
	FILE *file = fopen("/dev/iio:device0", "rb");

	if (argc < 3 || !file)
		return 1;
	/* No SA_RESTART: what waits comes back. */
	sigaction(SIGALRM, &action, NULL);
	alarm(3);
	if (strcmp(argv[1], "read") == 0) {
		long length = read(fileno(file), data, atoi(argv[2]));

		say(argv[1], argv[2], length, length < 0);
	} else if (strcmp(argv[1], "readv") == 0) {
		char *rest;
		size_t first = strtoul(argv[2], &rest, 10);
		struct iovec pieces[] = {
			{ data, first },
			{ data + first, strtoul(rest, NULL, 10) },
		};
		long length = readv(fileno(file), pieces, 2);

		say(argv[1], argv[2], length, length < 0);
	} else {
		size_t number;

		if (strcmp(argv[1], "unbuffered") == 0)
			setvbuf(file, NULL, _IONBF, 0);
		number = fread(data, SAMPLE, atoi(argv[2]), file);
		say(argv[1], argv[2], number, ferror(file));
	}
	return 0;
}
END
gcc_of "$tmp/12" 12 -static -Wall -Wextra -Werror -o "$root/glibc" "$tmp/program.c" ||
	untried "gcc does not compile here"
gcc_of "$tmp/12" 12 -static -Wall -Wextra -Werror -nostdinc -nostdlib \
	-isystem "$tmp/musl/usr/include/x86_64-linux-musl" -o "$root/musl" \
	"$tmp/musl/usr/lib/x86_64-linux-musl/crt1.o" "$tmp/program.c" \
	"$tmp/musl/usr/lib/x86_64-linux-musl/libc.a" || untried "gcc does not compile with musl here"

cat >"$root/test" <<'END'
. /sensor
echo 1 >$sensor/scan_elements/in_pressure_en
echo 1 >$sensor/scan_elements/in_timestamp_en
echo 32 >$sensor/buffer/length

# with SAMPLES PROGRAM ARGUMENT...: runs it with so many samples there
with() {
	echo 1 >$sensor/buffer/enable
	n=1
	while [ $n -le $1 ]; do
		echo 1 >$iio/trigger0/trigger_now
		try=0
		while [ $(cat $sensor/buffer/data_available) -lt $n ] && [ $try -lt 100 ]; do
			usleep 20000
			try=$((try + 1))
		done
		n=$((n + 1))
	done
	shift
	echo $1 $("/$@")
	echo 0 >$sensor/buffer/enable
}
for library in glibc musl; do
	with 5 $library fread 3
	with 5 $library fread 1
	with 5 $library unbuffered 3
	with 1 $library read 32
	with 1 $library readv "16 16"
	with 1 $library readv "4 12"
	with 2 $library readv "16 16"
done
END
cat >"$tmp/expected" <<'END'
glibc fread 3: 3
glibc fread 1: 1
glibc unbuffered 3: 3
glibc read 32: 16
glibc readv 16 16: 16, late
glibc readv 4 12: -1, Invalid argument
glibc readv 16 16: 32
musl fread 3: 2, Invalid argument
musl fread 1: 0, Invalid argument
musl unbuffered 3: 3
musl read 32: 16
musl readv 16 16: 16, late
musl readv 4 12: -1, Invalid argument
musl readv 16 16: 32
END
boot >"$tmp/seen"
difference=$(diff "$tmp/expected" "$tmp/seen") || changed "$difference"
