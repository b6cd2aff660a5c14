// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Model of the converter side of ADI's FMComms2/3 design, free of any emulator
 *
 * Not modelled: the data path's filters and corrections (their registers store
 * what is written), the DRP, the loop between DAC and ADC, the tone generators.
 */
#include "axi-adc.h"

#include <string.h>

#define REG(s, off)         ((s)->regs[(off) / 4])
#define NS_PER_S            1000000000u
#define CPU_CLOCK_HZ        100000000u
#define MAX_RATE_HZ         61440000u
#define ADC_VERSION         0x000a0062  /* 10.0.b */
#define DAC_VERSION         0x00090162  /* 9.1.b */
#define FNV_BASIS           UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME           UINT64_C(0x100000001b3)
#define PLENTY              (UINT64_MAX / 4)

__extension__ typedef unsigned __int128 u128;

/* The clock */

static uint64_t clock_position(const struct axi_conv_clock *c, uint64_t now)
{
    u128 bytes;

    if (c->stopped || c->unlimited || now <= c->since) {
        return c->base;
    }
    bytes = (u128)(now - c->since) * c->rate / NS_PER_S;
    return c->base + (uint64_t)(bytes & ~(u128)(AXI_CONV_BEAT - 1));
}

/* First time at which position() is at least @target. */
static uint64_t clock_time_at(const struct axi_conv_clock *c, uint64_t target)
{
    u128 ns;

    if (c->unlimited && !c->stopped) {
        return 0;
    }
    if (target <= c->base) {
        return c->since;
    }
    if (c->stopped) {
        return AXI_CONV_NEVER;
    }
    target = (target - c->base + AXI_CONV_BEAT - 1) & ~UINT64_C(7);
    ns = ((u128)target * NS_PER_S + c->rate - 1) / c->rate;
    return ns > INT64_MAX ? AXI_CONV_NEVER : c->since + (uint64_t)ns;
}

static void clock_set(struct axi_conv_clock *c, uint64_t base, uint64_t now, uint64_t hz, unsigned int nch,
                      bool running)
{
    c->base = base;
    c->since = now;
    c->rate = hz * nch * 2;
    c->unlimited = !hz;
    c->stopped = !running || !nch;
}

/* Registers that both halves have */

static uint32_t clk_freq(uint64_t hz)
{
    /* Two receivers, two transmitters over LVDS: four interface clocks a sample; 16.16 of the CPU clock */
    hz = 4 * (hz ? hz : MAX_RATE_HZ);
    return (uint32_t)(((u128)hz << 16) / CPU_CLOCK_HZ);
}

static uint32_t timer_left(uint64_t end, uint64_t now)
{
    return end > now ? (end - now) / (NS_PER_S / CPU_CLOCK_HZ) : 0;
}

static bool out_of_reset(const uint32_t *regs)
{
    uint32_t need = AXI_CONV_RSTN_RSTN | AXI_CONV_RSTN_MMCM;

    return (regs[AXI_CONV_RSTN / 4] & need) == need;
}

/* Bits that can be written; 0 for registers that do not exist or only read. */
static uint32_t common_mask(uint32_t off)
{
    switch (off) {
    case AXI_CONV_SCRATCH:
    case AXI_CONV_GPIO_OUT:
        return UINT32_MAX;
    case AXI_CONV_PPS_IRQ_MASK:
        return 1;
    case AXI_CONV_RSTN:
        return 7;
    case AXI_CONV_DRP_CNTRL:
        return 0x1fff0000;
    case AXI_CONV_DRP_WDATA:
        return 0xffff;
    default:
        return 0;
    }
}

/* Test patterns */

#define PN_MAX_PERIOD   1048575
static const struct {
    uint8_t len, tap;
    uint32_t period;
} pn[AXI_CONV_CHANNELS] = {
    { 9, 5, 511 }, { 11, 9, 2047 }, { 15, 14, 32767 }, { 20, 3, PN_MAX_PERIOD },
};

