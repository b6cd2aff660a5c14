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

enum kind { OTHER, BUFFER, DMABUF, COUNTER, SYNC_FILE };

#define STUB_NS 1000	/* timestamp of the fence that stands for none */

static struct {
	enum kind kind;
	uint64_t size;
	uint64_t used;		/* of the transfer in flight */
	uint64_t turn;		/* first come, first filled */
	uint64_t counted, seen;	/* by the kernel, and where the counter was then */
	bool attached;
	bool queued;
	bool synced;
	bool clean;		/* had SYNC for writing since it was made */
	int of;			/* dma-buf of a sync file */
	bool pending;
	int status;		/* as SYNC_IOC_FILE_INFO tells it */
	uint64_t when;
} fds[MAX_FDS];
static bool enabled;
static uint64_t turns;
static uint64_t signals;	/* of fences, which is their time */
static uint64_t rate_hz;	/* that was set */
static uint32_t next_word;
static bool next_valid;
static bool making_tree;

void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	memset(fds, 0, sizeof(fds));
	enabled = false;
	next_valid = false;
	rate_hz = 0;
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

static void enable_by_another(void)
{
	int fd = open(enable_path, O_WRONLY | O_TRUNC);

	if (fd < 0 || __real_write(fd, "1", 1) < 0)
		abort();
	__real_close(fd);
}

