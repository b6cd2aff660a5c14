// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of the whole board model: designs, converter registers, the stream and its losses, control block, faults
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

static void setup_design(const char *name, uint32_t rate)
{
    struct fmcomms2_config cfg;
    const char *err = fmcomms2_design(&cfg, name);

    if (err) {
        ktap_fail(__FILE__, __LINE__, err);
    }
    cfg.sample_rate = rate;
    setup_with(&cfg);
}

static void setup(uint32_t rate)
{
    setup_design("2026_R1", rate);
}

/* What the drivers do when they probe */
static void bring_up_adc(unsigned int mask)
{
    unsigned int c;

    for (c = 0; c < 4; c++) {
        wr(FMCOMMS2_CORE, AXI_CONV_CHAN(c, AXI_ADC_CHAN_CTRL), 0x50 | (mask >> c & 1));
    }
    wr(FMCOMMS2_CORE, AXI_CONV_RSTN, 0);
    wr(FMCOMMS2_CORE, AXI_CONV_RSTN, 2);
    wr(FMCOMMS2_CORE, AXI_CONV_RSTN, 3);
}

static void start_dma(enum fmcomms2_block d)
{
    wr(d, AXI_DMAC_IRQ_MASK, AXI_DMAC_IRQ_SOT);
    wr(d, AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
}

/* The registers belong to the request before until that is accepted. */
static void submit(enum fmcomms2_block d, uint32_t addr, uint32_t len)
{
    unsigned int n;

    for (n = 0; n < 100000 && rd(d, AXI_DMAC_START_TRANSFER); n++) {
        step(50);
    }
    wr(d, AXI_DMAC_DEST_ADDRESS, addr);
    wr(d, AXI_DMAC_SRC_ADDRESS, addr);
    wr(d, AXI_DMAC_X_LENGTH, len - 1);
    wr(d, AXI_DMAC_FLAGS, AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL);
    wr(d, AXI_DMAC_START_TRANSFER, 1);
}

static const enum fmcomms2_dir dir_of[] = { [FMCOMMS2_RX_DMAC] = FMCOMMS2_RX, [FMCOMMS2_TX_DMAC] = FMCOMMS2_TX };

/* To the end of a transfer */
static void finish(enum fmcomms2_block d)
{
    unsigned int n;

    for (n = 0; n < 100000 && !t.irq[dir_of[d]] && !ktap_failed; n++) {
        run_event();
    }
    EXPECT(t.irq[dir_of[d]]);
    wr(d, AXI_DMAC_IRQ_PENDING, AXI_DMAC_IRQ_SOT | AXI_DMAC_IRQ_EOT);
}

static void capture(uint32_t addr, uint32_t len)
{
    submit(FMCOMMS2_RX_DMAC, addr, len);
    finish(FMCOMMS2_RX_DMAC);
}

static bool no_end_in_sight(void)
{
    uint64_t end = t.now + UINT64_C(1000000000), next;

    while ((next = fmcomms2_next_event(&t.b)) < end && !t.irq[FMCOMMS2_RX] && !t.irq[FMCOMMS2_TX]) {
        t.now = next > t.now ? next : t.now;
        fmcomms2_advance(&t.b, t.now);
    }
    if (!t.irq[FMCOMMS2_RX] && !t.irq[FMCOMMS2_TX]) {
        step(end - t.now);
    }
    return !t.irq[FMCOMMS2_RX] && !t.irq[FMCOMMS2_TX];
}

static uint32_t ui_status(void)
{
    return rd(FMCOMMS2_CORE, AXI_CONV_UI_STATUS);
}

static void clear_ui_status(void)
{
    wr(FMCOMMS2_CORE, AXI_CONV_UI_STATUS, UINT32_MAX);
}

static uint32_t word(uint32_t addr)
{
    uint32_t v;

    memcpy(&v, t.mem + addr, 4);
    return v;
}

static uint16_t sample(uint32_t i)
{
    uint16_t v;

    memcpy(&v, t.mem + 2 * i, 2);
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

/* Designs */

static void designs(void)
{
    static const struct {
        const char *name;
        uint32_t version, adc, dac, rx_desc, tx_desc, coherency;
        bool sg;
    } rows[] = {
        { "2022_R2", 0x00040461, 0x000a0300, 0x00090162, 0x00072303, 0x00070313, 0, false },
        { "2023_R2", 0x00040562, 0x000a0300, 0x00090262, 0x00072303, 0x00070313, 0x030, true },
        { "2026_R1", 0x00040565, 0x000a0300, 0x00090262, 0x38072303, 0x38070313, 0x2f1, true },
    };
    enum fmcomms2_block d;
    size_t i;

    for (i = 0; i < ARRAY_SIZE(rows); i++) {
        setup_design(rows[i].name, RATE);
        EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_VERSION), rows[i].adc);
        EXPECT_EQ(rd(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET + AXI_CONV_VERSION), rows[i].dac);
        EXPECT_EQ(rd(FMCOMMS2_RX_DMAC, AXI_DMAC_INTERFACE_DESC), rows[i].rx_desc);
        EXPECT_EQ(rd(FMCOMMS2_TX_DMAC, AXI_DMAC_INTERFACE_DESC), rows[i].tx_desc);
        for (d = FMCOMMS2_RX_DMAC; d <= FMCOMMS2_TX_DMAC; d++) {
            EXPECT_EQ(rd(d, AXI_DMAC_VERSION_REG), rows[i].version);
            EXPECT_EQ(rd(d, AXI_DMAC_COHERENCY_DESC), rows[i].coherency);
            wr(d, AXI_DMAC_SG_ADDRESS, 0xfffffff8);
            EXPECT_EQ(rd(d, AXI_DMAC_SG_ADDRESS), rows[i].sg ? 0xfffffff8 : 0);
            wr(d, AXI_DMAC_X_LENGTH, UINT32_MAX);
            EXPECT_EQ(rd(d, AXI_DMAC_X_LENGTH), 0xffffff);
            wr(d, AXI_DMAC_Y_LENGTH, UINT32_MAX);
            EXPECT_EQ(rd(d, AXI_DMAC_Y_LENGTH), 0);
        }
        wr(FMCOMMS2_RX_DMAC, AXI_DMAC_DEST_ADDRESS_HIGH, UINT32_MAX);
        EXPECT_EQ(rd(FMCOMMS2_RX_DMAC, AXI_DMAC_DEST_ADDRESS_HIGH), 0xf);
        wr(FMCOMMS2_RX_DMAC, AXI_DMAC_FLAGS, UINT32_MAX);
        EXPECT(!(rd(FMCOMMS2_RX_DMAC, AXI_DMAC_FLAGS) & AXI_DMAC_FLAG_CYCLIC));
        EXPECT(rd(FMCOMMS2_TX_DMAC, AXI_DMAC_FLAGS) & AXI_DMAC_FLAG_CYCLIC);
    }
}

