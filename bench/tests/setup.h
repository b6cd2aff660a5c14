/* SPDX-License-Identifier: GPL-2.0 */
/* A run on the fake kernel: what every test of one begins and ends with */
#ifndef RWBENCH_SETUP_H
#define RWBENCH_SETUP_H

#include "options.h"
#include "iio.h"

#define BLOCK 4096

/* A kernel and a device as new, and settings for short benchmarks on it */
void fresh_setup(const char *root, struct iio_dev *dev, struct cfg *cfg);

/* Checks that the program kept the rules, and gave everything back */
void nothing_left(struct iio_dev *dev);

#endif
