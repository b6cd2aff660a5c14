// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plays recordings of ADI's AXI-DMAC into the model of it and compares what comes out
 *
 * A recording (traces/README.md has the format) is a list of stimuli, and of what the core did in
 * answer. The stimuli are given to the model at their times; whatever it does is put down in the
 * form of the recording, and the two lists are compared kind by kind: number, order and values have
 * to be the same, times may differ by a tolerance, since the model does not have each register of the
 * core's pipeline.
 */
#include "axi-chain.h"
#include "axi-dmac-engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Converter clock and bus clock are not related: some 100 ns, two or three edges of either */
#define TOLERANCE_NS        60
/* The reset of the bench ends then */
#define RESET_NS            205
/* The edge of the converter clock that is nearest to time 0 in all recordings, in picoseconds */
#define CLOCK_PHASE_PS      3550
#define PS_PER_NS           1000u
#define MAX_WORDS           12
#define MAX_VALUES          4
#define MAX_PARAMS          64
#define MAX_TLAST           1024
#define TOLERANCE_MAX       100000
#define TIME_MAX            UINT64_C(1000000000000)

__extension__ typedef unsigned __int128 u128;

/* Lines */

struct line {
    unsigned int number;        /* in the file; 0: the model's */
    uint64_t t;
    unsigned int words;
    const char *word[MAX_WORDS];    /* without the time; the model's lines have only the first */
    uint64_t value[MAX_VALUES];     /* of the words behind it, where they are numbers */
    bool address;                   /* the first of these is one */
    bool timed;
};

struct lines {
    struct line *line;
    size_t n, room;
};

static void *grow(void *p, size_t n, size_t size, size_t *room)
{
    if (n < *room) {
        return p;
    }
    *room = *room ? *room * 2 : 256;
    p = realloc(p, *room * size);
    if (!p) {
        fprintf(stderr, "trace: no memory\n");
        exit(2);
    }
    return p;
}

static struct line *add_line(struct lines *l)
{
    l->line = grow(l->line, l->n, sizeof(*l->line), &l->room);
    memset(&l->line[l->n], 0, sizeof(*l->line));
    return &l->line[l->n++];
}

static void free_lines(struct lines *l)
{
    free(l->line);
    memset(l, 0, sizeof(*l));
}

static bool is(const struct line *l, const char *kind)
{
    return l->words && !strcmp(l->word[0], kind);
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 0);
}

/* A run of a recording: its parameters, and the player's view of the model that plays it */

enum { KIND_IRQ, KIND_ENDS, KIND_AW, KIND_AR, KIND_WR, KIND_SG, KIND_XREQ, KIND_OVF, KIND_LOST, KIND_S_LAST, KIND_OUT,
       KIND_M_LAST, KIND_STRB, KIND_ADC_OVF, KIND_DAC_UNF, KINDS };

enum chain { NO_CHAIN, CHAIN_RX, CHAIN_TX };

/* Samples in memory, each the one after the one before, channel after channel */
struct samples {
    uint64_t addr, count;
    unsigned int channel;       /* of the first */
    uint16_t value;             /* of the first: 4 n + channel */
    uint16_t next;
};

/* Frames for the converter, each counting on from the one before */
struct frames {
    uint64_t frame, count;
    uint64_t first, last;       /* channel c in bits 16 c and up */
};

struct run {
    const char *file, *name;
    struct {
        const char *name, *value;
    } param[MAX_PARAMS];
    unsigned int params;
    struct lines lines;
    uint64_t tolerance, worst;
    unsigned int faults;
    char version[8];

    struct axi_dmac dmac;
    bool trial;                 /* a read is tried at other times: nothing is put down */
    bool over;                  /* the recording is: only what was under way still goes to the converter */
    uint64_t period_ps, every, sync_every;
    unsigned int unit_bytes, width;
    bool fifo, stream, sink, fifo_sink;
    bool on;                    /* src or sink */
    uint64_t first_edge;        /* of slot 0 */
    uint64_t off_slot;          /* slots from here on do not come */
    uint64_t tlast[MAX_TLAST];
    unsigned int tlasts;

    struct lines got[KINDS];
    struct {
        uint64_t addr, first, count;
    } *mem, *out;
    size_t mems, mem_room, outs, out_room;
    struct {
        uint64_t addr;
        uint8_t byte[64];
    } desc[128];
    unsigned int descs;
    enum chain chain;
    struct axi_rx rx;
    struct axi_tx tx;
    struct axi_dmac_port inner; /* the port of either */
    unsigned int channels;      /* number of those that are on */
    uint64_t converter_edge;    /* of sample 0 */
    uint64_t last_edge;         /* of the recording */
    uint64_t last_word;         /* that went out */
    struct samples *samples;
    struct frames *frames;
    size_t n_samples, samples_room, n_frames, frames_room;
    uint64_t moved_unit;
    uint64_t taken, lost, flagged, next_slot, reported_lost;
    uint64_t flag_next;         /* slot after the last flagged one, while the flag is up */
    uint64_t flag_edge;         /* and the edge of the last flagged one */
    bool flag;
    struct sums {
        uint64_t sot, eot, bursts, bytes_issued, bytes_acked, desc_reads;
    } sum, sum_before;          /* at the end; and so long before it that the tolerance is over */
    uint64_t end_slot, end;
};

