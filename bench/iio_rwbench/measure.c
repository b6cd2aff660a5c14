// SPDX-License-Identifier: GPL-2.0
#include "measure.h"

#include "error.h"
#include "relay.h"
#include "sizes.h"
#include "wait.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_INTERVALS	100000
#define SETTLE_RINGS	16	/* warm-up goes on for no longer than this */
#define HOPELESS_RINGS	16	/* so many rounds without one good transfer end a run */

/* The measured part of a run, between warm-up and end */
struct window {
	bool open;
	unsigned int idle;		/* blocks at which the device had none to fill */
	uint64_t begin;
	uint64_t last;			/* when the last block was done with */
	uint64_t limit_bytes;		/* UINT64_MAX: none */
	uint64_t limit_ns;
	uint64_t least_blocks;
	uint64_t syscalls;
	struct tally instructions;
	struct checks checks;
	uint64_t tick;			/* begin of the running interval */
	uint64_t tick_bytes;
};

static int bad_transfers(const struct result *r)
{
	char text[384];

	outcomes_text(&r->outcomes, r->output, r->block_bytes, text, sizeof(text));
	return fail(ST_FAIL, "%s", text);
}

/*
 * Counts how the transfer ended. *@usable: the block may be counted and handed on. To
 * --verify all is shown, since it says by itself, to the byte, what did not come.
 */
static int judge(struct xfer *x, const struct view *view, struct result *r, bool *usable)
{
	struct outcomes *all = &r->outcomes;
	bool bad = outcome_is_bad(view->outcome);

	*usable = true;
	if (view->fresh)
		return 0;
	outcomes_add(all, view->outcome, view->err);
	all->means = x->evidence.bits;
	all->sparing = x->evidence.sparing;
	*usable = !bad || (x->cfg->verify != VERIFY_OFF && x->cfg->benchmark);
	/* A stream with a hole in it is of no use to its reader */
	if (bad && (!x->cfg->benchmark ||
		    all->bad_in_a_row >= HOPELESS_RINGS * r->nblocks))
		return bad_transfers(r);
	return 0;
}

/* What is to be done with a block. Returns the status; *@bytes that arrived. */
static int consume(struct xfer *x, const struct view *view, struct result *r,
		   uint64_t left, uint64_t *bytes)
{
	const struct cfg *cfg = x->cfg;
	size_t fresh = view->bytes;
	int ret;

	*bytes = fresh;
	if (!x->cpu_access)
		return 0;

	if (cfg->verify != VERIFY_OFF)
		fresh = verify_block(&r->verify, view->data, view->bytes,
				     view->slot);
	ret = work_do(&x->work, view->data, view->bytes, &x->syscalls);
	xfer_step(x, STEP_WORK);
	if (ret)
		return ret;
	if (!cfg->benchmark) {
		*bytes = view->bytes < left ? view->bytes : left;
		ret = write_all(STDOUT_FILENO, "standard output", view->data,
				*bytes, &x->syscalls);
		r->pipe_closed = ret == -EPIPE;
		return r->pipe_closed ? -EINTR : ret;
	}

	*bytes = fresh;
	return 0;
}

/* Zeros behind the last samples, as no transfer has any length. Returns the bytes of both. */
static size_t pad(const struct xfer *x, const struct view *view, size_t bytes)
{
	uint64_t unit = x->ops->id == TR_DMABUF ? sizes_unit(x->cfg, x->dev) : view->bytes;
	size_t all = (bytes + unit - 1) / unit * unit;

	memset((char *)view->data + bytes, 0, all - bytes);
	return all;
}

/* A waveform without its end is another one */
static int check_input_ends(struct xfer *x, size_t bytes)
{
	size_t more = 0;
	char byte;
	int ret;

	if (x->source.counter || x->source.ended)
		return 0;
	ret = source_fill(&x->source, &byte, 1, &more, &x->syscalls);
	if (ret || !more)
		return ret;
	return fail(ST_FAIL, "standard input has more than a block of %zu bytes, which is what is repeated: let -b be as many samples as it has, of %u bytes each",
		    bytes, x->dev->scan_bytes);
}

