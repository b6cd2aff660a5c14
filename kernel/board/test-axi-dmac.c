// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of the AXI-DMAC model: registers, queue, traps, faults, random accesses
 *
 * The stream of these tests is the simplest there is: one byte per nanosecond,
 * byte n has the value n mod 251, nothing is ever lost.
 */
#include "axi-dmac.h"
#include "ktap.h"

#include <stdlib.h>

#define MEM_BASE        0x10000000u
#define MEM_SIZE        0x40000u
#define ARRAY_SIZE(a)   (sizeof(a) / sizeof((a)[0]))

static struct {
    struct axi_dmac s;
    uint8_t mem[MEM_SIZE];
    bool irq;
    unsigned int irq_edges;
    uint64_t now;
    uint64_t moved, base;       /* stream: bytes moved, time of byte 0 */
    bool stopped;               /* stream stands still */
    bool enabled, draining;
    uint64_t sunk;              /* sum of bytes that went out */
} t;

static bool in_mem(uint64_t addr, size_t len)
{
    return addr >= MEM_BASE && addr - MEM_BASE <= MEM_SIZE && len <= MEM_SIZE - (addr - MEM_BASE);
}

static bool mem_read(void *o, uint64_t addr, void *buf, size_t len)
{
    (void)o;
    if (!in_mem(addr, len)) {
        return false;
    }
    memcpy(buf, t.mem + (addr - MEM_BASE), len);
    return true;
}

static bool mem_write(void *o, uint64_t addr, const void *buf, size_t len)
{
    (void)o;
    if (!in_mem(addr, len)) {
        return false;
    }
    memcpy(t.mem + (addr - MEM_BASE), buf, len);
    return true;
}

static void irq(void *o, bool level)
{
    (void)o;
    t.irq = level;
    t.irq_edges++;
}

static const struct axi_dmac_ops ops = { mem_read, mem_write, irq };

static void st_enable(void *o, bool on, uint64_t now)
{
    (void)o;
    (void)now;
    t.enabled = on;
}

static void st_begin(void *o, uint64_t now)
{
    (void)o;
    if (!t.draining) {
        t.base = now - t.moved;
    }
    t.draining = true;
}

static void st_end(void *o, uint64_t now)
{
    (void)o;
    (void)now;
    t.draining = false;
}

static uint64_t st_when(void *o, uint64_t bytes)
{
    (void)o;
    return t.stopped ? AXI_DMAC_NEVER : t.base + t.moved + bytes;
}

static uint64_t st_avail(void *o, uint64_t now)
{
    (void)o;
    return t.stopped || now < t.base + t.moved ? 0 : now - t.base - t.moved;
}

static void st_move(void *o, void *buf, size_t len)
{
    uint8_t *p = buf;
    size_t i;

    (void)o;
    for (i = 0; i < len; i++) {
        if (t.s.cfg.src_type == AXI_DMAC_BUS_MEMORY) {
            t.sunk += p[i];
        } else {
            p[i] = (t.moved + i) % 251;
        }
    }
    t.moved += len;
}

static const struct axi_dmac_stream stream = { NULL, st_enable, st_begin, st_end, st_when, st_avail, st_move };

static const struct axi_dmac_config rx_cfg = {
    .version = AXI_DMAC_VERSION(4, 3, 'a'), .src_type = AXI_DMAC_BUS_FIFO, .dst_type = AXI_DMAC_BUS_MEMORY,
    .src_width = 8, .dst_width = 8, .length_width = 24, .addr_width = 32, .queue = 3, .burst = 128,
};

static void setup(const struct axi_dmac_config *cfg)
{
    const char *err;

    memset(&t, 0, sizeof(t));
    err = axi_dmac_init(&t.s, cfg, &ops, NULL);
    if (err) {
        ktap_fail(__FILE__, __LINE__, err);
        return;
    }
    axi_dmac_connect(&t.s, &stream);
}

static void setup_rx(void)
{
    setup(&rx_cfg);
}

static void setup_tx(void)
{
    struct axi_dmac_config c = rx_cfg;

    c.src_type = AXI_DMAC_BUS_MEMORY;
    c.dst_type = AXI_DMAC_BUS_STREAM;
    c.cyclic = true;
    setup(&c);
}

static void setup_sg(void)
{
    struct axi_dmac_config c = rx_cfg;

    c.version = AXI_DMAC_VERSION(4, 5, 'a');
    c.sg = true;
    c.addr_width = 40;
    setup(&c);
}

static uint32_t rd(uint32_t off)
{
    uint32_t v = axi_dmac_read(&t.s, off, t.now);
    const char *err = axi_dmac_check(&t.s);

    if (err) {
        ktap_fail(__FILE__, __LINE__, err);
    }
    return v;
}

static void wr(uint32_t off, uint32_t v)
{
    const char *err;

    axi_dmac_write(&t.s, off, v, t.now);
    err = axi_dmac_check(&t.s);
    if (err) {
        ktap_fail(__FILE__, __LINE__, err);
    }
}

static void step(uint64_t ns)
{
    const char *err;

    t.now += ns;
    axi_dmac_advance(&t.s, t.now);
    err = axi_dmac_check(&t.s);
    if (err) {
        ktap_fail(__FILE__, __LINE__, err);
    }
}

/* As the driver does: START only after it was seen to be free */
static void submit(uint32_t addr, uint32_t len, uint32_t flags)
{
    wr(AXI_DMAC_DEST_ADDRESS, addr);
    wr(AXI_DMAC_SRC_ADDRESS, addr);
    wr(AXI_DMAC_X_LENGTH, len - 1);
    wr(AXI_DMAC_FLAGS, flags);
    wr(AXI_DMAC_START_TRANSFER, 1);
}

static void start_engine(void)
{
    wr(AXI_DMAC_IRQ_MASK, 0);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
}

