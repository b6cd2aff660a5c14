/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_MEMORY_H
#define RWBENCH_MEMORY_H

#include <stdint.h>

/*
 * Bytes that can be allocated in pages without harm to other processes. The
 * heaps do not fail when memory runs out: the kernel kills somebody instead.
 * UINT64_MAX when nobody knows.
 */
uint64_t memory_usable(const char *root);

/* The same from the text of /proc/meminfo */
uint64_t memory_parse(const char *text);

/* Refuses in one sentence what would not fit. 0 or a status of error.h */
int memory_check(const char *root, const char *what, uint64_t bytes);

#endif
