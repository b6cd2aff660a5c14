// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of the AXI-DMAC model: registers, queue, faults, offences, random programs
 *
 * What the core does to the clock is in the recordings (traces/); these tests are about what a driver
 * relies on, and about what no recording has. The converter side here has a clock of 16 ns: slot n is
 * at n * 16 ns, and with 8 bytes that is 500 MB/s. Byte k of the stream has the value k mod 251.
 */
#include "axi-dmac-engine.h"
#include "ktap.h"

#include <stdlib.h>

#define MEM_BASE        0x10000000u
#define MEM_SIZE        0x40000u
#define DESC(n)         (MEM_BASE + 0x30000 + (n) * 64)
#define PERIOD          16u     /* of the converter side */
#define BEAT            8u
#define BURST           128u
#define PAGE            4096u
#define LOG_SIZE        256
#define ARRAY_SIZE(a)   (sizeof(a) / sizeof((a)[0]))

struct logged {
    enum axi_dmac_event what;
    uint64_t t, a, b;
};

/* A model with everything around it */
struct bench {
    struct axi_dmac s;
    uint8_t mem[MEM_SIZE];
    uint64_t now;
    bool irq;
    unsigned int irq_edges;
    uint64_t irq_log;           /* hash of the edges and their times */
    uint64_t log;               /* hash of all events */
    struct logged event[LOG_SIZE];  /* of SOT, EOT and descriptor reads */
    unsigned int events;

    /* Converter side */
    bool on;
    uint64_t shift;             /* slot n is at (n + shift) * PERIOD */
    uint64_t off_slot;          /* this one and the following do not come */
    unsigned int sync_every;
    uint64_t tlast;             /* slot with TLAST of a stream */
    uint64_t moved, lost, flagged, lasts;
    uint64_t port_log;
    uint64_t sunk;              /* sum of the bytes that went out */
};

static struct bench t;

static uint64_t mix(uint64_t hash, uint64_t v)
{
    return (hash ^ v) * UINT64_C(0x9e3779b97f4a7c15) >> 1;
}

/* Memory */

static bool in_mem(uint64_t addr, size_t len)
{
    return addr >= MEM_BASE && addr - MEM_BASE <= MEM_SIZE && len <= MEM_SIZE - (addr - MEM_BASE);
}

static bool mem_read(void *o, uint64_t addr, void *buf, size_t len)
{
    struct bench *b = o;

    if (!in_mem(addr, len)) {
        return false;
    }
    memcpy(buf, b->mem + (addr - MEM_BASE), len);
    return true;
}

static bool mem_write(void *o, uint64_t addr, const void *buf, size_t len)
{
    struct bench *b = o;

    if (!in_mem(addr, len)) {
        return false;
    }
    memcpy(b->mem + (addr - MEM_BASE), buf, len);
    return true;
}

static void irq(void *o, bool level)
{
    struct bench *b = o;

    b->irq = level;
    b->irq_edges++;
    b->irq_log = mix(mix(b->irq_log, b->s.e.now), level);
}

static void event(void *o, enum axi_dmac_event what, uint64_t at, uint64_t x, uint64_t y)
{
    struct bench *b = o;

    b->log = mix(mix(mix(mix(b->log, what), at), x), y);
    if (b->events < LOG_SIZE && (what == AXI_DMAC_EV_SOT || what == AXI_DMAC_EV_EOT || what == AXI_DMAC_EV_SGAR)) {
        b->event[b->events++] = (struct logged) { what, at, x, y };
    }
}

static const struct axi_dmac_ops ops = { .mem_read = mem_read, .mem_write = mem_write, .irq = irq, .event = event };

/* The converter side */

static uint64_t port_edge(void *o, uint64_t at, unsigned int n)
{
    (void)o;
    return (at / PERIOD + n) * PERIOD;
}

static uint64_t round_up(uint64_t v, uint64_t to)
{
    return (v + to - 1) / to * to;
}

static uint64_t port_first(void *o, uint64_t from, uint64_t at, bool sync, uint64_t *slot)
{
    struct bench *b = o;
    uint64_t n = (at + PERIOD - 1) / PERIOD;

    if (b->s.port.waits) {
        *slot = sync ? round_up(from, b->sync_every) : from;
        return b->on ? (n + (*slot - from)) * PERIOD : AXI_DMAC_NEVER;
    }
    n = n > b->shift ? n - b->shift : 0;
    n = n > from ? n : from;
    n = sync ? round_up(n, b->sync_every) : n;
    *slot = n;
    return n < b->off_slot ? (n + b->shift) * PERIOD : AXI_DMAC_NEVER;
}

static uint64_t port_later(void *o, uint64_t slot, uint64_t at, uint64_t n)
{
    struct bench *b = o;

    if (b->s.port.waits) {
        return at + n * PERIOD;
    }
    return slot + n < b->off_slot ? (slot + n + b->shift) * PERIOD : AXI_DMAC_NEVER;
}

static uint64_t port_tlast(void *o, uint64_t slot, uint64_t n)
{
    struct bench *b = o;

    return b->tlast >= slot && b->tlast - slot < n ? b->tlast - slot : AXI_DMAC_NEVER;
}

static void port_move(void *o, uint64_t slot, void *buf, size_t bytes, bool last)
{
    struct bench *b = o;
    bool sink = b->s.cfg.src_type == AXI_DMAC_BUS_MEMORY;
    uint64_t first = slot * (sink ? b->s.cfg.dst_width : b->s.cfg.src_width);
    uint8_t *p = buf;
    size_t i;

    for (i = 0; i < bytes; i++) {
        if (sink) {
            b->sunk += p[i];
            b->port_log = mix(b->port_log, p[i]);
        } else {
            p[i] = (first + i) % 251;
        }
    }
    if (sink) {
        b->port_log = mix(mix(b->port_log, slot), last);
    }
    b->moved += bytes;
    b->lasts += last;
}

static void port_missed(void *o, uint64_t from, uint64_t to, bool flagged)
{
    struct bench *b = o;

    b->lost += to - from;
    b->flagged += flagged ? to - from : 0;
}

/* Setting up */

static const struct axi_dmac_config rx_cfg = {
    .version = AXI_DMAC_VERSION(4, 4, 'a'), .src_type = AXI_DMAC_BUS_FIFO, .dst_type = AXI_DMAC_BUS_MEMORY,
    .src_width = BEAT, .dst_width = BEAT, .length_width = 24, .addr_width = 32, .fifo_bursts = 8, .burst = BURST,
    .mem = { .clock_ns = 10, .write_latency = 6, .write_every = 1, .read_latency = 6, .read_every = 1, .sg_latency = 2 },
};

static void setup_bench(struct bench *b, const struct axi_dmac_config *cfg)
{
    const struct axi_dmac_port port = {
        .opaque = b, .waits = cfg->src_type == AXI_DMAC_BUS_STREAM, .edge = port_edge, .first = port_first,
        .later = port_later, .tlast = port_tlast, .move = port_move, .missed = port_missed,
    };
    const char *err;

    memset(b, 0, sizeof(*b));
    b->on = true;
    b->off_slot = b->tlast = AXI_DMAC_NEVER;
    b->sync_every = 1;
    err = axi_dmac_init(&b->s, cfg, &ops, b);
    if (err) {
        ktap_fail(__FILE__, __LINE__, err);
        return;
    }
    if (cfg->src_type != AXI_DMAC_BUS_MEMORY || cfg->dst_type != AXI_DMAC_BUS_MEMORY) {
        axi_dmac_connect(&b->s, &port);
    }
    /* The core comes out of reset */
    b->now = 1000;
    axi_dmac_advance(&b->s, b->now);
}

static void setup(const struct axi_dmac_config *cfg)
{
    setup_bench(&t, cfg);
}

static void setup_rx(void)
{
    setup(&rx_cfg);
}

static void setup_stream(uint32_t version)
{
    struct axi_dmac_config c = rx_cfg;

    c.version = version;
    c.src_type = AXI_DMAC_BUS_STREAM;
    setup(&c);
}

static void setup_tx(void)
{
    struct axi_dmac_config c = rx_cfg;
    uint32_t i;

    c.src_type = AXI_DMAC_BUS_MEMORY;
    c.dst_type = AXI_DMAC_BUS_STREAM;
    c.cyclic = true;
    setup(&c);
    for (i = 0; i < 0x10000; i++) {
        t.mem[i] = i * 7;
    }
}

static void setup_sg_of(uint8_t src_type)
{
    struct axi_dmac_config c = rx_cfg;

    c.version = AXI_DMAC_VERSION(4, 5, 'b');
    c.src_type = src_type;
    c.sg = true;
    c.addr_width = 40;
    setup(&c);
}

static void setup_sg(void)
{
    setup_sg_of(AXI_DMAC_BUS_FIFO);
}

static void check(const struct bench *b)
{
    const char *err = axi_dmac_check(&b->s);

    if (err) {
        ktap_fail(__FILE__, __LINE__, err);
    }
}

static uint32_t rd(uint32_t off)
{
    uint32_t v = axi_dmac_read(&t.s, off, t.now);

    check(&t);
    return v;
}

static void wr(uint32_t off, uint32_t v)
{
    axi_dmac_write(&t.s, off, v, t.now);
    check(&t);
}

/* In one leap */
static void step(uint64_t ns)
{
    t.now += ns;
    axi_dmac_advance(&t.s, t.now);
    check(&t);
}

/* Until the line rises, as an emulator does it; false: it did not within @ns */
static bool wait_irq(uint64_t ns)
{
    uint64_t end = t.now + ns, next;

    while (!t.irq && (next = axi_dmac_next_event(&t.s)) <= end) {
        t.now = next > t.now ? next : t.now + 1;
        axi_dmac_advance(&t.s, t.now);
        check(&t);
    }
    t.now = t.irq ? t.now : end;
    axi_dmac_advance(&t.s, t.now);
    return t.irq;
}

static uint32_t ack(void)
{
    uint32_t v = rd(AXI_DMAC_IRQ_PENDING);

    wr(AXI_DMAC_IRQ_PENDING, v);
    return v;
}

