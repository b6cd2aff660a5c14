// SPDX-License-Identifier: GPL-2.0
/*
 * DMA_BUF_IOCTL_SYNC is what makes samples visible to the CPU where DMA bypasses the
 * caches. An emulator has none that could get stale, so this counts what the kernel
 * does to them: kprobes on the functions that the DMA API calls for a device that is
 * not coherent, with the memory they are called for. Only what the test itself causes
 * is counted.
 */
#include "iio_test_util.h"

#define SIZE		0x40000
#define MAX_PIECES	256

enum { TO_CPU, TO_DEVICE, NUM_KINDS };

static const struct {
	const char *event;
	const char *define;
} probes[] = {
	{ "cpu", "arch_sync_dma_for_cpu paddr=$arg1:x64 size=$arg2:u64 dir=$arg3:s32" },
	{ "device", "arch_sync_dma_for_device paddr=$arg1:x64 size=$arg2:u64 dir=$arg3:s32" },
	{ "sg_cpu", "dma_sync_sg_for_cpu dev=+0(+0($arg1)):string" },
	{ "sg_device", "dma_sync_sg_for_device dev=+0(+0($arg1)):string" },
};

#define DMA_TO_DEVICE	1
#define DMA_FROM_DEVICE	2

/* The cache maintenance of one kind, piece by piece */
struct maintenance {
	unsigned int pieces;
	uint64_t paddr[MAX_PIECES];
	uint64_t bytes;
	bool twice;		/* some memory more than once */
	int dir;
	char dev[64];		/* of the last call, if it is one that names it */
};

FIXTURE(sync) {
	struct iio_dut dut;
	struct block blk;
	const char *tracing;
	char dma_dev[NAME_MAX];	/* device that the DMABUF is attached to */
	struct maintenance done[NUM_KINDS];
};

FIXTURE_VARIANT(sync) {
	enum exporter exporter;
	bool own_dev;		/* see expect_device() */
};

FIXTURE_VARIANT_ADD(sync, system) { .exporter = SYSTEM_HEAP, };
FIXTURE_VARIANT_ADD(sync, cma) { .exporter = CMA_HEAP, };
FIXTURE_VARIANT_ADD(sync, udmabuf) { .exporter = UDMABUF, .own_dev = true, };
FIXTURE_VARIANT_ADD(sync, udmabuf_pages) { .exporter = UDMABUF_PAGES, .own_dev = true, };

static int trace_write(const char *tracing, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", tracing, file);

	return file_write(path, text);
}

static void trace_stop(const char *tracing)
{
	char text[64];
	unsigned int i;

	trace_write(tracing, "events/iio_sync/enable", "0");
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		snprintf(text, sizeof(text), "-:iio_sync/%s", probes[i].event);
		trace_write(tracing, "kprobe_events", text);
	}
}

/* Without one of the functions the machine has nothing to do to its caches. */
static bool trace_start(const char *tracing)
{
	char text[192];
	unsigned int i;

	trace_stop(tracing);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		snprintf(text, sizeof(text), "p:iio_sync/%s %s",
			 probes[i].event, probes[i].define);
		if (trace_write(tracing, "kprobe_events", text)) {
			trace_stop(tracing);
			return false;
		}
	}
	snprintf(text, sizeof(text), "common_pid == %d", getpid());

	return !trace_write(tracing, "events/iio_sync/filter", text) &&
	       !trace_write(tracing, "events/iio_sync/enable", "1");
}

static void trace_clear(const FIXTURE_DATA(sync) *self)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/trace", self->tracing);
	close(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
}

/* What the device only reads is no block: the list for its scatter-gather engine. */
static void count_piece(struct maintenance *m, const char *args)
{
	unsigned long long paddr, size;
	unsigned int i;
	int dir;

	if (sscanf(args, "paddr=%llx size=%llu dir=%d", &paddr, &size,
		   &dir) != 3 || dir == DMA_TO_DEVICE || m->pieces == MAX_PIECES)
		return;
	m->dir = dir;
	for (i = 0; i < m->pieces; i++)
		m->twice |= m->paddr[i] == paddr;
	m->paddr[m->pieces++] = paddr;
	m->bytes += size;
}

