/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a device without hardware gets at the memory that it is given: it turns DMA addresses
 * back into pages, which works only where they are physical addresses in disguise.
 */
#ifndef _DUMMY_MEMORY_H
#define _DUMMY_MEMORY_H

#include <linux/device.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/mm.h>

#include "compat.h"

static inline int dummy_memory_init(struct device *dev)
{
	int ret;

#if defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_DEVICE) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU_ALL)
	/*
	 * The "hardware" is the CPU and sees what the caches hold. Without this, coherent
	 * memory would be mapped uncached for the client while the CPU writes to it through
	 * the cache.
	 */
	dev_set_dma_coherent(dev);
#endif
	if (get_dma_ops(dev) || device_iommu_mapped(dev))
		return dev_err_probe(dev, -EOPNOTSUPP,
				     "DMA addresses are not physical ones\n");

	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	dma_set_max_seg_size(dev, UINT_MAX);

	return 0;
}

/* What has no struct page cannot be reached by kmap: NULL. */
static inline struct page *dummy_memory_page(struct device *dev, dma_addr_t addr)
{
	unsigned long pfn = PHYS_PFN(dma_to_phys(dev, addr));

	return pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
}

#endif