/* One period of samples each; filled once, the same for all */
static int16_t pn_table[AXI_CONV_CHANNELS][PN_MAX_PERIOD];
static uint16_t bist_table[65536];
static uint32_t bist_period;

static int16_t sign12(uint32_t v)
{
    return (int16_t)(uint16_t)(v << 4) >> 4;
}

static void fill_pn(unsigned int chan)
{
    uint32_t lfsr = (1u << pn[chan].len) - 1;
    uint32_t i, bit, v;

    for (i = 0; i < pn[chan].period; i++) {
        v = 0;
        for (bit = 0; bit < 12; bit++) {
            lfsr = lfsr << 1 | ((lfsr >> (pn[chan].len - 1) ^ lfsr >> (pn[chan].tap - 1)) & 1);
            v = v << 1 | (lfsr & 1);
        }
        pn_table[chan][i] = sign12(v);
    }
}

static uint32_t parity(uint32_t v)
{
    return (uint32_t)__builtin_popcount(v) & 1;
}

static void fill_tables(void)
{
    uint16_t x = 0xffff;
    unsigned int c;

    do {
        bist_table[bist_period++] = x;
        x = (uint16_t)(x << 1) | (parity(x & 0xfff0) ^ parity(x & 0x0006));
    } while (x != 0xffff);
    for (c = 0; c < AXI_CONV_CHANNELS; c++) {
        fill_pn(c);
    }
}

static uint32_t reverse12(uint32_t v)
{
    uint32_t r = 0;
    int i;

    for (i = 0; i < 12; i++) {
        r = r << 1 | (v >> i & 1);
    }
    return r;
}

int16_t axi_adc_sample(enum axi_adc_pattern pattern, unsigned int chan, uint64_t scan)
{
    uint16_t x;

    if (!bist_period) {
        fill_tables();
    }
    if (pattern == AXI_ADC_PNX) {
        return pn_table[chan][scan % pn[chan].period];
    }
    x = bist_table[scan % bist_period];
    return sign12(chan & 1 ? reverse12(x & 0xfff) : x >> 4);
}

static uint8_t stream_byte(const struct axi_adc *s, uint64_t at)
{
    uint64_t k;

    if (s->pattern == AXI_ADC_COUNTER || !s->nch) {
        return (uint32_t)(at / 4) >> (at % 4 * 8);
    }
    k = (at - s->layout_base) / 2;
    return (uint16_t)axi_adc_sample(s->pattern, s->chan[k % s->nch], s->layout_scan + k / s->nch) >> (at % 2 * 8);
}

static void put_le32(uint8_t *p, uint32_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    memcpy(p, &v, sizeof(v));
}

static void make_bytes(const struct axi_adc *s, uint8_t *buf, uint64_t at, size_t len)
{
    uint32_t word;

    if (s->pattern == AXI_ADC_COUNTER && at % 4 == 0) {
        for (word = at / 4; len >= 4; len -= 4, buf += 4, at += 4) {
            put_le32(buf, word++);
        }
    }
    while (len--) {
        *buf++ = stream_byte(s, at++);
    }
}

/* The FIFO between ADC and DMA */

static uint64_t tail_start(const struct axi_adc *s)
{
    return s->gaps ? s->gap[s->gaps - 1].to : s->rd;
}

uint64_t axi_adc_avail(struct axi_adc *s, uint64_t now)
{
    uint64_t pos, n, to;
    unsigned int i;

    if (s->clock.unlimited && !s->clock.stopped) {
        return PLENTY;
    }
    pos = clock_position(&s->clock, now);
    if (pos <= s->rd) {
        return 0;
    }
    n = pos - s->rd;
    for (i = 0; i < s->gaps; i++) {
        to = s->gap[i].to < pos ? s->gap[i].to : pos;
        n -= to > s->gap[i].at ? to - s->gap[i].at : 0;
    }
    return n;
}

