// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transmitter of the emulated ZCU102 + FMComms2/3 board
 *
 * An output device in front of the DAC half of the axi_ad9361 core. Data goes through the
 * kernel's own drivers: dma-axi-dmac, and adi-axi-dac, of which this is the frontend. A kernel
 * without the latter, as all up to Linux 6.9 are, has nobody for the core: its few registers
 * that data needs are written here then, and the buffer belongs to this device.
 */

#include <linux/bits.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>

#include <linux/iio/buffer-dmaengine.h>
#include <linux/iio/iio.h>

#include "board.h"
#include "compat.h"

#define CORE_SIZE			0x1000
#define CORE_REG_VERSION		0x00
#define   CORE_VERSION_MAJOR		9
#define CORE_REG_RSTN			0x40
#define   CORE_RSTN_RSTN		BIT(0)
#define   CORE_RSTN_MMCM_RSTN		BIT(1)
#define CORE_REG_CNTRL_2		0x48
#define   CORE_CNTRL_2_R1_MODE		BIT(5)
#define CORE_REG_RATECNTRL		0x4c
#define   CORE_RATE_2T_LVDS		3
#define CORE_REG_CHAN_DATA_SEL(c)	(0x418 + (c) * 0x40)
#define   CORE_DATA_SEL_DDS		0
#define   CORE_DATA_SEL_DMA		2

/*
 * Levers and counters for tests; see the register page for what they mean. next, jumps,
 * bytes and lost_bytes are called as those of the dummy DAC.
 */
static const struct board_file board_dac_files[] = {
	{ "next", BOARD_REG_TX_COUNT, .writable = true },
	{ "jumps", BOARD_REG_TX_JUMPS, .wide = true },
	{ "bytes", BOARD_REG_TX_BYTES, .wide = true },
	{ "lost_bytes", BOARD_REG_TX_LOST, .wide = true },
	{ "hash", BOARD_REG_TX_HASH, .wide = true },
	{ "underflows", BOARD_REG_TX_UNDERFLOWS },
	{ "repeated", BOARD_REG_TX_REPEATED, .wide = true },
	{ "transfers", BOARD_REG_TX_TRANSFERS },
	{ "bus_errors", BOARD_REG_TX_BUS_ERRORS },
	{ "fault", BOARD_REG_TX_FAULT, .writable = true },
	{ "early_bytes", BOARD_REG_TX_EARLY_BYTES, .writable = true },
	{ "late_ns", BOARD_REG_TX_LATE_NS, .writable = true },
	{ "hold", BOARD_REG_TX_HOLD, .writable = true },
	{ "stall", BOARD_REG_TX_STALL, .writable = true },
};

static struct board board;

/**
 * struct board_dac - private data of the IIO device
 * @core: registers of the DAC core, most of which belong to adi-axi-dac where there is one
 * @back: the DAC core, where there is adi-axi-dac
 */
struct board_dac {
	void __iomem *core;
	struct iio_backend *back;
};

static const struct iio_chan_spec board_dac_channels[] = {
	BOARD_CHANNEL(0, 1),
	BOARD_CHANNEL(1, 1),
	BOARD_CHANNEL(2, 1),
	BOARD_CHANNEL(3, 1),
};

#if IS_ENABLED(CONFIG_ADI_AXI_DAC)

#include <linux/iio/backend.h>

static int board_dac_select(struct board_dac *dac, unsigned int chan, bool dma)
{
	return iio_backend_data_source_set(dac->back, chan,
					   dma ? IIO_BACKEND_EXTERNAL :
						 IIO_BACKEND_INTERNAL_CONTINUOUS_WAVE);
}

static int board_dac_get_core(struct device *dev, struct iio_dev *indio_dev)
{
	struct board_dac *dac = iio_priv(indio_dev);

	dac->back = devm_iio_backend_get(dev, NULL);
	if (IS_ERR(dac->back))
		return dev_err_probe(dev, PTR_ERR(dac->back), "no driver of the DAC core\n");

	return devm_iio_backend_request_buffer(dev, dac->back, indio_dev);
}

static int board_dac_enable_core(struct device *dev, struct board_dac *dac)
{
	return devm_iio_backend_enable(dev, dac->back);
}

IMPORT_NAMESPACE("IIO_BACKEND");

#else /* no adi-axi-dac */

static int board_dac_select(struct board_dac *dac, unsigned int chan, bool dma)
{
	writel(dma ? CORE_DATA_SEL_DMA : CORE_DATA_SEL_DDS,
	       dac->core + CORE_REG_CHAN_DATA_SEL(chan));
	return 0;
}

