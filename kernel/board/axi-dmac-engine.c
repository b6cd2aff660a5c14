// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The burst engine of the AXI-DMAC model
 *
 * A request goes through five stages, each of which has at most one and hands on to the next:
 *
 *   requester    START_TRANSFER; or a chain of hardware descriptors, read ahead one by one; 2D makes rows
 *   generator    takes a segment (a request, a row, a descriptor), gives an ID to each burst of it. At
 *                most 2 * FIFO_SIZE - 1 bursts have an ID and no answer: that is how far requests are
 *                accepted ahead of the data
 *   source       fills a burst after the other, as long as the burst memory has room (FIFO_SIZE)
 *   destination  writes them to memory, or puts them out
 *   responses    count the bytes, end the request
 *
 * Each stage knows when it can do its next step; the earliest one is taken, then all look again. Times of
 * the clock of the bus are multiples of its period. From one clock to another it takes some edges of the
 * one that is reached. The numbers of clocks here were found with the recordings in traces/.
 *
 * To see what comes, a copy of the engine is run ahead (@dry): it reads descriptors, and does nothing else. It
 * stops where much of a segment is left (quiet_until()): a look after each access would cost more than the rest.
 */
#include "axi-dmac-engine.h"

#include <string.h>

#define NEVER               AXI_DMAC_NEVER
/* How far a look ahead goes; a step that nobody sees is taken then. */
#define HORIZON_NS          10000000
#define PAGE                4096
/* Fits the first level cache, so that making the data and storing it are one pass over memory */
#define CHUNK               8192
#define DESC_WORDS          6

enum { GEN_IDLE, GEN_IDS, GEN_CONSUME };
enum { SG_IDLE, SG_ADDRESS, SG_RECEIVE, SG_READY };

static uint64_t max64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t clk(const struct axi_dmac *s, unsigned int n)
{
    return (uint64_t)s->cfg.mem.clock_ns * n;
}

/* The first edge of the bus clock at @t or later */
static uint64_t on_clk(const struct axi_dmac *s, uint64_t t)
{
    uint64_t c = s->cfg.mem.clock_ns;

    return t == NEVER ? NEVER : (t + c - 1) / c * c;
}

static bool src_is_mem(const struct axi_dmac *s)
{
    return s->cfg.src_type == AXI_DMAC_BUS_MEMORY;
}

static bool dst_is_mem(const struct axi_dmac *s)
{
    return s->cfg.dst_type == AXI_DMAC_BUS_MEMORY;
}

/* The @n-th edge after @t of the clock of the converter side; of the bus clock where that is memory */
static uint64_t port_edge(const struct axi_dmac *s, uint64_t t, unsigned int n)
{
    return s->has_port ? s->port.edge(s->port.opaque, t, n) : on_clk(s, t + 1) + clk(s, n - 1);
}

static uint64_t src_edge(const struct axi_dmac *s, uint64_t t, unsigned int n)
{
    return src_is_mem(s) ? on_clk(s, t + 1) + clk(s, n - 1) : port_edge(s, t, n);
}

static uint64_t dst_edge(const struct axi_dmac *s, uint64_t t, unsigned int n)
{
    return dst_is_mem(s) ? on_clk(s, t + 1) + clk(s, n - 1) : port_edge(s, t, n);
}

static struct axi_dmac_burst *burst(struct axi_dmac_engine *e, uint64_t n)
{
    return &e->ring[n % AXI_DMAC_RING];
}

static void tell_at(struct axi_dmac *s, struct axi_dmac_engine *e, enum axi_dmac_event what, uint64_t t, uint64_t a,
                    uint64_t b)
{
    if (!e->dry && s->ops->event) {
        s->ops->event(s->opaque, what, t, a, b);
    }
}

static void tell(struct axi_dmac *s, struct axi_dmac_engine *e, enum axi_dmac_event what, uint64_t a, uint64_t b)
{
    tell_at(s, e, what, e->now, a, b);
}

/* @t, or later if the part that it is about is not enabled @lag after the core was; or NEVER */
static uint64_t if_enabled(const struct axi_dmac_engine *e, uint64_t t, uint64_t lag)
{
    if (e->enable) {
        return max64(t, e->enable_at + lag);
    }
    return t < e->enable_at + lag ? t : NEVER;
}

static void set_xreq(struct axi_dmac *s, struct axi_dmac_engine *e, bool on)
{
    if (e->xreq != on) {
        e->xreq = on;
        tell(s, e, AXI_DMAC_EV_XREQ, on, 0);
    }
}

/* Memory */

static void flush(struct axi_dmac *s)
{
    uint64_t addr = s->pending.addr, left = s->pending.bytes, slot = s->pending.slot;
    uint8_t buf[CHUNK];

    s->pending.bytes = 0;
    while (left) {
        size_t len = min64(left, CHUNK);

        s->port.move(s->port.opaque, slot, buf, len, false);
        if (!s->ops->mem_write(s->opaque, addr, buf, len)) {
            s->bus_errors++;
        }
        addr += len;
        slot += len >> s->src_shift;
        left -= len;
    }
}

static uint8_t *store_of(struct axi_dmac *s, uint64_t n)
{
    return s->store + n % s->cfg.fifo_bursts * s->burst;
}

static void write_burst(struct axi_dmac *s, struct axi_dmac_engine *e, const struct axi_dmac_burst *b, uint64_t n)
{
    uint64_t beats = b->bytes >> s->src_shift;

    if (e->dry) {
        return;
    }
    s->total_bytes += b->bytes;
    s->stop_writes += s->stop_watched ? b->bytes : 0;
    if (b->bus_error) {
        s->bus_errors++;
        if (!src_is_mem(s)) {
            flush(s);
        }
    } else if (src_is_mem(s)) {
        s->bus_errors += !s->ops->mem_write(s->opaque, b->addr, store_of(s, n), b->bytes);
    } else if (s->pending.bytes && s->pending.addr + s->pending.bytes == b->addr && s->pending.next_slot == b->slot) {
        s->pending.bytes += b->bytes;
        s->pending.next_slot += beats;
    } else {
        flush(s);
        s->pending.addr = b->addr;
        s->pending.slot = b->slot;
        s->pending.bytes = b->bytes;
        s->pending.next_slot = b->slot + beats;
    }
}

/* Data is in memory before memory says so. */
static void land_bursts(struct axi_dmac *s)
{
    struct axi_dmac_engine *e = &s->e;

    while (dst_is_mem(s) && s->landed < e->aw_ids && burst(e, s->landed)->out_end <= e->now &&
           !(e->stalled && burst(e, s->landed)->out_end > e->stall_end)) {
        write_burst(s, e, burst(e, s->landed), s->landed);
        s->landed++;
    }
}

/* Whoever reads memory sees what was written before. */
static void settle_memory(struct axi_dmac *s)
{
    land_bursts(s);
    flush(s);
}

static void read_burst(struct axi_dmac *s, struct axi_dmac_engine *e, const struct axi_dmac_burst *b, uint64_t n)
{
    uint8_t *to = store_of(s, n);

    if (e->dry) {
        return;
    }
    settle_memory(s);
    s->stop_fetches += s->stop_watched;
    if (b->bus_error || !s->ops->mem_read(s->opaque, b->addr, to, b->bytes)) {
        memset(to, 0, b->bytes);
        s->bus_errors++;
    }
}

static void count_crossing(struct axi_dmac *s, struct axi_dmac_engine *e, uint64_t addr, uint64_t bytes)
{
    if (!e->dry && addr % PAGE + bytes > PAGE) {
        s->offences.crossings++;
    }
}

static uint64_t whole_beats(uint64_t bytes, unsigned int width)
{
    return (bytes + width - 1) & ~(uint64_t)(width - 1);
}

static uint64_t src_beats(const struct axi_dmac *s, uint64_t bytes)
{
    return (bytes + s->cfg.src_width - 1) >> s->src_shift;
}

static uint64_t dst_beats(const struct axi_dmac *s, uint64_t bytes)
{
    return (bytes + s->cfg.dst_width - 1) >> s->dst_shift;
}

/* Descriptors */

static uint64_t get_le64(const uint8_t *p)
{
    uint64_t v = 0;
    int i;

    for (i = 7; i >= 0; i--) {
        v = v << 8 | p[i];
    }
    return v;
}

