// SPDX-License-Identifier: GPL-2.0
#include "overflow.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bit 31 tells the driver that the core is meant, and not the converter behind it */
#define CORE		0x80000000u
#define VERSION		(CORE | 0x000)
#define UI_STATUS	(CORE | 0x088)
#define UI_OVF		(1u << 2)
#define UI_CLEAR	0x6u	/* and bit 1, as old cores have it; written as 1 */
#define UI_UNF		(1u << 0)

/* "compatible" is a list of words, each with a 0 behind it */
bool overflow_has_core(const struct iio_dev *dev)
{
	char path[SYSFS_PATH], list[256];
	ssize_t n, at;
	int fd;

	if (snprintf(path, sizeof(path), "%s/of_node/compatible", dev->dir) >=
	    (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, list, sizeof(list) - 1);
	close(fd);
	if (n < 0)
		return false;
	list[n] = '\0';
	for (at = 0; at < n; at += (ssize_t)strlen(list + at) + 1)
		if (!strncmp(list + at, "adi,axi-ad", strlen("adi,axi-ad")))
			return true;
	return false;
}

int overflow_open(const struct iio_dev *dev)
{
	char path[SYSFS_PATH];

	/* Other devices have other registers there, which are not ours to write */
	if (!overflow_has_core(dev) ||
	    snprintf(path, sizeof(path), "%s/sys/kernel/debug/iio/%s/direct_reg_access",
		     dev->root, dev->id) >= (int)sizeof(path))
		return -1;
	return open(path, O_RDWR | O_CLOEXEC);
}

static bool put(int fd, const char *text)
{
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Of the register that was written to, or chosen, last */
static bool get(int fd, uint32_t *val)
{
	char text[32], *end;
	ssize_t n;

	n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	*val = (uint32_t)strtoul(text, &end, 0);
	return end != text;
}

bool overflow_clear(int fd, bool output)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%x 0x%x", UI_STATUS,
		 output ? UI_UNF : UI_CLEAR);
	return put(fd, text);
}

enum overflow overflow_read(int fd, bool output)
{
	uint32_t val;

	if (!get(fd, &val))
		return OVERFLOW_UNKNOWN;
	return val & (output ? UI_UNF : UI_OVF) ? OVERFLOW_YES : OVERFLOW_NO;
}

uint32_t overflow_core_version(int fd)
{
	uint32_t val = 0;
	char text[16];

	snprintf(text, sizeof(text), "0x%x", VERSION);
	return put(fd, text) && get(fd, &val) ? val : 0;
}

void overflow_version_text(uint32_t version, char *text, size_t size)
{
	unsigned int patch = version & 0xff;
	int len;

	len = snprintf(text, size, "%u.%02u", version >> 16, version >> 8 & 0xff);
	if (patch && len >= 0 && (size_t)len < size)
		snprintf(text + len, size - (size_t)len, patch >= 'a' ? ".%c" : ".%u", patch);
}
