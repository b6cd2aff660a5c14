// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzzes the DMABUF interface of IIO on the dummy ADC: random programs of system calls, run by
 * several threads at once, with failed allocations, faults of the DMA controller, unbind, and
 * processes that get killed. With KCOV, programs that reach new code are kept and changed.
 *
 * A program fails if the kernel complains; if a call returns what its documentation does not
 * allow, or does not return; and if after all was closed a fence has not signalled, a DMABUF, a
 * mapping or a descriptor is left, or the device does not work.
 *
 * Three kinds of process: the supervisor, which survives whatever happens; the fuzzer; and children
 * of programs that fork.
 */
#include "iio_dmabuf_fuzz_program.h"

#include <dirent.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <time.h>

#include <linux/kcov.h>

#define INTERRUPT_MS	5	/* then a call that may block gets a signal */
#define STUCK_MS	30000	/* then any call is stuck; as long as for the hung task detector */
#define SETTLE_MS	10000	/* for what workers of the kernel clean up */
#define OVERDUE_MS	120000	/* then the fuzzer itself is stuck, in what comes after a program */
#define CHECK_EVERY	200	/* programs, between two thorough checks */
#define REPLAYS		10	/* a race does not show each time */
#define MAX_CORPUS	2048
#define KCOV_WORDS	32768
#define PC_SLOTS	(1 << 16)

#define DEBUGFS		"/sys/kernel/debug/"
#define KSFT_SKIP	4

static struct {
	uint32_t seed;
	unsigned long programs;
	unsigned long seconds;
	unsigned int threads;
	const char *corpus;
	const char *replay;
	const char *text;
	const char *c;
	bool minimise;
	bool print;
	bool quiet;
} cfg = { .seed = 1, .threads = 3 };

/* What the children of programs and the supervisor see as well */
static struct shared {
	char program[96];
	uint64_t since;			/* when it, or the last check, began */
	unsigned long calls;
	int stuck;
	int failed;
	char failure[400];
} *shared;

struct kcov {
	int fd;
	unsigned long *area;
};

struct worker {
	pthread_t thread;
	const struct call_list *list;	/* NULL: idle */
	const struct call *call;	/* NULL: between two calls */
	uint64_t since;
	struct kcov kcov;
	struct kcov child_kcov;
};

/* What a program has in it, and thus what may happen to all of its calls */
struct traits {
	bool unbinds;
	bool refuses;
	bool fails;
	bool nonblock;
	bool fences;			/* of somebody else, which ENQUEUE waits for */
	bool maps;			/* from here on: what there is to clean up */
	bool faults;
	bool sets_up;
};

static struct worker workers[NUM_WORKERS];
static const struct program *current;
static struct traits traits;
/* Since then: the error of a block that nobody read is still there for the next program */
static bool transfers_failed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_cond = PTHREAD_COND_INITIALIZER;
static pthread_cond_t done_cond;

static uint64_t pcs[PC_SLOTS];
static unsigned int num_pcs;
static struct program *corpus[MAX_CORPUS];
static unsigned int corpus_size;

static int kmsg_fd, descriptors_fd, last_fd;
static long dmabufs_before, mappings_before;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

/* The first one counts. What varies from run to run does not belong into it. */
static void fail(const char *fmt, ...)
{
	va_list args;

	if (__atomic_exchange_n(&shared->failed, 1, __ATOMIC_SEQ_CST))
		return;

	va_start(args, fmt);
	vsnprintf(shared->failure, sizeof(shared->failure), fmt, args);
	va_end(args);
}

/* ------------------------------------------------------------- coverage */

static bool kcov_open(struct kcov *kcov)
{
	kcov->fd = open(DEBUGFS "kcov", O_RDWR | O_CLOEXEC);
	if (kcov->fd < 0)
		return false;

	if (ioctl(kcov->fd, KCOV_INIT_TRACE, KCOV_WORDS))
		return false;

	kcov->area = mmap(NULL, KCOV_WORDS * sizeof(*kcov->area), PROT_READ | PROT_WRITE,
			  MAP_SHARED, kcov->fd, 0);
	if (kcov->area == MAP_FAILED) {
		kcov->area = NULL;
		return false;
	}

	return true;
}

/* Of the calling thread, until it ends */
static void kcov_enable(const struct kcov *kcov)
{
	if (kcov->area)
		ioctl(kcov->fd, KCOV_ENABLE, KCOV_TRACE_PC);
}

