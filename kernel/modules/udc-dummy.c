// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dummy USB device controller with its host built in
 *
 * A SuperSpeed device controller without hardware, for gadget drivers that hand over lists
 * of memory which is mapped already, as FunctionFS does with DMA-BUFs. It reaches memory by
 * DMA address alone, as hardware does. It exists to test and to measure what is above it, so
 * it can be slow, late and faulty on request.
 *
 * The host is part of the controller, as no host driver is to be tested. It resets and
 * enumerates whatever gadget is bound, and chooses its first configuration. From then on it
 * takes what bulk IN endpoints have, and looks whether it continues a running counter, one
 * little endian 32-bit count per four bytes; and it sends such a counter to bulk OUT
 * endpoints. Each direction of the wire has a rate, which its endpoints share. A program can
 * take the host's place, at any of the bulk endpoints and at the control endpoint, by debugfs.
 *
 * One thread is the host's control pipe, one for each bulk endpoint the host's end of it. Most
 * of a transfer is moved as soon as it starts, its last page when it is due: it can keep up
 * with any rate that way, and a buffer that is handed on too early is found out.
 *
 * Locking: udc_dummy.lock protects all that is not said to belong to a thread. Data are moved
 * under it, a page at a time, and only for a request that is still there: usb_ep_dequeue()
 * and usb_ep_disable(), which may not sleep, have nothing to wait for.
 */

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/usb/ch9.h>
#include <linux/usb/gadget.h>
#include <linux/wait.h>

#include "compat.h"
#include "dummy-memory.h"

/* Bulk endpoints of each direction */
#define UDC_DUMMY_PAIRS		4
#define UDC_DUMMY_NUM_EPS	(1 + 2 * UDC_DUMMY_PAIRS)

/* What bulk transfers get of the 5 Gbit/s of SuperSpeed on usual hosts, in bytes per second */
#define UDC_DUMMY_RATE		400000000

/* What moves only when the transfer is due */
#define UDC_DUMMY_LAST		SZ_4K

#define UDC_DUMMY_BULK_PACKET		1024
#define UDC_DUMMY_CONTROL_PACKET	512
#define UDC_DUMMY_CONTROL_PACKET_2	64	/* of USB 2 */
#define UDC_DUMMY_CONTROL_TIMEOUT	msecs_to_jiffies(5000)

/* What a program reads or writes at a time; a multiple of a packet */
#define UDC_DUMMY_MAX_URB	SZ_1M

/**
 * struct udc_dummy_request - request
 * @req: what the gadget driver sees
 * @node: in udc_dummy_ep.queue
 * @queued: when it was queued
 * @sg: entry of the next byte to move, NULL if the request has no list
 * @offset: offset of the next byte in that entry
 */
struct udc_dummy_request {
	struct usb_request req;
	struct list_head node;
	ktime_t queued;
	struct scatterlist *sg;
	unsigned int offset;
};

/**
 * struct udc_dummy_urb - what a program reads from an endpoint, or writes to one
 * @data: the bytes
 * @len: number of bytes that there are or may be
 * @actual: number of bytes that were moved
 * @queued: when the program came
 * @status: what it has ended with
 * @done: it has ended, and nobody but the program knows of it any more
 */
struct udc_dummy_urb {
	u8 *data;
	size_t len;
	size_t actual;
	ktime_t queued;
	int status;
	struct completion done;
};

/**
 * struct udc_dummy_ep - endpoint, and the host's end of it
 * @ep: what the gadget driver sees
 * @udc: the controller
 * @name: name of the endpoint
 * @in: its direction
 * @enabled: it is part of the configuration
 * @halted: it answers with STALL
 * @queue: requests, the oldest first
 * @wq: where the thread sleeps
 * @active: the request that the thread works on, NULL if there is none any more
 * @end: number of bytes of it that are to be moved; the thread only
 * @status: what it is to end with; the thread only
 * @due: when it is to end, 0 without a rate; the thread only
 * @manual: a program is the host here, and there is no counter
 * @by_hand: what is moved of @active is for the program; the thread only
 * @urb: what the program waits for, NULL if it does not
 * @urb_lock: serializes programs; taken before the lock
 * @next: next count of the stream
 * @started: @next is known
 * @bytes: number of bytes that were moved
 * @completed: number of transfers that ended, also by a fault
 * @mapped: number of those whose memory was mapped before they were queued
 * @jumps: number of words that arrived and did not continue the counter
 * @lost_bytes: number of bytes of the counter that these jumped over
 * @stalls: number of STALLs that the host has seen, and cleared
 */
struct udc_dummy_ep {
	struct usb_ep ep;
	struct udc_dummy *udc;
	char name[8];
	bool in;

	bool enabled;
	bool halted;
	struct list_head queue;
	wait_queue_head_t wq;

	struct udc_dummy_request *active;
	unsigned int end;
	int status;
	ktime_t due;

	bool manual;
	bool by_hand;
	struct udc_dummy_urb *urb;
	struct mutex urb_lock;	/* one program at a time */

	u32 next;
	bool started;
	u64 bytes;
	u64 completed;
	u64 mapped;
	u64 jumps;
	u64 lost_bytes;
	u64 stalls;
};

/**
 * struct udc_dummy - controller
 * @gadget: what the gadget driver sees
 * @dev: the device that its memory is mapped for
 * @eps: endpoints: the control endpoint, then pairs of IN and OUT
 * @lock: protects what follows
 * @driver: gadget driver, NULL if there is none
 * @callbacks: the driver may be called
 * @calls: number of calls of the driver that are going on
 * @pullup: the gadget shows itself to the host
 * @cable: the host is there
 * @attached: the host knows of the gadget
 * @dropped: the gadget has been gone since the host has attached it
 * @busy: the host attaches or detaches it
 * @speed: fastest speed of the driver
 * @idle: when each direction of the wire is free again
 * @rate: bytes per second of each direction of the wire, 0 for no limit
 * @check: every how many bytes the host looks at the counter, 0 for never
 * @hold: no transfer completes
 * @delay_us: how long completions are held back
 * @refuse: number of requests to refuse when they are queued
 * @fail: number of transfers to fail
 * @short_bytes: by how much the next OUT transfer is to be short
 * @requests: number of requests that exist
 * @debugfs: folder of the above
 * @control_lock: serializes control transfers; taken before the lock
 * @config: configuration descriptor; the host's control pipe only
 */
struct udc_dummy {
	struct usb_gadget gadget;
	struct device *dev;
	struct udc_dummy_ep eps[UDC_DUMMY_NUM_EPS];

	spinlock_t lock;	/* all of the state */
	struct usb_gadget_driver *driver;
	bool callbacks;
	unsigned int calls;
	bool pullup;
	bool cable;
	bool attached;
	bool dropped;
	bool busy;
	enum usb_device_speed speed;
	ktime_t idle[2];

	u64 rate;
	u32 check;
	bool hold;
	u32 delay_us;
	atomic_t refuse;
	atomic_t fail;
	atomic_t short_bytes;
	atomic_t requests;
	struct dentry *debugfs;

	struct mutex control_lock;	/* one control transfer at a time */
	u8 config[SZ_4K];
};

