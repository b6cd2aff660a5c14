// SPDX-License-Identifier: GPL-2.0
/* The statistics of a sweep, and its order of runs on the fake kernel */
#include "error.h"
#include "spread.h"
#include "sweep.h"
#include "fake.h"
#include "ktap.h"
#include "setup.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static char root[] = "/dev/shm/rwbench-test-XXXXXX";
static struct iio_dev dev;
static struct cfg cfg;
static struct sweep s;

static bool near(double got, double want)
{
	return fabs(got - want) < 1e-9;
}

/* The table of every book: 1 - 2 * P(fewer than k of n coins) */
static void ranks(void)
{
	static const struct {
		size_t n, k;
		double has;
	} t[] = {
		{ 1, 1, 0 }, { 2, 1, 0.5 }, { 3, 1, 0.75 }, { 5, 1, 0.9375 },
		{ 6, 1, 0.96875 }, { 8, 1, 0.9921875 }, { 9, 2, 0.9609375 },
		{ 10, 2, 0.978515625 }, { 12, 3, 0.961425781 },
		{ 20, 6, 0.958610534 },
	};
	double has;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CHECK_EQ(spread_rank(t[i].n, 0.95, &has), t[i].k);
		CHECK(near(has, t[i].has) || fabs(has - t[i].has) < 1e-8);
	}
	CHECK_EQ(spread_rank(6, 0.5, &has), 2);
	CHECK(near(has, 0.78125));
}

static void large_numbers_of_runs(void)
{
	double has;
	size_t n, k;

	for (n = 2; n <= 1000; n++) {
		k = spread_rank(n, 0.95, &has);
		CHECK(k >= 1 && k <= n / 2 + 1);
		CHECK(has <= 1 && (has >= 0.95 || k == 1));
	}
}

static void medians(void)
{
	double one[] = { 7 }, two[] = { 9, 1 }, three[] = { 5, 1, 3 };
	double ten[] = { 9, 8, 7, 6, 5, 4, 3, 2, 1, 1000 };
	struct spread sp;

	sp = spread_of(one, 1, 0.95);
	CHECK(near(sp.median, 7) && near(sp.low, 7) && near(sp.high, 7));
	sp = spread_of(two, 2, 0.95);
	CHECK(near(sp.median, 5) && near(sp.low, 1) && near(sp.high, 9));
	CHECK(near(spread_of(three, 3, 0.95).median, 3));
	/* What is far out does not matter */
	sp = spread_of(ten, 10, 0.95);
	CHECK(near(sp.median, 5.5) && near(sp.low, 2) && near(sp.high, 9));
}

static void fresh(void)
{
	fresh_setup(root, &dev, &cfg);
	cfg.sweep = true;
	cfg.warmup = UINT32_MAX;
	cfg.times = true;
	cfg.transports = TR_BOTH;
	cfg.min_blocks = 5;
	cfg.sizes[0] = BLOCK;
	cfg.sizes[1] = 2 * BLOCK;
	cfg.nsizes = 2;
	cfg.plan.repeat = 3;
	cfg.plan.confidence = 95;
	cfg.plan.works = 1 << WORK_SYNC;
	cfg.plan.ring[0] = 4;
	cfg.plan.nrings = 1;
}

static size_t order[64], norder;

static void note_order(const struct sweep *sweep, const struct point *p,
		       unsigned int run)
{
	(void)run;
	if (norder < 64)
		order[norder++] = (size_t)(p - sweep->point);
}

static void all_in_turn_and_back(void)
{
	static const size_t want[] = { 0, 1, 2, 3, 3, 2, 1, 0, 0, 1, 2, 3 };
	size_t i;

	fresh();
	norder = 0;
	CHECK_EQ(sweep_run(&s, &cfg, &dev, note_order), 0);
	CHECK_EQ(s.npoints, 4);
	CHECK_EQ(norder, 12);
	for (i = 0; i < norder && i < 12; i++)
		CHECK_EQ(order[i], want[i]);
	for (i = 0; i < s.npoints; i++) {
		CHECK_EQ(s.point[i].runs, 3);
		CHECK_EQ(s.point[i].blocks, 15);
	}
	sweep_free(&s);
	nothing_left(&dev);
}

static double median_of(const struct point *p, const char *name)
{
	struct spread spread;

	return sweep_spread(&s, p, metric_index(name), &spread) ? spread.median :
								  NAN;
}

static void figures_of_a_point(void)
{
	const struct point *file, *dma;

	fresh();
	cfg.nsizes = 1;
	cfg.plan.works = 1 << WORK_READ;
	fake.delay_us = 1000;
	fake.enqueue_us = 500;
	CHECK_EQ(sweep_run(&s, &cfg, &dev, NULL), 0);
	CHECK_EQ(s.npoints, 2);
	file = &s.point[0];
	dma = &s.point[1];
	CHECK_EQ(file->transport, TR_FILEIO);
	CHECK_EQ(file->ring, 2);
	CHECK_STR(dma->exporter, "heap:system");
	CHECK(near(median_of(file, "syscalls_per_block"), 2));
	CHECK(near(median_of(dma, "syscalls_per_block"), 4));
	CHECK(median_of(dma, "enqueue_ns_per_block") >= 500000);
	CHECK(median_of(dma, "enqueue_disabled_ns_per_block") >= 500000);
	CHECK(median_of(dma, "wait_ns_per_block") >= 1000000);
	CHECK(median_of(dma, "latency_p50_ns") >= 4000000);
	CHECK(median_of(dma, "block_time_p50_ns") >= 1000000);
	CHECK(median_of(dma, "mib_per_s") < 4);
	/* Unknown is not 0 */
	CHECK(isnan(median_of(file, "latency_p50_ns")));
	CHECK(isnan(median_of(file, "sync_ns_per_block")));
	CHECK(isnan(median_of(file, "enqueue_disabled_ns_per_block")));
	CHECK(isnan(median_of(dma, "read_ns_per_block")));
	CHECK_EQ(isnan(median_of(dma, "instructions_per_block")) != 0,
		 s.counters.n == 0);
	CHECK(near(sweep_confidence(&s, dma), 0.75));
	sweep_free(&s);

	fresh();
	cfg.times = false;
	CHECK_EQ(sweep_run(&s, &cfg, &dev, NULL), 0);
	CHECK(isnan(median_of(&s.point[1], "enqueue_ns_per_block")));
	CHECK(isnan(median_of(&s.point[1], "enqueue_disabled_ns_per_block")));
	sweep_free(&s);
}

