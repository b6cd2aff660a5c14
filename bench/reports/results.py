# SPDX-License-Identifier: GPL-2.0
"""Reads the JSON of iio_rwbench, of its sweep, and of ci/bench and bench/zcu102/run,
which hold several of them, into one form. What the other scripts here share."""

import json
import sys

BUNDLE = "iio-dmabuf-bench"
RUN = "iio_rwbench"
SWEEP = "iio_rwbench-sweep"

# name -> (unit, better: +1 higher, -1 lower, 0 neither, text)
METRICS = {
    "mib_per_s": ("MiB/s", 1, "Throughput"),
    "busy_ns_per_mib": ("us/MiB", -1, "CPU time of the machine per MiB"),
    "process_ns_per_mib": ("us/MiB", -1, "CPU time of the process per MiB"),
    "latency_p50_ns": ("us", -1, "ENQUEUE to completion, median"),
    "latency_p99_ns": ("us", -1, "ENQUEUE to completion, 99 %"),
    "latency_max_ns": ("us", -1, "ENQUEUE to completion, longest"),
    "block_time_p50_ns": ("us", -1, "Block to block, median"),
    "block_time_p99_ns": ("us", -1, "Block to block, 99 %"),
    "block_time_max_ns": ("us", -1, "Block to block, longest"),
    "wait_ns_per_block": ("us", 0, "In poll() per block"),
    "enqueue_ns_per_block": ("us", -1, "In ENQUEUE per block"),
    "enqueue_disabled_ns_per_block": ("us", -1, "In ENQUEUE per block, buffer disabled"),
    "sync_ns_per_block": ("us", -1, "In SYNC per block"),
    "read_ns_per_block": ("us", -1, "In read() per block"),
    "work_ns_per_block": ("us", -1, "In the work on the data per block"),
    "syscalls_per_block": ("", -1, "System calls per block"),
    "interrupts_per_block": ("", -1, "Interrupts per block"),
    "instructions_per_block": ("", -1, "Instructions per block"),
    "instructions_user_per_block": ("", -1, "Instructions per block, user"),
    "instructions_kernel_per_block": ("", -1, "Instructions per block, kernel"),
    "instructions_per_mib": ("", -1, "Instructions per MiB"),
    "lost_samples": ("", -1, "Lost samples"),
    "max_rate_hz": ("MSPS", 1, "Highest rate without loss"),
}

# What figures in these units are divided by for print
SCALE = {"us": 1e3, "us/MiB": 1e3, "MSPS": 1e6}

WORK = {
    "none": "data not touched, no SYNC",
    "sync": "SYNC, data not looked at",
    "read": "each byte read",
    "copy": "each byte copied",
    "pipe": "written to a pipe",
    "file": "written to a file",
    "verify": "each word checked",
    "edges": "first and last word of each block checked",
}


# /proc/stat counts in steps of 10 ms: in a shorter run its figures are noise
LEAST_SECONDS = 0.5

# MiB/s: 64 bits at 100 MHz, the bus of the emulated board
MEMORY_PORT = 762.94

# The first of these that two points both have
CPU_TIME = ("busy_ns_per_mib", "process_ns_per_mib")


class BadDocument(Exception):
    pass


class Metric:
    """A median and the interval that it lies in; without repeats the interval is a point."""

    def __init__(self, median, low=None, high=None, count=1):
        self.median = median
        self.low = median if low is None else low
        self.high = median if high is None else high
        self.count = count


class Point:
    def __init__(self, key, metrics, layout=None, error=None, confidence=None):
        self.transport, self.exporter, self.block_bytes, self.ring_blocks, self.cpu = key
        self.key = key
        self.metrics = metrics
        self.layout = layout
        self.error = error
        self.confidence = confidence

    @property
    def series(self):
        """What a line in a plot and a column in a table is."""
        return self.transport, self.exporter, self.ring_blocks

    def does(self, cpu):
        """File I/O has no SYNC: it belongs beside DMABUF with it as well as without."""
        idle = ("none", "sync")
        return self.cpu == cpu or (self.transport == "fileio" and self.cpu in idle and cpu in idle)

    def get(self, name):
        return self.metrics.get(name)

    def median(self, name):
        metric = self.metrics.get(name)
        return metric.median if metric else None


