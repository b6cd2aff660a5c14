/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model of the ADI AXI-DMAC, free of any emulator
 *
 * Registers go in, memory accesses and one interrupt level come out, and time
 * is a number of nanoseconds that the caller hands in. The model never sleeps,
 * never allocates and keeps no global state.
 *
 * What happens between two register accesses happens burst by burst, at the times
 * at which the bursts of the core happen, but only when somebody looks:
 * axi_dmac_next_event() says when something that the guest can see comes next, and
 * axi_dmac_advance() lets time pass. A caller that comes late (a busy host) sees the
 * same bursts at the same times, only later.
 */
#ifndef AXI_DMAC_H
#define AXI_DMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AXI_DMAC_NEVER              UINT64_MAX

#define AXI_DMAC_VERSION(major, minor, letter) \
    (((uint32_t)(major) << 16) | ((uint32_t)(minor) << 8) | (uint32_t)(letter))

/* Byte offsets. The core decodes 11 address bits: the map repeats every 2 KiB. */
#define AXI_DMAC_MAP_SIZE           0x800
#define AXI_DMAC_VERSION_REG        0x000
#define AXI_DMAC_ID                 0x004
#define AXI_DMAC_SCRATCH            0x008
#define AXI_DMAC_IDENT              0x00c
#define AXI_DMAC_INTERFACE_DESC     0x010
#define AXI_DMAC_COHERENCY_DESC     0x014
#define AXI_DMAC_IRQ_MASK           0x080
#define AXI_DMAC_IRQ_PENDING        0x084
#define AXI_DMAC_IRQ_SOURCE         0x088
#define   AXI_DMAC_IRQ_SOT            (1u << 0)
#define   AXI_DMAC_IRQ_EOT            (1u << 1)
#define AXI_DMAC_CTRL               0x400
#define   AXI_DMAC_CTRL_ENABLE        (1u << 0)
#define   AXI_DMAC_CTRL_PAUSE         (1u << 1)
#define   AXI_DMAC_CTRL_HWDESC        (1u << 2)
#define AXI_DMAC_TRANSFER_ID        0x404
#define AXI_DMAC_START_TRANSFER     0x408
#define AXI_DMAC_FLAGS              0x40c
#define   AXI_DMAC_FLAG_CYCLIC        (1u << 0)
#define   AXI_DMAC_FLAG_LAST          (1u << 1)
#define   AXI_DMAC_FLAG_PARTIAL       (1u << 2)
#define AXI_DMAC_DEST_ADDRESS       0x410
#define AXI_DMAC_SRC_ADDRESS        0x414
#define AXI_DMAC_X_LENGTH           0x418
#define AXI_DMAC_Y_LENGTH           0x41c
#define AXI_DMAC_DEST_STRIDE        0x420
#define AXI_DMAC_SRC_STRIDE         0x424
#define AXI_DMAC_TRANSFER_DONE      0x428
#define   AXI_DMAC_DONE_PARTIAL       (1u << 31)
#define AXI_DMAC_ACTIVE_ID          0x42c
#define AXI_DMAC_STATUS             0x430
#define AXI_DMAC_CURRENT_DEST       0x434
#define AXI_DMAC_CURRENT_SRC        0x438
#define AXI_DMAC_DBG_STATUS         0x43c
#define   AXI_DMAC_DBG_STATE          0x7
#define   AXI_DMAC_DBG_AT_REST        1
#define AXI_DMAC_DBG_IDS0           0x440
#define AXI_DMAC_DBG_IDS1           0x444
#define AXI_DMAC_PROGRESS           0x448
#define AXI_DMAC_PARTIAL_LEN        0x44c
#define AXI_DMAC_PARTIAL_ID         0x450
#define AXI_DMAC_DESCRIPTOR_ID      0x454
#define AXI_DMAC_SG_ADDRESS         0x47c
#define AXI_DMAC_DEST_ADDRESS_HIGH  0x490
#define AXI_DMAC_SRC_ADDRESS_HIGH   0x494
#define AXI_DMAC_CURRENT_DEST_HIGH  0x498
#define AXI_DMAC_CURRENT_SRC_HIGH   0x49c
#define AXI_DMAC_SG_ADDRESS_HIGH    0x4bc

#define AXI_DMAC_IDENT_MAGIC        0x444d4143u

