/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What leaves an output is checked by somebody else, such as the dummy DAC of this project or
 * its USB host: a directory has the files "jumps", words that did not continue the counter,
 * and "lost_bytes", what was due and not there, or what the counter has left out.
 */
#ifndef RWBENCH_CHECKER_H
#define RWBENCH_CHECKER_H

#include <stdbool.h>
#include <stdint.h>

struct checks {
	bool known;
	uint64_t jumps;
	uint64_t lost_bytes;
};

/* So far. 0, or a status of error.h if @dir is no such directory */
int checker_read(const char *dir, struct checks *now);

#endif
