// SPDX-License-Identifier: GPL-2.0
#include "sweep_report.h"

#include "json.h"
#include "progress.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define CELL 16

/* Headings and rows together, so that they line up */
static const char head[] =
"  block  memory               cpu      MiB/s  +-% %max  p99 us instr/block  irqs  segs\n";
static const char row[] = "%7s  %-17s%3s %-4s %9s %4s %4s %7s %11s %5s %5s\n";

static void cell_num(char *cell, double val)
{
	if (isnan(val))
		strcpy(cell, "-");
	else
		snprintf(cell, CELL, "%.*f", val < 10 ? 1 : 0, val);
}

static double median(const struct sweep *s, const struct point *p,
		     const char *name)
{
	struct spread spread;

	return sweep_spread(s, p, metric_index(name), &spread) ? spread.median :
								 NAN;
}

/* Half of the interval around the median */
static void cell_spread(char *cell, const struct sweep *s, const struct point *p)
{
	struct spread sp;

	strcpy(cell, "-");
	if (p->runs > 1 && sweep_spread(s, p, metric_index("mib_per_s"), &sp) &&
	    sp.median > 0)
		snprintf(cell, CELL, "%.1f",
			 (sp.high - sp.low) / 2 / sp.median * 100);
}

/* The converter limits all; memcpy only what copies. 0: unknown */
static double ceiling(const struct sweep *s, const struct point *p)
{
	if (s->line_mib_per_s > 0)
		return s->line_mib_per_s;
	if (p->transport == TR_FILEIO || p->work == WORK_COPY)
		return s->memcpy_mib_per_s;
	return 0;
}

static void cell_share(char *cell, const struct sweep *s, const struct point *p)
{
	double most = ceiling(s, p);

	strcpy(cell, "-");
	if (p->runs && most > 0)
		snprintf(cell, CELL, "%.0f",
			 median(s, p, "mib_per_s") / most * 100);
}

static const char *memory_name(const struct point *p)
{
	if (p->exporter[0])
		return p->exporter;
	return p->transport == TR_FILEIO ? "file I/O" : "DMABUF";
}

static void print_point(FILE *out, const struct sweep *s, const struct point *p)
{
	char size[32], ring[CELL], rate[CELL], spread[CELL], share[CELL];
	char p99[CELL], instr[CELL], irqs[CELL], segs[CELL] = "-";

	format_size(size, sizeof(size), p->block_bytes);
	snprintf(ring, CELL, "%u", p->ring);
	if (p->runs)
		format_figure(rate, CELL, median(s, p, "mib_per_s"), 1);
	else
		strcpy(rate, p->status ? "failed" : "-");
	cell_spread(spread, s, p);
	cell_share(share, s, p);
	cell_num(p99, median(s, p, "block_time_p99_ns") / 1000);
	cell_num(instr, median(s, p, "instructions_per_block"));
	cell_num(irqs, median(s, p, "interrupts_per_block"));
	if (p->layout.dmabufs)
		snprintf(segs, CELL, "%" PRIu64,
			 p->layout.segments / p->layout.dmabufs);
	fprintf(out, row, size, memory_name(p), ring, work_name(p->work), rate,
		spread, share, p99, instr, irqs, segs);
}

/* -1: nothing ran */
static double least_confidence(const struct sweep *s)
{
	double least = -1, has;
	size_t i;

	for (i = 0; i < s->npoints; i++) {
		if (!s->point[i].runs)
			continue;
		has = sweep_confidence(s, &s->point[i]);
		if (least < 0 || has < least)
			least = has;
	}
	return least;
}

static void print_failures(FILE *out, const struct sweep *s)
{
	char size[32];
	size_t i;

	for (i = 0; i < s->npoints; i++) {
		const struct point *p = &s->point[i];

		if (!p->status)
			continue;
		format_size(size, sizeof(size), p->block_bytes);
		fprintf(out, "%s %s %s failed: %s\n", size, memory_name(p),
			work_name(p->work), p->error);
	}
}

