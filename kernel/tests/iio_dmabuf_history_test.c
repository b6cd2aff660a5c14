// SPDX-License-Identifier: GPL-2.0
/*
 * The faults of mainline's DMABUF interface (v6.11 and later), each with what
 * brings it about. G1 to G19 are the numbers that Documentation/peer.md of the
 * series gives them. A test is named for the fault, so "ok" means that this
 * kernel does not have it; where nothing else is said, v6.11 to v7.3 do.
 *
 * Some need a checker of the kernel to be seen: a use after free needs KASAN, a
 * circle of locks PROVE_LOCKING. Whoever runs these has to look at the kernel log.
 *
 * Where a test in another file is the trigger already, it is not repeated:
 *
 *   read() of a removed device		unbind.wakes_read
 */
#include "iio_test_bufs.h"

/* Also for tests that have taken the device away, and for its next bind */
static void teardown(struct __test_metadata *_metadata, struct bufs *b)
{
	/* An unbind may still be waiting for a slow ATTACH. */
	merged_reset();
	if (access(b->dut.sysfs, F_OK)) {
		dut_close_fd(&b->dut);
		dut_rebind(&b->dut);
		dut_scan_all(&b->dut);
	}
	bufs_teardown(_metadata, b);
}

/* Enqueues block @i, and returns the fence of that. */
static int queue(struct __test_metadata *_metadata, const struct bufs *b, int i)
{
	int fence;

	ASSERT_EQ(0, enqueue(b, i));
	fence = fence_export(&b->blk[i]);
	ASSERT_GE(fence, 0);

	return fence;
}

/* Attaches and enqueues block @i of the disabled buffer. */
static int attach_and_queue(struct __test_metadata *_metadata,
			    const struct bufs *b, int i)
{
	test_cmd_attach(b->dut.fd, b->blk[i].fd);

	return queue(_metadata, b, i);
}

/* The same, with the transfer going on and not coming to an end */
static int attach_and_stall(struct __test_metadata *_metadata,
			    const struct bufs *b, int i)
{
	test_cmd_attach(b->dut.fd, b->blk[i].fd);
	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));

	return queue(_metadata, b, i);
}

/* The device has come back; the old buffer is closed. */
static void open_again(struct __test_metadata *_metadata, struct bufs *b)
{
	dut_scan_all(&b->dut);
	next_opens(_metadata, b);
}

static int read_some(void *arg)
{
	const struct bufs *b = arg;
	static char data[4096];

	return read(b->dut.fd, data, sizeof(data));
}

static int enqueue_first(void *arg)
{
	return enqueue(arg, 0);
}

static int begin_read(void *arg)
{
	return block_begin_read(arg);
}

/* The same for the output device; a test without one is skipped. */
static struct bufs *use_output(struct __test_metadata *_metadata,
			       struct bufs *out)
{
	out->dut.name = output_name();
	bufs_setup(_metadata, out, NEED_FAULTS);
	attach_all(_metadata, out);

	return out;
}

static void stop_output(struct __test_metadata *_metadata, struct bufs *out)
{
	if (out->dut.name)
		teardown(_metadata, out);
}

/* What somebody would wait for who wants to write to the block, as the CPU does */
static int export_read_fence(struct __test_metadata *_metadata,
			     const struct bufs *b, int i)
{
	int fence = fence_export_for(&b->blk[i], DMA_BUF_SYNC_WRITE);

	ASSERT_GE(fence, 0);

	return fence;
}

/* Block 0 of the output buffer goes out, and has done so some times. */
static void start_cyclic(struct __test_metadata *_metadata,
			 const struct bufs *b)
{
	long long before = fault_get("tx/completed");

	ASSERT_EQ(0, fault_set("tx/rate", 100 * SIZE));
	ASSERT_EQ(0, dut_enable(&b->dut));
	if (iio_enqueue_flags(b->dut.fd, b->blk[0].fd, SIZE,
			      IIO_BUFFER_DMABUF_CYCLIC)) {
		ASSERT_EQ(EINVAL, errno);
		SKIP_SETUP("kernel without cyclic transfers");
	}
	EXPECT_TRUE(wait_until(fault_get("tx/completed") >= before + 3,
			       WAIT_MS));
}

#define NO_STALL	"a device whose transfers cannot be held back"
#define NO_BUFINFO	"no dma-buf of ours in " BUFINFO
#define NO_MODULES	"adc_dummy is no module, or not to be found"

/* -------------------------------------------- still there in mainline v7.3 */

FIXTURE(mainline) {
	struct bufs b;
	struct bufs out;
};

FIXTURE_SETUP(mainline)
{
	bufs_setup(_metadata, &self->b, 0);
}

FIXTURE_TEARDOWN(mainline)
{
	stop_output(_metadata, &self->out);
	teardown(_metadata, &self->b);
}

/*
 * An output buffer does not wait for the fence of its own first ENQUEUE. A
 * second one of the same dma-buf publishes a fence in place of that, which frees
 * it, and only then sees that the block is busy. The end of the transfer signals
 * freed memory.
 */
