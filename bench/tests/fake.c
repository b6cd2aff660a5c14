// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "fake.h"

#include "uapi.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_FDS 1024
#define MAX_CHANNELS 8

int __real_ioctl(int fd, unsigned long request, ...);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
ssize_t __real_read(int fd, void *buf, size_t n);
ssize_t __real_write(int fd, const void *buf, size_t n);
int __real_close(int fd);
int __real_open(const char *path, int flags, ...);
ssize_t __real_pread(int fd, void *buf, size_t n, off_t offset);
long __real_syscall(long number, ...);
int __real_connect(int fd, const struct sockaddr *addr, socklen_t len);
ssize_t __real_send(int fd, const void *buf, size_t n, int flags);

int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
ssize_t __wrap_read(int fd, void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n);
int __wrap_close(int fd);
int __wrap_open(const char *path, int flags, mode_t mode);
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len);
ssize_t __wrap_send(int fd, const void *buf, size_t n, int flags);

struct fake fake;

enum kind { OTHER, BUFFER, DMABUF, COUNTER, SYNC_FILE, EP0 };
enum side { ADC, DAC, USB, SIDES };	/* a BUFFER of USB is its endpoint */

#define DAC_BLOCKS 2	/* of the kernel, for write() */
#define DAC_SCAN 8	/* bytes of four channels, which is all that it is asked for */
#define CYCLES 3	/* rounds that a cyclic block makes before it ends */

#define STUB_NS 1000	/* timestamp of the fence that stands for none */

static struct {
	enum kind kind;
	uint64_t size;
	uint64_t counted, seen;	/* by the kernel, and where the counter was then */
	enum side side;		/* of a buffer */
	struct transfer {
		bool attached;
		bool queued;
		bool cyclic;
		uint64_t used;	/* of the transfer in flight */
		uint64_t turn;	/* first come, first filled */
	} at[SIDES];
	bool synced;
	bool clean;		/* had SYNC for writing since it was made */
	int of;			/* dma-buf of a sync file */
	struct {
		bool there;
		bool pending;
		int status;	/* as SYNC_IOC_FILE_INFO tells it */
		uint64_t when;
	} fence[SIDES];
} fds[MAX_FDS];
static bool enabled, dac_enabled;
static char dac_block[8 << 20];	/* what write() has brought of it ... */
static size_t dac_filled;
static unsigned int dac_full;	/* ... and blocks that wait, which are sent at once in truth */
static uint32_t sent_next;
static bool sent_any;
static uint64_t turns;
static uint64_t signals;	/* of fences, which is their time */
static uint64_t rate_hz;	/* that was set */
static uint32_t next_word;
static bool next_valid;
static bool making_tree;
static bool unplugged;
static char ffs_path[512];	/* with a slash at its end, as dac_path */
static char udc_path[512];
static unsigned int ep0_writes;

void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	memset(fds, 0, sizeof(fds));
	enabled = dac_enabled = false;
	dac_filled = 0;
	dac_full = 0;
	sent_any = false;
	next_valid = false;
	rate_hz = 0;
	unplugged = false;
	ep0_writes = 0;
}

static void mistake(const char *what)
{
	fake.mistakes++;
	fprintf(stderr, "fake kernel: %s\n", what);
}

static int err(int number)
{
	errno = number;
	return -1;
}

static bool is(int fd, enum kind kind)
{
	return fd >= 0 && fd < MAX_FDS && fds[fd].kind == kind;
}

static int new_fd(int fd, enum kind kind, uint64_t size)
{
	if (fd < 0)
		return fd;
	if (fd >= MAX_FDS)
		abort();
	memset(&fds[fd], 0, sizeof(fds[fd]));
	fds[fd].kind = kind;
	fds[fd].size = size;
	return fd;
}

static void set_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || __real_write(fd, text, strlen(text)) < 0)
		abort();
	__real_close(fd);
}

/* Of the last tree that was made */
static char enable_path[512];
static char dac_path[512];

/* sysfs takes the time when a file is truncated, and not when it is written to */
static void enable_by_another(void)
{
	int fd = open(enable_path, O_WRONLY | (fake.toggle_quietly ? 0 : O_TRUNC));
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || __real_write(fd, "1", 1) < 0)
		abort();
	times[1] = st.st_mtim;
	if (fake.toggle_quietly && futimens(fd, times))
		abort();
	__real_close(fd);
}

static bool ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);

	return a >= b && !strcmp(text + a - b, end);
}

/* What was opened; empty if that cannot be known */
static void path_of(int fd, char *path, size_t size)
{
	char link[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, size - 1);
	path[len > 0 ? len : 0] = '\0';
}

static int get_fd(int node, void *arg)
{
	char path[512];
	enum side side;
	int fd;

	path_of(node, path, sizeof(path));
	side = ends_with(path, "iio:device2") ? DAC : ADC;
	if (fake.getfd_errno)
		return err(fake.getfd_errno);
	for (fd = 0; fd < MAX_FDS; fd++)
		if (is(fd, BUFFER) && fds[fd].side == side)
			return err(EBUSY);
	*(int *)arg = new_fd(eventfd(0, EFD_CLOEXEC), BUFFER, 0);
	if (*(int *)arg < 0)
		return -1;
	fds[*(int *)arg].side = side;
	fake.buffers++;
	if (fake.late_enable)
		enable_by_another();
	return 0;
}

