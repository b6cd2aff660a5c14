// SPDX-License-Identifier: GPL-2.0
/* The buffer of an IIO device, on and off, and with DMABUFs */
#include "transport.h"

#include "error.h"
#include "uapi.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>

static int open_buffer(struct xfer *x, unsigned int blocks)
{
	int ret;

	ret = iio_open_buffer(x->dev, &x->fd);
	return ret ? ret : iio_set_block(x->dev, x->block_bytes / x->dev->scan_bytes, blocks);
}

static int enable(struct xfer *x)
{
	int ret;

	if (iio_is_enabled(x->dev))
		return fail(ST_FAIL, "another process has enabled the buffer of %s meanwhile; stop it, and try again",
			    x->dev->name);
	iio_watch_prepare(x->dev, &x->watch);
	ret = iio_enable(x->dev, x->block_bytes);
	if (ret)
		iio_watch_end(&x->watch);
	else
		iio_watch_begin(&x->watch);
	return ret;
}

static int disable(struct xfer *x)
{
	iio_watch_end(&x->watch);
	return iio_disable(x->dev);
}

static int check(const struct xfer *x, bool failed)
{
	int ret;

	ret = failed ? iio_check_there(x->dev) : iio_check_enabled(x->dev);
	return ret ? ret : iio_watch_check(x->dev, &x->watch);
}

static int enqueue(const struct xfer *x, int dmabuf, size_t bytes)
{
	struct iio_dmabuf req = {
		.fd = (__u32)dmabuf,
		.flags = x->cfg->cyclic ? IIO_BUFFER_DMABUF_CYCLIC : 0,
		.bytes_used = bytes,
	};

	return ioctl(x->fd, IIO_BUFFER_DMABUF_ENQUEUE_IOCTL, &req);
}

static int attach_failed(const struct xfer *x, int err)
{
	const char *dev = x->dev->name;

	switch (-err) {
	case EPERM:
		return fail(ST_MISSING, "the buffer of %s cannot do DMABUFs: its buffer type or its DMA engine lacks support; use --transport=fileio",
			    dev);
	case ENOTTY: case EINVAL: case ENOSYS:
		return fail(ST_MISSING, "this kernel has no DMABUF interface for IIO buffers; use --transport=fileio, or a kernel with the patches or 6.11 and newer");
	case ENODEV:
		return fail(ST_FAIL, "%s went away", dev);
	case EBUSY:
		return fail(ST_FAIL, "the buffer of %s is busy with file I/O or with another transfer",
			    dev);
	case EIO: case EFAULT: case ENOSPC:
		return fail(ST_FAIL, "%s cannot map a block of %zu bytes from %s: %s; its DMA controller may not reach that memory (above 4 GiB, with 32 address bits), or the bounce buffers are full (swiotlb=); try another --exporter",
			    dev, x->block_bytes, x->exporter.name, strerror(-err));
	default:
		return fail(ST_FAIL, "%s cannot map a block of %zu bytes from %s: %s; try another --exporter or fewer blocks",
			    dev, x->block_bytes, x->exporter.name, strerror(-err));
	}
}

static int enqueue_failed(const struct xfer *x, int err)
{
	/* Engines that do not know the flag refuse it in several ways */
	if (x->cfg->cyclic && (err == -EINVAL || err == -EOPNOTSUPP || err == -ENOMEM))
		return fail(ST_MISSING, "%s cannot repeat a block by itself: its DMA engine or this kernel lacks support (%s); use --transport=fileio, where this program repeats it",
			    x->dev->name, strerror(-err));
	switch (-err) {
	case EINVAL:
		return fail(ST_FAIL, "%s refuses transfers of %zu bytes: its DMA engine needs another length (length_align_bytes is %" PRIu64 ")",
			    x->dev->name, x->block_bytes, x->dev->length_align);
	case ENOMEM:
		return fail(ST_FAIL, "the DMA engine of %s did not take a transfer of %zu bytes; use smaller blocks",
			    x->dev->name, x->block_bytes);
	case EBUSY:
		return fail(ST_FAIL, "%s never finished with a block that it took: the kernel refused an earlier transfer without saying so",
			    x->dev->name);
	case ENODEV:
		return fail(ST_FAIL, "%s went away", x->dev->name);
	default:
		return fail(ST_FAIL, "ENQUEUE of %zu bytes on %s: %s",
			    x->block_bytes, x->dev->name, strerror(-err));
	}
}

static int no_data(const struct xfer *x)
{
	char rate[96];

	if (iio_check_enabled(x->dev))
		return ST_FAIL;
	iio_rate_text(x->dev, rate, sizeof(rate));
	if (x->dev->output)
		return fail(ST_FAIL, "%s has not sent a block for %g s (%s): is it running at the rate you mean (%s), and does it need a trigger (-t)?",
			    x->dev->name, (double)x->timeout_ms / 1000,
			    transport_name(x->ops->id), rate);
	return fail(ST_FAIL, "no data from %s for %g s (%s): is it running at the rate you mean (%s), and does it need a trigger (-t)?",
		    x->dev->name, (double)x->timeout_ms / 1000,
		    transport_name(x->ops->id), rate);
}

const struct port_ops iio_port = {
	.attach = IIO_BUFFER_DMABUF_ATTACH_IOCTL,
	.detach = IIO_BUFFER_DMABUF_DETACH_IOCTL,
	.open = open_buffer,
	.enable = enable,
	.disable = disable,
	.enqueue = enqueue,
	.check = check,
	.attach_failed = attach_failed,
	.enqueue_failed = enqueue_failed,
	.no_data = no_data,
};
