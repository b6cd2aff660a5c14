// SPDX-License-Identifier: GPL-2.0
/* What both transports need: the device on and off, and waiting for a block */
#include "transport.h"

#include "error.h"
#include "overflow.h"
#include "wait.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Reading /proc/stat takes longer than a ring of small blocks lasts, and would
 * lose samples between warm-up and measured part. So the use of the machine is
 * taken from here on, with the warm-up.
 */
int xfer_enable(struct xfer *x)
{
	int ret;

	if (!x->cfg->trial && !x->relayed_to)
		usage_read(&x->usage, x->cfg->root);
	ret = x->port->enable(x);
	x->enabled = !ret;
	return ret;
}

/*
 * The bit says nothing until samples have somewhere to go. When the buffer has just
 * been enabled, words without a place are still on their way through the FPGA.
 */
void xfer_watch_overflow(struct xfer *x)
{
	if (x->registers < 0 || x->watching)
		return;
	x->watching = overflow_clear(x->registers, x->dev->output);
	if (!x->watching) {
		close(x->registers);
		x->registers = -1;
	}
}

int xfer_disable(struct xfer *x)
{
	if (!x->enabled)
		return 0;
	x->enabled = false;
	return x->port->disable(x);
}

void xfer_step(struct xfer *x, enum step step)
{
	uint64_t now;

	if (!x->cfg->times)
		return;
	now = now_ns();
	x->step_ns[step] += now - x->mark;
	x->mark = now;
}

/* A DMABUF that is read by a device may be read, but not be written, by others */
static short events(const struct xfer *x)
{
	return x->dev->output ? POLLOUT : POLLIN;
}

/* With two blocks, as file I/O has, one that is there in time is the last of all */
static bool is_there(struct xfer *x, int fd, int last)
{
	bool ready, all;

	wait_look(fd, last, events(x), &ready, &all);
	x->idle = ready && (last < 0 || all);
	x->waited |= !ready;
	return ready;
}

/* Samples come in, however slowly, though not yet a block of them */
static bool fills_up(struct xfer *x)
{
	uint64_t available = iio_available(x->dev);
	bool more = available > x->available;

	x->available = available;
	return more;
}

int xfer_wait(struct xfer *x, int fd, int last, const char *what)
{
	int ret = 1;

	x->available = 0;
	while (!x->settling || !is_there(x, fd, last)) {
		ret = wait_fd(fd, events(x), x->timeout_ms);
		if (ret || x->cfg->timeout_given || !fills_up(x))
			break;
	}
	x->syscalls++;
	xfer_step(x, STEP_WAIT);
	if (ret > 0)
		return 0;
	if (ret == 0)
		return xfer_no_data(x);
	if (ret == -EINTR || ret == -EAGAIN)
		return ret;
	return fail(ST_FAIL, "poll on %s of %s: %s", what, x->dev->name,
		    strerror(-ret));
}

int xfer_no_data(const struct xfer *x)
{
	return x->port->no_data(x);
}

/* A block must have the time to fill, whatever the rate, unless told otherwise */
void xfer_set_timeout(struct xfer *x)
{
	uint64_t rate = iio_expected_rate(x->dev);
	uint64_t samples = x->block_bytes / x->dev->scan_bytes;

	x->timeout_ms = x->cfg->timeout_ms;
	if (x->cfg->timeout_given || !rate)
		return;

	/* Twice the time, for the two blocks that may be filled in turn */
	x->timeout_ms += 2 * (samples / rate * 1000 +
			      samples % rate * 1000 / rate);
}
