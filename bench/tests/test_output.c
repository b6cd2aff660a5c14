// SPDX-License-Identifier: GPL-2.0
/* The output of both transports, on the DAC of the fake kernel */
#include "error.h"
#include "measure.h"
#include "fake.h"
#include "ktap.h"
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[] = "/dev/shm/rwbench-test-XXXXXX";
static const enum transport transports[] = { TR_FILEIO, TR_DMABUF };
static struct iio_dev adc, dac;
static struct cfg cfg;
static struct result r;

/* A benchmark of 20 blocks of the counter after 4 of warm-up */
static void fresh(void)
{
	fresh_setup(root, &adc, &cfg);
	fresh_dac(root, &dac);
	cfg.write = true;
	cfg.counter = true;
	cfg.warmup = 4;
	cfg.samples = 20 * BLOCK / 8;
}

static int go(enum transport t)
{
	result_free(&r);
	return measure(&cfg, &dac, t, BLOCK, &r, NULL);
}

static void nothing_left_behind(void)
{
	nothing_left(&dac);
	result_free(&r);
}

static void good_run(enum transport t)
{
	fresh();
	CHECK_EQ(go(t), 0);
	CHECK_EQ(r.blocks, 20);
	CHECK_EQ(r.bytes, 20 * BLOCK);
	CHECK_EQ(r.times.count, 20);
	CHECK_EQ(fake.jumps, 0);
	/* What is still in the ring then is given up, as that of an input */
	CHECK(fake.sent >= 20);
	CHECK(r.started);
	nothing_left_behind();
}

static void fileio_run(void)
{
	good_run(TR_FILEIO);
	/* poll() and write() */
	CHECK_EQ(r.syscalls, 40);
	CHECK_EQ(r.outcomes.count[OUT_GOOD], 0);
}

static void dmabuf_run(void)
{
	good_run(TR_DMABUF);
	CHECK_STR(r.exporter, "heap:system");
	CHECK_EQ(fake.attaches, 4);
	/* The fifth is the first that had to be waited for */
	CHECK_EQ(fake.enqueues, 25);
	/* Of each block once before it is used, and then when it is filled */
	CHECK_EQ(fake.sync_pairs, 4 + 25);

	fresh();
	cfg.evidence = 0;
	CHECK_EQ(go(TR_DMABUF), 0);
	/* poll(), SYNC twice, ENQUEUE */
	CHECK_EQ(r.syscalls, 80);
	nothing_left_behind();
}

/* Nobody touches the blocks, so that nothing but poll() and ENQUEUE is left */
static void blocks_as_they_are(void)
{
	fresh();
	cfg.counter = false;
	cfg.sync = SYNC_ACCESS;
	cfg.evidence = 0;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.syscalls, 40);
	CHECK_EQ(fake.sync_pairs, 4);
	nothing_left_behind();
}

static void fences_tell(void)
{
	fresh();
	cfg.evidence = EVIDENCE_FENCE;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.outcomes.means, EVIDENCE_FENCE);
	CHECK_EQ(r.outcomes.count[OUT_GOOD], 21);
	CHECK_EQ(r.outcomes.total, 21);
	nothing_left_behind();

	fresh();
	cfg.evidence = EVIDENCE_FENCE;
	fake.dac_fail_at = 10;
	fake.dac_fail_errno = EIO;
	CHECK_EQ(go(TR_DMABUF), ST_FAIL);
	CHECK_HAS(r.error, "transfers sent no data");
	CHECK_EQ(r.outcomes.count[OUT_FAILED], 1);
	CHECK_EQ(r.outcomes.event[0].block, 9);
	nothing_left_behind();
}

/* A block that nobody has overwritten proves nothing here */
static void no_marks(void)
{
	fresh();
	cfg.evidence = EVIDENCE_AUTO;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.outcomes.means, EVIDENCE_FENCE);
	CHECK(r.outcomes.sparing);
	nothing_left_behind();
}

