/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The calls that iio_dmabuf_fuzz makes on the dummy ADC, one function each. Needs nothing but the
 * headers of libc and of the kernel, for it is also the first part of each C reproducer that
 * the fuzzer writes.
 *
 * The number of a file descriptor says what it is: B0 is a buffer, or closed. So a close() that
 * races with another call can give that call EBADF, but never something of another kind, and
 * what a call may return is known.
 *
 * All functions return 0 or more if the call worked, otherwise -errno.
 */
#ifndef IIO_DMABUF_FUZZ_CALLS_H
#define IIO_DMABUF_FUZZ_CALLS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/iio/buffer.h>
#include <linux/sync_file.h>
#include <linux/udmabuf.h>

/* File descriptors: IIO devices, buffers, DMABUFs, sync files */
enum {
	FD_NONE = -1,
	FD_NULL = 63,		/* open, of no use */
	FD_FIRST,
	C0 = FD_FIRST, C1,
	B0, B1,
	D0, D1, D2, D3,
	S0, S1, S2, S3,
	FD_WITNESS,		/* sync files of the fuzzer's own, one a DMABUF */
	FD_SHUT = 999,		/* never open */
};

/* Where the argument of an ioctl is, or where read() puts the samples */
enum { PTR_OK, PTR_NULL, PTR_BAD, PTR_RO, PTR_MAP0, PTR_MAP1, PTR_MAP2, PTR_MAP3 };

/* Who makes a DMABUF: pages as they come, or each one a vector of its own */
enum { FROM_HEAP, FROM_UDMABUF, FROM_UDMABUF_REVERSED };

enum {
	FAULT_REFUSE_PREP, FAULT_FAIL, FAULT_SHORT_BYTES, FAULT_STALL, FAULT_DELAY_US, FAULT_RATE,
	NUM_FAULTS
};

static const char * const fault_names[] = {
	"refuse_prep", "fail", "short_bytes", "stall", "delay_us", "rate",
};

enum { ATTR_ENABLE, ATTR_LENGTH, ATTR_WATERMARK, ATTR_ALIGN, ATTR_AVAILABLE };

static const char * const attr_names[] = {
	"enable", "length", "watermark", "length_align_bytes", "data_available",
};

/* Not by way of /sys/bus, whose links take a kernel with lockdep three times as long */
#define SYSFS		"/sys/devices/platform/adc-dummy"
#define DRIVER		"/sys/bus/platform/drivers/adc-dummy"

#define NUM_DMABUFS	4
#define NUM_CHANNELS	4
#define NUM_WORKERS	4
#define DEFAULT_LENGTH	2048	/* scans, in two blocks */
#define MAPS		0x2000000000ul
#define MAP_STEP	0x1000000ul

static const size_t dmabuf_sizes[NUM_DMABUFS] = { 4096, 16384, 65536, 262144 };

static char read_buf[65536];
static const char zeros[4096] = "";

static int device = -1;			/* X of iio:deviceX, changes with each bind */
static bool in_child;
static pid_t worker_tids[NUM_WORKERS];

static inline long result(long ret)
{
	return ret < 0 ? -errno : ret;
}

/* A new file descriptor to its number; whatever had that number is closed */
static inline long place(int fd, int number)
{
	long ret;

	if (fd < 0)
		return -errno;

	ret = result(dup3(fd, number, O_CLOEXEC));
	close(fd);

	return ret < 0 ? ret : 0;
}

static inline void *map_addr(long d)
{
	return (void *)(MAPS + (d - D0) * MAP_STEP);
}

static inline void *user_ptr(void *good, long kind)
{
	switch (kind) {
	case PTR_OK:
		return good;
	case PTR_NULL:
		return NULL;
	case PTR_BAD:
		return (void *)-4096l;
	case PTR_RO:
		return (void *)zeros;
	default:
		return map_addr(D0 + kind - PTR_MAP0);
	}
}

static inline long write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	long ret;

	if (fd < 0)
		return -errno;

	ret = result(write(fd, text, strlen(text)));
	close(fd);

	return ret < 0 ? ret : 0;
}

static inline long read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long ret;

	if (fd < 0)
		return -errno;

	ret = result(read(fd, text, size - 1));
	close(fd);
	text[ret < 0 ? 0 : ret] = '\0';

	return ret;
}

static inline void find_device(void)
{
	char path[96];
	int n;

	for (n = 0; n < 32; n++) {
		snprintf(path, sizeof(path), SYSFS "/iio:device%d", n);
		if (!access(path, F_OK))
			break;
	}
	__atomic_store_n(&device, n < 32 ? n : -1, __ATOMIC_RELAXED);
}

static inline long write_attr(const char *attr, long value)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), SYSFS "/iio:device%d/buffer0/%s",
		 __atomic_load_n(&device, __ATOMIC_RELAXED), attr);
	snprintf(text, sizeof(text), "%ld", value);

	return write_file(path, text);
}

/* ---------------------------------------------------------- open and close */

