// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dummy DMA controller
 *
 * A dmaengine provider without hardware. To its clients it looks like the controller
 * between a data converter and memory: a slave channel "rx" that fills memory with
 * samples, and a slave channel "tx" that drains memory. It exists to test and to measure
 * the code above dmaengine, so it can be slow, late and faulty on request.
 *
 * The samples are a running counter, one little endian 32-bit count per four bytes. A
 * lost, repeated or stale byte therefore shows in the data. With a rate set, the stream
 * is continuous in time like that of a converter: what nobody fetches in time is lost
 * beyond the depth of the FIFO, and the counter jumps. Without a rate the stream advances
 * by what was transferred and nothing is ever lost. What is sent is expected to be such a
 * counter as well, and each word that does not continue it is counted. At a rate, the time
 * in which there was nothing to send is what is lost.
 *
 * Each channel has a kernel thread that stands for the hardware. It moves the data by the
 * CPU, or on rx through a DMA_MEMCPY channel of a real engine. Completions are reported
 * from the tasklet of the virtual channel, so that clients are called in the context that
 * real hardware would call them in.
 *
 * Most of a transfer is moved as soon as it starts, its last page when it is due. It can
 * keep up with any rate that way, and still the last bytes land just before completion as
 * those of real hardware do: a client that completes or frees a buffer too early is found
 * out.
 *
 * Vectors are not copied, where the kernel has clients keep them. They are read when their
 * bytes are moved, and once more in the end: a client that frees or changes them too early is
 * found out as well.
 *
 * Locking: virt_dma_chan.lock protects dma_dummy_chan.active and .abort and the fields of
 * a descriptor that say so. dma_dummy.lock is for what clients and debugfs share with the
 * threads; it nests inside the other one. Everything else belongs to the thread.
 */

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/dmaengine.h>
#include <linux/highmem.h>
#include <linux/kfifo.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "compat.h"
#include "dma-dummy.h"
#include "dummy-memory.h"
#include "virt-dma.h"

#if !defined(HAVE_PERIPHERAL_DMA_VEC)
#error "This kernel has no DMA vectors: apply the patch series first."
#endif

/* Width of the FIFO behind rx and tx: unit of every address, length and loss. */
#define DMA_DUMMY_WIDTH		8

/* What lands only when the transfer is due. */
#define DMA_DUMMY_LAST		SZ_4K

/*
 * What the real engine is given at a time, and in how many copies at most. Two slots are
 * on their way at once, and the engine may still hold the descriptors of a third one that
 * it reported as complete: few enough for the 32 descriptors that some engines have.
 */
#define DMA_DUMMY_SLOT_SIZE	SZ_256K
#define DMA_DUMMY_SLOT_COPIES	8

#define DMA_DUMMY_ENGINE_TIMEOUT	msecs_to_jiffies(5000)

enum dma_dummy_id {
	DMA_DUMMY_RX,
	DMA_DUMMY_TX,
	DMA_DUMMY_NUM_CHANS
};

/**
 * struct dma_dummy_chunk - part of the segments of a descriptor
 * @node: in dma_dummy_desc.chunks
 * @num: number of segments in use
 * @vecs: the segments
 *
 * At most half a page each. Descriptors are prepared in atomic context, where the table of
 * a large scattered buffer could not be allocated in one piece; and with the red zones of
 * SLUB_DEBUG on both sides of it, a page would already take four.
 */
struct dma_dummy_chunk {
	struct list_head node;
	unsigned int num;
	struct dma_vec vecs[];
};

#define DMA_DUMMY_CHUNK_VECS \
	((PAGE_SIZE / 2 - sizeof(struct dma_dummy_chunk)) / sizeof(struct dma_vec))

/**
 * struct dma_dummy_desc - descriptor
 * @vdesc: virtual channel part
 * @chunks: segments in order, copied
 * @len: length in bytes of what is to be moved
 * @max_len: length in bytes of all segments
 * @period: length in bytes of a period, 0 if the transfer is not cyclic
 * @issued: when the client issued it; protected by virt_dma_chan.lock
 * @due: when the running part of it will be complete at the rate of the stream, 0 without
 *	 a rate; protected by virt_dma_chan.lock
 * @rate: rate that @due was computed with; protected by virt_dma_chan.lock
 * @end: offset at which the running part ends; protected by virt_dma_chan.lock
 * @done: number of bytes that have been moved; written by the thread only
 * @taken: number of bytes that @chunk, @index and @offset have passed
 * @chunk: chunk of the next byte to move
 * @index: segment in @chunk of the next byte to move
 * @offset: offset in that segment of the next byte to move
 */
struct dma_dummy_desc {
	struct virt_dma_desc vdesc;
	struct list_head chunks;
	size_t len;
	size_t max_len;
	size_t period;
	ktime_t issued;
	ktime_t due;
	u64 rate;
	size_t end;
	size_t done;

	size_t taken;
	struct dma_dummy_chunk *chunk;
	size_t index;
	size_t offset;
};

/**
 * struct dma_dummy_chan - channel
 * @vc: virtual channel
 * @dma_parms: of the device of the channel
 * @dir: the one direction of the channel
 * @task: the thread that is the hardware; runs while a client holds the channel
 * @wq: where the thread sleeps, and who waits for the thread
 * @active: the descriptor that the thread works on; protected by @vc.lock
 * @abort: the thread is to drop @active; protected by @vc.lock
 * @loopback: the running transfer uses the loopback
 * @rate: bytes per second that the converter produces or takes, 0 for no limit
 * @restart: the next transfer is the first one of a stream
 * @pos: position in bytes of the next sample in the stream; the thread only
 * @origin: time of @origin_pos; the thread only
 * @origin_pos: position at which the stream was last started; the thread only
 * @idle: when the channel could have begun with another transfer; the thread only
 * @completed: number of completed transfers
 * @bytes: number of bytes transferred
 * @lost_bytes: number of bytes that overran the FIFO, or that it lacked
 * @next: count that the next word to be sent should be; the thread of tx
 * @jumps: number of words sent that were another count; the thread of tx
 */
struct dma_dummy_chan {
	struct virt_dma_chan vc;
	struct device_dma_parameters dma_parms;
	enum dma_transfer_direction dir;
	struct task_struct *task;
	wait_queue_head_t wq;
	struct dma_dummy_desc *active;
	bool abort;
	bool loopback;

	u64 rate;
	bool restart;
	u64 pos;
	ktime_t origin;
	u64 origin_pos;
	ktime_t idle;

	u64 completed;
	u64 bytes;
	u64 lost_bytes;
	u32 next;
	u64 jumps;
};

/**
 * struct dma_dummy_slot - a part of a transfer on its way through the real engine
 * @buf: the source
 * @addr: @buf for the real engine
 * @copies: mapped destinations
 * @num: number of @copies
 * @len: sum of their lengths
 * @pending: number of copies that are not complete, and one while they are being submitted
 * @failed: at least one of them failed
 * @complete: none is pending any more
 */
struct dma_dummy_slot {
	void *buf;
	dma_addr_t addr;
	struct dma_vec copies[DMA_DUMMY_SLOT_COPIES];
	unsigned int num;
	size_t len;
	atomic_t pending;
	bool failed;
	struct completion complete;
};

/**
 * struct dma_dummy_engine - the real engine, if there is one
 * @chan: its channel, or NULL
 * @dev: the device that does the DMA
 * @max_copy: largest single copy in bytes
 * @slots: one is filled while the other one is copied
 */
struct dma_dummy_engine {
	struct dma_chan *chan;
	struct device *dev;
	size_t max_copy;
	struct dma_dummy_slot slots[2];
};

