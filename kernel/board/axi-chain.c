// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Model of what stands between a converter and its DMA controller in ADI's FMComms2/3 design
 */
#include "axi-chain.h"

#include <string.h>

#define NO_RATE_NS          10      /* without a rate the bus clock is the only one there is */
#define TX_REQUEST          5       /* edges from util_rfifo's request to util_upack2's first frame */
#define TX_WRITE            2       /* edges from a word to its frame in the ring */
#define FNV_BASIS           UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME           UINT64_C(0x100000001b3)

/* Whether @a comes before @b, modulo 2^64 */
static bool before(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

static uint64_t div_up(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

/*
 * a / b, with @inverse = 1.0 / b: the product is off by one, or by a little more if it is large. The DMA
 * controller asks for times again and again, and divisions of 64 bits are what that costs.
 */
static uint64_t divide(uint64_t a, uint64_t b, double inverse, uint64_t *rest)
{
    uint64_t q = (uint64_t)(int64_t)((double)a * inverse);
    int64_t r = (int64_t)(a - q * b);

    for (; r < 0; r += (int64_t)b) {
        q--;
    }
    for (; r >= (int64_t)b; r -= (int64_t)b) {
        q++;
    }
    *rest = (uint64_t)r;
    return q;
}

/* The clock: @num ns, a round, are @den edges. What it counts from follows, so there are few rounds to count. */

static int64_t whole_rounds(int64_t a, uint64_t round, double inverse, uint64_t *rest)
{
    int64_t n = 0;

    if (a < 0) {
        n = (a + 1) / (int64_t)round - 1;
        *rest = (uint64_t)(a - n * (int64_t)round);
        return n;
    }
    if ((uint64_t)a / 4 >= round) {
        return (int64_t)divide((uint64_t)a, round, inverse, rest);
    }
    for (; (uint64_t)a >= round; a -= (int64_t)round) {
        n++;
    }
    *rest = (uint64_t)a;
    return n;
}

static void clock_set(struct axi_clock *c, uint64_t since, uint64_t base, uint64_t num, uint64_t den)
{
    *c = (struct axi_clock) {
        .since = since,
        .base = base,
        .num = num,
        .den = den,
        .per_num = 1.0 / (double)num,
        .per_den = 1.0 / (double)den,
    };
}

/* A round is a period, and begins at an edge: there is little to compute. */
static bool is_whole(const struct axi_clock *c)
{
    return c->den == 1 && !c->phase;
}

/* The last edge up to @t. *@exact: it is at @t */
static uint64_t count_edges(const struct axi_clock *c, uint64_t t, bool *exact)
{
    uint64_t edges, rest;
    int64_t rounds;

    rounds = whole_rounds((int64_t)(t - c->since), c->num, c->per_num, &rest);
    if (is_whole(c)) {
        *exact = !rest;
        return c->base + (uint64_t)rounds;
    }
    if (rest * c->den < c->phase) {
        rounds--;
        rest += c->num;
    }
    edges = divide(rest * c->den - c->phase, c->num, c->per_num, &rest);
    *exact = rest < c->den;
    return c->base + (uint64_t)rounds * c->den + edges;
}

static uint64_t time_of_edge(const struct axi_clock *c, uint64_t edge)
{
    int64_t rounds = (int64_t)(edge - c->base), since;
    uint64_t ns = 0, rest;

    if (!is_whole(c)) {
        rounds = whole_rounds(rounds, c->den, c->per_den, &rest);
        ns = divide(rest * c->num + c->phase + c->den - 1, c->den, c->per_den, &rest);
    }
    if (__builtin_mul_overflow(rounds, (int64_t)c->num, &since)) {
        return AXI_DMAC_NEVER;
    }
    return c->since + (uint64_t)since + ns;
}

/* The same questions come many times, so the last answers are kept. */

static const struct axi_clock_answer *clock_look(struct axi_clock *c, uint64_t t)
{
    struct axi_clock_answer *a = &c->edge_at[t % AXI_CLOCK_ANSWERS];

    if (a->question != t || !a->valid) {
        a->answer = count_edges(c, t, &a->exact);
        a->question = t;
        a->valid = true;
    }
    return a;
}

static uint64_t clock_edge(struct axi_clock *c, uint64_t t)
{
    return clock_look(c, t)->answer;
}

/* The first edge at @t or later */
static uint64_t clock_edge_from(struct axi_clock *c, uint64_t t)
{
    const struct axi_clock_answer *a = clock_look(c, t);

    return a->answer + !a->exact;
}

static uint64_t clock_time(struct axi_clock *c, uint64_t edge)
{
    struct axi_clock_answer *a = &c->time_of[edge % AXI_CLOCK_ANSWERS];

    if (is_whole(c)) {
        return time_of_edge(c, edge);
    }
    if (a->question != edge || !a->valid) {
        a->answer = time_of_edge(c, edge);
        a->question = edge;
        a->valid = true;
    }
    return a->answer;
}

static void clock_set_phase(struct axi_clock *c, uint64_t phase)
{
    clock_set(c, c->since, c->base, c->num, c->den);
    c->phase = phase;
}

/* @edge has come to pass. */
static void clock_follow(struct axi_clock *c, uint64_t edge)
{
    uint64_t rounds;

    if ((int64_t)(edge - c->base) >= (int64_t)(2 * c->den)) {
        rounds = (edge - c->base) / c->den - 1;
        c->base += rounds * c->den;
        c->since += rounds * c->num;
    }
}

/* Slots */

static void slots_init(struct axi_slots *s, unsigned int values, unsigned int lead)
{
    clock_set(&s->clock, 0, 0, NO_RATE_NS, 1);
    s->waits = true;
    s->stopped = true;
    s->values = values;
    s->lead = lead;
    s->edges = values < AXI_CHANNELS ? AXI_CHANNELS / values : 1;
}

/* Divisors that the compiler knows */
static uint64_t per_channel(unsigned int channels, uint64_t n)
{
    switch (channels) {
    case 1:
        return n;
    case 2:
        return n / 2;
    case 3:
        return n / 3;
    default:
        return n / 4;
    }
}

/* Edges from the begin of the packing to its word @word */
static uint64_t word_edges(const struct axi_slots *s, uint64_t word)
{
    return per_channel(s->channels, (word * s->values + s->lead) * s->edges);
}

static uint64_t slot_edge(const struct axi_slots *s, uint64_t slot)
{
    return s->edge0 + word_edges(s, slot - s->slot0);
}

/* The same of a slot that was told; from before this packing it may be told late, its edge is forgotten by then. */
static uint64_t told_edge(const struct axi_slots *s, uint64_t slot)
{
    return slot_edge(s, before(slot, s->slot0) ? s->slot0 : slot);
}

/* The first slot of this packing at edge @e or later */
static uint64_t slot_from(const struct axi_slots *s, uint64_t e)
{
    uint64_t values;

    if (before(e, s->edge0)) {
        return s->slot0;
    }
    values = (e - s->edge0) * s->channels;
    values = s->edges == 1 ? values : div_up(values, s->edges);
    if (values <= s->lead) {
        return s->slot0;
    }
    values -= s->lead;
    return s->slot0 + (s->values == AXI_CHANNELS ? div_up(values, AXI_CHANNELS) : div_up(values, s->values));
}

/* How far the slots have come */
static uint64_t slots_edge(struct axi_slots *s, uint64_t now)
{
    return s->stopped ? s->stopped_at : clock_edge(&s->clock, now);
}

/* The first slot that is still to come */
static uint64_t slots_next(struct axi_slots *s, uint64_t now)
{
    uint64_t n;

    if (s->waits || !s->channels) {
        return s->next;
    }
    n = slot_from(s, slots_edge(s, now) + 1);
    return before(n, s->next) ? s->next : n;
}

/* The DMA controller has said what became of the slots up to @next. */
static void slots_told(struct axi_slots *s, uint64_t next)
{
    s->next = next;
    if (!s->waits) {
        clock_follow(&s->clock, told_edge(s, next - 1));
    }
}

static void slots_stop(struct axi_slots *s, uint64_t now)
{
    if (!s->stopped) {
        s->next = slots_next(s, now);
        s->stopped_at = clock_edge(&s->clock, now);
        s->stopped = true;
        s->changes++;
    }
}

static void slots_go_on(struct axi_slots *s, uint64_t now)
{
    if (s->stopped) {
        s->edge0 += clock_edge(&s->clock, now) - s->stopped_at;
        s->stopped = false;
        s->changes++;
    }
}

static void slots_set_channels(struct axi_slots *s, unsigned int mask)
{
    unsigned int c;

    s->channels = 0;
    for (c = 0; c < AXI_CHANNELS; c++) {
        if (mask >> c & 1) {
            s->channel[s->channels++] = c;
        }
    }
    s->changes++;
}

/* Words go on where they are: the next one comes after the time that it takes to make one. */
static void slots_set_period(struct axi_slots *s, uint64_t num, uint64_t den, uint64_t now)
{
    bool waited = s->waits;
    uint64_t word, edge;

    s->next = slots_next(s, now);
    edge = clock_edge(&s->clock, now);
    if (num) {
        clock_set(&s->clock, now, edge, num, den * s->edges);
    } else {
        clock_set(&s->clock, now - now % NO_RATE_NS, edge, NO_RATE_NS, 1);
    }
    s->waits = !num;
    s->changes++;
    if (waited && !s->waits && s->channels) {
        word = s->next - s->slot0;
        s->edge0 = slots_edge(s, now) + !word - (word ? word_edges(s, word - 1) : 0);
    }
}

static uint64_t edge_after(struct axi_slots *s, uint64_t t, unsigned int n)
{
    return t > INT64_MAX ? AXI_DMAC_NEVER : clock_time(&s->clock, clock_edge(&s->clock, t) + n);
}

static bool begins_scan(const struct axi_slots *s, uint64_t slot)
{
    uint64_t value = (slot - s->slot0) * s->values;

    return per_channel(s->channels, value) * s->channels == value;
}

static uint64_t slots_first(struct axi_slots *s, uint64_t from, uint64_t t, bool sync, uint64_t *slot)
{
    uint64_t e, n = from;

    if (s->stopped || !s->channels || t > INT64_MAX) {
        return AXI_DMAC_NEVER;
    }
    e = clock_edge_from(&s->clock, t);
    if (!s->waits) {
        n = slot_from(s, e);
        n = before(n, from) ? from : n;
    }
    while (sync && !begins_scan(s, n)) {
        n++;
    }
    *slot = n;
    return clock_time(&s->clock, s->waits ? e + (n - from) : slot_edge(s, n));
}

static uint64_t slots_later(struct axi_slots *s, uint64_t slot, uint64_t t, uint64_t n)
{
    if (s->stopped || !s->channels) {
        return AXI_DMAC_NEVER;
    }
    return clock_time(&s->clock, s->waits ? clock_edge_from(&s->clock, t) + n : slot_edge(s, slot + n));
}

/* Flags */

static void flag_raise(struct axi_flag *f, const struct axi_slots *s, uint64_t first, uint64_t last)
{
    uint64_t delay = (uint64_t)AXI_FLAG_DELAY * s->edges;

    if (!f->raised || before(f->last + delay, first)) {
        f->run = first;
    }
    if (!f->raised) {
        f->first = first;
        f->raised = true;
    }
    f->last = last;
}

/* Nothing is late where words wait, or are waited for. */
static void flag_slots(struct axi_flag *f, const struct axi_slots *s, uint64_t from, uint64_t to)
{
    if (!s->waits) {
        flag_raise(f, s, told_edge(s, from), told_edge(s, to - 1));
    }
}

static bool flag_shows(const struct axi_flag *f, struct axi_slots *s, uint64_t now)
{
    uint64_t e = clock_edge(&s->clock, now) - (uint64_t)AXI_FLAG_DELAY * s->edges;

    return f->raised && !before(e, f->first);
}

/* What is still on its way comes back. */
static void flag_clear(struct axi_flag *f, struct axi_slots *s, uint64_t now)
{
    uint64_t e = clock_edge(&s->clock, now) - (uint64_t)AXI_FLAG_DELAY * s->edges;

    if (!flag_shows(f, s, now)) {
        return;
    }
    f->raised = before(e, f->last);
    f->first = before(e + 1, f->run) ? f->run : e + 1;
}

static void flag_show_now(struct axi_flag *f, struct axi_slots *s, uint64_t now)
{
    uint64_t e = clock_edge(&s->clock, now) - (uint64_t)AXI_FLAG_DELAY * s->edges;

    if (!f->raised) {
        f->run = e;
        f->last = e;
    }
    f->first = f->raised && before(f->first, e) ? f->first : e;
    f->raised = true;
}

/* Test patterns */

#define PN_MAX_PERIOD   1048575
static const struct {
    uint8_t len, tap;
    uint32_t period;
} pn[AXI_CHANNELS] = {
    { 9, 5, 511 }, { 11, 9, 2047 }, { 15, 14, 32767 }, { 20, 3, PN_MAX_PERIOD },
};

/* One period of samples each; filled once, the same for all */
static int16_t pn_table[AXI_CHANNELS][PN_MAX_PERIOD];
static int16_t bist_table[2][65536];    /* I and Q */
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

static uint32_t reverse12(uint32_t v)
{
    uint32_t r = 0;
    int i;

    for (i = 0; i < 12; i++) {
        r = r << 1 | (v >> i & 1);
    }
    return r;
}

static void fill_tables(void)
{
    uint16_t x = 0xffff;
    unsigned int c;

    do {
        bist_table[0][bist_period] = sign12(x >> 4);
        bist_table[1][bist_period++] = sign12(reverse12(x & 0xfff));
        x = (uint16_t)(x << 1) | (parity(x & 0xfff0) ^ parity(x & 0x0006));
    } while (x != 0xffff);
    for (c = 0; c < AXI_CHANNELS; c++) {
        fill_pn(c);
    }
}

/* One channel of a pattern that repeats, and where in it we are */
struct wave {
    const int16_t *sample;
    uint32_t period, at;
};

static struct wave wave_of(enum axi_adc_pattern pattern, unsigned int chan, uint64_t scan)
{
    struct wave w;

    if (!bist_period) {
        fill_tables();
    }
    if (pattern == AXI_ADC_PNX) {
        w = (struct wave) { .sample = pn_table[chan], .period = pn[chan].period };
    } else {
        w = (struct wave) { .sample = bist_table[chan & 1], .period = bist_period };
    }
    w.at = scan % w.period;
    return w;
}

int16_t axi_adc_sample(enum axi_adc_pattern pattern, unsigned int chan, uint64_t scan)
{
    struct wave w;

    if (pattern == AXI_ADC_NUMBERED) {
        return (int16_t)(uint16_t)(4 * scan + chan);
    }
    w = wave_of(pattern, chan, scan);
    return w.sample[w.at];
}

/* Receive */

void axi_rx_init(struct axi_rx *s, unsigned int width)
{
    memset(s, 0, sizeof(*s));
    slots_init(&s->slots, width / 2, width / 2 - 1);
    axi_rx_enable(s, true);
}

void axi_rx_set_period(struct axi_rx *s, uint64_t num, uint64_t den, uint64_t now)
{
    slots_set_period(&s->slots, num, den, now);
}

void axi_rx_set_phase(struct axi_rx *s, uint64_t phase)
{
    clock_set_phase(&s->slots.clock, phase);
    s->slots.changes++;
}

/* Samples that this packing has begun with */
static uint64_t samples_begun(const struct axi_slots *s, uint64_t words, uint64_t edge)
{
    if (s->waits) {
        return s->channels ? div_up(words * s->values, s->channels) : 0;
    }
    return before(edge, s->edge0) ? 0 : (edge - s->edge0) / s->edges + 1;
}

/* From the next slot on; what was taken before may still be asked for. */
static void new_packing(struct axi_rx *s, uint64_t word0, uint64_t scan0)
{
    if (s->packing[0].from != s->slots.next) {
        memmove(&s->packing[1], &s->packing[0], (AXI_RX_PACKINGS - 1) * sizeof(s->packing[0]));
    }
    s->packing[0].from = s->slots.next;
    s->packing[0].slot0 = s->slots.slot0;
    s->packing[0].word0 = word0;
    s->packing[0].scan0 = scan0;
    s->packing[0].channels = s->slots.channels;
    memcpy(s->packing[0].channel, s->slots.channel, sizeof(s->slots.channel));
}

void axi_rx_set_channels(struct axi_rx *s, unsigned int mask, uint64_t now)
{
    struct axi_slots *p = &s->slots;
    uint64_t edge = slots_edge(p, now);
    uint64_t words, samples;

    p->next = slots_next(p, now);
    words = p->next - p->slot0;
    samples = samples_begun(p, words, edge);
    p->slot0 = p->next;
    p->edge0 = p->waits ? edge + 1 : p->edge0 + samples * p->edges;
    slots_set_channels(p, mask);
    new_packing(s, s->packing[0].word0 + words, s->packing[0].scan0 + samples);
}

void axi_rx_start(struct axi_rx *s, uint64_t now)
{
    struct axi_slots *p = &s->slots;

    p->next = slots_next(p, now);
    p->slot0 = p->next;
    p->edge0 = clock_edge(&p->clock, now) + 1 + (uint64_t)(AXI_RX_LATENCY + s->skips) * p->edges;
    p->stopped = false;
    p->changes++;
    new_packing(s, 0, s->skips);
}

void axi_rx_hold(struct axi_rx *s, bool on, uint64_t now)
{
    if (on) {
        slots_stop(&s->slots, now);
    } else {
        slots_go_on(&s->slots, now);
    }
}

void axi_rx_reset(struct axi_rx *s, uint64_t now)
{
    slots_stop(&s->slots, now);
    axi_rx_set_channels(s, 0, now);
    memset(&s->overflow, 0, sizeof(s->overflow));
    new_packing(s, 0, 0);
    s->lost_bytes = 0;
    s->overflows = 0;
}

static uint64_t width_of(const struct axi_slots *s)
{
    return 2 * s->values;
}

void axi_rx_lose(struct axi_rx *s, uint64_t bytes, uint64_t now)
{
    struct axi_slots *p = &s->slots;
    uint64_t words = bytes ? div_up(bytes, width_of(p)) : 1;

    p->next = slots_next(p, now);
    p->slot0 -= words;
    p->changes++;
    new_packing(s, s->packing[0].word0, s->packing[0].scan0);
    s->lost_bytes += words * width_of(p);
    s->overflows++;
    flag_show_now(&s->overflow, p, now);
}

uint64_t axi_rx_position(struct axi_rx *s, uint64_t now)
{
    return (s->packing[0].word0 + slots_next(&s->slots, now) - s->slots.slot0) * width_of(&s->slots);
}

void axi_rx_taken(struct axi_rx *s, uint64_t slot, uint64_t bytes)
{
    slots_told(&s->slots, slot + div_up(bytes, width_of(&s->slots)));
    s->run = s->enabled;
}

void axi_rx_enable(struct axi_rx *s, bool on)
{
    if (on != s->enabled) {
        s->enabled = on;
        s->run = false;
    }
}

bool axi_rx_overflowed(struct axi_rx *s, uint64_t now)
{
    return flag_shows(&s->overflow, &s->slots, now);
}

void axi_rx_clear_overflow(struct axi_rx *s, uint64_t now)
{
    flag_clear(&s->overflow, &s->slots, now);
}

static void put_le16(uint8_t *p, uint16_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap16(v);
#endif
    memcpy(p, &v, sizeof(v));
}

static void put_le32(uint8_t *p, uint32_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    memcpy(p, &v, sizeof(v));
}

static void make_counter(uint8_t *buf, uint64_t at, size_t bytes)
{
    uint32_t count = at / 4;
    unsigned int i;

    if (at % 4) {
        put_le16(buf, count++ >> 16);
        buf += 2;
        bytes -= 2;
    }
    for (; bytes >= 64; bytes -= 64, buf += 64, count += 16) {
        for (i = 0; i < 16; i++) {
            put_le32(buf + 4 * i, count + i);
        }
    }
    for (; bytes >= 4; bytes -= 4, buf += 4) {
        put_le32(buf, count++);
    }
    if (bytes) {
        put_le16(buf, count);
    }
}

/* Value @value of the packing and what follows it: channel after channel, scan after scan */
static void make_numbers(const struct axi_packing *p, uint8_t *buf, uint64_t value, size_t bytes)
{
    uint64_t scan = p->scan0 + per_channel(p->channels, value);
    unsigned int i = value % p->channels;
    size_t n;

    for (n = 0; n < bytes; n += 2) {
        put_le16(buf + n, (uint16_t)(4 * scan + p->channel[i]));
        if (++i == p->channels) {
            i = 0;
            scan++;
        }
    }
}

static void make_waves(const struct axi_packing *p, enum axi_adc_pattern pattern, uint8_t *buf, uint64_t value,
                       size_t bytes)
{
    uint64_t scan = p->scan0 + per_channel(p->channels, value);
    unsigned int first = value % p->channels;
    struct wave wave[AXI_CHANNELS];
    struct wave *w;
    unsigned int i;
    size_t n;

    for (i = 0; i < p->channels; i++) {
        wave[i] = wave_of(pattern, p->channel[i], scan + (i < first));
    }
    for (n = 0, i = first; n < bytes; n += 2) {
        w = &wave[i];
        put_le16(buf + n, (uint16_t)w->sample[w->at]);
        w->at = w->at + 1 < w->period ? w->at + 1 : 0;
        i = i + 1 < p->channels ? i + 1 : 0;
    }
}

static void make_words(const struct axi_rx *s, const struct axi_packing *p, uint8_t *buf, uint64_t slot, size_t bytes)
{
    uint64_t word = slot - p->slot0;

    if (s->pattern == AXI_ADC_COUNTER || !p->channels) {
        make_counter(buf, (p->word0 + word) * width_of(&s->slots), bytes);
    } else if (s->pattern == AXI_ADC_NUMBERED) {
        make_numbers(p, buf, word * s->slots.values, bytes);
    } else {
        make_waves(p, s->pattern, buf, word * s->slots.values, bytes);
    }
}

/* The DMA controller fetches what it took when it writes it to memory. */
static void rx_move(void *opaque, uint64_t slot, void *buf, size_t bytes, bool last)
{
    struct axi_rx *s = opaque;
    uint8_t *p = buf;
    unsigned int i;
    size_t n;

    (void)last;
    for (i = 0; i < AXI_RX_PACKINGS - 1 && before(slot, s->packing[i].from); i++) {
    }
    for (;;) {
        n = i ? (s->packing[i - 1].from - slot) * width_of(&s->slots) : bytes;
        n = n < bytes ? n : bytes;
        make_words(s, &s->packing[i], p, slot, n);
        bytes -= n;
        if (!bytes) {
            break;
        }
        p += n;
        slot = s->packing[--i].from;
    }
}

void axi_rx_flagged(struct axi_rx *s, uint64_t from, uint64_t to)
{
    flag_slots(&s->overflow, &s->slots, from, to);
}

static void rx_missed(void *opaque, uint64_t from, uint64_t to, bool flagged)
{
    struct axi_rx *s = opaque;

    slots_told(&s->slots, to);
    if (flagged) {
        axi_rx_flagged(s, from, to);
    }
    if (s->run) {
        s->overflows += !s->overflows || s->lost_to != from;
        s->lost_bytes += (to - from) * width_of(&s->slots);
        s->lost_to = to;
    }
}

static uint64_t rx_edge(void *opaque, uint64_t t, unsigned int n)
{
    struct axi_rx *s = opaque;

    return edge_after(&s->slots, t, n);
}

static uint64_t rx_first(void *opaque, uint64_t from, uint64_t t, bool sync, uint64_t *slot)
{
    struct axi_rx *s = opaque;

    return slots_first(&s->slots, from, t, sync, slot);
}

static uint64_t rx_later(void *opaque, uint64_t slot, uint64_t t, uint64_t n)
{
    struct axi_rx *s = opaque;

    return slots_later(&s->slots, slot, t, n);
}

struct axi_dmac_port axi_rx_port(struct axi_rx *s)
{
    return (struct axi_dmac_port) {
        .opaque = s,
        .waits = s->slots.waits,
        .edge = rx_edge,
        .first = rx_first,
        .later = rx_later,
        .move = rx_move,
        .missed = rx_missed,
    };
}

/* Transmit */

void axi_tx_init(struct axi_tx *s)
{
    memset(s, 0, sizeof(*s));
    slots_init(&s->slots, AXI_CHANNELS, 0);
    axi_tx_enable(s, true);
    axi_tx_clear_stats(s);
}

void axi_tx_reset(struct axi_tx *s, uint64_t now)
{
    axi_tx_stop(s, now);
    axi_tx_set_channels(s, 0, now);
    memset(s->ring, 0, sizeof(s->ring));
    memset(&s->underflow, 0, sizeof(s->underflow));
    axi_tx_clear_stats(s);
}

static void put_new(struct axi_tx *s, uint64_t values)
{
    if (s->again) {
        if (!s->between) {
            s->repeated += s->again;
            s->lost_bytes += s->again * s->slots.channels * sizeof(uint16_t);
        }
        s->again = 0;
        s->between = false;
    }
    if (s->out) {
        s->out(s->out_opaque, s->frames, values);
    }
    s->frames++;
}

static void put_old(struct axi_tx *s, uint64_t n)
{
    uint64_t i;

    for (i = 0; s->out && i < n; i++) {
        s->out(s->out_opaque, s->frames + i, s->ring[(s->rd + i) % AXI_TX_RING]);
    }
    s->again += n;
    s->frames += n;
}

/* Puts out the frames up to edge @end, exclusive. */
static void put_out(struct axi_tx *s, uint64_t end)
{
    uint64_t n;

    for (; before(s->out_edge, end); s->out_edge += n) {
        if (s->fresh >> s->rd & 1) {
            s->fresh &= ~(UINT32_C(1) << s->rd);
            put_new(s, s->ring[s->rd]);
            n = 1;
        } else {
            n = s->fresh ? 1 : end - s->out_edge;
            put_old(s, n);
        }
        s->rd = (s->rd + n) % AXI_TX_RING;
    }
}

static bool tx_runs(const struct axi_tx *s)
{
    return !s->slots.stopped && !s->slots.waits && s->slots.channels;
}

void axi_tx_advance(struct axi_tx *s, uint64_t now)
{
    /* Words that go out now are told when their burst has ended. */
    uint64_t known = slot_edge(&s->slots, s->slots.next) + TX_WRITE;
    uint64_t end = clock_edge(&s->slots.clock, now) + 1;

    if (tx_runs(s)) {
        put_out(s, before(known, end) ? known : end);
    }
}

/* Both sides of the ring begin anew; what is in it stays. */
static void tx_begin(struct axi_tx *s, uint64_t now)
{
    struct axi_slots *p = &s->slots;
    uint64_t edge = slots_edge(p, now);

    p->slot0 = p->next;
    p->edge0 = edge + 1 + TX_REQUEST;
    s->out_edge = edge + 1;
    s->wr = AXI_TX_AHEAD;
    s->rd = 0;
    s->fresh = 0;
    s->rests = 0;
}

void axi_tx_set_period(struct axi_tx *s, uint64_t num, uint64_t den, uint64_t now)
{
    bool waited = s->slots.waits;

    axi_tx_advance(s, now);
    slots_set_period(&s->slots, num, den, now);
    if (waited || s->slots.waits) {
        tx_begin(s, now);
    }
}

void axi_tx_set_phase(struct axi_tx *s, uint64_t phase)
{
    clock_set_phase(&s->slots.clock, phase);
    s->slots.changes++;
}

void axi_tx_set_channels(struct axi_tx *s, unsigned int mask, uint64_t now)
{
    axi_tx_advance(s, now);
    s->slots.next = slots_next(&s->slots, now);
    slots_set_channels(&s->slots, mask);
    tx_begin(s, now);
}

void axi_tx_start(struct axi_tx *s, uint64_t now)
{
    axi_tx_advance(s, now);
    s->slots.next = slots_next(&s->slots, now);
    s->slots.stopped = false;
    s->slots.changes++;
    tx_begin(s, now);
}

void axi_tx_stop(struct axi_tx *s, uint64_t now)
{
    axi_tx_advance(s, now);
    slots_stop(&s->slots, now);
}

/* Writing and reading are as far apart as they were. */
void axi_tx_hold(struct axi_tx *s, bool on, uint64_t now)
{
    if (on) {
        axi_tx_stop(s, now);
    } else if (s->slots.stopped) {
        s->out_edge += clock_edge(&s->slots.clock, now) - s->slots.stopped_at;
        slots_go_on(&s->slots, now);
    }
}

void axi_tx_enable(struct axi_tx *s, bool on)
{
    if (on != s->enabled) {
        s->enabled = on;
        s->run = false;
        s->gap = false;
        s->between = true;
    }
}

void axi_tx_clear_stats(struct axi_tx *s)
{
    s->bytes = 0;
    s->hash = FNV_BASIS;
    s->underflows = 0;
    s->repeated = 0;
    s->lost_bytes = 0;
    s->jumps = 0;
}

bool axi_tx_underflowed(struct axi_tx *s, uint64_t now)
{
    return flag_shows(&s->underflow, &s->slots, now);
}

void axi_tx_clear_underflow(struct axi_tx *s, uint64_t now)
{
    flag_clear(&s->underflow, &s->slots, now);
}

/* @edge: when util_upack2 makes the frame */
static void write_frame(struct axi_tx *s, uint64_t values, uint64_t edge)
{
    if (s->slots.waits) {
        put_new(s, values);
        return;
    }
    put_out(s, edge + TX_WRITE);
    s->ring[s->wr] = values;
    s->fresh |= UINT32_C(1) << s->wr;
    s->wr = (s->wr + 1) % AXI_TX_RING;
}

/* Makes frames of a word and of what was left of the ones before. */
static void unpack(struct axi_tx *s, uint64_t word, uint64_t edge)
{
    const struct axi_slots *p = &s->slots;
    uint64_t frame = 0;
    unsigned int i, n = 0;

    for (i = 0; i < s->rests; i++) {
        frame |= (uint64_t)s->rest[i] << 16 * p->channel[n++];
    }
    s->rests = 0;
    for (i = 0; i < AXI_CHANNELS; i++, word >>= 16) {
        frame |= (word & 0xffff) << 16 * p->channel[n];
        s->rest[s->rests++] = (uint16_t)word;
        if (++n == p->channels) {
            write_frame(s, frame, edge++);
            frame = 0;
            n = 0;
            s->rests = 0;
        }
    }
}

static uint64_t get_le64(const void *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static void hash_words(struct axi_tx *s, const uint8_t *p, size_t words)
{
    uint64_t hash = s->hash;
    size_t i;

    for (i = 0; i < words; i++) {
        hash = (hash ^ get_le64(p + 8 * i)) * FNV_PRIME;
    }
    s->hash = hash;
}

/* The counter that AXI_ADC_COUNTER is, too */
static void count_words(struct axi_tx *s, const uint8_t *p, size_t words)
{
    uint32_t count = s->count;
    uint64_t word;
    size_t i;

    for (i = 0; i < words; i++) {
        word = get_le64(p + 8 * i);
        s->jumps += (uint32_t)word != count;
        s->jumps += (uint32_t)(word >> 32) != (uint32_t)word + 1;
        count = (uint32_t)(word >> 32) + 1;
    }
    s->count = count;
}

static void tx_move(void *opaque, uint64_t slot, void *buf, size_t bytes, bool last)
{
    struct axi_tx *s = opaque;
    const struct axi_slots *p = &s->slots;
    const uint8_t *word = buf;
    size_t words = bytes / sizeof(uint64_t), i;
    uint64_t edge = told_edge(p, slot);

    (void)last;
    s->underflows += s->gap;
    s->gap = false;
    s->run = s->enabled;
    s->bytes += bytes;
    slots_told(&s->slots, slot + words);
    hash_words(s, word, words);
    count_words(s, word, words);
    for (i = 0; i < words && p->channels == AXI_CHANNELS; i++) {
        write_frame(s, get_le64(word + 8 * i), edge + i);
    }
    for (i = 0; i < words && p->channels && p->channels < AXI_CHANNELS; i++) {
        unpack(s, get_le64(word + 8 * i), told_edge(p, slot + i));
    }
}

static void tx_missed(void *opaque, uint64_t from, uint64_t to, bool flagged)
{
    struct axi_tx *s = opaque;

    slots_told(&s->slots, to);
    s->gap = s->run;
    if (flagged) {
        flag_slots(&s->underflow, &s->slots, from, to);
    }
}

static uint64_t tx_edge(void *opaque, uint64_t t, unsigned int n)
{
    struct axi_tx *s = opaque;

    return edge_after(&s->slots, t, n);
}

static uint64_t tx_first(void *opaque, uint64_t from, uint64_t t, bool sync, uint64_t *slot)
{
    struct axi_tx *s = opaque;

    return slots_first(&s->slots, from, t, sync, slot);
}

static uint64_t tx_later(void *opaque, uint64_t slot, uint64_t t, uint64_t n)
{
    struct axi_tx *s = opaque;

    return slots_later(&s->slots, slot, t, n);
}

struct axi_dmac_port axi_tx_port(struct axi_tx *s)
{
    return (struct axi_dmac_port) {
        .opaque = s,
        .waits = s->slots.waits,
        .edge = tx_edge,
        .first = tx_first,
        .later = tx_later,
        .move = tx_move,
        .missed = tx_missed,
    };
}
