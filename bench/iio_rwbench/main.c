// SPDX-License-Identifier: GPL-2.0
/*
 * iio_rwbench - receive from an IIO device, or send to it, by file I/O and by DMABUF, and
 * tell how fast that was. After libiio's iio_rwdev, whose options it keeps.
 */
#include "error.h"
#include "gadget.h"
#include "hint.h"
#include "iio.h"
#include "measure.h"
#include "options.h"
#include "overflow.h"
#include "progress.h"
#include "rate.h"
#include "relay_report.h"
#include "report.h"
#include "sizes.h"
#include "sweep.h"
#include "sweep_report.h"
#include "sysfs.h"
#include "version.h"
#include "wait.h"
#include "zerocopy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define OTHER_FILES	32	/* that are open together, those of the user among them */

static struct cfg cfg;
static struct iio_dev dev, dev_to;
static struct gadget gadget = { .ep0 = -1 };
static struct counters counters;
static struct sweep sweep;
static struct zerocopy zerocopy;
static struct result results[2 * MAX_SIZES];
static struct max_rate max_rates[2 * MAX_SIZES];

static void print_error(const char *text)
{
	fprintf(stderr, RWBENCH_NAME ": %s\n", text);
}

/*
 * A closed descriptor would go to the first file that is opened, and what is printed would
 * be written to that. This one takes its place, and refuses to be written to.
 */
