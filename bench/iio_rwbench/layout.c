// SPDX-License-Identifier: GPL-2.0
#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Documentation/admin-guide/mm/pagemap.rst */
#define PM_PRESENT	(UINT64_C(1) << 63)
#define PM_FRAME	((UINT64_C(1) << 55) - 1)

void layout_frames(struct layout *l, const uint64_t *frame, size_t n,
		   size_t page_bytes)
{
	uint64_t run = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!i || frame[i] != frame[i - 1] + 1) {
			l->segments++;
			run = 0;
		}
		run += page_bytes;
		if (run > l->largest)
			l->largest = run;
	}
	l->pages += n;
	l->dmabufs++;
}

void layout_sum(struct layout *l, const struct layout *other)
{
	l->dmabufs += other->dmabufs;
	l->pages += other->pages;
	l->segments += other->segments;
	if (other->largest > l->largest)
		l->largest = other->largest;
	/* What is known of the others is no mean of all */
	if (l->unknown || other->unknown)
		*l = (struct layout){ .unknown = true };
}

static int read_frames(const void *at, uint64_t *frame, size_t n, size_t page)
{
	off_t offset = (off_t)((uintptr_t)at / page * sizeof(*frame));
	size_t want = n * sizeof(*frame), i;
	bool shown = false;
	ssize_t got;
	int fd;

	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = pread(fd, frame, want, offset);
	close(fd);
	if (got < 0 || (size_t)got != want)
		return got < 0 ? -errno : -EIO;

	for (i = 0; i < n; i++) {
		if (!(frame[i] & PM_PRESENT))
			return -ENODATA;
		frame[i] &= PM_FRAME;
		shown |= frame[i] != 0;
	}
	/* All are 0 to those who may not know them. One of them may really be. */
	return shown ? 0 : -EPERM;
}

int layout_add(struct layout *l, int dmabuf, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t n = (bytes + page - 1) / page, i;
	const volatile unsigned char *data;
	uint64_t *frame;
	int ret;

	frame = malloc(n * sizeof(*frame));
	if (!frame)
		return -ENOMEM;
	data = mmap(NULL, bytes, PROT_READ, MAP_SHARED, dmabuf, 0);
	if (data == MAP_FAILED) {
		ret = -errno;
		free(frame);
		return ret;
	}
	/* Some exporters map a page only when it is touched */
	for (i = 0; i < n; i++)
		(void)data[i * page];

	ret = read_frames((const void *)data, frame, n, page);
	if (!ret)
		layout_frames(l, frame, n, page);
	munmap((void *)data, bytes);
	free(frame);
	return ret;
}