static bool sg = true;
module_param(sg, bool, 0444);
MODULE_PARM_DESC(sg, "take scatter-gather lists (default Y)");

static struct platform_device *udc_dummy_pdev;

static struct udc_dummy *to_udc_dummy(struct usb_gadget *gadget)
{
	return container_of(gadget, struct udc_dummy, gadget);
}

static struct udc_dummy_ep *to_udc_dummy_ep(struct usb_ep *ep)
{
	return container_of(ep, struct udc_dummy_ep, ep);
}

static struct udc_dummy_request *to_udc_dummy_request(struct usb_request *req)
{
	return container_of(req, struct udc_dummy_request, req);
}

static struct udc_dummy_request *udc_dummy_first(struct udc_dummy_ep *dep)
{
	return list_first_entry_or_null(&dep->queue, struct udc_dummy_request,
					node);
}

static bool udc_dummy_is_control(const struct udc_dummy_ep *dep)
{
	return dep == dep->udc->eps;
}

/* The host's control pipe sleeps where the control endpoint does */
static wait_queue_head_t *udc_dummy_host_wq(struct udc_dummy *ud)
{
	return &ud->eps[0].wq;
}

/* Counters change under the lock, but debugfs reads them without it. */
static void udc_dummy_add(u64 *counter, u64 num)
{
	WRITE_ONCE(*counter, *counter + num);
}

/* Somebody waits for that once there are to be no calls any more. */
static void udc_dummy_call_is_over(struct udc_dummy *ud)
{
	ud->calls--;
	if (!ud->calls && !ud->callbacks)
		wake_up_all(udc_dummy_host_wq(ud));
}

/* Requests */

/* The callback may queue or free anything, so it is called without the lock. */
static void udc_dummy_giveback(struct udc_dummy_ep *dep,
			       struct udc_dummy_request *dreq, int status)
	__releases(&dep->udc->lock)
	__acquires(&dep->udc->lock)
{
	struct udc_dummy *ud = dep->udc;

	list_del_init(&dreq->node);
	if (dep->active == dreq) {
		WRITE_ONCE(dep->active, NULL);
		wake_up(&dep->wq);
	}
	dreq->req.status = status;
	if (!udc_dummy_is_control(dep))
		usb_gadget_unmap_request_by_dev(ud->dev, &dreq->req, dep->in);

	ud->calls++;
	spin_unlock(&ud->lock);
	usb_gadget_giveback_request(&dep->ep, &dreq->req);
	spin_lock(&ud->lock);
	udc_dummy_call_is_over(ud);
}

/* What a program waits for has ended, if there is something. Under the lock */
static void udc_dummy_end_urb(struct udc_dummy_ep *dep, int status)
{
	struct udc_dummy_urb *urb = dep->urb;

	if (!urb)
		return;

	urb->status = status;
	WRITE_ONCE(dep->urb, NULL);
	wake_up(&dep->wq);
	complete(&urb->done);
}

static void udc_dummy_nuke(struct udc_dummy_ep *dep)
{
	while (!list_empty(&dep->queue))
		udc_dummy_giveback(dep, udc_dummy_first(dep), -ESHUTDOWN);
}

static struct usb_request *udc_dummy_alloc_request(struct usb_ep *ep, gfp_t gfp)
{
	struct udc_dummy_request *dreq = kzalloc(sizeof(*dreq), gfp);

	if (!dreq)
		return NULL;

	INIT_LIST_HEAD(&dreq->node);
	atomic_inc(&to_udc_dummy_ep(ep)->udc->requests);

	return &dreq->req;
}

static void udc_dummy_free_request(struct usb_ep *ep, struct usb_request *req)
{
	struct udc_dummy_request *dreq = to_udc_dummy_request(req);

	WARN_ON(!list_empty(&dreq->node));
	atomic_dec(&to_udc_dummy_ep(ep)->udc->requests);
	kfree(dreq);
}

/*
 * Whoever has mapped the list: what the device sees of it has to have all the bytes of the
 * request, and no entry that has none of them.
 */
static int udc_dummy_check_list(struct udc_dummy *ud,
				const struct usb_request *req)
{
	unsigned int left = req->length, i;
	struct scatterlist *sg = req->sg;

	for (i = 0; i < req->num_mapped_sgs; i++, sg = sg_next(sg)) {
		if (!sg || !sg_dma_len(sg) || !left)
			goto err;
		left -= min(left, sg_dma_len(sg));
	}
	if (!left)
		return 0;
err:
	dev_dbg(ud->dev, "%u bytes are not what %u mapped entries have\n",
		req->length, req->num_mapped_sgs);
	return -EINVAL;
}

static int udc_dummy_map(struct udc_dummy_ep *dep,
			 struct udc_dummy_request *dreq)
{
	struct usb_request *req = &dreq->req;
	int ret;

	dreq->sg = NULL;
	dreq->offset = 0;
	if (udc_dummy_is_control(dep))
		return 0;

	ret = usb_gadget_map_request_by_dev(dep->udc->dev, req, dep->in);
	if (ret || !req->num_sgs || !req->length)
		return ret;

	ret = udc_dummy_check_list(dep->udc, req);
	if (ret) {
		usb_gadget_unmap_request_by_dev(dep->udc->dev, req, dep->in);
		return ret;
	}
	dreq->sg = req->sg;

	return 0;
}

static int udc_dummy_queue(struct usb_ep *ep, struct usb_request *req, gfp_t gfp)
{
	struct udc_dummy_request *dreq = to_udc_dummy_request(req);
	struct udc_dummy_ep *dep = to_udc_dummy_ep(ep);
	struct udc_dummy *ud = dep->udc;
	unsigned long flags;
	int ret;

	if (!list_empty(&dreq->node))
		return -EBUSY;
	if (!udc_dummy_is_control(dep) &&
	    atomic_dec_if_positive(&ud->refuse) >= 0)
		return -ENOMEM;

	ret = udc_dummy_map(dep, dreq);
	if (ret)
		return ret;

	req->status = -EINPROGRESS;
	req->actual = 0;
	dreq->queued = ktime_get();

	spin_lock_irqsave(&ud->lock, flags);
	if (dep->enabled) {
		list_add_tail(&dreq->node, &dep->queue);
	} else {
		if (!udc_dummy_is_control(dep))
			usb_gadget_unmap_request_by_dev(ud->dev, req, dep->in);
		ret = -ESHUTDOWN;
	}
	spin_unlock_irqrestore(&ud->lock, flags);
	wake_up(&dep->wq);

	return ret;
}

static int udc_dummy_dequeue(struct usb_ep *ep, struct usb_request *req)
{
	struct udc_dummy_ep *dep = to_udc_dummy_ep(ep);
	struct udc_dummy_request *dreq;
	unsigned long flags;
	int ret = -EINVAL;

	spin_lock_irqsave(&dep->udc->lock, flags);
	list_for_each_entry(dreq, &dep->queue, node) {
		if (&dreq->req == req) {
			udc_dummy_giveback(dep, dreq, -ECONNRESET);
			ret = 0;
			break;
		}
	}
	spin_unlock_irqrestore(&dep->udc->lock, flags);

	return ret;
}