/* Hardware descriptor of the scatter-gather engine, little endian, 48 of 64 bytes read */
#define AXI_DMAC_HWDESC_SIZE        48
#define AXI_DMAC_HWDESC_LAST        (1u << 0)
#define AXI_DMAC_HWDESC_IRQ         (1u << 1)

enum axi_dmac_bus {
    AXI_DMAC_BUS_MEMORY = 0,
    AXI_DMAC_BUS_STREAM = 1,
    AXI_DMAC_BUS_FIFO   = 2,
};

/* The memory ports, and the clock that they share with the registers */
struct axi_dmac_memory {
    uint16_t clock_ns;
    uint16_t write_latency;     /* clocks from the last beat to the response */
    uint16_t write_every;       /* clocks a beat */
    uint16_t read_latency;      /* clocks from the address to the first beat */
    uint16_t read_every;
    uint16_t sg_latency;        /* of a descriptor */
};

/* What was chosen when the core was put into the FPGA */
struct axi_dmac_config {
    uint32_t version;
    uint32_t id;
    uint8_t src_type;           /* enum axi_dmac_bus */
    uint8_t dst_type;
    uint8_t src_width;          /* bytes, a power of two from 2 to 128 */
    uint8_t dst_width;
    uint8_t length_width;       /* bits, 8 to 32 */
    uint8_t addr_width;         /* bits, 32 to 64 */
    uint8_t fifo_bursts;        /* 2 to 32, a power of two */
    uint16_t burst;             /* bytes, a power of two up to 4096 */
    bool cyclic;
    bool two_d;
    bool sg;                    /* needs version 4.5.a */
    bool coherent;              /* needs version 4.4.a */
    bool sync;                  /* SYNC_TRANSFER_START: requests wait for a scan to begin */
    bool no_debug;              /* DISABLE_DEBUG_REGISTERS */
    struct axi_dmac_memory mem;
};

/*
 * The converter side: a port that moves one beat at a time, in numbered slots. A FIFO source has a
 * slot for every word that the converter makes, a stream sink one for every word that it asks for;
 * both pass whether or not the DMA controller is ready. A stream source (@waits) has a slot for every
 * word that was taken, the word waits.
 *
 * These functions look, they change nothing: the controller asks about times to come, and may ask again.
 * It tells the port what has come to pass by move() and missed(), each in the order of slots. What a
 * source gave is moved when it is written to memory, which can be after later slots were missed.
 * What they answer must change only by the port's own doing (rate, channels, hold), after which
 * axi_dmac_port_changed() has to be called with the time of the change; slots and beats before that time
 * must have been accounted for then (axi_dmac_advance() first), slot numbers go on counting.
 */
struct axi_dmac_port {
    void *opaque;
    bool waits;
    /* Time of the @n-th edge (from 1) of this side's clock after @t: to go from one clock to another takes edges */
    uint64_t (*edge)(void *opaque, uint64_t t, unsigned int n);
    /*
     * The first slot from @from on that comes at @t or later (@waits: slot @from, at @t or when it is there);
     * with @sync, the first of these that begins a scan. Returns its time, or AXI_DMAC_NEVER.
     */
    uint64_t (*first)(void *opaque, uint64_t from, uint64_t t, bool sync, uint64_t *slot);
    /* Time of the slot that is @n slots after @slot, which is at @t */
    uint64_t (*later)(void *opaque, uint64_t slot, uint64_t t, uint64_t n);
    /* Stream source only: number of slots from @slot up to the one with TLAST, of @n; UINT64_MAX if there is none. May be NULL. */
    uint64_t (*tlast)(void *opaque, uint64_t slot, uint64_t n);
    /* Beats that moved, from @slot on. A source fills @buf, a sink takes it. @last: TLAST with the last of them */
    void (*move)(void *opaque, uint64_t slot, void *buf, size_t bytes, bool last);
    /* Slots in which nothing was moved: lost words, or words that were missing. @flagged: the core's overflow or underflow said so */
    void (*missed)(void *opaque, uint64_t from, uint64_t to, bool flagged);
};

