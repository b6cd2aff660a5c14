/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_ZEROCOPY_H
#define RWBENCH_ZEROCOPY_H

#include "options.h"

#include <stdio.h>

/*
 * The "zerocopy" command: sends memory of DMABUFs over TCP, through the loopback
 * device, with and without MSG_ZEROCOPY, and tells what the kernel made of it.
 */
int zerocopy_run(const struct cfg *cfg, FILE *out);

#endif
