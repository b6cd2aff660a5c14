// SPDX-License-Identifier: GPL-2.0
#include "options.h"

#include "error.h"
#include "iio.h"
#include "parse.h"
#include "transport.h"
#include "work.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NSEC_PER_SEC		1000000000u
#define DEFAULT_BLOCK_SAMPLES	256
#define DEFAULT_BLOCKS		4
#define DEFAULT_TRIGGER_HZ	100
#define DEFAULT_TIMEOUT_MS	5000
#define DEFAULT_BENCH_SECONDS	2
#define DEFAULT_TRIAL_MS	200
#define DEFAULT_RESOLUTION	1
#define DEFAULT_REPEAT		6	/* the least with 95 % for the median */
#define DEFAULT_CONFIDENCE	95
#define DEFAULT_RUN_MS		300
#define DEFAULT_MIN_BLOCKS	8
#define FULL_FILEIO_MAX		(64u << 20)	/* the kernel warns about larger ones */

enum {
	OPT_TRANSPORT = 256, OPT_BLOCKS, OPT_EXPORTER, OPT_DURATION, OPT_SIZES,
	OPT_VERIFY, OPT_TOUCH, OPT_SYNC, OPT_JSON, OPT_INTERVAL, OPT_ROOT,
	OPT_RATE, OPT_WARMUP, OPT_NOTE, OPT_FIND_MAX_RATE, OPT_MAX_RATE,
	OPT_RESOLUTION, OPT_CPU, OPT_FILE, OPT_REPEAT, OPT_CONFIDENCE,
	OPT_MIN_BLOCKS, OPT_ALLOC_UNIT, OPT_NO_TIMES, OPT_TAG, OPT_FULL, OPT_EVIDENCE,
	OPT_FORMAT, OPT_PERCENTILES, OPT_COUNTER, OPT_CHECKER,
	OPT_CHANNELS,
};

static const char short_options[] = ":hVu:b:s:i:t:r:T:wcB";

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "uri", required_argument, NULL, 'u' },
	{ "buffer-size", required_argument, NULL, 'b' },
	{ "samples", required_argument, NULL, 's' },
	{ "buffer-index", required_argument, NULL, 'i' },
	{ "trigger", required_argument, NULL, 't' },
	{ "trigger-rate", required_argument, NULL, 'r' },
	{ "timeout", required_argument, NULL, 'T' },
	{ "write", no_argument, NULL, 'w' },
	{ "cyclic", no_argument, NULL, 'c' },
	{ "benchmark", no_argument, NULL, 'B' },
	{ "counter", no_argument, NULL, OPT_COUNTER },
	{ "checker", required_argument, NULL, OPT_CHECKER },
	{ "channels", required_argument, NULL, OPT_CHANNELS },
	{ "transport", required_argument, NULL, OPT_TRANSPORT },
	{ "blocks", required_argument, NULL, OPT_BLOCKS },
	{ "exporter", required_argument, NULL, OPT_EXPORTER },
	{ "duration", required_argument, NULL, OPT_DURATION },
	{ "sizes", required_argument, NULL, OPT_SIZES },
	{ "verify", optional_argument, NULL, OPT_VERIFY },
	{ "touch", no_argument, NULL, OPT_TOUCH },
	{ "sync", required_argument, NULL, OPT_SYNC },
	{ "evidence", required_argument, NULL, OPT_EVIDENCE },
	{ "json", optional_argument, NULL, OPT_JSON },
	{ "output-format", required_argument, NULL, OPT_FORMAT },
	{ "percentiles", required_argument, NULL, OPT_PERCENTILES },
	{ "interval", required_argument, NULL, OPT_INTERVAL },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "warmup", required_argument, NULL, OPT_WARMUP },
	{ "note", required_argument, NULL, OPT_NOTE },
	{ "find-max-rate", no_argument, NULL, OPT_FIND_MAX_RATE },
	{ "max-rate", required_argument, NULL, OPT_MAX_RATE },
	{ "resolution", required_argument, NULL, OPT_RESOLUTION },
	{ "cpu", required_argument, NULL, OPT_CPU },
	{ "file", required_argument, NULL, OPT_FILE },
	{ "repeat", required_argument, NULL, OPT_REPEAT },
	{ "confidence", required_argument, NULL, OPT_CONFIDENCE },
	{ "min-blocks", required_argument, NULL, OPT_MIN_BLOCKS },
	{ "alloc-unit", required_argument, NULL, OPT_ALLOC_UNIT },
	{ "no-times", no_argument, NULL, OPT_NO_TIMES },
	{ "tag", required_argument, NULL, OPT_TAG },
	{ "full", no_argument, NULL, OPT_FULL },
	{ NULL, 0, NULL, 0 },
};

