#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# quilt refresh takes file modes and empty files out of a patch made by git.
#
# Software: quilt 0.67+really0.66-1 (Debian bookworm, says 0.66), 0.68-1 (trixie).
# Seen:     three git patches: a script with mode 755 is new; an empty file is new; the
#           script becomes 644. `quilt push -a` applies all three right, modes and all.
#           `quilt refresh` of each, with nothing changed in the files, has status 0. Of the
#           first it says "Refreshed", of the others "Nothing in patch", and leaves the mail
#           header with its "create mode 100755" but no line of the diff that says so.
#           Popped and pushed again: the script is not executable, and the second patch is
#           refused ("Only garbage was found in the patch input."), by git apply as well.
# Expected: that a tool which applies what git writes keeps it, or warns. patch(1) reads the
#           lines "new file mode" and "old mode"; quilt makes the new diff with diff(1),
#           which knows neither modes nor empty files. A series that adds a test script
#           passes through "quilt refresh" unseen: the message still tells of the mode.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack bookworm "$tmp/old" quilt=0.67+really0.66-1 patch libc6
unpack trixie "$tmp/new" quilt=0.68-1 patch libc6

export HOME=$tmp GIT_CONFIG_NOSYSTEM=1 QUILT_PATCHES=patches
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org
export GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org

quilt() {
	PATH=$dir/bin:$PATH QUILT_DIR=$dir/usr/share/quilt QUILT_PC=.pc \
		timeout 60 "$dir/usr/bin/quilt" --quiltrc - "$@"
}

mkdir "$tmp/git"
cd "$tmp/git"
git init -q .
git commit -q --allow-empty -m "Base"
printf '#!/bin/sh\necho passed\n' >test.sh
chmod 755 test.sh
git add test.sh
git commit -q -m "Add a test"
: >empty
git add empty
git commit -q -m "Add an empty file"
chmod 644 test.sh
git commit -q -a -m "Make the test a part of others"
git format-patch -q -o "$tmp/mails" HEAD~3
cd "$tmp"

for dir in "$tmp/old" "$tmp/new"; do
	mkdir "$dir/bin"
	printf '#!/bin/sh\nexec %q --library-path %q %q "$@"\n' "$dir/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" \
		"$dir/lib/x86_64-linux-gnu" "$dir/usr/bin/patch" >"$dir/bin/patch"
	chmod 755 "$dir/bin/patch"
	mkdir "$dir/tree" "$dir/tree/patches"
	cp "$tmp/mails/"*.patch "$dir/tree/patches"
	cd "$dir/tree"
	printf '%s\n' patches/*.patch | sed 's,.*/,,' >patches/series

	quilt push -q >/dev/null || changed "the first patch does not apply"
	[[ -x test.sh ]] || changed "push does not set the mode"
	quilt refresh >"$tmp/said" 2>&1 || changed "refresh fails: $(cat "$tmp/said")"
	grep -q '^Refreshed' "$tmp/said" || changed "refresh says: $(cat "$tmp/said")"
	quilt push -q >/dev/null || changed "the second patch does not apply"
	[[ -f empty && ! -s empty ]] || changed "push does not make the empty file"
	quilt refresh >"$tmp/said" 2>&1 || changed "refresh fails: $(cat "$tmp/said")"
	grep -q '^Nothing in patch' "$tmp/said" || changed "refresh says: $(cat "$tmp/said")"
	quilt push -q >/dev/null || changed "the third patch does not apply"
	[[ ! -x test.sh ]] || changed "push does not take the mode away"
	quilt refresh >"$tmp/said" 2>&1 || changed "refresh fails: $(cat "$tmp/said")"
	grep -q '^Nothing in patch' "$tmp/said" || changed "refresh says: $(cat "$tmp/said")"

	grep -q '^ create mode 100755 test.sh' patches/0001-* || changed "the message lost its mode"
	! grep -qE '^(new file|old|new) mode' patches/*.patch || changed "the diffs kept a mode"

	quilt pop -qa >/dev/null
	quilt push -q >/dev/null || changed "the first patch does not apply any more"
	[[ -f test.sh && ! -x test.sh ]] || changed "the script is executable"
	! quilt push -q >"$tmp/said" 2>&1 || changed "the second patch applies"
	grep -q 'Only garbage was found in the patch input' "$tmp/said" || changed "$(cat "$tmp/said")"
	! git apply --check patches/0002-* 2>/dev/null || changed "git applies the second patch"
	cd "$tmp"
done
