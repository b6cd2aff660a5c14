// SPDX-License-Identifier: GPL-2.0
/* From the ADC to the USB host of the fake kernel, both ways */
#include "error.h"
#include "gadget.h"
#include "measure.h"
#include "fake.h"
#include "ktap.h"
#include "setup.h"
#include "wait.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char root[] = "/dev/shm/rwbench-test-XXXXXX";
static const enum transport transports[] = { TR_FILEIO, TR_DMABUF };
static struct iio_dev adc, usb;
static struct gadget gadget;
static struct cfg cfg;
static struct result r;
static char name[128];

static int open_gadget(const char *what)
{
	fail_clear();
	snprintf(name, sizeof(name), "usb:%s/dev/%s", root, what);
	gadget_device(&gadget, name, &usb);
	return gadget_open(&gadget, root, cfg.timeout_ms);
}

static void fresh(void)
{
	gadget_close(&gadget);
	fresh_setup(root, &adc, &cfg);
	adc.to = &usb;
	cfg.relay = true;
	cfg.warmup = 4;
	cfg.timeout_ms = 100;
	cfg.samples = 20 * BLOCK / 8;
}

static void plugged(void)
{
	fresh();
	CHECK_EQ(open_gadget("ffs"), 0);
}

static int go(enum transport t)
{
	result_free(&r);
	return measure(&cfg, &adc, t, BLOCK, &r, NULL);
}

static bool has_controller(void)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "%s/sys/kernel/config/usb_gadget/ours/UDC", root);
	return !sysfs_read(path, text, sizeof(text)) && !strcmp(text, "fake-udc");
}

static void nothing_left_behind(void)
{
	char path[128];

	gadget_close(&gadget);
	nothing_left(&adc);
	CHECK(!has_controller());
	snprintf(path, sizeof(path), "%s/dev/ffs/ep1", root);
	CHECK(access(path, F_OK));
	result_free(&r);
}

static void gadget_is_set_up(void)
{
	plugged();
	CHECK(has_controller());
	CHECK(!strcmp(gadget.controller, "fake-udc"));
	CHECK(!strcmp(gadget.speed, "super-speed"));
	CHECK(gadget_is_meant(gadget.name));
	nothing_left_behind();
}

/* What goes to the host is what came in, from the first word on and in its order */
static void every_word_in_order(void)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		plugged();
		fake.start = 0x12345678;
		cfg.evidence = EVIDENCE_FENCE;
		CHECK_EQ(go(transports[i]), 0);
		CHECK_EQ(r.blocks, 20);
		CHECK_EQ(r.bytes, 20 * BLOCK);
		CHECK_EQ(fake.jumps, 0);
		CHECK(fake.sent >= 20);
		CHECK(r.latency.count);
		nothing_left_behind();
	}
}

static void costs(void)
{
	plugged();
	CHECK_EQ(go(TR_FILEIO), 0);
	/* poll(), read(), write() */
	CHECK_EQ(r.syscalls, 60);
	CHECK_EQ(fake.attaches, 0);
	/* Each block at once: none is held */
	CHECK_EQ(fake.sent, fake.blocks);
	nothing_left_behind();

	plugged();
	cfg.evidence = 0;
	CHECK_EQ(go(TR_DMABUF), 0);
	/* TRANSFER and ENQUEUE, and no poll() */
	CHECK_EQ(r.syscalls, 40);
	CHECK_EQ(fake.attaches, 8);
	CHECK(fake.fence_waits >= 40);
	nothing_left_behind();
}

static void one_gadget_for_all_runs(void)
{
	size_t i;

	plugged();
	for (i = 0; i < 4; i++) {
		CHECK_EQ(go(transports[i % 2]), 0);
		CHECK_EQ(r.blocks, 20);
		CHECK(has_controller());
	}
	nothing_left_behind();
}

static void endpoint_of_another(void)
{
	struct gadget other;

	plugged();
	other = gadget;
	CHECK_EQ(open_gadget("ffs"), ST_FAIL);
	CHECK_HAS(fail_text(), "another program has set up");
	CHECK_EQ(open_gadget("ffs/ep1"), 0);
	CHECK(!strcmp(gadget.controller, "fake-udc"));
	CHECK_EQ(go(TR_DMABUF), 0);
	gadget_close(&gadget);
	/* It was not ours to take down */
	CHECK(has_controller());
	gadget_close(&other);
	nothing_left_behind();
}

