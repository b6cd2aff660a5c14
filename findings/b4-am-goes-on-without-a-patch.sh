#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# b4 takes a series that lacks a patch, and succeeds.
#
# Software: b4 0.12.0-2 (Debian bookworm), 0.14.2-2 (trixie), 0.16.0-1 (sid).
# Seen:     of three mails of a series the second has not arrived. `b4 am` says "ERROR: missing
#           [2/3]!" in the middle of what it prints, writes a mailbox with 1/3 and 3/3 ("Base:
#           applies clean to current tree"), and has status 0. `b4 shazam` applies these two to
#           the branch, and has status 0 as well.
# Expected: what is printed as an error is one: no mailbox, or a status that tells. A mail of a
#           series often comes late, or is kept by a list for its size, and it is the large
#           ones. Where the files of the patches are apart nothing else fails: a script, or a CI
#           that takes series from a list by b4 and goes by its status, builds and tests a series
#           that nobody sent.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_b4 0.12 0.14 0.16

export HOME=$tmp GIT_CONFIG_NOSYSTEM=1

mkdir "$tmp/git"
cd "$tmp/git"
git init -q .
git config user.name Author
git config user.email author@example.org
files=(core.c driver.c page.rst)
for file in "${files[@]}"; do
	printf 'line %d\n' 1 2 3 4 5 6 7 8 9 >"$file"
done
git add .
git commit -q -m "Three files"
git tag base
for file in "${files[@]}"; do
	echo "one more" >>"$file"
	git commit -q -a -s -m "Add a line to $file"
done
git format-patch -q --stdout --thread base |
	sed 's/^From [0-9a-f]* .*/From mboxrd@z Thu Jan  1 00:00:00 1970/' |
	awk '/^From mboxrd/ { n++ } n != 2' >"$tmp/thread"
want=$'Add a line to core.c\nAdd a line to page.rst'

for dir in "$tmp"/b4-*; do
	version=${dir##*-}
	mkdir "$tmp/out-$version"
	git reset -q --hard base
	b4 am -o "$tmp/out-$version" -m "$tmp/thread" >"$tmp/said" 2>&1 ||
		changed "$version: b4 am has status $?"
	grep -q 'ERROR: missing \[2/3\]!' "$tmp/said" ||
		changed "$version: b4 am does not name the patch that is missing"
	subjects=$(sed -n 's/^Subject: \[PATCH [13]\/3\] //p' "$tmp/out-$version"/*.mbx) || subjects=
	[[ $subjects == "$want" ]] || changed "$version: the mailbox has \"$subjects\""

	b4 shazam -m "$tmp/thread" >"$tmp/said" 2>&1 ||
		changed "$version: b4 shazam has status $?"
	applied=$(git log --reverse --format=%s base..)
	[[ $applied == "$want" ]] || changed "$version: applied is \"$applied\""
	echo "b4 $version: am and shazam have taken 1/3 and 3/3, status 0"
done
