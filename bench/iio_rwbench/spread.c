// SPDX-License-Identifier: GPL-2.0
#include "spread.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * The k-th value is above the median when fewer than k of the n are below it,
 * and each of them is with probability 1/2.
 */
size_t spread_rank(size_t n, double confidence, double *has)
{
	double term = ldexp(1, -(int)n), tail = term;
	size_t k = 1;

	while (k < n / 2) {
		double next = term * (double)(n - k + 1) / (double)k;

		if (1 - 2 * (tail + next) < confidence)
			break;
		term = next;
		tail += next;
		k++;
	}
	*has = n > 1 ? 1 - 2 * tail : 0;
	return k;
}

struct spread spread_of(double *val, size_t n, double confidence)
{
	double has;
	size_t k = spread_rank(n, confidence, &has);

	qsort(val, n, sizeof(*val), compare);
	return (struct spread){
		.median = (val[(n - 1) / 2] + val[n / 2]) / 2,
		.low = val[k - 1],
		.high = val[n - k],
	};
}
