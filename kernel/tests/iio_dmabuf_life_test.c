// SPDX-License-Identifier: GPL-2.0
/*
 * Lives and deaths: what becomes of blocks, memory and the device when the
 * owner closes or dies, the buffer is disabled, the driver goes, or the buffer
 * changes between read() and DMABUFs.
 */
#include "iio_test_bufs.h"

#include <sys/prctl.h>
#include <sys/socket.h>

/* Takes block @i in flight, where it stays. Returns its fence. */
static int stall(struct __test_metadata *_metadata, const struct bufs *b, int i)
{
	int fence;

	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue(b, i));
	fence = fence_export(&b->blk[i]);
	ASSERT_GE(fence, 0);
	ASSERT_EQ(0, fence_status(fence));

	return fence;
}

/* ------------------------------------------------------------------ order */

FIXTURE(order) {
	struct bufs b;
};

FIXTURE_SETUP(order)
{
	bufs_setup(_metadata, &self->b, 0);
}

FIXTURE_TEARDOWN(order)
{
	bufs_teardown(_metadata, &self->b);
}

TEST_F(order, attach_leaves_a_queued_block_alone)
{
	struct bufs *b = &self->b;
	int fence;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, enqueue(b, 0));
	fence = fence_export(&b->blk[0]);
	ASSERT_GE(fence, 0);

	test_cmd_attach(b->dut.fd, b->blk[1].fd);
	EXPECT_EQ(0, fence_status(fence));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

TEST_F(order, refused_attach_leaves_a_queued_block_alone)
{
	struct bufs *b = &self->b;
	int fence;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, enqueue(b, 0));
	fence = fence_export(&b->blk[0]);
	ASSERT_GE(fence, 0);

	test_err_attach(EBUSY, b->dut.fd, b->blk[0].fd);
	test_err_attach(EBADF, b->dut.fd, -1);
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

