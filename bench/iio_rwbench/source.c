// SPDX-License-Identifier: GPL-2.0
#include "source.h"

#include "error.h"
#include "wait.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static void count(struct source *s, void *data, size_t bytes)
{
	uint32_t *w = data;
	size_t i;

	for (i = 0; i < bytes / sizeof(*w); i++)
		w[i] = htole32(s->next + (uint32_t)i);
	s->next += (uint32_t)i;
}

/* Of a pipe each read() gives what happens to be there */
static int read_input(struct source *s, char *data, size_t bytes, size_t *filled,
		      uint64_t *syscalls)
{
	ssize_t n;
	int ret;

	while (*filled < bytes) {
		n = read(STDIN_FILENO, data + *filled, bytes - *filled);
		(*syscalls)++;
		if (n > 0) {
			*filled += (size_t)n;
			continue;
		}
		s->ended = n == 0;
		if (s->ended)
			return 0;
		if (errno == EINTR) {
			if (wait_stopped())
				return -EINTR;
			continue;
		}
		if (errno != EAGAIN)
			return fail(ST_FAIL, "read from standard input: %s", strerror(errno));

		/* Somebody made our standard input non-blocking */
		ret = wait_fd(STDIN_FILENO, POLLIN, 0);
		if (ret == -EINTR)
			return ret;
		if (ret < 0 && ret != -EAGAIN)
			return fail(ST_FAIL, "poll on standard input: %s", strerror(-ret));
	}
	return 0;
}

int source_fill(struct source *s, void *data, size_t bytes, size_t *filled, uint64_t *syscalls)
{
	*filled = 0;
	if (!s->counter)
		return read_input(s, data, bytes, filled, syscalls);
	count(s, data, bytes);
	*filled = bytes;
	return 0;
}