static void fault(struct run *r, unsigned int at, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void fault(struct run *r, unsigned int at, const char *format, ...)
{
    va_list ap;

    r->faults++;
    printf("%s:%u: %s%s%s: ", r->file, at, r->version, *r->name ? " " : "", r->name);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    putchar('\n');
}

static const char *param(const struct run *r, const char *name, const char *otherwise)
{
    unsigned int i;

    for (i = 0; i < r->params; i++) {
        if (!strcmp(r->param[i].name, name)) {
            return r->param[i].value;
        }
    }
    return otherwise;
}

static uint64_t param_number(const struct run *r, const char *name, uint64_t otherwise)
{
    const char *text = param(r, name, NULL);

    return text ? number(text) : otherwise;
}

static void set_param(struct run *r, const char *name, const char *value)
{
    unsigned int i;

    for (i = 0; i < r->params && strcmp(r->param[i].name, name); i++) {
    }
    if (i == MAX_PARAMS) {
        fprintf(stderr, "%s: more than %d parameters\n", r->file, MAX_PARAMS);
        exit(2);
    }
    r->param[i].name = name;
    r->param[i].value = value;
    r->params += i == r->params;
}

/* What the model does, put down as lines */

static struct line *put(struct run *r, unsigned int kind, uint64_t t, const char *word)
{
    struct line *l = add_line(&r->got[kind]);

    l->t = t;
    l->words = 1;
    l->word[0] = word;
    return l;
}

static void put_number(struct line *l, uint64_t v)
{
    l->value[l->words++ - 1] = v;
}

static void put_address(struct line *l, uint64_t v)
{
    l->address = true;
    put_number(l, v);
}

/* The converter side */

static uint64_t edge_ps(const struct run *r, uint64_t n)
{
    return CLOCK_PHASE_PS + n * r->period_ps;
}

/* Times are whole nanoseconds; an edge comes to pass with the one that it is nearest to. */
static uint64_t ns(uint64_t ps)
{
    return (ps + PS_PER_NS / 2) / PS_PER_NS;
}

/* Number of the first edge after @t */
static uint64_t edge_after(const struct run *r, uint64_t t)
{
    uint64_t ps = t * PS_PER_NS + PS_PER_NS / 2;

    return ps <= CLOCK_PHASE_PS ? 0 : (ps - CLOCK_PHASE_PS - 1) / r->period_ps + 1;
}

static uint64_t port_edge(void *opaque, uint64_t t, unsigned int n)
{
    struct run *r = opaque;

    return ns(edge_ps(r, edge_after(r, t) + n - 1));
}

/* The edge at time @t */
static uint64_t edge_at(const struct run *r, uint64_t t)
{
    return (t * PS_PER_NS - CLOCK_PHASE_PS + r->period_ps / 2) / r->period_ps;
}

static uint64_t slot_time(const struct run *r, uint64_t slot)
{
    if (r->chain) {
        return r->inner.later(r->inner.opaque, slot, 0, 0);
    }
    return ns(edge_ps(r, r->first_edge + slot * r->every));
}

static uint64_t slot_edge(const struct run *r, uint64_t slot)
{
    return r->chain ? edge_at(r, slot_time(r, slot)) : r->first_edge + slot * r->every;
}

static uint64_t next_sync(const struct run *r, uint64_t slot)
{
    return (slot + r->sync_every - 1) / r->sync_every * r->sync_every;
}

static uint64_t fifo_first(const struct run *r, uint64_t from, uint64_t t, bool sync, uint64_t *slot)
{
    uint64_t edge = edge_after(r, t ? t - 1 : 0), n;

    n = edge > r->first_edge ? (edge - r->first_edge + r->every - 1) / r->every : 0;
    n = n > from ? n : from;
    n = sync ? next_sync(r, n) : n;
    *slot = n;
    return r->first_edge != AXI_DMAC_NEVER && n < r->off_slot ? slot_time(r, n) : AXI_DMAC_NEVER;
}

static uint64_t port_first(void *opaque, uint64_t from, uint64_t t, bool sync, uint64_t *slot)
{
    struct run *r = opaque;
    uint64_t edge;

    if (!r->stream) {
        return fifo_first(r, from, t, sync, slot);
    }
    if (!r->on) {
        return AXI_DMAC_NEVER;
    }
    edge = edge_after(r, t ? t - 1 : 0);
    edge = edge > r->first_edge ? edge : r->first_edge;
    *slot = sync ? next_sync(r, from) : from;
    return ns(edge_ps(r, edge + (*slot - from) * r->every));
}

static uint64_t port_later(void *opaque, uint64_t slot, uint64_t t, uint64_t n)
{
    struct run *r = opaque;

    if (!r->stream) {
        return slot + n < r->off_slot ? slot_time(r, slot + n) : AXI_DMAC_NEVER;
    }
    return ns(edge_ps(r, edge_after(r, t ? t - 1 : 0) + n * r->every));
}

static uint64_t port_tlast(void *opaque, uint64_t slot, uint64_t n)
{
    struct run *r = opaque;
    uint64_t best = AXI_DMAC_NEVER;
    unsigned int i;

    for (i = 0; i < r->tlasts; i++) {
        if (r->tlast[i] >= slot && r->tlast[i] - slot < n && r->tlast[i] - slot < best) {
            best = r->tlast[i] - slot;
        }
    }
    return best;
}

static uint64_t unit_at(const struct run *r, const uint8_t *p)
{
    uint64_t v = 0;
    unsigned int i;

    for (i = r->unit_bytes < 8 ? r->unit_bytes : 8; i-- > 0;) {
        v = v << 8 | p[i];
    }
    return v;
}

/* Output goes on with @first: after a gap, or with a jump in the values, that is a line. */
static void add_out(struct run *r, uint64_t slot, uint64_t first)
{
    bool gap = r->taken && slot != r->next_slot;
    struct line *l;

    if (r->outs && !gap && r->out[r->outs - 1].first + r->out[r->outs - 1].count == first) {
        r->out[r->outs - 1].count++;
        return;
    }
    if (gap) {
        l = put(r, KIND_OUT, ns(edge_ps(r, r->first_edge + r->next_slot * r->every + r->fifo_sink)), "dry");
        put_number(l, r->taken);
    }
    l = put(r, KIND_OUT, ns(edge_ps(r, r->first_edge + slot * r->every + r->fifo_sink)), "out");
    put_number(l, first);
    put_number(l, gap ? slot - r->next_slot : 0);
    r->out = grow(r->out, r->outs, sizeof(*r->out), &r->out_room);
    r->out[r->outs].first = first;
    r->out[r->outs++].count = 1;
}

static void port_move(void *opaque, uint64_t slot, void *buf, size_t bytes, bool last)
{
    struct run *r = opaque;
    const uint8_t *p = buf;
    size_t i;

    (void)last;
    if (r->trial) {
        return;
    }
    if (!r->sink) {
        r->moved_unit = slot * (r->width / r->unit_bytes);
        memset(buf, 0, bytes);
        return;
    }
    for (i = 0; i < bytes; i += r->unit_bytes) {
        add_out(r, slot, unit_at(r, p + i));
        if (i % r->width + r->unit_bytes == r->width) {
            r->taken++;
            r->next_slot = ++slot;
        }
    }
}

/* Samples of the converter up to @edge, that one included */
static uint64_t samples_at(const struct run *r, uint64_t edge)
{
    return edge < r->converter_edge ? 0 : edge - r->converter_edge + 1;
}

/* The flag is a register: it shows an edge later, and to the converter core when it has crossed to its clock. */
static void put_flag(struct run *r, uint64_t edge, bool on)
{
    uint64_t ps = edge_ps(r, edge + 1), crossed = ns(ps + r->period_ps * 2 / 3);
    struct line *l;

    r->flag = on;
    if (r->chain != CHAIN_TX) {
        l = put(r, KIND_OVF, ns(ps), "ovf");
        put_number(l, on);
        put_number(l, r->flagged);
    }
    if (r->chain) {
        l = r->chain == CHAIN_RX ? put(r, KIND_ADC_OVF, crossed, "adc_ovf") : put(r, KIND_DAC_UNF, crossed, "dac_unf");
        put_number(l, on);
        put_number(l, samples_at(r, edge + 1));
    }
}

/*
 * Slots from @from up to @to were flagged. Each is one edge of the flag of a source, so it falls between slots that are
 * further apart, and else when the next slot turns out not to be flagged.
 */
static void flag_slots(struct run *r, uint64_t from, uint64_t to)
{
    uint64_t slot, edge;

    if (r->flag && from != r->flag_next) {
        put_flag(r, r->flag_edge + 1, false);
    }
    for (slot = from; slot < to; slot++) {
        edge = slot_edge(r, slot);
        if (r->flag && !r->sink && edge != r->flag_edge + 1) {
            put_flag(r, r->flag_edge + 1, false);
        }
        if (!r->flag) {
            put_flag(r, edge, true);
        }
        r->flagged++;
        r->flag_edge = edge;
    }
    r->flag_next = to;
}

/* Slot @slot is not flagged, or there is none. */
static void flag_falls(struct run *r, uint64_t slot)
{
    if (r->flag && r->flag_next <= slot) {
        put_flag(r, r->flag_edge + 1, false);
    }
}

static void port_missed(void *opaque, uint64_t from, uint64_t to, bool flagged)
{
    struct run *r = opaque;

    if (r->trial) {
        return;
    }
    r->lost += to - from;
    if (flagged && r->fifo_sink) {
        r->flagged += to - from;
    } else if (flagged && !r->sink) {
        flag_slots(r, from, to);
    }
}

/* The chain's port, with a look at what goes through it */

static uint64_t chain_edge(void *opaque, uint64_t t, unsigned int n)
{
    struct run *r = opaque;

    return r->inner.edge(r->inner.opaque, t, n);
}

static uint64_t chain_first(void *opaque, uint64_t from, uint64_t t, bool sync, uint64_t *slot)
{
    struct run *r = opaque;

    return r->inner.first(r->inner.opaque, from, t, sync, slot);
}

static uint64_t chain_later(void *opaque, uint64_t slot, uint64_t t, uint64_t n)
{
    struct run *r = opaque;

    return r->inner.later(r->inner.opaque, slot, t, n);
}

static void chain_move(void *opaque, uint64_t slot, void *buf, size_t bytes, bool last)
{
    struct run *r = opaque;
    uint16_t low;

    if (r->trial) {
        return;
    }
    if (r->sink && !r->over) {
        flag_falls(r, slot);
        r->taken += bytes / r->width;
        r->next_slot = slot + bytes / r->width;
        memcpy(&low, (const uint8_t *)buf + bytes - r->width, sizeof(low));
        r->last_word = low;
    }
    r->inner.move(r->inner.opaque, slot, buf, bytes, last);
}

static void chain_missed(void *opaque, uint64_t from, uint64_t to, bool flagged)
{
    struct run *r = opaque;

    if (r->trial) {
        return;
    }
    r->inner.missed(r->inner.opaque, from, to, flagged);
    if (r->over) {
        return;
    }
    r->lost += to - from;
    if (flagged) {
        flag_slots(r, from, to);
    }
}

static uint64_t count_on(uint64_t values, unsigned int by)
{
    uint64_t next = 0;
    unsigned int c;

    for (c = 0; c < AXI_CHANNELS; c++) {
        uint16_t v = values >> 16 * c;

        next |= (uint64_t)(uint16_t)(v ? v + by : 0) << 16 * c;
    }
    return next;
}

/* A frame for the converter; the recorder has it one later. */
static void frame_out(void *opaque, uint64_t frame, uint64_t values)
{
    struct run *r = opaque;
    struct frames *f;

    if (r->trial || r->converter_edge + frame + 1 > r->last_edge) {
        return;
    }
    if (r->n_frames) {
        f = &r->frames[r->n_frames - 1];
        if (count_on(f->last, r->channels) == values) {
            f->count++;
            f->last = values;
            return;
        }
    }
    r->frames = grow(r->frames, r->n_frames, sizeof(*f), &r->frames_room);
    f = &r->frames[r->n_frames++];
    f->frame = frame + 1;
    f->count = 1;
    f->first = values;
    f->last = values;
}

/* Memory */

static bool mem_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
    struct run *r = opaque;
    /* The transmit chain's memory holds samples */
    unsigned int unit = r->chain ? sizeof(uint16_t) : r->unit_bytes;
    uint8_t *p = buf;
    unsigned int i;
    size_t at;

    for (i = 0; i < r->descs; i++) {
        if (r->desc[i].addr == addr && len <= sizeof(r->desc[i].byte)) {
            memcpy(buf, r->desc[i].byte, len);
            return true;
        }
    }
    if (!r->sink) {
        memset(buf, 0, len);
        return true;
    }
    for (at = 0; at < len; at++) {
        unsigned int shift = (addr + at) % unit * 8;

        p[at] = shift < 64 ? (addr + at) / unit >> shift : 0;
    }
    return true;
}

/* The channel that is on after @c */
static unsigned int channel_after(const struct run *r, unsigned int c)
{
    unsigned int mask = param_number(r, "channels", 0xf);

    do {
        c = (c + 1) % AXI_CHANNELS;
    } while (!(mask >> c & 1));
    return c;
}

