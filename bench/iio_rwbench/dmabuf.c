// SPDX-License-Identifier: GPL-2.0
/*
 * The transport without copies: a ring of DMABUFs that the device writes to, or reads.
 * A block is ours from the moment its dma-buf polls readable, that of an output writable,
 * until it is enqueued again. DMA_BUF_IOCTL_SYNC brackets what the CPU does in between.
 */
#include "transport.h"

#include "error.h"
#include "memory.h"
#include "uapi.h"
#include "verify.h"
#include "wait.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_EXPORTERS 16

/* The documentation of the call demands the repetition */
static int sync_ioctl(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };
	int ret;

	do {
		ret = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
	} while (ret && (errno == EINTR || errno == EAGAIN) && !wait_stopped());

	return ret ? -errno : 0;
}

/* Marks are written, and have to get out of the cache before the device writes */
static uint64_t sync_direction(const struct xfer *x)
{
	if (x->dev->output)
		return DMA_BUF_SYNC_WRITE;
	return x->evidence.bits & EVIDENCE_MARK ? DMA_BUF_SYNC_RW :
						  DMA_BUF_SYNC_READ;
}

static int sync_start(struct xfer *x, struct dmabuf_block *b)
{
	int ret;

	ret = sync_ioctl(b->fd, DMA_BUF_SYNC_START | sync_direction(x));
	x->syscalls++;
	xfer_step(x, STEP_SYNC);
	if (!ret)
		b->synced = true;
	return ret;
}

static int sync_end(struct xfer *x, struct dmabuf_block *b)
{
	int ret;

	if (!b->synced)
		return 0;

	b->synced = false;
	x->syscalls++;
	ret = sync_ioctl(b->fd, DMA_BUF_SYNC_END | sync_direction(x));
	xfer_step(x, STEP_SYNC);
	return ret;
}

static bool wants_sync(const struct xfer *x)
{
	return x->cpu_access || x->cfg->sync == SYNC_BLOCK;
}

static int sync_failed(const struct xfer *x, int err)
{
	if (err == -EINTR)
		return err;
	return fail(ST_FAIL, "DMA_BUF_IOCTL_SYNC on a block of %s: %s",
		    x->exporter.name, strerror(-err));
}

/* Each time that it is interrupted the kernel begins anew to wait */
static bool is_overdue(const struct xfer *x)
{
	return x->timeout_ms && now_ns() - x->mark > x->timeout_ms * NSEC_PER_MSEC;
}

int dmabuf_enqueue(struct xfer *x, struct dmabuf_block *b, size_t bytes)
{
	int ret;

	b->enqueued_at = x->mark;
	do {
		ret = x->port->enqueue(x, b->fd, bytes);
		x->syscalls++;
	} while (ret && errno == EINTR && !wait_stopped() && !is_overdue(x));

	if (ret)
		return errno == EINTR && !wait_stopped() ? -ETIMEDOUT : -errno;
	b->used = true;
	evidence_watch(&x->evidence, &b->evidence, b->fd, x->mark, &x->syscalls);
	xfer_step(x, STEP_ENQUEUE);
	return 0;
}

static int enqueue(struct xfer *x, struct dmabuf_block *b, size_t bytes)
{
	int ret;

	ret = dmabuf_enqueue(x, b, bytes);
	return ret && ret != -EINTR ? x->port->enqueue_failed(x, ret) : ret;
}

static int map_block(struct xfer *x, struct dmabuf_block *b)
{
	b->data = mmap(NULL, x->block_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		       b->fd, 0);
	if (b->data != MAP_FAILED)
		return 0;
	b->data = NULL;
	return fail(ST_FAIL, "cannot map memory of %s: %s", x->exporter.name,
		    strerror(errno));
}

/*
 * What the CPU has written, be it the zeros of fresh memory, may still be in its cache,
 * and would overwrite samples when it comes out of there. Not each exporter takes care of
 * that when a device attaches itself. So each block has SYNC for writing before its first
 * transfer, and after ATTACH, since heaps do this for the devices that are attached.
 */
