// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dma-axi-dmac on the emulated board: what IIO does not do with it
 *
 * Runs when it is loaded, while no other driver has the channels of the board's two DMA
 * controllers: lists, vectors that are used again, cyclic and interleaved transfers, early
 * ends, hardware that does not stop, and hardware that was left running. The result is KTAP in
 * /sys/kernel/debug/dmac-test.
 *
 * The samples are a counter of 32 bits, and no rate is set: none is lost, so that whatever a
 * transfer brings counts on from its first word. Everything else in the memory has to be as it
 * was before.
 */

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/dmaengine.h>
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/iopoll.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/preempt.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "compat.h"

/* Of the design, see kernel/board/README.md */
#define RX_DMAC		"9c400000.dma-controller"
#define TX_DMAC		"9c420000.dma-controller"
#define RX_DMAC_ADDR	0x9c400000
#define DMAC_SIZE	0x1000
#define CORE_ADDR	0x99020000
#define CORE_SIZE	0x6000
#define CONTROL_ADDR	0x9d000000
#define CONTROL_SIZE	0x1000

#define DMAC_CTRL		0x400
#define   DMAC_CTRL_ENABLE	BIT(0)
#define DMAC_START		0x408
#define DMAC_FLAGS		0x40c
#define   DMAC_FLAG_LAST	BIT(1)
#define DMAC_DEST_ADDRESS	0x410
#define DMAC_X_LENGTH		0x418
#define DMAC_DEST_ADDRESS_HIGH	0x490

#define CORE_ADC_RSTN		0x0040
#define CORE_ADC_CHAN(c)	(0x0400 + (c) * 0x40)
#define   CORE_ADC_CHAN_ENABLE	1
#define CORE_DAC_RSTN		0x4040
#define   CORE_RUN		3
#define CORE_DAC_CHAN_DATA(c)	(0x4418 + (c) * 0x40)
#define   CORE_DAC_DATA_DMA	2

#define CONTROL_RATE		0x10
#define CONTROL_POSITION	0x20
#define CONTROL_RX_FAULT	0x40
#define   CONTROL_EARLY_END	BIT(2)
#define CONTROL_RX_EARLY_BYTES	0x44
#define CONTROL_RX_HOLD		0x58
#define CONTROL_RX_STALL	0x5c
#define CONTROL_TX_BYTES	0x80
#define CONTROL_TX_HASH		0x88
#define CONTROL_TX_CLEAR	0x94

#define FNV_BASIS		0xcbf29ce484222325ULL
#define FNV_PRIME		0x100000001b3ULL

#define MEM_SIZE		SZ_512K
#define MEM_WORDS		(MEM_SIZE / sizeof(u32))
#define POISON			0x5a5a5a5a
#define WAIT_US			1000000
#define QUIET_US		200
/* Slow enough for a kernel with checkers to take an interrupt for each 4 KiB */
#define PERIODS_HZ		1000000

static unsigned int align = 8;
module_param(align, uint, 0444);
MODULE_PARM_DESC(align, "what the addresses of the receive side are multiples of, in bytes");

static unsigned int step = 8;
module_param(step, uint, 0444);
MODULE_PARM_DESC(step, "what its lengths are multiples of, in bytes");

static bool rows;
module_param(rows, bool, 0444);
MODULE_PARM_DESC(rows, "it does rows with gaps");

static bool stream;
module_param(stream, bool, 0444);
MODULE_PARM_DESC(stream, "its source is a stream, which can end a transfer early");

static char *only;
module_param(only, charp, 0444);
MODULE_PARM_DESC(only, "the test to run; all, if none is named");

/**
 * struct piece - part of the memory
 * @offset: in bytes, from its begin
 * @len: in bytes
 */
struct piece {
	unsigned int offset, len;
};

#define MAX_PIECES	5

/**
 * struct dmac_test - all there is
 * @core: registers of the converter's core
 * @control: registers of the board's control block
 * @chan: the channel that is being tested
 * @mem: memory that it transfers to or from
 * @addr: the address of that for the DMA controller
 * @want: what is expected to be in @mem
 * @done: a transfer has ended
 * @callbacks: how many have, or how many periods
 * @results: how the first of them have
 * @log: the report
 * @blob: the report for debugfs
 * @pos: length of it
 * @failed: the test has
 * @num: tests so far
 * @file: the report in debugfs
 */
struct dmac_test {
	void __iomem *core;
	void __iomem *control;
	struct dma_chan *chan;
	u32 *mem;
	dma_addr_t addr;
	u32 *want;
	struct completion done;
	atomic_t callbacks;
	struct dmaengine_result results[2];
	char *log;
	struct debugfs_blob_wrapper blob;
	size_t pos;
	bool failed;
	unsigned int num;
	struct dentry *file;
};

static struct dmac_test dmac_test;

#define LOG_SIZE	SZ_64K

static __printf(2, 3) void tell(struct dmac_test *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	t->pos += vscnprintf(t->log + t->pos, LOG_SIZE - t->pos, format, args);
	va_end(args);
}

static bool expect(struct dmac_test *t, bool ok, const char *func,
		   unsigned int line, const char *what)
{
	if (!ok) {
		t->failed = true;
		tell(t, "# %s:%u: not %s\n", func, line, what);
	}

	return ok;
}

