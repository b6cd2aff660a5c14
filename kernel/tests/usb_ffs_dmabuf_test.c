// SPDX-License-Identifier: GPL-2.0
/*
 * DMA-BUFs of FunctionFS, and samples that go by them from the converter to the host: the
 * data, the fences, and what becomes of both when either side goes. On the dummy USB device
 * controller (udc_dummy.ko); what has to do with samples on the dummy ADC as well.
 */
#include "usb_test_gadget.h"

#include <sys/wait.h>

#define SIZE		16384
#define NUM_BLOCKS	4

/* One endpoint, and some dma-bufs for it */
struct pipe {
	struct gadget g;
	bool in;			/* to the host */
	int ep;
	const char *node;
	size_t size;			/* of a block */
	struct block blk[NUM_BLOCKS];
	uint32_t next;			/* count */
	bool started;
};

static void pipe_setup_size(struct __test_metadata *_metadata, struct pipe *p,
			    bool in, size_t size)
{
	int i;

	gadget_setup(_metadata, &p->g);
	p->in = in;
	p->size = size;
	p->ep = in ? p->g.in : p->g.out;
	p->node = in ? GADGET_MOUNT "/ep1" : GADGET_MOUNT "/ep2";
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, block_alloc(&p->blk[i], size));
}

static void pipe_setup(struct __test_metadata *_metadata, struct pipe *p, bool in)
{
	pipe_setup_size(_metadata, p, in, SIZE);
}

static void pipe_teardown(struct pipe *p)
{
	int i;

	gadget_teardown(&p->g);
	for (i = 0; i < NUM_BLOCKS; i++)
		block_free(&p->blk[i]);
}

static void pipe_attach_all(struct __test_metadata *_metadata, struct pipe *p)
{
	int i;

	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, ffs_attach(p->ep, p->blk[i].fd));
}

static int pipe_transfer(const struct pipe *p, int i)
{
	return ffs_transfer(p->ep, p->blk[i].fd, p->size);
}

