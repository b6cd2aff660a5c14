// SPDX-License-Identifier: GPL-2.0
/*
 * Output: what is enqueued goes out, once, in order and no further than bytes_used,
 * and cyclic transfers go out until something ends them. On the dummies or the emulated
 * board, which look at every word that is sent: it has to continue the running count.
 */
#include "iio_test_bufs.h"

#include <sys/prctl.h>
#include <sys/socket.h>

#define WORDS		(SIZE / sizeof(uint32_t))
#define SLOW		(100 * SIZE)	/* bytes/s: 10 ms for a block */

struct output {
	struct bufs b;
	uint32_t count;			/* of the next word to be filled in */
	long long bytes, jumps;		/* of whoever counts, at the begin */
};

/* Where what is sent is counted */
static const char *counts(const struct output *o)
{
	return o->b.dut.faults ? FAULT_DIR "tx/" : BOARD_DAC_DIR;
}

static long long sent_bytes(const struct output *o)
{
	return lever_get(counts(o), "bytes") - o->bytes;
}

/* Words that did not follow the one before */
static long long sent_jumps(const struct output *o)
{
	return lever_get(counts(o), "jumps") - o->jumps;
}

/* What the converter got no words for */
static long long lost_bytes(const struct output *o)
{
	return lever_get(counts(o), "lost_bytes");
}

/* From here on they count for this test. */
static void begin_count(struct __test_metadata *_metadata, struct output *o)
{
	o->count = 0;
	ASSERT_EQ(0, lever_set(counts(o), "next", 0));
	o->bytes = lever_get(counts(o), "bytes");
	o->jumps = lever_get(counts(o), "jumps");
}

/* The converter takes SLOW bytes per second, from the next enable on. */
static void slow_down(struct __test_metadata *_metadata, const struct output *o)
{
	char text[32];

	snprintf(text, sizeof(text), "%u", SLOW / o->b.dut.scan_bytes);
	ASSERT_EQ(0, dut_attr_write(&o->b.dut, "sampling_frequency", text));
}

static void dac_setup(struct __test_metadata *_metadata, struct output *o)
{
	o->b.dut.name = output_name();
	bufs_setup(_metadata, &o->b, NEED_STALL);
	begin_count(_metadata, o);
}

/* Also for tests that have taken the device away */
static void dac_teardown(struct __test_metadata *_metadata, struct output *o)
{
	struct iio_dut *dut = &o->b.dut;

	if (access(dut->sysfs, F_OK)) {
		dut_close_fd(dut);
		dut_rebind(dut);
		dut_scan_all(dut);
	}
	bufs_teardown(_metadata, &o->b);
}

static void count_words(struct output *o, uint32_t *words, size_t n)
{
	while (n--)
		*words++ = o->count++;
}

/* Continues the count in the first bytes of a block; what follows is none. */
static void fill_bytes(struct output *o, int i, size_t bytes)
{
	struct block *blk = &o->b.blk[i];

	block_sync(blk, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	memset(blk->map, 0xa5, blk->size);
	count_words(o, blk->map, bytes / sizeof(uint32_t));
	block_sync(blk, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
}

static void fill(struct output *o, int i)
{
	fill_bytes(o, i, SIZE);
}

static void fill_all(struct output *o)
{
	int i;

	for (i = 0; i < NUM_BLOCKS; i++)
		fill(o, i);
}

static int enqueue_cyclic(const struct bufs *b, int i)
{
	return enqueue_flags(b, i, IIO_BUFFER_DMABUF_CYCLIC);
}

/* What somebody would wait for who wants to write to the block */
static int export_fence(struct __test_metadata *_metadata,
			const struct bufs *b, int i)
{
	int fence = fence_export_for(&b->blk[i], DMA_BUF_SYNC_WRITE);

	ASSERT_GE(fence, 0);

	return fence;
}

/* Enqueues a block, and returns the fence of that. */
static int queue(struct __test_metadata *_metadata, const struct bufs *b, int i)
{
	int fence;

	ASSERT_EQ(0, enqueue(b, i));
	fence = export_fence(_metadata, b, i);
	EXPECT_EQ(0, fence_status(fence));

	return fence;
}

/* The same, with the transfer going on and not coming to an end */
static int stall(struct __test_metadata *_metadata, const struct bufs *b, int i)
{
	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));

	return queue(_metadata, b, i);
}

/* True if nobody reads from the block any more */
static bool is_idle(const struct bufs *b, int i, int ms)
{
	struct pollfd pfd = { .fd = b->blk[i].fd, .events = POLLOUT };

	return poll(&pfd, 1, ms) == 1 && pfd.revents == POLLOUT;
}

static void expect_sent(struct __test_metadata *_metadata,
			const struct output *o, long long bytes,
			long long jumps)
{
	EXPECT_TRUE(wait_until(sent_bytes(o) >= bytes, WAIT_MS));
	EXPECT_EQ(bytes, sent_bytes(o));
	EXPECT_EQ(jumps, sent_jumps(o));
	EXPECT_EQ(o->count, lever_get(counts(o), "next"));
}

/* The device, open, takes an attached block that is idle, and sends it. */
static void expect_output_works(struct __test_metadata *_metadata,
				struct output *o, int i)
{
	begin_count(_metadata, o);
	fill(o, i);
	ASSERT_EQ(0, enqueue(&o->b, i));
	EXPECT_TRUE(is_idle(&o->b, i, WAIT_MS));
	expect_sent(_metadata, o, SIZE, 0);
}

/* The same for a device that is disabled, and has no attachments */
static void expect_enable_works(struct __test_metadata *_metadata,
				struct output *o, int i)
{
	test_cmd_attach(o->b.dut.fd, o->b.blk[i].fd);
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	expect_output_works(_metadata, o, i);
}

static int enqueue_first(void *arg)
{
	return enqueue(arg, 0);
}

static int begin_write(void *arg)
{
	return block_sync(arg, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
}

/* ----------------------------------------------------------------- output */

FIXTURE(output) {
	struct output o;
};

FIXTURE_SETUP(output)
{
	dac_setup(_metadata, &self->o);
	attach_all(_metadata, &self->o.b);
}

FIXTURE_TEARDOWN(output)
{
	dac_teardown(_metadata, &self->o);
}

TEST_F(output, every_word_once_and_in_the_order_of_enqueue)
{
	struct output *o = &self->o;
	unsigned int n, i;

	ASSERT_EQ(0, dut_enable(&o->b.dut));
	for (n = 0; n < 16 * NUM_BLOCKS; n++) {
		i = n % NUM_BLOCKS;
		ASSERT_TRUE(is_idle(&o->b, i, WAIT_MS));
		fill(o, i);
		ASSERT_EQ(0, enqueue(&o->b, i));
	}
	expect_sent(_metadata, o, n * SIZE, 0);
}

TEST_F(output, queued_before_the_enable)
{
	struct output *o = &self->o;
	int i;

	fill_all(o);
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, enqueue(&o->b, i));
	EXPECT_FALSE(is_idle(&o->b, 0, QUIET_MS));
	EXPECT_EQ(0, sent_bytes(o));
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	expect_sent(_metadata, o, NUM_BLOCKS * SIZE, 0);
}

TEST_F(output, works_at_every_enable)
{
	struct output *o = &self->o;
	int n;

	for (n = 0; n < 4; n++) {
		ASSERT_EQ(0, dut_enable(&o->b.dut));
		expect_output_works(_metadata, o, n % 2);
		ASSERT_EQ(0, dut_disable(&o->b.dut));
	}
}

TEST_F(output, bytes_used_is_what_goes_out)
{
	struct output *o = &self->o;
	const size_t align = o->b.dut.align;
	const size_t bytes[] = { SIZE, SIZE - align, SIZE / 2, align, SIZE };
	long long sum = 0;
	unsigned int i;

	ASSERT_EQ(0, dut_enable(&o->b.dut));
	for (i = 0; i < ARRAY_SIZE(bytes); i++) {
		fill_bytes(o, 0, bytes[i]);
		test_cmd_enqueue(o->b.dut.fd, o->b.blk[0].fd, bytes[i]);
		ASSERT_TRUE(is_idle(&o->b, 0, WAIT_MS));
		sum += bytes[i];
	}
	expect_sent(_metadata, o, sum, 0);
}

TEST_F(output, bytes_used_is_checked)
{
	struct bufs *b = &self->o.b;

	ASSERT_EQ(0, dut_enable(&b->dut));
	test_err_enqueue(EINVAL, b->dut.fd, b->blk[0].fd, 0);
	test_err_enqueue(EINVAL, b->dut.fd, b->blk[0].fd, SIZE + b->dut.align);
	expect_output_works(_metadata, &self->o, 0);
}

TEST_F(output, length_that_the_engine_cannot_do_is_einval)
{
	struct bufs *b = &self->o.b;

	test_err_enqueue(EINVAL, b->dut.fd, b->blk[0].fd, SIZE - 1);
	ASSERT_EQ(0, dut_enable(&b->dut));
	test_err_enqueue(EINVAL, b->dut.fd, b->blk[0].fd, SIZE - 1);
	expect_output_works(_metadata, &self->o, 0);
}

/* The errors of each of the ioctls are those of an input buffer. */
TEST_F(output, errors_of_the_ioctls)
{
	static const unsigned int ioctls[] = {
		IIO_BUFFER_DMABUF_ATTACH_IOCTL,
		IIO_BUFFER_DMABUF_DETACH_IOCTL,
		IIO_BUFFER_DMABUF_ENQUEUE_IOCTL,
	};
	struct bufs *b = &self->o.b;
	int fd = b->dut.fd, null = open("/dev/null", O_RDWR);
	unsigned int i;

	ASSERT_GE(null, 0);
	for (i = 0; i < ARRAY_SIZE(ioctls); i++)
		EXPECT_ERRNO(EFAULT, ioctl(fd, ioctls[i], NULL));
	EXPECT_ERRNO(EINVAL, ioctl(fd, _IOW('i', 0x9f, int), &null));
	test_err_attach(EBADF, fd, -1);
	test_err_detach(EBADF, fd, -1);
	test_err_enqueue(EBADF, fd, -1, SIZE);
	test_err_attach(EINVAL, fd, null);
	test_err_detach(EINVAL, fd, null);
	test_err_enqueue(EINVAL, fd, null, SIZE);
	test_err_attach(EBUSY, fd, b->blk[0].fd);
	test_cmd_detach(fd, b->blk[1].fd);
	test_err_detach(EPERM, fd, b->blk[1].fd);
	test_err_enqueue(EPERM, fd, b->blk[1].fd, SIZE);
	for (i = 2; i < 32; i++)
		EXPECT_ERRNO(EINVAL, iio_enqueue_flags(fd, b->blk[0].fd, SIZE,
						       1u << i));
	close(null);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_output_works(_metadata, &self->o, 0);
}

TEST_F(output, maps_for_the_dma_device)
{
	struct bufs *b = &self->o.b;
	char dev[NAME_MAX] = "";

	if (block_attachments(&b->blk[0], dev, sizeof(dev)) < 0)
		SKIP(return, "no dma-buf of ours in " BUFINFO);
	EXPECT_STRNE("", dev);
	EXPECT_STRNE(b->dut.parent, dev);
}

