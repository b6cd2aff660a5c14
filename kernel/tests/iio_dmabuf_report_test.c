// SPDX-License-Identifier: GPL-2.0
/*
 * Reports: how each transfer has ended, read from the buffer. The last patches of the
 * series; on a kernel without them all of this is skipped.
 */
#include "iio_test_bufs.h"

#include <sys/epoll.h>

FIXTURE(report) {
	struct bufs b;
};

FIXTURE_SETUP(report)
{
	struct bufs *b = &self->b;

	bufs_setup(_metadata, b, 0);
	if (!reports_exist(_metadata, b))
		SKIP_SETUP("kernel without reports of transfers");
}

FIXTURE_TEARDOWN(report)
{
	bufs_teardown(_metadata, &self->b);
}

static void expect_nothing(struct __test_metadata *_metadata,
			   const struct bufs *b)
{
	struct iio_dmabuf_report report, untouched;

	memset(&untouched, 0xa5, sizeof(untouched));
	report = untouched;
	EXPECT_FALSE(has_report(b, QUIET_MS));
	dut_nonblock(&b->dut, true);
	EXPECT_ERRNO(EAGAIN, read(b->dut.fd, &report, sizeof(report)));
	dut_nonblock(&b->dut, false);
	EXPECT_EQ(0, memcmp(&report, &untouched, sizeof(report)));
}

TEST_F(report, tells_block_bytes_and_number)
{
	struct bufs *b = &self->b;
	unsigned int i;

	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, enqueue_report(b, i));
	expect_nothing(_metadata, b);
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < NUM_BLOCKS; i++)
		expect_report(_metadata, b, i, i + 1, 0, SIZE);
	expect_nothing(_metadata, b);
}

/* One descriptor to wait on, for as many blocks as one likes */
TEST_F(report, paces_a_stream)
{
	struct bufs *b = &self->b;
	unsigned int i;

	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, enqueue_report(b, i));
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < 100; i++) {
		expect_report(_metadata, b, i % NUM_BLOCKS, i + 1, 0, SIZE);
		ASSERT_EQ(0, enqueue_report(b, i % NUM_BLOCKS));
	}
}

TEST_F(report, many_are_read_at_once)
{
	struct iio_dmabuf_report reports[NUM_BLOCKS + 1];
	struct bufs *b = &self->b;
	unsigned int i;

	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, enqueue_report(b, i));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_TRUE(block_wait(&b->blk[NUM_BLOCKS - 1], WAIT_MS));
	ASSERT_EQ(NUM_BLOCKS * sizeof(reports[0]),
		  read(b->dut.fd, reports, sizeof(reports) - 1));
	for (i = 0; i < NUM_BLOCKS; i++)
		EXPECT_EQ(i + 1, reports[i].seqno);
}

/* Who sees the end of the transfer finds its report. */
TEST_F(report, is_there_when_the_fence_has_signalled)
{
	struct bufs *b = &self->b;
	int i;

	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, enqueue_report(b, 0));
		ASSERT_TRUE(block_wait(&b->blk[0], WAIT_MS));
		ASSERT_TRUE(has_report(b, 0));
		expect_report(_metadata, b, 0, i + 1, 0, SIZE);
	}
}

/* A sync file that is exported after the fact says that all is well. */
TEST_F(report, of_a_failed_transfer_is_eio_whenever_it_is_read)
{
	struct bufs *b = &self->b;
	int fence;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, fault_set("fail", 1));
	ASSERT_EQ(0, enqueue_report(b, 0));
	ASSERT_TRUE(block_wait(&b->blk[0], WAIT_MS));
	fence = fence_export(&b->blk[0]);
	ASSERT_GE(fence, 0);
	EXPECT_EQ(1, fence_status(fence));
	close(fence);
	expect_report(_metadata, b, 0, 1, -EIO, 0);
}

TEST_F(report, of_a_short_transfer_has_its_bytes)
{
	struct bufs *b = &self->b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, fault_set("short_bytes", 4096));
	ASSERT_EQ(0, enqueue_report(b, 0));
	expect_report(_metadata, b, 0, 1, 0, SIZE - 4096);
}

TEST_F(report, of_an_aborted_transfer_is_ecanceled)
{
	struct bufs *b = &self->b;

	if (!b->dut.stall)
		SKIP(return, "%s cannot hold transfers back", dut_name());

	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	ASSERT_EQ(0, enqueue_report(b, 1));
	ASSERT_EQ(0, dut_disable(&b->dut));
	expect_report(_metadata, b, 0, 1, -ECANCELED, 0);
	expect_report(_metadata, b, 1, 2, -ECANCELED, 0);
}