static void default_is_the_newest(void)
{
    struct fmcomms2_config a, b;

    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    fmcomms2_default_config(&a);
    EXPECT(!fmcomms2_design(&b, "2026_R1"));
    EXPECT_EQ(a.dmac_version, b.dmac_version);
    EXPECT(a.sg && a.coherent);
    EXPECT(fmcomms2_design(&b, "2024_R1") && strstr(fmcomms2_design(&b, "2024_R1"), "2023_R2"));
    EXPECT(fmcomms2_design(&b, ""));
    /* Single options are set afterwards. */
    EXPECT(!fmcomms2_design(&b, "2022_R2"));
    b.dmac_version = AXI_DMAC_VERSION(4, 5, 'b');
    b.sg = true;
    setup_with(&b);
    EXPECT_EQ(rd(FMCOMMS2_RX_DMAC, AXI_DMAC_VERSION_REG), 0x00040562);
    EXPECT_EQ(rd(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET + AXI_CONV_VERSION), 0x00090162);
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
    { AXI_CONV_CHAN(c, 0x20), 0x01001010, 0 }, { AXI_CONV_CHAN(c, 0x24), 0x00010001, 0 }, \
    { AXI_CONV_CHAN(c, 0x28), 7, 7 }

static void adc_registers(void)
{
    static const struct reg_row rows[] = {
        { 0x000, 0x000a0300, 0 }, { 0x008, 0, UINT32_MAX }, { 0x010, 1, 1 }, { 0x040, 0, 7 },
        { 0x044, 0, 0x1df17 }, { 0x04c, 0, 0x1ff }, { 0x058, 1, 0 }, { 0x074, 1u << 17, 0 },
        { 0x080, 0, UINT32_MAX }, { 0x08c, 0, UINT32_MAX }, { 0x0a0, 3, 0 }, { 0x0a4, 0, UINT32_MAX },
        { 0x0bc, 0, UINT32_MAX }, { 0x100, 0, UINT32_MAX },
        { 0x800, 0, 31 }, { 0x804, 0, 31 }, { 0x808, 0, 31 }, { 0x80c, 0, 31 }, { 0x810, 0, 31 },
        { 0x814, 0, 31 }, { 0x818, 0, 31 },
        ADC_CHAN_ROWS(0), ADC_CHAN_ROWS(1), ADC_CHAN_ROWS(2), ADC_CHAN_ROWS(3),
    };

    setup(RATE);
    check_regs(FMCOMMS2_CORE, 0, rows, ARRAY_SIZE(rows));
}

#define DAC_CHAN_ROWS(c) \
    { AXI_CONV_CHAN(c, 0x04), 0, UINT32_MAX }, \
    { AXI_CONV_CHAN(c, 0x08), 0, 0xffff }, { AXI_CONV_CHAN(c, 0x0c), 0, UINT32_MAX }, \
    { AXI_CONV_CHAN(c, 0x10), 0, UINT32_MAX }, { AXI_CONV_CHAN(c, 0x14), 0, 7 }, \
    { AXI_CONV_CHAN(c, 0x18), 0, 15 }, { AXI_CONV_CHAN(c, 0x1c), 0, UINT32_MAX }, \
    { AXI_CONV_CHAN(c, 0x20), 0x01001010, 0 }, { AXI_CONV_CHAN(c, 0x24), 0x00010001, 0 }, \
    { AXI_CONV_CHAN(c, 0x28), 0, 3 }
#define DAC_9_1_CHAN_ROWS(c) \
    { AXI_CONV_CHAN(c, 0x00), 0, 0xffff }, DAC_CHAN_ROWS(c)
#define DAC_9_2_CHAN_ROWS(c) \
    { AXI_CONV_CHAN(c, 0x00), 0x00100000, 0xffff }, DAC_CHAN_ROWS(c), \
    { AXI_CONV_CHAN(c, 0x2c), 0, UINT32_MAX }, { AXI_CONV_CHAN(c, 0x30), 0, UINT32_MAX }
#define DAC_ROWS \
    { 0x008, 0, UINT32_MAX }, { 0x040, 0, 7 }, { 0x048, 0, 0x1dff0 }, { 0x04c, 0, 0xffff }, \
    { 0x058, 1, 0 }, { 0x060, 0, 1 }, { 0x074, 1u << 17, 0 }, { 0x0a0, 3, 0 }, \
    { 0x0bc, 0, UINT32_MAX }, { 0x100, 0, UINT32_MAX }

static void dac_registers(void)
{
    static const struct reg_row rows[] = {
        { 0x000, 0x00090262, 0 }, DAC_ROWS, { 0x084, 0, UINT32_MAX }, { 0x08c, 0, UINT32_MAX },
        DAC_9_2_CHAN_ROWS(0), DAC_9_2_CHAN_ROWS(1), DAC_9_2_CHAN_ROWS(2), DAC_9_2_CHAN_ROWS(3),
    };

    setup(RATE);
    check_regs(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET, rows, ARRAY_SIZE(rows));
}

static void dac_registers_9_1(void)
{
    static const struct reg_row rows[] = {
        { 0x000, 0x00090162, 0 }, DAC_ROWS,
        DAC_9_1_CHAN_ROWS(0), DAC_9_1_CHAN_ROWS(1), DAC_9_1_CHAN_ROWS(2), DAC_9_1_CHAN_ROWS(3),
    };

    setup_design("2022_R2", RATE);
    check_regs(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET, rows, ARRAY_SIZE(rows));
}

static void control_registers(void)
{
    /* Without the registers that do something when written: those have tests of their own */
    static const struct reg_row rows[] = {
        { FMC2_ID, FMC2_ID_MAGIC, 0 }, { FMC2_VERSION, FMC2_VERSION_1_3, 0 }, { FMC2_SCRATCH, 0, UINT32_MAX },
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
    wr(FMCOMMS2_CTRL, FMC2_PATTERN, 3);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_PATTERN), 3);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, 0x34), 0);
    wr(FMCOMMS2_CTRL, 0x1000, 1);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, 0x1000), 0);
}

static void core_status(void)
{
    setup(RATE);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_STATUS), 0);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_CLK_FREQ), 0);
    bring_up_adc(0xf);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_STATUS) & 1, 1);
    /* 4 * 61.44 MHz over 100 MHz, 16.16 */
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_CLK_FREQ), 161061);
    EXPECT_EQ(rd(FMCOMMS2_CORE, 0x6000), 0);
    wr(FMCOMMS2_CORE, AXI_CONV_TIMER, 100);
    step(500);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_TIMER), 50);
}

