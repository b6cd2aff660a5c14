// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of what stands between a converter and its DMA controller, as the DMA controller sees it: slots
 */
#include "axi-chain.h"
#include "ktap.h"

#define ARRAY_SIZE(a)   (sizeof(a) / sizeof((a)[0]))
#define BUF_SIZE        4096

static struct axi_rx rx;
static struct axi_tx tx;
static struct axi_dmac_port port;
static uint8_t buf[BUF_SIZE];

static unsigned int channels_of(unsigned int mask)
{
    return (unsigned int)__builtin_popcount(mask);
}

static unsigned int nth_channel(unsigned int mask, unsigned int n)
{
    unsigned int c;

    for (c = 0; !(mask >> c & 1) || n--; c++) {
    }
    return c;
}

/* A sample every microsecond from 1000 ns on: sample n is at (n + 1) us. */
static void setup_rx(unsigned int width, unsigned int mask, enum axi_adc_pattern pattern)
{
    axi_rx_init(&rx, width);
    rx.pattern = pattern;
    axi_rx_set_period(&rx, 1000, 1, 0);
    axi_rx_set_channels(&rx, mask, 0);
    axi_rx_start(&rx, 0);
    port = axi_rx_port(&rx);
}

static uint64_t first(uint64_t from, uint64_t t, uint64_t *slot)
{
    return port.first(port.opaque, from, t, false, slot);
}

static uint64_t first_sync(uint64_t from, uint64_t t, uint64_t *slot)
{
    return port.first(port.opaque, from, t, true, slot);
}

static uint16_t value(const void *p, size_t i)
{
    const uint8_t *b = (const uint8_t *)p + 2 * i;

    return (uint16_t)(b[0] | b[1] << 8);
}

static uint32_t count(const void *p, size_t i)
{
    return value(p, 2 * i) | (uint32_t)value(p, 2 * i + 1) << 16;
}

static void take(uint64_t slot, size_t bytes)
{
    axi_rx_taken(&rx, slot, bytes);
    port.move(port.opaque, slot, buf, bytes, false);
}

/* Receive */

/* Value v of the stream is sample v / n, round the channels that are on */
static void values_in_order(void)
{
    static const size_t pieces[] = { 8, 16, 24, 8, 1024, 40, 2048 };
    unsigned int mask, n, i;
    uint64_t v, slot;
    size_t piece, k;

    for (mask = 1; mask < 16; mask++) {
        n = channels_of(mask);
        setup_rx(8, mask, AXI_ADC_NUMBERED);
        for (piece = 0, slot = 0, v = 0; piece < ARRAY_SIZE(pieces); piece++) {
            take(slot, pieces[piece]);
            slot += pieces[piece] / 8;
            for (k = 0; k < pieces[piece] / 2; k++, v++) {
                i = nth_channel(mask, v % n);
                EXPECT_EQ(value(buf, k), (uint16_t)(4 * (v / n) + i));
            }
        }
    }
}

/* A word is there when its last value is, and who asks in between gets the next one. */
static void words_come_when_they_are_complete(void)
{
    static const unsigned int masks[] = { 0x8, 0x5, 0xd, 0xf };
    unsigned int m, n;
    uint64_t w, t, slot, at;

    for (m = 0; m < ARRAY_SIZE(masks); m++) {
        at = 0;
        n = channels_of(masks[m]);
        setup_rx(8, masks[m], AXI_ADC_COUNTER);
        for (w = 0; w < 100; w++) {
            t = ((4 * w + 3) / n + 1 + AXI_RX_LATENCY) * 1000;
            EXPECT_EQ(first(0, t, &slot), t);
            EXPECT_EQ(slot, w);
            EXPECT_EQ(first(0, at + 1, &slot), t);
            EXPECT_EQ(slot, w);
            EXPECT_EQ(first(w, 0, &slot), t);
            EXPECT_EQ(slot, w);
            EXPECT_EQ(port.later(port.opaque, 0, first(0, 0, &slot), w), t);
            at = t;
        }
    }
}

static void scans_begin_with_the_first_channel(void)
{
    uint64_t w, slot;

    for (w = 0; w < 30; w++) {
        setup_rx(8, 0x7, AXI_ADC_NUMBERED);
        first_sync(w, 0, &slot);
        EXPECT_EQ(slot, (w + 2) / 3 * 3);
        take(slot, 24);
        EXPECT_EQ(value(buf, 0), 4 * (slot / 3 * 4));
        setup_rx(8, 0xa, AXI_ADC_NUMBERED);
        first_sync(w, 0, &slot);
        EXPECT_EQ(slot, w);
    }
}