TEST_F(report, of_a_transfer_that_enable_cannot_start)
{
	struct iio_dmabuf_report report;
	struct bufs *b = &self->b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, enqueue_report(b, 0));
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	dut_enable(&b->dut);
	ASSERT_TRUE(has_report(b, WAIT_MS));
	ASSERT_EQ(sizeof(report), read(b->dut.fd, &report, sizeof(report)));
	EXPECT_GT(0, report.error);
	EXPECT_EQ(0, report.bytes_used);
}

/* What the ioctl has refused it has told already. */
TEST_F(report, of_a_refused_transfer_there_is_none)
{
	struct bufs *b = &self->b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	EXPECT_EQ(-1, enqueue_report(b, 0));
	expect_nothing(_metadata, b);
	ASSERT_EQ(0, enqueue_report(b, 0));
	expect_report(_metadata, b, 0, 1, 0, SIZE);
}

TEST_F(report, must_be_read_before_the_next)
{
	struct bufs *b = &self->b;

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	ASSERT_TRUE(block_wait(&b->blk[0], WAIT_MS));
	EXPECT_ERRNO(EBUSY, enqueue_report(b, 0));

	/* Without one it does not matter, and the old one stays. */
	ASSERT_EQ(0, enqueue(b, 0));
	ASSERT_TRUE(block_wait(&b->blk[0], WAIT_MS));
	expect_report(_metadata, b, 0, 1, 0, SIZE);
	ASSERT_EQ(0, enqueue_report(b, 0));
	expect_report(_metadata, b, 0, 2, 0, SIZE);
}

TEST_F(report, goes_with_a_detach)
{
	struct bufs *b = &self->b;

	ASSERT_EQ(0, enqueue_report(b, 0));
	ASSERT_EQ(0, enqueue_report(b, 1));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	expect_nothing(_metadata, b);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_report(_metadata, b, 1, 2, 0, SIZE);
	ASSERT_EQ(0, enqueue_report(b, 1));
	ASSERT_TRUE(block_wait(&b->blk[1], WAIT_MS));
	test_cmd_detach(b->dut.fd, b->blk[1].fd);
	expect_nothing(_metadata, b);
}

TEST_F(report, of_a_transfer_that_goes_on_after_a_detach_there_is_none)
{
	struct bufs *b = &self->b;

	if (!b->dut.stall)
		SKIP(return, "%s cannot hold transfers back", dut_name());

	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(block_wait(&b->blk[0], WAIT_MS));
	expect_nothing(_metadata, b);
	ASSERT_EQ(0, enqueue_report(b, 1));
	expect_report(_metadata, b, 1, 2, 0, SIZE);
}

TEST_F(report, is_not_for_the_next_opener)
{
	struct bufs *b = &self->b;
	char data[64];

	if (!b->dut.stall)
		SKIP(return, "%s cannot hold transfers back", dut_name());

	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	dut_close_fd(&b->dut);
	next_opens(_metadata, b);
	attach_all(_metadata, b);
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(block_wait(&b->blk[0], WAIT_MS));
	EXPECT_FALSE(has_report(b, QUIET_MS));
	EXPECT_ERRNO(EBUSY, read(b->dut.fd, data, sizeof(data)));
	ASSERT_EQ(0, enqueue_report(b, 1));
	expect_report(_metadata, b, 1, 1, 0, SIZE);
}

TEST_F(report, needs_a_whole_struct_and_a_good_pointer)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct iio_dmabuf_report report;
	struct bufs *b = &self->b;
	void *bad;

	bad = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(bad != MAP_FAILED);
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	ASSERT_TRUE(has_report(b, WAIT_MS));
	EXPECT_ERRNO(EINVAL, read(b->dut.fd, &report, sizeof(report) - 1));
	EXPECT_ERRNO(EFAULT, read(b->dut.fd, bad, sizeof(report)));
	munmap(bad, page);
	expect_report(_metadata, b, 0, 1, 0, SIZE);
}

static int read_report(void *arg)
{
	struct iio_dmabuf_report report;

	return read(((struct bufs *)arg)->dut.fd, &report, sizeof(report));
}

TEST_F(report, is_waited_for)
{
	struct bufs *b = &self->b;
	struct sleeper s;

	ASSERT_EQ(0, enqueue_report(b, 0));
	ASSERT_TRUE(sleeper_start(&s, read_report, b));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(sizeof(struct iio_dmabuf_report), s.ret);
}

