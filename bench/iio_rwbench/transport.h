/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_TRANSPORT_H
#define RWBENCH_TRANSPORT_H

#include "evidence.h"
#include "exporter.h"
#include "iio.h"
#include "layout.h"
#include "options.h"
#include "port.h"
#include "source.h"
#include "stats.h"
#include "work.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILEIO_BLOCKS	2	/* of the kernel, whatever is asked for */
#define RELAY_LEAD	2	/* blocks with which the output of a relay begins */
#define RELAY_ROUND	4	/* more than are on their way by file I/O */

/* One block of data, between get and put */
struct view {
	void *data;		/* NULL when the CPU has no access */
	size_t bytes;
	int slot;		/* place in the ring; -1: fresh memory each time */
	bool fresh;		/* there was no transfer of it yet, as in the first round of an output */
	enum outcome outcome;	/* of the transfer */
	int err;		/* that the kernel gave as the reason, or 0 */
};

/* The steps of a block, for the time that each takes. STEP_READ is write(), too. */
enum step { STEP_WAIT, STEP_READ, STEP_SYNC, STEP_WORK, STEP_ENQUEUE, STEPS };

struct dmabuf_block {
	int fd;
	void *data;
	uint64_t enqueued_at;
	bool attached;
	bool used;		/* has been enqueued */
	bool synced;		/* SYNC_START without its SYNC_END */
	struct evidence evidence;
};

/* One running transfer */
struct xfer {
	const struct cfg *cfg;
	struct iio_dev *dev;
	const struct transport_ops *ops;
	const struct port_ops *port;
	size_t block_bytes;
	uint64_t timeout_ms;
	bool cpu_access;	/* the data is looked at, or written out */
	int fd;			/* the buffer, or the endpoint */
	bool enabled;		/* by us */
	struct iio_watch watch;	/* for others who do that */
	uint64_t handed;	/* blocks that an output has got */
	int registers;		/* of the FPGA core, for its overflow bit; or -1 */
	bool watching;		/* the bit was cleared */
	uint64_t available;	/* samples in the buffer at the last time-out */
	uint64_t syscalls;
	struct usage usage;	/* as it was when the buffer was enabled */
	struct work work;
	struct source source;	/* of an output */
	uint64_t period;	/* bytes of it that are sent again and again; 0: none yet */
	uint64_t mark;		/* end of the last step */
	uint64_t step_ns[STEPS];
	uint64_t enqueue_disabled_ns;	/* of all blocks, before the device is enabled */
	bool counting;		/* warm-up is over */

	/* Towards its end get() says how far ahead of us the device is */
	bool settling;
	bool waited;		/* for this block */
	bool idle;		/* until we give a block back, it has none to fill */

	/* A relay: this is the input, and the rest is about its way to the output */
	struct xfer *to;
	bool relayed_to;	/* this is that output */
	uint64_t relayed;	/* blocks that were handed over, or wait for that */
	char *held;
	uint64_t in_ns[RELAY_ROUND];	/* when the last blocks were there */
	enum outcome sent;	/* of the last one that went out */
	int sent_err;

	/* file I/O */
	void *data;
	size_t filled;		/* of it, by now; of an output: of the kernel's block */
	uint64_t at_rest;	/* iio_available() of an output that has nothing to send */

	/* DMABUF */
	struct exporter exporter;
	struct dmabuf_block block[MAX_BLOCKS];
	unsigned int nblocks;
	unsigned int next;
	struct evidence_means evidence;
	struct hist latency;	/* from ENQUEUE until poll() sees the block */
	struct layout layout;
};

/*
 * open() leaves the buffer enabled and data on its way; that of an output is enabled when it
 * has got something to send. get() waits for a block and returns 0, -EINTR when the run shall
 * end, -EAGAIN when it is to be called again, or a status of error.h. put() gives the block
 * back, an output as much of it as is to be sent, which may be nothing. drain() is for
 * outputs: it waits until all has been sent, and returns as get(). close() undoes open(), also
 * one that failed half way.
 */
struct transport_ops {
	enum transport id;
	int (*open)(struct xfer *x);
	int (*get)(struct xfer *x, struct view *view);
	int (*put)(struct xfer *x, size_t bytes);
	int (*drain)(struct xfer *x);
	void (*close)(struct xfer *x);
};

extern const struct transport_ops fileio_ops;
extern const struct transport_ops dmabuf_ops;

/* Writes what is elsewhere than in the block of @x. As put() */
int fileio_send(struct xfer *x, const void *data, size_t bytes);

/* 0 or -errno, without a sentence. -ETIMEDOUT: others interrupted it until the time was up */
int dmabuf_enqueue(struct xfer *x, struct dmabuf_block *b, size_t bytes);

/* For open(): lets the data flow */
int xfer_enable(struct xfer *x);

/* Once the first block has arrived: an overflow counts from here on. */
void xfer_watch_overflow(struct xfer *x);

/* Takes that back; of another process' buffer it keeps its hands off */
int xfer_disable(struct xfer *x);

/* The step that began where the last one ended is over */
void xfer_step(struct xfer *x, enum step step);

/*
 * Waits for @fd, which the sentence of a failure calls @what. @last is the block that
 * the device fills last of all, -1 if that cannot be seen. As get().
 */
int xfer_wait(struct xfer *x, int fd, int last, const char *what);

/* How long a block may take, at the rate that the device has now */
void xfer_set_timeout(struct xfer *x);

/* The sentence for a wait that was too long */
int xfer_no_data(const struct xfer *x);

#endif
