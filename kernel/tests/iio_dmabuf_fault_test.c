// SPDX-License-Identifier: GPL-2.0
/*
 * What the interface says when the DMA engine refuses, fails, delivers less,
 * hangs or is late. The dummy DMA controller does all that on request.
 */
#include "iio_test_util.h"

#include <ctype.h>
#include <sys/mount.h>

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

/* Enqueues, with the transfers held back. Returns the fence, which has not signalled. */
static int enqueue_stalled(struct __test_metadata *_metadata,
			   const struct iio_dut *dut, const struct block *blk)
{
	int fence;

	ASSERT_EQ(0, dut_stall(dut, 1));
	ASSERT_EQ(0, enqueue(dut, blk));
	fence = fence_export(blk);
	ASSERT_GE(fence, 0);
	ASSERT_EQ(0, fence_status(fence));

	return fence;
}

/* The same, and lets them go again. */
static int enqueue_for_fence(struct __test_metadata *_metadata,
			     const struct iio_dut *dut,
			     const struct block *blk)
{
	int fence = enqueue_stalled(_metadata, dut, blk);

	ASSERT_EQ(0, dut_stall(dut, 0));

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
	ASSERT_EQ(0, dut_stall(&self->dut, 1));
	ASSERT_EQ(0, enqueue(&self->dut, &self->blk[0]));
	first = fence_export(&self->blk[0]);
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	EXPECT_EQ(-1, enqueue(&self->dut, &self->blk[1]));
	ASSERT_EQ(0, enqueue(&self->dut, &self->blk[2]));
	last = fence_export(&self->blk[2]);

	EXPECT_EQ(0, fence_status(first));
	ASSERT_EQ(0, dut_stall(&self->dut, 0));
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

TEST_F(fault, refused_at_enable_leaves_the_others_queued)
{
	int fence[NUM_BLOCKS], i;

	for (i = 0; i < NUM_BLOCKS; i++) {
		ASSERT_EQ(0, enqueue(&self->dut, &self->blk[i]));
		fence[i] = fence_export(&self->blk[i]);
		ASSERT_GE(fence[i], 0);
	}
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	dut_enable(&self->dut);
	EXPECT_GT(0, fence_wait(fence[0], WAIT_MS));
	for (i = 1; i < NUM_BLOCKS; i++)
		EXPECT_EQ(1, fence_wait(fence[i], WAIT_MS));
	for (i = 0; i < NUM_BLOCKS; i++)
		close(fence[i]);
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
	ASSERT_EQ(0, dut_stall(&self->dut, 1));
	ASSERT_EQ(0, fault_set("fail", 1));
	for (i = 0; i < NUM_BLOCKS; i++) {
		ASSERT_EQ(0, enqueue(&self->dut, &self->blk[i]));
		fence[i] = fence_export(&self->blk[i]);
		ASSERT_GE(fence[i], 0);
	}
	ASSERT_EQ(0, dut_stall(&self->dut, 0));
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
	fence = enqueue_stalled(_metadata, &self->dut, &self->blk[0]);
	EXPECT_EQ(0, fence_wait(fence, QUIET_MS));
	EXPECT_FALSE(block_wait(&self->blk[0], 0));

	ASSERT_EQ(0, dut_stall(&self->dut, 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

TEST_F(fault, stalled_transfer_can_be_disabled)
{
	int fence;

	ASSERT_EQ(0, dut_enable(&self->dut));
	fence = enqueue_stalled(_metadata, &self->dut, &self->blk[0]);

	ASSERT_EQ(0, dut_disable(&self->dut));
	EXPECT_EQ(-ECANCELED, fence_wait(fence, WAIT_MS));
	ASSERT_EQ(0, dut_stall(&self->dut, 0));
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
	ASSERT_EQ(0, dut_stall(&self->dut, 1));
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, enqueue(&self->dut, &self->blk[i]));
	ASSERT_EQ(0, dut_disable(&self->dut));
	/* One that is used again and again is there for as long as its DMABUF is attached */
	for (i = 0; i < NUM_BLOCKS; i++)
		test_cmd_detach(self->dut.fd, self->blk[i].fd);
	EXPECT_TRUE(wait_until(!fault_get("descriptors"), WAIT_MS));
}

/* ---------------------------------------------------------------- read() */

/* ------------------------------------------- a converter that does not start */

/* Enables, which fails after the transfers have been started */
static void fail_to_start(struct __test_metadata *_metadata,
			  const struct iio_dut *dut)
{
	ASSERT_EQ(0, adc_set("fail_start", 1));
	EXPECT_EQ(-EIO, dut_enable(dut));
	EXPECT_FALSE(dut_enabled(dut));
}

TEST_F(fault, failed_enable_leaves_blocks_queued)
{
	int fence[NUM_BLOCKS], i;

	for (i = 0; i < NUM_BLOCKS; i++) {
		ASSERT_EQ(0, enqueue(&self->dut, &self->blk[i]));
		fence[i] = fence_export(&self->blk[i]);
	}
	/* Held back, so that none of them is through before the enable fails */
	ASSERT_EQ(0, dut_stall(&self->dut, 1));
	fail_to_start(_metadata, &self->dut);
	fail_to_start(_metadata, &self->dut);
	ASSERT_EQ(0, dut_stall(&self->dut, 0));
	for (i = 0; i < NUM_BLOCKS; i++)
		EXPECT_EQ(0, fence_status(fence[i]));
	test_err_enqueue(EBUSY, self->dut.fd, self->blk[0].fd, SIZE);

	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < NUM_BLOCKS; i++) {
		EXPECT_EQ(1, fence_wait(fence[i], WAIT_MS));
		close(fence[i]);
	}
}

static int enqueue_first(void *arg)
{
	const FIXTURE_DATA(fault) *self = arg;

	return enqueue(&self->dut, &self->blk[0]);
}

/* It may be up to who waits to try once more. */
TEST_F(fault, failed_enable_ends_the_wait_for_a_transfer_that_had_begun)
{
	struct sleeper start, wait;

	ASSERT_EQ(0, enqueue(&self->dut, &self->blk[0]));
	ASSERT_EQ(0, dut_stall(&self->dut, 1));
	ASSERT_EQ(0, adc_set("slow_start_ms", 1000));
	ASSERT_EQ(0, adc_set("fail_start", 1));
	ASSERT_TRUE(sleeper_start(&start, enable_dut, &self->dut));
	sleeper_start(&wait, enqueue_first, self);
	ASSERT_TRUE(sleeper_join(&start, WAIT_MS));
	EXPECT_EQ(-EIO, start.ret);
	ASSERT_TRUE(sleeper_join(&wait, WAIT_MS));
	EXPECT_EQ(-1, wait.ret);
	EXPECT_EQ(EBUSY, wait.err);
}

TEST_F(fault, failed_enable_keeps_the_order)
{
	bool started = false;
	uint32_t next;
	int i;

	for (i = NUM_BLOCKS - 1; i >= 0; i--)
		ASSERT_EQ(0, enqueue(&self->dut, &self->blk[i]));
	ASSERT_EQ(0, dut_stall(&self->dut, 1));
	fail_to_start(_metadata, &self->dut);
	ASSERT_EQ(0, dut_stall(&self->dut, 0));
	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = NUM_BLOCKS - 1; i >= 0; i--) {
		ASSERT_TRUE(block_wait(&self->blk[i], WAIT_MS));
		ASSERT_EQ(0, block_begin_read(&self->blk[i]));
		EXPECT_COUNTER(self->blk[i].map, SIZE, &next, &started);
		EXPECT_EQ(0, block_end_read(&self->blk[i]));
	}
}

TEST_F(fault, failed_enable_and_detach_is_ecanceled)
{
	int fence;

	ASSERT_EQ(0, enqueue(&self->dut, &self->blk[0]));
	fence = fence_export(&self->blk[0]);
	ASSERT_EQ(0, dut_stall(&self->dut, 1));
	fail_to_start(_metadata, &self->dut);
	ASSERT_EQ(0, dut_stall(&self->dut, 0));
	test_cmd_detach(self->dut.fd, self->blk[0].fd);
	EXPECT_EQ(-ECANCELED, fence_wait(fence, WAIT_MS));
	close(fence);
	ASSERT_EQ(0, dut_enable(&self->dut));
	expect_transfer(_metadata, &self->dut, &self->blk[1]);
}

/* Nor does one go back into the queue that nobody could take out again. */
TEST_F(fault, failed_enable_and_detach_meanwhile_is_ecanceled)
{
	struct sleeper start;
	int fence;

	ASSERT_EQ(0, enqueue(&self->dut, &self->blk[0]));
	fence = fence_export(&self->blk[0]);
	ASSERT_EQ(0, dut_stall(&self->dut, 1));
	ASSERT_EQ(0, adc_set("slow_start_ms", 1000));
	ASSERT_EQ(0, adc_set("fail_start", 1));
	ASSERT_TRUE(sleeper_start(&start, enable_dut, &self->dut));
	test_cmd_detach(self->dut.fd, self->blk[0].fd);
	ASSERT_TRUE(sleeper_join(&start, WAIT_MS));
	EXPECT_EQ(-EIO, start.ret);
	EXPECT_EQ(-ECANCELED, fence_wait(fence, WAIT_MS));
	close(fence);
	ASSERT_EQ(0, dut_stall(&self->dut, 0));
	ASSERT_EQ(0, dut_enable(&self->dut));
	expect_transfer(_metadata, &self->dut, &self->blk[1]);
}

/* -------------------------------------------- a controller that does not stop */

/* Returns the fence of a transfer that goes on although the buffer has been disabled. */
static int disable_in_vain(struct __test_metadata *_metadata,
			   FIXTURE_DATA(fault) *self, int times)
{
	int fence;

	ASSERT_EQ(0, dut_enable(&self->dut));
	fence = enqueue_stalled(_metadata, &self->dut, &self->blk[0]);
	ASSERT_EQ(0, fault_set("fail_stop", times));
	ASSERT_EQ(0, dut_disable(&self->dut));

	return fence;
}

/* It goes on to write: the block belongs to it until it says that it is done. */
TEST_F(fault, transfer_that_cannot_be_stopped_stays_pending)
{
	int fence = disable_in_vain(_metadata, self, 1);

	EXPECT_EQ(0, fault_get("fail_stop"));
	EXPECT_EQ(0, fence_wait(fence, QUIET_MS));
	dut_nonblock(&self->dut, true);
	test_err_enqueue(EAGAIN, self->dut.fd, self->blk[0].fd, SIZE);

	ASSERT_EQ(0, dut_stall(&self->dut, 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	ASSERT_EQ(0, dut_enable(&self->dut));
	expect_transfer(_metadata, &self->dut, &self->blk[0]);
	close(fence);
}

/* ... and so does its memory, even if nobody has the dma-buf or the buffer any more. */
TEST_F(fault, memory_stays_as_long_as_a_transfer_cannot_be_stopped)
{
	int fence;

	if (!block_alive(&self->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	fence = disable_in_vain(_metadata, self, INT_MAX);
	test_cmd_detach(self->dut.fd, self->blk[0].fd);
	block_free(&self->blk[0]);
	dut_close_fd(&self->dut);
	EXPECT_EQ(0, fence_wait(fence, QUIET_MS));
	EXPECT_EQ(1, block_attachments(&self->blk[0], NULL, 0));

	ASSERT_EQ(0, dut_stall(&self->dut, 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	EXPECT_TRUE(wait_until(!block_alive(&self->blk[0]), WAIT_MS));
	close(fence);
}

TEST_F(fault, close_stops_what_could_not_be_stopped)
{
	int fence = disable_in_vain(_metadata, self, 1);

	ASSERT_EQ(0, fence_status(fence));
	dut_close_fd(&self->dut);
	EXPECT_EQ(-ECANCELED, fence_wait(fence, WAIT_MS));
	close(fence);
}

/* What has begun and cannot be taken back is not queued any more. */
TEST_F(fault, failed_enable_that_cannot_be_stopped)
{
	int fence;

	ASSERT_EQ(0, enqueue(&self->dut, &self->blk[0]));
	fence = fence_export(&self->blk[0]);
	ASSERT_GE(fence, 0);
	ASSERT_EQ(0, dut_stall(&self->dut, 1));
	ASSERT_EQ(0, fault_set("fail_stop", 1));
	fail_to_start(_metadata, &self->dut);
	EXPECT_EQ(0, fence_status(fence));
	dut_nonblock(&self->dut, true);
	test_err_enqueue(EAGAIN, self->dut.fd, self->blk[0].fd, SIZE);

	ASSERT_EQ(0, dut_stall(&self->dut, 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	ASSERT_EQ(0, dut_enable(&self->dut));
	expect_transfer(_metadata, &self->dut, &self->blk[0]);
	close(fence);
}

/* Nothing else may ever tell how such a transfer ends. */
TEST_F(fault, detach_stops_what_could_not_be_stopped)
{
	int fence[2];

	ASSERT_EQ(0, dut_enable(&self->dut));
	fence[0] = enqueue_stalled(_metadata, &self->dut, &self->blk[0]);
	ASSERT_EQ(0, enqueue(&self->dut, &self->blk[1]));
	fence[1] = fence_export(&self->blk[1]);
	ASSERT_GE(fence[1], 0);

	ASSERT_EQ(0, fault_set("fail_stop", 1));
	ASSERT_EQ(0, dut_disable(&self->dut));
	ASSERT_EQ(0, fence_status(fence[0]));
	test_cmd_detach(self->dut.fd, self->blk[0].fd);
	EXPECT_EQ(-ECANCELED, fence_wait(fence[0], WAIT_MS));
	EXPECT_EQ(-ECANCELED, fence_wait(fence[1], WAIT_MS));

	ASSERT_EQ(0, dut_stall(&self->dut, 0));
	ASSERT_EQ(0, dut_enable(&self->dut));
	expect_transfer(_metadata, &self->dut, &self->blk[1]);
	close(fence[0]);
	close(fence[1]);
}

/* The same in the driver of real hardware: its memory does not take what is under way. */
FIXTURE(stuck_memory) {
	struct iio_dut dut;
	struct block blk[2];
	int fence[2];
};

FIXTURE_SETUP(stuck_memory)
{
	int i;

	dut_setup(_metadata, &self->dut, NEED_DMABUF | NEED_STALL | NEED_BUFINFO);
	if (self->dut.faults || access(BOARD_DIR "rx_stall", W_OK))
		SKIP_SETUP("only the memory of the emulated board can be stuck");
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, block_alloc(&self->blk[i], SIZE));
		test_cmd_attach(self->dut.fd, self->blk[i].fd);
	}
	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, board_set("rx_stall", 1));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, enqueue(&self->dut, &self->blk[i]));
		self->fence[i] = fence_export(&self->blk[i]);
		ASSERT_GE(self->fence[i], 0);
	}
	/* Until there are bursts that want to go to memory */
	usleep(1000);
	ASSERT_EQ(0, dut_disable(&self->dut));
}

FIXTURE_TEARDOWN(stuck_memory)
{
	int i;

	dut_teardown(_metadata, &self->dut);
	for (i = 0; i < 2; i++) {
		close(self->fence[i]);
		block_free(&self->blk[i]);
	}
}

TEST_F(stuck_memory, blocks_stay_pending)
{
	EXPECT_EQ(0, fence_wait(self->fence[0], QUIET_MS));
	EXPECT_EQ(0, fence_status(self->fence[1]));
	dut_nonblock(&self->dut, true);
	test_err_enqueue(EAGAIN, self->dut.fd, self->blk[0].fd, SIZE);
}

TEST_F(stuck_memory, blocks_stay_mapped)
{
	test_cmd_detach(self->dut.fd, self->blk[0].fd);
	block_free(&self->blk[0]);
	usleep(QUIET_MS * 1000);
	EXPECT_TRUE(block_alive(&self->blk[0]));
	EXPECT_EQ(0, fence_status(self->fence[0]));

	board_set("rx_stall", 0);
	test_cmd_detach(self->dut.fd, self->blk[1].fd);
	EXPECT_EQ(-ECANCELED, fence_wait(self->fence[0], WAIT_MS));
	EXPECT_EQ(-ECANCELED, fence_wait(self->fence[1], WAIT_MS));
	EXPECT_TRUE(wait_until(!block_alive(&self->blk[0]), WAIT_MS));
}

TEST_F(stuck_memory, next_disable_stops_it)
{
	ASSERT_EQ(0, dut_enable(&self->dut));
	EXPECT_EQ(0, fence_status(self->fence[0]));
	board_set("rx_stall", 0);
	ASSERT_EQ(0, dut_disable(&self->dut));
	EXPECT_EQ(-ECANCELED, fence_wait(self->fence[0], WAIT_MS));
	EXPECT_EQ(-ECANCELED, fence_wait(self->fence[1], WAIT_MS));
	ASSERT_EQ(0, dut_enable(&self->dut));
	expect_transfer(_metadata, &self->dut, &self->blk[0]);
}

TEST_F(stuck_memory, close_stops_it)
{
	board_set("rx_stall", 0);
	dut_close_fd(&self->dut);
	EXPECT_EQ(-ECANCELED, fence_wait(self->fence[0], WAIT_MS));
	EXPECT_EQ(-ECANCELED, fence_wait(self->fence[1], WAIT_MS));
}

FIXTURE(read_fault) {
	struct iio_dut dut;
};

FIXTURE_SETUP(read_fault)
{
	dut_setup(_metadata, &self->dut, NEED_STALL);
	ASSERT_EQ(0, dut_set_block_bytes(&self->dut, 4096));
}

FIXTURE_TEARDOWN(read_fault)
{
	dut_teardown(_metadata, &self->dut);
}

TEST_F(read_fault, stalled_nonblocking_read_is_eagain)
{
	char data[4096];

	ASSERT_EQ(0, dut_stall(&self->dut, 1));
	ASSERT_EQ(0, dut_enable(&self->dut));
	dut_nonblock(&self->dut, true);
	EXPECT_ERRNO(EAGAIN, read(self->dut.fd, data, sizeof(data)));
}

/* The blocks of read() that go on come to their end afterwards. */
static void disable_read_in_vain(struct __test_metadata *_metadata,
				 FIXTURE_DATA(read_fault) *self)
{
	ASSERT_EQ(0, dut_stall(&self->dut, 1));
	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, fault_set("fail_stop", 1));
	ASSERT_EQ(0, dut_disable(&self->dut));
	ASSERT_EQ(0, dut_stall(&self->dut, 0));
}

TEST_F(read_fault, works_again_after_a_disable_that_did_not_stop)
{
	if (!self->dut.faults)
		SKIP(return, NO_FAULTS);

	disable_read_in_vain(_metadata, self);
	expect_read_mode_works(_metadata, &self->dut);
}

TEST_F(read_fault, attach_works_after_a_disable_that_did_not_stop)
{
	struct block blk;

	if (!self->dut.faults)
		SKIP(return, NO_FAULTS);

	disable_read_in_vain(_metadata, self);
	ASSERT_EQ(0, block_alloc(&blk, SIZE));
	test_cmd_attach(self->dut.fd, blk.fd);
	ASSERT_EQ(0, dut_enable(&self->dut));
	expect_transfer(_metadata, &self->dut, &blk);
	block_free(&blk);
}

TEST_F(read_fault, works_again_after_a_failed_enable)
{
	if (!self->dut.faults)
		SKIP(return, NO_FAULTS);

	fail_to_start(_metadata, &self->dut);
	expect_read_mode_works(_metadata, &self->dut);
}

TEST_F(read_fault, works_again_after_a_stalled_disable)
{
	ASSERT_EQ(0, dut_stall(&self->dut, 1));
	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, dut_disable(&self->dut));
	ASSERT_EQ(0, dut_stall(&self->dut, 0));
	expect_read_mode_works(_metadata, &self->dut);
}

TEST_F(read_fault, works_again_after_refused_blocks)
{
	if (!self->dut.faults)
		SKIP(return, NO_FAULTS);

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

	if (!self->dut.faults)
		SKIP(return, NO_FAULTS);

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

	if (!self->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, fault_set("delay_us", 100000));
	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	ASSERT_EQ(sizeof(data), read(self->dut.fd, data, sizeof(data)));
	ASSERT_EQ(0, dut_stall(&self->dut, 1));
	ASSERT_EQ(0, fault_get("refuse_prep"));

	EXPECT_TRUE(sleeper_start(&sleeper, read_block, self));
	ASSERT_EQ(0, dut_stall(&self->dut, 0));
	EXPECT_TRUE(sleeper_join(&sleeper, WAIT_MS));
	EXPECT_EQ((int)sizeof(data), sleeper.ret);
}

/* The transfers fail at once, and all of them: read() must not look for data for good. */
TEST_F(read_fault, failed_transfers_are_eio)
{
	struct sleeper sleeper;
	int i;

	if (!self->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, fault_set("fail", INT_MAX));
	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < 4; i++) {
		/* In a thread: no signal ends a read() that does not come back. */
		sleeper_start(&sleeper, read_block, self);
		if (!sleeper_join(&sleeper, AT_ONCE_MS)) {
			fault_set("fail", 0);
			sleeper_join(&sleeper, WAIT_MS);
			ASSERT_TRUE(false) TH_LOG("read() did not come back");
		}
		EXPECT_EQ(-1, sleeper.ret);
		EXPECT_EQ(EIO, sleeper.err);
	}
	EXPECT_GE(INT_MAX - 4, fault_get("fail"));

	ASSERT_EQ(0, fault_set("fail", 0));
	ASSERT_EQ(0, dut_disable(&self->dut));
	expect_read_mode_works(_metadata, &self->dut);
}

/* The error is that of one block. Nothing was moved into it, and nothing is missing. */
TEST_F(read_fault, goes_on_after_a_failed_transfer)
{
	bool started = false;
	char data[4096];
	uint32_t next;
	int i;

	if (!self->dut.faults)
		SKIP(return, NO_FAULTS);

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, fault_set("fail", 1));
		ASSERT_EQ(0, dut_enable(&self->dut));
		EXPECT_ERRNO(EIO, read(self->dut.fd, data, sizeof(data)));
		EXPECT_EQ(0, fault_get("fail"));
		started = false;
		expect_read(_metadata, &self->dut, 16384, &next, &started);
		ASSERT_EQ(0, dut_disable(&self->dut));
	}
}

