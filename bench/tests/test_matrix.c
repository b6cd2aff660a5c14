// SPDX-License-Identifier: GPL-2.0
/*
 * Every scan on every device: one to eight channels, with and without timestamp, whatever
 * unit the hardware has, restrictions to some channels, triggers; by both transports,
 * with sizes that the program chooses.
 */
#include "error.h"
#include "measure.h"
#include "sizes.h"
#include "sysfs.h"
#include "fake.h"
#include "ktap.h"
#include "setup.h"

#include <errno.h>
#include <string.h>

static char root[] = "/dev/shm/rwbench-test-XXXXXX";
static struct iio_dev dev;
static struct cfg cfg;
static struct result r;

static void settings(void)
{
	memset(&cfg, 0, sizeof(cfg));
	cfg.root = root;
	cfg.benchmark = true;
	cfg.nblocks = 4;
	cfg.evidence = EVIDENCE_AUTO;
	cfg.block_samples = 256;
	cfg.timeout_ms = 1000;
	cfg.interval_ns = 1000000000;
	cfg.min_blocks = 3;
	cfg.warmup = 2;
}

/* What main() does, with the channels in @names */
static int begin(char *const *names, size_t n, const struct iio_settings *set)
{
	static const struct iio_settings none;
	int ret;

	fail_clear();
	sysfs_restore();
	fake_tree(root);
	settings();
	ret = iio_find(&dev, root, "iio:device0", 0);
	if (!ret)
		ret = iio_select(&dev, names, n);
	if (!ret)
		ret = iio_setup(&dev, set ? set : &none);
	return ret ? ret : sizes_plan(&cfg, &dev);
}

static int run(enum transport t)
{
	int ret;

	result_free(&r);
	ret = measure(&cfg, &dev, t, cfg.sizes[0], &r, NULL);
	nothing_left(&dev);
	return ret;
}

static void both_transports(const char *what)
{
	static const enum transport ts[] = { TR_FILEIO, TR_DMABUF };
	size_t i;

	for (i = 0; i < 2; i++) {
		int ret = run(ts[i]);

		if (ret || r.blocks != 3 || r.bytes != 3 * cfg.sizes[0] ||
		    r.bytes % dev.scan_bytes || cfg.sizes[0] % dev.length_align)
			ktap_fail(__FILE__, __LINE__, "%s: status %d (%s), %zu blocks",
				  what, ret, r.error, (size_t)r.blocks);
	}
	CHECK_EQ(sysfs_restore(), 0);
}

static void scans(void)
{
	static const unsigned int aligns[] = { 1, 2, 8, 12, 64, 128 };
	unsigned int n, t;
	char what[64];
	size_t a;

	for (n = 1; n <= 8; n++) {
		for (t = 0; t < 2; t++) {
			for (a = 0; a < sizeof(aligns) / sizeof(aligns[0]); a++) {
				fake_reset();
				fake.channels = n;
				fake.timestamp = t;
				fake.align = aligns[a];
				snprintf(what, sizeof(what), "%u channels%s, align %u", n,
					 t ? " and timestamp" : "", aligns[a]);
				CHECK_EQ(begin(NULL, 0, NULL), 0);
				CHECK_EQ(dev.nchan, n + t);
				/* Not far from what it would be otherwise */
				CHECK(cfg.sizes[0] <= 256 * dev.scan_bytes ||
				      cfg.sizes[0] == sizes_unit(&cfg, &dev));
				both_transports(what);
			}
		}
	}
}

/* Any of the 255 choices out of eight channels */
static void choices(void)
{
	static char name[8][16];
	unsigned int set, i;
	char *names[8];
	char what[32];
	size_t n;

	for (set = 1; set < 256; set++) {
		for (i = 0, n = 0; i < 8; i++) {
			snprintf(name[i], sizeof(name[i]), "voltage%u", i);
			if (set & (1u << i))
				names[n++] = name[i];
		}
		fake_reset();
		fake.channels = 8;
		snprintf(what, sizeof(what), "channels %02x", set);
		CHECK_EQ(begin(names, n, NULL), 0);
		CHECK_EQ(dev.scan_bytes, 2 * n);
		both_transports(what);
	}
}

/* --verify needs whole words as well */
static void sizes_of_a_sweep(void)
{
	static const uint64_t sizes[] = { 1, 4096, 16384, 65536, 1 << 20 };
	unsigned int n, verify;
	size_t i;

	for (n = 1; n <= 8; n++) {
		for (verify = 0; verify < 2; verify++) {
			fake_reset();
			fake.channels = n;
			fake.align = 1;
			CHECK_EQ(begin(NULL, 0, NULL), 0);
			settings();
			cfg.verify = verify ? VERIFY_FULL : VERIFY_OFF;
			memcpy(cfg.sizes, sizes, sizeof(sizes));
			cfg.nsizes = 5;
			CHECK_EQ(sizes_plan(&cfg, &dev), 0);
			for (i = 0; i < cfg.nsizes; i++) {
				CHECK(cfg.sizes[i] > 0);
				CHECK_EQ(cfg.sizes[i] % (2 * n), 0);
				CHECK(!verify || cfg.sizes[i] % 4 == 0);
				CHECK(cfg.sizes[i] <= sizes[i] || !i);
			}
		}
	}
}

