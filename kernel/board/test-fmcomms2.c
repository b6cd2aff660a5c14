// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of the whole board model: converter registers, the stream and its losses, control block, faults
 */
#include "fmcomms2.h"
#include "ktap.h"

#define MEM_SIZE        0x100000u
#define ARRAY_SIZE(a)   (sizeof(a) / sizeof((a)[0]))
#define RATE            61440000u
#define BYTES_PER_S     (RATE * UINT64_C(8))

static struct {
    struct fmcomms2 b;
    uint8_t mem[MEM_SIZE];
    bool irq[2];
    uint64_t now;
} t;

static bool mem_read(void *o, uint64_t addr, void *buf, size_t len)
{
    (void)o;
    if (addr > MEM_SIZE || len > MEM_SIZE - addr) {
        return false;
    }
    memcpy(buf, t.mem + addr, len);
    return true;
}

static bool mem_write(void *o, uint64_t addr, const void *buf, size_t len)
{
    (void)o;
    if (addr > MEM_SIZE || len > MEM_SIZE - addr) {
        return false;
    }
    memcpy(t.mem + addr, buf, len);
    return true;
}

static void irq(void *o, enum fmcomms2_dir dir, bool level)
{
    (void)o;
    t.irq[dir] = level;
}

static const struct fmcomms2_ops ops = { mem_read, mem_write, irq };

static uint32_t rd(enum fmcomms2_block block, uint32_t off)
{
    return fmcomms2_read(&t.b, block, off, t.now);
}

static void wr(enum fmcomms2_block block, uint32_t off, uint32_t v)
{
    fmcomms2_write(&t.b, block, off, v, t.now);
}

static uint64_t ctrl64(uint32_t off)
{
    uint64_t lo = rd(FMCOMMS2_CTRL, off);

    return (uint64_t)rd(FMCOMMS2_CTRL, off + 4) << 32 | lo;
}

static void step(uint64_t ns)
{
    t.now += ns;
    fmcomms2_advance(&t.b, t.now);
}

/* To the next event, as an emulator's timer does */
static void run_event(void)
{
    uint64_t next = fmcomms2_next_event(&t.b);

    if (next == AXI_DMAC_NEVER) {
        ktap_fail(__FILE__, __LINE__, "nothing will ever happen");
        return;
    }
    t.now = next > t.now ? next : t.now;
    fmcomms2_advance(&t.b, t.now);
}

static void setup_with(const struct fmcomms2_config *cfg)
{
    const char *err;

    memset(&t, 0, sizeof(t));
    err = fmcomms2_init(&t.b, cfg, &ops, NULL);
    if (err) {
        ktap_fail(__FILE__, __LINE__, err);
    }
}

static void setup(uint32_t rate)
{
    struct fmcomms2_config cfg;

    fmcomms2_default_config(&cfg);
    cfg.sample_rate = rate;
    setup_with(&cfg);
}

/* What the drivers do when they probe */
static void bring_up_adc(unsigned int channels)
{
    unsigned int c;

    for (c = 0; c < channels; c++) {
        wr(FMCOMMS2_CORE, AXI_CONV_CHAN(c, AXI_ADC_CHAN_CTRL), 0x51);
    }
    wr(FMCOMMS2_CORE, AXI_CONV_RSTN, 0);
    wr(FMCOMMS2_CORE, AXI_CONV_RSTN, 2);
    wr(FMCOMMS2_CORE, AXI_CONV_RSTN, 3);
}