static int udc_dummy_enable(struct usb_ep *ep,
			    const struct usb_endpoint_descriptor *desc)
{
	struct udc_dummy_ep *dep = to_udc_dummy_ep(ep);
	unsigned long flags;

	if (!usb_endpoint_xfer_bulk(desc) ||
	    usb_endpoint_dir_in(desc) != dep->in ||
	    usb_endpoint_maxp(desc) > UDC_DUMMY_BULK_PACKET)
		return -EINVAL;

	spin_lock_irqsave(&dep->udc->lock, flags);
	ep->maxpacket = usb_endpoint_maxp(desc);
	dep->halted = false;
	dep->enabled = true;
	/* Those who send know what they begin with. */
	dep->started = !dep->in;
	dep->next = 0;
	spin_unlock_irqrestore(&dep->udc->lock, flags);

	return 0;
}

static int udc_dummy_disable(struct usb_ep *ep)
{
	struct udc_dummy_ep *dep = to_udc_dummy_ep(ep);
	unsigned long flags;

	spin_lock_irqsave(&dep->udc->lock, flags);
	dep->enabled = false;
	udc_dummy_end_urb(dep, -ENODEV);
	udc_dummy_nuke(dep);
	spin_unlock_irqrestore(&dep->udc->lock, flags);

	return 0;
}

static int udc_dummy_set_halt(struct usb_ep *ep, int value)
{
	struct udc_dummy_ep *dep = to_udc_dummy_ep(ep);
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&dep->udc->lock, flags);
	if (value && dep->in && !list_empty(&dep->queue))
		ret = -EAGAIN;
	else
		dep->halted = value;
	spin_unlock_irqrestore(&dep->udc->lock, flags);
	wake_up(&dep->wq);

	return ret;
}

static const struct usb_ep_ops udc_dummy_ep_ops = {
	.enable = udc_dummy_enable,
	.disable = udc_dummy_disable,
	.alloc_request = udc_dummy_alloc_request,
	.free_request = udc_dummy_free_request,
	.queue = udc_dummy_queue,
	.dequeue = udc_dummy_dequeue,
	.set_halt = udc_dummy_set_halt,
};

/* Bulk pipes: the counter */

/* A jump back is something that was there before. */
static void udc_dummy_jump(struct udc_dummy_ep *dep, s32 words)
{
	udc_dummy_add(&dep->jumps, 1);
	if (words > 0)
		udc_dummy_add(&dep->lost_bytes, (u64)words * sizeof(u32));
}

/* A part that is not a number of whole words begins the counter anew. */
static void udc_dummy_check(struct udc_dummy_ep *dep, const u8 *from,
			    size_t len, u32 step)
{
	size_t i;
	u32 word;

	if (!step || !IS_ALIGNED(len, sizeof(word))) {
		dep->started = false;
		return;
	}
	if (!dep->started) {
		dep->next = get_unaligned_le32(from);
		dep->started = true;
	}

	for (i = 0; i < len; i += step) {
		word = get_unaligned_le32(from + i) - i / sizeof(word);
		if (word != dep->next) {
			udc_dummy_jump(dep, word - dep->next);
			dep->next = word;
		}
	}
	dep->next += len / sizeof(word);
}

static void udc_dummy_count(struct udc_dummy_ep *dep, u8 *to, size_t len)
{
	size_t i;

	for (i = 0; i + sizeof(u32) <= len; i += sizeof(u32))
		put_unaligned_le32(dep->next++, to + i);
	memset(to + i, 0, len - i);
}

/* Bulk pipes: moving data */

/* What comes next of a request, at most @max bytes in one page. Returns its length. */
static size_t udc_dummy_piece(const struct udc_dummy_request *dreq, size_t max,
			      dma_addr_t *addr)
{
	if (dreq->sg) {
		*addr = sg_dma_address(dreq->sg) + dreq->offset;
		max = min_t(size_t, max, sg_dma_len(dreq->sg) - dreq->offset);
	} else {
		*addr = dreq->req.dma + dreq->req.actual;
	}

	return min_t(size_t, max, PAGE_SIZE - offset_in_page(*addr));
}

static void udc_dummy_advance(struct udc_dummy_request *dreq, size_t len)
{
	dreq->req.actual += len;
	if (!dreq->sg)
		return;

	dreq->offset += len;
	if (dreq->offset == sg_dma_len(dreq->sg)) {
		dreq->sg = sg_next(dreq->sg);
		dreq->offset = 0;
	}
}

/* A program that has gone has room for nothing. */
static size_t udc_dummy_room(const struct udc_dummy_ep *dep)
{
	if (!dep->by_hand)
		return SIZE_MAX;

	return dep->urb ? dep->urb->len - dep->urb->actual : 0;
}

/* The host's end: a counter, or the memory of a program */
static void udc_dummy_exchange(struct udc_dummy_ep *dep, u8 *virt, size_t len)
{
	struct udc_dummy_urb *urb = dep->urb;

	if (dep->by_hand) {
		if (dep->in)
			memcpy(urb->data + urb->actual, virt, len);
		else
			memcpy(virt, urb->data + urb->actual, len);
		urb->actual += len;
	} else if (dep->in) {
		udc_dummy_check(dep, virt, len, READ_ONCE(dep->udc->check));
	} else {
		udc_dummy_count(dep, virt, len);
	}
}

static int udc_dummy_move_piece(struct udc_dummy_ep *dep,
				struct udc_dummy_request *dreq, size_t max)
{
	struct udc_dummy *ud = dep->udc;
	struct page *page;
	dma_addr_t addr;
	size_t len;
	u8 *virt;

	len = udc_dummy_piece(dreq, max, &addr);
	page = dummy_memory_page(ud->dev, addr);
	if (!page)
		return -EFAULT;

	virt = kmap_local_page(page);
	udc_dummy_exchange(dep, virt + offset_in_page(addr), len);
	if (!dep->in)
		flush_dcache_page(page);
	kunmap_local(virt);

	udc_dummy_advance(dreq, len);
	udc_dummy_add(&dep->bytes, len);

	return 0;
}

/* Moves the active request up to its byte @until, unless somebody takes it back. */
static void udc_dummy_move(struct udc_dummy_ep *dep, unsigned int until)
{
	struct udc_dummy *ud = dep->udc;
	struct udc_dummy_request *dreq;
	size_t room;
	bool more;

	do {
		spin_lock_irq(&ud->lock);
		dreq = dep->active;
		room = udc_dummy_room(dep);
		more = dreq && dreq->req.actual < until && room && !dep->status;
		if (more)
			dep->status = udc_dummy_move_piece(dep, dreq,
							   min_t(size_t, room,
								 until - dreq->req.actual));
		spin_unlock_irq(&ud->lock);
		cond_resched();
	} while (more);
}

/*
 * Bulk pipes: time. Every sleep of a thread ends when its request is taken back, or the program
 * goes that it is for.
 */

static bool udc_dummy_stopped(struct udc_dummy_ep *dep)
{
	return !READ_ONCE(dep->active) || kthread_should_stop() ||
	       (dep->by_hand && !READ_ONCE(dep->urb));
}

