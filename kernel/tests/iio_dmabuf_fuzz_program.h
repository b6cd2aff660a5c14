/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The programs of iio_dmabuf_fuzz: what calls there are and what they may return, and how to
 * make a program from a seed, to change it, print it, read it back, minimise it, and to write it
 * as C. Does not make any call.
 *
 * A program is a list of calls that come first, and one list for each thread. Its text form:
 *
 *	# 1000017.204
 *	setup
 *		open c0 block
 *		get_fd c0 b0 0 ok
 *	thread
 *		attach b0 d0 ok fail=3
 */
#ifndef IIO_DMABUF_FUZZ_PROGRAM_H
#define IIO_DMABUF_FUZZ_PROGRAM_H

#include "iio_dmabuf_fuzz_calls.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

#define MAX_CALLS	32
#define MAX_ARGS	5
#define MAX_LISTS	(1 + NUM_WORKERS)
#define MAX_FAIL_NTH	24
#define MAX_DEPTH	12	/* mutations on top of each other */

struct call {
	unsigned int op;
	unsigned int fail;		/* which allocation fails, 0 for none */
	long arg[MAX_ARGS];
};

struct call_list {
	unsigned int num;
	struct call call[MAX_CALLS];
};

struct program {
	char name[96];			/* seed.mutation.mutation..., or where it was read from */
	unsigned int num;		/* lists: the setup and the threads */
	struct call_list list[MAX_LISTS];
};

/* ---------------------------------------------------------------- arguments */

struct word {
	const char *name;		/* in the text form */
	const char *c;			/* in C */
	long value;
};

/*
 * @likely: how often, in percent, it is the first word
 * @any: numbers are possible as well, and the words are just the interesting ones
 */
struct arg_kind {
	const struct word *words;
	unsigned int num;
	unsigned int likely;
	bool any;
};

#define W(_name, _c)	{ _name, #_c, _c }
#define N(_value)	{ NULL, NULL, _value }

/* In the order of their numbers, then what is wrong for any call */
static const struct word fd_words[] = {
	W("c0", C0), W("c1", C1), W("b0", B0), W("b1", B1),
	W("d0", D0), W("d1", D1), W("d2", D2), W("d3", D3),
	W("s0", S0), W("s1", S1), W("s2", S2), W("s3", S3),
	W("none", FD_NONE), W("null", FD_NULL), W("shut", FD_SHUT),
};

static const struct word ptr_words[] = {
	W("ok", PTR_OK), W("nullptr", PTR_NULL), W("bad", PTR_BAD), W("ro", PTR_RO),
	W("m0", PTR_MAP0), W("m1", PTR_MAP1), W("m2", PTR_MAP2), W("m3", PTR_MAP3),
};

static const struct word block_words[] = { { "block", "0", 0 }, { "nonblock", "1", 1 } };
static const struct word on_words[] = { { "on", "1", 1 }, { "off", "0", 0 } };
static const struct word write_words[] = { { "load", "0", 0 }, { "store", "1", 1 } };
static const struct word index_words[] = { N(0), N(1), N(-1), N(0x7fffffff) };

static const struct word bytes_words[] = {
	N(4096), N(8), N(16), N(4088), N(8192), N(16384), N(16376), N(65536), N(65528),
	N(262144), N(0), N(1), N(4), N(12), N(4095), N(4097), N(262152), N(-1), N(-8),
	N(0x100000000), N(0x100001000),
};

/* Without that of reports, which turn read() into something else: they have tests of their own. */
static const struct word flags_words[] = { N(0), N(1), N(4), N(0x80000000), N(0xffffffff) };

static const struct word nr_words[] = {
	N(0x95), N(0x90), N(0x91), N(0x96), N(0), N(0xff), N(0xa0),
};

static const struct word count_words[] = {
	N(4096), N(0), N(1), N(7), N(8), N(16), N(64), N(1000), N(16384), N(65536),
};

static const struct word events_words[] = {
	{ "in", "POLLIN", POLLIN }, { "out", "POLLOUT", POLLOUT },
	{ "inout", "POLLIN | POLLOUT", POLLIN | POLLOUT }, N(0),
};