static int new_dmabuf(uint64_t size)
{
	int fd = memfd_create("fake", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (ftruncate(fd, (off_t)size))
		abort();
	fake.dmabufs++;
	if (size > fake.largest)
		fake.largest = size;
	return new_fd(fd, DMABUF, size);
}

static int heap_alloc(void *arg)
{
	struct dma_heap_allocation_data *req = arg;
	int fd;

	if (fake.heap_errno)
		return err(fake.heap_errno);
	fd = new_dmabuf(req->len);
	req->fd = (__u32)fd;
	return fd < 0 ? -1 : 0;
}

static int udmabuf_create(void *arg)
{
	const struct udmabuf_create *req = arg;

	if (req->size % 4096)
		return err(EINVAL);
	return new_dmabuf(req->size);
}

static bool due(int number, int at, int count)
{
	return number && (!at || at == count);
}

static int attach(enum side side, int dmabuf)
{
	if (due(fake.attach_errno, fake.attach_errno_at, ++fake.attaches))
		return err(fake.attach_errno);
	if (side == USB && fake.no_sg)
		return err(EPERM);
	if ((side == DAC && dac_enabled) || (side == ADC && enabled))
		mistake("ATTACH while the buffer is enabled for file I/O");
	if (!is(dmabuf, DMABUF) || fds[dmabuf].at[side].attached)
		return err(EBUSY);
	fds[dmabuf].at[side].attached = true;
	fake.attached++;
	return 0;
}

static int detach(enum side side, int dmabuf)
{
	if (!is(dmabuf, DMABUF) || !fds[dmabuf].at[side].attached) {
		mistake("DETACH of what is not attached");
		return err(EPERM);
	}
	fds[dmabuf].at[side].attached = false;
	fake.attached--;
	return 0;
}

static bool is_queued(int fd)
{
	return fds[fd].at[ADC].queued || fds[fd].at[DAC].queued || fds[fd].at[USB].queued;
}

static bool file_starts_with(const char *path, char c);

/* It has been given its controller, and a host has configured it */
static bool has_host(void)
{
	return !fake.no_host && !unplugged && file_starts_with(udc_path, 'f');
}

static bool runs(enum side side)
{
	if (side == USB)
		return has_host() && !fake.host_stall;
	return side == DAC ? dac_enabled && !fake.dac_stall : enabled && !fake.stall;
}

static void complete(enum side side, int fd);
static void complete_next(enum side side);

/* As the kernel does: until the other devices have done with it */
static bool wait_for_others(enum side side, int fd)
{
	enum side other;

	for (other = 0; other < SIDES; other++) {
		if (other == side || !fds[fd].at[other].queued)
			continue;
		fake.fence_waits++;
		if (!runs(other))
			return false;
		while (fds[fd].at[other].queued)
			complete_next(other);
	}
	return true;
}

static int enqueue(enum side side, const struct iio_dmabuf *req)
{
	bool cyclic = req->flags & IIO_BUFFER_DMABUF_CYCLIC;
	int fd = (int)req->fd;

	if (fake.enqueue_us)
		usleep(fake.enqueue_us);
	if (due(fake.enqueue_errno, fake.enqueue_errno_at, ++fake.enqueues))
		return err(fake.enqueue_errno);
	if (!is(fd, DMABUF) || !fds[fd].at[side].attached ||
	    req->flags & ~IIO_BUFFER_DMABUF_CYCLIC || (cyclic && side != DAC) ||
	    !req->bytes_used || req->bytes_used > fds[fd].size ||
	    (side == DAC && req->bytes_used % DAC_SCAN)) {
		mistake("bad ENQUEUE");
		return err(EINVAL);
	}
	if (cyclic && fake.no_cyclic)
		return err(ENOMEM);
	if (fds[fd].at[side].queued) {
		mistake("ENQUEUE twice");
		return err(EBUSY);
	}
	if (fds[fd].synced)
		mistake("ENQUEUE during CPU access");
	if (!fds[fd].clean)
		mistake("ENQUEUE of memory that was never out of the cache");
	if (!wait_for_others(side, fd))
		return err(EBUSY);
	fds[fd].at[side] = (struct transfer){
		.attached = true, .queued = true, .cyclic = cyclic, .turn = ++turns,
		.used = req->bytes_used,
	};
	fake.queued++;
	if (fake.late && enabled && side == ADC)
		complete(ADC, fd);
	return 0;
}

/* Of a dma-buf that nobody writes to it is the fence that stands for none */
static int export_sync_file(int dmabuf, struct dma_buf_export_sync_file *arg)
{
	int fd, side;

	if (fake.no_sync_file)
		return err(ENOTTY);
	fd = new_fd(eventfd(0, EFD_CLOEXEC), SYNC_FILE, 0);
	if (fd < 0)
		return -1;
	fds[fd].of = dmabuf;
	/* Who wants to read waits for those who write, who wants to write for all */
	for (side = 0; side < SIDES; side++)
		fds[fd].fence[side].there = fds[fd].fence[side].pending =
			fds[dmabuf].at[side].queued && !fds[dmabuf].at[side].cyclic &&
			(side == ADC || arg->flags & DMA_BUF_SYNC_WRITE);
	fake.sync_files++;
	fake.exports++;
	arg->fd = fd;
	return 0;
}

static int file_info(int fd, struct sync_file_info *info)
{
	struct sync_fence_info *fence = (void *)(uintptr_t)info->sync_fence_info;
	unsigned int n = 0;
	int side;

	/* Where there are two fences, the kernel says "signalled" whatever their errors */
	if (!info->num_fences) {
		mistake("FILE_INFO without a list of fences");
		return err(EINVAL);
	}
	fence->status = 1;
	fence->timestamp_ns = STUB_NS;
	for (side = 0; side < SIDES; side++) {
		if (!fds[fd].fence[side].there)
			continue;
		fence[n].status = fds[fd].fence[side].status;
		fence[n++].timestamp_ns = fds[fd].fence[side].when;
	}
	info->num_fences = n ? n : 1;
	info->status = fence->status;
	return 0;
}

static void signal_fences(enum side side, int dmabuf, int status)
{
	int fd;

	signals++;
	for (fd = 0; fd < MAX_FDS; fd++) {
		if (fds[fd].kind != SYNC_FILE || fds[fd].of != dmabuf ||
		    !fds[fd].fence[side].pending)
			continue;
		fds[fd].fence[side].pending = false;
		fds[fd].fence[side].status = status;
		fds[fd].fence[side].when = STUB_NS + signals;
	}
}

static int cpu_access(int fd, const struct dma_buf_sync *sync)
{
	bool end = sync->flags & DMA_BUF_SYNC_END;

	if ((fds[fd].at[ADC].queued && enabled) || (fds[fd].at[DAC].queued && dac_enabled) ||
	    fds[fd].at[USB].queued)
		mistake("SYNC of a block in flight");
	if (end != fds[fd].synced)
		mistake("SYNC out of order");
	fds[fd].synced = !end;
	fds[fd].clean |= end && sync->flags & DMA_BUF_SYNC_WRITE;
	fake.syncs += end ? -1 : 1;
	fake.sync_pairs += end;
	return 0;
}

/* What waits for a host is woken by a signal alone */
static bool wait_for_host(void)
{
	if (has_host())
		return true;
	pause();
	return false;
}

static int transfer(const struct usb_ffs_dmabuf_transfer_req *ffs)
{
	struct iio_dmabuf req = {
		.fd = (__u32)ffs->fd, .flags = ffs->flags, .bytes_used = ffs->length,
	};

	return wait_for_host() ? enqueue(USB, &req) : err(EINTR);
}

static int endpoint_desc(int fd, struct usb_endpoint_descriptor *desc)
{
	if (!(fcntl(fd, F_GETFL) & O_NONBLOCK))
		mistake("a question that may wait for a host");
	if (!has_host())
		return err(EAGAIN);
	desc->bEndpointAddress = USB_DIR_IN | 1;
	desc->bmAttributes = USB_ENDPOINT_XFER_BULK;
	return 0;
}

static int ffs_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == FUNCTIONFS_ENDPOINT_DESC)
		return endpoint_desc(fd, arg);
	if (fake.no_ffs_dmabuf)
		return err(ENOTTY);
	switch (request) {
	case FUNCTIONFS_DMABUF_ATTACH:
		return attach(USB, *(int *)arg);
	case FUNCTIONFS_DMABUF_DETACH:
		return detach(USB, *(int *)arg);
	case FUNCTIONFS_DMABUF_TRANSFER:
		return transfer(arg);
	}
	return err(ENOTTY);
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	switch (request) {
	case IIO_BUFFER_GET_FD_IOCTL:
		return get_fd(fd, arg);
	case DMA_HEAP_IOCTL_ALLOC:
		return heap_alloc(arg);
	case UDMABUF_CREATE:
		return udmabuf_create(arg);
	case DMA_BUF_IOCTL_SYNC:
		return is(fd, DMABUF) ? cpu_access(fd, arg) : err(ENOTTY);
	case DMA_BUF_IOCTL_EXPORT_SYNC_FILE:
		return is(fd, DMABUF) ? export_sync_file(fd, arg) : err(ENOTTY);
	case SYNC_IOC_FILE_INFO:
		return is(fd, SYNC_FILE) ? file_info(fd, arg) : err(ENOTTY);
	}
	if (!is(fd, BUFFER))
		return __real_ioctl(fd, request, arg);
	if (fds[fd].side == USB)
		return ffs_ioctl(fd, request, arg);

	switch (request) {
	case IIO_BUFFER_DMABUF_ATTACH_IOCTL:
		return attach(fds[fd].side, *(int *)arg);
	case IIO_BUFFER_DMABUF_DETACH_IOCTL:
		return detach(fds[fd].side, *(int *)arg);
	case IIO_BUFFER_DMABUF_ENQUEUE_IOCTL:
		return enqueue(fds[fd].side, arg);
	}
	return err(EINVAL);
}

