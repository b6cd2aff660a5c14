// SPDX-License-Identifier: GPL-2.0
/*
 * Owners killed, drivers unbound and everything done at once, many times, at random
 * moments. After each test the device works, and nothing is left of those who used it.
 *
 * Environment: IIO_STRESS_KILLS (1000), IIO_STRESS_UNBINDS (200, of all kinds together)
 * and IIO_STRESS_SECONDS (10, for each test that has no end of its own) say how much;
 * IIO_STRESS_SEED makes the choices, though not their timing, those of an earlier run.
 */
#include "iio_test_bufs.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static unsigned int count_from_env(const char *name, unsigned int count)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : count;
}

static unsigned int seed_from_env(void)
{
	unsigned int seed = count_from_env("IIO_STRESS_SEED",
					   now_ms() ^ getpid() << 16);

	printf("# IIO_STRESS_SEED=%u\n", seed);

	return seed;
}

/* Sleeps for up to 2^@max_log2 us: as often 1 to 2 ms as 16 to 32 us. */
static void sleep_random(unsigned int *seed, unsigned int max_log2)
{
	unsigned int us = 1u << (rand_r(seed) % max_log2);

	usleep(us + rand_r(seed) % us);
}

/* ---------------------------------------------------------------- leftovers */

/* What there may be no more of after a test than before it */
struct leftovers {
	long long descriptors;		/* of the dummy DMA controller */
	int dmabufs;			/* in the system */
	int attachments;		/* of those */
	int fds;			/* of this process */
	int users[2];			/* of the modules */
};

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int count = 0;

	while (d && readdir(d))
		count++;
	if (d)
		closedir(d);

	return count;
}

static void count_dmabufs(struct leftovers *left)
{
	FILE *f = fopen(BUFINFO, "r");
	char line[512];
	int count;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Total %d devices", &count) == 1)
			left->attachments += count;
		else if (sscanf(line, " Total %d objects", &count) == 1)
			left->dmabufs = count;
	}
	if (f)
		fclose(f);
}

static int count_module_users(const char *name)
{
	char path[128], text[16];

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);

	return file_read(path, text, sizeof(text)) ? -1 : atoi(text);
}

static struct leftovers leftovers_count(void)
{
	struct leftovers left = {
		.descriptors = fault_get("descriptors"),
		.fds = count_fds(),
		.users = {
			count_module_users("adc_dummy"),
			count_module_users("dma_dummy"),
		},
	};

	count_dmabufs(&left);

	return left;
}

static bool leftovers_same(const struct leftovers *a, const struct leftovers *b)
{
	return a->descriptors == b->descriptors && a->dmabufs == b->dmabufs &&
	       a->attachments == b->attachments && a->fds == b->fds &&
	       a->users[0] == b->users[0] && a->users[1] == b->users[1];
}

/* The buffer is disabled and closed: back to where it all began, if not at once. */
static void expect_nothing_left(struct __test_metadata *_metadata,
				const struct leftovers *before)
{
	struct leftovers now;

	wait_until((now = leftovers_count(), leftovers_same(before, &now)),
		   WAIT_MS);
	EXPECT_EQ(before->descriptors, now.descriptors);
	EXPECT_EQ(before->dmabufs, now.dmabufs);
	EXPECT_EQ(before->attachments, now.attachments);
	EXPECT_EQ(before->fds, now.fds);
	EXPECT_EQ(before->users[0], now.users[0]);
	EXPECT_EQ(before->users[1], now.users[1]);
}

/* ----------------------------------------------------------------- the device */

/* Nobody has the buffer open, and whoever opens it next can work, in either mode. */
static void expect_usable(struct __test_metadata *_metadata, struct bufs *b)
{
	next_opens(_metadata, b);
	ASSERT_EQ(0, dut_disable(&b->dut));
	expect_read_mode_works(_metadata, &b->dut);
	expect_dmabuf_mode_works(_metadata, &b->dut);
	dut_close_fd(&b->dut);
}

static void expect_blocks_idle(struct __test_metadata *_metadata,
			       const struct bufs *b)
{
	int i;

	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_TRUE(block_wait(&b->blk[i], WAIT_MS));
}

/* ------------------------------------------------------------------- killed */

/* The steps of a session, in order */
enum step {
	STARTED,
	OPENED,
	ATTACHED,
	ENQUEUED,
	ENABLED,
	IN_FLIGHT,
	DETACHED,
	NUM_STEPS
};

