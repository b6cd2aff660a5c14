// SPDX-License-Identifier: GPL-2.0
#include "stats.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define LEAST_TICKS 50
#define MAX_DIGITS 12

void hist_reset(struct hist *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

static unsigned int bucket_of(uint64_t val)
{
	unsigned int msb, shift;

	if (val < HIST_SUB)
		return (unsigned int)val;

	msb = 63 - (unsigned int)__builtin_clzll(val);
	shift = msb - HIST_SUB_BITS;
	return (shift + 1) * HIST_SUB + (unsigned int)((val >> shift) - HIST_SUB);
}

/* The largest value that falls into the bucket */
static uint64_t bucket_top(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < HIST_SUB)
		return bucket;

	shift = bucket / HIST_SUB - 1;
	return (((uint64_t)(bucket % HIST_SUB) + HIST_SUB) << shift) +
	       ((UINT64_C(1) << shift) - 1);
}

void hist_add(struct hist *h, uint64_t val)
{
	h->bucket[bucket_of(val)]++;
	h->count++;
	h->sum += val;
	if (val < h->min)
		h->min = val;
	if (val > h->max)
		h->max = val;
}

uint64_t hist_quantile(const struct hist *h, unsigned int ppm)
{
	uint64_t rank, seen = 0;
	unsigned int i;

	if (!h->count)
		return 0;

	/* count * ppm / 1000000, rounded up, without overflow */
	rank = h->count / 1000000 * ppm +
	       (h->count % 1000000 * ppm + 999999) / 1000000;
	if (!rank)
		return h->min;

	for (i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= rank)
			return bucket_top(i) < h->max ? bucket_top(i) : h->max;
	}
	return h->max;
}

uint64_t hist_percentile(const struct hist *h, unsigned int permille)
{
	return hist_quantile(h, permille * 1000);
}

double mib_per_s(uint64_t bytes, uint64_t ns)
{
	return ns ? (double)bytes / (1 << 20) * 1e9 / (double)ns : 0;
}

int figure_digits(double val, int least)
{
	double scaled = val;
	int digits;

	for (digits = 0; digits < least; digits++)
		scaled *= 10;
	for (; scaled > 0 && scaled < 100 && digits < MAX_DIGITS; digits++)
		scaled *= 10;
	return digits;
}

void format_figure(char *text, size_t size, double val, int least)
{
	if (val > 0 && val < 1e-4)
		snprintf(text, size, "%.2e", val);
	else
		snprintf(text, size, "%.*f", figure_digits(val, least), val);
}

void format_size(char *text, size_t size, uint64_t bytes)
{
	static const struct {
		unsigned int shift;
		const char *unit;
	} units[] = { { 30, "GiB" }, { 20, "MiB" }, { 10, "KiB" } };
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t one = UINT64_C(1) << units[i].shift;

		if (bytes >= one && bytes % one == 0) {
			snprintf(text, size, "%" PRIu64 " %s",
				 bytes >> units[i].shift, units[i].unit);
			return;
		}
	}
	snprintf(text, size, "%" PRIu64 " B", bytes);
}

int usage_parse_stat(struct usage *u, const char *text)
{
	const char *intr, *line;
	uint64_t idle, iowait;

	if (sscanf(text, "cpu %*u %*u %*u %" SCNu64 " %" SCNu64, &idle,
		   &iowait) != 2)
		return -EINVAL;

	u->cpus = 0;
	for (line = strstr(text, "\ncpu"); line; line = strstr(line + 1, "\ncpu"))
		u->cpus++;
	if (!u->cpus)
		return -EINVAL;

	intr = strstr(text, "\nintr ");
	if (!intr || sscanf(intr, "\nintr %" SCNu64, &u->irqs) != 1)
		return -EINVAL;

	u->idle_ticks = idle + iowait;
	return 0;
}

static uint64_t timeval_ns(const struct timeval *tv)
{
	return (uint64_t)tv->tv_sec * 1000000000u + (uint64_t)tv->tv_usec * 1000u;
}

void usage_read(struct usage *u, const char *root)
{
	char path[256], text[16384];
	struct rusage ru;
	ssize_t n = -1;
	int fd;

	memset(u, 0, sizeof(*u));
	u->at_ns = now_ns();

	/* The "intr" line is long, but its sum comes first */
	snprintf(path, sizeof(path), "%s/proc/stat", root);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n > 0) {
		text[n] = '\0';
		u->valid = !usage_parse_stat(u, text);
	}

	if (!getrusage(RUSAGE_SELF, &ru)) {
		u->user_ns = timeval_ns(&ru.ru_utime);
		u->sys_ns = timeval_ns(&ru.ru_stime);
	}
}

double usage_busy(const struct usage *from, const struct usage *to)
{
	double idle_s, all_s, busy;

	if (!from->valid || !to->valid || to->at_ns <= from->at_ns)
		return -1;

	idle_s = (double)(to->idle_ticks - from->idle_ticks) /
		 (double)sysconf(_SC_CLK_TCK);
	all_s = (double)(to->at_ns - from->at_ns) * 1e-9 * to->cpus;
	busy = 1 - idle_s / all_s;

	/* A tick of idle time may have ended just before */
	return busy < 0 ? 0 : busy;
}

bool usage_long_enough(const struct usage *from, const struct usage *to)
{
	uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);

	return to->at_ns - from->at_ns >= LEAST_TICKS * tick_ns;
}
