/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_STATS_H
#define RWBENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Distribution of times in fixed memory: 64 steps per power of two, so that a
 * percentile is at most 1/64 above the true value. Minimum and maximum are
 * exact.
 */
#define HIST_SUB_BITS	6
#define HIST_SUB	(1 << HIST_SUB_BITS)
#define HIST_BUCKETS	((64 - HIST_SUB_BITS + 1) * HIST_SUB)

struct hist {
	uint64_t count;
	uint64_t min;
	uint64_t max;
	uint64_t sum;
	uint64_t bucket[HIST_BUCKETS];
};

void hist_reset(struct hist *h);
void hist_add(struct hist *h, uint64_t val);

/* The value that @ppm of a million do not exceed; 0 when there is none */
uint64_t hist_quantile(const struct hist *h, unsigned int ppm);

/* The same of a thousand */
uint64_t hist_percentile(const struct hist *h, unsigned int permille);

double mib_per_s(uint64_t bytes, uint64_t ns);

/* How many behind the point leave three digits of a small figure; of any at least @least */
int figure_digits(double val, int least);

/* The same for a column of eight characters */
void format_figure(char *text, size_t size, double val, int least);

/* "4 KiB", "16 MiB"; bytes when it is not a whole number of these */
void format_size(char *text, size_t size, uint64_t bytes);

/* What the machine and this process have used so far */
struct usage {
	uint64_t idle_ticks;	/* all CPUs */
	unsigned int cpus;
	uint64_t irqs;
	int valid;		/* the first three could be read */
	uint64_t at_ns;
	uint64_t user_ns;
	uint64_t sys_ns;
};

void usage_read(struct usage *u, const char *root);

/* From the text of /proc/stat. 0 or -EINVAL */
int usage_parse_stat(struct usage *u, const char *text);

/*
 * 0..1 of all CPUs, or -1 if unknown. From the time that they were idle, which kernels
 * measure; the time that they were busy many only estimate, by what a timer tick finds.
 */
double usage_busy(const struct usage *from, const struct usage *to);

/* Long enough that the steps in which /proc/stat counts are 2 % of it at most */
bool usage_long_enough(const struct usage *from, const struct usage *to);

#endif