static int board_dac_get_core(struct device *dev, struct iio_dev *indio_dev)
{
	struct board_dac *dac = iio_priv(indio_dev);

	if (readl(dac->core + CORE_REG_VERSION) >> 16 != CORE_VERSION_MAJOR)
		return dev_err_probe(dev, -ENODEV, "this is not a DAC core that is known\n");

	return devm_iio_dmaengine_buffer_setup_ext(dev, indio_dev, "tx",
						   IIO_BUFFER_DIRECTION_OUT);
}

static void board_dac_disable_core(void *data)
{
	struct board_dac *dac = data;

	writel(0, dac->core + CORE_REG_RSTN);
}

static int board_dac_enable_core(struct device *dev, struct board_dac *dac)
{
	writel(CORE_RSTN_MMCM_RSTN, dac->core + CORE_REG_RSTN);
	writel(CORE_RSTN_RSTN | CORE_RSTN_MMCM_RSTN, dac->core + CORE_REG_RSTN);

	return devm_add_action_or_reset(dev, board_dac_disable_core, dac);
}

#endif

/*
 * What on a real board the driver of the AD9361 does: two transmitters take a sample in turn
 * every four clocks of the interface. adi-axi-dac makes it one transmitter, for designs in
 * which that is another mode, and with that this core lets half of its channels starve.
 */
static void board_dac_set_interface(struct board_dac *dac)
{
	u32 val = readl(dac->core + CORE_REG_CNTRL_2);

	writel(val & ~CORE_CNTRL_2_R1_MODE, dac->core + CORE_REG_CNTRL_2);
	writel(CORE_RATE_2T_LVDS, dac->core + CORE_REG_RATECNTRL);
}

static int board_dac_read_raw(struct iio_dev *indio_dev, struct iio_chan_spec const *chan,
			      int *val, int *val2, long mask)
{
	return board_get_rate(&board, val, mask);
}

static int board_dac_write_raw(struct iio_dev *indio_dev, struct iio_chan_spec const *chan,
			       int val, int val2, long mask)
{
	return board_set_rate(&board, val, val2, mask);
}

/* Before the DMA controller has its first transfer */
static int board_dac_update_scan_mode(struct iio_dev *indio_dev, const unsigned long *scan_mask)
{
	struct board_dac *dac = iio_priv(indio_dev);
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(board_dac_channels); i++) {
		ret = board_dac_select(dac, i, test_bit(i, scan_mask));
		if (ret)
			return ret;
	}

	return 0;
}

/* Or the converter would get the last samples again and again. */
static int board_dac_postdisable(struct iio_dev *indio_dev)
{
	const unsigned long none = 0;

	return board_dac_update_scan_mode(indio_dev, &none);
}

static const struct iio_buffer_setup_ops board_dac_setup_ops = {
	.postdisable = board_dac_postdisable,
};

static const struct iio_info board_dac_info = {
	.read_raw = board_dac_read_raw,
	.write_raw = board_dac_write_raw,
	.update_scan_mode = board_dac_update_scan_mode,
};

static int board_dac_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct iio_dev *indio_dev;
	struct board_dac *dac;
	int ret;

	indio_dev = devm_iio_device_alloc(dev, sizeof(*dac));
	if (!indio_dev)
		return -ENOMEM;

	dac = iio_priv(indio_dev);
	indio_dev->name = "cf-ad9361-dds-core-lpc";
	indio_dev->modes = INDIO_DIRECT_MODE;
	indio_dev->info = &board_dac_info;
	indio_dev->setup_ops = &board_dac_setup_ops;
	indio_dev->channels = board_dac_channels;
	indio_dev->num_channels = ARRAY_SIZE(board_dac_channels);

	dac->core = board_map_core(dev, CORE_SIZE);
	if (IS_ERR(dac->core))
		return PTR_ERR(dac->core);

	ret = board_dac_get_core(dev, indio_dev);
	if (ret)
		return ret;

	board_dac_set_interface(dac);
	ret = board_dac_enable_core(dev, dac);
	if (ret)
		return ret;

	return devm_iio_device_register(dev, indio_dev);
}

static const struct of_device_id board_dac_of_match[] = {
	{ .compatible = "qemu,fmcomms2-transmitter" },
	{ }
};
MODULE_DEVICE_TABLE(of, board_dac_of_match);

static struct platform_driver board_dac_driver = {
	.driver = {
		.name = "board-dac",
		.of_match_table = board_dac_of_match,
	},
	.probe = board_dac_probe,
};

static int __init board_dac_init(void)
{
	return board_register(&board, board_dac_files, ARRAY_SIZE(board_dac_files),
			      &board_dac_driver);
}
module_init(board_dac_init);

static void __exit board_dac_exit(void)
{
	board_unregister(&board, &board_dac_driver);
}
module_exit(board_dac_exit);

MODULE_DESCRIPTION("Transmitter of the emulated ZCU102 + FMComms2/3 board");
MODULE_LICENSE("GPL");
IMPORT_NAMESPACE("IIO_DMAENGINE_BUFFER");