static bool pc_is_new(uint64_t pc)
{
	unsigned int slot = (pc >> 2) * 0x9e3779b1u % PC_SLOTS;

	for (; pcs[slot]; slot = (slot + 1) % PC_SLOTS)
		if (pcs[slot] == pc)
			return false;

	if (num_pcs == PC_SLOTS / 2)
		return false;
	pcs[slot] = pc;
	num_pcs++;

	return true;
}

/* Returns how many PCs were not known */
static unsigned int kcov_collect(const struct kcov *kcov)
{
	unsigned long i, num;
	unsigned int fresh = 0;

	if (!kcov->area)
		return 0;

	num = __atomic_load_n(&kcov->area[0], __ATOMIC_RELAXED);
	for (i = 1; i <= num && i < KCOV_WORDS; i++)
		fresh += pc_is_new(kcov->area[i]);
	__atomic_store_n(&kcov->area[0], 0, __ATOMIC_RELAXED);

	return fresh;
}

static unsigned int collect_all(void)
{
	unsigned int i, fresh = 0;

	for (i = 0; i < NUM_WORKERS; i++)
		fresh += kcov_collect(&workers[i].kcov) + kcov_collect(&workers[i].child_kcov);

	return fresh;
}

/* --------------------------------------------------- what calls may return */

/*
 * What was detached while its transfer was going on, and attached again, has a fence that is not
 * its own any more.
 */
static bool brings_fences(const struct call *call)
{
	return call_is(call, "import") || call_is(call, "detach") || call_is(call, "close") ||
	       call_is(call, "dup") || call_is(call, "fork");
}

static bool sets_up(const struct call *call)
{
	return call_is(call, "channel") || call_is(call, "length") || call_is(call, "bind") ||
	       call_is(call, "unbind");
}

static void find_traits(const struct program *prog)
{
	const struct call *call;
	unsigned int i, j;

	memset(&traits, 0, sizeof(traits));
	for (i = 0; i < prog->num; i++) {
		for (j = 0; j < prog->list[i].num; j++) {
			call = &prog->list[i].call[j];
			traits.unbinds |= call_is(call, "unbind");
			traits.fences |= brings_fences(call);
			traits.nonblock |= call_is(call, "nonblock");
			traits.refuses |= call->fail || (call_is(call, "fault") &&
				call->arg[0] == FAULT_REFUSE_PREP);
			traits.fails |= call_is(call, "fault") && call->arg[0] == FAULT_FAIL;
			transfers_failed |= traits.fails;
			traits.maps |= call_is(call, "map");
			traits.faults |= call_is(call, "fault");
			traits.sets_up |= sets_up(call);
		}
	}
}

static bool may_block(const struct call *call)
{
	unsigned int flags = ops[call->op].flags;

	return (flags & F_BLOCKS) || ((flags & F_WAITS) && traits.fences);
}

static long ptr_of(const struct call *call)
{
	int i = find_arg(call, A_PTR);

	return i < 0 ? PTR_OK : call->arg[i];
}

static bool error_allowed(const struct call *call, int err)
{
	const struct op *op = &ops[call->op];
	unsigned int i;

	/* Numbers from 512 on are the kernel's own. */
	if (op->flags & F_ANY)
		return err < 512;

	for (i = 0; i < ARRAY_SIZE(op->errs) && op->errs[i]; i++)
		if (op->errs[i] == err)
			return true;

	switch (err) {
	case EFAULT:
		return ptr_of(call) != PTR_OK || call->fail;
	case EAGAIN:
		return (op->flags & F_EAGAIN) && traits.nonblock;
	case EIO:
		return (call_is(call, "status") && traits.fails) ||
		       (call_is(call, "read") && transfers_failed);
	case ENOMEM:
		return call->fail || traits.refuses;
	case ENODEV:
	case ENOENT:
	case ENXIO:
		return traits.unbinds;
	default:
		return false;
	}
}

static bool is_dmabuf(long fd)
{
	return fd >= D0 && fd < D0 + NUM_DMABUFS;
}

/* IIO_BUFFER_DMABUF_REPORT, which mainline's header does not have */
#define FLAG_REPORT	2