/* What the benchmark checks: each four bytes count, whatever is on */
static void counter_counts_words(void)
{
    unsigned int mask;
    size_t i;

    for (mask = 1; mask < 16; mask++) {
        setup_rx(8, mask, AXI_ADC_COUNTER);
        take(7, 800);
        for (i = 0; i < 200; i++) {
            EXPECT_EQ(count(buf, i), 14 + i);
        }
    }
}

static void waves_are_of_their_channel(void)
{
    enum axi_adc_pattern p;
    unsigned int mask, n;
    uint64_t v;

    for (p = AXI_ADC_BIST; p <= AXI_ADC_PNX; p++) {
        for (mask = 1; mask < 16; mask++) {
            n = channels_of(mask);
            setup_rx(8, mask, p);
            take(100001, 4000);
            for (v = 0; v < 2000; v++) {
                EXPECT_EQ(value(buf, v), (uint16_t)axi_adc_sample(p, nth_channel(mask, (400004 + v) % n),
                                                                  (400004 + v) / n));
            }
        }
    }
}

/* Sample n belongs to time n / rate, also after years */
static void times_are_exact(void)
{
    static const struct {
        uint64_t num, den, word, t;
    } rows[] = {
        { 1000000000, 61440000, 0, 261 },
        { 1000000000, 61440000, UINT64_C(61440000) * 1000 - 16, UINT64_C(1000000000000) },
        { 1000000000, 61440000, UINT64_C(61440000) * 100000000, UINT64_C(100000000000000261) },
        { 16276, 1000, UINT64_C(1000000000) - 16, UINT64_C(16276000000) },
        { 1000000000, 1, UINT64_C(1000000000), UINT64_C(1000000016) * 1000000000 },
    };
    uint64_t slot, t, got;
    size_t i;

    for (i = 0; i < ARRAY_SIZE(rows); i++) {
        setup_rx(8, 0xf, AXI_ADC_COUNTER);
        axi_rx_set_period(&rx, rows[i].num, rows[i].den, 0);
        t = first(rows[i].word, 0, &slot);
        EXPECT_EQ(t, rows[i].t);
        got = first(0, t, &slot);
        EXPECT_EQ(got, t);
        EXPECT_EQ(slot, rows[i].word);
        EXPECT(first(0, t + 1, &slot) > t);
        EXPECT_EQ(slot, rows[i].word + 1);
        EXPECT_EQ(port.edge(port.opaque, t - 1, 1), t);
        EXPECT(port.edge(port.opaque, t, 1) > t);
        EXPECT_EQ(port.edge(port.opaque, t - 1, 5), port.edge(port.opaque, t, 4));
    }
}

static void never_is_never(void)
{
    uint64_t slot;

    setup_rx(8, 0xf, AXI_ADC_COUNTER);
    EXPECT_EQ(first(0, AXI_DMAC_NEVER, &slot), AXI_DMAC_NEVER);
    EXPECT_EQ(port.edge(port.opaque, AXI_DMAC_NEVER, 1), AXI_DMAC_NEVER);
    EXPECT_EQ(port.later(port.opaque, 0, 16000, UINT64_C(1) << 60), AXI_DMAC_NEVER);
}

/* The clock counts from what was told last; what was before is still where it was. */
static void looking_back(void)
{
    uint64_t slot, t, back[3];
    unsigned int i;

    setup_rx(8, 0xf, AXI_ADC_COUNTER);
    axi_rx_set_period(&rx, 16276, 1000, 0);
    for (i = 0; i < 3; i++) {
        back[i] = first(1000 * i, 0, &slot);
    }
    port.missed(port.opaque, 0, 1000000, true);
    for (i = 0; i < 3; i++) {
        t = back[i];
        EXPECT_EQ(port.edge(port.opaque, t - 1, 1), t);
        EXPECT_EQ(first(1000 * i, t, &slot), t);
        EXPECT_EQ(slot, 1000 * i);
        EXPECT(port.edge(port.opaque, t, 1) > t && port.edge(port.opaque, t, 1) < t + 18);
    }
}

/* Clocks of recordings: 16.276 ns, the first edge at 3.55 ns */
static void edges_with_a_phase(void)
{
    uint64_t n, t, slot;

    setup_rx(8, 0xf, AXI_ADC_COUNTER);
    axi_rx_set_period(&rx, 16276, 1000, 0);
    axi_rx_set_phase(&rx, 3550);
    EXPECT_EQ(port.edge(port.opaque, 0, 1), 4);
    EXPECT_EQ(port.edge(port.opaque, 3, 2), 20);
    for (n = 1; n < 3000; n++) {
        t = (n * 16276 + 3550 + 999) / 1000;
        EXPECT_EQ(port.edge(port.opaque, t - 1, 1), t);
        EXPECT(port.edge(port.opaque, t, 1) > t);
        if (n > AXI_RX_LATENCY) {
            EXPECT_EQ(first(0, t, &slot), t);
            EXPECT_EQ(slot, n - AXI_RX_LATENCY - 1);
        }
    }
}