/* The stream */

static void line_rate_without_loss(const char *design)
{
    uint32_t expect = 0, i;
    uint64_t begin;

    setup_design(design, RATE);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x8000);
    submit(FMCOMMS2_RX_DMAC, 0x8000, 0x8000);
    step(2000);
    clear_ui_status();
    begin = t.now;
    for (i = 0; i < 1000; i++) {
        finish(FMCOMMS2_RX_DMAC);
        expect = i ? expect : word(0);
        EXPECT(counts(i % 3 * 0x8000, 0x8000));
        if (word(i % 3 * 0x8000) != expect) {
            ktap_fail(__FILE__, __LINE__, "a sample was lost at the line rate");
            return;
        }
        expect += 0x2000;
        submit(FMCOMMS2_RX_DMAC, (i + 2) % 3 * 0x8000, 0x8000);
    }
    /* 32768000 bytes at 491520000 bytes/s; the response of memory comes a little later */
    EXPECT(t.now - begin >= UINT64_C(66666667) - 2000 && t.now - begin < UINT64_C(66666667) + 1000);
    EXPECT_EQ(ctrl64(FMC2_LOST), 0);
    EXPECT_EQ(ui_status(), 0);
}

static void line_rate_2022(void)
{
    line_rate_without_loss("2022_R2");
}

static void line_rate_2026(void)
{
    line_rate_without_loss("2026_R1");
}

/* The core buffers within a request only: what comes while there is none is lost, from the first word on. */
static void idle_dma_loses_everything(uint64_t idle)
{
    uint32_t jump;
    uint64_t lost;

    setup(RATE);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    capture(0, 0x1000);
    EXPECT(counts(0, 0x1000));
    step(idle);
    capture(0x1000, 0x1000);
    EXPECT(counts(0x1000, 0x1000));
    jump = word(0x1000) - word(0xffc) - 1;
    EXPECT(jump * UINT64_C(4) * 1000000000 / BYTES_PER_S > idle);
    EXPECT(jump * UINT64_C(4) * 1000000000 / BYTES_PER_S < idle + 1500);
    lost = ctrl64(FMC2_LOST);
    EXPECT(lost >= jump * 4 && lost < jump * 4 + 400);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_OVERFLOWS), 2);
}

static void long_idle_loses_everything(void)
{
    idle_dma_loses_everything(1000000);
}

static void short_idle_loses_everything(void)
{
    idle_dma_loses_everything(100);
    idle_dma_loses_everything(2000);
}

/* With a channel on and no request the core always says overflow: the flag cannot be cleared. */
static void idle_dma_overflows(void)
{
    setup(RATE);
    bring_up_adc(0xf);
    EXPECT_EQ(ui_status(), 0);
    step(2000);
    EXPECT_EQ(ui_status(), AXI_ADC_UI_OVF);
    clear_ui_status();
    step(100);
    EXPECT_EQ(ui_status(), AXI_ADC_UI_OVF);
    start_dma(FMCOMMS2_RX_DMAC);
    clear_ui_status();
    step(100);
    EXPECT_EQ(ui_status(), AXI_ADC_UI_OVF);
    submit(FMCOMMS2_RX_DMAC, 0, 0x10000);
    step(2000);
    clear_ui_status();
    step(100000);
    EXPECT_EQ(ui_status(), 0);
    finish(FMCOMMS2_RX_DMAC);
    /* It shows late, and a look at it changes nothing. */
    EXPECT_EQ(ui_status(), 0);
    step(1000);
    EXPECT_EQ(ui_status(), AXI_ADC_UI_OVF);
    EXPECT_EQ(ui_status(), AXI_ADC_UI_OVF);
    wr(FMCOMMS2_CORE, AXI_CONV_UI_STATUS, ~AXI_ADC_UI_OVF);
    EXPECT_EQ(ui_status(), AXI_ADC_UI_OVF);
    /* Nothing is on, so nothing is lost */
    bring_up_adc(0);
    step(2000);
    clear_ui_status();
    step(2000);
    EXPECT_EQ(ui_status(), 0);
}

static void every_gap_is_its_own(void)
{
    uint64_t lost;
    uint32_t i, jumps = 0;

    setup(RATE);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    for (i = 0; i < 20; i++) {
        capture(i * 256, 256);
        step(10000);
    }
    lost = ctrl64(FMC2_LOST);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_OVERFLOWS), 20);
    for (i = 4; i < 20 * 256; i += 4) {
        jumps += word(i) != word(i - 4) + 1;
    }
    EXPECT_EQ(jumps, 19);
    EXPECT_EQ(ctrl64(FMC2_POSITION) - word(0) * 4 - 20 * 256, lost);
}

static void loss_is_whole_beats(void)
{
    uint32_t i;
    uint64_t lost;

    setup(RATE - 1);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    for (i = 0; i < 100; i++) {
        capture(0, 0x800);
        step(3001 + 7 * i);
        lost = ctrl64(FMC2_LOST);
        EXPECT_EQ(lost % 8, 0);
    }
    EXPECT(lost > 0);
}

/* Losses are counted while somebody wants the data: from the first word taken to CTRL = 0. */
static void losses_are_of_a_run(void)
{
    uint64_t lost;

    setup(RATE);
    bring_up_adc(0xf);
    step(1000000000);
    EXPECT_EQ(ctrl64(FMC2_LOST), 0);
    EXPECT_EQ(ctrl64(FMC2_POSITION), BYTES_PER_S - AXI_RX_LATENCY * 8 - 8);
    start_dma(FMCOMMS2_RX_DMAC);
    step(1000000);
    EXPECT_EQ(ctrl64(FMC2_LOST), 0);
    capture(0, 0x1000);
    /* Of now, not of then */
    EXPECT(word(0) * UINT64_C(4) > (UINT64_C(1001000000) * RATE / 1000000000 - 20) * 8);
    EXPECT(word(0) * UINT64_C(4) < (UINT64_C(1001001000) * RATE / 1000000000) * 8);
    step(100000);
    wr(FMCOMMS2_RX_DMAC, AXI_DMAC_CTRL, 0);
    lost = ctrl64(FMC2_LOST);
    EXPECT(lost >= 49152);
    step(100000);
    EXPECT_EQ(ctrl64(FMC2_LOST), lost);
    start_dma(FMCOMMS2_RX_DMAC);
    step(100000);
    EXPECT_EQ(ctrl64(FMC2_LOST), lost);
}

