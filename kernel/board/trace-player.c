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
#define MAX_TLAST           64
#define BUS_BYTES_MAX       4096

__extension__ typedef unsigned __int128 u128;

/* Lines */

struct line {
    unsigned int number;        /* in the file; 0: the model's */
    uint64_t t;
    unsigned int words;
    const char *word[MAX_WORDS];    /* without the time; the model's lines have only the first */
    uint64_t value[MAX_VALUES];     /* of the words behind it, where they are numbers */
    bool address;                   /* the first of these is one */
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
       KIND_M_LAST, KIND_STRB, KINDS };

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
    uint64_t moved_unit;
    uint64_t taken, lost, flagged, next_slot, reported_lost;
    uint64_t flag_next;         /* slot after the last flagged one, while the flag is up */
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

static uint64_t slot_time(const struct run *r, uint64_t slot)
{
    return ns(edge_ps(r, r->first_edge + slot * r->every));
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

static void put_flag(struct run *r, uint64_t slot, bool on)
{
    struct line *l = put(r, KIND_OVF, ns(edge_ps(r, r->first_edge + slot * r->every + 1)), "ovf");

    put_number(l, on);
    put_number(l, r->flagged);
    r->flag = on;
}

/* Slots from @from up to @to were flagged as overflow; the flag is up until it turns out that one was not. */
static void flag_slots(struct run *r, uint64_t from, uint64_t to)
{
    if (r->flag && from != r->flag_next) {
        put_flag(r, r->flag_next, false);
    }
    if (!r->flag) {
        put_flag(r, from, true);
    }
    r->flagged += to - from;
    r->flag_next = to;
}

static void port_missed(void *opaque, uint64_t from, uint64_t to, bool flagged)
{
    struct run *r = opaque;

    if (r->trial) {
        return;
    }
    r->lost += to - from;
    if (flagged && !r->sink) {
        flag_slots(r, from, to);
    }
}

/* Memory */

static bool mem_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
    struct run *r = opaque;
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
        p[at] = (addr + at) / r->unit_bytes >> ((addr + at) % r->unit_bytes * 8);
    }
    return true;
}