static bool stream_is(uint32_t addr, uint64_t first, uint64_t len)
{
    uint64_t i;

    for (i = 0; i < len; i++) {
        if (t.mem[addr - MEM_BASE + i] != (first + i) % 251) {
            return false;
        }
    }
    return true;
}

/* Registers */

struct reg_row {
    const char *name;
    uint32_t off, reset, writable;
};

static void check_regs(const struct reg_row *rows, size_t n)
{
    uint32_t seen[AXI_DMAC_MAP_SIZE / 4] = { 0 };
    uint32_t off;
    size_t i;

    for (i = 0; i < n; i++) {
        uint32_t got = rd(rows[i].off);

        seen[rows[i].off / 4] = 1;
        if (got != rows[i].reset) {
            printf("# %s resets to 0x%x, not 0x%x\n", rows[i].name, got, rows[i].reset);
            ktap_failed = true;
        }
    }
    for (i = 0; i < n; i++) {
        uint32_t fixed = rows[i].reset & ~rows[i].writable, got;

        if (rows[i].off == AXI_DMAC_CTRL) {
            continue;
        }
        wr(rows[i].off, UINT32_MAX);
        got = rd(rows[i].off);
        if (got != (rows[i].writable | fixed)) {
            printf("# %s reads 0x%x after all ones, not 0x%x\n", rows[i].name, got, rows[i].writable | fixed);
            ktap_failed = true;
        }
        wr(rows[i].off, 0);
        EXPECT_EQ(rd(rows[i].off), fixed);
    }
    /* What is not in the table reads 0 and stays so */
    for (off = 0; off < AXI_DMAC_MAP_SIZE; off += 4) {
        if (!seen[off / 4]) {
            wr(off, UINT32_MAX);
            EXPECT_EQ(rd(off), 0);
        }
    }
    EXPECT_EQ(t.irq_edges, 0);
}

#define COMMON_ROWS(version, desc) \
    { "VERSION", AXI_DMAC_VERSION_REG, version, 0 }, \
    { "ID", AXI_DMAC_ID, 0, 0 }, \
    { "SCRATCH", AXI_DMAC_SCRATCH, 0, UINT32_MAX }, \
    { "IDENT", AXI_DMAC_IDENT, 0x444d4143, 0 }, \
    { "INTERFACE_DESC", AXI_DMAC_INTERFACE_DESC, desc, 0 }, \
    { "IRQ_MASK", AXI_DMAC_IRQ_MASK, 3, 3 }, \
    { "IRQ_PENDING", AXI_DMAC_IRQ_PENDING, 0, 0 }, \
    { "IRQ_SOURCE", AXI_DMAC_IRQ_SOURCE, 0, 0 }, \
    { "CTRL", AXI_DMAC_CTRL, 0, 3 }, \
    { "TRANSFER_ID", AXI_DMAC_TRANSFER_ID, 0, 0 }, \
    { "START_TRANSFER", AXI_DMAC_START_TRANSFER, 0, 0 }, \
    { "TRANSFER_DONE", AXI_DMAC_TRANSFER_DONE, 0, 0 }, \
    { "ACTIVE_ID", AXI_DMAC_ACTIVE_ID, 0, 0 }, \
    { "STATUS", AXI_DMAC_STATUS, 0, 0 }, \
    { "CURRENT_DEST", AXI_DMAC_CURRENT_DEST, 0, 0 }, \
    { "CURRENT_SRC", AXI_DMAC_CURRENT_SRC, 0, 0 }, \
    { "PROGRESS", AXI_DMAC_PROGRESS, 0, 0 }, \
    { "PARTIAL_LEN", AXI_DMAC_PARTIAL_LEN, 0, 0 }, \
    { "PARTIAL_ID", AXI_DMAC_PARTIAL_ID, 0, 0 }, \
    { "DESCRIPTOR_ID", AXI_DMAC_DESCRIPTOR_ID, 0, 0 }

static void regs_rx_4_3_a(void)
{
    static const struct reg_row rows[] = {
        COMMON_ROWS(0x00040361, 0x00072303),
        { "COHERENCY_DESC", AXI_DMAC_COHERENCY_DESC, 0, 0 },
        { "FLAGS", AXI_DMAC_FLAGS, 2, 6 },
        { "DEST_ADDRESS", AXI_DMAC_DEST_ADDRESS, 0, 0xfffffff8 },
        { "SRC_ADDRESS", AXI_DMAC_SRC_ADDRESS, 0, 0 },
        { "X_LENGTH", AXI_DMAC_X_LENGTH, 7, 0x00fffff8 },
        { "Y_LENGTH", AXI_DMAC_Y_LENGTH, 0, 0 },
        { "DEST_STRIDE", AXI_DMAC_DEST_STRIDE, 0, 0 },
        { "SRC_STRIDE", AXI_DMAC_SRC_STRIDE, 0, 0 },
        { "SG_ADDRESS", AXI_DMAC_SG_ADDRESS, 0, 0 },
    };

    setup_rx();
    check_regs(rows, ARRAY_SIZE(rows));
}