static bool fails(void)
{
	uint64_t n = fake.fail_blocks ? fake.fail_blocks : 1;

	return fake.fail_at && fake.blocks >= fake.fail_at && fake.blocks < fake.fail_at + n;
}

/* Its folder with it, and what is in flight comes to nothing */
static void go_away(void)
{
	char dir[512], away[600];

	snprintf(dir, sizeof(dir), "%.*s", (int)(strlen(enable_path) -
		 strlen("/buffer0/enable")), enable_path);
	snprintf(away, sizeof(away), "%.*s", (int)(strstr(dir, "/sys/bus/") - dir), dir);
	strcat(away, "/gone");
	if (rename(dir, away))
		abort();
	fake.fail_at = fake.gone_at;
	fake.fail_blocks = UINT64_MAX - fake.gone_at;
	fake.fail_errno = fake.enqueue_errno = fake.read_errno = ENODEV;
	fake.enqueue_errno_at = 0;
}

/* The next block of the stream, as one that a DMA engine wrote */
static void produce(uint32_t *w, size_t words)
{
	size_t i;

	if (!next_valid)
		next_word = fake.start;
	next_valid = true;

	fake.blocks++;
	if (fake.blocks == fake.gone_at)
		go_away();
	if (fake.blocks == fake.toggle_at)
		enable_by_another();
	if (fake.lose_words && fake.blocks == fake.lose_at)
		next_word += fake.lose_words;
	if (fake.lossless_hz && rate_hz > fake.lossless_hz && fake.blocks % 2 == 0)
		next_word += 2;
	if (fake.short_words && fake.blocks == fake.short_at)
		words -= fake.short_words;
	if (fails())
		words = 0;
	for (i = 0; i < words; i++)
		w[i] = fake.constant ? 0 : htole32(next_word++);
	if (fake.delay_us)
		usleep(fake.delay_us);
}