/* It cannot work, with these arguments */
static bool has_to_fail(const struct call *call)
{
	bool enqueue = call_is(call, "enqueue");
	unsigned long bytes = call->arg[2];

	if (ptr_of(call) >= PTR_MAP0)
		return false;
	if (call_is(call, "ioctl") || ptr_of(call) != PTR_OK)
		return ops[call->op].flags & F_IOCTL;
	if (!enqueue && !call_is(call, "attach") && !call_is(call, "detach"))
		return false;
	if (!is_dmabuf(call->arg[1]))
		return true;

	return enqueue && (!bytes || bytes % 8 || (call->arg[3] & ~FLAG_REPORT) ||
			   bytes > dmabuf_sizes[call->arg[1] - D0]);
}

static bool poll_allowed(const struct call *call, long revents)
{
	long allowed = POLLIN | POLLOUT | POLLERR | POLLNVAL;

	if (traits.unbinds)
		allowed |= POLLHUP;

	return !(revents & ~allowed & ~(POLLRDNORM | POLLWRNORM)) &&
	       !((revents & POLLERR) && is_dmabuf(call->arg[0]));
}

static void check_result(const struct call *call, long ret)
{
	const char *name = ops[call->op].name;

	if (ret < 0 && !error_allowed(call, -ret))
		fail("%s returns %s (%ld)", name, strerror(-ret), ret);
	if (ret > 0 && (ops[call->op].flags & F_IOCTL))
		fail("%s returns a positive number", name);
	if (!ret && has_to_fail(call))
		fail("%s works although its arguments are wrong", name);
	if (ret > 0 && call_is(call, "read") && ret > call->arg[1])
		fail("%s returns more than was asked for", name);
	if (ret > 0 && call_is(call, "poll") && !poll_allowed(call, ret))
		fail("%s returns the events 0x%lx", name, ret);
}

/* ---------------------------------------------------------------- workers */

/* Returns false if the rest of the list is not for this process */
static bool worker_call(struct worker *w, const struct call *call)
{
	long ret;

	__atomic_store_n(&w->since, now_ms(), __ATOMIC_RELAXED);
	__atomic_store_n(&w->call, call, __ATOMIC_RELEASE);
	if (call->fail)
		fail_nth(call->fail);
	ret = run_call(call);
	if (call->fail)
		fail_nth(0);
	__atomic_store_n(&w->call, NULL, __ATOMIC_RELEASE);

	__atomic_add_fetch(&shared->calls, 1, __ATOMIC_RELAXED);
	check_result(call, ret);

	if (!call_is(call, "fork"))
		return true;
	if (!ret)
		kcov_enable(&w->child_kcov);

	return ret <= 0;
}

static void worker_run(struct worker *w)
{
	const struct call_list *list = w->list;
	unsigned int i;

	for (i = 0; i < list->num && worker_call(w, &list->call[i]); i++)
		;
	if (in_child)
		_exit(0);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	worker_tids[w - workers] = syscall(SYS_gettid);
	kcov_enable(&w->kcov);

	for (;;) {
		pthread_mutex_lock(&lock);
		while (!w->list)
			pthread_cond_wait(&work_cond, &lock);
		pthread_mutex_unlock(&lock);

		worker_run(w);

		pthread_mutex_lock(&lock);
		w->list = NULL;
		pthread_cond_signal(&done_cond);
		pthread_mutex_unlock(&lock);
	}

	return NULL;
}

static void print_file(const char *fmt, int number)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), fmt, number);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		printf("#   %s%s", line, strchr(line, '\n') ? "" : "\n");
	if (f)
		fclose(f);
}