static uint64_t low_bits64(unsigned int n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* One word of a descriptor, into the field that is @n-th */
static void take_word(const struct axi_dmac *s, struct axi_dmac_descriptor *d, unsigned int n, uint64_t w)
{
    uint64_t addr = w & low_bits64(s->cfg.addr_width);
    uint32_t len_mask = axi_dmac_low_bits(s->cfg.length_width);

    switch (n) {
    case 0:
        d->flags = w & (AXI_DMAC_HWDESC_LAST | AXI_DMAC_HWDESC_IRQ);
        d->id = w >> 32;
        break;
    case 1:
        d->seg.dst = addr & ~(uint64_t)(s->cfg.dst_width - 1);
        break;
    case 2:
        d->seg.src = addr & ~(uint64_t)(s->cfg.src_width - 1);
        break;
    case 3:
        d->next = addr & ~UINT64_C(7);
        break;
    case 4:
        d->seg.bytes = (uint64_t)(((uint32_t)(w >> 32) & len_mask) | axi_dmac_align_mask(s)) + 1;
        d->y_len = s->cfg.two_d ? (uint32_t)w & len_mask : 0;
        break;
    case 5:
        d->src_stride = (uint32_t)w & len_mask & ~(s->cfg.src_width - 1u);
        d->dst_stride = (uint32_t)(w >> 32) & len_mask & ~(s->cfg.dst_width - 1u);
        break;
    default:
        break;
    }
}

static uint64_t sum_of(const uint64_t *w)
{
    uint64_t sum = 0;
    unsigned int i;

    for (i = 0; i < DESC_WORDS; i++) {
        sum = (sum ^ w[i]) * UINT64_C(0x100000001b3);
    }
    return sum;
}

/*
 * The same with LAST and IRQ set. So a ring is opened: a core that has read the descriptor
 * before goes round once more.
 */
static uint64_t opened_sum_of(const uint64_t *w)
{
    uint64_t opened[DESC_WORDS];

    memcpy(opened, w, sizeof(opened));
    opened[0] |= AXI_DMAC_HWDESC_LAST | AXI_DMAC_HWDESC_IRQ;
    return sum_of(opened);
}

/* What cannot be read is taken for zeros: as with data, the core does not look at the answer. */
static void read_descriptor(struct axi_dmac *s, const struct axi_dmac_engine *e, uint64_t addr, uint64_t *w)
{
    uint8_t d[AXI_DMAC_HWDESC_SIZE];
    unsigned int i;

    memset(d, 0, sizeof(d));
    if (!s->ops->mem_read(s->opaque, addr, d, sizeof(d))) {
        memset(d, 0, sizeof(d));
        s->bus_errors += !e->dry;
    }
    for (i = 0; i < DESC_WORDS; i++) {
        w[i] = get_le64(d + 8 * i);
    }
}

/* Slots of the port */

/* Words that are dropped until a scan begins: lost without a word before 4.5.a, overflow after that */
static bool flags_unsynced(const struct axi_dmac *s)
{
    return s->cfg.version >= AXI_DMAC_VERSION(4, 5, 'a');
}

/* Slots up to @slot went by: some before the source was ready, some while it waited for a scan to begin */
static void miss_until(struct axi_dmac *s, struct axi_dmac_engine *e, uint64_t slot)
{
    const struct axi_dmac_port *p = &s->port;
    uint64_t ready = e->src_end == NEVER ? slot : min64(max64(e->src_ready_slot, e->src_slot_no), slot);

    if (!e->dry && ready > e->src_slot_no) {
        p->missed(p->opaque, e->src_slot_no, ready, true);
    }
    if (!e->dry && slot > ready) {
        p->missed(p->opaque, ready, slot, flags_unsynced(s));
    }
    e->src_slot_no = slot;
}

/* The first slot in which the next burst can go out, or NEVER */
static uint64_t sink_first(const struct axi_dmac *s, struct axi_dmac_engine *e, uint64_t *slot)
{
    const struct axi_dmac_port *p = &s->port;
    uint64_t t;

    if (!s->has_port || !e->dst_active || e->outs >= e->stored) {
        return NEVER;
    }
    /* Behind another burst it has one edge less to go */
    t = burst(e, e->outs)->stored_at;
    t = dst_edge(s, t, 4) <= e->dst_free_at ? e->dst_free_at : dst_edge(s, t, 5);
    return p->first(p->opaque, e->sink_slot, t, false, slot);
}

/* Bytes of the next burst go out. */
static void put_out(struct axi_dmac *s, struct axi_dmac_engine *e, uint64_t slot, uint64_t bytes, bool last)
{
    if (!e->dry) {
        if (slot > e->sink_slot) {
            s->port.missed(s->port.opaque, e->sink_slot, slot, true);
        }
        s->port.move(s->port.opaque, slot, store_of(s, e->outs), bytes, last);
        s->total_bytes += bytes;
    }
    tell(s, e, AXI_DMAC_EV_DATA, slot, bytes);
    e->sink_slot = slot + dst_beats(s, bytes);
    e->done_bytes += bytes;
}

/* A FIFO that is not enabled says overflow with each word, also with those that it takes. */
static void flag_while_disabled(struct axi_dmac *s, struct axi_dmac_engine *e, uint64_t beats)
{
    const struct axi_dmac_port *p = &s->port;
    uint64_t from = e->src_first, to = e->src_first + beats, slot;

    if (e->dry || p->waits || (e->port_on_at >= e->port_off_at && e->src_first_at >= e->port_on_at)) {
        return;
    }
    if (p->first(p->opaque, from, e->port_off_at, false, &slot) == NEVER) {
        return;
    }
    from = max64(from, slot);
    if (e->port_on_at >= e->port_off_at) {
        p->first(p->opaque, e->src_first, e->port_on_at, false, &slot);
        to = min64(to, slot);
    }
    if (from < to) {
        tell(s, e, AXI_DMAC_EV_FLAGGED, from, to);
    }
}

/* Reset manager */

/* The pulse goes through the clocks one after the other, and is released in the same order. */
static void begin_reset(const struct axi_dmac *s, struct axi_dmac_engine *e)
{
    uint64_t dst = dst_edge(s, e->now + clk(s, 1), 4);
    uint64_t all = on_clk(s, src_edge(s, dst, 4)) + clk(s, 4);

    /* Requests that are accepted before it comes are wiped out by it */
    e->reset_at = e->now + clk(s, 11) / 2;
    e->reset_dst_end = dst_edge(s, all, 3);
    e->reset_src_end = src_edge(s, e->reset_dst_end, 3);
    e->reset_end = on_clk(s, e->reset_src_end) + clk(s, 3);
}

static void clear_data_path(struct axi_dmac_engine *e)
{
    e->chain_waits = e->slot_full = e->rows_valid = false;
    e->sg_state = SG_IDLE;
    e->sg_ids = 0;
    e->row_id = e->row_eot = e->row_last = 0;
    e->gen_state = GEN_IDLE;
    e->gen_left = 0;
    e->gen_seg = e->src_seg = 0;
    e->rewind_at = NEVER;
    e->completions = 0;
    e->src_waits = e->src_active = e->src_abort = false;
    e->src_end = e->sink_end = NEVER;
    e->dst_waits = e->dst_active = e->aw_held = false;
    e->ids = e->stored = e->ar_ids = e->aw_ids = e->outs = e->done = 0;
    e->ups = 0;
    e->up_blocked = e->bus_error = e->early_armed = false;
    e->hang_at = NEVER;
}

/* Beats of the burst in hand that were taken by now */
static uint64_t taken_so_far(const struct axi_dmac *s, const struct axi_dmac_engine *e)
{
    const struct axi_dmac_port *p = &s->port;
    uint64_t n = 0;

    if (e->src_end == NEVER) {
        return 0;
    }
    while (p->later(p->opaque, e->src_first, e->src_first_at, n) < e->now) {
        n++;
    }
    return n;
}

/* A burst that is on its way out goes as far as it gets. */
static void cut_output(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    const struct axi_dmac_port *p = &s->port;
    uint64_t slot, t, n = 0;

    if (dst_is_mem(s)) {
        return;
    }
    t = sink_first(s, e, &slot);
    while (t != NEVER && p->later(p->opaque, slot, t, n) < e->now) {
        n++;
    }
    if (n) {
        put_out(s, e, slot, n * s->cfg.dst_width, false);
    }
}

static void reset_data_path(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    uint64_t t = e->reset_end, taken = taken_so_far(s, e);

    cut_output(s, e);
    if (taken) {
        miss_until(s, e, e->src_first);
        flag_while_disabled(s, e, taken);
        tell(s, e, AXI_DMAC_EV_DATA, e->src_first, taken * s->cfg.src_width);
        e->src_slot_no = e->src_first + taken;
    }
    clear_data_path(e);
    if (!e->dry) {
        s->landed = 0;
    }
    e->sg_counts_from = e->now;
    e->gen_at = e->src_slot_at = e->slot_at = e->rows_at = t;
    e->chain_at = e->sg_at = e->now;
    e->ar_at = e->aw_at = e->dst_slot_at = e->src_free_at = t;
    e->out_end = e->read_end = 0;
    set_xreq(s, e, false);
}

static void set_state(struct axi_dmac_engine *e, unsigned int state, uint64_t at)
{
    e->state = state;
    e->state_at = at;
}

/* What a sink puts out while its side is disabled, is not answered before it is enabled again. */
static bool unanswered(const struct axi_dmac_engine *e, const struct axi_dmac_burst *b)
{
    return !e->enable && b->out_end > e->port_off_at;
}

/* All that has to come to an end before the core may be reset, has it? When? */
static uint64_t quiet_at(const struct axi_dmac *s, struct axi_dmac_engine *e)
{
    uint64_t t = max64(e->enable_at + clk(s, 2), e->out_end);

    if (e->aw_held || (dst_is_mem(s) && e->aw_ids != e->done)) {
        return NEVER;
    }
    if (!dst_is_mem(s)) {
        if (e->outs != e->done && !unanswered(e, burst(e, e->done))) {
            return NEVER;
        }
        t = max64(e->enable_at, on_clk(s, e->port_off_at)) + clk(s, 3);
    }
    if (e->done) {
        t = max64(t, burst(e, e->done - 1)->done_at + clk(s, 2));
    }
    if (src_is_mem(s)) {
        t = e->ar_ids == e->stored ? max64(t, e->read_end + clk(s, 2)) : NEVER;
    } else {
        t = max64(t, on_clk(s, e->port_off_at) + clk(s, 2));
    }
    if (s->cfg.sg && e->ctrl_hwdesc && e->sg_state != SG_IDLE) {
        return NEVER;
    }
    return t;
}

static uint64_t manager_time(const struct axi_dmac *s, struct axi_dmac_engine *e)
{
    switch (e->state) {
    case AXI_DMAC_RESET:
        return !e->ctrl_enable ? NEVER : e->in_reset ? max64(e->state_at, e->reset_end) : e->state_at;
    case AXI_DMAC_DISABLED:
        return e->needs_reset || !e->ctrl_pause ? e->state_at : NEVER;
    case AXI_DMAC_ENABLED:
        return e->needs_reset || e->ctrl_pause ? e->state_at : NEVER;
    case AXI_DMAC_SHUTDOWN: {
        uint64_t t = quiet_at(s, e);

        return t == NEVER ? NEVER : max64(e->state_at, t);
    }
    default:
        return e->state_at;
    }
}

static void manager_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    uint64_t t = e->now, next = t + clk(s, 1);

    switch (e->state) {
    case AXI_DMAC_DO_RESET:
        set_state(e, AXI_DMAC_RESET, next);
        e->needs_reset = false;
        break;
    case AXI_DMAC_RESET:
        set_state(e, AXI_DMAC_DISABLED, next);
        break;
    case AXI_DMAC_DISABLED:
        if (e->needs_reset) {
            set_state(e, AXI_DMAC_DO_RESET, next);
            begin_reset(s, e);
        } else {
            e->enable = true;
            e->enable_at = next;
            e->port_on_at = port_edge(s, next, 2);
            t = max64(on_clk(s, e->port_on_at) + clk(s, 2), next + clk(s, 2));
            set_state(e, AXI_DMAC_STARTUP, e->reset_at == NEVER ? t : max64(t, on_clk(s, e->reset_src_end)));
        }
        break;
    case AXI_DMAC_STARTUP:
        set_state(e, AXI_DMAC_ENABLED, next);
        break;
    case AXI_DMAC_ENABLED:
        e->enable = false;
        e->enable_at = next;
        e->port_off_at = port_edge(s, next, 2);
        set_state(e, AXI_DMAC_SHUTDOWN, next);
        break;
    case AXI_DMAC_SHUTDOWN:
        set_state(e, AXI_DMAC_DISABLED, next);
        break;
    default:
        break;
    }
}

