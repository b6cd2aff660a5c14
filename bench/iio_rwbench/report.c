// SPDX-License-Identifier: GPL-2.0
#include "report.h"

#include "error.h"
#include "json.h"
#include "rate.h"
#include "version.h"

#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

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

static FILE *rows;
static bool live, live_shown, rows_wanted;

struct machine {
	struct utsname uts;
	char model[128];
	char clocksource[64];
	long cpus;
};

static void machine_read(struct machine *m, const char *root)
{
	char path[256];

	memset(m, 0, sizeof(*m));
	uname(&m->uts);
	m->cpus = sysconf(_SC_NPROCESSORS_ONLN);

	snprintf(path, sizeof(path), "%s/proc/device-tree/model", root);
	if (sysfs_read(path, m->model, sizeof(m->model)))
		m->model[0] = '\0';
	snprintf(path, sizeof(path),
		 "%s/sys/devices/system/clocksource/clocksource0/current_clocksource",
		 root);
	if (sysfs_read(path, m->clocksource, sizeof(m->clocksource)))
		strcpy(m->clocksource, "unknown");
}

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
	if (cfg->verify == VERIFY_FULL)
		return "each word checked";
	if (cfg->verify == VERIFY_EDGES)
		return "first and last word of each block checked";
	if (cfg->work == WORK_READ)
		return "each byte read";
	return "data not looked at";
}

