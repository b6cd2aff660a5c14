#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sparse: status 0 after errors, and silent after a hundred warnings.
#
# Software: sparse 0.6.4-3 (Debian bookworm), 0.6.4-5 (trixie).
# Seen:     a syntax error and an undefined identifier are each an "error:" on the error
#           output, and the status is 0. With -Wsparse-error it is 1 (then of warnings
#           too). Of 150 functions that each mix up endianness 99 are reported, then comes
#           "warning: too many warnings" and nothing about the other 51; status 0.
# Expected: of a tool that runs beside the compiler with the compiler's options and message
#           format, the compiler's status: 1 after an error. As it is, `make C=1` and a CI
#           step that ends with sparse's status pass on a file which sparse could not even
#           parse, so did not check; and a tree that is "down to 99 warnings" may have any
#           number of them. What counts is the error output, and whether it is empty.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack bookworm "$tmp/old" sparse=0.6.4-3 libc6
unpack trixie "$tmp/new" sparse=0.6.4-5 libc6

printf 'static int f(void)\n{\n\treturn 1\n}\n' >"$tmp/syntax.c"
printf 'static int f(void)\n{\n\treturn nothing;\n}\n' >"$tmp/undefined.c"
{
	echo 'typedef unsigned int __attribute__((bitwise)) le32;'
	for ((i = 0; i < 150; i++)); do
		printf 'static le32 f%d(int x)\n{\n\treturn x;\n}\n' "$i"
	done
} >"$tmp/many.c"

for dir in "$tmp/old" "$tmp/new"; do
	for name in syntax undefined; do
		status=0
		within "$dir" sparse "$tmp/$name.c" 2>"$tmp/said" || status=$?
		grep -q ': error: ' "$tmp/said" || changed "no error for $name.c"
		((status == 0)) || changed "status $status after the errors of $name.c"
		status=0
		within "$dir" sparse -Wsparse-error "$tmp/$name.c" 2>"$tmp/said" || status=$?
		((status == 1)) || changed "status $status with -Wsparse-error for $name.c"
	done

	status=0
	within "$dir" sparse "$tmp/many.c" 2>"$tmp/said" || status=$?
	((status == 0)) || changed "status $status after many warnings"
	reported=$(grep -c 'warning: incorrect type' "$tmp/said") || true
	((reported == 99)) || changed "$reported of 150 mistakes reported"
	grep -q 'warning: too many warnings' "$tmp/said" || changed "the end of the list is not announced"
done