static void regs_rx_4_5_a_sg_2d(void)
{
    static const struct reg_row rows[] = {
        COMMON_ROWS(0x00040561, 0x00081304),
        { "COHERENCY_DESC", AXI_DMAC_COHERENCY_DESC, 0x2f1, 0 },
        { "FLAGS", AXI_DMAC_FLAGS, 2, 6 },
        { "DEST_ADDRESS", AXI_DMAC_DEST_ADDRESS, 0, 0xfffffff0 },
        { "SRC_ADDRESS", AXI_DMAC_SRC_ADDRESS, 0, 0 },
        { "X_LENGTH", AXI_DMAC_X_LENGTH, 7, 0x0000fff8 },
        { "Y_LENGTH", AXI_DMAC_Y_LENGTH, 0, 0x0000ffff },
        { "DEST_STRIDE", AXI_DMAC_DEST_STRIDE, 0, 0x0000fff0 },
        { "SRC_STRIDE", AXI_DMAC_SRC_STRIDE, 0, 0x0000fff8 },
        { "SG_ADDRESS", AXI_DMAC_SG_ADDRESS, 0, 0xfffffff8 },
        { "DEST_ADDRESS_HIGH", AXI_DMAC_DEST_ADDRESS_HIGH, 0, 0xff },
        { "SRC_ADDRESS_HIGH", AXI_DMAC_SRC_ADDRESS_HIGH, 0, 0 },
        { "CURRENT_DEST_HIGH", AXI_DMAC_CURRENT_DEST_HIGH, 0, 0 },
        { "CURRENT_SRC_HIGH", AXI_DMAC_CURRENT_SRC_HIGH, 0, 0 },
        { "SG_ADDRESS_HIGH", AXI_DMAC_SG_ADDRESS_HIGH, 0, 0xff },
    };
    struct axi_dmac_config c = rx_cfg;

    c.version = AXI_DMAC_VERSION(4, 5, 'a');
    c.src_type = AXI_DMAC_BUS_STREAM;
    c.dst_width = 16;
    c.length_width = 16;
    c.addr_width = 40;
    c.burst = 256;
    c.sg = true;
    c.two_d = true;
    c.coherent = true;
    setup(&c);
    check_regs(rows, ARRAY_SIZE(rows));
    wr(AXI_DMAC_CTRL, UINT32_MAX);
    EXPECT_EQ(rd(AXI_DMAC_CTRL), 7);
}

static void regs_tx_cyclic(void)
{
    static const struct reg_row rows[] = {
        COMMON_ROWS(0x00040361, 0x00070313),
        { "FLAGS", AXI_DMAC_FLAGS, 3, 7 },
        { "DEST_ADDRESS", AXI_DMAC_DEST_ADDRESS, 0, 0 },
        { "SRC_ADDRESS", AXI_DMAC_SRC_ADDRESS, 0, 0xfffffff8 },
        { "X_LENGTH", AXI_DMAC_X_LENGTH, 7, 0x00fffff8 },
    };

    setup_tx();
    check_regs(rows, ARRAY_SIZE(rows));
}

static void regs_before_4_1_a(void)
{
    static const struct reg_row rows[] = {
        COMMON_ROWS(0x00040061, 0),
        { "FLAGS", AXI_DMAC_FLAGS, 2, 2 },
        { "DEST_ADDRESS", AXI_DMAC_DEST_ADDRESS, 0, 0xfffffff8 },
        { "X_LENGTH", AXI_DMAC_X_LENGTH, 0, 0x00ffffff },
    };
    struct axi_dmac_config c = rx_cfg;

    c.version = AXI_DMAC_VERSION(4, 0, 'a');
    setup(&c);
    check_regs(rows, ARRAY_SIZE(rows));
}

static void regs_map_repeats(void)
{
    setup_rx();
    wr(AXI_DMAC_SCRATCH + AXI_DMAC_MAP_SIZE, 0x12345678);
    EXPECT_EQ(rd(AXI_DMAC_SCRATCH), 0x12345678);
    EXPECT_EQ(rd(AXI_DMAC_IDENT + 2 * AXI_DMAC_MAP_SIZE), AXI_DMAC_IDENT_MAGIC);
}

static void bad_configurations(void)
{
    struct axi_dmac_config c;
    struct axi_dmac s;

#define REFUSED(change) do { \
        c = rx_cfg; \
        change; \
        EXPECT(axi_dmac_init(&s, &c, &ops, NULL) != NULL); \
    } while (0)
    REFUSED(c.src_type = 3);
    REFUSED(c.dst_width = 0);
    REFUSED(c.dst_width = 1);
    REFUSED(c.src_width = 12);
    REFUSED(c.length_width = 33);
    REFUSED(c.addr_width = 31);
    REFUSED(c.queue = 4);
    REFUSED(c.queue = 0);
    REFUSED(c.burst = 4);
    REFUSED(c.burst = 100);
    REFUSED(c.sg = true);
    REFUSED(c.coherent = true);
#undef REFUSED
}

/* What probing leaves behind must start nothing, and the next transfer must not care. */
static void driver_probe(void)
{
    setup_rx();
    EXPECT_EQ(rd(AXI_DMAC_VERSION_REG), 0x00040361);
    wr(AXI_DMAC_FLAGS, AXI_DMAC_FLAG_CYCLIC);
    EXPECT_EQ(rd(AXI_DMAC_FLAGS), 0);
    wr(AXI_DMAC_SG_ADDRESS, UINT32_MAX);
    EXPECT_EQ(rd(AXI_DMAC_SG_ADDRESS), 0);
    wr(AXI_DMAC_Y_LENGTH, 1);
    EXPECT_EQ(rd(AXI_DMAC_Y_LENGTH), 0);
    wr(AXI_DMAC_X_LENGTH, UINT32_MAX);
    EXPECT_EQ(rd(AXI_DMAC_X_LENGTH), 0x00ffffff);
    wr(AXI_DMAC_DEST_ADDRESS, UINT32_MAX);
    EXPECT_EQ(rd(AXI_DMAC_DEST_ADDRESS), 0xfffffff8);
    wr(AXI_DMAC_SRC_ADDRESS, UINT32_MAX);
    EXPECT_EQ(rd(AXI_DMAC_SRC_ADDRESS), 0);
    wr(AXI_DMAC_X_LENGTH, 0);
    EXPECT_EQ(rd(AXI_DMAC_X_LENGTH), 7);
    wr(AXI_DMAC_IRQ_MASK, 0);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
    EXPECT(!t.irq);
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    step(64);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(stream_is(MEM_BASE, 0, 64));
}

/* Transfers */

