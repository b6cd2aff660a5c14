// SPDX-License-Identifier: GPL-2.0
/* Results as JSON. The members are in README.md. */
#include "report.h"

#include "gadget.h"
#include "machine.h"
#include "version.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

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

static void json_device(struct json *j, const struct report *rep, const char *key,
			const struct iio_dev *dev)
{
	char version[32];
	size_t i;

	json_object(j, key);
	json_str(j, "id", dev->id);
	json_str(j, "name", dev->name);
	json_str(j, "label", dev->label);
	json_u64(j, "buffer", dev->buffer_index);
	json_str(j, "direction", dev->output ? "out" : "in");
	json_array(j, "channels");
	for (i = 0; i < dev->nchan; i++)
		if (dev->chan[i].selected)
			json_str(j, NULL, dev->chan[i].id);
	json_end_array(j);
	json_u64(j, "sample_bytes", dev->scan_bytes);
	json_u64(j, "length_align_bytes", dev->length_align);
	json_u64(j, "sampling_frequency", rep->rate);
	if (rep->core_version) {
		overflow_version_text(rep->core_version, version, sizeof(version));
		json_str(j, "core_version", version);
	} else {
		json_null(j, "core_version");
	}
	json_end_object(j);
}

static void json_gadget(struct json *j, const struct gadget *g)
{
	json_object(j, "to");
	json_str(j, "name", g->name);
	json_str(j, "endpoint", g->node);
	json_str(j, "controller", g->controller);
	json_str(j, "speed", g->speed);
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
	json_str(j, "evidence", evidence_name(cfg->evidence));
	json_str(j, "verify", verify[cfg->verify]);
	json_bool(j, "touch", cfg->work == WORK_READ);
	json_bool(j, "counter", cfg->counter);
	json_bool(j, "cyclic", cfg->cyclic);
	json_u64(j, "warmup_blocks", cfg->warmup);
	json_u64(j, "duration_ns", cfg->duration_ns);
	json_u64(j, "samples", cfg->samples);
	json_u64(j, "timeout_ms", cfg->timeout_ms);
	json_bool(j, "find_max_rate", cfg->find_max_rate);
	if (cfg->find_max_rate) {
		json_u64(j, "max_rate_limit_hz", rep->rate_limit_hz);
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
	json_u64(j, "lost_samples", result_lost_samples(r));
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

void json_figure(struct json *j, const char *key, double val)
{
	json_num(j, key, val, figure_digits(val, 3));
}

static void json_means(struct json *j, const struct result *r)
{
	json_array(j, "evidence");
	if (r->transport == TR_FILEIO && !r->output)
		json_str(j, NULL, "read");
	if (r->outcomes.means & EVIDENCE_MARK)
		json_str(j, NULL, "mark");
	if (r->outcomes.means & EVIDENCE_FENCE)
		json_str(j, NULL, "fence");
	json_end_array(j);
}

static void json_outcomes(struct json *j, const struct result *r)
{
	const struct outcomes *all = &r->outcomes;
	uint64_t i;

	json_means(j, r);
	json_str(j, "outcome", all->count[OUT_UNKNOWN] || r->repeated ? "not known" : "known");
	json_object(j, "transfers");
	for (i = 0; i < OUTCOMES; i++)
		json_u64(j, outcome_name((enum outcome)i), all->count[i]);
	json_end_object(j);
	json_array(j, "bad_transfers");
	for (i = 0; i < all->bad && i < OUTCOME_EVENTS; i++) {
		const struct outcome_event *e = &all->event[i];

		json_object(j, NULL);
		json_str(j, "kind", outcome_name(e->kind));
		json_u64(j, "block", e->block);
		json_u64(j, "offset_bytes", e->block * r->block_bytes);
		if (e->err)
			json_str(j, "error", strerror(e->err));
		else
			json_null(j, "error");
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

static void json_times(struct json *j, const struct cfg *cfg, const struct hist *h)
{
	size_t i;

	json_object(j, "block_time");
	json_u64(j, "min_ns", h->count ? h->min : 0);
	json_u64(j, "mean_ns", h->count ? h->sum / h->count : 0);
	json_u64(j, "p50_ns", hist_percentile(h, 500));
	json_u64(j, "p99_ns", hist_percentile(h, 990));
	json_u64(j, "max_ns", h->max);
	if (cfg->npercentiles)
		json_array(j, "percentiles");
	for (i = 0; i < cfg->npercentiles; i++) {
		json_object(j, NULL);
		json_num(j, "percent", cfg->percentile[i] / 10000.0, 4);
		json_u64(j, "ns", hist_quantile(h, cfg->percentile[i]));
		json_end_object(j);
	}
	if (cfg->npercentiles)
		json_end_array(j);
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

static void json_relay(struct json *j, const struct result *r)
{
	const struct hist *h = &r->latency;

	json_object(j, "latency");
	json_u64(j, "count", h->count);
	json_u64(j, "min_ns", h->count ? h->min : 0);
	json_u64(j, "p50_ns", hist_percentile(h, 500));
	json_u64(j, "p99_ns", hist_percentile(h, 990));
	json_u64(j, "max_ns", h->max);
	json_end_object(j);
	if (r->bytes)
		json_num(j, "process_ns_per_mib", result_cpu_us_per_mib(r) * 1000, 1);
	if (r->instructions.valid && r->bytes)
		json_num(j, "instructions_per_mib", result_instructions_per_mib(r), 1);
	else
		json_null(j, "instructions_per_mib");
}

static void json_flow(struct json *j, const char *name, enum overflow flow)
{
	if (flow == OVERFLOW_UNKNOWN)
		json_null(j, name);
	else
		json_bool(j, name, flow == OVERFLOW_YES);
}

static void json_result(struct json *j, const struct cfg *cfg, const struct result *r,
			const struct max_rate *m)
{
	json_object(j, NULL);
	json_str(j, "transport", transport_name(r->transport));
	json_u64(j, "block_bytes", r->block_bytes);
	json_u64(j, "ring_blocks", r->nblocks);
	if (r->length)
		json_u64(j, "buffer_length", r->length);
	else
		json_null(j, "buffer_length");
	if (r->exporter[0])
		json_str(j, "exporter", r->exporter);
	else
		json_null(j, "exporter");
	if (r->repeated)
		json_u64(j, "cyclic_bytes", r->repeated);
	json_u64(j, "bytes", r->bytes);
	json_u64(j, "elapsed_ns", r->elapsed_ns);
	json_figure(j, "mib_per_s", mib_per_s(r->bytes, r->elapsed_ns));
	json_u64(j, "blocks", r->blocks);
	json_u64(j, "warmup_blocks", r->warmup);
	json_outcomes(j, r);
	json_flow(j, "overflow", r->overflow);
	json_flow(j, "underflow", r->underflow);
	if (r->checks.known) {
		json_u64(j, "sent_jumps", r->checks.jumps);
		json_u64(j, "sent_lost_bytes", r->checks.lost_bytes);
	}
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
		json_figure(j, "syscalls_per_mib", result_syscalls_per_mib(r));
	if (r->stat_valid)
		json_u64(j, "irqs", r->irqs);
	else
		json_null(j, "irqs");
	if (result_has_irqs(r))
		json_figure(j, "irqs_per_mib", result_irqs_per_mib(r));
	else
		json_null(j, "irqs_per_mib");
	json_times(j, cfg, &r->times);
	if (cfg->relay)
		json_relay(j, r);
	json_intervals(j, r);
	if (m)
		json_max_rate(j, m);
	json_bool(j, "interrupted",
		  r->interrupted || (m && m->interrupted));
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
		json_device(j, rep, "device", rep->dev);
	if (rep->dev && rep->dev->to && rep->dev->to->gadget)
		json_gadget(j, rep->dev->to->gadget);
	else if (rep->dev && rep->dev->to)
		json_device(j, rep, "to", rep->dev->to);
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
		json_result(&j, rep->cfg, &rep->result[i],
			    rep->max_rate ? &rep->max_rate[i] : NULL);
	json_end_array(&j);
	report_json_end(&j, rep);
}