static void udc_dummy_sleep_until(struct udc_dummy_ep *dep, ktime_t when)
{
	ktime_t left;

	while (!udc_dummy_stopped(dep)) {
		left = ktime_sub(when, ktime_get());
		if (left <= 0)
			return;
		/* Interruptible only so that the load average does not count it. */
		wait_event_interruptible_hrtimeout(dep->wq,
						   udc_dummy_stopped(dep), left);
	}
}

/*
 * A transfer begins when it was queued and the wire is free; how long the thread needed to
 * notice is no time that hardware would have lost.
 */
static ktime_t udc_dummy_reserve_wire(struct udc_dummy_ep *dep, ktime_t queued)
{
	struct udc_dummy *ud = dep->udc;
	u64 ns;

	if (!ud->rate)
		return 0;

	ns = DIV64_U64_ROUND_UP((u64)(dep->end - dep->active->req.actual) *
				NSEC_PER_SEC, ud->rate);
	ud->idle[dep->in] = ktime_add_ns(max(queued, ud->idle[dep->in]), ns);

	return ud->idle[dep->in];
}

/* The wire has waited for something else than data. */
static void udc_dummy_wire_is_late(struct udc_dummy_ep *dep)
{
	struct udc_dummy *ud = dep->udc;

	spin_lock_irq(&ud->lock);
	ud->idle[dep->in] = max(ud->idle[dep->in], ktime_get());
	spin_unlock_irq(&ud->lock);
}

static void udc_dummy_wait_until_due(struct udc_dummy_ep *dep, u32 delay_us)
{
	struct udc_dummy *ud = dep->udc;

	udc_dummy_sleep_until(dep, dep->due);
	if (delay_us)
		udc_dummy_sleep_until(dep, ktime_add_us(ktime_get(), delay_us));
	wait_event_idle(dep->wq, !READ_ONCE(ud->hold) || udc_dummy_stopped(dep));
}

/* Bulk pipes: the threads */

/* What drivers of hosts do about a STALL: clear it, and tell those who wait */
static void udc_dummy_clear_halt(struct udc_dummy_ep *dep)
{
	if (!dep->halted)
		return;

	dep->halted = false;
	udc_dummy_add(&dep->stalls, 1);
	udc_dummy_end_urb(dep, -EPIPE);
}

/* How many bytes more of a request are to move, and what it is to end with */
static unsigned int udc_dummy_plan(struct udc_dummy_ep *dep,
				   const struct usb_request *req)
{
	unsigned int len = req->length - req->actual;
	struct udc_dummy *ud = dep->udc;

	dep->status = 0;
	if (atomic_dec_if_positive(&ud->fail) >= 0) {
		dep->status = -EIO;
		return 0;
	}
	if (dep->by_hand)
		return min_t(size_t, len, udc_dummy_room(dep));
	if (!dep->in)
		len -= min_t(unsigned int, len, atomic_xchg(&ud->short_bytes, 0));

	return len;
}

static bool udc_dummy_begin(struct udc_dummy_ep *dep)
{
	struct udc_dummy *ud = dep->udc;
	struct udc_dummy_request *dreq = NULL;
	ktime_t queued;

	spin_lock_irq(&ud->lock);
	udc_dummy_clear_halt(dep);
	if (ud->callbacks && (!dep->manual || dep->urb))
		dreq = udc_dummy_first(dep);
	if (dreq) {
		dep->active = dreq;
		dep->by_hand = dep->manual;
		dep->end = dreq->req.actual + udc_dummy_plan(dep, &dreq->req);
		queued = dreq->queued;
		if (dep->by_hand)
			queued = max(queued, dep->urb->queued);
		dep->due = udc_dummy_reserve_wire(dep, queued);
	}
	spin_unlock_irq(&ud->lock);

	return dreq;
}

static bool udc_dummy_ends_short(const struct udc_dummy_ep *dep, size_t len)
{
	return !len || len % dep->ep.maxpacket;
}

/*
 * Programs and gadgets ask for numbers of bytes that need not be the same. What one of them
 * begins goes on until it has all of them, or the other one has sent a packet that is not full.
 * Ends what the program waits for, if so; returns whether the request ends.
 */
static bool udc_dummy_by_hand_ends(struct udc_dummy_ep *dep,
				   const struct usb_request *req)
{
	bool req_ends = dep->status || req->actual == req->length;
	struct udc_dummy_urb *urb = dep->urb;
	bool urb_ends;

	if (!urb)
		return req_ends;

	urb_ends = dep->status || urb->actual == urb->len;
	if (dep->in && req_ends)
		urb_ends |= req->zero || udc_dummy_ends_short(dep, req->length);
	if (!dep->in && urb_ends)
		req_ends |= udc_dummy_ends_short(dep, urb->len);
	if (urb_ends)
		udc_dummy_end_urb(dep, dep->status);

	return req_ends;
}

static void udc_dummy_finish(struct udc_dummy_ep *dep)
{
	struct udc_dummy *ud = dep->udc;
	struct udc_dummy_request *dreq;

	spin_lock_irq(&ud->lock);
	dreq = dep->active;
	if (dreq && ud->callbacks &&
	    (!dep->by_hand || udc_dummy_by_hand_ends(dep, &dreq->req))) {
		udc_dummy_add(&dep->completed, 1);
		udc_dummy_add(&dep->mapped, dreq->req.sg_was_mapped);
		udc_dummy_giveback(dep, dreq, dep->status);
	}
	/* Else it goes on later, or whoever disables the endpoint gives it back. */
	WRITE_ONCE(dep->active, NULL);
	spin_unlock_irq(&ud->lock);
}

static void udc_dummy_transfer(struct udc_dummy_ep *dep)
{
	struct udc_dummy *ud = dep->udc;
	u32 delay_us = READ_ONCE(ud->delay_us);
	bool hold = READ_ONCE(ud->hold);

	if (dep->due || delay_us || hold) {
		udc_dummy_move(dep, dep->end - min_t(unsigned int, dep->end,
						     UDC_DUMMY_LAST));
		udc_dummy_wait_until_due(dep, delay_us);
		if (delay_us || hold)
			udc_dummy_wire_is_late(dep);
	}
	udc_dummy_move(dep, dep->end);
	udc_dummy_finish(dep);
}

static int udc_dummy_pipe_thread(void *data)
{
	struct udc_dummy_ep *dep = data;
	bool begun;

	/* Hardware is not late by 50 us, as a thread that sleeps may be. */
	current->timer_slack_ns = 1;

	while (!kthread_should_stop()) {
		begun = false;
		wait_event_idle(dep->wq, kthread_should_stop() ||
				(begun = udc_dummy_begin(dep)));
		if (begun)
			udc_dummy_transfer(dep);
	}

	return 0;
}

/* The host's control pipe */

enum udc_dummy_event {
	UDC_DUMMY_RESET,
	UDC_DUMMY_SETUP,
	UDC_DUMMY_DISCONNECT,
};

static int udc_dummy_tell_driver(struct udc_dummy *ud,
				 struct usb_gadget_driver *driver,
				 enum udc_dummy_event event,
				 const struct usb_ctrlrequest *ctrl)
{
	switch (event) {
	case UDC_DUMMY_RESET:
		usb_gadget_udc_reset(&ud->gadget, driver);
		return 0;
	case UDC_DUMMY_SETUP:
		return driver->setup(&ud->gadget, ctrl);
	case UDC_DUMMY_DISCONNECT:
		driver->disconnect(&ud->gadget);
		return 0;
	}

	return -EINVAL;
}