static void submit(uint32_t addr, uint32_t len, uint32_t flags)
{
    wr(AXI_DMAC_DEST_ADDRESS, addr);
    wr(AXI_DMAC_SRC_ADDRESS, addr);
    wr(AXI_DMAC_X_LENGTH, len - 1);
    wr(AXI_DMAC_FLAGS, flags);
    wr(AXI_DMAC_START_TRANSFER, 1);
}

/* As the driver does: START only after it was seen to be free; some time goes by */
static bool submit_when_free(uint32_t addr, uint32_t len, uint32_t flags)
{
    unsigned int i;

    for (i = 0; i < 10000 && rd(AXI_DMAC_START_TRANSFER); i++) {
        step(10);
    }
    submit(addr, len, flags);
    return i < 10000;
}

static void start_engine(void)
{
    wr(AXI_DMAC_IRQ_MASK, 0);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
    step(200);
}

static uint32_t state(void)
{
    return rd(AXI_DMAC_DBG_STATUS) & AXI_DMAC_DBG_STATE;
}

/*
 * The state reads 1 some clocks before the reset pulse reaches the requests; an access by AXI takes
 * longer than that, so that nobody who has read it can be too early.
 */
static void wait_for_rest(void)
{
    unsigned int i;

    for (i = 0; i < 1000 && state() != AXI_DMAC_DBG_AT_REST; i++) {
        step(10);
    }
    EXPECT(i < 1000);
    step(60);
}

static void stop_and_wait(void)
{
    wr(AXI_DMAC_CTRL, 0);
    wait_for_rest();
}

static void port_on(struct bench *b, bool on)
{
    axi_dmac_advance(&b->s, b->now);
    if (on && !b->on) {
        b->shift = b->now / PERIOD + 1 - b->off_slot;
        b->off_slot = AXI_DMAC_NEVER;
    } else if (!on && b->on && !b->s.port.waits) {
        port_first(b, 0, b->now + 1, false, &b->off_slot);
    } else if (!on && b->on) {
        b->off_slot = 0;
    }
    b->on = on;
    axi_dmac_port_changed(&b->s, b->now);
}

/* The first byte of the stream that is in memory at @addr, as a beat of the port; the rest has to follow it */
static bool stream_is(uint32_t addr, uint64_t slot, uint64_t len)
{
    uint64_t i;

    for (i = 0; i < len; i++) {
        if (t.mem[addr - MEM_BASE + i] != (slot * BEAT + i) % 251) {
            return false;
        }
    }
    return true;
}

/* At which slot does what is at @addr begin? Looked for from @from on. */
static uint64_t slot_at(uint32_t addr, uint64_t len, uint64_t from)
{
    uint64_t slot;

    for (slot = from; slot < from + 251; slot++) {
        if (stream_is(addr, slot, len)) {
            return slot;
        }
    }
    return AXI_DMAC_NEVER;
}

static bool is_zero(uint32_t addr, uint32_t len)
{
    uint32_t i;

    for (i = 0; i < len; i++) {
        if (t.mem[addr - MEM_BASE + i]) {
            return false;
        }
    }
    return true;
}

/* The @n-th event of its kind, or NULL */
static const struct logged *nth(enum axi_dmac_event what, unsigned int n)
{
    unsigned int i;

    for (i = 0; i < t.events; i++) {
        if (t.event[i].what == what && !n--) {
            return &t.event[i];
        }
    }
    return NULL;
}

static unsigned int count(enum axi_dmac_event what)
{
    unsigned int i, n = 0;

    for (i = 0; i < t.events; i++) {
        n += t.event[i].what == what;
    }
    return n;
}

static struct axi_dmac_offences offences(void)
{
    return axi_dmac_offences(&t.s, t.now);
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

/* @status: the core at rest after reset */
#define COMMON_ROWS(version, desc, status) \
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
    { "DBG_STATUS", AXI_DMAC_DBG_STATUS, status, 0 }, \
    { "DBG_IDS0", AXI_DMAC_DBG_IDS0, 0, 0 }, \
    { "DBG_IDS1", AXI_DMAC_DBG_IDS1, 0, 0 }, \
    { "PROGRESS", AXI_DMAC_PROGRESS, 0, 0 }, \
    { "PARTIAL_LEN", AXI_DMAC_PARTIAL_LEN, 0, 0 }, \
    { "PARTIAL_ID", AXI_DMAC_PARTIAL_ID, 0, 0 }, \
    { "DESCRIPTOR_ID", AXI_DMAC_DESCRIPTOR_ID, 0, 0 }

static void regs_rx_4_3_a(void)
{
    static const struct reg_row rows[] = {
        COMMON_ROWS(0x00040361, 0x00072303, 0x701),
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

    struct axi_dmac_config c = rx_cfg;

    c.version = AXI_DMAC_VERSION(4, 3, 'a');
    setup(&c);
    check_regs(rows, ARRAY_SIZE(rows));
}

static void regs_rx_4_5_b_sg_2d(void)
{
    static const struct reg_row rows[] = {
        COMMON_ROWS(0x00040562, 0x00081304, 0x781),
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

    c.version = AXI_DMAC_VERSION(4, 5, 'b');
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
        COMMON_ROWS(0x00040461, 0x00070313, 0x701),
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
        COMMON_ROWS(0x00040061, 0, 0x701),
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

#define REFUSED(...) do { \
        c = rx_cfg; \
        __VA_ARGS__; \
        EXPECT(axi_dmac_init(&s, &c, &ops, NULL) != NULL); \
    } while (0)
    REFUSED(c.src_type = 3);
    REFUSED(c.dst_width = 0);
    REFUSED(c.dst_width = 1);
    REFUSED(c.src_width = 12);
    REFUSED(c.length_width = 33);
    REFUSED(c.addr_width = 31);
    REFUSED(c.fifo_bursts = 1);
    REFUSED(c.fifo_bursts = 6);
    REFUSED(c.fifo_bursts = 64);
    REFUSED(c.fifo_bursts = 32, c.burst = 4096, c.src_width = 16, c.dst_width = 16);
    REFUSED(c.burst = 4);
    REFUSED(c.burst = 100);
    REFUSED(c.sg = true);
    REFUSED(c.coherent = true, c.version = AXI_DMAC_VERSION(4, 3, 'a'));
    REFUSED(c.mem.clock_ns = 0);
    REFUSED(c.mem.write_every = 0);
    REFUSED(c.mem.read_every = 0);
#undef REFUSED
}

/* What probing leaves behind must start nothing, and the next transfer must not care. */
static void driver_probe(void)
{
    setup_rx();
    EXPECT_EQ(rd(AXI_DMAC_VERSION_REG), 0x00040461);
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
    step(1000);
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
    EXPECT(!t.irq);
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    step(1000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(slot_at(MEM_BASE, 64, 0) != AXI_DMAC_NEVER);
}

/* The queue */

static void one_transfer(void)
{
    uint64_t begin;

    setup_rx();
    start_engine();
    begin = t.now;
    submit(MEM_BASE + 0x100, PAGE, AXI_DMAC_FLAG_LAST);
    EXPECT(wait_irq(100));
    EXPECT_EQ(ack(), AXI_DMAC_IRQ_SOT);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 1);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    EXPECT(!t.irq);
    EXPECT(wait_irq(100000));
    EXPECT_EQ(ack(), AXI_DMAC_IRQ_EOT);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 1);
    /* The time of its beats, and some clocks on either side */
    EXPECT(t.now - begin > PAGE / BEAT * PERIOD + 200 && t.now - begin < PAGE / BEAT * PERIOD + 600);
    EXPECT(slot_at(MEM_BASE + 0x100, PAGE, begin / PERIOD) <= begin / PERIOD + 15);
    EXPECT(is_zero(MEM_BASE + 0x100 + PAGE, PAGE));
    step(100000);
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), 0);
}

/* The next request is accepted when 15 bursts of the one before are left, not earlier: SOT and EOT alternate. */
static void accepted_late(void)
{
    unsigned int i;

    setup_rx();
    start_engine();
    for (i = 0; i < 4; i++) {
        EXPECT(submit_when_free(MEM_BASE + i * PAGE, PAGE, AXI_DMAC_FLAG_LAST));
    }
    step(100000);
    EXPECT_EQ(t.events, 8);
    EXPECT_EQ(nth(AXI_DMAC_EV_SOT, 0)->b, 0);
    for (i = 0; i < 3; i++) {
        EXPECT_EQ(nth(AXI_DMAC_EV_SOT, i + 1)->b, (i + 1) * PAGE - 15 * BURST);
        EXPECT(nth(AXI_DMAC_EV_SOT, i + 1)->t < nth(AXI_DMAC_EV_EOT, i)->t);
    }
    for (i = 0; i < 2; i++) {
        EXPECT(nth(AXI_DMAC_EV_EOT, i)->t < nth(AXI_DMAC_EV_SOT, i + 2)->t);
    }
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 15);
    /* Back to back: nothing is lost at the borders */
    EXPECT(stream_is(MEM_BASE, slot_at(MEM_BASE, PAGE, 0), 4 * PAGE));
}

static void deeper_fifo_accepts_earlier(void)
{
    struct axi_dmac_config c = rx_cfg;

    c.fifo_bursts = 16;
    setup(&c);
    start_engine();
    submit(MEM_BASE, 2 * PAGE, AXI_DMAC_FLAG_LAST);
    EXPECT(submit_when_free(MEM_BASE + 2 * PAGE, PAGE, AXI_DMAC_FLAG_LAST));
    step(100000);
    EXPECT_EQ(nth(AXI_DMAC_EV_SOT, 1)->b, 2 * PAGE - 31 * BURST);
}