static const struct word ms_words[] = { N(0), N(1), N(5) };

static const struct word from_words[] = {
	W("heap", FROM_HEAP), W("udmabuf", FROM_UDMABUF), W("reversed", FROM_UDMABUF_REVERSED),
};

static const struct word offset_words[] = { N(0), N(4088), N(4096), N(8192), N(262136) };

#define START	(DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ)
#define END	(DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ)
static const struct word sync_words[] = {
	{ "start", "DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ", START },
	{ "end", "DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ", END },
	{ "start_rw", "DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW", START | DMA_BUF_SYNC_RW },
	{ "end_rw", "DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW", END | DMA_BUF_SYNC_RW },
	N(0), N(8), N(-1),
};

static const struct word access_words[] = {
	W("read", DMA_BUF_SYNC_READ), W("write", DMA_BUF_SYNC_WRITE), W("rw", DMA_BUF_SYNC_RW),
	N(0), N(-1),
};

static const struct word channel_words[] = { N(0), N(1), N(2), N(3) };

static const struct word length_words[] = {
	N(DEFAULT_LENGTH), N(0), N(1), N(2), N(3), N(4), N(1024), N(4096), N(16384),
};

static const struct word attr_words[] = {
	W("enable", ATTR_ENABLE), W("length", ATTR_LENGTH), W("watermark", ATTR_WATERMARK),
	W("align", ATTR_ALIGN), W("available", ATTR_AVAILABLE),
};

static const struct word fault_words[] = {
	W("refuse_prep", FAULT_REFUSE_PREP), W("fail", FAULT_FAIL),
	W("short_bytes", FAULT_SHORT_BYTES), W("stall", FAULT_STALL),
	W("delay_us", FAULT_DELAY_US), W("rate", FAULT_RATE),
};

static const struct word value_words[] = {
	N(0), N(1), N(2), N(8), N(4096), N(1000), N(20000), N(100000000),
};

static const struct word thread_words[] = { N(0), N(1), N(2), N(3) };
static const struct word us_words[] = { N(0), N(50), N(200), N(1000), N(3000) };
static const struct word kill_words[] = { N(500), N(2000), N(5000), N(10000) };

#define KIND(_words, _likely, _any) \
	{ _words, ARRAY_SIZE(_words), _likely, _any }
#define FD_KIND(_first, _num, _likely) \
	{ &fd_words[(_first) - FD_FIRST], _num, _likely, false }

enum arg_id {
	A_END, A_C, A_B, A_D, A_S, A_FD, A_POLL_FD, A_DMABUF, A_PTR, A_BLOCK, A_ON, A_WRITE,
	A_INDEX, A_BYTES, A_FLAGS, A_NR, A_COUNT, A_EVENTS, A_MS, A_FROM, A_OFFSET, A_SYNC,
	A_ACCESS, A_CHANNEL, A_LENGTH, A_ATTR, A_FAULT, A_VALUE, A_THREAD, A_US, A_KILL,
};

static const struct arg_kind arg_kinds[] = {
	[A_C] = FD_KIND(C0, 2, 90),
	[A_B] = FD_KIND(B0, 2, 85),
	[A_D] = FD_KIND(D0, 4, 30),
	[A_S] = FD_KIND(S0, 4, 30),
	[A_FD] = FD_KIND(C0, 12, 0),
	[A_POLL_FD] = FD_KIND(B0, 10, 10),
	[A_DMABUF] = FD_KIND(C0, 15, 0),
	[A_PTR] = KIND(ptr_words, 94, false),
	[A_BLOCK] = KIND(block_words, 80, false),
	[A_ON] = KIND(on_words, 40, false),
	[A_WRITE] = KIND(write_words, 50, false),
	[A_INDEX] = KIND(index_words, 95, true),
	[A_BYTES] = KIND(bytes_words, 10, true),
	[A_FLAGS] = KIND(flags_words, 96, true),
	[A_NR] = KIND(nr_words, 20, true),
	[A_COUNT] = KIND(count_words, 30, true),
	[A_EVENTS] = KIND(events_words, 60, true),
	[A_MS] = KIND(ms_words, 30, true),
	[A_FROM] = KIND(from_words, 70, false),
	[A_OFFSET] = KIND(offset_words, 40, true),
	[A_SYNC] = KIND(sync_words, 40, true),
	[A_ACCESS] = KIND(access_words, 50, true),
	[A_CHANNEL] = KIND(channel_words, 40, true),
	[A_LENGTH] = KIND(length_words, 30, true),
	[A_ATTR] = KIND(attr_words, 20, false),
	[A_FAULT] = KIND(fault_words, 20, false),
	[A_VALUE] = KIND(value_words, 20, true),
	[A_THREAD] = KIND(thread_words, 25, true),
	[A_US] = KIND(us_words, 30, true),
	[A_KILL] = KIND(kill_words, 30, true),
};

