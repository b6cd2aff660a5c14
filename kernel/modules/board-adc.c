// SPDX-License-Identifier: GPL-2.0-only
/*
 * The converter of the emulated ZCU102 + FMComms2/3 board
 *
 * On a real board an AD9361 sits here, behind SPI. On the emulated one the sample rate is a
 * register of the board's control block. Data goes through the kernel's own drivers:
 * adi-axi-adc and dma-axi-dmac. The other direction is board-dac.c.
 *
 * adi-axi-adc wants its converter in one of two ways. Up to Linux 6.8 it owns the IIO device
 * and asks a registered client; since then it is a backend and the converter owns the device.
 */

#include <linux/align.h>
#include <linux/bits.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>

#include <linux/iio/iio.h>

#include "board.h"
#include "compat.h"

/*
 * direct_reg_access, as with ADI's own driver for the core: a register of the core has bit
 * 31 set, one of the AD9361 has not. ADI's device tree gives the ADC this much of the core,
 * the registers of the DAC, from 0x4000 on, among it.
 */
#define BOARD_DRA_CORE			BIT(31)
#define BOARD_CORE_SIZE			0x6000

/* Levers and counters for tests; see the register page for what they mean. */
static const struct board_file board_adc_files[] = {
	{ "pattern", BOARD_REG_PATTERN, .writable = true },
	{ "fifo_depth", BOARD_REG_FIFO_DEPTH },
	{ "position", BOARD_REG_POSITION, .wide = true },
	{ "lost_bytes", BOARD_REG_LOST, .wide = true },
	{ "overflows", BOARD_REG_OVERFLOWS },
	{ "rx_fault", BOARD_REG_RX_FAULT, .writable = true },
	{ "rx_early_bytes", BOARD_REG_RX_EARLY_BYTES, .writable = true },
	{ "rx_late_ns", BOARD_REG_RX_LATE_NS, .writable = true },
	{ "rx_overflow_bytes", BOARD_REG_RX_OVERFLOW_BYTES, .writable = true },
	{ "rx_hold", BOARD_REG_RX_HOLD, .writable = true },
	{ "rx_stall", BOARD_REG_RX_STALL, .writable = true },
	{ "rx_transfers", BOARD_REG_RX_TRANSFERS },
	{ "rx_bus_errors", BOARD_REG_RX_BUS_ERRORS },
	{ "crossings", BOARD_REG_CROSSINGS },
	{ "late_writes", BOARD_REG_LATE_WRITES },
	{ "late_fetches", BOARD_REG_LATE_FETCHES },
};

static struct board board;

static const struct iio_chan_spec board_adc_channels[] = {
	BOARD_CHANNEL(0, 0),
	BOARD_CHANNEL(1, 0),
	BOARD_CHANNEL(2, 0),
	BOARD_CHANNEL(3, 0),
};

/* Arguments as those of iio_info.debugfs_reg_access. There is no AD9361 that could answer. */
static int board_adc_reg_access(void __iomem *core, unsigned int reg, unsigned int writeval,
				unsigned int *readval)
{
	unsigned int offset = reg & ~BOARD_DRA_CORE;

	if (!(reg & BOARD_DRA_CORE))
		return -ENODEV;
	if (offset >= BOARD_CORE_SIZE || !IS_ALIGNED(offset, sizeof(u32)))
		return -EINVAL;

	if (readval)
		*readval = readl(core + offset);
	else
		writel(writeval, core + offset);

	return 0;
}

#if IS_ENABLED(CONFIG_IIO_BACKEND)

#include <linux/iio/backend.h>

/**
 * struct board_adc_state - private data of the IIO device
 * @core: registers of the ADC core, which belong to adi-axi-adc
 * @back: the ADC core that brings its samples into memory
 */
struct board_adc_state {
	void __iomem *core;
	struct iio_backend *back;
};

static int board_adc_read_raw(struct iio_dev *indio_dev, struct iio_chan_spec const *chan,
			      int *val, int *val2, long mask)
{
	return board_get_rate(&board, val, mask);
}

static int board_adc_write_raw(struct iio_dev *indio_dev, struct iio_chan_spec const *chan,
			       int val, int val2, long mask)
{
	return board_set_rate(&board, val, val2, mask);
}