/* IDs have two bits, but there is no limit of three: with late answers more are accepted, and all of them come in. */
static void ids_wrap(void)
{
    struct axi_dmac_config c = rx_cfg;
    unsigned int i;

    c.src_type = AXI_DMAC_BUS_STREAM;
    c.mem.write_latency = 400;
    setup(&c);
    start_engine();
    for (i = 0; i < 9; i++) {
        EXPECT(submit_when_free(MEM_BASE + i * BURST, BURST, AXI_DMAC_FLAG_LAST));
        step(300);
    }
    EXPECT_EQ(count(AXI_DMAC_EV_SOT), 9);
    EXPECT_EQ(count(AXI_DMAC_EV_EOT), 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 1);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    step(10000);
    EXPECT_EQ(count(AXI_DMAC_EV_EOT), 9);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 1);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 15);
    EXPECT(stream_is(MEM_BASE, 0, 9 * BURST));
}

static void done_bit_goes_on_accept(void)
{
    unsigned int i;

    setup_rx();
    start_engine();
    for (i = 0; i < 4; i++) {
        submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
        step(1000);
    }
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 15);
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    step(100);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 14);
}

/* The line is a level, and follows the mask. */
static void irq_is_a_level(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    step(100);
    EXPECT(t.irq);
    wr(AXI_DMAC_IRQ_MASK, AXI_DMAC_IRQ_SOT);
    EXPECT(!t.irq);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_PENDING), 0);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), AXI_DMAC_IRQ_SOT);
    step(1000);
    EXPECT(t.irq);
    wr(AXI_DMAC_IRQ_SOURCE, 3);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), 3);
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
    step(1000);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), 0);
}

/* The registers count as they are when the request is accepted, not when it is written. */
static void registers_count_at_acceptance(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
    step(100);
    submit(MEM_BASE + PAGE, PAGE, AXI_DMAC_FLAG_LAST);
    step(100);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 1);
    wr(AXI_DMAC_DEST_ADDRESS, MEM_BASE + 4 * PAGE);
    wr(AXI_DMAC_X_LENGTH, 511);
    step(100000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 3);
    EXPECT(is_zero(MEM_BASE + PAGE, PAGE));
    EXPECT(stream_is(MEM_BASE + 4 * PAGE, slot_at(MEM_BASE, PAGE, 0) + PAGE / BEAT, 512));
    EXPECT(is_zero(MEM_BASE + 4 * PAGE + 512, 512));
}

/* Nothing is buffered while no request is active: what comes then is lost, each word flagged. */
static void nothing_is_kept_between_requests(void)
{
    uint64_t first, second, end;

    setup_rx();
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
    step(20000);
    end = t.now;
    submit(MEM_BASE + PAGE, PAGE, AXI_DMAC_FLAG_LAST);
    step(20000);
    first = slot_at(MEM_BASE, PAGE, 0);
    second = slot_at(MEM_BASE + PAGE, PAGE, end / PERIOD);
    EXPECT(second >= end / PERIOD && second < end / PERIOD + 15);
    EXPECT(second > first + PAGE / BEAT + 500);
    EXPECT_EQ(t.lost, t.flagged);
    EXPECT_EQ(t.lost + t.moved / BEAT, t.now / PERIOD + 1);
}

/* Within a request the burst memory holds 1 KiB: some 2 us without a loss, but not 10. */
static void stalled_memory(void)
{
    uint64_t ns[] = { 1500, 10000 };
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(ns); i++) {
        setup_rx();
        start_engine();
        submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
        step(2000);
        axi_dmac_stall(&t.s, true, t.now);
        step(ns[i]);
        EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
        axi_dmac_stall(&t.s, false, t.now);
        step(20000);
        EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
        EXPECT_EQ(slot_at(MEM_BASE, PAGE, 0) != AXI_DMAC_NEVER, i == 0);
        EXPECT(slot_at(MEM_BASE, 1024, 0) != AXI_DMAC_NEVER);
    }
}

static void enable_twice_changes_nothing(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
    step(1000);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 1);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(slot_at(MEM_BASE, PAGE, 0) != AXI_DMAC_NEVER);
}

static void progress_and_address(void)
{
    uint32_t progress;

    setup_rx();
    start_engine();
    submit(MEM_BASE + 0x2000, PAGE, AXI_DMAC_FLAG_LAST);
    step(150);
    EXPECT_EQ(rd(AXI_DMAC_CURRENT_SRC), 0);
    step(4000);
    progress = rd(AXI_DMAC_PROGRESS);
    EXPECT_EQ(progress % BURST, 0);     /* whole bursts, as memory answers them */
    EXPECT(progress >= 1664 && progress <= 1920);
    EXPECT(rd(AXI_DMAC_CURRENT_DEST) - (MEM_BASE + 0x2000) - progress <= 2 * BURST);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(rd(AXI_DMAC_PROGRESS), 0);
    EXPECT(slot_at(MEM_BASE + 0x2000, PAGE, 0) != AXI_DMAC_NEVER);
}

static void silent_source_blocks(void)
{
    setup_rx();
    start_engine();
    port_on(&t, false);
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    EXPECT(wait_irq(1000));
    ack();
    EXPECT(!wait_irq(1000000));
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    port_on(&t, true);
    EXPECT(wait_irq(1000));
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
}

/* A source that stops within a burst goes on where it stopped. */
static void source_stops_in_a_burst(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
    step(1234);
    port_on(&t, false);
    step(100000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    port_on(&t, true);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(slot_at(MEM_BASE, PAGE, 0) != AXI_DMAC_NEVER);
}

/* Every request waits for the beginning of a scan; what goes by meanwhile is an overflow since 4.5. */
static void sync_is_waited_for(void)
{
    uint32_t versions[] = { AXI_DMAC_VERSION(4, 4, 'a'), AXI_DMAC_VERSION(4, 5, 'b') };
    struct axi_dmac_config c = rx_cfg;
    uint64_t first;
    unsigned int i;

    c.sync = true;
    for (i = 0; i < ARRAY_SIZE(versions); i++) {
        c.version = versions[i];
        setup(&c);
        t.sync_every = 3;
        start_engine();
        submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
        EXPECT(submit_when_free(MEM_BASE + PAGE, PAGE, AXI_DMAC_FLAG_LAST));
        step(30000);
        first = slot_at(MEM_BASE, PAGE, 0);
        /* 512 beats are no multiple of 3 */
        EXPECT_EQ(first % 3, 0);
        EXPECT(stream_is(MEM_BASE + PAGE, first + 513, PAGE));
        EXPECT_EQ(t.lost - t.flagged != 0, versions[i] < AXI_DMAC_VERSION(4, 5, 'a'));
    }
}

/* Pause */

static void pause_holds_requests(void)
{
    setup_rx();
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE | AXI_DMAC_CTRL_PAUSE);
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 1);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 0);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), 0);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
}

static void pause_in_a_transfer(void)
{
    uint32_t progress;

    setup_rx();
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
    step(3000);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE | AXI_DMAC_CTRL_PAUSE);
    step(2000);
    progress = rd(AXI_DMAC_PROGRESS);
    EXPECT(progress > 0 && progress < PAGE);
    step(100000);
    EXPECT_EQ(rd(AXI_DMAC_PROGRESS), progress);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    /* The FIFO went on taking words until it was full */
    EXPECT(slot_at(MEM_BASE, progress + 1024 - BURST, 0) != AXI_DMAC_NEVER);
    EXPECT_EQ(slot_at(MEM_BASE, PAGE, 0), AXI_DMAC_NEVER);
}

/* CTRL = 0 */

static void stop_clears_registers_at_once(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
    EXPECT(submit_when_free(MEM_BASE + PAGE, PAGE, AXI_DMAC_FLAG_LAST));
    step(9000);
    submit(MEM_BASE + 2 * PAGE, PAGE, AXI_DMAC_FLAG_LAST);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 1);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    wr(AXI_DMAC_CTRL, 0);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 0);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 0);
    EXPECT_EQ(rd(AXI_DMAC_PROGRESS), 0);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), 3);
    EXPECT_EQ(rd(AXI_DMAC_DEST_ADDRESS), MEM_BASE + 2 * PAGE);
    step(10000);
    EXPECT(is_zero(MEM_BASE + 2 * PAGE, PAGE));
    start_engine();
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    step(1000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 1);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
}

/* Bursts whose address is out are still written; when the state reads 1, nothing comes any more. */
static void writes_land_after_stop(void)
{
    uint64_t before;

    setup_rx();
    start_engine();
    submit(MEM_BASE, 16 * PAGE, AXI_DMAC_FLAG_LAST);
    step(10000);
    axi_dmac_stall(&t.s, true, t.now);
    step(1000);
    before = t.s.total_bytes;
    wr(AXI_DMAC_CTRL, 0);
    step(5000);
    EXPECT_EQ(state(), AXI_DMAC_SHUTDOWN);
    EXPECT_EQ(t.s.total_bytes, before);
    axi_dmac_stall(&t.s, false, t.now);
    step(1000);
    EXPECT(t.s.total_bytes > before);
    EXPECT_EQ(state(), AXI_DMAC_DBG_AT_REST);
    before = t.s.total_bytes;
    step(100000);
    EXPECT_EQ(t.s.total_bytes, before);
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
}

/* An end of transfer can come after CTRL = 0. */
static void late_eot_after_stop(void)
{
    struct axi_dmac_config c = rx_cfg;

    c.mem.write_latency = 200;
    setup(&c);
    start_engine();
    submit(MEM_BASE, 1024, AXI_DMAC_FLAG_LAST);
    step(3000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    ack();
    EXPECT(!t.irq);
    wr(AXI_DMAC_CTRL, 0);
    EXPECT(wait_irq(10000));
    EXPECT_EQ(rd(AXI_DMAC_IRQ_PENDING), AXI_DMAC_IRQ_EOT);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 0);
}