TEST_F(report, signal_ends_the_wait_and_nothing_is_lost)
{
	struct bufs *b = &self->b;

	ASSERT_EQ(0, enqueue_report(b, 0));
	expect_eintr(_metadata, read_report, b);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_report(_metadata, b, 0, 1, 0, SIZE);
}

#define NUM_READERS	NUM_BLOCKS

struct readers {
	struct bufs *b;
	int num_reports;
	int num_early;
	bool over;
};

/*
 * The memory is there only after a fault, so that another reader can be quicker. The last
 * report ends it: who is late for the end of the DMABUF mode would wait for samples.
 */
static void *read_reports(void *arg)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct readers *r = arg;
	void *mem;
	int ret;

	mem = mmap(NULL, page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	do {
		madvise(mem, page, MADV_DONTNEED);
		ret = read(r->b->dut.fd, mem, sizeof(struct iio_dmabuf_report));
		__atomic_fetch_add(ret > 0 ? &r->num_reports : &r->num_early, 1,
				   __ATOMIC_SEQ_CST);
	} while (ret > 0 && !__atomic_load_n(&r->over, __ATOMIC_SEQ_CST));
	munmap(mem, page);

	return NULL;
}

/* Who waits and finds that somebody else has taken the report goes on to wait. */
TEST_F(report, is_for_one_of_many_readers)
{
	struct bufs *b = &self->b;
	struct readers r = { .b = b };
	pthread_t thread[NUM_READERS];
	int i, n;

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	for (i = 0; i < NUM_READERS; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, read_reports, &r));
	for (n = 1; n < 500; n++) {
		ASSERT_TRUE(wait_until(__atomic_load_n(&r.num_reports,
						       __ATOMIC_SEQ_CST) == n,
				       WAIT_MS));
		ASSERT_EQ(0, enqueue_report(b, n % NUM_BLOCKS));
	}
	ASSERT_TRUE(wait_until(__atomic_load_n(&r.num_reports,
					       __ATOMIC_SEQ_CST) == n, WAIT_MS));

	/* One for each reader, or more */
	__atomic_store_n(&r.over, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < NUM_READERS; i++)
		ASSERT_EQ(0, enqueue_report(b, (n + i) % NUM_BLOCKS));
	for (i = 0; i < NUM_READERS; i++)
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
	EXPECT_EQ(0, r.num_early);
}

TEST_F(report, wait_ends_with_the_last_detach)
{
	struct bufs *b = &self->b;
	struct sleeper s;
	int i;

	ASSERT_EQ(0, enqueue_report(b, 0));
	ASSERT_TRUE(sleeper_start(&s, read_report, b));
	for (i = 0; i < NUM_BLOCKS; i++)
		test_cmd_detach(b->dut.fd, b->blk[i].fd);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
}

/* As long as the buffer is enabled it is one of DMABUFs, attached or not. */
TEST_F(report, wait_ends_with_the_disable)
{
	struct bufs *b = &self->b;
	struct sleeper s;
	int i;

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	expect_report(_metadata, b, 0, 1, 0, SIZE);
	ASSERT_TRUE(sleeper_start(&s, read_report, b));
	for (i = 0; i < NUM_BLOCKS; i++)
		test_cmd_detach(b->dut.fd, b->blk[i].fd);
	EXPECT_FALSE(wait_until(s.done, QUIET_MS));
	ASSERT_EQ(0, dut_disable(&b->dut));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
}

/* ... also if the hardware does not end what it has begun. */
TEST_F(report, wait_ends_with_the_last_detach_though_it_cannot_be_stopped)
{
	struct bufs *b = &self->b;
	static struct sleeper s;
	int i;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	ASSERT_EQ(0, fault_set("fail_stop", 2));
	ASSERT_EQ(0, dut_disable(&b->dut));
	for (i = 1; i < NUM_BLOCKS; i++)
		test_cmd_detach(b->dut.fd, b->blk[i].fd);
	ASSERT_TRUE(sleeper_start(&s, read_report, b));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	EXPECT_EQ(0, fault_get("fail_stop"));
	ASSERT_TRUE(sleeper_join(&s, AT_ONCE_MS));
	EXPECT_EQ(0, s.ret);
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
}

TEST_F(report, wait_ends_with_the_device)
{
	struct bufs *b = &self->b, copy;
	struct sleeper s;

	if (!b->dut.stall)
		SKIP(return, "%s is not there to be unbound", dut_name());

	ASSERT_EQ(0, enqueue_report(b, 0));
	copy = *b;
	ASSERT_TRUE(sleeper_start(&s, read_report, &copy));
	ASSERT_EQ(0, dut_unbind(&b->dut));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(ENODEV, s.err);
	dut_close_fd(&b->dut);
	ASSERT_TRUE(dut_rebind(&b->dut));
	next_opens(_metadata, b);
}

