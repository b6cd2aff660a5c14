// SPDX-License-Identifier: GPL-2.0
/* Results as text */
#include "report.h"

#include "machine.h"
#include "overflow.h"

#include <inttypes.h>
#include <string.h>

#define CELL		16
#define TEXT_EVENTS	4	/* JSON has more of them */

/* All headings and rows of the tables, together, so that they line up */
static const char head1[] =
"                MiB/s             CPU busy %  block time, p99 us  lost, samples\n";
static const char head2[] =
"  block file I/O   DMABUF  ratio  file   dma     file      dma    file     dma\n";
static const char row[] = "%7s %8s %8s %6s %5s %5s %8s %8s %7s %7s\n";

static const char cost_head1[] =
"        syscalls per MiB   interrupts per MiB";
static const char cost_head2[] =
"  block file I/O   DMABUF  file I/O    DMABUF";
static const char cost_row[] = "%7s %8s %8s %9s %9s";
static const char max_head1[] = "  highest rate, MSPS";
static const char max_head2[] = "   file I/O    DMABUF";
static const char max_row[] = "  %9s %9s";

static size_t selected_channels(const struct iio_dev *dev)
{
	size_t i, n = 0;

	for (i = 0; i < dev->nchan; i++)
		n += dev->chan[i].selected;
	return n;
}

static const char *used_exporter(const struct report *rep)
{
	size_t i;

	for (i = 0; i < rep->nresults; i++)
		if (rep->result[i].exporter[0])
			return rep->result[i].exporter;
	return rep->cfg->exporter;
}

static const char *look_name(const struct cfg *cfg)
{
	if (cfg->counter)
		return "each word of a counter written";
	if (cfg->verify == VERIFY_FULL)
		return "each word checked";
	if (cfg->verify == VERIFY_EDGES)
		return "first and last word of each block checked";
	if (cfg->work == WORK_READ)
		return "each byte read";
	return cfg->write ? "data left as it was" : "data not looked at";
}

static const char *means_name(const struct outcomes *all)
{
	if (all->sparing)
		return "the block is ours again; some are looked at more closely: what their fence says";
	switch (all->means) {
	case EVIDENCE_MARK:
		return "the marks at both ends of its block are overwritten";
	case EVIDENCE_FENCE:
		return "its fence says so";
	case EVIDENCE_MARK | EVIDENCE_FENCE:
		return "its fence says so, and the marks at both ends of its block are overwritten";
	default:
		return "the block is ours again: not known to be good";
	}
}

/* By DMABUF; read() says by itself how much came */
static void print_evidence(FILE *out, const struct report *rep)
{
	size_t i;

	for (i = 0; i < rep->nresults; i++) {
		const struct result *r = &rep->result[i];

		if (r->transport != TR_DMABUF || !r->outcomes.total)
			continue;
		fprintf(out, "a transfer counts when %s\n",
			means_name(&r->outcomes));
		return;
	}
}

static void print_search(FILE *out, const struct report *rep)
{
	double limit = (double)rep->rate_limit_hz / 1e6;
	const struct cfg *cfg = rep->cfg;

	fprintf(out, "highest rate: that loses nothing, to %u %%, up to %.*f MSPS; trials of %.3g s,\n",
		cfg->resolution, figure_digits(limit, 3), limit,
		(double)cfg->trial_ns / 1e9);
	fprintf(out, "  and at least");
	if (cfg->transports & TR_FILEIO)
		fprintf(out, " %u blocks of file I/O",
			rate_trial_blocks(FILEIO_BLOCKS, cfg->resolution));
	if (cfg->transports == TR_BOTH)
		fprintf(out, " and");
	if (cfg->transports & TR_DMABUF)
		fprintf(out, " %u of DMABUF",
			rate_trial_blocks(cfg->nblocks, cfg->resolution));
	fputc('\n', out);
}