static void start_dma(enum fmcomms2_block d)
{
    wr(d, AXI_DMAC_IRQ_MASK, 0);
    wr(d, AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
}

static void submit(enum fmcomms2_block d, uint32_t addr, uint32_t len)
{
    wr(d, AXI_DMAC_DEST_ADDRESS, addr);
    wr(d, AXI_DMAC_SRC_ADDRESS, addr);
    wr(d, AXI_DMAC_X_LENGTH, len - 1);
    wr(d, AXI_DMAC_FLAGS, AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL);
    wr(d, AXI_DMAC_START_TRANSFER, 1);
}

static uint32_t word(uint32_t addr)
{
    uint32_t v;

    memcpy(&v, t.mem + addr, 4);
    return v;
}

static bool counts(uint32_t addr, uint32_t len)
{
    uint32_t i;

    for (i = 4; i < len; i += 4) {
        if (word(addr + i) != word(addr) + i / 4) {
            return false;
        }
    }
    return true;
}

/* Registers */

struct reg_row {
    uint32_t off, reset, writable;
};

static void check_regs(enum fmcomms2_block block, uint32_t base, const struct reg_row *rows, size_t n)
{
    uint32_t seen[0x1000 / 4] = { 0 };
    uint32_t off, got;
    size_t i;

    for (i = 0; i < n; i++) {
        seen[rows[i].off / 4] = 1;
        got = rd(block, base + rows[i].off);
        if (got != rows[i].reset) {
            printf("# register 0x%x resets to 0x%x, not 0x%x\n", base + rows[i].off, got, rows[i].reset);
            ktap_failed = true;
        }
        wr(block, base + rows[i].off, UINT32_MAX);
        got = rd(block, base + rows[i].off);
        if (got != (rows[i].writable | (rows[i].reset & ~rows[i].writable))) {
            printf("# register 0x%x reads 0x%x after all ones\n", base + rows[i].off, got);
            ktap_failed = true;
        }
        wr(block, base + rows[i].off, 0);
    }
    for (off = 0; off < 0x1000; off += 4) {
        if (!seen[off / 4]) {
            wr(block, base + off, UINT32_MAX);
            if (rd(block, base + off)) {
                printf("# register 0x%x should not exist\n", base + off);
                ktap_failed = true;
            }
        }
    }
}

#define ADC_CHAN_ROWS(c) \
    { AXI_CONV_CHAN(c, 0x00), 0, 0xf73 }, { AXI_CONV_CHAN(c, 0x10), 0, UINT32_MAX }, \
    { AXI_CONV_CHAN(c, 0x14), 0, UINT32_MAX }, { AXI_CONV_CHAN(c, 0x18), 0, 0x000f000f }, \
    { AXI_CONV_CHAN(c, 0x20), 0x01001010, 0 }, { AXI_CONV_CHAN(c, 0x24), 0x00010001, 0 }

static void adc_registers(void)
{
    static const struct reg_row rows[] = {
        { 0x000, 0x000a0062, 0 }, { 0x008, 0, UINT32_MAX }, { 0x010, 1, 1 }, { 0x040, 0, 7 },
        { 0x044, 0, 0x1df07 }, { 0x04c, 0, 0x1ff }, { 0x058, 1, 0 }, { 0x070, 0, 0x1fff0000 },
        { 0x074, 1u << 17, 0 }, { 0x078, 0, 0xffff }, { 0x080, 0, UINT32_MAX }, { 0x08c, 8, 0 },
        { 0x0a4, 0, UINT32_MAX }, { 0x0bc, 0, UINT32_MAX }, { 0x100, 0, UINT32_MAX },
        { 0x800, 0, 31 }, { 0x804, 0, 31 }, { 0x808, 0, 31 }, { 0x80c, 0, 31 }, { 0x810, 0, 31 },
        { 0x814, 0, 31 }, { 0x818, 0, 31 },
        ADC_CHAN_ROWS(0), ADC_CHAN_ROWS(1), ADC_CHAN_ROWS(2), ADC_CHAN_ROWS(3),
    };

    setup(RATE);
    check_regs(FMCOMMS2_CORE, 0, rows, ARRAY_SIZE(rows));
}

#define DAC_CHAN_ROWS(c) \
    { AXI_CONV_CHAN(c, 0x00), 0, 0xffff }, { AXI_CONV_CHAN(c, 0x04), 0, UINT32_MAX }, \
    { AXI_CONV_CHAN(c, 0x08), 0, 0xffff }, { AXI_CONV_CHAN(c, 0x0c), 0, UINT32_MAX }, \
    { AXI_CONV_CHAN(c, 0x10), 0, UINT32_MAX }, { AXI_CONV_CHAN(c, 0x14), 0, 7 }, \
    { AXI_CONV_CHAN(c, 0x18), 0, 15 }, { AXI_CONV_CHAN(c, 0x1c), 0, UINT32_MAX }, \
    { AXI_CONV_CHAN(c, 0x20), 0x01001010, 0 }, { AXI_CONV_CHAN(c, 0x24), 0x00010001, 0 }, \
    { AXI_CONV_CHAN(c, 0x28), 0, 3 }

static void dac_registers(void)
{
    static const struct reg_row rows[] = {
        { 0x000, 0x00090162, 0 }, { 0x008, 0, UINT32_MAX }, { 0x010, 1, 1 }, { 0x040, 0, 7 },
        { 0x048, 0, 0x1dff0 }, { 0x04c, 0, 0xffff }, { 0x058, 1, 0 }, { 0x060, 0, 1 },
        { 0x070, 0, 0x1fff0000 }, { 0x074, 1u << 17, 0 }, { 0x078, 0, 0xffff }, { 0x0bc, 0, UINT32_MAX },
        { 0x100, 0, UINT32_MAX },
        DAC_CHAN_ROWS(0), DAC_CHAN_ROWS(1), DAC_CHAN_ROWS(2), DAC_CHAN_ROWS(3),
    };

    setup(RATE);
    check_regs(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET, rows, ARRAY_SIZE(rows));
}

static void control_registers(void)
{
    /* Without the registers that do something when written: those have tests of their own */
    static const struct reg_row rows[] = {
        { FMC2_ID, FMC2_ID_MAGIC, 0 }, { FMC2_VERSION, FMC2_VERSION_1_0, 0 }, { FMC2_SCRATCH, 0, UINT32_MAX },
        { FMC2_CHANNELS, 4, 0 }, { FMC2_RATE, RATE, UINT32_MAX }, { FMC2_MAX_RATE, 61440000, 0 },
        { FMC2_PATTERN, 0, 0 }, { FMC2_FIFO_DEPTH, 1024, 0 }, { FMC2_RX_EARLY_BYTES, 0, UINT32_MAX },
        { FMC2_RX_LATE_NS, 1000000, UINT32_MAX }, { FMC2_RX_OVERFLOW_BYTES, 4096, UINT32_MAX },
        { FMC2_TX_EARLY_BYTES, 0, UINT32_MAX }, { FMC2_TX_LATE_NS, 1000000, UINT32_MAX },
        { FMC2_TX_HASH, 0x84222325, 0 }, { FMC2_TX_HASH_HIGH, 0xcbf29ce4, 0 },
    };
    size_t i;

    setup(RATE);
    for (i = 0; i < ARRAY_SIZE(rows); i++) {
        EXPECT_EQ(rd(FMCOMMS2_CTRL, rows[i].off), rows[i].reset);
        wr(FMCOMMS2_CTRL, rows[i].off, UINT32_MAX);
        EXPECT_EQ(rd(FMCOMMS2_CTRL, rows[i].off), rows[i].writable | (rows[i].reset & ~rows[i].writable));
        wr(FMCOMMS2_CTRL, rows[i].off, 0);
    }
    wr(FMCOMMS2_CTRL, FMC2_PATTERN, 2);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_PATTERN), 2);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, 0x34), 0);
    wr(FMCOMMS2_CTRL, 0x1000, 1);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, 0x1000), 0);
}

