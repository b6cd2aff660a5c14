// SPDX-License-Identifier: GPL-2.0
/*
 * An endpoint to a USB host. It is on as long as the host has configured the gadget, and takes
 * whatever it gets: there is nothing to enable. Its TRANSFER waits in the kernel for the fence
 * of who fills the block, as ENQUEUE does, and without a time limit for a host.
 */
#include "transport.h"

#include "error.h"
#include "gadget.h"
#include "uapi.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LOOK_MS 500	/* a host that is not there is noticed so late, or twice that */

static const struct gadget *gadget_of(const struct xfer *x)
{
	return x->dev->gadget;
}

static int open_endpoint(struct xfer *x, unsigned int blocks)
{
	(void)blocks;
	x->fd = open(gadget_of(x)->node, O_RDWR | O_CLOEXEC);
	return x->fd < 0 ? fail(ST_FAIL, "cannot open %s: %s", gadget_of(x)->node,
				strerror(errno)) : 0;
}

static int enable(struct xfer *x)
{
	(void)x;
	return 0;
}

static int disable(struct xfer *x)
{
	(void)x;
	wait_guard(0, 0);
	return 0;
}

static int host_is_gone(const struct xfer *x)
{
	char state[160];

	gadget_state(gadget_of(x), x->cfg->root, state, sizeof(state));
	return fail(ST_FAIL, "the USB host of %s has gone%s: plug in the cable, or give the gadget its controller again, and start anew",
		    x->dev->name, state);
}

static int check(const struct xfer *x, bool failed)
{
	(void)failed;
	return gadget_look(x->fd) ? host_is_gone(x) : 0;
}

static int no_data(const struct xfer *x)
{
	if (check(x, true))
		return ST_FAIL;
	return fail(ST_FAIL, "the USB host of %s has not taken a block for %g s (%s): does a program there read from the endpoint?",
		    x->dev->name, (double)x->timeout_ms / 1000, transport_name(x->ops->id));
}

static int enqueue(const struct xfer *x, int dmabuf, size_t bytes)
{
	struct usb_ffs_dmabuf_transfer_req req = {
		.fd = dmabuf,
		.length = bytes,
	};
	int ret;

	wait_guard(LOOK_MS, x->mark);
	ret = ioctl(x->fd, FUNCTIONFS_DMABUF_TRANSFER, &req);
	if (ret && errno == EINTR && wait_late())
		errno = gadget_look(x->fd) ? ESHUTDOWN : EINTR;
	return ret;
}

/* What is interrupted is lost for the host in part, so there is no other time limit */
static int write_out(struct xfer *x, const void *data, size_t bytes)
{
	const char *p = data;
	ssize_t n;

	while (bytes) {
		wait_guard(x->timeout_ms, x->mark);
		n = write(x->fd, p, bytes);
		x->syscalls++;
		if (n < 0 && errno == EINTR)
			return wait_stopped() ? -EINTR : no_data(x);
		if (n < 0 && errno == ESHUTDOWN)
			return host_is_gone(x);
		if (n < 0)
			return fail(ST_FAIL, "write to %s: %s%s", x->dev->name, strerror(errno),
				    errno == ENOMEM ? "; FunctionFS takes the memory for each write() anew: use smaller blocks" : "");
		p += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int attach_failed(const struct xfer *x, int err)
{
	const struct gadget *g = gadget_of(x);

	switch (-err) {
	case EPERM:
		/* FunctionFS says so without a controller, too */
		if (check(x, true))
			return ST_FAIL;
		return fail(ST_MISSING, "the USB device controller %s of %s does not take lists of memory (scatter-gather), which FunctionFS demands for DMABUFs; use --transport=fileio",
			    g->controller, g->name);
	case ENOTTY:
		return fail(ST_MISSING, "FunctionFS of this kernel has no DMABUFs; use --transport=fileio, or a kernel of 6.9 and newer");
	case ESHUTDOWN: case EAGAIN:
		return host_is_gone(x);
	default:
		return fail(ST_FAIL, "the USB device controller %s cannot map a block of %zu bytes from %s: %s; try another --exporter or fewer blocks",
			    g->controller, x->block_bytes, x->exporter.name, strerror(-err));
	}
}

static int enqueue_failed(const struct xfer *x, int err)
{
	switch (-err) {
	case ESHUTDOWN: case ENODEV: case EAGAIN:
		return host_is_gone(x);
	case ENOMEM:
		return fail(ST_FAIL, "the USB device controller %s did not take a transfer of %zu bytes; use smaller blocks",
			    gadget_of(x)->controller, x->block_bytes);
	default:
		return fail(ST_FAIL, "a transfer of %zu bytes to %s: %s", x->block_bytes,
			    x->dev->name, strerror(-err));
	}
}

const struct port_ops usb_port = {
	.attach = FUNCTIONFS_DMABUF_ATTACH,
	.detach = FUNCTIONFS_DMABUF_DETACH,
	.open = open_endpoint,
	.enable = enable,
	.disable = disable,
	.enqueue = enqueue,
	.write = write_out,
	.check = check,
	.attach_failed = attach_failed,
	.enqueue_failed = enqueue_failed,
	.no_data = no_data,
};
