// SPDX-License-Identifier: GPL-2.0
/*
 * The DMABUF ioctls of an IIO buffer: one test per error and condition.
 *
 * The fixtures are the ioctls ("any" stands for all three), the test names say
 * the condition and the errno. A transfer is held in flight with the "stall"
 * switch of the dummy DMA controller, never by guessing how long it takes.
 */
#include "iio_test_util.h"

#define SIZE	16384

/* What all fixtures have: an open, disabled buffer and two dma-bufs. */
struct bufs {
	struct iio_dut dut;
	struct block a, b;
};

static void bufs_setup(struct __test_metadata *_metadata, struct bufs *bufs,
		       unsigned int needs)
{
	dut_setup(_metadata, &bufs->dut, NEED_DMABUF | needs);
	ASSERT_EQ(0, block_alloc(&bufs->a, SIZE));
	ASSERT_EQ(0, block_alloc(&bufs->b, SIZE));
}

static void bufs_teardown(struct __test_metadata *_metadata, struct bufs *bufs)
{
	dut_teardown(_metadata, &bufs->dut);
	block_free(&bufs->a);
	block_free(&bufs->b);
}

/* ------------------------------------------------------------------- any */

FIXTURE(any) {
	struct bufs bufs;
};

FIXTURE_SETUP(any)
{
	bufs_setup(_metadata, &self->bufs, 0);
}

FIXTURE_TEARDOWN(any)
{
	bufs_teardown(_metadata, &self->bufs);
}

static const unsigned int all_ioctls[] = {
	IIO_BUFFER_DMABUF_ATTACH_IOCTL,
	IIO_BUFFER_DMABUF_DETACH_IOCTL,
	IIO_BUFFER_DMABUF_ENQUEUE_IOCTL,
};

TEST_F(any, bad_pointer_is_efault)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned int i;
	void *bad;

	bad = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(bad != MAP_FAILED);

	for (i = 0; i < ARRAY_SIZE(all_ioctls); i++) {
		EXPECT_ERRNO(EFAULT,
			     ioctl(self->bufs.dut.fd, all_ioctls[i], bad));
		EXPECT_ERRNO(EFAULT,
			     ioctl(self->bufs.dut.fd, all_ioctls[i], NULL));
	}
	munmap(bad, page);
}

TEST_F(any, struct_across_the_last_page_is_efault)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *map;

	map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(map != MAP_FAILED);
	ASSERT_EQ(0, munmap(map + page, page));

	EXPECT_ERRNO(EFAULT, ioctl(self->bufs.dut.fd,
				   IIO_BUFFER_DMABUF_ENQUEUE_IOCTL,
				   map + page - sizeof(struct iio_dmabuf) / 2));
	munmap(map, page);
}

TEST_F(any, closed_fd_is_ebadf)
{
	int buf = self->bufs.dut.fd, closed = dup(buf);

	ASSERT_GE(closed, 0);
	close(closed);

	test_err_attach(EBADF, buf, closed);
	test_err_detach(EBADF, buf, closed);
	test_err_enqueue(EBADF, buf, closed, SIZE);
	test_err_attach(EBADF, buf, -1);
	test_err_detach(EBADF, buf, -1);
	test_err_enqueue(EBADF, buf, -1, SIZE);
}

TEST_F(any, fd_of_no_dmabuf_is_einval)
{
	int buf = self->bufs.dut.fd, null = open("/dev/null", O_RDWR);

	ASSERT_GE(null, 0);
	test_err_attach(EINVAL, buf, null);
	test_err_detach(EINVAL, buf, null);
	test_err_enqueue(EINVAL, buf, null, SIZE);
	test_err_attach(EINVAL, buf, buf);
	test_err_detach(EINVAL, buf, buf);
	test_err_enqueue(EINVAL, buf, buf, SIZE);
	close(null);
}

TEST_F(any, unknown_command_is_einval)
{
	static const unsigned int unknown[] = {
		_IOW('i', 0x95, int),
		_IOW('i', 0x9f, int),
		_IO('i', 0x92),
		_IOW('i', 0x92, __u64),
		_IOR('i', 0x92, int),
		_IOWR('i', 0x94, struct iio_dmabuf),
		IIO_BUFFER_GET_FD_IOCTL,
	};
	int arg = self->bufs.a.fd;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++)
		EXPECT_ERRNO(EINVAL,
			     ioctl(self->bufs.dut.fd, unknown[i], &arg));
}

TEST_F(any, nonblock_without_contention_works)
{
	struct bufs *b = &self->bufs;

	dut_nonblock(&b->dut, true);
	test_cmd_attach(b->dut.fd, b->a.fd);
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_TRUE(block_wait(&b->a, WAIT_MS));
	test_cmd_detach(b->dut.fd, b->a.fd);
}

/* ---------------------------------------------------------------- attach */

FIXTURE(attach) {
	struct bufs bufs;
};

FIXTURE_SETUP(attach)
{
	bufs_setup(_metadata, &self->bufs, 0);
}

FIXTURE_TEARDOWN(attach)
{
	bufs_teardown(_metadata, &self->bufs);
}

TEST_F(attach, attached_block_takes_a_transfer)
{
	struct bufs *b = &self->bufs;

	test_cmd_attach(b->dut.fd, b->a.fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &b->a);
}

TEST_F(attach, twice_is_ebusy)
{
	struct bufs *b = &self->bufs;
	int copy = dup(b->a.fd);

	test_cmd_attach(b->dut.fd, b->a.fd);
	test_err_attach(EBUSY, b->dut.fd, b->a.fd);
	test_err_attach(EBUSY, b->dut.fd, copy);
	close(copy);

	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &b->a);
}

TEST_F(attach, refused_attach_leaves_nothing_behind)
{
	struct bufs *b = &self->bufs;
	int before;

	if (!block_alive(&b->a))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	test_cmd_attach(b->dut.fd, b->a.fd);
	before = block_attachments(&b->a, NULL, 0);
	test_err_attach(EBUSY, b->dut.fd, b->a.fd);
	EXPECT_EQ(before, block_attachments(&b->a, NULL, 0));
	test_cmd_detach(b->dut.fd, b->a.fd);
	EXPECT_TRUE(wait_until(!block_attachments(&b->a, NULL, 0), WAIT_MS));
}

