// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that rely on what mainline's interface does. ci/check mainline-programs runs them
 * on mainline's 6.12, where each of them passes as well.
 */
#include "iio_test_bufs.h"

#define ROUNDS	16

FIXTURE(program) {
	struct bufs b;
};

FIXTURE_SETUP(program)
{
	bufs_setup(_metadata, &self->b, 0);
}

FIXTURE_TEARDOWN(program)
{
	bufs_teardown(_metadata, &self->b);
}

static void expect_samples(struct __test_metadata *_metadata,
			   const struct block *blk, uint32_t *next, bool *started)
{
	ASSERT_EQ(0, block_begin_read(blk));
	EXPECT_COUNTER(blk->map, SIZE, next, started);
	EXPECT_EQ(0, block_end_read(blk));
}

/* The second ENQUEUE waits for the first transfer: the kernel sets the pace. */
TEST_F(program, enqueues_in_a_loop)
{
	struct bufs *b = &self->b;
	int i;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, enqueue(b, 0)) {
			TH_LOG("ENQUEUE no. %d: %s", i, strerror(errno));
		}
	EXPECT_TRUE(block_wait(&b->blk[0], WAIT_MS));
}

/* The same with two, and without a look at the samples */
TEST_F(program, enqueues_two_in_turn)
{
	struct bufs *b = &self->b;
	int i;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	test_cmd_attach(b->dut.fd, b->blk[1].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, enqueue(b, i & 1));
	EXPECT_TRUE(block_wait(&b->blk[0], WAIT_MS));
	EXPECT_TRUE(block_wait(&b->blk[1], WAIT_MS));
}

static int wait_for_block(void *arg)
{
	return block_wait(arg, WAIT_MS);
}

/* One thread polls the DMABUF before another one enables the buffer. */
TEST_F(program, polls_before_it_enables)
{
	struct bufs *b = &self->b;
	bool started = false;
	struct sleeper s;
	uint32_t next;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, enqueue(b, 0));
	EXPECT_FALSE(block_wait(&b->blk[0], 0));
	ASSERT_TRUE(sleeper_start(&s, wait_for_block, &b->blk[0]));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(1, s.ret);
	expect_samples(_metadata, &b->blk[0], &next, &started);
}

/* So does one that exports a sync file, to wait for that. */
TEST_F(program, exports_a_sync_file_before_it_enables)
{
	struct bufs *b = &self->b;
	int fence;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, enqueue(b, 0));
	fence = fence_export(&b->blk[0]);
	ASSERT_GE(fence, 0);
	EXPECT_EQ(0, fence_status(fence));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

TEST_F(program, closes_without_detach)
{
	struct bufs *b = &self->b;
	int i;

	for (i = 0; i < 4; i++) {
		test_cmd_attach(b->dut.fd, b->blk[0].fd);
		ASSERT_EQ(0, dut_enable(&b->dut));
		expect_transfer(_metadata, &b->dut, &b->blk[0]);
		ASSERT_EQ(0, dut_disable(&b->dut));
		dut_close_fd(&b->dut);
		b->dut.fd = dut_open_fd(&b->dut);
		ASSERT_GE(b->dut.fd, 0);
	}
}

/* What is queued in between is transferred after the next enable, in order. */
TEST_F(program, disables_and_enables_in_between)
{
	struct bufs *b = &self->b;
	bool started;
	uint32_t next;
	int i;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	test_cmd_attach(b->dut.fd, b->blk[1].fd);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, enqueue(b, 0));
		ASSERT_EQ(0, enqueue(b, 1));
		ASSERT_EQ(0, dut_enable(&b->dut));
		ASSERT_TRUE(block_wait(&b->blk[0], WAIT_MS));
		ASSERT_TRUE(block_wait(&b->blk[1], WAIT_MS));
		started = false;
		expect_samples(_metadata, &b->blk[0], &next, &started);
		expect_samples(_metadata, &b->blk[1], &next, &started);
		ASSERT_EQ(0, dut_disable(&b->dut));
	}
}

/* Attached, used, detached for each transfer */
TEST_F(program, attaches_for_each_transfer)
{
	struct bufs *b = &self->b;
	int i;

	/* Mainline: not while the buffer is enabled and nothing attached */
	test_cmd_attach(b->dut.fd, b->blk[1].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < 4; i++) {
		test_cmd_attach(b->dut.fd, b->blk[0].fd);
		expect_transfer(_metadata, &b->dut, &b->blk[0]);
		test_cmd_detach(b->dut.fd, b->blk[0].fd);
	}
}

/* Between two devices, if the board had them: here between two blocks of one. */
TEST_F(program, passes_a_block_on_by_sync_file)
{
	struct bufs *b = &self->b;
	int fence;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	test_cmd_attach(b->dut.fd, b->blk[1].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue(b, 0));
	fence = fence_export(&b->blk[0]);
	ASSERT_GE(fence, 0);
	if (fence_import(&b->blk[1], fence))
		SKIP(return, "kernel cannot import a fence into a dma-buf");
	ASSERT_EQ(0, enqueue(b, 1));
	EXPECT_EQ(1, fence_status(fence));
	EXPECT_TRUE(block_wait(&b->blk[1], WAIT_MS));
	close(fence);
}

IIO_TEST_MAIN
