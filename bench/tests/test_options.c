// SPDX-License-Identifier: GPL-2.0
#include "error.h"
#include "options.h"
#include "parse.h"
#include "ktap.h"

#include <errno.h>
#include <string.h>

#define MAX_ARGS 64

/* Splits a command line at blanks, and parses it */
static int parse(struct cfg *cfg, const char *line)
{
	static char text[512];
	static char *argv[MAX_ARGS + 1];
	char *save = NULL, *word;
	int argc = 0;

	strcpy(text, line);
	for (word = strtok_r(text, " ", &save); word && argc < MAX_ARGS;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;
	fail_clear();
	return options_parse(cfg, argc, argv);
}

static void numbers(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 }, { "1", 1 }, { "4096", 4096 }, { "4K", 4096 },
		{ "4k", 4096 }, { "16M", 16777216 }, { "2G", 2147483648 },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = {
		"", " 1", "1 ", "-1", "+1", "1.5", "0x10", "K", "4KB", "4KK",
		"18446744073709551616", "18014398509481984K", "1e3", "four",
	};
	uint64_t val;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK_EQ(parse_size(good[i].text, &val), 0);
		CHECK(val == good[i].bytes);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		val = 7;
		if (!parse_size(bad[i], &val))
			ktap_fail(__FILE__, __LINE__, "\"%s\" was taken", bad[i]);
		CHECK_EQ(val, 7);
	}
	CHECK_EQ(parse_u64("5", 1, 5, &val), 0);
	CHECK_EQ(parse_u64("6", 1, 5, &val), -ERANGE);
	CHECK_EQ(parse_u64("0", 1, 5, &val), -ERANGE);
}

static void durations(void)
{
	uint64_t ns;

	CHECK_EQ(parse_seconds("2", &ns), 0);
	CHECK_EQ(ns, 2000000000);
	CHECK_EQ(parse_seconds("0.5", &ns), 0);
	CHECK_EQ(ns, 500000000);
	CHECK_EQ(parse_seconds("1.25", &ns), 0);
	CHECK_EQ(ns, 1250000000);
	CHECK_EQ(parse_seconds("0.000000001", &ns), 0);
	CHECK_EQ(ns, 1);
	CHECK(parse_seconds("0.0000000001", &ns));
	CHECK(parse_seconds("1.", &ns));
	CHECK(parse_seconds(".5", &ns));
	CHECK(parse_seconds("-1", &ns));
	CHECK(parse_seconds("1s", &ns));
	CHECK(parse_seconds("1.5.2", &ns));
	CHECK(parse_seconds("99999999999", &ns));
}

static void defaults(void)
{
	struct cfg cfg;

	CHECK_EQ(parse(&cfg, "x -B dev"), 0);
	CHECK(cfg.benchmark);
	CHECK_STR(cfg.device, "dev");
	CHECK_EQ(cfg.nchannels, 0);
	CHECK_EQ(cfg.block_samples, 256);
	CHECK_EQ(cfg.nblocks, 4);
	CHECK_EQ(cfg.warmup, 4);
	CHECK_EQ(cfg.transports, TR_BOTH);
	CHECK_EQ(cfg.duration_ns, 2000000000);
	CHECK_EQ(cfg.trigger_rate, 100);
	CHECK_EQ(cfg.timeout_ms, 5000);
	CHECK_EQ(cfg.verify, VERIFY_OFF);
	CHECK_EQ(cfg.sync, SYNC_BLOCK);
	CHECK(cfg_bounded(&cfg));
}

static void streaming_is_endless(void)
{
	struct cfg cfg;

	CHECK_EQ(parse(&cfg, "x dev"), 0);
	CHECK(!cfg.benchmark);
	CHECK(!cfg_bounded(&cfg));
	CHECK_EQ(cfg.warmup, 0);
	CHECK_EQ(parse(&cfg, "x -s 10 dev"), 0);
	CHECK(cfg_bounded(&cfg));
}