/* A request that is cut off: its last burst still comes, and is no new run. */
static void stop_in_a_transfer(void)
{
    uint64_t lost;

    setup(RATE);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x100000);
    step(100000);
    wr(FMCOMMS2_RX_DMAC, AXI_DMAC_CTRL, 0);
    lost = ctrl64(FMC2_LOST);
    step(100000);
    EXPECT_EQ(ctrl64(FMC2_LOST), lost);
    EXPECT_EQ(ui_status(), AXI_ADC_UI_OVF);
    start_dma(FMCOMMS2_RX_DMAC);
    capture(0, 0x1000);
    EXPECT(word(0) * UINT64_C(4) > (UINT64_C(200000) * RATE / 1000000000 - 20) * 8);
    EXPECT(counts(0, 0x1000));
}

/* Each set of channels: the samples of all of them in order, of one time, at their rate */
static void sets_of_channels(void)
{
    unsigned int mask, n, i, c;
    uint64_t begin, ns;
    uint32_t s;

    for (mask = 1; mask < 16; mask++) {
        n = (unsigned int)__builtin_popcount(mask);
        setup(1000000);
        bring_up_adc(mask);
        wr(FMCOMMS2_CTRL, FMC2_PATTERN, AXI_ADC_NUMBERED);
        start_dma(FMCOMMS2_RX_DMAC);
        step(1000000 + 777 * mask);
        begin = t.now;
        capture(0, 2400);
        for (s = sample(0) >> 2, i = 0; i < 1200; s++) {
            for (c = 0; c < 4; c++) {
                if (mask >> c & 1 && sample(i++) != (uint16_t)(4 * s + c)) {
                    ktap_fail(__FILE__, __LINE__, "not the next sample of the next channel");
                    c = 4;
                    i = 1200;
                }
            }
        }
        ns = 1200 / n * 1000;
        EXPECT(t.now - begin >= ns - 4000 && t.now - begin < ns + 8000);
        /* The begin of the request is what it is of */
        EXPECT((sample(0) >> 2) >= 1000 - AXI_RX_LATENCY && (sample(0) >> 2) < 1025);
    }
}

static void no_channels_no_data(void)
{
    setup(1000000);
    bring_up_adc(0);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 4000);
    EXPECT(no_end_in_sight());
    wr(FMCOMMS2_CORE, AXI_CONV_CHAN(2, AXI_ADC_CHAN_CTRL), 0x51);
    finish(FMCOMMS2_RX_DMAC);
}

/* 512 words are no whole scans of three channels: the last one of each request is cut, a word is dropped. */
static void three_channels_at_borders(const char *design, bool flagged)
{
    uint32_t i, k;

    setup_design(design, RATE);
    bring_up_adc(0xd);
    wr(FMCOMMS2_CTRL, FMC2_PATTERN, AXI_ADC_NUMBERED);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    submit(FMCOMMS2_RX_DMAC, 0x1000, 0x1000);
    step(2000);
    clear_ui_status();
    EXPECT_EQ(ctrl64(FMC2_LOST), 0);
    for (i = 0; i < 5; i++) {
        finish(FMCOMMS2_RX_DMAC);
        if (i < 4) {
            submit(FMCOMMS2_RX_DMAC, (i + 2) * 0x1000, 0x1000);
        }
        EXPECT_EQ(ctrl64(FMC2_LOST) % 8, 0);
        EXPECT(ctrl64(FMC2_LOST) >= i * 8);
    }
    EXPECT_EQ(ui_status(), flagged ? AXI_ADC_UI_OVF : 0);
    for (i = 0; i < 5; i++) {
        for (k = 0; k < 2048 - 2; k += 3) {
            EXPECT_EQ(sample(i * 2048 + k) & 3, 0);
            EXPECT_EQ(sample(i * 2048 + k + 1), (uint16_t)(sample(i * 2048 + k) + 2));
            EXPECT_EQ(sample(i * 2048 + k + 2), (uint16_t)(sample(i * 2048 + k) + 3));
        }
        /* 2048 values are 682 scans and two more; the next request begins with the scan after the one that is cut */
        if (i) {
            EXPECT_EQ(sample(i * 2048), (uint16_t)(sample((i - 1) * 2048) + 4 * 684));
        }
    }
}

static void three_channels_2022(void)
{
    three_channels_at_borders("2022_R2", false);
}

static void three_channels_2023(void)
{
    three_channels_at_borders("2023_R2", true);
}

/* In multiples of 24 bytes nothing is lost, and the counter runs through as with any other channels. */
static void three_channels_in_whole_scans(void)
{
    uint32_t i, expect = 0;

    setup(RATE);
    bring_up_adc(0x7);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 3 * 4096);
    submit(FMCOMMS2_RX_DMAC, 3 * 4096, 3 * 4096);
    for (i = 0; i < 20; i++) {
        finish(FMCOMMS2_RX_DMAC);
        EXPECT(counts(i % 3 * 3 * 4096, 3 * 4096));
        expect = i ? expect + 3 * 1024 : word(0);
        EXPECT_EQ(word(i % 3 * 3 * 4096), expect);
        submit(FMCOMMS2_RX_DMAC, (i + 2) % 3 * 3 * 4096, 3 * 4096);
    }
    EXPECT_EQ(word(0) * 4 % 24, 0);
    EXPECT_EQ(ctrl64(FMC2_LOST), 0);
}

static void rate_change_keeps_the_stream(void)
{
    uint64_t begin;

    setup(1000000);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    begin = t.now;
    submit(FMCOMMS2_RX_DMAC, 0, 8000);      /* 1 ms */
    submit(FMCOMMS2_RX_DMAC, 8000, 8000);
    step(500000);
    wr(FMCOMMS2_CTRL, FMC2_RATE, 500000);
    finish(FMCOMMS2_RX_DMAC);
    EXPECT(t.now - begin > 1500000 - 20000 && t.now - begin < 1500000 + 40000);
    EXPECT(counts(0, 8000));
    /* To no limit and back, still without a jump */
    begin = t.now;
    wr(FMCOMMS2_CTRL, FMC2_RATE, 0);
    finish(FMCOMMS2_RX_DMAC);
    EXPECT(t.now - begin >= 8000 / 8 * 9 && t.now - begin < 8000 / 8 * 13);
    wr(FMCOMMS2_CTRL, FMC2_RATE, 1000000);
    begin = t.now;
    capture(16000, 8000);
    EXPECT(t.now - begin >= 1000000 && t.now - begin < 1010000);
    EXPECT(counts(0, 16000));
    EXPECT(counts(16000, 8000));
}

static void hold_stops_the_clock(uint32_t rate)
{
    setup(rate);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 8000);
    step(2000);
    wr(FMCOMMS2_CTRL, FMC2_RX_HOLD, 1);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_HOLD), 1);
    EXPECT(no_end_in_sight());
    step(1000000000);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_TRANSFERS), 0);
    wr(FMCOMMS2_CTRL, FMC2_RX_HOLD, 0);
    submit(FMCOMMS2_RX_DMAC, 8000, 8000);
    step(2100000);      /* 16000 bytes at 1 MSPS */
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_TRANSFERS), 2);
    EXPECT(counts(0, 16000));
}

