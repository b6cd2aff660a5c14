// SPDX-License-Identifier: GPL-2.0
/*
 * The transport that every IIO buffer has. The kernel copies each block of its
 * two to our memory, in read(), or from there, in write(). One poll() and one of these
 * per block, as libiio does; poll() is what makes timeouts and Ctrl-C work.
 */
#include "transport.h"

#include "error.h"
#include "memory.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Mainline (6.11 to 7.3) counts a DMABUF as attached until a worker has let go of
 * it. A buffer that is enabled before that delivers no data to read(), but does
 * when it is enabled again.
 */
#define RESTARTS	3
#define RESTART_MS	1000
#define RESTART_OUTPUT_US	10000
#define RETRY_US	100
#define DRAIN_US	1000

static int start(struct xfer *x)
{
	uint64_t block_ms = x->timeout_ms - x->cfg->timeout_ms;
	int i, ret;

	for (i = 0;; i++) {
		ret = xfer_enable(x);
		if (ret || !x->dev->had_dmabufs || i == RESTARTS)
			return ret;
		if (wait_fd(x->fd, POLLIN, RESTART_MS + block_ms))
			return 0;
		ret = xfer_disable(x);
		if (ret)
			return ret;
	}
}

/*
 * After an odd number of blocks, mainline (6.11 to 7.3) begins the next run with
 * the wrong block. A blocking read() then spins in the kernel until that block is
 * filled, and on a kernel without preemption nothing else runs on that CPU.
 */
static int set_nonblock(const struct xfer *x)
{
	if (fcntl(x->fd, F_SETFL, O_NONBLOCK))
		return fail(ST_FAIL, "cannot make the buffer of %s non-blocking: %s",
			    x->dev->name, strerror(errno));
	return 0;
}

static int fileio_open(struct xfer *x)
{
	int ret;

	ret = memory_check(x->cfg->root, "a block", x->block_bytes, false);
	if (ret)
		return ret;

	/* Touched once here, so that page faults are not measured */
	if (posix_memalign(&x->data, 4096, x->block_bytes)) {
		x->data = NULL;
		return fail(ST_FAIL, "not enough memory for a block of %zu bytes",
			    x->block_bytes);
	}
	memset(x->data, 0, x->block_bytes);

	ret = x->port->open(x, FILEIO_BLOCKS);
	if (!ret && !x->dev->output)
		ret = set_nonblock(x);
	if (!ret && !x->dev->output)
		ret = start(x);
	return ret;
}

/* There is room from the begin, but a buffer that is not enabled does not say so */
static int get_room(struct xfer *x, struct view *view)
{
	int ret;

	if (x->enabled) {
		ret = xfer_wait(x, x->fd, -1, "the buffer");
		if (ret)
			return ret;
	}
	view->data = x->data;
	view->bytes = x->block_bytes;
	view->slot = -1;
	view->fresh = x->handed < FILEIO_BLOCKS;
	/* write() tells at best of a failed one, and that later */
	view->outcome = OUT_UNKNOWN;
	return 0;
}

static int fileio_get(struct xfer *x, struct view *view)
{
	uint64_t begin = now_ns();
	ssize_t n;
	int ret;

	if (x->dev->output)
		return get_room(x, view);

	/* read() ends where a block of the kernel ends, which may be early */
	while (x->filled < x->block_bytes) {
		ret = xfer_wait(x, x->fd, -1, "the buffer");
		if (ret)
			return ret;

		n = read(x->fd, (char *)x->data + x->filled,
			 x->block_bytes - x->filled);
		x->syscalls++;
		xfer_step(x, STEP_READ);
		if (n < 0 && errno == EINTR)
			return wait_stopped() ? -EINTR : -EAGAIN;
		if (n < 0 && errno == EAGAIN) {
			/* Only mainline says "ready" and then has nothing */
			if (x->timeout_ms && now_ns() - begin >
			    x->timeout_ms * NSEC_PER_MSEC)
				return xfer_no_data(x);
			usleep(RETRY_US);
			continue;
		}
		if (n < 0)
			return fail(ST_FAIL, "read from %s: %s", x->dev->name,
				    errno == ENODEV ? "the device went away" :
				    strerror(errno));
		if (n == 0)
			return fail(ST_FAIL, "read from %s: end of file; was the buffer disabled by another process?",
				    x->dev->name);
		x->filled += (size_t)n;
	}
	x->filled = 0;

	view->data = x->data;
	view->bytes = x->block_bytes;
	view->slot = -1;
	view->fresh = false;
	/* read() says how much there is */
	view->outcome = OUT_GOOD;
	return 0;
}

