// SPDX-License-Identifier: GPL-2.0
/* Both transports, from open to close, on the fake kernel */
#include "error.h"
#include "measure.h"
#include "sysfs.h"
#include "fake.h"
#include "ktap.h"
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[] = "/dev/shm/rwbench-test-XXXXXX";
static struct iio_dev dev;
static struct cfg cfg;
static struct result r;

/* A benchmark of 20 blocks after 4 of warm-up, each word checked */
static void fresh(void)
{
	fresh_setup(root, &dev, &cfg);
	cfg.warmup = 4;
	cfg.samples = 20 * BLOCK / 8;
	cfg.verify = VERIFY_FULL;
}

static int go(enum transport t)
{
	result_free(&r);
	return measure(&cfg, &dev, t, BLOCK, &r, NULL);
}

static void nothing_left_behind(void)
{
	nothing_left(&dev);
	result_free(&r);
}

static void good_run(enum transport t)
{
	fresh();
	CHECK_EQ(go(t), 0);
	CHECK_EQ(r.blocks, 20);
	CHECK_EQ(r.bytes, 20 * BLOCK);
	CHECK_EQ(fake.blocks, 24);
	CHECK(r.elapsed_ns > 0);
	CHECK_EQ(r.times.count, 20);
	CHECK_EQ(r.verify.received, 24 * BLOCK);
	CHECK(verify_good(&r.verify));
	CHECK(r.started);
	nothing_left_behind();
}

static void fileio_run(void)
{
	good_run(TR_FILEIO);
	/* poll() and read() */
	CHECK_EQ(r.syscalls, 40);
	CHECK_STR(r.exporter, "");
}

static void dmabuf_run(void)
{
	good_run(TR_DMABUF);
	/* poll(), SYNC twice, ENQUEUE */
	CHECK_EQ(r.syscalls, 80);
	CHECK_STR(r.exporter, "heap:system");
	CHECK_EQ(fake.attaches, 4);
	CHECK_EQ(fake.enqueues, 4 + 24);
	CHECK_EQ(fake.sync_pairs, 4 + 24);
}

static void sync_only_for_access(void)
{
	fresh();
	cfg.verify = VERIFY_OFF;
	cfg.sync = SYNC_ACCESS;
	cfg.evidence = 0;
	CHECK_EQ(go(TR_DMABUF), 0);
	/* Once for each block, to get it out of the cache */
	CHECK_EQ(fake.sync_pairs, 4);
	CHECK_EQ(r.syscalls, 40);
	nothing_left_behind();

	fresh();
	cfg.verify = VERIFY_OFF;
	cfg.sync = SYNC_ACCESS;
	cfg.work = WORK_READ;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(fake.sync_pairs, 4 + 24);
	nothing_left_behind();
}

static void ring_of_one_block(void)
{
	fresh();
	cfg.nblocks = 1;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK(verify_good(&r.verify));
	nothing_left_behind();
}

static void largest_ring(void)
{
	fresh();
	cfg.nblocks = MAX_BLOCKS;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(fake.attaches, MAX_BLOCKS);
	nothing_left_behind();
}

static void short_reads_are_put_together(void)
{
	fresh();
	fake.read_max = 1000;
	CHECK_EQ(go(TR_FILEIO), 0);
	CHECK_EQ(r.bytes, 20 * BLOCK);
	CHECK(verify_good(&r.verify));
	nothing_left_behind();
}

static void loss_is_seen(void)
{
	static const enum transport ts[] = { TR_FILEIO, TR_DMABUF };
	size_t i;

	for (i = 0; i < 2; i++) {
		fresh();
		fake.lose_at = 10;
		fake.lose_words = 512;
		CHECK_EQ(go(ts[i]), 0);
		CHECK_EQ(r.verify.bytes[V_LOST], 2048);
		CHECK_EQ(r.verify.nevents, 1);
		CHECK_EQ(r.verify.event[0].block, 9);
		/* What is lost never arrived, and what arrived counts in full */
		CHECK_EQ(r.bytes, 20 * BLOCK);
		nothing_left_behind();
	}
}

static void short_block_is_seen(void)
{
	fresh();
	fake.short_at = 10;
	fake.short_words = 6;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.verify.bytes[V_STALE], 24);
	CHECK_EQ(r.verify.bytes[V_LOST], 0);
	CHECK_EQ(r.verify.nevents, 1);
	/* One block more was needed for the bytes that were asked for */
	CHECK_EQ(r.blocks, 21);
	CHECK_EQ(r.bytes, 21 * BLOCK - 24);
	nothing_left_behind();
}

