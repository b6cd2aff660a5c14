// SPDX-License-Identifier: GPL-2.0-only
/*
 * The converter of the emulated ZCU102 + FMComms2/3 board
 *
 * On a real board an AD9361 sits here, behind SPI. On the emulated one the sample rate is a
 * register of the board's control block, whose page is in kernel/board/README.md. Data goes
 * through the kernel's own drivers: adi-axi-adc and dma-axi-dmac.
 *
 * adi-axi-adc wants its converter in one of two ways. Up to Linux 6.8 it owns the IIO device
 * and asks a registered client; since then it is a backend and the converter owns the device.
 */

#include <linux/bits.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/kernel.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include <linux/iio/iio.h>

#define BOARD_REG_ID			0x00
#define   BOARD_ID_MAGIC		0x464d4332
#define BOARD_REG_RATE			0x10
#define BOARD_REG_PATTERN		0x18
#define BOARD_REG_FIFO_DEPTH		0x1c
#define BOARD_REG_POSITION		0x20
#define BOARD_REG_LOST			0x28
#define BOARD_REG_OVERFLOWS		0x30
#define BOARD_REG_RX_FAULT		0x40
#define BOARD_REG_RX_EARLY_BYTES	0x44
#define BOARD_REG_RX_LATE_NS		0x48
#define BOARD_REG_RX_OVERFLOW_BYTES	0x4c
#define BOARD_REG_RX_TRANSFERS		0x50
#define BOARD_REG_RX_BUS_ERRORS		0x54
#define BOARD_REG_RX_HOLD		0x58
#define BOARD_REG_TX_FAULT		0x60
#define BOARD_REG_TX_EARLY_BYTES	0x64
#define BOARD_REG_TX_LATE_NS		0x68
#define BOARD_REG_TX_TRANSFERS		0x70
#define BOARD_REG_TX_BUS_ERRORS		0x74
#define BOARD_REG_TX_BYTES		0x80
#define BOARD_REG_TX_HASH		0x88
#define BOARD_REG_TX_UNDERFLOWS		0x90

struct board_adc;

/**
 * struct board_adc_file - a register of the control block in debugfs
 * @adc: whose register
 * @reg: its offset
 */
struct board_adc_file {
	struct board_adc *adc;
	unsigned int reg;
};

static const struct {
	const char *name;
	unsigned int reg;
	bool wide, writable;
} board_adc_files[] = {
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
	{ "rx_transfers", BOARD_REG_RX_TRANSFERS },
	{ "rx_bus_errors", BOARD_REG_RX_BUS_ERRORS },
	{ "tx_fault", BOARD_REG_TX_FAULT, .writable = true },
	{ "tx_early_bytes", BOARD_REG_TX_EARLY_BYTES, .writable = true },
	{ "tx_late_ns", BOARD_REG_TX_LATE_NS, .writable = true },
	{ "tx_transfers", BOARD_REG_TX_TRANSFERS },
	{ "tx_bus_errors", BOARD_REG_TX_BUS_ERRORS },
	{ "tx_bytes", BOARD_REG_TX_BYTES, .wide = true },
	{ "tx_hash", BOARD_REG_TX_HASH, .wide = true },
	{ "tx_underflows", BOARD_REG_TX_UNDERFLOWS },
};

/**
 * struct board_adc - the converter
 * @regs: control block of the board
 * @files: what debugfs knows about its registers
 */
struct board_adc {
	void __iomem *regs;
	struct board_adc_file files[ARRAY_SIZE(board_adc_files)];
};

#define BOARD_ADC_CHANNEL(_idx) {					\
	.type = IIO_VOLTAGE,						\
	.indexed = 1,							\
	.channel = (_idx),						\
	.info_mask_shared_by_all = BIT(IIO_CHAN_INFO_SAMP_FREQ),	\
	.scan_index = (_idx),						\
	.scan_type = {							\
		.sign = 's',						\
		.realbits = 16,						\
		.storagebits = 16,					\
		.endianness = IIO_LE,					\
	},								\
}

static const struct iio_chan_spec board_adc_channels[] = {
	BOARD_ADC_CHANNEL(0),
	BOARD_ADC_CHANNEL(1),
	BOARD_ADC_CHANNEL(2),
	BOARD_ADC_CHANNEL(3),
};

static int board_adc_get(struct board_adc *adc, int *val, long mask)
{
	if (mask != IIO_CHAN_INFO_SAMP_FREQ)
		return -EINVAL;

	*val = readl(adc->regs + BOARD_REG_RATE);
	return IIO_VAL_INT;
}

/* 0 is no rate at all: samples come as fast as they are taken, and none is lost. */
static int board_adc_set(struct board_adc *adc, int val, int val2, long mask)
{
	if (mask != IIO_CHAN_INFO_SAMP_FREQ || val < 0 || val2)
		return -EINVAL;

	writel(val, adc->regs + BOARD_REG_RATE);
	return 0;
}

static int board_adc_file_get(void *data, u64 *val)
{
	struct board_adc_file *file = data;

	*val = readl(file->adc->regs + file->reg);
	return 0;
}