static inline long call_open(long c, long nonblock)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/iio:device%d",
		 __atomic_load_n(&device, __ATOMIC_RELAXED));

	return place(open(path, O_RDWR | O_CLOEXEC | (nonblock ? O_NONBLOCK : 0)), c);
}

static inline long call_get_fd(long c, long b, long index, long ptr)
{
	int arg = index;
	long ret = result(ioctl(c, IIO_BUFFER_GET_FD_IOCTL, user_ptr(&arg, ptr)));

	return ret || ptr != PTR_OK ? ret : place(arg, b);
}

static inline long call_close(long fd)
{
	return result(close(fd));
}

static inline long call_dup(long from, long to)
{
	return from == to ? 0 : result(dup3(from, to, O_CLOEXEC) < 0 ? -1 : 0);
}

static inline long call_nonblock(long b, long on)
{
	return result(fcntl(b, F_SETFL, O_RDWR | (on ? O_NONBLOCK : 0)));
}

/* ------------------------------------------------------------- the buffer */

static inline long call_attach(long b, long dmabuf, long ptr)
{
	int arg = dmabuf;

	return result(ioctl(b, IIO_BUFFER_DMABUF_ATTACH_IOCTL, user_ptr(&arg, ptr)));
}

static inline long call_detach(long b, long dmabuf, long ptr)
{
	int arg = dmabuf;

	return result(ioctl(b, IIO_BUFFER_DMABUF_DETACH_IOCTL, user_ptr(&arg, ptr)));
}

static inline long call_enqueue(long b, long dmabuf, long bytes, long flags, long ptr)
{
	struct iio_dmabuf arg = { .fd = dmabuf, .flags = flags, .bytes_used = bytes };

	return result(ioctl(b, IIO_BUFFER_DMABUF_ENQUEUE_IOCTL, user_ptr(&arg, ptr)));
}

/* A command of the same type that buffers do not have */
static inline long call_ioctl(long b, long nr)
{
	return result(ioctl(b, _IOW('i', nr, int), read_buf));
}

static inline long call_read(long b, long bytes, long ptr)
{
	return result(read(b, user_ptr(read_buf, ptr), bytes));
}

static inline long call_write(long b, long bytes, long ptr)
{
	return result(write(b, user_ptr(read_buf, ptr), bytes));
}

static inline long call_poll(long fd, long events, long ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return result(poll(&pfd, 1, ms) < 0 ? -1 : pfd.revents);
}

/* ---------------------------------------------------------------- DMABUFs */

static inline int open_heap(size_t size)
{
	struct dma_heap_allocation_data req = { .len = size, .fd_flags = O_RDWR | O_CLOEXEC };
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	int ret = ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &req);

	close(heap);

	return ret < 0 ? -1 : (int)req.fd;
}

static inline int open_udmabuf(size_t size, bool reversed)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	unsigned int i, n = reversed ? size / 4096 : 1;
	char space[sizeof(struct udmabuf_create_list) + 64 * sizeof(struct udmabuf_create_item)];
	struct udmabuf_create_list *list = (void *)space;
	int memfd = memfd_create("fuzz", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int fd = -1;

	list->flags = UDMABUF_FLAGS_CLOEXEC;
	list->count = n;
	for (i = 0; i < n; i++) {
		list->list[i].memfd = memfd;
		list->list[i].__pad = 0;
		list->list[i].offset = (n - 1 - i) * (size / n);
		list->list[i].size = size / n;
	}
	if (!ftruncate(memfd, size) && !fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		fd = ioctl(dev, UDMABUF_CREATE_LIST, list);
	close(memfd);
	close(dev);

	/* The first one makes the mapping, and two threads that are first would make two. */
	ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);

	return fd;
}

static inline long call_alloc(long d, long from)
{
	size_t size = dmabuf_sizes[d - D0];

	return place(from == FROM_HEAP ? open_heap(size) :
		     open_udmabuf(size, from == FROM_UDMABUF_REVERSED), d);
}

static inline long call_map(long d)
{
	void *addr = mmap(map_addr(d), dmabuf_sizes[d - D0], PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, d, 0);

	return addr == MAP_FAILED ? -errno : 0;
}

static inline long call_unmap(long d)
{
	return result(munmap(map_addr(d), dmabuf_sizes[d - D0]));
}

/* Eight bytes, by a system call that may: where nothing is mapped it is EFAULT, no signal */
static inline long call_touch(long d, long offset, long for_write)
{
	void *addr = (char *)map_addr(d) + (offset & (dmabuf_sizes[d - D0] - 8));

	if (for_write)
		return result(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, addr, 8));

	return syscall(SYS_rt_sigprocmask, -1, addr, NULL, 8) && errno == EFAULT ? -EFAULT : 0;
}

static inline long call_sync(long d, long flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return result(ioctl(d, DMA_BUF_IOCTL_SYNC, &sync));
}

