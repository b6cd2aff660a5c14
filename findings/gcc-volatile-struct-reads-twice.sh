#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# gcc: the copy of a volatile struct reads, or writes, some of its members twice.
#
# Software: gcc 12.2.0-14+deb12u1 (Debian bookworm), 14.2.0-19 (trixie) for amd64; clang
#           1:19.1.7-3+b1 (trixie) does what one expects. valgrind 1:3.19.0-1 (bookworm) counts.
# Seen:     a volatile struct of seven 32-bit registers. "copy = device;" reads the fourth
#           one twice, "device = copy;" writes it twice; of eleven registers it is the eighth,
#           of eight or nine none. So with -O0 and -O2, and -Wall -Wextra say nothing.
#           Register by register each is read once. clang reads and writes each one once in
#           all three ways.
# Expected: that one access in the source is one access to each register; only the width is in
#           doubt, as no processor moves 28 bytes at once, and the order. That is what volatile is
#           for, and gcc's manual says of "*dst = *src" that it causes a read, no more. But gcc
#           copies the struct like any memory, and what is left at its end by a move that
#           goes back into what has been moved already. With -O2 -mno-sse, as in the kernel,
#           the seven are read once. A program that has registers mapped (UIO, /dev/mem) reads a
#           status that clears itself, or a FIFO, once more than it says; which one depends on
#           the size of the struct, and a register more at its end makes it vanish.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_all bookworm "$tmp/12" cpp-12=12.2.0-14+deb12u1 binutils
unpack_all trixie "$tmp/14" cpp-14=14.2.0-19
unpack_all trixie "$tmp/clang" clang-19=1:19.1.7-3+b1
unpack_all bookworm "$tmp/valgrind" valgrind=1:3.19.0-1

cd "$tmp"
cat >program.c <<'END'
enum { READ, WRITE, EACH };

struct registers {
	unsigned int word[WORDS];
};
__attribute__((section(".device"))) volatile struct registers device;
struct registers copy;

static void read_all(void)
{
	copy = device;
}

static void write_all(void)
{
	device = copy;
}

static void read_each(void)
{
	for (int i = 0; i < WORDS; i++)
		copy.word[i] = device.word[i];
}

__asm__(".globl _start\n_start: call start\n");
void start(void);
void start(void)
{
	void (*const volatile cases[])(void) = { read_all, write_all, read_each };

	cases[CASE]();
	__asm__ volatile("syscall" : : "a"(231), "D"(0));
}
END

# count COMPILER OPTIONS WORDS CASE: how often the program accesses each register
count() {
	local counts=() compiler address width word options

	read -ra options <<<"$2 -DWORDS=$3 -DCASE=$4 -Wall -Wextra -Werror -fno-stack-protector"
	case $1 in
	12) compiler=(within "$tmp/12" ../lib/gcc/x86_64-linux-gnu/12/cc1 -quiet) ;;
	14) compiler=(within "$tmp/14" ../libexec/gcc/x86_64-linux-gnu/14/cc1 -quiet) ;;
	clang) compiler=(within "$tmp/clang" clang-19 -S -fno-addrsig) ;;
	esac
	"${compiler[@]}" "${options[@]}" program.c -o program.s || untried "$1 does not compile here"
	within "$tmp/12" x86_64-linux-gnu-as program.s -o program.o || untried "no assembler"
	within "$tmp/12" x86_64-linux-gnu-ld --section-start=.device=0x10000000 \
		program.o -o program || untried "no linker"
	VALGRIND_LIB=$tmp/valgrind/usr/libexec/valgrind within "$tmp/valgrind" valgrind.bin \
		--tool=lackey --trace-mem=yes ./program >trace 2>&1 || untried "valgrind: $(tail -n 5 trace)"
	for ((word = 0; word < $3; word++)); do
		counts+=(0)
	done
	while read -r address width; do
		address=$((16#$address - 16#10000000))
		for ((word = 0; word < $3; word++)); do
			((address > 4 * word || address + width < 4 * word + 4)) ||
				counts[word]=$((counts[word] + 1))
		done
	done < <(sed -n 's/^ [LSM] *\(100000[0-9a-f]*\),\([0-9]*\)$/\1 \2/p' trace)
	echo "${counts[*]}"
}

# check COMPILER OPTIONS WORDS CASE TWICE: each register is accessed once, but this one, if any, twice
check() {
	local expected=() word seen

	for ((word = 1; word <= $3; word++)); do
		expected+=($((word == $5 ? 2 : 1)))
	done
	seen=$(count "${@:1:4}")
	printf '%s %s, %s registers, %s: %s\n' "${@:1:4}" "$seen"
	[[ $seen == "${expected[*]}" ]] || changed "not ${expected[*]}"
}

for compiler in 12 14; do
	for options in -O0 -O2; do
		for case in READ WRITE; do
			check $compiler $options 7 $case 4
			check $compiler $options 11 $case 8
			check $compiler $options 8 $case 0
			check $compiler $options 9 $case 0
		done
		check $compiler $options 7 EACH 0
	done
	check $compiler "-O2 -mno-sse" 7 READ 0
done
for options in -O0 -O2; do
	for case in READ WRITE EACH; do
		check clang $options 7 $case 0
	done
done
