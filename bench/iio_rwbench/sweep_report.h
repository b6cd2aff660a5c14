/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_SWEEP_REPORT_H
#define RWBENCH_SWEEP_REPORT_H

#include "report.h"
#include "sweep.h"

#define SWEEP_SCHEMA		RWBENCH_NAME "-sweep"
#define SWEEP_SCHEMA_VERSION	1

void sweep_report_table(FILE *out, const struct report *rep,
			const struct sweep *s);
void sweep_report_csv(FILE *out, const struct sweep *s);
void sweep_report_json(FILE *out, const struct report *rep,
		       const struct sweep *s);

/* A live line, if standard error is a terminal */
void sweep_report_doing(const struct sweep *s, const struct point *p,
			unsigned int run);

#endif