static void write_samples(struct run *r, uint64_t addr, const uint8_t *p, size_t len)
{
    size_t at;

    for (at = 0; at + 1 < len; at += 2) {
        struct samples *s = r->n_samples ? &r->samples[r->n_samples - 1] : NULL;
        uint16_t v = p[at] | p[at + 1] << 8;
        unsigned int c = v % AXI_CHANNELS, after = channel_after(r, c);

        if (!s || s->next != v || s->addr + 2 * s->count != addr + at) {
            r->samples = grow(r->samples, r->n_samples, sizeof(*s), &r->samples_room);
            s = &r->samples[r->n_samples++];
            *s = (struct samples) { .addr = addr + at, .channel = c, .value = v };
        }
        s->count++;
        s->next = v - c + after + (after <= c ? AXI_CHANNELS : 0);
    }
}

static bool mem_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
    struct run *r = opaque;
    uint64_t first = r->moved_unit, count = len / r->unit_bytes;

    if (r->trial || r->over) {
        return true;
    }
    if (r->chain) {
        write_samples(r, addr, buf, len);
        return true;
    }
    if (r->mems && r->mem[r->mems - 1].addr + r->mem[r->mems - 1].count * r->unit_bytes == addr &&
        r->mem[r->mems - 1].first + r->mem[r->mems - 1].count == first) {
        r->mem[r->mems - 1].count += count;
        return true;
    }
    r->mem = grow(r->mem, r->mems, sizeof(*r->mem), &r->mem_room);
    r->mem[r->mems].addr = addr;
    r->mem[r->mems].first = first;
    r->mem[r->mems++].count = count;
    return true;
}

static void irq(void *opaque, bool level)
{
    struct run *r = opaque;

    if (!r->trial && !r->over) {
        put_number(put(r, KIND_IRQ, r->dmac.e.now, "irq"), level);
    }
}

static void put_end(struct run *r, const char *word, uint64_t t, bool id, uint64_t a, uint64_t b)
{
    struct line *l = put(r, KIND_ENDS, t, word);

    if (id) {
        put_number(l, a);
    }
    put_number(l, b);
}

static void put_burst(struct run *r, unsigned int kind, const char *word, uint64_t t, uint64_t addr, uint64_t bytes)
{
    struct line *l = put(r, kind, t, word);

    put_address(l, addr);
    put_number(l, bytes);
    r->sum.bursts++;
    r->sum.bytes_issued += bytes;
}

/* The beats of a burst were taken. */
static void put_data(struct run *r, uint64_t slot, uint64_t bytes)
{
    uint64_t beats = (bytes + r->width - 1) / r->width;

    if (r->sink) {
        return;
    }
    if (!r->stream && slot != r->next_slot) {
        put_number(put(r, KIND_LOST, slot_time(r, slot), "lost"), slot - r->taken);
    }
    if (r->flag_next < slot + beats) {
        flag_falls(r, slot + beats);
    }
    r->taken += beats;
    r->next_slot = slot + beats;
}

static void event(void *opaque, enum axi_dmac_event what, uint64_t t, uint64_t a, uint64_t b)
{
    struct run *r = opaque;

    if (r->trial || r->over) {
        return;
    }
    switch (what) {
    case AXI_DMAC_EV_SOT:
        r->sum.sot++;
        put_end(r, "sot", t, true, a, b);
        break;
    case AXI_DMAC_EV_EOT:
        r->sum.eot++;
        put_end(r, "eot", t, true, a, b);
        break;
    case AXI_DMAC_EV_ACC:
        put_end(r, "acc", t, false, a, b);
        break;
    case AXI_DMAC_EV_END:
        put_end(r, "end", t, false, a, b);
        break;
    case AXI_DMAC_EV_AW:
        put_burst(r, KIND_AW, "aw", t, a, b);
        break;
    case AXI_DMAC_EV_AR:
        put_burst(r, KIND_AR, "ar", t, a, b);
        break;
    case AXI_DMAC_EV_STRB: {
        struct line *l = put(r, KIND_STRB, t, "strb");

        put_address(l, a);
        put_number(l, b < 64 ? (UINT64_C(1) << b) - 1 : UINT64_MAX);
        break;
    }
    case AXI_DMAC_EV_WR:
        put_number(put(r, KIND_WR, t, "wr"), a);
        break;
    case AXI_DMAC_EV_SGAR: {
        struct line *l = put(r, KIND_SG, t, "sgar");

        put_address(l, a);
        put_number(l, b);
        r->sum.desc_reads++;
        break;
    }
    case AXI_DMAC_EV_SGRD:
        put_address(put(r, KIND_SG, t, "sgrd"), a);
        break;
    case AXI_DMAC_EV_XREQ:
        put_number(put(r, KIND_XREQ, t, "xreq"), a);
        break;
    case AXI_DMAC_EV_DATA:
        put_data(r, a, b);
        if (r->chain == CHAIN_RX) {
            axi_rx_taken(&r->rx, a, b);
        }
        break;
    case AXI_DMAC_EV_FLAGGED:
        if (r->chain == CHAIN_RX) {
            axi_rx_flagged(&r->rx, a, b);
        }
        flag_slots(r, a, b);
        break;
    case AXI_DMAC_EV_TLAST:
        if (r->fifo_sink) {
            break;
        }
        if (r->chain) {
            put_number(put(r, KIND_M_LAST, t, "m_last"), r->last_word);
        } else if (r->sink) {
            put_number(put(r, KIND_M_LAST, t, "m_last"), r->out[r->outs - 1].first + r->out[r->outs - 1].count - 1);
        } else {
            put_number(put(r, KIND_S_LAST, t, "s_last"), a);
        }
        break;
    }
}

static const struct axi_dmac_ops ops = { .mem_read = mem_read, .mem_write = mem_write, .irq = irq, .event = event };

/* Registers by their names in recordings */

static const struct {
    const char *name;
    uint32_t offset;
} reg_names[] = {
    { "VERSION", 0x000 }, { "PERIPHERAL_ID", 0x004 }, { "SCRATCH", 0x008 }, { "IDENTIFICATION", 0x00c },
    { "INTERFACE_DESCRIPTION", 0x010 }, { "COHERENCY_DESCRIPTION", 0x014 },
    { "IRQ_MASK", 0x080 }, { "IRQ_PENDING", 0x084 }, { "IRQ_SOURCE", 0x088 }, { "CTRL", 0x400 },
    { "TRANSFER_ID", 0x404 }, { "START_TRANSFER", 0x408 }, { "FLAGS", 0x40c }, { "DEST_ADDRESS", 0x410 },
    { "SRC_ADDRESS", 0x414 }, { "X_LENGTH", 0x418 }, { "Y_LENGTH", 0x41c }, { "DEST_STRIDE", 0x420 },
    { "SRC_STRIDE", 0x424 }, { "TRANSFER_DONE", 0x428 }, { "ACTIVE_TRANSFER_ID", 0x42c }, { "STATUS", 0x430 },
    { "CURRENT_DEST_ADDRESS", 0x434 }, { "CURRENT_SRC_ADDRESS", 0x438 }, { "DBG_STATUS", 0x43c },
    { "DBG_IDS0", 0x440 }, { "DBG_IDS1", 0x444 }, { "TRANSFER_PROGRESS", 0x448 }, { "PARTIAL_LENGTH", 0x44c },
    { "PARTIAL_ID", 0x450 }, { "CURRENT_SG_ID", 0x454 }, { "SG_ADDRESS", 0x47c },
    { "DEST_ADDRESS_HIGH", 0x490 }, { "SRC_ADDRESS_HIGH", 0x494 }, { "CURRENT_DEST_ADDRESS_HIGH", 0x498 },
    { "CURRENT_SRC_ADDRESS_HIGH", 0x49c }, { "SG_ADDRESS_HIGH", 0x4bc },
};

/* Returns false if there is no such register. The rest goes by offset. */
static bool find_register(const char *name, uint32_t *offset)
{
    char *end = NULL;
    size_t i;

    for (i = 0; i < sizeof(reg_names) / sizeof(reg_names[0]); i++) {
        if (!strcmp(reg_names[i].name, name)) {
            *offset = reg_names[i].offset;
            return true;
        }
    }
    if (name[0] == 'R' && strlen(name) == 4) {
        *offset = strtoul(name + 1, &end, 16);
    } else if (name[0] == '0') {
        *offset = strtoul(name, &end, 16);
    }
    return end && !*end && *offset < AXI_DMAC_MAP_SIZE;
}

static uint32_t reg_offset(const struct line *l)
{
    uint32_t offset = AXI_DMAC_SCRATCH;

    find_register(l->word[1], &offset);
    return offset;
}

/* The register may have had the value at any time within the tolerance: tried on a copy. */
static void play_read(struct run *r, const struct line *l, uint64_t not_before)
{
    static struct axi_dmac saved;
    uint32_t offset = reg_offset(l), want = number(l->word[2]), v = 0;
    uint64_t t = l->t - 1, try = t > r->tolerance + not_before ? t - r->tolerance : not_before;
    bool found = !strcmp(l->word[2], "?");

    saved = r->dmac;
    r->trial = true;
    for (; !found && try <= t + r->tolerance; try++) {
        v = axi_dmac_read(&r->dmac, offset, try);
        found = v == want;
        r->dmac = saved;
    }
    r->trial = false;
    v = axi_dmac_read(&r->dmac, offset, t);
    if (!found) {
        fault(r, l->number, "%s reads 0x%x, not %s", l->word[1], v, l->word[2]);
    }
}