static const char help_text[] =
"Usage: " RWBENCH_NAME " [options] <device> [<channel> ...]\n"
"       " RWBENCH_NAME " sweep [options] <device> [<channel> ...]\n"
"       " RWBENCH_NAME " relay [options] <from> <to>|usb:<dir>[/epN]\n"
"       " RWBENCH_NAME " zerocopy [--exporter A,B,...] [--json[=FILE]]\n"
"\n"
"  " RWBENCH_NAME " -b 4096 -B cf-ad9361-lpc              measure file I/O and DMABUF\n"
"  " RWBENCH_NAME " sweep --json=run.json cf-ad9361-lpc   4K to 16M, for bench/report\n"
"  " RWBENCH_NAME " -b 4096 -s 1M cf-ad9361-lpc >samples  capture one Mi of samples\n"
"\n"
"Receives samples from an IIO device by file I/O (read, write) and by DMABUF, or\n"
"sends them there, and tells how fast each of them is, what it costs, and whether\n"
"every byte arrived.\n"
"\n"
"Without a channel, all channels are transferred. Device and channels are given by\n"
"name, label or id (cf-ad9361-lpc, iio:device0; voltage0).\n"
"\n"
"Target\n"
"  -u, --uri URI            only local: is known\n"
"  -i, --buffer-index N     which buffer of the device (default 0)\n"
"  -t, --trigger NAME       use this trigger\n"
"  -r, --trigger-rate HZ    rate of the trigger (default 100 with -t; without, that\n"
"                           of the trigger that is set)\n"
"      --rate HZ            set sampling_frequency; 0 is valid if the device\n"
"                           takes it\n"
"      --root DIR           look for sys, dev and proc below DIR (for tests)\n"
"Transfer\n"
"      --transport WHICH    fileio, dmabuf or both. Default: with -B both in\n"
"                           turn; else dmabuf if it works, or else fileio\n"
"  -b, --buffer-size N      samples per block (default 256)\n"
"      --sizes A,B,...      block sizes in bytes, instead of -b; with -B only\n"
"      --blocks N           DMABUF blocks in the ring (default 4); file I/O\n"
"                           always has the kernel's two of the same size\n"
"      --exporter WHICH     heap:NAME or udmabuf (default: first that works);\n"
"                           udmabuf:scattered, udmabuf:thp, udmabuf:huge: with\n"
"                           pages apart, transparent huge pages, huge pages\n"
"      --alloc-unit BYTES   allocate multiples of this, and use of each DMABUF\n"
"                           only the block: exporters have larger pages for these\n"
"      --sync WHEN          block: DMA_BUF_IOCTL_SYNC around each block, as\n"
"                           libiio does (default); access: only around real\n"
"                           CPU access\n"
"      --evidence HOW       how one knows that a DMABUF transfer was good: mark, what\n"
"                           it overwrites at both ends of the block; fence, the\n"
"                           kernel's word, three system calls a block; both of\n"
"                           them (mark,fence); off. Default: mark where the CPU has\n"
"                           access, else fence, of some transfers with -B and relay\n"
"  -T, --timeout MS         give up after so long without data (default 5000,\n"
"                           more if a block takes longer; 0: never)\n"
"Length of the run\n"
"  -B, --benchmark          measure; do not write samples to standard output\n"
"  -s, --samples N          stop after N samples; 0: endless (default)\n"
"      --duration SEC       stop after SEC seconds; 0: endless. Default with -B\n"
"                           and without -s: 2, per size and transport\n"
"      --warmup N           blocks left out of the figures, with -B (default:\n"
"                           as many as --blocks); more are if some are ready\n"
"                           that were made before\n"
"Sending\n"
"  -w, --write              send samples to the device, from standard input; with -B\n"
"                           blocks of zeros\n"
"      --counter            send the running counter that --verify checks\n"
"  -c, --cyclic             with -w: send one block again and again. By DMABUF the\n"
"                           device does that by itself, else this program\n"
"      --checker DIR        what is sent is checked by others, who count in the files\n"
"                           jumps and lost_bytes of DIR; also with relay\n"
"Relay: samples from one device to another, by DMABUFs that both have attached and\n"
"by read() and write(). Sizes by default: 64K,256K,1M,4M; --rate sets both.\n"
"      --channels A,B,...   of both devices (default: all)\n"
"usb:DIR is to a USB host: FunctionFS, mounted at DIR, gets one bulk endpoint, and its\n"
"gadget a controller (usb:DIR@CONTROLLER if there are several) until the end;\n"
"usb:DIR/epN is an endpoint that another program has set up\n"
"What is done with the data\n"
"      --verify[=HOW]       check the 32-bit running counter. full (default):\n"
"                           every word; edges: first and last word of a block,\n"
"                           and every word when these are wrong\n"
"      --touch              read every byte\n"
"Highest rate\n"
"      --find-max-rate      after measuring, for each size and transport: the\n"
"                           highest sampling_frequency that loses nothing. With\n"
"                           -B, on a source with the running counter\n"
"      --max-rate HZ        try none above (default: what the device takes; if\n"
"                           it takes any, 61440000)\n"
"      --resolution PERCENT of the rate that is found (default 1, at most 50)\n"
"                           A trial takes --duration (default here: 0.2), and\n"
"                           more until a shortfall of PERCENT would be seen\n"
"Sweep: every combination of --sizes, --transport, --exporter A,B,...,\n"
"--blocks A,B,... and --cpu; their runs in turn, so that drift hits all alike.\n"
"Sizes by default: 4K,16K,32K,64K,256K,1M,4M,16M\n"
"      --full               by default also 64M and 256M (the latter only by\n"
"                           DMABUF), each exporter that is there, --blocks 2,4\n"
"                           and all of --cpu: takes about 45 minutes and 1.5 GiB\n"
"                           of memory\n"
"      --cpu A,B,...        what the CPU does with each block: none, sync\n"
"                           (default), read, copy, pipe, file\n"
"      --file PATH          the file that is written (default: in memory)\n"
"      --repeat N           runs of each combination (default 6)\n"
"      --confidence PERCENT of the interval around a median (default 95)\n"
"      --duration SEC       of one run (default 0.3; 0: only --min-blocks count)\n"
"      --min-blocks N       of one run (default 8)\n"
"      --no-times           do not time each step of a block, which costs\n"
"                           instructions\n"
"      --tag KEY=VALUE      put this into the report; can be repeated\n"
"Zerocopy: memory of each exporter sent over TCP on the loopback device, with\n"
"and without MSG_ZEROCOPY, and what the kernel made of it\n"
"Output\n"
"      --output-format HOW  text (default), json or csv, on standard output\n"
"      --json[=FILE]        one JSON document, to FILE or standard output\n"
"      --percentiles A,B,.. of the time from block to block, such as 50,99.9\n"
"      --interval SEC       print a line each SEC seconds\n"
"      --note TEXT          put TEXT into the report (where, on what)\n"
"  -h, --help, -V, --version\n"
"\n"
"SIGUSR1 makes it tell how the run goes, on standard error.\n"
"Numbers take the suffixes K, M and G (1024, 1024^2, 1024^3; of rates in Hz 1000,\n"
"1000^2, 1000^3, and a point: 61.44M). MiB/s is\n"
"bytes that arrived (-w: were taken) over elapsed wall time, in units of 2^20.\n"
"Exit status: 0 good, 1 failed, 2 usage, 3 data lost or wrong, 77 the kernel or\n"
"the device lacks the transport.\n";