/* A request that is written before the old one is out of the core: accepted, and then wiped out by the reset */
static void start_before_the_reset_is_lost(void)
{
    struct axi_dmac_config c = rx_cfg;

    c.mem.write_latency = 200;
    setup(&c);
    start_engine();
    submit(MEM_BASE, 1024, AXI_DMAC_FLAG_LAST);
    step(3000);
    wr(AXI_DMAC_CTRL, 0);
    step(60);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
    submit(MEM_BASE + PAGE, 1024, AXI_DMAC_FLAG_LAST);
    step(100000);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 1);
    /* The old EOT counts for the new life */
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 1);
    EXPECT_EQ(count(AXI_DMAC_EV_SOT), 2);
    EXPECT_EQ(count(AXI_DMAC_EV_EOT), 1);
    EXPECT(is_zero(MEM_BASE + PAGE, 1024));
}

/* In the middle of the old request the new one waits until the reset is over, and works. */
static void restart_in_the_middle_of_a_request(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, 16 * PAGE, AXI_DMAC_FLAG_LAST);
    step(10000);
    wr(AXI_DMAC_CTRL, 0);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
    submit(MEM_BASE + 0x20000, PAGE, AXI_DMAC_FLAG_LAST);
    step(20000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(slot_at(MEM_BASE + 0x20000, PAGE, 0) != AXI_DMAC_NEVER);
}

/* Other kinds of cores */

static void two_d(void)
{
    struct axi_dmac_config c = rx_cfg;
    uint64_t first;
    uint32_t row;

    c.two_d = true;
    setup(&c);
    start_engine();
    wr(AXI_DMAC_DEST_STRIDE, 0x100);
    wr(AXI_DMAC_Y_LENGTH, 3);
    submit(MEM_BASE, 0x40, AXI_DMAC_FLAG_LAST);
    step(5000);
    EXPECT_EQ(count(AXI_DMAC_EV_SOT), 1);
    EXPECT_EQ(count(AXI_DMAC_EV_EOT), 1);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    first = slot_at(MEM_BASE, 0x40, 0);
    for (row = 0; row < 4; row++) {
        EXPECT(stream_is(MEM_BASE + row * 0x100, first + row * 0x40 / BEAT, 0x40));
        EXPECT(is_zero(MEM_BASE + row * 0x100 + 0x40, 0xc0));
    }
}

static uint64_t sum_of_memory(uint32_t bytes)
{
    uint64_t sum = 0;
    uint32_t i;

    for (i = 0; i < bytes; i++) {
        sum += t.mem[i];
    }
    return sum;
}

/* Out of memory: read ahead by eight bursts; the end is when the output has taken all, TLAST with LAST only. */
static void memory_to_stream(void)
{
    setup_tx();
    port_on(&t, false);
    start_engine();
    submit(MEM_BASE, PAGE, 0);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_CURRENT_SRC), MEM_BASE + 1024);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    port_on(&t, true);
    EXPECT(submit_when_free(MEM_BASE + PAGE, PAGE, AXI_DMAC_FLAG_LAST));
    step(30000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 3);
    EXPECT_EQ(t.moved, 2 * PAGE);
    EXPECT_EQ(t.sunk, sum_of_memory(2 * PAGE));
    EXPECT_EQ(t.lasts, 1);
}

/* Slots that nobody filled are missing words, before the first request and after the last as well. */
static void sink_misses_words(void)
{
    struct axi_dmac_config c = rx_cfg;

    c.src_type = AXI_DMAC_BUS_MEMORY;
    c.dst_type = AXI_DMAC_BUS_FIFO;
    setup(&c);
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
    step(30000);
    EXPECT_EQ(t.moved, PAGE);
    EXPECT_EQ(t.lost, t.flagged);
    EXPECT_EQ(t.lost + PAGE / BEAT, t.now / PERIOD + 1);
}

static void memory_to_memory(void)
{
    struct axi_dmac_config c = rx_cfg;
    uint32_t i;

    c.src_type = AXI_DMAC_BUS_MEMORY;
    setup(&c);
    for (i = 0; i < 0x10000; i++) {
        t.mem[i] = i * 7;
    }
    start_engine();
    submit(MEM_BASE, 3 * PAGE + 24, AXI_DMAC_FLAG_LAST);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 1);
    wr(AXI_DMAC_DEST_ADDRESS, MEM_BASE + 0x10000);
    step(100000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(!memcmp(t.mem, t.mem + 0x10000, 3 * PAGE + 24));
    EXPECT(is_zero(MEM_BASE + 0x10000 + 3 * PAGE + 24, PAGE));
    EXPECT_EQ(t.s.total_bytes, 3 * PAGE + 24);
}

static void hardware_cyclic(void)
{
    setup_tx();
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_CYCLIC | AXI_DMAC_FLAG_LAST);
    step(1000000);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 1);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 0);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    EXPECT(t.s.total_transfers > 100);
    EXPECT_EQ(t.lost + t.moved / BEAT + 16 >= t.now / PERIOD, true);
    /* It must not cost the emulator an event each round */
    EXPECT(axi_dmac_next_event(&t.s) >= t.now + 1000000);
    stop_and_wait();
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
}

/* FLAGS.CYCLIC cleared: the next acceptance is the last one and raises SOT; rounds accepted before raise EOT. */
static void hardware_cyclic_ends_by_flag(void)
{
    setup_tx();
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_CYCLIC | AXI_DMAC_FLAG_LAST);
    step(14000);
    wr(AXI_DMAC_FLAGS, AXI_DMAC_FLAG_LAST);
    step(100000);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 0);
    EXPECT_EQ(count(AXI_DMAC_EV_SOT), 1);
    EXPECT_EQ(count(AXI_DMAC_EV_EOT), 3);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 1);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 3);
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
}

/* Early ends */

static void inject_early(uint32_t bytes)
{
    struct axi_dmac_faults f = { .early_end = true, .early_bytes = bytes };

    axi_dmac_inject(&t.s, &f, t.now);
}

static void early_end(void)
{
    setup_stream(AXI_DMAC_VERSION(4, 4, 'a'));
    start_engine();
    inject_early(1000);
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), AXI_DMAC_DONE_PARTIAL | 1);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 1000);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 1000);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_ID), 0);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    /* With none waiting, the last one shows */
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 1000);
    EXPECT(stream_is(MEM_BASE, 0, 1000));
    EXPECT(is_zero(MEM_BASE + 1000, PAGE));
    /* And the next one is whole again, with the next data */
    submit(MEM_BASE + PAGE, PAGE, AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 3);
    EXPECT(stream_is(MEM_BASE + PAGE, 1000 / BEAT, PAGE));
}

/* By TLAST of the stream, as by the fault */
static void early_end_by_tlast(void)
{
    setup_stream(AXI_DMAC_VERSION(4, 4, 'a'));
    t.tlast = 99;
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), AXI_DMAC_DONE_PARTIAL | 1);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 100 * BEAT);
}

static void early_end_is_not_reported_without_flag(void)
{
    setup_stream(AXI_DMAC_VERSION(4, 4, 'a'));
    start_engine();
    inject_early(512);
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
}

/* Without LAST all up to the next request with LAST is dropped. The later cores raise nothing for what they drop. */
static void early_end_drops_until_last(uint32_t version)
{
    bool raises = version < AXI_DMAC_VERSION(4, 5, 'a');

    setup_stream(version);
    start_engine();
    inject_early(520);
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_PARTIAL);
    EXPECT(submit_when_free(MEM_BASE + PAGE, PAGE, AXI_DMAC_FLAG_PARTIAL));
    step(10000);
    /* However late the rest is written */
    EXPECT(submit_when_free(MEM_BASE + 2 * PAGE, PAGE, AXI_DMAC_FLAG_PARTIAL | AXI_DMAC_FLAG_LAST));
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 3);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), raises ? 3 : 1);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), AXI_DMAC_DONE_PARTIAL | (raises ? 7 : 1));
    EXPECT_EQ(rd(AXI_DMAC_PROGRESS), raises ? 0 : 2 * BURST);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 520);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_ID), 0);
    EXPECT(is_zero(MEM_BASE + PAGE, 2 * PAGE));
    /* The one that follows works; on a later core with the wrong done bit, for good */
    EXPECT(submit_when_free(MEM_BASE + 3 * PAGE, 64, AXI_DMAC_FLAG_PARTIAL | AXI_DMAC_FLAG_LAST));
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), raises ? 15 : 3);
    EXPECT(stream_is(MEM_BASE + 3 * PAGE, 520 / BEAT, 64));
}

static void early_end_before_4_5(void)
{
    early_end_drops_until_last(AXI_DMAC_VERSION(4, 4, 'a'));
}

static void early_end_since_4_5(void)
{
    early_end_drops_until_last(AXI_DMAC_VERSION(4, 5, 'b'));
}

/* On the last beat it is early without LAST only. */
static void early_end_on_the_last_beat(void)
{
    setup_stream(AXI_DMAC_VERSION(4, 4, 'a'));
    start_engine();
    inject_early(1024);
    submit(MEM_BASE, 1024, AXI_DMAC_FLAG_PARTIAL | AXI_DMAC_FLAG_LAST);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(!t.s.e.early_armed);
    inject_early(1024);
    submit(MEM_BASE + PAGE, 1024, AXI_DMAC_FLAG_PARTIAL);
    EXPECT(submit_when_free(MEM_BASE + 2 * PAGE, 1024, AXI_DMAC_FLAG_PARTIAL | AXI_DMAC_FLAG_LAST));
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), AXI_DMAC_DONE_PARTIAL | 7);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 1024);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_ID), 1);
    EXPECT(stream_is(MEM_BASE + PAGE, 128, 1024));
    EXPECT(is_zero(MEM_BASE + 2 * PAGE, 1024));
}

/* An early end that is armed for more than a request has goes on counting; events come when they are said to come. */
static void early_end_counts_over_requests(void)
{
    unsigned int i;

    setup_stream(AXI_DMAC_VERSION(4, 4, 'a'));
    start_engine();
    wr(AXI_DMAC_IRQ_MASK, AXI_DMAC_IRQ_SOT);
    inject_early(2 * PAGE + 504);
    for (i = 0; i < 3; i++) {
        EXPECT(submit_when_free(MEM_BASE + i * PAGE, PAGE, AXI_DMAC_FLAG_PARTIAL | AXI_DMAC_FLAG_LAST));
    }
    for (i = 0; i < 3; i++) {
        EXPECT(wait_irq(20000));
        EXPECT_EQ(ack(), AXI_DMAC_IRQ_EOT);
        EXPECT(t.now <= nth(AXI_DMAC_EV_EOT, i)->t + 10);
    }
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), AXI_DMAC_DONE_PARTIAL | 7);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 504);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_ID), 2);
    EXPECT(!t.s.e.early_armed);
}

