#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Coccinelle leaves out whole functions that have a scoped_guard(), and does not say so.
#
# Software: coccinelle 1.1.1.deb-2+b1 (Debian bookworm), 1.3.0.deb-1+b2 (trixie).
# Seen:     a rule renames old_call() to new_call(). In a function with a plain lock and in
#           one with guard(mutex)(&lock); it does. In a function with a scoped_guard() or a
#           scoped_cond_guard() nothing is renamed, neither inside the braces nor far away
#           from them. The status is 0 and the error output names the file as handled, no
#           more. Only `spatch --parse-c` tells: the line is "BAD".
# Expected: that a parser which copes with guard(), and with the kernel's for_each_...()
#           macros, copes with this one as well; else that it complains, or loses the one
#           statement. Semantic patches rename functions over the whole kernel, and after
#           one the compiler finds what is left. A rule that only reports (a leak, a
#           missing unlock) finds nothing in such a function, and that looks like a pass:
#           the more a driver uses scoped_guard(), the less of it is checked.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack bookworm "$tmp/old" coccinelle=1.1.1.deb-2+b1 libpcre3 libc6
unpack trixie "$tmp/new" coccinelle=1.3.0.deb-1+b2 libzstd1 libc6

cat >"$tmp/rename.cocci" <<'END'
@@
expression E;
@@
- old_call(E)
+ new_call(E)
END

cat >"$tmp/plain.c" <<'END'
int plain(struct state *st)
{
	mutex_lock(&st->lock);
	old_call(st);
	mutex_unlock(&st->lock);
	return 0;
}

int guarded(struct state *st)
{
	guard(mutex)(&st->lock);
	old_call(st);
	return 0;
}
END
cat >"$tmp/scoped.c" <<'END'
int scoped(struct state *st)
{
	old_call(st);
	scoped_guard(mutex, &st->lock) {
		old_call(st);
	}
	old_call(st);
	return 0;
}
END
cat >"$tmp/conditional.c" <<'END'
int conditional(struct state *st)
{
	old_call(st);
	scoped_cond_guard(mutex_intr, return -EINTR, &st->lock) {
		old_call(st);
	}
	return 0;
}
END

for dir in "$tmp/old" "$tmp/new"; do
	export COCCINELLE_HOME=$dir/usr/lib/coccinelle
	for name in plain scoped conditional; do
		status=0
		within "$dir" spatch --sp-file "$tmp/rename.cocci" "$tmp/$name.c" \
			>"$tmp/diff" 2>"$tmp/said" || status=$?
		((status == 0)) || changed "status $status for $name.c"
		# Else a rule that matches nothing would pass for the behaviour.
		renamed=$(grep -c '^+.*new_call' "$tmp/diff") || true
		case $name in
		plain) ((renamed == 2)) || changed "$renamed of 2 calls renamed in plain.c" ;;
		*) ((renamed == 0)) || changed "$renamed calls renamed in $name.c" ;;
		esac
		if grep -qiE 'error|warning|bad|skip|pars' "$tmp/said"; then
			changed "spatch complains about $name.c: $(cat "$tmp/said")"
		fi
	done
	within "$dir" spatch --parse-c "$tmp/scoped.c" >"$tmp/parsed" 2>&1 || true
	grep -q '^BAD.*scoped_guard' "$tmp/parsed" || changed "--parse-c has nothing against scoped.c"
done