static void one_transfer_in_exact_time(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE + 0x100, 4096, AXI_DMAC_FLAG_LAST);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_PENDING), AXI_DMAC_IRQ_SOT);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 1);
    wr(AXI_DMAC_IRQ_PENDING, AXI_DMAC_IRQ_SOT);
    EXPECT(!t.irq);
    EXPECT_EQ(axi_dmac_next_event(&t.s), 4096);
    step(4095);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    EXPECT(!t.irq);
    step(1);
    EXPECT(t.irq);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_PENDING), AXI_DMAC_IRQ_EOT);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 1);
    EXPECT(stream_is(MEM_BASE + 0x100, 0, 4096));
    EXPECT_EQ(t.mem[0x100 + 4096], 0);
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
}

static void late_caller_sees_the_same(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, 1000, AXI_DMAC_FLAG_LAST);
    submit(MEM_BASE + 1000, 1000, AXI_DMAC_FLAG_LAST);
    step(1000000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 3);
    EXPECT(stream_is(MEM_BASE, 0, 2000));
}

static void bus_limits_the_rate(void)
{
    struct axi_dmac_config c = rx_cfg;

    c.bus_rate = 500000000;     /* half of the stream's */
    setup(&c);
    start_engine();
    submit(MEM_BASE, 4096, AXI_DMAC_FLAG_LAST);
    EXPECT_EQ(axi_dmac_next_event(&t.s), 8192);
}

/* Trap 1: with two-bit IDs, a fourth accepted request would erase the done bit just set. */
static void queue_takes_three(void)
{
    int i;

    setup_rx();
    start_engine();
    for (i = 0; i < 4; i++) {
        submit(MEM_BASE + i * 64, 64, AXI_DMAC_FLAG_LAST);
        EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), i == 3);
        EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), i < 3 ? i + 1 : 3);
    }
    wr(AXI_DMAC_IRQ_PENDING, 3);
    step(64);
    /* Trap 2: done first, then the waiting request, at the same instant */
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 0);
    /* Trap 3: start-of-transfer is what makes the driver queue more */
    EXPECT_EQ(rd(AXI_DMAC_IRQ_PENDING), 3);
    step(3 * 64);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 15);
    EXPECT(stream_is(MEM_BASE, 0, 256));
}

static void done_bit_goes_on_accept(void)
{
    int i;

    setup_rx();
    start_engine();
    for (i = 0; i < 4; i++) {
        submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
        step(64);
    }
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 15);
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 14);
}

/* Trap 4: the line is a level, and follows the mask. */
static void irq_is_a_level(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    EXPECT(t.irq);
    wr(AXI_DMAC_IRQ_MASK, AXI_DMAC_IRQ_SOT);
    EXPECT(!t.irq);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_PENDING), 0);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), AXI_DMAC_IRQ_SOT);
    step(64);
    EXPECT(t.irq);
    wr(AXI_DMAC_IRQ_PENDING, AXI_DMAC_IRQ_SOT);
    EXPECT(t.irq);
    wr(AXI_DMAC_IRQ_MASK, 3);
    EXPECT(!t.irq);
    wr(AXI_DMAC_IRQ_MASK, 0);
    EXPECT(t.irq);
    wr(AXI_DMAC_IRQ_PENDING, AXI_DMAC_IRQ_EOT);
    EXPECT(!t.irq);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), 0);
}

static void start_needs_enable(void)
{
    setup_rx();
    wr(AXI_DMAC_START_TRANSFER, 1);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 0);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
    wr(AXI_DMAC_START_TRANSFER, 0);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), 0);
}

static void snapshot_at_accept(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    wr(AXI_DMAC_DEST_ADDRESS, MEM_BASE + 0x1000);
    wr(AXI_DMAC_X_LENGTH, 127);
    step(64);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(stream_is(MEM_BASE, 0, 64));
}

static void enable_twice_changes_nothing(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    step(32);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 1);
    step(32);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
}

static void disable_drops_everything(void)
{
    int i;

    setup_rx();
    start_engine();
    for (i = 0; i < 4; i++) {
        submit(MEM_BASE + 0x1000 * i, 0x1000, AXI_DMAC_FLAG_LAST);
    }
    step(0x1800);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    wr(AXI_DMAC_CTRL, 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 0);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 0);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 0);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), 3);
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
    EXPECT(!t.enabled);
    /* What was on the way has arrived, and nothing comes after */
    EXPECT(stream_is(MEM_BASE, 0, 0x1800));
    EXPECT_EQ(t.mem[0x1800], 0);
    memset(t.mem, 0, sizeof(t.mem));
    step(1000000);
    for (i = 0; i < 0x4000; i++) {
        if (t.mem[i]) {
            ktap_fail(__FILE__, __LINE__, "memory was written after CTRL = 0");
            break;
        }
    }
    start_engine();
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 1);
    step(64);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
}

static void pause_and_resume(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, 4096, AXI_DMAC_FLAG_LAST);
    step(1024);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE | AXI_DMAC_CTRL_PAUSE);
    EXPECT_EQ(rd(AXI_DMAC_PROGRESS), 1024);
    step(100000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    EXPECT_EQ(rd(AXI_DMAC_PROGRESS), 1024);
    EXPECT(!t.draining);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
    step(3071);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    step(1);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(stream_is(MEM_BASE, 0, 4096));
}

static void progress_and_address(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE + 0x2000, 4096, AXI_DMAC_FLAG_LAST);
    EXPECT_EQ(rd(AXI_DMAC_CURRENT_DEST), MEM_BASE + 0x2000);
    EXPECT_EQ(rd(AXI_DMAC_CURRENT_SRC), 0);
    step(1000);
    EXPECT_EQ(rd(AXI_DMAC_PROGRESS), 896);      /* whole bursts */
    EXPECT_EQ(rd(AXI_DMAC_CURRENT_DEST), MEM_BASE + 0x2000 + 896);
    step(3096);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(rd(AXI_DMAC_PROGRESS), 0);
    EXPECT(stream_is(MEM_BASE + 0x2000, 0, 4096));
}

