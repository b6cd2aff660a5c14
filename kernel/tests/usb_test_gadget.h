/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A gadget of FunctionFS with one bulk endpoint of each direction, on the dummy USB device
 * controller, whose built-in host takes and sends a running counter.
 */
#ifndef __USB_TEST_GADGET_H
#define __USB_TEST_GADGET_H

#include "iio_test_util.h"

#include <endian.h>
#include <sys/mount.h>

#include <linux/usb/functionfs.h>

#ifndef FUNCTIONFS_DMABUF_ATTACH
struct usb_ffs_dmabuf_transfer_req {
	int fd;
	__u32 flags;
	__u64 length;
} __attribute__((packed));

#define FUNCTIONFS_DMABUF_ATTACH	_IOW('g', 131, int)
#define FUNCTIONFS_DMABUF_DETACH	_IOW('g', 132, int)
#define FUNCTIONFS_DMABUF_TRANSFER	_IOW('g', 133, struct usb_ffs_dmabuf_transfer_req)
#endif

/* ------------------------------------------- levers of the dummy controller */

#define UDC		"udc-dummy"
#define UDC_DIR		"/sys/kernel/debug/" UDC "/"
#define UDC_DRIVER	"/sys/bus/platform/drivers/" UDC "/"
#define UDC_DEFAULT_RATE	400000000

static inline int udc_set(const char *name, unsigned long long val)
{
	return lever_set(UDC_DIR, name, val);
}

static inline long long udc_get(const char *name)
{
	return lever_get(UDC_DIR, name);
}

static inline void udc_reset(void)
{
	static const char * const faults[] = {
		"hold", "delay_us", "refuse", "fail", "short_bytes",
		"ep1in/manual", "ep1out/manual", "ep2in/manual", "ep2out/manual",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++)
		udc_set(faults[i], 0);
	udc_set("rate", UDC_DEFAULT_RATE);
	udc_set("check", 4);
	udc_set("connected", 1);
}

/* "not attached", "configured", and some between them */
static inline bool udc_state_is(const char *state)
{
	char text[32] = "";

	file_read("/sys/class/udc/" UDC "/state", text, sizeof(text));

	return !strcmp(text, state);
}

/* ------------------------------------------ a program in the place of its host */

