/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a transfer ended. That a block is ours again does not say that the device has
 * written to it: a transfer that failed, was cancelled or came to an early end looks the
 * same to poll(). There are two ways to know better:
 *
 *   marks   Values that nobody can expect, at both ends of the block, put there before
 *           ENQUEUE. What is still there afterwards was not written. Any kernel, next to
 *           no cost, but only memory that the CPU may write to, and no reason is told.
 *   fences  A sync file, exported between ENQUEUE and the end, has the error with which
 *           the kernel signalled the fence. Three system calls a block, and it comes too
 *           late if the transfer is over before it is exported. An output has only these.
 *
 * Three system calls are a third of what a block of 4 KiB takes. So where there can be no
 * marks, and nobody has asked for fences, only some of the transfers are looked at while
 * something is measured.
 */
#ifndef RWBENCH_EVIDENCE_H
#define RWBENCH_EVIDENCE_H

#include "options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome {
	OUT_GOOD,
	OUT_UNKNOWN,	/* nobody can tell */
	OUT_CANCELLED,
	OUT_FAILED,	/* the kernel says so */
	OUT_UNWRITTEN,	/* nothing came */
	OUT_PARTIAL,	/* not all of it came */
	OUTCOMES
};

/* What all blocks of a ring share */
struct evidence_means {
	unsigned int bits;	/* of EVIDENCE_MARK, EVIDENCE_FENCE */
	bool has_fences;	/* this kernel exports sync files */
	uint64_t access;	/* for which one waits: DMA_BUF_SYNC_READ, of an output ..._WRITE */
	bool sparing;		/* only so many fences that they take 1 % of the time */
	uint64_t next_ns;	/* then: not before */
	unsigned int skip;	/* and so many blocks are left out each time, */
	unsigned int skipped;	/* by now */
	uint64_t stub_ns;	/* timestamp of a sync file that has no transfer */
	uint64_t state;		/* of the values of marks */
};

/* Of one block */
struct evidence {
	int sync_file;		/* -1: none */
	int err;		/* with which it ended, or 0 */
	uint64_t ended_ns;	/* as its fence has it, of CLOCK_MONOTONIC; 0: unknown */
	bool marked;
	uint64_t mark[2], kept[2];	/* at begin and end */
};

/* What there is to look at */
struct evidence_task {
	unsigned int wanted;	/* as --evidence names it */
	bool can_mark;		/* the device writes to the block, and the CPU may */
	bool output;		/* the device reads it */
	bool measured;		/* there are figures, which fences would change */
	size_t bytes;
};

/*
 * Chooses the means that are wanted, or if that is EVIDENCE_AUTO the best ones that
 * cost next to nothing. @dmabuf is one that has not been enqueued yet. 0 or a status of
 * error.h: what somebody has named has to be there.
 */
int evidence_begin(struct evidence_means *m, const struct evidence_task *task, int dmabuf);

/* Names the error of failures from now on, whatever that costs */
void evidence_look_closely(struct evidence_means *m);

/* Before ENQUEUE, while the CPU may write; and after it, at about @now */
void evidence_mark(struct evidence_means *m, struct evidence *e, void *data, size_t bytes);
void evidence_watch(struct evidence_means *m, struct evidence *e, int dmabuf, uint64_t now,
		    uint64_t *syscalls);

/*
 * When the block is ours again, after SYNC if @data is mapped. Places that were not
 * written hold what they held before the mark.
 */
enum outcome evidence_judge(const struct evidence_means *m, struct evidence *e,
			    void *data, size_t bytes, uint64_t *syscalls);
void evidence_drop(struct evidence *e);

/* As the option --evidence has it */
const char *evidence_name(unsigned int wanted);

bool outcome_is_bad(enum outcome o);
const char *outcome_name(enum outcome o);

/* How the transfers of a run ended, and where the first bad ones are */
#define OUTCOME_EVENTS 16
struct outcomes {
	unsigned int means;	/* that were used */
	bool sparing;		/* fences only now and then */
	uint64_t count[OUTCOMES];
	uint64_t total;
	uint64_t bad;
	uint64_t bad_in_a_row;
	struct outcome_event {
		enum outcome kind;
		int err;	/* of the fence, or 0 */
		uint64_t block;	/* of all transfers, the first is 0 */
	} event[OUTCOME_EVENTS];	/* of the first ones that were bad */
};

void outcomes_add(struct outcomes *all, enum outcome kind, int err);

/* "3 of 100 transfers brought no or not all data: ..." in @text */
void outcomes_text(const struct outcomes *all, bool output, uint64_t block_bytes, char *text,
		   size_t size);

#endif
