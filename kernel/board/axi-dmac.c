// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Model of the ADI AXI-DMAC, free of any emulator
 *
 * What the registers do follows ADI's register map and HDL. The parts that a
 * driver can trip over, in the order of the functions below:
 *
 *  - X_LENGTH has its low bits stuck at one since 4.1.a; a probe reads them to
 *    learn the alignment.
 *  - A request waits in START_TRANSFER until the queue has room. Accepting it
 *    takes a copy of the registers, clears the done bit of its ID and raises
 *    start-of-transfer. At most three requests are accepted and unfinished:
 *    with two-bit IDs a fourth would erase the done bit of the one that has
 *    just ended, before the driver could see it.
 *  - At the end of a transfer the done bit is set before the waiting request is
 *    accepted, for the same reason.
 *  - In cyclic mode nothing is raised and START_TRANSFER stays 1, so that the
 *    same registers are accepted again and again.
 *  - After an early end of a request without the LAST flag, requests complete
 *    with nothing moved until one with the flag went by.
 *  - A bus error is not reported: the transfer ends as if all were well.
 */
#include "axi-dmac.h"

#include <string.h>

#define REG(s, off)         ((s)->regs[(off) / 4])

/* Fits the first level cache, so that making the data and storing it are one pass over memory */
#define CHUNK               8192
/* Longest look ahead in a chain of hardware descriptors, to end with one event */
#define PEEK                1024
/* A cyclic transfer shows nothing to the guest but memory: this is often enough */
#define CYCLIC_TICK_NS      1000000
#define NS_PER_S            1000000000u

__extension__ typedef unsigned __int128 u128;

static bool is_enabled(const struct axi_dmac *s)
{
    return REG(s, AXI_DMAC_CTRL) & AXI_DMAC_CTRL_ENABLE;
}

static bool has_hwdesc(const struct axi_dmac *s)
{
    return REG(s, AXI_DMAC_CTRL) & AXI_DMAC_CTRL_HWDESC;
}

static bool is_cyclic(const struct axi_dmac *s)
{
    return (REG(s, AXI_DMAC_FLAGS) & AXI_DMAC_FLAG_CYCLIC) && !has_hwdesc(s);
}

static bool src_is_mem(const struct axi_dmac *s)
{
    return s->cfg.src_type == AXI_DMAC_BUS_MEMORY;
}

static bool dst_is_mem(const struct axi_dmac *s)
{
    return s->cfg.dst_type == AXI_DMAC_BUS_MEMORY;
}

static uint32_t low_bits(unsigned int n)
{
    return n >= 32 ? UINT32_MAX : (1u << n) - 1;
}

static unsigned int log2u(unsigned int v)
{
    unsigned int n = 0;

    while (v > 1) {
        v >>= 1;
        n++;
    }
    return n;
}

/*
 * Of a length. Only streams have whole beats, memory is written by byte enables: with a
 * memory side of 64 bits and samples of 32 bits, lengths are multiples of 4, addresses of 8.
 */
static uint32_t align_mask(const struct axi_dmac *s)
{
    uint32_t src = s->cfg.src_type == AXI_DMAC_BUS_MEMORY ? 1 : s->cfg.src_width;
    uint32_t dst = s->cfg.dst_type == AXI_DMAC_BUS_MEMORY ? 1 : s->cfg.dst_width;

    return (src > dst ? src : dst) - 1;
}

static uint64_t ns_for_bytes(uint64_t bytes, uint64_t rate)
{
    u128 ns;

    if (!rate) {
        return 0;
    }
    ns = ((u128)bytes * NS_PER_S + rate - 1) / rate;
    return ns > INT64_MAX ? INT64_MAX : (uint64_t)ns;
}

static uint64_t bytes_in_ns(uint64_t ns, uint64_t rate)
{
    u128 bytes = (u128)ns * rate / NS_PER_S;

    return !rate || bytes > UINT64_MAX ? UINT64_MAX : (uint64_t)bytes;
}

/* The line */