/* There is no way back: the thread cannot be stopped. The supervisor ends it all. */
static void report_stuck(const struct worker *w, const struct call *call)
{
	fail("%s does not return", ops[call->op].name);
	printf("\n# stuck for %d s: ", STUCK_MS / 1000);
	print_call(stdout, call);
	printf("\n");
	print_file("/proc/%d/stack", worker_tids[w - workers]);
	print_program(stdout, current);
	fflush(stdout);
	__atomic_store_n(&shared->stuck, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

static void watch_worker(struct worker *w)
{
	const struct call *call = __atomic_load_n(&w->call, __ATOMIC_ACQUIRE);
	uint64_t since = __atomic_load_n(&w->since, __ATOMIC_RELAXED);
	uint64_t now = now_ms();

	if (!call || now < since)
		return;

	if (now - since > STUCK_MS)
		report_stuck(w, call);
	/* Again and again: it is lost if the call has not begun to sleep. */
	if (now - since > INTERRUPT_MS && may_block(call))
		syscall(SYS_tgkill, getpid(), worker_tids[w - workers], SIGUSR1);
}

static bool any_busy(void)
{
	unsigned int i;

	for (i = 0; i < NUM_WORKERS; i++)
		if (workers[i].list)
			return true;

	return false;
}

/* Runs @num lists at once */
static void run_lists(const struct call_list *lists, unsigned int num)
{
	struct timespec ts;
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < num; i++)
		workers[i].list = &lists[i];
	pthread_cond_broadcast(&work_cond);

	while (any_busy()) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_nsec += 3000000;
		ts.tv_sec += ts.tv_nsec / 1000000000;
		ts.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&done_cond, &lock, &ts);
		for (i = 0; i < num; i++)
			if (workers[i].list)
				watch_worker(&workers[i]);
	}
	pthread_mutex_unlock(&lock);
}

static bool workers_start(void)
{
	bool guided = true;
	pthread_condattr_t attr;
	unsigned int i;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&done_cond, &attr);

	for (i = 0; i < NUM_WORKERS; i++) {
		guided = kcov_open(&workers[i].kcov) && guided;
		guided = kcov_open(&workers[i].child_kcov) && guided;
		if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i])) {
			perror("pthread_create");
			exit(1);
		}
	}

	return guided;
}

/* --------------------------------------------------- what a program leaves */

static long count_dmabufs(void)
{
	static char text[65536];
	char *pos, *end;
	long count;

	if (read_file(DEBUGFS "dma_buf/bufinfo", text, sizeof(text)) < 0)
		return 0;

	/* There is a total of the attachments of each as well. */
	for (pos = strstr(text, "Total "); pos; pos = strstr(end, "Total ")) {
		count = strtol(pos + 6, &end, 10);
		if (!strncmp(end, " objects", 8))
			return count;
	}

	return -1;
}

/* A `fail=` may hit an allocation of its own: then it gives up, and does not count any more */
static bool dma_api_debug_gave_up(void)
{
	char text[16] = "";

	read_file(DEBUGFS "dma-api/disabled", text, sizeof(text));

	return text[0] == 'Y';
}

static long count_mappings(void)
{
	char total[32] = "0", unused[32] = "0";

	if (dma_api_debug_gave_up())
		return 0;
	read_file(DEBUGFS "dma-api/nr_total_entries", total, sizeof(total));
	read_file(DEBUGFS "dma-api/num_free_entries", unused, sizeof(unused));

	return atol(total) - atol(unused);
}

/*
 * It warns of what is allowed: a DMABUF that is attached again while its old mapping waits for the
 * end of a transfer, and an access of the CPU in another direction than that of a mapping, which
 * the heap syncs as the CPU says. No driver of this name: no warnings. It counts all the same.
 */
static void ignore_dma_api_debug(bool on)
{
	write_file(DEBUGFS "dma-api/driver_filter", on ? "iio_dmabuf_fuzz" : "\n");
}

static long count_descriptors(void)
{
	char text[32] = "";

	return pread(descriptors_fd, text, sizeof(text) - 1, 0) > 0 ? atol(text) : 0;
}

/* Workers of the kernel may need a moment */
static void expect_count(const char *what, long (*count)(void), long before)
{
	uint64_t end = now_ms() + SETTLE_MS;
	long now;

	while ((now = count()) > before && now_ms() < end)
		usleep(500);
	if (now > before)
		fail("%s are left behind", what);
}

/* Fences of DMABUFs, so that what becomes of them can be seen after all is closed */
static void take_witnesses(void)
{
	int i;

	for (i = 0; i < NUM_DMABUFS; i++)
		call_export(D0 + i, FD_WITNESS + i, DMA_BUF_SYNC_READ);
}

static void ask_witnesses(void)
{
	int i;

	for (i = 0; i < NUM_DMABUFS; i++)
		if (!call_poll(FD_WITNESS + i, POLLIN, SETTLE_MS))
			fail("a fence does not signal after everything was closed");
}