static void core_status(void)
{
    setup(RATE);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_STATUS), 0);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_CLK_FREQ), 0);
    bring_up_adc(4);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_STATUS) & 1, 1);
    /* 4 * 61.44 MHz over 100 MHz, 16.16 */
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_CLK_FREQ), 161061);
    EXPECT_EQ(rd(FMCOMMS2_CORE, 0x6000), 0);
    wr(FMCOMMS2_CORE, AXI_CONV_TIMER, 100);
    step(500);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_TIMER), 50);
}

/* The stream */

static void line_rate_without_loss(void)
{
    uint32_t expect = 0, i;

    setup(RATE);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    for (i = 0; i < 3; i++) {
        submit(FMCOMMS2_RX_DMAC, i * 0x8000, 0x8000);
    }
    for (i = 0; i < 1000; i++) {
        run_event();
        EXPECT(counts(i % 3 * 0x8000, 0x8000));
        if (word(i % 3 * 0x8000) != expect) {
            ktap_fail(__FILE__, __LINE__, "a sample was lost at the line rate");
            return;
        }
        expect += 0x2000;
        submit(FMCOMMS2_RX_DMAC, i % 3 * 0x8000, 0x8000);
    }
    /* 32768000 bytes at 491520000 bytes/s, to the nanosecond */
    EXPECT_EQ(t.now, UINT64_C(66666667));
    EXPECT_EQ(ctrl64(FMC2_LOST), 0);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_UI_STATUS), 0);
}