#define EXPECT(t, condition) \
	expect(t, condition, __func__, __LINE__, #condition)

static void lever(struct dmac_test *t, unsigned int reg, u32 val)
{
	writel(val, t->control + reg);
}

static u64 counter(struct dmac_test *t, unsigned int reg)
{
	return lo_hi_readq(t->control + reg);
}

/* ------------------------------------------------------------------ the memory */

static void poison(struct dmac_test *t)
{
	memset32(t->mem, POISON, MEM_WORDS);
}

static void expect_mem(struct dmac_test *t, const char *what)
{
	size_t i;

	for (i = 0; i < MEM_WORDS; i++) {
		if (t->mem[i] == t->want[i])
			continue;
		t->failed = true;
		tell(t, "# %s: %#x at %#zx, not %#x\n", what, t->mem[i],
		     i * sizeof(u32), t->want[i]);
		return;
	}
}

/* So many bytes of what was transferred into the pieces, and nothing else */
static void expect_samples(struct dmac_test *t, const struct piece *pieces,
			   unsigned int num, size_t bytes, const char *what)
{
	u32 next = t->mem[pieces[0].offset / sizeof(u32)];
	size_t first, words, i;

	memset32(t->want, POISON, MEM_WORDS);
	for (; num && bytes; num--, pieces++) {
		first = pieces->offset / sizeof(u32);
		words = min_t(size_t, pieces->len, bytes) / sizeof(u32);
		for (i = 0; i < words; i++)
			t->want[first + i] = next++;
		bytes -= words * sizeof(u32);
	}
	expect_mem(t, what);
}

/* A ring has one place where the newest sample comes before the oldest. */
static void expect_ring(struct dmac_test *t, size_t bytes)
{
	size_t words = bytes / sizeof(u32), breaks = 0, i;

	for (i = 0; i < words; i++)
		breaks += t->mem[(i + 1) % words] != t->mem[i] + 1;
	EXPECT(t, breaks <= 1);

	memset32(t->want, POISON, MEM_WORDS);
	memcpy(t->want, t->mem, bytes);
	expect_mem(t, "beside the ring");
	udelay(QUIET_US);
	expect_mem(t, "after the end");
}

/* --------------------------------------------------------------- the transfers */

static void dmac_test_done(void *data, const struct dmaengine_result *result)
{
	struct dmac_test *t = data;
	int i = atomic_fetch_inc(&t->callbacks);

	/* Those of cyclic transfers have none */
	if (result && i < ARRAY_SIZE(t->results))
		t->results[i] = *result;
	complete(&t->done);
}

static dma_cookie_t submit(struct dmac_test *t,
			   struct dma_async_tx_descriptor *desc)
{
	desc->callback_result = dmac_test_done;
	desc->callback_param = t;

	return dmaengine_submit(desc);
}

static void expect_nothing(struct dmac_test *t)
{
	reinit_completion(&t->done);
	atomic_set(&t->callbacks, 0);
	memset(t->results, 0xff, sizeof(t->results));
}

static bool is_named(struct dma_chan *chan, void *name)
{
	return !strcmp(dev_name(chan->device->dev), name);
}

static struct dma_chan *request_channel(const char *name)
{
	dma_cap_mask_t mask;

	dma_cap_zero(mask);
	dma_cap_set(DMA_SLAVE, mask);

	return dma_request_channel(mask, is_named, (void *)name);
}

static bool wait_for_end(struct dmac_test *t)
{
	return wait_for_completion_timeout(&t->done, usecs_to_jiffies(WAIT_US));
}

/* Whether it has ended. What it was told to leave out is the residue. */
static bool run(struct dmac_test *t, struct dma_async_tx_descriptor *desc,
		size_t residue)
{
	struct dma_tx_state state;
	dma_cookie_t cookie;
	bool ended;

	if (!EXPECT(t, desc))
		return false;

	expect_nothing(t);
	cookie = submit(t, desc);
	dma_async_issue_pending(t->chan);
	ended = wait_for_end(t);
	if (!EXPECT(t, ended)) {
		EXPECT(t, !dmaengine_terminate_sync(t->chan));
		return false;
	}
	EXPECT(t, dmaengine_tx_status(t->chan, cookie, &state) == DMA_COMPLETE);
	EXPECT(t, t->results[0].result == DMA_TRANS_NOERROR);
	if (!EXPECT(t, t->results[0].residue == residue))
		tell(t, "# residue %u, not %zu\n", t->results[0].residue, residue);

	return true;
}

/* One that has to be refused. A cyclic one that is not would go on for ever. */
static void expect_refused(struct dmac_test *t, const char *what,
			   struct dma_async_tx_descriptor *desc)
{
	if (!desc)
		return;

	t->failed = true;
	tell(t, "# not refused: %s\n", what);
	submit(t, desc);
	dmaengine_terminate_sync(t->chan);
}

/* In no order, off the bursts, across boundaries of 4 KiB, longer than 16 bits, one beat */
static unsigned int make_pieces(struct piece *pieces)
{
	const struct piece all[MAX_PIECES] = {
		{ 0x20000, 0x30000 },
		{ 0x1000 - 2 * align, 0x2000 + 4 * align },
		{ 0x8000, align },
		{ 0x9000 + align, 0x1000 - 2 * align },
		{ 0x10000 - align, 2 * align },
	};

	memcpy(pieces, all, sizeof(all));

	return ARRAY_SIZE(all);
}

static size_t total(const struct piece *pieces, unsigned int num)
{
	size_t len = 0;

	while (num--)
		len += (pieces++)->len;

	return len;
}

static struct dma_async_tx_descriptor *
prep_list_with(struct dmac_test *t, const struct piece *pieces, unsigned int num,
	       enum dma_transfer_direction dir, unsigned long flags)
{
	struct scatterlist sgl[MAX_PIECES];
	unsigned int i;

	sg_init_table(sgl, MAX_PIECES);
	for (i = 0; i < num; i++) {
		sg_dma_address(&sgl[i]) = t->addr + pieces[i].offset;
		sg_dma_len(&sgl[i]) = pieces[i].len;
	}

	return dmaengine_prep_slave_sg(t->chan, sgl, num, dir,
				       DMA_PREP_INTERRUPT | flags);
}

static struct dma_async_tx_descriptor *
prep_list(struct dmac_test *t, const struct piece *pieces, unsigned int num,
	  enum dma_transfer_direction dir)
{
	return prep_list_with(t, pieces, num, dir, 0);
}

static struct dma_async_tx_descriptor *
prep_vecs(struct dmac_test *t, const struct piece *pieces, unsigned int num,
	  unsigned long flags)
{
	struct dma_vec vecs[MAX_PIECES];
	unsigned int i;

	for (i = 0; i < num; i++) {
		vecs[i].addr = t->addr + pieces[i].offset;
		vecs[i].len = pieces[i].len;
	}

	return dmaengine_prep_peripheral_dma_vec(t->chan, vecs, num,
						 DMA_DEV_TO_MEM,
						 DMA_PREP_INTERRUPT | flags);
}

static struct dma_async_tx_descriptor *
prep_cyclic(struct dmac_test *t, size_t len, size_t period)
{
	return dmaengine_prep_dma_cyclic(t->chan, t->addr, len, period,
					 DMA_DEV_TO_MEM, DMA_PREP_INTERRUPT);
}

static struct dma_async_tx_descriptor *
prep_rows(struct dmac_test *t, struct dma_interleaved_template *xt,
	  unsigned int offset, size_t size, size_t gap, size_t num)
{
	xt->dst_start = t->addr + offset;
	xt->sgl[0].size = size;
	xt->sgl[0].icg = gap;
	xt->numf = num;

	return dmaengine_prep_interleaved_dma(t->chan, xt, DMA_PREP_INTERRUPT);
}

static struct dma_interleaved_template *make_template(struct dmac_test *t)
{
	struct dma_interleaved_template *xt;

	xt = kzalloc(struct_size(xt, sgl, 1), GFP_KERNEL);
	if (!EXPECT(t, xt))
		return NULL;

	xt->dir = DMA_DEV_TO_MEM;
	xt->dst_inc = true;
	xt->dst_sgl = true;
	xt->frame_size = 1;

	return xt;
}

/* ----------------------------------------------------------- lists and vectors */

static void list_in_order(struct dmac_test *t)
{
	struct piece pieces[MAX_PIECES];
	unsigned int num = make_pieces(pieces);

	poison(t);
	if (run(t, prep_list(t, pieces, num, DMA_DEV_TO_MEM), 0))
		expect_samples(t, pieces, num, total(pieces, num), "list");
}

/* Unlike vectors a list is prepared where nobody may sleep, for many times as for one. */
static void list_used_again(struct dmac_test *t)
{
	struct dma_async_tx_descriptor *desc;
	struct piece pieces[MAX_PIECES];
	unsigned int num = make_pieces(pieces), i;

	preempt_disable();
	desc = prep_list_with(t, pieces, num, DMA_DEV_TO_MEM, DMA_CTRL_REUSE);
	preempt_enable();
	if (!EXPECT(t, desc))
		return;

	for (i = 0; i < 3; i++) {
		poison(t);
		if (!run(t, desc, 0))
			break;
		expect_samples(t, pieces, num, total(pieces, num), "used again");
	}
	EXPECT(t, !dmaengine_desc_free(desc));
}

static void list_refused(struct dmac_test *t)
{
	struct piece pieces[] = { { 0, 0x1000 }, { 0x2000, 0x1000 } };

	expect_refused(t, "the wrong direction",
		       prep_list(t, pieces, 2, DMA_MEM_TO_DEV));
	pieces[1].offset++;
	expect_refused(t, "an address",
		       prep_list(t, pieces, 2, DMA_DEV_TO_MEM));
	pieces[1].offset--;
	pieces[1].len -= step - 1;
	expect_refused(t, "a length",
		       prep_list(t, pieces, 2, DMA_DEV_TO_MEM));
	pieces[1].len = 0;
	expect_refused(t, "no length",
		       prep_list(t, pieces, 2, DMA_DEV_TO_MEM));
	pieces[1].len = 0x1000;
	expect_refused(t, "to repeat",
		       prep_list_with(t, pieces, 2, DMA_DEV_TO_MEM,
				      DMA_PREP_REPEAT));
	expect_refused(t, "no pieces", prep_list(t, pieces, 0, DMA_DEV_TO_MEM));
}

/* Where the segments of a list end is not kept. */
static void list_of_another_length(struct dmac_test *t)
{
	struct dma_async_tx_descriptor *desc;
	struct piece pieces[MAX_PIECES];
	unsigned int num = make_pieces(pieces);

	desc = prep_list_with(t, pieces, num, DMA_DEV_TO_MEM, DMA_CTRL_REUSE);
	if (!EXPECT(t, desc))
		return;

	EXPECT(t, dmaengine_desc_set_len(desc, 0x1000) == -EINVAL);
	poison(t);
	if (run(t, desc, 0))
		expect_samples(t, pieces, num, total(pieces, num), "all of it");
	EXPECT(t, !dmaengine_desc_free(desc));
}

static void vecs_refused(struct dmac_test *t)
{
	struct piece pieces[] = { { 0, 0x1000 }, { 0x2000, 0x1000 } };

	if (!dma_has_cap(DMA_REPEAT, t->chan->device->cap_mask))
		expect_refused(t, "to repeat",
			       prep_vecs(t, pieces, 2, DMA_PREP_REPEAT));
	pieces[1].len = -align;
	expect_refused(t, "4 GiB", prep_vecs(t, pieces, 2, 0));
	pieces[1].len = 0;
	expect_refused(t, "no length", prep_vecs(t, pieces, 2, 0));
}

/* Each length that begins or ends a segment, and those beside it */
static void vecs_of_each_length(struct dmac_test *t)
{
	struct dma_async_tx_descriptor *desc;
	struct piece pieces[MAX_PIECES];
	unsigned int num = make_pieces(pieces), i;
	size_t all = total(pieces, num);
	const size_t lens[] = {
		align, 0x1000 - align, 0x1000, 0x1000 + align, 0x10000 - align,
		0x10000, 0x10000 + align, pieces[0].len - align, pieces[0].len,
		pieces[0].len + align, all - 2 * align, all - align, all, step, all,
	};

	desc = prep_vecs(t, pieces, num, DMA_CTRL_REUSE);
	if (!EXPECT(t, desc))
		return;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		poison(t);
		EXPECT(t, !dmaengine_desc_set_len(desc, lens[i]));
		if (!run(t, desc, 0))
			break;
		expect_samples(t, pieces, num, lens[i], "set length");
	}
	EXPECT(t, !dmaengine_desc_free(desc));
}

