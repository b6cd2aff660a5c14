// SPDX-License-Identifier: GPL-2.0
#include "evidence.h"

#include "error.h"
#include "uapi.h"
#include "wait.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define MARK_BYTES	sizeof(uint64_t)
#define SPARING		128	/* that part of the time at most */
#define MAX_FENCES	8	/* on one DMABUF; there is one, if nobody else uses it */

/* splitmix64: each value once, and none that a converter would come upon */
static uint64_t next_mark(struct evidence_means *m)
{
	uint64_t z = m->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static int export_fence(int dmabuf, uint64_t access)
{
	struct dma_buf_export_sync_file arg = { .flags = (__u32)access };

	return ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg) ? -1 : arg.fd;
}

/*
 * Each fence of its own: a sync file of two fences does not tell the error of one of
 * them to who asks for the status of all. 0 or -errno.
 */
static int read_fences(int sync_file, struct sync_fence_info *fence, unsigned int *n)
{
	struct sync_file_info info = {
		.num_fences = MAX_FENCES,
		.sync_fence_info = (uintptr_t)fence,
	};

	memset(fence, 0, MAX_FENCES * sizeof(*fence));
	if (ioctl(sync_file, SYNC_IOC_FILE_INFO, &info))
		return -errno;
	*n = info.num_fences;
	return 0;
}

/*
 * A DMABUF that nobody writes to exports a fence that stands for none, and always the
 * same. Whoever exports after the end of a transfer gets that one; by its timestamp it
 * can be told from any other. It is made when it is needed first, so that has to be
 * before the first transfer. 0 or -errno.
 */
static int learn_stub(struct evidence_means *m, int dmabuf)
{
	struct sync_fence_info fence[MAX_FENCES];
	unsigned int n = 0;
	int fd, ret;

	fd = export_fence(dmabuf, m->access);
	if (fd < 0)
		return -errno;
	ret = read_fences(fd, fence, &n);
	close(fd);
	if (ret)
		return ret;
	if (n != 1)
		return -EBUSY;
	m->stub_ns = fence[0].timestamp_ns;
	return 0;
}

static int no_fences(int err)
{
	if (err == -ENOTTY)
		return fail(ST_MISSING, "--evidence fence: this kernel exports no sync files of DMABUFs, which takes Linux 6.0 or newer with CONFIG_SYNC_FILE; leave the option out to have what it can tell");
	return fail(ST_FAIL, "--evidence fence: no sync file of a block is to be had: %s; leave the option out, or use fewer blocks (--blocks)",
		    strerror(-err));
}

int evidence_begin(struct evidence_means *m, const struct evidence_task *task, int dmabuf)
{
	bool can_mark = task->can_mark && !task->output && task->bytes >= 2 * MARK_BYTES;
	unsigned int wanted = task->wanted;
	struct timespec now;
	int ret;

	clock_gettime(CLOCK_REALTIME, &now);
	*m = (struct evidence_means){
		.state = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^
			 (uint64_t)getpid(),
		.access = task->output ? DMA_BUF_SYNC_WRITE : DMA_BUF_SYNC_READ,
	};
	if (!wanted)
		return 0;
	ret = learn_stub(m, dmabuf);
	if (ret && wanted & EVIDENCE_FENCE)
		return no_fences(ret);
	m->has_fences = !ret;
	if (wanted & EVIDENCE_MARK && task->can_mark && task->bytes < 2 * MARK_BYTES)
		return fail(ST_USAGE, "--evidence mark: a block of %zu bytes has no room for the marks at its ends, of %zu bytes; use larger blocks, or fence",
			    task->bytes, 2 * MARK_BYTES);
	if (wanted == EVIDENCE_AUTO) {
		m->sparing = !can_mark && task->measured;
		wanted = can_mark ? EVIDENCE_MARK : EVIDENCE_FENCE;
	}
	if (!can_mark)
		wanted &= ~EVIDENCE_MARK;
	if (!m->has_fences)
		wanted &= ~EVIDENCE_FENCE;
	m->bits = wanted;
	return 0;
}

void evidence_look_closely(struct evidence_means *m)
{
	m->sparing = false;
	if (m->has_fences)
		m->bits |= EVIDENCE_FENCE;
}

static void *place(void *data, size_t bytes, int end)
{
	return end ? (char *)data + bytes - MARK_BYTES : data;
}

void evidence_mark(struct evidence_means *m, struct evidence *e, void *data, size_t bytes)
{
	int end;

	e->marked = m->bits & EVIDENCE_MARK;
	for (end = 0; e->marked && end < 2; end++) {
		e->mark[end] = next_mark(m);
		memcpy(&e->kept[end], place(data, bytes, end), MARK_BYTES);
		memcpy(place(data, bytes, end), &e->mark[end], MARK_BYTES);
	}
}