static uint64_t reset_time(const struct axi_dmac_engine *e)
{
    return e->in_reset ? e->reset_end : e->reset_at;
}

static void reset_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    if (e->in_reset) {
        e->in_reset = false;
        e->reset_at = NEVER;
    } else {
        e->in_reset = true;
        reset_data_path(s, e);
    }
}

/* Requester: chains of descriptors */

/* May one of these events raise the line? Also while it is up, so that what was planned holds when it falls. */
static bool raises(const struct axi_dmac *s, uint32_t irq)
{
    return !(s->regs[AXI_DMAC_IRQ_MASK / 4] & irq);
}

static void accepted(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    if (e->dry) {
        if (!axi_dmac_is_cyclic(s) && raises(s, AXI_DMAC_IRQ_SOT)) {
            e->visible_at = e->now + clk(s, 1);
        }
    } else {
        axi_dmac_accepted(s, e->now);
    }
}

static uint64_t chain_time(const struct axi_dmac_engine *e)
{
    if (!e->start || !e->ctrl_hwdesc || e->chain_waits) {
        return NEVER;
    }
    return if_enabled(e, max64(e->start_at, e->chain_at), 0);
}

static void chain_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    /* In the middle of a reset the address is taken as well, and lost */
    e->chain_waits = !e->in_reset;
    e->chain_at = e->now;
    e->chain = (uint64_t)s->regs[AXI_DMAC_SG_ADDRESS_HIGH / 4] << 32 | s->regs[AXI_DMAC_SG_ADDRESS / 4];
    if (!axi_dmac_is_cyclic(s)) {
        e->start = false;
    }
    accepted(s, e);
}

/* A descriptor that was read goes two ways: to the arbiter, and to the list that remembers it until its end. */
static uint64_t sg_hand_over_time(const struct axi_dmac_engine *e)
{
    if (!e->desc_noted && e->sg_ids < AXI_DMAC_SG_IDS) {
        return e->sg_at;
    }
    if (!e->desc_handed && !e->slot_full) {
        return max64(e->sg_at, e->slot_at);
    }
    return e->desc_noted && e->desc_handed ? e->sg_at : NEVER;
}

static uint64_t sg_time(const struct axi_dmac *s, const struct axi_dmac_engine *e)
{
    switch (e->sg_state) {
    case SG_IDLE:
        return e->chain_waits ? if_enabled(e, max64(e->chain_at + clk(s, 1), e->sg_at), 0) : NEVER;
    case SG_ADDRESS:
        return e->stalled || e->sg_reads == AXI_DMAC_SG_READS ? NEVER : max64(e->sg_at, e->stall_end);
    case SG_RECEIVE:
        return e->stalled || !e->sg_reads ? NEVER :
               max64(max64(e->sg_at, e->sg_read[0].at) + clk(s, DESC_WORDS), e->stall_end);
    default:
        return e->enable ? sg_hand_over_time(e) : max64(e->sg_at, e->enable_at);
    }
}

static void sg_send_address(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    unsigned int n = e->sg_reads;

    tell(s, e, AXI_DMAC_EV_SGAR, e->desc.next, AXI_DMAC_HWDESC_SIZE);
    if (!e->dry) {
        settle_memory(s);
    }
    read_descriptor(s, e, e->desc.next, e->sg_read[n].word);
    e->sg_read[n].addr = e->desc.next;
    e->sg_read[n].at = e->now + clk(s, s->cfg.mem.sg_latency);
    e->sg_reads++;
    /* Memory has to be read at this very time */
    if (e->dry) {
        e->visible_at = e->now;
    } else {
        s->stop_fetches += s->stop_watched;
    }
    e->sg_state = SG_RECEIVE;
    e->sg_at = e->now;
}

/*
 * The core counts words that are offered, also while it does not take them. It does so when a read was
 * out during a reset: what comes then is taken for the first descriptor of the next chain, with its
 * words at the wrong places.
 */
static void sg_receive(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    uint64_t begin = max64(e->sg_at, e->sg_read[0].at);
    uint64_t offered = max64(e->sg_read[0].at, e->sg_counts_from);
    unsigned int skew = begin > offered ? (begin - offered) / clk(s, 1) % 8 : 0;
    unsigned int i;

    for (i = 0; skew && i < 8; i++) {
        take_word(s, &e->desc, i, e->sg_read[0].word[0]);
    }
    for (i = 0; i < DESC_WORDS; i++) {
        take_word(s, &e->desc, (skew + i) % 8, e->sg_read[0].word[i]);
    }
    e->desc.addr = e->sg_read[0].addr;
    e->desc.sum = sum_of(e->sg_read[0].word);
    e->desc.opened = opened_sum_of(e->sg_read[0].word);
    tell(s, e, AXI_DMAC_EV_SGRD, e->desc.addr, 0);
    e->sg_reads--;
    memmove(&e->sg_read[0], &e->sg_read[1], e->sg_reads * sizeof(e->sg_read[0]));
    e->desc_handed = e->desc_noted = false;
    e->sg_state = SG_READY;
    e->sg_at = e->now + clk(s, 1);
}

static void sg_hand_over(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    if (!e->enable && e->now >= e->enable_at) {
        /* Paused or shut down: what was read ahead is forgotten, and with it the rest of the chain */
        e->sg_state = SG_IDLE;
        e->sg_at = e->now + clk(s, 1);
        return;
    }
    if (!e->desc_handed && !e->slot_full && e->slot_at <= e->now) {
        e->slot_desc = e->desc;
        e->slot_full = e->desc_handed = true;
        e->slot_at = e->now;
    }
    if (!e->desc_noted && e->sg_ids < AXI_DMAC_SG_IDS) {
        e->sg_id[e->sg_ids].id = e->desc.id;
        e->sg_id[e->sg_ids].irq = e->desc.flags & AXI_DMAC_HWDESC_IRQ;
        e->sg_id[e->sg_ids].addr = e->desc.addr;
        e->sg_id[e->sg_ids].sum = e->desc.sum;
        e->sg_id[e->sg_ids].opened = e->desc.opened;
        e->sg_ids++;
        e->desc_noted = true;
    }
    if (!e->desc_handed || !e->desc_noted) {
        return;
    }
    if (e->desc.flags & AXI_DMAC_HWDESC_LAST) {
        e->sg_state = SG_IDLE;
        e->sg_at = e->now + clk(s, 1);
    } else {
        e->sg_state = SG_ADDRESS;
        e->sg_at = e->now + clk(s, 2);
    }
}