static void read_dev(struct maintenance *m, const char *args)
{
	if (sscanf(args, "dev=\"%63[^\"]", m->dev) != 1)
		m->dev[0] = '\0';
}

/* Fills in what has been done to the caches since trace_clear(). */
static void trace_read(struct __test_metadata *_metadata,
		       FIXTURE_DATA(sync) *self)
{
	char path[128], line[512], event[32], *args;
	FILE *f;

	memset(self->done, 0, sizeof(self->done));
	snprintf(path, sizeof(path), "%s/trace", self->tracing);
	f = fopen(path, "r");
	ASSERT_TRUE(f != NULL);
	while (fgets(line, sizeof(line), f)) {
		args = strstr(line, ") ");
		if (line[0] == '#' || !args ||
		    sscanf(strstr(line, ": "), ": %31[^:]", event) != 1)
			continue;
		args += 2;
		if (!strcmp(event, "cpu"))
			count_piece(&self->done[TO_CPU], args);
		else if (!strcmp(event, "device"))
			count_piece(&self->done[TO_DEVICE], args);
		else if (!strcmp(event, "sg_cpu"))
			read_dev(&self->done[TO_CPU], args);
		else if (!strcmp(event, "sg_device"))
			read_dev(&self->done[TO_DEVICE], args);
	}
	fclose(f);
}

static const char *tracing_dir(void)
{
	static const char * const dirs[] = {
		"/sys/kernel/tracing", "/sys/kernel/debug/tracing",
	};
	char path[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/kprobe_events", dirs[i]);
		if (!access(path, W_OK))
			return dirs[i];
	}

	return NULL;
}

/* Nothing is to be done for a DMA controller that looks into the caches. */
static bool is_coherent(const struct iio_dut *dut)
{
	char path[PATH_MAX + 128];

	snprintf(path, sizeof(path), "%s/../dma:rx/../../of_node/dma-coherent", dut->sysfs);

	return !access(path, F_OK);
}

FIXTURE_SETUP(sync)
{
	int fd;

	dut_setup(_metadata, &self->dut, NEED_DMABUF | NEED_BUFINFO);
	if (self->dut.faults)
		SKIP_SETUP("the dummy DMA controller is coherent");
	if (is_coherent(&self->dut))
		SKIP_SETUP("the DMA controller is coherent");
	self->tracing = tracing_dir();
	if (!self->tracing)
		SKIP_SETUP("no CONFIG_KPROBE_EVENTS");
	fd = exporter_alloc(variant->exporter, SIZE);
	if (fd == -ENOENT)
		SKIP_SETUP("no such exporter");
	ASSERT_EQ(0, block_wrap(&self->blk, fd, SIZE));
	/* A udmabuf is mapped for its own device the first time. */
	block_fill(&self->blk, 0xa5);
	if (!trace_start(self->tracing))
		SKIP_SETUP("this kernel has nothing to do to its caches");
}

FIXTURE_TEARDOWN(sync)
{
	trace_stop(self->tracing);
	dut_teardown(_metadata, &self->dut);
	block_free(&self->blk);
}

static void attach(struct __test_metadata *_metadata, FIXTURE_DATA(sync) *self)
{
	test_cmd_attach(self->dut.fd, self->blk.fd);
	ASSERT_EQ(1, block_attachments(&self->blk, self->dma_dev,
				       sizeof(self->dma_dev)));
}

static void transfer(struct __test_metadata *_metadata,
		     FIXTURE_DATA(sync) *self)
{
	attach(_metadata, self);
	ASSERT_EQ(0, dut_enable(&self->dut));
	test_cmd_enqueue(self->dut.fd, self->blk.fd, SIZE);
	ASSERT_TRUE(block_wait(&self->blk, WAIT_MS));
}

/* All of the block once, and nothing else */
static void expect_whole_block(struct __test_metadata *_metadata,
			       const FIXTURE_DATA(sync) *self, int kind)
{
	const struct maintenance *m = &self->done[kind];

	EXPECT_EQ(SIZE, m->bytes);
	EXPECT_FALSE(m->twice);
	EXPECT_EQ(DMA_FROM_DEVICE, m->dir);
	EXPECT_EQ(0, self->done[!kind].bytes);
}

