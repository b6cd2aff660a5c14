// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dummy ADC and DAC on the dummy DMA controller
 *
 * IIO devices without hardware that look to user space like the two sides of an AD9361
 * behind ADI's AXI cores: four 16-bit channels and one DMA buffer each, or another number
 * of channels, of which they may take only some together. Everything between the DMA
 * controller and user space is the ordinary iio-buffer-dmaengine code, so that this code
 * can be tested and measured on any machine. Where that code has no output buffers there
 * is no DAC.
 *
 * The samples are the running counter of the DMA controller, whichever channels are
 * enabled. sampling_frequency sets how fast they come or go, and 0, the default, is as
 * fast as user space takes or brings them: a plain benchmark run then measures the software.
 */

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iio/buffer.h>
#include <linux/iio/buffer-dmaengine.h>
#include <linux/iio/consumer.h>
#include <linux/iio/driver.h>
#include <linux/iio/iio.h>
#include <linux/iio/machine.h>
#include <linux/math64.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include "compat.h"
#include "dma-dummy.h"

#define ADC_DUMMY_MAX_CHANNELS		8

/**
 * struct adc_dummy_type - one of the two sides
 * @name: of the IIO device: what user space written for the real one looks for
 * @channels: channels of the IIO device
 * @dma: name of the DMA channel
 * @direction: direction of the buffer
 * @dma_direction: the same for the DMA controller
 */
struct adc_dummy_type {
	const char *name;
	const struct iio_chan_spec *channels;
	const char *dma;
	enum iio_buffer_direction direction;
	enum dma_transfer_direction dma_direction;
};

struct adc_dummy {
	const struct adc_dummy_type *type;
	unsigned int frequency;
	unsigned int max_frequency;
};

static unsigned int channels = 4;
module_param(channels, uint, 0444);
MODULE_PARM_DESC(channels, "Number of channels, 1 to 8");

static bool timestamp;
module_param(timestamp, bool, 0444);
MODULE_PARM_DESC(timestamp, "A scan may have a timestamp, which is words of the counter as well");

static bool one_hot;
module_param(one_hot, bool, 0444);
MODULE_PARM_DESC(one_hot, "Only one channel at a time can be enabled");

static bool pairs;
module_param(pairs, bool, 0444);
MODULE_PARM_DESC(pairs, "Only channels 0 and 1 can be enabled together, 2 and 3, and so on");

static unsigned int fail_start;
module_param(fail_start, uint, 0644);
MODULE_PARM_DESC(fail_start, "The next N times the buffer is enabled, the converter does not start");

static unsigned int slow_start_ms;
module_param(slow_start_ms, uint, 0644);
MODULE_PARM_DESC(slow_start_ms, "Time that the converter takes to start, or to fail to");

static unsigned int slow_flush_ms;
module_param(slow_flush_ms, uint, 0644);
MODULE_PARM_DESC(slow_flush_ms, "Time that it takes to flush the FIFO of the converter");

/* Calls of the driver that are going on; there must be none once it is unbound */
static atomic_t calls = ATOMIC_INIT(0);

static int adc_dummy_read_raw(struct iio_dev *indio_dev,
			      const struct iio_chan_spec *chan,
			      int *val, int *val2, long mask)
{
	struct adc_dummy *adc = iio_priv(indio_dev);

	if (mask != IIO_CHAN_INFO_SAMP_FREQ)
		return -EINVAL;

	*val = adc->frequency;

	return IIO_VAL_INT;
}

static int adc_dummy_write_raw(struct iio_dev *indio_dev,
			       const struct iio_chan_spec *chan,
			       int val, int val2, long mask)
{
	struct adc_dummy *adc = iio_priv(indio_dev);
	int ret = 0;

	if (mask != IIO_CHAN_INFO_SAMP_FREQ)
		return -EINVAL;
	if (val < 0 || val2 || val > adc->max_frequency)
		return -EINVAL;

	if (!iio_device_claim_direct(indio_dev))
		return -EBUSY;

	/* Otherwise the rate depends on the channels and waits until they are known. */
	if (!val)
		ret = dma_dummy_set_rate(adc->type->dma_direction, 0);
	if (!ret)
		adc->frequency = val;

	iio_device_release_direct(indio_dev);

	return ret;
}

