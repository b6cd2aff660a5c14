// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA-BUFs that are one piece to the device
 *
 * Behind an IOMMU the pages of a DMA-BUF can become one piece. Its table then has fewer
 * entries to the device (sg_table.nents) than to the CPU (sg_table.orig_nents), and an
 * importer that mixes up the two gets lengths and addresses that mean nothing. This
 * exporter makes such tables without an IOMMU: memory in one piece, an entry for each of
 * its pages, and a mapping with a single one.
 *
 * /dev/dmabuf-merged takes DMA_HEAP_IOCTL_ALLOC, as the heaps do. Module parameters, which
 * can be changed at any time, turn it into a slow or faulty exporter, or one whose DMA-BUFs
 * have one reservation lock in common, as those of a GPU can.
 *
 * There is no cache maintenance: for importers that are cache coherent. One whose DMA goes
 * through an IOMMU or bounce buffers is refused (EIO).
 */

#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include <uapi/linux/dma-heap.h>

#include "compat.h"

static unsigned int fail_map;

static int fail_map_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, MAX_ERRNO);
}

static const struct kernel_param_ops fail_map_ops = {
	.set = fail_map_set,
	.get = param_get_uint,
};
module_param_cb(fail_map, &fail_map_ops, &fail_map, 0644);
MODULE_PARM_DESC(fail_map, "Number of the error that mapping fails with (0: it works)");

static bool short_table;
module_param(short_table, bool, 0644);
MODULE_PARM_DESC(short_table, "Leave the last page out of a mapping");

static unsigned int slow_map_ms;
static DECLARE_WAIT_QUEUE_HEAD(slow_map_wait);

static int slow_map_ms_set(const char *val, const struct kernel_param *kp)
{
	int ret = param_set_uint(val, kp);

	wake_up_all(&slow_map_wait);

	return ret;
}

static const struct kernel_param_ops slow_map_ms_ops = {
	.set = slow_map_ms_set,
	.get = param_get_uint,
};
module_param_cb(slow_map_ms, &slow_map_ms_ops, &slow_map_ms, 0644);
MODULE_PARM_DESC(slow_map_ms, "Time that mapping takes, at most: it ends when this becomes 0");

static unsigned int shift;
module_param(shift, uint, 0644);
MODULE_PARM_DESC(shift, "DMA addresses of a mapping are so many bytes off, less than a page");

static unsigned int split;
module_param(split, uint, 0644);
MODULE_PARM_DESC(split, "A mapping has two entries, the first so many bytes longer than pages, less than a page");

static struct dma_resv dmabuf_merged_resv;
static bool shared_resv;
module_param(shared_resv, bool, 0644);
MODULE_PARM_DESC(shared_resv, "New DMA-BUFs have one reservation object in common");

static unsigned int claim_gib;

static int claim_gib_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, 16);
}

static const struct kernel_param_ops claim_gib_ops = {
	.set = claim_gib_set,
	.get = param_get_uint,
};
module_param_cb(claim_gib, &claim_gib_ops, &claim_gib, 0644);
MODULE_PARM_DESC(claim_gib, "New DMA-BUFs say that they have so many GiB; only for importers that refuse them");

/* What there is of the DMA-BUF, whatever it claims to be */
static size_t dmabuf_merged_size(struct dma_buf *dmabuf)
{
	struct page *pages = dmabuf->priv;

	return min_t(size_t, dmabuf->size, page_size(pages));
}

static struct sg_table *dmabuf_merged_alloc_table(struct dma_buf *dmabuf)
{
	struct page *pages = dmabuf->priv;
	struct scatterlist *sg;
	struct sg_table *sgt;
	unsigned int i;

	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return NULL;

	if (sg_alloc_table(sgt, dmabuf_merged_size(dmabuf) >> PAGE_SHIFT,
			   GFP_KERNEL)) {
		kfree(sgt);
		return NULL;
	}

