// SPDX-License-Identifier: GPL-2.0
#include "gadget.h"

#include "error.h"
#include "uapi.h"
#include "wait.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX		"usb:"
#define CONFIGFS	"/sys/kernel/config/usb_gadget"
#define CONTROLLERS	"/sys/class/udc"
#define LOOK_MS		10

/* The descriptors, for each speed that a controller may have */

#define INTERFACE						\
	{							\
		.bLength = USB_DT_INTERFACE_SIZE,		\
		.bDescriptorType = USB_DT_INTERFACE,		\
		.bNumEndpoints = 1,				\
		.bInterfaceClass = USB_CLASS_VENDOR_SPEC,	\
	}

#define BULK_IN(packet)						\
	{							\
		.bLength = USB_DT_ENDPOINT_SIZE,		\
		.bDescriptorType = USB_DT_ENDPOINT,		\
		.bEndpointAddress = USB_DIR_IN | 1,		\
		.bmAttributes = USB_ENDPOINT_XFER_BULK,		\
		.wMaxPacketSize = htole16(packet),		\
	}

struct speed {
	struct usb_interface_descriptor interface;
	struct usb_endpoint_descriptor_no_audio in;
} __attribute__((packed));

static int write_descriptors(int ep0)
{
	const struct {
		struct usb_functionfs_descs_head_v2 head;
		__le32 full_count, high_count, super_count;
		struct speed full, high, super;
		struct usb_ss_ep_comp_descriptor companion;
	} __attribute__((packed)) descriptors = {
		.head = {
			.magic = htole32(FUNCTIONFS_DESCRIPTORS_MAGIC_V2),
			.length = htole32(sizeof(descriptors)),
			.flags = htole32(FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC |
					 FUNCTIONFS_HAS_SS_DESC),
		},
		.full_count = htole32(2),
		.high_count = htole32(2),
		.super_count = htole32(3),
		.full = { INTERFACE, BULK_IN(64) },
		.high = { INTERFACE, BULK_IN(512) },
		.super = { INTERFACE, BULK_IN(1024) },
		.companion = {
			.bLength = USB_DT_SS_EP_COMP_SIZE,
			.bDescriptorType = USB_DT_SS_ENDPOINT_COMP,
			.bMaxBurst = 15,
		},
	};
	const struct usb_functionfs_strings_head strings = {
		.magic = htole32(FUNCTIONFS_STRINGS_MAGIC),
		.length = htole32(sizeof(strings)),
	};

	if (write(ep0, &descriptors, sizeof(descriptors)) != sizeof(descriptors) ||
	    write(ep0, &strings, sizeof(strings)) != sizeof(strings))
		return -errno;
	return 0;
}

/* Which gadget is it? */

/* Of a line of mountinfo that is of a FunctionFS at @dir */
static bool source_in(const char *line, const char *dir, char *source, size_t size)
{
	char point[PATH_MAX], type[32];
	const char *rest = strstr(line, " - ");

	if (!rest || sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1 || strcmp(point, dir) ||
	    sscanf(rest, " - %31s", type) != 1 || strcmp(type, "functionfs"))
		return false;
	rest += strlen(" - functionfs ");
	snprintf(source, size, "%.*s", (int)strcspn(rest, " \n"), rest);
	return true;
}

static bool source_of(const char *root, const char *dir, char *source, size_t size)
{
	char path[SYSFS_PATH], line[PATH_MAX + 256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = source_in(line, dir, source, size);
	fclose(f);
	return found;
}

/* The instance is the function of one gadget, whose controller is in its file "UDC" */
static void find_gadget(struct gadget *g, const char *root, const char *source)
{
	char dir[SYSFS_PATH], function[2 * SYSFS_PATH + 512];
	const struct dirent *e;
	DIR *all;

	snprintf(dir, sizeof(dir), "%s" CONFIGFS, root);
	all = opendir(dir);
	while (all && (e = readdir(all))) {
		snprintf(function, sizeof(function), "%s/%s/functions/ffs.%s", dir, e->d_name,
			 source);
		if (e->d_name[0] == '.' || access(function, F_OK))
			continue;
		if (snprintf(g->udc_file, sizeof(g->udc_file), "%s/%s/UDC", dir, e->d_name) >=
		    (int)sizeof(g->udc_file))
			g->udc_file[0] = '\0';
	}
	if (all)
		closedir(all);
}

/* Which controller? */

static int choose_controller(const char *root, char *controller, size_t size)
{
	char path[SYSFS_PATH], list[256] = "";
	const struct dirent *e;
	unsigned int n = 0;
	DIR *all;

	snprintf(path, sizeof(path), "%s" CONTROLLERS, root);
	all = opendir(path);
	while (all && (e = readdir(all))) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		snprintf(controller, size, "%.60s", e->d_name);
		if (strlen(list) + strlen(e->d_name) + 3 < sizeof(list))
			list_add(list, sizeof(list), "%s", e->d_name);
	}
	if (all)
		closedir(all);
	if (!n)
		return fail(ST_MISSING, "this machine has no USB device controller that is ready to be one (" CONTROLLERS " is empty): load its driver, and see that its port is set to be a device (dr_mode)");
	if (n > 1)
		return fail(ST_USAGE, "this machine has several USB device controllers (%s): name one of them behind the folder, as in usb:DIR@CONTROLLER",
			    list);
	return 0;
}