/* By marks: what failed is not counted, is located, and is the end of the figures */
static void failed_transfers_do_not_count(void)
{
	static const unsigned int means[] = {
		EVIDENCE_AUTO, EVIDENCE_MARK, EVIDENCE_FENCE,
		EVIDENCE_MARK | EVIDENCE_FENCE,
	};
	size_t i;

	for (i = 0; i < sizeof(means) / sizeof(means[0]); i++) {
		bool fence = means[i] & EVIDENCE_FENCE;

		fresh();
		cfg.verify = VERIFY_OFF;
		cfg.evidence = means[i];
		fake.fail_at = 10;
		fake.fail_blocks = 3;
		fake.fail_errno = EIO;
		CHECK_EQ(go(TR_DMABUF), ST_FAIL);
		CHECK_HAS(r.error, "3 of 27 transfers");
		CHECK_HAS(r.error, "block 9, at byte 36864");
		CHECK_EQ(r.outcomes.bad, 3);
		CHECK_EQ(r.outcomes.count[OUT_GOOD], 24);
		CHECK_EQ(r.outcomes.count[OUT_UNKNOWN], 0);
		CHECK_EQ(r.outcomes.event[0].block, 9);
		/* The kernel has a reason to tell, and from the first on it is asked */
		CHECK_EQ(r.outcomes.event[0].kind, fence ? OUT_FAILED : OUT_UNWRITTEN);
		CHECK_EQ(r.outcomes.event[0].err, fence ? EIO : 0);
		/* These 20 came, whatever else did not */
		CHECK_EQ(r.blocks, 20);
		CHECK_EQ(r.bytes, 20 * BLOCK);
		nothing_left_behind();
	}
}

static void cancelled_transfers(void)
{
	static const int numbers[] = { ECANCELED, EINTR };
	size_t i;

	for (i = 0; i < 2; i++) {
		fresh();
		cfg.verify = VERIFY_OFF;
		cfg.evidence = EVIDENCE_FENCE;
		fake.fail_at = 24;
		fake.fail_errno = numbers[i];
		CHECK_EQ(go(TR_DMABUF), ST_FAIL);
		CHECK_HAS(r.error, "1 of 25 transfers");
		CHECK_HAS(r.error, "1 cancelled");
		CHECK_EQ(r.outcomes.count[OUT_CANCELLED], 1);
		nothing_left_behind();
	}
}

/* No figure out of nothing, and no endless wait for a good one */
static void nothing_but_failures(void)
{
	static const unsigned int means[] = { EVIDENCE_MARK, EVIDENCE_FENCE };
	size_t i;

	for (i = 0; i < 2; i++) {
		fresh();
		cfg.verify = VERIFY_OFF;
		cfg.evidence = means[i];
		fake.fail_at = 1;
		fake.fail_blocks = UINT64_MAX / 2;
		fake.fail_errno = EIO;
		CHECK_EQ(go(TR_DMABUF), ST_FAIL);
		CHECK_HAS(r.error, "64 of 64 transfers");
		CHECK_EQ(r.bytes, 0);
		CHECK_EQ(r.blocks, 0);
		nothing_left_behind();
	}
}

static void short_transfer_is_named(void)
{
	fresh();
	cfg.verify = VERIFY_OFF;
	fake.short_at = 10;
	fake.short_words = 6;
	CHECK_EQ(go(TR_DMABUF), ST_FAIL);
	CHECK_HAS(r.error, "1 wrote a part");
	CHECK_EQ(r.outcomes.count[OUT_PARTIAL], 1);
	nothing_left_behind();

	/* A fence has no idea */
	fresh();
	cfg.verify = VERIFY_OFF;
	cfg.evidence = EVIDENCE_FENCE;
	fake.short_at = 10;
	fake.short_words = 6;
	CHECK_EQ(go(TR_DMABUF), 0);
	nothing_left_behind();
}

/* Its own words tell --verify more: how much came, and that is not counted as failed */
static void failed_transfer_while_verifying(void)
{
	fresh();
	fake.fail_at = 10;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.verify.bytes[V_STALE], BLOCK);
	CHECK_EQ(r.verify.bytes[V_WRONG], 0);
	CHECK_EQ(r.verify.event[0].block, 9);
	CHECK_EQ(r.outcomes.count[OUT_UNWRITTEN], 1);
	CHECK_EQ(r.bytes, 20 * BLOCK);
	nothing_left_behind();
}

