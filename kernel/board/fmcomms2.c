// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Model of ADI's ZCU102 + FMComms2/3 FPGA design, free of any emulator
 */
#include "fmcomms2.h"

#include <string.h>

#define CTRL(b, off)    ((b)->ctrl[(off) / 4])

/* Memory and interrupts of the DMACs */

static bool mem_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
    struct fmcomms2 *b = opaque;

    return b->ops->mem_read(b->opaque, addr, buf, len);
}

static bool mem_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
    struct fmcomms2 *b = opaque;

    return b->ops->mem_write(b->opaque, addr, buf, len);
}

static void rx_irq(void *opaque, bool level)
{
    struct fmcomms2 *b = opaque;

    b->ops->irq(b->opaque, FMCOMMS2_RX, level);
}

static void tx_irq(void *opaque, bool level)
{
    struct fmcomms2 *b = opaque;

    b->ops->irq(b->opaque, FMCOMMS2_TX, level);
}

/* Of the receive side: in the order of slots, while move() comes later */
static void rx_event(void *opaque, enum axi_dmac_event what, uint64_t t, uint64_t from, uint64_t n)
{
    struct fmcomms2 *b = opaque;

    (void)t;
    if (what == AXI_DMAC_EV_DATA) {
        axi_rx_taken(&b->adc.rx, from, n);
    } else if (what == AXI_DMAC_EV_FLAGGED) {
        axi_rx_flagged(&b->adc.rx, from, n);
    }
}

static const struct axi_dmac_ops dmac_ops[2] = {
    { .mem_read = mem_read, .mem_write = mem_write, .irq = rx_irq, .event = rx_event },
    { .mem_read = mem_read, .mem_write = mem_write, .irq = tx_irq },
};

/* The designs. What they have in common is in fmcomms2_design(). */

static const struct {
    const char *name;
    uint32_t dmac, adc, dac;
    bool sg, coherent, pack_skips;
} designs[] = {
    {
        .name = "2022_R2",
        .dmac = AXI_DMAC_VERSION(4, 4, 'a'),
        .adc = 0x000a0300,
        .dac = AXI_CONV_VERSION_IS(9, 1, 'b'),
    }, {
        .name = "2023_R2",
        .dmac = AXI_DMAC_VERSION(4, 5, 'b'),
        .adc = 0x000a0300,
        .dac = AXI_CONV_VERSION_IS(9, 2, 'b'),
        .sg = true,
    }, {
        .name = "2026_R1",
        .dmac = AXI_DMAC_VERSION(4, 5, 'e'),
        .adc = 0x000a0300,
        .dac = AXI_CONV_VERSION_IS(9, 2, 'b'),
        .sg = true,
        .coherent = true,
        .pack_skips = true,
    },
};

#define DESIGNS     (sizeof(designs) / sizeof(designs[0]))

const char *fmcomms2_design(struct fmcomms2_config *cfg, const char *name)
{
    size_t i;

    for (i = 0; i < DESIGNS && strcmp(designs[i].name, name); i++) {
    }
    if (i == DESIGNS) {
        return "the design must be 2022_R2, 2023_R2 or 2026_R1";
    }
    *cfg = (struct fmcomms2_config) {
        .dmac_version = designs[i].dmac,
        .adc_version = designs[i].adc,
        .dac_version = designs[i].dac,
        .sg = designs[i].sg,
        .coherent = designs[i].coherent,
        .pack_skips = designs[i].pack_skips,
        .sync = true,
        .cyclic = true,
        .addr_width = 36,       /* DDR at 0 and at 0x8_0000_0000 */
        .length_width = 24,
        .rx_source = AXI_DMAC_BUS_FIFO,
        .rx_width = 8,
        .fifo_bursts = 8,
        .burst = 128,
        .mem = {
            .clock_ns = 10,     /* 64 bits at 100 MHz */
            .write_latency = 6,
            .write_every = 1,
            .read_latency = 6,
            .read_every = 1,
            .sg_latency = 2,
        },
        .pattern = AXI_ADC_COUNTER,
    };
    return NULL;
}