/**
 * struct dma_dummy - controller
 * @dma: dmaengine part
 * @chans: channels, by &enum dma_dummy_id
 * @engine: what moves the data on rx
 * @loop: bytes on the way from tx to rx
 * @lock: protects the rate, restart and the counters of the channels
 * @looped: rx receives what tx sends
 * @stall: no transfer completes
 * @delay_us: how long completions are held back
 * @refuse_prep: number of preparations to refuse
 * @fail: number of transfers to fail
 * @fail_stop: number of times that terminating fails
 * @short_bytes: by how much the next transfer is to be short
 * @descriptors: number of descriptors that exist
 * @debugfs: folder of the above
 */
struct dma_dummy {
	struct dma_device dma;
	struct dma_dummy_chan chans[DMA_DUMMY_NUM_CHANS];
	struct dma_dummy_engine engine;
	struct kfifo loop;

	spinlock_t lock;	/* what clients and debugfs share with the threads */

	bool looped;
	bool stall;
	u32 delay_us;
	atomic_t refuse_prep;
	atomic_t fail;
	atomic_t fail_stop;
	atomic_t short_bytes;

	atomic_t descriptors;
	struct dentry *debugfs;
};

static char *engine;
module_param(engine, charp, 0444);
MODULE_PARM_DESC(engine, "DMA_MEMCPY channel that moves the data on rx, e.g. dma0chan0 (default: the CPU does)");

static unsigned int fifo = SZ_64K;
module_param(fifo, uint, 0444);
MODULE_PARM_DESC(fifo, "Bytes that the FIFO of the source holds (default: 65536)");

static unsigned int width = DMA_DUMMY_WIDTH;
module_param(width, uint, 0444);
MODULE_PARM_DESC(width, "Bus width in bytes that clients are told, 0 for an undefined one (default: 8)");

static bool vec = true;
module_param(vec, bool, 0444);
MODULE_PARM_DESC(vec, "Offer transfers of DMA vectors (default: Y)");

static bool repeat = true;
module_param(repeat, bool, 0444);
MODULE_PARM_DESC(repeat, "Offer transfers that are repeated until the next one (default: Y)");

static bool chan_dev;
module_param(chan_dev, bool, 0444);
MODULE_PARM_DESC(chan_dev, "Memory is to be mapped for the device of the channel (default: N)");

static struct platform_device *dma_dummy_pdev;

static struct dma_dummy_chan *to_dma_dummy_chan(struct dma_chan *chan)
{
	return container_of(chan, struct dma_dummy_chan, vc.chan);
}

static struct dma_dummy *chan_to_dma_dummy(struct dma_dummy_chan *dc)
{
	return container_of(dc->vc.chan.device, struct dma_dummy, dma);
}

static struct dma_dummy_desc *to_dma_dummy_desc(struct virt_dma_desc *vdesc)
{
	return container_of(vdesc, struct dma_dummy_desc, vdesc);
}

/* Counters change under the lock, but debugfs reads them without it. */
static void dma_dummy_add(u64 *counter, u64 num)
{
	WRITE_ONCE(*counter, *counter + num);
}

/* Time: exact in 64 bits for rates up to DMA_DUMMY_MAX_RATE */

static u64 dma_dummy_bytes_to_ns(u64 bytes, u64 rate)
{
	u64 rest, seconds = div64_u64_rem(bytes, rate, &rest);

	return seconds * NSEC_PER_SEC +
	       DIV64_U64_ROUND_UP(rest * NSEC_PER_SEC, rate);
}

static u64 dma_dummy_ns_to_bytes(u64 ns, u64 rate)
{
	u32 rest;
	u64 seconds = div_u64_rem(ns, NSEC_PER_SEC, &rest);

	return seconds * rate + div_u64(rest * rate, NSEC_PER_SEC);
}

/* Sleeping: every sleep of the thread ends when its transfer is terminated */

static bool dma_dummy_stopped(struct dma_dummy_chan *dc)
{
	return READ_ONCE(dc->abort) || kthread_should_stop();
}

static void dma_dummy_sleep_until(struct dma_dummy_chan *dc, ktime_t when)
{
	ktime_t left;

	while (!dma_dummy_stopped(dc)) {
		left = ktime_sub(when, ktime_get());
		if (left <= 0)
			return;
		/* Interruptible only so that the load average does not count it. */
		wait_event_interruptible_hrtimeout(dc->wq, dma_dummy_stopped(dc),
						   left);
	}
}

static void dma_dummy_sleep_while_stalled(struct dma_dummy *dd,
					  struct dma_dummy_chan *dc)
{
	wait_event_idle(dc->wq, !READ_ONCE(dd->stall) || dma_dummy_stopped(dc));
}

static void dma_dummy_wake_all(struct dma_dummy *dd)
{
	unsigned int i;

	for (i = 0; i < DMA_DUMMY_NUM_CHANS; i++)
		wake_up_all(&dd->chans[i].wq);
}

/* Source and sink */

/*
 * Returns how many of @len bytes can be moved at once, 0 if the transfer was stopped
 * while there were none.
 */
static size_t dma_dummy_wait_ready(struct dma_dummy *dd,
				   struct dma_dummy_chan *dc, size_t len)
{
	size_t ready;

	if (!dc->loopback)
		return len;

#define dma_dummy_loop_ready() \
	round_down(dc->dir == DMA_DEV_TO_MEM ? kfifo_len(&dd->loop) : \
		   kfifo_avail(&dd->loop), DMA_DUMMY_WIDTH)

	wait_event_idle(dc->wq, dma_dummy_loop_ready() || dma_dummy_stopped(dc));
	ready = dma_dummy_loop_ready();

#undef dma_dummy_loop_ready

	return min(len, ready);
}

static void dma_dummy_count(__le64 *to, u64 pos, size_t len)
{
	u32 count = pos / sizeof(u32);
	size_t i;

	for (i = 0; i < len / sizeof(*to); i++, count += 2)
		to[i] = cpu_to_le64((u64)(count + 1) << 32 | count);
}

static void dma_dummy_read_source(struct dma_dummy *dd,
				  struct dma_dummy_chan *dc, void *to,
				  size_t len)
{
	if (dc->loopback) {
		len = kfifo_out(&dd->loop, (u8 *)to, len);
		wake_up(&dd->chans[DMA_DUMMY_TX].wq);
	} else {
		dma_dummy_count(to, dc->pos, len);
		dc->pos += len;
	}
}

static void dma_dummy_check(struct dma_dummy_chan *dc, const __le32 *from,
			    size_t len)
{
	u32 count, next = READ_ONCE(dc->next);
	u64 jumps = dc->jumps;
	size_t i;

	for (i = 0; i < len / sizeof(*from); i++, next = count + 1) {
		count = le32_to_cpu(from[i]);
		jumps += count != next;
	}

	WRITE_ONCE(dc->next, next);
	WRITE_ONCE(dc->jumps, jumps);
}

static void dma_dummy_write_sink(struct dma_dummy *dd,
				 struct dma_dummy_chan *dc, const void *from,
				 size_t len)
{
	dma_dummy_check(dc, from, len);
	if (!dc->loopback) {
		dc->pos += len;
		return;
	}

	kfifo_in(&dd->loop, (const u8 *)from, len);
	wake_up(&dd->chans[DMA_DUMMY_RX].wq);
}

/* Segments */

/*
 * Takes at most @max bytes in one piece from where @desc stands. The caller knows that
 * there are so many left. Returns the length of the piece.
 */