static int prepare_memory(struct xfer *x, struct dmabuf_block *b)
{
	int ret;

	ret = sync_ioctl(b->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	if (ret)
		return sync_failed(x, ret);
	if (b->data) {
		memory_touch(b->data, x->block_bytes);
		if (x->cfg->verify != VERIFY_OFF)
			verify_poison(b->data, x->block_bytes);
		evidence_mark(&x->evidence, &b->evidence, b->data, x->block_bytes);
	}
	ret = sync_ioctl(b->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	return ret ? sync_failed(x, ret) : 0;
}

static uint64_t alloc_bytes(const struct xfer *x)
{
	uint64_t unit = x->cfg->alloc_unit;

	return unit ? (x->block_bytes + unit - 1) / unit * unit : x->block_bytes;
}

static int attach(struct xfer *x, struct dmabuf_block *b)
{
	if (ioctl(x->fd, x->port->attach, &b->fd))
		return x->port->attach_failed(x, -errno);
	b->attached = true;
	return 0;
}

/* By the first block of the ring, for all of it */
static int begin_evidence(struct xfer *x, bool can_mark, const struct dmabuf_block *b)
{
	const struct evidence_task task = {
		.wanted = x->cfg->evidence,
		.can_mark = can_mark,
		.output = x->dev->output,
		.measured = x->cfg->benchmark,
		.bytes = x->block_bytes,
	};

	return evidence_begin(&x->evidence, &task, b->fd);
}

/* The same block, at the other end of a relay */
static int attach_to_other(struct xfer *x, const struct dmabuf_block *b)
{
	struct dmabuf_block *t = &x->to->block[b - x->block];
	int ret = 0;

	t->fd = b->fd;
	x->to->exporter = x->exporter;
	if (b == x->block)
		ret = begin_evidence(x->to, false, b);
	/* It looks at those blocks that are looked at anyhow */
	x->to->evidence.sparing = false;
	return ret ? ret : attach(x->to, t);
}

static int make_block(struct xfer *x, struct dmabuf_block *b)
{
	int ret;

	ret = exporter_alloc(&x->exporter, alloc_bytes(x), &b->fd);
	if (ret) {
		b->fd = -1;
		return exporter_alloc_failed(&x->exporter, x->cfg->root, alloc_bytes(x), ret);
	}

	if (b == x->block)
		ret = begin_evidence(x, wants_sync(x) && !x->to, b);
	if (!ret && wants_sync(x))
		ret = map_block(x, b);
	if (ret)
		return ret;

	/* The mapping that this makes is gone before the device gets the block */
	if (x->cfg->layout && !x->layout.unknown &&
	    layout_add(&x->layout, b->fd, x->block_bytes))
		x->layout = (struct layout){ .unknown = true };

	ret = attach(x, b);
	if (!ret && x->to)
		ret = attach_to_other(x, b);
	return ret ? ret : prepare_memory(x, b);
}

static void drop_block_of_other(struct xfer *to, unsigned int i)
{
	struct dmabuf_block *t = &to->block[i];

	evidence_drop(&t->evidence);
	if (t->attached)
		ioctl(to->fd, to->port->detach, &t->fd);
	*t = (struct dmabuf_block){ .fd = -1, .evidence.sync_file = -1 };
}

static void drop_blocks(struct xfer *x)
{
	unsigned int i;

	for (i = 0; i < MAX_BLOCKS; i++) {
		struct dmabuf_block *b = &x->block[i];

		if (b->fd < 0)
			continue;
		if (x->to)
			drop_block_of_other(x->to, i);
		sync_end(x, b);
		evidence_drop(&b->evidence);
		if (b->attached)
			ioctl(x->fd, x->port->detach, &b->fd);
		if (b->data)
			munmap(b->data, x->block_bytes);
		close(b->fd);
		*b = (struct dmabuf_block){ .fd = -1, .evidence.sync_file = -1 };
	}
}

static int make_ring(struct xfer *x, const char *exporter)
{
	unsigned int i;
	int ret;

	x->layout = (struct layout){ .dmabufs = 0 };
	ret = memory_check(x->cfg->root, "blocks", x->nblocks * alloc_bytes(x),
			   exporter_has_cma(exporter));
	if (ret)
		return ret;

	ret = exporter_open(&x->exporter, x->cfg->root, exporter);
	if (ret)
		return exporter_open_failed(x->cfg->root, exporter, ret);

	for (i = 0; i < x->nblocks; i++) {
		ret = make_block(x, &x->block[i]);
		if (ret) {
			drop_blocks(x);
			exporter_close(&x->exporter);
			return ret;
		}
	}
	return 0;
}

/*
 * An exporter may lack memory of this size, or have memory that the engine
 * cannot reach. When the device or kernel has no DMABUF at all, it is
 * pointless to try the next.
 */
static int make_any_ring(struct xfer *x)
{
	char names[MAX_EXPORTERS][EXPORTER_NAME];
	struct exporter ex = { .fd = -1 };
	int ret = -ENOENT;
	size_t i, n;

	n = exporter_candidates(x->cfg->root, names, MAX_EXPORTERS);
	for (i = 0; i < n; i++) {
		if (exporter_open(&ex, x->cfg->root, names[i]))
			continue;
		exporter_close(&ex);

		fail_clear();
		ret = make_ring(x, names[i]);
		if (!ret || ret == ST_MISSING)
			return ret;
	}
	return ret == -ENOENT ? exporter_none_opened(x->cfg->root) : ret;
}

/* Each of them waits: the device is still off */
static int enqueue_ring(struct xfer *x)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < x->nblocks; i++)
		ret = enqueue(x, &x->block[i], x->block_bytes);
	x->enqueue_disabled_ns = x->step_ns[STEP_ENQUEUE];
	return ret;
}