void report_machine(FILE *out, const struct report *rep)
{
	size_t nchan = selected_channels(rep->dev);
	char rate[48] = "", version[32];
	struct machine m;

	machine_read(&m, rep->cfg->root);
	if (rep->rate)
		snprintf(rate, sizeof(rate), ", %" PRIu64 " Hz", rep->rate);

	fprintf(out, "%s (%s), %zu channel%s, %u bytes per sample%s\n",
		rep->dev->name, rep->dev->id, nchan, nchan == 1 ? "" : "s",
		rep->dev->scan_bytes, rate);
	if (rep->core_version) {
		overflow_version_text(rep->core_version, version, sizeof(version));
		fprintf(out, "FPGA core %s\n", version);
	}
	fprintf(out, "Linux %s %s, %ld CPU%s%s%s; CLOCK_MONOTONIC on %s\n",
		m.uts.release, m.uts.machine, m.cpus, m.cpus == 1 ? "" : "s",
		m.model[0] ? ", " : "", m.model, m.clocksource);
}

void report_header(FILE *out, const struct report *rep)
{
	const struct cfg *cfg = rep->cfg;
	const char *exporter = used_exporter(rep);

	report_machine(out, rep);
	if (cfg->transports & TR_FILEIO)
		fprintf(out, "file I/O: the kernel's 2 blocks of the same size, poll() and %s() each\n",
			cfg->write ? "write" : "read");
	if (cfg->transports & TR_DMABUF)
		fprintf(out, "DMABUF: %u blocks from %s, SYNC around each %s\n",
			cfg->nblocks, exporter ? exporter : "an exporter",
			cfg->sync == SYNC_BLOCK ? "block" : "CPU access");
	print_evidence(out, rep);
	fprintf(out, "at least the first %u blocks of each run not counted; %s%s\n",
		cfg->warmup, look_name(cfg),
		cfg->verify && cfg->work == WORK_READ ? " and each byte read" : "");
	if (cfg->find_max_rate)
		print_search(out, rep);
	if (cfg->note)
		fprintf(out, "note: %s\n", cfg->note);
	fputc('\n', out);
}

const struct result *report_find(const struct report *rep, uint64_t block_bytes,
				 enum transport t)
{
	size_t i;

	for (i = 0; i < rep->nresults; i++)
		if (rep->result[i].block_bytes == block_bytes &&
		    rep->result[i].transport == t)
			return &rep->result[i];
	return NULL;
}

static double rate_of(const struct result *r)
{
	return result_has_figures(r) ? mib_per_s(r->bytes, r->elapsed_ns) : 0;
}

/* Empty cells are "-", failed ones "failed" */
static const char *no_figure(const struct result *r)
{
	return r && r->status ? "failed" : "-";
}

static void cell_rate(char *cell, const struct result *r)
{
	if (result_has_figures(r) && r->blocks)
		format_figure(cell, CELL, rate_of(r), 1);
	else
		snprintf(cell, CELL, "%s", no_figure(r));
}

static void cell_busy(char *cell, const struct result *r)
{
	if (result_has_figures(r) && r->cpu_busy >= 0)
		snprintf(cell, CELL, "%.0f", r->cpu_busy * 100);
	else
		strcpy(cell, "-");
}

static void cell_p99(char *cell, const struct result *r)
{
	if (result_has_figures(r) && r->blocks)
		snprintf(cell, CELL, "%.1f",
			 (double)hist_percentile(&r->times, 990) / 1000);
	else
		strcpy(cell, "-");
}

static void cell_lost(char *cell, const struct result *r)
{
	uint64_t lost = r ? result_lost_samples(r) : 0;

	if (!r || !r->blocks || r->verify.mode == VERIFY_OFF || verify_no_counter(&r->verify))
		strcpy(cell, "-");
	else if (lost < 10000000)
		snprintf(cell, CELL, "%" PRIu64, lost);
	else
		snprintf(cell, CELL, "%.0fM", (double)lost / 1e6);
}

static void print_row(FILE *out, const struct report *rep, uint64_t block_bytes,
		      const struct result *f, const struct result *d)
{
	char size[32], rf[CELL], rd[CELL], ratio[CELL] = "-", bf[CELL], bd[CELL];
	char pf[CELL], pd[CELL], lf[CELL], ld[CELL];

	(void)rep;
	format_size(size, sizeof(size), block_bytes);
	cell_rate(rf, f);
	cell_rate(rd, d);
	if (rate_of(f) > 0 && rate_of(d) > 0)
		snprintf(ratio, CELL, "%.2f", rate_of(d) / rate_of(f));
	cell_busy(bf, f);
	cell_busy(bd, d);
	cell_p99(pf, f);
	cell_p99(pd, d);
	cell_lost(lf, f);
	cell_lost(ld, d);
	fprintf(out, row, size, rf, rd, ratio, bf, bd, pf, pd, lf, ld);
}

