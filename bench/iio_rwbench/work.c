// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "work.h"

#include "error.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20)

static const char *const names[] = {
	"none", "sync", "read", "copy", "pipe", "file",
};

const char *work_name(enum work_kind kind)
{
	return names[kind];
}

/* The sum has to be used, or the compiler drops the reads */
static volatile uint64_t touched;

static void touch(const void *data, size_t bytes)
{
	const unsigned char *p = data;
	uint64_t sum = 0, word;
	size_t i;

	for (i = 0; i + sizeof(word) <= bytes; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		sum += word;
	}
	for (; i < bytes; i++)
		sum += p[i];
	touched += sum;
}

int write_all(int fd, const char *name, const void *data, size_t bytes,
	      uint64_t *syscalls)
{
	const char *p = data;
	ssize_t n;

	while (bytes) {
		n = write(fd, p, bytes);
		(*syscalls)++;
		if (n >= 0) {
			p += n;
			bytes -= (size_t)n;
			continue;
		}
		if (errno == EINTR && !wait_stopped())
			continue;
		if (errno == EINTR || errno == EPIPE)
			return -errno;
		if (errno == EAGAIN) {
			/* Somebody made our standard output non-blocking */
			int ret = wait_fd(fd, POLLOUT, 0);

			if (ret == -EINTR)
				return ret;
			if (ret < 0)
				return fail(ST_FAIL, "poll on %s: %s", name,
					    strerror(-ret));
			continue;
		}
		return fail(ST_FAIL, "write to %s: %s", name, strerror(errno));
	}
	return 0;
}

/* Takes what comes without a look at it, as cheaply as a program can */
static void read_pipe(int in)
{
	int null = open("/dev/null", O_WRONLY);

	wait_in_child();
	while (splice(in, NULL, null, NULL, PIPE_BYTES, 0) > 0)
		;
	_exit(0);
}

static int open_pipe(struct work *w)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return fail(ST_FAIL, "pipe: %s", strerror(errno));
	/* Best effort: users without privileges may have reached their limit */
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
	w->reader = fork();
	if (!w->reader) {
		close(ends[1]);
		read_pipe(ends[0]);
	}
	close(ends[0]);
	w->fd = ends[1];
	return w->reader < 0 ? fail(ST_FAIL, "fork: %s", strerror(errno)) : 0;
}

static int open_file(struct work *w, const char *file)
{
	if (file)
		w->fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	else
		w->fd = memfd_create("iio_rwbench", MFD_CLOEXEC);
	if (w->fd < 0)
		return fail(ST_FAIL, "cannot write %s: %s",
			    file ? file : "a file in memory", strerror(errno));
	return 0;
}

static int open_copy(struct work *w, size_t block_bytes)
{
	if (posix_memalign(&w->copy, 4096, block_bytes)) {
		w->copy = NULL;
		return fail(ST_FAIL, "not enough memory for a copy of %zu bytes",
			    block_bytes);
	}
	/* Page faults are not to be measured */
	memset(w->copy, 0, block_bytes);
	return 0;
}

int work_open(struct work *w, enum work_kind kind, size_t block_bytes,
	      const char *file)
{
	*w = (struct work){ .kind = kind, .fd = -1 };

	switch (kind) {
	case WORK_COPY:
		return open_copy(w, block_bytes);
	case WORK_PIPE:
		return open_pipe(w);
	case WORK_FILE:
		return open_file(w, file);
	default:
		return 0;
	}
}

void work_close(struct work *w)
{
	free(w->copy);
	if (w->fd >= 0)
		close(w->fd);
	if (w->reader > 0)
		waitpid(w->reader, NULL, 0);
	*w = (struct work){ .fd = -1 };
}

static int write_pipe(struct work *w, const void *data, size_t bytes,
		      uint64_t *syscalls)
{
	int ret = write_all(w->fd, "the pipe", data, bytes, syscalls);

	if (ret != -EPIPE)
		return ret;
	return fail(ST_FAIL, "the process that reads the pipe of --cpu pipe has ended: find out who killed it, and try again");
}

static int write_file(struct work *w, const void *data, size_t bytes,
		      uint64_t *syscalls)
{
	/* The same place again: a page cache that grows is no figure */
	if (lseek(w->fd, 0, SEEK_SET) < 0)
		return fail(ST_FAIL, "lseek: %s", strerror(errno));
	(*syscalls)++;
	return write_all(w->fd, "the file", data, bytes, syscalls);
}

int work_do(struct work *w, const void *data, size_t bytes, uint64_t *syscalls)
{
	switch (w->kind) {
	case WORK_READ:
		touch(data, bytes);
		return 0;
	case WORK_COPY:
		memcpy(w->copy, data, bytes);
		/* It counts as used */
		__asm__ volatile("" : : "r"(w->copy) : "memory");
		return 0;
	case WORK_FILE:
		return write_file(w, data, bytes, syscalls);
	case WORK_PIPE:
		return write_pipe(w, data, bytes, syscalls);
	default:
		return 0;
	}
}