/* Upon EPERM at ATTACH, and upon nothing else, libiio falls back to write(). */
TEST_F(output, mapping_that_the_engine_cannot_do_is_eperm)
{
	struct bufs *b = &self->o.b;
	struct block m;

	if (!merged_exists())
		SKIP(return, "no exporter that fails on request (dmabuf_merged.ko)");
	if (b->dut.align < 2)
		SKIP(return, "this engine takes every address");

	ASSERT_EQ(0, block_wrap(&m, merged_alloc(SIZE), SIZE));
	ASSERT_EQ(0, merged_set("shift", b->dut.align / 2));
	test_err_attach(EPERM, b->dut.fd, m.fd);
	test_err_detach(EPERM, b->dut.fd, m.fd);
	block_free(&m);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_output_works(_metadata, &self->o, 0);
}

/* The buffer itself has nothing to say as long as dma-bufs have the samples. */
TEST_F(output, poll_of_the_buffer_reports_nothing)
{
	struct bufs *b = &self->o.b;
	struct pollfd pfd = { .fd = b->dut.fd, .events = POLLIN | POLLOUT };
	int i;

	/* There was room for write() before. */
	for (i = 0; i < NUM_BLOCKS; i++)
		test_cmd_detach(b->dut.fd, b->blk[i].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	ASSERT_EQ(0, dut_disable(&b->dut));

	attach_all(_metadata, b);
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_output_works(_metadata, &self->o, 0);
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	for (i = 0; i < NUM_BLOCKS; i++)
		test_cmd_detach(b->dut.fd, b->blk[i].fd);
	EXPECT_EQ(0, poll(&pfd, 1, QUIET_MS));
	ASSERT_EQ(0, dut_disable(&b->dut));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, poll(&pfd, 1, WAIT_MS));
	EXPECT_EQ(POLLOUT, pfd.revents);
}

/* Single pages, and one piece of many pages */
TEST_F(output, of_every_exporter)
{
	static const enum exporter exporters[] = { UDMABUF_PAGES, CMA_HEAP, MERGED };
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	unsigned int i;
	int fd;

	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < ARRAY_SIZE(exporters); i++) {
		fd = exporter_alloc(exporters[i], SIZE);
		if (fd < 0)
			continue;
		test_cmd_detach(b->dut.fd, b->blk[0].fd);
		block_free(&b->blk[0]);
		ASSERT_EQ(0, block_wrap(&b->blk[0], fd, SIZE));
		test_cmd_attach(b->dut.fd, b->blk[0].fd);
		expect_output_works(_metadata, o, 0);
	}
}

TEST_F(output, as_fast_as_the_converter_takes_it)
{
	struct output *o = &self->o;
	uint64_t start = now_ms();
	int i;

	slow_down(_metadata, o);
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	fill_all(o);
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, enqueue(&o->b, i));
	expect_sent(_metadata, o, NUM_BLOCKS * SIZE, 0);
	EXPECT_LE(1000 * NUM_BLOCKS * SIZE / SLOW - 1, now_ms() - start);
}

/* The converter says so, as it does of samples that were lost in the other direction. */
TEST_F(output, underflow_is_noticed)
{
	struct output *o = &self->o;
	long long lost;

	slow_down(_metadata, o);
	lost = lost_bytes(o);
	fill(o, 0);
	fill(o, 1);
	ASSERT_EQ(0, enqueue(&o->b, 0));
	ASSERT_EQ(0, enqueue(&o->b, 1));
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	ASSERT_TRUE(is_idle(&o->b, 1, WAIT_MS));
	EXPECT_EQ(lost, lost_bytes(o));

	/* Longer than the FIFO lasts */
	usleep(200000);
	fill(o, 0);
	ASSERT_EQ(0, enqueue(&o->b, 0));
	ASSERT_TRUE(is_idle(&o->b, 0, WAIT_MS));
	EXPECT_LT(lost, lost_bytes(o));
	expect_sent(_metadata, o, 3 * SIZE, 0);
}

TEST_F(output, read_is_refused)
{
	char data[64];

	EXPECT_ERRNO(EPERM, read(self->o.b.dut.fd, data, sizeof(data)));
}

/* ... for readers do not wait for each other. */
TEST_F(output, publishes_a_read_fence)
{
	struct bufs *b = &self->o.b;
	struct pollfd pfd = { .fd = b->blk[0].fd, .events = POLLIN | POLLOUT };
	int fence = stall(_metadata, b, 0), readers;

	readers = fence_export(&b->blk[0]);
	EXPECT_EQ(1, fence_status(readers));
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLIN, pfd.revents);

	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	EXPECT_TRUE(is_idle(b, 0, WAIT_MS));
	close(readers);
	close(fence);
}

TEST_F(output, cpu_that_writes_waits)
{
	struct bufs *b = &self->o.b;
	struct sleeper s;

	close(stall(_metadata, b, 0));
	ASSERT_TRUE(sleeper_start(&s, begin_write, &b->blk[0]));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
}

TEST_F(output, one_fence_each)
{
	struct bufs *b = &self->o.b;
	int fence[2];

	fence[0] = stall(_metadata, b, 0);
	fence[1] = queue(_metadata, b, 1);
	EXPECT_TRUE(is_idle(b, 2, 0));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(1, fence_wait(fence[0], WAIT_MS));
	EXPECT_EQ(1, fence_wait(fence[1], WAIT_MS));
	close(fence[0]);
	close(fence[1]);
}

/* ------------------------------------------------------ output, in use already */

TEST_F(output, queued_is_ebusy_at_once)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	uint64_t start;

	fill(o, 0);
	ASSERT_EQ(0, enqueue(b, 0));
	start = now_ms();
	EXPECT_ERRNO(EBUSY, enqueue(b, 0));
	EXPECT_GT(AT_ONCE_MS, now_ms() - start);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_sent(_metadata, o, SIZE, 0);
}

TEST_F(output, in_flight_is_eagain_with_nonblock)
{
	struct bufs *b = &self->o.b;

	close(stall(_metadata, b, 0));
	dut_nonblock(&b->dut, true);
	EXPECT_ERRNO(EAGAIN, enqueue(b, 0));
}

TEST_F(output, in_flight_is_waited_for)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	struct sleeper s;

	fill(o, 0);
	close(stall(_metadata, b, 0));
	ASSERT_TRUE(sleeper_start(&s, enqueue_first, b));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	EXPECT_TRUE(is_idle(b, 0, WAIT_MS));
	/* The same words once more */
	expect_sent(_metadata, o, 2 * SIZE, 1);
}

TEST_F(output, signal_ends_the_wait_for_the_own_transfer)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	fill(o, 0);
	close(stall(_metadata, b, 0));
	expect_eintr(_metadata, enqueue_first, b);
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	expect_sent(_metadata, o, SIZE, 0);
}

TEST_F(output, detach_ends_the_wait_for_the_own_transfer)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	struct sleeper s;

	fill(o, 0);
	close(stall(_metadata, b, 0));
	ASSERT_TRUE(sleeper_start(&s, enqueue_first, b));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EPERM, s.err);
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	expect_sent(_metadata, o, SIZE, 0);
}

TEST_F(output, unbind_ends_the_wait_for_the_own_transfer)
{
	struct bufs *b = &self->o.b;
	struct sleeper s;

	close(stall(_metadata, b, 0));
	ASSERT_TRUE(sleeper_start(&s, enqueue_first, b));
	ASSERT_EQ(0, dut_unbind(&b->dut));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(ENODEV, s.err);
	EXPECT_TRUE(is_idle(b, 0, WAIT_MS));
}

/* Whatever the second one says: the first one goes on, and is waited for. */
static void expect_no_harm(struct __test_metadata *_metadata,
			   struct output *o, int fence)
{
	struct bufs *b = &o->b;
	int i, now;

	dut_nonblock(&b->dut, true);
	for (i = 0; i < 10; i++)
		EXPECT_EQ(-1, enqueue(b, 0));
	dut_nonblock(&b->dut, false);

	EXPECT_EQ(0, fence_status(fence));
	EXPECT_FALSE(is_idle(b, 0, QUIET_MS));
	now = export_fence(_metadata, b, 0);
	EXPECT_EQ(0, fence_status(now));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(1, fence_wait(now, WAIT_MS));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	expect_sent(_metadata, o, SIZE, 0);
	close(now);
	close(fence);
	expect_output_works(_metadata, o, 0);
}

TEST_F(output, second_enqueue_of_a_queued_block_does_no_harm)
{
	fill(&self->o, 0);
	expect_no_harm(_metadata, &self->o, queue(_metadata, &self->o.b, 0));
}

TEST_F(output, second_enqueue_of_a_block_in_flight_does_no_harm)
{
	fill(&self->o, 0);
	expect_no_harm(_metadata, &self->o, stall(_metadata, &self->o.b, 0));
}

/* The fence of a block that is done signals, and not that of the transfer that begins next. */
TEST_F(output, enqueued_again_the_moment_it_is_done)
{
	struct bufs *b = &self->o.b;
	int before = -1, fence, i;
	uint64_t start;

	dut_nonblock(&b->dut, true);
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < 500; i++) {
		start = now_ms();
		while (enqueue(b, 0)) {
			ASSERT_TRUE(errno == EAGAIN || errno == EBUSY);
			ASSERT_LT(now_ms() - start, WAIT_MS);
		}
		fence = export_fence(_metadata, b, 0);
		if (before >= 0) {
			ASSERT_EQ(1, fence_wait(before, WAIT_MS));
			close(before);
		}
		before = fence;
	}
	EXPECT_EQ(1, fence_wait(before, WAIT_MS));
	close(before);
}

/* --------------------------------------------------- output, and others' fences */

FIXTURE(output_foreign) {
	struct output o;
	int timeline;
	int fence;
};

FIXTURE_SETUP(output_foreign)
{
	dac_setup(_metadata, &self->o);
	attach_all(_metadata, &self->o.b);
	self->timeline = sw_sync_open();
	if (self->timeline < 0)
		SKIP_SETUP("no CONFIG_SW_SYNC");
	self->fence = sw_sync_fence(self->timeline, 1);
	ASSERT_GE(self->fence, 0);
}

FIXTURE_TEARDOWN(output_foreign)
{
	close(self->fence);
	close(self->timeline);
	dac_teardown(_metadata, &self->o);
}

#define NO_IMPORT	"kernel cannot import a fence into a dma-buf"

TEST_F(output_foreign, writer_is_eagain_with_nonblock)
{
	struct bufs *b = &self->o.b;

	if (fence_import(&b->blk[0], self->fence))
		SKIP(return, NO_IMPORT);
	dut_nonblock(&b->dut, true);
	EXPECT_ERRNO(EAGAIN, enqueue(b, 0));
}

