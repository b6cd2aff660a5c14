/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_MEMORY_H
#define RWBENCH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes that can be allocated in pages without harm to other processes. The
 * heaps do not fail when memory runs out: the kernel kills somebody instead.
 * UINT64_MAX when nobody knows.
 */
uint64_t memory_usable(const char *root, bool cma);

/* The same from the text of /proc/meminfo. With @cma also what lies in CMA */
uint64_t memory_parse(const char *text, bool cma);

/* A line of /proc/meminfo, such as "CmaFree:", in its unit. False: there is none */
bool memory_info(const char *root, const char *key, uint64_t *val);

/* Refuses in one sentence what would not fit. 0 or a status of error.h */
int memory_check(const char *root, const char *what, uint64_t bytes, bool cma);

/*
 * Much memory has a page only when it is touched. That is to happen before the first round,
 * whose time may count. To zero.
 */
void memory_touch(void *data, size_t bytes);

#endif
