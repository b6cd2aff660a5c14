#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# b4 trailers puts the Reviewed-by of one patch onto another one.
#
# Software: b4 0.16.0-1 (Debian sid); 0.14.2-2 (trixie) does what one expects.
# Seen:     two patches of one series make the same mistake good in two functions, for input
#           and for output: the changed lines and those around them are the same, function
#           and message are not. A reply to 1/2 says Reviewed-by. `b4 trailers -u` of 0.16
#           writes it into 2/2, not into 1/2, and names 2/2 as the one reviewed, status 0.
#           `b4 am` of the same mails puts it into 1/2, as does `b4 trailers -u` of 0.14.
# Expected: that a reply counts for the mail that it answers: the thread says which one that
#           is. `b4 trailers` of 0.16 goes by patch-ids alone. A patch-id has the lines of
#           the diff and the names of the files, but neither the line numbers nor the
#           function that git writes into the head of a hunk; so for b4 these two are one
#           patch, and the later commit is the one that it keeps. Drivers have such twins
#           (rx and tx, read and write). The next version then goes out with a review that
#           nobody gave, and without the one that somebody did.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_b4 0.14 0.16

export HOME=$tmp GIT_CONFIG_NOSYSTEM=1

# function_of NAME old|new: the function for input or output, before the fix or after it
function_of() {
	printf 'static int enqueue_%s(struct state *st, struct block *block)\n{\n\tint ret;\n\n' "$1"
	printf '\tmutex_lock(&st->lock);\n\tret = prepare(st, block);\n'
	if [[ $2 == old ]]; then
		printf '\tif (ret)\n\t\treturn ret;\n'
	else
		printf '\tif (ret) {\n\t\tmutex_unlock(&st->lock);\n\t\treturn ret;\n\t}\n'
	fi
	printf '\tlist_add_tail(&block->head, &st->queue);\n\tmutex_unlock(&st->lock);\n\n\treturn 0;\n}\n\n'
}

mkdir "$tmp/git"
cd "$tmp/git"
git init -q .
git config user.name Author
git config user.email author@example.org
{ function_of input old; function_of output old; echo '/* end */'; } >queue.c
git add queue.c
# The commits to look at are those after the last one of somebody else.
git -c user.email=maintainer@example.org commit -q -m "Queue blocks"
{ function_of input new; function_of output old; echo '/* end */'; } >queue.c
git commit -q -a -s -m "Unlock when an input block cannot be prepared"
{ function_of input new; function_of output new; echo '/* end */'; } >queue.c
git commit -q -a -s -m "Unlock when an output block cannot be prepared"
git tag sent
[[ $(git diff sent~2 sent~1 | git patch-id | cut -d ' ' -f 1) == \
$(git diff sent~1 sent | git patch-id | cut -d ' ' -f 1) ]] || changed "git tells the patches apart"

git format-patch -q --stdout --thread sent~2 | sed 's/^From [0-9a-f]* .*/From mboxrd@z Thu Jan  1 00:00:00 1970/' >"$tmp/thread"
first=$(sed -n 's/^Message-I[Dd]: //p' "$tmp/thread" | head -n 1)
cat >>"$tmp/thread" <<END
From mboxrd@z Thu Jan  1 00:00:00 1970
From: Reviewer <reviewer@example.org>
To: author@example.org
Subject: Re: [PATCH 1/2] Unlock when an input block cannot be prepared
Date: $(date -R)
Message-ID: <reply@example.org>
In-Reply-To: $first
References: $first

Reviewed-by: Reviewer <reviewer@example.org>
END

# tagged: the messages with the tag of the reviewer, of mails or of a log in the standard input
tagged() {
	sed -n 's/^Subject: \[PATCH [12]\/2\] //; /^Unlock when/h; /^Reviewed-by: Reviewer/{ x; p; }'
}

for dir in "$tmp"/b4-*; do
	git reset -q --hard sent
	echo y | b4 --no-stdin trailers -u -m "$tmp/thread" -F "${first//[<>]/}" >"$tmp/said" 2>&1 ||
		changed "${dir##*/}: trailers fails: $(cat "$tmp/said")"
	seen=$(git log --format=%B HEAD~2.. | tagged)
	case ${dir##*-} in
	0.14) expected="Unlock when an input block cannot be prepared" ;;
	0.16) expected="Unlock when an output block cannot be prepared" ;;
	esac
	[[ $seen == "$expected" ]] || changed "${dir##*/}: trailers tags '$seen': $(cat "$tmp/said")"

	b4 --no-stdin am -m "$tmp/thread" -o "$tmp/am" "${first//[<>]/}" >"$tmp/said" 2>&1 ||
		changed "${dir##*/}: am fails: $(cat "$tmp/said")"
	seen=$(cat "$tmp/am/"*.mbx | tagged)
	[[ $seen == "Unlock when an input block cannot be prepared" ]] || changed "${dir##*/}: am tags '$seen'"
	rm -r "$tmp/am"
done