TEST_F(order, detach_leaves_another_queued_block_alone)
{
	struct bufs *b = &self->b;
	int fence;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	test_cmd_attach(b->dut.fd, b->blk[1].fd);
	ASSERT_EQ(0, enqueue(b, 0));
	fence = fence_export(&b->blk[0]);
	ASSERT_GE(fence, 0);

	test_cmd_detach(b->dut.fd, b->blk[1].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

TEST_F(order, attach_and_detach_leave_a_block_in_flight_alone)
{
	struct bufs *b = &self->b;
	int fence;

	if (!b->dut.stall)
		SKIP(return, "cannot hold a transfer back");

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	fence = stall(_metadata, b, 0);
	test_cmd_attach(b->dut.fd, b->blk[1].fd);
	test_cmd_detach(b->dut.fd, b->blk[1].fd);
	EXPECT_EQ(0, fence_status(fence));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

/*
 * As libiio 1.x goes about it. Everything is attached and queued before the buffer is
 * enabled. In the end it writes another 1 to "enable", frees the blocks, of which some are
 * in flight, and closes the buffer; only then does it disable that.
 */
TEST_F(order, of_libiio_1)
{
	struct bufs *b = &self->b;
	bool started = false;
	struct pollfd pfd;
	uint32_t next;
	int i, n;

	for (i = 0; i < NUM_BLOCKS; i++) {
		ASSERT_EQ(0, block_begin_read(&b->blk[i]));
		test_cmd_attach(b->dut.fd, b->blk[i].fd);
	}
	for (i = 0; i < NUM_BLOCKS; i++) {
		ASSERT_EQ(0, block_end_read(&b->blk[i]));
		ASSERT_EQ(0, enqueue(b, i));
	}
	ASSERT_EQ(0, dut_enable(&b->dut));

	for (n = 0; n < 4 * NUM_BLOCKS; n++) {
		i = n % NUM_BLOCKS;
		pfd = (struct pollfd){ .fd = b->blk[i].fd, .events = POLLOUT };
		ASSERT_EQ(1, poll(&pfd, 1, WAIT_MS));
		ASSERT_EQ(POLLOUT, pfd.revents);
		ASSERT_EQ(0, block_begin_read(&b->blk[i]));
		if (!b->dut.stall)
			started = false;
		EXPECT_COUNTER(b->blk[i].map, SIZE, &next, &started);
		ASSERT_EQ(0, block_end_read(&b->blk[i]));
		ASSERT_EQ(0, enqueue(b, i));
	}

	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < NUM_BLOCKS; i++) {
		test_cmd_detach(b->dut.fd, b->blk[i].fd);
		block_free(&b->blk[i]);
	}
	dut_close_fd(&b->dut);
	ASSERT_EQ(0, dut_disable(&b->dut));

	next_opens(_metadata, b);
	expect_read_mode_works(_metadata, &b->dut);
	expect_dmabuf_mode_works(_metadata, &b->dut);
}

/* ----------------------------------------------------------------- pinned */

FIXTURE(pinned) {
	struct bufs b;
	int fence;
};

FIXTURE_SETUP(pinned)
{
	struct bufs *b = &self->b;

	bufs_setup(_metadata, b, NEED_STALL | NEED_BUFINFO);
	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	self->fence = stall(_metadata, b, 0);
	if (block_attachments(&b->blk[0], NULL, 0) != 1)
		SKIP_SETUP("no dma-buf of ours in " BUFINFO);
}

FIXTURE_TEARDOWN(pinned)
{
	close(self->fence);
	bufs_teardown(_metadata, &self->b);
}

/* Mapped while the transfer is pending, and freed at some time after. */
static void expect_pinned(struct __test_metadata *_metadata,
			  const struct bufs *b, int fence)
{
	const struct block *blk = &b->blk[0];
	bool mapped = !wait_until(block_attachments(blk, NULL, 0) < 1, QUIET_MS);

	EXPECT_TRUE(mapped || fence_status(fence));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_NE(0, fence_wait(fence, WAIT_MS));
	EXPECT_TRUE(wait_until(!block_alive(blk), WAIT_MS));
}

TEST_F(pinned, after_detach)
{
	struct bufs *b = &self->b;

	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	block_free(&b->blk[0]);
	EXPECT_EQ(0, fence_status(self->fence));
	expect_pinned(_metadata, b, self->fence);
}

TEST_F(pinned, after_close)
{
	struct bufs *b = &self->b;

	block_free(&b->blk[0]);
	dut_close_fd(&b->dut);
	expect_pinned(_metadata, b, self->fence);
}

TEST_F(pinned, after_detach_and_close)
{
	struct bufs *b = &self->b;

	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	block_free(&b->blk[0]);
	dut_close_fd(&b->dut);
	expect_pinned(_metadata, b, self->fence);
}

TEST_F(pinned, after_munmap)
{
	struct bufs *b = &self->b;

	block_free(&b->blk[0]);
	EXPECT_FALSE(wait_until(!block_alive(&b->blk[0]), QUIET_MS));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(1, fence_wait(self->fence, WAIT_MS));

	/* Attached still: only the close lets go of it. */
	EXPECT_TRUE(block_alive(&b->blk[0]));
	dut_close_fd(&b->dut);
	EXPECT_TRUE(wait_until(!block_alive(&b->blk[0]), WAIT_MS));
}

TEST_F(pinned, after_disable_while_attached)
{
	struct bufs *b = &self->b;

	block_free(&b->blk[0]);
	ASSERT_EQ(0, dut_disable(&b->dut));
	EXPECT_EQ(-ECANCELED, fence_wait(self->fence, WAIT_MS));
	EXPECT_TRUE(block_alive(&b->blk[0]));
	dut_close_fd(&b->dut);
	EXPECT_TRUE(wait_until(!block_alive(&b->blk[0]), WAIT_MS));
}

TEST_F(pinned, not_after_unbind)
{
	struct bufs *b = &self->b;

	block_free(&b->blk[0]);
	ASSERT_EQ(0, dut_unbind(&b->dut));
	EXPECT_EQ(-ENODEV, fence_status(self->fence));
	EXPECT_TRUE(wait_until(!block_alive(&b->blk[0]), WAIT_MS));
	ASSERT_TRUE(dut_rebind(&b->dut));
}

/* ------------------------------------------------------------------ owner */

FIXTURE(owner) {
	struct bufs b;
	struct owner owner;
	int fence;
};

FIXTURE_VARIANT(owner) {
	bool kill;
};

FIXTURE_VARIANT_ADD(owner, close) { .kill = false, };
FIXTURE_VARIANT_ADD(owner, kill) { .kill = true, };

static int enqueue_two(struct bufs *b, const void *flight)
{
	return iio_attach(b->dut.fd, b->blk[0].fd) ||
	       iio_attach(b->dut.fd, b->blk[1].fd) ||
	       (*(const bool *)flight && dut_enable(&b->dut)) ||
	       enqueue(b, 0) || enqueue(b, 1);
}

static void owner_start(struct __test_metadata *_metadata,
			FIXTURE_DATA(owner) *self, bool flight)
{
	dut_close_fd(&self->b.dut);
	ASSERT_EQ(0, dut_stall(&self->b.dut, flight));
	owner_fork(_metadata, &self->owner, &self->b, enqueue_two, &flight);
	self->fence = fence_export(&self->b.blk[0]);
	ASSERT_GE(self->fence, 0);
	EXPECT_EQ(0, fence_status(self->fence));
}

static void owner_end(struct __test_metadata *_metadata,
		      FIXTURE_DATA(owner) *self,
		      const FIXTURE_VARIANT(owner) *variant)
{
	owner_stop(_metadata, &self->owner, variant->kill);
}

FIXTURE_SETUP(owner)
{
	bufs_setup(_metadata, &self->b, NEED_STALL);
}

FIXTURE_TEARDOWN(owner)
{
	owner_reap(&self->owner);
	bufs_teardown(_metadata, &self->b);
}

TEST_F(owner, queued_blocks_are_cancelled)
{
	owner_start(_metadata, self, false);
	owner_end(_metadata, self, variant);
	EXPECT_EQ(-ECANCELED, fence_wait(self->fence, WAIT_MS));
	EXPECT_TRUE(block_wait(&self->b.blk[1], WAIT_MS));
}

TEST_F(owner, attachments_are_dropped)
{
	struct bufs *b = &self->b;

	if (!block_alive(&b->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	owner_start(_metadata, self, false);
	EXPECT_EQ(1, block_attachments(&b->blk[0], NULL, 0));
	owner_end(_metadata, self, variant);
	EXPECT_TRUE(wait_until(!block_attachments(&b->blk[0], NULL, 0),
			       WAIT_MS));
	EXPECT_TRUE(wait_until(!block_attachments(&b->blk[1], NULL, 0),
			       WAIT_MS));
}

TEST_F(owner, next_one_reads)
{
	owner_start(_metadata, self, false);
	owner_end(_metadata, self, variant);
	next_opens(_metadata, &self->b);
	expect_read_mode_works(_metadata, &self->b.dut);
}

TEST_F(owner, next_one_uses_dmabufs)
{
	owner_start(_metadata, self, false);
	owner_end(_metadata, self, variant);
	next_opens(_metadata, &self->b);
	expect_dmabuf_mode_works(_metadata, &self->b.dut);
}

TEST_F(owner, next_one_attaches_the_same_block)
{
	struct bufs *b = &self->b;

	owner_start(_metadata, self, false);
	owner_end(_metadata, self, variant);
	next_opens(_metadata, b);
	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &b->blk[0]);
}

TEST_F(owner, nobody_writes_to_the_dead_ones_blocks)
{
	const unsigned char *data = (unsigned char *)self->b.blk[0].map;
	size_t i;

	block_fill(&self->b.blk[0], 0xa5);
	owner_start(_metadata, self, false);
	owner_end(_metadata, self, variant);
	next_opens(_metadata, &self->b);
	expect_read_mode_works(_metadata, &self->b.dut);
	expect_dmabuf_mode_works(_metadata, &self->b.dut);
	for (i = 0; i < SIZE && data[i] == 0xa5; i++)
		;
	EXPECT_EQ(SIZE, i);
}

TEST_F(owner, blocks_in_flight_end)
{
	owner_start(_metadata, self, true);
	owner_end(_metadata, self, variant);
	ASSERT_EQ(0, dut_stall(&self->b.dut, 0));
	EXPECT_NE(0, fence_wait(self->fence, WAIT_MS));
	EXPECT_TRUE(block_wait(&self->b.blk[1], WAIT_MS));
}

TEST_F(owner, blocks_in_flight_stay_mapped)
{
	struct bufs *b = &self->b;

	if (!block_alive(&b->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	owner_start(_metadata, self, true);
	owner_end(_metadata, self, variant);
	EXPECT_FALSE(wait_until(block_attachments(&b->blk[0], NULL, 0) != 1 ||
				block_attachments(&b->blk[1], NULL, 0) != 1,
				QUIET_MS));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_TRUE(wait_until(!block_attachments(&b->blk[0], NULL, 0) &&
			       !block_attachments(&b->blk[1], NULL, 0),
			       WAIT_MS));
}

TEST_F(owner, blocks_in_flight_are_aborted_by_disable)
{
	owner_start(_metadata, self, true);
	owner_end(_metadata, self, variant);
	ASSERT_EQ(0, dut_disable(&self->b.dut));
	EXPECT_EQ(-ECANCELED, fence_wait(self->fence, WAIT_MS));
	EXPECT_TRUE(block_wait(&self->b.blk[1], WAIT_MS));
}

TEST_F(owner, next_one_reads_after_blocks_in_flight)
{
	owner_start(_metadata, self, true);
	owner_end(_metadata, self, variant);
	next_opens(_metadata, &self->b);
	ASSERT_EQ(0, dut_disable(&self->b.dut));
	ASSERT_EQ(0, dut_stall(&self->b.dut, 0));
	expect_read_mode_works(_metadata, &self->b.dut);
	expect_dmabuf_mode_works(_metadata, &self->b.dut);
}

/* The dead one's transfer is still running when the next one attaches. */
TEST_F(owner, next_one_uses_dmabufs_beside_blocks_in_flight)
{
	struct bufs *b = &self->b;

	owner_start(_metadata, self, true);
	owner_end(_metadata, self, variant);
	next_opens(_metadata, b);
	test_cmd_attach(b->dut.fd, b->blk[2].fd);
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	expect_transfer(_metadata, &b->dut, &b->blk[2]);
	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	expect_transfer(_metadata, &b->dut, &b->blk[0]);
}

/* ----------------------------------------------------------------- passed */

/*
 * The opener of the buffer, or the owner of the memory, is a child that hands the
 * file descriptor over and is killed. What it made lives on with whoever has it.
 */
FIXTURE(passed) {
	struct bufs b;
	pid_t pid;
	int sock[2];
};

FIXTURE_SETUP(passed)
{
	bufs_setup(_metadata, &self->b, 0);
	dut_close_fd(&self->b.dut);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->sock));
}

static void passed_kill(FIXTURE_DATA(passed) *self)
{
	if (self->pid <= 0)
		return;
	kill(self->pid, SIGKILL);
	waitpid(self->pid, NULL, 0);
	self->pid = 0;
}

FIXTURE_TEARDOWN(passed)
{
	passed_kill(self);
	bufs_teardown(_metadata, &self->b);
}

union fd_message {
	char space[CMSG_SPACE(sizeof(int))];
	struct cmsghdr hdr;
};

static int fd_send(int sock, int fd)
{
	union fd_message control = { .hdr = {
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	} };
	struct iovec iov = { .iov_base = "", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.hdr), &fd, sizeof(fd));

	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

/* Returns the descriptor, or a negative number */
static int fd_receive(int sock)
{
	union fd_message control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1 ||
	    msg.msg_controllen < CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(&control.hdr), sizeof(fd));

	return fd;
}

/* Runs @main in the child. What it returns the child sends, then it waits for its end. */
static void passed_start(struct __test_metadata *_metadata,
			 FIXTURE_DATA(passed) *self, int (*main)(struct bufs *b))
{
	int fd;

	self->pid = fork();
	ASSERT_GE(self->pid, 0);
	if (self->pid)
		return;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = main(&self->b);
	if (fd < 0 || fd_send(self->sock[1], fd))
		_exit(1);
	for (;;)
		pause();
}

static int opener(struct bufs *b)
{
	b->dut.fd = dut_open_fd(&b->dut);
	if (b->dut.fd < 0 || iio_attach(b->dut.fd, b->blk[0].fd) ||
	    enqueue(b, 0))
		return -1;

	return b->dut.fd;
}

TEST_F(passed, buffer_outlives_its_opener)
{
	struct bufs *b = &self->b;

	passed_start(_metadata, self, opener);
	b->dut.fd = fd_receive(self->sock[0]);
	ASSERT_GE(b->dut.fd, 0);
	passed_kill(self);

	EXPECT_FALSE(block_wait(&b->blk[0], QUIET_MS));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_TRUE(block_wait(&b->blk[0], WAIT_MS));
	expect_transfer(_metadata, &b->dut, &b->blk[0]);
	EXPECT_EQ(-EBUSY, dut_open_fd(&b->dut));
}

/* The last reference to the buffer is a message that nobody receives. */
TEST_F(passed, buffer_in_a_message_lives_as_long_as_that)
{
	struct bufs *b = &self->b;
	struct pollfd pfd = { .fd = self->sock[0], .events = POLLIN };
	int fence;

	passed_start(_metadata, self, opener);
	ASSERT_EQ(1, poll(&pfd, 1, WAIT_MS));
	fence = fence_export(&b->blk[0]);
	ASSERT_GE(fence, 0);
	passed_kill(self);
	EXPECT_EQ(0, fence_status(fence));
	EXPECT_EQ(-EBUSY, dut_open_fd(&b->dut));

	close(self->sock[0]);
	close(self->sock[1]);
	EXPECT_EQ(-ECANCELED, fence_wait(fence, WAIT_MS));
	close(fence);
	ASSERT_TRUE(wait_until((b->dut.fd = dut_open_fd(&b->dut)) >= 0, WAIT_MS));
	expect_dmabuf_mode_works(_metadata, &b->dut);
}

/* As the child of fork() has it: the parent dies, the child goes on. */
TEST_F(passed, buffer_is_inherited)
{
	struct bufs *b = &self->b;
	char byte = 0;
	pid_t pid;

	next_opens(_metadata, b);
	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (read(self->sock[1], &byte, 1) != 1 || enqueue(b, 0) ||
		    dut_enable(&b->dut) || !block_wait(&b->blk[0], WAIT_MS) ||
		    enqueue(b, 0) || !block_wait(&b->blk[0], WAIT_MS))
			byte = 1;
		_exit(write(self->sock[1], &byte, 1) != 1);
	}

	self->pid = pid;
	dut_close_fd(&b->dut);
	ASSERT_EQ(1, write(self->sock[0], &byte, 1));
	ASSERT_EQ(1, read(self->sock[0], &byte, 1));
	EXPECT_EQ(0, byte);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	self->pid = 0;
	ASSERT_EQ(0, dut_disable(&b->dut));
	next_opens(_metadata, b);
	expect_read_mode_works(_metadata, &b->dut);
}

static int owner_of_memory(struct bufs *b)
{
	struct block blk;

	return block_alloc(&blk, SIZE) ? -1 : blk.fd;
}

TEST_F(passed, memory_outlives_its_owner)
{
	struct bufs *b = &self->b;
	struct block blk;

	next_opens(_metadata, b);
	passed_start(_metadata, self, owner_of_memory);
	ASSERT_EQ(0, block_wrap(&blk, fd_receive(self->sock[0]), SIZE));
	test_cmd_attach(b->dut.fd, blk.fd);
	passed_kill(self);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &blk);
	block_free(&blk);
}

