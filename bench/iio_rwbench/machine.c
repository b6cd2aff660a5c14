// SPDX-License-Identifier: GPL-2.0
#include "machine.h"

#include "sysfs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void machine_read(struct machine *m, const char *root)
{
	char path[256];

	memset(m, 0, sizeof(*m));
	uname(&m->uts);
	m->cpus = sysconf(_SC_NPROCESSORS_ONLN);

	snprintf(path, sizeof(path), "%s/proc/device-tree/model", root);
	if (sysfs_read(path, m->model, sizeof(m->model)))
		m->model[0] = '\0';
	snprintf(path, sizeof(path),
		 "%s/sys/devices/system/clocksource/clocksource0/current_clocksource",
		 root);
	if (sysfs_read(path, m->clocksource, sizeof(m->clocksource)))
		strcpy(m->clocksource, "unknown");
}