/* What the core does, for whoever wants to watch; the names are those of the recordings in traces/ */
enum axi_dmac_event {
    AXI_DMAC_EV_SOT,            /* a: ID, b: bytes finished so far */
    AXI_DMAC_EV_EOT,
    AXI_DMAC_EV_ACC,            /* the same of a round of a cyclic request */
    AXI_DMAC_EV_END,
    AXI_DMAC_EV_AW,             /* a: address, b: bytes */
    AXI_DMAC_EV_AR,
    AXI_DMAC_EV_STRB,           /* a: address of a beat that is not whole, b: its bytes */
    AXI_DMAC_EV_WR,             /* a: bytes answered by memory so far */
    AXI_DMAC_EV_SGAR,           /* a: address */
    AXI_DMAC_EV_SGRD,
    AXI_DMAC_EV_XREQ,           /* a: level */
    AXI_DMAC_EV_DATA,           /* a: slot, b: bytes, as they move at the port; @t is that of the first */
    AXI_DMAC_EV_FLAGGED,        /* a, b: slots from a up to b moved, and were flagged as overflow */
    AXI_DMAC_EV_TLAST,          /* a: slot of the beat with TLAST */
};

struct axi_dmac_ops {
    /* Both return false on a bus error */
    bool (*mem_read)(void *opaque, uint64_t addr, void *buf, size_t len);
    bool (*mem_write)(void *opaque, uint64_t addr, const void *buf, size_t len);
    void (*irq)(void *opaque, bool level);
    void (*event)(void *opaque, enum axi_dmac_event what, uint64_t t, uint64_t a, uint64_t b); /* may be NULL */
};

/* Misbehaviour on request. Each is taken by one transfer and then forgotten. */
struct axi_dmac_faults {
    bool hang;                  /* the transfer never ends; CTRL = 0 gets out */
    bool bus_error;             /* its memory accesses fail */
    bool early_end;             /* TLAST after @early_bytes, 0 = half of it */
    uint32_t early_bytes;
    bool late_irq;              /* its end-of-transfer interrupt comes late; of the next that raises the line */
    uint64_t late_ns;
};

/* What a driver must never make the hardware do. All zero, or the driver is at fault. */
struct axi_dmac_offences {
    uint64_t crossings;         /* bursts across a 4 KiB boundary, which AXI forbids */
    uint64_t late_writes;       /* bytes written after CTRL = 0, and nobody waited for the core to rest */
    uint64_t late_fetches;      /* descriptors and bursts read after CTRL = 0, likewise */
    uint64_t edits;             /* descriptors that changed while the core had them, but for a ring being opened */
    uint64_t lost_modes;        /* CTRL without HWDESC while a descriptor was being read */
};

#define AXI_DMAC_RING       64  /* bursts between ID and response, at most 2 * 32 - 1 */
#define AXI_DMAC_STORE      65536   /* bytes of the burst memory, for data from memory */
#define AXI_DMAC_REPORTS    4
#define AXI_DMAC_SG_IDS     4   /* descriptors whose end the engine has not seen */
#define AXI_DMAC_SG_READS   4

struct axi_dmac_burst {
    uint64_t id_at;             /* its ID was issued */
    uint64_t stored_at;         /* the source has put all of it into the burst memory */
    uint64_t out_from, out_end; /* on the way out of it; before that, @out_from is when its address is due */
    uint64_t done_at;           /* answered */
    uint64_t addr, slot;
    uint32_t bytes;
    bool eot, partial, bus_error;
};

/* What the arbiter takes: a plain request, a row of it, or a hardware descriptor */
struct axi_dmac_segment {
    uint64_t dst, src;
    uint64_t bytes;
    bool last;                  /* FLAGS.LAST, of the last row */
    bool sync;
};

struct axi_dmac_descriptor {
    struct axi_dmac_segment seg;
    uint64_t addr, next;
    uint32_t y_len, dst_stride, src_stride;
    uint32_t flags, id;
    uint64_t sum;               /* of its bytes, to see whether it is still the same in the end */
    uint64_t opened;            /* the same with LAST and IRQ set */
};

/*
 * The part that moves data, axi-dmac-engine.c. Small enough to be copied: a copy runs
 * ahead to find out when something visible happens.
 */
struct axi_dmac_engine {
    uint64_t now;
    bool dry;                   /* a copy: looks ahead, moves nothing */
    uint64_t visible_at;        /* and has come upon something that the guest can see, or NEVER */
    bool stalled;               /* memory takes and answers nothing */
    uint64_t stall_end;         /* while it is @stalled: when that began */