static void sg_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    switch (e->sg_state) {
    case SG_IDLE:
        e->chain_waits = false;
        e->chain_at = e->now + clk(s, 1);
        e->desc.next = e->chain;
        e->sg_state = SG_ADDRESS;
        e->sg_at = e->now + clk(s, 2);
        break;
    case SG_ADDRESS:
        sg_send_address(s, e);
        break;
    case SG_RECEIVE:
        sg_receive(s, e);
        break;
    default:
        sg_hand_over(s, e);
        break;
    }
}

/* A descriptor has ended. Does anybody want to know? */
static bool sg_ended(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    uint64_t word[DESC_WORDS], sum;
    bool irq;

    if (!e->sg_ids) {
        return false;
    }
    irq = e->sg_id[0].irq;
    e->sg_last_id = e->sg_id[0].id;
    if (!e->dry) {
        settle_memory(s);
        read_descriptor(s, e, e->sg_id[0].addr, word);
        sum = sum_of(word);
        s->offences.edits += sum != e->sg_id[0].sum && sum != e->sg_id[0].opened;
    }
    e->sg_ids--;
    memmove(&e->sg_id[0], &e->sg_id[1], e->sg_ids * sizeof(e->sg_id[0]));
    return irq;
}

/* Requester: plain requests, and rows */

static void from_registers(struct axi_dmac *s, struct axi_dmac_descriptor *d)
{
    const uint32_t *r = s->regs;

    memset(d, 0, sizeof(*d));
    d->seg.dst = (uint64_t)r[AXI_DMAC_DEST_ADDRESS_HIGH / 4] << 32 | r[AXI_DMAC_DEST_ADDRESS / 4];
    d->seg.src = (uint64_t)r[AXI_DMAC_SRC_ADDRESS_HIGH / 4] << 32 | r[AXI_DMAC_SRC_ADDRESS / 4];
    d->seg.bytes = (uint64_t)(r[AXI_DMAC_X_LENGTH / 4] | axi_dmac_align_mask(s)) + 1;
    d->y_len = r[AXI_DMAC_Y_LENGTH / 4];
    d->dst_stride = r[AXI_DMAC_DEST_STRIDE / 4];
    d->src_stride = r[AXI_DMAC_SRC_STRIDE / 4];
}

/* The next request or descriptor that is not part of one already taken; NEVER if there is none */
static uint64_t request_at(const struct axi_dmac_engine *e)
{
    if (e->ctrl_hwdesc) {
        return e->slot_full ? e->slot_at : NEVER;
    }
    return e->start ? if_enabled(e, e->start_at, 0) : NEVER;
}

static void take_request(struct axi_dmac *s, struct axi_dmac_engine *e, struct axi_dmac_descriptor *d)
{
    if (e->ctrl_hwdesc) {
        *d = e->slot_desc;
        e->slot_full = false;
        e->slot_at = e->now;
    } else {
        from_registers(s, d);
        if (!axi_dmac_is_cyclic(s)) {
            e->start = false;
        }
        accepted(s, e);
    }
    d->seg.sync = s->cfg.sync;
    d->seg.last = s->regs[AXI_DMAC_FLAGS / 4] & AXI_DMAC_FLAG_LAST;
}

static uint64_t rows_time(const struct axi_dmac *s, const struct axi_dmac_engine *e)
{
    uint64_t t = s->cfg.two_d && !e->rows_valid ? request_at(e) : NEVER;

    return t == NEVER ? NEVER : max64(t, e->rows_at);
}

static void rows_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    take_request(s, e, &e->rows);
    e->rows_valid = true;
    e->rows_at = e->now + clk(s, 1);
}

static void next_row(struct axi_dmac *s, struct axi_dmac_engine *e, struct axi_dmac_segment *seg)
{
    struct axi_dmac_descriptor *d = &e->rows;
    uint8_t bit = 1u << e->row_id;

    *seg = d->seg;
    seg->last = d->seg.last && !d->y_len;
    e->row_last = (e->row_last & ~bit) | (d->y_len ? 0 : bit);
    e->row_id = (e->row_id + 1) % 4;
    if (!d->y_len) {
        e->rows_valid = false;
        e->rows_at = e->now + clk(s, 1);
        return;
    }
    d->seg.dst += d->dst_stride;
    d->seg.src += d->src_stride;
    d->seg.sync = false;
    d->y_len--;
}

/* Arbiter and generator */

static uint64_t bursts_of(const struct axi_dmac *s, uint64_t bytes)
{
    return (bytes + s->burst - 1) / s->burst;
}

static uint64_t arbiter_time(const struct axi_dmac *s, const struct axi_dmac_engine *e)
{
    uint64_t t = s->cfg.two_d ? (e->rows_valid ? e->rows_at : NEVER) : request_at(e);

    if (t == NEVER || e->src_waits || e->gen_state == GEN_IDS || e->in_reset) {
        return NEVER;
    }
    return max64(max64(t, e->gen_at), e->src_slot_at);
}

static void arbiter_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    struct axi_dmac_descriptor d;

    if (s->cfg.two_d) {
        next_row(s, e, &d.seg);
    } else {
        take_request(s, e, &d);
    }
    e->gen_seg++;
    e->gen_last = d.seg.last;
    if (e->gen_state == GEN_CONSUME) {
        e->completions++;
        e->completion_at = e->now + clk(s, 2);
        e->gen_state = d.seg.last ? GEN_IDLE : GEN_CONSUME;
        e->gen_at = e->now + clk(s, 2);
    } else {
        e->gen_state = GEN_IDS;
        e->gen_left = e->gen_total = bursts_of(s, d.seg.bytes);
        e->gen_at = e->now + clk(s, 1);
    }
    e->src_slot = d.seg;
    e->src_waits = true;
    e->src_slot_at = e->now;
}

static unsigned int credits(const struct axi_dmac *s, const struct axi_dmac_engine *e)
{
    return 2 * s->cfg.fifo_bursts - 1 - (unsigned int)(e->ids - e->done);
}

static uint64_t generator_time(const struct axi_dmac *s, const struct axi_dmac_engine *e)
{
    uint64_t t = NEVER;

    if (e->gen_state == GEN_IDS && credits(s, e)) {
        t = if_enabled(e, e->gen_at, 0);
    }
    return min64(t, e->rewind_at);
}

static void rewind_ids(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    bool newer = e->gen_seg != e->rewind_seg;

    e->rewind_at = NEVER;
    e->ids = e->rewind_id;
    e->gen_at = e->now + clk(s, 2);
    if (e->rewind_last) {
        e->gen_state = newer ? GEN_IDS : GEN_IDLE;
        e->gen_left = newer ? e->gen_total : 0;
        return;
    }
    if (newer) {
        e->completions++;
        e->completion_at = e->now + clk(s, 2);
    }
    e->gen_state = newer && e->gen_last ? GEN_IDLE : GEN_CONSUME;
    /* The rows behind the one in hand are not made any more */
    if (s->cfg.two_d && e->rows_valid && !e->gen_last) {
        e->rows.y_len = 0;
    }
}

static void issue_id(const struct axi_dmac *s, struct axi_dmac_engine *e)
{
    struct axi_dmac_burst *b = burst(e, e->ids++);

    b->id_at = max64(e->gen_at, e->now);
    b->eot = e->gen_left-- == 1;
    b->partial = b->bus_error = false;
    e->gen_at = b->id_at + clk(s, 1);
}

static void generator_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    unsigned int n = credits(s, e);

    if (e->rewind_at <= e->now) {
        rewind_ids(s, e);
        return;
    }
    while (n-- && e->gen_left) {
        issue_id(s, e);
    }
    if (!e->gen_left) {
        e->gen_state = GEN_IDLE;
    }
}

/* Source */

/* When burst @n has left the burst memory, so that the source may use its place; NEVER if that is not known yet */
static uint64_t left_at(const struct axi_dmac *s, struct axi_dmac_engine *e, uint64_t n)
{
    const struct axi_dmac_burst *b = burst(e, n);

    if (dst_is_mem(s)) {
        if (n >= e->aw_ids || (e->stalled && b->out_end > e->stall_end)) {
            return NEVER;
        }
        return b->out_end - clk(s, 2);
    }
    return n < e->outs ? b->out_end : NEVER;
}

