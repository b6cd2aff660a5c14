#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sparse lets everything through behind the "..." of a function.
#
# Software: sparse 0.6.4-3 (Debian bookworm), 0.6.5~rc1-2 (sid).
# Seen:     a value of a __bitwise type (__le32), and pointers of the address spaces __user
#           and __iomem. Handed to a function with a parameter of the plain type each is a
#           warning; so is a += with the value. Handed to the same function behind its "..."
#           none is, with -Wsparse-all too, not even when the format says %s and the
#           pointer is __user.
# Expected: what arithmetic gives: "restricted __le32 degrades to integer". A variadic
#           argument has no type to compare with, but it is a use of the value as
#           plain bits all the same, and there is no format for a pointer of another space. In a
#           driver these are the ways to the log and to sysfs: sysfs_emit(buf, "%u\n",
#           st->le_value) is wrong on big-endian machines, and dev_dbg() of a __user
#           string reads what only copy_from_user() may. The compiler sees an int and a
#           pointer as the format wants them, and "sparse is clean" says nothing of it.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack bookworm "$tmp/0.6.4" sparse=0.6.4-3 libc6
unpack sid "$tmp/0.6.5" sparse=0.6.5~rc1-2 libc6

cat >"$tmp/test.c" <<'END'
#define __user __attribute__((noderef, address_space(__user)))
#define __iomem __attribute__((noderef, address_space(__iomem)))
typedef unsigned int __attribute__((bitwise)) __le32;

extern __attribute__((format(printf, 1, 2))) int print(const char *format, ...);
extern int take(unsigned int value);
extern int show(const void *pointer);

static int plain(__le32 value, const char __user *from, void __iomem *registers)
{
	int sum = take(value);
	sum += show(from);
	sum += show(registers);
	sum += value;
	return sum;
}

static int variadic(__le32 value, const char __user *from, void __iomem *registers)
{
	int sum = print("%u\n", value);
	sum += print("%s\n", from);
	sum += print("%p\n", registers);
	return sum;
}

int both(__le32 value, const char __user *from, void __iomem *registers);
int both(__le32 value, const char __user *from, void __iomem *registers)
{
	return plain(value, from, registers) + variadic(value, from, registers);
}
END
for dir in "$tmp"/0.*; do
	for option in "" -Wsparse-all; do
		within "$dir" sparse $option -fdiagnostic-prefix=sparse "$tmp/test.c" >"$tmp/said" 2>&1 || true
		lines=$(sed -n 's/^.*test\.c:\([0-9]*\):.*warning: .*/\1/p' "$tmp/said" | sort -un | tr '\n' ' ')
		[[ $lines == "11 12 13 14 " ]] || changed "${dir##*/} $option: lines $lines: $(cat "$tmp/said")"
	done
done