static void cell_per_mib(char *cell, double val)
{
	/* Large blocks need less than one */
	snprintf(cell, CELL, "%.*f", figure_digits(val, val < 10 ? 3 : 1), val);
}

static void cell_syscalls(char *cell, const struct result *r)
{
	strcpy(cell, "-");
	if (result_has_figures(r) && r->bytes)
		cell_per_mib(cell, result_syscalls_per_mib(r));
}

static void cell_irqs(char *cell, const struct result *r)
{
	strcpy(cell, "-");
	if (result_has_figures(r) && result_has_irqs(r))
		cell_per_mib(cell, result_irqs_per_mib(r));
}

static const struct max_rate *max_rate_of(const struct report *rep,
					  const struct result *r)
{
	return rep->max_rate && r ? &rep->max_rate[r - rep->result] : NULL;
}

static void cell_max_rate(char *cell, const struct max_rate *m)
{
	if (!m || !m->known)
		strcpy(cell, m && m->status ? "failed" : "-");
	else if (!m->hz)
		strcpy(cell, "none");
	else
		snprintf(cell, CELL, "%s%.*f", m->reached_limit ? ">=" : "",
			 figure_digits((double)m->hz / 1e6, 3), (double)m->hz / 1e6);
}

static void print_cost_row(FILE *out, const struct report *rep,
			   uint64_t block_bytes, const struct result *f,
			   const struct result *d)
{
	char size[32], sf[CELL], sd[CELL], nf[CELL], nd[CELL], mf[CELL], md[CELL];

	format_size(size, sizeof(size), block_bytes);
	cell_syscalls(sf, f);
	cell_syscalls(sd, d);
	cell_irqs(nf, f);
	cell_irqs(nd, d);
	fprintf(out, cost_row, size, sf, sd, nf, nd);
	if (rep->cfg->find_max_rate) {
		cell_max_rate(mf, max_rate_of(rep, f));
		cell_max_rate(md, max_rate_of(rep, d));
		fprintf(out, max_row, mf, md);
	}
	fputc('\n', out);
}

static void print_events(FILE *out, const struct result *r)
{
	const struct verify *v = &r->verify;
	char size[32];
	uint64_t i;

	if (!v->nevents)
		return;

	format_size(size, sizeof(size), r->block_bytes);
	fprintf(out, "%s %s: %" PRIu64 " bytes lost (%" PRIu64 " samples), %"
		PRIu64 " repeated, %" PRIu64 " stale, %" PRIu64 " wrong, in %" PRIu64 " place%s:\n",
		transport_name(r->transport), size, v->bytes[V_LOST],
		result_lost_samples(r), v->bytes[V_REPEATED], v->bytes[V_STALE], v->bytes[V_WRONG],
		v->nevents, v->nevents == 1 ? "" : "s");
	for (i = 0; i < v->nevents && i < TEXT_EVENTS; i++) {
		const struct verify_event *e = &v->event[i];

		fprintf(out, "  byte %" PRIu64 " (block %" PRIu64 "): %" PRIu64
			" bytes %s, ", e->offset, e->block, e->bytes,
			verify_kind_name(e->kind));
		if (e->has_expected)
			fprintf(out, "expected 0x%08" PRIx32 ", ", e->expected);
		fprintf(out, "got 0x%08" PRIx32 "\n", e->got);
	}
	if (v->nevents > TEXT_EVENTS)
		fprintf(out, "  and %" PRIu64 " more\n", v->nevents - TEXT_EVENTS);
}

/* Beside the figures, whose blocks may not all have come */
static void print_unknown(FILE *out, const struct result *r)
{
	char size[32];

	if (r->transport != TR_DMABUF || !r->outcomes.count[OUT_UNKNOWN])
		return;
	format_size(size, sizeof(size), r->block_bytes);
	fprintf(out, "%s %s: not known of %" PRIu64 " of %" PRIu64 " transfers whether they were good\n",
		transport_name(r->transport), size,
		r->outcomes.count[OUT_UNKNOWN], r->outcomes.total);
}