static void update_irq(struct axi_dmac *s)
{
    uint32_t pending = s->irq_source & ~REG(s, AXI_DMAC_IRQ_MASK);
    bool level = s->irq_spurious || (pending && s->last_time >= s->irq_held_until);

    if (level != s->irq_level) {
        s->irq_level = level;
        s->ops->irq(s->opaque, level);
    }
}

/* Moving data */

static uint64_t row_bytes(const struct axi_dmac_request *r)
{
    return (uint64_t)r->x_len + 1;
}

static uint64_t segment_bytes(const struct axi_dmac_request *r)
{
    return row_bytes(r) * ((uint64_t)r->y_len + 1);
}

static void mem_read(struct axi_dmac *s, uint64_t addr, void *buf, size_t len)
{
    if (s->bus_error || !s->ops->mem_read(s->opaque, addr, buf, len)) {
        memset(buf, 0, len);
        s->bus_errors++;
    }
}

static void mem_write(struct axi_dmac *s, uint64_t addr, const void *buf, size_t len)
{
    if (s->bus_error || !s->ops->mem_write(s->opaque, addr, buf, len)) {
        s->bus_errors++;
    }
}

/* Moves at most up to the end of the row, returns how much. */
static uint64_t move_some(struct axi_dmac *s, uint64_t want)
{
    struct axi_dmac_request *r = &s->queue[0];
    uint64_t row = row_bytes(r);
    uint64_t y = s->seg_done / row;
    uint64_t x = s->seg_done % row;
    uint64_t len = row - x;
    uint8_t buf[CHUNK];

    len = len > want ? want : len;
    len = len > CHUNK ? CHUNK : len;
    if (src_is_mem(s)) {
        mem_read(s, r->src + y * r->src_stride + x, buf, len);
    } else if (s->has_stream) {
        s->stream.move(s->stream.opaque, buf, len);
    } else {
        memset(buf, 0, len);
    }
    if (dst_is_mem(s)) {
        mem_write(s, r->dst + y * r->dst_stride + x, buf, len);
    } else if (s->has_stream) {
        s->stream.move(s->stream.opaque, buf, len);
    }
    s->seg_done += len;
    s->done_since_start += len;
    s->measured += len;
    s->total_bytes += len;
    if (s->early) {
        s->early -= len;
    }
    return len;
}

static uint64_t get_le64(const uint8_t *p)
{
    uint64_t v = 0;
    int i;

    for (i = 7; i >= 0; i--) {
        v = v << 8 | p[i];
    }
    return v;
}

/* Reads the descriptor at r->sg into @r and leaves the address of the next one there. */
static bool fetch_descriptor(struct axi_dmac *s, struct axi_dmac_request *r)
{
    uint32_t len_mask = low_bits(s->cfg.length_width);
    uint8_t d[AXI_DMAC_HWDESC_SIZE];
    uint64_t w;

    if (!s->ops->mem_read(s->opaque, r->sg, d, sizeof(d))) {
        s->bus_errors++;
        return false;
    }
    w = get_le64(d);
    r->desc_flags = w & (AXI_DMAC_HWDESC_LAST | AXI_DMAC_HWDESC_IRQ);
    r->desc_id = w >> 32;
    r->dst = get_le64(d + 8) & ~(uint64_t)(s->cfg.dst_width - 1);
    r->src = get_le64(d + 16) & ~(uint64_t)(s->cfg.src_width - 1);
    r->sg = get_le64(d + 24) & ~UINT64_C(7);
    w = get_le64(d + 32);
    r->y_len = s->cfg.two_d ? (uint32_t)w & len_mask : 0;
    r->x_len = ((uint32_t)(w >> 32) & len_mask) | align_mask(s);
    w = get_le64(d + 40);
    r->src_stride = s->cfg.two_d ? (uint32_t)w & len_mask & ~(s->cfg.src_width - 1u) : 0;
    r->dst_stride = s->cfg.two_d ? (uint32_t)(w >> 32) & len_mask & ~(s->cfg.dst_width - 1u) : 0;
    return true;
}

