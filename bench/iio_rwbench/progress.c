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

void progress_show(const struct result *r, uint64_t bytes, uint64_t ns)
{
	char size[32];

	if (!live && !rows_wanted)
		return;

	format_size(size, sizeof(size), r->block_bytes);
	if (live) {
		fprintf(stderr, "\r%s %s: %.1f s, %.1f MiB/s\033[K",
			transport_name(r->transport), size,
			(double)r->elapsed_ns / 1e9, mib_per_s(bytes, ns));
		fflush(stderr);
		live_shown = true;
		return;
	}
	fprintf(rows, "%8.2f s  %-6s %8s %10.1f MiB/s\n",
		(double)r->elapsed_ns / 1e9, transport_name(r->transport), size,
		mib_per_s(bytes, ns));
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
	char size[32], what[96];

	format_size(size, sizeof(size), r->block_bytes);
	snprintf(what, sizeof(what), "%s %s: trial at %.3f MSPS",
		 transport_name(r->transport), size, (double)hz / 1e6);
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