/* The low half latches the high one. */
static int board_adc_file_get_wide(void *data, u64 *val)
{
	struct board_adc_file *file = data;

	*val = lo_hi_readq(file->adc->regs + file->reg);
	return 0;
}

static int board_adc_file_set(void *data, u64 val)
{
	struct board_adc_file *file = data;

	if (val > U32_MAX)
		return -EINVAL;

	writel(val, file->adc->regs + file->reg);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(board_adc_ro_fops, board_adc_file_get, NULL, "%llu\n");
DEFINE_DEBUGFS_ATTRIBUTE(board_adc_wide_fops, board_adc_file_get_wide, NULL, "%llu\n");
DEFINE_DEBUGFS_ATTRIBUTE(board_adc_rw_fops, board_adc_file_get, board_adc_file_set, "%llu\n");

static void board_adc_debugfs_remove(void *dir)
{
	debugfs_remove_recursive(dir);
}

/* Levers and counters for tests; see the register page for what they mean. */
static int board_adc_debugfs_add(struct device *dev, struct board_adc *adc)
{
	struct dentry *dir = debugfs_create_dir("board-adc", NULL);
	const struct file_operations *fops;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(board_adc_files); i++) {
		adc->files[i].adc = adc;
		adc->files[i].reg = board_adc_files[i].reg;
		fops = board_adc_files[i].wide ? &board_adc_wide_fops :
		       board_adc_files[i].writable ? &board_adc_rw_fops : &board_adc_ro_fops;
		debugfs_create_file_unsafe(board_adc_files[i].name,
					   board_adc_files[i].writable ? 0600 : 0400,
					   dir, &adc->files[i], fops);
	}

	return devm_add_action_or_reset(dev, board_adc_debugfs_remove, dir);
}

static int board_adc_init(struct platform_device *pdev, struct board_adc *adc)
{
	adc->regs = devm_platform_ioremap_resource(pdev, 0);
	if (IS_ERR(adc->regs))
		return PTR_ERR(adc->regs);

	if (readl(adc->regs + BOARD_REG_ID) != BOARD_ID_MAGIC)
		return dev_err_probe(&pdev->dev, -ENODEV, "this is not the emulated board\n");

	return board_adc_debugfs_add(&pdev->dev, adc);
}

#if IS_ENABLED(CONFIG_IIO_BACKEND)

#include <linux/iio/backend.h>

/**
 * struct board_adc_state - private data of the IIO device
 * @adc: the converter
 * @back: the ADC core that brings its samples into memory
 */
struct board_adc_state {
	struct board_adc adc;
	struct iio_backend *back;
};

static int board_adc_read_raw(struct iio_dev *indio_dev, struct iio_chan_spec const *chan,
			      int *val, int *val2, long mask)
{
	struct board_adc_state *st = iio_priv(indio_dev);

	return board_adc_get(&st->adc, val, mask);
}

static int board_adc_write_raw(struct iio_dev *indio_dev, struct iio_chan_spec const *chan,
			       int val, int val2, long mask)
{
	struct board_adc_state *st = iio_priv(indio_dev);

	return board_adc_set(&st->adc, val, val2, mask);
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

static const struct iio_info board_adc_info = {
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
	ret = board_adc_init(pdev, &st->adc);
	if (ret)
		return ret;

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

MODULE_IMPORT_NS(IIO_BACKEND);

#else /* adi-axi-adc is not a backend yet */

#include <linux/iio/adc/adi-axi-adc.h>

static const struct adi_axi_adc_chip_info board_adc_chip_info = {
	.name = "cf-ad9361-lpc",
	.channels = board_adc_channels,
	.num_channels = ARRAY_SIZE(board_adc_channels),
	.max_rate = 61440000,
};

static int board_adc_read_raw(struct adi_axi_adc_conv *conv, struct iio_chan_spec const *chan,
			      int *val, int *val2, long mask)
{
	return board_adc_get(adi_axi_adc_conv_priv(conv), val, mask);
}

static int board_adc_write_raw(struct adi_axi_adc_conv *conv, struct iio_chan_spec const *chan,
			       int val, int val2, long mask)
{
	return board_adc_set(adi_axi_adc_conv_priv(conv), val, val2, mask);
}

static int board_adc_probe(struct platform_device *pdev)
{
	struct adi_axi_adc_conv *conv;

	conv = devm_adi_axi_adc_conv_register(&pdev->dev, sizeof(struct board_adc));
	if (IS_ERR(conv))
		return PTR_ERR(conv);

	conv->chip_info = &board_adc_chip_info;
	conv->read_raw = board_adc_read_raw;
	conv->write_raw = board_adc_write_raw;

	return board_adc_init(pdev, adi_axi_adc_conv_priv(conv));
}

MODULE_IMPORT_NS(IIO_ADI_AXI);

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
module_platform_driver(board_adc_driver);

MODULE_DESCRIPTION("Converter of the emulated ZCU102 + FMComms2/3 board");
MODULE_LICENSE("GPL");