uint64_t axi_adc_when(struct axi_adc *s, uint64_t bytes)
{
    uint64_t at = s->rd;
    unsigned int i;

    for (i = 0; i < s->gaps && bytes > s->gap[i].at - at; i++) {
        bytes -= s->gap[i].at - at;
        at = s->gap[i].to;
    }
    return clock_time_at(&s->clock, at + bytes);
}

static void add_gap(struct axi_adc *s, uint64_t at, uint64_t to)
{
    s->overflows++;
    REG(s, AXI_CONV_UI_STATUS) |= AXI_ADC_UI_OVF;
    if (s->gaps == AXI_ADC_GAPS) {
        /* More gaps than can be told apart: what lies between the last two is lost as well */
        s->lost_bytes += to - s->gap[s->gaps - 1].to;
        s->gap[s->gaps - 1].to = to;
        return;
    }
    s->lost_bytes += to - at;
    s->gap[s->gaps].at = at;
    s->gap[s->gaps].to = to;
    s->gaps++;
}

/* Finds out what the FIFO could not hold while nobody drained it. Data that is on its way is not in the FIFO. */
static void lose_excess(struct axi_adc *s, uint64_t now)
{
    uint64_t pos = clock_position(&s->clock, now);
    uint64_t held, at;

    if (!s->listening || s->draining || s->clock.unlimited) {
        return;
    }
    if (s->gap_open) {
        s->lost_bytes += pos - s->gap[s->gaps - 1].to;
        s->gap[s->gaps - 1].to = pos;
        return;
    }
    held = axi_adc_avail(s, now);
    if (held <= s->fifo_depth) {
        return;
    }
    at = pos - (held - s->fifo_depth);
    at = at > tail_start(s) ? at : tail_start(s);
    add_gap(s, at, pos);
    s->gap_open = true;
}

static void empty_fifo(struct axi_adc *s, uint64_t now)
{
    if (!s->clock.unlimited) {
        s->rd = clock_position(&s->clock, now);
    }
    s->gaps = 0;
    s->gap_open = false;
}

void axi_adc_begin(struct axi_adc *s, uint64_t now)
{
    /* Also between transfers that follow each other: a memory port slower than the stream loses data */
    s->draining = false;
    if (!s->listening) {
        empty_fifo(s, now);
        s->listening = true;
    }
    lose_excess(s, now);
    s->gap_open = false;
    s->draining = true;
}

void axi_adc_end(struct axi_adc *s, uint64_t now)
{
    (void)now;
    s->draining = false;
}

/* The first transfer after this starts in the present: the DMA takes no data without a request */
void axi_adc_enable(struct axi_adc *s, bool on, uint64_t now)
{
    (void)on;
    s->listening = false;
    empty_fifo(s, now);
}

void axi_adc_take(struct axi_adc *s, void *buf, size_t len)
{
    uint8_t *p = buf;
    uint64_t n;

    while (len) {
        if (s->gaps && s->rd == s->gap[0].at) {
            s->rd = s->gap[0].to;
            s->gaps--;
            memmove(&s->gap[0], &s->gap[1], s->gaps * sizeof(s->gap[0]));
            s->gap_open = s->gap_open && s->gaps;
            continue;
        }
        n = s->gaps && s->gap[0].at - s->rd < len ? s->gap[0].at - s->rd : len;
        make_bytes(s, p, s->rd, n);
        s->rd += n;
        p += n;
        len -= n;
    }
}

void axi_adc_force_overflow(struct axi_adc *s, uint64_t bytes, uint64_t now)
{
    uint64_t at;

    lose_excess(s, now);
    s->gap_open = false;
    bytes = (bytes + AXI_CONV_BEAT - 1) & ~UINT64_C(7);
    at = s->clock.unlimited ? s->rd : clock_position(&s->clock, now);
    at = at > tail_start(s) ? at : tail_start(s);
    add_gap(s, at, at + (bytes ? bytes : AXI_CONV_BEAT));
}

uint64_t axi_adc_position(struct axi_adc *s, uint64_t now)
{
    return s->clock.unlimited ? s->rd : clock_position(&s->clock, now);
}