static int get_fd(void *arg)
{
	if (fake.getfd_errno)
		return err(fake.getfd_errno);
	if (fake.buffers)
		return err(EBUSY);
	*(int *)arg = new_fd(eventfd(0, EFD_CLOEXEC), BUFFER, 0);
	if (*(int *)arg < 0)
		return -1;
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

static int attach(int dmabuf)
{
	if (due(fake.attach_errno, fake.attach_errno_at, ++fake.attaches))
		return err(fake.attach_errno);
	if (enabled)
		mistake("ATTACH while the buffer is enabled for file I/O");
	if (!is(dmabuf, DMABUF) || fds[dmabuf].attached)
		return err(EBUSY);
	fds[dmabuf].attached = true;
	fake.attached++;
	return 0;
}

static int detach(int dmabuf)
{
	if (!is(dmabuf, DMABUF) || !fds[dmabuf].attached) {
		mistake("DETACH of what is not attached");
		return err(EPERM);
	}
	fds[dmabuf].attached = false;
	fake.attached--;
	return 0;
}

static void complete(int fd);

static int enqueue(const struct iio_dmabuf *req)
{
	int fd = (int)req->fd;

	if (due(fake.enqueue_errno, fake.enqueue_errno_at, ++fake.enqueues))
		return err(fake.enqueue_errno);
	if (!is(fd, DMABUF) || !fds[fd].attached || req->flags ||
	    !req->bytes_used || req->bytes_used > fds[fd].size) {
		mistake("bad ENQUEUE");
		return err(EINVAL);
	}
	if (fds[fd].queued) {
		mistake("ENQUEUE twice");
		return err(EBUSY);
	}
	if (fds[fd].synced)
		mistake("ENQUEUE during CPU access");
	if (!fds[fd].clean)
		mistake("ENQUEUE of memory that was never out of the cache");
	fds[fd].queued = true;
	fds[fd].turn = ++turns;
	fds[fd].used = req->bytes_used;
	fake.queued++;
	if (fake.late && enabled)
		complete(fd);
	return 0;
}

/* Of a dma-buf that nobody writes to it is the fence that stands for none */
static int export_sync_file(int dmabuf, struct dma_buf_export_sync_file *arg)
{
	int fd;

	if (fake.no_sync_file)
		return err(ENOTTY);
	fd = new_fd(eventfd(0, EFD_CLOEXEC), SYNC_FILE, 0);
	if (fd < 0)
		return -1;
	fds[fd].of = dmabuf;
	fds[fd].pending = fds[dmabuf].queued;
	fds[fd].status = !fds[fd].pending;
	fds[fd].when = fds[fd].pending ? 0 : STUB_NS;
	fake.sync_files++;
	fake.exports++;
	arg->fd = fd;
	return 0;
}

static int file_info(int fd, struct sync_file_info *info)
{
	struct sync_fence_info *fence = (void *)(uintptr_t)info->sync_fence_info;

	/* Where there are two fences, the kernel says "signalled" whatever their errors */
	if (!info->num_fences) {
		mistake("FILE_INFO without a list of fences");
		return err(EINVAL);
	}
	info->num_fences = 1;
	info->status = fence->status = fds[fd].status;
	fence->timestamp_ns = fds[fd].when;
	return 0;
}

static void signal_fences(int dmabuf, int status)
{
	int fd;

	signals++;
	for (fd = 0; fd < MAX_FDS; fd++) {
		if (fds[fd].kind != SYNC_FILE || fds[fd].of != dmabuf || !fds[fd].pending)
			continue;
		fds[fd].pending = false;
		fds[fd].status = status;
		fds[fd].when = STUB_NS + signals;
	}
}

static int cpu_access(int fd, const struct dma_buf_sync *sync)
{
	bool end = sync->flags & DMA_BUF_SYNC_END;

	if (fds[fd].queued && enabled)
		mistake("SYNC of a block in flight");
	if (end != fds[fd].synced)
		mistake("SYNC out of order");
	fds[fd].synced = !end;
	fds[fd].clean |= end && sync->flags & DMA_BUF_SYNC_WRITE;
	fake.syncs += end ? -1 : 1;
	fake.sync_pairs += end;
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	switch (request) {
	case IIO_BUFFER_GET_FD_IOCTL:
		return get_fd(arg);
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

	switch (request) {
	case IIO_BUFFER_DMABUF_ATTACH_IOCTL:
		return attach(*(int *)arg);
	case IIO_BUFFER_DMABUF_DETACH_IOCTL:
		return detach(*(int *)arg);
	case IIO_BUFFER_DMABUF_ENQUEUE_IOCTL:
		return enqueue(arg);
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

static void complete(int fd)
{
	void *data = mmap(NULL, fds[fd].size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, 0);

	if (data == MAP_FAILED)
		abort();
	produce(data, fds[fd].used / 4);
	munmap(data, fds[fd].size);
	signal_fences(fd, fails() && fake.fail_errno ? -fake.fail_errno : 1);
	fds[fd].queued = false;
	fake.queued--;
}

static void complete_next(void)
{
	int fd, next = -1;

	for (fd = 0; fd < MAX_FDS; fd++)
		if (fds[fd].queued && (next < 0 || fds[fd].turn < fds[next].turn))
			next = fd;
	complete(next);
}

static bool is_ready(int fd)
{
	return is(fd, DMABUF) ? !fds[fd].queued :
	       enabled && !fake.stall && fake.blocks < fake.ahead;
}

/* Waits for no one: what is there without that, of up to two of them? */
static int look(struct pollfd *p, nfds_t n)
{
	int ready = 0;
	nfds_t i;

	while (enabled && !fake.stall && fake.blocks < fake.ahead &&
	       fake.queued > (int)fake.behind)
		complete_next();
	for (i = 0; i < n; i++) {
		p[i].revents = p[i].fd >= 0 && is_ready(p[i].fd) ? POLLIN : 0;
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

	if (!is(p[0].fd, DMABUF) && !is(p[0].fd, BUFFER))
		return __real_poll(p, n, timeout);
	if (!timeout)
		return look(p, n);
	if (data && fake.trickle) {
		fake.trickle--;
		grow_available();
		return 0;
	}
	while (is(p[0].fd, DMABUF) && data && fds[p[0].fd].queued)
		complete_next();
	if (is(p[0].fd, DMABUF))
		data = !fds[p[0].fd].queued;

	p[0].revents = data ? POLLIN : 0;
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

static bool ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);

	return a >= b && !strcmp(text + a - b, end);
}

static uint32_t chosen;	/* register of the FPGA core */

/* What was opened; empty if that cannot be known */
static void path_of(int fd, char *path, size_t size)
{
	char link[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, size - 1);
	path[len > 0 ? len : 0] = '\0';
}

static bool is_registers(int fd)
{
	char path[512];

	path_of(fd, path, sizeof(path));
	return ends_with(path, "/direct_reg_access");
}

static ssize_t write_register(const char *text, size_t n)
{
	unsigned int reg, val;
	char line[64];

	snprintf(line, sizeof(line), "%.*s", (int)n, text);
	switch (sscanf(line, "%i %i", (int *)&reg, (int *)&val)) {
	case 2:
		if (reg != 0x80000088 || !(val & 4))
			mistake("write to a register that is not ours");
		fake.clears++;
		/* fallthrough */
	case 1:
		chosen = reg;
		return (ssize_t)n;
	}
	return err(EINVAL);
}

static ssize_t read_register(char *buf, size_t n)
{
	if (chosen == 0x80000088)
		return snprintf(buf, n, "0x%X\n", fake.overflow ? 4 : 0);
	return snprintf(buf, n, "0x%X\n", chosen == 0x80000000 ? 0xa0262 : 0);
}

ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset)
{
	uint64_t *frame = buf;
	size_t i;

	if (is_registers(fd))
		return read_register(buf, n);
	if (!fake.pagemap)
		return __real_pread(fd, buf, n, offset);
	if (++fake.pagemap_looks == fake.pagemap_errno_at)
		return err(EIO);
	for (i = 0; i < n / sizeof(*frame); i++)
		frame[i] = UINT64_C(1) << 63 | (i + 1);
	return (ssize_t)n;
}

ssize_t __wrap_read(int fd, void *buf, size_t n)
{
	if (is(fd, COUNTER))
		return read_counter(fd, buf, n);
	if (!is(fd, BUFFER))
		return __real_read(fd, buf, n);
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

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
	char path[512];
	struct stat st;

	path_of(fd, path, sizeof(path));
	if (ends_with(path, "/direct_reg_access"))
		return write_register(buf, n);
	if (fake.trigger_errno && ends_with(path, "/trigger0/sampling_frequency"))
		return refuse(fd, "10", fake.trigger_errno);
	if (fake.pipe_errno && !fstat(fd, &st) && S_ISFIFO(st.st_mode))
		return err(fake.pipe_errno);
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
	if (fake.read_only && (flags & O_ACCMODE) != O_RDONLY && !making_tree &&
	    strstr(path, "/sys/bus/"))
		return err(EROFS);
	return __real_open(path, flags, mode);
}

int __wrap_close(int fd)
{
	if (is(fd, BUFFER))
		fake.buffers--;
	if (is(fd, SYNC_FILE))
		fake.sync_files--;
	if (is(fd, DMABUF)) {
		fake.dmabufs--;
		fake.queued -= fds[fd].queued;
	}
	if (fd >= 0 && fd < MAX_FDS)
		memset(&fds[fd], 0, sizeof(fds[fd]));
	return __real_close(fd);
}

/* Paths with a slash at the end are directories */
static const char *const tree[][2] = {
	{ "sys/", NULL }, { "sys/bus/", NULL }, { "sys/bus/iio/", NULL },
	{ "sys/bus/iio/devices/", NULL },
	{ "dev/", NULL }, { "dev/iio:device0", "" },
	{ "dev/dma_heap/", NULL }, { "dev/dma_heap/system", "" },
	{ "dev/dma_heap/reserved", "" }, { "dev/udmabuf", "" },
	{ "proc/", NULL },
	{ "proc/meminfo", "MemTotal: 2000000 kB\nMemAvailable: 1600000 kB\n" },
	{ "proc/stat", "cpu  100 0 50 800 50 0 0 0 0 0\n"
	  "cpu0 100 0 50 800 50 0 0 0 0 0\nintr 4711 1 2 3\n" },
#define TRIGGER "sys/bus/iio/devices/trigger0/"
	{ TRIGGER, NULL }, { TRIGGER "name", "timer\n" },
	{ TRIGGER "sampling_frequency", "10\n" },
#define DEVICE1 "sys/bus/iio/devices/iio:device1/"
	{ DEVICE1, NULL }, { DEVICE1 "name", "other\n" },
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
static void channel_tree(const char *dir)
{
	unsigned int n = fake.channels ? fake.channels : 4, i, k;
	static const char *const files[] = { "en", "index", "type" };
	char path[512], name[16], val[32];

	for (i = 0; i <= MAX_CHANNELS; i++) {
		bool timestamp = i == MAX_CHANNELS;
		bool there = timestamp ? fake.timestamp : i < n;

		snprintf(name, sizeof(name), timestamp ? "timestamp" : "voltage%u", i);
		for (k = 0; k < 3; k++) {
			snprintf(path, sizeof(path), "%s/" DEVICE "buffer0/in_%s_%s", dir,
				 name, files[k]);
			snprintf(val, sizeof(val), "%u\n", k ? i : 0);
			if (k == 2)
				strcpy(val, timestamp ? "le:s64/64>>0\n" : "le:s16/16>>0\n");
			if (there)
				set_file(path, val);
			else
				unlink(path);
		}
	}
	snprintf(path, sizeof(path), "%s/" DEVICE "buffer0/length_align_bytes", dir);
	snprintf(val, sizeof(val), "%u\n", fake.align ? fake.align : 8);
	set_file(path, val);
}

/* A word with its 0, and another one in front of the one that counts */
static int core_tree(const char *dir)
{
	static const char words[] = "vendor,adc\0adi,axi-adc-10.0.a";
	static const char *const dirs[] = {
		"sys/kernel/", "sys/kernel/debug/", "sys/kernel/debug/iio/",
		"sys/kernel/debug/iio/iio:device0/",
	};
	char path[512];
	size_t i;
	int fd;

	snprintf(path, sizeof(path), "%s/" DEVICE "of_node/compatible", dir);
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
	snprintf(path, sizeof(path), "%s/sys/kernel/debug/iio/iio:device0/direct_reg_access",
		 dir);
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

static int make_tree(const char *dir)
{
	char path[512];
	size_t i;

	snprintf(enable_path, sizeof(enable_path), "%s/" DEVICE "buffer0/enable",
		 dir);
	for (i = 0; i < sizeof(tree) / sizeof(tree[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, tree[i][0]);
		if (tree[i][1])
			set_file(path, tree[i][1]);
		else if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
	}
	channel_tree(dir);
	return core_tree(dir);
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
		KNOB(pmu_wraps), KNOB(connect_errno), KNOB(send_errno), KNOB(send_us),
		KNOB(read_max), KNOB(start), KNOB(lose_at), KNOB(lose_words),
		KNOB(short_at), KNOB(short_words), KNOB(constant), KNOB(max_hz),
		KNOB(lossless_hz), KNOB(fail_at), KNOB(fail_blocks), KNOB(fail_errno),
		KNOB(late), KNOB(no_sync_file), KNOB(core), KNOB(overflow),
		KNOB(channels), KNOB(timestamp), KNOB(align), KNOB(one_hot), KNOB(pairs),
		KNOB(triggered), KNOB(length_errno), KNOB(trigger_errno), KNOB(trickle),
		KNOB(hz_step), KNOB(fixed_hz), KNOB(twins), KNOB(read_only), KNOB(no_node),
		KNOB(no_memory_nodes), KNOB(no_debugfs), KNOB(gone_at), KNOB(toggle_at),
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