/* ---------------------------------------------------------------- disable */

FIXTURE(disable) {
	struct bufs b;
};

FIXTURE_SETUP(disable)
{
	bufs_setup(_metadata, &self->b, NEED_STALL);
	attach_all(_metadata, &self->b);
}

FIXTURE_TEARDOWN(disable)
{
	bufs_teardown(_metadata, &self->b);
}

TEST_F(disable, blocks_in_flight_are_ecanceled)
{
	struct bufs *b = &self->b;
	int fence[NUM_BLOCKS], i;

	fence[0] = stall(_metadata, b, 0);
	for (i = 1; i < NUM_BLOCKS; i++) {
		ASSERT_EQ(0, enqueue(b, i));
		fence[i] = fence_export(&b->blk[i]);
		ASSERT_GE(fence[i], 0);
	}
	ASSERT_EQ(0, dut_disable(&b->dut));
	for (i = 0; i < NUM_BLOCKS; i++) {
		EXPECT_EQ(-ECANCELED, fence_wait(fence[i], WAIT_MS));
		close(fence[i]);
	}
}

TEST_F(disable, aborted_blocks_can_be_enqueued_again)
{
	struct bufs *b = &self->b;
	int i;

	close(stall(_metadata, b, 0));
	for (i = 1; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, enqueue(b, i));
	ASSERT_EQ(0, dut_disable(&b->dut));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));

	for (i = 0; i < NUM_BLOCKS; i++)
		EXPECT_EQ(0, enqueue(b, i));
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_TRUE(block_wait(&b->blk[i], WAIT_MS));
	for (i = 0; i < NUM_BLOCKS; i++)
		expect_transfer(_metadata, &b->dut, &b->blk[i]);
}

TEST_F(disable, aborted_blocks_can_be_detached)
{
	struct bufs *b = &self->b;

	close(stall(_metadata, b, 0));
	ASSERT_EQ(0, dut_disable(&b->dut));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	if (block_alive(&b->blk[0]))
		EXPECT_TRUE(wait_until(!block_attachments(&b->blk[0], NULL, 0),
				       WAIT_MS));
}

TEST_F(disable, queued_blocks_stay_queued)
{
	struct bufs *b = &self->b;
	int fence;

	ASSERT_EQ(0, enqueue(b, 0));
	fence = fence_export(&b->blk[0]);
	ASSERT_GE(fence, 0);
	ASSERT_EQ(0, dut_disable(&b->dut));
	EXPECT_EQ(0, fence_wait(fence, QUIET_MS));
	test_err_enqueue(EBUSY, b->dut.fd, b->blk[0].fd, SIZE);

	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

TEST_F(disable, queued_after_an_abort_starts_at_the_next_enable)
{
	struct bufs *b = &self->b;
	int aborted, queued;

	aborted = stall(_metadata, b, 0);
	ASSERT_EQ(0, dut_disable(&b->dut));
	EXPECT_EQ(-ECANCELED, fence_wait(aborted, WAIT_MS));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));

	ASSERT_EQ(0, enqueue(b, 1));
	queued = fence_export(&b->blk[1]);
	ASSERT_GE(queued, 0);
	EXPECT_EQ(0, fence_wait(queued, QUIET_MS));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, fence_wait(queued, WAIT_MS));
	close(aborted);
	close(queued);
}

