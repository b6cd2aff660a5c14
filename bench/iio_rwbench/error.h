/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_ERROR_H
#define RWBENCH_ERROR_H

#include <stddef.h>

/* The exit codes of the program. README.md documents them. */
enum status {
	ST_OK = 0,
	ST_FAIL = 1,		/* the run failed */
	ST_USAGE = 2,		/* the command line is wrong */
	ST_DATA = 3,		/* --verify found lost or wrong data */
	ST_MISSING = 77,	/* kernel or device lacks what was asked for */
};

/*
 * Keeps one sentence for the user and returns @status, so that the place that
 * knows what went wrong words it, and the place that prints it does not care.
 * The first sentence of a failure wins: later ones are consequences.
 */
int fail(int status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Goes on with the sentence that is kept */
void fail_add(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

/* Adds an item to a list, after a comma if it is not the first */
void list_add(char *list, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

const char *fail_text(void);
void fail_clear(void);

#endif