static void early_end_in_the_middle(void)
{
    setup_stream(AXI_DMAC_VERSION(4, 4, 'a'));
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_PARTIAL | AXI_DMAC_FLAG_LAST);
    step(2000);
    inject_early(0);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), AXI_DMAC_DONE_PARTIAL | 1);
    EXPECT(rd(AXI_DMAC_PARTIAL_LEN) > 1024 && rd(AXI_DMAC_PARTIAL_LEN) < PAGE - 256);
    EXPECT(stream_is(MEM_BASE, 0, rd(AXI_DMAC_PARTIAL_LEN)));
    EXPECT(is_zero(MEM_BASE + rd(AXI_DMAC_PARTIAL_LEN), 1024));
}

/* A restart forgets that something was to be dropped. */
static void early_end_and_restart(void)
{
    setup_stream(AXI_DMAC_VERSION(4, 4, 'a'));
    start_engine();
    inject_early(512);
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_PARTIAL);
    step(10000);
    stop_and_wait();
    start_engine();
    submit(MEM_BASE + PAGE, PAGE, AXI_DMAC_FLAG_PARTIAL | AXI_DMAC_FLAG_LAST);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(!is_zero(MEM_BASE + PAGE, PAGE));
}

/* Four reports unread: one more burst is answered, then none; each that is read lets one request end. */
static void reports_full(void)
{
    unsigned int i;

    setup_stream(AXI_DMAC_VERSION(4, 4, 'a'));
    start_engine();
    for (i = 0; i < 6; i++) {
        inject_early(320);
        submit(MEM_BASE + i * 1024, 1024, AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL);
        step(2000);
        EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), i < 4 ? (i + 1) % 4 : 0);
    }
    EXPECT_EQ(rd(AXI_DMAC_PROGRESS), BURST);
    /* Acceptance and data go on */
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 2);
    EXPECT_EQ(axi_dmac_engine_finished(&t.s) >= 5 * 320, true);
    for (i = 0; i < 6; i++) {
        EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 320);
        EXPECT_EQ(rd(AXI_DMAC_PARTIAL_ID), i % 4);
        step(1000);
        EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), i < 2 ? i + 1 : 2);
    }
    EXPECT(!(rd(AXI_DMAC_TRANSFER_DONE) & AXI_DMAC_DONE_PARTIAL));
}

/* Plain requests do not end either. */
static void reports_full_hold_plain_requests(void)
{
    unsigned int i;

    setup_stream(AXI_DMAC_VERSION(4, 4, 'a'));
    start_engine();
    for (i = 0; i < 5; i++) {
        if (i < 4) {
            inject_early(320);
        }
        submit(MEM_BASE + i * 1024, 1024, AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL);
        step(10000);
    }
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 0);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_ID), 0);
    step(1000);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 1);
}

/* Scatter-gather */

static void put_desc_of(struct bench *b, uint32_t at, uint32_t flags, uint32_t id, uint32_t dst, uint32_t next, uint32_t len)
{
    const uint32_t word[] = { flags, id, dst, 0, dst, 0, next, 0, 0, len - 1, 0, 0 };

    memcpy(b->mem + (at - MEM_BASE), word, sizeof(word));
}

static void put_desc(uint32_t at, uint32_t flags, uint32_t id, uint32_t dst, uint32_t next, uint32_t len)
{
    put_desc_of(&t, at, flags, id, dst, next, len);
}

/* @n descriptors from DESC(@at) on, each @len bytes, for memory without a gap */
static void put_chain(unsigned int at, unsigned int n, uint32_t dst, uint32_t len)
{
    unsigned int i;

    for (i = 0; i < n; i++) {
        put_desc(DESC(at + i), i == n - 1 ? AXI_DMAC_HWDESC_LAST | AXI_DMAC_HWDESC_IRQ : 0, at + i, dst + i * len,
                 DESC(at + i + 1), len);
    }
}

static void start_sg(void)
{
    wr(AXI_DMAC_IRQ_MASK, AXI_DMAC_IRQ_SOT);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE | AXI_DMAC_CTRL_HWDESC);
    step(200);
}

static void submit_sg(uint32_t desc, uint32_t flags)
{
    wr(AXI_DMAC_SG_ADDRESS, desc);
    wr(AXI_DMAC_SG_ADDRESS_HIGH, 0);
    wr(AXI_DMAC_FLAGS, flags);
    wr(AXI_DMAC_START_TRANSFER, 1);
}

static void sg_chain(void)
{
    uint64_t first;

    setup_sg();
    put_desc(DESC(0), 0, 10, MEM_BASE + 0x1000, DESC(2), 2048);
    put_desc(DESC(2), 0, 11, MEM_BASE, DESC(1), 4096);
    put_desc(DESC(1), AXI_DMAC_HWDESC_LAST | AXI_DMAC_HWDESC_IRQ, 12, MEM_BASE + 0x2000, 0xdead0000, 64);
    start_sg();
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL);
    step(1000);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 0);
    EXPECT(!t.irq);
    EXPECT_EQ(rd(AXI_DMAC_DESCRIPTOR_ID), 10);
    step(5000);
    EXPECT_EQ(rd(AXI_DMAC_DESCRIPTOR_ID), 11);
    /* From the start of the chain */
    EXPECT(rd(AXI_DMAC_PROGRESS) > 2048);
    EXPECT(wait_irq(100000));
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(rd(AXI_DMAC_DESCRIPTOR_ID), 12);
    EXPECT_EQ(count(AXI_DMAC_EV_EOT), 1);
    EXPECT_EQ(count(AXI_DMAC_EV_SGAR), 3);
    first = slot_at(MEM_BASE + 0x1000, 2048, 0);
    EXPECT(first != AXI_DMAC_NEVER);
    EXPECT(stream_is(MEM_BASE, first + 2048 / BEAT, 2048));
    EXPECT(stream_is(MEM_BASE + 0x2000, first + (2048 + 4096) / BEAT, 64));
}

/* An EOT for each descriptor with the flag, although the chain is one request: the counters run apart. */
static void sg_irq_in_the_middle(void)
{
    setup_sg();
    put_chain(0, 3, MEM_BASE, 1024);
    put_desc(DESC(0), AXI_DMAC_HWDESC_IRQ, 0, MEM_BASE, DESC(1), 1024);
    start_sg();
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    EXPECT(wait_irq(10000));
    EXPECT_EQ(ack(), AXI_DMAC_IRQ_EOT);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 1);
    EXPECT(wait_irq(10000));
    EXPECT_EQ(ack(), AXI_DMAC_IRQ_EOT);
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 2);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 1);
    EXPECT_EQ(axi_dmac_offences(&t.s, t.now).edits, 0);
}

/* Two descriptors are read ahead of the one whose data flows; of short ones one more, while the source is silent. */
static void sg_reads_ahead(void)
{
    unsigned int i;

    setup_sg();
    put_chain(0, 8, MEM_BASE, PAGE);
    start_sg();
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    step(3000);
    EXPECT_EQ(count(AXI_DMAC_EV_SGAR), 3);
    step(5000);
    EXPECT_EQ(count(AXI_DMAC_EV_SGAR), 4);
    step(8192);
    EXPECT_EQ(count(AXI_DMAC_EV_SGAR), 5);
    step(100000);
    EXPECT_EQ(count(AXI_DMAC_EV_SGAR), 8);
    for (i = 0; i < 8; i++) {
        EXPECT_EQ(nth(AXI_DMAC_EV_SGAR, i)->a, DESC(i));
    }
    setup_sg();
    port_on(&t, false);
    put_chain(0, 8, MEM_BASE, 1024);
    start_sg();
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    step(3000);
    EXPECT_EQ(count(AXI_DMAC_EV_SGAR), 4);
}

/* A descriptor counts as it is when it is read, a later change does not. */
static void sg_edit_comes_too_late(void)
{
    setup_sg();
    put_chain(0, 4, MEM_BASE, PAGE);
    start_sg();
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    step(3000);
    put_desc(DESC(2), 3, 9, MEM_BASE + 0x8000, 0, PAGE);
    step(100000);
    EXPECT_EQ(rd(AXI_DMAC_DESCRIPTOR_ID), 3);
    EXPECT(is_zero(MEM_BASE + 0x8000, PAGE));
    EXPECT_EQ(offences().edits, 1);
}

/* LAST is of every segment: with it only the one with TLAST is short. */
static void sg_early_end_with_last(void)
{
    setup_sg_of(AXI_DMAC_BUS_STREAM);
    put_chain(0, 4, MEM_BASE, 1024);
    start_sg();
    inject_early(520);
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL);
    EXPECT(wait_irq(100000));
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), AXI_DMAC_DONE_PARTIAL | 1);
    EXPECT_EQ(rd(AXI_DMAC_PARTIAL_LEN), 520);
    EXPECT(is_zero(MEM_BASE + 520, 504));
    EXPECT(stream_is(MEM_BASE + 1024, 520 / BEAT, 3 * 1024));
}

/* Without LAST one early end is the end of everything, until CTRL = 0. */
static void sg_early_end_without_last(void)
{
    setup_sg_of(AXI_DMAC_BUS_STREAM);
    put_chain(0, 4, MEM_BASE, 1024);
    put_chain(4, 4, MEM_BASE + 0x10000, 1024);
    start_sg();
    inject_early(520);
    submit_sg(DESC(0), AXI_DMAC_FLAG_PARTIAL);
    EXPECT(!wait_irq(100000));
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), AXI_DMAC_DONE_PARTIAL);
    submit_sg(DESC(4), AXI_DMAC_FLAG_PARTIAL);
    EXPECT(!wait_irq(100000));
    EXPECT_EQ(count(AXI_DMAC_EV_EOT), 0);
    EXPECT(is_zero(MEM_BASE + 520, 4 * 1024 - 520));
    EXPECT(is_zero(MEM_BASE + 0x10000, 4 * 1024));
    stop_and_wait();
    start_sg();
    submit_sg(DESC(4), AXI_DMAC_FLAG_PARTIAL);
    EXPECT(wait_irq(100000));
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(!is_zero(MEM_BASE + 0x10000, 4 * 1024));
}

