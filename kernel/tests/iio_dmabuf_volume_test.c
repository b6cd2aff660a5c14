// SPDX-License-Identifier: GPL-2.0
/*
 * Much data: each sample of gigabytes is looked at, from every exporter, in blocks of
 * 4 KiB to 4 MiB, 1 to 32 of them, enqueued in no particular order and filled only in
 * part every other time, while the CPU reads the ones that are done.
 *
 * IIO_VOLUME_MIB in the environment says how much in total. What is random is the same
 * in each run.
 */
#include "iio_test_util.h"

#include <linux/memfd.h>

#define MAX_BLOCKS	32
#define HUGE_PAGE	0x200000
#define DEFAULT_MIB	160
#define VARIANTS	5

/* What all tests, each of them in a process of its own, have done together */
static struct {
	uint64_t bytes;
	uint64_t transfers;
} *verified;

FIXTURE(volume) {
	struct iio_dut dut;
	struct block blk[MAX_BLOCKS];
	int memfd[MAX_BLOCKS];
	unsigned int num_blocks;
	uint32_t random;
	uint32_t next;		/* sample */
	bool started;
	bool seen;		/* samples, since the device was enabled */
};

FIXTURE_VARIANT(volume) {
	enum exporter exporter;
	bool huge;
	size_t most;		/* bytes of memory at a time */
};

#define VARIANT(_name, _exporter, _huge, _most)				\
	FIXTURE_VARIANT_ADD(volume, _name) {				\
		.exporter = _exporter,					\
		.huge = _huge,						\
		.most = _most,						\
	}

VARIANT(system, SYSTEM_HEAP, false, 64 << 20);
VARIANT(cma, CMA_HEAP, false, 64 << 20);
VARIANT(udmabuf, UDMABUF, false, 64 << 20);
VARIANT(udmabuf_pages, UDMABUF_PAGES, false, 64 << 20);
VARIANT(udmabuf_huge, UDMABUF, true, 64 << 20);

FIXTURE_SETUP(volume)
{
	dut_setup(_metadata, &self->dut, NEED_DMABUF);
	self->random = 1;
}