static void no_gadget(void)
{
	fresh();
	CHECK_EQ(open_gadget("nowhere"), ST_USAGE);
	CHECK_HAS(fail_text(), "name the folder where FunctionFS is mounted");
	CHECK_EQ(open_gadget("dma_heap"), ST_USAGE);
	CHECK_HAS(fail_text(), "mount -t functionfs");
	CHECK_EQ(open_gadget("udmabuf"), ST_USAGE);
	CHECK_HAS(fail_text(), "is no endpoint of FunctionFS");
	nothing_left_behind();
}

static void controllers(void)
{
	fresh();
	fake.two_controllers = true;
	fake_tree(root);
	CHECK_EQ(open_gadget("ffs"), ST_USAGE);
	CHECK_HAS(fail_text(), "several USB device controllers");
	gadget_close(&gadget);
	CHECK_EQ(open_gadget("ffs@fake-udc"), 0);
	CHECK(has_controller());
	nothing_left_behind();

	fresh();
	fake.bind_errno = EBUSY;
	CHECK_EQ(open_gadget("ffs"), ST_FAIL);
	CHECK_HAS(fail_text(), "fake-udc has another gadget");
	nothing_left_behind();

	fresh();
	fake.bind_errno = ENODEV;
	CHECK_EQ(open_gadget("ffs"), ST_FAIL);
	CHECK_HAS(fail_text(), "is its function linked into a configuration");
	nothing_left_behind();

	plugged();
	fake.no_sg = true;
	CHECK_EQ(go(TR_DMABUF), ST_MISSING);
	CHECK_HAS(r.error, "fake-udc");
	CHECK_HAS(r.error, "does not take lists of memory");
	nothing_left_behind();

	plugged();
	fake.no_ffs_dmabuf = true;
	CHECK_EQ(go(TR_DMABUF), ST_MISSING);
	CHECK_HAS(r.error, "FunctionFS of this kernel has no DMABUFs");
	CHECK_EQ(go(TR_FILEIO), 0);
	nothing_left_behind();
}

static void no_host(void)
{
	fresh();
	fake.no_host = true;
	CHECK_EQ(open_gadget("ffs"), ST_FAIL);
	CHECK_HAS(fail_text(), "no USB host has configured the gadget");
	CHECK_HAS(fail_text(), "fake-udc says: not attached");
	nothing_left_behind();
}

static void unplugged(void)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		plugged();
		fake.unplug_at = 10;
		CHECK_EQ(go(transports[i]), ST_FAIL);
		CHECK_HAS(r.error, "the USB host of usb:");
		CHECK_HAS(r.error, "has gone");
		CHECK_EQ(fake.jumps, 0);
		nothing_left_behind();
	}

	/* So early that it is a controller without lists at first sight */
	plugged();
	fake.no_host = fake.no_sg = true;
	CHECK_EQ(go(TR_DMABUF), ST_FAIL);
	CHECK_HAS(r.error, "has gone");
	nothing_left_behind();
}

static void each_side_stalls(void)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		plugged();
		fake.stall = true;
		CHECK_EQ(go(transports[i]), ST_FAIL);
		CHECK_HAS(r.error, "no data from cf-ad9361-lpc");
		nothing_left_behind();

		plugged();
		fake.host_stall = true;
		CHECK_EQ(go(transports[i]), ST_FAIL);
		CHECK_HAS(r.error, "has not taken a block");
		nothing_left_behind();
	}
}

/* What takes long is interrupted, and what does not is left alone, however often */
static void guard(void)
{
	uint64_t begin = now_ns();
	int i;

	for (i = 0; i < 30; i++) {
		wait_guard(50, now_ns());
		usleep(10000);
		CHECK(!wait_late());
	}
	pause();
	CHECK(wait_late());
	/* Anew: and a signal that came too early is not the last one */
	wait_guard(50, now_ns());
	CHECK(!wait_late());
	pause();
	pause();
	wait_guard(0, 0);
	CHECK(now_ns() - begin < 2000000000u);
}

static const struct ktap_test tests[] = {
	{ "usb.gadget_is_set_up", gadget_is_set_up },
	{ "usb.every_word_in_order", every_word_in_order },
	{ "usb.costs", costs },
	{ "usb.one_gadget_for_all_runs", one_gadget_for_all_runs },
	{ "usb.endpoint_of_another", endpoint_of_another },
	{ "usb.no_gadget", no_gadget },
	{ "usb.controllers", controllers },
	{ "usb.no_host", no_host },
	{ "usb.unplugged", unplugged },
	{ "usb.each_side_stalls", each_side_stalls },
	{ "usb.guard", guard },
};

int main(void)
{
	int ret;

	gadget.ep0 = -1;
	ret = run_on_kernel(root, tests, sizeof(tests) / sizeof(tests[0]));
	result_free(&r);
	return ret;
}
