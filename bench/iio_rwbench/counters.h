/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_COUNTERS_H
#define RWBENCH_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_CPUS 256

/* Instructions that all CPUs have executed, whoever it was for */
struct counters {
	int fd[MAX_CPUS];
	size_t n;		/* 0: this machine does not count, or not for us */
	uint64_t user_cost;	/* what one look costs, to be taken off */
	uint64_t kernel_cost;
	bool wraps;		/* without an interrupt when a counter is full */
};

struct count {
	bool valid;
	uint64_t user;
	uint64_t kernel;
};

/* What was counted since counters_begin(), look for look */
struct tally {
	struct count sum;
	struct count last;
	uint64_t at_ns;		/* of the last look */
};

/* Where nothing can be counted, all that follows does nothing */
void counters_open(struct counters *c);
void counters_close(struct counters *c);

void counters_read(const struct counters *c, struct count *now);

/* From @from to @to, less the cost of one look */
struct count counters_between(const struct counters *c, const struct count *from,
			      const struct count *to);

/*
 * Over a longer time. Counters that wrap have to be looked at with counters_add() when
 * counters_due() says so, at least once in a second: else the sum is not valid.
 */
void counters_begin(const struct counters *c, struct tally *t);
bool counters_due(const struct counters *c, const struct tally *t, uint64_t now);
void counters_add(const struct counters *c, struct tally *t);

#endif