/* -------------------------------------------------------------------- calls */

#define F_IOCTL		(1 << 0)	/* 0 or an error, nothing else */
#define F_BLOCKS	(1 << 1)	/* may wait until a signal comes */
#define F_WAITS		(1 << 2)	/* the same, if there are fences of somebody else */
#define F_EAGAIN	(1 << 3)	/* if the buffer is in non-blocking mode */
#define F_ALLOC		(1 << 4)	/* its allocations may be made to fail */
#define F_ANY		(1 << 5)	/* any error number, as it is not about the buffer */

struct op {
	const char *name;
	unsigned int weight;
	unsigned int flags;
	unsigned char args[MAX_ARGS + 1];
	union {
		long (*fn0)(void);
		long (*fn1)(long a);
		long (*fn2)(long a, long b);
		long (*fn3)(long a, long b, long c);
		long (*fn4)(long a, long b, long c, long d);
		long (*fn5)(long a, long b, long c, long d, long e);
	};
	short errs[10];
};

#define ARGS(...)	{ __VA_ARGS__ }
#define ERRS(...)	{ __VA_ARGS__ }

/*
 * The error numbers are those that the call may return at any time. More are allowed where
 * something in the program gives reason to: see error_allowed().
 */
static const struct op ops[] = {
	{ "open", 4, F_ALLOC, ARGS(A_C, A_BLOCK), .fn2 = call_open, ERRS(EBUSY) },
	{ "get_fd", 6, F_IOCTL | F_ALLOC, ARGS(A_C, A_B, A_INDEX, A_PTR), .fn4 = call_get_fd,
	  ERRS(EBADF, EBUSY, ENODEV) },
	{ "close", 6, 0, ARGS(A_FD), .fn1 = call_close, ERRS(EBADF) },
	{ "dup", 2, 0, ARGS(A_B, A_B), .fn2 = call_dup, ERRS(EBADF) },
	{ "nonblock", 2, 0, ARGS(A_B, A_ON), .fn2 = call_nonblock, ERRS(EBADF) },
	{ "attach", 14, F_IOCTL | F_EAGAIN | F_ALLOC, ARGS(A_B, A_DMABUF, A_PTR),
	  .fn3 = call_attach, ERRS(EBADF, EINVAL, EINTR, EBUSY) },
	{ "detach", 9, F_IOCTL | F_EAGAIN | F_ALLOC, ARGS(A_B, A_DMABUF, A_PTR),
	  .fn3 = call_detach, ERRS(EBADF, EINVAL, EINTR, EPERM) },
	{ "enqueue", 30, F_IOCTL | F_WAITS | F_EAGAIN | F_ALLOC,
	  ARGS(A_B, A_DMABUF, A_BYTES, A_FLAGS, A_PTR), .fn5 = call_enqueue,
	  ERRS(EBADF, EINVAL, EINTR, EPERM, EBUSY) },
	{ "ioctl", 1, F_IOCTL, ARGS(A_B, A_NR), .fn2 = call_ioctl, ERRS(EBADF, EINVAL) },
	{ "read", 10, F_BLOCKS | F_EAGAIN | F_ALLOC, ARGS(A_B, A_COUNT, A_PTR), .fn3 = call_read,
	  ERRS(EBADF, EINVAL, EINTR, EBUSY) },
	{ "write", 1, 0, ARGS(A_B, A_COUNT, A_PTR), .fn3 = call_write,
	  ERRS(EBADF, EINVAL, EPERM) },
	{ "poll", 8, F_ALLOC, ARGS(A_POLL_FD, A_EVENTS, A_MS), .fn3 = call_poll, ERRS(EINTR) },
	{ "alloc", 5, 0, ARGS(A_D, A_FROM), .fn2 = call_alloc, ERRS(EINTR) },
	{ "map", 4, 0, ARGS(A_D), .fn1 = call_map, ERRS(EBADF) },
	{ "unmap", 2, 0, ARGS(A_D), .fn1 = call_unmap, ERRS(0) },
	{ "touch", 4, 0, ARGS(A_D, A_OFFSET, A_WRITE), .fn3 = call_touch, ERRS(EFAULT) },
	{ "sync", 6, F_IOCTL | F_BLOCKS, ARGS(A_D, A_SYNC), .fn2 = call_sync,
	  ERRS(EBADF, EINVAL, EINTR) },
	{ "export", 5, F_IOCTL | F_ALLOC, ARGS(A_D, A_S, A_ACCESS), .fn3 = call_export,
	  ERRS(EBADF, EINVAL) },
	{ "import", 2, F_IOCTL | F_ALLOC, ARGS(A_D, A_S, A_ACCESS), .fn3 = call_import,
	  ERRS(EBADF, EINVAL) },
	{ "merge", 1, F_IOCTL, ARGS(A_S, A_S, A_S), .fn3 = call_merge, ERRS(EBADF, ENOENT) },
	{ "status", 3, 0, ARGS(A_S), .fn1 = call_status, ERRS(EBADF, ECANCELED) },
	{ "enable", 14, F_ALLOC, ARGS(A_ON), .fn1 = call_enable, ERRS(EINVAL) },
	{ "channel", 2, 0, ARGS(A_CHANNEL, A_ON), .fn2 = call_channel, ERRS(EBUSY) },
	{ "length", 2, 0, ARGS(A_LENGTH), .fn1 = call_length, ERRS(EBUSY) },
	{ "show", 2, 0, ARGS(A_ATTR), .fn1 = call_show, ERRS(0) },
	{ "fault", 4, 0, ARGS(A_FAULT, A_VALUE), .fn2 = call_fault, ERRS(EINVAL) },
	{ "unbind", 1, F_ANY, ARGS(0), .fn0 = call_unbind, ERRS(0) },
	{ "bind", 1, F_ANY, ARGS(0), .fn0 = call_bind, ERRS(0) },
	{ "fork", 1, F_ANY, ARGS(A_KILL), .fn1 = call_fork, ERRS(0) },
	{ "interrupt", 2, F_ANY, ARGS(A_THREAD), .fn1 = call_interrupt, ERRS(0) },
	{ "sleep", 3, 0, ARGS(A_US), .fn1 = call_sleep, ERRS(EINTR) },
};

