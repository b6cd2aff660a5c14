// SPDX-License-Identifier: GPL-2.0
/* From the ADC to the DAC of the fake kernel, both ways */
#include "error.h"
#include "measure.h"
#include "fake.h"
#include "ktap.h"
#include "relay.h"
#include "setup.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCKS_BYTES (1 << 20)

static char root[] = "/dev/shm/rwbench-test-XXXXXX";
static const enum transport transports[] = { TR_FILEIO, TR_DMABUF };
static struct iio_dev adc, dac;
static struct cfg cfg;
static struct result r;

static void fresh(void)
{
	fresh_setup(root, &adc, &cfg);
	fresh_dac(root, &dac);
	adc.to = &dac;
	cfg.relay = true;
	cfg.warmup = 4;
	cfg.samples = 20 * BLOCK / 8;
}

static int go(enum transport t)
{
	result_free(&r);
	return measure(&cfg, &adc, t, BLOCK, &r, NULL);
}

static void nothing_left_behind(void)
{
	nothing_left(&adc);
	CHECK(!iio_is_enabled(&dac));
	result_free(&r);
}

/* What goes out is what came in, from the first word on and in its order */
static void every_word_in_order(void)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		fresh();
		fake.start = 0x12345678;
		cfg.evidence = EVIDENCE_FENCE;
		CHECK_EQ(go(transports[i]), 0);
		CHECK_EQ(r.blocks, 20);
		CHECK_EQ(r.bytes, 20 * BLOCK);
		CHECK_EQ(fake.jumps, 0);
		CHECK(fake.sent >= 20);
		CHECK(r.latency.count);
		nothing_left_behind();
	}
}

static void copied(void)
{
	fresh();
	CHECK_EQ(go(TR_FILEIO), 0);
	/* poll(), read(), poll(), write() */
	CHECK_EQ(r.syscalls, 80);
	CHECK_EQ(fake.attaches, 0);
	nothing_left_behind();
}

static void shared(void)
{
	fresh();
	cfg.evidence = 0;
	CHECK_EQ(go(TR_DMABUF), 0);
	/* Two ENQUEUE of each block, and no poll() */
	CHECK_EQ(r.syscalls, 40);
	/* Each block once, before it is used */
	CHECK_EQ(fake.sync_pairs, 4);
	CHECK_EQ(fake.attaches, 8);
	/* It is the kernel that waits */
	CHECK(fake.fence_waits >= 40);
	nothing_left_behind();
}

static void larger_ring(void)
{
	fresh();
	cfg.nblocks = 9;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(fake.jumps, 0);
	nothing_left_behind();

	fresh();
	cfg.nblocks = 3;
	CHECK_EQ(go(TR_DMABUF), ST_USAGE);
	CHECK_HAS(r.error, "4 blocks are the least");
	nothing_left_behind();
}

static void short_reads(void)
{
	fresh();
	fake.read_max = 1000;
	CHECK_EQ(go(TR_FILEIO), 0);
	CHECK_EQ(fake.jumps, 0);
	nothing_left_behind();
}

/* By its fence: of either device */
static void failed_transfers(void)
{
	fresh();
	cfg.evidence = EVIDENCE_FENCE;
	fake.fail_at = 10;
	fake.fail_errno = EIO;
	CHECK_EQ(go(TR_DMABUF), ST_FAIL);
	CHECK_EQ(r.outcomes.count[OUT_FAILED], 1);
	CHECK_EQ(r.outcomes.event[0].block, 9);
	nothing_left_behind();

	fresh();
	cfg.evidence = EVIDENCE_FENCE;
	fake.dac_fail_at = 10;
	fake.dac_fail_errno = ECANCELED;
	CHECK_EQ(go(TR_DMABUF), ST_FAIL);
	CHECK_EQ(r.outcomes.count[OUT_CANCELLED], 1);
	nothing_left_behind();
}

