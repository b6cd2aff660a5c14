// SPDX-License-Identifier: GPL-2.0
#include "checker.h"

#include "error.h"
#include "sysfs.h"

#include <stdio.h>
#include <string.h>

static int read_one(const char *dir, const char *file, uint64_t *val)
{
	char path[SYSFS_PATH];
	int ret;

	if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		return fail(ST_USAGE, "--checker: the path is too long");
	ret = sysfs_read_u64(path, val);
	return ret ? fail(ST_FAIL, "--checker: cannot read %s: %s; it takes a directory with the files jumps and lost_bytes",
			  path, strerror(-ret)) : 0;
}

int checker_read(const char *dir, struct checks *now)
{
	int ret;

	ret = read_one(dir, "jumps", &now->jumps);
	if (!ret)
		ret = read_one(dir, "lost_bytes", &now->lost_bytes);
	now->known = !ret;
	return ret;
}