static size_t dma_dummy_take(struct dma_dummy_desc *desc, size_t max,
			     dma_addr_t *addr)
{
	const struct dma_vec *v = &desc->chunk->vecs[desc->index];
	size_t len = min(max, v->len - desc->offset);

	*addr = v->addr + desc->offset;
	desc->offset += len;
	desc->taken += len;

	if (desc->offset < v->len)
		return len;

	desc->offset = 0;
	desc->index++;
	if (desc->index == desc->chunk->num &&
	    !list_is_last(&desc->chunk->node, &desc->chunks)) {
		desc->chunk = list_next_entry(desc->chunk, node);
		desc->index = 0;
	}

	return len;
}

static void dma_dummy_rewind(struct dma_dummy_desc *desc)
{
	desc->chunk = list_first_entry_or_null(&desc->chunks,
					       struct dma_dummy_chunk, node);
	desc->index = 0;
	desc->offset = 0;
	desc->taken = 0;
	WRITE_ONCE(desc->done, 0);
}

/* Moving data */

static int dma_dummy_move_by_cpu(struct dma_dummy *dd,
				 struct dma_dummy_chan *dc,
				 struct dma_dummy_desc *desc, size_t until)
{
	struct page *page;
	dma_addr_t addr;
	size_t len;
	void *virt;

	while (desc->taken < until && !dma_dummy_stopped(dc)) {
		/* Up to the next page boundary: kmap_local_page() maps one page. */
		addr = desc->chunk->vecs[desc->index].addr + desc->offset;
		len = min_t(size_t, until - desc->taken,
			    PAGE_SIZE - offset_in_page(addr));
		len = dma_dummy_wait_ready(dd, dc, len);
		if (!len)
			break;
		len = dma_dummy_take(desc, len, &addr);

		page = dummy_memory_page(dd->dma.dev, addr);
		if (!page)
			return -EFAULT;

		virt = kmap_local_page(page) + offset_in_page(addr);
		if (dc->dir == DMA_DEV_TO_MEM) {
			dma_dummy_read_source(dd, dc, virt, len);
			flush_dcache_page(page);
		} else {
			dma_dummy_write_sink(dd, dc, virt, len);
		}
		kunmap_local(virt);

		WRITE_ONCE(desc->done, desc->taken);
		cond_resched();
	}

	return 0;
}

static void dma_dummy_slot_put(struct dma_dummy_slot *slot)
{
	if (atomic_dec_and_test(&slot->pending))
		complete(&slot->complete);
}

static void dma_dummy_copy_done(void *data,
				const struct dmaengine_result *result)
{
	struct dma_dummy_slot *slot = data;

	if (result && result->result != DMA_TRANS_NOERROR)
		WRITE_ONCE(slot->failed, true);
	dma_dummy_slot_put(slot);
}

static int dma_dummy_submit_copy(struct dma_dummy_engine *eng,
				 struct dma_dummy_slot *slot, size_t offset,
				 struct dma_vec *copy, bool last)
{
	unsigned long flags = DMA_CTRL_ACK | (last ? DMA_PREP_INTERRUPT : 0);
	struct dma_async_tx_descriptor *tx;
	int ret;

	tx = dmaengine_prep_dma_memcpy(eng->chan, copy->addr,
				       slot->addr + offset, copy->len, flags);
	if (!tx)
		return -EIO;

	tx->callback_result = dma_dummy_copy_done;
	tx->callback_param = slot;
	atomic_inc(&slot->pending);

	ret = dma_submit_error(dmaengine_submit(tx));
	if (ret)
		atomic_dec(&slot->pending);

	return ret;
}

/*
 * Gathers destinations for up to @max bytes and maps them for the engine. They are mapped
 * for the platform device already, but the engine is another device: it may need other
 * addresses and other cache maintenance. The caches are synchronized in steps of their
 * own, which is what tells the DMA API that the second mapping is on purpose.
 */
static int dma_dummy_slot_gather(struct dma_dummy *dd,
				 struct dma_dummy_slot *slot,
				 struct dma_dummy_desc *desc, size_t max)
{
	struct dma_dummy_engine *eng = &dd->engine;
	struct dma_vec *copy;
	struct page *page;
	dma_addr_t addr;

	max = min_t(size_t, max, DMA_DUMMY_SLOT_SIZE);

	while (slot->len < max && slot->num < DMA_DUMMY_SLOT_COPIES) {
		copy = &slot->copies[slot->num];
		copy->len = dma_dummy_take(desc,
					   min(max - slot->len, eng->max_copy),
					   &addr);
		page = dummy_memory_page(dd->dma.dev, addr);
		if (!page)
			return -EFAULT;
		copy->addr = dma_map_page_attrs(eng->dev, page,
						offset_in_page(addr), copy->len,
						DMA_FROM_DEVICE,
						DMA_ATTR_SKIP_CPU_SYNC);
		if (dma_mapping_error(eng->dev, copy->addr))
			return -ENOMEM;
		dma_sync_single_for_device(eng->dev, copy->addr, copy->len,
					   DMA_FROM_DEVICE);
		slot->num++;
		slot->len += copy->len;
	}

	return 0;
}

static int dma_dummy_slot_start(struct dma_dummy *dd,
				struct dma_dummy_chan *dc,
				struct dma_dummy_slot *slot)
{
	struct dma_dummy_engine *eng = &dd->engine;
	size_t offset = 0;
	unsigned int i;
	int ret = 0;

	dma_dummy_read_source(dd, dc, slot->buf, slot->len);

	reinit_completion(&slot->complete);
	slot->failed = false;
	atomic_set(&slot->pending, 1);

	for (i = 0; i < slot->num && !ret; i++) {
		ret = dma_dummy_submit_copy(eng, slot, offset, &slot->copies[i],
					    i == slot->num - 1);
		offset += slot->copies[i].len;
	}

	dma_async_issue_pending(eng->chan);
	dma_dummy_slot_put(slot);

	return ret;
}

/*
 * Waits for the copies of a slot and unmaps their destinations. Copies that do not end
 * are terminated: after this nobody writes to the destinations any more.
 */
static int dma_dummy_slot_finish(struct dma_dummy *dd,
				 struct dma_dummy_slot *slot,
				 struct dma_dummy_desc *desc, bool started)
{
	struct dma_dummy_engine *eng = &dd->engine;
	struct dma_vec *copy;
	int ret = 0;

	if (started && !wait_for_completion_timeout(&slot->complete,
						    DMA_DUMMY_ENGINE_TIMEOUT)) {
		dev_err(dd->dma.dev, "%s does not complete\n",
			dma_chan_name(eng->chan));
		dmaengine_terminate_sync(eng->chan);
		ret = -ETIMEDOUT;
	}
	if (started && READ_ONCE(slot->failed))
		ret = -EIO;

	if (started && !ret)
		WRITE_ONCE(desc->done, desc->done + slot->len);

	while (slot->num) {
		copy = &slot->copies[--slot->num];
		dma_sync_single_for_cpu(eng->dev, copy->addr, copy->len,
					DMA_FROM_DEVICE);
		dma_unmap_page_attrs(eng->dev, copy->addr, copy->len,
				     DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	}
	slot->len = 0;

	return ret;
}

static int dma_dummy_move_by_engine(struct dma_dummy *dd,
				    struct dma_dummy_chan *dc,
				    struct dma_dummy_desc *desc, size_t until)
{
	struct dma_dummy_slot *slot = &dd->engine.slots[0];
	struct dma_dummy_slot *running = NULL, *next;
	int ret = 0, err;
	size_t len;

	while (desc->taken < until && !dma_dummy_stopped(dc) && !ret) {
		len = dma_dummy_wait_ready(dd, dc, until - desc->taken);
		if (!len)
			break;

		ret = dma_dummy_slot_gather(dd, slot, desc, len);
		if (ret) {
			dma_dummy_slot_finish(dd, slot, desc, false);
			break;
		}
		ret = dma_dummy_slot_start(dd, dc, slot);

		next = running ? running : &dd->engine.slots[1];
		if (running) {
			err = dma_dummy_slot_finish(dd, running, desc, true);
			ret = ret ? ret : err;
		}
		running = slot;
		slot = next;
	}

