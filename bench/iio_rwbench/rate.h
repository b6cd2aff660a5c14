/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_RATE_H
#define RWBENCH_RATE_H

#include "measure.h"

#include <stdbool.h>
#include <stdint.h>

/* The highest rate without loss, for one transport and block size */
struct max_rate {
	bool known;
	uint64_t hz;			/* 0: each one lost something */
	bool reached_limit;		/* no higher one was tried */
	unsigned int trials;
	bool interrupted;		/* by a signal */
	int status;			/* of a search that failed */
	char error[512];
};

/*
 * Tries @hz and says whether that was @good. A device may have no such rate and
 * take one near it, which is the @actual one. Returns 0 or what ends the search.
 */
typedef int (*rate_trial_fn)(void *arg, uint64_t hz, uint64_t *actual, bool *good);

/*
 * Finds the highest good rate from @min to @max, which is @max if that is good,
 * and else at most @percent below a bad one; with 0 the very highest. *@best is
 * 0 if none is good. If not all are good below it, some of those are tried, too,
 * and the search goes on below a bad one; but not with 0.
 */
int rate_search(uint64_t min, uint64_t max, unsigned int percent,
		rate_trial_fn trial, void *arg, uint64_t *best);

/*
 * Where the search of a rate begins: at @asked, or else at what the device says
 * is possible, or at AD9361_RATE if it takes any. Less if the device refuses it.
 */
#define AD9361_RATE	61440000
int rate_limit(struct iio_dev *dev, uint64_t asked, uint64_t *limit);

/* Called before each trial at @hz, with the result of what is searched for */
typedef void (*rate_progress_fn)(const struct result *r, uint64_t hz);

/*
 * The highest sampling_frequency up to @limit at which no byte is lost, for the
 * transport and block size of @r. Leaves the device at another rate than before.
 */
int rate_find(const struct cfg *cfg, struct iio_dev *dev, uint64_t limit,
	      const struct result *r, struct max_rate *found,
	      rate_progress_fn progress);

/*
 * So many blocks a trial must have: a reader that is @percent too slow falls
 * behind by that part of a block with each, and loses nothing until it is behind
 * by the whole ring.
 */
unsigned int rate_trial_blocks(unsigned int ring, unsigned int percent);

#endif