TEST_F(disable, completed_blocks_keep_their_samples)
{
	struct bufs *b = &self->b;
	bool started = false;
	uint32_t next;

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue(b, 0));
	ASSERT_TRUE(block_wait(&b->blk[0], WAIT_MS));
	ASSERT_EQ(0, dut_disable(&b->dut));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, block_begin_read(&b->blk[0]));
	EXPECT_COUNTER(b->blk[0].map, SIZE, &next, &started);
	EXPECT_EQ(0, block_end_read(&b->blk[0]));
}

/* ------------------------------------------------------------------- mode */

FIXTURE(mode) {
	struct bufs b;
};

FIXTURE_SETUP(mode)
{
	bufs_setup(_metadata, &self->b, 0);

	/* Before the first time there is no read() mode to speak of. */
	ASSERT_EQ(0, dut_enable(&self->b.dut));
	ASSERT_EQ(0, dut_disable(&self->b.dut));
}

FIXTURE_TEARDOWN(mode)
{
	bufs_teardown(_metadata, &self->b);
}

static int read_block(void *arg)
{
	const struct bufs *b = arg;
	static char data[4096];

	return read(b->dut.fd, data, sizeof(data));
}

/* In a thread: a kernel that gets it wrong sleeps for ever. */
static void expect_read_is_ebusy(struct __test_metadata *_metadata,
				 struct bufs *b)
{
	struct sleeper s;

	EXPECT_FALSE(sleeper_start(&s, read_block, b));
	ASSERT_TRUE(s.done);
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EBUSY, s.err);
}

TEST_F(mode, read_while_attached_is_ebusy)
{
	test_cmd_attach(self->b.dut.fd, self->b.blk[0].fd);
	expect_read_is_ebusy(_metadata, &self->b);
}

/* Nothing is known about the samples yet, not even their size. */
TEST_F(mode, read_before_the_first_enable_is_ebusy)
{
	struct bufs *b = &self->b;

	if (!b->dut.stall)
		SKIP(return, "no driver that we may unbind");

	dut_close_fd(&b->dut);
	ASSERT_EQ(0, dut_unbind(&b->dut));
	ASSERT_TRUE(dut_rebind(&b->dut));
	next_opens(_metadata, b);
	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	expect_read_is_ebusy(_metadata, b);
}

TEST_F(mode, read_while_attached_and_enabled_is_ebusy)
{
	test_cmd_attach(self->b.dut.fd, self->b.blk[0].fd);
	ASSERT_EQ(0, dut_enable(&self->b.dut));
	expect_read_is_ebusy(_metadata, &self->b);
	expect_transfer(_metadata, &self->b.dut, &self->b.blk[0]);
}

TEST_F(mode, read_until_the_last_detach_is_ebusy)
{
	struct bufs *b = &self->b;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	test_cmd_attach(b->dut.fd, b->blk[1].fd);
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	expect_read_is_ebusy(_metadata, b);
}

TEST_F(mode, read_after_reading_and_attach_is_ebusy)
{
	expect_read_mode_works(_metadata, &self->b.dut);
	test_cmd_attach(self->b.dut.fd, self->b.blk[0].fd);
	expect_read_is_ebusy(_metadata, &self->b);
}

TEST_F(mode, attach_wakes_a_read_that_sleeps)
{
	struct bufs *b = &self->b;
	struct sleeper s;

	if (!b->dut.stall)
		SKIP(return, "cannot hold the samples back");

	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_TRUE(sleeper_start(&s, read_block, b));
	ASSERT_EQ(0, dut_disable(&b->dut));
	EXPECT_FALSE(wait_until(s.done, QUIET_MS));

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EBUSY, s.err);
}

TEST_F(mode, read_works_after_the_last_detach)
{
	struct bufs *b = &self->b;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	test_cmd_attach(b->dut.fd, b->blk[1].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &b->blk[0]);
	ASSERT_EQ(0, dut_disable(&b->dut));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	test_cmd_detach(b->dut.fd, b->blk[1].fd);
	expect_read_mode_works(_metadata, &b->dut);
}

TEST_F(mode, read_works_at_the_enable_after_the_last_detach)
{
	struct bufs *b = &self->b;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	expect_read_is_ebusy(_metadata, b);
	ASSERT_EQ(0, dut_disable(&b->dut));
	expect_read_mode_works(_metadata, &b->dut);
}

TEST_F(mode, read_works_after_a_queued_block_was_detached)
{
	struct bufs *b = &self->b;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, enqueue(b, 0));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	expect_read_mode_works(_metadata, &b->dut);
}

TEST_F(mode, read_works_after_close)
{
	struct bufs *b = &self->b;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &b->blk[0]);
	dut_close_fd(&b->dut);
	next_opens(_metadata, b);
	expect_read_is_ebusy(_metadata, b);
	ASSERT_EQ(0, dut_disable(&b->dut));
	expect_read_mode_works(_metadata, &b->dut);
}

TEST_F(mode, attach_drops_what_was_not_read)
{
	struct bufs *b = &self->b;
	struct pollfd pfd = { .fd = b->dut.fd, .events = POLLIN };
	char data[4096];

	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, poll(&pfd, 1, WAIT_MS));
	ASSERT_EQ(0, dut_disable(&b->dut));
	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	dut_nonblock(&b->dut, true);
	EXPECT_ERRNO(EAGAIN, read(b->dut.fd, data, sizeof(data)));
}

/* An input buffer takes no samples, whatever the mode. */
TEST_F(mode, write_is_refused)
{
	struct bufs *b = &self->b;
	char data[64] = "";

	EXPECT_EQ(-1, write(b->dut.fd, data, sizeof(data)));
	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(-1, write(b->dut.fd, data, sizeof(data)));
}

TEST_F(mode, poll_reports_no_error)
{
	struct bufs *b = &self->b;
	struct pollfd pfd = { .fd = b->dut.fd, .events = POLLIN };

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &b->blk[0]);
	ASSERT_LE(0, poll(&pfd, 1, 0));
	EXPECT_EQ(0, pfd.revents & ~POLLIN);
}

/* Nor anything else, until read() gets the samples again */
TEST_F(mode, poll_reports_nothing)
{
	struct bufs *b = &self->b;
	struct pollfd pfd = { .fd = b->dut.fd, .events = POLLIN | POLLOUT };

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &b->blk[0]);
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	EXPECT_EQ(0, poll(&pfd, 1, QUIET_MS));
	ASSERT_EQ(0, dut_disable(&b->dut));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, poll(&pfd, 1, WAIT_MS));
	EXPECT_EQ(POLLIN, pfd.revents);
}

/* ----------------------------------------------------------------- unbind */

FIXTURE(unbind) {
	struct bufs b;
	struct iio_dut old;
	bool unbound;
};

FIXTURE_SETUP(unbind)
{
	bufs_setup(_metadata, &self->b, NEED_REBIND | NEED_STALL);
}