TEST_F(output_foreign, writer_is_waited_for)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	struct sleeper s;

	fill(o, 0);
	if (fence_import(&b->blk[0], self->fence))
		SKIP(return, NO_IMPORT);
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_TRUE(sleeper_start(&s, enqueue_first, b));
	EXPECT_EQ(0, sent_bytes(o));
	ASSERT_EQ(0, sw_sync_inc(self->timeline, 1));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	expect_sent(_metadata, o, SIZE, 0);
}

TEST_F(output_foreign, reader_is_not_waited_for)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	fill(o, 0);
	if (fence_import_for(&b->blk[0], self->fence, DMA_BUF_SYNC_READ))
		SKIP(return, NO_IMPORT);
	ASSERT_EQ(0, dut_enable(&b->dut));
	dut_nonblock(&b->dut, true);
	ASSERT_EQ(0, enqueue(b, 0));
	expect_sent(_metadata, o, SIZE, 0);
	EXPECT_EQ(0, fence_status(self->fence));
}

/* -------------------------------------------------------------- output, faults */

TEST_F(output, refused_transfer_is_the_error_of_enqueue)
{
	struct bufs *b = &self->o.b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	EXPECT_EQ(-1, enqueue(b, 0));
	EXPECT_EQ(0, fault_get("refuse_prep"));
	EXPECT_TRUE(is_idle(b, 0, 0));
	expect_output_works(_metadata, &self->o, 0);
}

TEST_F(output, failed_transfer_is_eio)
{
	struct bufs *b = &self->o.b;
	int fence[2];

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	fence[0] = queue(_metadata, b, 0);
	fence[1] = queue(_metadata, b, 1);
	ASSERT_EQ(0, fault_set("fail", 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(-EIO, fence_wait(fence[0], WAIT_MS));
	EXPECT_EQ(1, fence_wait(fence[1], WAIT_MS));
	close(fence[0]);
	close(fence[1]);
	expect_output_works(_metadata, &self->o, 0);
}

/* Nobody is there to be told but whoever waits for the block. */
TEST_F(output, refused_at_enable_is_in_the_fence)
{
	struct bufs *b = &self->o.b;
	int fence[2];

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	fence[0] = queue(_metadata, b, 0);
	fence[1] = queue(_metadata, b, 1);
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	dut_enable(&b->dut);
	EXPECT_GT(0, fence_wait(fence[0], WAIT_MS));
	EXPECT_EQ(1, fence_wait(fence[1], WAIT_MS));
	close(fence[0]);
	close(fence[1]);
	expect_output_works(_metadata, &self->o, 0);
}

TEST_F(output, failed_enable_leaves_blocks_queued)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	int i;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	fill_all(o);
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, enqueue(b, i));
	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, adc_set("fail_start", 1));
	EXPECT_EQ(-EIO, dut_enable(&b->dut));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	for (i = 0; i < NUM_BLOCKS; i++)
		EXPECT_FALSE(is_idle(b, i, 0));
	EXPECT_ERRNO(EBUSY, enqueue(b, 0));

	/* Some of the first one had gone out by then. */
	begin_count(_metadata, o);
	o->count = NUM_BLOCKS * WORDS;
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_sent(_metadata, o, NUM_BLOCKS * SIZE, 0);
}

/* It goes on to read: the memory belongs to it until it says that it is done. */
TEST_F(output, transfer_that_cannot_be_stopped_stays_pending)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	int fence;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);
	if (!block_alive(&b->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	fill(o, 0);
	fence = stall(_metadata, b, 0);
	ASSERT_EQ(0, fault_set("fail_stop", INT_MAX));
	ASSERT_EQ(0, dut_disable(&b->dut));
	dut_nonblock(&b->dut, true);
	EXPECT_ERRNO(EAGAIN, enqueue(b, 0));
	dut_nonblock(&b->dut, false);
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	block_free(&b->blk[0]);
	EXPECT_EQ(0, fence_wait(fence, QUIET_MS));
	EXPECT_EQ(1, block_attachments(&b->blk[0], NULL, 0));

	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	expect_sent(_metadata, o, SIZE, 0);
	EXPECT_TRUE(wait_until(!block_alive(&b->blk[0]), WAIT_MS));
	close(fence);
	ASSERT_EQ(0, fault_set("fail_stop", 0));
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_output_works(_metadata, o, 1);
}

/* ------------------------------------------------------------ output, its ends */

TEST_F(output, disable_cancels_what_is_in_flight)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	int fence[2];

	fence[0] = stall(_metadata, b, 0);
	fence[1] = queue(_metadata, b, 1);
	ASSERT_EQ(0, dut_disable(&b->dut));
	EXPECT_EQ(-ECANCELED, fence_wait(fence[0], WAIT_MS));
	EXPECT_EQ(-ECANCELED, fence_wait(fence[1], WAIT_MS));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_output_works(_metadata, o, 0);
	expect_output_works(_metadata, o, 1);
	close(fence[0]);
	close(fence[1]);
}

TEST_F(output, disable_leaves_what_is_queued)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	fill(o, 0);
	ASSERT_EQ(0, enqueue(b, 0));
	ASSERT_EQ(0, dut_disable(&b->dut));
	EXPECT_FALSE(is_idle(b, 0, QUIET_MS));
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_sent(_metadata, o, SIZE, 0);
}

TEST_F(output, attach_leaves_what_is_queued)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	test_cmd_detach(b->dut.fd, b->blk[1].fd);
	fill(o, 0);
	ASSERT_EQ(0, enqueue(b, 0));
	test_cmd_attach(b->dut.fd, b->blk[1].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_sent(_metadata, o, SIZE, 0);
}

TEST_F(output, detach_cancels_what_is_queued)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	int fence = queue(_metadata, b, 0);

	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	EXPECT_EQ(-ECANCELED, fence_wait(fence, WAIT_MS));
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_output_works(_metadata, o, 1);
	close(fence);
}