TEST_F(report, unread_one_goes_with_the_device)
{
	struct bufs *b = &self->b;
	struct iio_dmabuf_report report;

	if (!b->dut.stall)
		SKIP(return, "%s is not there to be unbound", dut_name());

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	ASSERT_TRUE(has_report(b, WAIT_MS));
	ASSERT_EQ(0, dut_unbind(&b->dut));
	EXPECT_ERRNO(ENODEV, read(b->dut.fd, &report, sizeof(report)));
	dut_close_fd(&b->dut);
	ASSERT_TRUE(dut_rebind(&b->dut));
	next_opens(_metadata, b);
}

static int enqueue_report_first(void *arg)
{
	return enqueue_report(arg, 0);
}

/* It was there before the transfer had ended. */
TEST_F(report, has_to_be_read_also_after_a_wait_for_the_transfer)
{
	struct bufs *b = &self->b;
	static struct sleeper s;

	if (!b->dut.stall)
		SKIP(return, "cannot hold transfers back");

	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	ASSERT_TRUE(sleeper_start(&s, enqueue_report_first, b));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EBUSY, s.err);
	expect_report(_metadata, b, 0, 1, 0, SIZE);
}

/* The DMABUF may have more than one file descriptor. */
TEST_F(report, names_the_descriptor_of_the_enqueue)
{
	struct bufs *b = &self->b;
	int attached = b->blk[0].fd;

	b->blk[0].fd = dup(attached);
	ASSERT_GE(b->blk[0].fd, 0);
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	expect_report(_metadata, b, 0, 1, 0, SIZE);
	close(b->blk[0].fd);
	b->blk[0].fd = attached;
}

TEST_F(report, each_is_an_event_of_an_edge_triggered_epoll)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC), i;
	struct bufs *b = &self->b;

	ASSERT_GE(epoll, 0);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, b->dut.fd, &event));
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < NUM_BLOCKS; i++) {
		EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
		ASSERT_EQ(0, enqueue_report(b, i));
		EXPECT_EQ(1, epoll_wait(epoll, &event, 1, WAIT_MS));
	}
	close(epoll);
}

/* There are more of them than fit into a page, to which a read() is limited. */
TEST_F(report, a_page_of_them_is_read_at_once)
{
	size_t page = sysconf(_SC_PAGESIZE), size;
	struct iio_dmabuf_report *reports;
	struct bufs *b = &self->b;
	struct block *blks;
	int fit, num, i;

	fit = page / sizeof(*reports);
	num = fit + 5;
	size = num * sizeof(*reports);
	if (num > 500)
		SKIP(return, "pages of %zu bytes hold too many reports", page);
	blks = calloc(num, sizeof(*blks));
	reports = calloc(num, sizeof(*reports));
	ASSERT_TRUE(blks && reports);

	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < num; i++) {
		ASSERT_EQ(0, block_alloc(&blks[i], 4096));
		test_cmd_attach(b->dut.fd, blks[i].fd);
		ASSERT_EQ(0, iio_enqueue_flags(b->dut.fd, blks[i].fd, 4096,
					       IIO_BUFFER_DMABUF_REPORT));
	}
	ASSERT_TRUE(block_wait(&blks[num - 1], WAIT_MS));
	EXPECT_EQ(fit * sizeof(*reports), read(b->dut.fd, reports, size));
	EXPECT_EQ((num - fit) * sizeof(*reports), read(b->dut.fd, reports, size));
	for (i = 0; i < num; i++)
		block_free(&blks[i]);
	free(reports);
	free(blks);
}

/* Back to read(): all detached, or the buffer closed */
TEST_F(report, leaves_read_alone)
{
	struct bufs *b = &self->b;
	int i;

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	expect_report(_metadata, b, 0, 1, 0, SIZE);
	ASSERT_EQ(0, dut_disable(&b->dut));
	for (i = 0; i < NUM_BLOCKS; i++)
		test_cmd_detach(b->dut.fd, b->blk[i].fd);
	expect_read_mode_works(_metadata, &b->dut);

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, enqueue_report(b, 0));
	dut_close_fd(&b->dut);
	next_opens(_metadata, b);
	expect_read_mode_works(_metadata, &b->dut);
}

IIO_TEST_MAIN