static uint64_t desc_value(const struct line *l, const char *key)
{
    size_t len = strlen(key);
    unsigned int i;

    for (i = 2; i < l->words; i++) {
        if (!strncmp(l->word[i], key, len) && l->word[i][len] == '=') {
            return number(l->word[i] + len + 1);
        }
    }
    return 0;
}

static void put_le64(uint8_t *p, uint64_t v)
{
    int i;

    for (i = 0; i < 8; i++) {
        p[i] = v >> (8 * i);
    }
}

static void play_desc(struct run *r, const struct line *l)
{
    uint64_t addr = number(l->word[1]);
    unsigned int i;

    for (i = 0; i < r->descs && r->desc[i].addr != addr; i++) {
    }
    if (i == sizeof(r->desc) / sizeof(r->desc[0])) {
        fault(r, l->number, "more than %u descriptors", i);
        return;
    }
    r->descs += i == r->descs;
    r->desc[i].addr = addr;
    memset(r->desc[i].byte, 0, sizeof(r->desc[i].byte));
    put_le64(r->desc[i].byte, desc_value(l, "id") << 32 | desc_value(l, "flags"));
    put_le64(r->desc[i].byte + 8, desc_value(l, "dst"));
    put_le64(r->desc[i].byte + 16, desc_value(l, "src"));
    put_le64(r->desc[i].byte + 24, desc_value(l, "next"));
    put_le64(r->desc[i].byte + 32, (desc_value(l, "bytes") - 1) << 32);
}

/* A FIFO's first slot is the second edge after it was switched on, that of a sink the first. */
static void play_switch(struct run *r, const struct line *l)
{
    bool on = number(l->word[1]);
    uint64_t edge = edge_after(r, l->t) + !r->sink;
    uint64_t slot;

    axi_dmac_advance(&r->dmac, l->t);
    if (on && (r->stream || r->first_edge == AXI_DMAC_NEVER)) {
        r->first_edge = edge;
    } else if (on) {
        flag_falls(r, r->off_slot);
        r->first_edge = edge - r->off_slot * r->every;
    } else if (!r->stream) {
        fifo_first(r, 0, l->t + 1, false, &slot);
        r->off_slot = slot;
    }
    r->off_slot = on ? AXI_DMAC_NEVER : r->off_slot;
    r->on = on;
    axi_dmac_port_changed(&r->dmac, l->t);
}

/* `src 1` */
static void start_converter(struct run *r, uint64_t t)
{
    axi_dmac_advance(&r->dmac, t);
    r->converter_edge = edge_after(r, t);
    r->on = true;
    axi_rx_start(&r->rx, t);
    axi_dmac_port_changed(&r->dmac, t);
}

static unsigned int count_channels(unsigned int mask)
{
    return __builtin_popcount(mask);
}

/* `dac MASK` */
static void play_dac(struct run *r, uint64_t t, unsigned int mask)
{
    axi_dmac_advance(&r->dmac, t);
    r->converter_edge = edge_after(r, t);
    r->channels = count_channels(mask);
    r->on = true;
    axi_tx_set_channels(&r->tx, mask, t);
    axi_tx_start(&r->tx, t);
    axi_dmac_port_changed(&r->dmac, t);
}

/* Returns whether the line is a stimulus. */
static bool play_stimulus(struct run *r, const struct line *l)
{
    if (is(l, "w")) {
        /* Before what happens at the same time */
        axi_dmac_write(&r->dmac, reg_offset(l), number(l->word[2]), l->t - 1);
    } else if (is(l, "dac")) {
        play_dac(r, l->t, l->value[0]);
    } else if (r->chain && is(l, "src")) {
        start_converter(r, l->t);
    } else if (is(l, "src") || is(l, "sink")) {
        play_switch(r, l);
    } else if (is(l, "stall")) {
        axi_dmac_stall(&r->dmac, number(l->word[1]), l->t);
    } else if (is(l, "tlast")) {
        axi_dmac_advance(&r->dmac, l->t);
        if (r->tlasts < MAX_TLAST) {
            r->tlast[r->tlasts++] = number(l->word[1]);
        } else {
            fault(r, l->number, "more than %d TLASTs", MAX_TLAST);
        }
        axi_dmac_port_changed(&r->dmac, l->t);
    } else if (is(l, "desc")) {
        axi_dmac_advance(&r->dmac, l->t);
        play_desc(r, l);
    } else {
        return false;
    }
    return true;
}

/* Of the burst that is on its way out in the end, what is out counts. */
static void finish_output(struct run *r)
{
    uint64_t units = (axi_dmac_engine_finished(&r->dmac) - r->dmac.e.done_bytes) / r->unit_bytes;

    if (units && r->taken) {
        if (r->outs) {
            r->out[r->outs - 1].count += units;
        }
        r->taken += units * r->unit_bytes / r->width;
        r->next_slot += units * r->unit_bytes / r->width;
    }
}

/* Of the first slot at @t or later */
static uint64_t slot_from(struct run *r, uint64_t t, uint64_t *slot)
{
    return r->dmac.port.first(r->dmac.port.opaque, 0, t, false, slot);
}

static void finish_output_gap(struct run *r, uint64_t end)
{
    uint64_t slot;

    if (r->taken && !r->chain && slot_from(r, end, &slot) != AXI_DMAC_NEVER && slot > r->next_slot) {
        put_number(put(r, KIND_OUT, ns(edge_ps(r, r->first_edge + r->next_slot * r->every + r->fifo_sink)), "dry"),
                   r->taken);
    }
}

static void finish_input(struct run *r, uint64_t end)
{
    if (!r->on && r->first_edge == AXI_DMAC_NEVER) {
        return;
    }
    if (slot_from(r, end + 1, &r->end_slot) == AXI_DMAC_NEVER && !r->stream) {
        r->end_slot = r->off_slot;
    }
    if (r->stream) {
        r->end_slot = r->taken;
    } else if (r->dmac.e.src_end != AXI_DMAC_NEVER && r->end_slot > r->dmac.e.src_first) {
        r->taken += r->end_slot - r->dmac.e.src_first;
    }
    if (r->flag && slot_edge(r, r->flag_next) != r->flag_edge + 1) {
        put_flag(r, r->flag_edge + 1, false);
    }
}

static void play(struct run *r, uint64_t end)
{
    uint64_t before = RESET_NS;
    size_t i;

    for (i = 0; i < r->lines.n; i++) {
        const struct line *l = &r->lines.line[i];

        if (is(l, "r")) {
            play_read(r, l, before);
        } else if (play_stimulus(r, l)) {
            before = l->t;
        }
        /* As an emulator would, stop at each event: looking ahead must not change anything */
        while (axi_dmac_next_event(&r->dmac) < (i + 1 < r->lines.n ? r->lines.line[i + 1].t : end - r->tolerance) &&
               axi_dmac_next_event(&r->dmac) > r->dmac.e.now) {
            axi_dmac_advance(&r->dmac, axi_dmac_next_event(&r->dmac));
        }
    }
    r->end = end;
    if (end > r->tolerance + r->dmac.e.now) {
        axi_dmac_advance(&r->dmac, end - r->tolerance);
    }
    r->sum.bytes_acked = r->dmac.e.done_bytes;
    r->sum_before = r->sum;
    axi_dmac_advance(&r->dmac, end);
    r->sum.bytes_acked = r->dmac.e.done_bytes;
    if (r->sink) {
        finish_output(r);
        finish_output_gap(r, end);
    } else {
        finish_input(r, end);
    }
    if (r->chain == CHAIN_TX) {
        /* The model tells of a burst when all of it is out */
        r->last_edge = edge_after(r, end);
        r->over = true;
        axi_dmac_advance(&r->dmac, end + ns(2 * AXI_TX_RING * r->period_ps));
        axi_tx_advance(&r->tx, end + ns(2 * AXI_TX_RING * r->period_ps));
    }
}

/* Comparing */

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static bool in_time(struct run *r, const struct line *want, const struct line *got)
{
    uint64_t d = distance(want->t, got->t);

    if (d > r->tolerance) {
        return false;
    }
    r->worst = d > r->worst ? d : r->worst;
    return true;
}

static void show(const struct line *l, char *buf, size_t size)
{
    size_t at = snprintf(buf, size, "%" PRIu64 " %s", l->t, l->word[0]);
    unsigned int i;

    for (i = 1; i < l->words && at < size; i++) {
        at += snprintf(buf + at, size - at, l->address && i == 1 ? " 0x%" PRIx64 : " %" PRIu64, l->value[i - 1]);
    }
}

/* How many beats the tolerance is */
static uint64_t some_beats(const struct run *r)
{
    return r->tolerance * PS_PER_NS / (r->period_ps * r->every);
}

/* How much a number may be off: what is counted in beats depends on the converter's clock. */
static uint64_t slack(const struct run *r, const struct line *l, unsigned int word)
{
    uint64_t beats = some_beats(r);

    if (is(l, "lost") || is(l, "ovf") || is(l, "dry")) {
        return is(l, "ovf") && word == 1 ? 0 : beats;
    }
    if (is(l, "adc_ovf") || is(l, "dac_unf")) {
        return word == 1 ? 0 : r->tolerance * PS_PER_NS / r->period_ps;
    }
    if (is(l, "out")) {
        return beats * (word == 1 ? r->width / r->unit_bytes : 1);
    }
    if ((is(l, "sot") && word == 2) || (is(l, "eot") && word == 2) || is(l, "acc") || is(l, "end")) {
        return r->sink ? beats * r->width : 0;
    }
    return 0;
}