static const char * const step_names[NUM_STEPS] = {
	"started", "opened", "attached", "enqueued", "enabled", "in flight",
	"detached",
};

FIXTURE(stress_kill) {
	struct bufs b;
	struct leftovers before;
	volatile enum step *step;	/* of the child, shared with it */
};

FIXTURE_SETUP(stress_kill)
{
	bufs_setup(_metadata, &self->b, NEED_BUFINFO);
	dut_close_fd(&self->b.dut);
	self->step = mmap(NULL, sizeof(*self->step), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(self->step != MAP_FAILED);
	self->before = leftovers_count();
}

FIXTURE_TEARDOWN(stress_kill)
{
	bufs_teardown(_metadata, &self->b);
	munmap((void *)self->step, sizeof(*self->step));
}

/* A session until its step @last, where it stays. Somebody else kills it. */
static int session(FIXTURE_DATA(stress_kill) *self, enum step last)
{
	struct bufs *b = &self->b;
	enum step step;
	int i, ret = 0;

	for (step = STARTED; step <= last && !ret; step++) {
		for (i = 0; i < NUM_BLOCKS && !ret; i++) {
			if (step == ATTACHED)
				ret = iio_attach(b->dut.fd, b->blk[i].fd);
			else if (step == ENQUEUED)
				ret = enqueue(b, i);
			else if (step == IN_FLIGHT && !b->dut.stall)
				ret = !block_wait(&b->blk[i], WAIT_MS) ||
				      enqueue(b, i);
			else if (step == DETACHED)
				ret = iio_detach(b->dut.fd, b->blk[i].fd);
		}
		if (step == OPENED) {
			b->dut.fd = dut_open_fd(&b->dut);
			ret = b->dut.fd < 0;
		} else if (step == ENABLED) {
			ret = dut_enable(&b->dut);
		}
		if (!ret)
			*self->step = step;
	}

	return ret;
}

static pid_t fork_owner(struct __test_metadata *_metadata,
			FIXTURE_DATA(stress_kill) *self)
{
	pid_t pid;

	*self->step = STARTED;
	pid = fork();
	EXPECT_GE(pid, 0);
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);

	return pid;
}

static void kill_owner(struct __test_metadata *_metadata, pid_t pid)
{
	int status;

	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	/* Otherwise it had ended by itself, as something was refused. */
	EXPECT_TRUE(WIFSIGNALED(status));
}

static void kill_at(struct __test_metadata *_metadata,
		    FIXTURE_DATA(stress_kill) *self, enum step step)
{
	struct bufs *b = &self->b;
	int i;
	pid_t pid;

	for (i = 0; i < 10; i++) {
		if (b->dut.stall)
			ASSERT_EQ(0, dut_stall(&b->dut, 1));
		pid = fork_owner(_metadata, self);
		if (!pid) {
			if (session(self, step))
				_exit(1);
			for (;;)
				pause();
		}
		EXPECT_TRUE(wait_until(*self->step == step, WAIT_MS));
		kill_owner(_metadata, pid);

		/* On every other one the transfers end before the disable. */
		if (b->dut.stall && i & 1)
			ASSERT_EQ(0, dut_stall(&b->dut, 0));
		ASSERT_EQ(0, dut_disable(&b->dut));
		expect_blocks_idle(_metadata, b);
	}
	if (b->dut.stall)
		ASSERT_EQ(0, dut_stall(&b->dut, 0));
	expect_usable(_metadata, b);
	expect_nothing_left(_metadata, &self->before);
	printf("# %d kills: %s\n", i, step_names[step]);
}

TEST_F_TIMEOUT(stress_kill, once_opened, 60)
{
	kill_at(_metadata, self, OPENED);
}

TEST_F_TIMEOUT(stress_kill, once_attached, 60)
{
	kill_at(_metadata, self, ATTACHED);
}

TEST_F_TIMEOUT(stress_kill, once_enqueued, 60)
{
	kill_at(_metadata, self, ENQUEUED);
}

TEST_F_TIMEOUT(stress_kill, once_enabled, 60)
{
	kill_at(_metadata, self, ENABLED);
}

TEST_F_TIMEOUT(stress_kill, with_blocks_in_flight, 60)
{
	kill_at(_metadata, self, IN_FLIGHT);
}

