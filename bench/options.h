/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_OPTIONS_H
#define RWBENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define RWBENCH_NAME	"iio_rwbench"
#define RWBENCH_VERSION	"0.1"

#define MAX_SIZES	32
#define MAX_BLOCKS	64

enum transport {
	TR_FILEIO = 1 << 0,
	TR_DMABUF = 1 << 1,
	TR_BOTH = TR_FILEIO | TR_DMABUF,
};

enum verify_mode { VERIFY_OFF, VERIFY_EDGES, VERIFY_FULL };
enum sync_mode { SYNC_BLOCK, SYNC_ACCESS };
enum action { ACT_RUN, ACT_HELP, ACT_VERSION, ACT_EXAMPLES };

struct cfg {
	enum action action;

	/* target */
	const char *device;
	char **channels;
	size_t nchannels;
	unsigned int buffer_index;
	const char *trigger;
	uint64_t trigger_rate;
	bool rate_given;
	uint64_t rate;
	const char *root;

	/* transfer */
	unsigned int transports;
	bool transport_given;
	uint64_t block_samples;
	uint64_t sizes[MAX_SIZES];
	size_t nsizes;
	unsigned int nblocks;
	const char *exporter;		/* NULL: the first that works */
	enum sync_mode sync;
	uint64_t timeout_ms;
	bool timeout_given;

	/* length of the run */
	bool benchmark;
	uint64_t samples;
	bool duration_given;
	uint64_t duration_ns;
	unsigned int warmup;

	/* search of the highest rate */
	bool find_max_rate;
	uint64_t max_rate;		/* 0: what the device can do */
	bool max_rate_given;
	unsigned int resolution;	/* percent */
	bool resolution_given;
	uint64_t trial_ns;

	/*
	 * Not 0: this is a trial of that search. It ends with the first loss,
	 * and not before so many blocks.
	 */
	unsigned int trial_blocks;

	/* what the CPU does with the data */
	enum verify_mode verify;
	bool touch;

	/* output */
	bool json;
	const char *json_file;		/* NULL: standard output */
	bool interval_given;
	uint64_t interval_ns;
	const char *note;
};

int options_parse(struct cfg *cfg, int argc, char **argv);
void options_help(FILE *out);

/* Ends by itself, that is without a signal */
bool cfg_bounded(const struct cfg *cfg);

/* Strict: the whole text, in range, no sign. 0 or -EINVAL/-ERANGE */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *val);
int parse_size(const char *text, uint64_t *bytes);
int parse_seconds(const char *text, uint64_t *ns);

const char *transport_name(enum transport t);

#endif
