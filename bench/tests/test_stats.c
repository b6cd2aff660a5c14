// SPDX-License-Identifier: GPL-2.0
#include "memory.h"
#include "stats.h"
#include "ktap.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct hist h;

static void empty_histogram(void)
{
	hist_reset(&h);
	CHECK_EQ(hist_percentile(&h, 500), 0);
	CHECK_EQ(h.max, 0);
}

static void one_value(void)
{
	hist_reset(&h);
	hist_add(&h, 123456789);
	CHECK_EQ(hist_percentile(&h, 1), 123456789);
	CHECK_EQ(hist_percentile(&h, 500), 123456789);
	CHECK_EQ(hist_percentile(&h, 1000), 123456789);
	CHECK_EQ(h.min, 123456789);
}

static void small_values_are_exact(void)
{
	unsigned int i;

	hist_reset(&h);
	for (i = 1; i <= 100; i++)
		hist_add(&h, i < 64 ? i : 63);
	CHECK_EQ(hist_percentile(&h, 500), 50);
	CHECK_EQ(hist_percentile(&h, 10), 1);
	CHECK_EQ(hist_percentile(&h, 990), 63);
}

/* Never below the true value, and at most 1/64 above it */
static void percentiles_are_close(void)
{
	uint64_t i, n = 100000, p;
	unsigned int permille;

	hist_reset(&h);
	for (i = 1; i <= n; i++)
		hist_add(&h, i * 1000);
	for (permille = 1; permille <= 1000; permille += 37) {
		uint64_t want = n * permille / 1000 * 1000;

		p = hist_percentile(&h, permille);
		CHECK(p >= want);
		CHECK(p <= want + want / 64);
	}
	CHECK_EQ(hist_percentile(&h, 1000), n * 1000);
}

static void one_slow_block_in_a_hundred(void)
{
	int i;

	hist_reset(&h);
	for (i = 0; i < 99; i++)
		hist_add(&h, 10);
	hist_add(&h, 1000000);
	CHECK_EQ(hist_percentile(&h, 990), 10);
	CHECK_EQ(hist_percentile(&h, 991), 1000000);
	CHECK_EQ(h.max, 1000000);
}

static void border_values(void)
{
	static const uint64_t vals[] = {
		0, 1, 63, 64, 65, 127, 128, 129, UINT32_MAX,
		UINT64_C(1) << 63, UINT64_MAX - 1, UINT64_MAX,
	};
	size_t i;

	for (i = 0; i < sizeof(vals) / sizeof(vals[0]); i++) {
		hist_reset(&h);
		hist_add(&h, vals[i]);
		CHECK(hist_percentile(&h, 500) == vals[i]);
	}
}

static void throughput(void)
{
	CHECK(mib_per_s(0, 0) == 0);
	CHECK(mib_per_s(1 << 20, 1000000000) == 1);
	CHECK(mib_per_s(3 << 20, 2000000000) == 1.5);
	/* 2^40 bytes in 1024 s: no overflow on the way */
	CHECK(mib_per_s(UINT64_C(1) << 40, UINT64_C(1024000000000)) == 1024);
}

static void sizes_as_text(void)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} t[] = {
		{ 0, "0 B" }, { 1, "1 B" }, { 1023, "1023 B" },
		{ 1024, "1 KiB" }, { 1025, "1025 B" }, { 4096, "4 KiB" },
		{ 1536, "1536 B" }, { 1 << 20, "1 MiB" },
		{ 1536 << 10, "1536 KiB" }, { UINT64_C(1) << 30, "1 GiB" },
	};
	char text[32];
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		format_size(text, sizeof(text), t[i].bytes);
		CHECK_STR(text, t[i].text);
	}
}