/* What is refused leaves the length as it was. */
static void vecs_of_no_such_length(struct dmac_test *t)
{
	struct dma_async_tx_descriptor *desc;
	struct piece pieces[MAX_PIECES];
	unsigned int num = make_pieces(pieces);
	size_t all = total(pieces, num);

	desc = prep_vecs(t, pieces, num, DMA_CTRL_REUSE);
	if (!EXPECT(t, desc))
		return;

	EXPECT(t, !dmaengine_desc_set_len(desc, 0x1000));
	EXPECT(t, dmaengine_desc_set_len(desc, 0) == -EINVAL);
	EXPECT(t, dmaengine_desc_set_len(desc, step + 1) == -EINVAL);
	EXPECT(t, dmaengine_desc_set_len(desc, all + align) == -EINVAL);
	EXPECT(t, dmaengine_desc_set_len(desc, SZ_4G + align) == -EINVAL);
	poison(t);
	if (run(t, desc, 0))
		expect_samples(t, pieces, num, 0x1000, "length from before");
	EXPECT(t, !dmaengine_desc_free(desc));
}

static void vecs_after_a_stop(struct dmac_test *t)
{
	struct dma_async_tx_descriptor *desc;
	struct piece pieces[MAX_PIECES];
	unsigned int num = make_pieces(pieces);
	int ret;

	desc = prep_vecs(t, pieces, num, DMA_CTRL_REUSE);
	if (!EXPECT(t, desc))
		return;

	expect_nothing(t);
	submit(t, desc);
	/* Whoever gets the CPU meanwhile may keep it until all has arrived. */
	preempt_disable();
	dma_async_issue_pending(t->chan);
	udelay(20);
	ret = dmaengine_terminate_async(t->chan);
	preempt_enable();
	dmaengine_synchronize(t->chan);
	EXPECT(t, !ret);
	EXPECT(t, !atomic_read(&t->callbacks));
	poison(t);
	if (run(t, desc, 0))
		expect_samples(t, pieces, num, total(pieces, num), "after a stop");
	EXPECT(t, !dmaengine_desc_free(desc));
}

