// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Model of the ADI AXI-DMAC, free of any emulator: the register map
 *
 * What the registers do follows ADI's register map and HDL. What a driver can trip over:
 *
 *  - X_LENGTH has its low bits stuck at one since 4.1.a; a probe reads them to
 *    learn the alignment.
 *  - A request waits in START_TRANSFER until the engine (axi-dmac-engine.c) accepts it:
 *    not before the one accepted before it has all its bursts under way. The registers
 *    count as they are at that moment. Accepting clears the done bit of the ID and raises
 *    start-of-transfer.
 *  - In cyclic mode nothing is raised and START_TRANSFER stays 1, so that the
 *    same registers are accepted again and again.
 *  - IRQ_SOURCE is a bit of each kind, however many transfers ended. TRANSFER_DONE and
 *    ACTIVE_TRANSFER_ID tell which.
 *  - CTRL = 0 clears IDs and done bits at once, but not IRQ_SOURCE, and an end of transfer
 *    can still come.
 *  - A bus error is not reported: the transfer ends as if all were well.
 */
#include "axi-dmac-engine.h"

#include <string.h>

#define REG(s, off)         ((s)->regs[(off) / 4])

static bool is_enabled(const struct axi_dmac *s)
{
    return REG(s, AXI_DMAC_CTRL) & AXI_DMAC_CTRL_ENABLE;
}

static bool src_is_mem(const struct axi_dmac *s)
{
    return s->cfg.src_type == AXI_DMAC_BUS_MEMORY;
}