static void what_nobody_can_tell(void)
{
	/* It is over before the sync file is there: the kernel hands out a stand-in */
	fresh();
	cfg.verify = VERIFY_OFF;
	cfg.evidence = EVIDENCE_FENCE;
	fake.late = true;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK(r.outcomes.count[OUT_UNKNOWN] > 0);
	CHECK_EQ(r.outcomes.count[OUT_GOOD] + r.outcomes.count[OUT_UNKNOWN],
		 r.outcomes.total);
	nothing_left_behind();

	fresh();
	cfg.verify = VERIFY_OFF;
	cfg.sync = SYNC_ACCESS;
	fake.no_sync_file = true;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.outcomes.count[OUT_UNKNOWN], 24);
	CHECK_EQ(r.outcomes.means, 0);
	nothing_left_behind();

	/* What was asked for has to be there */
	fresh();
	cfg.evidence = EVIDENCE_MARK | EVIDENCE_FENCE;
	fake.no_sync_file = true;
	CHECK_EQ(go(TR_DMABUF), ST_MISSING);
	CHECK_HAS(r.error, "exports no sync files");
	nothing_left_behind();

	fresh();
	cfg.evidence = 0;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.outcomes.count[OUT_UNKNOWN], 24);
	CHECK_EQ(fake.exports, 0);
	nothing_left_behind();

	/* Marks do not depend on either */
	fresh();
	fake.late = true;
	fake.no_sync_file = true;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.outcomes.count[OUT_GOOD], 24);
	nothing_left_behind();
}

/* Without access by the CPU: a few fences, until one says that something is wrong */
static void sparing_fences(void)
{
	fresh();
	cfg.verify = VERIFY_OFF;
	cfg.work = WORK_NONE;
	cfg.sync = SYNC_ACCESS;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK(r.outcomes.sparing);
	CHECK(r.outcomes.count[OUT_GOOD] >= 1);
	CHECK(r.outcomes.count[OUT_UNKNOWN] > 0);
	CHECK(fake.exports < 24);
	nothing_left_behind();

	fresh();
	cfg.verify = VERIFY_OFF;
	cfg.work = WORK_NONE;
	cfg.sync = SYNC_ACCESS;
	fake.fail_at = 1;
	fake.fail_blocks = UINT64_MAX / 2;
	fake.fail_errno = EIO;
	CHECK_EQ(go(TR_DMABUF), ST_FAIL);
	CHECK_HAS(r.error, "Input/output error");
	CHECK(!r.outcomes.sparing);
	nothing_left_behind();
}

/* Too small for marks that no converter sends by chance */
static void small_blocks_have_no_marks(void)
{
	fresh();
	cfg.verify = VERIFY_OFF;
	cfg.samples = 20;
	result_free(&r);
	CHECK_EQ(measure(&cfg, &dev, TR_DMABUF, 8, &r, NULL), 0);
	CHECK_EQ(r.outcomes.means, EVIDENCE_FENCE);
	nothing_left_behind();

	fresh();
	cfg.evidence = EVIDENCE_MARK;
	CHECK_EQ(measure(&cfg, &dev, TR_DMABUF, 8, &r, NULL), ST_USAGE);
	CHECK_HAS(r.error, "no room for the marks");
	nothing_left_behind();
}

static void wrap_of_the_counter(void)
{
	fresh();
	fake.start = UINT32_MAX - 5000;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK(verify_good(&r.verify));
	nothing_left_behind();
}

static void time_limit(void)
{
	fresh();
	cfg.samples = 0;
	cfg.duration_ns = 50000000;
	fake.delay_us = 1000;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK(r.elapsed_ns >= 50000000);
	CHECK(r.elapsed_ns < 5000000000);
	CHECK(r.times.min >= 1000000);
	nothing_left_behind();
}

static void intervals(void)
{
	uint64_t bytes = 0;
	size_t i;

	fresh();
	cfg.interval_given = true;
	cfg.interval_ns = 5000000;
	fake.delay_us = 2000;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK(r.nintervals >= 4);
	for (i = 0; i < r.nintervals; i++) {
		CHECK(r.interval[i].ns >= 5000000);
		bytes += r.interval[i].bytes;
	}
	CHECK(bytes <= r.bytes);
	nothing_left_behind();
}

