/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_RELAY_REPORT_H
#define RWBENCH_RELAY_REPORT_H

#include "report.h"

/* The table of "relay": JSON and CSV are those of all runs */
void relay_report(FILE *out, const struct report *rep);

#endif
