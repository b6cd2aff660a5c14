// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions, by the hardware counters of the CPUs (perf_event_open). Of all
 * CPUs and for everybody: interrupts and workers are part of what a transfer
 * costs. Counters may have 32 bits and no interrupt when they are full, as in
 * emulators: then the kernel is right only if it is asked before 2^32 instructions are over.
 */
#include "counters.h"

#include "wait.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COST_TRIES	8
#define LOOK_NS		100000000u
#define LIMIT_NS	1000000000u	/* 2^32 at 4 instructions a nanosecond */

static int open_counter(int cpu, int group, bool user)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.read_format = PERF_FORMAT_GROUP,
		.pinned = group < 0,
		.exclude_user = !user,
		.exclude_kernel = user,
		.exclude_hv = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, group,
			    PERF_FLAG_FD_CLOEXEC);
}

/*
 * Only a counter with an interrupt can sample, and the kernel says so. This one does
 * not come to its first sample.
 */
static bool has_interrupt(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.sample_period = INT64_MAX,
		.disabled = 1,
	};
	int fd;

	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1,
			  PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return errno != EOPNOTSUPP;
	close(fd);
	return true;
}

/* Two counters that are read together. The second lives as long as the first. */
static int open_cpu(int cpu)
{
	int leader, second;

	leader = open_counter(cpu, -1, true);
	if (leader < 0)
		return -1;
	second = open_counter(cpu, leader, false);
	if (second < 0) {
		close(leader);
		return -1;
	}
	return leader;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void find_cost(struct counters *c)
{
	struct count a, b;
	int i;

	c->user_cost = c->kernel_cost = UINT64_MAX;
	for (i = 0; i < COST_TRIES; i++) {
		counters_read(c, &a);
		counters_read(c, &b);
		if (!a.valid || !b.valid) {
			counters_close(c);
			return;
		}
		c->user_cost = least(c->user_cost, b.user - a.user);
		c->kernel_cost = least(c->kernel_cost, b.kernel - a.kernel);
	}
}

void counters_open(struct counters *c)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	long cpu;

	memset(c, 0, sizeof(*c));
	if (cpus > MAX_CPUS)
		return;
	for (cpu = 0; cpu < cpus; cpu++) {
		int fd = open_cpu((int)cpu);

		/* Not all of them would be a wrong sum */
		if (fd < 0) {
			counters_close(c);
			return;
		}
		c->fd[c->n++] = fd;
	}
	c->wraps = !has_interrupt();
	find_cost(c);
}

void counters_close(struct counters *c)
{
	while (c->n)
		close(c->fd[--c->n]);
}

void counters_read(const struct counters *c, struct count *now)
{
	struct {
		uint64_t n;
		uint64_t user;
		uint64_t kernel;
	} pair;
	size_t i;

	memset(now, 0, sizeof(*now));
	now->valid = c->n > 0;
	for (i = 0; i < c->n; i++) {
		if (read(c->fd[i], &pair, sizeof(pair)) != sizeof(pair)) {
			now->valid = false;
			return;
		}
		now->user += pair.user;
		now->kernel += pair.kernel;
	}
}

static uint64_t less(uint64_t val, uint64_t cost)
{
	return val > cost ? val - cost : 0;
}

struct count counters_between(const struct counters *c, const struct count *from,
			      const struct count *to)
{
	return (struct count){
		.valid = from->valid && to->valid,
		.user = less(to->user - from->user, c->user_cost),
		.kernel = less(to->kernel - from->kernel, c->kernel_cost),
	};
}

void counters_begin(const struct counters *c, struct tally *t)
{
	counters_read(c, &t->last);
	t->sum = (struct count){ .valid = t->last.valid };
	t->at_ns = now_ns();
}

bool counters_due(const struct counters *c, const struct tally *t, uint64_t now)
{
	return c->wraps && now - t->at_ns >= LOOK_NS;
}

void counters_add(const struct counters *c, struct tally *t)
{
	uint64_t at = now_ns();
	struct count now, more;

	counters_read(c, &now);
	more = counters_between(c, &t->last, &now);
	t->sum.valid &= more.valid && !(c->wraps && at - t->at_ns > LIMIT_NS);
	t->sum.user += more.user;
	t->sum.kernel += more.kernel;
	t->last = now;
	t->at_ns = at;
}
