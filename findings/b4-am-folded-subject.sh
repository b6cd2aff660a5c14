#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# b4 am does not read a mailbox in a file if a subject goes over two lines.
#
# Software: b4 0.12.0-2 (Debian 12); 0.14.2-2 (trixie) and 0.16.0-1 (sid) do what one expects.
# Seen:     git format-patch folds the subject of a patch behind column 76, as every program
#           does that sends mail. `b4 am -m FILE` of 0.12 on that mailbox ends with a Python
#           traceback, "Header values may not contain linefeed", status 1, and writes nothing.
#           `b4 am -m - <FILE`, the same bytes on standard input, gives a mailbox that git am
#           takes, and so does the file if the subject is short.
# Expected: that where a mailbox comes from makes no difference, and that the tool for kernel
#           mails reads what git writes. It has two ways in: standard input is cut up by git
#           and parsed by a policy that unfolds headers, a file by Python's mailbox module,
#           which leaves them as they are; the subject is then put into a new message, whose
#           policy forbids line ends. Short subjects, those of most tests, show nothing.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_b4 0.12 0.14 0.16

export HOME=$tmp GIT_CONFIG_NOSYSTEM=1

git config --global user.name Author
git config --global user.email author@example.org
mkdir "$tmp/git"
cd "$tmp/git"
git init -q .
echo 'int rate;' >adc.c
git add adc.c
git commit -q -m "adc: Add a rate"

# mailbox NAME SUBJECT: a patch with that subject, as git writes it
mailbox() {
	echo "int rate; /* $1 */" >adc.c
	git commit -q -a -s -m "$2"
	git format-patch -q --stdout -1 |
		sed 's/^From [0-9a-f]* .*/From mboxrd@z Thu Jan  1 00:00:00 1970/
			s/^Date: .*/&\nMessage-Id: <'"$1"'@example.org>/' >"$tmp/$1.mbox"
	git reset -q --hard HEAD~1
}

mailbox short "adc: Say what the rate is"
mailbox long "iio: adc: Say what the sampling rate of the converter is and where it comes from"
! grep -A 1 '^Subject' "$tmp/short.mbox" | grep -q '^ ' || changed "git folds the short subject"
grep -A 1 '^Subject' "$tmp/long.mbox" | grep -q '^ ' || changed "git does not fold the long subject"

# taken HOW MAILBOX: what b4 makes of it can be applied
taken() {
	rm -rf "$tmp/out"
	mkdir "$tmp/out"
	if [[ $1 == file ]]; then
		b4 am -m "$tmp/$2.mbox" -o "$tmp/out" </dev/null >"$tmp/log" 2>&1 || return
	else
		b4 am -m - -o "$tmp/out" <"$tmp/$2.mbox" >"$tmp/log" 2>&1 || return
	fi
	git apply --check "$tmp"/out/*.mbx
}

for dir in "$tmp/b4-0.12" "$tmp/b4-0.14" "$tmp/b4-0.16"; do
	for how in file stdin; do
		for name in short long; do
			seen=taken
			taken "$how" "$name" || seen=$(tail -n 1 "$tmp/log" | grep -o 'Header values may not contain linefeed') ||
				seen=refused
			printf '%s, %s, %s subject: %s\n' "${dir##*/}" "$how" "$name" "$seen"
		done
	done
done >"$tmp/seen"

cat >"$tmp/expected" <<END
b4-0.12, file, short subject: taken
b4-0.12, file, long subject: Header values may not contain linefeed
b4-0.12, stdin, short subject: taken
b4-0.12, stdin, long subject: taken
b4-0.14, file, short subject: taken
b4-0.14, file, long subject: taken
b4-0.14, stdin, short subject: taken
b4-0.14, stdin, long subject: taken
b4-0.16, file, short subject: taken
b4-0.16, file, long subject: taken
b4-0.16, stdin, short subject: taken
b4-0.16, stdin, long subject: taken
END
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen" >&2 || changed "the lines above"