static void hold_loses_nothing(void)
{
    hold_stops_the_clock(1000000);
    hold_stops_the_clock(0);
    EXPECT_EQ(ctrl64(FMC2_LOST), 0);
}

/* Neither a change of the rate nor of the channels lets go of it. */
static void hold_is_kept(void)
{
    setup(1000000);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    wr(FMCOMMS2_CTRL, FMC2_RX_HOLD, 1);
    submit(FMCOMMS2_RX_DMAC, 0, 8000);
    wr(FMCOMMS2_CTRL, FMC2_RATE, 0);
    wr(FMCOMMS2_CORE, AXI_CONV_CHAN(3, AXI_ADC_CHAN_CTRL), 0x50);
    EXPECT(no_end_in_sight());
    wr(FMCOMMS2_RX_DMAC, AXI_DMAC_CTRL, 0);
    step(10000);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 8000);
    EXPECT(no_end_in_sight());
    wr(FMCOMMS2_CORE, AXI_CONV_RSTN, 0);
    wr(FMCOMMS2_CORE, AXI_CONV_RSTN, 3);
    EXPECT(no_end_in_sight());
    wr(FMCOMMS2_CTRL, FMC2_RX_HOLD, 0);
    finish(FMCOMMS2_RX_DMAC);
    EXPECT(counts(0, 8000));
    EXPECT_EQ(word(0), 0);
}

/* Told to stop while memory takes nothing, the core is at rest when that is over, and not before. */
static void stall_keeps_the_core_from_stopping(void)
{
    setup(RATE);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x10000);
    step(10000);
    wr(FMCOMMS2_CTRL, FMC2_RX_STALL, 1);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_STALL), 1);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_TX_STALL), 0);
    step(2000);
    wr(FMCOMMS2_RX_DMAC, AXI_DMAC_CTRL, 0);
    step(1000000000);
    EXPECT((rd(FMCOMMS2_RX_DMAC, AXI_DMAC_DBG_STATUS) & AXI_DMAC_DBG_STATE) != AXI_DMAC_DBG_AT_REST);
    wr(FMCOMMS2_CTRL, FMC2_RX_STALL, 0);
    step(10000);
    EXPECT_EQ(rd(FMCOMMS2_RX_DMAC, AXI_DMAC_DBG_STATUS) & AXI_DMAC_DBG_STATE, AXI_DMAC_DBG_AT_REST);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_OFFENCES), 0);
    start_dma(FMCOMMS2_RX_DMAC);
    capture(0, 0x1000);
    EXPECT(counts(0, 0x1000));
}

static void unlimited_never_loses(void)
{
    uint64_t begin;

    setup(0);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    begin = t.now;
    capture(0, 0x1000);
    /* 64 bits every 10 ns */
    EXPECT(t.now - begin >= 5120 && t.now - begin < 6000);
    step(1000000000);
    capture(0x1000, 0x1000);
    EXPECT(counts(0, 0x2000));
    EXPECT_EQ(word(0), 0);
    EXPECT_EQ(ctrl64(FMC2_LOST), 0);
    EXPECT_EQ(ctrl64(FMC2_POSITION), 0x2000);
    EXPECT_EQ(ui_status(), 0);
}

static void core_in_reset_is_silent(void)
{
    setup(RATE);
    bring_up_adc(0xf);
    wr(FMCOMMS2_CORE, AXI_CONV_RSTN, 0);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    EXPECT(no_end_in_sight());
    step(1000000);
    wr(FMCOMMS2_CORE, AXI_CONV_RSTN, 3);
    finish(FMCOMMS2_RX_DMAC);
    EXPECT_EQ(word(0), 0);
    EXPECT(counts(0, 0x1000));
}

static void board_reset(void)
{
    setup(RATE);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x100000);
    step(10000);
    fmcomms2_reset(&t.b, t.now);
    EXPECT_EQ(ctrl64(FMC2_POSITION), 0);
    EXPECT_EQ(ctrl64(FMC2_LOST), 0);
    EXPECT_EQ(ui_status(), 0);
    EXPECT(no_end_in_sight());
    bring_up_adc(0x3);
    start_dma(FMCOMMS2_RX_DMAC);
    capture(0, 0x1000);
    EXPECT(counts(0, 0x1000));
    EXPECT(word(0) < 40);
}

/* Twelve bits a sample, highest first, of x^9 + x^5 + 1 */
static void pn9_on_channel_0(void)
{
    uint8_t bits[12 * 1000];
    uint32_t i, k, v;

    setup(RATE);
    bring_up_adc(0xf);
    wr(FMCOMMS2_CTRL, FMC2_PATTERN, AXI_ADC_PNX);
    start_dma(FMCOMMS2_RX_DMAC);
    capture(0, 8000);
    for (i = 0; i < 1000; i++) {
        v = sample(4 * i);
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
    bring_up_adc(0xf);
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
    bring_up_adc(0x3);
    wr(FMCOMMS2_CTRL, FMC2_PATTERN, AXI_ADC_BIST);
    start_dma(FMCOMMS2_RX_DMAC);
    capture(0, 8000);
    for (i = 0, x = 0; i < 2000; i++) {
        q = sample(2 * i + 1);
        for (k = 0, r = 0; k < 12; k++) {
            r |= (q >> k & 1) << (11 - k);
        }
        y = (sample(2 * i) & 0xfffu) << 4 | (r & 15);
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
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x10000);
    step(10000);
    wr(FMCOMMS2_CTRL, FMC2_RX_OVERFLOW_BYTES, 4096);
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, FMC2_FAULT_OVERFLOW);
    EXPECT_EQ(rd(FMCOMMS2_CORE, AXI_CONV_UI_STATUS), AXI_ADC_UI_OVF);
    EXPECT_EQ(ctrl64(FMC2_LOST), 4096);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_OVERFLOWS), 1);
    finish(FMCOMMS2_RX_DMAC);
    EXPECT_EQ(word(0xfffc) - word(0), 0x4000 - 1 + 1024);
    /* In one piece, and where the stream was by then: after 10 us, 4915 bytes */
    EXPECT(counts(0, 4700));
    EXPECT(counts(5000, 0x10000 - 5000));
}

