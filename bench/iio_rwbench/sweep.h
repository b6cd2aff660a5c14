/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_SWEEP_H
#define RWBENCH_SWEEP_H

#include "counters.h"
#include "measure.h"
#include "spread.h"

#define METRICS 21

/* A figure of one run. NAN: unknown here, or it means nothing */
struct metric {
	const char *name;
	double (*of)(const struct result *r);
};

extern const struct metric metrics[METRICS];

/* By name, of the table above. A name that is not there ends the program. */
size_t metric_index(const char *name);

/* One combination, and what its runs gave */
struct point {
	enum transport transport;
	char exporter[EXPORTER_NAME];	/* empty: file I/O, or the first that works */
	uint64_t block_bytes;
	unsigned int ring;
	enum work_kind work;
	struct layout layout;		/* of the blocks of all runs */

	unsigned int runs;		/* that were good */
	uint64_t blocks;
	enum overflow overflow;		/* of any of them */
	uint64_t unknown;		/* transfers not known to be good */
	double *value[METRICS];		/* one per run */
	int status;			/* of a run that failed: it was the last */
	char error[512];
};

struct sweep {
	const struct cfg *cfg;
	struct iio_dev *dev;
	struct counters counters;
	double memcpy_mib_per_s;	/* the ceiling of all that copies */
	double line_mib_per_s;		/* of the converter; 0: unknown or unlimited */
	struct point *point;
	size_t npoints;
};

/* Called before each run */
typedef void (*sweep_progress_fn)(const struct sweep *s, const struct point *p,
				  unsigned int run);

/* 0, or a status with its sentence; a point that failed leaves the others alone */
int sweep_run(struct sweep *s, const struct cfg *cfg, struct iio_dev *dev,
	      sweep_progress_fn progress);
void sweep_free(struct sweep *s);

/* Of the runs of @p. False when the metric means nothing for it */
bool sweep_spread(const struct sweep *s, const struct point *p, size_t metric,
		  struct spread *spread);

/* What the interval around a median really has */
double sweep_confidence(const struct sweep *s, const struct point *p);

#endif