    /* Reset manager */
    bool ctrl_enable, ctrl_pause, ctrl_hwdesc;
    uint8_t state;
    bool needs_reset, enable;
    uint64_t state_at, enable_at;   /* next step; when @enable became what it is */
    uint64_t port_on_at, port_off_at;   /* when that was last seen on the converter's side */
    uint64_t reset_at, reset_end;   /* the reset pulse reaches the requests, and has left them */
    uint64_t reset_dst_end, reset_src_end;  /* it is released in this order: destination, source, requests */
    bool in_reset;

    /* Requester: the register map, hardware descriptors, rows */
    bool start;                 /* START_TRANSFER */
    uint64_t start_at;
    bool chain_waits;           /* the address of a chain, not yet taken by the engine */
    uint64_t chain, chain_at;
    uint8_t sg_state;
    uint64_t sg_at;
    struct axi_dmac_descriptor desc, slot_desc;
    bool desc_handed, desc_noted;   /* to the arbiter, to the list of ends: when both have it, the next is read */
    bool slot_full;             /* slot_desc waits for the arbiter */
    uint64_t slot_at;
    struct {
        uint32_t id;
        bool irq;
        uint64_t addr, sum, opened;
    } sg_id[AXI_DMAC_SG_IDS];
    unsigned int sg_ids;
    uint32_t sg_last_id;
    struct {
        uint64_t addr, at;      /* its first word can be had then */
        uint64_t word[AXI_DMAC_HWDESC_SIZE / 8];
    } sg_read[AXI_DMAC_SG_READS];   /* addresses out, in order; more than one after a reset in between */
    unsigned int sg_reads;
    uint64_t sg_counts_from;    /* words offered and not taken count as well, since then */
    struct axi_dmac_descriptor rows;    /* 2D: what is left of the current request */
    bool rows_valid;
    uint64_t rows_at;
    uint8_t row_last, row_id, row_eot;  /* 2D: which of the last four segments ended a request */

    /* Generator of burst IDs */
    uint8_t gen_state;
    uint64_t gen_at;            /* ready for the next step */
    uint64_t gen_left;          /* bursts without an ID, of gen_total */
    uint64_t gen_total;
    bool gen_last;              /* FLAGS.LAST of what it works on */
    uint32_t gen_seg;           /* number of the segment it works on */
    uint64_t ids;               /* issued; all counts of bursts are of one sequence */
    uint64_t rewind_at;
    uint32_t rewind_seg;
    uint64_t rewind_id;
    bool rewind_last;
    unsigned int completions;   /* segments dropped and not reported yet */
    uint64_t completion_at;

    /* Source */
    struct axi_dmac_segment src_slot, src;
    bool src_waits, src_active, src_abort, src_needs_sync, src_xlast, src_fresh;
    uint64_t src_slot_at;       /* it can be taken, or the slot is free */
    uint64_t src_left;          /* bytes of the segment not taken yet */
    uint32_t src_seg;           /* number of the segment */
    uint64_t src_free_at;       /* earliest time of the next beat */
    uint64_t src_slot_no;       /* next slot of the port */
    uint64_t src_end;           /* the burst being taken ends, or NEVER */
    uint64_t crossing;          /* at most so long for five edges of the port's clock */
    uint64_t src_first, src_first_at;
    uint64_t src_ready_slot;    /* it would have begun here, but for the start of a scan */
    uint64_t stored;            /* bursts */
    uint64_t ar_ids;            /* memory source: addresses issued */
    uint64_t ar_at, read_end;
    bool early_armed;           /* TLAST on request, after early_left bytes */
    uint64_t early_left;

    /* Destination */
    struct axi_dmac_segment dst_slot, dst;
    bool dst_waits, dst_active;
    uint64_t dst_slot_at, dst_free_at, dst_addr;
    uint64_t aw_ids, aw_at;     /* addresses issued; the next one not before */
    bool aw_held;               /* the next one is shown, and memory stalls */
    uint64_t out_end;           /* of the burst before */
    uint64_t outs;              /* bursts that are out of the burst memory */
    uint64_t sink_slot;         /* next slot of the port */
    uint64_t sink_end;          /* the burst on its way out ends, or NEVER */