/* What leaves the DAC: counted, checked, and kept in the file that FAKE_SENT names */
static void send_out(const void *data, size_t bytes)
{
	const char *file = getenv("FAKE_SENT");
	const uint32_t *w = data;
	size_t i;
	int fd;

	for (i = 0; i < bytes / 4; i++) {
		fake.jumps += sent_any && le32toh(w[i]) != sent_next;
		sent_next = le32toh(w[i]) + 1;
		sent_any = true;
	}
	fake.sent++;
	fake.sent_bytes += bytes;
	if (fake.delay_us)
		usleep(fake.delay_us);
	fd = file ? open(file, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
	if (fd < 0)
		return;
	if (__real_write(fd, data, bytes) != (ssize_t)bytes)
		abort();
	__real_close(fd);
}

/* With it all that is on its way to the host */
static void unplug(void)
{
	int fd;

	unplugged = true;
	for (fd = 0; fd < MAX_FDS; fd++)
		if (fds[fd].at[USB].queued)
			complete(USB, fd);
}

static void complete(enum side side, int fd)
{
	struct transfer *t = &fds[fd].at[side];
	void *data = mmap(NULL, fds[fd].size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, 0);
	int status = 1;

	if (data == MAP_FAILED)
		abort();
	if (side == ADC) {
		produce(data, t->used / 4);
		if (fails() && fake.fail_errno)
			status = -fake.fail_errno;
	} else if (fake.dac_fail_at && fake.sent + 1 == fake.dac_fail_at) {
		fake.sent++;
		status = -fake.dac_fail_errno;
	} else if (side == USB && !has_host()) {
		status = -ESHUTDOWN;
	} else {
		send_out(data, t->used);
	}
	munmap(data, fds[fd].size);
	signal_fences(side, fd, status);
	t->queued = false;
	fake.queued--;
	if (side == USB && !unplugged && fake.unplug_at && fake.sent >= fake.unplug_at)
		unplug();
}

static void complete_next(enum side side)
{
	int fd, next = -1;

	for (fd = 0; fd < MAX_FDS; fd++)
		if (fds[fd].at[side].queued && !fds[fd].at[side].cyclic &&
		    (next < 0 || fds[fd].at[side].turn < fds[next].at[side].turn))
			next = fd;
	complete(side, next);
}

/* What is cyclic ends when the buffer goes off, and so does what was on its way */
static void disable_dac(void)
{
	int fd, i;

	for (fd = 0; fd < MAX_FDS; fd++) {
		struct transfer *t = &fds[fd].at[DAC];

		for (i = 0; t->queued && t->cyclic && i < CYCLES - 1; i++) {
			complete(DAC, fd);
			t->queued = true;
			fake.queued++;
		}
		if (t->queued && t->cyclic)
			complete(DAC, fd);
		else if (t->queued)
			signal_fences(DAC, fd, -ECANCELED);
		fake.queued -= t->queued;
		t->queued = false;
	}
	dac_full = 0;
	dac_filled = 0;
}

/* Of the DAC's buffer: is there room for another block? */
static bool has_room(void)
{
	if (dac_enabled && !fake.dac_stall && dac_full == DAC_BLOCKS)
		dac_full--;
	return dac_enabled && dac_full < DAC_BLOCKS;
}

static bool is_ready(int fd)
{
	if (is(fd, DMABUF))
		return !is_queued(fd);
	return fds[fd].side == DAC ? has_room() :
	       enabled && !fake.stall && fake.blocks < fake.ahead;
}

/* Waits for no one: what is there without that, of up to two of them? */
static int look(struct pollfd *p, nfds_t n)
{
	int ready = 0;
	nfds_t i;

	while (enabled && !fake.stall && fake.blocks < fake.ahead &&
	       fake.queued > (int)fake.behind)
		complete_next(ADC);
	for (i = 0; i < n; i++) {
		p[i].revents = p[i].fd >= 0 && is_ready(p[i].fd) ? p[i].events : 0;
		ready += p[i].revents != 0;
	}
	return ready;
}

/* Of samples that are not a block yet */
static void grow_available(void)
{
	char path[600], val[24];
	static unsigned int n;

	snprintf(path, sizeof(path), "%.*sdata_available",
		 (int)(strlen(enable_path) - strlen("enable")), enable_path);
	snprintf(val, sizeof(val), "%u\n", ++n);
	set_file(path, val);
}

int __wrap_poll(struct pollfd *p, nfds_t n, int timeout)
{
	bool data = enabled && !fake.stall;
	bool dac = dac_enabled && !fake.dac_stall;

	if (!is(p[0].fd, DMABUF) && !is(p[0].fd, BUFFER))
		return __real_poll(p, n, timeout);
	if (!timeout)
		return look(p, n);
	if (is(p[0].fd, DMABUF) && fds[p[0].fd].at[DAC].attached &&
	    !(p[0].events & POLLOUT) && !fds[p[0].fd].at[ADC].attached)
		mistake("poll for what an output does not wait for");
	while (is(p[0].fd, DMABUF) && dac && p[0].events & POLLOUT &&
	       fds[p[0].fd].at[DAC].queued && !fds[p[0].fd].at[DAC].cyclic)
		complete_next(DAC);
	if (is(p[0].fd, BUFFER) && fds[p[0].fd].side == USB)
		mistake("poll of an endpoint, which tells nothing");
	if (data && fake.trickle) {
		fake.trickle--;
		grow_available();
		return 0;
	}
	while (is(p[0].fd, DMABUF) && data && fds[p[0].fd].at[ADC].queued)
		complete_next(ADC);
	if (is(p[0].fd, DMABUF))
		data = p[0].events & POLLOUT ? !is_queued(p[0].fd) :
		       !fds[p[0].fd].at[ADC].queued;
	else if (fds[p[0].fd].side == DAC)
		data = has_room();

	p[0].revents = data ? p[0].events : 0;
	if (data) {
		p[1].revents = 0;
		return 1 + (__real_poll(p + 1, n - 1, 0) > 0);
	}
	return __real_poll(p + 1, n - 1, timeout);
}

/* The kernel adds what the counter has gone on since it looked at it last */
static ssize_t read_counter(int fd, void *buf, size_t n)
{
	uint64_t is = fds[fd].size * fake.blocks * fake.instructions;
	uint64_t more = is - fds[fd].seen;
	uint64_t group[3] = { 2 };

	fds[fd].counted += fake.pmu_wraps ? (uint32_t)more : more;
	fds[fd].seen = is;
	group[1] = group[2] = fds[fd].counted;
	if (n != sizeof(group))
		return err(EINVAL);
	memcpy(buf, group, n);
	return (ssize_t)n;
}

/* Of all CPUs the first has done the work */
static long open_counter(const struct perf_event_attr *attr, int cpu)
{
	if (attr->sample_period && fake.pmu_wraps)
		return err(EOPNOTSUPP);
	return new_fd(eventfd(0, EFD_CLOEXEC), COUNTER, cpu == 0);
}

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_perf_event_open && fake.instructions)
		return open_counter((const void *)a, (int)c);
	return __real_syscall(number, a, b, c, d, e, f);
}