	if (running) {
		err = dma_dummy_slot_finish(dd, running, desc, true);
		ret = ret ? ret : err;
	}

	return ret;
}

static int dma_dummy_move(struct dma_dummy *dd, struct dma_dummy_chan *dc,
			  struct dma_dummy_desc *desc, size_t until)
{
	if (dc->dir == DMA_DEV_TO_MEM && dd->engine.chan)
		return dma_dummy_move_by_engine(dd, dc, desc, until);

	return dma_dummy_move_by_cpu(dd, dc, desc, until);
}

/* The stream */

/*
 * Decides when the next @len bytes will have passed, and what was lost before them.
 *
 * A transfer begins when the client has issued it and the one before is done; how long
 * the thread needed to notice is no time that hardware would have lost.
 */
static void dma_dummy_stream_begin(struct dma_dummy *dd,
				   struct dma_dummy_chan *dc,
				   struct dma_dummy_desc *desc, size_t len)
{
	ktime_t begin = max(desc->issued, dc->idle), due = 0;
	u64 rate, produced, lost = 0;
	bool restart;

	spin_lock_irq(&dd->lock);
	rate = dc->rate;
	restart = dc->restart;
	if (rate)
		dc->restart = false;
	spin_unlock_irq(&dd->lock);

	if (rate) {
		/* The loopback has no FIFO to overrun: it holds the sender back. */
		if (restart || dc->loopback) {
			dc->origin = restart ? ktime_get() : begin;
			dc->origin_pos = dc->pos;
			begin = dc->origin;
		}
		produced = dc->origin_pos +
			   dma_dummy_ns_to_bytes(ktime_sub(begin, dc->origin),
						 rate);
		if (produced > dc->pos + fifo) {
			lost = round_up(produced - dc->pos - fifo,
					DMA_DUMMY_WIDTH);
			dc->pos += lost;
		}
		due = ktime_add_ns(dc->origin,
				   dma_dummy_bytes_to_ns(dc->pos + len -
							 dc->origin_pos, rate));
	}

	spin_lock_irq(&dc->vc.lock);
	desc->due = due;
	desc->rate = rate;
	desc->end = desc->taken + len;
	spin_unlock_irq(&dc->vc.lock);

	spin_lock_irq(&dd->lock);
	dma_dummy_add(&dc->lost_bytes, lost);
	spin_unlock_irq(&dd->lock);
}

/* Moves the next @len bytes of @desc in the time that this takes. */
static int dma_dummy_run(struct dma_dummy *dd, struct dma_dummy_chan *dc,
			 struct dma_dummy_desc *desc, size_t len)
{
	u32 delay_us = READ_ONCE(dd->delay_us);
	ktime_t idle = 0;
	int ret = 0;

	dc->loopback = READ_ONCE(dd->looped);
	dma_dummy_stream_begin(dd, dc, desc, len);

	if (desc->due || delay_us || READ_ONCE(dd->stall)) {
		ret = dma_dummy_move(dd, dc, desc,
				     desc->end - min_t(size_t, len, DMA_DUMMY_LAST));
		idle = max(desc->due, ktime_get());

		dma_dummy_sleep_until(dc, desc->due);
		if (delay_us) {
			idle = ktime_add_us(ktime_get(), delay_us);
			dma_dummy_sleep_until(dc, idle);
		}
		if (READ_ONCE(dd->stall)) {
			dma_dummy_sleep_while_stalled(dd, dc);
			idle = ktime_get();
		}
	}
	if (!ret)
		ret = dma_dummy_move(dd, dc, desc, desc->end);

	/* Meaningful with a rate only, and each rate begins with a restart. */
	if (desc->due)
		dc->idle = idle;

	return ret;
}

/* The thread */

static void dma_dummy_complete(struct dma_dummy_chan *dc,
			       struct dma_dummy_desc *desc,
			       enum dmaengine_tx_result result)
{
	lockdep_assert_held(&dc->vc.lock);

	desc->vdesc.tx_result.result = result;
	desc->vdesc.tx_result.residue = desc->len - desc->done;
	vchan_cookie_complete(&desc->vdesc);
	dc->active = NULL;
}

static void dma_dummy_account(struct dma_dummy *dd, struct dma_dummy_chan *dc,
			      size_t bytes)
{
	spin_lock(&dd->lock);
	dma_dummy_add(&dc->completed, 1);
	dma_dummy_add(&dc->bytes, bytes);
	spin_unlock(&dd->lock);
}

static void dma_dummy_finish(struct dma_dummy *dd, struct dma_dummy_chan *dc,
			     struct dma_dummy_desc *desc,
			     enum dmaengine_tx_result result)
{
	/*
	 * With the bottom halves off, the tasklet that the completion schedules runs
	 * when they are on again, here and at once, like that of an interrupt. Otherwise
	 * it would have to wait for ksoftirqd.
	 */
	local_bh_disable();
	spin_lock_irq(&dc->vc.lock);
	if (dc->abort) {
		/* Freed by whoever synchronizes after terminating, not before. */
		vchan_terminate_vdesc(&desc->vdesc);
		dc->active = NULL;
	} else {
		dma_dummy_account(dd, dc, desc->done);
		dma_dummy_complete(dc, desc, result);
	}
	WRITE_ONCE(dc->abort, false);
	spin_unlock_irq(&dc->vc.lock);
	local_bh_enable();

	wake_up_all(&dc->wq);
}

static void dma_dummy_transfer(struct dma_dummy *dd, struct dma_dummy_chan *dc,
			       struct dma_dummy_desc *desc)
{
	enum dmaengine_tx_result result = DMA_TRANS_NOERROR;
	size_t missing;

	if (atomic_dec_if_positive(&dd->fail) >= 0) {
		result = DMA_TRANS_WRITE_FAILED;
		missing = desc->len;
	} else {
		missing = min_t(size_t, desc->len,
				atomic_xchg(&dd->short_bytes, 0));
	}

	if (dma_dummy_run(dd, dc, desc, desc->len - missing))
		result = DMA_TRANS_WRITE_FAILED;

	dma_dummy_finish(dd, dc, desc, result);
}

/* Whether a transfer has been issued that takes the place of a repeated one */
static bool dma_dummy_replaced(struct dma_dummy_chan *dc)
{
	struct virt_dma_desc *next;

	lockdep_assert_held(&dc->vc.lock);

	next = vchan_next_desc(&dc->vc);

	return next && next->tx.flags & DMA_PREP_LOAD_EOT;
}

/*
 * Returns true if there is another period. The client of a repeated transfer hears only
 * that it has been replaced.
 */
static bool dma_dummy_end_period(struct dma_dummy *dd,
				 struct dma_dummy_chan *dc,
				 struct dma_dummy_desc *desc)
{
	bool more;

	local_bh_disable();
	spin_lock_irq(&dc->vc.lock);
	more = !dc->abort;
	if (more) {
		desc->issued = ktime_get();
		dma_dummy_account(dd, dc, desc->period);
		if (!(desc->vdesc.tx.flags & DMA_PREP_REPEAT)) {
			vchan_cyclic_callback(&desc->vdesc);
		} else if (dma_dummy_replaced(dc)) {
			dma_dummy_complete(dc, desc, DMA_TRANS_NOERROR);
			more = false;
		}
	}
	spin_unlock_irq(&dc->vc.lock);
	local_bh_enable();

	return more;
}

/* The faults of single transfers do not apply: a cyclic one has no result. */
static void dma_dummy_transfer_cyclic(struct dma_dummy *dd,
				      struct dma_dummy_chan *dc,
				      struct dma_dummy_desc *desc)
{
	int ret;