	for_each_sgtable_sg(sgt, sg, i)
		sg_set_page(sg, pages + i, PAGE_SIZE, 0);

	return sgt;
}

/*
 * Whether the device sees the memory itself, and not what an IOMMU or bounce buffers put in
 * its place: only then is one piece of memory one piece to the device, too.
 */
static bool dmabuf_merged_is_direct(struct device *dev, struct sg_table *sgt)
{
	struct scatterlist *sg;
	unsigned int i;

	if (sgt->nents != sgt->orig_nents)
		return false;

	for_each_sgtable_dma_sg(sgt, sg, i)
		if (sg_dma_address(sg) != phys_to_dma(dev, sg_phys(sg)))
			return false;

	return true;
}

static void dmabuf_merged_free_table(struct sg_table *sgt)
{
	sg_free_table(sgt);
	kfree(sgt);
}

/* Both begin at a page, and so overlap: nothing is beyond the memory. */
static void dmabuf_merged_split(struct sg_table *sgt, size_t size, size_t excess)
{
	struct scatterlist *first = sgt->sgl, *second = sg_next(first);
	size_t half = round_down(size / 2, PAGE_SIZE);

	if (!excess || !second)
		return;

	sg_dma_len(first) = half + excess;
	sg_dma_address(second) = sg_dma_address(first) + half;
	sg_dma_len(second) = size - half - excess;
	sgt->nents = 2;
}

static struct sg_table *dmabuf_merged_map(struct dma_buf_attachment *attach,
					  enum dma_data_direction dir)
{
	size_t left = attach->dmabuf->size;
	struct scatterlist *sg;
	struct sg_table *sgt;
	dma_addr_t addr;
	unsigned int i;
	int ret;

	wait_event_timeout(slow_map_wait, !READ_ONCE(slow_map_ms),
			   msecs_to_jiffies(READ_ONCE(slow_map_ms)));

	ret = READ_ONCE(fail_map);
	if (ret)
		return ERR_PTR(-ret);

	sgt = dmabuf_merged_alloc_table(attach->dmabuf);
	if (!sgt)
		return ERR_PTR(-ENOMEM);

	ret = dma_map_sgtable(attach->dev, sgt, dir, 0);
	if (ret) {
		dmabuf_merged_free_table(sgt);
		return ERR_PTR(ret);
	}

	if (!dmabuf_merged_is_direct(attach->dev, sgt)) {
		dma_unmap_sgtable(attach->dev, sgt, dir, 0);
		dmabuf_merged_free_table(sgt);
		return ERR_PTR(-EIO);
	}

	if (READ_ONCE(short_table))
		left -= PAGE_SIZE;

	/*
	 * What iommu_dma_map_sg() leaves when it could merge all. An entry cannot have the
	 * length of what claims to be very large.
	 */
	addr = sg_dma_address(sgt->sgl) + READ_ONCE(shift) % PAGE_SIZE;
	sgt->nents = max(DIV_ROUND_UP_ULL(left, SZ_1G), 1ULL);
	for_each_sgtable_sg(sgt, sg, i) {
		sg_dma_len(sg) = min_t(size_t, left, SZ_1G);
		sg_dma_address(sg) = i < sgt->nents ? addr : DMA_MAPPING_ERROR;
		addr += sg_dma_len(sg);
		left -= sg_dma_len(sg);
	}

	dmabuf_merged_split(sgt, attach->dmabuf->size, READ_ONCE(split) % PAGE_SIZE);

	return sgt;
}

static void dmabuf_merged_unmap(struct dma_buf_attachment *attach,
				struct sg_table *sgt,
				enum dma_data_direction dir)
{
	dma_addr_t addr = round_down(sg_dma_address(sgt->sgl), (dma_addr_t)PAGE_SIZE);
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(sgt, sg, i) {
		sg_dma_address(sg) = addr + ((dma_addr_t)i << PAGE_SHIFT);
		sg_dma_len(sg) = PAGE_SIZE;
	}
	sgt->nents = sgt->orig_nents;
	dma_unmap_sgtable(attach->dev, sgt, dir, 0);
	dmabuf_merged_free_table(sgt);
}