static void pipe_nonblock(const struct pipe *p, bool on)
{
	int flags = fcntl(p->ep, F_GETFL);

	fcntl(p->ep, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

static long long pipe_count(const struct pipe *p, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", p->in ? "ep1in" : "ep1out", what);

	return udc_get(path);
}

/* True if no transfer uses the block any more. The host only reads what goes to it. */
static bool block_done(const struct block *blk, bool in, int ms)
{
	struct pollfd pfd = { .fd = blk->fd, .events = in ? POLLOUT : POLLIN };

	return poll(&pfd, 1, ms) == 1 && (pfd.revents & pfd.events);
}

static bool pipe_done(const struct pipe *p, int i, int ms)
{
	return block_done(&p->blk[i], p->in, ms);
}

/* As fence_export(), but in the place of the next writer if the host reads */
static int pipe_fence(const struct pipe *p, int i)
{
	struct dma_buf_export_sync_file req = {
		.flags = p->in ? DMA_BUF_SYNC_WRITE : DMA_BUF_SYNC_READ,
	};

	if (ioctl(p->blk[i].fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &req))
		return -errno;

	return req.fd;
}

static void fill_counter(const struct block *blk, uint32_t first)
{
	size_t i;

	block_sync(blk, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	for (i = 0; i < blk->size / 4; i++)
		blk->map[i] = htole32(first + i);
	block_sync(blk, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
}

/* One transfer of @bytes of an attached block: the data, and what the host counts */
static void expect_transfer_of(struct __test_metadata *_metadata, struct pipe *p,
			       const struct block *blk, size_t bytes)
{
	long long moved = pipe_count(p, "bytes");
	long long jumps = pipe_count(p, "jumps");

	if (p->in)
		fill_counter(blk, p->next);
	else
		block_fill(blk, 0xa5);

	ASSERT_EQ(0, ffs_transfer(p->ep, blk->fd, bytes)) {
		TH_LOG("%zu bytes: %s", bytes, strerror(errno));
	}
	ASSERT_TRUE(block_done(blk, p->in, WAIT_MS));
	EXPECT_EQ(moved + bytes, pipe_count(p, "bytes"));

	if (p->in) {
		/* The first one may follow upon something else. */
		if (p->started)
			EXPECT_EQ(jumps, pipe_count(p, "jumps"));
		p->started = true;
		p->next += bytes / 4;
		return;
	}
	ASSERT_EQ(0, block_begin_read(blk));
	EXPECT_COUNTER(blk->map, bytes, &p->next, &p->started);
	if (bytes < blk->size)
		EXPECT_EQ(0xa5a5a5a5, blk->map[bytes / 4]);
	EXPECT_EQ(0, block_end_read(blk));
}

static void expect_pipe_works(struct __test_metadata *_metadata, struct pipe *p,
			      int i)
{
	int k;

	/* The host begins anew with an endpoint that was off. */
	p->started = false;
	for (k = 0; k < 2; k++)
		expect_transfer_of(_metadata, p, &p->blk[i], SIZE);
}

/* Takes block @i in flight, where it stays. Returns its fence. */
static int pipe_hold(struct __test_metadata *_metadata, const struct pipe *p,
		     int i)
{
	int fence;

	ASSERT_EQ(0, udc_set("hold", 1));
	ASSERT_EQ(0, pipe_transfer(p, i));
	fence = pipe_fence(p, i);
	ASSERT_GE(fence, 0);
	ASSERT_EQ(0, fence_status(fence));

	return fence;
}

static void expect_fence(struct __test_metadata *_metadata, int fence, int status)
{
	EXPECT_EQ(status, fence_wait(fence, WAIT_MS));
	close(fence);
}

/* ------------------------------------------------------ both directions */

FIXTURE(usb) {
	struct pipe p;
};

FIXTURE_VARIANT(usb) {
	bool in;
};

FIXTURE_VARIANT_ADD(usb, in) { .in = true, };
FIXTURE_VARIANT_ADD(usb, out) { .in = false, };

FIXTURE_SETUP(usb)
{
	pipe_setup(_metadata, &self->p, variant->in);
}

FIXTURE_TEARDOWN(usb)
{
	pipe_teardown(&self->p);
}

TEST_F(usb, transfers_in_turn)
{
	struct pipe *p = &self->p;
	long long completed = pipe_count(p, "completed");
	int i;

	pipe_attach_all(_metadata, p);
	for (i = 0; i < 4 * NUM_BLOCKS; i++)
		expect_transfer_of(_metadata, p, &p->blk[i % NUM_BLOCKS], SIZE);
	EXPECT_EQ(completed + i, pipe_count(p, "completed"));
	for (i = 0; i < NUM_BLOCKS; i++)
		EXPECT_EQ(0, ffs_detach(p->ep, p->blk[i].fd));
}

TEST_F(usb, queued_transfers_complete_in_order)
{
	struct pipe *p = &self->p;
	long long jumps = pipe_count(p, "jumps");
	int fence[NUM_BLOCKS], i;

	pipe_attach_all(_metadata, p);
	for (i = 0; i < NUM_BLOCKS; i++) {
		if (p->in)
			fill_counter(&p->blk[i], i * SIZE / 4);
		fence[i] = pipe_hold(_metadata, p, i);
	}
	usleep(QUIET_MS * 1000);
	for (i = 0; i < NUM_BLOCKS; i++)
		EXPECT_EQ(0, fence_status(fence[i]));

	ASSERT_EQ(0, udc_set("hold", 0));
	EXPECT_EQ(1, fence_wait(fence[NUM_BLOCKS - 1], WAIT_MS));
	for (i = 0; i < NUM_BLOCKS; i++)
		EXPECT_EQ(1, fence_status(fence[i]));
	for (i = 0; i < NUM_BLOCKS; i++) {
		close(fence[i]);
		if (!p->in)
			EXPECT_COUNTER(p->blk[i].map, SIZE, &p->next, &p->started);
	}
	EXPECT_EQ(jumps, pipe_count(p, "jumps"));
}

TEST_F(usb, what_makes_no_sense_is_refused)
{
	struct pipe *p = &self->p;
	int blk = p->blk[0].fd;

	EXPECT_ERRNO(EPERM, ffs_transfer(p->ep, blk, SIZE));
	EXPECT_ERRNO(EPERM, ffs_detach(p->ep, blk));
	EXPECT_ERRNO(EBADF, ffs_attach(p->ep, -1));
	EXPECT_ERRNO(EINVAL, ffs_attach(p->ep, p->g.ep0));
	ASSERT_EQ(0, ffs_attach(p->ep, blk));
	EXPECT_ERRNO(EINVAL, ffs_transfer(p->ep, blk, 0));
	EXPECT_ERRNO(EINVAL, ffs_transfer(p->ep, blk, SIZE + 1));
	EXPECT_ERRNO(EINVAL, ffs_transfer_flags(p->ep, blk, SIZE, 1));
	EXPECT_ERRNO(EBADF, ffs_transfer(p->ep, -1, SIZE));
	expect_pipe_works(_metadata, p, 0);
}

/* FunctionFS lets a dma-buf be attached twice. It takes two calls to be rid of it. */
TEST_F(usb, attached_twice)
{
	struct pipe *p = &self->p;
	int blk = p->blk[0].fd;

	ASSERT_EQ(0, ffs_attach(p->ep, blk));
	ASSERT_EQ(0, ffs_attach(p->ep, blk));
	expect_pipe_works(_metadata, p, 0);
	EXPECT_EQ(0, ffs_detach(p->ep, blk));
	expect_transfer_of(_metadata, p, &p->blk[0], SIZE);
	EXPECT_EQ(0, ffs_detach(p->ep, blk));
	EXPECT_ERRNO(EPERM, ffs_detach(p->ep, blk));
}

TEST_F(usb, failed_transfer_tells_its_error)
{
	struct pipe *p = &self->p;
	int failed, next;

	pipe_attach_all(_metadata, p);
	ASSERT_EQ(0, udc_set("fail", 1));
	failed = pipe_hold(_metadata, p, 0);
	next = pipe_hold(_metadata, p, 1);
	ASSERT_EQ(0, udc_set("hold", 0));
	expect_fence(_metadata, failed, -EIO);
	expect_fence(_metadata, next, 1);
	expect_pipe_works(_metadata, p, 0);
}

TEST_F(usb, refused_transfer_leaves_no_fence)
{
	struct pipe *p = &self->p;

	pipe_attach_all(_metadata, p);
	ASSERT_EQ(0, udc_set("refuse", 1));
	EXPECT_ERRNO(ENOMEM, pipe_transfer(p, 0));
	EXPECT_TRUE(pipe_done(p, 0, 0));
	expect_pipe_works(_metadata, p, 0);
}

TEST_F(usb, rate_is_kept)
{
	struct pipe *p = &self->p;
	uint64_t begin;
	int i;

	pipe_attach_all(_metadata, p);
	ASSERT_EQ(0, udc_set("rate", 200000));
	begin = now_ms();
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, pipe_transfer(p, i));
	ASSERT_TRUE(pipe_done(p, NUM_BLOCKS - 1, WAIT_MS));
	EXPECT_GE(now_ms() - begin, NUM_BLOCKS * SIZE * 1000 / 200000);
}

/* A mapping that is shorter than the dma-buf does not become longer by a transfer. */
TEST_F(usb, mapping_that_lacks_a_page)
{
	struct pipe *p = &self->p;
	struct block blk;

	if (!merged_exists())
		SKIP(return, "no dmabuf_merged");

	ASSERT_EQ(0, block_wrap(&blk, merged_alloc(SIZE), SIZE));
	ASSERT_EQ(0, merged_set("short_table", 1));
	EXPECT_EQ(0, ffs_attach(p->ep, blk.fd));
	ASSERT_EQ(0, merged_set("short_table", 0));
	EXPECT_ERRNO(EINVAL, ffs_transfer(p->ep, blk.fd, SIZE));
	expect_transfer_of(_metadata, p, &blk, SIZE - 4096);
	EXPECT_EQ(0, ffs_detach(p->ep, blk.fd));
	block_free(&blk);
}

/* --------------------------------------------------------- lives and deaths */

TEST_F(usb, unplug_ends_transfers)
{
	struct pipe *p = &self->p;
	int flight, queued;

	pipe_attach_all(_metadata, p);
	flight = pipe_hold(_metadata, p, 0);
	queued = pipe_hold(_metadata, p, 1);
	ASSERT_EQ(0, udc_set("connected", 0));
	EXPECT_TRUE(udc_state_is("not attached"));
	expect_fence(_metadata, flight, -ESHUTDOWN);
	expect_fence(_metadata, queued, -ESHUTDOWN);

	ASSERT_EQ(0, udc_set("hold", 0));
	ASSERT_EQ(0, udc_set("connected", 1));
	expect_pipe_works(_metadata, p, 0);
	expect_transfer_of(_metadata, p, &p->blk[1], SIZE);
}

static int transfer_first(void *arg)
{
	return pipe_transfer(arg, 0);
}

TEST_F(usb, transfer_waits_for_the_host)
{
	struct pipe *p = &self->p;
	struct sleeper s;

	pipe_attach_all(_metadata, p);
	ASSERT_EQ(0, udc_set("connected", 0));
	pipe_nonblock(p, true);
	EXPECT_ERRNO(EAGAIN, pipe_transfer(p, 0));
	pipe_nonblock(p, false);
	ASSERT_TRUE(sleeper_start(&s, transfer_first, p));
	ASSERT_EQ(0, udc_set("connected", 1));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	EXPECT_TRUE(pipe_done(p, 0, WAIT_MS));
}

TEST_F(usb, detach_ends_a_transfer)
{
	struct pipe *p = &self->p;
	int flight, queued;

	pipe_attach_all(_metadata, p);
	flight = pipe_hold(_metadata, p, 0);
	queued = pipe_hold(_metadata, p, 1);
	EXPECT_EQ(0, ffs_detach(p->ep, p->blk[0].fd));
	EXPECT_EQ(0, fence_status(queued));
	expect_fence(_metadata, flight, -ECONNRESET);
	EXPECT_EQ(0, ffs_detach(p->ep, p->blk[1].fd));
	expect_fence(_metadata, queued, -ECONNRESET);
	EXPECT_ERRNO(EPERM, pipe_transfer(p, 0));

	ASSERT_EQ(0, udc_set("hold", 0));
	expect_pipe_works(_metadata, p, 2);
}

TEST_F(usb, nothing_stays_mapped)
{
	struct pipe *p = &self->p;
	int fence;

	if (access(BUFINFO, R_OK))
		SKIP(return, "no " BUFINFO);

	ASSERT_EQ(0, ffs_attach(p->ep, p->blk[0].fd));
	EXPECT_EQ(1, block_attachments(&p->blk[0], NULL, 0));
	fence = pipe_hold(_metadata, p, 0);
	ASSERT_EQ(0, ffs_detach(p->ep, p->blk[0].fd));
	expect_fence(_metadata, fence, -ECONNRESET);
	EXPECT_TRUE(wait_until(!block_attachments(&p->blk[0], NULL, 0), WAIT_MS));
	block_free(&p->blk[0]);
	EXPECT_TRUE(wait_until(!block_alive(&p->blk[0]), WAIT_MS));
}

TEST_F(usb, close_ends_a_transfer)
{
	struct pipe *p = &self->p;
	int fence;

	ASSERT_EQ(0, ffs_attach(p->ep, p->blk[0].fd));
	fence = pipe_hold(_metadata, p, 0);
	close(p->ep);
	expect_fence(_metadata, fence, -ECONNRESET);

	ASSERT_EQ(0, udc_set("hold", 0));
	p->ep = open(p->node, O_RDWR | O_CLOEXEC);
	ASSERT_GE(p->ep, 0);
	*(p->in ? &p->g.in : &p->g.out) = p->ep;
	EXPECT_ERRNO(EPERM, pipe_transfer(p, 0));
	ASSERT_EQ(0, ffs_attach(p->ep, p->blk[0].fd));
	expect_pipe_works(_metadata, p, 0);
}

TEST_F(usb, unbind_of_the_gadget_ends_transfers)
{
	struct pipe *p = &self->p;
	int fence;

	pipe_attach_all(_metadata, p);
	fence = pipe_hold(_metadata, p, 0);
	ASSERT_EQ(0, gadget_unbind());
	expect_fence(_metadata, fence, -ESHUTDOWN);

	ASSERT_EQ(0, udc_set("hold", 0));
	ASSERT_EQ(0, gadget_bind());
	ASSERT_TRUE(wait_until(udc_state_is("configured"), WAIT_MS));
	expect_pipe_works(_metadata, p, 0);
}

TEST_F(usb, detach_without_a_controller)
{
	struct pipe *p = &self->p;

	pipe_attach_all(_metadata, p);
	ASSERT_EQ(0, gadget_unbind());
	EXPECT_ERRNO(EPERM, ffs_attach(p->ep, p->blk[0].fd));
	pipe_nonblock(p, true);
	EXPECT_ERRNO(EAGAIN, pipe_transfer(p, 0));
	pipe_nonblock(p, false);
	EXPECT_EQ(0, ffs_detach(p->ep, p->blk[0].fd));
	EXPECT_ERRNO(EPERM, ffs_detach(p->ep, p->blk[0].fd));
}

TEST_F(usb, unbind_of_the_controller_ends_transfers)
{
	struct pipe *p = &self->p;
	int fence;

	pipe_attach_all(_metadata, p);
	fence = pipe_hold(_metadata, p, 0);
	ASSERT_EQ(0, file_write(UDC_DRIVER "unbind", UDC));
	expect_fence(_metadata, fence, -ESHUTDOWN);

	ASSERT_EQ(0, file_write(UDC_DRIVER "bind", UDC));
	/* The gadget does not know yet that its controller has gone. */
	ASSERT_EQ(0, gadget_unbind());
	ASSERT_EQ(0, gadget_bind());
	ASSERT_TRUE(wait_until(udc_state_is("configured"), WAIT_MS));
	expect_pipe_works(_metadata, p, 0);
}

/* ------------------------------------------------------------------- fences */

TEST_F(usb, waits_for_a_writer_without_the_lock)
{
	struct pipe *p = &self->p;
	int timeline = sw_sync_open(), fence;
	struct sleeper s;
	uint64_t begin;

	ASSERT_GE(timeline, 0);
	fence = sw_sync_fence(timeline, 1);
	ASSERT_GE(fence, 0);
	ASSERT_EQ(0, ffs_attach(p->ep, p->blk[0].fd));
	ASSERT_EQ(0, fence_import(&p->blk[0], fence));

	pipe_nonblock(p, true);
	EXPECT_ERRNO(EBUSY, pipe_transfer(p, 0));
	pipe_nonblock(p, false);
	ASSERT_TRUE(sleeper_start(&s, transfer_first, p));

	/* Others get the lock of the dma-buf meanwhile. */
	begin = now_ms();
	EXPECT_FALSE(pipe_done(p, 0, 0));
	EXPECT_LT(now_ms() - begin, AT_ONCE_MS);

	ASSERT_EQ(0, sw_sync_inc(timeline, 1));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	EXPECT_TRUE(pipe_done(p, 0, WAIT_MS));
	close(fence);
	close(timeline);
}

/* The host reads with others, and writes alone. */
TEST_F(usb, same_block_again_before_it_is_done)
{
	struct pipe *p = &self->p;
	int i;

	ASSERT_EQ(0, ffs_attach(p->ep, p->blk[0].fd));
	ASSERT_EQ(0, udc_set("hold", 1));
	pipe_nonblock(p, true);
	ASSERT_EQ(0, pipe_transfer(p, 0));
	for (i = 0; i < 16; i++) {
		if (p->in) {
			EXPECT_EQ(0, pipe_transfer(p, 0));
		} else {
			EXPECT_ERRNO(EBUSY, pipe_transfer(p, 0));
		}
	}
	ASSERT_EQ(0, udc_set("hold", 0));
	EXPECT_TRUE(pipe_done(p, 0, WAIT_MS));
	expect_pipe_works(_metadata, p, 0);
}

/* What a fence needs must be there as long as a sync file is, whatever becomes of the rest. */
TEST_F(usb, sync_file_outlives_it_all)
{
	struct pipe *p = &self->p;
	int fence;

	ASSERT_EQ(0, ffs_attach(p->ep, p->blk[0].fd));
	fence = pipe_hold(_metadata, p, 0);
	ASSERT_EQ(0, ffs_detach(p->ep, p->blk[0].fd));
	EXPECT_EQ(-ECONNRESET, fence_wait(fence, WAIT_MS));
	block_free(&p->blk[0]);
	gadget_remove(&p->g);
	usleep(QUIET_MS * 1000);
	EXPECT_EQ(-ECONNRESET, fence_status(fence));
	close(fence);
}

static volatile bool readers_stop;

static void *read_fences(void *arg)
{
	const struct pipe *p = arg;
	int i = 0, fence;

	while (!readers_stop) {
		fence = pipe_fence(p, i % NUM_BLOCKS);
		if (fence >= 0) {
			fence_status(fence);
			close(fence);
		}
		pipe_done(p, i++ % NUM_BLOCKS, 0);
	}

	return NULL;
}

/* Those who look at fences without a lock meet fences that are about to go. */
TEST_F(usb, fences_are_looked_at_while_they_go)
{
	struct pipe *p = &self->p;
	pthread_t readers[2];
	int i;

	pipe_attach_all(_metadata, p);
	readers_stop = false;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&readers[i], NULL, read_fences, p));
	for (i = 0; i < 400; i++)
		EXPECT_EQ(0, pipe_transfer(p, i % NUM_BLOCKS));
	readers_stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	EXPECT_TRUE(pipe_done(p, NUM_BLOCKS - 1, WAIT_MS));
}

/* ----------------------------------------------------------- one direction */

FIXTURE(usb_in) {
	struct pipe p;
};

FIXTURE_SETUP(usb_in)
{
	pipe_setup(_metadata, &self->p, true);
}

FIXTURE_TEARDOWN(usb_in)
{
	pipe_teardown(&self->p);
}

/* The host of the tests is no use if it does not see this. */
TEST_F(usb_in, host_sees_what_is_lost_and_repeated)
{
	struct pipe *p = &self->p;
	long long jumps = pipe_count(p, "jumps");
	long long lost = pipe_count(p, "lost_bytes");

	pipe_attach_all(_metadata, p);
	expect_transfer_of(_metadata, p, &p->blk[0], SIZE);

	fill_counter(&p->blk[1], p->next);
	p->blk[1].map[SIZE / 4 - 1]++;
	ASSERT_EQ(0, pipe_transfer(p, 1));
	ASSERT_TRUE(pipe_done(p, 1, WAIT_MS));
	EXPECT_EQ(jumps + 1, pipe_count(p, "jumps"));
	EXPECT_EQ(lost + 4, pipe_count(p, "lost_bytes"));

	fill_counter(&p->blk[2], p->next);
	ASSERT_EQ(0, pipe_transfer(p, 2));
	ASSERT_TRUE(pipe_done(p, 2, WAIT_MS));
	EXPECT_EQ(jumps + 2, pipe_count(p, "jumps"));
	EXPECT_EQ(lost + 4, pipe_count(p, "lost_bytes"));
}

TEST_F(usb_in, host_clears_a_stall)
{
	struct pipe *p = &self->p;
	long long stalls = pipe_count(p, "stalls");
	char byte;

	/* How FunctionFS is told to halt an endpoint */
	EXPECT_EQ(-1, read(p->ep, &byte, 1));
	EXPECT_EQ(EBADMSG, errno);
	EXPECT_TRUE(wait_until(pipe_count(p, "stalls") == stalls + 1, WAIT_MS));
	pipe_attach_all(_metadata, p);
	expect_pipe_works(_metadata, p, 0);
}

/* write() and DMA-BUFs in turn on one endpoint */
TEST_F(usb_in, write_goes_between_transfers)
{
	struct pipe *p = &self->p;
	long long jumps = pipe_count(p, "jumps");
	uint32_t *data = malloc(SIZE);
	int round, i;

	ASSERT_TRUE(data != NULL);
	pipe_attach_all(_metadata, p);
	for (round = 0; round < 4; round++) {
		expect_transfer_of(_metadata, p, &p->blk[0], SIZE);
		for (i = 0; i < SIZE / 4; i++)
			data[i] = htole32(p->next++);
		EXPECT_EQ(SIZE, write(p->ep, data, SIZE));
	}
	EXPECT_EQ(jumps, pipe_count(p, "jumps"));
	free(data);
}

/* A block can be on its way more than once: all of that ends. */
static void hold_thrice(struct __test_metadata *_metadata, struct pipe *p,
			int fence[3])
{
	int i;

	ASSERT_EQ(0, ffs_attach(p->ep, p->blk[0].fd));
	for (i = 0; i < 3; i++)
		fence[i] = pipe_hold(_metadata, p, 0);
}

TEST_F(usb_in, detach_ends_all_transfers_of_a_block)
{
	struct pipe *p = &self->p;
	int fence[3], i;

	hold_thrice(_metadata, p, fence);
	ASSERT_EQ(0, ffs_detach(p->ep, p->blk[0].fd));
	for (i = 0; i < 3; i++)
		expect_fence(_metadata, fence[i], -ECONNRESET);
}

TEST_F(usb_in, close_ends_all_transfers_of_a_block)
{
	struct pipe *p = &self->p;
	int fence[3], i;

	hold_thrice(_metadata, p, fence);
	close(p->ep);
	p->g.in = -1;
	for (i = 0; i < 3; i++)
		expect_fence(_metadata, fence[i], -ECONNRESET);
}

FIXTURE(usb_out) {
	struct pipe p;
};

FIXTURE_SETUP(usb_out)
{
	pipe_setup(_metadata, &self->p, false);
}

FIXTURE_TEARDOWN(usb_out)
{
	pipe_teardown(&self->p);
}

/* Nobody tells how much it was: the fence says that it went well. */
TEST_F(usb_out, short_transfer_leaves_the_rest_alone)
{
	struct pipe *p = &self->p;

	pipe_attach_all(_metadata, p);
	block_fill(&p->blk[0], 0xa5);
	ASSERT_EQ(0, udc_set("short_bytes", SIZE / 2));
	ASSERT_EQ(0, pipe_transfer(p, 0));
	ASSERT_TRUE(pipe_done(p, 0, WAIT_MS));
	EXPECT_COUNTER(p->blk[0].map, SIZE / 2, &p->next, &p->started);
	EXPECT_EQ(0xa5a5a5a5, p->blk[0].map[SIZE / 2 / 4]);
	expect_transfer_of(_metadata, p, &p->blk[1], SIZE);
}

/* ----------------------------------------------------- all kinds of memory */

FIXTURE(usb_memory) {
	struct pipe p;
	struct block blk;
};

FIXTURE_VARIANT(usb_memory) {
	bool in;
	enum exporter exporter;
};

FIXTURE_VARIANT_ADD(usb_memory, in_system) { true, SYSTEM_HEAP };
FIXTURE_VARIANT_ADD(usb_memory, in_cma) { true, CMA_HEAP };
FIXTURE_VARIANT_ADD(usb_memory, in_udmabuf) { true, UDMABUF };
FIXTURE_VARIANT_ADD(usb_memory, in_pages) { true, UDMABUF_PAGES };
FIXTURE_VARIANT_ADD(usb_memory, in_merged) { true, MERGED };
FIXTURE_VARIANT_ADD(usb_memory, out_system) { false, SYSTEM_HEAP };
FIXTURE_VARIANT_ADD(usb_memory, out_cma) { false, CMA_HEAP };
FIXTURE_VARIANT_ADD(usb_memory, out_udmabuf) { false, UDMABUF };
FIXTURE_VARIANT_ADD(usb_memory, out_pages) { false, UDMABUF_PAGES };
FIXTURE_VARIANT_ADD(usb_memory, out_merged) { false, MERGED };

#define MEMORY_SIZE	262144

FIXTURE_SETUP(usb_memory)
{
	pipe_setup(_metadata, &self->p, variant->in);
	if (variant->exporter == MERGED && !merged_exists())
		SKIP_SETUP("no dmabuf_merged");
	ASSERT_EQ(0, block_wrap(&self->blk, exporter_alloc(variant->exporter,
							   MEMORY_SIZE),
				MEMORY_SIZE));
}

FIXTURE_TEARDOWN(usb_memory)
{
	pipe_teardown(&self->p);
	block_free(&self->blk);
}

TEST_F(usb_memory, of_any_length)
{
	static const size_t lengths[] = {
		4, 1020, 1024, 4096, 4100, 8192, 65536, MEMORY_SIZE - 4096,
		MEMORY_SIZE - 4, MEMORY_SIZE,
	};
	unsigned int i;

	ASSERT_EQ(0, ffs_attach(self->p.ep, self->blk.fd));
	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		expect_transfer_of(_metadata, &self->p, &self->blk, lengths[i]);
	EXPECT_EQ(0, ffs_detach(self->p.ep, self->blk.fd));
}

/* ----------------------------------------------- from the converter to USB */

FIXTURE(iio_usb) {
	struct iio_dut dut;
	struct pipe p;
	long long jumps;
	long long moved;
};

static void relay_attach(struct __test_metadata *_metadata,
			 const struct iio_dut *dut, struct pipe *p)
{
	int i;

	for (i = 0; i < NUM_BLOCKS; i++) {
		test_cmd_attach(dut->fd, p->blk[i].fd);
		ASSERT_EQ(0, ffs_attach(p->ep, p->blk[i].fd));
	}
}

FIXTURE_SETUP(iio_usb)
{
	dut_setup(_metadata, &self->dut, NEED_DMABUF | NEED_STALL);
	pipe_setup(_metadata, &self->p, true);
	relay_attach(_metadata, &self->dut, &self->p);
	self->jumps = pipe_count(&self->p, "jumps");
	self->moved = pipe_count(&self->p, "bytes");
}

FIXTURE_TEARDOWN(iio_usb)
{
	dut_teardown(_metadata, &self->dut);
	pipe_teardown(&self->p);
}

static int enqueue(const struct iio_dut *dut, const struct pipe *p, int i)
{
	return iio_enqueue(dut->fd, p->blk[i % NUM_BLOCKS].fd, p->size);
}

/*
 * @rounds blocks from the converter to the host. Nobody waits but the kernel, for fences, and
 * the CPU looks at nothing. Two blocks are on their way on either side. Returns 0 or -1.
 */
static int relay(const struct iio_dut *dut, const struct pipe *p, int rounds)
{
	int i;

	for (i = 0; i < NUM_BLOCKS; i++)
		if (enqueue(dut, p, i))
			return -1;
	for (i = 0; i < rounds; i++) {
		if (pipe_transfer(p, i % NUM_BLOCKS))
			return -1;
		if (i >= 2 && enqueue(dut, p, i - 2))
			return -1;
	}

	return 0;
}

/* The host has @blocks more of them than at first, and the counter went on. */
static void expect_arrived(struct __test_metadata *_metadata,
			   const struct pipe *p, long long moved, long long jumps,
			   int blocks)
{
	moved += (long long)blocks * p->size;
	EXPECT_TRUE(wait_until(pipe_count(p, "bytes") >= moved, WAIT_MS));
	EXPECT_EQ(moved, pipe_count(p, "bytes"));
	EXPECT_EQ(jumps, pipe_count(p, "jumps"));
}

TEST_F(iio_usb, order_is_kept_by_fences)
{
	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, relay(&self->dut, &self->p, 500)) {
		TH_LOG("relay: %s", strerror(errno));
	}
	expect_arrived(_metadata, &self->p, self->moved, self->jumps, 500);
}

