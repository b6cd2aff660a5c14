// SPDX-License-Identifier: GPL-2.0
/*
 * Many measurements: every combination of what the plan varies, all of them once,
 * then all of them again in the opposite order, and so on. Whatever changes slowly,
 * such as the temperature, so hits all of them alike.
 */
#include "sweep.h"

#include "error.h"
#include "wait.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MEMCPY_BYTES	(16 << 20)
#define MEMCPY_TIMES	4

static double per(uint64_t what, uint64_t count)
{
	return count ? (double)what / (double)count : NAN;
}

static double per_mib(uint64_t what, uint64_t bytes)
{
	return per(what, bytes) * (1 << 20);
}

static double mib_per_s_of(const struct result *r)
{
	return mib_per_s(r->bytes, r->elapsed_ns);
}

static double time_p50(const struct result *r)
{
	return (double)hist_percentile(&r->times, 500);
}

static double time_p99(const struct result *r)
{
	return (double)hist_percentile(&r->times, 990);
}

static double time_max(const struct result *r)
{
	return (double)r->times.max;
}

static double latency(const struct result *r, unsigned int permille)
{
	return r->latency.count ? (double)hist_percentile(&r->latency, permille) :
				  NAN;
}

static double latency_p50(const struct result *r)
{
	return latency(r, 500);
}

static double latency_p99(const struct result *r)
{
	return latency(r, 990);
}

static double latency_max(const struct result *r)
{
	return latency(r, 1000);
}

static double step(const struct result *r, enum step step)
{
	return r->timed ? per(r->step_ns[step], r->blocks) : NAN;
}

static double wait_ns(const struct result *r)
{
	return step(r, STEP_WAIT);
}

static double enqueue_ns(const struct result *r)
{
	return r->transport == TR_DMABUF ? step(r, STEP_ENQUEUE) : NAN;
}

static double enqueue_disabled_ns(const struct result *r)
{
	bool known = r->timed && r->transport == TR_DMABUF && !r->output;

	return known ? per(r->enqueue_disabled_ns, r->nblocks) : NAN;
}

static double sync_ns(const struct result *r)
{
	return r->transport == TR_DMABUF ? step(r, STEP_SYNC) : NAN;
}

static double read_ns(const struct result *r)
{
	return r->transport == TR_FILEIO ? step(r, STEP_READ) : NAN;
}

static double work_ns(const struct result *r)
{
	return step(r, STEP_WORK);
}

static double busy_ns(const struct result *r)
{
	return r->busy_ns ? per_mib(r->busy_ns, r->warmup_bytes + r->bytes) : NAN;
}

static double process_ns(const struct result *r)
{
	return per_mib(r->user_ns + r->sys_ns, r->warmup_bytes + r->bytes);
}

static double syscalls(const struct result *r)
{
	return per(r->syscalls, r->blocks);
}

static double interrupts(const struct result *r)
{
	return r->stat_valid ? per(r->irqs, r->warmup + r->blocks) : NAN;
}

static double instructions(const struct result *r, uint64_t count)
{
	return r->instructions.valid ? per(count, r->blocks) : NAN;
}

static double instr_all(const struct result *r)
{
	return instructions(r, r->instructions.user + r->instructions.kernel);
}

static double instr_user(const struct result *r)
{
	return instructions(r, r->instructions.user);
}

static double instr_kernel(const struct result *r)
{
	return instructions(r, r->instructions.kernel);
}

static double instr_mib(const struct result *r)
{
	return instr_all(r) / (double)r->block_bytes * (1 << 20);
}

