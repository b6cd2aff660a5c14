// SPDX-License-Identifier: GPL-2.0
#include "relay_report.h"

#include "gadget.h"

#include <inttypes.h>
#include <string.h>

#define CELL 16

static const char head1[] =
"                MiB/s      CPU us per MiB    instructions/KiB   syscalls per MiB   latency p50, blocks\n";
static const char head2[] =
"  block  copied  shared   copied   shared    copied   shared    copied   shared     copied  shared\n";
static const char row[] = "%7s %7s %7s %8s %8s  %8s %8s  %8s %8s   %8s %7s\n";

static const char proof_head1[] =
"        latency p50, us     latency p99, us        jumps      missing, bytes\n";
static const char proof_head2[] =
"  block  copied   shared   copied   shared  copied  shared   copied   shared\n";
static const char proof_row[] = "%7s %8s %8s %8s %8s %7s %7s %8s %8s\n";

/* A figure of one result; "-" if it has none */
typedef bool (*figure_fn)(const struct result *r, double *val);

static bool rate(const struct result *r, double *val)
{
	*val = mib_per_s(r->bytes, r->elapsed_ns);
	return true;
}

static bool cpu(const struct result *r, double *val)
{
	*val = result_cpu_us_per_mib(r);
	return true;
}

static bool instructions(const struct result *r, double *val)
{
	*val = result_instructions_per_mib(r) / 1024;
	return r->instructions.valid;
}

static bool syscalls(const struct result *r, double *val)
{
	*val = result_syscalls_per_mib(r);
	return true;
}

static bool latency_p50(const struct result *r, double *val)
{
	*val = (double)hist_percentile(&r->latency, 500) / 1000;
	return r->latency.count;
}

static bool latency_p99(const struct result *r, double *val)
{
	*val = (double)hist_percentile(&r->latency, 990) / 1000;
	return r->latency.count;
}

/* In units of the time that a block took */
static bool latency_blocks(const struct result *r, double *val)
{
	*val = (double)hist_percentile(&r->latency, 500) * (double)r->blocks /
	       (double)r->elapsed_ns;
	return r->latency.count;
}

static bool jumps(const struct result *r, double *val)
{
	*val = (double)r->checks.jumps;
	return r->checks.known;
}

static bool missing(const struct result *r, double *val)
{
	*val = (double)r->checks.lost_bytes;
	return r->checks.known;
}

struct column {
	figure_fn figure;
	int digits;		/* behind the point */
	bool small;		/* of a small figure three that say something */
};

static void fill(char *cell, const struct result *r, const struct column *c)
{
	double val;

	if (!r || !result_has_figures(r) || !r->elapsed_ns || !c->figure(r, &val))
		strcpy(cell, r && r->status ? "failed" : "-");
	else if (c->small)
		format_figure(cell, CELL, val, c->digits);
	else
		snprintf(cell, CELL, "%.*f", c->digits, val);
}

#define COLUMNS 5

/* Both ways of each column, as the cells of one row */
static void fill_row(char cell[2 * COLUMNS][CELL], const struct column *column, size_t n,
		     const struct result *copied, const struct result *shared)
{
	size_t i;

	for (i = 0; i < n; i++) {
		fill(cell[2 * i], copied, &column[i]);
		fill(cell[2 * i + 1], shared, &column[i]);
	}
}

static void print_row(FILE *out, const char *size, const struct result *copied,
		      const struct result *shared)
{
	static const struct column columns[COLUMNS] = {
		{ rate, 1, true }, { cpu, 1, false }, { instructions, 1, false },
		{ syscalls, 2, false }, { latency_blocks, 2, false },
	};
	char c[2 * COLUMNS][CELL];

	fill_row(c, columns, COLUMNS, copied, shared);
	fprintf(out, row, size, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9]);
}

static void print_proof_row(FILE *out, const char *size, const struct result *copied,
			    const struct result *shared)
{
	static const struct column columns[] = {
		{ latency_p50, 1, false }, { latency_p99, 1, false }, { jumps, 0, false },
		{ missing, 0, false },
	};
	char c[2 * COLUMNS][CELL];

	fill_row(c, columns, 4, copied, shared);
	fprintf(out, proof_row, size, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]);
}

/* One row per size, when the first of its results comes by */
static void print_rows(FILE *out, const struct report *rep,
		       void (*print)(FILE *out, const char *size, const struct result *copied,
				     const struct result *shared))
{
	const struct result *copied, *shared;
	char size[32];
	size_t i;

	for (i = 0; i < rep->nresults; i++) {
		copied = report_find(rep, rep->result[i].block_bytes, TR_FILEIO);
		shared = report_find(rep, rep->result[i].block_bytes, TR_DMABUF);
		if (&rep->result[i] != (copied ? copied : shared))
			continue;
		format_size(size, sizeof(size), rep->result[i].block_bytes);
		print(out, size, copied, shared);
	}
	fputc('\n', out);
}

static void print_ways(FILE *out, const struct cfg *cfg, const char *copied, const char *shared,
		       const char *end)
{
	if (cfg->transports & TR_FILEIO)
		fprintf(out, "copied: %s of each block\n", copied);
	if (cfg->transports & TR_DMABUF)
		fprintf(out, "shared: %u DMABUFs that both have, %s of each block, no SYNC\n",
			cfg->nblocks, shared);
	fprintf(out, "latency: of a sample, from its end of transfer in to its end of transfer out;\n"
		"  copied: as %s tells; shared: between the fences of some of the blocks\n", end);
}

static void print_header(FILE *out, const struct report *rep)
{
	const struct cfg *cfg = rep->cfg;
	const struct iio_dev *to = rep->dev->to;

	report_machine(out, rep);
	if (to->gadget) {
		fprintf(out, "to the USB host of %s (%s, %s), each block at once\n", to->name,
			to->gadget->controller[0] ? to->gadget->controller : "a controller",
			to->gadget->speed[0] ? to->gadget->speed : "at an unknown speed");
		print_ways(out, cfg, "poll(), read() and write()", "TRANSFER and ENQUEUE",
			   "write()");
	} else {
		fprintf(out, "to %s (%s), %u bytes per sample, which begins with %d blocks\n",
			to->name, to->id, to->scan_bytes, RELAY_LEAD);
		print_ways(out, cfg, "poll(), read(), poll() and write()", "two ENQUEUE",
			   "poll()");
	}
	fprintf(out, "at least the first %u blocks of each run not counted\n", cfg->warmup);
	if (cfg->note)
		fprintf(out, "note: %s\n", cfg->note);
	fputc('\n', out);
}

void relay_report(FILE *out, const struct report *rep)
{
	size_t i;

	print_header(out, rep);
	fprintf(out, "%s%s", head1, head2);
	print_rows(out, rep, print_row);
	fprintf(out, "%s%s", proof_head1, proof_head2);
	print_rows(out, rep, print_proof_row);
	for (i = 0; i < rep->nresults; i++)
		report_notes(out, rep, &rep->result[i]);
	fputs(!rep->cfg->checker ? "What was sent was not checked (--checker).\n" :
	      rep->dev->to->gadget ? "jumps: words that did not continue the counter of the host; missing: what these left out.\n" :
	      "jumps: words of what was sent that did not continue the counter; missing: underflow.\n", out);
}