/* When the source may begin with burst @n: it has an ID, and room */
static uint64_t source_may(const struct axi_dmac *s, struct axi_dmac_engine *e, uint64_t n)
{
    uint64_t t, left = 0;

    if (n >= e->ids) {
        return NEVER;
    }
    if (n >= s->cfg.fifo_bursts) {
        left = left_at(s, e, n - s->cfg.fifo_bursts);
        if (left == NEVER) {
            return NEVER;
        }
    }
    t = burst(e, n)->id_at;
    if (!src_is_mem(s)) {
        /* Mostly that was long before the source is through with the burst before */
        if (max64(t, left) + e->crossing <= e->src_free_at) {
            return t;
        }
        return src_edge(s, max64(t, left), 5);
    }
    if (left) {
        left = dst_is_mem(s) ? left + clk(s, 2) : left - (dst_edge(s, left, 1) - left);
        left = on_clk(s, left) + clk(s, 4);
    }
    return max64(t + clk(s, 3), left);
}

/* TLAST after @bytes more, 0: half of what is left; with a beat, and never before the first one */
void axi_dmac_engine_end_early(struct axi_dmac *s, struct axi_dmac_engine *e, uint64_t bytes)
{
    uint64_t n = (bytes ? bytes : e->src_left / 2) & ~(uint64_t)(s->cfg.src_width - 1);

    e->early_armed = true;
    e->early_left = max64(n, s->cfg.src_width);
}

/* Of what is armed, the segment that begins takes its share. A copy that runs ahead leaves it for the original. */
static void take_faults(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    struct axi_dmac_faults *f = &s->faults;

    if (e->faults_taken) {
        e->bus_error = false;
        return;
    }
    e->bus_error = f->bus_error;
    if (f->hang) {
        e->hang_at = e->stored;
    }
    if (f->early_end) {
        axi_dmac_engine_end_early(s, e, f->early_bytes);
    }
    if (e->dry) {
        e->faults_taken = true;
    } else {
        f->hang = f->bus_error = f->early_end = false;
    }
}

static void source_begin_segment(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    const struct axi_dmac_segment *seg = &e->src_slot;

    e->src_waits = false;
    e->src_seg++;
    e->src = *seg;
    e->src_left = seg->bytes;
    e->src_xlast = seg->last;
    e->src_needs_sync = seg->sync;
    e->src_abort = false;
    e->dst_slot = *seg;
    e->dst_waits = true;
    e->dst_slot_at = e->now;
    e->src_slot_at = on_clk(s, e->now) + (src_is_mem(s) ? 0 : clk(s, 2));
    e->src_fresh = !e->src_active;
    if (e->src_fresh) {
        e->src_free_at = src_edge(s, e->now, 1);
    }
    e->src_active = true;
    take_faults(s, e);
    if (!src_is_mem(s)) {
        set_xreq(s, e, true);
    }
}

static uint64_t source_take_time(const struct axi_dmac *s, struct axi_dmac_engine *e)
{
    uint64_t t, may;

    if (!e->src_waits) {
        return NEVER;
    }
    if (e->src_abort) {
        return src_edge(s, max64(e->src_slot_at, e->rewind_at == NEVER ? 0 : e->rewind_at), 3);
    }
    if (e->src_active || e->dst_waits) {
        return NEVER;
    }
    if (src_is_mem(s)) {
        return max64(max64(e->src_slot_at + clk(s, 1), e->ar_at), e->dst_slot_at);
    }
    may = source_may(s, e, e->stored);
    t = max64(src_edge(s, e->src_slot_at, 4), src_edge(s, e->dst_slot_at, 1));
    return may == NEVER ? NEVER : max64(t, may);
}

static void source_take(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    bool fresh = e->src_xlast;

    if (!e->src_abort || fresh) {
        source_begin_segment(s, e);
        return;
    }
    e->src_waits = false;
    e->src_seg++;
    e->src_xlast = e->src_slot.last;
    e->src_slot_at = on_clk(s, e->now) + clk(s, 2);
    e->src_active = true;
    set_xreq(s, e, true);
}

/* The bytes of the burst that the source works on */
static uint64_t next_bytes(const struct axi_dmac *s, const struct axi_dmac_engine *e)
{
    return min64(e->src_left, s->burst);
}

/* Beats up to TLAST, that included, or more than @n if it is not among them */
static uint64_t beats_to_tlast(const struct axi_dmac *s, const struct axi_dmac_engine *e, uint64_t n)
{
    uint64_t last = NEVER;

    if (s->cfg.src_type == AXI_DMAC_BUS_STREAM && s->port.tlast) {
        last = s->port.tlast(s->port.opaque, e->src_first, n);
        last = last == NEVER ? NEVER : last + 1;
    }
    if (e->early_armed && e->early_left <= n * s->cfg.src_width) {
        last = min64(last, e->early_left >> s->src_shift);
    }
    return last;
}

/* Where the source would begin with its next burst and end it: no step by itself, it can change its mind until then. */
static void source_plan(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    const struct axi_dmac_port *p = &s->port;
    uint64_t t, n;

    if (src_is_mem(s) || !s->has_port || !e->src_active || e->src_abort || !e->src_left || e->src_end != NEVER ||
        e->in_reset) {
        return;
    }
    t = source_may(s, e, e->stored);
    if (t == NEVER) {
        return;
    }
    if (t <= e->src_free_at && !e->src_fresh) {
        /* Right behind the burst before */
        e->src_first_at = e->src_free_at;
        e->src_ready_slot = e->src_slot_no;
    } else {
        t = max64(t, e->src_free_at);
        e->src_first_at = p->first(p->opaque, e->src_slot_no, t, false, &e->src_ready_slot);
    }
    e->src_first = e->src_ready_slot;
    if (e->src_needs_sync && e->src_first_at != NEVER) {
        e->src_first_at = p->first(p->opaque, e->src_slot_no, t, true, &e->src_first);
    }
    /* Since 4.5 a stream that has no scan to begin with is held, and so never comes to one; a FIFO is not */
    if (e->src_first_at == NEVER || (p->waits && s->cfg.src_type == AXI_DMAC_BUS_STREAM && flags_unsynced(s) &&
                                     e->src_first != e->src_slot_no)) {
        return;
    }
    n = src_beats(s, next_bytes(s, e));
    e->src_end = p->later(p->opaque, e->src_first, e->src_first_at, min64(n, beats_to_tlast(s, e, n)) - 1);
}

/* TLAST where none was due: the burst ends here, and the segments up to the next one with LAST are dropped. */
static void source_cut(struct axi_dmac *s, struct axi_dmac_engine *e, struct axi_dmac_burst *b)
{
    b->partial = true;
    b->eot = true;
    if (!e->src_left) {
        e->src_active = false;
        set_xreq(s, e, false);
    }
    e->src_left = 0;
    e->src_abort = true;
    e->rewind_at = on_clk(s, e->now) + clk(s, 3);
    e->rewind_seg = e->src_seg;
    e->rewind_id = e->stored;
    e->rewind_last = e->src_xlast;
}

static void source_end_segment(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    /* Without a gap if the next one is known on this side */
    if (e->src_waits && !e->dst_waits && src_edge(s, e->src_slot_at, 3) <= e->now &&
        src_edge(s, e->dst_slot_at, 1) <= e->now) {
        source_begin_segment(s, e);
        return;
    }
    e->src_active = false;
    set_xreq(s, e, false);
}

/* When the address of a burst that is stored can be shown; the length of a last one comes separately, and later */
static uint64_t address_due(const struct axi_dmac *s, const struct axi_dmac_burst *b)
{
    if (b->eot && !src_is_mem(s)) {
        return on_clk(s, src_edge(s, b->stored_at, 1)) + clk(s, 4);
    }
    return on_clk(s, b->stored_at) + clk(s, 3);
}

static void source_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    struct axi_dmac_burst *b = burst(e, e->stored);
    uint64_t bytes = next_bytes(s, e), width = s->cfg.src_width, beats = src_beats(s, bytes);
    uint64_t cut = beats_to_tlast(s, e, beats);
    bool programmed = beats * width >= e->src_left && e->src_xlast;
    bool tlast = cut <= beats;

    if (cut < beats) {
        /* Only now: whether the burst is cut was not to be known when it began */
        beats = cut;
        bytes = beats * width;
        programmed = false;
    }
    miss_until(s, e, e->src_first);
    b->slot = e->src_first;
    b->bytes = bytes;
    b->stored_at = e->now;
    b->bus_error = e->bus_error;
    flag_while_disabled(s, e, beats);
    tell(s, e, AXI_DMAC_EV_DATA, b->slot, bytes);
    if (tlast) {
        tell(s, e, AXI_DMAC_EV_TLAST, b->slot + beats - 1, 0);
    }
    if (e->early_armed) {
        e->early_armed = !(tlast && cut * width == e->early_left) && e->early_left > bytes;
        e->early_left -= min64(bytes, e->early_left);
    }
    e->src_slot_no = e->src_first + beats;
    e->src_free_at = s->port.later(s->port.opaque, e->src_slot_no - 1, e->now, 1);
    e->src_needs_sync = e->src_fresh = false;
    e->src_left -= min64(bytes, e->src_left);
    e->src_end = NEVER;
    e->stored++;
    if (tlast && !programmed) {
        source_cut(s, e, b);
    }
    b->out_from = address_due(s, b);
    e->rest_known &= e->src_left && !b->partial;
    if (b->partial) {
        return;
    }
    if (!e->src_left) {
        source_end_segment(s, e);
    }
}