/* Bytes from here to the next point that the driver can see. */
static uint64_t visible_bytes(struct axi_dmac *s)
{
    struct axi_dmac_request r = s->queue[0];
    uint64_t n = segment_bytes(&r) - s->seg_done;
    unsigned int i;

    for (i = 0; r.hwdesc && !r.desc_flags && i < PEEK; i++) {
        if (!fetch_descriptor(s, &r)) {
            break;
        }
        n += segment_bytes(&r);
    }
    return s->early && s->early < n ? s->early : n;
}

static bool may_run(const struct axi_dmac *s)
{
    return s->queued && is_enabled(s) && !(REG(s, AXI_DMAC_CTRL) & AXI_DMAC_CTRL_PAUSE) &&
           !s->hung && s->partials < AXI_DMAC_PARTIALS;
}

static void set_goal(struct axi_dmac *s, uint64_t t)
{
    s->start = t;
    s->done_since_start = 0;
    s->goal = visible_bytes(s);
}

/* Starts or stops the flow of data when what allows it has changed. */
static void update_running(struct axi_dmac *s, uint64_t t)
{
    bool run = may_run(s);

    if (run == s->running) {
        return;
    }
    s->running = run;
    if (run) {
        if (s->has_stream) {
            s->stream.begin(s->stream.opaque, t);
        }
        set_goal(s, t);
    } else if (s->has_stream) {
        s->stream.end(s->stream.opaque, t);
    }
}

static uint64_t finish_time(struct axi_dmac *s)
{
    uint64_t t, when;

    if (!s->running) {
        return AXI_DMAC_NEVER;
    }
    t = s->start + ns_for_bytes(s->goal, s->cfg.bus_rate);
    if (s->has_stream && s->goal > s->done_since_start) {
        when = s->stream.when(s->stream.opaque, s->goal - s->done_since_start);
        t = when > t ? when : t;
    }
    /* Nothing takes no time, or a cyclic transfer would stop the clock */
    return t > s->start ? t : s->start + 1;
}

/* The queue */

static void take_faults(struct axi_dmac *s)
{
    struct axi_dmac_faults *f = &s->faults;

    if (f->hang) {
        s->hung = true;
        f->hang = false;
    }
    if (f->bus_error) {
        s->bus_error = true;
        f->bus_error = false;
    }
    if (f->early_end) {
        uint64_t left = segment_bytes(&s->queue[0]) - s->seg_done;
        uint64_t n = f->early_bytes ? f->early_bytes : left / 2;

        n &= ~(uint64_t)align_mask(s);
        /* As long as the transfer is not shorter anyway; TLAST comes with a beat of data */
        s->early = n && n < left ? n : 0;
        f->early_end = false;
    }
}

static void accept(struct axi_dmac *s)
{
    struct axi_dmac_request *r = &s->queue[s->queued++];

    *r = (struct axi_dmac_request) {
        .dst = (uint64_t)REG(s, AXI_DMAC_DEST_ADDRESS_HIGH) << 32 | REG(s, AXI_DMAC_DEST_ADDRESS),
        .src = (uint64_t)REG(s, AXI_DMAC_SRC_ADDRESS_HIGH) << 32 | REG(s, AXI_DMAC_SRC_ADDRESS),
        .sg = (uint64_t)REG(s, AXI_DMAC_SG_ADDRESS_HIGH) << 32 | REG(s, AXI_DMAC_SG_ADDRESS),
        .x_len = REG(s, AXI_DMAC_X_LENGTH) | align_mask(s),
        .y_len = REG(s, AXI_DMAC_Y_LENGTH),
        .dst_stride = REG(s, AXI_DMAC_DEST_STRIDE),
        .src_stride = REG(s, AXI_DMAC_SRC_STRIDE),
        .last = REG(s, AXI_DMAC_FLAGS) & AXI_DMAC_FLAG_LAST,
        .hwdesc = has_hwdesc(s),
    };
    if (is_cyclic(s)) {
        return;
    }
    s->req_valid = false;
    s->done &= ~(1u << s->id);
    s->id = (s->id + 1) & 3;
    s->irq_source |= AXI_DMAC_IRQ_SOT;
}