/* Leaves the open buffer, of a device that is gone, in self->old.fd. */
static void unbind(struct __test_metadata *_metadata,
		   FIXTURE_DATA(unbind) *self)
{
	ASSERT_EQ(0, dut_unbind(&self->b.dut));
	self->unbound = true;
	self->old = self->b.dut;
	self->b.dut.fd = -1;
}

static void rebind(struct __test_metadata *_metadata,
		   FIXTURE_DATA(unbind) *self)
{
	ASSERT_TRUE(dut_rebind(&self->b.dut));
	self->unbound = false;
	dut_scan_all(&self->b.dut);
	next_opens(_metadata, &self->b);
}

FIXTURE_TEARDOWN(unbind)
{
	if (self->unbound && self->old.fd >= 0)
		close(self->old.fd);
	if (self->unbound)
		dut_rebind(&self->b.dut);
	bufs_teardown(_metadata, &self->b);
}

TEST_F(unbind, blocks_in_flight_are_enodev)
{
	struct bufs *b = &self->b;
	int fence[2];

	attach_all(_metadata, b);
	fence[0] = stall(_metadata, b, 0);
	ASSERT_EQ(0, enqueue(b, 1));
	fence[1] = fence_export(&b->blk[1]);
	unbind(_metadata, self);
	EXPECT_EQ(-ENODEV, fence_wait(fence[0], WAIT_MS));
	EXPECT_EQ(-ENODEV, fence_wait(fence[1], WAIT_MS));
}

TEST_F(unbind, queued_blocks_are_enodev)
{
	struct bufs *b = &self->b;
	int fence[2];

	attach_all(_metadata, b);
	ASSERT_EQ(0, enqueue(b, 0));
	ASSERT_EQ(0, enqueue(b, 1));
	fence[0] = fence_export(&b->blk[0]);
	fence[1] = fence_export(&b->blk[1]);
	unbind(_metadata, self);
	EXPECT_EQ(-ENODEV, fence_wait(fence[0], WAIT_MS));
	EXPECT_EQ(-ENODEV, fence_wait(fence[1], WAIT_MS));
}

TEST_F(unbind, mappings_are_gone_when_it_returns)
{
	struct bufs *b = &self->b;

	if (!block_alive(&b->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	attach_all(_metadata, b);
	close(stall(_metadata, b, 0));
	EXPECT_EQ(1, block_attachments(&b->blk[0], NULL, 0));
	unbind(_metadata, self);
	EXPECT_EQ(0, block_attachments(&b->blk[0], NULL, 0));
	EXPECT_EQ(0, block_attachments(&b->blk[1], NULL, 0));
}

TEST_F(unbind, ioctls_are_enodev)
{
	struct bufs *b = &self->b;
	int arg = b->blk[0].fd;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	unbind(_metadata, self);
	test_err_attach(ENODEV, self->old.fd, b->blk[1].fd);
	test_err_attach(ENODEV, self->old.fd, b->blk[0].fd);
	test_err_enqueue(ENODEV, self->old.fd, b->blk[0].fd, SIZE);
	test_err_enqueue(ENODEV, self->old.fd, b->blk[1].fd, SIZE);
	test_err_detach(ENODEV, self->old.fd, b->blk[0].fd);
	EXPECT_ERRNO(ENODEV, ioctl(self->old.fd, _IOW('i', 0x9f, int), &arg));
}

TEST_F(unbind, poll_is_pollerr_and_pollhup)
{
	struct pollfd pfd = { .events = POLLIN };

	test_cmd_attach(self->b.dut.fd, self->b.blk[0].fd);
	unbind(_metadata, self);
	pfd.fd = self->old.fd;
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLERR | POLLHUP, pfd.revents & (POLLERR | POLLHUP));
}

TEST_F(unbind, read_is_enodev)
{
	char data[64];

	unbind(_metadata, self);
	EXPECT_ERRNO(ENODEV, read(self->old.fd, data, sizeof(data)));
	dut_nonblock(&self->old, true);
	EXPECT_ERRNO(ENODEV, read(self->old.fd, data, sizeof(data)));
}

TEST_F(unbind, wakes_poll)
{
	struct bufs *b = &self->b, copy;
	struct sleeper s;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	close(stall(_metadata, b, 0));
	copy = *b;
	ASSERT_TRUE(sleeper_start(&s, poll_buffer, &copy));
	unbind(_metadata, self);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(POLLERR | POLLHUP, s.ret & (POLLERR | POLLHUP));
}

/* Several readers, several times: they wake while the device is going. */
TEST_F_TIMEOUT(unbind, wakes_read, 60)
{
	struct bufs *b = &self->b, copy;
	struct sleeper s[4];
	unsigned int i, j;

	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, dut_stall(&b->dut, 1));
		ASSERT_EQ(0, dut_enable(&b->dut));
		copy = *b;
		for (j = 0; j < ARRAY_SIZE(s); j++)
			ASSERT_TRUE(sleeper_start(&s[j], read_block, &copy));
		unbind(_metadata, self);
		for (j = 0; j < ARRAY_SIZE(s); j++) {
			ASSERT_TRUE(sleeper_join(&s[j], WAIT_MS));
			EXPECT_EQ(-1, s[j].ret);
			EXPECT_EQ(ENODEV, s[j].err);
		}
		EXPECT_EQ(0, close(self->old.fd));
		rebind(_metadata, self);
	}
}

static int enqueue_1(void *arg)
{
	return enqueue(arg, 1);
}

/* The ENQUEUE waits for a fence that the block has. */
static void unbind_under_enqueue(struct __test_metadata *_metadata,
				 FIXTURE_DATA(unbind) *self, struct sleeper *s)
{
	struct bufs copy = self->b;

	ASSERT_TRUE(sleeper_start(s, enqueue_1, &copy));
	unbind(_metadata, self);
	ASSERT_TRUE(sleeper_join(s, WAIT_MS));
}

/* A fence that has nothing to do with the device */
TEST_F(unbind, wakes_enqueue)
{
	struct bufs *b = &self->b;
	struct sleeper s = { };
	int timeline, fence;

	timeline = sw_sync_open();
	if (timeline < 0)
		SKIP(return, "no CONFIG_SW_SYNC");
	fence = sw_sync_fence(timeline, 1);
	ASSERT_GE(fence, 0);
	if (fence_import(&b->blk[1], fence))
		SKIP(return, "kernel cannot import a fence into a dma-buf");
	close(fence);
	attach_all(_metadata, b);
	unbind_under_enqueue(_metadata, self, &s);
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(ENODEV, s.err);
	EXPECT_FALSE(block_wait(&b->blk[1], 0));
	/* Its end is the end of the fence. */
	close(timeline);
	EXPECT_TRUE(block_wait(&b->blk[1], WAIT_MS));
}

/*
 * The fence of another block, which signals when the removal of the device aborts its
 * transfer: ENQUEUE must not get in then. With preemption it had the time to.
 */
TEST_F(unbind, under_enqueue_behind_another_block)
{
	struct bufs *b = &self->b;
	struct sleeper s = { };
	int fence;

	attach_all(_metadata, b);
	fence = stall(_metadata, b, 0);
	if (fence_import(&b->blk[1], fence))
		SKIP(return, "kernel cannot import a fence into a dma-buf");
	close(fence);
	unbind_under_enqueue(_metadata, self, &s);
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(ENODEV, s.err);
	EXPECT_TRUE(block_wait(&b->blk[1], WAIT_MS));
}

/*
 * An ATTACH that has begun to map is one that the removal waits for: the mapping needs
 * the DMA device.
 */
