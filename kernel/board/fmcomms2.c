// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Model of ADI's ZCU102 + FMComms2/3 FPGA design, free of any emulator
 */
#include "fmcomms2.h"

#include <string.h>

#define CTRL(b, off)    ((b)->ctrl[(off) / 4])

/* Streams: the DMACs see the converter through these */

static void rx_enable(void *o, bool on, uint64_t now)
{
    axi_adc_enable(o, on, now);
}

static void rx_begin(void *o, uint64_t now)
{
    axi_adc_begin(o, now);
}

static void rx_end(void *o, uint64_t now)
{
    axi_adc_end(o, now);
}

static uint64_t rx_when(void *o, uint64_t bytes)
{
    return axi_adc_when(o, bytes);
}

static uint64_t rx_avail(void *o, uint64_t now)
{
    return axi_adc_avail(o, now);
}

static void rx_move(void *o, void *buf, size_t len)
{
    axi_adc_take(o, buf, len);
}

static void tx_enable(void *o, bool on, uint64_t now)
{
    axi_dac_enable(o, on, now);
}

static void tx_begin(void *o, uint64_t now)
{
    axi_dac_begin(o, now);
}

static void tx_end(void *o, uint64_t now)
{
    axi_dac_end(o, now);
}

static uint64_t tx_when(void *o, uint64_t bytes)
{
    return axi_dac_when(o, bytes);
}

static uint64_t tx_avail(void *o, uint64_t now)
{
    return axi_dac_avail(o, now);
}

static void tx_move(void *o, void *buf, size_t len)
{
    axi_dac_put(o, buf, len);
}

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

static const struct axi_dmac_ops dmac_ops[2] = {
    { .mem_read = mem_read, .mem_write = mem_write, .irq = rx_irq },
    { .mem_read = mem_read, .mem_write = mem_write, .irq = tx_irq },
};

void fmcomms2_default_config(struct fmcomms2_config *cfg)
{
    *cfg = (struct fmcomms2_config) {
        .dmac_version = AXI_DMAC_VERSION(4, 5, 'b'),
        .addr_width = 40,
        .length_width = 24,
        .rx_source = AXI_DMAC_BUS_FIFO,
        .rx_width = 8,
        .bus_rate = 1600000000,     /* 64 bits at 200 MHz */
        .fifo_depth = 1024,         /* eight bursts of 128 bytes */
        .sample_rate = 0,
        .pattern = AXI_ADC_COUNTER,
    };
}

static struct axi_dmac_config dmac_config(const struct fmcomms2_config *cfg)
{
    return (struct axi_dmac_config) {
        .version = cfg->dmac_version,
        .src_width = 8,
        .dst_width = 8,
        .length_width = cfg->length_width,
        .addr_width = cfg->addr_width,
        .queue = 3,
        .burst = 128,
        .two_d = cfg->two_d,
        .sg = cfg->sg,
        .coherent = cfg->coherent,
        .bus_rate = cfg->bus_rate,
    };
}

const char *fmcomms2_init(struct fmcomms2 *b, const struct fmcomms2_config *cfg,
                          const struct fmcomms2_ops *ops, void *opaque)
{
    const struct axi_dmac_stream rx = { &b->adc, rx_enable, rx_begin, rx_end, rx_when, rx_avail, rx_move };
    const struct axi_dmac_stream tx = { &b->dac, tx_enable, tx_begin, tx_end, tx_when, tx_avail, tx_move };
    struct axi_dmac_config c = dmac_config(cfg);
    const char *err;

    if (cfg->pattern >= AXI_ADC_PATTERNS) {
        return "the pattern must be 0 (counter), 1 (BIST) or 2 (PN)";
    }
    if (cfg->fifo_depth < 128 || cfg->fifo_depth % 8) {
        return "the FIFO must hold at least 128 bytes, a multiple of 8";
    }
    memset(b, 0, sizeof(*b));
    b->ops = ops;
    b->opaque = opaque;
    c.src_type = cfg->rx_source;
    c.src_width = cfg->rx_width;
    c.dst_type = AXI_DMAC_BUS_MEMORY;
    err = axi_dmac_init(&b->dmac[FMCOMMS2_RX], &c, &dmac_ops[FMCOMMS2_RX], b);
    if (err) {
        return err;
    }
    c.src_type = AXI_DMAC_BUS_MEMORY;
    c.dst_type = AXI_DMAC_BUS_STREAM;
    c.cyclic = true;
    err = axi_dmac_init(&b->dmac[FMCOMMS2_TX], &c, &dmac_ops[FMCOMMS2_TX], b);
    if (err) {
        return err;
    }
    axi_dmac_connect(&b->dmac[FMCOMMS2_RX], &rx);
    axi_dmac_connect(&b->dmac[FMCOMMS2_TX], &tx);
    axi_adc_init(&b->adc, cfg->fifo_depth);
    axi_dac_init(&b->dac, cfg->fifo_depth);
    CTRL(b, FMC2_RATE) = cfg->sample_rate;
    CTRL(b, FMC2_PATTERN) = cfg->pattern;
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
    return (d->faults.hang || d->hung ? FMC2_FAULT_HANG : 0) |
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
        axi_adc_force_overflow(&b->adc, CTRL(b, FMC2_RX_OVERFLOW_BYTES), now);
    }
}