static void stopped_stream_blocks(void)
{
    setup_rx();
    start_engine();
    t.stopped = true;
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
    step(1000000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
}

static void two_d(void)
{
    struct axi_dmac_config c = rx_cfg;
    uint32_t row;

    c.two_d = true;
    setup(&c);
    start_engine();
    wr(AXI_DMAC_DEST_STRIDE, 0x100);
    wr(AXI_DMAC_Y_LENGTH, 3);
    submit(MEM_BASE, 0x40, AXI_DMAC_FLAG_LAST);
    EXPECT_EQ(axi_dmac_next_event(&t.s), 4 * 0x40);
    step(0x90);
    EXPECT_EQ(rd(AXI_DMAC_CURRENT_DEST), MEM_BASE + 0x200);
    step(0x70);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    for (row = 0; row < 4; row++) {
        EXPECT(stream_is(MEM_BASE + row * 0x100, row * 0x40, 0x40));
        EXPECT_EQ(t.mem[row * 0x100 + 0x40], 0);
    }
}

static void memory_to_stream(void)
{
    uint64_t sum = 0;
    uint32_t i;

    setup_tx();
    for (i = 0; i < 1024; i++) {
        t.mem[i] = i * 7;
        sum += t.mem[i];
    }
    start_engine();
    submit(MEM_BASE, 1024, AXI_DMAC_FLAG_LAST);
    step(512);
    EXPECT_EQ(rd(AXI_DMAC_CURRENT_SRC), MEM_BASE + 512);
    step(512);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(t.sunk, sum);
}

static void memory_to_memory(void)
{
    struct axi_dmac_config c = rx_cfg;
    uint32_t i;

    c.src_type = AXI_DMAC_BUS_MEMORY;
    c.bus_rate = 1000000000;
    memset(&t, 0, sizeof(t));
    EXPECT(!axi_dmac_init(&t.s, &c, &ops, NULL));
    for (i = 0; i < 1024; i++) {
        t.mem[i] = i * 7;
    }
    start_engine();
    wr(AXI_DMAC_SRC_ADDRESS, MEM_BASE);
    wr(AXI_DMAC_DEST_ADDRESS, MEM_BASE + 0x1000);
    wr(AXI_DMAC_X_LENGTH, 1023);
    wr(AXI_DMAC_START_TRANSFER, 1);
    step(1024);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(!memcmp(t.mem, t.mem + 0x1000, 1024));
}

static void hardware_cyclic(void)
{
    setup_tx();
    memset(t.mem, 1, 64);
    start_engine();
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_CYCLIC | AXI_DMAC_FLAG_LAST);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 1);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 0);
    step(64 * 100);
    EXPECT_EQ(t.sunk, 6400);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 0);
    /* It must not cost the emulator an event each 64 bytes */
    EXPECT(axi_dmac_next_event(&t.s) >= t.now + 100000);
    wr(AXI_DMAC_CTRL, 0);
    step(64 * 100);
    EXPECT_EQ(t.sunk, 6400);
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
}

/* Clearing the flag lets the transfer that waits be accepted for the last time */
static void hardware_cyclic_ends_by_flag(void)
{
    setup_tx();
    start_engine();
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_CYCLIC | AXI_DMAC_FLAG_LAST);
    step(640);
    wr(AXI_DMAC_FLAGS, AXI_DMAC_FLAG_LAST);
    step(64 * 10);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 0);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), 3);
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
}

/* Partial transfers */

static void inject_early(uint32_t bytes)
{
    struct axi_dmac_faults f = { .early_end = true, .early_bytes = bytes };

    axi_dmac_inject(&t.s, &f, t.now);
}

static void partial_transfer(void)
{
    setup_rx();
    start_engine();
    inject_early(1000);
    submit(MEM_BASE, 4096, AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL);
    EXPECT_EQ(axi_dmac_next_event(&t.s), 1000);
    step(1000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), AXI_DMAC_DONE_PARTIAL | 1);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 1000);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 1000);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_ID), 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 0);
    EXPECT(stream_is(MEM_BASE, 0, 1000));
    EXPECT_EQ(t.mem[1000], 0);
    /* And the next one is whole again */
    submit(MEM_BASE, 4096, AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL);
    step(4096);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 3);
}

static void partial_not_reported_without_flag(void)
{
    setup_rx();
    start_engine();
    inject_early(512);
    submit(MEM_BASE, 4096, AXI_DMAC_FLAG_LAST);
    step(512);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
}

static void partial_drops_until_last(void)
{
    setup_rx();
    start_engine();
    inject_early(512);
    submit(MEM_BASE, 4096, AXI_DMAC_FLAG_PARTIAL);
    submit(MEM_BASE + 0x1000, 4096, AXI_DMAC_FLAG_PARTIAL);
    submit(MEM_BASE + 0x2000, 4096, AXI_DMAC_FLAG_PARTIAL | AXI_DMAC_FLAG_LAST);
    submit(MEM_BASE + 0x3000, 64, AXI_DMAC_FLAG_PARTIAL | AXI_DMAC_FLAG_LAST);
    step(512);
    /* The two that follow are over with nothing moved, the fourth is accepted and runs */
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), AXI_DMAC_DONE_PARTIAL | 7);
    EXPECT_EQ(t.mem[0x1000], 0);
    EXPECT_EQ(t.mem[0x2000], 0);
    step(64);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), AXI_DMAC_DONE_PARTIAL | 15);
    EXPECT(stream_is(MEM_BASE + 0x3000, 512, 64));
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 512);
}

