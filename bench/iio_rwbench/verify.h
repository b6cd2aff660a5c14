/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_VERIFY_H
#define RWBENCH_VERIFY_H

#include "options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERIFY_EVENTS	16
#define VERIFY_WORD	4

/*
 * Word k of the stream holds k modulo 2^32, little endian; it may start
 * anywhere. What is wrong with it is one of these:
 *   lost      the counter jumps ahead (by less than 2^31 words)
 *   repeated  it goes back to what was delivered before
 *   stale     the place in the block was not written: it still holds what it
 *             held before, as the end of a block after a short transfer
 *   wrong     fits none of these
 */
enum verify_kind { V_LOST, V_REPEATED, V_STALE, V_WRONG, V_KINDS };

struct verify_event {
	enum verify_kind kind;
	uint64_t offset;	/* bytes from the begin of what was received */
	uint64_t block;
	uint64_t bytes;
	bool has_expected;	/* not before the stream began */
	uint32_t expected;
	uint32_t got;
};

struct verify {
	enum verify_mode mode;
	bool started;
	uint32_t next;		/* the word that should come */
	uint64_t received;	/* bytes checked so far */
	uint64_t block;
	uint64_t bytes[V_KINDS];
	uint64_t nevents;	/* all; only the first are kept */
	struct verify_event event[VERIFY_EVENTS];
	uint64_t last_end;	/* where the last event ended */

	/* Last word that each block of the ring held when it was enqueued */
	struct {
		bool filled;
		uint32_t last;
	} slot[MAX_BLOCKS];
};

/* For memory that the stream has not reached yet */
#define VERIFY_POISON	0xdeadbeefu
void verify_poison(void *data, size_t bytes);

void verify_init(struct verify *v, enum verify_mode mode);

/*
 * Checks one block. @slot is its place in the ring, or -1 when the memory
 * cannot hold old data, as behind read(). Returns the bytes that arrived.
 */
size_t verify_block(struct verify *v, const void *data, size_t bytes, int slot);

bool verify_good(const struct verify *v);

/* Loss leaves runs of the counter between the holes; other data has none */
bool verify_no_counter(const struct verify *v);
const char *verify_kind_name(enum verify_kind kind);

#endif