/* Interrupts are off until all of them have ended: there is one interrupt for them then. */
static long issue_and_look_away(void *data)
{
	struct dmac_test *t = data;
	unsigned long flags;

	local_irq_save(flags);
	dma_async_issue_pending(t->chan);
	mdelay(1);
	local_irq_restore(flags);

	return 0;
}

static void several_end_at_once(struct dmac_test *t)
{
	const struct piece pieces[] = { { 0, 0x1000 }, { 0x2000, 0x1000 }, { 0x4000, 0x1000 } };
	struct dma_async_tx_descriptor *desc;
	unsigned int i;

	expect_nothing(t);
	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		desc = prep_list(t, &pieces[i], 1, DMA_DEV_TO_MEM);
		if (!EXPECT(t, desc))
			return;
		submit(t, desc);
	}

	EXPECT(t, !work_on_cpu(0, issue_and_look_away, t));
	for (i = 0; i < ARRAY_SIZE(pieces); i++)
		EXPECT(t, wait_for_end(t));
	EXPECT(t, atomic_read(&t->callbacks) == ARRAY_SIZE(pieces));
}

/* How far a transfer has come is not told, and the driver says so. */
static void status_of_what_goes_on(struct dmac_test *t)
{
	const struct piece piece = { 0, 0x1000 };
	struct dma_async_tx_descriptor *desc;
	struct dma_slave_caps caps;
	struct dma_tx_state state;
	dma_cookie_t cookie;

	EXPECT(t, !dma_get_slave_caps(t->chan, &caps));
	EXPECT(t, caps.residue_granularity == DMA_RESIDUE_GRANULARITY_DESCRIPTOR);

	desc = prep_list(t, &piece, 1, DMA_DEV_TO_MEM);
	if (!EXPECT(t, desc))
		return;

	lever(t, CONTROL_RX_HOLD, 1);
	expect_nothing(t);
	cookie = submit(t, desc);
	EXPECT(t, dmaengine_tx_status(t->chan, cookie, &state) == DMA_IN_PROGRESS);
	dma_async_issue_pending(t->chan);
	EXPECT(t, dmaengine_tx_status(t->chan, cookie, &state) == DMA_IN_PROGRESS);
	EXPECT(t, state.residue == 0);
	lever(t, CONTROL_RX_HOLD, 0);
	EXPECT(t, wait_for_end(t));
	EXPECT(t, dmaengine_tx_status(t->chan, cookie, &state) == DMA_COMPLETE);
}

/* ------------------------------------------------------------ cyclic transfers */

static void cyclic_refused(struct dmac_test *t)
{
	expect_refused(t, "no period", prep_cyclic(t, 0x1000, 0));
	expect_refused(t, "no buffer", prep_cyclic(t, 0, 0x1000));
	expect_refused(t, "a part of a period", prep_cyclic(t, 0x5000, 0x2000));
	expect_refused(t, "the length of a period",
		       prep_cyclic(t, 2 * (step + 1), step + 1));
	expect_refused(t, "4 GiB", prep_cyclic(t, SZ_4G, 0x1000));
	if (step < align)
		expect_refused(t, "the address of the second period",
			       prep_cyclic(t, 2 * (align + step), align + step));

	t->addr++;
	expect_refused(t, "an address", prep_cyclic(t, 0x2000, 0x1000));
	t->addr--;
	expect_refused(t, "the wrong direction",
		       dmaengine_prep_dma_cyclic(t->chan, t->addr, 0x2000,
						 0x1000, DMA_MEM_TO_DEV, 0));
}

/* Slowly, until it has been round three times */
static void begin_ring(struct dmac_test *t, struct dma_async_tx_descriptor *desc,
		       bool callback, u64 begin, size_t len)
{
	u64 pos;

	lever(t, CONTROL_RATE, PERIODS_HZ);
	expect_nothing(t);
	if (callback)
		submit(t, desc);
	else
		dmaengine_submit(desc);
	dma_async_issue_pending(t->chan);
	EXPECT(t, !read_poll_timeout(counter, pos, pos - begin > 3 * len, 10,
				     WAIT_US, false, t, CONTROL_POSITION));
}

/* Three times round, and no more callbacks than periods */
static void ring(struct dmac_test *t, size_t len, size_t period, bool callback)
{
	struct dma_async_tx_descriptor *desc;
	u64 begin = counter(t, CONTROL_POSITION), pos;

	poison(t);
	desc = prep_cyclic(t, len, period);
	if (!EXPECT(t, desc))
		return;

	begin_ring(t, desc, callback, begin, len);
	EXPECT(t, !callback || (wait_for_end(t) && wait_for_end(t)));
	EXPECT(t, !dmaengine_terminate_sync(t->chan));
	lever(t, CONTROL_RATE, 0);
	pos = counter(t, CONTROL_POSITION);
	EXPECT(t, callback || !atomic_read(&t->callbacks));
	EXPECT(t, atomic_read(&t->callbacks) <= div64_u64(pos - begin, period));
	expect_ring(t, len);
}

static void cyclic_goes_round(struct dmac_test *t)
{
	ring(t, 0x8000, 0x1000, true);
	/* Periods of several segments, where lengths have 16 bits */
	ring(t, 4 * 0x18000, 0x18000, true);
	ring(t, 0x3000, 0x3000, true);
}

static void cyclic_without_callback(struct dmac_test *t)
{
	ring(t, 0x8000, 0x1000, false);
	ring(t, 0x3000, 0x3000, false);
}

static void cyclic_of_one_short_period(struct dmac_test *t)
{
	struct dma_async_tx_descriptor *desc;

	/* It has no second one that would have to begin at an address of the hardware */
	desc = prep_cyclic(t, align + step, align + step);
	if (!EXPECT(t, desc))
		return;

	submit(t, desc);
	EXPECT(t, !dmaengine_terminate_sync(t->chan));
}

/*
 * A period has ended, and the interrupt has been handled, but not the tasklet that calls back
 * run, when the transfer is terminated. The interrupts of the board go to CPU 0.
 */
static long terminate_before_the_callback(void *data)
{
	struct dmac_test *t = data;

	local_bh_disable();
	dma_async_issue_pending(t->chan);
	mdelay(15);		/* one period, and half of the next */
	EXPECT(t, !dmaengine_terminate_async(t->chan));
	local_bh_enable();

	return 0;
}