class Section:
    """One run of iio_rwbench: a device in one setting."""

    def __init__(self, name, raw, points, ceilings):
        self.name = name
        self.raw = raw
        self.points = points
        self.ceilings = ceilings

    @property
    def rate(self):
        return self.raw.get("device", {}).get("sampling_frequency") or None

    @property
    def works(self):
        works = unique(p.cpu for p in self.points)
        of_dmabuf = unique(p.cpu for p in self.points if p.transport == "dmabuf")
        if "sync" in of_dmabuf and "none" not in of_dmabuf:
            works = [cpu for cpu in works if cpu != "none"]
        return sorted(works, key=lambda cpu: list(WORK).index(cpu) if cpu in WORK else len(WORK))

    def of(self, cpu):
        return [point for point in self.points if point.does(cpu)]

    def series(self, cpu):
        return sorted(unique(p.series for p in self.of(cpu)), key=series_order)

    def sizes(self, cpu):
        return sorted({p.block_bytes for p in self.of(cpu)})

    def find(self, series, block_bytes, cpu):
        for point in self.of(cpu):
            if (point.series, point.block_bytes) == (series, block_bytes):
                return point
        return None

    @property
    def rings(self):
        """Numbers of blocks that DMABUF had: to be told apart only if there are several."""
        return sorted({p.ring_blocks for p in self.points if p.transport == "dmabuf"})

    def name_of(self, series):
        return series_text(series, rings=len(self.rings) > 1)

    def has(self, name, cpu):
        return any(p.get(name) for p in self.of(cpu))


class Document:
    def __init__(self, path, raw, sections):
        self.path = path
        self.raw = raw
        self.sections = sections
        self.label = path

    @property
    def first(self):
        return self.sections[0].raw

    @property
    def clock(self):
        """"virtual", "wall", or None when the document does not say."""
        clock = self.raw.get("clock")
        if not isinstance(clock, str):
            clock = self.first.get("tags", {}).get("clock")
        return {"icount": "virtual"}.get(clock, clock)

    @property
    def emulated(self):
        return "QEMU" in self.first.get("system", {}).get("model", "")


def unique(items):
    return list(dict.fromkeys(items))


def series_order(series):
    transport, exporter, ring = series
    return transport != "fileio", exporter or "", ring


def size_text(size):
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 1 << shift and size % (1 << shift) == 0:
            return f"{size >> shift} {unit}"
    return f"{size} B"


def series_text(series, rings=True):
    transport, exporter, ring = series
    if transport == "fileio":
        return "file I/O"
    text = "DMABUF"
    if exporter:
        heap = exporter.removeprefix("heap:")
        text += f" {exporter}" if heap == exporter else f" {heap} heap"
    return text + (f", {ring} blocks" if rings else "")


def scaled(name, value):
    return value / SCALE.get(METRICS[name][0], 1)


def number_text(value):
    """Four digits that count, and never an exponent."""
    if value is None:
        return "-"
    if value == int(value):
        return f"{value:.0f}"
    for limit, digits in ((0.1, 4), (10, 3), (100, 2), (10000, 1)):
        if abs(value) < limit:
            return f"{value:.{digits}f}"
    return f"{value:.0f}"


def metric_text(name, metric):
    """The median, with the half width of its interval where that can be seen."""
    if metric is None:
        return "-"
    text = number_text(scaled(name, metric.median))
    if metric.count > 1 and metric.median:
        spread = max(metric.high - metric.median, metric.median - metric.low)
        if spread / abs(metric.median) >= 0.5:
            low, high = (number_text(scaled(name, v)) for v in (metric.low, metric.high))
            text += f" ({low} to {high})"
        elif spread / abs(metric.median) >= 0.0005:
            text += f" ± {100 * spread / abs(metric.median):.1f} %"
    return text


