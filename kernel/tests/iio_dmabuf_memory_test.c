// SPDX-License-Identifier: GPL-2.0
/*
 * Memory above 4 GiB. A kernel that keeps the memory below for devices that reach no more
 * takes DMA-BUFs from there first, whatever their exporter.
 *
 * That no bounce buffers are in use is for the kernel log to tell (ci/in-guest/init): the samples
 * of most exporters are right with them, too.
 */
#include "iio_test_util.h"

#define SIZE		(4 << 20)	/* all that a udmabuf of single pages can have */
#define NUM_BLOCKS	4

/* Documentation/admin-guide/mm/pagemap.rst */
#define PM_PRESENT	(1ull << 63)
#define PM_FRAME	((1ull << 55) - 1)
#define KPF_BUDDY	(1ull << 10)

FIXTURE(placement) {
	struct iio_dut dut;
	struct block blk[NUM_BLOCKS];
	unsigned int num_blocks;
};

FIXTURE_VARIANT(placement) {
	enum exporter exporter;
};

FIXTURE_VARIANT_ADD(placement, system) { .exporter = SYSTEM_HEAP, };
FIXTURE_VARIANT_ADD(placement, cma) { .exporter = CMA_HEAP, };
FIXTURE_VARIANT_ADD(placement, udmabuf) { .exporter = UDMABUF, };
FIXTURE_VARIANT_ADD(placement, udmabuf_pages) { .exporter = UDMABUF_PAGES, };
FIXTURE_VARIANT_ADD(placement, merged) { .exporter = MERGED, };

FIXTURE_SETUP(placement)
{
	dut_setup(_metadata, &self->dut, NEED_DMABUF);
}

static void free_blocks(FIXTURE_DATA(placement) *self)
{
	while (self->num_blocks)
		block_free(&self->blk[--self->num_blocks]);
}

FIXTURE_TEARDOWN(placement)
{
	dut_teardown(_metadata, &self->dut);
	free_blocks(self);
}

static unsigned long first_above(void)
{
	return (1ull << 32) / sysconf(_SC_PAGESIZE);
}

/*
 * How many pages of the block are above 4 GiB, -1 if its mapping does not show them: that of
 * the system heap has no pages.
 */
static long mapped_above(const struct block *blk)
{
	long page = sysconf(_SC_PAGESIZE), n = 0;
	const volatile char *at = (char *)blk->map, *end = at + blk->size;
	uint64_t entry;
	int fd;

	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	for (; n >= 0 && at < end; at += page) {
		(void)*at;
		if (pread(fd, &entry, 8, (uintptr_t)at / page * 8) != 8 ||
		    !(entry & PM_PRESENT))
			n = -1;
		else
			n += (entry & PM_FRAME) >= first_above();
	}
	close(fd);

	return n;
}

/* How many pages from @first to @last are free, -1 if that cannot be known */
static long free_in(int fd, unsigned long first, unsigned long last)
{
	uint64_t flags[4096];
	ssize_t got = 1, i;
	long n = 0;

	for (; first <= last; first += got / 8) {
		got = pread(fd, flags, sizeof(flags), (off_t)first * 8);
		if (got <= 0)
			return -1;
		for (i = 0; i < got / 8 && first + i <= last; i++)
			n += !!(flags[i] & KPF_BUDDY);
	}

	return n;
}

/*
 * The same of all memory above 4 GiB; between that and 4 GiB there is a hole of millions of
 * pages. Single pages that a CPU keeps in reserve do not count, so this is for memory in
 * larger pieces.
 */
static long free_above(void)
{
	FILE *f = fopen("/proc/iomem", "r");
	unsigned long page = sysconf(_SC_PAGESIZE);
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	unsigned long long first, last;
	long n = 0, more = 0;
	char line[256];

	while (f && more >= 0 && fgets(line, sizeof(line), f)) {
		/* Not indented: what lies in the memory is */
		if (line[0] == ' ' || !strstr(line, " : System RAM") ||
		    sscanf(line, "%llx-%llx", &first, &last) != 2 ||
		    first / page < first_above())
			continue;
		more = free_in(fd, first / page, last / page);
		n += more;
	}
	if (f)
		fclose(f);
	close(fd);

	return fd < 0 || more < 0 ? -1 : n;
}