/* What has been read once, for all times */
static int begin_period(struct xfer *x, size_t bytes)
{
	uint64_t unit = sizes_unit(x->cfg, x->dev);
	int ret;

	if (!bytes)
		return fail(ST_FAIL, "standard input is empty: there is nothing to repeat");
	ret = check_input_ends(x, bytes);
	if (ret)
		return ret;
	if (bytes % unit)
		return fail(ST_FAIL, "standard input has %zu bytes, which %s cannot repeat: it takes a multiple of %" PRIu64,
			    bytes, x->dev->name, unit);
	x->period = bytes;
	x->source.ended = false;
	return 0;
}

/* *@bytes of samples for the block, as many as there are; *@send of them with what pads them */
static int produce(struct xfer *x, const struct view *view, uint64_t left, uint64_t *bytes,
		   size_t *send)
{
	size_t want = view->bytes < left ? view->bytes : (size_t)left;
	size_t filled;
	int ret;

	*bytes = *send = x->period ? x->period : view->bytes;
	if (!x->cpu_access || x->period)
		return 0;

	ret = source_fill(&x->source, view->data, want, &filled, &x->syscalls);
	xfer_step(x, STEP_WORK);
	if (!ret && x->cfg->cyclic)
		ret = begin_period(x, filled);
	if (!ret && !filled && !x->handed)
		ret = fail(ST_FAIL, "standard input is empty: there is nothing to send");
	if (ret)
		return ret;
	*bytes = filled;
	*send = x->cfg->cyclic ? filled : pad(x, view, filled);
	return 0;
}

static void window_begin(struct window *w, struct xfer *x)
{
	/* The clock first: the device does not wait for what follows */
	w->begin = w->last = w->tick = x->mark = now_ns();
	memset(x->step_ns, 0, sizeof(x->step_ns));
	w->syscalls = x->syscalls;
	if (x->cfg->counters) {
		counters_begin(x->cfg->counters, &w->instructions);
		x->mark = now_ns();
	}
	if (x->cfg->checker)
		checker_read(x->cfg->checker, &w->checks);
	w->open = x->counting = true;
}

static void read_checks(const struct window *w, const struct xfer *x, struct result *r)
{
	if (!x->cfg->checker || !w->checks.known || checker_read(x->cfg->checker, &r->checks))
		return;
	r->checks.jumps -= w->checks.jumps;
	r->checks.lost_bytes -= w->checks.lost_bytes;
}

/*
 * Is warm-up over? A block that is ready before the measured part begins, and counts
 * in it, would make the device faster than it is. So the part begins behind a block
 * that had to be waited for: nothing is ready then. Or, if the device is the faster one,
 * when it has been out of blocks for one round: as many are ready then at the end.
 */
static bool settled(struct window *w, const struct xfer *x, const struct result *r)
{
	unsigned int asked = x->cfg->warmup;

	if (r->warmup < asked)
		return false;
	if (!asked || x->waited)
		return true;
	if (r->warmup > asked && x->idle)
		w->idle++;
	return w->idle >= r->nblocks ||
	       r->warmup - asked >= SETTLE_RINGS * r->nblocks;
}

static void add_interval(struct result *r, const struct window *w, uint64_t now)
{
	struct interval *list;

	if (r->nintervals == MAX_INTERVALS)
		return;
	/* Grown by doubling, at the powers of two */
	if (!(r->nintervals & (r->nintervals - 1))) {
		size_t n = r->nintervals ? r->nintervals * 2 : 1;

		list = realloc(r->interval, n * sizeof(*list));
		if (!list)
			return;
		r->interval = list;
	}
	r->interval[r->nintervals++] = (struct interval){
		.start_ns = w->tick - w->begin,
		.ns = now - w->tick,
		.bytes = r->bytes - w->tick_bytes,
	};
}

