// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "exporter.h"

#include "error.h"
#include "uapi.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEAPS "dev/dma_heap"

static const char *heap_name(const char *name)
{
	return strncmp(name, "heap:", 5) ? NULL : name + 5;
}

static size_t add(char names[][EXPORTER_NAME], size_t n, size_t max,
		  const char *heap)
{
	char name[EXPORTER_NAME];
	size_t i;

	if (n == max || snprintf(name, sizeof(name), "heap:%s", heap) >=
			(int)sizeof(name))
		return n;
	for (i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return n;

	strcpy(names[n], name);
	return n + 1;
}

size_t exporter_candidates(const char *root, char names[][EXPORTER_NAME],
			   size_t max)
{
	char path[512];
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	n = add(names, n, max, "system");
	n = add(names, n, max, "linux,cma");

	/* CMA heaps carry the name of their region: reserved, default_cma_region */
	snprintf(path, sizeof(path), "%s/" HEAPS, root);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			n = add(names, n, max, entry->d_name);
	if (dir)
		closedir(dir);

	if (n < max)
		strcpy(names[n++], "udmabuf");
	return n;
}

int exporter_open(struct exporter *ex, const char *root, const char *name)
{
	const char *heap = heap_name(name);
	char path[512];

	snprintf(ex->name, sizeof(ex->name), "%s", name);
	if (heap)
		snprintf(path, sizeof(path), "%s/" HEAPS "/%s", root, heap);
	else
		snprintf(path, sizeof(path), "%s/dev/udmabuf", root);

	ex->fd = open(path, (heap ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	return ex->fd < 0 ? -errno : 0;
}

void exporter_close(struct exporter *ex)
{
	if (ex->fd >= 0)
		close(ex->fd);
	ex->fd = -1;
}

static int heap_alloc(int heap, uint64_t bytes, int *dmabuf)
{
	struct dma_heap_allocation_data req = {
		.len = bytes,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &req))
		return -errno;

	*dmabuf = (int)req.fd;
	return 0;
}

static int udmabuf_alloc(int dev, uint64_t bytes, int *dmabuf)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct udmabuf_create req = {
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = (bytes + page - 1) / page * page,
	};
	int memfd, ret = 0;

	memfd = memfd_create("iio_rwbench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0)
		return -errno;

	req.memfd = (__u32)memfd;
	if (ftruncate(memfd, (off_t)req.size) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		ret = -errno;
	if (!ret) {
		*dmabuf = ioctl(dev, UDMABUF_CREATE, &req);
		if (*dmabuf < 0)
			ret = -errno;
	}
	close(memfd);

	return ret;
}

int exporter_alloc(const struct exporter *ex, uint64_t bytes, int *dmabuf)
{
	return heap_name(ex->name) ? heap_alloc(ex->fd, bytes, dmabuf) :
				     udmabuf_alloc(ex->fd, bytes, dmabuf);
}

int exporter_open_failed(const char *root, const char *name, int err)
{
	char names[16][EXPORTER_NAME], there[512] = "";
	size_t i, n;

	if (err == -EACCES || err == -EPERM)
		return fail(ST_FAIL, "no permission to allocate from %s; run as root, or ask for access to its device node",
			    name);
	if (err != -ENOENT)
		return fail(ST_FAIL, "cannot open %s: %s", name, strerror(-err));

	n = exporter_candidates(root, names, 16);
	for (i = 0; i < n; i++) {
		struct exporter ex = { .fd = -1 };

		if (exporter_open(&ex, root, names[i]))
			continue;
		exporter_close(&ex);
		list_add(there, sizeof(there), "%s", names[i]);
	}
	return fail(ST_MISSING, "this kernel has no %s; %s%s", name,
		    *there ? "there is: " : "it needs CONFIG_DMABUF_HEAPS_SYSTEM or CONFIG_UDMABUF",
		    there);
}

int exporter_alloc_failed(const struct exporter *ex, uint64_t bytes, int err)
{
	const char *hint = "";

	if (err == -EINVAL && !heap_name(ex->name))
		hint = "; larger than the parameter size_limit_mb of udmabuf allows?";
	else if (err == -ENOMEM)
		hint = "; use fewer or smaller blocks (--blocks, -b)";

	return fail(ST_FAIL, "%s cannot allocate a block of %" PRIu64 " bytes: %s%s",
		    ex->name, bytes, strerror(-err), hint);
}