/* What the figures of some points are not proof of */
static void print_remarks(FILE *out, const struct sweep *s)
{
	size_t unknown = 0, overflow = 0, i;

	for (i = 0; i < s->npoints; i++) {
		unknown += s->point[i].unknown > 0;
		overflow += s->point[i].overflow == OVERFLOW_YES;
	}
	if (unknown)
		fprintf(out, "at %zu of %zu points it is not known of all transfers whether they were good (--evidence)\n",
			unknown, s->npoints);
	if (overflow)
		fprintf(out, "at %zu of %zu points the FPGA core says that samples were lost (overflow)\n",
			overflow, s->npoints);
}

void sweep_report_table(FILE *out, const struct report *rep,
			const struct sweep *s)
{
	double confidence = least_confidence(s);
	const struct cfg *cfg = s->cfg;
	size_t i;

	report_machine(out, rep);
	fprintf(out, "medians of %u runs of %.3g s, at least %u blocks; ",
		cfg->plan.repeat, (double)cfg->duration_ns / 1e9,
		cfg->min_blocks);
	if (confidence < 0)
		fprintf(out, "no run was good\n");
	else
		fprintf(out, "+-: half the interval with %.1f %%\n",
			confidence * 100);
	fprintf(out, "behind the memory: blocks in the ring; p99: from one block to the next\n");
	fprintf(out, "%%max: of the line rate; without one, of memcpy, for what copies\n");
	fprintf(out, "ceilings: memcpy %.0f MiB/s", s->memcpy_mib_per_s);
	if (s->line_mib_per_s > 0)
		fprintf(out, ", line rate %.*f MiB/s", figure_digits(s->line_mib_per_s, 1),
			s->line_mib_per_s);
	fputs("\n", out);
	if (!s->counters.n)
		fputs("instructions cannot be counted here\n", out);
	if (cfg->note)
		fprintf(out, "note: %s\n", cfg->note);
	fputs("\n", out);

	fputs(head, out);
	for (i = 0; i < s->npoints; i++)
		print_point(out, s, &s->point[i]);
	print_remarks(out, s);
	print_failures(out, s);
	fflush(out);
}

static void json_or_null(struct json *j, const char *key, double val)
{
	if (val > 0)
		json_figure(j, key, val);
	else
		json_null(j, key);
}

static void json_tags(struct json *j, const struct plan *plan)
{
	char key[64];
	size_t i;

	json_object(j, "tags");
	for (i = 0; i < plan->ntags; i++) {
		const char *equals = strchr(plan->tag[i], '=');

		snprintf(key, sizeof(key), "%.*s",
			 (int)(equals - plan->tag[i]), plan->tag[i]);
		json_str(j, key, equals + 1);
	}
	json_end_object(j);
}

static void json_plan(struct json *j, const struct sweep *s)
{
	const struct cfg *cfg = s->cfg;

	json_object(j, "settings");
	json_u64(j, "repeat", cfg->plan.repeat);
	json_num(j, "confidence_wanted", cfg->plan.confidence / 100.0, 2);
	json_u64(j, "duration_ns", cfg->duration_ns);
	json_str(j, "evidence", evidence_name(cfg->evidence));
	json_u64(j, "min_blocks", cfg->min_blocks);
	if (cfg->warmup == UINT32_MAX)
		json_null(j, "warmup_blocks");
	else
		json_u64(j, "warmup_blocks", cfg->warmup);
	json_u64(j, "alloc_unit", cfg->alloc_unit);
	json_str(j, "order", "alternating");
	json_bool(j, "times", cfg->times);
	json_end_object(j);
	json_object(j, "counters");
	json_bool(j, "instructions", s->counters.n > 0);
	json_u64(j, "cpus", s->counters.n);
	json_end_object(j);
	json_object(j, "ceilings");
	json_or_null(j, "memcpy_mib_per_s", s->memcpy_mib_per_s);
	json_or_null(j, "line_rate_mib_per_s", s->line_mib_per_s);
	json_end_object(j);
}

static void json_metric(struct json *j, const struct sweep *s,
			const struct point *p, size_t metric)
{
	struct spread spread;
	unsigned int i;

	if (!sweep_spread(s, p, metric, &spread)) {
		json_null(j, metrics[metric].name);
		return;
	}
	json_object(j, metrics[metric].name);
	json_figure(j, "median", spread.median);
	json_figure(j, "low", spread.low);
	json_figure(j, "high", spread.high);
	json_array(j, "values");
	for (i = 0; i < p->runs; i++)
		json_figure(j, NULL, p->value[metric][i]);
	json_end_array(j);
	json_end_object(j);
}