static inline const struct op *op_by_name(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		if (!strcmp(ops[i].name, name))
			return &ops[i];

	return NULL;
}

static inline bool call_is(const struct call *call, const char *name)
{
	return !strcmp(ops[call->op].name, name);
}

static inline unsigned int num_args(const struct op *op)
{
	return strlen((const char *)op->args);
}

/* Index of the first argument of that kind, or -1 */
static inline int find_arg(const struct call *call, enum arg_id id)
{
	const char *pos = strchr((const char *)ops[call->op].args, id);

	return pos ? pos - (const char *)ops[call->op].args : -1;
}

static inline long run_call(const struct call *call)
{
	const struct op *op = &ops[call->op];
	const long *a = call->arg;

	switch (num_args(op)) {
	case 0:
		return op->fn0();
	case 1:
		return op->fn1(a[0]);
	case 2:
		return op->fn2(a[0], a[1]);
	case 3:
		return op->fn3(a[0], a[1], a[2]);
	case 4:
		return op->fn4(a[0], a[1], a[2], a[3]);
	default:
		return op->fn5(a[0], a[1], a[2], a[3], a[4]);
	}
}

/* ------------------------------------------------------------------ random */

struct rng {
	uint64_t state;
};

static inline uint32_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;

	return (z ^ (z >> 31)) >> 32;
}