static void partial_fifo_full_stalls(void)
{
    int i;

    setup_rx();
    start_engine();
    for (i = 0; i < 5; i++) {
        inject_early(64 + 8 * i);
        submit(MEM_BASE, 4096, AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL);
        step(1000);
    }
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL);
    step(1000);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 1);
    for (i = 0; i < 5; i++) {
        EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 64 + 8 * i);
        EXPECT_EQ(rd(AXI_DMAC_PARTIAL_ID), i % 4);
    }
    step(64);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 2);
    EXPECT(!(rd(AXI_DMAC_TRANSFER_DONE) & AXI_DMAC_DONE_PARTIAL));
}

/* Scatter-gather */

static void put32(uint32_t addr, uint32_t v)
{
    memcpy(t.mem + (addr - MEM_BASE), &v, 4);
}

static void put_desc(uint32_t at, uint32_t flags, uint32_t id, uint32_t dst, uint32_t next, uint32_t len)
{
    put32(at, flags);
    put32(at + 4, id);
    put32(at + 8, dst);
    put32(at + 12, 0);
    put32(at + 16, 0);
    put32(at + 20, 0);
    put32(at + 24, next);
    put32(at + 28, 0);
    put32(at + 32, 0);
    put32(at + 36, len - 1);
    put32(at + 40, 0);
    put32(at + 44, 0);
}

#define DESC(n)     (MEM_BASE + 0x30000 + (n) * 64)

static void start_sg(void)
{
    wr(AXI_DMAC_IRQ_MASK, AXI_DMAC_IRQ_SOT);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE | AXI_DMAC_CTRL_HWDESC);
}

static void submit_sg(uint32_t desc)
{
    wr(AXI_DMAC_SG_ADDRESS, desc);
    wr(AXI_DMAC_SG_ADDRESS_HIGH, 0);
    wr(AXI_DMAC_FLAGS, AXI_DMAC_FLAG_PARTIAL);
    wr(AXI_DMAC_START_TRANSFER, 1);
}

static void sg_chain(void)
{
    setup_sg();
    put_desc(DESC(0), 0, 10, MEM_BASE + 0x1000, DESC(2), 256);
    put_desc(DESC(2), 0, 11, MEM_BASE, DESC(1), 512);
    put_desc(DESC(1), AXI_DMAC_HWDESC_LAST | AXI_DMAC_HWDESC_IRQ, 12, MEM_BASE + 0x2000, 0xdead0000, 64);
    start_sg();
    submit_sg(DESC(0));
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 0);
    EXPECT(!t.irq);
    /* One event for the chain */
    EXPECT_EQ(axi_dmac_next_event(&t.s), 256 + 512 + 64);
    EXPECT_EQ(rd(AXI_DMAC_DESCRIPTOR_ID), 10);
    step(512);
    EXPECT_EQ(rd(AXI_DMAC_DESCRIPTOR_ID), 11);
    EXPECT_EQ(rd(AXI_DMAC_PROGRESS), 512);
    step(319);
    EXPECT(!t.irq);
    step(1);
    EXPECT(t.irq);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(rd(AXI_DMAC_DESCRIPTOR_ID), 0);
    EXPECT(stream_is(MEM_BASE + 0x1000, 0, 256));
    EXPECT(stream_is(MEM_BASE, 256, 512));
    EXPECT(stream_is(MEM_BASE + 0x2000, 768, 64));
}

static void sg_irq_in_the_middle(void)
{
    setup_sg();
    put_desc(DESC(0), AXI_DMAC_HWDESC_IRQ, 1, MEM_BASE, DESC(1), 256);
    put_desc(DESC(1), AXI_DMAC_HWDESC_LAST | AXI_DMAC_HWDESC_IRQ, 2, MEM_BASE + 256, 0, 256);
    start_sg();
    submit_sg(DESC(0));
    step(256);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_PENDING), AXI_DMAC_IRQ_EOT);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 1);
    wr(AXI_DMAC_IRQ_PENDING, 3);
    step(256);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_PENDING), AXI_DMAC_IRQ_EOT);
    EXPECT(stream_is(MEM_BASE, 0, 512));
}

static void sg_cyclic_chain(void)
{
    setup_sg();
    put_desc(DESC(0), 0, 1, MEM_BASE, DESC(1), 256);
    put_desc(DESC(1), AXI_DMAC_HWDESC_IRQ, 2, MEM_BASE + 256, DESC(0), 256);
    start_sg();
    submit_sg(DESC(0));
    step(512);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 1);
    step(512);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 2);
    wr(AXI_DMAC_CTRL, 0);
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
}

static void sg_chain_without_end_or_irq(void)
{
    setup_sg();
    put_desc(DESC(0), 0, 1, MEM_BASE, DESC(0), 64);
    start_sg();
    submit_sg(DESC(0));
    EXPECT(axi_dmac_next_event(&t.s) != AXI_DMAC_NEVER);
    step(10000000);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), AXI_DMAC_IRQ_SOT);
    wr(AXI_DMAC_CTRL, 0);
}

static void sg_two_chains_queued(void)
{
    setup_sg();
    put_desc(DESC(0), 3, 1, MEM_BASE, 0, 256);
    put_desc(DESC(1), 3, 1, MEM_BASE + 256, 0, 256);
    start_sg();
    submit_sg(DESC(0));
    submit_sg(DESC(1));
    step(256);
    wr(AXI_DMAC_IRQ_PENDING, 3);
    step(256);
    EXPECT(t.irq);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 3);
    EXPECT(stream_is(MEM_BASE, 0, 512));
}

static void sg_bad_descriptor_address(void)
{
    setup_sg();
    start_sg();
    submit_sg(0x200);
    step(1000000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    wr(AXI_DMAC_CTRL, 0);
    put_desc(DESC(0), 3, 1, MEM_BASE, 0, 64);
    start_sg();
    submit_sg(DESC(0));
    step(64);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
}

static void sg_early_end(void)
{
    setup_sg();
    put_desc(DESC(0), 0, 1, MEM_BASE, DESC(1), 256);
    put_desc(DESC(1), 3, 2, MEM_BASE + 256, 0, 256);
    start_sg();
    inject_early(64);
    submit_sg(DESC(0));
    step(64);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), AXI_DMAC_DONE_PARTIAL | 1);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 64);
    EXPECT_EQ(t.mem[256], 0);
}

