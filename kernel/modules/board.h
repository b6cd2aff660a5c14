/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control block of the emulated ZCU102 + FMComms2/3 board, whose page is in
 * kernel/board/README.md, and its registers as files in debugfs.
 *
 * There is one board. Its control block and the files are there as long as the module is, whether
 * a device is bound or not: tests look at them in between.
 */
#ifndef _BOARD_H
#define _BOARD_H

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/kernel.h>
#include <linux/of.h>
#include <linux/of_address.h>
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
#define BOARD_REG_RX_STALL		0x5c
#define BOARD_REG_TX_FAULT		0x60
#define BOARD_REG_TX_EARLY_BYTES	0x64
#define BOARD_REG_TX_LATE_NS		0x68
#define BOARD_REG_TX_TRANSFERS		0x70
#define BOARD_REG_TX_BUS_ERRORS		0x74
#define BOARD_REG_TX_HOLD		0x78
#define BOARD_REG_TX_STALL		0x7c
#define BOARD_REG_TX_BYTES		0x80
#define BOARD_REG_TX_HASH		0x88
#define BOARD_REG_TX_UNDERFLOWS		0x90
#define BOARD_REG_TX_REPEATED		0x98
#define BOARD_REG_CROSSINGS		0xa4
#define BOARD_REG_LATE_WRITES		0xa8
#define BOARD_REG_LATE_FETCHES		0xac
#define BOARD_REG_TX_COUNT		0xc0
#define BOARD_REG_TX_JUMPS		0xc8
#define BOARD_REG_TX_LOST		0xd0

/**
 * struct board_file - a register of the control block in debugfs
 * @name: of the file
 * @reg: offset of the register
 * @wide: it has 64 bits
 * @writable: it may be written
 */
struct board_file {
	const char *name;
	unsigned int reg;
	bool wide, writable;
};

static int board_file_get(void *reg, u64 *val)
{
	*val = readl((void __iomem __force *)reg);
	return 0;
}

/* The low half latches the high one. */
static int board_file_get_wide(void *reg, u64 *val)
{
	*val = lo_hi_readq((void __iomem __force *)reg);
	return 0;
}

static int board_file_set(void *reg, u64 val)
{
	if (val > U32_MAX)
		return -EINVAL;

	writel(val, (void __iomem __force *)reg);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(board_file_ro_fops, board_file_get, NULL, "%llu\n");
DEFINE_DEBUGFS_ATTRIBUTE(board_file_wide_fops, board_file_get_wide, NULL, "%llu\n");
DEFINE_DEBUGFS_ATTRIBUTE(board_file_rw_fops, board_file_get, board_file_set, "%llu\n");

/**
 * struct board - the control block, and the folder of its files
 * @regs: its registers
 * @dir: the folder
 */
struct board {
	void __iomem *regs;
	struct dentry *dir;
};

#define BOARD_CHANNEL(_idx, _output) {					\
	.type = IIO_VOLTAGE,						\
	.indexed = 1,							\
	.output = (_output),						\
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

static int board_get_rate(const struct board *board, int *val, long mask)
{
	if (mask != IIO_CHAN_INFO_SAMP_FREQ)
		return -EINVAL;

	*val = readl(board->regs + BOARD_REG_RATE);
	return IIO_VAL_INT;
}

/*
 * The rate is that of both directions. 0 is none at all: samples come and go as fast as they
 * are taken and brought, and none is lost.
 */
static int board_set_rate(const struct board *board, int val, int val2, long mask)
{
	if (mask != IIO_CHAN_INFO_SAMP_FREQ || val < 0 || val2)
		return -EINVAL;

	writel(val, board->regs + BOARD_REG_RATE);
	return 0;
}

static void board_close(struct board *board)
{
	debugfs_remove_recursive(board->dir);
	iounmap(board->regs);
}

/* Not requested, as there are two modules that do this. */
static int board_open(struct board *board, const char *name, const struct board_file *files,
		      unsigned int num)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, "qemu,fmcomms2-control");
	const struct board_file *file;

	board->regs = of_iomap(node, 0);
	of_node_put(node);
	if (!board->regs)
		return -ENODEV;
	if (readl(board->regs + BOARD_REG_ID) != BOARD_ID_MAGIC) {
		iounmap(board->regs);
		return -ENODEV;
	}

	board->dir = debugfs_create_dir(name, NULL);
	for (file = files; file < files + num; file++)
		debugfs_create_file_unsafe(file->name, file->writable ? 0600 : 0400, board->dir,
					   (void __force *)(board->regs + file->reg),
					   file->wide ? &board_file_wide_fops :
					   file->writable ? &board_file_rw_fops :
							    &board_file_ro_fops);

	return 0;
}

/* For module_init(). The folder is called as the driver is. */
static int board_register(struct board *board, const struct board_file *files, unsigned int num,
			  struct platform_driver *driver)
{
	int ret;

	ret = board_open(board, driver->driver.name, files, num);
	if (ret)
		return ret;

	ret = platform_driver_register(driver);
	if (ret)
		board_close(board);

	return ret;
}

/* For module_exit() */
static void board_unregister(struct board *board, struct platform_driver *driver)
{
	platform_driver_unregister(driver);
	board_close(board);
}

/* Not requested either, as the driver of the core has done that where it is. */
static void __iomem *board_map_core(struct device *dev, resource_size_t size)
{
	struct device_node *core = of_parse_phandle(dev->of_node, "io-backends", 0);
	struct resource res;
	void __iomem *regs;
	int ret;

	ret = of_address_to_resource(core, 0, &res);
	of_node_put(core);
	if (ret)
		return IOMEM_ERR_PTR(dev_err_probe(dev, ret, "no core in the device tree\n"));

	regs = devm_ioremap(dev, res.start, size);

	return regs ?: IOMEM_ERR_PTR(-ENOMEM);
}

#endif