static void no_data(void)
{
	static const enum transport ts[] = { TR_FILEIO, TR_DMABUF };
	size_t i;

	for (i = 0; i < 2; i++) {
		fresh();
		fake.stall = true;
		cfg.timeout_ms = 20;
		CHECK_EQ(go(ts[i]), ST_FAIL);
		CHECK_HAS(r.error, "no data");
		CHECK_HAS(r.error, "1000000");
		CHECK_HAS(r.error, "trigger");
		CHECK(r.started);
		nothing_left_behind();
	}
}

static void announced_but_not_there(void)
{
	fresh();
	fake.swapped = true;
	cfg.timeout_ms = 20;
	CHECK_EQ(go(TR_FILEIO), ST_FAIL);
	CHECK_HAS(r.error, "no data");
	nothing_left_behind();
}

/* Each errno of ATTACH, at the first block and at a later one */
static void attach_errors(void)
{
	static const struct {
		int number, status;
		const char *word;
	} t[] = {
		{ EPERM, ST_MISSING, "cannot do DMABUFs" },
		{ ENOTTY, ST_MISSING, "this kernel" },
		{ EINVAL, ST_MISSING, "this kernel" },
		{ ENODEV, ST_FAIL, "went away" },
		{ EBUSY, ST_FAIL, "busy" },
		{ ENOMEM, ST_FAIL, "cannot map" },
	};
	size_t i;
	int at;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		for (at = 1; at <= 3; at += 2) {
			fresh();
			cfg.exporter = "heap:system";
			fake.attach_errno = t[i].number;
			fake.attach_errno_at = at;
			CHECK_EQ(go(TR_DMABUF), t[i].status);
			CHECK_HAS(r.error, t[i].word);
			CHECK(!r.started);
			nothing_left_behind();
		}
	}
}

static void enqueue_errors(void)
{
	static const struct {
		int number;
		const char *word;
	} t[] = {
		{ EINVAL, "length_align_bytes" }, { EBUSY, "refused an earlier" },
		{ ENODEV, "went away" }, { ENOMEM, "did not take" },
		{ EIO, "ENQUEUE" },
	};
	size_t i;
	int at;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		for (at = 1; at <= 13; at += 6) {
			fresh();
			fake.enqueue_errno = t[i].number;
			fake.enqueue_errno_at = at;
			CHECK_EQ(go(TR_DMABUF), ST_FAIL);
			CHECK_HAS(r.error, t[i].word);
			nothing_left_behind();
		}
	}
}

static void next_exporter_when_one_has_no_memory(void)
{
	fresh();
	fake.heap_errno = ENOMEM;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_STR(r.exporter, "udmabuf");
	nothing_left_behind();
}

static void named_exporter_is_not_replaced(void)
{
	fresh();
	cfg.exporter = "heap:system";
	fake.heap_errno = ENOMEM;
	CHECK_EQ(go(TR_DMABUF), ST_FAIL);
	CHECK_HAS(r.error, "heap:system");
	CHECK_HAS(r.error, "smaller");
	nothing_left_behind();

	fresh();
	cfg.exporter = "heap:none";
	CHECK_EQ(go(TR_DMABUF), ST_MISSING);
	CHECK_HAS(r.error, "heap:system");
	nothing_left_behind();
}

static void enable_fails(void)
{
	static const enum transport ts[] = { TR_FILEIO, TR_DMABUF };
	size_t i;

	for (i = 0; i < 2; i++) {
		fresh();
		fake.enable_errno = ENOMEM;
		CHECK_EQ(go(ts[i]), ST_FAIL);
		CHECK_HAS(r.error, "smaller blocks");
		CHECK(!r.started);
		nothing_left_behind();
	}
}

static void read_fails(void)
{
	fresh();
	fake.read_errno = ENODEV;
	CHECK_EQ(go(TR_FILEIO), ST_FAIL);
	CHECK_HAS(r.error, "went away");
	nothing_left_behind();
}

static void transports_in_turn(void)
{
	int i;

	fresh();
	for (i = 0; i < 3; i++) {
		CHECK_EQ(go(TR_FILEIO), 0);
		CHECK_EQ(go(TR_DMABUF), 0);
	}
	nothing_left_behind();
	CHECK_EQ(sysfs_restore(), 0);
}