/* From standard input, @bytes of it */
static int stream(enum transport t, size_t bytes)
{
	static unsigned char data[3 * BLOCK];
	int ends[2], old = dup(STDIN_FILENO), ret;
	size_t i;

	for (i = 0; i < bytes; i++)
		data[i] = (unsigned char)(i / 4 >> i % 4 * 8);
	if (old < 0 || pipe(ends) || write(ends[1], data, bytes) != (ssize_t)bytes)
		abort();
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	cfg.benchmark = cfg.counter = false;
	cfg.samples = cfg.warmup = 0;
	ret = go(t);
	dup2(old, STDIN_FILENO);
	close(old);
	return ret;
}

/* All of it goes out, whether it fills the ring or not, and zeros fill the last block up */
static void stream_to_its_end(void)
{
	static const size_t bytes[] = { 8, BLOCK, 2 * BLOCK + 80, 3 * BLOCK };
	size_t i, k;

	for (i = 0; i < 2; i++) {
		for (k = 0; k < sizeof(bytes) / sizeof(bytes[0]); k++) {
			size_t blocks = (bytes[k] + BLOCK - 1) / BLOCK;

			fresh();
			CHECK_EQ(stream(transports[i], bytes[k]), 0);
			CHECK_EQ(r.bytes, bytes[k]);
			CHECK_EQ(r.blocks, blocks);
			CHECK_EQ(fake.sent, blocks);
			CHECK_EQ(fake.sent_bytes, transports[i] == TR_DMABUF ? bytes[k] :
				 blocks * BLOCK);
			CHECK_EQ(fake.jumps, transports[i] == TR_FILEIO && bytes[k] % BLOCK ?
				 (long long)(blocks * BLOCK - bytes[k]) / 4 : 0);
			nothing_left_behind();
		}
	}
}

static void stream_of_nothing(void)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		fresh();
		CHECK_EQ(stream(transports[i], 0), ST_FAIL);
		CHECK_HAS(r.error, "nothing to send");
		CHECK_EQ(r.bytes, 0);
		CHECK_EQ(fake.sent, 0);
		nothing_left_behind();
	}
}

/* A stream with a hole is given up, also when it is seen behind the last block only */
static void stream_with_a_hole(void)
{
	fresh();
	cfg.evidence = EVIDENCE_FENCE;
	fake.dac_fail_at = 2;
	fake.dac_fail_errno = EIO;
	CHECK_EQ(stream(TR_DMABUF, 3 * BLOCK), ST_FAIL);
	CHECK_HAS(r.error, "the first is block 1");
	nothing_left_behind();
}

static void stalled(void)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		fresh();
		cfg.timeout_ms = 50;
		fake.dac_stall = true;
		CHECK_EQ(go(transports[i]), ST_FAIL);
		CHECK_HAS(r.error, "has not sent a block for 0.05 s");
		nothing_left_behind();

		/* It has taken all, but that is not the end of it */
		fresh();
		cfg.timeout_ms = 50;
		fake.dac_stall = true;
		CHECK_EQ(stream(transports[i], BLOCK), ST_FAIL);
		CHECK_HAS(r.error, "has not sent a block for 0.05 s");
		nothing_left_behind();
	}
}

static void cyclic_by_the_device(void)
{
	fresh();
	cfg.cyclic = true;
	cfg.samples = 0;
	cfg.duration_ns = 20000000;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.repeated, BLOCK);
	CHECK_EQ(r.bytes, 0);
	CHECK(r.elapsed_ns >= cfg.duration_ns);
	CHECK_EQ(fake.attaches, 1);
	CHECK_EQ(fake.enqueues, 1);
	CHECK_EQ(fake.sent, 3);
	/* SYNC twice and ENQUEUE */
	CHECK_EQ(r.syscalls, 3);
	nothing_left_behind();
}

static void cyclic_by_hand(void)
{
	fresh();
	cfg.cyclic = true;
	cfg.samples = 0;
	cfg.duration_ns = 100000000;
	CHECK_EQ(go(TR_FILEIO), 0);
	CHECK_EQ(r.repeated, 0);
	CHECK(r.blocks > 4);
	/* It jumps back once a round */
	CHECK_EQ(fake.jumps, fake.sent - 1);
	nothing_left_behind();
}