/*
 * The heaps sync for each device that is attached. udmabuf does so for a device of its
 * own, which is good for the others where maintenance goes by address, as on arm64.
 */
static void expect_device(struct __test_metadata *_metadata,
			  const FIXTURE_DATA(sync) *self, bool own_dev, int kind)
{
	EXPECT_STREQ(own_dev ? "udmabuf" : self->dma_dev, self->done[kind].dev);
}

static void expect_nothing(struct __test_metadata *_metadata,
			   const FIXTURE_DATA(sync) *self)
{
	EXPECT_EQ(0, self->done[TO_CPU].bytes);
	EXPECT_EQ(0, self->done[TO_DEVICE].bytes);
}

/* Or what is dirty in the cache could be written over the samples later. */
TEST_F(sync, attach_writes_the_whole_block_back)
{
	if (variant->own_dev)
		SKIP(return, "udmabuf may leave that to SYNC, depending on the kernel");
	trace_clear(self);
	attach(_metadata, self);
	trace_read(_metadata, self);
	expect_whole_block(_metadata, self, TO_DEVICE);
}

TEST_F(sync, start_of_read_invalidates_the_whole_block)
{
	transfer(_metadata, self);
	trace_clear(self);
	ASSERT_EQ(0, block_begin_read(&self->blk));
	trace_read(_metadata, self);
	expect_whole_block(_metadata, self, TO_CPU);
	expect_device(_metadata, self, variant->own_dev, TO_CPU);
	EXPECT_EQ(0, block_end_read(&self->blk));
}

TEST_F(sync, end_of_read_hands_the_whole_block_back)
{
	transfer(_metadata, self);
	ASSERT_EQ(0, block_begin_read(&self->blk));
	trace_clear(self);
	ASSERT_EQ(0, block_end_read(&self->blk));
	trace_read(_metadata, self);
	expect_whole_block(_metadata, self, TO_DEVICE);
	expect_device(_metadata, self, variant->own_dev, TO_DEVICE);
}

/* The call is needed: neither the fence nor an access does anything of the kind. */
TEST_F(sync, nothing_without_it)
{
	char copy[4096];
	unsigned int i;

	attach(_metadata, self);
	ASSERT_EQ(0, dut_enable(&self->dut));
	trace_clear(self);
	test_cmd_enqueue(self->dut.fd, self->blk.fd, SIZE);
	ASSERT_TRUE(block_wait(&self->blk, WAIT_MS));
	for (i = 0; i < SIZE / sizeof(copy); i++)
		memcpy(copy, (char *)self->blk.map + i * sizeof(copy),
		       sizeof(copy));
	trace_read(_metadata, self);
	expect_nothing(_metadata, self);
}

/* A block that the CPU never looks at costs nothing, however often it goes round. */
TEST_F(sync, enqueue_does_nothing)
{
	int i;

	transfer(_metadata, self);
	trace_clear(self);
	for (i = 0; i < 8; i++) {
		test_cmd_enqueue(self->dut.fd, self->blk.fd, SIZE);
		ASSERT_TRUE(block_wait(&self->blk, WAIT_MS));
	}
	ASSERT_EQ(0, dut_disable(&self->dut));
	trace_read(_metadata, self);
	expect_nothing(_metadata, self);
}

/* What was transferred is there without a further call once the block is detached. */
TEST_F(sync, detach_invalidates_the_whole_block)
{
	if (variant->own_dev)
		SKIP(return, "udmabuf may leave that to SYNC, depending on the kernel");
	transfer(_metadata, self);
	/* Otherwise the last reference can be that of the completion. */
	ASSERT_EQ(0, dut_disable(&self->dut));
	trace_clear(self);
	test_cmd_detach(self->dut.fd, self->blk.fd);
	trace_read(_metadata, self);
	expect_whole_block(_metadata, self, TO_CPU);
}

IIO_TEST_MAIN