/* The new packing begins with the first channel, and with the sample that is next by then. */
static void change_of_channels(void)
{
    uint64_t slot, t, before;
    size_t i;

    setup_rx(8, 0x7, AXI_ADC_NUMBERED);
    /* 100.5 us: 100 samples have been made, 85 of them are in words or in the one that is being made */
    before = 84 * 3 / 4;
    first(0, 100501, &slot);
    EXPECT_EQ(slot, before);
    axi_rx_set_channels(&rx, 0xc, 100500);
    t = first_sync(0, 100501, &slot);
    EXPECT_EQ(slot, before);
    EXPECT_EQ(t, 102000);
    take(slot, 80);
    for (i = 0; i < 40; i++) {
        EXPECT_EQ(value(buf, i), 4 * (85 + i / 2) + 2 + i % 2);
    }
    /* What was taken of the old packing is fetched later than that. */
    port.move(port.opaque, before - 3, buf, 80, false);
    for (i = 0; i < 12; i++) {
        EXPECT_EQ(value(buf, i), 4 * ((4 * (before - 3) + i) / 3) + (4 * (before - 3) + i) % 3);
    }
    for (; i < 40; i++) {
        EXPECT_EQ(value(buf, i), 4 * (85 + (i - 12) / 2) + 2 + (i - 12) % 2);
    }
    /* Neither does it matter for the times if what was not taken is told late. */
    port.missed(port.opaque, 0, before, true);
    EXPECT_EQ(first_sync(before, 103000, &slot), 104000);
    EXPECT_EQ(slot, before + 1);
    /* The counter does not care */
    rx.pattern = AXI_ADC_COUNTER;
    port.move(port.opaque, before - 3, buf, 80, false);
    for (i = 0; i < 20; i++) {
        EXPECT_EQ(count(buf, i), 2 * (before - 3) + i);
    }
}

/* As the drivers do it: one bit after the other, at any time. */
static void channels_one_by_one(void)
{
    uint64_t slot;
    unsigned int c;

    setup_rx(8, 0, AXI_ADC_NUMBERED);
    EXPECT_EQ(first(0, 50000, &slot), AXI_DMAC_NEVER);
    EXPECT_EQ(axi_rx_position(&rx, 50000), 0);
    for (c = 0; c < 4; c++) {
        axi_rx_set_channels(&rx, (2u << c) - 1, 50000 + 300 * c);
    }
    EXPECT_EQ(first(0, 50901, &slot), 51000);
    EXPECT_EQ(slot, 0);
    take(0, 16);
    /* Sample 0 would have been put out at 16 us; those up to now are of time without channels. */
    EXPECT_EQ(value(buf, 0), 4 * 35);
    EXPECT_EQ(value(buf, 3), 4 * 35 + 3);
    EXPECT_EQ(value(buf, 4), 4 * 36);
    axi_rx_set_channels(&rx, 0, 60000);
    EXPECT_EQ(first(0, 60000, &slot), AXI_DMAC_NEVER);
}

static void first_sample_is_skipped(void)
{
    uint64_t slot;

    setup_rx(8, 0xf, AXI_ADC_NUMBERED);
    rx.skips = true;
    axi_rx_hold(&rx, true, 500);
    axi_rx_start(&rx, 1000500);
    EXPECT_EQ(first(0, 0, &slot), 1000000 + (1 + AXI_RX_LATENCY + 1) * 1000);
    EXPECT_EQ(slot, 0);
    take(0, 8);
    EXPECT_EQ(value(buf, 0), 4);
}