/* Each kind of work takes the blocks as they are, and costs its system calls */
static void each_work(void)
{
	static const struct {
		enum work_kind work;
		unsigned int syscalls;
	} t[] = {
		{ WORK_NONE, 2 }, { WORK_SYNC, 4 }, { WORK_READ, 4 },
		{ WORK_COPY, 4 }, { WORK_PIPE, 5 }, { WORK_FILE, 6 },
	};
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		fresh();
		cfg.verify = VERIFY_OFF;
		cfg.work = t[i].work;
		cfg.sync = cfg.work == WORK_NONE ? SYNC_ACCESS : SYNC_BLOCK;
		cfg.evidence = cfg.work == WORK_NONE ? 0 : EVIDENCE_AUTO;
		CHECK_EQ(go(TR_DMABUF), 0);
		CHECK_EQ(r.syscalls, 20 * t[i].syscalls);
		nothing_left_behind();
		CHECK_EQ(go(TR_FILEIO), 0);
		nothing_left_behind();
	}
}

static void file_gets_the_data(void)
{
	char path[] = "/tmp/rwbench-file-XXXXXX";
	uint32_t data[BLOCK / 4];
	int fd = mkstemp(path);

	fresh();
	cfg.work = WORK_FILE;
	cfg.file = path;
	fake.start = 100;
	CHECK_EQ(go(TR_DMABUF), 0);
	/* The last of 24 blocks, in the place of all others */
	CHECK_EQ(read(fd, data, sizeof(data)), BLOCK);
	CHECK_EQ(data[0], 100 + 23 * BLOCK / 4);
	CHECK_EQ(lseek(fd, 0, SEEK_END), BLOCK);
	close(fd);
	unlink(path);
	nothing_left_behind();

	fresh();
	cfg.work = WORK_FILE;
	cfg.file = "/nowhere/file";
	CHECK_EQ(go(TR_DMABUF), ST_FAIL);
	CHECK_HAS(r.error, "/nowhere/file");
	nothing_left_behind();
}

static void set_enable(const char *val)
{
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path), "%s/enable", dev.buf);
	sysfs_write(path, val);
}

/* What this run did not open, it does not close: 0 may be the report */
static void others_files_stay_open(void)
{
	static const enum transport ts[] = { TR_FILEIO, TR_DMABUF };
	int zero = fcntl(0, F_DUPFD_CLOEXEC, 3);
	size_t i;

	dup2(open("/dev/null", O_RDONLY), 0);
	for (i = 0; i < 2; i++) {
		fresh();
		cfg.work = WORK_FILE;
		cfg.file = "/nowhere/file";
		CHECK_EQ(go(ts[i]), ST_FAIL);
		CHECK(fcntl(0, F_GETFD) >= 0);
		nothing_left_behind();
	}
	if (zero >= 0)
		dup2(zero, 0);
	close(zero);
}

static void others_buffer_stays_enabled(void)
{
	static const enum transport ts[] = { TR_FILEIO, TR_DMABUF };
	size_t i;

	for (i = 0; i < 2; i++) {
		/* Busy from the start, so that nothing was enabled by us */
		fresh();
		set_enable("1");
		fake.getfd_errno = EBUSY;
		CHECK_EQ(go(ts[i]), ST_FAIL);
		CHECK(iio_is_enabled(&dev));

		/* Enabled by another between our open and our enable */
		fake.getfd_errno = 0;
		fake.late_enable = true;
		set_enable("0");
		CHECK_EQ(go(ts[i]), ST_FAIL);
		CHECK_HAS(r.error, "another process has enabled");
		CHECK(iio_is_enabled(&dev));
		set_enable("0");
		nothing_left_behind();
	}
}

static void reader_of_the_pipe_dies(void)
{
	uint64_t syscalls = 0;
	struct work w;
	char data[64];
	int ret;

	/* Once for real */
	fail_clear();
	memset(data, 0, sizeof(data));
	CHECK_EQ(work_open(&w, WORK_PIPE, sizeof(data), NULL), 0);
	kill(w.reader, SIGKILL);
	do
		ret = work_do(&w, data, sizeof(data), &syscalls);
	while (!ret);
	CHECK_EQ(ret, ST_FAIL);
	CHECK_HAS(fail_text(), "reads the pipe");
	work_close(&w);

	fresh();
	cfg.work = WORK_PIPE;
	fake.pipe_errno = EPIPE;
	CHECK_EQ(go(TR_DMABUF), ST_FAIL);
	CHECK_EQ(r.status, ST_FAIL);
	CHECK_HAS(r.error, "reads the pipe");
	CHECK(!r.interrupted);
	nothing_left_behind();
}