/* A segment, and maybe the request, has ended at @t with or without TLAST. */
static void end_of_transfer(struct axi_dmac *s, bool partial, uint64_t t)
{
    if (partial && (REG(s, AXI_DMAC_FLAGS) & AXI_DMAC_FLAG_PARTIAL)) {
        s->partial[s->partials].len = s->measured & low_bits(s->cfg.two_d ? 32 : s->cfg.length_width);
        s->partial[s->partials].id = s->id_eot;
        s->partials++;
    }
    s->measured = 0;
    s->total_transfers++;
    if (is_cyclic(s)) {
        return;
    }
    s->done |= 1u << s->id_eot;
    s->id_eot = (s->id_eot + 1) & 3;
    s->irq_source |= AXI_DMAC_IRQ_EOT;
    if (s->faults.late_irq) {
        s->irq_held_until = t + s->faults.late_ns;
        s->faults.late_irq = false;
    }
}

static void pop_request(struct axi_dmac *s)
{
    s->queued--;
    memmove(&s->queue[0], &s->queue[1], s->queued * sizeof(s->queue[0]));
    s->seg_done = 0;
    s->early = 0;
    s->hung = false;
    s->bus_error = false;
}

static void begin_request(struct axi_dmac *s)
{
    s->seg_done = 0;
    /* What the HDL does with a descriptor that cannot be read is not defined; stopping is harmless */
    if (s->queue[0].hwdesc && !fetch_descriptor(s, &s->queue[0])) {
        s->hung = true;
    }
    take_faults(s);
}

/* Accepts what fits, starts what comes first, skips what is to be dropped. */
static void pump(struct axi_dmac *s, uint64_t t, bool fresh)
{
    for (;;) {
        while (s->req_valid && is_enabled(s) && s->queued < s->cfg.queue) {
            fresh = fresh || !s->queued;
            accept(s);
        }
        if (!s->queued || !fresh) {
            break;
        }
        if (!s->drop_until_last || is_cyclic(s) || s->queue[0].hwdesc) {
            s->drop_until_last = false;
            begin_request(s);
            break;
        }
        s->drop_until_last = !s->queue[0].last;
        end_of_transfer(s, false, t);
        pop_request(s);
    }
    update_running(s, t);
}

/* The current segment is complete, or was cut short. Returns whether the request is, too. */
static bool end_segment(struct axi_dmac *s, bool partial, uint64_t t)
{
    struct axi_dmac_request *r = &s->queue[0];

    if (!r->hwdesc) {
        s->drop_until_last = partial && !r->last;
        end_of_transfer(s, partial, t);
        return true;
    }
    for (;;) {
        if (r->desc_flags & AXI_DMAC_HWDESC_IRQ) {
            end_of_transfer(s, partial, t);
        }
        if (r->desc_flags & AXI_DMAC_HWDESC_LAST) {
            return true;
        }
        s->seg_done = 0;
        if (!fetch_descriptor(s, r)) {
            s->hung = true;
            return false;
        }
        /* TLAST ends the chain: the rest of it completes with nothing moved */
        if (!partial || s->partials == AXI_DMAC_PARTIALS) {
            return false;
        }
    }
}

/* Moves @n bytes, across the ends of segments that raise nothing; the last end is at @t. */
static void move_bytes(struct axi_dmac *s, uint64_t n, uint64_t t)
{
    bool early = s->early;
    bool partial = false;

    while (n && s->queued && !s->hung) {
        n -= move_some(s, n);
        partial = early && !s->early;
        if (!partial && s->seg_done < segment_bytes(&s->queue[0])) {
            continue;
        }
        if (end_segment(s, partial, t)) {
            pop_request(s);
            pump(s, t, true);
            break;
        }
    }
}