static void rate_changes_without_a_jump(void)
{
    uint64_t slot, t;

    setup_rx(8, 0xf, AXI_ADC_NUMBERED);
    t = first(84, 0, &slot);
    EXPECT_EQ(t, 100000);
    axi_rx_set_period(&rx, 3000, 1, t);
    EXPECT_EQ(first(85, t, &slot), t + 3000);
    EXPECT_EQ(slot, 85);
    EXPECT_EQ(port.later(port.opaque, 85, t + 3000, 10), t + 33000);
    /* Without a rate a word waits for who asks. */
    axi_rx_set_period(&rx, 0, 1, t + 3001);
    port = axi_rx_port(&rx);
    EXPECT(port.waits);
    EXPECT_EQ(first(86, 200001, &slot), 200010);
    EXPECT_EQ(slot, 86);
    EXPECT_EQ(port.later(port.opaque, 86, 200010, 3), 200040);
    EXPECT_EQ(port.edge(port.opaque, 200010, 2), 200030);
    EXPECT_EQ(axi_rx_position(&rx, 300000), 86 * 8);
    take(86, 4096);
    EXPECT_EQ(axi_rx_position(&rx, 300000), (86 + 512) * 8);
    /* And with one again, it goes on from there: the next word takes its time. */
    axi_rx_set_period(&rx, 1000, 1, 300000);
    port = axi_rx_port(&rx);
    EXPECT(!port.waits);
    EXPECT_EQ(first(598, 0, &slot), 301000);
    EXPECT_EQ(slot, 598);
    EXPECT_EQ(first(0, 398000, &slot), 398000);
    EXPECT_EQ(slot, 598 + 97);
    take(slot, 8);
    EXPECT_EQ(value(buf, 0), 4 * (598 + 97));
    /* Before there was any word, too */
    setup_rx(8, 0xf, AXI_ADC_NUMBERED);
    axi_rx_set_period(&rx, 0, 1, 0);
    axi_rx_start(&rx, 0);
    axi_rx_set_period(&rx, 1000, 1, 5000);
    EXPECT_EQ(first(0, 0, &slot), 6000);
    EXPECT_EQ(slot, 0);
}

/* A request still begins with a scan: the words before it are dropped. */
static void no_rate_and_three_channels(void)
{
    uint64_t slot;

    setup_rx(8, 0x7, AXI_ADC_NUMBERED);
    axi_rx_set_period(&rx, 0, 1, 0);
    port = axi_rx_port(&rx);
    EXPECT_EQ(first_sync(0, 1000, &slot), 1000);
    EXPECT_EQ(slot, 0);
    take(0, 4096);
    EXPECT_EQ(first_sync(512, 9000, &slot), 9010);
    EXPECT_EQ(slot, 513);
    port.missed(port.opaque, 512, 513, true);
    take(513, 8);
    EXPECT_EQ(value(buf, 0), 4 * (513 / 3 * 4));
    EXPECT_EQ(rx.lost_bytes, 8);
    EXPECT(!axi_rx_overflowed(&rx, 1000000));
}

static void hold_loses_nothing(void)
{
    uint64_t slot;

    setup_rx(8, 0x3, AXI_ADC_NUMBERED);
    axi_rx_hold(&rx, true, 50000);
    EXPECT_EQ(first(0, 50000, &slot), AXI_DMAC_NEVER);
    EXPECT_EQ(port.later(port.opaque, 0, 50000, 1), AXI_DMAC_NEVER);
    EXPECT_EQ(port.edge(port.opaque, 50000, 1), 51000);
    EXPECT_EQ(axi_rx_position(&rx, 90000), 35 / 2 * 8);
    axi_rx_set_period(&rx, 2000, 1, 80000);
    axi_rx_set_channels(&rx, 0xf, 85000);
    axi_rx_hold(&rx, false, 100000);
    axi_rx_hold(&rx, false, 100100);
    EXPECT_EQ(first(0, 100000, &slot), 102000);
    EXPECT_EQ(slot, 17);
    take(17, 8);
    EXPECT_EQ(value(buf, 0), 4 * 35);
}

static void narrow_and_wide_slots(void)
{
    static const unsigned int widths[] = { 2, 4, 16, 64, 128 };
    unsigned int w, mask, n, per;
    uint64_t slot, v, t, last, i;

    for (w = 0; w < ARRAY_SIZE(widths); w++) {
        for (mask = 1; mask < 16; mask++) {
            n = channels_of(mask);
            per = widths[w] / 2;
            setup_rx(widths[w], mask, AXI_ADC_NUMBERED);
            for (slot = 0, last = 0; slot < 60; slot++) {
                /* No two at one edge, and none before its last value */
                t = first(slot, 0, &v);
                EXPECT_EQ(v, slot);
                EXPECT(t > last && t >= (((slot + 1) * per - 1) / n + AXI_RX_LATENCY) * 1000);
                EXPECT(port.edge(port.opaque, last, 1) <= t);
                EXPECT_EQ(first(0, last + 1, &v), t);
                EXPECT_EQ(v, slot);
                first_sync(slot, 0, &v);
                EXPECT(v - slot < 4 && v * per % n == 0);
                last = t;
            }
            take(12, 12 * widths[w]);
            for (v = 12 * per, i = 0; i < 12 * per; i++, v++) {
                EXPECT_EQ(value(buf, i), (uint16_t)(4 * (v / n) + nth_channel(mask, v % n)));
            }
        }
    }
}

