/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_LAYOUT_H
#define RWBENCH_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the memory of DMABUFs lies: what a DMA engine without an IOMMU has to do */
struct layout {
	unsigned int dmabufs;
	uint64_t pages;
	uint64_t segments;	/* physically contiguous runs */
	uint64_t largest;	/* bytes of the largest of these */
	bool unknown;		/* of one DMABUF, and so of all: the others are 0 */
};

/* Adds a DMABUF. 0 or -errno; -EPERM for who must not know physical addresses */
int layout_add(struct layout *l, int dmabuf, size_t bytes);

/* Adds all that @other has */
void layout_sum(struct layout *l, const struct layout *other);

/* Adds the @n page frames of one DMABUF; for layout_add() and its test */
void layout_frames(struct layout *l, const uint64_t *frame, size_t n,
		   size_t page_bytes);

#endif