static bool dst_is_mem(const struct axi_dmac *s)
{
    return s->cfg.dst_type == AXI_DMAC_BUS_MEMORY;
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

/* The line: it rises one clock after an event */

static bool irq_wanted(const struct axi_dmac *s)
{
    return s->irq_source & ~REG(s, AXI_DMAC_IRQ_MASK);
}

static uint64_t irq_time(const struct axi_dmac *s)
{
    return s->irq_at > s->irq_held_until ? s->irq_at : s->irq_held_until;
}

static void update_irq(struct axi_dmac *s)
{
    bool level = s->irq_spurious || (irq_wanted(s) && s->e.now >= irq_time(s));

    if (level != s->irq_level) {
        s->irq_level = level;
        s->ops->irq(s->opaque, level);
    }
}

/* The line is a register: what is cleared while it is about to rise shows for a moment. */
static void clear_irq(struct axi_dmac *s, uint32_t bits)
{
    bool rising = !s->irq_level && irq_wanted(s) && irq_time(s) <= s->e.now + s->cfg.mem.clock_ns;

    s->irq_source &= ~bits;
    if (rising && !irq_wanted(s)) {
        s->ops->irq(s->opaque, true);
        s->ops->irq(s->opaque, false);
    }
}

static void raise_irq(struct axi_dmac *s, uint32_t irq, uint64_t t)
{
    if (!irq_wanted(s)) {
        s->irq_at = t + s->cfg.mem.clock_ns;
    }
    s->irq_source |= irq;
}

static void tell(struct axi_dmac *s, enum axi_dmac_event what, uint64_t t, uint64_t a)
{
    if (s->ops->event) {
        s->ops->event(s->opaque, what, t, a, axi_dmac_engine_finished(s));
    }
}

/* What the engine tells */

void axi_dmac_accepted(struct axi_dmac *s, uint64_t t)
{
    if (axi_dmac_is_cyclic(s)) {
        tell(s, AXI_DMAC_EV_ACC, t, 0);
        return;
    }
    tell(s, AXI_DMAC_EV_SOT, t, s->id);
    if (is_enabled(s)) {
        s->done &= ~(1u << s->id);
        s->id = (s->id + 1) & 3;
    }
    raise_irq(s, AXI_DMAC_IRQ_SOT, t);
}

/* It counts from the end of a transfer on: one clock after that */
static void end_measure(struct axi_dmac *s, uint64_t now)
{
    if (now >= s->measured_until) {
        s->measured = 0;
        s->measured_until = AXI_DMAC_NEVER;
    }
}

static uint32_t measured(const struct axi_dmac *s)
{
    return s->measured & axi_dmac_low_bits(s->cfg.two_d ? 32 : s->cfg.length_width);
}

static void end_of_transfer(struct axi_dmac *s, uint64_t t)
{
    bool rises = !irq_wanted(s);

    s->total_transfers++;
    if (axi_dmac_is_cyclic(s)) {
        tell(s, AXI_DMAC_EV_END, t, 0);
        return;
    }
    tell(s, AXI_DMAC_EV_EOT, t, s->id_eot);
    if (is_enabled(s)) {
        s->done |= 1u << s->id_eot;
        s->id_eot = (s->id_eot + 1) & 3;
    }
    raise_irq(s, AXI_DMAC_IRQ_EOT, t);
    if (s->faults.late_irq && rises) {
        s->irq_held_until = t + s->faults.late_ns;
        s->faults.late_irq = false;
    }
}

/* There are four places for reports; with all of them taken one more burst is answered, then none. */
static bool room_for_answers(const struct axi_dmac *s)
{
    return s->reports < AXI_DMAC_REPORTS;
}

bool axi_dmac_answered(struct axi_dmac *s, uint64_t t, uint64_t bytes, bool eot, bool partial)
{
    bool was_room = room_for_answers(s);

    end_measure(s, t);
    if (is_enabled(s)) {
        s->measured += bytes;
    }
    if (partial && (REG(s, AXI_DMAC_FLAGS) & AXI_DMAC_FLAG_PARTIAL) && is_enabled(s)) {
        s->report[s->reports].len = measured(s);
        s->report[s->reports].id = s->id_eot;
        s->reports++;
    }
    if (eot) {
        s->measured_until = t + s->cfg.mem.clock_ns;
        end_of_transfer(s, t);
    }
    return was_room;
}

/* Time */

void axi_dmac_advance(struct axi_dmac *s, uint64_t now)
{
    if (s->planned && now >= s->planned) {
        s->planned = 0;
    }
    axi_dmac_engine_run(s, now);
    update_irq(s);
}

uint64_t axi_dmac_next_event(struct axi_dmac *s)
{
    if (!s->planned) {
        s->planned = axi_dmac_engine_look_ahead(s);
    }
    if (!s->irq_level && irq_wanted(s) && irq_time(s) < s->planned) {
        return irq_time(s);
    }
    return s->planned;
}

void axi_dmac_port_changed(struct axi_dmac *s, uint64_t now)
{
    axi_dmac_advance(s, now);
    axi_dmac_engine_port_changed(s);
    s->planned = 0;
}

void axi_dmac_stall(struct axi_dmac *s, bool on, uint64_t now)
{
    axi_dmac_advance(s, now);
    axi_dmac_engine_stall(s, on);
    s->planned = 0;
}

/* Registers */

/*
 * The driver did something else: what the core did since CTRL = 0 was behind its back. Without the debug
 * registers it cannot look, and is not to blame.
 */
static void judge_stop(struct axi_dmac *s)
{
    if (!s->cfg.no_debug) {
        s->offences.late_writes += s->stop_writes;
        s->offences.late_fetches += s->stop_fetches;
    }
    s->stop_writes = s->stop_fetches = 0;
    s->stop_watched = false;
}

static void write_ctrl(struct axi_dmac *s, uint32_t value)
{
    bool was = is_enabled(s);

    if (s->stop_watched && (value & AXI_DMAC_CTRL_ENABLE)) {
        judge_stop(s);
    }
    REG(s, AXI_DMAC_CTRL) = value & s->wmask[AXI_DMAC_CTRL / 4];
    axi_dmac_engine_ctrl(s, value & AXI_DMAC_CTRL_ENABLE, value & AXI_DMAC_CTRL_PAUSE,
                         REG(s, AXI_DMAC_CTRL) & AXI_DMAC_CTRL_HWDESC);
    if (is_enabled(s)) {
        return;
    }
    s->id = s->id_eot = 0;
    s->done = 0;
    s->reports = 0;
    s->measured = 0;
    axi_dmac_engine_unblock(s);
    s->stop_watched |= was && axi_dmac_engine_busy(s);
}

static uint32_t read_status(struct axi_dmac *s)
{
    uint32_t v = s->cfg.no_debug ? 0 : axi_dmac_engine_status(s);

    if ((v & AXI_DMAC_DBG_STATE) == AXI_DMAC_DBG_AT_REST) {
        s->stop_writes = s->stop_fetches = 0;
        s->stop_watched = false;
    }
    return v;
}

static void pop_report(struct axi_dmac *s)
{
    if (!s->reports) {
        return;
    }
    s->reports--;
    if (s->reports) {
        memmove(&s->report[0], &s->report[1], s->reports * sizeof(s->report[0]));
    }
    axi_dmac_engine_unblock(s);
}

static uint32_t gray(uint64_t n, const struct axi_dmac *s)
{
    n &= 2u * s->cfg.fifo_bursts - 1;
    return (uint32_t)(n ^ n >> 1);
}

/* Where the next burst of that side goes, or comes from; the bits of the burst in 2D are not told apart */
static uint64_t current_address(const struct axi_dmac *s, bool dst)
{
    if (s->cfg.no_debug || !(dst ? dst_is_mem(s) : src_is_mem(s))) {
        return 0;
    }
    if (dst) {
        return s->e.dst_addr;
    }
    /* While nothing is read, the address is that of the request that would come */
    return s->e.src_active || s->e.ctrl_hwdesc ? s->e.src.src :
           (uint64_t)REG(s, AXI_DMAC_SRC_ADDRESS_HIGH) << 32 | REG(s, AXI_DMAC_SRC_ADDRESS);
}

static uint32_t high(const struct axi_dmac *s, uint64_t addr)
{
    return s->cfg.addr_width > 32 ? addr >> 32 : 0;
}

static uint32_t interface_desc(const struct axi_dmac *s)
{
    if (s->cfg.version < AXI_DMAC_VERSION(4, 3, 'a')) {
        return 0;
    }
    /* Since 4.5.d, the greatest number of frames minus one, whether or not there is a frame lock */
    return (s->cfg.version >= AXI_DMAC_VERSION(4, 5, 'd') ? 7u << 27 : 0) | log2u(s->burst) << 16 |
           (uint32_t)s->cfg.src_type << 12 | log2u(s->cfg.src_width) << 8 |
           (uint32_t)s->cfg.dst_type << 4 | log2u(s->cfg.dst_width);
}

static uint32_t coherency_desc(const struct axi_dmac *s)
{
    if (s->cfg.version < AXI_DMAC_VERSION(4, 4, 'a')) {
        return 0;
    }
    if (s->cfg.version < AXI_DMAC_VERSION(4, 5, 'b')) {
        return s->cfg.coherent;
    }
    /* AXPROT, AXCACHE and the flag as the build scripts set them */
    return s->cfg.coherent ? 0x2f1 : 0x030;
}

static uint32_t read_register(struct axi_dmac *s, uint32_t offset)
{
    const struct axi_dmac_engine *e = &s->e;
    uint32_t v;

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
        return e->start;
    case AXI_DMAC_TRANSFER_DONE:
        return s->done | (s->reports ? AXI_DMAC_DONE_PARTIAL : 0);
    case AXI_DMAC_ACTIVE_ID:
        return s->id_eot;
    case AXI_DMAC_CURRENT_DEST:
        return (uint32_t)current_address(s, true);
    case AXI_DMAC_CURRENT_DEST_HIGH:
        return high(s, current_address(s, true));
    case AXI_DMAC_CURRENT_SRC:
        return (uint32_t)current_address(s, false);
    case AXI_DMAC_CURRENT_SRC_HIGH:
        return high(s, current_address(s, false));
    case AXI_DMAC_DBG_STATUS:
        return read_status(s);
    case AXI_DMAC_DBG_IDS0:
        return s->cfg.no_debug ? 0 : gray(e->done, s) << 24 | gray(e->done, s) << 16 |
               gray(e->aw_ids, s) << 8 | gray(e->stored, s);
    case AXI_DMAC_DBG_IDS1:
        return s->cfg.no_debug ? 0 : gray(e->stored, s) << 24 | gray(e->ids, s);
    case AXI_DMAC_PROGRESS:
        end_measure(s, e->now);
        return measured(s);
    case AXI_DMAC_PARTIAL_LEN:
        return s->report[0].len;
    case AXI_DMAC_PARTIAL_ID:
        v = s->report[0].id;
        pop_report(s);
        s->planned = 0;
        return v;
    case AXI_DMAC_DESCRIPTOR_ID:
        return !e->ctrl_hwdesc ? 0 : e->sg_ids ? e->sg_id[0].id : e->sg_last_id;
    default:
        return REG(s, offset);
    }
}