static void idle_dma_overflows(void)
{
    setup(RATE);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    run_event();
    EXPECT(counts(0, 0x1000));
    EXPECT_EQ(word(0), 0);
    /* 1000 us in which nobody reads: the FIFO keeps 1 KiB, the rest is gone */
    step(1000000);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_UI_STATUS), AXI_ADC_UI_OVF);
    wr(FMCOMMS2_CORE, AXI_CONV_UI_STATUS, AXI_ADC_UI_OVF);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_UI_STATUS), 0);
    submit(FMCOMMS2_RX_DMAC, 0x1000, 0x1000);
    run_event();
    EXPECT(counts(0x1000, 1024));
    EXPECT_EQ(word(0x1000), 0x400);
    EXPECT(counts(0x1000 + 1024, 0x1000 - 1024));
    EXPECT_EQ((word(0x1000 + 1024) - word(0x1000) - 256) * 4, ctrl64(FMC2_LOST));
    /* Sample n belongs to time n / rate: the first one after the jump is of now, not of then */
    EXPECT_EQ(word(0x1000 + 1024) * UINT64_C(4),
              (UINT64_C(8334) + 1000000) * BYTES_PER_S / 1000000000 & ~UINT64_C(7));
}

/* Each idle time is a gap of its own, also when the data before the last one is still in the FIFO */
static void every_gap_is_its_own(void)
{
    uint64_t lost;
    uint32_t i, jumps = 0;

    setup(RATE);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    for (i = 0; i < 20; i++) {
        submit(FMCOMMS2_RX_DMAC, i * 256, 256);
        run_event();
        step(10000);
    }
    lost = ctrl64(FMC2_LOST);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_OVERFLOWS), 20);
    for (i = 4; i < 20 * 256; i += 4) {
        jumps += word(i) != word(i - 4) + 1;
    }
    /* What is in the FIFO has not been seen yet */
    EXPECT(jumps >= 14 && jumps < 20);
    EXPECT_EQ(ctrl64(FMC2_POSITION) - 20 * 256 - lost, 1024);
}

static void short_idle_loses_nothing(void)
{
    setup(RATE);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    run_event();
    step(2000);     /* 983 bytes */
    submit(FMCOMMS2_RX_DMAC, 0x1000, 0x1000);
    run_event();
    EXPECT(counts(0, 0x2000));
    EXPECT_EQ(ctrl64(FMC2_LOST), 0);
}

static void loss_is_whole_beats(void)
{
    uint32_t i;
    uint64_t lost;

    setup(RATE - 1);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    for (i = 0; i < 100; i++) {
        submit(FMCOMMS2_RX_DMAC, 0, 0x800);
        run_event();
        step(3001 + 7 * i);
        lost = ctrl64(FMC2_LOST);
        EXPECT_EQ(lost % 8, 0);
    }
    EXPECT(lost > 0);
}

static void nobody_listens_nothing_is_lost(void)
{
    setup(RATE);
    bring_up_adc(4);
    step(1000000000);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_UI_STATUS), 0);
    EXPECT_EQ(ctrl64(FMC2_POSITION), BYTES_PER_S);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    run_event();
    EXPECT_EQ(word(0), BYTES_PER_S / 4);
}

static void first_transfer_is_of_now(void)
{
    setup(RATE);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    step(1000000);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_UI_STATUS), 0);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    run_event();
    EXPECT_EQ(word(0), 1000000 * BYTES_PER_S / 1000000000 / 4);
    EXPECT(counts(0, 0x1000));
}

static void stop_empties_the_fifo(void)
{
    setup(RATE);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x100000);
    step(100000);
    wr(FMCOMMS2_RX_DMAC, AXI_DMAC_CTRL, 0);
    step(100000);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_UI_STATUS), 0);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    run_event();
    EXPECT_EQ(word(0), 200000 * BYTES_PER_S / 1000000000 / 8 * 2);
    EXPECT(counts(0, 0x1000));
}

static void fewer_channels_are_slower(void)
{
    setup(1000000);
    bring_up_adc(4);
    wr(FMCOMMS2_CORE, AXI_CONV_CHAN(1, AXI_ADC_CHAN_CTRL), 0x50);
    wr(FMCOMMS2_CORE, AXI_CONV_CHAN(2, AXI_ADC_CHAN_CTRL), 0x50);
    wr(FMCOMMS2_CORE, AXI_CONV_CHAN(3, AXI_ADC_CHAN_CTRL), 0x50);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 4000);
    run_event();
    EXPECT_EQ(t.now, 2000000);
    wr(FMCOMMS2_CORE, AXI_CONV_CHAN(0, AXI_ADC_CHAN_CTRL), 0x50);
    submit(FMCOMMS2_RX_DMAC, 0, 4000);
    EXPECT_EQ(fmcomms2_next_event(&t.b), AXI_DMAC_NEVER);
}

