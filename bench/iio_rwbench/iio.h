/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_IIO_H
#define RWBENCH_IIO_H

#include "sysfs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define IIO_MAX_CHANNELS	128
#define IIO_NAME		64

struct gadget;

struct iio_chan {
	char id[IIO_NAME];		/* voltage0 */
	char label[IIO_NAME];
	unsigned int index;
	unsigned int bytes;
	bool selected;
};

struct iio_dev {
	char id[IIO_NAME];		/* iio:device0 */
	char name[IIO_NAME];
	char label[IIO_NAME];
	char dir[SYSFS_PATH / 2];	/* .../sys/bus/iio/devices/iio:device0 */
	char buf[SYSFS_PATH - 160];	/* dir/bufferN */
	char old_buf[SYSFS_PATH - 160];	/* dir/buffer, which is buffer 0 as well */
	char node[SYSFS_PATH];		/* .../dev/iio:device0 */
	char root[128];
	unsigned int buffer_index;
	bool output;			/* of the buffer */
	struct iio_dev *to;		/* in a relay: where the samples go */
	struct gadget *gadget;		/* this is none of IIO, but an endpoint to a USB host */
	struct iio_chan chan[IIO_MAX_CHANNELS];
	size_t nchan;
	unsigned int scan_bytes;	/* of the selected channels */
	uint64_t length_align;		/* bytes; 1 if the driver does not say */
	bool had_dmabufs;		/* in an earlier transfer of ours */
	bool named;			/* the user chose the channels */
	char left_out[256];		/* channels that the device did not take with the others */
	uint64_t expected_rate;		/* that the user named for the trigger; 0: none */
};

/* All of these return 0 or a status of error.h, with the sentence kept */
int iio_find(struct iio_dev *dev, const char *root, const char *wanted,
	     unsigned int buffer_index);
int iio_select(struct iio_dev *dev, char *const *names, size_t n);

struct iio_settings {
	const char *trigger;	/* NULL: leave the one that is set */
	uint64_t trigger_rate;	/* of that; 0: leave it */
	bool expect_rate;	/* the user named it, so that samples will come at this rate */
	const uint64_t *rate;	/* sampling_frequency; NULL: leave it */
};

/*
 * Sets up what does not depend on the block size. Of channels that the user did not name
 * it takes as many as the device takes together.
 */
int iio_setup(struct iio_dev *dev, const struct iio_settings *set);

/*
 * A buffer of @blocks blocks. The kernel cuts one for read() into two, DMABUFs are one
 * each. Where the length is fixed, it stays as it is.
 */
int iio_set_block(struct iio_dev *dev, uint64_t block_samples, unsigned int blocks);

/* In samples; 0 if unknown */
uint64_t iio_length(const struct iio_dev *dev);

/*
 * What waits for read(), of an output what waits to be sent or, with another kind of buffer,
 * the room that there is for write(); 0 if unknown
 */
uint64_t iio_available(const struct iio_dev *dev);

int iio_open_buffer(const struct iio_dev *dev, int *fd);
int iio_enable(struct iio_dev *dev, uint64_t block_bytes);

/*
 * " by iiod (process 812)", ", perhaps by ..." of who has the buffer of some device, which
 * shows no name; or nothing
 */
void iio_used_by(const struct iio_dev *dev, char *text, size_t size);
int iio_disable(struct iio_dev *dev);
bool iio_is_enabled(const struct iio_dev *dev);

/* Who else writes to "enable" while a run lasts, be it to switch it off and on again? */
struct iio_watch {
	int fd[2];		/* of its two files; -1: none */
	int events[2];		/* of writes to them, by inotify; -1: there is none */
	struct timespec written[2];
};

/* The former before the buffer is enabled, the latter, which is quicker, after it */
void iio_watch_prepare(const struct iio_dev *dev, struct iio_watch *w);
void iio_watch_begin(struct iio_watch *w);
int iio_watch_check(const struct iio_dev *dev, const struct iio_watch *w);
void iio_watch_end(struct iio_watch *w);

/* Is the device still there? If not, that is why anything else has failed */
int iio_check_there(const struct iio_dev *dev);

/* 0, or the reason for which what was enabled is not any more */
int iio_check_enabled(const struct iio_dev *dev);

/* The sampling frequency in Hz, 0 if unknown or unlimited */
uint64_t iio_rate(const struct iio_dev *dev);

/* At which samples come: that of the trigger, if there is one. 0 if unknown or unlimited */
uint64_t iio_sample_rate(const struct iio_dev *dev);

/* "it has sampling_frequency 1000", or what else there is to say of that */
void iio_rate_text(const struct iio_dev *dev, char *text, size_t size);

/* The same for time-outs: where nothing else is known, what the user or the device says */
uint64_t iio_expected_rate(const struct iio_dev *dev);
bool iio_has_rate(const struct iio_dev *dev);

/* *@taken is false if the device has no such rate, which is no failure here */
int iio_set_rate(struct iio_dev *dev, uint64_t rate, bool *taken);

/* The highest that the device lists, 0 if it lists none */
uint64_t iio_rate_available(const struct iio_dev *dev);

/* "1000 2000.5" or "[min step max]" -> the largest number, 0 if there is none */
uint64_t iio_parse_available(const char *text);

/* Examples for a user who named no device */
void iio_examples(FILE *out, const char *root);

/* "le:s12/16X2>>4" -> 4 bytes; 0 if it cannot be read */
unsigned int iio_parse_type(const char *type);

/* Size of one scan of the selected channels, with the kernel's alignment */
unsigned int iio_scan_size(const struct iio_dev *dev);

#endif