    /* Responses */
    uint64_t done;              /* bursts answered */
    uint64_t done_bytes;        /* by memory, or taken by the sink, since the beginning of time */
    struct {
        uint64_t at, bytes;
        bool eot, partial;
    } up[2];                    /* answers on their way to the register map */
    unsigned int ups;
    bool up_blocked;            /* all report slots are taken */
    uint64_t hang_at;           /* this burst is never answered, or NEVER */
    bool xreq;
    bool bus_error;             /* of what the source works on */
    bool faults_taken;          /* by a copy */

    /* When the next step is taken that is not of a burst in the middle of a segment; kept while only such are taken */
    bool rest_known;
    uint8_t rest;
    uint64_t rest_at;

    struct axi_dmac_burst ring[AXI_DMAC_RING];
};

struct axi_dmac {
    struct axi_dmac_config cfg;
    const struct axi_dmac_ops *ops;
    void *opaque;
    struct axi_dmac_port port;
    bool has_port;
    struct axi_dmac_faults faults;

    uint32_t regs[AXI_DMAC_MAP_SIZE / 4];
    uint32_t wmask[AXI_DMAC_MAP_SIZE / 4];
    uint32_t burst;             /* bytes, after the limit of 256 beats */
    uint8_t src_shift, dst_shift;   /* log2 of the widths */

    uint32_t irq_source;
    bool irq_level;
    bool irq_spurious;
    uint64_t irq_at;            /* the line follows then */
    uint64_t irq_held_until;

    unsigned int id, id_eot;    /* two bits each */
    uint32_t done;
    uint64_t measured;          /* PROGRESS */
    uint64_t measured_until;    /* then it begins anew, or NEVER */
    struct {
        uint32_t len;
        uint8_t id;
    } report[AXI_DMAC_REPORTS + 1];
    unsigned int reports;       /* unread; report[0] shows, also after it was read */

    struct axi_dmac_engine e;
    uint64_t planned;           /* nothing is visible before; 0: not known */

    /* Data on its way to memory, written in one go */
    struct {
        uint64_t addr, slot, bytes, next_slot;
    } pending;
    uint64_t landed;            /* bursts that are in memory */
    uint8_t store[AXI_DMAC_STORE];

    bool stop_watched;          /* CTRL = 0, and the driver has not seen it at rest */
    uint64_t stop_writes, stop_fetches;
    struct axi_dmac_offences offences;

    /* For tests and for the curious */
    uint64_t total_bytes;
    uint64_t total_transfers;
    uint64_t bus_errors;
};

/* Returns NULL, or a sentence about what is wrong with the configuration. */
const char *axi_dmac_init(struct axi_dmac *s, const struct axi_dmac_config *cfg,
                          const struct axi_dmac_ops *ops, void *opaque);
void axi_dmac_connect(struct axi_dmac *s, const struct axi_dmac_port *port);
void axi_dmac_reset(struct axi_dmac *s, uint64_t now);

uint32_t axi_dmac_read(struct axi_dmac *s, uint32_t offset, uint64_t now);
void axi_dmac_write(struct axi_dmac *s, uint32_t offset, uint32_t value, uint64_t now);

/* Nothing can be seen before that: the next visible event, or a time to ask again on the way to it */
uint64_t axi_dmac_next_event(struct axi_dmac *s);
void axi_dmac_advance(struct axi_dmac *s, uint64_t now);
/* The port's slots come at other times from now on. */
void axi_dmac_port_changed(struct axi_dmac *s, uint64_t now);
/* Memory takes and answers nothing, or does again. */
void axi_dmac_stall(struct axi_dmac *s, bool on, uint64_t now);

/* Applies the faults to the active request if there is one, else to the next. */
void axi_dmac_inject(struct axi_dmac *s, const struct axi_dmac_faults *faults, uint64_t now);
/* Takes back what no transfer has taken yet. */
void axi_dmac_disarm(struct axi_dmac *s);
/* Raises the line with nothing pending; it falls when the driver looks at IRQ_PENDING. */
void axi_dmac_spurious_irq(struct axi_dmac *s, uint64_t now);
/* Offences up to now */
struct axi_dmac_offences axi_dmac_offences(struct axi_dmac *s, uint64_t now);

/* Returns NULL, or which invariant does not hold. For tests. */
const char *axi_dmac_check(const struct axi_dmac *s);

#endif