static void rate_change_keeps_the_stream(void)
{
    setup(1000000);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 8000);      /* 1 ms */
    step(500000);
    wr(FMCOMMS2_CTRL, FMC2_RATE, 500000);
    run_event();
    EXPECT_EQ(t.now, 1500000);
    EXPECT(counts(0, 8000));
    /* To no limit and back, still without a jump; the bus takes 1.6 bytes a nanosecond */
    wr(FMCOMMS2_CTRL, FMC2_RATE, 0);
    submit(FMCOMMS2_RX_DMAC, 8000, 8000);
    run_event();
    EXPECT_EQ(t.now, 1505000);
    wr(FMCOMMS2_CTRL, FMC2_RATE, 1000000);
    submit(FMCOMMS2_RX_DMAC, 16000, 8000);
    run_event();
    EXPECT_EQ(t.now, 2505000);
    EXPECT(counts(0, 24000));
}

static void hold_stops_the_clock(uint32_t rate)
{
    setup(rate);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 8000);
    step(2000);
    wr(FMCOMMS2_CTRL, FMC2_RX_HOLD, 1);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_HOLD), 1);
    EXPECT_EQ(fmcomms2_next_event(&t.b), AXI_DMAC_NEVER);
    step(1000000000);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_TRANSFERS), 0);
    wr(FMCOMMS2_CTRL, FMC2_RX_HOLD, 0);
    submit(FMCOMMS2_RX_DMAC, 8000, 8000);
    step(2000000);      /* 16000 bytes at 1 MSPS */
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_TRANSFERS), 2);
    EXPECT(counts(0, 16000));
    EXPECT_EQ(ctrl64(FMC2_LOST), 0);
}

static void hold_loses_nothing(void)
{
    hold_stops_the_clock(1000000);
    hold_stops_the_clock(0);
}

/* Neither a change of the rate nor of the channels lets go of it. */
static void hold_is_kept(void)
{
    setup(1000000);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    wr(FMCOMMS2_CTRL, FMC2_RX_HOLD, 1);
    submit(FMCOMMS2_RX_DMAC, 0, 8000);
    wr(FMCOMMS2_CTRL, FMC2_RATE, 0);
    wr(FMCOMMS2_CORE, AXI_CONV_CHAN(3, AXI_ADC_CHAN_CTRL), 0x50);
    EXPECT_EQ(fmcomms2_next_event(&t.b), AXI_DMAC_NEVER);
    wr(FMCOMMS2_RX_DMAC, AXI_DMAC_CTRL, 0);
    wr(FMCOMMS2_RX_DMAC, AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
    submit(FMCOMMS2_RX_DMAC, 0, 8000);
    EXPECT_EQ(fmcomms2_next_event(&t.b), AXI_DMAC_NEVER);
    wr(FMCOMMS2_CTRL, FMC2_RX_HOLD, 0);
    run_event();
    EXPECT(counts(0, 8000));
}

static void unlimited_never_loses(void)
{
    setup(0);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    run_event();
    EXPECT_EQ(t.now, 2560);
    step(1000000000);
    submit(FMCOMMS2_RX_DMAC, 0x1000, 0x1000);
    run_event();
    EXPECT(counts(0, 0x2000));
    EXPECT_EQ(ctrl64(FMC2_LOST), 0);
}

static void core_in_reset_is_silent(void)
{
    setup(RATE);
    bring_up_adc(4);
    wr(FMCOMMS2_CORE, AXI_CONV_RSTN, 0);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    EXPECT_EQ(fmcomms2_next_event(&t.b), AXI_DMAC_NEVER);
    step(1000000);
    wr(FMCOMMS2_CORE, AXI_CONV_RSTN, 3);
    run_event();
    EXPECT_EQ(t.now, 1000000 + 8334);
    EXPECT_EQ(word(0), 0);
}

static int16_t sample(uint32_t i)
{
    int16_t v;

    memcpy(&v, t.mem + 2 * i, 2);
    return v;
}

/* Twelve bits a sample, highest first, of x^9 + x^5 + 1 */
static void pn9_on_channel_0(void)
{
    uint8_t bits[12 * 1000];
    uint32_t i, k, v;

    setup(RATE);
    bring_up_adc(4);
    wr(FMCOMMS2_CTRL, FMC2_PATTERN, AXI_ADC_PNX);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 8000);
    run_event();
    for (i = 0; i < 1000; i++) {
        v = (uint16_t)sample(4 * i);
        EXPECT_EQ((v & 0x8000) >> 15, v >> 11 & 1);     /* sign extension */
        for (k = 0; k < 12; k++) {
            bits[12 * i + k] = v >> (11 - k) & 1;
        }
    }
    for (i = 9; i < ARRAY_SIZE(bits); i++) {
        if (bits[i] != (bits[i - 9] ^ bits[i - 5])) {
            ktap_fail(__FILE__, __LINE__, "channel 0 is not PN9");
            return;
        }
    }
}

