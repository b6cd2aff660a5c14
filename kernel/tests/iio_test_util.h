/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the IIO DMABUF tests share: the device under test, dma-bufs, fences,
 * and the raw ioctls with their test_cmd_ (must work) and test_err_ (must fail
 * in exactly this way) forms.
 *
 * The device is found by its name in sysfs; IIO_DEVICE in the environment names
 * another one. Its samples must be a running 32-bit little-endian counter. The same
 * goes for the one of output tests, IIO_OUTPUT_DEVICE, and what it is to be sent.
 */
#ifndef __IIO_TEST_UTIL_H
#define __IIO_TEST_UTIL_H

#include "kselftest_harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/iio/buffer.h>
#include <linux/sync_file.h>
#include <linux/udmabuf.h>

#ifndef IIO_BUFFER_DMABUF_ATTACH_IOCTL
struct iio_dmabuf {
	__u32 fd;
	__u32 flags;
	__u64 bytes_used;
};

#define IIO_BUFFER_DMABUF_CYCLIC		(1 << 0)
#define IIO_BUFFER_DMABUF_ATTACH_IOCTL		_IOW('i', 0x92, int)
#define IIO_BUFFER_DMABUF_DETACH_IOCTL		_IOW('i', 0x93, int)
#define IIO_BUFFER_DMABUF_ENQUEUE_IOCTL		_IOW('i', 0x94, struct iio_dmabuf)
#endif

/* Of the last patches of the series, which may be left out */
#ifndef IIO_BUFFER_DMABUF_REPORT
struct iio_dmabuf_report {
	__u32 fd;
	__s32 error;
	__u64 seqno;
	__u64 bytes_used;
	__u64 reserved[3];
};

#define IIO_BUFFER_DMABUF_REPORT		(1 << 1)
#endif

#ifndef DMA_BUF_IOCTL_EXPORT_SYNC_FILE
struct dma_buf_export_sync_file {
	__u32 flags;
	__s32 fd;
};

struct dma_buf_import_sync_file {
	__u32 flags;
	__s32 fd;
};

#define DMA_BUF_IOCTL_EXPORT_SYNC_FILE	_IOWR(DMA_BUF_BASE, 2, struct dma_buf_export_sync_file)
#define DMA_BUF_IOCTL_IMPORT_SYNC_FILE	_IOW(DMA_BUF_BASE, 3, struct dma_buf_import_sync_file)
#endif

/* Nothing here takes that long; with a busy host under the guest it may. */

#define WAIT_MS			5000	/* for what must happen */
#define AT_ONCE_MS		2000	/* for what must not wait */
#define QUIET_MS		50	/* for what must not happen */

/*
 * Until v6.9 the harness goes on with the test after SKIP() in the setup, and
 * a child says "skipped" by its exit status only.
 */
#ifdef XFAIL_ADD
#define SKIP_STATUS		0
#define test_failed(_metadata)	((_metadata)->exit_code == KSFT_FAIL)
#else
#define SKIP_STATUS		255
#define test_failed(_metadata)	(!(_metadata)->passed)
#endif

#define SKIP_SETUP(fmt, ...)	SKIP(_exit(SKIP_STATUS), fmt, ##__VA_ARGS__)

#define EXPECT_ERRNO(_expected, _cmd)			\
	do {						\
		int __ret = (_cmd);			\
		int __err = errno;			\
							\
		EXPECT_EQ(-1, __ret);			\
		EXPECT_EQ(_expected, __err);		\
	} while (0)

static inline uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

/* Polls @_cond, for conditions that no file descriptor reports. */
#define wait_until(_cond, _ms)						\
({									\
	uint64_t __end = now_ms() + (_ms);				\
	bool __ok;							\
									\
	while (!(__ok = (_cond)) && now_ms() < __end)			\
		usleep(1000);						\
	__ok;								\
})

/* ---------------------------------------------------------------- files */

static inline int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t ret;
	int err;

	if (fd < 0)
		return -errno;

	ret = write(fd, text, strlen(text));
	err = errno;
	close(fd);

	return ret < 0 ? -err : 0;
}

static inline int file_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t ret;

	if (fd < 0)
		return -errno;

	ret = read(fd, text, size - 1);
	close(fd);
	if (ret < 0)
		return -EIO;

	text[ret] = '\0';
	text[strcspn(text, "\n")] = '\0';

	return 0;
}

/* A line of /proc/meminfo; -1 if there is none of that name */
static inline long meminfo_kib(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "r");
	size_t len = strlen(name);
	char line[128];
	long kib = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && line[len] == ':')
			kib = atol(line + len + 1);
	if (f)
		fclose(f);

	return kib;
}

/* The kernel log, for what comes from now on; -1 if it cannot be had */
static inline int kmsg_open(struct __test_metadata *_metadata)
{
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (kmsg >= 0)
		ASSERT_LE(0, lseek(kmsg, 0, SEEK_END));

	return kmsg;
}

/* How many records have come since */
static inline unsigned int count_records(int kmsg)
{
	unsigned int n = 0;
	char text[4096];

	while (read(kmsg, text, sizeof(text)) > 0)
		n++;

	return n;
}

/* One of the files that tests turn like a lever */
static inline int lever_set(const char *dir, const char *name,
			    unsigned long long val)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "%s%s", dir, name);
	snprintf(text, sizeof(text), "%llu", val);

	return file_write(path, text);
}

