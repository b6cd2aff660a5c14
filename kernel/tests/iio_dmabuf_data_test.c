// SPDX-License-Identifier: GPL-2.0
/*
 * What arrives: every sample, once, in order, in the block it belongs to and
 * nowhere else. The source is a running counter, so that a lost, repeated or
 * stale sample shows at its place. The dummy DMA controller runs at rate 0
 * here, where it loses nothing.
 */
#include "iio_test_util.h"

#include <sys/prctl.h>
#include <sys/wait.h>

/* On a source with a clock of its own, blocks need not join. */
static void next_block(const struct iio_dut *dut, bool *started)
{
	if (!dut->stall)
		*started = false;
}

static void expect_filled(struct __test_metadata *_metadata,
			  const struct block *blk, size_t from, int byte)
{
	const unsigned char *data = (const unsigned char *)blk->map;
	size_t i;

	for (i = from; i < blk->size && data[i] == byte; i++)
		;
	EXPECT_EQ(blk->size, i);
}

/* ---------------------------------------------------------------- read() */

FIXTURE(read) {
	struct iio_dut dut;
};

FIXTURE_VARIANT(read) {
	size_t size;
};

FIXTURE_VARIANT_ADD(read, 4k) { .size = 4096, };
FIXTURE_VARIANT_ADD(read, 64k) { .size = 65536, };
FIXTURE_VARIANT_ADD(read, 1m) { .size = 1048576, };

FIXTURE_SETUP(read)
{
	dut_setup(_metadata, &self->dut, 0);
	ASSERT_EQ(0, dut_set_block_bytes(&self->dut, variant->size));
}

FIXTURE_TEARDOWN(read)
{
	dut_teardown(_metadata, &self->dut);
}

TEST_F(read, every_sample_once)
{
	bool started = false;
	uint32_t next;
	int i;

	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < 8; i++) {
		expect_read(_metadata, &self->dut, variant->size, &next,
			    &started);
		next_block(&self->dut, &started);
	}
}

TEST_F(read, in_pieces_that_do_not_divide_the_block)
{
	size_t piece = self->dut.scan_bytes * 37;
	bool started = false;
	uint32_t next;
	int i;

	if (!self->dut.stall)
		SKIP(return, "the source does not wait for the reader");

	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < 64; i++)
		expect_read(_metadata, &self->dut, piece, &next, &started);
}

/*
 * Also where the last time ended in the middle of the pair of blocks: what is
 * handed out first must be what was filled first.
 */
TEST_F(read, in_order_at_every_enable)
{
	bool started;
	uint32_t next;
	int i;

	for (i = 1; i <= 4; i++) {
		started = false;
		ASSERT_EQ(0, dut_enable(&self->dut));
		expect_read(_metadata, &self->dut, i * variant->size, &next,
			    &started);
		ASSERT_EQ(0, dut_disable(&self->dut));
	}
}

/*
 * A scan whose size is no power of two: neither half the buffer nor what the engine can
 * transfer is a multiple of it.
 */
FIXTURE(read_scan) {
	struct iio_dut dut;
	unsigned int scan_bytes;
};

FIXTURE_SETUP(read_scan)
{
	char attr[128];

	dut_setup(_metadata, &self->dut, 0);
	if (self->dut.num_channels < 4 || self->dut.align < 2)
		SKIP_SETUP("%s has %u channels, and takes multiples of %u bytes",
			   dut_name(), self->dut.num_channels, self->dut.align);
	snprintf(attr, sizeof(attr), "buffer0/%s",
		 self->dut.channel[self->dut.num_channels - 1]);
	ASSERT_EQ(0, dut_attr_write(&self->dut, attr, "0"));
	self->scan_bytes = self->dut.scan_bytes / self->dut.num_channels *
			   (self->dut.num_channels - 1);
}

FIXTURE_TEARDOWN(read_scan)
{
	dut_teardown(_metadata, &self->dut);
}