/* Who said --evidence off did not want to know */
bool report_unseen(const struct report *rep, char *text, size_t size)
{
	uint64_t unknown = 0, total = 0;
	bool sparing = false, fences = false;
	size_t i;

	for (i = 0; i < rep->nresults; i++) {
		const struct result *r = &rep->result[i];

		if (r->transport != TR_DMABUF)
			continue;
		unknown += r->outcomes.count[OUT_UNKNOWN];
		total += r->outcomes.total;
		sparing |= r->outcomes.sparing;
		fences |= r->outcomes.means & EVIDENCE_FENCE;
	}
	if (!unknown || !rep->cfg->evidence)
		return false;
	snprintf(text, size, "at most %" PRIu64 " of %" PRIu64 " DMABUF transfers may have failed unseen: %s",
		 unknown, total,
		 sparing && fences ? "--evidence fence looks at each" :
		 fences ? "they were over before their fence could be looked at" :
		 "this kernel does not tell (it takes Linux 6.0 or newer with CONFIG_SYNC_FILE)");
	return true;
}

/* Those that were asked for */
static void print_percentiles(FILE *out, const struct cfg *cfg, const struct result *r)
{
	char size[32];
	size_t i;

	if (!cfg->npercentiles || !result_has_figures(r))
		return;
	format_size(size, sizeof(size), r->block_bytes);
	fprintf(out, "%s %s, block time in us:", transport_name(r->transport), size);
	for (i = 0; i < cfg->npercentiles; i++)
		fprintf(out, "%s p%g %.1f", i ? "," : "", cfg->percentile[i] / 10000.0,
			(double)hist_quantile(&r->times, cfg->percentile[i]) / 1000);
	fputc('\n', out);
}

/* Then read() puts each block together from what there is */
static void print_length(FILE *out, const struct result *r)
{
	char size[32];

	if (r->transport != TR_FILEIO || !r->length || !r->sample_bytes || r->status ||
	    r->length == FILEIO_BLOCKS * r->block_bytes / r->sample_bytes)
		return;
	format_size(size, sizeof(size), r->block_bytes);
	fprintf(out, "%s %s: the kernel's buffer has %" PRIu64 " samples, as it does not take another length\n",
		transport_name(r->transport), size, r->length);
}

static void print_overflow(FILE *out, const struct result *r)
{
	char size[32];

	format_size(size, sizeof(size), r->block_bytes);
	if (r->overflow == OVERFLOW_YES)
		fprintf(out, "%s %s: the FPGA core says that samples were lost (overflow)\n",
			transport_name(r->transport), size);
	if (r->underflow == OVERFLOW_YES)
		fprintf(out, "%s %s: the FPGA core says that there were gaps (underflow)\n",
			transport_name(r->transport), size);
	if (!result_sent_well(r))
		fprintf(out, "%s %s: of what was sent %" PRIu64 " words did not continue the counter, and %" PRIu64 " bytes were not there in time (--checker)\n",
			transport_name(r->transport), size, r->checks.jumps,
			r->checks.lost_bytes);
}

/* One block for all of the time: there is no rate to tell, but what that costs */
static void print_repeated(FILE *out, const struct result *r)
{
	char size[32];

	if (!r->repeated || r->status)
		return;
	format_size(size, sizeof(size), r->block_bytes);
	fprintf(out, "%s %s: the device repeated %" PRIu64 " bytes by itself for %.3f s: %" PRIu64 " system calls",
		transport_name(r->transport), size, r->repeated, (double)r->elapsed_ns / 1e9,
		r->syscalls);
	if (r->stat_valid)
		fprintf(out, ", %" PRIu64 " interrupts of the machine", r->irqs);
	fputc('\n', out);
}

/* Where it has not failed for that already */
static void print_bad(FILE *out, const struct result *r)
{
	char size[32], text[384];

	if (r->status || !r->outcomes.bad)
		return;
	format_size(size, sizeof(size), r->block_bytes);
	outcomes_text(&r->outcomes, r->output, r->block_bytes, text, sizeof(text));
	fprintf(out, "%s %s: %s\n", transport_name(r->transport), size, text);
}

