/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An endpoint to a USB host, by FunctionFS. "usb:DIR" is a mounted instance of it, to which
 * nobody has written descriptors yet: the gadget gets a vendor's interface with one bulk IN
 * endpoint, and its controller if it has none. "usb:DIR/epN" is an endpoint of a gadget that
 * another program has set up.
 */
#ifndef RWBENCH_GADGET_H
#define RWBENCH_GADGET_H

#include "iio.h"
#include "sysfs.h"

#include <stdbool.h>
#include <stdint.h>

struct gadget {
	const char *name;		/* as the user has it */
	char node[SYSFS_PATH];		/* of the endpoint */
	char udc_file[SYSFS_PATH];	/* of the gadget in configfs; empty: it is not known */
	char controller[64];
	char speed[32];
	int ep0;			/* -1: another program has it */
};

bool gadget_is_meant(const char *name);

/*
 * Returns when a host has configured the gadget, or a status of error.h. @timeout_ms 0 waits
 * for it for ever. All is undone with gadget_close(), or by the kernel when the process ends.
 */
int gadget_open(struct gadget *g, const char *root, uint64_t timeout_ms);
void gadget_close(struct gadget *g);

/*
 * @dev is where the samples of a relay go, @name of the user, and takes any number of bytes.
 * For before gadget_open(), as the other settings are made meanwhile.
 */
void gadget_device(struct gadget *g, const char *name, struct iio_dev *dev);

/* Of an open endpoint: 0, or the errno that says why nothing can be sent to a host */
int gadget_look(int endpoint);

/* "; its controller udc-dummy says: not attached", or nothing */
void gadget_state(const struct gadget *g, const char *root, char *text, size_t size);

#endif
