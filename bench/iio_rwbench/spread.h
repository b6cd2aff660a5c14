/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_SPREAD_H
#define RWBENCH_SPREAD_H

#include <stddef.h>

/*
 * The median of some runs, and an interval that holds the true median with the
 * given probability, whatever the distribution: the k-th value from below and
 * from above.
 */
struct spread {
	double median;
	double low;
	double high;
};

/* Sorts @val, of which there is at least one */
struct spread spread_of(double *val, size_t n, double confidence);

/*
 * The narrowest interval with at least @confidence, or all values if that has less.
 * Returns the k of above; *@has is what it really has.
 */
size_t spread_rank(size_t n, double confidence, double *has);

#endif