void options_help(FILE *out)
{
	fputs(help_text, out);
}

const char *transport_name(enum transport t)
{
	return t == TR_DMABUF ? "dmabuf" : "fileio";
}

bool cfg_bounded(const struct cfg *cfg)
{
	return cfg->samples || cfg->duration_ns;
}

static int take_size(const char *what, const char *item, void *arg)
{
	struct cfg *cfg = arg;

	if (cfg->nsizes == MAX_SIZES)
		return fail(ST_USAGE, "%s: more than %d sizes", what, MAX_SIZES);
	if (parse_size(item, &cfg->sizes[cfg->nsizes]) ||
	    !cfg->sizes[cfg->nsizes])
		return fail(ST_USAGE, "%s: \"%s\" is not a size in bytes, such as 65536 or 64K",
			    what, item);
	cfg->nsizes++;
	return 0;
}

/* Where "sweep" has a list, the other commands have one */
static int check_list(const char *what, size_t n, const struct cfg *cfg)
{
	if (n == MAX_LIST)
		return fail(ST_USAGE, "%s: more than %d", what, MAX_LIST);
	if (n && !cfg->sweep && !cfg->zerocopy)
		return fail(ST_USAGE, "%s: only sweep takes a list", what);
	return 0;
}

static int take_ring(const char *what, const char *item, void *arg)
{
	struct cfg *cfg = arg;
	struct plan *plan = &cfg->plan;
	int ret;

	ret = check_list(what, plan->nrings, cfg);
	if (!ret)
		ret = unsigned_number(what, item, 1, MAX_BLOCKS, &cfg->nblocks);
	if (!ret)
		plan->ring[plan->nrings++] = cfg->nblocks;
	return ret;
}

/* Heaps may have a comma in their name: heap:linux,cma */
static bool rest_of_name(struct plan *plan, const char *item)
{
	char name[EXPORTER_NAME], *last;
	int len;

	if (!plan->nexporters || exporter_name_valid(item))
		return false;
	last = plan->exporter[plan->nexporters - 1];
	len = snprintf(name, sizeof(name), "%s,%s", last, item);
	if (len >= (int)sizeof(name) || !exporter_name_valid(name))
		return false;
	strcpy(last, name);
	return true;
}

static int take_exporter(const char *what, const char *item, void *arg)
{
	struct cfg *cfg = arg;
	struct plan *plan = &cfg->plan;
	char *name = plan->exporter[plan->nexporters];
	int ret;

	if (rest_of_name(plan, item))
		return 0;
	ret = check_list(what, plan->nexporters, cfg);
	if (ret)
		return ret;
	if (!exporter_name_valid(item))
		return fail(ST_USAGE, "%s: \"%s\" is not heap:NAME, udmabuf, udmabuf:scattered, udmabuf:thp or udmabuf:huge",
			    what, item);
	strcpy(name, item);
	plan->nexporters++;
	cfg->exporter = name;
	return 0;
}

static int take_work(const char *what, const char *item, void *arg)
{
	struct cfg *cfg = arg;
	int kind;

	for (kind = 0; kind < WORKS; kind++)
		if (!strcmp(item, work_name((enum work_kind)kind)))
			break;
	if (kind == WORKS)
		return fail(ST_USAGE, "%s: \"%s\" is not none, sync, read, copy, pipe or file",
			    what, item);
	if (cfg->plan.works & 1u << kind)
		return fail(ST_USAGE, "%s: %s is in the list twice; name each once", what, item);
	cfg->plan.works |= 1u << kind;
	return 0;
}