static inline long long lever_get(const char *dir, const char *name)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "%s%s", dir, name);
	if (file_read(path, text, sizeof(text)))
		return -1;

	return strtoll(text, NULL, 0);
}

/* ---------------------------------------------- faults of the dummy DMA */

#define FAULT_DIR	"/sys/kernel/debug/dma-dummy/"

static inline bool fault_exists(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), FAULT_DIR "%s", name);

	return !access(path, W_OK);
}

static inline int fault_set(const char *name, unsigned long long val)
{
	return lever_set(FAULT_DIR, name, val);
}

static inline long long fault_get(const char *name)
{
	return lever_get(FAULT_DIR, name);
}

static inline void fault_reset(void)
{
	static const char * const faults[] = {
		"stall", "rate", "tx/rate", "refuse_prep", "fail", "fail_stop",
		"short_bytes", "delay_us", "loopback",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++)
		fault_set(faults[i], 0);
}

/* Those of the dummy ADC on it */

#define ADC_DIR		"/sys/module/adc_dummy/parameters/"

static inline int adc_set(const char *name, unsigned int val)
{
	return lever_set(ADC_DIR, name, val);
}

static inline void adc_reset(void)
{
	adc_set("fail_start", 0);
	adc_set("slow_start_ms", 0);
	adc_set("slow_flush_ms", 0);
}

/* ---------------------------------------- faults of the emulated board */

#define BOARD_DIR	"/sys/kernel/debug/board-adc/"
#define BOARD_DAC_DIR	"/sys/kernel/debug/board-dac/"

static inline int board_set(const char *name, unsigned int val)
{
	return lever_set(BOARD_DIR, name, val);
}

static inline void board_reset(void)
{
	board_set("rx_fault", 0);
	board_set("rx_hold", 0);
	board_set("rx_stall", 0);
	lever_set(BOARD_DAC_DIR, "fault", 0);
	lever_set(BOARD_DAC_DIR, "hold", 0);
	lever_set(BOARD_DAC_DIR, "stall", 0);
}

/* --------------------------------------------- faults of the dummy exporter */

#define MERGED_DIR	"/sys/module/dmabuf_merged/parameters/"

static inline int merged_set(const char *name, unsigned int val)
{
	return lever_set(MERGED_DIR, name, val);
}

static inline bool merged_exists(void)
{
	return !access(MERGED_DIR "shared_resv", W_OK);
}

static inline void merged_reset(void)
{
	merged_set("slow_map_ms", 0);
	merged_set("fail_map", 0);
	merged_set("short_table", 0);
	merged_set("shift", 0);
	merged_set("split", 0);
	merged_set("shared_resv", 0);
	merged_set("claim_gib", 0);
}

/* --------------------------------------------------- failing allocations */

#define FAIL_SLAB	"/sys/kernel/debug/failslab/"
#define FAIL_PAGE	"/sys/kernel/debug/fail_page_alloc/"
#define MAX_FAIL_NTH	1000	/* more than any call allocates */

static inline void fail_alloc_set(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), FAIL_SLAB "%s", name);
	file_write(path, value);
	snprintf(path, sizeof(path), FAIL_PAGE "%s", name);
	file_write(path, value);
}

/* No stack dumps in the kernel log; @sleeping: allocations that may sleep too */
static inline void fail_alloc_setup(bool sleeping)
{
	fail_alloc_set("probability", "0");
	fail_alloc_set("interval", "1");
	fail_alloc_set("verbose", "0");
	fail_alloc_set("min-order", "0");
	fail_alloc_set("ignore-gfp-wait", sleeping ? "N" : "Y");
	fail_alloc_set("ignore-gfp-highmem", sleeping ? "N" : "Y");
	file_write("/sys/kernel/debug/fail_usercopy/verbose", "0");
}

/*
 * For fail_nth_arm() and fail_nth_disarm() in the thread that opens it; -1 if the kernel
 * cannot make allocations fail.
 */
static inline int fail_nth_open(void)
{
	if (access(FAIL_SLAB "ignore-gfp-wait", W_OK))
		return -1;
	fail_alloc_setup(true);

	return open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
}

/* Makes the @n-th allocation of this thread from now on fail. */
static inline bool fail_nth_arm(int fd, int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	return pwrite(fd, text, len, 0) == len;
}

/* Whether there have been that many allocations, so that one has failed */
static inline bool fail_nth_disarm(int fd)
{
	char left[16] = "";

	return pread(fd, left, sizeof(left) - 1, 0) > 0 &&
	       fail_nth_arm(fd, 0) && !atoi(left);
}

/* ----------------------------------------------------- device under test */

#define NEED_DMABUF	(1 << 0)	/* the DMABUF ioctls */
#define NEED_FAULTS	(1 << 1)	/* the dummy DMA controller's debugfs */
#define NEED_STALL	(1 << 2)	/* transfers that can be held back */
#define NEED_REBIND	(1 << 3)	/* a driver that can be unbound */
#define NEED_BUFINFO	(1 << 4)	/* debugfs of dma-buf */

#define BUFINFO		"/sys/kernel/debug/dma_buf/bufinfo"
#define NO_FAULTS	"not on the dummy DMA controller"
#define MAX_CHANNELS	16

