// SPDX-License-Identifier: GPL-2.0
#include "parse.h"

#include "error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NSEC_PER_SEC	1000000000u

/* strtoull() takes signs and leading blanks, which are never meant here */
static int parse_digits(const char *text, uint64_t *val, char **end)
{
	if (*text < '0' || *text > '9')
		return -EINVAL;

	errno = 0;
	*val = strtoull(text, end, 10);
	return errno ? -errno : 0;
}

/* K, or of @bytes KiB as well, which is how they are printed */
static int suffix_shift(const char *text, bool bytes)
{
	if (!*text)
		return 0;
	if (!text[1] || (bytes && !strcmp(text + 1, "iB"))) {
		switch (*text) {
		case 'k': case 'K':
			return 10;
		case 'm': case 'M':
			return 20;
		case 'g': case 'G':
			return 30;
		}
	}
	return -EINVAL;
}

static int parse_shifted(const char *text, bool bytes, uint64_t *val)
{
	char *end;
	uint64_t v;
	int shift, ret;

	ret = parse_digits(text, &v, &end);
	if (ret)
		return ret;

	shift = suffix_shift(end, bytes);
	if (shift < 0)
		return shift;
	if (v > UINT64_MAX >> shift)
		return -ERANGE;

	*val = v << shift;
	return 0;
}

int parse_size(const char *text, uint64_t *bytes)
{
	return parse_shifted(text, true, bytes);
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *val)
{
	uint64_t v;
	int ret;

	ret = parse_shifted(text, false, &v);
	if (ret)
		return ret;
	if (v < min || v > max)
		return -ERANGE;

	*val = v;
	return 0;
}

static uint64_t suffix_scale(const char *text)
{
	if (!*text)
		return 1;
	if (text[1])
		return 0;
	switch (*text) {
	case 'k': case 'K':
		return 1000;
	case 'M':
		return 1000000;
	case 'G':
		return 1000000000;
	}
	return 0;
}

/* "61440000", "61.44M": whole Hz, and suffixes as rates have them */
int parse_hz(const char *text, uint64_t *hz)
{
	const char *digit = "";
	uint64_t val, scale;
	char *end;
	int ret;

	ret = parse_digits(text, &val, &end);
	if (ret)
		return ret;
	if (*end == '.') {
		digit = end + 1;
		end += 1 + strspn(digit, "0123456789");
		if (end == digit)
			return -EINVAL;
	}
	scale = suffix_scale(end);
	if (!scale)
		return -EINVAL;
	if (val > UINT64_MAX / scale)
		return -ERANGE;

	val *= scale;
	for (; *digit >= '0' && *digit <= '9'; digit++) {
		if (scale < 10 && *digit != '0')
			return -EINVAL;
		scale /= 10;
		val += (uint64_t)(*digit - '0') * scale;
	}
	*hz = val;
	return 0;
}

/* "2", "0.5", "1.25": digits, and up to nine digits behind the point */
int parse_seconds(const char *text, uint64_t *ns)
{
	uint64_t sec, frac = 0, unit = NSEC_PER_SEC;
	char *end;
	int ret;

	ret = parse_digits(text, &sec, &end);
	if (ret)
		return ret;
	if (sec > 1000000000u)
		return -ERANGE;

	if (*end == '.') {
		end++;
		if (!*end)
			return -EINVAL;
		for (; *end >= '0' && *end <= '9' && unit > 1; end++) {
			unit /= 10;
			frac += (uint64_t)(*end - '0') * unit;
		}
	}
	if (*end)
		return -EINVAL;

	*ns = sec * NSEC_PER_SEC + frac;
	return 0;
}

int number(const char *what, const char *text, uint64_t min, uint64_t max,
	   uint64_t *val)
{
	if (parse_u64(text, min, max, val))
		return fail(ST_USAGE, "%s: \"%s\" is not a number from %" PRIu64
			    " to %" PRIu64, what, text, min, max);
	return 0;
}

int hertz(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *val)
{
	uint64_t v;

	if (parse_hz(text, &v) || v < min || v > max)
		return fail(ST_USAGE, "%s: \"%s\" is not a rate from %" PRIu64 " to %" PRIu64
			    " Hz, such as 61440000 or 61.44M", what, text, min, max);
	*val = v;
	return 0;
}

int seconds(const char *what, const char *text, uint64_t *ns)
{
	if (parse_seconds(text, ns))
		return fail(ST_USAGE, "%s: \"%s\" is not a number of seconds",
			    what, text);
	return 0;
}

int unsigned_number(const char *what, const char *text, uint64_t min,
		    uint64_t max, unsigned int *val)
{
	uint64_t v = 0;
	int ret;

	ret = number(what, text, min, max, &v);
	if (!ret)
		*val = (unsigned int)v;
	return ret;
}

int word(const char *text, const char *const *words)
{
	int i;

	for (i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	return -1;
}

int each_item(const char *what, const char *list, item_fn take, void *arg)
{
	char *copy = strdup(list), *rest = copy, *item;
	int ret = 0;

	if (!copy)
		return fail(ST_FAIL, "out of memory");

	while (!ret && (item = strsep(&rest, ",")))
		ret = *item ? take(what, item, arg) :
		      fail(ST_USAGE, "%s: nothing is between two commas, or at an end of \"%s\"",
			   what, list);
	free(copy);
	return ret;
}