static uint32_t chosen;	/* register of the FPGA core */

static bool is_registers(int fd, bool *dac)
{
	char path[512];

	path_of(fd, path, sizeof(path));
	*dac = strstr(path, "/iio:device2/");
	return ends_with(path, "/direct_reg_access");
}

static ssize_t write_register(const char *text, size_t n, bool dac)
{
	unsigned int reg, val;
	char line[64];

	snprintf(line, sizeof(line), "%.*s", (int)n, text);
	switch (sscanf(line, "%i %i", (int *)&reg, (int *)&val)) {
	case 2:
		if (reg != 0x80000088 || !(val & (dac ? 1 : 4)))
			mistake("write to a register that is not ours");
		fake.clears++;
		/* fallthrough */
	case 1:
		chosen = reg;
		return (ssize_t)n;
	}
	return err(EINVAL);
}

static ssize_t read_register(char *buf, size_t n, bool dac)
{
	if (chosen == 0x80000088)
		return snprintf(buf, n, "0x%X\n", dac ? fake.underflow : fake.overflow ? 4 : 0);
	return snprintf(buf, n, "0x%X\n", chosen == 0x80000000 ? 0xa0262 : 0);
}

ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset)
{
	uint64_t *frame = buf;
	bool dac;
	size_t i;

	if (is_registers(fd, &dac))
		return read_register(buf, n, dac);
	if (!fake.pagemap)
		return __real_pread(fd, buf, n, offset);
	if (++fake.pagemap_looks == fake.pagemap_errno_at)
		return err(EIO);
	for (i = 0; i < n / sizeof(*frame); i++)
		frame[i] = UINT64_C(1) << 63 | (i + 1);
	return (ssize_t)n;
}

static void set_dac_room(void);

/* Whoever looks at the room of the DAC finds that time has gone by */
static bool is_dac_room(int fd)
{
	char path[512];

	if (!dac_enabled)
		return false;
	path_of(fd, path, sizeof(path));
	return ends_with(path, "/iio:device2/buffer0/data_available");
}

ssize_t __wrap_read(int fd, void *buf, size_t n)
{
	if (is(fd, COUNTER))
		return read_counter(fd, buf, n);
	if (is_dac_room(fd)) {
		dac_full -= dac_full > 0 && !fake.dac_stall;
		set_dac_room();
	}
	if (!is(fd, BUFFER))
		return __real_read(fd, buf, n);
	if (fds[fd].side == DAC)
		return err(EPERM);
	if (fake.read_errno)
		return err(fake.read_errno);
	if (fake.swapped)
		return err(EAGAIN);
	if (fake.read_max && n > fake.read_max)
		n = fake.read_max;
	produce(buf, n / 4);
	return (ssize_t)n;
}

int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return fake.connect_errno ? err(fake.connect_errno) :
				    __real_connect(fd, addr, len);
}

ssize_t __wrap_send(int fd, const void *buf, size_t n, int flags)
{
	if (fake.send_errno)
		return err(fake.send_errno);
	if (fake.zerocopy_errno && flags & MSG_ZEROCOPY)
		return err(fake.zerocopy_errno);
	if (fake.send_us)
		usleep(fake.send_us);
	return __real_send(fd, buf, n, flags);
}

/* The file is empty by now, and what it held has to come back after a refusal */
static ssize_t refuse(int fd, const char *old, int number)
{
	if (__real_write(fd, old, strlen(old)) < 0)
		abort();
	return err(number);
}

static ssize_t set_rate(int fd, const char *buf, size_t n)
{
	char text[32];
	uint64_t hz;

	if (fake.fixed_hz)
		return refuse(fd, "1000000", EACCES);
	snprintf(text, sizeof(text), "%.*s", (int)n, buf);
	hz = strtoull(text, NULL, 10);
	if (fake.max_hz && hz > fake.max_hz) {
		snprintf(text, sizeof(text), "%" PRIu64, rate_hz);
		return refuse(fd, text, EINVAL);
	}
	rate_hz = hz;
	if (fake.hz_step) {
		rate_hz -= hz % fake.hz_step;
		snprintf(text, sizeof(text), "%" PRIu64, rate_hz);
		return __real_write(fd, text, strlen(text)) < 0 ? -1 : (ssize_t)n;
	}
	return __real_write(fd, buf, n);
}

static bool file_starts_with(const char *path, char c)
{
	char first = 0;
	int fd = open(path, O_RDONLY);

	if (fd >= 0 && __real_read(fd, &first, 1) < 0)
		abort();
	if (fd >= 0)
		__real_close(fd);
	return first == c;
}

/* Would the driver have this one on, together with those that are? */
static bool fits(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	char other[600];
	int this, i;

	if (sscanf(name, "in_voltage%d_en", &this) != 1)
		return true;
	for (i = 0; i < MAX_CHANNELS; i++) {
		snprintf(other, sizeof(other), "%.*sin_voltage%d_en", (int)(name - path),
			 path, i);
		if (i == this || !file_starts_with(other, '1'))
			continue;
		if (fake.one_hot || (fake.pairs && i / 2 != this / 2))
			return false;
	}
	return true;
}

static bool has_trigger(const char *path)
{
	char file[600];

	snprintf(file, sizeof(file), "%.*strigger/current_trigger",
		 (int)(strlen(path) - strlen("buffer0/enable")), path);
	return !file_starts_with(file, '\n');
}

/* Free room in the DAC's buffer, in bytes, as the kernel's DMA buffers have it */
static void set_dac_room(void)
{
	char path[600], val[24];

	snprintf(path, sizeof(path), "%sdata_available", dac_path);
	snprintf(val, sizeof(val), "%u\n", (DAC_BLOCKS - dac_full) * 1000);
	set_file(path, val);
}

