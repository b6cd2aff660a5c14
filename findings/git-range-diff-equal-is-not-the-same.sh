#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# git range-diff says "=" of a patch whose new file got another mode, or whose binary other bytes.
#
# Software: git 1:2.47.3-0+deb13u1 (Debian trixie), 1:2.55.0-1 (sid).
# Seen:     three patches: one adds a test script, one a binary table, one an .svg that
#           .gitattributes has as "-diff". In the second version the script is executable, and
#           the table and the drawing are others. "git range-diff v1...v2" has three lines, each
#           with "=", and nothing else. `git diff v1 v2` has all three. So is the cover letter of
#           "git format-patch --range-diff". A script that was there before and becomes
#           executable is a "!".
# Expected: "!", and a line that says so: "=" is for patches that are the same but for line
#           numbers. But range-diff compares a text that it makes of "git log -p", without what
#           stands between "diff --git" and the first hunk. In the place of that it puts the file's
#           name with "(new)", and a mode only where one changes; of a binary "Binary files differ"
#           is left, whichever they are. Reviewers of a next version read what is not "=". That a
#           test cannot be run any more (or can), or that reference data or firmware are
#           others, passes them by.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_all trixie "$tmp/2.47" git=1:2.47.3-0+deb13u1
unpack_all sid "$tmp/2.55" git=1:2.55.0-1

export HOME=$tmp GIT_CONFIG_NOSYSTEM=1 GIT_ATTR_NOSYSTEM=1
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org
export GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org

# version NAME MODE TEXT: the three patches, and one of a script that is there, on a branch
version() {
	git checkout -q -b "$1" base
	printf '#!/bin/sh\nexec ./run\n' >test.sh
	chmod "$2" test.sh
	git add test.sh
	git commit -q -m "Add a test"
	printf '\0\1%s' "$3" >table.bin
	git add table.bin
	git commit -q -m "Add the table"
	printf '<svg>%s</svg>\n' "$3" >drawing.svg
	git add drawing.svg
	git commit -q -m "Add a drawing"
	seq 20 >old.sh
	chmod "$2" old.sh
	git commit -q -a -m "Change a script"
}

for dir in "$tmp/2.47" "$tmp/2.55"; do
	mkdir "$dir/programs" "$dir/work"
	# git calls itself for the log.
	printf '#!/bin/sh\nexec %q --library-path %q %q "$@"\n' "$dir/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" \
		"$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu" "$dir/usr/bin/git" >"$dir/programs/git"
	chmod 755 "$dir/programs/git"
	cd "$dir/work"
	git() { PATH=$dir/programs:$PATH GIT_EXEC_PATH=$dir/programs timeout 60 "$dir/programs/git" "$@"; }
	[[ $(git --version) == "git version ${dir##*/}."* ]] || untried "this is $(git --version)"

	git init -q .
	printf '*.svg -diff\n' >.gitattributes
	seq 10 >old.sh
	git add .
	git commit -q -m "Base"
	git branch base
	version v1 644 one
	version v2 755 other
	changes=$(git diff --raw v1 v2 | cut -f 2 | xargs)
	[[ $changes == "drawing.svg old.sh table.bin test.sh" ]] || untried "other changes: $changes"

	git range-diff --no-color base..v1 base..v2 >said
	signs=$(sed -n 's/^[0-9]*:  *[0-9a-f]* \([=!<>]\) .*/\1/p' said | xargs)
	[[ $signs == "= = = !" ]] || changed "${dir##*/}: $(cat said)"
	! grep -E 'test.sh|table.bin|drawing.svg' said || changed "${dir##*/}: $(cat said)"
	grep -q 'mode change 100644 => 100755' said || changed "${dir##*/}: $(cat said)"

	git format-patch -q --cover-letter --range-diff=base..v1 -o mails base..v2
	signs=$(sed -n 's/^[0-9]*:  *[0-9a-f]* \([=!<>]\) .*/\1/p' mails/0000-* | xargs)
	[[ $signs == "= = = !" ]] || changed "${dir##*/}: $(cat mails/0000-*)"
done
