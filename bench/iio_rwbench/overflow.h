/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Analog Devices' FPGA cores for converters have a bit that is set when samples found
 * nowhere to go, UI_OVF in UI_STATUS. Their driver gives access to registers in debugfs.
 * The bit is set all the time while nobody captures, so what counts is the time between.
 * Those of an output have one, too, UI_UNF, when there were no samples to send.
 */
#ifndef RWBENCH_OVERFLOW_H
#define RWBENCH_OVERFLOW_H

#include "iio.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum overflow { OVERFLOW_UNKNOWN, OVERFLOW_NO, OVERFLOW_YES };

/* As its node of the device tree says */
bool overflow_has_core(const struct iio_dev *dev);

/* A file descriptor, or -1: not such a core, or nobody may look. */
int overflow_open(const struct iio_dev *dev);

/* Forgets what was. False: cannot be known. */
bool overflow_clear(int fd, bool output);

/* Since overflow_clear(), which has to come before: it chooses the register */
enum overflow overflow_read(int fd, bool output);

/* Of the core, as its register VERSION has it; 0: unknown */
uint32_t overflow_core_version(int fd);

/* "10.02.b", as the FPGA's people write it */
void overflow_version_text(uint32_t version, char *text, size_t size);

#endif
