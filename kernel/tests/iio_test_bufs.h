/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An open buffer with some dma-bufs, and the modules of the dummies: what the tests of
 * lives and deaths share.
 */
#ifndef __IIO_TEST_BUFS_H
#define __IIO_TEST_BUFS_H

#include "iio_test_util.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE		16384
#define NUM_BLOCKS	4

/* What all fixtures have: an open, disabled buffer and some dma-bufs. */
struct bufs {
	struct iio_dut dut;
	struct block blk[NUM_BLOCKS];
};

static inline void bufs_setup(struct __test_metadata *_metadata,
			      struct bufs *bufs, unsigned int needs)
{
	int i;

	dut_setup(_metadata, &bufs->dut, NEED_DMABUF | needs);
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, block_alloc(&bufs->blk[i], SIZE));
}

static inline void bufs_teardown(struct __test_metadata *_metadata,
				 struct bufs *bufs)
{
	int i;

	dut_teardown(_metadata, &bufs->dut);
	for (i = 0; i < NUM_BLOCKS; i++)
		block_free(&bufs->blk[i]);
}

static inline int enqueue(const struct bufs *b, int i)
{
	return iio_enqueue(b->dut.fd, b->blk[i].fd, SIZE);
}

static inline int enqueue_flags(const struct bufs *b, int i, __u32 flags)
{
	return iio_enqueue_flags(b->dut.fd, b->blk[i].fd, SIZE, flags);
}

static inline void attach_all(struct __test_metadata *_metadata,
			      const struct bufs *b)
{
	int i;

	for (i = 0; i < NUM_BLOCKS; i++)
		test_cmd_attach(b->dut.fd, b->blk[i].fd);
}

/* The next owner, in this process */
static inline void next_opens(struct __test_metadata *_metadata,
			      struct bufs *b)
{
	b->dut.fd = dut_open_fd(&b->dut);
	ASSERT_GE(b->dut.fd, 0);
}

/* For sleepers */
static inline int attach_first(void *arg)
{
	const struct bufs *b = arg;

	return iio_attach(b->dut.fd, b->blk[0].fd);
}

/* Until the buffer has something to say */
static inline int poll_buffer(void *arg)
{
	const struct bufs *b = arg;
	struct pollfd pfd = { .fd = b->dut.fd, .events = POLLIN | POLLOUT };

	return poll(&pfd, 1, -1) == 1 ? pfd.revents : -1;
}

/* Of an open /dev/iio:deviceX */
static inline int get_fd(void *arg)
{
	int fd = 0;

	return ioctl(*(int *)arg, IIO_BUFFER_GET_FD_IOCTL, &fd);
}

/* -------------------------------------------------------------- reports */

static inline int enqueue_report(const struct bufs *b, int i)
{
	return enqueue_flags(b, i, IIO_BUFFER_DMABUF_REPORT);
}

/* Attaches all blocks. Nothing is queued afterwards, and no report has been counted. */
static inline bool reports_exist(struct __test_metadata *_metadata,
				 struct bufs *b)
{
	attach_all(_metadata, b);
	if (enqueue_report(b, 0))
		return false;

	dut_close_fd(&b->dut);
	next_opens(_metadata, b);
	attach_all(_metadata, b);

	return true;
}

static inline bool has_report(const struct bufs *b, int ms)
{
	struct pollfd pfd = { .fd = b->dut.fd, .events = POLLIN | POLLOUT };

	return poll(&pfd, 1, ms) == 1 && pfd.revents == POLLIN;
}

static inline void expect_report(struct __test_metadata *_metadata,
				 const struct bufs *b, int i, unsigned int seqno,
				 int error, size_t bytes)
{
	struct iio_dmabuf_report report = { };

	ASSERT_TRUE(has_report(b, WAIT_MS));
	ASSERT_EQ(sizeof(report), read(b->dut.fd, &report, sizeof(report)));
	EXPECT_EQ(b->blk[i].fd, report.fd);
	EXPECT_EQ(seqno, report.seqno);
	EXPECT_EQ(error, report.error);
	EXPECT_EQ(bytes, report.bytes_used);
	EXPECT_EQ(0, report.reserved[0] | report.reserved[1] |
		     report.reserved[2]);
}