TEST_F(attach, while_queued_twice_is_ebusy)
{
	struct bufs *b = &self->bufs;

	test_cmd_attach(b->dut.fd, b->a.fd);
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
	test_err_attach(EBUSY, b->dut.fd, b->a.fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_TRUE(block_wait(&b->a, WAIT_MS));
}

TEST_F(attach, again_after_detach)
{
	struct bufs *b = &self->bufs;

	test_cmd_attach(b->dut.fd, b->a.fd);
	test_cmd_detach(b->dut.fd, b->a.fd);
	test_cmd_attach(b->dut.fd, b->a.fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &b->a);
}

TEST_F(attach, while_enabled_in_dmabuf_mode)
{
	struct bufs *b = &self->bufs;

	test_cmd_attach(b->dut.fd, b->a.fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	test_cmd_attach(b->dut.fd, b->b.fd);
	expect_transfer(_metadata, &b->dut, &b->b);
	expect_transfer(_metadata, &b->dut, &b->a);
}

TEST_F(attach, many_blocks)
{
	struct bufs *b = &self->bufs;
	struct block many[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(many); i++) {
		ASSERT_EQ(0, block_alloc(&many[i], 4096));
		test_cmd_attach(b->dut.fd, many[i].fd);
	}
	for (i = 0; i < ARRAY_SIZE(many); i++)
		test_cmd_enqueue(b->dut.fd, many[i].fd, 4096);
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < ARRAY_SIZE(many); i++)
		ASSERT_TRUE(block_wait(&many[i], WAIT_MS));
	for (i = 0; i < ARRAY_SIZE(many); i++) {
		test_cmd_detach(b->dut.fd, many[i].fd);
		block_free(&many[i]);
	}
}

TEST_F(attach, enabled_in_read_mode_is_ebusy)
{
	struct bufs *b = &self->bufs;

	ASSERT_EQ(0, dut_enable(&b->dut));
	test_err_attach(EBUSY, b->dut.fd, b->a.fd);
}

TEST_F(attach, reading_is_ebusy)
{
	struct bufs *b = &self->bufs;
	bool started = false;
	uint32_t next;

	ASSERT_EQ(0, dut_set_block_bytes(&b->dut, 4096));
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_read(_metadata, &b->dut, 8192, &next, &started);
	test_err_attach(EBUSY, b->dut.fd, b->a.fd);

	/* The refused call must not have disturbed the reader. */
	expect_read(_metadata, &b->dut, 16384, &next, &started);
}

TEST_F(attach, disabled_after_read_works)
{
	struct bufs *b = &self->bufs;

	expect_read_mode_works(_metadata, &b->dut);
	test_cmd_attach(b->dut.fd, b->a.fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &b->a);
}

/* A software buffer (kfifo) has no DMA: libiio then falls back to read(). */
TEST_F(attach, buffer_without_dma_is_eperm)
{
	static const char dir[] = "/sys/kernel/config/iio/devices/dummy/test";
	struct bufs *b = &self->bufs;
	struct iio_dut kfifo = { .fd = -1 };

	if (mkdir(dir, 0755) && errno != EEXIST)
		SKIP(return, "no iio_dummy device (CONFIG_IIO_SIMPLE_DUMMY)");

	setenv("IIO_DEVICE", "test", 1);
	if (wait_until(dut_find(&kfifo) && !access(kfifo.node, R_OK), WAIT_MS))
		kfifo.fd = dut_open_fd(&kfifo);
	if (kfifo.fd < 0) {
		rmdir(dir);
		SKIP(return, "the iio_dummy device has no buffer");
	}
	test_err_attach(EPERM, kfifo.fd, b->a.fd);
	close(kfifo.fd);
	EXPECT_EQ(0, rmdir(dir));
}

TEST_F(attach, maps_for_the_dma_device)
{
	char dev[NAME_MAX] = "";
	struct bufs *b = &self->bufs;

	test_cmd_attach(b->dut.fd, b->a.fd);
	if (block_attachments(&b->a, dev, sizeof(dev)) < 0)
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	EXPECT_STRNE("", dev);
	EXPECT_STRNE(b->dut.parent, dev);
}

/* One ATTACH, ENQUEUE, DETACH, of which any may fail, but not the DETACH. */
static void attach_enqueue_detach(struct __test_metadata *_metadata,
				  const struct bufs *b)
{
	if (iio_attach(b->dut.fd, b->a.fd)) {
		EXPECT_TRUE(errno == ENOMEM || errno == EFAULT)
			TH_LOG("ATTACH: errno %d", errno);
		return;
	}
	if (iio_enqueue(b->dut.fd, b->a.fd, SIZE))
		EXPECT_TRUE(errno == ENOMEM || errno == EFAULT)
			TH_LOG("ENQUEUE: errno %d", errno);

	/* What failed is over now: this one has to find all as it was. */
	if (iio_detach(b->dut.fd, b->a.fd))
		EXPECT_EQ(0, iio_detach(b->dut.fd, b->a.fd));
}

/*
 * Fails the first, the second, ... allocation until all of them succeed.
 * Whatever fails must say so and leave nothing behind.
 */
TEST_F_TIMEOUT(attach, every_allocation_failure_is_clean, 60)
{
	struct bufs *b = &self->bufs;
	int fd = fail_nth_open(), n;

	if (fd < 0)
		SKIP(return, "no CONFIG_FAILSLAB");

	for (n = 1; n < MAX_FAIL_NTH; n++) {
		ASSERT_TRUE(fail_nth_arm(fd, n));
		attach_enqueue_detach(_metadata, b);
		if (!fail_nth_disarm(fd))
			break;
		ASSERT_TRUE(block_wait(&b->a, WAIT_MS));
	}
	close(fd);
	printf("# %d allocations made to fail\n", n - 1);
	EXPECT_LT(1, n);
	EXPECT_GT(MAX_FAIL_NTH, n);
	if (block_alive(&b->a))
		EXPECT_TRUE(wait_until(!block_attachments(&b->a, NULL, 0),
				       WAIT_MS));

	test_cmd_attach(b->dut.fd, b->a.fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &b->a);
}

/* ----------------------------------------- attach, an exporter that fails */

FIXTURE(attach_merged) {
	struct bufs bufs;
	struct block m;
};

#define NO_MERGED	"no exporter that fails on request (dmabuf_merged.ko)"

FIXTURE_SETUP(attach_merged)
{
	bufs_setup(_metadata, &self->bufs, 0);
	if (!merged_exists())
		SKIP_SETUP(NO_MERGED);
	ASSERT_EQ(0, block_wrap(&self->m, merged_alloc(SIZE), SIZE));
}

FIXTURE_TEARDOWN(attach_merged)
{
	bufs_teardown(_metadata, &self->bufs);
	block_free(&self->m);
}

/* After a refused ATTACH: not attached, and neither mode has noticed */
static void expect_nothing_left(struct __test_metadata *_metadata,
				FIXTURE_DATA(attach_merged) *self)
{
	struct bufs *b = &self->bufs;

	if (block_alive(&self->m))
		EXPECT_EQ(0, block_attachments(&self->m, NULL, 0));
	test_err_detach(EPERM, b->dut.fd, self->m.fd);
	expect_read_mode_works(_metadata, &b->dut);

	merged_reset();
	test_cmd_attach(b->dut.fd, self->m.fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &self->m);
	ASSERT_EQ(0, dut_disable(&b->dut));
	test_cmd_detach(b->dut.fd, self->m.fd);
	if (block_alive(&self->m))
		EXPECT_TRUE(wait_until(!block_attachments(&self->m, NULL, 0),
				       WAIT_MS));
}

TEST_F(attach_merged, error_of_the_exporter_is_passed_on)
{
	static const int errors[] = { EIO, ENXIO, ENOSPC, EOPNOTSUPP };
	struct bufs *b = &self->bufs;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		ASSERT_EQ(0, merged_set("fail_map", errors[i]));
		test_err_attach(errors[i], b->dut.fd, self->m.fd);
	}
}

TEST_F(attach_merged, error_of_the_exporter_is_nothing_for_the_kernel_log)
{
	int kmsg = kmsg_open(_metadata), i;

	if (kmsg < 0)
		SKIP(return, "no /dev/kmsg");

	ASSERT_EQ(0, merged_set("fail_map", EIO));
	for (i = 0; i < 50; i++)
		test_err_attach(EIO, self->bufs.dut.fd, self->m.fd);
	EXPECT_GT(10, count_records(kmsg));
	close(kmsg);
}

TEST_F(attach_merged, error_of_the_exporter_leaves_nothing_behind)
{
	struct bufs *b = &self->bufs;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, merged_set("fail_map", EIO));
		ASSERT_EQ(-1, iio_attach(b->dut.fd, self->m.fd));
		expect_nothing_left(_metadata, self);
	}
}

/* The DMA engine would write to where nothing is mapped. */
TEST_F(attach_merged, mapping_shorter_than_the_dmabuf_is_einval)
{
	struct bufs *b = &self->bufs;

	ASSERT_EQ(0, merged_set("short_table", 1));
	test_err_attach(EINVAL, b->dut.fd, self->m.fd);
}

/* What is off by half of the alignment is refused, what is off by all of it is not. */
static void expect_alignment(struct __test_metadata *_metadata,
			     FIXTURE_DATA(attach_merged) *self, const char *what)
{
	struct bufs *b = &self->bufs;

	if (b->dut.align < 2)
		SKIP(return, "this engine needs no alignment");

	ASSERT_EQ(0, merged_set(what, b->dut.align / 2));
	test_err_attach(EPERM, b->dut.fd, self->m.fd);
	expect_nothing_left(_metadata, self);
	ASSERT_EQ(0, merged_set(what, b->dut.align));
	test_cmd_attach(b->dut.fd, self->m.fd);
}