TEST_F(read_scan, whole_scans_only)
{
	unsigned int scan = self->scan_bytes, i;
	char data[4096];
	ssize_t ret;

	ASSERT_EQ(0, dut_attr_write(&self->dut, "buffer0/length", "100"));
	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < 64; i++) {
		/* Also one scan at a time, up to the end of a block */
		ret = read(self->dut.fd, data, i & 32 ? scan : sizeof(data));
		ASSERT_LE((int)scan, ret) {
			TH_LOG("read() no. %u: %zd, %s", i, ret, strerror(errno));
		}
		ASSERT_EQ(0, ret % scan);
	}
}

/* The rest of a transfer that ended in the middle of a scan is dropped. */
TEST_F(read_scan, short_transfer_ends_with_a_whole_scan)
{
	unsigned int scan = self->scan_bytes, i;
	char data[4096];
	ssize_t ret;

	if (!self->dut.faults)
		SKIP(return, NO_FAULTS);

	ASSERT_EQ(0, dut_attr_write(&self->dut, "buffer0/length", "100"));
	ASSERT_EQ(0, fault_set("short_bytes", 8));
	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < 8; i++) {
		ret = read(self->dut.fd, data, sizeof(data));
		ASSERT_LE((int)scan, ret);
		ASSERT_EQ(0, ret % scan);
	}
	EXPECT_EQ(0, fault_get("short_bytes"));
}

TEST_F(read_scan, less_than_the_engine_can_do_is_einval_at_enable)
{
	struct block blk;

	ASSERT_EQ(0, dut_attr_write(&self->dut, "buffer0/length", "2"));
	EXPECT_EQ(-EINVAL, dut_enable(&self->dut));
	EXPECT_FALSE(dut_enabled(&self->dut));

	/* The length is one of read(), and means nothing to DMABUFs. */
	ASSERT_EQ(0, block_alloc(&blk, 16384));
	if (!iio_attach(self->dut.fd, blk.fd)) {
		ASSERT_EQ(0, dut_enable(&self->dut));
		test_cmd_enqueue(self->dut.fd, blk.fd, blk.size);
		EXPECT_TRUE(block_wait(&blk, WAIT_MS));
		ASSERT_EQ(0, dut_disable(&self->dut));
		test_cmd_detach(self->dut.fd, blk.fd);
	}
	block_free(&blk);

	ASSERT_EQ(0, dut_attr_write(&self->dut, "buffer0/length", "100"));
	EXPECT_EQ(0, dut_enable(&self->dut));
}

/* ---------------------------------------------------------------- DMABUF */

#define NUM_BLOCKS	4

FIXTURE(dmabuf) {
	struct iio_dut dut;
	struct block blk[NUM_BLOCKS];
};

FIXTURE_VARIANT(dmabuf) {
	enum exporter exporter;
	size_t size;
};

#define VARIANT(_name, _exporter, _size)				\
	FIXTURE_VARIANT_ADD(dmabuf, _name) {				\
		.exporter = _exporter,					\
		.size = _size,						\
	}

VARIANT(system_4k, SYSTEM_HEAP, 4096);
VARIANT(system_64k, SYSTEM_HEAP, 65536);
VARIANT(system_1m, SYSTEM_HEAP, 1048576);
VARIANT(cma_4k, CMA_HEAP, 4096);
VARIANT(cma_64k, CMA_HEAP, 65536);
VARIANT(cma_1m, CMA_HEAP, 1048576);
VARIANT(udmabuf_4k, UDMABUF, 4096);
VARIANT(udmabuf_64k, UDMABUF, 65536);
VARIANT(udmabuf_1m, UDMABUF, 1048576);
VARIANT(udmabuf_pages_1m, UDMABUF_PAGES, 1048576);

FIXTURE_SETUP(dmabuf)
{
	int fd, i;

	dut_setup(_metadata, &self->dut, NEED_DMABUF);
	for (i = 0; i < NUM_BLOCKS; i++) {
		fd = exporter_alloc(variant->exporter, variant->size);
		if (fd == -ENOENT)
			SKIP_SETUP("no such exporter");
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, block_wrap(&self->blk[i], fd, variant->size));
		block_fill(&self->blk[i], 0xa5);
		test_cmd_attach(self->dut.fd, fd);
	}
}