static void pn_monitor(void)
{
    setup(RATE);
    bring_up_adc(4);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_CHAN(0, AXI_ADC_CHAN_STATUS)), AXI_ADC_CHAN_PN_OOS);
    wr(FMCOMMS2_CTRL, FMC2_PATTERN, AXI_ADC_BIST);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_CHAN(0, AXI_ADC_CHAN_STATUS)), AXI_ADC_CHAN_PN_OOS);
    wr(FMCOMMS2_CORE, AXI_CONV_CHAN(0, AXI_ADC_CHAN_STATUS), 7);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_CHAN(0, AXI_ADC_CHAN_STATUS)), 0);
    wr(FMCOMMS2_CORE, AXI_CONV_CHAN(0, AXI_ADC_CHAN_CTRL), 0x51 | AXI_ADC_CHAN_PN_SEL_OWR);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_CHAN(0, AXI_ADC_CHAN_STATUS)), AXI_ADC_CHAN_PN_OOS);
    wr(FMCOMMS2_CTRL, FMC2_PATTERN, AXI_ADC_PNX);
    wr(FMCOMMS2_CORE, AXI_CONV_CHAN(0, AXI_ADC_CHAN_STATUS), 7);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_CHAN(0, AXI_ADC_CHAN_STATUS)), 0);
    EXPECT(rd(FMCOMMS2_CORE, AXI_CONV_STATUS) & 4);     /* the other three still monitor the BIST */
}

/* I holds bits 15 to 4 of a sixteen bit state, Q bits 11 to 0 in reverse */
static void bist_pattern(void)
{
    uint32_t i, k, x, y;
    uint16_t q, r;

    setup(RATE);
    bring_up_adc(2);
    wr(FMCOMMS2_CTRL, FMC2_PATTERN, AXI_ADC_BIST);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 8000);
    run_event();
    for (i = 0, x = 0; i < 2000; i++) {
        q = (uint16_t)sample(2 * i + 1);
        for (k = 0, r = 0; k < 12; k++) {
            r |= (q >> k & 1) << (11 - k);
        }
        y = (uint32_t)(sample(2 * i) & 0xfff) << 4 | (r & 15);
        EXPECT_EQ(y & 0xfff, r);
        if (i && (y != ((x << 1 | ((__builtin_popcount(x & 0xfff0) ^ __builtin_popcount(x & 6)) & 1)) & 0xffff))) {
            ktap_fail(__FILE__, __LINE__, "a state does not follow from the one before");
            return;
        }
        x = y;
    }
}

/* Faults through the control block */

static void fault_overflow(void)
{
    setup(RATE);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x10000);
    step(10000);
    wr(FMCOMMS2_CTRL, FMC2_RX_OVERFLOW_BYTES, 4096);
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, FMC2_FAULT_OVERFLOW);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_UI_STATUS), AXI_ADC_UI_OVF);
    EXPECT_EQ(ctrl64(FMC2_LOST), 4096);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_OVERFLOWS), 1);
    run_event();
    EXPECT_EQ(word(0), 0);
    EXPECT_EQ(word(0xfffc), 0x4000 - 1 + 1024);
}

