/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _DMA_DUMMY_H
#define _DMA_DUMMY_H

#include <linux/bits.h>
#include <linux/dmaengine.h>
#include <linux/types.h>

/* Keeps rate * NSEC_PER_SEC within 64 bits. */
#define DMA_DUMMY_MAX_RATE	BIT_ULL(33)

struct device;

int dma_dummy_add_consumer(struct device *dev);
int dma_dummy_set_rate(enum dma_transfer_direction dir, u64 rate);

#endif