TEST_F(mainline, g01_second_enqueue_frees_the_fence_of_the_first)
{
	struct bufs *b = use_output(_metadata, &self->out);
	long long before = fault_get("tx/completed");

	ASSERT_EQ(0, enqueue(b, 0));
	EXPECT_EQ(-1, enqueue(b, 0));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_TRUE(wait_until(fault_get("tx/completed") > before, WAIT_MS));
}

/* ... and who looks for the first one finds that the block is not in use. */
TEST_F(mainline, g01_second_enqueue_hides_the_fence_of_the_first)
{
	struct bufs *b = use_output(_metadata, &self->out);
	int fence;

	ASSERT_EQ(0, enqueue(b, 0));
	EXPECT_EQ(-1, enqueue(b, 0));
	fence = export_read_fence(_metadata, b, 0);
	EXPECT_EQ(0, fence_status(fence));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

#define SLOW_MS		5

struct sender {
	struct bufs *b;
	pthread_t thread;
	volatile bool *stop;
	volatile unsigned int sent, early, lost;
};

/* Enqueues block 0 as soon as that works. No transfer takes less than SLOW_MS. */
static void *send_first(void *arg)
{
	struct sender *s = arg;
	uint64_t start;
	int fence;

	while (!*s->stop && !s->lost) {
		start = now_ms();
		if (enqueue(s->b, 0))
			continue;

		fence = fence_export_for(&s->b->blk[0], DMA_BUF_SYNC_WRITE);
		s->sent++;
		s->lost += fence_wait(fence, WAIT_MS) != 1;
		s->early += now_ms() - start < SLOW_MS - 1;
		close(fence);
	}

	return NULL;
}

/*
 * The end of a transfer marks the block as done, and reads its fence after that.
 * In between another CPU can enqueue the block: the new fence signals at once.
 * An input buffer waits for the old fence first.
 */
TEST_F_TIMEOUT(mainline, g02_old_completion_signals_the_new_fence, 60)
{
	struct bufs *b = use_output(_metadata, &self->out);
	volatile bool stop = false;
	struct sender s[2] = { };
	unsigned int i;

	ASSERT_EQ(0, fault_set("delay_us", 1000 * SLOW_MS));
	ASSERT_EQ(0, dut_enable(&b->dut));
	dut_nonblock(&b->dut, true);
	for (i = 0; i < ARRAY_SIZE(s); i++) {
		s[i].b = b;
		s[i].stop = &stop;
		ASSERT_EQ(0, pthread_create(&s[i].thread, NULL, send_first,
					    &s[i]));
	}
	wait_until(s[0].sent + s[1].sent > 500 || s[0].lost || s[1].lost,
		   4 * WAIT_MS);
	stop = true;
	for (i = 0; i < ARRAY_SIZE(s); i++) {
		pthread_join(s[i].thread, NULL);
		EXPECT_EQ(0, s[i].lost);
		EXPECT_EQ(0, s[i].early);
	}
	EXPECT_LT(0, s[0].sent + s[1].sent);
}

/*
 * ENQUEUE returns 0 for a transfer that the DMA engine has refused, and the
 * block stays busy until it is detached.
 */
TEST_F(mainline, g03_refused_transfer_is_reported_as_queued)
{
	struct bufs *b = &self->b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	EXPECT_EQ(-1, enqueue(b, 0));
	EXPECT_EQ(0, fault_get("refuse_prep"));
}

TEST_F(mainline, g03_refused_block_is_busy_for_good)
{
	struct bufs *b = &self->b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, fault_set("refuse_prep", 1));
	enqueue(b, 0);
	ASSERT_EQ(0, fault_get("refuse_prep"));
	expect_transfer(_metadata, &b->dut, &b->blk[0]);
}

/*
 * ATTACH empties the queue of the disabled buffer, to get rid of the blocks of
 * read(): what other dma-bufs have queued never starts.
 */