static void faults_are_taken_once(void)
{
    setup(0);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    wr(FMCOMMS2_CTRL, FMC2_RX_EARLY_BYTES, 512);
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, FMC2_FAULT_EARLY_END | FMC2_FAULT_BUS_ERROR);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_FAULT), FMC2_FAULT_EARLY_END | FMC2_FAULT_BUS_ERROR);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    step(500);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_FAULT), 0);
    finish(FMCOMMS2_RX_DMAC);
    EXPECT_EQ(rd(FMCOMMS2_RX_DMAC, AXI_DMAC_PARTIAL_LEN), 512);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_BUS_ERRORS), 4);
    capture(0, 0x1000);
    EXPECT(counts(0, 0x1000));
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_TRANSFERS), 2);
}

static void faults_can_be_taken_back(void)
{
    setup(0);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, FMC2_FAULT_HANG | FMC2_FAULT_EARLY_END | FMC2_FAULT_LATE_IRQ);
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, 0);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_FAULT), 0);
    capture(0, 0x1000);
    EXPECT_EQ(rd(FMCOMMS2_RX_DMAC, AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(counts(0, 0x1000));
    /* What a transfer has taken is its own. */
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, FMC2_FAULT_HANG);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    step(500);
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, 0);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_FAULT), FMC2_FAULT_HANG);
    EXPECT(no_end_in_sight());
}

static void fault_hang_shows_until_abort(void)
{
    setup(0);
    bring_up_adc(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    wr(FMCOMMS2_CTRL, FMC2_RX_FAULT, FMC2_FAULT_HANG);
    submit(FMCOMMS2_RX_DMAC, 0, 0x1000);
    EXPECT(no_end_in_sight());
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_RX_FAULT), FMC2_FAULT_HANG);
    wr(FMCOMMS2_RX_DMAC, AXI_DMAC_CTRL, 0);
    step(2000);
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

static struct {
    uint64_t frame[8192];
    uint64_t n;
} out;

static void put_out(void *opaque, uint64_t frame, uint64_t values)
{
    (void)opaque;
    (void)frame;
    if (out.n < ARRAY_SIZE(out.frame)) {
        out.frame[out.n++] = values;
    }
}

static void bring_up_dac(unsigned int mask)
{
    unsigned int c;

    memset(&out, 0, sizeof(out));
    t.b.dac.tx.out = put_out;
    wr(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET + AXI_CONV_RSTN, 3);
    for (c = 0; c < 4; c++) {
        if (mask >> c & 1) {
            wr(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET + AXI_CONV_CHAN(c, AXI_DAC_CHAN_CNTRL_7), AXI_DAC_SEL_DMA);
        }
    }
}

/* 16-bit values that count from 1 on */
static void fill_memory(uint32_t len)
{
    uint16_t v;
    uint32_t i;

    for (i = 0; i < len; i += 2) {
        v = (uint16_t)(i / 2 + 1);
        memcpy(t.mem + i, &v, 2);
    }
}

static uint64_t hash_of_memory(uint32_t len)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325), w;
    uint32_t i;

    for (i = 0; i < len; i += 8) {
        memcpy(&w, t.mem + i, 8);
        h = (h ^ w) * UINT64_C(0x100000001b3);
    }
    return h;
}

/* The frames that were put out from the first new one on: each value of memory once, in its channel */
static void expect_frames(unsigned int mask, uint32_t values)
{
    uint64_t f;
    unsigned int c;
    uint32_t v = 1;

    for (f = 0; f < out.n && !out.frame[f]; f++) {
    }
    for (; f < out.n && v <= values; f++) {
        for (c = 0; c < 4; c++) {
            if ((uint16_t)(out.frame[f] >> 16 * c) != (mask >> c & 1 ? (uint16_t)v++ : 0)) {
                ktap_fail(__FILE__, __LINE__, "not the next value of the next channel");
                return;
            }
        }
    }
    EXPECT(v > values);
}

static uint32_t dac_ui_status(void)
{
    return rd(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET + AXI_CONV_UI_STATUS);
}

static void clear_dac_ui_status(void)
{
    wr(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET + AXI_CONV_UI_STATUS, 1);
}

static void transmit(void)
{
    unsigned int mask;
    uint64_t begin, ns;

    for (mask = 1; mask < 16; mask++) {
        setup(2000000);
        wr(FMCOMMS2_CTRL, FMC2_RATE, 1000000);
        fill_memory(0x1800);
        bring_up_dac(mask);
        start_dma(FMCOMMS2_TX_DMAC);
        begin = t.now;
        submit(FMCOMMS2_TX_DMAC, 0, 0xc00);
        submit(FMCOMMS2_TX_DMAC, 0xc00, 0xc00);
        finish(FMCOMMS2_TX_DMAC);
        finish(FMCOMMS2_TX_DMAC);
        ns = 0x1800 / 2 / (unsigned int)__builtin_popcount(mask) * 1000;
        EXPECT(t.now - begin > ns - 5000 && t.now - begin < ns + 15000);
        EXPECT_EQ(ctrl64(FMC2_TX_BYTES), 0x1800);
        EXPECT_EQ(ctrl64(FMC2_TX_HASH), hash_of_memory(0x1800));
        step(100000);
        EXPECT_EQ(ctrl64(FMC2_TX_REPEATED), 0);
        expect_frames(mask, 0xc00);
        EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_TX_UNDERFLOWS), 0);
    }
    wr(FMCOMMS2_CTRL, FMC2_TX_CLEAR, 1);
    EXPECT_EQ(ctrl64(FMC2_TX_BYTES), 0);
    EXPECT_EQ(ctrl64(FMC2_TX_HASH), UINT64_C(0xcbf29ce484222325));
}

static void transmit_at_line_rate(void)
{
    uint32_t i;

    setup(RATE);
    fill_memory(0x8000);
    bring_up_dac(0xf);
    start_dma(FMCOMMS2_TX_DMAC);
    submit(FMCOMMS2_TX_DMAC, 0, 0x1000);
    submit(FMCOMMS2_TX_DMAC, 0x1000, 0x1000);
    step(2000);
    clear_dac_ui_status();
    for (i = 2; i < 8; i++) {
        finish(FMCOMMS2_TX_DMAC);
        submit(FMCOMMS2_TX_DMAC, i * 0x1000, 0x1000);
    }
    finish(FMCOMMS2_TX_DMAC);
    EXPECT_EQ(dac_ui_status(), 0);
    finish(FMCOMMS2_TX_DMAC);
    step(10000);
    EXPECT_EQ(dac_ui_status(), AXI_DAC_UI_UNF);
    EXPECT_EQ(ctrl64(FMC2_TX_HASH), hash_of_memory(0x8000));
    EXPECT_EQ(ctrl64(FMC2_TX_REPEATED), 0);
    expect_frames(0xf, 0x4000);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_TX_UNDERFLOWS), 0);
}