static int board_adc_update_scan_mode(struct iio_dev *indio_dev, const unsigned long *scan_mask)
{
	struct board_adc_state *st = iio_priv(indio_dev);
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(board_adc_channels); i++) {
		if (test_bit(i, scan_mask))
			ret = iio_backend_chan_enable(st->back, i);
		else
			ret = iio_backend_chan_disable(st->back, i);
		if (ret)
			return ret;
	}

	return 0;
}

static int board_adc_debugfs_reg_access(struct iio_dev *indio_dev, unsigned int reg,
					unsigned int writeval, unsigned int *readval)
{
	struct board_adc_state *st = iio_priv(indio_dev);

	return board_adc_reg_access(st->core, reg, writeval, readval);
}

static const struct iio_info board_adc_info = {
	.debugfs_reg_access = board_adc_debugfs_reg_access,
	.read_raw = board_adc_read_raw,
	.write_raw = board_adc_write_raw,
	.update_scan_mode = board_adc_update_scan_mode,
};

static int board_adc_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct board_adc_state *st;
	struct iio_dev *indio_dev;
	int ret;

	indio_dev = devm_iio_device_alloc(dev, sizeof(*st));
	if (!indio_dev)
		return -ENOMEM;

	st = iio_priv(indio_dev);
	st->core = board_map_core(dev, BOARD_CORE_SIZE);
	if (IS_ERR(st->core))
		return PTR_ERR(st->core);

	st->back = devm_iio_backend_get(dev, NULL);
	if (IS_ERR(st->back))
		return PTR_ERR(st->back);

	indio_dev->name = "cf-ad9361-lpc";
	indio_dev->modes = INDIO_DIRECT_MODE;
	indio_dev->info = &board_adc_info;
	indio_dev->channels = board_adc_channels;
	indio_dev->num_channels = ARRAY_SIZE(board_adc_channels);

	ret = devm_iio_backend_request_buffer(dev, st->back, indio_dev);
	if (ret)
		return ret;

	ret = devm_iio_backend_enable(dev, st->back);
	if (ret)
		return ret;

	return devm_iio_device_register(dev, indio_dev);
}

IMPORT_NAMESPACE("IIO_BACKEND");

#else /* adi-axi-adc is not a backend yet */

#include <linux/iio/adc/adi-axi-adc.h>

/**
 * struct board_adc_client - private data of the converter
 * @core: registers of the ADC core, which belong to adi-axi-adc
 * @dev: device of the converter
 * @iio_notifier: tells of the IIO device that adi-axi-adc makes for it
 * @iio_debugfs: folder of that IIO device in debugfs, or NULL
 * @dra_reg: the register that direct_reg_access reads
 */
struct board_adc_client {
	void __iomem *core;
	struct device *dev;
	struct notifier_block iio_notifier;
	struct dentry *iio_debugfs;
	unsigned int dra_reg;
};

static const struct adi_axi_adc_chip_info board_adc_chip_info = {
	.name = "cf-ad9361-lpc",
	.channels = board_adc_channels,
	.num_channels = ARRAY_SIZE(board_adc_channels),
	.max_rate = 61440000,
};

static int board_adc_read_raw(struct adi_axi_adc_conv *conv, struct iio_chan_spec const *chan,
			      int *val, int *val2, long mask)
{
	return board_get_rate(&board, val, mask);
}

static int board_adc_write_raw(struct adi_axi_adc_conv *conv, struct iio_chan_spec const *chan,
			       int val, int val2, long mask)
{
	return board_set_rate(&board, val, val2, mask);
}

/*
 * direct_reg_access. IIO makes that file where a driver gives it access to the registers,
 * which adi-axi-adc of this age does not: so it is made here, as IIO would have made it.
 */

static ssize_t board_adc_dra_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct board_adc_client *client = file->private_data;
	unsigned int val;
	char text[16];
	int ret;

	ret = board_adc_reg_access(client->core, READ_ONCE(client->dra_reg), 0, &val);
	if (ret)
		return ret;

	return simple_read_from_buffer(buf, count, pos, text,
				       scnprintf(text, sizeof(text), "0x%X\n", val));
}