# --- iio_rwbench -B: one figure each

def run_work(settings):
    if settings.get("verify") == "full":
        return "verify"
    if settings.get("touch"):
        return "read"
    if settings.get("verify") == "edges":
        return "edges"
    return "sync" if settings.get("sync") == "block" else "none"


def run_metrics(result, cpus):
    blocks, mib = result["blocks"], result["bytes"] / 2**20
    values = {"mib_per_s": result["mib_per_s"], "lost_samples": result.get("lost_samples"),
              "max_rate_hz": result.get("max_rate_hz")}
    times = result.get("block_time", {})
    for which in ("p50", "p99", "max"):
        values[f"block_time_{which}_ns"] = times.get(f"{which}_ns")
    if blocks and mib:
        values["syscalls_per_block"] = result["syscalls"] / blocks
        if result.get("irqs_per_mib") is not None:
            values["interrupts_per_block"] = result["irqs_per_mib"] * mib / blocks
        if result.get("cpu_busy") is not None and result["elapsed_ns"] >= LEAST_SECONDS * 1e9:
            values["busy_ns_per_mib"] = result["cpu_busy"] * cpus * result["elapsed_ns"] / mib
        if "user_ns" in result:
            # With the warm-up, as far as the tool says how long that was
            mib += result.get("warmup_blocks", 0) * result["block_bytes"] / 2**20
            values["process_ns_per_mib"] = (result["user_ns"] + result["sys_ns"]) / mib
    return {name: Metric(value) for name, value in values.items() if value is not None}


def run_points(raw):
    cpu = run_work(raw["settings"])
    points = []
    for result in raw["results"]:
        key = (result["transport"], result["exporter"], result["block_bytes"],
               result["ring_blocks"], cpu)
        error = result.get("error")
        metrics = {} if error else run_metrics(result, raw["system"]["cpus"])
        points.append(Point(key, metrics, error=error))
    return points


# --- iio_rwbench sweep

def sweep_metric(raw):
    return Metric(raw["median"], raw["low"], raw["high"], len(raw["values"]))


def run_seconds(point):
    """The length of a run of this point, about."""
    rate = point["metrics"].get("mib_per_s")
    if not rate or not rate["median"] or not point["runs"]:
        return 0
    return point["blocks"] / point["runs"] * point["block_bytes"] / 2**20 / rate["median"]


def sweep_metrics(point):
    metrics = {name: sweep_metric(metric) for name, metric in point["metrics"].items()
               if metric is not None and name in METRICS}
    # Of tools that gave it all the same
    if run_seconds(point) < 0.9 * LEAST_SECONDS:
        metrics.pop("busy_ns_per_mib", None)
    return metrics


def sweep_points(raw):
    points = []
    for point in raw["points"]:
        key = (point["transport"], point["exporter"], point["block_bytes"],
               point["ring_blocks"], point["cpu"])
        points.append(Point(key, sweep_metrics(point), point.get("layout"), point.get("error"),
                            point.get("confidence")))
    return points


def line_rate(raw):
    device = raw.get("device", {})
    rate = device.get("sampling_frequency")
    return rate * device["sample_bytes"] / 2**20 if rate else None


def make_section(name, raw):
    if raw.get("schema_version") != 1:
        raise BadDocument(f"schema version {raw.get('schema_version')}, not 1")
    if raw.get("schema") == RUN:
        points, ceilings = run_points(raw), {}
    elif raw.get("schema") == SWEEP:
        points, ceilings = sweep_points(raw), raw.get("ceilings", {})
    else:
        raise BadDocument(f"\"{raw.get('schema')}\" is no schema of iio_rwbench")
    known = {"line rate": ceilings.get("line_rate_mib_per_s") or line_rate(raw),
             "memcpy": ceilings.get("memcpy_mib_per_s")}
    return Section(name, raw, points, {k: v for k, v in known.items() if v})


