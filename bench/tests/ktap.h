/* SPDX-License-Identifier: GPL-2.0 */
/* Tests that print KTAP. The plan comes from the table, never by hand. */
#ifndef RWBENCH_KTAP_H
#define RWBENCH_KTAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ktap_test {
	const char *name;
	void (*run)(void);
};

/* Returns the exit status for main() */
int ktap_run(const struct ktap_test *tests, size_t n);

void ktap_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define KTAP_MAIN(tests) \
	int main(void) \
	{ \
		return ktap_run(tests, sizeof(tests) / sizeof((tests)[0])); \
	}

/* A failed check marks the test, and the test goes on */
#define CHECK(cond) do { \
	if (!(cond)) \
		ktap_fail(__FILE__, __LINE__, "%s", #cond); \
} while (0)

#define CHECK_EQ(got, want) do { \
	long long got_ = (long long)(got), want_ = (long long)(want); \
	if (got_ != want_) \
		ktap_fail(__FILE__, __LINE__, "%s is %lld, not %s (%lld)", \
			  #got, got_, #want, want_); \
} while (0)

#define CHECK_STR(got, want) do { \
	const char *got_ = (got), *want_ = (want); \
	if (strcmp(got_, want_)) \
		ktap_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", \
			  #got, got_, want_); \
} while (0)

/* @got holds @part somewhere */
#define CHECK_HAS(got, part) do { \
	const char *got_ = (got), *part_ = (part); \
	if (!strstr(got_, part_)) \
		ktap_fail(__FILE__, __LINE__, "%s is \"%s\", without \"%s\"", \
			  #got, got_, part_); \
} while (0)

#endif
