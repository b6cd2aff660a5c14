// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delays at chosen functions, so that races get wide
 *
 * A kprobe at the entry of each function named by a parameter. Every second call on
 * average is held up for a random time, with interrupts off as they are in a kprobe, and
 * the task then asked to let others run as soon as it may be preempted. Other CPUs go on
 * meanwhile: what they can do between two steps of the delayed one, they will. On arm64 it
 * can also be where a function has called another one, and goes on.
 *
 *     insmod delay_inject.ko symbols=dma_resv_add_fence,dma_fence_signal max_us=200
 *     insmod delay_inject.ko after=iio_dma_buffer_block_done:_raw_spin_unlock_irqrestore
 */

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#define DELAY_INJECT_MAX_SYMBOLS	64
/* A function that is longer is searched no further. */
#define DELAY_INJECT_MAX_INSNS		1024
/* Longer with interrupts off would upset the watchdogs. */
#define DELAY_INJECT_MAX_US		2000U

static char *symbols[DELAY_INJECT_MAX_SYMBOLS];
static unsigned int num_symbols;
module_param_array(symbols, charp, &num_symbols, 0444);
MODULE_PARM_DESC(symbols, "Functions to delay; each must exist as a symbol");

static char *after[DELAY_INJECT_MAX_SYMBOLS];
static unsigned int num_after;
module_param_array(after, charp, &num_after, 0444);
MODULE_PARM_DESC(after, "FUNCTION:CALLED, to delay FUNCTION where CALLED has returned to it");

static unsigned int max_us = 100;
module_param(max_us, uint, 0644);
MODULE_PARM_DESC(max_us, "Longest delay in microseconds (default: 100, at most 2000)");

/**
 * struct delay_inject - a place that is delayed
 * @name: what it is called
 * @kp: its probe
 * @hits: how often it was delayed
 */
struct delay_inject {
	const char *name;
	struct kprobe kp;
	atomic_t hits;
};

static struct delay_inject probes[2 * DELAY_INJECT_MAX_SYMBOLS];
static struct kprobe *kprobes[2 * DELAY_INJECT_MAX_SYMBOLS];
static unsigned int num_probes;
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

	for (i = 0; i < num_probes; i++)
		seq_printf(s, "%s %d\n", probes[i].name, atomic_read(&probes[i].hits));

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(delay_inject);

/* Kprobes know where a function is, and tell it to modules. */
static u32 *delay_inject_address(const char *symbol)
{
	struct kprobe kp = { .symbol_name = symbol };
	int ret = register_kprobe(&kp);

	if (ret) {
		pr_err("delay_inject: %s: %d\n", symbol, ret);
		return ERR_PTR(ret);
	}
	unregister_kprobe(&kp);

	return (u32 *)kp.addr;
}

/* What a "bl" of arm64 at this place calls, or NULL */
static u32 *delay_inject_called(u32 *insn)
{
	if (!IS_ENABLED(CONFIG_ARM64) || (*insn & 0xfc000000) != 0x94000000)
		return NULL;

	return insn + sign_extend32(*insn, 25);
}

/* The instruction behind the first call of @called in @function */
static u32 *delay_inject_find(const char *function, const char *called)
{
	u32 *insn = delay_inject_address(function);
	u32 *target = delay_inject_address(called);
	unsigned int i;

	if (IS_ERR(insn))
		return insn;
	if (IS_ERR(target))
		return target;

	for (i = 0; i < DELAY_INJECT_MAX_INSNS; i++)
		if (delay_inject_called(insn + i) == target)
			return insn + i + 1;

	pr_err("delay_inject: %s does not call %s\n", function, called);

	return ERR_PTR(-ENOENT);
}

/* @place is FUNCTION:CALLED, and becomes FUNCTION */
static int delay_inject_add_after(char *place)
{
	struct delay_inject *probe = &probes[num_probes++];
	const char *function = strsep(&place, ":");
	u32 *addr;

	if (!place)
		return -EINVAL;
	addr = delay_inject_find(function, place);
	if (IS_ERR(addr))
		return PTR_ERR(addr);
	probe->name = function;
	probe->kp.addr = (kprobe_opcode_t *)addr;

	return 0;
}

static int __init delay_inject_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < num_symbols; i++) {
		probes[i].name = symbols[i];
		probes[i].kp.symbol_name = symbols[i];
	}
	num_probes = num_symbols;
	for (i = 0; i < num_after; i++) {
		ret = delay_inject_add_after(after[i]);
		if (ret)
			return ret;
	}

	/* One that cannot be probed, and none is: a test must not be quieter than it says. */
	for (i = 0; i < num_probes; i++) {
		probes[i].kp.pre_handler = delay_inject_handler;
		kprobes[i] = &probes[i].kp;
		ret = register_kprobe(kprobes[i]);
		if (ret) {
			pr_err("delay_inject: %s: %d\n", probes[i].name, ret);
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
	unregister_kprobes(kprobes, num_probes);
}
module_exit(delay_inject_exit);

MODULE_DESCRIPTION("Random delays at chosen functions");
MODULE_LICENSE("GPL");