static void loss_on_request(void)
{
    uint64_t slot;

    setup_rx(8, 0xf, AXI_ADC_COUNTER);
    axi_rx_lose(&rx, 33, 100000);
    EXPECT(axi_rx_overflowed(&rx, 100000));
    EXPECT_EQ(rx.lost_bytes, 40);
    EXPECT_EQ(rx.overflows, 1);
    EXPECT_EQ(first(85, 100001, &slot), 106000);
    EXPECT_EQ(slot, 85);
    take(84, 16);
    EXPECT_EQ(count(buf, 1), 169);
    EXPECT_EQ(count(buf, 2), 180);
    axi_rx_clear_overflow(&rx, 100000);
    EXPECT(!axi_rx_overflowed(&rx, 1000000));
}

/* Shows late, stays, and comes back at once while it lasts. */
static void overflow_flag(void)
{
    uint64_t slot, delay = AXI_FLAG_DELAY * 1000;

    setup_rx(8, 0xf, AXI_ADC_COUNTER);
    port.missed(port.opaque, 0, 10, false);
    EXPECT(!axi_rx_overflowed(&rx, 10000000));
    first(10, 0, &slot);
    port.missed(port.opaque, 10, 100, true);        /* from 26 to 115 us */
    EXPECT(!axi_rx_overflowed(&rx, 26000 + delay - 1));
    EXPECT(axi_rx_overflowed(&rx, 26000 + delay));
    axi_rx_clear_overflow(&rx, 26000 + delay);
    EXPECT(!axi_rx_overflowed(&rx, 26000 + delay));
    EXPECT(axi_rx_overflowed(&rx, 27000 + delay));
    EXPECT(axi_rx_overflowed(&rx, 1000000));
    axi_rx_clear_overflow(&rx, 115000 + delay - 1);
    EXPECT(axi_rx_overflowed(&rx, 115000 + delay));
    axi_rx_clear_overflow(&rx, 115000 + delay);
    EXPECT(!axi_rx_overflowed(&rx, 100000000));
    /* The end of the one, cleared, and the begin of the next */
    port.missed(port.opaque, 1000, 1001, true);     /* 1016 us */
    port.missed(port.opaque, 2000, 2001, true);
    EXPECT(axi_rx_overflowed(&rx, 1016000 + delay));
    axi_rx_clear_overflow(&rx, 1500000);
    EXPECT(!axi_rx_overflowed(&rx, 2016000 + delay - 1));
    EXPECT(axi_rx_overflowed(&rx, 2016000 + delay));
    /* Words that moved all the same */
    axi_rx_clear_overflow(&rx, 3000000);
    axi_rx_flagged(&rx, 3000, 3002);
    EXPECT(axi_rx_overflowed(&rx, 3016000 + delay));
    EXPECT_EQ(rx.lost_bytes, 0);
}

static void losses_are_of_a_run(void)
{
    setup_rx(8, 0xf, AXI_ADC_COUNTER);
    port.missed(port.opaque, 0, 10, true);
    EXPECT_EQ(rx.lost_bytes, 0);
    axi_rx_taken(&rx, 10, 160);
    port.missed(port.opaque, 30, 35, true);
    port.missed(port.opaque, 35, 40, true);
    axi_rx_taken(&rx, 40, 8);
    port.missed(port.opaque, 41, 42, false);
    EXPECT_EQ(rx.lost_bytes, 11 * 8);
    EXPECT_EQ(rx.overflows, 2);
    axi_rx_enable(&rx, false);
    /* A burst that was on its way */
    axi_rx_taken(&rx, 42, 8);
    port.missed(port.opaque, 43, 100, true);
    axi_rx_enable(&rx, true);
    port.missed(port.opaque, 100, 200, true);
    EXPECT_EQ(rx.lost_bytes, 11 * 8);
    axi_rx_taken(&rx, 200, 8);
    port.missed(port.opaque, 201, 202, true);
    EXPECT_EQ(rx.lost_bytes, 12 * 8);
    EXPECT_EQ(rx.overflows, 3);
}

static void reset_counts_on(void)
{
    uint64_t slot;

    setup_rx(8, 0xf, AXI_ADC_COUNTER);
    axi_rx_reset(&rx, 100000);
    EXPECT_EQ(first(0, 0, &slot), AXI_DMAC_NEVER);
    EXPECT_EQ(axi_rx_position(&rx, 100000), 0);
    axi_rx_set_channels(&rx, 0xf, 200000);
    axi_rx_start(&rx, 200000);
    EXPECT_EQ(first(0, 200000, &slot), 216000);
    EXPECT_EQ(slot, 85);
    EXPECT_EQ(axi_rx_position(&rx, 216000), 8);
    take(85, 8);
    EXPECT_EQ(count(buf, 0), 0);
}