/* libiio falls back to read() upon EPERM at ATTACH, and upon nothing else. */
TEST_F(attach_merged, mapping_that_the_engine_cannot_do_is_eperm)
{
	expect_alignment(_metadata, self, "shift");
}

/* Nor an odd length in the middle */
TEST_F(attach_merged, piece_that_the_engine_cannot_do_is_eperm)
{
	expect_alignment(_metadata, self, "split");
}

/* It can be more than fits in the lengths and residues of the engine, of 32 bits. */
TEST_F(attach_merged, four_gib_are_eperm)
{
	struct bufs *b = &self->bufs;
	struct block big;

	ASSERT_EQ(0, merged_set("claim_gib", 4));
	ASSERT_EQ(0, block_wrap(&big, merged_alloc(SIZE), SIZE));
	test_err_attach(EPERM, b->dut.fd, big.fd);
	expect_nothing_left(_metadata, self);
	block_free(&big);
}

/* Mapped well, and refused after that: this has to be taken back too. */
TEST_F(attach_merged, short_mapping_leaves_nothing_behind)
{
	struct bufs *b = &self->bufs;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, merged_set("short_table", 1));
		ASSERT_EQ(-1, iio_attach(b->dut.fd, self->m.fd));
		expect_nothing_left(_metadata, self);
	}
}

/* ---------------------------------------------------------------- detach */

FIXTURE(detach) {
	struct bufs bufs;
};

FIXTURE_SETUP(detach)
{
	bufs_setup(_metadata, &self->bufs, 0);
}

FIXTURE_TEARDOWN(detach)
{
	bufs_teardown(_metadata, &self->bufs);
}

TEST_F(detach, not_attached_is_eperm)
{
	struct bufs *b = &self->bufs;

	test_err_detach(EPERM, b->dut.fd, b->a.fd);
	test_cmd_attach(b->dut.fd, b->b.fd);
	test_err_detach(EPERM, b->dut.fd, b->a.fd);
}

TEST_F(detach, twice_is_eperm)
{
	struct bufs *b = &self->bufs;

	test_cmd_attach(b->dut.fd, b->a.fd);
	test_cmd_detach(b->dut.fd, b->a.fd);
	test_err_detach(EPERM, b->dut.fd, b->a.fd);
}

/* Attachments belong to the open buffer, not to whoever opens it next. */
TEST_F(detach, attached_by_an_earlier_opener_is_eperm)
{
	struct bufs *b = &self->bufs;

	test_cmd_attach(b->dut.fd, b->a.fd);
	dut_close_fd(&b->dut);
	b->dut.fd = dut_open_fd(&b->dut);
	ASSERT_GE(b->dut.fd, 0);
	test_err_detach(EPERM, b->dut.fd, b->a.fd);
}

TEST_F(detach, drops_the_mapping)
{
	struct bufs *b = &self->bufs;

	if (!block_alive(&b->a))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	test_cmd_attach(b->dut.fd, b->a.fd);
	EXPECT_EQ(1, block_attachments(&b->a, NULL, 0));
	test_cmd_detach(b->dut.fd, b->a.fd);
	EXPECT_TRUE(wait_until(!block_attachments(&b->a, NULL, 0), WAIT_MS));
}

TEST_F(detach, queued_block_is_cancelled)
{
	struct bufs *b = &self->bufs;
	int fence;

	test_cmd_attach(b->dut.fd, b->a.fd);
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
	fence = fence_export(&b->a);
	ASSERT_GE(fence, 0);
	EXPECT_EQ(0, fence_status(fence));

	test_cmd_detach(b->dut.fd, b->a.fd);
	EXPECT_EQ(-ECANCELED, fence_wait(fence, WAIT_MS));
	test_err_enqueue(EPERM, b->dut.fd, b->a.fd, SIZE);
	close(fence);
}