const struct metric metrics[METRICS] = {
	{ "mib_per_s", mib_per_s_of },
	{ "block_time_p50_ns", time_p50 },
	{ "block_time_p99_ns", time_p99 },
	{ "block_time_max_ns", time_max },
	{ "latency_p50_ns", latency_p50 },
	{ "latency_p99_ns", latency_p99 },
	{ "latency_max_ns", latency_max },
	{ "wait_ns_per_block", wait_ns },
	{ "enqueue_ns_per_block", enqueue_ns },
	{ "enqueue_disabled_ns_per_block", enqueue_disabled_ns },
	{ "sync_ns_per_block", sync_ns },
	{ "read_ns_per_block", read_ns },
	{ "work_ns_per_block", work_ns },
	{ "busy_ns_per_mib", busy_ns },
	{ "process_ns_per_mib", process_ns },
	{ "syscalls_per_block", syscalls },
	{ "interrupts_per_block", interrupts },
	{ "instructions_per_block", instr_all },
	{ "instructions_user_per_block", instr_user },
	{ "instructions_kernel_per_block", instr_kernel },
	{ "instructions_per_mib", instr_mib },
};

size_t metric_index(const char *name)
{
	size_t i;

	for (i = 0; i < METRICS; i++)
		if (!strcmp(metrics[i].name, name))
			return i;
	abort();
}

/* @like has no values yet */
static int add_point(struct sweep *s, const struct point *like)
{
	struct point *list, *p;
	size_t i;

	list = realloc(s->point, (s->npoints + 1) * sizeof(*list));
	if (!list)
		return fail(ST_FAIL, "out of memory");
	s->point = list;
	/* Counted before it is complete: what it has is freed with the others */
	p = &s->point[s->npoints++];
	*p = *like;
	for (i = 0; i < METRICS; i++) {
		p->value[i] = calloc(s->cfg->plan.repeat, sizeof(double));
		if (!p->value[i])
			return fail(ST_FAIL, "out of memory");
	}
	return 0;
}

/* read() has neither exporters nor SYNC, and two blocks whatever is asked for */
static int plan_fileio(struct sweep *s, struct point p)
{
	unsigned int works = s->cfg->plan.works;

	if (p.work == WORK_SYNC && works & (1u << WORK_NONE))
		return 0;
	if (p.work == WORK_SYNC)
		p.work = WORK_NONE;
	p.transport = TR_FILEIO;
	p.ring = FILEIO_BLOCKS;
	return add_point(s, &p);
}

static int plan_dmabuf(struct sweep *s, struct point p)
{
	const struct plan *plan = &s->cfg->plan;
	size_t n = plan->nexporters ? plan->nexporters : 1;
	size_t i, k;
	int ret = 0;

	p.transport = TR_DMABUF;
	for (i = 0; i < n; i++) {
		strcpy(p.exporter, plan->nexporters ? plan->exporter[i] : "");
		for (k = 0; k < plan->nrings && !ret; k++) {
			p.ring = plan->ring[k];
			ret = add_point(s, &p);
		}
	}
	return ret;
}

static int plan_points(struct sweep *s)
{
	const struct cfg *cfg = s->cfg;
	struct point p = { .status = 0 };
	unsigned int work;
	int ret = 0;
	size_t i;

	for (i = 0; i < cfg->nsizes; i++) {
		p.block_bytes = cfg->sizes[i];
		for (work = 0; work < WORKS && !ret; work++) {
			if (!(cfg->plan.works & (1u << work)))
				continue;
			p.work = (enum work_kind)work;
			if (cfg->transports & TR_FILEIO &&
			    (!cfg->fileio_max || p.block_bytes <= cfg->fileio_max))
				ret = plan_fileio(s, p);
			if (!ret && cfg->transports & TR_DMABUF)
				ret = plan_dmabuf(s, p);
		}
	}
	return ret;
}

static void keep(struct point *p, const struct result *r)
{
	size_t i;

	for (i = 0; i < METRICS; i++)
		p->value[i][p->runs] = metrics[i].of(r);
	p->runs++;
	p->blocks += r->blocks;
	p->unknown += r->outcomes.count[OUT_UNKNOWN];
	if (r->overflow > p->overflow)
		p->overflow = r->overflow;
	strcpy(p->exporter, r->exporter);
	layout_sum(&p->layout, &r->layout);
}