/* Source that is memory: an address, then data */

static uint64_t read_address_time(const struct axi_dmac *s, struct axi_dmac_engine *e)
{
    uint64_t t;

    if (!src_is_mem(s) || !e->src_active || !e->src_left || e->stalled) {
        return NEVER;
    }
    t = source_may(s, e, e->ar_ids);
    return t == NEVER ? NEVER : if_enabled(e, max64(max64(t, e->ar_at), e->stall_end), clk(s, 2));
}

static void read_address_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    struct axi_dmac_burst *b = burst(e, e->ar_ids++);
    uint64_t beats;

    b->bytes = next_bytes(s, e);
    b->addr = e->src.src;
    b->bus_error = e->bus_error;
    beats = src_beats(s, b->bytes);
    tell(s, e, AXI_DMAC_EV_AR, b->addr, beats * s->cfg.src_width);
    count_crossing(s, e, b->addr, beats * s->cfg.src_width);
    e->read_end = max64(e->now + clk(s, s->cfg.mem.read_latency), e->read_end) +
                  clk(s, beats * s->cfg.mem.read_every);
    b->stored_at = e->read_end;
    e->src.src += s->burst;
    e->src_left -= b->bytes;
    e->ar_at = e->now + clk(s, 2);
    if (!e->src_left) {
        e->src_active = false;
        e->rest_known = false;
    }
}

static uint64_t read_data_time(const struct axi_dmac *s, struct axi_dmac_engine *e)
{
    if (!src_is_mem(s) || e->stored >= e->ar_ids || e->stalled) {
        return NEVER;
    }
    return burst(e, e->stored)->stored_at;
}

static void read_data_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    struct axi_dmac_burst *b = burst(e, e->stored);

    read_burst(s, e, b, e->stored);
    b->out_from = address_due(s, b);
    e->stored++;
}

/* Destination */

/* When the segment that the source has taken is known on this side */
static uint64_t destination_slot_time(const struct axi_dmac *s, const struct axi_dmac_engine *e)
{
    uint64_t t = src_edge(s, e->dst_slot_at, 1);

    return dst_is_mem(s) ? on_clk(s, t) + clk(s, 2) : dst_edge(s, t, 2);
}

static uint64_t destination_take_time(const struct axi_dmac *s, const struct axi_dmac_engine *e)
{
    if (!e->dst_waits || e->dst_active) {
        return NEVER;
    }
    return max64(destination_slot_time(s, e), e->dst_free_at);
}

static void destination_take(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    e->dst = e->dst_slot;
    e->dst_waits = false;
    e->dst_slot_at = src_is_mem(s) ? e->now : src_edge(s, e->now, 2);
    e->dst_active = true;
    e->dst_addr = e->dst.dst;
    if (!dst_is_mem(s)) {
        e->dst_free_at = dst_edge(s, e->now, 1);
        set_xreq(s, e, true);
    }
}

/* Destination that is memory: an address, data, and an answer */

static uint64_t write_address_time(const struct axi_dmac *s, struct axi_dmac_engine *e)
{
    const struct axi_dmac_burst *b = burst(e, e->aw_ids);

    if (e->aw_held) {
        return e->stalled ? NEVER : e->stall_end;
    }
    if (!e->dst_active || e->aw_ids >= e->stored) {
        return NEVER;
    }
    return if_enabled(e, max64(b->out_from, e->aw_at), clk(s, 2));
}

static void write_address_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    struct axi_dmac_burst *b = burst(e, e->aw_ids);
    uint64_t on_bus = whole_beats(b->bytes, s->cfg.dst_width);
    uint64_t shown = e->now;

    if (e->stalled) {
        e->aw_held = true;
        return;
    }
    if (e->aw_held) {
        /* Its data waited beside it */
        e->aw_held = false;
        shown = e->now - clk(s, 3);
    }
    b->addr = e->dst_addr;
    tell(s, e, AXI_DMAC_EV_AW, b->addr, on_bus);
    count_crossing(s, e, b->addr, on_bus);
    b->out_from = max64(shown + clk(s, 3), e->out_end);
    b->out_end = b->out_from + clk(s, (on_bus >> s->dst_shift) * s->cfg.mem.write_every);
    e->out_end = b->out_end;
    if (on_bus != b->bytes) {
        tell_at(s, e, AXI_DMAC_EV_STRB, b->out_end - clk(s, s->cfg.mem.write_every), b->addr + on_bus - s->cfg.dst_width,
                b->bytes + s->cfg.dst_width - on_bus);
    }
    b->done_at = b->out_end + clk(s, s->cfg.mem.write_latency);
    e->dst_addr += s->burst;
    e->aw_ids++;
    e->aw_at = e->now + clk(s, 2);
    if (b->eot) {
        e->rest_known = false;
        e->dst_active = false;
        e->dst_free_at = e->now + clk(s, 1);
        e->dst_addr = e->dst_slot.dst;
    }
}

/* Destination that is a stream or a FIFO */

static uint64_t sink_time(const struct axi_dmac *s, struct axi_dmac_engine *e)
{
    const struct axi_dmac_burst *b = burst(e, e->outs);
    uint64_t slot, t;

    if (dst_is_mem(s)) {
        return NEVER;
    }
    if (e->sink_end != NEVER) {
        return e->sink_end;
    }
    t = sink_first(s, e, &slot);
    if (t == NEVER) {
        return NEVER;
    }
    e->sink_end = s->port.later(s->port.opaque, slot, t, dst_beats(s, b->bytes) - 1);
    return e->sink_end;
}

static void sink_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    struct axi_dmac_burst *b = burst(e, e->outs);
    bool last = b->eot && e->dst.last;
    uint64_t slot;

    b->out_from = sink_first(s, e, &slot);
    b->out_end = e->now;
    b->slot = slot;
    e->sink_end = NEVER;
    put_out(s, e, slot, b->bytes, last);
    if (last) {
        tell(s, e, AXI_DMAC_EV_TLAST, e->sink_slot - 1, 0);
    }
    b->done_at = on_clk(s, dst_edge(s, e->now, 1)) + clk(s, 1);
    e->dst_free_at = dst_edge(s, e->now, 1);
    e->outs++;
    if (b->eot) {
        e->rest_known = false;
        e->dst_active = false;
        if (e->dst_waits && destination_slot_time(s, e) <= e->now) {
            destination_take(s, e);
        } else {
            set_xreq(s, e, false);
        }
    }
}

/* Responses */

static uint64_t answer_time(const struct axi_dmac *s, struct axi_dmac_engine *e)
{
    uint64_t ready = dst_is_mem(s) ? e->aw_ids : e->outs;

    if (e->done >= ready || e->ups == 2 || e->done >= e->hang_at || (dst_is_mem(s) && e->stalled)) {
        return NEVER;
    }
    if (!dst_is_mem(s)) {
        if (unanswered(e, burst(e, e->done))) {
            return NEVER;
        }
        if (burst(e, e->done)->out_end > e->port_off_at && e->port_on_at > burst(e, e->done)->done_at) {
            return max64(on_clk(s, e->port_on_at) + clk(s, 1), e->now);
        }
    }
    return max64(burst(e, e->done)->done_at, e->now);
}

/* Nobody sees just when the bytes of a burst in the middle are counted: at once, if nothing is before them. */
static void tell_register_map(struct axi_dmac *s, struct axi_dmac_engine *e, uint64_t at, uint64_t bytes, bool eot,
                              bool partial)
{
    if (!eot && !partial && !e->ups && !e->up_blocked && !e->completions) {
        if (!e->dry) {
            e->up_blocked = !axi_dmac_answered(s, e->now, bytes, false, false);
        }
        return;
    }
    e->rest_known = false;
    e->up[e->ups].at = at;
    e->up[e->ups].bytes = bytes;
    e->up[e->ups].eot = eot;
    e->up[e->ups].partial = partial;
    e->ups++;
}

static void answer_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    struct axi_dmac_burst *b = burst(e, e->done);

    if (dst_is_mem(s)) {
        if (!e->dry) {
            land_bursts(s);
        }
        e->done_bytes += b->bytes;
        tell(s, e, AXI_DMAC_EV_WR, e->done_bytes, 0);
    }
    b->done_at = e->now;
    e->done++;
    if (e->gen_state == GEN_IDS) {
        e->gen_at = max64(e->gen_at, e->now + clk(s, 1));
        if (e->gen_left > 1 && e->enable && credits(s, e) == 1 && e->rewind_at == NEVER) {
            /* The ID that this one makes free */
            issue_id(s, e);
        } else {
            e->rest_known = false;
        }
    }
    /* What goes out by a stream is counted in bursts */
    tell_register_map(s, e, e->now + clk(s, s->cfg.two_d ? 4 : 3), dst_is_mem(s) ? b->bytes : 1, b->eot, b->partial);
}