/* With interrupts off, as drivers expect it. Returns -ENODEV without a driver. */
static int udc_dummy_tell(struct udc_dummy *ud, enum udc_dummy_event event,
			  const struct usb_ctrlrequest *ctrl)
{
	struct usb_gadget_driver *driver;
	int ret = -ENODEV;

	spin_lock_irq(&ud->lock);
	driver = ud->callbacks ? ud->driver : NULL;
	if (driver) {
		ud->calls++;
		spin_unlock(&ud->lock);
		ret = udc_dummy_tell_driver(ud, driver, event, ctrl);
		spin_lock(&ud->lock);
		udc_dummy_call_is_over(ud);
	}
	spin_unlock_irq(&ud->lock);

	return ret;
}

static bool udc_dummy_answered(struct udc_dummy *ud)
{
	struct udc_dummy_ep *ep0 = &ud->eps[0];
	bool answered;

	spin_lock_irq(&ud->lock);
	answered = ud->dropped || ep0->halted || !list_empty(&ep0->queue);
	spin_unlock_irq(&ud->lock);

	return answered;
}

/* The setup stage. It ends what is left of the request before. */
static int udc_dummy_setup(struct udc_dummy *ud, const struct usb_ctrlrequest *ctrl)
{
	struct udc_dummy_ep *ep0 = &ud->eps[0];
	bool there;
	int ret;

	spin_lock_irq(&ud->lock);
	there = ud->attached && !ud->dropped;
	if (there) {
		ep0->halted = false;
		udc_dummy_nuke(ep0);
	}
	spin_unlock_irq(&ud->lock);
	if (!there)
		return -ENODEV;

	ret = udc_dummy_tell(ud, UDC_DUMMY_SETUP, ctrl);
	if (ret >= 0 || ret == -ENODEV)
		return min(ret, 0);
	/* What the driver refuses is a STALL to the host. */
	dev_dbg(ud->dev, "request %02x is refused: %d\n", ctrl->bRequest, ret);

	return -EPIPE;
}

/* The data stage, if there is one, and the status stage. Returns the number of bytes. */
static int udc_dummy_take_answer(struct udc_dummy *ud, void *data, size_t max,
				 bool in)
{
	struct udc_dummy_ep *ep0 = &ud->eps[0];
	struct udc_dummy_request *dreq;
	int ret = -ENODEV;

	spin_lock_irq(&ud->lock);
	dreq = udc_dummy_first(ep0);
	if (ep0->halted) {
		ep0->halted = false;
		ret = -EPIPE;
	} else if (dreq && !ud->dropped) {
		ret = min_t(size_t, max, dreq->req.length);
		if (in)
			memcpy(data, dreq->req.buf, ret);
		else
			memcpy(dreq->req.buf, data, ret);
		dreq->req.actual = ret;
		udc_dummy_giveback(ep0, dreq, 0);
	}
	spin_unlock_irq(&ud->lock);

	return ret;
}

/**
 * udc_dummy_control - control transfer
 * @ud: the controller
 * @ctrl: the request, as it is on the wire
 * @data: what is sent, or where the answer goes; @ctrl has its length
 *
 * Context: May sleep, for some seconds at most. Takes and releases udc_dummy.control_lock.
 * Return: Number of bytes sent or received, or a negative error: -ENODEV if the gadget is not
 * attached, -EPIPE for a STALL, -ETIMEDOUT without an answer, -EINTR
 */
static int udc_dummy_control(struct udc_dummy *ud,
			     const struct usb_ctrlrequest *ctrl, void *data)
{
	int ret;

	mutex_lock(&ud->control_lock);
	ret = udc_dummy_setup(ud, ctrl);
	if (ret)
		goto out_unlock;
	/* The answer may come later, and does so when a function has to think about it. */
	ret = wait_event_interruptible_timeout(*udc_dummy_host_wq(ud),
					       udc_dummy_answered(ud),
					       UDC_DUMMY_CONTROL_TIMEOUT);
	if (ret > 0)
		ret = udc_dummy_take_answer(ud, data, le16_to_cpu(ctrl->wLength),
					    ctrl->bRequestType & USB_DIR_IN);
	else
		ret = ret ? -EINTR : -ETIMEDOUT;
out_unlock:
	mutex_unlock(&ud->control_lock);

	return ret;
}

static int udc_dummy_get_descriptor(struct udc_dummy *ud, u8 type, void *data,
				    u16 len)
{
	const struct usb_ctrlrequest ctrl = {
		.bRequestType = USB_DIR_IN,
		.bRequest = USB_REQ_GET_DESCRIPTOR,
		.wValue = cpu_to_le16(type << 8),
		.wLength = cpu_to_le16(len),
	};
	struct usb_descriptor_header *header = data;
	int ret;

	ret = udc_dummy_control(ud, &ctrl, data);
	if (ret < 0)
		return ret;

	return ret == len && header->bDescriptorType == type ? 0 : -EPROTO;
}

static int udc_dummy_set_configuration(struct udc_dummy *ud, u8 value)
{
	const struct usb_ctrlrequest ctrl = {
		.bRequest = USB_REQ_SET_CONFIGURATION,
		.wValue = cpu_to_le16(value),
	};

	return udc_dummy_control(ud, &ctrl, NULL);
}

static int udc_dummy_enumerate(struct udc_dummy *ud)
{
	struct usb_config_descriptor *config = (void *)ud->config;
	struct usb_device_descriptor device;
	u16 total;
	int ret;

	ret = udc_dummy_tell(ud, UDC_DUMMY_RESET, NULL);
	if (ret)
		return ret;
	/* SET_ADDRESS: controllers answer that themselves. */
	usb_gadget_set_state(&ud->gadget, USB_STATE_ADDRESS);

	ret = udc_dummy_get_descriptor(ud, USB_DT_DEVICE, &device,
				       USB_DT_DEVICE_SIZE);
	if (ret)
		return ret;
	ret = udc_dummy_get_descriptor(ud, USB_DT_CONFIG, config,
				       USB_DT_CONFIG_SIZE);
	if (ret)
		return ret;
	total = le16_to_cpu(config->wTotalLength);
	if (total < USB_DT_CONFIG_SIZE || total > sizeof(ud->config))
		return -EPROTO;
	ret = udc_dummy_get_descriptor(ud, USB_DT_CONFIG, config, total);
	if (ret)
		return ret;

	ret = udc_dummy_set_configuration(ud, config->bConfigurationValue);
	if (ret < 0)
		return ret;
	usb_gadget_set_state(&ud->gadget, USB_STATE_CONFIGURED);
	dev_dbg(ud->dev, "%04x:%04x is configured\n",
		le16_to_cpu(device.idVendor), le16_to_cpu(device.idProduct));

	return 0;
}

static void udc_dummy_attach(struct udc_dummy *ud)
{
	int ret;

	usb_gadget_set_state(&ud->gadget, USB_STATE_POWERED);
	ret = udc_dummy_enumerate(ud);
	if (ret && !READ_ONCE(ud->dropped))
		dev_warn(ud->dev, "the gadget does not let itself be configured: %d\n",
			 ret);
}