static bool same(const struct run *r, const struct line *want, const struct line *got)
{
    unsigned int i;

    if (want->words != got->words || strcmp(want->word[0], got->word[0])) {
        return false;
    }
    for (i = 1; i < want->words; i++) {
        if (distance(want->value[i - 1], got->value[i - 1]) > slack(r, want, i)) {
            return false;
        }
    }
    return true;
}

#define MAX_WORDS_OF_KIND   4

static const char *const kinds[KINDS][MAX_WORDS_OF_KIND] = {
    [KIND_IRQ] = { "irq" }, [KIND_ENDS] = { "sot", "eot", "acc", "end" }, [KIND_AW] = { "aw" }, [KIND_AR] = { "ar" },
    [KIND_WR] = { "wr" }, [KIND_SG] = { "sgar", "sgrd" }, [KIND_XREQ] = { "xreq" }, [KIND_OVF] = { "ovf" },
    [KIND_LOST] = { "lost" }, [KIND_S_LAST] = { "s_last" }, [KIND_OUT] = { "out", "dry" },
    [KIND_M_LAST] = { "m_last" }, [KIND_STRB] = { "strb" }, [KIND_ADC_OVF] = { "adc_ovf" }, [KIND_DAC_UNF] = { "dac_unf" },
};

static bool belongs(const struct line *l, unsigned int kind)
{
    unsigned int i;

    for (i = 0; i < MAX_WORDS_OF_KIND && kinds[kind][i]; i++) {
        if (is(l, kinds[kind][i])) {
            return true;
        }
    }
    return false;
}

/* Output that went on after so short a gap, and the line before it: whether there is one depends on the clocks. */
static bool short_gap(const struct run *r, const struct lines *l, size_t i)
{
    const struct line *at = &l->line[i];

    if (is(at, "dry")) {
        for (i++; i < l->n && !is(&l->line[i], "out"); i++) {
        }
        return i < l->n && short_gap(r, l, i);
    }
    return is(at, "out") && at->value[1] && at->value[1] <= some_beats(r);
}

/* Kinds of which the recording has only a part */
static bool thinned_out(const struct run *r, unsigned int kind)
{
    const char *list = param(r, "sampled", "");
    unsigned int i;

    for (i = 0; i < MAX_WORDS_OF_KIND && kinds[kind][i]; i++) {
        size_t n = strlen(kinds[kind][i]);
        const char *at = list;

        while ((at = strstr(at, kinds[kind][i]))) {
            if (at > list && at[-1] == ' ' && (at[n] == ',' || !at[n])) {
                return true;
            }
            at += n;
        }
    }
    return false;
}

static void compare_kind(struct run *r, unsigned int kind)
{
    const struct lines *got = &r->got[kind];
    bool part = thinned_out(r, kind);
    char a[160], b[160];
    size_t i, g = 0;

    for (i = 0; i < r->lines.n; i++) {
        const struct line *want = &r->lines.line[i];

        if (!belongs(want, kind) || short_gap(r, &r->lines, i)) {
            continue;
        }
        while (g < got->n && short_gap(r, got, g)) {
            g++;
        }
        while (part && g < got->n && got->line[g].t <= want->t + r->tolerance &&
               !(same(r, want, &got->line[g]) && got->line[g].t + r->tolerance >= want->t)) {
            g++;
        }
        show(want, a, sizeof(a));
        if (g == got->n) {
            if (want->t + r->tolerance < r->end) {
                fault(r, want->number, "\"%s\" did not come", a);
            }
            return;
        }
        show(&got->line[g], b, sizeof(b));
        if (!same(r, want, &got->line[g])) {
            fault(r, want->number, "\"%s\", the model: \"%s\"", a, b);
            return;
        }
        if (!in_time(r, want, &got->line[g])) {
            fault(r, want->number, "\"%s\", the model: \"%s\", %" PRIu64 " ns apart", a, b,
                  distance(want->t, got->line[g].t));
            return;
        }
        g++;
    }
    /* What comes with the end of the recording may not be in it. The last one of a kind always is. */
    while (g < got->n && short_gap(r, got, g)) {
        g++;
    }
    if (g < got->n && got->line[g].t + r->tolerance < r->end) {
        show(&got->line[g], b, sizeof(b));
        fault(r, 0, "the model has more: \"%s\"", b);
    }
}

/* Is line @i followed by a piece of output that begins with @first? */
static bool goes_on(const struct lines *l, size_t i, uint64_t first)
{
    return i + 1 < l->n && is(&l->line[i + 1], "out_run") && number(l->line[i + 1].word[1]) == first;
}

static void compare_memory(struct run *r)
{
    /* A stream waits, so its beats do not depend on clocks */
    uint64_t beats = r->stream ? 0 : some_beats(r) * (r->width / r->unit_bytes);
    size_t i, m = 0, o = 0;

    for (i = 0; i < r->lines.n; i++) {
        const struct line *l = &r->lines.line[i];
        uint64_t first, count;

        if (is(l, "mem")) {
            first = number(l->word[2]);
            count = number(l->word[3]);
            if (m >= r->mems) {
                fault(r, l->number, "0x%" PRIx64 " was not written", number(l->word[1]));
                return;
            }
            if (r->mem[m].addr != number(l->word[1]) || distance(r->mem[m].first, first) > beats || r->mem[m].count != count) {
                fault(r, l->number, "mem %s %s %s, the model: 0x%" PRIx64 " %" PRIu64 " %" PRIu64, l->word[1], l->word[2],
                      l->word[3], r->mem[m].addr, r->mem[m].first, r->mem[m].count);
                return;
            }
            m++;
        } else if (is(l, "out_run")) {
            first = number(l->word[1]);
            count = number(l->word[2]);
            /* Short gaps aside: pieces that follow each other are one */
            for (; goes_on(&r->lines, i, first + count); i++) {
                count += number(r->lines.line[i + 1].word[2]);
            }
            for (; o + 1 < r->outs && r->out[o + 1].first == r->out[o].first + r->out[o].count; o++) {
                r->out[o + 1].first = r->out[o].first;
                r->out[o + 1].count += r->out[o].count;
            }
            if (o >= r->outs || distance(r->out[o].first, first) > beats || distance(r->out[o].count, count) > 2 * beats) {
                fault(r, l->number, "out_run %" PRIu64 " %" PRIu64 ", the model: %" PRIu64 " %" PRIu64, first, count,
                      o < r->outs ? r->out[o].first : 0, o < r->outs ? r->out[o].count : 0);
                return;
            }
            o++;
        }
    }
    if (m < r->mems || o < r->outs) {
        fault(r, 0, "the model wrote more than was recorded");
    }
}

/* What is after the = in word @i of the line */
static uint64_t keyed(const struct line *l, unsigned int i)
{
    return number(strchr(l->word[i], '=') + 1);
}

static bool compare_samples(struct run *r, const struct line *l, const struct samples *s)
{
    uint64_t addr = number(l->word[1]), count = number(l->word[2]), n = keyed(l, 4);
    uint16_t later = s->value / AXI_CHANNELS - n, earlier = n - s->value / AXI_CHANNELS;
    unsigned int mask = UINT16_MAX / AXI_CHANNELS;

    if (s->addr == addr && s->count == count && s->channel == keyed(l, 3) &&
        ((later & mask) <= some_beats(r) || (earlier & mask) <= some_beats(r))) {
        return true;
    }
    fault(r, l->number, "samples %s %s %s %s, the model: 0x%" PRIx64 " %" PRIu64 " ch=%u n=%u", l->word[1], l->word[2],
          l->word[3], l->word[4], s->addr, s->count, s->channel, s->value / AXI_CHANNELS);
    return false;
}

static bool compare_frames(struct run *r, const struct line *l, const struct frames *f)
{
    uint64_t frame = number(l->word[1]), count = number(l->word[2]);
    bool good = distance(f->frame, frame) <= some_beats(r) && distance(f->count, count) <= 2 * some_beats(r);
    unsigned int c;

    for (c = 0; c < AXI_CHANNELS; c++) {
        good &= !strcmp(l->word[3 + c], "?") || (number(l->word[3 + c]) & UINT16_MAX) == (f->first >> 16 * c & UINT16_MAX);
    }
    if (!good) {
        fault(r, l->number, "dac_run %s %s %s %s %s %s, the model: %" PRIu64 " %" PRIu64 " %u %u %u %u", l->word[1],
              l->word[2], l->word[3], l->word[4], l->word[5], l->word[6], f->frame, f->count, (uint16_t)f->first,
              (uint16_t)(f->first >> 16), (uint16_t)(f->first >> 32), (uint16_t)(f->first >> 48));
    }
    return good;
}