static int take_channel(const char *what, const char *item, void *arg)
{
	static char names[MAX_LIST][IIO_NAME], *list[MAX_LIST];
	struct cfg *cfg = arg;

	if (cfg->nchannels == MAX_LIST)
		return fail(ST_USAGE, "%s: more than %d", what, MAX_LIST);
	if (strlen(item) >= IIO_NAME)
		return fail(ST_USAGE, "%s: \"%s\" is too long for the name of a channel", what, item);
	cfg->channels = list;
	list[cfg->nchannels] = strcpy(names[cfg->nchannels], item);
	cfg->nchannels++;
	return 0;
}

static int parse_tag(struct plan *plan)
{
	const char *equals = strchr(optarg, '=');

	if (!equals || equals == optarg)
		return fail(ST_USAGE, "--tag: \"%s\" is not KEY=VALUE", optarg);
	if (plan->ntags == MAX_TAGS)
		return fail(ST_USAGE, "--tag: more than %d tags", MAX_TAGS);
	plan->tag[plan->ntags++] = optarg;
	return 0;
}

static int parse_transport(struct cfg *cfg)
{
	static const char *const words[] = { "fileio", "dmabuf", "both", NULL };
	int i = word(optarg, words);

	if (i < 0)
		return fail(ST_USAGE, "--transport: \"%s\" is not fileio, dmabuf or both",
			    optarg);
	cfg->transports = (unsigned int)i + 1;
	cfg->transport_given = true;
	return 0;
}

static int parse_verify(struct cfg *cfg)
{
	static const char *const words[] = { "off", "edges", "full", NULL };
	int i = VERIFY_FULL;

	if (optarg)
		i = word(optarg, words);
	if (i < 0)
		return fail(ST_USAGE, "--verify: \"%s\" is not full, edges or off",
			    optarg);
	cfg->verify = (enum verify_mode)i;
	return 0;
}

static int parse_sync(struct cfg *cfg)
{
	static const char *const words[] = { "block", "access", NULL };
	int i = word(optarg, words);

	if (i < 0)
		return fail(ST_USAGE, "--sync: \"%s\" is not block or access",
			    optarg);
	cfg->sync = (enum sync_mode)i;
	return 0;
}

static int take_evidence(const char *what, const char *item, void *arg)
{
	static const char *const words[] = { "mark", "fence", NULL };
	struct cfg *cfg = arg;
	int i = word(item, words);

	if (i < 0)
		return fail(ST_USAGE, "%s: \"%s\" is not mark, fence, mark,fence, auto or off",
			    what, item);
	if (cfg->evidence & 1u << i)
		return fail(ST_USAGE, "%s: %s is in the list twice; name each once", what, item);
	cfg->evidence |= 1u << i;
	return 0;
}

static int parse_evidence(struct cfg *cfg)
{
	cfg->evidence = 0;
	if (!strcmp(optarg, "off"))
		return 0;
	if (!strcmp(optarg, "auto")) {
		cfg->evidence = EVIDENCE_AUTO;
		return 0;
	}
	return each_item("--evidence", optarg, take_evidence, cfg);
}

static int parse_format(struct cfg *cfg)
{
	static const char *const words[] = { "text", "json", "csv", NULL };
	int i = word(optarg, words);

	if (i < 0)
		return fail(ST_USAGE, "--output-format: \"%s\" is not text, json or csv",
			    optarg);
	cfg->json_format = i == 1;
	cfg->csv = i == 2;
	return 0;
}

/* "99.99" -> 999900 */
static int take_percentile(const char *what, const char *item, void *arg)
{
	struct cfg *cfg = arg;
	uint64_t ns;

	if (cfg->npercentiles == MAX_LIST)
		return fail(ST_USAGE, "%s: more than %d", what, MAX_LIST);
	/* Seconds have the same form, and nine digits */
	if (parse_seconds(item, &ns) || !ns || ns > 100 * (uint64_t)NSEC_PER_SEC ||
	    ns % (NSEC_PER_SEC / 10000))
		return fail(ST_USAGE, "%s: \"%s\" is not a percentage, such as 99.9, of at most four digits behind the point",
			    what, item);
	cfg->percentile[cfg->npercentiles++] = (unsigned int)(ns / (NSEC_PER_SEC / 10000));
	return 0;
}

static int parse_timeout(struct cfg *cfg)
{
	cfg->timeout_given = true;
	if (!strcmp(optarg, "-1"))
		return fail(ST_USAGE, "-T -1: to wait for ever is -T 0 here");
	return number("-T", optarg, 0, INT32_MAX, &cfg->timeout_ms);
}

static int parse_uri(void)
{
	if (strcmp(optarg, "local:"))
		return fail(ST_USAGE, "-u %s: only devices of this machine can be used (local:)",
			    optarg);
	return 0;
}