static bool mem_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
    struct run *r = opaque;
    uint64_t first = r->moved_unit, count = len / r->unit_bytes;

    (void)buf;
    if (r->trial) {
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

    if (!r->trial) {
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
    if (r->flag && r->flag_next < slot + beats) {
        put_flag(r, r->flag_next, false);
    }
    r->taken += beats;
    r->next_slot = slot + beats;
}

static void event(void *opaque, enum axi_dmac_event what, uint64_t t, uint64_t a, uint64_t b)
{
    struct run *r = opaque;

    if (r->trial) {
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
        put_number(l, (UINT64_C(1) << b) - 1);
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
        break;
    case AXI_DMAC_EV_FLAGGED:
        flag_slots(r, a, b);
        break;
    case AXI_DMAC_EV_TLAST:
        if (r->fifo_sink) {
            break;
        }
        if (r->sink) {
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

static uint32_t reg_offset(struct run *r, const struct line *l)
{
    size_t i;

    for (i = 0; i < sizeof(reg_names) / sizeof(reg_names[0]); i++) {
        if (!strcmp(reg_names[i].name, l->word[1])) {
            return reg_names[i].offset;
        }
    }
    /* The rest goes by offset */
    if (l->word[1][0] == 'R' && strlen(l->word[1]) == 4) {
        return strtoul(l->word[1] + 1, NULL, 16);
    }
    if (l->word[1][0] == '0') {
        return number(l->word[1]);
    }
    fault(r, l->number, "no register \"%s\" is known", l->word[1]);
    return AXI_DMAC_SCRATCH;
}

/* The register may have had the value at any time within the tolerance: tried on a copy. */
static void play_read(struct run *r, const struct line *l, uint64_t not_before)
{
    static struct axi_dmac saved;
    uint32_t offset = reg_offset(r, l), want = number(l->word[2]), v = 0;
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
    if (on && r->first_edge == AXI_DMAC_NEVER) {
        r->first_edge = edge;
    } else if (on) {
        r->first_edge = edge - r->off_slot * r->every;
    } else if (!r->stream) {
        fifo_first(r, 0, l->t + 1, false, &slot);
        r->off_slot = slot;
    }
    r->off_slot = on ? AXI_DMAC_NEVER : r->off_slot;
    r->on = on;
    axi_dmac_port_changed(&r->dmac, l->t);
}

/* Returns whether the line is a stimulus. */
static bool play_stimulus(struct run *r, const struct line *l)
{
    if (is(l, "w")) {
        /* Before what happens at the same time */
        axi_dmac_write(&r->dmac, reg_offset(r, l), number(l->word[2]), l->t - 1);
    } else if (is(l, "src") || is(l, "sink")) {
        play_switch(r, l);
    } else if (is(l, "stall")) {
        axi_dmac_stall(&r->dmac, number(l->word[1]), l->t);
    } else if (is(l, "tlast")) {
        axi_dmac_advance(&r->dmac, l->t);
        if (r->tlasts < MAX_TLAST) {
            r->tlast[r->tlasts++] = number(l->word[1]);
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

    if (units && r->outs) {
        r->out[r->outs - 1].count += units;
        r->taken += units * r->unit_bytes / r->width;
        r->next_slot += units * r->unit_bytes / r->width;
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
    }
    if (r->sink && r->taken) {
        uint64_t slot;

        if (fifo_first(r, 0, end, false, &slot) != AXI_DMAC_NEVER && slot > r->next_slot) {
            put_number(put(r, KIND_OUT, ns(edge_ps(r, r->first_edge + r->next_slot * r->every + r->fifo_sink)), "dry"),
                       r->taken);
        }
    }
    if (!r->sink && r->first_edge != AXI_DMAC_NEVER) {
        fifo_first(r, 0, end + 1, false, &r->end_slot);
        if (!r->stream && r->dmac.e.src_end != AXI_DMAC_NEVER && r->end_slot > r->dmac.e.src_first) {
            r->taken += r->end_slot - r->dmac.e.src_first;
        }
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
    [KIND_M_LAST] = { "m_last" }, [KIND_STRB] = { "strb" },
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
    /* What comes with the end of the recording may not be in it */
    if (!part && g < got->n && got->line[g].t + r->tolerance < r->end) {
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
    uint64_t beats = some_beats(r) * (r->width / r->unit_bytes);
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
    if (m < r->mems || (o < r->outs && !strcmp(param(r, "chain", ""), ""))) {
        fault(r, 0, "the model wrote more than was recorded");
    }
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

static void set_up(struct run *r, const struct axi_dmac_config *cfg)
{
    const struct axi_dmac_port port = {
        .opaque = r, .waits = cfg->src_type == AXI_DMAC_BUS_STREAM,
        .edge = port_edge, .first = port_first, .later = port_later, .tlast = port_tlast,
        .move = port_move, .missed = port_missed,
    };

    r->period_ps = (uint64_t)(strtod(param(r, "conv_clock_ns", "16.276"), NULL) * PS_PER_NS + 0.5);
    r->sink = cfg->src_type == AXI_DMAC_BUS_MEMORY;
    r->stream = cfg->src_type == AXI_DMAC_BUS_STREAM;
    r->fifo_sink = cfg->dst_type == AXI_DMAC_BUS_FIFO;
    r->width = r->sink ? cfg->dst_width : cfg->src_width;
    r->unit_bytes = param_number(r, "unit_bytes", r->width);
    r->every = param_number(r, r->sink ? "sink_ready_every" : "src_beat_every", 1);
    r->sync_every = param_number(r, "sync_every", 1);
    r->first_edge = AXI_DMAC_NEVER;
    r->off_slot = AXI_DMAC_NEVER;
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
    compare_memory(r);
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

static char *read_file(const char *name)
{
    FILE *f = fopen(name, "r");
    size_t n = 0, room = 0;
    char *p = NULL;
    int c;

    if (!f) {
        return NULL;
    }
    while ((c = getc(f)) != EOF) {
        p = grow(p, n + 1, 1, &room);
        p[n++] = c;
    }
    p = grow(p, n + 1, 1, &room);
    p[n] = 0;
    fclose(f);
    return p;
}

/* "# sampled: about every 12th aw, about every 12th wr": what is after the numbers is kept as a parameter. */
static void parse_comment(struct run *r, char *l)
{
    static const char mark[] = "# sampled:";

    if (!strncmp(l, mark, strlen(mark))) {
        set_param(r, "sampled", l + strlen(mark));
    }
}

/* The rest of the line after its @n-th word */
static char *rest(char *l, unsigned int n)
{
    while (n--) {
        l += strcspn(l, " ");
        l += strspn(l, " ");
    }
    return l;
}

static void parse_line(struct run *r, char *l, unsigned int at)
{
    struct line *line;
    char *save = NULL, *w;
    bool timed = *l >= '0' && *l <= '9';

    if (!strncmp(l, "param ", 6)) {
        char *value = rest(l, 2);

        l[6 + strcspn(l + 6, " ")] = 0;
        set_param(r, l + 6, value);
        return;
    }
    line = add_line(&r->lines);
    line->number = at;
    line->address = !strncmp(l + strcspn(l, " "), " a", 2) || !strncmp(l + strcspn(l, " "), " sg", 3);
    for (w = strtok_r(l, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        if (timed) {
            line->t = number(w);
            timed = false;
        } else if (line->words < MAX_WORDS) {
            if (line->words && line->words <= MAX_VALUES) {
                line->value[line->words - 1] = number(w);
            }
            line->word[line->words++] = w;
        }
    }
}

static bool play_file(const char *name, uint64_t tolerance, unsigned int *passed, unsigned int *failed, uint64_t *worst)
{
    static struct run r, first;
    char *text = read_file(name), *save = NULL, *l;
    unsigned int at = 0, runs = 0;

    if (!text) {
        fprintf(stderr, "trace: %s: %s\n", name, strerror(errno));
        return false;
    }
    memset(&r, 0, sizeof(r));
    r.file = name;
    r.name = "";
    r.tolerance = tolerance;
    for (l = text; l; l = save) {
        save = strchr(l, '\n');
        if (save) {
            *save++ = 0;
        }
        at++;
        if (!strncmp(l, "run ", 4)) {
            if (r.lines.n) {
                play_run(&r, passed, failed, worst);
                free_lines(&r.lines);
                first = runs ? first : r;
                r = first;
                runs++;
            }
            r.name = l + 4;
        } else if (*l == '#') {
            parse_comment(&r, l);
        } else if (*l) {
            parse_line(&r, l, at);
        }
    }
    if (r.lines.n) {
        play_run(&r, passed, failed, worst);
        free_lines(&r.lines);
        runs++;
    }
    free(text);
    if (!runs) {
        fprintf(stderr, "trace: %s: not a recording\n", name);
    }
    return runs;
}

int main(int argc, char **argv)
{
    uint64_t tolerance = TOLERANCE_NS, worst = 0;
    unsigned int passed = 0, failed = 0;
    bool all = true;
    int i = 1;

    if (argc > 2 && !strcmp(argv[1], "-t")) {
        tolerance = number(argv[2]);
        i = 3;
    }
    if (i >= argc) {
        fprintf(stderr, "Usage: trace [-t NANOSECONDS] FILE...\n");
        return 2;
    }
    for (; i < argc; i++) {
        all &= play_file(argv[i], tolerance, &passed, &failed, &worst);
    }
    printf("# times within %" PRIu64 " ns, %" PRIu64 " allowed\n", worst, tolerance);
    printf("%u passed, %u failed\n", passed, failed);
    return !all ? 2 : failed != 0;
}