static void what_is_planned(void)
{
	fresh();
	cfg.nsizes = 1;
	cfg.plan.repeat = 1;
	cfg.plan.works = 1 << WORK_NONE | 1 << WORK_SYNC | 1 << WORK_COPY;
	cfg.plan.ring[1] = 1;
	cfg.plan.nrings = 2;
	strcpy(cfg.plan.exporter[0], "heap:system");
	strcpy(cfg.plan.exporter[1], "udmabuf");
	cfg.plan.nexporters = 2;
	CHECK_EQ(sweep_run(&s, &cfg, &dev, NULL), 0);
	/* read() has no SYNC: two of it, and 3 * 2 * 2 */
	CHECK_EQ(s.npoints, 14);
	CHECK_EQ(s.point[0].transport, TR_FILEIO);
	CHECK_EQ(s.point[0].work, WORK_NONE);
	CHECK_EQ(s.point[5].transport, TR_DMABUF);
	CHECK_EQ(s.point[5].work, WORK_SYNC);
	sweep_free(&s);

	fresh();
	cfg.transports = TR_FILEIO;
	CHECK_EQ(sweep_run(&s, &cfg, &dev, NULL), 0);
	CHECK_EQ(s.npoints, 2);
	CHECK_EQ(s.point[0].work, WORK_NONE);
	sweep_free(&s);
	nothing_left(&dev);
}

static void one_failure_leaves_the_others(void)
{
	fresh();
	cfg.nsizes = 1;
	fake.heap_errno = ENOMEM;
	strcpy(cfg.plan.exporter[0], "heap:system");
	strcpy(cfg.plan.exporter[1], "udmabuf");
	cfg.plan.nexporters = 2;
	CHECK_EQ(sweep_run(&s, &cfg, &dev, NULL), ST_FAIL);
	CHECK_EQ(s.npoints, 3);
	CHECK_EQ(s.point[1].runs, 0);
	CHECK_EQ(s.point[1].status, ST_FAIL);
	CHECK_HAS(s.point[1].error, "heap:system");
	CHECK(isnan(median_of(&s.point[1], "mib_per_s")));
	CHECK_EQ(s.point[2].runs, 3);
	CHECK_EQ(s.point[2].status, 0);
	sweep_free(&s);
	nothing_left(&dev);
}

/* Nobody knows from 10 ms steps how busy the CPUs were in so short a run */
static void busy_time_of_short_runs(void)
{
	fresh();
	cfg.nsizes = 1;
	cfg.transports = TR_DMABUF;
	cfg.plan.repeat = 1;
	CHECK_EQ(sweep_run(&s, &cfg, &dev, NULL), 0);
	CHECK(isnan(median_of(&s.point[0], "busy_ns_per_mib")));
	CHECK(!isnan(median_of(&s.point[0], "process_ns_per_mib")));
	sweep_free(&s);

	/* Nine blocks with those of the warm-up; the fake kernel is never idle */
	fake.delay_us = 60000;
	CHECK_EQ(sweep_run(&s, &cfg, &dev, NULL), 0);
	CHECK(median_of(&s.point[0], "busy_ns_per_mib") > 0);
	sweep_free(&s);
	nothing_left(&dev);
}

static void no_large_blocks_for_file_io(void)
{
	fresh();
	cfg.fileio_max = BLOCK;
	CHECK_EQ(sweep_run(&s, &cfg, &dev, NULL), 0);
	CHECK_EQ(s.npoints, 3);
	CHECK_EQ(s.point[0].transport, TR_FILEIO);
	CHECK_EQ(s.point[2].block_bytes, 2 * BLOCK);
	CHECK_EQ(s.point[2].transport, TR_DMABUF);
	sweep_free(&s);
}

static const struct ktap_test tests[] = {
	{ "sweep.ranks", ranks },
	{ "sweep.large_numbers_of_runs", large_numbers_of_runs },
	{ "sweep.medians", medians },
	{ "sweep.all_in_turn_and_back", all_in_turn_and_back },
	{ "sweep.figures_of_a_point", figures_of_a_point },
	{ "sweep.busy_time_of_short_runs", busy_time_of_short_runs },
	{ "sweep.no_large_blocks_for_file_io", no_large_blocks_for_file_io },
	{ "sweep.what_is_planned", what_is_planned },
	{ "sweep.one_failure_leaves_the_others", one_failure_leaves_the_others },
};

int main(void)
{
	return run_on_kernel(root, tests, sizeof(tests) / sizeof(tests[0]));
}