/* ---------------------------------------------------------------- memory */

/*
 * Each test fails the first, the second, ... allocation of a call, until there is none
 * left that could fail. What fails must say so and leave nothing behind; all of it then
 * works.
 */
FIXTURE(memory) {
	struct iio_dut dut;
	struct block blk[NUM_BLOCKS];
	int fail_nth;
	int enable;
};

FIXTURE_SETUP(memory)
{
	char path[PATH_MAX + 32];
	int i;

	dut_setup(_metadata, &self->dut, NEED_DMABUF);
	self->fail_nth = fail_nth_open();
	if (self->fail_nth < 0)
		SKIP_SETUP("no CONFIG_FAILSLAB");
	snprintf(path, sizeof(path), "%s/buffer0/enable", self->dut.sysfs);
	self->enable = open(path, O_WRONLY | O_CLOEXEC);
	ASSERT_GE(self->enable, 0);
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, block_alloc(&self->blk[i], SIZE));
}

FIXTURE_TEARDOWN(memory)
{
	int i;

	fail_alloc_set("probability", "0");
	fail_alloc_set("task-filter", "N");
	fail_nth_arm(self->fail_nth, 0);
	close(self->fail_nth);
	close(self->enable);
	dut_teardown(_metadata, &self->dut);
	for (i = 0; i < NUM_BLOCKS; i++)
		block_free(&self->blk[i]);
}