static void cyclic_terminated_before_its_callback(struct dmac_test *t)
{
	struct dma_async_tx_descriptor *desc;

	desc = prep_cyclic(t, 0x3000, 0x1000);
	if (!EXPECT(t, desc))
		return;

	expect_nothing(t);
	/* 10 ms for a period: a CPU that gets one interrupt after the other comes to nothing else. */
	lever(t, CONTROL_RATE, 0x1000 / 8 * 100);
	submit(t, desc);
	EXPECT(t, !work_on_cpu(0, terminate_before_the_callback, t));
	dmaengine_synchronize(t->chan);
	lever(t, CONTROL_RATE, 0);
	EXPECT(t, !atomic_read(&t->callbacks));
}

/* What is in front of one that never ends does. */
static void cyclic_behind_another(struct dmac_test *t)
{
	const struct piece first = { 0x20000, 0x8000 };
	struct dma_async_tx_descriptor *desc, *ring;
	struct dma_tx_state state;
	dma_cookie_t cookie;

	desc = prep_list(t, &first, 1, DMA_DEV_TO_MEM);
	ring = prep_cyclic(t, 0x3000, 0x3000);
	if (!EXPECT(t, desc && ring))
		return;

	poison(t);
	expect_nothing(t);
	cookie = submit(t, desc);
	dmaengine_submit(ring);
	lever(t, CONTROL_RATE, PERIODS_HZ);
	dma_async_issue_pending(t->chan);
	EXPECT(t, wait_for_end(t));
	EXPECT(t, dmaengine_tx_status(t->chan, cookie, &state) == DMA_COMPLETE);
	EXPECT(t, !dmaengine_terminate_sync(t->chan));
	lever(t, CONTROL_RATE, 0);
	EXPECT(t, atomic_read(&t->callbacks) == 1);
	EXPECT(t, t->mem[(first.offset + first.len) / sizeof(u32) - 1] != POISON);
}

/* Round and round, until what is queued behind it goes on where a round has ended */
static void vecs_that_repeat(struct dmac_test *t)
{
	const struct piece pieces[] = { { 0, 0x3000 }, { 0x3000, 0x5000 } };
	const struct piece next = { 0x20000, 0x4000 };
	size_t len = total(pieces, 2), words = len / sizeof(u32), i;
	u64 begin = counter(t, CONTROL_POSITION);
	struct dma_async_tx_descriptor *desc;

	if (!dma_has_cap(DMA_REPEAT, t->chan->device->cap_mask))
		return;

	poison(t);
	desc = prep_vecs(t, pieces, 2, DMA_PREP_REPEAT);
	if (!EXPECT(t, desc))
		return;

	begin_ring(t, desc, true, begin, len);
	EXPECT(t, !atomic_read(&t->callbacks));

	desc = prep_vecs(t, &next, 1, DMA_PREP_LOAD_EOT);
	if (EXPECT(t, desc)) {
		submit(t, desc);
		dma_async_issue_pending(t->chan);
		EXPECT(t, wait_for_end(t) && wait_for_end(t));
	}
	EXPECT(t, !dmaengine_terminate_sync(t->chan));
	lever(t, CONTROL_RATE, 0);

	EXPECT(t, atomic_read(&t->callbacks) == 2);
	for (i = 1; i < words && t->mem[i] == t->mem[i - 1] + 1; i++)
		;
	EXPECT(t, i == words);
	EXPECT(t, t->mem[next.offset / sizeof(u32)] == t->mem[words - 1] + 1);
}

/* ------------------------------------------------------- interleaved transfers */

static void rows_refused(struct dmac_test *t)
{
	struct dma_interleaved_template *xt = make_template(t);

	if (!xt)
		return;

	expect_refused(t, "no row", prep_rows(t, xt, 0, 0x100, 0, 0));
	expect_refused(t, "no bytes", prep_rows(t, xt, 0, 0, 0, 4));
	expect_refused(t, "an address", prep_rows(t, xt, 1, 0x100, 0, 4));
	expect_refused(t, "a length", prep_rows(t, xt, 0, step + 1, 0, 1));
	expect_refused(t, "too much", prep_rows(t, xt, 0, SZ_2G, 0, 0x2000000));

	if (rows) {
		expect_refused(t, "too many", prep_rows(t, xt, 0, 0x100, 0, 0x2000000));
		expect_refused(t, "more than a residue",
			       prep_rows(t, xt, 0, 0x1000, 0, 0x100000));
		expect_refused(t, "too far", prep_rows(t, xt, 0, 0x100, SZ_1G, 2));
		expect_refused(t, "the address of the second one",
			       prep_rows(t, xt, 0, 0x100, align / 2, 2));
	} else {
		expect_refused(t, "a gap", prep_rows(t, xt, 0, 0x100, align, 2));
		expect_refused(t, "bursts across a boundary",
			       prep_rows(t, xt, align, 0x1000, 0, 2));
	}

	xt->dst_inc = false;
	expect_refused(t, "one place", prep_rows(t, xt, 0, 0x100, 0, 4));
	xt->dst_inc = true;
	xt->frame_size = 2;
	expect_refused(t, "two chunks", prep_rows(t, xt, 0, 0x100, 0, 4));
	xt->frame_size = 1;
	xt->dir = DMA_MEM_TO_DEV;
	expect_refused(t, "the wrong direction", prep_rows(t, xt, 0, 0x100, 0, 4));
	kfree(xt);
}

static void rows_without_gaps(struct dmac_test *t)
{
	struct dma_interleaved_template *xt = make_template(t);
	const struct piece piece = { 0x1000, 4 * 0x1000 };

	if (!xt)
		return;

	poison(t);
	if (run(t, prep_rows(t, xt, 0x1000, 0x1000, 0, 4), 0))
		expect_samples(t, &piece, 1, piece.len, "rows");
	kfree(xt);
}

static void rows_with_gaps(struct dmac_test *t)
{
	struct dma_interleaved_template *xt = make_template(t);
	struct piece pieces[MAX_PIECES];
	unsigned int i;

	if (!xt)
		return;

	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		pieces[i].offset = 0x1000 + 0x400 * i;
		pieces[i].len = 0x300;
	}
	poison(t);
	if (run(t, prep_rows(t, xt, 0x1000, 0x300, 0x100, ARRAY_SIZE(pieces)), 0))
		expect_samples(t, pieces, ARRAY_SIZE(pieces),
			       total(pieces, ARRAY_SIZE(pieces)), "rows");
	kfree(xt);
}

