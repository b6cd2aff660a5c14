// SPDX-License-Identifier: GPL-2.0
/*
 * From one device to another, or to a USB host.
 *
 * By DMABUFs that both have attached: a block that is being filled is enqueued to the output,
 * where the kernel waits for the fence of the input; and the oldest block of the output to the
 * input, where it waits for the fence of the output. Two system calls a block. Nobody looks at
 * the data, so there is no SYNC.
 *
 * By read() and write(): with a copy each.
 *
 * A device with a rate that has but one block runs dry when that is over, however fast the next
 * one is there. So both ways such an output begins with RELAY_LEAD blocks, and that is the
 * latency. A USB host waits, and gets each block at once.
 */
#include "relay.h"

#include "error.h"
#include "memory.h"
#include "wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Nobody wakes us out of ENQUEUE if nothing comes, but poll() has a time limit */
#define SLOW_BLOCK_MS	1000

/* Once for both */
static void count_syscalls(struct xfer *x)
{
	x->syscalls += x->to->syscalls;
	x->to->syscalls = 0;
}

/* The first blocks are held until there are enough of them */
static int copy_open(struct xfer *x)
{
	int ret;

	ret = memory_check(x->cfg->root, "blocks", RELAY_LEAD * x->block_bytes, false);
	if (ret)
		return ret;
	x->held = calloc(RELAY_LEAD, x->block_bytes);
	if (!x->held)
		return fail(ST_FAIL, "not enough memory for blocks of %zu bytes", x->block_bytes);
	memory_touch(x->held, RELAY_LEAD * x->block_bytes);
	ret = fileio_ops.open(x->to);
	/* Others are on when they have something to send */
	if (!ret && x->to->port->write)
		ret = xfer_enable(x->to);
	return ret ? ret : fileio_ops.open(x);
}

static int copy_get(struct xfer *x, struct view *view)
{
	int ret;

	ret = fileio_ops.get(x, view);
	x->in_ns[x->relayed % RELAY_ROUND] = now_ns();
	return ret;
}

/* Block @out of the stream is known to be out */
static void count_latency(struct xfer *x, uint64_t out)
{
	if (x->counting)
		hist_add(&x->latency, now_ns() - x->in_ns[out % RELAY_ROUND]);
}

/* The room that poll() sees is that of the block before last */
static int wait_for_room(struct xfer *x)
{
	int ret;

	do {
		ret = xfer_wait(x->to, x->to->fd, -1, "the buffer");
	} while (ret == -EAGAIN);
	if (!ret)
		count_latency(x, x->relayed - FILEIO_BLOCKS);
	return ret;
}

static int write_through(struct xfer *x, size_t bytes)
{
	int ret;

	x->to->mark = now_ns();
	ret = x->to->port->write(x->to, x->data, bytes);
	if (!ret)
		count_latency(x, x->relayed++);
	count_syscalls(x);
	return ret;
}

static int copy_put(struct xfer *x, size_t bytes)
{
	const char *data = x->data;
	int ret = 0;

	if (x->to->port->write)
		return write_through(x, bytes);
	if (x->relayed < RELAY_LEAD) {
		memcpy(x->held + x->relayed * bytes, data, bytes);
		data = x->held;
		bytes *= RELAY_LEAD;
	} else {
		ret = wait_for_room(x);
	}
	if (!ret && ++x->relayed >= RELAY_LEAD)
		ret = fileio_send(x->to, data, bytes);
	count_syscalls(x);
	return ret;
}

static void copy_close(struct xfer *x)
{
	fileio_ops.close(x);
	fileio_ops.close(x->to);
	free(x->held);
}

/* At a low rate 1 % of the time is much of the little that there is to do */
#define LOOK_BYTES (1u << 20)

static int share_open(struct xfer *x)
{
	int ret;

	if (x->cfg->nblocks < RELAY_LEAD + 2)
		return fail(ST_USAGE, "relay: %d blocks are the least, as %d of them wait to be sent",
			    RELAY_LEAD + 2, RELAY_LEAD);
	/* Of both, as no block may be enqueued before it is attached to both */
	ret = dmabuf_ops.open(x);
	if (x->block_bytes < LOOK_BYTES)
		x->evidence.skip = (unsigned int)(LOOK_BYTES / x->block_bytes) - 1;
	return ret;
}