/* -------------------------------------------------------------- modules */

static inline const char *module_dir(void)
{
	return getenv("IIO_TEST_MODULES") ?: "/modules";
}

/* Both dummies are modules, and there to be loaded again */
static inline bool modules_exist(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/adc_dummy.ko", module_dir());

	return !access("/sys/module/adc_dummy/initstate", R_OK) &&
	       !access(path, R_OK);
}

static inline int module_load(const char *name, const char *params)
{
	char path[PATH_MAX];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s.ko", module_dir(), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;

	ret = syscall(SYS_finit_module, fd, params, 0);
	close(fd);

	return ret;
}

static inline int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK);
}

/* The engine that dma_dummy was loaded with, for modules_reload() */
static inline void modules_engine(char *engine, size_t size)
{
	char text[64] = "";

	file_read("/sys/module/dma_dummy/parameters/engine", text, sizeof(text));
	snprintf(engine, size, "%s", text[0] == '(' ? "" : text);
}

/*
 * Both dummies anew, with one more parameter for the DMA controller. Finds the device
 * that comes up.
 */
static inline bool modules_reload(struct iio_dut *dut, const char *engine,
				  const char *param)
{
	char params[128];

	snprintf(params, sizeof(params), "%s%s%s", param,
		 engine[0] ? " engine=" : "", engine);

	module_unload("adc_dummy");
	if (!wait_until(!module_unload("dma_dummy") || errno == ENOENT,
			WAIT_MS) ||
	    module_load("dma_dummy", params) || module_load("adc_dummy", ""))
		return false;

	return wait_until(dut_find(dut) && !access(dut->node, R_OK), WAIT_MS);
}

/* ------------------------------------------------- the owner of the buffer */

/*
 * A child that has the buffer, and ends by close() or by SIGKILL. The dma-bufs are the
 * parent's as well, so that it can look at their fences.
 */
struct owner {
	pid_t pid;
	int pipe;
};

/* What it does first, with the buffer open; not 0 if that fails */
typedef int (*owner_fn)(struct bufs *b, const void *arg);

static inline int owner_main(struct bufs *b, int pipe, owner_fn begin,
			     const void *arg)
{
	char byte = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	b->dut.fd = dut_open_fd(&b->dut);
	if (b->dut.fd < 0 || begin(b, arg))
		return 1;
	if (write(pipe, &byte, 1) != 1 || read(pipe, &byte, 1) != 1)
		return 1;
	close(b->dut.fd);
	if (write(pipe, &byte, 1) != 1)
		return 1;
	pause();

	return 0;
}

/* Nobody else may have the buffer. Returns when @begin has. */
static inline void owner_fork(struct __test_metadata *_metadata,
			      struct owner *owner, struct bufs *b,
			      owner_fn begin, const void *arg)
{
	int sock[2];
	char byte;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	owner->pid = fork();
	ASSERT_GE(owner->pid, 0);
	if (!owner->pid) {
		close(sock[0]);
		_exit(owner_main(b, sock[1], begin, arg));
	}
	close(sock[1]);
	owner->pipe = sock[0];
	ASSERT_EQ(1, read(owner->pipe, &byte, 1));
}

/* Ends it; without @kill it has closed the buffer before. */
static inline void owner_stop(struct __test_metadata *_metadata,
			      struct owner *owner, bool kill_it)
{
	char byte = 0;

	if (!kill_it) {
		ASSERT_EQ(1, write(owner->pipe, &byte, 1));
		ASSERT_EQ(1, read(owner->pipe, &byte, 1));
	}
	kill(owner->pid, SIGKILL);
	ASSERT_EQ(owner->pid, waitpid(owner->pid, NULL, 0));
	owner->pid = 0;
}

/* For the teardown */
static inline void owner_reap(struct owner *owner)
{
	if (owner->pid > 0) {
		kill(owner->pid, SIGKILL);
		waitpid(owner->pid, NULL, 0);
	}
}

#endif /* __IIO_TEST_BUFS_H */