static void all_options(void)
{
	struct cfg cfg;

	CHECK_EQ(parse(&cfg, "x -u local: -b 4K -s 1M -i 2 -t tr -r 50 -T 700 -B "
		       "--transport=dmabuf --blocks 8 --exporter=heap:system "
		       "--duration 1.5 --verify=edges --touch --sync=access "
		       "--json=f --interval 0.1 --root /r --rate 0 --warmup 3 "
		       "dev voltage0 voltage1"), 0);
	CHECK_EQ(cfg.block_samples, 4096);
	CHECK_EQ(cfg.samples, 1048576);
	CHECK_EQ(cfg.buffer_index, 2);
	CHECK_STR(cfg.trigger, "tr");
	CHECK_EQ(cfg.trigger_rate, 50);
	CHECK_EQ(cfg.timeout_ms, 700);
	CHECK(cfg.timeout_given);
	CHECK_EQ(cfg.transports, TR_DMABUF);
	CHECK_EQ(cfg.nblocks, 8);
	CHECK_STR(cfg.exporter, "heap:system");
	CHECK_EQ(cfg.duration_ns, 1500000000);
	CHECK_EQ(cfg.verify, VERIFY_EDGES);
	CHECK_EQ(cfg.work, WORK_READ);
	CHECK_EQ(cfg.sync, SYNC_ACCESS);
	CHECK(cfg.json);
	CHECK_STR(cfg.json_file, "f");
	CHECK_EQ(cfg.interval_ns, 100000000);
	CHECK_STR(cfg.root, "/r");
	CHECK(cfg.rate_given && cfg.rate == 0);
	CHECK_EQ(cfg.warmup, 3);
	CHECK_EQ(cfg.nchannels, 2);
	CHECK_STR(cfg.channels[1], "voltage1");
}

static void options_behind_the_device(void)
{
	struct cfg cfg;

	CHECK_EQ(parse(&cfg, "x dev voltage3 -B"), 0);
	CHECK(cfg.benchmark);
	CHECK_STR(cfg.device, "dev");
	CHECK_STR(cfg.channels[0], "voltage3");
}

static void size_lists(void)
{
	struct cfg cfg;

	CHECK_EQ(parse(&cfg, "x -B --sizes 4K,64K,1M,100 dev"), 0);
	CHECK_EQ(cfg.nsizes, 4);
	CHECK_EQ(cfg.sizes[0], 4096);
	CHECK_EQ(cfg.sizes[2], 1048576);
	CHECK_EQ(cfg.sizes[3], 100);
}

/* Each wrong command line, and a word that the sentence for it has to hold */
static void refusals(void)
{
	static const struct {
		const char *line, *word;
	} bad[] = {
		{ "x", "device" },
		{ "x -w --verify dev", "--counter" },
		{ "x -c dev", "add -w" },
		{ "x -u ip:1.2.3.4 dev", "local:" },
		{ "x -b 0 dev", "-b" },
		{ "x -b -1 dev", "-b" },
		{ "x -b many dev", "many" },
		{ "x -b", "needs an argument" },
		{ "x --blocks 0 dev", "--blocks" },
		{ "x --blocks 65 dev", "--blocks" },
		{ "x -q dev", "not an option" },
		{ "x --nonsense dev", "--nonsense" },
		{ "x --transport=usb dev", "usb" },
		{ "x --transport=both dev", "-B" },
		{ "x --exporter=cma dev", "heap:NAME" },
		{ "x --exporter=heap: dev", "heap:NAME" },
		{ "x --exporter=heap:../null dev", "heap:NAME" },
		{ "x --verify=most dev", "most" },
		{ "x --sync=never dev", "never" },
		{ "x --sizes 4K dev", "-B" },
		{ "x -B --sizes 4K,0 dev", "--sizes" },
		{ "x -B --sizes , dev", "--sizes" },
		{ "x -B --duration 0 dev", "endless" },
		{ "x -B --duration x dev", "--duration" },
		{ "x -B --interval 0 dev", "--interval" },
		{ "x --json dev", "=FILE" },
		{ "x --find-max-rate dev", "-B" },
		{ "x -B --find-max-rate --transport=dmabuf --duration 0 dev", "endless" },
		{ "x -B --max-rate 1000 dev", "--find-max-rate" },
		{ "x -B --resolution 5 dev", "--find-max-rate" },
		{ "x -B --find-max-rate --max-rate 0 dev", "--max-rate" },
		{ "x -B --find-max-rate --resolution 0 dev", "--resolution" },
		{ "x -B --find-max-rate --resolution 51 dev", "--resolution" },
	};
	struct cfg cfg;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int ret = parse(&cfg, bad[i].line);

		if (ret != ST_USAGE)
			ktap_fail(__FILE__, __LINE__, "\"%s\" gives %d",
				  bad[i].line, ret);
		CHECK_HAS(fail_text(), bad[i].word);
	}
}