static void faults_are_taken_once(void)
{
    setup(0);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    wr(FMCOMMS2_CTRL, FMC2_RX_EARLY_BYTES, 512);
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, FMC2_FAULT_EARLY_END | FMC2_FAULT_BUS_ERROR);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_FAULT), FMC2_FAULT_EARLY_END | FMC2_FAULT_BUS_ERROR);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_FAULT), 0);
    run_event();
    EXPECT_EQ(rd(FMCOMMS2_RX_DMAC, AXI_DMAC_PARTIAL_LEN), 512);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_BUS_ERRORS), 1);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    run_event();
    EXPECT(counts(0, 0x1000));
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_TRANSFERS), 2);
}

static void faults_can_be_taken_back(void)
{
    setup(0);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, FMC2_FAULT_HANG | FMC2_FAULT_EARLY_END | FMC2_FAULT_LATE_IRQ);
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, 0);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_FAULT), 0);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    run_event();
    EXPECT(t.irq[FMCOMMS2_RX]);
    EXPECT(counts(0, 0x1000));
    /* What a transfer has taken is its own. */
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, FMC2_FAULT_HANG);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, 0);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_FAULT), FMC2_FAULT_HANG);
    EXPECT_EQ(fmcomms2_next_event(&t.b), AXI_DMAC_NEVER);
}

static void fault_hang_shows_until_abort(void)
{
    setup(0);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, FMC2_FAULT_HANG);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    EXPECT_EQ(fmcomms2_next_event(&t.b), AXI_DMAC_NEVER);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_FAULT), FMC2_FAULT_HANG);
    wr(FMCOMMS2_RX_DMAC, AXI_DMAC_CTRL, 0);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_FAULT), 0);
}

static void fault_spurious(void)
{
    setup(0);
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, FMC2_FAULT_SPURIOUS_IRQ);
    EXPECT(t.irq[FMCOMMS2_RX]);
    EXPECT(!t.irq[FMCOMMS2_TX]);
    rd(FMCOMMS2_RX_DMAC, AXI_DMAC_IRQ_PENDING);
    EXPECT(!t.irq[FMCOMMS2_RX]);
}

/* Transmit */

static void bring_up_dac(void)
{
    unsigned int c;

    wr(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET + AXI_CONV_RSTN, 3);
    for (c = 0; c < 4; c++) {
        wr(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET + AXI_CONV_CHAN(c, AXI_DAC_CHAN_CNTRL_7), AXI_DAC_SEL_DMA);
    }
}

static void transmit(void)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325), w;
    uint32_t i;

    setup(2000000);
    wr(FMCOMMS2_CTRL, FMC2_RATE, 1000000);
    for (i = 0; i < 0x2000; i += 4) {
        memcpy(t.mem + i, &i, 4);
    }
    for (i = 0; i < 0x2000; i += 8) {
        memcpy(&w, t.mem + i, 8);
        h = (h ^ w) * UINT64_C(0x100000001b3);
    }
    bring_up_dac();
    start_dma(FMCOMMS2_TX_DMAC);
    submit(FMCOMMS2_TX_DMAC, 0, 0x1000);
    submit(FMCOMMS2_TX_DMAC, 0x1000, 0x1000);
    run_event();
    /* The DMA is ahead of the converter by the depth of the FIFO */
    EXPECT_EQ(t.now, (0x1000 - 1024) * 125);
    run_event();
    EXPECT(t.irq[FMCOMMS2_TX]);
    EXPECT_EQ(ctrl64(FMC2_TX_BYTES), 0x2000);
    EXPECT_EQ(ctrl64(FMC2_TX_HASH), h);
    EXPECT_EQ(rd(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET + AXI_CONV_UI_STATUS), 0);
    step(1024 * 125 + 1000);
    EXPECT_EQ(rd(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET + AXI_CONV_UI_STATUS), AXI_DAC_UI_UNF);
    wr(FMCOMMS2_CTRL, FMC2_TX_CLEAR, 1);
    EXPECT_EQ(ctrl64(FMC2_TX_BYTES), 0);
}

static void transmit_needs_the_channel(void)
{
    setup(1000000);
    bring_up_dac();
    wr(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET + AXI_CONV_RSTN, 0);
    start_dma(FMCOMMS2_TX_DMAC);
    submit(FMCOMMS2_TX_DMAC, 0, 0x10000);
    EXPECT_EQ(fmcomms2_next_event(&t.b), AXI_DMAC_NEVER);
}

