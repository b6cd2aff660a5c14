/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_WORK_H
#define RWBENCH_WORK_H

#include "options.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the CPU does with each block, in place of a real program */
struct work {
	enum work_kind kind;
	void *copy;
	int fd;			/* pipe or file that is written to */
	pid_t reader;		/* of the pipe */
};

/* @file: for WORK_FILE, NULL for a file in memory. 0 or a status of error.h */
int work_open(struct work *w, enum work_kind kind, size_t block_bytes,
	      const char *file);
void work_close(struct work *w);

/* 0, -EINTR when the run shall end, or a status. Counts its system calls. */
int work_do(struct work *w, const void *data, size_t bytes, uint64_t *syscalls);

/* Writes all of it. As work_do(); -EPIPE when nobody reads any more */
int write_all(int fd, const char *name, const void *data, size_t bytes,
	      uint64_t *syscalls);

const char *work_name(enum work_kind kind);

#endif