/* The next visible point was reached at @t. */
static void finish(struct axi_dmac *s, uint64_t t)
{
    bool was_running = s->running;
    uint64_t left = s->goal - s->done_since_start;

    move_bytes(s, left, t);
    update_running(s, t);
    if (s->running && was_running) {
        if (s->has_stream) {
            s->stream.begin(s->stream.opaque, t);
        }
        set_goal(s, t);
    }
}

/* Moves what has gone over the bus by now; never reaches the end, that is an event. */
static void settle(struct axi_dmac *s)
{
    uint64_t now = s->last_time;
    uint64_t n, limit;

    if (!s->running) {
        return;
    }
    n = bytes_in_ns(now > s->start ? now - s->start : 0, s->cfg.bus_rate);
    n = n > s->done_since_start ? n - s->done_since_start : 0;
    if (s->has_stream) {
        limit = s->stream.avail(s->stream.opaque, now);
        n = n < limit ? n : limit;
    }
    limit = s->goal - s->done_since_start;
    limit = limit > s->cfg.burst ? limit - s->cfg.burst : 0;
    n = n < limit ? n : limit;
    n &= ~(uint64_t)(s->cfg.burst - 1);
    if (n) {
        move_bytes(s, n, now);
        update_running(s, now);
    }
}

/* Time */

void axi_dmac_advance(struct axi_dmac *s, uint64_t now)
{
    uint64_t t;

    while ((t = finish_time(s)) <= now) {
        /* An event in the past was caused by the present, a change of rate for example */
        s->last_time = t > s->last_time ? t : s->last_time;
        finish(s, s->last_time);
    }
    s->last_time = now > s->last_time ? now : s->last_time;
    update_irq(s);
}

uint64_t axi_dmac_next_event(struct axi_dmac *s)
{
    uint64_t t = finish_time(s);

    if (t != AXI_DMAC_NEVER && is_cyclic(s) && t < s->last_time + CYCLIC_TICK_NS) {
        t = s->last_time + CYCLIC_TICK_NS;
    }
    if (s->irq_held_until > s->last_time && s->irq_held_until < t) {
        t = s->irq_held_until;
    }
    return t;
}

/* Registers */

static void drop_everything(struct axi_dmac *s)
{
    s->req_valid = false;
    s->id = 0;
    s->id_eot = 0;
    s->done = 0;
    s->queued = 0;
    s->partials = 0;
    s->measured = 0;
    s->seg_done = 0;
    s->early = 0;
    s->hung = false;
    s->bus_error = false;
    s->drop_until_last = false;
}

static void write_ctrl(struct axi_dmac *s, uint32_t value)
{
    bool was = is_enabled(s);
    uint64_t now = s->last_time;

    settle(s);
    REG(s, AXI_DMAC_CTRL) = value & s->wmask[AXI_DMAC_CTRL / 4];
    if (was && !is_enabled(s)) {
        drop_everything(s);
    }
    update_running(s, now);
    if (was != is_enabled(s) && s->has_stream) {
        s->stream.enable(s->stream.opaque, !was, now);
    }
}

static void pop_partial(struct axi_dmac *s)
{
    if (!s->partials) {
        return;
    }
    s->partials--;
    memmove(&s->partial[0], &s->partial[1], s->partials * sizeof(s->partial[0]));
    update_running(s, s->last_time);
}

static uint64_t current_address(struct axi_dmac *s, bool dst)
{
    const struct axi_dmac_request *r = &s->queue[0];
    uint64_t row;

    settle(s);
    if (!(dst ? dst_is_mem(s) : src_is_mem(s)) || !s->queued) {
        return 0;
    }
    row = row_bytes(r);
    return (dst ? r->dst : r->src) + s->seg_done / row * (dst ? r->dst_stride : r->src_stride) +
           s->seg_done % row;
}

static uint32_t high(uint64_t addr)
{
    return addr >> 32;
}

static uint32_t interface_desc(const struct axi_dmac *s)
{
    if (s->cfg.version < AXI_DMAC_VERSION(4, 3, 'a')) {
        return 0;
    }
    return log2u(s->cfg.burst) << 16 | (uint32_t)s->cfg.src_type << 12 | log2u(s->cfg.src_width) << 8 |
           (uint32_t)s->cfg.dst_type << 4 | log2u(s->cfg.dst_width);
}