static size_t dac_block_bytes(void)
{
	char path[600], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "%slength", dac_path);
	fd = open(path, O_RDONLY);
	if (fd < 0 || __real_read(fd, text, sizeof(text) - 1) < 0)
		abort();
	__real_close(fd);
	return strtoul(text, NULL, 10) / DAC_BLOCKS * DAC_SCAN;
}

/* One block goes to the hardware when it is full, and at once out of it */
static ssize_t write_samples(const char *buf, size_t n)
{
	size_t block = dac_block_bytes(), take, done = 0;

	if (block > sizeof(dac_block))
		abort();
	if (!dac_enabled) {
		mistake("write() to a buffer that is not enabled");
		return err(EBUSY);
	}
	if (n > block - dac_filled)
		mistake("write() that may have to wait");
	while (done < n) {
		if (!has_room()) {
			mistake("write() that has to wait");
			return err(EAGAIN);
		}
		take = n - done < block - dac_filled ? n - done : block - dac_filled;
		memcpy(dac_block + dac_filled, buf + done, take);
		dac_filled += take;
		done += take;
		if (dac_filled < block)
			continue;
		send_out(dac_block, block);
		dac_filled = 0;
		dac_full++;
	}
	set_dac_room();
	return (ssize_t)n;
}

/* Returns when the host has all of it */
static ssize_t write_to_host(const void *buf, size_t n)
{
	if (!wait_for_host() || fake.host_stall) {
		if (has_host())
			pause();
		return err(EINTR);
	}
	if (fake.unplug_at && fake.sent + 1 >= fake.unplug_at) {
		unplugged = true;
		return err(ESHUTDOWN);
	}
	send_out(buf, n);
	return (ssize_t)n;
}

/* Descriptors, and then strings: the endpoints are there */
static ssize_t write_ep0(const void *buf, size_t n)
{
	uint32_t word[2];
	char ep1[600];

	memcpy(word, buf, sizeof(word));
	if (le32toh(word[0]) != (ep0_writes ? FUNCTIONFS_STRINGS_MAGIC :
				 FUNCTIONFS_DESCRIPTORS_MAGIC_V2) || le32toh(word[1]) != n) {
		mistake("these are no descriptors");
		return err(EINVAL);
	}
	snprintf(ep1, sizeof(ep1), "%sep1", ffs_path);
	if (ep0_writes++)
		set_file(ep1, "");
	return (ssize_t)n;
}

/* As the kernel does when nobody has any of its files open */
static void close_ep0(void)
{
	char ep1[600];

	snprintf(ep1, sizeof(ep1), "%sep1", ffs_path);
	unlink(ep1);
	set_file(udc_path, "\n");
	ep0_writes = 0;
}

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
	char path[512];
	struct stat st;

	if (is(fd, BUFFER) && fds[fd].side == USB)
		return write_to_host(buf, n);
	if (is(fd, EP0))
		return write_ep0(buf, n);

	if (is(fd, BUFFER) && fds[fd].side == DAC)
		return write_samples(buf, n);
	path_of(fd, path, sizeof(path));
	if (fake.bind_errno && !strcmp(path, udc_path) && n > 1)
		return err(fake.bind_errno);
	if (ends_with(path, "/direct_reg_access"))
		return write_register(buf, n, strstr(path, "/iio:device2/"));
	if (fake.trigger_errno && ends_with(path, "/trigger0/sampling_frequency"))
		return refuse(fd, "10", fake.trigger_errno);
	if (fake.pipe_errno && !fstat(fd, &st) && S_ISFIFO(st.st_mode))
		return err(fake.pipe_errno);
	if (ends_with(path, "/iio:device2/buffer0/enable")) {
		dac_enabled = n && *(const char *)buf == '1';
		if (!dac_enabled)
			disable_dac();
		set_dac_room();
		return __real_write(fd, buf, n);
	}
	if (ends_with(path, "/buffer0/enable")) {
		bool on = n && *(const char *)buf == '1';

		if (on && fake.enable_errno)
			return err(fake.enable_errno);
		if (on && fake.triggered && !has_trigger(path))
			return refuse(fd, "0", EINVAL);
		enabled = on;
	}
	if (ends_with(path, "_en") && *(const char *)buf == '1' && !fits(path))
		return refuse(fd, "0", EINVAL);
	if (ends_with(path, "/buffer0/length") && fake.length_errno)
		return refuse(fd, "4096", fake.length_errno);
	if (ends_with(path, "/iio:device0/sampling_frequency"))
		return set_rate(fd, buf, n);
	return __real_write(fd, buf, n);
}

int __wrap_open(const char *path, int flags, mode_t mode)
{
	int fd;

	if (fake.read_only && (flags & O_ACCMODE) != O_RDONLY && !making_tree &&
	    strstr(path, "/sys/bus/"))
		return err(EROFS);
	fd = __real_open(path, flags, mode);
	if (!making_tree && ends_with(path, "/ffs/ep1") && !(flags & O_CREAT)) {
		new_fd(fd, BUFFER, 0);
		fds[fd].side = USB;
		fake.buffers++;
	}
	return !making_tree && ends_with(path, "/ffs/ep0") ? new_fd(fd, EP0, 0) : fd;
}

int __wrap_close(int fd)
{
	if (is(fd, BUFFER))
		fake.buffers--;
	if (is(fd, EP0))
		close_ep0();
	if (is(fd, SYNC_FILE))
		fake.sync_files--;
	if (is(fd, DMABUF)) {
		fake.dmabufs--;
		fake.queued -= fds[fd].at[ADC].queued + fds[fd].at[DAC].queued +
			       fds[fd].at[USB].queued;
	}
	if (fd >= 0 && fd < MAX_FDS)
		memset(&fds[fd], 0, sizeof(fds[fd]));
	return __real_close(fd);
}