/* The host is what is slow: the converter waits for blocks, and loses samples. */
TEST_F(iio_usb, order_is_kept_with_a_slow_host)
{
	ASSERT_EQ(0, udc_set("rate", 4000000));
	ASSERT_EQ(0, udc_set("delay_us", 2000));
	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, relay(&self->dut, &self->p, 50));
	expect_arrived(_metadata, &self->p, self->moved, self->jumps, 50);
}

TEST_F(iio_usb, block_is_not_filled_while_the_host_reads)
{
	struct iio_dut *dut = &self->dut;
	struct pipe *p = &self->p;
	int flags = fcntl(dut->fd, F_GETFL);

	ASSERT_EQ(0, dut_enable(dut));
	ASSERT_EQ(0, udc_set("hold", 1));
	ASSERT_EQ(0, enqueue(dut, p, 0));
	ASSERT_EQ(0, pipe_transfer(p, 0));
	fcntl(dut->fd, F_SETFL, flags | O_NONBLOCK);
	EXPECT_EQ(-1, enqueue(dut, p, 0));
	EXPECT_TRUE(errno == EAGAIN || errno == EBUSY);
	fcntl(dut->fd, F_SETFL, flags);
	ASSERT_EQ(0, udc_set("hold", 0));
	EXPECT_EQ(0, enqueue(dut, p, 0));
	ASSERT_EQ(0, pipe_transfer(p, 0));
	expect_arrived(_metadata, p, self->moved, self->jumps, 2);
}