TEST_F_TIMEOUT(stress_kill, once_detached, 60)
{
	kill_at(_metadata, self, DETACHED);
}

/* One step of somebody who streams, and at times does something else */
static int live_once(struct bufs *b, unsigned int *seed)
{
	int i = rand_r(seed) % NUM_BLOCKS, ret = 0;

	switch (rand_r(seed) % 16) {
	case 0:
		ret = iio_detach(b->dut.fd, b->blk[i].fd) ||
		      iio_attach(b->dut.fd, b->blk[i].fd);
		break;
	case 1:
		ret = dut_disable(&b->dut) || dut_enable(&b->dut);
		break;
	default:
		break;
	}
	if (!ret && block_wait(&b->blk[i], 0))
		ret = enqueue(b, i);

	return ret;
}

static void *live_thread(void *arg)
{
	struct bufs *b = arg;
	unsigned int seed = b->dut.fd;

	while (!dut_disable(&b->dut) && !dut_enable(&b->dut))
		sleep_random(&seed, 11);
	_exit(1);
}

/* Goes through a session and on with it until somebody kills it */
static void live(FIXTURE_DATA(stress_kill) *self, unsigned int seed)
{
	pthread_t thread;

	/* The one before may have left it enabled. */
	if (dut_disable(&self->b.dut) || session(self, ENABLED))
		_exit(1);
	if (seed & 1 && pthread_create(&thread, NULL, live_thread, &self->b))
		_exit(1);
	*self->step = IN_FLIGHT;
	while (!live_once(&self->b, &seed))
		;
	_exit(1);
}

TEST_F_TIMEOUT(stress_kill, at_any_time, 3600)
{
	unsigned int kills = count_from_env("IIO_STRESS_KILLS", 1000);
	unsigned int seed = seed_from_env(), at[NUM_STEPS] = { }, i, step;
	struct bufs *b = &self->b;
	uint64_t end;
	pid_t pid;

	for (i = 0; i < kills; i++) {
		pid = fork_owner(_metadata, self);
		if (!pid)
			live(self, seed);
		/* However fast it is, each of its steps gets its share. */
		step = rand_r(&seed) % DETACHED;
		end = now_ms() + WAIT_MS;
		while (*self->step < step && now_ms() < end)
			sched_yield();
		sleep_random(&seed, 14);
		kill_owner(_metadata, pid);
		at[*self->step]++;

		if (rand_r(&seed) & 1)
			continue;
		ASSERT_EQ(0, dut_disable(&b->dut));
		expect_blocks_idle(_metadata, b);
		if (!(rand_r(&seed) % 8))
			expect_usable(_metadata, b);
	}
	ASSERT_EQ(0, dut_disable(&b->dut));
	expect_blocks_idle(_metadata, b);
	expect_usable(_metadata, b);
	expect_nothing_left(_metadata, &self->before);

	printf("# %u kills, by the last step done:", i);
	for (step = 0; step < NUM_STEPS; step++)
		if (at[step])
			printf(" %u %s", at[step], step_names[step]);
	printf("\n");
}

/* -------------------------------------------------------------------- crowd */

/*
 * Several threads that use one buffer, each in a way of its own. The buffer is opened,
 * closed, and opened anew behind the same file descriptor: what is not open is /dev/null
 * there, so that nobody meets a file that is none of his business.
 */
struct crowd {
	struct bufs b;			/* dut under lock, the rest is constant */
	pthread_mutex_t lock;
	int fd;				/* of the buffer, or of /dev/null */
	int null;
	bool rebound;			/* somebody unbinds and binds */
	volatile bool stop;
};

struct worker {
	const char *name;
	/* Returns 0 or a negative error code */
	int (*work)(struct crowd *c, unsigned int *seed);
	/* Errors that may come of what the others do, 0 at their end */
	int allowed[8];

	struct crowd *crowd;
	pthread_t thread;
	unsigned int seed;
	unsigned int done;
	unsigned int refused;
	int bad;			/* an errno that is not allowed */
	volatile bool ended;
};

static struct iio_dut crowd_dut(struct crowd *c)
{
	struct iio_dut dut;

	pthread_mutex_lock(&c->lock);
	dut = c->b.dut;
	pthread_mutex_unlock(&c->lock);

	return dut;
}