def make_document(path, raw):
    if not isinstance(raw, dict):
        raise BadDocument("not an object")
    if raw.get("schema") != BUNDLE:
        return Document(path, raw, [make_section("", raw)])
    if raw.get("schema_version") != 1:
        raise BadDocument(f"schema version {raw.get('schema_version')}, not 1")
    sections = [make_section(name, part) for name, part in raw["reports"].items()]
    if not sections:
        raise BadDocument("no reports in it")
    for section in sections:
        for copy in raw.get("gdma_ceiling", [])[-1:]:
            section.ceilings["GDMA copy"] = copy["mib_per_s"]
        section.ceilings.update(raw.get("ceilings", {}))
    return Document(path, raw, sections)


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            return make_document(path, json.load(file))
    except OSError as error:
        raise BadDocument(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadDocument(f"{path}: not a report of iio_rwbench ({error})") from None
    except BadDocument as error:
        raise BadDocument(f"{path}: {error}") from None


# --- two of them

class Difference:
    """One metric of one point in two documents. "worse" and "better" only if the intervals
    of the medians do not touch and the medians differ by more than the tolerance."""

    def __init__(self, section, points, name, tolerance):
        self.section, self.name = section, name
        self.old_point, self.point = points
        old, new = points[0].get(name), points[1].get(name)
        self.old, self.new = old, new
        direction = METRICS[name][1]
        apart = new.low > old.high or new.high < old.low
        if old.median:
            self.change = new.median / old.median - 1
        else:
            self.change = 0.0 if not new.median else float("inf")
        self.verdict = "same"
        if apart and abs(self.change) > tolerance:
            rise = new.median > old.median
            self.verdict = "better" if rise == (direction > 0) else "worse"


class Comparison:
    def __init__(self):
        self.differences = []
        self.failed = []
        self.only_old = []
        self.only_new = []
        self.missing = []  # of only_old, those that had figures

    def count(self, verdict):
        return sum(d.verdict == verdict for d in self.differences)

    @property
    def regression(self):
        return bool(self.failed or self.missing) or self.count("worse") > 0

    def doubtful(self, wanted):
        """The least confidence of the points, if that is below the one wanted; or None."""
        known = [point.confidence for difference in self.differences
                 for point in (difference.old_point, difference.point)
                 if point.confidence is not None]
        return min(known) if known and min(known) < wanted else None


def pair_sections(old, new):
    """By name; a document with a single section fits any other with a single one."""
    if len(old.sections) == len(new.sections) == 1:
        return [(old.sections[0], new.sections[0])]
    names = {section.name: section for section in new.sections}
    return [(s, names[s.name]) for s in old.sections if s.name in names]


def compare_points(result, section, old, new, names, tolerance):
    if new.error and not old.error:
        result.failed.append((section, new))
    for name in names:
        choice = (name,) if isinstance(name, str) else name
        both = [n for n in choice if old.get(n) and new.get(n)]
        if both:
            result.differences.append(Difference(section, (old, new), both[0], tolerance))


def unpaired(document, paired):
    return [(section.name, point) for section in document.sections
            if section not in paired for point in section.points]


def compare(old, new, names, tolerance):
    """Of names that stand together in a tuple, the first that both points have."""
    result = Comparison()
    pairs = pair_sections(old, new)
    result.only_old += unpaired(old, [a for a, _ in pairs])
    result.only_new += unpaired(new, [b for _, b in pairs])
    for a, b in pairs:
        points = {point.key: point for point in b.points}
        for point in a.points:
            match = points.pop(point.key, None)
            if match is None:
                result.only_old.append((a.name, point))
            else:
                compare_points(result, b.name, point, match, names, tolerance)
        result.only_new += [(b.name, point) for point in points.values()]
    result.missing = [(name, point) for name, point in result.only_old if point.metrics]
    return result


def complain(text):
    print(f"{sys.argv[0].rsplit('/', 1)[-1]}: {text}", file=sys.stderr)
