// SPDX-License-Identifier: GPL-2.0
/*
 * Checks the programs of iio_dmabuf_fuzz, on any machine: what is printed can be read back and is
 * the same, a name stands for a program, nonsense is refused, and the minimiser leaves what
 * is needed and nothing else. Prints KTAP.
 */
#include "iio_dmabuf_fuzz_program.h"

#define NUM_PROGRAMS	2000

static char text[65536], again[65536];

/* Each with a chain of mutations, as the fuzzer makes them */
static void nth_program(struct program *prog, unsigned int n)
{
	unsigned int i;

	generate(prog, n);
	for (i = 0; i < n % MAX_DEPTH; i++)
		mutate(prog, n * 31 + i);
}

static void to_text(const struct program *prog, char *to, size_t size)
{
	FILE *f = fmemopen(to, size, "w");

	print_program(f, prog);
	fclose(f);
}

static unsigned int from_text(struct program *prog, const char *from)
{
	FILE *f = fmemopen((void *)from, strlen(from), "r");
	unsigned int line = parse_program(f, prog, "text");

	fclose(f);

	return line;
}

static bool same_calls(const struct program *a, const struct program *b)
{
	unsigned int i, j;

	if (a->num != b->num)
		return false;

	for (i = 0; i < a->num; i++) {
		if (a->list[i].num != b->list[i].num)
			return false;
		for (j = 0; j < a->list[i].num; j++)
			if (memcmp(&a->list[i].call[j], &b->list[i].call[j], sizeof(struct call)))
				return false;
	}

	return true;
}

static bool printed_is_read_back(void)
{
	struct program prog, back;
	unsigned int n;

	for (n = 0; n < NUM_PROGRAMS; n++) {
		nth_program(&prog, n);
		to_text(&prog, text, sizeof(text));
		if (from_text(&back, text) || !same_calls(&prog, &back))
			return false;
		strcpy(back.name, prog.name);
		to_text(&back, again, sizeof(again));
		if (strcmp(text, again))
			return false;
	}

	return true;
}

static bool name_is_the_program(void)
{
	struct program prog, named;
	unsigned int n;

	for (n = 0; n < NUM_PROGRAMS; n++) {
		nth_program(&prog, n);
		if (!program_by_name(&named, prog.name) || !same_calls(&prog, &named) ||
		    strcmp(prog.name, named.name) || depth(&prog) != n % MAX_DEPTH)
			return false;
	}

	return !program_by_name(&named, "corpus/x") && !program_by_name(&named, "1.2x");
}

static bool every_call_is_generated(void)
{
	bool seen[ARRAY_SIZE(ops)] = { false };
	unsigned int n, i, j, missing = 0;
	struct program prog;

	for (n = 0; n < NUM_PROGRAMS; n++) {
		generate(&prog, n);
		for (i = 0; i < prog.num; i++)
			for (j = 0; j < prog.list[i].num; j++)
				seen[prog.list[i].call[j].op] = true;
	}
	for (i = 0; i < ARRAY_SIZE(ops); i++)
		missing += !seen[i];

	return !missing;
}

static bool nonsense_is_refused(void)
{
	static const struct {
		const char *text;
		unsigned int line;
	} cases[] = {
		{ "", 1 },
		{ "bind\n", 1 },
		{ "thread\n", 1 },
		{ "setup\nsetup\n", 2 },
		{ "setup\n\tfly b0\n", 2 },
		{ "setup\n\tattach b0 d0\n", 2 },
		{ "setup\n\tattach d0 d0 ok\n", 2 },
		{ "setup\n\tattach b0 d0 ok ok\n", 2 },
		{ "setup\n\tattach b0 d0 ok fail=99\n", 2 },
		{ "setup\n\tbind fail=1\n", 2 },
		{ "setup\n\tlength 12x\n", 2 },
		{ "setup\n\tlength 99999999999999999999\n", 2 },
		{ "setup\nthread\nthread\nthread\nthread\nthread\n", 6 },
	};
	struct program prog;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		if (from_text(&prog, cases[i].text) != cases[i].line)
			return false;

	return !from_text(&prog, "# comment\nsetup\n\n\tattach b1 none bad fail=3\nthread\n");
}

/* Two calls of different threads, the second with a failed allocation */
static bool fails(const struct program *prog, void *data)
{
	bool enable = false, enqueue = false;
	unsigned int i, j;

	(void)data;
	for (i = 0; i < prog->num; i++) {
		for (j = 0; j < prog->list[i].num; j++) {
			const struct call *call = &prog->list[i].call[j];

			enable |= call_is(call, "enable") && call->arg[0];
			enqueue |= call_is(call, "enqueue") && call->fail;
		}
	}

	return enable && enqueue;
}

static bool minimised_is_minimal(void)
{
	unsigned int n, i, j, num_fails, done = 0;
	struct program prog;

	for (n = 0; n < NUM_PROGRAMS; n++) {
		nth_program(&prog, n);
		if (!fails(&prog, NULL))
			continue;

		minimise(&prog, fails, NULL);
		num_fails = 0;
		for (i = 0; i < prog.num; i++)
			for (j = 0; j < prog.list[i].num; j++)
				num_fails += !!prog.list[i].call[j].fail;
		if (!fails(&prog, NULL) || count_calls(&prog) != 2 || num_fails != 1)
			return false;
		done++;
	}

	return done > 10;
}

static bool c_has_every_call(void)
{
	static char c[1 << 20];
	struct program prog;
	unsigned int n, i, j, calls = 0;
	char *pos;
	FILE *f;

	for (n = 0; n < 50; n++) {
		nth_program(&prog, n);
		f = fmemopen(c, sizeof(c), "w");
		write_c(f, &prog);
		fclose(f);

		calls = 0;
		for (i = 0; i < prog.num; i++)
			for (j = 0; j < prog.list[i].num; j++)
				calls++;
		pos = strstr(c, "static void *list0");
		while (pos && (pos = strstr(pos, "call_"))) {
			calls--;
			pos++;
		}
		if (calls)
			return false;
	}

	return !strncmp(c, "/*", 2) && strstr(c, "\nint main(");
}

static const struct {
	const char *name;
	bool (*fn)(void);
} checks[] = {
	{ "printed_is_read_back", printed_is_read_back },
	{ "name_is_the_program", name_is_the_program },
	{ "every_call_is_generated", every_call_is_generated },
	{ "nonsense_is_refused", nonsense_is_refused },
	{ "minimised_is_minimal", minimised_is_minimal },
	{ "c_has_every_call", c_has_every_call },
};

int main(int argc, char **argv)
{
	unsigned int i, failed = 0;
	struct program prog;

	/* For those who want to see what the C looks like, or compile it */
	if (argc == 3 && !strcmp(argv[1], "--c")) {
		if (!program_by_name(&prog, argv[2]))
			return 2;
		write_c(stdout, &prog);
		return 0;
	}

	printf("TAP version 13\n1..%zu\n", ARRAY_SIZE(checks));
	for (i = 0; i < ARRAY_SIZE(checks); i++) {
		bool ok = checks[i].fn();

		printf("%sok %u %s\n", ok ? "" : "not ", i + 1, checks[i].name);
		failed += !ok;
	}

	return !!failed;
}