TEST_F(unbind, under_attach_that_maps)
{
	struct bufs *b = &self->b;
	struct sleeper attach, removal;

	if (!merged_exists())
		SKIP(return, "no exporter that is slow on request (dmabuf_merged.ko)");
	block_free(&b->blk[0]);
	ASSERT_EQ(0, block_wrap(&b->blk[0], merged_alloc(SIZE), SIZE));

	ASSERT_EQ(0, merged_set("slow_map_ms", WAIT_MS));
	ASSERT_TRUE(sleeper_start(&attach, attach_first, b));
	self->old = b->dut;
	self->unbound = true;
	EXPECT_TRUE(removal_start(&removal, &b->dut));
	EXPECT_FALSE(wait_until(removal.done, QUIET_MS));
	EXPECT_FALSE(attach.done);
	ASSERT_EQ(0, merged_set("slow_map_ms", 0));
	ASSERT_TRUE(sleeper_join(&removal, WAIT_MS));
	b->dut.fd = -1;
	EXPECT_EQ(0, removal.ret);
	if (block_alive(&b->blk[0]))
		EXPECT_EQ(0, block_attachments(&b->blk[0], NULL, 0));
	ASSERT_TRUE(sleeper_join(&attach, WAIT_MS));
	EXPECT_EQ(-1, attach.ret);
	EXPECT_EQ(ENODEV, attach.err);
	test_err_detach(ENODEV, self->old.fd, b->blk[0].fd);

	rebind(_metadata, self);
	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &b->blk[0]);
}

/* The removal waits for somebody; nobody else has to wait for the removal. */
TEST_F(unbind, others_are_enodev_at_once)
{
	struct bufs *b = &self->b;
	struct sleeper attach, removal, other;
	int dev;

	if (!merged_exists())
		SKIP(return, "no exporter that is slow on request (dmabuf_merged.ko)");
	dev = open(b->dut.node, O_RDWR | O_CLOEXEC);
	ASSERT_GE(dev, 0);
	block_free(&b->blk[0]);
	ASSERT_EQ(0, block_wrap(&b->blk[0], merged_alloc(SIZE), SIZE));

	ASSERT_EQ(0, merged_set("slow_map_ms", 2 * WAIT_MS));
	ASSERT_TRUE(sleeper_start(&attach, attach_first, b));
	self->old = b->dut;
	self->unbound = true;
	EXPECT_TRUE(removal_start(&removal, &b->dut));
	sleeper_start(&other, get_fd, &dev);
	EXPECT_TRUE(wait_until(other.done, AT_ONCE_MS));
	EXPECT_FALSE(removal.done);
	EXPECT_FALSE(attach.done);

	ASSERT_EQ(0, merged_set("slow_map_ms", 0));
	ASSERT_TRUE(sleeper_join(&other, WAIT_MS));
	EXPECT_EQ(-1, other.ret);
	EXPECT_EQ(ENODEV, other.err);
	ASSERT_TRUE(sleeper_join(&removal, WAIT_MS));
	b->dut.fd = -1;
	ASSERT_TRUE(sleeper_join(&attach, WAIT_MS));
	close(dev);
	rebind(_metadata, self);
}

/* The same for calls on the buffer itself, while it waits for one of them. */
TEST_F(unbind, calls_are_enodev_at_once)
{
	struct bufs *b = &self->b;
	struct sleeper attach, removal;
	uint64_t start;
	char data[64];

	if (!merged_exists())
		SKIP(return, "no exporter that is slow on request (dmabuf_merged.ko)");
	block_free(&b->blk[0]);
	ASSERT_EQ(0, block_wrap(&b->blk[0], merged_alloc(SIZE), SIZE));
	test_cmd_attach(b->dut.fd, b->blk[1].fd);

	ASSERT_EQ(0, merged_set("slow_map_ms", 2 * WAIT_MS));
	ASSERT_TRUE(sleeper_start(&attach, attach_first, b));
	self->old = b->dut;
	self->unbound = true;
	EXPECT_TRUE(removal_start(&removal, &b->dut));
	EXPECT_TRUE(wait_until(dut_gone(&b->dut), AT_ONCE_MS));
	start = now_ms();
	test_err_enqueue(ENODEV, b->dut.fd, b->blk[1].fd, SIZE);
	test_err_detach(ENODEV, b->dut.fd, b->blk[1].fd);
	test_err_attach(ENODEV, b->dut.fd, b->blk[2].fd);
	EXPECT_ERRNO(ENODEV, read(b->dut.fd, data, sizeof(data)));
	EXPECT_GT(AT_ONCE_MS, (int)(now_ms() - start));
	EXPECT_FALSE(removal.done);
	EXPECT_FALSE(attach.done);

	ASSERT_EQ(0, merged_set("slow_map_ms", 0));
	ASSERT_TRUE(sleeper_join(&removal, WAIT_MS));
	b->dut.fd = -1;
	ASSERT_TRUE(sleeper_join(&attach, WAIT_MS));
	EXPECT_EQ(ENODEV, attach.err);
	rebind(_metadata, self);
}

/* A driver that is being called cannot go, the dummy one warns of it. */
TEST_F(unbind, waits_for_a_reader_in_the_driver)
{
	struct bufs *b = &self->b, copy;
	struct sleeper s;
	uint64_t start;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, adc_set("slow_flush_ms", 1000));
	copy = *b;
	start = now_ms();
	ASSERT_TRUE(sleeper_start(&s, read_block, &copy));
	unbind(_metadata, self);
	EXPECT_LE(500, now_ms() - start);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(ENODEV, s.err);
	adc_set("slow_flush_ms", 0);
}

/*
 * The removal waits for the transfer, which would never end by itself. The first @times to
 * stop it are in vain; with @detach they are those of a disable and a DETACH.
 */
static void expect_stopped_at_last(struct __test_metadata *_metadata,
				   FIXTURE_DATA(unbind) *self, int times, bool detach)
{
	struct bufs *b = &self->b;
	struct sleeper s;
	int fence;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	attach_all(_metadata, b);
	fence = stall(_metadata, b, 0);
	ASSERT_EQ(0, fault_set("fail_stop", times));
	if (detach) {
		ASSERT_EQ(0, dut_disable(&b->dut));
		test_cmd_detach(b->dut.fd, b->blk[0].fd);
		ASSERT_EQ(0, fault_get("fail_stop"));
	}
	self->old = b->dut;
	sleeper_start(&s, unbind_dut, &b->dut);
	EXPECT_TRUE(sleeper_join(&s, WAIT_MS)) {
		dut_stall(&b->dut, 0);
		sleeper_join(&s, WAIT_MS);
	}
	self->unbound = true;
	b->dut.fd = -1;
	EXPECT_EQ(-ENODEV, fence_wait(fence, WAIT_MS));
	close(fence);
}

TEST_F(unbind, stops_what_could_not_be_stopped)
{
	expect_stopped_at_last(_metadata, self, 1, false);
}

TEST_F(unbind, stops_what_was_detached_and_could_not_be_stopped)
{
	expect_stopped_at_last(_metadata, self, 2, true);
}

/* After that nobody can, and the blocks of read() would be there for ever. */
TEST_F(unbind, stops_reads_that_could_not_be_stopped)
{
	const size_t bytes = 1 << 20;
	const int rounds = 16;
	struct bufs *b = &self->b;
	long before;
	int i;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	before = meminfo_kib("MemFree");
	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, dut_set_block_bytes(&b->dut, bytes));
		ASSERT_EQ(0, dut_stall(&b->dut, 1));
		ASSERT_EQ(0, dut_enable(&b->dut));
		ASSERT_EQ(0, fault_set("fail_stop", 1));
		ASSERT_EQ(0, dut_disable(&b->dut));
		ASSERT_EQ(0, fault_get("fail_stop"));
		unbind(_metadata, self);
		close(self->old.fd);
		rebind(_metadata, self);
	}
	/* Half of them, of which there are two each time */
	EXPECT_TRUE(wait_until(before - meminfo_kib("MemFree") <
			       (long)(rounds * bytes >> 10), WAIT_MS));
}