/* In a gap, and after the end, the last 32 frames come again and again, and the flag cannot be cleared. */
static void transmit_gap(void)
{
    uint64_t i, last;

    setup(RATE);
    fill_memory(0x2000);
    bring_up_dac(0xf);
    start_dma(FMCOMMS2_TX_DMAC);
    submit(FMCOMMS2_TX_DMAC, 0, 0x1000);
    finish(FMCOMMS2_TX_DMAC);
    step(5000);
    clear_dac_ui_status();
    step(1000);
    EXPECT_EQ(dac_ui_status(), AXI_DAC_UI_UNF);
    submit(FMCOMMS2_TX_DMAC, 0x1000, 0x1000);
    finish(FMCOMMS2_TX_DMAC);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_TX_UNDERFLOWS), 1);
    step(5000);
    /* 6 us and what it takes to begin, in frames */
    EXPECT(ctrl64(FMC2_TX_REPEATED) >= 368 && ctrl64(FMC2_TX_REPEATED) < 368 + 130);
    EXPECT_EQ(ctrl64(FMC2_TX_HASH), hash_of_memory(0x2000));
    for (i = 1; i < out.n && (uint16_t)out.frame[i] != 4 * 511 + 1; i++) {
    }
    for (last = i; i < last + 350; i++) {
        EXPECT_EQ((uint16_t)out.frame[i], 4 * (511 - (31 - (i - last + 31) % 32)) + 1);
    }
    for (; i < out.n && (uint16_t)out.frame[i] != 4 * 512 + 1; i++) {
    }
    for (last = i; i < last + 512; i++) {
        EXPECT_EQ((uint16_t)out.frame[i], 4 * (512 + i - last) + 1);
    }
}

/* An end is no gap. */
static void transmit_twice(void)
{
    uint32_t i;

    setup(RATE);
    fill_memory(0x1000);
    bring_up_dac(0x3);
    for (i = 0; i < 3; i++) {
        start_dma(FMCOMMS2_TX_DMAC);
        submit(FMCOMMS2_TX_DMAC, 0, 0x1000);
        finish(FMCOMMS2_TX_DMAC);
        step(20000);
        wr(FMCOMMS2_TX_DMAC, AXI_DMAC_CTRL, 0);
        step(20000);
    }
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_TX_UNDERFLOWS), 0);
    EXPECT_EQ(ctrl64(FMC2_TX_REPEATED), 0);
    EXPECT_EQ(ctrl64(FMC2_TX_BYTES), 0x3000);
}

static void transmit_without_rate(void)
{
    setup(0);
    fill_memory(0x2000);
    bring_up_dac(0x7);
    start_dma(FMCOMMS2_TX_DMAC);
    submit(FMCOMMS2_TX_DMAC, 0, 0x1800);
    finish(FMCOMMS2_TX_DMAC);
    EXPECT(t.now < 0x1800 / 8 * 10 + 2000);
    expect_frames(0x7, 0xc00);
    step(1000000);
    EXPECT_EQ(dac_ui_status(), 0);
}

static void transmit_needs_the_channel(void)
{
    setup(1000000);
    bring_up_dac(0xf);
    wr(FMCOMMS2_CORE, FMCOMMS2_DAC_OFFSET + AXI_CONV_RSTN, 0);
    start_dma(FMCOMMS2_TX_DMAC);
    submit(FMCOMMS2_TX_DMAC, 0, 0x10000);
    EXPECT(no_end_in_sight());
    EXPECT_EQ(ctrl64(FMC2_TX_BYTES), 0);
}

static void transmit_cyclic(void)
{
    uint64_t n, i;

    setup(1000000);
    fill_memory(0x1000);
    bring_up_dac(0xf);
    start_dma(FMCOMMS2_TX_DMAC);
    wr(FMCOMMS2_TX_DMAC, AXI_DMAC_X_LENGTH, 0xfff);
    wr(FMCOMMS2_TX_DMAC, AXI_DMAC_FLAGS, AXI_DMAC_FLAG_CYCLIC | AXI_DMAC_FLAG_LAST);
    wr(FMCOMMS2_TX_DMAC, AXI_DMAC_START_TRANSFER, 1);
    step(5000000);
    EXPECT_EQ(rd(FMCOMMS2_TX_DMAC, AXI_DMAC_IRQ_SOURCE), 0);
    /* 5 ms at 8 bytes/us, in whole bursts */
    n = ctrl64(FMC2_TX_BYTES);
    EXPECT(n <= 40000 && n >= 40000 - 512);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_TX_UNDERFLOWS), 0);
    EXPECT_EQ(ctrl64(FMC2_TX_REPEATED), 0);
    for (i = 0; i < out.n && !out.frame[i]; i++) {
    }
    for (n = i; i < out.n; i++) {
        EXPECT_EQ((uint16_t)out.frame[i], 4 * ((i - n) % 512) + 1);
    }
}

/* The count of the words, and of those that have not gone on with it */
static void transmit_counter(void)
{
    uint32_t i, v;

    setup(1000000);
    for (i = 0; i < 0x800; i++) {
        v = i < 0x400 ? i + 5 : i + 9;
        memcpy(t.mem + 4 * i, &v, sizeof(v));
    }
    bring_up_dac(0xf);
    start_dma(FMCOMMS2_TX_DMAC);
    wr(FMCOMMS2_CTRL, FMC2_TX_COUNT, 5);
    submit(FMCOMMS2_TX_DMAC, 0, 0x2000);
    finish(FMCOMMS2_TX_DMAC);
    EXPECT_EQ(ctrl64(FMC2_TX_JUMPS), 1);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_TX_COUNT), 0x809);
    step(1000000);
    submit(FMCOMMS2_TX_DMAC, 0, 0x2000);
    finish(FMCOMMS2_TX_DMAC);
    EXPECT_EQ(ctrl64(FMC2_TX_JUMPS), 3);
    EXPECT(ctrl64(FMC2_TX_REPEATED) > 0);
    EXPECT_EQ(ctrl64(FMC2_TX_LOST), 8 * ctrl64(FMC2_TX_REPEATED));
    wr(FMCOMMS2_CTRL, FMC2_TX_CLEAR, 1);
    EXPECT_EQ(ctrl64(FMC2_TX_JUMPS) + ctrl64(FMC2_TX_LOST), 0);
}