static uint32_t coherency_desc(const struct axi_dmac *s)
{
    if (s->cfg.version < AXI_DMAC_VERSION(4, 4, 'a')) {
        return 0;
    }
    /* AXPROT, AXCACHE and the flag as the HDL's defaults set them */
    return s->cfg.coherent ? 0x2f1 : 0x030;
}

uint32_t axi_dmac_read(struct axi_dmac *s, uint32_t offset, uint64_t now)
{
    uint32_t v;

    axi_dmac_advance(s, now);
    offset &= AXI_DMAC_MAP_SIZE - 4;
    switch (offset) {
    case AXI_DMAC_VERSION_REG:
        return s->cfg.version;
    case AXI_DMAC_ID:
        return s->cfg.id;
    case AXI_DMAC_IDENT:
        return AXI_DMAC_IDENT_MAGIC;
    case AXI_DMAC_INTERFACE_DESC:
        return interface_desc(s);
    case AXI_DMAC_COHERENCY_DESC:
        return coherency_desc(s);
    case AXI_DMAC_IRQ_PENDING:
        s->irq_spurious = false;
        update_irq(s);
        return s->irq_source & ~REG(s, AXI_DMAC_IRQ_MASK);
    case AXI_DMAC_IRQ_SOURCE:
        return s->irq_source;
    case AXI_DMAC_TRANSFER_ID:
        return s->id;
    case AXI_DMAC_START_TRANSFER:
        return s->req_valid;
    case AXI_DMAC_TRANSFER_DONE:
        return s->done | (s->partials ? AXI_DMAC_DONE_PARTIAL : 0);
    case AXI_DMAC_ACTIVE_ID:
        return s->id_eot;
    case AXI_DMAC_CURRENT_DEST:
        return (uint32_t)current_address(s, true);
    case AXI_DMAC_CURRENT_DEST_HIGH:
        return s->cfg.addr_width > 32 ? high(current_address(s, true)) : 0;
    case AXI_DMAC_CURRENT_SRC:
        return (uint32_t)current_address(s, false);
    case AXI_DMAC_CURRENT_SRC_HIGH:
        return s->cfg.addr_width > 32 ? high(current_address(s, false)) : 0;
    case AXI_DMAC_PROGRESS:
        settle(s);
        return s->measured & low_bits(s->cfg.two_d ? 32 : s->cfg.length_width);
    case AXI_DMAC_PARTIAL_LEN:
        return s->partials ? s->partial[0].len : 0;
    case AXI_DMAC_PARTIAL_ID:
        v = s->partials ? s->partial[0].id : 0;
        pop_partial(s);
        return v;
    case AXI_DMAC_DESCRIPTOR_ID:
        settle(s);
        return s->queued && s->queue[0].hwdesc && has_hwdesc(s) ? s->queue[0].desc_id : 0;
    default:
        return REG(s, offset);
    }
}

void axi_dmac_write(struct axi_dmac *s, uint32_t offset, uint32_t value, uint64_t now)
{
    uint32_t mask;

    axi_dmac_advance(s, now);
    offset &= AXI_DMAC_MAP_SIZE - 4;
    switch (offset) {
    case AXI_DMAC_IRQ_PENDING:
        s->irq_source &= ~value;
        break;
    case AXI_DMAC_CTRL:
        write_ctrl(s, value);
        break;
    case AXI_DMAC_START_TRANSFER:
        if ((value & 1) && is_enabled(s)) {
            s->req_valid = true;
            pump(s, s->last_time, false);
        }
        break;
    default:
        mask = s->wmask[offset / 4];
        REG(s, offset) = (REG(s, offset) & ~mask) | (value & mask);
        break;
    }
    update_irq(s);
}

