/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_EXPORTER_H
#define RWBENCH_EXPORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPORTER_NAME 64

/* Where the memory of a DMABUF comes from */
struct exporter {
	char name[EXPORTER_NAME];	/* heap:system, udmabuf */
	int fd;
};

/*
 * heap:NAME, or a file in memory made into a DMABUF: udmabuf, udmabuf:scattered
 * (no two pages of it side by side), udmabuf:thp (transparent huge pages, where
 * sysfs allows them) and udmabuf:huge (of the pool of huge pages).
 */
bool exporter_name_valid(const char *name);

/* Heaps other than those of pages: system, and what vendors derive from it */
bool exporter_has_cma(const char *name);

/* What may be tried, best first. Returns how many. */
size_t exporter_candidates(const char *root, char names[][EXPORTER_NAME],
			   size_t max);

/* Of these, the ones that this machine has */
size_t exporter_there(const char *root, char names[][EXPORTER_NAME], size_t max);

/* 0 or -errno */
int exporter_open(struct exporter *ex, const char *root, const char *name);
int exporter_alloc(const struct exporter *ex, uint64_t bytes, int *dmabuf);
void exporter_close(struct exporter *ex);

/* A status of error.h, with a sentence on why @err came of opening @name */
int exporter_open_failed(const char *root, const char *name, int err);
int exporter_alloc_failed(const struct exporter *ex, const char *root, uint64_t bytes, int err);

/* The same when none could be opened that may be tried */
int exporter_none_opened(const char *root);

#endif