/* 0 to n - 1 */
static inline unsigned int rng_below(struct rng *rng, unsigned int n)
{
	return (uint64_t)rng_next(rng) * n >> 32;
}

static inline bool rng_percent(struct rng *rng, unsigned int percent)
{
	return rng_below(rng, 100) < percent;
}

/* ---------------------------------------------------------------- generate */

static inline long random_arg(struct rng *rng, enum arg_id id)
{
	const struct arg_kind *kind;

	if (id == A_DMABUF && rng_percent(rng, 92))
		id = A_D;
	kind = &arg_kinds[id];
	if (rng_percent(rng, kind->likely))
		return kind->words[0].value;

	return kind->words[rng_below(rng, kind->num)].value;
}

static inline long random_bytes(struct rng *rng, long dmabuf)
{
	size_t size;

	if (dmabuf < D0 || dmabuf >= D0 + NUM_DMABUFS || rng_percent(rng, 20))
		return random_arg(rng, A_BYTES);

	size = dmabuf_sizes[dmabuf - D0];

	return rng_percent(rng, 75) ? size : 8 * (1 + rng_below(rng, size / 8));
}

static inline unsigned int random_op(struct rng *rng)
{
	unsigned int i, sum = 0, pos;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		sum += ops[i].weight;

	pos = rng_below(rng, sum);
	for (i = 0; pos >= ops[i].weight; i++)
		pos -= ops[i].weight;

	return i;
}

static inline void random_args(struct rng *rng, struct call *call)
{
	const struct op *op = &ops[call->op];
	unsigned int i;
	int bytes;

	for (i = 0; i < num_args(op); i++)
		call->arg[i] = random_arg(rng, op->args[i]);

	bytes = find_arg(call, A_BYTES);
	if (bytes >= 0)
		call->arg[bytes] = random_bytes(rng, call->arg[1]);
}

static inline void random_call(struct rng *rng, struct call *call)
{
	memset(call, 0, sizeof(*call));
	call->op = random_op(rng);
	random_args(rng, call);
}

static inline void random_fail(struct rng *rng, struct call *call)
{
	if (ops[call->op].flags & F_ALLOC)
		call->fail = 1 + rng_below(rng, MAX_FAIL_NTH);
}

static inline bool add_call(struct call_list *list, const struct call *call)
{
	if (list->num == MAX_CALLS)
		return false;

	list->call[list->num++] = *call;

	return true;
}

static inline void add(struct call_list *list, const char *name, long a, long b, long c)
{
	struct call call = { .op = op_by_name(name) - ops, .arg = { a, b, c } };

	add_call(list, &call);
}

/* Without it hardly any call would find what it needs. Never the whole of it. */
static inline void random_setup(struct rng *rng, struct call_list *list)
{
	unsigned int i, num = 1 + rng_below(rng, NUM_DMABUFS);

	add(list, "open", C0, rng_percent(rng, 15), 0);
	add(list, "get_fd", C0, B0, 0);
	if (rng_percent(rng, 50))
		add(list, "close", C0, 0, 0);

	for (i = 0; i < num; i++) {
		add(list, "alloc", D0 + i, random_arg(rng, A_FROM), 0);
		if (rng_percent(rng, 30))
			add(list, "map", D0 + i, 0, 0);
		if (rng_percent(rng, 75))
			add(list, "attach", B0, D0 + i, PTR_OK);
		if (rng_percent(rng, 40))
			add(list, "enqueue", B0, D0 + i, random_bytes(rng, D0 + i));
	}
	if (rng_percent(rng, 40))
		add(list, "enable", 1, 0, 0);
}