/* What is in flight goes out, from memory that stays for so long. */
TEST_F(output, detach_lets_go_on_what_is_in_flight)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	int fence;

	if (!block_alive(&b->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	fill(o, 0);
	fence = stall(_metadata, b, 0);
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	block_free(&b->blk[0]);
	EXPECT_FALSE(wait_until(block_attachments(&b->blk[0], NULL, 0) < 1,
				QUIET_MS));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	expect_sent(_metadata, o, SIZE, 0);
	EXPECT_TRUE(wait_until(!block_alive(&b->blk[0]), WAIT_MS));
	close(fence);
}

TEST_F(output, unbind_ends_what_is_in_flight)
{
	struct bufs *b = &self->o.b;
	int fence[2];

	fence[0] = stall(_metadata, b, 0);
	fence[1] = queue(_metadata, b, 1);
	ASSERT_EQ(0, dut_unbind(&b->dut));
	EXPECT_EQ(-ENODEV, fence_wait(fence[0], WAIT_MS));
	EXPECT_EQ(-ENODEV, fence_wait(fence[1], WAIT_MS));
	EXPECT_ERRNO(ENODEV, enqueue(b, 0));
	close(fence[0]);
	close(fence[1]);
}

TEST_F(output, unbind_ends_what_is_queued)
{
	struct bufs *b = &self->o.b;
	int fence = queue(_metadata, b, 0);

	ASSERT_EQ(0, dut_unbind(&b->dut));
	EXPECT_EQ(-ENODEV, fence_wait(fence, WAIT_MS));
	close(fence);
}

TEST_F(output, unbind_unmaps)
{
	struct bufs *b = &self->o.b;

	if (!block_alive(&b->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	close(stall(_metadata, b, 0));
	EXPECT_EQ(1, block_attachments(&b->blk[0], NULL, 0));
	ASSERT_EQ(0, dut_unbind(&b->dut));
	EXPECT_EQ(0, block_attachments(&b->blk[0], NULL, 0));
}

/* From then on all that can be called says so. */
TEST_F(output, unbind_wakes_poll)
{
	struct bufs *b = &self->o.b;
	uint32_t data[16] = { };
	struct sleeper s;

	ASSERT_TRUE(sleeper_start(&s, poll_buffer, b));
	ASSERT_EQ(0, dut_unbind(&b->dut));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(POLLERR | POLLHUP, s.ret);
	test_err_attach(ENODEV, b->dut.fd, b->blk[0].fd);
	test_err_detach(ENODEV, b->dut.fd, b->blk[0].fd);
	EXPECT_ERRNO(ENODEV, enqueue(b, 0));
	EXPECT_ERRNO(ENODEV, write(b->dut.fd, data, sizeof(data)));
}

TEST_F(output, unbind_wakes_an_enqueue_behind_a_writer)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	int timeline = sw_sync_open(), fence;
	struct sleeper s;

	if (timeline < 0)
		SKIP(return, "no CONFIG_SW_SYNC");
	fence = sw_sync_fence(timeline, 1);
	ASSERT_GE(fence, 0);
	if (fence_import(&b->blk[0], fence))
		SKIP(return, NO_IMPORT);
	close(fence);
	ASSERT_TRUE(sleeper_start(&s, enqueue_first, b));
	ASSERT_EQ(0, dut_unbind(&b->dut));
	EXPECT_TRUE(wait_until(s.done, AT_ONCE_MS));
	close(timeline);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(ENODEV, s.err);
}

TEST_F(output, works_after_unbind_and_bind)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	close(stall(_metadata, b, 0));
	ASSERT_EQ(0, dut_unbind(&b->dut));
	dut_close_fd(&b->dut);
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(dut_rebind(&b->dut));
	dut_scan_all(&b->dut);
	next_opens(_metadata, b);
	expect_enable_works(_metadata, o, 0);
}

/* ------------------------------------------------------- output, and its owner */

FIXTURE(output_owner) {
	struct output o;
	struct owner owner;
};

FIXTURE_VARIANT(output_owner) {
	bool kill;
};

FIXTURE_VARIANT_ADD(output_owner, close) { .kill = false, };
FIXTURE_VARIANT_ADD(output_owner, kill) { .kill = true, };

FIXTURE_SETUP(output_owner)
{
	dac_setup(_metadata, &self->o);
}

FIXTURE_TEARDOWN(output_owner)
{
	owner_reap(&self->owner);
	dac_teardown(_metadata, &self->o);
}

struct owned {
	bool enable;
	__u32 flags;
};

static int enqueue_one(struct bufs *b, const void *arg)
{
	const struct owned *owned = arg;

	return iio_attach(b->dut.fd, b->blk[0].fd) ||
	       (owned->enable && dut_enable(&b->dut)) ||
	       iio_enqueue_flags(b->dut.fd, b->blk[0].fd, SIZE, owned->flags);
}

static void owner_start(struct __test_metadata *_metadata,
			FIXTURE_DATA(output_owner) *self, bool enable,
			__u32 flags)
{
	const struct owned owned = { .enable = enable, .flags = flags };

	fill(&self->o, 0);
	dut_close_fd(&self->o.b.dut);
	owner_fork(_metadata, &self->owner, &self->o.b, enqueue_one, &owned);
}

/* Ends the owner; the next one opens the buffer. */
static void owner_end(struct __test_metadata *_metadata,
		      FIXTURE_DATA(output_owner) *self,
		      const FIXTURE_VARIANT(output_owner) *variant)
{
	owner_stop(_metadata, &self->owner, variant->kill);
	next_opens(_metadata, &self->o.b);
}

TEST_F(output_owner, leaves_nothing_queued)
{
	struct output *o = &self->o;
	int fence;

	owner_start(_metadata, self, false, 0);
	fence = export_fence(_metadata, &o->b, 0);
	owner_end(_metadata, self, variant);
	EXPECT_EQ(-ECANCELED, fence_wait(fence, WAIT_MS));
	close(fence);
	expect_enable_works(_metadata, o, 1);
}

TEST_F(output_owner, leaves_in_flight_what_is)
{
	struct output *o = &self->o;
	int fence;

	ASSERT_EQ(0, dut_stall(&o->b.dut, 1));
	owner_start(_metadata, self, true, 0);
	fence = export_fence(_metadata, &o->b, 0);
	owner_end(_metadata, self, variant);
	EXPECT_EQ(0, fence_status(fence));
	if (block_alive(&o->b.blk[0]))
		EXPECT_EQ(1, block_attachments(&o->b.blk[0], NULL, 0));
	ASSERT_EQ(0, dut_stall(&o->b.dut, 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	expect_sent(_metadata, o, SIZE, 0);
	if (block_alive(&o->b.blk[0]))
		EXPECT_TRUE(wait_until(!block_attachments(&o->b.blk[0], NULL, 0),
				       WAIT_MS));
	close(fence);
	test_cmd_attach(o->b.dut.fd, o->b.blk[1].fd);
	expect_output_works(_metadata, o, 1);
}

/* ----------------------------------------------------------------- cyclic */

FIXTURE(cyclic) {
	struct output o;
};

/* Begins with an empty queue, whatever the kernel does with the flag. */
static void cyclic_probe(struct __test_metadata *_metadata, struct output *o)
{
	struct bufs *b = &o->b;
	int ret, err;

	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ret = enqueue_cyclic(b, 0);
	err = errno;
	ASSERT_EQ(0, dut_disable(&b->dut));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	if (ret && err == EINVAL)
		SKIP_SETUP("kernel without cyclic transfers");
}

FIXTURE_SETUP(cyclic)
{
	struct output *o = &self->o;

	dac_setup(_metadata, o);
	attach_all(_metadata, &o->b);
	cyclic_probe(_metadata, o);
	slow_down(_metadata, o);
	begin_count(_metadata, o);
}

FIXTURE_TEARDOWN(cyclic)
{
	dac_teardown(_metadata, &self->o);
}

static bool is_going_out(const struct output *o)
{
	long long before = sent_bytes(o);

	return wait_until(sent_bytes(o) >= before + 3 * SIZE, WAIT_MS);
}

/* Block @i goes out, and has done so some times. */
static void start_cyclic(struct __test_metadata *_metadata, struct output *o,
			 int i)
{
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	ASSERT_EQ(0, enqueue_cyclic(&o->b, i));
	EXPECT_TRUE(is_going_out(o));
}

/*
 * The count jumped after each period. Another one may have begun; hardware stops anywhere, the
 * dummies between two of them.
 */
static void expect_periods(struct __test_metadata *_metadata,
			   const struct output *o, size_t period)
{
	long long whole = sent_bytes(o) / period;

	EXPECT_LE(whole - 1, sent_jumps(o));
	EXPECT_GE(whole, sent_jumps(o));
	if (o->b.dut.faults)
		EXPECT_EQ(whole * period, sent_bytes(o));
}

/* The same for one that waits for the enable */
static void start_cyclic_queued(struct __test_metadata *_metadata,
				struct output *o)
{
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	EXPECT_TRUE(is_going_out(o));
}

/* Nothing at all goes out. */
static bool is_quiet(const struct output *o)
{
	long long before = sent_bytes(o);

	return !wait_until(sent_bytes(o) != before, QUIET_MS);
}

/*
 * Block @next takes the place of a cyclic one. It continues the count, which thus jumps
 * after each period but the last, and nowhere else.
 */
static void expect_replaced(struct __test_metadata *_metadata,
			    struct output *o, int next)
{
	long long sent;

	fill(o, next);
	ASSERT_EQ(0, enqueue(&o->b, next));
	EXPECT_TRUE(is_idle(&o->b, next, WAIT_MS));
	EXPECT_TRUE(is_quiet(o));
	sent = sent_bytes(o) / SIZE;
	expect_sent(_metadata, o, sent * SIZE, sent - 2);
}

TEST_F(cyclic, goes_out_again_and_again)
{
	struct output *o = &self->o;

	fill(o, 0);
	start_cyclic(_metadata, o, 0);
	ASSERT_EQ(0, dut_disable(&o->b.dut));
	expect_periods(_metadata, o, SIZE);
	EXPECT_TRUE(is_quiet(o));
}

TEST_F(cyclic, period_is_bytes_used)
{
	struct output *o = &self->o;

	fill_bytes(o, 0, SIZE / 4);
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	ASSERT_EQ(0, iio_enqueue_flags(o->b.dut.fd, o->b.blk[0].fd, SIZE / 4,
				       IIO_BUFFER_DMABUF_CYCLIC));
	EXPECT_TRUE(is_going_out(o));
	ASSERT_EQ(0, dut_disable(&o->b.dut));
	expect_periods(_metadata, o, SIZE / 4);
}

TEST_F(cyclic, begins_with_the_enable)
{
	struct output *o = &self->o;

	fill(o, 0);
	ASSERT_EQ(0, enqueue_cyclic(&o->b, 0));
	EXPECT_TRUE(is_quiet(o));
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	EXPECT_TRUE(is_going_out(o));
}

TEST_F(cyclic, ends_with_the_disable)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	fill(o, 0);
	start_cyclic(_metadata, o, 0);
	ASSERT_EQ(0, dut_disable(&b->dut));
	EXPECT_TRUE(is_quiet(o));
	EXPECT_TRUE(is_idle(b, 0, WAIT_MS));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_TRUE(is_quiet(o));
	expect_output_works(_metadata, o, 0);
	start_cyclic(_metadata, o, 0);
}

TEST_F(cyclic, ends_with_the_disable_though_it_stalls)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	start_cyclic(_metadata, o, 0);
	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_disable(&b->dut));
	EXPECT_TRUE(is_idle(b, 0, WAIT_MS));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_output_works(_metadata, o, 0);
}

TEST_F(cyclic, next_one_begins_at_the_end_of_a_period)
{
	struct output *o = &self->o;

	fill(o, 0);
	start_cyclic(_metadata, o, 0);
	expect_replaced(_metadata, o, 1);
}

TEST_F(cyclic, next_ones_keep_their_order)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	long long sent;
	int i;

	fill_all(o);
	start_cyclic(_metadata, o, 0);
	for (i = 1; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, enqueue(b, i));
	EXPECT_TRUE(is_idle(b, NUM_BLOCKS - 1, WAIT_MS));
	sent = sent_bytes(o) / SIZE;
	expect_sent(_metadata, o, sent * SIZE, sent - NUM_BLOCKS);
}

/* ... and is no block of a cyclic transfer any more, which there can be anew. */
TEST_F(cyclic, replaced_one_can_be_enqueued_again)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	int n;

	ASSERT_EQ(0, dut_enable(&b->dut));
	for (n = 0; n < 3; n++) {
		begin_count(_metadata, o);
		fill(o, 0);
		start_cyclic(_metadata, o, 0);
		expect_replaced(_metadata, o, 1);
		expect_output_works(_metadata, o, 0);
	}
	start_cyclic(_metadata, o, 1);
}

TEST_F(cyclic, replaced_one_is_waited_for_no_more)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	int fence;

	fill(o, 0);
	start_cyclic(_metadata, o, 0);
	fence = export_fence(_metadata, b, 0);
	expect_replaced(_metadata, o, 1);
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	EXPECT_TRUE(is_idle(b, 0, WAIT_MS));
	close(fence);
}

TEST_F(cyclic, block_is_busy)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	uint64_t start;

	fill(o, 0);
	start_cyclic(_metadata, o, 0);
	start = now_ms();
	EXPECT_ERRNO(EBUSY, enqueue(b, 0));
	EXPECT_ERRNO(EBUSY, enqueue_cyclic(b, 0));
	test_err_attach(EBUSY, b->dut.fd, b->blk[0].fd);
	EXPECT_GT(AT_ONCE_MS, now_ms() - start);
	expect_replaced(_metadata, o, 1);
}

TEST_F(cyclic, there_is_one_at_a_time)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	fill(o, 0);
	start_cyclic(_metadata, o, 0);
	EXPECT_ERRNO(EBUSY, enqueue_cyclic(b, 1));
	EXPECT_TRUE(is_idle(b, 1, 0));
	EXPECT_TRUE(is_going_out(o));
	expect_replaced(_metadata, o, 1);
}

/* The second one learns it from ENQUEUE, or from its fence. */
TEST_F(cyclic, there_is_one_at_a_time_of_those_that_are_queued)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	int fence;

	fill(o, 0);
	ASSERT_EQ(0, enqueue_cyclic(b, 0));
	if (!enqueue_cyclic(b, 1)) {
		fence = export_fence(_metadata, b, 1);
		ASSERT_EQ(0, dut_enable(&b->dut));
		EXPECT_EQ(-EBUSY, fence_wait(fence, WAIT_MS));
		close(fence);
	} else {
		EXPECT_EQ(EBUSY, errno);
		ASSERT_EQ(0, dut_enable(&b->dut));
	}
	EXPECT_TRUE(is_going_out(o));
	expect_replaced(_metadata, o, 1);
}

TEST_F(cyclic, second_one_is_nothing_for_the_kernel_log)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	int kmsg, i;

	start_cyclic(_metadata, o, 0);
	kmsg = kmsg_open(_metadata);
	if (kmsg < 0)
		SKIP(return, "no /dev/kmsg");

	for (i = 0; i < 50; i++) {
		EXPECT_EQ(-1, enqueue_cyclic(b, 1));
		test_cmd_detach(b->dut.fd, b->blk[1].fd);
		test_cmd_attach(b->dut.fd, b->blk[1].fd);
	}
	EXPECT_GT(10, count_records(kmsg));
	close(kmsg);
}

/* Nobody knows when it would signal. */
TEST_F(cyclic, publishes_no_fence)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	int fence;

	fill(o, 0);
	ASSERT_EQ(0, enqueue_cyclic(b, 0));
	EXPECT_TRUE(is_idle(b, 0, 0));
	start_cyclic_queued(_metadata, o);
	EXPECT_TRUE(is_idle(b, 0, 0));
	fence = export_fence(_metadata, b, 0);
	EXPECT_EQ(1, fence_status(fence));
	close(fence);
	expect_replaced(_metadata, o, 1);
}