static void window_tick(struct window *w, struct xfer *x, struct result *r,
			progress_fn progress)
{
	if (x->cfg->counters &&
	    counters_due(x->cfg->counters, &w->instructions, w->last)) {
		counters_add(x->cfg->counters, &w->instructions);
		x->mark = now_ns();
	}
	if (w->last - w->tick < x->cfg->interval_ns)
		return;

	if (x->cfg->interval_given)
		add_interval(r, w, w->last);
	r->elapsed_ns = w->last - w->begin;
	r->warming_up = false;
	if (progress)
		progress(r, r->bytes - w->tick_bytes, w->last - w->tick, false);
	w->tick = w->last;
	w->tick_bytes = r->bytes;
}

static void window_add(struct window *w, struct xfer *x, struct result *r,
		       bool usable, uint64_t bytes)
{
	uint64_t now = now_ns();

	if (usable) {
		hist_add(&r->times, now - w->last);
		r->blocks++;
		r->bytes += bytes;
	}
	w->last = x->mark = now;
}

static void window_end(struct window *w, struct xfer *x, struct result *r)
{
	struct usage end;

	if (!w->open)
		return;

	/* First what a look at the rest would change */
	if (x->cfg->counters) {
		counters_add(x->cfg->counters, &w->instructions);
		r->instructions = w->instructions.sum;
	}
	read_checks(w, x, r);
	r->elapsed_ns = w->last - w->begin;
	r->syscalls = x->syscalls - w->syscalls;
	r->timed = x->cfg->times;
	memcpy(r->step_ns, x->step_ns, sizeof(r->step_ns));
	r->enqueue_disabled_ns = x->enqueue_disabled_ns;
	r->latency = x->latency;
	if (x->cfg->trial)
		return;
	usage_read(&end, x->cfg->root);
	r->user_ns = end.user_ns - x->usage.user_ns;
	r->sys_ns = end.sys_ns - x->usage.sys_ns;
	r->stat_valid = end.valid && x->usage.valid;
	r->irqs = end.irqs - x->usage.irqs;
	r->cpu_busy = usage_busy(&x->usage, &end);
	if (r->cpu_busy > 0 && usage_long_enough(&x->usage, &end))
		r->busy_ns = (uint64_t)(r->cpu_busy * end.cpus *
					(double)(end.at_ns - x->usage.at_ns));
}

static void answer(const struct window *w, struct result *r, progress_fn progress)
{
	if (!wait_asked() || !progress)
		return;
	r->warming_up = !w->open;
	r->elapsed_ns = w->open ? now_ns() - w->begin : 0;
	progress(r, r->bytes, r->elapsed_ns, true);
}

/* As window_tick(), before there are figures. At a low rate that is long. */
static void warm_up(struct window *w, const struct xfer *x, struct result *r, uint64_t bytes,
		    progress_fn progress)
{
	uint64_t now;

	r->warmup++;
	r->warmup_bytes += bytes;
	if (!progress || x->cfg->interval_given)
		return;
	now = now_ns();
	if (w->tick && now - w->tick < x->cfg->interval_ns)
		return;
	r->warming_up = true;
	if (w->tick)
		progress(r, 0, 0, false);
	w->tick = now;
}

static bool window_full(const struct window *w, const struct result *r)
{
	if (r->bytes >= w->limit_bytes)
		return true;
	return w->last - w->begin >= w->limit_ns && r->blocks >= w->least_blocks;
}

/* The device does the rest by itself: one block is handed over, and then time goes by */
static int run_cyclic(struct xfer *x, struct window *w, struct result *r, progress_fn progress)
{
	uint64_t bytes, ms = 0, now;
	struct view view;
	size_t send;
	int ret;

	ret = x->ops->get(x, &view);
	if (!ret)
		ret = produce(x, &view, UINT64_MAX, &bytes, &send);
	if (ret)
		return ret;
	window_begin(w, x);
	ret = x->ops->put(x, send);
	if (ret)
		return ret;
	r->repeated = send;
	do {
		now = now_ns();
		if (w->limit_ns != UINT64_MAX)
			ms = now - w->begin < w->limit_ns ?
			     (w->limit_ns - (now - w->begin)) / NSEC_PER_MSEC + 1 : 1;
		ret = wait_fd(-1, 0, ms);
		answer(w, r, progress);
		w->last = now_ns();
	} while (ret == -EAGAIN || (!ret && w->last - w->begin < w->limit_ns));
	return ret;
}