/* The stream goes on at @pos from @now. */
static void adc_start_clock(struct axi_adc *s, uint64_t pos, uint64_t now)
{
    clock_set(&s->clock, pos, now, s->sample_rate, s->nch, out_of_reset(s->regs) && !s->held);
}

/* Keeps the stream continuous over a change of rate or channels. */
static void adc_restart_clock(struct axi_adc *s, uint64_t now)
{
    uint64_t pos = axi_adc_position(s, now);
    unsigned int c;

    lose_excess(s, now);
    if (s->nch) {
        s->layout_scan += (pos - s->layout_base) / 2 / s->nch;
    }
    s->layout_base = pos;
    s->nch = 0;
    for (c = 0; c < AXI_CONV_CHANNELS; c++) {
        if (REG(s, AXI_CONV_CHAN(c, AXI_ADC_CHAN_CTRL)) & AXI_ADC_CHAN_ENABLE) {
            s->chan[s->nch++] = c;
        }
    }
    adc_start_clock(s, pos, now);
}

void axi_adc_set_rate(struct axi_adc *s, uint64_t hz, uint64_t now)
{
    uint64_t pos = axi_adc_position(s, now);

    if (hz == s->sample_rate) {
        return;
    }
    lose_excess(s, now);
    s->sample_rate = hz;
    adc_start_clock(s, pos, now);
}

void axi_adc_hold(struct axi_adc *s, bool on, uint64_t now)
{
    uint64_t pos = axi_adc_position(s, now);

    if (on == s->held) {
        return;
    }
    lose_excess(s, now);
    s->held = on;
    adc_start_clock(s, pos, now);
}

void axi_adc_set_pattern(struct axi_adc *s, enum axi_adc_pattern pattern)
{
    s->pattern = pattern;
}

/* ADC registers */

static bool pn_out_of_sync(const struct axi_adc *s, unsigned int c)
{
    uint32_t ctrl = REG(s, AXI_CONV_CHAN(c, AXI_ADC_CHAN_CTRL));
    bool type = ctrl & AXI_ADC_CHAN_PN_TYPE_OWR;
    bool sel = ctrl & AXI_ADC_CHAN_PN_SEL_OWR;
    bool pnx = (REG(s, AXI_CONV_CHAN(c, AXI_ADC_CHAN_CNTRL_3)) >> 16 & 15) == 9;

    if (type != sel) {
        pnx = sel;
    }
    return out_of_reset(s->regs) && s->pattern != (pnx ? AXI_ADC_PNX : AXI_ADC_BIST);
}

static uint32_t adc_chan_mask(uint32_t reg)
{
    switch (reg) {
    case AXI_ADC_CHAN_CTRL:
        return 0xf73;
    case AXI_ADC_CHAN_CNTRL_1:
    case AXI_ADC_CHAN_CNTRL_2:
        return UINT32_MAX;
    case AXI_ADC_CHAN_CNTRL_3:
        return 0x000f000f;
    default:
        return 0;
    }
}

static uint32_t adc_mask(uint32_t off)
{
    if (off >= 0x800) {
        return off < AXI_ADC_DELAY(AXI_ADC_LANES) ? 0x1f : 0;
    }
    if (off >= 0x400) {
        return off < AXI_CONV_CHAN(AXI_CONV_CHANNELS, 0) ? adc_chan_mask(off & 0x3f) : 0;
    }
    switch (off) {
    case AXI_CONV_CNTRL:
        return 0x0001df07;      /* SYNC, bit 3, clears itself */
    case AXI_CONV_CNTRL_3:
        return 0x1ff;
    case AXI_ADC_CUSTOM_WR:
    case AXI_ADC_START_CODE:
        return UINT32_MAX;
    default:
        return common_mask(off);
    }
}