struct iio_dut {
	const char *name;		/* NULL: that of the input device */
	char sysfs[PATH_MAX];		/* the IIO device */
	char driver[PATH_MAX];		/* its parent's driver */
	char parent[NAME_MAX];		/* its parent's name */
	char node[NAME_MAX];		/* its character device */
	bool faults;			/* on the dummy DMA controller */
	/*
	 * The file that holds transfers back. Who has one is there for tests: it may be
	 * unbound, and its samples wait to be taken.
	 */
	const char *stall;
	int fd;				/* the buffer, -1 if closed */
	unsigned int align;		/* bytes */
	unsigned int scan_bytes;

	char channel[MAX_CHANNELS][64];
	char saved_en[MAX_CHANNELS][16];
	unsigned int num_channels;
	char saved_length[32];
	char saved_rate[32];		/* sampling_frequency, if it has one */
};

static inline const char *dut_name(void)
{
	return getenv("IIO_DEVICE") ?: "cf-ad9361-lpc";
}

static inline const char *output_name(void)
{
	return getenv("IIO_OUTPUT_DEVICE") ?: "cf-ad9361-dds-core-lpc";
}

static inline const char *dut_name_of(const struct iio_dut *dut)
{
	return dut->name ?: dut_name();
}

static inline int dut_attr_write(const struct iio_dut *dut, const char *attr,
				 const char *text)
{
	char path[PATH_MAX + 128];

	snprintf(path, sizeof(path), "%s/%s", dut->sysfs, attr);

	return file_write(path, text);
}

static inline int dut_attr_read(const struct iio_dut *dut, const char *attr,
				char *text, size_t size)
{
	char path[PATH_MAX + 128];

	snprintf(path, sizeof(path), "%s/%s", dut->sysfs, attr);

	return file_read(path, text, size);
}

static inline int dut_enable(const struct iio_dut *dut)
{
	return dut_attr_write(dut, "buffer0/enable", "1");
}

static inline int dut_disable(const struct iio_dut *dut)
{
	return dut_attr_write(dut, "buffer0/enable", "0");
}

static inline bool dut_enabled(const struct iio_dut *dut)
{
	char text[16] = "0";

	dut_attr_read(dut, "buffer0/enable", text, sizeof(text));

	return text[0] == '1';
}

static inline bool dut_attr_is(const struct iio_dut *dut, const char *attr,
			       const char *value)
{
	char text[128];

	return !dut_attr_read(dut, attr, text, sizeof(text)) &&
	       !strcmp(text, value);
}

/* The file that holds the transfers of a device back, if there is one */
static inline const char *dut_find_stall(const struct iio_dut *dut)
{
	const char *hold = dut->name ? BOARD_DAC_DIR "hold" : BOARD_DIR "rx_hold";

	if (dut->faults)
		return FAULT_DIR "stall";

	return access(hold, W_OK) ? NULL : hold;
}

/*
 * Fills in what follows from the name, or from the label; the number changes with
 * each bind.
 */
static inline bool dut_find(struct iio_dut *dut)
{
	static const char dir[] = "/sys/bus/iio/devices";
	char path[PATH_MAX];
	struct dirent *ent;
	bool found = false;
	DIR *d = opendir(dir);

	while (d && !found && (ent = readdir(d))) {
		if (strncmp(ent->d_name, "iio:device", 10))
			continue;
		snprintf(dut->sysfs, sizeof(dut->sysfs), "%s/%.64s", dir,
			 ent->d_name);
		found = dut_attr_is(dut, "name", dut_name_of(dut)) ||
			dut_attr_is(dut, "label", dut_name_of(dut));
		snprintf(dut->node, sizeof(dut->node), "/dev/%.64s",
			 ent->d_name);
	}
	if (d)
		closedir(d);
	if (!found || !realpath(dut->sysfs, path))
		return false;

	*strrchr(path, '/') = '\0';
	snprintf(dut->parent, sizeof(dut->parent), "%s",
		 strrchr(path, '/') + 1);
	strcat(path, "/driver");
	if (!realpath(path, dut->driver))
		dut->driver[0] = '\0';
	dut->faults = (!strcmp(dut->parent, "adc-dummy") ||
		       !strcmp(dut->parent, "dac-dummy")) &&
		      fault_exists("stall");
	dut->stall = dut_find_stall(dut);

	return true;
}

/* Holds the transfers back, or lets them go on */
static inline int dut_stall(const struct iio_dut *dut, bool on)
{
	return file_write(dut->stall, on ? "1" : "0");
}

static inline bool dut_stalled(const struct iio_dut *dut)
{
	char text[16] = "0";

	file_read(dut->stall, text, sizeof(text));

	return text[0] == '1';
}

/* No faults any more, and nothing held back */
static inline void dut_reset_faults(const struct iio_dut *dut)
{
	if (dut->faults) {
		fault_reset();
		adc_reset();
	} else if (dut->stall) {
		board_reset();
	}
}

