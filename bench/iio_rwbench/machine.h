/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_MACHINE_H
#define RWBENCH_MACHINE_H

#include <sys/utsname.h>

/* Where a report was made */
struct machine {
	struct utsname uts;
	char model[128];
	char clocksource[64];
	long cpus;
};

void machine_read(struct machine *m, const char *root);

#endif