static uint32_t low_and_latch(struct fmcomms2 *b, uint64_t v)
{
    b->latch = v >> 32;
    return (uint32_t)v;
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
        return FMC2_VERSION_1_0;
    case FMC2_CHANNELS:
        return AXI_CONV_CHANNELS;
    case FMC2_MAX_RATE:
        return FMC2_MAX_RATE_HZ;
    case FMC2_FIFO_DEPTH:
        return b->adc.fifo_depth;
    case FMC2_POSITION:
        return low_and_latch(b, axi_adc_position(&b->adc, now));
    case FMC2_LOST:
        /* The status register counts what was lost up to now */
        axi_adc_read(&b->adc, AXI_CONV_UI_STATUS, now);
        return low_and_latch(b, b->adc.lost_bytes);
    case FMC2_TX_BYTES:
        return low_and_latch(b, b->dac.bytes);
    case FMC2_TX_HASH:
        return low_and_latch(b, b->dac.hash);
    case FMC2_POSITION_HIGH:
    case FMC2_LOST_HIGH:
    case FMC2_TX_BYTES_HIGH:
    case FMC2_TX_HASH_HIGH:
        return b->latch;
    case FMC2_OVERFLOWS:
        axi_adc_read(&b->adc, AXI_CONV_UI_STATUS, now);
        return b->adc.overflows;
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
    case FMC2_TX_UNDERFLOWS:
        return b->dac.underflows;
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
    case FMC2_SCRATCH:
    case FMC2_RX_EARLY_BYTES:
    case FMC2_RX_LATE_NS:
    case FMC2_RX_OVERFLOW_BYTES:
    case FMC2_TX_EARLY_BYTES:
    case FMC2_TX_LATE_NS:
        CTRL(b, off) = value;
        break;
    case FMC2_TX_CLEAR:
        if (value & 1) {
            axi_dac_clear_stats(&b->dac);
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

void fmcomms2_write(struct fmcomms2 *b, enum fmcomms2_block block, uint32_t off, uint32_t value, uint64_t now)
{
    off &= ~3u;
    fmcomms2_advance(b, now);
    switch (block) {
    case FMCOMMS2_RX_DMAC:
        axi_dmac_write(&b->dmac[FMCOMMS2_RX], off, value, now);
        break;
    case FMCOMMS2_TX_DMAC:
        axi_dmac_write(&b->dmac[FMCOMMS2_TX], off, value, now);
        break;
    case FMCOMMS2_CORE:
        if (off >= FMCOMMS2_DAC_OFFSET && off < FMCOMMS2_DAC_OFFSET + AXI_DAC_MAP_SIZE) {
            axi_dac_write(&b->dac, off - FMCOMMS2_DAC_OFFSET, value, now);
        } else if (off < AXI_ADC_MAP_SIZE) {
            axi_adc_write(&b->adc, off, value, now);
        }
        break;
    default:
        ctrl_write(b, off, value, now);
        break;
    }
    /* The write may have moved an event into the past or the present */
    fmcomms2_advance(b, now);
}
