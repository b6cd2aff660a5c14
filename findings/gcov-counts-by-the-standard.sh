#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# gcov: around fork() and exec, lines count double or not at all with -std=c11, but not gnu11.
#
# Software: gcc 12.2.0-14+deb12u1 (Debian bookworm), 14.2.0-19 (trixie), with their gcov.
# Seen:     a line that runs once, before a fork(). With --coverage and -std=gnu11
#           its count is 1, with -std=c11 it is 2. Before an execl(): 1 with gnu11; with c11
#           there is none, not even a .gcda file. Both compile without a warning, and the
#           program does the same.
# Expected: the same counts, as the option chooses a language and the line is the same in both.
#           gcc gets the counts right around fork and exec by replacing their calls with ones
#           of libgcov, which write out first. It does so with its built-in functions, and a
#           strict standard does not reserve these names, so there they are no built-ins and
#           nothing is replaced. A project that builds strictly (-std=c11
#           -D_POSIX_C_SOURCE=...) has wrong counts and missing branches for daemons, for
#           helpers that end in an exec, and for tests that fork, and nothing says that the
#           standard is why.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_all bookworm "$tmp/12" gcc-12=12.2.0-14+deb12u1 libc6-dev
unpack_all trixie "$tmp/14" gcc-14=14.2.0-19 libc6-dev

cd "$tmp"
cat >program.c <<'END'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	const char *how = getenv("HOW"); /* counted */

	if (how) {
		execl("/bin/true", "true", (char *)NULL);
		return 1;
	}
	if (fork() == 0)
		return 0;
	wait(NULL);
	return 0;
}
END

# compile VERSION OPTION...: with the libraries that were unpacked for it
compile() {
	gcc_of "$tmp/$1" "$1" -static --coverage "${@:2}" -o program program.c ||
		untried "gcc $1 does not compile here"
}

# count VERSION: of the marked line
count() {
	if [[ -e program.gcda ]]; then
		within "$tmp/$1" "gcov-$1" -t program.gcda 2>said |
			sed -n 's|^ *\([^ ]*\): .*/\* counted \*/.*|\1|p'
	else
		echo none
	fi
	rm -f program.gcda
}

for version in 12 14; do
	for standard in gnu11 c11; do
		compile $version -std=$standard -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror
		./program || untried "the program fails"
		fork=$(count $version)
		HOW="exec" ./program || untried "the program fails"
		echo "$standard $fork $(count $version)"
	done >"$tmp/seen"
	seen=$(xargs <"$tmp/seen")
	[[ $seen == "gnu11 1 1 c11 2 none" ]] || changed "gcc $version: $seen"
done