static size_t huge_size(size_t size)
{
	return (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
}

static void huge_free(struct block *blk, int memfd)
{
	if (blk->map)
		munmap(blk->map, huge_size(blk->size));
	if (blk->fd >= 0)
		close(blk->fd);
	close(memfd);
	blk->map = NULL;
}

static void free_blocks(FIXTURE_DATA(volume) *self)
{
	unsigned int i;

	for (i = 0; i < self->num_blocks; i++) {
		if (self->memfd[i] >= 0)
			huge_free(&self->blk[i], self->memfd[i]);
		else
			block_free(&self->blk[i]);
	}
	self->num_blocks = 0;
}

FIXTURE_TEARDOWN(volume)
{
	dut_teardown(_metadata, &self->dut);
	free_blocks(self);
}

static uint64_t bytes_to_verify(void)
{
	const char *text = getenv("IIO_VOLUME_MIB");

	return ((text ? strtoull(text, NULL, 0) : DEFAULT_MIB) << 20) / VARIANTS;
}

/* A number below @n, from a linear congruential generator */
static uint32_t random_below(FIXTURE_DATA(volume) *self, uint32_t n)
{
	self->random = self->random * 1664525 + 1013904223;

	return ((uint64_t)self->random * n) >> 32;
}

/*
 * A udmabuf on huge pages. The pages have to be there before, and it is them that are
 * mapped: through the udmabuf they would count as small ones.
 */
static int huge_alloc(struct block *blk, int *memfd, size_t size)
{
	struct udmabuf_create req = {
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = size,
	};
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

	blk->fd = -1;
	blk->size = size;
	if (dev < 0)
		return -errno;

	*memfd = memfd_create("iio-test", MFD_ALLOW_SEALING | MFD_CLOEXEC |
			      MFD_HUGETLB | MFD_HUGE_2MB);
	if (*memfd < 0 || ftruncate(*memfd, huge_size(size)) ||
	    fcntl(*memfd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		close(dev);
		return -ENOENT;
	}

	blk->map = mmap(NULL, huge_size(size), PROT_READ | PROT_WRITE,
			MAP_SHARED, *memfd, 0);
	if (blk->map == MAP_FAILED) {
		blk->map = NULL;
		close(dev);
		return -ENOMEM;
	}
	memset(blk->map, 0, huge_size(size));

	req.memfd = *memfd;
	blk->fd = ioctl(dev, UDMABUF_CREATE, &req);
	close(dev);

	return blk->fd < 0 ? -ENOENT : 0;
}

static void alloc_block(struct __test_metadata *_metadata,
			FIXTURE_DATA(volume) *self,
			const FIXTURE_VARIANT(volume) *variant, size_t size)
{
	struct block *blk = &self->blk[self->num_blocks];
	int ret;

	self->memfd[self->num_blocks++] = -1;
	if (variant->huge) {
		ret = huge_alloc(blk, &self->memfd[self->num_blocks - 1], size);
	} else {
		ret = block_wrap(blk, exporter_alloc(variant->exporter, size),
				 size);
	}
	ASSERT_EQ(0, ret);
	test_cmd_attach(self->dut.fd, blk->fd);
}

/* What is behind the end of a transfer has to stay as it was. */
static void mark_end(const struct block *blk, size_t bytes)
{
	if (bytes == blk->size)
		return;
	block_begin_read(blk);
	blk->map[bytes / 4] = ~blk->map[bytes / 4 - 1];
	block_end_read(blk);
}

/*
 * Waits for the block and looks at all of its samples. @mark: what is behind the last one
 */
static void verify(struct __test_metadata *_metadata,
		   FIXTURE_DATA(volume) *self, const struct block *blk,
		   size_t bytes, uint32_t mark)
{
	size_t words = bytes / 4;
	uint32_t last = self->next;

	ASSERT_TRUE(block_wait(blk, WAIT_MS));
	ASSERT_EQ(0, block_begin_read(blk));

	/* On a source with a clock of its own blocks need not join. */
	if (!self->dut.stall)
		self->started = false;
	ASSERT_EQ(words, counter_check(blk->map, words, &self->next,
				       &self->started));
	if (self->seen)
		ASSERT_GT((int32_t)(self->next - last), 0);
	if (bytes < blk->size)
		ASSERT_EQ(mark, blk->map[words]);
	ASSERT_EQ(0, block_end_read(blk));

	self->seen = true;
	verified->bytes += bytes;
	verified->transfers++;
}

/* All blocks, until that many bytes have been verified */
static void stream(struct __test_metadata *_metadata,
		   FIXTURE_DATA(volume) *self, size_t size, uint64_t bytes)
{
	size_t align = self->dut.align ?: self->dut.scan_bytes;
	unsigned int queue[MAX_BLOCKS], unused[MAX_BLOCKS];
	unsigned int head = 0, queued = 0, n = self->num_blocks, i, pick;
	uint32_t mark[MAX_BLOCKS];
	size_t used[MAX_BLOCKS];
	bool enabled = false;

	self->started = false;
	self->seen = false;
	for (i = 0; i < n; i++)
		unused[i] = i;

	while (bytes || queued) {
		/* Most of the time all that can be queued is, but not always. */
		if (bytes && queued < n && (!queued || random_below(self, 8))) {
			pick = random_below(self, n - queued);
			i = unused[pick];
			unused[pick] = unused[n - queued - 1];
			used[i] = random_below(self, 2) ? size :
				align * (1 + random_below(self, size / align));
			mark_end(&self->blk[i], used[i]);
			mark[i] = used[i] < size ?
				self->blk[i].map[used[i] / 4] : 0;
			test_cmd_enqueue(self->dut.fd, self->blk[i].fd,
					 used[i]);
			queue[(head + queued++) % MAX_BLOCKS] = i;
			bytes -= bytes < used[i] ? bytes : used[i];
			continue;
		}
		if (!enabled)
			ASSERT_EQ(0, dut_enable(&self->dut));
		enabled = true;
		i = queue[head++ % MAX_BLOCKS];
		verify(_metadata, self, &self->blk[i], used[i], mark[i]);
		unused[n - queued--] = i;
	}
	ASSERT_EQ(0, dut_disable(&self->dut));
}

static bool huge_pages_reserve(const char *num)
{
	return !file_write("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
			   num);
}

static bool exporter_exists(const FIXTURE_VARIANT(volume) *variant)
{
	struct block blk = { .map = NULL };
	int memfd = -1, ret;

	if (variant->huge) {
		ret = huge_alloc(&blk, &memfd, 4096);
		if (memfd >= 0)
			huge_free(&blk, memfd);
	} else {
		ret = block_wrap(&blk, exporter_alloc(variant->exporter, 4096),
				 4096);
		block_free(&blk);
	}

	return !ret;
}

TEST_F_TIMEOUT(volume, every_sample_once, 3600)
{
	static const unsigned int blocks[] = { 4, 32, 1, 8, 3, 16, 2 };
	static const size_t sizes[] = {
		65536, 4194304, 4096, 1048576, 16384, 262144,
	};
	uint64_t bytes = verified->bytes, transfers = verified->transfers;
	uint64_t left = bytes_to_verify(), part;
	unsigned int round, n;
	size_t size, mem;

	if (variant->huge)
		huge_pages_reserve("34");
	if (!exporter_exists(variant))
		SKIP(return, "no such exporter, or no memory for it");

	/* The numbers of sizes and of blocks have no divisor in common. */
	for (round = 0; left; round++) {
		size = sizes[round % ARRAY_SIZE(sizes)];
		n = blocks[round % ARRAY_SIZE(blocks)];
		mem = variant->huge ? huge_size(size) : size;
		if (n * mem > variant->most)
			n = variant->most / mem;
		while (self->num_blocks < n)
			alloc_block(_metadata, self, variant, size);

		/* Each block several times, but not too many small transfers */
		part = size < 65536 ? 256 * size : 32 << 20;
		part = part < left ? part : left;
		stream(_metadata, self, size, part);
		left -= part;
		if (round % 2)
			for (; n; n--)
				test_cmd_detach(self->dut.fd,
						self->blk[n - 1].fd);
		free_blocks(self);

		/* Blocks that are closed and not detached go with the buffer. */
		dut_close_fd(&self->dut);
		self->dut.fd = dut_open_fd(&self->dut);
		ASSERT_GE(self->dut.fd, 0);
	}
	if (variant->huge)
		huge_pages_reserve("0");
	printf("# %llu MiB verified, %llu transfers, %u sets of blocks\n",
	       (unsigned long long)(verified->bytes - bytes) >> 20,
	       (unsigned long long)(verified->transfers - transfers), round);
}

static void print_total(void)
{
	if (verified->transfers)
		printf("# %llu MiB verified in %llu transfers\n",
		       (unsigned long long)verified->bytes >> 20,
		       (unsigned long long)verified->transfers);
}

int main(int argc, char **argv)
{
	verified = mmap(NULL, sizeof(*verified), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (verified == MAP_FAILED)
		return KSFT_FAIL;
	/* The harness may exit() instead of returning. */
	atexit(print_total);

	return iio_test_main(argc, argv);
}