static int run(struct xfer *x, struct window *w, struct result *r,
	       progress_fn progress)
{
	struct view view = { .err = 0 };
	uint64_t bytes;
	bool usable;
	size_t send;
	int ret;

	for (;;) {
		if (!w->open && settled(w, x, r))
			window_begin(w, x);
		if (wait_stopped())
			return -EINTR;

		x->settling = !w->open && r->warmup + 1 >= x->cfg->warmup;
		x->waited = false;
		ret = x->ops->get(x, &view);
		answer(w, r, progress);
		if (ret == -EAGAIN)
			continue;
		if (ret)
			return ret;
		if (!view.fresh)
			xfer_watch_overflow(x);
		if (x->to && x->to->enabled)
			xfer_watch_overflow(x->to);
		ret = judge(x, &view, r, &usable);
		if (ret)
			return ret;
		bytes = 0;
		send = view.bytes;
		if (x->dev->output)
			ret = produce(x, &view, w->limit_bytes - r->bytes, &bytes, &send);
		else if (usable)
			ret = consume(x, &view, r, w->limit_bytes - r->bytes, &bytes);
		if (ret)
			return ret;
		ret = x->ops->put(x, send);
		if (ret || (x->dev->output && !send))
			return ret;
		if (x->cfg->trial && !verify_good(&r->verify))
			return 0;

		if (!w->open) {
			warm_up(w, x, r, bytes, progress);
			continue;
		}
		window_add(w, x, r, usable, bytes);
		if (window_full(w, r) || x->source.ended)
			return 0;
		window_tick(w, x, r, progress);
	}
}

/* What a stream has brought goes out before the buffer goes off */
static int drain(struct xfer *x, struct window *w, struct result *r)
{
	struct view view;
	bool usable;
	unsigned int i;
	int ret;

	do {
		ret = x->ops->drain(x);
	} while (ret == -EAGAIN);
	for (i = 0; !ret && i < r->nblocks; i++) {
		do {
			ret = x->ops->get(x, &view);
		} while (ret == -EAGAIN);
		if (!ret)
			ret = judge(x, &view, r, &usable);
		if (!ret)
			ret = x->ops->put(x, 0);
	}
	w->last = now_ns();
	return ret;
}

/*
 * Whatever came before, the last blocks may have been given up. An output that got nothing
 * to send never was enabled.
 */
static int check_still_enabled(const struct xfer *x)
{
	int ret = 0;

	if (x->enabled)
		ret = x->port->check(x, false);
	return ret || !x->to ? ret : check_still_enabled(x->to);
}

/* What is behind another failure */
static int check_interference(const struct xfer *x)
{
	int ret = 0;

	if (x->enabled)
		ret = x->port->check(x, true);
	return ret || !x->to ? ret : check_interference(x->to);
}

static void set_limits(struct window *w, const struct xfer *x)
{
	const struct cfg *cfg = x->cfg;

	w->limit_bytes = UINT64_MAX;
	if (cfg->samples && cfg->samples < UINT64_MAX / x->dev->scan_bytes)
		w->limit_bytes = cfg->samples * x->dev->scan_bytes;
	w->limit_ns = cfg->duration_ns || cfg->min_blocks ? cfg->duration_ns :
							    UINT64_MAX;
	w->least_blocks = cfg->min_blocks;
}

static void look_at_core(const struct xfer *x, struct result *r)
{
	enum overflow *flow = x->dev->output ? &r->underflow : &r->overflow;

	if (x->watching)
		*flow = overflow_read(x->registers, x->dev->output);
}