static const struct block *crowd_block(struct crowd *c, unsigned int *seed)
{
	return &c->b.blk[rand_r(seed) % NUM_BLOCKS];
}

static void crowd_close(struct crowd *c)
{
	dup3(c->null, c->fd, O_CLOEXEC);
}

static int crowd_open(struct crowd *c, bool nonblock)
{
	struct iio_dut dut = crowd_dut(c);

	crowd_close(c);
	dut.fd = dut_open_fd(&dut);
	if (dut.fd < 0)
		return dut.fd;

	dut_nonblock(&dut, nonblock);
	dup3(dut.fd, c->fd, O_CLOEXEC);
	close(dut.fd);

	return 0;
}

static void crowd_init(struct __test_metadata *_metadata, struct crowd *c)
{
	dut_close_fd(&c->b.dut);
	pthread_mutex_init(&c->lock, NULL);
	c->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	ASSERT_GE(c->null, 0);
	c->fd = dup(c->null);
	ASSERT_GE(c->fd, 0);
}

static void crowd_exit(struct crowd *c)
{
	close(c->fd);
	close(c->null);
}

static bool worker_may(const struct worker *w, int err)
{
	unsigned int i;

	for (i = 0; w->allowed[i]; i++)
		if (w->allowed[i] == err)
			return true;

	/* The device goes, and comes back without channels. */
	return w->crowd->rebound && (err == ENODEV || err == ENOENT);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	int err;

	while (!w->crowd->stop && !w->bad) {
		err = -w->work(w->crowd, &w->seed);
		if (!err) {
			w->done++;
		} else if (worker_may(w, err)) {
			w->refused++;
			/* Let somebody change what was in the way. */
			usleep(rand_r(&w->seed) % 256);
		} else {
			w->bad = err;
		}
	}
	w->ended = true;

	return NULL;
}

static void crowd_start(struct __test_metadata *_metadata, struct crowd *c,
			struct worker *workers, unsigned int num,
			unsigned int *seed)
{
	unsigned int i;

	for (i = 0; i < num; i++) {
		workers[i].crowd = c;
		workers[i].seed = rand_r(seed);
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL,
					    worker_main, &workers[i]));
	}
}

static void crowd_stop(struct __test_metadata *_metadata, struct crowd *c,
		       struct worker *workers, unsigned int num)
{
	unsigned int i;

	c->stop = true;
	for (i = 0; i < num; i++) {
		ASSERT_TRUE(wait_until(workers[i].ended, 4 * WAIT_MS)) {
			TH_LOG("%s does not come back", workers[i].name);
		}
		pthread_join(workers[i].thread, NULL);
		printf("# %s: %u done, %u refused\n", workers[i].name,
		       workers[i].done, workers[i].refused);
		EXPECT_EQ(0, workers[i].bad) {
			TH_LOG("%s: %s", workers[i].name,
			       strerror(workers[i].bad));
		}
		EXPECT_LT(0, (int)workers[i].done) {
			TH_LOG("%s", workers[i].name);
		}
	}
}

/* What the threads do */

static int work_enqueue(struct crowd *c, unsigned int *seed)
{
	const struct block *blk = crowd_block(c, seed);

	/* Whole, or a part of it in steps of what any engine can do. */
	return iio_enqueue(c->fd, blk->fd, rand_r(seed) % 4 ? SIZE :
			   64 + rand_r(seed) % (SIZE / 64) * 64) ? -errno : 0;
}

static int work_attach(struct crowd *c, unsigned int *seed)
{
	const struct block *blk = crowd_block(c, seed);

	return iio_attach(c->fd, blk->fd) ? -errno : 0;
}

static int work_detach(struct crowd *c, unsigned int *seed)
{
	const struct block *blk = crowd_block(c, seed);

	sleep_random(seed, 12);

	return iio_detach(c->fd, blk->fd) ? -errno : 0;
}

static int work_switch(struct crowd *c, unsigned int *seed)
{
	struct iio_dut dut = crowd_dut(c);
	int ret = dut_enable(&dut);

	sleep_random(seed, 14);

	return ret ?: dut_disable(&dut);
}