static void expect_bytes_are_checked(struct __test_metadata *_metadata,
				     const struct bufs *b)
{
	const __u64 bad[] = { 0, SIZE - 1, SIZE + b->dut.align, (1ull << 32) + SIZE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_ERRNO(EINVAL, iio_enqueue_flags(b->dut.fd, b->blk[0].fd, bad[i],
						       IIO_BUFFER_DMABUF_CYCLIC));
}

TEST_F(cyclic, bytes_used_is_checked)
{
	struct bufs *b = &self->o.b;
	unsigned int i;

	expect_bytes_are_checked(_metadata, b);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_bytes_are_checked(_metadata, b);
	for (i = 2; i < 32; i++)
		EXPECT_ERRNO(EINVAL, iio_enqueue_flags(b->dut.fd, b->blk[0].fd, SIZE,
						       IIO_BUFFER_DMABUF_CYCLIC |
						       1u << i));
	/* None of these is the one cyclic transfer that there can be. */
	start_cyclic(_metadata, &self->o, 1);
}

TEST_F(cyclic, among_others_keeps_its_place)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	long long sent;

	fill_all(o);
	o->count -= WORDS;
	ASSERT_EQ(0, enqueue(b, 0));
	ASSERT_EQ(0, enqueue_cyclic(b, 1));
	ASSERT_EQ(0, enqueue(b, 2));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_TRUE(is_idle(b, 2, WAIT_MS));
	EXPECT_TRUE(is_quiet(o));
	sent = sent_bytes(o) / SIZE;
	EXPECT_LE(3, sent);
	expect_sent(_metadata, o, sent * SIZE, sent - 3);
}

/* What is not queued any more is not the one that there can be. */
TEST_F(cyclic, detach_of_a_queued_one_makes_room)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	fill(o, 1);
	ASSERT_EQ(0, enqueue_cyclic(b, 0));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, enqueue_cyclic(b, 1));
	start_cyclic_queued(_metadata, o);
	expect_replaced(_metadata, o, 2);
}

TEST_F(cyclic, close_makes_room_for_the_next_opener)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	fill(o, 1);
	ASSERT_EQ(0, enqueue_cyclic(b, 0));
	dut_close_fd(&b->dut);
	next_opens(_metadata, b);
	attach_all(_metadata, b);
	ASSERT_EQ(0, enqueue_cyclic(b, 1));
	start_cyclic_queued(_metadata, o);
	expect_replaced(_metadata, o, 0);
}

TEST_F(cyclic, refused_at_enable_makes_room)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, enqueue_cyclic(b, 0));
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	dut_enable(&b->dut);
	EXPECT_EQ(0, fault_get("refuse_prep"));
	EXPECT_TRUE(is_quiet(o));
	fill(o, 1);
	start_cyclic(_metadata, o, 1);
	expect_replaced(_metadata, o, 0);
}

TEST_F(cyclic, refused_by_enqueue_makes_room)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	EXPECT_EQ(-1, enqueue_cyclic(b, 0));
	EXPECT_EQ(0, fault_get("refuse_prep"));
	EXPECT_TRUE(is_quiet(o));
	fill(o, 1);
	start_cyclic(_metadata, o, 1);
	expect_replaced(_metadata, o, 0);
}

TEST_F(cyclic, failed_enable_leaves_it_queued)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, enqueue_cyclic(b, 0));
	ASSERT_EQ(0, adc_set("fail_start", 1));
	EXPECT_EQ(-EIO, dut_enable(&b->dut));
	EXPECT_TRUE(is_quiet(o));
	EXPECT_ERRNO(EBUSY, enqueue(b, 0));
	EXPECT_ERRNO(EBUSY, enqueue_cyclic(b, 1));

	begin_count(_metadata, o);
	fill(o, 0);
	start_cyclic_queued(_metadata, o);
	expect_replaced(_metadata, o, 1);
}

TEST_F(cyclic, that_cannot_be_stopped_goes_on)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	fill(o, 0);
	start_cyclic(_metadata, o, 0);
	ASSERT_EQ(0, fault_set("fail_stop", 1));
	ASSERT_EQ(0, dut_disable(&b->dut));
	EXPECT_TRUE(is_going_out(o));
	EXPECT_ERRNO(EBUSY, enqueue(b, 0));
	EXPECT_ERRNO(EBUSY, enqueue_cyclic(b, 1));

	/* As at any time */
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_TRUE(is_going_out(o));
	expect_replaced(_metadata, o, 1);
}

TEST_F(cyclic, detach_stops_what_could_not_be_stopped)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	start_cyclic(_metadata, o, 0);
	ASSERT_EQ(0, fault_set("fail_stop", 1));
	ASSERT_EQ(0, dut_disable(&b->dut));
	EXPECT_TRUE(is_going_out(o));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	EXPECT_TRUE(is_quiet(o));
	if (block_alive(&b->blk[0]))
		EXPECT_TRUE(wait_until(!block_attachments(&b->blk[0], NULL, 0),
				       WAIT_MS));
	begin_count(_metadata, o);
	fill(o, 1);
	start_cyclic(_metadata, o, 1);
	expect_replaced(_metadata, o, 2);
}

/* The first ENQUEUE of this kind makes what it takes anew, and so does the next of the other. */
TEST_F_TIMEOUT(cyclic, every_failure_of_enqueue_is_clean, 120)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	int fd = fail_nth_open(), n, ret, err;
	bool failed = true;

	if (fd < 0)
		SKIP(return, "no CONFIG_FAILSLAB");

	ASSERT_EQ(0, dut_enable(&b->dut));
	for (n = 1; failed && n < MAX_FAIL_NTH; n++) {
		ASSERT_TRUE(fail_nth_arm(fd, n));
		ret = enqueue_cyclic(b, 0);
		err = errno;
		failed = fail_nth_disarm(fd);
		if (ret) {
			EXPECT_TRUE(err == ENOMEM || err == EFAULT);
			EXPECT_EQ(0, enqueue_cyclic(b, 1));
		}
		ASSERT_EQ(0, dut_disable(&b->dut));
		ASSERT_EQ(0, dut_enable(&b->dut));
		expect_output_works(_metadata, o, 0);
	}
	close(fd);
	printf("# %d allocations made to fail\n", n - 2);
	EXPECT_LT(2, n);
	EXPECT_GT(MAX_FAIL_NTH, n);
}

TEST_F(cyclic, refused_one_does_not_replace_it)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	fill(o, 0);
	start_cyclic(_metadata, o, 0);
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	EXPECT_EQ(-1, enqueue(b, 1));
	EXPECT_TRUE(is_going_out(o));
	expect_replaced(_metadata, o, 1);
}

TEST_F(cyclic, failed_one_replaces_it)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	int fence;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	start_cyclic(_metadata, o, 0);
	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	fence = queue(_metadata, b, 1);
	ASSERT_EQ(0, fault_set("fail", 1));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(-EIO, fence_wait(fence, WAIT_MS));
	EXPECT_TRUE(is_quiet(o));
	close(fence);
	expect_output_works(_metadata, o, 0);
	expect_output_works(_metadata, o, 1);
}

/* Its memory stays until it has ended, whatever user space does. */
static void expect_pinned(struct __test_metadata *_metadata, struct output *o)
{
	struct bufs *b = &o->b;

	EXPECT_TRUE(is_going_out(o));
	EXPECT_EQ(1, block_attachments(&b->blk[0], NULL, 0));
	ASSERT_EQ(0, dut_disable(&b->dut));
	EXPECT_TRUE(wait_until(!block_alive(&b->blk[0]), WAIT_MS));
}

TEST_F(cyclic, goes_on_after_detach)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	if (!block_alive(&b->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	start_cyclic(_metadata, o, 0);
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	block_free(&b->blk[0]);
	expect_pinned(_metadata, o);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_output_works(_metadata, o, 1);
}

TEST_F(cyclic, is_replaced_after_detach)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	if (!block_alive(&b->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	fill(o, 0);
	start_cyclic(_metadata, o, 0);
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	block_free(&b->blk[0]);
	expect_replaced(_metadata, o, 1);
	EXPECT_TRUE(wait_until(!block_alive(&b->blk[0]), WAIT_MS));
}

/* ... be it by another cyclic one, which there can be then. */
TEST_F(cyclic, is_replaced_by_a_cyclic_one_after_detach)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	long long before;

	if (!block_alive(&b->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	/* The same words in both, as if it were the same block */
	fill(o, 0);
	o->count = 0;
	fill(o, 1);
	start_cyclic(_metadata, o, 0);
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	block_free(&b->blk[0]);
	ASSERT_EQ(0, enqueue_cyclic(b, 1));
	EXPECT_TRUE(wait_until(!block_alive(&b->blk[0]), WAIT_MS));
	EXPECT_TRUE(is_going_out(o));
	EXPECT_ERRNO(EBUSY, enqueue_cyclic(b, 2));
	expect_replaced(_metadata, o, 2);

	/* There is room for the next. */
	before = sent_bytes(o);
	ASSERT_EQ(0, enqueue_cyclic(b, 3));
	EXPECT_TRUE(wait_until(sent_bytes(o) > before + 3 * SIZE, WAIT_MS));
}

TEST_F(cyclic, goes_on_after_close)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	if (!block_alive(&b->blk[0]))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	start_cyclic(_metadata, o, 0);
	block_free(&b->blk[0]);
	dut_close_fd(&b->dut);
	expect_pinned(_metadata, o);
	next_opens(_metadata, b);
	expect_enable_works(_metadata, o, 1);
}

TEST_F(cyclic, unbind_ends_it)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	start_cyclic(_metadata, o, 0);
	ASSERT_EQ(0, dut_unbind(&b->dut));
	EXPECT_TRUE(is_quiet(o));
	EXPECT_TRUE(is_idle(b, 0, WAIT_MS));
	dut_close_fd(&b->dut);
	ASSERT_TRUE(dut_rebind(&b->dut));
	dut_scan_all(&b->dut);
	next_opens(_metadata, b);
	expect_enable_works(_metadata, o, 0);
}

TEST_F(cyclic, on_an_engine_that_cannot_is_einval)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	char engine[64];

	if (!modules_exist())
		SKIP(return, "adc_dummy is no module, or not to be found");

	dut_close_fd(&b->dut);
	modules_engine(engine, sizeof(engine));
	ASSERT_TRUE(modules_reload(&b->dut, engine, "repeat=N"));
	dut_scan_all(&b->dut);
	next_opens(_metadata, b);
	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_ERRNO(EINVAL, enqueue_cyclic(b, 0));
	expect_output_works(_metadata, o, 0);
	dut_close_fd(&b->dut);
	ASSERT_TRUE(modules_reload(&b->dut, engine, ""));
	dut_scan_all(&b->dut);
}

TEST_F(output_owner, leaves_cyclic_what_is)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	attach_all(_metadata, b);
	cyclic_probe(_metadata, o);
	slow_down(_metadata, o);
	begin_count(_metadata, o);
	owner_start(_metadata, self, true, IIO_BUFFER_DMABUF_CYCLIC);
	EXPECT_TRUE(is_going_out(o));
	owner_end(_metadata, self, variant);
	EXPECT_TRUE(is_going_out(o));

	/* The next one's first transfer takes its place. */
	test_cmd_attach(b->dut.fd, b->blk[1].fd);
	expect_replaced(_metadata, o, 1);
	EXPECT_TRUE(is_idle(b, 0, WAIT_MS));
}