/* The line says it all up to the first offset, but for where it happened this time */
static void check_kernel_line(char *line)
{
	static const char * const bad[] = {
		"BUG:", "WARNING:", "KASAN:", "KCSAN:", "UBSAN:", "INFO:", "ODEBUG:",
		"Oops", "Internal error", "refcount_t:", "list_add", "list_del", "Bad page",
		"kmemleak:", "Call trace",
	};
	char *text = strchr(line, ';'), *end, *at;
	unsigned int i;

	if (!text++)
		return;

	text[strcspn(text, "\n")] = '\0';
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!strstr(text, bad[i]))
			continue;
		end = strstr(text, "+0x");
		if (end)
			*end = '\0';
		at = strstr(text, "WARNING: CPU:") ? strstr(text, " at ") : NULL;
		fail("the kernel says: %s%s", at ? "WARNING" : "", at ?: text);
	}
}

static void check_kernel_log(void)
{
	char line[2048];
	ssize_t len;

	for (;;) {
		len = read(kmsg_fd, line, sizeof(line) - 1);
		if (len < 0 && errno == EPIPE)
			continue;
		if (len <= 0)
			return;
		line[len] = '\0';
		check_kernel_line(line);
	}
}

/* The state that each program starts from. What it cannot have changed takes too long. */
static void clean_up(void)
{
	take_witnesses();
	if (traits.faults)
		reset_faults();
	if (traits.sets_up)
		reset_device();
	else
		call_enable(0);
	if (traits.maps)
		reset_maps();
	syscall(SYS_close_range, last_fd + 1, FD_NULL - 1, 0);
	syscall(SYS_close_range, FD_FIRST, FD_WITNESS - 1, 0);
	ask_witnesses();
	syscall(SYS_close_range, FD_WITNESS, ~0u, 0);

	expect_count("DMABUFs", count_dmabufs, dmabufs_before);
	expect_count("descriptors", count_descriptors, 0);
}

static void expect(bool ok, const char *what)
{
	if (!ok)
		fail("the device does not work any more: %s", what);
}

static bool is_counter(const uint32_t *data, size_t bytes)
{
	size_t i;

	for (i = 1; i < bytes / 4; i++)
		if (data[i] != data[0] + i)
			return false;

	return true;
}

static void check_read_mode(void)
{
	expect(!call_open(C0, 0) && !call_get_fd(C0, B0, 0, PTR_OK), "open");
	expect(!call_enable(1), "enable for read()");
	expect(call_poll(B0, POLLIN, SETTLE_MS) & POLLIN, "poll");
	expect(call_read(B0, 4096, PTR_OK) == 4096, "read()");
	expect(is_counter((uint32_t *)read_buf, 4096), "data of read()");
	expect(!call_enable(0), "disable");
}

static void check_dmabuf_mode(void)
{
	long start = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ;
	size_t size = dmabuf_sizes[1];

	expect(!call_alloc(D1, FROM_HEAP) && !call_map(D1), "alloc");
	expect(!call_attach(B0, D1, PTR_OK), "attach");
	expect(!call_enable(1), "enable for DMABUFs");
	expect(!call_enqueue(B0, D1, size, 0, PTR_OK), "enqueue");
	expect(call_poll(D1, POLLIN, SETTLE_MS) & POLLIN, "transfer");
	if (shared->failed)
		return;

	expect(!call_sync(D1, start), "sync");
	expect(is_counter(map_addr(D1), size), "data of a DMABUF");
	expect(!call_sync(D1, start | DMA_BUF_SYNC_END), "sync");
	expect(!call_detach(B0, D1, PTR_OK), "detach");
}

/* Takes longer than a program: not after each */
static void check_thoroughly(void)
{
	if (shared->failed)
		return;

	shared->since = now_ms();
	traits.maps = true;
	check_read_mode();
	check_dmabuf_mode();
	clean_up();

	/* The memory of read() stays until the device goes. */
	call_unbind();
	call_bind();
	reset_device();
	expect_count("mappings", count_mappings, mappings_before);
	check_kernel_log();
}

/* ------------------------------------------------------------ one program */

/* Returns true if it did not fail */
static bool run_program(const struct program *prog)
{
	unsigned int threads = prog->num - 1;

	if (threads > cfg.threads)
		threads = cfg.threads;

	current = prog;
	strcpy(shared->program, prog->name);
	shared->since = now_ms();
	find_traits(prog);

	run_lists(&prog->list[0], 1);
	if (threads)
		run_lists(&prog->list[1], threads);

	clean_up();
	check_kernel_log();

	return !shared->failed;
}