TEST_F(iio_usb, unplug_leaves_the_converter_alone)
{
	struct iio_dut *dut = &self->dut;
	struct pipe *p = &self->p;
	int i;

	ASSERT_EQ(0, dut_enable(dut));
	ASSERT_EQ(0, udc_set("hold", 1));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, enqueue(dut, p, i));
		ASSERT_EQ(0, pipe_transfer(p, i));
	}
	ASSERT_EQ(0, udc_set("connected", 0));
	/* Its two blocks are free again, and there are samples to be had. */
	for (i = 0; i < NUM_BLOCKS; i++) {
		ASSERT_EQ(0, enqueue(dut, p, i));
		EXPECT_TRUE(block_wait(&p->blk[i], WAIT_MS));
	}

	ASSERT_EQ(0, udc_set("hold", 0));
	ASSERT_EQ(0, udc_set("connected", 1));
	self->moved = pipe_count(p, "bytes");
	ASSERT_EQ(0, relay(dut, p, 20));
	expect_arrived(_metadata, p, self->moved, self->jumps, 20);
}

TEST_F(iio_usb, unbind_of_the_gadget_leaves_the_converter_alone)
{
	struct iio_dut *dut = &self->dut;
	struct pipe *p = &self->p;

	ASSERT_EQ(0, dut_enable(dut));
	ASSERT_EQ(0, udc_set("hold", 1));
	ASSERT_EQ(0, enqueue(dut, p, 0));
	ASSERT_EQ(0, pipe_transfer(p, 0));
	ASSERT_EQ(0, gadget_unbind());
	ASSERT_EQ(0, enqueue(dut, p, 0));
	EXPECT_TRUE(block_wait(&p->blk[0], WAIT_MS));

	ASSERT_EQ(0, udc_set("hold", 0));
	ASSERT_EQ(0, gadget_bind());
	ASSERT_TRUE(wait_until(udc_state_is("configured"), WAIT_MS));
	self->moved = pipe_count(p, "bytes");
	ASSERT_EQ(0, relay(dut, p, 20));
	expect_arrived(_metadata, p, self->moved, self->jumps, 20);
}

