/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_PROGRESS_H
#define RWBENCH_PROGRESS_H

#include "options.h"
#include "result.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * What is told while it goes on: rows with --interval, else a live line if standard
 * error is a terminal; and a line on standard error for who has @asked
 */
void progress_init(const struct cfg *cfg, FILE *rows);
void progress_show(const struct result *r, uint64_t bytes, uint64_t ns, bool asked);
void progress_trial(const struct result *r, uint64_t hz);

/* A live line, if standard error is a terminal */
void progress_doing(const char *what);
void progress_end(void);

#endif