static void forget_failure(void)
{
	/* Or a warning of the kind that comes once would not come again. */
	write_file(DEBUGFS "clear_warn_once", "1");
	shared->failed = 0;
}

/* As it fails only now and then, it gets some chances to */
static bool fails_again(const struct program *prog, void *data)
{
	const char *failure = data;
	unsigned int i;

	for (i = 0; i < REPLAYS; i++) {
		forget_failure();
		if (run_program(prog))
			check_thoroughly();
		if (shared->failed)
			return !strcmp(shared->failure, failure);
	}

	return false;
}

static void write_to(const char *path, const struct program *prog,
		     void (*write)(FILE *f, const struct program *prog))
{
	FILE *f = path ? fopen(path, "w") : NULL;

	if (f) {
		write(f, prog);
		fclose(f);
	} else if (path) {
		perror(path);
	}
}

static void write_out(const struct program *prog)
{
	write_to(cfg.text, prog, print_program);
	write_to(cfg.c, prog, write_c);
}

static void report_failure(const struct program *prog)
{
	static struct program less;
	char failure[sizeof(shared->failure)];

	strcpy(failure, shared->failure);
	printf("\n# %s: %s\n", prog->name, failure);
	print_program(stdout, prog);

	less = *prog;
	if (cfg.minimise && !fails_again(&less, failure)) {
		printf("# it does not fail again\n");
	} else if (cfg.minimise) {
		minimise(&less, fails_again, failure);
		printf("# minimised:\n");
		print_program(stdout, &less);
	}
	write_out(&less);

	strcpy(shared->failure, failure);
	shared->failed = 1;
}

/* ---------------------------------------------------------------- fuzzing */

static struct program *recent[CHECK_EVERY];
static unsigned int num_recent;

static void keep(const struct program *prog)
{
	struct program *copy = malloc(sizeof(*copy));
	char path[PATH_MAX];

	if (!copy || corpus_size == MAX_CORPUS) {
		free(copy);
		return;
	}

	*copy = *prog;
	corpus[corpus_size++] = copy;
	if (cfg.corpus) {
		snprintf(path, sizeof(path), "%s/%s.prog", cfg.corpus, prog->name);
		write_to(path, prog, print_program);
	}
}

/* The newest ones have been changed least */
static const struct program *choose(struct rng *rng)
{
	unsigned int num = corpus_size;
	const struct program *prog;

	if (!num || rng_percent(rng, 20))
		return NULL;
	if (num > 20 && rng_percent(rng, 50))
		prog = corpus[num - 1 - rng_below(rng, 20)];
	else
		prog = corpus[rng_below(rng, num)];

	return depth(prog) < MAX_DEPTH ? prog : NULL;
}

static void next_program(struct rng *rng, struct program *prog, unsigned long n)
{
	const struct program *parent = choose(rng);

	if (!parent) {
		generate(prog, cfg.seed * 1000000 + n);
		return;
	}

	*prog = *parent;
	mutate(prog, rng_below(rng, 1000000));
}

/* Something is left behind, but by which of the last programs? */
static void find_culprit(void)
{
	char failure[sizeof(shared->failure)];
	unsigned int i;

	strcpy(failure, shared->failure);
	printf("\n# one of the last %u programs: %s\n", num_recent, failure);
	for (i = 0; i < num_recent; i++) {
		forget_failure();
		if (run_program(recent[i]))
			check_thoroughly();
		if (shared->failed) {
			report_failure(recent[i]);
			return;
		}
	}
	printf("# none of them does it again when it runs alone\n");
	strcpy(shared->failure, failure);
	shared->failed = 1;
}

static void print_name(const struct program *prog, unsigned long n)
{
	if (cfg.quiet)
		return;

	/* Before it runs: the last one is the one that the kernel died of. */
	printf("%s%s", n % 8 ? " " : n ? "\n# " : "# ", prog->name);
	fflush(stdout);
}

/* Runs the program and learns from it; false if fuzzing is over */
static bool fuzz_program(const struct program *prog, unsigned long n)
{
	print_name(prog, n);
	collect_all();
	if (!run_program(prog)) {
		report_failure(prog);
		return false;
	}
	if (collect_all())
		keep(prog);

	*recent[num_recent++] = *prog;
	if (num_recent < CHECK_EVERY)
		return true;

	check_thoroughly();
	if (shared->failed)
		find_culprit();
	num_recent = 0;

	return !shared->failed;
}

