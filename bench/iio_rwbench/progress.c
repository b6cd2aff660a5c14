// SPDX-License-Identifier: GPL-2.0
#include "progress.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static FILE *rows;
static bool live, live_shown, rows_wanted;

void progress_init(const struct cfg *cfg, FILE *out)
{
	rows = out;
	rows_wanted = cfg->interval_given;
	live = !rows_wanted && isatty(STDERR_FILENO);
}

static void tell(const struct result *r, uint64_t bytes, uint64_t ns)
{
	double rate = mib_per_s(bytes, ns);
	char size[32];

	progress_end();
	format_size(size, sizeof(size), r->block_bytes);
	if (r->warming_up) {
		fprintf(stderr, RWBENCH_NAME ": %s %s: warming up, %u blocks\n",
			transport_name(r->transport), size, r->warmup);
		return;
	}
	fprintf(stderr, RWBENCH_NAME ": %s %s: %" PRIu64 " blocks, %" PRIu64 " bytes in %.3f s, %.*f MiB/s, block time p50 %.1f us, p99 %.1f us; %" PRIu64 " transfers bad, of %" PRIu64 " not known\n",
		transport_name(r->transport), size, r->blocks, bytes, (double)ns / 1e9,
		figure_digits(rate, 1), rate, (double)hist_percentile(&r->times, 500) / 1000,
		(double)hist_percentile(&r->times, 990) / 1000, r->outcomes.bad,
		r->outcomes.count[OUT_UNKNOWN]);
}

static void show_live(const struct result *r, const char *size, double rate)
{
	fprintf(stderr, "\r%s %s: ", transport_name(r->transport), size);
	if (r->warming_up)
		fprintf(stderr, "warming up, %u blocks\033[K", r->warmup);
	else
		fprintf(stderr, "%.1f s, %.*f MiB/s\033[K", (double)r->elapsed_ns / 1e9,
			figure_digits(rate, 1), rate);
	fflush(stderr);
	live_shown = true;
}

void progress_show(const struct result *r, uint64_t bytes, uint64_t ns, bool asked)
{
	double rate = mib_per_s(bytes, ns);
	char size[32];

	if (asked) {
		tell(r, bytes, ns);
		return;
	}
	if (!live && !rows_wanted)
		return;

	format_size(size, sizeof(size), r->block_bytes);
	if (live) {
		show_live(r, size, rate);
		return;
	}
	fprintf(rows, "%8.2f s  %-6s %8s %10.*f MiB/s\n",
		(double)r->elapsed_ns / 1e9, transport_name(r->transport), size,
		figure_digits(rate, 1), rate);
	fflush(rows);
}

void progress_doing(const char *what)
{
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%s\033[K", what);
	fflush(stderr);
	live_shown = true;
}

void progress_trial(const struct result *r, uint64_t hz)
{
	double msps = (double)hz / 1e6;
	char size[32], what[96];

	format_size(size, sizeof(size), r->block_bytes);
	snprintf(what, sizeof(what), "%s %s: trial at %.*f MSPS",
		 transport_name(r->transport), size, figure_digits(msps, 3), msps);
	progress_doing(what);
}

void progress_end(void)
{
	if (!live_shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	live_shown = false;
}