void evidence_watch(struct evidence_means *m, struct evidence *e, int dmabuf, uint64_t now,
		    uint64_t *syscalls)
{
	e->sync_file = -1;
	e->err = 0;
	e->ended_ns = 0;
	if (!(m->bits & EVIDENCE_FENCE))
		return;
	if (m->sparing && (now < m->next_ns || m->skipped++ < m->skip))
		return;
	m->skipped = 0;
	if (m->sparing)
		now = now_ns();
	e->sync_file = export_fence(dmabuf, m->access);
	++*syscalls;
	/* To look at it later takes as long again */
	if (m->sparing)
		m->next_ns = now + 2 * SPARING * (now_ns() - now);
}

static enum outcome judge_fence(const struct evidence_means *m, struct evidence *e,
				uint64_t *syscalls)
{
	struct sync_fence_info fence[MAX_FENCES];
	enum outcome outcome = OUT_UNKNOWN;
	unsigned int n = 0, i;

	if (e->sync_file < 0)
		return OUT_UNKNOWN;
	if (read_fences(e->sync_file, fence, &n))
		n = 0;
	evidence_drop(e);
	*syscalls += 2;

	for (i = 0; i < n; i++) {
		if (fence[i].status < 0) {
			e->err = -fence[i].status;
			/* EINTR is mainline's word for it */
			return e->err == ECANCELED || e->err == EINTR ?
			       OUT_CANCELLED : OUT_FAILED;
		}
		if (fence[i].status == 1 && fence[i].timestamp_ns != m->stub_ns) {
			outcome = OUT_GOOD;
			e->ended_ns = fence[i].timestamp_ns;
		}
	}
	return outcome;
}

/* Any other data: the device has been here */
static bool is_marked(const struct evidence *e, void *data, size_t bytes, int end)
{
	return !memcmp(place(data, bytes, end), &e->mark[end], MARK_BYTES);
}

static enum outcome judge_marks(struct evidence *e, void *data, size_t bytes)
{
	bool left[2];
	int end;

	if (!e->marked)
		return OUT_UNKNOWN;
	e->marked = false;
	for (end = 0; end < 2; end++) {
		left[end] = is_marked(e, data, bytes, end);
		if (left[end])
			memcpy(place(data, bytes, end), &e->kept[end], MARK_BYTES);
	}
	if (left[0] && left[1])
		return OUT_UNWRITTEN;
	return left[0] || left[1] ? OUT_PARTIAL : OUT_GOOD;
}

enum outcome evidence_judge(const struct evidence_means *m, struct evidence *e,
			    void *data, size_t bytes, uint64_t *syscalls)
{
	enum outcome by_marks = judge_marks(e, data, bytes);
	enum outcome by_fence = judge_fence(m, e, syscalls);

	/* The kernel's word has a reason; a fence knows nothing of an early end */
	if (outcome_is_bad(by_fence))
		return by_fence;
	return by_marks == OUT_UNKNOWN ? by_fence : by_marks;
}

void evidence_drop(struct evidence *e)
{
	if (e->sync_file >= 0)
		close(e->sync_file);
	e->sync_file = -1;
}

const char *evidence_name(unsigned int wanted)
{
	switch (wanted) {
	case EVIDENCE_MARK:
		return "mark";
	case EVIDENCE_FENCE:
		return "fence";
	case EVIDENCE_MARK | EVIDENCE_FENCE:
		return "mark,fence";
	default:
		return wanted ? "auto" : "off";
	}
}

bool outcome_is_bad(enum outcome o)
{
	return o != OUT_GOOD && o != OUT_UNKNOWN;
}

const char *outcome_name(enum outcome o)
{
	static const char *const names[OUTCOMES] = {
		"good", "unknown", "cancelled", "failed", "unwritten", "partial",
	};

	return names[o];
}

void outcomes_add(struct outcomes *all, enum outcome kind, int err)
{
	all->count[kind]++;
	if (!outcome_is_bad(kind)) {
		all->bad_in_a_row = 0;
	} else {
		if (all->bad < OUTCOME_EVENTS)
			all->event[all->bad] = (struct outcome_event){
				.kind = kind, .err = err, .block = all->total,
			};
		all->bad++;
		all->bad_in_a_row++;
	}
	all->total++;
}

void outcomes_text(const struct outcomes *all, bool output, uint64_t block_bytes, char *text,
		   size_t size)
{
	static const char *const what[OUTCOMES] = {
		[OUT_CANCELLED] = "cancelled",
		[OUT_FAILED] = "failed",
		[OUT_UNWRITTEN] = "wrote nothing",
		[OUT_PARTIAL] = "wrote a part",
	};
	const struct outcome_event *first = &all->event[0];
	char list[160] = "";
	size_t len = 0, i;

	for (i = 0; i < OUTCOMES; i++) {
		if (!what[i] || !all->count[i])
			continue;
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%" PRIu64 " %s",
					len ? ", " : "", all->count[i], what[i]);
	}
	snprintf(text, size, "%" PRIu64 " of %" PRIu64 " transfers %s no data or not all of it (%s); the first is block %" PRIu64 ", at byte %" PRIu64 "%s%s",
		 all->bad, all->total, output ? "sent" : "brought", list, first->block, first->block * block_bytes,
		 first->err ? ": " : "", first->err ? strerror(first->err) : "");
}