static int parse_one(struct cfg *cfg, int c, char **argv)
{
	switch (c) {
	case 'h':
		cfg->action = ACT_HELP;
		return 0;
	case 'V':
		cfg->action = ACT_VERSION;
		return 0;
	case 'u':
		return parse_uri();
	case 'b':
		cfg->block_given = true;
		return number("-b", optarg, 1, UINT32_MAX / 2, &cfg->block_samples);
	case 's':
		cfg->samples_given = true;
		return number("-s", optarg, 0, UINT64_MAX, &cfg->samples);
	case 'i':
		return unsigned_number("-i", optarg, 0, 255, &cfg->buffer_index);
	case 't':
		cfg->trigger = optarg;
		return 0;
	case 'r':
		cfg->trigger_rate_given = true;
		return hertz("-r", optarg, 1, UINT32_MAX, &cfg->trigger_rate);
	case 'T':
		return parse_timeout(cfg);
	case 'B':
		cfg->benchmark = true;
		return 0;
	case 'w':
		cfg->write = true;
		return 0;
	case 'c':
		cfg->cyclic = true;
		return 0;
	case OPT_COUNTER:
		cfg->counter = true;
		return 0;
	case OPT_CHECKER:
		cfg->checker = optarg;
		return 0;
	case OPT_CHANNELS:
		cfg->nchannels = 0;
		return each_item("--channels", optarg, take_channel, cfg);
	case OPT_TRANSPORT:
		return parse_transport(cfg);
	case OPT_BLOCKS:
		cfg->plan.nrings = 0;
		cfg->ring_given = true;
		return each_item("--blocks", optarg, take_ring, cfg);
	case OPT_EXPORTER:
		cfg->plan.nexporters = 0;
		return each_item("--exporter", optarg, take_exporter, cfg);
	case OPT_DURATION:
		cfg->duration_given = true;
		return seconds("--duration", optarg, &cfg->duration_ns);
	case OPT_SIZES:
		cfg->sizes_named = true;
		cfg->nsizes = 0;
		return each_item("--sizes", optarg, take_size, cfg);
	case OPT_VERIFY:
		return parse_verify(cfg);
	case OPT_TOUCH:
		cfg->work = WORK_READ;
		return 0;
	case OPT_SYNC:
		return parse_sync(cfg);
	case OPT_FORMAT:
		return parse_format(cfg);
	case OPT_PERCENTILES:
		cfg->npercentiles = 0;
		return each_item("--percentiles", optarg, take_percentile, cfg);
	case OPT_EVIDENCE:
		return parse_evidence(cfg);
	case OPT_JSON:
		cfg->json_option = true;
		cfg->json_file = optarg;
		return 0;
	case OPT_INTERVAL:
		cfg->interval_given = true;
		return seconds("--interval", optarg, &cfg->interval_ns);
	case OPT_ROOT:
		cfg->root = optarg;
		return 0;
	case OPT_RATE:
		cfg->rate_given = true;
		return hertz("--rate", optarg, 0, UINT64_MAX, &cfg->rate);
	case OPT_WARMUP:
		cfg->warmup_given = true;
		return unsigned_number("--warmup", optarg, 0, 1000000, &cfg->warmup);
	case OPT_FIND_MAX_RATE:
		cfg->find_max_rate = true;
		return 0;
	case OPT_MAX_RATE:
		cfg->max_rate_given = true;
		return hertz("--max-rate", optarg, 1, INT32_MAX, &cfg->max_rate);
	case OPT_RESOLUTION:
		cfg->resolution_given = true;
		return unsigned_number("--resolution", optarg, 1, 50, &cfg->resolution);
	case OPT_CPU:
		cfg->plan_given = true;
		cfg->plan.works = 0;
		return each_item("--cpu", optarg, take_work, cfg);
	case OPT_FILE:
		cfg->plan_given = true;
		cfg->file = optarg;
		return 0;
	case OPT_REPEAT:
		cfg->plan_given = true;
		return unsigned_number("--repeat", optarg, 1, 1000,
				       &cfg->plan.repeat);
	case OPT_CONFIDENCE:
		cfg->plan_given = true;
		return unsigned_number("--confidence", optarg, 50, 99,
				       &cfg->plan.confidence);
	case OPT_MIN_BLOCKS:
		cfg->plan_given = true;
		return unsigned_number("--min-blocks", optarg, 1, 1000000,
				       &cfg->min_blocks);
	case OPT_ALLOC_UNIT:
		return number("--alloc-unit", optarg, 1, 1 << 30, &cfg->alloc_unit);
	case OPT_NO_TIMES:
		cfg->plan_given = true;
		cfg->times = false;
		return 0;
	case OPT_TAG:
		cfg->plan_given = true;
		return parse_tag(&cfg->plan);
	case OPT_FULL:
		cfg->plan_given = true;
		cfg->plan.full = true;
		return 0;
	case OPT_NOTE:
		cfg->note = optarg;
		return 0;
	case ':':
		return fail(ST_USAGE, "%s needs an argument; see --help",
			    argv[optind - 1]);
	default:
		return fail(ST_USAGE, "%s is not an option; see --help",
			    argv[optind - 1]);
	}
}

static bool same_key(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");

	return len == strcspn(b, "=") && !strncmp(a, b, len);
}

