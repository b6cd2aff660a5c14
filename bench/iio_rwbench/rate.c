// SPDX-License-Identifier: GPL-2.0
#include "rate.h"

#include "error.h"
#include "wait.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define MIN_TRIAL_BLOCKS	16
#define MIN_FRACTION		1024	/* of the limit: below, give up */

/* From a bad rate @hi downwards */
static int bisect(uint64_t min, uint64_t hi, unsigned int percent,
		  rate_trial_fn trial, void *arg, uint64_t *best)
{
	uint64_t lo = 0, hz, actual;
	bool good;
	int ret;

	/* Halves as long as nothing is good: it may be very far down */
	while (hi - lo > 1 && hi - lo > lo * percent / 100) {
		hz = lo + (hi - lo) / 2;
		if (hz < min)
			break;
		ret = trial(arg, hz, &actual, &good);
		if (ret)
			return ret;
		/* The device has no rate of its own between the two */
		if (actual <= lo || actual >= hi)
			break;
		if (good)
			lo = actual;
		else
			hi = actual;
	}

	*best = lo;
	return 0;
}

/*
 * A machine that is kept busy may do better than one that has to wake up for each
 * block, so that a lower rate is worse. *@bad is the highest such rate that is
 * seen here, or 0.
 */
static int look_below(uint64_t min, uint64_t best, rate_trial_fn trial,
		      void *arg, uint64_t *bad)
{
	static const unsigned int eighths[] = { 7, 6, 4 };
	uint64_t hz, actual;
	bool good;
	size_t i;
	int ret;

	*bad = 0;
	for (i = 0; i < sizeof(eighths) / sizeof(eighths[0]); i++) {
		hz = best / 8 * eighths[i];
		if (!hz || hz < min)
			break;
		ret = trial(arg, hz, &actual, &good);
		if (ret)
			return ret;
		if (!good) {
			*bad = hz;
			break;
		}
	}
	return 0;
}

int rate_search(uint64_t min, uint64_t max, unsigned int percent,
		rate_trial_fn trial, void *arg, uint64_t *best)
{
	uint64_t found, bad;
	bool good;
	int ret;

	*best = 0;
	ret = trial(arg, max, &found, &good);
	if (!ret && !good)
		ret = bisect(min, max, percent, trial, arg, &found);
	while (!ret && found && percent) {
		ret = look_below(min, found, trial, arg, &bad);
		if (ret || !bad)
			break;
		ret = bisect(min, bad, percent, trial, arg, &found);
	}
	if (!ret)
		*best = found;
	return ret;
}

unsigned int rate_trial_blocks(unsigned int ring, unsigned int percent)
{
	unsigned int blocks = (ring - 1) * 100 / percent;

	return blocks > MIN_TRIAL_BLOCKS ? blocks : MIN_TRIAL_BLOCKS;
}

static int device_takes(void *arg, uint64_t hz, uint64_t *actual, bool *good)
{
	struct iio_dev *dev = arg;
	int ret;

	ret = iio_set_rate(dev, hz, good);
	*actual = *good ? iio_rate(dev) : hz;
	return ret;
}

int rate_limit(struct iio_dev *dev, uint64_t asked, uint64_t *limit)
{
	uint64_t top = asked ? asked : iio_rate_available(dev);
	bool any = !top;
	int ret;

	if (any)
		top = INT32_MAX;	/* of the kernel's IIO_VAL_INT */
	ret = rate_search(1, top, 0, device_takes, dev, limit);
	if (ret)
		return ret;
	if (!*limit)
		return fail(ST_FAIL, "--find-max-rate: %s takes no sampling_frequency up to %" PRIu64,
			    dev->name, top);

	if (any && *limit == top)
		*limit = AD9361_RATE;
	return 0;
}

struct seeker {
	struct cfg cfg;
	struct iio_dev *dev;
	const struct result *r;
	struct max_rate *found;
	uint64_t top;		/* the first rate that was tried */
	rate_progress_fn progress;
};

static int loses_nothing(void *arg, uint64_t hz, uint64_t *actual, bool *good)
{
	/* Large, and only one search at a time */
	static struct result trial;
	struct seeker *s = arg;
	int ret;

	if (wait_stopped())
		return -EINTR;
	ret = iio_set_rate(s->dev, hz, good);
	*actual = hz;
	if (ret || !*good)
		return ret;
	*actual = iio_rate(s->dev);
	if (!s->top)
		s->top = *actual;
	if (s->progress)
		s->progress(s->r, *actual);

	ret = measure(&s->cfg, s->dev, s->r->transport, s->r->block_bytes,
		      &trial, NULL);
	result_free(&trial);
	s->found->trials++;
	if (ret)
		return ret;
	if (trial.interrupted)
		return -EINTR;
	if (verify_no_counter(&trial.verify))
		return fail(ST_DATA, "--find-max-rate: %s does not deliver the 32-bit running counter, so loss cannot be seen",
			    s->dev->name);

	*good = verify_good(&trial.verify);
	return 0;
}

int rate_find(const struct cfg *cfg, struct iio_dev *dev, uint64_t limit,
	      const struct result *r, struct max_rate *found,
	      rate_progress_fn progress)
{
	struct seeker s = {
		.cfg = *cfg, .dev = dev, .r = r, .found = found,
		.progress = progress,
	};
	int ret;

	s.cfg.duration_ns = cfg->trial_ns;
	s.cfg.samples = 0;
	s.cfg.warmup = 0;
	s.cfg.interval_given = false;
	if (s.cfg.verify == VERIFY_OFF)
		s.cfg.verify = VERIFY_EDGES;
	s.cfg.trial = true;
	s.cfg.min_blocks = rate_trial_blocks(r->nblocks, cfg->resolution);

	memset(found, 0, sizeof(*found));
	fail_clear();
	ret = rate_search(limit / MIN_FRACTION, limit, cfg->resolution,
			  loses_nothing, &s, &found->hz);
	if (ret == -EINTR) {
		found->interrupted = true;
		return 0;
	}
	found->known = !ret;
	found->reached_limit = found->hz && found->hz == s.top;
	found->status = ret;
	snprintf(found->error, sizeof(found->error), "%s",
		 ret ? fail_text() : "");
	return ret;
}
