/* SPDX-License-Identifier: GPL-2.0 */
/* A run on the fake kernel: what every test of one begins and ends with */
#ifndef RWBENCH_SETUP_H
#define RWBENCH_SETUP_H

#include "options.h"
#include "iio.h"
#include "ktap.h"

#define BLOCK 4096

/* A kernel and a device as new, and settings for short benchmarks on it */
void fresh_setup(const char *root, struct iio_dev *dev, struct cfg *cfg);

/* After that, the DAC of the same kernel */
void fresh_dac(const char *root, struct iio_dev *dac);

/* Checks that the program kept the rules, and gave everything back */
void nothing_left(struct iio_dev *dev);

/* For main(): runs the tests with a folder for the kernel, which @root is the template of */
int run_on_kernel(char *root, const struct ktap_test *tests, size_t n);

#endif
