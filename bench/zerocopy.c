// SPDX-License-Identifier: GPL-2.0
/*
 * MSG_ZEROCOPY pins the pages that it is to send. Whether a DMABUF has pages that
 * can be pinned is up to its exporter: memory that is mapped by page frame number
 * (VM_PFNMAP) has none. And whether nothing was copied in the end the kernel tells
 * with each completion (Documentation/networking/msg_zerocopy.rst).
 */
#include "zerocopy.h"

#include "counters.h"
#include "error.h"
#include "exporter.h"
#include "stats.h"
#include "wait.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEND_BYTES	(64u << 10)	/* of one call */
#define BLOCK_BYTES	(1u << 20)
#define TIMES		16
#define TIMEOUT_MS	5000

/* What came of sending one buffer some times */
struct outcome {
	int error;		/* of the first send() that failed */
	uint64_t bytes;
	uint64_t ns;
	struct count instructions;
	uint64_t completions;
	uint64_t copied;	/* completions that say so */
};

struct link {
	int fd;
	pid_t reader;
};

/* Takes everything as cheaply as a program can, without a look at it */
static void read_all(int listener)
{
	char byte;
	int fd = accept(listener, NULL, NULL);

	signal(SIGINT, SIG_IGN);
	while (recv(fd, &byte, BLOCK_BYTES, MSG_TRUNC) > 0)
		;
	_exit(0);
}

static int link_open(struct link *l)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int listener, one = 1;

	*l = (struct link){ .fd = -1, .reader = -1 };
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&addr, len) ||
	    listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len))
		return fail(ST_FAIL, "cannot listen on the loopback device: %s",
			    strerror(errno));

	l->reader = fork();
	if (!l->reader)
		read_all(listener);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->reader < 0 || l->fd < 0 ||
	    connect(l->fd, (struct sockaddr *)&addr, len) ||
	    setsockopt(l->fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one))) {
		close(listener);
		return fail(ST_FAIL, "cannot connect over the loopback device, with SO_ZEROCOPY: %s (is it up?)",
			    strerror(errno));
	}
	close(listener);
	return 0;
}

static void link_close(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	if (l->reader > 0)
		waitpid(l->reader, NULL, 0);
}

/* One message covers a range of calls. False when there is none. */
static bool take_completion(int fd, struct outcome *o)
{
	char control[CMSG_SPACE(sizeof(struct sock_extended_err)) + 64];
	struct msghdr msg = {
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	const struct sock_extended_err *err;
	struct cmsghdr *cmsg;
	uint32_t n;

	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg)
		return false;
	err = (const void *)CMSG_DATA(cmsg);
	if (err->ee_origin != SO_EE_ORIGIN_ZEROCOPY)
		return false;
	n = err->ee_data - err->ee_info + 1;
	o->completions += n;
	if (err->ee_code & SO_EE_CODE_ZEROCOPY_COPIED)
		o->copied += n;
	return true;
}

static void wait_completions(int fd, uint64_t sends, struct outcome *o)
{
	struct pollfd p = { .fd = fd };

	while (o->completions < sends) {
		if (!take_completion(fd, o) && poll(&p, 1, TIMEOUT_MS) <= 0)
			return;
	}
}

static uint64_t send_all(int fd, const char *data, int flags, struct outcome *o)
{
	uint64_t sends = 0;
	unsigned int i;
	size_t at;
	ssize_t n;

	for (i = 0; i < TIMES; i++) {
		for (at = 0; at < BLOCK_BYTES; at += (size_t)n) {
			n = send(fd, data + at, SEND_BYTES < BLOCK_BYTES - at ?
				 SEND_BYTES : BLOCK_BYTES - at, flags);
			if (n < 0) {
				o->error = errno;
				return sends;
			}
			o->bytes += (uint64_t)n;
			sends++;
		}
	}
	return sends;
}

static int measure_sends(const char *data, int flags, const struct counters *c,
			 struct outcome *o)
{
	struct count before, after;
	struct link link;
	uint64_t begin, sends;
	int ret;