FIXTURE_TEARDOWN(dmabuf)
{
	int i;

	dut_teardown(_metadata, &self->dut);
	for (i = 0; i < NUM_BLOCKS; i++)
		block_free(&self->blk[i]);
}

static void expect_block(struct __test_metadata *_metadata,
			 const struct iio_dut *dut, const struct block *blk,
			 size_t bytes, uint32_t *next, bool *started)
{
	ASSERT_TRUE(block_wait(blk, WAIT_MS));
	ASSERT_EQ(0, block_begin_read(blk));
	EXPECT_COUNTER(blk->map, bytes, next, started);
	EXPECT_EQ(0, block_end_read(blk));
	next_block(dut, started);
}

/* A ring, as every streaming program does it */
TEST_F(dmabuf, every_sample_once)
{
	struct block *blk;
	bool started = false;
	uint32_t next;
	int i;

	for (i = 0; i < NUM_BLOCKS; i++)
		test_cmd_enqueue(self->dut.fd, self->blk[i].fd, variant->size);
	ASSERT_EQ(0, dut_enable(&self->dut));

	for (i = 0; i < 4 * NUM_BLOCKS; i++) {
		blk = &self->blk[i % NUM_BLOCKS];
		expect_block(_metadata, &self->dut, blk, variant->size, &next,
			     &started);
		test_cmd_enqueue(self->dut.fd, blk->fd, variant->size);
	}
}

TEST_F(dmabuf, in_the_order_of_enqueue)
{
	static const int order[NUM_BLOCKS] = { 2, 0, 3, 1 };
	bool started = false, enabled;
	uint32_t next;
	int i;

	for (enabled = false; ; enabled = true) {
		for (i = 0; i < NUM_BLOCKS; i++)
			test_cmd_enqueue(self->dut.fd, self->blk[order[i]].fd,
					 variant->size);
		if (!enabled)
			ASSERT_EQ(0, dut_enable(&self->dut));
		for (i = 0; i < NUM_BLOCKS; i++)
			expect_block(_metadata, &self->dut,
				     &self->blk[order[i]], variant->size,
				     &next, &started);
		if (enabled)
			break;
	}
}

TEST_F(dmabuf, bytes_used_is_what_arrives)
{
	const struct block *blk = &self->blk[0];
	size_t align = self->dut.align ?: self->dut.scan_bytes;
	const size_t bytes[] = {
		align, variant->size / 2, variant->size - align,
		variant->size / 4 + align, variant->size,
	};
	bool started = false;
	unsigned int i;
	uint32_t next;

	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < ARRAY_SIZE(bytes); i++) {
		block_fill(blk, 0x5a);
		test_cmd_enqueue(self->dut.fd, blk->fd, bytes[i]);
		expect_block(_metadata, &self->dut, blk, bytes[i], &next,
			     &started);
		expect_filled(_metadata, blk, bytes[i], 0x5a);
	}
}

TEST_F(dmabuf, only_the_queued_block_is_written)
{
	bool started = false;
	uint32_t next;
	int i;

	ASSERT_EQ(0, dut_enable(&self->dut));
	test_cmd_enqueue(self->dut.fd, self->blk[1].fd, variant->size);
	expect_block(_metadata, &self->dut, &self->blk[1], variant->size,
		     &next, &started);
	for (i = 0; i < NUM_BLOCKS; i++)
		if (i != 1)
			expect_filled(_metadata, &self->blk[i], 0, 0xa5);
}