/* Two points of a sweep with the same key could not be told apart in its report */
static int check_lists(const struct cfg *cfg)
{
	const struct plan *plan = &cfg->plan;
	size_t i, k;

	for (i = 0; i < cfg->nsizes; i++)
		for (k = 0; k < i; k++)
			if (cfg->sizes[i] == cfg->sizes[k])
				return fail(ST_USAGE, "--sizes: %" PRIu64 " bytes are in the list twice; name each size once",
					    cfg->sizes[i]);
	for (i = 0; i < plan->nrings; i++)
		for (k = 0; k < i; k++)
			if (plan->ring[i] == plan->ring[k])
				return fail(ST_USAGE, "--blocks: %u is in the list twice; name each number once",
					    plan->ring[i]);
	for (i = 0; i < cfg->npercentiles; i++)
		for (k = 0; k < i; k++)
			if (cfg->percentile[i] == cfg->percentile[k])
				return fail(ST_USAGE, "--percentiles: %g is in the list twice; name each once",
					    cfg->percentile[i] / 10000.0);
	for (i = 0; i < plan->ntags; i++)
		for (k = 0; k < i; k++)
			if (same_key(plan->tag[i], plan->tag[k]))
				return fail(ST_USAGE, "--tag: \"%s\" and \"%s\" have the same key; give each key once",
					    plan->tag[k], plan->tag[i]);
	for (i = 0; i < plan->nexporters; i++)
		for (k = 0; k < i; k++)
			if (!strcmp(plan->exporter[i], plan->exporter[k]))
				return fail(ST_USAGE, "--exporter: %s is in the list twice; name each exporter once",
					    plan->exporter[i]);
	return 0;
}

/* What "zerocopy" has no use for would be a misunderstanding */
static int check_zerocopy(int c)
{
	const struct option *o = long_options;

	switch (c) {
	case 'h': case 'V': case '?': case ':':
	case OPT_EXPORTER: case OPT_JSON: case OPT_NOTE: case OPT_ROOT:
		return 0;
	}
	while (o->name && o->val != c)
		o++;
	return fail(ST_USAGE, "--%s does not belong to zerocopy, which takes --exporter, --json and --note",
		    o->name);
}

static const char *endless_name(const struct cfg *cfg)
{
	return cfg->duration_given ? "--duration 0" : "-s 0";
}

static int check_relay(const struct cfg *cfg)
{
	if (cfg->write || cfg->cyclic || cfg->counter)
		return fail(ST_USAGE, "relay sends what comes in: -w, -c and --counter do not go with it");
	if (cfg->verify || cfg->work)
		return fail(ST_USAGE, "relay does not look at the data: use --checker in place of --verify and --touch");
	if (cfg->find_max_rate)
		return fail(ST_USAGE, "--find-max-rate does not go with relay");
	if (cfg->evidence & EVIDENCE_MARK)
		return fail(ST_USAGE, "--evidence mark: relay does not touch the data; use fence");
	return 0;
}

static int check_output(const struct cfg *cfg)
{
	if (cfg->relay)
		return check_relay(cfg);
	if (cfg->nchannels)
		return fail(ST_USAGE, "--channels is for relay: elsewhere the channels are named behind the device");
	if (!cfg->write && cfg->checker)
		return fail(ST_USAGE, "--checker is of what is sent: it belongs to -w and relay");
	if (!cfg->write && cfg->cyclic)
		return fail(ST_USAGE, "-c: only an output can repeat a block: add -w");
	if (!cfg->write && cfg->counter)
		return fail(ST_USAGE, "--counter is what -w sends: add -w, or use --verify to check it");
	if (!cfg->write)
		return 0;
	if (cfg->verify || cfg->work == WORK_READ)
		return fail(ST_USAGE, "--verify and --touch look at samples that come in: use --counter with -w, and --verify at the other end");
	if (cfg->find_max_rate)
		return fail(ST_USAGE, "--find-max-rate looks at samples that come in: it does not go with -w");
	if (cfg->evidence & EVIDENCE_MARK && !(cfg->evidence & EVIDENCE_FENCE))
		return fail(ST_USAGE, "--evidence mark: an output overwrites nothing; use fence");
	if (cfg->sweep && (cfg->cyclic || cfg->counter || cfg->checker || cfg->plan.works & ~(3u << WORK_NONE)))
		return fail(ST_USAGE, "sweep -w takes --cpu none and sync, and neither -c, --counter nor --checker");
	if (cfg->cyclic && cfg->samples)
		return fail(ST_USAGE, "-s: nobody counts what is repeated; use --duration with -c");
	return 0;
}

/* There is SYNC around a block, in a sweep around those of some points */
static bool touches_blocks(const struct cfg *cfg)
{
	return cfg->sweep || !cfg->benchmark || cfg->sync == SYNC_BLOCK || cfg->verify ||
	       cfg->work > WORK_SYNC || cfg->counter;
}