/* Transmit */

static struct {
    uint64_t frame[4096];
    uint64_t n;
} out;

static void put_out(void *opaque, uint64_t frame, uint64_t values)
{
    (void)opaque;
    if (frame != out.n) {
        ktap_fail(__FILE__, __LINE__, "a frame was left out");
    }
    if (out.n < ARRAY_SIZE(out.frame)) {
        out.frame[out.n++] = values;
    }
}

static void setup_tx(unsigned int mask, uint64_t num, uint64_t den, uint64_t now)
{
    memset(&out, 0, sizeof(out));
    axi_tx_init(&tx);
    axi_tx_set_period(&tx, num, den, 0);
    tx.out = put_out;
    axi_tx_set_channels(&tx, mask, now);
    axi_tx_start(&tx, now);
    port = axi_tx_port(&tx);
}

/* Values that count from @from on, in the slots from the first one at @t on. Returns the last one's time. */
static uint64_t give(uint64_t t, uint64_t *next, uint16_t from, size_t words)
{
    uint64_t slot, at;
    size_t i, n;

    at = first(*next, t, &slot);
    if (slot > *next) {
        port.missed(port.opaque, *next, slot, true);
    }
    *next = slot + words;
    at = port.later(port.opaque, slot, at, words - 1);
    for (; words; words -= n, slot += n) {
        n = words < 16 ? words : 16;
        for (i = 0; i < 4 * n; i++, from++) {
            buf[2 * i] = from & 0xff;
            buf[2 * i + 1] = from >> 8;
        }
        port.move(port.opaque, slot, buf, 8 * n, words == n);
    }
    return at;
}

static void idle_until(uint64_t t, uint64_t *next)
{
    uint64_t slot;

    if (first(*next, t + 1, &slot) != AXI_DMAC_NEVER && slot > *next) {
        port.missed(port.opaque, *next, slot, true);
        *next = slot;
    }
    axi_tx_advance(&tx, t);
}

static void expect_frames(uint64_t at, uint64_t n, uint16_t from)
{
    uint64_t i;
    unsigned int c;

    for (i = 0; i < n; i++) {
        for (c = 0; c < 4; c++) {
            EXPECT_EQ((uint16_t)(out.frame[at + i] >> 16 * c), (uint16_t)(from + 4 * i + c));
        }
    }
}

/*
 * 128 frames, a gap of 128, 256 frames, as the design did it in simulation: in a gap and after the end the
 * converter gets the last 32 frames again and again, and where they go on depends on the gap.
 */
static void gap_repeats_the_ring(void)
{
    uint64_t next = 0, t;
    unsigned int i;

    setup_tx(0xf, 16276, 1000, 515);
    t = give(2080, &next, 32768, 128);
    EXPECT(t > 4130 && t < 4170);
    t = give(6290, &next, 33280, 256);
    EXPECT(t > 10430 && t < 10470);
    idle_until(12725, &next);
    EXPECT_EQ(out.n, 750);
    for (i = 0; i < 120; i++) {
        EXPECT_EQ(out.frame[i], 0);
    }
    expect_frames(120, 128, 32768);
    expect_frames(248, 32, 33152);
    expect_frames(280, 32, 33152);
    expect_frames(312, 32, 33152);
    expect_frames(344, 288, 33152);
    expect_frames(632, 32, 34176);
    expect_frames(664, 32, 34176);
    expect_frames(696, 32, 34176);
    expect_frames(728, 22, 34176);
    EXPECT_EQ(tx.bytes, 3072);
    EXPECT_EQ(tx.repeated, 128);
    EXPECT_EQ(tx.underflows, 1);
    EXPECT_EQ(tx.frames, 750);
}

/* A gap of less than a round: what is late is missing, what was there before comes again in its place. */
static void short_gap(void)
{
    uint64_t next = 0;
    unsigned int i;

    setup_tx(0xf, 1000, 1, 0);
    give(10000, &next, 0, 100);
    next += 5;
    port.missed(port.opaque, next - 5, next, true);
    give(0, &next, 400, 100);
    idle_until(400000, &next);
    for (i = 0; i < out.n && !out.frame[i]; i++) {
    }
    expect_frames(i, 100, 0);
    /* Writing is five frames less ahead of reading, so nothing is missed. */
    expect_frames(i + 100, 100, 400);
    EXPECT_EQ(tx.underflows, 1);
    EXPECT_EQ(tx.repeated, 0);
}