TEST_F(mainline, g04_attach_orphans_a_queued_block)
{
	struct bufs *b = &self->b;
	int fence = attach_and_queue(_metadata, b, 0);

	test_cmd_attach(b->dut.fd, b->blk[1].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

/* ... and stays pinned and mapped for good, as its transfer keeps it. */
TEST_F(mainline, g04_orphaned_block_is_never_freed)
{
	struct bufs *b = &self->b;

	if (!block_alive(&b->blk[0]))
		SKIP(return, NO_BUFINFO);

	close(attach_and_queue(_metadata, b, 0));
	test_cmd_attach(b->dut.fd, b->blk[1].fd);
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	test_cmd_detach(b->dut.fd, b->blk[1].fd);
	dut_close_fd(&b->dut);
	block_free(&b->blk[0]);
	EXPECT_TRUE(wait_until(!block_alive(&b->blk[0]), WAIT_MS));
}

/* The removal of the device empties the queue in the same way. */
TEST_F(mainline, g04_removal_orphans_a_queued_block)
{
	struct bufs *b = &self->b;
	int fence;

	if (!b->dut.stall)
		SKIP(return, NO_STALL);

	fence = attach_and_queue(_metadata, b, 0);
	ASSERT_EQ(0, dut_unbind(&b->dut));
	EXPECT_LT(fence_wait(fence, WAIT_MS), 0);
	close(fence);
}

/*
 * read() takes the blocks that it has in its own mode, which are NULL as long as
 * dma-bufs are attached. With O_NONBLOCK it gets as far as looking into one.
 */
TEST_F(mainline, g05_nonblocking_read_follows_a_null_pointer)
{
	struct bufs *b = &self->b;

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_EQ(0, dut_disable(&b->dut));
	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	dut_nonblock(&b->dut, true);
	EXPECT_EQ(-1, read_some(b));
}

/* Without O_NONBLOCK it sleeps, and nothing that comes will wake it. */
TEST_F(mainline, g05_blocking_read_sleeps_for_good)
{
	struct bufs *b = &self->b;
	struct sleeper s;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_FALSE(sleeper_start(&s, read_some, b));
	ASSERT_TRUE(s.done);
	EXPECT_EQ(-1, s.ret);
}

/*
 * The fence of a block queued on a disabled buffer depends on user space, which
 * may never enable it; that much the ABI wants. But in mainline nothing else ends
 * it either, so that who waits for the dma-buf waits on after the DETACH.
 */
TEST_F(mainline, g06_fence_is_pending_after_detach)
{
	struct bufs *b = &self->b;
	struct sleeper s;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, enqueue(b, 0));
	ASSERT_TRUE(sleeper_start(&s, begin_read, &b->blk[0]));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
}

/* That of a cyclic transfer, even when another one has taken its place */
TEST_F(mainline, g06_cyclic_fence_is_pending_until_disabled)
{
	struct bufs *b = use_output(_metadata, &self->out);
	int fence;

	start_cyclic(_metadata, b);
	fence = export_read_fence(_metadata, b, 0);
	ASSERT_EQ(0, enqueue(b, 1));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

/* A process that enqueues, without enabling, and is killed */
static void die_with_a_queued_block(struct __test_metadata *_metadata,
				    struct bufs *b)
{
	int status;
	pid_t pid;

	dut_close_fd(&b->dut);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		b->dut.fd = dut_open_fd(&b->dut);
		if (iio_attach(b->dut.fd, b->blk[0].fd) || enqueue(b, 0))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	b->dut.fd = dut_open_fd(&b->dut);
	ASSERT_GE(b->dut.fd, 0);
}

/*
 * close() leaves queued blocks in the queue, that of a killed process too. The
 * buffer counts as one for dma-bufs then, and the next program's read() gets
 * nothing.
 */
TEST_F(mainline, g07_nobody_can_read_after_a_killed_process)
{
	struct bufs *b = &self->b;

	die_with_a_queued_block(_metadata, b);
	expect_read_mode_works(_metadata, &b->dut);
}

/* ... instead, samples go where the dead one wanted them. */
TEST_F(mainline, g07_killed_process_gets_the_samples_of_the_next)
{
	struct bufs *b = &self->b;
	const uint32_t *data = b->blk[0].map;

	block_fill(&b->blk[0], 0xa5);
	die_with_a_queued_block(_metadata, b);
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_FALSE(wait_until(data[SIZE / 4 - 1] != 0xa5a5a5a5, QUIET_MS));
}

/*
 * The ioctls do not look whether the device is still there. ATTACH maps by way of
 * a DMA channel that was released.
 */
TEST_F(mainline, g08_attach_after_the_device_was_removed)
{
	struct bufs *b = &self->b;

	if (!b->dut.stall)
		SKIP(return, NO_STALL);

	ASSERT_EQ(0, dut_unbind(&b->dut));
	test_err_attach(ENODEV, b->dut.fd, b->blk[0].fd);
}

/* ENQUEUE queues what nothing will ever start or cancel. */
TEST_F(mainline, g08_enqueue_after_the_device_was_removed)
{
	struct bufs *b = &self->b;

	if (!b->dut.stall)
		SKIP(return, NO_STALL);

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_unbind(&b->dut));
	EXPECT_ERRNO(ENODEV, enqueue(b, 0));
	EXPECT_TRUE(block_wait(&b->blk[0], WAIT_MS));
}

/* poll() says that all is well, so that who was woken by the removal sleeps on. */
TEST_F(mainline, g08_poll_after_the_device_was_removed)
{
	struct bufs *b = &self->b;
	struct pollfd pfd = { .events = POLLIN };

	if (!b->dut.stall)
		SKIP(return, NO_STALL);

	ASSERT_EQ(0, dut_unbind(&b->dut));
	pfd.fd = b->dut.fd;
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLERR | POLLHUP, pfd.revents & (POLLERR | POLLHUP));
}

#define DMA_DRIVER	"/sys/bus/platform/drivers/dma-dummy/"