TEST_F(dmabuf, nothing_is_written_after_the_fence)
{
	const struct block *blk = &self->blk[0];
	bool started = false;
	uint32_t next;

	ASSERT_EQ(0, dut_enable(&self->dut));
	test_cmd_enqueue(self->dut.fd, blk->fd, variant->size);
	expect_block(_metadata, &self->dut, blk, variant->size, &next,
		     &started);

	block_fill(blk, 0x5a);
	test_cmd_enqueue(self->dut.fd, self->blk[1].fd, variant->size);
	expect_block(_metadata, &self->dut, &self->blk[1], variant->size,
		     &next, &started);
	expect_filled(_metadata, blk, 0, 0x5a);
}

/* Blocks that were aborted, and blocks of an earlier enable, are as good. */
TEST_F(dmabuf, works_at_every_enable)
{
	bool started;
	uint32_t next;
	int i, j;

	for (i = 0; i < 3; i++) {
		started = false;
		for (j = 0; j < NUM_BLOCKS; j++)
			test_cmd_enqueue(self->dut.fd, self->blk[j].fd,
					 variant->size);
		ASSERT_EQ(0, dut_enable(&self->dut));
		for (j = 0; j < NUM_BLOCKS; j++)
			expect_block(_metadata, &self->dut, &self->blk[j],
				     variant->size, &next, &started);
		ASSERT_EQ(0, dut_disable(&self->dut));
	}
}

/* ---------------------------------------------------------------- stream */

FIXTURE(stream) {
	struct iio_dut dut;
	struct block blk[NUM_BLOCKS];
};

FIXTURE_SETUP(stream)
{
	dut_setup(_metadata, &self->dut, NEED_DMABUF);
}

FIXTURE_TEARDOWN(stream)
{
	int i;

	dut_teardown(_metadata, &self->dut);
	for (i = 0; i < NUM_BLOCKS; i++)
		block_free(&self->blk[i]);
}

/*
 * Small blocks at full speed: ENQUEUE follows the completion of the same block
 * as closely as it can. A completion that signalled the fence of the next
 * transfer would hand out a block that still has the old samples.
 */
TEST_F_TIMEOUT(stream, enqueue_right_after_completion, 60)
{
	bool started = false;
	struct block *blk;
	uint32_t next;
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, block_alloc(&self->blk[i], 4096));
		test_cmd_attach(self->dut.fd, self->blk[i].fd);
	}
	for (i = 0; i < 2; i++)
		test_cmd_enqueue(self->dut.fd, self->blk[i].fd, 4096);
	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < 3000; i++) {
		blk = &self->blk[i % 2];
		ASSERT_TRUE(block_wait(blk, WAIT_MS));
		ASSERT_EQ(0, block_begin_read(blk));
		ASSERT_EQ(1024, counter_check(blk->map, 1024, &next, &started))
			TH_LOG("transfer %d", i);
		ASSERT_EQ(0, block_end_read(blk));
		next_block(&self->dut, &started);
		test_cmd_enqueue(self->dut.fd, blk->fd, 4096);
	}
}

/* Both modes in turn, on one open buffer (and for lockdep to see them both) */
TEST_F(stream, read_and_dmabuf_in_turn)
{
	int i;

	for (i = 0; i < 4; i++) {
		expect_read_mode_works(_metadata, &self->dut);
		expect_dmabuf_mode_works(_metadata, &self->dut);
	}
}

struct reader {
	int fd;
	size_t bytes;
	char *data;
	ssize_t ret;
	int err;
};

static void *read_once(void *arg)
{
	struct reader *reader = arg;

	reader->ret = read(reader->fd, reader->data, reader->bytes);
	reader->err = errno;

	return NULL;
}

/*
 * What is left of a disabled buffer can be read, until a DMABUF is attached. That drops
 * the blocks that read() copies from: one reader is amid of that, the next waits for it.
 */
