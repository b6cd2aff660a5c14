// SPDX-License-Identifier: GPL-2.0
#include "ktap.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define TEST_SECONDS 60

static bool failed;

void ktap_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	failed = true;
	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

int ktap_run(const struct ktap_test *tests, size_t n)
{
	int bad = 0;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n1..%zu\n", n);
	for (i = 0; i < n; i++) {
		failed = false;
		/* A test that hangs ends the program, and the plan is not met */
		alarm(TEST_SECONDS);
		tests[i].run();
		printf("%sok %zu %s\n", failed ? "not " : "", i + 1,
		       tests[i].name);
		bad |= failed;
	}
	return bad;
}
