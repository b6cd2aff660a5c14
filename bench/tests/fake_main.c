// SPDX-License-Identifier: GPL-2.0
/*
 * Goes before main() of the program when it is linked with the fake kernel:
 * FAKE holds its settings, FAKE_TREE a directory to be made, and what the
 * program left behind makes it exit with 99.
 */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void left_behind(void)
{
	if (!fake.mistakes && !fake.attached && !fake.syncs && !fake.buffers &&
	    !fake.dmabufs && !fake.sync_files)
		return;
	fflush(NULL);
	fprintf(stderr, "fake kernel: %d mistakes, %d attached, %d syncs open, %d buffers, %d dma-bufs, %d sync files\n",
		fake.mistakes, fake.attached, fake.syncs, fake.buffers,
		fake.dmabufs, fake.sync_files);
	_exit(99);
}

__attribute__((constructor)) static void fake_begin(void)
{
	const char *settings = getenv("FAKE"), *dir = getenv("FAKE_TREE");

	fake_reset();
	if (settings && fake_parse(settings)) {
		fprintf(stderr, "FAKE=%s: unknown setting\n", settings);
		_exit(99);
	}
	if (dir && fake_tree(dir)) {
		perror(dir);
		_exit(99);
	}
	atexit(left_behind);
}