TEST_F(detach, queued_block_leaves_the_others_queued)
{
	struct bufs *b = &self->bufs;
	int fence;

	test_cmd_attach(b->dut.fd, b->a.fd);
	test_cmd_attach(b->dut.fd, b->b.fd);
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
	test_cmd_enqueue(b->dut.fd, b->b.fd, SIZE);
	fence = fence_export(&b->b);
	ASSERT_GE(fence, 0);

	test_cmd_detach(b->dut.fd, b->a.fd);
	EXPECT_EQ(0, fence_wait(fence, QUIET_MS));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

TEST_F(detach, again_after_cancel_works)
{
	struct bufs *b = &self->bufs;

	test_cmd_attach(b->dut.fd, b->a.fd);
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
	test_cmd_detach(b->dut.fd, b->a.fd);
	test_cmd_attach(b->dut.fd, b->a.fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	expect_transfer(_metadata, &b->dut, &b->a);
}

/* --------------------------------------------------------------- enqueue */

FIXTURE(enqueue) {
	struct bufs bufs;
};

FIXTURE_SETUP(enqueue)
{
	bufs_setup(_metadata, &self->bufs, 0);
	test_cmd_attach(self->bufs.dut.fd, self->bufs.a.fd);
}

FIXTURE_TEARDOWN(enqueue)
{
	bufs_teardown(_metadata, &self->bufs);
}

TEST_F(enqueue, unknown_flag_is_einval)
{
	struct bufs *b = &self->bufs;
	int bit;

	for (bit = 1; bit < 32; bit++)
		if (1u << bit != IIO_BUFFER_DMABUF_REPORT)
			EXPECT_ERRNO(EINVAL, iio_enqueue_flags(b->dut.fd, b->a.fd,
							       SIZE, 1u << bit));
}

TEST_F(enqueue, cyclic_is_einval)
{
	struct bufs *b = &self->bufs;

	EXPECT_ERRNO(EINVAL, iio_enqueue_flags(b->dut.fd, b->a.fd, SIZE,
					       IIO_BUFFER_DMABUF_CYCLIC));
}

TEST_F(enqueue, no_bytes_is_einval)
{
	test_err_enqueue(EINVAL, self->bufs.dut.fd, self->bufs.a.fd, 0);
}

TEST_F(enqueue, more_than_the_dmabuf_is_einval)
{
	struct bufs *b = &self->bufs;

	test_err_enqueue(EINVAL, b->dut.fd, b->a.fd, SIZE + 1);
	test_err_enqueue(EINVAL, b->dut.fd, b->a.fd, SIZE + b->dut.align);
	test_err_enqueue(EINVAL, b->dut.fd, b->a.fd, 2 * SIZE);

	/* What is left of these in 32 bit would be fine. */
	test_err_enqueue(EINVAL, b->dut.fd, b->a.fd, (1ull << 32) + SIZE);
	test_err_enqueue(EINVAL, b->dut.fd, b->a.fd, (1ull << 63) + SIZE);
	test_err_enqueue(EINVAL, b->dut.fd, b->a.fd, -(__u64)b->dut.align);
}

TEST_F(enqueue, not_what_the_engine_can_transfer_is_einval)
{
	struct bufs *b = &self->bufs;
	unsigned int i;

	if (b->dut.align < 2)
		SKIP(return, "this engine takes every length");

	for (i = 1; i < b->dut.align; i++) {
		test_err_enqueue(EINVAL, b->dut.fd, b->a.fd, i);
		test_err_enqueue(EINVAL, b->dut.fd, b->a.fd, SIZE - i);
	}
}

TEST_F(enqueue, refused_length_while_enabled_leaves_the_block_usable)
{
	struct bufs *b = &self->bufs;

	ASSERT_EQ(0, dut_enable(&b->dut));
	if (b->dut.align > 1)
		test_err_enqueue(EINVAL, b->dut.fd, b->a.fd, SIZE - 1);
	test_err_enqueue(EINVAL, b->dut.fd, b->a.fd, SIZE + b->dut.align);
	expect_transfer(_metadata, &b->dut, &b->a);
}

TEST_F(enqueue, not_attached_is_eperm)
{
	struct bufs *b = &self->bufs;

	test_err_enqueue(EPERM, b->dut.fd, b->b.fd, SIZE);
	test_cmd_detach(b->dut.fd, b->a.fd);
	test_err_enqueue(EPERM, b->dut.fd, b->a.fd, SIZE);
}

TEST_F(enqueue, queued_is_ebusy_at_once)
{
	struct bufs *b = &self->bufs;
	uint64_t start;
	int fence;

	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
	fence = fence_export(&b->a);
	ASSERT_GE(fence, 0);

	start = now_ms();
	test_err_enqueue(EBUSY, b->dut.fd, b->a.fd, SIZE);
	EXPECT_GT(AT_ONCE_MS, (int)(now_ms() - start));

	/* The refusal must not have cost the first one its fence. */
	EXPECT_EQ(0, fence_status(fence));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

TEST_F(enqueue, queued_is_ebusy_with_nonblock)
{
	struct bufs *b = &self->bufs;

	dut_nonblock(&b->dut, true);
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
	test_err_enqueue(EBUSY, b->dut.fd, b->a.fd, SIZE);
}

TEST_F(enqueue, refused_again_and_again_leaks_no_fence)
{
	struct bufs *b = &self->bufs;
	int fence, i;

	dut_nonblock(&b->dut, true);
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
	fence = fence_export(&b->a);
	ASSERT_GE(fence, 0);
	for (i = 0; i < 200; i++)
		EXPECT_EQ(-1, iio_enqueue(b->dut.fd, b->a.fd, SIZE));
	close(fence);

	/* One ENQUEUE, one fence: the block is free when that one signals. */
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_TRUE(block_wait(&b->a, WAIT_MS));
	expect_transfer(_metadata, &b->dut, &b->a);
}

TEST_F(enqueue, smallest_and_largest_work)
{
	struct bufs *b = &self->bufs;

	ASSERT_EQ(0, dut_enable(&b->dut));
	test_cmd_enqueue(b->dut.fd, b->a.fd, b->dut.align ?: b->dut.scan_bytes);
	ASSERT_TRUE(block_wait(&b->a, WAIT_MS));
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
	ASSERT_TRUE(block_wait(&b->a, WAIT_MS));
}

/* CPU access and other importers must wait for the transfer. */
TEST_F(enqueue, publishes_a_write_fence)
{
	struct bufs *b = &self->bufs;
	struct pollfd pfd = { .fd = b->a.fd, .events = POLLIN | POLLOUT };

	ASSERT_EQ(1, poll(&pfd, 1, 0));
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
	EXPECT_EQ(0, poll(&pfd, 1, QUIET_MS));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_TRUE(block_wait(&b->a, WAIT_MS));
}

static void *take_locks(void *arg)
{
	volatile bool *stop = arg;
	char text[4096];
	int fd;

	while (!*stop) {
		fd = open(BUFINFO, O_RDONLY | O_CLOEXEC);
		while (read(fd, text, sizeof(text)) > 0)
			;
		close(fd);
	}

	return NULL;
}

/* Somebody else takes the reservation lock, for a moment, again and again. */
TEST_F_TIMEOUT(enqueue, contended_lock_is_eagain_or_waited_for, 60)
{
	struct bufs *b = &self->bufs;
	volatile bool stop = false;
	pthread_t thread;
	int i, again = 0;

	if (!block_alive(&b->a))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	ASSERT_EQ(0, pthread_create(&thread, NULL, take_locks, (void *)&stop));
	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < 2000; i++) {
		dut_nonblock(&b->dut, i & 1);
		if (!iio_enqueue(b->dut.fd, b->a.fd, b->dut.align ?: SIZE)) {
			ASSERT_TRUE(block_wait(&b->a, WAIT_MS));
			continue;
		}
		again++;
		ASSERT_EQ(1, i & 1);
		ASSERT_EQ(EAGAIN, errno);
	}
	stop = true;
	pthread_join(thread, NULL);
	printf("# %d of %d met a lock that was taken\n", again, i / 2);
}

/* A fence has "DRIVER TIMELINE seq NUMBER", or "CONTEXT:NUMBER" in newer kernels. */
static bool is_write_fence(const char *line, unsigned long long *seqno)
{
	return sscanf(line, "\twrite fence:%*s %*s seq %llu", seqno) == 1 ||
	       sscanf(line, "\twrite fence:%*u:%llu", seqno) == 1;
}

static bool last_write_fence(const struct block *blk, unsigned long long *seqno)
{
	char line[512], *name;
	bool found = false, seen = false;
	FILE *f = fopen(BUFINFO, "r");

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		name = strrchr(line, '\t');
		if (!found)
			found = name && !strcmp(name + 1, blk->name);
		else if (!strncmp(line, "Total", 5))
			break;
		else if (is_write_fence(line, seqno))
			seen = true;
	}
	if (f)
		fclose(f);

	return seen;
}

TEST_F(enqueue, sequence_numbers_grow)
{
	struct bufs *b = &self->bufs;
	unsigned long long seqno, last = 0;
	int i;

	if (!block_alive(&b->a))
		SKIP(return, "no dma-buf of ours in " BUFINFO);

	ASSERT_EQ(0, dut_enable(&b->dut));
	for (i = 0; i < 5; i++) {
		test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
		ASSERT_TRUE(last_write_fence(&b->a, &seqno));
		EXPECT_GT(seqno, last);
		last = seqno;
		ASSERT_TRUE(block_wait(&b->a, WAIT_MS));
	}
}

/* Another thread with the same DMABUF, which has the CPU first whenever both could go on */
struct rival {
	struct bufs *bufs;
	uint64_t end;
	int num_enqueued;
};

static int run_on_first_cpu(int priority)
{
	struct sched_param param = { .sched_priority = priority };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);

	return sched_setaffinity(0, sizeof(cpus), &cpus) ||
	       sched_setscheduler(0, priority ? SCHED_FIFO : SCHED_OTHER, &param);
}

static void *enqueue_first(void *arg)
{
	struct rival *r = arg;

	if (run_on_first_cpu(1))
		return "no priority";

	while (now_ms() < r->end) {
		if (iio_enqueue(r->bufs->dut.fd, r->bufs->a.fd, SIZE))
			usleep(1000);
		else
			r->num_enqueued++;
		block_wait(&r->bufs->a, WAIT_MS);
	}

	return NULL;
}

/* After 16 of the other's transfers it insists, which leads to something when it gets a lock. */
TEST_F(enqueue, gets_its_turn_behind_a_thread_that_is_quicker)
{
	struct bufs *b = &self->bufs;
	static struct rival r;
	pthread_t thread;
	void *failed;
	int i, before;

	if (!b->dut.faults)
		SKIP(return, NO_FAULTS);
	if (run_on_first_cpu(1) || run_on_first_cpu(0))
		SKIP(return, "no real-time priority");

	/* Each transfer takes long enough for both of them to begin to wait. */
	ASSERT_EQ(0, fault_set("rate", SIZE * 200));
	ASSERT_EQ(0, dut_enable(&b->dut));
	r = (struct rival){ .bufs = b, .end = now_ms() + 2 * WAIT_MS };
	ASSERT_EQ(0, pthread_create(&thread, NULL, enqueue_first, &r));
	EXPECT_TRUE(wait_until(r.num_enqueued > 3, WAIT_MS));
	for (i = 0; i < 10; i++) {
		before = r.num_enqueued;
		EXPECT_EQ(0, iio_enqueue(b->dut.fd, b->a.fd, SIZE));
		EXPECT_GT(64, r.num_enqueued - before);
	}
	EXPECT_LT(now_ms(), r.end);
	r.end = 0;
	ASSERT_EQ(0, pthread_join(thread, &failed));
	EXPECT_TRUE(!failed);
	fault_set("rate", 0);
}

/* ------------------------------------------- enqueue, transfers held back */

