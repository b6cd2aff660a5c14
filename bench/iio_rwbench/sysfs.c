// SPDX-License-Identifier: GPL-2.0
#include "sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SAVED 384	/* of two devices 128 channels, and what else they have */

/*
 * A fixed table and plain system calls, because a signal handler has to be able
 * to walk it at any time: an entry is complete before the count includes it.
 */
static struct {
	char path[SYSFS_PATH];
	char val[SYSFS_VALUE];
} saved[MAX_SAVED];
static volatile sig_atomic_t nsaved;
static int not_restored;

int sysfs_read(const char *path, char *val, size_t size)
{
	ssize_t n;
	int fd, ret = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	n = read(fd, val, size - 1);
	if (n < 0)
		ret = -errno;
	close(fd);
	if (ret)
		return ret;

	val[n] = '\0';
	val[strcspn(val, "\n")] = '\0';
	return 0;
}

int sysfs_read_u64(const char *path, uint64_t *val)
{
	char text[SYSFS_VALUE], *end;
	uint64_t v;
	int ret;

	ret = sysfs_read(path, text, sizeof(text));
	if (ret)
		return ret;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || end == text || text[0] == '-')
		return -EINVAL;
	/* Rates come as "1000000.000000" from some drivers */
	if (*end && *end != '.')
		return -EINVAL;

	*val = v;
	return 0;
}

static int write_text(const char *path, const char *val)
{
	size_t len = strlen(val);
	int fd, ret = 0;
	ssize_t n;

	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	/* A write of nothing never reaches the driver: send an empty line */
	n = len ? write(fd, val, len) : write(fd, "\n", 1);
	if (n < 0)
		ret = -errno;
	close(fd);

	return ret;
}

int sysfs_save(const char *path)
{
	int i, n = nsaved, ret;

	for (i = 0; i < n; i++)
		if (!strcmp(saved[i].path, path))
			return 0;
	if (n == MAX_SAVED || strlen(path) >= SYSFS_PATH)
		return -ENOSPC;

	ret = sysfs_read(path, saved[n].val, SYSFS_VALUE);
	if (ret)
		return ret;

	strcpy(saved[n].path, path);
	nsaved = n + 1;
	return 0;
}

int sysfs_write(const char *path, const char *val)
{
	int ret;

	ret = sysfs_save(path);
	return ret ? ret : write_text(path, val);
}

int sysfs_write_u64(const char *path, uint64_t val)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, val);
	return sysfs_write(path, text);
}

/* A file that switches something on or off */
static bool is_switch(const char *path)
{
	static const char *const ends[] = { "/enable", "_en" };
	size_t len = strlen(path), i;

	for (i = 0; i < 2; i++) {
		size_t n = strlen(ends[i]);

		if (len >= n && !strcmp(path + len - n, ends[i]))
			return true;
	}
	return false;
}

/* A file that has its value, because a write to it was refused, is left alone */
static int bring_back(const char *path, const char *val)
{
	char now[SYSFS_VALUE];

	if (!sysfs_read(path, now, sizeof(now)) && !strcmp(now, val))
		return 0;
	return write_text(path, val);
}

/* A driver may take a value and make another of it */
static int put_back(const char *path, const char *val)
{
	char now[SYSFS_VALUE];
	int ret = bring_back(path, val);

	if (!ret && !sysfs_read(path, now, sizeof(now)) && strcmp(now, val))
		ret = -ERANGE;
	return ret;
}

/*
 * First off what was off, then all of it: what is to be on again may be refused as long as
 * something else is.
 */
static int write_back(void)
{
	int i, ret = 0;

	for (i = nsaved - 1; i >= 0; i--)
		if (is_switch(saved[i].path) && !strcmp(saved[i].val, "0"))
			bring_back(saved[i].path, saved[i].val);
	for (i = nsaved - 1; i >= 0; i--) {
		int err = put_back(saved[i].path, saved[i].val);

		/* Read-only files were remembered, but never changed */
		if (err && err != -EACCES && err != -EPERM && !ret) {
			ret = err;
			not_restored = i;
		}
	}
	return ret;
}

int sysfs_restore(void)
{
	int ret = write_back();

	nsaved = 0;
	return ret;
}

const char *sysfs_not_restored(const char **val)
{
	*val = saved[not_restored].val;
	return saved[not_restored].path;
}

void sysfs_restore_emergency(void)
{
	write_back();
}