static void set_masks(struct axi_dmac *s)
{
    const struct axi_dmac_config *c = &s->cfg;
    uint32_t len = low_bits(c->length_width);
    uint32_t top = c->addr_width > 32 ? low_bits(c->addr_width - 32) : 0;
    uint32_t *m = s->wmask;

    m[AXI_DMAC_SCRATCH / 4] = UINT32_MAX;
    m[AXI_DMAC_IRQ_MASK / 4] = AXI_DMAC_IRQ_SOT | AXI_DMAC_IRQ_EOT;
    m[AXI_DMAC_CTRL / 4] = AXI_DMAC_CTRL_ENABLE | AXI_DMAC_CTRL_PAUSE | (c->sg ? AXI_DMAC_CTRL_HWDESC : 0);
    m[AXI_DMAC_FLAGS / 4] = AXI_DMAC_FLAG_LAST | (c->cyclic ? AXI_DMAC_FLAG_CYCLIC : 0) |
                            (c->version >= AXI_DMAC_VERSION(4, 2, 'a') ? AXI_DMAC_FLAG_PARTIAL : 0);
    m[AXI_DMAC_X_LENGTH / 4] = len & (c->version >= AXI_DMAC_VERSION(4, 1, 'a') ? ~align_mask(s) : UINT32_MAX);
    if (dst_is_mem(s)) {
        m[AXI_DMAC_DEST_ADDRESS / 4] = ~(c->dst_width - 1u);
        m[AXI_DMAC_DEST_ADDRESS_HIGH / 4] = top;
    }
    if (src_is_mem(s)) {
        m[AXI_DMAC_SRC_ADDRESS / 4] = ~(c->src_width - 1u);
        m[AXI_DMAC_SRC_ADDRESS_HIGH / 4] = top;
    }
    if (c->two_d) {
        m[AXI_DMAC_Y_LENGTH / 4] = len;
        m[AXI_DMAC_DEST_STRIDE / 4] = len & ~(c->dst_width - 1u);
        m[AXI_DMAC_SRC_STRIDE / 4] = len & ~(c->src_width - 1u);
    }
    if (c->sg) {
        m[AXI_DMAC_SG_ADDRESS / 4] = ~7u;
        m[AXI_DMAC_SG_ADDRESS_HIGH / 4] = top;
    }
}

static bool bad_width(unsigned int w)
{
    return w < 2 || w > 128 || (w & (w - 1));
}

const char *axi_dmac_init(struct axi_dmac *s, const struct axi_dmac_config *cfg,
                          const struct axi_dmac_ops *ops, void *opaque)
{
    if (cfg->src_type > AXI_DMAC_BUS_FIFO || cfg->dst_type > AXI_DMAC_BUS_FIFO) {
        return "the bus type must be 0 (memory), 1 (stream) or 2 (FIFO)";
    }
    if (bad_width(cfg->src_width) || bad_width(cfg->dst_width)) {
        return "a bus must be 2 to 128 bytes wide, a power of two";
    }
    if (cfg->length_width < 8 || cfg->length_width > 32) {
        return "the length registers must have 8 to 32 bits";
    }
    if (cfg->addr_width < 32 || cfg->addr_width > 64) {
        return "addresses must have 32 to 64 bits";
    }
    if (cfg->queue < 1 || cfg->queue > 3) {
        return "the queue must hold 1 to 3 requests";
    }
    if (cfg->burst < 2 || (cfg->burst & (cfg->burst - 1)) || cfg->burst < cfg->src_width ||
        cfg->burst < cfg->dst_width) {
        return "a burst must be a power of two and at least as wide as the buses";
    }
    if (cfg->sg && cfg->version < AXI_DMAC_VERSION(4, 5, 'a')) {
        return "scatter-gather needs version 4.5.a or later";
    }
    if (cfg->coherent && cfg->version < AXI_DMAC_VERSION(4, 4, 'a')) {
        return "coherency needs version 4.4.a or later";
    }
    memset(s, 0, sizeof(*s));
    s->cfg = *cfg;
    s->ops = ops;
    s->opaque = opaque;
    set_masks(s);
    axi_dmac_reset(s, 0);
    return NULL;
}

