/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kernel with an ADC, a DAC and a USB device controller, in this process: the system calls of the
 * program are wrapped by the linker. Files of sysfs are files of a directory.
 * It counts what a real kernel could only suffer.
 */
#ifndef RWBENCH_FAKE_H
#define RWBENCH_FAKE_H

#include <stdbool.h>
#include <stdint.h>

struct fake {
	/* how it shall behave */
	int getfd_errno;	/* of IIO_BUFFER_GET_FD_IOCTL */
	int attach_errno;
	int attach_errno_at;	/* on the n-th ATTACH; 0: on each */
	int enqueue_errno;
	int enqueue_errno_at;
	int heap_errno;		/* of the allocation, for heaps only */
	int enable_errno;
	bool late_enable;	/* another process enables it when it is opened */
	int read_errno;
	bool stall;		/* no data comes */
	uint64_t ahead;		/* so many blocks are ready before they are waited for */
	unsigned int behind;	/* but not so many of the last that were enqueued */
	bool swapped;		/* data is announced, but read() has none */
	unsigned int delay_us;	/* of each block */
	unsigned int enqueue_us;	/* of each ENQUEUE */
	unsigned int read_max;	/* read() returns no more than this */
	uint32_t start;		/* the first word of the stream */
	uint64_t lose_at;	/* before this block of the stream ... */
	uint32_t lose_words;	/* ... so many words are lost */
	uint64_t short_at;	/* this block ends early ... */
	uint32_t short_words;	/* ... by so many words */
	uint64_t fail_at;	/* this block of the stream is not written ... */
	uint64_t fail_blocks;	/* ... nor are so many in all, if that is more than one */
	int fail_errno;		/* what their fences say; 0: nothing */
	bool late;		/* a transfer is over before ENQUEUE returns to the caller */
	bool no_sync_file;	/* the kernel exports none */
	bool core;		/* there is ADI's FPGA core, with its registers */
	bool overflow;		/* its bit is set again at once */
	bool no_debugfs;	/* where they are is not mounted */
	unsigned int channels;	/* of the device; 0: four */
	bool timestamp;		/* and one of 64 bits behind them */
	unsigned int align;	/* length_align_bytes; 0: 8 */
	unsigned int dac_align;	/* of the DAC; 0: the same */
	uint64_t dac_hz;	/* rate of the DAC; 0: 1000000 */
	bool one_hot;		/* takes one channel at a time, the timestamp excepted */
	bool pairs;		/* takes 0 and 1 together, or 2 and 3, and so on */
	bool triggered;		/* cannot be enabled without a trigger */
	int length_errno;	/* of writing the length */
	int trigger_errno;	/* of writing the rate of the trigger */
	unsigned int trickle;	/* so many time-outs until a block is there */
	uint64_t instructions;	/* of each block, user and kernel; 0: no counters */
	bool pmu_wraps;		/* the counters have 32 bits and no interrupt */
	bool pagemap;		/* shows one page frame after the other ... */
	int pagemap_errno_at;	/* ... but fails at the n-th look */
	int pipe_errno;		/* of writes to pipes */
	int connect_errno;
	int send_errno;
	int zerocopy_errno;	/* of each send() with MSG_ZEROCOPY */
	unsigned int send_us;	/* of each send() */
	bool constant;		/* the stream is no counter */
	uint64_t max_hz;	/* of sampling_frequency; 0: any */
	uint64_t lossless_hz;	/* faster ones lose before each second block */
	uint64_t hz_step;	/* rates are multiples of it, and others the next one below */
	bool fixed_hz;		/* nobody can set it */
	bool twins;		/* device1 has the same name, voltage2 the label of voltage1 */
	bool read_only;		/* sysfs, as containers have it */
	bool no_node;		/* the device is there, but not in /dev */
	bool no_memory_nodes;	/* and the same of what DMABUFs come from */
	uint64_t gone_at;	/* with this block the device goes away */
	uint64_t toggle_at;	/* or another process switches it off and on, ... */
	bool toggle_quietly;	/* ... by a file that it has not truncated */
	bool dac_stall;		/* the DAC sends nothing */
	uint64_t dac_fail_at;	/* this block of it is not sent ... */
	int dac_fail_errno;	/* ... and that is what its fence says */
	bool no_cyclic;		/* its engine cannot repeat a block */
	bool underflow;		/* its bit is set again at once */
	bool no_host;		/* nobody configures the gadget */
	bool host_stall;	/* or takes what it has */
	uint64_t unplug_at;	/* with this block the host goes away */
	bool no_sg;		/* the controller takes no scatter-gather lists */
	bool no_ffs_dmabuf;	/* FunctionFS does not know of DMABUFs */
	int bind_errno;		/* of giving the gadget its controller */
	bool two_controllers;	/* there are two of them */

	/* what was seen */
	int attached;		/* now */
	int attaches;
	int enqueues;
	int queued;		/* now */
	int syncs;		/* open START without END, now */
	int sync_pairs;
	int sync_files;		/* that are open, now */
	int exports;		/* of sync files */
	int clears;		/* of the overflow bit */
	int buffers;		/* buffer fds that are open, now */
	uint64_t largest;	/* of the dma-bufs that were made */
	int dmabufs;		/* dma-bufs that are open, now */
	int mistakes;		/* of the caller; printed to standard error */
	int pagemap_looks;
	uint64_t blocks;	/* that were delivered */
	uint64_t sent;		/* blocks that the DAC has sent, cyclic ones once a round */
	uint64_t sent_bytes;
	int jumps;		/* of the counter in what was sent */
	int fence_waits;	/* of ENQUEUE, for the other device */
};

extern struct fake fake;

/* All to zero, and no fds known */
void fake_reset(void);

/* Makes sys, dev and proc below @dir */
int fake_tree(const char *dir);
void fake_tree_remove(const char *dir);

/* "stall,attach_errno=1" */
int fake_parse(const char *text);

#endif