	memset(o, 0, sizeof(*o));
	ret = link_open(&link);
	if (!ret) {
		counters_read(c, &before);
		begin = now_ns();
		sends = send_all(link.fd, data, flags, o);
		if (flags)
			wait_completions(link.fd, sends, o);
		o->ns = now_ns() - begin;
		counters_read(c, &after);
		o->instructions = counters_between(c, &before, &after);
	}
	link_close(&link);
	return ret;
}

static void print_outcome(FILE *out, const char *memory, const char *how,
			  const struct outcome *o)
{
	const char *what = "no completion";
	char rate[16] = "-", instr[16] = "-";

	if (o->bytes)
		snprintf(rate, sizeof(rate), "%.0f", mib_per_s(o->bytes, o->ns));
	if (o->bytes && o->instructions.valid)
		snprintf(instr, sizeof(instr), "%.0f",
			 (double)(o->instructions.user + o->instructions.kernel) /
			 (double)o->bytes * (1 << 20));
	if (o->error)
		what = strerror(o->error);
	else if (!strcmp(how, "send"))
		what = "";
	else if (o->completions)
		what = !o->copied ? "not copied" :
		       o->copied == o->completions ? "copied after all" :
						     "copied in part";
	fprintf(out, "%-18s %-13s %8s %16s  %s\n", memory, how, rate, instr, what);
}

static int try_memory(const char *name, const char *data, const struct counters *c,
		      FILE *out)
{
	struct outcome o;
	int ret;

	ret = measure_sends(data, 0, c, &o);
	if (ret)
		return ret;
	print_outcome(out, name, "send", &o);
	ret = measure_sends(data, MSG_ZEROCOPY, c, &o);
	if (!ret)
		print_outcome(out, name, "MSG_ZEROCOPY", &o);
	return ret;
}

static int try_exporter(const struct cfg *cfg, const char *name,
			const struct counters *c, FILE *out)
{
	struct exporter ex = { .fd = -1 };
	int fd = -1, ret;
	void *data;

	ret = exporter_open(&ex, cfg->root, name);
	if (ret)
		return exporter_open_failed(cfg->root, name, ret);
	ret = exporter_alloc(&ex, BLOCK_BYTES, &fd);
	exporter_close(&ex);
	if (ret)
		return exporter_alloc_failed(&ex, BLOCK_BYTES, ret);

	data = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED) {
		ret = fail(ST_FAIL, "cannot map memory of %s: %s", name,
			   strerror(errno));
	} else {
		memset(data, 0x5a, BLOCK_BYTES);
		ret = try_memory(name, data, c, out);
		munmap(data, BLOCK_BYTES);
	}
	close(fd);
	return ret;
}

static int try_plain(const struct counters *c, FILE *out)
{
	void *data = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret;

	if (data == MAP_FAILED)
		return fail(ST_FAIL, "not enough memory");
	memset(data, 0x5a, BLOCK_BYTES);
	ret = try_memory("malloc()", data, c, out);
	munmap(data, BLOCK_BYTES);
	return ret;
}

int zerocopy_run(const struct cfg *cfg, FILE *out)
{
	char there[MAX_LIST][EXPORTER_NAME];
	const char (*names)[EXPORTER_NAME] = cfg->plan.exporter;
	size_t n = cfg->plan.nexporters, i;
	struct counters c;
	int status, ret;

	if (!n) {
		n = exporter_candidates(cfg->root, there, MAX_LIST);
		names = (const char (*)[EXPORTER_NAME])there;
	}
	counters_open(&c);
	fprintf(out, "%u MiB over TCP on the loopback device, %u KiB at a time\n\n",
		TIMES * BLOCK_BYTES >> 20, SEND_BYTES >> 10);
	fprintf(out, "memory             how              MiB/s instructions/MiB  what the kernel says\n");
	status = try_plain(&c, out);
	for (i = 0; i < n && !wait_stopped(); i++) {
		ret = try_exporter(cfg, names[i], &c, out);
		if (ret == ST_MISSING && !cfg->plan.nexporters) {
			fail_clear();
			continue;
		}
		if (ret && !status)
			status = ret;
	}
	counters_close(&c);
	return status;
}