FIXTURE(enqueue_stalled) {
	struct bufs bufs;
};

FIXTURE_SETUP(enqueue_stalled)
{
	struct bufs *b = &self->bufs;

	bufs_setup(_metadata, b, NEED_STALL);
	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	test_cmd_attach(b->dut.fd, b->a.fd);
	test_cmd_attach(b->dut.fd, b->b.fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
}

FIXTURE_TEARDOWN(enqueue_stalled)
{
	bufs_teardown(_metadata, &self->bufs);
}

static int enqueue_a(void *arg)
{
	struct bufs *b = arg;

	return iio_enqueue(b->dut.fd, b->a.fd, SIZE);
}

TEST_F(enqueue_stalled, in_flight_with_nonblock_is_eagain)
{
	struct bufs *b = &self->bufs;
	int fence = fence_export(&b->a);

	ASSERT_GE(fence, 0);
	dut_nonblock(&b->dut, true);
	test_err_enqueue(EAGAIN, b->dut.fd, b->a.fd, SIZE);

	EXPECT_EQ(0, fence_status(fence));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	expect_transfer(_metadata, &b->dut, &b->a);
	close(fence);
}

TEST_F(enqueue_stalled, in_flight_is_waited_for)
{
	struct bufs *b = &self->bufs;
	int fence = fence_export(&b->a);
	struct sleeper s;

	ASSERT_GE(fence, 0);
	ASSERT_TRUE(sleeper_start(&s, enqueue_a, b));
	EXPECT_EQ(0, fence_status(fence));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	EXPECT_EQ(1, fence_status(fence));
	EXPECT_TRUE(block_wait(&b->a, WAIT_MS));
	close(fence);
}

/* The five seconds are for others, also when the own transfer has taken as long. */
TEST_F(enqueue_stalled, in_flight_is_waited_for_as_long_as_it_takes)
{
	int timeline = sw_sync_open(), fence;
	struct bufs *b = &self->bufs;
	static struct sleeper s;

	if (timeline < 0)
		SKIP(return, "no CONFIG_SW_SYNC");
	fence = sw_sync_fence(timeline, 1);
	ASSERT_GE(fence, 0);
	if (fence_import(&b->b, fence))
		SKIP(return, "kernel cannot import a fence into a dma-buf");

	ASSERT_TRUE(sleeper_start(&s, enqueue_a, b));
	EXPECT_FALSE(wait_until(s.done, 5500));
	EXPECT_EQ(0, fence_import(&b->a, fence));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_FALSE(wait_until(s.done, 1000));
	sw_sync_inc(timeline, 1);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	EXPECT_TRUE(block_wait(&b->a, WAIT_MS));
	close(fence);
	close(timeline);
}

/* How a program tells that it took hold of the fence in time */
TEST_F(enqueue_stalled, fence_is_of_iio)
{
	struct bufs *b = &self->bufs;
	char name[32];
	int fence;

	fence = fence_export(&b->a);
	ASSERT_GE(fence, 0);
	ASSERT_EQ(0, fence_driver(fence, name));
	EXPECT_STREQ("iio", name);
	close(fence);

	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(block_wait(&b->a, WAIT_MS));
	fence = fence_export(&b->a);
	ASSERT_GE(fence, 0);
	ASSERT_EQ(0, fence_driver(fence, name));
	EXPECT_STRNE("iio", name);
	close(fence);
}

/* Everybody else goes on meanwhile. */
TEST_F(enqueue_stalled, wait_for_the_own_transfer_holds_no_lock)
{
	struct bufs *b = &self->bufs;
	struct sleeper s;
	uint64_t start;

	ASSERT_TRUE(sleeper_start(&s, enqueue_a, b));
	start = now_ms();
	EXPECT_FALSE(block_wait(&b->a, 0));
	test_cmd_enqueue(b->dut.fd, b->b.fd, SIZE);
	test_cmd_detach(b->dut.fd, b->b.fd);
	test_cmd_attach(b->dut.fd, b->b.fd);
	EXPECT_GT(AT_ONCE_MS, (int)(now_ms() - start));
	EXPECT_FALSE(s.done);
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
}

TEST_F(enqueue_stalled, signal_ends_the_wait_for_the_own_transfer)
{
	struct bufs *b = &self->bufs;

	expect_eintr(_metadata, enqueue_a, b);
	EXPECT_FALSE(block_wait(&b->a, 0));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_TRUE(block_wait(&b->a, WAIT_MS));
}

TEST_F(enqueue_stalled, detach_ends_the_wait_for_the_own_transfer)
{
	struct bufs *b = &self->bufs;
	struct sleeper s;

	ASSERT_TRUE(sleeper_start(&s, enqueue_a, b));
	test_cmd_detach(b->dut.fd, b->b.fd);
	EXPECT_FALSE(wait_until(s.done, QUIET_MS));
	test_cmd_detach(b->dut.fd, b->a.fd);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EPERM, s.err);
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_TRUE(block_wait(&b->a, WAIT_MS));
}

/* The transfer is aborted, and the block queued for the next enable. */
TEST_F(enqueue_stalled, disable_ends_the_wait_for_the_own_transfer)
{
	struct bufs *b = &self->bufs;
	struct sleeper s;

	ASSERT_TRUE(sleeper_start(&s, enqueue_a, b));
	ASSERT_EQ(0, dut_disable(&b->dut));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	EXPECT_FALSE(block_wait(&b->a, 0));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_TRUE(block_wait(&b->a, WAIT_MS));
}

TEST_F(enqueue_stalled, attach_of_a_block_in_flight_is_ebusy)
{
	struct bufs *b = &self->bufs;

	test_err_attach(EBUSY, b->dut.fd, b->a.fd);
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_TRUE(block_wait(&b->a, WAIT_MS));
}

TEST_F(enqueue_stalled, one_fence_each)
{
	struct bufs *b = &self->bufs;
	int first = fence_export(&b->a), second;

	ASSERT_GE(first, 0);
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(1, fence_wait(first, WAIT_MS));

	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
	second = fence_export(&b->a);
	ASSERT_GE(second, 0);
	EXPECT_EQ(1, fence_status(first));
	EXPECT_EQ(0, fence_wait(second, QUIET_MS));

	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(1, fence_wait(second, WAIT_MS));
	close(first);
	close(second);
}

static int begin_read(void *arg)
{
	return block_begin_read(arg);
}

TEST_F(enqueue_stalled, cpu_access_waits)
{
	struct bufs *b = &self->bufs;
	struct sleeper s;

	ASSERT_TRUE(sleeper_start(&s, begin_read, &b->a));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	EXPECT_EQ(0, block_end_read(&b->a));
}

/* ---------------------------------- enqueue, somebody else's fence pending */

/*
 * The fence of block a, in flight and stalled, is imported into block b: there
 * it is somebody else's.
 */
FIXTURE(enqueue_foreign) {
	struct bufs bufs;
	struct block c;
};

FIXTURE_SETUP(enqueue_foreign)
{
	struct bufs *b = &self->bufs;
	int fence;

	bufs_setup(_metadata, b, NEED_STALL);
	ASSERT_EQ(0, block_alloc(&self->c, SIZE));
	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	test_cmd_attach(b->dut.fd, b->a.fd);
	test_cmd_attach(b->dut.fd, b->b.fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);

	fence = fence_export(&b->a);
	ASSERT_GE(fence, 0);
	if (fence_import(&b->b, fence))
		SKIP_SETUP("kernel cannot import a fence into a dma-buf");
	close(fence);
}

FIXTURE_TEARDOWN(enqueue_foreign)
{
	bufs_teardown(_metadata, &self->bufs);
	block_free(&self->c);
}

static int enqueue_b(void *arg)
{
	struct bufs *b = arg;

	return iio_enqueue(b->dut.fd, b->b.fd, SIZE);
}