static void expect_failures(struct __test_metadata *_metadata, int n)
{
	printf("# %d allocations made to fail\n", n - 1);
	EXPECT_LT(1, n);
	EXPECT_GT(MAX_FAIL_NTH, n);
}

static int memory_enable(const FIXTURE_DATA(memory) *self)
{
	int ret = pwrite(self->enable, "1", 1, 0);

	if (ret == 1)
		return 0;

	return ret < 0 ? -errno : -EIO;
}

/* Blocks that were queued when it failed are queued still, or have an error. */
TEST_F_TIMEOUT(memory, every_failure_of_enable_is_clean, 120)
{
	int fence[NUM_BLOCKS], i, n, ret, status;
	bool failed = true;

	for (i = 0; i < NUM_BLOCKS; i++)
		test_cmd_attach(self->dut.fd, self->blk[i].fd);

	for (n = 1; failed && n < MAX_FAIL_NTH; n++) {
		for (i = 0; i < NUM_BLOCKS; i++) {
			ASSERT_EQ(0, enqueue(&self->dut, &self->blk[i]));
			fence[i] = fence_export(&self->blk[i]);
			ASSERT_GE(fence[i], 0);
		}
		ASSERT_TRUE(fail_nth_arm(self->fail_nth, n));
		ret = memory_enable(self);
		failed = fail_nth_disarm(self->fail_nth);
		if (ret) {
			EXPECT_EQ(-ENOMEM, ret);
			ASSERT_EQ(0, dut_enable(&self->dut));
		}
		for (i = 0; i < NUM_BLOCKS; i++) {
			status = fence_wait(fence[i], WAIT_MS);
			EXPECT_TRUE(status == 1 || status == -ENOMEM ||
				    (ret && status == -ECANCELED))
				TH_LOG("allocation %d: enable %d, fence %d", n,
				       ret, status);
			close(fence[i]);
		}
		ASSERT_EQ(0, dut_disable(&self->dut));
	}
	expect_failures(_metadata, n - 1);
	ASSERT_EQ(0, dut_enable(&self->dut));
	expect_transfer(_metadata, &self->dut, &self->blk[0]);
}