static inline void generate(struct program *prog, uint32_t seed)
{
	struct rng rng = { .state = seed };
	bool with_failures = rng_percent(&rng, 25);
	unsigned int i, j, num;
	struct call call;

	memset(prog, 0, sizeof(*prog));
	snprintf(prog->name, sizeof(prog->name), "%u", seed);
	prog->num = 2 + rng_below(&rng, NUM_WORKERS);
	if (rng_percent(&rng, 90))
		random_setup(&rng, &prog->list[0]);

	for (i = 1; i < prog->num; i++) {
		num = 2 + rng_below(&rng, 11);
		for (j = 0; j < num; j++) {
			random_call(&rng, &call);
			if (with_failures && rng_percent(&rng, 20))
				random_fail(&rng, &call);
			add_call(&prog->list[i], &call);
		}
	}
}

/* ------------------------------------------------------------------ mutate */

static inline void remove_call(struct call_list *list, unsigned int pos)
{
	list->num--;
	memmove(&list->call[pos], &list->call[pos + 1],
		(list->num - pos) * sizeof(list->call[0]));
}

static inline void insert_call(struct call_list *list, unsigned int pos, const struct call *call)
{
	if (list->num == MAX_CALLS)
		return;

	memmove(&list->call[pos + 1], &list->call[pos],
		(list->num - pos) * sizeof(list->call[0]));
	list->call[pos] = *call;
	list->num++;
}

static inline void change_arg(struct rng *rng, struct call *call)
{
	const struct op *op = &ops[call->op];
	unsigned int i;

	if (!num_args(op))
		return;

	i = rng_below(rng, num_args(op));
	call->arg[i] = op->args[i] == A_BYTES ? random_bytes(rng, call->arg[1]) :
		arg_kinds[op->args[i]].words[rng_below(rng, arg_kinds[op->args[i]].num)].value;
}

/* The end of another program's list for the end of one of ours */
static inline void graft(struct rng *rng, struct program *prog)
{
	static __thread struct program other;
	unsigned int i, from, j;

	generate(&other, rng_next(rng));
	i = 1 + rng_below(rng, other.num - 1);
	if (i >= prog->num) {
		i = prog->num++;
		prog->list[i].num = 0;
	}

	prog->list[i].num -= rng_below(rng, prog->list[i].num + 1);
	from = rng_below(rng, other.list[1].num);
	for (j = from; j < other.list[1].num; j++)
		add_call(&prog->list[i], &other.list[1].call[j]);
}

static inline void mutate_once(struct rng *rng, struct program *prog)
{
	struct call_list *list = &prog->list[rng_below(rng, prog->num)];
	unsigned int pos = rng_below(rng, list->num + 1), what = rng_below(rng, 100);
	struct call call;

	if (what < 35 || !list->num) {
		random_call(rng, &call);
		insert_call(list, pos, &call);
		return;
	}
	if (what < 45) {
		graft(rng, prog);
		return;
	}

	pos = rng_below(rng, list->num);
	call = list->call[pos];
	if (what < 70)
		change_arg(rng, &list->call[pos]);
	else if (what < 80)
		remove_call(list, pos);
	else if (what < 90)
		random_fail(rng, &list->call[pos]);
	else
		insert_call(&prog->list[prog->num - 1], 0, &call);
}

static inline unsigned int depth(const struct program *prog)
{
	const char *pos = prog->name;
	unsigned int n = 0;

	while ((pos = strchr(pos, '.'))) {
		n++;
		pos++;
	}

	return n;
}

static inline void mutate(struct program *prog, uint32_t number)
{
	struct rng rng = { .state = ~(uint64_t)number };
	size_t len = strlen(prog->name);
	unsigned int i, n = 1 + rng_below(&rng, 4);

	for (i = 0; i < n; i++)
		mutate_once(&rng, prog);
	snprintf(prog->name + len, sizeof(prog->name) - len, ".%u", number);
}

/* "seed.mutation.mutation" says all about a program. False if @name is something else. */
static inline bool program_by_name(struct program *prog, const char *name)
{
	char *end;

	if (*name < '0' || *name > '9')
		return false;

	generate(prog, strtoul(name, &end, 10));
	while (*end == '.')
		mutate(prog, strtoul(end + 1, &end, 10));

	return !*end;
}

/* ------------------------------------------------------------------- print */

static inline const struct word *find_word(const struct arg_kind *kind, long value)
{
	unsigned int i;

	for (i = 0; i < kind->num; i++)
		if (kind->words[i].name && kind->words[i].value == value)
			return &kind->words[i];

	return NULL;
}