/* FLAGS.CYCLIC does not keep a chain; a ring is one because its descriptors are. */
static void sg_ring(void)
{
    setup_sg();
    put_desc(DESC(0), 0, 1, MEM_BASE, DESC(1), 256);
    put_desc(DESC(1), AXI_DMAC_HWDESC_IRQ, 2, MEM_BASE + 256, DESC(0), 256);
    start_sg();
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_CYCLIC);
    EXPECT(wait_irq(10000));
    ack();
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 1);
    EXPECT(wait_irq(10000));
    EXPECT_EQ(rd(AXI_DMAC_ACTIVE_ID), 2);
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 0);
    stop_and_wait();
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
    EXPECT_EQ(count(AXI_DMAC_EV_SOT), 1);
}

static void sg_chain_without_end_or_irq(void)
{
    setup_sg();
    put_desc(DESC(0), 0, 1, MEM_BASE, DESC(0), 64);
    start_sg();
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    EXPECT(axi_dmac_next_event(&t.s) != AXI_DMAC_NEVER);
    step(10000000);
    EXPECT_EQ(rd(AXI_DMAC_IRQ_SOURCE), AXI_DMAC_IRQ_SOT);
    stop_and_wait();
}

/* One chain runs, one is accepted, one waits; no beat is lost in between. */
static void sg_chains_queued(void)
{
    unsigned int i;

    setup_sg();
    start_sg();
    for (i = 0; i < 3; i++) {
        put_chain(8 * i, 6, MEM_BASE + i * 6 * 1024, 1024);
        submit_sg(DESC(8 * i), AXI_DMAC_FLAG_LAST);
        step(300);
    }
    EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 1);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 2);
    step(100000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 7);
    EXPECT(stream_is(MEM_BASE, slot_at(MEM_BASE, 1024, 0), 3 * 6 * 1024));
}

/* A descriptor that is not there reads as zeros: one beat to address 0, and on it goes from there. */
static void sg_bad_descriptor_address(void)
{
    setup_sg();
    start_sg();
    submit_sg(0x200, AXI_DMAC_FLAG_LAST);
    step(100000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    EXPECT(t.s.bus_errors > 0);
    stop_and_wait();
    put_desc(DESC(0), 3, 1, MEM_BASE, 0, 64);
    start_sg();
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    step(2000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
}

/* What was read ahead is forgotten, and with it the rest of the chain. */
static void sg_pause_loses_the_rest(void)
{
    setup_sg();
    put_chain(0, 8, MEM_BASE, PAGE);
    start_sg();
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    step(4000);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE | AXI_DMAC_CTRL_HWDESC | AXI_DMAC_CTRL_PAUSE);
    step(10000);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE | AXI_DMAC_CTRL_HWDESC);
    EXPECT(!wait_irq(1000000));
    EXPECT_EQ(count(AXI_DMAC_EV_SGAR), 3);
    EXPECT(!is_zero(MEM_BASE, PAGE));
    EXPECT(is_zero(MEM_BASE + 3 * PAGE, PAGE));
}

/* The address of a chain that is written in the middle of the reset is taken (SOT), and lost. */
static void sg_start_during_a_reset(void)
{
    unsigned int lost = 0, worked = 0, wait;

    for (wait = 0; wait < 600; wait += 10) {
        setup_sg();
        put_chain(0, 2, MEM_BASE, 1024);
        start_sg();
        submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
        EXPECT(wait_irq(10000));
        ack();
        wr(AXI_DMAC_CTRL, 0);
        step(wait);
        wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE | AXI_DMAC_CTRL_HWDESC);
        submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
        if (wait_irq(10000)) {
            worked++;
        } else {
            EXPECT_EQ(rd(AXI_DMAC_START_TRANSFER), 0);
            EXPECT_EQ(rd(AXI_DMAC_TRANSFER_ID), 1);
            lost++;
        }
    }
    EXPECT(lost > 0);
    EXPECT(worked > 0);
}

/* Offences: what a driver must not do is counted, what it may do is not */

static void offence_crossing(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, 2 * PAGE, AXI_DMAC_FLAG_LAST);
    EXPECT(submit_when_free(MEM_BASE + 2 * PAGE + 0x58, PAGE - 0x58, AXI_DMAC_FLAG_LAST));
    step(50000);
    EXPECT_EQ(offences().crossings, 0);
    submit(MEM_BASE + 0x58, 2 * PAGE, AXI_DMAC_FLAG_LAST);
    step(50000);
    EXPECT_EQ(offences().crossings, 2);
    setup_tx();
    start_engine();
    submit(MEM_BASE + 0x58, 2 * PAGE, AXI_DMAC_FLAG_LAST);
    step(50000);
    EXPECT_EQ(offences().crossings, 2);
}

/* Whoever waits for the core to be at rest commits none; whoever goes on at once does. */
static void offence_late_write(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, 16 * PAGE, AXI_DMAC_FLAG_LAST);
    step(10000);
    stop_and_wait();
    step(10000);
    EXPECT_EQ(offences().late_writes, 0);
    start_engine();
    submit(MEM_BASE, 16 * PAGE, AXI_DMAC_FLAG_LAST);
    step(10000);
    wr(AXI_DMAC_CTRL, 0);
    step(10000);
    EXPECT(offences().late_writes >= BURST && offences().late_writes < 15 * BURST);
}

/* An end that was seen leaves nothing to wait for. */
static void no_late_write_at_the_end(void)
{
    setup_rx();
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
    step(20000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    wr(AXI_DMAC_CTRL, 0);
    step(10000);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE);
    step(10000);
    EXPECT_EQ(offences().late_writes, 0);
    EXPECT_EQ(offences().late_fetches, 0);
}

static void offence_late_read(void)
{
    setup_tx();
    start_engine();
    submit(MEM_BASE, 8 * PAGE, AXI_DMAC_FLAG_LAST);
    step(10005);
    axi_dmac_stall(&t.s, true, t.now);
    step(2000);
    wr(AXI_DMAC_CTRL, 0);
    axi_dmac_stall(&t.s, false, t.now);
    step(10000);
    EXPECT(offences().late_fetches > 0);
}

/* The read of a descriptor is under way when CTRL = 0 comes, with the mode kept: the core waits for it. */
static void descriptor_read_is_under_way(void)
{
    struct axi_dmac_config c = rx_cfg;

    c.version = AXI_DMAC_VERSION(4, 5, 'b');
    c.sg = true;
    c.mem.sg_latency = 100;
    setup(&c);
    put_chain(0, 8, MEM_BASE, PAGE);
    start_sg();
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    while (count(AXI_DMAC_EV_SGAR) < 2) {
        step(10);
    }
}

static void offence_late_fetch(void)
{
    descriptor_read_is_under_way();
    axi_dmac_stall(&t.s, true, t.now);
    step(5000);
    EXPECT_EQ(offences().late_fetches, 0);
    setup_sg();
    put_chain(0, 8, MEM_BASE, PAGE);
    start_sg();
    axi_dmac_stall(&t.s, true, t.now);
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    step(100);
    /* The address is shown, and memory has not taken it yet */
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_HWDESC);
    step(100);
    axi_dmac_stall(&t.s, false, t.now);
    step(5000);
    EXPECT_EQ(state(), AXI_DMAC_DBG_AT_REST);
    EXPECT_EQ(count(AXI_DMAC_EV_SGAR), 1);
    /* It was seen at rest before anybody asked: that is what a driver has to do */
    EXPECT_EQ(offences().late_fetches, 0);
    start_sg();
    axi_dmac_stall(&t.s, true, t.now);
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    step(100);
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_HWDESC);
    axi_dmac_stall(&t.s, false, t.now);
    step(5000);
    EXPECT_EQ(offences().late_fetches, 1);
}

static void offence_lost_mode(void)
{
    descriptor_read_is_under_way();
    wr(AXI_DMAC_CTRL, AXI_DMAC_CTRL_HWDESC);
    wait_for_rest();
    wr(AXI_DMAC_CTRL, 0);
    EXPECT_EQ(offences().lost_modes, 0);
    start_sg();
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    EXPECT(wait_irq(100000));
    EXPECT(slot_at(MEM_BASE, 8 * PAGE, 0) != AXI_DMAC_NEVER);
    /* The mode goes with the enable: the answer is taken for the first descriptor of the next chain */
    descriptor_read_is_under_way();
    wr(AXI_DMAC_CTRL, 0);
    EXPECT_EQ(offences().lost_modes, 1);
    step(500);
    EXPECT_EQ(state(), AXI_DMAC_DBG_AT_REST);
    put_chain(16, 2, MEM_BASE + 0x10000, PAGE);
    start_sg();
    submit_sg(DESC(16), AXI_DMAC_FLAG_LAST);
    step(100000);
    EXPECT_EQ(slot_at(MEM_BASE + 0x10000, 2 * PAGE, 0), AXI_DMAC_NEVER);
}