/* What came through the chain: samples in memory, or frames for the converter */
static void compare_chain(struct run *r)
{
    const char *kind = r->chain == CHAIN_RX ? "samples" : "dac_run";
    size_t i, n = 0, all = r->chain == CHAIN_RX ? r->n_samples : r->n_frames;
    bool good;

    for (i = 0; i < r->lines.n; i++) {
        const struct line *l = &r->lines.line[i];

        if (!is(l, kind)) {
            continue;
        }
        if (n == all) {
            fault(r, l->number, "the model has no more %s", kind);
            return;
        }
        good = r->chain == CHAIN_RX ? compare_samples(r, l, &r->samples[n]) : compare_frames(r, l, &r->frames[n]);
        n++;
        if (!good) {
            return;
        }
    }
    if (n < all) {
        fault(r, 0, "the model has more %s than were recorded", kind);
    }
}

/* Lines that say @value */
static uint64_t count_lines(const struct lines *l, uint64_t value)
{
    uint64_t n = 0;
    size_t i;

    for (i = 0; i < l->n; i++) {
        n += l->line[i].value[0] == value;
    }
    return n;
}

static void compare_sum(struct run *r, const struct line *l, uint64_t least, uint64_t most)
{
    uint64_t want = number(l->word[2]);

    if (want < least || want > most) {
        fault(r, l->number, "%s is %" PRIu64 ", in the model %" PRIu64, l->word[1], want, most);
    }
}

static void compare_sums(struct run *r)
{
    uint64_t beats = 2 + some_beats(r);
    struct {
        const char *name;
        uint64_t least, most;
    } sums[] = {
        { "sot", r->sum_before.sot, r->sum.sot },
        { "eot", r->sum_before.eot, r->sum.eot },
        { "src_beats", r->end_slot - beats, r->end_slot + beats },
        { "src_taken", r->taken - beats, r->taken + beats },
        { "src_lost", r->lost - beats, r->lost + beats },
        { "ovf_beats", r->flagged - beats, r->flagged + beats },
        { "bursts_written", r->sum_before.bursts, r->sum.bursts },
        { "bursts_read", r->sum_before.bursts, r->sum.bursts },
        { "bytes_issued", r->sum_before.bytes_issued, r->sum.bytes_issued },
        /* The last one may not be there yet */
        { "bytes_read", r->sum_before.bytes_issued - r->dmac.burst, r->sum.bytes_issued },
        { "bytes_acked", r->sum_before.bytes_acked, r->sum.bytes_acked },
        { "cross_4k", r->dmac.offences.crossings, r->dmac.offences.crossings },
        { "desc_reads", r->sum_before.desc_reads, r->sum.desc_reads },
        { "underflow", r->flagged - beats, r->flagged + beats },
        { "irqs_handled", count_lines(&r->got[KIND_IRQ], 0), count_lines(&r->got[KIND_IRQ], 0) },
        { "out_units", (r->taken - beats) * (r->width / r->unit_bytes), (r->taken + beats) * (r->width / r->unit_bytes) },
    };
    size_t i, k;

    for (i = 0; i < r->lines.n; i++) {
        const struct line *l = &r->lines.line[i];

        for (k = 0; is(l, "sum") && k < sizeof(sums) / sizeof(sums[0]); k++) {
            if (!strcmp(l->word[1], sums[k].name)) {
                compare_sum(r, l, sums[k].least > sums[k].most ? 0 : sums[k].least, sums[k].most);
            }
        }
    }
}

/* A run */

static uint8_t bus(const char *name)
{
    return !strcmp(name, "mem") ? AXI_DMAC_BUS_MEMORY : !strcmp(name, "stream") ? AXI_DMAC_BUS_STREAM : AXI_DMAC_BUS_FIFO;
}

static uint32_t version_of(const char *text)
{
    return AXI_DMAC_VERSION(text[0] - '0', text[2] - '0', text[4]);
}

static struct axi_dmac_config config_of(const struct run *r)
{
    return (struct axi_dmac_config) {
        .version = version_of(r->version),
        .id = param_number(r, "id", !strncmp(r->name, "id", 2) ? number(r->name + 2) : 0),
        .src_type = bus(param(r, "src_type", "fifo")),
        .dst_type = bus(param(r, "dst_type", "mem")),
        .src_width = param_number(r, "src_width", 64) / 8,
        .dst_width = param_number(r, "dst_width", 64) / 8,
        .length_width = param_number(r, "length_width", 24),
        .addr_width = param_number(r, "addr_width", 32),
        .fifo_bursts = param_number(r, "fifo_bursts", 8),
        .burst = param_number(r, "max_bytes_per_burst", 128),
        .cyclic = param_number(r, "cyclic", 0),
        .two_d = param_number(r, "two_d", 0),
        .sg = param_number(r, "sg", 0),
        .coherent = param_number(r, "coherent", 0),
        .sync = param_number(r, "sync_transfer_start", 0),
        .no_debug = !param_number(r, "debug_registers", 1),
        .mem = {
            .clock_ns = param_number(r, "bus_clock_ns", 10),
            .write_latency = param_number(r, "mem_write_latency", 6),
            .write_every = param_number(r, "mem_write_beat_every", 1),
            .read_latency = param_number(r, "mem_read_latency", 6),
            .read_every = param_number(r, "mem_read_beat_every", 1),
            .sg_latency = param_number(r, "sg_read_latency", 2),
        },
    };
}

/* The sample clock of the chain is the converter's; its edges are rounded up to whole nanoseconds, not to the nearest. */
static uint64_t chain_phase(void)
{
    return CLOCK_PHASE_PS - PS_PER_NS / 2 + 1;
}

static struct axi_dmac_port set_up_chain(struct run *r, const struct axi_dmac_config *cfg)
{
    unsigned int mask = param_number(r, "channels", 0xf);

    if (r->chain == CHAIN_RX) {
        axi_rx_init(&r->rx, cfg->src_width);
        axi_rx_set_period(&r->rx, r->period_ps, PS_PER_NS, 0);
        axi_rx_set_phase(&r->rx, chain_phase());
        axi_rx_set_channels(&r->rx, mask, 0);
        r->rx.pattern = AXI_ADC_NUMBERED;
        r->rx.skips = cfg->version >= AXI_DMAC_VERSION(4, 5, 'e');
        r->inner = axi_rx_port(&r->rx);
        r->channels = count_channels(mask);
    } else {
        axi_tx_init(&r->tx);
        axi_tx_set_period(&r->tx, r->period_ps, PS_PER_NS, 0);
        axi_tx_set_phase(&r->tx, chain_phase());
        r->tx.out = frame_out;
        r->tx.out_opaque = r;
        r->inner = axi_tx_port(&r->tx);
        r->channels = AXI_CHANNELS;
        r->last_edge = UINT64_MAX;
        r->flag = true;
        /* What the recorder has before the first frame */
        frame_out(r, UINT64_MAX, 0);
    }
    return (struct axi_dmac_port) {
        .opaque = r, .waits = r->inner.waits, .edge = chain_edge, .first = chain_first, .later = chain_later,
        .move = chain_move, .missed = chain_missed,
    };
}

static void set_up(struct run *r, const struct axi_dmac_config *cfg)
{
    struct axi_dmac_port port = {
        .opaque = r, .waits = cfg->src_type == AXI_DMAC_BUS_STREAM,
        .edge = port_edge, .first = port_first, .later = port_later, .tlast = port_tlast,
        .move = port_move, .missed = port_missed,
    };

    r->sink = cfg->src_type == AXI_DMAC_BUS_MEMORY;
    r->stream = cfg->src_type == AXI_DMAC_BUS_STREAM;
    r->fifo_sink = cfg->dst_type == AXI_DMAC_BUS_FIFO;
    r->width = r->sink ? cfg->dst_width : cfg->src_width;
    r->unit_bytes = param_number(r, "unit_bytes", r->width);
    r->every = param_number(r, r->sink ? "sink_ready_every" : "src_beat_every", 1);
    r->sync_every = param_number(r, "sync_every", 1);
    r->first_edge = AXI_DMAC_NEVER;
    r->off_slot = AXI_DMAC_NEVER;
    r->tolerance = r->tolerance > 2 * r->period_ps / PS_PER_NS ? r->tolerance : 2 * r->period_ps / PS_PER_NS;
    if (r->chain) {
        port = set_up_chain(r, cfg);
    }
    axi_dmac_connect(&r->dmac, &port);
}

static uint64_t end_of(const struct run *r)
{
    uint64_t end = 0;
    size_t i;

    for (i = 0; i < r->lines.n; i++) {
        const struct line *l = &r->lines.line[i];

        if (is(l, "sum") && l->words > 2 && !strcmp(l->word[1], "t_end")) {
            return number(l->word[2]);
        }
        end = l->t > end ? l->t : end;
    }
    return end;
}

static void play_version(struct run *r)
{
    struct axi_dmac_config cfg = config_of(r);
    const char *wrong = axi_dmac_init(&r->dmac, &cfg, &ops, r);
    unsigned int kind;

    if (wrong) {
        fault(r, 0, "%s", wrong);
        return;
    }
    set_up(r, &cfg);
    axi_dmac_reset(&r->dmac, RESET_NS);
    play(r, end_of(r));
    for (kind = 0; kind < KINDS; kind++) {
        compare_kind(r, kind);
    }
    if (r->chain) {
        compare_chain(r);
    } else {
        compare_memory(r);
    }
    compare_sums(r);
    wrong = axi_dmac_check(&r->dmac);
    if (wrong) {
        fault(r, 0, "%s", wrong);
    }
}