static inline void print_call(FILE *f, const struct call *call)
{
	const struct op *op = &ops[call->op];
	const struct word *word;
	unsigned int i;

	fputs(op->name, f);
	for (i = 0; i < num_args(op); i++) {
		word = find_word(&arg_kinds[op->args[i]], call->arg[i]);
		if (word)
			fprintf(f, " %s", word->name);
		else
			fprintf(f, " %ld", call->arg[i]);
	}
	if (call->fail)
		fprintf(f, " fail=%u", call->fail);
}

static inline void print_program(FILE *f, const struct program *prog)
{
	unsigned int i, j;

	fprintf(f, "# %s\n", prog->name);
	for (i = 0; i < prog->num; i++) {
		fputs(i ? "thread\n" : "setup\n", f);
		for (j = 0; j < prog->list[i].num; j++) {
			fputc('\t', f);
			print_call(f, &prog->list[i].call[j]);
			fputc('\n', f);
		}
	}
}

/* ------------------------------------------------------------------- parse */

static inline bool parse_arg(const struct arg_kind *kind, const char *text, long *value)
{
	unsigned int i;
	char *end;

	for (i = 0; i < kind->num; i++) {
		if (kind->words[i].name && !strcmp(kind->words[i].name, text)) {
			*value = kind->words[i].value;
			return true;
		}
	}

	errno = 0;
	*value = strtol(text, &end, 0);

	return kind->any && !*end && end != text && !errno;
}

static inline bool parse_fail(struct call *call, const char *text)
{
	char *end;

	if (strncmp(text, "fail=", 5) || !(ops[call->op].flags & F_ALLOC))
		return false;

	errno = 0;
	call->fail = strtoul(text + 5, &end, 10);

	return !*end && end != text + 5 && !errno && call->fail <= MAX_FAIL_NTH;
}

/* The arguments of the call are the next words of strtok_r() */
static inline bool parse_call(struct call *call, const char *name, char **save)
{
	const struct op *op = op_by_name(name);
	unsigned int i;
	char *text;

	if (!op)
		return false;

	memset(call, 0, sizeof(*call));
	call->op = op - ops;
	for (i = 0; i < num_args(op); i++) {
		text = strtok_r(NULL, " \t\r\n", save);
		if (!text || !parse_arg(&arg_kinds[op->args[i]], text, &call->arg[i]))
			return false;
	}

	text = strtok_r(NULL, " \t\r\n", save);

	return !text || (parse_fail(call, text) && !strtok_r(NULL, " \t\r\n", save));
}

static inline bool parse_line(struct program *prog, char *line)
{
	char *save, *word = strtok_r(line, " \t\r\n", &save);
	struct call call;

	if (!word || *word == '#')
		return true;
	if (!strcmp(word, "setup"))
		return !prog->num && (prog->num = 1);
	if (!strcmp(word, "thread"))
		return prog->num && prog->num < MAX_LISTS && ++prog->num;

	return prog->num && parse_call(&call, word, &save) &&
	       add_call(&prog->list[prog->num - 1], &call);
}

/* Returns 0, or the number of the line that is wrong */
static inline unsigned int parse_program(FILE *f, struct program *prog, const char *name)
{
	unsigned int number = 0;
	char line[256];

	memset(prog, 0, sizeof(*prog));
	snprintf(prog->name, sizeof(prog->name), "%.40s", name);
	while (fgets(line, sizeof(line), f)) {
		number++;
		if (!parse_line(prog, line))
			return number;
	}

	return prog->num ? 0 : number + 1;
}

/* ---------------------------------------------------------------- minimise */

static inline unsigned int count_calls(const struct program *prog)
{
	unsigned int i, n = 0;

	for (i = 0; i < prog->num; i++)
		n += prog->list[i].num;

	return n;
}

static inline void remove_list(struct program *prog, unsigned int pos)
{
	prog->num--;
	memmove(&prog->list[pos], &prog->list[pos + 1],
		(prog->num - pos) * sizeof(prog->list[0]));
}