/* The first blocks are kept in it, and no page fault is to count */
static void memory_is_there_from_the_begin(void)
{
	struct xfer to = { .fd = -1, .registers = -1, .exporter.fd = -1 }, x = to;
	unsigned char there[2 * BLOCKS_BYTES / 4096];
	const char *begin;
	size_t i, n = 0;

	fresh();
	to.cfg = x.cfg = &cfg;
	to.port = x.port = &iio_port;
	to.block_bytes = x.block_bytes = BLOCKS_BYTES;
	to.ops = x.ops = &relay_copy_ops;
	x.dev = &adc;
	to.dev = &dac;
	x.to = &to;
	CHECK_EQ(relay_copy_ops.open(&x), 0);
	begin = (const char *)(((uintptr_t)x.held + 4095) / 4096 * 4096);
	CHECK_EQ(mincore((void *)(uintptr_t)begin, sizeof(there) * 4096 - 4096, there), 0);
	for (i = 0; i < sizeof(there) - 1; i++)
		n += there[i] & 1;
	CHECK_EQ(n, sizeof(there) - 1);
	relay_copy_ops.close(&x);
	nothing_left_behind();
}

static void each_device_stalls(void)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		fresh();
		cfg.timeout_ms = 50;
		fake.stall = true;
		CHECK_EQ(go(transports[i]), ST_FAIL);
		CHECK_HAS(r.error, "no data from cf-ad9361-lpc");
		nothing_left_behind();

		fresh();
		cfg.timeout_ms = 50;
		fake.dac_stall = true;
		CHECK_EQ(go(transports[i]), ST_FAIL);
		CHECK_HAS(r.error, "cf-ad9361-dds-core-lpc has not sent a block");
		nothing_left_behind();
	}
}

/* Each block is attached to both in turn, so the fourth ATTACH is the second of the DAC */
static void attach_fails_at_the_other_end(void)
{
	fresh();
	cfg.exporter = "heap:system";
	fake.attach_errno = EIO;
	fake.attach_errno_at = 4;
	CHECK_EQ(go(TR_DMABUF), ST_FAIL);
	CHECK_HAS(r.error, "cf-ad9361-dds-core-lpc cannot map a block");
	nothing_left_behind();
}

static void transports_in_turn(void)
{
	size_t i;

	fresh();
	for (i = 0; i < 4; i++) {
		CHECK_EQ(go(transports[i % 2]), 0);
		CHECK_EQ(r.blocks, 20);
	}
	nothing_left_behind();
}

static char checker[64];

static void set_count(const char *file, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", checker, file);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

static void find_fault(const struct result *res, uint64_t bytes, uint64_t ns, bool asked)
{
	(void)bytes;
	(void)ns;
	(void)asked;
	if (!res->warming_up)
		set_count("jumps", "12");
}

/* What was counted before is not of this run */
static void checker_counts(void)
{
	fresh();
	snprintf(checker, sizeof(checker), "%s/dev", root);
	set_count("jumps", "9");
	set_count("lost_bytes", "8");
	cfg.checker = checker;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK(r.checks.known);
	CHECK_EQ(r.checks.jumps, 0);
	CHECK_EQ(r.checks.lost_bytes, 0);
	CHECK(result_sent_well(&r));
	nothing_left_behind();

	fresh();
	cfg.checker = checker;
	cfg.interval_ns = 1;
	result_free(&r);
	CHECK_EQ(measure(&cfg, &adc, TR_FILEIO, BLOCK, &r, find_fault), 0);
	CHECK_EQ(r.checks.jumps, 3);
	CHECK(!result_sent_well(&r));
	nothing_left_behind();
}

static const struct ktap_test tests[] = {
	{ "relay.every_word_in_order", every_word_in_order },
	{ "relay.copied", copied },
	{ "relay.shared", shared },
	{ "relay.larger_ring", larger_ring },
	{ "relay.short_reads", short_reads },
	{ "relay.failed_transfers", failed_transfers },
	{ "relay.memory_is_there_from_the_begin", memory_is_there_from_the_begin },
	{ "relay.each_device_stalls", each_device_stalls },
	{ "relay.attach_fails_at_the_other_end", attach_fails_at_the_other_end },
	{ "relay.checker_counts", checker_counts },
	{ "relay.transports_in_turn", transports_in_turn },
};

int main(void)
{
	int ret = run_on_kernel(root, tests, sizeof(tests) / sizeof(tests[0]));

	result_free(&r);
	return ret;
}