/* What would have no effect is refused as well: who gave it believes that it has one */
static int check_effect(const struct cfg *cfg)
{
	const struct plan *plan = &cfg->plan;

	if (cfg->block_given && cfg->sizes_named)
		return fail(ST_USAGE, "-b and --sizes both say how large a block is: use one of them");
	if (cfg->transports == TR_FILEIO && !cfg->zerocopy && (plan->nexporters || cfg->alloc_unit))
		return fail(ST_USAGE, "--exporter and --alloc-unit say where DMABUFs come from, and --transport fileio has none");
	if (cfg->transports == TR_FILEIO && !cfg->sweep &&
	    (cfg->sync != SYNC_BLOCK || cfg->evidence != EVIDENCE_AUTO))
		return fail(ST_USAGE, "--sync and --evidence are about DMABUFs, and --transport fileio has none");
	if (cfg->evidence == EVIDENCE_MARK && !touches_blocks(cfg))
		return fail(ST_USAGE, "--evidence mark: the CPU has no access to the blocks here (--sync access), so nobody can mark them; use fence, or leave the option out");
	if (cfg->cyclic && cfg->ring_given)
		return fail(ST_USAGE, "--blocks: it is one block that -c repeats");
	if (cfg->transports == TR_FILEIO && cfg->ring_given)
		return fail(ST_USAGE, "--blocks is for DMABUF: file I/O always has the kernel's two");
	if (cfg->file && !(plan->works & 1u << WORK_FILE))
		return fail(ST_USAGE, "--file is for --cpu file");
	return check_lists(cfg);
}

/* What no run could satisfy is refused here, before anything is touched */
static int check_combination(const struct cfg *cfg)
{
	int ret = check_output(cfg);

	if (ret)
		return ret;
	if (!cfg->benchmark && cfg->nsizes)
		return fail(ST_USAGE, "--sizes is for measuring: add -B, or use -b");
	if (!cfg->benchmark && cfg->transport_given &&
	    cfg->transports == TR_BOTH)
		return fail(ST_USAGE, "--transport=both is for measuring: add -B, or name one");
	if (cfg->json_format && cfg->json_file)
		return fail(ST_USAGE, "--output-format json and --json=FILE are two places for one report: use one of them");
	if (!cfg->benchmark && !cfg->write && cfg->json_format)
		return fail(ST_USAGE, "--output-format json is for measuring: add -B, or use --json=FILE");
	if (!cfg->benchmark && !cfg->zerocopy && !cfg->write && cfg->json && !cfg->json_file)
		return fail(ST_USAGE, "--json needs =FILE here: without -B, standard output carries the samples");
	if (!cfg->benchmark && (cfg->work || cfg->warmup_given))
		return fail(ST_USAGE, "--touch and --warmup are for measuring: add -B");
	if (!cfg->benchmark && cfg->npercentiles && !cfg->json)
		return fail(ST_USAGE, "--percentiles are for a report: add -B, or --json=FILE");
	if (!cfg->benchmark && cfg->csv)
		return fail(ST_USAGE, "--output-format csv is for measuring: add -B");
	if (cfg->csv && cfg->json && !cfg->json_file)
		return fail(ST_USAGE, "only one of JSON and CSV can go to standard output: use --json=FILE for the other");
	if (cfg->sweep && cfg->npercentiles)
		return fail(ST_USAGE, "--percentiles does not go with sweep, which has p50 and p99 of each run");
	if (cfg->benchmark && !cfg->sweep && !cfg_bounded(cfg) &&
	    (cfg->transports == TR_BOTH || cfg->nsizes > 1))
		return fail(ST_USAGE, "%s is endless, so only one transport and one size can be measured: name them, or a limit",
			    endless_name(cfg));
	if (cfg->find_max_rate && !cfg->benchmark)
		return fail(ST_USAGE, "--find-max-rate is for measuring: add -B");
	if (cfg->find_max_rate && !cfg_bounded(cfg))
		return fail(ST_USAGE, "%s is endless, and --find-max-rate comes after all runs", endless_name(cfg));
	if (cfg->find_max_rate && cfg->duration_given && !cfg->duration_ns)
		return fail(ST_USAGE, "--duration 0 is endless, and --find-max-rate takes many runs");
	if (!cfg->find_max_rate && (cfg->max_rate_given || cfg->resolution_given))
		return fail(ST_USAGE, "--max-rate and --resolution belong to --find-max-rate");
	if (!cfg->sweep && cfg->plan_given)
		return fail(ST_USAGE, "--cpu, --file, --repeat, --confidence, --min-blocks, --no-times, --tag and --full belong to sweep");
	if (cfg->sweep && cfg->find_max_rate)
		return fail(ST_USAGE, "--find-max-rate does not go with sweep");
	if (cfg->sweep && (cfg->work || cfg->sync != SYNC_BLOCK || cfg->verify))
		return fail(ST_USAGE, "sweep has --cpu in place of --touch, --sync and --verify");
	if (cfg->sweep && cfg->samples_given)
		return fail(ST_USAGE, "sweep has --duration and --min-blocks in place of -s");
	if (cfg->interval_given && !cfg->interval_ns)
		return fail(ST_USAGE, "--interval: 0 is not possible");
	return check_effect(cfg);
}

static void relay_end(struct cfg *cfg)
{
	static const uint64_t sizes[] = { 64 << 10, 256 << 10, 1 << 20, 4 << 20 };

	if (cfg->nsizes || cfg->block_given)
		return;
	memcpy(cfg->sizes, sizes, sizeof(sizes));
	cfg->nsizes = sizeof(sizes) / sizeof(sizes[0]);
}