/* Whoever has read the last descriptor goes round once more, and no harm is done. */
static void sg_ring_is_opened(void)
{
    unsigned int flags = AXI_DMAC_HWDESC_LAST | AXI_DMAC_HWDESC_IRQ;

    setup_sg();
    put_desc(DESC(0), 0, 1, MEM_BASE, DESC(1), PAGE);
    put_desc(DESC(1), 0, 2, MEM_BASE + PAGE, DESC(0), PAGE);
    start_sg();
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    step(10000);
    put_desc(DESC(1), flags, 2, MEM_BASE + PAGE, DESC(0), PAGE);
    EXPECT(wait_irq(100000));
    EXPECT_EQ(rd(AXI_DMAC_DESCRIPTOR_ID), 2);
    step(10000);
    EXPECT_EQ(offences().edits, 0);
    ack();

    /* To close one again, or to change more, does harm */
    put_desc(DESC(1), flags, 2, MEM_BASE + PAGE, DESC(0), PAGE);
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    step(3000);
    put_desc(DESC(1), 0, 2, MEM_BASE + PAGE, DESC(0), PAGE);
    step(100000);
    EXPECT_EQ(offences().edits, 1);
}

static void offence_edit(void)
{
    setup_sg();
    put_chain(0, 4, MEM_BASE, PAGE);
    start_sg();
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    step(3000);
    /* Not read yet: may be changed */
    put_desc(DESC(3), 3, 9, MEM_BASE + 0x8000, 0, PAGE);
    EXPECT(wait_irq(100000));
    EXPECT_EQ(rd(AXI_DMAC_DESCRIPTOR_ID), 9);
    /* Ended: may be changed */
    put_desc(DESC(0), 3, 9, MEM_BASE + 0x8000, 0, PAGE);
    step(10000);
    EXPECT_EQ(offences().edits, 0);
    ack();
    put_chain(0, 4, MEM_BASE, PAGE);
    submit_sg(DESC(0), AXI_DMAC_FLAG_LAST);
    step(3000);
    put_desc(DESC(1), 0, 9, MEM_BASE + 0x8000, DESC(2), PAGE);
    EXPECT(wait_irq(100000));
    EXPECT_EQ(offences().edits, 1);
}

/* Faults */

static void fault_hang(void)
{
    struct axi_dmac_faults f = { .hang = true };

    setup_rx();
    start_engine();
    axi_dmac_inject(&t.s, &f, t.now);
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    EXPECT(wait_irq(1000));
    ack();
    EXPECT(!wait_irq(1000000));
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    stop_and_wait();
    start_engine();
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    step(1000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
}

static void fault_hang_while_running(void)
{
    struct axi_dmac_faults f = { .hang = true };

    setup_rx();
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
    step(2000);
    ack();
    axi_dmac_inject(&t.s, &f, t.now);
    EXPECT(!wait_irq(1000000));
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 0);
    EXPECT(slot_at(MEM_BASE, 1024, 0) != AXI_DMAC_NEVER);
    EXPECT(is_zero(MEM_BASE + 3 * 1024, 1024));
}

static void fault_bus_error(void)
{
    struct axi_dmac_faults f = { .bus_error = true };

    setup_rx();
    start_engine();
    axi_dmac_inject(&t.s, &f, t.now);
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    EXPECT(submit_when_free(MEM_BASE + 64, 64, AXI_DMAC_FLAG_LAST));
    step(2000);
    /* The hardware does not report it: both are done, one wrote nothing */
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 3);
    EXPECT(is_zero(MEM_BASE, 64));
    EXPECT(!is_zero(MEM_BASE + 64, 64));
    EXPECT_EQ(t.s.bus_errors, 1);
}