static void highest_rate(void)
{
	struct cfg cfg;

	CHECK_EQ(parse(&cfg, "x -B --find-max-rate dev"), 0);
	CHECK(cfg.find_max_rate);
	CHECK_EQ(cfg.max_rate, 0);
	CHECK_EQ(cfg.resolution, 1);
	CHECK_EQ(cfg.trial_ns, 200000000);
	CHECK_EQ(cfg.duration_ns, 2000000000);
	CHECK(!cfg.trial);
	CHECK_EQ(parse(&cfg, "x -B --find-max-rate --max-rate 61440000 "
		       "--resolution 5 --duration 0.5 dev"), 0);
	CHECK_EQ(cfg.max_rate, 61440000);
	CHECK_EQ(cfg.resolution, 5);
	CHECK_EQ(cfg.trial_ns, 500000000);
	CHECK_EQ(cfg.duration_ns, 500000000);
}

static void sweeps(void)
{
	struct cfg cfg;

	CHECK_EQ(parse(&cfg, "x sweep dev"), 0);
	CHECK(cfg.sweep && cfg.benchmark && cfg.times);
	CHECK_EQ(cfg.plan.repeat, 6);
	CHECK_EQ(cfg.plan.confidence, 95);
	CHECK_EQ(cfg.plan.works, 1 << WORK_SYNC);
	CHECK_EQ(cfg.plan.nrings, 1);
	CHECK_EQ(cfg.plan.ring[0], 4);
	CHECK_EQ(cfg.plan.nexporters, 0);
	CHECK_EQ(cfg.nsizes, 8);
	CHECK_EQ(cfg.sizes[2], 32 << 10);
	CHECK_EQ(cfg.sizes[7], 16 << 20);
	CHECK_EQ(cfg.duration_ns, 300000000);
	CHECK_EQ(cfg.min_blocks, 8);
	CHECK_EQ(cfg.warmup, UINT32_MAX);

	CHECK_EQ(parse(&cfg, "x sweep --blocks 1,8 --cpu none,file --file /f "
		       "--repeat 9 --confidence 90 --min-blocks 20 --no-times "
		       "--tag a=b --tag c= --warmup 2 dev"), 0);
	CHECK_EQ(cfg.plan.nrings, 2);
	CHECK_EQ(cfg.plan.ring[1], 8);
	CHECK_EQ(cfg.plan.works, 1 << WORK_NONE | 1 << WORK_FILE);
	CHECK_STR(cfg.file, "/f");
	CHECK_EQ(cfg.plan.repeat, 9);
	CHECK_EQ(cfg.plan.confidence, 90);
	CHECK_EQ(cfg.min_blocks, 20);
	CHECK(!cfg.times);
	CHECK_EQ(cfg.plan.ntags, 2);
	CHECK_EQ(cfg.warmup, 2);
}