/* What is another for "sweep", before the options are read */
static void sweep_begin(struct cfg *cfg)
{
	cfg->sweep = true;
	cfg->benchmark = true;
	cfg->times = true;
	cfg->min_blocks = DEFAULT_MIN_BLOCKS;
	cfg->plan.repeat = DEFAULT_REPEAT;
	cfg->plan.confidence = DEFAULT_CONFIDENCE;
	cfg->duration_given = true;
	cfg->duration_ns = DEFAULT_RUN_MS * (uint64_t)(NSEC_PER_SEC / 1000);
}

/* The last two only with --full */
static const uint64_t sweep_sizes[] = {
	4 << 10, 16 << 10, 32 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20,
	16 << 20, 64 << 20, 256 << 20,
};

static void full_sweep(struct cfg *cfg)
{
	struct plan *plan = &cfg->plan;

	if (!plan->works)
		plan->works = cfg->write ? 3 << WORK_NONE : (1 << WORKS) - 1;
	if (!plan->nrings) {
		plan->ring[plan->nrings++] = FILEIO_BLOCKS;
		plan->ring[plan->nrings++] = cfg->nblocks;
	}
	if (!plan->nexporters)
		plan->nexporters = exporter_there(cfg->root, plan->exporter,
						  MAX_LIST);
}

/* And what the options left open */
static void sweep_end(struct cfg *cfg)
{
	struct plan *plan = &cfg->plan;

	if (!cfg->nsizes) {
		memcpy(cfg->sizes, sweep_sizes, sizeof(sweep_sizes));
		cfg->nsizes = sizeof(sweep_sizes) / sizeof(sweep_sizes[0]) -
			      (plan->full ? 0 : 2);
		cfg->fileio_max = FULL_FILEIO_MAX;
	}
	if (plan->full)
		full_sweep(cfg);
	if (!plan->works)
		plan->works = 1 << WORK_SYNC;
	if (!plan->nrings)
		plan->ring[plan->nrings++] = cfg->nblocks;
}

int options_parse(struct cfg *cfg, int argc, char **argv)
{
	int c, ret;

	memset(cfg, 0, sizeof(*cfg));
	cfg->root = "";
	cfg->transports = TR_BOTH;
	cfg->block_samples = DEFAULT_BLOCK_SAMPLES;
	cfg->nblocks = DEFAULT_BLOCKS;
	cfg->trigger_rate = DEFAULT_TRIGGER_HZ;
	cfg->timeout_ms = DEFAULT_TIMEOUT_MS;
	cfg->evidence = EVIDENCE_AUTO;
	cfg->warmup = UINT32_MAX;
	cfg->resolution = DEFAULT_RESOLUTION;
	cfg->trial_ns = DEFAULT_TRIAL_MS * (uint64_t)(NSEC_PER_SEC / 1000);
	cfg->interval_ns = NSEC_PER_SEC / 2;

	if (argc > 1 && !strcmp(argv[1], "sweep")) {
		sweep_begin(cfg);
		argv++;
		argc--;
	}

	if (argc > 1 && !cfg->sweep && !strcmp(argv[1], "relay")) {
		cfg->relay = true;
		cfg->benchmark = true;
		argv++;
		argc--;
	}

	if (argc > 1 && !cfg->relay && !strcmp(argv[1], "zerocopy")) {
		cfg->zerocopy = true;
		argv++;
		argc--;
	}

	optind = 0;
	opterr = 0;
	ret = 0;
	while ((c = getopt_long(argc, argv, short_options, long_options,
				NULL)) != -1) {
		/* Go on after a mistake: a --json behind it still counts */
		int err = parse_one(cfg, c, argv);

		if (cfg->zerocopy && !err)
			err = check_zerocopy(c);
		if (err && !ret)
			ret = err;
	}
	/* Also if something else is refused: the report says so */
	cfg->json = cfg->json_option || cfg->json_format;
	if (cfg->action != ACT_RUN)
		return ret;
	if (ret)
		return ret;

	if (cfg->duration_given)
		cfg->trial_ns = cfg->duration_ns;
	if (cfg->benchmark && !cfg->duration_given && !cfg->samples_given)
		cfg->duration_ns = DEFAULT_BENCH_SECONDS * (uint64_t)NSEC_PER_SEC;
	if (cfg->sweep)
		sweep_end(cfg);
	if (cfg->relay)
		relay_end(cfg);
	if (!cfg->sweep && cfg->warmup == UINT32_MAX)
		cfg->warmup = cfg->nblocks;
	if (!cfg->benchmark)
		cfg->warmup = 0;

	ret = check_combination(cfg);
	if (ret)
		return ret;

	if (cfg->zerocopy && optind != argc)
		return fail(ST_USAGE, "zerocopy needs no device: \"%s\" is too much",
			    argv[optind]);
	if (optind == argc && !cfg->zerocopy) {
		cfg->action = ACT_EXAMPLES;
		return fail(ST_USAGE, "no device given");
	}
	cfg->device = argv[optind];
	if (cfg->relay) {
		cfg->to = argv[optind + 1];
		return argc - optind == 2 ? 0 :
		       fail(ST_USAGE, "relay takes two devices: the one that receives, and the one that sends, or usb:DIR");
	}
	cfg->channels = argv + optind + 1;
	cfg->nchannels = (size_t)(argc - optind - 1);
	return 0;
}
