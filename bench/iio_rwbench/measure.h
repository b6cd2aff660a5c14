/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_MEASURE_H
#define RWBENCH_MEASURE_H

#include "result.h"

/*
 * Called now and then with the bytes that came in the last @ns; and with @asked, when
 * somebody wants to know, with those of the whole run so far.
 */
typedef void (*progress_fn)(const struct result *r, uint64_t bytes, uint64_t ns, bool asked);

/*
 * Runs until the limits of @cfg, a signal or an error. Returns the status,
 * which is also in @r, with the sentence for it.
 */
int measure(const struct cfg *cfg, struct iio_dev *dev, enum transport transport,
	    uint64_t block_bytes, struct result *r, progress_fn progress);

#endif
