// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dummy ADC on the dummy DMA controller
 *
 * An IIO device without hardware that looks to user space like the receive side of an
 * AD9361 behind ADI's AXI ADC core: four 16-bit channels and one DMA buffer. Everything
 * between the DMA controller and user space is the ordinary iio-buffer-dmaengine code,
 * so that this code can be tested and measured on any machine.
 *
 * The samples are the running counter of the DMA controller, whichever channels are
 * enabled. sampling_frequency sets how fast they come, and 0, the default, is as fast as
 * the reader takes them: a plain benchmark run then measures the software.
 */

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/iio/buffer-dmaengine.h>
#include <linux/iio/iio.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include "compat.h"
#include "dma-dummy.h"

/* A scan of all channels must stay below what the DMA controller can do. */
#define ADC_DUMMY_MAX_FREQUENCY		(DMA_DUMMY_MAX_RATE / (4 * sizeof(u16)))

struct adc_dummy {
	unsigned int frequency;
};

static unsigned int fail_start;
module_param(fail_start, uint, 0644);
MODULE_PARM_DESC(fail_start, "The next N times the buffer is enabled, the converter does not start");

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
	if (val < 0 || val2 || val > ADC_DUMMY_MAX_FREQUENCY)
		return -EINVAL;

	if (!iio_device_claim_direct(indio_dev))
		return -EBUSY;

	/* Otherwise the rate depends on the channels and waits until they are known. */
	if (!val)
		ret = dma_dummy_set_rate(0);
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

	return dma_dummy_set_rate((u64)adc->frequency * indio_dev->scan_bytes);
}

/* After the transfers have been started */
static int adc_dummy_postenable(struct iio_dev *indio_dev)
{
	if (!fail_start)
		return 0;

	fail_start--;

	return -EIO;
}

static const struct iio_buffer_setup_ops adc_dummy_buffer_setup_ops = {
	.preenable = adc_dummy_preenable,
	.postenable = adc_dummy_postenable,
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

#define ADC_DUMMY_CHANNEL						\
	.type = IIO_VOLTAGE,						\
	.indexed = 1,							\
	.info_mask_shared_by_all = BIT(IIO_CHAN_INFO_SAMP_FREQ),	\
	.scan_type = {							\
		.sign = 's',						\
		.realbits = 16,						\
		.storagebits = 16,					\
		.endianness = IIO_LE,					\
	}

static const struct iio_chan_spec adc_dummy_channels[] = {
	{ ADC_DUMMY_CHANNEL, .channel = 0, .scan_index = 0 },
	{ ADC_DUMMY_CHANNEL, .channel = 1, .scan_index = 1 },
	{ ADC_DUMMY_CHANNEL, .channel = 2, .scan_index = 2 },
	{ ADC_DUMMY_CHANNEL, .channel = 3, .scan_index = 3 },
};

static int adc_dummy_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct iio_dev *indio_dev;
	int ret;

	ret = dma_dummy_add_consumer(dev);
	if (ret)
		return ret;

	indio_dev = devm_iio_device_alloc(dev, sizeof(struct adc_dummy));
	if (!indio_dev)
		return -ENOMEM;

	/* The name that user space written for the real device looks for. */
	indio_dev->name = "cf-ad9361-lpc";
	indio_dev->modes = INDIO_DIRECT_MODE;
	indio_dev->channels = adc_dummy_channels;
	indio_dev->num_channels = ARRAY_SIZE(adc_dummy_channels);
	indio_dev->info = &adc_dummy_info;
	indio_dev->setup_ops = &adc_dummy_buffer_setup_ops;

	ret = devm_add_action(dev, adc_dummy_gone, NULL);
	if (ret)
		return ret;

	ret = devm_iio_dmaengine_buffer_setup(dev, indio_dev, "rx");
	if (ret)
		return dev_err_probe(dev, ret, "no DMA buffer\n");

	return devm_iio_device_register(dev, indio_dev);
}

static struct platform_driver adc_dummy_driver = {
	.driver = {
		.name = "adc-dummy",
	},
	.probe = adc_dummy_probe,
};

static struct platform_device *adc_dummy_pdev;

static int __init adc_dummy_init(void)
{
	int ret;

	ret = platform_driver_register(&adc_dummy_driver);
	if (ret)
		return ret;

	/* The name is the one under which the DMA controller knows its client. */
	adc_dummy_pdev = platform_device_register_simple("adc-dummy",
							 PLATFORM_DEVID_NONE,
							 NULL, 0);
	if (IS_ERR(adc_dummy_pdev)) {
		platform_driver_unregister(&adc_dummy_driver);
		return PTR_ERR(adc_dummy_pdev);
	}

	return 0;
}
module_init(adc_dummy_init);

static void __exit adc_dummy_exit(void)
{
	platform_device_unregister(adc_dummy_pdev);
	platform_driver_unregister(&adc_dummy_driver);
}
module_exit(adc_dummy_exit);

MODULE_DESCRIPTION("Dummy ADC on the dummy DMA controller");
MODULE_LICENSE("GPL");
IMPORT_NAMESPACE("IIO_DMAENGINE_BUFFER");