static uint32_t adc_chan_read(struct axi_adc *s, uint32_t off)
{
    unsigned int c = (off - 0x400) / 0x40;

    if (c >= AXI_CONV_CHANNELS) {
        return 0;
    }
    switch (off & 0x3f) {
    case AXI_ADC_CHAN_STATUS:
        REG(s, off) |= pn_out_of_sync(s, c) ? AXI_ADC_CHAN_PN_OOS : 0;
        return REG(s, off);
    case AXI_CONV_CHAN_USR_1:
        return 0x01001010;      /* signed, 16 bits of 16 */
    case AXI_CONV_CHAN_USR_2:
        return 0x00010001;
    default:
        return REG(s, off);
    }
}

static uint32_t adc_status(struct axi_adc *s)
{
    uint32_t v = out_of_reset(s->regs);
    unsigned int c;

    for (c = 0; c < AXI_CONV_CHANNELS; c++) {
        v |= adc_chan_read(s, AXI_CONV_CHAN(c, AXI_ADC_CHAN_STATUS)) & AXI_ADC_CHAN_PN_OOS ? 1u << 2 : 0;
    }
    return v;
}

uint32_t axi_adc_read(struct axi_adc *s, uint32_t off, uint64_t now)
{
    off &= AXI_ADC_MAP_SIZE - 4;
    if (off >= 0x400 && off < 0x800) {
        return adc_chan_read(s, off);
    }
    switch (off) {
    case AXI_CONV_VERSION:
        return ADC_VERSION;
    case AXI_CONV_CLK_FREQ:
        return out_of_reset(s->regs) ? clk_freq(s->sample_rate) : 0;
    case AXI_CONV_CLK_RATIO:
        return 1;
    case AXI_CONV_STATUS:
        return adc_status(s);
    case AXI_CONV_DRP_STATUS:
        return AXI_CONV_DRP_LOCKED;
    case AXI_CONV_UI_STATUS:
        lose_excess(s, now);
        return REG(s, off);
    case 0x08c:
        return 8;
    case AXI_CONV_TIMER:
        return timer_left(s->timer_end, now);
    default:
        return REG(s, off);
    }
}

static void adc_write_rstn(struct axi_adc *s, uint32_t value, uint64_t now)
{
    bool was = out_of_reset(s->regs);

    adc_restart_clock(s, now);
    REG(s, AXI_CONV_RSTN) = value & 7;
    if (out_of_reset(s->regs) && !was) {
        s->clock.base = 0;
        s->layout_base = 0;
        s->layout_scan = 0;
        s->rd = 0;
        s->gaps = 0;
        s->gap_open = false;
        adc_start_clock(s, 0, now);
    } else {
        adc_restart_clock(s, now);
    }
}

void axi_adc_write(struct axi_adc *s, uint32_t off, uint32_t value, uint64_t now)
{
    uint32_t mask;

    off &= AXI_ADC_MAP_SIZE - 4;
    mask = adc_mask(off);
    if (off == AXI_CONV_RSTN) {
        adc_write_rstn(s, value, now);
        return;
    }
    if (off == AXI_CONV_TIMER) {
        s->timer_end = now + (uint64_t)value * (NS_PER_S / CPU_CLOCK_HZ);
        return;
    }
    if (off == AXI_CONV_UI_STATUS) {
        lose_excess(s, now);
        REG(s, off) &= ~value;
        return;
    }
    if (off >= 0x400 && off < 0x800 && (off & 0x3f) == AXI_ADC_CHAN_STATUS) {
        REG(s, off) &= ~value;
        return;
    }
    value = (REG(s, off) & ~mask) | (value & mask);
    if (off >= 0x400 && off < 0x800 && (off & 0x3f) == AXI_ADC_CHAN_CTRL &&
        ((value ^ REG(s, off)) & AXI_ADC_CHAN_ENABLE)) {
        lose_excess(s, now);
        REG(s, off) = value;
        adc_restart_clock(s, now);
    }
    REG(s, off) = value;
}

