// SPDX-License-Identifier: GPL-2.0
#include "options.h"

#include "error.h"

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

enum {
	OPT_TRANSPORT = 256, OPT_BLOCKS, OPT_EXPORTER, OPT_DURATION, OPT_SIZES,
	OPT_VERIFY, OPT_TOUCH, OPT_SYNC, OPT_JSON, OPT_INTERVAL, OPT_ROOT,
	OPT_RATE, OPT_WARMUP, OPT_NOTE, OPT_FIND_MAX_RATE, OPT_MAX_RATE,
	OPT_RESOLUTION,
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
	{ "transport", required_argument, NULL, OPT_TRANSPORT },
	{ "blocks", required_argument, NULL, OPT_BLOCKS },
	{ "exporter", required_argument, NULL, OPT_EXPORTER },
	{ "duration", required_argument, NULL, OPT_DURATION },
	{ "sizes", required_argument, NULL, OPT_SIZES },
	{ "verify", optional_argument, NULL, OPT_VERIFY },
	{ "touch", no_argument, NULL, OPT_TOUCH },
	{ "sync", required_argument, NULL, OPT_SYNC },
	{ "json", optional_argument, NULL, OPT_JSON },
	{ "interval", required_argument, NULL, OPT_INTERVAL },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "warmup", required_argument, NULL, OPT_WARMUP },
	{ "note", required_argument, NULL, OPT_NOTE },
	{ "find-max-rate", no_argument, NULL, OPT_FIND_MAX_RATE },
	{ "max-rate", required_argument, NULL, OPT_MAX_RATE },
	{ "resolution", required_argument, NULL, OPT_RESOLUTION },
	{ NULL, 0, NULL, 0 },
};

static const char help_text[] =
"Usage: " RWBENCH_NAME " [options] <device> [<channel> ...]\n"
"\n"
"Receives samples from an IIO device by file I/O (read) and by DMABUF.\n"
"\n"
"  " RWBENCH_NAME " -b 4096 -B cf-ad9361-lpc           measure both transports\n"
"  " RWBENCH_NAME " -B --sizes 4K,64K,1M cf-ad9361-lpc table over block sizes\n"
"  " RWBENCH_NAME " -b 4096 -s 1M cf-ad9361-lpc | xxd  samples to standard output\n"
"\n"
"Without a channel, all input channels are received. Device and channels are\n"
"given by name, label or id (cf-ad9361-lpc, iio:device0; voltage0).\n"
"\n"
"Target\n"
"  -u, --uri URI            only local: is known\n"
"  -i, --buffer-index N     which buffer of the device (default 0)\n"
"  -t, --trigger NAME       use this trigger\n"
"  -r, --trigger-rate HZ    rate of the trigger (default 100)\n"
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
"      --exporter WHICH     heap:NAME or udmabuf (default: first that works)\n"
"      --sync WHEN          block: DMA_BUF_IOCTL_SYNC around each block, as\n"
"                           libiio does (default); access: only around real\n"
"                           CPU access\n"
"  -T, --timeout MS         give up after so long without data (default 5000,\n"
"                           more if a block takes longer; 0: never)\n"
"Length of the run\n"
"  -B, --benchmark          measure; do not write samples to standard output\n"
"  -s, --samples N          stop after N samples; 0: endless (default)\n"
"      --duration SEC       stop after SEC seconds; 0: endless. Default with -B\n"
"                           and without -s: 2, per size and transport\n"
"      --warmup N           blocks left out of the figures, with -B (default:\n"
"                           as many as --blocks)\n"
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
"Output\n"
"      --json[=FILE]        one JSON document, to FILE or standard output\n"
"      --interval SEC       print a line each SEC seconds\n"
"      --note TEXT          put TEXT into the report (where, on what)\n"
"  -h, --help, -V, --version\n"
"Not supported yet: -w (output), -c (cyclic).\n"
"\n"
"Numbers take the suffixes K, M and G (1024, 1024^2, 1024^3). MiB/s is\n"
"bytes that arrived over elapsed wall time, in units of 2^20.\n"
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

/* strtoull() takes signs and leading blanks, which are never meant here */
static int parse_digits(const char *text, uint64_t *val, char **end)
{
	if (*text < '0' || *text > '9')
		return -EINVAL;

	errno = 0;
	*val = strtoull(text, end, 10);
	return errno ? -errno : 0;
}