static void frames_of_1_to_4_channels(void)
{
    unsigned int mask, n, c, k;
    uint64_t next, f, at;
    uint16_t v;

    for (mask = 1; mask < 16; mask++) {
        n = channels_of(mask);
        next = 0;
        setup_tx(mask, 1000, 1, 0);
        at = give(50000, &next, 1, 300);
        EXPECT_EQ(at, first(next - 300, 0, &f) + 299 * 4 / n * 1000);
        idle_until(3000000, &next);
        for (f = 0; f < out.n && !out.frame[f]; f++) {
        }
        for (v = 1, k = 0; k < 1200 / n; k++) {
            for (c = 0; c < 4; c++) {
                EXPECT_EQ((uint16_t)(out.frame[f + k] >> 16 * c), mask >> c & 1 ? v++ : 0);
            }
        }
        EXPECT_EQ(tx.underflows, 0);
        EXPECT_EQ(tx.repeated, 0);
    }
}

static uint64_t bursts(bool look)
{
    uint64_t next = 0, sum = 0, t, i;

    setup_tx(0xf, 1000, 1, 0);
    for (t = 0; t < 3000000; t += 101000) {
        if (look) {
            axi_tx_advance(&tx, t + 8000);
            axi_tx_advance(&tx, t + 13000);
        }
        give(t, &next, (uint16_t)t, 16);
    }
    idle_until(3100000, &next);
    for (i = 0; i < out.n; i++) {
        sum = sum * 31 + out.frame[i];
    }
    return sum;
}

/* Words go out one by one but are told burst by burst: who looks in between must not see what is not known. */
static void looking_changes_nothing(void)
{
    EXPECT_EQ(bursts(true), bursts(false));
}

static void underflow_flag(void)
{
    uint64_t next = 0, t;

    setup_tx(0xf, 1000, 1, 0);
    EXPECT(!axi_tx_underflowed(&tx, 100000));
    idle_until(100000, &next);
    EXPECT(axi_tx_underflowed(&tx, 100000));
    t = give(100001, &next, 0, 200);
    axi_tx_clear_underflow(&tx, t);
    EXPECT(!axi_tx_underflowed(&tx, t));
    idle_until(t + 100000, &next);
    EXPECT(axi_tx_underflowed(&tx, t + 100000));
    axi_tx_clear_underflow(&tx, t + 100000);
    idle_until(t + 102000, &next);
    EXPECT(axi_tx_underflowed(&tx, t + 102000));
}

static void gaps_are_of_a_run(void)
{
    uint64_t next = 0, t;

    setup_tx(0xf, 1000, 1, 0);
    t = give(100000, &next, 0, 100);
    idle_until(t + 100000, &next);
    axi_tx_enable(&tx, false);
    idle_until(t + 200000, &next);
    axi_tx_enable(&tx, true);
    t = give(t + 300000, &next, 0, 100);
    EXPECT_EQ(tx.underflows, 0);
    t = give(t + 100000, &next, 0, 100);
    idle_until(t + 100000, &next);
    EXPECT_EQ(tx.underflows, 1);
    EXPECT(tx.repeated >= 90 && tx.repeated <= 130);
    axi_tx_clear_stats(&tx);
    EXPECT_EQ(tx.underflows + tx.repeated + tx.bytes, 0);
}

static void idle_time_costs_nothing(void)
{
    uint64_t next = 0;

    setup_tx(0xf, 1000000000, 61440000, 0);
    tx.out = NULL;
    give(1000000, &next, 0, 100);
    idle_until(UINT64_C(1000000000000000), &next);
    EXPECT_EQ(tx.frames, UINT64_C(61440000000000));
}

static void stop_and_start(void)
{
    uint64_t next = 0, slot;

    setup_tx(0x3, 1000, 1, 0);
    give(10000, &next, 1, 50);
    axi_tx_stop(&tx, 200000);
    EXPECT_EQ(first(0, 200000, &slot), AXI_DMAC_NEVER);
    EXPECT_EQ(port.edge(port.opaque, 200000, 1), 201000);
    slot = tx.frames;
    axi_tx_advance(&tx, 300000);
    EXPECT_EQ(tx.frames, slot);
    axi_tx_start(&tx, 300000);
    EXPECT(first(0, 300000, &next) > 300000);
    EXPECT(next >= 50);
}