/* ------------------------------------------------------------------ early ends */

static const unsigned int early[] = { 128, 2048, 4096, 6144, 0x10000, 0x2ff80 };

static void arm(struct dmac_test *t, unsigned int bytes)
{
	lever(t, CONTROL_RX_EARLY_BYTES, bytes);
	lever(t, CONTROL_RX_FAULT, CONTROL_EARLY_END);
}

/* To the byte, and what comes next is not the worse for it */
static void early_ends(struct dmac_test *t)
{
	struct piece pieces[MAX_PIECES];
	unsigned int num = make_pieces(pieces), i;
	size_t all = total(pieces, num);

	for (i = 0; i < ARRAY_SIZE(early); i++) {
		poison(t);
		arm(t, early[i]);
		if (run(t, prep_list(t, pieces, num, DMA_DEV_TO_MEM), all - early[i]))
			expect_samples(t, pieces, num, early[i], "early end");
		poison(t);
		if (run(t, prep_list(t, pieces, num, DMA_DEV_TO_MEM), 0))
			expect_samples(t, pieces, num, all, "the next one");
	}
}

static void early_ends_of_vecs(struct dmac_test *t)
{
	struct dma_async_tx_descriptor *desc;
	struct piece pieces[MAX_PIECES];
	unsigned int num = make_pieces(pieces), i;
	size_t all = total(pieces, num), len;

	desc = prep_vecs(t, pieces, num, DMA_CTRL_REUSE);
	if (!EXPECT(t, desc))
		return;

	for (i = 0; i < ARRAY_SIZE(early); i++) {
		len = i % 2 ? all : pieces[0].len + align;
		EXPECT(t, !dmaengine_desc_set_len(desc, len));
		poison(t);
		arm(t, early[i]);
		if (!run(t, desc, len - early[i]))
			break;
		expect_samples(t, pieces, num, early[i], "early end");
		poison(t);
		if (!run(t, desc, 0))
			break;
		expect_samples(t, pieces, num, len, "the next one");
	}
	EXPECT(t, !dmaengine_desc_free(desc));
}

static void early_end_of_rows(struct dmac_test *t)
{
	struct dma_interleaved_template *xt = make_template(t);
	const struct piece piece = { 0, 0x4000 };

	if (!xt)
		return;

	poison(t);
	arm(t, 0x1080);
	if (run(t, prep_rows(t, xt, 0, 0x1000, 0, 4), 0x4000 - 0x1080))
		expect_samples(t, &piece, 1, 0x1080, "early end");
	kfree(xt);
}

/* Two at once: each has its own residue. */
static void early_end_before_another(struct dmac_test *t)
{
	const struct piece first[] = { { 0, 0x1000 }, { 0x8000, 0x1000 } };
	const struct piece second = { 0x10000, 0x1000 };
	struct dma_async_tx_descriptor *desc[2];
	unsigned int i;

	desc[0] = prep_list(t, first, 2, DMA_DEV_TO_MEM);
	desc[1] = prep_list(t, &second, 1, DMA_DEV_TO_MEM);
	if (!EXPECT(t, desc[0] && desc[1]))
		return;

	arm(t, 0x800);
	expect_nothing(t);
	for (i = 0; i < 2; i++)
		submit(t, desc[i]);
	dma_async_issue_pending(t->chan);
	for (i = 0; i < 2; i++)
		EXPECT(t, wait_for_end(t));
	EXPECT(t, t->results[0].residue == 0x1800);
	EXPECT(t, t->results[1].residue == 0);
}

/* -------------------------------------------------------------------- stopping */

/* Memory takes nothing: told to stop, the hardware does not, and keeps what it has. */
static void stop_that_does_not_come(struct dmac_test *t)
{
	const struct piece piece = { 0, MEM_SIZE };
	struct dma_async_tx_descriptor *desc, *next;
	struct dma_tx_state state;
	dma_cookie_t cookie;

	poison(t);
	desc = prep_list(t, &piece, 1, DMA_DEV_TO_MEM);
	next = prep_list(t, &piece, 1, DMA_DEV_TO_MEM);
	if (!EXPECT(t, desc && next))
		return;

	expect_nothing(t);
	cookie = submit(t, desc);
	/* Before it has ended */
	preempt_disable();
	dma_async_issue_pending(t->chan);
	udelay(10);
	lever(t, CONTROL_RX_STALL, 1);
	preempt_enable();
	usleep_range(10, 20);
	EXPECT(t, dmaengine_terminate_sync(t->chan) == -ETIMEDOUT);
	EXPECT(t, dmaengine_tx_status(t->chan, cookie, &state) == DMA_IN_PROGRESS);

	/* Nothing is given to it meanwhile */
	cookie = submit(t, next);
	dma_async_issue_pending(t->chan);
	EXPECT(t, dmaengine_tx_status(t->chan, cookie, &state) == DMA_IN_PROGRESS);
	EXPECT(t, dmaengine_terminate_sync(t->chan) == -ETIMEDOUT);
	EXPECT(t, !atomic_read(&t->callbacks));

	lever(t, CONTROL_RX_STALL, 0);
	usleep_range(10, 20);
	EXPECT(t, !dmaengine_terminate_sync(t->chan));
	EXPECT(t, !atomic_read(&t->callbacks));
	memcpy(t->want, t->mem, MEM_SIZE);
	udelay(QUIET_US);
	expect_mem(t, "after the end");

	poison(t);
	if (run(t, prep_list(t, &piece, 1, DMA_DEV_TO_MEM), 0))
		expect_samples(t, &piece, 1, piece.len, "after a stop");
}

/*
 * The samples come when memory takes nothing any more. With the scatter-gather engine, the
 * descriptors are read from the same memory before that.
 */
static void issue_into_a_stall(struct dmac_test *t)
{
	lever(t, CONTROL_RX_HOLD, 1);
	dma_async_issue_pending(t->chan);
	udelay(QUIET_US);
	lever(t, CONTROL_RX_STALL, 1);
	lever(t, CONTROL_RX_HOLD, 0);
	udelay(QUIET_US);
}

/*
 * Memory takes a burst, and answers when the hardware has been told to stop: the interrupt that
 * comes then is of no transfer, whatever the IDs were before.
 */
