/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_REPORT_H
#define RWBENCH_REPORT_H

#include "json.h"
#include "measure.h"

#include <stdio.h>

#define REPORT_SCHEMA_VERSION	1

/* All that there is to tell. @dev and @result may still be empty. */
struct report {
	const struct cfg *cfg;
	const struct iio_dev *dev;	/* NULL: none was found */
	uint64_t rate;			/* sampling_frequency, during the run */
	uint64_t max_rate;		/* where the search of the highest began */
	struct result *result;
	size_t nresults;
	int status;
	const char *error;		/* NULL or empty: none */
	int argc;
	char **argv;
};

/* The first lines of every report: the device and the machine */
void report_machine(FILE *out, const struct report *rep);

void report_header(FILE *out, const struct report *rep);
void report_table(FILE *out, const struct report *rep);
void report_stream(FILE *out, const struct result *r);
void report_json(FILE *out, const struct report *rep);

/* What all JSON documents begin and end with */
void report_json_begin(struct json *j, const struct report *rep,
		       const char *schema, unsigned int version);
void report_json_end(struct json *j, const struct report *rep);

/* Rows with --interval, else a live line if standard error is a terminal */
void report_progress_init(const struct cfg *cfg, FILE *rows);
void report_progress(const struct result *r, uint64_t bytes, uint64_t ns);
void report_trial(const struct result *r, uint64_t hz);

/* A live line, if standard error is a terminal */
void report_doing(const char *what);
void report_progress_end(void);

#endif