/* A removal that has to wait for a transfer. Returns the fence of that. */
static int begin_to_unbind(struct __test_metadata *_metadata,
			   FIXTURE_DATA(unbind) *self, struct sleeper *removal)
{
	struct bufs *b = &self->b;
	int fence;

	attach_all(_metadata, b);
	fence = stall(_metadata, b, 0);
	ASSERT_EQ(0, fault_set("fail_stop", INT_MAX));
	self->old = b->dut;
	self->unbound = true;
	ASSERT_TRUE(removal_start(removal, &b->dut));
	EXPECT_TRUE(wait_until(dut_gone(&b->dut), AT_ONCE_MS));

	return fence;
}

/* ... which ends now. */
static void end_unbind(struct __test_metadata *_metadata,
		       FIXTURE_DATA(unbind) *self, struct sleeper *removal)
{
	ASSERT_EQ(0, dut_stall(&self->b.dut, 0));
	ASSERT_TRUE(sleeper_join(removal, WAIT_MS));
	fault_set("fail_stop", 0);
	self->b.dut.fd = -1;
}

/* ... or does, and until then the hardware writes to the memory. */
TEST_F(unbind, waits_for_what_cannot_be_stopped)
{
	struct bufs *b = &self->b;
	struct sleeper s;
	int fence;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);
	if (!block_alive(&b->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	fence = begin_to_unbind(_metadata, self, &s);
	EXPECT_TRUE(wait_until(!block_attachments(&b->blk[1], NULL, 0), WAIT_MS));
	EXPECT_FALSE(wait_until(s.done, QUIET_MS));
	EXPECT_EQ(1, block_attachments(&b->blk[0], NULL, 0));
	EXPECT_EQ(0, fence_status(fence));

	end_unbind(_metadata, self, &s);
	EXPECT_EQ(1, fence_status(fence));
	EXPECT_EQ(0, block_attachments(&b->blk[0], NULL, 0));
	close(fence);
}

static int read_consumer(void *arg)
{
	char rate[16];

	return pread(*(int *)arg, rate, sizeof(rate), 0);
}

/* ... but nobody else for the removal, as another driver would that uses a channel. */
TEST_F(unbind, waits_without_the_consumers)
{
	static struct sleeper removal, s;
	int consumer;

	if (!self->b.dut.faults)
		SKIP(return, NO_FAULTS);
	consumer = open("/sys/kernel/debug/adc-dummy/consumer", O_RDONLY | O_CLOEXEC);
	if (consumer < 0)
		SKIP(return, "the device has no consumer");
	EXPECT_GT(read_consumer(&consumer), 0);

	close(begin_to_unbind(_metadata, self, &removal));
	sleeper_start(&s, read_consumer, &consumer);
	EXPECT_TRUE(sleeper_join(&s, AT_ONCE_MS));
	EXPECT_FALSE(removal.done);

	end_unbind(_metadata, self, &removal);
	ASSERT_TRUE(wait_until(s.done, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(ENODEV, s.err);
	close(consumer);
}

TEST_F(unbind, wakes_enqueue_that_waits_for_its_own_transfer)
{
	struct bufs *b = &self->b;
	struct sleeper s = { };

	attach_all(_metadata, b);
	close(stall(_metadata, b, 1));
	unbind_under_enqueue(_metadata, self, &s);
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(ENODEV, s.err);
	EXPECT_TRUE(block_wait(&b->blk[1], WAIT_MS));
}

TEST_F(unbind, cpu_access_goes_on)
{
	struct bufs *b = &self->b;

	attach_all(_metadata, b);
	close(stall(_metadata, b, 0));
	unbind(_metadata, self);
	EXPECT_TRUE(block_wait(&b->blk[0], WAIT_MS));
	block_fill(&b->blk[0], 0x5a);
	EXPECT_EQ(0x5a5a5a5a, b->blk[0].map[0]);
}

TEST_F(unbind, close_then_bind_works)
{
	struct bufs *b = &self->b;

	attach_all(_metadata, b);
	close(stall(_metadata, b, 0));
	unbind(_metadata, self);
	EXPECT_EQ(0, close(self->old.fd));
	self->old.fd = -1;
	ASSERT_EQ(0, dut_stall(&b->dut, 0));

	rebind(_metadata, self);
	expect_read_mode_works(_metadata, &b->dut);
	expect_dmabuf_mode_works(_metadata, &b->dut);
}

/* The old fd stays dead; the same dma-buf serves the new device. */
TEST_F(unbind, bind_then_close_works)
{
	struct bufs *b = &self->b;

	attach_all(_metadata, b);
	ASSERT_EQ(0, enqueue(b, 0));
	unbind(_metadata, self);
	rebind(_metadata, self);

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	test_err_attach(ENODEV, self->old.fd, b->blk[2].fd);
	EXPECT_EQ(0, close(self->old.fd));
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &b->blk[0]);
}

/* ---------------------------------------------------------------- modules */

FIXTURE(modules) {
	struct bufs b;
	char engine[64];		/* as dma_dummy was loaded */
	bool reload;
};

FIXTURE_SETUP(modules)
{
	bufs_setup(_metadata, &self->b, NEED_FAULTS);
	if (!modules_exist())
		SKIP_SETUP("adc_dummy is no module, or not in %.256s",
			   module_dir());
	modules_engine(self->engine, sizeof(self->engine));
}

/* The device anew, with the buffer open and all channels */
static bool modules_renew(FIXTURE_DATA(modules) *self, const char *param)
{
	dut_close_fd(&self->b.dut);
	if (!modules_reload(&self->b.dut, self->engine, param))
		return false;

	dut_scan_all(&self->b.dut);
	self->b.dut.fd = dut_open_fd(&self->b.dut);

	return self->b.dut.fd >= 0;
}

FIXTURE_TEARDOWN(modules)
{
	if (self->reload)
		modules_renew(self, "");
	bufs_teardown(_metadata, &self->b);
}

TEST_F(modules, unload_with_blocks_in_flight)
{
	struct bufs *b = &self->b;
	int fence;

	attach_all(_metadata, b);
	fence = stall(_metadata, b, 0);
	ASSERT_EQ(0, enqueue(b, 1));
	self->reload = true;
	ASSERT_EQ(0, module_unload("adc_dummy"));
	EXPECT_EQ(-ENODEV, fence_wait(fence, WAIT_MS));
	EXPECT_TRUE(block_wait(&b->blk[1], WAIT_MS));
	test_err_enqueue(ENODEV, b->dut.fd, b->blk[2].fd, SIZE);
	close(fence);

	ASSERT_TRUE(modules_renew(self, ""));
	self->reload = false;
	expect_dmabuf_mode_works(_metadata, &b->dut);
	expect_read_mode_works(_metadata, &b->dut);
}

/*
 * An engine that cannot do vectors would lose every transfer. The error of
 * ATTACH is the one on which libiio falls back to read(), which must work.
 */
TEST_F(modules, attach_without_vectors_is_eperm)
{
	struct bufs *b = &self->b;

	self->reload = true;
	ASSERT_TRUE(modules_renew(self, "vec=N"));
	test_err_attach(EPERM, b->dut.fd, b->blk[0].fd);
	expect_read_mode_works(_metadata, &b->dut);
	test_err_attach(EPERM, b->dut.fd, b->blk[0].fd);
}

/* Some drivers say that the width of their bus is undefined, which is 0. */
TEST_F(modules, undefined_width_is_no_restriction)
{
	struct bufs *b = &self->b;

	self->reload = true;
	ASSERT_TRUE(modules_renew(self, "width=0"));
	EXPECT_TRUE(dut_attr_is(&b->dut, "buffer0/length_align_bytes", "1"));
	expect_read_mode_works(_metadata, &b->dut);
	expect_dmabuf_mode_works(_metadata, &b->dut);
}

/* Each channel may have an IOMMU of its own. */
TEST_F(modules, dmabufs_are_mapped_for_the_device_of_the_channel)
{
	struct bufs *b = &self->b;
	char dev[NAME_MAX] = "";
	unsigned int dma, chan;

	if (!block_alive(&b->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	self->reload = true;
	ASSERT_TRUE(modules_renew(self, "chan_dev=Y"));
	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	EXPECT_EQ(1, block_attachments(&b->blk[0], dev, sizeof(dev)));
	EXPECT_EQ(2, sscanf(dev, "dma%uchan%u", &dma, &chan));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	expect_dmabuf_mode_works(_metadata, &b->dut);
}

/* ---------------------------------------------------------------- suspend */

#define PM_TEST		"/sys/power/pm_test"
#define PM_TEST_DELAY	"/sys/module/suspend/parameters/pm_test_delay"

FIXTURE(suspend) {
	struct bufs b;
	char delay[16];
};

/* How long is it down? In virtual time a second of that is half a minute. */
FIXTURE_SETUP(suspend)
{
	const char *seconds = getenv("IIO_SUSPEND_SECONDS") ?: "1";

	bufs_setup(_metadata, &self->b, 0);
	if (access("/sys/power/state", W_OK) || access(PM_TEST, W_OK))
		SKIP_SETUP("kernel without CONFIG_SUSPEND, or without CONFIG_PM_DEBUG");
	ASSERT_EQ(0, file_read(PM_TEST_DELAY, self->delay, sizeof(self->delay)));
	ASSERT_EQ(0, file_write(PM_TEST_DELAY, seconds));
	attach_all(_metadata, &self->b);
}

FIXTURE_TEARDOWN(suspend)
{
	file_write(PM_TEST, "none");
	file_write(PM_TEST_DELAY, self->delay);
	bufs_teardown(_metadata, &self->b);
}

/* Down to @depth, and back */
static void suspend(struct __test_metadata *_metadata, const char *depth)
{
	ASSERT_EQ(0, file_write(PM_TEST, depth));
	ASSERT_EQ(0, file_write("/sys/power/state", "freeze"));
}

TEST_F_TIMEOUT(suspend, queued_blocks_stay_queued, 60)
{
	struct bufs *b = &self->b;

	ASSERT_EQ(0, enqueue(b, 0));
	suspend(_metadata, "devices");
	EXPECT_FALSE(block_wait(&b->blk[0], QUIET_MS));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_TRUE(block_wait(&b->blk[0], WAIT_MS));
	expect_transfer(_metadata, &b->dut, &b->blk[0]);
}

/* Nobody tells the converter: what is in flight ends when it would have anyway. */
TEST_F_TIMEOUT(suspend, blocks_in_flight_end, 60)
{
	struct bufs *b = &self->b;
	int fence;

	if (!b->dut.stall)
		SKIP(return, "cannot hold a transfer back");

	fence = stall(_metadata, b, 0);
	suspend(_metadata, "devices");
	EXPECT_EQ(0, fence_status(fence));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
	expect_transfer(_metadata, &b->dut, &b->blk[0]);
}

struct stream {
	struct bufs *b;
	volatile bool stop;
	unsigned int transfers;
	bool started;
	uint32_t next;
};

/* Streams and checks the counter. */
static int stream_main(void *arg)
{
	struct stream *st = arg;
	struct bufs *b = st->b;
	size_t good;
	int i;

	for (i = 0; i < NUM_BLOCKS; i++)
		if (enqueue(b, i))
			return -1;

	for (i = 0; !st->stop; i = (i + 1) % NUM_BLOCKS, st->transfers++) {
		if (!block_wait(&b->blk[i], WAIT_MS) ||
		    block_begin_read(&b->blk[i]))
			return -1;
		/* Without a rate nothing is lost while the system is down. */
		good = !b->dut.stall ? SIZE / 4 :
		       counter_check(b->blk[i].map, SIZE / 4, &st->next,
				     &st->started);
		if (block_end_read(&b->blk[i]) || good != SIZE / 4 ||
		    enqueue(b, i))
			return -1;
	}

	return 0;
}

/* The thread is frozen in poll(), in ENQUEUE or wherever it is, and goes on there. */
TEST_F_TIMEOUT(suspend, streaming_goes_on, 120)
{
	static const char * const depths[] = { "freezer", "devices" };
	struct stream st = { .b = &self->b };
	unsigned int i, transfers;
	struct sleeper s;

	ASSERT_EQ(0, dut_enable(&self->b.dut));
	sleeper_start(&s, stream_main, &st);
	for (i = 0; i < 4; i++) {
		suspend(_metadata, depths[i % ARRAY_SIZE(depths)]);
		transfers = st.transfers;
		EXPECT_TRUE(wait_until(st.transfers > transfers, WAIT_MS));
	}
	st.stop = true;
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	printf("# %u suspends, %u transfers\n", i, st.transfers);
}

/* ------------------------------------------------------- mode, once more */

/*
 * Last, as mainline up to 7.3 follows a NULL pointer here, with the lock of the
 * queue held: "-x 'mode_nonblock.*'" leaves it out.
 */
FIXTURE(mode_nonblock) {
	struct bufs b;
};

FIXTURE_SETUP(mode_nonblock)
{
	bufs_setup(_metadata, &self->b, 0);

	ASSERT_EQ(0, dut_enable(&self->b.dut));
	ASSERT_EQ(0, dut_disable(&self->b.dut));
	test_cmd_attach(self->b.dut.fd, self->b.blk[0].fd);
	dut_nonblock(&self->b.dut, true);
}

FIXTURE_TEARDOWN(mode_nonblock)
{
	bufs_teardown(_metadata, &self->b);
}

TEST_F(mode_nonblock, read_while_attached_is_ebusy)
{
	char data[4096];

	EXPECT_ERRNO(EBUSY, read(self->b.dut.fd, data, sizeof(data)));
}

TEST_F(mode_nonblock, read_while_attached_and_enabled_is_ebusy)
{
	char data[4096];

	ASSERT_EQ(0, dut_enable(&self->b.dut));
	EXPECT_ERRNO(EBUSY, read(self->b.dut.fd, data, sizeof(data)));
	expect_transfer(_metadata, &self->b.dut, &self->b.blk[0]);
}

TEST_F(mode_nonblock, read_of_a_left_buffer_does_no_harm)
{
	char data[4096];

	ASSERT_EQ(0, dut_enable(&self->b.dut));
	expect_transfer(_metadata, &self->b.dut, &self->b.blk[0]);
	test_cmd_detach(self->b.dut.fd, self->b.blk[0].fd);
	EXPECT_ERRNO(EBUSY, read(self->b.dut.fd, data, sizeof(data)));
	ASSERT_EQ(0, dut_disable(&self->b.dut));
	dut_nonblock(&self->b.dut, false);
	expect_read_mode_works(_metadata, &self->b.dut);
}

IIO_TEST_MAIN