static void transmit_cyclic(void)
{
    setup(1000000);
    bring_up_dac();
    start_dma(FMCOMMS2_TX_DMAC);
    wr(FMCOMMS2_TX_DMAC, AXI_DMAC_X_LENGTH, 0xfff);
    wr(FMCOMMS2_TX_DMAC, AXI_DMAC_FLAGS, AXI_DMAC_FLAG_CYCLIC | AXI_DMAC_FLAG_LAST);
    wr(FMCOMMS2_TX_DMAC, AXI_DMAC_START_TRANSFER, 1);
    step(100000000);
    EXPECT_EQ(rd(FMCOMMS2_TX_DMAC, AXI_DMAC_IRQ_SOURCE), 0);
    /* 100 ms at 8 bytes/us, in whole buffers, and ahead by up to the FIFO */
    EXPECT(ctrl64(FMC2_TX_BYTES) >= 800000 - 4096);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_TX_UNDERFLOWS), 0);
}

static void both_directions(void)
{
    int i;

    setup(RATE);
    bring_up_adc(4);
    bring_up_dac();
    start_dma(FMCOMMS2_RX_DMAC);
    start_dma(FMCOMMS2_TX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x8000);
    submit(FMCOMMS2_TX_DMAC, 0x10000, 0x8000);
    for (i = 0; i < 2; i++) {
        run_event();
    }
    EXPECT(t.irq[FMCOMMS2_RX]);
    EXPECT(t.irq[FMCOMMS2_TX]);
    EXPECT_EQ(rd(FMCOMMS2_RX_DMAC, AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(rd(FMCOMMS2_TX_DMAC, AXI_DMAC_TRANSFER_DONE), 1);
}

/* The same accesses at the same times give the same bytes, however often time is asked for */
static uint32_t one_run(uint64_t tick)
{
    uint32_t sum = 0, i;
    uint64_t end;

    setup(RATE);
    bring_up_adc(4);
    start_dma(FMCOMMS2_RX_DMAC);
    for (i = 0; i < 50; i++) {
        submit(FMCOMMS2_RX_DMAC, i * 0x1000, 0x1000);
        for (end = t.now + 9000; t.now < end; ) {
            step(tick);
            rd(FMCOMMS2_RX_DMAC, AXI_DMAC_PROGRESS);
        }
        wr(FMCOMMS2_RX_DMAC, AXI_DMAC_IRQ_PENDING, 3);
    }
    for (i = 0; i < 50 * 0x1000; i += 4) {
        sum = sum * 31 + word(i);
    }
    return sum;
}

static void repeatable(void)
{
    uint32_t a = one_run(9000);

    EXPECT_EQ(one_run(9000), a);
    EXPECT_EQ(one_run(3000), a);
    EXPECT_EQ(one_run(100), a);
}

static void bad_configurations(void)
{
    struct fmcomms2_config c;
    struct fmcomms2 b;

    fmcomms2_default_config(&c);
    c.pattern = 3;
    EXPECT(fmcomms2_init(&b, &c, &ops, NULL));
    fmcomms2_default_config(&c);
    c.fifo_depth = 100;
    EXPECT(fmcomms2_init(&b, &c, &ops, NULL));
    fmcomms2_default_config(&c);
    c.dmac_version = AXI_DMAC_VERSION(4, 3, 'a');
    c.sg = true;
    EXPECT(fmcomms2_init(&b, &c, &ops, NULL));
}

#define T(name)     { #name, name }

int main(void)
{
    static const struct ktap_test tests[] = {
        T(adc_registers), T(dac_registers), T(control_registers), T(core_status), T(line_rate_without_loss),
        T(idle_dma_overflows), T(every_gap_is_its_own), T(short_idle_loses_nothing), T(loss_is_whole_beats),
        T(nobody_listens_nothing_is_lost), T(first_transfer_is_of_now), T(stop_empties_the_fifo), T(fewer_channels_are_slower),
        T(rate_change_keeps_the_stream), T(hold_loses_nothing), T(hold_is_kept), T(unlimited_never_loses),
        T(core_in_reset_is_silent),
        T(pn9_on_channel_0), T(pn_monitor), T(bist_pattern), T(fault_overflow), T(faults_are_taken_once),
        T(faults_can_be_taken_back), T(fault_hang_shows_until_abort), T(fault_spurious), T(transmit), T(transmit_needs_the_channel),
        T(transmit_cyclic), T(both_directions), T(repeatable), T(bad_configurations),
    };

    return ktap_run(tests, ARRAY_SIZE(tests));
}
