/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels these modules build for, and nothing else.
 * In a kernel's own tree this file goes away.
 */
#ifndef _DMA_DUMMY_COMPAT_H
#define _DMA_DUMMY_COMPAT_H

/* Up to v6.11 it is another header. */
#if defined(HAVE_LINUX_UNALIGNED)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
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
#define dmaengine_desc_set_len(desc, len)	((void)(len), -EOPNOTSUPP)
#endif

/* Where there are only input buffers nobody asks for the direction. */
#if !defined(HAVE_DMAENGINE_OUTPUT)
#define devm_iio_dmaengine_buffer_setup_ext(dev, indio_dev, channel, dir) \
	devm_iio_dmaengine_buffer_setup(dev, indio_dev, channel)
#endif

/* Up to v6.13 it returns an error or 0. */
#if !defined(HAVE_CLAIM_DIRECT)
#define iio_device_claim_direct(indio_dev)	(!iio_device_claim_direct_mode(indio_dev))
#define iio_device_release_direct(indio_dev)	iio_device_release_direct_mode(indio_dev)
#endif

/* Up to v7.1 it is a member. */
#if !defined(HAVE_SET_DMA_COHERENT)
#define dev_set_dma_coherent(dev)		((dev)->dma_coherent = true)
#endif

/* What MODULE_IMPORT_NS() is since v6.13; before, it took the name without quotes. */
#define IMPORT_NAMESPACE(ns)	MODULE_INFO(import_ns, ns)

#endif
