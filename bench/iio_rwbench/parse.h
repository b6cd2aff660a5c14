/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_PARSE_H
#define RWBENCH_PARSE_H

#include <stdint.h>

/* Strict: the whole text, in range, no sign. 0 or -EINVAL/-ERANGE */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *val);
int parse_size(const char *text, uint64_t *bytes);
int parse_hz(const char *text, uint64_t *hz);
int parse_seconds(const char *text, uint64_t *ns);

/* The same for the argument of an option @what: 0 or ST_USAGE, with a sentence */
int number(const char *what, const char *text, uint64_t min, uint64_t max,
	   uint64_t *val);
int unsigned_number(const char *what, const char *text, uint64_t min,
		    uint64_t max, unsigned int *val);
int hertz(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *val);
int seconds(const char *what, const char *text, uint64_t *ns);

/* The index of @text in a NULL terminated list of words, or -1 */
int word(const char *text, const char *const *words);

/* Calls @take for each item of a list with commas, until one fails */
typedef int (*item_fn)(const char *what, const char *item, void *arg);
int each_item(const char *what, const char *list, item_fn take, void *arg);

#endif