/* "REGISTER" is what will be read from now on, "REGISTER VALUE" is written. */
static ssize_t board_adc_dra_write(struct file *file, const char __user *buf, size_t count,
				   loff_t *pos)
{
	struct board_adc_client *client = file->private_data;
	unsigned int reg, val;
	char text[80];
	int ret;

	count = min(count, sizeof(text) - 1);
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';

	ret = sscanf(text, "%i %i", &reg, &val);
	if (ret < 1)
		return -EINVAL;
	if (ret == 2) {
		ret = board_adc_reg_access(client->core, reg, val, NULL);
		if (ret)
			return ret;
	}
	WRITE_ONCE(client->dra_reg, reg);

	return count;
}

static const struct file_operations board_adc_dra_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = board_adc_dra_read,
	.write = board_adc_dra_write,
};

static bool board_adc_is_ours(struct board_adc_client *client, struct device *iio)
{
	struct device_node *converter;

	/* On the bus there are triggers, too. */
	if (!iio->parent || strncmp(dev_name(iio), "iio:device", strlen("iio:device")))
		return false;

	converter = of_parse_phandle(iio->parent->of_node, "adi,adc-dev", 0);
	of_node_put(converter);

	return converter && converter == client->dev->of_node;
}

static int board_adc_notify(struct notifier_block *nb, unsigned long event, void *data)
{
	struct board_adc_client *client = container_of(nb, struct board_adc_client, iio_notifier);
	struct device *iio = data;
	struct dentry *root;

	if (!board_adc_is_ours(client, iio))
		return NOTIFY_DONE;

	switch (event) {
	case BUS_NOTIFY_ADD_DEVICE:
		root = debugfs_lookup("iio", NULL);
		client->iio_debugfs = debugfs_create_dir(dev_name(iio), root);
		dput(root);
		debugfs_create_file("direct_reg_access", 0644, client->iio_debugfs, client,
				    &board_adc_dra_fops);
		return NOTIFY_OK;
	case BUS_NOTIFY_DEL_DEVICE:
		debugfs_remove_recursive(client->iio_debugfs);
		client->iio_debugfs = NULL;
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

static void board_adc_stop_notify(void *data)
{
	struct board_adc_client *client = data;

	bus_unregister_notifier(&iio_bus_type, &client->iio_notifier);
	debugfs_remove_recursive(client->iio_debugfs);
}

static int board_adc_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct board_adc_client *client;
	struct adi_axi_adc_conv *conv;
	int ret;

	conv = devm_adi_axi_adc_conv_register(dev, sizeof(*client));
	if (IS_ERR(conv))
		return PTR_ERR(conv);

	conv->chip_info = &board_adc_chip_info;
	conv->read_raw = board_adc_read_raw;
	conv->write_raw = board_adc_write_raw;

	client = adi_axi_adc_conv_priv(conv);
	client->dev = dev;
	client->core = board_map_core(dev, BOARD_CORE_SIZE);
	if (IS_ERR(client->core))
		return PTR_ERR(client->core);

	client->iio_notifier.notifier_call = board_adc_notify;
	ret = bus_register_notifier(&iio_bus_type, &client->iio_notifier);
	if (ret)
		return ret;

	return devm_add_action_or_reset(dev, board_adc_stop_notify, client);
}

IMPORT_NAMESPACE("IIO_ADI_AXI");

#endif

static const struct of_device_id board_adc_of_match[] = {
	{ .compatible = "qemu,fmcomms2-control" },
	{ }
};
MODULE_DEVICE_TABLE(of, board_adc_of_match);

static struct platform_driver board_adc_driver = {
	.driver = {
		.name = "board-adc",
		.of_match_table = board_adc_of_match,
		/* As a client it cannot leave while adi-axi-adc is bound, and has no way to say so */
		.suppress_bind_attrs = !IS_ENABLED(CONFIG_IIO_BACKEND),
	},
	.probe = board_adc_probe,
};

static int __init board_adc_init(void)
{
	return board_register(&board, board_adc_files, ARRAY_SIZE(board_adc_files),
			      &board_adc_driver);
}
module_init(board_adc_init);

static void __exit board_adc_exit(void)
{
	board_unregister(&board, &board_adc_driver);
}
module_exit(board_adc_exit);

MODULE_DESCRIPTION("Converter of the emulated ZCU102 + FMComms2/3 board");
MODULE_LICENSE("GPL");