/* Nothing undoes this but the kernel, when ep0 is closed */
static int write_controller(const struct gadget *g, const char *controller)
{
	int fd, ret = 0;

	fd = open(g->udc_file, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, controller, strlen(controller)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

static int bind_failed(const struct gadget *g, int err)
{
	if (err == -EBUSY)
		return fail(ST_FAIL, "the USB device controller %s has another gadget: take that one off it first (echo >" CONFIGFS "/GADGET/UDC)",
			    g->controller);
	return fail(ST_FAIL, "the gadget of %s cannot be given its controller (%s to %s): %s; is its function linked into a configuration, and are its other functions ready?",
		    g->name, g->controller, g->udc_file, strerror(-err));
}

static int bind_gadget(struct gadget *g, const char *root)
{
	char now[sizeof(g->controller)] = "";
	int ret = 0;

	/* Another place than configfs has made the gadget, and gives it its controller */
	if (!g->udc_file[0])
		return 0;
	/*
	 * Without our descriptors it cannot have one. The gadget has not noticed that the one
	 * that is named there has gone meanwhile.
	 */
	if (!sysfs_read(g->udc_file, now, sizeof(now)) && now[0])
		write_controller(g, "\n");
	if (!g->controller[0])
		ret = choose_controller(root, g->controller, sizeof(g->controller));
	if (ret)
		return ret;
	ret = write_controller(g, g->controller);
	return ret ? bind_failed(g, ret) : 0;
}

/* The host */

int gadget_look(int endpoint)
{
	struct usb_endpoint_descriptor desc = { .bLength = 0 };
	int flags = fcntl(endpoint, F_GETFL), err;

	/* Else it would wait for a host */
	fcntl(endpoint, F_SETFL, flags | O_NONBLOCK);
	err = ioctl(endpoint, FUNCTIONFS_ENDPOINT_DESC, &desc) ? errno : 0;
	fcntl(endpoint, F_SETFL, flags);
	if (err)
		return err;
	/* write() to any other would halt it, or is no stream */
	return desc.bEndpointAddress & USB_DIR_IN &&
	       (desc.bmAttributes & USB_ENDPOINT_XFERTYPE_MASK) == USB_ENDPOINT_XFER_BULK ?
	       0 : EPROTOTYPE;
}

void gadget_state(const struct gadget *g, const char *root, char *text, size_t size)
{
	char path[SYSFS_PATH], state[64];

	snprintf(path, sizeof(path), "%s" CONTROLLERS "/%s/state", root, g->controller);
	text[0] = '\0';
	if (g->controller[0] && !sysfs_read(path, state, sizeof(state)))
		snprintf(text, size, "; its controller %s says: %s", g->controller, state);
}

static int not_configured(const struct gadget *g, const char *root, int err, uint64_t timeout_ms)
{
	char state[160];

	if (err == ENOTTY)
		return fail(ST_USAGE, "%s is no endpoint of FunctionFS: name the folder where that is mounted, or a file ep1, ep2, ... of it",
			    g->name);
	if (err == EPROTOTYPE)
		return fail(ST_USAGE, "%s is no bulk endpoint to the host (IN): name one that is",
			    g->name);
	if (err != EAGAIN && err != ESHUTDOWN)
		return fail(ST_FAIL, "%s cannot be used: %s", g->name, strerror(err));
	gadget_state(g, root, state, sizeof(state));
	return fail(ST_FAIL, "no USB host has configured the gadget of %s within %g s%s: plug in the cable, and see that the gadget has a controller (in its file UDC)",
		    g->name, (double)timeout_ms / 1000, state);
}

static int wait_for_host(const struct gadget *g, const char *root, uint64_t timeout_ms)
{
	uint64_t begin = now_ns();
	int fd, err, ret = 0;

	fd = open(g->node, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail(ST_FAIL, "cannot open %s: %s%s", g->node, strerror(errno),
			    errno == ENODEV ? "; the program that has set up the gadget is gone" : "");
	while (((err = gadget_look(fd)) == EAGAIN || err == ESHUTDOWN) && !ret &&
	       (!timeout_ms || now_ns() - begin < timeout_ms * NSEC_PER_MSEC)) {
		if (wait_fd(-1, 0, LOOK_MS) == -EINTR)
			ret = fail(ST_FAIL, "ended early by signal %d", wait_signal());
	}
	close(fd);
	return !ret && err ? not_configured(g, root, err, timeout_ms) : ret;
}

static void learn_speed(struct gadget *g, const char *root)
{
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path), "%s" CONTROLLERS "/%s/current_speed", root, g->controller);
	if (!g->controller[0] || sysfs_read(path, g->speed, sizeof(g->speed)))
		g->speed[0] = '\0';
}

/* All of it */

bool gadget_is_meant(const char *name)
{
	return !strncmp(name, PREFIX, strlen(PREFIX));
}

void gadget_device(struct gadget *g, const char *name, struct iio_dev *dev)
{
	*g = (struct gadget){ .name = name, .ep0 = -1 };
	*dev = (struct iio_dev){
		.output = true, .gadget = g, .scan_bytes = 1, .length_align = 1,
	};
	snprintf(dev->name, sizeof(dev->name), "%s", name);
}

static int set_up(struct gadget *g, const char *root, const char *dir)
{
	char ep0[SYSFS_PATH];
	int ret;

	snprintf(ep0, sizeof(ep0), "%.*s0", (int)strlen(g->node) - 1, g->node);
	if (!access(g->node, F_OK))
		return fail(ST_FAIL, "another program has set up the gadget of %s: name one of its endpoints, such as %s/ep1, or stop it",
			    g->name, g->name);
	g->ep0 = open(ep0, O_RDWR | O_CLOEXEC);
	if (g->ep0 < 0)
		return fail(errno == ENOENT ? ST_USAGE : ST_FAIL, "cannot open %s: %s%s", ep0, strerror(errno),
			    errno == ENOENT ? "; mount FunctionFS there (mount -t functionfs NAME DIR, where the gadget has a function ffs.NAME)" : "");
	ret = write_descriptors(g->ep0);
	if (ret)
		return fail(ST_FAIL, "FunctionFS at %s does not take the descriptors of an endpoint: %s",
			    dir, strerror(-ret));
	return bind_gadget(g, root);
}

/* What stands behind "@", if that is not part of a name that exists */
static void split(struct gadget *g, char *path)
{
	char *at = strrchr(path, '@');

	if (!at || !access(path, F_OK))
		return;
	*at = '\0';
	snprintf(g->controller, sizeof(g->controller), "%.60s", at + 1);
}

int gadget_open(struct gadget *g, const char *root, uint64_t timeout_ms)
{
	const char *name = g->name;
	char given[PATH_MAX], path[PATH_MAX], source[256];
	struct stat st;
	bool own;
	int ret = 0;

	snprintf(given, sizeof(given), "%s", name + strlen(PREFIX));
	split(g, given);
	if (!realpath(given, path) || stat(path, &st))
		return fail(ST_USAGE, "%s: %s; name the folder where FunctionFS is mounted, or an endpoint in it",
			    name, strerror(errno));
	own = S_ISDIR(st.st_mode);
	if (snprintf(g->node, sizeof(g->node), "%s%s", path, own ? "/ep1" : "") >=
	    (int)sizeof(g->node))
		return fail(ST_USAGE, "%s: the path is too long", name);
	if (!own)
		*strrchr(path, '/') = '\0';
	if (source_of(root, path, source, sizeof(source)))
		find_gadget(g, root, source);
	if (own)
		ret = set_up(g, root, path);
	else if (g->udc_file[0])
		sysfs_read(g->udc_file, g->controller, sizeof(g->controller));
	if (!ret)
		ret = wait_for_host(g, root, timeout_ms);
	if (!ret)
		learn_speed(g, root);
	return ret;
}

void gadget_close(struct gadget *g)
{
	if (g->ep0 >= 0)
		close(g->ep0);
	g->ep0 = -1;
}