/*
 * Dma-bufs stay mapped for a DMA controller whose driver is gone, until the close:
 * by then its IOMMU domain may be that of another driver.
 */
TEST_F(mainline, g08_mapping_outlives_the_dma_controller)
{
	struct bufs *b = &self->b;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);
	if (!block_alive(&b->blk[0]))
		SKIP(return, NO_BUFINFO);
	if (access(DMA_DRIVER "unbind", W_OK))
		SKIP(return, "no " DMA_DRIVER);

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	EXPECT_EQ(1, block_attachments(&b->blk[0], NULL, 0));
	ASSERT_EQ(0, file_write(DMA_DRIVER "unbind", "dma-dummy"));
	EXPECT_EQ(0, block_attachments(&b->blk[0], NULL, 0));
	dut_close_fd(&b->dut);
	ASSERT_EQ(0, file_write(DMA_DRIVER "bind", "dma-dummy"));
	dut_bind(&b->dut, "bind");
	EXPECT_TRUE(wait_until(dut_find(&b->dut) &&
			       !access(b->dut.node, R_OK), WAIT_MS));
}

/* ... or for a DMA controller that does not exist any more: use after free. */
TEST_F(mainline, g08_close_unmaps_for_a_device_that_was_freed)
{
	struct bufs *b = &self->b;
	char engine[64];

	if (!b->dut.faults || !modules_exist())
		SKIP(return, NO_MODULES);

	modules_engine(engine, sizeof(engine));
	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, module_unload("adc_dummy"));
	EXPECT_TRUE(wait_until(!module_unload("dma_dummy"), WAIT_MS));
	dut_close_fd(&b->dut);
	ASSERT_TRUE(modules_reload(&b->dut, engine, ""));
}

static bool lockdep_is_on(void)
{
	FILE *f = fopen("/proc/lockdep_stats", "r");
	char line[128];
	int on = 0;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, " debug_locks: %d", &on);
	if (f)
		fclose(f);

	return on;
}

/*
 * read() copies to user space, which takes mmap_lock, with the lock of the queue
 * held; ENQUEUE takes that lock under the reservation lock; and exporters take
 * mmap_lock outside of the reservation lock. Lockdep tells once it has seen both
 * modes.
 */
TEST_F(mainline, g09_read_closes_a_circle_of_locks)
{
	struct bufs *b = &self->b;

	if (!lockdep_is_on())
		SKIP(return, "no CONFIG_PROVE_LOCKING, or it has given up");

	expect_read_mode_works(_metadata, &b->dut);
	expect_dmabuf_mode_works(_metadata, &b->dut);
	expect_read_mode_works(_metadata, &b->dut);
	EXPECT_TRUE(lockdep_is_on());
}

/*
 * ENQUEUE waits for the fence of somebody else, for up to 5 s, with the reservation
 * lock held. Whoever polls the dma-buf meanwhile cannot even be killed.
 */
TEST_F(mainline, g10_wait_for_a_fence_holds_the_reservation_lock)
{
	struct bufs *b = &self->b;
	struct sleeper s;
	int fence, status;
	pid_t pid;

	if (!b->dut.stall)
		SKIP(return, NO_STALL);

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	fence = attach_and_stall(_metadata, b, 1);
	if (fence_import(&b->blk[0], fence))
		SKIP(return, "kernel cannot import a fence into a dma-buf");
	close(fence);
	ASSERT_TRUE(sleeper_start(&s, enqueue_first, b));

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		block_wait(&b->blk[0], -1);
		_exit(0);
	}
	usleep(QUIET_MS * 1000);
	kill(pid, SIGKILL);
	EXPECT_TRUE(wait_until(waitpid(pid, &status, WNOHANG) == pid,
			       AT_ONCE_MS));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_TRUE(sleeper_join(&s, 2 * WAIT_MS));
}

/*
 * What a transfer holds is put by a worker that nobody waits for, and which may
 * come after the device, its DMA controller and their modules have gone.
 */
TEST_F_TIMEOUT(mainline, g11_worker_outlives_the_modules, 60)
{
	struct bufs *b = &self->b;
	char engine[64];
	int i;

	if (!b->dut.faults || !modules_exist())
		SKIP(return, NO_MODULES);
	if (!block_alive(&b->blk[0]))
		SKIP(return, NO_BUFINFO);

	modules_engine(engine, sizeof(engine));
	for (i = 0; i < 4; i++) {
		close(attach_and_stall(_metadata, b, 0));
		dut_close_fd(&b->dut);
		ASSERT_EQ(0, module_unload("adc_dummy"));
		EXPECT_EQ(0, block_attachments(&b->blk[0], NULL, 0));
		ASSERT_TRUE(modules_reload(&b->dut, engine, ""));
		open_again(_metadata, b);
	}
}