static void forget(struct run *r)
{
    unsigned int kind;

    for (kind = 0; kind < KINDS; kind++) {
        free_lines(&r->got[kind]);
    }
    free(r->mem);
    free(r->out);
    free(r->samples);
    free(r->frames);
}

/* Plays the run once for each version that it was recorded on; counts what passed and what failed. */
static void play_run(const struct run *parsed, unsigned int *passed, unsigned int *failed, uint64_t *worst)
{
    static struct run r;
    const char *v = param(parsed, "versions", "4.5.e");

    for (; *v; v += strcspn(v, " "), v += strspn(v, " ")) {
        r = *parsed;
        snprintf(r.version, sizeof(r.version), "%.*s", (int)strcspn(v, " "), v);
        play_version(&r);
        *passed += !r.faults;
        *failed += !!r.faults;
        *worst = r.worst > *worst ? r.worst : *worst;
        forget(&r);
    }
}

/* Reading */

/* A file that is no recording: says what is wrong with it, and where. */
static bool malformed(const struct run *r, unsigned int at, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool malformed(const struct run *r, unsigned int at, const char *format, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "trace: %s:%u: ", r->file, at);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    return false;
}

static bool read_number(const char *text, uint64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && !*end && !errno;
}

/* n: number, u: of 32 bits, ?: or unknown, R: register, b: 0 or 1, k: KEY=NUMBER, s: name of a sum */
static const struct {
    const char *name, *words;
    bool timed;
} line_kinds[] = {
    { "w", "Ru", true }, { "r", "R?", true }, { "src", "b", true }, { "sink", "b", true }, { "stall", "b", true },
    { "tlast", "n", true }, { "desc", "nkkkkkk", true }, { "dac", "n", true }, { "irq", "b", true },
    { "sot", "nn", true }, { "eot", "nn", true }, { "acc", "n", true }, { "end", "n", true }, { "aw", "nn", true },
    { "ar", "nn", true }, { "strb", "nn", true }, { "wr", "n", true }, { "sgar", "nn", true }, { "sgrd", "n", true },
    { "xreq", "b", true }, { "ovf", "bn", true }, { "lost", "n", true }, { "s_last", "n", true }, { "out", "nn", true },
    { "dry", "n", true }, { "m_last", "n", true }, { "adc_ovf", "bn", true }, { "dac_unf", "bn", true },
    { "mem", "nnn", false }, { "out_run", "nn", false }, { "samples", "nnkk", false },
    { "dac_run", "nn????", false }, { "sum", "sn", false },
};

static const char *const sum_names[] = {
    "t_end", "sot", "eot", "src_beats", "src_taken", "src_lost", "ovf_beats", "bursts_written", "bursts_read",
    "bytes_issued", "bytes_read", "bytes_acked", "cross_4k", "desc_reads", "underflow", "irqs_handled", "out_units",
};

static bool good_word(const char *w, char type)
{
    const char *equals = strchr(w, '=');
    uint64_t v;
    uint32_t offset;
    size_t i;

    switch (type) {
    case 'R':
        return find_register(w, &offset);
    case '?':
        return !strcmp(w, "?") || read_number(w, &v);
    case 'u':
        return read_number(w, &v) && v <= UINT32_MAX;
    case 'b':
        return !strcmp(w, "0") || !strcmp(w, "1");
    case 'k':
        return equals && read_number(equals + 1, &v);
    case 's':
        for (i = 0; i < sizeof(sum_names) / sizeof(sum_names[0]); i++) {
            if (!strcmp(w, sum_names[i])) {
                return true;
            }
        }
        return false;
    default:
        return read_number(w, &v);
    }
}

/* The keys of @l have to be these, in this order. */
static bool good_keys(const struct line *l, unsigned int from, const char *const *keys, unsigned int n)
{
    unsigned int i;

    for (i = 0; i < n; i++) {
        size_t len = strlen(keys[i]);

        if (from + i >= l->words || strncmp(l->word[from + i], keys[i], len) || l->word[from + i][len] != '=') {
            return false;
        }
    }
    return true;
}

static bool check_line(const struct run *r, const struct line *l, bool timed)
{
    static const char *const desc_keys[] = { "flags", "id", "dst", "src", "next", "bytes" };
    static const char *const samples_keys[] = { "ch", "n" };
    const struct line *before = r->lines.n > 1 ? l - 1 : NULL;
    unsigned int k, i;

    for (k = 0; k < sizeof(line_kinds) / sizeof(line_kinds[0]) && strcmp(line_kinds[k].name, l->word[0]); k++) {
    }
    if (k == sizeof(line_kinds) / sizeof(line_kinds[0])) {
        return malformed(r, l->number, "no line \"%s\" is known", l->word[0]);
    }
    if (line_kinds[k].timed != timed) {
        return malformed(r, l->number, timed ? "\"%s\" has no time" : "\"%s\" needs a time", l->word[0]);
    }
    if (l->words != strlen(line_kinds[k].words) + 1) {
        return malformed(r, l->number, "\"%s\" needs %zu values, and there are %u", l->word[0], strlen(line_kinds[k].words),
                         l->words - 1);
    }
    for (i = 1; i < l->words; i++) {
        if (!good_word(l->word[i], line_kinds[k].words[i - 1])) {
            return malformed(r, l->number, "\"%s\" cannot have the value \"%s\"", l->word[0], l->word[i]);
        }
    }
    if ((is(l, "desc") && !good_keys(l, 2, desc_keys, 6)) || (is(l, "samples") && !good_keys(l, 3, samples_keys, 2))) {
        return malformed(r, l->number, "\"%s\" has other values in this format, see the page about it", l->word[0]);
    }
    if (timed && l->t <= RESET_NS) {
        return malformed(r, l->number, "nothing can happen before the reset has ended at %d ns", RESET_NS);
    }
    if (timed && before && before->timed && before->t > l->t) {
        return malformed(r, l->number, "the line before it is later");
    }
    if (timed && before && !before->timed) {
        return malformed(r, l->number, "lines with a time come before those without");
    }
    return true;
}