	do {
		if (desc->taken == desc->len)
			dma_dummy_rewind(desc);
		ret = dma_dummy_run(dd, dc, desc, desc->period);
		cond_resched();
	} while (!ret && dma_dummy_end_period(dd, dc, desc));

	/* Replaced: it may have been freed */
	if (!READ_ONCE(dc->active))
		return;

	if (ret)
		dev_err(dd->dma.dev, "cyclic transfer failed: %d\n", ret);
	wait_event_idle(dc->wq, dma_dummy_stopped(dc));
	dma_dummy_finish(dd, dc, desc, DMA_TRANS_ABORTED);
}

static struct dma_dummy_desc *dma_dummy_next(struct dma_dummy_chan *dc)
{
	struct virt_dma_desc *vdesc;

	spin_lock_irq(&dc->vc.lock);
	vdesc = vchan_next_desc(&dc->vc);
	if (vdesc) {
		list_del(&vdesc->node);
		dc->active = to_dma_dummy_desc(vdesc);
		dma_dummy_rewind(dc->active);
	}
	spin_unlock_irq(&dc->vc.lock);

	return vdesc ? to_dma_dummy_desc(vdesc) : NULL;
}

static int dma_dummy_thread(void *data)
{
	struct dma_dummy_chan *dc = data;
	struct dma_dummy *dd = chan_to_dma_dummy(dc);
	struct dma_dummy_desc *desc;

	while (!kthread_should_stop()) {
		desc = NULL;
		wait_event_idle(dc->wq, kthread_should_stop() ||
				(desc = dma_dummy_next(dc)));
		if (!desc)
			break;

		if (desc->period)
			dma_dummy_transfer_cyclic(dd, dc, desc);
		else
			dma_dummy_transfer(dd, dc, desc);
	}

	return 0;
}

/* Descriptors */

static void dma_dummy_desc_free(struct virt_dma_desc *vdesc)
{
	struct dma_dummy_desc *desc = to_dma_dummy_desc(vdesc);
	struct dma_dummy_chan *dc = to_dma_dummy_chan(vdesc->tx.chan);
	struct dma_dummy_chunk *chunk, *tmp;

	list_for_each_entry_safe(chunk, tmp, &desc->chunks, node)
		kfree(chunk);
	atomic_dec(&chan_to_dma_dummy(dc)->descriptors);
	kfree(desc);
}

/* Returns NULL also where a refusal was asked for. */
static struct dma_dummy_desc *dma_dummy_desc_alloc(struct dma_dummy_chan *dc,
						   enum dma_transfer_direction dir,
						   unsigned long flags)
{
	struct dma_dummy *dd = chan_to_dma_dummy(dc);
	struct dma_dummy_desc *desc;

	if (dir != dc->dir)
		return NULL;
	/* What is prepared for many transfers is refused when one of them is about to begin. */
	if (!(flags & DMA_CTRL_REUSE) &&
	    atomic_dec_if_positive(&dd->refuse_prep) >= 0)
		return NULL;

	desc = kzalloc(sizeof(*desc), GFP_NOWAIT | __GFP_NOWARN);
	if (!desc)
		return NULL;

	atomic_inc(&dd->descriptors);
	INIT_LIST_HEAD(&desc->chunks);
	/* vchan_tx_prep() comes last, but freeing needs the channel. */
	desc->vdesc.tx.chan = &dc->vc.chan;

	return desc;
}

/* @num is the number of segments that are still to come, this one included. */
static int dma_dummy_desc_add(struct dma_dummy_desc *desc, dma_addr_t addr,
			      size_t len, size_t num)
{
	struct dma_dummy_chunk *chunk = NULL;
	struct dma_vec *v;

	if (!len || !IS_ALIGNED(addr | len, DMA_DUMMY_WIDTH))
		return -EINVAL;
	/* The residue has 32 bits. */
	if (len > U32_MAX - desc->len)
		return -EINVAL;

	desc->len += len;

	if (!list_empty(&desc->chunks)) {
		chunk = list_last_entry(&desc->chunks, struct dma_dummy_chunk,
					node);
		v = &chunk->vecs[chunk->num - 1];
		if (v->addr + v->len == addr) {
			v->len += len;
			return 0;
		}
	}

	if (!chunk || chunk->num == DMA_DUMMY_CHUNK_VECS) {
		num = min_t(size_t, num, DMA_DUMMY_CHUNK_VECS);
		chunk = kmalloc(struct_size(chunk, vecs, num),
				GFP_NOWAIT | __GFP_NOWARN);
		if (!chunk)
			return -ENOMEM;
		chunk->num = 0;
		list_add_tail(&chunk->node, &desc->chunks);
	}

	v = &chunk->vecs[chunk->num++];
	v->addr = addr;
	v->len = len;

	return 0;
}

static struct dma_async_tx_descriptor *
dma_dummy_prep_dma_vec(struct dma_chan *chan, const struct dma_vec *vecs,
		       size_t nents, enum dma_transfer_direction dir,
		       unsigned long flags)
{
	struct dma_dummy_chan *dc = to_dma_dummy_chan(chan);
	struct dma_dummy_desc *desc;
	size_t i;

	if (flags & DMA_PREP_REPEAT && !repeat)
		return NULL;

	desc = dma_dummy_desc_alloc(dc, dir, flags);
	if (!desc)
		return NULL;

	for (i = 0; i < nents; i++)
		if (dma_dummy_desc_add(desc, vecs[i].addr, vecs[i].len, nents - i))
			goto err_free;
	if (!desc->len)
		goto err_free;
	desc->max_len = desc->len;
	if (flags & DMA_PREP_REPEAT)
		desc->period = desc->len;

	return vchan_tx_prep(&dc->vc, &desc->vdesc, flags);

err_free:
	dma_dummy_desc_free(&desc->vdesc);
	return NULL;
}

static int __maybe_unused
dma_dummy_desc_set_len(struct dma_async_tx_descriptor *tx, size_t len)
{
	struct dma_dummy *dd = chan_to_dma_dummy(to_dma_dummy_chan(tx->chan));
	struct dma_dummy_desc *desc =
		container_of(tx, struct dma_dummy_desc, vdesc.tx);

	if (atomic_dec_if_positive(&dd->refuse_prep) >= 0)
		return -ENOMEM;
	if (!len || len > desc->max_len || !IS_ALIGNED(len, DMA_DUMMY_WIDTH))
		return -EINVAL;

	desc->len = len;
	if (desc->period)
		desc->period = len;

	return 0;
}

static struct dma_async_tx_descriptor *
dma_dummy_prep_slave_sg(struct dma_chan *chan, struct scatterlist *sgl,
			unsigned int sg_len, enum dma_transfer_direction dir,
			unsigned long flags, void *context)
{
	struct dma_dummy_chan *dc = to_dma_dummy_chan(chan);
	struct dma_dummy_desc *desc;
	struct scatterlist *sg;
	unsigned int i;

	desc = dma_dummy_desc_alloc(dc, dir, flags);
	if (!desc)
		return NULL;

	for_each_sg(sgl, sg, sg_len, i)
		if (dma_dummy_desc_add(desc, sg_dma_address(sg), sg_dma_len(sg),
				       sg_len - i))
			goto err_free;
	if (!desc->len)
		goto err_free;

	return vchan_tx_prep(&dc->vc, &desc->vdesc, flags);

err_free:
	dma_dummy_desc_free(&desc->vdesc);
	return NULL;
}

static struct dma_async_tx_descriptor *
dma_dummy_prep_dma_cyclic(struct dma_chan *chan, dma_addr_t addr, size_t len,
			  size_t period, enum dma_transfer_direction dir,
			  unsigned long flags)
{
	struct dma_dummy_chan *dc = to_dma_dummy_chan(chan);
	struct dma_dummy_desc *desc;

	if (!period || !IS_ALIGNED(period, DMA_DUMMY_WIDTH) || len % period)
		return NULL;

	desc = dma_dummy_desc_alloc(dc, dir, flags);
	if (!desc)
		return NULL;

	desc->period = period;
	if (dma_dummy_desc_add(desc, addr, len, 1)) {
		dma_dummy_desc_free(&desc->vdesc);
		return NULL;
	}

	return vchan_tx_prep(&dc->vc, &desc->vdesc, flags);
}

/* Other channel operations */

static int dma_dummy_config(struct dma_chan *chan,
			    struct dma_slave_config *config)
{
	struct dma_dummy_chan *dc = to_dma_dummy_chan(chan);
	enum dma_slave_buswidth width;