/* Whether allocations of 16 KiB or more in one piece fail for this task */
static int fail_large_allocations(bool fail)
{
	const char * const settings[][2] = {
		{ FAIL_PAGE "times", "-1" },
		{ FAIL_PAGE "task-filter", fail ? "Y" : "N" },
		{ FAIL_PAGE "min-order", fail ? "2" : "0" },
		{ "/proc/thread-self/make-it-fail", fail ? "1" : "0" },
		{ FAIL_PAGE "probability", fail ? "100" : "0" },
	};
	unsigned int i;
	int ret = 0;

	fail_alloc_setup(true);
	for (i = 0; !ret && i < ARRAY_SIZE(settings); i++)
		ret = file_write(settings[i][0], settings[i][1]);

	return ret;
}

/*
 * Each ENQUEUE makes a list of all pages, in one piece and without being allowed
 * to sleep: 1 MiB for 256 MiB of single pages. Where there is no such piece, the
 * transfer is lost like any that is refused (G3). Here it is 16 KiB for 4 MiB.
 */
TEST_F(mainline, g12_enqueue_allocates_in_proportion_to_the_size)
{
	struct bufs *b = &self->b;
	struct block *blk = &b->blk[0];
	const size_t size = 4u << 20;
	int fd, fence, ret;

	if (access(FAIL_PAGE, R_OK))
		SKIP(return, "no CONFIG_FAIL_PAGE_ALLOC");
	fd = udmabuf_alloc(size, true);
	if (fd < 0)
		SKIP(return, "no udmabuf");
	block_free(blk);
	ASSERT_EQ(0, block_wrap(blk, fd, size));
	test_cmd_attach(b->dut.fd, blk->fd);
	if (b->dut.stall)
		ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));

	ASSERT_EQ(0, fail_large_allocations(true));
	ret = iio_enqueue(b->dut.fd, blk->fd, size);
	fence = fence_export(blk);
	fail_large_allocations(false);

	EXPECT_EQ(0, ret);
	ASSERT_GE(fence, 0);
	if (b->dut.stall)
		ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	ASSERT_TRUE(block_wait(blk, WAIT_MS));
	expect_transfer(_metadata, &b->dut, blk);
	close(fence);
}

/* A transfer that the engine reports as failed signals success. */
TEST_F(mainline, g13_failed_transfer_signals_success)
{
	struct bufs *b = &self->b;
	int fence;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, fault_set("fail", 1));
	fence = attach_and_stall(_metadata, b, 0);
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(-EIO, fence_wait(fence, WAIT_MS));
	close(fence);
}

/* How much a transfer that ended early has brought is not reported. */
TEST_F(mainline, g13_length_of_a_short_transfer_is_not_reported)
{
	SKIP(return, "the ABI has no place for it, here neither");
}

/*
 * Disabling the buffer signals EINTR, as if there had been a signal, and not the
 * ECANCELED of the documentation of dma-fence.
 */
TEST_F(mainline, g14_disable_signals_eintr)
{
	struct bufs *b = &self->b;
	int fence;

	if (!b->dut.stall)
		SKIP(return, NO_STALL);

	fence = attach_and_stall(_metadata, b, 0);
	ASSERT_EQ(0, dut_disable(&b->dut));
	EXPECT_EQ(-ECANCELED, fence_wait(fence, WAIT_MS));
	close(fence);
}

/*
 * ENQUEUE takes a length that the DMA engine cannot do, which G3 then turns into a
 * transfer that is lost.
 */
TEST_F(mainline, g15_length_is_not_checked)
{
	struct bufs *b = &self->b;

	if (b->dut.align < 2)
		SKIP(return, "this engine takes every length");

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	test_err_enqueue(EINVAL, b->dut.fd, b->blk[0].fd, SIZE - 1);
	ASSERT_EQ(0, dut_enable(&b->dut));
	test_err_enqueue(EINVAL, b->dut.fd, b->blk[0].fd, SIZE - 1);
	expect_transfer(_metadata, &b->dut, &b->blk[0]);
}

/* ATTACH succeeds though the engine cannot do vectors: every transfer is lost (G3). */
TEST_F(mainline, g16_attach_succeeds_without_vectors)
{
	struct bufs *b = &self->b;
	char engine[64];

	if (!b->dut.faults || !modules_exist())
		SKIP(return, NO_MODULES);

	modules_engine(engine, sizeof(engine));
	dut_close_fd(&b->dut);
	EXPECT_TRUE(modules_reload(&b->dut, engine, "vec=N"));
	b->dut.fd = dut_open_fd(&b->dut);
	test_err_attach(EPERM, b->dut.fd, b->blk[0].fd);
	dut_close_fd(&b->dut);
	ASSERT_TRUE(modules_reload(&b->dut, engine, ""));
	open_again(_metadata, b);
}

/*
 * With O_NONBLOCK "would have to wait" is EBUSY, and so are five other things:
 * nobody can tell whether to try again.
 */