void fmcomms2_default_config(struct fmcomms2_config *cfg)
{
    fmcomms2_design(cfg, designs[DESIGNS - 1].name);
}

static struct axi_dmac_config dmac_config(const struct fmcomms2_config *cfg)
{
    return (struct axi_dmac_config) {
        .version = cfg->dmac_version,
        .src_width = 8,
        .dst_width = 8,
        .length_width = cfg->length_width,
        .addr_width = cfg->addr_width,
        .fifo_bursts = cfg->fifo_bursts,
        .burst = cfg->burst,
        .two_d = cfg->two_d,
        .sg = cfg->sg,
        .coherent = cfg->coherent,
        .no_debug = cfg->no_debug,
        .mem = cfg->mem,
    };
}

static const char *init_dmacs(struct fmcomms2 *b, const struct fmcomms2_config *cfg)
{
    struct axi_dmac_config rx = dmac_config(cfg), tx = dmac_config(cfg);
    const char *err;

    rx.src_type = cfg->rx_source;
    rx.src_width = cfg->rx_width;
    rx.dst_type = AXI_DMAC_BUS_MEMORY;
    rx.sync = cfg->sync;
    err = axi_dmac_init(&b->dmac[FMCOMMS2_RX], &rx, &dmac_ops[FMCOMMS2_RX], b);
    if (err) {
        return err;
    }
    tx.src_type = AXI_DMAC_BUS_MEMORY;
    tx.dst_type = AXI_DMAC_BUS_STREAM;
    tx.cyclic = cfg->cyclic;
    return axi_dmac_init(&b->dmac[FMCOMMS2_TX], &tx, &dmac_ops[FMCOMMS2_TX], b);
}

/* The DMACs look again if the words of the converter have changed their times. */
static void update_ports(struct fmcomms2 *b, uint64_t now)
{
    const struct axi_dmac_port rx = axi_rx_port(&b->adc.rx), tx = axi_tx_port(&b->dac.tx);

    if (b->seen[FMCOMMS2_RX] != b->adc.rx.slots.changes) {
        b->seen[FMCOMMS2_RX] = b->adc.rx.slots.changes;
        axi_dmac_connect(&b->dmac[FMCOMMS2_RX], &rx);
        axi_dmac_port_changed(&b->dmac[FMCOMMS2_RX], now);
    }
    if (b->seen[FMCOMMS2_TX] != b->dac.tx.slots.changes) {
        b->seen[FMCOMMS2_TX] = b->dac.tx.slots.changes;
        axi_dmac_connect(&b->dmac[FMCOMMS2_TX], &tx);
        axi_dmac_port_changed(&b->dmac[FMCOMMS2_TX], now);
    }
}

const char *fmcomms2_init(struct fmcomms2 *b, const struct fmcomms2_config *cfg,
                          const struct fmcomms2_ops *ops, void *opaque)
{
    const char *err;

    if (cfg->pattern >= AXI_ADC_PATTERNS) {
        return "the pattern must be 0 (counter), 1 (BIST), 2 (PN) or 3 (numbered)";
    }
    memset(b, 0, sizeof(*b));
    b->ops = ops;
    b->opaque = opaque;
    err = init_dmacs(b, cfg);
    if (err) {
        return err;
    }
    axi_adc_init(&b->adc, cfg->adc_version, cfg->rx_width);
    b->adc.rx.skips = cfg->pack_skips;
    axi_dac_init(&b->dac, cfg->dac_version);
    CTRL(b, FMC2_RATE) = cfg->sample_rate;
    CTRL(b, FMC2_PATTERN) = cfg->pattern;
    CTRL(b, FMC2_FIFO_DEPTH) = cfg->fifo_bursts * b->dmac[FMCOMMS2_RX].burst;
    CTRL(b, FMC2_RX_LATE_NS) = 1000000;
    CTRL(b, FMC2_TX_LATE_NS) = 1000000;
    CTRL(b, FMC2_RX_OVERFLOW_BYTES) = 4096;
    fmcomms2_reset(b, 0);
    return NULL;
}

