# SPDX-License-Identifier: GPL-2.0
"""Plots over the block size, as SVG by gnuplot, readable on a light and a dark page."""

import base64
import math
import re
import subprocess

import results

# Each at least 3:1 against white and against black; also told apart by marks and dashes
FILE_IO = "#d9730d"
DMABUF = ["#2f7ed8", "#17936b", "#b84fc0", "#8a7a10", "#d24a5a", "#5f7d8c"]
CEILING = "#808080"
INK = "#202020"		# a dark page inverts the picture
MARKS = [7, 5, 9, 13, 11, 15]

WIDTH = 800

PREAMBLE = f"""set encoding utf8
set border 3 linecolor rgb "{INK}"
set tics nomirror textcolor rgb "{INK}"
set grid xtics ytics linecolor rgb "{CEILING}" linewidth 0.4 dashtype 3
set key below horizontal maxcols 4 height 0.6 textcolor rgb "{INK}" noenhanced
set title textcolor rgb "{INK}" noenhanced
set xlabel "block size" offset 0,0.2 textcolor rgb "{INK}"
set logscale x 2
set bars 0.6
"""


class Line:
    """Dots, each with its interval: (x, y, low, high)."""

    def __init__(self, title, colour, mark, dash, dots):
        self.title, self.colour, self.mark, self.dash, self.dots = (
            title, colour, mark, dash, dots)


def have_gnuplot():
    try:
        subprocess.run(["gnuplot", "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def quoted(text):
    return '"' + re.sub(r'["\\`\n]', " ", text) + '"'


def colours(all_series):
    """The same transport and exporter has the same colour in each plot of a page."""
    exporters = results.unique(e for t, e, _ in sorted(all_series, key=results.series_order)
                               if t != "fileio")
    return {e: DMABUF[i % len(DMABUF)] for i, e in enumerate(exporters)}


def series_line(series, palette, dots, title=None, dash=None):
    transport, exporter, ring = series
    if transport == "fileio":
        colour, mark, kind = FILE_IO, 4, 1
    else:
        colour = palette[exporter]
        mark = MARKS[list(palette).index(exporter) % len(MARKS)]
        kind = {2: 4, 4: 1}.get(ring, 2)
    return Line(title or results.series_text(series), colour, mark, dash or kind, dots)


def size_tics(sizes):
    """A label at every size, or at every other, so that they do not run into each other."""
    powers = [1 << p for p in range(int(math.log2(min(sizes))), math.ceil(math.log2(max(sizes))) + 1)]
    step = -(-len(powers) // 10)
    return ", ".join(f"{quoted(results.size_text(size))} {size}" for size in powers[::step])


def split_ceilings(ceilings, top):
    """Those that can be drawn without pressing the lines flat, and the others."""
    near = {name: value for name, value in ceilings.items() if value <= 1.6 * top}
    return near, {name: value for name, value in ceilings.items() if name not in near}


def terminal_command(lines):
    """As high as the key needs: the plot itself has always the same height."""
    columns = max(1, min(4, WIDTH // (70 + 8 * max(len(line.title) for line in lines))))
    rows = -(-len(lines) // columns)
    return (f"set terminal svg size {WIDTH},{380 + 21 * rows} dynamic enhanced "
            "font \"sans-serif,14\"")


def axis_commands(title, ylabel, lines, log, ceilings):
    dots = [dot for line in lines for dot in line.dots]
    sizes = sorted({dot[0] for dot in dots})
    commands = [f"set title {quoted(title)}",
                f"set ylabel {quoted(ylabel)} textcolor rgb \"{INK}\"",
                f"set xtics ({size_tics(sizes)})",
                f"set xrange [{min(sizes) / 1.25:.0f}:{max(sizes) * 1.25:.0f}]"]
    if log:
        return commands + ["set logscale y 10", "set format y '%.0s%c'"]
    top = max([dot[3] for dot in dots] + list(ceilings.values()))
    return commands + [f"set yrange [0:{(1.2 if ceilings else 1.1) * top or 1:g}]"]


def ceiling_commands(near, far):
    """Their names stand at them: in the key they would make its columns wide."""
    def label(text, place):
        return f"set label {quoted(text)} at {place} noenhanced textcolor rgb \"{INK}\" font ',12'"

    commands = [label(f"{name} {results.number_text(value)}",
                      f"graph 0.02, first {value:g} left offset 0,0.6")
                for name, value in near.items()]
    far_text = ", ".join(f"{name} {results.number_text(value)}" for name, value in far.items())
    if far:
        commands.append(label(f"↑ {far_text}", "graph 0.99, 0.97 right"))
    return commands


def plot_command(lines, near):
    parts, data = [], []
    for number, value in enumerate(near.values()):
        parts.append(f"{value:g} with lines linecolor rgb \"{CEILING}\" linewidth 2 "
                     f"dashtype {2 + number} notitle")
    for line in lines:
        parts.append(f"'-' with yerrorlines linecolor rgb \"{line.colour}\" linewidth 2 "
                     f"pointtype {line.mark} pointsize 0.7 dashtype {line.dash} "
                     f"title {quoted(line.title)}")
        data += [" ".join(f"{value:.10g}" for value in dot) for dot in line.dots] + ["e"]
    return ["plot " + ", \\\n  ".join(parts)] + data


def run_gnuplot(script):
    run = subprocess.run(["gnuplot", "-"], input=script, text=True, capture_output=True)
    if run.returncode or "<svg" not in run.stdout:
        raise RuntimeError("gnuplot: " + run.stderr.strip())
    return run.stdout


def draw(title, ylabel, lines, log=False, ceilings=None):
    """An SVG document, or None: a single size is no plot."""
    lines = [line for line in lines if line.dots]
    if len({dot[0] for line in lines for dot in line.dots}) < 2:
        return None
    top = max(dot[1] for line in lines for dot in line.dots)
    near, far = split_ceilings(ceilings or {}, top)
    script = [terminal_command(lines), PREAMBLE] + axis_commands(title, ylabel, lines, log, near)
    script += ceiling_commands(near, far) + plot_command(lines, near)
    return run_gnuplot("\n".join(script) + "\n")


def as_uri(svg):
    """One file shall hold the page, and a text browser shall not print labels of axes."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