/* Not in the middle of a program's request, which ends as it sees that the gadget has gone */
static void udc_dummy_detach(struct udc_dummy *ud)
{
	mutex_lock(&ud->control_lock);
	udc_dummy_tell(ud, UDC_DUMMY_DISCONNECT, NULL);

	spin_lock_irq(&ud->lock);
	udc_dummy_nuke(&ud->eps[0]);
	ud->gadget.speed = USB_SPEED_UNKNOWN;
	spin_unlock_irq(&ud->lock);
	mutex_unlock(&ud->control_lock);
	usb_gadget_set_state(&ud->gadget, USB_STATE_NOTATTACHED);
}

static bool udc_dummy_wired(const struct udc_dummy *ud)
{
	return ud->driver && ud->callbacks && ud->pullup && ud->cable;
}

/* To be called whenever what makes it wired has changed, under the lock */
static void udc_dummy_wire_has_changed(struct udc_dummy *ud)
{
	if (!udc_dummy_wired(ud))
		WRITE_ONCE(ud->dropped, true);
	wake_up_all(udc_dummy_host_wq(ud));
}

/* Whether the host has to do something; with @begin it will now. */
static bool udc_dummy_host_has_to(struct udc_dummy *ud, bool begin)
{
	bool has_to;

	spin_lock_irq(&ud->lock);
	has_to = ud->attached ? ud->dropped : udc_dummy_wired(ud);
	if (has_to && begin) {
		ud->busy = true;
		ud->attached = !ud->attached;
		if (ud->attached) {
			ud->dropped = false;
			ud->gadget.speed = ud->speed;
			ud->gadget.ep0->maxpacket =
				ud->speed >= USB_SPEED_SUPER ?
				UDC_DUMMY_CONTROL_PACKET :
				UDC_DUMMY_CONTROL_PACKET_2;
		}
	}
	spin_unlock_irq(&ud->lock);

	return has_to;
}

static int udc_dummy_host_thread(void *data)
{
	struct udc_dummy *ud = data;
	bool begun;

	while (!kthread_should_stop()) {
		begun = false;
		wait_event_idle(*udc_dummy_host_wq(ud), kthread_should_stop() ||
				(begun = udc_dummy_host_has_to(ud, true)));
		if (!begun)
			break;

		if (ud->attached)
			udc_dummy_attach(ud);
		else
			udc_dummy_detach(ud);
		WRITE_ONCE(ud->busy, false);
		wake_up_all(udc_dummy_host_wq(ud));
	}

	return 0;
}

/* The gadget */

static int udc_dummy_pullup(struct usb_gadget *gadget, int is_on)
{
	struct udc_dummy *ud = to_udc_dummy(gadget);

	spin_lock_irq(&ud->lock);
	ud->pullup = is_on;
	udc_dummy_wire_has_changed(ud);
	spin_unlock_irq(&ud->lock);

	return 0;
}

static int udc_dummy_start(struct usb_gadget *gadget,
			   struct usb_gadget_driver *driver)
{
	struct udc_dummy *ud = to_udc_dummy(gadget);

	spin_lock_irq(&ud->lock);
	ud->driver = driver;
	udc_dummy_wire_has_changed(ud);
	spin_unlock_irq(&ud->lock);

	return 0;
}

static int udc_dummy_stop(struct usb_gadget *gadget)
{
	struct udc_dummy *ud = to_udc_dummy(gadget);

	spin_lock_irq(&ud->lock);
	ud->driver = NULL;
	udc_dummy_wire_has_changed(ud);
	udc_dummy_nuke(&ud->eps[0]);
	spin_unlock_irq(&ud->lock);

	return 0;
}

/*
 * As synchronize_irq() does for hardware, this waits for the calls that are going on, and for
 * the host to be done with the gadget.
 */
static void udc_dummy_async_callbacks(struct usb_gadget *gadget, bool enable)
{
	struct udc_dummy *ud = to_udc_dummy(gadget);

	spin_lock_irq(&ud->lock);
	ud->callbacks = enable;
	udc_dummy_wire_has_changed(ud);
	if (!enable)
		wait_event_lock_irq(*udc_dummy_host_wq(ud),
				    !ud->calls && !ud->attached && !ud->busy,
				    ud->lock);
	spin_unlock_irq(&ud->lock);
}

static void udc_dummy_set_speed(struct usb_gadget *gadget,
				enum usb_device_speed speed)
{
	to_udc_dummy(gadget)->speed = speed;
}

static int udc_dummy_set_selfpowered(struct usb_gadget *gadget, int is_on)
{
	gadget->is_selfpowered = !!is_on;

	return 0;
}

static const struct usb_gadget_ops udc_dummy_ops = {
	.pullup = udc_dummy_pullup,
	.set_selfpowered = udc_dummy_set_selfpowered,
	.udc_start = udc_dummy_start,
	.udc_stop = udc_dummy_stop,
	.udc_set_speed = udc_dummy_set_speed,
	.udc_async_callbacks = udc_dummy_async_callbacks,
};

/* debugfs */

