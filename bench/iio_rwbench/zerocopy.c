// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * MSG_ZEROCOPY pins the pages that it is to send. Whether a DMABUF has pages that
 * can be pinned is up to its exporter: memory that is mapped by page frame number
 * (VM_PFNMAP) has none. And whether nothing was copied in the end the kernel tells
 * with each completion (Documentation/networking/msg_zerocopy.rst).
 */
#include "zerocopy.h"

#include "error.h"
#include "exporter.h"
#include "stats.h"
#include "wait.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEND_BYTES	(64u << 10)	/* of one call */
#define BLOCK_BYTES	(1u << 20)
#define TIMES		16
#define TIMEOUT_MS	5000

struct link {
	int fd;
	pid_t reader;
};

/* Takes everything as cheaply as a program can: TCP throws away what is truncated */
static void read_all(int listener)
{
	static char sink[BLOCK_BYTES];
	int fd;

	wait_in_child();
	fd = accept(listener, NULL, NULL);
	while (fd >= 0 && recv(fd, sink, sizeof(sink), MSG_TRUNC) > 0)
		;
	_exit(0);
}

static int cannot_listen(int listener)
{
	int err = errno;

	if (listener >= 0)
		close(listener);
	return fail(ST_FAIL, "cannot listen on the loopback device: %s (is it up?)",
		    strerror(err));
}

/* Without a connection the reader would wait for one for ever */
static int cannot_connect(struct link *l)
{
	int err = errno;

	if (l->reader > 0)
		kill(l->reader, SIGKILL);
	return fail(ST_FAIL, "cannot connect over the loopback device, with SO_ZEROCOPY: %s (is it up?)",
		    strerror(err));
}

static int link_open(struct link *l)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int listener, one = 1, ret = 0;

	*l = (struct link){ .fd = -1, .reader = -1 };
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&addr, len) ||
	    listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len))
		return cannot_listen(listener);

	l->reader = fork();
	if (!l->reader)
		read_all(listener);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->reader < 0 || l->fd < 0 ||
	    connect(l->fd, (struct sockaddr *)&addr, len) ||
	    setsockopt(l->fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		ret = cannot_connect(l);
	close(listener);
	return ret;
}

static void link_close(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	if (l->reader > 0)
		waitpid(l->reader, NULL, 0);
}

/* One message covers a range of calls. False when there is none. */
static bool take_completion(int fd, struct zc_send *o)
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

/* They are told as an error, which poll() always looks for */
static void wait_completions(int fd, uint64_t sends, struct zc_send *o)
{
	while (o->completions < sends) {
		if (!take_completion(fd, o) && wait_fd(fd, 0, TIMEOUT_MS) <= 0)
			return;
	}
}

static uint64_t send_all(int fd, const char *data, int flags, struct zc_send *o)
{
	uint64_t sends = 0;
	unsigned int i;
	size_t at;
	ssize_t n;

	for (i = 0; i < TIMES; i++) {
		for (at = 0; at < BLOCK_BYTES; at += (size_t)n) {
			if (wait_stopped())
				return sends;
			n = send(fd, data + at, SEND_BYTES < BLOCK_BYTES - at ?
				 SEND_BYTES : BLOCK_BYTES - at, flags);
			if (n < 0) {
				/* After a signal it ends above */
				if (errno != EINTR) {
					o->error = errno;
					return sends;
				}
				n = 0;
				continue;
			}
			o->bytes += (uint64_t)n;
			sends++;
		}
	}
	return sends;
}

static int measure_sends(const char *data, int flags, const struct counters *c,
			 struct zc_send *o)
{
	struct count before, after;
	struct link link;
	uint64_t begin, sends;
	int ret;

	o->zerocopy = flags;
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

static double instructions_per_mib(const struct zc_send *o)
{
	return (double)(o->instructions.user + o->instructions.kernel) /
	       (double)o->bytes * (1 << 20);
}

static const char *verdict(const struct zc_send *o)
{
	if (o->error)
		return strerror(o->error);
	if (!o->zerocopy)
		return "";
	if (!o->completions)
		return "no completion";
	if (!o->copied)
		return "not copied";
	return o->copied == o->completions ? "copied after all" : "copied in part";
}

static void print_send(FILE *out, const struct zc_send *o)
{
	char rate[16] = "-", instr[16] = "-";

	if (!out)
		return;
	if (o->bytes)
		snprintf(rate, sizeof(rate), "%.0f", mib_per_s(o->bytes, o->ns));
	if (o->bytes && o->instructions.valid)
		snprintf(instr, sizeof(instr), "%.0f", instructions_per_mib(o));
	fprintf(out, "%-18s %-13s %8s %16s  %s\n", o->memory,
		o->zerocopy ? "MSG_ZEROCOPY" : "send", rate, instr, verdict(o));
	fflush(out);
}

/* That memory cannot be sent without a copy is a result, that it cannot be sent is none */
static int try_send(struct zerocopy *z, const char *name, const char *data, int flags,
		    FILE *out)
{
	struct zc_send *o = &z->send[z->nsends];
	int ret;

	*o = (struct zc_send){ .error = 0 };
	snprintf(o->memory, sizeof(o->memory), "%s", name);
	ret = measure_sends(data, flags, &z->counters, o);
	if (ret || wait_stopped())
		return ret;
	z->nsends++;
	print_send(out, o);
	if (o->error == ENOBUFS && flags)
		return fail(ST_FAIL, "what MSG_ZEROCOPY does with memory of %s cannot be seen: it needs more locked memory (ulimit -l) or more for its messages (net.core.optmem_max) than is allowed here",
			    name);
	if (o->error && !flags)
		return fail(ST_FAIL, "memory of %s cannot be sent over the loopback device: %s",
			    name, strerror(o->error));
	return 0;
}

static int try_memory(struct zerocopy *z, const char *name, const char *data, FILE *out)
{
	int ret;

	ret = try_send(z, name, data, 0, out);
	if (!ret && !wait_stopped())
		ret = try_send(z, name, data, MSG_ZEROCOPY, out);
	return ret;
}

static int try_exporter(struct zerocopy *z, const struct cfg *cfg, const char *name,
			FILE *out)
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
		return exporter_alloc_failed(&ex, cfg->root, BLOCK_BYTES, ret);

