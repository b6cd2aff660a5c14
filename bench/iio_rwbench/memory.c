// SPDX-License-Identifier: GPL-2.0
#include "memory.h"

#include "error.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RESERVE 16	/* this part of what is there is left to others */

static bool find_kib(const char *text, const char *key, uint64_t *kib)
{
	const char *line = strstr(text, key);

	return line && sscanf(line + strlen(key), " %" SCNu64, kib) == 1;
}

uint64_t memory_parse(const char *text, bool cma)
{
	uint64_t available, in_cma = 0;

	if (!find_kib(text, "MemAvailable:", &available))
		return UINT64_MAX;

	/* CMA counts as available, but only its own heaps can pin pages there */
	if (!cma)
		find_kib(text, "CmaFree:", &in_cma);
	available -= in_cma < available ? in_cma : available;
	return (available - available / RESERVE) * 1024;
}

static bool read_meminfo(const char *root, char *text, size_t size)
{
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/proc/meminfo", root);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return false;
	text[n] = '\0';
	return true;
}

uint64_t memory_usable(const char *root, bool cma)
{
	char text[4096];

	return read_meminfo(root, text, sizeof(text)) ? memory_parse(text, cma) : UINT64_MAX;
}

bool memory_info(const char *root, const char *key, uint64_t *val)
{
	char text[4096];

	return read_meminfo(root, text, sizeof(text)) && find_kib(text, key, val);
}

void memory_touch(void *data, size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	volatile char *byte = data;
	size_t at;

	for (at = 0; at < bytes; at += page)
		byte[at] = 0;
}

int memory_check(const char *root, const char *what, uint64_t bytes, bool cma)
{
	uint64_t usable = memory_usable(root, cma);

	if (bytes <= usable)
		return 0;
	return fail(ST_FAIL, "%s of %" PRIu64 " MiB would not fit into the %" PRIu64 " MiB of memory that are free; use fewer or smaller blocks (--blocks, -b)",
		    what, bytes >> 20, usable >> 20);
}