/* Faults */

static void fault_hang(void)
{
    struct axi_dmac_faults f = { .hang = true };

    setup_rx();
    start_engine();
    axi_dmac_inject(&t.s, &f, t.now);
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    step(1000000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
    wr(AXI_DMAC_CTRL, 0);
    start_engine();
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    step(64);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
}

static void fault_hang_while_running(void)
{
    struct axi_dmac_faults f = { .hang = true };

    setup_rx();
    start_engine();
    submit(MEM_BASE, 4096, AXI_DMAC_FLAG_LAST);
    step(1024);
    axi_dmac_inject(&t.s, &f, t.now);
    EXPECT(!axi_dmac_check(&t.s));
    step(1000000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    EXPECT(stream_is(MEM_BASE, 0, 1024));
    EXPECT_EQ(t.mem[1024], 0);
}

static void fault_bus_error(void)
{
    struct axi_dmac_faults f = { .bus_error = true };

    setup_rx();
    start_engine();
    axi_dmac_inject(&t.s, &f, t.now);
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    submit(MEM_BASE + 64, 64, AXI_DMAC_FLAG_LAST);
    step(128);
    /* The hardware does not report it: both are done, one wrote nothing */
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 3);
    EXPECT_EQ(t.mem[1], 0);
    EXPECT(stream_is(MEM_BASE + 64, 64, 64));
    EXPECT_EQ(t.s.bus_errors, 1);
}

static void bus_error_outside_memory(void)
{
    setup_rx();
    start_engine();
    submit(0x1000, 64, AXI_DMAC_FLAG_LAST);
    step(64);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(t.s.bus_errors, 1);
}

static void fault_late_irq(void)
{
    struct axi_dmac_faults f = { .late_irq = true, .late_ns = 5000 };

    setup_rx();
    start_engine();
    axi_dmac_inject(&t.s, &f, t.now);
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    wr(AXI_DMAC_IRQ_PENDING, 3);
    step(64);
    EXPECT(!t.irq);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(axi_dmac_next_event(&t.s), 5064);
    step(4999);
    EXPECT(!t.irq);
    step(1);
    EXPECT(t.irq);
}

static void fault_spurious_irq(void)
{
    setup_rx();
    start_engine();
    axi_dmac_spurious_irq(&t.s, t.now);
    EXPECT(t.irq);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_PENDING), 0);
    EXPECT(!t.irq);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), 0);
}

static void reset_is_complete(void)
{
    struct axi_dmac fresh;

    setup_rx();
    fresh = t.s;
    start_engine();
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    inject_early(8);
    axi_dmac_spurious_irq(&t.s, t.now);
    axi_dmac_reset(&t.s, t.now);
    EXPECT(!t.irq);
    EXPECT(!memcmp(t.s.regs, fresh.regs, sizeof(fresh.regs)));
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
    EXPECT(!axi_dmac_check(&t.s));
}

/* Random accesses: whatever a guest does, the invariants hold */

static uint64_t rnd_state;

static uint32_t rnd(void)
{
    rnd_state = rnd_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return rnd_state >> 33;
}

static uint32_t rnd_value(uint32_t off)
{
    switch (off) {
    case AXI_DMAC_X_LENGTH:
        return rnd() % 64 ? rnd() % 512 : rnd();
    case AXI_DMAC_Y_LENGTH:
        return rnd() % 4;
    case AXI_DMAC_DEST_STRIDE:
    case AXI_DMAC_SRC_STRIDE:
        return rnd() % 2048;
    case AXI_DMAC_DEST_ADDRESS:
    case AXI_DMAC_SRC_ADDRESS:
        return rnd() % 32 ? MEM_BASE + rnd() % MEM_SIZE : rnd();
    case AXI_DMAC_SG_ADDRESS:
        return MEM_BASE + rnd() % MEM_SIZE;
    case AXI_DMAC_DEST_ADDRESS_HIGH:
    case AXI_DMAC_SRC_ADDRESS_HIGH:
    case AXI_DMAC_SG_ADDRESS_HIGH:
        return rnd() % 64 == 0;
    case AXI_DMAC_CTRL:
        return rnd() % 8 ? (rnd() & 6) | 1 : rnd() % 8;
    case AXI_DMAC_IRQ_MASK:
    case AXI_DMAC_IRQ_PENDING:
    case AXI_DMAC_START_TRANSFER:
    case AXI_DMAC_FLAGS:
        return rnd() % 8;
    default:
        return rnd();
    }
}

static const uint16_t busy_regs[] = {
    AXI_DMAC_CTRL, AXI_DMAC_START_TRANSFER, AXI_DMAC_START_TRANSFER, AXI_DMAC_FLAGS, AXI_DMAC_X_LENGTH,
    AXI_DMAC_Y_LENGTH, AXI_DMAC_DEST_ADDRESS, AXI_DMAC_SRC_ADDRESS, AXI_DMAC_SG_ADDRESS,
    AXI_DMAC_DEST_STRIDE, AXI_DMAC_SRC_STRIDE, AXI_DMAC_IRQ_MASK, AXI_DMAC_IRQ_PENDING,
    AXI_DMAC_TRANSFER_DONE, AXI_DMAC_TRANSFER_ID, AXI_DMAC_PARTIAL_ID, AXI_DMAC_PARTIAL_LEN,
    AXI_DMAC_CURRENT_DEST, AXI_DMAC_CURRENT_SRC, AXI_DMAC_PROGRESS, AXI_DMAC_DESCRIPTOR_ID,
    AXI_DMAC_DEST_ADDRESS_HIGH, AXI_DMAC_SRC_ADDRESS_HIGH, AXI_DMAC_SG_ADDRESS_HIGH, AXI_DMAC_SCRATCH,
};

