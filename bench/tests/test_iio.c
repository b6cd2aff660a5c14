// SPDX-License-Identifier: GPL-2.0
#include "error.h"
#include "exporter.h"
#include "iio.h"
#include "fake.h"
#include "ktap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER0 "sys/bus/iio/devices/iio:device0/buffer0/"

static char root[] = "/dev/shm/rwbench-test-XXXXXX";
static struct iio_dev dev;

static const char *file(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static const char *content(const char *name)
{
	static char val[SYSFS_VALUE];

	if (sysfs_read(file(name), val, sizeof(val)))
		strcpy(val, "(unreadable)");
	return val;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(file(name), "w");

	fputs(text, f);
	fclose(f);
}

static void fresh(void)
{
	fail_clear();
	fake_reset();
	sysfs_restore();
	fake_tree(root);
}

static int find(const char *name)
{
	fresh();
	return iio_find(&dev, root, name, 0);
}

static int setup(const char *trigger, uint64_t trigger_rate, const uint64_t *rate)
{
	struct iio_settings set = {
		.trigger = trigger, .trigger_rate = trigger_rate, .rate = rate,
	};

	return iio_setup(&dev, &set);
}

static void find_by_name_label_id(void)
{
	static const char *const names[] = {
		"cf-ad9361-lpc", "adc-label", "iio:device0",
	};
	size_t i;

	for (i = 0; i < 3; i++) {
		CHECK_EQ(find(names[i]), 0);
		CHECK_STR(dev.id, "iio:device0");
		CHECK_STR(dev.name, "cf-ad9361-lpc");
		CHECK_STR(dev.label, "adc-label");
		CHECK_EQ(dev.nchan, 4);
		CHECK_EQ(dev.length_align, 8);
	}
}

static void unknown_device_lists_those_there(void)
{
	CHECK_EQ(find("nonsense"), ST_FAIL);
	CHECK_HAS(fail_text(), "cf-ad9361-lpc (iio:device0)");
	CHECK_HAS(fail_text(), "other (iio:device1)");
}

static void device_without_buffer(void)
{
	CHECK_EQ(find("other"), ST_MISSING);
	CHECK_HAS(fail_text(), "no buffer");
}

static void output_buffer(void)
{
	fresh();
	CHECK(!dev.output);
	CHECK_EQ(find("cf-ad9361-dds-core-lpc"), 0);
	CHECK(dev.output);
	CHECK_EQ(dev.nchan, 4);
	CHECK_STR(dev.chan[3].id, "voltage3");
	CHECK_EQ(iio_rate(&dev), 1000000);
	CHECK_EQ(iio_select(&dev, (char *[]){ (char *)"out_voltage1" }, 1), 0);
	CHECK_EQ(dev.scan_bytes, 2);
	CHECK_EQ(iio_select(&dev, (char *[]){ (char *)"in_voltage2" }, 1), ST_FAIL);
	CHECK_HAS(fail_text(), "no output channel");
}

static void no_iio_at_all(void)
{
	fail_clear();
	CHECK_EQ(iio_find(&dev, "/nowhere", "x", 0), ST_MISSING);
	CHECK_HAS(fail_text(), "/nowhere/sys/bus/iio/devices");
}

static void channels_by_id_label_file(void)
{
	char *names[] = { "voltage2", "second", "in_voltage0" };

	find("iio:device0");
	CHECK_EQ(iio_select(&dev, names, 3), 0);
	CHECK(dev.chan[0].selected && dev.chan[1].selected &&
	      dev.chan[2].selected && !dev.chan[3].selected);
	CHECK_EQ(dev.scan_bytes, 6);
}

static void no_channel_is_all(void)
{
	find("iio:device0");
	CHECK_EQ(iio_select(&dev, NULL, 0), 0);
	CHECK_EQ(dev.scan_bytes, 8);
}

static void unknown_channel_lists_those_there(void)
{
	char *names[] = { "voltage9" };

	find("iio:device0");
	CHECK_EQ(iio_select(&dev, names, 1), ST_FAIL);
	CHECK_HAS(fail_text(), "voltage0, voltage1 (second), voltage2, voltage3");
}

static void sample_types(void)
{
	static const struct {
		const char *text;
		unsigned int bytes;
	} t[] = {
		{ "le:s16/16>>0", 2 }, { "be:u12/16>>4", 2 },
		{ "le:s12/16X2>>4", 4 }, { "le:s64/64>>0", 8 },
		/* As many elements as the next power of two */
		{ "be:s16/16X3>>0", 8 }, { "le:s32/32X4>>0", 16 }, { "le:s24/32X5>>8", 32 },
		{ "le:f32/32>>0", 4 },
		{ "le:u24/32>>8", 4 }, { "le:s8/8>>0", 1 },
		{ "", 0 }, { "le:s16", 0 }, { "xe:s16/16>>0", 0 },
		{ "le:s12/12>>0", 0 }, { "le:s16/0>>0", 0 },
		{ "le:s17/16>>0", 0 }, { "le:s16/16X0>>0", 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (iio_parse_type(t[i].text) != t[i].bytes)
			ktap_fail(__FILE__, __LINE__, "\"%s\" is not %u bytes",
				  t[i].text, t[i].bytes);
}

/* One 16 bit channel and a 64 bit timestamp make 16 bytes, not 10 */
static void scan_alignment(void)
{
	static const struct {
		unsigned int bytes[4], scan;
	} t[] = {
		{ { 2, 8 }, 16 }, { { 2, 2, 8 }, 16 }, { { 4, 2, 8 }, 16 },
		{ { 8, 2 }, 16 }, { { 1, 2, 1 }, 6 }, { { 2, 2, 2 }, 6 },
		{ { 1 }, 1 }, { { 2, 4, 2, 8 }, 24 },
		/* Of 24 bits each: where the kernel's ALIGN() has them */
		{ { 3, 3, 3 }, 13 }, { { 2, 3 }, 9 },
	};
	size_t i, j;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		memset(&dev, 0, sizeof(dev));
		for (j = 0; j < 4 && t[i].bytes[j]; j++) {
			dev.chan[j].bytes = t[i].bytes[j];
			dev.chan[j].selected = true;
			dev.nchan++;
		}
		CHECK_EQ(iio_scan_size(&dev), t[i].scan);
	}
}

static void timestamp_is_last(void)
{
	fresh();
	fake.timestamp = true;
	fake_tree(root);
	put("sys/bus/iio/devices/iio:device0/buffer0/in_timestamp_index", "0\n");
	CHECK_EQ(iio_find(&dev, root, "iio:device0", 0), 0);
	CHECK_STR(dev.chan[4].id, "timestamp");
	CHECK_EQ(iio_select(&dev, NULL, 0), 0);
	CHECK_EQ(dev.scan_bytes, 16);
}

static void settings_come_back(void)
{
	char *names[] = { "voltage0" };
	uint64_t rate = 5000;

	find("iio:device0");
	put(BUFFER0 "in_voltage3_en", "1\n");
	iio_select(&dev, names, 1);
	CHECK_EQ(setup("timer", 77, &rate), 0);
	CHECK_EQ(iio_set_block(&dev, 100, 2), 0);
	CHECK_EQ(iio_enable(&dev, 200), 0);
	CHECK_EQ(iio_set_block(&dev, 300, 2), 0);

	CHECK_STR(content(BUFFER0 "in_voltage0_en"), "1");
	CHECK_STR(content(BUFFER0 "in_voltage3_en"), "0");
	CHECK_STR(content(BUFFER0 "length"), "600");
	CHECK_STR(content(BUFFER0 "watermark"), "300");
	CHECK_STR(content(BUFFER0 "enable"), "1");
	CHECK_STR(content("sys/bus/iio/devices/iio:device0/sampling_frequency"), "5000");
	CHECK_STR(content("sys/bus/iio/devices/trigger0/sampling_frequency"), "77");
	CHECK_STR(content("sys/bus/iio/devices/iio:device0/trigger/current_trigger"), "timer");

	CHECK_EQ(sysfs_restore(), 0);
	CHECK_STR(content(BUFFER0 "in_voltage0_en"), "0");
	CHECK_STR(content(BUFFER0 "in_voltage3_en"), "1");
	CHECK_STR(content(BUFFER0 "length"), "4096");
	CHECK_STR(content(BUFFER0 "watermark"), "2048");
	CHECK_STR(content(BUFFER0 "enable"), "0");
	CHECK_STR(content("sys/bus/iio/devices/iio:device0/sampling_frequency"), "1000000");
	CHECK_STR(content("sys/bus/iio/devices/trigger0/sampling_frequency"), "10");
	CHECK_STR(content("sys/bus/iio/devices/iio:device0/trigger/current_trigger"), "");
}

/* Whatever was on before: what is not wanted goes off first, and so on the way back */
static void one_channel_at_a_time(void)
{
	char *names[] = { "voltage0" };

	find("iio:device0");
	fake.one_hot = true;
	put(BUFFER0 "in_voltage1_en", "1\n");
	CHECK_EQ(iio_select(&dev, names, 1), 0);
	CHECK_EQ(setup(NULL, 0, NULL), 0);
	CHECK_STR(content(BUFFER0 "in_voltage0_en"), "1");
	CHECK_STR(content(BUFFER0 "in_voltage1_en"), "0");
	CHECK_EQ(sysfs_restore(), 0);
	CHECK_STR(content(BUFFER0 "in_voltage0_en"), "0");
	CHECK_STR(content(BUFFER0 "in_voltage1_en"), "1");

	/* The other way round, in index order */
	find("iio:device0");
	fake.one_hot = true;
	put(BUFFER0 "in_voltage0_en", "1\n");
	names[0] = (char *)"voltage2";
	iio_select(&dev, names, 1);
	CHECK_EQ(setup(NULL, 0, NULL), 0);
	sysfs_restore_emergency();
	CHECK_STR(content(BUFFER0 "in_voltage0_en"), "1");
	CHECK_STR(content(BUFFER0 "in_voltage2_en"), "0");
	sysfs_restore();
}

static void channels_that_do_not_go_together(void)
{
	char *names[] = { "voltage1", "voltage3" };

	find("iio:device0");
	fake.one_hot = true;
	iio_select(&dev, names, 2);
	CHECK_EQ(setup(NULL, 0, NULL), ST_FAIL);
	CHECK_HAS(fail_text(), "does not take voltage3 together with voltage1");
	CHECK_EQ(sysfs_restore(), 0);

	/* Nobody has named any: as many as go */
	find("iio:device0");
	fake.one_hot = true;
	iio_select(&dev, NULL, 0);
	CHECK_EQ(setup(NULL, 0, NULL), 0);
	CHECK_EQ(dev.scan_bytes, 2);
	CHECK_STR(dev.left_out, "voltage1, voltage2, voltage3");

	find("iio:device0");
	fake.pairs = true;
	iio_select(&dev, NULL, 0);
	CHECK_EQ(setup(NULL, 0, NULL), 0);
	CHECK_EQ(dev.scan_bytes, 4);
	CHECK_STR(dev.left_out, "voltage2, voltage3");
	CHECK_EQ(sysfs_restore(), 0);
}

static void channel_named_twice(void)
{
	char *names[] = { "voltage1", "second" };

	find("iio:device0");
	CHECK_EQ(iio_select(&dev, names, 2), ST_USAGE);
	CHECK_HAS(fail_text(), "voltage1 of cf-ad9361-lpc is named twice");
}

/* A trigger says when samples come, whatever rate the device has by itself */
static void rates_of_triggers(void)
{
	find("iio:device0");
	iio_select(&dev, NULL, 0);
	CHECK_EQ(iio_expected_rate(&dev), 1000000);
	put("sys/bus/iio/devices/iio:device0/trigger/current_trigger", "timer\n");
	CHECK_EQ(iio_expected_rate(&dev), 10);

	/* The one that is set has its rate changed */
	CHECK_EQ(setup(NULL, 55, NULL), 0);
	CHECK_EQ(iio_expected_rate(&dev), 55);
	CHECK_EQ(sysfs_restore(), 0);
	CHECK_STR(content("sys/bus/iio/devices/trigger0/sampling_frequency"), "10");

	/* One that is gone, or has no rate: the user may know */
	put("sys/bus/iio/devices/iio:device0/trigger/current_trigger", "gone\n");
	CHECK_EQ(iio_expected_rate(&dev), 1000000);
	CHECK_EQ(iio_setup(&dev, &(struct iio_settings){
		.trigger_rate = 7, .expect_rate = true }), 0);
	CHECK_EQ(iio_expected_rate(&dev), 7);
	CHECK_STR(fail_text(), "");
	sysfs_restore();
}

static void reasons_of_a_refusal(void)
{
	find("iio:device0");
	iio_select(&dev, NULL, 0);
	fake.enable_errno = EINVAL;
	CHECK_EQ(iio_enable(&dev, 1), ST_FAIL);
	CHECK_HAS(fail_text(), "needs a trigger");
	CHECK_HAS(fail_text(), "-t");
	CHECK_HAS(fail_text(), "timer (trigger0)");

	fail_clear();
	put("sys/bus/iio/devices/iio:device0/trigger/current_trigger", "timer\n");
	CHECK_EQ(iio_enable(&dev, 1), ST_FAIL);
	CHECK_HAS(fail_text(), "voltage0, voltage1, voltage2, voltage3");
	CHECK_HAS(fail_text(), "combinations of channels");
}

/* The process that has it is named, if one may look */
static void busy_by_whom(void)
{
	int fd;

	find("iio:device0");
	mkdir(file("proc/4711"), 0755);
	mkdir(file("proc/4711/fd"), 0755);
	put("proc/4711/comm", "iiod\n");
	unlink(file("proc/4711/fd/5"));
	CHECK_EQ(symlink("/dev/iio:device0", file("proc/4711/fd/5")), 0);
	fake.getfd_errno = EBUSY;
	CHECK_EQ(iio_open_buffer(&dev, &fd), ST_FAIL);
	CHECK_HAS(fail_text(), "by iiod (process 4711)");

	/* Of the buffer alone the device cannot be seen */
	fail_clear();
	unlink(file("proc/4711/fd/5"));
	CHECK_EQ(symlink("anon_inode:iio:buffer", file("proc/4711/fd/5")), 0);
	CHECK_EQ(iio_open_buffer(&dev, &fd), ST_FAIL);
	CHECK_HAS(fail_text(), "open, perhaps by iiod (process 4711)");

	fail_clear();
	put(BUFFER0 "enable", "1\n");
	CHECK_EQ(setup(NULL, 0, NULL), ST_FAIL);
	CHECK_HAS(fail_text(), "by iiod (process 4711)");
	unlink(file("proc/4711/fd/5"));
}

/* A length that cannot be set is none of read()'s business */
static void length_that_is_fixed(void)
{
	find("iio:device0");
	iio_select(&dev, NULL, 0);
	setup(NULL, 0, NULL);
	fake.length_errno = EINVAL;
	CHECK_EQ(iio_set_block(&dev, 100, 2), 0);
	fake.length_errno = ENOMEM;
	CHECK_EQ(iio_set_block(&dev, 100, 2), ST_FAIL);
	fake.length_errno = 0;
	sysfs_restore();
}

static void emergency_brings_back_the_same(void)
{
	find("iio:device0");
	iio_select(&dev, NULL, 0);
	setup(NULL, 0, NULL);
	iio_set_block(&dev, 100, 2);
	iio_enable(&dev, 200);
	sysfs_restore_emergency();
	CHECK_STR(content(BUFFER0 "enable"), "0");
	CHECK_STR(content(BUFFER0 "length"), "4096");
	CHECK_STR(content(BUFFER0 "in_voltage0_en"), "0");
}

static void unknown_trigger_lists_those_there(void)
{
	find("iio:device0");
	iio_select(&dev, NULL, 0);
	CHECK_EQ(setup("nonsense", 1, NULL), ST_FAIL);
	CHECK_HAS(fail_text(), "timer (trigger0)");
}

static void rate_without_attribute(void)
{
	uint64_t rate = 1;

	find("iio:device0");
	iio_select(&dev, NULL, 0);
	unlink(file("sys/bus/iio/devices/iio:device0/sampling_frequency"));
	CHECK_EQ(iio_rate(&dev), 0);
	CHECK_EQ(setup(NULL, 0, &rate), ST_FAIL);
	CHECK_HAS(fail_text(), "no sampling_frequency");
}

static void rate_of_channels(void)
{
	find("iio:device0");
	iio_select(&dev, NULL, 0);
	CHECK_EQ(iio_rate(&dev), 1000000);
	unlink(file("sys/bus/iio/devices/iio:device0/sampling_frequency"));
	put("sys/bus/iio/devices/iio:device0/in_voltage_sampling_frequency",
	    "30720000.000000\n");
	CHECK_EQ(iio_rate(&dev), 30720000);
	unlink(file("sys/bus/iio/devices/iio:device0/in_voltage_sampling_frequency"));
}

static void enabled_by_another(void)
{
	find("iio:device0");
	iio_select(&dev, NULL, 0);
	put(BUFFER0 "enable", "1\n");
	CHECK_EQ(setup(NULL, 0, NULL), ST_FAIL);
	CHECK_HAS(fail_text(), "busy");
	CHECK_STR(content(BUFFER0 "in_voltage0_en"), "0");
}

static void buffer_fd(void)
{
	int fd;

	find("iio:device0");
	CHECK_EQ(iio_open_buffer(&dev, &fd), 0);
	close(fd);

	fake.getfd_errno = EBUSY;
	CHECK_EQ(iio_open_buffer(&dev, &fd), ST_FAIL);
	CHECK_HAS(fail_text(), "busy");

	fail_clear();
	fake.getfd_errno = ENOTTY;
	CHECK_EQ(iio_open_buffer(&dev, &fd), ST_MISSING);
	CHECK_HAS(fail_text(), "5.12");
}

static void enable_without_memory(void)
{
	find("iio:device0");
	iio_select(&dev, NULL, 0);
	fake.enable_errno = ENOMEM;
	CHECK_EQ(iio_enable(&dev, 123456), ST_FAIL);
	CHECK_HAS(fail_text(), "123456");
	CHECK_HAS(fail_text(), "smaller blocks");
	fake.enable_errno = EACCES;
	fail_clear();
	CHECK_EQ(iio_enable(&dev, 1), ST_FAIL);
	CHECK_HAS(fail_text(), "root");
}

/* What can be read about memory that is not to be had */
static void reasons_of_exporters(void)
{
	struct exporter ex = { .fd = -1 };

	fresh();
	put("proc/meminfo", "MemAvailable: 9 kB\nCmaTotal: 16384 kB\nCmaFree: 2048 kB\nHugePages_Free: 3\n");
	strcpy(ex.name, "heap:reserved");
	exporter_alloc_failed(&ex, root, 1 << 20, -ENOMEM);
	CHECK_HAS(fail_text(), "of 16 MiB of CMA 2 are free");
	CHECK_HAS(fail_text(), "cma=");

	fail_clear();
	strcpy(ex.name, "heap:system");
	exporter_alloc_failed(&ex, root, 1 << 20, -ENOMEM);
	CHECK_HAS(fail_text(), "smaller blocks");

	fail_clear();
	strcpy(ex.name, "udmabuf:huge");
	exporter_alloc_failed(&ex, root, 16 << 20, -ENOMEM);
	CHECK_HAS(fail_text(), "3 huge pages are free");
	fail_clear();
	exporter_alloc_failed(&ex, root, 2 << 20, -EINVAL);
	CHECK_HAS(fail_text(), "from Linux 6.12 on");

	fail_clear();
	mkdir(file("sys/module"), 0755);
	mkdir(file("sys/module/udmabuf"), 0755);
	mkdir(file("sys/module/udmabuf/parameters"), 0755);
	put("sys/module/udmabuf/parameters/size_limit_mb", "64\n");
	strcpy(ex.name, "udmabuf");
	exporter_alloc_failed(&ex, root, 65 << 20, -EINVAL);
	CHECK_HAS(fail_text(), "udmabuf allows 64 MiB");
}

static void exporters(void)
{
	char names[16][EXPORTER_NAME];
	struct exporter ex;
	size_t n;
	int fd;

	fresh();
	n = exporter_candidates(root, names, 16);
	CHECK_EQ(n, 4);
	CHECK_STR(names[0], "heap:system");
	CHECK_STR(names[1], "heap:linux,cma");
	CHECK_STR(names[2], "heap:reserved");
	CHECK_STR(names[3], "udmabuf");

	CHECK_EQ(exporter_open(&ex, root, "heap:linux,cma"), -ENOENT);
	CHECK_EQ(exporter_open_failed(root, "heap:linux,cma", -ENOENT), ST_MISSING);
	CHECK_HAS(fail_text(), "heap:system, heap:reserved, udmabuf");

	CHECK_EQ(exporter_open(&ex, root, "udmabuf"), 0);
	CHECK_EQ(exporter_alloc(&ex, 100, &fd), 0);
	close(fd);
	exporter_close(&ex);

	fail_clear();
	CHECK_EQ(exporter_open_failed(root, "heap:system", -EACCES), ST_FAIL);
	CHECK_HAS(fail_text(), "permission");
}

static const struct ktap_test tests[] = {
	{ "iio.find_by_name_label_id", find_by_name_label_id },
	{ "iio.unknown_device_lists_those_there", unknown_device_lists_those_there },
	{ "iio.device_without_buffer", device_without_buffer },
	{ "iio.output_buffer", output_buffer },
	{ "iio.no_iio_at_all", no_iio_at_all },
	{ "iio.channels_by_id_label_file", channels_by_id_label_file },
	{ "iio.no_channel_is_all", no_channel_is_all },
	{ "iio.unknown_channel_lists_those_there", unknown_channel_lists_those_there },
	{ "iio.sample_types", sample_types },
	{ "iio.scan_alignment", scan_alignment },
	{ "iio.timestamp_is_last", timestamp_is_last },
	{ "iio.settings_come_back", settings_come_back },
	{ "iio.one_channel_at_a_time", one_channel_at_a_time },
	{ "iio.channels_that_do_not_go_together", channels_that_do_not_go_together },
	{ "iio.channel_named_twice", channel_named_twice },
	{ "iio.rates_of_triggers", rates_of_triggers },
	{ "iio.reasons_of_a_refusal", reasons_of_a_refusal },
	{ "iio.busy_by_whom", busy_by_whom },
	{ "iio.length_that_is_fixed", length_that_is_fixed },
	{ "iio.emergency_brings_back_the_same", emergency_brings_back_the_same },
	{ "iio.unknown_trigger_lists_those_there", unknown_trigger_lists_those_there },
	{ "iio.rate_without_attribute", rate_without_attribute },
	{ "iio.rate_of_channels", rate_of_channels },
	{ "iio.enabled_by_another", enabled_by_another },
	{ "iio.buffer_fd", buffer_fd },
	{ "iio.enable_without_memory", enable_without_memory },
	{ "iio.exporters", exporters },
	{ "iio.reasons_of_exporters", reasons_of_exporters },
};

int main(void)
{
	int ret;

	if (!mkdtemp(root))
		return 1;
	ret = ktap_run(tests, sizeof(tests) / sizeof(tests[0]));
	fake_tree_remove(root);
	return ret;
}