/* It stays open for a while, and the others have something to work with. */
static int work_reopen(struct crowd *c, unsigned int *seed)
{
	bool nonblock = rand_r(seed) & 1;
	int i, ret;

	sleep_random(seed, 17);
	/* An ioctl of somebody else may hold on to the one before. */
	for (i = 0; i < 100; i++) {
		ret = crowd_open(c, nonblock);
		if (ret != -EBUSY)
			break;
		usleep(100);
	}
	for (i = 0; i < NUM_BLOCKS && !ret; i++)
		iio_attach(c->fd, c->b.blk[i].fd);

	return ret;
}

/* Only where it cannot sleep: nobody promises that there will be samples. */
static int work_read(struct crowd *c, unsigned int *seed)
{
	static char data[4096];
	int fd = dup(c->fd), ret = 0;

	if (fcntl(fd, F_GETFL) & O_NONBLOCK && read(fd, data, sizeof(data)) < 0)
		ret = -errno;
	close(fd);
	sleep_random(seed, 8);

	return ret;
}

static int work_poll(struct crowd *c, unsigned int *seed)
{
	const struct block *blk = crowd_block(c, seed);
	struct pollfd pfd[] = {
		{ .fd = blk->fd, .events = POLLIN | POLLOUT },
		{ .fd = c->fd, .events = POLLIN },
	};

	sleep_random(seed, 10);

	return poll(pfd, ARRAY_SIZE(pfd), 1) < 0 ? -errno : 0;
}

/* The CPU in between, and fences that others have taken */
static int work_access(struct crowd *c, unsigned int *seed)
{
	const struct block *blk = crowd_block(c, seed);
	int fence = fence_export(blk);

	if (block_wait(blk, 10)) {
		if (block_begin_read(blk) || block_end_read(blk))
			return -errno;
	}
	if (fence >= 0) {
		fence_wait(fence, 1);
		close(fence);
	}
	sleep_random(seed, 10);

	return 0;
}

static int work_faults(struct crowd *c, unsigned int *seed)
{
	static const char * const faults[] = { "refuse_prep", "fail" };

	fault_set(faults[rand_r(seed) % 2], rand_r(seed) % 4);
	fault_set("short_bytes", rand_r(seed) % 8 * 64);
	fault_set("delay_us", rand_r(seed) % 4 * 100);
	fault_set("stall", rand_r(seed) & 1);
	sleep_random(seed, 14);
	fault_reset();
	sleep_random(seed, 14);

	return 0;
}

/* Those of the emulated board: what hangs ends at the next disable. */
static int work_board_faults(struct crowd *c, unsigned int *seed)
{
	struct iio_dut dut = crowd_dut(c);

	board_set("rx_early_bytes", rand_r(seed) % 8 * 512);
	board_set("rx_late_ns", rand_r(seed) % 4 * 100000);
	board_set("rx_fault", 1 << rand_r(seed) % 5);
	dut_stall(&dut, rand_r(seed) & 1);
	sleep_random(seed, 14);
	dut_reset_faults(&dut);
	sleep_random(seed, 14);

	return 0;
}

/* The ADC, or whatever it is that has the buffer, goes and comes back. */
static int work_unbind(struct crowd *c, unsigned int *seed)
{
	struct iio_dut dut = crowd_dut(c);
	int ret;

	sleep_random(seed, 17);
	ret = dut_unbind(&dut);
	if (ret)
		return ret;
	sleep_random(seed, 12);
	if (!dut_rebind(&dut))
		return -EIO;

	dut_scan_all(&dut);
	pthread_mutex_lock(&c->lock);
	c->b.dut = dut;
	pthread_mutex_unlock(&c->lock);
	ret = crowd_open(c, false);

	/* Somebody else was faster. */
	return ret == -EBUSY ? 0 : ret;
}

#define WORKER(_name, ...)						\
	{								\
		.name = #_name,						\
		.work = work_##_name,					\
		.allowed = { __VA_ARGS__ },				\
	}

/*
 * ENOTTY: /dev/null is what is open. ENOMEM: the engine was told to refuse. EINVAL: there
 * are no channels yet.
 */
#define WORKER_ENQUEUE	WORKER(enqueue, EBUSY, EPERM, EAGAIN, ENOTTY, ENOMEM)
#define WORKER_ATTACH	WORKER(attach, EBUSY, EAGAIN, ENOTTY)
#define WORKER_DETACH	WORKER(detach, EPERM, EAGAIN, ENOTTY)
#define WORKER_SWITCH	WORKER(switch, EINVAL)
#define WORKER_REOPEN	WORKER(reopen, EBUSY)
/* EIO: of a transfer that "faults" has made fail */
#define WORKER_READ	WORKER(read, EBUSY, EAGAIN, ENOTTY, ENOMEM, EIO)