void axi_adc_reset(struct axi_adc *s, uint64_t now)
{
    memset(s->regs, 0, sizeof(s->regs));
    REG(s, AXI_CONV_PPS_IRQ_MASK) = 1;
    s->timer_end = 0;
    s->nch = 0;
    s->rd = 0;
    s->gaps = 0;
    s->gap_open = false;
    s->layout_base = 0;
    s->layout_scan = 0;
    s->lost_bytes = 0;
    s->overflows = 0;
    clock_set(&s->clock, 0, now, s->sample_rate, 0, false);
}

void axi_adc_init(struct axi_adc *s, uint32_t fifo_depth)
{
    memset(s, 0, sizeof(*s));
    s->fifo_depth = fifo_depth & ~7u;
    axi_adc_reset(s, 0);
}

/* DAC: the FIFO runs ahead of the clock by at most its depth */

static bool dac_starves(const struct axi_dac *s, uint64_t now)
{
    return !s->clock.unlimited && !s->clock.stopped && clock_position(&s->clock, now) > s->wr;
}

static void dac_underflow(struct axi_dac *s, uint64_t now)
{
    if (!dac_starves(s, now)) {
        return;
    }
    REG(s, AXI_CONV_UI_STATUS) |= AXI_DAC_UI_UNF;
    s->underflows++;
    s->wr = clock_position(&s->clock, now);
}

void axi_dac_enable(struct axi_dac *s, bool on, uint64_t now)
{
    (void)on;
    dac_underflow(s, now);
}

void axi_dac_begin(struct axi_dac *s, uint64_t now)
{
    dac_underflow(s, now);
}

void axi_dac_end(struct axi_dac *s, uint64_t now)
{
    (void)s;
    (void)now;
}

uint64_t axi_dac_when(struct axi_dac *s, uint64_t bytes)
{
    uint64_t target = s->wr + bytes;

    return clock_time_at(&s->clock, target > s->fifo_depth ? target - s->fifo_depth : 0);
}

uint64_t axi_dac_avail(struct axi_dac *s, uint64_t now)
{
    uint64_t room = clock_position(&s->clock, now) + s->fifo_depth;

    if (s->clock.unlimited && !s->clock.stopped) {
        return PLENTY;
    }
    return room > s->wr ? room - s->wr : 0;
}

static void hash_word(struct axi_dac *s, uint64_t w)
{
    s->hash = (s->hash ^ w) * FNV_PRIME;
}