static int dmabuf_merged_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct page *pages = dmabuf->priv;

	if (vma->vm_pgoff + vma_pages(vma) > dmabuf_merged_size(dmabuf) >> PAGE_SHIFT)
		return -EINVAL;

	return remap_pfn_range(vma, vma->vm_start,
			       page_to_pfn(pages) + vma->vm_pgoff,
			       vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

static void dmabuf_merged_release(struct dma_buf *dmabuf)
{
	struct page *pages = dmabuf->priv;

	__free_pages(pages, compound_order(pages));
}

static const struct dma_buf_ops dmabuf_merged_ops = {
	.map_dma_buf = dmabuf_merged_map,
	.unmap_dma_buf = dmabuf_merged_unmap,
	.mmap = dmabuf_merged_mmap,
	.release = dmabuf_merged_release,
};

/* Returns a file descriptor. */
static int dmabuf_merged_alloc(size_t size, int fd_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	size_t claim = READ_ONCE(claim_gib);
	struct dma_buf *dmabuf;
	struct page *pages;
	int fd;

	/* The table has an entry for each page, and needs one for each GiB */
	if (size >> PAGE_SHIFT < claim)
		return -EINVAL;

	pages = alloc_pages(GFP_KERNEL | __GFP_COMP | __GFP_ZERO | __GFP_NOWARN,
			    get_order(size));
	if (!pages)
		return -ENOMEM;

	exp_info.ops = &dmabuf_merged_ops;
	exp_info.size = claim ? claim * SZ_1G : size;
	exp_info.flags = fd_flags;
	exp_info.priv = pages;
	if (READ_ONCE(shared_resv))
		exp_info.resv = &dmabuf_merged_resv;
	dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(dmabuf)) {
		__free_pages(pages, get_order(size));
		return PTR_ERR(dmabuf);
	}

	fd = dma_buf_fd(dmabuf, fd_flags);
	if (fd < 0)
		dma_buf_put(dmabuf);

	return fd;
}

static long dmabuf_merged_ioctl(struct file *file, unsigned int cmd,
				unsigned long arg)
{
	struct dma_heap_allocation_data __user *user = (void __user *)arg;
	struct dma_heap_allocation_data data;
	int fd;

	if (cmd != DMA_HEAP_IOCTL_ALLOC)
		return -ENOTTY;
	if (copy_from_user(&data, user, sizeof(data)))
		return -EFAULT;
	if (data.fd || data.heap_flags || !data.len || data.len > SIZE_MAX / 2 ||
	    data.fd_flags & ~(O_ACCMODE | O_CLOEXEC))
		return -EINVAL;

	fd = dmabuf_merged_alloc(PAGE_ALIGN(data.len), data.fd_flags);
	if (fd < 0)
		return fd;

	/* Too late to take it back: the caller finds it among its descriptors. */
	return put_user(fd, &user->fd);
}

static const struct file_operations dmabuf_merged_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dmabuf_merged_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice dmabuf_merged_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dmabuf-merged",
	.fops = &dmabuf_merged_fops,
};

static int __init dmabuf_merged_init(void)
{
	int ret;

	dma_resv_init(&dmabuf_merged_resv);
	ret = misc_register(&dmabuf_merged_misc);
	if (ret)
		dma_resv_fini(&dmabuf_merged_resv);

	return ret;
}
module_init(dmabuf_merged_init);

static void __exit dmabuf_merged_exit(void)
{
	misc_deregister(&dmabuf_merged_misc);
	dma_resv_fini(&dmabuf_merged_resv);
}
module_exit(dmabuf_merged_exit);

MODULE_DESCRIPTION("DMA-BUFs that are one piece to the device");
MODULE_LICENSE("GPL");
IMPORT_NAMESPACE("DMA_BUF");