static void times_of_steps(void)
{
	uint64_t sum = 0;
	int i;

	fresh();
	cfg.times = true;
	cfg.work = WORK_READ;
	fake.delay_us = 1000;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK(r.timed);
	for (i = 0; i < STEPS; i++)
		sum += r.step_ns[i];
	/* All steps together are the run, but for the clock itself */
	CHECK(sum <= r.elapsed_ns && sum >= r.elapsed_ns / 2);
	CHECK(r.step_ns[STEP_WAIT] >= 20 * 1000000);
	CHECK(r.step_ns[STEP_SYNC] > 0 && r.step_ns[STEP_ENQUEUE] > 0);
	CHECK(r.step_ns[STEP_WORK] > 0);
	CHECK_EQ(r.step_ns[STEP_READ], 0);
	/* The fake kernel fills a block when it is asked for, four later */
	CHECK_EQ(r.latency.count, 20);
	CHECK(r.latency.min >= 4 * 1000000);
	nothing_left_behind();

	CHECK_EQ(go(TR_FILEIO), 0);
	CHECK(r.step_ns[STEP_READ] > 0);
	CHECK_EQ(r.step_ns[STEP_SYNC] + r.step_ns[STEP_ENQUEUE], 0);
	CHECK_EQ(r.latency.count, 0);
	nothing_left_behind();

	fresh();
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK(!r.timed);
	nothing_left_behind();
}

static void least_number_of_blocks(void)
{
	fresh();
	cfg.samples = 0;
	cfg.duration_ns = 0;
	cfg.min_blocks = 13;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.blocks, 13);
	nothing_left_behind();
}

/*
 * Blocks that are ready when the measured part begins are not counted in it, however few
 * there are: each one that counts had to be waited for.
 */
static void what_was_ready_does_not_count(void)
{
	static const enum transport ts[] = { TR_FILEIO, TR_DMABUF };
	size_t i;

	for (i = 0; i < 2; i++) {
		fresh();
		cfg.samples = 0;
		cfg.duration_ns = 0;
		cfg.min_blocks = 3;
		fake.behind = 1;
		fake.ahead = ts[i] == TR_FILEIO ? 5 : 8;
		fake.delay_us = 5000;
		CHECK_EQ(go(ts[i]), 0);
		CHECK_EQ(r.blocks, 3);
		CHECK_EQ(r.warmup, fake.ahead + 1);
		CHECK_EQ(r.warmup_bytes, r.warmup * BLOCK);
		CHECK_EQ(fake.blocks, fake.ahead + 4);
		CHECK(r.elapsed_ns >= 3 * 5000000);
		/* Warm-up is in none of the other figures either */
		CHECK_EQ(r.times.count, 3);
		CHECK_EQ(r.syscalls, ts[i] == TR_FILEIO ? 6 : 12);
		nothing_left_behind();
	}
}

/* A device that is the faster one is out of blocks in each round: one of these is enough */
static void device_that_is_always_ahead(void)
{
	fresh();
	fake.ahead = UINT64_MAX;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.warmup, 4 + 4);
	CHECK_EQ(r.blocks, 20);
	nothing_left_behind();

	fresh();
	fake.ahead = UINT64_MAX;
	CHECK_EQ(go(TR_FILEIO), 0);
	CHECK_EQ(r.warmup, 4 + 2);
	CHECK_EQ(r.blocks, 20);
	nothing_left_behind();

	/* Neither behind nor out of blocks: it ends all the same */
	fresh();
	fake.ahead = UINT64_MAX;
	fake.behind = 1;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.warmup, 4 + 16 * 4);
	CHECK_EQ(r.blocks, 20);
	nothing_left_behind();
}

static void no_warm_up(void)
{
	fresh();
	cfg.warmup = 0;
	fake.ahead = UINT64_MAX;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.warmup, 0);
	CHECK_EQ(fake.blocks, 20);
	nothing_left_behind();
}

static void blocks_smaller_than_their_dmabufs(void)
{
	fresh();
	cfg.alloc_unit = 3 * BLOCK;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.bytes, 20 * BLOCK);
	CHECK_EQ(fake.largest, 3 * BLOCK);
	CHECK(verify_good(&r.verify));
	nothing_left_behind();
}