uint32_t axi_dmac_read(struct axi_dmac *s, uint32_t offset, uint64_t now)
{
    axi_dmac_advance(s, now);
    return read_register(s, offset & (AXI_DMAC_MAP_SIZE - 4));
}

/* Nothing comes of a cleared interrupt, nor of what a request is to be like before it is asked for. */
static bool changes_plan(const struct axi_dmac *s, uint32_t offset)
{
    switch (offset) {
    case AXI_DMAC_IRQ_PENDING:
        return false;
    case AXI_DMAC_DEST_ADDRESS:
    case AXI_DMAC_SRC_ADDRESS:
    case AXI_DMAC_X_LENGTH:
        return s->e.start;
    default:
        return true;
    }
}

void axi_dmac_write(struct axi_dmac *s, uint32_t offset, uint32_t value, uint64_t now)
{
    uint32_t mask;

    axi_dmac_advance(s, now);
    offset &= AXI_DMAC_MAP_SIZE - 4;
    switch (offset) {
    case AXI_DMAC_IRQ_PENDING:
        clear_irq(s, value);
        break;
    case AXI_DMAC_CTRL:
        write_ctrl(s, value);
        break;
    case AXI_DMAC_START_TRANSFER:
        if ((value & 1) && is_enabled(s)) {
            axi_dmac_engine_start(s);
        }
        break;
    default:
        mask = s->wmask[offset / 4];
        REG(s, offset) = (REG(s, offset) & ~mask) | (value & mask);
        break;
    }
    if (changes_plan(s, offset)) {
        s->planned = 0;
    }
    update_irq(s);
}

