// SPDX-License-Identifier: GPL-2.0
/* The search of the highest rate: alone, and with runs on the fake kernel */
#include "error.h"
#include "rate.h"
#include "sysfs.h"
#include "fake.h"
#include "ktap.h"
#include "setup.h"

#include <string.h>

static char root[] = "/dev/shm/rwbench-test-XXXXXX";
static struct iio_dev dev;
static struct cfg cfg;
static struct result r;
static struct max_rate found;

/* A source that is good up to a rate, and knows only multiples of a step */
struct converter {
	uint64_t good_to;
	uint64_t bad_from, bad_to;	/* a hole in that */
	uint64_t step;
	unsigned int trials;
	unsigned int fail_at;		/* this trial fails */
	uint64_t last;
};

static int trial(void *arg, uint64_t hz, uint64_t *actual, bool *good)
{
	struct converter *s = arg;

	if (++s->trials == s->fail_at)
		return fail(ST_FAIL, "the source broke");
	*actual = s->step ? (hz + s->step / 2) / s->step * s->step : hz;
	*good = *actual && *actual <= s->good_to &&
		(*actual < s->bad_from || *actual > s->bad_to);
	s->last = *actual;
	return 0;
}

static uint64_t search(struct converter *s, uint64_t min, uint64_t max,
		       unsigned int percent)
{
	uint64_t best = 4711;

	CHECK_EQ(rate_search(min, max, percent, trial, s, &best), 0);
	return best;
}

static void top_is_good(void)
{
	struct converter s = { .good_to = 61440000 };

	/* And three below it */
	CHECK_EQ(search(&s, 1, 61440000, 1), 61440000);
	CHECK_EQ(s.trials, 4);
}

/* Bad at a rate, and good again above: not above, then */
static void holes(void)
{
	struct converter s = {
		.good_to = 31000000, .bad_from = 22000000, .bad_to = 27500000,
	};
	struct converter top = {
		.good_to = 61440000, .bad_from = 1000000, .bad_to = 50000000,
	};
	uint64_t best = search(&s, 1, 61440000, 1);

	CHECK(best < 22000000 && best > 21700000);
	best = search(&top, 1, 61440000, 1);
	CHECK(best < 1000000 && best > 980000);
}

static void any_rate_to_one_percent(void)
{
	uint64_t good_to;

	for (good_to = 1000; good_to < 61440000; good_to = good_to * 9 / 8) {
		struct converter s = { .good_to = good_to };
		uint64_t best = search(&s, 1, 61440000, 1);

		CHECK(best <= good_to);
		CHECK(good_to - best <= best / 100 + 1);
		CHECK(s.trials <= 1 + 16 + 7 + 3);
	}
}

static void coarser_takes_fewer_trials(void)
{
	struct converter fine = { .good_to = 50000000 };
	struct converter coarse = { .good_to = 50000000 };
	uint64_t best;

	search(&fine, 1, 61440000, 1);
	best = search(&coarse, 1, 61440000, 20);
	CHECK(coarse.trials < fine.trials);
	CHECK(best <= 50000000 && best >= 40000000);
}

static void exact(void)
{
	static const uint64_t good_to[] = {
		1, 2, 3, 999, 61439999, 1073741824, INT32_MAX - 1,
	};
	size_t i;

	for (i = 0; i < sizeof(good_to) / sizeof(good_to[0]); i++) {
		struct converter s = { .good_to = good_to[i] };

		CHECK_EQ(search(&s, 1, INT32_MAX, 0), good_to[i]);
		CHECK(s.trials <= 64);
	}
}

static void nothing_is_good(void)
{
	struct converter s = { .good_to = 0 };

	CHECK_EQ(search(&s, 60000, 61440000, 1), 0);
	CHECK(s.last >= 60000);
	CHECK(s.trials <= 11);
}

static void good_only_below_the_least(void)
{
	struct converter s = { .good_to = 50000 };

	CHECK_EQ(search(&s, 60000, 61440000, 1), 0);
}

/* Whatever the device makes of a rate, the search ends, and with a real one */
static void steps_of_the_device(void)
{
	static const uint64_t steps[] = { 2, 1000, 500000, 10000000, 40000000 };
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct converter s = { .good_to = 20000000, .step = steps[i] };
		uint64_t best = search(&s, 1, 61440000, 1);

		CHECK(best <= 20000000);
		CHECK_EQ(best % steps[i], 0);
		CHECK(s.trials <= 40);
	}
}

static void device_that_lowers_the_top(void)
{
	struct converter s = { .good_to = 61440000, .step = 1000000 };

	/* 61.44 becomes 61, which is the answer */
	CHECK_EQ(search(&s, 1, 61440000, 1), 61000000);
	CHECK_EQ(s.trials, 4);
}

static void tiny_ranges(void)
{
	struct converter s = { .good_to = 1 };

	CHECK_EQ(search(&s, 1, 1, 1), 1);
	CHECK_EQ(search(&s, 1, 2, 1), 1);
	s.good_to = 0;
	CHECK_EQ(search(&s, 1, 1, 1), 0);
	CHECK_EQ(search(&s, 1, 2, 1), 0);
}

static void failure_ends_the_search(void)
{
	unsigned int at;

	for (at = 1; at <= 3; at++) {
		struct converter s = { .good_to = 1000, .fail_at = at };
		uint64_t best;

		fail_clear();
		CHECK_EQ(rate_search(1, 61440000, 1, trial, &s, &best), ST_FAIL);
		CHECK_EQ(s.trials, at);
		CHECK_EQ(best, 0);
		CHECK_STR(fail_text(), "the source broke");
	}
}