static uint64_t up_time(const struct axi_dmac_engine *e)
{
    return e->ups && !e->up_blocked ? e->up[0].at : NEVER;
}

/* What is the end of a segment for the engine is not always one for the request. */
static void up_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    uint64_t bytes = e->up[0].bytes;
    bool eot = e->up[0].eot, partial = e->up[0].partial;

    e->ups--;
    e->up[0] = e->up[1];
    e->up[0].at = max64(e->up[0].at, e->now + clk(s, 3));
    e->completion_at = max64(e->completion_at, e->now + clk(s, 2));
    if (eot && s->cfg.two_d) {
        eot = e->row_last >> e->row_eot & 1;
        e->row_eot = (e->row_eot + 1) % 4;
    }
    if (eot && e->ctrl_hwdesc) {
        eot = sg_ended(s, e);
    }
    if (e->dry) {
        if (partial || (eot && !axi_dmac_is_cyclic(s) && raises(s, AXI_DMAC_IRQ_EOT))) {
            e->visible_at = e->now + clk(s, 1);
        }
    } else {
        e->up_blocked = !axi_dmac_answered(s, e->now, bytes, eot, partial);
    }
}

static uint64_t completion_time(const struct axi_dmac_engine *e)
{
    if (!e->completions || e->done < e->rewind_id || e->ups || e->up_blocked) {
        return NEVER;
    }
    return e->completion_at;
}

/* A dropped segment is reported with a burst of bytes; as an end, too, before 4.5.a. */
static void completion_step(struct axi_dmac *s, struct axi_dmac_engine *e)
{
    e->completions--;
    e->completion_at = e->now + clk(s, 2);
    tell_register_map(s, e, e->now, s->burst, s->cfg.version < AXI_DMAC_VERSION(4, 5, 'a'), false);
}

/* Time */

enum step {
    STEP_RESET, STEP_MANAGER, STEP_ANSWER, STEP_UP, STEP_COMPLETION, STEP_GENERATOR, STEP_ARBITER, STEP_ROWS,
    STEP_CHAIN, STEP_SG, STEP_SOURCE_TAKE, STEP_SOURCE, STEP_READ_ADDRESS, STEP_READ_DATA, STEP_DESTINATION_TAKE,
    STEP_WRITE_ADDRESS, STEP_SINK, STEPS
};

#define LOOK(step, time) do { \
        uint64_t at = (time); \
        if (at < best) { \
            best = at; \
            *which = (step); \
        } \
    } while (0)

/* The steps that are not those of a burst in the middle of a segment */
static uint64_t next_rest(const struct axi_dmac *s, struct axi_dmac_engine *e, enum step *which)
{
    uint64_t best = NEVER;

    LOOK(STEP_RESET, reset_time(e));
    LOOK(STEP_MANAGER, manager_time(s, e));
    LOOK(STEP_UP, up_time(e));
    LOOK(STEP_COMPLETION, completion_time(e));
    LOOK(STEP_GENERATOR, generator_time(s, e));
    LOOK(STEP_ARBITER, arbiter_time(s, e));
    LOOK(STEP_SOURCE_TAKE, source_take_time(s, e));
    LOOK(STEP_DESTINATION_TAKE, destination_take_time(s, e));
    if (s->cfg.two_d) {
        LOOK(STEP_ROWS, rows_time(s, e));
    }
    if (s->cfg.sg) {
        LOOK(STEP_CHAIN, chain_time(e));
        LOOK(STEP_SG, sg_time(s, e));
    }
    return best;
}

static uint64_t next_step(struct axi_dmac *s, struct axi_dmac_engine *e, enum step *which)
{
    uint64_t best;

    source_plan(s, e);
    if (!e->rest_known) {
        e->rest_at = next_rest(s, e, which);
        e->rest = *which;
        /* In a shutdown everything counts */
        e->rest_known = e->state == AXI_DMAC_ENABLED;
    }
    best = e->rest_at;
    *which = e->rest;
    LOOK(STEP_ANSWER, answer_time(s, e));
    if (src_is_mem(s)) {
        LOOK(STEP_READ_ADDRESS, read_address_time(s, e));
        LOOK(STEP_READ_DATA, read_data_time(s, e));
    } else {
        LOOK(STEP_SOURCE, e->src_end);
    }
    if (dst_is_mem(s)) {
        LOOK(STEP_WRITE_ADDRESS, write_address_time(s, e));
    } else {
        LOOK(STEP_SINK, sink_time(s, e));
    }
    return best;
}

#undef LOOK

static bool is_of_burst(enum step which)
{
    return which == STEP_ANSWER || which == STEP_SOURCE || which == STEP_WRITE_ADDRESS || which == STEP_READ_ADDRESS ||
           which == STEP_READ_DATA || which == STEP_SINK;
}

static void take_step(struct axi_dmac *s, struct axi_dmac_engine *e, enum step which)
{
    e->rest_known &= is_of_burst(which);
    switch (which) {
    case STEP_RESET:
        reset_step(s, e);
        break;
    case STEP_MANAGER:
        manager_step(s, e);
        break;
    case STEP_ANSWER:
        answer_step(s, e);
        break;
    case STEP_UP:
        up_step(s, e);
        break;
    case STEP_COMPLETION:
        completion_step(s, e);
        break;
    case STEP_GENERATOR:
        generator_step(s, e);
        break;
    case STEP_ARBITER:
        arbiter_step(s, e);
        break;
    case STEP_ROWS:
        rows_step(s, e);
        break;
    case STEP_CHAIN:
        chain_step(s, e);
        break;
    case STEP_SG:
        sg_step(s, e);
        break;
    case STEP_SOURCE_TAKE:
        source_take(s, e);
        break;
    case STEP_SOURCE:
        source_step(s, e);
        break;
    case STEP_READ_ADDRESS:
        read_address_step(s, e);
        break;
    case STEP_READ_DATA:
        read_data_step(s, e);
        break;
    case STEP_DESTINATION_TAKE:
        destination_take(s, e);
        break;
    case STEP_WRITE_ADDRESS:
        write_address_step(s, e);
        break;
    default:
        sink_step(s, e);
        break;
    }
}

/*
 * What was not taken by now is lost: tells the port about slots that went by unused, up to the burst that
 * is being taken or put out, if there is one.
 */
static void miss_slots(struct axi_dmac *s)
{
    struct axi_dmac_engine *e = &s->e;
    const struct axi_dmac_port *p = &s->port;
    bool source = !src_is_mem(s);
    uint64_t at = source ? e->src_slot_no : e->sink_slot, slot, begin;

    if (!s->has_port || p->waits || p->first(p->opaque, at, e->now + 1, false, &slot) == NEVER) {
        return;
    }
    if (source && e->src_end != NEVER) {
        slot = min64(slot, e->src_first);
    } else if (!source && sink_first(s, e, &begin) != NEVER) {
        slot = min64(slot, begin);
    }
    if (slot <= at) {
        return;
    }
    if (source) {
        miss_until(s, e, slot);
        return;
    }
    p->missed(p->opaque, at, slot, true);
    e->sink_slot = slot;
}

void axi_dmac_engine_run(struct axi_dmac *s, uint64_t now)
{
    struct axi_dmac_engine *e = &s->e;
    enum step which = STEPS;
    uint64_t t;

    e->rest_known = false;
    e->crossing = port_edge(s, e->now, 6) - e->now;
    while ((t = next_step(s, e, &which)) <= now) {
        e->now = max64(t, e->now);
        take_step(s, e, which);
    }
    e->now = max64(now, e->now);
    settle_memory(s);
    miss_slots(s);
}

/* @beats that have not begun are through one side, from @slot on if that is the port: not before that */
static uint64_t beats_end(const struct axi_dmac *s, const struct axi_dmac_engine *e, bool mem, uint64_t beats,
                          unsigned int every, uint64_t slot)
{
    if (mem) {
        return e->now + clk(s, every) * beats;
    }
    return s->has_port ? s->port.later(s->port.opaque, slot, e->now, beats - 1) : NEVER;
}

/*
 * A time before which nothing can be seen, if the end of the segment that the generator works on is far away
 * and no other one is under way; else NEVER. The next request is accepted, and the segment can end, when the
 * last burst has an ID. All bursts that have none, but for the last few, have to pass both sides before that.
 */
