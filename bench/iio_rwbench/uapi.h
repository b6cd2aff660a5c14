/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel interfaces in use. The DMABUF calls of IIO and FunctionFS are newer than
 * the headers of the distributions that this has to build on.
 */
#ifndef RWBENCH_UAPI_H
#define RWBENCH_UAPI_H

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/iio/buffer.h>
#include <linux/ioctl.h>
#include <linux/sync_file.h>
#include <linux/types.h>
#include <linux/udmabuf.h>
#include <linux/usb/functionfs.h>

#ifndef IIO_BUFFER_DMABUF_ATTACH_IOCTL
struct iio_dmabuf {
	__u32 fd;
	__u32 flags;
	__u64 bytes_used;
};

#define IIO_BUFFER_DMABUF_ATTACH_IOCTL		_IOW('i', 0x92, int)
#define IIO_BUFFER_DMABUF_DETACH_IOCTL		_IOW('i', 0x93, int)
#define IIO_BUFFER_DMABUF_ENQUEUE_IOCTL		_IOW('i', 0x94, struct iio_dmabuf)
#endif

#ifndef IIO_BUFFER_DMABUF_CYCLIC
#define IIO_BUFFER_DMABUF_CYCLIC		(1 << 0)
#endif

#ifndef FUNCTIONFS_DMABUF_ATTACH
struct usb_ffs_dmabuf_transfer_req {
	int fd;
	__u32 flags;
	__u64 length;
} __attribute__((packed));

#define FUNCTIONFS_DMABUF_ATTACH		_IOW('g', 131, int)
#define FUNCTIONFS_DMABUF_DETACH		_IOW('g', 132, int)
#define FUNCTIONFS_DMABUF_TRANSFER		_IOW('g', 133, struct usb_ffs_dmabuf_transfer_req)
#endif

#endif