static void print_failure(FILE *out, const struct result *r)
{
	char size[32];

	if (!r->status)
		return;
	format_size(size, sizeof(size), r->block_bytes);
	fprintf(out, "%s %s failed: %s\n", transport_name(r->transport), size,
		r->error);
}

static void print_search_failure(FILE *out, const struct report *rep,
				 const struct result *r)
{
	const struct max_rate *m = max_rate_of(rep, r);
	char size[32];

	if (!m || !m->status)
		return;
	format_size(size, sizeof(size), r->block_bytes);
	fprintf(out, "highest rate of %s %s failed: %s\n",
		transport_name(r->transport), size, m->error);
}

typedef void (*print_row_fn)(FILE *out, const struct report *rep,
			     uint64_t block_bytes, const struct result *f,
			     const struct result *d);

/* One row per size, when the first of its results comes by */
static void print_rows(FILE *out, const struct report *rep, print_row_fn print)
{
	size_t i;

	for (i = 0; i < rep->nresults; i++) {
		const struct result *r = &rep->result[i];
		const struct result *f, *d;

		f = report_find(rep, r->block_bytes, TR_FILEIO);
		d = report_find(rep, r->block_bytes, TR_DMABUF);
		if (r == (f ? f : d))
			print(out, rep, r->block_bytes, f, d);
	}
	fputc('\n', out);
}

/* Else nobody knows what "-" is for */
static void print_given_up(FILE *out, const struct report *rep, const struct result *r)
{
	if (rep->given_up && r == &rep->result[rep->nresults - 1])
		fputs("As this failed while samples were on their way, what was to come after it was not measured.\n",
		      out);
}

void report_notes(FILE *out, const struct report *rep, const struct result *r)
{
	print_percentiles(out, rep->cfg, r);
	print_length(out, r);
	print_repeated(out, r);
	print_unknown(out, r);
	print_bad(out, r);
	print_overflow(out, r);
	print_events(out, r);
	print_failure(out, r);
	print_given_up(out, rep, r);
	print_search_failure(out, rep, r);
}

void report_table(FILE *out, const struct report *rep)
{
	bool search = rep->cfg->find_max_rate;
	bool interrupted = false, looked = false;
	size_t i;

	fprintf(out, "%s%s", head1, head2);
	print_rows(out, rep, print_row);
	fprintf(out, "%s%s\n%s%s\n", cost_head1, search ? max_head1 : "",
		cost_head2, search ? max_head2 : "");
	print_rows(out, rep, print_cost_row);

	for (i = 0; i < rep->nresults; i++) {
		const struct result *r = &rep->result[i];

		report_notes(out, rep, r);
		looked |= r->overflow != OVERFLOW_UNKNOWN;
		interrupted |= r->interrupted;
		if (max_rate_of(rep, r))
			interrupted |= max_rate_of(rep, r)->interrupted;
	}
	if (interrupted)
		fputs("Ended early by a signal.\n", out);
	if (rep->cfg->verify == VERIFY_OFF && !rep->cfg->checker)
		fputs(rep->cfg->write ? "What came out is for the other end to look at: --verify there, or --checker here.\n" :
		      looked ? "Data was not looked at (--verify); the FPGA core was asked for its overflow bit.\n" :
		      "Loss was not looked for (--verify).\n", out);
	if (!looked && overflow_has_core(rep->dev))
		fputs("The FPGA core could not be asked for its overflow bit: that takes root, and debugfs (mount -t debugfs debugfs /sys/kernel/debug).\n",
		      out);
}

void report_stream(FILE *out, const struct result *r)
{
	double rate = mib_per_s(r->bytes, r->elapsed_ns);
	char size[32];

	/* Then the sentence on why that is so is enough */
	if (r->status && !r->bytes)
		return;
	if (r->repeated) {
		print_repeated(out, r);
		print_overflow(out, r);
		return;
	}
	format_size(size, sizeof(size), r->block_bytes);
	fprintf(out, RWBENCH_NAME ": %" PRIu64 " bytes in %.3f s, %.*f MiB/s, %s%s%s, blocks of %s\n",
		r->bytes, (double)r->elapsed_ns / 1e9,
		figure_digits(rate, 1), rate, transport_name(r->transport),
		r->exporter[0] ? " from " : "", r->exporter, size);
	print_unknown(out, r);
	print_overflow(out, r);
	print_events(out, r);
}