/* The host's end of an endpoint such as "ep1in", until host_close() */
static inline int host_open(const char *ep)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/manual", ep);
	if (udc_set(path, 1))
		return -1;
	snprintf(path, sizeof(path), UDC_DIR "%s/data", ep);

	return open(path, (strstr(ep, "in") ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
}

static inline void host_close(const char *ep, int fd)
{
	char path[64];

	if (fd >= 0)
		close(fd);
	snprintf(path, sizeof(path), "%s/manual", ep);
	udc_set(path, 0);
}

static inline int host_control_to(int fd, const struct usb_ctrlrequest *request,
				  void *data, size_t len)
{
	bool in = request->bRequestType & USB_DIR_IN;
	size_t size = sizeof(*request) + (in ? 0 : len);
	char *text = malloc(size);
	ssize_t ret;

	if (!text)
		return -1;
	memcpy(text, request, sizeof(*request));
	if (!in)
		memcpy(text + sizeof(*request), data, len);
	ret = write(fd, text, size);
	free(text);
	if (ret < 0)
		return -1;

	return in ? read(fd, data, len) : 0;
}

/* A control request to interface 0. Returns the number of bytes that it has brought, or -1. */
static inline int host_control(__u8 type, __u8 request, __u16 value, void *data,
			       __u16 len)
{
	const struct usb_ctrlrequest ctrl = {
		.bRequestType = type,
		.bRequest = request,
		.wValue = htole16(value),
		.wLength = htole16(len),
	};
	int fd, ret, err;

	fd = open(UDC_DIR "control", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = host_control_to(fd, &ctrl, data, len);
	err = errno;
	close(fd);
	errno = err;

	return ret;
}

/* --------------------------------------------------------------- FunctionFS */

#define GADGET_DIR	"/sys/kernel/config/usb_gadget/iio-test"
#define GADGET_FUNCTION	GADGET_DIR "/functions/ffs.iio-test"
#define GADGET_CONFIG	GADGET_DIR "/configs/c.1"
#define GADGET_MOUNT	"/tmp/iio-test-ffs"

struct gadget {
	int ep0;
	int in;		/* to the host */
	int out;	/* from the host */
};

static const struct gadget gadget_closed = { -1, -1, -1 };

#define BULK_ENDPOINT(_address)					\
	{							\
		.bLength = USB_DT_ENDPOINT_SIZE,		\
		.bDescriptorType = USB_DT_ENDPOINT,		\
		.bEndpointAddress = _address,			\
		.bmAttributes = USB_ENDPOINT_XFER_BULK,		\
		.wMaxPacketSize = htole16(1024),		\
	}

#define ENDPOINT_COMPANION					\
	{							\
		.bLength = USB_DT_SS_EP_COMP_SIZE,		\
		.bDescriptorType = USB_DT_SS_ENDPOINT_COMP,	\
		.bMaxBurst = 15,				\
	}

static inline int gadget_write_descriptors(int ep0)
{
	const struct {
		struct usb_functionfs_descs_head_v2 head;
		__le32 count;
		struct usb_interface_descriptor interface;
		struct usb_endpoint_descriptor_no_audio in;
		struct usb_ss_ep_comp_descriptor in_companion;
		struct usb_endpoint_descriptor_no_audio out;
		struct usb_ss_ep_comp_descriptor out_companion;
	} __attribute__((packed)) descriptors = {
		.head = {
			.magic = htole32(FUNCTIONFS_DESCRIPTORS_MAGIC_V2),
			.length = htole32(sizeof(descriptors)),
			.flags = htole32(FUNCTIONFS_HAS_SS_DESC),
		},
		.count = htole32(5),
		.interface = {
			.bLength = USB_DT_INTERFACE_SIZE,
			.bDescriptorType = USB_DT_INTERFACE,
			.bNumEndpoints = 2,
			.bInterfaceClass = USB_CLASS_VENDOR_SPEC,
		},
		.in = BULK_ENDPOINT(1 | USB_DIR_IN),
		.in_companion = ENDPOINT_COMPANION,
		.out = BULK_ENDPOINT(2 | USB_DIR_OUT),
		.out_companion = ENDPOINT_COMPANION,
	};
	const struct usb_functionfs_strings_head strings = {
		.magic = htole32(FUNCTIONFS_STRINGS_MAGIC),
		.length = htole32(sizeof(strings)),
	};

	if (write(ep0, &descriptors, sizeof(descriptors)) != sizeof(descriptors) ||
	    write(ep0, &strings, sizeof(strings)) != sizeof(strings))
		return -1;

	return 0;
}

static inline int gadget_bind(void)
{
	return file_write(GADGET_DIR "/UDC", UDC);
}

static inline int gadget_unbind(void)
{
	return file_write(GADGET_DIR "/UDC", "\n");
}

static inline void gadget_close(struct gadget *g)
{
	if (g->in >= 0)
		close(g->in);
	if (g->out >= 0)
		close(g->out);
	if (g->ep0 >= 0)
		close(g->ep0);
	*g = gadget_closed;
}

/* Also what another process has left behind that did not live to do this itself */
static inline void gadget_remove(struct gadget *g)
{
	gadget_unbind();
	gadget_close(g);
	unlink(GADGET_CONFIG "/ffs.iio-test");
	umount(GADGET_MOUNT);
	rmdir(GADGET_MOUNT);
	rmdir(GADGET_CONFIG);
	rmdir(GADGET_FUNCTION);
	rmdir(GADGET_DIR);
}

/* One that has a function, which nobody has said anything about yet. */
static inline int gadget_prepare(struct gadget *g)
{
	*g = gadget_closed;
	gadget_remove(g);

	return mkdir(GADGET_DIR, 0755) ||
	       file_write(GADGET_DIR "/idVendor", "0x1d6b") ||
	       file_write(GADGET_DIR "/idProduct", "0x0104") ||
	       mkdir(GADGET_CONFIG, 0755) || mkdir(GADGET_FUNCTION, 0755) ||
	       mkdir(GADGET_MOUNT, 0755) ||
	       mount("iio-test", GADGET_MOUNT, "functionfs", 0, NULL) ? -1 : 0;
}

/* Returns 0 when the host has configured it. */
static inline int gadget_create(struct gadget *g)
{
	if (gadget_prepare(g))
		return -1;

	g->ep0 = open(GADGET_MOUNT "/ep0", O_RDWR | O_CLOEXEC);
	if (g->ep0 < 0 || gadget_write_descriptors(g->ep0))
		return -1;
	g->in = open(GADGET_MOUNT "/ep1", O_RDWR | O_CLOEXEC);
	g->out = open(GADGET_MOUNT "/ep2", O_RDWR | O_CLOEXEC);
	if (g->in < 0 || g->out < 0 ||
	    symlink(GADGET_FUNCTION, GADGET_CONFIG "/ffs.iio-test") ||
	    gadget_bind())
		return -1;

	return wait_until(udc_state_is("configured"), WAIT_MS) ? 0 : -1;
}

static inline int ffs_attach(int ep, int dmabuf)
{
	return ioctl(ep, FUNCTIONFS_DMABUF_ATTACH, &dmabuf);
}

static inline int ffs_detach(int ep, int dmabuf)
{
	return ioctl(ep, FUNCTIONFS_DMABUF_DETACH, &dmabuf);
}

static inline int ffs_transfer_flags(int ep, int dmabuf, __u64 length,
				     __u32 flags)
{
	struct usb_ffs_dmabuf_transfer_req req = {
		.fd = dmabuf,
		.flags = flags,
		.length = length,
	};

	return ioctl(ep, FUNCTIONFS_DMABUF_TRANSFER, &req);
}

static inline int ffs_transfer(int ep, int dmabuf, __u64 length)
{
	return ffs_transfer_flags(ep, dmabuf, length, 0);
}

/* ----------------------------------------------------------------- fixtures */

/* The controller without faults, and a gadget that the host has configured */
static inline void gadget_setup(struct __test_metadata *_metadata,
				struct gadget *g)
{
	if (access(UDC_DIR "hold", W_OK))
		SKIP_SETUP("no " UDC);

	/* DMA_API_DEBUG reports one error and no more: one for each test */
	file_write("/sys/kernel/debug/dma-api/num_errors", "1");
	merged_reset();
	udc_reset();
	ASSERT_EQ(0, gadget_create(g)) {
		TH_LOG("no gadget: %s", strerror(errno));
	}
}

static inline void gadget_teardown(struct gadget *g)
{
	udc_reset();
	gadget_remove(g);
}

#endif /* __USB_TEST_GADGET_H */