void axi_dac_put(struct axi_dac *s, const void *buf, size_t len)
{
    const uint8_t *p = buf;
    uint64_t w;

    s->wr += len;
    while (len) {
        if (s->bytes % 8 == 0 && len >= 8) {
            memcpy(&w, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            w = __builtin_bswap64(w);
#endif
            hash_word(s, w);
            s->bytes += 8;
            p += 8;
            len -= 8;
            continue;
        }
        s->word |= (uint64_t)*p++ << (s->bytes % 8 * 8);
        len--;
        if (++s->bytes % 8 == 0) {
            hash_word(s, s->word);
            s->word = 0;
        }
    }
}

static unsigned int dac_sel(const struct axi_dac *s, unsigned int c)
{
    uint32_t owr = REG(s, AXI_CONV_CHAN(c, AXI_DAC_CHAN_CNTRL_6)) & 3;

    return owr == 1 ? 9 : owr == 2 ? 8 : REG(s, AXI_CONV_CHAN(c, AXI_DAC_CHAN_CNTRL_7)) & 15;
}

static void dac_restart_clock(struct axi_dac *s, uint64_t now)
{
    uint64_t pos = s->clock.unlimited ? s->wr : clock_position(&s->clock, now);
    unsigned int c, n = 0;

    for (c = 0; c < AXI_CONV_CHANNELS; c++) {
        n += dac_sel(s, c) == AXI_DAC_SEL_DMA;
    }
    clock_set(&s->clock, pos, now, s->sample_rate, n, out_of_reset(s->regs));
}

void axi_dac_set_rate(struct axi_dac *s, uint64_t hz, uint64_t now)
{
    if (hz == s->sample_rate) {
        return;
    }
    dac_underflow(s, now);
    s->sample_rate = hz;
    dac_restart_clock(s, now);
}

static uint32_t dac_chan_mask(uint32_t reg)
{
    static const uint32_t mask[] = {
        0xffff, UINT32_MAX, 0xffff, UINT32_MAX, UINT32_MAX, 0x7, 0xf, UINT32_MAX, 0, 0, 0x3,
    };

    return reg / 4 < sizeof(mask) / sizeof(mask[0]) ? mask[reg / 4] : 0;
}

static uint32_t dac_mask(uint32_t off)
{
    if (off >= 0x400) {
        return off < AXI_CONV_CHAN(AXI_CONV_CHANNELS, 0) ? dac_chan_mask(off & 0x3f) : 0;
    }
    switch (off) {
    case AXI_CONV_CNTRL_2:
        return 0x0001dff0;
    case AXI_CONV_CNTRL_3:
        return 0xffff;
    case AXI_DAC_CLKSEL:
        return 1;
    default:
        return common_mask(off);
    }
}

uint32_t axi_dac_read(struct axi_dac *s, uint32_t off, uint64_t now)
{
    off &= AXI_DAC_MAP_SIZE - 4;
    if (off >= 0x400) {
        if (off >= AXI_CONV_CHAN(AXI_CONV_CHANNELS, 0)) {
            return 0;
        }
        switch (off & 0x3f) {
        case AXI_CONV_CHAN_USR_1:
            return 0x01001010;
        case AXI_CONV_CHAN_USR_2:
            return 0x00010001;
        default:
            return REG(s, off);
        }
    }
    switch (off) {
    case AXI_CONV_VERSION:
        return DAC_VERSION;
    case AXI_CONV_CLK_FREQ:
        return out_of_reset(s->regs) ? clk_freq(s->sample_rate) : 0;
    case AXI_CONV_CLK_RATIO:
        return 1;
    case AXI_CONV_STATUS:
        return out_of_reset(s->regs);
    case AXI_CONV_DRP_STATUS:
        return AXI_CONV_DRP_LOCKED;
    case AXI_CONV_UI_STATUS:
        dac_underflow(s, now);
        return REG(s, off);
    case AXI_CONV_TIMER:
        return timer_left(s->timer_end, now);
    default:
        return REG(s, off);
    }
}

void axi_dac_write(struct axi_dac *s, uint32_t off, uint32_t value, uint64_t now)
{
    uint32_t mask;

    off &= AXI_DAC_MAP_SIZE - 4;
    mask = dac_mask(off);
    if (off == AXI_CONV_TIMER) {
        s->timer_end = now + (uint64_t)value * (NS_PER_S / CPU_CLOCK_HZ);
        return;
    }
    dac_underflow(s, now);
    if (off == AXI_CONV_UI_STATUS) {
        REG(s, off) &= ~value;
        return;
    }
    REG(s, off) = (REG(s, off) & ~mask) | (value & mask);
    if (off == AXI_CONV_RSTN || off >= 0x400) {
        dac_restart_clock(s, now);
    }
}

void axi_dac_clear_stats(struct axi_dac *s)
{
    s->bytes = 0;
    s->word = 0;
    s->hash = FNV_BASIS;
    s->underflows = 0;
}

void axi_dac_reset(struct axi_dac *s, uint64_t now)
{
    memset(s->regs, 0, sizeof(s->regs));
    REG(s, AXI_CONV_PPS_IRQ_MASK) = 1;
    s->timer_end = 0;
    s->wr = 0;
    axi_dac_clear_stats(s);
    clock_set(&s->clock, 0, now, s->sample_rate, 0, false);
}

void axi_dac_init(struct axi_dac *s, uint32_t fifo_depth)
{
    memset(s, 0, sizeof(*s));
    s->fifo_depth = fifo_depth & ~7u;
    axi_dac_reset(s, 0);
}
