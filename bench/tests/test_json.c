// SPDX-License-Identifier: GPL-2.0
#include "error.h"
#include "json.h"
#include "report.h"
#include "json_lint.h"
#include "ktap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t size;

static FILE *begin(void)
{
	free(text);
	return open_memstream(&text, &size);
}

/* The checker first: it has to refuse what is no JSON */
static void the_checker(void)
{
	static const char *const good[] = {
		"{}", "[]", " [1, -2.5e3, 0] ", "\"a\\u0041\\n\"", "null",
		"{\"a\": {\"b\": [true, false]}}", "0",
	};
	static const char *const bad[] = {
		"", "{", "{}}", "{} {}", "[1,]", "{\"a\":}", "{a:1}", "01",
		"1.", "-", "nul", "\"\n\"", "\"\\x\"", "[1 2]", "\"", "+1",
		"{\"a\" 1}", "NaN",
	};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!json_valid(good[i]))
			ktap_fail(__FILE__, __LINE__, "%s is valid", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (json_valid(bad[i]))
			ktap_fail(__FILE__, __LINE__, "%s is not valid", bad[i]);
}

static void nesting(void)
{
	struct json j;
	FILE *f = begin();

	json_init(&j, f);
	json_object(&j, NULL);
	json_array(&j, "empty");
	json_end_array(&j);
	json_object(&j, "none");
	json_end_object(&j);
	json_array(&j, "list");
	json_u64(&j, NULL, UINT64_MAX);
	json_object(&j, NULL);
	json_bool(&j, "yes", true);
	json_null(&j, "nothing");
	json_end_object(&j);
	json_end_array(&j);
	json_num(&j, "pi", 3.14159, 2);
	json_end_object(&j);
	json_end(&j);
	fclose(f);
	CHECK(json_valid(text));
	CHECK_HAS(text, "18446744073709551615");
	CHECK_HAS(text, "\"pi\": 3.14");
}

static void numbers_that_json_lacks(void)
{
	struct json j;
	FILE *f = begin();

	json_init(&j, f);
	json_array(&j, NULL);
	json_num(&j, NULL, NAN, 1);
	json_num(&j, NULL, INFINITY, 1);
	json_end_array(&j);
	fclose(f);
	CHECK(json_valid(text));
	CHECK_HAS(text, "null");
}

/* Every byte, alone and in company */
static void any_text(void)
{
	char in[4] = "?a";
	struct json j;
	int c;

	for (c = 1; c < 256; c++) {
		FILE *f = begin();

		in[0] = (char)c;
		json_init(&j, f);
		json_str(&j, NULL, in);
		fclose(f);
		if (!json_valid(text))
			ktap_fail(__FILE__, __LINE__, "byte %d breaks it", c);
	}
}

static void utf8_text(void)
{
	struct json j;
	FILE *f = begin();

	json_init(&j, f);
	json_str(&j, NULL, "\xc2\xb5s \xc0\x80 \xed\xa0\x80 \xf0\x9f\x98\x80 \xe2\x82");
	fclose(f);
	CHECK(json_valid(text));
	CHECK_HAS(text, "\xc2\xb5s ");
	CHECK_HAS(text, "\xf0\x9f\x98\x80");
	CHECK(!strstr(text, "\xc0"));
	CHECK(!strstr(text, "\xed"));
}

static void write_report(const struct report *rep)
{
	FILE *f = begin();

	report_json(f, rep);
	fclose(f);
	CHECK(json_valid(text));
	CHECK_HAS(text, "\"schema_version\": 1");
}

static void report_of_a_usage_error(void)
{
	static char *argv[] = { "iio_rwbench", "-b", "\"\xff", NULL };
	struct cfg cfg;
	struct report rep = {
		.cfg = &cfg, .status = ST_USAGE, .error = "a \"b\"",
		.argc = 3, .argv = argv,
	};

	memset(&cfg, 0, sizeof(cfg));
	cfg.root = "/nowhere";
	write_report(&rep);
	CHECK_HAS(text, "\"error\": \"a \\\"b\\\"\"");
	CHECK_HAS(text, "\"status\": 2");
	CHECK_HAS(text, "\"results\": []");
}