/*
 * A block that never got its samples does not keep the host waiting. FunctionFS does not look at
 * the error of a fence, so that what was in the block goes out.
 */
TEST_F(iio_usb, unbind_of_the_converter_leaves_usb_alone)
{
	struct iio_dut *dut = &self->dut;
	struct pipe *p = &self->p;
	struct sleeper s;
	int i;

	ASSERT_EQ(0, dut_stall(dut, true));
	ASSERT_EQ(0, dut_enable(dut));
	ASSERT_EQ(0, enqueue(dut, p, 0));
	ASSERT_TRUE(sleeper_start(&s, transfer_first, p));
	ASSERT_EQ(0, dut_unbind(dut));
	ASSERT_TRUE(sleeper_join(&s, AT_ONCE_MS));
	EXPECT_EQ(0, s.ret);
	EXPECT_TRUE(pipe_done(p, 0, WAIT_MS));

	dut_close_fd(dut);
	dut_reset_faults(dut);
	ASSERT_TRUE(dut_rebind(dut));
	dut->fd = dut_open_fd(dut);
	ASSERT_GE(dut->fd, 0);
	dut_scan_enable(dut);
	for (i = 0; i < NUM_BLOCKS; i++)
		test_cmd_attach(dut->fd, p->blk[i].fd);
	/* The host begins anew to count. */
	ASSERT_EQ(0, udc_set("connected", 0));
	ASSERT_EQ(0, udc_set("connected", 1));
	self->moved = pipe_count(p, "bytes");
	self->jumps = pipe_count(p, "jumps");
	ASSERT_EQ(0, dut_enable(dut));
	ASSERT_EQ(0, relay(dut, p, 20));
	expect_arrived(_metadata, p, self->moved, self->jumps, 20);
}