static int dmabuf_open(struct xfer *x)
{
	int ret;

	x->nblocks = x->cfg->cyclic ? 1 : x->cfg->nblocks;

	/* Drivers may make packets of the length of a buffer: one of them */
	ret = x->port->open(x, 1);
	if (!ret && x->to)
		ret = x->to->port->open(x->to, 1);
	if (!ret)
		ret = x->cfg->exporter ? make_ring(x, x->cfg->exporter) :
					 make_any_ring(x);
	x->mark = now_ns();
	if (ret || x->dev->output)
		return ret;
	ret = enqueue_ring(x);
	if (!ret)
		ret = xfer_enable(x);
	return ret;
}

static int dmabuf_get(struct xfer *x, struct view *view)
{
	struct dmabuf_block *b = &x->block[x->next];
	unsigned int last = (x->next + x->nblocks - 1) % x->nblocks;
	int ret;

	view->fresh = !b->used;
	ret = view->fresh ? 0 : xfer_wait(x, b->fd, x->block[last].fd, "a block");
	if (ret)
		return ret;
	if (x->cfg->times && x->counting && !view->fresh)
		hist_add(&x->latency, x->mark - b->enqueued_at);

	if (wants_sync(x)) {
		ret = sync_start(x, b);
		if (ret)
			return sync_failed(x, ret);
	}

	view->data = b->data;
	view->bytes = x->block_bytes;
	view->slot = (int)x->next;
	view->outcome = evidence_judge(&x->evidence, &b->evidence, b->data,
				       x->block_bytes, &x->syscalls);
	view->err = b->evidence.err;
	if (outcome_is_bad(view->outcome))
		evidence_look_closely(&x->evidence);
	return 0;
}

static int dmabuf_put(struct xfer *x, size_t bytes)
{
	struct dmabuf_block *b = &x->block[x->next];
	int ret;

	if (b->synced)
		evidence_mark(&x->evidence, &b->evidence, b->data, x->block_bytes);
	ret = sync_end(x, b);
	if (ret)
		return sync_failed(x, ret);

	x->next = (x->next + 1) % x->nblocks;
	if (!bytes)
		return 0;
	/* What the engine cannot repeat is refused here only if the buffer is enabled */
	if (x->cfg->cyclic)
		ret = xfer_enable(x);
	if (!ret)
		ret = enqueue(x, b, bytes);
	/* Else an output has something to send from the begin, and as much as can be */
	if (!ret && x->dev->output && ++x->handed == x->nblocks && !x->enabled)
		ret = xfer_enable(x);
	return ret;
}

static int dmabuf_drain(struct xfer *x)
{
	unsigned int i, first = x->handed < x->nblocks ? 0 : x->next;
	int ret = 0;

	if (!x->enabled && x->handed)
		ret = xfer_enable(x);
	for (i = 0; !ret && i < x->nblocks && i < x->handed; i++)
		ret = xfer_wait(x, x->block[(first + i) % x->nblocks].fd, -1, "a block");
	return ret;
}

static void dmabuf_close(struct xfer *x)
{
	/* The device first, so that nothing is in flight when blocks go */
	xfer_disable(x);
	if (x->to)
		xfer_disable(x->to);
	drop_blocks(x);
	exporter_close(&x->exporter);
	if (x->to && x->to->fd >= 0)
		close(x->to->fd);
	if (x->fd >= 0)
		close(x->fd);
	x->dev->had_dmabufs = true;
	if (x->to)
		x->to->dev->had_dmabufs = true;
}

const struct transport_ops dmabuf_ops = {
	.id = TR_DMABUF,
	.open = dmabuf_open,
	.get = dmabuf_get,
	.put = dmabuf_put,
	.drain = dmabuf_drain,
	.close = dmabuf_close,
};