static int adc_dummy_write_raw_get_fmt(struct iio_dev *indio_dev,
				       const struct iio_chan_spec *chan, long mask)
{
	return IIO_VAL_INT;
}

/*
 * Before the buffer is enabled, because that already starts the first transfers. With no
 * frequency of our own the rate stays what it is: somebody may have set it at the DMA
 * controller.
 */
static int adc_dummy_preenable(struct iio_dev *indio_dev)
{
	struct adc_dummy *adc = iio_priv(indio_dev);

	if (!adc->frequency)
		return 0;

	return dma_dummy_set_rate(adc->type->dma_direction,
				  (u64)adc->frequency * indio_dev->scan_bytes);
}

/* After the transfers have been started */
static int adc_dummy_postenable(struct iio_dev *indio_dev)
{
	unsigned int ms = READ_ONCE(slow_start_ms);

	if (ms)
		msleep(ms);

	if (!fail_start)
		return 0;

	fail_start--;

	return -EIO;
}

static bool adc_dummy_validate_scan_mask(struct iio_dev *indio_dev,
					 const unsigned long *mask)
{
	return !one_hot || iio_validate_scan_mask_onehot(indio_dev, mask);
}

static const struct iio_buffer_setup_ops adc_dummy_buffer_setup_ops = {
	.preenable = adc_dummy_preenable,
	.postenable = adc_dummy_postenable,
	.validate_scan_mask = adc_dummy_validate_scan_mask,
};

/* There is no FIFO, but this is what a reader calls who has too little */
static int adc_dummy_flush(struct iio_dev *indio_dev, unsigned int count)
{
	unsigned int ms = READ_ONCE(slow_flush_ms);

	if (ms) {
		atomic_inc(&calls);
		msleep(ms);
		atomic_dec(&calls);
	}

	return 0;
}

/* What a driver has that needs its device is freed at this time */
static void adc_dummy_gone(void *unused)
{
	WARN(atomic_read(&calls), "adc-dummy: unbound while it is being called\n");
}

static const struct iio_info adc_dummy_info = {
	.read_raw = adc_dummy_read_raw,
	.write_raw = adc_dummy_write_raw,
	.write_raw_get_fmt = adc_dummy_write_raw_get_fmt,
	.hwfifo_flush_to_buffer = adc_dummy_flush,
};

#define ADC_DUMMY_CHANNEL(n, out)					\
	{								\
		.type = IIO_VOLTAGE,					\
		.indexed = 1,						\
		.channel = n,						\
		.datasheet_name = "voltage" #n,				\
		.output = out,						\
		.info_mask_shared_by_all = BIT(IIO_CHAN_INFO_SAMP_FREQ), \
		.scan_index = n,					\
		.scan_type = {						\
			.sign = 's',					\
			.realbits = 16,					\
			.storagebits = 16,				\
			.endianness = IIO_LE,				\
		},							\
	}

/* A timestamp first, so that any number of channels may follow; an output has none */
#define ADC_DUMMY_CHANNELS(out)						\
	ADC_DUMMY_CHANNEL(0, out),					\
	ADC_DUMMY_CHANNEL(1, out),					\
	ADC_DUMMY_CHANNEL(2, out),					\
	ADC_DUMMY_CHANNEL(3, out),					\
	ADC_DUMMY_CHANNEL(4, out),					\
	ADC_DUMMY_CHANNEL(5, out),					\
	ADC_DUMMY_CHANNEL(6, out),					\
	ADC_DUMMY_CHANNEL(7, out)