/* ------------------------------------------------------------------- volume */

FIXTURE(iio_usb_volume) {
	struct iio_dut dut;
	struct pipe p;
};

FIXTURE_SETUP(iio_usb_volume)
{
	dut_setup(_metadata, &self->dut, NEED_DMABUF | NEED_STALL);
	pipe_setup_size(_metadata, &self->p, true, 1 << 20);
	relay_attach(_metadata, &self->dut, &self->p);
}

FIXTURE_TEARDOWN(iio_usb_volume)
{
	dut_teardown(_metadata, &self->dut);
	pipe_teardown(&self->p);
}

/* USB_VOLUME_MIB in the environment says how much. The host looks at every word. */
TEST_F_TIMEOUT(iio_usb_volume, nothing_is_lost_or_repeated, 3600)
{
	int mib = atoi(getenv("USB_VOLUME_MIB") ?: "64");
	long long moved = pipe_count(&self->p, "bytes");
	long long jumps = pipe_count(&self->p, "jumps");
	uint64_t begin = now_ms();

	ASSERT_EQ(0, udc_set("rate", 0));
	ASSERT_EQ(0, dut_enable(&self->dut));
	ASSERT_EQ(0, relay(&self->dut, &self->p, mib)) {
		TH_LOG("relay: %s", strerror(errno));
	}
	expect_arrived(_metadata, &self->p, moved, jumps, mib);
	printf("# %d MiB in %llu ms\n", mib, (unsigned long long)(now_ms() - begin));
}

