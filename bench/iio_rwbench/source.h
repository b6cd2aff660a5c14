/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_SOURCE_H
#define RWBENCH_SOURCE_H

#include "options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the samples of an output come from */
struct source {
	bool counter;		/* the stream that verify.h checks; else standard input */
	uint32_t next;		/* word of it */
	bool ended;		/* there is no more */
};

/*
 * As many of @bytes as there are: *@filled. 0, -EINTR when the run shall end, or a status
 * of error.h. Counts its system calls.
 */
int source_fill(struct source *s, void *data, size_t bytes, size_t *filled, uint64_t *syscalls);

#endif
