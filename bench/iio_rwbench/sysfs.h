/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_SYSFS_H
#define RWBENCH_SYSFS_H

#include <stddef.h>
#include <stdint.h>

#define SYSFS_PATH	512
#define SYSFS_VALUE	128

/* First line of a file, without the newline. 0 or -errno */
int sysfs_read(const char *path, char *val, size_t size);
int sysfs_read_u64(const char *path, uint64_t *val);

/*
 * Remembers the present value of a file, once. sysfs_restore() writes all
 * remembered values back, the latest first: the caller remembers the files in
 * the order in which they may be changed, so "enable" last. But before all others
 * what was off goes off.
 */
int sysfs_save(const char *path);

/* Writes, and remembers what was there before. 0 or -errno */
int sysfs_write(const char *path, const char *val);
int sysfs_write_u64(const char *path, uint64_t val);

/* 0 or the first -errno; all are tried. Forgets the values. */
int sysfs_restore(void);

/* The file that this was about, and the value that it did not take */
const char *sysfs_not_restored(const char **val);

/* The same, for signal handlers */
void sysfs_restore_emergency(void);

#endif