/* What the user named is not bent, but it is told what would go */
static void named_sizes(void)
{
	fake_reset();
	fake.channels = 3;
	CHECK_EQ(begin(NULL, 0, NULL), 0);
	settings();
	cfg.sizes[0] = 4096;
	cfg.nsizes = 1;
	cfg.sizes_named = true;
	CHECK_EQ(sizes_plan(&cfg, &dev), ST_USAGE);
	CHECK_HAS(fail_text(), "--sizes");
	CHECK_HAS(fail_text(), "4080 and 4104 are the nearest");

	fail_clear();
	settings();
	cfg.block_given = true;
	cfg.block_samples = 101;
	CHECK_EQ(sizes_plan(&cfg, &dev), ST_USAGE);
	CHECK_HAS(fail_text(), "100 and 104 are the nearest");

	fail_clear();
	settings();
	cfg.block_given = true;
	cfg.block_samples = 1;
	CHECK_EQ(sizes_plan(&cfg, &dev), ST_USAGE);
	CHECK_HAS(fail_text(), "4 is the least");

	/* Fewer samples than a block: one as small as goes, and no wait for more */
	fail_clear();
	settings();
	cfg.benchmark = false;
	cfg.samples = 5;
	CHECK_EQ(sizes_plan(&cfg, &dev), 0);
	CHECK_EQ(cfg.sizes[0], 48);
	sysfs_restore();
}

static void one_at_a_time(void)
{
	static char name[8][16];
	unsigned int i;
	char *names[1];

	for (i = 0; i < 8; i++) {
		snprintf(name[i], sizeof(name[i]), "voltage%u", i);
		names[0] = name[i];
		fake_reset();
		fake.channels = 8;
		fake.one_hot = true;
		fake.timestamp = i % 2;
		CHECK_EQ(begin(names, 1, NULL), 0);
		CHECK_EQ(dev.scan_bytes, 2);
		both_transports(name[i]);
	}
	fake_reset();
	fake.channels = 8;
	fake.one_hot = true;
	fake.timestamp = true;
	CHECK_EQ(begin(NULL, 0, NULL), 0);
	CHECK_EQ(dev.scan_bytes, 16);
	both_transports("as many as go");
}

static void pairs_of_channels(void)
{
	char *good[] = { "voltage4", "voltage5" }, *bad[] = { "voltage1", "voltage2" };

	fake_reset();
	fake.channels = 8;
	fake.pairs = true;
	CHECK_EQ(begin(good, 2, NULL), 0);
	both_transports("a pair");
	CHECK_EQ(begin(bad, 2, NULL), ST_FAIL);
	CHECK_HAS(fail_text(), "only some combinations");
	CHECK_EQ(begin(NULL, 0, NULL), 0);
	CHECK_STR(dev.left_out, "voltage2, voltage3, voltage4, voltage5, voltage6, voltage7");
	both_transports("the first pair");
}

static void triggered(void)
{
	struct iio_settings set = { .trigger = "timer", .trigger_rate = 100 };

	fake_reset();
	fake.triggered = true;
	CHECK_EQ(begin(NULL, 0, NULL), 0);
	CHECK_EQ(run(TR_FILEIO), ST_FAIL);
	CHECK_HAS(r.error, "needs a trigger");
	CHECK_EQ(begin(NULL, 0, &set), 0);
	both_transports("with a trigger");
}

/* A block that takes longer than the time-out is waited for, if its samples come in */
static void slow(void)
{
	fake_reset();
	fake.trickle = 6;
	CHECK_EQ(begin(NULL, 0, NULL), 0);
	cfg.timeout_ms = 1;
	CHECK_EQ(run(TR_FILEIO), 0);
	CHECK_EQ(fake.trickle, 0);

	/* But not longer than the user said */
	fake_reset();
	fake.trickle = 6;
	CHECK_EQ(begin(NULL, 0, NULL), 0);
	cfg.timeout_ms = 1;
	cfg.timeout_given = true;
	CHECK_EQ(run(TR_FILEIO), ST_FAIL);
	CHECK_HAS(r.error, "no data");
}

static void length_cannot_be_set(void)
{
	static const int numbers[] = { EINVAL, EACCES, ERANGE };
	size_t i;

	for (i = 0; i < 3; i++) {
		fake_reset();
		CHECK_EQ(begin(NULL, 0, NULL), 0);
		fake.length_errno = numbers[i];
		CHECK_EQ(run(TR_FILEIO), 0);
		CHECK_EQ(r.length, 4096);
		CHECK_EQ(run(TR_DMABUF), 0);
		fake.length_errno = 0;
		CHECK_EQ(sysfs_restore(), 0);
	}
	/* In samples: two blocks for read(), one for each DMABUF */
	fake_reset();
	CHECK_EQ(begin(NULL, 0, NULL), 0);
	CHECK_EQ(run(TR_FILEIO), 0);
	CHECK_EQ(r.length, 512);
	CHECK_EQ(run(TR_DMABUF), 0);
	CHECK_EQ(r.length, 256);
	CHECK_EQ(sysfs_restore(), 0);
}

static const struct ktap_test tests[] = {
	{ "matrix.scans", scans },
	{ "matrix.choices", choices },
	{ "matrix.sizes_of_a_sweep", sizes_of_a_sweep },
	{ "matrix.named_sizes", named_sizes },
	{ "matrix.one_at_a_time", one_at_a_time },
	{ "matrix.pairs_of_channels", pairs_of_channels },
	{ "matrix.triggered", triggered },
	{ "matrix.slow", slow },
	{ "matrix.length_cannot_be_set", length_cannot_be_set },
};

int main(void)
{
	int ret = run_on_kernel(root, tests, sizeof(tests) / sizeof(tests[0]));

	result_free(&r);
	return ret;
}