static void late_end_of_a_stop(struct dmac_test *t)
{
	const struct piece first = { 0, 0x1000 }, burst = { 0x2000, 128 };
	struct dma_async_tx_descriptor *desc[2];
	struct dma_tx_state state;
	dma_cookie_t cookie[2];
	unsigned int i;

	if (!run(t, prep_list(t, &first, 1, DMA_DEV_TO_MEM), 0))
		return;

	desc[0] = prep_list(t, &burst, 1, DMA_DEV_TO_MEM);
	desc[1] = prep_list(t, &first, 1, DMA_DEV_TO_MEM);
	if (!EXPECT(t, desc[0] && desc[1]))
		return;

	expect_nothing(t);
	for (i = 0; i < 2; i++)
		cookie[i] = submit(t, desc[i]);
	issue_into_a_stall(t);
	EXPECT(t, dmaengine_terminate_sync(t->chan) == -ETIMEDOUT);
	lever(t, CONTROL_RX_STALL, 0);
	msleep(20);
	EXPECT(t, !atomic_read(&t->callbacks));
	for (i = 0; i < 2; i++)
		EXPECT(t, dmaengine_tx_status(t->chan, cookie[i], &state) ==
			  DMA_IN_PROGRESS);
	EXPECT(t, !dmaengine_terminate_sync(t->chan));

	poison(t);
	if (run(t, prep_list(t, &first, 1, DMA_DEV_TO_MEM), 0))
		expect_samples(t, &first, 1, first.len, "after a stop");
}

/*
 * Who had the channel gave it back while the hardware did not stop: it stops when somebody else
 * wants it, and works.
 */
static void released_before_it_stops(struct dmac_test *t)
{
	const struct piece piece = { 0, 0x1000 };
	struct dma_async_tx_descriptor *desc;

	desc = prep_list(t, &piece, 1, DMA_DEV_TO_MEM);
	if (!EXPECT(t, desc))
		return;

	expect_nothing(t);
	submit(t, desc);
	issue_into_a_stall(t);
	dma_release_channel(t->chan);
	lever(t, CONTROL_RX_STALL, 0);
	msleep(20);

	t->chan = request_channel(RX_DMAC);
	if (!EXPECT(t, t->chan))
		return;

	EXPECT(t, !atomic_read(&t->callbacks));
	poison(t);
	if (run(t, prep_list(t, &piece, 1, DMA_DEV_TO_MEM), 0))
		expect_samples(t, &piece, 1, piece.len, "for somebody else");
}

/* -------------------------------------------------------------------- transmit */

static u64 hash_of(struct dmac_test *t, const struct piece *pieces,
		   unsigned int num)
{
	u64 hash = FNV_BASIS, *word;
	size_t i;

	for (; num; num--, pieces++) {
		word = (u64 *)t->mem + pieces->offset / sizeof(u64);
		for (i = 0; i < pieces->len / sizeof(u64); i++)
			hash = (hash ^ word[i]) * FNV_PRIME;
	}

	return hash;
}

static void transmit_list(struct dmac_test *t)
{
	const struct piece pieces[] = {
		{ 0x20000, 0x30000 }, { 0x1000 - 16, 0x2000 + 32 }, { 0x8000, 8 },
	};
	size_t i;

	for (i = 0; i < MEM_WORDS; i++)
		t->mem[i] = i * 0x9e3779b1;
	lever(t, CONTROL_TX_CLEAR, 1);
	if (!run(t, prep_list(t, pieces, 3, DMA_MEM_TO_DEV), 0))
		return;

	EXPECT(t, counter(t, CONTROL_TX_BYTES) == total(pieces, 3));
	EXPECT(t, counter(t, CONTROL_TX_HASH) == hash_of(t, pieces, 3));
}

/* With one period and no callback the hardware repeats it by itself. */
static void transmit_cyclic(struct dmac_test *t)
{
	static const struct {
		size_t len, period;
		bool callback;
	} rings[] = {
		{ 0x3000, 0x3000, false }, { 0x3000, 0x1000, false },
		{ 0x3000, 0x3000, true }, { 0x3000, 0x1000, true },
	};
	struct dma_async_tx_descriptor *desc;
	unsigned int i;
	u64 bytes;

	for (i = 0; i < ARRAY_SIZE(rings); i++) {
		lever(t, CONTROL_TX_CLEAR, 1);
		desc = dmaengine_prep_dma_cyclic(t->chan, t->addr, rings[i].len,
						 rings[i].period, DMA_MEM_TO_DEV,
						 DMA_PREP_INTERRUPT);
		if (!EXPECT(t, desc))
			return;

		expect_nothing(t);
		if (rings[i].callback)
			submit(t, desc);
		else
			dmaengine_submit(desc);
		dma_async_issue_pending(t->chan);
		EXPECT(t, !read_poll_timeout(counter, bytes, bytes > 5 * rings[i].len,
					     10, WAIT_US, false, t,
					     CONTROL_TX_BYTES));
		EXPECT(t, !dmaengine_terminate_sync(t->chan));
		EXPECT(t, rings[i].callback == !!atomic_read(&t->callbacks));
		bytes = counter(t, CONTROL_TX_BYTES);
		udelay(QUIET_US);
		EXPECT(t, counter(t, CONTROL_TX_BYTES) == bytes);
	}
}

/* ------------------------------------------------------------------- all of it */

struct test {
	const char *name;
	void (*fn)(struct dmac_test *t);
	const bool *if_set;
	const bool *unless;
};

#define TEST(fn, ...)	{ #fn, fn, __VA_ARGS__ }

static const struct test rx_tests[] = {
	TEST(list_in_order), TEST(list_used_again), TEST(list_refused),
	TEST(list_of_another_length), TEST(vecs_refused),
	TEST(vecs_of_each_length), TEST(vecs_of_no_such_length),
	TEST(vecs_after_a_stop), TEST(several_end_at_once), TEST(status_of_what_goes_on),
	TEST(cyclic_refused), TEST(cyclic_goes_round),
	TEST(cyclic_without_callback), TEST(cyclic_of_one_short_period),
	TEST(cyclic_terminated_before_its_callback),
	TEST(cyclic_behind_another), TEST(vecs_that_repeat),
	TEST(rows_refused), TEST(rows_without_gaps), TEST(rows_with_gaps, &rows),
	TEST(early_ends, &stream), TEST(early_ends_of_vecs, &stream),
	/* Where it does rows, the end of one is not always told */
	TEST(early_end_of_rows, &stream, &rows),
	TEST(early_end_before_another, &stream),
	TEST(stop_that_does_not_come), TEST(late_end_of_a_stop),
	TEST(released_before_it_stops), TEST(list_in_order),
};

static const struct test tests_once_more[] = {
	TEST(list_in_order),
};

static const struct test tx_tests[] = {
	TEST(transmit_list), TEST(transmit_cyclic), TEST(transmit_list),
};