static void keep_standard_streams(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Where more is allowed than is set. Each block is an open file, and MSG_ZEROCOPY locks memory. */
static void raise_limits(void)
{
	static const int which[] = { RLIMIT_NOFILE, RLIMIT_MEMLOCK };
	struct rlimit limit;
	size_t i;

	for (i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		if (getrlimit(which[i], &limit))
			continue;
		limit.rlim_cur = limit.rlim_max;
		setrlimit(which[i], &limit);
	}
}

/* Text goes where no samples and no JSON are */
static FILE *text_stream(void)
{
	return cfg.benchmark && !cfg.csv && (!cfg.json || cfg.json_file) ? stdout : stderr;
}

/* Many devices have some rates only, and take the nearest */
static void tell_rate(void)
{
	uint64_t hz = iio_rate(&dev);

	if (cfg.rate_given && hz != cfg.rate)
		fprintf(stderr, RWBENCH_NAME ": --rate %" PRIu64 ": %s has made %" PRIu64 " Hz of it\n",
			cfg.rate, dev.name, hz);
}

/* A DMABUF is an open file, and so is the fence of its transfer */
static int check_open_files(void)
{
	unsigned int i, blocks = cfg.nblocks, need;
	struct rlimit limit;

	for (i = 0; i < cfg.plan.nrings; i++)
		if (cfg.plan.ring[i] > blocks)
			blocks = cfg.plan.ring[i];
	need = 2 * blocks + OTHER_FILES;
	if (!(cfg.transports & TR_DMABUF) || getrlimit(RLIMIT_NOFILE, &limit) ||
	    limit.rlim_cur >= need)
		return 0;
	return fail(ST_FAIL, "%u blocks take up to %u open files, and %" PRIu64 " are allowed here: raise ulimit -n, or use fewer (--blocks)",
		    blocks, need, (uint64_t)limit.rlim_cur);
}

static int check_direction(const struct iio_dev *d, bool output)
{
	if (d->output && !output)
		return fail(ST_USAGE, "buffer %u of %s is an output buffer: %s", d->buffer_index,
			    d->name, cfg.relay ? "name the device that receives first" :
			    "add -w to send samples to it");
	if (!d->output && output)
		return fail(ST_USAGE, "%s: buffer %u of %s is an input buffer; name an output device, or another buffer (-i)",
			    cfg.relay ? "relay" : "-w", d->buffer_index, d->name);
	return 0;
}

static int choose(struct iio_dev *d, const char *name, bool output)
{
	int ret;

	ret = iio_find(d, cfg.root, name, cfg.buffer_index);
	if (ret == ST_FAIL && !d->id[0])
		hint_device(&cfg, name);
	if (!ret)
		ret = check_direction(d, output);
	if (!ret)
		ret = iio_select(d, cfg.channels, cfg.nchannels);
	return ret;
}

static int configure(struct iio_dev *d, const struct iio_settings *set)
{
	int fd, ret;

	/* Another's buffer is not ours to configure: see first if it is free */
	ret = iio_open_buffer(d, &fd);
	if (ret)
		return ret;
	close(fd);

	ret = iio_setup(d, set);
	/* Without names it takes as many as the device takes together */
	if (!ret && d->left_out[0])
		fprintf(stderr, RWBENCH_NAME ": without %s, as %s does not take all channels together; name others to have those\n",
			d->left_out, d->name);
	return ret;
}

/* What a sample is has to be the same at both ends */
static int check_fit(void)
{
	if (!cfg.relay || dev_to.gadget || dev.scan_bytes == dev_to.scan_bytes)
		return 0;
	return fail(ST_USAGE, "relay: a sample has %u bytes with these channels of %s, and %u with those of %s, so they would get mixed up: name channels that fit, of both (--channels)",
		    dev.scan_bytes, dev.name, dev_to.scan_bytes, dev_to.name);
}

static int plan_sizes(void)
{
	int ret = check_fit();

	return ret ? ret : sizes_plan(&cfg, &dev);
}

static void tell_other_rate(void)
{
	uint64_t from = iio_sample_rate(&dev), to = dev_to.gadget ? 0 : iio_sample_rate(&dev_to);

	if (from && to && from != to)
		fprintf(stderr, RWBENCH_NAME ": %s makes samples at %" PRIu64 " Hz and %s takes them at %" PRIu64 ": some will be %s; --rate sets both\n",
			dev.name, from, dev_to.name, to, from > to ? "lost" : "missing");
}

/* So long nothing happens that one could see */
static void tell_slow_blocks(uint64_t rate)
{
	uint64_t bytes = 0;
	double seconds;
	size_t i;

	for (i = 0; i < cfg.nsizes; i++)
		if (cfg.sizes[i] > bytes)
			bytes = cfg.sizes[i];
	if (!rate || bytes / dev.scan_bytes <= rate + rate / 2)
		return;
	seconds = (double)(bytes / dev.scan_bytes) / (double)rate;
	if (!cfg.benchmark)
		fprintf(stderr, RWBENCH_NAME ": a block takes %.3g s at %" PRIu64 " Hz: -b %" PRIu64 " takes a second\n",
			seconds, rate, rate);
	else
		fprintf(stderr, RWBENCH_NAME ": a block takes up to %.3g s at %" PRIu64 " Hz, and figures come after the warm-up (--warmup): -b %" PRIu64 " takes a second\n",
			seconds, rate, rate);
}

static int prepare(void)
{
	struct iio_settings set = {
		.trigger = cfg.trigger,
		.trigger_rate = cfg.trigger || cfg.trigger_rate_given ?
				cfg.trigger_rate : 0,
		.expect_rate = cfg.trigger_rate_given,
		.rate = cfg.rate_given ? &cfg.rate : NULL,
	};
	struct iio_settings set_to = { .rate = set.rate };
	int ret;

	ret = check_open_files();
	if (!ret)
		ret = choose(&dev, cfg.device, cfg.write);
	if (!ret && cfg.relay) {
		dev.to = &dev_to;
		if (gadget_is_meant(cfg.to))
			gadget_device(&gadget, cfg.to, &dev_to);
		else
			ret = choose(&dev_to, cfg.to, true);
	}
	if (!ret && cfg.nchannels)
		ret = plan_sizes();
	if (!ret && cfg.find_max_rate && !iio_has_rate(&dev))
		ret = fail(ST_FAIL, "--find-max-rate: %s has no sampling_frequency",
			   dev.name);
	if (!ret)
		ret = configure(&dev, &set);
	if (!ret)
		tell_rate();
	if (!ret && cfg.relay)
		ret = dev_to.gadget ? gadget_open(&gadget, cfg.root, cfg.timeout_ms) :
				      configure(&dev_to, &set_to);
	if (!ret && cfg.relay)
		tell_other_rate();
	/* Before the run, not after it, is the time to find out */
	if (!ret && cfg.checker)
		ret = checker_read(cfg.checker, &(struct checks){ .known = false });
	return ret || cfg.nchannels ? ret : plan_sizes();
}

static int give_up(struct report *rep, int status)
{
	rep->given_up = rep->nresults < cfg.nsizes * (cfg.transports == TR_BOTH ? 2 : 1);
	return status;
}

/*
 * Returns the status of the whole. A measurement that could not begin leaves
 * the others in place: blocks may be too large for one transport only.
 */
static int run_benchmark(struct report *rep)
{
	static const enum transport order[] = { TR_FILEIO, TR_DMABUF };
	unsigned int transports = cfg.transports;
	int status = 0, ret;
	size_t i, t;

	for (i = 0; i < cfg.nsizes; i++) {
		for (t = 0; t < 2; t++) {
			struct result *r = &results[rep->nresults];

			if (!(transports & order[t]))
				continue;
			if (wait_stopped())
				return status;

			ret = measure(&cfg, &dev, order[t], cfg.sizes[i], r,
				      progress_show);
			progress_end();
			rep->nresults++;
			if (ret && !status)
				status = ret;
			if (ret == ST_MISSING)
				transports &= ~(unsigned int)order[t];
			else if (ret && r->started)
				return give_up(rep, status);
		}
	}
	return status;
}

/* After all measurements, which so are what they would be without this */
static int find_rates(struct report *rep)
{
	size_t i;
	int ret;

	fail_clear();
	ret = rate_limit(&dev, cfg.max_rate, &rep->rate_limit_hz);
	rep->max_rate = max_rates;
	for (i = 0; i < rep->nresults && !ret; i++) {
		const struct result *r = &results[i];

		if (r->status || !r->blocks)
			continue;
		ret = rate_find(&cfg, &dev, rep->rate_limit_hz, r, &max_rates[i],
				progress_trial);
		progress_end();
	}
	return ret;
}

static int run_stream(struct report *rep)
{
	struct result *r = &results[0];
	enum transport t = cfg.transports & TR_DMABUF ? TR_DMABUF : TR_FILEIO;
	int ret;

	ret = measure(&cfg, &dev, t, cfg.sizes[0], r, progress_show);
	/* Who wants to hear of fences wants DMABUFs */
	if (ret && !r->started && !cfg.transport_given && !(cfg.evidence & EVIDENCE_FENCE)) {
		fprintf(stderr, RWBENCH_NAME ": file I/O is used, because %s\n",
			r->error);
		ret = measure(&cfg, &dev, TR_FILEIO, cfg.sizes[0], r,
			      progress_show);
	}
	progress_end();
	rep->nresults = 1;
	return ret;
}

static uint32_t core_version(void)
{
	int fd = overflow_open(&dev);
	uint32_t version = overflow_core_version(fd);

	if (fd >= 0)
		close(fd);
	return version;
}

static int run_command(struct report *rep)
{
	if (cfg.sweep) {
		int ret = sweep_run(&sweep, &cfg, &dev, sweep_report_doing);

		progress_end();
		return ret;
	}
	if (cfg.relay) {
		counters_open(&counters);
		cfg.counters = counters.n ? &counters : NULL;
	}
	return cfg.benchmark ? run_benchmark(rep) : run_stream(rep);
}

/* What the results mean for the exit status, when nothing failed */
static int judge(const struct report *rep)
{
	bool interrupted = false, good = true, overflow = false, underflow = false;
	bool sent_well = true;
	size_t i;

	for (i = 0; i < rep->nresults; i++) {
		if (verify_no_counter(&results[i].verify))
			return fail(ST_DATA, "%s does not deliver the 32-bit running counter that --verify checks: nothing is known of its samples",
				    dev.name);
		good &= verify_good(&results[i].verify);
		overflow |= results[i].overflow == OVERFLOW_YES;
		underflow |= results[i].underflow == OVERFLOW_YES;
		sent_well &= result_sent_well(&results[i]);
		interrupted |= results[i].interrupted || max_rates[i].interrupted;
	}
	if (!good)
		return fail(ST_DATA, "data was lost or is wrong");
	if (overflow)
		return fail(ST_DATA, "samples were lost: the FPGA core has its overflow bit set");
	if (underflow)
		return fail(ST_DATA, "there were gaps: the FPGA core has its underflow bit set");
	if (!sent_well)
		return fail(ST_DATA, "what was sent is not all of the counter, says --checker");
	if (wait_stopped() && (cfg.sweep || cfg_bounded(&cfg)) &&
	    (interrupted || !rep->nresults))
		return fail(ST_FAIL, "ended early by signal %d", wait_signal());
	return 0;
}

/* Measurements after the one that failed may have left other sentences */
static int first_failure(const struct report *rep, int status)
{
	size_t i;

	for (i = 0; i < sweep.npoints; i++) {
		if (sweep.point[i].status != status)
			continue;
		fail_clear();
		return fail(status, "%s", sweep.point[i].error);
	}

	for (i = 0; i < rep->nresults; i++) {
		const struct result *r = &results[i];

		if (r->status != status && max_rates[i].status != status)
			continue;
		fail_clear();
		return fail(status, "%s", r->status == status ? r->error :
			    max_rates[i].error);
	}
	return status;
}

static int run(struct report *rep)
{
	const char *path, *val;
	int ret, err;

	ret = prepare();
	if (dev.name[0] && dev.scan_bytes)
		rep->dev = &dev;
	if (!ret) {
		rep->rate = iio_sample_rate(&dev);
		rep->core_version = core_version();
		tell_slow_blocks(rep->rate);
		progress_init(&cfg, text_stream());
		ret = run_command(rep);
		err = cfg.find_max_rate ? find_rates(rep) : 0;
		if (!ret)
			ret = err;
	}

	gadget_close(&gadget);
	err = sysfs_restore();
	if (err && err != -ENOENT) {
		path = sysfs_not_restored(&val);
		fprintf(stderr, RWBENCH_NAME ": the former settings of %s could not be brought back: %s does not take its old value %s: %s\n",
			dev.name, path, val, strerror(-err));
	}
	if (ret)
		return first_failure(rep, ret);

	fail_clear();
	ret = judge(rep);
	if (err && !ret)
		ret = fail(ST_FAIL, "not all settings of %s were brought back",
			   dev.name);
	return ret;
}

/* The reader of a report may have seen enough, as "head" does */
static int flushed(FILE *out, const char *where)
{
	errno = 0;
	if ((!fflush(out) && !ferror(out)) || errno == EPIPE)
		return 0;
	return fail(ST_FAIL, "the report could not be written to %s%s%s", where,
		    errno ? ": " : "", errno ? strerror(errno) : "");
}

static int print_text(const struct report *rep)
{
	FILE *out = text_stream();

	/* JSON and CSV on standard output are in place of the table */
	if (cfg.json && !cfg.json_file)
		return 0;
	if (cfg.csv) {
		if (cfg.sweep)
			sweep_report_csv(stdout, &sweep);
		else
			report_csv(stdout, rep);
		return flushed(stdout, "standard output");
	}
	if (sweep.npoints)
		sweep_report_table(out, rep, &sweep);
	if (!rep->nresults)
		return flushed(stdout, "standard output");
	if (!cfg.benchmark) {
		report_stream(out, &results[0]);
	} else if (cfg.relay) {
		relay_report(out, rep);
	} else {
		report_header(out, rep);
		report_table(out, rep);
	}
	return out == stdout ? flushed(out, "standard output") : 0;
}

/* Its table, too, makes place for JSON on standard output */
static int run_zerocopy(void)
{
	bool table = !cfg.json || cfg.json_file;

	return zerocopy_run(&zerocopy, &cfg, table ? stdout : NULL);
}

/* Wherever the report goes: who reads no more than the figures has to know this */
static void tell_unseen(const struct report *rep)
{
	char text[256];

	if (report_unseen(rep, text, sizeof(text)))
		fprintf(stderr, RWBENCH_NAME ": %s\n", text);
}

static int open_json(FILE **json)
{
	*json = NULL;
	if (!cfg.json)
		return 0;
	if (!cfg.json_file) {
		*json = stdout;
		return 0;
	}
	/* Before the run, not after it, is the time to find out */
	*json = fopen(cfg.json_file, "we");
	return *json ? 0 : fail(ST_FAIL, "--json: cannot write %s: %s",
				cfg.json_file, strerror(errno));
}

static int close_json(FILE *json, const struct report *rep)
{
	int ret;

	if (!json)
		return 0;
	if (cfg.zerocopy)
		zerocopy_json(json, rep, &zerocopy);
	else if (cfg.sweep)
		sweep_report_json(json, rep, &sweep);
	else
		report_json(json, rep);
	ret = flushed(json, json == stdout ? "standard output" : cfg.json_file);
	if (json != stdout && fclose(json) && !ret)
		ret = fail(ST_FAIL, "the report could not be written to %s: %s",
			   cfg.json_file, strerror(errno));
	return ret;
}

/* What a signal interrupts is lost for a USB host, and figures of its own disturb a sweep */
static bool answers(void)
{
	return !cfg.zerocopy && !cfg.sweep && !(cfg.relay && gadget_is_meant(cfg.to));
}

int main(int argc, char **argv)
{
	struct report rep = { .cfg = &cfg, .result = results, .argc = argc,
			      .argv = argv };
	FILE *json;
	int ret, err;

	/* It asks for a summary, so that it must not end us before there is one */
	wait_ignore_requests();
	keep_standard_streams();
	raise_limits();
	ret = options_parse(&cfg, argc, argv);
	if (!ret && cfg.action == ACT_HELP) {
		options_help(stdout);
		ret = flushed(stdout, "standard output");
		if (ret)
			print_error(fail_text());
		return ret;
	}
	if (!ret && cfg.action == ACT_VERSION) {
		printf(RWBENCH_NAME " " RWBENCH_VERSION " (git %s)\n", rwbench_git);
		return ST_OK;
	}

	err = open_json(&json);
	if (!ret)
		ret = err;
	if (!ret)
		ret = wait_init(sysfs_restore_emergency);
	if (!ret && answers())
		wait_take_requests();
	if (!ret)
		ret = cfg.zerocopy ? run_zerocopy() : run(&rep);

	rep.status = ret;
	rep.error = ret ? fail_text() : NULL;
	if (!ret)
		fail_clear();
	err = print_text(&rep);
	tell_unseen(&rep);
	if (ret)
		print_error(fail_text());
	if (cfg.action == ACT_EXAMPLES)
		iio_examples(stderr, cfg.root);

	if (!err)
		err = close_json(json, &rep);
	else
		close_json(json, &rep);
	if (err && !ret) {
		print_error(fail_text());
		ret = err;
	}
	sweep_free(&sweep);
	counters_close(&counters);
	return ret;
}