TEST_F_TIMEOUT(memory, every_failure_of_enable_for_read_is_clean, 120)
{
	bool failed = true;
	int n, ret;

	for (n = 1; failed && n < MAX_FAIL_NTH; n++) {
		/* Another size each time, so that the blocks are made anew */
		ASSERT_EQ(0, dut_set_block_bytes(&self->dut,
						 4096 << (n % 2)));
		ASSERT_TRUE(fail_nth_arm(self->fail_nth, n));
		ret = memory_enable(self);
		failed = fail_nth_disarm(self->fail_nth);
		if (ret)
			EXPECT_EQ(-ENOMEM, ret);
		ASSERT_EQ(0, dut_disable(&self->dut));
		expect_read_mode_works(_metadata, &self->dut);
	}
	expect_failures(_metadata, n - 1);
}

/* read() hands its blocks back to the engine, which allocates for each. */
TEST_F_TIMEOUT(memory, every_failure_of_read_is_clean, 120)
{
	static char data[4096];
	bool failed = true;
	int n, ret, err;

	ASSERT_EQ(0, dut_set_block_bytes(&self->dut, sizeof(data)));
	ASSERT_EQ(0, dut_enable(&self->dut));
	for (n = 1; failed && n < MAX_FAIL_NTH; n++) {
		ASSERT_TRUE(fail_nth_arm(self->fail_nth, n));
		ret = read(self->dut.fd, data, sizeof(data));
		err = errno;
		failed = fail_nth_disarm(self->fail_nth);
		/* Of user space it can be the copy that fails. */
		if (ret < 0)
			EXPECT_TRUE(err == ENOMEM || err == EFAULT);
		ASSERT_EQ(sizeof(data),
			  read(self->dut.fd, data, sizeof(data)));
	}
	expect_failures(_metadata, n - 1);
}