static void print_search(FILE *out, const struct report *rep)
{
	const struct cfg *cfg = rep->cfg;

	fprintf(out, "highest rate: that loses nothing, to %u %%, up to %.3f MSPS; trials of %.3g s,\n",
		cfg->resolution, (double)rep->max_rate / 1e6,
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
	char rate[48] = "";
	struct machine m;

	machine_read(&m, rep->cfg->root);
	if (rep->rate)
		snprintf(rate, sizeof(rate), ", %" PRIu64 " Hz", rep->rate);

	fprintf(out, "%s (%s), %zu channel%s, %u bytes per sample%s\n",
		rep->dev->name, rep->dev->id, nchan, nchan == 1 ? "" : "s",
		rep->dev->scan_bytes, rate);
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
		fprintf(out, "file I/O: the kernel's 2 blocks of the same size, poll() and read() each\n");
	if (cfg->transports & TR_DMABUF)
		fprintf(out, "DMABUF: %u blocks from %s, SYNC around each %s\n",
			cfg->nblocks, exporter ? exporter : "an exporter",
			cfg->sync == SYNC_BLOCK ? "block" : "CPU access");
	fprintf(out, "at least the first %u blocks of each run not counted; %s%s\n",
		cfg->warmup, look_name(cfg),
		cfg->verify && cfg->work == WORK_READ ? " and each byte read" : "");
	if (cfg->find_max_rate)
		print_search(out, rep);
	if (cfg->note)
		fprintf(out, "note: %s\n", cfg->note);
	fputc('\n', out);
}

static const struct result *find_result(const struct report *rep,
					uint64_t block_bytes, enum transport t)
{
	size_t i;

	for (i = 0; i < rep->nresults; i++)
		if (rep->result[i].block_bytes == block_bytes &&
		    rep->result[i].transport == t)
			return &rep->result[i];
	return NULL;
}

static bool has_figures(const struct result *r)
{
	return r && !r->status && r->blocks;
}

static double rate_of(const struct result *r)
{
	return has_figures(r) ? mib_per_s(r->bytes, r->elapsed_ns) : 0;
}

/* Empty cells are "-", failed ones "failed" */
static const char *no_figure(const struct result *r)
{
	return r && r->status ? "failed" : "-";
}

static void cell_rate(char *cell, const struct result *r)
{
	if (has_figures(r))
		snprintf(cell, CELL, "%.1f", rate_of(r));
	else
		snprintf(cell, CELL, "%s", no_figure(r));
}

static void cell_busy(char *cell, const struct result *r)
{
	if (has_figures(r) && r->cpu_busy >= 0)
		snprintf(cell, CELL, "%.0f", r->cpu_busy * 100);
	else
		strcpy(cell, "-");
}

static void cell_p99(char *cell, const struct result *r)
{
	if (has_figures(r))
		snprintf(cell, CELL, "%.1f",
			 (double)hist_percentile(&r->times, 990) / 1000);
	else
		strcpy(cell, "-");
}

/* What is lost of a sample makes all of it useless */
static uint64_t lost_samples(const struct result *r)
{
	uint64_t lost = r->verify.bytes[V_LOST], size = r->sample_bytes;

	return size ? (lost + size - 1) / size : 0;
}

static void cell_lost(char *cell, const struct result *r)
{
	uint64_t lost = r ? lost_samples(r) : 0;

	if (!r || !r->blocks || r->verify.mode == VERIFY_OFF)
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

static double per_mib(uint64_t count, uint64_t bytes)
{
	return (double)count / ((double)bytes / (1 << 20));
}

static double syscalls_per_mib(const struct result *r)
{
	return per_mib(r->syscalls, r->bytes);
}

static double irqs_per_mib(const struct result *r)
{
	return per_mib(r->irqs, r->warmup_bytes + r->bytes);
}

static bool has_irqs(const struct result *r)
{
	return r->stat_valid && r->bytes;
}

static void cell_per_mib(char *cell, double val)
{
	/* Large blocks need less than one */
	snprintf(cell, CELL, "%.*f", val < 10 ? 3 : 1, val);
}

static void cell_syscalls(char *cell, const struct result *r)
{
	strcpy(cell, "-");
	if (has_figures(r) && r->bytes)
		cell_per_mib(cell, syscalls_per_mib(r));
}

static void cell_irqs(char *cell, const struct result *r)
{
	strcpy(cell, "-");
	if (has_figures(r) && has_irqs(r))
		cell_per_mib(cell, irqs_per_mib(r));
}

static void cell_max_rate(char *cell, const struct result *r)
{
	const struct max_rate *m = r ? &r->max_rate : NULL;

	if (!m || !m->known)
		strcpy(cell, m && m->status ? "failed" : "-");
	else if (!m->hz)
		strcpy(cell, "none");
	else
		snprintf(cell, CELL, "%s%.3f", m->reached_limit ? ">=" : "",
			 (double)m->hz / 1e6);
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
		cell_max_rate(mf, f);
		cell_max_rate(md, d);
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
		lost_samples(r), v->bytes[V_REPEATED], v->bytes[V_STALE], v->bytes[V_WRONG],
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

static void print_failure(FILE *out, const struct result *r)
{
	char size[32];

	if (!r->status)
		return;
	format_size(size, sizeof(size), r->block_bytes);
	fprintf(out, "%s %s failed: %s\n", transport_name(r->transport), size,
		r->error);
}

static void print_search_failure(FILE *out, const struct result *r)
{
	char size[32];

	if (!r->max_rate.status)
		return;
	format_size(size, sizeof(size), r->block_bytes);
	fprintf(out, "highest rate of %s %s failed: %s\n",
		transport_name(r->transport), size, r->max_rate.error);
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

		f = find_result(rep, r->block_bytes, TR_FILEIO);
		d = find_result(rep, r->block_bytes, TR_DMABUF);
		if (r == (f ? f : d))
			print(out, rep, r->block_bytes, f, d);
	}
	fputc('\n', out);
}

void report_table(FILE *out, const struct report *rep)
{
	bool search = rep->cfg->find_max_rate;
	bool dmabuf = false, interrupted = false;
	size_t i;

	fprintf(out, "%s%s", head1, head2);
	print_rows(out, rep, print_row);
	fprintf(out, "%s%s\n%s%s\n", cost_head1, search ? max_head1 : "",
		cost_head2, search ? max_head2 : "");
	print_rows(out, rep, print_cost_row);

	for (i = 0; i < rep->nresults; i++) {
		const struct result *r = &rep->result[i];

		print_events(out, r);
		print_failure(out, r);
		print_search_failure(out, r);
		dmabuf |= r->transport == TR_DMABUF && has_figures(r);
		interrupted |= r->interrupted;
	}
	if (interrupted)
		fputs("Ended early by a signal.\n", out);
	if (rep->cfg->verify == VERIFY_OFF)
		fputs("Loss was not looked for (--verify).\n", out);
	if (dmabuf && rep->cfg->verify == VERIFY_OFF)
		fputs("DMABUF does not report short blocks: each counts as full (--verify finds them).\n",
		      out);
}

void report_stream(FILE *out, const struct result *r)
{
	char size[32];

	format_size(size, sizeof(size), r->block_bytes);
	fprintf(out, RWBENCH_NAME ": %" PRIu64 " bytes in %.3f s, %.1f MiB/s, %s%s%s, blocks of %s\n",
		r->bytes, (double)r->elapsed_ns / 1e9,
		mib_per_s(r->bytes, r->elapsed_ns), transport_name(r->transport),
		r->exporter[0] ? " from " : "", r->exporter, size);
	print_events(out, r);
}

static void json_system(struct json *j, const struct cfg *cfg)
{
	struct timespec res = { 0 };
	struct machine m;

	machine_read(&m, cfg->root);
	clock_getres(CLOCK_MONOTONIC, &res);

	json_object(j, "system");
	json_str(j, "kernel", m.uts.release);
	json_str(j, "kernel_build", m.uts.version);
	json_str(j, "machine", m.uts.machine);
	json_str(j, "model", m.model);
	json_u64(j, "cpus", (uint64_t)m.cpus);
	json_u64(j, "page_bytes", (uint64_t)sysconf(_SC_PAGESIZE));
	json_end_object(j);

	json_object(j, "clock");
	json_str(j, "name", "CLOCK_MONOTONIC");
	json_str(j, "source", m.clocksource);
	json_u64(j, "resolution_ns", (uint64_t)res.tv_nsec);
	json_end_object(j);
}

static void json_device(struct json *j, const struct report *rep)
{
	const struct iio_dev *dev = rep->dev;
	size_t i;

	json_object(j, "device");
	json_str(j, "id", dev->id);
	json_str(j, "name", dev->name);
	json_str(j, "label", dev->label);
	json_u64(j, "buffer", dev->buffer_index);
	json_array(j, "channels");
	for (i = 0; i < dev->nchan; i++)
		if (dev->chan[i].selected)
			json_str(j, NULL, dev->chan[i].id);
	json_end_array(j);
	json_u64(j, "sample_bytes", dev->scan_bytes);
	json_u64(j, "length_align_bytes", dev->length_align);
	json_u64(j, "sampling_frequency", rep->rate);
	json_end_object(j);
}

static void json_settings(struct json *j, const struct report *rep)
{
	static const char *const verify[] = { "off", "edges", "full" };
	const struct cfg *cfg = rep->cfg;

	json_object(j, "settings");
	json_bool(j, "benchmark", cfg->benchmark);
	json_u64(j, "blocks", cfg->nblocks);
	if (cfg->exporter)
		json_str(j, "exporter", cfg->exporter);
	else
		json_null(j, "exporter");
	json_str(j, "sync", cfg->sync == SYNC_BLOCK ? "block" : "access");
	json_str(j, "verify", verify[cfg->verify]);
	json_bool(j, "touch", cfg->work == WORK_READ);
	json_u64(j, "warmup_blocks", cfg->warmup);
	json_u64(j, "duration_ns", cfg->duration_ns);
	json_u64(j, "samples", cfg->samples);
	json_u64(j, "timeout_ms", cfg->timeout_ms);
	json_bool(j, "find_max_rate", cfg->find_max_rate);
	if (cfg->find_max_rate) {
		json_u64(j, "max_rate_limit_hz", rep->max_rate);
		json_u64(j, "resolution_percent", cfg->resolution);
		json_u64(j, "trial_ns", cfg->trial_ns);
	}
	json_end_object(j);
}

static void json_verify(struct json *j, const struct result *r)
{
	const struct verify *v = &r->verify;
	uint64_t i;

	json_u64(j, "lost_bytes", v->bytes[V_LOST]);
	json_u64(j, "lost_samples", lost_samples(r));
	json_u64(j, "repeated_bytes", v->bytes[V_REPEATED]);
	json_u64(j, "stale_bytes", v->bytes[V_STALE]);
	json_u64(j, "wrong_bytes", v->bytes[V_WRONG]);
	json_u64(j, "event_count", v->nevents);
	json_array(j, "events");
	for (i = 0; i < v->nevents && i < VERIFY_EVENTS; i++) {
		const struct verify_event *e = &v->event[i];

		json_object(j, NULL);
		json_str(j, "kind", verify_kind_name(e->kind));
		json_u64(j, "offset_bytes", e->offset);
		json_u64(j, "block", e->block);
		json_u64(j, "bytes", e->bytes);
		if (e->has_expected)
			json_u64(j, "expected", e->expected);
		else
			json_null(j, "expected");
		json_u64(j, "got", e->got);
		json_end_object(j);
	}
	json_end_array(j);
}

static void json_unverified(struct json *j)
{
	json_null(j, "lost_bytes");
	json_null(j, "lost_samples");
	json_null(j, "repeated_bytes");
	json_null(j, "stale_bytes");
	json_null(j, "wrong_bytes");
}

static void json_times(struct json *j, const struct hist *h)
{
	json_object(j, "block_time");
	json_u64(j, "min_ns", h->count ? h->min : 0);
	json_u64(j, "mean_ns", h->count ? h->sum / h->count : 0);
	json_u64(j, "p50_ns", hist_percentile(h, 500));
	json_u64(j, "p99_ns", hist_percentile(h, 990));
	json_u64(j, "max_ns", h->max);
	json_end_object(j);
}

static void json_intervals(struct json *j, const struct result *r)
{
	size_t i;

	if (!r->nintervals)
		return;
	json_array(j, "intervals");
	for (i = 0; i < r->nintervals; i++) {
		json_object(j, NULL);
		json_u64(j, "start_ns", r->interval[i].start_ns);
		json_u64(j, "elapsed_ns", r->interval[i].ns);
		json_u64(j, "bytes", r->interval[i].bytes);
		json_end_object(j);
	}
	json_end_array(j);
}

/* Nothing at all if it was not asked for */
static void json_max_rate(struct json *j, const struct max_rate *m)
{
	if (m->known) {
		json_u64(j, "max_rate_hz", m->hz);
		json_bool(j, "max_rate_reached_limit", m->reached_limit);
		json_u64(j, "max_rate_trials", m->trials);
	}
	if (m->status) {
		json_null(j, "max_rate_hz");
		json_str(j, "max_rate_error", m->error);
	}
}

static void json_result(struct json *j, const struct result *r)
{
	json_object(j, NULL);
	json_str(j, "transport", transport_name(r->transport));
	json_u64(j, "block_bytes", r->block_bytes);
	json_u64(j, "ring_blocks", r->nblocks);
	if (r->exporter[0])
		json_str(j, "exporter", r->exporter);
	else
		json_null(j, "exporter");
	json_u64(j, "bytes", r->bytes);
	json_u64(j, "elapsed_ns", r->elapsed_ns);
	json_num(j, "mib_per_s", mib_per_s(r->bytes, r->elapsed_ns), 3);
	json_u64(j, "blocks", r->blocks);
	json_u64(j, "warmup_blocks", r->warmup);
	if (r->verify.mode == VERIFY_OFF)
		json_unverified(j);
	else
		json_verify(j, r);
	if (r->stat_valid && r->cpu_busy >= 0)
		json_num(j, "cpu_busy", r->cpu_busy, 4);
	else
		json_null(j, "cpu_busy");
	json_u64(j, "user_ns", r->user_ns);
	json_u64(j, "sys_ns", r->sys_ns);
	json_u64(j, "syscalls", r->syscalls);
	if (r->bytes)
		json_num(j, "syscalls_per_mib", syscalls_per_mib(r), 3);
	if (r->stat_valid)
		json_u64(j, "irqs", r->irqs);
	else
		json_null(j, "irqs");
	if (has_irqs(r))
		json_num(j, "irqs_per_mib", irqs_per_mib(r), 3);
	else
		json_null(j, "irqs_per_mib");
	json_times(j, &r->times);
	json_intervals(j, r);
	json_max_rate(j, &r->max_rate);
	json_bool(j, "interrupted", r->interrupted);
	if (r->status) {
		json_u64(j, "status", (uint64_t)r->status);
		json_str(j, "error", r->error);
	}
	json_end_object(j);
}

void report_json_begin(struct json *j, const struct report *rep,
		       const char *schema, unsigned int version)
{
	int i;

	json_object(j, NULL);
	json_str(j, "schema", schema);
	json_u64(j, "schema_version", version);
	json_str(j, "tool_version", RWBENCH_VERSION);
	json_str(j, "tool_git", rwbench_git);
	json_u64(j, "time_unix_s", (uint64_t)time(NULL));
	json_array(j, "command");
	for (i = 0; i < rep->argc; i++)
		json_str(j, NULL, rep->argv[i]);
	json_end_array(j);
	if (rep->cfg->note)
		json_str(j, "note", rep->cfg->note);
	json_system(j, rep->cfg);
	if (rep->dev)
		json_device(j, rep);
}

void report_json_end(struct json *j, const struct report *rep)
{
	json_u64(j, "status", (uint64_t)rep->status);
	if (rep->error && *rep->error)
		json_str(j, "error", rep->error);
	json_end_object(j);
	json_end(j);
}

void report_json(FILE *out, const struct report *rep)
{
	struct json j;
	size_t i;

	json_init(&j, out);
	report_json_begin(&j, rep, RWBENCH_NAME, REPORT_SCHEMA_VERSION);
	json_settings(&j, rep);
	json_array(&j, "results");
	for (i = 0; i < rep->nresults; i++)
		json_result(&j, &rep->result[i]);
	json_end_array(&j);
	report_json_end(&j, rep);
}

void report_progress_init(const struct cfg *cfg, FILE *out)
{
	rows = out;
	rows_wanted = cfg->interval_given;
	live = !rows_wanted && isatty(STDERR_FILENO);
}

void report_progress(const struct result *r, uint64_t bytes, uint64_t ns)
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

void report_doing(const char *what)
{
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%s\033[K", what);
	fflush(stderr);
	live_shown = true;
}

void report_trial(const struct result *r, uint64_t hz)
{
	char size[32], what[96];

	format_size(size, sizeof(size), r->block_bytes);
	snprintf(what, sizeof(what), "%s %s: trial at %.3f MSPS",
		 transport_name(r->transport), size, (double)hz / 1e6);
	report_doing(what);
}

void report_progress_end(void)
{
	if (!live_shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	live_shown = false;
}