/* Nothing goes out meanwhile, though the DMA controller can be stopped, and nothing is missing after it. */
static void transmit_hold(void)
{
    setup(RATE);
    fill_memory(0x8000);
    bring_up_dac(0xf);
    start_dma(FMCOMMS2_TX_DMAC);
    submit(FMCOMMS2_TX_DMAC, 0, 0x8000);
    step(20000);
    wr(FMCOMMS2_CTRL, FMC2_TX_HOLD, 1);
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_TX_HOLD), 1);
    EXPECT(ctrl64(FMC2_TX_BYTES) < 0x4000);
    step(1000000);
    EXPECT(ctrl64(FMC2_TX_BYTES) < 0x4000);
    EXPECT(no_end_in_sight());
    wr(FMCOMMS2_CTRL, FMC2_TX_HOLD, 0);
    finish(FMCOMMS2_TX_DMAC);
    step(10000);
    EXPECT_EQ(ctrl64(FMC2_TX_HASH), hash_of_memory(0x8000));
    EXPECT_EQ(rd(FMCOMMS2_CTRL, FMC2_TX_UNDERFLOWS), 0);
    EXPECT_EQ(ctrl64(FMC2_TX_REPEATED), 0);
    expect_frames(0xf, 0x4000);

    wr(FMCOMMS2_CTRL, FMC2_TX_HOLD, 1);
    submit(FMCOMMS2_TX_DMAC, 0, 0x8000);
    EXPECT(no_end_in_sight());
    wr(FMCOMMS2_TX_DMAC, AXI_DMAC_CTRL, 0);
    step(10000);
    EXPECT_EQ(rd(FMCOMMS2_TX_DMAC, AXI_DMAC_DBG_STATUS) & 7, 1);
}

/* What is held stays so through a reset of the core. */
static void transmit_hold_is_kept(void)
{
    setup(RATE);
    wr(FMCOMMS2_CTRL, FMC2_TX_HOLD, 1);
    bring_up_dac(0xf);
    start_dma(FMCOMMS2_TX_DMAC);
    submit(FMCOMMS2_TX_DMAC, 0, 0x1000);
    step(100000);
    EXPECT_EQ(ctrl64(FMC2_TX_BYTES), 0);
    wr(FMCOMMS2_CTRL, FMC2_TX_HOLD, 0);
    finish(FMCOMMS2_TX_DMAC);
    EXPECT_EQ(ctrl64(FMC2_TX_BYTES), 0x1000);
}

static void both_directions(void)
{
    setup(RATE);
    bring_up_adc(0xf);
    bring_up_dac(0xf);
    start_dma(FMCOMMS2_RX_DMAC);
    start_dma(FMCOMMS2_TX_DMAC);
    submit(FMCOMMS2_RX_DMAC, 0, 0x8000);
    submit(FMCOMMS2_TX_DMAC, 0x10000, 0x8000);
    step(80000);
    EXPECT(t.irq[FMCOMMS2_RX]);
    EXPECT(t.irq[FMCOMMS2_TX]);
    EXPECT_EQ(rd(FMCOMMS2_RX_DMAC, AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(rd(FMCOMMS2_TX_DMAC, AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(ctrl64(FMC2_TX_BYTES), 0x8000);
}

/* The same accesses at the same times give the same bytes, however often time is asked for */
static uint32_t one_run(uint64_t tick)
{
    uint32_t sum = 0, i;
    uint64_t end;

    setup(RATE);
    fill_memory(MEM_SIZE);
    bring_up_adc(0x7);
    bring_up_dac(0x3);
    start_dma(FMCOMMS2_RX_DMAC);
    start_dma(FMCOMMS2_TX_DMAC);
    for (i = 0; i < 50; i++) {
        submit(FMCOMMS2_RX_DMAC, i * 0x1000, 0x1000);
        submit(FMCOMMS2_TX_DMAC, 0x80000 + i * 0x800, 0x800);
        for (end = t.now + 13000; t.now < end; ) {
            step(tick);
            rd(FMCOMMS2_RX_DMAC, AXI_DMAC_PROGRESS);
            rd(FMCOMMS2_CTRL, FMC2_TX_REPEATED);
        }
        wr(FMCOMMS2_RX_DMAC, AXI_DMAC_IRQ_PENDING, 3);
        wr(FMCOMMS2_TX_DMAC, AXI_DMAC_IRQ_PENDING, 3);
    }
    for (i = 0; i < 50 * 0x1000; i += 4) {
        sum = sum * 31 + word(i);
    }
    for (i = 0; i < out.n; i++) {
        sum = sum * 31 + (uint32_t)(out.frame[i] ^ out.frame[i] >> 32);
    }
    EXPECT(ctrl64(FMC2_LOST) > 0);
    return sum + (uint32_t)ctrl64(FMC2_LOST) + rd(FMCOMMS2_CTRL, FMC2_OVERFLOWS) + (uint32_t)ctrl64(FMC2_TX_REPEATED);
}

static void repeatable(void)
{
    uint32_t a = one_run(13000);

    EXPECT_EQ(one_run(13000), a);
    EXPECT_EQ(one_run(1000), a);
    EXPECT_EQ(one_run(100), a);
}

static void bad_configurations(void)
{
    struct fmcomms2_config c;
    struct fmcomms2 b;

    fmcomms2_default_config(&c);
    c.pattern = 4;
    EXPECT(fmcomms2_init(&b, &c, &ops, NULL));
    fmcomms2_default_config(&c);
    c.fifo_bursts = 3;
    EXPECT(fmcomms2_init(&b, &c, &ops, NULL));
    fmcomms2_default_config(&c);
    c.rx_width = 3;
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
        T(designs), T(default_is_the_newest), T(adc_registers), T(dac_registers), T(dac_registers_9_1),
        T(control_registers), T(core_status), T(line_rate_2022), T(line_rate_2026), T(long_idle_loses_everything),
        T(short_idle_loses_everything), T(idle_dma_overflows), T(every_gap_is_its_own), T(loss_is_whole_beats),
        T(losses_are_of_a_run), T(stop_in_a_transfer), T(sets_of_channels), T(no_channels_no_data),
        T(three_channels_2022), T(three_channels_2023), T(three_channels_in_whole_scans),
        T(rate_change_keeps_the_stream), T(hold_loses_nothing), T(hold_is_kept),
        T(stall_keeps_the_core_from_stopping), T(unlimited_never_loses), T(core_in_reset_is_silent), T(board_reset), T(pn9_on_channel_0), T(pn_monitor), T(bist_pattern),
        T(fault_overflow), T(faults_are_taken_once), T(faults_can_be_taken_back), T(fault_hang_shows_until_abort),
        T(fault_spurious), T(transmit), T(transmit_at_line_rate), T(transmit_gap), T(transmit_twice),
        T(transmit_without_rate), T(transmit_needs_the_channel), T(transmit_cyclic), T(transmit_counter),
        T(transmit_hold), T(transmit_hold_is_kept), T(both_directions),
        T(repeatable), T(bad_configurations),
    };

    return ktap_run(tests, ARRAY_SIZE(tests));
}
