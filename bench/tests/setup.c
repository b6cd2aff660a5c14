// SPDX-License-Identifier: GPL-2.0
#include "setup.h"

#include "error.h"
#include "sysfs.h"
#include "wait.h"
#include "fake.h"

#include <stdlib.h>
#include <string.h>

void fresh_setup(const char *root, struct iio_dev *dev, struct cfg *cfg)
{
	fail_clear();
	fake_reset();
	sysfs_restore();
	fake_tree(root);
	iio_find(dev, root, "iio:device0", 0);
	iio_select(dev, NULL, 0);
	iio_setup(dev, &(struct iio_settings){ .rate = NULL });

	memset(cfg, 0, sizeof(*cfg));
	cfg->root = root;
	cfg->benchmark = true;
	cfg->nblocks = 4;
	cfg->evidence = EVIDENCE_AUTO;
	cfg->timeout_ms = 1000;
	cfg->timeout_given = true;
	cfg->interval_ns = 1000000000;
}

void fresh_dac(const char *root, struct iio_dev *dac)
{
	iio_find(dac, root, "iio:device2", 0);
	iio_select(dac, NULL, 0);
	iio_setup(dac, &(struct iio_settings){ .rate = NULL });
}

void nothing_left(struct iio_dev *dev)
{
	CHECK_EQ(fake.mistakes, 0);
	CHECK_EQ(fake.attached, 0);
	CHECK_EQ(fake.syncs, 0);
	CHECK_EQ(fake.buffers, 0);
	CHECK_EQ(fake.dmabufs, 0);
	CHECK_EQ(fake.sync_files, 0);
	CHECK(!iio_is_enabled(dev));
}

int run_on_kernel(char *root, const struct ktap_test *tests, size_t n)
{
	int ret;

	if (!mkdtemp(root) || wait_init(NULL))
		return 1;
	ret = ktap_run(tests, n);
	fake_tree_remove(root);
	return ret;
}