static int suffix_shift(const char *text)
{
	if (!*text)
		return 0;
	if (!text[1]) {
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

int parse_size(const char *text, uint64_t *bytes)
{
	char *end;
	uint64_t val;
	int shift, ret;

	ret = parse_digits(text, &val, &end);
	if (ret)
		return ret;

	shift = suffix_shift(end);
	if (shift < 0)
		return shift;
	if (val > UINT64_MAX >> shift)
		return -ERANGE;

	*bytes = val << shift;
	return 0;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *val)
{
	uint64_t v;
	int ret;

	ret = parse_size(text, &v);
	if (ret)
		return ret;
	if (v < min || v > max)
		return -ERANGE;

	*val = v;
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

static int number(const char *what, uint64_t min, uint64_t max, uint64_t *val)
{
	if (parse_u64(optarg, min, max, val))
		return fail(ST_USAGE, "%s: \"%s\" is not a number from %" PRIu64
			    " to %" PRIu64, what, optarg, min, max);
	return 0;
}

static int seconds(const char *what, uint64_t *ns)
{
	if (parse_seconds(optarg, ns))
		return fail(ST_USAGE, "%s: \"%s\" is not a number of seconds",
			    what, optarg);
	return 0;
}

static int unsigned_number(const char *what, uint64_t min, uint64_t max,
			   unsigned int *val)
{
	uint64_t v;
	int ret;

	ret = number(what, min, max, &v);
	if (!ret)
		*val = (unsigned int)v;
	return ret;
}

static int parse_sizes(struct cfg *cfg)
{
	char *list = strdup(optarg), *save = NULL, *item;
	int ret = 0;

	if (!list)
		return fail(ST_FAIL, "out of memory");

	for (item = strtok_r(list, ",", &save); item && !ret;
	     item = strtok_r(NULL, ",", &save)) {
		if (cfg->nsizes == MAX_SIZES)
			ret = fail(ST_USAGE, "--sizes: more than %d sizes",
				   MAX_SIZES);
		else if (parse_size(item, &cfg->sizes[cfg->nsizes]) ||
			 !cfg->sizes[cfg->nsizes])
			ret = fail(ST_USAGE, "--sizes: \"%s\" is not a size in bytes, such as 65536 or 64K",
				   item);
		else
			cfg->nsizes++;
	}
	free(list);

	if (!ret && !cfg->nsizes)
		ret = fail(ST_USAGE, "--sizes: no size given");
	return ret;
}

/* The index of the optarg in a NULL terminated list of words, or -1 */
static int word(const char *const *words)
{
	int i;

	for (i = 0; words[i]; i++)
		if (!strcmp(optarg, words[i]))
			return i;
	return -1;
}

static int parse_transport(struct cfg *cfg)
{
	static const char *const words[] = { "fileio", "dmabuf", "both", NULL };
	int i = word(words);

	if (i < 0)
		return fail(ST_USAGE, "--transport: \"%s\" is not fileio, dmabuf or both",
			    optarg);
	cfg->transports = (unsigned int)i + 1;
	cfg->transport_given = true;
	return 0;
}

static int parse_exporter(struct cfg *cfg)
{
	const char *heap = strncmp(optarg, "heap:", 5) ? NULL : optarg + 5;

	if (strcmp(optarg, "udmabuf") &&
	    (!heap || !*heap || strchr(heap, '/')))
		return fail(ST_USAGE, "--exporter: \"%s\" is not heap:NAME or udmabuf",
			    optarg);
	cfg->exporter = optarg;
	return 0;
}

static int parse_verify(struct cfg *cfg)
{
	static const char *const words[] = { "off", "edges", "full", NULL };
	int i = VERIFY_FULL;

	if (optarg)
		i = word(words);
	if (i < 0)
		return fail(ST_USAGE, "--verify: \"%s\" is not full, edges or off",
			    optarg);
	cfg->verify = (enum verify_mode)i;
	return 0;
}

static int parse_sync(struct cfg *cfg)
{
	static const char *const words[] = { "block", "access", NULL };
	int i = word(words);

	if (i < 0)
		return fail(ST_USAGE, "--sync: \"%s\" is not block or access",
			    optarg);
	cfg->sync = (enum sync_mode)i;
	return 0;
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
		return number("-b", 1, UINT32_MAX / 2, &cfg->block_samples);
	case 's':
		return number("-s", 0, UINT64_MAX, &cfg->samples);
	case 'i':
		return unsigned_number("-i", 0, 255, &cfg->buffer_index);
	case 't':
		cfg->trigger = optarg;
		return 0;
	case 'r':
		return number("-r", 1, UINT32_MAX, &cfg->trigger_rate);
	case 'T':
		cfg->timeout_given = true;
		return number("-T", 0, INT32_MAX, &cfg->timeout_ms);
	case 'B':
		cfg->benchmark = true;
		return 0;
	case 'w':
		return fail(ST_USAGE, "-w: output is not supported yet");
	case 'c':
		return fail(ST_USAGE, "-c: cyclic buffers are not supported, they need output");
	case OPT_TRANSPORT:
		return parse_transport(cfg);
	case OPT_BLOCKS:
		return unsigned_number("--blocks", 1, MAX_BLOCKS, &cfg->nblocks);
	case OPT_EXPORTER:
		return parse_exporter(cfg);
	case OPT_DURATION:
		cfg->duration_given = true;
		return seconds("--duration", &cfg->duration_ns);
	case OPT_SIZES:
		return parse_sizes(cfg);
	case OPT_VERIFY:
		return parse_verify(cfg);
	case OPT_TOUCH:
		cfg->touch = true;
		return 0;
	case OPT_SYNC:
		return parse_sync(cfg);
	case OPT_JSON:
		cfg->json = true;
		cfg->json_file = optarg;
		return 0;
	case OPT_INTERVAL:
		cfg->interval_given = true;
		return seconds("--interval", &cfg->interval_ns);
	case OPT_ROOT:
		cfg->root = optarg;
		return 0;
	case OPT_RATE:
		cfg->rate_given = true;
		return number("--rate", 0, UINT64_MAX, &cfg->rate);
	case OPT_WARMUP:
		return unsigned_number("--warmup", 0, 1000000, &cfg->warmup);
	case OPT_FIND_MAX_RATE:
		cfg->find_max_rate = true;
		return 0;
	case OPT_MAX_RATE:
		cfg->max_rate_given = true;
		return number("--max-rate", 1, INT32_MAX, &cfg->max_rate);
	case OPT_RESOLUTION:
		cfg->resolution_given = true;
		return unsigned_number("--resolution", 1, 50, &cfg->resolution);
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

/* What no run could satisfy is refused here, before anything is touched */
static int check_combination(const struct cfg *cfg)
{
	if (!cfg->benchmark && cfg->nsizes)
		return fail(ST_USAGE, "--sizes is for measuring: add -B, or use -b");
	if (!cfg->benchmark && cfg->transport_given &&
	    cfg->transports == TR_BOTH)
		return fail(ST_USAGE, "--transport=both is for measuring: add -B, or name one");
	if (!cfg->benchmark && cfg->json && !cfg->json_file)
		return fail(ST_USAGE, "--json needs =FILE here: without -B, standard output carries the samples");
	if (cfg->benchmark && !cfg_bounded(cfg) &&
	    (cfg->transports == TR_BOTH || cfg->nsizes > 1))
		return fail(ST_USAGE, "--duration 0 is endless, so only one transport and one size can be measured");
	if (cfg->find_max_rate && !cfg->benchmark)
		return fail(ST_USAGE, "--find-max-rate is for measuring: add -B");
	if (cfg->find_max_rate && cfg->duration_given && !cfg->duration_ns)
		return fail(ST_USAGE, "--duration 0 is endless, and --find-max-rate takes many runs");
	if (!cfg->find_max_rate && (cfg->max_rate_given || cfg->resolution_given))
		return fail(ST_USAGE, "--max-rate and --resolution belong to --find-max-rate");
	if (cfg->interval_given && !cfg->interval_ns)
		return fail(ST_USAGE, "--interval: 0 is not possible");
	return 0;
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
	cfg->warmup = UINT32_MAX;
	cfg->resolution = DEFAULT_RESOLUTION;
	cfg->trial_ns = DEFAULT_TRIAL_MS * (uint64_t)(NSEC_PER_SEC / 1000);
	cfg->interval_ns = NSEC_PER_SEC / 2;

	optind = 0;
	opterr = 0;
	ret = 0;
	while ((c = getopt_long(argc, argv, short_options, long_options,
				NULL)) != -1) {
		/* Go on after a mistake: a --json behind it still counts */
		int err = parse_one(cfg, c, argv);

		if (err && !ret)
			ret = err;
	}
	if (cfg->action != ACT_RUN)
		return ret;
	if (ret)
		return ret;

	if (cfg->duration_given)
		cfg->trial_ns = cfg->duration_ns;
	if (cfg->benchmark && !cfg->duration_given && !cfg->samples)
		cfg->duration_ns = DEFAULT_BENCH_SECONDS * (uint64_t)NSEC_PER_SEC;
	if (cfg->warmup == UINT32_MAX)
		cfg->warmup = cfg->nblocks;
	if (!cfg->benchmark)
		cfg->warmup = 0;

	ret = check_combination(cfg);
	if (ret)
		return ret;

	if (optind == argc) {
		cfg->action = ACT_EXAMPLES;
		return fail(ST_USAGE, "no device given");
	}
	cfg->device = argv[optind];
	cfg->channels = argv + optind + 1;
	cfg->nchannels = (size_t)(argc - optind - 1);
	return 0;
}