static void proc_stat(void)
{
	struct usage a, b;

	memset(&a, 0, sizeof(a));
	CHECK_EQ(usage_parse_stat(&a, "cpu  10 1 20 100 5 2 3 4 0 0\n"
				  "cpu0 10 1 20 100 5 2 3 4 0 0\n"
				  "intr 4711 0 12 0\nctxt 5\n"), 0);
	CHECK_EQ(a.idle_ticks, 105);
	CHECK_EQ(a.cpus, 1);
	CHECK_EQ(a.irqs, 4711);
	CHECK_EQ(usage_parse_stat(&a, "cpu  10 1 20 100 5 2 3 4 0 0\n"
				  "cpu0 5 1 10 50 5 1 1 2 0 0\n"
				  "cpu1 5 0 10 50 0 1 2 2 0 0\n"
				  "intr 4711 0 12 0\nctxt 5\n"), 0);
	CHECK_EQ(a.cpus, 2);

	b = a;
	a.valid = b.valid = 1;
	CHECK(usage_busy(&a, &b) == -1);
	/* Two CPUs for a second, idle for one and a half seconds */
	b.at_ns += 1000000000;
	b.idle_ticks += 3 * sysconf(_SC_CLK_TCK) / 2;
	CHECK(usage_busy(&a, &b) == 0.25);
	b.idle_ticks += sysconf(_SC_CLK_TCK);
	CHECK(usage_busy(&a, &b) == 0);
	b.valid = 0;
	CHECK(usage_busy(&a, &b) == -1);

	CHECK_EQ(usage_parse_stat(&a, ""), -EINVAL);
	CHECK_EQ(usage_parse_stat(&a, "cpu 1 2 3\nintr 5\n"), -EINVAL);
	CHECK_EQ(usage_parse_stat(&a, "cpu 1 2 3 4 5 6 7 8\n"), -EINVAL);
	CHECK_EQ(usage_parse_stat(&a, "cpu 1 2 3 4 5\nintr 5\n"), -EINVAL);
}

static void memory(void)
{
	CHECK_EQ(memory_parse("MemTotal: 9\nMemAvailable:   1600 kB\n", false), 1500 * 1024);
	CHECK_EQ(memory_parse("MemAvailable: 2600 kB\nCmaFree: 1000 kB\n", false), 1500 * 1024);
	CHECK_EQ(memory_parse("MemAvailable: 10 kB\nCmaFree: 1000 kB\n", false), 0);
	/* Heaps of CMA take their blocks from there */
	CHECK_EQ(memory_parse("MemAvailable: 1600 kB\nCmaFree: 1000 kB\n", true), 1500 * 1024);
	CHECK(memory_parse("", false) == UINT64_MAX);
	CHECK(memory_usable("/nowhere", false) == UINT64_MAX);
}

/* In steps of 10 ms: 50 of them */
static void idle_time_of_short_runs(void)
{
	struct usage from = { .at_ns = 1000000000 }, to = from;

	to.at_ns += 499999999;
	CHECK(!usage_long_enough(&from, &to));
	to.at_ns++;
	CHECK(usage_long_enough(&from, &to));
}

static void digits_of_small_figures(void)
{
	char text[16];

	CHECK_EQ(figure_digits(1000, 1), 1);
	CHECK_EQ(figure_digits(10, 1), 1);
	CHECK_EQ(figure_digits(9.5, 1), 2);
	CHECK_EQ(figure_digits(0.000763, 1), 6);
	CHECK_EQ(figure_digits(1000, 3), 3);
	CHECK_EQ(figure_digits(0.05, 3), 4);
	CHECK_EQ(figure_digits(0, 3), 3);
	CHECK_EQ(figure_digits(1e-300, 3), 12);
	format_figure(text, sizeof(text), 0.000763, 1);
	CHECK_STR(text, "0.000763");
	format_figure(text, sizeof(text), 0.0000763, 1);
	CHECK_STR(text, "7.63e-05");
	format_figure(text, sizeof(text), 0, 1);
	CHECK_STR(text, "0.0");
}

static const struct ktap_test tests[] = {
	{ "stats.digits_of_small_figures", digits_of_small_figures },
	{ "stats.idle_time_of_short_runs", idle_time_of_short_runs },
	{ "stats.empty_histogram", empty_histogram },
	{ "stats.one_value", one_value },
	{ "stats.small_values_are_exact", small_values_are_exact },
	{ "stats.percentiles_are_close", percentiles_are_close },
	{ "stats.one_slow_block_in_a_hundred", one_slow_block_in_a_hundred },
	{ "stats.border_values", border_values },
	{ "stats.throughput", throughput },
	{ "stats.sizes_as_text", sizes_as_text },
	{ "stats.proc_stat", proc_stat },
	{ "stats.memory", memory },
};

KTAP_MAIN(tests)