static inline long call_export(long d, long s, long flags)
{
	struct dma_buf_export_sync_file req = { .flags = flags, .fd = -1 };
	long ret = result(ioctl(d, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &req));

	return ret ? ret : place(req.fd, s);
}

static inline long call_import(long d, long s, long flags)
{
	struct dma_buf_import_sync_file req = { .flags = flags, .fd = s };

	return result(ioctl(d, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &req));
}

static inline long call_merge(long s1, long s2, long to)
{
	struct sync_merge_data req = { .name = "fuzz", .fd2 = s2 };
	long ret = result(ioctl(s1, SYNC_IOC_MERGE, &req));

	return ret ? ret : place(req.fence, to);
}

/* 0 not yet, 1 signalled, < 0 the error of the fence, or of the ioctl */
static inline long call_status(long s)
{
	struct sync_file_info info = { .num_fences = 0 };
	long ret = result(ioctl(s, SYNC_IOC_FILE_INFO, &info));

	return ret ? ret : info.status;
}

/* ------------------------------------------------- sysfs, faults, processes */

static inline long call_enable(long on)
{
	return write_attr("enable", on);
}

static inline long call_channel(long channel, long on)
{
	char attr[32];

	snprintf(attr, sizeof(attr), "in_voltage%ld_en", channel);

	return write_attr(attr, on);
}

static inline long call_length(long length)
{
	return write_attr("length", length);
}

static inline long call_show(long attr)
{
	char path[96], text[64];
	long ret;

	snprintf(path, sizeof(path), SYSFS "/iio:device%d/buffer0/%s",
		 __atomic_load_n(&device, __ATOMIC_RELAXED), attr_names[attr]);
	ret = read_file(path, text, sizeof(text));

	return ret < 0 ? ret : strtol(text, NULL, 0);
}

static inline long call_fault(long fault, long value)
{
	char path[64], text[32];

	snprintf(path, sizeof(path), "/sys/kernel/debug/dma-dummy/%s", fault_names[fault]);
	snprintf(text, sizeof(text), "%ld", value);

	return write_file(path, text);
}

static inline long call_unbind(void)
{
	return write_file(DRIVER "/unbind", "adc-dummy");
}

static inline long call_bind(void)
{
	long ret = write_file(DRIVER "/bind", "adc-dummy");

	find_device();

	return ret;
}

/* What comes after it in the list runs in another process, which is killed after @us */
static inline long call_fork(long us)
{
	pid_t pid;

	if (in_child)
		return 0;

	pid = fork();
	if (!pid)
		in_child = true;
	if (pid <= 0)
		return result(pid);

	usleep(us);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;

	return 1;
}

/* A signal for a thread, whatever it is doing */
static inline long call_interrupt(long thread)
{
	pid_t tid = __atomic_load_n(&worker_tids[thread], __ATOMIC_RELAXED);

	return !tid || in_child ? 0 : result(syscall(SYS_tgkill, getpid(), tid, SIGUSR1));
}

static inline long call_sleep(long us)
{
	return result(usleep(us));
}

/* The nth allocation that this thread makes from now on fails; 0: none */
static inline void fail_nth(long nth)
{
	char text[16];

	snprintf(text, sizeof(text), "%ld", nth);
	write_file("/proc/thread-self/fail-nth", text);
}

/* -------------------------------------------------------- before and after */

static inline void do_nothing(int sig)
{
	(void)sig;
}

static inline int calls_init(void)
{
	struct sigaction act = { .sa_handler = do_nothing };
	int i;

	sigaction(SIGUSR1, &act, NULL);
	memset(read_buf, 0, sizeof(read_buf));
	place(open("/dev/null", O_RDWR | O_CLOEXEC), FD_NULL);

	/* Which nth one it is counts, whatever it was allocated for. Not present: no faults */
	write_file("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	write_file("/sys/kernel/debug/failslab/verbose", "0");
	write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	write_file("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	write_file("/sys/kernel/debug/fail_page_alloc/verbose", "0");

	find_device();
	for (i = 0; i < NUM_CHANNELS; i++)
		call_channel(i, 1);
	call_length(DEFAULT_LENGTH);

	return device;
}

static inline void reset_faults(void)
{
	int i;

	for (i = 0; i < NUM_FAULTS; i++)
		call_fault(i, 0);
}

/* Bound, disabled, and set up as at the start */
static inline void reset_device(void)
{
	int i;

	if (access(DRIVER "/adc-dummy", F_OK))
		call_bind();
	find_device();
	call_enable(0);
	for (i = 0; i < NUM_CHANNELS; i++)
		call_channel(i, 1);
	call_length(DEFAULT_LENGTH);
}

static inline void reset_maps(void)
{
	int d;

	for (d = D0; d < D0 + NUM_DMABUFS; d++)
		call_unmap(d);
}

static inline void reset_all(void)
{
	reset_faults();
	reset_device();
	reset_maps();
	syscall(SYS_close_range, FD_FIRST, ~0u, 0);
}

#endif /* IIO_DMABUF_FUZZ_CALLS_H */