	width = dc->dir == DMA_DEV_TO_MEM ? config->src_addr_width :
					    config->dst_addr_width;

	return width && width != DMA_DUMMY_WIDTH ? -EINVAL : 0;
}

static void dma_dummy_issue_pending(struct dma_chan *chan)
{
	struct dma_dummy_chan *dc = to_dma_dummy_chan(chan);
	struct virt_dma_desc *vdesc;
	unsigned long flags;

	spin_lock_irqsave(&dc->vc.lock, flags);
	list_for_each_entry(vdesc, &dc->vc.desc_submitted, node)
		to_dma_dummy_desc(vdesc)->issued = ktime_get();
	vchan_issue_pending(&dc->vc);
	spin_unlock_irqrestore(&dc->vc.lock, flags);

	wake_up_all(&dc->wq);
}

/* What is left of the running transfer: what was not moved, or is not there yet. */
static size_t dma_dummy_residue(struct dma_dummy_desc *desc)
{
	size_t done = READ_ONCE(desc->done);
	u64 ahead;
	s64 left;

	if (desc->due) {
		left = ktime_to_ns(ktime_sub(desc->due, ktime_get()));
		ahead = left > 0 ? dma_dummy_ns_to_bytes(left, desc->rate) : 0;
		ahead = min_t(u64, round_up(ahead, DMA_DUMMY_WIDTH), desc->end);
		done = min_t(size_t, done, desc->end - ahead);
	}

	return desc->len - done;
}

static enum dma_status dma_dummy_tx_status(struct dma_chan *chan,
					   dma_cookie_t cookie,
					   struct dma_tx_state *state)
{
	struct dma_dummy_chan *dc = to_dma_dummy_chan(chan);
	struct virt_dma_desc *vdesc;
	enum dma_status status;
	unsigned long flags;

	status = dma_cookie_status(chan, cookie, state);
	if (status == DMA_COMPLETE || !state)
		return status;

	spin_lock_irqsave(&dc->vc.lock, flags);
	vdesc = vchan_find_desc(&dc->vc, cookie);
	if (vdesc)
		dma_set_residue(state, to_dma_dummy_desc(vdesc)->len);
	else if (dc->active && dc->active->vdesc.tx.cookie == cookie)
		dma_set_residue(state, dma_dummy_residue(dc->active));
	spin_unlock_irqrestore(&dc->vc.lock, flags);