TEST_F_TIMEOUT(stream, attach_while_two_readers_copy, 120)
{
	struct reader reader[2];
	pthread_t thread[2];
	int i, j;

	ASSERT_EQ(0, block_alloc(&self->blk[0], 4096));
	for (j = 0; j < 2; j++) {
		reader[j].fd = self->dut.fd;
		reader[j].bytes = 8 << 20;
		reader[j].data = malloc(reader[j].bytes);
		ASSERT_TRUE(reader[j].data != NULL);
		memset(reader[j].data, 0, reader[j].bytes);
	}
	ASSERT_EQ(0, dut_set_block_bytes(&self->dut, reader[0].bytes));

	for (i = 0; i < 10; i++) {
		struct pollfd pfd = { .fd = self->dut.fd, .events = POLLIN };

		ASSERT_EQ(0, dut_enable(&self->dut));
		ASSERT_EQ(1, poll(&pfd, 1, WAIT_MS));
		ASSERT_EQ(0, dut_disable(&self->dut));
		for (j = 0; j < 2; j++)
			ASSERT_EQ(0, pthread_create(&thread[j], NULL,
						    read_once, &reader[j]));
		usleep(i * 500);
		test_cmd_attach(self->dut.fd, self->blk[0].fd);
		for (j = 0; j < 2; j++) {
			pthread_join(thread[j], NULL);
			if (reader[j].ret < 0) {
				EXPECT_EQ(EBUSY, reader[j].err);
			} else {
				EXPECT_EQ(reader[j].bytes, reader[j].ret);
			}
		}
		test_cmd_detach(self->dut.fd, self->blk[0].fd);
	}
	free(reader[0].data);
	free(reader[1].data);
	expect_read_mode_works(_metadata, &self->dut);
}

/* The transfer does not depend on the number of channels, only the scan does. */
TEST_F(stream, one_channel_enabled)
{
	char attr[128];
	unsigned int i;

	for (i = 1; i < self->dut.num_channels; i++) {
		snprintf(attr, sizeof(attr), "buffer0/%s",
			 self->dut.channel[i]);
		ASSERT_EQ(0, dut_attr_write(&self->dut, attr, "0"));
	}
	expect_dmabuf_mode_works(_metadata, &self->dut);
}

/* More attachments than one buffer: each one's blocks, pages and fences go. */
TEST_F(stream, attach_and_detach_leak_nothing)
{
	struct block blk;
	int i;

	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, block_alloc(&blk, 65536));
		test_cmd_attach(self->dut.fd, blk.fd);
		ASSERT_EQ(0, dut_enable(&self->dut));
		expect_transfer(_metadata, &self->dut, &blk);
		ASSERT_EQ(0, dut_disable(&self->dut));
		test_cmd_detach(self->dut.fd, blk.fd);
		block_free(&blk);
	}
	if (!access(BUFINFO, R_OK))
		EXPECT_TRUE(wait_until(!block_alive(&blk), WAIT_MS));
	if (self->dut.faults)
		EXPECT_EQ(0, fault_get("descriptors"));
}

/* The limits of udmabuf are meant for less. */
static int udmabuf_alloc_unlimited(size_t size)
{
	static const char dir[] = "/sys/module/udmabuf/parameters";
	char saved_mb[32], saved_count[32], path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/size_limit_mb", dir);
	if (file_read(path, saved_mb, sizeof(saved_mb)))
		return -ENOENT;
	file_write(path, "256");
	snprintf(path, sizeof(path), "%s/list_limit", dir);
	file_read(path, saved_count, sizeof(saved_count));
	file_write(path, "65536");

	fd = udmabuf_alloc(size, true);

	file_write(path, saved_count);
	snprintf(path, sizeof(path), "%s/size_limit_mb", dir);
	file_write(path, saved_mb);

	return fd;
}

/* Attaches, and fills and checks the block twice */
static void expect_huge_block_works(struct __test_metadata *_metadata,
				    const struct iio_dut *dut,
				    const struct block *blk)
{
	bool started = false;
	uint32_t next = 0;
	int i;

	test_cmd_attach(dut->fd, blk->fd);
	ASSERT_EQ(0, dut_enable(dut));
	for (i = 0; i < 2; i++) {
		test_cmd_enqueue(dut->fd, blk->fd, blk->size);
		ASSERT_TRUE(block_wait(blk, 60000));
		ASSERT_EQ(0, block_begin_read(blk));
		EXPECT_COUNTER(blk->map, blk->size, &next, &started);
		EXPECT_EQ(0, block_end_read(blk));
		next_block(dut, &started);
	}
	EXPECT_EQ(0, dut_disable(dut));
	test_cmd_detach(dut->fd, blk->fd);
}

