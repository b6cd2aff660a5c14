/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What one measurement gave. measure.c fills it in, the others only read it.
 */
#ifndef RWBENCH_RESULT_H
#define RWBENCH_RESULT_H

#include "checker.h"
#include "counters.h"
#include "evidence.h"
#include "exporter.h"
#include "layout.h"
#include "options.h"
#include "overflow.h"
#include "stats.h"
#include "transport.h"
#include "verify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interval {
	uint64_t start_ns;	/* since the measured part began */
	uint64_t ns;
	uint64_t bytes;
};

/* One measurement: one transport, one block size */
struct result {
	enum transport transport;
	uint64_t block_bytes;
	unsigned int sample_bytes;
	unsigned int nblocks;		/* in the ring */
	uint64_t length;		/* of the kernel's buffer, samples; 0: unknown */
	char exporter[EXPORTER_NAME];	/* empty for file I/O */
	bool warming_up;
	unsigned int warmup;		/* blocks that were left out */
	uint64_t warmup_bytes;

	uint64_t blocks;
	uint64_t bytes;			/* that arrived, or that an output took */
	uint64_t repeated;		/* bytes that the device sends again and again, by itself */
	bool output;
	uint64_t elapsed_ns;
	uint64_t syscalls;
	uint64_t irqs;			/* these four with the warm-up */
	uint64_t user_ns;
	uint64_t sys_ns;
	double cpu_busy;		/* 0..1 of all CPUs; -1 unknown */
	bool stat_valid;
	struct hist times;
	uint64_t busy_ns;		/* of all CPUs, with the warm-up; 0: unknown */
	bool timed;			/* the next three are known */
	uint64_t step_ns[STEPS];
	uint64_t enqueue_disabled_ns;	/* in ENQUEUE of the ring of an input, before it is enabled */
	struct hist latency;
	struct count instructions;
	struct layout layout;
	struct verify verify;
	enum overflow overflow;		/* of the FPGA core, with the warm-up */
	enum overflow underflow;	/* of that of an output */
	struct checks checks;		/* of what was sent, without the warm-up */
	struct outcomes outcomes;	/* of the transfers, with the warm-up */

	struct interval *interval;
	size_t nintervals;

	bool started;			/* data could begin to flow */
	bool interrupted;		/* by a signal */
	bool pipe_closed;		/* the reader of standard output left */
	int status;
	char error[512];
};

/* It has figures that mean something */
bool result_has_figures(const struct result *r);

/* What is lost of a sample makes all of it useless */
uint64_t result_lost_samples(const struct result *r);

/* The counts of interrupts are known */
bool result_has_irqs(const struct result *r);

/* CPU time of this process for each MiB, with the warm-up */
double result_cpu_us_per_mib(const struct result *r);
double result_instructions_per_mib(const struct result *r);

/* Nobody has found anything wrong with what was sent */
bool result_sent_well(const struct result *r);

/* Per MiB that arrived: system calls of the transfer loop, interrupts of the machine */
double result_syscalls_per_mib(const struct result *r);
double result_irqs_per_mib(const struct result *r);

void result_free(struct result *r);

#endif