TEST_F_TIMEOUT(memory, every_failure_of_enqueue_is_clean, 120)
{
	const struct block *blk = &self->blk[0];
	bool failed = true;
	int n, ret, err;

	test_cmd_attach(self->dut.fd, blk->fd);
	ASSERT_EQ(0, dut_enable(&self->dut));
	for (n = 1; failed && n < MAX_FAIL_NTH; n++) {
		ASSERT_TRUE(fail_nth_arm(self->fail_nth, n));
		ret = enqueue(&self->dut, blk);
		err = errno;
		failed = fail_nth_disarm(self->fail_nth);
		if (ret) {
			EXPECT_TRUE(err == ENOMEM || err == EFAULT);
			EXPECT_TRUE(block_wait(blk, 0));
		}
		ASSERT_TRUE(block_wait(blk, WAIT_MS));
		expect_transfer(_metadata, &self->dut, blk);
	}
	expect_failures(_metadata, n - 1);
}

/* Some exporters allocate when a device is attached, others not before it is mapped. */
TEST_F_TIMEOUT(memory, every_failure_of_attach_is_clean, 120)
{
	struct block *blk = &self->blk[0];
	bool failed = true;
	int fd = udmabuf_alloc(SIZE, true), n, ret, err;

	if (fd < 0)
		SKIP(return, "no udmabuf");
	block_free(blk);
	ASSERT_EQ(0, block_wrap(blk, fd, SIZE));

	for (n = 1; failed && n < MAX_FAIL_NTH; n++) {
		ASSERT_TRUE(fail_nth_arm(self->fail_nth, n));
		ret = iio_attach(self->dut.fd, fd);
		err = errno;
		failed = fail_nth_disarm(self->fail_nth);
		if (ret) {
			EXPECT_TRUE(err == ENOMEM || err == EFAULT);
		} else {
			test_cmd_detach(self->dut.fd, fd);
		}
		if (block_alive(blk))
			ASSERT_EQ(0, block_attachments(blk, NULL, 0));
	}
	expect_failures(_metadata, n - 1);
	test_cmd_attach(self->dut.fd, fd);
	ASSERT_EQ(0, dut_enable(&self->dut));
	expect_transfer(_metadata, &self->dut, blk);
}

