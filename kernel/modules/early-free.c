// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client that frees its vectors too early
 *
 * When a DMABUF is detached whose transfer is under way, its block gets a copy of its vectors,
 * and those that the DMA controller was given are freed. No client of dmaengine may do that.
 * Do the tests find out when one does? ci/tests/early-free-test loads this module to see.
 */

#include <linux/dmaengine.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <linux/iio/buffer-dma.h>

/* iio_dma_buffer_detach_dmabuf(buffer, block, error) begins. */
static int early_free_handler(struct kprobe *kp, struct pt_regs *regs)
{
	struct iio_dma_buffer_block *block = (void *)regs_get_kernel_argument(regs, 1);
	struct dma_vec *vecs = block->vecs, *copy;

	/* Large arrays cannot be freed here; the tests have small ones. */
	if (READ_ONCE(block->state) != IIO_BLOCK_STATE_ACTIVE || is_vmalloc_addr(vecs))
		return 0;

	copy = kmemdup(vecs, block->num_vecs * sizeof(*vecs), GFP_ATOMIC);
	if (!copy)
		return 0;
	block->vecs = copy;
	kfree(vecs);

	return 0;
}
NOKPROBE_SYMBOL(early_free_handler);

static struct kprobe early_free_probe = {
	.symbol_name = "iio_dma_buffer_detach_dmabuf",
	.pre_handler = early_free_handler,
};

static int __init early_free_init(void)
{
	return register_kprobe(&early_free_probe);
}
module_init(early_free_init);

static void __exit early_free_exit(void)
{
	unregister_kprobe(&early_free_probe);
}
module_exit(early_free_exit);

MODULE_DESCRIPTION("Frees the vectors of a transfer too early");
MODULE_LICENSE("GPL");
