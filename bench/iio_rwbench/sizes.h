/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_SIZES_H
#define RWBENCH_SIZES_H

#include "iio.h"
#include "options.h"

/*
 * From samples to bytes: cfg->sizes of what is to be received from @dev, whose channels
 * are selected. Sizes that the program chose by itself are fitted to the device; those
 * that the user named are refused if they cannot be, with the nearest ones that can.
 */
int sizes_plan(struct cfg *cfg, const struct iio_dev *dev);

/* Bytes that a block has to be a multiple of */
uint64_t sizes_unit(const struct cfg *cfg, const struct iio_dev *dev);

#endif