TEST_F(mainline, g17_nonblocking_enqueue_cannot_be_told_to_retry)
{
	struct bufs *b = &self->b;
	int fence;

	if (!b->dut.stall)
		SKIP(return, NO_STALL);

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	fence = attach_and_stall(_metadata, b, 1);
	if (fence_import(&b->blk[0], fence))
		SKIP(return, "kernel cannot import a fence into a dma-buf");
	close(fence);

	dut_nonblock(&b->dut, true);
	EXPECT_ERRNO(EAGAIN, enqueue(b, 0));
	EXPECT_ERRNO(EAGAIN, enqueue(b, 1));

	/* Nothing to wait for: what is queued may wait for the caller. */
	ASSERT_EQ(0, dut_disable(&b->dut));
	ASSERT_EQ(0, enqueue(b, 1));
	EXPECT_ERRNO(EBUSY, enqueue(b, 1));
}

/* The buffer's own fd never becomes readable as long as dma-bufs are used. */
TEST_F(mainline, g18_poll_on_the_buffer_reports_nothing)
{
	SKIP(return, "poll() on the dma-buf is the interface, here too");
}

/* DMA_BUF_IOCTL_SYNC has no range; udmabuf does not sync for its importers. */
TEST_F(mainline, g19_cache_maintenance_of_the_exporters)
{
	SKIP(return, "a matter of the exporters, not of IIO");
}

/* ----------------------------------------------- fixed in mainline meanwhile */

FIXTURE(fixed) {
	struct bufs b;
	struct bufs out;
};

FIXTURE_SETUP(fixed)
{
	bufs_setup(_metadata, &self->b, 0);
}

FIXTURE_TEARDOWN(fixed)
{
	stop_output(_metadata, &self->out);
	teardown(_metadata, &self->b);
}

/*
 * Dma-bufs were mapped for the parent of the IIO device, which does no DMA and has
 * another mask and IOMMU than the DMA engine: up to 6.12.60 (3db847df994d).
 */
TEST_F(fixed, mapped_for_the_parent_of_the_iio_device)
{
	char dev[NAME_MAX] = "";
	struct bufs *b = &self->b;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	if (block_attachments(&b->blk[0], dev, sizeof(dev)) < 0)
		SKIP(return, NO_BUFINFO);

	EXPECT_STRNE("", dev);
	EXPECT_STRNE(b->dut.parent, dev);
}

/* The flag for cyclic transfers did nothing: before v7. */
TEST_F(fixed, cyclic_flag_was_ignored)
{
	start_cyclic(_metadata, use_output(_metadata, &self->out));
}

/* Only the end of all transfers ended a cyclic one: before v7 (ac85913ab71e). */
TEST_F(fixed, cyclic_transfer_could_not_be_replaced)
{
	struct bufs *b = use_output(_metadata, &self->out);
	int fence;

	start_cyclic(_metadata, b);
	ASSERT_EQ(0, enqueue(b, 1));
	fence = export_read_fence(_metadata, b, 1);
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

static void transfers(struct __test_metadata *_metadata, const struct bufs *b,
		      int n)
{
	while (n--) {
		ASSERT_EQ(0, enqueue(b, 0));
		ASSERT_TRUE(block_wait(&b->blk[0], WAIT_MS));
	}
}

/*
 * Each ENQUEUE leaked its fence, of 128 bytes or more, up to v7.0 and 6.12.92
 * (a09399935508). KASAN holds freed memory back: there kmemleak has to tell.
 */
TEST_F_TIMEOUT(fixed, each_enqueue_leaked_its_fence, 120)
{
	struct bufs *b = &self->b;
	const int n = 2000;
	long before;

	if (!access("/sys/kernel/debug/kmemleak", R_OK))
		SKIP(return, "kmemleak reports it, at the end of the run");

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	transfers(_metadata, b, 200);
	before = meminfo_kib("SUnreclaim");
	ASSERT_LT(0, before);
	transfers(_metadata, b, n);
	EXPECT_TRUE(wait_until(meminfo_kib("SUnreclaim") - before < n * 128 / 2 / 1024,
			       WAIT_MS));
}

/*
 * close() unlocked a mutex in the buffer after it had put the device, and with it
 * the last reference to the buffer if that was removed before: up to 6.12.109
 * (6288b593e76e).
 */
TEST_F(fixed, close_unlocked_a_mutex_of_a_freed_buffer)
{
	struct bufs *b = &self->b;

	if (!b->dut.stall)
		SKIP(return, NO_STALL);

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_unbind(&b->dut));
	dut_close_fd(&b->dut);
}

/*
 * The lock of a fence was part of the attachment, which went at DETACH, while a
 * sync file can keep the fence: up to 6.12.109 (f25ec4627d93).
 */
TEST_F(fixed, lock_of_a_fence_was_freed_before_the_fence)
{
	struct bufs *b = &self->b;
	int fence;

	if (!b->dut.stall)
		SKIP(return, NO_STALL);
	if (!block_alive(&b->blk[0]))
		SKIP(return, NO_BUFINFO);

	fence = attach_and_stall(_metadata, b, 0);
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_EQ(1, fence_wait(fence, WAIT_MS));
	test_cmd_detach(b->dut.fd, b->blk[0].fd);
	ASSERT_TRUE(wait_until(!block_attachments(&b->blk[0], NULL, 0),
			       WAIT_MS));
	dut_close_fd(&b->dut);
	EXPECT_EQ(1, fence_status(fence));
	close(fence);
}

