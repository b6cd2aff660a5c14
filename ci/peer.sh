# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What ci/check-peer and ci/check-proofs share: they run tests one by one, of which some are
# expected to fail, and perhaps to take the kernel with them, and look what became of each.
# ci/selftests has the kernel of it.
# Sourced behind lib.sh. Who does so sets:
#
#   logs        folder for what the guests say
#   programs    the test programs, in order
#   only        patterns of the tests to run; all, if there are none
#   first       test to run first of all, if any
#   modules     modules of the kernel to load before anything else, if any
#   locks       0 if lockdep is not to look, else 1

# shellcheck disable=SC2034,SC2154 # variables of the scripts that source this
# Seconds that a test may take, and a guest
limit=150 guest_limit=2400

# Of the fixes for 7.3 there is one kernel with all checkers: what they touch are modules, built
# for each state of the tree.
base=7.3
source=$(tree_dir "$base").plain
modular=$base.plain modular_fragments=(zcu102 vendor debug modular)
out=$BUILD/out/$modular-zcu102-vendor-debug-modular
work=$BUILD/out/proofs-$base
# What modular.config makes modules of, in the order in which they load
series_modules='virt-dma industrialio industrialio-buffer-dma industrialio-buffer-dmaengine
	industrialio-backend adi-axi-adc dma-axi-dmac kfifo_buf industrialio-triggered-buffer
	industrialio-configfs industrialio-sw-device iio_dummy'
series_modules=${series_modules//[$'\n\t']/ }

build_modular() {
	"$root/ci/tree" "$modular"
	"$root/ci/assemble" "$modular" "${modular_fragments[@]}"
	mkdir -p "$work"
}

# fixes: the base and the commits of the first part of the series, which is all that goes with
# this kernel: later ones change structures that it shares with its modules.
fixes() {
	plain_git -C "$source" rev-parse "$base_ref^{commit}"
	first_part "$source"
}

make_state() {
	local part

	plain_git -C "$source" checkout -q --force --detach "$2"
	for part in iio dma usb/gadget/function; do
		kernel_make "$source" O="$out/kbuild" M="$source/drivers/$part" MO="$work/$part" modules
	done
	find "$work"/{iio,dma,usb} -name '*.ko' -print0 |
		xargs -0 "$root/ci/initramfs" -a "$out/initramfs.cpio" -o "$work/$1.cpio"
}

# build_state NAME COMMIT: makes $work/NAME.cpio, with the modules of the tree at COMMIT
build_state() {
	make_state "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; die "$1: $2 does not build"; }
}

# guest_command TESTS-DONE LOCKS
guest_command() {
	printf 'programs="%s" only="%s" first=%s skip=%d limit=%d locks=%d modules="%s"\n' \
		"${programs//[$'\n\t']/ }" "${only:-}" "${first:-}" "$1" "$limit" "$2" \
		"${modules:-}"
	cat "$root/ci/in-guest/peer-guest.sh"
}

# run_tests NAME ARGUMENT-OF-ci/guest...: a test may take the guest with it, or leave it unfit
# for the next one: then another guest goes on behind it.
run_tests() {
	local name=$1 boot skip=0 locks=${locks:-1} dir=$logs/$1
	shift

	rm -rf "$dir"
	mkdir -p "$dir"
	for ((boot = 1; boot <= 60; boot++)); do
		run_guest "$dir/$boot" "$skip" "$locks" "$@"
		! grep -q 'peer: all done$' "$dir/$boot.log" || return 0
		((last > skip)) ||
			die "$name does not get as far as the tests: $dir/$boot.out"
		skip=$last
		! grep -q 'possible circular locking' "$dir/$boot.log" || locks=0
	done
	die "$name: no end after $((boot - 1)) guests: $dir"
}

# run_guest LOG SKIP LOCKS ARGUMENT...: sets $last to the last test that needs no other run.
# In virtual time, where no test fails because this machine is busy, and waiting is free. One of
# the tests fills the memory, which takes a kernel with checks minutes for each GiB.
run_guest() {
	local log=$1 skip=$2 locks=$3 status=0
	shift 3

	# What comes of it is in the kernel log: a splat there is a result, not an error.
	"$root/ci/guest" "$@" -o "${log%/*}/guest" -t "$guest_limit" \
		--icount --append 'mem=1536M printk.devkmsg=on kasan_multi_shot' \
		-- "$(guest_command "$skip" "$locks")" >"$log.out" 2>&1 || status=$?
	tr -d '\r' <"${log%/*}/guest/console.log" >"$log.log"
	last=$(sed -n 's/.*peer: begin \([0-9]*\) .*/\1/p' "$log.log" | tail -n 1)
	last=${last:-0}
	((status == 124)) || return 0
	if ((last > skip + 1)); then
		# Not its fault that the time was up: again, with all the time there is.
		echo 'peer: again' >>"$log.log"
		last=$((last - 1))
	else
		echo "peer: end $last hang" >>"$log.log"
	fi
}

# What the kernel says that is not to be said, one expression a line.
splats() {
	sed -nE 's/^[a-z]+[[:blank:]]+//p' "$root/ci/lists/kernel-log.deny"
}

# kernel_logs NAME: those of its guests in order, without what is allowed (a report from "cut
# here" to "end trace" goes as a whole, by one of its lines), times and addresses
kernel_logs() {
	find "$logs/$1" -maxdepth 1 -name '*.log' | sort -V | xargs cat |
		awk -v allowed="$(grep -vE '^(#|$)' "$root/ci/lists/kernel-log.allow" | paste -sd '|')" '
		function end_report(i) {
			for (i = 1; i <= n && !drop; i++)
				print line[i]
			n = drop = 0
		}
		/-+\[ cut here \]-+/ { end_report(); line[++n] = $0; next }
		allowed && $0 ~ allowed { drop = n > 0; next }
		n { line[++n] = $0 }
		!n { print }
		/---\[ end trace / { end_report() }
		END { end_report() }' |
		sed -E -e 's/^\[ *[0-9.]+\](\[ *[CT][0-9]+\])? *//' \
			-e 's/ (at addr(ess)?|at virtual address|in range) .*//' \
			-e 's/ (by|from) task .*//' -e 's/ \[(size|mapped)[ =].*//' \
			-e 's/\+0x[0-9a-f]+\/0x[0-9a-f]+//g' -e 's/[0-9a-f]{8,}/.../g'
}

# results NAME: test, outcome, evidence. The outcome is ok, skip, fail, hang (without an
# end) or oops (the guest died of it), and has ",warn" behind it if the kernel complained:
# the first complaint is the evidence.
results() {
	kernel_logs "$1" | awk -v OFS='\t' -v splats="$(splats)" '
	function finish() {
		if (test)
			print test, outcome (evidence ? ",warn" : ""), evidence
		test = evidence = ""
	}
	BEGIN {
		n = split(splats, splat, "\n")
	}
	/^Booting Linux/ { finish() }
	/^peer: begin /  { finish(); test = $4; outcome = "oops" }
	/^peer: end /    { outcome = $4 }
	/^peer: again/   { test = "" }
	# Below the oops it says what the address means.
	/^KASAN: / && evidence { evidence = $0 }
	test && !evidence {
		for (i = 1; i <= n && !evidence; i++)
			if ($0 ~ splat[i])
				evidence = $0
	}
	END { finish() }'
}