static int udc_dummy_counter_get(void *data, u64 *val)
{
	*val = READ_ONCE(*(u64 *)data);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(udc_dummy_counter_fops, udc_dummy_counter_get, NULL,
			 "%llu\n");

static int udc_dummy_rate_get(void *data, u64 *val)
{
	struct udc_dummy *ud = data;

	spin_lock_irq(&ud->lock);
	*val = ud->rate;
	spin_unlock_irq(&ud->lock);

	return 0;
}

static int udc_dummy_rate_set(void *data, u64 val)
{
	struct udc_dummy *ud = data;

	spin_lock_irq(&ud->lock);
	ud->rate = val;
	spin_unlock_irq(&ud->lock);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(udc_dummy_rate_fops, udc_dummy_rate_get,
			 udc_dummy_rate_set, "%llu\n");

static int udc_dummy_check_get(void *data, u64 *val)
{
	struct udc_dummy *ud = data;

	*val = READ_ONCE(ud->check);

	return 0;
}

static int udc_dummy_check_set(void *data, u64 val)
{
	struct udc_dummy *ud = data;

	if (val > SZ_1G || !IS_ALIGNED(val, sizeof(u32)))
		return -EINVAL;
	WRITE_ONCE(ud->check, val);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(udc_dummy_check_fops, udc_dummy_check_get,
			 udc_dummy_check_set, "%llu\n");

static int udc_dummy_hold_get(void *data, u64 *val)
{
	struct udc_dummy *ud = data;

	*val = READ_ONCE(ud->hold);

	return 0;
}

static int udc_dummy_hold_set(void *data, u64 val)
{
	struct udc_dummy *ud = data;
	unsigned int i;

	WRITE_ONCE(ud->hold, !!val);
	for (i = 1; i < UDC_DUMMY_NUM_EPS; i++)
		wake_up(&ud->eps[i].wq);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(udc_dummy_hold_fops, udc_dummy_hold_get,
			 udc_dummy_hold_set, "%llu\n");

static int udc_dummy_connected_get(void *data, u64 *val)
{
	struct udc_dummy *ud = data;

	*val = READ_ONCE(ud->cable);

	return 0;
}

static bool udc_dummy_settled(struct udc_dummy *ud)
{
	return !udc_dummy_host_has_to(ud, false) && !READ_ONCE(ud->busy);
}

/* Returns when the host has noticed. */
static int udc_dummy_connected_set(void *data, u64 val)
{
	struct udc_dummy *ud = data;

	spin_lock_irq(&ud->lock);
	ud->cable = !!val;
	udc_dummy_wire_has_changed(ud);
	spin_unlock_irq(&ud->lock);

	return wait_event_interruptible(*udc_dummy_host_wq(ud),
					udc_dummy_settled(ud));
}
DEFINE_DEBUGFS_ATTRIBUTE(udc_dummy_connected_fops, udc_dummy_connected_get,
			 udc_dummy_connected_set, "%llu\n");

/* debugfs: a program in the place of the host */

/*
 * The first write() of an open file is the request, with what is sent behind it; a read()
 * gets the answer. Files that are open keep nothing of the controller, which may go.
 */
static ssize_t udc_dummy_control_write(struct file *file, const char __user *buf,
				       size_t size, loff_t *pos)
{
	struct udc_dummy *ud = file_inode(file)->i_private;
	struct usb_ctrlrequest ctrl;
	size_t len;
	char *data;
	bool in;
	int ret;

	data = simple_transaction_get(file, buf, size);
	if (IS_ERR(data))
		return PTR_ERR(data);
	if (size < sizeof(ctrl))
		return -EINVAL;

	memcpy(&ctrl, data, sizeof(ctrl));
	in = ctrl.bRequestType & USB_DIR_IN;
	len = le16_to_cpu(ctrl.wLength);
	if (size != sizeof(ctrl) + (in ? 0 : len) || len > SIMPLE_TRANSACTION_LIMIT)
		return -EINVAL;

	ret = udc_dummy_control(ud, &ctrl, in ? data : data + sizeof(ctrl));
	if (ret < 0)
		return ret;
	simple_transaction_set(file, in ? ret : 0);

	return size;
}

static const struct file_operations udc_dummy_control_fops = {
	.owner = THIS_MODULE,
	.write = udc_dummy_control_write,
	.read = simple_transaction_read,
	.release = simple_transaction_release,
	.llseek = noop_llseek,
};

/**
 * udc_dummy_submit - let a program read or write, and wait for the end of that
 * @dep: the endpoint, of which @urb_lock is held
 * @urb: the bytes
 *
 * Context: May sleep, until a signal comes, the program is the host no more, or the endpoint is
 * disabled, which happens before it goes. Takes and releases udc_dummy.lock.
 * Return: Number of bytes that were moved, also if it ended early; or, if there are none, 0, or a
 * negative error: -EBUSY if the counter has the endpoint, -ENODEV if it is not enabled, -EPIPE
 * for a STALL, -ECANCELED, -ERESTARTSYS, or what the gadget's request has ended with.
 */
static ssize_t udc_dummy_submit(struct udc_dummy_ep *dep,
				struct udc_dummy_urb *urb)
{
	struct udc_dummy *ud = dep->udc;
	int ret = 0;

	init_completion(&urb->done);
	urb->queued = ktime_get();

	spin_lock_irq(&ud->lock);
	if (!dep->manual)
		ret = -EBUSY;
	else if (!dep->enabled)
		ret = -ENODEV;
	else
		WRITE_ONCE(dep->urb, urb);
	spin_unlock_irq(&ud->lock);
	if (ret)
		return ret;

	wake_up(&dep->wq);
	wait_for_completion_interruptible(&urb->done);

	spin_lock_irq(&ud->lock);
	if (dep->urb == urb)
		udc_dummy_end_urb(dep, -ERESTARTSYS);
	spin_unlock_irq(&ud->lock);

	return urb->actual ?: urb->status;
}

static ssize_t udc_dummy_data_read(struct file *file, char __user *buf,
				   size_t size, loff_t *pos)
{
	struct udc_dummy_ep *dep = file_inode(file)->i_private;
	struct udc_dummy_urb urb = { .len = min_t(size_t, size, UDC_DUMMY_MAX_URB) };
	ssize_t ret;

	if (!size)
		return 0;
	urb.data = kvmalloc(urb.len, GFP_KERNEL);
	if (!urb.data)
		return -ENOMEM;

	ret = mutex_lock_interruptible(&dep->urb_lock);
	if (ret)
		goto out_free;
	ret = udc_dummy_submit(dep, &urb);
	mutex_unlock(&dep->urb_lock);
	if (ret > 0 && copy_to_user(buf, urb.data, ret))
		ret = -EFAULT;
out_free:
	kvfree(urb.data);

	return ret;
}

/* Without bytes it is a packet without bytes. */
static ssize_t udc_dummy_data_write(struct file *file, const char __user *buf,
				    size_t size, loff_t *pos)
{
	struct udc_dummy_ep *dep = file_inode(file)->i_private;
	struct udc_dummy_urb urb = { .len = min_t(size_t, size, UDC_DUMMY_MAX_URB) };
	ssize_t ret;

	urb.data = kvmalloc(max_t(size_t, urb.len, 1), GFP_KERNEL);
	if (!urb.data)
		return -ENOMEM;

	ret = -EFAULT;
	if (copy_from_user(urb.data, buf, urb.len))
		goto out_free;
	ret = mutex_lock_interruptible(&dep->urb_lock);
	if (ret)
		goto out_free;
	ret = udc_dummy_submit(dep, &urb);
	mutex_unlock(&dep->urb_lock);
out_free:
	kvfree(urb.data);

	return ret;
}

static const struct file_operations udc_dummy_read_fops = {
	.owner = THIS_MODULE,
	.read = udc_dummy_data_read,
	.llseek = noop_llseek,
};

static const struct file_operations udc_dummy_write_fops = {
	.owner = THIS_MODULE,
	.write = udc_dummy_data_write,
	.llseek = noop_llseek,
};

static int udc_dummy_manual_get(void *data, u64 *val)
{
	struct udc_dummy_ep *dep = data;

	*val = READ_ONCE(dep->manual);

	return 0;
}

/* A transfer that has begun ends as it began, unless it was for a program that is no host now. */
static int udc_dummy_manual_set(void *data, u64 val)
{
	struct udc_dummy_ep *dep = data;

	spin_lock_irq(&dep->udc->lock);
	WRITE_ONCE(dep->manual, !!val);
	if (!val)
		udc_dummy_end_urb(dep, -ECANCELED);
	if (dep->in)
		dep->started = false;
	spin_unlock_irq(&dep->udc->lock);
	wake_up(&dep->wq);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(udc_dummy_manual_fops, udc_dummy_manual_get,
			 udc_dummy_manual_set, "%llu\n");

static void udc_dummy_debugfs_remove(void *data)
{
	struct udc_dummy *ud = data;

	debugfs_remove_recursive(ud->debugfs);
}

static void udc_dummy_debugfs_ep(struct udc_dummy_ep *dep)
{
	struct dentry *dir = debugfs_create_dir(dep->name, dep->udc->debugfs);

	debugfs_create_file_unsafe("bytes", 0444, dir, &dep->bytes,
				   &udc_dummy_counter_fops);
	debugfs_create_file_unsafe("completed", 0444, dir, &dep->completed,
				   &udc_dummy_counter_fops);
	debugfs_create_file_unsafe("mapped", 0444, dir, &dep->mapped,
				   &udc_dummy_counter_fops);
	debugfs_create_file_unsafe("stalls", 0444, dir, &dep->stalls,
				   &udc_dummy_counter_fops);
	debugfs_create_file_unsafe("manual", 0644, dir, dep,
				   &udc_dummy_manual_fops);
	debugfs_create_file("data", dep->in ? 0400 : 0200, dir, dep,
			    dep->in ? &udc_dummy_read_fops : &udc_dummy_write_fops);
	if (!dep->in)
		return;
	debugfs_create_file_unsafe("jumps", 0444, dir, &dep->jumps,
				   &udc_dummy_counter_fops);
	debugfs_create_file_unsafe("lost_bytes", 0444, dir, &dep->lost_bytes,
				   &udc_dummy_counter_fops);
}

static int udc_dummy_debugfs_init(struct udc_dummy *ud)
{
	struct dentry *root = debugfs_create_dir("udc-dummy", NULL);
	unsigned int i;

	ud->debugfs = root;

	debugfs_create_file_unsafe("rate", 0644, root, ud, &udc_dummy_rate_fops);
	debugfs_create_file_unsafe("check", 0644, root, ud,
				   &udc_dummy_check_fops);
	debugfs_create_file_unsafe("connected", 0644, root, ud,
				   &udc_dummy_connected_fops);
	debugfs_create_file_unsafe("hold", 0644, root, ud, &udc_dummy_hold_fops);
	debugfs_create_u32("delay_us", 0644, root, &ud->delay_us);
	debugfs_create_atomic_t("refuse", 0644, root, &ud->refuse);
	debugfs_create_atomic_t("fail", 0644, root, &ud->fail);
	debugfs_create_atomic_t("short_bytes", 0644, root, &ud->short_bytes);
	debugfs_create_atomic_t("requests", 0444, root, &ud->requests);
	debugfs_create_file("control", 0600, root, ud, &udc_dummy_control_fops);
	for (i = 1; i < UDC_DUMMY_NUM_EPS; i++)
		udc_dummy_debugfs_ep(&ud->eps[i]);

	return devm_add_action_or_reset(ud->dev, udc_dummy_debugfs_remove, ud);
}

/* Probing */

static void udc_dummy_init_ep(struct udc_dummy *ud, unsigned int i)
{
	struct udc_dummy_ep *dep = &ud->eps[i];

	dep->udc = ud;
	dep->in = i % 2;
	dep->ep.name = dep->name;
	dep->ep.ops = &udc_dummy_ep_ops;
	dep->ep.caps.dir_in = !i || dep->in;
	dep->ep.caps.dir_out = !dep->in;
	INIT_LIST_HEAD(&dep->queue);
	init_waitqueue_head(&dep->wq);
	mutex_init(&dep->urb_lock);

	if (!i) {
		strscpy(dep->name, "ep0", sizeof(dep->name));
		dep->enabled = true;
		dep->ep.caps.type_control = true;
		usb_ep_set_maxpacket_limit(&dep->ep, UDC_DUMMY_CONTROL_PACKET);
		ud->gadget.ep0 = &dep->ep;
		return;
	}

	snprintf(dep->name, sizeof(dep->name), "ep%u%s", (i + 1) / 2,
		 dep->in ? "in" : "out");
	dep->ep.caps.type_bulk = true;
	usb_ep_set_maxpacket_limit(&dep->ep, UDC_DUMMY_BULK_PACKET);
	dep->ep.maxburst = 15;
	list_add_tail(&dep->ep.ep_list, &ud->gadget.ep_list);
}

static void udc_dummy_stop_thread(void *task)
{
	kthread_stop(task);
}

static int udc_dummy_run_thread(struct udc_dummy *ud, int (*fn)(void *),
				void *data, const char *name)
{
	struct task_struct *task = kthread_run(fn, data, "udc-dummy/%s", name);

	if (IS_ERR(task))
		return PTR_ERR(task);

	return devm_add_action_or_reset(ud->dev, udc_dummy_stop_thread, task);
}

static void udc_dummy_del_gadget(void *data)
{
	struct udc_dummy *ud = data;

	usb_del_gadget_udc(&ud->gadget);
}

static int udc_dummy_add_gadget(struct udc_dummy *ud)
{
	int ret;

	ud->gadget.name = "udc-dummy";
	ud->gadget.ops = &udc_dummy_ops;
	ud->gadget.max_speed = USB_SPEED_SUPER;
	ud->gadget.sg_supported = sg;

	ret = usb_add_gadget_udc(ud->dev, &ud->gadget);
	if (ret)
		return ret;

	return devm_add_action_or_reset(ud->dev, udc_dummy_del_gadget, ud);
}

static int udc_dummy_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct udc_dummy *ud;
	unsigned int i;
	int ret;

	ud = devm_kzalloc(dev, sizeof(*ud), GFP_KERNEL);
	if (!ud)
		return -ENOMEM;

	ud->dev = dev;
	ud->cable = true;
	ud->rate = UDC_DUMMY_RATE;
	ud->check = sizeof(u32);
	spin_lock_init(&ud->lock);
	mutex_init(&ud->control_lock);
	INIT_LIST_HEAD(&ud->gadget.ep_list);
	for (i = 0; i < UDC_DUMMY_NUM_EPS; i++)
		udc_dummy_init_ep(ud, i);
	platform_set_drvdata(pdev, ud);

	ret = dummy_memory_init(dev);
	if (ret)
		return ret;
	ret = udc_dummy_run_thread(ud, udc_dummy_host_thread, ud, "host");
	if (ret)
		return ret;
	for (i = 1; i < UDC_DUMMY_NUM_EPS; i++) {
		ret = udc_dummy_run_thread(ud, udc_dummy_pipe_thread,
					   &ud->eps[i], ud->eps[i].name);
		if (ret)
			return ret;
	}
	ret = udc_dummy_debugfs_init(ud);
	if (ret)
		return ret;

	return udc_dummy_add_gadget(ud);
}

static struct platform_driver udc_dummy_driver = {
	.driver = {
		.name = "udc-dummy",
	},
	.probe = udc_dummy_probe,
};

static int __init udc_dummy_init(void)
{
	int ret;

	ret = platform_driver_register(&udc_dummy_driver);
	if (ret)
		return ret;

	udc_dummy_pdev = platform_device_register_simple("udc-dummy",
							 PLATFORM_DEVID_NONE,
							 NULL, 0);
	if (IS_ERR(udc_dummy_pdev)) {
		platform_driver_unregister(&udc_dummy_driver);
		return PTR_ERR(udc_dummy_pdev);
	}

	return 0;
}
module_init(udc_dummy_init);

static void __exit udc_dummy_exit(void)
{
	platform_device_unregister(udc_dummy_pdev);
	platform_driver_unregister(&udc_dummy_driver);
}
module_exit(udc_dummy_exit);

MODULE_DESCRIPTION("Dummy USB device controller with its host built in");
MODULE_LICENSE("GPL");