/* ----------------------------------------------------------------- at once */

FIXTURE(stress) {
	struct crowd c;
	struct leftovers before;
	unsigned int seed;
};

FIXTURE_SETUP(stress)
{
	bufs_setup(_metadata, &self->c.b, NEED_BUFINFO);
	dut_close_fd(&self->c.b.dut);
	self->before = leftovers_count();
	self->seed = seed_from_env();
	crowd_init(_metadata, &self->c);
}

FIXTURE_TEARDOWN(stress)
{
	bufs_teardown(_metadata, &self->c.b);
}

static void run_crowd(struct __test_metadata *_metadata,
		      FIXTURE_DATA(stress) *self, struct worker *workers,
		      unsigned int num)
{
	unsigned int seconds = count_from_env("IIO_STRESS_SECONDS", 10);
	struct bufs *b = &self->c.b;

	ASSERT_EQ(0, crowd_open(&self->c, false));
	crowd_start(_metadata, &self->c, workers, num, &self->seed);
	sleep(seconds);
	crowd_stop(_metadata, &self->c, workers, num);

	crowd_exit(&self->c);
	dut_reset_faults(&b->dut);
	ASSERT_EQ(0, dut_disable(&b->dut));
	/* Who brought the device back may have found its buffer enabled already. */
	dut_scan_enable(&b->dut);
	expect_blocks_idle(_metadata, b);
	expect_usable(_metadata, b);
	expect_nothing_left(_metadata, &self->before);
}

TEST_F_TIMEOUT(stress, switched_while_enqueueing, 3600)
{
	struct worker workers[] = {
		WORKER_ENQUEUE, WORKER_ENQUEUE, WORKER_ATTACH, WORKER_SWITCH,
	};

	run_crowd(_metadata, self, workers, ARRAY_SIZE(workers));
}

TEST_F_TIMEOUT(stress, closed_with_blocks_in_flight, 3600)
{
	struct worker workers[] = {
		WORKER_ENQUEUE, WORKER_ATTACH, WORKER_SWITCH, WORKER_REOPEN,
	};

	run_crowd(_metadata, self, workers, ARRAY_SIZE(workers));
}

TEST_F_TIMEOUT(stress, everything_but_unbind, 3600)
{
	struct worker workers[] = {
		WORKER_ENQUEUE, WORKER_ENQUEUE, WORKER_ATTACH, WORKER_DETACH,
		WORKER_SWITCH, WORKER_REOPEN, WORKER_READ, WORKER(poll),
		WORKER(access),
	};

	run_crowd(_metadata, self, workers, ARRAY_SIZE(workers));
}

TEST_F_TIMEOUT(stress, everything_at_once, 3600)
{
	struct worker workers[] = {
		WORKER_ENQUEUE, WORKER_ENQUEUE, WORKER_ATTACH, WORKER_DETACH,
		WORKER_SWITCH, WORKER_REOPEN, WORKER_READ, WORKER(poll),
		WORKER(access), WORKER(unbind), WORKER(faults),
	};

	if (!self->c.b.dut.stall)
		SKIP(return, "no faults on request");
	if (!self->c.b.dut.faults)
		workers[ARRAY_SIZE(workers) - 1].work = work_board_faults;

	self->c.rebound = true;
	run_crowd(_metadata, self, workers, ARRAY_SIZE(workers));
}

/* ------------------------------------------------------------------ unbound */

FIXTURE(stress_unbind) {
	struct crowd c;
	struct leftovers before;
	unsigned int seed;
	char controller[PATH_MAX];	/* its driver */
	char controller_name[NAME_MAX];
	char engine[64];
};

FIXTURE_SETUP(stress_unbind)
{
	bufs_setup(_metadata, &self->c.b, NEED_BUFINFO | NEED_REBIND);
	dut_close_fd(&self->c.b.dut);
	modules_engine(self->engine, sizeof(self->engine));
	self->before = leftovers_count();
	self->seed = seed_from_env();
	self->c.rebound = true;
	crowd_init(_metadata, &self->c);
}

FIXTURE_TEARDOWN(stress_unbind)
{
	bufs_teardown(_metadata, &self->c.b);
}