TEST_F(enqueue_foreign, nonblock_is_eagain)
{
	struct bufs *b = &self->bufs;

	dut_nonblock(&b->dut, true);
	test_err_enqueue(EAGAIN, b->dut.fd, b->b.fd, SIZE);

	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(block_wait(&b->b, WAIT_MS));
	test_cmd_enqueue(b->dut.fd, b->b.fd, SIZE);
	EXPECT_TRUE(block_wait(&b->b, WAIT_MS));
}

TEST_F(enqueue_foreign, is_waited_for)
{
	struct bufs *b = &self->bufs;
	struct sleeper s;

	ASSERT_TRUE(sleeper_start(&s, enqueue_b, b));
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	EXPECT_TRUE(block_wait(&b->b, WAIT_MS));
}

TEST_F(enqueue_foreign, signal_is_eintr_and_changes_nothing)
{
	struct bufs *b = &self->bufs;

	expect_eintr(_metadata, enqueue_b, b);

	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(block_wait(&b->b, WAIT_MS));
	expect_transfer(_metadata, &b->dut, &b->b);
}

TEST_F(enqueue_foreign, signal_with_restart_goes_on_waiting)
{
	struct bufs *b = &self->bufs;
	struct sleeper s;

	ASSERT_EQ(0, restart_on_usr1());
	ASSERT_TRUE(sleeper_start(&s, enqueue_b, b));
	pthread_kill(s.thread, SIGUSR1);
	EXPECT_FALSE(wait_until(s.done, QUIET_MS)) {
		/* A plain -EINTR is allowed as well. */
		TH_LOG("returned %d, errno %d", s.ret, s.err);
	}
	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	EXPECT_TRUE(block_wait(&b->b, WAIT_MS));
}

TEST_F(enqueue_foreign, kill_ends_the_wait)
{
	struct bufs *b = &self->bufs;
	pid_t pid = fork();
	int status;

	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(enqueue_b(b));
	EXPECT_FALSE(wait_until(waitpid(pid, &status, WNOHANG) == pid,
				QUIET_MS));
	kill(pid, SIGKILL);
	ASSERT_TRUE(wait_until(waitpid(pid, &status, WNOHANG) == pid,
			       WAIT_MS));
	EXPECT_TRUE(WIFSIGNALED(status));

	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(block_wait(&b->b, WAIT_MS));
	expect_transfer(_metadata, &b->dut, &b->b);
}

/* The attachment may go meanwhile, which ends the wait. */
TEST_F(enqueue_foreign, detach_meanwhile)
{
	struct bufs *b = &self->bufs;
	static struct sleeper s;
	uint64_t start;

	ASSERT_TRUE(sleeper_start(&s, enqueue_b, b));
	start = now_ms();
	test_cmd_detach(b->dut.fd, b->b.fd);
	EXPECT_GT(AT_ONCE_MS, (int)(now_ms() - start));
	EXPECT_TRUE(wait_until(s.done, AT_ONCE_MS));

	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EPERM, s.err);
	EXPECT_TRUE(block_wait(&b->b, WAIT_MS));
	test_cmd_attach(b->dut.fd, b->b.fd);
	expect_transfer(_metadata, &b->dut, &b->b);
}

/* Everybody else goes on while one ENQUEUE waits for a fence. */
TEST_F(enqueue_foreign, the_wait_holds_no_lock)
{
	struct bufs *b = &self->bufs;
	struct sleeper s;
	uint64_t start;

	ASSERT_TRUE(sleeper_start(&s, enqueue_b, b));

	start = now_ms();
	EXPECT_FALSE(block_wait(&b->b, 0));	/* the reservation lock */
	test_cmd_attach(b->dut.fd, self->c.fd);	/* the list of blocks */
	test_cmd_enqueue(b->dut.fd, self->c.fd, SIZE);	/* the queue */
	test_cmd_detach(b->dut.fd, self->c.fd);
	EXPECT_GT(AT_ONCE_MS, (int)(now_ms() - start));
	EXPECT_FALSE(s.done);

	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
}

/* Two that wait for the same block: one gets it, the other one is told. */
TEST_F(enqueue_foreign, two_waiters_one_wins)
{
	struct bufs *b = &self->bufs;
	struct sleeper s, t;

	ASSERT_TRUE(sleeper_start(&s, enqueue_b, b));
	ASSERT_TRUE(sleeper_start(&t, enqueue_b, b));

	/* Disabled, the winner cannot have finished before the other looks. */
	ASSERT_EQ(0, dut_disable(&b->dut));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	ASSERT_TRUE(sleeper_join(&t, WAIT_MS));
	EXPECT_EQ(-1, s.ret + t.ret);
	EXPECT_EQ(EBUSY, s.ret ? s.err : t.err);

	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_EQ(0, dut_enable(&b->dut));
	EXPECT_TRUE(block_wait(&b->b, WAIT_MS));
}

/* ----------------- enqueue, somebody else's transfer that has not been started */

/*
 * Block a waits for the enable. Its fence is imported into block b, as if b were attached
 * to two buffers: the caller may be the one who would have to enable the other one.
 */
FIXTURE(enqueue_behind_queued) {
	struct bufs bufs;
};

FIXTURE_SETUP(enqueue_behind_queued)
{
	struct bufs *b = &self->bufs;
	int fence;

	bufs_setup(_metadata, b, 0);
	test_cmd_attach(b->dut.fd, b->a.fd);
	test_cmd_attach(b->dut.fd, b->b.fd);
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
	fence = fence_export(&b->a);
	ASSERT_GE(fence, 0);
	if (fence_import(&b->b, fence))
		SKIP_SETUP("kernel cannot import a fence into a dma-buf");
	close(fence);
}

FIXTURE_TEARDOWN(enqueue_behind_queued)
{
	bufs_teardown(_metadata, &self->bufs);
}

TEST_F(enqueue_behind_queued, is_ebusy_at_once)
{
	struct bufs *b = &self->bufs;
	uint64_t start = now_ms();

	test_err_enqueue(EBUSY, b->dut.fd, b->b.fd, SIZE);
	EXPECT_GT(AT_ONCE_MS, (int)(now_ms() - start));
	dut_nonblock(&b->dut, true);
	test_err_enqueue(EBUSY, b->dut.fd, b->b.fd, SIZE);
}

TEST_F(enqueue_behind_queued, works_once_that_has_ended)
{
	struct bufs *b = &self->bufs;

	ASSERT_EQ(0, dut_enable(&b->dut));
	ASSERT_TRUE(block_wait(&b->b, WAIT_MS));
	expect_transfer(_metadata, &b->dut, &b->b);
}

/* ------------------------------------------ enqueue, an importer that never rests */

/*
 * An importer of block a that has always a fence pending, and the next ones added before
 * that signals. They signal one after the other, whoever has which lock.
 */
FIXTURE(enqueue_restless) {
	struct bufs bufs;
	int timeline;
	unsigned int fast;		/* fences: a signal each 10 ms, then 40; 0: each 2 */
	volatile bool stop;
	volatile unsigned int added, signalled;
	pthread_t add, signal;
};

#define AHEAD	8	/* fences */

static int add_fence(FIXTURE_DATA(enqueue_restless) *self)
{
	int fence = sw_sync_fence(self->timeline, self->added + 1), ret;

	if (fence < 0)
		return -1;

	ret = fence_import(&self->bufs.a, fence);
	close(fence);
	if (!ret)
		self->added++;

	return ret;
}

static void *add_fences(void *arg)
{
	FIXTURE_DATA(enqueue_restless) *self = arg;

	while (!self->stop) {
		while (self->added < self->signalled + AHEAD && !add_fence(self))
			;
		usleep(500);
	}

	return NULL;
}

static void *signal_fences(void *arg)
{
	FIXTURE_DATA(enqueue_restless) *self = arg;

	while (!self->stop) {
		usleep(!self->fast ? 2000 : self->signalled < self->fast ? 10000 : 40000);
		if (self->signalled < self->added) {
			sw_sync_inc(self->timeline, 1);
			self->signalled++;
		}
	}

	return NULL;
}

