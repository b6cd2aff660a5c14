// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delays at chosen functions, so that races get wide
 *
 * A kprobe at the entry of each function named by a parameter. Every second call on
 * average is held up for a random time, with interrupts off as they are in a kprobe, and
 * the task then asked to let others run as soon as it may be preempted. Other CPUs go on
 * meanwhile: what they can do between two steps of the delayed one, they will.
 *
 *     insmod delay_inject.ko symbols=dma_resv_add_fence,dma_fence_signal max_us=200
 */

#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

#define DELAY_INJECT_MAX_SYMBOLS	64
/* Longer with interrupts off would upset the watchdogs. */
#define DELAY_INJECT_MAX_US		2000U

static char *symbols[DELAY_INJECT_MAX_SYMBOLS];
static unsigned int num_symbols;
module_param_array(symbols, charp, &num_symbols, 0444);
MODULE_PARM_DESC(symbols, "Functions to delay; each must exist as a symbol");

static unsigned int max_us = 100;
module_param(max_us, uint, 0644);
MODULE_PARM_DESC(max_us, "Longest delay in microseconds (default: 100, at most 2000)");

/**
 * struct delay_inject - a function that is delayed
 * @kp: its probe
 * @hits: how often it was delayed
 */
struct delay_inject {
	struct kprobe kp;
	atomic_t hits;
};

static struct delay_inject probes[DELAY_INJECT_MAX_SYMBOLS];
static struct kprobe *kprobes[DELAY_INJECT_MAX_SYMBOLS];
static struct dentry *file;

static int delay_inject_handler(struct kprobe *kp, struct pt_regs *regs)
{
	struct delay_inject *probe = container_of(kp, struct delay_inject, kp);
	u32 random = get_random_u32();

	if (random & 1)
		return 0;

	atomic_inc(&probe->hits);
	udelay((random >> 1) % (min(READ_ONCE(max_us), DELAY_INJECT_MAX_US) + 1));
	set_tsk_need_resched(current);
	set_preempt_need_resched();

	return 0;
}
NOKPROBE_SYMBOL(delay_inject_handler);

static int delay_inject_show(struct seq_file *s, void *unused)
{
	unsigned int i;

	for (i = 0; i < num_symbols; i++)
		seq_printf(s, "%s %d\n", symbols[i], atomic_read(&probes[i].hits));

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(delay_inject);

static int __init delay_inject_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < num_symbols; i++) {
		probes[i].kp.symbol_name = symbols[i];
		probes[i].kp.pre_handler = delay_inject_handler;
		kprobes[i] = &probes[i].kp;
	}

	/* One that cannot be probed, and none is: a test must not be quieter than it says. */
	for (i = 0; i < num_symbols; i++) {
		ret = register_kprobe(kprobes[i]);
		if (ret) {
			pr_err("delay_inject: %s: %d\n", symbols[i], ret);
			unregister_kprobes(kprobes, i);
			return ret;
		}
	}

	file = debugfs_create_file("delay-inject", 0444, NULL, NULL, &delay_inject_fops);

	return 0;
}
module_init(delay_inject_init);

static void __exit delay_inject_exit(void)
{
	debugfs_remove(file);
	unregister_kprobes(kprobes, num_symbols);
}
module_exit(delay_inject_exit);

MODULE_DESCRIPTION("Random delays at chosen functions");
MODULE_LICENSE("GPL");