static void tell_result(struct dmac_test *t, const char *name)
{
	tell(t, "%sok %u %s\n", t->failed ? "not " : "", ++t->num, name);
}

/* @wanted: the one to run; NULL: all of them */
static int run_tests(struct dmac_test *t, const char *name,
		     const struct test *tests, size_t num, const char *wanted)
{
	struct device *dev;

	t->chan = request_channel(name);
	if (!t->chan) {
		pr_err("%s: no such channel, or it is in use\n", name);
		return -EBUSY;
	}

	dev = dmaengine_get_dma_device(t->chan);
	t->mem = dma_alloc_coherent(dev, MEM_SIZE, &t->addr, GFP_KERNEL);
	if (!t->mem) {
		dma_release_channel(t->chan);
		return -ENOMEM;
	}

	for (; num; num--, tests++) {
		if ((tests->if_set && !*tests->if_set) ||
		    (tests->unless && *tests->unless) ||
		    (wanted && strcmp(wanted, tests->name)))
			continue;
		t->failed = false;
		tests->fn(t);
		/* Nothing goes on into the next one */
		EXPECT(t, t->chan && !dmaengine_terminate_sync(t->chan));
		tell_result(t, tests->name);
		if (!t->chan)
			return -EBUSY;
	}

	dma_free_coherent(dev, MEM_SIZE, t->mem, t->addr);
	dma_release_channel(t->chan);

	return 0;
}

/* Four channels of the ADC half, which some drivers stop when they go. */
static void start_adc(struct dmac_test *t, bool on)
{
	unsigned int i;

	writel(on ? CORE_RUN : 0, t->core + CORE_ADC_RSTN);
	for (i = 0; i < 4; i++)
		writel(on ? CORE_ADC_CHAN_ENABLE : 0, t->core + CORE_ADC_CHAN(i));
}

/* The DAC half takes all four channels from its DMA controller. */
static void start_dac(struct dmac_test *t, bool on)
{
	unsigned int i;

	writel(on ? CORE_RUN : 0, t->core + CORE_DAC_RSTN);
	for (i = 0; i < 4; i++)
		writel(on ? CORE_DAC_DATA_DMA : 0, t->core + CORE_DAC_CHAN_DATA(i));
}

static void start_by_hand(void __iomem *dmac, phys_addr_t addr, unsigned int len)
{
	writel(lower_32_bits(addr), dmac + DMAC_DEST_ADDRESS);
	writel(upper_32_bits(addr), dmac + DMAC_DEST_ADDRESS_HIGH);
	writel(len - 1, dmac + DMAC_X_LENGTH);
	writel(DMAC_FLAG_LAST, dmac + DMAC_FLAGS);
	writel(1, dmac + DMAC_START);
}

/* Somebody else had it, who has left it with one transfer ended and one under way. */
static void leave_running(struct dmac_test *t, void __iomem *dmac, phys_addr_t addr)
{
	lever(t, CONTROL_RX_HOLD, 0);
	writel(DMAC_CTRL_ENABLE, dmac + DMAC_CTRL);
	start_by_hand(dmac, addr, 0x400);
	udelay(QUIET_US);
	lever(t, CONTROL_RX_HOLD, 1);
	start_by_hand(dmac, addr, 0x400);
	udelay(QUIET_US);
}

static void found_running(struct dmac_test *t)
{
	struct device *dev = bus_find_device_by_name(&platform_bus_type, NULL, RX_DMAC);
	void __iomem *dmac = ioremap(RX_DMAC_ADDR, DMAC_SIZE);
	u32 *page = (u32 *)__get_free_page(GFP_KERNEL | GFP_DMA32);

	t->failed = false;
	if (EXPECT(t, dev && dmac && page)) {
		device_release_driver(dev);
		leave_running(t, dmac, virt_to_phys(page));
		EXPECT(t, device_attach(dev) == 1);
		EXPECT(t, !(readl(dmac + DMAC_CTRL) & DMAC_CTRL_ENABLE));
		memset32(page, POISON, PAGE_SIZE / sizeof(u32));
		lever(t, CONTROL_RX_HOLD, 0);
		udelay(QUIET_US);
		EXPECT(t, !memchr_inv(page, POISON & 0xff, PAGE_SIZE));
	}
	tell_result(t, "found_running");

	free_page((unsigned long)page);
	if (dmac)
		iounmap(dmac);
	put_device(dev);
}

static int run_all(struct dmac_test *t)
{
	int ret;

	tell(t, "KTAP version 1\n");
	lever(t, CONTROL_RATE, 0);
	start_adc(t, true);
	ret = run_tests(t, RX_DMAC, rx_tests, ARRAY_SIZE(rx_tests), only);
	if (!ret && (!only || !strcmp(only, "found_running"))) {
		found_running(t);
		ret = run_tests(t, RX_DMAC, tests_once_more,
				ARRAY_SIZE(tests_once_more), NULL);
	}
	start_adc(t, false);
	if (ret)
		return ret;

	lever(t, CONTROL_RATE, PERIODS_HZ);
	start_dac(t, true);
	ret = run_tests(t, TX_DMAC, tx_tests, ARRAY_SIZE(tx_tests), only);
	start_dac(t, false);
	lever(t, CONTROL_RATE, 0);
	tell(t, "1..%u\n", t->num);
	if (!ret && !t->num) {
		pr_err("dmac_test: no test %s\n", only);
		ret = -ENOENT;
	}

	return ret;
}

static int __init dmac_test_init(void)
{
	struct dmac_test *t = &dmac_test;
	int ret = -ENOMEM;

	init_completion(&t->done);
	t->core = ioremap(CORE_ADDR, CORE_SIZE);
	t->control = ioremap(CONTROL_ADDR, CONTROL_SIZE);
	t->want = vmalloc(MEM_SIZE);
	t->log = vzalloc(LOG_SIZE);
	if (t->core && t->control && t->want && t->log)
		ret = run_all(t);
	vfree(t->want);
	if (t->control)
		iounmap(t->control);
	if (t->core)
		iounmap(t->core);
	if (ret) {
		vfree(t->log);
		return ret;
	}

	t->blob.data = t->log;
	t->blob.size = t->pos;
	t->file = debugfs_create_blob("dmac-test", 0400, NULL, &t->blob);

	return 0;
}
module_init(dmac_test_init);

static void __exit dmac_test_exit(void)
{
	debugfs_remove(dmac_test.file);
	vfree(dmac_test.log);
}
module_exit(dmac_test_exit);

MODULE_DESCRIPTION("Tests of dma-axi-dmac on the emulated ZCU102 + FMComms2/3 board");
MODULE_LICENSE("GPL");