/* Paths with a slash at the end are directories */
static const char *const tree[][2] = {
	{ "sys/", NULL }, { "sys/bus/", NULL }, { "sys/bus/iio/", NULL },
	{ "sys/bus/iio/devices/", NULL },
	{ "dev/", NULL }, { "dev/iio:device0", "" }, { "dev/iio:device2", "" },
	{ "dev/ffs/", NULL }, { "dev/ffs/ep0", "" },
	{ "dev/dma_heap/", NULL }, { "dev/dma_heap/system", "" },
	{ "dev/dma_heap/reserved", "" }, { "dev/udmabuf", "" },
	{ "proc/", NULL }, { "proc/self/", NULL },
	{ "proc/meminfo", "MemTotal: 2000000 kB\nMemAvailable: 1600000 kB\n" },
	{ "proc/stat", "cpu  100 0 50 800 50 0 0 0 0 0\n"
	  "cpu0 100 0 50 800 50 0 0 0 0 0\nintr 4711 1 2 3\n" },
	{ "sys/class/", NULL }, { "sys/class/udc/", NULL },
#define CONTROLLER "sys/class/udc/fake-udc/"
	{ CONTROLLER, NULL }, { CONTROLLER "state", "not attached\n" },
	{ CONTROLLER "current_speed", "super-speed\n" },
#define GADGETS "sys/kernel/config/usb_gadget/"
	{ "sys/kernel/", NULL }, { "sys/kernel/config/", NULL }, { GADGETS, NULL },
	{ GADGETS "other/", NULL }, { GADGETS "other/functions/", NULL },
	{ GADGETS "other/functions/ffs.another/", NULL }, { GADGETS "other/UDC", "\n" },
	{ GADGETS "ours/", NULL }, { GADGETS "ours/functions/", NULL },
	{ GADGETS "ours/functions/ffs.samples/", NULL }, { GADGETS "ours/UDC", "\n" },
#define TRIGGER "sys/bus/iio/devices/trigger0/"
	{ TRIGGER, NULL }, { TRIGGER "name", "timer\n" },
	{ TRIGGER "sampling_frequency", "10\n" },
#define DEVICE1 "sys/bus/iio/devices/iio:device1/"
	{ DEVICE1, NULL }, { DEVICE1 "name", "other\n" },
#define DEVICE2 "sys/bus/iio/devices/iio:device2/"
	{ DEVICE2, NULL }, { DEVICE2 "name", "cf-ad9361-dds-core-lpc\n" },
	{ DEVICE2 "out_voltage_sampling_frequency", "1000000\n" },
	{ DEVICE2 "buffer0/", NULL }, { DEVICE2 "of_node/", NULL },
	{ DEVICE2 "buffer0/direction", "out\n" },
	{ DEVICE2 "buffer0/enable", "0\n" },
	{ DEVICE2 "buffer0/length", "4096\n" },
	{ DEVICE2 "buffer0/watermark", "2048\n" },
	{ DEVICE2 "buffer0/data_available", "0\n" },
#define DEVICE "sys/bus/iio/devices/iio:device0/"
	{ DEVICE, NULL }, { DEVICE "name", "cf-ad9361-lpc\n" },
	{ DEVICE "label", "adc-label\n" }, { DEVICE "sampling_frequency", "1000000\n" },
	{ DEVICE "in_voltage1_label", "second\n" },
	{ DEVICE "trigger/", NULL }, { DEVICE "trigger/current_trigger", "\n" },
	{ DEVICE "buffer0/", NULL },
	{ DEVICE "of_node/", NULL },
	{ DEVICE "buffer0/direction", "in\n" },
	{ DEVICE "buffer0/enable", "0\n" },
	{ DEVICE "buffer0/length", "4096\n" },
	{ DEVICE "buffer0/watermark", "2048\n" },
	{ DEVICE "buffer1/", NULL },
	{ DEVICE "buffer1/direction", "out\n" },
};

/* Elements of a scan, as many as the device is to have and no other from before */
static void channel_tree(const char *dir, enum side side)
{
	unsigned int n = fake.channels && side == ADC ? fake.channels : 4, i, k;
	static const char *const files[] = { "en", "index", "type" };
	const char *buffer = side == DAC ? DEVICE2 "buffer0" : DEVICE "buffer0";
	char path[512], name[16], val[32];

	for (i = 0; i <= MAX_CHANNELS; i++) {
		bool timestamp = i == MAX_CHANNELS;
		bool there = timestamp ? fake.timestamp && side == ADC : i < n;

		snprintf(name, sizeof(name), timestamp ? "timestamp" : "voltage%u", i);
		for (k = 0; k < 3; k++) {
			snprintf(path, sizeof(path), "%s/%s/%s_%s_%s", dir, buffer,
				 side == DAC ? "out" : "in", name, files[k]);
			snprintf(val, sizeof(val), "%u\n", k ? i : 0);
			if (k == 2)
				strcpy(val, timestamp ? "le:s64/64>>0\n" : "le:s16/16>>0\n");
			if (there)
				set_file(path, val);
			else
				unlink(path);
		}
	}
	snprintf(path, sizeof(path), "%s/%s/length_align_bytes", dir, buffer);
	n = side == DAC && fake.dac_align ? fake.dac_align : fake.align;
	snprintf(val, sizeof(val), "%u\n", n ? n : 8);
	set_file(path, val);
}

/* A word with its 0, and another one in front of the one that counts */
static int core_tree(const char *dir, const char *id)
{
	static const char words[] = "vendor,converter\0adi,axi-ad9361";
	char own[64];
	const char *const dirs[] = {
		"sys/kernel/", "sys/kernel/debug/", "sys/kernel/debug/iio/", own,
	};
	char path[512];
	size_t i;
	int fd;

	snprintf(own, sizeof(own), "sys/kernel/debug/iio/%s/", id);
	snprintf(path, sizeof(path), "%s/sys/bus/iio/devices/%s/of_node/compatible", dir, id);
	if (!fake.core)
		return unlink(path) && errno != ENOENT ? -errno : 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || __real_write(fd, words, sizeof(words)) < 0)
		abort();
	__real_close(fd);
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, dirs[i]);
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
	}
	if (fake.no_debugfs)
		return 0;
	snprintf(path, sizeof(path), "%s/%sdirect_reg_access", dir, own);
	set_file(path, "");
	return 0;
}