/* --------------------------------------------------------------------- kill */

FIXTURE(iio_usb_kill) {
	struct iio_dut dut;
	struct gadget g;
	struct block blk[NUM_BLOCKS];
};

FIXTURE_SETUP(iio_usb_kill)
{
	dut_setup(_metadata, &self->dut, NEED_DMABUF | NEED_STALL | NEED_BUFINFO);
	gadget_setup(_metadata, &self->g);
	gadget_remove(&self->g);
}

FIXTURE_TEARDOWN(iio_usb_kill)
{
	dut_teardown(_metadata, &self->dut);
	gadget_teardown(&self->g);
}

/* The victim: has all to itself, and relays until it dies. */
static void __attribute__((noreturn)) relay_for_ever(struct iio_dut *dut,
						     struct block *blk)
{
	struct pipe p = { .in = true, .size = SIZE };
	int i;

	dut->fd = dut_open_fd(dut);
	if (dut->fd < 0 || gadget_create(&p.g))
		_exit(1);
	p.ep = p.g.in;
	for (i = 0; i < NUM_BLOCKS; i++) {
		p.blk[i] = blk[i];
		if (iio_attach(dut->fd, blk[i].fd) || ffs_attach(p.ep, blk[i].fd))
			_exit(2);
	}
	if (!dut_enable(dut))
		relay(dut, &p, INT_MAX);
	_exit(3);
}