/* The sample clock and the pattern are the outer world's and survive; everything in the FPGA does not. */
void fmcomms2_reset(struct fmcomms2 *b, uint64_t now)
{
    axi_dmac_reset(&b->dmac[FMCOMMS2_RX], now);
    axi_dmac_reset(&b->dmac[FMCOMMS2_TX], now);
    axi_adc_set_rate(&b->adc, CTRL(b, FMC2_RATE), now);
    axi_dac_set_rate(&b->dac, CTRL(b, FMC2_RATE), now);
    axi_adc_set_pattern(&b->adc, CTRL(b, FMC2_PATTERN));
    axi_adc_reset(&b->adc, now);
    axi_dac_reset(&b->dac, now);
    axi_rx_enable(&b->adc.rx, false);
    axi_tx_enable(&b->dac.tx, false);
    update_ports(b, now);
    CTRL(b, FMC2_SCRATCH) = 0;
}

uint64_t fmcomms2_next_event(struct fmcomms2 *b)
{
    uint64_t rx = axi_dmac_next_event(&b->dmac[FMCOMMS2_RX]);
    uint64_t tx = axi_dmac_next_event(&b->dmac[FMCOMMS2_TX]);

    return rx < tx ? rx : tx;
}

void fmcomms2_advance(struct fmcomms2 *b, uint64_t now)
{
    axi_dmac_advance(&b->dmac[FMCOMMS2_RX], now);
    axi_dmac_advance(&b->dmac[FMCOMMS2_TX], now);
}

/* Control block */

static uint32_t armed_faults(const struct axi_dmac *d)
{
    return (d->faults.hang || d->e.hang_at != AXI_DMAC_NEVER ? FMC2_FAULT_HANG : 0) |
           (d->faults.bus_error ? FMC2_FAULT_BUS_ERROR : 0) |
           (d->faults.early_end ? FMC2_FAULT_EARLY_END : 0) |
           (d->faults.late_irq ? FMC2_FAULT_LATE_IRQ : 0) |
           (d->irq_spurious ? FMC2_FAULT_SPURIOUS_IRQ : 0);
}

void fmcomms2_fault(struct fmcomms2 *b, enum fmcomms2_dir dir, uint32_t bits, uint64_t now)
{
    struct axi_dmac *d = &b->dmac[dir];
    bool rx = dir == FMCOMMS2_RX;
    const struct axi_dmac_faults f = {
        .hang = bits & FMC2_FAULT_HANG,
        .bus_error = bits & FMC2_FAULT_BUS_ERROR,
        .early_end = bits & FMC2_FAULT_EARLY_END,
        .early_bytes = CTRL(b, rx ? FMC2_RX_EARLY_BYTES : FMC2_TX_EARLY_BYTES),
        .late_irq = bits & FMC2_FAULT_LATE_IRQ,
        .late_ns = CTRL(b, rx ? FMC2_RX_LATE_NS : FMC2_TX_LATE_NS),
    };

    fmcomms2_advance(b, now);
    if (!bits) {
        axi_dmac_disarm(d);
        return;
    }
    axi_dmac_inject(d, &f, now);
    if (bits & FMC2_FAULT_SPURIOUS_IRQ) {
        axi_dmac_spurious_irq(d, now);
    }
    if (rx && (bits & FMC2_FAULT_OVERFLOW)) {
        axi_rx_lose(&b->adc.rx, CTRL(b, FMC2_RX_OVERFLOW_BYTES), now);
        update_ports(b, now);
    }
}

static uint32_t low_and_latch(struct fmcomms2 *b, uint64_t v)
{
    b->latch = v >> 32;
    return (uint32_t)v;
}

static uint32_t offences(struct fmcomms2 *b, uint32_t off, uint64_t now)
{
    struct axi_dmac_offences rx = axi_dmac_offences(&b->dmac[FMCOMMS2_RX], now);
    struct axi_dmac_offences tx = axi_dmac_offences(&b->dmac[FMCOMMS2_TX], now);
    const uint64_t n[] = {
        rx.crossings + tx.crossings, rx.late_writes + tx.late_writes, rx.late_fetches + tx.late_fetches,
        rx.edits + tx.edits, rx.lost_modes + tx.lost_modes,
    };

    if (off == FMC2_OFFENCES) {
        return n[0] + n[1] + n[2] + n[3] + n[4];
    }
    return n[(off - FMC2_CROSSINGS) / 4];
}