/* What is shorter than a block is repeated without a gap */
static void cyclic_of_a_short_period(void)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		fresh();
		cfg.cyclic = true;
		cfg.duration_ns = 100000000;
		CHECK_EQ(stream(transports[i], 1000), 0);
		if (transports[i] == TR_DMABUF)
			CHECK_EQ(fake.sent_bytes, 3 * 1000);
		CHECK(fake.sent_bytes >= 2 * BLOCK || transports[i] == TR_DMABUF);
		CHECK_EQ(fake.jumps, (fake.sent_bytes - 4) / 1000);
		nothing_left_behind();

		fresh();
		cfg.cyclic = true;
		CHECK_EQ(stream(transports[i], 1001), ST_FAIL);
		CHECK_HAS(r.error, "it takes a multiple of 8");
		nothing_left_behind();

		fresh();
		cfg.cyclic = true;
		CHECK_EQ(stream(transports[i], 0), ST_FAIL);
		CHECK_HAS(r.error, "nothing to repeat");
		nothing_left_behind();

		fresh();
		cfg.cyclic = true;
		CHECK_EQ(stream(transports[i], BLOCK + 1), ST_FAIL);
		CHECK_HAS(r.error, "has more than a block of 4096 bytes");
		nothing_left_behind();

		fresh();
		cfg.cyclic = true;
		cfg.duration_ns = 20000000;
		CHECK_EQ(stream(transports[i], BLOCK), 0);
		CHECK(fake.sent_bytes);
		nothing_left_behind();
	}
}

static void engine_that_cannot_repeat(void)
{
	fresh();
	cfg.cyclic = true;
	fake.no_cyclic = true;
	CHECK_EQ(go(TR_DMABUF), ST_MISSING);
	CHECK_HAS(r.error, "cannot repeat a block by itself");
	nothing_left_behind();
}

static void underflow_bit(void)
{
	size_t i, k;

	for (i = 0; i < 2; i++) {
		for (k = 0; k < 2; k++) {
			fresh();
			fake.core = true;
			fake.underflow = k;
			fake_tree(root);
			CHECK_EQ(go(transports[i]), 0);
			CHECK_EQ(r.underflow, k ? OVERFLOW_YES : OVERFLOW_NO);
			CHECK_EQ(r.overflow, OVERFLOW_UNKNOWN);
			CHECK_EQ(fake.clears, 1);
			nothing_left_behind();
		}
	}
	fresh();
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.underflow, OVERFLOW_UNKNOWN);
	nothing_left_behind();
}

static void attach_errors(void)
{
	fresh();
	fake.attach_errno = EPERM;
	CHECK_EQ(go(TR_DMABUF), ST_MISSING);
	CHECK_HAS(r.error, "use --transport=fileio");
	nothing_left_behind();
}

static const struct ktap_test tests[] = {
	{ "output.fileio_run", fileio_run },
	{ "output.dmabuf_run", dmabuf_run },
	{ "output.blocks_as_they_are", blocks_as_they_are },
	{ "output.fences_tell", fences_tell },
	{ "output.no_marks", no_marks },
	{ "output.stream_to_its_end", stream_to_its_end },
	{ "output.stream_of_nothing", stream_of_nothing },
	{ "output.stream_with_a_hole", stream_with_a_hole },
	{ "output.stalled", stalled },
	{ "output.cyclic_by_the_device", cyclic_by_the_device },
	{ "output.cyclic_by_hand", cyclic_by_hand },
	{ "output.cyclic_of_a_short_period", cyclic_of_a_short_period },
	{ "output.engine_that_cannot_repeat", engine_that_cannot_repeat },
	{ "output.underflow_bit", underflow_bit },
	{ "output.attach_errors", attach_errors },
};

int main(void)
{
	int ret = run_on_kernel(root, tests, sizeof(tests) / sizeof(tests[0]));

	result_free(&r);
	return ret;
}