TEST_F(iio_usb_kill, leaves_both_sides_working_and_nothing_mapped)
{
	struct iio_dut *dut = &self->dut;
	long long moved;
	int round, i;
	struct pipe p;
	pid_t pid;

	dut_close_fd(dut);
	srand(1);
	for (round = 0; round < 10; round++) {
		for (i = 0; i < NUM_BLOCKS; i++)
			ASSERT_EQ(0, block_alloc(&self->blk[i], SIZE));
		moved = udc_get("ep1in/bytes");
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid)
			relay_for_ever(dut, self->blk);
		for (i = 0; i < NUM_BLOCKS; i++)
			block_free(&self->blk[i]);

		EXPECT_TRUE(wait_until(udc_get("ep1in/bytes") > moved, WAIT_MS));
		usleep(rand() % 50000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		for (i = 0; i < NUM_BLOCKS; i++)
			EXPECT_TRUE(wait_until(!block_alive(&self->blk[i]), WAIT_MS));
		dut_disable(dut);
		gadget_remove(&self->g);
		EXPECT_TRUE(wait_until(!udc_get("requests"), WAIT_MS));
	}

	dut->fd = dut_open_fd(dut);
	ASSERT_GE(dut->fd, 0);
	pipe_setup(_metadata, &p, true);
	relay_attach(_metadata, dut, &p);
	moved = pipe_count(&p, "bytes");
	ASSERT_EQ(0, dut_enable(dut));
	EXPECT_EQ(0, relay(dut, &p, 20));
	expect_arrived(_metadata, &p, moved, pipe_count(&p, "jumps"), 20);
	dut_disable(dut);
	pipe_teardown(&p);
}

IIO_TEST_MAIN