/* The kernel has waited for @other, and in vain */
static int gave_up(const struct xfer *x, const struct xfer *other, int err)
{
	if (err == -EBUSY || err == -ETIMEDOUT)
		return xfer_no_data(other);
	return x->port->enqueue_failed(x, err);
}

/* Until the first block is sent, and when the rate is low, poll() does the waiting */
static int wait_by_poll(struct xfer *x)
{
	unsigned int last = (x->next + x->nblocks - 1) % x->nblocks;

	if (x->to->enabled && !x->settling &&
	    x->timeout_ms - x->cfg->timeout_ms < SLOW_BLOCK_MS)
		return 0;
	/* Which has a limit of its own */
	wait_guard(0, 0);
	return xfer_wait(x, x->block[x->next].fd, x->block[last].fd, "a block");
}

static int share_get(struct xfer *x, struct view *view)
{
	struct dmabuf_block *b = &x->block[x->next], *t = &x->to->block[x->next];
	int ret;

	ret = wait_by_poll(x);
	if (ret)
		return ret;
	x->to->mark = now_ns();
	/* Both ends of the same blocks are looked at */
	x->to->evidence.bits = b->evidence.sync_file < 0 ? 0 : EVIDENCE_FENCE;
	ret = dmabuf_enqueue(x->to, t, x->block_bytes);
	if (!ret && ++x->relayed == RELAY_LEAD)
		ret = xfer_enable(x->to);
	else if (ret < 0)
		ret = ret == -EINTR ? ret : gave_up(x->to, x, ret);
	count_syscalls(x);
	if (ret)
		return ret;

	*view = (struct view){
		.bytes = x->block_bytes, .slot = -1,
		.outcome = evidence_judge(&x->evidence, &b->evidence, NULL, 0, &x->syscalls),
		.err = b->evidence.err,
	};
	/* What became of the one before, on the other side, is told with this one */
	if (outcome_is_bad(x->sent)) {
		view->outcome = x->sent;
		view->err = x->sent_err;
		x->sent = OUT_GOOD;
	}
	if (outcome_is_bad(view->outcome))
		evidence_look_closely(&x->evidence);
	return 0;
}

/* How the transfer of @t has ended, which got its samples at @in_ns */
static void judge_sent(struct xfer *x, struct dmabuf_block *t, uint64_t in_ns)
{
	enum outcome o;

	o = evidence_judge(&x->to->evidence, &t->evidence, NULL, 0, &x->syscalls);
	if (outcome_is_bad(o)) {
		x->sent = o;
		x->sent_err = t->evidence.err;
	}
	if (x->counting && in_ns && t->evidence.ended_ns)
		hist_add(&x->latency, t->evidence.ended_ns - in_ns);
}

static int share_put(struct xfer *x, size_t bytes)
{
	unsigned int back;
	struct dmabuf_block *b;
	uint64_t in_ns;
	int ret;

	back = (x->next + x->nblocks - RELAY_LEAD) % x->nblocks;
	x->next = (x->next + 1) % x->nblocks;
	if (x->relayed <= RELAY_LEAD)
		return 0;

	b = &x->block[back];
	in_ns = b->evidence.ended_ns;
	x->mark = now_ns();
	ret = dmabuf_enqueue(x, b, bytes);
	if (ret)
		return ret == -EINTR ? ret : gave_up(x, x->to, ret);
	judge_sent(x, &x->to->block[back], in_ns);
	/* It would be waited for once more, if it has gone */
	return outcome_is_bad(x->sent) ? x->to->port->check(x->to, true) : 0;
}

static void share_close(struct xfer *x)
{
	dmabuf_ops.close(x);
}

const struct transport_ops relay_copy_ops = {
	.id = TR_FILEIO,
	.open = copy_open,
	.get = copy_get,
	.put = copy_put,
	.close = copy_close,
};

const struct transport_ops relay_share_ops = {
	.id = TR_DMABUF,
	.open = share_open,
	.get = share_get,
	.put = share_put,
	.close = share_close,
};