static void rnd_fault(void)
{
    struct axi_dmac_faults f = { 0 };

    /* One after the other: compilers differ in the order of an initializer */
    f.hang = rnd() % 8 == 0;
    f.bus_error = rnd() % 4 == 0;
    f.early_end = rnd() % 2;
    f.early_bytes = rnd() % 256;
    f.late_irq = rnd() % 4 == 0;
    f.late_ns = rnd() % 1000;
    axi_dmac_inject(&t.s, &f, t.now);
    if (rnd() % 4 == 0) {
        axi_dmac_spurious_irq(&t.s, t.now);
    }
}

static void rnd_config(struct axi_dmac_config *c)
{
    static const uint32_t versions[] = {
        AXI_DMAC_VERSION(4, 0, 'a'), AXI_DMAC_VERSION(4, 2, 'a'), AXI_DMAC_VERSION(4, 3, 'a'),
        AXI_DMAC_VERSION(4, 4, 'a'), AXI_DMAC_VERSION(4, 5, 'a'), AXI_DMAC_VERSION(4, 5, 'b'),
    };

    *c = rx_cfg;
    c->version = versions[rnd() % ARRAY_SIZE(versions)];
    c->src_type = rnd() % 3;
    c->dst_type = c->src_type == AXI_DMAC_BUS_MEMORY ? rnd() % 3 : AXI_DMAC_BUS_MEMORY;
    c->src_width = 2u << rnd() % 5;
    c->dst_width = 2u << rnd() % 5;
    c->length_width = 10 + rnd() % 6;
    c->addr_width = rnd() % 2 ? 32 : 40;
    c->queue = 1 + rnd() % 3;
    c->cyclic = rnd() % 2;
    c->two_d = rnd() % 2;
    c->sg = c->version >= AXI_DMAC_VERSION(4, 5, 'a') && rnd() % 2;
    c->bus_rate = rnd() % 2 ? 0 : 1000000 + rnd();
}

/* Descriptors that point at each other and into memory, not bytes of no meaning */
static void rnd_memory(void)
{
    uint32_t at, flags, dst, next;

    for (at = 0; at < MEM_SIZE; at += 64) {
        flags = rnd() % 4;
        dst = MEM_BASE + rnd() % MEM_SIZE;
        next = MEM_BASE + (rnd() % MEM_SIZE & ~63u);
        put_desc(MEM_BASE + at, flags, at, dst, next, 1 + rnd() % 256);
    }
}

#define RANDOM_ACCESSES     10000000

static void random_accesses(void)
{
    struct axi_dmac_config c;
    uint64_t i, transfers = 0, last_event;
    const char *err;

    rnd_state = 1;
    for (i = 0; i < RANDOM_ACCESSES; i++) {
        uint32_t off = rnd() % 8 ? busy_regs[rnd() % ARRAY_SIZE(busy_regs)] : rnd() % 0x1000 & ~3u;

        if (i % 100000 == 0) {
            transfers += t.s.total_transfers;
            rnd_config(&c);
            setup(&c);
            rnd_memory();
        }
        t.now += rnd() % 16 ? rnd() % 64 : rnd() % 4096;
        if (rnd() % 256 == 0) {
            rnd_fault();
        } else if (rnd() % 2) {
            axi_dmac_write(&t.s, off, rnd_value(off), t.now);
        } else {
            axi_dmac_read(&t.s, off, t.now);
        }
        err = axi_dmac_check(&t.s);
        if (!err && t.s.irq_level != t.irq) {
            err = "the line is not what the model believes";
        }
        last_event = axi_dmac_next_event(&t.s);
        if (!err && last_event <= t.now) {
            axi_dmac_advance(&t.s, t.now);
            err = axi_dmac_next_event(&t.s) <= t.now ? "an event in the past does not go away" : NULL;
        }
        if (err) {
            printf("# after access %" PRIu64 " (offset 0x%x)\n", i, off);
            ktap_fail(__FILE__, __LINE__, err);
            return;
        }
    }
    transfers += t.s.total_transfers;
    printf("# %d accesses, %" PRIu64 " transfers\n", RANDOM_ACCESSES, transfers);
    /* A test that moves nothing proves nothing */
    EXPECT(transfers > RANDOM_ACCESSES / 100);
}

#define T(name)     { #name, name }

int main(void)
{
    static const struct ktap_test tests[] = {
        T(regs_rx_4_3_a), T(regs_rx_4_5_a_sg_2d), T(regs_tx_cyclic), T(regs_before_4_1_a), T(regs_map_repeats),
        T(bad_configurations), T(driver_probe), T(one_transfer_in_exact_time), T(late_caller_sees_the_same),
        T(bus_limits_the_rate), T(queue_takes_three), T(done_bit_goes_on_accept), T(irq_is_a_level),
        T(start_needs_enable), T(snapshot_at_accept), T(enable_twice_changes_nothing), T(disable_drops_everything),
        T(pause_and_resume), T(progress_and_address), T(stopped_stream_blocks), T(two_d), T(memory_to_stream),
        T(memory_to_memory), T(hardware_cyclic), T(hardware_cyclic_ends_by_flag), T(partial_transfer),
        T(partial_not_reported_without_flag), T(partial_drops_until_last), T(partial_fifo_full_stalls),
        T(sg_chain), T(sg_irq_in_the_middle), T(sg_cyclic_chain), T(sg_chain_without_end_or_irq),
        T(sg_two_chains_queued), T(sg_bad_descriptor_address), T(sg_early_end), T(fault_hang),
        T(fault_hang_while_running), T(fault_bus_error), T(bus_error_outside_memory), T(fault_late_irq),
        T(fault_spurious_irq), T(reset_is_complete), T(random_accesses),
    };

    return ktap_run(tests, ARRAY_SIZE(tests));
}