static uint64_t quiet_until(const struct axi_dmac *s, const struct axi_dmac_engine *e)
{
    uint64_t bytes;

    if (!e->rest_known || e->rest_at != NEVER || e->gen_state != GEN_IDS || e->gen_left < AXI_DMAC_RING ||
        e->ids - e->done > e->gen_total - e->gen_left || e->src_waits || e->completions) {
        return NEVER;
    }
    /* The source may end it early */
    if (e->early_armed || (s->cfg.src_type == AXI_DMAC_BUS_STREAM && s->port.tlast)) {
        return NEVER;
    }
    bytes = (e->gen_left - (2 * s->cfg.fifo_bursts - 1)) * s->burst;
    return max64(beats_end(s, e, src_is_mem(s), src_beats(s, bytes), s->cfg.mem.read_every, e->src_slot_no),
                 beats_end(s, e, dst_is_mem(s), dst_beats(s, bytes), s->cfg.mem.write_every, e->sink_slot));
}

uint64_t axi_dmac_engine_look_ahead(struct axi_dmac *s)
{
    struct axi_dmac_engine e = s->e;
    enum step which = STEPS;
    uint64_t t, quiet, limit = s->e.now + HORIZON_NS;

    e.dry = true;
    e.rest_known = false;
    e.visible_at = NEVER;
    for (;;) {
        t = next_step(s, &e, &which);
        if (t == NEVER || t > limit) {
            return t;
        }
        quiet = quiet_until(s, &e);
        if (quiet != NEVER) {
            return min64(quiet, limit);
        }
        e.now = max64(t, e.now);
        take_step(s, &e, which);
        if (e.visible_at != NEVER) {
            return e.visible_at;
        }
    }
}

/* What the register map tells */

void axi_dmac_engine_ctrl(struct axi_dmac *s, bool enable, bool pause, bool hwdesc)
{
    struct axi_dmac_engine *e = &s->e;
    uint64_t next = on_clk(s, e->now) + clk(s, 1);

    if (e->ctrl_hwdesc && !hwdesc && (e->sg_state == SG_ADDRESS || e->sg_state == SG_RECEIVE)) {
        s->offences.lost_modes++;
    }
    if (!enable && e->state != AXI_DMAC_RESET) {
        e->needs_reset = true;
    }
    if (e->state == AXI_DMAC_RESET || e->state == AXI_DMAC_DISABLED) {
        e->state_at = max64(e->state_at, next);
    } else if (e->state == AXI_DMAC_ENABLED) {
        e->state_at = next + (enable ? 0 : clk(s, 1));
    }
    if (hwdesc != e->ctrl_hwdesc) {
        /* What waits in START_TRANSFER is something else now */
        e->start_at = max64(e->start_at, next);
        e->slot_at = max64(e->slot_at, next);
    }
    e->ctrl_enable = enable;
    e->ctrl_pause = pause;
    e->ctrl_hwdesc = hwdesc;
    if (!enable) {
        e->start = false;
        e->hang_at = NEVER;
    }
}

void axi_dmac_engine_start(struct axi_dmac *s)
{
    struct axi_dmac_engine *e = &s->e;

    if (!e->start) {
        e->start = true;
        e->start_at = on_clk(s, e->now) + clk(s, 1);
    }
}

void axi_dmac_engine_unblock(struct axi_dmac *s)
{
    s->e.up_blocked = false;
}

void axi_dmac_engine_stall(struct axi_dmac *s, bool on)
{
    struct axi_dmac_engine *e = &s->e;
    uint64_t begin = e->stall_end, end = on_clk(s, e->now), i;

    if (on == e->stalled) {
        return;
    }
    e->stalled = on;
    e->stall_end = on ? e->now : end;
    if (on) {
        return;
    }
    for (i = e->done; i < e->aw_ids; i++) {
        struct axi_dmac_burst *b = burst(e, i);

        if (b->out_end > begin) {
            uint64_t left = b->out_end - max64(b->out_from, begin);

            b->out_from = i > e->done ? max64(end, burst(e, i - 1)->out_end) : end;
            b->out_end = e->out_end = b->out_from + left;
        }
        b->done_at = max64(b->done_at > begin ? end : b->done_at, b->out_end + clk(s, s->cfg.mem.write_latency));
    }
    for (i = e->stored; i < e->ar_ids; i++) {
        struct axi_dmac_burst *b = burst(e, i);

        b->stored_at += end - on_clk(s, begin);
        e->read_end = b->stored_at;
    }
}

/* A burst that has begun goes on, from its first slot; one that has not is planned anew. */
void axi_dmac_engine_port_changed(struct axi_dmac *s)
{
    struct axi_dmac_engine *e = &s->e;
    uint64_t n = src_beats(s, next_bytes(s, e));

    e->sink_end = NEVER;
    if (e->src_end == NEVER) {
        return;
    }
    if (e->src_first_at > e->now) {
        e->src_fresh = true;
        e->src_end = NEVER;
    } else {
        n = min64(n, beats_to_tlast(s, e, n));
        e->src_end = s->port.later(s->port.opaque, e->src_first, e->src_first_at, n - 1);
    }
}

/* Is a part that follows the core's enable by @lag still, or already, enabled? */
static bool enabled(const struct axi_dmac_engine *e, uint64_t at)
{
    return e->enable == (e->now > at);
}

/* Is a part in reset that is released at @end? @begin: so long after the pulse began */
static bool resets(const struct axi_dmac *s, unsigned int begin, uint64_t end)
{
    const struct axi_dmac_engine *e = &s->e;

    return e->reset_at != NEVER && e->now + clk(s, 6 - begin) > e->reset_at && e->now <= end;
}

uint32_t axi_dmac_engine_status(const struct axi_dmac *s)
{
    const struct axi_dmac_engine *e = &s->e;
    bool shutdown = e->state == AXI_DMAC_SHUTDOWN;
    bool dst_reset = resets(s, 2, e->reset_dst_end), src_reset = resets(s, 3, e->reset_src_end);
    bool req_reset = resets(s, 6, e->reset_end);
    uint64_t port_side = on_clk(s, e->enable ? e->port_on_at : e->port_off_at) + clk(s, 2);
    bool src = src_is_mem(s) ? enabled(e, e->enable_at) || (shutdown && e->ar_ids != e->stored) :
               enabled(e, port_side);
    bool dst = dst_is_mem(s) ? enabled(e, e->enable_at + clk(s, 2)) || (shutdown && (e->aw_held || e->aw_ids != e->done)) :
               enabled(e, port_side);
    uint32_t v = e->state;

    v |= (uint32_t)(s->cfg.sg && (enabled(e, e->enable_at) || e->sg_state != SG_IDLE)) << 3;
    v |= (uint32_t)(dst && !dst_reset) << 4 | (uint32_t)src << 5 | (uint32_t)enabled(e, e->enable_at) << 6;
    v |= (uint32_t)(s->cfg.sg && !req_reset) << 7;
    v |= (uint32_t)!dst_reset << 8 | (uint32_t)!src_reset << 9 | (uint32_t)!req_reset << 10;
    return v | (uint32_t)(e->needs_reset || (e->state == AXI_DMAC_RESET && e->now <= e->state_at)) << 11;
}

uint64_t axi_dmac_engine_finished(const struct axi_dmac *s)
{
    struct axi_dmac_engine e = s->e;
    uint64_t slot, t, n = 0;

    if (dst_is_mem(s)) {
        return e.done_bytes;
    }
    t = sink_first(s, &e, &slot);
    while (t != NEVER && s->port.later(s->port.opaque, slot, t, n) < e.now) {
        n++;
    }
    return e.done_bytes + n * s->cfg.dst_width;
}

bool axi_dmac_engine_busy(const struct axi_dmac *s)
{
    const struct axi_dmac_engine *e = &s->e;

    return e->ids != e->done || e->src_active || e->src_waits || e->slot_full || e->chain_waits || e->sg_state != SG_IDLE;
}

void axi_dmac_engine_init(struct axi_dmac *s, uint64_t now)
{
    struct axi_dmac_engine *e = &s->e;
    uint64_t slot = e->src_slot_no, sink = e->sink_slot, bytes = e->done_bytes;

    memset(e, 0, sizeof(*e));
    e->now = now;
    e->src_slot_no = slot;
    e->sink_slot = sink;
    e->done_bytes = bytes;
    e->src_end = e->sink_end = NEVER;
    e->port_off_at = e->port_on_at = 0;
    e->needs_reset = true;
    set_state(e, AXI_DMAC_DO_RESET, now + clk(s, 1));
    begin_reset(s, e);
    e->reset_at = now;
    e->in_reset = true;
    reset_data_path(s, e);
}

const char *axi_dmac_engine_check(const struct axi_dmac *s)
{
    const struct axi_dmac_engine *e = &s->e;

    if (e->done > e->stored || e->stored > e->ids + (e->rewind_at != NEVER) || e->ids - e->done > 2u * s->cfg.fifo_bursts) {
        return "bursts are out of order";
    }
    if (e->stored - (dst_is_mem(s) ? e->done : e->outs) > 2u * s->cfg.fifo_bursts) {
        return "the burst memory holds more than it can";
    }
    if (e->sg_ids > AXI_DMAC_SG_IDS || e->sg_reads > AXI_DMAC_SG_READS) {
        return "the engine has more descriptors than it can hold";
    }
    return NULL;
}