static void report_of_results(void)
{
	static struct result r[2];
	static struct max_rate max[2];
	static struct iio_dev dev;
	static char *argv[] = { "iio_rwbench", NULL };
	struct interval interval = { .ns = 1, .bytes = 2 };
	struct cfg cfg;
	struct report rep = {
		.cfg = &cfg, .dev = &dev, .result = r, .nresults = 2, .max_rate = max,
		.argc = 1, .argv = argv,
	};

	memset(&cfg, 0, sizeof(cfg));
	cfg.root = "/nowhere";
	cfg.note = "note";
	cfg.find_max_rate = true;
	rep.rate_limit_hz = 61440000;
	strcpy(dev.name, "adc");
	strcpy(dev.chan[0].id, "voltage0");
	dev.chan[0].selected = true;
	dev.nchan = 1;

	r[0].transport = TR_FILEIO;
	r[0].bytes = 1 << 20;
	r[0].elapsed_ns = 500000000;
	r[0].cpu_busy = -1;
	hist_reset(&r[0].times);
	r[1] = r[0];
	r[1].transport = TR_DMABUF;
	r[1].stat_valid = true;
	r[1].cpu_busy = 0.5;
	r[1].interval = &interval;
	r[1].nintervals = 1;
	strcpy(r[1].exporter, "udmabuf");
	verify_init(&r[1].verify, VERIFY_FULL);
	max[0].status = 1;
	strcpy(max[0].error, "no luck");
	r[1].verify.bytes[V_LOST] = 20;
	r[1].sample_bytes = 8;
	r[1].warmup_bytes = 1 << 20;
	r[1].syscalls = 64;
	r[1].irqs = 33;
	max[1].known = true;
	max[1].hz = 61440000;
	max[1].reached_limit = true;
	max[1].trials = 1;
	r[1].verify.nevents = 1;
	r[1].status = 1;
	strcpy(r[1].error, "no data");

	write_report(&rep);
	CHECK_HAS(text, "\"mib_per_s\": 2.000");
	CHECK_HAS(text, "\"lost_bytes\": null");
	CHECK_HAS(text, "\"lost_bytes\": 20");
	CHECK_HAS(text, "\"lost_samples\": null");
	/* The rest of a sample is a sample */
	CHECK_HAS(text, "\"lost_samples\": 3");
	CHECK_HAS(text, "\"syscalls_per_mib\": 64.000");
	CHECK_HAS(text, "\"irqs_per_mib\": null");
	/* Unlike these, counted with the warm-up */
	CHECK_HAS(text, "\"irqs_per_mib\": 16.500");
	CHECK_HAS(text, "\"max_rate_hz\": null");
	CHECK_HAS(text, "\"max_rate_error\": \"no luck\"");
	CHECK_HAS(text, "\"max_rate_hz\": 61440000");
	CHECK_HAS(text, "\"max_rate_reached_limit\": true");
	CHECK_HAS(text, "\"find_max_rate\": true");
	CHECK_HAS(text, "\"max_rate_limit_hz\": 61440000");
	CHECK_HAS(text, "\"exporter\": \"udmabuf\"");
	CHECK_HAS(text, "\"intervals\": [");
	CHECK_HAS(text, "\"error\": \"no data\"");
}

/* 80 columns, with the longest cells that are to be expected */
static void table_width(void)
{
	static struct iio_dev dev;
	static struct result r[2];
	static struct max_rate max[2];
	struct cfg cfg;
	struct report rep = {
		.cfg = &cfg, .dev = &dev, .result = r, .nresults = 2, .max_rate = max,
	};
	char *line, *save = NULL;
	FILE *f = begin();
	int i;

	memset(&cfg, 0, sizeof(cfg));
	cfg.find_max_rate = true;
	for (i = 0; i < 2; i++) {
		r[i].transport = i ? TR_DMABUF : TR_FILEIO;
		r[i].block_bytes = 512 << 10;
		r[i].blocks = 1;
		r[i].bytes = UINT64_C(12345) << 20;
		r[i].elapsed_ns = i ? 1000000000 : 100000000000;
		r[i].cpu_busy = 1;
		hist_reset(&r[i].times);
		hist_add(&r[i].times, 999999900);
		verify_init(&r[i].verify, VERIFY_FULL);
		r[i].sample_bytes = 1;
		r[i].verify.bytes[V_LOST] = 9999999;
		r[i].stat_valid = true;
		r[i].syscalls = r[i].irqs = r[i].bytes;
		max[i].known = true;
		max[i].hz = 1073741824;
		max[i].reached_limit = true;
	}
	report_table(f, &rep);
	fclose(f);
	CHECK_HAS(text, "12345.0");
	CHECK_HAS(text, "100.00");
	CHECK_HAS(text, "lost, samples");
	CHECK_HAS(text, "syscalls per MiB");
	CHECK_HAS(text, "1048576.0");
	CHECK_HAS(text, ">=1073.742");
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (strlen(line) > 80)
			ktap_fail(__FILE__, __LINE__, "%zu columns: %s",
				  strlen(line), line);
}

static void table_text(struct report *rep, const char *want)
{
	FILE *f = begin();

	report_table(f, rep);
	fclose(f);
	CHECK_HAS(text, want);
}

static void table_of_highest_rates(void)
{
	static struct iio_dev dev;
	static struct result r;
	struct max_rate max = { .known = false };
	struct cfg cfg;
	struct report rep = {
		.cfg = &cfg, .dev = &dev, .result = &r, .nresults = 1, .max_rate = &max,
	};

	memset(&cfg, 0, sizeof(cfg));
	r.transport = TR_DMABUF;
	r.block_bytes = 4096;
	r.blocks = 256;
	r.bytes = 1 << 20;
	r.elapsed_ns = 1000000000;
	r.syscalls = 3;
	r.cpu_busy = -1;
	hist_reset(&r.times);

	table_text(&rep, "  4 KiB        -    3.000         -         -\n");
	CHECK(!strstr(text, "MSPS"));

	cfg.find_max_rate = true;
	table_text(&rep, "          -         -\n");
	CHECK_HAS(text, "highest rate, MSPS\n");
	max.known = true;
	table_text(&rep, "          -      none\n");
	max.hz = 24999999;
	table_text(&rep, "          -    25.000\n");
	max.known = false;
	max.status = ST_FAIL;
	strcpy(max.error, "no luck");
	table_text(&rep, "          -    failed\n");
	CHECK_HAS(text, "highest rate of dmabuf 4 KiB failed: no luck\n");
}

static const struct ktap_test tests[] = {
	{ "json.the_checker", the_checker },
	{ "json.nesting", nesting },
	{ "json.numbers_that_json_lacks", numbers_that_json_lacks },
	{ "json.any_text", any_text },
	{ "json.utf8_text", utf8_text },
	{ "json.report_of_a_usage_error", report_of_a_usage_error },
	{ "json.report_of_results", report_of_results },
	{ "json.table_width", table_width },
	{ "json.table_of_highest_rates", table_of_highest_rates },
};

int main(void)
{
	int ret = ktap_run(tests, sizeof(tests) / sizeof(tests[0]));

	free(text);
	return ret;
}
