#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# QEMU's semihosting tells how long the host has been busy, not how late it is in the guest.
#
# Software: qemu-system-arm 1:7.2+dfsg-7+deb12u18+b3 (Debian bookworm) and
#           1:11.1.3+ds-1~bpo13+1 (trixie-backports), machine virt; binutils-aarch64-linux-gnu
#           2.40-2 (bookworm).
# Seen:     a bare program asks semihosting for SYS_CLOCK and SYS_ELAPSED, waits by the
#           processor's timer, and asks again. With -icount it sleeps (wfi) for 100 s of guest
#           time: SYS_ELAPSED has gone on by some milliseconds at most, SYS_CLOCK not at all.
#           Without -icount it waits for 3 s: asleep, SYS_CLOCK has not gone on at all either;
#           in a loop, by up to 3 s.
# Expected: 100 s and 3 s, from both. Semihosting says of SYS_CLOCK "centiseconds since the
#           execution started" and of SYS_ELAPSED "elapsed target ticks", the target is the
#           guest, and -icount is there to have its time from its instructions. QEMU answers
#           SYS_CLOCK with its own clock(), the processor time of all its threads, and
#           SYS_ELAPSED with the host's time, whatever the guest's clocks are driven by. Time
#           functions of C libraries without an operating system stand on these two; so a
#           benchmark there, or a time limit in a test, measures the emulator and the load of
#           the host, where the processor's own counter is right.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_all bookworm "$tmp/old" qemu-system-arm=1:7.2+dfsg-7+deb12u18+b3
unpack_all trixie-backports "$tmp/new" qemu-system-arm=1:11.1.3+ds-1~bpo13+1
unpack_all bookworm "$tmp/binutils" binutils-aarch64-linux-gnu=2.40-2

cat >"$tmp/program.S" <<'END'
	.globl	_start
_start:	ldr	x0, =stack
	mov	sp, x0
	// the interrupt controller: so that the timer ends a wfi
	ldr	x1, =0x08000000
	ldr	x2, =0x08010000
	mov	w3, 1
	str	w3, [x1]
	str	w3, [x2]
	mov	w3, 1 << 27
	str	w3, [x1, 0x100]
	mov	w3, 0xff
	str	w3, [x2, 4]

	bl	show
	mrs	x1, cntfrq_el0
	mov	x2, SECONDS
	mul	x2, x2, x1
	mrs	x3, cntvct_el0
	add	x3, x3, x2
	msr	cntv_cval_el0, x3
	mov	x4, 1
	msr	cntv_ctl_el0, x4
	isb
wait:	mrs	x4, cntv_ctl_el0
	tbnz	x4, 2, over
	.if	SLEEP
	wfi
	.endif
	b	wait
over:	bl	show
	mov	w0, 0x18		// SYS_EXIT
	adr	x1, success
	hlt	0xf000

// writes the timer in ms, SYS_ELAPSED and SYS_CLOCK
show:	mov	x29, x30
	mrs	x0, cntvct_el0
	mov	x1, 1000
	mul	x0, x0, x1
	mrs	x1, cntfrq_el0
	udiv	x0, x0, x1
	bl	write
	mov	w0, 0x30		// SYS_ELAPSED, in ns
	ldr	x1, =elapsed
	hlt	0xf000
	ldr	x1, =elapsed
	ldr	x0, [x1]
	bl	write
	mov	w0, 0x10		// SYS_CLOCK
	mov	x1, 0
	hlt	0xf000
	bl	write
	ret	x29

// writes x0 as 16 digits
write:	ldr	x1, =text
	mov	x2, 60
digit:	lsr	x3, x0, x2
	and	x3, x3, 15
	add	x4, x3, '0'
	add	x5, x3, 'a' - 10
	cmp	x3, 10
	csel	x4, x4, x5, lo
	strb	w4, [x1], 1
	subs	x2, x2, 4
	b.ge	digit
	ldr	x1, =text
	mov	w0, 4			// SYS_WRITE0
	hlt	0xf000
	ret

	.balign	8
success: .quad	0x20026, 0
	.data
elapsed: .quad	0
text:	.asciz	"0123456789abcdef\n"
	.bss
	.balign	16
	.skip	256
stack:
END

# build SECONDS SLEEP: a program that waits as long, asleep or not
build() {
	within "$tmp/binutils" aarch64-linux-gnu-as --defsym SECONDS="$1" --defsym SLEEP="$2" \
		-o "$tmp/program.o" "$tmp/program.S" || untried "no assembler"
	within "$tmp/binutils" aarch64-linux-gnu-ld -Ttext=0x40100000 -o "$tmp/program" "$tmp/program.o" ||
		untried "no linker"
}

# wait_in DIR [OPTION...]: the program in a QEMU; how far the timer (ms), SYS_ELAPSED (us)
# and SYS_CLOCK (ms) have gone on over the wait
wait_in() {
	local dir=$1
	shift

	QEMU_MODULE_DIR=$dir/usr/lib/x86_64-linux-gnu/qemu \
		within "$dir" qemu-system-aarch64 -L "$dir/usr/share/qemu" -M virt -cpu cortex-a53 \
		-nic none -display none -serial none -monitor none \
		-semihosting-config enable=on,target=native "$@" -kernel "$tmp/program" \
		</dev/null >"$tmp/seen" 2>&1 || untried "QEMU failed: $(cat "$tmp/seen")"
	mapfile -t seen <"$tmp/seen"
	((${#seen[@]} == 6)) || changed "${dir##*/} $what: $(cat "$tmp/seen")"
	timer=$((16#${seen[3]} - 16#${seen[0]}))
	elapsed=$(((16#${seen[4]} - 16#${seen[1]}) / 1000))
	clock=$(((16#${seen[5]} - 16#${seen[2]}) * 10))
	printf '%s %s: timer %s ms, SYS_ELAPSED %s us, SYS_CLOCK %s ms\n' \
		"${dir##*/}" "$what" "$timer" "$elapsed" "$clock"
}

for dir in "$tmp/old" "$tmp/new"; do
	within "$dir" qemu-system-aarch64 --version | head -n 1
	what="asleep, -icount"
	build 100 1
	wait_in "$dir" -icount "shift=0,sleep=off"
	((timer >= 100000)) || changed "$what: the timer has gone on by $timer ms"
	((elapsed < 50000000)) || changed "$what: SYS_ELAPSED has gone on by $elapsed us"
	((clock < 50000)) || changed "$what: SYS_CLOCK has gone on by $clock ms"

	what=asleep
	build 3 1
	wait_in "$dir"
	((timer >= 3000 && elapsed > 2500000)) || changed "$what: $timer ms, $elapsed us"
	((clock < 1000)) || changed "$what: SYS_CLOCK has gone on by $clock ms"
	asleep=$clock

	what="in a loop"
	build 3 0
	wait_in "$dir"
	((timer >= 3000 && elapsed > 2500000)) || changed "$what: $timer ms, $elapsed us"
	((clock > asleep + 200)) || changed "$what: SYS_CLOCK has gone on by $clock ms"
done