static void full_sweeps(void)
{
	struct cfg cfg;

	CHECK_EQ(parse(&cfg, "x sweep --full dev"), 0);
	CHECK_EQ(cfg.nsizes, 10);
	CHECK_EQ(cfg.sizes[9], 256 << 20);
	CHECK_EQ(cfg.fileio_max, 64 << 20);
	CHECK_EQ(cfg.plan.works, (1 << WORKS) - 1);
	CHECK_EQ(cfg.plan.nrings, 2);
	CHECK_EQ(cfg.plan.ring[0], 2);
	CHECK_EQ(cfg.plan.ring[1], 4);

	/* What is named counts, and of two the last */
	CHECK_EQ(parse(&cfg, "x sweep --full --sizes 4K --cpu read --sizes 256M "
		       "--cpu none --blocks 8 --exporter heap:a dev"), 0);
	CHECK_EQ(cfg.nsizes, 1);
	CHECK_EQ(cfg.sizes[0], 256 << 20);
	CHECK_EQ(cfg.fileio_max, 0);
	CHECK_EQ(cfg.plan.works, 1 << WORK_NONE);
	CHECK_EQ(cfg.plan.nrings, 1);
	CHECK_EQ(cfg.plan.nexporters, 1);
}

static void what_is_there_twice(void)
{
	static const char *const t[] = {
		"x sweep --sizes 4K,8K,4096 dev", "x -B --sizes 4K,4K dev",
		"x sweep --blocks 4,2,4 dev",
		"x sweep --exporter heap:linux,cma,udmabuf,heap:linux,cma dev",
	};
	struct cfg cfg;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CHECK_EQ(parse(&cfg, t[i]), ST_USAGE);
		CHECK_HAS(fail_text(), "twice");
	}
	CHECK_EQ(parse(&cfg, "x sweep --exporter heap:linux,heap:linux,cma dev"), 0);
}

static void zerocopies(void)
{
	static const char *const bad[] = {
		"x zerocopy dev", "x zerocopy -B", "x zerocopy --sizes 4K",
		"x zerocopy -s 5", "x zerocopy --cpu none",
	};
	struct cfg cfg;
	size_t i;

	CHECK_EQ(parse(&cfg, "x zerocopy --exporter udmabuf,heap:a --json --note n"), 0);
	CHECK_EQ(cfg.plan.nexporters, 2);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(parse(&cfg, bad[i]), ST_USAGE);
		CHECK_HAS(fail_text(), "zerocopy");
	}
}

static void lists_of_exporters(void)
{
	struct cfg cfg;

	CHECK_EQ(parse(&cfg, "x sweep --exporter heap:linux,cma,udmabuf,"
		       "heap:system,udmabuf:thp dev"), 0);
	CHECK_EQ(cfg.plan.nexporters, 4);
	CHECK_STR(cfg.plan.exporter[0], "heap:linux,cma");
	CHECK_STR(cfg.plan.exporter[1], "udmabuf");
	CHECK_STR(cfg.plan.exporter[3], "udmabuf:thp");
	CHECK_EQ(parse(&cfg, "x -B --exporter heap:linux,cma dev"), 0);
	CHECK_STR(cfg.exporter, "heap:linux,cma");
	CHECK_EQ(parse(&cfg, "x -B --exporter udmabuf,heap:system dev"), ST_USAGE);
	CHECK_EQ(parse(&cfg, "x sweep --exporter udmabuf,cma dev"), ST_USAGE);
	CHECK_EQ(parse(&cfg, "x sweep --exporter udmabuf:other dev"), ST_USAGE);
}

static void json_is_seen_behind_a_mistake(void)
{
	struct cfg cfg;

	CHECK_EQ(parse(&cfg, "x -b nonsense --json -B dev"), ST_USAGE);
	CHECK(cfg.json);
}

static const struct ktap_test tests[] = {
	{ "options.full_sweeps", full_sweeps },
	{ "options.what_is_there_twice", what_is_there_twice },
	{ "options.zerocopies", zerocopies },
	{ "options.numbers", numbers },
	{ "options.durations", durations },
	{ "options.defaults", defaults },
	{ "options.streaming_is_endless", streaming_is_endless },
	{ "options.all_options", all_options },
	{ "options.options_behind_the_device", options_behind_the_device },
	{ "options.size_lists", size_lists },
	{ "options.refusals", refusals },
	{ "options.highest_rate", highest_rate },
	{ "options.sweeps", sweeps },
	{ "options.lists_of_exporters", lists_of_exporters },
	{ "options.json_is_seen_behind_a_mistake", json_is_seen_behind_a_mistake },
};

KTAP_MAIN(tests)