/*
 * 256 MiB of single pages: 65536 entries. The list of them is made at ATTACH,
 * where memory can be waited for; ENQUEUE allocates nothing of that size.
 */
TEST_F_TIMEOUT(stream, quarter_gigabyte_of_single_pages, 300)
{
	const size_t size = 256u << 20;
	int fd = udmabuf_alloc_unlimited(size);

	if (fd == -ENOENT)
		SKIP(return, "no udmabuf");
	if (fd == -ENOMEM)
		SKIP(return, "not enough memory");
	ASSERT_EQ(0, block_wrap(&self->blk[0], fd, size));
	expect_huge_block_works(_metadata, &self->dut, &self->blk[0]);
}

/* How much of the free memory is in pieces of 64 KiB or more */
static size_t free_in_large_pieces(void)
{
	size_t page = sysconf(_SC_PAGESIZE), sum = 0, piece;
	char line[512], *p;
	unsigned int num;
	int len;
	FILE *f = fopen("/proc/buddyinfo", "r");

	while (f && fgets(line, sizeof(line), f)) {
		/* "Node 0, zone   Normal    216     55 ..." */
		p = strstr(line, "zone");
		if (!p)
			continue;
		p += strcspn(p, " ");
		p += strspn(p, " ");
		p += strcspn(p, " ");
		piece = page;
		for (; sscanf(p, "%u%n", &num, &len) == 1; p += len) {
			sum += piece >= 65536 ? num * piece : 0;
			piece *= 2;
		}
	}
	if (f)
		fclose(f);

	return sum;
}

static void print_free_memory(void)
{
	printf("# %ld MiB free, %zu MiB of it in pieces of 64 KiB or more\n",
	       meminfo_kib("MemFree") >> 10, free_in_large_pieces() >> 20);
}

/* Takes nearly all of the memory in single pages, and gives back every second one. */
static bool fragment_memory(size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE), pos;
	char *map;

	map = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return false;
	madvise(map, size, MADV_NOHUGEPAGE);
	for (pos = 0; pos < size; pos += page)
		map[pos] = 1;
	for (pos = 0; pos < size; pos += 2 * page)
		madvise(map + pos, page, MADV_DONTNEED);

	return true;
}

/*
 * In a process of its own, since one of 32 bits has not the addresses for this and for
 * a block. Returns that process, which keeps the memory until it is killed; -1 if there
 * is too little.
 */
static pid_t start_fragmenting(size_t *size)
{
	long kib = meminfo_kib("MemFree");
	size_t keep = 96u << 20;
	int ready[2];
	pid_t pid;
	char c;

	*size = kib < 0 ? 0 : (size_t)kib << 10;
	if (*size < 2 * keep || pipe(ready))
		return -1;
	*size -= keep;

	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fragment_memory(*size) && write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (pid > 0 && read(ready[0], &c, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(ready[0]);

	return pid;
}

/* There is memory enough, but hardly any in large pieces; it prints how much is. */
TEST_F_TIMEOUT(stream, large_block_in_fragmented_memory, 600)
{
	size_t size, block = 128u << 20;
	pid_t pid = start_fragmenting(&size);
	int fd;

	if (pid < 0 || size / 2 < block + (64u << 20))
		SKIP(goto out, "not enough memory");
	print_free_memory();

	fd = heap_alloc("system", block);
	if (fd < 0)
		fd = udmabuf_alloc_unlimited(block);
	ASSERT_EQ(0, block_wrap(&self->blk[0], fd, block));
	print_free_memory();
	expect_huge_block_works(_metadata, &self->dut, &self->blk[0]);
out:
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

IIO_TEST_MAIN