static bool parse_line(struct run *r, char *l, unsigned int at)
{
    bool timed = *l >= '0' && *l <= '9', first = true;
    struct line *line = add_line(&r->lines);
    char *save = NULL, *w;

    line->number = at;
    line->timed = timed;
    for (w = strtok_r(l, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
        if (timed && first) {
            if (!read_number(w, &line->t) || line->t > TIME_MAX) {
                return malformed(r, at, "\"%s\" is not a time", w);
            }
        } else if (line->words == MAX_WORDS) {
            return malformed(r, at, "too many values");
        } else {
            if (line->words && line->words <= MAX_VALUES) {
                line->value[line->words - 1] = number(w);
            }
            line->word[line->words++] = w;
        }
        first = false;
    }
    if (!line->words) {
        return malformed(r, at, "there is nothing behind the time");
    }
    line->address = line->word[0][0] == 'a' || !strncmp(line->word[0], "sg", 2) || is(line, "strb");
    line->address &= !is(line, "acc") && !is(line, "adc_ovf");
    return check_line(r, line, timed);
}

/* Numbers, and what they may be: the model says itself which of them go together. */
static const struct {
    const char *name;
    uint64_t least, most;
} number_params[] = {
    { "pcore_version", 0, UINT32_MAX }, { "id", 0, UINT32_MAX }, { "src_width", 16, 1024 }, { "dst_width", 16, 1024 },
    { "unit_bytes", 1, 128 }, { "fifo_bursts", 2, 32 }, { "max_bytes_per_burst", 2, 4096 }, { "length_width", 8, 32 },
    { "addr_width", 32, 64 }, { "cyclic", 0, 1 }, { "sg", 0, 1 }, { "two_d", 0, 1 }, { "sync_transfer_start", 0, 1 },
    { "coherent", 0, 1 }, { "debug_registers", 0, 1 }, { "channels", 1, 15 }, { "bus_clock_ns", 1, 1000 },
    { "src_beat_every", 1, 1000000 }, { "sink_ready_every", 1, 1000000 }, { "sync_every", 1, 1000000000 },
    { "mem_write_latency", 0, 60000 }, { "mem_write_beat_every", 1, 60000 }, { "mem_read_latency", 0, 60000 },
    { "mem_read_beat_every", 1, 60000 }, { "sg_read_latency", 0, 60000 },
};

static const char *const text_params[] = { "versions", "src_type", "dst_type", "chain", "conv_clock_ns" };

static bool parse_param(struct run *r, char *l, unsigned int at)
{
    char *save = NULL, *name, *value;
    uint64_t v;
    size_t i;

    strtok_r(l, " ", &save);
    name = strtok_r(NULL, " ", &save);
    value = name ? strtok_r(NULL, "", &save) : NULL;
    if (!value) {
        return malformed(r, at, "a parameter needs a name and a value");
    }
    for (i = 0; i < sizeof(text_params) / sizeof(text_params[0]); i++) {
        if (!strcmp(name, text_params[i])) {
            set_param(r, name, value);
            return true;
        }
    }
    for (i = 0; i < sizeof(number_params) / sizeof(number_params[0]); i++) {
        if (strcmp(name, number_params[i].name)) {
            continue;
        }
        if (!read_number(value, &v) || v < number_params[i].least || v > number_params[i].most) {
            return malformed(r, at, "%s is \"%s\", and has to be a number from %" PRIu64 " to %" PRIu64, name, value,
                             number_params[i].least, number_params[i].most);
        }
        set_param(r, name, value);
        return true;
    }
    return malformed(r, at, "no parameter \"%s\" is known", name);
}

/* "# sampled: about every 12th aw, about every 12th wr": what is after the numbers is kept as a parameter. */
static void parse_comment(struct run *r, char *l)
{
    static const char mark[] = "# sampled:";

    if (!strncmp(l, mark, strlen(mark))) {
        set_param(r, "sampled", l + strlen(mark));
    }
}

static bool good_bus(const char *name)
{
    return !strcmp(name, "mem") || !strcmp(name, "stream") || !strcmp(name, "fifo");
}

static bool good_version(const char *v, size_t len)
{
    return len == 5 && v[0] >= '0' && v[0] <= '9' && v[1] == '.' && v[2] >= '0' && v[2] <= '9' && v[3] == '.' &&
           v[4] >= 'a' && v[4] <= 'z';
}

static bool check_versions(const struct run *r, unsigned int at)
{
    const char *v = param(r, "versions", ""), *pcore = param(r, "pcore_version", NULL);

    if (!*v) {
        return malformed(r, at, "the parameter versions is missing");
    }
    for (; *v; v += strcspn(v, " "), v += strspn(v, " ")) {
        if (!good_version(v, strcspn(v, " "))) {
            return malformed(r, at, "\"%s\" is not a list of versions like 4.5.e", v);
        }
        if (pcore && number(pcore) != version_of(v)) {
            return malformed(r, at, "pcore_version %s is not that of %s", pcore, param(r, "versions", ""));
        }
    }
    return true;
}

/* What goes through the chain has to fit to the core, and the lines to what there is. */
static bool check_chain(struct run *r, unsigned int at)
{
    const char *chain = param(r, "chain", NULL);
    bool rx = chain && !strcmp(chain, "converter>wfifo>cpack>dmac");
    bool tx = chain && !strcmp(chain, "dmac>upack>rfifo>converter");
    unsigned int begun = 0;
    size_t i;

    if (chain && !rx && !tx) {
        return malformed(r, at, "the chain \"%s\" is not known", chain);
    }
    if ((rx && strcmp(param(r, "src_type", "fifo"), "fifo")) || (tx && (strcmp(param(r, "src_type", ""), "mem") ||
        strcmp(param(r, "dst_type", ""), "stream") || param_number(r, "dst_width", 64) != 64))) {
        return malformed(r, at, "the chain does not fit to the types and widths of the core");
    }
    r->chain = rx ? CHAIN_RX : tx ? CHAIN_TX : NO_CHAIN;
    for (i = 0; i < r->lines.n; i++) {
        const struct line *l = &r->lines.line[i];

        if (!tx && (is(l, "dac") || is(l, "dac_unf") || is(l, "dac_run"))) {
            return malformed(r, l->number, "there is no transmit chain");
        }
        if (!rx && (is(l, "adc_ovf") || is(l, "samples"))) {
            return malformed(r, l->number, "there is no receive chain");
        }
        if ((tx && (is(l, "src") || is(l, "sink"))) || (rx && (is(l, "sink") || (is(l, "src") && (!l->value[0] || begun++))))) {
            return malformed(r, l->number, "the converter of a chain can only be started, and once");
        }
        if (is(l, "dac") && (!l->value[0] || l->value[0] > 0xf)) {
            return malformed(r, l->number, "the mask of channels has to be from 1 to 15");
        }
        if (chain && (is(l, "mem") || is(l, "out") || is(l, "dry") || is(l, "out_run") || is(l, "tlast"))) {
            return malformed(r, l->number, "this line does not go with a chain");
        }
    }
    return true;
}

static bool check_lines(struct run *r)
{
    bool source = strcmp(param(r, "src_type", "fifo"), "mem");
    uint64_t end = end_of(r);
    size_t i;

    for (i = 0; i < r->lines.n; i++) {
        const struct line *l = &r->lines.line[i];

        if (l->timed && l->t > end) {
            return malformed(r, l->number, "it is later than the end of the recording, %" PRIu64, end);
        }
        if (!r->chain && ((source && is(l, "sink")) || (!source && is(l, "src")))) {
            return malformed(r, l->number, "the converter is not on that side");
        }
    }
    return true;
}

/* The run is complete: do its parts fit together? */
static bool check_run(struct run *r, unsigned int at)
{
    double period = strtod(param(r, "conv_clock_ns", "16.276"), NULL);
    const char *src = param(r, "src_type", "fifo"), *dst = param(r, "dst_type", "mem");
    uint64_t unit = param_number(r, "unit_bytes", 1), width = param_number(r, !strcmp(src, "mem") ? "dst_width" : "src_width", 64);
    struct axi_dmac_config cfg;
    const char *wrong;

    if (!r->lines.n) {
        return malformed(r, at, "a run without lines");
    }
    if (!(period >= 2 && period <= 1e6)) {
        return malformed(r, at, "conv_clock_ns has to be from 2 to 1000000");
    }
    r->period_ps = (uint64_t)(period * PS_PER_NS + 0.5);
    if (!good_bus(src) || !good_bus(dst)) {
        return malformed(r, at, "src_type and dst_type have to be mem, stream or fifo");
    }
    if (!strcmp(src, "mem") == !strcmp(dst, "mem")) {
        return malformed(r, at, "one side of the core has to be mem, the other one stream or fifo");
    }
    if (unit & (unit - 1) || unit > width / 8) {
        return malformed(r, at, "unit_bytes has to be a power of two and at most the width of the converter side");
    }
    if (!check_versions(r, at) || !check_chain(r, at) || !check_lines(r)) {
        return false;
    }
    snprintf(r->version, sizeof(r->version), "%.5s", param(r, "versions", ""));
    cfg = config_of(r);
    wrong = axi_dmac_init(&r->dmac, &cfg, &ops, r);
    return wrong ? malformed(r, at, "%s", wrong) : true;
}

/* The text of the file, or NULL after a message */
static char *read_file(const char *name)
{
    FILE *f = fopen(name, "r");
    size_t n = 0, room = 0;
    char *p = NULL;
    int c;

    while (f && (c = getc(f)) != EOF) {
        p = grow(p, n + 1, 1, &room);
        p[n++] = c;
    }
    if (!f || ferror(f)) {
        fprintf(stderr, "trace: %s: %s\n", name, strerror(errno));
    } else {
        p = grow(p, n + 1, 1, &room);
        p[n] = 0;
    }
    if (f && !ferror(f) && strlen(p) == n) {
        fclose(f);
        return p;
    }
    if (f && !ferror(f)) {
        fprintf(stderr, "trace: %s: not a text\n", name);
    }
    if (f) {
        fclose(f);
    }
    free(p);
    return NULL;
}

struct result {
    unsigned int passed, failed;
    uint64_t worst;
};

static bool end_run(struct run *r, unsigned int at, struct result *result)
{
    bool good = check_run(r, at);

    if (good) {
        play_run(r, &result->passed, &result->failed, &result->worst);
    }
    free_lines(&r->lines);
    return good;
}

static bool play_lines(char *text, struct run *r, struct result *result)
{
    static struct run first;
    char *l, *next;
    unsigned int at = 0, runs = 0;

    for (l = text; l; l = next) {
        next = strchr(l, '\n');
        if (next) {
            *next++ = 0;
        }
        at++;
        if (!strncmp(l, "run ", 4)) {
            /* What comes before the first one belongs to it. */
            if (r->lines.n || *r->name) {
                first = runs++ ? first : *r;
                if (!end_run(r, at - 1, result)) {
                    return false;
                }
                *r = first;
                memset(&r->lines, 0, sizeof(r->lines));
            }
            r->name = l + 4;
        } else if (*l == '#') {
            parse_comment(r, l);
        } else if (!strncmp(l, "param ", 6)) {
            if (!parse_param(r, l, at)) {
                return false;
            }
        } else if (*l && !parse_line(r, l, at)) {
            return false;
        }
    }
    return end_run(r, at, result);
}

static bool play_file(const char *name, uint64_t tolerance, struct result *result)
{
    static struct run r;
    char *text = read_file(name);
    bool good;

    if (!text) {
        return false;
    }
    memset(&r, 0, sizeof(r));
    r.file = name;
    r.name = "";
    r.tolerance = tolerance;
    good = play_lines(text, &r, result);
    free_lines(&r.lines);
    free(text);
    return good;
}

int main(int argc, char **argv)
{
    uint64_t tolerance = TOLERANCE_NS;
    struct result result = { 0 };
    bool all = true;
    int i = 1;

    if (argc > 2 && !strcmp(argv[1], "-t")) {
        if (!read_number(argv[2], &tolerance) || tolerance > TOLERANCE_MAX) {
            fprintf(stderr, "trace: -t needs a number of nanoseconds up to %d\n", TOLERANCE_MAX);
            return 2;
        }
        i = 3;
    }
    if (i >= argc || argv[i][0] == '-') {
        fprintf(stderr, "Usage: trace [-t NANOSECONDS] FILE...\n");
        return 2;
    }
    for (; i < argc; i++) {
        all &= play_file(argv[i], tolerance, &result);
    }
    printf("# times within %" PRIu64 " ns, %" PRIu64 " allowed\n", result.worst, tolerance);
    printf("%u passed, %u failed\n", result.passed, result.failed);
    return !all ? 2 : result.failed != 0;
}
