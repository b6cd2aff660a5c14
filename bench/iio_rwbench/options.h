/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_OPTIONS_H
#define RWBENCH_OPTIONS_H

#include "exporter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define RWBENCH_NAME	"iio_rwbench"
#define RWBENCH_VERSION	"0.1"

#define MAX_SIZES	32
#define MAX_BLOCKS	64
#define MAX_LIST	16
#define MAX_TAGS	32

enum transport {
	TR_FILEIO = 1 << 0,
	TR_DMABUF = 1 << 1,
	TR_BOTH = TR_FILEIO | TR_DMABUF,
};

enum verify_mode { VERIFY_OFF, VERIFY_EDGES, VERIFY_FULL };
enum sync_mode { SYNC_BLOCK, SYNC_ACCESS };

/* How one knows that a transfer was good, see evidence.h. 0: not at all */
#define EVIDENCE_MARK	(1u << 0)
#define EVIDENCE_FENCE	(1u << 1)
#define EVIDENCE_AUTO	(1u << 2)

/* What the CPU does with each block. Each includes that it has access to it. */
enum work_kind {
	WORK_NONE, WORK_SYNC, WORK_READ, WORK_COPY, WORK_PIPE, WORK_FILE, WORKS,
};

enum action { ACT_RUN, ACT_HELP, ACT_VERSION, ACT_EXAMPLES };

struct counters;

/* What "sweep" varies, and how often */
struct plan {
	unsigned int repeat;
	unsigned int confidence;	/* percent */
	bool full;			/* the larger set of defaults */
	unsigned int works;		/* bits of enum work_kind */
	unsigned int ring[MAX_LIST];	/* blocks in the ring */
	size_t nrings;
	char exporter[MAX_LIST][EXPORTER_NAME];
	size_t nexporters;		/* 0: the first that works */
	const char *tag[MAX_TAGS];	/* KEY=VALUE */
	size_t ntags;
};

struct cfg {
	enum action action;
	bool sweep;
	bool zerocopy;
	bool relay;
	struct plan plan;
	bool plan_given;	/* some option of it */

	/* direction */
	bool write;
	bool cyclic;
	bool counter;		/* what is sent is a running counter */

	/* target */
	const char *device;
	const char *to;		/* of relay */
	char **channels;
	size_t nchannels;
	unsigned int buffer_index;
	const char *trigger;
	uint64_t trigger_rate;
	bool trigger_rate_given;
	bool rate_given;
	uint64_t rate;
	const char *root;

	/* transfer */
	unsigned int transports;
	bool transport_given;
	uint64_t block_samples;
	uint64_t sizes[MAX_SIZES];
	size_t nsizes;
	bool block_given;		/* the user has named block_samples, */
	bool sizes_named;		/* or the sizes: they are not to be bent */
	uint64_t fileio_max;		/* no larger blocks for file I/O; 0: any */
	unsigned int nblocks;		/* in the ring */
	bool ring_given;
	uint64_t alloc_unit;		/* DMABUFs are multiples of it; 0: any size */
	const char *exporter;		/* NULL: the first that works */
	enum sync_mode sync;
	unsigned int evidence;		/* bits of EVIDENCE_... */
	uint64_t timeout_ms;
	bool timeout_given;

	/* length of the run */
	bool benchmark;
	uint64_t samples;
	bool samples_given;
	bool duration_given;
	uint64_t duration_ns;
	unsigned int min_blocks;	/* no run is shorter */
	unsigned int warmup;		/* blocks; with sweep, UINT32_MAX: the ring */
	bool warmup_given;

	/* search of the highest rate */
	bool find_max_rate;
	uint64_t max_rate;		/* 0: what the device can do */
	bool max_rate_given;
	unsigned int resolution;	/* percent */
	bool resolution_given;
	uint64_t trial_ns;
	bool trial;			/* of that search: ends with the first loss */

	/* what the CPU does with the data */
	enum verify_mode verify;
	enum work_kind work;
	const char *file;		/* for WORK_FILE; NULL: in memory */
	const char *checker;		/* of what is sent; NULL: none */

	/* what is looked at besides */
	bool times;			/* of each step of a block */
	bool layout;			/* of the blocks in memory */
	const struct counters *counters;	/* NULL: instructions are not counted */

	/* output */
	bool json;
	const char *json_file;		/* NULL: standard output */
	bool csv;			/* on standard output */
	bool json_option, json_format;	/* --json, or --output-format, has said so */
	unsigned int percentile[MAX_LIST];	/* of a million */
	size_t npercentiles;
	bool interval_given;
	uint64_t interval_ns;
	const char *note;
};

int options_parse(struct cfg *cfg, int argc, char **argv);
void options_help(FILE *out);

/* Ends by itself, that is without a signal */
bool cfg_bounded(const struct cfg *cfg);

const char *transport_name(enum transport t);

#endif
