/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What takes DMABUFs, and bytes, of a transfer: the buffer of an IIO device, or an endpoint
 * of FunctionFS. Both have the same three ioctls, by other names.
 */
#ifndef RWBENCH_PORT_H
#define RWBENCH_PORT_H

#include <stdbool.h>
#include <stddef.h>

struct xfer;

struct port_ops {
	unsigned long attach, detach;	/* ioctls of x->fd that take the descriptor of a DMABUF */

	/* To x->fd, for so many blocks. 0 or a status of error.h, as all that follow */
	int (*open)(struct xfer *x, unsigned int blocks);
	int (*enable)(struct xfer *x);
	int (*disable)(struct xfer *x);

	/* Hands over a DMABUF. 0, or -1 and errno */
	int (*enqueue)(const struct xfer *x, int dmabuf, size_t bytes);

	/*
	 * A write() that returns when all of it is out, as put() of transport_ops. NULL: the
	 * kernel keeps it in blocks that poll() waits for
	 */
	int (*write)(struct xfer *x, const void *data, size_t bytes);

	/* Is it still ours, and on? If not, why not. @failed: something else has failed */
	int (*check)(const struct xfer *x, bool failed);

	/* The sentences */
	int (*attach_failed)(const struct xfer *x, int err);
	int (*enqueue_failed)(const struct xfer *x, int err);
	int (*no_data)(const struct xfer *x);
};

extern const struct port_ops iio_port;
extern const struct port_ops usb_port;

#endif