static void blocks_of_a_trial(void)
{
	CHECK_EQ(rate_trial_blocks(2, 1), 100);
	CHECK_EQ(rate_trial_blocks(4, 1), 300);
	CHECK_EQ(rate_trial_blocks(4, 10), 30);
	/* Never so few that the begin is all */
	CHECK_EQ(rate_trial_blocks(1, 1), 16);
	CHECK_EQ(rate_trial_blocks(2, 50), 16);
}

static void fresh(void)
{
	fresh_setup(root, &dev, &cfg);
	cfg.find_max_rate = true;
	cfg.resolution = 1;
	cfg.trial_ns = 1000000;

	memset(&r, 0, sizeof(r));
	r.block_bytes = BLOCK;
}

static int find(enum transport t, uint64_t limit)
{
	r.transport = t;
	r.nblocks = t == TR_DMABUF ? 4 : 2;
	return rate_find(&cfg, &dev, limit, &r, &found, NULL);
}

static void nothing_left_behind(void)
{
	nothing_left(&dev);
	CHECK_EQ(sysfs_restore(), 0);
	CHECK_EQ(iio_rate(&dev), 1000000);
}

static void limit_of_the_device(void)
{
	uint64_t limit;

	fresh();
	CHECK_EQ(rate_limit(&dev, 0, &limit), 0);
	CHECK_EQ(limit, AD9361_RATE);
	CHECK_EQ(rate_limit(&dev, 5000000, &limit), 0);
	CHECK_EQ(limit, 5000000);

	fake.max_hz = 40000000;
	CHECK_EQ(rate_limit(&dev, 0, &limit), 0);
	CHECK_EQ(limit, 40000000);
	CHECK_EQ(rate_limit(&dev, 50000000, &limit), 0);
	CHECK_EQ(limit, 40000000);
	CHECK_EQ(rate_limit(&dev, 30000000, &limit), 0);
	CHECK_EQ(limit, 30000000);
	nothing_left_behind();
}

static void lists_of_rates(void)
{
	CHECK_EQ(iio_parse_available(""), 0);
	CHECK_EQ(iio_parse_available("none"), 0);
	CHECK_EQ(iio_parse_available("1000"), 1000);
	CHECK_EQ(iio_parse_available("30720000 61440000 1000"), 61440000);
	CHECK_EQ(iio_parse_available("[2083333 1 61440000]"), 61440000);
	CHECK_EQ(iio_parse_available("1.999999 2.5"), 2);
}

static void found_by_both_transports(void)
{
	static const enum transport ts[] = { TR_FILEIO, TR_DMABUF };
	size_t i;

	for (i = 0; i < 2; i++) {
		fresh();
		fake.lossless_hz = 25000000;
		CHECK_EQ(find(ts[i], AD9361_RATE), 0);
		CHECK(found.known);
		CHECK(!found.reached_limit);
		CHECK(found.trials > 3);
		CHECK(found.hz <= 25000000);
		CHECK(found.hz >= 24750000);
		nothing_left_behind();
	}
}

static void limit_is_reached(void)
{
	fresh();
	CHECK_EQ(find(TR_DMABUF, AD9361_RATE), 0);
	CHECK(found.reached_limit);
	CHECK_EQ(found.hz, AD9361_RATE);
	CHECK_EQ(found.trials, 4);
	/* As many blocks as a shortfall of 1 % needs to show */
	CHECK(fake.blocks >= 300);
	nothing_left_behind();
}

static void loss_ends_a_trial(void)
{
	fresh();
	fake.lossless_hz = 1;
	CHECK_EQ(find(TR_DMABUF, AD9361_RATE), 0);
	CHECK(found.known);
	CHECK_EQ(found.hz, 0);
	CHECK(!found.reached_limit);
	/* The fake kernel loses something before each second block */
	CHECK(fake.blocks <= 2 * found.trials);
	nothing_left_behind();
}

static void run_that_fails(void)
{
	fresh();
	fake.stall = true;
	cfg.timeout_ms = 20;
	CHECK_EQ(find(TR_FILEIO, AD9361_RATE), ST_FAIL);
	CHECK(!found.known);
	CHECK_EQ(found.status, ST_FAIL);
	CHECK_HAS(found.error, "no data");
	nothing_left_behind();
}

static void no_running_counter(void)
{
	fresh();
	fake.constant = true;
	CHECK_EQ(find(TR_FILEIO, AD9361_RATE), ST_DATA);
	CHECK_HAS(found.error, "running counter");
	nothing_left_behind();
}

static const struct ktap_test tests[] = {
	{ "rate.top_is_good", top_is_good },
	{ "rate.holes", holes },
	{ "rate.any_rate_to_one_percent", any_rate_to_one_percent },
	{ "rate.coarser_takes_fewer_trials", coarser_takes_fewer_trials },
	{ "rate.exact", exact },
	{ "rate.nothing_is_good", nothing_is_good },
	{ "rate.good_only_below_the_least", good_only_below_the_least },
	{ "rate.steps_of_the_device", steps_of_the_device },
	{ "rate.device_that_lowers_the_top", device_that_lowers_the_top },
	{ "rate.tiny_ranges", tiny_ranges },
	{ "rate.failure_ends_the_search", failure_ends_the_search },
	{ "rate.blocks_of_a_trial", blocks_of_a_trial },
	{ "rate.limit_of_the_device", limit_of_the_device },
	{ "rate.lists_of_rates", lists_of_rates },
	{ "rate.found_by_both_transports", found_by_both_transports },
	{ "rate.limit_is_reached", limit_is_reached },
	{ "rate.loss_ends_a_trial", loss_ends_a_trial },
	{ "rate.run_that_fails", run_that_fails },
	{ "rate.no_running_counter", no_running_counter },
};

int main(void)
{
	return run_on_kernel(root, tests, sizeof(tests) / sizeof(tests[0]));
}