struct reader {
	const struct block *blk;
	volatile bool stop;
};

static void *look_at_fences(void *arg)
{
	const struct reader *reader = arg;

	while (!reader->stop) {
		block_begin_read(reader->blk);
		block_end_read(reader->blk);
	}

	return NULL;
}

/*
 * Fences were freed without waiting for readers under RCU, as
 * DMA_BUF_IOCTL_SYNC is one: up to 6.12.109 (8662e56c31cf).
 */
TEST_F_TIMEOUT(fixed, fence_was_freed_under_an_rcu_reader, 60)
{
	struct bufs *b = &self->b;
	struct reader reader = { .blk = &b->blk[0] };
	pthread_t thread[2];
	unsigned int i;

	test_cmd_attach(b->dut.fd, b->blk[0].fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, look_at_fences,
					    &reader));
	transfers(_metadata, b, 500);
	reader.stop = true;
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		pthread_join(thread[i], NULL);
}

/*
 * A mapping was walked by the lengths that its entries have for the CPU. Behind an
 * IOMMU, which can merge them, that gives wrong segments: up to 6.12.112
 * (0d1bc161ca57).
 */
TEST_F(fixed, mapping_was_walked_by_the_lengths_of_the_cpu)
{
	struct bufs *b = &self->b;
	struct block *blk = &b->blk[0];
	const size_t size = 16 * SIZE;
	bool started = false;
	uint32_t next;
	int fd;

	fd = merged_alloc(size);
	if (fd < 0)
		SKIP(return, "no exporter that merges (dmabuf_merged.ko)");
	block_free(blk);
	ASSERT_EQ(0, block_wrap(blk, fd, size));
	test_cmd_attach(b->dut.fd, blk->fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, blk);

	block_fill(blk, 0xa5);
	test_cmd_enqueue(b->dut.fd, blk->fd, size - SIZE);
	ASSERT_TRUE(block_wait(blk, WAIT_MS));
	EXPECT_COUNTER(blk->map, size - SIZE, &next, &started);
	EXPECT_EQ(0xa5a5a5a5, blk->map[(size - SIZE) / 4]);
}

struct knob {
	const struct iio_dut *dut;
	volatile bool stop;
};

static void *turn_knob(void *arg)
{
	const struct knob *knob = arg;

	while (!knob->stop)
		dut_attr_write(knob->dut, "sampling_frequency", "0");

	return NULL;
}

/*
 * The removal disabled the buffers without the lock that keeps the device in its
 * mode, beside drivers that claim it: up to 6.1.190 and 6.12.112 (84bb0fc46ccf).
 */
TEST_F_TIMEOUT(fixed, removal_ran_into_a_claim_of_direct_mode, 60)
{
	struct bufs *b = &self->b;
	struct knob knob;
	struct iio_dut dut;
	pthread_t thread;
	int i, fence;

	if (!b->dut.stall)
		SKIP(return, NO_STALL);

	for (i = 0; i < 6; i++) {
		dut = b->dut;
		knob = (struct knob){ .dut = &dut };
		fence = attach_and_stall(_metadata, b, 0);
		ASSERT_EQ(0, pthread_create(&thread, NULL, turn_knob, &knob));
		usleep(i * 997);
		ASSERT_EQ(0, dut_unbind(&b->dut));
		knob.stop = true;
		pthread_join(thread, NULL);
		EXPECT_LT(fence_wait(fence, WAIT_MS), 0);
		close(fence);
		dut_close_fd(&b->dut);
		ASSERT_EQ(0, dut_stall(&b->dut, 0));
		ASSERT_TRUE(dut_rebind(&b->dut));
		open_again(_metadata, b);
	}
	expect_dmabuf_mode_works(_metadata, &b->dut);
}

/*
 * axi-dmac with a scatter-gather engine dropped the fourth transfer that was
 * queued, as it looked for the free place of the other kind of core: up to
 * 6.12.74.
 */
TEST_F(fixed, fourth_queued_transfer_was_dropped)
{
	struct bufs *b = &self->b;
	int i;

	for (i = 0; i < NUM_BLOCKS; i++) {
		block_fill(&b->blk[i], 0xa5);
		test_cmd_attach(b->dut.fd, b->blk[i].fd);
	}
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, enqueue(b, i));
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < NUM_BLOCKS; i++) {
		ASSERT_TRUE(block_wait(&b->blk[i], WAIT_MS));
		ASSERT_EQ(0, block_begin_read(&b->blk[i]));
		EXPECT_NE(0xa5a5a5a5, b->blk[i].map[SIZE / 4 - 1]);
		EXPECT_EQ(0, block_end_read(&b->blk[i]));
	}
}

#define MAX_DMA_CHANNELS	4