/* The DMA controller: a supplier of the device that has DMA channels */
static bool find_controller(FIXTURE_DATA(stress_unbind) *self)
{
	static const char prefix[] = "supplier:platform:";
	char dir[PATH_MAX], path[PATH_MAX];
	struct dirent *ent;
	bool found = false;
	DIR *d;

	snprintf(dir, sizeof(dir), "/sys/bus/platform/devices/%s",
		 self->c.b.dut.parent);
	d = opendir(dir);
	while (d && !found && (ent = readdir(d))) {
		if (strncmp(ent->d_name, prefix, strlen(prefix)))
			continue;
		snprintf(self->controller_name, NAME_MAX, "%.128s",
			 ent->d_name + strlen(prefix));
		snprintf(path, sizeof(path), "/sys/bus/platform/devices/%.128s/dma",
			 self->controller_name);
		found = !access(path, R_OK);
		strcpy(strrchr(path, '/'), "/driver");
		found = found && realpath(path, self->controller);
	}
	if (d)
		closedir(d);

	return found;
}

static int controller_bind(FIXTURE_DATA(stress_unbind) *self, const char *what)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", self->controller, what);

	return file_write(path, self->controller_name);
}

static bool wait_for_dut(struct iio_dut *dut)
{
	return wait_until(dut_find(dut) && !access(dut->node, R_OK), WAIT_MS);
}

static bool unbind_adc(FIXTURE_DATA(stress_unbind) *self, struct iio_dut *dut)
{
	return !dut_unbind(dut);
}

static bool bind_adc(FIXTURE_DATA(stress_unbind) *self, struct iio_dut *dut)
{
	return dut_rebind(dut);
}

/* Its consumer, the ADC, goes before it and comes back after it. */
static bool unbind_controller(FIXTURE_DATA(stress_unbind) *self,
			      struct iio_dut *dut)
{
	return !controller_bind(self, "unbind");
}

static bool bind_controller(FIXTURE_DATA(stress_unbind) *self,
			    struct iio_dut *dut)
{
	return !controller_bind(self, "bind") && wait_for_dut(dut);
}

static bool unload_modules(FIXTURE_DATA(stress_unbind) *self,
			   struct iio_dut *dut)
{
	return !module_unload("adc_dummy");
}

static bool load_modules(FIXTURE_DATA(stress_unbind) *self, struct iio_dut *dut)
{
	return modules_reload(dut, self->engine, "");
}

/* The device is gone, and all its mappings with it. */
static void expect_gone(struct __test_metadata *_metadata, struct crowd *c)
{
	const struct block *blk = &c->b.blk[rand() % NUM_BLOCKS];
	int i;

	expect_blocks_idle(_metadata, &c->b);
	for (i = 0; i < NUM_BLOCKS; i++)
		EXPECT_EQ(0, block_attachments(&c->b.blk[i], NULL, 0));
	test_err_enqueue(ENODEV, c->fd, blk->fd, SIZE);
}

/* Opened anew; the one before is closed now, or was when its device had gone. */
static void come_back(struct __test_metadata *_metadata, struct crowd *c,
		      struct iio_dut *dut)
{
	int i;

	dut_scan_all(dut);
	pthread_mutex_lock(&c->lock);
	c->b.dut = *dut;
	pthread_mutex_unlock(&c->lock);
	ASSERT_EQ(0, crowd_open(c, false));
	for (i = 0; i < NUM_BLOCKS; i++)
		if (iio_attach(c->fd, c->b.blk[i].fd))
			ASSERT_EQ(EBUSY, errno);
	ASSERT_EQ(0, dut_enable(dut));
}

typedef bool (*transition)(FIXTURE_DATA(stress_unbind) *self,
			   struct iio_dut *dut);