static int run_point(struct sweep *s, struct point *p)
{
	/* Large, and only one at a time */
	static struct result r;
	struct cfg cfg = *s->cfg;
	int ret;

	cfg.nblocks = p->ring;
	cfg.work = p->work;
	cfg.sync = p->work == WORK_NONE ? SYNC_ACCESS : SYNC_BLOCK;
	cfg.exporter = p->exporter[0] ? p->exporter : NULL;
	cfg.counters = s->counters.n ? &s->counters : NULL;
	cfg.layout = true;
	if (cfg.warmup == UINT32_MAX)
		cfg.warmup = p->ring;

	ret = measure(&cfg, s->dev, p->transport, p->block_bytes, &r, NULL);
	if (!ret && !r.interrupted)
		keep(p, &r);
	p->status = ret;
	memcpy(p->error, r.error, sizeof(p->error));
	result_free(&r);
	return ret;
}

static int run_all(struct sweep *s, sweep_progress_fn progress)
{
	unsigned int run;
	int status = 0;
	size_t i;

	for (run = 0; run < s->cfg->plan.repeat; run++) {
		for (i = 0; i < s->npoints; i++) {
			size_t at = run % 2 ? s->npoints - 1 - i : i;
			struct point *p = &s->point[at];
			int ret;

			if (wait_stopped())
				return status;
			if (p->status)
				continue;
			if (progress)
				progress(s, p, run);
			ret = run_point(s, p);
			if (ret && !status)
				status = ret;
		}
	}
	return status;
}

/* How fast the CPU copies memory that is in no cache */
static double memcpy_ceiling(void)
{
	char *from = malloc(MEMCPY_BYTES), *to = malloc(MEMCPY_BYTES);
	double rate = NAN;
	uint64_t begin;
	int i;

	if (from && to) {
		memset(from, 1, MEMCPY_BYTES);
		memset(to, 2, MEMCPY_BYTES);
		begin = now_ns();
		for (i = 0; i < MEMCPY_TIMES; i++) {
			memcpy(to, from, MEMCPY_BYTES);
			/* It counts as used */
			__asm__ volatile("" : : "r"(to) : "memory");
		}
		rate = mib_per_s(MEMCPY_TIMES * (uint64_t)MEMCPY_BYTES,
				 now_ns() - begin);
	}
	free(from);
	free(to);
	return rate;
}

int sweep_run(struct sweep *s, const struct cfg *cfg, struct iio_dev *dev,
	      sweep_progress_fn progress)
{
	int ret;

	*s = (struct sweep){ .cfg = cfg, .dev = dev };
	ret = plan_points(s);
	if (ret)
		return ret;

	counters_open(&s->counters);
	s->memcpy_mib_per_s = memcpy_ceiling();
	s->line_mib_per_s = (double)iio_sample_rate(dev) * dev->scan_bytes / (1 << 20);
	return run_all(s, progress);
}

void sweep_free(struct sweep *s)
{
	size_t i, k;

	for (i = 0; i < s->npoints; i++)
		for (k = 0; k < METRICS; k++)
			free(s->point[i].value[k]);
	free(s->point);
	counters_close(&s->counters);
	s->point = NULL;
	s->npoints = 0;
}

bool sweep_spread(const struct sweep *s, const struct point *p, size_t metric,
		  struct spread *spread)
{
	double *copy;
	unsigned int i;

	for (i = 0; i < p->runs; i++)
		if (isnan(p->value[metric][i]))
			return false;
	copy = p->runs ? malloc(p->runs * sizeof(*copy)) : NULL;
	if (!copy)
		return false;
	memcpy(copy, p->value[metric], p->runs * sizeof(*copy));
	*spread = spread_of(copy, p->runs, s->cfg->plan.confidence / 100.0);
	free(copy);
	return true;
}

double sweep_confidence(const struct sweep *s, const struct point *p)
{
	double has = 0;

	if (p->runs)
		spread_rank(p->runs, s->cfg->plan.confidence / 100.0, &has);
	return has;
}