static void bus_error_outside_memory(void)
{
    setup_rx();
    start_engine();
    submit(0x1000, 64, AXI_DMAC_FLAG_LAST);
    step(1000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT_EQ(t.s.bus_errors, 1);
}

static void fault_late_irq(void)
{
    struct axi_dmac_faults f = { .late_irq = true, .late_ns = 5000 };

    setup_rx();
    start_engine();
    wr(AXI_DMAC_IRQ_MASK, AXI_DMAC_IRQ_SOT);
    axi_dmac_inject(&t.s, &f, t.now);
    submit(MEM_BASE, 64, AXI_DMAC_FLAG_LAST);
    step(1000);
    EXPECT(!t.irq);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
    EXPECT(wait_irq(10000));
    EXPECT_EQ(t.now, nth(AXI_DMAC_EV_EOT, 0)->t + 5000);
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
    static struct axi_dmac fresh;

    setup_rx();
    fresh = t.s;
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
    step(1000);
    inject_early(8);
    axi_dmac_spurious_irq(&t.s, t.now);
    axi_dmac_reset(&t.s, t.now);
    EXPECT(!t.irq);
    EXPECT(!memcmp(t.s.regs, fresh.regs, sizeof(fresh.regs)));
    EXPECT(!memcmp(&t.s.faults, &fresh.faults, sizeof(fresh.faults)));
    EXPECT_EQ(axi_dmac_next_event(&t.s), AXI_DMAC_NEVER);
    step(1000);
    EXPECT_EQ(rd(AXI_DMAC_DBG_STATUS), 0x701);
    start_engine();
    submit(MEM_BASE, PAGE, AXI_DMAC_FLAG_LAST);
    step(10000);
    EXPECT_EQ(rd(AXI_DMAC_TRANSFER_DONE), 1);
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

static struct axi_dmac_faults rnd_fault(void)
{
    struct axi_dmac_faults f = { 0 };

    /* One after the other: compilers differ in the order of an initializer */
    f.hang = rnd() % 16 == 0;
    f.bus_error = rnd() % 4 == 0;
    f.early_end = rnd() % 2;
    f.early_bytes = rnd() % 1024;
    f.late_irq = rnd() % 4 == 0;
    f.late_ns = rnd() % 100 * 10;
    return f;
}

static void rnd_config(struct axi_dmac_config *c)
{
    static const uint32_t versions[] = {
        AXI_DMAC_VERSION(4, 0, 'a'), AXI_DMAC_VERSION(4, 2, 'a'), AXI_DMAC_VERSION(4, 4, 'a'),
        AXI_DMAC_VERSION(4, 5, 'a'), AXI_DMAC_VERSION(4, 5, 'b'), AXI_DMAC_VERSION(4, 5, 'e'),
    };

    *c = rx_cfg;
    c->version = versions[rnd() % ARRAY_SIZE(versions)];
    c->src_type = rnd() % 3;
    c->dst_type = c->src_type == AXI_DMAC_BUS_MEMORY ? rnd() % 3 : AXI_DMAC_BUS_MEMORY;
    c->src_width = 2u << rnd() % 4;
    c->dst_width = 2u << rnd() % 4;
    c->length_width = 10 + rnd() % 6;
    c->addr_width = rnd() % 2 ? 32 : 40;
    c->fifo_bursts = 2u << rnd() % 5;
    c->burst = 32u << rnd() % 4;
    c->cyclic = rnd() % 2;
    c->two_d = rnd() % 4 == 0;
    c->sg = c->version >= AXI_DMAC_VERSION(4, 5, 'a') && rnd() % 2;
    c->sync = rnd() % 4 == 0;
    c->mem.write_latency = rnd() % 8 ? 1 + rnd() % 16 : rnd() % 256;
    c->mem.write_every = 1 + (rnd() % 4 == 0);
    c->mem.read_latency = rnd() % 8 ? 1 + rnd() % 16 : rnd() % 256;
    c->mem.read_every = 1 + (rnd() % 4 == 0);
    c->mem.sg_latency = rnd() % 8 ? 1 + rnd() % 8 : rnd() % 256;
}

/* Descriptors that point at each other and into memory, not bytes of no meaning */
static void rnd_memory(struct bench *b)
{
    uint32_t at, flags, dst, next;

    for (at = 0; at < MEM_SIZE; at += 64) {
        flags = rnd() % 4;
        dst = MEM_BASE + rnd() % MEM_SIZE;
        next = MEM_BASE + (rnd() % MEM_SIZE & ~63u);
        put_desc_of(b, MEM_BASE + at, flags, at, dst, next, 1 + rnd() % 512);
    }
}

static uint32_t rnd_register(void)
{
    return rnd() % 8 ? busy_regs[rnd() % ARRAY_SIZE(busy_regs)] : rnd() % 0x1000 & ~3u;
}

#define RANDOM_ACCESSES     500000

static void random_accesses(void)
{
    struct axi_dmac_config c;
    uint64_t i, transfers = 0, bytes = 0;
    const char *err;

    rnd_state = 1;
    for (i = 0; i < RANDOM_ACCESSES; i++) {
        uint32_t off = rnd_register();

        if (i % 10000 == 0) {
            transfers += t.s.total_transfers;
            bytes += t.s.total_bytes;
            rnd_config(&c);
            setup(&c);
            t.sync_every = 1 + rnd() % 3;
            rnd_memory(&t);
        }
        t.now += rnd() % 16 ? rnd() % 64 : rnd() % 4096;
        switch (rnd() % 512) {
        case 0: {
            struct axi_dmac_faults f = rnd_fault();

            axi_dmac_inject(&t.s, &f, t.now);
            break;
        }
        case 1:
            axi_dmac_spurious_irq(&t.s, t.now);
            break;
        case 2:
            axi_dmac_stall(&t.s, rnd() % 2, t.now);
            break;
        case 3:
            port_on(&t, rnd() % 2);
            break;
        default:
            if (rnd() % 2) {
                axi_dmac_write(&t.s, off, rnd_value(off), t.now);
            } else {
                axi_dmac_read(&t.s, off, t.now);
            }
            break;
        }
        err = axi_dmac_check(&t.s);
        if (!err && t.s.irq_level != t.irq) {
            err = "the line is not what the model believes";
        }
        /* An access may make something happen at once; to look ahead costs more than all the rest */
        if (!err && i % 64 == 0 && axi_dmac_next_event(&t.s) <= t.now) {
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
    printf("# %d accesses, %" PRIu64 " transfers, %" PRIu64 " bytes\n", RANDOM_ACCESSES, transfers, bytes);
    /* A test that moves nothing proves nothing */
    EXPECT(transfers > RANDOM_ACCESSES / 200);
}

/*
 * The same program three times: as an emulator does it, from event to event; in leaps from access to
 * access, as a busy host would; and in steps of a clock, in which nothing can be overlooked. All have to
 * see the same.
 */

static struct bench by_event, by_clock;

static struct bench *const benches[] = { &t, &by_event, &by_clock };

/* Returns what is wrong. */
static const char *pass_time(uint64_t to)
{
    uint64_t next, last = 0;

    while ((next = axi_dmac_next_event(&by_event.s)) <= to) {
        if (next < by_event.s.e.now || next == last) {
            return "an event in the past does not go away";
        }
        axi_dmac_advance(&by_event.s, next);
        last = next;
    }
    while ((next = by_clock.s.e.now / 10 * 10 + 10) <= to) {
        axi_dmac_advance(&by_clock.s, next);
    }
    t.now = by_event.now = by_clock.now = to;
    return NULL;
}

struct action {
    uint32_t kind, off, value;
    struct axi_dmac_faults faults;
};

/* Mostly what makes a transfer go on */
static struct action rnd_action(void)
{
    struct action a = { .kind = rnd() % 256 };

    a.off = rnd_register();
    a.value = rnd_value(a.off);
    a.faults = rnd_fault();
    if (a.kind > 8 && rnd() % 4 == 0) {
        a.off = AXI_DMAC_START_TRANSFER;
        a.value = 1;
    }
    return a;
}

/* What a driver does, with transfers that are long and end in memory, faults, and a port that is off now and then */
static struct action driver_action(void)
{
    static const struct {
        uint32_t off, value, random;
    } writes[] = {
        { AXI_DMAC_CTRL, AXI_DMAC_CTRL_ENABLE, 0 }, { AXI_DMAC_IRQ_MASK, 0, 0 },
        { AXI_DMAC_IRQ_PENDING, AXI_DMAC_IRQ_SOT | AXI_DMAC_IRQ_EOT, 0 },
        { AXI_DMAC_FLAGS, AXI_DMAC_FLAG_LAST | AXI_DMAC_FLAG_PARTIAL, 0 },
        { AXI_DMAC_DEST_ADDRESS, MEM_BASE, MEM_SIZE / 2 }, { AXI_DMAC_SRC_ADDRESS, MEM_BASE, MEM_SIZE / 2 },
        { AXI_DMAC_X_LENGTH, 0, MEM_SIZE / 2 },
        { AXI_DMAC_START_TRANSFER, 1, 0 }, { AXI_DMAC_START_TRANSFER, 1, 0 },
    };
    struct action a = { .kind = rnd() % 8 ? 10 : rnd() % 4 ? 4 : 0 };
    unsigned int i = rnd() % ARRAY_SIZE(writes);

    a.off = writes[i].off;
    a.value = writes[i].value + (writes[i].random ? rnd() % writes[i].random : 0);
    if (a.kind == 4) {
        a.value = rnd() % 4 != 0;
    }
    a.faults = rnd_fault();
    return a;
}

static uint32_t act(struct bench *b, const struct action *a)
{
    switch (a->kind) {
    case 0:
        axi_dmac_inject(&b->s, &a->faults, b->now);
        return 0;
    case 1:
        axi_dmac_spurious_irq(&b->s, b->now);
        return 0;
    case 2:
    case 3:
        axi_dmac_stall(&b->s, a->value & 1, b->now);
        return 0;
    case 4:
    case 5:
        port_on(b, a->value & 1);
        return 0;
    default:
        if (a->kind % 2) {
            return axi_dmac_read(&b->s, a->off, b->now);
        }
        axi_dmac_write(&b->s, a->off, a->value, b->now);
        return 0;
    }
}

static const char *differs(const struct bench *a, const struct bench *b)
{
    if (a->log != b->log) {
        return "events differ";
    }
    if (a->irq != b->irq) {
        return "the line differs";
    }
    return memcmp(a->s.regs, b->s.regs, sizeof(a->s.regs)) ? "registers differ" : NULL;
}

static const char *end_differs(struct bench *a, struct bench *b)
{
    struct axi_dmac_offences x = axi_dmac_offences(&a->s, a->now), y = axi_dmac_offences(&b->s, b->now);

    if (memcmp(a->mem, b->mem, sizeof(a->mem))) {
        return "memory differs";
    }
    if (a->port_log != b->port_log || a->moved != b->moved || a->lost != b->lost || a->flagged != b->flagged) {
        return "what the port has seen differs";
    }
    if (memcmp(&x, &y, sizeof(x))) {
        return "offences differ";
    }
    return a->s.total_transfers != b->s.total_transfers ? "transfers differ" : NULL;
}

struct play {
    struct action (*next)(void);
    unsigned int programs, actions;
    uint32_t pause;             /* the longest one between two actions */
    uint8_t more_length;        /* bits */
};

static const char *play_program(const struct play *play)
{
    uint32_t got[ARRAY_SIZE(benches)];
    const char *err = NULL;
    unsigned int i, k;

    for (i = 0; i < play->actions && !err; i++) {
        struct action a = play->next();

        err = pass_time(t.now + (rnd() % 4 ? rnd() % 64 : rnd() % play->pause));
        for (k = 0; k < ARRAY_SIZE(benches) && !err; k++) {
            got[k] = act(benches[k], &a);
            err = axi_dmac_check(&benches[k]->s);
            if (!err && got[k] != got[0]) {
                err = "a register differs";
                printf("# register 0x%x: 0x%x, 0x%x\n", a.off, got[0], got[k]);
            }
            err = err ? err : differs(&t, benches[k]);
        }
        if (!err && by_event.irq_log != by_clock.irq_log) {
            err = "the line rose or fell at another time";
        }
        if (err) {
            printf("# action %u, kind %u, at %" PRIu64 "\n", i, a.kind, t.now);
        }
    }
    for (k = 1; k < ARRAY_SIZE(benches) && !err; k++) {
        err = end_differs(&t, benches[k]);
    }
    return err;
}

static void play_programs(const struct play *play)
{
    uint64_t transfers = 0, edges = 0;
    struct axi_dmac_config c;
    unsigned int i, k;
    const char *err;

    rnd_state = 2;
    for (i = 0; i < play->programs; i++) {
        rnd_config(&c);
        c.length_width += play->more_length;
        for (k = 0; k < ARRAY_SIZE(benches); k++) {
            setup_bench(benches[k], &c);
        }
        rnd_memory(&t);
        t.sync_every = 1 + rnd() % 3;
        for (k = 1; k < ARRAY_SIZE(benches); k++) {
            memcpy(benches[k]->mem, t.mem, sizeof(t.mem));
            benches[k]->sync_every = t.sync_every;
        }
        err = play_program(play);
        transfers += t.s.total_transfers;
        edges += by_event.irq_edges;
        if (err) {
            printf("# program %u, version %" PRIx32 ", %u to %u, sg %d, 2d %d\n", i, c.version, c.src_type, c.dst_type,
                   c.sg, c.two_d);
            ktap_fail(__FILE__, __LINE__, err);
            return;
        }
    }
    printf("# %u programs, %" PRIu64 " transfers, %" PRIu64 " edges\n", play->programs, transfers, edges);
    EXPECT(transfers > play->programs);
    EXPECT(edges > play->programs);
}

static void late_caller_sees_the_same(void)
{
    static const struct play play = { .next = rnd_action, .programs = 50, .actions = 200, .pause = 2048 };

    play_programs(&play);
}

/* Of transfers so long that the model does not look ahead as far as their end */
static void late_caller_of_long_transfers_sees_the_same(void)
{
    static const struct play play = {
        .next = driver_action, .programs = 50, .actions = 100, .pause = 65536, .more_length = 2,
    };

    play_programs(&play);
}

#define T(name)     { #name, name }

int main(void)
{
    static const struct ktap_test tests[] = {
        T(regs_rx_4_3_a), T(regs_rx_4_5_b_sg_2d), T(regs_tx_cyclic), T(regs_before_4_1_a), T(regs_map_repeats),
        T(bad_configurations), T(driver_probe), T(one_transfer), T(accepted_late),
        T(deeper_fifo_accepts_earlier), T(ids_wrap), T(done_bit_goes_on_accept), T(irq_is_a_level),
        T(start_needs_enable), T(registers_count_at_acceptance), T(nothing_is_kept_between_requests),
        T(stalled_memory), T(enable_twice_changes_nothing), T(progress_and_address), T(silent_source_blocks),
        T(source_stops_in_a_burst), T(sync_is_waited_for), T(pause_holds_requests), T(pause_in_a_transfer),
        T(stop_clears_registers_at_once), T(writes_land_after_stop), T(late_eot_after_stop),
        T(start_before_the_reset_is_lost), T(restart_in_the_middle_of_a_request), T(two_d), T(memory_to_stream),
        T(sink_misses_words), T(memory_to_memory), T(hardware_cyclic), T(hardware_cyclic_ends_by_flag),
        T(early_end), T(early_end_by_tlast), T(early_end_is_not_reported_without_flag), T(early_end_before_4_5),
        T(early_end_since_4_5), T(early_end_on_the_last_beat), T(early_end_counts_over_requests),
        T(early_end_in_the_middle), T(early_end_and_restart), T(reports_full),
        T(reports_full_hold_plain_requests), T(sg_chain), T(sg_irq_in_the_middle), T(sg_reads_ahead),
        T(sg_edit_comes_too_late), T(sg_early_end_with_last), T(sg_early_end_without_last), T(sg_ring),
        T(sg_chain_without_end_or_irq), T(sg_chains_queued), T(sg_bad_descriptor_address),
        T(sg_pause_loses_the_rest), T(sg_start_during_a_reset), T(offence_crossing), T(offence_late_write),
        T(no_late_write_at_the_end), T(offence_late_read), T(offence_late_fetch), T(offence_lost_mode),
        T(sg_ring_is_opened), T(offence_edit), T(fault_hang), T(fault_hang_while_running), T(fault_bus_error),
        T(bus_error_outside_memory), T(fault_late_irq), T(fault_spurious_irq), T(reset_is_complete),
        T(random_accesses), T(late_caller_sees_the_same), T(late_caller_of_long_transfers_sees_the_same),
    };

    return ktap_run(tests, ARRAY_SIZE(tests));
}