static uint32_t ctrl_read(struct fmcomms2 *b, uint32_t off, uint64_t now)
{
    const struct axi_dmac *rx = &b->dmac[FMCOMMS2_RX];
    const struct axi_dmac *tx = &b->dmac[FMCOMMS2_TX];

    if (off >= FMC2_MAP_SIZE) {
        return 0;
    }
    switch (off) {
    case FMC2_ID:
        return FMC2_ID_MAGIC;
    case FMC2_VERSION:
        return FMC2_VERSION_1_3;
    case FMC2_CHANNELS:
        return AXI_CHANNELS;
    case FMC2_MAX_RATE:
        return FMC2_MAX_RATE_HZ;
    case FMC2_POSITION:
        return low_and_latch(b, axi_rx_position(&b->adc.rx, now));
    case FMC2_LOST:
        return low_and_latch(b, b->adc.rx.lost_bytes);
    case FMC2_TX_BYTES:
        return low_and_latch(b, b->dac.tx.bytes);
    case FMC2_TX_HASH:
        return low_and_latch(b, b->dac.tx.hash);
    case FMC2_TX_REPEATED:
        axi_tx_advance(&b->dac.tx, now);
        return low_and_latch(b, b->dac.tx.repeated);
    case FMC2_TX_LOST:
        axi_tx_advance(&b->dac.tx, now);
        return low_and_latch(b, b->dac.tx.lost_bytes);
    case FMC2_TX_JUMPS:
        return low_and_latch(b, b->dac.tx.jumps);
    case FMC2_TX_COUNT:
        return b->dac.tx.count;
    case FMC2_POSITION_HIGH:
    case FMC2_LOST_HIGH:
    case FMC2_TX_BYTES_HIGH:
    case FMC2_TX_HASH_HIGH:
    case FMC2_TX_REPEATED_HIGH:
    case FMC2_TX_JUMPS_HIGH:
    case FMC2_TX_LOST_HIGH:
        return b->latch;
    case FMC2_OVERFLOWS:
        return b->adc.rx.overflows;
    case FMC2_RX_FAULT:
        return armed_faults(rx);
    case FMC2_TX_FAULT:
        return armed_faults(tx);
    case FMC2_RX_TRANSFERS:
        return rx->total_transfers;
    case FMC2_TX_TRANSFERS:
        return tx->total_transfers;
    case FMC2_RX_BUS_ERRORS:
        return rx->bus_errors;
    case FMC2_TX_BUS_ERRORS:
        return tx->bus_errors;
    case FMC2_RX_STALL:
        return rx->e.stalled;
    case FMC2_TX_STALL:
        return tx->e.stalled;
    case FMC2_TX_UNDERFLOWS:
        return b->dac.tx.underflows;
    case FMC2_OFFENCES:
    case FMC2_CROSSINGS:
    case FMC2_LATE_WRITES:
    case FMC2_LATE_FETCHES:
    case FMC2_EDITS:
    case FMC2_LOST_MODES:
        return offences(b, off, now);
    default:
        return CTRL(b, off);
    }
}