static unsigned long load_corpus(void)
{
	static struct program prog;
	unsigned long n = 0;
	struct dirent *ent;
	char path[PATH_MAX];
	unsigned int line;
	DIR *d = cfg.corpus ? opendir(cfg.corpus) : NULL;
	FILE *f;

	while (d && (ent = readdir(d))) {
		char *dot = strstr(ent->d_name, ".prog");

		if (!dot || dot[5])
			continue;
		snprintf(path, sizeof(path), "%s/%s", cfg.corpus, ent->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		*dot = '\0';
		line = parse_program(f, &prog, ent->d_name);
		fclose(f);
		if (line)
			printf("# %s: line %u is wrong\n", path, line);
		else if (!fuzz_program(&prog, n++))
			break;
	}
	if (d)
		closedir(d);

	return n;
}

static void fuzz(void)
{
	uint64_t start = now_ms(), spent;
	struct rng rng = { .state = cfg.seed };
	static struct program prog;
	unsigned long i, n;

	for (i = 0; i < CHECK_EVERY; i++) {
		recent[i] = malloc(sizeof(prog));
		if (!recent[i])
			exit(1);
	}

	n = load_corpus();
	for (; !shared->failed; n++) {
		if (cfg.programs && n >= cfg.programs)
			break;
		if (cfg.seconds && now_ms() - start >= cfg.seconds * 1000)
			break;
		next_program(&rng, &prog, n);
		if (!fuzz_program(&prog, n)) {
			n++;
			break;
		}
	}
	if (!shared->failed) {
		check_thoroughly();
		if (shared->failed)
			find_culprit();
	}

	spent = now_ms() - start + 1;
	printf("\n# seed %u, %llu s: %lu programs, %lu calls, %llu calls/s\n", cfg.seed,
	       (unsigned long long)spent / 1000, n, shared->calls,
	       (unsigned long long)(shared->calls * 1000 / spent));
	printf("# %u PCs covered, %u programs kept\n", num_pcs, corpus_size);
}

/* -------------------------------------------------------------------- main */

static void read_replay(struct program *prog)
{
	FILE *f = fopen(cfg.replay, "r");
	unsigned int line;

	if (!f) {
		if (program_by_name(prog, cfg.replay))
			return;
		fprintf(stderr, "iio_dmabuf_fuzz: %s: no such file or program\n", cfg.replay);
		exit(2);
	}

	line = parse_program(f, prog, "replay");
	fclose(f);
	if (line) {
		fprintf(stderr, "iio_dmabuf_fuzz: %s: line %u is wrong\n", cfg.replay, line);
		exit(2);
	}
}

static void replay(const struct program *prog)
{
	unsigned long i, n = cfg.programs ?: REPLAYS;
	uint64_t end = now_ms() + cfg.seconds * 1000;

	for (i = 0; (cfg.seconds ? now_ms() < end : i < n) && !shared->failed; i++)
		if (run_program(prog))
			check_thoroughly();
	printf("# ran %lu times, %lu calls\n", i, shared->calls);
	if (shared->failed)
		report_failure(prog);
	else
		write_out(prog);
}

/* In a process of its own, which does not return */
static void run_fuzzer(const struct program *prog)
{
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	descriptors_fd = open(DEBUGFS "dma-dummy/descriptors", O_RDONLY | O_CLOEXEC);
	printf("# %sguided by KCOV\n", workers_start() ? "" : "not ");
	last_fd = descriptors_fd;
	if (workers[NUM_WORKERS - 1].child_kcov.fd > last_fd)
		last_fd = workers[NUM_WORKERS - 1].child_kcov.fd;

	ignore_dma_api_debug(true);
	lseek(kmsg_fd, 0, SEEK_END);
	reset_all();
	call_unbind();
	call_bind();
	reset_device();
	dmabufs_before = count_dmabufs();
	mappings_before = count_mappings();

	if (cfg.replay)
		replay(prog);
	else
		fuzz();
	ignore_dma_api_debug(false);
	fflush(stdout);
	_exit(shared->failed);
}

/* Returns what the fuzzer came to, even if it came to a bad end */
static int supervise(pid_t pid)
{
	int status = 0;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (shared->stuck)
			return 1;
		if (shared->since && now_ms() - shared->since > OVERDUE_MS) {
			fail("%s is over, but what it leaves does not go", shared->program);
			print_file("/proc/%d/stack", pid);
			return 1;
		}
		usleep(200000);
	}
	if (!WIFEXITED(status)) {
		snprintf(shared->failure, sizeof(shared->failure),
			 "the fuzzer died of signal %d while it ran %s", WTERMSIG(status),
			 shared->program);
		return 1;
	}

	return WEXITSTATUS(status);
}

