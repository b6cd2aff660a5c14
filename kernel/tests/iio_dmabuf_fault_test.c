// SPDX-License-Identifier: GPL-2.0
/*
 * What the interface says when the DMA engine refuses, fails, delivers less,
 * hangs or is late. The dummy DMA controller does all that on request.
 */
#include "iio_test_util.h"

#define SIZE		16384
#define NUM_BLOCKS	4

FIXTURE(fault) {
	struct iio_dut dut;
	struct block blk[NUM_BLOCKS];
};

FIXTURE_SETUP(fault)
{
	int i;

	dut_setup(_metadata, &self->dut, NEED_DMABUF | NEED_FAULTS);
	for (i = 0; i < NUM_BLOCKS; i++) {
		ASSERT_EQ(0, block_alloc(&self->blk[i], SIZE));
		test_cmd_attach(self->dut.fd, self->blk[i].fd);
	}
}

FIXTURE_TEARDOWN(fault)
{
	int i;

	dut_teardown(_metadata, &self->dut);
	for (i = 0; i < NUM_BLOCKS; i++)
		block_free(&self->blk[i]);
}

static int enqueue(const struct iio_dut *dut, const struct block *blk)
{
	return iio_enqueue(dut->fd, blk->fd, SIZE);
}

/*
 * Enqueues, with the transfers held back so that the fence can be taken before
 * it signals, and lets them go again. Returns the fence.
 */
static int enqueue_for_fence(struct __test_metadata *_metadata,
			     const struct iio_dut *dut,
			     const struct block *blk)
{
	int fence;

	ASSERT_EQ(0, fault_set("stall", 1));
	ASSERT_EQ(0, enqueue(dut, blk));
	fence = fence_export(blk);
	ASSERT_GE(fence, 0);
	ASSERT_EQ(0, fence_status(fence));
	ASSERT_EQ(0, fault_set("stall", 0));

	return fence;
}

/* --------------------------------------------------------- refused submit */

TEST_F(fault, refused_submit_is_the_error_of_enqueue)
{
	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, fault_set("refuse_prep", 1));

	errno = 0;
	EXPECT_EQ(-1, enqueue(&self->dut, &self->blk[0]));
	EXPECT_NE(0, errno);
	EXPECT_NE(EBUSY, errno);
	EXPECT_EQ(0, fault_get("refuse_prep"));
}

TEST_F(fault, refused_submit_leaves_no_fence_pending)
{
	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	EXPECT_EQ(-1, enqueue(&self->dut, &self->blk[0]));
	EXPECT_TRUE(block_wait(&self->blk[0], 0));
	EXPECT_EQ(0, block_begin_read(&self->blk[0]));
	EXPECT_EQ(0, block_end_read(&self->blk[0]));
}

TEST_F(fault, refused_block_can_be_enqueued_again)
{
	int i;

	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, fault_set("refuse_prep", 1));
		EXPECT_EQ(-1, enqueue(&self->dut, &self->blk[0]));
		expect_transfer(_metadata, &self->dut, &self->blk[0]);
	}
}

TEST_F(fault, refused_block_can_be_detached_and_freed)
{
	if (!block_alive(&self->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	EXPECT_EQ(-1, enqueue(&self->dut, &self->blk[0]));
	test_cmd_detach(self->dut.fd, self->blk[0].fd);
	block_free(&self->blk[0]);
	EXPECT_TRUE(wait_until(!block_alive(&self->blk[0]), WAIT_MS));
}

TEST_F(fault, refused_submit_leaves_the_others_alone)
{
	int first, last;

	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, fault_set("stall", 1));
	ASSERT_EQ(0, enqueue(&self->dut, &self->blk[0]));
	first = fence_export(&self->blk[0]);
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	EXPECT_EQ(-1, enqueue(&self->dut, &self->blk[1]));
	ASSERT_EQ(0, enqueue(&self->dut, &self->blk[2]));
	last = fence_export(&self->blk[2]);

	EXPECT_EQ(0, fence_status(first));
	ASSERT_EQ(0, fault_set("stall", 0));
	EXPECT_EQ(1, fence_wait(first, WAIT_MS));
	EXPECT_EQ(1, fence_wait(last, WAIT_MS));
	close(first);
	close(last);
}

/* Nobody is there to be told but whoever waits for the block. */
TEST_F(fault, refused_at_enable_is_in_the_fence)
{
	int fence, status;

	ASSERT_EQ(0, enqueue(&self->dut, &self->blk[0]));
	fence = fence_export(&self->blk[0]);
	ASSERT_GE(fence, 0);
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	dut_enable(&self->dut);
	status = fence_wait(fence, WAIT_MS);
	EXPECT_LT(status, 0);
	close(fence);

	ASSERT_EQ(0, dut_disable(&self->dut));
	ASSERT_EQ(0, fault_set("refuse_prep", 0));
	ASSERT_EQ(0, dut_enable(&self->dut));
	expect_transfer(_metadata, &self->dut, &self->blk[0]);
}

/* ------------------------------------------------------- failed transfers */

TEST_F(fault, failed_transfer_is_eio)
{
	int fence;

	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, fault_set("fail", 1));
	fence = enqueue_for_fence(_metadata, &self->dut, &self->blk[0]);
	EXPECT_EQ(-EIO, fence_wait(fence, WAIT_MS));
	close(fence);
}