	data = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED) {
		ret = fail(ST_FAIL, "cannot map memory of %s: %s", name,
			   strerror(errno));
	} else {
		memset(data, 0x5a, BLOCK_BYTES);
		ret = try_memory(z, name, data, out);
		munmap(data, BLOCK_BYTES);
	}
	close(fd);
	return ret;
}

static int try_plain(struct zerocopy *z, FILE *out)
{
	void *data = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret;

	if (data == MAP_FAILED)
		return fail(ST_FAIL, "not enough memory");
	memset(data, 0x5a, BLOCK_BYTES);
	ret = try_memory(z, "malloc()", data, out);
	munmap(data, BLOCK_BYTES);
	return ret;
}

/*
 * What udmabuf is made of. Its pages can be pinned through the file's own mapping, where
 * they cannot be through that of the DMABUF.
 */
static int try_memfd(struct zerocopy *z, FILE *out)
{
	int fd = memfd_create(RWBENCH_NAME, MFD_CLOEXEC), ret;
	void *data;

	if (fd < 0 || ftruncate(fd, BLOCK_BYTES)) {
		ret = fail(ST_FAIL, "cannot make a memfd: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return ret;
	}
	data = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return fail(ST_FAIL, "cannot map a memfd: %s", strerror(errno));
	memset(data, 0x5a, BLOCK_BYTES);
	ret = try_memory(z, "memfd", data, out);
	munmap(data, BLOCK_BYTES);
	return ret;
}

static void print_head(FILE *out)
{
	if (!out)
		return;
	fprintf(out, "%u MiB over TCP on the loopback device, %u KiB at a time\n\n",
		TIMES * BLOCK_BYTES >> 20, SEND_BYTES >> 10);
	fprintf(out, "memory             how              MiB/s instructions/MiB  what the kernel says\n");
	fflush(out);
}

static int try_all(struct zerocopy *z, const struct cfg *cfg, FILE *out)
{
	char there[MAX_LIST][EXPORTER_NAME];
	const char (*names)[EXPORTER_NAME] = cfg->plan.exporter;
	size_t n = cfg->plan.nexporters, i;
	int status, ret;

	if (!n) {
		n = exporter_candidates(cfg->root, there, MAX_LIST);
		names = (const char (*)[EXPORTER_NAME])there;
	}
	status = try_plain(z, out);
	if (!wait_stopped()) {
		ret = try_memfd(z, out);
		if (!status)
			status = ret;
	}
	for (i = 0; i < n && !wait_stopped(); i++) {
		ret = try_exporter(z, cfg, names[i], out);
		if (ret == ST_MISSING && !cfg->plan.nexporters) {
			/* The sentence of an earlier failure stays */
			if (!status)
				fail_clear();
			continue;
		}
		if (ret && !status)
			status = ret;
	}
	return status;
}

int zerocopy_run(struct zerocopy *z, const struct cfg *cfg, FILE *out)
{
	int status;

	counters_open(&z->counters);
	print_head(out);
	status = try_all(z, cfg, out);
	counters_close(&z->counters);
	if (!status && wait_stopped())
		status = fail(ST_FAIL, "ended early by signal %d", wait_signal());
	return status;
}

static void json_send(struct json *j, const struct zc_send *o)
{
	json_object(j, NULL);
	json_str(j, "memory", o->memory);
	json_bool(j, "zerocopy", o->zerocopy);
	json_u64(j, "bytes", o->bytes);
	json_u64(j, "elapsed_ns", o->ns);
	json_figure(j, "mib_per_s", mib_per_s(o->bytes, o->ns));
	if (o->bytes && o->instructions.valid)
		json_num(j, "instructions_per_mib", instructions_per_mib(o), 3);
	else
		json_null(j, "instructions_per_mib");
	json_u64(j, "completions", o->completions);
	json_u64(j, "copied", o->copied);
	if (o->error)
		json_str(j, "error", strerror(o->error));
	json_end_object(j);
}

void zerocopy_json(FILE *out, const struct report *rep, const struct zerocopy *z)
{
	struct json j;
	size_t i;

	json_init(&j, out);
	report_json_begin(&j, rep, ZEROCOPY_SCHEMA, ZEROCOPY_SCHEMA_VERSION);
	json_u64(&j, "send_bytes", SEND_BYTES);
	json_array(&j, "sends");
	for (i = 0; i < z->nsends; i++)
		json_send(&j, &z->send[i]);
	json_end_array(&j);
	report_json_end(&j, rep);
}
