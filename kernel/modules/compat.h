/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels these modules build for, and nothing else.
 * In a kernel's own tree this file goes away.
 */
#ifndef _DMA_DUMMY_COMPAT_H
#define _DMA_DUMMY_COMPAT_H

#if !defined(HAVE_PERIPHERAL_DMA_VEC)
#error "This kernel has no DMA vectors: apply the patch series first."
#endif

/* In the series only. */
#if defined(HAVE_DESC_SET_LEN)
#define dma_device_offer_reuse(dma, set_len)			\
	do {							\
		(dma)->device_desc_set_len = (set_len);		\
		(dma)->descriptor_reuse = true;			\
	} while (0)
#else
#define dma_device_offer_reuse(dma, set_len) do { } while (0)
#endif

#endif