/*
 * Takes away whatever is not needed for @fails to be true: threads, then calls, last first,
 * then failed allocations, until there is nothing more. Returns how often it has asked.
 */
static inline unsigned int minimise(struct program *prog,
				    bool (*fails)(const struct program *prog, void *data),
				    void *data)
{
	unsigned int i, j, before, tries = 0;
	struct program less;

	for (i = prog->num; i-- > 1; ) {
		less = *prog;
		remove_list(&less, i);
		tries++;
		if (less.num > 1 && fails(&less, data))
			*prog = less;
	}

	do {
		before = count_calls(prog);
		for (i = prog->num; i-- > 0; ) {
			for (j = prog->list[i].num; j-- > 0; ) {
				less = *prog;
				remove_call(&less.list[i], j);
				tries++;
				if (fails(&less, data))
					*prog = less;
			}
		}
	} while (count_calls(prog) < before);

	for (i = 0; i < prog->num; i++) {
		for (j = 0; j < prog->list[i].num; j++) {
			less = *prog;
			if (!less.list[i].call[j].fail)
				continue;
			less.list[i].call[j].fail = 0;
			tries++;
			if (fails(&less, data))
				*prog = less;
		}
	}

	return tries;
}

/* --------------------------------------------------------------- write as C */

/* iio_dmabuf_fuzz_calls.h, as text */
extern const char calls_text[], calls_text_end[];

asm(".pushsection .rodata\n"
	"calls_text: .incbin \"iio_dmabuf_fuzz_calls.h\"\n"
	"calls_text_end: .byte 0\n"
	".popsection\n");

static inline void write_c_call(FILE *f, const struct call *call)
{
	const struct op *op = &ops[call->op];
	const struct word *word;
	unsigned int i;

	if (call->fail)
		fprintf(f, "\tfail_nth(%u);\n", call->fail);
	fprintf(f, call_is(call, "fork") ? "\tif (call_%s(" : "\tcall_%s(", op->name);
	for (i = 0; i < num_args(op); i++) {
		word = find_word(&arg_kinds[op->args[i]], call->arg[i]);
		if (word)
			fprintf(f, "%s%s", i ? ", " : "", word->c);
		else
			fprintf(f, "%s%ld", i ? ", " : "", call->arg[i]);
	}
	fputs(call_is(call, "fork") ? "))\n\t\treturn NULL;\n" : ");\n", f);
	if (call->fail)
		fprintf(f, "\tfail_nth(0);\n");
}

static inline void write_c(FILE *f, const struct program *prog)
{
	unsigned int i, j;

	fprintf(f, "/*\n * Needs dma_dummy.ko and adc_dummy.ko. Build: cc -static -pthread\n"
		" * Argument: how often to try, default once.\n */\n");
	fwrite(calls_text, 1, calls_text_end - calls_text, f);
	for (i = 0; i < prog->num; i++) {
		fprintf(f, "\nstatic void *list%u(void *arg)\n{\n", i);
		if (i)
			fprintf(f, "\tworker_tids[%u] = gettid();\n", i - 1);
		for (j = 0; j < prog->list[i].num; j++)
			write_c_call(f, &prog->list[i].call[j]);
		fprintf(f, "\tif (in_child)\n\t\t_exit(0);\n\n\treturn arg;\n}\n");
	}

	fprintf(f, "\nint main(int argc, char **argv)\n{\n"
		"\tint i, n = argc > 1 ? atoi(argv[1]) : 1;\n\tpthread_t threads[%u];\n\n"
		"\tif (calls_init() < 0)\n\t\treturn 4;\n\n"
		"\tfor (i = 0; i < n; i++) {\n\t\tlist0(NULL);\n", prog->num);
	for (i = 1; i < prog->num; i++)
		fprintf(f, "\t\tpthread_create(&threads[%u], NULL, list%u, NULL);\n", i, i);
	for (i = 1; i < prog->num; i++)
		fprintf(f, "\t\tpthread_join(threads[%u], NULL);\n", i);
	fprintf(f, "\t\treset_all();\n\t}\n\n\treturn 0;\n}\n");
}

#endif /* IIO_DMABUF_FUZZ_PROGRAM_H */