static void no_rate(void)
{
    uint64_t slot;
    size_t i;

    setup_tx(0xf, 0, 1, 0);
    EXPECT(port.waits);
    EXPECT_EQ(first(3, 1001, &slot), 1010);
    EXPECT_EQ(slot, 3);
    memset(buf, 0x55, 800);
    port.move(port.opaque, 3, buf, 800, true);
    EXPECT_EQ(out.n, 100);
    for (i = 0; i < 100; i++) {
        EXPECT_EQ(out.frame[i], UINT64_C(0x5555555555555555));
    }
    EXPECT_EQ(tx.repeated, 0);
}

static void hash_of_the_words(void)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325), next = 0, w;
    uint16_t v;

    setup_tx(0x7, 1000, 1, 0);
    give(10000, &next, 0, 500);
    for (v = 0; v < 2000; v += 4) {
        w = v | (uint64_t)(v + 1) << 16 | (uint64_t)(v + 2) << 32 | (uint64_t)(v + 3) << 48;
        h = (h ^ w) * UINT64_C(0x100000001b3);
    }
    EXPECT_EQ(tx.hash, h);
    EXPECT_EQ(tx.bytes, 4000);
}

/* Words in pairs of 32 bits: each that does not continue the count is a jump, and the next one to count from. */
static void counter_of_the_words(void)
{
    static const uint32_t words[] = { 7, 8, 9, 10, 12, 13, 0xffffffff, 0, 1, 2, 2, 3 };
    size_t i;

    setup_tx(0xf, 0, 1, 0);
    for (i = 0; i < ARRAY_SIZE(words); i++) {
        buf[4 * i] = words[i] & 0xff;
        memset(&buf[4 * i + 1], words[i] > 0xff ? 0xff : 0, 3);
    }
    tx.count = 7;
    port.move(port.opaque, 0, buf, sizeof(words), true);
    EXPECT_EQ(tx.jumps, 3);
    EXPECT_EQ(tx.count, 4);
    axi_tx_clear_stats(&tx);
    EXPECT_EQ(tx.jumps, 0);
    EXPECT_EQ(tx.count, 4);
}

/* Also of channels: a frame of two is four bytes. */
static void lost_is_what_was_repeated(void)
{
    uint64_t next = 0, t;

    setup_tx(0x5, 1000, 1, 0);
    t = give(100000, &next, 0, 100);
    t = give(t + 100000, &next, 0, 100);
    idle_until(t + 100000, &next);
    EXPECT(tx.repeated > 0);
    EXPECT_EQ(tx.lost_bytes, 4 * tx.repeated);
}

/* As if the time in between had not been */
static uint64_t hold(uint64_t ns)
{
    uint64_t next = 0, sum = 0, t, slot, i;

    setup_tx(0xf, 1000, 1, 0);
    t = give(10000, &next, 0, 100);
    axi_tx_hold(&tx, true, t);
    EXPECT_EQ(first(next, t, &slot), AXI_DMAC_NEVER);
    i = tx.frames;
    axi_tx_advance(&tx, t + ns);
    EXPECT_EQ(tx.frames, i);
    axi_tx_hold(&tx, false, t + ns);
    t = give(t + ns, &next, 400, 100);
    idle_until(t + 100000, &next);
    EXPECT_EQ(tx.repeated + tx.underflows, 0);
    for (i = 0; i < out.n; i++) {
        sum = sum * 31 + out.frame[i];
    }
    return sum;
}

static void hold_repeats_nothing(void)
{
    EXPECT_EQ(hold(1000), hold(777000));
    EXPECT_EQ(hold(0), hold(1234567));
}

#define T(name)     { #name, name }

int main(void)
{
    static const struct ktap_test tests[] = {
        T(values_in_order), T(words_come_when_they_are_complete), T(scans_begin_with_the_first_channel),
        T(counter_counts_words), T(waves_are_of_their_channel), T(times_are_exact), T(edges_with_a_phase),
        T(never_is_never), T(looking_back), T(change_of_channels), T(channels_one_by_one),
        T(first_sample_is_skipped), T(rate_changes_without_a_jump), T(no_rate_and_three_channels), T(hold_loses_nothing),
        T(narrow_and_wide_slots), T(loss_on_request),
        T(overflow_flag), T(losses_are_of_a_run), T(reset_counts_on), T(gap_repeats_the_ring), T(short_gap),
        T(frames_of_1_to_4_channels), T(looking_changes_nothing), T(underflow_flag), T(gaps_are_of_a_run),
        T(idle_time_costs_nothing), T(stop_and_start), T(no_rate), T(hash_of_the_words),
        T(counter_of_the_words), T(lost_is_what_was_repeated), T(hold_repeats_nothing),
    };

    return ktap_run(tests, ARRAY_SIZE(tests));
}