/* From now on, for everybody; returns how many have failed when it is over. */
#define FAIL_TIMES	"1000000"

static void fail_alloc_begin(void)
{
	fail_alloc_set("times", FAIL_TIMES);
	fail_alloc_set("probability", "100");
}

static int fail_alloc_end(void)
{
	char slab[32] = "", page[32] = "";

	fail_alloc_set("probability", "0");
	file_read(FAIL_SLAB "times", slab, sizeof(slab));
	file_read(FAIL_PAGE "times", page, sizeof(page));

	return 2 * atoi(FAIL_TIMES) - atoi(slab) - atoi(page);
}

/*
 * A transfer ends in an interrupt or a tasklet, where no allocation may sleep. All that
 * may not sleep fail, in the whole kernel, and the transfers end as if nothing was. One more
 * is enqueued meanwhile: all that it takes from the DMA engine was made at ATTACH. This is
 * not done for the first, the second, ... one of them: fail-nth counts the allocations of a
 * task, and those of an interrupt belong to none.
 */
TEST_F_TIMEOUT(memory, transfers_end_without_any, 60)
{
	int fence[NUM_BLOCKS - 1], i;

	for (i = 0; i < NUM_BLOCKS; i++)
		test_cmd_attach(self->dut.fd, self->blk[i].fd);
	dut_stall(&self->dut, 1);
	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < NUM_BLOCKS - 1; i++) {
		ASSERT_EQ(0, enqueue(&self->dut, &self->blk[i]));
		fence[i] = fence_export(&self->blk[i]);
	}
	/* The last reference to this one goes where the transfer ends. */
	test_cmd_detach(self->dut.fd, self->blk[0].fd);

	fail_alloc_setup(false);
	fail_alloc_begin();
	EXPECT_EQ(0, enqueue(&self->dut, &self->blk[NUM_BLOCKS - 1]));
	dut_stall(&self->dut, 0);
	for (i = 0; i < NUM_BLOCKS; i++)
		EXPECT_TRUE(block_wait(&self->blk[i], WAIT_MS));
	printf("# %d allocations made to fail\n", fail_alloc_end());

	for (i = 0; i < NUM_BLOCKS - 1; i++) {
		if (fence[i] >= 0)
			EXPECT_EQ(1, fence_wait(fence[i], 0));
		if (fence[i] >= 0)
			close(fence[i]);
	}
	for (i = 1; i < NUM_BLOCKS; i++)
		expect_transfer(_metadata, &self->dut, &self->blk[i]);
	if (block_alive(&self->blk[0]))
		EXPECT_TRUE(wait_until(!block_attachments(&self->blk[0], NULL,
							  0), WAIT_MS));
}