static void json_layout(struct json *j, const struct layout *l)
{
	if (!l->dmabufs) {
		json_null(j, "layout");
		return;
	}
	json_object(j, "layout");
	json_num(j, "pages", (double)l->pages / l->dmabufs, 2);
	json_num(j, "segments", (double)l->segments / l->dmabufs, 2);
	json_u64(j, "largest_segment_bytes", l->largest);
	json_end_object(j);
}

static void json_point(struct json *j, const struct sweep *s,
		       const struct point *p)
{
	size_t i;

	json_object(j, NULL);
	json_str(j, "transport", transport_name(p->transport));
	if (p->exporter[0])
		json_str(j, "exporter", p->exporter);
	else
		json_null(j, "exporter");
	json_u64(j, "block_bytes", p->block_bytes);
	json_u64(j, "ring_blocks", p->ring);
	json_str(j, "cpu", work_name(p->work));
	json_layout(j, &p->layout);
	json_u64(j, "runs", p->runs);
	json_str(j, "outcome", p->unknown ? "not known" : "known");
	json_u64(j, "transfers_not_known", p->unknown);
	if (p->overflow == OVERFLOW_UNKNOWN)
		json_null(j, "overflow");
	else
		json_bool(j, "overflow", p->overflow == OVERFLOW_YES);
	json_u64(j, "blocks", p->blocks);
	json_num(j, "confidence", sweep_confidence(s, p), 4);
	json_object(j, "metrics");
	for (i = 0; i < METRICS; i++)
		json_metric(j, s, p, i);
	json_end_object(j);
	if (p->status) {
		json_u64(j, "status", (uint64_t)p->status);
		json_str(j, "error", p->error);
	}
	json_end_object(j);
}

void sweep_report_json(FILE *out, const struct report *rep,
		       const struct sweep *s)
{
	struct json j;
	size_t i;

	json_init(&j, out);
	report_json_begin(&j, rep, SWEEP_SCHEMA, SWEEP_SCHEMA_VERSION);
	json_tags(&j, &rep->cfg->plan);
	/* Not before a device was found */
	if (s->cfg)
		json_plan(&j, s);
	json_array(&j, "points");
	for (i = 0; i < s->npoints; i++)
		json_point(&j, s, &s->point[i]);
	json_end_array(&j);
	report_json_end(&j, rep);
}

void sweep_report_doing(const struct sweep *s, const struct point *p,
			unsigned int run)
{
	char size[32], what[128];

	format_size(size, sizeof(size), p->block_bytes);
	snprintf(what, sizeof(what), "run %u of %u: %s %s, %s", run + 1,
		 s->cfg->plan.repeat,
		 memory_name(p), size, work_name(p->work));
	progress_doing(what);
}

/* The median of each metric, an empty field where there is none */
static void csv_point(FILE *out, const struct sweep *s, const struct point *p)
{
	static const char *const overflow[] = { "", "0", "1" };
	struct spread spread;
	size_t i;

	fprintf(out, "%s,", transport_name(p->transport));
	csv_text(out, p->exporter);
	fprintf(out, ",%" PRIu64 ",%u,%s,%u,%" PRIu64 ",%" PRIu64 ",%s", p->block_bytes, p->ring,
		work_name(p->work), p->runs, p->blocks, p->unknown, overflow[p->overflow]);
	for (i = 0; i < METRICS; i++) {
		fputc(',', out);
		if (sweep_spread(s, p, i, &spread))
			csv_figure(out, spread.median);
	}
	fprintf(out, ",%d,", p->status);
	csv_text(out, p->error);
	fputs("\r\n", out);
}

void sweep_report_csv(FILE *out, const struct sweep *s)
{
	size_t i;

	fputs("transport,exporter,block_bytes,ring_blocks,cpu,runs,blocks,transfers_not_known,overflow",
	      out);
	for (i = 0; i < METRICS; i++)
		fprintf(out, ",%s", metrics[i].name);
	fputs(",status,error\r\n", out);
	for (i = 0; i < s->npoints; i++)
		csv_point(out, s, &s->point[i]);
}