void axi_dmac_connect(struct axi_dmac *s, const struct axi_dmac_stream *stream)
{
    s->stream = *stream;
    s->has_stream = true;
}

void axi_dmac_reset(struct axi_dmac *s, uint64_t now)
{
    bool was = is_enabled(s);

    s->last_time = now > s->last_time ? now : s->last_time;
    memset(s->regs, 0, sizeof(s->regs));
    memset(&s->faults, 0, sizeof(s->faults));
    drop_everything(s);
    update_running(s, s->last_time);
    if (was && s->has_stream) {
        s->stream.enable(s->stream.opaque, false, s->last_time);
    }
    REG(s, AXI_DMAC_IRQ_MASK) = AXI_DMAC_IRQ_SOT | AXI_DMAC_IRQ_EOT;
    REG(s, AXI_DMAC_FLAGS) = AXI_DMAC_FLAG_LAST | (s->cfg.cyclic ? AXI_DMAC_FLAG_CYCLIC : 0);
    if (s->cfg.version >= AXI_DMAC_VERSION(4, 1, 'a')) {
        REG(s, AXI_DMAC_X_LENGTH) = align_mask(s);
    }
    s->irq_source = 0;
    s->irq_spurious = false;
    s->irq_held_until = 0;
    update_irq(s);
}

/* Faults */

static void merge_faults(struct axi_dmac_faults *f, const struct axi_dmac_faults *more)
{
    f->hang |= more->hang;
    f->bus_error |= more->bus_error;
    if (more->early_end) {
        f->early_end = true;
        f->early_bytes = more->early_bytes;
    }
    if (more->late_irq) {
        f->late_irq = true;
        f->late_ns = more->late_ns;
    }
}

void axi_dmac_inject(struct axi_dmac *s, const struct axi_dmac_faults *faults, uint64_t now)
{
    axi_dmac_advance(s, now);
    settle(s);
    merge_faults(&s->faults, faults);
    if (!s->queued) {
        return;
    }
    take_faults(s);
    if (s->running) {
        set_goal(s, s->last_time);
    }
    update_running(s, s->last_time);
}

void axi_dmac_disarm(struct axi_dmac *s)
{
    s->faults = (struct axi_dmac_faults) { 0 };
}

void axi_dmac_spurious_irq(struct axi_dmac *s, uint64_t now)
{
    axi_dmac_advance(s, now);
    s->irq_spurious = true;
    update_irq(s);
}

/* Checks */

const char *axi_dmac_check(const struct axi_dmac *s)
{
    uint32_t pending = s->irq_source & ~REG(s, AXI_DMAC_IRQ_MASK);
    unsigned int i;

    if (s->queued > s->cfg.queue) {
        return "more requests accepted than the queue holds";
    }
    if (!is_enabled(s) && (s->req_valid || s->queued || s->done || s->id || s->id_eot || s->partials)) {
        return "something is left although CTRL is 0";
    }
    if (s->running != may_run(s)) {
        return "data flows when it must not, or does not when it must";
    }
    if (s->req_valid && s->queued < s->cfg.queue) {
        return "a request waits although the queue has room";
    }
    if (s->partials > AXI_DMAC_PARTIALS || s->done > 15 || s->id > 3 || s->id_eot > 3) {
        return "a counter is out of range";
    }
    if (s->running && (s->done_since_start > s->goal || s->seg_done >= segment_bytes(&s->queue[0]))) {
        return "more was moved than was asked for";
    }
    if (s->irq_level != (s->irq_spurious || (pending && s->last_time >= s->irq_held_until))) {
        return "the interrupt level is not what the registers say";
    }
    for (i = 0; i < AXI_DMAC_MAP_SIZE / 4; i++) {
        uint32_t fixed = i == AXI_DMAC_X_LENGTH / 4 && s->cfg.version >= AXI_DMAC_VERSION(4, 1, 'a') ?
                         align_mask(s) : 0;

        if ((s->regs[i] & ~s->wmask[i]) != fixed) {
            return "a register holds bits that cannot be written";
        }
    }
    return NULL;
}