/* write() needs a buffer that is enabled, which so is without samples for a moment */
static int start_output(struct xfer *x)
{
	int ret;

	ret = xfer_enable(x);
	x->at_rest = iio_available(x->dev);
	return ret;
}

/* As start() */
static int restart_output(struct xfer *x)
{
	int ret;

	ret = xfer_disable(x);
	usleep(RESTART_OUTPUT_US);
	return ret ? ret : start_output(x);
}

static int write_failed(struct xfer *x, unsigned int *restarts)
{
	if (errno == EINTR)
		return wait_stopped() ? -EINTR : 0;
	if (errno == EBUSY && x->dev->had_dmabufs && !x->handed && (*restarts)++ < RESTARTS)
		return restart_output(x);
	return fail(ST_FAIL, "write to %s: %s", x->dev->name,
		    errno == ENODEV ? "the device went away" : strerror(errno));
}

/* For the next of the kernel's blocks, if this one is full */
static int next_room(struct xfer *x)
{
	int ret;

	if (wait_stopped())
		return -EINTR;
	if (x->filled)
		return 0;
	do {
		ret = xfer_wait(x, x->fd, -1, "the buffer");
	} while (ret == -EAGAIN);
	return ret;
}

/* No more at once than a block of the kernel has room for: in write() there is no time limit */
int fileio_send(struct xfer *x, const void *data, size_t bytes)
{
	unsigned int restarts = 0;
	const char *p = data;
	size_t room;
	ssize_t n;
	int ret;

	ret = x->enabled || !bytes ? 0 : start_output(x);
	while (!ret && bytes) {
		room = x->block_bytes - x->filled;
		n = write(x->fd, p, bytes < room ? bytes : room);
		x->syscalls++;
		if (n < 0) {
			ret = write_failed(x, &restarts);
			continue;
		}
		p += n;
		bytes -= (size_t)n;
		x->filled = (x->filled + (size_t)n) % x->block_bytes;
		if (bytes)
			ret = next_room(x);
	}
	xfer_step(x, STEP_READ);
	x->handed++;
	return ret;
}

static int fileio_put(struct xfer *x, size_t bytes)
{
	/* Of an input the kernel took its block back when read() had emptied it */
	return x->dev->output ? fileio_send(x, x->data, bytes) : 0;
}

/* No system call waits for that */
static int fileio_drain(struct xfer *x)
{
	uint64_t last = 0, available, begin = now_ns();

	while (x->enabled) {
		available = iio_available(x->dev);
		if (available == x->at_rest)
			return 0;
		if (available != last)
			begin = now_ns();
		last = available;
		if (wait_stopped())
			return -EINTR;
		if (x->timeout_ms && now_ns() - begin > x->timeout_ms * NSEC_PER_MSEC)
			return xfer_no_data(x);
		usleep(DRAIN_US);
	}
	return 0;
}

static void fileio_close(struct xfer *x)
{
	xfer_disable(x);
	if (x->fd >= 0)
		close(x->fd);
	free(x->data);
}

const struct transport_ops fileio_ops = {
	.id = TR_FILEIO,
	.open = fileio_open,
	.get = fileio_get,
	.put = fileio_put,
	.drain = fileio_drain,
	.close = fileio_close,
};