	return status;
}

static int dma_dummy_terminate_all(struct dma_chan *chan)
{
	struct dma_dummy_chan *dc = to_dma_dummy_chan(chan);
	struct dma_dummy *dd = chan_to_dma_dummy(dc);
	unsigned long flags;
	LIST_HEAD(head);

	/* All goes on as if nobody had asked */
	if (atomic_dec_if_positive(&dd->fail_stop) >= 0)
		return -EIO;

	spin_lock_irqsave(&dc->vc.lock, flags);
	vchan_get_all_descriptors(&dc->vc, &head);
	if (dc->active) {
		/* The thread may be writing: it drops this one itself, and soon. */
		WRITE_ONCE(dc->abort, true);
	}
	/* Its descriptor may be among those that are freed */
	dc->vc.cyclic = NULL;
	spin_lock(&dd->lock);
	dc->restart = true;
	spin_unlock(&dd->lock);
	spin_unlock_irqrestore(&dc->vc.lock, flags);

	wake_up_all(&dc->wq);
	vchan_dma_desc_free_list(&dc->vc, &head);

	return 0;
}

static void dma_dummy_synchronize(struct dma_chan *chan)
{
	struct dma_dummy_chan *dc = to_dma_dummy_chan(chan);

	wait_event(dc->wq, !READ_ONCE(dc->abort));
	vchan_synchronize(&dc->vc);
}

static int dma_dummy_alloc_chan_resources(struct dma_chan *chan)
{
	struct dma_dummy_chan *dc = to_dma_dummy_chan(chan);
	struct dma_dummy *dd = chan_to_dma_dummy(dc);
	struct task_struct *task;

	/* Only the reading side may do this, and its thread does not run yet. */
	if (dc->dir == DMA_DEV_TO_MEM)
		kfifo_reset_out(&dd->loop);

	task = kthread_run(dma_dummy_thread, dc, "dma-dummy/%s",
			   dc->dir == DMA_DEV_TO_MEM ? "rx" : "tx");
	if (IS_ERR(task))
		return PTR_ERR(task);
	dc->task = task;

	return 0;
}

static void dma_dummy_free_chan_resources(struct dma_chan *chan)
{
	struct dma_dummy_chan *dc = to_dma_dummy_chan(chan);

	dma_dummy_terminate_all(chan);
	kthread_stop(dc->task);
	vchan_synchronize(&dc->vc);
	vchan_free_chan_resources(&dc->vc);
}

static int dma_dummy_change_rate(struct dma_dummy_chan *dc, u64 rate)
{
	struct dma_dummy *dd = chan_to_dma_dummy(dc);
	unsigned long flags;

	if (rate > DMA_DUMMY_MAX_RATE)
		return -ERANGE;

	spin_lock_irqsave(&dd->lock, flags);
	dc->rate = rate;
	dc->restart = true;
	spin_unlock_irqrestore(&dd->lock, flags);

	return 0;
}

static struct dma_dummy_chan *dma_dummy_chan_of(struct dma_dummy *dd,
						enum dma_transfer_direction dir)
{
	return &dd->chans[dir == DMA_DEV_TO_MEM ? DMA_DUMMY_RX : DMA_DUMMY_TX];
}

/**
 * dma_dummy_set_rate() - Set the rate of the source of rx, or of what tx feeds
 * @dir: %DMA_DEV_TO_MEM for rx, %DMA_MEM_TO_DEV for tx
 * @rate: bytes per second, at most %DMA_DUMMY_MAX_RATE; 0 for as fast as it goes
 *
 * The stream starts anew with the next transfer: the counter goes on, nothing is lost
 * that came before. A transfer that runs is not affected. Only for drivers that have
 * called dma_dummy_add_consumer().
 *
 * Context: Any context. Takes and releases dma_dummy.lock.
 * Return: 0, or -ERANGE if @rate is too large.
 */
int dma_dummy_set_rate(enum dma_transfer_direction dir, u64 rate)
{
	struct dma_dummy *dd = platform_get_drvdata(dma_dummy_pdev);

	return dma_dummy_change_rate(dma_dummy_chan_of(dd, dir), rate);
}
EXPORT_SYMBOL_GPL(dma_dummy_set_rate);

/**
 * dma_dummy_add_consumer() - Say that a device uses the controller
 * @dev: the device, which is being probed
 *
 * A dmaengine channel does not keep the driver of its controller bound. With this the
 * driver of @dev is unbound before that of the controller, and bound again after it, as
 * the "dmas" property in a device tree makes it for real controllers.
 *
 * Context: Process context.
 * Return: 0, or -EINVAL if there can be no such link.
 */
int dma_dummy_add_consumer(struct device *dev)
{
	return device_link_add(dev, &dma_dummy_pdev->dev,
			       DL_FLAG_AUTOPROBE_CONSUMER) ? 0 : -EINVAL;
}
EXPORT_SYMBOL_GPL(dma_dummy_add_consumer);

/* debugfs */

static int dma_dummy_rate_get(void *data, u64 *val)
{
	struct dma_dummy_chan *dc = data;
	struct dma_dummy *dd = chan_to_dma_dummy(dc);

	spin_lock_irq(&dd->lock);
	*val = dc->rate;
	spin_unlock_irq(&dd->lock);

	return 0;
}

static int dma_dummy_rate_set(void *data, u64 val)
{
	return dma_dummy_change_rate(data, val);
}
DEFINE_DEBUGFS_ATTRIBUTE(dma_dummy_rate_fops, dma_dummy_rate_get,
			 dma_dummy_rate_set, "%llu\n");

static int dma_dummy_loopback_get(void *data, u64 *val)
{
	struct dma_dummy *dd = data;

	*val = READ_ONCE(dd->looped);

	return 0;
}

/* Begins and ends with nothing on the way */
static int dma_dummy_loopback_set(void *data, u64 val)
{
	struct dma_dummy *dd = data;
	struct dma_dummy_chan *rx = &dd->chans[DMA_DUMMY_RX];
	struct dma_dummy_chan *tx = &dd->chans[DMA_DUMMY_TX];
	int ret = -EBUSY;

	spin_lock_irq(&rx->vc.lock);
	spin_lock_nested(&tx->vc.lock, SINGLE_DEPTH_NESTING);
	if (!rx->active && !tx->active) {
		kfifo_reset(&dd->loop);
		WRITE_ONCE(dd->looped, !!val);
		ret = 0;
	}
	spin_unlock(&tx->vc.lock);
	spin_unlock_irq(&rx->vc.lock);

	return ret;
}
DEFINE_DEBUGFS_ATTRIBUTE(dma_dummy_loopback_fops, dma_dummy_loopback_get,
			 dma_dummy_loopback_set, "%llu\n");

static int dma_dummy_stall_get(void *data, u64 *val)
{
	struct dma_dummy *dd = data;

	*val = READ_ONCE(dd->stall);

	return 0;
}

static int dma_dummy_stall_set(void *data, u64 val)
{
	struct dma_dummy *dd = data;

	WRITE_ONCE(dd->stall, !!val);
	dma_dummy_wake_all(dd);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(dma_dummy_stall_fops, dma_dummy_stall_get,
			 dma_dummy_stall_set, "%llu\n");

static int dma_dummy_delay_get(void *data, u64 *val)
{
	struct dma_dummy *dd = data;

	*val = READ_ONCE(dd->delay_us);

	return 0;
}

static int dma_dummy_delay_set(void *data, u64 val)
{
	struct dma_dummy *dd = data;

	if (val > U32_MAX)
		return -EINVAL;
	WRITE_ONCE(dd->delay_us, val);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(dma_dummy_delay_fops, dma_dummy_delay_get,
			 dma_dummy_delay_set, "%llu\n");

static int dma_dummy_counter_get(void *data, u64 *val)
{
	*val = READ_ONCE(*(u64 *)data);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(dma_dummy_counter_fops, dma_dummy_counter_get, NULL,
			 "%llu\n");

static int dma_dummy_short_get(void *data, u64 *val)
{
	struct dma_dummy *dd = data;

	*val = atomic_read(&dd->short_bytes);

	return 0;
}

static int dma_dummy_short_set(void *data, u64 val)
{
	struct dma_dummy *dd = data;

	if (val > INT_MAX || !IS_ALIGNED(val, DMA_DUMMY_WIDTH))
		return -EINVAL;
	atomic_set(&dd->short_bytes, val);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(dma_dummy_short_fops, dma_dummy_short_get,
			 dma_dummy_short_set, "%llu\n");

static int dma_dummy_engine_show(struct seq_file *s, void *unused)
{
	struct dma_dummy *dd = s->private;

	seq_printf(s, "%s\n", dd->engine.chan ?
		   dma_chan_name(dd->engine.chan) : "cpu");

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(dma_dummy_engine);

static void dma_dummy_debugfs_remove(void *data)
{
	struct dma_dummy *dd = data;

	debugfs_remove_recursive(dd->debugfs);
}

static void dma_dummy_debugfs_add_chan(struct dma_dummy_chan *dc,
				       struct dentry *dir)
{
	debugfs_create_file_unsafe("rate", 0644, dir, dc, &dma_dummy_rate_fops);
	debugfs_create_file_unsafe("completed", 0444, dir, &dc->completed,
				   &dma_dummy_counter_fops);
	debugfs_create_file_unsafe("bytes", 0444, dir, &dc->bytes,
				   &dma_dummy_counter_fops);
	debugfs_create_file_unsafe("lost_bytes", 0444, dir, &dc->lost_bytes,
				   &dma_dummy_counter_fops);
}

static int dma_dummy_debugfs_init(struct device *dev, struct dma_dummy *dd)
{
	struct dma_dummy_chan *tx = &dd->chans[DMA_DUMMY_TX];
	struct dentry *root = debugfs_create_dir("dma-dummy", NULL);
	struct dentry *dir = debugfs_create_dir("tx", root);

	dd->debugfs = root;

	debugfs_create_file("engine", 0444, root, dd, &dma_dummy_engine_fops);
	debugfs_create_file_unsafe("loopback", 0644, root, dd,
				   &dma_dummy_loopback_fops);

	debugfs_create_atomic_t("refuse_prep", 0644, root, &dd->refuse_prep);
	debugfs_create_atomic_t("fail", 0644, root, &dd->fail);
	debugfs_create_atomic_t("fail_stop", 0644, root, &dd->fail_stop);
	debugfs_create_file_unsafe("short_bytes", 0644, root, dd,
				   &dma_dummy_short_fops);
	debugfs_create_file_unsafe("stall", 0644, root, dd,
				   &dma_dummy_stall_fops);
	debugfs_create_file_unsafe("delay_us", 0644, root, dd,
				   &dma_dummy_delay_fops);
	debugfs_create_atomic_t("descriptors", 0444, root, &dd->descriptors);

	dma_dummy_debugfs_add_chan(&dd->chans[DMA_DUMMY_RX], root);
	dma_dummy_debugfs_add_chan(tx, dir);
	debugfs_create_u32("next", 0644, dir, &tx->next);
	debugfs_create_file_unsafe("jumps", 0444, dir, &tx->jumps,
				   &dma_dummy_counter_fops);

	return devm_add_action_or_reset(dev, dma_dummy_debugfs_remove, dd);
}

/* Probing */

static bool dma_dummy_engine_filter(struct dma_chan *chan, void *name)
{
	return !strcmp(dma_chan_name(chan), name);
}

static void dma_dummy_engine_release(void *data)
{
	struct dma_dummy *dd = data;
	struct dma_dummy_engine *eng = &dd->engine;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(eng->slots); i++)
		if (eng->slots[i].buf)
			dma_free_coherent(eng->dev, DMA_DUMMY_SLOT_SIZE,
					  eng->slots[i].buf,
					  eng->slots[i].addr);
	dma_release_channel(eng->chan);
}

static int dma_dummy_engine_init(struct device *dev, struct dma_dummy *dd)
{
	struct dma_dummy_engine *eng = &dd->engine;
	struct dma_dummy_slot *slot;
	dma_cap_mask_t mask;
	unsigned int i;
	int ret;

	if (!engine || !*engine)
		return 0;

	dma_cap_zero(mask);
	dma_cap_set(DMA_MEMCPY, mask);
	eng->chan = dma_request_channel(mask, dma_dummy_engine_filter, engine);
	if (!eng->chan)
		return dev_err_probe(dev, -ENODEV,
				     "no free memcpy channel \"%s\"\n", engine);

	eng->dev = eng->chan->device->dev;
	eng->max_copy = min_t(size_t, dma_max_mapping_size(eng->dev),
			      dma_get_max_seg_size(eng->dev));
	eng->max_copy = round_down(min_t(size_t, eng->max_copy,
					 DMA_DUMMY_SLOT_SIZE), PAGE_SIZE);

	ret = devm_add_action_or_reset(dev, dma_dummy_engine_release, dd);
	if (ret)
		return ret;
	if (!is_dma_copy_aligned(eng->chan->device, DMA_DUMMY_WIDTH, 0, 0))
		return dev_err_probe(dev, -EINVAL,
				     "%s cannot copy %u bytes\n", engine,
				     DMA_DUMMY_WIDTH);

	for (i = 0; i < ARRAY_SIZE(eng->slots); i++) {
		slot = &eng->slots[i];
		init_completion(&slot->complete);
		slot->buf = dma_alloc_coherent(eng->dev, DMA_DUMMY_SLOT_SIZE,
					       &slot->addr, GFP_KERNEL);
		if (!slot->buf)
			return -ENOMEM;
	}

	return 0;
}

static bool dma_dummy_filter(struct dma_chan *chan, void *param)
{
	return to_dma_dummy_chan(chan)->dir ==
	       (enum dma_transfer_direction)(uintptr_t)param;
}

static const struct dma_slave_map dma_dummy_map[] = {
	{ "adc-dummy", "rx", (void *)DMA_DEV_TO_MEM },
	{ "dac-dummy", "tx", (void *)DMA_MEM_TO_DEV },
};

static void dma_dummy_init_chan(struct dma_dummy *dd, enum dma_dummy_id id,
				enum dma_transfer_direction dir)
{
	struct dma_dummy_chan *dc = &dd->chans[id];

	dc->dir = dir;
	dc->restart = true;
	dc->vc.desc_free = dma_dummy_desc_free;
	init_waitqueue_head(&dc->wq);
	vchan_init(&dc->vc, &dd->dma);
}

/* As where each channel has an IOMMU, or addresses, of its own */
static int dma_dummy_use_chan_devs(struct dma_dummy *dd)
{
	struct dma_dummy_chan *dc;
	struct device *dev;
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(dd->chans); i++) {
		dc = &dd->chans[i];
		dev = &dc->vc.chan.dev->device;
		dev->dma_mask = &dev->coherent_dma_mask;
		dev->dma_parms = &dc->dma_parms;
		dc->vc.chan.dev->chan_dma_dev = true;
		ret = dummy_memory_init(dev);
		if (ret)
			return ret;
	}

	return 0;
}

static int dma_dummy_register(struct device *dev, struct dma_dummy *dd)
{
	struct dma_device *dma = &dd->dma;

	dma->dev = dev;
	dma_cap_set(DMA_SLAVE, dma->cap_mask);
	dma_cap_set(DMA_CYCLIC, dma->cap_mask);
	dma_cap_set(DMA_PRIVATE, dma->cap_mask);
	if (repeat) {
		dma_cap_set(DMA_REPEAT, dma->cap_mask);
		dma_cap_set(DMA_LOAD_EOT, dma->cap_mask);
	}
	dma->src_addr_widths = BIT(width);
	dma->dst_addr_widths = BIT(width);
	dma->directions = BIT(DMA_DEV_TO_MEM) | BIT(DMA_MEM_TO_DEV);
	dma->residue_granularity = DMA_RESIDUE_GRANULARITY_BURST;
	dma->filter.map = dma_dummy_map;
	dma->filter.mapcnt = ARRAY_SIZE(dma_dummy_map);
	dma->filter.fn = dma_dummy_filter;

	dma->device_alloc_chan_resources = dma_dummy_alloc_chan_resources;
	dma->device_free_chan_resources = dma_dummy_free_chan_resources;
	if (vec) {
		dma->device_prep_peripheral_dma_vec = dma_dummy_prep_dma_vec;
		dma_device_offer_reuse(dma, dma_dummy_desc_set_len);
	}
	dma->device_prep_slave_sg = dma_dummy_prep_slave_sg;
	dma->device_prep_dma_cyclic = dma_dummy_prep_dma_cyclic;
	dma->device_config = dma_dummy_config;
	dma->device_issue_pending = dma_dummy_issue_pending;
	dma->device_tx_status = dma_dummy_tx_status;
	dma->device_terminate_all = dma_dummy_terminate_all;
	dma->device_synchronize = dma_dummy_synchronize;

	INIT_LIST_HEAD(&dma->channels);
	dma_dummy_init_chan(dd, DMA_DUMMY_RX, DMA_DEV_TO_MEM);
	dma_dummy_init_chan(dd, DMA_DUMMY_TX, DMA_MEM_TO_DEV);

	return dmaenginem_async_device_register(dma);
}

static void dma_dummy_free_loop(void *data)
{
	struct dma_dummy *dd = data;

	kfifo_free(&dd->loop);
}

static int dma_dummy_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct dma_dummy *dd;
	int ret;

	dd = devm_kzalloc(dev, sizeof(*dd), GFP_KERNEL);
	if (!dd)
		return -ENOMEM;

	spin_lock_init(&dd->lock);
	platform_set_drvdata(pdev, dd);

	ret = kfifo_alloc(&dd->loop, max_t(unsigned int, fifo, PAGE_SIZE),
			  GFP_KERNEL);
	if (ret)
		return ret;
	ret = devm_add_action_or_reset(dev, dma_dummy_free_loop, dd);
	if (ret)
		return ret;

	ret = dummy_memory_init(dev);
	if (ret)
		return ret;
	ret = dma_dummy_engine_init(dev, dd);
	if (ret)
		return ret;
	ret = dma_dummy_register(dev, dd);
	if (!ret && chan_dev)
		ret = dma_dummy_use_chan_devs(dd);
	if (ret)
		return ret;

	return dma_dummy_debugfs_init(dev, dd);
}

static struct platform_driver dma_dummy_driver = {
	.driver = {
		.name = "dma-dummy",
	},
	.probe = dma_dummy_probe,
};

static int __init dma_dummy_init(void)
{
	int ret;

	ret = platform_driver_register(&dma_dummy_driver);
	if (ret)
		return ret;

	dma_dummy_pdev = platform_device_register_simple("dma-dummy",
							 PLATFORM_DEVID_NONE,
							 NULL, 0);
	if (IS_ERR(dma_dummy_pdev)) {
		ret = PTR_ERR(dma_dummy_pdev);
		goto err_unregister_driver;
	}

	/* Whoever loads the module wants a controller, or to know that there is none. */
	if (!platform_get_drvdata(dma_dummy_pdev)) {
		ret = -ENODEV;
		goto err_unregister_device;
	}

	return 0;

err_unregister_device:
	platform_device_unregister(dma_dummy_pdev);
err_unregister_driver:
	platform_driver_unregister(&dma_dummy_driver);
	return ret;
}
module_init(dma_dummy_init);

static void __exit dma_dummy_exit(void)
{
	platform_device_unregister(dma_dummy_pdev);
	platform_driver_unregister(&dma_dummy_driver);
}
module_exit(dma_dummy_exit);

MODULE_DESCRIPTION("Dummy DMA controller");
MODULE_LICENSE("GPL");
