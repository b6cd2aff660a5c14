#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A delay on a gray coded bus lets nothing through, though each bit is slow enough.
#
# Software: Icarus Verilog 11.0-1.1+b1 (Debian bookworm).
# Seen:     a 4-bit counter steps every 3 ns, and its gray code, from a register, goes through
#           "assign #5 whole = gray;". Of 66 steps none arrives until the counter stops; then
#           the last one does. With the same delay on each bit by itself ("assign #5 bits[i] =
#           gray[i]") all arrive.
# Expected: the delay is there to model the wires to the other clock domain. A gray code
#           changes one bit at a time: bit 0 every second step, the others more rarely, so
#           each wire is stable for 6 ns or more, longer than its delay. But the delay of a
#           continuous assignment is inertial, and the value that has to be stable is that
#           of the whole expression: any bit's change takes back what the other bits had
#           under way. So a FIFO with such a delay between its pointers is dead at full
#           speed and works when the counter pauses; and bits never overtake each other,
#           which is what the model was for. Delays belong on single bits, or into a
#           nonblocking assignment ("carried <= #5 gray"), which loses nothing.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack bookworm "$tmp/iverilog" iverilog=11.0-1.1+b1 libreadline8 libtinfo6 libstdc++6 libgcc-s1 libc6

cat >"$tmp/bus.v" <<'END'
`timescale 1ns/1ns
module bus;
  reg [3:0] bin = 0, gray = 0, carried;
  wire [3:0] whole, bits;
  integer wholes = 0, singles = 0, all = 0, k;
  genvar i;

  assign #5 whole = gray;
  generate
    for (i = 0; i < 4; i = i + 1) begin : wires
      assign #5 bits[i] = gray[i];
    end
  endgenerate
  always @(gray) carried <= #5 gray;

  always @(whole) wholes = wholes + 1;
  always @(bits) singles = singles + 1;
  always @(carried) all = all + 1;

  initial begin
    #10 wholes = 0; singles = 0; all = 0;
    for (k = 0; k < 66; k = k + 1) begin
      bin = bin + 1;
      gray <= bin ^ (bin >> 1);
      #3;
    end
    $display("whole %0d %b, bits %0d", wholes, whole, singles);
    #10 $display("whole %0d %b, bits %0d, carried %0d", wholes, whole, singles, all);
    $finish;
  end
endmodule
END

base=$tmp/iverilog/usr/lib/x86_64-linux-gnu/ivl
# iverilog runs ivlpp and ivl of its own accord, so with the libraries of the host.
timeout 60 "$tmp/iverilog/usr/bin/iverilog" -B "$base" -Wall -o "$tmp/bus.vvp" "$tmp/bus.v" 2>"$tmp/said" ||
	changed "it does not compile: $(cat "$tmp/said")"
[[ ! -s $tmp/said ]] || changed "the compiler warns: $(cat "$tmp/said")"
seen=$(within "$tmp/iverilog" vvp -M "$base" -n "$tmp/bus.vvp") || changed "the simulation fails: $seen"
[[ $seen == $'whole 0 0000, bits 65\nwhole 1 0011, bits 66, carried 66' ]] || changed "$seen"
