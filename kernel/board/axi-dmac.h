/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model of the ADI AXI-DMAC, free of any emulator
 *
 * Registers go in, memory accesses and one interrupt level come out, and time
 * is a number of nanoseconds that the caller hands in. The model never sleeps,
 * never allocates and keeps no global state.
 *
 * A transfer is one event: axi_dmac_next_event() says when something visible
 * happens next, axi_dmac_advance() lets time pass. Events are dated by the
 * model, not by the call, so a caller that comes late (a busy host) sees the
 * same transfers at the same times, only later.
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
    uint8_t queue;              /* accepted and unfinished requests, 1 to 3 */
    uint16_t burst;             /* bytes, a power of two */
    bool cyclic;
    bool two_d;
    bool sg;                    /* needs version 4.5.a */
    bool coherent;              /* needs version 4.4.a */
    uint64_t bus_rate;          /* bytes/s of the memory port, 0 = no limit */
};

/*
 * The converter side. A source hands out bytes as time makes them, a sink takes
 * bytes as time consumes them. begin() and end() bracket the time in which the
 * DMA is ready to move data; outside of it only the FIFO of the other side is.
 * All calls arrive in order of time.
 */
struct axi_dmac_stream {
    void *opaque;
    void (*enable)(void *opaque, bool on, uint64_t now);
    void (*begin)(void *opaque, uint64_t now);
    void (*end)(void *opaque, uint64_t now);
    /* First time at which @bytes more can have been moved, or AXI_DMAC_NEVER */
    uint64_t (*when)(void *opaque, uint64_t bytes);
    /* Bytes that can have been moved by @now */
    uint64_t (*avail)(void *opaque, uint64_t now);
    void (*move)(void *opaque, void *buf, size_t len);
};

struct axi_dmac_ops {
    /* Both return false on a bus error */
    bool (*mem_read)(void *opaque, uint64_t addr, void *buf, size_t len);
    bool (*mem_write)(void *opaque, uint64_t addr, const void *buf, size_t len);
    void (*irq)(void *opaque, bool level);
};

/* Misbehaviour on request. Each is taken by one transfer and then forgotten. */
struct axi_dmac_faults {
    bool hang;                  /* the transfer never ends; CTRL = 0 gets out */
    bool bus_error;             /* its memory accesses fail */
    bool early_end;             /* TLAST after @early_bytes, 0 = half of it */
    uint32_t early_bytes;
    bool late_irq;              /* its end-of-transfer interrupt comes late */
    uint64_t late_ns;
};

struct axi_dmac_request {
    uint64_t dst, src, sg;
    uint32_t x_len, y_len;      /* minus one, as in the registers */
    uint32_t dst_stride, src_stride;
    uint32_t desc_flags, desc_id;
    bool last;
    bool hwdesc;
};

#define AXI_DMAC_PARTIALS   5   /* four in the FIFO, one at its door */

struct axi_dmac {
    struct axi_dmac_config cfg;
    const struct axi_dmac_ops *ops;
    void *opaque;
    struct axi_dmac_stream stream;
    bool has_stream;
    struct axi_dmac_faults faults;

    uint32_t regs[AXI_DMAC_MAP_SIZE / 4];
    uint32_t wmask[AXI_DMAC_MAP_SIZE / 4];

    uint32_t irq_source;
    bool irq_level;
    bool irq_spurious;
    uint64_t irq_held_until;

    bool req_valid;
    unsigned int id, id_eot;    /* two bits each */
    uint32_t done;

    struct axi_dmac_request queue[3];
    unsigned int queued;        /* queue[0] is the active one */

    /* The active request */
    bool running;               /* data may flow: neither idle, paused, hung nor stalled */
    bool hung;
    bool bus_error;
    bool drop_until_last;
    uint64_t start;             /* since when the memory port works on it */
    uint64_t done_since_start;
    uint64_t goal;              /* bytes from start to the next visible end */
    uint64_t seg_done;          /* bytes of the current segment already moved */
    uint64_t early;             /* end of transfer forced after this many bytes, 0 = no */
    uint64_t measured;
    uint64_t last_time;

    struct {
        uint32_t len;
        uint8_t id;
    } partial[AXI_DMAC_PARTIALS];
    unsigned int partials;

    /* For tests and for the curious */
    uint64_t total_bytes;
    uint64_t total_transfers;
    uint64_t bus_errors;
};

/* Returns NULL, or a sentence about what is wrong with the configuration. */
const char *axi_dmac_init(struct axi_dmac *s, const struct axi_dmac_config *cfg,
                          const struct axi_dmac_ops *ops, void *opaque);
void axi_dmac_connect(struct axi_dmac *s, const struct axi_dmac_stream *stream);
void axi_dmac_reset(struct axi_dmac *s, uint64_t now);

uint32_t axi_dmac_read(struct axi_dmac *s, uint32_t offset, uint64_t now);
void axi_dmac_write(struct axi_dmac *s, uint32_t offset, uint32_t value, uint64_t now);

/* Time of the next visible event; also to be asked again after the stream changed its rate. */
uint64_t axi_dmac_next_event(struct axi_dmac *s);
void axi_dmac_advance(struct axi_dmac *s, uint64_t now);

/* Applies the faults to the active request if there is one, else to the next. */
void axi_dmac_inject(struct axi_dmac *s, const struct axi_dmac_faults *faults, uint64_t now);
/* Takes back what no transfer has taken yet. */
void axi_dmac_disarm(struct axi_dmac *s);
/* Raises the line with nothing pending; it falls when the driver looks at IRQ_PENDING. */
void axi_dmac_spurious_irq(struct axi_dmac *s, uint64_t now);

/* Returns NULL, or which invariant does not hold. For tests. */
const char *axi_dmac_check(const struct axi_dmac *s);

#endif
