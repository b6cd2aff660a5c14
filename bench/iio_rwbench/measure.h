/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_MEASURE_H
#define RWBENCH_MEASURE_H

#include "counters.h"
#include "stats.h"
#include "transport.h"
#include "verify.h"

struct interval {
	uint64_t start_ns;	/* since the measured part began */
	uint64_t ns;
	uint64_t bytes;
};

/* The highest rate without loss, of --find-max-rate */
struct max_rate {
	bool known;
	uint64_t hz;			/* 0: each one lost something */
	bool reached_limit;		/* no higher one was tried */
	unsigned int trials;
	int status;			/* of a search that failed */
	char error[512];
};

/* One measurement: one transport, one block size */
struct result {
	enum transport transport;
	uint64_t block_bytes;
	unsigned int sample_bytes;
	unsigned int nblocks;		/* in the ring */
	char exporter[EXPORTER_NAME];	/* empty for file I/O */
	unsigned int warmup;		/* blocks that were left out */
	uint64_t warmup_bytes;

	uint64_t blocks;
	uint64_t bytes;			/* that arrived */
	uint64_t elapsed_ns;
	uint64_t syscalls;
	uint64_t irqs;			/* these four with the warm-up */
	uint64_t user_ns;
	uint64_t sys_ns;
	double cpu_busy;		/* 0..1 of all CPUs; -1 unknown */
	bool stat_valid;
	struct hist times;
	uint64_t busy_ns;		/* of all CPUs, with the warm-up; 0: unknown */
	bool timed;			/* the next two are known */
	uint64_t step_ns[STEPS];
	struct hist latency;
	struct count instructions;
	struct layout layout;
	struct verify verify;
	struct max_rate max_rate;

	struct interval *interval;
	size_t nintervals;

	bool started;			/* data could begin to flow */
	bool interrupted;		/* by a signal */
	bool pipe_closed;		/* the reader of standard output left */
	int status;
	char error[512];
};

/* Called now and then; @done is bytes since @ns ago, and ends an interval */
typedef void (*progress_fn)(const struct result *r, uint64_t bytes, uint64_t ns);

/*
 * Runs until the limits of @cfg, a signal or an error. Returns the status,
 * which is also in @r, with the sentence for it.
 */
int measure(const struct cfg *cfg, struct iio_dev *dev, enum transport transport,
	    uint64_t block_bytes, struct result *r, progress_fn progress);

void result_free(struct result *r);

#endif
