// SPDX-License-Identifier: GPL-2.0
/* Results as CSV (RFC 4180): a line of names, and one for each result */
#include "report.h"

#include <inttypes.h>
#include <string.h>

void csv_text(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\n")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

void csv_figure(FILE *out, double val)
{
	fprintf(out, "%.*f", figure_digits(val, 3), val);
}

/* The median, p99 and the greatest have columns anyhow */
static bool has_column(unsigned int ppm)
{
	return ppm == 500000 || ppm == 990000 || ppm == 1000000;
}

static void print_names(FILE *out, const struct report *rep)
{
	size_t i;

	fputs("transport,exporter,block_bytes,ring_blocks,bytes,elapsed_ns,mib_per_s,blocks,cpu_busy,block_time_p50_ns,block_time_p99_ns,block_time_max_ns",
	      out);
	for (i = 0; i < rep->cfg->npercentiles; i++)
		if (!has_column(rep->cfg->percentile[i]))
			fprintf(out, ",block_time_p%g_ns", rep->cfg->percentile[i] / 10000.0);
	fputs(",syscalls_per_mib,irqs_per_mib,lost_samples,transfers_bad,transfers_not_known,overflow,underflow",
	      out);
	if (rep->cfg->checker)
		fputs(",sent_jumps,sent_lost_bytes", out);
	if (rep->cfg->relay)
		fputs(",latency_p50_ns,latency_p99_ns,process_ns_per_mib,instructions_per_mib",
		      out);
	fputs(",max_rate_hz,status,error\r\n", out);
}

static void print_times(FILE *out, const struct report *rep, const struct result *r)
{
	size_t i;

	fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, hist_percentile(&r->times, 500),
		hist_percentile(&r->times, 990), r->times.max);
	for (i = 0; i < rep->cfg->npercentiles; i++)
		if (!has_column(rep->cfg->percentile[i]))
			fprintf(out, ",%" PRIu64, hist_quantile(&r->times, rep->cfg->percentile[i]));
}

static void print_costs(FILE *out, const struct result *r)
{
	fputc(',', out);
	if (r->bytes)
		csv_figure(out, result_syscalls_per_mib(r));
	fputc(',', out);
	if (result_has_irqs(r))
		csv_figure(out, result_irqs_per_mib(r));
}

static void print_proof(FILE *out, const struct result *r)
{
	static const char *const overflow[] = { "", "0", "1" };

	fputc(',', out);
	if (r->verify.mode != VERIFY_OFF)
		fprintf(out, "%" PRIu64, result_lost_samples(r));
	fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%s,%s", r->outcomes.bad,
		r->outcomes.count[OUT_UNKNOWN], overflow[r->overflow],
		overflow[r->underflow]);
}

static void print_relay(FILE *out, const struct result *r)
{
	fputc(',', out);
	if (r->latency.count)
		fprintf(out, "%" PRIu64, hist_percentile(&r->latency, 500));
	fputc(',', out);
	if (r->latency.count)
		fprintf(out, "%" PRIu64, hist_percentile(&r->latency, 990));
	fputc(',', out);
	if (r->bytes)
		fprintf(out, "%.1f", result_cpu_us_per_mib(r) * 1000);
	fputc(',', out);
	if (r->bytes && r->instructions.valid)
		fprintf(out, "%.1f", result_instructions_per_mib(r));
}

static void print_checks(FILE *out, const struct checks *c)
{
	if (c->known)
		fprintf(out, ",%" PRIu64 ",%" PRIu64, c->jumps, c->lost_bytes);
	else
		fputs(",,", out);
}

static void print_result(FILE *out, const struct report *rep, size_t i)
{
	const struct max_rate *m = rep->max_rate ? &rep->max_rate[i] : NULL;
	const struct result *r = &rep->result[i];

	fprintf(out, "%s,", transport_name(r->transport));
	csv_text(out, r->exporter);
	fprintf(out, ",%" PRIu64 ",%u,%" PRIu64 ",%" PRIu64 ",", r->block_bytes,
		r->nblocks, r->bytes, r->elapsed_ns);
	csv_figure(out, mib_per_s(r->bytes, r->elapsed_ns));
	fprintf(out, ",%" PRIu64 ",", r->blocks);
	if (r->stat_valid && r->cpu_busy >= 0)
		fprintf(out, "%.4f", r->cpu_busy);
	print_times(out, rep, r);
	print_costs(out, r);
	print_proof(out, r);
	if (rep->cfg->checker)
		print_checks(out, &r->checks);
	if (rep->cfg->relay)
		print_relay(out, r);
	fputc(',', out);
	if (m && m->known)
		fprintf(out, "%" PRIu64, m->hz);
	fprintf(out, ",%d,", r->status);
	csv_text(out, r->error);
	fputs("\r\n", out);
}

void report_csv(FILE *out, const struct report *rep)
{
	size_t i;

	print_names(out, rep);
	for (i = 0; i < rep->nresults; i++)
		print_result(out, rep, i);
}