/* Whether a zone begins above 4 GiB; with @cma, whether it has free CMA memory */
static bool zone_above(bool cma)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	unsigned long start, free_cma = 0;
	bool found = false;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Node ", 5))
			free_cma = 0;
		else if (sscanf(line, " nr_free_cma %lu", &free_cma) == 1)
			continue;
		else if (sscanf(line, " start_pfn: %lu", &start) == 1)
			found |= start >= first_above() && (free_cma || !cma);
	}
	if (f)
		fclose(f);

	return found;
}

static void alloc_blocks(struct __test_metadata *_metadata,
			 FIXTURE_DATA(placement) *self, enum exporter exporter)
{
	int fd = exporter_alloc(exporter, SIZE);

	if (fd == -ENOENT)
		SKIP(return, "no such exporter");
	while (self->num_blocks < NUM_BLOCKS) {
		ASSERT_EQ(0, block_wrap(&self->blk[self->num_blocks], fd, SIZE));
		self->num_blocks++;
		if (self->num_blocks < NUM_BLOCKS)
			fd = exporter_alloc(exporter, SIZE);
	}
}

TEST_F(placement, is_above_4_gib)
{
	long pages = NUM_BLOCKS * SIZE / sysconf(_SC_PAGESIZE), above = 0, were_free, n;
	bool first = zone_above(variant->exporter == CMA_HEAP);
	unsigned int i;

	alloc_blocks(_metadata, self, variant->exporter);
	if (!self->num_blocks)
		return;

	for (i = 0; i < NUM_BLOCKS && above >= 0; i++) {
		n = mapped_above(&self->blk[i]);
		above = n < 0 ? n : above + n;
	}
	/* It takes time to look at all of the memory, and seldom has to be. */
	if (above < 0) {
		free_blocks(self);
		were_free = free_above();
		if (were_free < 0)
			SKIP(return, "no /proc/kpageflags");
		alloc_blocks(_metadata, self, variant->exporter);
		above = were_free - free_above();
	}
	printf("# %ld of %ld pages are above 4 GiB\n", above, pages);
	if (!first)
		SKIP(return, "no zone above 4 GiB, or no CMA memory in it");
	EXPECT_GE(above, pages * 7 / 8);
}

TEST_F(placement, is_written_by_the_device)
{
	unsigned int i;

	alloc_blocks(_metadata, self, variant->exporter);
	if (!self->num_blocks)
		return;
	for (i = 0; i < NUM_BLOCKS; i++)
		test_cmd_attach(self->dut.fd, self->blk[i].fd);
	ASSERT_EQ(0, dut_enable(&self->dut));
	for (i = 0; i < NUM_BLOCKS; i++)
		expect_transfer(_metadata, &self->dut, &self->blk[i]);
	ASSERT_EQ(0, dut_disable(&self->dut));
}

/* Of a kernel that was told to use bounce buffers for everything */
FIXTURE(bounce) {
	struct iio_dut dut;
	struct block blk;
};

FIXTURE_SETUP(bounce)
{
	char cmdline[4096] = "";

	file_read("/proc/cmdline", cmdline, sizeof(cmdline));
	if (!strstr(cmdline, "swiotlb=force"))
		SKIP_SETUP("booted without swiotlb=force");
	dut_setup(_metadata, &self->dut, NEED_DMABUF);
}

FIXTURE_TEARDOWN(bounce)
{
	dut_teardown(_metadata, &self->dut);
	block_free(&self->blk);
}

/* Bounce buffers can lie side by side by chance, and then the device would write to them. */
TEST_F(bounce, is_no_mapping_in_one_piece)
{
	int fd = merged_alloc(16384);

	if (fd == -ENOENT)
		SKIP(return, "no exporter of one piece (dmabuf_merged.ko)");
	ASSERT_EQ(0, block_wrap(&self->blk, fd, 16384));
	test_err_attach(EIO, self->dut.fd, self->blk.fd);
}

IIO_TEST_MAIN