static void ctrl_write(struct fmcomms2 *b, uint32_t off, uint32_t value, uint64_t now)
{
    switch (off) {
    case FMC2_RATE:
        CTRL(b, off) = value;
        axi_adc_set_rate(&b->adc, value, now);
        axi_dac_set_rate(&b->dac, value, now);
        break;
    case FMC2_RX_HOLD:
        CTRL(b, off) = value & 1;
        axi_adc_hold(&b->adc, value & 1, now);
        break;
    case FMC2_TX_HOLD:
        CTRL(b, off) = value & 1;
        axi_dac_hold(&b->dac, value & 1, now);
        break;
    case FMC2_PATTERN:
        if (value < AXI_ADC_PATTERNS) {
            CTRL(b, off) = value;
            axi_adc_set_pattern(&b->adc, value);
        }
        break;
    case FMC2_RX_FAULT:
        fmcomms2_fault(b, FMCOMMS2_RX, value, now);
        break;
    case FMC2_TX_FAULT:
        fmcomms2_fault(b, FMCOMMS2_TX, value, now);
        break;
    case FMC2_RX_STALL:
        axi_dmac_stall(&b->dmac[FMCOMMS2_RX], value & 1, now);
        break;
    case FMC2_TX_STALL:
        axi_dmac_stall(&b->dmac[FMCOMMS2_TX], value & 1, now);
        break;
    case FMC2_SCRATCH:
    case FMC2_RX_EARLY_BYTES:
    case FMC2_RX_LATE_NS:
    case FMC2_RX_OVERFLOW_BYTES:
    case FMC2_TX_EARLY_BYTES:
    case FMC2_TX_LATE_NS:
        CTRL(b, off) = value;
        break;
    case FMC2_TX_COUNT:
        b->dac.tx.count = value;
        break;
    case FMC2_TX_CLEAR:
        if (value & 1) {
            axi_tx_clear_stats(&b->dac.tx);
        }
        break;
    default:
        break;
    }
}

uint32_t fmcomms2_read(struct fmcomms2 *b, enum fmcomms2_block block, uint32_t off, uint64_t now)
{
    off &= ~3u;
    fmcomms2_advance(b, now);
    switch (block) {
    case FMCOMMS2_RX_DMAC:
        return axi_dmac_read(&b->dmac[FMCOMMS2_RX], off, now);
    case FMCOMMS2_TX_DMAC:
        return axi_dmac_read(&b->dmac[FMCOMMS2_TX], off, now);
    case FMCOMMS2_CORE:
        if (off >= FMCOMMS2_DAC_OFFSET && off < FMCOMMS2_DAC_OFFSET + AXI_DAC_MAP_SIZE) {
            return axi_dac_read(&b->dac, off - FMCOMMS2_DAC_OFFSET, now);
        }
        return off < AXI_ADC_MAP_SIZE ? axi_adc_read(&b->adc, off, now) : 0;
    default:
        return ctrl_read(b, off, now);
    }
}

static void dmac_write(struct fmcomms2 *b, enum fmcomms2_dir dir, uint32_t off, uint32_t value, uint64_t now)
{
    struct axi_dmac *d = &b->dmac[dir];
    bool on;

    axi_dmac_write(d, off, value, now);
    if (off % AXI_DMAC_MAP_SIZE != AXI_DMAC_CTRL) {
        return;
    }
    on = axi_dmac_read(d, AXI_DMAC_CTRL, now) & AXI_DMAC_CTRL_ENABLE;
    if (dir == FMCOMMS2_RX) {
        axi_rx_enable(&b->adc.rx, on);
    } else {
        axi_tx_enable(&b->dac.tx, on);
    }
}

static void core_write(struct fmcomms2 *b, uint32_t off, uint32_t value, uint64_t now)
{
    if (off >= FMCOMMS2_DAC_OFFSET && off < FMCOMMS2_DAC_OFFSET + AXI_DAC_MAP_SIZE) {
        axi_dac_write(&b->dac, off - FMCOMMS2_DAC_OFFSET, value, now);
    } else if (off < AXI_ADC_MAP_SIZE) {
        axi_adc_write(&b->adc, off, value, now);
    }
}

void fmcomms2_write(struct fmcomms2 *b, enum fmcomms2_block block, uint32_t off, uint32_t value, uint64_t now)
{
    off &= ~3u;
    fmcomms2_advance(b, now);
    switch (block) {
    case FMCOMMS2_RX_DMAC:
        dmac_write(b, FMCOMMS2_RX, off, value, now);
        break;
    case FMCOMMS2_TX_DMAC:
        dmac_write(b, FMCOMMS2_TX, off, value, now);
        break;
    case FMCOMMS2_CORE:
        core_write(b, off, value, now);
        break;
    default:
        ctrl_write(b, off, value, now);
        break;
    }
    update_ports(b, now);
    /* The write may have moved an event into the past or the present */
    fmcomms2_advance(b, now);
}