/* As it is with DMABUFs, but for write() the buffer has to be enabled anew. */
TEST_F(output_owner, leaves_a_buffer_for_write)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	uint32_t data[WORDS];

	ASSERT_EQ(0, dut_set_block_bytes(&b->dut, SIZE / 2));
	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	owner_start(_metadata, self, true, 0);
	owner_end(_metadata, self, variant);
	EXPECT_ERRNO(EBUSY, write(b->dut.fd, data, sizeof(data)));
	ASSERT_EQ(0, dut_disable(&b->dut));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_TRUE(is_idle(b, 0, WAIT_MS));

	begin_count(_metadata, o);
	ASSERT_EQ(0, dut_enable(&b->dut));
	count_words(o, data, WORDS);
	ASSERT_EQ(SIZE, write(b->dut.fd, data, sizeof(data)));
	expect_sent(_metadata, o, SIZE, 0);
}

TEST_F(output, attach_without_vectors_is_eperm)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	uint32_t data[WORDS];
	char engine[64];

	if (!modules_exist())
		SKIP(return, "adc_dummy is no module, or not to be found");

	dut_close_fd(&b->dut);
	modules_engine(engine, sizeof(engine));
	ASSERT_TRUE(modules_reload(&b->dut, engine, "vec=N"));
	dut_scan_all(&b->dut);
	next_opens(_metadata, b);
	test_err_attach(EPERM, b->dut.fd, b->blk[0].fd);
	begin_count(_metadata, o);
	EXPECT_EQ(0, dut_set_block_bytes(&b->dut, SIZE / 2));
	EXPECT_EQ(0, dut_enable(&b->dut));
	count_words(o, data, WORDS);
	EXPECT_EQ(SIZE, write(b->dut.fd, data, sizeof(data)));
	expect_sent(_metadata, o, SIZE, 0);
	test_err_attach(EPERM, b->dut.fd, b->blk[0].fd);
	dut_close_fd(&b->dut);
	ASSERT_TRUE(modules_reload(&b->dut, engine, ""));
	dut_scan_all(&b->dut);
}

/* --------------------------------------------------------- output, its reports */

FIXTURE(output_report) {
	struct output o;
};

static int enqueue_cyclic_report(const struct bufs *b, int i)
{
	return enqueue_flags(b, i, IIO_BUFFER_DMABUF_CYCLIC | IIO_BUFFER_DMABUF_REPORT);
}

FIXTURE_SETUP(output_report)
{
	struct output *o = &self->o;

	dac_setup(_metadata, o);
	if (!reports_exist(_metadata, &o->b))
		SKIP_SETUP("kernel without reports of transfers");
}

FIXTURE_TEARDOWN(output_report)
{
	dac_teardown(_metadata, &self->o);
}

TEST_F(output_report, tells_block_bytes_and_number)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	uint32_t data[16] = { };
	int i;

	fill_all(o);
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, enqueue_report(b, i));
	EXPECT_FALSE(has_report(b, QUIET_MS));
	EXPECT_ERRNO(EBUSY, write(b->dut.fd, data, sizeof(data)));
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < NUM_BLOCKS; i++)
		expect_report(_metadata, b, i, i + 1, 0, SIZE);
	EXPECT_FALSE(has_report(b, QUIET_MS));
	expect_sent(_metadata, o, NUM_BLOCKS * SIZE, 0);
}

TEST_F(output_report, of_an_aborted_transfer_is_ecanceled)
{
	struct bufs *b = &self->o.b;

	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	ASSERT_EQ(0, dut_disable(&b->dut));
	expect_report(_metadata, b, 0, 1, -ECANCELED, 0);
}

TEST_F(output_report, of_a_failed_transfer_is_eio)
{
	struct bufs *b = &self->o.b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, fault_set("fail", 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 0));
	ASSERT_EQ(0, enqueue_report(b, 1));
	expect_report(_metadata, b, 0, 1, -EIO, 0);
	expect_report(_metadata, b, 1, 2, 0, SIZE);
}

/* That of a cyclic one, which has no fence, is the only word of its end. */
TEST_F(output_report, of_a_cyclic_one_comes_when_it_was_replaced)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	cyclic_probe(_metadata, o);
	slow_down(_metadata, o);
	begin_count(_metadata, o);
	fill(o, 0);
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_cyclic_report(b, 0));
	EXPECT_TRUE(is_going_out(o));
	EXPECT_FALSE(has_report(b, QUIET_MS));
	EXPECT_ERRNO(EBUSY, enqueue_report(b, 0));
	expect_replaced(_metadata, o, 1);
	expect_report(_metadata, b, 0, 1, 0, SIZE);
	EXPECT_FALSE(has_report(b, 0));
}

TEST_F(output_report, of_a_cyclic_one_is_ecanceled_by_a_disable)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	cyclic_probe(_metadata, o);
	slow_down(_metadata, o);
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_cyclic_report(b, 0));
	EXPECT_TRUE(is_going_out(o));
	ASSERT_EQ(0, dut_disable(&b->dut));
	expect_report(_metadata, b, 0, 1, -ECANCELED, 0);
	EXPECT_FALSE(has_report(b, QUIET_MS));
}

/* The one that is refused, as there is another, gets none. */
TEST_F(output_report, of_a_second_cyclic_one_there_is_none)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	cyclic_probe(_metadata, o);
	ASSERT_EQ(0, enqueue_cyclic_report(b, 0));
	EXPECT_ERRNO(EBUSY, enqueue_cyclic_report(b, 1));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	EXPECT_FALSE(has_report(b, QUIET_MS));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, enqueue_report(b, 1));
	expect_report(_metadata, b, 1, 2, 0, SIZE);
}

/* ------------------------------------------------------------------ write */

FIXTURE(write) {
	struct output o;
	uint32_t data[2 * WORDS];
};

FIXTURE_SETUP(write)
{
	dac_setup(_metadata, &self->o);
	/* Two blocks of half of this */
	ASSERT_EQ(0, dut_set_block_bytes(&self->o.b.dut, SIZE / 2));
}

FIXTURE_TEARDOWN(write)
{
	dac_teardown(_metadata, &self->o);
}

static int write_all(void *arg)
{
	FIXTURE_DATA(write) *self = arg;

	return write(self->o.b.dut.fd, self->data, SIZE);
}

static void count_on(FIXTURE_DATA(write) *self)
{
	count_words(&self->o, self->data, WORDS);
}

static void expect_write_works(struct __test_metadata *_metadata,
			       FIXTURE_DATA(write) *self)
{
	ASSERT_EQ(0, dut_enable(&self->o.b.dut));
	begin_count(_metadata, &self->o);
	count_on(self);
	ASSERT_EQ(SIZE, write_all(self));
	expect_sent(_metadata, &self->o, SIZE, 0);
}

TEST_F(write, every_word_once)
{
	struct output *o = &self->o;
	const size_t piece = 24;	/* which does not divide the block */
	struct pollfd pfd = { .fd = o->b.dut.fd, .events = POLLOUT };
	unsigned int n;
	ssize_t ret;
	size_t pos;

	ASSERT_EQ(0, dut_enable(&o->b.dut));
	for (n = 0; n < 4; n++) {
		count_on(self);
		for (pos = 0; pos < SIZE; pos += ret) {
			ASSERT_EQ(1, poll(&pfd, 1, WAIT_MS));
			ASSERT_EQ(POLLOUT, pfd.revents);
			ret = write(o->b.dut.fd, (char *)self->data + pos,
				    SIZE - pos < piece ? SIZE - pos : piece);
			ASSERT_LT(0, ret);
		}
	}
	expect_sent(_metadata, o, n * SIZE, 0);
}

TEST_F(write, takes_whole_scans)
{
	struct output *o = &self->o;
	const size_t scan = o->b.dut.scan_bytes;

	ASSERT_EQ(0, dut_enable(&o->b.dut));
	count_on(self);
	EXPECT_ERRNO(EINVAL, write(o->b.dut.fd, self->data, scan - 1));
	EXPECT_EQ(scan, write(o->b.dut.fd, self->data, scan + scan / 2));
	EXPECT_EQ(SIZE - scan, write(o->b.dut.fd, (char *)self->data + scan,
				     SIZE - scan));
	expect_sent(_metadata, o, SIZE, 0);
}

TEST_F(write, of_a_bad_pointer_is_efault)
{
	struct output *o = &self->o;
	void *bad;

	bad = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(bad != MAP_FAILED);
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	EXPECT_ERRNO(EFAULT, write(o->b.dut.fd, bad, SIZE));
	munmap(bad, SIZE);
	EXPECT_EQ(0, sent_bytes(o));
	count_on(self);
	ASSERT_EQ(SIZE, write_all(self));
	expect_sent(_metadata, o, SIZE, 0);
}

TEST_F(write, polls_writable_when_there_is_room)
{
	struct output *o = &self->o;
	struct pollfd pfd = { .fd = o->b.dut.fd, .events = POLLOUT };

	ASSERT_EQ(0, dut_stall(&o->b.dut, 1));
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	ASSERT_EQ(SIZE, write_all(self));
	EXPECT_EQ(0, poll(&pfd, 1, QUIET_MS));
	ASSERT_EQ(0, dut_stall(&o->b.dut, 0));
	EXPECT_EQ(1, poll(&pfd, 1, WAIT_MS));
	EXPECT_EQ(POLLOUT, pfd.revents);
}

TEST_F(write, works_at_every_enable)
{
	int n;

	for (n = 0; n < 3; n++) {
		expect_write_works(_metadata, self);
		ASSERT_EQ(0, dut_disable(&self->o.b.dut));
	}
}