/* Says of all workers of the kernel whether their allocations may fail. */
static void kworkers_may_fail(const char *may)
{
	char path[300], name[32];
	struct dirent *ent;
	DIR *d = opendir("/proc");

	while (d && (ent = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/%.16s/comm", ent->d_name);
		if (!isdigit(ent->d_name[0]) ||
		    file_read(path, name, sizeof(name)) ||
		    strncmp(name, "kworker/", 8))
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/make-it-fail",
			 ent->d_name);
		file_write(path, may);
	}
	if (d)
		closedir(d);
}

/*
 * A file system that does not exist makes the kernel look for its module, and it is a
 * worker that starts modprobe.
 */
static void make_a_worker_allocate(void)
{
	mount("none", "/", "iio-none", 0, NULL);
}

/* Whether an allocation of a worker fails when all of them are told to */
static bool workers_do_fail(void)
{
	int failed;

	kworkers_may_fail("1");
	fail_alloc_begin();
	make_a_worker_allocate();
	failed = fail_alloc_end();
	kworkers_may_fail("0");

	return failed > 0;
}

/*
 * What was detached in flight is unmapped by a worker, which cannot report an error: so it
 * must not allocate. All allocations of workers would fail here, as one of another worker
 * proves; now and then there can be such a one beside the unmapping too.
 */
