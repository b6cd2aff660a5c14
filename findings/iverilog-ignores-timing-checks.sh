#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Icarus Verilog takes $setuphold and never runs it, also with -gspecify and -Wall.
#
# Software: Icarus Verilog 11.0-1.1+b1 (Debian bookworm).
# Seen:     a flip-flop with a specify block: a path delay of 1.5 ns, and a $setuphold of
#           2 ns whose notifier makes the output x. Data changes 1 ns before the clock edge.
#           Without -gspecify neither has an effect; with it the delay works (the output
#           changes 1.5 ns after the edge), so the block is taken in, and the check of the
#           same block still does not: notifier and output stay clean. No warning with -Wall,
#           status 0.
# Expected: that the option which switches specify blocks on switches the whole of them on,
#           or that the compiler says what it leaves out (it does for other things: "sorry:
#           ..."). A notifier that makes x is the usual model of metastability, so a test of
#           a clock domain crossing with the flip-flop models of a vendor passes here with
#           no synchronizer at all. (Release 13.0 warns: "Timing checks are not supported.")

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack bookworm "$tmp/iverilog" iverilog=11.0-1.1+b1 libreadline8 libtinfo6 libstdc++6 libgcc-s1 libc6

cat >"$tmp/check.v" <<'END'
`timescale 1ns/1ps
module flipflop(input clk, input d, output reg q);
  reg violated = 0;
  always @(posedge clk) q <= d;
  always @(violated) q <= 1'bx;
  specify
    $setuphold(posedge clk, d, 2, 2, violated);
    (posedge clk => (q +: d)) = (1.5);
  endspecify
endmodule

module check;
  reg clk = 0, d = 0;
  wire q;
  real changed = 0;
  flipflop ff(clk, d, q);
  always #5 clk = ~clk;
  always @(q) changed = $realtime;
  initial begin
    #24 d = 1;
    #8 $display("q %b at %0.1f, notifier %b", q, changed, ff.violated);
    $finish;
  end
endmodule
END

base=$tmp/iverilog/usr/lib/x86_64-linux-gnu/ivl
# simulate OPTION...: what the simulation says. iverilog runs ivlpp and ivl of its own
# accord, so with the libraries of the host.
simulate() {
	timeout 60 "$tmp/iverilog/usr/bin/iverilog" -B "$base" -Wall "$@" -o "$tmp/check.vvp" "$tmp/check.v" \
		2>"$tmp/said" || changed "it does not compile: $(cat "$tmp/said")"
	[[ ! -s $tmp/said ]] || changed "the compiler warns: $(cat "$tmp/said")"
	within "$tmp/iverilog" vvp -M "$base" -n "$tmp/check.vvp"
}

seen=$(simulate)
[[ $seen == "q 1 at 25.0, notifier 0" ]] || changed "without -gspecify: $seen"
seen=$(simulate -gspecify)
[[ $seen == "q 1 at 26.5, notifier 0" ]] || changed "with -gspecify: $seen"