static void layout_of_pages(void)
{
	static const uint64_t apart[] = { 7, 9, 11, 13 };
	static const uint64_t runs[] = { 7, 8, 9, 4, 5, 100 };
	static const uint64_t backwards[] = { 3, 2, 1 };
	struct layout l = { 0 }, sum = { 0 };

	layout_frames(&l, apart, 4, 4096);
	CHECK_EQ(l.segments, 4);
	CHECK_EQ(l.largest, 4096);
	/* The next buffer begins a segment of its own */
	layout_frames(&l, runs, 6, 4096);
	CHECK_EQ(l.segments, 4 + 3);
	CHECK_EQ(l.largest, 3 * 4096);
	layout_frames(&l, backwards, 3, 4096);
	CHECK_EQ(l.segments, 4 + 3 + 3);
	CHECK_EQ(l.pages, 13);
	CHECK_EQ(l.dmabufs, 3);

	layout_sum(&sum, &l);
	layout_sum(&sum, &l);
	CHECK_EQ(sum.pages, 26);
	CHECK_EQ(sum.segments, 20);
	CHECK_EQ(sum.largest, 3 * 4096);
	CHECK_EQ(sum.dmabufs, 6);

	/* One run that nobody could look into, and what follows it */
	layout_sum(&sum, &(struct layout){ .unknown = true });
	CHECK_EQ(sum.dmabufs, 0);
	layout_sum(&sum, &l);
	CHECK_EQ(sum.dmabufs, 0);
}

/* Of one block unknown, of all unknown: what is known of the others is no mean */
static void layout_that_one_block_hides(void)
{
	fresh();
	cfg.layout = true;
	fake.pagemap = true;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.layout.dmabufs, 4);
	nothing_left_behind();

	fresh();
	cfg.layout = true;
	fake.pagemap = true;
	fake.pagemap_errno_at = 2;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.layout.dmabufs, 0);
	nothing_left_behind();

	/* What the first exporter had is not of the second */
	fresh();
	cfg.layout = true;
	fake.pagemap = true;
	fake.attach_errno = ENOMEM;
	fake.attach_errno_at = 2;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.layout.dmabufs, 4);
	nothing_left_behind();
}

static void cma_heaps_have_their_memory(void)
{
	char path[SYSFS_PATH];
	int fd;

	fresh();
	snprintf(path, sizeof(path), "%s/proc/meminfo", root);
	fd = open(path, O_WRONLY | O_TRUNC);
	dprintf(fd, "MemAvailable: 1000 kB\nCmaFree: 900 kB\n");
	close(fd);
	cfg.nblocks = 64;
	cfg.exporter = "heap:system";
	CHECK_EQ(go(TR_DMABUF), ST_FAIL);
	CHECK_HAS(r.error, "fewer or smaller");
	cfg.exporter = "heap:reserved";
	CHECK_EQ(go(TR_DMABUF), 0);
	nothing_left_behind();
	fake_tree(root);
}

static void variants_of_udmabuf(void)
{
	static const char *const names[] = {
		"udmabuf", "udmabuf:scattered", "udmabuf:thp",
	};
	size_t i;

	for (i = 0; i < 3; i++) {
		fresh();
		cfg.exporter = names[i];
		CHECK_EQ(go(TR_DMABUF), 0);
		CHECK_STR(r.exporter, names[i]);
		nothing_left_behind();
	}
}

/* Where nobody may count, that is no error, and nothing is claimed */
static void counting_instructions(void)
{
	struct counters c;
	struct count none, some;

	counters_open(&c);
	counters_read(&c, &some);
	CHECK_EQ(some.valid, c.n > 0);
	fresh();
	cfg.counters = &c;
	CHECK_EQ(go(TR_DMABUF), 0);
	CHECK_EQ(r.instructions.valid, c.n > 0);
	if (c.n)
		CHECK(r.instructions.user > 0 && r.instructions.kernel > 0);
	nothing_left_behind();
	counters_close(&c);
	counters_read(&c, &none);
	CHECK(!none.valid);

	c.user_cost = 10;
	c.kernel_cost = 1000;
	none = (struct count){ .valid = true, .user = 5, .kernel = 5 };
	some = (struct count){ .valid = true, .user = 105, .kernel = 105 };
	some = counters_between(&c, &none, &some);
	CHECK_EQ(some.user, 90);
	CHECK_EQ(some.kernel, 0);
	CHECK(some.valid);
}