TEST_F_TIMEOUT(memory, worker_unmaps_without_any, 60)
{
	int failed, least = INT_MAX, i;
	bool gone;

	if (!self->dut.stall || !block_alive(&self->blk[0]))
		SKIP(return, "no stalled transfer, or no dma-buf of ours in "
		     BUFINFO);

	fail_alloc_set("task-filter", "Y");
	ASSERT_TRUE(wait_until(workers_do_fail(), WAIT_MS));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, dut_stall(&self->dut, 1));
		test_cmd_attach(self->dut.fd, self->blk[0].fd);
		if (!i)
			ASSERT_EQ(0, dut_enable(&self->dut));
		ASSERT_EQ(0, enqueue(&self->dut, &self->blk[0]));
		test_cmd_detach(self->dut.fd, self->blk[0].fd);

		kworkers_may_fail("1");
		fail_alloc_begin();
		dut_stall(&self->dut, 0);
		gone = wait_until(!block_attachments(&self->blk[0], NULL, 0),
				  WAIT_MS);
		failed = fail_alloc_end();
		kworkers_may_fail("0");
		ASSERT_TRUE(gone);
		least = failed < least ? failed : least;
	}
	EXPECT_EQ(0, least);
	ASSERT_TRUE(wait_until(workers_do_fail(), WAIT_MS));
}

IIO_TEST_MAIN