static const struct iio_chan_spec adc_dummy_inputs[] = {
	IIO_CHAN_SOFT_TIMESTAMP(ADC_DUMMY_MAX_CHANNELS),
	ADC_DUMMY_CHANNELS(0),
};

static const struct iio_chan_spec adc_dummy_outputs[] = {
	ADC_DUMMY_CHANNELS(1),
};

static const struct adc_dummy_type adc_dummy_adc = {
	.name = "cf-ad9361-lpc",
	.channels = adc_dummy_inputs + 1,
	.dma = "rx",
	.direction = IIO_BUFFER_DIRECTION_IN,
	.dma_direction = DMA_DEV_TO_MEM,
};

static const struct adc_dummy_type __maybe_unused adc_dummy_dac = {
	.name = "cf-ad9361-dds-core-lpc",
	.channels = adc_dummy_outputs,
	.dma = "tx",
	.direction = IIO_BUFFER_DIRECTION_OUT,
	.dma_direction = DMA_MEM_TO_DEV,
};

static const unsigned long adc_dummy_pairs[] = {
	BIT(0) | BIT(1), BIT(2) | BIT(3), BIT(4) | BIT(5), BIT(6) | BIT(7), 0,
};

/* The consumer, below, goes by the name of the device itself. */
static struct iio_map adc_dummy_maps[] = {
	{
		.adc_channel_label = "voltage0",
		.consumer_dev_name = "adc-dummy",
		.consumer_channel = "consumer",
	},
	{ }
};

/* A scan of all channels must stay below what the DMA controller can do. */
static unsigned int adc_dummy_max_frequency(void)
{
	unsigned int bytes = channels * sizeof(u16);

	if (timestamp)
		bytes = ALIGN(bytes, sizeof(u64)) + sizeof(u64);

	return min_t(u64, div_u64(DMA_DUMMY_MAX_RATE, bytes), INT_MAX);
}

static int adc_dummy_probe(struct platform_device *pdev)
{
	const struct platform_device_id *id = platform_get_device_id(pdev);
	const struct adc_dummy_type *type = (const void *)id->driver_data;
	struct device *dev = &pdev->dev;
	struct iio_dev *indio_dev;
	struct adc_dummy *adc;
	int ret;

	ret = dma_dummy_add_consumer(dev);
	if (ret)
		return ret;

	indio_dev = devm_iio_device_alloc(dev, sizeof(*adc));
	if (!indio_dev)
		return -ENOMEM;

	adc = iio_priv(indio_dev);
	adc->type = type;
	adc->max_frequency = adc_dummy_max_frequency();

	indio_dev->name = type->name;
	indio_dev->modes = INDIO_DIRECT_MODE;
	indio_dev->channels = type->channels;
	indio_dev->num_channels = channels;
	if (timestamp && type->direction == IIO_BUFFER_DIRECTION_IN) {
		indio_dev->channels--;
		indio_dev->num_channels++;
	}
	if (pairs)
		indio_dev->available_scan_masks = adc_dummy_pairs;
	indio_dev->info = &adc_dummy_info;
	indio_dev->setup_ops = &adc_dummy_buffer_setup_ops;

	ret = devm_add_action(dev, adc_dummy_gone, NULL);
	if (ret)
		return ret;

	if (type->direction == IIO_BUFFER_DIRECTION_IN) {
		ret = devm_iio_map_array_register(dev, indio_dev, adc_dummy_maps);
		if (ret)
			return ret;
	}

	ret = devm_iio_dmaengine_buffer_setup_ext(dev, indio_dev, type->dma,
						  type->direction);
	if (ret)
		return dev_err_probe(dev, ret, "no DMA buffer\n");

	return devm_iio_device_register(dev, indio_dev);
}