static void print_usage(FILE *f)
{
	fprintf(f,
		"Usage: iio_dmabuf_fuzz [OPTION...]\n"
		"Fuzzes the DMABUF interface of IIO on the dummy ADC. KTAP on stdout.\n\n"
		"  --seed N        which programs (default: 1)\n"
		"  --programs N    stop after so many (default: no limit)\n"
		"  --seconds S     stop after that time (default: no limit)\n"
		"  --threads N     1 to %d, of a program (default: %u)\n"
		"  --corpus DIR    begin with the programs in it, and add to them\n"
		"  --replay WHICH  run one program, a file or a name that was printed, --programs\n"
		"                  times (default: %d)\n"
		"  --minimise      take away from the program that fails what is not needed for it\n"
		"  --text FILE     write the program that fails, or is replayed, into a file\n"
		"  --c FILE        the same, as a C program\n"
		"  --print         do not run, just print and write the program of --replay\n"
		"  --quiet         do not print the names of programs\n\n"
		"Exit status: 0 if nothing failed, 1 if something did, 2 for wrong usage, 4 without\n"
		"the dummy ADC.\n", NUM_WORKERS, cfg.threads, REPLAYS);
}

static unsigned long parse_number(const char *text, unsigned long max)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (errno || *end || *text < '0' || *text > '9' || value > max) {
		fprintf(stderr, "iio_dmabuf_fuzz: %s: not a number from 0 to %lu\n", text, max);
		exit(2);
	}

	return value;
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", 1, NULL, 's' }, { "programs", 1, NULL, 'p' },
		{ "seconds", 1, NULL, 't' }, { "threads", 1, NULL, 'n' },
		{ "corpus", 1, NULL, 'o' }, { "replay", 1, NULL, 'r' },
		{ "minimise", 0, NULL, 'm' }, { "text", 1, NULL, 'x' },
		{ "c", 1, NULL, 'c' }, { "print", 0, NULL, 'P' },
		{ "quiet", 0, NULL, 'q' }, { "help", 0, NULL, 'h' }, { }
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
			cfg.seed = parse_number(optarg, UINT_MAX);
			break;
		case 'p':
			cfg.programs = parse_number(optarg, UINT_MAX);
			break;
		case 't':
			cfg.seconds = parse_number(optarg, UINT_MAX);
			break;
		case 'n':
			cfg.threads = parse_number(optarg, NUM_WORKERS);
			break;
		case 'o':
			cfg.corpus = optarg;
			break;
		case 'r':
			cfg.replay = optarg;
			break;
		case 'm':
			cfg.minimise = true;
			break;
		case 'x':
			cfg.text = optarg;
			break;
		case 'c':
			cfg.c = optarg;
			break;
		case 'P':
			cfg.print = true;
			break;
		case 'q':
			cfg.quiet = true;
			break;
		case 'h':
			print_usage(stdout);
			exit(0);
		default:
			print_usage(stderr);
			exit(2);
		}
	}
	if (optind < argc || (cfg.print && !cfg.replay)) {
		print_usage(stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static struct program prog;
	int status;
	pid_t pid;

	parse_options(argc, argv);
	if (cfg.replay)
		read_replay(&prog);
	if (cfg.print) {
		print_program(stdout, &prog);
		write_out(&prog);
		return 0;
	}

	printf("TAP version 13\n");
	if (calls_init() < 0) {
		printf("1..0 # SKIP no adc-dummy\n");
		return KSFT_SKIP;
	}
	printf("1..1\n");
	fflush(stdout);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	pid = shared == MAP_FAILED ? -1 : fork();
	if (!pid)
		run_fuzzer(&prog);
	if (pid < 0) {
		perror("fork");
		return 1;
	}

	status = supervise(pid);
	if (status)
		printf("# %s\n", shared->failure);
	printf("%sok 1 %s\n", status ? "not " : "", cfg.replay ?: "fuzz");

	return status;
}