TEST_F(fault, failed_block_can_be_enqueued_again)
{
	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, fault_set("fail", 1));
	ASSERT_EQ(0, enqueue(&self->dut, &self->blk[0]));
	ASSERT_TRUE(block_wait(&self->blk[0], WAIT_MS));
	expect_transfer(_metadata, &self->dut, &self->blk[0]);
}

TEST_F(fault, failed_transfer_leaves_the_others_alone)
{
	int fence[NUM_BLOCKS], i;

	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, fault_set("stall", 1));
	ASSERT_EQ(0, fault_set("fail", 1));
	for (i = 0; i < NUM_BLOCKS; i++) {
		ASSERT_EQ(0, enqueue(&self->dut, &self->blk[i]));
		fence[i] = fence_export(&self->blk[i]);
		ASSERT_GE(fence[i], 0);
	}
	ASSERT_EQ(0, fault_set("stall", 0));
	EXPECT_EQ(-EIO, fence_wait(fence[0], WAIT_MS));
	for (i = 1; i < NUM_BLOCKS; i++)
		EXPECT_EQ(1, fence_wait(fence[i], WAIT_MS));
	for (i = 0; i < NUM_BLOCKS; i++)
		close(fence[i]);
}

TEST_F(fault, failed_transfers_are_told_apart)
{
	int fence, i;

	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, fault_set("fail", i & 1));
		fence = enqueue_for_fence(_metadata, &self->dut,
					  &self->blk[0]);
		EXPECT_EQ(i & 1 ? -EIO : 1, fence_wait(fence, WAIT_MS));
		close(fence);
	}
}

/* -------------------------------------------------------- short transfers */

TEST_F(fault, short_transfer_ends_and_leaves_the_rest)
{
	const size_t cut = 8 * self->dut.align;
	const struct block *blk = &self->blk[0];
	bool started = false;
	unsigned char *data;
	uint32_t next;
	size_t i;

	ASSERT_EQ(0, dut_enable(&self->dut));
	block_fill(blk, 0xa5);
	ASSERT_EQ(0, fault_set("short_bytes", cut));
	ASSERT_EQ(0, enqueue(&self->dut, blk));
	ASSERT_TRUE(block_wait(blk, WAIT_MS));

	ASSERT_EQ(0, block_begin_read(blk));
	EXPECT_COUNTER(blk->map, SIZE - cut, &next, &started);
	data = (unsigned char *)blk->map;
	for (i = SIZE - cut; i < SIZE && data[i] == 0xa5; i++)
		;
	EXPECT_EQ(SIZE, i);
	EXPECT_EQ(0, block_end_read(blk));

	/* The length was of that transfer, not of the block. */
	expect_transfer(_metadata, &self->dut, blk);
}

/* ------------------------------------------------- stalled, late transfers */

TEST_F(fault, stalled_transfer_stays_pending)
{
	int fence;

	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, fault_set("stall", 1));
	ASSERT_EQ(0, enqueue(&self->dut, &self->blk[0]));
	fence = fence_export(&self->blk[0]);
	ASSERT_GE(fence, 0);
	EXPECT_EQ(0, fence_wait(fence, QUIET_MS));
	EXPECT_FALSE(block_wait(&self->blk[0], 0));

	ASSERT_EQ(0, fault_set("stall", 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

TEST_F(fault, stalled_transfer_can_be_disabled)
{
	int fence;

	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, fault_set("stall", 1));
	ASSERT_EQ(0, enqueue(&self->dut, &self->blk[0]));
	fence = fence_export(&self->blk[0]);
	ASSERT_GE(fence, 0);

	ASSERT_EQ(0, dut_disable(&self->dut));
	EXPECT_EQ(-ECANCELED, fence_wait(fence, WAIT_MS));
	ASSERT_EQ(0, fault_set("stall", 0));
	ASSERT_EQ(0, dut_enable(&self->dut));
	expect_transfer(_metadata, &self->dut, &self->blk[0]);
	close(fence);
}

TEST_F(fault, late_transfer_is_late_and_whole)
{
	uint64_t start;

	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, fault_set("delay_us", 200000));
	start = now_ms();
	expect_transfer(_metadata, &self->dut, &self->blk[0]);
	EXPECT_LE(200, (int)(now_ms() - start));
}