static void unbind_while_streaming(struct __test_metadata *_metadata,
				   FIXTURE_DATA(stress_unbind) *self,
				   const char *what, transition away,
				   transition back)
{
	unsigned int num = (count_from_env("IIO_STRESS_UNBINDS", 200) + 2) / 3;
	struct worker workers[] = {
		WORKER_ENQUEUE, WORKER_ATTACH, WORKER_DETACH, WORKER(poll),
		WORKER(access),
	};
	struct iio_dut dut = self->c.b.dut;
	unsigned int i;

	come_back(_metadata, &self->c, &dut);
	crowd_start(_metadata, &self->c, workers, ARRAY_SIZE(workers),
		    &self->seed);
	for (i = 0; i < num; i++) {
		sleep_random(&self->seed, 14);
		ASSERT_TRUE(away(self, &dut));
		expect_gone(_metadata, &self->c);
		if (rand_r(&self->seed) & 1)
			crowd_close(&self->c);
		ASSERT_TRUE(back(self, &dut));
		come_back(_metadata, &self->c, &dut);
	}
	crowd_stop(_metadata, &self->c, workers, ARRAY_SIZE(workers));
	crowd_exit(&self->c);
	ASSERT_EQ(0, dut_disable(&dut));
	expect_usable(_metadata, &self->c.b);
	expect_nothing_left(_metadata, &self->before);
	printf("# %u unbinds: %s\n", i, what);
}

TEST_F_TIMEOUT(stress_unbind, device, 3600)
{
	unbind_while_streaming(_metadata, self, "device", unbind_adc, bind_adc);
}

TEST_F_TIMEOUT(stress_unbind, controller, 3600)
{
	if (!find_controller(self))
		SKIP(return, "nobody says which DMA controller supplies %s",
		     dut_name());

	unbind_while_streaming(_metadata, self, "DMA controller",
			       unbind_controller, bind_controller);
}

TEST_F_TIMEOUT(stress_unbind, modules, 3600)
{
	if (!modules_exist())
		SKIP(return, "no dummies, or not as modules");

	unbind_while_streaming(_metadata, self, "modules", unload_modules,
			       load_modules);
}

/* ------------------------------------------------------------------- opened */

#define NUM_OPENERS	4

struct openers {
	unsigned int inside;		/* who has the buffer open: one, or none */
	unsigned int crowded;		/* how often it were more */
	unsigned int won[NUM_OPENERS];
	unsigned int lost;
	unsigned int failed;
	bool stop;
};

static void open_once(struct bufs *b, struct openers *o, int me)
{
	b->dut.fd = dut_open_fd(&b->dut);
	if (b->dut.fd == -EBUSY) {
		__atomic_add_fetch(&o->lost, 1, __ATOMIC_SEQ_CST);
		return;
	}
	if (b->dut.fd < 0 || iio_attach(b->dut.fd, b->blk[me].fd) ||
	    enqueue(b, me))
		__atomic_add_fetch(&o->failed, 1, __ATOMIC_SEQ_CST);
	if (__atomic_add_fetch(&o->inside, 1, __ATOMIC_SEQ_CST) != 1)
		__atomic_add_fetch(&o->crowded, 1, __ATOMIC_SEQ_CST);
	o->won[me]++;
	__atomic_sub_fetch(&o->inside, 1, __ATOMIC_SEQ_CST);
	dut_close_fd(&b->dut);
}

/* Processes, not threads: each has files of its own. */
TEST_F_TIMEOUT(stress, one_of_many_openers_wins, 3600)
{
	unsigned int seconds = count_from_env("IIO_STRESS_SECONDS", 10);
	unsigned int won = 0, winners = 0;
	struct openers *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct bufs *b = &self->c.b;
	pid_t pid[NUM_OPENERS];
	int i, status;

	ASSERT_TRUE(o != MAP_FAILED);
	for (i = 0; i < NUM_OPENERS; i++) {
		pid[i] = fork();
		ASSERT_GE(pid[i], 0);
		if (pid[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (!__atomic_load_n(&o->stop, __ATOMIC_SEQ_CST))
			open_once(b, o, i);
		_exit(0);
	}
	sleep(seconds);
	__atomic_store_n(&o->stop, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < NUM_OPENERS; i++) {
		ASSERT_EQ(pid[i], waitpid(pid[i], &status, 0));
		EXPECT_EQ(0, status);
		won += o->won[i];
		winners += o->won[i] > 0;
	}
	EXPECT_LT(1, winners);
	EXPECT_EQ(0, o->crowded);
	EXPECT_EQ(0, o->failed);
	EXPECT_LT(0, (int)o->lost);
	printf("# %u processes opened it %u times, %u times it was open\n",
	       winners, won, o->lost);
	munmap(o, sizeof(*o));

	crowd_exit(&self->c);
	expect_blocks_idle(_metadata, b);
	expect_usable(_metadata, b);
	expect_nothing_left(_metadata, &self->before);
}

IIO_TEST_MAIN