/* What containers and boards with two converters of a kind are like */
static int odd_tree(const char *dir)
{
	static const char *const nodes[] = {
		"dev/udmabuf", "dev/dma_heap/system", "dev/dma_heap/reserved",
	};
	static const char *const dirs[] = {
		"sys/class/", "sys/class/misc/", "sys/class/misc/udmabuf/",
	};
	char path[512];
	size_t i;

	if (fake.twins) {
		snprintf(path, sizeof(path), "%s/" DEVICE1 "name", dir);
		set_file(path, "cf-ad9361-lpc\n");
		snprintf(path, sizeof(path), "%s/" DEVICE "in_voltage2_label", dir);
		set_file(path, "second\n");
	}
	snprintf(path, sizeof(path), "%s/" DEVICE "sampling_frequency", dir);
	if (chmod(path, fake.fixed_hz ? 0444 : 0644))
		return -errno;
	if (fake.dac_hz) {
		char val[32];

		snprintf(path, sizeof(path), "%s/" DEVICE2 "out_voltage_sampling_frequency", dir);
		snprintf(val, sizeof(val), "%" PRIu64 "\n", fake.dac_hz);
		set_file(path, val);
	}
	snprintf(path, sizeof(path), "%s/dev/iio:device0", dir);
	if (fake.no_node && unlink(path))
		return -errno;
	for (i = 0; fake.no_memory_nodes && i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, dirs[i]);
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
	}
	for (i = 0; fake.no_memory_nodes && i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, nodes[i]);
		if (unlink(path))
			return -errno;
	}
	return 0;
}

/* Where FunctionFS is mounted, among others */
static void mount_tree(const char *dir)
{
	char path[512], line[1024];

	snprintf(ffs_path, sizeof(ffs_path), "%s/dev/ffs/", dir);
	snprintf(udc_path, sizeof(udc_path), "%s/" GADGETS "ours/UDC", dir);
	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", dir);
	snprintf(line, sizeof(line), "21 1 0:19 / /sys rw,nosuid - sysfs sysfs rw\n"
		 "22 1 0:44 / %s/dev/ffs rw shared:9 - functionfs samples rw\n", dir);
	set_file(path, line);
	snprintf(path, sizeof(path), "%s/dev/ffs/ep1", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/sys/class/udc/second-udc", dir);
	if (fake.two_controllers ? mkdir(path, 0755) && errno != EEXIST :
	    rmdir(path) && errno != ENOENT)
		abort();
}

static int make_tree(const char *dir)
{
	char path[512];
	size_t i;

	snprintf(enable_path, sizeof(enable_path), "%s/" DEVICE "buffer0/enable",
		 dir);
	snprintf(dac_path, sizeof(dac_path), "%s/" DEVICE2 "buffer0/", dir);
	for (i = 0; i < sizeof(tree) / sizeof(tree[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, tree[i][0]);
		if (tree[i][1])
			set_file(path, tree[i][1]);
		else if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
	}
	mount_tree(dir);
	channel_tree(dir, ADC);
	channel_tree(dir, DAC);
	return core_tree(dir, "iio:device0") ?: core_tree(dir, "iio:device2");
}

int fake_tree(const char *dir)
{
	int ret;

	making_tree = true;
	ret = make_tree(dir);
	if (!ret)
		ret = odd_tree(dir);
	making_tree = false;
	return ret;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fake_tree_remove(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int fake_parse(const char *text)
{
	static const struct {
		const char *name;
		size_t offset, size;
	} knobs[] = {
#define KNOB(name) { #name, offsetof(struct fake, name), sizeof(fake.name) }
		KNOB(getfd_errno), KNOB(attach_errno), KNOB(attach_errno_at),
		KNOB(enqueue_errno), KNOB(enqueue_errno_at), KNOB(heap_errno),
		KNOB(enable_errno), KNOB(read_errno), KNOB(stall), KNOB(delay_us),
		KNOB(ahead), KNOB(behind), KNOB(pipe_errno), KNOB(instructions),
		KNOB(pmu_wraps), KNOB(connect_errno), KNOB(send_errno), KNOB(zerocopy_errno), KNOB(send_us),
		KNOB(read_max), KNOB(start), KNOB(lose_at), KNOB(lose_words),
		KNOB(short_at), KNOB(short_words), KNOB(constant), KNOB(max_hz),
		KNOB(lossless_hz), KNOB(fail_at), KNOB(fail_blocks), KNOB(fail_errno),
		KNOB(late), KNOB(no_sync_file), KNOB(core), KNOB(overflow),
		KNOB(channels), KNOB(timestamp), KNOB(align), KNOB(dac_align), KNOB(dac_hz), KNOB(one_hot), KNOB(pairs),
		KNOB(dac_stall), KNOB(dac_fail_at), KNOB(dac_fail_errno), KNOB(no_cyclic),
		KNOB(underflow), KNOB(triggered), KNOB(length_errno), KNOB(trigger_errno), KNOB(trickle),
		KNOB(hz_step), KNOB(fixed_hz), KNOB(twins), KNOB(read_only), KNOB(no_node),
		KNOB(no_memory_nodes), KNOB(no_debugfs), KNOB(gone_at), KNOB(toggle_at), KNOB(toggle_quietly),
		KNOB(no_host), KNOB(host_stall), KNOB(unplug_at), KNOB(no_sg), KNOB(no_ffs_dmabuf),
		KNOB(bind_errno), KNOB(two_controllers),
	};
	char *list = strdup(text), *save = NULL, *item, *val;
	size_t i;

	for (item = strtok_r(list, ",", &save); item;
	     item = strtok_r(NULL, ",", &save)) {
		uint64_t v = 1;

		val = strchr(item, '=');
		if (val) {
			*val++ = '\0';
			v = strtoull(val, NULL, 0);
		}
		for (i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++)
			if (!strcmp(item, knobs[i].name))
				break;
		if (i == sizeof(knobs) / sizeof(knobs[0])) {
			free(list);
			return -EINVAL;
		}
		/* Small numbers in little-endian tests: the low bytes count */
		memcpy((char *)&fake + knobs[i].offset, &v, knobs[i].size);
	}
	free(list);
	return 0;
}
