/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_REPORT_H
#define RWBENCH_REPORT_H

#include "json.h"
#include "rate.h"
#include "result.h"

#include <stdio.h>

#define REPORT_SCHEMA_VERSION	1

/* All that there is to tell. @dev and @result may still be empty. */
struct report {
	const struct cfg *cfg;
	const struct iio_dev *dev;	/* NULL: none was found */
	uint64_t rate;			/* sampling_frequency, during the run */
	uint32_t core_version;		/* of the FPGA core; 0: unknown */
	const struct result *result;
	const struct max_rate *max_rate;	/* one for each result; NULL: not searched */
	uint64_t rate_limit_hz;		/* where the search of the highest began */
	size_t nresults;
	bool given_up;			/* nothing more was measured after the last of them */
	int status;
	const char *error;		/* NULL or empty: none */
	int argc;
	char **argv;
};

/* The first lines of every report: the device and the machine */
void report_machine(FILE *out, const struct report *rep);

void report_header(FILE *out, const struct report *rep);
void report_table(FILE *out, const struct report *rep);
/* The result of that block size and transport, or NULL */
const struct result *report_find(const struct report *rep, uint64_t block_bytes,
				 enum transport t);

/* Lines on what a table has no room for */
void report_notes(FILE *out, const struct report *rep, const struct result *r);

/* A sentence on transfers of DMABUFs that nobody knows of whether they were good; false: none */
bool report_unseen(const struct report *rep, char *text, size_t size);

void report_stream(FILE *out, const struct result *r);
void report_json(FILE *out, const struct report *rep);
void report_csv(FILE *out, const struct report *rep);

/* A field, quoted if it has to be; what is not known is an empty one */
void csv_text(FILE *out, const char *text);

/* With three digits, however small it is */
void csv_figure(FILE *out, double val);
void json_figure(struct json *j, const char *key, double val);

/* What all JSON documents begin and end with */
void report_json_begin(struct json *j, const struct report *rep,
		       const char *schema, unsigned int version);
void report_json_end(struct json *j, const struct report *rep);

#endif
