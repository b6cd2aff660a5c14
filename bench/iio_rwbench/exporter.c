// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "exporter.h"

#include "error.h"
#include "memory.h"
#include "sysfs.h"
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
#define HEAPS_IN_SYSFS "sys/class/dma_heap"
#define UDMABUF_LIMIT "module/udmabuf/parameters/size_limit_mb"
#define HUGE_PAGE (UINT64_C(2) << 20)

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21u << 26)
#endif

static const char *const udmabufs[] = {
	"udmabuf", "udmabuf:scattered", "udmabuf:thp", "udmabuf:huge", NULL,
};

static const char *heap_name(const char *name)
{
	return strncmp(name, "heap:", 5) ? NULL : name + 5;
}

bool exporter_name_valid(const char *name)
{
	const char *heap = heap_name(name);
	size_t i;

	if (strlen(name) >= EXPORTER_NAME)
		return false;
	if (heap)
		return *heap && !strchr(heap, '/');
	for (i = 0; udmabufs[i]; i++)
		if (!strcmp(name, udmabufs[i]))
			return true;
	return false;
}

bool exporter_has_cma(const char *name)
{
	const char *heap = heap_name(name);

	return heap && strncmp(heap, "system", 6);
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

static size_t add_all(char names[][EXPORTER_NAME], size_t n, size_t max, const char *root,
		      const char *heaps)
{
	char path[512];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", root, heaps);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			n = add(names, n, max, entry->d_name);
	if (dir)
		closedir(dir);
	return n;
}

size_t exporter_candidates(const char *root, char names[][EXPORTER_NAME],
			   size_t max)
{
	size_t n = 0;

	n = add(names, n, max, "system");
	n = add(names, n, max, "linux,cma");
	/* CMA heaps carry the name of their region: reserved, default_cma_region */
	n = add_all(names, n, max, root, HEAPS);

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

size_t exporter_there(const char *root, char names[][EXPORTER_NAME], size_t max)
{
	size_t i, n, there = 0;

	n = exporter_candidates(root, names, max);
	for (i = 0; i < n; i++) {
		struct exporter ex = { .fd = -1 };

		if (exporter_open(&ex, root, names[i]))
			continue;
		exporter_close(&ex);
		if (there != i)
			strcpy(names[there], names[i]);
		there++;
	}
	return there;
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

static bool is_variant(const char *name, const char *variant)
{
	const char *colon = strchr(name, ':');

	return colon && !strcmp(colon + 1, variant);
}

/*
 * Pages get their memory when they are touched first, and the kernel hands out
 * neighbours in turn. So all even pages first, then all odd ones.
 */
static void scatter(volatile char *data, uint64_t bytes, uint64_t page)
{
	uint64_t first, at;

	for (first = 0; first < 2; first++)
		for (at = first * page; at < bytes; at += 2 * page)
			data[at] = 0;
}

static int place_pages(int memfd, const char *name, uint64_t bytes, uint64_t page)
{
	char *data;

	data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (data == MAP_FAILED)
		return -errno;
	if (is_variant(name, "thp")) {
		madvise(data, bytes, MADV_HUGEPAGE);
		memset(data, 0, bytes);
	} else {
		scatter(data, bytes, page);
	}
	munmap(data, bytes);
	return 0;
}

static int udmabuf_alloc(int dev, const char *name, uint64_t bytes, int *dmabuf)
{
	bool huge = is_variant(name, "huge");
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t unit = huge ? HUGE_PAGE : page;
	struct udmabuf_create req = {
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = (bytes + unit - 1) / unit * unit,
	};
	int memfd, ret = 0;

	memfd = memfd_create("iio_rwbench", MFD_CLOEXEC | MFD_ALLOW_SEALING |
			     (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0u));
	if (memfd < 0)
		return -errno;

	req.memfd = (__u32)memfd;
	if (ftruncate(memfd, (off_t)req.size) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		ret = -errno;
	if (!ret && strchr(name, ':') && !huge)
		ret = place_pages(memfd, name, req.size, page);
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
				     udmabuf_alloc(ex->fd, ex->name, bytes, dmabuf);
}

/* The kernel has it, so that only its node is missing, as in containers */
static bool has_no_node(const char *root, const char *name)
{
	const char *heap = heap_name(name);
	char path[512];

	snprintf(path, sizeof(path), "%s/sys/class/%s/%s", root, heap ? "dma_heap" : "misc",
		 heap ? heap : "udmabuf");
	return !access(path, F_OK);
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

	if (has_no_node(root, name))
		return fail(ST_MISSING, "the kernel has %s, but its node is missing below /dev: udev or devtmpfs makes it, and a container has to be given it (--device)",
			    name);
	n = exporter_there(root, names, 16);
	for (i = 0; i < n; i++)
		list_add(there, sizeof(there), "%s", names[i]);
	return fail(ST_MISSING, "this kernel has no %s; %s%s", name,
		    *there ? "there is: " : "it needs CONFIG_DMABUF_HEAPS_SYSTEM or CONFIG_UDMABUF",
		    there);
}

int exporter_none_opened(const char *root)
{
	char names[16][EXPORTER_NAME];
	size_t i, n;

	n = exporter_candidates(root, names, 16);
	n = add_all(names, n, 16, root, HEAPS_IN_SYSFS);
	for (i = 0; i < n; i++) {
		struct exporter ex = { .fd = -1 };
		int ret = exporter_open(&ex, root, names[i]);

		exporter_close(&ex);
		/* That it is not there at all is the reason only if it is so of each */
		if ((ret && ret != -ENOENT) || has_no_node(root, names[i]))
			return exporter_open_failed(root, names[i], ret);
	}
	return exporter_open_failed(root, names[0], -ENOENT);
}

/* Why this kind of memory is not to be had, as far as files say it */
static void alloc_hint(const struct exporter *ex, const char *root, uint64_t bytes, int err,
		       char *hint, size_t size)
{
	char path[512];
	uint64_t val, val2;

	if (is_variant(ex->name, "huge")) {
		if (memory_info(root, "HugePages_Free:", &val) && val * HUGE_PAGE < bytes)
			snprintf(hint, size, "; %" PRIu64 " huge pages are free (echo N >/proc/sys/vm/nr_hugepages)",
				 val);
		else if (err == -EINVAL || err == -EBADFD)
			snprintf(hint, size, "; udmabuf takes the pool of huge pages from Linux 6.12 on");
		return;
	}
	if (err == -EINVAL && !heap_name(ex->name)) {
		snprintf(path, sizeof(path), "%s/sys/" UDMABUF_LIMIT, root);
		if (!sysfs_read_u64(path, &val) && bytes > val << 20)
			snprintf(hint, size, "; udmabuf allows %" PRIu64 " MiB (echo N >/sys/" UDMABUF_LIMIT ")",
				 val);
		return;
	}
	if (err != -ENOMEM)
		return;
	if (exporter_has_cma(ex->name) && memory_info(root, "CmaTotal:", &val) &&
	    memory_info(root, "CmaFree:", &val2))
		snprintf(hint, size, "; of %" PRIu64 " MiB of CMA %" PRIu64 " are free, not all in one piece: use smaller blocks (-b), or more CMA (cma= on the kernel's command line)",
			 val >> 10, val2 >> 10);
	else
		snprintf(hint, size, "; use fewer or smaller blocks (--blocks, -b)");
}

int exporter_alloc_failed(const struct exporter *ex, const char *root, uint64_t bytes, int err)
{
	char hint[320] = "";

	alloc_hint(ex, root, bytes, err, hint, sizeof(hint));
	return fail(ST_FAIL, "%s cannot allocate a block of %" PRIu64 " bytes: %s%s",
		    ex->name, bytes, strerror(-err), hint);
}