/* Returns the buffer's fd, or -errno */
static inline int dut_open_fd(const struct iio_dut *dut)
{
	int fd, dev, ret, err;

	dev = open(dut->node, O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return -errno;

	fd = 0;
	ret = ioctl(dev, IIO_BUFFER_GET_FD_IOCTL, &fd);
	err = errno;
	close(dev);

	return ret ? -err : fd;
}

static inline void dut_close_fd(struct iio_dut *dut)
{
	if (dut->fd >= 0)
		close(dut->fd);
	dut->fd = -1;
}

static inline void dut_nonblock(const struct iio_dut *dut, bool on)
{
	int flags = fcntl(dut->fd, F_GETFL);

	fcntl(dut->fd, F_SETFL,
	      on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

static inline int dut_bind(const struct iio_dut *dut, const char *what)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", dut->driver, what);

	return file_write(path, dut->parent);
}

static inline int dut_unbind(const struct iio_dut *dut)
{
	return dut_bind(dut, "unbind");
}

/* Binds again and finds the device that comes up; its node may lag behind. */
static inline bool dut_rebind(struct iio_dut *dut)
{
	if (dut_bind(dut, "bind"))
		return false;

	return wait_until(dut_find(dut) && !access(dut->node, R_OK), WAIT_MS);
}

static inline void dut_channels(struct iio_dut *dut)
{
	char path[PATH_MAX + 16], attr[128], text[64];
	unsigned int bits;
	struct dirent *ent;
	size_t len;
	DIR *d;

	snprintf(path, sizeof(path), "%s/buffer0", dut->sysfs);
	d = opendir(path);
	dut->num_channels = 0;
	dut->scan_bytes = 0;
	while (d && (ent = readdir(d)) && dut->num_channels < MAX_CHANNELS) {
		len = strlen(ent->d_name);
		if ((strncmp(ent->d_name, "in_", 3) &&
		     strncmp(ent->d_name, "out_", 4)) || len < 7 || len > 60 ||
		    strcmp(ent->d_name + len - 3, "_en"))
			continue;
		snprintf(attr, sizeof(attr), "buffer0/%.*s_type",
			 (int)len - 3, ent->d_name);
		if (dut_attr_read(dut, attr, text, sizeof(text)) ||
		    sscanf(text, "%*[^/]/%u", &bits) != 1)
			continue;

		snprintf(dut->channel[dut->num_channels], 64, "%.63s",
			 ent->d_name);
		dut->num_channels++;
		dut->scan_bytes += bits / 8;
	}
	if (d)
		closedir(d);
}

static inline void dut_scan_enable(const struct iio_dut *dut)
{
	char attr[128];
	unsigned int i;

	for (i = 0; i < dut->num_channels; i++) {
		snprintf(attr, sizeof(attr), "buffer0/%s", dut->channel[i]);
		dut_attr_write(dut, attr, "1");
	}
}

static inline void dut_scan_all(struct iio_dut *dut)
{
	char attr[128];
	unsigned int i;

	dut_channels(dut);
	for (i = 0; i < dut->num_channels; i++) {
		snprintf(attr, sizeof(attr), "buffer0/%s", dut->channel[i]);
		dut_attr_read(dut, attr, dut->saved_en[i], 16);
	}
	dut_scan_enable(dut);
}

static inline void dut_scan_restore(const struct iio_dut *dut)
{
	char attr[128];
	unsigned int i;

	for (i = 0; i < dut->num_channels; i++) {
		snprintf(attr, sizeof(attr), "buffer0/%s", dut->channel[i]);
		dut_attr_write(dut, attr, dut->saved_en[i]);
	}
	dut_attr_write(dut, "buffer0/length", dut->saved_length);
	if (dut->stall)
		dut_attr_write(dut, "sampling_frequency", dut->saved_rate);
}

/* In read() mode one block is half the buffer. */
static inline int dut_set_block_bytes(const struct iio_dut *dut, size_t bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%zu", 2 * bytes / dut->scan_bytes);

	return dut_attr_write(dut, "buffer0/length", text);
}

static inline int iio_attach(int buf, int dmabuf)
{
	return ioctl(buf, IIO_BUFFER_DMABUF_ATTACH_IOCTL, &dmabuf);
}

static inline int iio_detach(int buf, int dmabuf)
{
	return ioctl(buf, IIO_BUFFER_DMABUF_DETACH_IOCTL, &dmabuf);
}

static inline int iio_enqueue_flags(int buf, int dmabuf, __u64 bytes,
				    __u32 flags)
{
	struct iio_dmabuf req = {
		.fd = dmabuf,
		.flags = flags,
		.bytes_used = bytes,
	};

	return ioctl(buf, IIO_BUFFER_DMABUF_ENQUEUE_IOCTL, &req);
}

static inline int iio_enqueue(int buf, int dmabuf, __u64 bytes)
{
	return iio_enqueue_flags(buf, dmabuf, bytes, 0);
}

#define test_cmd_attach(_buf, _dmabuf) \
	ASSERT_EQ(0, iio_attach(_buf, _dmabuf))
#define test_err_attach(_errno, _buf, _dmabuf) \
	EXPECT_ERRNO(_errno, iio_attach(_buf, _dmabuf))
#define test_cmd_detach(_buf, _dmabuf) \
	ASSERT_EQ(0, iio_detach(_buf, _dmabuf))
#define test_err_detach(_errno, _buf, _dmabuf) \
	EXPECT_ERRNO(_errno, iio_detach(_buf, _dmabuf))
#define test_cmd_enqueue(_buf, _dmabuf, _bytes) \
	ASSERT_EQ(0, iio_enqueue(_buf, _dmabuf, _bytes))
#define test_err_enqueue(_errno, _buf, _dmabuf, _bytes) \
	EXPECT_ERRNO(_errno, iio_enqueue(_buf, _dmabuf, _bytes))

/*
 * Brings the device to the state every test starts from: disabled, all
 * channels, no rate and no faults, buffer fd open, read() mode. A test that ran out of time
 * was killed and left the device as it was: a new bind cleans that up, so that
 * one failure does not spread.
 */
static inline void dut_setup(struct __test_metadata *_metadata,
			     struct iio_dut *dut, unsigned int needs)
{
	char text[32];

	dut->fd = -1;
	/* DMA_API_DEBUG reports one error and no more: one for each test */
	file_write("/sys/kernel/debug/dma-api/num_errors", "1");
	merged_reset();
	if (!dut_find(dut))
		SKIP_SETUP("no IIO device %s", dut_name_of(dut));
	if ((needs & NEED_FAULTS) && !dut->faults)
		SKIP_SETUP("%s is not on the dummy DMA controller", dut_name_of(dut));
	if ((needs & NEED_STALL) && !dut->stall)
		SKIP_SETUP("%s cannot hold transfers back", dut_name_of(dut));
	if ((needs & NEED_REBIND) && !dut->driver[0])
		SKIP_SETUP("%s has no driver to unbind", dut_name_of(dut));
	if ((needs & NEED_BUFINFO) && access(BUFINFO, R_OK))
		SKIP_SETUP("no " BUFINFO);

	if (dut->stall && (dut_stalled(dut) || dut_enabled(dut))) {
		dut_reset_faults(dut);
		dut_disable(dut);
		dut_unbind(dut);
		ASSERT_TRUE(dut_rebind(dut));
	}
	dut_reset_faults(dut);
	ASSERT_EQ(0, dut_disable(dut));

	ASSERT_EQ(0, dut_attr_read(dut, "buffer0/length", dut->saved_length,
				   sizeof(dut->saved_length)));
	dut_attr_read(dut, "sampling_frequency", dut->saved_rate,
		      sizeof(dut->saved_rate));
	if (dut->stall)
		dut_attr_write(dut, "sampling_frequency", "0");
	if (!dut_attr_read(dut, "buffer0/length_align_bytes", text, 32))
		dut->align = atoi(text);
	dut_scan_all(dut);
	ASSERT_NE(0, dut->scan_bytes);

	dut->fd = dut_open_fd(dut);
	ASSERT_GE(dut->fd, 0);

	if (!(needs & NEED_DMABUF) || !iio_attach(dut->fd, -1))
		return;
	if (errno == ENOTTY)
		SKIP_SETUP("kernel without the IIO DMABUF interface");
	if (errno == EPERM && !dut->faults)
		SKIP_SETUP("%s cannot do DMABUFs", dut_name_of(dut));
}

/* After a failed test nothing is known about the device: bind it anew. */
static inline void dut_teardown(struct __test_metadata *_metadata,
				struct iio_dut *dut)
{
	merged_reset();
	dut_reset_faults(dut);
	dut_disable(dut);
	dut_close_fd(dut);
	if (test_failed(_metadata) && dut->stall) {
		dut_unbind(dut);
		dut_rebind(dut);
		return;
	}
	dut_scan_restore(dut);
}

/* ------------------------------------------------------------- dma-bufs */

struct block {
	int fd;
	size_t size;
	uint32_t *map;
	char name[DMA_BUF_NAME_LEN];	/* as it shows in bufinfo */
};

/* From a device that takes the ioctl of the heaps. The fd, or a negative error */
static inline int dma_heap_alloc(const char *path, size_t size)
{
	struct dma_heap_allocation_data req = {
		.len = size,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int fd, ret, err;

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	ret = ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &req);
	err = errno;
	close(fd);

	return ret ? -err : (int)req.fd;
}

static inline int heap_alloc(const char *heap, size_t size)
{
	char path[NAME_MAX];

	snprintf(path, sizeof(path), "/dev/dma_heap/%.128s", heap);

	return dma_heap_alloc(path, size);
}

/*
 * With @reverse the pages are handed over last page first, so that they do not
 * coalesce and each one is an entry of its own.
 */
static inline int udmabuf_alloc(size_t size, bool reverse)
{
	size_t page = sysconf(_SC_PAGESIZE), i, n = reverse ? size / page : 1;
	struct udmabuf_create_list *list;
	int dev, memfd, fd = -1, err;

	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return -errno;

	memfd = memfd_create("iio-test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	list = calloc(1, sizeof(*list) + n * sizeof(list->list[0]));
	if (!list || memfd < 0 || ftruncate(memfd, size) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		err = errno;
		goto out;
	}

	list->flags = UDMABUF_FLAGS_CLOEXEC;
	list->count = n;
	for (i = 0; i < n; i++) {
		list->list[i].memfd = memfd;
		list->list[i].size = size / n;
		list->list[i].offset = size - (i + 1) * (size / n);
	}
	fd = ioctl(dev, UDMABUF_CREATE_LIST, list);
	err = errno;
out:
	free(list);
	if (memfd >= 0)
		close(memfd);
	close(dev);

	return fd < 0 ? -err : fd;
}

/* The CMA heap goes by the name of its region: it is the one not "system". */
static inline int cma_heap_alloc(size_t size)
{
	DIR *d = opendir("/dev/dma_heap");
	struct dirent *ent;
	int fd = -ENOENT;

	while (d && fd < 0 && (ent = readdir(d)))
		if (ent->d_name[0] != '.' && strncmp(ent->d_name, "system", 6))
			fd = heap_alloc(ent->d_name, size);
	if (d)
		closedir(d);

	return fd;
}

/* A dma-buf of many pages, which dmabuf_merged.ko maps as one piece */
static inline int merged_alloc(size_t size)
{
	return dma_heap_alloc("/dev/dmabuf-merged", size);
}

enum exporter { SYSTEM_HEAP, CMA_HEAP, UDMABUF, UDMABUF_PAGES, MERGED };

static inline int exporter_alloc(enum exporter exporter, size_t size)
{
	switch (exporter) {
	case SYSTEM_HEAP:
		return heap_alloc("system", size);
	case CMA_HEAP:
		return cma_heap_alloc(size);
	case UDMABUF:
		return udmabuf_alloc(size, false);
	case UDMABUF_PAGES:
		return udmabuf_alloc(size, true);
	case MERGED:
		return merged_alloc(size);
	}

	return -EINVAL;
}

static inline int block_wrap(struct block *blk, int fd, size_t size)
{
	static unsigned int serial;

	if (fd < 0)
		return fd;

	blk->fd = fd;
	blk->size = size;
	blk->map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (blk->map == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}

	/* Without the name only the tests that look into bufinfo suffer. */
	snprintf(blk->name, sizeof(blk->name), "iio-test-%d-%u", getpid(),
		 serial++);
	ioctl(fd, DMA_BUF_SET_NAME, blk->name);

	return 0;
}

/* Any exporter will do */
static inline int block_alloc(struct block *blk, size_t size)
{
	int fd = heap_alloc("system", size);

	if (fd < 0)
		fd = udmabuf_alloc(size, false);

	return block_wrap(blk, fd, size);
}

static inline void block_free(struct block *blk)
{
	if (blk->map)
		munmap(blk->map, blk->size);
	if (blk->map)
		close(blk->fd);
	blk->map = NULL;
}

static inline int block_sync(const struct block *blk, __u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return ioctl(blk->fd, DMA_BUF_IOCTL_SYNC, &sync);
}

static inline int block_begin_read(const struct block *blk)
{
	return block_sync(blk, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
}

static inline int block_end_read(const struct block *blk)
{
	return block_sync(blk, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
}

/*
 * Not SYNC_WRITE, though the CPU writes: an attached block is mapped DMA_FROM_DEVICE,
 * and the system heap would pass DMA_TO_DEVICE or DMA_BIDIRECTIONAL on for this mapping,
 * which DMA_API_DEBUG takes for the fault of a driver, and after that it says nothing any
 * more. END writes back what is in the cache all the same (arm64).
 */
static inline void block_fill(const struct block *blk, int byte)
{
	block_begin_read(blk);
	memset(blk->map, byte, blk->size);
	block_end_read(blk);
}

/* True if no transfer writes to the block any more; false: still pending */
static inline bool block_wait(const struct block *blk, int ms)
{
	struct pollfd pfd = { .fd = blk->fd, .events = POLLIN };

	return poll(&pfd, 1, ms) == 1 && (pfd.revents & POLLIN);
}

/*
 * Looks the block up in bufinfo, also when no fd is left.
 * Returns the number of attached devices, -1 if the dma-buf is gone.
 */
static inline int block_attachments(const struct block *blk, char *dev,
				    size_t size)
{
	char line[512], *name;
	FILE *f = fopen(BUFINFO, "r");
	bool found = false, devices = false;
	int count = -1;

	while (f && count < 0 && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		name = strrchr(line, '\t');
		if (!found) {
			found = name && !strcmp(name + 1, blk->name);
		} else if (sscanf(line, "Total %d devices", &count) == 1) {
			break;
		} else if (devices && dev) {
			snprintf(dev, size, "%.*s", (int)size - 1, line + 1);
		} else {
			devices = !strcmp(line, "\tAttached Devices:");
		}
	}
	if (f)
		fclose(f);

	return count;
}

static inline bool block_alive(const struct block *blk)
{
	return block_attachments(blk, NULL, 0) >= 0;
}

/* --------------------------------------------------------------- fences */

/*
 * Takes what readers of the block, or writers to it, would wait for. This has to
 * happen before the fence signals: a signalled one is not exported any more.
 */
static inline int fence_export_for(const struct block *blk, __u32 flags)
{
	struct dma_buf_export_sync_file req = { .flags = flags };

	if (ioctl(blk->fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &req))
		return -errno;

	return req.fd;
}

static inline int fence_export(const struct block *blk)
{
	return fence_export_for(blk, DMA_BUF_SYNC_READ);
}

static inline int fence_import_for(const struct block *blk, int fence,
				   __u32 flags)
{
	struct dma_buf_import_sync_file req = {
		.flags = flags,
		.fd = fence,
	};

	return ioctl(blk->fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &req);
}

/* Makes writers and readers of the block wait for somebody else's fence */
static inline int fence_import(const struct block *blk, int fence)
{
	return fence_import_for(blk, fence, DMA_BUF_SYNC_WRITE);
}

/* As in drivers/dma-buf/sw_sync.c, which has no header of its own */
struct sw_sync_create_fence_data {
	__u32 value;
	char name[32];
	__s32 fence;
};

#define SW_SYNC_IOC_CREATE_FENCE \
	_IOWR('W', 0, struct sw_sync_create_fence_data)

/* A timeline whose fences signal when somebody says so, and all when it is closed */
static inline int sw_sync_open(void)
{
	return open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
}

static inline int sw_sync_fence(int timeline, unsigned int value)
{
	struct sw_sync_create_fence_data data = {
		.value = value,
		.name = "iio-test",
	};

	return ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE, &data) ? -1 :
		data.fence;
}

#define SW_SYNC_IOC_INC	_IOW('W', 1, __u32)

static inline int sw_sync_inc(int timeline, __u32 by)
{
	return ioctl(timeline, SW_SYNC_IOC_INC, &by);
}

#define MAX_FENCES	8

static inline int fence_info(int fence, struct sync_file_info *info,
			     struct sync_fence_info fences[MAX_FENCES])
{
	memset(fences, 0, MAX_FENCES * sizeof(fences[0]));
	*info = (struct sync_file_info){
		.num_fences = MAX_FENCES,
		.sync_fence_info = (uintptr_t)fences,
	};

	return ioctl(fence, SYNC_IOC_FILE_INFO, info);
}

/*
 * 0 pending, 1 signalled, < 0 signalled with this error. A sync file of more than one
 * fence tells an error only to those who ask for each of them.
 */
static inline int fence_status(int fence)
{
	struct sync_fence_info fences[MAX_FENCES];
	struct sync_file_info info;
	unsigned int i;

	if (fence_info(fence, &info, fences))
		return -EBADF;

	for (i = 0; i < info.num_fences; i++)
		if (fences[i].status < 0)
			return fences[i].status;

	return info.status;
}

/* Which driver the fence is of, or one of them */
static inline int fence_driver(int fence, char name[32])
{
	struct sync_fence_info fences[MAX_FENCES];
	struct sync_file_info info;

	if (fence_info(fence, &info, fences))
		return -errno;

	snprintf(name, 32, "%.31s", fences[0].driver_name);

	return 0;
}

static inline int fence_wait(int fence, int ms)
{
	struct pollfd pfd = { .fd = fence, .events = POLLIN };

	poll(&pfd, 1, ms);

	return fence_status(fence);
}

/* -------------------------------------------------------------- samples */

#define COUNTER_CHUNK	256	/* words compared before anybody looks at the result */

/* Without a branch for each word, so that the compiler can use vectors */
static inline bool counter_chunk_is(const uint32_t *data, uint32_t first)
{
	uint32_t wrong = 0;
	unsigned int i;

	for (i = 0; i < COUNTER_CHUNK; i++)
		wrong |= data[i] ^ (first + i);

	return !wrong;
}

/*
 * Checks that @words samples continue the counter at *@next, or start it if
 * !*@started. Returns how many of them did before the first wrong one.
 */
static inline size_t counter_check(const uint32_t *data, size_t words,
				   uint32_t *next, bool *started)
{
	size_t i = 0;

	if (words && !*started) {
		*next = data[0];
		*started = true;
	}
	while (words - i >= COUNTER_CHUNK &&
	       counter_chunk_is(data + i, *next + i))
		i += COUNTER_CHUNK;
	while (i < words && data[i] == (uint32_t)(*next + i))
		i++;
	*next += i;

	return i;
}

#define EXPECT_COUNTER(_data, _bytes, _next, _started)			\
	EXPECT_EQ((_bytes) / 4,						\
		  counter_check(_data, (_bytes) / 4, _next, _started))

/* Reads @bytes from the enabled buffer, in read() mode, and checks them. */
static inline void expect_read(struct __test_metadata *_metadata,
			       const struct iio_dut *dut, size_t bytes,
			       uint32_t *next, bool *started)
{
	struct pollfd pfd = { .fd = dut->fd, .events = POLLIN };
	uint32_t *data = malloc(bytes);
	ssize_t ret;
	size_t pos;

	ASSERT_TRUE(data != NULL);
	for (pos = 0; pos < bytes; pos += ret) {
		ASSERT_EQ(1, poll(&pfd, 1, WAIT_MS));
		ASSERT_EQ(POLLIN, pfd.revents & (POLLIN | POLLERR));
		ret = read(dut->fd, (char *)data + pos, bytes - pos);
		ASSERT_GT(ret, 0) {
			TH_LOG("read() at %zu: %s", pos, strerror(errno));
		}
	}
	EXPECT_COUNTER(data, bytes, next, started);
	free(data);
}

/* The device, open and disabled, gives samples in read() mode. */
static inline void expect_read_mode_works(struct __test_metadata *_metadata,
					  const struct iio_dut *dut)
{
	bool started = false;
	uint32_t next;

	ASSERT_EQ(0, dut_set_block_bytes(dut, 4096));
	ASSERT_EQ(0, dut_enable(dut));
	expect_read(_metadata, dut, 16384, &next, &started);
	EXPECT_EQ(0, dut_disable(dut));
}

/* One transfer into an attached block that is not queued. */
static inline void expect_transfer(struct __test_metadata *_metadata,
				   const struct iio_dut *dut,
				   const struct block *blk)
{
	bool started = false;
	uint32_t next;

	block_fill(blk, 0xa5);
	test_cmd_enqueue(dut->fd, blk->fd, blk->size);
	ASSERT_TRUE(block_wait(blk, WAIT_MS));
	ASSERT_EQ(0, block_begin_read(blk));
	EXPECT_COUNTER(blk->map, blk->size, &next, &started);
	EXPECT_EQ(0, block_end_read(blk));
}

/* The device, open and disabled, gives samples in DMABUF mode. */
static inline void expect_dmabuf_mode_works(struct __test_metadata *_metadata,
					    const struct iio_dut *dut)
{
	struct block blk;

	ASSERT_EQ(0, block_alloc(&blk, 16384));
	test_cmd_attach(dut->fd, blk.fd);
	ASSERT_EQ(0, dut_enable(dut));
	expect_transfer(_metadata, dut, &blk);
	EXPECT_EQ(0, dut_disable(dut));
	test_cmd_detach(dut->fd, blk.fd);
	block_free(&blk);
}

/* -------------------------------------------------------------- sleepers */

/* A call that is expected to sleep, in a thread of its own */
struct sleeper {
	int (*fn)(void *arg);
	void *arg;
	pthread_t thread;
	volatile pid_t tid;
	volatile bool done;
	int ret;
	int err;
};

static inline void *sleeper_main(void *arg)
{
	struct sleeper *s = arg;

	s->tid = syscall(SYS_gettid);
	s->ret = s->fn(s->arg);
	s->err = errno;
	__sync_synchronize();
	s->done = true;

	return NULL;
}

static inline bool sleeper_sleeps(const struct sleeper *s)
{
	char path[64], text[256], *state;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", s->tid);
	if (!s->tid || s->done || file_read(path, text, sizeof(text)))
		return false;

	state = strrchr(text, ')');

	return state && (state[2] == 'S' || state[2] == 'D');
}

/* Returns true once the call sleeps; false if it came back instead. */
static inline bool sleeper_start(struct sleeper *s, int (*fn)(void *),
				 void *arg)
{
	uint64_t end = now_ms() + WAIT_MS;
	unsigned int seen = 0;

	memset(s, 0, sizeof(*s));
	s->fn = fn;
	s->arg = arg;
	if (pthread_create(&s->thread, NULL, sleeper_main, s))
		return false;

	/* Page faults sleep too: only a state that stays counts. */
	while (seen < 5 && !s->done && now_ms() < end) {
		seen = sleeper_sleeps(s) ? seen + 1 : 0;
		usleep(1000);
	}

	return seen == 5;
}

/* True if the call came back in time, with ret and err filled in. */
static inline bool sleeper_join(struct sleeper *s, int ms)
{
	if (!wait_until(s->done, ms))
		return false;

	pthread_join(s->thread, NULL);

	return true;
}

static inline int enable_dut(void *arg)
{
	return dut_enable(arg);
}

static inline int unbind_dut(void *arg)
{
	return dut_unbind(arg);
}

/* The removal of the device has come so far that it wakes up who waits for the buffer. */
static inline bool dut_gone(const struct iio_dut *dut)
{
	struct pollfd pfd = { .fd = dut->fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 && pfd.revents == (POLLERR | POLLHUP);
}

/* The ioctls know first that the device is gone, on the kernels on which they do. */
static inline bool dut_refuses(const struct iio_dut *dut)
{
	return iio_detach(dut->fd, -1) && errno == ENODEV;
}

/*
 * Starts an unbind that has to wait for somebody. A sleep alone is no evidence that the
 * removal has begun: before it does, it may have slept for a lock of the driver core.
 */
static inline bool removal_start(struct sleeper *s, struct iio_dut *dut)
{
	bool sleeps = sleeper_start(s, unbind_dut, dut);

	wait_until(dut_refuses(dut), AT_ONCE_MS);

	return sleeps;
}

static inline void nop_handler(int sig)
{
}

/* A SIGUSR1 that the kernel restarts system calls behind */
static inline int restart_on_usr1(void)
{
	struct sigaction action = {
		.sa_handler = nop_handler,
		.sa_flags = SA_RESTART,
	};

	return sigaction(SIGUSR1, &action, NULL);
}

/*
 * Starts @fn, which sleeps, and sends it a signal that ends the sleep. Nobody else waits
 * for a sleeper that did not end, so it is not of this stack.
 */
static inline void expect_eintr(struct __test_metadata *_metadata,
				int (*fn)(void *arg), void *arg)
{
	struct sigaction sa = { .sa_handler = nop_handler };
	static struct sleeper s;

	sigaction(SIGUSR1, &sa, NULL);
	ASSERT_TRUE(sleeper_start(&s, fn, arg));
	pthread_kill(s.thread, SIGUSR1);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EINTR, s.err);
}

/* ------------------------------------------------------------------ main */

static inline bool test_selected(int argc, char **argv,
				 const struct __fixture_metadata *f,
				 const struct __test_metadata *t)
{
	bool include = true, selected = false, any = false;
	char name[256];
	int i;

	snprintf(name, sizeof(name), "%s.%s", f->name, t->name);
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-x")) {
			include = false;
			continue;
		}
		any |= include;
		if (!fnmatch(argv[i], name, 0)) {
			if (!include)
				return false;
			selected = true;
		}
		include = true;
	}

	return selected || !any;
}

/*
 * Older harnesses cannot select tests. This takes patterns of the form
 * fixture.test to run, or to leave out after -x, and -l to list the names.
 */
static int iio_test_main(int argc, char **argv)
{
	bool list = argc == 2 && !strcmp(argv[1], "-l");
	struct __fixture_metadata *f;
	struct __test_metadata **t;
	unsigned int n = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);

	for (f = __fixture_list; f; f = f->next) {
		for (t = &f->tests; *t; ) {
			if (list) {
				printf("%s.%s\n", f->name, (*t)->name);
			} else if (!test_selected(argc, argv, f, *t)) {
				*t = (*t)->next;
				continue;
			}
			t = &(*t)->next;
			n++;
		}
	}
	if (list)
		return KSFT_PASS;
	if (!n) {
		printf("TAP version 13\n1..0 # SKIP no test of that name\n");
		return KSFT_SKIP;
	}

	return test_harness_run(1, argv);
}

#define IIO_TEST_MAIN					\
	int main(int argc, char **argv)			\
	{						\
		return iio_test_main(argc, argv);	\
	}

#endif /* __IIO_TEST_UTIL_H */