/* Finds who tells whether the channels of the dummy DMA controller are in use. */
static unsigned int find_channels(char path[][128])
{
	DIR *d = opendir("/sys/class/dma");
	char driver[PATH_MAX];
	struct dirent *ent;
	unsigned int n = 0;

	while (d && n < MAX_DMA_CHANNELS && (ent = readdir(d))) {
		snprintf(path[n], sizeof(path[n]),
			 "/sys/class/dma/%.64s/device/driver", ent->d_name);
		if (!realpath(path[n], driver) ||
		    strcmp(strrchr(driver, '/'), "/dma-dummy"))
			continue;
		snprintf(path[n], sizeof(path[n]), "/sys/class/dma/%.64s/in_use",
			 ent->d_name);
		n++;
	}
	if (d)
		closedir(d);

	return n;
}

/* How many users these channels have; -1 if one of them does not tell */
static int channel_users(char path[][128], unsigned int n)
{
	char text[16];
	int sum = 0;

	while (n--) {
		if (file_read(path[n], text, sizeof(text)))
			return -1;
		sum += atoi(text);
	}

	return sum;
}

/*
 * A probe that failed kept the DMA channel, so that the DMA controller could not be removed
 * any more: up to 6.1.109, when the capabilities of the engine could not be had. Here its
 * allocations fail: each of the first ones, which are for the channel and the buffer, and
 * some of the hundreds that follow, for sysfs.
 */
TEST_F_TIMEOUT(fixed, failed_probe_kept_the_dma_channel, 300)
{
	char channel[MAX_DMA_CHANNELS][128];
	unsigned int channels = find_channels(channel);
	int fd, n, others, ret = -1, failures = 0;
	struct bufs *b = &self->b;

	if (!b->dut.faults || !channels)
		SKIP(return, NO_FAULTS);
	fd = fail_nth_open();
	if (fd < 0)
		SKIP(return, "no CONFIG_FAILSLAB");

	/* The DAC, if there is one, keeps its channel */
	others = channel_users(channel, channels) - 1;
	EXPECT_LE(0, others);
	dut_close_fd(&b->dut);
	ASSERT_EQ(0, dut_unbind(&b->dut));
	ASSERT_EQ(others, channel_users(channel, channels));
	for (n = 1; n < MAX_FAIL_NTH; n += n < 50 ? 1 : 25) {
		ASSERT_TRUE(fail_nth_arm(fd, n));
		ret = dut_bind(&b->dut, "bind");
		if (!fail_nth_disarm(fd))
			break;
		failures++;
		if (!ret)
			ASSERT_EQ(0, dut_unbind(&b->dut));
		ASSERT_EQ(others, channel_users(channel, channels));
	}
	close(fd);
	printf("# %d allocations made to fail\n", failures);
	EXPECT_LT(50, failures);
	ASSERT_EQ(0, ret);
	EXPECT_TRUE(wait_until(dut_find(&b->dut) &&
			       !access(b->dut.node, R_OK), WAIT_MS));
	open_again(_metadata, b);
	expect_dmabuf_mode_works(_metadata, &b->dut);
}

/*
 * read() that was woken by the removal of the device left its entry in the wait queue, on
 * a stack that was another's by the next wake-up: up to 6.12.77. Here that comes when the
 * ATTACH which the removal waits for has failed; in mainline it is left to chance.
 */
TEST_F(fixed, reader_left_its_entry_in_the_wait_queue)
{
	struct bufs *b = &self->b;
	struct sleeper reader[4], attach, removal;
	unsigned int i;

	if (!b->dut.stall)
		SKIP(return, NO_STALL);
	if (!merged_exists())
		SKIP(return, "no exporter that is slow on request (dmabuf_merged.ko)");
	block_free(&b->blk[0]);
	ASSERT_EQ(0, block_wrap(&b->blk[0], merged_alloc(SIZE), SIZE));

	/* Disabled, but with nothing to read: it sleeps. */
	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < ARRAY_SIZE(reader); i++)
		ASSERT_TRUE(sleeper_start(&reader[i], read_some, b));
	ASSERT_EQ(0, dut_disable(&b->dut));

	ASSERT_EQ(0, merged_set("slow_map_ms", WAIT_MS));
	ASSERT_TRUE(sleeper_start(&attach, attach_first, b));
	sleeper_start(&removal, unbind_dut, &b->dut);
	for (i = 0; i < ARRAY_SIZE(reader); i++) {
		ASSERT_TRUE(sleeper_join(&reader[i], WAIT_MS));
		EXPECT_EQ(-1, reader[i].ret);
		EXPECT_EQ(ENODEV, reader[i].err);
	}
	ASSERT_EQ(0, merged_set("slow_map_ms", 0));
	ASSERT_TRUE(sleeper_join(&attach, WAIT_MS));
	ASSERT_TRUE(sleeper_join(&removal, WAIT_MS));
	EXPECT_EQ(0, removal.ret);
}

IIO_TEST_MAIN