/* The completion meets the abort in any order. */
TEST_F_TIMEOUT(fault, disable_races_with_completion, 60)
{
	int i, j;

	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, fault_set("delay_us", (i * 37) % 1000));
		for (j = 0; j < NUM_BLOCKS; j++)
			ASSERT_EQ(0, enqueue(&self->dut, &self->blk[j]));
		ASSERT_EQ(0, dut_enable(&self->dut));
		ASSERT_EQ(0, dut_disable(&self->dut));
		for (j = 0; j < NUM_BLOCKS; j++)
			ASSERT_TRUE(block_wait(&self->blk[j], WAIT_MS));
	}
	ASSERT_EQ(0, fault_set("delay_us", 0));
	ASSERT_EQ(0, dut_enable(&self->dut));
	expect_transfer(_metadata, &self->dut, &self->blk[0]);
}

TEST_F(fault, descriptors_all_come_back)
{
	int i;

	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, fault_set("fail", i % 3 == 0));
		ASSERT_EQ(0, fault_set("short_bytes", i % 3 == 1 ? 64 : 0));
		ASSERT_EQ(0, enqueue(&self->dut, &self->blk[i % NUM_BLOCKS]));
		ASSERT_TRUE(block_wait(&self->blk[i % NUM_BLOCKS], WAIT_MS));
	}
	ASSERT_EQ(0, fault_set("stall", 1));
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, enqueue(&self->dut, &self->blk[i]));
	ASSERT_EQ(0, dut_disable(&self->dut));
	EXPECT_TRUE(wait_until(!fault_get("descriptors"), WAIT_MS));
}

/* ---------------------------------------------------------------- read() */

FIXTURE(read_fault) {
	struct iio_dut dut;
};

FIXTURE_SETUP(read_fault)
{
	dut_setup(_metadata, &self->dut, NEED_FAULTS);
	ASSERT_EQ(0, dut_set_block_bytes(&self->dut, 4096));
}

FIXTURE_TEARDOWN(read_fault)
{
	dut_teardown(_metadata, &self->dut);
}

TEST_F(read_fault, stalled_nonblocking_read_is_eagain)
{
	char data[4096];

	ASSERT_EQ(0, fault_set("stall", 1));
	ASSERT_EQ(0, dut_enable(&self->dut));
	dut_nonblock(&self->dut, true);
	EXPECT_ERRNO(EAGAIN, read(self->dut.fd, data, sizeof(data)));
}

TEST_F(read_fault, works_again_after_a_stalled_disable)
{
	ASSERT_EQ(0, fault_set("stall", 1));
	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, dut_disable(&self->dut));
	ASSERT_EQ(0, fault_set("stall", 0));
	expect_read_mode_works(_metadata, &self->dut);
}

TEST_F(read_fault, works_again_after_refused_blocks)
{
	ASSERT_EQ(0, fault_set("refuse_prep", 2));
	dut_enable(&self->dut);
	ASSERT_EQ(0, dut_disable(&self->dut));
	ASSERT_EQ(0, fault_set("refuse_prep", 0));
	expect_read_mode_works(_metadata, &self->dut);
}

static int read_block(void *arg)
{
	const FIXTURE_DATA(read_fault) *self = arg;
	static char data[4096];

	return read(self->dut.fd, data, sizeof(data));
}

/* A block that the engine does not take must not be lost to read(). */
TEST_F(read_fault, goes_on_after_blocks_that_were_refused_meanwhile)
{
	char data[4096];
	int i;

	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, fault_set("refuse_prep", i % 3));
		/* The error of a block that was refused twice in a row */
		if (read(self->dut.fd, data, sizeof(data)) < 0)
			EXPECT_EQ(ENOMEM, errno);
	}
	ASSERT_EQ(0, fault_set("refuse_prep", 0));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(sizeof(data), read(self->dut.fd, data, sizeof(data)));
}

/*
 * One block was refused, the other one does not end: read() has to sleep, where it can
 * be interrupted, and not to look at the refused one again and again.
 */
TEST_F(read_fault, sleeps_while_a_block_is_refused_and_the_other_stalls)
{
	struct sleeper sleeper;
	char data[4096];

	ASSERT_EQ(0, fault_set("delay_us", 100000));
	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	ASSERT_EQ(sizeof(data), read(self->dut.fd, data, sizeof(data)));
	ASSERT_EQ(0, fault_set("stall", 1));
	ASSERT_EQ(0, fault_get("refuse_prep"));

	EXPECT_TRUE(sleeper_start(&sleeper, read_block, self));
	ASSERT_EQ(0, fault_set("stall", 0));
	EXPECT_TRUE(sleeper_join(&sleeper, WAIT_MS));
	EXPECT_EQ((int)sizeof(data), sleeper.ret);
}

IIO_TEST_MAIN