/* The names are those under which the DMA controller knows its clients. */
static const struct platform_device_id adc_dummy_ids[] = {
	{ .name = "adc-dummy", .driver_data = (kernel_ulong_t)&adc_dummy_adc },
#if defined(HAVE_DMAENGINE_OUTPUT)
	{ .name = "dac-dummy", .driver_data = (kernel_ulong_t)&adc_dummy_dac },
#endif
	{ }
};

static struct platform_driver adc_dummy_driver = {
	.driver = {
		.name = "adc-dummy",
	},
	.probe = adc_dummy_probe,
	.id_table = adc_dummy_ids,
};

static struct platform_device *adc_dummy_pdevs[ARRAY_SIZE(adc_dummy_ids) - 1];
static struct dentry *adc_dummy_debugfs;

/*
 * Another driver that uses a channel of the ADC, as far as the IIO core can tell. Whoever
 * opens the file has the channel, and each read() asks for its rate.
 */
static int adc_dummy_consumer_open(struct inode *inode, struct file *file)
{
	struct iio_channel *channel;

	channel = iio_channel_get(&adc_dummy_pdevs[0]->dev, "consumer");
	file->private_data = channel;

	return PTR_ERR_OR_ZERO(channel);
}

static int adc_dummy_consumer_release(struct inode *inode, struct file *file)
{
	iio_channel_release(file->private_data);

	return 0;
}

static ssize_t adc_dummy_consumer_read(struct file *file, char __user *buf,
				       size_t size, loff_t *pos)
{
	char text[16];
	int ret, val;

	ret = iio_read_channel_attribute(file->private_data, &val, NULL,
					 IIO_CHAN_INFO_SAMP_FREQ);
	if (ret < 0)
		return ret;

	ret = scnprintf(text, sizeof(text), "%d\n", val);

	return simple_read_from_buffer(buf, size, pos, text, ret);
}

static const struct file_operations adc_dummy_consumer_fops = {
	.owner = THIS_MODULE,
	.open = adc_dummy_consumer_open,
	.read = adc_dummy_consumer_read,
	.llseek = default_llseek,
	.release = adc_dummy_consumer_release,
};

static void adc_dummy_unregister_devices(void)
{
	int i;

	for (i = ARRAY_SIZE(adc_dummy_pdevs) - 1; i >= 0; i--)
		platform_device_unregister(adc_dummy_pdevs[i]);
}

static int __init adc_dummy_init(void)
{
	struct platform_device *pdev;
	unsigned int i;
	int ret;

	if (!channels || channels > ADC_DUMMY_MAX_CHANNELS)
		return -EINVAL;

	ret = platform_driver_register(&adc_dummy_driver);
	if (ret)
		return ret;

	for (i = 0; i < ARRAY_SIZE(adc_dummy_pdevs); i++) {
		pdev = platform_device_register_simple(adc_dummy_ids[i].name,
						       PLATFORM_DEVID_NONE,
						       NULL, 0);
		if (IS_ERR(pdev)) {
			adc_dummy_unregister_devices();
			platform_driver_unregister(&adc_dummy_driver);
			return PTR_ERR(pdev);
		}
		adc_dummy_pdevs[i] = pdev;
	}

	adc_dummy_debugfs = debugfs_create_dir("adc-dummy", NULL);
	debugfs_create_file("consumer", 0400, adc_dummy_debugfs, NULL,
			    &adc_dummy_consumer_fops);

	return 0;
}
module_init(adc_dummy_init);

static void __exit adc_dummy_exit(void)
{
	debugfs_remove_recursive(adc_dummy_debugfs);
	adc_dummy_unregister_devices();
	platform_driver_unregister(&adc_dummy_driver);
}
module_exit(adc_dummy_exit);

MODULE_DESCRIPTION("Dummy ADC and DAC on the dummy DMA controller");
MODULE_LICENSE("GPL");
IMPORT_NAMESPACE("IIO_CONSUMER");
IMPORT_NAMESPACE("IIO_DMAENGINE_BUFFER");
