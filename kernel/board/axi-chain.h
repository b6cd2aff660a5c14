/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model of what stands between a converter and its DMA controller in ADI's FMComms2/3 design: the sample
 * clock, util_wfifo and util_cpack2 on the way in, util_upack2 and util_rfifo on the way out. No registers.
 *
 * Receive: the channels that are on are packed to words. Sample n belongs to time n / rate, whether anybody
 * listens or not. The word that ends with it is put out AXI_RX_LATENCY samples later, for the DMA controller to
 * take at the next edge; what it does not take is lost. A change of the channels begins a new packing.
 *
 * Transmit: a ring of 32 frames is read at the sample rate and written by what the DMA controller gives.
 * A word that does not come is not written, so the converter gets what it got 32 frames before, again and
 * again, and the distance between writing and reading has changed when words come again.
 *
 * A frame or scan is one sample of each channel. All numbers count on for ever and are compared modulo 2^64.
 */
#ifndef AXI_CHAIN_H
#define AXI_CHAIN_H

#include "axi-dmac.h"

#define AXI_CHANNELS        4

#define AXI_RX_LATENCY      15      /* samples in util_wfifo and util_cpack2 */
#define AXI_RX_PACKINGS     4       /* that words can be of which are not in memory yet */
#define AXI_TX_RING         32      /* frames in util_rfifo */
#define AXI_TX_AHEAD        24      /* frames that writing is ahead of reading, if nothing was ever missing */
#define AXI_FLAG_DELAY      32      /* samples until the register shows an overflow or underflow */

#define AXI_CLOCK_ANSWERS   8

struct axi_clock_answer {
    uint64_t question, answer;
    bool valid, exact;
};

/* Edge n is at since + ((n - base) * num + phase) / den ns, rounded up. */
struct axi_clock {
    uint64_t since, base;
    uint64_t num, den, phase;
    double per_num, per_den;    /* reciprocals */
    struct axi_clock_answer edge_at[AXI_CLOCK_ANSWERS], time_of[AXI_CLOCK_ANSWERS];
};

/* When the slots of a port are. A slot is at the edge of one of its values: the last one in, the first one out. */
struct axi_slots {
    struct axi_clock clock;
    bool waits;                 /* no rate: there is a slot whenever the DMA controller wants one */
    bool stopped;               /* no slots; the clock goes on */
    uint64_t stopped_at;        /* edge */
    unsigned int values;        /* of 16 bits, in a slot */
    unsigned int lead;          /* the value whose edge is that of the slot */
    unsigned int edges;         /* in a sample; more than one if a slot is narrower than a scan may be */
    unsigned int channels;
    uint8_t channel[AXI_CHANNELS];
    uint64_t slot0, edge0;      /* of the first value of this packing */
    uint64_t next;              /* first slot that the DMA controller has said nothing about */
    unsigned int changes;       /* after each one the DMA controller has to look again */
};

/* A status that crosses from one clock to the other: what happened, and when it shows */
struct axi_flag {
    bool raised;
    uint64_t first, last, run;  /* edges: first one not cleared, last one, begin of the last run */
};

enum axi_adc_pattern {
    AXI_ADC_COUNTER,    /* 32 bit count per four bytes, whatever the channels */
    AXI_ADC_BIST,       /* the AD9361's own pseudo-random pattern over I and Q */
    AXI_ADC_PNX,        /* PN9, PN11, PN15, PN20 on channels 0 to 3, twelve bits a sample */
    AXI_ADC_NUMBERED,   /* sample n of channel c is 4 n + c, in sixteen bits */
    AXI_ADC_PATTERNS
};

/* What the slots from @from on hold: word slot - slot0 of a packing, until there is a newer one */
struct axi_packing {
    uint64_t from, slot0;
    uint64_t word0, scan0;      /* words before this packing, sample that it begins with */
    uint8_t channels, channel[AXI_CHANNELS];
};

struct axi_rx {
    struct axi_slots slots;
    struct axi_packing packing[AXI_RX_PACKINGS];    /* newest first */
    enum axi_adc_pattern pattern;
    bool skips;                 /* the first sample is not packed: util_cpack2 of 2026_R1 */

    struct axi_flag overflow;
    bool enabled, run;          /* the DMA controller is; it has taken words since */
    uint64_t lost_to;           /* end of the last loss */
    uint64_t lost_bytes;
    uint64_t overflows;         /* losses */
};