static int transfer(struct xfer *x, struct window *w, struct result *r,
		    progress_fn progress)
{
	int ret;

	ret = x->ops->open(x);
	r->started = !ret;
	r->length = iio_length(x->dev);
	if (!ret)
		ret = x->cfg->cyclic && x->ops->id == TR_DMABUF ?
		      run_cyclic(x, w, r, progress) : run(x, w, r, progress);
	/* While there are still blocks to fill or to send: without one the bit is always set */
	if (w->open) {
		look_at_core(x, r);
		if (x->to)
			look_at_core(x->to, r);
	}
	if (!ret && x->dev->output && !x->cfg->benchmark && !x->cfg->cyclic)
		ret = drain(x, w, r);
	window_end(w, x, r);

	if (ret == -EINTR) {
		r->interrupted = !r->pipe_closed;
		ret = 0;
	}
	if (ret && check_interference(x))
		ret = ST_FAIL;
	if (!ret)
		ret = check_still_enabled(x);
	if (!ret && r->outcomes.bad && x->cfg->verify == VERIFY_OFF)
		ret = bad_transfers(r);
	if (x->ops->id == TR_DMABUF)
		memcpy(r->exporter, x->exporter.name, sizeof(r->exporter));
	r->layout = x->layout;
	x->ops->close(x);
	return ret;
}

static const struct transport_ops *ops_of(enum transport transport, bool relay)
{
	if (transport == TR_DMABUF)
		return relay ? &relay_share_ops : &dmabuf_ops;
	return relay ? &relay_copy_ops : &fileio_ops;
}

static void xfer_init(struct xfer *x, const struct cfg *cfg, struct iio_dev *dev,
		      enum transport transport, uint64_t block_bytes)
{
	int i;

	*x = (struct xfer){
		.cfg = cfg,
		.dev = dev,
		.ops = ops_of(transport, dev->to),
		.port = dev->gadget ? &usb_port : &iio_port,
		.block_bytes = block_bytes,
		.cpu_access = cfg->verify || cfg->work > WORK_SYNC || cfg->counter ||
			      !cfg->benchmark,
		.source.counter = cfg->counter,
		.fd = -1,
		.registers = cfg->trial || dev->gadget ? -1 : overflow_open(dev),
		.exporter.fd = -1,
	};
	for (i = 0; i < MAX_BLOCKS; i++)
		x->block[i] = (struct dmabuf_block){
			.fd = -1, .evidence.sync_file = -1,
		};
	hist_reset(&x->latency);
	xfer_set_timeout(x);
}

static void relay_to(struct xfer *x, struct xfer *to)
{
	xfer_init(to, x->cfg, x->dev->to, x->ops->id, x->block_bytes);
	to->relayed_to = true;
	/* What has no rate of its own gets blocks at that of the input */
	if (to->dev->gadget)
		to->timeout_ms = x->timeout_ms;
	x->to = to;
}

int measure(const struct cfg *cfg, struct iio_dev *dev, enum transport transport,
	    uint64_t block_bytes, struct result *r, progress_fn progress)
{
	struct window w = { .open = false };
	struct xfer x, to;
	int ret;

	xfer_init(&x, cfg, dev, transport, block_bytes);
	if (dev->to)
		relay_to(&x, &to);
	memset(r, 0, sizeof(*r));
	r->transport = transport;
	r->block_bytes = block_bytes;
	r->sample_bytes = dev->scan_bytes;
	r->nblocks = transport != TR_DMABUF ? FILEIO_BLOCKS : cfg->cyclic ? 1 : cfg->nblocks;
	r->output = dev->output;
	r->cpu_busy = -1;
	hist_reset(&r->times);
	verify_init(&r->verify, cfg->verify);
	set_limits(&w, &x);

	fail_clear();
	ret = work_open(&x.work, cfg->work, block_bytes, cfg->file);
	if (!ret)
		ret = transfer(&x, &w, r, progress);
	work_close(&x.work);
	if (x.registers >= 0)
		close(x.registers);
	if (x.to && to.registers >= 0)
		close(to.registers);

	r->status = ret;
	snprintf(r->error, sizeof(r->error), "%s", ret ? fail_text() : "");
	return ret;
}