static void set_masks(struct axi_dmac *s)
{
    const struct axi_dmac_config *c = &s->cfg;
    uint32_t len = axi_dmac_low_bits(c->length_width);
    uint32_t top = c->addr_width > 32 ? axi_dmac_low_bits(c->addr_width - 32) : 0;
    uint32_t *m = s->wmask;

    m[AXI_DMAC_SCRATCH / 4] = UINT32_MAX;
    m[AXI_DMAC_IRQ_MASK / 4] = AXI_DMAC_IRQ_SOT | AXI_DMAC_IRQ_EOT;
    m[AXI_DMAC_CTRL / 4] = AXI_DMAC_CTRL_ENABLE | AXI_DMAC_CTRL_PAUSE | (c->sg ? AXI_DMAC_CTRL_HWDESC : 0);
    m[AXI_DMAC_FLAGS / 4] = AXI_DMAC_FLAG_LAST | (c->cyclic ? AXI_DMAC_FLAG_CYCLIC : 0) |
                            (c->version >= AXI_DMAC_VERSION(4, 2, 'a') ? AXI_DMAC_FLAG_PARTIAL : 0);
    m[AXI_DMAC_X_LENGTH / 4] = len & (c->version >= AXI_DMAC_VERSION(4, 1, 'a') ? ~axi_dmac_align_mask(s) : UINT32_MAX);
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

static const char *check_config(const struct axi_dmac_config *cfg)
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
    if (cfg->fifo_bursts < 2 || cfg->fifo_bursts > 32 || (cfg->fifo_bursts & (cfg->fifo_bursts - 1))) {
        return "the burst memory must hold 2 to 32 bursts, a power of two";
    }
    if (cfg->burst < 2 || cfg->burst > 4096 || (cfg->burst & (cfg->burst - 1)) || cfg->burst < cfg->src_width ||
        cfg->burst < cfg->dst_width) {
        return "a burst must be a power of two up to 4096 and at least as wide as the buses";
    }
    if (cfg->sg && cfg->version < AXI_DMAC_VERSION(4, 5, 'a')) {
        return "scatter-gather needs version 4.5.a or later";
    }
    if (cfg->coherent && cfg->version < AXI_DMAC_VERSION(4, 4, 'a')) {
        return "coherency needs version 4.4.a or later";
    }
    if (!cfg->mem.clock_ns || !cfg->mem.write_every || !cfg->mem.read_every) {
        return "the memory port needs a clock, and at least one clock for each beat";
    }
    return NULL;
}

/* AXI has at most 256 beats in a burst, ADI's core at most 1024 elsewhere. */
static uint32_t burst_bytes(const struct axi_dmac_config *c)
{
    uint32_t src = (c->src_type == AXI_DMAC_BUS_MEMORY ? 256u : 1024u) * c->src_width;
    uint32_t dst = (c->dst_type == AXI_DMAC_BUS_MEMORY ? 256u : 1024u) * c->dst_width;
    uint32_t n = src < dst ? src : dst;

    return n < c->burst ? n : c->burst;
}