FIXTURE_SETUP(enqueue_restless)
{
	struct bufs *b = &self->bufs;

	bufs_setup(_metadata, b, 0);
	self->timeline = sw_sync_open();
	if (self->timeline < 0)
		SKIP_SETUP("no CONFIG_SW_SYNC");
	test_cmd_attach(b->dut.fd, b->a.fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	if (add_fence(self))
		SKIP_SETUP("kernel cannot import a fence into a dma-buf");
}

FIXTURE_TEARDOWN(enqueue_restless)
{
	self->stop = true;
	if (self->signalled) {
		pthread_join(self->add, NULL);
		pthread_join(self->signal, NULL);
	}
	/* With a poll() that waits for the last reference, closing it with one pending hangs sw_sync */
	sw_sync_inc(self->timeline, self->added + 1);
	close(self->timeline);
	bufs_teardown(_metadata, &self->bufs);
}

static void start_fences(struct __test_metadata *_metadata,
			 FIXTURE_DATA(enqueue_restless) *self)
{
	ASSERT_EQ(0, pthread_create(&self->add, NULL, add_fences, self));
	ASSERT_TRUE(wait_until(self->added == AHEAD, WAIT_MS));
	ASSERT_EQ(0, pthread_create(&self->signal, NULL, signal_fences, self));
	ASSERT_TRUE(wait_until(self->signalled > 2, WAIT_MS));
}

TEST_F(enqueue_restless, gets_its_turn)
{
	struct bufs *b = &self->bufs;
	struct sleeper s;
	int i;

	start_fences(_metadata, self);
	for (i = 0; i < 5; i++) {
		sleeper_start(&s, enqueue_a, b);
		ASSERT_TRUE(sleeper_join(&s, AT_ONCE_MS));
		ASSERT_EQ(0, s.ret) {
			TH_LOG("ENQUEUE: errno %d", s.err);
		}
	}
	EXPECT_LT(5, self->signalled);
}

/*
 * Who always has more ahead than ENQUEUE waits for with the reservation lock held keeps it
 * out. The lock is held for that long, and not for all of the five seconds.
 */
TEST_F(enqueue_restless, locks_for_a_tenth_of_a_second_only)
{
	struct bufs *b = &self->bufs;
	uint64_t start, longest = 0;
	struct sleeper s;

	/* Some of the 16 waits. The others are longer, and end before the five seconds do. */
	self->fast = 4 * AHEAD;
	start_fences(_metadata, self);
	sleeper_start(&s, enqueue_a, b);
	while (!s.done) {
		start = now_ms();
		block_wait(&b->a, 0);	/* takes the lock */
		if (now_ms() - start > longest)
			longest = now_ms() - start;
		usleep(5000);
	}
	ASSERT_TRUE(sleeper_join(&s, 0));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EBUSY, s.err);
	EXPECT_LE(50, longest);
	EXPECT_GT(1000, longest);
}

/* As long as mainline waits, and no longer */
TEST_F(enqueue_restless, one_fence_is_waited_for_5_s)
{
	struct bufs *b = &self->bufs;
	uint64_t start = now_ms();

	test_err_enqueue(EBUSY, b->dut.fd, b->a.fd, SIZE);
	EXPECT_LT(4000, (int)(now_ms() - start));
	EXPECT_GT(10000, (int)(now_ms() - start));
	EXPECT_EQ(0, sw_sync_inc(self->timeline, 1));
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
	EXPECT_TRUE(block_wait(&b->a, WAIT_MS));
}

/* A signal that restarts the call restarts the time as well. */
TEST_F(enqueue_restless, five_seconds_begin_anew_with_sa_restart)
{
	struct bufs *b = &self->bufs;
	static struct sleeper s;

	ASSERT_EQ(0, restart_on_usr1());
	ASSERT_TRUE(sleeper_start(&s, enqueue_a, b));
	EXPECT_FALSE(wait_until(s.done, 2500));
	pthread_kill(s.thread, SIGUSR1);
	EXPECT_FALSE(wait_until(s.done, 3000));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EBUSY, s.err);
	EXPECT_EQ(0, sw_sync_inc(self->timeline, 1));
}

/* ------------------------------------------- reservation lock held by others */

/*
 * Two dma-bufs that share their reservation lock. While the first one is being mapped,
 * which goes on until somebody ends it, the lock of the second one is taken.
 */
FIXTURE(locked) {
	struct bufs bufs;
	struct block m, n;
	struct sleeper mapper;
	uint64_t locked_ms;
};

FIXTURE_SETUP(locked)
{
	bufs_setup(_metadata, &self->bufs, 0);
	if (!merged_exists())
		SKIP_SETUP(NO_MERGED);
	ASSERT_EQ(0, merged_set("shared_resv", 1));
	ASSERT_EQ(0, block_wrap(&self->m, merged_alloc(SIZE), SIZE));
	ASSERT_EQ(0, block_wrap(&self->n, merged_alloc(SIZE), SIZE));
}

FIXTURE_TEARDOWN(locked)
{
	merged_reset();
	if (self->mapper.fn)
		sleeper_join(&self->mapper, 2 * WAIT_MS);
	bufs_teardown(_metadata, &self->bufs);
	block_free(&self->m);
	block_free(&self->n);
}

static int attach_m(void *arg)
{
	const FIXTURE_DATA(locked) *self = arg;

	return iio_attach(self->bufs.dut.fd, self->m.fd);
}

static int attach_n(void *arg)
{
	const FIXTURE_DATA(locked) *self = arg;

	return iio_attach(self->bufs.dut.fd, self->n.fd);
}

static int detach_n(void *arg)
{
	const FIXTURE_DATA(locked) *self = arg;

	return iio_detach(self->bufs.dut.fd, self->n.fd);
}

static int enqueue_n(void *arg)
{
	const FIXTURE_DATA(locked) *self = arg;

	return iio_enqueue(self->bufs.dut.fd, self->n.fd, SIZE);
}

/* From here on the lock is taken. Who ignores O_NONBLOCK is late, and does not hang. */
static void take_lock(struct __test_metadata *_metadata,
		      FIXTURE_DATA(locked) *self)
{
	ASSERT_EQ(0, merged_set("slow_map_ms", 2 * WAIT_MS));
	ASSERT_TRUE(sleeper_start(&self->mapper, attach_m, self));
	self->locked_ms = now_ms();
}

/* ... and now free again, with the first one attached. */
static void leave_lock(struct __test_metadata *_metadata,
		       FIXTURE_DATA(locked) *self)
{
	EXPECT_GT(WAIT_MS, (int)(now_ms() - self->locked_ms));
	EXPECT_FALSE(self->mapper.done);
	ASSERT_EQ(0, merged_set("slow_map_ms", 0));
	ASSERT_TRUE(sleeper_join(&self->mapper, WAIT_MS));
	self->mapper.fn = NULL;
	EXPECT_EQ(0, self->mapper.ret);
}

/* Both dma-bufs, attached, take a transfer. */
static void expect_both_work(struct __test_metadata *_metadata,
			     const FIXTURE_DATA(locked) *self)
{
	if (!dut_enabled(&self->bufs.dut))
		ASSERT_EQ(0, dut_enable(&self->bufs.dut));
	expect_transfer(_metadata, &self->bufs.dut, &self->n);
	expect_transfer(_metadata, &self->bufs.dut, &self->m);
}

TEST_F(locked, nonblocking_attach_is_eagain)
{
	struct bufs *b = &self->bufs;

	take_lock(_metadata, self);
	dut_nonblock(&b->dut, true);
	test_err_attach(EAGAIN, b->dut.fd, self->n.fd);
	test_err_attach(EAGAIN, b->dut.fd, self->n.fd);
	leave_lock(_metadata, self);
	test_cmd_attach(b->dut.fd, self->n.fd);
	expect_both_work(_metadata, self);
}