TEST_F(write, waits_for_room)
{
	struct output *o = &self->o;
	struct sleeper s;

	ASSERT_EQ(0, dut_stall(&o->b.dut, 1));
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	count_on(self);
	ASSERT_EQ(SIZE, write_all(self));
	count_on(self);
	ASSERT_TRUE(sleeper_start(&s, write_all, self));
	ASSERT_EQ(0, dut_stall(&o->b.dut, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(SIZE, s.ret);
	expect_sent(_metadata, o, 2 * SIZE, 0);
}

TEST_F(write, is_eagain_with_nonblock)
{
	struct output *o = &self->o;

	ASSERT_EQ(0, dut_stall(&o->b.dut, 1));
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	dut_nonblock(&o->b.dut, true);
	count_on(self);
	ASSERT_EQ(SIZE, write_all(self));
	EXPECT_ERRNO(EAGAIN, write_all(self));
}

static int write_twice_as_much(void *arg)
{
	FIXTURE_DATA(write) *self = arg;

	return write(self->o.b.dut.fd, self->data, 2 * SIZE);
}

/* Or the program would not know, or the kernel begin anew and send it twice. */
TEST_F(write, signal_ends_it_with_what_was_taken)
{
	struct output *o = &self->o;
	struct sleeper s;

	ASSERT_EQ(0, restart_on_usr1());
	ASSERT_EQ(0, dut_stall(&o->b.dut, 1));
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	count_on(self);
	ASSERT_TRUE(sleeper_start(&s, write_twice_as_much, self));
	pthread_kill(s.thread, SIGUSR1);
	ASSERT_TRUE(sleeper_join(&s, AT_ONCE_MS));
	EXPECT_EQ(SIZE, s.ret);
	ASSERT_EQ(0, dut_stall(&o->b.dut, 0));
	expect_sent(_metadata, o, SIZE, 0);
}

/* Writes so many bytes at a time until it learns that the first transfer has failed. */
static void expect_eio(struct __test_metadata *_metadata, FIXTURE_DATA(write) *self,
		       size_t bytes)
{
	struct output *o = &self->o;
	int ret = 0, n;

	if (!o->b.dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, dut_enable(&o->b.dut));
	ASSERT_EQ(0, fault_set("fail", 1));
	for (n = 0; n < 10 && ret >= 0; n++) {
		usleep(1000 * QUIET_MS / 5);
		ret = write(o->b.dut.fd, self->data, bytes);
	}
	EXPECT_EQ(-1, ret);
	EXPECT_EQ(EIO, errno);
	/* Once */
	EXPECT_EQ(SIZE, write_all(self));
}

TEST_F(write, of_a_transfer_that_fails_is_eio)
{
	expect_eio(_metadata, self, SIZE);
}

/* ... also if the block comes up in the middle of a write() that has taken something. */
TEST_F(write, of_more_than_a_block_of_which_one_failed_is_eio)
{
	expect_eio(_metadata, self, SIZE + SIZE / 2);
}

TEST_F(write, next_opener_does_not_get_the_error)
{
	struct bufs *b = &self->o.b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, fault_set("fail", 1));
	ASSERT_EQ(SIZE, write_all(self));
	EXPECT_TRUE(wait_until(!fault_get("fail"), WAIT_MS));
	usleep(1000 * QUIET_MS);
	dut_close_fd(&b->dut);
	next_opens(_metadata, b);
	EXPECT_EQ(SIZE, write_all(self));
}

/* Both blocks are still of use; one call may have said what has gone wrong. */
static void expect_goes_on(struct __test_metadata *_metadata,
			   FIXTURE_DATA(write) *self, const char *fault)
{
	struct output *o = &self->o;
	long long before;
	int n;

	if (!o->b.dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, dut_enable(&o->b.dut));
	dut_nonblock(&o->b.dut, true);
	ASSERT_EQ(0, fault_set(fault, 1));
	write_all(self);
	EXPECT_TRUE(wait_until(!fault_get(fault), WAIT_MS));
	usleep(1000 * QUIET_MS);
	write_all(self);
	before = sent_bytes(o);
	for (n = 0; n < 4; n++)
		EXPECT_TRUE(wait_until(write_all(self) > 0, WAIT_MS));
	EXPECT_TRUE(wait_until(sent_bytes(o) >= before + 2 * SIZE, WAIT_MS));
}

TEST_F(write, goes_on_after_a_transfer_that_failed)
{
	expect_goes_on(_metadata, self, "fail");
}

TEST_F(write, goes_on_after_a_transfer_that_was_refused)
{
	expect_goes_on(_metadata, self, "refuse_prep");
}

TEST_F(write, while_attached_is_ebusy)
{
	struct bufs *b = &self->o.b;
	struct sleeper s;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_FALSE(sleeper_start(&s, write_all, self));
	ASSERT_TRUE(s.done);
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EBUSY, s.err);
	expect_output_works(_metadata, &self->o, 0);
}

TEST_F(write, while_attached_is_ebusy_with_nonblock)
{
	struct bufs *b = &self->o.b;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	dut_nonblock(&b->dut, true);
	EXPECT_ERRNO(EBUSY, write_all(self));
	dut_nonblock(&b->dut, false);
	expect_output_works(_metadata, &self->o, 0);
}

TEST_F(write, that_sleeps_is_woken_by_attach)
{
	struct bufs *b = &self->o.b;
	struct sleeper s;

	/* Both blocks wait for an enable. */
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, dut_disable(&b->dut));
	ASSERT_EQ(SIZE, write_all(self));
	ASSERT_TRUE(sleeper_start(&s, write_all, self));
	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EBUSY, s.err);
}

TEST_F(write, that_sleeps_is_woken_by_unbind)
{
	struct bufs *b = &self->o.b;
	struct sleeper s;

	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(SIZE, write_all(self));
	ASSERT_TRUE(sleeper_start(&s, write_all, self));
	/* What is aborted makes room; for some of it there may have been time. */
	ASSERT_EQ(0, dut_unbind(&b->dut));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_ERRNO(ENODEV, write_all(self));
}

TEST_F(write, while_enabled_keeps_dmabufs_out)
{
	struct bufs *b = &self->o.b;

	ASSERT_EQ(0, dut_enable(&b->dut));
	test_err_attach(EBUSY, b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_disable(&b->dut));
	expect_write_works(_metadata, self);
}

TEST_F(write, works_after_the_last_detach)
{
	struct bufs *b = &self->o.b;

	expect_enable_works(_metadata, &self->o, 0);
	ASSERT_EQ(0, dut_disable(&b->dut));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	expect_write_works(_metadata, self);
	ASSERT_EQ(0, dut_disable(&b->dut));
	expect_enable_works(_metadata, &self->o, 0);
}

TEST_F(write, works_after_close)
{
	struct bufs *b = &self->o.b;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, enqueue(b, 0));
	dut_close_fd(&b->dut);
	next_opens(_metadata, b);
	expect_write_works(_metadata, self);
}

/*
 * A scan whose size is no power of two: neither half the buffer nor what the engine can
 * transfer is a multiple of it.
 */
FIXTURE(write_scan) {
	struct output o;
	unsigned int scan;
	uint32_t data[WORDS];
};

static int leave_last_channel(const struct iio_dut *dut)
{
	char attr[128];

	snprintf(attr, sizeof(attr), "buffer0/%s",
		 dut->channel[dut->num_channels - 1]);

	return dut_attr_write(dut, attr, "0");
}

FIXTURE_SETUP(write_scan)
{
	struct iio_dut *dut = &self->o.b.dut;

	dac_setup(_metadata, &self->o);
	if (!dut->faults)
		SKIP_SETUP(NO_FAULTS);
	if (dut->num_channels < 4 || dut->align < 2)
		SKIP_SETUP("%s has %u channels, and takes multiples of %u bytes",
			   output_name(), dut->num_channels, dut->align);
	ASSERT_EQ(0, leave_last_channel(dut));
	self->scan = dut->scan_bytes / dut->num_channels * (dut->num_channels - 1);
}

FIXTURE_TEARDOWN(write_scan)
{
	dac_teardown(_metadata, &self->o);
}

/* Blocks are whole scans, and what the engine can do: none of a word is lost in between. */
TEST_F(write_scan, every_word_once)
{
	struct output *o = &self->o;
	const size_t size = 1024 * self->scan;
	long long sent;

	ASSERT_GE(sizeof(self->data), size);
	count_words(o, self->data, size / sizeof(self->data[0]));
	ASSERT_EQ(0, dut_attr_write(&o->b.dut, "buffer0/length", "100"));
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	ASSERT_EQ(size, write(o->b.dut.fd, self->data, size));
	EXPECT_TRUE(wait_until(sent_bytes(o) + 50 * self->scan > size, WAIT_MS));
	usleep(1000 * QUIET_MS);
	sent = sent_bytes(o);
	EXPECT_EQ(0, sent % self->scan);
	EXPECT_EQ(0, sent % o->b.dut.align);
	EXPECT_EQ(0, sent_jumps(o));
}

TEST_F(write_scan, less_than_the_engine_can_do_is_einval_at_enable)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	ASSERT_EQ(0, dut_attr_write(&b->dut, "buffer0/length", "2"));
	EXPECT_EQ(-EINVAL, dut_enable(&b->dut));
	EXPECT_FALSE(dut_enabled(&b->dut));

	/* The length is one of write(), and means nothing to DMABUFs. */
	expect_enable_works(_metadata, o, 0);
}

static int write_data(void *arg)
{
	FIXTURE_DATA(write_scan) *self = arg;

	return write(self->o.b.dut.fd, self->data, sizeof(self->data));
}

/* The blocks are those of an earlier enable, and what goes into them is of another size now. */
TEST_F(write_scan, comes_back_after_an_enable_that_was_refused)
{
	struct iio_dut *dut = &self->o.b.dut;
	struct sleeper s;

	dut_scan_enable(dut);
	ASSERT_EQ(0, dut_set_block_bytes(dut, sizeof(self->data) / 2));
	ASSERT_EQ(0, dut_enable(dut));
	ASSERT_EQ(0, dut_disable(dut));
	ASSERT_EQ(0, leave_last_channel(dut));
	ASSERT_EQ(0, dut_attr_write(dut, "buffer0/length", "2"));
	EXPECT_EQ(-EINVAL, dut_enable(dut));
	dut_nonblock(dut, true);
	sleeper_start(&s, write_data, self);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
}

/* ------------------------------------------------------------------ relay */

/* From the ADC to the DAC: the same dma-bufs for both, and nobody looks into them */
FIXTURE(relay) {
	struct output o;
	struct iio_dut adc;
};

FIXTURE_SETUP(relay)
{
	int i;

	dut_setup(_metadata, &self->adc, NEED_DMABUF | NEED_STALL);
	dac_setup(_metadata, &self->o);
	attach_all(_metadata, &self->o.b);
	for (i = 0; i < NUM_BLOCKS; i++)
		test_cmd_attach(self->adc.fd, self->o.b.blk[i].fd);
}

FIXTURE_TEARDOWN(relay)
{
	dac_teardown(_metadata, &self->o);
	dut_teardown(_metadata, &self->adc);
}

static void enable_both(struct __test_metadata *_metadata,
			FIXTURE_DATA(relay) *self)
{
	ASSERT_EQ(0, dut_enable(&self->adc));
	ASSERT_EQ(0, dut_enable(&self->o.b.dut));
}

/*
 * Each ENQUEUE waits for the other device by the fences, and user space for nothing: a
 * word that is sent before it has come, or overwritten before it was sent, is a jump.
 */
TEST_F_TIMEOUT(relay, fences_alone_keep_the_order, 60)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	unsigned int n, i;

	enable_both(_metadata, self);
	for (n = 0; n < 100 * NUM_BLOCKS; n++) {
		i = n % NUM_BLOCKS;
		test_cmd_enqueue(self->adc.fd, b->blk[i].fd, SIZE);
		ASSERT_EQ(0, enqueue(b, i));
	}
	EXPECT_TRUE(wait_until(sent_bytes(o) == n * SIZE, WAIT_MS));
	/* It begins at any count. */
	EXPECT_GE(1, sent_jumps(o));
}

/* The ADC waits for who reads from the block. */
TEST_F(relay, input_waits_for_output)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	close(stall(_metadata, b, 0));
	ASSERT_EQ(0, dut_enable(&self->adc));
	dut_nonblock(&self->adc, true);
	test_err_enqueue(EAGAIN, self->adc.fd, b->blk[0].fd, SIZE);
}