const char *axi_dmac_init(struct axi_dmac *s, const struct axi_dmac_config *cfg,
                          const struct axi_dmac_ops *ops, void *opaque)
{
    const char *wrong = check_config(cfg);

    if (wrong) {
        return wrong;
    }
    memset(s, 0, sizeof(*s));
    s->cfg = *cfg;
    s->burst = burst_bytes(cfg);
    s->src_shift = log2u(cfg->src_width);
    s->dst_shift = log2u(cfg->dst_width);
    if (s->burst * cfg->fifo_bursts > AXI_DMAC_STORE) {
        return "the burst memory must not have more than 64 KiB";
    }
    s->ops = ops;
    s->opaque = opaque;
    set_masks(s);
    axi_dmac_reset(s, 0);
    return NULL;
}

void axi_dmac_connect(struct axi_dmac *s, const struct axi_dmac_port *port)
{
    s->port = *port;
    s->has_port = true;
}

void axi_dmac_reset(struct axi_dmac *s, uint64_t now)
{
    if (now > s->e.now) {
        axi_dmac_engine_run(s, now);
    }
    memset(s->regs, 0, sizeof(s->regs));
    memset(&s->faults, 0, sizeof(s->faults));
    memset(s->report, 0, sizeof(s->report));
    axi_dmac_engine_init(s, now > s->e.now ? now : s->e.now);
    REG(s, AXI_DMAC_IRQ_MASK) = AXI_DMAC_IRQ_SOT | AXI_DMAC_IRQ_EOT;
    REG(s, AXI_DMAC_FLAGS) = AXI_DMAC_FLAG_LAST | (s->cfg.cyclic ? AXI_DMAC_FLAG_CYCLIC : 0);
    if (s->cfg.version >= AXI_DMAC_VERSION(4, 1, 'a')) {
        REG(s, AXI_DMAC_X_LENGTH) = axi_dmac_align_mask(s);
    }
    s->id = s->id_eot = 0;
    s->done = 0;
    s->reports = 0;
    s->measured = 0;
    s->measured_until = AXI_DMAC_NEVER;
    s->irq_source = 0;
    s->irq_spurious = false;
    s->irq_held_until = 0;
    s->stop_watched = false;
    s->planned = 0;
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
    struct axi_dmac_engine *e = &s->e;

    axi_dmac_advance(s, now);
    merge_faults(&s->faults, faults);
    s->planned = 0;
    if (!e->src_active) {
        return;
    }
    e->bus_error |= s->faults.bus_error;
    if (s->faults.hang) {
        e->hang_at = e->done;
    }
    if (s->faults.early_end) {
        axi_dmac_engine_end_early(s, e, s->faults.early_bytes);
        axi_dmac_engine_port_changed(s);
    }
    s->faults.hang = s->faults.bus_error = s->faults.early_end = false;
}

void axi_dmac_disarm(struct axi_dmac *s)
{
    s->faults = (struct axi_dmac_faults) { 0 };
    s->e.early_armed = false;
    s->planned = 0;
}

void axi_dmac_spurious_irq(struct axi_dmac *s, uint64_t now)
{
    axi_dmac_advance(s, now);
    s->irq_spurious = true;
    update_irq(s);
}

/* Checks */

struct axi_dmac_offences axi_dmac_offences(struct axi_dmac *s, uint64_t now)
{
    axi_dmac_advance(s, now);
    if (s->stop_watched && s->e.state == AXI_DMAC_RESET) {
        judge_stop(s);
    }
    return s->offences;
}

const char *axi_dmac_check(const struct axi_dmac *s)
{
    unsigned int i;

    if (!is_enabled(s) && (s->e.start || s->done || s->id || s->id_eot || s->reports)) {
        return "something is left although CTRL is 0";
    }
    if (s->reports > AXI_DMAC_REPORTS + 1 || s->done > 15 || s->id > 3 || s->id_eot > 3) {
        return "a counter is out of range";
    }
    if (s->irq_level != (s->irq_spurious || (irq_wanted(s) && s->e.now >= irq_time(s)))) {
        return "the interrupt level is not what the registers say";
    }
    for (i = 0; i < AXI_DMAC_MAP_SIZE / 4; i++) {
        uint32_t fixed = i == AXI_DMAC_X_LENGTH / 4 && s->cfg.version >= AXI_DMAC_VERSION(4, 1, 'a') ?
                         axi_dmac_align_mask(s) : 0;

        if ((s->regs[i] & ~s->wmask[i]) != fixed) {
            return "a register holds bits that cannot be written";
        }
    }
    return axi_dmac_engine_check(s);
}