TEST_F(locked, nonblocking_enqueue_is_eagain)
{
	struct bufs *b = &self->bufs;

	test_cmd_attach(b->dut.fd, self->n.fd);
	take_lock(_metadata, self);
	dut_nonblock(&b->dut, true);
	test_err_enqueue(EAGAIN, b->dut.fd, self->n.fd, SIZE);
	test_err_enqueue(EAGAIN, b->dut.fd, self->n.fd, SIZE);
	leave_lock(_metadata, self);
	expect_both_work(_metadata, self);
}

/* The unmapping, which needs the lock, is left to a worker. */
TEST_F(locked, nonblocking_detach_does_not_wait)
{
	struct bufs *b = &self->bufs;

	test_cmd_attach(b->dut.fd, self->n.fd);
	take_lock(_metadata, self);
	dut_nonblock(&b->dut, true);
	test_cmd_detach(b->dut.fd, self->n.fd);
	test_err_detach(EPERM, b->dut.fd, self->n.fd);
	test_err_enqueue(EPERM, b->dut.fd, self->n.fd, SIZE);
	leave_lock(_metadata, self);
	if (block_alive(&self->n))
		EXPECT_TRUE(wait_until(!block_attachments(&self->n, NULL, 0),
				       WAIT_MS));
	test_cmd_attach(b->dut.fd, self->n.fd);
	expect_both_work(_metadata, self);
}

TEST_F(locked, attach_waits)
{
	struct sleeper s;

	take_lock(_metadata, self);
	ASSERT_TRUE(sleeper_start(&s, attach_n, self));
	leave_lock(_metadata, self);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	expect_both_work(_metadata, self);
}

TEST_F(locked, enqueue_waits)
{
	struct sleeper s;

	test_cmd_attach(self->bufs.dut.fd, self->n.fd);
	take_lock(_metadata, self);
	ASSERT_TRUE(sleeper_start(&s, enqueue_n, self));
	leave_lock(_metadata, self);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	ASSERT_EQ(0, dut_enable(&self->bufs.dut));
	ASSERT_TRUE(block_wait(&self->n, WAIT_MS));
	expect_both_work(_metadata, self);
}

/* ... with all of it done but the unmapping. */
TEST_F(locked, detach_waits)
{
	struct bufs *b = &self->bufs;
	struct sleeper s;

	test_cmd_attach(b->dut.fd, self->n.fd);
	take_lock(_metadata, self);
	ASSERT_TRUE(sleeper_start(&s, detach_n, self));
	test_err_detach(EPERM, b->dut.fd, self->n.fd);
	test_err_enqueue(EPERM, b->dut.fd, self->n.fd, SIZE);
	leave_lock(_metadata, self);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	if (block_alive(&self->n))
		EXPECT_EQ(0, block_attachments(&self->n, NULL, 0));
	test_cmd_attach(b->dut.fd, self->n.fd);
	expect_both_work(_metadata, self);
}

/* The removal cannot end this wait, but ENQUEUE must not get in any more. */
TEST_F(locked, enqueue_waits_and_the_device_goes)
{
	struct bufs *b = &self->bufs;
	struct sleeper enqueue, removal;

	if (!b->dut.stall)
		SKIP(return, "no driver that we may unbind");

	test_cmd_attach(b->dut.fd, self->n.fd);
	take_lock(_metadata, self);
	ASSERT_TRUE(sleeper_start(&enqueue, enqueue_n, self));
	ASSERT_TRUE(removal_start(&removal, &b->dut));
	ASSERT_EQ(0, merged_set("slow_map_ms", 0));
	ASSERT_TRUE(sleeper_join(&enqueue, WAIT_MS));
	EXPECT_EQ(-1, enqueue.ret);
	EXPECT_EQ(ENODEV, enqueue.err);
	ASSERT_TRUE(sleeper_join(&self->mapper, WAIT_MS));
	self->mapper.fn = NULL;
	ASSERT_TRUE(sleeper_join(&removal, WAIT_MS));
	EXPECT_EQ(0, removal.ret);
	EXPECT_TRUE(block_wait(&self->n, 0));
	dut_close_fd(&b->dut);
	ASSERT_TRUE(dut_rebind(&b->dut));
	dut_scan_all(&b->dut);
}

/* @fn waits for the lock, and a signal ends the wait. */
static void interrupt(struct __test_metadata *_metadata,
		      FIXTURE_DATA(locked) *self, int (*fn)(void *arg))
{
	take_lock(_metadata, self);
	expect_eintr(_metadata, fn, self);
	leave_lock(_metadata, self);
}

TEST_F(locked, signal_in_attach_is_eintr_and_changes_nothing)
{
	struct bufs *b = &self->bufs;

	interrupt(_metadata, self, attach_n);
	if (block_alive(&self->n))
		EXPECT_EQ(0, block_attachments(&self->n, NULL, 0));
	test_err_detach(EPERM, b->dut.fd, self->n.fd);
	test_cmd_attach(b->dut.fd, self->n.fd);
	expect_both_work(_metadata, self);
}

TEST_F(locked, signal_in_enqueue_is_eintr_and_changes_nothing)
{
	test_cmd_attach(self->bufs.dut.fd, self->n.fd);
	interrupt(_metadata, self, enqueue_n);
	EXPECT_TRUE(block_wait(&self->n, 0));
	expect_both_work(_metadata, self);
}

/* For as long as it is being mapped it is not attached, but its place is taken. */
TEST_F(locked, dmabuf_that_is_being_mapped_is_ebusy)
{
	struct bufs *b = &self->bufs;

	take_lock(_metadata, self);
	test_err_detach(EPERM, b->dut.fd, self->m.fd);
	test_err_enqueue(EPERM, b->dut.fd, self->m.fd, SIZE);
	test_err_attach(EBUSY, b->dut.fd, self->m.fd);
	dut_nonblock(&b->dut, true);
	test_err_attach(EBUSY, b->dut.fd, self->m.fd);
	leave_lock(_metadata, self);
	test_cmd_attach(b->dut.fd, self->n.fd);
	expect_both_work(_metadata, self);
}

/* ------------------------------------------------ detach, block in flight */

FIXTURE(detach_in_flight) {
	struct bufs bufs;
};

FIXTURE_SETUP(detach_in_flight)
{
	struct bufs *b = &self->bufs;

	bufs_setup(_metadata, b, NEED_STALL);
	ASSERT_EQ(0, dut_stall(&b->dut, 1));
	test_cmd_attach(b->dut.fd, b->a.fd);
	ASSERT_EQ(0, dut_enable(&b->dut));
	test_cmd_enqueue(b->dut.fd, b->a.fd, SIZE);
}

FIXTURE_TEARDOWN(detach_in_flight)
{
	bufs_teardown(_metadata, &self->bufs);
}

TEST_F(detach_in_flight, ends_normally)
{
	struct bufs *b = &self->bufs;
	int fence = fence_export(&b->a);
	uint64_t start = now_ms();

	ASSERT_GE(fence, 0);
	test_cmd_detach(b->dut.fd, b->a.fd);
	EXPECT_GT(AT_ONCE_MS, (int)(now_ms() - start));
	EXPECT_EQ(0, fence_wait(fence, QUIET_MS));
	test_err_enqueue(EPERM, b->dut.fd, b->a.fd, SIZE);

	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	EXPECT_EQ(1, fence_wait(fence, WAIT_MS));
	close(fence);
}

TEST_F(detach_in_flight, can_be_attached_again)
{
	struct bufs *b = &self->bufs;

	test_cmd_detach(b->dut.fd, b->a.fd);
	test_cmd_attach(b->dut.fd, b->a.fd);
	test_err_attach(EBUSY, b->dut.fd, b->a.fd);

	/* To the new attachment the old transfer is one to wait for. */
	dut_nonblock(&b->dut, true);
	test_err_enqueue(EAGAIN, b->dut.fd, b->a.fd, SIZE);

	ASSERT_EQ(0, dut_stall(&b->dut, 0));
	ASSERT_TRUE(block_wait(&b->a, WAIT_MS));
	expect_transfer(_metadata, &b->dut, &b->a);
}

IIO_TEST_MAIN