/* 3 * 2^30 instructions a block: two blocks are too many for 32 bits */
static void counters_that_wrap(void)
{
	struct counters c;

	fresh();
	fake.instructions = 3ull << 30;
	fake.pmu_wraps = true;
	fake.delay_us = 110000;
	cfg.samples = 4 * BLOCK / 8;
	counters_open(&c);
	CHECK(c.n > 0 && c.wraps);
	cfg.counters = &c;
	CHECK_EQ(go(TR_FILEIO), 0);
	CHECK_EQ(r.blocks, 4);
	CHECK(r.instructions.valid);
	CHECK_EQ(r.instructions.user, 4 * fake.instructions);
	CHECK_EQ(r.instructions.kernel, 4 * fake.instructions);

	/* One block takes so long that nobody can say */
	cfg.warmup = 0;
	cfg.samples = BLOCK / 8;
	fake.delay_us = 1010000;
	CHECK_EQ(go(TR_FILEIO), 0);
	CHECK(!r.instructions.valid);
	counters_close(&c);

	/* With an interrupt the kernel knows, and nobody has to look */
	fake.pmu_wraps = false;
	counters_open(&c);
	CHECK(c.n > 0 && !c.wraps);
	CHECK_EQ(go(TR_FILEIO), 0);
	CHECK(r.instructions.valid);
	CHECK_EQ(r.instructions.user, fake.instructions);
	counters_close(&c);
	nothing_left_behind();
}

static const struct ktap_test tests[] = {
	{ "measure.counters_that_wrap", counters_that_wrap },
	{ "measure.others_files_stay_open", others_files_stay_open },
	{ "measure.others_buffer_stays_enabled", others_buffer_stays_enabled },
	{ "measure.reader_of_the_pipe_dies", reader_of_the_pipe_dies },
	{ "measure.layout_that_one_block_hides", layout_that_one_block_hides },
	{ "measure.cma_heaps_have_their_memory", cma_heaps_have_their_memory },
	{ "measure.each_work", each_work },
	{ "measure.file_gets_the_data", file_gets_the_data },
	{ "measure.times_of_steps", times_of_steps },
	{ "measure.least_number_of_blocks", least_number_of_blocks },
	{ "measure.what_was_ready_does_not_count", what_was_ready_does_not_count },
	{ "measure.device_that_is_always_ahead", device_that_is_always_ahead },
	{ "measure.no_warm_up", no_warm_up },
	{ "measure.blocks_smaller_than_their_dmabufs",
	  blocks_smaller_than_their_dmabufs },
	{ "measure.layout_of_pages", layout_of_pages },
	{ "measure.variants_of_udmabuf", variants_of_udmabuf },
	{ "measure.counting_instructions", counting_instructions },
	{ "measure.fileio_run", fileio_run },
	{ "measure.dmabuf_run", dmabuf_run },
	{ "measure.sync_only_for_access", sync_only_for_access },
	{ "measure.ring_of_one_block", ring_of_one_block },
	{ "measure.largest_ring", largest_ring },
	{ "measure.short_reads_are_put_together", short_reads_are_put_together },
	{ "measure.loss_is_seen", loss_is_seen },
	{ "measure.short_block_is_seen", short_block_is_seen },
	{ "measure.failed_transfers_do_not_count", failed_transfers_do_not_count },
	{ "measure.cancelled_transfers", cancelled_transfers },
	{ "measure.nothing_but_failures", nothing_but_failures },
	{ "measure.short_transfer_is_named", short_transfer_is_named },
	{ "measure.failed_transfer_while_verifying", failed_transfer_while_verifying },
	{ "measure.what_nobody_can_tell", what_nobody_can_tell },
	{ "measure.sparing_fences", sparing_fences },
	{ "measure.small_blocks_have_no_marks", small_blocks_have_no_marks },
	{ "measure.wrap_of_the_counter", wrap_of_the_counter },
	{ "measure.time_limit", time_limit },
	{ "measure.intervals", intervals },
	{ "measure.no_data", no_data },
	{ "measure.announced_but_not_there", announced_but_not_there },
	{ "measure.attach_errors", attach_errors },
	{ "measure.enqueue_errors", enqueue_errors },
	{ "measure.next_exporter_when_one_has_no_memory",
	  next_exporter_when_one_has_no_memory },
	{ "measure.named_exporter_is_not_replaced", named_exporter_is_not_replaced },
	{ "measure.enable_fails", enable_fails },
	{ "measure.read_fails", read_fails },
	{ "measure.transports_in_turn", transports_in_turn },
};

int main(void)
{
	int ret = run_on_kernel(root, tests, sizeof(tests) / sizeof(tests[0]));

	result_free(&r);
	return ret;
}