TEST_F(relay, output_waits_for_input)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	ASSERT_EQ(0, dut_stall(&self->adc, 1));
	enable_both(_metadata, self);
	test_cmd_enqueue(self->adc.fd, b->blk[0].fd, SIZE);
	dut_nonblock(&b->dut, true);
	EXPECT_ERRNO(EAGAIN, enqueue(b, 0));
}

/* A transfer that has not begun is nothing to wait for: it may be up to the caller. */
TEST_F(relay, output_does_not_wait_for_a_queued_input)
{
	struct bufs *b = &self->o.b;
	uint64_t start = now_ms();

	ASSERT_EQ(0, dut_enable(&b->dut));
	test_cmd_enqueue(self->adc.fd, b->blk[0].fd, SIZE);
	EXPECT_ERRNO(EBUSY, enqueue(b, 0));
	EXPECT_GT(AT_ONCE_MS, now_ms() - start);
}

/* There is no fence to tell, so that it is up to user space not to do that. */
TEST_F(relay, input_does_not_wait_for_a_cyclic_output)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;

	/* An interrupt for each round */
	slow_down(_metadata, o);
	enable_both(_metadata, self);
	if (enqueue_cyclic(b, 0)) {
		ASSERT_EQ(EINVAL, errno);
		SKIP(return, "no cyclic transfers here");
	}
	test_cmd_enqueue(self->adc.fd, b->blk[0].fd, SIZE);
	EXPECT_TRUE(block_wait(&b->blk[0], WAIT_MS));
	/* For its own buffer it is busy all the same. */
	EXPECT_ERRNO(EBUSY, enqueue(b, 0));
}

TEST_F(relay, input_does_not_wait_for_a_queued_output)
{
	struct bufs *b = &self->o.b;
	uint64_t start = now_ms();

	ASSERT_EQ(0, dut_enable(&self->adc));
	ASSERT_EQ(0, enqueue(b, 0));
	test_err_enqueue(EBUSY, self->adc.fd, b->blk[0].fd, SIZE);
	EXPECT_GT(AT_ONCE_MS, now_ms() - start);
}

struct attach_call {
	int fd;
	int dmabuf;
};

static int attach_to(void *arg)
{
	const struct attach_call *call = arg;

	return iio_attach(call->fd, call->dmabuf);
}

/* Nor for one that has begun, when it is queued again as the ADC fails to start */
TEST_F(relay, output_does_not_wait_for_an_input_that_failed_to_start)
{
	struct bufs *b = &self->o.b;
	struct sleeper start, wait;

	if (!self->adc.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, adc_set("slow_start_ms", 1000));
	ASSERT_EQ(0, adc_set("fail_start", 1));
	ASSERT_EQ(0, dut_stall(&self->adc, 1));
	test_cmd_enqueue(self->adc.fd, b->blk[0].fd, SIZE);
	ASSERT_TRUE(sleeper_start(&start, enable_dut, &self->adc));
	sleeper_start(&wait, enqueue_first, b);
	ASSERT_TRUE(sleeper_join(&start, WAIT_MS));
	EXPECT_EQ(-EIO, start.ret);
	EXPECT_TRUE(wait_until(wait.done, AT_ONCE_MS));
	ASSERT_TRUE(sleeper_join(&wait, 2 * WAIT_MS));
	EXPECT_EQ(-1, wait.ret);
	EXPECT_EQ(EBUSY, wait.err);
}

/*
 * To unmap takes a lock that others may have. The removal waits for that, and nobody for
 * the removal.
 */
TEST_F(relay, unbind_waits_for_a_lock_and_nobody_for_unbind)
{
	struct output *o = &self->o;
	struct sleeper attach, removal, other;
	struct attach_call call = { .fd = o->b.dut.fd };
	struct block m, n;
	int dev;

	if (!merged_exists())
		SKIP(return, "no exporter that is slow on request (dmabuf_merged.ko)");
	dev = open(self->adc.node, O_RDWR | O_CLOEXEC);
	ASSERT_GE(dev, 0);
	ASSERT_EQ(0, merged_set("shared_resv", 1));
	ASSERT_EQ(0, block_wrap(&m, merged_alloc(SIZE), SIZE));
	ASSERT_EQ(0, block_wrap(&n, merged_alloc(SIZE), SIZE));
	test_cmd_attach(self->adc.fd, n.fd);

	ASSERT_EQ(0, merged_set("slow_map_ms", 2 * WAIT_MS));
	call.dmabuf = m.fd;
	ASSERT_TRUE(sleeper_start(&attach, attach_to, &call));
	ASSERT_TRUE(removal_start(&removal, &self->adc));
	EXPECT_TRUE(wait_until(dut_gone(&self->adc), AT_ONCE_MS));
	sleeper_start(&other, get_fd, &dev);
	EXPECT_TRUE(wait_until(other.done, AT_ONCE_MS));
	test_err_enqueue(ENODEV, self->adc.fd, n.fd, SIZE);
	test_err_detach(ENODEV, self->adc.fd, n.fd);
	EXPECT_FALSE(removal.done);
	EXPECT_FALSE(attach.done);

	ASSERT_EQ(0, merged_set("slow_map_ms", 0));
	ASSERT_TRUE(sleeper_join(&other, WAIT_MS));
	EXPECT_EQ(-1, other.ret);
	EXPECT_EQ(ENODEV, other.err);
	ASSERT_TRUE(sleeper_join(&removal, WAIT_MS));
	EXPECT_EQ(0, removal.ret);
	ASSERT_TRUE(sleeper_join(&attach, WAIT_MS));
	EXPECT_EQ(0, attach.ret);
	if (block_alive(&n))
		EXPECT_EQ(0, block_attachments(&n, NULL, 0));
	close(dev);
	dut_close_fd(&self->adc);
	block_free(&m);
	block_free(&n);
	ASSERT_TRUE(dut_rebind(&self->adc));
	ASSERT_EQ(0, dut_enable(&o->b.dut));
	expect_output_works(_metadata, o, 0);
}

TEST_F(relay, unbind_of_the_adc_wakes_the_output)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	struct sleeper s;

	ASSERT_EQ(0, dut_stall(&self->adc, 1));
	enable_both(_metadata, self);
	test_cmd_enqueue(self->adc.fd, b->blk[0].fd, SIZE);
	ASSERT_TRUE(sleeper_start(&s, enqueue_first, b));
	ASSERT_EQ(0, dut_unbind(&self->adc));
	EXPECT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	dut_close_fd(&self->adc);
	ASSERT_EQ(0, dut_stall(&self->adc, 0));
	EXPECT_TRUE(is_idle(b, 0, WAIT_MS));
	expect_output_works(_metadata, o, 0);
	ASSERT_TRUE(dut_rebind(&self->adc));
}

/* Opens one side, with the dma-bufs attached; false if the device is just going. */
static bool relay_open(struct iio_dut *dut, const struct bufs *b)
{
	int i;

	if (!dut_find(dut))
		return false;
	dut->fd = dut_open_fd(dut);
	if (dut->fd < 0 || dut_disable(dut))
		return false;
	dut_scan_enable(dut);
	for (i = 0; i < NUM_BLOCKS; i++)
		if (iio_attach(dut->fd, b->blk[i].fd))
			return false;

	return !dut_enable(dut);
}

/* Passes blocks on until something fails, begins anew then, and ends by SIGKILL. */
static void relay_forever(struct iio_dut *adc, struct bufs *b)
{
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (relay_open(adc, b) && relay_open(&b->dut, b)) {
			i = 0;
			while (!iio_enqueue(adc->fd, b->blk[i].fd, SIZE) &&
			       !enqueue(b, i))
				i = (i + 1) % NUM_BLOCKS;
		}
		dut_close_fd(adc);
		dut_close_fd(&b->dut);
		usleep(1000);
	}
}

static bool unbind_and_bind(struct iio_dut *dut)
{
	return !dut_unbind(dut) && dut_rebind(dut);
}

#define NUM_EVENTS	7

static void relay_event(struct __test_metadata *_metadata,
			FIXTURE_DATA(relay) *self, unsigned int n)
{
	struct iio_dut *dac = &self->o.b.dut;

	if (!dac->faults && (n % NUM_EVENTS == 2 || n % NUM_EVENTS == 3))
		return;

	switch (n % NUM_EVENTS) {
	case 0:
		EXPECT_TRUE(unbind_and_bind(&self->adc));
		break;
	case 1:
		EXPECT_TRUE(unbind_and_bind(dac));
		break;
	case 2:
		EXPECT_EQ(0, fault_set("fail", 3));
		break;
	case 3:
		EXPECT_EQ(0, fault_set("refuse_prep", 3));
		break;
	case 4:
		dut_disable(dac);
		break;
	case 5:
		dut_disable(&self->adc);
		break;
	}
}

/*
 * Each process is killed in the end, whatever has happened before. What is left works,
 * and keeps nothing.
 */
TEST_F_TIMEOUT(relay, survives_kills_faults_and_removals, 120)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	unsigned int n;
	pid_t pid;
	int i;

	dut_close_fd(&self->adc);
	dut_close_fd(&b->dut);
	for (n = 0; n < 3 * NUM_EVENTS; n++) {
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid) {
			relay_forever(&self->adc, b);
			_exit(1);
		}
		usleep(10000 + 1000 * n);
		relay_event(_metadata, self, n);
		usleep(10000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	}

	dut_reset_faults(&b->dut);
	ASSERT_EQ(0, dut_disable(&self->adc));
	ASSERT_EQ(0, dut_disable(&b->dut));
	dut_scan_enable(&self->adc);
	dut_scan_enable(&b->dut);
	self->adc.fd = dut_open_fd(&self->adc);
	ASSERT_GE(self->adc.fd, 0);
	next_opens(_metadata, b);
	if (block_alive(&b->blk[0]))
		for (i = 0; i < NUM_BLOCKS; i++)
			EXPECT_TRUE(wait_until(!block_attachments(&b->blk[i], NULL, 0),
					       WAIT_MS));
	expect_dmabuf_mode_works(_metadata, &self->adc);
	expect_enable_works(_metadata, o, 0);
}

/* What is sent comes back, whatever it is. */
TEST_F(relay, loopback_brings_back_what_was_sent)
{
	struct output *o = &self->o;
	struct bufs *b = &o->b;
	uint32_t sent[WORDS];
	unsigned int i;

	if (fault_set("loopback", 1))
		SKIP(return, "no loopback");

	for (i = 0; i < WORDS; i++)
		sent[i] = b->blk[0].map[i] = 0x9e3779b9 * (i + 1);
	enable_both(_metadata, self);
	ASSERT_EQ(0, enqueue(b, 0));
	test_cmd_enqueue(self->adc.fd, b->blk[1].fd, SIZE);
	EXPECT_TRUE(is_idle(b, 0, WAIT_MS));
	EXPECT_TRUE(block_wait(&b->blk[1], WAIT_MS));
	EXPECT_EQ(0, memcmp(sent, b->blk[1].map, SIZE));
	ASSERT_EQ(0, dut_disable(&self->adc));
	ASSERT_EQ(0, dut_disable(&b->dut));
}

IIO_TEST_MAIN