struct axi_tx {
    struct axi_slots slots;
    uint64_t ring[AXI_TX_RING]; /* channel c in bits 16 c and up */
    uint32_t fresh;             /* written and not put out yet */
    unsigned int wr, rd;
    uint64_t out_edge;          /* of the next frame to be put out */
    uint16_t rest[AXI_CHANNELS - 1];    /* values that do not make a frame yet */
    unsigned int rests;

    struct axi_flag underflow;
    bool enabled, run, gap;     /* the DMA controller is; words came since; then some did not */
    bool between;               /* what is repeated now is not within a run */
    uint64_t again;             /* frames repeated since the last new one */

    uint64_t frames;            /* put out */
    uint64_t repeated;          /* of them, between new ones of one run */
    uint64_t underflows;        /* gaps within a run */
    uint64_t lost_bytes;        /* what should have been in their place */
    uint64_t bytes;             /* taken */
    uint64_t hash;              /* 64 bit FNV-1a over the words, little endian */
    uint32_t count;             /* that the next 32 bits taken should be */
    uint64_t jumps;             /* how often they were another one */

    /* For tests: sees every frame that is put out */
    void (*out)(void *opaque, uint64_t frame, uint64_t values);
    void *out_opaque;
};

/* @width: bytes of a slot, 2 to 128. Stopped, without channels and rate. */
void axi_rx_init(struct axi_rx *s, unsigned int width);
/* Back to that; slots and samples count on. */
void axi_rx_reset(struct axi_rx *s, uint64_t now);
/* A sample every @num / @den ns; @num 0: no rate, as fast as words are taken, one every 10 ns at most */
void axi_rx_set_period(struct axi_rx *s, uint64_t num, uint64_t den, uint64_t now);
/* For recordings: all edges are later by @phase / @den ns, at most by a period. */
void axi_rx_set_phase(struct axi_rx *s, uint64_t phase);
void axi_rx_set_channels(struct axi_rx *s, unsigned int mask, uint64_t now);
/* Sample 0 is at the next edge; word 0 of the counter is the first one. */
void axi_rx_start(struct axi_rx *s, uint64_t now);
/* Stands still, or goes on: nothing is lost. */
void axi_rx_hold(struct axi_rx *s, bool on, uint64_t now);
/* Loses @bytes, rounded up to words, as if nobody had taken them. */
void axi_rx_lose(struct axi_rx *s, uint64_t bytes, uint64_t now);
/* Words that were made since the start, in bytes */
uint64_t axi_rx_position(struct axi_rx *s, uint64_t now);
/* Words that the DMA controller took, before it fetches them by move(): AXI_DMAC_EV_DATA */
void axi_rx_taken(struct axi_rx *s, uint64_t slot, uint64_t bytes);
/* Slots in which words moved, but the core said overflow: AXI_DMAC_EV_FLAGGED */
void axi_rx_flagged(struct axi_rx *s, uint64_t from, uint64_t to);
/* The DMA controller was: losses count from the first word that it takes until it is disabled. */
void axi_rx_enable(struct axi_rx *s, bool on);
bool axi_rx_overflowed(struct axi_rx *s, uint64_t now);
void axi_rx_clear_overflow(struct axi_rx *s, uint64_t now);
struct axi_dmac_port axi_rx_port(struct axi_rx *s);

/* Sample @scan of channel @chan. BIST and PNX: sign-extended from twelve bits */
int16_t axi_adc_sample(enum axi_adc_pattern pattern, unsigned int chan, uint64_t scan);

void axi_tx_init(struct axi_tx *s);
void axi_tx_reset(struct axi_tx *s, uint64_t now);
void axi_tx_set_period(struct axi_tx *s, uint64_t num, uint64_t den, uint64_t now);
void axi_tx_set_phase(struct axi_tx *s, uint64_t phase);
void axi_tx_set_channels(struct axi_tx *s, unsigned int mask, uint64_t now);
/* Frame 0 is at the next edge. */
void axi_tx_start(struct axi_tx *s, uint64_t now);
void axi_tx_stop(struct axi_tx *s, uint64_t now);
/* Stands still, or goes on: nothing is repeated. */
void axi_tx_hold(struct axi_tx *s, bool on, uint64_t now);
/* Puts out what is due by @now. */
void axi_tx_advance(struct axi_tx *s, uint64_t now);
/* The DMA controller was: gaps count if words come before and after it within this time. */
void axi_tx_enable(struct axi_tx *s, bool on);
void axi_tx_clear_stats(struct axi_tx *s);
bool axi_tx_underflowed(struct axi_tx *s, uint64_t now);
void axi_tx_clear_underflow(struct axi_tx *s, uint64_t now);
struct axi_dmac_port axi_tx_port(struct axi_tx *s);

#endif
