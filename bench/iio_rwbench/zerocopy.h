/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_ZEROCOPY_H
#define RWBENCH_ZEROCOPY_H

#include "counters.h"
#include "options.h"
#include "report.h"

#include <stdio.h>

#define ZEROCOPY_SCHEMA		RWBENCH_NAME "-zerocopy"
#define ZEROCOPY_SCHEMA_VERSION	1

/* What came of sending one buffer some times */
struct zc_send {
	char memory[EXPORTER_NAME];
	bool zerocopy;		/* with MSG_ZEROCOPY */
	int error;		/* of the first send() that failed */
	uint64_t bytes;
	uint64_t ns;
	struct count instructions;
	uint64_t completions;
	uint64_t copied;	/* completions that say so */
};

struct zerocopy {
	struct counters counters;
	struct zc_send send[2 * (MAX_LIST + 2)];	/* and of malloc() and a memfd */
	size_t nsends;
};

/*
 * The "zerocopy" command: sends memory of DMABUFs over TCP, through the loopback
 * device, with and without MSG_ZEROCOPY, and tells what the kernel made of it. @out is
 * for the table, NULL: none. 0 or a status of error.h.
 */
int zerocopy_run(struct zerocopy *z, const struct cfg *cfg, FILE *out);
void zerocopy_json(FILE *out, const struct report *rep, const struct zerocopy *z);

#endif
