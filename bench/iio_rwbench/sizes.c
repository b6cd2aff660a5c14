// SPDX-License-Identifier: GPL-2.0
#include "sizes.h"

#include "error.h"
#include "verify.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t common_multiple(uint64_t a, uint64_t b)
{
	uint64_t x = a, y = b, rest;

	while (y) {
		rest = x % y;
		x = y;
		y = rest;
	}
	return a / x * b;
}

uint64_t sizes_unit(const struct cfg *cfg, const struct iio_dev *dev)
{
	uint64_t unit = common_multiple(dev->scan_bytes, dev->length_align);

	if (dev->to)
		unit = common_multiple(unit, common_multiple(dev->to->scan_bytes,
							     dev->to->length_align));

	return cfg->verify || cfg->find_max_rate || cfg->counter ?
	       common_multiple(unit, VERIFY_WORD) : unit;
}

/* To the next multiple below, but at least one */
static uint64_t fitted(uint64_t bytes, uint64_t unit)
{
	return bytes < unit ? unit : bytes / unit * unit;
}

/* What the user should have said: in samples for -b, in bytes for --sizes */
static void name_nearest(char *text, size_t size, uint64_t bytes, uint64_t unit,
			 uint64_t per)
{
	uint64_t below = bytes / unit * unit, above = below + unit;

	if (below)
		snprintf(text, size, "%" PRIu64 " and %" PRIu64 " are the nearest that can be",
			 below / per, above / per);
	else
		snprintf(text, size, "%" PRIu64 " is the least that can be", above / per);
}

/* 0: for all that @dev knows it could be so */
static int refused_by(const struct iio_dev *dev, const char *option, uint64_t bytes,
		      const char *nearest)
{
	if (bytes % dev->scan_bytes)
		return fail(ST_USAGE, "%s: %" PRIu64 " bytes are no whole number of samples: with these channels of %s, a sample has %u bytes; %s",
			    option, bytes, dev->name, dev->scan_bytes, nearest);
	if (bytes % dev->length_align)
		return fail(ST_USAGE, "%s: %" PRIu64 " bytes (%" PRIu64 " sample%s) cannot be transferred: %s needs a multiple of %" PRIu64 " bytes (length_align_bytes); %s",
			    option, bytes, bytes / dev->scan_bytes,
			    bytes == dev->scan_bytes ? "" : "s", dev->name,
			    dev->length_align, nearest);
	return 0;
}

static int refuse(const struct cfg *cfg, const struct iio_dev *dev, uint64_t bytes,
		  uint64_t unit)
{
	const char *option = cfg->block_given ? "-b" : "--sizes";
	uint64_t per = cfg->block_given ? dev->scan_bytes : 1;
	char nearest[96];
	int ret;

	name_nearest(nearest, sizeof(nearest), bytes, unit, per);
	ret = refused_by(dev, option, bytes, nearest);
	if (!ret && dev->to)
		ret = refused_by(dev->to, option, bytes, nearest);
	if (ret)
		return ret;
	return fail(ST_USAGE, "%s: --verify, --counter and --find-max-rate need blocks of whole 32-bit words, and %" PRIu64 " bytes are none; %s",
		    option, bytes, nearest);
}

static int plan_one(struct cfg *cfg, const struct iio_dev *dev, uint64_t *bytes, bool named)
{
	uint64_t unit = sizes_unit(cfg, dev);

	if (!named)
		*bytes = fitted(*bytes, unit);
	else if (*bytes % unit)
		return refuse(cfg, dev, *bytes, unit);
	if (*bytes > SIZE_MAX / 4)
		return fail(ST_USAGE, "blocks of %" PRIu64 " bytes are too large for a program of %zu bits",
			    *bytes, 8 * sizeof(size_t));
	if (*bytes / dev->scan_bytes > INT32_MAX / 2)
		return fail(ST_USAGE, "blocks of %" PRIu64 " bytes are larger than the kernel's buffer length can say: with these channels %" PRIu64 " bytes is the most",
			    *bytes, fitted((uint64_t)(INT32_MAX / 2) * dev->scan_bytes, unit));
	return 0;
}

/* Do not wait for more than what is asked for */
static void no_more_than_asked(struct cfg *cfg, const struct iio_dev *dev)
{
	uint64_t unit = sizes_unit(cfg, dev), bytes;

	if (cfg->benchmark || !cfg->samples || cfg->samples >= cfg->block_samples)
		return;
	bytes = (cfg->samples * dev->scan_bytes + unit - 1) / unit * unit;
	if (bytes < cfg->sizes[0])
		cfg->sizes[0] = bytes;
}

int sizes_plan(struct cfg *cfg, const struct iio_dev *dev)
{
	bool named = cfg->sizes_named;
	int ret = 0;
	size_t i;

	if (!cfg->nsizes) {
		named = cfg->block_given;
		cfg->sizes[0] = cfg->block_samples * dev->scan_bytes;
		cfg->nsizes = 1;
		no_more_than_asked(cfg, dev);
	}
	for (i = 0; i < cfg->nsizes && !ret; i++)
		ret = plan_one(cfg, dev, &cfg->sizes[i], named);
	return ret;
}
